//===- Storage.cpp - Places of values and who uses them --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Storage.h"
#include "nm/Isa/Program.h"
#include "nm/Support/Arithmetic.h"
#include "llvm/ADT/MapVector.h"
#include <set>

using namespace mlir;
using namespace mlir::tiles;
using ::nm::support::roundUp;

Queue tiles::queueOf(Operation *op) {
  int64_t channel = 0;
  if (auto attr = op->getAttrOfType<IntegerAttr>(kChannel))
    channel = attr.getInt();
  if (auto sync = dyn_cast<SyncOp>(op))
    channel = sync.getQueue();
  return {cast<tiles::Instruction>(op).getEngine(), channel};
}

OpResult tiles::rootOf(Value value) {
  while (true) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return cast<OpResult>(
          cast<ForOp>(argument.getOwner()->getParentOp()).getSum());
    Operation *op = value.getDefiningOp();
    Value place = getPlace(op);
    if (auto view = dyn_cast<View>(op))
      value = view.getViewed();
    else if (place)
      value = place;
    else
      return cast<OpResult>(value);
  }
}

static int64_t bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getNumElements() * ::nm::isa::typeBytes(elementTypeOf(type));
}

KernelStorage::KernelStorage(KernelOp kernel) : kernel(kernel) {
  llvm::MapVector<Value, Storage> byRoot;
  auto make = [&](OpResult result) {
    Storage &made = byRoot[result];
    made.root = result;
    made.bytes = bytesOf(result);
    made.loop = dyn_cast<ForOp>(result.getOwner()->getParentOp());
  };
  auto access = [&](Value value, Operation *op) {
    Storage &storage = byRoot.find(rootOf(value))->second;
    if (storage.accesses.empty() || storage.accesses.back() != op)
      storage.accesses.push_back(op);
  };
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto loop = dyn_cast<ForOp>(op); loop && loop.getSum())
      make(cast<OpResult>(loop.getSum()));
    if (!isa<tiles::Instruction>(op))
      return;
    positions[op] = order.size();
    order.push_back(op);
    for (Value operand : op->getOperands())
      if (isTileType(operand.getType()))
        access(operand, op);
    for (OpResult result : op->getResults()) {
      if (!getPlace(op))
        make(result);
      access(result, op);
    }
  });
  for (auto &[root, storage] : byRoot) {
    Queue own = queueOf(storage.maker());
    storage.isShared = llvm::any_of(
        storage.accesses, [&](Operation *op) { return queueOf(op) != own; });
    findReturns(storage);
    all.push_back(std::move(storage));
  }
}

/// Whether dependences of values, and the program order of each engine across
/// rounds, order an instruction before `maker` in the next round.
bool KernelStorage::leadsToNext(Operation *from, Operation *maker) const {
  using Step = std::pair<Operation *, bool>; ///< in the next round
  SmallVector<Step> work{{from, false}};
  std::set<Step> seen;
  Block *body = from->getBlock();
  auto visit = [&](Operation *op, bool isNext) {
    if (op->getBlock() == body && seen.insert({op, isNext}).second)
      work.push_back({op, isNext});
  };
  auto nextOf = [&](Operation *op, size_t begin) -> Operation * {
    for (size_t i = begin; i < order.size(); ++i)
      if (order[i]->getBlock() == body && queueOf(order[i]) == queueOf(op))
        return order[i];
    return nullptr;
  };
  while (!work.empty()) {
    auto [op, isNext] = work.pop_back_val();
    if (op == maker && isNext)
      return true;
    if (Operation *next = nextOf(op, size_t(positionOf(op)) + 1))
      visit(next, isNext);
    else if (!isNext)
      visit(nextOf(op, 0), true);
    for (OpResult result : op->getResults())
      for (auto &[user, uses] : usesOf(result))
        visit(uses.first, isNext);
  }
  return false;
}

void KernelStorage::findReturns(Storage &storage) const {
  Queue own = queueOf(storage.maker());
  std::map<Queue, Operation *> last;
  for (Operation *op : storage.accesses)
    if (queueOf(op) != own)
      last[queueOf(op)] = op;
  // Orders that go through other loops are not looked for.
  Block *block = storage.site()->getBlock();
  for (auto [queue, op] : last)
    if (storage.isSum() || op->getBlock() != block ||
        !leadsToNext(op, storage.maker()))
      storage.returns.push_back(op);
}

std::map<Queue, Uses> KernelStorage::usesOf(OpResult result) const {
  std::map<Queue, Uses> uses;
  SmallVector<Value> work{result};
  while (!work.empty()) {
    for (Operation *user : work.pop_back_val().getUsers()) {
      if (auto view = dyn_cast<View>(user)) {
        work.push_back(view->getResult(0));
        continue;
      }
      if (!isa<tiles::Instruction>(user)) // a loop's yield
        continue;
      Uses &found = uses[queueOf(user)];
      int64_t at = positionOf(user);
      if (!found.first || at < positionOf(found.first))
        found.first = user;
      if (!found.last || at > positionOf(found.last))
        found.last = user;
    }
  }
  return uses;
}

int64_t KernelStorage::onceBytes() const {
  int64_t bytes = 0;
  for (const Storage &storage : all)
    bytes += storage.loop ? 0 : storage.bytes;
  return bytes;
}

int64_t KernelStorage::slotBytes() const {
  int64_t bytes = 0;
  for (const Storage &storage : all)
    bytes += needsSlots(storage) ? storage.bytes : 0;
  return bytes;
}

int64_t KernelStorage::temporaryBytes() const {
  int64_t bytes = 0;
  placeTemporaries(bytes, 1); // slack() has what alignment takes
  return bytes;
}

int64_t KernelStorage::slotsWithin(int64_t capacity) const {
  int64_t rest = capacity - slack() - onceBytes() - temporaryBytes();
  if (rest < 0)
    return 0;
  return slotBytes() ? std::min(kMostSlots, rest / slotBytes()) : 1;
}

int64_t KernelStorage::lastPosition(const Storage &storage) const {
  // A value that a loop reads is read again in its next round: it lives until
  // the loop ends.
  int64_t last = 0;
  holderIn(storage.site()->getBlock(), storage.accesses.back())
      ->walk([&](tiles::Instruction op) {
        last = std::max(last, positionOf(op));
      });
  return last;
}

std::map<const Storage *, int64_t>
KernelStorage::placeTemporaries(int64_t &bytes, int64_t alignment) const {
  std::map<const Storage *, int64_t> offsets;
  struct Live {
    int64_t from, to;   ///< positions of the first and the last access
    int64_t begin, end; ///< bytes
  };
  SmallVector<Live> placed;
  bytes = 0;
  for (const Storage &storage : all) {
    if (!storage.loop || needsSlots(storage))
      continue;
    Live live{positionOf(storage.maker()), lastPosition(storage), 0, 0};
    // Where several engines access it, program order alone does not say when
    // the last access has ended.
    if (storage.isShared)
      live.from = 0, live.to = order.size();
    int64_t size = roundUp(storage.bytes, alignment);
    // The lowest place between those that are live at the same time.
    SmallVector<Live> others;
    for (const Live &other : placed)
      if (other.from <= live.to && live.from <= other.to)
        others.push_back(other);
    llvm::sort(others,
               [](const Live &a, const Live &b) { return a.begin < b.begin; });
    for (const Live &other : others) {
      if (live.begin + size <= other.begin)
        break;
      live.begin = std::max(live.begin, other.end);
    }
    live.end = live.begin + size;
    bytes = std::max(bytes, live.end);
    offsets[&storage] = live.begin;
    placed.push_back(live);
  }
  return offsets;
}
