//===- Sender.cpp - One flow of packets with acknowledgements -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sender.h"
#include <algorithm>

using namespace nm::traffic;

/// RFC 6298, section 2.4 and 5.5: bounds of the timeout, in ns and doublings.
static constexpr int64_t kLongest = 60'000'000'000;
static constexpr unsigned kDoublings = 16;

Sender::Sender(const Flow &flow, const TransportOptions &options)
    : options(options), bytes(flow.bytes),
      count((flow.bytes + options.segment - 1) / options.segment),
      left(flow.bytes), states(count, State::Unsent), isAgain(count),
      window(options.control, options.initialWindow) {
  // The handshake, which is not sent here, has measured it.
  measure(flow.rtt);
}

uint64_t Sender::bytesOf(uint64_t packet) const {
  return std::min(options.segment, bytes - packet * options.segment);
}

std::optional<uint64_t> Sender::next() const {
  if (flight >= window.packets())
    return std::nullopt;
  if (!lost.empty())
    return *lost.begin();
  if (fresh < count)
    return fresh;
  return std::nullopt;
}

int64_t Sender::timeout() const {
  int64_t time = smoothed + std::max<int64_t>(1, 4 * variation);
  time = std::min(std::max(time, options.leastTimeout), kLongest);
  return std::min(time << std::min(backoff, kDoublings), kLongest);
}

void Sender::send(uint64_t packet, int64_t now) {
  isAgain[packet] = states[packet] == State::Lost;
  if (isAgain[packet]) {
    lost.erase(packet);
    ++outcome.again;
  } else {
    ++fresh;
  }
  states[packet] = State::Flying;
  ++outcome.packets;
  ++flight;
  if (patience < 0)
    patience = now + timeout();
}

/// RFC 6298, section 2; time stamps make samples of packets that were sent
/// again valid too.
void Sender::measure(int64_t sample) {
  if (smoothed < 0) {
    smoothed = sample;
    variation = sample / 2;
    return;
  }
  variation = (3 * variation + std::abs(smoothed - sample)) / 4;
  smoothed = (7 * smoothed + sample) / 8;
}

/// A packet that flies for the first time is lost when three later ones have
/// arrived (RFC 6675, section 4).
void Sender::findLosses() {
  uint64_t end = latest[2] ? latest[2] - 1 : 0;
  bool found = false;
  for (; looked < end; ++looked)
    if (states[looked] == State::Flying && !isAgain[looked]) {
      states[looked] = State::Lost;
      lost.insert(looked);
      found = true;
      --flight;
    }
  if (!found || isRecovering)
    return;
  isRecovering = true;
  recovery = fresh;
  window.congested(fresh - first);
}

void Sender::hearMark(uint64_t packet, bool isMarked) {
  outcome.marked += isMarked;
  bool isDctcp = options.control == Control::Dctcp;
  if (!isDctcp && !options.ecn)
    return;
  // RFC 8257, section 3.3: bytes are counted a window long.
  heard += bytesOf(packet);
  heardMarks += isMarked ? bytesOf(packet) : 0;
  if (first > windowEnd) {
    if (isDctcp)
      window.endOfWindow(static_cast<double>(heardMarks) /
                         static_cast<double>(heard));
    heard = heardMarks = 0;
    windowEnd = fresh;
  }
  // The reaction comes once in a window (RFC 3168, section 6.1.2).
  if (!isMarked || isRecovering || first < reactionEnd)
    return;
  reactionEnd = fresh;
  if (isDctcp)
    window.marked();
  else
    window.congested(fresh - first);
}

void Sender::acknowledge(uint64_t packet, bool isMarked, int64_t sent,
                         int64_t now) {
  State before = states[packet];
  if (before == State::Arrived)
    return;
  uint64_t flew = flight;
  if (before == State::Flying)
    --flight;
  else
    lost.erase(packet);
  states[packet] = State::Arrived;
  left -= bytesOf(packet);
  ++acknowledged;
  uint64_t number = packet + 1;
  for (uint64_t &place : latest)
    if (number > place)
      std::swap(number, place);
  while (first < count && states[first] == State::Arrived)
    ++first;
  measure(now - sent);
  backoff = 0;
  patience = isComplete() ? -1 : now + timeout();
  if (isRecovering && first >= recovery)
    isRecovering = false;
  bool mayGrow = !isRecovering;
  findLosses();
  hearMark(packet, isMarked);
  if (mayGrow && !isRecovering && !isMarked)
    window.acknowledged(flew, now, smoothed);
}

void Sender::timeOut(int64_t now) {
  ++outcome.timeouts;
  window.timedOut(fresh - first, backoff == 0);
  ++backoff;
  for (uint64_t packet = first; packet < fresh; ++packet)
    if (states[packet] == State::Flying) {
      states[packet] = State::Lost;
      lost.insert(packet);
    }
  flight = 0;
  // What is lost once more is found by the next timeout only.
  isRecovering = false;
  patience = now + timeout();
}
