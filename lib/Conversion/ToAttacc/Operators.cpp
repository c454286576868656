//===- Operators.cpp - Products and attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "nm/Model/Search.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attacc;
using flat::AttentionOp;

static remark::detail::InFlightRemark chosen(Operation *op, StringRef name) {
  return remark::passed(op->getLoc(), remark::RemarkOpts::name(name).category(
                                          "convert-to-attacc"));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

std::optional<isa::Epilogue>
ProgramEmitter::matchEpilogue(const Expression &value) {
  auto accumulator = x.accumulator();
  int atom = *accumulator.asAtom();
  // The argument of the activation, or the value: scale * accumulator + bias.
  auto matchLinear = [&](const Expression &a, isa::Epilogue &epilogue) -> bool {
    epilogue.scale = 0;
    for (const Term &term : a.terms) {
      if (term.factors.size() != 1 || term.factors[0].power != 1)
        return false;
      const Atom &factor = x[term.factors[0].atom];
      if (term.factors[0].atom == atom)
        epilogue.scale = static_cast<float>(term.coefficient);
      else if (factor.kind == Atom::Vector && term.coefficient == 1 &&
               !epilogue.bias)
        epilogue.bias = isa::TensorId{static_cast<uint32_t>(factor.tensor)};
      else
        return false;
    }
    return epilogue.scale != 0;
  };
  auto match = [&](const Expression &a) -> std::optional<isa::Epilogue> {
    isa::Epilogue epilogue;
    if (auto activation = x.matchActivation(a)) {
      epilogue.activation = activation->kind;
      if (matchLinear(activation->argument, epilogue))
        return epilogue;
      return std::nullopt;
    }
    if (matchLinear(a, epilogue))
      return epilogue;
    return std::nullopt;
  };
  for (const Term &term : value.terms) {
    if (term.factors.size() != 1 || term.factors[0].power != 1 ||
        term.coefficient != 1)
      continue;
    const Atom &factor = x[term.factors[0].atom];
    if (factor.kind != Atom::Tensor)
      continue;
    Expression rest = Expressions::subtract(value, x.tensor(factor.tensor));
    if (std::optional<isa::Epilogue> epilogue = match(rest)) {
      epilogue->residual = isa::TensorId{static_cast<uint32_t>(factor.tensor)};
      return epilogue;
    }
  }
  return match(value);
}

FailureOr<isa::Weight> ProgramEmitter::weightOf(nm::MatmulOp op, int64_t in,
                                                int64_t out) {
  isa::Weight weight;
  Value value = strip(op.getRhs());
  bool isOutFirst = op.getTransposeRhs();
  auto param = value.getDefiningOp<nm::ParamOp>();
  nm::SparsityAttr sparsity = op.getSparsity();
  if (sparsity && op.isLhsSparse())
    return op.emitOpError("has an N:M operand on the left, expected it on the "
                          "right; transpose the product");
  if (!param) {
    FailureOr<isa::TensorId> tensor = materialize(value, op);
    if (failed(tensor))
      return failure();
    if (sparsity && !sparsity.isDense())
      return op.emitOpError("has an N:M weight that is no checkpoint "
                            "parameter, expected nm.param");
    weight.values = *tensor;
    weight.transposed = !isOutFirst;
    return weight;
  }
  isa::SparsePattern pattern;
  if (sparsity && !sparsity.isDense())
    pattern = {sparsity.getN(), sparsity.getM()};
  if (pattern.m && !device.array.skips(pattern)) {
    remark::missed(
        op.getLoc(),
        remark::RemarkOpts::name("SparseWeight").category("convert-to-attacc"))
        << remark::add(
               "the array of {0} does not decode {1}: the weight is stored "
               "and multiplied dense",
               device.name, sparsity.getPatternString());
    pattern = {};
  }
  FailureOr<isa::TensorId> values = failure();
  if (!pattern.m) {
    std::vector<int64_t> shape{isOutFirst ? out : in, isOutFirst ? in : out};
    values = parameter(param, isa::Part::Whole, shape, options.type);
    weight.transposed = !isOutFirst;
  } else {
    if (!isOutFirst)
      return op.emitOpError(
          "has an N:M weight stored [in, out], expected [out, "
          "in] as checkpoints hold it");
    int64_t kept = in / pattern.m * pattern.n;
    values =
        parameter(param, isa::Part::Values, {out, kept}, options.type, pattern);
    FailureOr<isa::TensorId> indices = parameter(
        param, isa::Part::Indices,
        {out,
         static_cast<int64_t>(llvm::divideCeil(kept * pattern.indexBits(), 8))},
        isa::Type::I8, pattern);
    if (failed(indices))
      return failure();
    weight.indices = *indices;
    weight.pattern = pattern;
  }
  if (failed(values))
    return failure();
  weight.values = *values;
  return weight;
}

LogicalResult ProgramEmitter::emitMatmul(nm::MatmulOp op) {
  auto lhs = op.getLhs().getType(), rhs = op.getRhs().getType(),
       type = op.getResult().getType();
  if (!type.hasStaticShape() || rhs.getRank() != 2 || op.getTransposeLhs())
    return op.emitOpError("multiplies ") << lhs << " by " << rhs
                                         << ", expected static sizes, a weight "
                                            "of rank 2 and a left side that "
                                            "is not transposed";
  int64_t in = lhs.getShape().back(), out = type.getShape().back();
  int64_t tokens = type.getNumElements() / out;
  FailureOr<isa::TensorId> input = materialize(op.getLhs(), op);
  if (failed(input))
    return failure();
  if (b[*input].shape != std::vector<int64_t>{tokens, in})
    return op.emitOpError("reads a matrix of ")
           << b[*input].shape[0] << "x" << b[*input].shape[1]
           << " in another shape, expected " << tokens << "x" << in;
  FailureOr<isa::Weight> weight = weightOf(op, in, out);
  if (failed(weight))
    return failure();

  Expression value = x.accumulator();
  if (op.hasEpilogue()) {
    SmallVector<Expression> arguments{value};
    int64_t cols = out;
    for (auto [operand, map] :
         llvm::zip(op.getEpilogueOperands(), op.getEpilogueMapArray())) {
      // A residual has to exist by now.
      FailureOr<Known> known = lookup(operand, op);
      if (failed(known) ||
          (known->rows > 1 && failed(materialize(operand, op))))
        return failure();
      FailureOr<Expression> argument =
          operandExpression(operand, map, type.getShape(), cols, op);
      if (failed(argument))
        return failure();
      arguments.push_back(*argument);
    }
    FailureOr<Expression> result =
        evaluate(op.getEpilogue().front(),
                 op.getEpilogue().front().getArguments(), arguments, op);
    if (failed(result))
      return failure();
    value = *result;
  }
  std::optional<isa::Epilogue> epilogue = matchEpilogue(value);
  Value result = op.getResult();
  // What no epilogue computes is elementwise work on the plain product.
  FailureOr<isa::TensorId> dest =
      destination(epilogue ? result : Value(), tokens, out);
  if (failed(dest))
    return failure();
  model::ProjectionShape shape{tokens, in, out, weight->pattern};
  isa::Result<model::ProjectionTiling> tiling = isa::chooseProjection(
      device, shape, options.type, epilogue.value_or(isa::Epilogue()));
  if (!tiling.ok())
    return check(tiling.error(), op);
  isa::Result<model::Cost> cost =
      model::evaluateProjection(device, shape, *tiling);
  if (cost.ok())
    chosen(op, "Projection")
        << remark::metric("tokens", tiling->tokens)
        << remark::metric("out", tiling->out)
        << remark::add("{0} stationary", model::toString(tiling->stationarity))
        << remark::metric("cycles",
                          llvm::formatv("{0:f0}", cost->cycles).str());
  if (failed(check(isa::emitProjection(b, device, shape, *tiling, options.type,
                                       *input, *weight, *dest,
                                       epilogue.value_or(isa::Epilogue())),
                   op)))
    return failure();
  if (epilogue) {
    define(result, *dest);
  } else {
    int atom = *x.accumulator().asAtom();
    Expression product = x.tensor(static_cast<int>(dest->index));
    values[result] = {x.replace(value, atom, product), tokens, out};
    if (x.contains(values[result].value, Atom::Accumulator))
      return op.emitOpError("has an epilogue that no instruction computes");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

FailureOr<isa::HeadsView> ProgramEmitter::headsView(AttentionOp op,
                                                    AttentionOp::Role role,
                                                    isa::TensorId tensor) {
  int64_t cols = b[tensor].shape[1];
  ArrayRef<int64_t> shape = op.getShapedType(role).getShape();
  isa::HeadsView view;
  view.tensor = tensor;
  auto axis = [&](int64_t dim, isa::Axis &result) {
    int64_t position = op.getPosition(role, dim), stride = 1;
    for (int64_t size : shape.drop_front(position + 1))
      stride *= size;
    if (shape[position] == 1)
      result = {dim == AttentionOp::Width ? 1 : 0,
                dim == AttentionOp::Width || dim == AttentionOp::Sequence};
    else if (stride % cols == 0)
      result = {0, stride / cols};
    else if (stride * shape[position] <= cols)
      result = {1, stride};
    else
      result = {0, 0};
  };
  axis(AttentionOp::Batch, view.batch);
  axis(AttentionOp::Head, view.head);
  axis(AttentionOp::Sequence, view.position);
  axis(AttentionOp::Width, view.width);
  if (view.position.dim != 0 || view.position.step != 1 ||
      view.width.dim != 1 || view.width.step != 1)
    return op.emitOpError("has an operand of order ")
           << op.getOrder(role).getLetters() << " in a matrix with rows of "
           << cols << ", expected positions along its rows";
  return view;
}

FailureOr<model::Dataflow>
ProgramEmitter::chooseDataflow(AttentionOp op,
                               const model::AttentionShape &shape,
                               const isa::AttentionScore &score) {
  model::SearchOptions search;
  search.keep = 1 << 14;
  isa::Result<model::SearchResult> found =
      model::searchDataflows(device, shape, search);
  if (!found.ok())
    return LogicalResult(check(found.error(), op));
  // The best for which a program exists and fits: asked of the generator with
  // tensors of the same shapes.
  std::string why = "the space is empty";
  for (auto [rank, candidate] : llvm::enumerate(found->ranked)) {
    isa::Builder trial("trial", isa::targetOf(device));
    auto heads = [&](const char *name, int64_t count, int64_t length,
                     int64_t width) {
      isa::Tensor tensor;
      tensor.name = name;
      tensor.type = options.type;
      tensor.shape = {shape.batch * length, count * width};
      isa::HeadsView view;
      view.tensor = trial.tensor(std::move(tensor));
      view.batch = {0, length};
      view.head = {1, width};
      return view;
    };
    isa::HeadsView q = heads("q", shape.heads, shape.queries, shape.headDim),
                   k = heads("k", shape.kvHeadCount(), shape.keys,
                             shape.headDim),
                   v = heads("v", shape.kvHeadCount(), shape.keys,
                             shape.valueWidth()),
                   o = heads("o", shape.heads, shape.queries,
                             shape.valueWidth());
    isa::AttentionScore plain = score;
    if (score.keyBias) {
      isa::Tensor bias = b[*score.keyBias];
      bias.name = "bias";
      plain.keyBias = trial.tensor(std::move(bias));
    }
    isa::Status status =
        isa::emitAttention(trial, device, shape, candidate.dataflow,
                           options.type, q, k, v, o, plain);
    if (status.ok()) {
      isa::Result<isa::Program> program = trial.finish();
      if (program.ok()) {
        chosen(op, "Attention")
            << remark::add("{0}", model::toString(candidate.dataflow))
            << remark::metric("rank", int64_t(rank + 1))
            << remark::metric(
                   "cycles",
                   llvm::formatv("{0:f0}", candidate.cost.cycles).str());
        return candidate.dataflow;
      }
      why = program.error().message;
    } else {
      why = status.error().message;
    }
  }
  return op.emitOpError("has no dataflow on ")
         << device.name << ", expected one; the last of "
         << found->ranked.size() << " was refused: " << why;
}

LogicalResult ProgramEmitter::emitAttention(AttentionOp op) {
  using Role = AttentionOp::Role;
  for (Role role : {Role::Q, Role::K, Role::V, Role::Out})
    if (!op.getShapedType(role).hasStaticShape() ||
        !llvm::isa<RankedTensorType>(op.getShapedType(role)))
      return op.emitOpError("has an operand of type ")
             << op.getShapedType(role) << ", expected tensors of static sizes";
  model::AttentionShape shape;
  shape.batch = op.getStaticSize(Role::Q, AttentionOp::Batch);
  shape.heads = op.getStaticSize(Role::Q, AttentionOp::Head);
  shape.kvHeads = op.getStaticSize(Role::K, AttentionOp::Head);
  shape.queries = op.getStaticSize(Role::Q, AttentionOp::Sequence);
  shape.keys = op.getStaticSize(Role::K, AttentionOp::Sequence);
  shape.headDim = op.getStaticSize(Role::Q, AttentionOp::Width);
  shape.valueDim = op.getStaticSize(Role::V, AttentionOp::Width);

  isa::AttentionScore score;
  std::optional<double> scale = op.getConstantScale();
  if (!scale)
    return op.emitOpError("has a scale that is no constant, expected one");
  score.scale = static_cast<float>(*scale);
  if (op.getOffset()) {
    std::optional<int64_t> offset = getConstantIntValue(op.getOffset());
    if (!offset || *offset < 0)
      return op.emitOpError("has an offset that is no constant of 0 or more, "
                            "expected one");
    score.offset = *offset;
  }
  if (op.getLength() && getConstantIntValue(op.getLength()) != shape.keys)
    return op.emitOpError("has a length other than the keys' ")
           << shape.keys << ", expected all of them";
  flat::ScoreAnalysis analysis = flat::analyzeScore(op);
  if (!analysis.isIdentity() || (analysis.right && *analysis.right != 0) ||
      (analysis.left && (*analysis.left < 0 || !analysis.right)))
    return op.emitOpError("has a score function that no instruction computes, "
                          "expected none, a causal one or a sliding window");
  shape.causal = analysis.isCausal();
  if (analysis.left)
    score.window = *analysis.left + 1;
  if (shape.causal && score.offset != shape.keys - shape.queries)
    return op.emitOpError("is causal with queries from position ")
           << score.offset << ", expected " << shape.keys - shape.queries
           << ", so that the last query sees the last key";
  if (Value mask = op.getMask()) {
    AffineMap map = op.getMaskMapAttr().getValue();
    auto type = cast<RankedTensorType>(mask.getType());
    // [keys], [batch, keys] or with 1 in between.
    SmallVector<unsigned> dims;
    for (AffineExpr result : map.getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(result))
        dims.push_back(dim.getPosition());
    bool isShared = dims == SmallVector<unsigned>{3};
    if ((!isShared && dims != SmallVector<unsigned>{0, 3}) ||
        !llvm::isa<FloatType>(type.getElementType()))
      return op.emitOpError("has the mask ")
             << type << " by " << AffineMapAttr::get(map)
             << ", expected floats for each key, or for each sample and key";
    FailureOr<Known> known = lookup(mask, op);
    if (failed(known))
      return failure();
    std::optional<int> atom = known->value.asAtom();
    if (known->rows == 1 && atom && x[*atom].kind == Atom::Vector)
      return op.emitOpError("has a mask that is a parameter or a constant, "
                            "expected an argument");
    FailureOr<isa::TensorId> bias = materialize(mask, op);
    if (failed(bias))
      return failure();
    if (b[*bias].shape !=
        std::vector<int64_t>{isShared ? 1 : shape.batch, shape.keys})
      return op.emitOpError("has a mask in a matrix of ")
             << b[*bias].shape[0] << "x" << b[*bias].shape[1] << ", expected "
             << (isShared ? 1 : shape.batch) << "x" << shape.keys;
    score.keyBias = *bias;
  }

  isa::HeadsView views[3];
  for (auto [role, view] :
       llvm::zip(ArrayRef<Role>{Role::Q, Role::K, Role::V}, views)) {
    FailureOr<isa::TensorId> tensor = materialize(op.getShaped(role), op);
    if (failed(tensor))
      return failure();
    FailureOr<isa::HeadsView> found = headsView(op, role, *tensor);
    if (failed(found))
      return failure();
    view = *found;
  }
  Value result = op.getResult();
  int64_t cols = columnsOf(result);
  FailureOr<isa::TensorId> dest = destination(
      result, op.getShapedType(Role::Out).getNumElements() / cols, cols);
  if (failed(dest))
    return failure();
  FailureOr<isa::HeadsView> output = headsView(op, Role::Out, *dest);
  if (failed(output))
    return failure();
  FailureOr<model::Dataflow> flow = chooseDataflow(op, shape, score);
  if (failed(flow) ||
      failed(check(isa::emitAttention(b, device, shape, *flow, options.type,
                                      views[0], views[1], views[2], *output,
                                      score),
                   op)))
    return failure();
  define(result, *dest);
  return success();
}
