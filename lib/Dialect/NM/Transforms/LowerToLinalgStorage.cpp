//===- LowerToLinalgStorage.cpp - Reference lowering of layouts -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes the layouts as docs/runtime.md defines them, element by
// element: each says, for one stored element or byte, where it belongs.
//
//===----------------------------------------------------------------------===//

#include "LowerToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Runtime/Layout.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Arithmetic on index values with constants.
struct IndexMath {
  ReferenceBuilder &b;

  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value mul(Value x, int64_t y) {
    return arith::MulIOp::create(b, x, b.index(y));
  }
  Value div(Value x, int64_t y) {
    return arith::DivUIOp::create(b, x, b.index(y));
  }
  Value rem(Value x, int64_t y) {
    return arith::RemUIOp::create(b, x, b.index(y));
  }
  Value less(Value x, int64_t y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, b.index(y));
  }
  /// `x` where the condition holds, otherwise 0: a safe position to read.
  Value onlyIf(Value condition, Value x) {
    return arith::SelectOp::create(b, condition, x, b.index(0));
  }
  Value toI32(Value x) {
    return arith::IndexCastOp::create(b, b.getI32Type(), x);
  }
};

} // namespace

/// Constants of the panel layout of a weight with `rows` fibers of `length`.
struct GroupLowering::PanelShape {
  int64_t rows, length, n, m, tile, cols, depth;

  int64_t blocks() const { return llvm::divideCeil(length, depth); }
  int64_t paddedRows() const { return llvm::divideCeil(rows, tile) * tile; }
  int64_t fullSlots() const { return ::nm::rt::panelSlots(depth, n, m); }
  int64_t lastLength() const { return length - (blocks() - 1) * depth; }
  int64_t lastSlots() const { return ::nm::rt::panelSlots(lastLength(), n, m); }
  /// First stored element of the last block; the blocks before it are full.
  int64_t lastBase() const {
    return (blocks() - 1) * paddedRows() * fullSlots();
  }
};

GroupLowering::PanelShape
GroupLowering::panelShapeOf(PanelLayoutAttr layout) const {
  int64_t rows = 1;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (static_cast<int64_t>(dim) != axis)
      rows *= size;
  return {rows,
          type.getDimSize(axis),
          n,
          m,
          layout.getRows(),
          layout.getCols(),
          layout.getDepth()};
}

SmallVector<Value> GroupLowering::rowIndices(ReferenceBuilder &body) {
  SmallVector<Value> indices;
  for (int64_t d = 0; d < rank + 1; ++d)
    if (d != axis && d != axis + 1)
      indices.push_back(body.loop(d));
  return indices;
}

SmallVector<Value> GroupLowering::slotPosition(ArrayRef<Value> row, Value group,
                                               Value slot) {
  SmallVector<Value> position(row);
  position.insert(position.begin() + axis, {group, slot});
  return position;
}

bool GroupLowering::supports(LayoutAttr layout) {
  return isa<DenseLayoutAttr, CanonicalLayoutAttr, PanelLayoutAttr>(layout);
}

Slots GroupLowering::readStorage(ValueRange storage, LayoutAttr layout) {
  if (auto panel = dyn_cast<PanelLayoutAttr>(layout))
    return readPanel(storage[0], storage.size() > 1 ? storage[1] : Value(),
                     panel);
  if (isa<CanonicalLayoutAttr>(layout))
    return readCanonical(storage[0], storage[1]);
  assert(isa<DenseLayoutAttr>(layout) && "layout without reference lowering");
  return toSlots(storage[0]);
}

SmallVector<Value> GroupLowering::writeStorage(Slots slots, LayoutAttr layout,
                                               TypeRange storageTypes) {
  if (auto panel = dyn_cast<PanelLayoutAttr>(layout))
    return writePanel(slots, panel, storageTypes);
  if (isa<CanonicalLayoutAttr>(layout))
    return writeCanonical(slots, storageTypes);
  assert(isa<DenseLayoutAttr>(layout) && "layout without reference lowering");
  return {toDense(slots)};
}

//===----------------------------------------------------------------------===//
// Canonical: bit-packed indices, LSB first
//===----------------------------------------------------------------------===//

Slots GroupLowering::readCanonical(Value values, Value metadata) {
  Type i32 = b.getI32Type();
  int64_t bits = ::nm::rt::indexBits(m);
  int64_t bytes = cast<RankedTensorType>(metadata.getType()).getShape().back();
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1);
  SmallVector<OpFoldResult> shape = slotShape();
  // Groups of one element have nothing to index.
  if (bits == 0)
    return {split(values, n), b.zeros(shape, i32)};

  Value indices = b.generic(
      {}, {}, b.empty(shape, i32), identity,
      [&](ReferenceBuilder &body, ValueRange) -> Value {
        IndexMath math{body};
        Value slot =
            math.add(math.mul(body.loop(axis), n), body.loop(axis + 1));
        Value bit = math.mul(slot, bits);
        // The index may straddle two bytes. Past the last byte it does not, and
        // any byte may stand in for the missing one.
        auto byteAt = [&](Value position) -> Value {
          SmallVector<Value> at = rowIndices(body);
          at.push_back(position);
          Value byte = tensor::ExtractOp::create(body, metadata, at);
          return arith::ExtUIOp::create(body, i32, byte);
        };
        Value first = math.div(bit, 8);
        Value second = arith::MinUIOp::create(
            body, math.add(first, body.index(1)), body.index(bytes - 1));
        Value high =
            arith::ShLIOp::create(body, byteAt(second), body.integer(8));
        Value word = arith::OrIOp::create(body, byteAt(first), high);
        Value shifted =
            arith::ShRUIOp::create(body, word, math.toI32(math.rem(bit, 8)));
        return arith::AndIOp::create(body, shifted,
                                     body.integer((1 << bits) - 1));
      });
  return {split(values, n), indices};
}

SmallVector<Value> GroupLowering::writeCanonical(Slots slots, TypeRange types) {
  Type i8 = b.getI8Type(), i32 = b.getI32Type();
  int64_t bits = ::nm::rt::indexBits(m);
  int64_t stored = type.getDimSize(axis) / m * n;
  ArrayRef<int64_t> shape = cast<RankedTensorType>(types[1]).getShape();
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(b.getContext(), shape);
  Value values = join(slots.values, n);
  if (bits == 0)
    return {values, b.empty(sizes, i8)};

  // Loops: the rows, the byte, the bit in the byte.
  Value bitNumbers = b.empty({b.getIndexAttr(8)}, i8);
  AffineMap bytes = b.getMultiDimIdentityMap(rank + 1).getMajorSubMap(rank);
  AffineMap bitsOfByte = AffineMap::get(rank + 1, 0, b.getAffineDimExpr(rank));
  Value metadata = b.generic(
      {bitNumbers}, {bitsOfByte}, b.zeros(sizes, i8), bytes,
      [&](ReferenceBuilder &body, ValueRange args) -> Value {
        IndexMath math{body};
        SmallVector<Value> row;
        for (int64_t d = 0; d < rank - 1; ++d)
          row.push_back(body.loop(d));
        Value bitInByte = body.loop(rank);
        Value position = math.add(math.mul(body.loop(rank - 1), 8), bitInByte);
        Value slot = math.div(position, bits);
        Value exists = math.less(slot, stored);
        slot = math.onlyIf(exists, slot);
        Value index = tensor::ExtractOp::create(
            body, slots.indices,
            slotPosition(row, math.div(slot, n), math.rem(slot, n)));
        Value shifted = arith::ShRUIOp::create(
            body, index, math.toI32(math.rem(position, bits)));
        Value bit = arith::AndIOp::create(body, shifted, body.integer(1));
        Value placed = arith::ShLIOp::create(body, bit, math.toI32(bitInByte));
        Value present =
            arith::SelectOp::create(body, exists, placed, body.zero(i32));
        Value narrow = arith::TruncIOp::create(body, i8, present);
        return arith::OrIOp::create(body, args[1], narrow);
      });
  return {values, metadata};
}

//===----------------------------------------------------------------------===//
// Panel: blocks of depth, groups of rows, quads of slots, u16 offsets
//===----------------------------------------------------------------------===//

Slots GroupLowering::readPanel(Value values, Value metadata,
                               PanelLayoutAttr layout) {
  Type i32 = b.getI32Type();
  PanelShape panel = panelShapeOf(layout);
  int64_t groupsInBlock = panel.depth / m;
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1);

  /// Where slot (row, group, slot) of the loops lies in the storage.
  auto position = [&](ReferenceBuilder &body) -> Value {
    IndexMath math{body};
    Value row = body.index(0);
    for (auto [index, d] : llvm::enumerate(
             llvm::make_filter_range(llvm::seq<int64_t>(0, rank),
                                     [&](int64_t d) { return d != axis; })))
      row =
          math.add(math.mul(row, type.getDimSize(d)), rowIndices(body)[index]);
    Value group = body.loop(axis);
    Value block = math.div(group, groupsInBlock);
    Value isLast = arith::CmpIOp::create(body, arith::CmpIPredicate::eq, block,
                                         body.index(panel.blocks() - 1));
    Value slots =
        arith::SelectOp::create(body, isLast, body.index(panel.lastSlots()),
                                body.index(panel.fullSlots()));
    Value slot = math.add(math.mul(math.rem(group, groupsInBlock), n),
                          body.loop(axis + 1));
    Value rowGroup = arith::MulIOp::create(
        body, math.mul(math.div(row, panel.tile), panel.tile), slots);
    Value base = math.mul(block, panel.paddedRows() * panel.fullSlots());
    Value quad = math.mul(math.div(slot, 4), panel.tile * 4);
    Value inQuad =
        math.add(math.mul(math.rem(row, panel.tile), 4), math.rem(slot, 4));
    return math.add(math.add(base, rowGroup), math.add(quad, inQuad));
  };
  SmallVector<OpFoldResult> shape = slotShape();
  Value read = b.generic(
      {}, {}, b.empty(shape, type.getElementType()), identity,
      [&](ReferenceBuilder &body, ValueRange) -> Value {
        return tensor::ExtractOp::create(body, values, position(body));
      });
  Value indices = b.generic(
      {}, {}, b.empty(shape, i32), identity,
      [&](ReferenceBuilder &body, ValueRange) -> Value {
        IndexMath math{body};
        // Full groups keep every element in its place.
        if (!metadata)
          return math.toI32(body.loop(axis + 1));
        Value raw = tensor::ExtractOp::create(body, metadata, position(body));
        Value offset = arith::ExtUIOp::create(body, i32, raw);
        Value depth =
            arith::DivUIOp::create(body, offset, body.integer(panel.cols));
        Value first = math.mul(math.rem(body.loop(axis), groupsInBlock), m);
        return arith::SubIOp::create(body, depth, math.toI32(first));
      });
  return {read, indices};
}

/// A slot that a stored element holds.
struct GroupLowering::StoredSlot {
  Value exists; ///< i1; the rest names some slot where it does not
  SmallVector<Value> position;
  Value slot; ///< in the block
};

GroupLowering::StoredSlot GroupLowering::storedSlotOf(ReferenceBuilder &body,
                                                      const PanelShape &panel) {
  IndexMath math{body};
  Value at = body.loop(0);
  Value inLast = arith::CmpIOp::create(body, arith::CmpIPredicate::uge, at,
                                       body.index(panel.lastBase()));
  auto choose = [&](int64_t last, int64_t full) -> Value {
    return arith::SelectOp::create(body, inLast, body.index(last),
                                   body.index(full));
  };
  int64_t blockSize =
      std::max<int64_t>(1, panel.paddedRows() * panel.fullSlots());
  Value block = arith::SelectOp::create(
      body, inLast, body.index(panel.blocks() - 1), math.div(at, blockSize));
  Value inBlock = arith::SubIOp::create(body, at, math.mul(block, blockSize));
  Value groupSize =
      choose(panel.tile * panel.lastSlots(), panel.tile * panel.fullSlots());
  Value rowGroup = arith::DivUIOp::create(body, inBlock, groupSize);
  Value inGroup = arith::RemUIOp::create(body, inBlock, groupSize);
  Value quad = math.div(inGroup, panel.tile * 4);
  Value inQuad = math.rem(inGroup, panel.tile * 4);
  Value row = math.add(math.mul(rowGroup, panel.tile), math.div(inQuad, 4));
  Value slot = math.add(math.mul(quad, 4), math.rem(inQuad, 4));
  Value stored = choose(panel.lastLength() / m * n, panel.depth / m * n);
  Value isSlot =
      arith::CmpIOp::create(body, arith::CmpIPredicate::ult, slot, stored);
  Value exists =
      arith::AndIOp::create(body, isSlot, math.less(row, panel.rows));
  row = math.onlyIf(exists, row);
  slot = math.onlyIf(exists, slot);
  SmallVector<Value> indices(rank - 1);
  int64_t place = rank - 2;
  for (int64_t d = rank - 1; d >= 0; --d) {
    if (d == axis)
      continue;
    indices[place--] = math.rem(row, type.getDimSize(d));
    row = math.div(row, type.getDimSize(d));
  }
  Value group = math.add(math.mul(math.onlyIf(exists, block), panel.depth / m),
                         math.div(slot, n));
  return {exists, slotPosition(indices, group, math.rem(slot, n)), slot};
}

SmallVector<Value> GroupLowering::writePanel(Slots slots,
                                             PanelLayoutAttr layout,
                                             TypeRange types) {
  Type i32 = b.getI32Type();
  PanelShape panel = panelShapeOf(layout);
  auto storageShape = cast<RankedTensorType>(types[0]).getShape();
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(b.getContext(), storageShape);
  AffineMap identity = b.getMultiDimIdentityMap(1);

  Type element = type.getElementType();
  Value values =
      b.generic({}, {}, b.empty(sizes, element), identity,
                [&](ReferenceBuilder &body, ValueRange) -> Value {
                  StoredSlot source = storedSlotOf(body, panel);
                  Value value = tensor::ExtractOp::create(body, slots.values,
                                                          source.position);
                  return arith::SelectOp::create(body, source.exists, value,
                                                 body.zero(element));
                });
  if (types.size() == 1)
    return {values};
  Value metadata = b.generic(
      {}, {}, b.empty(sizes, b.getI16Type()), identity,
      [&](ReferenceBuilder &body, ValueRange) -> Value {
        IndexMath math{body};
        StoredSlot source = storedSlotOf(body, panel);
        Value index =
            tensor::ExtractOp::create(body, slots.indices, source.position);
        Value first = math.mul(math.div(source.slot, n), m);
        Value depth = arith::AddIOp::create(body, index, math.toI32(first));
        Value offset =
            arith::MulIOp::create(body, depth, body.integer(panel.cols));
        Value present = arith::SelectOp::create(body, source.exists, offset,
                                                body.zero(i32));
        return arith::TruncIOp::create(body, b.getI16Type(), present);
      });
  return {values, metadata};
}
