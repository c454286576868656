//===- Export.cpp - From the attacc dialect to programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectResourceBlobManager.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Target/Attacc/Attacc.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

namespace {

code::Type convertType(Type type) {
  code::Type found = code::Type::I8; // the verifier lets no other type pass
  code::typeOf(mlir::nm::toDType(type), found);
  return found;
}

std::vector<int64_t> toVector(std::optional<ArrayRef<int64_t>> list) {
  return list ? std::vector<int64_t>(list->begin(), list->end())
              : std::vector<int64_t>();
}

std::string toString(std::optional<StringRef> text) {
  return text ? text->str() : std::string();
}

class Exporter {
public:
  Exporter(ProgramOp op, SmallVectorImpl<Operation *> *operations)
      : op(op), operations(operations) {}

  FailureOr<code::Program> run();

private:
  LogicalResult exportBlock(Block &block);
  LogicalResult exportOp(Operation *op);
  LogicalResult exportTensor(TensorOp tensor);
  LogicalResult exportData(TensorOp tensor, std::vector<uint8_t> &data);
  void fill(Operation *op, code::Instruction &to);
  code::Tile tileOf(Value value);
  code::Affine affineOf(int64_t base, ValueRange counters,
                        std::optional<ArrayRef<int64_t>> steps);
  code::Instruction &append(Operation *op, code::Opcode opcode);

  ProgramOp op;
  SmallVectorImpl<Operation *> *operations;
  code::Program program;
  DenseMap<Value, uint32_t> objects; ///< index in its table
  DenseMap<Value, uint8_t> depths;   ///< of counters
};

} // namespace

LogicalResult Exporter::exportData(TensorOp tensor,
                                   std::vector<uint8_t> &data) {
  if (!tensor.getData())
    return success();
  ArrayRef<char> raw;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(*tensor.getData())) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return tensor.emitError("[attacc_tensor_c5] has data in the resource '")
             << resource.getRawHandle().getKey()
             << "' that is nowhere, expected its content in the file";
    raw = blob->getData();
  } else {
    raw = cast<DenseElementsAttr>(*tensor.getData()).getRawData();
  }
  // A splat holds one element, so a short text may stand for any number of
  // bytes.
  constexpr int64_t kMostBytes = int64_t(1) << 31;
  int64_t size = tensor.getType().getBytes();
  if (size > kMostBytes)
    return tensor.emitError("[attacc_tensor_c5] has ")
           << size << " bytes of data, expected at most 2^31 in a program";
  size_t bytes = size;
  data.resize(bytes);
  for (size_t at = 0; at < bytes && !raw.empty(); at += raw.size())
    std::memcpy(data.data() + at, raw.data(), std::min(raw.size(), bytes - at));
  return success();
}

LogicalResult Exporter::exportTensor(TensorOp tensor) {
  code::Tensor entry;
  entry.name = tensor.getName().str();
  entry.role = static_cast<code::Role>(tensor.getRole());
  entry.type = convertType(tensor.getType().getElementType());
  entry.shape = tensor.getType().getShape().vec();
  entry.strides = toVector(tensor.getStrides());
  entry.hostShape = toVector(tensor.getHostShape());
  if (tensor.getHostType())
    entry.hostType = convertType(*tensor.getHostType());
  entry.key = toString(tensor.getKey());
  entry.scope = toString(tensor.getScope());
  entry.part = static_cast<code::Part>(tensor.getPart());
  if (tensor.getPattern() && tensor.getPattern()->size() == 2)
    entry.pattern = {(*tensor.getPattern())[0], (*tensor.getPattern())[1]};
  if (failed(exportData(tensor, entry.data)))
    return failure();
  objects[tensor.getResult()] = program.tensors.size();
  program.tensors.push_back(std::move(entry));
  return success();
}

code::Tile Exporter::tileOf(Value value) {
  code::Tile tile;
  auto op = value.getDefiningOp<TileOp>();
  Value object = op ? op.getSource() : value;
  RegionType type = cast<RegionType>(object.getType());
  int64_t rank = type.getRank();
  tile.space = static_cast<code::Space>(type.getSpace());
  tile.object = objects.lookup(object);
  for (int64_t k = 0; k < rank; ++k)
    tile.sizes[k] = op && op.getDims()
                        ? 1
                        : cast<RegionType>(value.getType()).getShape()[k];
  if (!op) {
    for (int64_t k = 0; k < rank; ++k)
      tile.dims.push_back(k);
    return tile;
  }
  llvm::copy(op.getOffsets(), tile.offsets.begin());
  tile.slot = op.getSlot();
  if (!op.getDims())
    for (int64_t k = 0; k < rank; ++k)
      tile.dims.push_back(k);
  else
    for (auto [dim, size] :
         llvm::zip_equal(*op.getDims(), op.getType().getShape())) {
      tile.dims.push_back(dim);
      tile.sizes[dim] = size;
    }
  for (auto [c, counter] : llvm::enumerate(op.getCounters())) {
    code::Counter to;
    to.depth = depths.lookup(counter);
    if (op.getSteps())
      llvm::copy(op.getSteps()->slice(c * rank, rank), to.steps.begin());
    if (op.getSlots())
      to.slotStep = (*op.getSlots())[c];
    tile.counters.push_back(to);
  }
  llvm::sort(tile.counters, [](const code::Counter &a, const code::Counter &b) {
    return a.depth < b.depth;
  });
  return tile;
}

code::Affine Exporter::affineOf(int64_t base, ValueRange counters,
                                std::optional<ArrayRef<int64_t>> steps) {
  code::Affine affine;
  affine.base = base;
  for (auto [i, counter] : llvm::enumerate(counters))
    affine.steps.emplace_back(depths.lookup(counter), (*steps)[i]);
  llvm::sort(affine.steps);
  return affine;
}

code::Instruction &Exporter::append(Operation *op, code::Opcode opcode) {
  code::Instruction &to = program.code.emplace_back();
  to.opcode = opcode;
  to.source = program.code.size() - 1;
  if (auto loc = op->getLoc()->findInstanceOf<FileLineColLoc>())
    to.source = loc.getLine();
  if (operations)
    operations->push_back(op);
  return to;
}

/// The attributes, and the operands in the order of Opcode.
void Exporter::fill(Operation *op, code::Instruction &to) {
  for (Value operand : op->getOperands())
    if (isa<RegionType>(operand.getType()))
      to.operands.push_back(tileOf(operand));
  auto stationary = [](Stationary value) {
    return static_cast<code::Stationarity>(value);
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case<LoadOp, StoreOp>([&](auto op) { to.channel = op.getChannel(); })
      .Case([&](SyncOp op) {
        to.syncEngine = static_cast<code::Engine>(op.getUnit());
        to.channel = op.getChannel();
      })
      .Case([&](GemmOp op) {
        to.stationary = stationary(op.getStationary());
        to.accumulate = op.getAccumulate();
        to.transposeLhs = op.getTransposeLhs();
        to.transposeRhs = op.getTransposeRhs();
        to.value = op.getScale().convertToFloat();
      })
      .Case([&](NMGemmOp op) {
        to.stationary = stationary(op.getStationary());
        to.accumulate = op.getAccumulate();
        to.pattern = {int64_t(op.getN()), int64_t(op.getM())};
        to.value = op.getScale().convertToFloat();
      })
      .Case<RowMaxOp, ExpSumOp>(
          [&](auto op) { to.accumulate = op.getAccumulate(); })
      .Case([&](ScaleOp op) { to.reciprocal = op.getReciprocal(); })
      .Case([&](SoftmaxOp op) { to.value = op.getScale().convertToFloat(); })
      .Case(
          [&](LayerNormOp op) { to.value = op.getEpsilon().convertToFloat(); })
      .Case([&](FillOp op) { to.value = op.getValue().convertToFloat(); })
      .Case([&](UnaryOp op) {
        to.unary = static_cast<code::UnaryKind>(op.getKind());
      })
      .Case([&](ElementwiseOp op) {
        to.binary = static_cast<code::BinaryKind>(op.getKind());
      })
      .Case([&](MaskOp op) {
        to.row = affineOf(op.getRow(), op.getRowCounters(), op.getRowSteps());
        to.column = affineOf(op.getColumn(), op.getColumnCounters(),
                             op.getColumnSteps());
        to.causal = op.getCausal();
        to.window = op.getWindow();
        to.keys = op.getKeys();
        to.group = op.getGroup();
      });
}

/// The opcode of an instruction that an engine runs.
static code::Opcode opcodeOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, code::Opcode>(op)
      .Case([](LoadOp) { return code::Opcode::Load; })
      .Case([](StoreOp) { return code::Opcode::Store; })
      .Case([](GemmOp) { return code::Opcode::Gemm; })
      .Case([](NMGemmOp) { return code::Opcode::NMGemm; })
      .Case([](RowMaxOp) { return code::Opcode::RowMax; })
      .Case([](ExpSumOp) { return code::Opcode::ExpSum; })
      .Case([](RescaleOp) { return code::Opcode::Rescale; })
      .Case([](ScaleOp) { return code::Opcode::Scale; })
      .Case([](SoftmaxOp) { return code::Opcode::Softmax; })
      .Case([](MaskOp) { return code::Opcode::Mask; })
      .Case([](LayerNormOp) { return code::Opcode::LayerNorm; })
      .Case([](UnaryOp) { return code::Opcode::Unary; })
      .Case([](ElementwiseOp) { return code::Opcode::Elementwise; })
      .Case([](FillOp) { return code::Opcode::Fill; })
      .Default([](Operation *) { return code::Opcode::Sync; });
}

LogicalResult Exporter::exportOp(Operation *op) {
  if (auto tensor = dyn_cast<TensorOp>(op))
    return exportTensor(tensor);
  if (auto buffer = dyn_cast<BufferOp>(op)) {
    objects[buffer.getResult()] = program.buffers.size();
    RegionType type = buffer.getType();
    program.buffers.push_back(
        {int64_t(buffer.getAddress()), int64_t(buffer.getSlots()),
         convertType(type.getElementType()), type.getShape().vec()});
    return success();
  }
  if (auto semaphore = dyn_cast<SemaphoreOp>(op)) {
    objects[semaphore.getResult()] = program.semaphores.size();
    program.semaphores.push_back(semaphore.getCount());
    return success();
  }
  if (auto loop = dyn_cast<LoopOp>(op)) {
    append(op, code::Opcode::Loop).trips = loop.getTrips();
    uint8_t depth = 0;
    for (auto outer = loop->getParentOfType<LoopOp>(); outer;
         outer = outer->getParentOfType<LoopOp>())
      ++depth;
    depths[loop.getBody().getArgument(0)] = depth;
    if (failed(exportBlock(loop.getBody().front())))
      return failure();
    append(op, code::Opcode::EndLoop);
    return success();
  }
  if (isa<BarrierOp>(op)) {
    append(op, code::Opcode::Barrier);
    return success();
  }
  if (auto instruction = dyn_cast<Instruction>(op)) {
    code::Instruction &to = append(op, opcodeOf(op));
    fill(op, to);
    for (Value semaphore : instruction.getWaits())
      to.waits.push_back(objects.lookup(semaphore));
    for (Value semaphore : instruction.getSignals())
      to.signals.push_back(objects.lookup(semaphore));
  }
  return success(); // tiles belong to what uses them
}

LogicalResult Exporter::exportBlock(Block &block) {
  for (Operation &op : block)
    if (failed(exportOp(&op)))
      return failure();
  return success();
}

FailureOr<code::Program> Exporter::run() {
  DeviceAttr device = op.getDevice();
  program.name = op.getSymName().str();
  program.target.name = device.getName().str();
  program.target.scratchpadBytes = device.getScratchpad();
  program.target.channels = device.getChannels();
  program.target.segments = device.getSegments();
  if (!device.getPatterns().empty())
    for (StringRef text : llvm::split(device.getPatterns(), ',')) {
      code::SparsePattern pattern;
      auto [n, m] = text.split(':');
      if (!n.getAsInteger(10, pattern.n) && !m.getAsInteger(10, pattern.m))
        program.target.patterns.push_back(pattern);
    }
  if (failed(exportBlock(op.getBody().front())))
    return failure();
  if (code::Status status = code::checkProgram(program); !status)
    return op.emitError(status.error().message);
  return std::move(program);
}

FailureOr<code::Program>
attacc::exportProgram(ProgramOp op, SmallVectorImpl<Operation *> *operations) {
  return Exporter(op, operations).run();
}
