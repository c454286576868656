//===- TileProduct.cpp - Matrix products of DRAM tensors -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Tile/IR/TileBuilder.h"
#include "nm/Support/Arithmetic.h"

using namespace mlir;
using namespace mlir::tiles;
using attacc::RegionType;
namespace code = ::nm::isa;

static RegionType regionOf(Value value) {
  return cast<RegionType>(value.getType());
}

static RankedTensorType tensorOf(Value region) {
  RegionType type = regionOf(region);
  return RankedTensorType::get(type.getShape(), type.getElementType());
}

int64_t ProductOp::getTokens() { return regionOf(getLhs()).getShape()[0]; }
int64_t ProductOp::getIn() { return regionOf(getLhs()).getShape()[1]; }
int64_t ProductOp::getOut() { return regionOf(getOutput()).getShape()[1]; }

code::SparsePattern ProductOp::getSparsePattern() {
  std::optional<ArrayRef<int64_t>> pattern = getPattern();
  return pattern ? code::SparsePattern{(*pattern)[0], (*pattern)[1]}
                 : code::SparsePattern{};
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

/// tile_product_c1.
static LogicalResult verifyShapes(ProductOp op) {
  for (Value operand : op->getOperands())
    if (!getDramBox(operand).tensor)
      return op.emitOpError("[tile_product_c1] has an operand that is neither "
                            "a tensor of the program nor a box of one, "
                            "expected one of them");
  auto refuse = [&](StringRef what, Value found, const Twine &expected) {
    return LogicalResult(op.emitOpError("[tile_product_c1] has ")
                         << what << " of " << found.getType() << ", expected "
                         << expected);
  };
  for (Value matrix : {op.getLhs(), op.getRhs(), op.getOutput()})
    if (regionOf(matrix).getRank() != 2)
      return refuse("an operand", matrix, "a matrix");
  int64_t tokens = op.getTokens(), in = op.getIn(), out = op.getOut();
  if (regionOf(op.getOutput()).getShape()[0] != tokens)
    return refuse("an output", op.getOutput(), Twine(tokens) + " rows");
  Type element = regionOf(op.getLhs()).getElementType();
  if (regionOf(op.getRhs()).getElementType() != element)
    return refuse("a right side", op.getRhs(), "the elements of the left one");
  bool isSparse = op.getIndices() != nullptr;
  std::optional<ArrayRef<int64_t>> pattern = op.getPattern();
  if (isSparse != pattern.has_value() ||
      (pattern && (pattern->size() != 2 || (*pattern)[0] < 1 ||
                   (*pattern)[0] >= (*pattern)[1] || (*pattern)[1] > 64)))
    return op.emitOpError("[tile_product_c1] expected indices and a pattern, "
                          "1 <= N < M <= 64, or neither");
  if (isSparse && (!op.getTransposeRhs() || !op.getScale().isExactlyValue(1)))
    return op.emitOpError("[tile_product_c1] has an N:M weight [in, out], or "
                          "scales it, expected neither");
  int64_t width = in;
  if (isSparse) {
    code::SparsePattern p = op.getSparsePattern();
    if (in % p.m)
      return op.emitOpError("[tile_product_c1] has an N:M weight with ")
             << in << " elements along the sum, expected a multiple of " << p.m;
    width = in / p.m * p.n;
    int64_t bytes = ::nm::support::ceilDiv(width * p.indexBits(), int64_t(8));
    if (regionOf(op.getIndices()).getShape() != ArrayRef({out, bytes}) ||
        !regionOf(op.getIndices()).getElementType().isInteger(8))
      return refuse("indices", op.getIndices(),
                    Twine(out) + "x" + Twine(bytes) + " i8");
  }
  SmallVector<int64_t> shape{out, width};
  if (!op.getTransposeRhs())
    std::swap(shape[0], shape[1]);
  if (regionOf(op.getRhs()).getShape() != ArrayRef(shape))
    return refuse("a right side", op.getRhs(),
                  Twine(shape[0]) + "x" + Twine(shape[1]));
  for (Value input : op.getInputs()) {
    ArrayRef<int64_t> found = regionOf(input).getShape();
    if (found != ArrayRef({out}) && found != ArrayRef({tokens, out}))
      return refuse("an input", input,
                    Twine(out) + " elements or " + Twine(tokens) + "x" +
                        Twine(out));
  }
  return success();
}

/// tile_product_c2 and c3.
static LogicalResult verifyChain(ProductOp op) {
  Block &body = op.getBody().front();
  auto sums = RankedTensorType::get({op.getTokens(), op.getOut()},
                                    Float32Type::get(op.getContext()));
  SmallVector<Type> expected{sums};
  for (Value input : op.getInputs())
    expected.push_back(tensorOf(input));
  if (!llvm::equal(body.getArgumentTypes(), expected))
    return op.emitOpError("[tile_product_c2] has other arguments than the "
                          "sums, ")
           << sums << ", and the inputs, expected these";
  auto yield = body.empty() ? YieldOp() : dyn_cast<YieldOp>(body.back());
  if (!yield || yield.getValues().size() != 1 ||
      yield.getValues()[0].getType() != tensorOf(op.getOutput()))
    return op.emitOpError("[tile_product_c2] expected a tile.yield of ")
           << tensorOf(op.getOutput());
  Value before = body.getArgument(0);
  for (Operation &inner : body.without_terminator()) {
    if (auto fill = dyn_cast<FillOp>(inner); fill && fill.getRows())
      continue;
    bool isStep = isa<tiles::Instruction>(inner) &&
                  !isa<LoadOp, StoreOp, SyncOp, FillOp>(inner) &&
                  cast<tiles::Instruction>(inner).getEngine() ==
                      attacc::Engine::Special &&
                  inner.getNumResults() == 1 && inner.getOperand(0) == before &&
                  before.hasOneUse() && (before.getType() == sums);
    for (Value operand : inner.getOperands().drop_front(isStep)) {
      Operation *made = operand.getDefiningOp();
      isStep &= made ? isa<FillOp>(made) : operand != body.getArgument(0);
    }
    if (!isStep)
      return inner.emitOpError("[tile_product_c3] is no step of a chain of "
                               "instructions of the special function unit "
                               "that begins with the sums and goes on in f32, "
                               "expected one");
    before = inner.getResult(0);
  }
  if (before == body.getArgument(0) || yield.getValues()[0] != before)
    return op.emitOpError("[tile_product_c3] yields something else than what "
                          "the last instruction makes, expected that");
  return success();
}

/// tile_product_c4.
static LogicalResult verifyApart(ProductOp op) {
  DramBox in = getDramBox(op.getLhs()), out = getDramBox(op.getOutput());
  bool meets = in.tensor == out.tensor;
  for (unsigned dim = 0; dim != 2; ++dim)
    meets &= in.offsets[dim] <
                 out.offsets[dim] + regionOf(op.getOutput()).getShape()[dim] &&
             out.offsets[dim] <
                 in.offsets[dim] + regionOf(op.getLhs()).getShape()[dim];
  if (meets)
    return op.emitOpError("[tile_product_c4] reads elements that it writes, "
                          "expected none in common");
  return success();
}

LogicalResult ProductOp::verifyRegions() {
  if (failed(verifyShapes(*this)) || failed(verifyChain(*this)) ||
      failed(verifyApart(*this)))
    return failure();
  if (getBlocks().has_value() != getStationary().has_value() ||
      (getBlocks() && getBlocks()->size() != 4))
    return emitOpError("[tile_product_c5] expected four numbers as blocks with "
                       "what is stationary, or neither");
  return success();
}

//===----------------------------------------------------------------------===//
// Written from C++
//===----------------------------------------------------------------------===//

Value tiles::createBox(OpBuilder &b, Location loc, Value tensor,
                       ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes) {
  RegionType type = regionOf(tensor);
  bool isWhole = type.getShape() == sizes;
  if (isWhole && llvm::all_of(offsets, [](int64_t at) { return at == 0; }))
    return tensor;
  return attacc::TileOp::create(
      b, loc,
      RegionType::get(b.getContext(), sizes, type.getElementType(),
                      type.getSpace()),
      tensor, b.getDenseI64ArrayAttr(offsets), ValueRange(),
      DenseI64ArrayAttr(), b.getI64IntegerAttr(0), DenseI64ArrayAttr(),
      DenseI64ArrayAttr());
}

ProductOp tiles::createProduct(OpBuilder &b, Location loc, StringRef name,
                               const ProductOperands &operands, RowsBody body) {
  DenseI64ArrayAttr pattern;
  if (operands.indices)
    pattern = b.getDenseI64ArrayAttr({operands.pattern.n, operands.pattern.m});
  auto product = ProductOp::create(
      b, loc, b.getStringAttr(name), operands.lhs, operands.rhs,
      operands.indices, operands.inputs, operands.output,
      operands.isTransposed ? b.getUnitAttr() : UnitAttr(),
      b.getF32FloatAttr(operands.scale), pattern, DenseI64ArrayAttr(),
      attacc::StationaryAttr());
  Block &block = product.getBody().emplaceBlock();
  block.addArgument(
      RankedTensorType::get({product.getTokens(), product.getOut()},
                            b.getF32Type()),
      loc);
  for (Value input : operands.inputs)
    block.addArgument(tensorOf(input), loc);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&block);
  TileBuilder tiles(b, loc);
  Value result = body(tiles, block.getArguments(), tensorOf(operands.output));
  YieldOp::create(b, loc, result);
  return product;
}
