//===- PifoPolicyTest.cpp - The parser of policies ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Import/PifoPolicy.h"
#include <gtest/gtest.h>
#include <random>

using namespace nm::policy;

namespace {

/// Writes random policies by the grammar of docs/pifo-language.md, and what
/// they say.
class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  Program program;
  std::string text;

  void write() {
    program.name = "s" + number(below(100));
    text = "scheduler " + program.name;
    if (below(2)) {
      program.capacity = 1 + below(2000);
      text += " capacity " + number(program.capacity);
    }
    text += blank();
    for (const char *name : {"alpha", "beta"}) {
      Field field{name, static_cast<unsigned>(3 + below(6)), 0};
      text += "field " + field.name + " bits " + number(field.bits);
      if (below(2)) {
        field.below = 3 + below(5);
        text += " below " + number(field.below);
      }
      text += blank();
      program.fields.push_back(field);
    }
    program.root = policy(0);
  }

private:
  uint64_t below(uint64_t n) { return random() % n; }
  static std::string number(uint64_t value) { return std::to_string(value); }
  std::string blank() {
    const char *blanks[] = {" ", "\n", "\t ", " # strict { fifo\n", "\r\n"};
    return blanks[below(std::size(blanks))];
  }

  Policy policy(int depth) {
    Policy made;
    switch (below(depth < 3 ? 6 : 4)) {
    case 0:
      text += "fifo";
      break;
    case 1:
      made.kind = below(2) ? Policy::Edf : Policy::Priority;
      text += made.kind == Policy::Edf ? "edf" : "priority";
      flows(made);
      break;
    case 2:
      made.kind = Policy::RoundRobin;
      text += "rr";
      flows(made);
      break;
    case 3:
      made.kind = Policy::Wfq;
      text += "wfq";
      perPacket(made);
      flows(made);
      break;
    case 4:
      made.kind = Policy::Strict;
      text += "strict";
      classes(made, depth);
      break;
    case 5:
      made.kind = below(2) ? Policy::Wfq : Policy::RoundRobin;
      text += made.kind == Policy::Wfq ? "wfq" : "rr";
      if (made.kind == Policy::Wfq)
        perPacket(made);
      classes(made, depth);
      break;
    }
    return made;
  }

  void perPacket(Policy &made) {
    made.perPacket = below(2);
    if (made.perPacket)
      text += " per" + blank() + "packet";
  }
  void flows(Policy &made) {
    made.field = program.fields[below(2)].name;
    text += " by" + blank() + made.field;
  }
  void classes(Policy &made, int depth) {
    text += blank() + "{" + blank();
    size_t count = 1 + below(3);
    for (size_t i = 0; i != count; ++i) {
      std::string name = "c" + number(depth) + number(i);
      text += name + blank() + ":" + blank();
      std::optional<Shape> shape;
      if (below(4) == 0) {
        shape = Shape{1000 * (1 + below(1000)), 1000 + below(5000)};
        text += "shape " +
                (shape->rate % 1000000 ? number(shape->rate / 1000) + "k"
                                       : number(shape->rate)) +
                " burst " + number(shape->burst) + blank();
      }
      Policy inner = policy(depth + 1);
      inner.name = name;
      inner.shape = shape;
      if (i + 1 != count) {
        text += " when" + blank();
        inner.condition = condition(0);
      }
      text += blank();
      made.classes.push_back(std::move(inner));
    }
    text += "}";
  }

  /// Comparisons are kept as ranges.
  Condition condition(int depth) {
    Condition made;
    if (depth < 2 && below(3) == 0) {
      made.kind = Condition::Not;
      text += "not" + blank() + "(";
      made.operands.push_back(condition(depth + 1));
      text += ")";
      return made;
    }
    if (depth < 2 && below(3) == 0) {
      bool isAnd = below(2);
      made.kind = isAnd ? Condition::And : Condition::Or;
      for (int i = 0; i != 2; ++i) {
        text += i ? (isAnd ? " and (" : " or (") : "(";
        made.operands.push_back(condition(depth + 1));
        text += ")";
      }
      return made;
    }
    const Field &field = program.fields[below(2)];
    made.field = field.name;
    uint64_t most =
        field.below ? field.below - 1 : (uint64_t(1) << field.bits) - 1;
    uint64_t value = below(3);
    text += field.name + blank();
    switch (below(4)) {
    case 0:
      made.low = made.high = value;
      text += "==" + blank() + number(value);
      break;
    case 1:
      made.high = value;
      text += "<= " + number(value);
      break;
    case 2:
      made.low = value;
      made.high = most;
      text += ">=" + blank() + number(value);
      break;
    case 3:
      made.high = value;
      text += "in 0" + blank() + ".." + blank() + number(value);
      break;
    }
    return made;
  }

  std::mt19937 random;
};

void expectSame(const Condition &found, const Condition &wanted) {
  ASSERT_EQ(found.kind, wanted.kind);
  EXPECT_EQ(found.field, wanted.field);
  EXPECT_EQ(found.low, wanted.low);
  if (wanted.kind == Condition::Compare) {
    EXPECT_EQ(found.high, wanted.high);
  }
  ASSERT_EQ(found.operands.size(), wanted.operands.size());
  for (size_t i = 0; i != wanted.operands.size(); ++i)
    expectSame(found.operands[i], wanted.operands[i]);
}

void expectSame(const Policy &found, const Policy &wanted) {
  ASSERT_EQ(found.kind, wanted.kind);
  EXPECT_EQ(found.name, wanted.name);
  EXPECT_EQ(found.field, wanted.field);
  EXPECT_EQ(found.perPacket, wanted.perPacket);
  ASSERT_EQ(found.shape.has_value(), wanted.shape.has_value());
  if (wanted.shape) {
    EXPECT_EQ(found.shape->rate, wanted.shape->rate);
    EXPECT_EQ(found.shape->burst, wanted.shape->burst);
  }
  ASSERT_EQ(found.condition.has_value(), wanted.condition.has_value());
  if (wanted.condition)
    expectSame(*found.condition, *wanted.condition);
  ASSERT_EQ(found.classes.size(), wanted.classes.size());
  for (size_t i = 0; i != wanted.classes.size(); ++i)
    expectSame(found.classes[i], wanted.classes[i]);
}

TEST(PifoPolicy, RandomPoliciesSayWhatTheyWereWrittenFrom) {
  int read = 0;
  for (unsigned seed = 0; seed != 2000; ++seed) {
    Generator generator(seed);
    generator.write();
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + generator.text);
    auto found = parse(generator.text, "p.policy");
    ASSERT_TRUE(found.ok()) << found.error().message;
    ++read;
    EXPECT_EQ(found->name, generator.program.name);
    EXPECT_EQ(found->capacity, generator.program.capacity);
    ASSERT_EQ(found->fields.size(), 2u);
    for (size_t i = 0; i != 2; ++i) {
      EXPECT_EQ(found->fields[i].name, generator.program.fields[i].name);
      EXPECT_EQ(found->fields[i].bits, generator.program.fields[i].bits);
      EXPECT_EQ(found->fields[i].below, generator.program.fields[i].below);
    }
    expectSame(found->root, generator.program.root);
    if (::testing::Test::HasFailure())
      return;
  }
  EXPECT_EQ(read, 2000);
}

TEST(PifoPolicy, PrecedenceOfConditions) {
  auto found = parse("scheduler s field a bits 2 strict { x: fifo when a == 0 "
                     "or a == 1 and not a == 2 y: fifo }",
                     "p");
  ASSERT_TRUE(found.ok()) << found.error().message;
  const Condition &condition = *found->root.classes[0].condition;
  ASSERT_EQ(condition.kind, Condition::Or);
  EXPECT_EQ(condition.operands[0].kind, Condition::Compare);
  ASSERT_EQ(condition.operands[1].kind, Condition::And);
  EXPECT_EQ(condition.operands[1].operands[1].kind, Condition::Not);
}

TEST(PifoPolicy, ErrorsPointAtTheirPlace) {
  auto found = parse("scheduler s\n\tstrict { a: fofi }", "a\nb.policy");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(
      found.error().message,
      "a\\x0ab.policy:2:14: found 'fofi'; expected fifo, edf, priority, "
      "wfq, rr, strict, wf2q, drr, htb or hfsc\n\tstrict { a: fofi }\n\t       "
      "     ^\n");
  EXPECT_TRUE(parse("scheduler s fifo", "p", 77).ok());
  EXPECT_EQ(parse("scheduler s capacity 5 fifo", "p", 77)->capacity, 77u);
}
} // namespace
