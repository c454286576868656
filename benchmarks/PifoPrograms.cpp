//===- PifoPrograms.cpp - Schedulers that are timed -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PifoPrograms.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>

using namespace nm::bench;

namespace {

std::string stfqNode(const std::string &key, int bits) {
  return " rank(i" + std::to_string(bits) +
         ", wrap) {\n    pifo.state @finish by " + key +
         " written_by(enqueue) = 0 : i64" + R"(
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.scheduling {
      %v = pifo.load @virtual : i64
      %f = pifo.load @finish : i64
      %s = arith.maxsi %v, %f : i64
      %l = pifo.read_field @length : i64
      %e = arith.addi %s, %l : i64
      pifo.store %e, @finish : i64
      pifo.yield %s : i64
    }
    pifo.dequeue {
      %s = pifo.rank : i64
      pifo.store %s, @virtual : i64
    }
)";
}

std::string range(int first, int last) {
  return llvm::formatv(R"(pifo.predicate {{
      %g = pifo.read_field @group : i16
      %a = arith.constant {0} : i16
      %b = arith.constant {1} : i16
      %p = arith.cmpi uge, %g, %a : i16
      %q = arith.cmpi ule, %g, %b : i16
      %r = arith.andi %p, %q : i1
      pifo.yield %r : i1
    }
)",
                       first, last);
}

/// Enough bits for the ranks of a node: of `resident` packets, those of one of
/// `count` equal flows or children lie less than half the range apart.
int rankBits(size_t resident, size_t count) {
  size_t most = resident / count * 5 / 4 + 20, bits = 8;
  while ((size_t(31) << bits) / 64 < 14 * most)
    ++bits;
  return std::min<int>(bits, 18);
}

/// The time at which a packet may leave its leaf.
constexpr const char *kShaping = R"(
    pifo.state @free written_by(enqueue) = 0 : i64
    pifo.shaping {
      %now = pifo.now : i64
      %free = pifo.load @free : i64
      %send = arith.maxsi %now, %free : i64
      %length = pifo.read_field @length : i64
      %slow = arith.constant 16 : i64
      %cost = arith.muli %length, %slow : i64
      %next = arith.addi %send, %cost : i64
      pifo.store %next, @free : i64
      pifo.yield %send : i64
    }
)";
static_assert(kGroups == 16);

/// A node for groups `first` to `last` and all below it; the leaf serves flows.
std::string tree(const std::string &name, int first, int last, int levels,
                 int fanOut, size_t resident, const char *shaping) {
  std::string text =
      "pifo.node @" + name +
      stfqNode(levels == 1 ? "@flow" : "child",
               rankBits(resident, levels == 1
                                      ? kFlows
                                      : kGroups / (last - first + 1) * fanOut));
  if (name != "root")
    text += range(first, last);
  if (levels == 1)
    text += shaping;
  int width = (last - first + 1) / fanOut;
  for (int i = 0; levels > 1 && i < fanOut; ++i)
    text += tree(name + std::to_string(i), first + i * width,
                 first + (i + 1) * width - 1, levels - 1, fanOut, resident,
                 shaping);
  return text + "}\n";
}

std::string scheduler(int levels, int fanOut, size_t resident,
                      const char *shaping) {
  return llvm::formatv(R"(pifo.scheduler @s capacity(1048576) {{
  pifo.field @length : i5
  pifo.field @group : i8 below {0}
  pifo.field @flow : i16 below {1}
)",
                       kGroups, kFlows)
             .str() +
         tree("root", 0, kGroups - 1, levels, fanOut, resident, shaping) +
         "}\n";
}

} // namespace

std::string nm::bench::onePifo() {
  return R"(pifo.scheduler @s capacity(1048576) {
  pifo.field @rank : i64
  pifo.node @root rank(i18, wrap) {
    pifo.scheduling {
      %r = pifo.read_field @rank : i64
      pifo.yield %r : i64
    }
  }
})";
}

std::string nm::bench::hierarchy(int levels, int fanOut, size_t resident) {
  return scheduler(levels, fanOut, resident, "");
}

std::string nm::bench::shapedHierarchy(size_t resident) {
  return scheduler(2, kGroups, resident, kShaping);
}
