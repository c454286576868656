//===- Params.h - parameters of a compiled model --------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_PARAMS_H
#define NM_RUNTIME_PARAMS_H

#include "nm/Runtime/Layout.h"
#include "nm/Runtime/Weight.h"
#include <optional>

namespace nm::rt {

/// An N:M pattern along an axis.
struct PatternSpec {
  int64_t n = 1;
  int64_t m = 1;
  int64_t axis = 0;
  /// Elements along the axis that are a scale times integers, and of which
  /// form: 32, 64 or 128, or 0 where nothing is said of the values.
  int64_t group = 0;
  GroupForm form = {};
};

/// One parameter as the compiler declared it.
struct ParamSpec {
  std::string scope;
  std::string key;
  std::vector<int64_t> shape;
  DType dtype = DType::F32;
  std::optional<PatternSpec> sparsity;
  LayoutSpec layout;
};

/// The manifest of a compiled model: its parameters in order.
struct Manifest {
  static constexpr int64_t kVersion = 1;
  std::vector<ParamSpec> params;
};

/// Parses and checks a manifest (JSON, see docs/runtime.md). Unknown fields,
/// duplicate keys and unknown versions are errors.
Result<Manifest> parseManifest(std::string_view json);

/// The JSON that parseManifest reads.
std::string printManifest(const Manifest &manifest);

/// A storage part of a parameter: 0 is values, 1 is metadata.
struct ParamPart {
  int part;
  std::vector<int64_t> shape;
};

/// The shapes of a parameter in its layout; an error where they do not fit one
/// another.
Result<StorageShapes> storageShapesOf(const ParamSpec &spec);
/// The parts in the order in which compiled code takes them.
Result<std::vector<ParamPart>> paramParts(const ParamSpec &spec);

/// Tells manifests apart: FNV-1a over printManifest, never 0.
uint64_t hashManifest(const Manifest &manifest);

/// Where the parameters of a scope come from.
struct ScopePath {
  std::string scope;
  std::string path;
};

class Params;

struct ParamsOptions {
  MaskOptions mask;
  /// Keep packed buffers in a file next to the checkpoint and map it later.
  bool cache = false;
  /// Folder for the cache file; empty: that of the first scope's checkpoint.
  std::string cacheFolder;
  /// Parameters of the same manifest and checkpoints, loaded with the same
  /// options but for masks: what gets no mask now is what it is there. Null:
  /// everything is read.
  std::shared_ptr<const Params> unmasked = nullptr;
};

/// One loaded parameter. Data is 64-byte aligned and lives as long as Params.
struct Param {
  const void *values = nullptr;
  const void *metadata = nullptr;
  int64_t valuesBytes = 0;
  int64_t metadataBytes = 0;
  /// "explicit mask 'a.weight_mask'", "derived by magnitude ...", "none
  /// needed", "dense".
  std::string maskSource;
};

class Params {
public:
  static Result<std::unique_ptr<Params>>
  load(const Manifest &manifest, const std::vector<ScopePath> &scopes,
       const ParamsOptions &options = {});
  /// From the packed weights of a compiled model (PackedWeights.h), mapped.
  /// Fails where the file lacks a parameter in the layout that `manifest` asks
  /// for, where its parts are damaged, and where their metadata names positions
  /// that there are not.
  static Result<std::unique_ptr<Params>> open(const Manifest &manifest,
                                              const std::string &path);
  ~Params();

  size_t size() const { return list.size(); }
  const Param &operator[](size_t i) const { return list[i]; }

  /// How the cache took part: "off", "hit", "written", or why it was not used.
  const std::string &cacheState() const { return cacheText; }

  /// What was read otherwise than the program asks for it, a line each:
  /// "model.safetensors: 12 parameters of f16 converted to f32".
  const std::vector<std::string> &notes() const { return noteTexts; }

private:
  Params();
  friend class ParamsLoader;
  friend class PackedLoader;

  std::vector<Param> list;
  std::vector<std::shared_ptr<const void>> owners;
  std::string cacheText = "off";
  std::vector<std::string> noteTexts;
};

/// The data of every part of the parameters of `manifest`, in the order in
/// which compiled code takes them; null where a part is empty. `places[i]` is
/// the number in `params` of parameter `i`; empty: `params` are those of
/// `manifest`. The pointers live as long as `params`.
Result<std::vector<const void *>>
paramTable(const Manifest &manifest, const Params &params,
           const std::vector<size_t> &places = {});

} // namespace nm::rt

#endif // NM_RUNTIME_PARAMS_H
