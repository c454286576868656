//===- Classification.cpp - Which child takes a packet -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Classification.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <set>

using namespace mlir;
using namespace mlir::pifo;

/// More cells than this are not searched.
static constexpr uint64_t kMaxCells = 1 << 18;

/// A comparison as `field predicate constant`.
namespace {
struct Comparison {
  ReadFieldOp field;
  APInt constant;
  arith::CmpIPredicate predicate;
};
} // namespace

static arith::CmpIPredicate swapSides(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::ult:
    return P::ugt;
  case P::ugt:
    return P::ult;
  case P::ule:
    return P::uge;
  case P::uge:
    return P::ule;
  default:
    return predicate;
  }
}

static std::optional<Comparison> matchComparison(arith::CmpIOp op) {
  Comparison found{op.getLhs().getDefiningOp<ReadFieldOp>(), APInt(),
                   op.getPredicate()};
  Value other = op.getRhs();
  if (!found.field) {
    found.field = op.getRhs().getDefiningOp<ReadFieldOp>();
    found.predicate = swapSides(found.predicate);
    other = op.getLhs();
  }
  using P = arith::CmpIPredicate;
  bool isSigned = found.predicate == P::slt || found.predicate == P::sle ||
                  found.predicate == P::sgt || found.predicate == P::sge;
  if (!found.field || isSigned ||
      !matchPattern(other, m_ConstantInt(&found.constant)))
    return std::nullopt;
  return found;
}

LogicalResult pifo::verifyPredicate(PredicateOp predicate) {
  for (Operation &op : predicate.getBody().front()) {
    auto reject = [&]() {
      return op.emitOpError("[pifo_predicate_c1] is not decided here; a "
                            "predicate compares fields with constants by eq, "
                            "ne or an unsigned order, and combines such "
                            "comparisons with andi, ori, xori on i1");
    };
    if (isa<ReadFieldOp, YieldOp>(op))
      continue;
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      if (!isa<IntegerAttr>(constant.getValue()))
        return reject();
      continue;
    }
    if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
      if (!matchComparison(compare))
        return reject();
      continue;
    }
    if (isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op)) {
      if (!op.getResult(0).getType().isInteger(1))
        return reject();
      continue;
    }
    return reject();
  }
  auto yield = cast<YieldOp>(predicate.getBody().front().getTerminator());
  if (!yield.getValue() || !yield.getValue().getType().isInteger(1))
    return yield.emitOpError("[pifo_predicate_c2] yields ")
           << (yield.getValue() ? "one value of type " : "nothing")
           << (yield.getValue() ? yield.getValue().getType() : Type())
           << ", expected one i1";
  return success();
}

namespace {
using Packet = llvm::SmallMapVector<StringRef, uint64_t, 4>;
} // namespace

/// Runs a predicate on a packet.
static bool holds(PredicateOp predicate, const Packet &packet) {
  llvm::DenseMap<Value, APInt> values;
  bool result = false;
  for (Operation &op : predicate.getBody().front()) {
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](ReadFieldOp read) {
          values[read] = APInt(read.getType().getIntOrFloatBitWidth(),
                               packet.lookup(read.getField()), false, true);
        })
        .Case([&](arith::ConstantOp constant) {
          values[constant] = cast<IntegerAttr>(constant.getValue()).getValue();
        })
        .Case([&](arith::CmpIOp compare) {
          values[compare] =
              APInt(1, arith::applyCmpPredicate(compare.getPredicate(),
                                                values[compare.getLhs()],
                                                values[compare.getRhs()]));
        })
        .Case([&](arith::AndIOp both) {
          values[both] = values[both.getLhs()] & values[both.getRhs()];
        })
        .Case([&](arith::OrIOp either) {
          values[either] = values[either.getLhs()] | values[either.getRhs()];
        })
        .Case([&](arith::XOrIOp differ) {
          values[differ] = values[differ.getLhs()] ^ values[differ.getRhs()];
        })
        .Case(
            [&](YieldOp yield) { result = values[yield.getValue()].isOne(); });
  }
  return result;
}

bool pifo::evaluatePredicate(PredicateOp predicate, uint64_t value) {
  Packet packet;
  predicate->walk([&](ReadFieldOp read) { packet[read.getField()] = value; });
  return holds(predicate, packet);
}

static std::string describe(const Packet &packet) {
  if (packet.empty())
    return "every packet";
  std::string text = "a packet with ";
  llvm::interleave(
      packet,
      [&](const auto &entry) {
        text += (entry.first + " = " + llvm::Twine(entry.second)).str();
      },
      [&] { text += ", "; });
  return text;
}

LogicalResult pifo::verifyClassification(NodeOp parent) {
  SchedulerOp scheduler = parent.getScheduler();
  SmallVector<NodeOp> children = parent.getInside();
  // Packets that an ancestor does not take do not come here.
  SmallVector<PredicateOp> above, all;
  for (NodeOp node = parent; node; node = node.getParentNode())
    if (PredicateOp predicate = node.getPredicate())
      above.push_back(predicate);
  all = above;
  for (NodeOp child : children)
    all.push_back(child.getPredicate());
  // Where the cells of each field begin.
  llvm::MapVector<StringRef, std::set<uint64_t>> cuts;
  for (PredicateOp predicate : all)
    for (Operation &op : predicate.getBody().front()) {
      if (auto read = dyn_cast<ReadFieldOp>(op))
        cuts[read.getField()].insert(0);
      auto compare = dyn_cast<arith::CmpIOp>(op);
      if (!compare)
        continue;
      Comparison comparison = *matchComparison(compare);
      StringRef name = comparison.field.getField();
      uint64_t last = scheduler.getField(name).getMaxValue();
      // A constant may be wider than any field.
      if (comparison.constant.getActiveBits() > 64 ||
          comparison.constant.getZExtValue() > last)
        continue;
      uint64_t constant = comparison.constant.getZExtValue();
      cuts[name].insert(constant);
      if (constant < last)
        cuts[name].insert(constant + 1);
    }

  uint64_t cells = 1;
  for (auto &[name, starts] : cuts) {
    cells *= starts.size();
    if (cells > kMaxCells)
      return parent.emitOpError("[pifo_node_c4] has children whose predicates "
                                "distinguish more than ")
             << kMaxCells << " kinds of packets, which is not decided here; "
             << "expected fewer constants, or another level of nodes";
  }
  SmallVector<std::set<uint64_t>::const_iterator> position;
  Packet packet;
  for (auto &[name, starts] : cuts) {
    position.push_back(starts.begin());
    packet[name] = *starts.begin();
  }
  while (true) {
    NodeOp taker;
    bool comes = llvm::all_of(
        above, [&](PredicateOp predicate) { return holds(predicate, packet); });
    for (NodeOp child : children) {
      if (!comes || !holds(child.getPredicate(), packet))
        continue;
      if (taker) {
        InFlightDiagnostic diagnostic =
            child.getPredicate().emitOpError("[pifo_node_c4] takes ");
        diagnostic << describe(packet) << ", which the predicate of '"
                   << taker.getSymName()
                   << "' takes too; expected disjoint predicates";
        diagnostic.attachNote(taker.getLoc()) << "the other node is here";
        return diagnostic;
      }
      taker = child;
    }
    if (comes && !taker)
      return parent.emitOpError("[pifo_node_c4] has no child that takes ")
             << describe(packet) << "; expected predicates that cover all "
             << "values ('below' bounds those of a field)";
    // The next cell.
    size_t dim = 0;
    for (auto &[name, starts] : cuts) {
      if (++position[dim] != starts.end()) {
        packet[name] = *position[dim];
        break;
      }
      position[dim] = starts.begin();
      packet[name] = *starts.begin();
      ++dim;
    }
    if (dim == cuts.size())
      return success();
  }
}
