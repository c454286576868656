//===- Workspace.h - Memory of calls of compiled functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_WORKSPACE_H
#define NM_LIB_RUNTIME_WORKSPACE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace nm::rt {

/// What compiled code asks for memory during a call on the thread that makes
/// it; the entry nm_invoke_<function> takes one. Compiled code knows this
/// layout (lib/Driver/ModelEntries.cpp).
struct WorkspaceHooks {
  /// Aligned to 64 bytes; null when there is no memory.
  void *(*allocate)(WorkspaceHooks *self, size_t bytes) = nullptr;
  /// What allocate gave; null does nothing.
  void (*release)(WorkspaceHooks *self, void *memory) = nullptr;
  /// What a thread takes memory from that works for a call of another one: its
  /// own, of all calls, until the thread ends.
  WorkspaceHooks *(*ofThread)() = nullptr;
  /// The memory in which the buffers of a function lie, as allocate gives it.
  void *(*allocateArena)(WorkspaceHooks *self, size_t bytes) = nullptr;
};

class BlockPool;

/// Memory that is used again by later calls.
struct Block {
  std::shared_ptr<unsigned char> memory;
  size_t bytes = 0;
  bool isArena = false;
  /// How many blocks were taken before it was, the last time.
  uint64_t lastTaken = 0;
  /// Of the result that lies in it.
  int64_t shape[32], strides[32];
  /// Where it goes when the caller is done with the result.
  std::shared_ptr<BlockPool> home;
};

/// The blocks of one call after the other. A call that asks for no larger sizes
/// than an earlier one allocates nothing: of those that are large enough each
/// request gets the smallest, which leaves enough for all whatever their order.
/// Where sizes grow from call to call, each block has room for some more, and
/// those that were outgrown long ago are given up when a larger one is
/// allocated. An arena is one block that serves all sizes: a larger one takes
/// its place. Of functions that call one another each has its own.
class Workspace : public WorkspaceHooks {
public:
  Workspace();

  /// Throws std::bad_alloc.
  Block *take(size_t bytes);
  /// The same for a result that leaves: a block that is not much larger.
  Block *takeResult(size_t bytes);
  /// Whether most of a block would lie idle.
  static bool isTooLarge(const Block &block, size_t bytes);
  /// The same for the buffers of a function.
  Block *takeArena(size_t bytes);
  /// A block of either that is not used any more.
  void give(Block *block);
  /// The live block at an address; null if there is none.
  Block *find(const void *memory) const;
  /// A live block leaves for good: somebody else owns it.
  std::unique_ptr<Block> detach(Block *block);
  /// A block that left comes back.
  void adopt(std::unique_ptr<Block> block);
  /// Nothing is used any more.
  void reset();

  size_t heldBytes() const;

private:
  void reserve();
  void dropOutgrown(size_t bytes);
  void putIdle(std::unique_ptr<Block> block);
  Block *take(std::vector<std::unique_ptr<Block>>::iterator best, size_t bytes);
  std::vector<std::unique_ptr<Block>>::iterator fitting(size_t bytes);
  std::unique_ptr<Block> takeLive(const Block *block);

  /// Sorted by size.
  std::vector<std::unique_ptr<Block>> idle;
  std::vector<std::unique_ptr<Block>> live;
  /// Idle ones, that of the function which was called first the last.
  std::vector<std::unique_ptr<Block>> arenas;
  uint64_t taken = 0;
  /// Blocks there are but arenas, those that are results of callers among them.
  size_t blocks = 0;
  size_t liveArenas = 0;
};

/// Blocks that callers gave back, on whatever thread.
class BlockPool {
public:
  void give(std::unique_ptr<Block> block);
  /// All of them into a workspace.
  void drain(Workspace &workspace);

private:
  std::mutex mutex;
  std::vector<std::unique_ptr<Block>> blocks;
  /// How many of them have memory, and have none.
  size_t large = 0, shapes = 0;
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_WORKSPACE_H
