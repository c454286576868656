//===- Generator.cpp - Made-up traffic -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Random.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/Source.h"
#include <algorithm>
#include <cstdlib>

using namespace nm::traffic;

namespace {

class Generator : public Source {
public:
  bool parse(const std::string &text);
  Status next(Arrival &arrival) override;
  void fill(Arrivals &block, size_t most) override;
  double progress() const override {
    return std::max(static_cast<double>(made) / static_cast<double>(packets),
                    time / duration);
  }

private:
  /// How long a packet takes at the rate, in ns.
  double spanOf(uint64_t bytes) const {
    return static_cast<double>(bytes) * 8e9 / rate;
  }
  /// The columns of the next packet, whose length it returns, and then when the
  /// one behind it comes.
  uint64_t draw(Random &from, uint64_t *row) const;
  void advance(uint64_t bytes);
  /// Of packets that are alike but for their flows: their times, up to `most`,
  /// and how many come before the traffic ends; and their flows.
  size_t fillTimes(int64_t *times, size_t most);
  void fillFlows(BlockColumn<uint64_t> &column, size_t count);
  bool set(const std::string &key, const std::string &value);
  bool refuse(const std::string &text) {
    message = text;
    return false;
  }

  enum class Kind { Cbr, Poisson, Burst, OnOff } kind = Kind::Cbr;
  double rate = 0, peak = 0, on = 1e5, duration = 9e18;
  uint64_t packets = UINT64_MAX, flows = 1, size = 16, seed = 1;
  bool turn = false;
  /// The options that were given.
  std::vector<std::string> given;
  Range length{1500, 1500};
  std::vector<Range> extra;

  Random random{1};
  uint64_t made = 0, inBurst = 0;
  /// Nanoseconds; the time of the next packet.
  double time = 0, gap = 0, left = 0;
  std::vector<uint64_t> values;
};

/// A number with an optional k, M, G or T.
bool number(const std::string &text, double &value) {
  char *end;
  if (text.empty() || text[0] < '0' || text[0] > '9')
    return false;
  value = std::strtod(text.c_str(), &end);
  switch (*end) {
  case 'k':
    value *= 1e3, ++end;
    break;
  case 'M':
    value *= 1e6, ++end;
    break;
  case 'G':
    value *= 1e9, ++end;
    break;
  case 'T':
    value *= 1e12, ++end;
    break;
  default:
    break;
  }
  return *end == 0 && std::isfinite(value);
}

bool whole(const std::string &text, uint64_t &value) {
  double number_value;
  if (!number(text, number_value) || number_value > 0x1p53 ||
      number_value != std::floor(number_value))
    return false;
  value = static_cast<uint64_t>(number_value);
  return true;
}

bool range(const std::string &text, Range &result) {
  size_t dots = text.find("..");
  if (dots == std::string::npos)
    return whole(text, result.low) && whole(text, result.high);
  return whole(text.substr(0, dots), result.low) &&
         whole(text.substr(dots + 2), result.high) && result.low <= result.high;
}

bool Generator::set(const std::string &key, const std::string &value) {
  for (const std::string &other : given)
    if (other == key)
      return refuse("'" + ::nm::support::printable(key) + "' comes twice");
  given.push_back(key);
  auto refused = [&](const char *expected) {
    return refuse("'" + ::nm::support::printable(key + "=" + value) +
                  "'; expected " + expected);
  };
  auto from1 = [&](double &field, double most, const char *expected) {
    return (number(value, field) && field >= 1 && field <= most) ||
           refused(expected);
  };
  auto counts = [&](uint64_t &field) {
    return (whole(value, field) && field > 0) ||
           refused("a whole number of at least 1");
  };
  if (key == "rate")
    return from1(rate, 1e15, "1 to 1e15 bit/s, such as 8G");
  if (key == "peak")
    return from1(peak, 1e15, "1 to 1e15 bit/s, such as 10G");
  if (key == "on")
    return from1(on, 1e15, "1 to 1e15 ns");
  if (key == "duration")
    return from1(duration, 4e18, "1 to 4e18 ns, such as 86400e9");
  if (key == "packets")
    return counts(packets);
  if (key == "flows")
    return counts(flows);
  if (key == "size")
    return counts(size);
  if (key == "seed")
    return whole(value, seed) || refused("a whole number");
  if (key == "order") {
    turn = value == "turn";
    return turn || value == "random" || refused("'turn' or 'random'");
  }
  Range found;
  if (key == "length") {
    if (!range(value, found) || found.low == 0 || found.high > (1u << 24))
      return refused("bytes or a range of them, such as 64..1500");
    length = found;
    return true;
  }
  if (key.empty() || key == "time" || key == "flow")
    return refused("another name");
  if (!range(value, found))
    return refused("a whole number or a range a..b");
  for (char c : key)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          (c >= '0' && c <= '9') || c == '_'))
      return refused("a name of letters, digits and '_'");
  names.push_back(key);
  extra.push_back(found);
  return true;
}

bool Generator::parse(const std::string &text) {
  names = {"length", "flow"};
  size_t colon = text.find(':');
  std::string what = text.substr(0, colon);
  if (what == "cbr")
    kind = Kind::Cbr;
  else if (what == "poisson")
    kind = Kind::Poisson;
  else if (what == "burst")
    kind = Kind::Burst;
  else if (what == "onoff")
    kind = Kind::OnOff;
  else
    return refuse("'" + ::nm::support::printable(what) +
                  "'; expected cbr, poisson, burst or onoff");
  for (size_t at = colon; at != std::string::npos && at + 1 < text.size();) {
    size_t comma = text.find(',', at + 1);
    std::string item = text.substr(
        at + 1, comma == std::string::npos ? comma : comma - at - 1);
    size_t equal = item.find('=');
    if (equal == std::string::npos)
      return refuse("'" + ::nm::support::printable(item) +
                    "'; expected name=value");
    if (!set(item.substr(0, equal), item.substr(equal + 1)))
      return false;
    at = comma;
  }
  // A slip of the pen makes a column: where something is missing, they are
  // named.
  std::string columns;
  for (size_t i = 2; i < names.size(); ++i)
    columns += (i == 2 ? " (taken for columns: '" : "', '") + names[i];
  columns += columns.empty() ? "" : "')";
  if (rate == 0)
    return refuse("no rate; expected rate=<bit/s>" + columns);
  if (packets == UINT64_MAX && duration > 4e18)
    return refuse("no end; expected packets=<count> or duration=<ns>" +
                  columns);
  for (auto [option, owner] :
       {std::pair("size", Kind::Burst), std::pair("peak", Kind::OnOff),
        std::pair("on", Kind::OnOff)})
    if (kind != owner &&
        std::find(given.begin(), given.end(), option) != given.end())
      return refuse("'" + std::string(option) + "' has no effect on " + what +
                    "; expected it with " +
                    (owner == Kind::Burst ? "burst" : "onoff"));
  if (kind == Kind::OnOff && peak < rate)
    return refuse("a peak below the rate; expected peak=<bit/s> of at least "
                  "the rate");
  random = Random(seed);
  values.resize(names.size());
  left = on;
  return true;
}

uint64_t Generator::draw(Random &from, uint64_t *row) const {
  row[0] = from.in(length);
  row[1] = turn ? made % flows : from.in({0, flows - 1});
  for (size_t i = 0; i < extra.size(); ++i)
    row[i + 2] = from.in(extra[i]);
  return row[0];
}

Source::Status Generator::next(Arrival &arrival) {
  if (made == packets || time > duration)
    return Status::End;
  arrival.time = static_cast<int64_t>(time);
  uint64_t bytes = draw(random, values.data());
  arrival.values = values.data();
  ++made;
  advance(bytes);
  return Status::Packet;
}

size_t Generator::fillTimes(int64_t *times, size_t most) {
  const double span = spanOf(length.low);
  most = std::min(most, packets - made);
  // Sums of whole numbers up to 2^53 are exact, however they are added up.
  if (time == std::floor(time) && span == std::floor(span) &&
      time + static_cast<double>(most) * span <= 0x1p53) {
    const auto begin = static_cast<int64_t>(time),
               step = static_cast<int64_t>(span),
               last = static_cast<int64_t>(duration);
    const auto left =
        last < begin ? 0 : static_cast<size_t>((last - begin) / step) + 1;
    const size_t count = std::min(most, left);
    for (size_t i = 0; i < count; ++i)
      times[i] = begin + static_cast<int64_t>(i) * step;
    time += static_cast<double>(count) * span;
    return count;
  }
  double now = time;
  size_t count = 0;
  for (; count < most && now <= duration; ++count, now += span)
    times[count] = static_cast<int64_t>(now);
  time = now;
  return count;
}

void Generator::fillFlows(BlockColumn<uint64_t> &column, size_t count) {
  if (flows == 1)
    return column.setAll(0);
  uint64_t *each = column.setEach(count);
  if (turn) {
    uint64_t next = made % flows;
    for (size_t i = 0; i < count; ++i) {
      each[i] = next;
      next = next + 1 == flows ? 0 : next + 1;
    }
    return;
  }
  Random own = random;
  for (size_t i = 0; i < count; ++i)
    each[i] = own.below(flows);
  random = own;
}

/// As `next`. The usual case goes column by column.
void Generator::fill(Arrivals &block, size_t most) {
  auto varies = [](const Range &range) { return range.low != range.high; };
  if (kind != Kind::Cbr || varies(length) ||
      std::any_of(extra.begin(), extra.end(), varies))
    return Source::fill(block, most);
  block.isPrepared = false;
  block.times.resize(most);
  block.columns.resize(names.size());
  block.count = fillTimes(block.times.data(), most);
  block.columns[0].setAll(length.low);
  fillFlows(block.columns[1], block.count);
  for (size_t i = 0; i < extra.size(); ++i)
    block.columns[i + 2].setAll(extra[i].low);
  made += block.count;
  block.then = block.count == most ? Status::Packet : Status::End;
  block.progress = progress();
}

void Generator::advance(uint64_t bytes) {
  double span = spanOf(bytes);
  switch (kind) {
  case Kind::Cbr:
    time += span;
    break;
  case Kind::Poisson:
    time += random.exponential(span);
    break;
  case Kind::Burst:
    gap += span;
    if (++inBurst == size) {
      time += gap;
      gap = 0;
      inBurst = 0;
    }
    break;
  case Kind::OnOff: {
    double sending = static_cast<double>(bytes) * 8e9 / peak;
    time += sending;
    left -= sending;
    // Silence of the mean that brings the average down to the rate.
    if (left <= 0) {
      time += random.exponential(on * (peak / rate - 1));
      left = random.exponential(on);
    }
    break;
  }
  }
}

} // namespace

SourceResult nm::traffic::openGenerator(const std::string &description) {
  auto generator = std::make_unique<Generator>();
  if (!generator->parse(description))
    return ::nm::support::makeError(::nm::support::Errc::Argument, "traffic '",
                                    ::nm::support::printable(description),
                                    "': ", generator->error());
  return std::unique_ptr<Source>(std::move(generator));
}
