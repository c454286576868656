//===- FlowTable.h - Flows with names -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_FLOWTABLE_H
#define NM_TRAFFIC_FLOWTABLE_H

#include "nm/Traffic/Source.h"
#include <map>
#include <unordered_map>

namespace nm::traffic {

/// 128 bits. An address of IPv4 has zeros above its 32.
struct Address {
  uint64_t upper = 0, lower = 0;
  bool operator==(const Address &other) const {
    return upper == other.upper && lower == other.lower;
  }
  /// Its first `length` bits, then zeros.
  Address prefix(unsigned length) const;
};

struct Prefix {
  Address address;
  /// Of 128 bits; a prefix of IPv4 has 96 more than it says.
  unsigned length = 0;
};

/// `10.1.0.0/16`, `2001:db8::/32`, an address alone. An error says what is
/// wrong and what is expected.
support::Result<Prefix> parsePrefix(const std::string &text);

/// Which packets a line of a file of flows takes.
struct FlowRule {
  Prefix source, destination;
  struct Range {
    size_t column;
    uint64_t low, high;
  };
  std::vector<Range> ranges;
};

/// Flows by rules. Of the rules that hold for a packet, the one with the
/// longest destination prefix counts, of these the one with the longest source
/// prefix, of these the first.
class FlowTable {
public:
  /// Columns of the addresses; -1 for none, which is 0.
  struct Columns {
    int source = -1, sourcePrefix = -1, destination = -1,
        destinationPrefix = -1;
  };
  FlowTable(std::vector<FlowRule> rules, Columns columns);
  /// The number of the rule; that of rules if none holds.
  uint64_t find(const uint64_t *values) const;

private:
  struct Hash {
    size_t operator()(const Address &address) const {
      return static_cast<size_t>(
          (address.upper ^ (address.lower * 0x9e3779b97f4a7c15)) *
          0xff51afd7ed558ccd);
    }
  };
  using Places = std::unordered_map<Address, std::vector<uint32_t>, Hash>;
  std::vector<FlowRule> rules;
  Columns columns;
  /// By length of the destination prefix, the longest first: numbers of rules,
  /// the first that holds counts.
  std::map<unsigned, Places, std::greater<unsigned>> byDestination;
};

/// The names of the lines, then "other"; and the columns that lines ask for.
struct FlowNames {
  std::vector<std::string> names, columns;
};

/// The packets of `source` with flows from a file (docs/nm-pifo.md): a column
/// `flow`, in place of the source's own, has the number of the line, and that
/// of lines where none holds.
SourceResult nameFlows(std::unique_ptr<Source> source, const std::string &path,
                       FlowNames &names);

} // namespace nm::traffic

#endif // NM_TRAFFIC_FLOWTABLE_H
