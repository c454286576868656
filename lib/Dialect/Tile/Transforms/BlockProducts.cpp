//===- BlockProducts.cpp - The pass tile-block-products --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of tokens by outputs, token blocks in the inner loop. The sums of a
// block stay on chip, in f32, while strips of the reduction pass by. When the
// last strip has passed, the special function unit takes the sums in chunks of
// rows to their outputs, which leave as they become ready.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Storage.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Dialect/Tile/Transforms/ProductPlan.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>

namespace mlir::tiles {
#define GEN_PASS_DEF_BLOCKPRODUCTS
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;
namespace model = ::nm::model;
using model::ProjectionTiling;
using ::nm::support::Result;
using ::nm::support::Status;

namespace {

/// Emits the kernel of one product.
class ProductBlocker {
public:
  ProductBlocker(ProductOp op, const ProductPlan &plan)
      : op(op), tiling(plan.tiling), plan(plan), b(op), loc(op.getLoc()) {}

  void run();

private:
  ForOp loop(int64_t total, int64_t block, ForOp outer = {}, Type sum = {});
  Value load(Value region, ArrayRef<int64_t> shape, ForOp rows, ForOp columns);
  /// The sum of the products of all strips.
  Value sumStrips(ForOp outs, ForOp tokens);
  void writeChain(Value sum, ForOp outs, ForOp tokens);
  Type elementOf(Value region) {
    return cast<attacc::RegionType>(region.getType()).getElementType();
  }
  bool isVector(Value region) {
    return cast<attacc::RegionType>(region.getType()).getRank() == 1;
  }
  Block &body() { return op.getBody().front(); }
  auto inputs() {
    return llvm::zip_equal(op.getInputs(), body().getArguments().drop_front());
  }

  ProductOp op;
  const ProjectionTiling &tiling;
  const ProductPlan &plan;
  OpBuilder b;
  Location loc;
  IRMapping map; ///< of what is the same in all rounds of the inner loops
};

} // namespace

ForOp ProductBlocker::loop(int64_t total, int64_t block, ForOp outer,
                           Type sum) {
  auto made = ForOp::create(
      b, loc, sum, b.getI64IntegerAttr(total), b.getI64IntegerAttr(block),
      outer ? outer.getCounter() : Value(), Value(), DenseI64ArrayAttr(),
      UnitAttr(), UnitAttr(), ValueRange(), ValueRange());
  Block &round = made.getBody().emplaceBlock();
  round.addArgument(b.getIndexType(), loc);
  if (sum)
    round.addArgument(sum, loc);
  b.setInsertionPointToStart(&round);
  return made;
}

Value ProductBlocker::load(Value region, ArrayRef<int64_t> shape, ForOp rows,
                           ForOp columns) {
  return LoadOp::create(b, loc, RankedTensorType::get(shape, elementOf(region)),
                        region, rows ? rows.getCounter() : Value(),
                        columns ? columns.getCounter() : Value(), ValueRange(),
                        ValueRange());
}

Value ProductBlocker::sumStrips(ForOp outs, ForOp tokens) {
  auto type =
      RankedTensorType::get({tiling.tokens, tiling.out}, b.getF32Type());
  ForOp strips = loop(op.getIn(), plan.depth, {}, type);
  Value soFar = strips.getBody().getArgument(1), sum;
  auto stationary = attacc::StationaryAttr::get(
      b.getContext(), attacc::toDialect(tiling.stationarity));
  Value x = load(op.getLhs(), {tiling.tokens, plan.depth}, tokens, strips);
  if (op.getIndices()) {
    ::nm::isa::SparsePattern pattern = op.getSparsePattern();
    int64_t kept = plan.depth / pattern.m * pattern.n;
    int64_t bytes =
        ::nm::support::ceilDiv(kept * pattern.indexBits(), int64_t(8));
    Value w = load(op.getRhs(), {tiling.out, kept}, outs, strips);
    Value i = load(op.getIndices(), {tiling.out, bytes}, outs, strips);
    sum = NMGemmOp::create(
        b, loc, type, stationary, x, w, i, b.getI64IntegerAttr(pattern.n),
        b.getI64IntegerAttr(pattern.m), soFar, ValueRange(), ValueRange());
  } else {
    Value w = op.getTransposeRhs()
                  ? load(op.getRhs(), {tiling.out, plan.depth}, outs, strips)
                  : load(op.getRhs(), {plan.depth, tiling.out}, strips, outs);
    sum = GemmOp::create(b, loc, type, stationary, x, w, soFar, UnitAttr(),
                         op.getTransposeRhsAttr(), op.getScaleAttr(),
                         ValueRange(), ValueRange());
  }
  YieldOp::create(b, loc, sum);
  b.setInsertionPointAfter(strips);
  return strips.getSum();
}

void ProductBlocker::writeChain(Value sum, ForOp outs, ForOp tokens) {
  ForOp chunks = loop(tiling.tokens, plan.chunk, tokens);
  IRMapping inner(map);
  auto part = [&](Value of) -> Value {
    auto type = cast<RankedTensorType>(of.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = plan.chunk;
    return PartOp::create(b, loc, type.clone(shape), of, chunks.getCounter());
  };
  inner.map(body().getArgument(0), part(sum));
  for (auto [input, argument] : inputs())
    if (!isVector(input) && !argument.use_empty())
      inner.map(argument, load(input, {plan.chunk, tiling.out}, chunks, outs));
  auto yield = cast<YieldOp>(body().getTerminator());
  for (Operation &step : body().without_terminator()) {
    if (auto fill = dyn_cast<FillOp>(step)) {
      inner.map(fill.getResult(), part(map.lookup(fill.getResult())));
      continue;
    }
    Operation *made = b.clone(step, inner);
    updateResultTypes(made, plan.chunk);
    if (step.getResult(0) != yield.getValues()[0])
      made->setAttr(kInPlace, b.getUnitAttr());
  }
  StoreOp::create(b, loc, inner.lookup(yield.getValues()[0]), op.getOutput(),
                  chunks.getCounter(), outs.getCounter(), ValueRange(),
                  ValueRange());
}

void ProductBlocker::run() {
  auto kernel = KernelOp::create(b, loc, op.getNameAttr(),
                                 b.getI64IntegerAttr(tiling.slots));
  b.setInsertionPointToStart(&kernel.getBody().emplaceBlock());
  // The same in all rounds.
  for (auto fill : body().getOps<FillOp>())
    map.map(fill.getResult(),
            FillOp::create(b, fill.getLoc(),
                           RankedTensorType::get(
                               {plan.chunk}, fill.getType().getElementType()),
                           fill.getValueAttr(), UnitAttr(), ValueRange(),
                           ValueRange())
                .getResult());
  ForOp outs = loop(op.getOut(), tiling.out);
  for (auto [input, argument] : inputs())
    if (isVector(input) && !argument.use_empty())
      map.map(argument, load(input, {tiling.out}, outs, {}));
  ForOp tokens = loop(op.getTokens(), tiling.tokens);
  Value sum = sumStrips(outs, tokens);
  writeChain(sum, outs, tokens);
  op.erase();
}

namespace {

struct BlockProductsPass : tiles::impl::BlockProductsBase<BlockProductsPass> {
  using BlockProductsBase::BlockProductsBase;
  BlockProductsPass() = default;
  explicit BlockProductsPass(const model::Device &machine) : machine(machine) {}

  void runOnOperation() override {
    attacc::ProgramOp program = getOperation();
    SmallVector<ProductOp> products(program.getOps<ProductOp>());
    if (products.empty())
      return;
    if (failed(findMachine(machine, program, device, getArgument())))
      return signalPassFailure();
    for (ProductOp product : products)
      if (failed(run(product, program.getDevice().getScratchpad())))
        return signalPassFailure();
  }

private:
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t,
                         ::nm::isa::Type, int64_t, size_t, size_t, int64_t>;

  LogicalResult run(ProductOp product, int64_t capacity);
  Result<ProjectionTiling> tilingOf(ProductOp product,
                                    const ProductFacts &facts);
  void explain(ProductOp product, const ProductFacts &facts,
               const ProductPlan &plan);

  std::optional<model::Device> machine;
  std::map<Key, ProjectionTiling> chosen; ///< equal products are searched once
  std::optional<Location> explained;
};

} // namespace

Result<ProjectionTiling>
BlockProductsPass::tilingOf(ProductOp product, const ProductFacts &facts) {
  if (std::optional<ArrayRef<int64_t>> blocks = product.getBlocks()) {
    ProjectionTiling tiling{(*blocks)[0], (*blocks)[1],
                            attacc::toIsa(*product.getStationary()),
                            (*blocks)[2], (*blocks)[3]};
    if (Status status = checkProduct(*machine, facts, tiling); !status)
      return status.error();
    return tiling;
  }
  const model::ProjectionShape &shape = facts.shape;
  Key key{shape.tokens,
          shape.in,
          shape.out,
          shape.pattern.n,
          shape.pattern.m,
          facts.type,
          facts.outputBytes,
          facts.vectorBytes.size(),
          facts.matrixBytes.size(),
          facts.fills};
  if (auto known = chosen.find(key); known != chosen.end())
    return known->second;
  Result<ProjectionTiling> tiling = chooseProduct(*machine, facts);
  if (tiling)
    chosen.emplace(key, *tiling);
  return tiling;
}

void BlockProductsPass::explain(ProductOp product, const ProductFacts &facts,
                                const ProductPlan &plan) {
  // All products of a batch get the same tiling: one remark is enough.
  if (explained == product.getLoc())
    return;
  explained = product.getLoc();
  Result<model::Cost> cost =
      model::evaluateProjection(*machine, facts.shape, plan.tiling);
  if (!cost.ok())
    return;
  remark::passed(
      product.getLoc(),
      remark::RemarkOpts::name("Projection").category("tile-block-products"))
      << remark::add("{0} stationary",
                     ::nm::machine::toString(plan.tiling.stationarity))
      << remark::metric("tokens", plan.tiling.tokens)
      << remark::metric("out", plan.tiling.out)
      << remark::metric("depth", plan.depth)
      << remark::metric("slots", plan.tiling.slots)
      << remark::metric("cycles", llvm::formatv("{0:f0}", cost->cycles).str());
}

LogicalResult BlockProductsPass::run(ProductOp product, int64_t capacity) {
  ProductFacts facts = factsOf(product);
  auto refuse = [&](const ::nm::support::Error &error) {
    return emitError(product.getLoc(), "cannot be lowered to ")
           << machine->name << ": " << error.message;
  };
  Result<ProjectionTiling> tiling = tilingOf(product, facts);
  if (!tiling)
    return refuse(tiling.error());
  Result<ProductPlan> plan = planProduct(*machine, facts, *tiling, capacity);
  if (!plan)
    return refuse(plan.error());
  explain(product, facts, *plan);
  ProductBlocker(product, *plan).run();
  return success();
}

std::unique_ptr<Pass> tiles::createBlockProducts(const model::Device &device) {
  return std::make_unique<BlockProductsPass>(device);
}
