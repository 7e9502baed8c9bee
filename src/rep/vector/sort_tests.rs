//! Tests of sorting by several threads.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::vec::Vec;

use super::sort::{Item, Order as ItemOrder, sort};

/// By prefix and then by half of the node's number, so that there are equal ones.
struct ByNumber;

impl ItemOrder for ByNumber {
    type Inside = ();

    fn inside(&self) {}

    fn before(&self, a: &Item, b: &Item) -> bool {
        (a.prefix, a.node / 2) < (b.prefix, b.node / 2)
    }
}

#[test]
fn r4_items_are_sorted_stably_whoever_helps() {
    for len in [0, 1, 2, 15, 16, 17, 33, 100, 1_000, 5_000] {
        for prefixes in [1, 3, u32::MAX] {
            for helpers in [0, 1, 2, 4, 100] {
                let items = (0..len).map(|order| Item {
                    prefix: crate::sync::random_u64() as u32 % prefixes,
                    order,
                    node: crate::sync::random_u64() as u32 % (len + 1),
                });
                let mut items: Vec<_> = items.collect();
                let mut expected = items.clone();
                expected.sort_by_key(|item| (item.prefix, item.node / 2, item.order));
                let mut spare = std::vec![Item::default(); items.len()];
                sort(&mut items, &mut spare, helpers, &ByNumber);
                assert!(items == expected, "{len} {prefixes} {helpers}");
            }
        }
    }
}

/// Who is marked.
static MARKED: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

fn is_marked() -> bool {
    marked().contains(&thread::current().id())
}

fn marked() -> std::sync::MutexGuard<'static, Vec<ThreadId>> {
    MARKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By node, asked by threads that are marked only.
struct ByMarked;

struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        marked().retain(|one| *one != thread::current().id());
    }
}

impl ItemOrder for ByMarked {
    /// Nothing on a thread that is marked already.
    type Inside = Option<Mark>;

    fn inside(&self) -> Option<Mark> {
        (!is_marked()).then(|| {
            marked().push(thread::current().id());
            Mark
        })
    }

    fn before(&self, a: &Item, b: &Item) -> bool {
        assert!(is_marked(), "V6");
        a.node < b.node
    }
}

#[test]
fn x1_whoever_helps_to_sort_is_inside() {
    let items = (0..10_000).map(|order| Item {
        prefix: 0,
        order,
        node: order * 7_919 % 10_000,
    });
    let mut items: Vec<_> = items.collect();
    let mut spare = items.clone();
    let _mark = ByMarked.inside();
    sort(&mut items, &mut spare, 4, &ByMarked);
    assert!(items.iter().map(|item| item.node).eq(0..10_000));
    let marked = thread::spawn(is_marked).join().unwrap();
    assert!(!marked && is_marked());
}
