//===- Import.cpp - Transactions to atom programs -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Import.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;

using AtomOp = mesh::Op;

/// A table with more different divisors or factors than this is not unrolled.
static constexpr size_t kMaxCases = 16;

std::vector<uint64_t> MeshContext::childOfLeaf(NodeOp node) const {
  std::vector<uint64_t> table(leaves.size());
  SmallVector<NodeOp> children = node.getChildren();
  for (auto [leaf, op] : llvm::enumerate(leaves))
    for (auto [child, candidate] : llvm::enumerate(children))
      if (candidate->isAncestor(op))
        table[leaf] = child;
  return table;
}

/// Bits of an entry value: 0 for a scalar.
static unsigned keyBits(const MeshContext &context, NodeOp node,
                        StateOp state) {
  if (state.getByChild())
    return mesh::indexBits(node.getChildren().size());
  if (!state.getKeyAttr())
    return 0;
  FieldOp field = MeshContext(context).scheduler.getField(*state.getKey());
  return llvm::Log2_64(field.getMaxValue() | 1) + 1;
}

GroupState pifo::declareState(const MeshContext &context, NodeOp node,
                              ArrayRef<Operation *> transactions,
                              unsigned nodes) {
  llvm::SmallDenseSet<StringRef> touched;
  bool wideRank = false;
  for (Operation *transaction : transactions)
    transaction->walk([&](Operation *op) {
      if (auto load = dyn_cast<LoadOp>(op))
        touched.insert(load.getState());
      else if (auto store = dyn_cast<StoreOp>(op))
        touched.insert(store.getState());
      else if (auto rank = dyn_cast<RankOp>(op))
        wideRank |=
            node.getRule() == RankRule::Wrap &&
            rank.getType().getIntOrFloatBitWidth() > node.getRankWidth();
    });
  GroupState group;
  group.slotBits = nodes > 1 ? mesh::indexBits(nodes) : 0;
  auto declare = [&](StringRef name, unsigned bits, unsigned key,
                     uint64_t init) {
    mesh::State state;
    state.name = name.str();
    state.bits = bits;
    state.entries = uint64_t(1) << (key + group.slotBits);
    state.init = init;
    group.index[name] = group.states.size();
    group.states.push_back(std::move(state));
  };
  for (StateOp state : node.getBody().front().getOps<StateOp>()) {
    APInt init = cast<IntegerAttr>(state.getInit()).getValue();
    if (touched.contains(state.getSymName()))
      declare(state.getSymName(), state.getType().getWidth(),
              keyBits(context, node, state), init.getZExtValue());
  }
  if (wideRank) {
    group.base = static_cast<int>(group.states.size());
    declare("popped_base", 64, 0, 0);
  }
  return group;
}

int pifo::fieldValue(const MeshContext &context, ProgramBuilder &builder,
                     FieldOp field) {
  return builder.indexed(AtomOp::Field, field.getWidth(),
                         context.fieldIndex.lookup(field));
}

namespace {
class Importer {
public:
  Importer(const MeshContext &context, NodeOp node, Operation *transaction,
           GroupState &group, unsigned rankBits, unsigned shift,
           mesh::Program &program)
      : context(context), node(node), transaction(transaction), group(group),
        rankBits(rankBits), shift(shift), program(program), builder(program) {}

  LogicalResult run() {
    if (failed(importBlock(transaction->getRegion(0).front())))
      return failure();
    for (auto &[state, value] : current)
      if (written.contains(state))
        program.stores.push_back({state, entries[state], value});
    for (auto &[field, value] : fieldNow)
      program.writes.push_back({field, value});
    return success();
  }

private:
  const MeshContext &context;
  NodeOp node;
  Operation *transaction;
  GroupState &group;
  unsigned rankBits, shift;
  mesh::Program &program;
  ProgramBuilder builder;
  DenseMap<Value, int> values;
  /// By state: the value it has at this point, and the entry that is touched.
  llvm::MapVector<unsigned, int> current;
  llvm::SmallSetVector<unsigned, 4> written;
  DenseMap<unsigned, int> entries;
  /// By field that was written: what the packet takes along at this point.
  llvm::MapVector<unsigned, int> fieldNow;

  bool onDequeue() const { return isa<DequeueOp>(transaction); }
  int value(Value v) const { return values.lookup(v); }
  static unsigned width(Value v) { return v.getType().getIntOrFloatBitWidth(); }
  void set(Value v, int index) { values[v] = index; }

  LogicalResult importBlock(Block &block) {
    for (Operation &op : block)
      if (failed(importOp(&op)))
        return failure();
    return success();
  }

  /// Packet and child are known before the pop; afterwards a leaf knows the
  /// fields that its elements carry.
  LogicalResult checkPacket(Operation *op, const Twine &what,
                            bool isField = false) {
    if (!onDequeue() || (isField && node.isLeaf()))
      return success();
    return op->emitError()
           << what << " when an element has been popped: the block knows the "
           << "popped rank only, and its memories one address a cycle, that "
           << "of the arriving packet";
  }

  int slot() {
    int number = builder.add(AtomOp::Pifo, group.pifoBits);
    return builder.lookup(group.slotBits, number, group.slotOfPifo);
  }

  int childValue(unsigned bits) {
    int leaf = builder.add(AtomOp::Leaf, context.leafBits());
    return builder.lookup(bits, leaf, context.childOfLeaf(node));
  }

  FailureOr<int> key(Operation *op, StateOp state) {
    if (!state.isKeyed())
      return -1;
    if (failed(checkPacket(op, "touches state '@" + state.getSymName() +
                                   "' at a second index,")))
      return failure();
    unsigned bits = keyBits(context, node, state);
    if (state.getByChild())
      return childValue(bits);
    FieldOp field = node.getScheduler().getField(*state.getKey());
    return builder.resize(fieldValue(context, builder, field), bits);
  }

  /// The present value of a state; reads it the first time.
  FailureOr<int> touch(Operation *op, unsigned index, int entry) {
    auto it = current.find(index);
    if (it != current.end())
      return it->second;
    if (group.slotBits > 0) {
      int prefix = slot();
      if (entry >= 0) {
        unsigned low = builder.bits(entry), bits = low + group.slotBits;
        int high =
            builder.multiply(builder.resize(prefix, bits), uint64_t(1) << low);
        prefix =
            builder.add(AtomOp::Or, bits, high, builder.resize(entry, bits));
      }
      entry = prefix;
    }
    int value =
        builder.indexed(AtomOp::Load, group.states[index].bits, index, entry);
    current[index] = value;
    entries[index] = entry;
    return value;
  }

  FailureOr<int> stateOf(Operation *op, StringRef name) {
    StateOp state = node.getState(name);
    FailureOr<int> entry = key(op, state);
    if (failed(entry))
      return failure();
    unsigned index = group.index.lookup(name);
    if (failed(touch(op, index, *entry)))
      return failure();
    return static_cast<int>(index);
  }

  LogicalResult importIf(scf::IfOp op) {
    int condition = value(op.getCondition());
    auto before = current;
    auto fieldsBefore = fieldNow;
    if (failed(importBlock(op.getThenRegion().front())))
      return failure();
    auto afterThen = current;
    auto fieldsThen = std::move(fieldNow);
    fieldNow = fieldsBefore;
    // States first touched inside keep their read value on the other side.
    current = before;
    if (!op.getElseRegion().empty() &&
        failed(importBlock(op.getElseRegion().front())))
      return failure();
    for (auto &[state, other] : afterThen) {
      auto it = current.find(state);
      int otherwise = it == current.end() ? loaded(state) : it->second;
      current[state] = builder.select(condition, other, otherwise);
    }
    for (auto &[state, other] : current) {
      if (afterThen.count(state))
        continue;
      other = builder.select(condition, loaded(state), other);
    }
    // A field that one side does not write stays as it was.
    SmallVector<unsigned> written;
    for (auto &list : {fieldsThen, fieldNow})
      for (auto &[field, other] : list)
        if (!llvm::is_contained(written, field))
          written.push_back(field);
    auto fieldIn = [&](llvm::MapVector<unsigned, int> &list, unsigned field) {
      auto it = list.find(field);
      return it != list.end()
                 ? it->second
                 : builder.indexed(AtomOp::Field,
                                   context.config->fields[field].bits, field);
    };
    for (unsigned field : written) {
      int then = fieldIn(fieldsThen, field), other = fieldIn(fieldNow, field);
      fieldNow[field] = builder.select(condition, then, other);
    }
    for (unsigned i = 0; i < op.getNumResults(); ++i)
      set(op.getResult(i),
          builder.select(condition, value(op.thenYield().getOperand(i)),
                         value(op.elseYield().getOperand(i))));
    return success();
  }
  int loaded(unsigned state) {
    return builder.indexed(AtomOp::Load, group.states[state].bits, state,
                           entries.lookup(state));
  }

  /// Factors and divisors are constants, or come from a table with few
  /// different values: each is unrolled.
  LogicalResult importByConstant(Operation *op, bool divides) {
    Value operand = op->getOperand(0), other = op->getOperand(1);
    auto isKnown = [&](Value v) {
      AtomOp kind = program.values[value(v)].op;
      return kind == AtomOp::Const || tableOf(value(v)) >= 0;
    };
    if (!divides && !isKnown(other))
      std::swap(operand, other);
    bool isRemainder = isa<arith::RemUIOp, arith::RemSIOp>(op);
    int table = tableOf(value(other));
    const mesh::Value &second = program.values[value(other)];
    std::vector<uint64_t> cases;
    if (second.op == AtomOp::Const)
      cases = {second.immediate};
    else if (table >= 0)
      cases = program.values[table].table;
    llvm::sort(cases);
    cases.erase(std::unique(cases.begin(), cases.end()), cases.end());
    if (cases.empty() || cases.size() > kMaxCases)
      return op->emitError(
          "is an operation that no atom has; expected a constant, or a table "
          "with at most 16 different values, as second operand");
    int result = -1, x = value(operand);
    unsigned bits = width(op->getResult(0));
    bool isSigned = isa<arith::DivSIOp, arith::RemSIOp>(op);
    bool mayBeNegative = divides && isSigned && builder.active(x) >= bits;
    for (uint64_t constant : llvm::reverse(cases)) {
      if (isSigned && (constant >> (bits - 1)) & 1)
        return op->emitError("divides by a negative constant");
      if (mayBeNegative && constant && !llvm::isPowerOf2_64(constant))
        return op->emitError("divides a value that may be negative by ")
               << constant << ", which no atom does; expected a power of two";
      int one = !divides                    ? builder.multiply(x, constant)
                : mayBeNegative && constant ? builder.divideSigned(x, constant)
                                            : builder.divide(x, constant);
      if (divides && constant == 0)
        one = isRemainder
                  ? x
                  : builder.constant(bits, isSigned ? mesh::maskOf(bits - 1)
                                                    : mesh::maskOf(bits));
      else if (one < 0)
        return op->emitError("divides a value of ")
               << builder.active(x) << " bits by " << constant
               << "; expected at most 31 bits, for which a multiplication by "
               << "the reciprocal is exact";
      else if (isRemainder)
        one =
            builder.add(AtomOp::Sub, bits, x, builder.multiply(one, constant));
      result =
          result < 0
              ? one
              : builder.select(builder.add(AtomOp::Eq, 1, value(other),
                                           builder.constant(bits, constant)),
                               one, result);
    }
    set(op->getResult(0), result);
    return success();
  }

  /// The table a value is read from, through extensions that keep its numbers.
  int tableOf(int index) const {
    const mesh::Value *v = &program.values[index];
    while (v->op == AtomOp::ZExt) {
      index = v->a;
      v = &program.values[index];
    }
    return v->op == AtomOp::Lookup ? index : -1;
  }

  void importCompare(arith::CmpIOp op) {
    using P = arith::CmpIPredicate;
    int a = value(op.getLhs()), b = value(op.getRhs());
    P p = op.getPredicate();
    if (p == P::sgt || p == P::sge || p == P::ugt || p == P::uge)
      std::swap(a, b);
    AtomOp kind = p == P::eq                   ? AtomOp::Eq
                  : p == P::ne                 ? AtomOp::Ne
                  : p == P::slt || p == P::sgt ? AtomOp::SLt
                  : p == P::sle || p == P::sge ? AtomOp::SLe
                  : p == P::ult || p == P::ugt ? AtomOp::ULt
                                               : AtomOp::ULe;
    set(op, builder.add(kind, 1, a, b));
  }

  void importMinMax(Operation *op) {
    int a = value(op->getOperand(0)), b = value(op->getOperand(1));
    bool isSigned = isa<arith::MaxSIOp, arith::MinSIOp>(op);
    bool isMax = isa<arith::MaxSIOp, arith::MaxUIOp>(op);
    int less = builder.add(isSigned ? AtomOp::SLt : AtomOp::ULt, 1, a, b);
    set(op->getResult(0), builder.select(less, isMax ? b : a, isMax ? a : b));
  }

  void importRank(RankOp op) {
    unsigned bits = width(op), own = node.getRankWidth();
    int rank = builder.add(AtomOp::Rank, rankBits);
    if (shift > 0)
      rank = builder.add(AtomOp::LShr, rankBits, rank,
                         builder.constant(rankBits, shift));
    rank = builder.resize(rank, own);
    if (group.base < 0) {
      set(op, builder.resize(rank, bits));
      return;
    }
    // The base is the farthest rank popped; the distance from it is signed.
    int base = *touch(op, group.base, -1);
    int distance =
        builder.add(AtomOp::Sub, own, rank, builder.resize(base, own));
    int full =
        builder.add(AtomOp::Add, 64, base, builder.resizeSigned(distance, 64));
    int ahead = builder.add(AtomOp::SLt, 1, base, full);
    current[group.base] = builder.select(ahead, full, base);
    written.insert(group.base);
    set(op, builder.resize(full, bits));
  }

  /// Turns what a scheduling transaction yields into a rank of the block.
  LogicalResult finish(YieldOp yield) {
    if (onDequeue())
      return success();
    int result = value(yield.getValue());
    unsigned bits = builder.bits(result), own = node.getRankWidth();
    if (isa<ShapingOp>(transaction)) {
      program.rank = builder.resizeSigned(result, rankBits);
      return success();
    }
    if (node.getRule() == RankRule::Wrap) {
      result = builder.resizeSigned(result, own);
      result = builder.resize(result, rankBits);
      program.rank = builder.multiply(result, uint64_t(1) << shift);
      return success();
    }
    // Saturation of a signed number that is wider than the rank; others are
    // ranks as they are. The bound on active bits says that most numbers cannot
    // be negative or too large.
    if (bits > own && builder.active(result) >= bits) {
      int negative =
          builder.add(AtomOp::SLt, 1, result, builder.constant(bits, 0));
      result = builder.select(negative, builder.constant(bits, 0), result);
    }
    if (bits > own && builder.active(result) > own) {
      int most = builder.constant(bits, mesh::maskOf(own));
      int beyond = builder.add(AtomOp::ULt, 1, most, result);
      result = builder.select(beyond, most, result);
    }
    program.rank = builder.resize(builder.resize(result, own), rankBits);
    return success();
  }

  LogicalResult importOp(Operation *op) {
    for (Type type : op->getResultTypes())
      if (type.getIntOrFloatBitWidth() > 64)
        return op->emitError("has a result of ")
               << type << ", expected at most 64 bits, the widest an atom has";
    auto binary = [&](AtomOp kind) {
      set(op->getResult(0),
          builder.add(kind, width(op->getResult(0)), value(op->getOperand(0)),
                      value(op->getOperand(1))));
      return success();
    };
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](arith::ConstantOp constant) {
          APInt number = cast<IntegerAttr>(constant.getValue()).getValue();
          set(constant,
              builder.constant(number.getBitWidth(), number.getZExtValue()));
          return success();
        })
        .Case<arith::AddIOp>([&](auto) { return binary(AtomOp::Add); })
        .Case<arith::SubIOp>([&](auto) { return binary(AtomOp::Sub); })
        .Case<arith::AndIOp>([&](auto) { return binary(AtomOp::And); })
        .Case<arith::OrIOp>([&](auto) { return binary(AtomOp::Or); })
        .Case<arith::XOrIOp>([&](auto) { return binary(AtomOp::Xor); })
        .Case<arith::ShLIOp>([&](auto) { return binary(AtomOp::Shl); })
        .Case<arith::ShRUIOp>([&](auto) { return binary(AtomOp::LShr); })
        .Case<arith::ShRSIOp>([&](auto) { return binary(AtomOp::AShr); })
        .Case<arith::MulIOp>([&](auto) { return importByConstant(op, false); })
        .Case<arith::DivUIOp, arith::DivSIOp, arith::RemUIOp, arith::RemSIOp>(
            [&](auto) { return importByConstant(op, true); })
        .Case([&](arith::CmpIOp compare) {
          importCompare(compare);
          return success();
        })
        .Case<arith::MaxSIOp, arith::MaxUIOp, arith::MinSIOp, arith::MinUIOp>(
            [&](auto) {
              importMinMax(op);
              return success();
            })
        .Case([&](arith::SelectOp select) {
          set(select, builder.select(value(select.getCondition()),
                                     value(select.getTrueValue()),
                                     value(select.getFalseValue())));
          return success();
        })
        .Case<arith::ExtUIOp, arith::TruncIOp>([&](auto cast) {
          set(cast, builder.resize(value(cast.getIn()), width(cast)));
          return success();
        })
        .Case([&](arith::ExtSIOp cast) {
          set(cast, builder.resizeSigned(value(cast.getIn()), width(cast)));
          return success();
        })
        .Case([&](scf::IfOp branch) { return importIf(branch); })
        .Case([&](scf::YieldOp) { return success(); })
        .Case([&](YieldOp yield) { return finish(yield); })
        .Case([&](NowOp now) {
          set(now, builder.resize(
                       builder.add(AtomOp::Now, context.limits.nowBits), 64));
          return success();
        })
        .Case([&](RankOp rank) {
          importRank(rank);
          return success();
        })
        .Case([&](ChildOp child) -> LogicalResult {
          if (failed(checkPacket(op, "asks for the child")))
            return failure();
          set(child, childValue(32));
          return success();
        })
        .Case([&](ReadFieldOp read) -> LogicalResult {
          if (failed(checkPacket(op, "reads field '@" + read.getField() + "'",
                                 true)))
            return failure();
          FieldOp field = node.getScheduler().getField(read.getField());
          int v = fieldValue(context, builder, field);
          // A bound tells more than the width.
          set(read, builder.resize(v, width(read)));
          return success();
        })
        .Case([&](WriteFieldOp write) {
          FieldOp field = node.getScheduler().getField(write.getField());
          fieldNow[context.fieldIndex.lookup(field)] = value(write.getValue());
          return success();
        })
        .Case([&](LookupOp lookup) { return importLookup(lookup); })
        .Case([&](LoadOp load) -> LogicalResult {
          FailureOr<int> state = stateOf(op, load.getState());
          if (failed(state))
            return failure();
          set(load, current[*state]);
          return success();
        })
        .Case([&](StoreOp store) -> LogicalResult {
          FailureOr<int> state = stateOf(op, store.getState());
          if (failed(state))
            return failure();
          current[*state] = value(store.getValue());
          written.insert(*state);
          return success();
        })
        .Default([&](Operation *) {
          return op->emitError("is an operation that no atom has");
        });
  }

  LogicalResult importLookup(LookupOp lookup) {
    TableOp table = node.getTable(lookup.getTable());
    if (failed(checkPacket(lookup, "looks up '@" + lookup.getTable() + "'",
                           !table.isByChild())))
      return failure();
    SmallVector<uint64_t> numbers;
    for (const APInt &number :
         cast<DenseIntElementsAttr>(table.getValues()).getValues<APInt>())
      numbers.push_back(number.getZExtValue());
    std::vector<uint64_t> entries;
    int at;
    if (table.isByChild()) {
      for (uint64_t child : context.childOfLeaf(node))
        entries.push_back(numbers[child]);
      at = builder.add(AtomOp::Leaf, context.leafBits());
    } else {
      if (numbers.size() > 65536)
        return lookup.emitError("is a table of ")
               << numbers.size() << " values, expected at most 65536";
      entries.assign(numbers.begin(), numbers.end());
      FieldOp field = node.getScheduler().getField(*table.getKey());
      at = fieldValue(context, builder, field);
    }
    set(lookup, builder.lookup(width(lookup), at, std::move(entries)));
    return success();
  }
};
} // namespace

LogicalResult pifo::importTransaction(const MeshContext &context, NodeOp node,
                                      Operation *transaction, GroupState &state,
                                      unsigned rankBits, unsigned shift,
                                      mesh::Program &program) {
  return Importer(context, node, transaction, state, rankBits, shift, program)
      .run();
}
