//===- Convert.cpp - a checkpoint in another form -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Convert.h"
#include "MaskNames.h"
#include "Memory.h"
#include "SemiStructured.h"
#include "Support.h"
#include "WeightParts.h"
#include "nm/Runtime/Sparsity.h"
#include "nm/Runtime/Trained.h"
#include "nm/Runtime/Writer.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <set>

namespace nm::rt {

const std::vector<std::string> &weightFormNames() {
  static const std::vector<std::string> names = {
      "dense", "dense+mask", "sparse-24-bitmask", "semi-structured"};
  return names;
}

std::optional<WeightForm> parseWeightForm(std::string_view name) {
  const std::vector<std::string> &names = weightFormNames();
  auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end())
    return std::nullopt;
  return static_cast<WeightForm>(it - names.begin());
}

namespace {
/// What is written, and the memory that it lies in.
class Converter {
public:
  Converter(const Checkpoint &checkpoint, WeightForm form,
            const MaskOptions &options)
      : checkpoint(checkpoint), form(form), options(options) {}

  Result<Conversion> run(const std::string &output);

private:
  const Checkpoint &checkpoint;
  WeightForm form;
  const MaskOptions &options;
  std::vector<NamedView> views;
  std::vector<std::shared_ptr<const void>> owners;
  Conversion conversion;
  /// Weights that say which elements are kept after the conversion.
  std::set<std::string> masked;

  Status add(const TensorInfo &info, const std::string &key);
  /// Adds a weight in the form, or gives the reason why it cannot take it.
  Result<std::string> take(const std::string &key, const Weight &weight,
                           const Tensor &dense);
  std::string takeMask(const std::string &key, const Weight &weight,
                       const Tensor &dense);
  Result<std::string> takePairs(const std::string &key, const Tensor &dense);
  void compress(const std::string &module, const TensorView &dense,
                const Mask &mask);
  void own(std::string name, TensorView view,
           std::shared_ptr<const void> owner) {
    views.push_back({std::move(name), std::move(view)});
    owners.push_back(std::move(owner));
  }
  Result<std::vector<std::pair<std::string, std::string>>> metadata() const;
};
} // namespace

/// A row-major copy in which what the mask drops is zero.
static Result<Tensor> maskedCopy(const Weight &weight) {
  Result<Tensor> row = toContiguous(weight.tensor);
  if (!row || !weight.mask)
    return row;
  const TensorView &view = row->view;
  int64_t elem = elementBytes(view.dtype), count = view.count();
  std::shared_ptr<unsigned char> buffer =
      allocateBuffer(uint64_t(count * elem));
  for (int64_t i = 0; i < count; ++i) {
    unsigned char *to = buffer.get() + i * elem;
    if (weight.mask->test(i))
      std::memcpy(to, view.data + i * elem, size_t(elem));
    else
      std::memset(to, 0, size_t(elem));
  }
  Tensor masked;
  masked.view = denseView(buffer.get(), view.dtype, view.shape);
  masked.owner = std::move(buffer);
  return masked;
}

std::string Converter::takeMask(const std::string &key, const Weight &weight,
                                const Tensor &dense) {
  std::optional<Mask> mask = weight.mask;
  if (!mask) {
    Result<SparsityReport> report = tightestPattern(dense.view);
    const AxisPattern *best = report ? report->best() : nullptr;
    if (!best || !best->sparse() || report->nonZeros == 0)
      return "no N:M holds in it";
    Result<Mask> derived = deriveMask(dense.view, best->axis, best->n, best->m);
    if (!derived)
      return derived.error().message;
    mask = std::move(*derived);
  }
  int64_t count = dense.view.count();
  std::shared_ptr<unsigned char> bytes = allocateBuffer(uint64_t(count));
  if (count != 0)
    mask->expand(0, count, bytes.get());
  own(key, dense.view, dense.owner);
  own(key + "_mask", denseView(bytes.get(), DType::Bool, dense.view.shape),
      bytes);
  return "";
}

/// `<module>compressed`, `bitmask` and `shape` of a 2:4 matrix.
void Converter::compress(const std::string &module, const TensorView &dense,
                         const Mask &mask) {
  int64_t rows = dense.shape[0], columns = dense.shape[1];
  int64_t elem = elementBytes(dense.dtype), rowBytes = ceilDiv(columns, 8);
  std::shared_ptr<unsigned char> values =
      allocateBuffer(uint64_t(rows * columns / 2 * elem));
  std::shared_ptr<unsigned char> bits =
      allocateBuffer(uint64_t(rows * rowBytes));
  std::memset(bits.get(), 0, size_t(rows * rowBytes));
  unsigned char *next = values.get();
  for (int64_t i = 0; i < rows * columns; ++i) {
    if (!mask.test(i))
      continue;
    int64_t column = i % columns;
    bits.get()[i / columns * rowBytes + column / 8] |=
        static_cast<unsigned char>(1 << (column % 8));
    std::memcpy(next, dense.data + i * elem, size_t(elem));
    next += elem;
  }
  std::shared_ptr<unsigned char> shape = allocateBuffer(16);
  storeUnaligned(shape.get(), rows);
  storeUnaligned(shape.get() + 8, columns);
  own(module + "compressed",
      denseView(values.get(), dense.dtype, {rows, columns / 2}), values);
  own(module + "bitmask", denseView(bits.get(), DType::U8, {rows, rowBytes}),
      bits);
  own(module + "shape", denseView(shape.get(), DType::I64, {2, 1}), shape);
}

Result<std::string> Converter::takePairs(const std::string &key,
                                         const Tensor &dense) {
  const TensorView &view = dense.view;
  if (weightNamed(key) != key || key == "weight")
    return std::string("its name does not end in '.weight'");
  if (view.rank() != 2 || view.count() == 0)
    return std::string("it is no matrix");
  if (Status fits = verifyPattern(view, 1, 2, 4, key); !fits)
    return fits.error().message;
  Result<Mask> mask = deriveMask(view, 1, 2, 4);
  if (!mask)
    return mask.error();
  if (form == WeightForm::Sparse24Bitmask) {
    compress(key.substr(0, key.rfind('.') + 1), view, *mask);
    return std::string();
  }
  Result<SemiStructuredTensor> packed = packSemiStructured(view, *mask);
  if (!packed)
    return packed.error().message;
  own(key + ".packed", packed->packed.view, packed->packed.owner);
  own(key + ".meta", packed->meta.view, packed->meta.owner);
  return std::string();
}

Result<std::string> Converter::take(const std::string &key,
                                    const Weight &weight, const Tensor &dense) {
  switch (form) {
  case WeightForm::Dense:
    own(key, dense.view, dense.owner);
    return std::string();
  case WeightForm::DenseMask:
    return takeMask(key, weight, dense);
  case WeightForm::Sparse24Bitmask:
  case WeightForm::SemiStructured:
    break;
  }
  return takePairs(key, dense);
}

Status Converter::add(const TensorInfo &info, const std::string &key) {
  Result<Weight> weight = readWeight(checkpoint, key, options);
  if (!weight)
    return weight.error();
  Result<Tensor> dense = maskedCopy(*weight);
  if (!dense)
    return dense.error();
  Result<std::string> reason = take(key, *weight, *dense);
  if (!reason)
    return reason.error();
  if (reason->empty()) {
    ++conversion.converted;
    if (form != WeightForm::Dense)
      masked.insert(key);
    return {};
  }
  if (weight->mask || info.shape.size() >= 2)
    conversion.left.push_back(key + ": " + *reason);
  own(key, dense->view, dense->owner);
  ++conversion.kept;
  return {};
}

/// The texts of the file. What a recipe says of masks stays true: they are
/// beside the weights as before, or in their storage, or it is not said.
Result<std::vector<std::pair<std::string, std::string>>>
Converter::metadata() const {
  std::vector<std::pair<std::string, std::string>> texts;
  std::set<std::string> names;
  for (const auto &[name, text] : checkpoint.metadata()) {
    if (!names.insert(name).second)
      continue; // of another shard
    if (name != kCheckpointText) {
      texts.emplace_back(name, text);
      continue;
    }
    Result<nlohmann::json> document = support::parseStrictJson(
        text, checkpoint.path() + ": metadata " + quote(name));
    if (!document)
      return document.error();
    nlohmann::json &tensors = (*document)["tensors"];
    nlohmann::json kept = nlohmann::json::object();
    for (auto &item : tensors.items()) {
      if (masked.count(item.key()) == 0)
        continue;
      nlohmann::json entry = item.value();
      if (form == WeightForm::DenseMask)
        entry["mask"] = item.key() + "_mask";
      else
        entry.erase("mask");
      kept[item.key()] = std::move(entry);
    }
    tensors = std::move(kept);
    texts.emplace_back(name, document->dump());
  }
  return texts;
}

Result<Conversion> Converter::run(const std::string &output) {
  NM_RETURN_IF_ERROR(checkMaskNames({&checkpoint}, options));
  std::set<std::string> skipped = maskTensors(checkpoint, options);
  for (const TensorInfo &info : checkpoint.tensors())
    if (skipped.count(info.name) == 0 && info.tiedTo.empty())
      NM_RETURN_IF_ERROR(add(info, keyOfTensor(checkpoint, info.name)));
  if (conversion.converted == 0) {
    std::string why =
        conversion.left.empty() ? "" : "; " + conversion.left.front();
    return makeError(Errc::Mismatch, checkpoint.path(), ": none of its ",
                     checkpoint.tensors().size(), " tensors can be stored as ",
                     weightFormNames()[size_t(form)], why);
  }
  auto texts = metadata();
  if (!texts)
    return texts.error();
  NM_RETURN_IF_ERROR(writeSafetensors(output, views, *texts));
  return std::move(conversion);
}

Result<Conversion> convertCheckpoint(const Checkpoint &checkpoint,
                                     const std::string &output, WeightForm form,
                                     const MaskOptions &options) {
  return guarded([&]() -> Result<Conversion> {
    return Converter(checkpoint, form, options).run(output);
  });
}

} // namespace nm::rt
