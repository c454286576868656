//===- Source.h - Where packets come from -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_SOURCE_H
#define NM_TRAFFIC_SOURCE_H

#include "nm/Support/Result.h"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nm::traffic {

/// A packet in flight. `values` belongs to the source's columns and is valid
/// until the next call of the source.
struct Arrival {
  /// Ticks of one nanosecond; never less than that of the packet before.
  int64_t time = 0;
  const uint64_t *values = nullptr;
};

struct Arrivals;

/// A stream of packets with named, unsigned columns. `time` is not a column.
class Source {
public:
  virtual ~Source();
  enum class Status { Packet, End, Error };
  /// The next packet. After Error, `error()` says what and where.
  virtual Status next(Arrival &arrival) = 0;
  /// The next packets, at least one and at most `most` unless the source ends;
  /// whatever `block` held is gone.
  virtual void fill(Arrivals &block, size_t most);
  const std::vector<std::string> &columns() const { return names; }
  const std::string &error() const { return message; }
  /// What a user should know about traffic that was read to its end, such as a
  /// last packet that is cut off (a warning), or packets without an IP header.
  struct Note {
    bool isWarning;
    std::string text;
  };
  virtual std::vector<Note> notes() const { return {}; }
  /// The bytes of the latest packet, if the source has them.
  virtual const std::vector<uint8_t> *bytes() const { return nullptr; }
  /// The link type of these bytes, as libpcap numbers them.
  virtual int linkType() const { return 1; }
  /// The part of the input that was read, 0 to 1; below 0 if unknown.
  virtual double progress() const { return -1; }

protected:
  Status fail(std::string text) {
    message = std::move(text);
    return Status::Error;
  }
  std::vector<std::string> names;
  std::string message;
};

/// A value for each packet of a block, or one that all of them have.
template <typename T> struct BlockColumn {
  std::vector<T> values;
  /// There is one value, whatever the number of packets.
  bool isSame = false;

  T operator[](size_t i) const { return values[isSame ? 0 : i]; }
  void setAll(T value) {
    values.assign(1, value);
    isSame = true;
  }
  /// Room for a value for each packet.
  T *setEach(size_t count) {
    values.resize(count);
    isSame = false;
    return values.data();
  }
};

/// Packets one behind the other.
struct Arrivals {
  size_t count = 0;
  /// As Arrival: a time, and a value in each of the source's columns.
  std::vector<int64_t> times;
  std::vector<BlockColumn<uint64_t>> columns;
  /// What follows the last packet; Packet: another block.
  Source::Status then = Source::Status::Packet;
  /// Of the source when it had made these.
  double progress = -1;
  /// The same packets as a scheduler takes them (Scheduler::prepare).
  bool isPrepared = false;
  std::vector<uint64_t> packets;
  BlockColumn<int32_t> classes;

  /// Copies the values of a packet.
  void copyRow(size_t packet, uint64_t *to) const {
    for (const BlockColumn<uint64_t> &column : columns)
      *to++ = column[packet];
  }
};

using SourceResult = support::Result<std::unique_ptr<Source>>;

/// Reads lines of comma-separated numbers. The first line names the columns;
/// one of them is `time`, in nanoseconds and never decreasing. Values are
/// decimal or, after 0x, hexadecimal; a `length` is 1 to 2^32. Cells may stand
/// in quotes (RFC 4180) and between blanks, lines end in LF or CR LF, and a
/// byte order mark may begin the file. Empty lines and lines that begin with
/// `#` are skipped. Fails ("file:line: ...") if the file or its header is
/// refused.
SourceResult openCsv(const std::string &path);

/// The same on `size` bytes that outlive the source, called `name` in errors.
SourceResult openCsvMemory(const char *data, size_t size,
                           const std::string &name);

/// Reads a capture in a format of libpcap (pcap, pcapng). Times are
/// nanoseconds since the first packet. Columns: length (bytes on the wire, as
/// the capture says), flow (number of the 5-tuple, in the order of appearance),
/// tos, protocol, source_port, destination_port, vlan, dscp, pcp,
/// source_address, destination_address (of IPv4; of IPv6 the lower 64 bits),
/// source_prefix, destination_prefix (the upper 64). What a packet does not
/// have is 0; all packets without IP make one flow for each EtherType. More
/// than `maxFlows` flows are an error. A last packet that is cut off ends the
/// traffic with a warning.
SourceResult openPcap(const std::string &path, uint64_t maxFlows);
SourceResult openPcapMemory(const void *data, size_t size, uint64_t maxFlows);

/// Makes traffic after a description:
///
///   cbr:rate=8G,length=1500,flows=4,packets=100000
///   poisson:rate=9.5G,length=64..1500,flows=16,packets=1000000,seed=3
///   burst:rate=5G,length=1500,size=32,packets=1000
///   onoff:rate=5G,peak=10G,on=100000,packets=1000,class=0..1
///
/// rate (bit/s) is that of all flows together. cbr spaces packets evenly;
/// poisson has exponential gaps; burst sends `size` packets in one tick; onoff
/// sends at `peak` for exponential times of the mean `on` (ns) and is silent
/// as long as the rate asks for. Flows are drawn at random, or taken in turn
/// with order=turn. Ends after `packets` packets or `duration` ns. Any other
/// name is a column: a number or a range a..b of equally likely values.
SourceResult openGenerator(const std::string &description);

/// The packets, the end or the error of `source`, which a thread of its own
/// reads a few thousand packets ahead, and passes to `prepare` block by block,
/// if there is one. `progress()` is that of the block being read; `bytes()` are
/// not passed on. Destruction waits until the source's current call returns, so
/// that a source that may block, such as a pipe, should not be read ahead.
std::unique_ptr<Source> readAhead(std::unique_ptr<Source> source,
                                  std::function<void(Arrivals &)> prepare = {});

} // namespace nm::traffic

#endif // NM_TRAFFIC_SOURCE_H
