//===- Import.cpp - From programs to the attacc dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
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
           const ProgramLocations &locations,
           ArrayRef<ProgramInsertion> insertions)
      : builder(builder), program(program), location(location),
        locations(&locations), insertions(insertions) {}

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

  OpBuilder &builder;
  const code::Program &program;
  StringRef file;
  /// Of what no instruction and no tensor is the reason of.
  Location location = builder.getUnknownLoc();
  const ProgramLocations *locations = nullptr;
  ArrayRef<ProgramInsertion> insertions;
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
      RoleAttr::get(builder.getContext(), toDialect(tensor.role)),
      array(tensor.strides), array(tensor.hostShape), hostType,
      text(tensor.key), text(tensor.scope),
      PartAttr::get(builder.getContext(), toDialect(tensor.part)), pattern,
      data));
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

namespace {

/// Gives an operation the fields of its instruction, each as the attribute of
/// its name.
class FieldWriter {
public:
  FieldWriter(OpBuilder &builder, const code::InstructionInfo &info,
              ArrayRef<Value> counters, OperationState &state)
      : builder(builder), info(info), counters(counters), state(state) {}

  SmallVector<int32_t> segments; ///< operands that fields have

  template <typename T> void operator()(code::Field field, const T &value) {
    for (const code::FieldUse &use : ArrayRef(info.fields, info.numFields))
      if (use.field == field)
        write(use.name ? use.name : code::infoOf(field).word, value);
  }

private:
  MLIRContext *context() { return builder.getContext(); }
  void write(StringRef name, bool value) {
    if (value)
      state.addAttribute(name, builder.getUnitAttr());
  }
  void write(StringRef name, int64_t value) {
    state.addAttribute(name, builder.getI64IntegerAttr(value));
  }
  void write(StringRef name, uint8_t value) { write(name, int64_t(value)); }
  void write(StringRef name, float value) {
    state.addAttribute(name, builder.getF32FloatAttr(value));
  }
  void write(StringRef, code::SparsePattern value) {
    write("n", int64_t(value.n));
    write("m", int64_t(value.m));
  }
  void write(StringRef name, const code::Affine &value) {
    write(name, value.base);
    SmallVector<int64_t> steps;
    for (auto [depth, step] : value.steps) {
      state.addOperands(counters[depth]);
      steps.push_back(step);
    }
    if (!steps.empty())
      state.addAttribute((name + "_steps").str(),
                         builder.getDenseI64ArrayAttr(steps));
    segments.push_back(steps.size());
  }
  void write(StringRef name, code::Stationarity value) {
    state.addAttribute(name, StationaryAttr::get(context(), toDialect(value)));
  }
  void write(StringRef name, code::UnaryKind value) {
    state.addAttribute(name, UnaryAttr::get(context(), toDialect(value)));
  }
  void write(StringRef name, code::BinaryKind value) {
    state.addAttribute(name, BinaryAttr::get(context(), toDialect(value)));
  }
  void write(StringRef name, code::Engine value) {
    state.addAttribute(name, EngineAttr::get(context(), toDialect(value)));
  }

  OpBuilder &builder;
  const code::InstructionInfo &info;
  ArrayRef<Value> counters;
  OperationState &state;
};

} // namespace

void Importer::importInstruction(const code::Instruction &from, Location loc) {
  OpBuilder &b = builder;
  switch (from.opcode) {
  case code::Opcode::Barrier:
    BarrierOp::create(b, loc);
    return;
  case code::Opcode::Loop: {
    auto loop = LoopOp::create(b, loc, b.getI64IntegerAttr(from.trips));
    Block &body = loop.getBody().emplaceBlock();
    counters.push_back(body.addArgument(b.getIndexType(), loc));
    b.setInsertionPointToStart(&body);
    return;
  }
  case code::Opcode::EndLoop:
    counters.pop_back();
    b.setInsertionPointAfter(b.getInsertionBlock()->getParentOp());
    return;
  default:
    break;
  }
  const code::InstructionInfo &info = code::infoOf(from.opcode);
  OperationState state(loc, AttaccDialect::getDialectNamespace().str() + "." +
                                info.word);
  SmallVector<int32_t> segments(from.operands.size(), 1);
  for (const code::Tile &tile : from.operands)
    state.addOperands(importTile(tile, loc));
  FieldWriter fields(b, info, counters, state);
  code::forEachField(from, fields);
  llvm::append_range(segments, fields.segments);
  for (const std::vector<uint32_t> *list : {&from.waits, &from.signals}) {
    state.addOperands(semaphoresOf(*list));
    segments.push_back(list->size());
  }
  state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr(segments));
  b.create(state);
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
  auto insertBefore = [&](size_t place) {
    while (!insertions.empty() && insertions[0].before <= place) {
      insertions[0].make(builder, tensors);
      insertions = insertions.drop_front();
    }
  };
  for (auto [i, instruction] : llvm::enumerate(program.code)) {
    insertBefore(i);
    importInstruction(instruction, locationOf(i));
  }
  insertBefore(program.code.size());
  return op;
}

ProgramOp attacc::importProgram(OpBuilder &builder,
                                const code::Program &program, StringRef file) {
  return Importer(builder, program, file).run();
}

ProgramOp attacc::importProgram(OpBuilder &builder,
                                const code::Program &program, Location location,
                                const ProgramLocations &locations,
                                ArrayRef<ProgramInsertion> insertions) {
  return Importer(builder, program, location, locations, insertions).run();
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
