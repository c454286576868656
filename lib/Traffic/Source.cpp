//===- Source.cpp - Packets in blocks -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Source.h"
#include <algorithm>

using namespace nm::traffic;

Source::~Source() = default;

void Source::fill(Arrivals &block, size_t most) {
  const size_t columns = names.size();
  block.times.resize(most);
  block.values.resize(most * columns);
  block.isPrepared = false;
  block.then = Status::Packet;
  size_t count = 0;
  for (Arrival arrival; count < most; ++count) {
    block.then = next(arrival);
    if (block.then != Status::Packet)
      break;
    block.times[count] = arrival.time;
    std::copy_n(arrival.values, columns, &block.values[count * columns]);
  }
  block.count = count;
  block.progress = progress();
}
