//===- Import.cpp - From programs to the attacc dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Target/Attacc/Attacc.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

namespace {

class Importer {
public:
  Importer(OpBuilder &builder, const code::Program &program, StringRef file)
      : builder(builder), program(program), file(file) {}
  Importer(OpBuilder &builder, const code::Program &program, Location location,
           const ProgramLocations &locations)
      : builder(builder), program(program), location(location),
        locations(&locations) {}

  ProgramOp run();

private:
  void importTables();
  void importTensor(const code::Tensor &tensor, Location loc);
  void importInstruction(const code::Instruction &from, Location loc);
  Value importTile(const code::Tile &tile, Location loc);
  Type convertType(code::Type type);
  Location locationOf(size_t instruction);
  /// Of the first instructions that use each buffer and each semaphore.
  void findFirstUses();
  DenseI64ArrayAttr array(ArrayRef<int64_t> list) {
    return list.empty() ? DenseI64ArrayAttr()
                        : builder.getDenseI64ArrayAttr(list);
  }
  StringAttr text(const std::string &text) {
    return text.empty() ? StringAttr() : builder.getStringAttr(text);
  }
  SmallVector<Value> semaphoresOf(ArrayRef<uint32_t> list) {
    return llvm::map_to_vector(list, [&](uint32_t i) { return semaphores[i]; });
  }
  /// Counters and steps of a place of a mask.
  std::pair<SmallVector<Value>, DenseI64ArrayAttr>
  importAffine(const code::Affine &affine);

  OpBuilder &builder;
  const code::Program &program;
  StringRef file;
  /// Of what no instruction and no tensor is the reason of.
  Location location = builder.getUnknownLoc();
  const ProgramLocations *locations = nullptr;
  SmallVector<Location> ofBuffers, ofSemaphores;
  SmallVector<Value> tensors, buffers, semaphores, counters;
};

} // namespace

Type Importer::convertType(code::Type type) {
  return mlir::nm::toType(builder.getContext(), code::dtypeOf(type));
}

Location Importer::locationOf(size_t index) {
  if (locations)
    return locations->code[index];
  const code::Instruction &instruction = program.code[index];
  if (file.empty() || instruction.source < 0 || instruction.source > UINT32_MAX)
    return builder.getUnknownLoc();
  return FileLineColLoc::get(builder.getStringAttr(file), instruction.source,
                             1);
}

void Importer::findFirstUses() {
  ofBuffers.assign(program.buffers.size(), location);
  ofSemaphores.assign(program.semaphores.size(), location);
  if (!locations)
    return;
  // From the last to the first, which stays.
  for (size_t i = program.code.size(); i-- != 0;) {
    const code::Instruction &instruction = program.code[i];
    for (const code::Tile &tile : instruction.operands)
      if (tile.space == code::Space::Scratchpad)
        ofBuffers[tile.object] = locations->code[i];
    for (ArrayRef<uint32_t> list :
         {ArrayRef(instruction.waits), ArrayRef(instruction.signals)})
      for (uint32_t semaphore : list)
        ofSemaphores[semaphore] = locations->code[i];
  }
}

void Importer::importTensor(const code::Tensor &tensor, Location loc) {
  Type element = convertType(tensor.type);
  ElementsAttr data;
  if (tensor.role == code::Role::Constant)
    data = DenseElementsAttr::getFromRawBuffer(
        RankedTensorType::get(tensor.shape, element),
        ArrayRef(reinterpret_cast<const char *>(tensor.data.data()),
                 tensor.data.size()));
  TypeAttr hostType;
  if (tensor.hostType != code::Type::F32)
    hostType = TypeAttr::get(convertType(tensor.hostType));
  DenseI64ArrayAttr pattern;
  if (tensor.pattern.n || tensor.pattern.m)
    pattern =
        builder.getDenseI64ArrayAttr({tensor.pattern.n, tensor.pattern.m});
  tensors.push_back(TensorOp::create(
      builder, loc,
      RegionType::get(builder.getContext(), tensor.shape, element, Space::Dram),
      builder.getStringAttr(tensor.name),
      RoleAttr::get(builder.getContext(), static_cast<Role>(tensor.role)),
      array(tensor.strides), array(tensor.hostShape), hostType,
      text(tensor.key), text(tensor.scope),
      PartAttr::get(builder.getContext(), static_cast<Part>(tensor.part)),
      pattern, data));
}

void Importer::importTables() {
  findFirstUses();
  for (auto [i, tensor] : llvm::enumerate(program.tensors))
    importTensor(tensor, locations ? locations->tensors[i] : location);
  for (auto [i, buffer] : llvm::enumerate(program.buffers))
    buffers.push_back(BufferOp::create(
        builder, ofBuffers[i],
        RegionType::get(builder.getContext(), buffer.shape,
                        convertType(buffer.type), Space::Scratchpad),
        builder.getI64IntegerAttr(buffer.address),
        builder.getI64IntegerAttr(buffer.slots)));
  for (auto [i, count] : llvm::enumerate(program.semaphores))
    semaphores.push_back(SemaphoreOp::create(
        builder, ofSemaphores[i], SemaphoreType::get(builder.getContext()),
        builder.getI64IntegerAttr(count)));
}

Value Importer::importTile(const code::Tile &tile, Location loc) {
  Value source = tile.space == code::Space::Dram ? tensors[tile.object]
                                                 : buffers[tile.object];
  RegionType type = cast<RegionType>(source.getType());
  int64_t rank = type.getRank();
  bool isIdentity = tile.rank() == rank, isWhole = true;
  for (int64_t k = 0; k < rank; ++k) {
    isIdentity = isIdentity && tile.dims[k] == k;
    isWhole &= tile.offsets[k] == 0 && tile.sizes[k] == type.getShape()[k];
  }
  if (isIdentity && isWhole && tile.slot == 0 && tile.counters.empty())
    return source;
  SmallVector<int64_t> shape, steps, slots, dims;
  for (uint8_t dim : tile.dims) {
    shape.push_back(tile.sizes[dim]);
    dims.push_back(dim);
  }
  SmallVector<Value> indices;
  bool moves = false, turns = false;
  for (const code::Counter &counter : tile.counters) {
    indices.push_back(counters[counter.depth]);
    steps.append(counter.steps.begin(), counter.steps.begin() + rank);
    slots.push_back(counter.slotStep);
    turns |= counter.slotStep != 0;
  }
  moves = llvm::any_of(steps, [](int64_t step) { return step != 0; });
  return TileOp::create(
      builder, loc,
      RegionType::get(builder.getContext(), shape, type.getElementType(),
                      type.getSpace()),
      source,
      builder.getDenseI64ArrayAttr(ArrayRef(tile.offsets).take_front(rank)),
      indices, moves ? array(steps) : DenseI64ArrayAttr(),
      builder.getI64IntegerAttr(tile.slot),
      turns ? array(slots) : DenseI64ArrayAttr(),
      isIdentity ? DenseI64ArrayAttr() : array(dims));
}

std::pair<SmallVector<Value>, DenseI64ArrayAttr>
Importer::importAffine(const code::Affine &affine) {
  SmallVector<Value> values;
  SmallVector<int64_t> steps;
  for (auto [depth, step] : affine.steps) {
    values.push_back(counters[depth]);
    steps.push_back(step);
  }
  return {values, array(steps)};
}

void Importer::importInstruction(const code::Instruction &from, Location loc) {
  SmallVector<Value> r, waits = semaphoresOf(from.waits),
                        signals = semaphoresOf(from.signals);
  for (const code::Tile &tile : from.operands)
    r.push_back(importTile(tile, loc));
  MLIRContext *context = builder.getContext();
  auto i64 = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  auto unit = [&](bool value) {
    return value ? builder.getUnitAttr() : UnitAttr();
  };
  FloatAttr value = builder.getF32FloatAttr(from.value);
  auto stationary =
      StationaryAttr::get(context, static_cast<Stationary>(from.stationary));
  OpBuilder &b = builder;
  switch (from.opcode) {
  case code::Opcode::Load:
    LoadOp::create(b, loc, r[0], r[1], i64(from.channel), waits, signals);
    break;
  case code::Opcode::Store:
    StoreOp::create(b, loc, r[0], r[1], i64(from.channel), waits, signals);
    break;
  case code::Opcode::Gemm:
    GemmOp::create(b, loc, r[0], r[1], r[2], stationary, unit(from.accumulate),
                   unit(from.transposeLhs), unit(from.transposeRhs), value,
                   waits, signals);
    break;
  case code::Opcode::NMGemm:
    NMGemmOp::create(b, loc, r[0], r[1], r[2], r[3], i64(from.pattern.n),
                     i64(from.pattern.m), stationary, unit(from.accumulate),
                     value, waits, signals);
    break;
  case code::Opcode::RowMax:
    RowMaxOp::create(b, loc, r[0], r[1], unit(from.accumulate), waits, signals);
    break;
  case code::Opcode::ExpSum:
    ExpSumOp::create(b, loc, r[0], r[1], r[2], r[3], unit(from.accumulate),
                     waits, signals);
    break;
  case code::Opcode::Rescale:
    RescaleOp::create(b, loc, r[0], r[1], r[2], r[3], waits, signals);
    break;
  case code::Opcode::Scale:
    ScaleOp::create(b, loc, r[0], r[1], r[2], unit(from.reciprocal), waits,
                    signals);
    break;
  case code::Opcode::Softmax:
    SoftmaxOp::create(b, loc, r[0], r[1], value, waits, signals);
    break;
  case code::Opcode::Mask: {
    auto [rows, rowSteps] = importAffine(from.row);
    auto [columns, columnSteps] = importAffine(from.column);
    MaskOp::create(b, loc, r[0], i64(from.row.base), rows, rowSteps,
                   i64(from.column.base), columns, columnSteps,
                   unit(from.causal), i64(from.window), i64(from.keys),
                   i64(from.group), waits, signals);
    break;
  }
  case code::Opcode::LayerNorm:
    LayerNormOp::create(b, loc, r[0], r[1], r[2], r[3], value, waits, signals);
    break;
  case code::Opcode::Unary:
    UnaryOp::create(b, loc,
                    UnaryAttr::get(context, static_cast<Unary>(from.unary)),
                    r[0], r[1], waits, signals);
    break;
  case code::Opcode::Elementwise:
    ElementwiseOp::create(
        b, loc, BinaryAttr::get(context, static_cast<Binary>(from.binary)),
        r[0], r[1], r[2], waits, signals);
    break;
  case code::Opcode::Fill:
    FillOp::create(b, loc, r[0], value, waits, signals);
    break;
  case code::Opcode::Sync:
    SyncOp::create(
        b, loc, EngineAttr::get(context, static_cast<Engine>(from.syncEngine)),
        i64(from.channel), waits, signals);
    break;
  case code::Opcode::Barrier:
    BarrierOp::create(b, loc);
    break;
  case code::Opcode::Loop: {
    auto loop = LoopOp::create(b, loc, i64(from.trips));
    Block &body = loop.getBody().emplaceBlock();
    counters.push_back(body.addArgument(b.getIndexType(), loc));
    b.setInsertionPointToStart(&body);
    break;
  }
  case code::Opcode::EndLoop:
    counters.pop_back();
    b.setInsertionPointAfter(b.getInsertionBlock()->getParentOp());
    break;
  }
}

ProgramOp Importer::run() {
  if (!file.empty())
    location = FileLineColLoc::get(builder.getStringAttr(file), 1, 1);
  if (code::Status status = code::checkProgram(program); !status) {
    emitError(location) << status.error().message;
    return {};
  }
  std::string patterns;
  for (code::SparsePattern pattern : program.target.patterns)
    patterns += (patterns.empty() ? "" : ",") + std::to_string(pattern.n) +
                ":" + std::to_string(pattern.m);
  auto device = DeviceAttr::get(
      builder.getContext(), program.target.name, program.target.scratchpadBytes,
      program.target.channels, program.target.segments, patterns);
  OpBuilder::InsertionGuard guard(builder);
  auto op = ProgramOp::create(builder, location,
                              builder.getStringAttr(program.name), device);
  builder.setInsertionPointToStart(&op.getBody().emplaceBlock());
  importTables();
  for (auto [i, instruction] : llvm::enumerate(program.code))
    importInstruction(instruction, locationOf(i));
  return op;
}

ProgramOp attacc::importProgram(OpBuilder &builder,
                                const code::Program &program, StringRef file) {
  return Importer(builder, program, file).run();
}

ProgramOp attacc::importProgram(OpBuilder &builder,
                                const code::Program &program, Location location,
                                const ProgramLocations &locations) {
  return Importer(builder, program, location, locations).run();
}

OwningOpRef<ModuleOp> attacc::importProgram(MLIRContext *context,
                                            const code::Program &program,
                                            StringRef file) {
  context->loadDialect<AttaccDialect>();
  OpBuilder builder(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToStart(module->getBody());
  if (!importProgram(builder, program, file))
    return nullptr;
  return module;
}
