//! Range deletions in any order of their sequence numbers (D1, D2).

use std::ops::Bound;

use arbitrary::{Arbitrary, Result, Unstructured};
use verimem::{
    BytewiseComparator, Comparator, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable,
    ReverseBytewiseComparator,
};
use verimem_model::{
    Answer, By, Entry, Fragment, Hidden, Key, ModelMemTable, Order, Pattern, PrefixMode, Sight,
    View, kind,
};

use crate::real::{Hiding, answer, fragment};

/// The most range deletions of one table: the plain list of them is searched for each key.
const MOST: usize = 80;

/// Ranges and values in a table and in the model; then everything that is told of them.
pub fn check_tombstones(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    if u.arbitrary().unwrap_or(false) {
        check(ReverseBytewiseComparator, Order::ReverseBytewise, &mut u);
    } else {
        check(BytewiseComparator, Order::Bytewise, &mut u);
    }
}

/// One byte mostly, so that ranges nest and overlap.
fn key(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(if u.ratio(7, 8)? {
        vec![u.int_in_range(0..=40u8)?]
    } else {
        Key::arbitrary(u)?.0
    })
}

struct Run<C: Comparator> {
    table: MemTable<C>,
    model: ModelMemTable,
    keys: Vec<Vec<u8>>,
}

fn check<C: Comparator>(comparator: C, order: Order, u: &mut Unstructured<'_>) {
    let built = MemTable::with_comparator(comparator)
        .write_buffer_size(1)
        .bloom_size_ratio(1e-9)
        .build();
    let mut run = Run {
        table: built.unwrap_or_else(|error| panic!("{error}")),
        model: ModelMemTable::new(order),
        keys: vec![Vec::new()],
    };
    for added in 0..MOST {
        if u.is_empty() || run.add(u).is_err() {
            break;
        }
        if added % 16 == 5 && run.compare(u).is_err() {
            break;
        }
    }
    let _ = run.compare(u);
    if u.ratio(1, 2).unwrap_or(true) {
        assert_eq!(run.table.seal(), Ok(()));
    }
    let _ = run.compare(u);
    run.compare_all();
}

impl<C: Comparator> Run<C> {
    /// A range deletion, or now and then a value, with any number of few.
    fn add(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (mut begin, mut end) = (key(u)?, key(u)?);
        if self.model.layout().compare(&begin, &end).is_gt() {
            std::mem::swap(&mut begin, &mut end);
        }
        let sequence = u.int_in_range(0..=200u64)?;
        let kind = if u.ratio(1, 6)? {
            kind::VALUE
        } else {
            kind::RANGE_DELETION
        };
        let entry = Entry {
            user_key: &begin,
            sequence,
            kind,
            value: &end,
        };
        let added = self.table.add(sequence, Kind(kind), &begin, &end);
        assert_eq!(
            added.is_ok(),
            self.model.add(&entry, By::Anyone).is_ok(),
            "{entry:?}"
        );
        self.keys.extend([begin, end]);
        Ok(())
    }

    fn sight(&self, u: &mut Unstructured<'_>) -> Result<Sight> {
        let first = u.int_in_range(0..=200)?;
        let pattern = match u.int_in_range(0..=5u8)? {
            0..=2 => Pattern::Nothing,
            3 => Pattern::Every {
                of: 2,
                rest: first % 2,
            },
            _ => Pattern::Between(first, first + 30),
        };
        Ok(Sight {
            timestamp: u64::MAX,
            snapshot: u.int_in_range(0..=210)?,
            hidden: Hidden {
                pattern,
                min_uncommitted: u.int_in_range(0..=100)?,
            },
        })
    }

    /// Some of what can be asked.
    fn compare(&self, u: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..3 {
            let sight = self.sight(u)?;
            for key in [&key(u)?, u.choose(&self.keys)?] {
                self.compare_key(key, &sight);
            }
            let bounds = [u.choose(&self.keys)?, u.choose(&self.keys)?];
            self.compare_fragments(u.int_in_range(0..=200)?, sight.snapshot, bounds);
        }
        let view = View {
            sight: self.sight(u)?,
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            mode: PrefixMode::TotalOrder,
        };
        self.compare_scan(&view);
        Ok(())
    }

    /// Some keys at a few snapshots, and all fragments.
    fn compare_all(&self) {
        for snapshot in [0, 50, 120, 199, MAX_SEQUENCE_NUMBER] {
            let sight = Sight::at(snapshot);
            for key in self.keys.iter().step_by(1 + self.keys.len() / 24) {
                self.compare_key(key, &sight);
            }
            self.compare_fragments(0, snapshot, [&self.keys[0], &self.keys[0]]);
            self.compare_scan(&View::whole(snapshot));
        }
    }

    fn compare_key(&self, key: &[u8], sight: &Sight) {
        let expected = self.model.get(key, sight);
        let read = || {
            let reader = self.table.reader(sight.snapshot)?;
            reader.with_visibility(Hiding(sight.hidden)).get(key)
        };
        assert_eq!(
            read().map(answer),
            Ok(expected.clone()),
            "{key:?} at {sight:?}"
        );
        if sight.is_plain() {
            let found = self.table.get(key, sight.snapshot).map(answer);
            assert_eq!(found, Ok(expected), "{key:?} at {sight:?}");
        }
    }

    /// Fragments of a stripe: all, those from a key on, and those between two keys.
    fn compare_fragments(&self, first: u64, last: u64, bounds: [&Vec<u8>; 2]) {
        let expected = self
            .model
            .range_deletions(|version| (first..=last).contains(&version.sequence));
        let found = self.table.range_deletions(first..=last);
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        let owned = |one: &Fragment<'_>| (one.0.to_vec(), one.1.to_vec(), one.2);
        let plain = |one: &verimem::Fragment<'_>| owned(&fragment(one));
        let all: Vec<_> = expected.iter().map(owned).collect();
        assert_eq!(
            found.iter().map(plain).collect::<Vec<_>>(),
            all,
            "{first} to {last}"
        );
        let order = self.model.layout();
        let [one, other] = bounds;
        let ends_behind = |fragment: &&Fragment<'_>| order.compare(fragment.1, one).is_gt();
        let rest: Vec<_> = expected.iter().filter(ends_behind).map(owned).collect();
        assert_eq!(found.seek(one).iter().map(plain).collect::<Vec<_>>(), rest);
        let covering = expected.iter().find(|fragment| {
            order.compare(fragment.0, one).is_le() && order.compare(one, fragment.1).is_lt()
        });
        assert_eq!(found.covering(one).as_ref().map(plain), covering.map(owned));
        let cut: Vec<_> = expected
            .iter()
            .map(|&(begin, end, sequence)| {
                let begin = if order.compare(begin, one).is_lt() {
                    one
                } else {
                    begin
                };
                let end = if order.compare(other, end).is_lt() {
                    other
                } else {
                    end
                };
                (begin.to_vec(), end.to_vec(), sequence)
            })
            .filter(|(begin, end, _)| order.compare(begin, end).is_lt())
            .collect();
        let truncated = found.truncated(Some(one), Some(other));
        assert_eq!(truncated.map(|one| plain(&one)).collect::<Vec<_>>(), cut);
    }

    fn compare_scan(&self, view: &View) {
        let keys = self.table.visible(view.sight.snapshot);
        let mut keys = keys.with_visibility(Hiding(view.sight.hidden));
        let expected = self.model.visible(view);
        for forward in [true, false] {
            let start = if forward {
                keys.seek_to_first()
            } else {
                keys.seek_to_last()
            };
            assert_eq!(start, Ok(()));
            let mut found = Vec::new();
            while let Some(key) = keys.key() {
                found.push(key.to_vec());
                assert!(!matches!(
                    keys.lookup(),
                    Ok(Lookup::Deleted { .. } | Lookup::NotFound)
                ));
                assert_eq!(if forward { keys.next() } else { keys.prev() }, Ok(()));
            }
            if !forward {
                found.reverse();
            }
            let expected: Vec<_> = expected.iter().map(|one| one.user_key.to_vec()).collect();
            assert_eq!(found, expected, "{view:?}");
        }
        for entry in &expected {
            let found = self.model.get(entry.user_key, &view.sight);
            assert!(matches!(found, Answer::Found { .. }), "{found:?}");
        }
    }
}
