//===- Classes.cpp - Classes that come and go -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A scheduler that changes between policies has the classes of all of them. A
// packet says by which policy it is classified, and stays in the class that it
// came to: a class that is gone takes no more packets, and sends those that it
// has in its place and with its share.

#include "Living.h"
#include "Parser.h"
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

using namespace nm::policy;
namespace support = nm::support;

namespace {

/// More would be policies that nobody wrote.
constexpr uint64_t kMostClassifications = 256;

/// The same node of all policies; null where one does not have it.
using Nodes = std::vector<Policy *>;

class Uniter {
public:
  Uniter(std::vector<Program> &programs, const std::vector<std::string> &names)
      : programs(programs), names(names) {}
  support::Result<Classifications> unite();

private:
  support::Status number();
  support::Status fields();
  support::Status length() const;
  support::Status node(const Nodes &nodes, const std::string &path);
  support::Status alike(const Nodes &nodes, const std::string &path) const;
  support::Result<std::vector<std::string>>
  order(const Nodes &nodes, const std::string &path) const;
  std::optional<Condition> condition(const Nodes &nodes,
                                     const Nodes &children) const;
  /// The program whose class stands for one that another does not have: the
  /// last one before it that has it, or the first one.
  static size_t donor(const Nodes &children, size_t program);
  static void shareWeights(const Nodes &nodes,
                           const std::vector<Nodes> &children);
  static void fill(const Nodes &nodes, const std::vector<Nodes> &children,
                   const std::vector<std::optional<Condition>> &conditions);
  Condition isNumber(const std::vector<uint64_t> &held) const;
  /// Whether it is the first one with its number.
  bool isFirst(size_t program) const {
    return firsts[made.numbers[program]] == program;
  }

  std::vector<Program> &programs;
  const std::vector<std::string> &names;
  Classifications made;
  /// The first program of each number.
  std::vector<size_t> firsts;
};

support::Error refuse(const std::string &what) {
  return support::makeError(support::Errc::Unsupported, what);
}

/// A text that is the same for equal conditions.
void describe(const Condition &condition, std::string &text) {
  text += "(" + std::to_string(condition.kind) + condition.field + " " +
          std::to_string(condition.low) + " " + std::to_string(condition.high);
  for (const Condition &operand : condition.operands)
    describe(operand, text);
  text += ")";
}

std::string describe(const std::optional<Condition> &condition) {
  std::string text;
  if (condition)
    describe(*condition, text);
  return text;
}

void describeClasses(const Policy &policy, std::string &text) {
  text += "{";
  for (const Policy &child : policy.classes) {
    text += child.name + ":" + describe(child.condition);
    describeClasses(child, text);
  }
  text += "}";
}

const char *kindOf(const Policy &policy) {
  static constexpr const char *kinds[] = {"fifo", "edf",    "priority", "wfq",
                                          "rr",   "strict", "wf2q",     "drr",
                                          "htb",  "hfsc"};
  return kinds[policy.kind];
}

std::string wordsOf(const Policy &policy) {
  std::string words = kindOf(policy);
  return policy.classes.empty()
             ? policy.field.empty() ? words : words + " by " + policy.field
             : words + " of classes";
}

std::string shownPath(const std::string &path) {
  return path.empty() ? "the root" : "the class '" + path + "'";
}

} // namespace

support::Status Uniter::number() {
  std::map<std::string, uint64_t> known;
  for (size_t i = 0; i < programs.size(); ++i) {
    std::string text;
    describeClasses(programs[i].root, text);
    auto [found, isNew] = known.emplace(std::move(text), known.size());
    made.numbers.push_back(found->second);
    if (isNew)
      firsts.push_back(i);
  }
  made.count = known.size();
  if (made.count > kMostClassifications)
    return refuse("the changes have " + std::to_string(made.count) +
                  " different sets of classes and conditions; expected at "
                  "most " +
                  std::to_string(kMostClassifications));
  return {};
}

/// Packets have 16 bits of length where a policy says nothing.
support::Status Uniter::length() const {
  auto bits = [](const Program &program) {
    for (const Field &field : program.fields)
      if (field.name == "length")
        return field.bits;
    return 16U;
  };
  for (size_t i = 1; i < programs.size(); ++i)
    if (bits(programs[i]) != bits(programs[0]))
      return refuse("'length' has " + std::to_string(bits(programs[0])) +
                    " bits in " + names[0] + " and " +
                    std::to_string(bits(programs[i])) + " in " + names[i] +
                    "; expected the same in all policies");
  return {};
}

/// All programs get the fields of all.
support::Status Uniter::fields() {
  NM_RETURN_IF_ERROR(length());
  std::vector<Field> all;
  std::map<std::string, std::pair<size_t, size_t>> known;
  auto shown = [](const Field &field) {
    return std::to_string(field.bits) + " bits" +
           (field.below ? " below " + std::to_string(field.below) : "");
  };
  bool needsArrival = false;
  for (size_t i = 0; i < programs.size(); ++i) {
    needsArrival |= programs[i].needsArrival;
    for (const Field &field : programs[i].fields) {
      auto [found, isNew] = known.try_emplace(field.name, all.size(), i);
      if (isNew) {
        all.push_back(field);
        continue;
      }
      const Field &before = all[found->second.first];
      if (before.bits != field.bits || before.below != field.below)
        return refuse("the field '" + field.name + "' has " + shown(before) +
                      " in " + names[found->second.second] + " and " +
                      shown(field) + " in " + names[i] +
                      "; expected the same in all policies, or another name");
    }
  }
  if (made.count > 1) {
    made.field = "policy";
    while (known.count(made.field))
      made.field += "_";
    unsigned bits = 1;
    while (made.count > uint64_t(1) << bits)
      ++bits;
    all.push_back({made.field, bits, made.count});
  }
  for (Program &program : programs) {
    program.fields = all;
    program.needsArrival = needsArrival;
  }
  return {};
}

support::Status Uniter::alike(const Nodes &nodes,
                              const std::string &path) const {
  size_t first = 0;
  while (!nodes[first])
    ++first;
  for (size_t i = first + 1; i < nodes.size(); ++i) {
    if (!nodes[i])
      continue;
    std::string before = wordsOf(*nodes[first]), now = wordsOf(*nodes[i]);
    if (before != now)
      return refuse(shownPath(path) + " is " + before + " in " + names[first] +
                    " and " + now + " in " + names[i] +
                    (path.empty()
                         ? "; expected the same: what waits in the root keeps "
                           "its order"
                         : "; expected the same, or a class with another name "
                           "beside it, as what waits in a class keeps its "
                           "order"));
  }
  return {};
}

/// The names of the classes of all, in the order of each policy: always the one
/// that occurs first of those that stand behind no other one that is left.
support::Result<std::vector<std::string>>
Uniter::order(const Nodes &nodes, const std::string &path) const {
  std::vector<std::string> all;
  std::map<std::string, size_t> known;
  std::set<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i] || !isFirst(i))
      continue;
    std::optional<size_t> before;
    for (const Policy &child : nodes[i]->classes) {
      auto [found, isNew] = known.try_emplace(child.name, all.size());
      if (isNew)
        all.push_back(child.name);
      if (before)
        pairs.emplace(*before, found->second);
      before = found->second;
    }
  }
  if (all.size() > kMostClasses)
    return refuse(shownPath(path) + " has " + std::to_string(all.size()) +
                  " classes in all policies together; expected at most " +
                  std::to_string(kMostClasses));
  std::vector<size_t> ahead(all.size());
  for (auto [before, behind] : pairs)
    ++ahead[behind];
  std::set<size_t> ready;
  for (size_t c = 0; c < all.size(); ++c)
    if (ahead[c] == 0)
      ready.insert(c);
  std::vector<std::string> result;
  while (!ready.empty()) {
    size_t next = *ready.begin();
    ready.erase(ready.begin());
    result.push_back(all[next]);
    for (auto pair = pairs.lower_bound({next, 0});
         pair != pairs.end() && pair->first == next; ++pair)
      if (--ahead[pair->second] == 0)
        ready.insert(pair->second);
  }
  if (result.size() == all.size())
    return result;
  size_t stuck = 0;
  while (ahead[stuck] == 0)
    ++stuck;
  return refuse("in " + shownPath(path) + ", '" + all[stuck] +
                "' stands before and behind the same class, in different "
                "policies; expected classes in the same order in all of them");
}

/// Whether a packet is classified by one of these, in ranges.
Condition Uniter::isNumber(const std::vector<uint64_t> &held) const {
  Condition any;
  any.kind = Condition::Or;
  for (uint64_t number : held) {
    if (!any.operands.empty() && any.operands.back().high + 1 == number) {
      any.operands.back().high = number;
      continue;
    }
    Condition range;
    range.field = made.field;
    range.low = range.high = number;
    any.operands.push_back(range);
  }
  return any;
}

/// Which packets a class takes that no class before it does. `children` are
/// those of `nodes`.
std::optional<Condition> Uniter::condition(const Nodes &nodes,
                                           const Nodes &children) const {
  struct Group {
    std::vector<uint64_t> numbers;
    const std::optional<Condition> *condition;
  };
  std::map<std::string, Group> groups;
  bool everywhere = true;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i] || !isFirst(i))
      continue;
    if (!children[i]) {
      everywhere = false;
      continue;
    }
    Group &group = groups[describe(children[i]->condition)];
    group.numbers.push_back(made.numbers[i]);
    group.condition = &children[i]->condition;
  }
  if (everywhere && groups.size() == 1)
    return *groups.begin()->second.condition;
  Condition any;
  any.kind = Condition::Or;
  for (const auto &[text, group] : groups) {
    Condition part = isNumber(group.numbers);
    if (*group.condition) {
      Condition both;
      both.kind = Condition::And;
      both.operands = {part, **group.condition};
      part = std::move(both);
    }
    any.operands.push_back(std::move(part));
  }
  return any;
}

support::Status Uniter::node(const Nodes &nodes, const std::string &path) {
  NM_RETURN_IF_ERROR(alike(nodes, path));
  auto ordered = order(nodes, path);
  if (!ordered)
    return ordered.error();
  const std::vector<std::string> &all = *ordered;
  std::map<std::string, size_t> places;
  for (size_t c = 0; c < all.size(); ++c)
    places[all[c]] = c;
  std::vector<Nodes> children(all.size(), Nodes(nodes.size()));
  bool grows = false;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i])
      continue;
    grows |= nodes[i]->classes.size() != all.size();
    for (Policy &child : nodes[i]->classes)
      children[places[child.name]][i] = &child;
  }
  for (size_t c = 0; c < all.size(); ++c)
    NM_RETURN_IF_ERROR(
        node(children[c], path.empty() ? all[c] : path + "." + all[c]));
  std::vector<std::optional<Condition>> conditions;
  for (size_t c = 0; c + 1 < all.size(); ++c)
    conditions.push_back(condition(nodes, children[c]));
  // The last one takes the rest.
  conditions.emplace_back();
  if (grows)
    shareWeights(nodes, children);
  fill(nodes, children, conditions);
  return {};
}

size_t Uniter::donor(const Nodes &children, size_t program) {
  while (program > 0 && !children[program])
    --program;
  while (!children[program])
    ++program;
  return program;
}

/// Weights of all classes in the order of `children`, a 1 of the texts being
/// the same number in all policies.
void Uniter::shareWeights(const Nodes &nodes,
                          const std::vector<Nodes> &children) {
  uint64_t scale = 1;
  bool weighted = false;
  for (const Policy *policy : nodes) {
    if (!policy)
      continue;
    scale = std::lcm(scale, policy->scale);
    // The bound of wf2q has the sum of weights, also of equal ones.
    weighted |= !policy->weights.empty() || policy->kind == Policy::Wf2q;
  }
  if (!weighted)
    return;
  auto weightOf = [&](const Nodes &child, size_t program) {
    const Policy &policy = *nodes[program];
    if (policy.weights.empty())
      return scale;
    size_t place = child[program] - policy.classes.data();
    return policy.weights[place] * policy.unit * (scale / policy.scale);
  };
  std::vector<std::vector<uint64_t>> weights(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const Nodes &child : children)
      if (nodes[i])
        weights[i].push_back(weightOf(child, donor(child, i)));
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i])
      continue;
    nodes[i]->weights = std::move(weights[i]);
    nodes[i]->unit = 1;
    nodes[i]->scale = scale;
  }
}

/// Gives all policies all classes.
void Uniter::fill(const Nodes &nodes, const std::vector<Nodes> &children,
                  const std::vector<std::optional<Condition>> &conditions) {
  std::vector<std::vector<Policy>> classes(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i)
    for (size_t c = 0; nodes[i] && c < children.size(); ++c) {
      size_t from = donor(children[c], i);
      Policy &child = classes[i].emplace_back(*children[c][from]);
      child.elsewhere |= from != i;
      child.condition = conditions[c];
    }
  for (size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i])
      nodes[i]->classes = std::move(classes[i]);
}

support::Result<Classifications> Uniter::unite() {
  NM_RETURN_IF_ERROR(number());
  NM_RETURN_IF_ERROR(fields());
  Nodes roots;
  for (Program &program : programs)
    roots.push_back(&program.root);
  NM_RETURN_IF_ERROR(node(roots, ""));
  return std::move(made);
}

support::Result<Classifications>
nm::policy::uniteClasses(std::vector<Program> &programs,
                         const std::vector<std::string> &names) {
  return Uniter(programs, names).unite();
}
