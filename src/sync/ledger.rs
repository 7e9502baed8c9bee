//! The ordering ledger: one row for every atomic access of the crate.
//!
//! A row says which ordering an access has, with which other access it pairs,
//! why it is needed, and which model fails when it is weakened. The code names
//! the row (`ord!(SKIPLIST_LINK0_LOAD, Acquire)`), and does not compile when
//! the row is missing or says otherwise. `cargo xtask orderings` weakens every
//! site that is stronger than Relaxed, runs the models, and prints who noticed.
//!
//! ```
//! let row = verimem::ledger::SITES.iter().find(|site| site.name == "SKIPLIST_LINK0_LOAD");
//! assert_eq!(row.map(|site| site.ordering), Some(verimem::ledger::Ordering::Acquire));
//! ```

pub use core::sync::atomic::Ordering;

/// One atomic access.
#[derive(Debug)]
#[non_exhaustive]
pub struct Site {
    /// Its name, as in `ord!`.
    pub name: &'static str,
    /// Its ordering.
    pub ordering: Ordering,
    /// The site or event that it synchronises with.
    pub partner: &'static str,
    /// Why it needs this ordering and no stronger one.
    pub why: &'static str,
    /// The loom models that fail when it is weakened, most likely first.
    pub killed_by: &'static [&'static str],
}

/// A logic error that a checker build can switch on, to show that it is noticed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fault {
    /// Its name, for `VERIMEM_FAULT`.
    pub name: &'static str,
    /// What it does wrong.
    pub what: &'static str,
    /// `loom` or `shuttle`.
    pub checker: &'static str,
    /// The models that notice it, most likely first.
    pub killed_by: &'static [&'static str],
}

macro_rules! sites {
    ($($name:ident: $ordering:ident, with $partner:literal, because $why:literal, killed by [$($model:literal),*];)*) => {
        $(pub(crate) const $name: Site = Site {
            name: stringify!($name),
            ordering: Ordering::$ordering,
            partner: $partner,
            why: $why,
            killed_by: &[$($model),*],
        };)*
        /// Every atomic access of the crate.
        pub const SITES: &[Site] = &[$($name),*];
    };
}

macro_rules! faults {
    ($($name:ident: $checker:literal, $what:literal, killed by [$($model:literal),*];)*) => {
        $(#[cfg_attr(not(any(loom, shuttle)), allow(dead_code))]
        pub(crate) const $name: Fault = Fault {
            name: stringify!($name),
            what: $what,
            checker: $checker,
            killed_by: &[$($model),*],
        };)*
        /// Every logic error that a checker build can switch on.
        pub const FAULTS: &[Fault] = &[$($name),*];
    };
}

sites! {
    UNIQUE_ID: Relaxed, with "none",
        because "a counter: only that each value is returned once matters", killed by [];
    SHARD_INDEX_NEXT: Relaxed, with "none",
        because "a counter: spreads threads over shards, no data depends on it", killed by [];

    ARENA_SHARD_LOAD: Relaxed, with "ARENA_SHARD_TAKE",
        because "a guess that the compare-exchange verifies", killed by [];
    ARENA_SHARD_TAKE: Acquire, with "ARENA_SHARD_REPLACE",
        because "the block behind a chunk was committed by another thread before it put the chunk in place; whoever takes from it must see the block",
        killed by ["arena::taker_sees_the_block", "arena::two_threads_one_shard"];
    ARENA_SHARD_TAKE_FAILED: Relaxed, with "ARENA_SHARD_TAKE",
        because "the value is only the next guess", killed by [];
    ARENA_SHARD_FAULT_STORE: Relaxed, with "none",
        because "part of a planted fault, compiled out of production", killed by [];
    ARENA_SHARD_REPLACE: Release, with "ARENA_SHARD_TAKE",
        because "publishes the block behind the new chunk; what is left of the old one is only counted",
        killed by ["arena::taker_sees_the_block", "arena::two_threads_one_shard"];
    ARENA_SHARD_LOAD_UNTAKE: Relaxed, with "ARENA_SHARD_UNTAKE",
        because "a guess that the compare-exchange verifies", killed by [];
    ARENA_SHARD_UNTAKE: Relaxed, with "ARENA_SHARD_TAKE",
        because "gives back memory that was never touched, and as a read-modify-write continues the release sequence of ARENA_SHARD_REPLACE", killed by [];
    ARENA_SHARD_UNTAKE_FAILED: Relaxed, with "ARENA_SHARD_UNTAKE",
        because "the value is only the next guess", killed by [];
    ARENA_SHARD_LOAD_USAGE: Relaxed, with "none",
        because "a reading of the accounting: exact when nothing is in flight", killed by [];
    ARENA_COUNTER_LOAD: Relaxed, with "none",
        because "a reading of the accounting; coherence alone shows a thread what happened before", killed by [];
    ARENA_COUNTER_ADD: Relaxed, with "none",
        because "a counter under the block lock, read by anyone", killed by [];
    ARENA_CURRENT_LOAD: Relaxed, with "none",
        because "a reading of the accounting", killed by [];
    ARENA_CURRENT_STORE: Relaxed, with "none",
        because "a mirror of a number under the block lock", killed by [];
    ARENA_CURRENT_GROW: Relaxed, with "none",
        because "a mirror of a number under the block lock", killed by [];
    ARENA_WASTED_LOAD: Relaxed, with "none",
        because "a reading of the accounting", killed by [];
    ARENA_WASTED_ADD: Relaxed, with "none",
        because "a counter", killed by [];
    ARENA_RELEASING: Relaxed, with "none",
        because "elects one caller; the budget orders its own data", killed by [];
    ARENA_RELEASING_LOAD: Relaxed, with "none",
        because "a reading of the accounting, by the sealer, after the last writer left", killed by [];

    SKIPLIST_HEIGHT_LOAD: Relaxed, with "SKIPLIST_HEIGHT_RAISE",
        because "a late reading misses empty or redundant levels only: level 0 decides", killed by [];
    SKIPLIST_HEIGHT_RAISE: Relaxed, with "SKIPLIST_HEIGHT_LOAD",
        because "the head's links exist from the start, so an early reading finds them empty", killed by [];
    SKIPLIST_DAMAGE_STORE: Relaxed, with "none",
        because "a note that a search came by wrong lengths: no data depends on it", killed by [];
    SKIPLIST_DAMAGE_LOAD: Relaxed, with "none",
        because "a search that came by wrong lengths reads its own note; others may hear later", killed by [];
    SKIPLIST_LINK0_LOAD: Acquire, with "SKIPLIST_LINK0_CAS, SKIPLIST_LINK0_STORE",
        because "who follows the link reads the record and the links of the node",
        killed by ["skiplist::seen_entry_is_whole", "skiplist::two_writers_one_gap"];
    SKIPLIST_UPPER_LOAD: Acquire, with "SKIPLIST_UPPER_CAS, SKIPLIST_UPPER_STORE",
        because "who follows the link reads the record and the lower links of the node",
        killed by ["skiplist::equal_prefixes_read_the_record", "skiplist::search_through_a_tall_node"];
    SKIPLIST_LINK0_INIT: Relaxed, with "SKIPLIST_LINK0_CAS, SKIPLIST_LINK0_STORE",
        because "nobody can read the link before the node is published, and publishing releases it", killed by [];
    SKIPLIST_UPPER_INIT: Relaxed, with "SKIPLIST_UPPER_CAS, SKIPLIST_UPPER_STORE",
        because "nobody reads a level of a node before it is linked there, and linking releases it", killed by [];
    SKIPLIST_LINK0_CAS: Release, with "SKIPLIST_LINK0_LOAD",
        because "publishes the record and links of the new node; the successor was acquired by the search before, so it is passed on; nothing is read through the old value",
        killed by ["skiplist::seen_entry_is_whole", "skiplist::two_writers_one_gap"];
    SKIPLIST_LINK0_CAS_FAILED: Relaxed, with "none",
        because "the value is dropped: the search goes on with acquire loads", killed by [];
    SKIPLIST_LINK0_STORE: Release, with "SKIPLIST_LINK0_LOAD",
        because "as SKIPLIST_LINK0_CAS, for the only writer",
        killed by ["skiplist::exclusive_writer_and_reader"];
    SKIPLIST_UPPER_CAS: Release, with "SKIPLIST_UPPER_LOAD",
        because "publishes the record and lower links to those who come by this level",
        killed by ["skiplist::equal_prefixes_read_the_record", "skiplist::search_through_a_tall_node"];
    SKIPLIST_UPPER_CAS_FAILED: Relaxed, with "none",
        because "the value is dropped: the search goes on with acquire loads", killed by [];
    SKIPLIST_UPPER_STORE: Release, with "SKIPLIST_UPPER_LOAD",
        because "as SKIPLIST_UPPER_CAS, for the only writer",
        killed by ["skiplist::exclusive_tall_node_and_reader"];

    SKIPLIST_CELL_LOAD: Acquire, with "SKIPLIST_CELL_SWAP",
        because "who is led to a version reads its record",
        killed by ["overwrite::reader_sees_whole_versions"];
    SKIPLIST_CELL_SWAP: AcqRel, with "SKIPLIST_CELL_LOAD, SKIPLIST_CELL_SWAP",
        because "publishes the record of the new version; and the writer reads that of the version which it replaced, to take it out of the counters",
        killed by ["overwrite::reader_sees_whole_versions", "overwrite::two_overwriters"];

    HASH_SLOT_LOAD: Acquire, with "HASH_SLOT_PUSH",
        because "who is led to a bucket reads its successor, its anchor, and the node that this is; and who pushes another passes on those behind it",
        killed by ["hash::seen_bucket_is_whole", "hash::two_writers_of_one_bucket"];
    HASH_SLOT_PUSH: Release, with "HASH_SLOT_LOAD",
        because "publishes the bucket with its anchor, whose levels were linked before; the buckets behind it were acquired by the search before, so they are passed on",
        killed by ["hash::seen_bucket_is_whole", "hash::two_writers_of_one_bucket"];
    HASH_SLOT_PUSH_FAILED: Relaxed, with "none",
        because "the value is dropped: the search for the bucket begins again with an acquire load", killed by [];
    HASH_ANCHOR_INIT: Relaxed, with "HASH_SLOT_PUSH",
        because "nobody else has the bucket before it is pushed, and pushing releases it", killed by [];
    HASH_ANCHOR_LOAD: Acquire, with "HASH_ANCHOR_LOWER",
        because "who is led to a node reads its record, and its links on H levels",
        killed by ["hash::reader_beside_a_lowered_anchor"];
    HASH_ANCHOR_LOWER: Release, with "HASH_ANCHOR_LOAD",
        because "publishes a node that was linked on H levels; nothing is read through the old value",
        killed by ["hash::reader_beside_a_lowered_anchor"];
    HASH_ANCHOR_LOWER_FAILED: Relaxed, with "none",
        because "the value is dropped: the next one is loaded with acquire", killed by [];
    HASH_ANCHOR_FAULT_STORE: Relaxed, with "none",
        because "part of a planted fault, compiled out of production", killed by [];
    HASH_ENTRIES_ADD: Relaxed, with "none",
        because "a counter", killed by [];
    HASH_ENTRIES_LOAD: Relaxed, with "none",
        because "a reading: how tall towers are and where searches begin is a matter of time only", killed by [];

    SKIPLIST_PARKED_LOAD: Relaxed, with "none",
        because "read by the one thread that holds the node: it parked it, or acquired it by VECTOR_TAKE", killed by [];
    SKIPLIST_PARKED_STORE: Relaxed, with "none",
        because "nobody else reads the word before VECTOR_PUSH releases the node, or the lock that guards it", killed by [];

    VECTOR_PENDING_LOAD: Acquire, with "VECTOR_SETTLED",
        because "who finds nothing pending reads the list, which must have what was pending before",
        killed by ["vector::two_settlers"];
    VECTOR_PUSH_GUESS: Relaxed, with "none",
        because "a guess that the compare-exchange verifies; the node that it names is not read", killed by [];
    VECTOR_PUSH: Release, with "VECTOR_TAKE",
        because "publishes the record and the parked word of the node; being a read-modify-write, it continues the release sequences of the pushes before, whose nodes come with it",
        killed by ["vector::append_against_read"];
    VECTOR_PUSH_FAILED: Relaxed, with "none",
        because "the value is only the next guess", killed by [];
    VECTOR_TAKE: Acquire, with "VECTOR_PUSH",
        because "whoever takes the pending nodes reads and links them",
        killed by ["vector::append_against_read"];
    VECTOR_SETTLED: Release, with "VECTOR_PENDING_LOAD",
        because "publishes the links of all that was pending to those who find that nothing is, and take no lock",
        killed by ["vector::two_settlers"];
    VECTOR_SETTLED_FAILED: Relaxed, with "none",
        because "the value is dropped: what was pushed meanwhile stays pending", killed by [];
    VECTOR_FAULT_STORE: Relaxed, with "none",
        because "part of a planted fault, compiled out of production", killed by [];
    VECTOR_DAMAGE_STORE: Relaxed, with "VECTOR_DAMAGE_LOAD",
        because "happens before VECTOR_SETTLED, which readers acquire before they ask", killed by [];
    VECTOR_DAMAGE_LOAD: Relaxed, with "VECTOR_DAMAGE_STORE",
        because "follows VECTOR_PENDING_LOAD, or the lock", killed by [];

    DOOR_LOAD: Relaxed, with "DOOR_ENTER",
        because "a guess that the compare-exchange verifies; a refusal reads nothing else", killed by [];
    DOOR_ENTER: Acquire, with "DOOR_LEAVE",
        because "an exclusive writer uses plain stores and the table's splice: it must see all that earlier writers did",
        killed by ["memtable::exclusive_writers_take_turns"];
    DOOR_ENTER_FAILED: Relaxed, with "none",
        because "the value is only the next guess", killed by [];
    DOOR_LEAVE: Release, with "DOOR_ENTER, DOOR_DRAIN",
        because "hands the entries, the counters and the splice to the next exclusive writer or to the sealer",
        killed by ["memtable::exclusive_writers_take_turns", "memtable::add_against_seal"];
    DOOR_SEAL: Relaxed, with "DOOR_ENTER",
        because "read-modify-writes of one word are ordered among themselves: a writer is either counted before or refused after; DOOR_DRAIN acquires", killed by [];
    DOOR_DRAIN: Acquire, with "DOOR_LEAVE",
        because "the sealer promises that all entries and counters are visible",
        killed by ["memtable::add_against_seal"];
    DOOR_SEALED_STORE: Release, with "DOOR_SEALED_LOAD",
        because "publishes what the sealer took off the counters; a read-modify-write of the door's word, so it also continues the release sequence of every DOOR_LEAVE before it: who acquires the flag acquires all that the writers did",
        killed by ["vector::sealed_counts_are_exact"];
    DOOR_SEALED_LOAD: Acquire, with "DOOR_SEALED_STORE, DOOR_LEAVE",
        because "who sees the table sealed sees all of its entries and counters",
        killed by ["memtable::sealed_is_complete"];

    SEQUENCER_IN_FLIGHT_ADD: Relaxed, with "none",
        because "a count that bounds itself: only that no two of its read-modify-writes are at once matters", killed by [];
    SEQUENCER_IN_FLIGHT_SUB: Relaxed, with "none",
        because "as SEQUENCER_IN_FLIGHT_ADD; what a slot holds is settled by maximum, whatever the order", killed by [];
    LIST_GENERATION_LOAD: Relaxed, with "LIST_GENERATION_STORE",
        because "a change that the reader has learnt of happened before, so that coherence shows it; the version itself is read under the lock", killed by [];
    LIST_GENERATION_STORE: Relaxed, with "none",
        because "stored with the version's lock held, and read to see whether to take it", killed by [];
    SEQUENCER_NEXT_LOAD: Relaxed, with "SEQUENCER_NEXT_TAKE",
        because "a guess that the compare-exchange verifies", killed by [];
    SEQUENCER_NEXT_TAKE: Relaxed, with "none",
        because "hands out numbers, once each; no data comes with them", killed by [];
    SEQUENCER_NEXT_TAKE_FAILED: Relaxed, with "none",
        because "the value is only the next guess", killed by [];
    SEQUENCER_SLOT_DONE: Release, with "SEQUENCER_SLOT_LOAD",
        because "hands what the owner added to whoever publishes it",
        killed by ["sequencer::reader_sees_whole_batches"];
    SEQUENCER_SLOT_LOAD: Acquire, with "SEQUENCER_SLOT_DONE",
        because "who publishes a range passes on what its owner added",
        killed by ["sequencer::reader_sees_whole_batches"];
    SEQUENCER_PUBLISHED_VISIT: AcqRel, with "SEQUENCER_PUBLISHED_VISIT",
        because "two owners that are done at the same time each mark their slot and then look at the other's: the second to come by here sees the mark of the first, so one of them publishes both",
        killed by ["sequencer::nobody_is_forgotten"];
    SEQUENCER_PUBLISH: Release, with "SEQUENCER_PUBLISHED_ACQUIRE",
        because "hands on what the owners of the slots that it passes over added, which it acquired after its visit; being a read-modify-write, it continues the release sequences of those before",
        killed by ["sequencer::reader_sees_whole_batches"];
    SEQUENCER_PUBLISH_FAILED: Relaxed, with "none",
        because "the value is only the next guess: what lies behind it is acquired slot by slot", killed by [];
    SEQUENCER_PUBLISHED_ACQUIRE: Acquire, with "SEQUENCER_PUBLISH",
        because "who sees a number published sees all entries up to it",
        killed by ["sequencer::reader_and_one_writer", "sequencer::reader_sees_whole_batches"];
    SEQUENCER_ABORTED_STORE: Relaxed, with "SEQUENCER_ABORTED_LOAD",
        because "happens before the range is published, and so before every view that includes it; the list itself is behind a lock", killed by [];
    SEQUENCER_ABORTED_LOAD: Relaxed, with "SEQUENCER_ABORTED_STORE",
        because "follows an acquire load of what is published", killed by [];

    TOMBSTONES_HEAD_OWN: Relaxed, with "TOMBSTONES_HEAD_STORE",
        because "read by the adder, who holds the lock that orders it after the one before", killed by [];
    TOMBSTONES_HEAD_STORE: Release, with "TOMBSTONES_HEAD_LOAD",
        because "publishes the cell, and the nodes and keys behind it",
        killed by ["tombstones::seen_deletion_is_whole"];
    TOMBSTONES_HEAD_LOAD: Acquire, with "TOMBSTONES_HEAD_STORE",
        because "who sees the cell reads it, and the nodes and keys behind it",
        killed by ["tombstones::seen_deletion_is_whole"];
    TOMBSTONES_COUNT_ADD: Relaxed, with "none",
        because "a counter", killed by [];
    TOMBSTONES_COUNT_LOAD: Relaxed, with "none",
        because "a reading of a counter", killed by [];
    TOMBSTONES_BYTES_ADD: Relaxed, with "none",
        because "a reading of the accounting is exact when no add is in flight", killed by [];
    TOMBSTONES_BYTES_LOAD: Relaxed, with "none",
        because "as TOMBSTONES_BYTES_ADD", killed by [];

    BLOOM_PEEK: Relaxed, with "none",
        because "saves a write where the bit is set; a late reading costs the write, and who acquires the link of an entry reads no older value than its writer read here", killed by [];
    BLOOM_SET: Relaxed, with "BLOOM_TEST, through SKIPLIST_LINK0_CAS",
        because "the bits are set before the entry is linked with release: who acquires the link finds them by coherence", killed by [];
    BLOOM_FAULT_STORE: Relaxed, with "none",
        because "part of a planted fault, compiled out of production", killed by [];
    BLOOM_TEST: Relaxed, with "BLOOM_SET",
        because "a bit that is missed belongs to an entry whose adding did not happen before", killed by [];

    COUNTER_ADD: Relaxed, with "DOOR_LEAVE",
        because "a sum; exact for whoever is ordered after the writers by the door", killed by [];
    COUNTER_MIN: Relaxed, with "DOOR_LEAVE",
        because "a minimum; exact for whoever is ordered after the writers by the door", killed by [];
    COUNTER_MAX: Relaxed, with "DOOR_LEAVE",
        because "a maximum; exact for whoever is ordered after the writers by the door", killed by [];
    COUNTER_LOAD: Relaxed, with "COUNTER_ADD, COUNTER_MIN, COUNTER_MAX",
        because "a reading; exact when no writer is inside", killed by [];
    COUNTER_FAULT_STORE: Relaxed, with "none",
        because "part of a planted fault, compiled out of production", killed by [];
    IN_PLACE_RESIZED_ADD: Relaxed, with "DOOR_LEAVE",
        because "a sum; exact for whoever is ordered after the writers by the door", killed by [];
    IN_PLACE_RESIZED_LOAD: Relaxed, with "IN_PLACE_RESIZED_ADD",
        because "a reading; exact when no writer is inside", killed by [];
    COUNTER_MAX_FAULT_STORE: Relaxed, with "none",
        because "part of a planted fault, compiled out of production", killed by [];
    READ_COUNTER_ADD: Relaxed, with "none",
        because "a statistic", killed by [];
    READ_COUNTER_LOAD: Relaxed, with "none",
        because "a statistic", killed by [];
}

faults! {
    FAULT_ARENA_LOAD_STORE_BUMP: "loom",
        "a shard's position moves by load and store instead of compare-exchange",
        killed by ["arena::two_threads_one_shard"];
    FAULT_SKIPLIST_LINK_TOP_DOWN: "loom",
        "a node is linked from its top level down",
        killed by ["skiplist::three_writers_one_gap", "batch::tall_batch_and_tall_writer"];
    FAULT_SKIPLIST_STORE_LINK: "loom",
        "concurrent inserts link by store instead of compare-exchange",
        killed by ["skiplist::two_writers_one_gap"];
    FAULT_SKIPLIST_STORE_STALE_SPLICE: "loom",
        "linking stores where the splice says, without a look at whether the link still is what it was",
        killed by ["batch::batch_and_writer_in_one_gap", "batch::exclusive_batch_and_reader"];
    FAULT_SKIPLIST_BATCH_FORGETS_EQUAL: "loom",
        "a batch does not notice that an entry is in the list already",
        killed by ["batch::batches_that_share_an_entry"];
    FAULT_SKIPLIST_NO_DUPLICATE_RETRY: "loom",
        "duplicates are decided before the first attempt only",
        killed by ["skiplist::duplicate_race", "batch::batches_that_share_an_entry"];
    FAULT_SKIPLIST_KEEP_STALE_SUCCESSOR: "loom",
        "after a failed compare-exchange the node keeps its old successor",
        killed by ["skiplist::two_writers_one_gap"];
    FAULT_SKIPLIST_SKIP_LEVEL0_COMPARE: "loom",
        "a search trusts an upper level instead of deciding on level 0",
        killed by ["skiplist::cursor_forward_and_back"];
    FAULT_SKIPLIST_BELIEVE_REMEMBERED: "loom",
        "a step backward believes a remembered node without a look at its link",
        killed by ["trail::remembered_node_gets_a_successor"];
    FAULT_SKIPLIST_VERIFY_RELOADS: "loom",
        "a reader that verifies its way holds a node against the prefix in a link that it reads again",
        killed by ["checked::walk_beside_a_tall_insert"];
    FAULT_SKIPLIST_CELL_READ_FIRST: "loom",
        "an overwrite takes off what it read in the cell before the swap, not what the swap replaced",
        killed by ["overwrite::two_overwriters"];
    FAULT_SKIPLIST_CELL_READ_TWICE: "loom",
        "a reader loads the cell for the value, and once more for the kind",
        killed by ["overwrite::reader_sees_whole_versions"];
    FAULT_HASH_NO_RESCAN: "loom",
        "after a failed compare-exchange a bucket is pushed without a look at those that were pushed meanwhile",
        killed by ["hash::two_writers_of_one_bucket"];
    FAULT_HASH_ANCHOR_STORE: "loom",
        "an anchor is lowered by a store",
        killed by ["hash::two_writers_lower_an_anchor"];
    FAULT_HASH_GIVE_UP: "loom",
        "a writer whose compare-exchange of an anchor failed takes the other's for lower",
        killed by ["hash::two_writers_lower_an_anchor"];
    FAULT_HASH_NO_HELP: "loom",
        "a writer is told of a duplicate before the bucket leads to the entry",
        killed by ["hash::duplicate_of_the_first"];
    FAULT_HASH_PUBLISH_BEFORE_LINK: "loom",
        "a bucket leads to a node that is not linked yet",
        killed by ["hash::found_is_in_the_list"];
    FAULT_VECTOR_NO_BUSY_TAG: "loom",
        "nothing says that a settler is still linking what it took",
        killed by ["vector::two_settlers"];
    FAULT_VECTOR_KEEP_STALE_NEXT: "loom",
        "after a failed compare-exchange a pushed node stays in front of the old head",
        killed by ["vector::two_appenders"];
    FAULT_VECTOR_DROP_RACING_PUSH: "loom",
        "a settler that is done says so by a store, over what was pushed meanwhile",
        killed by ["vector::append_against_read", "vector::two_settlers"];
    FAULT_VECTOR_COUNT_AFTER_SEAL: "loom",
        "duplicates are taken off the counters after the table is said to be sealed",
        killed by ["vector::sealed_counts_are_exact"];
    FAULT_LIST_FILES_AFTER_TABLES: "loom",
        "flushed tables leave the list before the files that have their entries come",
        killed by ["list::reader_beside_a_flush"];
    FAULT_LIST_INSTALL_OUT_OF_ORDER: "loom",
        "what is flushed first is installed first, though older tables are not",
        killed by ["list::two_flushes"];
    FAULT_LIST_NO_RECHECK: "loom",
        "a view does not look whether the list was changed while the published number was read",
        killed by ["list::reader_beside_a_switch"];
    FAULT_LIST_NO_ROLL_BACK: "loom",
        "tables of a flush that failed are not picked again",
        killed by ["list::failing_flush"];
    FAULT_LIST_PICK_TWICE: "loom",
        "a table that is being flushed is picked once more",
        killed by ["list::two_flushes"];
    FAULT_LIST_STALE_HANDLE: "loom",
        "a handle stays with the version that it saw first",
        killed by ["list::reader_learns_of_a_commit"];
    FAULT_LIST_SWITCH_BEFORE_SEAL: "loom",
        "the next table lets writers in while some are inside of the one before",
        killed by ["list::writers_beside_a_switch"];
    FAULT_SEQUENCER_PUBLISH_OWN: "loom",
        "a writer publishes its own range without a look at those before it",
        killed by ["sequencer::reader_sees_whole_batches"];
    FAULT_SEQUENCER_FORGET_ABORT: "loom",
        "the range of a writer that failed is published like any other",
        killed by ["sequencer::view_and_one_failing_writer", "sequencer::failed_writer"];
    FAULT_SEQUENCER_VIEW_LIST_FIRST: "loom",
        "a view reads the list of aborted ranges before the published number",
        killed by ["sequencer::view_and_one_failing_writer", "sequencer::failed_writer"];
    FAULT_SNAPSHOTS_PUBLISHED_FIRST: "loom",
        "a snapshot reads the published number before it locks the list of snapshots",
        killed by ["sequencer::snapshot_beside_a_flush"];
    FAULT_TOMBSTONES_HEAD_BEFORE_LOCK: "loom",
        "an adder reads the list of nodes before it is its turn",
        killed by ["tombstones::two_adders", "tombstones::deletion_beside_a_merge"];
    FAULT_BLOOM_LOAD_STORE: "loom",
        "bits are set by load and store",
        killed by ["bloom::bits_of_two_writers"];
    FAULT_MEMTABLE_FILTER_HIDES_DELETION: "loom",
        "where the filter denies a key, range deletions are not asked",
        killed by ["memtable::filter_and_range_deletion"];
    FAULT_MEMTABLE_FILTER_AFTER_LINK: "loom",
        "a key is put into the filter after its entry is linked",
        killed by ["memtable::filter_against_publication"];
    FAULT_MEMTABLE_NO_DRAIN: "loom",
        "seal returns without waiting for the writers inside",
        killed by ["memtable::add_against_seal"];
    FAULT_MEMTABLE_IGNORE_SEAL: "loom",
        "writers may enter after the seal",
        killed by ["memtable::add_against_seal"];
    FAULT_MEMTABLE_LOST_COUNTERS: "loom",
        "a writer's counts are folded by load and store",
        killed by ["memtable::counters_of_two_writers"];
    FAULT_IN_PLACE_READ_UNLOCKED: "loom",
        "a reader copies a value out without the lock of its slot",
        killed by ["in_place::update_against_get"];
    FAULT_IN_PLACE_WRITE_UNLOCKED: "loom",
        "an update writes a value without the lock of its slot",
        killed by ["in_place::update_against_get"];
    FAULT_IN_PLACE_UPDATES_TOGETHER: "loom",
        "updates of a key do not take turns",
        killed by ["in_place::two_callbacks", "in_place::callbacks_of_a_new_key"];
    FAULT_IN_PLACE_LATE_UPDATE: "loom",
        "an update takes the place of a value that is newer by its number",
        killed by ["in_place::two_updates"];
    FAULT_MEMTABLE_LOST_MAXIMUM: "loom",
        "a maximum of two writers is raised by load and store",
        killed by ["timestamps::newest_of_two_writers"];
}
