//===- PifoScheduler.cpp - A compiled scheduler for traffic -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/PifoScheduler.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
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

llvm::Error PifoScheduler::bind(ArrayRef<std::string> columnNames,
                                ArrayRef<std::string> bindings) {
  SmallVector<StringRef> columns(columnNames.begin(), columnNames.end());
  SmallVector<StringRef> names;
  for (const PifoJit::Field &field : jit->fields)
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
    Binding binding{Binding::Column,
                    field.bytes,
                    field.offset,
                    field.maxValue,
                    0,
                    0,
                    false};
    auto found = given.find(field.name);
    if (found != given.end()) {
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
    return (field.kind == Binding::Column ||
            field.kind == Binding::Remainder) &&
           field.column == column;
  });
}

llvm::Expected<std::unique_ptr<PifoScheduler>>
PifoScheduler::create(ModuleOp module, StringRef name, StringRef container,
                      int64_t capacity, const std::vector<std::string> &columns,
                      const std::vector<std::string> &bindings) {
  std::unique_ptr<PifoScheduler> result(new PifoScheduler());
  auto jit = PifoJit::compile(module, name, container);
  if (!jit)
    return jit.takeError();
  result->jit = std::move(*jit);
  if (llvm::Error error = result->bind(columns, bindings))
    return std::move(error);
  // PifoJit found exactly this one.
  for (auto scheduler : module.getOps<pifo::SchedulerOp>()) {
    if (!name.empty() && scheduler.getSymName() != name)
      continue;
    if (capacity > scheduler.getLargestCapacity())
      return makeError("the scheduler '{0}' is exact for at most {1} packets; "
                       "expected a capacity of that or less, not {2}",
                       printable(scheduler.getSymName()),
                       scheduler.getLargestCapacity(), capacity);
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
  if (!result->restart())
    return makeError("no memory for a scheduler of that capacity");
  return std::move(result);
}

Scheduler::EnqueueStatus
PifoScheduler::enqueue(uint64_t handle, const uint64_t *values, int64_t now) {
  char *bytes = reinterpret_cast<char *>(packet.data());
  packet[0] = handle;
  for (const Binding &field : fields) {
    uint64_t value =
        field.kind == Binding::Column      ? values[field.column]
        : field.kind == Binding::Remainder ? values[field.column] % field.number
        : field.kind == Binding::Constant  ? field.number
                                           : static_cast<uint64_t>(now);
    isUnknown = value > field.maxValue;
    if (isUnknown)
      return EnqueueStatus::Unknown;
    char *at = bytes + field.offset;
    // Little-endian; fixed sizes, so that each is one store.
    switch (field.bytes) {
    case 1:
      std::memcpy(at, &value, 1);
      break;
    case 2:
      std::memcpy(at, &value, 2);
      break;
    case 4:
      std::memcpy(at, &value, 4);
      break;
    default:
      std::memcpy(at, &value, 8);
    }
  }
  switch (jit->enqueue(memory, packet.data(), now)) {
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
  if (jit->dequeue(memory, now, packet.data()) != 0)
    return false;
  handle = packet[0];
  return true;
}

bool PifoScheduler::dropped(uint64_t &handle) {
  // `packet` is still what left.
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

int PifoScheduler::classOfLatest() {
  // An unknown value may not have fitted into the packet.
  return isUnknown ? -1 : jit->classify(packet.data());
}
