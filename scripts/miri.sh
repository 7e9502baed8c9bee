#!/usr/bin/env bash
# Runs the library's tests under Miri, with strict provenance and over several
# thread schedules. Needs the nightly components `miri` and `rust-src`; it has
# not been run on the machine on which this crate is built, which lacks them.
#
#   scripts/miri.sh                                  everything
#   scripts/miri.sh --target s390x-unknown-linux-gnu a big-endian machine
#   MIRI_SEEDS=0..64 scripts/miri.sh arena           more schedules, fewer tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
  echo "error: Miri is missing: rustup +nightly component add miri rust-src" >&2
  exit 1
fi

# Miri has no reserved address space to speak of: the block table stands in.
export RUSTFLAGS="${RUSTFLAGS:-} --cfg verimem_block_table"
export MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-strict-provenance -Zmiri-symbolic-alignment-check"
export MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=${MIRI_SEEDS:-0..8}"

exec cargo +nightly miri test -p verimem --lib "$@"
