//===- DramTiming.cpp - Banks and rows of DRAM -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A stream takes the bursts of an access in order. Each channel has a bus, on
// which bursts follow one another, and banks that hold one open row. A row is
// opened as early as its bank, tRRD and tFAW allow for one of the kLookahead
// bursts that come next, and stays open until another of its bank is wanted.
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/DramTiming.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <limits>
#include <vector>

namespace nm::machine {

using support::ceilDiv;

namespace {

/// Bursts that a controller knows ahead, of a channel.
constexpr size_t kLookahead = 32;
/// Bursts of an access that are looked at; longer ones go on like that.
constexpr int64_t kMostBursts = 1 << 18;
constexpr double kLongAgo = -std::numeric_limits<double>::infinity();

class FlatDram final : public DramModel {
public:
  explicit FlatDram(const Dram &dram)
      : burst(std::max<int64_t>(dram.burstBytes, 1)) {}

  double streamBytes(const DramAccess &access) const override {
    return static_cast<double>(access.runs()) *
           static_cast<double>(ceilDiv(access.bytes, burst) * burst);
  }

private:
  int64_t burst;
};

struct Bank {
  int64_t row = -1;
  double opened = kLongAgo, lastRead = kLongAgo;
};

/// One channel; times in nanoseconds.
class Channel {
public:
  Channel(const DramRows &rows, double burst)
      : rows(rows), burst(burst), banks(static_cast<size_t>(rows.banks)),
        groups(static_cast<size_t>(rows.bankGroups), kLongAgo) {}

  void read(int64_t group, int64_t bank, int64_t row) {
    Bank &b = banks[static_cast<size_t>(bank)];
    if (b.row != row)
      open(b, row);
    double &lastOfGroup = groups[static_cast<size_t>(group)];
    double time = std::max({b.opened + rows.rcd, last + burst,
                            lastOfGroup + std::max(rows.ccdLong, burst)});
    b.lastRead = last = lastOfGroup = time;
    known[at++ % kLookahead] = time;
  }

  /// From the first read that an idle channel can do to the end of the last
  /// one; at least what its rows take of many such accesses.
  double busy() const {
    if (at == 0)
      return 0;
    double each = std::max(rows.rrd, rows.faw / 4);
    return std::max(last + burst - rows.rcd,
                    static_cast<double>(openings) * each);
  }

private:
  void open(Bank &bank, int64_t row) {
    double closed =
        bank.row < 0
            ? kLongAgo
            : std::max(bank.opened + rows.ras, bank.lastRead + burst) + rows.rp;
    double asked = at < kLookahead ? 0 : known[at % kLookahead];
    size_t n = static_cast<size_t>(openings);
    double earlier = n == 0 ? kLongAgo : fourLast[(n - 1) % 4] + rows.rrd;
    double window = n < 4 ? kLongAgo : fourLast[n % 4] + rows.faw;
    bank.opened = std::max({0.0, closed, asked, earlier, window});
    bank.row = row;
    fourLast[n % 4] = bank.opened;
    ++openings;
  }

  const DramRows &rows;
  double burst;
  std::vector<Bank> banks;
  std::vector<double> groups; ///< their last reads
  double last = kLongAgo;
  int64_t openings = 0;
  size_t at = 0;
  std::array<double, kLookahead> known{}; ///< reads, in a ring
  std::array<double, 4> fourLast{};
};

/// From the lowest bits of an address: burst, channel, group of banks, column,
/// bank of the group, row. So a stream visits channels and groups in turns, and
/// the next rows lie in other banks. Higher digits are added to the channel's,
/// so that no stride of a power of two meets few channels.
class RowDram final : public DramModel {
public:
  explicit RowDram(const Dram &dram)
      : dram(dram), burst(dram.burstTime()),
        columns(std::max<int64_t>(dram.rows.rowBytes / dram.burstBytes, 1)) {}

  double streamBytes(const DramAccess &access) const override {
    std::vector<Channel> channels(static_cast<size_t>(dram.rows.channels),
                                  Channel(dram.rows, burst));
    int64_t looked = 0;
    bool whole = true;
    auto visit = [&](int64_t begin) {
      int64_t first = begin / dram.burstBytes;
      int64_t end = ceilDiv(begin + access.bytes, dram.burstBytes);
      for (int64_t i = first; i != end && whole; ++i, ++looked) {
        read(channels, i);
        whole = looked < kMostBursts;
      }
    };
    std::array<int64_t, 4> at{};
    for (int64_t run = access.runs(); run != 0 && whole; --run) {
      int64_t begin = access.base;
      for (size_t d = 0; d != 4; ++d)
        begin += at[d] * access.strides[d];
      visit(begin);
      for (size_t d = 4; d-- != 0 && ++at[d] == access.counts[d];)
        at[d] = 0;
    }
    double busy = 0;
    for (const Channel &channel : channels)
      busy = std::max(busy, channel.busy());
    double bytes = busy * dram.bytesPerSecond * 1e-9 * dram.streamingShare() /
                   (1 - refreshing());
    if (whole)
      return bytes;
    double all = FlatDram(dram).streamBytes(access) /
                 static_cast<double>(dram.burstBytes);
    return bytes * std::max(1.0, all / static_cast<double>(looked));
  }

private:
  double refreshing() const {
    return dram.rows.refi > 0 ? dram.rows.rfc / dram.rows.refi : 0;
  }

  void read(std::vector<Channel> &channels, int64_t index) const {
    const DramRows &rows = dram.rows;
    int64_t channel = index % rows.channels;
    index /= rows.channels;
    for (int64_t above = index; above != 0 && rows.channels > 1;
         above /= rows.channels)
      channel += above % rows.channels;
    channel %= rows.channels;
    int64_t group = index % rows.bankGroups;
    index /= rows.bankGroups;
    index /= columns;
    int64_t perGroup = rows.banks / rows.bankGroups;
    int64_t bank = group * perGroup + index % perGroup;
    channels[static_cast<size_t>(channel)].read(group, bank, index / perGroup);
  }

  Dram dram;
  double burst;
  int64_t columns; ///< bursts of a row
};

} // namespace

double Dram::streamingShare() const {
  if (!rows.present())
    return 1;
  // Of a row's time: its bursts; bursts of one group of banks; what opens the
  // next one; and all banks in turns.
  double bursts = static_cast<double>(
      std::max<int64_t>(rows.rowBytes / std::max<int64_t>(burstBytes, 1), 1));
  double burst = burstTime();
  double read = bursts * burst;
  double slowest = std::max(
      {read, bursts * rows.ccdLong / static_cast<double>(rows.bankGroups),
       rows.rrd, rows.faw / 4,
       std::max(rows.rc(), rows.rcd +
                               static_cast<double>(rows.bankGroups) * read +
                               rows.rp) /
           static_cast<double>(rows.banks)});
  double refresh = rows.refi > 0 ? rows.rfc / rows.refi : 0;
  return read / slowest * (1 - refresh);
}

std::unique_ptr<DramModel> dramModelOf(const Dram &dram) {
  if (dram.rows.present())
    return std::make_unique<RowDram>(dram);
  return std::make_unique<FlatDram>(dram);
}

} // namespace nm::machine
