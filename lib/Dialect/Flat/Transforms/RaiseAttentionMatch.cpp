//===- RaiseAttentionMatch.cpp - Attention found in linalg -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionMatch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;
using nm::raise::Contraction;

//===----------------------------------------------------------------------===//
// The operands
//===----------------------------------------------------------------------===//

/// A body that multiplies its one tensor by a constant; the tensor's operand.
static OpOperand *getScaledOperand(linalg::LinalgOp op, double &factor) {
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 ||
      !op.getIndexingMapsArray().back().isPermutation())
    return nullptr;
  Block *block = op.getBlock();
  auto strip = [&](Value value) {
    while (Operation *def = value.getDefiningOp()) {
      if (def->getBlock() != block || !isa<arith::ExtFOp, arith::TruncFOp>(def))
        break;
      value = def->getOperand(0);
    }
    return value;
  };
  Operation *def = strip(block->getTerminator()->getOperand(0)).getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::DivFOp>(def) ||
      def->getBlock() != block)
    return nullptr;
  for (int i : {0, 1}) {
    auto argument = dyn_cast<BlockArgument>(strip(def->getOperand(i)));
    if (!argument || argument.getOwner() != block ||
        (isa<arith::DivFOp>(def) && i == 1))
      continue;
    // The other one: a constant, a constant tensor, or a filled one.
    Value other = strip(def->getOperand(1 - i));
    if (auto second = dyn_cast<BlockArgument>(other);
        second && second.getOwner() == block)
      other = op.getMatchingOpOperand(second)->get();
    if (auto fill = other.getDefiningOp<linalg::FillOp>())
      other = fill.getInputs()[0];
    APFloat value(0.0f);
    DenseElementsAttr elements;
    if (matchPattern(other, m_ConstantFloat(&value)))
      factor = value.convertToDouble();
    else if (matchPattern(other, m_Constant(&elements)) && elements.isSplat() &&
             isa<FloatType>(elements.getElementType()))
      factor = elements.getSplatValue<APFloat>().convertToDouble();
    else
      continue;
    if (isa<arith::DivFOp>(def))
      factor = 1.0 / factor;
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (std::isfinite(factor) && op.isDpsInput(operand) &&
        isa<RankedTensorType>(operand->get().getType()) &&
        nm::raise::readsWholeDimensions(op.getMatchingIndexingMap(operand)))
      return operand;
  }
  return nullptr;
}

/// The places from which an operand can be read, going up.
static SmallVector<Source> findSources(AxisView view, bool mayScale,
                                       AxisTable &table) {
  SmallVector<Source> sources{{view, 1.0}};
  while (true) {
    const Source &last = sources.back();
    double factor = last.factor;
    if (std::optional<AxisView> next = stepOverReshape(last.view, table)) {
      sources.push_back({*next, factor});
      continue;
    }
    auto op = last.view.value.getDefiningOp<linalg::LinalgOp>();
    if (!op || !op.hasPureTensorSemantics())
      return sources;
    double scale = 1.0;
    OpOperand *operand = getMovedOperand(op);
    if (!operand && mayScale)
      operand = getScaledOperand(op, scale);
    if (!operand)
      return sources;
    FailureOr<SmallVector<Axes>> loops = getLoopAxes(
        op.getMatchingIndexingMap(op.getDpsInitOperand(0)), last.view.dims);
    if (failed(loops))
      return sources;
    AxisView next =
        readOperand(*operand, op.getMatchingIndexingMap(operand), *loops);
    Type element = next.getType().getElementType();
    if (!element.isF32() && !element.isBF16() && !element.isF16())
      return sources;
    sources.push_back({next, factor * scale});
  }
}

//===----------------------------------------------------------------------===//
// The match
//===----------------------------------------------------------------------===//

static bool startsAtZero(const Contraction &contraction) {
  auto op = contraction.op;
  Value init = op.getDpsInits()[0];
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    return matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
  return matchPattern(init, m_AnyZeroFloat());
}

/// Loops of a contraction: shared by both operands, or of one only.
struct LoopRoles {
  SmallVector<unsigned> shared, own[2];
};

static LoopRoles getLoopRoles(const Contraction &contraction) {
  LoopRoles roles;
  for (unsigned loop = 0; loop < contraction.loopSizes.size(); ++loop) {
    if (loop == contraction.k)
      continue;
    bool in[2];
    for (int side : {0, 1})
      in[side] = contraction.operands[side].getDimOf(loop).has_value();
    if (in[0] && in[1])
      roles.shared.push_back(loop);
    else if (in[0] || in[1])
      roles.own[in[1]].push_back(loop);
  }
  return roles;
}

static Axes gather(ArrayRef<unsigned> loops, ArrayRef<Axes> axes,
                   const AxisTable &table) {
  Axes result;
  for (unsigned loop : loops)
    llvm::append_range(result, axes[loop]);
  return table.resolve(result);
}

static SmallVector<Axes> readBy(AffineMap map, ArrayRef<Axes> loops) {
  SmallVector<Axes> dims;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    dims.push_back(dim ? loops[dim.getPosition()] : Axes());
  }
  return dims;
}

static bool isSameSet(ArrayRef<Axis> a, ArrayRef<Axis> b) {
  SmallVector<Axis> x(a), y(b);
  llvm::sort(x);
  llvm::sort(y);
  return x == y;
}

/// The one contraction over keys within `score`.
static const Term *findProduct(const Term *score, Mismatch &mismatch) {
  SmallVector<const Term *> products;
  const Term *tensor = nullptr;
  walkTerms(score, [&](const Term *term) {
    if (term->kind == Term::Product)
      products.push_back(term);
    else if (term->kind == Term::Leaf)
      tensor = term;
  });
  if (products.size() == 1)
    return products[0];
  mismatch.reason =
      products.empty()
          ? "no product of queries and keys leads to the softmax; its scores "
            "come from " +
                nameOf(tensor ? tensor->op : score->op)
          : "several products lead to the softmax";
  mismatch.stop =
      products.empty() ? (tensor ? tensor->op : score->op) : products[1]->op;
  return nullptr;
}

/// Tensors between `from` and `to` that somebody else reads: fusion would not
/// save them.
static Operation *findOtherReader(Operation *from, Operation *to) {
  // What `to` is computed from, as far as it may come from `from`: not all that
  // the function does before ...
  auto mayLead = [&](Operation *op) {
    return op->getBlock() == to->getBlock() &&
           (op->getBlock() != from->getBlock() || !op->isBeforeInBlock(from));
  };
  llvm::SetVector<Operation *> slice;
  slice.insert(to);
  for (size_t i = 0; i < slice.size(); ++i)
    if (slice[i] != from)
      for (Value operand : slice[i]->getOperands())
        if (Operation *def = operand.getDefiningOp(); def && mayLead(def))
          slice.insert(def);
  // ... and on the way from `from`.
  DenseSet<Operation *> reached{from};
  SmallVector<Operation *> worklist{from};
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    for (Operation *user : op->getUsers()) {
      Operation *reader = to->getBlock()->findAncestorOpInBlock(*user);
      if (isOpTriviallyDead(user))
        continue;
      if (!reader || !slice.contains(reader))
        return user;
      if (reader != to && reached.insert(reader).second)
        worklist.push_back(reader);
    }
  }
  return nullptr;
}

/// The axes of the loops of `attend`: each is a dimension of the operand that
/// has it.
static SmallVector<Axes> createLoopAxes(const Contraction &attend,
                                        AxisTable &table) {
  SmallVector<Axes> loops(attend.loopSizes.size());
  for (int operand : {0, 1})
    for (unsigned loop = 0; loop < loops.size(); ++loop)
      if (auto dim = attend.operands[operand].getDimOf(loop);
          dim && loops[loop].empty())
        loops[loop] = table.create(attend.operands[operand].value, *dim);
  return loops;
}

/// The term of the weights, whose rows run along `row`; null if it takes too
/// many steps. Twice: the first walk finds out which axes have to be cut.
static const Term *evaluateWeights(const AxisView &weights, ArrayRef<Axis> row,
                                   AxisTable &table,
                                   std::unique_ptr<TermBuilder> &terms) {
  size_t axes;
  const Term *term;
  do {
    axes = table.size();
    terms = std::make_unique<TermBuilder>(table, table.resolve(row));
    term = terms->evaluate(weights);
  } while (term && axes != table.size());
  return term;
}

/// What the operand `index` of a product reads.
static AxisView operandOf(const Contraction &contraction, int index,
                          ArrayRef<Axes> axes) {
  return {contraction.operands[index].value,
          readBy(contraction.operands[index].map, axes)};
}

/// Fills in the first product, queries on one side and keys on the other, given
/// the loops of the second one, which reads the weights on `side`.
static LogicalResult matchLogit(Match &match, int side, ArrayRef<Axes> loops,
                                AxisTable &table, Mismatch &mismatch) {
  std::string why;
  auto logitOp = cast<linalg::LinalgOp>(match.product->op);
  FailureOr<Contraction> logit = nm::raise::matchContraction(logitOp, why);
  mismatch.stop = logitOp;
  if (failed(logit) || logit->integer || !startsAtZero(*logit)) {
    mismatch.reason = "the product of queries and keys adds to something";
    return failure();
  }
  match.logit = *logit;
  const Contraction &attend = match.attend;
  LoopRoles roles = getLoopRoles(attend), logitRoles = getLoopRoles(*logit);
  SmallVector<Axes> logitLoops(match.product->dims);
  for (int operand : {0, 1})
    if (auto dim = logit->operands[operand].getDimOf(logit->k);
        dim && logitLoops[logit->k].empty())
      logitLoops[logit->k] = table.create(logit->operands[operand].value, *dim);

  Axes keys = table.resolve(loops[attend.k]),
       queries = gather(roles.own[side], loops, table);
  int queriesSide = -1;
  for (int operand : {0, 1})
    if (isSameSet(gather(logitRoles.own[operand], logitLoops, table),
                  queries) &&
        isSameSet(gather(logitRoles.own[1 - operand], logitLoops, table), keys))
      queriesSide = operand;
  if (queriesSide < 0 ||
      !isSameSet(gather(logitRoles.shared, logitLoops, table),
                 gather(roles.shared, loops, table))) {
    mismatch.reason = "the two products run along different dimensions";
    return failure();
  }
  match.q =
      findSources(operandOf(*logit, queriesSide, logitLoops), true, table);
  match.k =
      findSources(operandOf(*logit, 1 - queriesSide, logitLoops), true, table);
  match.v = findSources(operandOf(attend, 1 - side, loops), false, table);
  // Walking up may have cut axes: everything in terms of the last ones.
  match.batch = gather(logitRoles.shared, logitLoops, table);
  match.queries = gather(roles.own[side], loops, table);
  match.keys = table.resolve(loops[attend.k]);
  match.width = gather(roles.own[1 - side], loops, table);
  match.depth = table.resolve(logitLoops[logit->k]);
  match.result = readBy(attend.result, loops);
  mismatch.stop = nullptr;
  return success();
}

/// Reads operand `side` of `attend` as the weights.
static std::optional<Match> matchSide(const Contraction &attend, int side,
                                      AxisTable &table,
                                      std::unique_ptr<TermBuilder> &terms,
                                      Mismatch &mismatch) {
  SmallVector<Axes> loops = createLoopAxes(attend, table);
  const Term *term = evaluateWeights(operandOf(attend, side, loops),
                                     loops[attend.k], table, terms);
  if (!term) {
    mismatch.reason = "its operands are computed in too many steps";
    return std::nullopt;
  }
  std::optional<Softmax> softmax =
      matchSoftmax(term, table.resolve(loops[attend.k]), table, mismatch);
  if (!softmax)
    return std::nullopt;
  mismatch.isNear = true;
  Match match;
  match.attend = attend;
  match.softmax = *softmax;
  match.product = findProduct(softmax->score, mismatch);
  if (!match.product || failed(matchLogit(match, side, loops, table, mismatch)))
    return std::nullopt;
  if (!startsAtZero(attend)) {
    mismatch.reason = "the product of weights and values adds to something";
    return std::nullopt;
  }
  auto logitOp = cast<linalg::LinalgOp>(match.product->op);
  if (Operation *reader = findOtherReader(logitOp, attend.op)) {
    mismatch.reason = "the quadratic intermediate is also read by " +
                      nameOf(reader) + ", so that it has to exist";
    mismatch.stop = reader;
    return std::nullopt;
  }
  return match;
}

std::optional<Match>
mlir::flat::raise::matchAttention(linalg::LinalgOp op, AxisTable &table,
                                  std::unique_ptr<TermBuilder> &terms,
                                  Mismatch &mismatch) {
  std::string why;
  FailureOr<Contraction> attend = nm::raise::matchContraction(op, why);
  if (failed(attend) || attend->integer)
    return std::nullopt;
  for (int side : {0, 1}) {
    Mismatch own;
    if (auto match = matchSide(*attend, side, table, terms, own))
      return match;
    if (own.isNear || side == 0)
      mismatch = own;
    if (own.isNear)
      break;
  }
  return std::nullopt;
}
