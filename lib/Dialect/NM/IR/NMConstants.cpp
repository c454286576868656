//===- NMConstants.cpp - Constants in N:M layouts -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/NMConstants.h"
#include "NMLayouts.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/NM/IR/GroupForm.h"
#include "nm/Runtime/Pack.h"
#include "nm/Runtime/Quantize.h"
#include "nm/Runtime/Sparsity.h"

using namespace mlir;
using namespace mlir::nm;
namespace rt = ::nm::rt;

DenseElementsAttr mlir::nm::getConstantElements(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return {};
  if (auto dense = dyn_cast<DenseElementsAttr>(attr))
    return dense;
  auto resource = dyn_cast<DenseResourceElementsAttr>(attr);
  AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  bool isSplat = false;
  if (!blob || !DenseElementsAttr::isValidRawBuffer(resource.getType(),
                                                    blob->getData(), isSplat))
    return {};
  return DenseElementsAttr::getFromRawBuffer(resource.getType(),
                                             blob->getData());
}

/// Unknown unless weights may be of the type.
static rt::DType weightDType(Type type) {
  rt::DType dtype = toDType(type);
  bool isWeight = dtype == rt::DType::F32 || dtype == rt::DType::F16 ||
                  dtype == rt::DType::BF16 || dtype == rt::DType::I8;
  return isWeight ? dtype : rt::DType::Unknown;
}

static rt::WeightDesc describe(RankedTensorType type, SparsityAttr sparsity) {
  rt::WeightDesc desc;
  desc.shape.assign(type.getShape().begin(), type.getShape().end());
  desc.axis = sparsity.getAxis();
  desc.n = sparsity.getN();
  desc.m = sparsity.getM();
  desc.dtype = weightDType(type.getElementType());
  return desc;
}

/// The constant's elements as a full row-major buffer; splats are expanded.
static std::vector<char> getRawBuffer(DenseElementsAttr source) {
  ArrayRef<char> raw = source.getRawData();
  if (!source.isSplat())
    return std::vector<char>(raw.begin(), raw.end());
  std::vector<char> result;
  result.reserve(raw.size() * source.getNumElements());
  for (int64_t i = 0; i < source.getNumElements(); ++i)
    result.insert(result.end(), raw.begin(), raw.end());
  return result;
}

/// Buffers for the storage of `type` in `layout`.
static FailureOr<SmallVector<RankedTensorType>>
allocateStorage(RankedTensorType type, LayoutAttr layout,
                SmallVectorImpl<std::vector<char>> &buffers) {
  // No location to report at: callers turn failure into a match failure.
  auto ignore = [&] { return InFlightDiagnostic(); };
  FailureOr<SmallVector<RankedTensorType>> types =
      layout.getStorageTypes(type, ignore);
  if (failed(types))
    return failure();
  for (RankedTensorType part : *types)
    buffers.emplace_back(part.getNumElements() *
                         (part.getElementTypeBitWidth() / 8));
  return types;
}

/// Writes a weight in a layout to `values` and `metadata`, which is null where
/// the layout has none. False if it does not fit.
using Store =
    llvm::function_ref<bool(const rt::WeightDesc &, const rt::LayoutSpec &,
                            void *values, void *metadata)>;

/// The storage of `type` in `layout` as `store` fills it.
static FailureOr<SmallVector<DenseElementsAttr>>
storeConstant(RankedTensorType type, LayoutAttr layout, Store store) {
  SparsityAttr sparsity = getSparsity(type);
  rt::WeightDesc desc = describe(type, sparsity);
  SmallVector<std::vector<char>> buffers;
  auto types = allocateStorage(type, layout, buffers);
  if (failed(types) || desc.dtype == rt::DType::Unknown ||
      !store(desc, getSpec(layout, sparsity), buffers[0].data(),
             buffers.size() > 1 ? buffers[1].data() : nullptr))
    return failure();
  SmallVector<DenseElementsAttr> result;
  for (auto [part, buffer] : llvm::zip(*types, buffers))
    result.push_back(DenseElementsAttr::getFromRawBuffer(part, buffer));
  return result;
}

DenseElementsAttr mlir::nm::pruneConstant(DenseElementsAttr source,
                                          SparsityAttr sparsity) {
  auto type = cast<RankedTensorType>(source.getType());
  rt::WeightDesc desc = describe(type, sparsity);
  if (desc.dtype == rt::DType::Unknown || source.getNumElements() == 0)
    return {};
  std::vector<char> dense = getRawBuffer(source);
  SmallVector<std::vector<char>> packed;
  auto canonical = CanonicalLayoutAttr::get(source.getContext());
  if (failed(
          allocateStorage(getEncodedType(type, sparsity), canonical, packed)))
    return {};
  rt::PackOptions options;
  options.derive = true;
  void *metadata = packed.size() > 1 ? packed[1].data() : nullptr;
  auto status = rt::pack(desc, rt::LayoutSpec::canonical(), dense.data(),
                         packed[0].data(), metadata, options);
  if (!status.ok() || !rt::unpack(desc, rt::LayoutSpec::canonical(),
                                  packed[0].data(), metadata, dense.data())
                           .ok())
    return {};
  return DenseElementsAttr::getFromRawBuffer(type, dense);
}

FailureOr<SmallVector<DenseElementsAttr>>
mlir::nm::packConstant(DenseElementsAttr source, RankedTensorType encodedType,
                       LayoutAttr layout) {
  return storeConstant(
      encodedType, layout,
      [&](const rt::WeightDesc &desc, const rt::LayoutSpec &spec, void *values,
          void *metadata) {
        return rt::pack(desc, spec, getRawBuffer(source).data(), values,
                        metadata)
            .ok();
      });
}

bool mlir::nm::fitsConstant(DenseElementsAttr source,
                            RankedTensorType encodedType) {
  SparsityAttr sparsity = getSparsity(encodedType);
  auto canonical = CanonicalLayoutAttr::get(source.getContext());
  if (failed(packConstant(source, encodedType, canonical)))
    return false;
  if (!sparsity.isQuantized())
    return true;
  std::vector<char> dense = getRawBuffer(source);
  return rt::verifyScaled(describe(encodedType, sparsity), sparsity.getGroup(),
                          getGroupForm(sparsity),
                          reinterpret_cast<const float *>(dense.data()),
                          "constant")
      .ok();
}

int64_t mlir::nm::countSharedRows(DenseElementsAttr source,
                                  RankedTensorType encodedType) {
  rt::WeightDesc desc = describe(encodedType, getSparsity(encodedType));
  if (desc.dtype == rt::DType::Unknown || source.getNumElements() == 0)
    return 1;
  auto rows = rt::sharedRows(desc, getRawBuffer(source).data());
  return rows.ok() ? *rows : 1;
}

FailureOr<SmallVector<DenseElementsAttr>>
mlir::nm::convertConstant(ArrayRef<DenseElementsAttr> storage,
                          RankedTensorType encodedType, LayoutAttr from,
                          LayoutAttr to) {
  return storeConstant(
      encodedType, to,
      [&](const rt::WeightDesc &desc, const rt::LayoutSpec &spec, void *values,
          void *metadata) {
        SmallVector<std::vector<char>> sources =
            llvm::map_to_vector(storage, getRawBuffer);
        return rt::convert(desc, getSpec(from, getSparsity(encodedType)),
                           sources[0].data(),
                           sources.size() > 1 ? sources[1].data() : nullptr,
                           spec, values, metadata)
            .ok();
      });
}

FailureOr<SparsityAttr> mlir::nm::detectSparsity(DenseElementsAttr source,
                                                 int64_t axis) {
  auto type = cast<RankedTensorType>(source.getType());
  rt::DType dtype = weightDType(type.getElementType());
  if (dtype == rt::DType::Unknown || source.getNumElements() == 0)
    return failure();
  std::vector<char> dense = getRawBuffer(source);
  rt::TensorView view =
      rt::denseView(dense.data(), dtype, std::vector<int64_t>(type.getShape()));
  auto report = rt::tightestPattern(view);
  if (!report || axis >= static_cast<int64_t>(report->axes.size()))
    return failure();
  const rt::AxisPattern &found = report->axes[axis];
  if (!found.sparse())
    return failure();
  if (found.n > 0)
    return SparsityAttr::get(source.getContext(), found.n, found.m, axis);
  // All zero: every pattern holds; the largest legal group is the tightest.
  int64_t m = 64;
  while (type.getDimSize(axis) % m != 0)
    --m;
  return SparsityAttr::get(source.getContext(), 1, m, axis);
}
