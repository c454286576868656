//===- CommandFiles.cpp - The files of one command -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/CommandFiles.h"
#include "Place.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cstdlib>
#include <dirent.h>
#include <unistd.h>

namespace nm::support {

struct CommandFiles::NamedFile {
  std::string what, path; ///< as the user wrote them
  bool output = false;
  bool standardOutput = false;
  /// Of what is there.
  bool exists = false;
  dev_t device = 0;
  ino_t inode = 0;
  /// Of what is not there yet.
  std::string absolute;

  bool sameFile(const NamedFile &other) const {
    if (exists != other.exists)
      return false;
    return exists ? device == other.device && inode == other.inode
                  : absolute == other.absolute;
  }
};

CommandFiles::CommandFiles() = default;
CommandFiles::~CommandFiles() = default;
CommandFiles::CommandFiles(CommandFiles &&) noexcept = default;
CommandFiles &CommandFiles::operator=(CommandFiles &&) noexcept = default;

/// What is written there goes nowhere or to a terminal: nothing is lost.
static bool isShared(const struct stat &status) {
  return S_ISCHR(status.st_mode);
}

Status CommandFiles::add(NamedFile file) {
  for (const NamedFile &other : named) {
    if ((!file.output && !other.output) || !file.sameFile(other))
      continue;
    const NamedFile &output = file.output ? file : other;
    const NamedFile &second = file.output ? other : file;
    if (!second.output)
      return makeError(
          Errc::Argument, output.what, " would overwrite ",
          outputName(output.path), ", which ", second.what, " reads",
          second.path == output.path ? "" : " as " + quotePath(second.path),
          "; give it another name");
    std::string twice = other.path == file.path
                            ? outputName(file.path)
                            : outputName(other.path) + " and " +
                                  outputName(file.path) +
                                  ", which are one file";
    return makeError(Errc::Argument,
                     other.what == file.what
                         ? file.what + " is given twice with "
                         : other.what + " and " + file.what + " both write ",
                     twice, "; give each a name of its own");
  }
  named.push_back(std::move(file));
  return {};
}

static bool endsWith(const std::string &text, const std::string &end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Files of a folder whose name ends so.
static std::vector<std::string> filesIn(const std::string &folder,
                                        const std::string &end) {
  std::vector<std::string> paths;
  if (DIR *entries = ::opendir(folder.c_str())) {
    while (dirent *entry = ::readdir(entries))
      if (entry->d_name[0] != '.' && endsWith(entry->d_name, end))
        paths.push_back(folder + "/" + entry->d_name);
    ::closedir(entries);
  }
  return paths;
}

Status CommandFiles::reads(const std::string &what, const std::string &path) {
  struct stat status;
  // Whoever opens it says that it is not there.
  if (path == "-" || ::stat(path.c_str(), &status) != 0 || isShared(status))
    return {};
  std::vector<std::string> paths = {path};
  if (S_ISDIR(status.st_mode)) {
    paths = filesIn(path, "");
  } else if (endsWith(path, ".index.json")) {
    size_t slash = path.rfind('/');
    for (std::string &part :
         filesIn(slash == std::string::npos ? "." : path.substr(0, slash),
                 ".safetensors"))
      paths.push_back(std::move(part));
  }
  for (const std::string &each : paths) {
    if (::stat(each.c_str(), &status) != 0 || S_ISDIR(status.st_mode))
      continue;
    NamedFile file;
    file.what = what;
    file.path = path;
    file.exists = true;
    file.device = status.st_dev;
    file.inode = status.st_ino;
    NM_RETURN_IF_ERROR(add(std::move(file)));
  }
  return {};
}

/// Without links, dots and double slashes; the folder is there.
static std::string absolutePath(const Place &place) {
  char *folder = ::realpath(place.folder().c_str(), nullptr);
  std::string path =
      (folder ? std::string(folder) : place.folder()) + "/" + place.leaf();
  std::free(folder);
  return path;
}

Status CommandFiles::writes(const std::string &what, const std::string &path) {
  Result<Place> place = locate(path);
  if (!place)
    return place.error();
  NM_RETURN_IF_ERROR(checkWritable(path, *place));
  NamedFile file;
  file.what = what;
  file.path = path;
  file.output = true;
  file.exists = place->kind != Place::Kind::New;
  file.device = place->status.st_dev;
  file.inode = place->status.st_ino;
  file.standardOutput = place->kind == Place::Kind::Descriptor &&
                        place->descriptor == STDOUT_FILENO;
  if (!file.exists)
    file.absolute = absolutePath(*place);
  // Two texts on standard output cannot be told apart, whatever it is.
  if (file.standardOutput)
    for (const NamedFile &other : named)
      if (other.output && other.standardOutput)
        return makeError(Errc::Argument, other.what, " and ", what,
                         " both write standard output; give one of them a "
                         "file");
  if (!file.standardOutput && file.exists && isShared(place->status))
    return {};
  struct stat standard;
  if (place->kind == Place::Kind::Regular &&
      ::fstat(STDOUT_FILENO, &standard) == 0 &&
      standard.st_dev == file.device && standard.st_ino == file.inode)
    return makeError(Errc::Argument, what, " would replace ", quotePath(path),
                     ", where standard output goes; give it another name");
  return add(std::move(file));
}

bool CommandFiles::writesStandardOutput() const {
  return std::any_of(named.begin(), named.end(), [](const NamedFile &file) {
    return file.output && file.standardOutput;
  });
}

Result<OutputFile *> CommandFiles::open(const std::string &path,
                                        OutputOptions options) {
  auto file = OutputFile::open(path, options);
  if (!file)
    return file.error();
  files.push_back(std::move(*file));
  return files.back().get();
}

Status CommandFiles::write(const std::string &path, std::string_view content,
                           OutputOptions options) {
  Result<OutputFile *> file = open(path, options);
  return file ? (*file)->write(content) : Status(file.error());
}

Status CommandFiles::commit() {
  // Moved out first: what did not appear goes when this returns.
  std::vector<std::unique_ptr<OutputFile>> all = std::move(files);
  files.clear();
  for (auto &file : all)
    NM_RETURN_IF_ERROR(file->prepare());
  for (auto &file : all)
    NM_RETURN_IF_ERROR(file->commit());
  return {};
}

} // namespace nm::support
