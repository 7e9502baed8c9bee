//! Range deletions, one by one.

use std::cmp::Ordering;

use crate::answer::{Entry, kind};
use crate::sight::Sight;
use crate::stamp::{Layout, Version};

/// Begin, end and age of a stretch of deleted keys, without timestamps.
pub type Fragment<'a> = (&'a [u8], &'a [u8], Version);

/// Range deletions, in the order in which they came: begin and end as they were given, and
/// the sequence number.
#[derive(Debug, Default)]
pub(crate) struct Ranges(Vec<(Vec<u8>, Vec<u8>, u64)>);

impl Ranges {
    pub(crate) fn add(&mut self, begin: &[u8], end: &[u8], sequence: u64) {
        self.0.push((begin.to_vec(), end.to_vec(), sequence));
    }

    /// Each as the entry that it came as.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.0.iter().map(|(begin, end, sequence)| Entry {
            user_key: begin,
            sequence: *sequence,
            kind: kind::RANGE_DELETION,
            value: end,
        })
    }

    /// Each by itself.
    fn all(&self, layout: Layout) -> impl Iterator<Item = Fragment<'_>> {
        self.0.iter().map(move |(begin, end, sequence)| {
            let version = layout.version(begin, *sequence);
            (layout.bare(begin), layout.bare(end), version)
        })
    }

    /// The newest that hides a key, without a timestamp, from a reader.
    pub(crate) fn covering(&self, layout: Layout, bare: &[u8], sight: &Sight) -> Option<Version> {
        let hides = |range: &Fragment<'_>| sight.sees(range.2) && covers(layout, range, bare);
        let hiding = self.all(layout).filter(hides);
        hiding.map(|range| range.2).max()
    }

    /// What those of certain ages cover: each stretch between two keys at which any of them
    /// begins or ends is looked at by itself.
    pub(crate) fn fragments(
        &self,
        layout: Layout,
        meant: impl Fn(Version) -> bool,
    ) -> Vec<Fragment<'_>> {
        let ranges = self.all(layout).filter(|range| meant(range.2));
        let ranges: Vec<Fragment<'_>> = ranges.collect();
        let mut keys: Vec<&[u8]> = ranges.iter().flat_map(|range| [range.0, range.1]).collect();
        keys.sort_by(|a, b| layout.compare(a, b));
        keys.dedup_by(|a, b| layout.compare(a, b) == Ordering::Equal);
        let mut fragments: Vec<Fragment<'_>> = Vec::new();
        for pair in keys.windows(2) {
            let covering = ranges.iter().filter(|range| covers(layout, range, pair[0]));
            let Some(version) = covering.map(|range| range.2).max() else {
                continue;
            };
            match fragments.last_mut() {
                Some((_, end, before)) if *end == pair[0] && *before == version => *end = pair[1],
                _ => fragments.push((pair[0], pair[1], version)),
            }
        }
        fragments
    }
}

fn covers(layout: Layout, (begin, end, _): &Fragment<'_>, bare: &[u8]) -> bool {
    layout.compare(begin, bare).is_le() && layout.compare(bare, end).is_lt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timestamp: u64, sequence: u64) -> Version {
        Version {
            timestamp,
            sequence,
        }
    }

    #[test]
    fn fragments_by_hand() {
        let mut ranges = Ranges::default();
        for (begin, end, sequence) in [(b"a", b"m", 1), (b"c", b"e", 5), (b"m", b"p", 1)] {
            ranges.add(begin, end, sequence);
        }
        let plain = Layout::default();
        let fragments = |first, last| {
            ranges.fragments(plain, |version| (first..=last).contains(&version.sequence))
        };
        let (one, five) = (at(0, 1), at(0, 5));
        let all: [Fragment<'_>; 3] = [(b"a", b"c", one), (b"c", b"e", five), (b"e", b"p", one)];
        assert_eq!(fragments(0, 9), all);
        assert_eq!(fragments(2, 5), [(&b"c"[..], &b"e"[..], five)]);
        assert_eq!(fragments(6, 7), []);
        assert_eq!(fragments(0, 4), [(&b"a"[..], &b"p"[..], one)]);
        let covering = |snapshot| ranges.covering(plain, b"d", &Sight::at(snapshot));
        assert_eq!(
            [covering(0), covering(4), covering(5)],
            [None, Some(one), Some(five)]
        );
    }

    #[test]
    fn e9_timestamps_come_before_sequence_numbers() {
        let layout = Layout {
            timestamp_len: 1,
            ..Layout::default()
        };
        let mut ranges = Ranges::default();
        ranges.add(b"a\x09", b"m\x09", 1);
        ranges.add(b"c\x04", b"e\x04", 5);
        let (newer, older) = (at(9, 1), at(4, 5));
        let mut sight = Sight::at(9);
        assert_eq!(ranges.covering(layout, b"d", &sight), Some(newer));
        sight.timestamp = 8;
        assert_eq!(ranges.covering(layout, b"d", &sight), Some(older));
        assert_eq!(ranges.covering(layout, b"b", &sight), None);
        let all = ranges.fragments(layout, |_| true);
        assert_eq!(all, [(&b"a"[..], &b"m"[..], newer)]);
    }
}
