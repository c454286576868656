//===- PifoScheduler.cpp - A compiled scheduler for traffic -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/PifoScheduler.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "nm/Driver/Support.h"
#include "llvm/ADT/StringSet.h"
#include <cstring>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::traffic::Scheduler;

PifoScheduler::~PifoScheduler() {
  if (memory)
    jit->destroy(memory);
}

bool PifoScheduler::restart() {
  if (memory)
    jit->destroy(memory);
  memory = jit->create(capacity);
  return memory;
}

/// Splits `name=source` and looks the source up.
static llvm::Error parseBinding(StringRef text, ArrayRef<StringRef> columns,
                                bool &isConstant, size_t &column,
                                uint64_t &number) {
  StringRef source = text.split('=').second;
  auto [name, divisor] = source.split('%');
  number = 0;
  isConstant = !source.contains('%') && !source.getAsInteger(0, number);
  if (isConstant)
    return llvm::Error::success();
  const auto *found = llvm::find(columns, name);
  if (found == columns.end())
    return makeError("--field {0}: the traffic has no column '{1}'{2}; "
                     "expected one of {3}, or a number",
                     printable(text), printable(name),
                     didYouMean(name, columns), listNames(columns));
  column = found - columns.begin();
  if (source.contains('%') && (divisor.getAsInteger(0, number) || number == 0))
    return makeError("--field {0}: '{1}' after %; expected a number of at "
                     "least 1",
                     printable(text), printable(divisor));
  return llvm::Error::success();
}

/// `name=hash(a,b)%n`; without columns, those of the 5-tuple.
llvm::Error PifoScheduler::parseHash(StringRef text,
                                     ArrayRef<StringRef> columns,
                                     Binding &binding) {
  StringRef source = text.split('=').second;
  auto [what, divisor] = source.split('%');
  binding.kind = Binding::Hash;
  if (divisor.getAsInteger(0, binding.number) || binding.number == 0)
    return makeError("--field {0}; expected '%' and a number of buckets behind "
                     "the hash, such as hash%1024",
                     printable(text));
  SmallVector<StringRef> names{"source_prefix",      "source_address",
                               "destination_prefix", "destination_address",
                               "protocol",           "source_port",
                               "destination_port"};
  if (what.consume_front("hash(")) {
    if (!what.consume_back(")"))
      return makeError("--field {0}; expected ')' behind the columns",
                       printable(text));
    names.clear();
    what.split(names, ',');
  }
  for (StringRef name : names) {
    const auto *found = llvm::find(columns, name);
    if (found == columns.end())
      return makeError("--field {0}: the traffic has no column '{1}'{2}; "
                       "expected columns among {3}, such as hash(flow)%1024",
                       printable(text), printable(name),
                       didYouMean(name, columns), listNames(columns));
    binding.hashed.push_back(found - columns.begin());
  }
  return llvm::Error::success();
}

/// FNV-1a (Fowler, Noll, Vo; 64 bits) over the values' eight bytes, the lowest
/// first, folded.
uint64_t PifoScheduler::Binding::valueOf(const ::nm::traffic::Arrivals &block,
                                         size_t i) const {
  switch (kind) {
  case Column:
    return block.columns[column][i];
  case Remainder:
    return block.columns[column][i] % number;
  case Constant:
    return number;
  case Arrival:
    return static_cast<uint64_t>(block.times[i]);
  case Policy:
  case Hash:
    break;
  }
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t from : hashed)
    for (int byte = 0; byte < 8; ++byte)
      hash =
          (hash ^ (block.columns[from][i] >> 8 * byte & 0xff)) * 0x100000001b3;
  return (hash ^ hash >> 32) % number;
}

bool PifoScheduler::Binding::isSame(
    const ::nm::traffic::Arrivals &block) const {
  if (kind == Hash)
    return llvm::all_of(
        hashed, [&](size_t from) { return block.columns[from].isSame; });
  return kind == Constant || ((kind == Column || kind == Remainder) &&
                              block.columns[column].isSame);
}

llvm::Error PifoScheduler::bind(ArrayRef<std::string> columnNames,
                                ArrayRef<std::string> bindings) {
  SmallVector<StringRef> columns(columnNames.begin(), columnNames.end());
  SmallVector<StringRef> names;
  for (const PifoJit::Field &field : jit->fields)
    if (living.field.empty() || field.name != living.field)
      names.push_back(field.name);
  llvm::StringMap<StringRef> given;
  for (StringRef text : bindings) {
    StringRef name = text.split('=').first;
    if (!text.contains('='))
      return makeError("--field {0}; expected <field>=<column>, "
                       "<field>=<column>%<number> or <field>=<number>",
                       printable(text));
    if (!llvm::is_contained(names, name))
      return makeError("--field {0}: the scheduler has no field '{1}'{2}; "
                       "expected one of {3}",
                       printable(text), printable(name),
                       didYouMean(name, names), listNames(names));
    if (!given.try_emplace(name, text).second)
      return makeError("--field {0}: '{1}' was given before", printable(text),
                       printable(name));
  }
  for (const PifoJit::Field &field : jit->fields) {
    Binding binding{Binding::Column, field.bytes, field.offset,
                    field.maxValue,  0,           0,
                    false,           {}};
    auto found = given.find(field.name);
    StringRef source =
        found == given.end() ? "" : found->second.split('=').second;
    if (!living.field.empty() && field.name == living.field)
      binding.kind = Binding::Policy;
    else if (source.starts_with("hash(") ||
             (source.split('%').first == "hash" &&
              !llvm::is_contained(columns, "hash"))) {
      if (llvm::Error error = parseHash(found->second, columns, binding))
        return error;
    } else if (found != given.end()) {
      bool isConstant;
      if (llvm::Error error = parseBinding(found->second, columns, isConstant,
                                           binding.column, binding.number))
        return error;
      binding.kind = isConstant       ? Binding::Constant
                     : binding.number ? Binding::Remainder
                                      : Binding::Column;
    } else if (auto *column = llvm::find(columns, field.name);
               column != columns.end()) {
      binding.column = column - columns.begin();
    } else if (field.name == "arrival") {
      binding.kind = Binding::Arrival;
    } else {
      return makeError("the scheduler's field '{0}' has no value: the traffic "
                       "has the columns {1}{2}; use --field "
                       "{0}=<column or number>",
                       printable(field.name), listNames(columns),
                       didYouMean(field.name, columns));
    }
    fields.push_back(binding);
  }
  return llvm::Error::success();
}

bool PifoScheduler::takes(size_t column) const {
  return llvm::any_of(fields, [&](const Binding &field) {
    if (field.kind == Binding::Hash)
      return llvm::is_contained(field.hashed, column);
    return (field.kind == Binding::Column ||
            field.kind == Binding::Remainder) &&
           field.column == column;
  });
}

llvm::Expected<std::unique_ptr<PifoScheduler>>
PifoScheduler::create(ModuleOp module, StringRef name, StringRef container,
                      int64_t capacity, const std::vector<std::string> &columns,
                      const std::vector<std::string> &bindings, bool optimized,
                      PifoChanges changes) {
  std::unique_ptr<PifoScheduler> result(new PifoScheduler());
  result->living = std::move(changes);
  auto jit = PifoJit::compile(module, name, container, optimized);
  if (!jit)
    return jit.takeError();
  result->jit = std::move(*jit);
  if (llvm::Error error = result->bind(columns, bindings))
    return std::move(error);
  // PifoJit found exactly this one.
  for (auto scheduler : module.getOps<pifo::SchedulerOp>()) {
    if (!name.empty() && scheduler.getSymName() != name)
      continue;
    if (llvm::Error error = checkCapacity(scheduler, capacity))
      return std::move(error);
    scheduler.walk([&](pifo::ShapingOp) { result->shaped = true; });
    result->shaped |= scheduler.decidesLate();
    result->mayDrop = scheduler.dropsPackets();
    for (auto [binding, field] :
         llvm::zip(result->fields, scheduler.getFields())) {
      binding.writable = field.getWritable();
      result->writes |= field.getWritable();
    }
  }
  result->packet.resize(result->jit->packetSize / 8);
  result->lost.resize(result->packet.size());
  result->capacity = capacity;
  result->columns = columns.size();
  if (!result->restart())
    return makeError("no memory for a scheduler of that capacity");
  result->mayPass = result->jit->pass(result->memory, nullptr, nullptr, 0) == 0;
  return std::move(result);
}

/// A class for each packet, where all had the same so far.
static int32_t *eachClass(::nm::traffic::Arrivals &block) {
  if (block.classes.isSame) {
    const int32_t all = block.classes[0];
    std::fill_n(block.classes.setEach(block.count), block.count, all);
  }
  return block.classes.values.data();
}

void PifoScheduler::store(const Binding &field,
                          ::nm::traffic::Arrivals &block) const {
  const size_t size = jit->packetSize;
  char *at = reinterpret_cast<char *>(block.packets.data()) + field.offset;
  // One loop for each way to find a value and each size to store it in.
  auto storeAll = [&](auto sample, auto valueOf) {
    uint64_t most = 0;
    for (size_t i = 0; i < block.count; ++i) {
      const uint64_t value = valueOf(i);
      most = std::max(most, value);
      auto stored = static_cast<decltype(sample)>(value);
      std::memcpy(at + i * size, &stored, sizeof(stored));
    }
    if (most <= field.maxValue)
      return;
    int32_t *itsClass = eachClass(block);
    for (size_t i = 0; i < block.count; ++i)
      if (valueOf(i) > field.maxValue)
        itsClass[i] = -1;
  };
  auto storeSized = [&](auto valueOf) {
    switch (field.bytes) {
    case 1:
      return storeAll(uint8_t(), valueOf);
    case 2:
      return storeAll(uint16_t(), valueOf);
    case 4:
      return storeAll(uint32_t(), valueOf);
    default:
      return storeAll(uint64_t(), valueOf);
    }
  };
  if (block.count == 0)
    return;
  if (field.isSame(block))
    storeSized([value = field.valueOf(block, 0)](size_t) { return value; });
  else if (field.kind == Binding::Column)
    storeSized([values = block.columns[field.column].values.data()](size_t i) {
      return values[i];
    });
  else if (field.kind == Binding::Policy)
    storeSized([&](size_t i) { return policyAt(block.times[i]); });
  else
    storeSized([&](size_t i) { return field.valueOf(block, i); });
}

uint64_t PifoScheduler::policyAt(int64_t now) const {
  // Changes are applied before packets of the same tick.
  auto next = llvm::upper_bound(living.times, now);
  return living.numbers[next - living.times.begin()];
}

void PifoScheduler::tellChanges(::nm::traffic::Totals &totals) const {
  for (size_t leaf = 0; leaf < totals.classes.size(); ++leaf)
    for (size_t i = 1; i < living.leaves.size(); ++i) {
      if (living.leaves[i][leaf] == living.leaves[i - 1][leaf])
        continue;
      ::nm::traffic::ClassTotals &group = totals.classes[leaf];
      (living.leaves[i][leaf] ? group.came : group.went)
          .push_back(living.times[i - 1]);
    }
}

void PifoScheduler::prepare(::nm::traffic::Arrivals &block) const {
  const size_t words = packetWords();
  block.packets.resize(block.count * words);
  block.classes.setAll(0);
  for (const Binding &field : fields)
    store(field, block);
  // A packet that was refused above may have lost bits that the class asks for.
  if (jit->classes.size() > 1) {
    int32_t *itsClass = eachClass(block);
    for (size_t i = 0; i < block.count; ++i)
      if (itsClass[i] == 0)
        itsClass[i] = jit->classify(&block.packets[i * words]);
  }
  block.isPrepared = true;
}

Scheduler::EnqueueStatus
PifoScheduler::enqueue(uint64_t handle, const uint64_t *values, int64_t now) {
  alone.count = 1;
  alone.times.assign(1, now);
  alone.columns.resize(columns);
  for (size_t i = 0; i < columns; ++i)
    alone.columns[i].setAll(values[i]);
  prepare(alone);
  return alone.classes[0] < 0 ? EnqueueStatus::Unknown
                              : enter(handle, alone.packets.data(), now);
}

Scheduler::EnqueueStatus PifoScheduler::enter(uint64_t handle,
                                              uint64_t *prepared, int64_t now) {
  prepared[0] = handle;
  switch (jit->enqueue(memory, prepared, now)) {
  case 0:
    return EnqueueStatus::Ok;
  case 2:
    return EnqueueStatus::Full;
  case 4:
    return EnqueueStatus::Rank;
  case 5:
    return EnqueueStatus::Dropped;
  default:
    return EnqueueStatus::Unknown;
  }
}

bool PifoScheduler::dequeue(int64_t now, uint64_t &handle) {
  latest = now;
  if (jit->dequeue(memory, now, packet.data()) != 0)
    return false;
  handle = packet[0];
  return true;
}

void PifoScheduler::change(size_t number) {
  // Two changes of one tick: a release takes the first.
  const std::vector<int64_t> &values = living.parameters[number];
  auto count = static_cast<int64_t>(values.size());
  if (jit->change(memory, values.data(), count) == pifo::kStatusFull) {
    jit->release(memory, latest);
    jit->change(memory, values.data(), count);
  }
}

bool PifoScheduler::disorder(::nm::traffic::Disorder &found) {
  if (!jit->disorder)
    return false;
  uint64_t counts[3];
  jit->disorder(memory, counts);
  found = {counts[0], counts[1], counts[2]};
  return true;
}

bool PifoScheduler::dropped(uint64_t &handle) {
  // `packet` still is the one that left.
  if (jit->dropped(memory, lost.data()) != 0)
    return false;
  handle = lost[0];
  return true;
}

bool PifoScheduler::changed(uint64_t *values) {
  bool differs = false;
  if (!writes)
    return differs;
  for (const Binding &field : fields)
    if (field.writable && field.kind == Binding::Column) {
      uint64_t value = 0;
      std::memcpy(&value,
                  reinterpret_cast<char *>(packet.data()) + field.offset,
                  field.bytes);
      differs |= value != values[field.column];
      values[field.column] = value;
    }
  return differs;
}
