//===- Source.cpp - Packets in blocks -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Source.h"

using namespace nm::traffic;

Source::~Source() = default;

void Source::fill(Arrivals &block, size_t most) {
  const size_t columns = names.size();
  block.times.resize(most);
  block.columns.resize(columns);
  for (BlockColumn<uint64_t> &column : block.columns)
    column.setEach(most);
  block.isPrepared = false;
  block.then = Status::Packet;
  size_t count = 0;
  for (Arrival arrival; count < most; ++count) {
    block.then = next(arrival);
    if (block.then != Status::Packet)
      break;
    block.times[count] = arrival.time;
    for (size_t i = 0; i < columns; ++i)
      block.columns[i].values[count] = arrival.values[i];
  }
  block.count = count;
  block.progress = progress();
}
