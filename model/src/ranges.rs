//! Range deletions, one by one.

use std::cmp::Ordering;

use crate::answer::{Entry, kind};
use crate::order::Order;
use crate::sight::Sight;

/// A range deletion.
#[derive(Debug)]
struct Range {
    begin: Vec<u8>,
    end: Vec<u8>,
    sequence: u64,
}

impl Range {
    fn covers(&self, order: Order, user_key: &[u8]) -> bool {
        order.compare(&self.begin, user_key).is_le() && order.compare(user_key, &self.end).is_lt()
    }
}

/// Range deletions, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Ranges(Vec<Range>);

impl Ranges {
    pub(crate) fn add(&mut self, begin: &[u8], end: &[u8], sequence: u64) {
        self.0.push(Range {
            begin: begin.to_vec(),
            end: end.to_vec(),
            sequence,
        });
    }

    /// Each as the entry that it came as.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.0.iter().map(|range| Entry {
            user_key: &range.begin,
            sequence: range.sequence,
            kind: kind::RANGE_DELETION,
            value: &range.end,
        })
    }

    /// The newest that hides a key from a reader.
    pub(crate) fn covering(&self, order: Order, user_key: &[u8], sight: &Sight) -> Option<u64> {
        let hides = |range: &&Range| sight.sees(range.sequence) && range.covers(order, user_key);
        self.0
            .iter()
            .filter(hides)
            .map(|range| range.sequence)
            .max()
    }

    /// What those with numbers from `first` to `last` cover: each stretch between two keys
    /// at which any of them begins or ends is looked at by itself.
    pub(crate) fn fragments(
        &self,
        order: Order,
        first: u64,
        last: u64,
    ) -> Vec<(&[u8], &[u8], u64)> {
        let meant = |range: &&Range| (first..=last).contains(&range.sequence);
        let ranges: Vec<&Range> = self.0.iter().filter(meant).collect();
        let mut keys: Vec<&[u8]> = ranges
            .iter()
            .flat_map(|range| [&*range.begin, &*range.end])
            .collect();
        keys.sort_by(|a, b| order.compare(a, b));
        keys.dedup_by(|a, b| order.compare(a, b) == Ordering::Equal);
        let mut fragments: Vec<(&[u8], &[u8], u64)> = Vec::new();
        for pair in keys.windows(2) {
            let covering = ranges.iter().filter(|range| range.covers(order, pair[0]));
            let Some(sequence) = covering.map(|range| range.sequence).max() else {
                continue;
            };
            match fragments.last_mut() {
                Some((_, end, before)) if *end == pair[0] && *before == sequence => *end = pair[1],
                _ => fragments.push((pair[0], pair[1], sequence)),
            }
        }
        fragments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_by_hand() {
        let mut ranges = Ranges::default();
        for (begin, end, sequence) in [(b"a", b"m", 1), (b"c", b"e", 5), (b"m", b"p", 1)] {
            ranges.add(begin, end, sequence);
        }
        let fragments = |first, last| ranges.fragments(Order::Bytewise, first, last);
        let all: [(&[u8], &[u8], u64); 3] = [(b"a", b"c", 1), (b"c", b"e", 5), (b"e", b"p", 1)];
        assert_eq!(fragments(0, 9), all);
        assert_eq!(fragments(2, 5), [(&b"c"[..], &b"e"[..], 5)]);
        assert_eq!(fragments(5, 2), []);
        assert_eq!(fragments(0, 4), [(&b"a"[..], &b"p"[..], 1)]);
        let covering = |snapshot| ranges.covering(Order::Bytewise, b"d", &Sight::at(snapshot));
        assert_eq!(
            [covering(0), covering(4), covering(5)],
            [None, Some(1), Some(5)]
        );
    }
}
