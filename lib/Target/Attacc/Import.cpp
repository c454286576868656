//===- Import.cpp - From programs to the attacc dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Attacc/IR/ProgramWriter.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Target/Attacc/Attacc.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

namespace {

class Importer {
public:
  Importer(OpBuilder &builder, const code::Program &program, StringRef file)
      : builder(builder), program(program), writer(builder), file(file) {}
  Importer(OpBuilder &builder, const code::Program &program, Location location,
           const ProgramLocations &locations,
           ArrayRef<ProgramInsertion> insertions)
      : builder(builder), program(program), writer(builder), location(location),
        locations(&locations), insertions(insertions) {}

  ProgramOp run();

private:
  void importTables();
  void importTensor(const code::Tensor &tensor, Location loc);
  Location locationOf(size_t instruction);
  /// Of the first instructions that use each buffer and each semaphore.
  void findFirstUses();
  StringAttr text(const std::string &text) {
    return text.empty() ? StringAttr() : builder.getStringAttr(text);
  }

  OpBuilder &builder;
  const code::Program &program;
  InstructionWriter writer;
  StringRef file;
  /// Of what no instruction and no tensor is the reason of.
  Location location = builder.getUnknownLoc();
  const ProgramLocations *locations = nullptr;
  ArrayRef<ProgramInsertion> insertions;
  SmallVector<Location> ofBuffers, ofSemaphores;
};

} // namespace

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
  Type element = writer.convertType(tensor.type);
  ElementsAttr data;
  if (tensor.role == code::Role::Constant)
    data = DenseElementsAttr::getFromRawBuffer(
        RankedTensorType::get(tensor.shape, element),
        ArrayRef(reinterpret_cast<const char *>(tensor.data.data()),
                 tensor.data.size()));
  TypeAttr hostType;
  if (tensor.hostType != code::Type::F32)
    hostType = TypeAttr::get(writer.convertType(tensor.hostType));
  DenseI64ArrayAttr pattern;
  if (tensor.pattern.n || tensor.pattern.m)
    pattern =
        builder.getDenseI64ArrayAttr({tensor.pattern.n, tensor.pattern.m});
  writer.tensors.push_back(TensorOp::create(
      builder, loc,
      RegionType::get(builder.getContext(), tensor.shape, element, Space::Dram),
      builder.getStringAttr(tensor.name),
      RoleAttr::get(builder.getContext(), toDialect(tensor.role)),
      writer.array(tensor.strides), writer.array(tensor.hostShape), hostType,
      text(tensor.key), text(tensor.scope),
      PartAttr::get(builder.getContext(), toDialect(tensor.part)), pattern,
      data));
}

void Importer::importTables() {
  findFirstUses();
  for (auto [i, tensor] : llvm::enumerate(program.tensors))
    importTensor(tensor, locations ? locations->tensors[i] : location);
  for (auto [i, buffer] : llvm::enumerate(program.buffers))
    writer.addBuffer(buffer, ofBuffers[i]);
  for (auto [i, count] : llvm::enumerate(program.semaphores))
    writer.addSemaphore(count, ofSemaphores[i]);
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
      insertions[0].make(builder, writer.tensors);
      insertions = insertions.drop_front();
    }
  };
  for (auto [i, instruction] : llvm::enumerate(program.code)) {
    insertBefore(i);
    writer.write(instruction, locationOf(i));
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
