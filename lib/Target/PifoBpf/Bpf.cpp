//===- Bpf.cpp - Schedulers as queueing disciplines in BPF -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What is emitted has no loops and no pointers that are kept: packets and nodes
// have numbers, everything is in arrays of a fixed size, and what repeats is a
// callback of bpf_loop. So the verifier sees each function once, with arguments
// of which it need know nothing. Programs of nodes are inlined into callbacks:
// there may be more of them than the kernel takes functions.

#include "Core.h"
#include "Transactions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "nm/Target/PifoBpf/PifoBpf.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::pifo;
using namespace mlir::pifo::bpf;

namespace {

class Printer {
public:
  Printer(const Tree &tree, raw_ostream &os) : tree(tree), os(os) {}
  void print();

private:
  using NodeNumber = llvm::function_ref<uint64_t(const Tree::Node &)>;
  void head();
  void sizes();
  void packet();
  void table(const char *type, const char *name, NodeNumber number);
  void arrays();
  void array(Operation *symbol, unsigned bits, bool isKeyed, uint64_t entries,
             uint64_t first);
  void constants(TableOp table, NodeOp owner);
  void nodeFunctions(unsigned id);
  void enter(unsigned id);
  void rule(unsigned id, const char *what, Operation *transaction,
            const char *parameters);
  void selection(unsigned id);
  void backlogs(unsigned id);
  void dispatch(const char *declaration, const char *name, const char *values,
                const char *otherwise, llvm::function_ref<bool(NodeOp)> has);
  void dispatches();
  void unknown();
  void routes();
  void route(unsigned id, unsigned indent);
  void forget();
  void fill();
  template <typename Transaction> bool any() const {
    bool found = false;
    tree.op->walk([&](Transaction) { found = true; });
    return found;
  }

  const Tree &tree;
  raw_ostream &os;
};

} // namespace

static const char *typeOf(unsigned bits) {
  switch (storageBytes(bits)) {
  case 1:
    return "u8";
  case 2:
    return "u16";
  case 4:
    return "u32";
  default:
    return "u64";
  }
}

static bool countsSomething(NodeOp node) {
  return !node.getBody().front().getOps<BacklogOp>().empty();
}

void Printer::head() {
  std::string name = identifier(tree.op.getSymName());
  os << llvm::formatv(
      R"(/* Scheduler {0} as a queueing discipline of Linux 6.16 and later: made by nm.
 *
 *   clang -O2 -g -target bpf -mcpu=v3 -c {0}.c -o {0}.o
 *   bpftool struct_ops register {0}.o
 *   tc qdisc replace dev eth0 root {1}
 *
 * With -DPIFO_CALLS, the program `pifo_calls` of type syscall takes its place,
 * which enqueues and dequeues one by one; for another target than BPF, that is
 * a function. Times are nanoseconds. */

)",
      name, name.substr(0, 15));
  os << types << "\n";
}

void Printer::sizes() {
  bool counts = llvm::any_of(tree.nodes, [](const Tree::Node &node) {
    return countsSomething(node.op);
  });
  uint64_t capacity = tree.op.getCapacity();
  // What bpf_loop allows.
  uint64_t releases =
      std::min<uint64_t>((capacity + 1) * tree.depth, uint64_t(1) << 23);
  std::string id = identifier(tree.op.getSymName()).substr(0, 15);
  os << "\n/* ---- The scheduler. */\n\n"
     << "enum {\n  PIFO_OK,\n  PIFO_EMPTY,\n  PIFO_FULL,\n  PIFO_UNKNOWN,\n"
     << "  PIFO_RANK,\n  PIFO_DROPPED\n};\n"
     << "enum { PIFO_PLAIN, PIFO_LATE, PIFO_ELIGIBLE };\n"
     << "#define PIFO_ID \"" << id << "\"\n";
  std::pair<const char *, uint64_t> numbers[] = {
      {"CAPACITY", capacity},
      {"NODES", tree.nodes.size()},
      {"DEPTH", tree.depth},
      {"PATH", llvm::PowerOf2Ceil(tree.depth)},
      {"HEAPS", tree.heaps},
      {"ROOM", tree.room},
      {"LEVELS", tree.heapLevels},
      {"SLOTS", tree.slots},
      {"RESTING", tree.resting},
      {"RELEASES", releases},
      {"PUSHES_OUT", tree.op.getPushOut()},
      {"ADMITS", any<AdmitOp>()},
      {"DELIVERS", any<DeliverOp>()},
      {"COUNTS", counts},
      {"SHAPES", tree.hasShaping},
      {"WAITS", tree.waits},
      {"DECIDES_LATE", tree.decidesLate}};
  for (auto [name, number] : numbers)
    os << "#define PIFO_" << name << " " << number << "\n";
}

void Printer::packet() {
  os << "\nstruct pifo_packet {\n  u64 handle;\n";
  for (FieldOp field : tree.op.getFields())
    os << "  " << typeOf(field.getWidth()) << " field_"
       << identifier(field.getSymName()) << "; /* at most "
       << field.getMaxValue() << " */\n";
  os << "} __attribute__((aligned(8)));\n\n";
}

void Printer::table(const char *type, const char *name, NodeNumber number) {
  os << "PIFO_TABLE " << type << " " << name << "[PIFO_HEAPS] = {";
  for (auto [i, node] : llvm::enumerate(tree.nodes))
    os << (i ? ", " : "") << number(node);
  os << "};\n";
}

void Printer::array(Operation *symbol, unsigned bits, bool isKeyed,
                    uint64_t entries, uint64_t first) {
  os << "PIFO_STATE " << typeOf(bits) << " " << tree.nameOf(symbol);
  if (isKeyed)
    os << "[" << entries << "]";
  if (first && isKeyed)
    os << " = {[0 ... " << entries - 1 << "] = " << first << "ULL}";
  else if (first)
    os << " = " << first << "ULL";
  os << ";\n";
}

void Printer::constants(TableOp op, NodeOp owner) {
  auto values = cast<DenseIntElementsAttr>(op.getValues());
  uint64_t entries = tree.entries(op.getKeyAttr(), op.isByChild(), owner);
  os << "PIFO_TABLE " << typeOf(op.getElementType().getWidth()) << " "
     << tree.nameOf(op) << "[" << entries << "] = {";
  size_t i = 0;
  for (const APInt &value : values.getValues<APInt>())
    os << (i++ ? ", " : "") << value.getZExtValue() << "ULL";
  os << "};\n";
}

void Printer::arrays() {
  for (TableOp op : tree.op.getBody().front().getOps<TableOp>())
    constants(op, {});
  for (const Tree::Node &node : tree.nodes)
    for (Operation &symbol : node.op.getBody().front()) {
      if (auto op = dyn_cast<TableOp>(symbol)) {
        constants(op, node.op);
      } else if (auto state = dyn_cast<StateOp>(symbol)) {
        uint64_t first =
            cast<IntegerAttr>(state.getInit()).getValue().getZExtValue();
        array(state, state.getType().getWidth(), state.isKeyed(),
              tree.entries(state.getKeyAttr(), state.getByChild(), node.op),
              first);
      } else if (auto backlog = dyn_cast<BacklogOp>(symbol)) {
        array(backlog, 64, bool(backlog.getKeyAttr()),
              tree.entries(backlog.getKeyAttr(), false, node.op), 0);
      }
    }
}

/// Bits of the number that a transaction yields.
static unsigned yieldedBits(Region &body) {
  Operation *yield = body.front().getTerminator();
  return yield->getOperand(0).getType().getIntOrFloatBitWidth();
}

static std::string signedOf(const std::string &value, unsigned bits) {
  return llvm::formatv("PIFO_SIGNED({0}, {1})", value, bits);
}

/// The scheduling transaction and the push, or the count of a node that decides
/// late. Gives 1 if the walk rests here.
void Printer::enter(unsigned id) {
  const Tree::Node &node = tree.nodes[id];
  os << "\nPIFO_INLINE int pifo_enter_" << id
     << "(u32 slot, u32 child, u64 now) {\n"
     << "  struct pifo_packet *packet = pifo_packet(slot);\n  (void)packet;\n";
  StatementPrinter print(tree, id, os);
  if (node.op.isLate()) {
    if (WakeOp wake = node.op.getWake()) {
      os << "  if (*pifo_waiting_of(" << node.firstChild
         << " + child) == 0) {\n";
      print.indent = 2;
      print.print(wake.getBody());
      os << "  }\n";
    }
    os << "  pifo_count_child(" << id << ", child, 1);\n  return 0;\n}\n";
    return;
  }
  Region &scheduling = node.op.getScheduling().getBody();
  std::string value = print.print(scheduling).front();
  unsigned from = yieldedBits(scheduling), bits = node.op.getRankWidth();
  std::string wide = signedOf(value, from);
  std::string rank =
      node.op.getRule() == RankRule::Wrap
          ? llvm::formatv("pifo_serial_rank({0}, {1}, {2})", id, wide, bits)
                .str()
      : from <= bits ? value
                     : llvm::formatv("pifo_clamped_rank({0}, {1}ULL)", wide,
                                     (uint64_t(1) << bits) - 1)
                           .str();
  os << "  u64 rank = " << rank << ";\n";
  const char *element = node.children ? "child" : "slot";
  if (EligibleOp eligible = node.op.getEligible()) {
    Region &body = eligible.getBody();
    os << llvm::formatv(R"(  s64 time = {0};
  pifo_rank_of[PIFO_WITHIN(slot, PIFO_SLOTS)] = rank;
  if (time <= (s64)now)
    pifo_push({1}, rank, slot);
  else
    pifo_push({2}, time, slot);
)",
                        signedOf(print.print(body).front(), yieldedBits(body)),
                        id, node.waiters);
  } else {
    os << "  pifo_push(" << id << ", rank, " << element << ");\n";
  }
  ShapingOp shaping = node.op.getShaping();
  if (shaping) {
    Region &body = shaping.getBody();
    os << llvm::formatv("  pifo_rest({0}, slot, {1});\n", id,
                        signedOf(print.print(body).front(), yieldedBits(body)));
  }
  os << "  return " << (shaping ? 1 : 0) << ";\n}\n";
}

void Printer::rule(unsigned id, const char *what, Operation *transaction,
                   const char *parameters) {
  if (!transaction)
    return;
  os << "\nPIFO_INLINE int pifo_" << what << "_" << id << "(" << parameters
     << ") {\n  struct pifo_packet *packet = pifo_packet(slot);\n  "
        "(void)packet;\n";
  StatementPrinter print(tree, id, os);
  auto yielded = print.print(transaction->getRegion(0));
  os << "  return " << (yielded.empty() ? "0" : yielded.front()) << ";\n}\n";
}

void Printer::selection(unsigned id) {
  SelectOp select = tree.nodes[id].op.getSelect();
  if (!select)
    return;
  os << "\nPIFO_INLINE int pifo_select_" << id
     << "(u32 slot, u32 child, u64 rank, u64 tie, u64 now) {\n"
     << "  struct pifo_packet *packet = pifo_packet(slot);\n  (void)packet;\n";
  StatementPrinter print(tree, id, os);
  auto yielded = print.print(select.getBody());
  for (auto [member, value] : llvm::zip(
           ArrayRef<const char *>{"may", "rank", "tie", "again"}, yielded))
    os << "  pifo_says." << member << " = " << value << ";\n";
  os << "  return 0;\n}\n";
}

void Printer::backlogs(unsigned id) {
  NodeOp node = tree.nodes[id].op;
  if (!countsSomething(node))
    return;
  os << "\nPIFO_INLINE int pifo_add_" << id << "(u32 slot, int sign) {\n"
     << "  struct pifo_packet *packet = pifo_packet(slot);\n  (void)packet;\n";
  for (BacklogOp backlog : node.getBody().front().getOps<BacklogOp>()) {
    uint64_t entries = tree.entries(backlog.getKeyAttr(), false, node);
    os << "  " << tree.nameOf(backlog);
    if (backlog.getKeyAttr())
      os << "[PIFO_WITHIN(packet->field_" << identifier(*backlog.getKey())
         << ", " << entries << ")]";
    os << " += (s64)sign * "
       << (backlog.getBytes() ? "(s64)packet->field_length" : "1") << ";\n";
  }
  os << "  return 0;\n}\n";
}

void Printer::nodeFunctions(unsigned id) {
  NodeOp node = tree.nodes[id].op;
  enter(id);
  rule(id, "admit", node.getAdmit(), "u32 slot, u32 child, u64 now");
  rule(id, "deliver", node.getDeliver(), "u32 slot, u64 now");
  const char *walk = "u32 slot, u32 child, u64 rank, u64 now";
  rule(id, "left", node.getDequeue(), walk);
  rule(id, "evicted", node.getEvict(), walk);
  selection(id);
  backlogs(id);
}

void Printer::dispatch(const char *declaration, const char *name,
                       const char *values, const char *otherwise,
                       llvm::function_ref<bool(NodeOp)> has) {
  os << "\nPIFO_INLINE int pifo_" << name << "(u32 node, " << declaration
     << ") {\n  switch (node) {\n";
  for (auto [id, node] : llvm::enumerate(tree.nodes))
    if (has(node.op))
      os << "  case " << id << ":\n    return pifo_" << name << "_" << id << "("
         << values << ");\n";
  os << "  default:\n    return " << otherwise << ";\n  }\n}\n";
}

void Printer::dispatches() {
  dispatch("u32 slot, u32 child, u64 now", "enter", "slot, child, now", "1",
           [](NodeOp) { return true; });
  dispatch("u32 slot, u32 child, u64 now", "admit", "slot, child, now", "1",
           [](NodeOp node) { return bool(node.getAdmit()); });
  dispatch("u32 slot, u64 now", "deliver", "slot, now", "1",
           [](NodeOp node) { return bool(node.getDeliver()); });
  const char *walk = "u32 slot, u32 child, u64 rank, u64 now";
  const char *values = "slot, child, rank, now";
  dispatch(walk, "left", values, "0",
           [](NodeOp node) { return bool(node.getDequeue()); });
  dispatch(walk, "evicted", values, "0",
           [](NodeOp node) { return bool(node.getEvict()); });
  dispatch("u32 slot, u32 child, u64 rank, u64 tie, u64 now", "select",
           "slot, child, rank, tie, now", "0",
           [](NodeOp node) { return bool(node.getSelect()); });
  dispatch("u32 slot, int sign", "add", "slot, sign", "0",
           [](NodeOp node) { return countsSomething(node); });
}

void Printer::unknown() {
  os << "\nPIFO_INLINE int pifo_is_unknown(u32 slot) {\n"
     << "  struct pifo_packet *packet = pifo_packet(slot);\n  (void)packet;\n"
     << "  int beyond = packet == 0;\n";
  for (FieldOp field : tree.op.getFields()) {
    unsigned bits = 8 * storageBytes(field.getWidth());
    if (field.getMaxValue() == (~uint64_t(0) >> (64 - bits)))
      continue;
    os << "  beyond |= packet->field_" << identifier(field.getSymName())
       << " > " << field.getMaxValue() << "ULL;\n";
  }
  os << "  return beyond;\n}\n";
}

/// Of the predicates of siblings exactly one holds.
void Printer::route(unsigned id, unsigned indent) {
  const Tree::Node &node = tree.nodes[id];
  if (node.children == 0) {
    os.indent(2 * indent) << "return " << id << ";\n";
    return;
  }
  for (unsigned i = 0; i + 1 < node.children; ++i) {
    unsigned child = node.firstChild + i;
    os.indent(2 * indent) << "{\n";
    StatementPrinter print(tree, child, os);
    print.indent = indent + 1;
    std::string takes =
        print.print(tree.nodes[child].op.getPredicate().getBody()).front();
    os.indent(2 * indent + 2) << "if (" << takes << ") {\n";
    route(child, indent + 2);
    os.indent(2 * indent + 2) << "}\n";
    os.indent(2 * indent) << "}\n";
  }
  route(node.firstChild + node.children - 1, indent);
}

void Printer::routes() {
  os << "\n/* The leaf that takes the packet. */\n"
     << "PIFO_FUNCTION u32 pifo_route(u32 slot) {\n"
     << "  struct pifo_packet *packet = pifo_packet(slot);\n  (void)packet;\n";
  route(0, 1);
  os << "}\n";
}

/// Backlogs of a scheduler that was emptied.
void Printer::forget() {
  std::string calls;
  for (const Tree::Node &node : tree.nodes)
    for (BacklogOp backlog : node.op.getBody().front().getOps<BacklogOp>()) {
      std::string name = tree.nameOf(backlog);
      uint64_t entries = tree.entries(backlog.getKeyAttr(), false, node.op);
      if (!backlog.getKeyAttr()) {
        calls += "  " + name + " = 0;\n";
        continue;
      }
      os << llvm::formatv(R"(static long {0}_forget(u64 entry, void *none) {{
  {0}[PIFO_WITHIN(entry, {1})] = 0;
  return 0;
}
)",
                          name, entries);
      calls += "  bpf_loop(" + std::to_string(entries) + ", " + name +
               "_forget, 0, 0);\n";
    }
  os << "PIFO_INLINE void pifo_forget(void) {\n" << calls << "}\n";
}

void Printer::fill() {
  for (FieldOp field : tree.op.getFields()) {
    std::string name = identifier(field.getSymName());
    os << "#ifndef PIFO_FIELD_" << name << "\n#error \"define PIFO_FIELD_"
       << name << "(skb, now, most): the field " << name
       << " of a packet, at most `most`\"\n#endif\n";
  }
  os << "\nPIFO_INLINE void pifo_fill(u32 slot, struct sk_buff *skb, u64 now) "
        "{\n  struct pifo_packet *packet = pifo_packet(slot);\n  "
        "(void)packet;\n"
        "  packet->handle = slot;\n";
  for (FieldOp field : tree.op.getFields()) {
    std::string name = identifier(field.getSymName());
    os << "  packet->field_" << name << " = PIFO_FIELD_" << name
       << "(skb, now, " << field.getMaxValue() << "ULL);\n";
  }
  os << "}\n\n";
  forget();
}

void Printer::print() {
  head();
  sizes();
  packet();
  os << "/* The tree, node by node: children follow one another. */\n";
  table("u32", "pifo_parent", [](auto &node) { return node.parent; });
  table("u32", "pifo_number", [](auto &node) { return node.number; });
  table("u32", "pifo_first_child", [](auto &node) { return node.firstChild; });
  table("u32", "pifo_children", [](auto &node) { return node.children; });
  table("u32", "pifo_waiters", [](auto &node) { return node.waiters; });
  table("u8", "pifo_kinds", [](auto &node) {
    return node.op.isLate() ? 1 : node.op.getEligible() ? 2 : 0;
  });
  table("u8", "pifo_is_serial",
        [](auto &node) { return node.op.getRule() == RankRule::Wrap; });
  os << containers
     << "\n/* ---- States and tables, and the programs of nodes. */\n\n";
  arrays();
  for (unsigned id = 0; id < tree.nodes.size(); ++id)
    nodeFunctions(id);
  dispatches();
  unknown();
  routes();
  os << walks << calls << qdisc << "\n";
  fill();
  os << operations;
}

LogicalResult pifo::printBpf(SchedulerOp scheduler, raw_ostream &os) {
  Tree tree(scheduler);
  std::string why = refusalOf(tree);
  if (!why.empty())
    return emitError(scheduler.getLoc(), "'")
           << scheduler.getSymName()
           << "' is no queueing discipline in BPF: " << why;
  Printer(tree, os).print();
  return success();
}

void pifo::registerBpfTranslation(void (*dialects)(DialectRegistry &)) {
  static TranslateFromMLIRRegistration bpf(
      "pifo-to-bpf", "print a scheduler as a queueing discipline in BPF",
      [](Operation *op, raw_ostream &os) -> LogicalResult {
        auto module = dyn_cast<ModuleOp>(op);
        if (!module || !llvm::hasSingleElement(module.getOps<SchedulerOp>()))
          return op->emitError("does not have exactly one pifo.scheduler, "
                               "which would be the queueing discipline");
        return printBpf(*module.getOps<SchedulerOp>().begin(), os);
      },
      dialects);
}
