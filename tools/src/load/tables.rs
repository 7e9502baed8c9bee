//! A growing row of tables: when one is full, the next one takes over.

use std::sync::{Arc, PoisonError, RwLock};

use verimem::Protection;
use verimem::{Error, Lookup, MemTable};
use verimem::{Kind, MAX_SEQUENCE_NUMBER};

use crate::cli::LoadArgs;
use crate::outcome::Problem;

/// How each table is built.
#[derive(Debug, Clone, Copy)]
struct Shape {
    write_buffer_size: usize,
    huge_pages: bool,
    protection: Protection,
}

impl Shape {
    fn build(&self) -> Result<Arc<MemTable>, Error> {
        let builder = MemTable::builder()
            .write_buffer_size(self.write_buffer_size)
            .huge_pages(self.huge_pages)
            .protection(self.protection);
        Ok(Arc::new(builder.build()?))
    }
}

/// Tables in the order in which they were filled; the last one takes writes.
pub struct Tables {
    shape: Shape,
    list: RwLock<Vec<Arc<MemTable>>>,
}

impl Tables {
    /// One empty table of the shape that the command line asks for.
    pub fn new(arguments: &LoadArgs) -> Result<Self, Problem> {
        let write_buffer_size = usize::try_from(arguments.write_buffer_size).map_err(|_| {
            Problem::Usage("--write-buffer-size: more than this machine can address".to_owned())
        })?;
        let shape = Shape {
            write_buffer_size,
            huge_pages: arguments.huge_pages,
            protection: arguments.protection,
        };
        match shape.build() {
            Ok(table) => Ok(Self {
                shape,
                list: RwLock::new(vec![table]),
            }),
            Err(error @ Error::InvalidOption { .. }) => Err(Problem::Usage(error.to_string())),
            Err(error) => Err(Problem::Failure(format!("cannot make a table: {error}"))),
        }
    }

    /// All tables, oldest first.
    pub fn all(&self) -> Vec<Arc<MemTable>> {
        // A poisoned lock means that a thread panicked, which ends the command
        // anyhow; the list itself is always whole.
        self.list
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The checksum width of every entry.
    pub fn protection(&self) -> Protection {
        self.shape.protection
    }

    fn current(&self) -> (usize, Arc<MemTable>) {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let last = list.len() - 1;
        (last, Arc::clone(&list[last]))
    }

    /// Adds to the current table, or to a new one if that is full.
    pub fn add(&self, sequence: u64, key: &[u8], value: &[u8]) -> Result<(), Error> {
        loop {
            let (number, table) = self.current();
            if !table.is_empty() && table.memory_usage().allocated >= self.shape.write_buffer_size {
                self.rotate(number)?;
                continue;
            }
            match table.add(sequence, Kind::VALUE, key, value) {
                // An entry that an empty table cannot hold fits no table.
                Err(Error::Full { .. }) if !table.is_empty() => self.rotate(number)?,
                // Another thread is just putting the next table in place.
                Err(Error::Sealed) => std::thread::yield_now(),
                result => return result,
            }
        }
    }

    /// Seals table `number` and starts the next, unless somebody else did.
    fn rotate(&self, number: usize) -> Result<(), Error> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if list.len() - 1 != number {
            return Ok(());
        }
        let fresh = self.shape.build()?;
        list[number].seal()?;
        list.push(fresh);
        Ok(())
    }

    /// Looks a key up in every table; the answer must come from exactly one.
    pub fn get<'t>(tables: &'t [Arc<MemTable>], key: &[u8]) -> Result<(u64, &'t [u8]), String> {
        let mut answer = None;
        for table in tables {
            match table.get(key, MAX_SEQUENCE_NUMBER) {
                Ok(Lookup::NotFound) => {}
                Ok(Lookup::Found {
                    value,
                    sequence,
                    kind: Kind::VALUE,
                }) => {
                    if answer.replace((sequence, value)).is_some() {
                        return Err("get finds the key in two tables".to_owned());
                    }
                }
                Ok(other) => return Err(format!("get answers {other:?}")),
                Err(error) => return Err(format!("get fails: {error}")),
            }
        }
        answer.ok_or_else(|| "get does not find the key".to_owned())
    }
}
