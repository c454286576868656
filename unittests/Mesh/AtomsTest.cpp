//===- AtomsTest.cpp - Classification into atom templates -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Atoms.h"
#include "ProgramWriter.h"
#include "nm/Model/PifoMesh/Area.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace nm::mesh;
using testing::HasSubstr;

namespace {
/// Builds programs over states s0, s1, s2 and the packet field 0.
struct Builder : ProgramWriter {
  Block block;
  Builder() {
    for (const char *name : {"s0", "s1", "s2"})
      block.states.push_back({name, 32, 1, 0});
  }
  int op(Op kind, int a, int b = -1, int c = -1, unsigned bits = 32) {
    return ProgramWriter::op(kind, bits, a, b, c);
  }
  int compare(Op o, int a, int b) { return op(o, a, b, -1, 1); }
  int field() {
    Value v;
    v.op = Op::Field;
    v.bits = 32;
    return add(v);
  }
  int constant(uint64_t value) { return ProgramWriter::constant(value, 32); }
  int load(unsigned state) {
    Value v;
    v.op = Op::Load;
    v.bits = 32;
    v.index = state;
    return add(v);
  }
  void store(unsigned state, int value) {
    program.stores.push_back({state, -1, value});
  }
  AtomReport run() { return classify(block, program); }
};

TEST(Atoms, ReadOrWrite) {
  Builder b;
  b.store(0, b.field());
  AtomReport report = b.run();
  ASSERT_EQ(report.stateful.size(), 1u);
  EXPECT_EQ(report.strongest(), Atom::RW);
  EXPECT_EQ(report.stateless, 0u);
}

TEST(Atoms, NoStateIsStateless) {
  Builder b;
  b.op(Op::Add, b.field(), b.constant(3));
  AtomReport report = b.run();
  EXPECT_EQ(report.strongest(), Atom::Stateless);
  EXPECT_EQ(report.stateless, 1u);
}

/// The atom of `s0 = update(s0, field 0)`.
static Atom strongest(int (*update)(Builder &b, int s, int f)) {
  Builder b;
  int s = b.load(0), f = b.field();
  b.store(0, update(b, s, f));
  return b.run().strongest();
}

TEST(Atoms, OfOneUpdate) {
  EXPECT_EQ(
      strongest([](Builder &b, int s, int f) { return b.op(Op::Add, s, f); }),
      Atom::RAW);
  EXPECT_EQ(strongest([](Builder &b, int s, int f) {
              int sum = b.op(Op::Add, s, f);
              return b.op(Op::Select, b.compare(Op::ULt, s, f), sum, s);
            }),
            Atom::PredRAW);
  // Another result on either side of the predicate.
  EXPECT_EQ(strongest([](Builder &b, int s, int f) {
              int sum = b.op(Op::Add, s, f);
              return b.op(Op::Select, b.compare(Op::ULt, s, f), sum, f);
            }),
            Atom::IfElseRAW);
  EXPECT_EQ(strongest([](Builder &b, int s, int f) {
              int rest = b.op(Op::Sub, s, f);
              return b.op(Op::Select, b.compare(Op::ULt, f, s), rest, f);
            }),
            Atom::Sub);
  EXPECT_EQ(strongest([](Builder &b, int s, int f) {
              int c = b.constant(9), sum = b.op(Op::Add, s, c);
              int inner = b.op(Op::Select, b.compare(Op::ULt, s, c), sum, f);
              return b.op(Op::Select, b.compare(Op::Eq, s, f), c, inner);
            }),
            Atom::NestedIfs);
}

// The bucket of minimum rate guarantees: the bound is compared twice, but it is
// one predicate.
TEST(Atoms, APredicateCountsOnce) {
  Builder b;
  int s = b.load(0), f = b.field(), most = b.constant(3000);
  int sum = b.op(Op::Add, s, f);
  int have = b.op(Op::Select, b.compare(Op::ULt, most, sum), most, sum);
  b.store(0, b.op(Op::Select, b.compare(Op::ULt, f, have),
                  b.op(Op::Sub, have, f), have));
  EXPECT_EQ(b.run().refusal, "");
  EXPECT_EQ(b.run().strongest(), Atom::NestedIfs);
}

TEST(Atoms, ThreePredicatesAreRefused) {
  Builder b;
  int s = b.load(0), f = b.field(), value = f;
  for (uint64_t k : {1, 2, 3})
    value = b.op(Op::Select, b.compare(Op::ULt, s, b.constant(k)), s, value);
  b.store(0, value);
  EXPECT_THAT(b.run().refusal, HasSubstr("'s0' is decided by 3 predicates"));
}

TEST(Atoms, TwoVariablesThatDependOnOneAnotherArePaired) {
  Builder b;
  int s = b.load(0), t = b.load(1), f = b.field();
  int less = b.compare(Op::ULt, s, t);
  b.store(0, b.op(Op::Select, less, b.op(Op::Add, s, f), s));
  b.store(1, b.op(Op::Select, less, t, b.op(Op::Add, t, f)));
  AtomReport report = b.run();
  ASSERT_EQ(report.stateful.size(), 1u);
  EXPECT_EQ(report.stateful[0].states, (std::vector<unsigned>{0, 1}));
  EXPECT_EQ(report.strongest(), Atom::Pair);
}

TEST(Atoms, OneWayDependenceNeedsNoPair) {
  Builder b;
  int s = b.load(0), f = b.field();
  b.store(0, f);
  b.store(1, b.op(Op::Add, b.load(1), b.op(Op::Sub, f, s)));
  AtomReport report = b.run();
  ASSERT_EQ(report.stateful.size(), 2u);
  EXPECT_EQ(report.stateful[0].atom, Atom::RW);
  EXPECT_EQ(report.stateful[1].atom, Atom::RAW);
}

TEST(Atoms, ThreeInACircleAreRefused) {
  Builder b;
  int s[] = {b.load(0), b.load(1), b.load(2)}, f = b.field();
  for (unsigned i = 0; i < 3; ++i)
    b.store(i,
            b.op(Op::Select, b.compare(Op::ULt, s[(i + 1) % 3], f), f, s[i]));
  EXPECT_THAT(b.run().refusal, HasSubstr("'s0', 's1', 's2' depend"));
}

TEST(Atoms, AChoiceOfPacketValuesIsMadeBefore) {
  Builder b;
  int s = b.load(0), f = b.field(), c = b.constant(9);
  int step = b.op(Op::Select, b.compare(Op::ULt, f, c), f, c);
  b.store(0, b.op(Op::Add, s, step));
  EXPECT_EQ(b.run().strongest(), Atom::RAW);
}

TEST(Atoms, ProductsOfVariablesAreRefused) {
  Builder b;
  int f = b.field();
  b.store(0, b.op(Op::Mul, f, f));
  EXPECT_THAT(b.run().refusal, HasSubstr("a product of two variables"));
}

TEST(Atoms, ProductsWithConstantsAreSums) {
  Builder b;
  b.store(0, b.op(Op::Mul, b.field(), b.constant(11))); // 1011
  AtomReport report = b.run();
  EXPECT_EQ(report.refusal, "");
  EXPECT_EQ(report.stateless, 2u);
}

TEST(Atoms, AShiftedStateIsRefused) {
  Builder b;
  b.store(0, b.op(Op::Shl, b.load(0), b.constant(1)));
  EXPECT_THAT(b.run().refusal, HasSubstr("'shl' of a state"));
}

TEST(Atoms, TwiceTheStateIsRefused) {
  Builder b;
  int s = b.load(0);
  b.store(0, b.op(Op::Add, s, s));
  EXPECT_THAT(b.run().refusal, HasSubstr("negated or twice"));
}

TEST(Area, MeetsThePublishedPoints) {
  BlockShape shape;
  EXPECT_NEAR(areaOf(shape).total(), 1.1126, 1e-4);
  for (auto [flows, area] : {std::pair<unsigned, double>{256, 0.053},
                             {512, 0.107},
                             {2048, 0.454},
                             {4096, 0.914}}) {
    shape.flows = flows;
    EXPECT_NEAR(areaOf(shape).flowScheduler, area, 1e-9);
  }
  EXPECT_EQ(timingAtOneGigahertz(shape), Timing::Misses);
  EXPECT_EQ(bitsPerWireSet(BlockShape()), 106u);
  EXPECT_EQ(wireSets(5) * bitsPerWireSet(BlockShape()), 2120u);
}
} // namespace
