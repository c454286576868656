//===- Attention.cpp - flat.attention as tile.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionScore.h"
#include "ProgramEmitter.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "nm/Conversion/TileToProgram/TileToProgram.h"
#include "nm/Dialect/Tile/Transforms/AttentionPlan.h"
#include "nm/Model/Search.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attacc;
using flat::AttentionOp;

/// Elements in the order (b, h, n, d).
static isa::Strided inLogicalOrder(AttentionOp op, AttentionOp::Role role,
                                   const isa::Strided &elements) {
  std::vector<int64_t> order;
  for (int64_t dim : {AttentionOp::Batch, AttentionOp::Head,
                      AttentionOp::Sequence, AttentionOp::Width})
    order.push_back(op.getPosition(role, dim));
  return elements.permuted(order);
}

FailureOr<isa::HeadsView> ProgramEmitter::headsView(AttentionOp op,
                                                    AttentionOp::Role role) {
  FailureOr<isa::Strided> value = view(op.getShaped(role), op);
  if (failed(value))
    return failure();
  isa::Strided elements = inLogicalOrder(op, role, *value);
  if (std::optional<isa::HeadsView> found = findHeads(elements))
    return *found;
  // A head that is no box of rows is copied: it becomes rows of positions.
  int64_t width = elements.sizes[AttentionOp::Width];
  FailureOr<isa::TensorId> tensor =
      inPlace(elements, {elements.count() / width, width}, op);
  if (failed(tensor))
    return failure();
  return *findHeads(isa::Strided::inOrder(*tensor, elements.sizes));
}

std::optional<isa::HeadsView>
ProgramEmitter::findHeads(const isa::Strided &elements) {
  if (b[elements.tensor].shape.size() != 2)
    return std::nullopt;
  int64_t cols = b[elements.tensor].shape[1];
  isa::HeadsView view;
  view.tensor = elements.tensor;
  view.offsets[0] = elements.offset / cols;
  view.offsets[1] = elements.offset % cols;
  int64_t last = view.offsets[1]; // column of any element
  auto axis = [&](size_t dim, isa::Axis &result) {
    int64_t size = elements.sizes[dim], stride = elements.strides[dim];
    if (size == 1) {
      result = {dim == AttentionOp::Width ? 1 : 0,
                dim == AttentionOp::Width || dim == AttentionOp::Sequence};
    } else if (stride % cols == 0) {
      result = {0, stride / cols};
    } else {
      result = {1, stride};
      last += (size - 1) * stride;
    }
  };
  axis(AttentionOp::Batch, view.batch);
  axis(AttentionOp::Head, view.head);
  axis(AttentionOp::Sequence, view.position);
  axis(AttentionOp::Width, view.width);
  if (last >= cols || view.position.dim != 0 || view.position.step != 1 ||
      view.width.dim != 1 || view.width.step != 1)
    return std::nullopt;
  return view;
}

static model::Stationarity convert(flat::Stationarity stationarity) {
  switch (stationarity) {
  case flat::Stationarity::Output:
    return model::Stationarity::Output;
  case flat::Stationarity::Weight:
    return model::Stationarity::Weight;
  case flat::Stationarity::Input:
    return model::Stationarity::Input;
  }
  llvm_unreachable("unknown stationarity");
}

static model::Granularity convert(flat::Granularity granularity) {
  switch (granularity) {
  case flat::Granularity::Batch:
    return model::Granularity::Batch;
  case flat::Granularity::Sample:
    return model::Granularity::Sample;
  case flat::Granularity::Head:
    return model::Granularity::Head;
  case flat::Granularity::Row:
    return model::Granularity::Row;
  }
  llvm_unreachable("unknown granularity");
}

/// The dataflow of an attribute as the cost model spells it; nothing if
/// programs cannot express it.
static std::optional<model::Dataflow> convert(flat::DataflowAttr attr,
                                              int64_t queries) {
  model::Dataflow flow;
  flow.granularity = convert(attr.getGranularity());
  flow.rows = attr.getRows() > 0 ? attr.getRows() : queries;
  flow.keyTile = attr.getKeyTile();
  flow.heads = attr.getHeads();
  flow.packed = attr.getPacked();
  flow.staged = attr.getStaged();
  flow.logit = convert(attr.getLogit());
  flow.attend = convert(attr.getAttend());
  if (attr.getLoops() == "bhkr")
    flow.order = model::LoopOrder::KeysOuter;
  else if (attr.getLoops() != "bhrk")
    return std::nullopt;
  bool isSequential = attr.getInterleaving() == flat::Interleaving::Sequential;
  bool isInterleaved =
      attr.getInterleaving() == flat::Interleaving::Interleaved;
  if (flow.isFused() ? !isInterleaved : !isSequential && !isInterleaved)
    return std::nullopt;
  return flow;
}

/// Whether it fits on chip in this dataflow, with what a score needs besides;
/// no fewer than its instructions.
static isa::Result<double> tryDataflow(const model::Device &device,
                                       const model::AttentionShape &shape,
                                       const model::Dataflow &flow,
                                       const isa::AttentionScore &score,
                                       const isa::Builder &program) {
  auto bytesOf = [&](isa::TensorId tensor) {
    return isa::typeBytes(program[tensor].type);
  };
  tiles::AttentionFacts facts;
  facts.shape = shape;
  facts.flow = flow;
  facts.softCap = score.softCap;
  facts.window = score.window;
  facts.offset = score.offset;
  facts.hasNanRows = score.dividesByZero;
  facts.keyBiasBytes = score.keyBias ? bytesOf(*score.keyBias) : 0;
  facts.biasBytes = score.bias ? bytesOf(score.bias->tensor) : 0;
  isa::Result<tiles::AttentionPlan> plan =
      tiles::planAttention(device, facts, device.scratchpad.bytes);
  if (!plan)
    return plan.error();
  return tiles::mostInstructions(facts, *plan);
}

isa::Status ProgramEmitter::tryProgram(const model::Dataflow &flow,
                                       AttentionMaker make) {
  isa::Program tables;
  tables.name = "attention";
  tables.target = b.target();
  for (const isa::Tensor &tensor : b.tensors()) {
    isa::Tensor own;
    own.name = tensor.name;
    own.role = isa::Role::Scratch;
    own.type = tensor.type;
    own.shape = tensor.shape;
    tables.tensors.push_back(std::move(own));
  }
  auto insert = [&](OpBuilder &at, ArrayRef<Value> tensors) {
    make(at, at.getUnknownLoc(), tensors, flow);
  };
  isa::Result<isa::Program> program =
      mlir::nm::lowerTiles(tables, device, {{0, insert}});
  if (!program)
    return program.error();
  int64_t size = static_cast<int64_t>(program->code.size());
  if (size > options.maxInstructions)
    return ::nm::support::makeError(
        isa::Errc::Unsupported, "found a program of ", size,
        " instructions, expected at most ", options.maxInstructions);
  return {};
}

FailureOr<model::Dataflow> ProgramEmitter::chooseDataflow(
    AttentionOp op, const model::AttentionShape &shape,
    const isa::AttentionScore &score, AttentionMaker make) {
  if (flat::DataflowAttr attr = op.getDataflowAttr()) {
    std::optional<model::Dataflow> flow = convert(attr, shape.queries);
    if (!flow)
      return op.emitOpError("has ")
             << attr
             << ", which programs do not express: expected loops bhrk or bhkr, "
                "interleaved if fused; leave it out to have one searched";
    if (isa::Result<double> fits = tryDataflow(device, shape, *flow, score, b);
        !fits.ok())
      return LogicalResult(check(fits.error(), op));
    model::Cost cost = model::evaluateExtended(device, shape, *flow);
    chosenRemark(op, "Attention")
        << remark::add("{0}, as asked for", model::toString(*flow))
        << remark::metric("cycles", llvm::formatv("{0:f0}", cost.cycles).str());
    return *flow;
  }
  return searchDataflow(op, shape, score, make);
}

FailureOr<model::Dataflow> ProgramEmitter::searchDataflow(
    AttentionOp op, const model::AttentionShape &shape,
    const isa::AttentionScore &score, AttentionMaker make) {
  // Finding out that a program is too long takes seconds: no more than so many
  // are tried.
  constexpr size_t kMostTooLong = 16, kMostRemarks = 32;
  model::SearchOptions search;
  search.keep = 1 << 14;
  isa::Result<model::SearchResult> found =
      model::searchDataflows(device, shape, search);
  if (!found.ok())
    return LogicalResult(check(found.error(), op));
  std::string why = "the space is empty";
  SmallVector<model::Dataflow> tooLong;
  // Smaller blocks give a longer program: with more of them, fewer are alike.
  auto isShorterThan = [](const model::Dataflow &a, const model::Dataflow &b) {
    return a.order != b.order || a.rows > b.rows || a.keyTile > b.keyTile ||
           (a.keyTile == 0) != (b.keyTile == 0);
  };
  size_t tried = 0, remarks = 0;
  for (auto [rank, candidate] : llvm::enumerate(found->ranked)) {
    const model::Dataflow &flow = candidate.dataflow;
    if (llvm::any_of(tooLong, [&](const model::Dataflow &other) {
          return !isShorterThan(flow, other);
        }))
      continue;
    ++tried;
    isa::Result<double> fits = tryDataflow(device, shape, flow, score, b);
    isa::Status status = fits.ok() ? isa::Status() : fits.error();
    if (fits.ok() && *fits > double(options.maxInstructions)) {
      status = tryProgram(flow, make);
      if (!status.ok())
        tooLong.push_back(flow);
    }
    if (!status.ok()) {
      why = status.error().message;
      if (++remarks <= kMostRemarks)
        remark::missed(op.getLoc(),
                       remark::RemarkOpts::name("AttentionRejected")
                           .category("convert-to-attacc"))
            << remark::add("{0}", model::toString(flow))
            << remark::metric("rank", int64_t(rank + 1))
            << remark::reason("{0}", why);
      if (tooLong.size() == kMostTooLong)
        break;
      continue;
    }
    chosenRemark(op, "Attention")
        << remark::add("{0}", model::toString(candidate.dataflow))
        << remark::metric("rank", int64_t(rank + 1))
        << remark::metric("cycles",
                          llvm::formatv("{0:f0}", candidate.cost.cycles).str());
    return candidate.dataflow;
  }
  return op.emitOpError("has no dataflow on ")
         << device.name << ", expected one; the last of " << tried
         << " that were tried was refused: " << why;
}

LogicalResult ProgramEmitter::emitBias(AttentionOp op, Value bias,
                                       AffineMap map,
                                       const model::AttentionShape &shape,
                                       isa::AttentionScore &score) {
  using Role = AttentionOp::Role;
  bool hasBatch = map.isFunctionOfDim(AttentionOp::Batch),
       hasHead = map.isFunctionOfDim(AttentionOp::Head),
       hasQuery = map.isFunctionOfDim(AttentionOp::Sequence);
  int64_t keys = op.getStaticSize(Role::K, AttentionOp::Sequence);
  int64_t batches = hasBatch ? shape.batch : 1,
          heads = hasHead ? shape.heads : 1;
  // A bias that is the same for all queries of a sample: one row over the keys.
  bool isByKey = !hasHead && !hasQuery;
  // Elements of a parameter are laid out in the order in which the map reads
  // them.
  SmallVector<unsigned> order;
  for (AffineExpr result : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      order.push_back(dim.getPosition());
  if (isByKey && map.isFunctionOfDim(3) && llvm::is_sorted(order)) {
    FailureOr<isa::TensorId> rows = matrix(bias, batches, keys, op);
    if (failed(rows))
      return failure();
    score.keyBias = *rows;
    return success();
  }
  FailureOr<isa::Strided> elements = view(bias, op);
  if (failed(elements))
    return failure();
  int64_t queries = isByKey ? 1 : shape.queries;
  std::optional<isa::Strided> read =
      throughMap(*elements, map, {batches, heads, queries, keys});
  FailureOr<isa::TensorId> rows =
      inPlace(*read, {batches * heads * queries, keys}, op);
  if (failed(rows))
    return failure();
  if (isByKey) {
    score.keyBias = *rows;
    return success();
  }
  isa::HeadsView boxes;
  boxes.tensor = *rows;
  boxes.batch = {0, hasBatch ? heads * queries : 0};
  boxes.head = {0, hasHead ? queries : 0};
  score.bias = boxes;
  return success();
}

/// The sizes of an attention, all of them static.
static FailureOr<model::AttentionShape> readShape(AttentionOp op) {
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
  return shape;
}

/// Reads the first position of the queries and the number of keys that exist,
/// which are values in the operation and have to be constants in a program.
/// Refuses guards that no instruction implements.
static LogicalResult readLimits(AttentionOp op, model::AttentionShape &shape,
                                isa::AttentionScore &score) {
  if (op.getOffset()) {
    std::optional<int64_t> offset = getConstantIntValue(op.getOffset());
    if (!offset || *offset < 0)
      return op.emitOpError("has an offset that is no constant of 0 or more, "
                            "expected one");
    score.offset = *offset;
  }
  if (Value length = op.getLength()) {
    std::optional<int64_t> keys = getConstantIntValue(length);
    if (!keys || *keys <= 0)
      return op.emitOpError("has a length that is no constant of 1 or more, "
                            "expected one");
    shape.keys = std::min(shape.keys, *keys);
  }
  if (op.getGuard() == flat::Guard::Undefined)
    return op.emitOpError("gives zeros for rows of undefined scores, expected "
                          "guard(none) or guard(unseen); no instruction drops "
                          "NaN");
  return success();
}

LogicalResult ProgramEmitter::emitAttention(AttentionOp op) {
  using Role = AttentionOp::Role;
  for (Role role : {Role::K, Role::V})
    if (op.isQuantized(role))
      return op.emitOpError("reads quantised rows, expected floats; no "
                            "instruction scales rows of integers");
  FailureOr<model::AttentionShape> sizes = readShape(op);
  if (failed(sizes))
    return failure();
  model::AttentionShape shape = *sizes;

  isa::AttentionScore score;
  std::optional<double> scale = op.getConstantScale();
  if (!scale) {
    linalg::GenericOp scaled = scaleQueries(op);
    if (!scaled)
      return op.emitOpError("has a scale that is computed, expected a constant "
                            "or the element of a tensor");
    if (failed(emit(scaled)))
      return failure();
  }
  score.scale = static_cast<float>(scale.value_or(1.0));
  if (failed(readLimits(op, shape, score)))
    return failure();
  FailureOr<ScorePlan> plan = planScore(op, score.offset, shape.keys);
  if (failed(plan))
    return failure();
  shape.causal = plan->isCausal;
  score.window = plan->window;
  score.softCap = static_cast<float>(plan->softCap);
  if (plan->computed && failed(emit(plan->computed)))
    return failure();
  if (plan->bias && failed(emitBias(op, plan->bias, plan->map, shape, score)))
    return failure();
  // Without a bias every query sees at least one key, so that no row sum is 0.
  score.dividesByZero =
      op.getGuard() == flat::Guard::None && plan->bias != nullptr;

  isa::HeadsView views[3];
  constexpr Role kRoles[] = {Role::Q, Role::K, Role::V};
  for (auto [role, view] : llvm::zip_equal(kRoles, views)) {
    FailureOr<isa::HeadsView> found = headsView(op, role);
    if (failed(found))
      return failure();
    view = *found;
  }
  Value result = op.getResult();
  int64_t cols = columnsOf(result);
  RankedTensorType type = cast<RankedTensorType>(result.getType());
  FailureOr<isa::TensorId> dest =
      destination(result, type.getNumElements() / cols, cols);
  if (failed(dest))
    return failure();
  isa::Strided written = inLogicalOrder(
      op, Role::Out, isa::Strided::inOrder(*dest, type.getShape().vec()));
  isa::Strided heads = written;
  if (!findHeads(heads))
    heads = isa::Strided::inOrder(
        temporary(type.getNumElements() / shape.valueDim, shape.valueDim),
        written.sizes);
  isa::HeadsView output = *findHeads(heads);
  auto make = [=, q = views[0], k = views[1], v = views[2]](
                  OpBuilder &at, Location loc, ArrayRef<Value> tensors,
                  const model::Dataflow &flow) {
    tiles::createAttention(at, loc, "attention", tensors, shape, flow, q, k, v,
                           output, score);
  };
  FailureOr<model::Dataflow> flow = chooseDataflow(op, shape, score, make);
  if (failed(flow))
    return failure();
  insertions.push_back(
      {b.size(), [=, loc = reason](OpBuilder &at, ArrayRef<Value> tensors) {
         make(at, loc, tensors, *flow);
       }});
  if ((heads.tensor.index != dest->index && failed(copy(heads, written, op))))
    return failure();
  define(result, *dest);
  return success();
}
