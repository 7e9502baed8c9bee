//! Write batches: the same steps on RocksDB's and on verimem's, and every byte compared; then the
//! same bytes, damaged or not, read by both.

use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr::NonNull;

use arbitrary::Unstructured;
use verimem::batch::Record;
use verimem::{
    Corruption, Damage, Error, Kind, MAX_SEQUENCE_NUMBER, RecordField, WriteBatch, WriteBatchRef,
};
use verimem_driver::seeds::Random;
use verimem_driver::write_batch::{Plain, any};

use crate::Totals;
use crate::sys::Bytes;

/// RocksDB's `WriteBatch`.
enum Opaque {}

type Each = unsafe extern "C" fn(*mut c_void, u8, u32, Bytes, Bytes);

unsafe extern "C" {
    fn verimem_oracle_batch() -> *mut Opaque;
    fn verimem_oracle_batch_free(batch: *mut Opaque);
    fn verimem_oracle_batch_add(
        batch: *mut Opaque,
        record_type: u8,
        column_family: u32,
        first: Bytes,
        second: Bytes,
    ) -> bool;
    fn verimem_oracle_batch_set_sequence(batch: *mut Opaque, sequence: u64);
    fn verimem_oracle_batch_append(batch: *mut Opaque, other: *const Opaque) -> bool;
    fn verimem_oracle_batch_set_save_point(batch: *mut Opaque);
    fn verimem_oracle_batch_rollback(batch: *mut Opaque) -> bool;
    fn verimem_oracle_batch_pop(batch: *mut Opaque) -> bool;
    fn verimem_oracle_batch_clear(batch: *mut Opaque);
    fn verimem_oracle_batch_bytes(batch: *const Opaque) -> Bytes;
    fn verimem_oracle_batch_read(bytes: Bytes, each: Each, context: *mut c_void) -> bool;
}

/// A record as RocksDB tells it: its type in the default column family, its column family, and
/// up to two strings.
type Told = (u8, u32, Vec<u8>, Vec<u8>);

/// The type that both policies of prepared transactions are told by.
const BEGIN_PREPARE: u8 = 0x09;

fn parts(record: &Plain) -> Told {
    match record {
        Plain::Entry(id, kind, key, value) => (*kind, *id, key.clone(), value.clone()),
        Plain::Other(record_type, strings) => {
            let string = |at: usize| strings.get(at).cloned().unwrap_or_default();
            (*record_type, 0, string(0), string(1))
        }
    }
}

/// RocksDB's batch.
struct Theirs(NonNull<Opaque>);

impl Theirs {
    fn new() -> Self {
        // SAFETY: nothing is asked of the caller.
        let batch = unsafe { verimem_oracle_batch() };
        Self(NonNull::new(batch).expect("memory for a batch"))
    }

    fn add(&mut self, record: &Plain) -> bool {
        let (record_type, id, first, second) = parts(record);
        let (first, second) = (Bytes::of(&first), Bytes::of(&second));
        // SAFETY: the batch is alive, and the bytes are there during the call.
        unsafe { verimem_oracle_batch_add(self.0.as_ptr(), record_type, id, first, second) }
    }

    fn set_sequence(&mut self, sequence: u64) {
        // SAFETY: the batch is alive.
        unsafe { verimem_oracle_batch_set_sequence(self.0.as_ptr(), sequence) };
    }

    fn append(&mut self, other: &Self) -> bool {
        // SAFETY: both are alive, and are not the same.
        unsafe { verimem_oracle_batch_append(self.0.as_ptr(), other.0.as_ptr()) }
    }

    fn set_save_point(&mut self) {
        // SAFETY: the batch is alive.
        unsafe { verimem_oracle_batch_set_save_point(self.0.as_ptr()) };
    }

    fn rollback(&mut self) -> bool {
        // SAFETY: the batch is alive.
        unsafe { verimem_oracle_batch_rollback(self.0.as_ptr()) }
    }

    fn pop(&mut self) -> bool {
        // SAFETY: the batch is alive.
        unsafe { verimem_oracle_batch_pop(self.0.as_ptr()) }
    }

    fn clear(&mut self) {
        // SAFETY: the batch is alive.
        unsafe { verimem_oracle_batch_clear(self.0.as_ptr()) };
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the batch is alive.
        let bytes = unsafe { verimem_oracle_batch_bytes(self.0.as_ptr()) };
        // SAFETY: they are good until the batch changes, for which it has to be borrowed again.
        unsafe { bytes.get() }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // SAFETY: the batch is alive, and not used any more.
        unsafe { verimem_oracle_batch_free(self.0.as_ptr()) };
    }
}

unsafe extern "C" fn tell(all: *mut c_void, record_type: u8, id: u32, one: Bytes, two: Bytes) {
    // SAFETY: `read` hands over a list, and uses it again only when all is told.
    let all = unsafe { &mut *all.cast::<Vec<Told>>() };
    // SAFETY: the bytes are there during the call.
    let one = unsafe { one.get() };
    // SAFETY: as above.
    let two = unsafe { two.get() };
    all.push((record_type, id, one.to_vec(), two.to_vec()));
}

/// What RocksDB reads; `None` if it refuses some of it.
fn read(bytes: &[u8]) -> Option<Vec<Told>> {
    let mut all: Vec<Told> = Vec::new();
    let context = (&raw mut all).cast();
    // SAFETY: the bytes are there during the call, and `tell` is handed what it expects.
    unsafe { verimem_oracle_batch_read(Bytes::of(bytes), tell, context) }.then_some(all)
}

/// What RocksDB tells of a record.
fn told(record: &Record<'_>) -> Told {
    let (record_type, one, two): (u8, &[u8], &[u8]) = match *record {
        Record::Entry(entry) => {
            let (key, value) = (entry.user_key.to_vec(), entry.value.to_vec());
            return (entry.kind.0, entry.column_family, key, value);
        }
        Record::LogData(data) => (0x03, data, b""),
        Record::BeginPrepare | Record::BeginPersistedPrepare => (BEGIN_PREPARE, b"", b""),
        Record::BeginUnprepare => (0x13, b"", b""),
        Record::EndPrepare { xid } => (0x0A, xid, b""),
        Record::Commit { xid } => (0x0B, xid, b""),
        Record::CommitWithTimestamp { timestamp, xid } => (0x15, timestamp, xid),
        Record::Rollback { xid } => (0x0C, xid, b""),
        _ => (0x0D, b"", b""),
    };
    (record_type, 0, one.to_vec(), two.to_vec())
}

/// The run that a seed says all about: steps of two batches, then their bytes, also damaged.
///
/// # Errors
///
/// The first difference.
pub fn one_batch(seed: u64) -> Result<Totals, String> {
    catch_unwind(|| {
        let mut random = Random(seed);
        let mut bytes = Vec::new();
        let length = 64 + random.below(2000);
        random.fill(length, &mut bytes);
        let mut run = Run {
            ours: WriteBatch::new(),
            theirs: Theirs::new(),
            totals: Totals::default(),
        };
        run.steps(&mut Unstructured::new(&bytes))?;
        run.damage(&mut random)?;
        Ok(run.totals)
    })
    .unwrap_or_else(|_| Err("panicked".to_owned()))
    .map_err(|what| format!("write batch, seed {seed}: {what}"))
}

struct Run {
    ours: WriteBatch,
    theirs: Theirs,
    totals: Totals,
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{what}: ours {ours:?}, RocksDB's {theirs:?}"))
}

/// By the method that makes a time into a value where there is none.
fn add(batch: &mut WriteBatch, record: &Plain) -> bool {
    if let Plain::Entry(id, kind, key, value) = record
        && let (Kind::VALUE_PREFERRED_SEQNO, Some((value, time))) =
            (Kind(*kind), value.split_last_chunk())
    {
        let time = u64::from_le_bytes(*time);
        return batch.timed_put_cf(*id, key, value, time).is_ok();
    }
    batch.add(&record.record()).is_ok()
}

impl Run {
    fn steps(&mut self, u: &mut Unstructured<'_>) -> Result<(), String> {
        while !u.is_empty() {
            if self.step(u).is_err() {
                break; // no more bytes
            }
            same("bytes", self.ours.as_bytes(), self.theirs.bytes())?;
        }
        Ok(())
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let (ours, theirs) = (&mut self.ours, &mut self.theirs);
        let name = match u.int_in_range(0..=15u8)? {
            0 => {
                ours.set_save_point().expect("memory for a save point");
                theirs.set_save_point();
                "write_batch.save_point"
            }
            1 => {
                assert_eq!(ours.rollback_to_save_point().is_ok(), theirs.rollback());
                "write_batch.rollback"
            }
            2 => {
                assert_eq!(ours.pop_save_point().is_ok(), theirs.pop());
                "write_batch.pop"
            }
            3 if u.ratio(1, 8)? => {
                ours.clear();
                theirs.clear();
                "write_batch.clear"
            }
            4 => {
                let sequence = u.int_in_range(0..=MAX_SEQUENCE_NUMBER)?;
                ours.set_sequence(sequence).expect("56 bits");
                theirs.set_sequence(sequence);
                "write_batch.sequence"
            }
            5 => {
                let (mut other, mut their_other) = (WriteBatch::new(), Theirs::new());
                for _ in 0..u.int_in_range(0..=3u8)? {
                    let record = any(u)?;
                    assert_eq!(add(&mut other, &record), their_other.add(&record));
                }
                assert_eq!(ours.append(&other).is_ok(), theirs.append(&their_other));
                "write_batch.append"
            }
            _ => {
                let record = any(u)?;
                assert_eq!(add(ours, &record), theirs.add(&record), "{record:?}");
                "write_batch.add"
            }
        };
        self.totals.count(name);
        Ok(())
    }

    /// The bytes as they are, and some with bytes changed, cut off, or put in.
    fn damage(&mut self, random: &mut Random) -> Result<(), String> {
        let whole = self.ours.as_bytes().to_vec();
        self.read(&whole, "write_batch.read")?;
        for _ in 0..32 {
            let mut bytes = whole.clone();
            match random.below(4) {
                0 => bytes.truncate(random.below(bytes.len() + 1)),
                1 => bytes.insert(12 + random.below(bytes.len() - 11), random.draw() as u8),
                _ => {
                    for _ in 0..1 + random.below(3) {
                        // The sequence number's last byte is another matter.
                        let at = 8 + random.below(bytes.len() - 8);
                        bytes[at] ^=
                            [1, 1 << random.below(8), random.draw() as u8][random.below(3)];
                    }
                }
            }
            self.read(&bytes, "write_batch.read_damaged")?;
        }
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], name: &'static str) -> Result<(), String> {
        let ours = WriteBatchRef::from_bytes(bytes);
        if let Err(Error::Corruption(Corruption::BadRecord { field, damage, .. })) = &ours {
            if *field == RecordField::Time {
                return Ok(()); // RocksDB would read what is before the value
            }
            if *damage == Damage::BadVarint {
                // It may drop what is beyond 32 bits, and go on.
                self.totals.count("write_batch.bad_varint");
                return Ok(());
            }
        }
        let ours = ours.map(|batch| batch.records().map(|one| told(&one)).collect::<Vec<_>>());
        let refused = ours.is_err();
        same(&format!("{bytes:02X?}"), ours.ok(), read(bytes))?;
        self.totals.count(name);
        if refused {
            self.totals.count("write_batch.refused");
        }
        Ok(())
    }
}
