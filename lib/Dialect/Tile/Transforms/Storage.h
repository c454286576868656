//===- Storage.h - Places of values and who uses them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_TILE_TRANSFORMS_STORAGE_H
#define NM_LIB_DIALECT_TILE_TRANSFORMS_STORAGE_H

#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Support/Arithmetic.h"
#include <map>

namespace mlir::tiles {

/// Bytes of an element of a region; 0 where there is none.
inline int64_t elementBytes(Value region) {
  return region ? cast<attacc::RegionType>(region.getType()).getElementBytes()
                : 0;
}

/// An engine, and which of its channels.
using Queue = std::pair<attacc::Engine, int64_t>;

/// Of an instruction; channel 0 while it has none.
Queue queueOf(Operation *op);

/// The result in whose place a value lies: a loop's sum, or what an instruction
/// made first.
OpResult rootOf(Value value);

/// What makes a result: its instruction, or the one that adds to a sum.
inline Operation *makerOf(OpResult result) {
  auto loop = dyn_cast<ForOp>(result.getOwner());
  return loop ? loop.getAdder() : result.getOwner();
}

/// The operation of `block` that holds `op`, or is it.
inline Operation *holderIn(Block *block, Operation *op) {
  return block->findAncestorOpInBlock(*op);
}

/// The place of a value: all results that lie in it, the first one's bytes.
struct Storage {
  OpResult root;                     ///< what is made first, or a sum
  SmallVector<Operation *> accesses; ///< in program order; the first makes it
  int64_t bytes = 0;                 ///< of a slot
  ForOp loop;                        ///< that makes it in each round, or null
  /// Last accesses by engines other than the maker's from which nothing else
  /// leads to the maker's next round: they have to give the place back.
  SmallVector<Operation *> returns;
  bool isShared = false; ///< two engines or more have accesses

  /// The instruction, or the loop that sums, in the block where the place is
  /// made anew.
  Operation *site() const { return root.getOwner(); }
  /// The instruction that makes it.
  Operation *maker() const { return makerOf(root); }
  bool isSum() const { return isa<ForOp>(site()); }
};

/// The first and the last use of a result by an engine, in program order.
struct Uses {
  Operation *first = nullptr, *last = nullptr;
};

/// What a kernel holds, and the dependences between its instructions.
class KernelStorage {
public:
  explicit KernelStorage(KernelOp kernel);

  ArrayRef<Storage> storages() const { return all; }
  /// Uses by engine, through views, of a result.
  std::map<Queue, Uses> usesOf(OpResult result) const;
  /// Place in program order.
  int64_t positionOf(Operation *op) const { return positions.lookup(op); }

  /// Bytes of what is made once; of a slot of all that needs slots; and
  /// of what needs one slot only, shared as placeTemporaries() does.
  int64_t onceBytes() const, slotBytes() const, temporaryBytes() const;
  /// Bytes that alignment may cost.
  int64_t slack() const { return (int64_t(all.size()) + 1) * kAlignment; }
  /// Of the scratchpad of `capacity` bytes, the most slots, at most kMostSlots,
  /// with which all fits; 0 if none does.
  int64_t slotsWithin(int64_t capacity) const;
  /// Offsets of the storages that are in no loop or need slots are not in it.
  std::map<const Storage *, int64_t>
  placeTemporaries(int64_t &bytes, int64_t alignment = kAlignment) const;

  static constexpr int64_t kAlignment = 64, kMostSlots = 8;

private:
  void findReturns(Storage &storage) const;
  bool leadsToNext(Operation *from, Operation *maker) const;
  /// Of the last instruction that may still use it.
  int64_t lastPosition(const Storage &storage) const;

  KernelOp kernel;
  SmallVector<Operation *> order; ///< instructions in program order
  DenseMap<Operation *, int64_t> positions;
  SmallVector<Storage> all;
};

/// Bytes of places one behind the other, each aligned. The one that alignment
/// costs the most comes last, where nothing follows.
class Footprint {
public:
  void add(int64_t size) {
    int64_t aligned = ::nm::support::roundUp(size, KernelStorage::kAlignment);
    total += aligned;
    most = std::max(most, aligned - size);
  }
  int64_t bytes() const { return total - most; }

private:
  int64_t total = 0, most = 0;
};

/// What tile-choose-slots said, on the maker.
inline int64_t slotsOf(const Storage &storage) {
  unsigned result = storage.isSum() ? 0 : storage.root.getResultNumber();
  return storage.maker()->getAttrOfType<DenseI64ArrayAttr>(kSlots)[result];
}

/// Whether it has to have slots for rounds to overlap.
inline bool needsSlots(const Storage &storage) {
  return storage.loop && !storage.returns.empty();
}

} // namespace mlir::tiles

#endif // NM_LIB_DIALECT_TILE_TRANSFORMS_STORAGE_H
