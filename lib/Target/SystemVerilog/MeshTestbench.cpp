//===- MeshTestbench.cpp - Packets and what the model says of them --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MeshAxis.h"
#include "Modules.h"
#include "nm/Model/PifoMesh/Mesh.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include <algorithm>
#include <random>

namespace nm::mesh {

using namespace sv;

namespace {

constexpr unsigned kPackets = 32;

/// What the testbench does, with pauses in which all walks end, so that its
/// handshakes make no difference: packets at time 0, then requests at a time at
/// which shaped packets have been released.
struct Scenario {
  std::vector<Packet> packets;
  struct Answer {
    unsigned root;
    Packet packet;
  };
  std::vector<Answer> answers;
  uint64_t later = 0;
  unsigned pause = 0, release = 0;
};

/// Packets whose leaves are known; they keep to no flow's order, which the
/// model and the hardware see alike.
std::vector<Packet> makePackets(const Config &config) {
  std::mt19937_64 random(1);
  std::vector<Packet> packets;
  unsigned most = std::min(kPackets, config.capacity());
  for (unsigned tries = 0; packets.size() < most && tries < 100 * most;
       ++tries) {
    Packet packet;
    packet.valid = true;
    for (const Field &field : config.fields)
      packet.fields.push_back((field.name == "packet"
                                   ? packets.size()
                                   : random() % (tries % 2 ? 4 : 1500)) &
                              maskOf(field.bits));
    packet.leaf = config.classifier ? config.leafOf(packet.fields)
                                    : random() % config.leaves.size();
    if (packet.leaf < config.leaves.size())
      packets.push_back(std::move(packet));
  }
  return packets;
}

Scenario play(const Config &config) {
  Scenario made;
  made.packets = makePackets(config);
  made.pause = 6 * (config.depth() + 2);
  made.release = 8 * static_cast<unsigned>(made.packets.size());
  unsigned bits = config.nowBits;
  for (const Block &block : config.blocks)
    if (block.shaping)
      bits = std::min(bits, block.rankBits);
  // Not half around a clock that goes around.
  made.later = maskOf(bits) / 4;
  Mesh mesh(config);
  auto rest = [&](unsigned cycles, uint64_t now, Packet *leaves) {
    for (unsigned i = 0; i < cycles; ++i) {
      Mesh::Inputs idle;
      idle.now = now;
      idle.enqueue.fields.resize(config.fields.size());
      mesh.step(idle);
      if (leaves && mesh.departure().valid)
        *leaves = mesh.departure();
    }
  };
  for (const Packet &packet : made.packets) {
    Mesh::Inputs comes;
    comes.enqueue = packet;
    mesh.step(comes);
    rest(made.pause, 0, nullptr);
  }
  rest(made.release, made.later, nullptr);
  const unsigned roots = static_cast<unsigned>(config.roots.size());
  unsigned root = 0, silent = 0;
  while (silent < roots &&
         made.answers.size() < 4 * made.packets.size() + roots) {
    Mesh::Inputs asks;
    asks.now = made.later;
    asks.enqueue.fields.resize(config.fields.size());
    asks.dequeue.valid = true;
    asks.dequeue.pifo = root;
    Packet leaves;
    mesh.step(asks);
    rest(made.pause, made.later, &leaves);
    silent = leaves.valid ? 0 : silent + 1;
    made.answers.push_back({root, leaves});
    root = (root + 1) % roots;
  }
  return made;
}

/// Values as one number, the last in the highest bits.
std::string packed(const std::vector<std::pair<uint64_t, unsigned>> &values) {
  std::string text;
  for (auto [value, bits] : values)
    text = literal(bits, value) + (text.empty() ? "" : ", ") + text;
  return "{" + text + "}";
}

} // namespace

std::string testbenchOfMeshAxis(const Config &config) {
  Scenario scenario = play(config);
  auto fieldsOf = [&](const Packet &packet) {
    std::vector<std::pair<uint64_t, unsigned>> values;
    for (size_t f = 0; f < config.fields.size(); ++f)
      values.emplace_back(packet.valid ? packet.fields[f] : 0,
                          config.fields[f].bits);
    return values;
  };
  std::string packets, answers;
  for (size_t i = 0; i < scenario.packets.size(); ++i) {
    auto values = fieldsOf(scenario.packets[i]);
    if (!config.classifier)
      values.emplace_back(scenario.packets[i].leaf,
                          indexBits(config.leaves.size()));
    packets += cat("    packets[", i, "] = ", packed(values), ";\n");
  }
  unsigned leave = 0;
  for (size_t i = 0; i < scenario.answers.size(); ++i) {
    const Scenario::Answer &answer = scenario.answers[i];
    leave += answer.packet.valid;
    answers += cat("    roots[", i, "] = ", answer.root, "; gives[", i,
                   "] = 1'b", answer.packet.valid ? 1 : 0, "; answers[", i,
                   "] = ", packed(fieldsOf(answer.packet)), ";\n");
  }
  std::vector<Stream> streams = streamsOf(config);
  std::string text = rtl::meshTestbench;
  for (const auto &[from, to] :
       {std::pair<std::string, std::string>{"%MODULE%", axisModule(config)},
        {"%NOW_BITS%", std::to_string(config.nowBits)},
        {"%LATER%", literal(config.nowBits, scenario.later)},
        {"%STEP%", literal(config.nowBits, scenario.later / 60)},
        {"%COMES_BITS%", std::to_string(streams[0].width())},
        {"%ROOT_BITS%", std::to_string(streams[1].width())},
        {"%LEAVES_BITS%", std::to_string(streams[2].width())},
        {"%COUNT_BITS%", std::to_string(axisCountBits(config))},
        {"%PACKETS%", std::to_string(scenario.packets.size())},
        {"%ANSWERS%", std::to_string(scenario.answers.size())},
        {"%LEAVE%", std::to_string(leave)},
        {"%ROOTS%", std::to_string(config.roots.size())},
        {"%PAUSE%", std::to_string(scenario.pause)},
        {"%RELEASE%", std::to_string(scenario.release)},
        {"%PACKET_LIST%", packets},
        {"%ANSWER_LIST%", answers}})
    replaceAll(text, from, to);
  return text;
}

} // namespace nm::mesh
