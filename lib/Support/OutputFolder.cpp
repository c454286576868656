//===- OutputFolder.cpp - Folders that a command writes files into -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/OutputFolder.h"
#include "nm/Support/Text.h"
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nm::support {

/// The name of anything in it; "" if it is empty.
static Result<std::string> anyEntry(const std::string &path) {
  DIR *entries = ::opendir(path.c_str());
  if (!entries)
    return makeError(Errc::Io, std::strerror(errno));
  std::string name;
  while (dirent *entry = ::readdir(entries)) {
    std::string each = entry->d_name;
    // The first by name: the same message every time.
    if (each != "." && each != ".." && (name.empty() || each < name))
      name = each;
  }
  ::closedir(entries);
  return name;
}

static std::string parentOf(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "."
         : slash == 0               ? "/"
                                    : path.substr(0, slash);
}

static Error folderError(const std::string &option, const std::string &path,
                         const std::string &why) {
  return makeError(Errc::Io, option, " cannot write files into ",
                   quotePath(path), ": ", why);
}

Status checkOutputFolder(const std::string &option, const std::string &path,
                         bool empty) {
  if (path.empty())
    return makeError(Errc::Argument, option,
                     " has no name; expected a folder to write files into");
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT)
      return folderError(option, path, std::strerror(errno));
    std::string parent = parentOf(path);
    if (::stat(parent.c_str(), &status) != 0)
      return folderError(option, path,
                         "no such folder " + quotePath(parent) +
                             "; make it first");
    if (::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
      return folderError(option, path, std::strerror(errno));
    return {};
  }
  if (!S_ISDIR(status.st_mode))
    return folderError(option, path, "it is a file; expected a folder");
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    return folderError(option, path, std::strerror(errno));
  if (!empty)
    return {};
  Result<std::string> entry = anyEntry(path);
  if (!entry)
    return folderError(option, path, entry.error().message);
  if (!entry->empty())
    return folderError(option, path,
                       "it is not empty: " + quotePath(*entry) +
                           " is in it; name another folder, or empty it");
  return {};
}

Status makeOutputFolder(const std::string &option, const std::string &path) {
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    return folderError(option, path, std::strerror(errno));
  return {};
}

} // namespace nm::support
