//! What is read.

use verimem::Comparator;
use verimem_model::Sight;

use super::{Run, said};
use crate::answers::{Seen, theirs};
use crate::stamped::{seen, whole};

/// A stored entry: key, number, kind, value.
type Stored = (Vec<u8>, u64, u8, Vec<u8>);

impl<C: Comparator> Run<'_, C> {
    /// What a key is at a snapshot, operands gathered, and folded.
    pub(super) fn get(&mut self, key: &[u8], snapshot: u64) -> Result<(), String> {
        self.totals.count("in_place.get");
        let sight = Sight::at(snapshot);
        let merging = self.config.merging;
        let reader = self.ours.reader(snapshot).map_err(said)?;
        let here = seen(&reader.get(key).map_err(said)?.as_lookup());
        let there = theirs(self.rocks.get(key, &sight, false), false, merging);
        self.compare("get", key, here, there)?;
        let here = seen(&reader.get_merged(key).map_err(said)?.as_lookup());
        let there = theirs(self.rocks.get(key, &sight, true), true, merging);
        self.compare("get_merged", key, here, there)
    }

    pub(super) fn multi_get(&mut self) -> Result<(), String> {
        let snapshot = self.snapshot();
        let keys: Vec<&[u8]> = self.keys.iter().map(Vec::as_slice).collect();
        let answers = self.ours.multi_get(&keys, snapshot).map_err(said)?;
        let replies = self.rocks.multi_get(&keys, &Sight::at(snapshot));
        for ((key, answer), reply) in keys.iter().zip(answers).zip(replies) {
            self.totals.count("in_place.multi_get");
            let here = whole(&answer.map_err(said)?.as_lookup()).unnumbered();
            let there = theirs(reply, true, self.config.merging).unnumbered();
            self.compare("multi_get", key, here, there)?;
        }
        Ok(())
    }

    fn compare(&self, name: &str, key: &[u8], here: Seen, there: Seen) -> Result<(), String> {
        let (here, there) = if self.is_same() {
            (here, there)
        } else {
            (here.unnumbered(), there.unnumbered())
        };
        if here == there {
            return Ok(());
        }
        Err(format!("{name} of {key:?}: {here:?} here, {there:?} there"))
    }

    /// All entries both ways; the newest of each key only where the tables are not the same.
    pub(super) fn scan(&mut self) -> Result<(), String> {
        for forward in [true, false] {
            let (mut here, mut there) = (self.scan_here(forward)?, self.scan_there(forward)?);
            self.totals.counts("in_place.scan", there.len());
            if !self.is_same() {
                for entries in [&mut here, &mut there] {
                    newest_of_each(entries, forward);
                }
            }
            if here != there {
                return Err(format!("a scan: {here:?} here, {there:?} there"));
            }
        }
        Ok(())
    }

    fn scan_here(&self, forward: bool) -> Result<Vec<Stored>, String> {
        let (mut cursor, mut buffer, mut all) = (self.ours.iter(), Vec::new(), Vec::new());
        if forward {
            cursor.seek_to_first();
        } else {
            cursor.seek_to_last();
        }
        while let Some(entry) = cursor.entry(&mut buffer).map_err(said)? {
            let (key, value) = (entry.user_key.to_vec(), entry.value.to_vec());
            all.push((key, entry.sequence, entry.kind.0, value));
            if forward {
                cursor.next();
            } else {
                cursor.prev();
            }
        }
        Ok(all)
    }

    fn scan_there(&self, forward: bool) -> Result<Vec<Stored>, String> {
        let (mut cursor, mut all) = (self.rocks.iter(), Vec::new());
        cursor.seek_to_end(forward);
        while let Some(entry) = cursor.entry()? {
            let (key, value) = (entry.user_key.to_vec(), entry.value.to_vec());
            all.push((key, entry.sequence, entry.kind, value));
            cursor.step(forward);
        }
        Ok(all)
    }

    /// Both tables have counted the same, but for what RocksDB alone has added.
    pub(super) fn check_counters(&mut self) -> Result<(), String> {
        self.totals.count("in_place.counters");
        let (ours, theirs) = (self.ours.stats(), self.rocks.counters());
        let here = (
            ours.entries + self.more,
            ours.deletions,
            ours.range_deletions,
            ours.first_sequence.unwrap_or(0),
        );
        let there = (
            theirs.entries,
            theirs.deletions,
            theirs.range_deletions,
            theirs.first_sequence,
        );
        // RocksDB counts a value as it was when it was added.
        let is_of_size = !self.is_same() || ours.data_size + self.overhead == theirs.data_size;
        if here != there || !is_of_size {
            return Err(format!(
                "counters: {ours:?} and {} of size here, {theirs:?} there",
                self.overhead
            ));
        }
        Ok(())
    }
}

/// Leaves the newest entry of each key, without its number.
fn newest_of_each(entries: &mut Vec<Stored>, forward: bool) {
    if !forward {
        entries.reverse();
    }
    entries.dedup_by(|later, first| later.0 == first.0);
    for entry in entries {
        entry.1 = 0;
    }
}
