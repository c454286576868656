//===- FlowTable.cpp - Flows with names -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/FlowTable.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <arpa/inet.h>

using namespace nm::traffic;
namespace support = nm::support;

Address Address::prefix(unsigned length) const {
  auto keep = [](uint64_t word, unsigned bits) {
    return bits == 0 ? 0 : bits >= 64 ? word : word & ~(UINT64_MAX >> bits);
  };
  return {keep(upper, length), length > 64 ? keep(lower, length - 64) : 0};
}

static bool parseAddress(const std::string &text, Address &address,
                         unsigned &bits) {
  unsigned char bytes[16] = {};
  bits = text.find(':') == std::string::npos ? 32 : 128;
  unsigned char *begin = bits == 32 ? bytes + 12 : bytes;
  if (inet_pton(bits == 32 ? AF_INET : AF_INET6, text.c_str(), begin) != 1)
    return false;
  for (int i = 0; i < 8; ++i) {
    address.upper = address.upper << 8 | bytes[i];
    address.lower = address.lower << 8 | bytes[8 + i];
  }
  return true;
}

support::Result<Prefix> nm::traffic::parsePrefix(const std::string &text) {
  auto refuse = [&](const std::string &expected) {
    return support::makeError(support::Errc::Format,
                              support::quote(text) + "; expected " + expected);
  };
  size_t slash = text.find('/');
  Prefix made;
  unsigned bits = 0;
  if (!parseAddress(text.substr(0, slash), made.address, bits))
    return refuse("an address or a prefix, such as 10.1.0.0/16 or "
                  "2001:db8::/32");
  made.length = bits;
  if (slash != std::string::npos) {
    std::string digits = text.substr(slash + 1);
    bool isNumber = !digits.empty() && digits.size() <= 3 &&
                    std::all_of(digits.begin(), digits.end(),
                                [](char c) { return c >= '0' && c <= '9'; });
    made.length = isNumber ? static_cast<unsigned>(std::stoul(digits)) : 999;
    if (made.length > bits)
      return refuse("0 to " + std::to_string(bits) + " bits behind the '/'");
  }
  made.length += 128 - bits;
  if (!(made.address.prefix(made.length) == made.address))
    return refuse("zeros behind the bits of the prefix");
  return made;
}

FlowTable::FlowTable(std::vector<FlowRule> given, Columns columns)
    : rules(std::move(given)), columns(columns) {
  for (size_t i = 0; i < rules.size(); ++i) {
    const Prefix &to = rules[i].destination;
    byDestination[to.length][to.address].push_back(static_cast<uint32_t>(i));
  }
  for (auto &[length, places] : byDestination)
    for (auto &[address, numbers] : places)
      std::sort(numbers.begin(), numbers.end(), [&](uint32_t a, uint32_t b) {
        return std::pair(rules[b].source.length, a) <
               std::pair(rules[a].source.length, b);
      });
}

uint64_t FlowTable::find(const uint64_t *values) const {
  auto at = [&](int column) { return column < 0 ? 0 : values[column]; };
  Address source{at(columns.sourcePrefix), at(columns.source)};
  Address destination{at(columns.destinationPrefix), at(columns.destination)};
  auto holds = [&](const FlowRule &rule) {
    return source.prefix(rule.source.length) == rule.source.address &&
           std::all_of(rule.ranges.begin(), rule.ranges.end(),
                       [&](const FlowRule::Range &range) {
                         return values[range.column] >= range.low &&
                                values[range.column] <= range.high;
                       });
  };
  for (const auto &[length, places] : byDestination) {
    auto found = places.find(destination.prefix(length));
    if (found == places.end())
      continue;
    for (uint32_t number : found->second)
      if (holds(rules[number]))
        return number;
  }
  return rules.size();
}
