//===- TileSteps.cpp - Attention, and kernels whose steps overlap ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Support/Arithmetic.h"
#include <cmath>

using namespace mlir;
using namespace mlir::tiles;
using attacc::RegionType;

static RegionType regionOf(Value value) {
  return cast<RegionType>(value.getType());
}

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {

/// What the rules say of one tensor of heads.
struct HeadsFacts {
  StringRef what;
  Value tensor;
  HeadsAttr heads;
  int64_t samples, count, length, width;
};

} // namespace

/// tile_attention_c1.
static LogicalResult verifyHeads(AttentionOp op, const HeadsFacts &facts) {
  auto refuse = [&](const Twine &expected) {
    return LogicalResult(op.emitOpError("[tile_attention_c1] has ")
                         << facts.what << " of " << facts.tensor.getType()
                         << " with heads at " << facts.heads << ", expected "
                         << expected);
  };
  if (!facts.tensor.getDefiningOp<attacc::TensorOp>())
    return op.emitOpError("[tile_attention_c1] has a part of a tensor as an "
                          "operand, expected tensors of the program");
  if (regionOf(facts.tensor).getRank() != 2)
    return refuse("a tensor of rank 2");
  constexpr int64_t kMost = int64_t(1) << 31;
  HeadsAttr heads = facts.heads;
  int64_t end[2] = {heads.getRow(), heads.getColumn()};
  for (int64_t number : {heads.getRow(), heads.getColumn(),
                         heads.getBatchStep(), heads.getHeadStep()})
    if (number < 0 || number >= kMost)
      return refuse("numbers of 0 to 2^31 - 1");
  for (int64_t dim : {heads.getBatchDim(), heads.getHeadDim()})
    if (dim != 0 && dim != 1)
      return refuse("dimensions 0 and 1");
  end[heads.getBatchDim()] += (facts.samples - 1) * heads.getBatchStep();
  end[heads.getHeadDim()] += (facts.count - 1) * heads.getHeadStep();
  ArrayRef<int64_t> shape = regionOf(facts.tensor).getShape();
  if (end[0] + facts.length > shape[0] || end[1] + facts.width > shape[1])
    return refuse("all of them in the tensor");
  return success();
}

LogicalResult AttentionOp::verify() {
  auto fits = [](ArrayRef<int64_t> list, size_t size, int64_t least) {
    return list.size() == size && llvm::all_of(list, [&](int64_t number) {
             return number >= least && number < int64_t(1) << 24;
           });
  };
  ArrayRef<int64_t> s = getShape(), blocks = getBlocks();
  if (!fits(s, 7, 1) || s[1] % s[2] ||
      !std::isfinite(getScale().convertToFloat()) ||
      !std::isfinite(getSoftCap().convertToFloat()) ||
      getSoftCap().convertToFloat() < 0 || int64_t(getWindow()) < 0 ||
      int64_t(getOffset()) < 0)
    return emitOpError("[tile_attention_c2] expected seven sizes of 1 or more, "
                       "heads that are a multiple of those of keys, finite "
                       "numbers, and no negative cap, window or offset");
  int64_t batch = s[0], heads = s[1], keyHeads = s[2], queries = s[3],
          keys = s[4], width = s[5], valueWidth = s[6];
  int64_t rows = heads / keyHeads * queries, units = batch * keyHeads;
  bool isFused = getStaged() & 8;
  if (!fits(blocks, 4, 0) || blocks[0] < 1 || blocks[0] > rows ||
      blocks[1] > keys || blocks[2] < 1 || blocks[2] > units || blocks[3] < 1 ||
      blocks[3] > blocks[2] || getStaged() > 31 ||
      ((blocks[1] || getNanRows()) && !isFused) ||
      (getKeysOuter() && !blocks[1]))
    return emitOpError("[tile_attention_c3] has blocks ")
           << blocks << ", expected 1 to " << rows << " rows, 0 to " << keys
           << " keys, 1 to " << units
           << " heads, no more of them side by side, and staged logits for "
              "tiles of keys and for rows of NaN";
  SmallVector<HeadsFacts> all{
      {"queries", getQ(), getQHeads(), batch, heads, queries, width},
      {"keys", getK(), getKHeads(), batch, keyHeads, keys, width},
      {"values", getV(), getVHeads(), batch, keyHeads, keys, valueWidth},
      {"an output", getOutput(), getOutputHeads(), batch, heads, queries,
       valueWidth}};
  Type element = regionOf(getQ()).getElementType();
  for (const HeadsFacts &facts : all)
    if (regionOf(facts.tensor).getElementType() != element)
      return emitOpError("[tile_attention_c1] has ")
             << facts.what << " of " << facts.tensor.getType() << ", expected "
             << element;
  if (getBias() && !getBiasHeads())
    return emitOpError("[tile_attention_c1] has a bias without bias_heads, "
                       "expected them");
  if (getBias())
    all.push_back(
        {"a bias", getBias(), *getBiasHeads(), batch, heads, queries, keys});
  for (const HeadsFacts &facts : all)
    if (failed(verifyHeads(*this, facts)))
      return failure();
  if (Value bias = getKeyBias()) {
    ArrayRef<int64_t> shape = regionOf(bias).getShape();
    if (!bias.getDefiningOp<attacc::TensorOp>() || shape.size() != 2 ||
        (shape[0] != 1 && shape[0] != batch) || shape[1] < keys)
      return emitOpError("[tile_attention_c1] has a bias of the keys of ")
             << bias.getType() << ", expected a tensor of 1 or " << batch
             << " rows of " << keys << " keys";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

/// Whether all are counters of loops around `op`.
static bool areCounters(Operation *op, ValueRange counters) {
  return llvm::all_of(counters, [&](Value counter) {
    ForOp loop = getLoopOf(counter);
    return loop && loop->isProperAncestor(op);
  });
}

bool tiles::isOfKernel(Operation *op) {
  return isa<tiles::Instruction, View, ForOp, PhaseOp, WhenOp, PlaceOp, PutOp,
             LoadHeadsOp, StoreHeadsOp, MaskOp, RescaleOp>(op);
}

bool tiles::hasSteps(Operation *op) {
  return op->walk([](PhaseOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

static LogicalResult verifyBody(Operation *op, Region &body) {
  for (Operation &inner : body.front())
    if (!isOfKernel(&inner))
      return inner.emitOpError("[tile_kernel_c1] has no place in a ")
             << op->getName() << ", expected operations of tile";
  return success();
}

LogicalResult PhaseOp::verifyRegions() {
  auto isIn = [](int64_t number) { return number >= 0 && number < 256; };
  Block &body = getBody().front();
  bool isLoop = llvm::hasSingleElement(body) && isa<ForOp>(body.front());
  if (!isIn(getDelay()) || !isIn(getTurn()) || (getByChunk() && !isLoop))
    return emitOpError("[tile_phase_c1] has the delay ")
           << int64_t(getDelay()) << " and the turn " << int64_t(getTurn())
           << ", expected 0 to 255, and nothing but a loop by_chunk";
  return verifyBody(*this, getBody());
}

LogicalResult WhenOp::verifyRegions() {
  StringRef condition = getCondition();
  bool isKnown = condition == "first" || condition == "last" ||
                 condition == "not_first" || condition == "not_last";
  if (!isKnown || !areCounters(*this, getCounters()))
    return emitOpError("[tile_when_c1] has the condition '")
           << condition
           << "', expected first, last, not_first or not_last of loops around "
              "it";
  return verifyBody(*this, getBody());
}

LogicalResult AtOp::verify() {
  if (getCounters().size() != getDims().size() ||
      !areCounters(*this, getCounters()))
    return emitOpError("[tile_at_c1] expected a dimension for each counter of "
                       "a loop around it");
  RankedTensorType from = getSource().getType(), to = getType();
  SmallVector<int64_t> shape(from.getShape());
  for (auto [dim, counter] : llvm::zip_equal(getDims(), getCounters())) {
    if (dim < 0 || dim >= from.getRank())
      return emitOpError("[tile_at_c1] cuts dimension ")
             << dim << ", expected one of " << from;
    shape[dim] = getLoopOf(counter).getBlock();
    if (shape[dim] > from.getDimSize(dim))
      return emitOpError("[tile_at_c2] takes ")
             << shape[dim] << " elements along dimension " << dim << " of "
             << from << ", expected no more than it has";
  }
  int64_t dropped = from.getRank() - to.getRank();
  bool fits = dropped >= 0 &&
              to.getShape() == ArrayRef(shape).drop_front(dropped) &&
              to.getElementType() == from.getElementType() &&
              llvm::all_of(ArrayRef(shape).take_front(dropped),
                           [](int64_t size) { return size == 1; });
  if (!fits)
    return emitOpError("[tile_at_c2] takes ")
           << to << " of " << from << ", expected "
           << RankedTensorType::get(shape, from.getElementType())
           << " without leading dimensions of one element";
  return success();
}

/// The place that a part is one of, or null.
PlaceOp tiles::getPlaceOf(Value part) {
  while (auto at = part.getDefiningOp<AtOp>())
    part = at.getSource();
  return part.getDefiningOp<PlaceOp>();
}

SmallVector<int64_t> PlaceOp::getRoom() {
  SmallVector<int64_t> room(getType().getShape());
  if (std::optional<uint64_t> fold = getFold(); fold && room.size() > 1)
    room[room.size() - 2] =
        ::nm::support::roundUp(room[room.size() - 2], int64_t(*fold));
  return room;
}

int64_t PlaceOp::getBytes() {
  SmallVector<int64_t> room = getRoom();
  return ::nm::isa::numElements(
             std::vector<int64_t>(room.begin(), room.end())) *
         ::nm::isa::typeBytes(elementTypeOf(getType()));
}

LogicalResult PutOp::verify() {
  Operation *made = getValue().getDefiningOp();
  bool isOnce = llvm::count_if(getValue().getUsers(), [](Operation *user) {
                  return isa<PutOp>(user);
                }) == 1;
  if (!made || !isa<tiles::Instruction>(made) ||
      made->getBlock() != (*this)->getBlock() || !isOnce ||
      getPlace().getType() != getValue().getType() || !getPlaceOf(getPlace()) ||
      !areCounters(*this, getFrom()))
    return emitOpError("[tile_put_c1] expected what an instruction of the same "
                       "block makes, and a part of a place of its type");
  return success();
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

template <typename Op>
static LogicalResult verifyHeadsTransfer(Op op, Value part, Value region) {
  auto type = cast<RankedTensorType>(part.getType());
  if (!areCounters(op, op.getUnits()) || !areCounters(op, op.getRows()) ||
      !areCounters(op, op.getColumns()) || !getPlaceOf(part) ||
      (type.getRank() != 2 && type.getRank() != 3) ||
      !region.template getDefiningOp<attacc::TensorOp>() ||
      regionOf(region).getRank() != 2 ||
      regionOf(region).getElementType() != type.getElementType() ||
      int64_t(op.getGroup()) < 1 || int64_t(op.getSample()) < 1 ||
      int64_t(op.getLane()) < 0)
    return op.emitOpError("[tile_load_heads_c1] moves ")
           << type << " and " << region.getType()
           << ", expected a part of a place and a tensor of rank 2 with its "
              "elements, and counters of loops around it";
  return success();
}

LogicalResult LoadHeadsOp::verify() {
  return verifyHeadsTransfer(*this, getDest(), getSource());
}
LogicalResult StoreHeadsOp::verify() {
  return verifyHeadsTransfer(*this, getSource(), getDest());
}

LogicalResult MaskOp::verify() {
  if (shapeOf(getTile()).size() != 2 || int64_t(getGroup()) < 1 ||
      int64_t(getOffset()) < 0 || int64_t(getWindow()) < 0 ||
      !areCounters(*this, getRows()) || !areCounters(*this, getKeys()))
    return emitOpError("[tile_mask_c1] of ")
           << getTile().getType()
           << ", expected a matrix, a group of 1 or more and neither window "
              "nor offset negative";
  return success();
}

LogicalResult RescaleOp::verify() {
  ArrayRef<int64_t> rows = shapeOf(getRows());
  for (Value vector : {getOldMax(), getNewMax(), getSum()})
    if (rows.size() != 2 || shapeOf(vector) != rows.take_front())
      return emitOpError("[tile_online_rescale_c1] has ")
             << vector.getType() << " beside " << getRows().getType()
             << ", expected a matrix and a number for each of its rows";
  return success();
}
