//===- Place.cpp - What the name of an output stands for -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Place.h"
#include "nm/Support/Text.h"
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace nm::support {

std::string Place::folder() const {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "."
         : slash == 0               ? "/"
                                    : path.substr(0, slash);
}

std::string Place::leaf() const { return path.substr(path.rfind('/') + 1); }

std::string outputName(const std::string &path) {
  return path == "-" ? "standard output" : quotePath(path);
}

Error writeError(const std::string &path, const std::string &why) {
  return makeError(Errc::Io, "cannot write ", outputName(path), ": ", why);
}

/// The descriptor that a path of these folders of links stands for. Opening
/// such a path would begin a redirected file anew; what goes there must follow
/// what is in it.
static std::optional<int> descriptorOf(const std::string &path) {
  if (path == "-" || path == "/dev/stdout")
    return STDOUT_FILENO;
  if (path == "/dev/stderr")
    return STDERR_FILENO;
  for (const char *folder : {"/dev/fd/", "/proc/self/fd/"})
    if (path.rfind(folder, 0) == 0) {
      std::string digits = path.substr(std::strlen(folder));
      if (!digits.empty() && digits.size() < 7 &&
          digits.find_first_not_of("0123456789") == std::string::npos)
        return std::stoi(digits);
    }
  return std::nullopt;
}

static std::optional<std::string> readLink(const std::string &path) {
  char target[PATH_MAX];
  ssize_t length = ::readlink(path.c_str(), target, sizeof(target));
  if (length < 0 || length == sizeof(target))
    return std::nullopt;
  return std::string(target, static_cast<size_t>(length));
}

Result<Place> locate(const std::string &path) {
  if (path.empty())
    return makeError(Errc::Argument,
                     "cannot write a file without a name; expected a path, or "
                     "- for standard output");
  Place place;
  place.path = path;
  constexpr int mostLinks = 40; // as the kernel's
  for (int links = 0;; ++links) {
    if (std::optional<int> descriptor = descriptorOf(place.path)) {
      place.kind = Place::Kind::Descriptor;
      place.descriptor = *descriptor;
      if (::fstat(*descriptor, &place.status) != 0)
        return writeError(path, "it is closed");
      return place;
    }
    if (place.path.back() == '/')
      return writeError(path, "it names a folder; expected the name of a file");
    if (::lstat(place.path.c_str(), &place.status) != 0)
      break;
    if (S_ISLNK(place.status.st_mode)) {
      std::optional<std::string> target = readLink(place.path);
      if (!target || target->empty())
        return writeError(path, std::strerror(errno));
      if (links == mostLinks)
        return writeError(path, std::strerror(ELOOP));
      place.path =
          target->front() == '/' ? *target : place.folder() + "/" + *target;
      continue;
    }
    if (S_ISDIR(place.status.st_mode))
      return writeError(path, "it is a folder; expected the name of a file");
    place.kind = S_ISREG(place.status.st_mode) ? Place::Kind::Regular
                                               : Place::Kind::Other;
    return place;
  }
  int code = errno;
  struct stat folder;
  if (code == ENOENT && ::stat(place.folder().c_str(), &folder) != 0)
    return makeError(Errc::NotFound, "cannot write ", outputName(path),
                     ": no such folder ", quotePath(place.folder()),
                     "; make it first");
  if (code != ENOENT)
    return writeError(path, std::strerror(code));
  place.status = {};
  place.kind = Place::Kind::New;
  return place;
}

Status checkWritable(const std::string &path, const Place &place) {
  if (place.kind == Place::Kind::Descriptor) {
    int flags = ::fcntl(place.descriptor, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
      return writeError(path, "it is not open for writing");
    return {};
  }
  if (place.kind != Place::Kind::New &&
      ::faccessat(AT_FDCWD, place.path.c_str(), W_OK, AT_EACCESS) != 0)
    return writeError(path, std::strerror(errno));
  if (place.kind != Place::Kind::Other &&
      ::faccessat(AT_FDCWD, place.folder().c_str(), W_OK | X_OK, AT_EACCESS) !=
          0)
    return writeError(path, std::string(std::strerror(errno)) + " in folder " +
                                quotePath(place.folder()) +
                                ", where it is written before it takes its "
                                "name");
  return {};
}

} // namespace nm::support
