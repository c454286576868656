//===- Projection.cpp - Products with dense and N:M weights ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of tokens by outputs, token blocks in the inner loop. The sums of a
// block stay on chip, in f32, while strips of the reduction pass by in two
// buffers each. When the last strip has passed, the special unit takes the sums
// in chunks of rows to their outputs, which leave as they become ready; if the
// scratchpad has room for the sums of two blocks, the array goes on meanwhile.
//
//===----------------------------------------------------------------------===//

#include "Projection.h"
#include "Spans.h"
#include <algorithm>

namespace nm::isa {

using model::ProjectionShape;
using model::ProjectionTiling;
using rt::ceilDiv;
using rt::makeError;

//===----------------------------------------------------------------------===//
// Scratchpad
//===----------------------------------------------------------------------===//

namespace {

/// Adds up buffers as Builder::buffer places them.
class Layout {
public:
  void add(int64_t bytes, int64_t slots = 1) {
    top = ceilDiv(top, int64_t(64)) * 64 + bytes * slots;
  }
  int64_t bytes() const { return top; }

private:
  int64_t top = 0;
};

} // namespace

int64_t ProjectionPlan::bytes() const {
  Layout layout;
  layout.add(tiling.tokens * depth * elementBytes, 2);
  layout.add(tiling.out * kept(depth) * elementBytes, 2);
  if (sparse)
    layout.add(tiling.out * indexBytes(depth), 2);
  layout.add(tiling.tokens * tiling.out * 4, sums);
  layout.add(chunk * tiling.out * elementBytes, 2);
  if (residualBytes)
    layout.add(chunk * tiling.out * residualBytes, 2);
  if (biasBytes)
    layout.add(tiling.out * biasBytes, 2);
  if (hasFactor)
    layout.add(chunk * 4);
  return layout.bytes();
}

Result<ProjectionPlan> planProjection(const Device &device,
                                      const ProjectionShape &shape,
                                      const ProjectionTiling &tiling, Type type,
                                      const Epilogue &epilogue,
                                      int64_t biasBytes, int64_t residualBytes,
                                      int64_t capacity) {
  ProjectionPlan plan;
  plan.tiling = tiling;
  plan.depth = model::projectionDepth(device, shape, tiling);
  plan.sparse = shape.sparse();
  plan.pattern = shape.pattern;
  plan.elementBytes = typeBytes(type);
  plan.biasBytes = epilogue.bias ? biasBytes : 0;
  plan.residualBytes = epilogue.residual ? residualBytes : 0;
  plan.hasFactor = plan.sparse && epilogue.scale != 1;
  // Chunks small beside the rest, but whole transfers rather than single rows.
  int64_t row = tiling.out * plan.elementBytes;
  plan.chunk =
      std::clamp<int64_t>(device.scratchpad.bytes / 64 / row, 1, tiling.tokens);
  plan.sums = 1;
  while (plan.bytes() > capacity && plan.chunk > 1)
    plan.chunk = ceilDiv(plan.chunk, int64_t(2));
  if (plan.bytes() > capacity)
    return makeError(Errc::Unsupported, "found blocks of ", tiling.tokens,
                     " x ", tiling.out, " in strips of ", plan.depth,
                     ", which need ", plan.bytes(),
                     " bytes with their epilogue, expected at most the ",
                     capacity, " left of the scratchpad of ", device.name);
  bool single = tiling.tokens >= shape.tokens && tiling.out >= shape.out;
  if (!single) {
    plan.sums = 2;
    if (plan.bytes() > capacity)
      plan.sums = 1;
  }
  return plan;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

namespace {

class ProjectionEmitter {
public:
  ProjectionEmitter(Builder &b, const ProjectionShape &shape,
                    const ProjectionPlan &plan, Type type, TensorId input,
                    const Weight &weight, TensorId output,
                    const Epilogue &epilogue, int64_t inputColumn,
                    int64_t outputColumn)
      : b(b), plan(plan), input(input), weight(weight), output(output),
        epilogue(epilogue), inputColumn(inputColumn),
        outputColumn(outputColumn), tokens{shape.tokens, plan.tiling.tokens},
        outs{shape.out, plan.tiling.out}, strips{shape.in, plan.depth},
        xs(b, type, {plan.tiling.tokens, plan.depth}),
        ws(b, type,
           weight.transposed
               ? std::vector<int64_t>{plan.depth, plan.tiling.out}
               : std::vector<int64_t>{plan.tiling.out, plan.kept(plan.depth)}) {
    int64_t rows = plan.tiling.tokens, columns = plan.tiling.out;
    if (plan.sparse)
      indices.emplace(
          b, Type::I8,
          std::vector<int64_t>{columns, plan.indexBytes(plan.depth)});
    sums.emplace(b, Type::F32, std::vector<int64_t>{rows, columns}, plan.sums);
    results.emplace(b, b[output].type,
                    std::vector<int64_t>{plan.chunk, columns});
    if (epilogue.residual)
      residuals.emplace(b, b[*epilogue.residual].type,
                        std::vector<int64_t>{plan.chunk, columns});
    if (epilogue.bias)
      biases.emplace(b, b[*epilogue.bias].type, std::vector<int64_t>{columns});
    if (plan.hasFactor)
      factor = b.buffer(Type::F32, {plan.chunk});
  }

  void emit();

private:
  void emitStrip(const Span &out, const Span &rows, const Span &strip,
                 bool isFirst, bool isLast);
  void emitProducts(const Span &out, const Span &rows);
  void emitEpilogue(const Span &out, const Span &rows);
  void emitChunk(const Span &out, const Span &rows, const Span &chunk);

  /// Channels by what they carry, as far as there are so many.
  enum Carried { Inputs, Values, Indices, Epilogues };
  int channel(Carried carried) const {
    return static_cast<int>(carried % b.target().channels);
  }
  Blocks chunks(int64_t rows) const { return {rows, plan.chunk}; }
  /// Chunks of all token blocks.
  int64_t chunkCount() const {
    return tokens.whole() * chunks(tokens.block).count() +
           chunks(tokens.rest()).count();
  }
  Turn block(const Span &out, const Span &rows) const {
    return Turn().in(out, tokens.count()).in(rows, 1);
  }

  Builder &b;
  const ProjectionPlan &plan;
  TensorId input;
  const Weight &weight;
  TensorId output;
  const Epilogue &epilogue;
  int64_t inputColumn, outputColumn;
  Blocks tokens, outs, strips;
  Stream xs, ws;
  std::optional<Stream> indices, sums, results, residuals, biases;
  std::optional<BufferId> factor;
};

} // namespace

void ProjectionEmitter::emitStrip(const Span &out, const Span &rows,
                                  const Span &strip, bool isFirst,
                                  bool isLast) {
  int64_t count = strips.count();
  Turn turn =
      Turn().in(out, tokens.count() * count).in(rows, count).in(strip, 1);
  TileRef x =
      turn.slotOf(b.tile(xs.buffer, {0, 0}, {rows.size, strip.size}), 2);
  b.load(strip.at(rows.at(b.tile(input, {rows.begin, inputColumn + strip.begin},
                                 {rows.size, strip.size}),
                          0),
                  1),
         x, channel(Inputs), xs.produce());

  int64_t n = plan.kept(strip.size);
  Span kept{strip.loop, plan.kept(strip.begin), n, 0};
  TileRef from =
      weight.transposed
          ? b.tile(weight.values, {kept.begin, out.begin}, {n, out.size})
          : b.tile(weight.values, {out.begin, kept.begin}, {out.size, n});
  TileRef w = weight.transposed ? b.tile(ws.buffer, {0, 0}, {n, out.size})
                                : b.tile(ws.buffer, {0, 0}, {out.size, n});
  w = turn.slotOf(w, 2);
  int outDim = weight.transposed ? 1 : 0;
  b.load(kept.at(out.at(from, outDim), 1 - outDim), w, channel(Values),
         ws.produce());

  Tokens taken = xs.consume() + ws.consume();
  if (isFirst)
    taken = taken + Tokens{{sums->free}, {}};
  if (isLast)
    taken = taken + Tokens{{}, {sums->full}};
  TileRef sum = block(out, rows).slotOf(
      b.tile(sums->buffer, {0, 0}, {rows.size, out.size}), plan.sums);
  if (!plan.sparse) {
    Instruction &product = b.gemm(plan.tiling.stationarity, x, w, sum, taken);
    product.transposeRhs = !weight.transposed;
    product.value = epilogue.scale;
    product.accumulate = !isFirst;
    return;
  }
  int64_t bytes = plan.indexBytes(strip.size);
  Span packed{strip.loop, plan.indexBytes(strip.begin), bytes, 0};
  TileRef i =
      turn.slotOf(b.tile(indices->buffer, {0, 0}, {out.size, bytes}), 2);
  b.load(packed.at(out.at(b.tile(weight.indices, {out.begin, packed.begin},
                                 {out.size, bytes}),
                          0),
                   1),
         i, channel(Indices), indices->produce());
  b.nmGemm(plan.tiling.stationarity, plan.pattern, x, w, i, sum,
           taken + indices->consume())
      .accumulate = !isFirst;
}

/// The first and the last strip stand alone: they begin the sums and hand them
/// on.
void ProjectionEmitter::emitProducts(const Span &out, const Span &rows) {
  int64_t count = strips.count(), depth = strips.block;
  if (count == 1)
    return emitStrip(out, rows, {{}, 0, strips.total, 0}, true, true);
  emitStrip(out, rows, {{}, 0, depth, 0}, true, false);
  if (count > 2) {
    LoopId loop = b.beginLoop(count - 2);
    emitStrip(out, rows, {loop, depth, depth, 1}, false, false);
    b.endLoop(loop);
  }
  int64_t begin = (count - 1) * depth;
  emitStrip(out, rows, {{}, begin, strips.total - begin, count - 1}, false,
            true);
}

void ProjectionEmitter::emitChunk(const Span &out, const Span &rows,
                                  const Span &chunk) {
  Turn turn = Turn()
                  .in(out, chunkCount())
                  .in(rows, chunks(tokens.block).count())
                  .in(chunk, 1);
  TileRef sum =
      chunk.at(block(out, rows).slotOf(b.tile(sums->buffer, {chunk.begin, 0},
                                              {chunk.size, out.size}),
                                       plan.sums),
               0);
  TileRef result =
      turn.slotOf(b.tile(results->buffer, {0, 0}, {chunk.size, out.size}), 2);
  auto inDram = [&](TensorId tensor, int64_t column) {
    return chunk.at(
        rows.at(out.at(b.tile(tensor,
                              {rows.begin + chunk.begin, column + out.begin},
                              {chunk.size, out.size}),
                       1),
                0),
        0);
  };

  // Steps on the sums in place; the last one writes the result.
  int steps = (factor ? 1 : 0) + (epilogue.bias ? 1 : 0) +
              (epilogue.activation ? 1 : 0) + (epilogue.residual ? 1 : 0);
  int done = 0;
  auto step = [&](Opcode opcode, std::vector<Tile> operands,
                  const Tokens &tokens) -> Instruction & {
    bool isLast = ++done >= steps;
    operands.push_back(isLast ? result : sum);
    return b.special(opcode, std::move(operands),
                     isLast ? tokens + results->produce() : tokens);
  };
  if (factor)
    step(Opcode::Scale, {sum, b.tile(*factor, {0}, {chunk.size})}, {});
  if (epilogue.bias)
    step(Opcode::Elementwise,
         {sum,
          Turn().in(out, 1).slotOf(b.tile(biases->buffer, {0}, {out.size}), 2)},
         {})
        .binary = BinaryKind::Add;
  if (epilogue.activation)
    step(Opcode::Unary, {sum}, {}).unary = *epilogue.activation;
  if (epilogue.residual) {
    TileRef residual = turn.slotOf(
        b.tile(residuals->buffer, {0, 0}, {chunk.size, out.size}), 2);
    b.load(inDram(*epilogue.residual, 0), residual, channel(Epilogues),
           residuals->produce());
    step(Opcode::Elementwise, {sum, residual}, residuals->consume()).binary =
        BinaryKind::Add;
  }
  if (steps == 0)
    step(Opcode::Unary, {sum}, {}).unary = UnaryKind::Copy;
  b.store(result, inDram(output, outputColumn), channel(Epilogues),
          results->consume());
}

void ProjectionEmitter::emitEpilogue(const Span &out, const Span &rows) {
  b.sync(Engine::Special, 0, sums->first());
  chunks(rows.size).forEach(
      b, [&](const Span &chunk) { emitChunk(out, rows, chunk); });
  b.sync(Engine::Special, 0, sums->last());
}

void ProjectionEmitter::emit() {
  if (factor)
    b.special(Opcode::Fill, {b.tile(*factor)}, {}).value = epilogue.scale;
  outs.forEach(b, [&](const Span &out) {
    if (epilogue.bias) {
      b.load(
          out.at(b.tile(*epilogue.bias, {out.begin}, {out.size}), 0),
          Turn().in(out, 1).slotOf(b.tile(biases->buffer, {0}, {out.size}), 2),
          channel(Epilogues), biases->produce());
      b.sync(Engine::Special, 0, biases->first());
    }
    tokens.forEach(b, [&](const Span &rows) {
      emitProducts(out, rows);
      emitEpilogue(out, rows);
    });
    if (epilogue.bias)
      b.sync(Engine::Special, 0, biases->last());
  });
  b.barrier();
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

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

Status checkDevice(const Device &device, const ProjectionShape &shape,
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
                     model::toString(tiling.stationarity),
                     " stationarity, expected one that ", device.name, " has");
  if (tiling.tokens < 1 || tiling.tokens > shape.tokens || tiling.out < 1 ||
      tiling.out > shape.out || tiling.depth < 0)
    return makeError(Errc::Argument, "found a block of ", tiling.tokens, " x ",
                     tiling.out, ", expected at most ", shape.tokens, " x ",
                     shape.out);
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
                    int64_t outputColumn) {
  if (inputColumn < 0 || outputColumn < 0)
    return makeError(Errc::Argument, "found columns ", inputColumn, " and ",
                     outputColumn, ", expected none negative");
  if (shape.sparse() != (weight.pattern.n != weight.pattern.m) ||
      (shape.sparse() && !(shape.pattern == weight.pattern)))
    return makeError(Errc::Argument, "found a weight of pattern ",
                     weight.pattern.n, ":", weight.pattern.m, ", expected ",
                     shape.pattern.n, ":", shape.pattern.m);
  if (shape.sparse() && weight.transposed)
    return makeError(Errc::Unsupported, "found an N:M weight [in, out], "
                                        "expected [out, in]");
  if (Status s = checkMatrix(b, input, "the input", shape.tokens,
                             inputColumn + shape.in, type);
      !s)
    return s;
  if (Status s = checkMatrix(b, output, "the output", shape.tokens,
                             outputColumn + shape.out, type);
      !s)
    return s;
  int64_t width = shape.in;
  if (shape.sparse()) {
    width = shape.in / shape.pattern.m * shape.pattern.n;
    int64_t bytes = ceilDiv(width * shape.pattern.indexBits(), int64_t(8));
    if (Status s = checkMatrix(b, weight.indices, "the indices", shape.out,
                               bytes, Type::I8);
        !s)
      return s;
  }
  if (Status s = checkMatrix(b, weight.values, "the weight",
                             weight.transposed ? width : shape.out,
                             weight.transposed ? shape.out : width, type);
      !s)
    return s;
  if (epilogue.residual)
    if (Status s =
            checkMatrix(b, *epilogue.residual, "the residual", shape.tokens,
                        shape.out, b[*epilogue.residual].type);
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

} // namespace

Status emitProjection(Builder &b, const Device &device,
                      const ProjectionShape &shape,
                      const ProjectionTiling &tiling, Type type, TensorId input,
                      const Weight &weight, TensorId output,
                      const Epilogue &epilogue, int64_t inputColumn,
                      int64_t outputColumn) {
  if (Status status = checkDevice(device, shape, tiling, type); !status)
    return status;
  if (Status status = checkTensors(b, shape, type, input, weight, output,
                                   epilogue, inputColumn, outputColumn);
      !status)
    return status;
  int64_t mark = b.mark();
  Result<ProjectionPlan> plan = planProjection(
      device, shape, tiling, type, epilogue,
      epilogue.bias ? typeBytes(b[*epilogue.bias].type) : 0,
      epilogue.residual ? typeBytes(b[*epilogue.residual].type) : 0,
      b.target().scratchpadBytes - ceilDiv(mark, int64_t(64)) * 64);
  if (!plan)
    return plan.error();
  ProjectionEmitter(b, shape, *plan, type, input, weight, output, epilogue,
                    inputColumn, outputColumn)
      .emit();
  b.release(mark);
  return {};
}

Result<ProjectionTiling> chooseProjection(const Device &device,
                                          const ProjectionShape &shape,
                                          Type type, const Epilogue &epilogue) {
  if (device.array.stationarities.empty())
    return makeError(Errc::Unsupported, "found no stationarity of ",
                     device.name, ", expected at least one");
  if (Status status = checkDevice(
          device, shape, {1, 1, device.array.stationarities.front()}, type);
      !status)
    return status.error();
  // Bias and residual may be wider than the elements: room for f32.
  auto fits = [&](const ProjectionTiling &tiling) -> Status {
    Result<ProjectionPlan> plan = planProjection(
        device, shape, tiling, type, epilogue, 4, 4, device.scratchpad.bytes);
    return plan ? Status() : Status(plan.error());
  };
  auto best = model::searchProjection(device, shape, fits);
  if (!best)
    return best.error();
  return best->first;
}

} // namespace nm::isa
