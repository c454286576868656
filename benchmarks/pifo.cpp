//===- pifo.cpp - Compiled schedulers against priority queues -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// nm-bench-pifo: one PIFO, two-level HPFQ and deeper trees, compiled, against
// the same programs over other queues. The order of departures is compared
// before anything is timed.

#include "PifoPeers.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Driver/PifoJit.h"
#include "nm/Registration.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <benchmark/benchmark.h>
#include <memory>
#include <random>

using namespace nm::bench;
using mlir::nm::driver::PifoJit;

namespace {

/// As the compiled code lays it out: rank, class and flow are fields.
struct RankPacket {
  uint64_t handle;
  uint32_t rank, pad;
};
struct FlowPacket {
  uint64_t handle;
  uint8_t length, group;
  uint16_t flow;
  uint32_t pad;
};
static_assert(sizeof(RankPacket) == 16 && sizeof(FlowPacket) == 16);

constexpr int kGroups = 16, kFlows = 512;
constexpr size_t kBatch = 32;

std::unique_ptr<PifoJit> compile(const std::string &text) {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto jit = module ? PifoJit::compile(*module)
                    : llvm::createStringError("the scheduler does not parse");
  if (!jit) {
    llvm::errs() << "error: " << llvm::toString(jit.takeError()) << "\n";
    exit(1);
  }
  return std::move(*jit);
}

std::string onePifo() {
  return R"(pifo.scheduler @s capacity(1048576) {
  pifo.field @rank : i18
  pifo.node @root rank(i18, saturate) {
    pifo.scheduling {
      %r = pifo.read_field @rank : i18
      pifo.yield %r : i18
    }
  }
})";
}

/// STFQ; lengths count 64 bytes, weights are 1.
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

/// A node for groups `first` to `last` and all below it; the leaf serves flows.
std::string tree(const std::string &name, int first, int last, int levels,
                 int fanOut, size_t resident) {
  std::string text =
      "pifo.node @" + name +
      stfqNode(levels == 1 ? "@flow" : "child",
               rankBits(resident, levels == 1
                                      ? kFlows
                                      : kGroups / (last - first + 1) * fanOut));
  if (name != "root")
    text += range(first, last);
  int width = (last - first + 1) / fanOut;
  for (int i = 0; levels > 1 && i < fanOut; ++i)
    text += tree(name + std::to_string(i), first + i * width,
                 first + (i + 1) * width - 1, levels - 1, fanOut, resident);
  return text + "}\n";
}

std::string hierarchy(int levels, int fanOut, size_t resident) {
  return llvm::formatv(R"(pifo.scheduler @s capacity(1048576) {{
  pifo.field @length : i5
  pifo.field @group : i8 below {0}
  pifo.field @flow : i16 below {1}
)",
                       kGroups, kFlows)
             .str() +
         tree("root", 0, kGroups - 1, levels, fanOut, resident) + "}\n";
}

/// STFQ in two levels over another queue.
template <typename Queue> class HpfqPeer {
public:
  explicit HpfqPeer(size_t resident) : root(resident) {
    for (int i = 0; i < kGroups; ++i)
      leaves.emplace_back(resident);
  }
  void enqueue(const FlowPacket &packet) {
    leaves[packet.group].push(
        {start(leafTime[packet.group], leafFinish[packet.flow], packet.length),
         packet.handle});
    root.push({start(rootTime, rootFinish[packet.group], packet.length),
               packet.group});
  }
  uint64_t dequeue() {
    Entry reference = root.pop();
    rootTime = reference.rank;
    Entry packet = leaves[reference.handle].pop();
    leafTime[reference.handle] = packet.rank;
    return packet.handle;
  }

private:
  static uint64_t start(uint64_t now, uint64_t &finish, uint64_t length) {
    uint64_t begin = std::max(now, finish);
    finish = begin + length;
    return begin;
  }
  Queue root;
  std::vector<Queue> leaves;
  uint64_t rootTime = 0, rootFinish[kGroups] = {}, leafTime[kGroups] = {},
           leafFinish[kFlows] = {};
};

std::vector<RankPacket> rankTraffic(bool monotone) {
  std::mt19937 random(5);
  std::vector<RankPacket> packets(1 << 20);
  for (size_t i = 0; i < packets.size(); ++i)
    packets[i] = {i, uint32_t(monotone ? 0 : random() & 0x3ffff), 0};
  return packets;
}

/// Flow f belongs to group f mod 16.
std::vector<FlowPacket> flowTraffic() {
  std::mt19937 random(6);
  std::vector<FlowPacket> packets(1 << 20);
  for (size_t i = 0; i < packets.size(); ++i) {
    uint16_t flow = random() % kFlows;
    packets[i] = {i, uint8_t(1 + random() % 24), uint8_t(flow % kGroups), flow,
                  0};
  }
  return packets;
}

/// A compiled scheduler with packets inside.
struct Running {
  Running(PifoJit &jit, int64_t capacity)
      : jit(jit), memory(jit.create(capacity)) {
    if (!memory)
      abort();
  }
  ~Running() { jit.destroy(memory); }
  PifoJit &jit;
  void *memory;
};

void fail(const char *what) {
  llvm::errs() << "error: departures of " << what
               << " are not those of std::priority_queue\n";
  exit(1);
}

struct Bench {
  std::unique_ptr<PifoJit> one = compile(onePifo());
  std::unique_ptr<PifoJit> hpfq = compile(hierarchy(2, kGroups, 1 << 16));
  std::vector<std::unique_ptr<PifoJit>> deep;
  std::vector<RankPacket> uniform = rankTraffic(false);
  std::vector<FlowPacket> flows = flowTraffic();
};

/// The rank of the packet that is pushed after one of rank `popped` left:
/// uniform, or a little ahead of it, below 2^18.
inline uint32_t nextRank(bool monotone, uint32_t popped, uint32_t drawn) {
  return monotone ? (popped + (drawn & 1023)) & 0x3ffff : drawn;
}

template <typename Queue>
void onePeer(benchmark::State &state, Bench &bench, size_t resident,
             bool monotone) {
  Queue queue(resident + 1);
  size_t i = 0;
  for (; i < resident; ++i)
    queue.push({bench.uniform[i & 0xfffff].rank >> (monotone ? 8 : 0), i});
  for (auto _ : state) {
    Entry head = queue.pop();
    benchmark::DoNotOptimize(head);
    queue.push(
        {nextRank(monotone, head.rank, bench.uniform[i++ & 0xfffff].rank),
         head.handle});
  }
  state.SetItemsProcessed(state.iterations());
}

void oneCompiled(benchmark::State &state, Bench &bench, size_t resident,
                 bool monotone) {
  Running run(*bench.one, resident);
  size_t i = 0;
  RankPacket packet;
  for (; i < resident; ++i) {
    packet = bench.uniform[i & 0xfffff];
    packet.rank >>= monotone ? 8 : 0;
    run.jit.enqueue(run.memory, &packet, 0);
  }
  for (auto _ : state) {
    run.jit.dequeue(run.memory, 0, &packet);
    packet.rank =
        nextRank(monotone, packet.rank, bench.uniform[i++ & 0xfffff].rank);
    run.jit.enqueue(run.memory, &packet, 0);
  }
  state.SetItemsProcessed(state.iterations());
}

template <typename Queue>
void hpfqPeer(benchmark::State &state, Bench &bench, size_t resident) {
  HpfqPeer<Queue> peer(resident + 1);
  size_t i = 0;
  for (; i < resident; ++i)
    peer.enqueue(bench.flows[i & 0xfffff]);
  for (auto _ : state) {
    benchmark::DoNotOptimize(peer.dequeue());
    peer.enqueue(bench.flows[i++ & 0xfffff]);
  }
  state.SetItemsProcessed(state.iterations());
}

void treeCompiled(benchmark::State &state, Bench &bench, PifoJit &jit,
                  size_t resident) {
  Running run(jit, resident);
  size_t i = 0;
  FlowPacket out;
  for (; i < resident; ++i)
    jit.enqueue(run.memory, &bench.flows[i & 0xfffff], 0);
  for (auto _ : state) {
    jit.dequeue(run.memory, 0, &out);
    benchmark::DoNotOptimize(out);
    jit.enqueue(run.memory, &bench.flows[i++ & 0xfffff], 0);
  }
  state.SetItemsProcessed(state.iterations());
}

void treeBatch(benchmark::State &state, Bench &bench, PifoJit &jit,
               size_t resident) {
  Running run(jit, resident);
  size_t i = 0;
  int64_t taken;
  FlowPacket out[kBatch];
  for (; i < resident; ++i)
    jit.enqueue(run.memory, &bench.flows[i & 0xfffff], 0);
  // Batches begin at multiples of their size, and do not go around the end.
  i = 0;
  while (state.KeepRunningBatch(kBatch)) {
    jit.dequeueBatch(run.memory, 0, out, kBatch);
    benchmark::DoNotOptimize(out);
    jit.enqueueBatch(run.memory, &bench.flows[i & 0xfffff], kBatch, 0, &taken);
    i += kBatch;
  }
  state.SetItemsProcessed(state.iterations());
}

template <typename Queue> void verifyOne(Bench &bench, size_t resident) {
  StdPriorityQueue expected(resident);
  Queue queue(resident + 1);
  for (size_t i = 0; i < resident; ++i)
    for (int twice = 0; twice < 1; ++twice) {
      Entry entry{bench.uniform[i].rank & 0x3fff, i};
      expected.push(entry);
      queue.push(entry);
    }
  while (!expected.empty())
    if (queue.pop().handle != expected.pop().handle)
      fail(Queue::kName);
}

void verify(Bench &bench) {
  verifyOne<StdMultimap>(bench, 50000);
  verifyOne<FourAryHeap>(bench, 50000);
  verifyOne<FindFirstSet>(bench, 50000);
  Running one(*bench.one, 0), hpfq(*bench.hpfq, 0), batch(*bench.hpfq, 0);
  StdPriorityQueue expectedOne(0);
  HpfqPeer<StdPriorityQueue> expected(0);
  std::mt19937 random(8);
  size_t inside = 0, in = 0;
  int64_t taken;
  for (size_t round = 0; round < 20000; ++round) {
    if (inside < 40000 && random() % 3) {
      for (size_t k = 0; k < kBatch; ++k, ++inside, ++in) {
        RankPacket packet = bench.uniform[in & 0xfffff];
        one.jit.enqueue(one.memory, &packet, 0);
        expectedOne.push({packet.rank, packet.handle});
        const FlowPacket &flow = bench.flows[in & 0xfffff];
        hpfq.jit.enqueue(hpfq.memory, &flow, 0);
        expected.enqueue(flow);
        if (k == 0)
          batch.jit.enqueueBatch(batch.memory, &flow, kBatch, 0, &taken);
      }
      continue;
    }
    if (inside < kBatch)
      continue;
    FlowPacket out[kBatch], flow;
    batch.jit.dequeueBatch(batch.memory, 0, out, kBatch);
    for (size_t k = 0; k < kBatch; ++k, --inside) {
      RankPacket packet;
      one.jit.dequeue(one.memory, 0, &packet);
      if (packet.handle != expectedOne.pop().handle)
        fail("the compiled PIFO");
      hpfq.jit.dequeue(hpfq.memory, 0, &flow);
      uint64_t handle = expected.dequeue();
      if (flow.handle != handle)
        fail("compiled HPFQ");
      if (out[k].handle != handle)
        fail("compiled HPFQ in batches");
    }
  }
}

void add(const std::string &name, std::function<void(benchmark::State &)> run) {
  benchmark::RegisterBenchmark(name.c_str(), std::move(run));
}

template <typename Queue>
void addOnePeer(Bench &bench, const std::string &name, size_t resident,
                bool monotone) {
  add(name + Queue::kName, [=, &bench](benchmark::State &state) {
    onePeer<Queue>(state, bench, resident, monotone);
  });
}

void registerAll(Bench &bench) {
  for (bool monotone : {false, true})
    for (size_t resident : {1 << 10, 1 << 14, 1 << 16, 1 << 20}) {
      std::string name = llvm::formatv(
          "one/{0}/{1}/", monotone ? "monotone" : "uniform", resident);
      addOnePeer<StdPriorityQueue>(bench, name, resident, monotone);
      addOnePeer<FourAryHeap>(bench, name, resident, monotone);
      addOnePeer<StdMultimap>(bench, name, resident, monotone);
      addOnePeer<FindFirstSet>(bench, name, resident, monotone);
      add(name + "compiled", [=, &bench](benchmark::State &state) {
        oneCompiled(state, bench, resident, monotone);
      });
    }
  for (size_t resident : {256, 1 << 12, 1 << 16}) {
    std::string name = llvm::formatv("hpfq2/{0}/", resident);
    bench.deep.push_back(compile(hierarchy(2, kGroups, resident)));
    PifoJit *jit = bench.deep.back().get();
    add(name + StdPriorityQueue::kName, [=, &bench](benchmark::State &state) {
      hpfqPeer<StdPriorityQueue>(state, bench, resident);
    });
    add(name + FourAryHeap::kName, [=, &bench](benchmark::State &state) {
      hpfqPeer<FourAryHeap>(state, bench, resident);
    });
    add(name + StdMultimap::kName, [=, &bench](benchmark::State &state) {
      hpfqPeer<StdMultimap>(state, bench, resident);
    });
    add(name + "compiled", [=, &bench](benchmark::State &state) {
      treeCompiled(state, bench, *jit, resident);
    });
    add(name + "batch", [=, &bench](benchmark::State &state) {
      treeBatch(state, bench, *jit, resident);
    });
  }
  for (int levels = 1; levels <= 5; ++levels) {
    bench.deep.push_back(compile(hierarchy(levels, 2, 1 << 12)));
    PifoJit *jit = bench.deep.back().get();
    add(llvm::formatv("levels/{0}/compiled", levels),
        [=, &bench](benchmark::State &state) {
          treeCompiled(state, bench, *jit, 1 << 12);
        });
  }
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  Bench bench;
  verify(bench);
  registerAll(bench);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
