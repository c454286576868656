//===- FileCache.cpp - A bounded folder of what was made before -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/FileCache.h"
#include "nm/Support/Bytes.h"
#include "nm/Support/Checksum.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/OutputFile.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <vector>

namespace nm::support {

namespace {

constexpr std::string_view kMagic = "NMCACHE1";
/// Magic, lengths of key and content, hash.
constexpr size_t kHeaderBytes = 32;
constexpr std::string_view kEnding = ".entry";
constexpr size_t kNameDigits = 16;
/// What a process that was killed left behind is this old, in seconds.
constexpr time_t kLeftBehind = 3600;

class Descriptor {
public:
  explicit Descriptor(int fd) : fd(fd) {}
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  operator int() const { return fd; }

private:
  int fd;
};

uint64_t hashOf(std::string_view text) {
  return hashBytes(text.data(), text.size());
}

uint64_t hashOf(std::string_view key, std::string_view content) {
  return mixHash(hashOf(key), hashOf(content));
}

Error cacheError(const std::string &path, const std::string &why) {
  return makeError(Errc::Io, quotePath(path), ": ", why);
}

/// Only this user can have written it.
bool isOwn(const struct stat &status) {
  return status.st_uid == ::geteuid() && (status.st_mode & 022) == 0;
}

/// With the folders that it is in.
Status makeFolder(const std::string &path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return cacheError(part, std::strerror(errno));
    if (end == std::string::npos)
      return {};
  }
}

Result<std::string> readAll(int fd, const std::string &path, uint64_t bytes) {
  std::string text(bytes, '\0');
  size_t done = 0;
  while (done < text.size()) {
    ssize_t got = ::read(fd, text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return cacheError(path, got < 0 ? std::strerror(errno)
                                      : "it became shorter while it was read");
    done += static_cast<size_t>(got);
  }
  return text;
}

bool endsWith(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() &&
         text.substr(text.size() - ending.size()) == ending;
}

bool isEntryName(std::string_view name) {
  return name.size() == kNameDigits + kEnding.size() &&
         endsWith(name, kEnding) &&
         name.substr(0, kNameDigits).find_first_not_of("0123456789abcdef") ==
             std::string_view::npos;
}

/// Of the writer, which could not use a file without a name.
bool isTemporaryName(std::string_view name) {
  return name.size() > 1 + kNameDigits && name.front() == '.' &&
         endsWith(name, ".tmp");
}

struct Found {
  std::string name;
  uint64_t bytes;
  timespec used;
};

bool wasUsedBefore(const Found &a, const Found &b) {
  return std::tie(a.used.tv_sec, a.used.tv_nsec, a.name) <
         std::tie(b.used.tv_sec, b.used.tv_nsec, b.name);
}

} // namespace

Result<FileCache> FileCache::open(const std::string &folder,
                                  uint64_t mostBytes) {
  NM_RETURN_IF_ERROR(makeFolder(folder));
  struct stat status;
  if (::stat(folder.c_str(), &status) != 0)
    return cacheError(folder, std::strerror(errno));
  if (!S_ISDIR(status.st_mode))
    return cacheError(folder, "it is a file; expected a folder");
  if (!isOwn(status))
    return cacheError(folder, "others can write to it; expected a folder of "
                              "this user with mode 0700");
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    return cacheError(folder, std::strerror(errno));
  return FileCache(folder, mostBytes);
}

std::string FileCache::pathOf(std::string_view key) const {
  static const char digits[] = "0123456789abcdef";
  std::string name;
  uint64_t hash = hashOf(key);
  for (size_t i = 0; i < kNameDigits; ++i, hash >>= 4)
    name += digits[hash & 15];
  return folder + "/" + name + std::string(kEnding);
}

std::string makeCacheEntry(std::string_view key, std::string_view content) {
  uint64_t words[3] = {key.size(), content.size(), hashOf(key, content)};
  std::string file(kMagic);
  file.append(reinterpret_cast<const char *>(words), sizeof(words));
  file += key;
  file += content;
  return file;
}

Result<std::optional<std::string_view>> readCacheEntry(std::string_view file,
                                                       std::string_view key) {
  if (file.size() < kHeaderBytes || file.substr(0, kMagic.size()) != kMagic)
    return makeError(Errc::Format, "it is no entry of this version");
  auto word = [&](size_t index) {
    return loadUnaligned<uint64_t>(file.data() + 8 + 8 * index);
  };
  uint64_t keyBytes = word(0), bytes = word(1);
  std::string_view rest = file.substr(kHeaderBytes);
  if (keyBytes > rest.size() || bytes != rest.size() - keyBytes)
    return makeError(Errc::Format, "a key of ", keyBytes, " and a content of ",
                     bytes, " bytes do not make the ", rest.size(),
                     " bytes that follow");
  std::string_view found = rest.substr(0, keyBytes),
                   content = rest.substr(keyBytes);
  if (word(2) != hashOf(found, content))
    return makeError(Errc::Format, "its checksum differs");
  if (found != key)
    return std::optional<std::string_view>();
  return std::optional<std::string_view>(content);
}

Result<std::optional<std::string>> FileCache::find(std::string_view key) const {
  using Answer = Result<std::optional<std::string>>;
  return guarded([&]() -> Answer {
    std::string path = pathOf(key);
    Descriptor fd(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd < 0 && errno == ENOENT)
      return std::optional<std::string>();
    struct stat status;
    if (fd < 0 || ::fstat(fd, &status) != 0)
      return cacheError(path, std::strerror(errno));
    if (!S_ISREG(status.st_mode) || !isOwn(status))
      return cacheError(path, "it is no file that this user alone can write");
    auto size = static_cast<uint64_t>(status.st_size);
    if (size > mostBytes)
      return cacheError(path, "it is larger than the whole cache may be");
    Result<std::string> file = readAll(fd, path, size);
    if (!file)
      return file.error();
    Result<std::optional<std::string_view>> content =
        readCacheEntry(*file, key);
    if (!content)
      return cacheError(path, content.error().message);
    if (!*content)
      return std::optional<std::string>();
    (void)::futimens(fd, nullptr);
    return std::optional<std::string>(**content);
  });
}

Status FileCache::keep(std::string_view key, std::string_view content) const {
  return guarded([&]() -> Status {
    if (kHeaderBytes + key.size() + content.size() > mostBytes)
      return {};
    // The writer follows links, and waits for the reader of a pipe.
    std::string path = pathOf(key);
    struct stat status;
    if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
        ::unlink(path.c_str()) != 0)
      return cacheError(path, std::strerror(errno));
    OutputOptions options;
    options.mode = 0600;
    options.keepMode = false;
    NM_RETURN_IF_ERROR(writeFile(path, makeCacheEntry(key, content), options));
    removeOldest();
    return {};
  });
}

/// One process at a time; who finds another at work leaves it to that.
void FileCache::removeOldest() const {
  Descriptor lock(::open((folder + "/lock").c_str(),
                         O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock < 0 || ::flock(lock, LOCK_EX | LOCK_NB) != 0)
    return;
  DIR *entries = ::opendir(folder.c_str());
  if (!entries)
    return;
  std::vector<Found> all;
  uint64_t total = 0;
  time_t now = ::time(nullptr);
  while (dirent *entry = ::readdir(entries)) {
    struct stat status;
    std::string name = entry->d_name;
    if (::fstatat(::dirfd(entries), name.c_str(), &status,
                  AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode))
      continue;
    if (isTemporaryName(name) && status.st_mtime < now - kLeftBehind)
      ::unlinkat(::dirfd(entries), name.c_str(), 0);
    if (!isEntryName(name))
      continue;
    auto bytes = static_cast<uint64_t>(status.st_size);
    all.push_back({name, bytes, status.st_mtim});
    total += bytes;
  }
  std::sort(all.begin(), all.end(), wasUsedBefore);
  for (const Found &each : all) {
    if (total <= mostBytes)
      break;
    ::unlinkat(::dirfd(entries), each.name.c_str(), 0);
    total -= each.bytes;
  }
  ::closedir(entries);
}

std::string userCacheFolder(const std::string &name) {
  auto absolute = [](const char *variable) -> std::string {
    const char *value = std::getenv(variable);
    return value && *value == '/' ? value : "";
  };
  if (std::string folder = absolute("XDG_CACHE_HOME"); !folder.empty())
    return folder + "/" + name;
  std::string home = absolute("HOME");
  return home.empty() ? "" : home + "/.cache/" + name;
}

} // namespace nm::support
