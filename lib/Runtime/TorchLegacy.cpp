//===- TorchLegacy.cpp - a file of torch.save from before PyTorch 1.6 -----===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What torch/serialization.py, _legacy_save, writes: five pickles one after
// the other, of a magic number, the version 1001, a dict about the machine, the
// objects and the list of the storages' keys; then for each key, in the order
// of the list, the number of elements as 64 bits and the elements. How long an
// element is only the persistent ids in the objects' pickle say.
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "TorchStorages.h"
#include <unordered_map>

namespace nm::rt {

using Kind = PickleValue::Kind;

/// The number 0x1950a86a20f9469cfc6c, behind its opcode LONG1 and its length.
static constexpr std::string_view
    kMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 13);

bool isTorchLegacy(const unsigned char *data, uint64_t size) {
  std::string_view text(reinterpret_cast<const char *>(data),
                        std::min<uint64_t>(size, 32));
  if (text.size() < 2 || text[0] != '\x80')
    return false;
  text.remove_prefix(2);
  // Protocol 4 frames even a number.
  if (!text.empty() && text[0] == '\x95')
    text.remove_prefix(std::min<size_t>(9, text.size()));
  return text.substr(0, kMagic.size()) == kMagic;
}

namespace {
class ConsecutiveStorages final : public TorchStorages {
public:
  ConsecutiveStorages(const std::string &path, const FileImage &image)
      : path(path), image(image) {}

  Status open(Pickle &objects);

  Result<uint64_t> sizeOf(const std::string &key) const override {
    auto found = extents.find(key);
    if (found == extents.end())
      return makeError(Errc::Format, "the file's list of storages lacks ",
                       quote(key));
    return found->second.bytes;
  }
  Result<std::shared_ptr<const unsigned char>>
  read(const std::string &key) const override {
    return std::shared_ptr<const unsigned char>(
        image.owner, image.data + extents.at(key).first);
  }
  TensorInfo::Storage kind() const override {
    return TensorInfo::Storage::Plain;
  }

private:
  struct Extent {
    uint64_t first = 0, bytes = 0;
  };
  /// What the persistent ids say of a storage.
  struct Element {
    std::string_view type;
    int64_t bytes = 0, elements = -1;
  };
  using Elements = std::unordered_map<std::string, Element>;

  template <typename... Parts> Error fail(const Parts &...parts) const {
    return makeError(Errc::Format, path, ": ", parts...);
  }
  Status next(Pickle &pickle, const char *what);
  Status checkHead();
  Status findElements(const Pickle &objects, Elements &elements) const;
  Status place(const std::string &key, const Elements &elements);

  std::string path;
  FileImage image;
  uint64_t at = 0; ///< of the file, what is behind is read
  std::unordered_map<std::string, Extent> extents;
};
} // namespace

Status ConsecutiveStorages::next(Pickle &pickle, const char *what) {
  NM_RETURN_IF_ERROR(pickle.parse(image.data + at, image.size - at,
                                  path + ": the pickle of " + what));
  at += pickle.size();
  return {};
}

/// Version and machine.
Status ConsecutiveStorages::checkHead() {
  Pickle magic, version, machine;
  NM_RETURN_IF_ERROR(next(magic, "the magic number"));
  NM_RETURN_IF_ERROR(next(version, "the version"));
  if (!version.root()->is(Kind::Int) || version.root()->integer != 1001)
    return fail("its version is not 1001, the one that torch.save wrote before "
                "PyTorch 1.6");
  NM_RETURN_IF_ERROR(next(machine, "the machine"));
  for (auto [key, value] : machine.root()->entries)
    if (key->is(Kind::Text) && key->text == "little_endian" &&
        value->is(Kind::Bool) && !value->integer)
      return makeError(Errc::Unsupported, path,
                       ": was written by a big-endian machine, expected "
                       "little-endian data");
  return {};
}

/// The type of every storage that any object names.
Status ConsecutiveStorages::findElements(const Pickle &objects,
                                         Elements &elements) const {
  for (const PickleValue &value : objects.all()) {
    std::optional<TorchStorageId> id = torchStorageOf(value);
    if (!id)
      continue;
    Element element{id->type, torchElementBytes(id->type), id->elements};
    std::string key(id->key);
    if (element.bytes == 0)
      return makeError(Errc::Unsupported, path, ": storage ", quote(key),
                       " is of type ", quote(id->type),
                       ", of which the size of elements is not known");
    auto [found, isNew] = elements.emplace(key, element);
    // A view names the size of what it is a view of, or its own.
    if (!isNew && found->second.bytes != element.bytes)
      return fail("storage ", quote(key), " is of type ",
                  quote(found->second.type), " and of ", quote(id->type));
  }
  return {};
}

Status ConsecutiveStorages::place(const std::string &key,
                                  const Elements &elements) {
  auto element = elements.find(key);
  if (element == elements.end())
    return fail("the list of storages names ", quote(key),
                ", which is that of no tensor");
  if (image.size - at < 8)
    return fail("the file ends before storage ", quote(key));
  int64_t count = loadUnaligned<int64_t>(image.data + at);
  at += 8;
  if (int64_t expected = element->second.elements;
      expected >= 0 && expected != count)
    return fail("storage ", quote(key), " has ", count,
                " elements, but its tensors say ", expected);
  int64_t bytes;
  if (count < 0 || mulOverflow(count, element->second.bytes, bytes) ||
      uint64_t(bytes) > image.size - at)
    return fail("storage ", quote(key), " of ", count, " elements of ",
                element->second.bytes, " bytes at byte ", at,
                " leaves the file of ", image.size, " bytes");
  if (!extents.emplace(key, Extent{at, uint64_t(bytes)}).second)
    return fail("the list of storages names ", quote(key), " twice");
  at += uint64_t(bytes);
  return {};
}

Status ConsecutiveStorages::open(Pickle &objects) {
  NM_RETURN_IF_ERROR(checkHead());
  NM_RETURN_IF_ERROR(next(objects, "the objects"));
  Elements elements;
  NM_RETURN_IF_ERROR(findElements(objects, elements));
  Pickle keys;
  NM_RETURN_IF_ERROR(next(keys, "the storages' keys"));
  if (!keys.root()->is(Kind::List))
    return fail("the storages' keys are no list");
  for (const PickleValue *key : keys.root()->items) {
    if (!key->is(Kind::Text))
      return fail("a storage's key is no text");
    NM_RETURN_IF_ERROR(place(key->text, elements));
  }
  if (at != image.size)
    return fail(image.size - at, " bytes behind the last storage");
  return {};
}

Result<CheckpointPtr> openTorchLegacy(const std::string &path,
                                      const FileImage &image) {
  auto storages = std::make_unique<ConsecutiveStorages>(path, image);
  Pickle objects;
  NM_RETURN_IF_ERROR(storages->open(objects));
  return makeTorchCheckpoint(path, image, std::move(storages), objects);
}

} // namespace nm::rt
