//===- FlowFile.cpp - Files of flows with names -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/CsvReader.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/FlowTable.h"
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <unordered_set>

using namespace nm::traffic;
namespace support = nm::support;

static constexpr size_t kMostRules = 65535, kLongestName = 64;
static constexpr std::pair<const char *, uint64_t> kProtocols[] = {
    {"icmp", 1}, {"tcp", 6},     {"udp", 17},   {"gre", 47},
    {"esp", 50}, {"icmpv6", 58}, {"sctp", 132}, {"udplite", 136}};

namespace {

/// The lines of one file, for a source with these columns.
class FlowFile {
public:
  FlowFile(const std::string &path, const std::vector<std::string> &columns)
      : path(path), columns(columns) {}
  support::Status read(std::istream &file);

  std::vector<FlowRule> rules;
  std::vector<std::string> names;
  std::set<std::string> used;

private:
  support::Error refuse(const std::string &what) const {
    return support::makeError(support::Errc::Format,
                              path + ":" + std::to_string(line) + ": " + what);
  }
  support::Status name(const std::string &word);
  support::Status condition(const std::string &word, FlowRule &rule);
  support::Status address(const std::string &side, const std::string &text,
                          Prefix &prefix);
  support::Status range(const std::string &column, const std::string &text,
                        FlowRule &rule);
  bool number(const std::string &column, const std::string &text,
              uint64_t &value) const;
  bool has(const std::string &column) const {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  }

  std::string path;
  const std::vector<std::string> &columns;
  std::unordered_set<std::string> taken{"other"};
  size_t line = 0;
};

/// Packets with the flow of a table.
class NamedSource : public Source {
public:
  NamedSource(std::unique_ptr<Source> inner, FlowTable table)
      : source(std::move(inner)), table(std::move(table)) {
    names = source->columns();
    flow = static_cast<size_t>(std::find(names.begin(), names.end(), "flow") -
                               names.begin());
    if (flow == names.size())
      names.emplace_back("flow");
    values.resize(names.size());
  }
  Status next(Arrival &arrival) override {
    Status status = source->next(arrival);
    if (status == Status::Error)
      message = source->error();
    if (status != Status::Packet)
      return status;
    std::copy_n(arrival.values, source->columns().size(), values.data());
    values[flow] = table.find(arrival.values);
    arrival.values = values.data();
    return status;
  }
  std::vector<Note> notes() const override { return source->notes(); }
  const std::vector<uint8_t> *bytes() const override { return source->bytes(); }
  int linkType() const override { return source->linkType(); }
  double progress() const override { return source->progress(); }

private:
  std::unique_ptr<Source> source;
  FlowTable table;
  size_t flow = 0;
  std::vector<uint64_t> values;
};

} // namespace

support::Status FlowFile::name(const std::string &word) {
  bool isName = word.size() <= kLongestName &&
                std::all_of(word.begin(), word.end(), [](unsigned char c) {
                  return std::isalnum(c) || c == '_' || c == '-' || c == '.';
                });
  if (!isName)
    return refuse("a flow is called " + support::quote(word) +
                  "; expected letters, digits, '_', '-' and '.', at most " +
                  std::to_string(kLongestName));
  if (!taken.insert(word).second)
    return refuse("a second flow is called '" + word + "'" +
                  (word == "other" ? ", as that of all other packets is" : ""));
  if (names.size() == kMostRules)
    return refuse("more than " + std::to_string(kMostRules) + " flows");
  names.push_back(word);
  return {};
}

support::Status FlowFile::address(const std::string &side,
                                  const std::string &text, Prefix &prefix) {
  if (prefix.length != 0)
    return refuse("a second " + side + " of one flow");
  auto parsed = parsePrefix(text);
  if (!parsed)
    return refuse(side + " is " + parsed.error().message);
  prefix = *parsed;
  std::string lower = side + "_address", upper = side + "_prefix";
  const std::string &missing = has(lower) ? upper : lower;
  if (!has(lower) || (!has(upper) && prefix.address.upper))
    return refuse("the traffic has no column '" + missing +
                  "'; expected one, as captures have");
  used.insert({lower, upper});
  return {};
}

bool FlowFile::number(const std::string &column, const std::string &text,
                      uint64_t &value) const {
  if (column == "protocol")
    for (const auto &[name, protocol] : kProtocols)
      if (text == name) {
        value = protocol;
        return true;
      }
  return support::parseUnsigned(text, value);
}

support::Status FlowFile::range(const std::string &column,
                                const std::string &text, FlowRule &rule) {
  auto found = std::find(columns.begin(), columns.end(), column);
  if (found == columns.end() || column == "flow") {
    std::vector<std::string> known{"source", "destination"};
    for (const std::string &name : columns)
      if (name != "flow")
        known.push_back(name);
    return refuse(support::quote(column) + " is no column of the traffic" +
                  support::didYouMean(column, known) + "; expected " +
                  support::alternatives(known));
  }
  FlowRule::Range made{static_cast<size_t>(found - columns.begin()), 0, 0};
  size_t dots = text.find("..");
  bool single = dots == std::string::npos;
  if (!number(column, text.substr(0, dots), made.low) ||
      !number(column, single ? text : text.substr(dots + 2), made.high) ||
      made.low > made.high)
    return refuse(column + " is " + support::quote(text) +
                  "; expected a number or a range such as 80..89" +
                  (column == "protocol" ? ", or tcp, udp, icmp, icmpv6, sctp, "
                                          "udplite, gre or esp"
                                        : ""));
  rule.ranges.push_back(made);
  used.insert(column);
  return {};
}

support::Status FlowFile::condition(const std::string &word, FlowRule &rule) {
  size_t equals = word.find('=');
  if (equals == std::string::npos)
    return refuse("found " + support::quote(word) +
                  "; expected conditions such as destination=10.0.0.0/8, "
                  "protocol=udp or dscp=40..47");
  std::string column = word.substr(0, equals), text = word.substr(equals + 1);
  if (column == "source")
    return address(column, text, rule.source);
  if (column == "destination")
    return address(column, text, rule.destination);
  return range(column, text, rule);
}

support::Status FlowFile::read(std::istream &file) {
  std::string text;
  while (std::getline(file, text)) {
    ++line;
    if (line == 1 && text.compare(0, 3, "\xef\xbb\xbf") == 0)
      text.erase(0, 3);
    std::istringstream words(text.substr(0, text.find('#')));
    std::string word;
    if (!(words >> word))
      continue;
    NM_RETURN_IF_ERROR(name(word));
    FlowRule rule;
    while (words >> word)
      NM_RETURN_IF_ERROR(condition(word, rule));
    rules.push_back(std::move(rule));
  }
  if (names.empty())
    return support::makeError(support::Errc::Format,
                              path + " names no flow; expected lines such as "
                                     "'voice protocol=udp dscp=46'");
  return {};
}

SourceResult nm::traffic::nameFlows(std::unique_ptr<Source> source,
                                    const std::string &path, FlowNames &names) {
  std::ifstream file(path);
  struct stat status;
  if (!file || ::stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode))
    return support::makeError(support::Errc::Io, "cannot read flows from " +
                                                     support::quotePath(path));
  FlowFile flows(support::printable(path), source->columns());
  NM_RETURN_IF_ERROR(flows.read(file));
  names.names = std::move(flows.names);
  names.names.emplace_back("other");
  names.columns.assign(flows.used.begin(), flows.used.end());
  const std::vector<std::string> &columns = source->columns();
  auto column = [&](const char *name) {
    auto found = std::find(columns.begin(), columns.end(), name);
    return found == columns.end() ? -1
                                  : static_cast<int>(found - columns.begin());
  };
  FlowTable table(std::move(flows.rules),
                  {column("source_address"), column("source_prefix"),
                   column("destination_address"),
                   column("destination_prefix")});
  return std::unique_ptr<Source>(
      std::make_unique<NamedSource>(std::move(source), std::move(table)));
}
