//===- BlockRows.cpp - The pass tile-block-rows ----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockRows.h"
#include "Machine.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Support/Arithmetic.h"
#include <cmath>

namespace mlir::tiles {
#define GEN_PASS_DEF_BLOCKROWS
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;
namespace model = ::nm::model;
using ::nm::support::ceilDiv;

namespace {

bool isMatrix(Value region) {
  return cast<attacc::RegionType>(region.getType()).getRank() == 2;
}

RankedTensorType blockType(Value region, int64_t rows) {
  auto type = cast<attacc::RegionType>(region.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (rows)
    shape[0] = rows;
  return RankedTensorType::get(shape, type.getElementType());
}

/// Results of the region that are the same for all rows.
DenseSet<Value> findInvariants(RowsOp op) {
  Block &body = op.getBody().front();
  DenseSet<Value> same;
  for (auto [input, argument] :
       llvm::zip_equal(op.getInputs(), body.getArguments()))
    if (!isMatrix(input))
      same.insert(argument);
  for (Operation &inner : body.without_terminator()) {
    auto fill = dyn_cast<FillOp>(inner);
    // A result that is written in place of an operand is computed with it in
    // each round.
    bool isSame = !(fill && fill.getRows()) && !getTied(&inner);
    for (Value operand : inner.getOperands())
      isSame &= same.contains(operand);
    for (Operation *user : inner.getUsers())
      isSame &= !getTied(user) || inner.getResult(0) != getTied(user);
    if (isSame)
      same.insert(inner.result_begin(), inner.result_end());
  }
  return same;
}

} // namespace

KernelOp tiles::buildKernel(RowsOp op, int64_t rows) {
  Location loc = op.getLoc();
  OpBuilder b(op);
  auto kernel = KernelOp::create(b, loc, op.getNameAttr(), IntegerAttr());
  Block &once = kernel.getBody().emplaceBlock();
  b.setInsertionPointToStart(&once);
  auto loop = ForOp::create(b, loc, Type(), b.getI64IntegerAttr(op.getRows()),
                            b.getI64IntegerAttr(rows), Value(), Value(),
                            DenseI64ArrayAttr(), UnitAttr(), UnitAttr(),
                            ValueRange(), ValueRange());
  Block &round = loop.getBody().emplaceBlock();
  Value counter = round.addArgument(b.getIndexType(), loc);
  DenseSet<Value> same = findInvariants(op);
  Block &body = op.getBody().front();
  IRMapping map;
  auto go = [&](bool isOnce) {
    if (isOnce)
      b.setInsertionPoint(loop);
    else
      b.setInsertionPointToEnd(&round);
  };
  DenseMap<Value, Value> loaded; ///< what is read twice comes in once
  for (auto [input, argument] :
       llvm::zip_equal(op.getInputs(), body.getArguments())) {
    if (argument.use_empty())
      continue;
    bool isOnce = !isMatrix(input);
    go(isOnce);
    Value &value = loaded[input];
    if (!value)
      value = LoadOp::create(b, loc, blockType(input, isOnce ? 0 : rows), input,
                             isOnce ? Value() : counter, Value(), ValueRange(),
                             ValueRange());
    map.map(argument, value);
  }
  for (Operation &inner : body.without_terminator()) {
    go(inner.getNumResults() && same.contains(inner.getResult(0)));
    updateResultTypes(b.clone(inner, map), rows);
  }
  go(false);
  auto yield = cast<YieldOp>(body.getTerminator());
  for (auto [value, output] :
       llvm::zip_equal(yield.getValues(), op.getOutputs()))
    StoreOp::create(b, loc, map.lookup(value), output, counter, Value(),
                    ValueRange(), ValueRange());
  return kernel;
}

namespace {

struct BlockRowsPass : tiles::impl::BlockRowsBase<BlockRowsPass> {
  using BlockRowsBase::BlockRowsBase;
  BlockRowsPass() = default;
  explicit BlockRowsPass(const model::Device &machine) : machine(machine) {}

  void runOnOperation() override {
    attacc::ProgramOp program = getOperation();
    if (failed(findMachine(machine, program, device, getArgument())))
      return signalPassFailure();
    SmallVector<RowsOp> operators(program.getOps<RowsOp>());
    for (RowsOp op : operators)
      if (failed(run(op, program.getDevice().getScratchpad())))
        return signalPassFailure();
  }

private:
  /// Rows of a block that hide the latency of DRAM.
  double wantedRows(RowsOp op) const;
  void chooseStationary(GemmOp gemm) const;
  LogicalResult run(RowsOp op, int64_t capacity);

  std::optional<model::Device> machine;
};

} // namespace

/// Columns of the widest matrix.
static int64_t columnsOf(RowsOp op) {
  int64_t columns = 1;
  auto widen = [&](Value region) {
    if (isMatrix(region))
      columns = std::max(
          columns, cast<attacc::RegionType>(region.getType()).getShape()[1]);
  };
  llvm::for_each(op.getInputs(), widen);
  llvm::for_each(op.getOutputs(), widen);
  return columns;
}

double BlockRowsPass::wantedRows(RowsOp op) const {
  constexpr int64_t kBytes = 2048, kBlocks = 1024;
  int64_t bytes =
      columnsOf(op) *
      cast<attacc::RegionType>(op.getOutputs()[0].getType()).getElementBytes();
  double hidden = ::nm::machine::transferLatency(*machine) *
                  machine->dramBytesPerCycle() /
                  double((KernelStorage::kMostSlots - 2) * bytes);
  return std::max({double(ceilDiv(op.getRows(), kBlocks)),
                   double(ceilDiv(kBytes, bytes)), std::ceil(hidden)});
}

/// Chooses a stationarity that the array has: the product's own, or the first.
void BlockRowsPass::chooseStationary(GemmOp gemm) const {
  const auto &known = machine->array.stationarities;
  auto own = attacc::toIsa(gemm.getStationary());
  if (!machine->array.supports(own) && !known.empty())
    gemm.setStationary(attacc::toDialect(known.front()));
}

LogicalResult BlockRowsPass::run(RowsOp op, int64_t capacity) {
  // Bytes of scratchpad that one row needs.
  KernelOp trial = buildKernel(op, 1);
  KernelStorage storage(trial);
  int64_t row = storage.slotBytes(), own = storage.temporaryBytes(),
          once = storage.onceBytes();
  int64_t rest = capacity - storage.slack() - once;
  trial.erase();
  if (2 * row + own > rest)
    return emitError(op.getLoc(), "cannot be lowered to ")
           << machine->name << ": found rows of " << columnsOf(op)
           << " elements in " << op.getName() << ", whose buffers need "
           << 2 * row + own + once << " bytes, expected at most the "
           << std::max<int64_t>(rest + once, 0) << " left of the scratchpad of "
           << machine->name;
  int64_t slots =
      row ? std::min(KernelStorage::kMostSlots, (rest - own) / row) : 1;
  int64_t fits = std::min(rest / (slots * row + own), op.getRows());
  double wanted = wantedRows(op);
  bool isBound = double(fits) <= wanted;
  int64_t rows = isBound ? fits : int64_t(wanted);
  remark::passed(op.getLoc(), remark::RemarkOpts::name("Blocked").category(
                                  "tile-block-rows"))
      << remark::metric("Rows", rows) << remark::metric("Fit", fits)
      << remark::metric("HideLatency", int64_t(wanted))
      << remark::reason("{0}", !isBound               ? "the latency is hidden"
                               : fits == op.getRows() ? "there are no more rows"
                                                      : "no more rows fit");
  buildKernel(op, rows).walk([&](GemmOp gemm) { chooseStationary(gemm); });
  op.erase();
  return success();
}

std::unique_ptr<Pass> tiles::createBlockRows(const model::Device &device) {
  return std::make_unique<BlockRowsPass>(device);
}
