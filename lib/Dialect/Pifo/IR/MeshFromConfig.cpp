//===- MeshFromConfig.cpp - A configuration as pifo.mesh ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "nm/Dialect/Pifo/IR/PifoMesh.h"

using namespace mlir;
using namespace mlir::pifo;

namespace mesh = ::nm::mesh;
using AtomOp = mesh::Op;

namespace {
class MeshWriter {
public:
  MeshWriter(OpBuilder &builder, Location loc, const mesh::Config &config)
      : builder(builder), loc(loc), config(config) {}

  MeshOp run() {
    OpBuilder::InsertionGuard guard(builder);
    auto top = MeshOp::create(builder, loc, config.name, bits(config.nowBits));
    builder.createBlock(&top.getBody());
    for (const mesh::Field &field : config.fields)
      MeshFieldOp::create(builder, loc, field.name, bits(field.bits));
    for (const mesh::Leaf &leaf : config.leaves)
      MeshLeafOp::create(builder, loc, leaf.name);
    if (config.classifier) {
      auto out = MeshClassifierOp::create(builder, loc);
      OpBuilder::InsertionGuard inner(builder);
      builder.createBlock(&out.getBody());
      writeProgram(mesh::Block(), *config.classifier, true);
    }
    for (const mesh::Block &block : config.blocks)
      writeBlock(block);
    for (const mesh::Config::Root &root : config.roots)
      MeshRootOp::create(builder, loc, target(root.block, root.pifo));
    return top;
  }

private:
  OpBuilder &builder;
  Location loc;
  const mesh::Config &config;

  Type bits(unsigned width) { return builder.getIntegerType(width); }
  FlatSymbolRefAttr name(const std::string &text) {
    return FlatSymbolRefAttr::get(builder.getContext(), text);
  }
  SymbolRefAttr target(unsigned block, unsigned pifo) {
    return SymbolRefAttr::get(builder.getContext(), config.blocks[block].name,
                              {name(config.blocks[block].pifos[pifo].name)});
  }
  IntegerAttr number(unsigned width, uint64_t value) {
    return builder.getIntegerAttr(bits(width), APInt(width, value));
  }

  void writeBlock(const mesh::Block &block) {
    SmallVector<Attribute> carry;
    for (unsigned field : block.carry)
      carry.push_back(name(config.fields[field].name));
    auto op = MeshBlockOp::create(
        builder, loc, block.shaping, block.name, block.depth, block.elements,
        block.flows, block.pifoLimit, bits(block.rankBits),
        static_cast<MeshOrder>(block.order), builder.getArrayAttr(carry));
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&op.getBody());
    for (const mesh::State &state : block.states)
      MeshStateOp::create(builder, loc, state.name, state.entries,
                          number(state.bits, state.init));
    for (const mesh::Program &program : block.programs) {
      auto out = MeshProgramOp::create(builder, loc, program.name);
      OpBuilder::InsertionGuard inner(builder);
      builder.createBlock(&out.getBody());
      writeProgram(block, program);
    }
    for (const mesh::LogicalPifo &pifo : block.pifos)
      writePifo(block, pifo);
    for (const mesh::Route &route : block.routes)
      MeshRouteOp::create(builder, loc, config.leaves[route.leaf].name,
                          block.pifos[route.pifo].name, route.firstFlow,
                          route.flowBits, route.suspends);
  }

  void writePifo(const mesh::Block &block, const mesh::LogicalPifo &pifo) {
    FlatSymbolRefAttr dequeue;
    if (pifo.dequeueProgram >= 0)
      dequeue = name(block.programs[pifo.dequeueProgram].name);
    auto out = MeshPifoOp::create(
        builder, loc, builder.getStringAttr(pifo.name),
        name(block.programs[pifo.enqueueProgram].name), dequeue);
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&out.getBody());
    for (const mesh::NextHop &hop : pifo.next) {
      SymbolRefAttr next;
      FlatSymbolRefAttr leaf;
      if (hop.kind == mesh::NextHop::Kind::Dequeue)
        next = target(hop.block, hop.pifo);
      else if (hop.kind == mesh::NextHop::Kind::Resume)
        leaf = name(config.leaves[hop.leaf].name);
      MeshNextOp::create(builder, loc, builder.getI64IntegerAttr(hop.firstFlow),
                         builder.getI64IntegerAttr(hop.numFlows), next, leaf);
    }
  }

  static arith::CmpIPredicate predicateOf(AtomOp op) {
    using P = arith::CmpIPredicate;
    return op == AtomOp::Eq    ? P::eq
           : op == AtomOp::Ne  ? P::ne
           : op == AtomOp::ULt ? P::ult
           : op == AtomOp::ULe ? P::ule
           : op == AtomOp::SLt ? P::slt
                               : P::sle;
  }

  void writeProgram(const mesh::Block &block, const mesh::Program &program,
                    bool classifies = false) {
    SmallVector<Value> values;
    auto of = [&](int index) { return index < 0 ? Value() : values[index]; };
    for (const mesh::Value &value : program.values)
      values.push_back(
          writeValue(block, value, of(value.a), of(value.b), of(value.c)));
    for (const mesh::Store &store : program.stores)
      MeshStoreOp::create(builder, loc, of(store.value),
                          block.states[store.state].name, of(store.entry));
    for (const mesh::FieldWrite &write : program.writes)
      MeshWriteOp::create(builder, loc, of(write.value),
                          config.fields[write.field].name);
    Value flow = of(program.flow);
    MeshYieldOp::create(builder, loc, of(program.rank),
                        classifies ? Value() : flow,
                        classifies ? flow : Value());
  }

  template <typename OpT> Value binary(Value a, Value b) {
    return OpT::create(builder, loc, a, b);
  }

  Value writeValue(const mesh::Block &block, const mesh::Value &value, Value a,
                   Value b, Value c) {
    Type type = bits(value.bits);
    switch (value.op) {
    case AtomOp::Const:
      return arith::ConstantOp::create(builder, loc,
                                       number(value.bits, value.immediate));
    case AtomOp::Field:
      return MeshReadOp::create(builder, loc, type,
                                config.fields[value.index].name);
    case AtomOp::Now:
      return MeshNowOp::create(builder, loc, type);
    case AtomOp::Rank:
      return MeshRankOp::create(builder, loc, type);
    case AtomOp::Pifo:
      return MeshPifoNumberOp::create(builder, loc, type);
    case AtomOp::Leaf:
      return MeshLeafNumberOp::create(builder, loc, type);
    case AtomOp::Load:
      return MeshLoadOp::create(builder, loc, type,
                                block.states[value.index].name, a);
    case AtomOp::Lookup: {
      SmallVector<int64_t> table(value.table.begin(), value.table.end());
      return MeshLookupOp::create(builder, loc, type, a, table);
    }
    case AtomOp::Add:
      return binary<arith::AddIOp>(a, b);
    case AtomOp::Sub:
      return binary<arith::SubIOp>(a, b);
    case AtomOp::Mul:
      return binary<arith::MulIOp>(a, b);
    case AtomOp::And:
      return binary<arith::AndIOp>(a, b);
    case AtomOp::Or:
      return binary<arith::OrIOp>(a, b);
    case AtomOp::Xor:
      return binary<arith::XOrIOp>(a, b);
    case AtomOp::Shl:
      return binary<arith::ShLIOp>(a, b);
    case AtomOp::LShr:
      return binary<arith::ShRUIOp>(a, b);
    case AtomOp::AShr:
      return binary<arith::ShRSIOp>(a, b);
    case AtomOp::Eq:
    case AtomOp::Ne:
    case AtomOp::ULt:
    case AtomOp::ULe:
    case AtomOp::SLt:
    case AtomOp::SLe:
      return arith::CmpIOp::create(builder, loc, predicateOf(value.op), a, b);
    case AtomOp::Select:
      return arith::SelectOp::create(builder, loc, a, b, c);
    case AtomOp::ZExt:
      return arith::ExtUIOp::create(builder, loc, type, a);
    case AtomOp::SExt:
      return arith::ExtSIOp::create(builder, loc, type, a);
    case AtomOp::Trunc:
      return arith::TruncIOp::create(builder, loc, type, a);
    }
    llvm_unreachable("all operations of atoms are above");
  }
};
} // namespace

MeshOp pifo::createMesh(OpBuilder &builder, Location loc,
                        const mesh::Config &config) {
  return MeshWriter(builder, loc, config).run();
}
