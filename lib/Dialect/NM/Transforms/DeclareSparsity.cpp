//===- DeclareSparsity.cpp - Patterns of checkpoint parameters -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupedBits.h"
#include "IntegerSign.h"
#include "SparsityRules.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Dialect/NM/IR/GroupForm.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/RaiseView.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Runtime/FloatConversion.h"
#include "nm/Runtime/Layout.h"
#include "nm/Runtime/Pack.h"
#include "nm/Runtime/Quantize.h"
#include "nm/Runtime/Rearrange.h"
#include "nm/Runtime/Recipe.h"
#include "nm/Runtime/Sparsity.h"
#include "nm/Runtime/Threads.h"
#include "nm/Runtime/Trained.h"
#include "nm/Runtime/Weight.h"
#include "nm/Support/Text.h"

namespace mlir::nm {
#define GEN_PASS_DEF_DECLARESPARSITY
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;
namespace rt = ::nm::rt;

namespace {

/// A pattern and where it was found.
struct Found {
  rt::AxisPattern pattern;
  double density = 1;
  std::string source;
};

struct DeclareSparsityPass
    : public mlir::nm::impl::DeclareSparsityBase<DeclareSparsityPass> {
  using DeclareSparsityBase::DeclareSparsityBase;

  void runOnOperation() override {
    if (failed(readOptions()))
      return signalPassFailure();
    collectContractions();
    SmallVector<ParamOp> ops;
    getOperation().walk([&](ParamOp op) { ops.push_back(op); });
    if (failed(checkPolicy(ops)) ||
        failed(rules.check(ops, [&] { return optionError(); })))
      return signalPassFailure();
    bool ok = true;
    IRRewriter rewriter(&getContext());
    for (ParamOp op : ops)
      ok &= succeeded(declare(op, rewriter));
    if (ok && bits.isAsked() && !isQuantized && !ops.empty())
      ok = succeeded(optionError()
                     << "quantize '" << quantize << "' has no effect: no f32 "
                     << (bits.keepsGroups()
                             ? "matrix is made of integers in groups"
                             : "matrix is 2:4, 1:4 or dense along a "
                               "contraction that the groups divide"));
    if (!ok)
      signalPassFailure();
  }

private:
  llvm::StringMap<std::shared_ptr<const rt::Checkpoint>> checkpoints;
  rt::MaskOptions maskOptions;
  /// What the checkpoints say of their training, by scope.
  llvm::StringMap<rt::Trained> trained;
  SparsityRules rules;
  GroupedBits bits;
  /// Whether a weight became integers.
  bool isQuantized = false;
  /// Dimensions of parameters that products sum over.
  llvm::DenseMap<Operation *, llvm::SmallDenseSet<int64_t>> contractions;

  InFlightDiagnostic optionError() {
    return mlir::emitError(UnknownLoc::get(&getContext()))
           << "nm-declare-sparsity: ";
  }

  /// Policies that act on weights with a pattern need one from somewhere.
  LogicalResult checkPolicy(ArrayRef<ParamOp> ops) {
    bool derives = maskOptions.policy == rt::MaskPolicy::Derive;
    if (llvm::any_of(rules.all(),
                     [](const SparsityRule &rule) { return rule.m != 0; }) ||
        (!derives && maskOptions.policy != rt::MaskPolicy::Require))
      return success();
    for (ParamOp op : ops) {
      if (mlir::nm::getSparsity(op.getResult().getType()) || trainedPattern(op))
        return success();
      auto scope = checkpoints.find(op.getScope().value_or(""));
      // A mask that is required says the pattern itself.
      if (!derives && scope != checkpoints.end() &&
          rt::hasExplicitMask(*scope->second, rt::shownKey(op.getKey()),
                              maskOptions))
        return success();
    }
    if (ops.empty())
      return success();
    return mlir::emitError(ops.front()->getLoc())
           << "mask policy '" << maskPolicy
           << "' has no effect: nothing says which N:M the "
              "weights have; give a pattern, such as --pattern "
              "2:4";
  }

  LogicalResult readOptions() {
    // Before OpenMP looks at it.
    if (rt::Status threads = rt::checkThreadEnvironment(); !threads)
      return optionError() << threads.error().message;
    auto policy = llvm::StringSwitch<std::optional<rt::MaskPolicy>>(maskPolicy)
                      .Case("if-present", rt::MaskPolicy::IfPresent)
                      .Case("require", rt::MaskPolicy::Require)
                      .Case("derive", rt::MaskPolicy::Derive)
                      .Case("ignore", rt::MaskPolicy::Ignore)
                      .Default(std::nullopt);
    if (!policy)
      return optionError() << "unknown mask-policy '" << maskPolicy
                           << "', expected if-present, require, derive or "
                              "ignore";
    maskOptions = rt::MaskOptions();
    maskOptions.policy = *policy;
    if (bitOrder != "lsb" && bitOrder != "msb")
      return optionError() << "unknown mask-bit-order '" << bitOrder
                           << "', expected lsb or msb";
    maskOptions.bitOrder =
        bitOrder == "lsb" ? rt::BitOrder::LsbFirst : rt::BitOrder::MsbFirst;
    if (!maskSuffixes.empty())
      maskOptions.suffixes.assign(maskSuffixes.begin(), maskSuffixes.end());
    isQuantized = false;
    auto error = [&] { return optionError(); };
    if (failed(rules.read(llvm::to_vector(patterns), error)) ||
        failed(bits.read(quantize, rules.all(), error)))
      return failure();
    if (bits.keepsGroups())
      maskOptions.decoding = rt::Decoding::Exact;
    if (!masks.empty()) {
      auto opened = rt::Checkpoint::open(masks);
      if (!opened)
        return optionError() << opened.error().message;
      maskOptions.source = std::move(*opened);
    }
    checkpoints.clear();
    trained.clear();
    std::vector<const rt::Checkpoint *> all;
    for (StringRef param : params) {
      StringRef scope, path = param;
      // A '=' behind a folder belongs to the path.
      if (param.find('=') < param.find('/'))
        std::tie(scope, path) = param.split('=');
      auto opened = rt::Checkpoint::open(path.str());
      if (!opened)
        return optionError() << opened.error().message;
      if (!checkpoints.try_emplace(scope, *opened).second)
        return optionError() << "two checkpoints for scope '" << scope << "'";
      if (maskOptions.policy != rt::MaskPolicy::Ignore) {
        auto read = rt::readTrained(**opened);
        if (!read)
          return optionError() << read.error().message;
        trained[scope] = std::move(*read);
      }
      all.push_back(opened->get());
    }
    if (rt::Status suffixes = rt::checkMaskNames(all, maskOptions); !suffixes)
      return optionError() << suffixes.error().message;
    return success();
  }

  /// What nm-raise will find at the end of its walk from each product.
  void collectContractions() {
    contractions.clear();
    getOperation().walk([&](linalg::LinalgOp op) {
      std::string ignored;
      FailureOr<raise::Contraction> contraction =
          raise::matchContraction(op, ignored);
      if (failed(contraction))
        return;
      for (raise::View view : contraction->operands) {
        FailureOr<raise::View> up = view;
        while (succeeded(up)) {
          view = *up;
          up = raise::stepUp(view, ignored);
          if (failed(up))
            if (auto scaled =
                    raise::stepThroughScale(view, contraction->k, ignored);
                succeeded(scaled))
              up = scaled->view;
        }
        std::optional<unsigned> dim = view.getDimOf(contraction->k);
        if (auto param = view.value.getDefiningOp<ParamOp>(); param && dim)
          contractions[param].insert(*dim);
      }
    });
  }

  static remark::detail::InFlightRemark missed(ParamOp op) {
    auto remark = remark::missed(
        op.getLoc(), remark::RemarkOpts::name("sparsity-not-declared")
                         .category("nm-declare-sparsity"));
    remark << remark::metric("key", rt::shownKey(op.getKey()));
    return remark;
  }

  LogicalResult declare(ParamOp op, IRRewriter &rewriter) {
    RankedTensorType type = op.getResult().getType();
    auto scope = checkpoints.find(op.getScope().value_or(""));
    if (scope == checkpoints.end()) {
      missed(op) << remark::reason("no checkpoint is given for scope '{0}'",
                                   op.getScope().value_or("").str());
      return success();
    }
    const rt::Checkpoint &checkpoint = *scope->second;
    if (failed(check(op, checkpoint)))
      return failure();
    if (mlir::nm::getSparsity(type))
      return declareSharedRows(op, checkpoint);
    if (type.getRank() < 2)
      return success();
    if (type.getNumElements() == 0) {
      missed(op) << remark::reason("it is empty");
      return success();
    }
    const SparsityRule *rule = rules.find(op);
    if (rule && rule->m == 0) {
      missed(op) << remark::reason("pattern '{0}' leaves it", rule->text);
      return success();
    }
    // The integers of sparse products are signed.
    if (rt::DType stored = storedDType(op.getResult());
        stored != toDType(type.getElementType())) {
      if (rule)
        return op.emitOpError()
               << checkpoint.path() << ": tensor '" << rt::shownKey(op.getKey())
               << "' has element type " << ::nm::support::dtypeName(stored)
               << ", which no sparse product takes; expected floats or i8 "
                  "where pattern '"
               << rule->text << "' is";
      missed(op) << remark::reason("its integers are unsigned");
      return success();
    }
    auto weight = rt::readWeight(checkpoint, op.getKey().str(), maskOptions);
    if (!weight)
      return op.emitOpError() << weight.error().message;
    std::optional<rt::TrainedPattern> known = trainedPattern(op);
    FailureOr<std::optional<Found>> found =
        rule    ? require(op, checkpoint, *weight, *rule)
        : known ? takeTrained(op, *weight, *known)
                : detect(op, *weight);
    if (failed(found))
      return failure();
    if (!*found) {
      std::optional<Found> dense = quantizable(op, *weight);
      if (!dense)
        return success();
      *found = std::move(dense);
    }
    return encode(op, **found, *weight, rewriter);
  }

  /// A dense matrix that is to become integers: its contraction.
  std::optional<Found> quantizable(ParamOp op, const rt::Weight &weight) {
    auto axes = contractions.lookup(op);
    if (!bits.isAsked() || op.getResult().getType().getRank() != 2 ||
        isReadInParts(op) || weight.mask || axes.size() != 1)
      return std::nullopt;
    Found found;
    found.pattern = {*axes.begin(), 1, 1};
    found.source = "quantize";
    return found;
  }

  LogicalResult encode(ParamOp op, const Found &found, const rt::Weight &weight,
                       IRRewriter &rewriter) {
    RankedTensorType type = op.getResult().getType();
    const rt::AxisPattern &pattern = found.pattern;
    SparsityAttr sparsity = bits.apply(op, weight, getTightest(pattern, type));
    isQuantized |= sparsity.isQuantized();
    if (sparsity.isDense() && found.source == "quantize" &&
        !sparsity.isQuantized())
      return success();
    if (sparsity.isDense() && !sparsity.isQuantized()) {
      missed(op) << remark::reason("it is all zero, and no M divides axis {0}",
                                   pattern.axis);
      return success();
    }
    RankedTensorType encoded = getEncodedType(type, sparsity);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("sparsity-declared")
                                    .category("nm-declare-sparsity"))
        << remark::metric("key", rt::shownKey(op.getKey()))
        << remark::metric("pattern", sparsity.getPatternString())
        << remark::metric("axis", pattern.axis)
        << remark::metric("density",
                          llvm::formatv("{0:f3}", found.density).str())
        << remark::metric("source", found.source);
    rewriter.setInsertionPoint(op);
    auto param = ParamOp::create(rewriter, op.getLoc(), encoded,
                                 op.getKeyAttr(), op.getScopeAttr());
    param->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    if (failed(setSharedRows(param, weight)))
      return failure();
    rewriter.replaceOpWithNewOp<DecompressOp>(op, type, param);
    return success();
  }

  /// A parameter whose pattern the program declares.
  LogicalResult declareSharedRows(ParamOp op,
                                  const rt::Checkpoint &checkpoint) {
    RankedTensorType type = op.getResult().getType();
    if (type.getRank() != 2 || type.getNumElements() == 0)
      return success();
    auto weight = rt::readWeight(checkpoint, op.getKey().str(), maskOptions);
    if (!weight)
      return op.emitOpError() << weight.error().message;
    return setSharedRows(op, *weight);
  }

  /// Says on the encoded parameter whether neighbouring rows keep the same
  /// positions. An over-full group is for the loader to report.
  LogicalResult setSharedRows(ParamOp op, const rt::Weight &weight) {
    RankedTensorType type = op.getResult().getType();
    SparsityAttr sparsity = mlir::nm::getSparsity(type);
    auto contiguous = rt::toContiguous(weight.tensor);
    if (!contiguous)
      return op.emitOpError() << contiguous.error().message;
    rt::WeightDesc desc;
    desc.shape.assign(type.getShape().begin(), type.getShape().end());
    desc.axis = sparsity.getAxis();
    desc.n = sparsity.getN();
    desc.m = sparsity.getM();
    desc.dtype = contiguous->view.dtype;
    rt::PackOptions options;
    options.mask = weight.mask ? &*weight.mask : nullptr;
    options.derive =
        !weight.mask && maskOptions.policy == rt::MaskPolicy::Derive;
    auto rows = rt::sharedRows(desc, contiguous->view.data, options);
    if (!rows || *rows == 1) {
      op->removeAttr(kSharedRowsAttrName);
      return success();
    }
    op->setAttr(kSharedRowsAttrName,
                Builder(op.getContext()).getI64IntegerAttr(*rows));
    remark::passed(
        op.getLoc(),
        remark::RemarkOpts::name("shared-rows").category("nm-declare-sparsity"))
        << remark::metric("key", rt::shownKey(op.getKey()))
        << remark::metric("rows", *rows);
    return success();
  }

  /// A type says at least 1:M: all zeros, reported as N = 0, get the largest M.
  static SparsityAttr getTightest(const rt::AxisPattern &pattern,
                                  RankedTensorType type) {
    int64_t n = pattern.n, m = pattern.m;
    if (n == 0) {
      n = 1;
      for (int64_t candidate = 1; candidate <= 64; ++candidate)
        if (type.getDimSize(pattern.axis) % candidate == 0)
          m = candidate;
    }
    return SparsityAttr::get(type.getContext(), n, m, pattern.axis);
  }

  /// The checkpoint has the parameter as the program declares it.
  LogicalResult check(ParamOp op, const rt::Checkpoint &checkpoint) {
    RankedTensorType type = op.getResult().getType();
    std::string key = op.getKey().str();
    // Its parts are checked where it is worked out.
    if (rt::isDerivedKey(key))
      return success();
    auto error = [&] { return op.emitOpError() << checkpoint.path() << ": "; };
    const rt::TensorInfo *info = rt::findWeight(checkpoint, key);
    if (!info) {
      InFlightDiagnostic diag = error();
      diag << "no tensor '" << key << "' among " << checkpoint.tensors().size()
           << " tensors" << rt::explainMissing(checkpoint, key);
      return diag;
    }
    std::vector<int64_t> expected(type.getShape());
    if (info->shape != expected)
      return error() << "tensor '" << info->name << "' has shape "
                     << rt::shapeString(info->shape) << ", expected "
                     << rt::shapeString(expected);
    Type element = type.getElementType();
    if (rt::DType expected = storedDType(op.getResult());
        info->dtype != expected && !rt::isConvertible(info->dtype, expected)) {
      InFlightDiagnostic diag = error();
      diag << "tensor '" << info->name << "' has element type "
           << info->dtypeText << ", expected " << element;
      // Integers of the program have no sign of their own.
      if (info->dtype == toDType(element, expected == toDType(element)))
        diag << ", which the program reads as "
             << ::nm::support::dtypeName(expected);
      return diag;
    }
    return success();
  }

  /// What the checkpoint says of the parameter, if it says anything. Of one
  /// that is rearranged, the axis is where groups of the stored tensor lie.
  std::optional<rt::TrainedPattern> trainedPattern(ParamOp op) {
    auto scope = trained.find(op.getScope().value_or(""));
    if (scope == trained.end())
      return std::nullopt;
    std::string key = op.getKey().str();
    std::optional<rt::Rearranged> moved;
    if (rt::isRearrangedKey(key))
      if (auto parsed = rt::parseRearranged(key))
        moved = std::move(*parsed);
    std::string name = moved ? moved->values.key : key;
    auto file = checkpoints.find(op.getScope().value_or(""));
    if (file != checkpoints.end())
      name = rt::storedKey(*file->second, name);
    auto it = scope->second.tensors.find(name);
    if (it == scope->second.tensors.end())
      return std::nullopt;
    rt::TrainedPattern pattern = it->second;
    if (moved) {
      std::optional<int64_t> axis = moved->axisOf(pattern.axis, pattern.m);
      if (!axis)
        return std::nullopt;
      pattern.axis = *axis;
    }
    return pattern;
  }

  FailureOr<std::optional<Found>> takeTrained(ParamOp op,
                                              const rt::Weight &weight,
                                              const rt::TrainedPattern &known) {
    std::optional<Found> none;
    auto axes = contractions.lookup(op);
    if (!axes.empty() && !axes.contains(known.axis)) {
      missed(op) << remark::reason(
          "it was trained {0}:{1} along axis {2}, but products sum over axis "
          "{3}",
          known.n, known.m, known.axis, *axes.begin());
      return none;
    }
    rt::Status fits =
        weight.mask ? rt::verifyMask(*weight.mask, known.axis, known.n, known.m,
                                     weight.maskName)
                    : rt::verifyPattern(weight.tensor.view, known.axis, known.n,
                                        known.m, weight.valuesName);
    if (!fits)
      return op.emitOpError() << fits.error().message
                              << ", with which the checkpoint says that it was "
                                 "trained";
    Found found;
    found.pattern = {known.axis, known.n, known.m};
    found.density = static_cast<double>(known.n) / known.m;
    StringRef scope = op.getScope().value_or("");
    found.source = "recipe '" + trained[scope].method + "'";
    if (weight.mask)
      found.source += ", mask '" + weight.maskName + "'";
    return std::optional(found);
  }

  /// Says of what is read in parts that a pattern for all weights leaves it;
  /// false if it is read whole or no such pattern is asked for.
  bool isLeftInParts(ParamOp op) {
    if (!isReadInParts(op))
      return false;
    bool isTable = isLookupTable(op);
    for (const SparsityRule &rule : rules.all()) {
      if (!rule.key.empty() || rule.m == 0)
        continue;
      if (contractions.lookup(op).empty())
        missed(op) << remark::reason(
            isTable ? "it is an embedding"
                    : "only parts of it are read, which stay dense");
      else
        missed(op) << remark::reason(
            "it is {2} as well as an operand of products, which "
            "pattern '{0}' leaves; '{1}={0}' prunes it in both",
            rule.text, rt::shownKey(op.getKey()),
            isTable ? "an embedding" : "read in parts");
      return true;
    }
    return false;
  }

  FailureOr<std::optional<Found>> detect(ParamOp op, const rt::Weight &weight) {
    std::optional<Found> none;
    if (maskOptions.policy == rt::MaskPolicy::Require && !weight.mask) {
      missed(op) << remark::reason("it has no explicit mask");
      return none;
    }
    auto report = rt::tightestPattern(weight.tensor.view,
                                      weight.mask ? &*weight.mask : nullptr);
    if (!report)
      return op.emitOpError() << report.error().message;
    Found found;
    found.density = report->density();
    found.source = weight.mask ? "mask '" + weight.maskName + "'" : "values";
    auto axes = contractions.lookup(op);
    const rt::AxisPattern *best = nullptr;
    for (const rt::AxisPattern &axis : report->axes)
      if (axes.contains(axis.axis) && axis.sparse() &&
          (!best || axis.n * best->m < best->n * axis.m))
        best = &axis;
    if (best) {
      found.pattern = *best;
      return std::optional(found);
    }
    best = report->best();
    if ((!best || !best->sparse()) && isLeftInParts(op))
      return none;
    if (!best || !best->sparse()) {
      missed(op) << remark::reason("no N:M below dense holds in its {0}, "
                                   "density {1:f3}",
                                   found.source, found.density);
      return none;
    }
    if (!axes.empty()) {
      missed(op) << remark::reason(
          "{0}:{1} holds along axis {2}, but products sum over axis {3}",
          best->n, best->m, best->axis, *axes.begin());
      return none;
    }
    found.pattern = *best;
    return std::optional(found);
  }

  /// The contraction of a matrix, the last axis if nothing shows it.
  FailureOr<std::optional<Found>> require(ParamOp op,
                                          const rt::Checkpoint &checkpoint,
                                          const rt::Weight &weight,
                                          const SparsityRule &rule) {
    int64_t requiredN = rule.n, requiredM = rule.m;
    auto axes = contractions.lookup(op);
    int64_t axis = axes.size() == 1 ? *axes.begin() : 1;
    const rt::TensorView &view = weight.tensor.view;
    auto error = [&] {
      return op.emitOpError()
             << checkpoint.path() << ": tensor '" << weight.valuesName << "': ";
    };
    if (view.shape[axis] % requiredM != 0 && rule.key.empty() &&
        maskOptions.policy == rt::MaskPolicy::Derive) {
      missed(op) << remark::reason(
          "dimension {0} has size {1}, which is no multiple of {2}", axis,
          view.shape[axis], requiredM);
      return std::optional<Found>();
    }
    if (view.shape[axis] % requiredM != 0)
      return error() << "dimension " << axis << " has size " << view.shape[axis]
                     << ", expected a multiple of " << requiredM << " for "
                     << requiredN << ":" << requiredM;
    if (!weight.mask && maskOptions.policy == rt::MaskPolicy::Require)
      return error() << "no explicit mask, but mask-policy=require; suffixes "
                        "tried: "
                     << llvm::join(maskOptions.suffixes, ", ");
    Found found;
    found.pattern = {axis, requiredN, requiredM};
    found.density = static_cast<double>(requiredN) / requiredM;
    if (!weight.mask && maskOptions.policy == rt::MaskPolicy::Derive) {
      found.source = "largest magnitudes, at load";
      return std::optional(found);
    }
    rt::Status status = weight.mask
                            ? rt::verifyMask(*weight.mask, axis, requiredN,
                                             requiredM, weight.maskName)
                            : rt::verifyPattern(view, axis, requiredN,
                                                requiredM, weight.valuesName);
    if (!status)
      return op.emitOpError()
             << checkpoint.path() << ": " << status.error().message
             << (weight.mask ? "" : rt::kOverFullAdvice);
    found.source = weight.mask ? "mask '" + weight.maskName + "'" : "values";
    auto report =
        rt::tightestPattern(view, weight.mask ? &*weight.mask : nullptr);
    if (report)
      found.density = report->density();
    return std::optional(found);
  }
};

} // namespace
