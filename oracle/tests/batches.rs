//! Write batches are RocksDB's, byte for byte (W3).

use verimem_oracle::{Totals, one_batch};

#[test]
fn w3_batches_agree() {
    let mut totals = Totals::default();
    for seed in 0..4000 {
        match one_batch(seed) {
            Ok(found) => totals.merge(&found),
            Err(difference) => panic!("{difference}"),
        }
    }
    for name in [
        "write_batch.add",
        "write_batch.append",
        "write_batch.clear",
        "write_batch.pop",
        "write_batch.read",
        "write_batch.read_damaged",
        "write_batch.refused",
        "write_batch.rollback",
        "write_batch.save_point",
        "write_batch.sequence",
    ] {
        let done = totals.operations.get(name).copied().unwrap_or(0);
        assert!(done > 500, "{name}: {done} of {:?}", totals.operations);
    }
    let damaged = totals.operations["write_batch.read_damaged"];
    let left_out = totals.operations["write_batch.bad_varint"];
    assert!(20 * left_out < damaged, "{left_out} were not compared");
    let refused = totals.operations["write_batch.refused"];
    assert!(refused < damaged, "some damage makes another batch");
}
