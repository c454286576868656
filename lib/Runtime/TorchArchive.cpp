//===- TorchArchive.cpp - a file of torch.save, as a zip archive ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Since PyTorch 1.6: `<name>/data.pkl` is a pickle that describes objects,
// `<name>/data/<key>` holds the bytes of each storage.
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "TorchStorages.h"
#include "ZipArchive.h"
#include <algorithm>
#include <unordered_map>

namespace nm::rt {

namespace {
class ArchivedStorages final : public TorchStorages {
public:
  ArchivedStorages(const std::string &path, std::unique_ptr<ZipArchive> archive)
      : path(path), archive(std::move(archive)) {}

  /// Reads the pickle.
  Status open(Pickle &pickle);

  Result<uint64_t> sizeOf(const std::string &key) const override {
    if (const ZipArchive::Member *member = find("data/" + key))
      return member->size;
    return makeError(Errc::Format, "the archive has no member ",
                     quote(prefix + "data/" + key), " with its bytes");
  }
  Result<std::shared_ptr<const unsigned char>>
  read(const std::string &key) const override {
    const ZipArchive::Member *member = find("data/" + key);
    NM_RETURN_IF_ERROR(archive->check(*member));
    auto bytes = archive->read(*member);
    if (!bytes)
      return bytes.error();
    return std::shared_ptr<const unsigned char>(std::move(*bytes));
  }
  TensorInfo::Storage kind() const override {
    return TensorInfo::Storage::ZipMember;
  }

private:
  const ZipArchive::Member *find(const std::string &name) const {
    auto found = membersByName.find(prefix + name);
    return found == membersByName.end() ? nullptr
                                        : &archive->members()[found->second];
  }

  std::string path;
  std::unique_ptr<ZipArchive> archive;
  /// Before the names of members, such as "archive/".
  std::string prefix;
  std::unordered_map<std::string, size_t> membersByName;
};
} // namespace

bool isTorchArchive(const ZipArchive &archive) {
  return std::any_of(archive.members().begin(), archive.members().end(),
                     [](const auto &member) {
                       size_t slash = member.name.rfind('/');
                       return slash != std::string::npos &&
                              member.name.compare(slash, std::string::npos,
                                                  "/data.pkl") == 0;
                     });
}

Status ArchivedStorages::open(Pickle &pickle) {
  const std::vector<ZipArchive::Member> &members = archive->members();
  const ZipArchive::Member *pickled = nullptr;
  for (size_t i = 0; i < members.size(); ++i) {
    const std::string &name = members[i].name;
    if (!membersByName.emplace(name, i).second)
      return makeError(Errc::Format, path, ": two members ", quote(name));
    size_t slash = name.rfind('/');
    if (slash == std::string::npos || name.substr(slash + 1) != "data.pkl")
      continue;
    if (pickled)
      return makeError(Errc::Format, path, ": two members 'data.pkl'");
    pickled = &members[i];
    prefix = name.substr(0, slash + 1);
  }
  if (!pickled)
    return makeError(Errc::Format, path,
                     ": no member 'data.pkl': not a file of torch.save");
  if (find("constants.pkl"))
    return makeError(Errc::Unsupported, path,
                     ": a TorchScript archive, which is a program; load it "
                     "with torch.jit.load and save its state_dict()");
  if (const ZipArchive::Member *order = find("byteorder")) {
    Result<std::vector<unsigned char>> text = archive->readStart(*order, 16);
    if (!text)
      return text.error();
    if (std::string(text->begin(), text->end()) == "big")
      return makeError(Errc::Unsupported, path,
                       ": was written by a big-endian machine, expected "
                       "little-endian data");
  }
  NM_RETURN_IF_ERROR(archive->check(*pickled));
  auto bytes = archive->read(*pickled);
  if (!bytes)
    return bytes.error();
  return pickle.parse(bytes->get(), pickled->size,
                      path + ": member " + quote(pickled->name));
}

Result<CheckpointPtr> openTorch(const std::string &path, const FileImage &image,
                                std::unique_ptr<ZipArchive> archive) {
  auto storages = std::make_unique<ArchivedStorages>(path, std::move(archive));
  Pickle pickle;
  NM_RETURN_IF_ERROR(storages->open(pickle));
  return makeTorchCheckpoint(path, image, std::move(storages), pickle);
}

} // namespace nm::rt
