//===- Block.cpp - Cycle-level model of a PIFO block ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Block.h"
#include <algorithm>

namespace nm::mesh {

bool sortsAfter(const Element &a, const Element &b, Order order,
                unsigned rankBits) {
  if (order == Order::SerialPerPifo && a.pifo != b.pifo)
    return a.pifo > b.pifo;
  if (order == Order::Plain)
    return a.rank > b.rank;
  // b - a negative: the usual comparison of serial numbers.
  return ((b.rank - a.rank) >> (rankBits - 1)) & 1;
}

void FlowScheduler::insert(const Element &element) {
  if (!element.valid)
    return;
  // The first entry that sorts after the new one. Not a binary search: serial
  // numbers further apart than half their range do not order the array.
  auto at = std::find_if(array.begin(), array.end(), [&](const Element &e) {
    return sortsAfter(e, element, order, rankBits);
  });
  array.insert(at, element);
  if (array.size() > capacity) {
    array.pop_back();
    overflow = true;
  }
}

void FlowScheduler::step(const PopRequest &pop, const Element &push1,
                         const Element &push2) {
  popped = Element();
  if (pendingPop.valid) {
    auto at = std::find_if(array.begin(), array.end(), [&](const Element &e) {
      return e.pifo == pendingPop.pifo;
    });
    if (at != array.end()) {
      popped = *at;
      array.erase(at);
    }
  }
  insert(pending1);
  insert(pending2);
  pendingPop = pop;
  pending1 = push1;
  pending2 = push2;
}

BlockModel::BlockModel(unsigned elements, unsigned flows, Order order,
                       unsigned rankBits)
    : elements(elements), order(order), rankBits(rankBits),
      scheduler(flows, order, rankBits), flows(flows) {}

bool BlockModel::canEnqueue(unsigned flow) const {
  if (flow >= flows.size())
    return false;
  const Flow &state = flows[flow];
  bool leaves = result().valid && result().flow == flow && state.rest.empty();
  return !state.active || leaves || storedElements < elements;
}

bool BlockModel::canDequeue(unsigned pifo) const {
  return std::none_of(std::begin(recent), std::end(recent),
                      [&](const PopRequest &request) {
                        return request.valid && request.pifo == pifo;
                      });
}

void BlockModel::step(const Element &enqueue, const PopRequest &dequeue) {
  // Requests are judged by the state in which the cycle begins.
  bool enqueues = enqueue.valid && canEnqueue(enqueue.flow);
  bool dequeues = dequeue.valid && canDequeue(dequeue.pifo);

  Element reinsert = read;
  read = Element();
  Element popped = scheduler.result();
  if (popped.valid) {
    Flow &flow = flows[popped.flow];
    if (flow.rest.empty()) {
      flow.active = false;
    } else {
      read = flow.rest.front();
      flow.rest.pop_front();
      --storedElements;
    }
  }

  Element insert;
  if (enqueues) {
    Flow &flow = flows[enqueue.flow];
    // The flow's previous element, wherever it is, was ranked lastRank.
    Element last = enqueue;
    last.rank = flow.lastRank;
    if (flow.hasLast && flow.active &&
        sortsAfter(last, enqueue, order, rankBits))
      ++inversions;
    flow.hasLast = true;
    flow.lastRank = enqueue.rank;
    if (flow.active) {
      flow.rest.push_back(enqueue);
      ++storedElements;
    } else {
      flow.active = true;
      insert = enqueue;
    }
  }

  PopRequest pop = dequeues ? dequeue : PopRequest();
  scheduler.step(pop, insert, reinsert);
  recent[2] = recent[1];
  recent[1] = recent[0];
  recent[0] = pop;
}

} // namespace nm::mesh
