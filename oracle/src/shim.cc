// A C interface to RocksDB's MemTable, one call per operation.

#include "shim.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "db/memtable.h"
#include "db/merge_context.h"
#include "db/range_tombstone_fragmenter.h"
#include "memory/arena.h"
#include "options/cf_options.h"
#include "rocksdb/comparator.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/merge_operator.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/system_clock.h"
#include "table/internal_iterator.h"
#include "table/multiget_context.h"

namespace {

using namespace ROCKSDB_NAMESPACE;

static_assert(sizeof(Slice) == sizeof(Bytes));

Slice In(Bytes bytes) { return Slice(bytes.data, bytes.size); }
Bytes Out(const Slice& slice) { return Bytes{slice.data(), slice.size()}; }

const Bytes* Out(const std::vector<Slice>& slices) {
  return reinterpret_cast<const Bytes*>(slices.data());
}

// The time of everything: nothing that is compared depends on it.
class NoClock : public SystemClock {
 public:
  const char* Name() const override { return "verimem.NoClock"; }
  uint64_t NowMicros() override { return 1; }
  void SleepForMicroseconds(int) override {}
  bool TimedWait(port::CondVar*, std::chrono::microseconds) override {
    return true;
  }
  Status GetCurrentTime(int64_t* seconds) override {
    *seconds = 1;
    return Status::OK();
  }
  std::string TimeToString(uint64_t) override { return std::string(); }
};

// Folds as Rust says.
class Operator : public MergeOperator {
 public:
  explicit Operator(uint8_t merging) : merging_(merging) {}
  const char* Name() const override { return "verimem.Operator"; }

  bool FullMergeV2(const MergeOperationInput& in,
                   MergeOperationOutput* out) const override {
    Bytes existing{};
    if (in.existing_value != nullptr) {
      existing = Out(*in.existing_value);
    }
    return verimem_oracle_fold(
        merging_, in.existing_value != nullptr ? &existing : nullptr,
        Out(in.operand_list), in.operand_list.size(), &out->new_value);
  }

  bool ShouldMerge(const std::vector<Slice>& newest_first) const override {
    return verimem_oracle_is_enough(merging_, Out(newest_first),
                                    newest_first.size());
  }

 private:
  const uint8_t merging_;
};

class Prefix : public SliceTransform {
 public:
  Prefix(size_t size, bool capped) : size_(size), capped_(capped) {}
  const char* Name() const override { return "verimem.Prefix"; }
  Slice Transform(const Slice& key) const override {
    return Slice(key.data(), std::min(size_, key.size()));
  }
  bool InDomain(const Slice& key) const override {
    return capped_ || key.size() >= size_;
  }

 private:
  const size_t size_;
  const bool capped_;
};

std::shared_ptr<const SliceTransform> MakePrefix(uint32_t size, bool capped) {
  if (size == 0) {
    return nullptr;
  }
  return std::make_shared<Prefix>(size, capped);
}

// Hides what a sight hides.
class Hiding : public ReadCallback {
 public:
  explicit Hiding(const Sight& sight)
      : ReadCallback(sight.snapshot, sight.min_uncommitted), sight_(sight) {}
  bool IsVisibleFullCheck(SequenceNumber sequence) override {
    if (sight_.pattern == 0) {
      return true;
    }
    if (sight_.pattern == 1) {
      return sequence % sight_.first != sight_.second;
    }
    return sequence < sight_.first || sequence > sight_.second;
  }

 private:
  const Sight sight_;
};

// The callback of a sight, if it needs one. With timestamps it always does: a
// search passes by numbers beyond the snapshot then, and RocksDB's callers hide
// them so.
class Callback {
 public:
  Callback(const Sight& sight, bool always) : hiding_(sight) {
    pointer_ = sight.pattern == 0 && !always ? nullptr : &hiding_;
  }
  ReadCallback* get() { return pointer_; }

 private:
  Hiding hiding_;
  ReadCallback* pointer_;
};

// Updates as Rust says, where the value is if there is room.
UpdateStatus Revise(char* existing, uint32_t* size, Slice delta,
                    std::string* merged) {
  const Decision decision =
      verimem_oracle_revise(Bytes{existing, *size}, Out(delta), merged);
  if (decision == kKeep) {
    return UpdateStatus::UPDATE_FAILED;
  }
  if (decision == kAdd || merged->size() > *size) {
    return UpdateStatus::UPDATED;
  }
  std::copy(merged->begin(), merged->end(), existing);
  *size = static_cast<uint32_t>(merged->size());
  return UpdateStatus::UPDATED_INPLACE;
}

Code CodeOf(const Status& status, bool found) {
  if (status.ok()) {
    return found ? kValue : kMissing;
  }
  if (status.IsNotFound()) {
    return kDeleted;
  }
  if (status.IsMergeInProgress()) {
    return kOperands;
  }
  if (status.IsNotSupported()) {
    return kNotSupported;
  }
  if (status.IsInvalidArgument()) {
    return kInvalidArgument;
  }
  if (status.subcode() == Status::SubCode::kMergeOperatorFailed) {
    return kMergeFailed;
  }
  return status.IsCorruption() ? kCorruption : kOther;
}

constexpr size_t kHints = 4;
constexpr size_t kLocks = 16;
constexpr size_t kTimestamp = sizeof(uint64_t);

// What is read, and as of when.
class AsOf {
 public:
  AsOf(const Sight& sight, bool stamped) {
    EncodeFixed64(bytes_, sight.timestamp);
    if (stamped) {
      timestamp_ = Slice(bytes_, kTimestamp);
      options_.timestamp = &timestamp_;
    }
  }
  AsOf(const AsOf&) = delete;
  AsOf& operator=(const AsOf&) = delete;
  const ReadOptions& options() const { return options_; }

 private:
  char bytes_[kTimestamp];
  Slice timestamp_;
  ReadOptions options_;
};

const Comparator* OrderOf(const Choices& options) {
  if (options.timestamps) {
    return options.reverse ? ReverseBytewiseComparatorWithU64Ts()
                           : BytewiseComparatorWithU64Ts();
  }
  return options.reverse ? ReverseBytewiseComparator() : BytewiseComparator();
}

uint64_t TimestampOf(const Slice& bytes) {
  return bytes.size() == kTimestamp ? DecodeFixed64(bytes.data()) : 0;
}

}  // namespace

// The members of RocksDB's options that a memtable reads are set below; their
// own constructors would bring the whole of RocksDB along.
namespace ROCKSDB_NAMESPACE {
ImmutableDBOptions::ImmutableDBOptions() {}
ImmutableCFOptions::ImmutableCFOptions()
    : internal_comparator(BytewiseComparator()) {}
ImmutableOptions::ImmutableOptions() {}
}  // namespace ROCKSDB_NAMESPACE

struct Table {
  NoClock clock;
  ImmutableOptions immutable;
  MutableCFOptions changing;
  std::unique_ptr<InternalKeyComparator> order;
  std::unique_ptr<MemTable> mem;
  const bool stamped;
  bool sealed = false;
  // What concurrent writers have added since the last `finish`.
  MemTablePostProcessInfo pending;
  void* hints[kHints] = {};
  // The last lookup.
  std::string value;
  std::string timestamp;
  MergeContext merges;
  std::deque<Slice> keys;
  std::deque<KeyContext> contexts;
  std::deque<PinnableSlice> values;
  std::deque<Status> statuses;
  std::deque<std::string> timestamps;

  explicit Table(const Choices& options) : stamped(options.timestamps) {
    // A table tells its newest timestamp only if a flush is to strip them.
    immutable.persist_user_defined_timestamps = !options.timestamps;
    immutable.clock = &clock;
    immutable.logger = nullptr;
    immutable.stats = nullptr;
    immutable.inplace_update_support = options.in_place;
    immutable.inplace_callback = options.in_place ? Revise : nullptr;
    immutable.allow_data_in_errors = false;
    immutable.memtable_batch_lookup_optimization = options.batched;
    immutable.memtable_factory = std::make_shared<SkipListFactory>();
    immutable.memtable_insert_with_hint_prefix_extractor =
        MakePrefix(options.hint_prefix, false);
    if (options.merging != 0) {
      immutable.merge_operator = std::make_shared<Operator>(options.merging);
    }
    changing.inplace_update_num_locks = kLocks;
    changing.write_buffer_size = options.write_buffer_size;
    changing.arena_block_size = options.arena_block_size;
    changing.memtable_prefix_bloom_size_ratio = options.bloom_ratio;
    changing.memtable_whole_key_filtering = options.whole_keys;
    changing.prefix_extractor = MakePrefix(options.prefix, options.capped);
    changing.memtable_protection_bytes_per_key = options.protection_bytes;
    changing.paranoid_memory_checks = options.verify;
    changing.memtable_verify_per_key_checksum_on_seek = options.verify;
    order = std::make_unique<InternalKeyComparator>(OrderOf(options));
    mem = std::make_unique<MemTable>(*order, immutable, changing, nullptr,
                                     kMaxSequenceNumber, 0);
    mem->Ref();
  }

  ~Table() {
    for (void* hint : hints) {
      delete[] static_cast<char*>(hint);
    }
    mem->Unref();
  }
};

struct Iter {
  Arena arena;
  InternalIterator* at;
  // What a seek goes to.
  std::string target;

  Iter(Table* table, bool stripped)
      : at(stripped ? table->mem->NewTimestampStrippingIterator(
                          Reading(), nullptr, &arena, nullptr, kTimestamp)
                    : table->mem->NewIterator(Reading(), nullptr, &arena,
                                              nullptr, false)) {}
  ~Iter() { at->~InternalIterator(); }

  static ReadOptions Reading() {
    ReadOptions options;
    options.total_order_seek = true;
    return options;
  }

  Slice Target(Bytes key, uint64_t sequence, ValueType kind) {
    target.clear();
    AppendInternalKey(&target, ParsedInternalKey(In(key), sequence, kind));
    return target;
  }
};

extern "C" {

void verimem_oracle_append(void* result, Bytes bytes) {
  static_cast<std::string*>(result)->append(bytes.data, bytes.size);
}

Table* verimem_oracle_new(const Choices* options) {
  return new Table(*options);
}

void verimem_oracle_free(Table* table) { delete table; }

// Adds an entry as the only writer (`hint` is -1), as one of several (-2), or as
// one of several with a hint. Says whether it is new.
bool verimem_oracle_add(Table* table, uint64_t sequence, uint8_t kind,
                        Bytes key, Bytes value, int hint) {
  const ValueType type = static_cast<ValueType>(kind);
  Status status;
  if (hint == -1 && type != kTypeRangeDeletion) {
    status = table->mem->Add(sequence, type, In(key), In(value), nullptr);
  } else {
    void** const place = hint < 0 || type == kTypeRangeDeletion
                             ? nullptr
                             : &table->hints[hint % kHints];
    status = table->mem->Add(sequence, type, In(key), In(value), nullptr, true,
                             &table->pending, place);
  }
  return status.ok();
}

// Adds an entry as the only writer, with the checksum of another.
Added verimem_oracle_add_protected(Table* table, const Put* entry,
                                   const Put* other) {
  const ProtectionInfoKVOS64 protection =
      ProtectionInfo64()
          .ProtectKVO(In(other->key), In(other->value),
                      static_cast<ValueType>(other->kind))
          .ProtectS(other->sequence);
  const Status status = table->mem->Add(
      entry->sequence, static_cast<ValueType>(entry->kind), In(entry->key),
      In(entry->value), &protection);
  if (status.ok()) {
    return kAdded;
  }
  if (status.IsTryAgain()) {
    return kDuplicate;
  }
  return status.IsCorruption() ? kDamaged : kRefused;
}

// Gives a key a value, as the only writer.
Updated verimem_oracle_update(Table* table, uint64_t sequence, Bytes key,
                              Bytes value) {
  const Status status =
      table->mem->Update(sequence, kTypeValue, In(key), In(value), nullptr);
  return status.ok() ? kUpdated : kNotUpdated;
}

// Gives a key the value that `verimem_oracle_revise` makes of the present one,
// if its newest entry is a value.
Updated verimem_oracle_update_with(Table* table, uint64_t sequence, Bytes key,
                                   Bytes delta) {
  const Status status =
      table->mem->UpdateCallback(sequence, In(key), In(delta), nullptr);
  if (status.IsNotFound()) {
    return kNoValue;
  }
  return status.ok() ? kUpdated : kNotUpdated;
}

// Ends the batches of concurrent writers.
void verimem_oracle_finish(Table* table) {
  table->mem->BatchPostProcess(table->pending);
  table->pending = MemTablePostProcessInfo();
}

void verimem_oracle_seal(Table* table) {
  table->mem->ConstructFragmentedRangeTombstones();
  table->mem->MarkImmutable();
  table->sealed = true;
}

// A get. Operands are folded (`fold`), or gathered with the value below them.
void verimem_oracle_get(Table* table, Bytes key, const Sight* sight, bool fold,
                        Reply* reply) {
  table->value.clear();
  table->timestamp.clear();
  table->merges.Clear();
  const AsOf as_of(*sight, table->stamped);
  const LookupKey lookup(In(key), sight->snapshot, as_of.options().timestamp);
  Callback callback(*sight, table->stamped);
  Status status;
  SequenceNumber covering = 0;
  SequenceNumber sequence = kMaxSequenceNumber;
  bool is_blob_index = false;
  const bool found = table->mem->Get(
      lookup, fold ? &table->value : nullptr, nullptr,
      table->stamped ? &table->timestamp : nullptr, &status, &table->merges,
      &covering, &sequence, as_of.options(), table->sealed,
      callback.get(), &is_blob_index, fold);
  const std::vector<Slice>& operands =
      table->merges.GetOperandsDirectionBackward();
  *reply = Reply{Out(table->value), Out(operands),
                 operands.size(),   sequence,
                 covering,          TimestampOf(table->timestamp),
                 CodeOf(status, found), is_blob_index,
                 !table->timestamp.empty()};
}

// Gets of up to 32 keys at once; `sequence` is not told.
void verimem_oracle_multi_get(Table* table, size_t count, const Bytes* keys,
                              const Sight* sight, Reply* replies) {
  table->keys.clear();
  table->contexts.clear();
  table->values.clear();
  table->statuses.clear();
  table->timestamps.clear();
  autovector<KeyContext*, MultiGetContext::MAX_BATCH_SIZE> sorted;
  for (size_t i = 0; i < count; ++i) {
    table->keys.push_back(In(keys[i]));
    table->contexts.emplace_back(
        nullptr, table->keys.back(), &table->values.emplace_back(), nullptr,
        table->stamped ? &table->timestamps.emplace_back() : nullptr,
        &table->statuses.emplace_back());
    sorted.push_back(&table->contexts.back());
  }
  const Comparator* const order = table->order->user_comparator();
  std::sort(sorted.begin(), sorted.end(),
            [order](const KeyContext* a, const KeyContext* b) {
              return order->CompareWithoutTimestamp(*a->key, false, *b->key,
                                                    false) < 0;
            });
  Callback callback(*sight, table->stamped);
  const AsOf as_of(*sight, table->stamped);
  const ReadOptions& reading = as_of.options();
  MultiGetContext context(&sorted, 0, count, sight->snapshot, reading, nullptr,
                          nullptr);
  MultiGetContext::Range range = context.GetMultiGetRange();
  table->mem->MultiGet(reading, &range, callback.get(), table->sealed);
  std::vector<const KeyContext*> open;
  for (auto at = range.begin(); at != range.end(); ++at) {
    open.push_back(&*at);
  }
  for (size_t i = 0; i < count; ++i) {
    const KeyContext& one = table->contexts[i];
    const bool found = std::find(open.begin(), open.end(), &one) == open.end();
    const std::vector<Slice>& operands =
        one.merge_context.GetOperandsDirectionBackward();
    replies[i] = Reply{Out(table->values[i]),
                       Out(operands),
                       operands.size(),
                       0,
                       one.max_covering_tombstone_seq,
                       table->stamped ? TimestampOf(table->timestamps[i]) : 0,
                       CodeOf(table->statuses[i], found),
                       one.is_blob_index,
                       table->stamped && !table->timestamps[i].empty()};
  }
}

// What range deletions up to a number delete, each with the newest of them.
void verimem_oracle_fragments(Table* table, uint64_t last,
                              void (*each)(void*, Bytes, Bytes, uint64_t),
                              void* context) {
  const std::unique_ptr<FragmentedRangeTombstoneIterator> at(
      table->mem->NewRangeTombstoneIterator(ReadOptions(), last,
                                            table->sealed));
  if (at == nullptr) {
    return;
  }
  for (at->SeekToTopFirst(); at->Valid(); at->TopNext()) {
    each(context, Out(at->start_key()), Out(at->end_key()), at->seq());
  }
}

void verimem_oracle_counters(Table* table, Counters* counters) {
  const MemTable& mem = *table->mem;
  const Slice newest = table->stamped ? mem.GetNewestUDT() : Slice();
  *counters = Counters{mem.NumEntries(),
                       mem.NumDeletion(),
                       mem.NumRangeDeletion(),
                       mem.GetDataSize(),
                       table->mem->GetFirstSequenceNumber(),
                       TimestampOf(newest),
                       mem.IsEmpty(),
                       !newest.empty()};
}

// Over all entries, or over all with timestamps of 0 in place of their own.
Iter* verimem_oracle_iter(Table* table, bool stripped) {
  return new Iter(table, stripped);
}

void verimem_oracle_iter_free(Iter* iter) { delete iter; }

void verimem_oracle_iter_seek(Iter* iter, Bytes key, uint64_t sequence) {
  iter->at->Seek(iter->Target(key, sequence, kValueTypeForSeek));
}

void verimem_oracle_iter_seek_for_prev(Iter* iter, Bytes key,
                                       uint64_t sequence) {
  iter->at->SeekForPrev(iter->Target(key, sequence, kValueTypeForSeekForPrev));
}

void verimem_oracle_iter_first(Iter* iter) { iter->at->SeekToFirst(); }

void verimem_oracle_iter_last(Iter* iter) { iter->at->SeekToLast(); }

// The iterator must be on an entry.
void verimem_oracle_iter_next(Iter* iter) { iter->at->Next(); }

// The iterator must be on an entry.
void verimem_oracle_iter_prev(Iter* iter) { iter->at->Prev(); }

// 0 when it is on no entry, 1 when it is, 2 when it failed.
int verimem_oracle_iter_entry(const Iter* iter, Bytes* internal_key,
                              Bytes* value) {
  if (!iter->at->status().ok()) {
    return 2;
  }
  if (!iter->at->Valid()) {
    return 0;
  }
  *internal_key = Out(iter->at->key());
  *value = Out(iter->at->value());
  return 1;
}

}  // extern "C"
