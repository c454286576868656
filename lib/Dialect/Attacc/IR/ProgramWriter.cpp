//===- ProgramWriter.cpp - Operations for instructions ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/ProgramWriter.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Common/ElementTypes.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

Type InstructionWriter::convertType(code::Type type) {
  return mlir::nm::toType(builder.getContext(), code::dtypeOf(type));
}

DenseI64ArrayAttr InstructionWriter::array(ArrayRef<int64_t> list) {
  return list.empty() ? DenseI64ArrayAttr()
                      : builder.getDenseI64ArrayAttr(list);
}

SmallVector<Value>
InstructionWriter::semaphoresOf(ArrayRef<uint32_t> list) const {
  return llvm::map_to_vector(list, [&](uint32_t i) { return semaphores[i]; });
}

void InstructionWriter::addBuffer(const code::Buffer &buffer, Location loc) {
  buffers.push_back(BufferOp::create(
      builder, loc,
      RegionType::get(builder.getContext(), buffer.shape,
                      convertType(buffer.type), Space::Scratchpad),
      builder.getI64IntegerAttr(buffer.address),
      builder.getI64IntegerAttr(buffer.slots)));
}

void InstructionWriter::addSemaphore(int64_t count, Location loc) {
  semaphores.push_back(SemaphoreOp::create(
      builder, loc, SemaphoreType::get(builder.getContext()),
      builder.getI64IntegerAttr(count)));
}

Value InstructionWriter::tileOf(const code::Tile &tile, Location loc) {
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

void InstructionWriter::write(const code::Instruction &from, Location loc) {
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
    state.addOperands(tileOf(tile, loc));
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
