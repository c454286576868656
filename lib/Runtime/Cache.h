//===- Cache.h - packed parameters on disk --------------------------------===//

#ifndef NM_LIB_RUNTIME_CACHE_H
#define NM_LIB_RUNTIME_CACHE_H

#include "Memory.h"
#include "nm/Runtime/Params.h"

namespace nm::rt {

/// Hash of a buffer: not cryptographic, but any damage changes it.
uint64_t checksum(const void *data, uint64_t bytes);

/// One parameter of a cache file. An absent one was not packed.
struct CacheEntry {
  bool present = false;
  const unsigned char *values = nullptr;
  const unsigned char *metadata = nullptr;
  int64_t valuesBytes = 0;
  int64_t metadataBytes = 0;
  std::string maskSource;
};

struct CacheContents {
  std::vector<CacheEntry> entries;
  /// Keeps the mapping alive.
  std::shared_ptr<const void> owner;
};

/// Everything that packed buffers depend on, as text: layout code version,
/// identities of the checkpoint files, manifest, mask options.
std::string cacheKey(const Manifest &manifest,
                     const std::vector<const Checkpoint *> &checkpoints,
                     const MaskOptions &mask);

/// Maps a cache file. Fails when it is missing, stale (another key) or damaged;
/// the message says which.
Result<CacheContents> readCache(const std::string &path,
                                const std::string &key);

/// Writes a cache file atomically.
Status writeCache(const std::string &path, const std::string &key,
                  const std::vector<CacheEntry> &entries);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_CACHE_H
