//===- TransposedConvolution.cpp - Convolution backwards -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each element of the input adds its multiple of the kernel to the result,
// `strides` apart. The same sums are those of a convolution with the kernel
// reversed, over the input with strides - 1 zeros between its elements.
// (Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016,
// section 4)
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"
#include "Windows.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

/// Of each spatial dimension.
struct Transposition {
  SmallVector<int64_t> strides, dilations, extra; ///< extra: output_padding
  Dims reach;                                     ///< of a kernel, less one
  Dims whole;  ///< what all kernels reach, before pads are taken away
  Dims before; ///< pads
  Dims result;
};

FailureOr<Transposition> readTransposition(NodeEmit &n, const Val &x,
                                           ArrayRef<OpFoldResult> kernel) {
  auto count = static_cast<size_t>(x.rank() - 2);
  Transposition t;
  SmallVector<int64_t> pads, shape;
  struct List {
    StringRef name;
    SmallVectorImpl<int64_t> &values;
    int64_t otherwise, least;
    size_t expected;
  };
  for (const List &list : {List{"strides", t.strides, 1, 1, count},
                           List{"dilations", t.dilations, 1, 1, count},
                           List{"output_padding", t.extra, 0, 0, count},
                           List{"pads", pads, 0, 0, 2 * count},
                           List{"output_shape", shape, 0, 0, count}}) {
    list.values.assign(list.expected, list.otherwise);
    auto given = n.intsAttribute(list.name);
    if (!given || given->empty())
      continue;
    // Some exporters write batch and channels, too.
    ArrayRef<int64_t> values = *given;
    if (list.name == "output_shape" && values.size() == count + 2)
      values = values.drop_front(2);
    if (values.size() != list.expected || llvm::any_of(values, [&](int64_t v) {
          return v < list.least || v > INT32_MAX;
        }))
      return n.fail("its " + list.name + " are not " + Twine(list.expected) +
                    " numbers from " + Twine(list.least));
    list.values.assign(values.begin(), values.end());
  }
  StringRef automatic = n.stringOr("auto_pad", "NOTSET");
  bool upper = automatic == "SAME_UPPER";
  bool same = upper || automatic == "SAME_LOWER";
  bool hasShape = n.intsAttribute("output_shape").has_value();
  for (size_t d = 0; d < count; ++d) {
    OpFoldResult size = x.shape[d + 2], stride = n.size(t.strides[d]);
    OpFoldResult reach =
        n.mul(n.sub(kernel[d], n.size(1)), n.size(t.dilations[d]));
    OpFoldResult whole =
        n.add(n.add(n.mul(n.sub(size, n.size(1)), stride), n.size(1)),
              n.add(reach, n.size(t.extra[d])));
    OpFoldResult before = n.size(automatic == "VALID" ? 0 : pads[d]),
                 after = n.size(automatic == "VALID" ? 0 : pads[d + count]);
    if (hasShape || same) {
      OpFoldResult wanted = hasShape ? n.size(shape[d]) : n.mul(size, stride);
      OpFoldResult total =
          n.compute(Emit::Arith::Max, n.sub(whole, wanted), n.size(0));
      OpFoldResult half = n.compute(Emit::Arith::Div, total, n.size(2));
      OpFoldResult rest = n.sub(total, half);
      before = upper ? half : rest;
      after = upper ? rest : half;
      // A result beyond what kernels reach is zero there.
      OpFoldResult missing =
          n.compute(Emit::Arith::Max, n.sub(wanted, whole), n.size(0));
      if (std::optional<int64_t> known = Emit::constant(missing);
          !known || t.extra[d] + *known > INT32_MAX)
        return n.fail("its output_shape needs a known size of dimension " +
                      Twine(d + 2));
      t.extra[d] += *Emit::constant(missing);
      whole = n.add(whole, missing);
    }
    OpFoldResult result = n.sub(whole, n.add(before, after));
    if (std::optional<int64_t> known = Emit::constant(result);
        known && *known < 0)
      return n.fail("its pads take more from dimension " + Twine(d + 2) +
                    " than it has");
    t.reach.push_back(reach);
    t.whole.push_back(whole);
    t.before.push_back(before);
    t.result.push_back(result);
  }
  return t;
}

/// The input with zeros between and around its elements, as far as reversed
/// kernels need them.
Val spread(NodeEmit &n, Val &x, const Transposition &t) {
  Dims shape = x.shape, low(x.rank(), n.size(0)), apart(x.rank(), n.size(1));
  for (size_t d = 0; d < t.reach.size(); ++d) {
    low[d + 2] = t.reach[d];
    apart[d + 2] = n.size(t.strides[d]);
    shape[d + 2] = n.add(t.whole[d], t.reach[d]);
  }
  Value init = n.filled(shape, n.number(n.elementType(x.type), 0));
  Value source = n.tensor(x);
  Value result = tensor::InsertSliceOp::create(n.b, n.loc, source, init, low,
                                               x.shape, apart);
  return n.make(result, x.type, shape);
}

/// [C, M/groups, kernel..] as [M, C/groups, kernel..], the kernel reversed.
Val turned(NodeEmit &n, Val &weight, int64_t groups, int64_t channels) {
  int64_t spatial = weight.rank() - 2;
  Dims apart{n.size(groups), n.size(channels / groups), weight.shape[1]};
  apart.append(weight.shape.begin() + 2, weight.shape.end());
  Val parts = n.reshape(weight, apart);
  SmallVector<int64_t> order{0, 2, 1};
  llvm::append_range(order, llvm::seq<int64_t>(3, 3 + spatial));
  Val swapped = n.transpose(parts, order);
  Dims shape{n.mul(n.size(groups), weight.shape[1]), n.size(channels / groups)};
  shape.append(weight.shape.begin() + 2, weight.shape.end());
  Val forward = n.reshape(swapped, shape);
  if (llvm::all_of(llvm::drop_begin(weight.shape, 2),
                   [](OpFoldResult size) { return Emit::constant(size) == 1; }))
    return forward;
  Value source = n.tensor(forward);
  SmallVector<Value> sizes = n.indices(shape);
  return n.generate(
      weight.type, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        SmallVector<Value> from(place);
        Value one = arith::ConstantIndexOp::create(b, loc, 1);
        for (int64_t d = 2; d < 2 + spatial; ++d)
          from[d] = arith::SubIOp::create(
              b, loc, arith::SubIOp::create(b, loc, sizes[d], one), place[d]);
        return tensor::ExtractOp::create(b, loc, source, from).getResult();
      });
}

LogicalResult convTranspose(NodeEmit &n) {
  if (failed(checkFilter(n)))
    return failure();
  Val &x = *n.in(0), &weight = *n.in(1);
  int64_t groups = n.intOr("group", 1);
  std::optional<int64_t> channels = Emit::constant(weight.shape[0]);
  if (groups < 1 || !channels || *channels % groups ||
      !n.require(x.shape[1], weight.shape[0], "dimension 1 of the input"))
    return n.fail("channels of input and weight do not fit " + Twine(groups) +
                  " groups");
  ArrayRef<OpFoldResult> sizes = weight.shape;
  FailureOr<Transposition> t = readTransposition(n, x, sizes.drop_front(2));
  if (failed(t))
    return failure();
  size_t spatial = t->strides.size();
  Val wide = spread(n, x, *t), reversed = turned(n, weight, groups, *channels);
  Windows windows;
  windows.strides.assign(spatial, 1);
  windows.dilations = t->dilations;
  windows.kernel.assign(sizes.begin() + 2, sizes.end());
  windows.before.assign(spatial, n.size(0));
  windows.after = windows.before;
  windows.result = t->whole;
  FailureOr<Val> sums = convolve(n, wide, reversed, windows);
  if (failed(sums))
    return failure();
  Val result = *sums;
  for (size_t d = 0; d < spatial; ++d)
    if (!Emit::same(t->result[d], t->whole[d]))
      result = n.sliceAxis(result, static_cast<int64_t>(d) + 2, t->before[d],
                           t->result[d]);
  FailureOr<Val> shifted = plusBias(n, result, n.in(2));
  return failed(shifted) ? failure() : n.set(*shifted);
}

} // namespace

void addTransposedConvolution(OperatorTable &t) {
  t.add("ConvTranspose", convTranspose);
}

} // namespace mlir::nm::onnx
