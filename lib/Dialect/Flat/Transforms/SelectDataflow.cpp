//===- SelectDataflow.cpp - Choice of a dataflow by the cost model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Model/Search.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::flat {
#define GEN_PASS_DEF_SELECTDATAFLOW
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;
namespace model = ::nm::model;

using Role = AttentionOp::Role;

// The bits have the same values.
static_assert(unsigned(DataflowAttr::Q) == unsigned(model::StagedQ) &&
              unsigned(DataflowAttr::K) == unsigned(model::StagedK) &&
              unsigned(DataflowAttr::V) == unsigned(model::StagedV) &&
              unsigned(DataflowAttr::Logits) == unsigned(model::StagedLogits) &&
              unsigned(DataflowAttr::Output) == unsigned(model::StagedOutput));

static Stationarity convert(model::Stationarity stationarity) {
  switch (stationarity) {
  case model::Stationarity::Output:
    return Stationarity::Output;
  case model::Stationarity::Weight:
    return Stationarity::Weight;
  case model::Stationarity::Input:
    return Stationarity::Input;
  }
  llvm_unreachable("unknown stationarity");
}

static Granularity convert(model::Granularity granularity) {
  switch (granularity) {
  case model::Granularity::Batch:
    return Granularity::Batch;
  case model::Granularity::Sample:
    return Granularity::Sample;
  case model::Granularity::Head:
    return Granularity::Head;
  case model::Granularity::Row:
    return Granularity::Row;
  }
  llvm_unreachable("unknown granularity");
}

static DataflowAttr convert(MLIRContext *context, const model::Dataflow &flow) {
  bool isRow = flow.granularity == model::Granularity::Row;
  bool keysOuter = flow.order == model::LoopOrder::KeysOuter;
  // Logits that are off chip follow one another: attend reads them back.
  Interleaving interleaving =
      flow.isFused() ? Interleaving::Interleaved : Interleaving::Sequential;
  return DataflowAttr::get(
      context, convert(flow.granularity), isRow ? flow.rows : 0,
      flow.isFused() ? flow.keyTile : 0, flow.staged, convert(flow.logit),
      convert(flow.attend), keysOuter ? "bhkr" : "bhrk", interleaving,
      flow.heads, flow.packed);
}

namespace {

struct SelectDataflowPass
    : public mlir::flat::impl::SelectDataflowBase<SelectDataflowPass> {
  using SelectDataflowBase::SelectDataflowBase;

  void runOnOperation() override {
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) {
      if (!op.getDataflowAttr())
        ops.push_back(op);
    });
    if (ops.empty())
      return;
    if (assumeLength <= 0) {
      emitError(getOperation().getLoc(),
                "flat-select-dataflow: assume-length must be "
                "positive, got ")
          << int64_t(assumeLength);
      return signalPassFailure();
    }
    model::Result<model::Device> device = findTarget();
    if (!device.ok()) {
      emitError(getOperation().getLoc(), "flat-select-dataflow: ")
          << device.error().message;
      return signalPassFailure();
    }
    model::SearchOptions best;
    if (failed(readObjectives(best)))
      return signalPassFailure();
    for (AttentionOp op : ops)
      select(op, *device, best);
  }

private:
  LogicalResult readObjectives(model::SearchOptions &best) {
    auto refuse = [&](const Twine &message) {
      emitError(getOperation().getLoc(), "flat-select-dataflow: ") << message;
      return failure();
    };
    auto read = [&](StringRef option, const std::string &word,
                    model::Objective &into) {
      std::optional<model::Objective> found = model::parseObjective(word);
      if (!found)
        return refuse(option + " is '" + word +
                      "', expected time, energy, edp or capacity");
      into = *found;
      return success();
    };
    if (failed(read("objective", objective, best.objective)))
      return failure();
    if (within < 0 || within > 100)
      return refuse("within is " + Twine(int64_t(within)) +
                    ", expected 0 to 100 percent");
    best.withinPercent = within;
    if (then.empty())
      return success();
    model::Objective second = model::Objective::Cycles;
    if (failed(read("then", then, second)))
      return failure();
    if (!within || second == best.objective)
      return refuse("then is '" + then + "' and " +
                    (within ? "objective is, too" : "within is 0") +
                    ": it has no effect");
    best.then = second;
    return success();
  }

  /// A description by name or path; "module": the processor that the code is
  /// generated for, with the rates of a generic one.
  model::Result<model::Device> findTarget() {
    if (target != "module")
      return model::findDevice(target);
    return mlir::nm::getDevice(mlir::nm::getCPUTarget(getOperation()));
  }

  remark::detail::InFlightRemark missed(AttentionOp op, StringRef name) {
    return remark::missed(op.getLoc(), remark::RemarkOpts::name(name).category(
                                           "flat-select-dataflow"));
  }

  void select(AttentionOp op, model::Device device,
              const model::SearchOptions &best) {
    bool isOpen = false;
    model::AttentionShape shape = getShape(op, isOpen);
    if (device.kind == model::DeviceKind::Host) {
      Type element = op.getShapedType(Role::K).getElementType();
      device.elementBits = element.getIntOrFloatBitWidth();
    }
    model::SearchOptions options = best;
    // Whole rows of an unknown length might not fit.
    options.allowWholeRows = !isOpen;
    options.keep = 4;
    options.keepRejected = 2;
    options.threads = threads;
    model::Result<model::SearchResult> result =
        model::searchDataflows(device, shape, options);
    if (!result.ok()) {
      missed(op, "no-dataflow")
          << remark::reason("{0}", result.error().message);
      return;
    }
    const model::SearchResult &found = *result;
    if (found.ranked.empty()) {
      missed(op, "no-dataflow") << remark::reason(
          "nothing of {0} points fits {1}", found.points, device.name);
      return;
    }
    const model::Candidate &chosen = found.ranked.front();
    op.setDataflowAttr(convert(op.getContext(), chosen.dataflow));
    remark::passed(
        op.getLoc(),
        remark::RemarkOpts::name("dataflow").category("flat-select-dataflow"))
        << remark::metric("chosen", model::toString(chosen.dataflow))
        << remark::metric("target", device.name)
        << remark::metric("cycles", number(chosen.cost.cycles))
        << remark::metric("energy-pj", number(chosen.cost.energyPj))
        << remark::metric(
               "utilisation",
               llvm::formatv("{0:F3}", chosen.cost.utilisation()).str())
        << remark::metric("bound", chosen.cost.bound())
        << remark::metric("footprint-bytes", number(chosen.cost.footprintBytes))
        << remark::metric("points", found.points)
        << remark::metric("infeasible", found.infeasible);
    for (const model::Candidate &other : ArrayRef(found.ranked).drop_front())
      missed(op, "dataflow-rejected")
          << remark::metric("dataflow", model::toString(other.dataflow))
          << remark::reason(
                 "{0} cycles, {1:F3} times as many as the chosen one",
                 number(other.cost.cycles),
                 other.cost.cycles / chosen.cost.cycles);
    for (const model::Rejection &rejection : found.rejected)
      missed(op, "dataflow-rejected")
          << remark::metric("dataflow", model::toString(rejection.dataflow))
          << remark::reason("{0}", rejection.reason);
  }

  static std::string number(double value) {
    return llvm::formatv("{0:F0}", value).str();
  }

  /// `isOpen` if a length is not known.
  model::AttentionShape getShape(AttentionOp op, bool &isOpen) {
    auto size = [&](Role role, int64_t dim, Role other, int64_t otherwise) {
      int64_t known = op.getStaticSize(role, dim);
      if (ShapedType::isDynamic(known))
        known = op.getStaticSize(other, dim);
      return ShapedType::isDynamic(known) ? otherwise : known;
    };
    auto length = [&](Role role, Role other) {
      isOpen |=
          ShapedType::isDynamic(
              op.getStaticSize(role, AttentionOp::Sequence)) &&
          ShapedType::isDynamic(op.getStaticSize(other, AttentionOp::Sequence));
      return size(role, AttentionOp::Sequence, other, assumeLength);
    };
    model::AttentionShape shape;
    shape.batch = size(Role::Q, AttentionOp::Batch, Role::K, 1);
    shape.heads = size(Role::Q, AttentionOp::Head, Role::Out, 1);
    shape.kvHeads = size(Role::K, AttentionOp::Head, Role::V, 1);
    shape.queries = length(Role::Q, Role::Out);
    shape.keys = length(Role::K, Role::V);
    shape.headDim = size(Role::Q, AttentionOp::Width, Role::K, 64);
    shape.valueDim = size(Role::V, AttentionOp::Width, Role::Out, 64);
    // The model's causal attention ends with the last key.
    ScoreAnalysis analysis = analyzeScore(op);
    shape.causal = analysis.isCausal() && shape.queries <= shape.keys &&
                   (op.getOffset() || shape.queries == shape.keys);
    return shape;
  }
};

} // namespace
