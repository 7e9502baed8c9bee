// What shim.cc and Rust hand each other. `sys.rs` says the same in Rust.

#pragma once

#include <cstddef>
#include <cstdint>

struct Bytes {
  const char* data;
  size_t size;
};

struct Choices {
  double bloom_ratio;
  size_t write_buffer_size;
  size_t arena_block_size;
  // The first bytes of a key that are its prefix; 0 for no prefix.
  uint32_t prefix;
  // The same, for the hints that the table keeps.
  uint32_t hint_prefix;
  // Shorter keys are their own prefix; otherwise they have none.
  bool capped;
  bool reverse;
  bool whole_keys;
  bool verify;
  bool batched;
  // Keys end in eight bytes of timestamp.
  bool timestamps;
  // Values can be updated where they are.
  bool in_place;
  uint8_t protection_bytes;
  // 0 for none; else handed to `verimem_oracle_fold`.
  uint8_t merging;
};

// What a reader sees.
struct Sight {
  uint64_t snapshot;
  uint64_t min_uncommitted;
  // 0: all. 1: not those that leave the rest `second` when divided by `first`.
  // 2: not those from `first` to `second`.
  uint64_t pattern;
  uint64_t first;
  uint64_t second;
  // Nothing newer is seen, if keys have timestamps.
  uint64_t timestamp;
};

enum Code : uint8_t {
  kMissing,
  kValue,
  kDeleted,
  kOperands,
  kNotSupported,
  kInvalidArgument,
  kMergeFailed,
  kCorruption,
  kOther,
};

// What a lookup says. Its bytes are good until the table's next lookup.
struct Reply {
  Bytes value;
  // Newest first.
  const Bytes* operands;
  size_t operand_count;
  uint64_t sequence;
  // The newest range deletion over the key, or 0.
  uint64_t covering;
  // That of the newest entry found, if keys have timestamps.
  uint64_t timestamp;
  Code code;
  bool is_blob_index;
  bool has_timestamp;
};

// An entry, and what came of adding it.
struct Put {
  uint64_t sequence;
  Bytes key;
  Bytes value;
  uint8_t kind;
};

enum Added : uint8_t { kAdded, kDuplicate, kDamaged, kRefused };

enum Updated : uint8_t { kUpdated, kNoValue, kNotUpdated };

// What an update makes of a value.
enum Decision : uint8_t { kKeep, kReplace, kAdd };

struct Counters {
  uint64_t entries;
  uint64_t deletions;
  uint64_t range_deletions;
  uint64_t data_size;
  uint64_t first_sequence;
  uint64_t newest_timestamp;
  bool is_empty;
  bool has_timestamp;
};

extern "C" {
// In Rust. What operands, oldest first, make of a value, which may be null:
// handed to `verimem_oracle_append` once. False if that fails.
bool verimem_oracle_fold(uint8_t merging, const Bytes* existing,
                         const Bytes* operands, size_t count, void* result);
// In Rust. Whether operands, newest first, can be folded without what is older.
bool verimem_oracle_is_enough(uint8_t merging, const Bytes* operands,
                              size_t count);
// In Rust. What an update makes of a value: handed to `verimem_oracle_append`
// once, unless the old one is to be kept.
Decision verimem_oracle_revise(Bytes existing, Bytes delta, void* result);
}
