//! Refused memory is an error (SPEC X2). Each test runs in a process of its
//! own, whose limits it lowers.

use std::process::Command;

use super::*;

/// Set in the process whose limits may be lowered.
const CHILD: &str = "VERIMEM_TEST_CHILD";

/// True in the child; otherwise runs `test` in one, and checks that it succeeded.
fn in_child(test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let name = std::format!("memtable::tests::memory::{test}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name.as_str(), "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("1 passed"), "{text}");
    false
}

/// A number of kibibytes in `/proc/self/status`, in bytes.
fn status(field: &str) -> libc::rlim_t {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<libc::rlim_t>().unwrap() << 10
}

/// Runs `body` while this process may take `more` bytes than it has.
fn limited<R>(
    resource: libc::__rlimit_resource_t,
    field: &str,
    more: libc::rlim_t,
    body: impl FnOnce() -> R,
) -> R {
    let mut before = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a limit that is written.
    assert_eq!(unsafe { libc::getrlimit(resource, &raw mut before) }, 0);
    let lowered = libc::rlimit {
        rlim_cur: status(field) + more,
        rlim_max: before.rlim_max,
    };
    // SAFETY: the pointer is to a limit that is read.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const lowered) }, 0);
    let result = body();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const before) }, 0);
    result
}

fn out_of_memory<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::OutOfMemory { .. }))
}

#[test]
fn x2_a_table_that_cannot_be_made_is_an_error() {
    if !in_child("x2_a_table_that_cannot_be_made_is_an_error") {
        return;
    }
    let refused = limited(libc::RLIMIT_AS, "VmSize", 32 << 20, || {
        let table = MemTable::builder().capacity(Some(256 << 20)).build()?;
        // Where addresses are not reserved, only blocks can be refused.
        let value = std::vec![0; 1 << 20];
        (0..200).try_for_each(|sequence| table.add(sequence, Kind::VALUE, b"k", &value))
    });
    assert!(out_of_memory(refused));
}

#[test]
fn x2_an_add_without_memory_is_an_error() {
    if !in_child("x2_an_add_without_memory_is_an_error") {
        return;
    }
    let table = MemTable::builder().build().unwrap();
    let value = std::vec![7; 100_000];
    let mut stored = 0;
    let refused = limited(libc::RLIMIT_DATA, "VmData", 16 << 20, || {
        loop {
            let usage = table.memory_usage();
            match table.add(stored, Kind::VALUE, b"k", &value) {
                Ok(()) => stored += 1,
                Err(refusal) => break (refusal, usage),
            }
            assert!(stored < 1_000, "the limit is enforced");
        }
    });
    assert!(stored > 0 && out_of_memory::<()>(Err(refused.0)));
    assert_eq!(table.memory_usage(), refused.1, "nothing was taken");
    assert_eq!(table.stats().entries, stored);
    table.add(stored, Kind::VALUE, b"k", &value).unwrap();
    for sequence in 0..=stored {
        let found = table.get(b"k", sequence).unwrap();
        assert!(matches!(found, Lookup::Found { value: found, .. } if found == value));
    }
}
