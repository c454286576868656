//===- TorchFile.h - files of torch.save for tests ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_RUNTIME_TORCHFILE_H
#define NM_UNITTESTS_RUNTIME_TORCHFILE_H

#include "ZipFile.h"

namespace nm::rt::test {

/// Writes opcodes of Python's pickle, protocol 2.
struct PickleText {
  std::string bytes = std::string("\x80\x02", 2);

  PickleText &raw(std::string_view text) {
    bytes += text;
    return *this;
  }
  PickleText &text(std::string_view value) {
    return raw("X").raw(littleEndian(value.size(), 4)).raw(value);
  }
  PickleText &integer(int32_t value) {
    return raw("J").raw(littleEndian(uint32_t(value), 4));
  }
  PickleText &global(std::string_view module, std::string_view name) {
    return raw("c").raw(module).raw("\n").raw(name).raw("\n");
  }
  PickleText &integers(const std::vector<int32_t> &values) {
    raw("(");
    for (int32_t value : values)
      integer(value);
    return raw("t");
  }
  /// A tensor as torch._tensor.Tensor._reduce_ex_internal describes it.
  PickleText &tensor(std::string_view storage, std::string_view key,
                     int32_t elements, int32_t offset,
                     const std::vector<int32_t> &shape,
                     const std::vector<int32_t> &strides) {
    global("torch._utils", "_rebuild_tensor_v2").raw("((");
    text("storage").global("torch", storage).text(key).text("cpu");
    integer(elements).raw("tQ").integer(offset);
    integers(shape).integers(strides).raw("\x89");
    return global("collections", "OrderedDict").raw(")RtR");
  }
};

/// A storage of a file from before PyTorch 1.6; `elements` is what the file
/// says.
struct LegacyStorage {
  std::string key, bytes;
  int64_t elements;
};

/// Such a file: `objects` is a whole pickle, with its STOP.
inline std::string legacyTorchBytes(const std::string &objects,
                                    const std::vector<LegacyStorage> &storages,
                                    bool littleEndian = true) {
  PickleText magic, version, machine, keys;
  magic.raw({"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 13});
  version.integer(1001).raw(".");
  machine.raw("}(").text("protocol_version").integer(1001);
  machine.text("little_endian").raw(littleEndian ? "\x88" : "\x89");
  machine.text("type_sizes").raw("}").text("short").integer(2).raw("su.");
  keys.raw("](");
  for (const LegacyStorage &storage : storages)
    keys.text(storage.key);
  keys.raw("e.");
  std::string file =
      magic.bytes + version.bytes + machine.bytes + objects + keys.bytes;
  for (const LegacyStorage &storage : storages)
    file += test::littleEndian(uint64_t(storage.elements), 8) + storage.bytes;
  return file;
}

/// A zip archive, written to `path` and read back.
inline std::string zipBytes(const std::string &path,
                            const std::vector<ZipPart> &parts) {
  writeZip(path, parts);
  return slurp(path);
}

} // namespace nm::rt::test

#endif // NM_UNITTESTS_RUNTIME_TORCHFILE_H
