//===- AttentionScore.cpp - Scores as cap, bias and window -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionScore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "llvm/ADT/SmallBitVector.h"
#include <functional>

using namespace mlir;
using namespace mlir::attacc;
using flat::AttentionOp;

namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// Constants that depend on some of (b, h, i, j).
struct Table {
  llvm::SmallBitVector dims = llvm::SmallBitVector(4);
  std::vector<float> values;
};

class ScorePlanner {
public:
  ScorePlanner(AttentionOp op, int64_t offset, int64_t keys)
      : op(op), builder(op), loc(op.getLoc()), offset(offset), keys(keys) {
    using Role = AttentionOp::Role;
    sizes = {op.getStaticSize(Role::Q, AttentionOp::Batch),
             op.getStaticSize(Role::Q, AttentionOp::Head),
             op.getStaticSize(Role::Q, AttentionOp::Sequence),
             op.getStaticSize(Role::K, AttentionOp::Sequence)};
    if (op.hasScoreRegion())
      block = &op.getScore().front();
  }

  FailureOr<ScorePlan> run() {
    if (failed(readMask()) || (block && failed(readRegion())) ||
        failed(makeBias()))
      return failure();
    return plan;
  }

private:
  // Reading the mask and the score region.
  LogicalResult readMask();
  LogicalResult readRegion();
  bool takeWindow(const flat::ScoreAnalysis &analysis);
  LogicalResult addHidden(Value condition, bool isHiddenIf);
  LogicalResult addTerm(Value term);
  LogicalResult refuse(Value value);

  // Which arguments of the region a value depends on.
  llvm::SmallBitVector argumentsOf(Value value);
  bool dependsOnLogit(Value value) { return argumentsOf(value).test(0); }
  bool isOfPositions(Value value) {
    llvm::SmallBitVector arguments = argumentsOf(value);
    arguments.reset(1, 5);
    return arguments.none();
  }

  // Tables of constants.
  FailureOr<Table> tabulate(Value value);
  Attribute fold(Value value, DenseMap<Value, Attribute> &known);
  /// Combines two tables element by element, over the union of their
  /// dimensions.
  Table combine(const Table &a, const Table &b,
                function_ref<float(float, float)> function) const;
  void add(const Table &table);
  int64_t count(const llvm::SmallBitVector &dims) const;
  /// The coordinates (b, h, i, j) of element `at` of a table over `dims`.
  std::array<int64_t, 4> coordinates(int64_t at,
                                     const llvm::SmallBitVector &dims) const;

  // Building the bias.
  LogicalResult makeBias();
  Value constantOf(const Table &table);
  AffineMap mapOf(const llvm::SmallBitVector &dims) const;
  FailureOr<Value> computeTerm(OpBuilder &body, Value term, IRMapping &mapping);
  LogicalResult collectInputs(Value term);
  void addInput(Value key, Value tensor, AffineMap map);

  AttentionOp op;
  OpBuilder builder;
  Location loc;
  int64_t offset, keys;
  std::array<int64_t, 4> sizes;
  Block *block = nullptr;
  DenseMap<Value, llvm::SmallBitVector> arguments;
  ScorePlan plan;
  /// The sum of all terms that depend on positions alone.
  Table constant;
  bool hasConstant = false;
  /// The mask, unless it is in `constant`, and terms that read operands.
  Value mask;
  SmallVector<Value> terms;
  /// The values of the region, or the mask, that those terms read, and the
  /// tensors that hold them.
  SmallVector<Value> inputKeys, inputs;
  SmallVector<AffineMap> inputMaps;
};

} // namespace

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

int64_t ScorePlanner::count(const llvm::SmallBitVector &dims) const {
  int64_t result = 1;
  for (unsigned dim : dims.set_bits())
    result *= sizes[dim];
  return result;
}

std::array<int64_t, 4>
ScorePlanner::coordinates(int64_t at, const llvm::SmallBitVector &dims) const {
  std::array<int64_t, 4> result = {0, 0, 0, 0};
  for (unsigned dim = 4; dim-- > 0;)
    if (dims.test(dim)) {
      result[dim] = at % sizes[dim];
      at /= sizes[dim];
    }
  return result;
}

Table ScorePlanner::combine(const Table &a, const Table &b,
                            function_ref<float(float, float)> function) const {
  Table result;
  result.dims = a.dims;
  result.dims |= b.dims;
  int64_t end = count(result.dims);
  result.values.reserve(static_cast<size_t>(end));
  auto at = [&](const Table &table, const std::array<int64_t, 4> &place) {
    int64_t from = 0;
    for (unsigned dim : table.dims.set_bits())
      from = from * sizes[dim] + place[dim];
    return table.values[static_cast<size_t>(from)];
  };
  for (int64_t i = 0; i != end; ++i) {
    std::array<int64_t, 4> place = coordinates(i, result.dims);
    result.values.push_back(function(at(a, place), at(b, place)));
  }
  return result;
}

void ScorePlanner::add(const Table &table) {
  constant = hasConstant ? combine(constant, table, std::plus<float>()) : table;
  hasConstant = true;
}

llvm::SmallBitVector ScorePlanner::argumentsOf(Value value) {
  unsigned number = block->getNumArguments();
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    llvm::SmallBitVector own(number);
    if (argument.getOwner() == block)
      own.set(argument.getArgNumber());
    else // known only when the program runs
      own.set(0, number);
    return own;
  }
  Operation *def = value.getDefiningOp();
  if (def->getBlock() != block && !matchPattern(def, m_Constant()))
    return llvm::SmallBitVector(number, true);
  auto known = arguments.find(value);
  if (known != arguments.end())
    return known->second;
  llvm::SmallBitVector result(number);
  for (Value operand : def->getOperands())
    result |= argumentsOf(operand);
  return arguments[value] = result;
}

/// The value if `known` holds those of the arguments; null if it has none.
Attribute ScorePlanner::fold(Value value, DenseMap<Value, Attribute> &known) {
  auto [place, isNew] = known.try_emplace(value);
  if (!isNew)
    return place->second;
  Operation *def = value.getDefiningOp();
  Attribute result;
  if (!matchPattern(value, m_Constant(&result))) {
    SmallVector<Attribute> operands;
    for (Value operand : def->getOperands()) {
      operands.push_back(fold(operand, known));
      if (!operands.back())
        return {};
    }
    SmallVector<OpFoldResult> results;
    if (failed(def->fold(operands, results)) || results.size() != 1)
      return {};
    result = dyn_cast<Attribute>(results[0]);
    if (!result)
      result = fold(cast<Value>(results[0]), known);
  }
  return known[value] = result;
}

FailureOr<Table> ScorePlanner::tabulate(Value value) {
  // A slope of heads times a distance is worked out from few numbers.
  Operation *def = value.getDefiningOp();
  if (isa_and_nonnull<arith::AddFOp, arith::SubFOp, arith::MulFOp>(def) &&
      value.getType().isF32()) {
    FailureOr<Table> a = tabulate(def->getOperand(0)),
                     b = tabulate(def->getOperand(1));
    if (failed(a) || failed(b))
      return failure();
    if (isa<arith::AddFOp>(def))
      return combine(*a, *b, std::plus<float>());
    if (isa<arith::SubFOp>(def))
      return combine(*a, *b, std::minus<float>());
    return combine(*a, *b, std::multiplies<float>());
  }
  llvm::SmallBitVector used = argumentsOf(value);
  Table table;
  for (unsigned dim = 0; dim != 4; ++dim)
    table.dims[dim] = used.test(1 + dim);
  constexpr int64_t kMost = int64_t(1) << 22;
  int64_t end = count(table.dims);
  if (end > kMost)
    return op.emitOpError("adds a function of positions with ")
           << end << " values to its scores, expected at most " << kMost;
  for (int64_t at = 0; at != end; ++at) {
    std::array<int64_t, 4> place = coordinates(at, table.dims);
    place[2] += offset;
    DenseMap<Value, Attribute> known;
    for (unsigned dim = 0; dim != 4; ++dim)
      known[block->getArgument(1 + dim)] = builder.getIndexAttr(place[dim]);
    Attribute result = fold(value, known);
    if (auto number = dyn_cast_or_null<FloatAttr>(result))
      table.values.push_back(static_cast<float>(number.getValueAsDouble()));
    else if (auto truth = dyn_cast_or_null<IntegerAttr>(result))
      table.values.push_back(truth.getValue().isZero() ? 0.0f : 1.0f);
    else
      return refuse(value);
  }
  return table;
}

//===----------------------------------------------------------------------===//
// The region
//===----------------------------------------------------------------------===//

LogicalResult ScorePlanner::refuse(Value value) {
  InFlightDiagnostic error = op.emitOpError(
      "has a score function that no instruction computes, expected logits "
      "with a soft cap, biases added to them, keys hidden by position");
  if (Operation *def = value.getDefiningOp())
    error.attachNote(def->getLoc()) << "'" << def->getName() << "' is here";
  return failure();
}

LogicalResult ScorePlanner::readMask() {
  mask = op.getMask();
  if (!mask)
    return success();
  auto type = cast<RankedTensorType>(mask.getType());
  if (isa<FloatType>(type.getElementType()))
    return success();
  DenseElementsAttr elements = nm::getConstantElements(mask);
  if (!elements)
    return op.emitOpError("has the mask ")
           << type
           << " that is no constant, expected floats; an accelerator has no "
              "booleans";
  std::vector<float> values;
  for (bool isSeen : elements.getValues<bool>())
    values.push_back(isSeen ? 0.0f : kMinusInfinity);
  auto wide = RankedTensorType::get(type.getShape(), builder.getF32Type());
  mask = arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(wide, ArrayRef<float>(values)));
  return success();
}

/// Uses the kernel's window where it has one of that form; otherwise hidden
/// keys get minus infinity in the bias.
bool ScorePlanner::takeWindow(const flat::ScoreAnalysis &analysis) {
  if (!analysis.hasWindow() || !analysis.isWindowExact)
    return false;
  bool isBehind = !analysis.left || *analysis.left >= 0;
  if (analysis.right == 0 && isBehind && offset == keys - sizes[2]) {
    plan.isCausal = true;
    plan.window = analysis.left ? *analysis.left + 1 : 0;
    return true;
  }
  Table table;
  table.dims.set(2, 4);
  for (int64_t i = 0; i != sizes[2]; ++i)
    for (int64_t j = 0; j != sizes[3]; ++j) {
      int64_t distance = j - i - offset;
      bool isSeen = (!analysis.right || distance <= *analysis.right) &&
                    (!analysis.left || -distance <= *analysis.left);
      table.values.push_back(isSeen ? 0.0f : kMinusInfinity);
    }
  add(table);
  return true;
}

LogicalResult ScorePlanner::addHidden(Value condition, bool isHiddenIf) {
  FailureOr<Table> table = tabulate(condition);
  if (failed(table))
    return failure();
  for (float &value : table->values)
    value = (value != 0) == isHiddenIf ? kMinusInfinity : 0.0f;
  add(*table);
  return success();
}

LogicalResult ScorePlanner::addTerm(Value term) {
  if (!isOfPositions(term)) {
    terms.push_back(term);
    return success();
  }
  FailureOr<Table> table = tabulate(term);
  if (failed(table))
    return failure();
  add(*table);
  return success();
}

LogicalResult ScorePlanner::readRegion() {
  auto isHidden = [](Value value) {
    APFloat number(0.0f);
    return matchPattern(value, m_ConstantFloat(&number)) &&
           number.isInfinity() && number.isNegative();
  };
  Value logit = block->getArgument(0),
        value = block->getTerminator()->getOperand(0);
  flat::ScoreAnalysis analysis = flat::analyzeScore(op);
  if (takeWindow(analysis))
    value = analysis.value;
  while (value != logit) {
    Operation *def = value.getDefiningOp();
    if (auto sum = dyn_cast_or_null<arith::AddFOp>(def);
        sum && dependsOnLogit(sum.getLhs()) != dependsOnLogit(sum.getRhs())) {
      bool isLeft = dependsOnLogit(sum.getLhs());
      if (failed(addTerm(isLeft ? sum.getRhs() : sum.getLhs())))
        return failure();
      value = isLeft ? sum.getLhs() : sum.getRhs();
      continue;
    }
    if (auto difference = dyn_cast_or_null<arith::SubFOp>(def);
        difference && isOfPositions(difference.getRhs())) {
      FailureOr<Table> table = tabulate(difference.getRhs());
      if (failed(table))
        return failure();
      for (float &number : table->values)
        number = -number;
      add(*table);
      value = difference.getLhs();
      continue;
    }
    if (auto select = dyn_cast_or_null<arith::SelectOp>(def);
        select && isOfPositions(select.getCondition()) &&
        (isHidden(select.getTrueValue()) || isHidden(select.getFalseValue()))) {
      bool isHiddenIf = isHidden(select.getTrueValue());
      if (failed(addHidden(select.getCondition(), isHiddenIf)))
        return failure();
      value = isHiddenIf ? select.getFalseValue() : select.getTrueValue();
      continue;
    }
    // The array could only apply the cap to the product itself: nothing may be
    // added to the logits before it.
    auto capped = flat::matchSoftCap(value);
    if (!capped || capped->second != logit)
      return refuse(value);
    plan.softCap = capped->first;
    value = logit;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The bias
//===----------------------------------------------------------------------===//

AffineMap ScorePlanner::mapOf(const llvm::SmallBitVector &dims) const {
  SmallVector<AffineExpr> results;
  for (unsigned dim : dims.set_bits())
    results.push_back(getAffineDimExpr(dim, loc.getContext()));
  return AffineMap::get(4, 0, results, loc.getContext());
}

Value ScorePlanner::constantOf(const Table &table) {
  SmallVector<int64_t> shape;
  for (unsigned dim : table.dims.set_bits())
    shape.push_back(sizes[dim]);
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(type, ArrayRef<float>(table.values)));
}

void ScorePlanner::addInput(Value key, Value tensor, AffineMap map) {
  inputKeys.push_back(key);
  inputs.push_back(tensor);
  inputMaps.push_back(map);
}

/// The tensors that `term` reads: operands, and tables of what depends on
/// positions alone.
LogicalResult ScorePlanner::collectInputs(Value term) {
  if (llvm::is_contained(inputKeys, term))
    return success();
  if (auto argument = dyn_cast<BlockArgument>(term)) {
    if (argument.getOwner() != block || argument.getArgNumber() < 5 ||
        !isa<FloatType>(term.getType()))
      return refuse(term);
    unsigned number = argument.getArgNumber() - 5;
    addInput(term, op.getScoreOperands()[number],
             op.getScoreMapArray()[number]);
    return success();
  }
  Operation *def = term.getDefiningOp();
  if (!isa<FloatType>(term.getType()) || def->getBlock() != block)
    return matchPattern(def, m_Constant()) ? success() : refuse(term);
  if (isOfPositions(term)) {
    if (matchPattern(def, m_Constant()))
      return success();
    FailureOr<Table> table = tabulate(term);
    if (failed(table))
      return failure();
    if (table->dims.none())
      table->dims.set(3), table->values.assign(static_cast<size_t>(sizes[3]),
                                               table->values.front());
    addInput(term, constantOf(*table), mapOf(table->dims));
    return success();
  }
  for (Value operand : def->getOperands())
    if (failed(collectInputs(operand)))
      return failure();
  return success();
}

/// `term` in the body of the operation before the attention.
FailureOr<Value> ScorePlanner::computeTerm(OpBuilder &body, Value term,
                                           IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(term))
    return known;
  Operation *def = term.getDefiningOp();
  for (Value operand : def->getOperands()) {
    FailureOr<Value> value = computeTerm(body, operand, mapping);
    if (failed(value))
      return failure();
  }
  Operation *copy = body.clone(*def, mapping);
  return copy->getResult(0);
}

LogicalResult ScorePlanner::makeBias() {
  // One of them alone is read where it lies.
  if (terms.empty() && (!mask || !hasConstant)) {
    if (mask) {
      plan.bias = mask;
      plan.map = *op.getMaskMap();
    } else if (hasConstant) {
      plan.bias = constantOf(constant);
      plan.map = mapOf(constant.dims);
    }
    return success();
  }
  if (mask)
    addInput(mask, mask, *op.getMaskMap());
  Value table;
  if (hasConstant) {
    table = constantOf(constant);
    addInput(table, table, mapOf(constant.dims));
  }
  for (Value term : terms)
    if (failed(collectInputs(term)))
      return failure();
  // Over queries and keys, and what else the inputs run along.
  llvm::SmallBitVector dims(4);
  dims.set(2, 4);
  for (AffineMap map : inputMaps)
    for (unsigned dim = 0; dim != 4; ++dim)
      if (map.isFunctionOfDim(dim))
        dims.set(dim);
  SmallVector<AffineExpr> loops(4, builder.getAffineConstantExpr(0));
  SmallVector<int64_t> shape;
  for (auto [loop, dim] : llvm::enumerate(dims.set_bits())) {
    loops[dim] = builder.getAffineDimExpr(loop);
    shape.push_back(sizes[dim]);
  }
  unsigned rank = shape.size();
  SmallVector<AffineMap> maps;
  for (AffineMap map : inputMaps)
    maps.push_back(map.replaceDimsAndSymbols(loops, {}, rank, 0));
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  Type f32 = builder.getF32Type();
  Value empty = tensor::EmptyOp::create(builder, loc, shape, f32);
  bool isFailed = false;
  plan.computed = linalg::GenericOp::create(
      builder, loc, empty.getType(), inputs, empty, maps,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](OpBuilder &body, Location at, ValueRange values) {
        auto wide = [&](Value value) -> Value {
          if (value.getType() == f32)
            return value;
          return arith::ExtFOp::create(body, at, f32, value);
        };
        IRMapping mapping;
        for (auto [key, value] : llvm::zip(inputKeys, values))
          mapping.map(key, value);
        Value sum;
        auto plus = [&](Value value) {
          value = wide(value);
          sum =
              sum ? Value(arith::AddFOp::create(body, at, sum, value)) : value;
        };
        for (Value term : terms) {
          FailureOr<Value> value = computeTerm(body, term, mapping);
          isFailed |= failed(value);
          if (succeeded(value))
            plus(*value);
        }
        if (table)
          plus(mapping.lookup(table));
        if (mask)
          plus(mapping.lookup(mask));
        linalg::YieldOp::create(body, at, sum);
      });
  if (isFailed)
    return refuse(terms.front());
  plan.bias = plan.computed.getResult(0);
  plan.map = mapOf(dims);
  return success();
}

FailureOr<ScorePlan> mlir::attacc::planScore(AttentionOp op, int64_t offset,
                                             int64_t keys) {
  return ScorePlanner(op, offset, keys).run();
}

linalg::GenericOp mlir::attacc::scaleQueries(AttentionOp op) {
  auto extract = op.getScale().getDefiningOp<tensor::ExtractOp>();
  if (!extract || extract.getTensor().getType().getNumElements() != 1)
    return {};
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Type f32 = builder.getF32Type();
  auto type = cast<RankedTensorType>(op.getQ().getType());
  AffineMap each = builder.getMultiDimIdentityMap(4);
  AffineMap first = AffineMap::get(
      4, 0,
      SmallVector<AffineExpr>(extract.getTensor().getType().getRank(),
                              builder.getAffineConstantExpr(0)),
      op.getContext());
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), f32);
  auto product = linalg::GenericOp::create(
      builder, loc, empty.getType(), ValueRange{op.getQ(), extract.getTensor()},
      empty, ArrayRef<AffineMap>{each, first, each},
      SmallVector<utils::IteratorType>(4, utils::IteratorType::parallel),
      [&](OpBuilder &body, Location at, ValueRange values) {
        Value query = values[0];
        if (query.getType() != f32)
          query = arith::ExtFOp::create(body, at, f32, query);
        Value scaled = arith::MulFOp::create(body, at, query, values[1]);
        linalg::YieldOp::create(body, at, scaled);
      });
  op.getQMutable().assign(product.getResult(0));
  return product;
}
