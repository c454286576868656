//===- PifoCases.cpp - Who competes at what -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PifoCases.h"
#include "PifoPeers.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Driver/PifoJit.h"
#include "nm/Registration.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <memory>
#include <numeric>
#include <random>

using namespace nm::bench;
using mlir::nm::driver::PifoJit;

namespace {

constexpr size_t kBatch = 32;
constexpr const char *kCompiled = "compiled", *kInBatches = "in batches of 32";

/// A compiled scheduler and its packets.
class Scheduler {
public:
  explicit Scheduler(const std::string &text) {
    mlir::DialectRegistry registry;
    mlir::nm::registerDialects(registry);
    mlir::MLIRContext context(registry);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    auto compiled =
        module ? PifoJit::compile(*module)
               : llvm::createStringError("the scheduler does not parse");
    if (!compiled) {
      llvm::errs() << "error: " << llvm::toString(compiled.takeError()) << "\n";
      exit(1);
    }
    jit = std::move(*compiled);
    memory = jit->create(0);
    if (!memory)
      abort();
  }
  ~Scheduler() { jit->destroy(memory); }

  template <typename Packet>
  void enqueue(const Packet &packet, int64_t now = 0) {
    jit->enqueue(memory, &packet, now);
  }
  /// Whether there was one.
  template <typename Packet> bool dequeue(Packet &packet, int64_t now = 0) {
    return jit->dequeue(memory, now, &packet) == 0;
  }
  void release(int64_t now) { jit->release(memory, now); }
  template <typename Packet> void enqueueBatch(const Packet *packets) {
    int64_t taken;
    jit->enqueueBatch(memory, packets, kBatch, 0, &taken);
  }
  template <typename Packet> void dequeueBatch(Packet *packets) {
    jit->dequeueBatch(memory, 0, packets, kBatch);
  }

private:
  std::unique_ptr<PifoJit> jit;
  void *memory;
};

/// Random steps from the rank that left to the next.
class Steps {
public:
  explicit Steps(bool wide) : mask(wide ? 0xffff : 0x3ff), drawn(1 << 16) {
    std::mt19937 random(5);
    for (uint32_t &value : drawn)
      value = random();
  }
  uint64_t next() { return drawn[i++ & 0xffff] & mask; }

private:
  uint32_t mask;
  std::vector<uint32_t> drawn;
  size_t i = 0;
};

/// Flow f belongs to group f mod 16. Every flow sends one packet a round, in
/// random order, and each of 24 lengths once in 24 rounds: backlogs stay what
/// they are. With flows at random they would walk away from each other, and
/// virtual times out of the window that ranks have.
class Flows {
public:
  Flows() : packets(kRounds * kFlows) {
    std::mt19937 random(6);
    std::vector<uint16_t> order(kFlows);
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = 0; i < packets.size(); ++i) {
      if (i % kFlows == 0)
        std::shuffle(order.begin(), order.end(), random);
      uint16_t flow = order[i % kFlows];
      uint8_t length = 1 + (i / kFlows * 7 + flow * 5) % 24;
      packets[i] = {i, length, uint8_t(flow % kGroups), flow, 0};
    }
  }
  const FlowPacket &next() {
    const FlowPacket &packet = packets[i];
    skip(1);
    return packet;
  }
  /// kBatch of them, after a multiple of that.
  const FlowPacket *nextBatch() {
    const FlowPacket *first = &packets[i];
    skip(kBatch);
    return first;
  }

private:
  static constexpr size_t kRounds = 24 * 8;
  void skip(size_t count) {
    i += count;
    if (i == packets.size())
      i = 0;
  }
  std::vector<FlowPacket> packets;
  size_t i = 0;
};
static_assert(kFlows % kBatch == 0);

/// Keeps `value` from being optimised away.
template <typename T> void use(const T &value) {
  asm volatile("" : : "r"(&value) : "memory");
}

//===----------------------------------------------------------------------===//
// One PIFO
//===----------------------------------------------------------------------===//

template <typename Queue> Competitor onePeer(size_t resident, bool wide) {
  auto queue = std::make_shared<Queue>(resident + 1);
  auto steps = std::make_shared<Steps>(wide);
  for (size_t i = 0; i < resident; ++i)
    queue->push({steps->next(), i});
  return {Queue::kName, [=](size_t count) {
            for (size_t i = 0; i < count; ++i) {
              Entry head = queue->pop();
              queue->push({head.rank + steps->next(), head.handle});
            }
          }};
}

std::shared_ptr<Scheduler> oneFilled(size_t resident, Steps &steps) {
  auto scheduler = std::make_shared<Scheduler>(onePifo());
  for (size_t i = 0; i < resident; ++i)
    scheduler->enqueue(RankPacket{i, int64_t(steps.next())});
  return scheduler;
}

Competitor oneCompiled(size_t resident, bool wide) {
  auto steps = std::make_shared<Steps>(wide);
  auto scheduler = oneFilled(resident, *steps);
  return {kCompiled, [=](size_t count) {
            RankPacket packet;
            for (size_t i = 0; i < count; ++i) {
              scheduler->dequeue(packet);
              packet.rank += steps->next();
              scheduler->enqueue(packet);
            }
          }};
}

std::vector<Competitor> buildOne(size_t resident, bool wide) {
  return {oneCompiled(resident, wide),
          onePeer<StdPriorityQueue>(resident, wide),
          onePeer<FourAryHeap>(resident, wide),
          onePeer<StdMultimap>(resident, wide),
          onePeer<FindFirstSet>(resident, wide),
          onePeer<CircularFindFirstSet>(resident, wide)};
}

//===----------------------------------------------------------------------===//
// Trees
//===----------------------------------------------------------------------===//

template <typename Queue> Competitor hpfqPeer(size_t resident) {
  auto peer = std::make_shared<HpfqPeer<Queue>>(resident + 1);
  auto flows = std::make_shared<Flows>();
  for (size_t i = 0; i < resident; ++i)
    peer->enqueue(flows->next());
  return {Queue::kName, [=](size_t count) {
            for (size_t i = 0; i < count; ++i) {
              use(peer->dequeue());
              peer->enqueue(flows->next());
            }
          }};
}

Competitor treeCompiled(const std::string &text, size_t resident) {
  auto scheduler = std::make_shared<Scheduler>(text);
  auto flows = std::make_shared<Flows>();
  for (size_t i = 0; i < resident; ++i)
    scheduler->enqueue(flows->next());
  return {kCompiled, [=](size_t count) {
            FlowPacket out;
            for (size_t i = 0; i < count; ++i) {
              scheduler->dequeue(out);
              use(out);
              scheduler->enqueue(flows->next());
            }
          }};
}

Competitor treeBatches(const std::string &text, size_t resident) {
  auto scheduler = std::make_shared<Scheduler>(text);
  auto flows = std::make_shared<Flows>();
  for (size_t i = 0; i < resident; ++i)
    scheduler->enqueue(flows->next());
  return {kInBatches, [=](size_t count) {
            FlowPacket out[kBatch];
            for (size_t i = 0; i < count; i += kBatch) {
              scheduler->dequeueBatch(out);
              use(out);
              scheduler->enqueueBatch(flows->nextBatch());
            }
          }};
}

std::vector<Competitor> buildHpfq(size_t resident) {
  std::string text = hierarchy(2, kGroups, resident);
  return {treeCompiled(text, resident),
          treeBatches(text, resident),
          hpfqPeer<StdPriorityQueue>(resident),
          hpfqPeer<FourAryHeap>(resident),
          hpfqPeer<StdMultimap>(resident),
          hpfqPeer<CircularFindFirstSet>(resident)};
}

std::vector<Competitor> buildLevels(int levels) {
  const size_t resident = 1 << 12;
  std::string text = hierarchy(levels, 2, resident);
  return {treeCompiled(text, resident), treeBatches(text, resident)};
}

/// The clock goes on by each packet's length, which is as fast as the leaves
/// together pass packets on: what rests neither grows nor ends.
template <typename Body>
void shapedSteps(Flows &flows, int64_t &now, size_t count, Body body) {
  for (size_t i = 0; i < count; ++i) {
    const FlowPacket &packet = flows.next();
    now += packet.length;
    body(packet);
  }
}

template <typename Queue> Competitor shapedPeer(size_t resident) {
  auto peer = std::make_shared<HpfqPeer<Queue, true>>(resident + 1);
  auto flows = std::make_shared<Flows>();
  for (size_t i = 0; i < resident; ++i)
    peer->enqueue(flows->next());
  return {Queue::kName, [=, now = int64_t(0)](size_t count) mutable {
            shapedSteps(*flows, now, count, [&](const FlowPacket &packet) {
              peer->enqueue(packet, now);
              peer->release(now);
              if (!peer->empty())
                use(peer->dequeue());
            });
          }};
}

Competitor shapedCompiled(size_t resident) {
  auto scheduler = std::make_shared<Scheduler>(shapedHierarchy(resident));
  auto flows = std::make_shared<Flows>();
  for (size_t i = 0; i < resident; ++i)
    scheduler->enqueue(flows->next());
  return {kCompiled, [=, now = int64_t(0)](size_t count) mutable {
            FlowPacket out;
            shapedSteps(*flows, now, count, [&](const FlowPacket &packet) {
              scheduler->enqueue(packet, now);
              scheduler->release(now);
              scheduler->dequeue(out, now);
              use(out);
            });
          }};
}

std::vector<Competitor> buildShaped(size_t resident) {
  return {shapedCompiled(resident), shapedPeer<StdPriorityQueue>(resident),
          shapedPeer<FourAryHeap>(resident)};
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

constexpr size_t kVerified = 200000;

bool differs(const std::string &what) {
  llvm::errs() << "error: departures of " << what
               << " are not those of std::priority_queue\n";
  return false;
}

template <typename Queue> bool verifyOnePeer(size_t resident, bool wide) {
  StdPriorityQueue expected(0);
  Queue queue(resident + 1);
  Steps steps(wide);
  auto push = [&](Entry entry) {
    expected.push(entry);
    queue.push(entry);
  };
  for (size_t i = 0; i < resident; ++i)
    push({steps.next(), i});
  for (size_t i = 0; i < kVerified; ++i) {
    Entry head = expected.pop();
    if (queue.pop().handle != head.handle)
      return differs(Queue::kName);
    push({head.rank + steps.next(), head.handle});
  }
  return true;
}

bool verifyOneCompiled(size_t resident, bool wide) {
  Steps steps(wide), same(wide);
  auto scheduler = oneFilled(resident, steps);
  StdPriorityQueue expected(0);
  for (size_t i = 0; i < resident; ++i)
    expected.push({same.next(), i});
  RankPacket packet;
  for (size_t i = 0; i < kVerified; ++i) {
    Entry head = expected.pop();
    if (!scheduler->dequeue(packet) || packet.handle != head.handle)
      return differs("the compiled PIFO");
    packet.rank += steps.next();
    scheduler->enqueue(packet);
    expected.push({uint64_t(packet.rank), head.handle});
  }
  return true;
}

bool verifyHpfq(size_t resident) {
  std::string text = hierarchy(2, kGroups, resident);
  Scheduler one(text), batches(text);
  HpfqPeer<StdPriorityQueue> expected(0);
  HpfqPeer<FourAryHeap> heap(0);
  HpfqPeer<StdMultimap> map(0);
  HpfqPeer<CircularFindFirstSet> circular(resident + kBatch);
  Flows flows;
  FlowPacket out, many[kBatch];
  for (size_t i = 0; i < kVerified; i += kBatch) {
    const FlowPacket *packets = flows.nextBatch();
    batches.enqueueBatch(packets);
    for (size_t k = 0; k < kBatch; ++k) {
      one.enqueue(packets[k]);
      expected.enqueue(packets[k]);
      heap.enqueue(packets[k]);
      map.enqueue(packets[k]);
      circular.enqueue(packets[k]);
    }
    if (i < resident)
      continue;
    batches.dequeueBatch(many);
    for (size_t k = 0; k < kBatch; ++k) {
      uint64_t handle = expected.dequeue();
      if (!one.dequeue(out) || out.handle != handle)
        return differs("compiled HPFQ");
      if (many[k].handle != handle)
        return differs("compiled HPFQ in batches");
      if (heap.dequeue() != handle || map.dequeue() != handle ||
          circular.dequeue() != handle)
        return differs("HPFQ over another queue");
    }
  }
  return true;
}

bool verifyShaped(size_t resident) {
  Scheduler compiled(shapedHierarchy(resident));
  HpfqPeer<StdPriorityQueue, true> expected(0);
  HpfqPeer<FourAryHeap, true> heap(0);
  Flows flows;
  for (size_t i = 0; i < resident; ++i) {
    const FlowPacket &packet = flows.next();
    compiled.enqueue(packet);
    expected.enqueue(packet);
    heap.enqueue(packet);
  }
  int64_t now = 0;
  bool same = true;
  size_t left = 0;
  shapedSteps(flows, now, kVerified, [&](const FlowPacket &packet) {
    compiled.enqueue(packet, now);
    expected.enqueue(packet, now);
    heap.enqueue(packet, now);
    compiled.release(now);
    expected.release(now);
    heap.release(now);
    FlowPacket out;
    bool some = compiled.dequeue(out, now);
    same &= some == !expected.empty() && some == !heap.empty();
    if (!same || !some)
      return;
    uint64_t handle = expected.dequeue();
    same &= out.handle == handle && heap.dequeue() == handle;
    ++left;
  });
  return (same && left > kVerified / 2) || differs("shaped HPFQ");
}

} // namespace

bool nm::bench::verifyPifos() {
  for (bool wide : {false, true}) {
    const size_t resident = 5000;
    if (!verifyOneCompiled(resident, wide) ||
        !verifyOnePeer<FourAryHeap>(resident, wide) ||
        !verifyOnePeer<StdMultimap>(resident, wide) ||
        !verifyOnePeer<FindFirstSet>(resident, wide) ||
        !verifyOnePeer<CircularFindFirstSet>(resident, wide))
      return false;
  }
  return verifyHpfq(4096) && verifyShaped(4096);
}

std::vector<PifoCase> nm::bench::pifoCases(bool quick) {
  using llvm::formatv;
  std::vector<PifoCase> cases;
  std::vector<size_t> sizes{1 << 10, 1 << 14, 1 << 16, 1 << 20};
  if (quick)
    sizes = {1 << 10, 1 << 16};
  for (bool wide : {false, true})
    for (size_t n : sizes)
      cases.push_back(
          {formatv("one/{0}/{1}", wide ? "wide" : "narrow", n).str(),
           [=] { return buildOne(n, wide); }});
  for (size_t n : {size_t(256), size_t(4096), size_t(65536)})
    cases.push_back(
        {formatv("hpfq2/{0}", n).str(), [=] { return buildHpfq(n); }});
  for (int levels = 1; levels <= 5; ++levels)
    cases.push_back({formatv("levels/{0}", levels).str(),
                     [=] { return buildLevels(levels); }});
  for (size_t n : {size_t(4096), size_t(65536)})
    cases.push_back(
        {formatv("shaped/{0}", n).str(), [=] { return buildShaped(n); }});
  return cases;
}
