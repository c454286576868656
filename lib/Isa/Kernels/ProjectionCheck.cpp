//===- ProjectionCheck.cpp - What projections need ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Projection.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"

namespace nm::isa {

using model::ProjectionShape;
using model::ProjectionTiling;
using support::ceilDiv;
using support::makeError;

namespace {

/// `tensor` is a matrix with at least these rows and columns.
Status checkMatrix(const Builder &b, TensorId id, const char *what,
                   int64_t rows, int64_t columns, Type type) {
  const Tensor &tensor = b[id];
  if (tensor.shape.size() != 2 || tensor.shape[0] < rows ||
      tensor.shape[1] < columns || tensor.type != type) {
    std::string shape;
    for (int64_t size : tensor.shape)
      shape += (shape.empty() ? "" : "x") + std::to_string(size);
    return makeError(Errc::Argument, "found ", what, " '", tensor.name, "' of ",
                     shape, " ", toString(tensor.type), ", expected at least ",
                     rows, "x", columns, " ", toString(type));
  }
  return {};
}

} // namespace

Status checkProjection(const Device &device, const ProjectionShape &shape,
                       const ProjectionTiling &tiling, Type type) {
  if (Status status = shape.check(); !status)
    return status;
  if (device.kind != model::DeviceKind::Accelerator)
    return makeError(Errc::Unsupported, "found the processor ", device.name,
                     ", expected an accelerator");
  if (type == Type::I8 || typeBytes(type) * 8 != device.elementBits)
    return makeError(Errc::Unsupported, "found elements of ", toString(type),
                     ", expected the ", device.elementBits, " bits of ",
                     device.name);
  if (!device.array.supports(tiling.stationarity))
    return makeError(Errc::Unsupported, "found ",
                     machine::toString(tiling.stationarity),
                     " stationarity, expected one that ", device.name, " has");
  if (tiling.tokens < 1 || tiling.tokens > shape.tokens || tiling.out < 1 ||
      tiling.out > shape.out || tiling.depth < 0)
    return makeError(Errc::Argument, "found a block of ", tiling.tokens, " x ",
                     tiling.out, ", expected at most ", shape.tokens, " x ",
                     shape.out);
  if (tiling.slots < 2 || tiling.slots > model::kMostProjectionSlots)
    return makeError(Errc::Argument, "found ", tiling.slots,
                     " slots of a ring, expected 2 to ",
                     model::kMostProjectionSlots);
  if (!shape.sparse())
    return {};
  if (shape.in % shape.pattern.m)
    return makeError(Errc::Unsupported, "found an N:M weight with ", shape.in,
                     " elements along the reduction, expected a multiple of ",
                     shape.pattern.m);
  if (!device.array.skips(shape.pattern))
    return makeError(Errc::Unsupported, "found weights of pattern ",
                     shape.pattern.n, ":", shape.pattern.m,
                     ", expected one that ", device.name, " decodes");
  return {};
}

Status checkTensors(const Builder &b, const ProjectionShape &shape, Type type,
                    TensorId input, const Weight &weight, TensorId output,
                    const Epilogue &epilogue, int64_t inputColumn,
                    int64_t outputColumn, const ProjectionRows &rows) {
  if (inputColumn < 0 || outputColumn < 0)
    return makeError(Errc::Argument, "found columns ", inputColumn, " and ",
                     outputColumn, ", expected none negative");
  if (rows.input < 0 || rows.weight < 0 || rows.output < 0 ||
      (shape.sparse() && rows.weight != 0))
    return makeError(Errc::Argument, "found rows ", rows.input, ", ",
                     rows.weight, " and ", rows.output,
                     ", expected none negative, and 0 of an N:M weight");
  if (shape.sparse() != (weight.pattern.n != weight.pattern.m) ||
      (shape.sparse() && !(shape.pattern == weight.pattern)))
    return makeError(Errc::Argument, "found a weight of pattern ",
                     weight.pattern.n, ":", weight.pattern.m, ", expected ",
                     shape.pattern.n, ":", shape.pattern.m);
  if (shape.sparse() && weight.transposed)
    return makeError(Errc::Unsupported, "found an N:M weight [in, out], "
                                        "expected [out, in]");
  if (Status s = checkMatrix(b, input, "the input", rows.input + shape.tokens,
                             inputColumn + shape.in, type);
      !s)
    return s;
  if (Status s =
          checkMatrix(b, output, "the output", rows.output + shape.tokens,
                      outputColumn + shape.out, type);
      !s)
    return s;
  if (input.index == output.index && rows.input < rows.output + shape.tokens &&
      rows.output < rows.input + shape.tokens &&
      inputColumn < outputColumn + shape.out &&
      outputColumn < inputColumn + shape.in)
    return makeError(Errc::Argument, "found '", b[input].name,
                     "' as input and output of a projection, columns ",
                     inputColumn, " to ", inputColumn + shape.in, " and ",
                     outputColumn, " to ", outputColumn + shape.out,
                     ", expected none in common");
  int64_t width = shape.in;
  if (shape.sparse()) {
    width = shape.in / shape.pattern.m * shape.pattern.n;
    int64_t bytes = ceilDiv(width * shape.pattern.indexBits(), int64_t(8));
    if (Status s = checkMatrix(b, weight.indices, "the indices", shape.out,
                               bytes, Type::I8);
        !s)
      return s;
  }
  if (Status s =
          checkMatrix(b, weight.values, "the weight",
                      rows.weight + (weight.transposed ? width : shape.out),
                      weight.transposed ? shape.out : width, type);
      !s)
    return s;
  if (epilogue.residual)
    if (Status s = checkMatrix(b, *epilogue.residual, "the residual",
                               rows.output + shape.tokens, shape.out,
                               b[*epilogue.residual].type);
        !s)
      return s;
  if (epilogue.bias) {
    const Tensor &bias = b[*epilogue.bias];
    if (bias.shape.size() != 1 || bias.shape[0] < shape.out)
      return makeError(Errc::Argument, "found the bias '", bias.name,
                       "' of rank ", bias.shape.size(),
                       ", expected a vector of at least ", shape.out);
  }
  return {};
}

} // namespace nm::isa
