//! The planted logic errors: what each does wrong, and which models notice it.

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
    FAULT_WRITE_BUFFER_WAKE_FIRST: "loom",
        "who frees memory looks for waiters before it takes the memory off, not after",
        killed by ["write_buffer::free_against_stall"];
    FAULT_WRITE_BUFFER_CHECK_UNLOCKED: "loom",
        "who begins to wait looks at the memory before it takes the lock only",
        killed by ["write_buffer::free_against_stall", "write_buffer::free_against_future"];
    FAULT_WRITE_BUFFER_SILENT_RESIZE: "loom",
        "a new size, or none, releases nobody",
        killed by ["write_buffer::resize_against_stall", "write_buffer::disable_against_future"];
    FAULT_WRITE_BUFFER_WAKE_ONE: "loom",
        "one of those who wait is woken",
        killed by ["write_buffer::two_waiters"];
    FAULT_WRITE_BUFFER_KEEP_WAKER: "loom",
        "the waker of a future that was dropped stays",
        killed by ["write_buffer::dropped_future"];
    FAULT_WRITE_BUFFER_COUNT_ENABLED: "loom",
        "memory is counted at a size above zero only, and freed at any",
        killed by ["write_buffer::enabled_while_held"];
    FAULT_WRITE_BUFFER_SEAL_UNLOCKED: "loom",
        "a seal takes off what it read before another charge",
        killed by ["write_buffer::charge_against_seal"];
    FAULT_WRITE_BUFFER_CACHE_TOGETHER: "loom",
        "two threads tell the cache at the same time",
        killed by ["write_buffer::cache_follows"];
    FAULT_MEMTABLE_LOST_MAXIMUM: "loom",
        "a maximum of two writers is raised by load and store",
        killed by ["timestamps::newest_of_two_writers"];
}
