//===- ProgramEmitter.cpp - Values and tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/Inliner.h"
#include "mlir/Transforms/InliningUtils.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/Layer/Transforms/Lowering.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attacc;

ProgramEmitter::ProgramEmitter(func::FuncOp func, const ProgramOptions &options)
    : func(func), options(options), device(options.device),
      b(func.getName().str(), isa::targetOf(options.device)),
      reason(func.getLoc()) {}

void ProgramEmitter::setReason(Location location) {
  reason = location;
  b.setSource(static_cast<int64_t>(reasons.size()));
  reasons.push_back(location);
}

ProgramLocations ProgramEmitter::finishLocations(const isa::Program &program) {
  ProgramLocations locations;
  for (const isa::Instruction &instruction : program.code)
    locations.code.push_back(
        instruction.source < 0
            ? func.getLoc()
            : reasons[static_cast<size_t>(instruction.source)]);
  // A tensor that a kernel created for itself has the location of the first
  // instruction that uses it.
  locations.tensors.assign(program.tensors.size(), func.getLoc());
  for (size_t i = program.code.size(); i-- != 0;)
    for (const isa::Tile &tile : program.code[i].operands)
      if (tile.space == isa::Space::Dram)
        locations.tensors[tile.object] = locations.code[i];
  for (auto [tensor, location] : tensorReasons)
    locations.tensors[tensor] = location;
  return locations;
}

Value ProgramEmitter::strip(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!llvm::isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                   nm::CompressOp, nm::DecompressOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

LogicalResult ProgramEmitter::check(const isa::Status &status, Operation *op) {
  if (status.ok())
    return success();
  return op->emitOpError("cannot be lowered to ")
         << device.name << ": " << status.error().message;
}

FailureOr<isa::Type> ProgramEmitter::hostType(Type type, Operation *op) {
  isa::Type found;
  if (isa::typeOf(mlir::nm::toDType(type), found) && found != isa::Type::I8)
    return found;
  return op->emitOpError("has elements of type ")
         << type << ", expected f32, f16 or bf16";
}

isa::TensorId ProgramEmitter::declare(isa::Tensor tensor) {
  isa::TensorId id = b.tensor(std::move(tensor));
  tensorReasons.try_emplace(id.index, reason);
  return id;
}

int64_t ProgramEmitter::columnsOf(Value value) {
  using Role = flat::AttentionOp::Role;
  auto wish = [](flat::AttentionOp op, Role role) {
    int64_t width = op.getStaticSize(role, flat::AttentionOp::Width);
    bool isTokenMajor = op.getPosition(role, flat::AttentionOp::Head) >
                        op.getPosition(role, flat::AttentionOp::Sequence);
    return isTokenMajor
               ? width * op.getStaticSize(role, flat::AttentionOp::Head)
               : width;
  };
  if (auto op = value.getDefiningOp<flat::AttentionOp>())
    return wish(op, Role::Out);
  SmallVector<Value> shapes{value};
  while (!shapes.empty()) {
    Value shape = shapes.pop_back_val();
    for (Operation *user : shape.getUsers()) {
      if (llvm::isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user))
        shapes.push_back(user->getResult(0));
      auto op = dyn_cast<flat::AttentionOp>(user);
      if (!op)
        continue;
      for (Role role : {Role::Q, Role::K, Role::V})
        if (op.getShaped(role) == shape)
          return wish(op, role);
    }
  }
  auto type = cast<RankedTensorType>(value.getType());
  return type.getRank() ? type.getShape().back() : 1;
}

void ProgramEmitter::define(Value value, isa::TensorId tensor) {
  const std::vector<int64_t> &shape = b[tensor].shape;
  values[value] = {algebra.tensor(static_cast<int>(tensor.index)), shape[0],
                   shape[1]};
}

LogicalResult ProgramEmitter::declareArguments() {
  for (BlockArgument argument : func.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape() || type.getRank() == 0 ||
        type.getNumElements() == 0)
      return func.emitOpError("has the argument ")
             << argument.getType()
             << ", expected a tensor of static sizes; programs have no others";
    FailureOr<isa::Type> host = hostType(type.getElementType(), func);
    if (failed(host))
      return failure();
    isa::Tensor tensor;
    unsigned number = argument.getArgNumber();
    auto name = func.getArgAttrOfType<StringAttr>(number, "nm.name");
    tensor.name = name ? name.str() : "arg" + std::to_string(number);
    tensor.role = isa::Role::In;
    tensor.type = options.type;
    int64_t cols = columnsOf(argument);
    tensor.shape = {type.getNumElements() / cols, cols};
    tensor.hostShape = type.getShape().vec();
    tensor.hostType = *host;
    setReason(argument.getLoc());
    define(argument, declare(std::move(tensor)));
  }
  for (Type type : func.getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() || tensor.getRank() == 0 ||
        failed(hostType(tensor.getElementType(), func)))
      return func.emitOpError("has the result ")
             << type << ", expected a tensor of static sizes";
  }
  return success();
}

FailureOr<isa::TensorId> ProgramEmitter::destination(Value value, int64_t rows,
                                                     int64_t cols) {
  isa::Tensor tensor;
  tensor.type = options.type;
  tensor.shape = {rows, cols};
  auto result = results.find(value);
  if (result == results.end() || !written.insert(result->second).second) {
    tensor.name = "t" + std::to_string(scratchCount++);
    return declare(std::move(tensor));
  }
  auto type = cast<RankedTensorType>(func.getResultTypes()[result->second]);
  tensor.name = "result" + std::to_string(result->second);
  tensor.role = isa::Role::Out;
  tensor.hostShape = type.getShape().vec();
  FailureOr<isa::Type> host = hostType(type.getElementType(), func);
  if (failed(host))
    return failure();
  tensor.hostType = *host;
  return declare(std::move(tensor));
}

FailureOr<ProgramEmitter::MatrixExpression>
ProgramEmitter::lookup(Value value, Operation *user) {
  value = strip(value);
  auto known = values.find(value);
  if (known != values.end())
    return known->second;
  if (views.contains(value)) {
    if (failed(materialize(value, user)))
      return failure();
    return values[value];
  }
  FloatAttr number;
  if (matchPattern(value, m_Constant(&number)))
    return MatrixExpression{Expressions::constant(number.getValueAsDouble()), 1,
                            1};
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape())
    return user->emitOpError("reads a value of type ")
           << value.getType() << ", expected a tensor of static sizes";
  Operation *op = value.getDefiningOp();
  DenseElementsAttr elements = nm::getConstantElements(value);
  if (elements && elements.isSplat() &&
      llvm::isa<FloatType>(elements.getElementType())) {
    double splat = elements.getSplatValue<APFloat>().convertToDouble();
    return MatrixExpression{Expressions::constant(splat), 1, 1};
  }
  // A vector, also as [1, ..., cols], or a matrix.
  int64_t cols = columnsOf(value), rows = type.getNumElements() / cols;
  bool isVector = rows == 1;
  std::vector<int64_t> shape{rows, cols};
  if (isVector)
    shape.erase(shape.begin());
  FailureOr<isa::TensorId> tensor = failure();
  std::optional<Reason> at;
  if (op)
    at.emplace(*this, op);
  if (auto param = dyn_cast_or_null<nm::ParamOp>(op))
    tensor = parameter(param, isa::Part::Whole, shape, options.type);
  else if (elements)
    tensor = constantTensor(elements, shape, user);
  else
    return user->emitOpError("reads a value that no instruction computes: ")
           << value
           << ", expected an argument, a parameter, a constant or what "
              "products "
              "and elementwise operations compute";
  if (failed(tensor))
    return failure();
  int index = static_cast<int>(tensor->index);
  MatrixExpression result{
      isVector ? algebra.vector(index) : algebra.tensor(index), rows, cols};
  values[value] = result;
  return result;
}

FailureOr<isa::TensorId> ProgramEmitter::materialize(Value value,
                                                     Operation *user) {
  value = strip(value);
  auto elements = views.find(value);
  if (elements != views.end() && !values.contains(value)) {
    isa::Strided source = elements->second;
    Reason at(*this, value.getDefiningOp());
    int64_t cols = columnsOf(value), rows = source.count() / cols;
    FailureOr<isa::TensorId> tensor = failure();
    if (!results.contains(value)) {
      tensor = inPlace(source, {rows, cols}, user);
    } else {
      tensor = destination(value, rows, cols);
      if (succeeded(tensor) &&
          failed(
              copy(source, isa::Strided::inOrder(*tensor, source.sizes), user)))
        return failure();
    }
    if (succeeded(tensor))
      define(value, *tensor);
    return tensor;
  }
  FailureOr<MatrixExpression> known = lookup(value, user);
  if (failed(known))
    return failure();
  std::optional<int> atom = known->value.asAtom();
  if (atom && algebra[*atom].kind == Atom::Tensor)
    return isa::TensorId{static_cast<uint32_t>(algebra[*atom].tensor)};
  Operation *op = value.getDefiningOp() ? value.getDefiningOp() : user;
  Reason at(*this, op);
  if (known->value.isConstant()) {
    int64_t cols = columnsOf(value);
    FailureOr<isa::TensorId> dest = destination(
        value, cast<RankedTensorType>(value.getType()).getNumElements() / cols,
        cols);
    if (failed(dest) ||
        failed(fillMatrix(Cell{{}, known->value.constant()}, *dest, op)))
      return failure();
    return *dest;
  }
  FailureOr<isa::TensorId> dest = destination(value, known->rows, known->cols);
  if (failed(dest))
    return failure();
  LogicalResult done = failure();
  if (atom && algebra[*atom].kind == Atom::Vector) {
    Cell row{isa::TensorId{static_cast<uint32_t>(algebra[*atom].tensor)}, 0};
    done = fillMatrix(row, *dest, op);
  } else if (isEmittable(known->value, known->cols)) {
    done = emitExpression(known->value, known->rows, known->cols, *dest, op);
  } else if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    done = emitDirect(generic, *dest);
  } else {
    done = op->emitOpError("has no instructions on ") << device.name;
  }
  if (failed(done))
    return failure();
  define(value, *dest);
  return *dest;
}

LogicalResult ProgramEmitter::emitReturn(func::ReturnOp op) {
  for (auto [number, operand] : llvm::enumerate(op.getOperands())) {
    Value value = strip(operand);
    FailureOr<isa::TensorId> tensor = materialize(value, op);
    if (failed(tensor))
      return failure();
    auto result = results.find(value);
    if (result != results.end() && result->second == int64_t(number) &&
        written.contains(number))
      continue;
    // An argument or a value that is returned twice has to be copied.
    results[value] = number;
    std::vector<int64_t> shape = b[*tensor].shape;
    FailureOr<isa::TensorId> dest = destination(value, shape[0], shape[1]);
    if (failed(dest))
      return failure();
    emitUnary(isa::UnaryKind::Copy, *tensor, *dest);
  }
  return success();
}

LogicalResult ProgramEmitter::emit(Operation *op) {
  Reason at(*this, op);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](linalg::GenericOp generic) { return emitGeneric(generic); })
      .Case([&](linalg::SoftmaxOp softmax) { return emitSoftmax(softmax); })
      .Case([&](layer::NormOp norm) { return emitNorm(norm); })
      .Case([&](layer::RMSNormOp norm) { return emitRMSNorm(norm); })
      .Case([&](nm::MatmulOp matmul) { return emitMatmul(matmul); })
      .Case(
          [&](flat::AttentionOp attention) { return emitAttention(attention); })
      .Case([&](linalg::FillOp fill) -> LogicalResult {
        Attribute value;
        auto number = matchPattern(fill.getInputs()[0], m_Constant(&value))
                          ? dyn_cast<FloatAttr>(value)
                          : FloatAttr();
        if (number)
          values[fill.getResult(0)] = {
              Expressions::constant(number.getValueAsDouble()), 1, 1};
        return success(); // if unknown, an error at its use
      })
      .Case([&](tensor::ExtractSliceOp slice) { return emitSlice(slice); })
      .Case([&](tensor::InsertSliceOp insert) { return emitInsert(insert); })
      .Case([&](tensor::ConcatOp concat) { return emitConcat(concat); })
      .Case([&](tensor::PadOp pad) { return emitPad(pad); })
      .Case([&](func::ReturnOp ret) { return emitReturn(ret); })
      .Case([&](tensor::ExtractOp extract) -> LogicalResult {
        // Read only as the scale of an attention, which is a number of the
        // program.
        bool isScale = llvm::all_of(extract->getUsers(), [](Operation *user) {
          return llvm::isa<flat::AttentionOp>(user);
        });
        if (!isScale)
          return extract.emitOpError(
                     "reads an element as a number, which only a scale of "
                     "attention is on ")
                 << device.name << ", expected tensors";
        return success();
      })
      // These are read where they are used.
      .Case<nm::ParamOp, nm::CompressOp, nm::DecompressOp, tensor::EmptyOp,
            tensor::CollapseShapeOp, tensor::ExpandShapeOp, arith::ConstantOp>(
          [](Operation *) { return success(); })
      .Default([&](Operation *other) -> LogicalResult {
        return other->emitOpError("has no instructions on ")
               << device.name
               << ", expected nm.matmul, flat.attention, products, "
                  "elementwise operations and reductions of linalg, reshapes, "
                  "transposes and slices";
      });
}

/// Inlines all calls: a program has no functions.
LogicalResult ProgramEmitter::inlineCalls() {
  constexpr int kMostCalls = 4096;
  SymbolTableCollection symbols;
  InlinerInterface interface(func.getContext());
  auto clone = InlinerConfig().getCloneCallback();
  for (int count = 0;; ++count) {
    auto calls = func.getOps<func::CallOp>();
    if (calls.empty())
      return success();
    func::CallOp call = *calls.begin();
    auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock())
      return call.emitOpError("calls '@")
             << call.getCallee()
             << "', expected a function with one block in this module";
    if (callee == func || count == kMostCalls)
      return call.emitOpError("is one of more than ")
             << kMostCalls << " calls or recursive, expected neither";
    if (failed(inlineCall(interface, clone, call, callee, &callee.getBody(),
                          /*shouldCloneInlinedRegion=*/true)))
      return call.emitOpError("calls '@")
             << call.getCallee()
             << "', whose operations cannot stand here, expected a function of "
                "operations that can be inlined";
    call.erase();
  }
}

/// Sorts the results into the order in which the function returns them: they
/// are bound by number, whatever the order in which they were computed. Returns
/// the new number of each tensor that moved.
static DenseMap<uint32_t, uint32_t> orderResults(isa::Program &program,
                                                 ProgramLocations &locations) {
  auto numberOf = [&](uint32_t tensor) {
    unsigned number = 0;
    StringRef name = program.tensors[tensor].name;
    name.consume_front("result");
    name.getAsInteger(10, number);
    return number;
  };
  SmallVector<uint32_t> places, order;
  for (uint32_t i = 0; i != program.tensors.size(); ++i)
    if (program.tensors[i].role == isa::Role::Out)
      places.push_back(i);
  order = places;
  llvm::sort(order,
             [&](uint32_t a, uint32_t b) { return numberOf(a) < numberOf(b); });
  SmallVector<isa::Tensor> sorted;
  DenseMap<uint32_t, uint32_t> moved;
  for (auto [place, tensor] : llvm::zip(places, order)) {
    sorted.push_back(std::move(program.tensors[tensor]));
    moved[tensor] = place;
  }
  for (auto [place, tensor] : llvm::zip(places, sorted))
    program.tensors[place] = std::move(tensor);
  SmallVector<Location> before = locations.tensors;
  for (auto [place, tensor] : llvm::zip(places, order))
    locations.tensors[place] = before[tensor];
  for (isa::Instruction &instruction : program.code)
    for (isa::Tile &tile : instruction.operands)
      if (tile.space == isa::Space::Dram && moved.contains(tile.object))
        tile.object = moved[tile.object];
  return moved;
}

FailureOr<ProgramOp> ProgramEmitter::run(OpBuilder &builder) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("has control flow, expected one block");
  if (failed(inlineCalls()))
    return failure();
  bool looksUp = false;
  func.walk([&](layer::EmbeddingOp op) {
    looksUp = true;
    op.emitOpError("has no instructions on ")
        << device.name
        << ", whose transfers move boxes; look the rows up before, and pass "
           "them as an argument";
  });
  if (looksUp)
    return failure();
  // The special function unit has no rotary embedding: it becomes slices and
  // elementwise instructions.
  IRRewriter rewriter(func.getContext());
  func.walk([&](layer::RotaryOp op) { layer::lowerToLinalg(rewriter, op); });
  // Programs have no empty tiles.
  auto checkSizes = [](Operation *op, TypeRange types) -> LogicalResult {
    for (Type type : types)
      if (auto shaped = dyn_cast<ShapedType>(type);
          shaped && shaped.hasRank() &&
          llvm::is_contained(shaped.getShape(), 0))
        return op->emitOpError("has an empty ")
               << type << ", expected sizes of 1 or more";
    return success();
  };
  if (failed(checkSizes(func, func.getArgumentTypes())) ||
      func.walk([&](Operation *op) {
            return WalkResult(checkSizes(op, op->getResultTypes()));
          })
          .wasInterrupted())
    return failure();
  setReason(func.getLoc());
  if (failed(declareArguments()))
    return failure();
  Operation *terminator = func.getBody().front().getTerminator();
  for (auto [number, operand] : llvm::enumerate(terminator->getOperands()))
    if (Value value = strip(operand); !llvm::isa<BlockArgument>(value))
      results.try_emplace(value, number);
  for (Operation &op : func.getBody().front())
    if (failed(emit(&op)))
      return failure();
  isa::Result<isa::Program> program = b.finish();
  if (!program.ok())
    return func.emitOpError("cannot be lowered to ")
           << device.name << ": " << program.error().message;
  ProgramLocations locations = finishLocations(*program);
  DenseMap<uint32_t, uint32_t> moved = orderResults(*program, locations);
  for (ProgramInsertion &insertion : insertions)
    insertion.make = [make = std::move(insertion.make),
                      &moved](OpBuilder &at, ArrayRef<Value> tensors) {
      SmallVector<Value> before(tensors);
      for (auto [from, to] : moved)
        before[from] = tensors[to];
      make(at, before);
    };
  ProgramOp op =
      importProgram(builder, *program, func.getLoc(), locations, insertions);
  if (!op)
    return failure();
  return op;
}

FailureOr<ProgramOp>
mlir::attacc::buildTileProgram(OpBuilder &builder, func::FuncOp func,
                               const ProgramOptions &options) {
  return ProgramEmitter(func, options).run(builder);
}
