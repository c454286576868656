//===- BatchTest.cpp - Batches against packets one by one -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Driver/PifoJit.h"
#include "nm/Registration.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using mlir::nm::driver::PifoJit;

namespace {

constexpr int64_t kCapacity = 150;

std::unique_ptr<PifoJit> compile(
    llvm::function_ref<mlir::OwningOpRef<mlir::ModuleOp>(mlir::MLIRContext &)>
        parse) {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = parse(context);
  if (!module) {
    ADD_FAILURE() << "does not parse";
    return nullptr;
  }
  auto jit = PifoJit::compile(*module, "");
  if (!jit) {
    ADD_FAILURE() << llvm::toString(jit.takeError());
    return nullptr;
  }
  return std::move(*jit);
}

/// Random packets with handles from `handle` on.
std::vector<char> randomPackets(const PifoJit &jit, int64_t count,
                                uint64_t &handle, std::mt19937_64 &random) {
  const size_t size = jit.packetSize;
  std::vector<char> packets(count * size);
  for (int64_t i = 0; i < count; ++i, ++handle) {
    char *packet = packets.data() + i * size;
    std::memcpy(packet, &handle, 8);
    // One packet in 200 or so has a field that may be beyond its bound.
    for (const PifoJit::Field &field : jit.fields) {
      uint64_t most = random() % 200 ? field.maxValue : ~uint64_t(0);
      uint64_t value = most == ~uint64_t(0) ? random() : random() % (most + 1);
      if (random() % 2)
        value &= 15;
      std::memcpy(packet + field.offset, &value, field.bytes);
    }
  }
  return packets;
}

/// Packets that find nobody inside of `many`, against each going in and out of
/// `one`. Says whether the scheduler lets any pass.
bool expectSamePasses(PifoJit &jit, void *many, void *one, int64_t count,
                      int64_t &now, uint64_t &handle, std::mt19937_64 &random) {
  const size_t size = jit.packetSize;
  std::vector<char> in = randomPackets(jit, count, handle, random), out(size);
  std::vector<int64_t> times;
  for (int64_t i = 0; i < count; ++i)
    times.push_back(now += random() % 100);
  const int64_t passed = jit.pass(many, in.data(), times.data(), count);
  for (int64_t i = 0; i < passed; ++i) {
    EXPECT_EQ(jit.enqueue(one, in.data() + i * size, times[i]), 0);
    EXPECT_EQ(jit.dequeue(one, times[i], out.data()), 0);
    EXPECT_EQ(std::memcmp(out.data(), in.data() + i * size, 8), 0);
  }
  if (passed >= 0 && passed < count)
    EXPECT_EQ(jit.enqueue(one, in.data() + passed * size, times[passed]), 3);
  return passed >= 0;
}

/// The same random traffic in batches, and one by one in a second instance.
void expectSameDepartures(PifoJit &jit, unsigned seed) {
  void *one = jit.create(kCapacity), *many = jit.create(kCapacity);
  const size_t size = jit.packetSize;
  std::mt19937_64 random(seed);
  int64_t now = 0, served = 0, full = 0, passes = 0;
  uint64_t handle = 0;
  std::vector<char> in, out, expected(size);
  for (int step = 0; step < 1500 && !testing::Test::HasFailure(); ++step) {
    now += random() % 3000;
    const int64_t count = random() % 8 ? random() % 70 : random() % 3;
    if (jit.size(one) == 0 &&
        expectSamePasses(jit, many, one, random() % 20, now, handle, random))
      ++passes;
    else if (jit.size(one) != 0)
      EXPECT_LE(jit.pass(many, nullptr, nullptr, 5), 0);
    if (random() % 2) {
      in = randomPackets(jit, count, handle, random);
      int64_t taken = -1, fits = 0;
      int status = jit.enqueueBatch(many, in.data(), count, now, &taken);
      int wanted = 0;
      while (fits < count &&
             !(wanted = jit.enqueue(one, in.data() + fits * size, now)))
        ++fits;
      EXPECT_EQ(status, wanted);
      EXPECT_EQ(taken, fits);
      full += status == 2;
    } else {
      // To where shaping lets somebody go on.
      int64_t next;
      if (random() % 4 && jit.nextRelease(one, &next))
        now = std::max(now, next + int64_t(random() % 100000));
      EXPECT_EQ(jit.release(many, now), jit.release(one, now));
      out.assign(count * size, 0);
      int64_t left = jit.dequeueBatch(many, now, out.data(), count);
      for (int64_t i = 0; i < left; ++i) {
        expected.assign(size, 0);
        ASSERT_EQ(jit.dequeue(one, now, expected.data()), 0);
        ASSERT_EQ(std::memcmp(out.data() + i * size, expected.data(), size), 0)
            << "packet " << i << " of step " << step;
      }
      // No more than asked for, and all that may leave.
      EXPECT_TRUE(left == count || jit.peek(one, expected.data()) == 1);
      served += left;
    }
    EXPECT_EQ(jit.size(many), jit.size(one));
  }
  EXPECT_GT(served, 1000);
  EXPECT_GT(full, 0);
  if (jit.pass(many, nullptr, nullptr, 0) == 0)
    EXPECT_GT(passes, 20);
  jit.destroy(one);
  jit.destroy(many);
}

std::vector<std::string> examples() {
  std::vector<std::string> names;
  std::error_code error;
  llvm::sys::fs::directory_iterator it(NM_SOURCE "/examples/pifo", error), end;
  for (; it != end && !error; it.increment(error))
    if (llvm::StringRef(it->path()).ends_with(".mlir"))
      names.push_back(llvm::sys::path::stem(it->path()).str());
  llvm::sort(names);
  return names;
}

/// Two or three levels, each one class of nodes: batches go level by level. The
/// leaf is found by a table, or if `byPredicates` by asking.
std::string chain(int levels, bool byPredicates, const std::string &rank) {
  auto node = [&](auto &&self, const std::string &name, int first, int width,
                  int level) -> std::string {
    std::string text = "pifo.node @" + name + " rank(" + rank + ") {\n";
    bool isLeaf = level == levels;
    std::string key = isLeaf ? "@flow" : "child";
    if (level > 1)
      text += R"(pifo.predicate {
        %c = pifo.read_field @class : i5
        %a = arith.constant )" +
              std::to_string(first) + R"( : i5
        %b = arith.constant )" +
              std::to_string(first + width - 1) + R"( : i5
        %p = arith.cmpi uge, %c, %a : i5
        %q = arith.cmpi ule, %c, %b : i5
)" +
              std::string(byPredicates ? R"(
        %n = pifo.read_field @noise : i8
        %z = arith.constant 0 : i8
        %t = arith.cmpi uge, %n, %z : i8
        %r0 = arith.andi %p, %q : i1
        %r = arith.andi %r0, %t : i1
)"
                                       : "%r = arith.andi %p, %q : i1\n") +
              R"(
        pifo.yield %r : i1
      }
)";
    // A dequeue transaction with all there is: rank, key, packet, two states.
    text += R"(
      pifo.state @finish by )" +
            key + R"( written_by(enqueue) = 0 : i64
      pifo.state @virtual written_by(dequeue) = 3 : i64
      pifo.state @served by )" +
            key + R"( written_by(dequeue) = 0 : i64
      pifo.scheduling {
        %v = pifo.load @virtual : i64
        %f = pifo.load @finish : i64
        %d = pifo.load @served : i64
        %one = arith.constant 1 : i64
        %odd = arith.andi %d, %one : i64
        %m = arith.maxsi %v, %f : i64
        %s = arith.addi %m, %odd : i64
        %l = pifo.read_field @length : i64
        %e = arith.addi %s, %l : i64
        pifo.store %e, @finish : i64
        pifo.yield %s : i64
      }
      pifo.dequeue {
        %s = pifo.rank : i64
        pifo.store %s, @virtual : i64
        %d = pifo.load @served : i64
        %l = pifo.read_field @length : i64
        %e = arith.addi %d, %l : i64
        pifo.store %e, @served : i64
      }
)";
    int children = level == 1 ? 4 : 2;
    for (int i = 0; !isLeaf && i < children; ++i)
      text += self(self, name + std::to_string(i), first + i * width / children,
                   width / children, level + 1);
    return text + "}\n";
  };
  return R"(pifo.scheduler @s capacity(64) {
  pifo.field @length : i6
  pifo.field @class : i5 below 24
  pifo.field @flow : i8 below 40
  pifo.field @noise : i8
)" + node(node, "root", 0, 24, 1) +
         "}\n";
}

} // namespace

class ExampleBatches : public testing::TestWithParam<std::string> {};

TEST_P(ExampleBatches, LikePacketsOneByOne) {
  auto jit = compile([&](mlir::MLIRContext &context) {
    return mlir::parseSourceFile<mlir::ModuleOp>(
        NM_SOURCE "/examples/pifo/" + GetParam() + ".mlir", &context);
  });
  ASSERT_TRUE(jit);
  expectSameDepartures(*jit, 5);
}

INSTANTIATE_TEST_SUITE_P(All, ExampleBatches, testing::ValuesIn(examples()),
                         [](const auto &info) {
                           std::string name = info.param;
                           llvm::replace(name, '-', '_');
                           return name;
                         });

TEST(ChainBatches, LikePacketsOneByOne) {
  unsigned seed = 0;
  for (const char *rank :
       {"i12, wrap", "i18, wrap", "i40, wrap", "i14, saturate"})
    for (int levels : {2, 3})
      for (bool byPredicates : {false, true}) {
        std::string text = chain(levels, byPredicates, rank);
        SCOPED_TRACE(text);
        auto jit = compile([&](mlir::MLIRContext &context) {
          return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
        });
        ASSERT_TRUE(jit);
        expectSameDepartures(*jit, ++seed);
      }
}
