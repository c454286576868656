//===- Rows.cpp - Operators on the rows of a matrix ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of whole rows come in, pass the special unit and go out, each through
// a ring of slots, so that the three overlap. Vectors stay on chip.
//
//===----------------------------------------------------------------------===//

#include "Spans.h"
#include "nm/Isa/Kernels/Kernels.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>
#include <cmath>

namespace nm::isa {

using support::ceilDiv;
using support::makeError;

namespace {

/// An operator on rows: its tensors, and what it does to a block.
struct RowOperator {
  const char *name;
  std::vector<TensorId> inputs;  ///< [rows, cols]
  std::vector<TensorId> vectors; ///< [cols]
  TensorId dest;                 ///< [rows, cols], or [rows, 1] if it reduces
  bool hasSum = false;           ///< needs an f32 block of its own
  bool reduces = false;
};

/// The tiles of one block.
struct RowBlock {
  std::vector<Tile> inputs, vectors;
  std::optional<Tile> sum;
  Tile dest;       ///< the vector [rows] if the operator reduces
  Tokens taken;    ///< of the instruction that reads the inputs
  Tokens produced; ///< of the one that writes dest
};

std::string shapeOf(const Tensor &tensor) {
  std::string text;
  for (int64_t size : tensor.shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text + " " + toString(tensor.type);
}

Status checkShapes(const Builder &b, const Device &device, Type type,
                   const RowOperator &op) {
  if (device.kind != model::DeviceKind::Accelerator)
    return makeError(Errc::Unsupported, "found the processor ", device.name,
                     ", expected an accelerator");
  const Tensor &dest = b[op.dest];
  auto refuse = [&](const Tensor &tensor, const auto &...expected) {
    return makeError(Errc::Argument, "found '", tensor.name, "' of ",
                     shapeOf(tensor), " in ", op.name, ", expected ",
                     expected...);
  };
  if (dest.shape.size() != 2 || dest.type == Type::I8)
    return refuse(dest, "a matrix of floats");
  if (type == Type::I8 || dest.type != type)
    return refuse(dest, "elements of ", toString(type));
  if (op.reduces) {
    const Tensor &source = b[op.inputs.front()];
    if (source.shape.size() != 2 || source.type == Type::I8)
      return refuse(source, "a matrix of floats");
    if (dest.shape != std::vector<int64_t>{source.shape[0], 1})
      return refuse(dest, "a column of ", source.shape[0]);
    return {};
  }
  for (TensorId id : op.inputs)
    if (b[id].shape != dest.shape || b[id].type == Type::I8)
      return refuse(b[id], "the shape of '", dest.name, "', ", shapeOf(dest));
  for (TensorId id : op.vectors)
    if (b[id].shape != std::vector<int64_t>{dest.shape[1]} ||
        b[id].type == Type::I8)
      return refuse(b[id], "a vector of ", dest.shape[1], " floats");
  return {};
}

/// Of the inputs.
int64_t columnsOf(const Builder &b, const RowOperator &op) {
  return b[op.reduces ? op.inputs.front() : op.dest].shape[1];
}

/// How rows pass through.
struct RowRings {
  int64_t rows;  ///< of a block
  int64_t slots; ///< of each ring
};

/// Small blocks, so that the first one in and the last one out are little
/// beside the rest, but whole transfers: 2 KiB at least, and no more than 1,024
/// blocks. A slot is used again after its use, a latency and its next transfer;
/// eight hide what six transfers take. Where they do not fit, as much as does.
Result<RowRings> ringsOf(const Builder &b, const Device &device,
                         const RowOperator &op) {
  constexpr int64_t kSlots = 8, kBytes = 2048, kBlocks = 1024;
  constexpr int64_t alignment = 64;
  const Tensor &dest = b[op.dest];
  int64_t rows = dest.shape[0], columns = columnsOf(b, op);
  // Of a row in a slot of each ring, and beside the rings.
  int64_t row = dest.shape[1] * typeBytes(dest.type), sum = 0, fixed = 0,
          buffers = 1;
  for (TensorId id : op.inputs) {
    row += columns * typeBytes(b[id].type);
    ++buffers;
  }
  if (op.hasSum) {
    sum = columns * typeBytes(Type::F32);
    ++buffers;
  }
  for (TensorId id : op.vectors) {
    fixed += columns * typeBytes(b[id].type);
    ++buffers;
  }
  int64_t capacity =
      b.target().scratchpadBytes - b.mark() - (buffers + 1) * alignment - fixed;
  if (2 * row + sum > capacity)
    return makeError(Errc::Unsupported, "found rows of ", columns,
                     " elements in ", op.name, ", whose buffers need ",
                     2 * row + sum + fixed, " bytes, expected at most the ",
                     std::max<int64_t>(capacity + fixed, 0),
                     " left of the scratchpad of ", device.name);
  int64_t slots = std::min(kSlots, (capacity - sum) / row);
  int64_t fits = capacity / (slots * row + sum);
  int64_t bytes = columns * typeBytes(dest.type);
  double hidden =
      static_cast<double>(device.dram.latencyCycles + device.dma.setupCycles) *
      device.dramBytesPerCycle() / static_cast<double>((kSlots - 2) * bytes);
  double wanted = std::max({static_cast<double>(ceilDiv(rows, kBlocks)),
                            static_cast<double>(ceilDiv(kBytes, bytes)),
                            std::ceil(hidden)});
  fits = std::min(fits, rows);
  return RowRings{
      wanted < static_cast<double>(fits) ? static_cast<int64_t>(wanted) : fits,
      slots};
}

/// Emits loads, `body` for each block, and stores.
template <typename Body>
Status emitRows(Builder &b, const Device &device, Type type,
                const RowOperator &op, Body body) {
  if (Status status = checkShapes(b, device, type, op); !status)
    return status;
  int64_t mark = b.mark();
  Result<RowRings> rings = ringsOf(b, device, op);
  if (!rings)
    return rings.error();
  int64_t height = rings->rows, slots = rings->slots;
  int64_t columns = columnsOf(b, op), width = b[op.dest].shape[1];
  Blocks rows{b[op.dest].shape[0], height};
  std::vector<int64_t> block{height, columns};
  auto channel = [&](size_t carried) {
    return static_cast<int>(carried % b.target().channels);
  };

  std::vector<Tile> vectors;
  for (TensorId id : op.vectors) {
    BufferId buffer = b.buffer(b[id].type, {columns});
    SemaphoreId full = b.semaphore(0);
    b.load(b.tile(id), b.tile(buffer), channel(2), {{}, {full}});
    b.sync(Engine::Special, 0, {{full}, {}});
    vectors.push_back(b.tile(buffer));
  }
  std::vector<Stream> inputs;
  inputs.reserve(op.inputs.size());
  for (TensorId id : op.inputs)
    inputs.emplace_back(b, b[id].type, block, slots);
  Stream results(b, b[op.dest].type, {height, width}, slots);
  // The same bytes as the row vector that reductions write.
  BufferId vector =
      op.reduces ? b.alias(results.buffer, {height}) : results.buffer;
  std::optional<BufferId> sum;
  if (op.hasSum)
    sum = b.buffer(Type::F32, block);

  rows.forEach(b, [&](const Span &span) {
    StreamPosition position = StreamPosition().in(span, 1);
    auto inDram = [&](TensorId id) {
      return span.at(
          b.tile(id, {span.begin, 0}, {span.size, b[id].shape.back()}), 0);
    };
    auto onChip = [&](BufferId id) {
      return b.tile(id, {0, 0}, {span.size, b[id].shape.back()});
    };
    RowBlock tiles;
    tiles.vectors = vectors;
    for (size_t i = 0; i != inputs.size(); ++i) {
      tiles.inputs.push_back(position.slotOf(onChip(inputs[i].buffer), slots));
      b.load(inDram(op.inputs[i]), tiles.inputs.back(), channel(i),
             inputs[i].produce());
      tiles.taken = tiles.taken + inputs[i].consume();
    }
    TileRef result = position.slotOf(onChip(results.buffer), slots);
    tiles.dest = op.reduces
                     ? position.slotOf(b.tile(vector, {0}, {span.size}), slots)
                     : result;
    tiles.produced = results.produce();
    if (sum)
      tiles.sum = onChip(*sum);
    body(tiles);
    b.store(result, inDram(op.dest), channel(0), results.consume());
  });
  b.barrier();
  b.release(mark);
  return {};
}

} // namespace

Status emitLayerNorm(Builder &b, const Device &device, Type type,
                     TensorId source, std::optional<TensorId> residual,
                     TensorId gamma, TensorId beta, float epsilon,
                     TensorId dest) {
  if (!(epsilon > 0))
    return makeError(Errc::Argument, "found the epsilon ", epsilon,
                     " of a layer norm, expected a positive one");
  RowOperator op{"a layer norm", {source}, {gamma, beta}, dest};
  if (residual) {
    op.inputs.push_back(*residual);
    op.hasSum = true;
  }
  return emitRows(b, device, type, op, [&](const RowBlock &block) {
    Tile normalized = block.inputs[0];
    Tokens tokens = block.produced;
    if (residual) {
      normalized = *block.sum;
      b.special(Opcode::Elementwise,
                {block.inputs[0], block.inputs[1], normalized}, block.taken)
          .binary = BinaryKind::Add;
    } else {
      tokens = block.taken + tokens;
    }
    b.special(Opcode::LayerNorm,
              {normalized, block.vectors[0], block.vectors[1], block.dest},
              tokens)
        .value = epsilon;
  });
}

Status emitElementwise(Builder &b, const Device &device, Type type,
                       BinaryKind kind, TensorId lhs, TensorId rhs,
                       TensorId dest) {
  RowOperator op{"an element-wise operator", {lhs}, {}, dest};
  bool isVector = b[rhs].shape.size() == 1;
  (isVector ? op.vectors : op.inputs).push_back(rhs);
  return emitRows(b, device, type, op, [&](const RowBlock &block) {
    b.special(Opcode::Elementwise,
              {block.inputs[0], isVector ? block.vectors[0] : block.inputs[1],
               block.dest},
              block.taken + block.produced)
        .binary = kind;
  });
}

Status emitRowMax(Builder &b, const Device &device, Type type, TensorId source,
                  TensorId dest) {
  RowOperator op{"a row maximum", {source}, {}, dest};
  op.reduces = true;
  return emitRows(b, device, type, op, [&](const RowBlock &block) {
    b.special(Opcode::RowMax, {block.inputs[0], block.dest},
              block.taken + block.produced);
  });
}

Status emitFill(Builder &b, const Device &device, Type type, float value,
                TensorId dest) {
  RowOperator op{"a fill", {}, {}, dest};
  return emitRows(b, device, type, op, [&](const RowBlock &block) {
    b.special(Opcode::Fill, {block.dest}, block.produced).value = value;
  });
}

Status emitUnary(Builder &b, const Device &device, Type type, UnaryKind kind,
                 TensorId source, TensorId dest) {
  RowOperator op{"a unary operator", {source}, {}, dest};
  return emitRows(b, device, type, op, [&](const RowBlock &block) {
    b.special(Opcode::Unary, {block.inputs[0], block.dest},
              block.taken + block.produced)
        .unary = kind;
  });
}

Status emitSoftmax(Builder &b, const Device &device, Type type, float scale,
                   TensorId source, TensorId dest) {
  RowOperator op{"a softmax", {source}, {}, dest};
  return emitRows(b, device, type, op, [&](const RowBlock &block) {
    b.special(Opcode::Softmax, {block.inputs[0], block.dest},
              block.taken + block.produced)
        .value = scale;
  });
}

} // namespace nm::isa
