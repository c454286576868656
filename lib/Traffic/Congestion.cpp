//===- Congestion.cpp - Windows of senders -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Congestion.h"
#include <algorithm>
#include <cmath>

using namespace nm::traffic;

/// RFC 9438, sections 4.1.1 and 4.6: packets a cubic second, and what is left
/// of the window.
static constexpr double kCubic = 0.4, kBeta = 0.7;
/// RFC 8257, section 4.2: the weight of a window.
static constexpr double kGain = 1.0 / 16;

void Window::acknowledged(uint64_t flight, int64_t now, int64_t rtt) {
  // A window that was not used says nothing about the path (RFC 7661).
  if (cwnd < threshold) {
    if (cwnd < 2 * static_cast<double>(flight))
      cwnd += 1;
    return;
  }
  if (flight < packets())
    return;
  if (control == Control::Cubic)
    return growCubic(now, rtt);
  cwnd += 1 / cwnd;
}

/// RFC 9438, sections 4.2 to 4.5.
void Window::growCubic(int64_t now, int64_t rtt) {
  if (epoch < 0) {
    epoch = now;
    epochWindow = renoWindow = cwnd;
    if (isFlat) {
      most = cwnd;
      plateau = 0;
    } else {
      plateau = std::cbrt((most - cwnd) / kCubic);
    }
  }
  auto curve = [&](int64_t time) {
    double t = static_cast<double>(time) / 1e9 - plateau;
    return kCubic * (t * t * t) + most;
  };
  double alpha = renoWindow >= before ? 1 : 3 * (1 - kBeta) / (1 + kBeta);
  renoWindow += alpha / cwnd;
  if (curve(now - epoch) < renoWindow) {
    cwnd = std::max(cwnd, renoWindow);
    return;
  }
  double target = curve(now - epoch + rtt);
  target = std::min(std::max(target, cwnd), 1.5 * cwnd);
  cwnd += (target - cwnd) / cwnd;
}

/// RFC 9438, sections 4.6 and 4.7.
void Window::reduceCubic(uint64_t flight) {
  before = cwnd;
  most = cwnd < most ? cwnd * (1 + kBeta) / 2 : cwnd;
  threshold = std::max(static_cast<double>(flight) * kBeta, 2.0);
  epoch = -1;
  isFlat = false;
}

void Window::congested(uint64_t flight) {
  if (control == Control::Cubic)
    reduceCubic(flight);
  else
    threshold = std::max(static_cast<double>(flight) / 2, 2.0);
  cwnd = threshold;
}

/// Of timeouts in a row, the first says what the path holds (RFC 5681, section
/// 3.1).
void Window::timedOut(uint64_t flight, bool isFirst) {
  if (isFirst) {
    if (control == Control::Cubic)
      reduceCubic(flight);
    else
      threshold = std::max(static_cast<double>(flight) / 2, 2.0);
  }
  // RFC 9438, section 4.8.
  isFlat = true;
  epoch = -1;
  cwnd = 1;
}

void Window::endOfWindow(double marked) {
  alpha = alpha * (1 - kGain) + kGain * marked;
}

void Window::marked() {
  cwnd = std::max(cwnd * (1 - alpha / 2), 1.0);
  threshold = std::max(cwnd, 2.0);
}
