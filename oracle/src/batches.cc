// RocksDB's write batch, in C: built record by record, and read.

#include <memory>
#include <string>

#include "db/seqno_to_time_mapping.h"
#include "db/write_batch_internal.h"
#include "rocksdb/write_batch.h"
#include "shim.h"

using namespace ROCKSDB_NAMESPACE;

namespace {

Slice In(Bytes bytes) { return Slice(bytes.data, bytes.size); }
Bytes Out(const Slice& slice) { return Bytes{slice.data(), slice.size()}; }

using Each = void (*)(void*, uint8_t, uint32_t, Bytes, Bytes);

// Tells each record by the type that it has in the default column family.
class Reader : public WriteBatch::Handler {
 public:
  Reader(Each each, void* context) : each_(each), context_(context) {}

  Status PutCF(uint32_t id, const Slice& key, const Slice& value) override {
    return Tell(kTypeValue, id, key, value);
  }
  Status TimedPutCF(uint32_t id, const Slice& key, const Slice& value,
                    uint64_t time) override {
    std::string packed;
    return Tell(kTypeValuePreferredSeqno, id, key,
                PackValueAndWriteTime(value, time, &packed));
  }
  Status PutEntityCF(uint32_t id, const Slice& key,
                     const Slice& entity) override {
    return Tell(kTypeWideColumnEntity, id, key, entity);
  }
  Status DeleteCF(uint32_t id, const Slice& key) override {
    return Tell(kTypeDeletion, id, key, Slice());
  }
  Status SingleDeleteCF(uint32_t id, const Slice& key) override {
    return Tell(kTypeSingleDeletion, id, key, Slice());
  }
  Status DeleteRangeCF(uint32_t id, const Slice& begin,
                       const Slice& end) override {
    return Tell(kTypeRangeDeletion, id, begin, end);
  }
  Status MergeCF(uint32_t id, const Slice& key, const Slice& value) override {
    return Tell(kTypeMerge, id, key, value);
  }
  Status PutBlobIndexCF(uint32_t id, const Slice& key,
                        const Slice& value) override {
    return Tell(kTypeBlobIndex, id, key, value);
  }
  void LogData(const Slice& blob) override {
    Tell(kTypeLogData, 0, blob, Slice());
  }
  // Both policies of prepared transactions are told alike.
  Status MarkBeginPrepare(bool unprepared) override {
    return Tell(unprepared ? kTypeBeginUnprepareXID : kTypeBeginPrepareXID, 0,
                Slice(), Slice());
  }
  Status MarkEndPrepare(const Slice& xid) override {
    return Tell(kTypeEndPrepareXID, 0, xid, Slice());
  }
  Status MarkNoop(bool) override {
    return Tell(kTypeNoop, 0, Slice(), Slice());
  }
  Status MarkRollback(const Slice& xid) override {
    return Tell(kTypeRollbackXID, 0, xid, Slice());
  }
  Status MarkCommit(const Slice& xid) override {
    return Tell(kTypeCommitXID, 0, xid, Slice());
  }
  Status MarkCommitWithTimestamp(const Slice& xid,
                                 const Slice& timestamp) override {
    return Tell(kTypeCommitXIDAndTimestamp, 0, timestamp, xid);
  }

 private:
  Status Tell(uint8_t type, uint32_t id, const Slice& key, const Slice& value) {
    each_(context_, type, id, Out(key), Out(value));
    return Status::OK();
  }

  Each each_;
  void* context_;
};

}  // namespace

extern "C" {

WriteBatch* verimem_oracle_batch() { return new WriteBatch(); }

void verimem_oracle_batch_free(WriteBatch* batch) { delete batch; }

// Adds a record, by the type that it has in the default column family. False
// when RocksDB refuses it.
bool verimem_oracle_batch_add(WriteBatch* batch, uint8_t type, uint32_t id,
                              Bytes first, Bytes second) {
  const Slice key = In(first);
  const Slice value = In(second);
  switch (type) {
    case kTypeValue:
      return WriteBatchInternal::Put(batch, id, key, value).ok();
    case kTypeDeletion:
      return WriteBatchInternal::Delete(batch, id, key).ok();
    case kTypeSingleDeletion:
      return WriteBatchInternal::SingleDelete(batch, id, key).ok();
    case kTypeRangeDeletion:
      return WriteBatchInternal::DeleteRange(batch, id, key, value).ok();
    case kTypeMerge:
      return WriteBatchInternal::Merge(batch, id, key, value).ok();
    case kTypeBlobIndex:
      return WriteBatchInternal::PutBlobIndex(batch, id, key, value).ok();
    case kTypeWideColumnEntity:
      return WriteBatchInternal::PutEntitySerialized(batch, id, key, value)
          .ok();
    case kTypeValuePreferredSeqno: {
      const auto [unpacked, time] = ParsePackedValueWithWriteTime(value);
      return WriteBatchInternal::TimedPut(batch, id, key, unpacked, time).ok();
    }
    case kTypeLogData:
      return batch->PutLogData(key).ok();
    case kTypeNoop:
      return WriteBatchInternal::InsertNoop(batch).ok();
    case kTypeBeginPrepareXID:
      return WriteBatchInternal::InsertBeginPrepare(batch, true, false).ok();
    case kTypeBeginPersistedPrepareXID:
      return WriteBatchInternal::InsertBeginPrepare(batch, false, false).ok();
    case kTypeBeginUnprepareXID:
      return WriteBatchInternal::InsertBeginPrepare(batch, false, true).ok();
    case kTypeEndPrepareXID:
      return WriteBatchInternal::InsertEndPrepare(batch, key).ok();
    case kTypeCommitXID:
      return WriteBatchInternal::MarkCommit(batch, key).ok();
    case kTypeCommitXIDAndTimestamp:
      return WriteBatchInternal::MarkCommitWithTimestamp(batch, value, key)
          .ok();
    case kTypeRollbackXID:
      return WriteBatchInternal::MarkRollback(batch, key).ok();
    default:
      return false;
  }
}

void verimem_oracle_batch_set_sequence(WriteBatch* batch, uint64_t sequence) {
  WriteBatchInternal::SetSequence(batch, sequence);
}

bool verimem_oracle_batch_append(WriteBatch* batch, const WriteBatch* other) {
  return WriteBatchInternal::Append(batch, other).ok();
}

void verimem_oracle_batch_set_save_point(WriteBatch* batch) {
  batch->SetSavePoint();
}

bool verimem_oracle_batch_rollback(WriteBatch* batch) {
  return batch->RollbackToSavePoint().ok();
}

bool verimem_oracle_batch_pop(WriteBatch* batch) {
  return batch->PopSavePoint().ok();
}

void verimem_oracle_batch_clear(WriteBatch* batch) { batch->Clear(); }

// Good until the batch changes.
Bytes verimem_oracle_batch_bytes(const WriteBatch* batch) {
  return Out(batch->Data());
}

// Tells each record, as far as they can be read; true when all can, and are as
// many as the bytes say.
bool verimem_oracle_batch_read(Bytes bytes, Each each, void* context) {
  const WriteBatch batch{std::string(bytes.data, bytes.size)};
  Reader reader(each, context);
  return batch.Iterate(&reader).ok();
}

}  // extern "C"
