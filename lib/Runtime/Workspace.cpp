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

static void *allocateArenaFor(WorkspaceHooks *self, size_t bytes) {
  try {
    return static_cast<Workspace *>(self)->takeArena(bytes)->memory.get();
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}

static void releaseFor(WorkspaceHooks *self, void *memory) {
  auto *workspace = static_cast<Workspace *>(self);
  if (Block *block = memory ? workspace->find(memory) : nullptr)
    workspace->give(block);
}

/// Those that a thread takes for calls of other threads.
static WorkspaceHooks *hooksOfThread() {
  thread_local Workspace workspace;
  return &workspace;
}

Workspace::Workspace() {
  allocate = allocateFor;
  release = releaseFor;
  ofThread = hooksOfThread;
  allocateArena = allocateArenaFor;
}

/// An eighth more at most, so that sizes that grow by a row a call need a block
/// of another size now and then only.
static size_t roundedUp(size_t bytes) {
  size_t step = 64;
  while (step < bytes / 16)
    step *= 2;
  return bytes > SIZE_MAX - step ? bytes : (bytes + step - 1) / step * step;
}

/// What can fail comes first, so that nothing is lost.
void Workspace::reserve() {
  if (live.size() == live.capacity())
    live.reserve(2 * live.size() + 16);
  size_t most = std::max(idle.size() + live.size() - liveArenas, blocks) + 1;
  if (idle.capacity() < most)
    idle.reserve(2 * most + 16);
  most = arenas.size() + liveArenas + 1;
  if (arenas.capacity() < most)
    arenas.reserve(2 * most + 16);
}

bool Workspace::isTooLarge(const Block &block, size_t bytes) {
  constexpr size_t smallBlock = 4096;
  size_t most = roundedUp(bytes);
  most = most > SIZE_MAX / 4 ? SIZE_MAX : std::max(smallBlock, 4 * most);
  return block.bytes > most;
}

/// The smallest that is large enough; of no bytes one that holds none.
std::vector<std::unique_ptr<Block>>::iterator Workspace::fitting(size_t bytes) {
  auto it = std::lower_bound(
      idle.begin(), idle.end(), bytes,
      [](const auto &block, size_t wanted) { return block->bytes < wanted; });
  bool isNone = bytes == 0 && it != idle.end() && (*it)->bytes != 0;
  return isNone ? idle.end() : it;
}

void Workspace::dropOutgrown(size_t bytes) {
  constexpr uint64_t longAgo = 1 << 14;
  auto first = std::remove_if(idle.begin(), idle.end(), [&](const auto &block) {
    return block->bytes < bytes && taken - block->lastTaken > longAgo;
  });
  blocks -= std::min(blocks, size_t(idle.end() - first));
  idle.erase(first, idle.end());
}

Block *Workspace::take(size_t bytes) {
  reserve();
  return take(fitting(bytes), bytes);
}

Block *Workspace::takeResult(size_t bytes) {
  reserve();
  auto best = fitting(bytes);
  if (best != idle.end() && isTooLarge(**best, bytes))
    best = idle.end();
  return take(best, bytes);
}

Block *Workspace::take(std::vector<std::unique_ptr<Block>>::iterator best,
                       size_t bytes) {
  if (best == idle.end()) {
    dropOutgrown(bytes);
    // Room for it when it comes back, however long that takes.
    ++blocks;
    reserve();
    auto block = std::make_unique<Block>();
    block->bytes = roundedUp(bytes);
    block->memory = allocateBuffer(block->bytes);
    live.push_back(std::move(block));
  } else {
    live.push_back(std::move(*best));
    idle.erase(best);
  }
  live.back()->lastTaken = taken++;
  return live.back().get();
}

/// What was too small goes before its successor comes.
Block *Workspace::takeArena(size_t bytes) {
  reserve();
  std::unique_ptr<Block> block;
  if (!arenas.empty()) {
    block = std::move(arenas.back());
    arenas.pop_back();
  }
  if (!block || block->bytes < bytes) {
    block.reset();
    block = std::make_unique<Block>();
    block->isArena = true;
    block->bytes = roundedUp(bytes);
    block->memory = allocateBuffer(block->bytes);
  }
  live.push_back(std::move(block));
  ++liveArenas;
  return live.back().get();
}

/// Into its place; reserve() made room.
void Workspace::putIdle(std::unique_ptr<Block> block) {
  if (block->isArena) {
    --liveArenas;
    arenas.push_back(std::move(block));
    return;
  }
  auto place = std::upper_bound(
      idle.begin(), idle.end(), block->bytes,
      [](size_t bytes, const auto &other) { return bytes < other->bytes; });
  idle.insert(place, std::move(block));
}

/// Blocks are given back in about the opposite order.
std::unique_ptr<Block> Workspace::takeLive(const Block *block) {
  auto it = std::find_if(live.rbegin(), live.rend(),
                         [&](const auto &b) { return b.get() == block; });
  std::unique_ptr<Block> result = std::move(*it);
  live.erase(std::next(it).base());
  return result;
}

void Workspace::give(Block *block) { putIdle(takeLive(block)); }

Block *Workspace::find(const void *memory) const {
  auto it = std::find_if(live.rbegin(), live.rend(), [&](const auto &block) {
    return block->memory.get() == memory;
  });
  return it == live.rend() ? nullptr : it->get();
}

std::unique_ptr<Block> Workspace::detach(Block *block) {
  return takeLive(block);
}

void Workspace::adopt(std::unique_ptr<Block> block) {
  reserve();
  putIdle(std::move(block));
}

void Workspace::reset() {
  while (!live.empty()) {
    putIdle(std::move(live.back()));
    live.pop_back();
  }
}

size_t Workspace::heldBytes() const {
  size_t bytes = 0;
  for (const auto *list : {&idle, &live, &arenas})
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
