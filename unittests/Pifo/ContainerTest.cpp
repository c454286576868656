//===- ContainerTest.cpp - Random trees: every container against sorted lists -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PifoTestUtil.h"

using namespace nm::test;

namespace {

/// Makes a random scheduler: a tree of random shape, with ranks from random
/// arithmetic, of random width and rule, some nodes shaped.
class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  std::string scheduler() {
    return "pifo.scheduler @s capacity(200) {\n"
           "  pifo.field @class : i4\n  pifo.field @size : i12\n"
           "  pifo.field @noise : i64\n" +
           node("root", 0, 15, 0, true) + "}\n";
  }

  unsigned pick(unsigned n) { return random() % n; }

private:
  std::string transaction(const char *kind, bool inner) {
    // The rank moves forward with the sum of sizes, as virtual times do.
    std::string text = std::string("pifo.") + kind + R"( {
      %s = pifo.load @sum : i64
      %l = pifo.read_field @size : i64
      %t = arith.addi %s, %l : i64
      pifo.store %t, @sum : i64
      %n = pifo.read_field @noise : i64
      %m = arith.constant )" +
                       std::to_string((1 << pick(12)) - 1) + R"( : i64
      %o = arith.andi %n, %m : i64
)";
    if (kind == std::string("shaping")) {
      text += "%now = pifo.now : i64\n%r = arith.addi %now, %o : i64\n";
    } else if (inner && pick(2)) {
      // What mostly climbs, child by child, and often ties.
      static const char *climbing[] = {
          "%r = arith.maxsi %s, %o : i64\n",
          "%r0 = arith.maxsi %s, %m : i64\n%r = arith.addi %r0, %l : i64\n",
          "%c = pifo.child : i32\n%r = arith.extui %c : i32 to i64\n",
          "%r = pifo.now : i64\n",
          // It does not: any 64 bits, of which those of the rank count.
          "%r0 = arith.maxsi %s, %m : i64\n%r = arith.addi %r0, %n : i64\n"};
      text += climbing[pick(5)];
    } else if (pick(3) == 0) {
      text += "%r = arith.subi %t, %o : i64\n";
    } else if (inner && pick(2)) {
      text += "%c = pifo.child : i32\n%w = arith.extui %c : i32 to i64\n"
              "%r = arith.addi %o, %w : i64\n";
    } else {
      text += "%r = arith.addi %s, %o : i64\n";
    }
    return text + "pifo.yield %r : i64\n}\n";
  }

  std::string node(const std::string &name, int first, int last, int depth,
                   bool root) {
    static const char *ranks[] = {
        "i3, saturate",  "i6, wrap",  "i7, saturate",  "i9, wrap",
        "i12, wrap",     "i13, wrap", "i16, saturate", "i18, wrap",
        "i18, saturate", "i30, wrap", "i63, saturate"};
    std::string text =
        "pifo.node @" + name + " rank(" + ranks[pick(11)] + ") {\n";
    text += "pifo.state @sum written_by(enqueue) = 7 : i64\n";
    bool inner = depth < 4 && last > first && pick(4);
    if (!root)
      text += R"(pifo.predicate {
        %c = pifo.read_field @class : i4
        %a = arith.constant )" +
              std::to_string(first) + R"( : i4
        %b = arith.constant )" +
              std::to_string(last) + R"( : i4
        %p = arith.cmpi uge, %c, %a : i4
        %q = arith.cmpi ule, %c, %b : i4
        %r = arith.andi %p, %q : i1
        pifo.yield %r : i1
      }
)";
    text += transaction("scheduling", inner);
    if (!root && pick(3) == 0)
      text += transaction("shaping", inner);
    if (!inner)
      return text + "}\n";
    int width = last - first + 1;
    if (width % 2 == 0 && pick(2)) {
      // Children that differ in their predicates only share code.
      int count = width % 4 == 0 && pick(2) ? 4 : 2;
      std::mt19937 same = random;
      for (int i = 0; i < count; ++i) {
        random = same;
        text += node(name + std::to_string(i), first + i * width / count,
                     first + (i + 1) * width / count - 1, depth + 1, false);
      }
      return text + "}\n";
    }
    unsigned child = 0;
    for (int begin = first; begin <= last; ++child) {
      // A predicate that would be the parent's alone is fine too.
      int end = std::min<int>(last, begin + pick(last - first + 1));
      text += node(name + std::to_string(child), begin, end, depth + 1, false);
      begin = end + 1;
    }
    return text + "}\n";
  }

  std::mt19937 random;
};

} // namespace

class RandomTree : public testing::TestWithParam<unsigned> {};

TEST_P(RandomTree, ContainersAgree) {
  Generator generator(GetParam());
  std::string text = generator.scheduler();
  SCOPED_TRACE(text);
  Scheduler a(text, "auto"), b(text, "heap"), c(text, "list");
  std::mt19937_64 random(GetParam());
  int64_t now = 0, served = 0, inside = 0;
  for (uint64_t step = 0; step < 6000; ++step) {
    now += random() % 20;
    bool busy = step / 700 % 2;
    if (random() % 8 < (busy ? 6u : 2u)) {
      Scheduler::Fields fields{{"class", random() % 16},
                               {"size", random() % 64},
                               {"noise", random()}};
      int expected = inside == 200 ? 2 : 0;
      ASSERT_EQ(a.enqueue(step, fields, now), expected);
      ASSERT_EQ(b.enqueue(step, fields, now), expected);
      ASSERT_EQ(c.enqueue(step, fields, now), expected);
      inside += !expected;
      continue;
    }
    ASSERT_EQ(a.nextRelease(), c.nextRelease());
    int64_t released = c.release(now);
    ASSERT_EQ(a.release(now), released);
    ASSERT_EQ(b.release(now), released);
    int64_t expected = c.dequeue(now);
    ASSERT_EQ(a.peek(), expected);
    ASSERT_EQ(a.dequeue(now), expected);
    ASSERT_EQ(b.dequeue(now), expected);
    inside -= expected >= 0;
    served += expected >= 0;
    ASSERT_EQ(a.size(), inside);
  }
  EXPECT_GT(served, 1000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTree, testing::Range(0u, 24u));

/// Wide ranks in and out of the window of a ring, and on its edges.
class WideRanks : public testing::TestWithParam<const char *> {};

TEST_P(WideRanks, JumpsKeepTheOrder) {
  std::string text = std::string("pifo.scheduler @s capacity(700) {\n"
                                 "  pifo.field @rank : i40\n"
                                 "  pifo.node @root rank(") +
                     GetParam() +
                     ") {\n"
                     "    pifo.scheduling {\n"
                     "      %r = pifo.read_field @rank : i40\n"
                     "      pifo.yield %r : i40\n"
                     "    }\n  }\n}";
  Scheduler a(text, "auto"), b(text, "list");
  std::mt19937_64 random(11);
  const int64_t window = 1 << 18, granule = window / 64;
  const int64_t jumps[] = {
      0,          1,           granule - 1, granule,
      window - 1, window,      window + 1,  window - granule,
      -1,         -granule,    -window,     3 * window,
      17,         2 * granule, 5,           40};
  int64_t last = 1 << 20, inside = 0;
  for (uint64_t step = 0; step < 60000; ++step) {
    // It runs empty now and then, and full.
    bool isBusy = step / 3000 % 2;
    if (random() % 8 < (isBusy ? 5u : 3u)) {
      int64_t rank = last + jumps[random() % 16] + int64_t(random() % 3);
      if (random() % 64 == 0)
        rank = int64_t(random() % (int64_t(1) << 30));
      Scheduler::Fields fields{{"rank", uint64_t(std::max<int64_t>(rank, 0))}};
      int expected = inside == 700 ? 2 : 0;
      ASSERT_EQ(a.enqueue(step, fields, 0), expected);
      ASSERT_EQ(b.enqueue(step, fields, 0), expected);
      inside += !expected;
      if (random() % 4 == 0)
        last = std::max<int64_t>(rank, 0);
      continue;
    }
    int64_t expected = b.dequeue(0);
    ASSERT_EQ(a.peek(), expected) << step;
    ASSERT_EQ(a.dequeue(0), expected) << step;
    inside -= expected >= 0;
    ASSERT_EQ(a.size(), inside);
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, WideRanks,
                         testing::Values("i40, saturate", "i40, wrap"));

/// Walks that rest until times of all sizes, before and after now, equal ones
/// among them; `GetParam()` of 8 steps ask when the first is due.
class RestingWalks : public testing::TestWithParam<unsigned> {};

TEST_P(RestingWalks, LeaveInTheOrderOfTheirTimes) {
  std::string text = R"(pifo.scheduler @s capacity(300) {
  pifo.field @time : i64
  pifo.field @twice : i1
  pifo.node @root rank(i16, wrap) {
    pifo.scheduling {
      %z = arith.constant 0 : i16
      pifo.yield %z : i16
    }
    pifo.node @rests rank(i16, wrap) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i16
        pifo.yield %z : i16
      }
      pifo.shaping {
        %t = pifo.read_field @time : i64
        %twice = pifo.read_field @twice : i1
        %late = arith.constant 1000 : i64
        %later = arith.addi %t, %late : i64
        %r = arith.select %twice, %later, %t : i64
        pifo.yield %r : i64
      }
      pifo.node @leaf rank(i8, saturate) {
        pifo.predicate {
          %t = arith.constant true
          pifo.yield %t : i1
        }
        pifo.scheduling {
          %z = arith.constant 0 : i8
          pifo.yield %z : i8
        }
        pifo.shaping {
          %t = pifo.read_field @time : i64
          pifo.yield %t : i64
        }
      }
    }
  }
})";
  Scheduler a(text, "auto"), b(text, "heap"), c(text, "list");
  std::mt19937_64 random(GetParam());
  int64_t now = -(int64_t(1) << 40), inside = 0, released = 0;
  for (uint64_t step = 0; step < 40000; ++step) {
    // Mostly small steps, so that times pile up on both sides of now.
    now += int64_t(random() % (random() % 512 == 0 ? 1 << 30 : 40));
    bool isBusy = step / 2000 % 2;
    if (random() % 8 < (isBusy ? 5u : 3u)) {
      int64_t time = now;
      switch (random() % 4) {
      case 0:
        time += int64_t(random() % 100) - 50;
        break;
      case 1:
        time += int64_t(random() >> (34 + random() % 30));
        break;
      case 2:
        time += int64_t(random() % 3000) / 64 * 64;
        break;
      default:
        time =
            random() % 64 ? now + int64_t(random() % 8) : int64_t(random()) / 4;
      }
      Scheduler::Fields fields{{"time", uint64_t(time)},
                               {"twice", random() % 2}};
      int expected = inside == 300 ? 2 : 0;
      ASSERT_EQ(a.enqueue(step, fields, now), expected);
      ASSERT_EQ(b.enqueue(step, fields, now), expected);
      ASSERT_EQ(c.enqueue(step, fields, now), expected);
      inside += !expected;
      continue;
    }
    if (random() % 8 < GetParam()) {
      ASSERT_EQ(a.nextRelease(), c.nextRelease()) << step;
      ASSERT_EQ(b.nextRelease(), c.nextRelease()) << step;
    }
    // Walks that wait for ever make place.
    int64_t until = step % 10000 == 9999 ? INT64_MAX : now;
    int64_t count = c.release(until);
    released += count;
    ASSERT_EQ(a.release(until), count) << step;
    ASSERT_EQ(b.release(until), count) << step;
    for (int64_t left = 0; left >= 0;) {
      left = c.dequeue(now);
      ASSERT_EQ(a.dequeue(now), left) << step;
      ASSERT_EQ(b.dequeue(now), left) << step;
      inside -= left >= 0;
    }
  }
  EXPECT_GT(released, 10000);
}

INSTANTIATE_TEST_SUITE_P(Asking, RestingWalks, testing::Values(0u, 1u, 8u));
