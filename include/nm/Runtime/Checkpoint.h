//===- Checkpoint.h - memory-mapped weight files --------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One class reads every supported container: safetensors, npy, npz, files of
// torch.save, GGUF, the initializers of ONNX models, and several such files
// through an index. Weights that are compressed or quantised, in several
// tensors, appear as the dense ones they stand for. Opening reads headers only;
// data stays in the mapping until a tensor is read, and even then is copied
// only when it has to be inflated or decoded.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_CHECKPOINT_H
#define NM_RUNTIME_CHECKPOINT_H

#include "nm/Runtime/Mask.h"
#include "nm/Runtime/Result.h"
#include "nm/Runtime/Tensor.h"
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nm::rt {

/// One logical tensor of a checkpoint.
struct TensorInfo {
  enum class Storage : uint8_t {
    Plain,           ///< bytes of the file
    ZipMember,       ///< of an npz or a file of torch.save
    Sparse24Bitmask, ///< compressed-tensors, exactly 2 of 4
    SparseBitmask,   ///< compressed-tensors, any density
    SemiStructured,  ///< PyTorch's, exactly 2 of 4 (1 of 2)
    Quantized        ///< integers with scales, decoded when read
  };

  std::string name;
  DType dtype = DType::Unknown;
  /// As the file spells it; useful when dtype is Unknown.
  std::string dtypeText;
  std::vector<int64_t> shape;
  Storage storage = Storage::Plain;
  /// Why it cannot be read, else empty: one odd tensor does not close a file.
  std::string note = {};
  /// The tensor that it shares its data with, if the file says so.
  std::string tiedTo = {};
  /// What the file holds in place of these elements, for people: "i4 of GPTQ,
  /// 32 groups a row"; else empty.
  std::string stored = {};
  /// Whether its storage says which elements are kept.
  bool masked = false;
};

/// A tensor that was read, with the mask that its storage carries
/// (TensorInfo::masked).
struct LoadedTensor {
  Tensor tensor;
  std::optional<Mask> mask;
};

/// How weights that are stored as integers with scales are read.
enum class Decoding : uint8_t {
  /// As the libraries do that write them: products are rounded to the scales'
  /// type, which is that of the tensor.
  Rounded,
  /// In f32, whatever TensorInfo::dtype says: products as they are, or with
  /// scales of f32 rounded once. Groups can be told from the values.
  Exact
};

class Checkpoint {
public:
  enum class Format : uint8_t {
    Safetensors,
    Sharded,
    Npy,
    Npz,
    Torch,
    Gguf,
    Onnx
  };

  /// Opens a file, or a folder that holds one index
  /// (`*.safetensors.index.json`, `model.safetensors.index.json` before
  /// others), `model.safetensors`, exactly one `*.safetensors`, or
  /// `pytorch_model.bin`. The format is told by the content; a file of another
  /// kind is named in the error.
  static Result<std::shared_ptr<const Checkpoint>>
  open(const std::string &path);

  /// Reads an image of a file that is already in memory and outlives the
  /// checkpoint. `name` stands for the path in messages.
  static Result<std::shared_ptr<const Checkpoint>>
  openMemory(const void *data, size_t size, Format format,
             const std::string &name);

  virtual ~Checkpoint();

  /// Sorted by name. An npy file holds one tensor, named like the file without
  /// its extension.
  const std::vector<TensorInfo> &tensors() const { return infos; }

  /// Null when there is none.
  const TensorInfo *find(std::string_view name) const;

  /// Reads one tensor. Safe to call from several threads.
  Result<LoadedTensor> read(std::string_view name,
                            Decoding decoding = Decoding::Rounded) const;

  /// At most `limit` tensor names that look like `name`, best first.
  std::vector<std::string> nearestNames(std::string_view name,
                                        size_t limit = 3) const;

  /// Names and texts that the file carries beside its tensors (`__metadata__`
  /// of safetensors, of all shards in order).
  const std::vector<std::pair<std::string, std::string>> &metadata() const {
    return texts;
  }

  const std::string &path() const { return filePath; }
  Format format() const { return fileFormat; }

  /// Every file that was mapped, with its size and modification time: the
  /// identity of the checkpoint for caches.
  struct FileIdentity {
    std::string path;
    uint64_t size = 0;
    int64_t mtimeNs = 0;
    /// Permission bits.
    unsigned mode = 0600;
  };
  const std::vector<FileIdentity> &files() const { return identities; }

protected:
  Checkpoint(std::string path, Format format);
  /// Reads the tensor with this index of tensors().
  virtual Result<LoadedTensor> readIndex(size_t index) const = 0;
  /// The same by Decoding::Exact, for what has another type otherwise.
  virtual Result<LoadedTensor> readExactly(size_t index) const {
    return readIndex(index);
  }
  /// Refuses duplicates; the tensors are sorted by name.
  Status setTensors(std::vector<TensorInfo> tensors);
  /// The same of what has a TensorInfo `info`, which is sorted here, so that
  /// an index of readIndex is one of `stored`.
  template <typename Stored> Status setStored(std::vector<Stored> &stored) {
    std::sort(stored.begin(), stored.end(),
              [](const Stored &a, const Stored &b) {
                return a.info.name < b.info.name;
              });
    std::vector<TensorInfo> list;
    list.reserve(stored.size());
    for (const Stored &tensor : stored)
      list.push_back(tensor.info);
    return setTensors(std::move(list));
  }

  std::vector<FileIdentity> identities;
  std::vector<std::pair<std::string, std::string>> texts;

private:
  std::string filePath;
  Format fileFormat;
  std::vector<TensorInfo> infos;
};

/// What a file is whose content is that of a checkpoint or of something else
/// that is no text to compile ("an npz archive, a checkpoint"); empty for
/// anything that may be a model.
std::string describeContent(const void *data, size_t size);

} // namespace nm::rt

#endif // NM_RUNTIME_CHECKPOINT_H
