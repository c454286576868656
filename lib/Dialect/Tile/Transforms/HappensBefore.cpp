//===- HappensBefore.cpp - Semaphores for a sequence of accesses -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HappensBefore.h"
#include "nm/Isa/Program.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>

using namespace mlir::tiles;

bool HappensBefore::Box::meets(const Box &other) const {
  for (size_t k = 0; k != first.size(); ++k)
    if (first[k] >= other.end[k] || other.first[k] >= end[k])
      return false;
  return true;
}

bool HappensBefore::Box::holds(const Box &other) const {
  for (size_t k = 0; k != first.size(); ++k)
    if (other.first[k] < first[k] || other.end[k] > end[k])
      return false;
  return true;
}

uint32_t HappensBefore::semaphoreOf(const Key &key) {
  auto [found, isNew] = keys.try_emplace(key, semaphores.size());
  if (isNew)
    semaphores.push_back(0);
  return found->second;
}

void HappensBefore::collect(Queue queue, const Access &access, Slot &slot,
                            std::map<Queue, Need> &needs) {
  for (const Touch &touch : slot.touches) {
    bool isDependent = touch.writes || (access.writes && !access.isDram);
    if (touch.queue == queue || !isDependent || !touch.box.meets(access.box))
      continue;
    bool isFree = !(access.reads && touch.writes);
    if (access.isDram && isFree)
      continue;
    auto [found, isNew] =
        needs.try_emplace(touch.queue, Need{&touch, isFree, access.place});
    if (!isNew && found->second.from->index < touch.index)
      found->second = {&touch, isFree, access.place};
  }
}

void HappensBefore::order(Queue queue, int site, int64_t number,
                          const std::map<Queue, Need> &needs) {
  // A later instruction is more likely to be ordered after the others already.
  llvm::SmallVector<Need> sorted;
  for (auto &[from, need] : needs)
    sorted.push_back(need);
  llvm::sort(sorted, [](const Need &a, const Need &b) {
    return a.from->number > b.from->number;
  });
  Clock &clock = clocks[queue];
  for (const Need &need : sorted) {
    const Touch &from = *need.from;
    if (clock[from.queue] >= from.index)
      continue;
    Key key{from.queue, queue, need.place, need.isFree ? site : -1};
    uint32_t semaphore = semaphoreOf(key);
    signals[from.number].push_back(semaphore);
    waits[number].push_back(semaphore);
    Ends &ends = real.try_emplace(key, Ends{number, 0}).first->second;
    ends.lastSignal = from.number;
    for (size_t i = 0; i != clock.size(); ++i)
      clock[i] = std::max(clock[i], (*from.clock)[i]);
  }
}

void HappensBefore::record(Slot &slot, Touch touch) {
  // An access that this instruction has to wait for has ended when it begins.
  llvm::erase_if(slot.touches, [&](const Touch &other) {
    return touch.box.holds(other.box) &&
           (touch.writes || (other.queue == touch.queue && !other.writes));
  });
  slot.touches.push_back(std::move(touch));
}

void HappensBefore::add(Queue queue, int site,
                        llvm::ArrayRef<Access> accesses) {
  int64_t number = static_cast<int64_t>(waits.size());
  waits.emplace_back();
  signals.emplace_back();
  std::map<Queue, Need> needs;
  for (const Access &access : accesses) {
    Slot &slot = slots[{access.place, access.slot}];
    if (slot.instance != access.instance) {
      slot.instance = access.instance;
      slot.firsts.clear();
    }
    collect(queue, access, slot, needs);
    if (!access.writes || access.isDram)
      continue;
    bool isFirst = true, isFresh = true;
    for (const Touch &touch : slot.touches)
      if (touch.box.meets(access.box)) {
        isFresh = false;
        isFirst &= touch.instance != access.instance;
      }
    if (isFirst)
      slot.firsts.push_back({queue, site, access.box});
    if (isFresh)
      fresh[{site, access.place}].push_back(number);
  }
  order(queue, site, number, needs);
  int64_t index = ++clocks[queue][queue];
  auto ended = std::make_shared<Clock>(clocks[queue]);
  for (const Access &access : accesses)
    record(slots[{access.place, access.slot}],
           {queue, index, number, access.instance, access.box, access.writes,
            ended});
}

void HappensBefore::finish() {
  std::map<std::pair<int, int>, llvm::SmallVector<Key>> frees;
  for (auto &[key, semaphore] : keys)
    if (std::get<3>(key) >= 0)
      frees[{std::get<3>(key), std::get<2>(key)}].push_back(key);
  // Which engines would have to release the places if they were allocated once
  // more.
  std::map<Key, std::set<int64_t>> last;
  for (auto &[where, slot] : slots)
    for (const First &first : slot.firsts) {
      std::map<Queue, Need> needs;
      Access access;
      access.place = where.first;
      access.box = first.box;
      access.writes = true;
      collect(first.queue, access, slot, needs);
      for (auto &[from, need] : needs)
        last[{from, first.queue, where.first, first.site}].insert(
            need.from->number);
    }
  // The first users of a place wait like the later ones, on a semaphore that
  // starts full; the last users signal as often.
  for (auto &[where, numbers] : fresh) {
    auto found = frees.find(where);
    if (found == frees.end() || found->second.size() != 1)
      continue;
    const Key &key = found->second.front();
    std::set<int64_t> &givers = last[key];
    const Ends &ends = real[key];
    while (!givers.empty() && *givers.begin() <= ends.lastSignal)
      givers.erase(givers.begin());
    while (givers.size() > numbers.size())
      givers.erase(givers.begin());
    if (int64_t(numbers.size()) > ::nm::isa::kMaxCount ||
        ends.firstWait <= numbers.back() || givers.size() != numbers.size())
      continue;
    uint32_t semaphore = keys[key];
    semaphores[semaphore] = static_cast<int64_t>(numbers.size());
    for (int64_t number : numbers)
      waits[number].push_back(semaphore);
    for (int64_t number : givers)
      signals[number].push_back(semaphore);
  }
  for (auto *lists : {&waits, &signals})
    for (auto &list : *lists)
      llvm::sort(list);
}
