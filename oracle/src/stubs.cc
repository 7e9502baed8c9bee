// What the files of RocksDB that are compiled beside this one refer to, and what
// no path taken here reaches: options as text, the cache's budget, blob files,
// column families.
// Each says so and ends the process if it is reached after all.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/blob/blob_file_partition_manager.h"
#include "db/blob/prefetch_buffer_collection.h"
#include "db/column_family.h"
#include "rocksdb/configurable.h"
#include "rocksdb/customizable.h"
#include "rocksdb/env.h"
#include "rocksdb/system_clock.h"
#include "rocksdb/utilities/options_type.h"
#include "rocksdb/write_buffer_manager.h"
#include "util/string_util.h"

namespace {

[[noreturn]] void Unreachable(const char* what) {
  fprintf(stderr, "oracle: %s was called\n", what);
  abort();
}

using Texts = std::unordered_map<std::string, std::string>;

}  // namespace

namespace ROCKSDB_NAMESPACE {

Status Customizable::GetOption(const ConfigOptions&, const std::string&,
                               std::string*) const {
  Unreachable("Customizable::GetOption");
}
std::string Customizable::SerializeOptions(const ConfigOptions&,
                                           const std::string&) const {
  Unreachable("Customizable::SerializeOptions");
}
bool Customizable::AreEquivalent(const ConfigOptions&, const Configurable*,
                                 std::string*) const {
  Unreachable("Customizable::AreEquivalent");
}
std::string Customizable::GetOptionName(const std::string&) const {
  Unreachable("Customizable::GetOptionName");
}
Status Configurable::PrepareOptions(const ConfigOptions&) {
  Unreachable("Configurable::PrepareOptions");
}
Status Configurable::ValidateOptions(const DBOptions&,
                                     const ColumnFamilyOptions&) const {
  Unreachable("Configurable::ValidateOptions");
}
Status Configurable::ConfigureOptions(const ConfigOptions&, const Texts&,
                                      Texts*) {
  Unreachable("Configurable::ConfigureOptions");
}
Status Configurable::ParseStringOptions(const ConfigOptions&,
                                        const std::string&) {
  Unreachable("Configurable::ParseStringOptions");
}
Status Configurable::ParseOption(const ConfigOptions&, const OptionTypeInfo&,
                                 const std::string&, const std::string&,
                                 void*) {
  Unreachable("Configurable::ParseOption");
}
bool Configurable::OptionsAreEqual(const ConfigOptions&, const OptionTypeInfo&,
                                   const std::string&, const void*, const void*,
                                   std::string*) const {
  Unreachable("Configurable::OptionsAreEqual");
}
std::string Configurable::SerializeOptions(const ConfigOptions&,
                                           const std::string&) const {
  Unreachable("Configurable::SerializeOptions");
}
std::string Configurable::GetOptionName(const std::string&) const {
  Unreachable("Configurable::GetOptionName");
}
Status Configurable::GetOption(const ConfigOptions&, const std::string&,
                               std::string*) const {
  Unreachable("Configurable::GetOption");
}
bool Configurable::AreEquivalent(const ConfigOptions&, const Configurable*,
                                 std::string*) const {
  Unreachable("Configurable::AreEquivalent");
}
const void* Configurable::GetOptionsPtr(const std::string&) const {
  Unreachable("Configurable::GetOptionsPtr");
}
// The one thing here that is called: by the factory of skiplists, for options
// that are never read as text.
void Configurable::RegisterOptions(
    const std::string&, void*,
    const std::unordered_map<std::string, OptionTypeInfo>*) {}

const std::shared_ptr<SystemClock>& SystemClock::Default() {
  Unreachable("SystemClock::Default");
}
void WriteBufferManager::ReserveMem(size_t) {
  Unreachable("WriteBufferManager::ReserveMem");
}
void WriteBufferManager::ScheduleFreeMem(size_t) {
  Unreachable("WriteBufferManager::ScheduleFreeMem");
}
void WriteBufferManager::FreeMem(size_t) {
  Unreachable("WriteBufferManager::FreeMem");
}
FilePrefetchBuffer* PrefetchBufferCollection::GetOrCreatePrefetchBuffer(
    uint64_t) {
  Unreachable("PrefetchBufferCollection::GetOrCreatePrefetchBuffer");
}

uint32_t GetColumnFamilyID(ColumnFamilyHandle*) {
  Unreachable("GetColumnFamilyID");
}

void BlobFilePartitionManager::UnprotectSealedBlobFileNumbers(
    const std::vector<uint64_t>&) {
  Unreachable("BlobFilePartitionManager::UnprotectSealedBlobFileNumbers");
}

// A log line about an entry that is refused; the status says it too.
void Log(const InfoLogLevel, Logger*, const char*, ...) {}

std::string errnoStr(int number) { return "error " + std::to_string(number); }

}  // namespace ROCKSDB_NAMESPACE
