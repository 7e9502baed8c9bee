// A C interface to RocksDB's bare InlineSkipList over its ConcurrentArena, one
// call per operation. Entries and their order are those of RocksDB's memtable:
//
//   varint32(internal key length) . user key . tag . varint32(value length) . value
//
// where the tag is `sequence << 8 | kind` as a fixed 64-bit number, and the order
// is by user key ascending, then tag descending. The comparator is a plain struct
// that the list's template inlines; RocksDB's own memtable calls it virtually.

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "memory/concurrent_arena.h"
#include "memtable/inlineskiplist.h"
#include "rocksdb/env.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"

namespace {

using ROCKSDB_NAMESPACE::ConcurrentArena;
using ROCKSDB_NAMESPACE::InlineSkipList;
using ROCKSDB_NAMESPACE::Slice;

constexpr size_t kTagSize = 8;
// The longest varint32, and what a lookup key takes beside the user key.
constexpr size_t kMaxVarint32 = 5;
// Lookup keys up to this size are encoded on the stack.
constexpr size_t kStackKey = 300;

size_t VarintSize(uint32_t number) {
  size_t size = 1;
  while (number >= 0x80) {
    number >>= 7;
    ++size;
  }
  return size;
}

char* PutVarint(char* to, uint32_t number) {
  while (number >= 0x80) {
    *to++ = static_cast<char>(number | 0x80);
    number >>= 7;
  }
  *to++ = static_cast<char>(number);
  return to;
}

inline Slice InternalKey(const char* entry) {
  uint32_t length = static_cast<unsigned char>(*entry++);
  if (__builtin_expect(length >= 0x80, 0)) {
    length &= 0x7f;
    for (int shift = 7;; shift += 7) {
      const uint32_t byte = static_cast<unsigned char>(*entry++);
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        break;
      }
    }
  }
  return Slice(entry, length);
}

inline int CompareInternal(const Slice& a, const Slice& b) {
  const size_t a_size = a.size() - kTagSize;
  const size_t b_size = b.size() - kTagSize;
  const int order =
      memcmp(a.data(), b.data(), a_size < b_size ? a_size : b_size);
  if (order != 0) {
    return order;
  }
  if (a_size != b_size) {
    return a_size < b_size ? -1 : 1;
  }
  uint64_t a_tag, b_tag;
  memcpy(&a_tag, a.data() + a_size, kTagSize);
  memcpy(&b_tag, b.data() + b_size, kTagSize);
  return a_tag > b_tag ? -1 : a_tag < b_tag ? 1 : 0;
}

struct EntryOrder {
  using DecodedType = Slice;

  DecodedType decode_key(const char* entry) const { return InternalKey(entry); }

  int operator()(const char* a, const char* b) const {
    return CompareInternal(InternalKey(a), InternalKey(b));
  }

  int operator()(const char* a, const DecodedType& b) const {
    return CompareInternal(InternalKey(a), b);
  }
};

using List = InlineSkipList<const EntryOrder&>;

// Tables that this thread has made and not freed.
thread_local size_t live_tables = 0;

// The arena must outlive the list, and the order the comparisons.
struct Table {
  EntryOrder order;
  ConcurrentArena arena;
  List list;

  explicit Table(size_t block_size)
      : arena(block_size, nullptr, 0), list(order, &arena) {
    ++live_tables;
  }
  ~Table() { --live_tables; }
};

char* PutInternalKey(char* to, const char* key, size_t key_size, uint64_t tag) {
  to = PutVarint(to, static_cast<uint32_t>(key_size + kTagSize));
  memcpy(to, key, key_size);
  memcpy(to + key_size, &tag, kTagSize);
  return to + key_size + kTagSize;
}

const char* Encode(Table* table, uint64_t tag, const char* key, size_t key_size,
                   const char* value, size_t value_size) {
  const size_t size = VarintSize(static_cast<uint32_t>(key_size + kTagSize)) +
                      key_size + kTagSize +
                      VarintSize(static_cast<uint32_t>(value_size)) +
                      value_size;
  char* const entry = table->list.AllocateKey(size);
  char* to = PutInternalKey(entry, key, key_size, tag);
  to = PutVarint(to, static_cast<uint32_t>(value_size));
  memcpy(to, value, value_size);
  return entry;
}

// The least internal key of a user key: no tag is larger.
class LookupKey {
 public:
  LookupKey(const char* key, size_t key_size)
      : bytes_(key_size + kTagSize + kMaxVarint32 <= kStackKey
                   ? stack_
                   : new char[key_size + kTagSize + kMaxVarint32]) {
    PutInternalKey(bytes_, key, key_size, ~uint64_t{0});
  }
  ~LookupKey() {
    if (bytes_ != stack_) {
      delete[] bytes_;
    }
  }
  LookupKey(const LookupKey&) = delete;
  LookupKey& operator=(const LookupKey&) = delete;

  const char* data() const { return bytes_; }

 private:
  char stack_[kStackKey];
  char* bytes_;
};

// What Rust sets aside for an iterator.
struct IteratorSpace {
  void* words[2];
};

static_assert(sizeof(List::Iterator) <= sizeof(IteratorSpace));
static_assert(alignof(List::Iterator) <= alignof(IteratorSpace));
static_assert(std::is_trivially_destructible_v<List::Iterator>);

List::Iterator* In(IteratorSpace* space) {
  return std::launder(reinterpret_cast<List::Iterator*>(space));
}

const char* Entry(const List::Iterator* at) {
  return at->Valid() ? at->key() : nullptr;
}

// One lookup of a batch: the first entry at or after its key.
bool KeepFirst(void* place, const char* entry) {
  *static_cast<const char**>(place) = entry;
  return false;
}

}  // namespace

extern "C" {

Table* verimem_isl_new(size_t block_size) { return new Table(block_size); }

void verimem_isl_free(Table* table) { delete table; }

size_t verimem_isl_live() { return live_tables; }

// Only one writer, and nobody else inserts.
bool verimem_isl_insert(Table* table, uint64_t tag, const char* key,
                        size_t key_size, const char* value, size_t value_size) {
  return table->list.Insert(
      Encode(table, tag, key, key_size, value, value_size));
}

bool verimem_isl_insert_concurrently(Table* table, uint64_t tag,
                                     const char* key, size_t key_size,
                                     const char* value, size_t value_size) {
  return table->list.InsertConcurrently(
      Encode(table, tag, key, key_size, value, value_size));
}

// A hint for one batch, in the heap: AllocateSplice would leave one in the arena
// per batch.
void* verimem_isl_hint_new(Table* table) {
  return table->list.AllocateSpliceOnHeap();
}

void verimem_isl_hint_free(void* hint) { delete[] static_cast<char*>(hint); }

// Only one writer, and nobody else inserts.
bool verimem_isl_insert_with_hint(Table* table, void* hint, uint64_t tag,
                                  const char* key, size_t key_size,
                                  const char* value, size_t value_size) {
  return table->list.InsertWithHint(
      Encode(table, tag, key, key_size, value, value_size), &hint);
}

// Fills `found[i]` with the first entry at or after the i-th key, or null. The
// keys must ascend.
bool verimem_isl_multi_get(const Table* table, size_t count,
                           const char* const* keys, const size_t* key_sizes,
                           const char** found) {
  constexpr size_t kMost = 32;
  if (count > kMost) {
    return false;
  }
  alignas(LookupKey) unsigned char space[kMost * sizeof(LookupKey)];
  LookupKey* const lookups = reinterpret_cast<LookupKey*>(space);
  const char* encoded[kMost];
  void* places[kMost];
  for (size_t i = 0; i < count; ++i) {
    encoded[i] = (new (lookups + i) LookupKey(keys[i], key_sizes[i]))->data();
    found[i] = nullptr;
    places[i] = found + i;
  }
  const bool ok =
      table->list.MultiGet(count, encoded, places, KeepFirst).ok();
  for (size_t i = 0; i < count; ++i) {
    lookups[i].~LookupKey();
  }
  return ok;
}

void verimem_isl_iter(const Table* table, IteratorSpace* space) {
  new (space) List::Iterator(&table->list);
}

const char* verimem_isl_iter_seek(IteratorSpace* space, const char* key,
                                  size_t key_size) {
  const LookupKey lookup(key, key_size);
  In(space)->Seek(lookup.data());
  return Entry(In(space));
}

const char* verimem_isl_iter_first(IteratorSpace* space) {
  In(space)->SeekToFirst();
  return Entry(In(space));
}

const char* verimem_isl_iter_last(IteratorSpace* space) {
  In(space)->SeekToLast();
  return Entry(In(space));
}

const char* verimem_isl_iter_next(IteratorSpace* space) {
  In(space)->Next();
  return Entry(In(space));
}

const char* verimem_isl_iter_prev(IteratorSpace* space) {
  In(space)->Prev();
  return Entry(In(space));
}

// What the arena holds, less what it has not handed out yet.
size_t verimem_isl_bytes(const Table* table) {
  return table->arena.MemoryAllocatedBytes() -
         table->arena.AllocatedAndUnused();
}

// Does nothing: what a call from Rust costs.
const char* verimem_isl_nothing(const void* space) {
  return static_cast<const char*>(space);
}

}  // extern "C"

// What the files of RocksDB that are compiled beside this one refer to, and what
// no path taken here reaches: there is no tracker, no logger and no huge page
// table. Each says so and ends the process if it is reached after all.

namespace {

[[noreturn]] void Unreachable(const char* what) {
  fprintf(stderr, "inlineskiplist: %s was called\n", what);
  abort();
}

}  // namespace

namespace ROCKSDB_NAMESPACE {

void AllocTracker::Allocate(size_t) { Unreachable("AllocTracker::Allocate"); }
void AllocTracker::FreeMem() { Unreachable("AllocTracker::FreeMem"); }

void Log(const InfoLogLevel, Logger*, const char*, ...) { Unreachable("Log"); }

std::string errnoStr(int number) { return "error " + std::to_string(number); }

std::string Slice::ToString(bool) const { Unreachable("Slice::ToString"); }

Status::Status(Code, SubCode, const Slice&, const Slice&, Severity) {
  Unreachable("Status::Status");
}

}  // namespace ROCKSDB_NAMESPACE
