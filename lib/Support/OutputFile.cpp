//===- OutputFile.cpp - The one writer of files -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/OutputFile.h"
#include "Place.h"
#include "nm/Support/Signals.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <random>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace nm::support {

Sink::~Sink() = default;

struct OutputFile::State {
  Place place;
  OutputOptions options;
  int fd = -1;
  /// The name beside the final one, once there is one.
  std::string temporary;
  std::optional<TemporaryPath> guard;
  std::string buffer;
  uint64_t written = 0;       ///< bytes before those of the buffer
  bool inChunks = false;      ///< as the file of large parts
  std::optional<Error> error; ///< the first
  FILE *stream = nullptr;
  bool prepared = false, committed = false;

  /// Written beside and renamed, not through.
  bool isFile() const {
    return place.kind == Place::Kind::New || place.kind == Place::Kind::Regular;
  }

  /// These return 0, or the error number.
  int put(const char *from, uint64_t bytes);
  int flush();
  /// Whole chunks of the file by one call each, the rest into the buffer.
  int putChunks(const char *from, uint64_t bytes);
};

namespace {

constexpr size_t kBufferBytes = size_t(64) << 10;
/// Linux keeps what one call writes to a whole such piece of a file as one
/// page, which whoever maps the file gets as one: a product that reads its
/// weights out of memory waits for half as long.
constexpr uint64_t kChunkBytes = uint64_t(2) << 20;

/// Beside the file: `.name.0123456789abcdef.tmp`, hidden and never the same.
std::string temporaryName(const Place &place) {
  static const char digits[] = "0123456789abcdef";
  constexpr size_t longest = 200; // a name has at most 255 bytes
  std::random_device random;
  std::string name =
      place.folder() + "/." + place.leaf().substr(0, longest) + ".";
  for (int i = 0; i < 2; ++i)
    for (unsigned bits = random(), k = 0; k < 8; ++k, bits >>= 4)
      name += digits[bits & 15];
  return name + ".tmp";
}

int openSocket(const std::string &path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fd;
  if (::connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) ==
      0)
    return fd;
  int code = errno;
  ::close(fd);
  errno = code;
  return -1;
}

int openThrough(const Place &place) {
  if (place.kind == Place::Kind::Descriptor) {
    std::fflush(nullptr); // what was printed before comes before
    return ::fcntl(place.descriptor, F_DUPFD_CLOEXEC, 3);
  }
  if (S_ISSOCK(place.status.st_mode))
    return openSocket(place.path);
  int fd = -1;
  do
    fd = ::open(place.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  while (fd < 0 && errno == EINTR);
  return fd;
}

/// A file of this mode, owner and group, as far as this process may.
void copyOwner(int fd, const struct stat &status) {
  if (::fchown(fd, status.st_uid, status.st_gid) != 0)
    (void)!::fchown(fd, static_cast<uid_t>(-1), status.st_gid);
  // Not the bits that run a program as its owner: the content is another.
  (void)::fchmod(fd, status.st_mode & 0777);
}

} // namespace

OutputFile::OutputFile(std::string path)
    : name(std::move(path)), state(std::make_unique<State>()) {}

Result<std::unique_ptr<OutputFile>> OutputFile::open(const std::string &path,
                                                     OutputOptions options) {
  Result<Place> place = locate(path);
  if (!place)
    return place.error();
  NM_RETURN_IF_ERROR(checkWritable(path, *place));
  std::unique_ptr<OutputFile> file(new OutputFile(path));
  State &state = *file->state;
  state.place = *place;
  state.options = options;
  if (!state.isFile()) {
    state.fd = openThrough(*place);
    if (state.fd < 0)
      return writeError(path, std::strerror(errno));
    return file;
  }
  // Nothing remains of a file without a name, however the process ends. It gets
  // one through /proc.
  if (!options.named && ::access("/proc/self/fd", X_OK) == 0)
    state.fd = ::open(place->folder().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC,
                      options.mode);
  while (state.fd < 0) {
    state.temporary = temporaryName(*place);
    state.guard.emplace(state.temporary);
    state.fd = ::open(state.temporary.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, options.mode);
    int code = errno;
    if (state.fd >= 0 || code == EEXIST || code == EINTR)
      continue;
    state.temporary.clear();
    state.guard.reset();
    return writeError(path, std::strerror(code));
  }
  if (place->kind == Place::Kind::Regular && options.keepMode)
    copyOwner(state.fd, place->status);
  return file;
}

OutputFile::~OutputFile() {
  if (state->stream)
    std::fclose(state->stream);
  if (state->fd >= 0)
    ::close(state->fd);
  if (!state->temporary.empty())
    ::unlink(state->temporary.c_str());
}

Status OutputFile::fail(int code) {
  if (!state->error)
    state->error = writeError(name, std::strerror(code));
  return *state->error;
}

/// All of it, however little the system takes at a time.
static int writeAll(int fd, const char *from, uint64_t bytes) {
  constexpr uint64_t most = uint64_t(1) << 30;
  while (bytes != 0) {
    ssize_t done = ::write(fd, from, std::min(bytes, most));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return done < 0 ? errno : EIO;
    from += done;
    bytes -= static_cast<uint64_t>(done);
  }
  return 0;
}

int OutputFile::State::put(const char *from, uint64_t bytes) {
  written += bytes;
  return writeAll(fd, from, bytes);
}

int OutputFile::State::flush() {
  int code = put(buffer.data(), buffer.size());
  buffer.clear();
  return code;
}

int OutputFile::State::putChunks(const char *from, uint64_t bytes) {
  int code = 0;
  while (bytes != 0 && code == 0) {
    uint64_t room = kChunkBytes - (written + buffer.size()) % kChunkBytes;
    uint64_t taken = std::min(room, bytes);
    if (buffer.empty() && room == kChunkBytes && bytes >= kChunkBytes) {
      taken = bytes / kChunkBytes * kChunkBytes;
      code = put(from, taken);
    } else {
      buffer.append(from, taken);
      if (taken == room)
        code = flush();
    }
    from += taken;
    bytes -= taken;
  }
  return code;
}

Status OutputFile::flush() {
  if (state->error)
    return *state->error;
  int code = state->flush();
  return code ? fail(code) : Status();
}

Status OutputFile::write(const void *data, uint64_t bytes) {
  if (state->error)
    return *state->error;
  if (bytes == 0)
    return {};
  const char *from = static_cast<const char *>(data);
  bool isLarge = bytes >= kBufferBytes;
  state->inChunks |= isLarge && state->isFile();
  if (isLarge || state->inChunks) {
    int code = 0;
    if (state->inChunks)
      code = state->putChunks(from, bytes);
    else if ((code = state->flush()) == 0)
      code = state->put(from, bytes);
    return code ? fail(code) : Status();
  }
  state->buffer.append(from, bytes);
  return state->buffer.size() >= kBufferBytes ? flush() : Status();
}

FILE *OutputFile::stream() {
  if (state->stream)
    return state->stream;
  cookie_io_functions_t functions = {};
  functions.write = [](void *cookie, const char *data, size_t bytes) {
    auto *file = static_cast<OutputFile *>(cookie);
    return file->write(data, bytes) ? static_cast<ssize_t>(bytes) : 0;
  };
  state->stream = ::fopencookie(this, "wb", functions);
  if (!state->stream)
    (void)fail(errno);
  return state->stream;
}

/// Gives the finished file the temporary name, if it has none yet.
Status OutputFile::giveName() {
  std::string source = "/proc/self/fd/" + std::to_string(state->fd);
  while (state->temporary.empty()) {
    std::string beside = temporaryName(state->place);
    state->guard.emplace(beside);
    if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, beside.c_str(),
                 AT_SYMLINK_FOLLOW) == 0)
      state->temporary = beside;
    else if (errno != EEXIST)
      return fail(errno);
  }
  return {};
}

Status OutputFile::prepare() {
  if (state->prepared)
    return state->error ? Status(*state->error) : Status();
  state->prepared = true;
  if (state->stream && std::fflush(state->stream) != 0)
    (void)fail(errno);
  NM_RETURN_IF_ERROR(flush());
  if (state->isFile())
    NM_RETURN_IF_ERROR(giveName());
  int closed = ::close(state->fd);
  state->fd = -1;
  return closed != 0 && errno != EINTR ? fail(errno) : Status();
}

Status OutputFile::commit() {
  NM_RETURN_IF_ERROR(prepare());
  if (state->committed || !state->isFile())
    return {};
  if (::rename(state->temporary.c_str(), state->place.path.c_str()) != 0)
    return fail(errno);
  state->committed = true;
  state->temporary.clear();
  state->guard.reset();
  return {};
}

bool isPlainFile(const std::string &path) {
  Result<Place> place = locate(path);
  return place && (place->kind == Place::Kind::New ||
                   place->kind == Place::Kind::Regular);
}

Status writeFile(const std::string &path, std::string_view content,
                 OutputOptions options) {
  auto file = OutputFile::open(path, options);
  if (!file)
    return file.error();
  NM_RETURN_IF_ERROR((*file)->write(content));
  return (*file)->commit();
}

} // namespace nm::support
