//! The operations that read.

use verimem_model::{
    Answer, Base, Entry, Fragment as Range, KeyChoice, Keys, MAX_SEQUENCE, Merging, Sight, Version,
    kind,
};

use crate::answers::{Seen, folded, gathered, merged, theirs};
use crate::explained::Why;
use crate::rocks::{Code, Fragment};
use crate::run::Run;
use crate::stored::within;

impl Run<'_> {
    /// A get whose operands are gathered.
    pub(crate) fn get(&mut self, key: &[u8], sight: &Sight) -> Result<(), String> {
        self.totals.count("get");
        let ours = self.ours;
        let answer = ours.get(key, sight).map_err(|error| error.to_string())?;
        let reply = self.rocks.get(key, sight, false);
        let covering = reply.covering;
        let there = theirs(reply, false, self.config.merging);
        self.settle(
            "get",
            key,
            sight,
            &gathered(&answer),
            &there,
            covering,
            &answer,
        )
    }

    /// A get whose operands are folded.
    pub(crate) fn get_merged(&mut self, key: &[u8], sight: &Sight) -> Result<(), String> {
        self.totals.count("get_merged");
        let (ours, merging) = (self.ours, self.config.merging);
        let here = merged(&ours.get_merged(key, sight), merging);
        let answer = ours.get(key, sight).map_err(|error| error.to_string())?;
        let reply = self.rocks.get(key, sight, true);
        let covering = reply.covering;
        let there = theirs(reply, true, merging);
        self.settle("get_merged", key, sight, &here, &there, covering, &answer)
    }

    pub(crate) fn multi_get(&mut self, keys: &Keys) -> Result<(), String> {
        let sight = self.sight(&keys.sight);
        let mut sought: Vec<_> = keys.chosen.iter().map(|key| self.key(key)).collect();
        for index in 0..u16::from(keys.more) {
            let which = keys.from.wrapping_add(keys.stride.wrapping_mul(index));
            sought.push(self.key(&KeyChoice::Added(which)));
        }
        let sought: Vec<&[u8]> = sought.iter().map(Vec::as_slice).collect();
        let (ours, merging) = (self.ours, self.config.merging);
        let answers = ours
            .multi_get(&sought, &sight)
            .map_err(|error| error.to_string())?;
        let replies = self.rocks.multi_get(&sought, &sight);
        for ((key, answer), reply) in sought.iter().zip(answers).zip(replies) {
            self.totals.count("multi_get");
            let answer = answer.map_err(|error| error.to_string())?;
            let covering = reply.covering;
            let there = theirs(reply, true, merging).unnumbered();
            let here = folded(&answer, merging).unnumbered();
            self.settle("multi_get", key, &sight, &here, &there, covering, &answer)?;
        }
        Ok(())
    }

    /// The newest entry of a key at a snapshot: RocksDB's iterator finds it.
    pub(crate) fn get_entry(&mut self, key: &[u8], snapshot: u64) -> Result<(), String> {
        self.totals.count("get_entry");
        let ours = self.ours;
        let here = ours
            .get_entry(key, snapshot)
            .map_err(|error| error.to_string())?;
        let mut iter = self.rocks.iter();
        iter.seek(key, snapshot);
        let there: Option<Entry<'_>> = iter.entry()?.filter(|entry| entry.user_key == key);
        if here != there {
            return Err(format!("get_entry: {here:?} here, {there:?} there"));
        }
        let there = there.is_some_and(|entry| entry.sequence == snapshot);
        if ours.contains(key, snapshot) != there {
            return Err(format!("contains: {} here, {there} there", !there));
        }
        Ok(())
    }

    /// What range deletions with numbers from one to another delete. RocksDB's fragments end
    /// wherever one begins or ends; ours are as long as they can be.
    pub(crate) fn range_deletions(&mut self, first: u64, last: u64) -> Result<(), String> {
        self.totals.count("range_deletions");
        let mut there: Vec<Fragment> = Vec::new();
        for (begin, end, sequence) in self.rocks.fragments(last) {
            if sequence < first {
                continue;
            }
            match there.last_mut() {
                Some(before) if before.1 == begin && before.2 == sequence => before.1 = end,
                _ => there.push((begin, end, sequence)),
            }
        }
        let ours = self.ours;
        let here = ours
            .range_deletions((first, last), None)
            .map_err(|error| error.to_string())?;
        let here: Vec<Fragment> = here
            .iter()
            .map(|(begin, end, version)| (begin.to_vec(), end.to_vec(), version.sequence))
            .collect();
        if here != there {
            return Err(format!(
                "range deletions {first} to {last}: {here:?} here, {there:?} there"
            ));
        }
        Ok(())
    }

    /// Both say the same, or the difference is explained.
    #[expect(
        clippy::too_many_arguments,
        reason = "all that an explanation looks at"
    )]
    fn settle(
        &mut self,
        name: &str,
        key: &[u8],
        sight: &Sight,
        here: &Seen,
        there: &Seen,
        covering: u64,
        answer: &Answer<'_>,
    ) -> Result<(), String> {
        if here == there {
            return Ok(());
        }
        match self.why(key, sight, (here, there), covering, answer) {
            Some(why) => self.totals.explain(why),
            None => {
                return Err(format!(
                    "{name} of \"{}\" at {sight:?}:\n  here:  {here:?}\n  there: {there:?}\n  the \
                     answer here: {answer:?}",
                    key.escape_ascii()
                ));
            }
        }
        Ok(())
    }

    /// Why RocksDB says something else.
    fn why(
        &self,
        key: &[u8],
        sight: &Sight,
        (here, there): (&Seen, &Seen),
        covering: u64,
        answer: &Answer<'_>,
    ) -> Option<Why> {
        let is_largest = matches!(
            answer,
            Answer::Merge {
                sequence: MAX_SEQUENCE,
                ..
            }
        );
        if is_largest && here.clone().unnumbered() == there.clone().unnumbered() {
            return Some(Why::LargestSequence);
        }
        let base = match answer {
            Answer::Found { kind, value, .. }
            | Answer::Merge {
                base: Base::Value { kind, value, .. },
                ..
            } => Some((*kind, *value)),
            _ => None,
        };
        let operands = match answer {
            Answer::Merge { operands, .. } => Some(operands),
            _ => None,
        };
        let base_kind = base.map(|base| base.0);
        let is_range_zero = match answer {
            Answer::Deleted { kind, sequence: 0 } => {
                *kind == kind::RANGE_DELETION && *there == Seen::Nothing
            }
            Answer::Merge {
                base: Base::Deleted { sequence: 0 },
                ..
            } => covering == 0 && matches!(there, Seen::Operands { .. }),
            _ => false,
        };
        match there {
            _ if is_range_zero => Some(Why::RangeDeletionZero),
            Seen::Nothing if self.reads_as_empty() => Some(Why::SequenceZero),
            Seen::Refused(Code::Corruption) if self.odd.contains(key) => Some(Why::UnknownKind),
            _ if self.is_hidden(key, sight, covering) => Some(Why::HiddenRangeDeletion),
            Seen::Refused(Code::InvalidArgument)
                if operands.is_some() && self.config.merging == Merging::Nothing =>
            {
                Some(Why::NoOperator)
            }
            Seen::Refused(Code::NotSupported) if base_kind == Some(kind::BLOB_INDEX) => {
                Some(Why::BlobIndex)
            }
            Seen::Value { parts, .. } if base_kind == Some(kind::WIDE_COLUMN_ENTITY) => {
                let (kind, value) = base?;
                let oldest_first: Vec<&[u8]> = operands?.iter().rev().copied().collect();
                let folded = self
                    .config
                    .merging
                    .folded(within(kind, value), &oldest_first)?;
                (*parts == [folded]).then_some(Why::Entity)
            }
            Seen::Refused(Code::MergeFailed) if base_kind == Some(kind::WIDE_COLUMN_ENTITY) => {
                operands.map(|_| Why::Entity)
            }
            _ => None,
        }
    }

    /// True when the newest range deletion over a key is this one, and hidden from a reader.
    fn is_hidden(&self, key: &[u8], sight: &Sight, covering: u64) -> bool {
        let order = self.config.compare.order();
        let over = |(begin, end, _): &Range<'_>| {
            order.compare(begin, key).is_le() && order.compare(key, end).is_lt()
        };
        let deleted = self.ours.range_deletions((0, sight.snapshot), None);
        let newest = deleted.ok().and_then(|all| all.into_iter().find(over));
        let covering = Version {
            timestamp: 0,
            sequence: covering,
        };
        covering.sequence > 0
            && !sight.sees(covering)
            && newest.is_some_and(|(_, _, version)| version == covering)
    }
}
