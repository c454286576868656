//===- PifoPolicy.h - The language of scheduling policies -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_IMPORT_PIFOPOLICY_H
#define NM_IMPORT_PIFOPOLICY_H

#include "nm/Support/Result.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nm::policy {

/// Where something stands: line and column from 1.
struct Location {
  unsigned line = 1, column = 1;
};

struct Field {
  std::string name;
  unsigned bits = 32;
  /// Number of values; 0 for all of `bits`.
  uint64_t below = 0;
};

/// Which packets a class takes.
struct Condition {
  enum Kind { Compare, And, Or, Not } kind = Compare;
  /// Compare: low <= field <= high.
  std::string field;
  uint64_t low = 0, high = 0;
  std::vector<Condition> operands;
};

struct Shape {
  /// Bit/s and bytes.
  uint64_t rate = 0, burst = 0;
  /// Tokens of a byte, a multiple of what the rate needs; 0 for just that.
  uint64_t cost = 0;
};

/// How many packets or bytes may be inside a node.
struct Limit {
  enum Kind { Packets, Bytes, Share } kind = Packets;
  uint64_t most = 0;
  /// Share: fewer than numerator / denominator times the free room of the
  /// scheduler, in packets.
  uint64_t numerator = 1, denominator = 1;
  /// Of the packets with each value of a field; empty for all together.
  std::string field;
};

/// Controlled delay (RFC 8289) of the packets with each value of a field, or of
/// all of a leaf.
struct Codel {
  /// ns; bytes that may always wait.
  uint64_t target = 5'000'000, interval = 100'000'000, mtu = 1500;
  std::string field;
  /// The field of the ECN codepoint: marks in place of drops. Empty: drops.
  std::string ecn;
};

/// Random early detection (Floyd and Jacobson, 1993).
struct Red {
  bool bytes = false, gentle = false;
  /// Thresholds of the average, in packets or bytes.
  uint64_t low = 0, high = 0;
  /// At the upper threshold, in 2^-24.
  uint64_t probability = (1 << 24) / 10;
  /// 1 over the weight of a packet in the average, a power of two.
  uint64_t over = 512;
  /// ns of an idle queue that count as a packet.
  uint64_t idle = 1000;
  uint64_t seed = 1;
  std::string field, ecn;
};

/// Proportional integral controller (RFC 8033); all in ns.
struct Pie {
  uint64_t target = 15'000'000, update = 15'000'000, burst = 150'000'000;
  uint64_t seed = 1;
  std::string field, ecn;
};

/// Marks packets that come while the queue is long (RFC 8257, section 3.1).
struct Step {
  bool bytes = false;
  /// Packets or bytes that may be inside, this one included, without a mark.
  uint64_t most = 0;
  std::string field, ecn;
};

/// What a class of htb may send: what it is promised, what it never exceeds,
/// and who goes first of those in the same place.
struct Guarantee {
  Shape rate, ceil;
  uint64_t priority = 0;
};

/// A service curve of two pieces: bit/s for a span of ns, and then.
struct Curve {
  uint64_t first = 0, span = 0, rest = 0;
  /// Of policies that change: when it became what it is, in ns.
  uint64_t since = 0;
  bool operator==(const Curve &other) const {
    return first == other.first && span == other.span && rest == other.rest;
  }
};

/// What a class of hfsc that is no hfsc itself is promised, and what any class
/// of hfsc never exceeds by link sharing.
struct Curves {
  std::optional<Curve> real, upper;
};

/// A node of the tree.
struct Policy {
  enum Kind {
    Fifo,
    Edf,
    Priority,
    Wfq,
    RoundRobin,
    Strict,
    // These decide at dequeue.
    Wf2q,
    Drr,
    Htb,
    Hfsc
  } kind = Fifo;
  bool isLate() const { return kind >= Wf2q; }
  Location location;
  /// Leaves: of Edf, Priority, Wfq, RoundRobin.
  std::string field;
  /// Of the flows, or of the classes, in a common unit; 1 for all if empty.
  std::vector<uint64_t> weights;
  /// What a weight of 1 in the text is in that unit: `scale / unit`.
  uint64_t unit = 1, scale = 1;
  /// Policies that change: a common multiple of all weights, and the least one;
  /// 0 for those of the weights.
  struct {
    uint64_t common = 0, least = 0;
  } joint;
  /// Wfq, Wf2q, Drr: a packet costs 1, whatever its length.
  bool perPacket = false;
  /// Drr: what a turn brings to a class of weight 1.
  uint64_t quantum = 1;
  /// Inner nodes. Empty for leaves.
  std::vector<Policy> classes;
  /// As a class: its name, its packets (none: all others), its shape.
  std::string name;
  std::optional<Condition> condition;
  std::optional<Shape> shape;
  /// Policies that change: a class that only others have. It takes no packets.
  bool elsewhere = false;
  /// In htb.
  std::optional<Guarantee> guarantee;
  /// In hfsc.
  Curves curves;
  std::vector<Limit> limits;
  /// Fifo, Edf, Priority: the field of the time before which a packet does not
  /// leave, or the bucket that says it, of each value of a field or of all.
  std::string notBefore;
  std::optional<Shape> pace;
  std::string paceField;
  /// Edf, Priority: the field of flows whose packets leave in the order of
  /// their arrival; empty for none.
  std::string inOrder;
  /// One of these at most.
  std::optional<Codel> codel;
  std::optional<Red> red;
  std::optional<Pie> pie;
  std::optional<Step> step;
};

struct Program {
  std::string name;
  uint64_t capacity = 65536;
  /// The largest capacity for which all ranks and tokens are exact.
  uint64_t largestCapacity = 1 << 24;
  /// Full, it refuses what comes; if not, the worst packet goes.
  bool refuses = false;
  /// Some rule asks when a packet came.
  bool needsArrival = false;
  /// Its numbers may change while it runs.
  bool isLiving = false;
  /// Some class of hfsc has an upper limit, here or in a policy that takes this
  /// one's place.
  bool hasUpper = false;
  std::vector<Field> fields;
  Policy root;
};

/// Reads docs/pifo-language.md. Errors show the line and a caret under what is
/// wrong. A `capacity` that is not 0 takes the place of the declared one.
/// Programs whose ranks or tokens might leave their range at that capacity are
/// refused, with the largest one that is possible.
support::Result<Program> parse(const std::string &text, const std::string &file,
                               uint64_t capacity = 0);

/// The program as a pifo.scheduler.
std::string print(const Program &program);

/// A policy with others that take its place while it runs.
struct Living {
  std::string module;
  /// The parameters of each of the others, as pifo.scheduler numbers them.
  std::vector<std::vector<int64_t>> changes;
  /// Where classes or conditions differ: the field of a packet that says by
  /// which policy it is classified. Empty if all classify alike.
  std::string field;
  /// The value of that field, of the first policy and then of each of the
  /// others. Policies that classify alike share it.
  std::vector<uint64_t> numbers;
  /// Of the first policy and then of each of the others, which leaves of the
  /// module it has, in the order of the text.
  std::vector<std::vector<bool>> leaves;
};

/// A text and the name of its file.
using NamedText = std::pair<std::string, std::string>;

/// Policies that differ in classes, weights, rates, bursts, ceilings,
/// priorities, curves and limits only, exact at the capacity of the first,
/// whichever holds. The module has the classes of all: one that a policy does
/// not have takes no packets then, and sends those that it has.
/// `times` are those at which the others take their places, in ns: a curve that
/// changes begins anew then.
support::Result<Living> translateLiving(const NamedText &first,
                                        const std::vector<NamedText> &others,
                                        const std::vector<uint64_t> &times,
                                        uint64_t capacity = 0);

/// parse, then print.
support::Result<std::string> translate(const std::string &text,
                                       const std::string &file,
                                       uint64_t capacity = 0);

} // namespace nm::policy

#endif // NM_IMPORT_PIFOPOLICY_H
