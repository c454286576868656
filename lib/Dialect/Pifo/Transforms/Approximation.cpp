//===- Approximation.cpp - Queues that come near a PIFO -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Pifo/Transforms/Approximation.h"
#include "SchedulerEmitter.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::pifo;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static constexpr StringRef kNames[] = {"auto", "heap",  "list", "sp-pifo",
                                       "aifo", "packs", "rifo"};
/// Which numbers each of the last four has.
static constexpr StringRef kNumbers[][3] = {{"queues", "", ""},
                                            {"", "window", "k"},
                                            {"queues", "window", "k"},
                                            {"", "window", "k"}};

static llvm::Error refuse(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// A part of 1 with at most three digits behind the point, in thousandths.
static bool parsePart(StringRef text, unsigned &value) {
  StringRef digits = text;
  if (!digits.consume_front("0.") || digits.empty() || digits.size() > 3 ||
      !llvm::all_of(digits, llvm::isDigit)) {
    value = 0;
    return text == "0";
  }
  std::string whole = digits.str();
  whole.resize(3, '0');
  return !StringRef(whole).getAsInteger(10, value);
}

static llvm::Error setNumber(Approximation &made, StringRef item) {
  auto [key, value] = item.split('=');
  if (key.empty() || !llvm::is_contained(kNumbers[made.kind], key))
    return refuse("'" + item + "' of a container " + kNames[made.kind + 3] +
                  "; expected " +
                  llvm::join(llvm::make_filter_range(
                                 kNumbers[made.kind],
                                 [](StringRef name) { return !name.empty(); }),
                             ", "));
  if (key == "k")
    return parsePart(value, made.slack)
               ? llvm::Error::success()
               : refuse("'" + item +
                        "'; expected a part below 1 with at most "
                        "three digits, such as k=0.1");
  unsigned &number = key == "queues" ? made.queues : made.window;
  unsigned most = key == "queues" ? 64 : 65536;
  if (value.getAsInteger(10, number) || number < 1 || number > most)
    return refuse("'" + item + "'; expected 1 to " + llvm::Twine(most));
  return llvm::Error::success();
}

llvm::Expected<ContainerChoice> ContainerChoice::parse(StringRef text) {
  auto [name, rest] = text.split(':');
  const StringRef *found = llvm::find(kNames, name);
  if (found == std::end(kNames))
    return refuse("unknown container '" + name + "', expected one of " +
                  llvm::join(ArrayRef<StringRef>(kNames), ", "));
  auto number = static_cast<unsigned>(found - kNames);
  ContainerChoice choice{static_cast<Kind>(std::min(number, 3u))};
  if (number < 3) {
    if (text.contains(':'))
      return refuse("'" + rest + "' behind the container '" + name +
                    "', which has no numbers");
    return choice;
  }
  auto kind = static_cast<Approximation::Kind>(number - 3);
  bool hasQueues =
      kind == Approximation::SpPifo || kind == Approximation::Packs;
  Approximation made{kind, hasQueues ? 8u : 1u, 20, 100};
  SmallVector<StringRef> items;
  if (text.contains(':'))
    rest.split(items, ',');
  for (StringRef item : items)
    if (llvm::Error error = setNumber(made, item))
      return std::move(error);
  choice.approximation = made;
  return choice;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

// Hot: the elements inside, the queue that a rank was given, and of the window
// its next place, how much of it is full, the least and the largest rank. Cold:
// of each queue the bound, the length, and (first, last) of i32; the ranks of
// the window. Beside that, an entry {rank, isInside: i64} for each element.

void pifo::placeNear(NodeLayout &node, const Approximation &near,
                     llvm::function_ref<int64_t(int64_t)> take, bool isHot) {
  NodeLayout::Late::Near &place = node.late.near;
  if (isHot) {
    for (int64_t *word : {&place.inside, &place.chosen, &place.next,
                          &place.full, &place.least, &place.most, &place.ranks})
      *word = take(8);
    return;
  }
  place.bounds = take(8 * near.queues);
  place.lengths = take(8 * near.queues);
  place.lists = take(8 * near.queues);
  place.window = take(8 * near.window);
}

Value SchedulerEmitter::nearEntry(const NodeLayout &node,
                                  const TransactionContext &at, Value element) {
  return e.at(e.loadPtr(hot(node, at, node.late.near.ranks)),
              e.shl(e.cast(element, 64), 4));
}

Value SchedulerEmitter::nearQueue(const NodeLayout &node,
                                  const TransactionContext &at, int64_t offset,
                                  Value queue) {
  return e.at(cold(node, at, offset), e.shl(queue, 3));
}

/// `body(i, values)` for i from 0 to `count`, i64.
SmallVector<Value> SchedulerEmitter::forUpTo(
    Value count, ValueRange first,
    llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto index = [&](Value value) {
    return arith::IndexCastOp::create(b, e.loc, b.getIndexType(), value);
  };
  auto loop = scf::ForOp::create(b, e.loc, index(e.c(0)), index(count),
                                 index(e.c(1)), first);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value i =
      arith::IndexCastOp::create(b, e.loc, e.type(64), loop.getInductionVar());
  SmallVector<Value> results = body(i, loop.getRegionIterArgs());
  if (!first.empty())
    scf::YieldOp::create(b, e.loc, results);
  return SmallVector<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Which queue
//===----------------------------------------------------------------------===//

/// SP-PIFO: from the last queue, the first whose bound is not above
/// the rank, which becomes the bound (push-up). A rank below all bounds goes to
/// the first queue and takes all bounds down by what it lacks (push-down).
Value SchedulerEmitter::chooseByBounds(const NodeLayout &node,
                                       const TransactionContext &at,
                                       Value rank) {
  const unsigned queues = layout.approximation->queues;
  auto bound = [&](Value queue) {
    return nearQueue(node, at, node.late.near.bounds, queue);
  };
  Value found = forUpTo(
      e.c(queues), e.c(0), [&](Value i, ValueRange best) -> SmallVector<Value> {
        Value above = isBefore(node, rank, e.load(64, bound(i)));
        return {e.select(above, best[0], i)};
      })[0];
  Value pointer = bound(found);
  Value before = e.load(64, pointer);
  e.ifThen(isBefore(node, rank, before), [&] {
    Value cost = e.sub(before, rank);
    forUpTo(e.c(queues), {}, [&](Value i, ValueRange) -> SmallVector<Value> {
      e.store(e.sub(e.load(64, bound(i)), cost), bound(i));
      return {};
    });
  });
  e.store(rank, pointer);
  return found;
}

/// Adds the rank to the window of recent ranks. Returns how many of those are
/// less, and how many there are.
std::pair<Value, Value> SchedulerEmitter::lookBack(const NodeLayout &node,
                                                   const TransactionContext &at,
                                                   Value rank) {
  const unsigned window = layout.approximation->window;
  auto entry = [&](Value i) {
    return e.at(cold(node, at, node.late.near.window), e.shl(i, 3));
  };
  Value nextPointer = hot(node, at, node.late.near.next);
  Value fullPointer = hot(node, at, node.late.near.full);
  Value next = e.load(64, nextPointer);
  e.store(rank, entry(next));
  Value after = e.add(next, e.c(1));
  e.store(e.select(e.cmp(P::eq, after, window), e.c(0), after), nextPointer);
  Value full =
      e.op<arith::MinSIOp>(e.add(e.load(64, fullPointer), e.c(1)), e.c(window));
  e.store(full, fullPointer);
  Value less =
      forUpTo(full, e.c(0), [&](Value i, ValueRange sum) -> SmallVector<Value> {
        Value before = isBefore(node, e.load(64, entry(i)), rank);
        return {e.add(sum[0], e.cast(before, 64))};
      })[0];
  return {less, full};
}

/// RIFO: how far the rank is from the least of the last ones, and the largest.
/// Both begin anew after a window.
std::pair<Value, Value>
SchedulerEmitter::lookAtEnds(const NodeLayout &node,
                             const TransactionContext &at, Value rank) {
  Value fullPointer = hot(node, at, node.late.near.full);
  Value leastPointer = hot(node, at, node.late.near.least);
  Value mostPointer = hot(node, at, node.late.near.most);
  Value full = e.load(64, fullPointer);
  Value isFirst = e.cmp(P::eq, full, 0);
  Value least = e.load(64, leastPointer), most = e.load(64, mostPointer);
  Value down = e.bor(isFirst, isBefore(node, rank, least));
  Value up = e.bor(isFirst, isBefore(node, most, rank));
  least = e.select(down, rank, least);
  most = e.select(up, rank, most);
  e.store(least, leastPointer);
  e.store(most, mostPointer);
  Value more = e.add(full, e.c(1));
  Value isLast = e.cmp(P::eq, more, layout.approximation->window);
  e.store(e.select(isLast, e.c(0), more), fullPointer);
  return {e.sub(rank, least), e.sub(most, least)};
}

/// AIFO, PACKS and RIFO. A rank that is ahead of `part` of
/// `whole` may go to a queue if part / whole <= free / capacity / (1 - k),
/// where `free` is what is free in this queue and those before it.
Value SchedulerEmitter::admitNear(const NodeLayout &node,
                                  const TransactionContext &at, Value rank) {
  const Approximation &near = *layout.approximation;
  Value part, whole;
  std::tie(part, whole) = near.kind == Approximation::Rifo
                              ? lookAtEnds(node, at, rank)
                              : lookBack(node, at, rank);
  Value capacity = e.load(64, e.at(at.memory, SchedulerLayout::kCapacity));
  auto wide = [&](Value value) { return e.cast(value, 128); };
  Value needs =
      e.mul(e.mul(wide(part), wide(capacity)), e.c(1000 - near.slack, 128));
  Value queues = e.c(near.queues);
  Value each = e.op<arith::DivUIOp>(capacity, queues);
  Value rest = e.op<arith::RemUIOp>(capacity, queues);
  SmallVector<Value> none{e.c(-1), e.c(0)};
  auto found = forUpTo(
      queues, none, [&](Value i, ValueRange state) -> SmallVector<Value> {
        Value size = e.add(each, e.cast(e.cmp(P::slt, i, rest), 64));
        Value length =
            e.load(64, nearQueue(node, at, node.late.near.lengths, i));
        Value free = e.add(state[1], e.sub(size, length));
        Value has = e.mul(e.mul(wide(free), wide(whole)), e.c(1000, 128));
        Value fits =
            e.band(e.cmp(P::ule, needs, has), e.cmp(P::slt, length, size));
        Value isFirst = e.band(fits, e.cmp(P::slt, state[0], 0));
        return {e.select(isFirst, i, state[0]), free};
      });
  e.store(found[0], hot(node, at, node.late.near.chosen));
  return e.cmp(P::slt, found[0], 0);
}

//===----------------------------------------------------------------------===//
// Push and pop
//===----------------------------------------------------------------------===//

void SchedulerEmitter::pushNear(const NodeLayout &node,
                                const TransactionContext &at, Value element,
                                Value rank) {
  Value queue = layout.approximation->admits()
                    ? e.load(64, hot(node, at, node.late.near.chosen))
                    : chooseByBounds(node, at, rank);
  Value entry = nearEntry(node, at, element);
  e.store(rank, entry);
  e.store(e.c(1), e.at(entry, 8));
  Value list = nearQueue(node, at, node.late.near.lists, queue);
  Value lengthPointer = nearQueue(node, at, node.late.near.lengths, queue);
  Value length = e.load(64, lengthPointer);
  Value isFirst = e.cmp(P::eq, length, 0);
  // Slot 0 belongs to no element.
  Value last = e.select(isFirst, e.c(0, 32), e.load(32, e.at(list, 4)));
  e.store(element, link(poolOf(node), at.memory, last));
  e.store(e.select(isFirst, element, e.load(32, list)), list);
  e.store(element, e.at(list, 4));
  e.store(e.add(length, e.c(1)), lengthPointer);
  Value inside = hot(node, at, node.late.near.inside);
  e.store(e.add(e.load(64, inside), e.c(1)), inside);
  Value top = hot(node, at, node.top);
  e.store(e.bor(e.load(64, top), e.shl(e.c(1), queue)), top);
}

SchedulerEmitter::Head
SchedulerEmitter::nearHead(const NodeLayout &node,
                           const TransactionContext &at) {
  Value queue = e.lowestBit(e.load(64, hot(node, at, node.top)));
  Head head;
  head.element = e.load(32, nearQueue(node, at, node.late.near.lists, queue));
  head.rank = e.load(64, nearEntry(node, at, head.element));
  return head;
}

SchedulerEmitter::Head SchedulerEmitter::popNear(const NodeLayout &node,
                                                 const TransactionContext &at) {
  Value top = hot(node, at, node.top);
  Value word = e.load(64, top), queue = e.lowestBit(word);
  Head head = nearHead(node, at);
  Value lengthPointer = nearQueue(node, at, node.late.near.lengths, queue);
  Value length = e.sub(e.load(64, lengthPointer), e.c(1));
  e.store(length, lengthPointer);
  e.store(e.load(32, link(poolOf(node), at.memory, head.element)),
          nearQueue(node, at, node.late.near.lists, queue));
  Value isEmpty = e.cast(e.cmp(P::eq, length, 0), 64);
  e.store(e.bxor(word, e.shl(isEmpty, queue)), top);
  Value inside = hot(node, at, node.late.near.inside);
  e.store(e.sub(e.load(64, inside), e.c(1)), inside);
  e.store(e.c(0), e.at(nearEntry(node, at, head.element), 8));
  countDisorder(node, at, head.rank);
  return head;
}

/// Measures the distance from an exact queue: how many elements inside have a
/// smaller rank than the one popped.
void SchedulerEmitter::countDisorder(const NodeLayout &node,
                                     const TransactionContext &at, Value rank) {
  Value used =
      e.cast(e.load(32, e.at(at.memory, poolOf(node).offset + 12)), 64);
  Value smaller = forUpTo(
      e.add(used, e.c(1)), e.c(0),
      [&](Value i, ValueRange sum) -> SmallVector<Value> {
        Value entry = nearEntry(node, at, i);
        Value before = e.cast(isBefore(node, e.load(64, entry), rank), 64);
        return {e.add(sum[0], e.band(before, e.load(64, e.at(entry, 8))))};
      })[0];
  Value counts = e.at(at.memory, layout.disorder);
  Value late = e.cast(e.cmp(P::ne, smaller, 0), 64);
  Value steps[] = {e.c(1), late, smaller};
  for (auto [i, by] : llvm::enumerate(steps))
    e.store(e.add(e.load(64, e.at(counts, 8 * i)), by), e.at(counts, 8 * i));
}

/// `disorder(memory, out)`: pops, those out of order, inversions, i64 each.
void SchedulerEmitter::emitDisorder() {
  if (!layout.approximation)
    return;
  Type ptr = e.ptrType();
  auto function = begin(name + "_disorder", {ptr, ptr}, {}, true);
  e.copy(function.getArgument(1),
         e.at(function.getArgument(0), layout.disorder), 24);
  end({});
}
