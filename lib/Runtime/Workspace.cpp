//===- Workspace.cpp - Memory of calls of compiled functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workspace.h"
#include "Memory.h"
#include <algorithm>
#include <new>

namespace nm::rt {

static void *allocateFor(WorkspaceHooks *self, size_t bytes) {
  try {
    return static_cast<Workspace *>(self)->take(bytes)->memory.get();
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}

static void releaseFor(WorkspaceHooks *self, void *memory) {
  auto *workspace = static_cast<Workspace *>(self);
  if (Block *block = memory ? workspace->find(memory) : nullptr)
    workspace->give(block);
}

Workspace::Workspace() {
  allocate = allocateFor;
  release = releaseFor;
}

Block *Workspace::take(size_t bytes) {
  // What can fail comes first, so that nothing is lost.
  live.reserve(live.size() + 1);
  idle.reserve(idle.size() + live.size() + 1);
  // The smallest that is large enough, unless most of it would lie idle.
  auto best = idle.end(), largest = idle.end();
  for (auto it = idle.begin(); it != idle.end(); ++it) {
    if ((*it)->bytes >= bytes && (*it)->bytes / 4 <= bytes &&
        (best == idle.end() || (*it)->bytes < (*best)->bytes))
      best = it;
    if ((*it)->bytes < bytes &&
        (largest == idle.end() || (*it)->bytes > (*largest)->bytes))
      largest = it;
  }
  if (best == idle.end()) {
    if (largest != idle.end())
      idle.erase(largest);
    auto block = std::make_unique<Block>();
    block->memory = allocateBuffer(bytes);
    block->bytes = bytes;
    live.push_back(std::move(block));
  } else {
    live.push_back(std::move(*best));
    idle.erase(best);
  }
  return live.back().get();
}

void Workspace::give(Block *block) {
  auto it = std::find_if(live.begin(), live.end(),
                         [&](const auto &b) { return b.get() == block; });
  idle.push_back(std::move(*it));
  live.erase(it);
}

Block *Workspace::find(const void *memory) const {
  for (const auto &block : live)
    if (block->memory.get() == memory)
      return block.get();
  return nullptr;
}

std::unique_ptr<Block> Workspace::detach(Block *block) {
  auto it = std::find_if(live.begin(), live.end(),
                         [&](const auto &b) { return b.get() == block; });
  std::unique_ptr<Block> result = std::move(*it);
  live.erase(it);
  return result;
}

void Workspace::adopt(std::unique_ptr<Block> block) {
  idle.push_back(std::move(block));
}

void Workspace::reset() {
  for (auto &block : live)
    idle.push_back(std::move(block));
  live.clear();
}

size_t Workspace::heldBytes() const {
  size_t bytes = 0;
  for (const auto *list : {&idle, &live})
    for (const auto &block : *list)
      bytes += block->bytes;
  return bytes;
}

void BlockPool::give(std::unique_ptr<Block> block) {
  std::lock_guard<std::mutex> lock(mutex);
  // A caller that keeps many results and frees them at once leaves few, but for
  // those that are no more than a shape, of caches that grew.
  constexpr size_t most = 16, mostShapes = 1024;
  size_t &count = block->bytes ? large : shapes;
  if (count >= (block->bytes ? most : mostShapes))
    return;
  blocks.push_back(std::move(block));
  ++count;
}

void BlockPool::drain(Workspace &workspace) {
  std::lock_guard<std::mutex> lock(mutex);
  for (auto &block : blocks)
    workspace.adopt(std::move(block));
  blocks.clear();
  large = shapes = 0;
}

} // namespace nm::rt
