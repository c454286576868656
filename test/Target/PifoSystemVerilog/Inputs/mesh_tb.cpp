//===- mesh_tb.cpp - A mesh's SystemVerilog against its model -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: mesh_tb <config.json> <cycles> <seed>
// MESH_HEADER and MESH_CLASS name what Verilator made of the module. With
// MESH_FRONT it is the one behind the classifier.
//
//===----------------------------------------------------------------------===//

#include MESH_HEADER
#include "nm/Model/PifoMesh/Mesh.h"
#include "testbench.h"
#include "verilated.h"
#include "wide_port.h"
#include <fstream>
#include <iterator>
#include <random>

using namespace nm::mesh;

namespace {
struct Packing {
  explicit Packing(const Config &config) {
    for (const Field &field : config.fields) {
      low.push_back(total);
      bits.push_back(field.bits);
      total += field.bits;
    }
  }
  std::vector<unsigned> low, bits;
  unsigned total = 0;

  std::vector<uint64_t> pack(const std::vector<uint64_t> &fields) const {
    std::vector<uint64_t> words((total + 63) / 64 + 1);
    for (size_t f = 0; f < fields.size(); ++f)
      setBits(words.data(), low[f], bits[f], fields[f]);
    return words;
  }
};
} // namespace

int main(int argc, char **argv) {
  if (argc != 4)
    return std::fprintf(stderr,
                        "usage: mesh_tb <config.json> <cycles> <seed>\n"),
           2;
  std::ifstream file(argv[1]);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  nm::support::Result<Config> config = parseConfig(text, argv[1]);
  if (!config)
    return std::fprintf(stderr, "error: %s\n", config.error().message.c_str()),
           1;
  uint64_t cycles = std::strtoull(argv[2], nullptr, 10);
  std::mt19937_64 random(std::strtoull(argv[3], nullptr, 10));
  auto below = [&](uint64_t n) { return random() % n; };

  VerilatedContext context;
  MESH_CLASS top(&context);
  Mesh model(*config);
  Packing packing(*config);
  startUp(top);

  uint64_t in = 0, out = 0, most = 0, number = 0;
  std::vector<uint64_t> byLeaf(config->leaves.size());
#ifdef MESH_FRONT
  uint64_t strangers = 0;
#endif
  unsigned left = 0, inOdds = 0, outOdds = 0, oneLeaf = 0, small = 0;
  uint64_t now = 0, pace = 1;
  for (uint64_t cycle = 0; cycle < cycles; ++cycle) {
    if (left-- == 0) {
      left = 16 + below(below(4) ? 300 : 4000);
      inOdds = below(9);
      outOdds = below(9);
      oneLeaf = below(3) == 0 ? 1 + below(config->leaves.size()) : 0;
      small = below(3);
      pace = below(4) ? 1 : below(1000); // the clock may stand or leap
    }
    now += pace;
    Mesh::Inputs inputs;
    inputs.now = now & maskOf(config->nowBits);
    Packet &packet = inputs.enqueue;
    packet.valid = below(8) < inOdds;
    packet.leaf = oneLeaf ? oneLeaf - 1 : below(config->leaves.size());
    for (const Field &field : config->fields) {
      uint64_t value = small ? below(small == 1 ? 4 : 1500) : random();
      if (field.name == "packet")
        value = number++;
      packet.fields.push_back(value & maskOf(field.bits));
    }
#ifdef MESH_FRONT
    // Fields alone say which leaf it is; one of no leaf is not taken.
    bool offered = packet.valid;
    packet.leaf = config->leafOf(packet.fields);
    bool known = packet.leaf < config->leaves.size();
    packet.valid &= known;
    strangers += offered && !known;
#endif
    inputs.dequeue.valid = below(8) < outOdds;
    inputs.dequeue.pifo = below(config->roots.size());

    put(top.now, {inputs.now, 0});
#ifdef MESH_FRONT
    top.enq_valid = offered;
#else
    top.enq_valid = packet.valid;
    top.enq_leaf = packet.leaf;
#endif
    put(top.enq_fields, packing.pack(packet.fields));
    top.deq_valid = inputs.dequeue.valid;
    top.deq_root = inputs.dequeue.pifo;
    top.eval();
    bool pops = model.canDequeue(inputs.dequeue.pifo);
#ifdef MESH_FRONT
    expect(cycle, "enq_known", top.enq_known, known);
#endif
    expect(cycle, "enq_ready", top.enq_ready, model.canEnqueue());
    expect(cycle, "deq_ready", top.deq_ready, pops);
    if (packet.valid && model.canEnqueue()) {
      ++in;
      ++byLeaf[packet.leaf];
    }

    clock(top);
    model.step(inputs);
    const Packet &leaving = model.departure();
    expect(cycle, "out_valid", top.out_valid, leaving.valid);
    if (leaving.valid) {
      ++out;
      std::vector<uint64_t> expected = packing.pack(leaving.fields);
      std::vector<uint64_t> found(expected.size());
      get(top.out_fields, found);
      for (size_t i = 0; i < found.size(); ++i)
        expect(cycle, "out_fields", found[i], expected[i]);
    }
    if (top.fault)
      fail(cycle, "fault", 1, 0);
    most = std::max<uint64_t>(most, model.size());
  }
  printNumbers("%llu cycles, no mismatch: %llu enqueued, %llu dequeued, at "
               "most %llu held, %llu held at the end\n",
               cycles, in, out, most, model.size());
#ifdef MESH_FRONT
  printNumbers("%llu packets of no leaf refused; enqueued by leaf:", strangers);
  for (uint64_t count : byLeaf)
    printNumbers(" %llu", count);
  std::printf("\n");
#endif
  return in == out + model.size() ? 0 : 1;
}
