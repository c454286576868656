//===- ConditionsTest.cpp - What comparisons of numbers say ----*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle is arithmetic: each condition is computed for all small positions
// and lengths, and compared with what the bounds say of them.
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/Conditions.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "gtest/gtest.h"
#include <functional>
#include <random>

using namespace mlir;
using namespace mlir::analysis;
using P = arith::CmpIPredicate;

namespace {

enum : int { kQuery, kKey, kLength };

struct Atoms final : AtomFacts {
  bool isPosition(int atom) const override { return atom != kLength; }
  bool isSmall(int atom) const override {
    return atom != kLength || !isLengthWild;
  }
  bool isLengthWild = false;
};

/// Scalars of 64 bits over query, key and length, as operations and numbers.
class Program {
public:
  Program() : b(&context) {
    context.loadDialect<arith::ArithDialect>();
    module = ModuleOp::create(b.getUnknownLoc());
    b.setInsertionPointToEnd(&block);
    for (int i = 0; i < 3; ++i) {
      inputs.push_back(block.addArgument(b.getI64Type(), b.getUnknownLoc()));
      facts[inputs.back()] = Linear::atom(i);
    }
  }
  ~Program() { block.clear(); }

  template <typename Op, typename... Args> Value add(Args... args) {
    auto op = Op::create(b, b.getUnknownLoc(), args...);
    SmallVector<Fact, 3> operands;
    for (Value operand : op->getOperands())
      operands.push_back(facts[operand]);
    facts[op->getResult(0)] = evaluateCondition(*op, operands, atoms);
    return op->getResult(0);
  }
  Value number(int64_t value, unsigned width = 64) {
    return add<arith::ConstantOp>(
        b.getIntegerAttr(b.getIntegerType(width), value));
  }
  Value compare(P predicate, Value x, Value y) {
    return add<arith::CmpIOp>(predicate, x, y);
  }

  /// What `value` is for these inputs, sign-extended.
  int64_t compute(Value value, ArrayRef<int64_t> given) {
    llvm::DenseMap<Value, APInt> known;
    for (auto [input, number] : llvm::zip(inputs, given))
      known[input] = APInt(64, number, true);
    for (Operation &op : block) {
      SmallVector<OpFoldResult> results;
      // A fold may first change the order of operands.
      for (int attempt = 0; attempt < 4 && results.empty(); ++attempt) {
        SmallVector<Attribute> operands;
        for (Value operand : op.getOperands())
          operands.push_back(
              IntegerAttr::get(operand.getType(), known.find(operand)->second));
        EXPECT_TRUE(succeeded(op.fold(operands, results)));
      }
      if (auto attribute = dyn_cast<Attribute>(results[0]))
        known[op.getResult(0)] = cast<IntegerAttr>(attribute).getValue();
      else
        known[op.getResult(0)] =
            APInt(known.find(cast<Value>(results[0]))->second);
      if (op.getResult(0) == value)
        break;
    }
    const APInt &found = known.find(value)->second;
    return found.getBitWidth() == 1 ? found.getZExtValue()
                                    : found.getSExtValue();
  }

  static bool holds(const Bounds &bounds, ArrayRef<int64_t> given) {
    return llvm::all_of(bounds.atMostZero, [&](const Linear &sum) {
      int64_t total = sum.constant;
      for (auto [atom, factor] : sum.terms)
        total += factor * given[atom];
      return total <= 0;
    });
  }

  /// Whether both sides of the truth value are right, everywhere.
  void check(Value condition, const std::string &what) {
    const Fact &fact = facts[condition];
    if (!fact.truth)
      return;
    for (int64_t query = 0; query < 5; ++query)
      for (int64_t key = 0; key < 5; ++key)
        for (int64_t length = -2; length < 6; ++length) {
          int64_t given[] = {query, key, length};
          bool is = compute(condition, given) != 0;
          for (bool wanted : {true, false}) {
            const Bounds &bounds =
                wanted ? fact.truth->holds : fact.truth->fails;
            bool says = holds(bounds, given);
            if (is == wanted) {
              ASSERT_TRUE(says)
                  << what << " at " << query << ", " << key << ", " << length;
            }
            if (bounds.isExact) {
              ASSERT_EQ(says, is == wanted)
                  << what << " at " << query << ", " << key << ", " << length;
            }
          }
        }
  }

  bool isExact(Value condition) {
    const Fact &fact = facts[condition];
    return fact.truth && fact.truth->holds.isExact;
  }

  MLIRContext context;
  OpBuilder b;
  OwningOpRef<ModuleOp> module;
  Block block;
  Atoms atoms;
  SmallVector<Value> inputs;
  llvm::DenseMap<Value, Fact> facts;
};

/// The bounds of each spelling are those of the first.
void expectAlike(
    ArrayRef<std::function<Value(Program &, Value, Value, Value)>> spellings) {
  Program p;
  std::optional<Bounds> first;
  for (auto [i, spelling] : llvm::enumerate(spellings)) {
    Value condition = spelling(p, p.inputs[0], p.inputs[1], p.inputs[2]);
    std::string what = "spelling " + std::to_string(i);
    p.check(condition, what);
    ASSERT_TRUE(p.isExact(condition)) << what;
    const Bounds &bounds = p.facts[condition].truth->holds;
    if (!first)
      first = bounds;
    EXPECT_EQ(first->atMostZero.size(), bounds.atMostZero.size()) << what;
    for (const Linear &bound : bounds.atMostZero)
      EXPECT_TRUE(llvm::is_contained(first->atMostZero, bound)) << what;
  }
}

using V = Value;

TEST(ConditionsTest, KeyUpToQuery) {
  expectAlike({
      [](Program &p, V q, V k, V) { return p.compare(P::sle, k, q); },
      [](Program &p, V q, V k, V) { return p.compare(P::sge, q, k); },
      [](Program &p, V q, V k, V) {
        return p.compare(P::sge, p.add<arith::SubIOp>(q, k), p.number(0));
      },
      [](Program &p, V q, V k, V) {
        return p.compare(P::slt, k, p.add<arith::AddIOp>(q, p.number(1)));
      },
      [](Program &p, V q, V k, V) {
        V not_ = p.compare(P::sgt, k, q);
        return p.add<arith::XOrIOp>(not_, p.number(1, 1));
      },
      [](Program &p, V q, V k, V) {
        V above =
            p.add<arith::ExtUIOp>(p.b.getI64Type(), p.compare(P::sgt, k, q));
        return p.compare(P::eq, above, p.number(0));
      },
      [](Program &p, V q, V k, V) {
        V seen = p.add<arith::SelectOp>(p.compare(P::sgt, k, q), p.number(0),
                                        p.number(1));
        return p.compare(P::sgt, seen, p.number(0));
      },
      [](Program &p, V q, V k, V) {
        V most = p.add<arith::MaxSIOp>(q, p.add<arith::SubIOp>(q, p.number(3)));
        V above = p.compare(P::sgt, k, most);
        return p.add<arith::XOrIOp>(above, p.number(1, 1));
      },
      [](Program &p, V q, V k, V) {
        V twice = p.add<arith::ShLIOp>(k, p.number(1));
        return p.compare(P::sle, p.add<arith::SubIOp>(twice, k), q);
      },
  });
}

TEST(ConditionsTest, Windows) {
  // Keys from query - 2 to query.
  auto near = [](Program &p, V q, V k) {
    return p.compare(P::sle, p.add<arith::SubIOp>(q, k), p.number(2));
  };
  expectAlike({
      [=](Program &p, V q, V k, V) {
        return p.add<arith::AndIOp>(p.compare(P::sle, k, q), near(p, q, k));
      },
      [=](Program &p, V q, V k, V) {
        return p.add<arith::MulIOp>(near(p, q, k), p.compare(P::sge, q, k));
      },
      [=](Program &p, V q, V k, V) {
        return p.add<arith::SelectOp>(near(p, q, k), p.compare(P::sge, q, k),
                                      p.number(0, 1));
      },
      [=](Program &p, V q, V k, V) {
        V outside = p.add<arith::OrIOp>(
            p.compare(P::sgt, k, q),
            p.compare(P::sgt, q, p.add<arith::AddIOp>(k, p.number(2))));
        return p.compare(P::eq, outside, p.number(0, 1));
      },
      [=](Program &p, V q, V k, V) {
        V a = p.add<arith::ExtUIOp>(p.b.getI64Type(), near(p, q, k));
        V c = p.add<arith::ExtUIOp>(p.b.getI64Type(), p.compare(P::sle, k, q));
        return p.compare(P::ne, p.add<arith::MulIOp>(a, c), p.number(0));
      },
  });
}

TEST(ConditionsTest, LengthsAndLimits) {
  // Keys below the length and up to the query.
  expectAlike({
      [](Program &p, V q, V k, V l) {
        return p.add<arith::AndIOp>(p.compare(P::slt, k, l),
                                    p.compare(P::sle, k, q));
      },
      [](Program &p, V q, V k, V l) {
        V end = p.add<arith::MinSIOp>(l, p.add<arith::AddIOp>(q, p.number(1)));
        return p.compare(P::sgt, end, k);
      },
      [](Program &p, V q, V k, V l) {
        V behind = p.add<arith::MaxSIOp>(
            p.add<arith::SubIOp>(k, q),
            p.add<arith::AddIOp>(p.add<arith::SubIOp>(k, l), p.number(1)));
        return p.compare(P::sle, behind, p.number(0));
      },
  });
}

TEST(ConditionsTest, WhatMayOverflowStays) {
  Program p;
  p.atoms.isLengthWild = true;
  V k = p.inputs[1], l = p.inputs[2];
  EXPECT_TRUE(p.isExact(p.compare(P::slt, k, l)));
  V less = p.add<arith::SubIOp>(l, p.number(1));
  EXPECT_FALSE(p.facts[less].number);
  // Positions alone are small where the length is not; here no atom is.
  Program q;
  V wide = q.add<arith::AddIOp>(q.inputs[1], q.number(int64_t(1) << 41));
  EXPECT_FALSE(q.facts[wide].number);
  V narrow = q.add<arith::TruncIOp>(q.b.getI32Type(), q.inputs[1]);
  EXPECT_TRUE(q.facts[narrow].number);
  V past = q.add<arith::AddIOp>(narrow, q.number((int64_t(1) << 31) - 1, 32));
  EXPECT_FALSE(q.facts[past].number);
  V byte = q.add<arith::TruncIOp>(q.b.getIntegerType(8), q.inputs[1]);
  EXPECT_FALSE(q.facts[byte].number);
}

/// Random scalars: a truth value or a number, of this depth.
class Drawer {
public:
  Drawer(Program &p, unsigned seed) : p(p), source(seed) {}

  int64_t draw(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(source);
  }
  V number(int depth) {
    switch (depth ? draw(0, 8) : draw(0, 1)) {
    case 0:
      return p.number(draw(-3, 3));
    case 1:
      return p.inputs[draw(0, 2)];
    case 2:
      return p.add<arith::AddIOp>(number(depth - 1), number(depth - 1));
    case 3:
      return p.add<arith::SubIOp>(number(depth - 1), number(depth - 1));
    case 4:
      return p.add<arith::MulIOp>(number(depth - 1), number(depth - 1));
    case 5:
      return p.add<arith::MinSIOp>(number(depth - 1), number(depth - 1));
    case 6:
      return p.add<arith::MaxSIOp>(number(depth - 1), number(depth - 1));
    case 7: {
      V truth = this->truth(depth - 1);
      return draw(0, 1) ? p.add<arith::ExtUIOp>(p.b.getI64Type(), truth)
                        : p.add<arith::ExtSIOp>(p.b.getI64Type(), truth);
    }
    default:
      return p.add<arith::SelectOp>(truth(depth - 1), number(depth - 1),
                                    number(depth - 1));
    }
  }
  V truth(int depth) {
    switch (depth ? draw(0, 7) : 0) {
    case 1:
      return p.add<arith::AndIOp>(truth(depth - 1), truth(depth - 1));
    case 2:
      return p.add<arith::OrIOp>(truth(depth - 1), truth(depth - 1));
    case 3:
      return p.add<arith::XOrIOp>(truth(depth - 1), truth(depth - 1));
    case 4:
      return p.add<arith::SelectOp>(truth(depth - 1), truth(depth - 1),
                                    truth(depth - 1));
    case 5:
      return p.add<arith::MulIOp>(truth(depth - 1), truth(depth - 1));
    case 6:
      return p.number(draw(0, 1), 1);
    default: {
      V a = number(depth ? depth - 1 : 0), b = number(depth ? depth - 1 : 0);
      return p.compare(static_cast<P>(draw(0, 9)), a, b);
    }
    }
  }

private:
  Program &p;
  std::mt19937 source;
};

TEST(ConditionsTest, RandomConditionsEqualArithmetic) {
  int known = 0;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    Program p;
    Drawer drawer(p, seed);
    V condition = drawer.truth(3);
    p.check(condition, "seed " + std::to_string(seed));
    known += p.isExact(condition);
    if (testing::Test::HasFatalFailure())
      return;
  }
  // Most of such conditions say something that is no sum; many do not.
  EXPECT_GT(known, 150);
}

} // namespace
