//===- MeshToConfig.cpp - pifo.mesh to a configuration, checked -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names become numbers and types become widths here; whether the result is a
// mesh is asked of `::nm::mesh::validate`, which also says where it is not.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "nm/Dialect/Pifo/IR/PifoMesh.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pifo;

namespace mesh = ::nm::mesh;
using AtomOp = mesh::Op;

namespace {
/// The operations behind the parts of a block.
struct BlockParts {
  MeshBlockOp op;
  std::vector<MeshStateOp> states;
  std::vector<MeshProgramOp> programs;
  std::vector<MeshPifoOp> pifos;
  std::vector<MeshRouteOp> routes;
  std::vector<std::vector<Operation *>> values, stores, writes, hops;
};

class MeshReader {
public:
  explicit MeshReader(MeshOp mesh) : top(mesh) {}

  FailureOr<mesh::Config> run() {
    config.name = top.getSymName().str();
    if (failed(collect()) ||
        failed(width(top, top.getNow(), config.nowBits, "clock")))
      return failure();
    for (MeshFieldOp field : fields) {
      config.fields.push_back({field.getSymName().str(), 0});
      if (failed(
              width(field, field.getType(), config.fields.back().bits, "type")))
        return failure();
    }
    for (MeshLeafOp leaf : leaves)
      config.leaves.push_back({leaf.getSymName().str()});
    if (classifier) {
      config.classifier.emplace();
      config.classifier->name = "classifier";
      if (failed(readProgram(classifier.getBody().front(), classifierParts,
                             *config.classifier)))
        return failure();
    }
    for (BlockParts &parts : blocks)
      if (failed(readBlock(parts)))
        return failure();
    for (MeshRootOp root : roots) {
      config.roots.emplace_back();
      if (failed(readTarget(root, root.getTarget(), config.roots.back().block,
                            config.roots.back().pifo)))
        return failure();
    }
    mesh::Place place;
    std::string message = mesh::validate(config, &place);
    if (!message.empty())
      return operationAt(place)->emitOpError("[pifo_mesh_c2] ") << message;
    return std::move(config);
  }

private:
  MeshOp top;
  mesh::Config config;
  std::vector<MeshFieldOp> fields;
  std::vector<MeshLeafOp> leaves;
  std::vector<MeshRootOp> roots;
  MeshClassifierOp classifier;
  BlockParts classifierParts; ///< its values; it has no block
  std::vector<BlockParts> blocks;

  LogicalResult misplaced(Operation &op) {
    return op.emitOpError("[pifo_mesh_c3] has no place here");
  }

  /// All parts are known before any name is looked up.
  LogicalResult collect() {
    for (Operation &op : top.getBody().front()) {
      if (auto field = dyn_cast<MeshFieldOp>(op))
        fields.push_back(field);
      else if (auto leaf = dyn_cast<MeshLeafOp>(op))
        leaves.push_back(leaf);
      else if (auto root = dyn_cast<MeshRootOp>(op))
        roots.push_back(root);
      else if (auto block = dyn_cast<MeshBlockOp>(op))
        blocks.push_back({block, {}, {}, {}, {}, {}, {}, {}, {}});
      else if (isa<MeshClassifierOp>(op) && !classifier)
        classifier = cast<MeshClassifierOp>(op);
      else
        return misplaced(op);
    }
    for (BlockParts &parts : blocks)
      for (Operation &op : parts.op.getBody().front()) {
        if (auto state = dyn_cast<MeshStateOp>(op))
          parts.states.push_back(state);
        else if (auto program = dyn_cast<MeshProgramOp>(op))
          parts.programs.push_back(program);
        else if (auto pifo = dyn_cast<MeshPifoOp>(op))
          parts.pifos.push_back(pifo);
        else if (auto route = dyn_cast<MeshRouteOp>(op))
          parts.routes.push_back(route);
        else
          return misplaced(op);
      }
    return success();
  }

  Operation *operationAt(const mesh::Place &place) {
    if (place.classifier)
      return place.value >= 0 ? classifierParts.values[0][place.value]
                              : classifier.getOperation();
    if (place.block < 0)
      return place.field >= 0  ? fields[place.field].getOperation()
             : place.leaf >= 0 ? leaves[place.leaf].getOperation()
             : place.root >= 0 ? roots[place.root].getOperation()
                               : top.getOperation();
    BlockParts &parts = blocks[place.block];
    if (place.program >= 0) {
      if (place.value >= 0)
        return parts.values[place.program][place.value];
      if (place.store >= 0)
        return parts.stores[place.program][place.store];
      if (place.write >= 0)
        return parts.writes[place.program][place.write];
      return parts.programs[place.program];
    }
    if (place.pifo >= 0)
      return place.hop >= 0 ? parts.hops[place.pifo][place.hop]
                            : parts.pifos[place.pifo].getOperation();
    if (place.state >= 0)
      return parts.states[place.state];
    if (place.route >= 0)
      return parts.routes[place.route];
    return parts.op;
  }

  LogicalResult width(Operation *op, Type type, unsigned &bits,
                      StringRef what) {
    auto integer = dyn_cast<IntegerType>(type);
    if (!integer || !integer.isSignless())
      return op->emitOpError("[pifo_mesh_c1] has ")
             << what << " " << type << ", expected a signless integer";
    bits = integer.getWidth();
    return success();
  }

  LogicalResult number(Operation *op, int64_t value, unsigned &out,
                       StringRef what) {
    if (value < 0 || value > 0x7fffffff)
      return op->emitOpError("[pifo_mesh_c1] has ")
             << what << " = " << value << ", expected 0 to 2^31 - 1";
    out = static_cast<unsigned>(value);
    return success();
  }

  /// The number of what has that name.
  template <typename OpT, typename Index>
  LogicalResult find(Operation *op, const std::vector<OpT> &list,
                     StringRef name, Index &out, StringRef what) {
    for (auto [index, candidate] : llvm::enumerate(list))
      if (OpT(candidate).getSymName() == name) {
        out = static_cast<Index>(index);
        return success();
      }
    return op->emitOpError("[pifo_mesh_c1] names ")
           << what << " '@" << name << "', which does not exist";
  }

  LogicalResult readTarget(Operation *op, SymbolRefAttr target, unsigned &block,
                           unsigned &pifo) {
    if (target.getNestedReferences().size() != 1)
      return op->emitOpError("[pifo_mesh_c1] names ")
             << target << ", expected @block::@pifo";
    StringRef name = target.getRootReference();
    for (auto [index, parts] : llvm::enumerate(blocks))
      if (parts.op.getSymName() == name) {
        block = index;
        return find(op, parts.pifos, target.getLeafReference(), pifo,
                    "logical pifo");
      }
    return op->emitOpError("[pifo_mesh_c1] names block '@")
           << name << "', which does not exist";
  }

  LogicalResult readBlock(BlockParts &parts) {
    MeshBlockOp op = parts.op;
    config.blocks.emplace_back();
    mesh::Block &block = config.blocks.back();
    block.name = op.getSymName().str();
    block.shaping = op.getShaping();
    block.order = static_cast<mesh::Order>(op.getOrder());
    if (failed(number(op, op.getDepth(), block.depth, "depth")) ||
        failed(number(op, op.getElements(), block.elements, "elements")) ||
        failed(number(op, op.getFlows(), block.flows, "flows")) ||
        failed(number(op, op.getPifos(), block.pifoLimit, "pifos")) ||
        failed(width(op, op.getRank(), block.rankBits, "rank")))
      return failure();
    for (Attribute name : op.getCarry()) {
      block.carry.push_back(0);
      if (failed(find(op, fields, cast<FlatSymbolRefAttr>(name).getValue(),
                      block.carry.back(), "field")))
        return failure();
    }
    for (MeshStateOp state : parts.states) {
      mesh::State &out = block.states.emplace_back();
      out.name = state.getSymName().str();
      auto init = dyn_cast<IntegerAttr>(state.getInit());
      unsigned entries = 0;
      if (!init || init.getValue().getBitWidth() > 64)
        return state.emitOpError("[pifo_mesh_c1] begins with ")
               << state.getInit() << ", expected an integer of 1 to 64 bits";
      if (failed(width(state, init.getType(), out.bits, "type")) ||
          failed(number(state, state.getEntries(), entries, "entries")))
        return failure();
      out.entries = entries;
      out.init = init.getValue().getZExtValue();
    }
    for (MeshProgramOp program : parts.programs) {
      mesh::Program &out = block.programs.emplace_back();
      out.name = program.getSymName().str();
      if (failed(readProgram(program.getBody().front(), parts, out)))
        return failure();
    }
    for (MeshPifoOp pifo : parts.pifos)
      if (failed(readPifo(pifo, parts, block.pifos.emplace_back())))
        return failure();
    for (MeshRouteOp route : parts.routes) {
      mesh::Route &out = block.routes.emplace_back();
      out.suspends = route.getSuspends();
      if (failed(find(route, leaves, route.getLeaf(), out.leaf, "leaf")) ||
          failed(find(route, parts.pifos, route.getPifo(), out.pifo,
                      "logical pifo")) ||
          failed(number(route, route.getFirstFlow(), out.firstFlow,
                        "first flow")) ||
          failed(number(route, route.getFlowBits(), out.flowBits, "flow bits")))
        return failure();
    }
    return success();
  }

  LogicalResult readPifo(MeshPifoOp pifo, BlockParts &parts,
                         mesh::LogicalPifo &out) {
    out.name = pifo.getSymName().str();
    std::vector<Operation *> &hops = parts.hops.emplace_back();
    if (failed(find(pifo, parts.programs, pifo.getEnqueue(), out.enqueueProgram,
                    "program")))
      return failure();
    if (pifo.getDequeue() &&
        failed(find(pifo, parts.programs, *pifo.getDequeue(),
                    out.dequeueProgram, "program")))
      return failure();
    for (Operation &op : pifo.getBody().front()) {
      auto next = dyn_cast<MeshNextOp>(op);
      if (!next)
        return misplaced(op);
      hops.push_back(next);
      mesh::NextHop &hop = out.next.emplace_back();
      if (failed(
              number(next, next.getFirstFlow(), hop.firstFlow, "first flow")) ||
          failed(number(next, next.getNumFlows(), hop.numFlows,
                        "number of flows")))
        return failure();
      if (next.getTarget() && next.getLeaf())
        return next.emitOpError("[pifo_mesh_c1] has a logical pifo and a leaf, "
                                "expected at most one of them");
      if (next.getTarget()) {
        hop.kind = mesh::NextHop::Kind::Dequeue;
        if (failed(readTarget(next, *next.getTarget(), hop.block, hop.pifo)))
          return failure();
      } else if (next.getLeaf()) {
        hop.kind = mesh::NextHop::Kind::Resume;
        if (failed(find(next, leaves, *next.getLeaf(), hop.leaf, "leaf")))
          return failure();
      }
    }
    return success();
  }

  static std::optional<AtomOp> relationOf(arith::CmpIPredicate predicate,
                                          bool &swapped) {
    using P = arith::CmpIPredicate;
    swapped = predicate == P::ugt || predicate == P::uge ||
              predicate == P::sgt || predicate == P::sge;
    switch (predicate) {
    case P::eq:
      return AtomOp::Eq;
    case P::ne:
      return AtomOp::Ne;
    case P::ult:
    case P::ugt:
      return AtomOp::ULt;
    case P::ule:
    case P::uge:
      return AtomOp::ULe;
    case P::slt:
    case P::sgt:
      return AtomOp::SLt;
    case P::sle:
    case P::sge:
      return AtomOp::SLe;
    }
    return std::nullopt;
  }

  static std::optional<AtomOp> operationOf(Operation *op) {
    using Kind = std::optional<AtomOp>;
    return llvm::TypeSwitch<Operation *, Kind>(op)
        .Case([](arith::ConstantOp) { return AtomOp::Const; })
        .Case([](MeshReadOp) { return AtomOp::Field; })
        .Case([](MeshNowOp) { return AtomOp::Now; })
        .Case([](MeshRankOp) { return AtomOp::Rank; })
        .Case([](MeshPifoNumberOp) { return AtomOp::Pifo; })
        .Case([](MeshLeafNumberOp) { return AtomOp::Leaf; })
        .Case([](MeshLoadOp) { return AtomOp::Load; })
        .Case([](MeshLookupOp) { return AtomOp::Lookup; })
        .Case([](arith::AddIOp) { return AtomOp::Add; })
        .Case([](arith::SubIOp) { return AtomOp::Sub; })
        .Case([](arith::MulIOp) { return AtomOp::Mul; })
        .Case([](arith::AndIOp) { return AtomOp::And; })
        .Case([](arith::OrIOp) { return AtomOp::Or; })
        .Case([](arith::XOrIOp) { return AtomOp::Xor; })
        .Case([](arith::ShLIOp) { return AtomOp::Shl; })
        .Case([](arith::ShRUIOp) { return AtomOp::LShr; })
        .Case([](arith::ShRSIOp) { return AtomOp::AShr; })
        .Case([](arith::SelectOp) { return AtomOp::Select; })
        .Case([](arith::ExtUIOp) { return AtomOp::ZExt; })
        .Case([](arith::ExtSIOp) { return AtomOp::SExt; })
        .Case([](arith::TruncIOp) { return AtomOp::Trunc; })
        .Default([](Operation *) { return Kind(); });
  }

  /// The values of a body in their order, then what it stores and yields.
  LogicalResult readProgram(Block &body, BlockParts &parts,
                            mesh::Program &out) {
    DenseMap<Value, int> numbers;
    std::vector<Operation *> &values = parts.values.emplace_back();
    std::vector<Operation *> &stores = parts.stores.emplace_back();
    std::vector<Operation *> &writes = parts.writes.emplace_back();
    auto operand = [&](Value value) { return numbers.lookup(value); };
    for (Operation &op : body) {
      // Asked here too, because MLIR looks at dominance last.
      for (Value value : op.getOperands())
        if (!numbers.contains(value))
          return op.emitOpError("[pifo_mesh_c1] takes a value that no earlier "
                                "operation computes");
      if (auto yield = dyn_cast<MeshYieldOp>(op)) {
        bool classifies = !parts.op;
        if (classifies ? yield.getRank() || yield.getFlow() || !yield.getLeaf()
                       : bool(yield.getLeaf()))
          return yield.emitOpError("[pifo_mesh_c3] expected rank and flow of a "
                                   "program, or the leaf of a classifier");
        if (yield.getRank())
          out.rank = operand(yield.getRank());
        if (yield.getFlow() || classifies)
          out.flow = operand(classifies ? yield.getLeaf() : yield.getFlow());
        continue;
      }
      if (auto write = dyn_cast<MeshWriteOp>(op)) {
        writes.push_back(write);
        mesh::FieldWrite &item = out.writes.emplace_back();
        item.value = operand(write.getValue());
        if (failed(find(write, fields, write.getField(), item.field, "field")))
          return failure();
        continue;
      }
      if (!parts.op && isa<MeshLoadOp, MeshStoreOp>(op))
        return op.emitOpError("[pifo_mesh_c3] touches state, which a "
                              "classifier does not have");
      if (auto store = dyn_cast<MeshStoreOp>(op)) {
        stores.push_back(store);
        mesh::Store &item = out.stores.emplace_back();
        item.value = operand(store.getValue());
        if (store.getEntry())
          item.entry = operand(store.getEntry());
        if (failed(find(store, parts.states, store.getState(), item.state,
                        "state")))
          return failure();
        continue;
      }
      mesh::Value value;
      bool swapped = false;
      auto compare = dyn_cast<arith::CmpIOp>(op);
      std::optional<AtomOp> kind =
          compare ? relationOf(compare.getPredicate(), swapped)
                  : operationOf(&op);
      if (!kind)
        return op.emitOpError("[pifo_mesh_c3] is an operation that no atom "
                              "has");
      value.op = *kind;
      if (failed(width(&op, op.getResult(0).getType(), value.bits, "type")))
        return failure();
      SmallVector<int, 3> operands;
      for (Value v : op.getOperands())
        operands.push_back(operand(v));
      if (swapped)
        std::swap(operands[0], operands[1]);
      int *places[] = {&value.a, &value.b, &value.c};
      for (auto [place, number] : llvm::zip(places, operands))
        *place = number;
      if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
        auto number = dyn_cast<IntegerAttr>(constant.getValue());
        if (!number || number.getValue().getBitWidth() > 64)
          return op.emitOpError("[pifo_mesh_c1] is ")
                 << constant.getValue()
                 << ", expected an integer of 1 to 64 bits";
        value.immediate = number.getValue().getZExtValue();
      } else if (auto read = dyn_cast<MeshReadOp>(op)) {
        if (failed(find(&op, fields, read.getField(), value.index, "field")))
          return failure();
      } else if (auto load = dyn_cast<MeshLoadOp>(op)) {
        if (failed(
                find(&op, parts.states, load.getState(), value.index, "state")))
          return failure();
      } else if (auto lookup = dyn_cast<MeshLookupOp>(op)) {
        for (int64_t entry : lookup.getTable())
          value.table.push_back(static_cast<uint64_t>(entry));
      }
      numbers[op.getResult(0)] = static_cast<int>(out.values.size());
      values.push_back(&op);
      out.values.push_back(std::move(value));
    }
    return success();
  }
};
} // namespace

FailureOr<mesh::Config> pifo::configOf(MeshOp mesh) {
  return MeshReader(mesh).run();
}

LogicalResult MeshOp::verifyRegions() { return configOf(*this); }
