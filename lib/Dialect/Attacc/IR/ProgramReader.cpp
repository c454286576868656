//===- ProgramReader.cpp - Operations as entries of programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "Verify.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "nm/Dialect/Common/ElementTypes.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

static code::Type convertType(Type type) {
  code::Type found = code::Type::I8; // the verifier lets no other type pass
  code::typeOf(mlir::nm::toDType(type), found);
  return found;
}

static std::vector<int64_t> toVector(std::optional<ArrayRef<int64_t>> list) {
  return list ? std::vector<int64_t>(list->begin(), list->end())
              : std::vector<int64_t>();
}

static std::string textOf(std::optional<StringRef> text) {
  return text ? text->str() : std::string();
}

/// What a byte of the program can hold; more than any rule allows stays so.
static uint8_t toByte(int64_t value) {
  return value < 0 || value > UINT8_MAX ? UINT8_MAX : value;
}

static code::Opcode opcodeOf(Instruction op) {
  code::Opcode opcode = code::Opcode::Sync;
  [[maybe_unused]] bool isKnown =
      code::parseName(op->getName().stripDialect(), opcode);
  assert(isKnown && "operations are printed from the description");
  return opcode;
}

const code::InstructionInfo &attacc::infoOf(Instruction op) {
  return code::infoOf(opcodeOf(op));
}

//===----------------------------------------------------------------------===//
// Fields of instructions
//===----------------------------------------------------------------------===//

namespace {

/// Fills in the fields of an instruction from the attributes of their names.
class FieldReader {
public:
  FieldReader(Operation *op, const code::InstructionInfo &info,
              const DenseMap<Value, uint8_t> &depths)
      : op(op), info(info), depths(depths) {}

  template <typename T> void operator()(code::Field field, T &member) {
    for (const code::FieldUse &use : ArrayRef(info.fields, info.numFields))
      if (use.field == field)
        read(use.name ? use.name : code::infoOf(field).word, member);
  }

private:
  // Attributes that are absent have the value of an empty instruction.
  template <typename Attr> Attr get(StringRef name) {
    return op->getAttrOfType<Attr>(name);
  }
  void read(StringRef name, bool &member) {
    member = static_cast<bool>(get<UnitAttr>(name));
  }
  void read(StringRef name, int64_t &member) {
    if (auto attr = get<IntegerAttr>(name))
      member = attr.getInt();
  }
  void read(StringRef name, uint8_t &member) {
    if (auto attr = get<IntegerAttr>(name))
      member = toByte(attr.getInt());
  }
  void read(StringRef name, float &member) {
    if (auto attr = get<FloatAttr>(name))
      member = attr.getValue().convertToFloat();
  }
  void read(StringRef, code::SparsePattern &member) {
    if (auto n = get<IntegerAttr>("n"), m = get<IntegerAttr>("m"); n && m)
      member = {n.getInt(), m.getInt()};
  }
  void read(StringRef name, code::Affine &member) {
    read(name, member.base);
    auto steps = get<DenseI64ArrayAttr>((name + "_steps").str());
    for (auto [i, counter] :
         llvm::enumerate(cast<Instruction>(op).getCounters(name)))
      member.steps.emplace_back(depths.lookup(counter), steps[i]);
    llvm::sort(member.steps);
  }
  void read(StringRef name, code::Stationarity &member) {
    member = toIsa(get<StationaryAttr>(name).getValue());
  }
  void read(StringRef name, code::UnaryKind &member) {
    member = toIsa(get<UnaryAttr>(name).getValue());
  }
  void read(StringRef name, code::BinaryKind &member) {
    member = toIsa(get<BinaryAttr>(name).getValue());
  }
  void read(StringRef name, code::Engine &member) {
    member = toIsa(get<EngineAttr>(name).getValue());
  }

  Operation *op;
  const code::InstructionInfo &info;
  const DenseMap<Value, uint8_t> &depths;
};

} // namespace

void attacc::readFields(Operation *op, code::Instruction &to) {
  DenseMap<Value, uint8_t> depths;
  FieldReader readField(op, code::infoOf(to.opcode), depths);
  code::forEachField(to, readField);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

LogicalResult ProgramReader::check(Operation *at, const code::Status &status) {
  if (status)
    return success();
  InFlightDiagnostic diag = at->emitOpError(
      withoutSubject(status.error().message, checker.subject()));
  code::Place other = checker.related();
  if (other.table == code::Place::Code)
    diag.attachNote(operations[other.index]->getLoc())
        << "the first that does so";
  if (other.table == code::Place::Tensors)
    diag.attachNote(tensors[other.index]->getLoc()) << "the tensor";
  return diag;
}

LogicalResult ProgramReader::append(Operation *at, code::Instruction entry) {
  entry.source = program.code.size();
  if (auto loc = at->getLoc()->findInstanceOf<FileLineColLoc>())
    entry.source = loc.getLine();
  program.code.push_back(std::move(entry));
  operations.push_back(at);
  return check(at, checker.checkInstruction(program.code.size() - 1));
}

LogicalResult ProgramReader::readData(TensorOp tensor,
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

LogicalResult ProgramReader::readTensor(TensorOp tensor) {
  code::Tensor entry;
  entry.name = tensor.getName().str();
  entry.role = toIsa(tensor.getRole());
  entry.type = convertType(tensor.getType().getElementType());
  entry.shape = tensor.getType().getShape().vec();
  entry.strides = toVector(tensor.getStrides());
  entry.hostShape = toVector(tensor.getHostShape());
  if (tensor.getHostType())
    entry.hostType = convertType(*tensor.getHostType());
  entry.key = textOf(tensor.getKey());
  entry.scope = textOf(tensor.getScope());
  entry.part = toIsa(tensor.getPart());
  if (tensor.getPattern())
    entry.pattern = {(*tensor.getPattern())[0], (*tensor.getPattern())[1]};
  if (hasData && failed(readData(tensor, entry.data)))
    return failure();
  objects[tensor.getResult()] = program.tensors.size();
  tensors.push_back(tensor);
  program.tensors.push_back(std::move(entry));
  return check(tensor,
               checker.checkTensor(program.tensors.size() - 1, hasData));
}

FailureOr<code::Tile> ProgramReader::tileOf(Value value, Operation *user) {
  code::Tile tile;
  auto op = value.getDefiningOp<TileOp>();
  Value object = op ? op.getSource() : value;
  auto place = objects.find(object);
  if (place == objects.end())
    return user->emitOpError("[attacc_tile_c4] expected a tensor or a buffer "
                             "that stands before it");
  RegionType type = cast<RegionType>(object.getType());
  int64_t rank = type.getRank();
  tile.space = toIsa(type.getSpace());
  tile.object = place->second;
  for (int64_t k = 0; k < rank; ++k)
    tile.sizes[k] = op && op.getDims()
                        ? 1
                        : cast<RegionType>(value.getType()).getShape()[k];
  if (!op || !op.getDims())
    for (int64_t k = 0; k < rank; ++k)
      tile.dims.push_back(k);
  if (!op)
    return tile;
  llvm::copy(op.getOffsets(), tile.offsets.begin());
  tile.slot = op.getSlot();
  if (op.getDims())
    for (auto [dim, size] :
         llvm::zip_equal(*op.getDims(), op.getType().getShape())) {
      tile.dims.push_back(toByte(dim));
      if (dim >= 0 && dim < rank)
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

LogicalResult ProgramReader::readInstruction(Instruction instruction) {
  code::Instruction entry;
  entry.opcode = opcodeOf(instruction);
  FieldReader readField(instruction, infoOf(instruction), depths);
  code::forEachField(entry, readField);
  for (Value operand : instruction->getOperands())
    if (isa<RegionType>(operand.getType())) {
      FailureOr<code::Tile> tile = tileOf(operand, instruction);
      if (failed(tile))
        return failure();
      entry.operands.push_back(std::move(*tile));
    }
  for (Value semaphore : instruction.getWaits())
    entry.waits.push_back(objects.lookup(semaphore));
  for (Value semaphore : instruction.getSignals())
    entry.signals.push_back(objects.lookup(semaphore));
  return append(instruction, std::move(entry));
}

LogicalResult ProgramReader::readLoop(LoopOp loop) {
  code::Instruction entry;
  entry.opcode = code::Opcode::Loop;
  entry.trips = loop.getTrips();
  if (failed(append(loop, std::move(entry))))
    return failure();
  Value counter = loop.getBody().getArgument(0);
  depths[counter] = depths.size();
  if (failed(readBlock(loop.getBody().front())))
    return failure();
  depths.erase(counter);
  entry = {};
  entry.opcode = code::Opcode::EndLoop;
  return append(loop, std::move(entry));
}

LogicalResult ProgramReader::readOp(Operation *at) {
  if (auto tensor = dyn_cast<TensorOp>(at))
    return readTensor(tensor);
  if (auto buffer = dyn_cast<BufferOp>(at)) {
    objects[buffer.getResult()] = program.buffers.size();
    RegionType type = buffer.getType();
    program.buffers.push_back(
        {int64_t(buffer.getAddress()), int64_t(buffer.getSlots()),
         convertType(type.getElementType()), type.getShape().vec()});
    return check(at, checker.checkBuffer(program.buffers.size() - 1));
  }
  if (auto semaphore = dyn_cast<SemaphoreOp>(at)) {
    objects[semaphore.getResult()] = program.semaphores.size();
    program.semaphores.push_back(semaphore.getCount());
    return check(at, checker.checkSemaphore(program.semaphores.size() - 1));
  }
  if (auto tile = dyn_cast<TileOp>(at)) {
    FailureOr<code::Tile> entry = tileOf(tile, at);
    if (failed(entry))
      return failure();
    return check(at, checker.checkTile(*entry));
  }
  if (auto loop = dyn_cast<LoopOp>(at))
    return readLoop(loop);
  if (auto instruction = dyn_cast<Instruction>(at))
    return readInstruction(instruction);
  if (isa<BarrierOp>(at))
    return append(at, code::Instruction()); // empty, that is a barrier
  if (isa<HigherLevel>(at)) {
    if (!hasData)
      return success();
    return at->emitOpError("[attacc_program_c1] is no instruction yet, "
                           "expected --tile-to-attacc to have made some of it");
  }
  return at->emitOpError("[attacc_program_c1] has no place in an "
                         "attacc.program, expected only its operations");
}

LogicalResult ProgramReader::readBlock(Block &block) {
  for (Operation &each : block)
    if (failed(readOp(&each)))
      return failure();
  return success();
}

LogicalResult ProgramReader::read() {
  program.name = op.getSymName().str();
  program.target = toTarget(op.getDevice());
  return readBlock(op.getBody().front());
}
