//===- Memory.h - aligned buffers and mapped files ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_MEMORY_H
#define NM_LIB_RUNTIME_MEMORY_H

#include "nm/Runtime/Result.h"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nm::rt {

constexpr size_t kAlignment = 64;

/// Allocates `bytes` (not initialised), aligned to 64 bytes; large buffers are
/// aligned to and advised for huge pages. Never null; throws std::bad_alloc.
std::shared_ptr<unsigned char> allocateBuffer(uint64_t bytes);

/// Gives the system back what the heap holds and nobody uses: after work that
/// takes much of it, and before work that lasts.
void returnFreeHeap();

inline bool isAligned(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % kAlignment == 0;
}

/// A whole file, mapped read-only. Shrinking the file while it is mapped is the
/// caller's fault and raises SIGBUS, as with every mapping.
class MappedFile {
public:
  static Result<std::shared_ptr<const MappedFile>>
  open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const unsigned char *data() const { return begin; }
  uint64_t size() const { return length; }
  int64_t mtimeNs() const { return mtime; }
  /// Permission bits.
  unsigned mode() const { return permissions; }

private:
  MappedFile() = default;
  const unsigned char *begin = nullptr;
  uint64_t length = 0;
  int64_t mtime = 0;
  unsigned permissions = 0;
};

/// Lets go of the pages of a mapped file that sequential readers have passed,
/// so that a checkpoint of any size is never resident as a whole. Whoever reads
/// them again gets them from the page cache. Memory that is not of a mapped
/// file is left alone.
class PassedPages {
public:
  PassedPages() = default;
  PassedPages(const void *data, uint64_t bytes);
  /// Bytes [begin, end) of the data were read. Several threads may call it.
  void pass(uint64_t begin, uint64_t end) const;

private:
  const unsigned char *data = nullptr; ///< null: not of a mapped file
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_MEMORY_H
