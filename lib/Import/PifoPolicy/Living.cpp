//===- Living.cpp - Policies whose numbers change -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Virtual times and tokens outlive a change of the numbers that they count in.
// So all policies between which a scheduler changes count in one unit: that of
// all their weights and rates. And they have the same classes (Classes.cpp).

#include "Living.h"
#include "Printer.h"
#include <algorithm>
#include <numeric>

using namespace nm::policy;
namespace support = nm::support;

namespace {

/// The same node of all policies.
using Nodes = std::vector<Policy *>;

class Joiner {
public:
  /// `times` are those at which the programs but the first take over.
  Joiner(std::vector<Program> &programs, const std::vector<uint64_t> &times)
      : programs(programs), times(times) {}
  support::Status join();

private:
  support::Status node(const Nodes &nodes);
  support::Status weights(const Nodes &nodes);
  support::Status shapes(const std::vector<Shape *> &shapes);
  void curves(const Nodes &nodes);
  support::Status fits(uint64_t packets, const char *what);
  size_t flowsOfNode(const Policy &policy) const;

  std::vector<Program> &programs;
  const std::vector<uint64_t> &times;
};

support::Error refuse(const std::string &what) {
  return support::makeError(support::Errc::Unsupported, what);
}

} // namespace

support::Status Joiner::fits(uint64_t packets, const char *what) {
  Program &first = programs.front();
  if (!first.refuses && packets != 0)
    --packets;
  first.largestCapacity = std::min(first.largestCapacity, packets);
  if (packets >= first.capacity)
    return {};
  return refuse(std::string(what) + " of all changes together hold " +
                std::to_string(packets) + " packets, not the " +
                std::to_string(first.capacity) +
                " of the capacity; expected a smaller one, or numbers with a "
                "smaller least common multiple");
}

size_t Joiner::flowsOfNode(const Policy &policy) const {
  if (!policy.classes.empty())
    return policy.classes.size();
  for (const Field &field : programs.front().fields)
    if (field.name == policy.field)
      return field.below ? field.below : size_t(1) << field.bits;
  return 0;
}

/// Weights as the texts have them, times the least number that makes all whole.
support::Status Joiner::weights(const Nodes &nodes) {
  if (std::all_of(nodes.begin(), nodes.end(),
                  [](const Policy *policy) { return policy->weights.empty(); }))
    return {};
  uint64_t scale = 1;
  for (Policy *policy : nodes)
    scale = std::lcm(scale, policy->scale);
  std::vector<uint64_t> all;
  for (Policy *policy : nodes) {
    if (policy->weights.empty())
      policy->weights.assign(flowsOfNode(*policy), 1);
    for (uint64_t &weight : policy->weights) {
      weight *= policy->unit * (scale / policy->scale);
      all.push_back(weight);
    }
  }
  // Shares stay what they are if all of them shrink.
  uint64_t unit = 0;
  for (uint64_t weight : all)
    unit = std::gcd(unit, weight);
  for (uint64_t &weight : all)
    weight /= unit;
  uint64_t common = leastCommonMultiple(all);
  uint64_t least = *std::min_element(all.begin(), all.end());
  for (Policy *policy : nodes) {
    for (uint64_t &weight : policy->weights)
      weight /= unit;
    policy->joint = {common, least};
  }
  uint64_t longest = longestPacket(programs.front());
  uint64_t step = common ? largestStep(*nodes.front(), longest) : 0;
  if (nodes.front()->kind == Policy::Wfq)
    return fits(step ? ranksOf(step).packets : 0, "virtual times");
  for (const Policy *policy : nodes) {
    uint64_t sum = policy->kind != Policy::Wf2q ? 1 : sumOfWeights(*policy);
    if (step == 0 || step > kMostStep / sum)
      return refuse("a packet advances virtual time by more than 2^32 in the "
                    "unit of all changes together; expected weights with a "
                    "smaller least common multiple");
  }
  return {};
}

support::Status Joiner::shapes(const std::vector<Shape *> &shapes) {
  uint64_t cost = 1;
  for (const Shape *shape : shapes)
    cost = std::lcm(cost, tokensOf(*shape).cost);
  for (Shape *shape : shapes)
    shape->cost = cost;
  return {};
}

/// Since when each curve is what it is.
void Joiner::curves(const Nodes &nodes) {
  for (size_t i = 1; i < nodes.size(); ++i)
    for (auto part : {&Curves::real, &Curves::upper}) {
      const std::optional<Curve> &before = nodes[i - 1]->curves.*part;
      std::optional<Curve> &now = nodes[i]->curves.*part;
      if (now)
        now->since = before && *now == *before ? before->since : times[i - 1];
    }
}

support::Status Joiner::node(const Nodes &nodes) {
  const Policy &first = *nodes.front();
  for (const Policy *policy : nodes)
    // The comparison of the texts says what differs.
    if (policy->kind != first.kind || policy->field != first.field ||
        policy->classes.size() != first.classes.size() ||
        bool(policy->shape) != bool(first.shape) ||
        bool(policy->pace) != bool(first.pace) ||
        bool(policy->guarantee) != bool(first.guarantee))
      return {};
  curves(nodes);
  if (first.kind == Policy::Wfq || first.kind == Policy::Wf2q ||
      first.kind == Policy::Htb || first.kind == Policy::Hfsc)
    NM_RETURN_IF_ERROR(weights(nodes));
  for (std::optional<Shape> Policy::*part : {&Policy::shape, &Policy::pace}) {
    if (!(first.*part))
      continue;
    std::vector<Shape *> all;
    for (Policy *policy : nodes)
      all.push_back(&*(policy->*part));
    NM_RETURN_IF_ERROR(shapes(all));
    uint64_t longest = longestPacket(programs.front());
    for (const Shape *shape : all)
      NM_RETURN_IF_ERROR(fits(packetsInDebt(*shape, longest), "tokens"));
  }
  if (first.guarantee)
    for (Shape Guarantee::*part : {&Guarantee::rate, &Guarantee::ceil}) {
      std::vector<Shape *> all;
      for (Policy *policy : nodes)
        all.push_back(&(*policy->guarantee.*part));
      NM_RETURN_IF_ERROR(shapes(all));
    }
  for (size_t i = 0; i < first.classes.size(); ++i) {
    Nodes below;
    for (Policy *policy : nodes)
      below.push_back(&policy->classes[i]);
    NM_RETURN_IF_ERROR(node(below));
  }
  return {};
}

support::Status Joiner::join() {
  Program &first = programs.front();
  Nodes roots;
  for (const Program &program : programs)
    first.hasUpper |= program.hasUpper;
  for (Program &program : programs) {
    program.isLiving = true;
    program.hasUpper = first.hasUpper;
    first.largestCapacity =
        std::min(first.largestCapacity, program.largestCapacity);
    roots.push_back(&program.root);
  }
  NM_RETURN_IF_ERROR(node(roots));
  for (Program &program : programs)
    program.largestCapacity = first.largestCapacity;
  return {};
}

/// The first line in which two texts differ, of each.
static std::string firstDifference(const std::string &a, const std::string &b) {
  size_t at =
      std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
  auto lineAt = [&](const std::string &text) {
    size_t begin = at ? text.rfind('\n', at - 1) + 1 : 0;
    size_t word = text.find_first_not_of(' ', begin);
    return text.substr(word, text.find('\n', at) - word);
  };
  return "'" + lineAt(a) + "' became '" + lineAt(b) + "'";
}

/// Of each leaf below, whether a policy has it.
static void collectLeaves(const Policy &policy, bool has,
                          std::vector<bool> &leaves) {
  has &= !policy.elsewhere;
  if (policy.classes.empty())
    leaves.push_back(has);
  for (const Policy &child : policy.classes)
    collectLeaves(child, has, leaves);
}

support::Result<Living> nm::policy::translateLiving(
    const NamedText &first, const std::vector<NamedText> &others,
    const std::vector<uint64_t> &times, uint64_t capacity) {
  std::vector<Program> programs;
  std::vector<std::string> names;
  for (size_t i = 0; i <= others.size(); ++i) {
    const NamedText &text = i ? others[i - 1] : first;
    auto program =
        parse(text.first, text.second, i ? programs[0].capacity : capacity);
    if (!program)
      return program.error();
    programs.push_back(std::move(*program));
    names.push_back(text.second);
  }
  auto united = uniteClasses(programs, names);
  if (!united)
    return united.error();
  if (auto status = Joiner(programs, times).join(); !status)
    return support::Error{status.error().code,
                          first.second + ": " + status.error().message};
  Living result;
  result.field = united->field;
  result.numbers = united->numbers;
  for (const Program &program : programs)
    collectLeaves(program.root, true, result.leaves.emplace_back());
  result.module = print(programs[0]);
  std::string shape = Printer(programs[0], true).run();
  for (size_t i = 0; i < others.size(); ++i) {
    Printer printer(programs[i + 1], true);
    std::string text = printer.run();
    if (text != shape)
      return refuse(others[i].second + " differs from " + first.second +
                    " in more than classes, weights, rates, bursts, ceilings, "
                    "priorities, curves and limits: " +
                    firstDifference(shape, text));
    result.changes.push_back(printer.values());
  }
  return result;
}
