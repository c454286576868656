//===- Memory.cpp - aligned buffers and mapped files ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"
#include "Support.h"
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace nm::rt {

static constexpr uint64_t hugePage = uint64_t(2) << 20;

/// Huge pages that `bytes` fill, the last of them by three quarters at least:
/// what is not used of it is resident too.
static uint64_t hugePagesOf(uint64_t bytes) {
  return (bytes + hugePage / 4) / hugePage;
}

/// Fresh pages, so that the kernel can back them with huge ones: memory that
/// malloc recycles keeps the small pages it has. Null if there are none.
static std::shared_ptr<unsigned char> allocateHugePages(uint64_t bytes) {
  uint64_t rounded = (bytes / hugePage + 1) * hugePage;
  uint64_t reserved = rounded + hugePage; // room to align the start
  void *memory = mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  auto address = reinterpret_cast<uintptr_t>(memory);
  uintptr_t aligned = (address + hugePage - 1) / hugePage * hugePage;
  (void)madvise(reinterpret_cast<void *>(aligned),
                hugePagesOf(bytes) * hugePage, MADV_HUGEPAGE); // only advice
  return std::shared_ptr<unsigned char>(
      reinterpret_cast<unsigned char *>(aligned),
      [memory, reserved](unsigned char *) { munmap(memory, reserved); });
}

std::shared_ptr<unsigned char> allocateBuffer(uint64_t bytes) {
  if (bytes > SIZE_MAX / 2)
    throw std::bad_alloc();
  if (hugePagesOf(bytes) != 0)
    if (auto memory = allocateHugePages(bytes))
      return memory;
  uint64_t rounded = (bytes / kAlignment + 1) * kAlignment;
  void *memory = std::aligned_alloc(kAlignment, rounded);
  if (!memory)
    throw std::bad_alloc();
  return std::shared_ptr<unsigned char>(static_cast<unsigned char *>(memory),
                                        [](unsigned char *p) { std::free(p); });
}

void returnFreeHeap() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

static Error systemError(const std::string &path, const char *what, int code) {
  return makeError(code == ENOENT ? Errc::NotFound : Errc::Io, path,
                   ": cannot ", what, ": ", std::strerror(code));
}

namespace {
/// Every mapping of a MappedFile, by its address.
struct Mappings {
  std::mutex mutex;
  std::map<const unsigned char *, uint64_t> sizes;

  static Mappings &get() {
    static auto *mappings = new Mappings; // outlives every static MappedFile
    return *mappings;
  }
};
} // namespace

PassedPages::PassedPages(const void *start, uint64_t bytes) {
  auto *from = static_cast<const unsigned char *>(start);
  Mappings &mappings = Mappings::get();
  std::lock_guard<std::mutex> lock(mappings.mutex);
  auto after = mappings.sizes.upper_bound(from);
  if (after == mappings.sizes.begin())
    return;
  auto [begin, length] = *std::prev(after);
  uint64_t offset = uint64_t(from - begin);
  if (offset <= length && bytes <= length - offset)
    data = from;
}

void PassedPages::pass(uint64_t begin, uint64_t end) const {
  // Few calls of the system, each for many pages.
  constexpr uint64_t chunk = uint64_t(4) << 20;
  uint64_t first = begin / chunk * chunk, last = end / chunk * chunk;
  if (!data || first == last)
    return;
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto address = reinterpret_cast<uintptr_t>(data);
  uintptr_t from = (address + first + page - 1) / page * page;
  uintptr_t to = (address + last) / page * page;
  if (from < to)
    (void)madvise(reinterpret_cast<void *>(from), to - from,
                  MADV_DONTNEED); // private and never written: the file's
}

Result<std::shared_ptr<const MappedFile>>
MappedFile::open(const std::string &path) {
  if (path.find('\0') != std::string::npos)
    return makeError(Errc::Argument, quote(path), ": file name holds a NUL");
  // Non-blocking, so that a FIFO is refused instead of waited for.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return systemError(path, "open", errno);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    int code = errno;
    close(fd);
    return systemError(path, "stat", code);
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return makeError(Errc::Io, path, ": not a regular file");
  }
  std::shared_ptr<MappedFile> file(new MappedFile());
  file->length = static_cast<uint64_t>(info.st_size);
  file->permissions = info.st_mode & 0777;
  file->mtime =
      int64_t(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec;
  if (file->length != 0) {
    void *memory = mmap(nullptr, file->length, PROT_READ, MAP_PRIVATE, fd, 0);
    int code = errno;
    if (memory == MAP_FAILED) {
      close(fd);
      file->length = 0;
      return systemError(path, "map", code);
    }
    // Where the file system has large folios, pages of 2 MiB: a product that
    // reads a weight once waits for half as long.
    (void)madvise(memory, file->length, MADV_HUGEPAGE); // only advice
    file->begin = static_cast<const unsigned char *>(memory);
    Mappings &mappings = Mappings::get();
    std::lock_guard<std::mutex> lock(mappings.mutex);
    mappings.sizes[file->begin] = file->length;
  }
  close(fd);
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (!begin)
    return;
  {
    Mappings &mappings = Mappings::get();
    std::lock_guard<std::mutex> lock(mappings.mutex);
    mappings.sizes.erase(begin);
  }
  munmap(const_cast<unsigned char *>(begin), length);
}

} // namespace nm::rt
