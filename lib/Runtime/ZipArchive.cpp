//===- ZipArchive.cpp - members of a zip archive in memory ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ZipArchive.h"
#include "Memory.h"
#include "Support.h"
#include <algorithm>
#include <zip.h>

namespace nm::rt {

/// libzip archives are not thread safe: everything below locks.
void ZipArchive::Close::operator()(zip_t *archive) const {
  zip_discard(archive);
}

namespace {
struct CloseMember {
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};
using OpenMember = std::unique_ptr<zip_file_t, CloseMember>;
} // namespace

ZipArchive::ZipArchive(const FileImage &image, std::string path)
    : image(image), path(std::move(path)) {}

ZipArchive::~ZipArchive() = default;

std::string ZipArchive::where(const Member &member) const {
  return path + ": member " + quote(member.name);
}

Result<std::unique_ptr<ZipArchive>> ZipArchive::open(const FileImage &image,
                                                     const std::string &path) {
  // libzip takes a file without bytes for an archive without members.
  if (image.size == 0)
    return makeError(Errc::Format, path,
                     ": found 0 bytes: not a readable zip archive");
  std::unique_ptr<ZipArchive> result(new ZipArchive(image, path));
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source =
      zip_source_buffer_create(image.data, image.size, 0, &error);
  if (source)
    result->archive.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (!result->archive) {
    std::string reason = zip_error_strerror(&error);
    if (source)
      zip_source_free(source);
    zip_error_fini(&error);
    return makeError(Errc::Format, path,
                     ": not a readable zip archive: ", reason);
  }
  zip_error_fini(&error);
  zip_t *archive = result->archive.get();
  zip_int64_t entries = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < entries; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat_index(archive, zip_uint64_t(i), 0, &stat) != 0 ||
        !(stat.valid & ZIP_STAT_NAME))
      return makeError(Errc::Format, path, ": cannot read zip entry ", i);
    uint64_t size = stat.valid & ZIP_STAT_SIZE ? stat.size : 0;
    result->list.push_back({stat.name, uint64_t(i), size});
  }
  return result;
}

Status ZipArchive::check(const Member &member) const {
  std::lock_guard<std::mutex> lock(mutex);
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t needed =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(archive.get(), member.index, 0, &stat) != 0 ||
      (stat.valid & needed) != needed)
    return makeError(Errc::Format, where(member),
                     ": the zip directory lacks its sizes");
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) &&
      stat.encryption_method != ZIP_EM_NONE)
    return makeError(Errc::Unsupported, where(member), ": is encrypted");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
    return makeError(Errc::Unsupported, where(member), ": compression method ",
                     stat.comp_method, ", expected stored (0) or deflated (8)");
  // Deflate expands at most 1032 times.
  uint64_t most = stat.comp_size > image.size ? 0
                  : stat.comp_method == ZIP_CM_STORE
                      ? stat.comp_size
                      : stat.comp_size * 1032 + 64;
  if (stat.size > most)
    return makeError(Errc::Format, where(member), ": claims ", stat.size,
                     " bytes, but its ", stat.comp_size,
                     " stored bytes cannot hold more than ", most);
  return {};
}

static Result<OpenMember> openMember(zip_t *archive, uint64_t index,
                                     const std::string &where) {
  OpenMember file(zip_fopen_index(archive, index, 0));
  if (!file)
    return makeError(Errc::Format, where,
                     ": cannot open: ", zip_strerror(archive));
  return file;
}

static Status readBytes(zip_file_t *file, unsigned char *to, uint64_t bytes,
                        const std::string &where) {
  uint64_t done = 0;
  while (done < bytes) {
    zip_int64_t got = zip_fread(file, to + done, bytes - done);
    if (got < 0)
      return makeError(Errc::Format, where,
                       ": cannot read: ", zip_file_strerror(file));
    if (got == 0)
      return makeError(Errc::Format, where, ": found ", done,
                       " bytes, expected ", bytes);
    done += static_cast<uint64_t>(got);
  }
  return {};
}

Result<std::vector<unsigned char>> ZipArchive::readStart(const Member &member,
                                                         uint64_t bytes) const {
  std::lock_guard<std::mutex> lock(mutex);
  Result<OpenMember> file =
      openMember(archive.get(), member.index, where(member));
  if (!file)
    return file.error();
  std::vector<unsigned char> start(std::min(member.size, bytes));
  NM_RETURN_IF_ERROR(
      readBytes(file->get(), start.data(), start.size(), where(member)));
  return start;
}

Result<std::shared_ptr<unsigned char>> ZipArchive::read(const Member &member,
                                                        uint64_t skip) const {
  if (skip > member.size)
    return makeError(Errc::Format, where(member), ": found ", member.size,
                     " bytes, expected at least ", skip);
  std::lock_guard<std::mutex> lock(mutex);
  Result<OpenMember> file =
      openMember(archive.get(), member.index, where(member));
  if (!file)
    return file.error();
  std::vector<unsigned char> skipped(skip);
  NM_RETURN_IF_ERROR(
      readBytes(file->get(), skipped.data(), skip, where(member)));
  uint64_t bytes = member.size - skip;
  std::shared_ptr<unsigned char> buffer = allocateBuffer(bytes);
  NM_RETURN_IF_ERROR(
      readBytes(file->get(), buffer.get(), bytes, where(member)));
  // Reading to the end makes libzip compare the checksum.
  unsigned char extra;
  zip_int64_t rest = zip_fread(file->get(), &extra, 1);
  if (rest != 0)
    return makeError(Errc::Format, where(member), ": ",
                     rest > 0 ? "holds more bytes than the directory says"
                              : zip_file_strerror(file->get()));
  return buffer;
}

} // namespace nm::rt
