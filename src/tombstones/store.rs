//! What range deletions are made of, and who owns it.

use super::map::Map;
use super::{Cell, Node};
use crate::error::{Error, Result};
use crate::key::{Comparator, Version};

/// Owns keys, nodes and cells until the table is dropped. Each has a buffer of its own,
/// so that it stays where it is.
#[derive(Default)]
pub(super) struct Store {
    keys: Vec<Vec<u8>>,
    nodes: Vec<Vec<Node>>,
    cells: Vec<Vec<Cell>>,
    /// Bytes that the budget was charged.
    pub(super) charged: usize,
}

/// Additions to a store, which are taken back unless they are committed.
pub(super) struct Batch<'s> {
    store: &'s mut Store,
    /// How much there was before.
    before: [usize; 3],
    bytes: usize,
}

impl Store {
    pub(super) fn begin(&mut self) -> Batch<'_> {
        let before = [self.keys.len(), self.nodes.len(), self.cells.len()];
        Batch {
            store: self,
            before,
            bytes: 0,
        }
    }
}

/// Puts a value behind the others, in a buffer of its own; returns where it is, and the
/// bytes that it takes.
fn keep<T>(all: &mut Vec<Vec<T>>, value: T) -> Result<(*const T, usize)> {
    let mut buffer = Vec::new();
    let requested = size_of::<T>();
    let refused = |_| Error::OutOfMemory { requested };
    buffer.try_reserve_exact(1).map_err(refused)?;
    all.try_reserve(1).map_err(refused)?;
    buffer.push(value);
    let place = buffer.as_ptr();
    all.push(buffer);
    Ok((place, requested + size_of::<Vec<T>>()))
}

impl Batch<'_> {
    /// Keeps a copy of a key.
    fn key(&mut self, key: &[u8]) -> Result<*const [u8]> {
        let mut copy = Vec::new();
        let requested = key.len();
        let refused = |_| Error::OutOfMemory { requested };
        copy.try_reserve_exact(requested).map_err(refused)?;
        self.store.keys.try_reserve(1).map_err(refused)?;
        copy.extend_from_slice(key);
        let place = copy.as_slice() as *const [u8];
        self.store.keys.push(copy);
        self.bytes += requested + size_of::<Vec<u8>>();
        Ok(place)
    }

    /// The map of a single range deletion.
    pub(super) fn single<C: Comparator>(
        &mut self,
        begin: &[u8],
        end: &[u8],
        version: Version,
    ) -> Result<Map> {
        let mut map = Map::with_room::<C>(2)?;
        map.push::<C>(self.key(begin)?, Some(version));
        map.push::<C>(self.key(end)?, None);
        Ok(map)
    }

    pub(super) fn node(&mut self, node: Node) -> Result<*const Node> {
        let map = node.map.bytes();
        let (place, bytes) = keep(&mut self.store.nodes, node)?;
        // SAFETY: kept just now, and nobody else knows of it yet.
        unsafe { &*place }.shadow.write();
        self.bytes += bytes + map;
        Ok(place)
    }

    pub(super) fn cell(&mut self, cell: Cell) -> Result<*const Cell> {
        let (place, bytes) = keep(&mut self.store.cells, cell)?;
        // SAFETY: kept just now, and nobody else knows of it yet.
        unsafe { &*place }.shadow.write();
        self.bytes += bytes;
        Ok(place)
    }

    /// Keeps all additions; returns their bytes.
    pub(super) fn commit(mut self) -> usize {
        self.before = [usize::MAX; 3];
        self.bytes
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let [keys, nodes, cells] = self.before;
        self.store.cells.truncate(cells);
        self.store.nodes.truncate(nodes);
        self.store.keys.truncate(keys);
    }
}
