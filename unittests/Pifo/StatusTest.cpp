//===- StatusTest.cpp - Refusals, arithmetic, fields, batches -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PifoTestUtil.h"

using namespace nm::test;

static std::string leaf(const std::string &rank, const std::string &body,
                        const std::string &rest = "", int capacity = 4) {
  return "pifo.scheduler @s capacity(" + std::to_string(capacity) + R"() {
  pifo.field @flow : i8 below 3
  pifo.field writable @x : i64
  pifo.node @root rank()" +
         rank + ") {\n" + rest + "    pifo.scheduling {\n" + body +
         "    }\n  }\n}\n";
}
static const char *kByX = "      %x = pifo.read_field @x : i64\n"
                          "      pifo.yield %x : i64\n";

TEST(PifoStatus, FullUnknownEmpty) {
  Scheduler s(leaf("i8, saturate", kByX));
  EXPECT_EQ(s.dequeue(), -1);
  EXPECT_EQ(s.enqueue(1, {{"flow", 3}}), 3);
  EXPECT_EQ(s.size(), 0);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(s.enqueue(i, {{"flow", 2}, {"x", 9 - i}}), 0);
  EXPECT_EQ(s.enqueue(9, {}), 2);
  EXPECT_EQ(s.size(), 4);
  for (int i = 3; i >= 0; --i)
    EXPECT_EQ(s.dequeue(), i);
  EXPECT_EQ(s.dequeue(), -1);
}

TEST(PifoStatus, CapacityIsCheckedAndChosen) {
  auto jit = compile(leaf("i8, saturate", kByX));
  EXPECT_EQ(jit->create(-1), nullptr);
  EXPECT_EQ(jit->create((1 << 24) + 1), nullptr);
  jit->destroy(nullptr);
  Scheduler s(leaf("i8, saturate", kByX), "auto", 2);
  EXPECT_EQ(s.enqueue(0, {}), 0);
  EXPECT_EQ(s.enqueue(1, {}), 0);
  EXPECT_EQ(s.enqueue(2, {}), 2);
}

TEST(PifoStatus, CapacityBeyondTheBoundIsRefused) {
  std::string text = leaf("i8, saturate", kByX);
  text.replace(text.find("(4)"), 3, "(4 at_most 9)");
  auto jit = compile(text);
  EXPECT_EQ(jit->create(10), nullptr);
  for (int64_t capacity : {0, 1, 4, 9}) {
    void *memory = jit->create(capacity);
    EXPECT_NE(memory, nullptr) << capacity;
    jit->destroy(memory);
  }
}

/// Ranks of 63 bits that wrap stay in order where they pass 2^63 and 2^64.
TEST(PifoStatus, SerialNumbersGoAround) {
  for (const char *container : {"auto", "heap", "list"})
    for (const char *rank : {"i63, wrap", "i63, window"}) {
      Scheduler s(leaf(rank, kByX), container);
      for (uint64_t step = 0; step < 64; ++step) {
        uint64_t base = step << 59;
        // Near, far, nearest: a window and a heap, where there are both.
        s.enqueue(0, {{"x", base + 5}});
        s.enqueue(1, {{"x", base + (uint64_t(1) << 60)}});
        s.enqueue(2, {{"x", base}});
        for (int expected : {2, 0, 1})
          ASSERT_EQ(s.dequeue(), expected) << container << rank << step;
      }
    }
}

TEST(PifoStatus, SaturationKeepsArrivalOrder) {
  Scheduler s(leaf("i8, saturate", kByX));
  s.enqueue(0, {{"x", 1000}});
  s.enqueue(1, {{"x", 255}});
  s.enqueue(2, {{"x", uint64_t(-5)}});
  s.enqueue(3, {{"x", 0}});
  for (int expected : {2, 3, 0, 1})
    EXPECT_EQ(s.dequeue(), expected);
}

/// A refused packet changes no state: neither that of the node whose window
/// refuses it nor that of its child.
TEST(PifoStatus, WindowRefusesAtomically) {
  std::string count = R"(
    pifo.state @n written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %n = pifo.load @n : i64
      %one = arith.constant 1 : i64
      %m = arith.addi %n, %one : i64
      pifo.store %m, @n : i64
      %x = pifo.read_field @x : i64
      pifo.yield )";
  std::string text = R"(pifo.scheduler @s capacity(8) {
  pifo.field @x : i64
  pifo.node @root rank(i8, window) {)" +
                     count + R"(%x : i64
    }
    pifo.node @leaf rank(i8, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      })" + count + R"(%n : i64
      }
      pifo.dequeue {
      }
    }
  }
})";
  for (const char *container : {"auto", "heap", "list"}) {
    Scheduler s(text, container);
    EXPECT_EQ(s.enqueue(0, {{"x", 1000}}), 0);
    // From 1000 - 128, rounded down to a multiple of 4, 256 ranks.
    EXPECT_EQ(s.enqueue(1, {{"x", 872 + 256}}), 4);
    EXPECT_EQ(s.enqueue(1, {{"x", 871}}), 4);
    EXPECT_EQ(s.size(), 1);
    EXPECT_EQ(s.enqueue(2, {{"x", 872 + 255}}), 0);
    EXPECT_EQ(s.enqueue(3, {{"x", 872}}), 0);
    // The leaf counts what it took: its ranks are 0, 1, 2, in arrival order.
    for (int expected : {0, 2, 3})
      EXPECT_EQ(s.dequeue(), expected);
    // An empty queue begins a window anew.
    EXPECT_EQ(s.enqueue(4, {{"x", 5}}), 0);
    EXPECT_EQ(s.dequeue(), 4);
  }
}

TEST(PifoStatus, ArithmeticIsDefinedEverywhere) {
  struct Case {
    const char *op;
    int64_t x, y, expected;
  };
  int64_t least = INT64_MIN;
  for (Case c : {Case{"divui", 7, 0, -1}, Case{"divsi", 7, 0, INT64_MAX},
                 Case{"divsi", least, -1, least}, Case{"remui", 7, 0, 7},
                 Case{"remsi", -7, 0, -7}, Case{"remsi", least, -1, 0},
                 Case{"divsi", -7, 2, -3}, Case{"remsi", -7, 2, -1},
                 Case{"shli", 3, 64, 0}, Case{"shli", 3, 63, least},
                 Case{"shrui", -1, 64, 0}, Case{"shrsi", least, 99, -1},
                 Case{"shrsi", 8, -1, 0}, Case{"shrui", -1, 63, 1}}) {
    SCOPED_TRACE(c.op);
    std::string text = leaf("i8, saturate", kByX, R"(
    pifo.dequeue {
      %f = pifo.read_field @flow : i64
      %x0 = pifo.read_field @x : i64
      %y = arith.constant )" + std::to_string(c.y) + R"( : i64
      %v = arith.)" + c.op + R"( %x0, %y : i64
      pifo.write_field %v, @x : i64
    }
)");
    Scheduler s(text);
    s.enqueue(1, {{"x", uint64_t(c.x)}});
    EXPECT_EQ(s.dequeue(), 1);
    EXPECT_EQ(int64_t(s.field("x")), c.expected);
  }
}

/// Least slack: the wait is taken off the slack in the packet.
TEST(PifoStatus, FieldsAreWrittenOnDequeue) {
  Scheduler s(leaf("i8, saturate", kByX, R"(
    pifo.state @sum by @flow written_by(dequeue) = 100 : i16
    pifo.dequeue {
      %x0 = pifo.read_field @x : i64
      %r = pifo.rank : i16
      %s = pifo.load @sum : i16
      %t = arith.addi %r, %s : i16
      pifo.store %t, @sum : i16
      %now = pifo.now : i64
      %w = arith.extui %t : i16 to i64
      %v = arith.addi %w, %now : i64
      pifo.write_field %v, @x : i64
    }
)"));
  s.enqueue(1, {{"x", 5}, {"flow", 1}});
  s.enqueue(2, {{"x", 6}, {"flow", 2}});
  s.enqueue(3, {{"x", 7}, {"flow", 1}});
  EXPECT_EQ(s.dequeue(1000), 1);
  EXPECT_EQ(s.field("x"), 1105u);
  EXPECT_EQ(s.dequeue(2000), 2);
  EXPECT_EQ(s.field("x"), 2106u);
  EXPECT_EQ(s.dequeue(3000), 3);
  EXPECT_EQ(s.field("x"), 3112u);
  EXPECT_EQ(s.field("flow"), 1u);
}

TEST(PifoStatus, Batches) {
  Scheduler s(leaf("i8, saturate", kByX, "", 3));
  int64_t size = s.jit->packetSize;
  std::vector<char> packets(5 * size), out(5 * size);
  for (uint64_t i = 0; i < 5; ++i) {
    uint64_t x = 50 - i;
    std::memcpy(&packets[i * size], &i, 8);
    for (const PifoJit::Field &field : s.jit->fields)
      if (field.name == "x")
        std::memcpy(&packets[i * size + field.offset], &x, 8);
  }
  int64_t taken = -1;
  EXPECT_EQ(s.jit->enqueueBatch(s.memory, packets.data(), 5, 0, &taken), 2);
  EXPECT_EQ(taken, 3);
  EXPECT_EQ(s.jit->enqueueBatch(s.memory, packets.data(), 0, 0, &taken), 0);
  EXPECT_EQ(taken, 0);
  EXPECT_EQ(s.jit->dequeueBatch(s.memory, 0, out.data(), 5), 3);
  for (uint64_t i = 0; i < 3; ++i) {
    uint64_t handle;
    std::memcpy(&handle, &out[i * size], 8);
    EXPECT_EQ(handle, 2 - i);
  }
}
