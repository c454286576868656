//===- Projection.cpp - Products with dense and N:M weights ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of tokens by outputs, token blocks in the inner loop. The sums of a
// block stay on chip, in f32, while strips of the reduction pass by in rings of
// slots. When the last strip has passed, the special unit takes the sums
// in chunks of rows to their outputs, which leave as they become ready; if the
// scratchpad has room for the sums of two blocks, the array goes on meanwhile.
//
//===----------------------------------------------------------------------===//

#include "Projection.h"
#include "Spans.h"
#include "nm/Support/Arithmetic.h"

namespace nm::isa {

using model::ProjectionShape;
using model::ProjectionTiling;
using support::ceilDiv;

namespace {

class ProjectionEmitter {
public:
  ProjectionEmitter(Builder &b, const ProjectionShape &shape,
                    const ProjectionPlan &plan, Type type, TensorId input,
                    const Weight &weight, TensorId output,
                    const Epilogue &epilogue, int64_t inputColumn,
                    int64_t outputColumn, const ProjectionRows &begin)
      : b(b), plan(plan), input(input), weight(weight), output(output),
        epilogue(epilogue), inputColumn(inputColumn),
        outputColumn(outputColumn), begin(begin),
        tokens{shape.tokens, plan.tiling.tokens},
        outs{shape.out, plan.tiling.out}, strips{shape.in, plan.depth},
        xs(b, type, {plan.tiling.tokens, plan.depth}, plan.tiling.slots),
        ws(b, type,
           weight.transposed
               ? std::vector<int64_t>{plan.depth, plan.tiling.out}
               : std::vector<int64_t>{plan.tiling.out, plan.kept(plan.depth)},
           plan.tiling.slots) {
    int64_t rows = plan.tiling.tokens, columns = plan.tiling.out;
    if (plan.sparse)
      indices.emplace(
          b, Type::I8,
          std::vector<int64_t>{columns, plan.indexBytes(plan.depth)},
          plan.tiling.slots);
    sums.emplace(b, Type::F32, std::vector<int64_t>{rows, columns}, plan.sums);
    results.emplace(b, b[output].type,
                    std::vector<int64_t>{plan.chunk, columns},
                    plan.tiling.resultSlots());
    if (epilogue.residual)
      residuals.emplace(b, b[*epilogue.residual].type,
                        std::vector<int64_t>{plan.chunk, columns},
                        plan.tiling.resultSlots());
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
  StreamPosition block(const Span &out, const Span &rows) const {
    return StreamPosition().in(out, tokens.count()).in(rows, 1);
  }

  Builder &b;
  const ProjectionPlan &plan;
  TensorId input;
  const Weight &weight;
  TensorId output;
  const Epilogue &epilogue;
  int64_t inputColumn, outputColumn;
  ProjectionRows begin;
  Blocks tokens, outs, strips;
  Stream xs, ws;
  std::optional<Stream> indices, sums, results, residuals, biases;
  std::optional<BufferId> factor;
};

} // namespace

void ProjectionEmitter::emitStrip(const Span &out, const Span &rows,
                                  const Span &strip, bool isFirst,
                                  bool isLast) {
  int64_t count = strips.count(), slots = plan.tiling.slots;
  StreamPosition position = StreamPosition()
                                .in(out, tokens.count() * count)
                                .in(rows, count)
                                .in(strip, 1);
  TileRef x = position.slotOf(
      b.tile(xs.buffer, {0, 0}, {rows.size, strip.size}), slots);
  b.load(strip.at(rows.at(b.tile(input,
                                 {begin.input + rows.begin,
                                  inputColumn + strip.begin},
                                 {rows.size, strip.size}),
                          0),
                  1),
         x, channel(Inputs), xs.produce());

  int64_t n = plan.kept(strip.size);
  Span kept{strip.loop, plan.kept(strip.begin), n, 0};
  TileRef from =
      weight.transposed
          ? b.tile(weight.values, {begin.weight + kept.begin, out.begin},
                   {n, out.size})
          : b.tile(weight.values, {begin.weight + out.begin, kept.begin},
                   {out.size, n});
  TileRef w = weight.transposed ? b.tile(ws.buffer, {0, 0}, {n, out.size})
                                : b.tile(ws.buffer, {0, 0}, {out.size, n});
  w = position.slotOf(w, slots);
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
  TileRef i = position.slotOf(
      b.tile(indices->buffer, {0, 0}, {out.size, bytes}), slots);
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
  int64_t last = (count - 1) * depth;
  emitStrip(out, rows, {{}, last, strips.total - last, count - 1}, false, true);
}

void ProjectionEmitter::emitChunk(const Span &out, const Span &rows,
                                  const Span &chunk) {
  StreamPosition position = StreamPosition()
                                .in(out, chunkCount())
                                .in(rows, chunks(tokens.block).count())
                                .in(chunk, 1);
  TileRef sum =
      chunk.at(block(out, rows).slotOf(b.tile(sums->buffer, {chunk.begin, 0},
                                              {chunk.size, out.size}),
                                       plan.sums),
               0);
  TileRef result =
      position.slotOf(b.tile(results->buffer, {0, 0}, {chunk.size, out.size}),
                      plan.tiling.resultSlots());
  auto inDram = [&](TensorId tensor, int64_t column) {
    return chunk.at(
        rows.at(out.at(b.tile(tensor,
                              {begin.output + rows.begin + chunk.begin,
                               column + out.begin},
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
         {sum, StreamPosition().in(out, 1).slotOf(
                   b.tile(biases->buffer, {0}, {out.size}), 2)},
         {})
        .binary = BinaryKind::Add;
  if (epilogue.activation)
    step(Opcode::Unary, {sum}, {}).unary = *epilogue.activation;
  if (epilogue.residual) {
    TileRef residual = position.slotOf(
        b.tile(residuals->buffer, {0, 0}, {chunk.size, out.size}),
        plan.tiling.resultSlots());
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
      b.load(out.at(b.tile(*epilogue.bias, {out.begin}, {out.size}), 0),
             StreamPosition().in(out, 1).slotOf(
                 b.tile(biases->buffer, {0}, {out.size}), 2),
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

Status emitProjection(Builder &b, const Device &device,
                      const ProjectionShape &shape,
                      const ProjectionTiling &tiling, Type type, TensorId input,
                      const Weight &weight, TensorId output,
                      const Epilogue &epilogue, int64_t inputColumn,
                      int64_t outputColumn, const ProjectionRows &rows) {
  if (Status status = checkProjection(device, shape, tiling, type); !status)
    return status;
  if (Status status = checkTensors(b, shape, type, input, weight, output,
                                   epilogue, inputColumn, outputColumn, rows);
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
                    inputColumn, outputColumn, rows)
      .emit();
  b.release(mark);
  return {};
}

} // namespace nm::isa
