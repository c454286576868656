//===- LowerPack.cpp - kernel.pack to loops over vectors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Panels are written by vectors: "inner" is the dimension along which a panel's
// neighbours lie side by side, "outer" the other one. Both operands are turned
// so that the inner one comes last.
//
//===----------------------------------------------------------------------===//

#include "Lowerings.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "nm/Dialect/Kernel/Transforms/KernelBuilder.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"

using namespace mlir;
using namespace mlir::kernel;

/// Vectors of a panel up to which their loop is unrolled.
constexpr int64_t kMostUnrolled = 8;

static bool isUnit(Value matrix, int64_t dim) {
  auto [strides, offset] =
      cast<MemRefType>(matrix.getType()).getStridesAndOffset();
  return strides[dim] == 1;
}

namespace {

/// Which way vectors of the source lie: as those of the panel, across them, or
/// neither.
enum class Order { Copy, Transpose, Gather };

class PackLowering {
public:
  explicit PackLowering(PackOp op)
      : op(op), b(op.getLoc(), op), target(mlir::nm::getCPUTarget(op)),
        element(op.getPanel().getType().getElementType()),
        lanes(target.getVector() / element.getIntOrFloatBitWidth()),
        source(op.getSource()), panel(op.getPanel()),
        rowsAreInner(isUnit(panel, 0) &&
                     (isUnit(source, 0) || !isUnit(panel, 1))) {
    if (rowsAreInner) {
      source = b.turned(source);
      panel = b.turned(panel);
    }
    order = isUnit(source, 1)   ? Order::Copy
            : isUnit(source, 0) ? Order::Transpose
                                : Order::Gather;
    panelOuter = size(panel, 0), panelInner = size(panel, 1);
    outer = smaller(size(source, 0), panelOuter);
    inner = smaller(size(source, 1), panelInner);
    width = getConstantIntValue(panelInner);
    std::optional<int64_t> known = getConstantIntValue(inner);
    isWhole = width && known == width;
    isPart = known && !isWhole;
    overruns = !rowsAreInner && width && *width % lanes == 0;
    setColumns();
  }

  void emit() {
    if (order == Order::Copy)
      emitCopies();
    else
      emitRest(b.index(0), overruns ? innerEnd : b.roundDown(inner, lanes));
    emitZeros();
  }

private:
  Value size(Value matrix, int64_t dim) {
    if (auto turned = matrix.getDefiningOp<memref::TransposeOp>())
      return size(turned.getIn(),
                  turned.getPermutation().getDimPosition(unsigned(dim)));
    if (auto view = matrix.getDefiningOp<memref::ReinterpretCastOp>())
      return getValueOrCreateConstantIndexOp(b, b.getLoc(),
                                             view.getMixedSizes()[dim]);
    return b.createOrFold<memref::DimOp>(matrix, dim);
  }
  Value smaller(Value x, Value y) {
    return x == y ? x : b.createOrFold<arith::MinSIOp>(x, y);
  }

  /// Up to where columns are written.
  void setColumns() {
    Value &end = rowsAreInner ? outerEnd : innerEnd;
    outerEnd = outer, innerEnd = inner;
    Value columns = end;
    lastColumn = b.sub(columns, b.index(1));
    if (!op.getFill())
      return;
    Value isEmpty =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, columns, b.index(0));
    end = arith::SelectOp::create(b, isEmpty, columns,
                                  rowsAreInner ? panelOuter : panelInner);
  }

  /// The column of the source for one of the panel: the last one for those that
  /// it does not have.
  Value columnOf(Value column) {
    bool mayExceed =
        rowsAreInner ? op.getFill() : (overruns || op.getFill()) && !isWhole;
    return mayExceed ? b.min(column, lastColumn) : column;
  }
  Value outerOf(Value o) { return rowsAreInner ? columnOf(o) : o; }
  Value innerOf(Value i) { return rowsAreInner ? i : columnOf(i); }

  /// Vectors of a source that lie as the panel's do.
  void emitCopies() {
    auto copyWhole = [&] {
      b.loop(b.index(0), outerEnd, 1, [&](Value o) {
        for (int64_t i = 0; i < *width; i += lanes)
          copy(o, b.index(i));
      });
    };
    auto copyPart = [&] {
      Value whole = b.roundDown(inner, lanes);
      b.loop(b.index(0), outerEnd, 1, [&](Value o) {
        b.loop(b.index(0), whole, lanes, [&](Value i) { copy(o, i); });
      });
      emitRest(whole, overruns ? innerEnd : whole);
    };
    bool isUnrolled =
        width && *width % lanes == 0 && *width / lanes <= kMostUnrolled;
    if (!isUnrolled || isPart)
      return copyPart();
    if (isWhole)
      return copyWhole();
    Value fills =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, inner, panelInner);
    b.either(fills, copyWhole, copyPart);
  }

  void copy(Value o, Value i) {
    Value loaded = b.loadVector(source, {outerOf(o), i}, lanes);
    store(loaded, o, i, scalesFrom(i));
  }

  /// Vectors of the inner dimension in [from, wide), then elements.
  void emitRest(Value from, Value wide) {
    b.loop(from, wide, lanes, [&](Value i) { emitColumn(i); });
    if (overruns)
      return;
    b.loop(b.index(0), outerEnd, 1, [&](Value o) {
      b.loop(wide, innerEnd, 1, [&](Value i) {
        Value place = innerOf(i);
        store(load(o, place), o, i,
              op.getScales() && scalesAreInner() ? loadScale(place) : Value());
      });
    });
  }

  /// The vector at `i` of the inner dimension, for all of the outer one.
  void emitColumn(Value i) {
    SmallVector<Value> places = placesFrom(i);
    Value scales = scalesFrom(i), done = b.index(0);
    if (order == Order::Transpose) {
      Value across = b.turned(source);
      done = b.roundDown(outer, lanes);
      b.loop(b.index(0), done, lanes, [&](Value o) {
        SmallVector<Value> rows;
        for (Value place : places)
          rows.push_back(
              b.convert(b.loadVector(across, {place, o}, lanes), element));
        for (auto [lane, row] : llvm::enumerate(b.transpose(rows)))
          store(row, b.add(o, lane), i, scales);
      });
    }
    b.loop(done, outerEnd, 1, [&](Value o) {
      Value loaded =
          masks()
              ? loadMasked(o, i)
              : vectorOf(places, [&](Value place) { return load(o, place); });
      store(loaded, o, i, scales);
    });
  }

  /// Whether the end of a row is read by one load of part of a vector.
  bool masks() {
    if (order != Order::Copy)
      return false;
    return target.hasFeature("avx512f") ||
           (target.hasFeature("avx2") &&
            op.getSource().getType().getElementTypeBitWidth() >= 32);
  }
  Value loadMasked(Value o, Value i) {
    auto type =
        VectorType::get({lanes}, op.getSource().getType().getElementType());
    Value mask = vector::CreateMaskOp::create(
        b, type.cloneWith(std::nullopt, b.getI1Type()),
        ValueRange{b.sub(inner, i)});
    return vector::MaskedLoadOp::create(b, type, source, ValueRange{o, i}, mask,
                                        b.zero(type));
  }

  /// Where the source has the elements of the vector at `i`.
  SmallVector<Value> placesFrom(Value i) {
    SmallVector<Value> places;
    for (int64_t lane = 0; lane < lanes; ++lane)
      places.push_back(innerOf(b.add(i, lane)));
    return places;
  }
  Value vectorOf(ArrayRef<Value> places, function_ref<Value(Value)> element) {
    SmallVector<Value> scalars = llvm::map_to_vector(places, element);
    auto type = VectorType::get({lanes}, scalars.front().getType());
    return vector::FromElementsOp::create(b, type, scalars);
  }
  /// The source's element for (o, place), `o` a place of the panel.
  Value load(Value o, Value place) {
    return memref::LoadOp::create(b, source, ValueRange{outerOf(o), place});
  }

  bool scalesAreInner() { return (op.getAxis() == 0) == rowsAreInner; }
  Value loadScale(Value place) {
    return b.loadFloatOfBytes(op.getScales(), {place, b.index(0)});
  }
  /// Scales of the vector at `i`; null where they are not those of the inner
  /// dimension.
  Value scalesFrom(Value i) {
    if (!op.getScales() || !scalesAreInner())
      return {};
    return vectorOf(placesFrom(i),
                    [&](Value place) { return loadScale(place); });
  }

  /// Stores an element or a vector of them, `scales` times itself.
  void store(Value value, Value o, Value i, Value scales) {
    value = b.convert(value, element);
    auto vector = dyn_cast<VectorType>(value.getType());
    if (op.getScales() && !scales) {
      scales = loadScale(outerOf(o));
      if (vector)
        scales = b.splat(scales, lanes);
    }
    if (scales)
      value = arith::MulFOp::create(b, value, scales);
    if (std::optional<APFloat> factor = op.getFactor()) {
      TypedAttr number = b.getFloatAttr(element, factor->convertToFloat());
      if (vector)
        number = DenseElementsAttr::get(vector, number);
      value =
          arith::MulFOp::create(b, value, arith::ConstantOp::create(b, number));
    }
    put(value, o, i);
  }

  /// Rows that the source does not have.
  void emitZeros() {
    int64_t step = overruns ? lanes : 1;
    Value zero =
        b.zero(overruns ? VectorType::get({lanes}, element) : Type(element));
    auto clear = [&](Value fromOuter, Value toOuter, Value from, Value to) {
      if (fromOuter == toOuter || from == to)
        return;
      b.loop(fromOuter, toOuter, 1, [&](Value o) {
        b.loop(from, to, step, [&](Value i) { put(zero, o, i); });
      });
    };
    if (rowsAreInner)
      clear(b.index(0), outerEnd, inner, panelInner);
    else
      clear(outer, panelOuter, b.index(0), innerEnd);
  }

  void put(Value value, Value o, Value i) {
    if (isa<VectorType>(value.getType()))
      b.storeVector(value, panel, {o, i});
    else
      memref::StoreOp::create(b, value, panel, ValueRange{o, i});
  }

  PackOp op;
  KernelBuilder b;
  mlir::nm::CPUAttr target;
  Type element;
  int64_t lanes;
  Value source, panel; ///< [outer][inner]
  bool rowsAreInner;
  Order order;
  /// Sizes of the panel, and what of them the source has.
  Value panelOuter, panelInner, outer, inner;
  std::optional<int64_t> width; ///< of the inner one, if it is known
  /// The source is known to fill it, or not to.
  bool isWhole, isPart;
  /// Up to where columns are written, and the last one that the source has.
  Value outerEnd, innerEnd, lastColumn;
  /// Vectors may reach past the last column.
  bool overruns;
};

} // namespace

void mlir::kernel::lowerPack(PackOp op) {
  PackLowering(op).emit();
  op.erase();
}
