//===- CHeader.cpp - The C header of a compiled scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pifo;

/// A symbol may contain any character.
static std::string identifier(StringRef name) {
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) || c == '_' ? c : '_';
  return text.empty() || llvm::isDigit(text[0]) ? "_" + text : text;
}

/// How many values a change has, and a line of a comment for each parameter.
static std::pair<int64_t, std::string>
describeParameters(SchedulerOp scheduler) {
  int64_t count = 0;
  std::string text;
  for (Operation *op : scheduler.getParameters()) {
    std::string path = cast<SymbolOpInterface>(op).getName().str();
    for (auto node = cast<NodeOp>(op->getParentOp()); node.getParentNode();
         node = node.getParentNode())
      path = (node.getSymName() + "." + path).str();
    int64_t values = 1;
    std::string begins;
    if (auto table = dyn_cast<TableOp>(op)) {
      values = table.getValues().getNumElements();
      begins =
          table.isByChild() ? " by class" : " by " + (*table.getKey()).str();
    } else {
      begins =
          " = " + std::to_string(
                      cast<IntegerAttr>(cast<StateOp>(op).getInit()).getInt());
    }
    text += "\n *   " + std::to_string(count) +
            (values == 1 ? std::string()
                         : " to " + std::to_string(count + values - 1)) +
            ": " + path + begins;
    count += values;
  }
  return {count, text};
}

void pifo::printCHeader(SchedulerOp scheduler, raw_ostream &os) {
  PacketLayout packet(scheduler);
  std::string name = identifier(scheduler.getSymName());
  std::string guard = StringRef(name).upper() + "_PIFO_H";
  os << llvm::formatv(R"(/* Scheduler {0}: made by nm. */
#ifndef {1}
#define {1}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

enum {{
  {0}_OK = 0,      /* done */
  {0}_EMPTY = 1,   /* no packet may leave now */
  {0}_FULL = 2,    /* as many packets as the capacity; not taken */
  {0}_UNKNOWN = 3, /* a field beyond its bound, such as an unknown flow; not taken */
  {0}_RANK = 4,    /* a rank outside its window; not taken */
  {0}_DROPPED = 5  /* an admission rule said no; not taken */
};

/* handle is the caller's own. */
typedef struct {0}_packet {{
  uint64_t handle;
)",
                      name, guard);
  for (const PacketLayout::Field &field : packet.fields) {
    FieldOp op = field.op;
    os << llvm::formatv("  uint{0}_t {1}; /* at most {2}{3} */\n",
                        8 * field.bytes, identifier(op.getSymName()),
                        op.getMaxValue(),
                        op.getWritable() ? ", written on dequeue" : "");
  }
  auto [count, parameters] = describeParameters(scheduler);
  os << llvm::formatv(R"(} {0}_packet;

/* One scheduler; any number exist side by side. No function but create and
 * destroy allocates. A scheduler is used by one thread at a time; different
 * ones share nothing. `now` never decreases; its unit is the caller's. */
typedef struct {0} {0};

/* At most `capacity` packets, 1 to {3}; 0 for {1}. Null beyond that, and
 * without memory. */
{0} *{0}_create(int64_t capacity);
void {0}_destroy({0} *scheduler);

/* A refused packet changes nothing but what admission rules keep. */
int32_t {0}_enqueue({0} *scheduler, const {0}_packet *packet, int64_t now);
int32_t {0}_dequeue({0} *scheduler, int64_t now, {0}_packet *packet);
/* The packet that the next dequeue gives, if nothing comes between. */
int32_t {0}_peek({0} *scheduler, {0}_packet *packet);

/* A packet that was taken and dropped since: pushed out by a better one, or by
 * a rule on its way out. Fetch them after each enqueue and dequeue, until this
 * is {0}_EMPTY: until then they take up the places of others. */
int32_t {0}_dropped({0} *scheduler, {0}_packet *packet);

/* The number of the leaf that takes the packet, in the order of the text, or -1
 * for a field beyond its bound. */
int32_t {0}_class(const {0}_packet *packet);

/* Shaped packets: lets those that are due go on, and counts them. */
int64_t {0}_release({0} *scheduler, int64_t now);
/* 1 and the time of the next one, or 0. After a dequeue that gave nothing, also
 * the time at which something that may not leave yet may do so. */
int32_t {0}_next_release({0} *scheduler, int64_t *time);

/* Packets inside, shaped ones included. */
int64_t {0}_size({0} *scheduler);

/* Changes all {4} parameters at once, before the next call that enqueues,
 * dequeues or releases; packets inside keep their places. The one function that
 * another thread may call: one at a time. {0}_FULL: the last change was not
 * taken yet, try again; {0}_UNKNOWN: `count` is not {4}.{5} */
int32_t {0}_change({0} *scheduler, const int64_t *values, int64_t count);

/* What entered a leaf, by the number that {0}_class gives, and what became of
 * it: the rest is inside. Any thread may ask at any time; each number is one that
 * was right at some moment of the call. Dropped: pushed out, itself included if it
 * was the worst, or by a rule on its way out. Bytes are 0 without a field
 * `length`. `size` is the caller's: sizeof({0}_counts). Returns {0}_OK, or
 * {0}_UNKNOWN for another class or size. Only in code that was compiled with
 * counters=true. */
typedef struct {0}_counts {{
  uint64_t size, entered, entered_bytes, sent, sent_bytes, dropped,
      dropped_bytes;
} {0}_counts;
int32_t {0}_counters(const {0} *scheduler, int32_t leaf, {0}_counts *counts);

/* In order, until one is refused, whose status is returned. */
int32_t {0}_enqueue_batch({0} *scheduler, const {0}_packet *packets,
                          int64_t count, int64_t now, int64_t *taken);
/* The number of packets that left. */
int64_t {0}_dequeue_batch({0} *scheduler, int64_t now, {0}_packet *packets,
                          int64_t count);
/* Packets that each come when nothing is inside and leave before the next one
 * comes, at `times`: what enqueue and dequeue of each would do. In order, until
 * one has a field beyond its bound; their number, 0 if something is inside, -1
 * if the scheduler has rules by which a packet that is alone may wait, be
 * changed or be dropped. */
int64_t {0}_pass({0} *scheduler, const {0}_packet *packets,
                 const int64_t *times, int64_t count);

#ifdef __cplusplus
}
#endif

#endif /* {2} */
)",
                      name, scheduler.getCapacity(), guard,
                      scheduler.getLargestCapacity(), count, parameters);
}

void pifo::registerCHeaderTranslation(void (*dialects)(DialectRegistry &)) {
  static TranslateFromMLIRRegistration header(
      "pifo-to-c-header", "print the C header of compiled schedulers",
      [](Operation *op, raw_ostream &os) -> LogicalResult {
        auto module = dyn_cast<ModuleOp>(op);
        if (!module || module.getOps<SchedulerOp>().empty())
          return op->emitError("has no pifo.scheduler to write a header for; "
                               "expected the module before pifo-lower-to-cpu");
        for (SchedulerOp scheduler : module.getOps<SchedulerOp>())
          printCHeader(scheduler, os);
        return success();
      },
      dialects);
}
