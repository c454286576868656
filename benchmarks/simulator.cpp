//===- simulator.cpp - How fast programs are simulated -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// nm-bench-simulator: tile operations a second of the event loop alone, and
// products, N:M products and softmax with values. Counters are checked before
// anything is timed.

#include "nm/Simulator/Simulator.h"
#include "Command.h"
#include "nm/Isa/Builder.h"
#include "nm/Support/StandardStreams.h"
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>

using namespace nm::isa;
namespace sim = nm::sim;

namespace {

constexpr int64_t kRounds = 1000;

struct Case {
  nm::model::Device device;
  Program program;
  sim::Memory memory;
  int64_t steps = 0, macs = 0;
};

[[noreturn]] void fail(const std::string &message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::exit(1);
}

sim::SimulationResult run(Case &input, bool functional) {
  sim::SimulatorOptions options;
  options.functional = functional;
  auto result =
      sim::simulate(input.program, input.device, input.memory, options);
  if (!result.ok())
    fail(result.error().message);
  return std::move(*result);
}

/// The program that `body` appends to, checked against the counters expected.
template <typename Body>
Case makeCase(const char *name, bool functional, int64_t steps, int64_t macs,
              Body body) {
  auto device = nm::model::findDevice("edge");
  if (!device.ok())
    fail(device.error().message);
  Builder b(name, targetOf(*device));
  body(b);
  auto program = b.finish();
  if (!program.ok())
    fail(program.error().message);
  auto memory = functional
                    ? sim::Memory::allocate(*program)
                    : sim::Result<sim::Memory>(sim::Memory::none(*program));
  if (!memory.ok())
    fail(memory.error().message);
  Case result{*device, std::move(*program), std::move(*memory), steps, macs};
  sim::SimulationResult first = run(result, functional);
  if (first.steps != steps || first.macs != macs)
    fail(std::string(name) + ": the counters are not those expected");
  return result;
}

/// Two loads, two products, a softmax and a store in each round, double
/// buffered, as in a block of attention.
void attention(Builder &b) {
  Tensor tensor;
  tensor.name = "in";
  tensor.role = Role::In;
  tensor.type = Type::F16;
  tensor.shape = {2048, 64};
  TensorId in = b.tensor(tensor);
  tensor.name = "out";
  tensor.role = Role::Out;
  TensorId out = b.tensor(tensor);
  Stream k(b, Type::F16, {64, 64}), v(b, Type::F16, {64, 64}),
      s(b, Type::F16, {64, 64}), p(b, Type::F16, {64, 64}),
      o(b, Type::F16, {64, 64});
  BufferId q = b.buffer(Type::F16, {64, 64});
  LoopId i = b.beginLoop(kRounds), j = b.beginLoop(32);
  auto tile = [&](const Stream &stream) {
    return b.tile(stream.buffer).slotBy(j);
  };
  TileRef rows = b.tile(in, {0, 0}, {64, 64}).by(j, 0, 64);
  b.load(rows, tile(k), 0, k.produce());
  b.load(rows, tile(v), 1, v.produce());
  b.gemm(Stationarity::Output, b.tile(q), tile(k), tile(s),
         k.consume() + s.produce())
      .transposeRhs = true;
  b.special(Opcode::Softmax, {tile(s), tile(p)}, s.consume() + p.produce());
  b.gemm(Stationarity::Output, tile(p), tile(v), tile(o),
         v.consume() + p.consume() + o.produce());
  b.store(tile(o), b.tile(out, {0, 0}, {64, 64}).by(j, 0, 64), 0, o.consume());
  b.endLoop(j);
  b.endLoop(i);
}

void time(benchmark::State &state, Case &input, bool functional) {
  for (auto _ : state)
    benchmark::DoNotOptimize(run(input, functional));
  auto rate = [&](int64_t count) {
    return benchmark::Counter(static_cast<double>(count) *
                                  static_cast<double>(state.iterations()),
                              benchmark::Counter::kIsRate);
  };
  state.counters["instructions"] = rate(input.steps);
  if (functional && input.macs)
    state.counters["MACs"] = rate(input.macs);
}

void add(const char *name, Case &input, bool functional) {
  benchmark::RegisterBenchmark(name, [&input,
                                      functional](benchmark::State &state) {
    time(state, input, functional);
  })->Unit(benchmark::kMillisecond);
}

} // namespace

static int run(int argc, char **argv) {
  nm::bench::Command command("nm-bench-simulator",
                             "how fast programs are simulated",
                             "  nm-bench-simulator\n\n");
  if (std::optional<int> code = command.parse(argc, argv))
    return *code;
  constexpr int64_t m = 128, k = 256, n = 128;
  Case events = makeCase("events", false, kRounds * 32 * 6,
                         kRounds * 32 * 2 * 64 * 64 * 64, attention);
  Case dense = makeCase("dense", true, 100, 100 * m * k * n, [&](Builder &b) {
    BufferId lhs = b.buffer(Type::F16, {m, k}),
             rhs = b.buffer(Type::F16, {n, k}),
             dest = b.buffer(Type::F32, {m, n});
    LoopId i = b.beginLoop(100);
    b.gemm(Stationarity::Output, b.tile(lhs), b.tile(rhs), b.tile(dest), {})
        .transposeRhs = true;
    b.endLoop(i);
  });
  Case sparse =
      makeCase("sparse", true, 100, 100 * m * k / 2 * n, [&](Builder &b) {
        BufferId lhs = b.buffer(Type::F16, {m, k}),
                 values = b.buffer(Type::F16, {n, k / 2}),
                 indices = b.buffer(Type::I8, {n, k / 8}),
                 dest = b.buffer(Type::F32, {m, n});
        LoopId i = b.beginLoop(100);
        b.nmGemm(Stationarity::Output, {2, 4}, b.tile(lhs), b.tile(values),
                 b.tile(indices), b.tile(dest), {});
        b.endLoop(i);
      });
  Case softmax = makeCase("softmax", true, 100, 0, [&](Builder &b) {
    BufferId x = b.buffer(Type::F16, {m, k});
    LoopId i = b.beginLoop(100);
    b.special(Opcode::Softmax, {b.tile(x), b.tile(x)}, {});
    b.endLoop(i);
  });
  add("events/attention", events, false);
  add("values/gemm_128x256x128", dense, true);
  add("values/nm_gemm_2:4_128x256x128", sparse, true);
  add("values/softmax_128x256", softmax, true);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

int main(int argc, char **argv) {
  nm::support::startTool();
  return nm::support::finishTool(run(argc, argv));
}
