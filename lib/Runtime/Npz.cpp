//===- Npz.cpp - an npz archive as a checkpoint ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"
#include "Support.h"
#include "ZipArchive.h"
#include <algorithm>

namespace nm::rt {

namespace {
class NpzCheckpoint final : public Checkpoint {
public:
  NpzCheckpoint(const std::string &path, const FileImage &image,
                std::unique_ptr<ZipArchive> archive)
      : Checkpoint(path, Format::Npz), archive(std::move(archive)) {
    identities.push_back(image.identity);
  }

  Status finish();

protected:
  Result<LoadedTensor> readIndex(size_t index) const override;

private:
  struct Array {
    std::string name;
    ZipArchive::Member member;
    NpyHeader header;
  };

  std::unique_ptr<ZipArchive> archive;
  std::vector<Array> arrays;

  Result<NpyHeader> readHeader(const Array &array) const;
};
} // namespace

/// The name of an array, empty when the member is none: an archive may hold
/// more than arrays.
static std::string arrayName(const std::string &member) {
  constexpr size_t suffix = 4;
  if (member.size() < suffix ||
      member.compare(member.size() - suffix, suffix, ".npy") != 0)
    return "";
  return member.substr(0, member.size() - suffix);
}

bool isNpz(const ZipArchive &archive) {
  return std::any_of(
      archive.members().begin(), archive.members().end(),
      [](const auto &member) { return !arrayName(member.name).empty(); });
}

Status NpzCheckpoint::finish() {
  for (const ZipArchive::Member &member : archive->members()) {
    std::string name = arrayName(member.name);
    if (name.empty())
      continue;
    Array array{std::move(name), member, {}};
    array.member.name = array.name;
    NM_RETURN_IF_ERROR(archive->check(array.member));
    Result<NpyHeader> header = readHeader(array);
    if (!header)
      return header.error();
    array.header = std::move(*header);
    arrays.push_back(std::move(array));
  }
  std::sort(arrays.begin(), arrays.end(),
            [](const Array &a, const Array &b) { return a.name < b.name; });
  std::vector<TensorInfo> list;
  list.reserve(arrays.size());
  for (const Array &array : arrays)
    list.push_back({array.name, array.header.dtype, array.header.dtypeText,
                    array.header.shape, TensorInfo::Storage::ZipMember});
  return setTensors(std::move(list));
}

Result<NpyHeader> NpzCheckpoint::readHeader(const Array &array) const {
  // The fixed part first; it says how much more the header takes.
  constexpr uint64_t fixed = 12;
  Result<std::vector<unsigned char>> bytes =
      archive->readStart(array.member, fixed);
  if (!bytes)
    return bytes.error();
  if (bytes->size() == fixed) {
    const unsigned char *data = bytes->data();
    uint64_t length = data[6] == 1
                          ? 10 + uint64_t(loadUnaligned<uint16_t>(data + 8))
                          : fixed + loadUnaligned<uint32_t>(data + 8);
    length = std::min(length, fixed + kMaxNpyHeader);
    if (length > fixed)
      bytes = archive->readStart(array.member, length);
    if (!bytes)
      return bytes.error();
  }
  return parseNpyHeader(bytes->data(), bytes->size(), array.member.size,
                        path() + ": member " + quote(array.name));
}

Result<LoadedTensor> NpzCheckpoint::readIndex(size_t index) const {
  const Array &array = arrays[index];
  auto buffer = archive->read(array.member, array.header.dataBegin);
  if (!buffer)
    return buffer.error();
  LoadedTensor loaded;
  loaded.tensor = {npyView(array.header, buffer->get()), *buffer};
  return loaded;
}

Result<CheckpointPtr> openNpz(const std::string &path, const FileImage &image,
                              std::unique_ptr<ZipArchive> archive) {
  auto checkpoint =
      std::make_shared<NpzCheckpoint>(path, image, std::move(archive));
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
