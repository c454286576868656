//===- TorchStorages.h - the bytes behind torch's tensors -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_TORCHSTORAGES_H
#define NM_LIB_RUNTIME_TORCHSTORAGES_H

#include "CheckpointFormats.h"
#include "Pickle.h"
#include <optional>
#include <string_view>

namespace nm::rt {

/// A storage as torch.save names it in a pickle: the persistent id ('storage',
/// class, key, device, elements, view).
struct TorchStorageId {
  std::string_view type; ///< of the class, without its module
  std::string_view key;
  int64_t elements = -1; ///< -1 where it does not say
  /// Of the storage's first element in that of `key`: before PyTorch 0.4 some
  /// were views.
  int64_t offset = 0;
};

/// Nothing if `value` is no such id.
std::optional<TorchStorageId> torchStorageOf(const PickleValue &value);

/// Bytes of an element of torch.<type>, such as "FloatStorage"; 0 if it is not
/// known.
int64_t torchElementBytes(std::string_view type);

/// Where the bytes of storages lie, by key.
class TorchStorages {
public:
  virtual ~TorchStorages() = default;
  /// How many there are. An error if there is no such storage.
  virtual Result<uint64_t> sizeOf(const std::string &key) const = 0;
  virtual Result<std::shared_ptr<const unsigned char>>
  read(const std::string &key) const = 0;
  virtual TensorInfo::Storage kind() const = 0;
};

/// The tensors that a pickle describes.
Result<CheckpointPtr>
makeTorchCheckpoint(const std::string &path, const FileImage &image,
                    std::unique_ptr<TorchStorages> storages,
                    const Pickle &pickle);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_TORCHSTORAGES_H
