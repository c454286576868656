//===- Rearrange.cpp - Elements moved from one order to another ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dimensions of the two views are loops. A loop whose steps stay in one row
// or go from row to row on either side becomes a dimension of a box or a
// hardware loop; one that does neither (rows of 6 read as rows of 4) is written
// out, index by index. Boxes come in from the source, as wide as it has
// neighbours, and go out to dest in the same way; the buffer between holds the
// dimensions of both.
//
//===----------------------------------------------------------------------===//

#include "Spans.h"
#include "nm/Isa/Kernels/Strided.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>

namespace nm::isa {

using support::Errc;
using support::makeError;

namespace {

enum Side { From, To };

/// A loop over elements and its strides in the two tensors.
struct Move {
  int64_t size;
  int64_t strides[2];
};

/// A loop of which each step goes along one dimension of either tensor.
struct Axis2 {
  int64_t size;
  int dims[2];
  int64_t steps[2];
};

struct Piece {
  std::vector<Move> moves;
  int64_t offsets[2];
};

class Rearrangement {
public:
  Rearrangement(Builder &b, const Device &device, TensorId from, TensorId to)
      : b(b), device(device), tensors{from, to} {
    for (Side side : {From, To}) {
      const std::vector<int64_t> &shape = b[tensors[side]].shape;
      columns[side] = shape.back();
      rank[side] = static_cast<int>(shape.size());
    }
  }

  Status emit(Piece piece);

private:
  static constexpr int kMostPieces = 4096;

  static void sort(std::vector<Move> &moves);
  static void join(std::vector<Move> &moves);
  /// Splits a loop, or writes one out into `rest`; false if all is regular.
  bool refine(Piece &piece, std::vector<Piece> &rest);
  void emitRegular(const Piece &piece);

  Builder &b;
  const Device &device;
  TensorId tensors[2];
  int64_t columns[2];
  int rank[2];
};

} // namespace

/// Outermost first in dest, without loops of one round.
void Rearrangement::sort(std::vector<Move> &moves) {
  moves.erase(std::remove_if(moves.begin(), moves.end(),
                             [](const Move &move) { return move.size == 1; }),
              moves.end());
  std::sort(moves.begin(), moves.end(), [](const Move &x, const Move &y) {
    return x.strides[To] > y.strides[To];
  });
}

/// Neighbours that are one loop in both become one. Only at first: what rows
/// split stays split.
void Rearrangement::join(std::vector<Move> &moves) {
  sort(moves);
  for (size_t k = 1; k < moves.size();) {
    Move &outer = moves[k - 1], &inner = moves[k];
    if (outer.strides[From] == inner.strides[From] * inner.size &&
        outer.strides[To] == inner.strides[To] * inner.size) {
      inner.size *= outer.size;
      moves.erase(moves.begin() + static_cast<ptrdiff_t>(k) - 1);
    } else {
      ++k;
    }
  }
}

bool Rearrangement::refine(Piece &piece, std::vector<Piece> &rest) {
  for (Side side : {From, To}) {
    int64_t width = columns[side], begin = piece.offsets[side] % width;
    // The loops within a row must not leave it.
    int64_t last = begin;
    Move *widest = nullptr;
    for (Move &move : piece.moves) {
      int64_t stride = move.strides[side];
      if (stride % width == 0)
        continue;
      last += (move.size - 1) * stride;
      if (!widest || stride > widest->strides[side])
        widest = &move;
    }
    if (!widest || last < width)
      continue;
    int64_t stride = widest->strides[side];
    int64_t inRow = width % stride == 0 ? width / stride : 0;
    Move outer = *widest;
    if (inRow > 1 && begin < stride && widest->size % inRow == 0 &&
        widest->size != inRow) {
      // Whole rows: a loop over rows and one within.
      outer.size /= inRow;
      for (Side each : {From, To})
        outer.strides[each] *= inRow;
      widest->size = inRow;
      piece.moves.push_back(outer);
      return true;
    }
    // As far as one row goes, and from there; or index by index where other
    // loops of the row go beyond it.
    int64_t others = last - begin - (widest->size - 1) * stride;
    int64_t count = 1;
    if (begin + others < width)
      count = std::min((width - 1 - begin - others) / stride + 1, widest->size);
    for (int64_t first = 0; first < outer.size; first += count) {
      Piece part = piece;
      Move &move = part.moves[static_cast<size_t>(widest - &piece.moves[0])];
      for (Side each : {From, To})
        part.offsets[each] += first * move.strides[each];
      int64_t at = part.offsets[side] % width;
      count = 1;
      if (at + others < width)
        count = std::min((width - 1 - at - others) / stride + 1,
                         outer.size - first);
      move.size = count;
      rest.push_back(std::move(part));
    }
    piece.moves.clear();
    piece = rest.front();
    rest.erase(rest.begin());
    return true;
  }
  return false;
}

Status Rearrangement::emit(Piece piece) {
  join(piece.moves);
  // Depth first, in order.
  std::vector<Piece> pending{std::move(piece)};
  int pieces = 0;
  while (!pending.empty()) {
    Piece next = std::move(pending.back());
    pending.pop_back();
    std::vector<Piece> rest;
    sort(next.moves);
    bool changed = refine(next, rest);
    if (!changed && next.moves.size() > kMaxLoops - 2) {
      // More loops than nest: the outermost is written out.
      Move outer = next.moves.front();
      next.moves.erase(next.moves.begin());
      for (int64_t i = 1; i < outer.size && i <= kMostPieces; ++i) {
        rest.push_back(next);
        for (Side side : {From, To})
          rest.back().offsets[side] += i * outer.strides[side];
      }
      changed = true;
    }
    if (static_cast<int64_t>(pending.size() + rest.size()) + pieces >
        kMostPieces)
      return makeError(
          Errc::Unsupported, "found '", b[tensors[From]].name, "' in rows of ",
          columns[From], " to be moved to rows of ", columns[To],
          ", which takes more than ", kMostPieces,
          " transfers that no loop joins, expected fewer; make one "
          "a multiple of the other");
    for (size_t k = rest.size(); k-- != 0;)
      pending.push_back(std::move(rest[k]));
    if (changed) {
      pending.push_back(std::move(next));
      continue;
    }
    emitRegular(next);
    ++pieces;
  }
  return {};
}

void Rearrangement::emitRegular(const Piece &piece) {
  std::vector<Axis2> loops;
  for (const Move &move : piece.moves) {
    Axis2 loop{move.size, {0, 0}, {0, 0}};
    for (Side side : {From, To}) {
      bool isInRow = move.strides[side] % columns[side] != 0;
      loop.dims[side] = isInRow || rank[side] == 1 ? rank[side] - 1 : 0;
      loop.steps[side] = isInRow || rank[side] == 1
                             ? move.strides[side]
                             : move.strides[side] / columns[side];
    }
    loops.push_back(loop);
  }
  // The longest loop from neighbour to neighbour along each dimension makes
  // boxes of either side.
  std::vector<bool> boxed[2];
  for (Side side : {From, To}) {
    boxed[side].assign(loops.size(), false);
    for (int dim = 0; dim < rank[side]; ++dim) {
      int best = -1;
      for (size_t k = 0; k != loops.size(); ++k)
        if (loops[k].dims[side] == dim && loops[k].steps[side] == 1 &&
            (best < 0 || loops[k].size > loops[static_cast<size_t>(best)].size))
          best = static_cast<int>(k);
      if (best >= 0)
        boxed[side][static_cast<size_t>(best)] = true;
    }
  }
  std::vector<size_t> held; // loops that are dimensions of the buffer
  std::vector<int64_t> blocks(loops.size(), 1);
  for (size_t k = 0; k != loops.size(); ++k)
    if (boxed[From][k] || boxed[To][k]) {
      held.push_back(k);
      blocks[k] = loops[k].size;
    }
  Type type = b[tensors[From]].type;
  // A slot is about a sixteenth of the scratchpad, or half of what is left of
  // it. Eight of them hide the latencies of both ways where one transfer does
  // not.
  int64_t left = b.target().scratchpadBytes - b.mark() - 192;
  int64_t room = std::min(device.scratchpad.bytes / 16, left / 2);
  int64_t most = std::max<int64_t>(room / typeBytes(type), 1);
  for (;;) {
    int64_t elements = 1;
    size_t largest = 0;
    for (size_t k = 0; k != loops.size(); ++k) {
      elements *= blocks[k];
      if (blocks[k] > blocks[largest])
        largest = k;
    }
    if (elements <= most)
      break;
    blocks[largest] = support::ceilDiv(blocks[largest], int64_t(2));
  }
  std::vector<int64_t> shape;
  for (size_t k : held)
    shape.push_back(blocks[k]);
  if (shape.empty())
    shape.push_back(1);
  int64_t mark = b.mark();
  int64_t slots =
      std::clamp<int64_t>(left / (numElements(shape) * typeBytes(type)), 2, 8);
  Stream stream(b, type, shape, slots);

  std::vector<Span> spans(loops.size());
  // One side of the boxes of a block, a loop for what its boxes leave out.
  auto transfer = [&](Side side, const StreamPosition &position) {
    Tile place = b.tile(tensors[side]), slot;
    int64_t at[2] = {piece.offsets[side] / columns[side],
                     piece.offsets[side] % columns[side]};
    for (int dim = 0; dim < rank[side]; ++dim) {
      place.offsets[static_cast<size_t>(dim)] = at[dim + 2 - rank[side]];
      place.sizes[static_cast<size_t>(dim)] = 1;
    }
    slot = position.slotOf(b.tile(stream.buffer), slots);
    std::fill_n(slot.sizes.begin(), shape.size(), 1);
    place.dims.clear();
    slot.dims.clear();
    TileRef outside(place), inside(slot);
    std::vector<LoopId> inner;
    for (size_t k = 0; k != loops.size(); ++k) {
      const Axis2 &loop = loops[k];
      auto dim = static_cast<size_t>(loop.dims[side]);
      place.offsets[dim] += spans[k].begin * loop.steps[side];
      auto found = std::find(held.begin(), held.end(), k);
      if (found == held.end() || !boxed[side][k])
        continue;
      auto own = static_cast<size_t>(found - held.begin());
      place.sizes[dim] = slot.sizes[own] = spans[k].size;
      place.dims.push_back(static_cast<uint8_t>(dim));
      slot.dims.push_back(static_cast<uint8_t>(own));
    }
    if (place.dims.empty()) {
      place.dims.push_back(static_cast<uint8_t>(rank[side] - 1));
      slot.dims.push_back(0);
    }
    outside = TileRef(place);
    inside = TileRef(slot);
    for (size_t k = 0; k != loops.size(); ++k) {
      const Axis2 &loop = loops[k];
      outside = outside.by(spans[k].loop, loop.dims[side],
                           spans[k].size * loop.steps[side]);
      auto found = std::find(held.begin(), held.end(), k);
      if (found == held.end() || boxed[side][k])
        continue;
      LoopId each = b.beginLoop(spans[k].size);
      inner.push_back(each);
      outside = outside.by(each, loop.dims[side], loop.steps[side]);
      inside = inside.by(each, static_cast<int>(found - held.begin()), 1);
    }
    if (side == From)
      b.load(outside, inside, 0, {});
    else
      b.store(inside, outside, 0, {});
    while (!inner.empty()) {
      b.endLoop(inner.back());
      inner.pop_back();
    }
  };
  auto visit = [&](auto &&self, size_t k,
                   const StreamPosition &position) -> void {
    if (k == loops.size()) {
      b.sync(Engine::Load, 0, {{stream.free}, {}});
      transfer(From, position);
      b.sync(Engine::Load, 0, {{}, {stream.full}});
      b.sync(Engine::Store, 0, {{stream.full}, {}});
      transfer(To, position);
      b.sync(Engine::Store, 0, {{}, {stream.free}});
      return;
    }
    int64_t uses = 1;
    for (size_t j = k + 1; j < loops.size(); ++j)
      uses *= Blocks{loops[j].size, blocks[j]}.count();
    Blocks{loops[k].size, blocks[k]}.forEach(b, [&](const Span &span) {
      spans[k] = span;
      self(self, k + 1, position.in(span, uses));
    });
  };
  visit(visit, 0, StreamPosition());
  b.barrier();
  b.release(mark);
}

Status emitRearrange(Builder &b, const Device &device, const Strided &source,
                     const Strided &dest) {
  const Tensor &from = b[source.tensor], &to = b[dest.tensor];
  if (from.type != to.type || from.type == Type::I8)
    return makeError(Errc::Argument, "found '", from.name, "' of ",
                     toString(from.type), " to be moved to '", to.name, "' of ",
                     toString(to.type), ", expected one type of floats");
  if (from.shape.size() > 2 || to.shape.size() > 2 ||
      source.sizes != dest.sizes)
    return makeError(Errc::Argument, "found views of other sizes of '",
                     from.name, "' and '", to.name,
                     "', expected equal ones of vectors or matrices");
  Piece piece;
  piece.offsets[From] = source.offset;
  piece.offsets[To] = dest.offset;
  for (size_t k = 0; k != source.sizes.size(); ++k)
    piece.moves.push_back(
        {source.sizes[k], {source.strides[k], dest.strides[k]}});
  return Rearrangement(b, device, source.tensor, dest.tensor)
      .emit(std::move(piece));
}

} // namespace nm::isa
