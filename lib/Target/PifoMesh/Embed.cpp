//===- Embed.cpp - pifo-embed: schedulers on other topologies -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// "Formal Abstractions for Packet Scheduling" (OOPSLA 2023), Theorem 5.10: a
// transit node between a node's image and a child's image pushes the reference
// with the rank that the node gives it. On a mesh nobody can give it: there the
// transit node computes the rank anew, with state of its own.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "nm/Model/PifoMesh/Topology.h"
#include "nm/Target/PifoMesh/PifoMesh.h"
#include <functional>
#include <optional>

namespace mlir::pifo {
#define GEN_PASS_DEF_EMBED
#include "nm/Target/PifoMesh/Passes.h.inc"
} // namespace mlir::pifo

using namespace mlir;
using namespace mlir::pifo;

namespace mesh = ::nm::mesh;

namespace {
class Embedder {
public:
  Embedder(SchedulerOp scheduler, const mesh::Embedding &embedding,
           ArrayRef<NodeOp> nodes, bool replicates)
      : scheduler(scheduler), embedding(embedding), nodes(nodes),
        builder(scheduler.getContext()), below(embedding.target.children()),
        sourceOf(embedding.target.size(), -1),
        used(embedding.target.size(), false), replicates(replicates) {
    for (unsigned node = 0; node < nodes.size(); ++node)
      sourceOf[embedding.image[node]] = static_cast<int>(node);
    for (unsigned t = embedding.target.size(); t-- > 0;) {
      if (sourceOf[t] >= 0)
        used[t] = true;
      if (used[t] && t > 0)
        used[embedding.target.parent[t]] = true;
    }
  }

  LogicalResult run() {
    for (unsigned node = 0; replicates && node < nodes.size(); ++node)
      if (moved(node) && failed(checkReplicable(nodes[node])))
        return failure();
    NodeOp root = nodes[0];
    builder.setInsertionPoint(root);
    place(0, 0, [](OpBuilder &) {});
    root.erase();
    return success();
  }

private:
  SchedulerOp scheduler;
  const mesh::Embedding &embedding;
  ArrayRef<NodeOp> nodes;
  OpBuilder builder;
  std::vector<std::vector<unsigned>> below;
  std::vector<int> sourceOf;
  std::vector<bool> used; ///< has an image at or below it
  /// Whether transit nodes compute the rank anew.
  bool replicates;
  unsigned transits = 0;

  SmallVector<unsigned> usedBelow(unsigned t) const {
    SmallVector<unsigned> list;
    for (unsigned child : below[t])
      if (used[child])
        list.push_back(child);
    return list;
  }

  /// The children of `node` are no longer its image's children in their order.
  bool moved(unsigned node) const {
    NodeOp op = nodes[node];
    SmallVector<NodeOp> children = op.getChildren();
    SmallVector<unsigned> there = usedBelow(embedding.image[node]);
    if (children.size() != there.size())
      return true;
    for (auto [child, t] : llvm::zip(children, there))
      if (sourceOf[t] < 0 || nodes[sourceOf[t]] != child)
        return true;
    return false;
  }

  /// Whether a copy of the scheduling transaction that sees only some of the
  /// elements yields the same ranks for them.
  LogicalResult checkReplicable(NodeOp node) {
    if (node.getRule() == RankRule::Window)
      return node.emitError("refuses ranks outside a window, which a transit "
                            "node that computes them anew does not know; "
                            "expected 'saturate' or 'wrap'");
    WalkResult result = node.getScheduling().walk([&](LoadOp load) {
      StateOp state = node.getState(load.getState());
      bool byEnqueue = false, byDequeue = false;
      node.getScheduling().walk([&](StoreOp store) {
        byEnqueue |= store.getState() == load.getState();
      });
      for (Operation *other :
           {node.getShaping().getOperation(), node.getDequeue().getOperation()})
        if (other)
          other->walk([&](StoreOp store) {
            byDequeue |= store.getState() == load.getState();
          });
      if (!byDequeue && (!byEnqueue || state.getByChild()))
        return WalkResult::advance();
      InFlightDiagnostic diagnostic = load.emitError();
      diagnostic
          << "the rank of '" << node.getSymName() << "' depends on state '@"
          << load.getState()
          << "', which elements of all its children change; a transit "
             "node that computes it anew sees only some of them, expected "
             "state by child that only the scheduling transaction writes, "
             "or an arity of at least "
          << node.getChildren().size();
      diagnostic.attachNote(state.getLoc()) << "the state is here";
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// The children of the owner of `t`, at or below it, in their new order.
  SmallVector<NodeOp> childrenBelow(unsigned t) const {
    SmallVector<NodeOp> list;
    for (unsigned child : usedBelow(t)) {
      if (sourceOf[child] >= 0)
        list.push_back(nodes[sourceOf[child]]);
      else
        llvm::append_range(list, childrenBelow(child));
    }
    return list;
  }

  /// The children of `owner` whose images lie at or below `t`.
  SmallVector<NodeOp> covered(NodeOp owner, unsigned t) const {
    SmallVector<NodeOp> list;
    for (NodeOp child : owner.getChildren())
      for (unsigned node = 0; node < nodes.size(); ++node)
        if (nodes[node] == child)
          for (int at = static_cast<int>(embedding.image[node]); at >= 0;
               at = embedding.target.parent[at])
            if (at == static_cast<int>(t))
              list.push_back(child);
    return list;
  }

  /// Copies the body of a predicate and returns what it yields.
  static Value inlinePredicate(OpBuilder &b, NodeOp child) {
    IRMapping map;
    Block &body = child.getPredicate().getBody().front();
    for (Operation &op : body.without_terminator())
      b.clone(op, map);
    return map.lookup(cast<YieldOp>(body.getTerminator()).getValue());
  }

  static Value anyOf(OpBuilder &b, Location loc, ArrayRef<NodeOp> children) {
    Value any;
    for (NodeOp child : children) {
      Value one = inlinePredicate(b, child);
      any = any ? arith::OrIOp::create(b, loc, any, one) : one;
    }
    return any;
  }

  using Predicate = std::function<void(OpBuilder &)>;

  /// Builds the node at `t`, an image or a transit node of `owner`.
  void place(unsigned t, unsigned owner, const Predicate &predicate) {
    bool isImage = sourceOf[t] >= 0;
    unsigned source = isImage ? sourceOf[t] : owner;
    NodeOp from = nodes[source];
    Location loc = from.getLoc();
    std::string name =
        isImage ? from.getSymName().str()
                : (from.getSymName() + "_via" + Twine(transits++)).str();
    auto node =
        NodeOp::create(builder, loc, name, from.getRank(), from.getRule(),
                       /*transit=*/false);
    if (isImage)
      node->setDiscardableAttrs(from->getDiscardableAttrDictionary());
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&node.getBody());
    predicate(builder);
    if (replicates)
      replicate(from, isImage, moved(source));
    else if (isImage)
      renumberChildren(from, childrenBelow(t));
    else
      node.setTransit(true);
    SmallVector<unsigned> there = usedBelow(t);
    for (auto [k, child] : llvm::enumerate(there)) {
      bool last = k + 1 == there.size();
      place(child, source, [&, child = child](OpBuilder &b) {
        auto op = PredicateOp::create(b, loc);
        OpBuilder::InsertionGuard inner(b);
        b.createBlock(&op.getBody());
        SmallVector<NodeOp> mine = covered(from, child);
        Value holds;
        // Below a transit node other packets do not come, but predicates are
        // total: the last child takes what the others do not.
        if (isImage || !last) {
          holds = anyOf(b, loc, mine);
        } else {
          SmallVector<NodeOp> others;
          for (unsigned other : ArrayRef(there).drop_back())
            llvm::append_range(others, covered(from, other));
          holds = arith::ConstantIntOp::create(b, loc, 1, 1);
          if (!others.empty())
            holds = arith::XOrIOp::create(b, loc, anyOf(b, loc, others), holds);
        }
        YieldOp::create(b, loc, holds);
      });
      builder.setInsertionPointToEnd(body);
    }
  }

  /// Copies what is in `from`, whose children are now `order`.
  void renumberChildren(NodeOp from, ArrayRef<NodeOp> order) {
    SmallVector<NodeOp> children = from.getChildren();
    SmallVector<APInt> numbers;
    for (NodeOp child : order)
      numbers.push_back(
          APInt(32, llvm::find(children, child) - children.begin()));
    bool sameOrder = ArrayRef<NodeOp>(children) == order, reads = false;
    from.walk(
        [&](ChildOp op) { reads |= op->getParentOfType<NodeOp>() == from; });
    if (reads && !sameOrder)
      createChildTable(from.getLoc(), nullptr, numbers);
    for (Operation &op : from.getBody().front()) {
      if (isa<NodeOp, PredicateOp>(op))
        continue;
      Operation *copy = builder.clone(op);
      if (sameOrder)
        continue;
      lookUpChildren(copy);
      auto table = dyn_cast<TableOp>(copy);
      if (!table || !table.isByChild())
        continue;
      auto values = cast<DenseIntElementsAttr>(table.getValues());
      auto old = llvm::to_vector(values.getValues<APInt>());
      SmallVector<APInt> sorted;
      for (const APInt &number : numbers)
        sorted.push_back(old[number.getZExtValue()]);
      table.setValuesAttr(DenseElementsAttr::get(values.getType(), sorted));
    }
  }

  void createChildTable(Location loc, FlatSymbolRefAttr key,
                        ArrayRef<APInt> numbers) {
    auto type =
        RankedTensorType::get({int64_t(numbers.size())}, builder.getI32Type());
    TableOp::create(builder, loc, kChildTable, key,
                    DenseElementsAttr::get(type, numbers));
  }

  /// Copies what is in `from` to its image or to a transit node that computes
  /// the rank anew.
  void replicate(NodeOp from, bool isImage, bool changed) {
    auto byField = fieldOfChildren(from);
    if (changed && byField) {
      SmallVector<APInt> numbers;
      for (unsigned child : byField->second)
        numbers.push_back(APInt(32, child));
      createChildTable(from.getLoc(),
                       FlatSymbolRefAttr::get(byField->first.getSymNameAttr()),
                       numbers);
    }
    for (Operation &op : from.getBody().front()) {
      if (isa<NodeOp, PredicateOp>(op))
        continue;
      if (!isImage && isa<ShapingOp, DequeueOp>(op))
        continue;
      auto state = dyn_cast<StateOp>(op);
      auto table = dyn_cast<TableOp>(op);
      bool byChild =
          (state && state.getByChild()) || (table && table.isByChild());
      if (changed && byField && byChild) {
        keyByField(op, byField->first, byField->second);
        continue;
      }
      if (changed && state && state.getByChild()) {
        splitState(state, from.getChildren().size());
        continue;
      }
      if (changed && table && table.isByChild())
        continue;
      Operation *copy = builder.clone(op);
      if (changed && isa<SchedulingOp, ShapingOp, DequeueOp>(copy))
        byField ? lookUpChildren(copy) : convertChildren(copy, from);
    }
  }

  static std::string part(StringRef name, size_t child) {
    return (name + "_of" + Twine(child)).str();
  }

  /// The field whose values tell the children apart, one each, and the child of
  /// every value. Then what was kept by child is kept by that field.
  std::optional<std::pair<FieldOp, SmallVector<unsigned>>>
  fieldOfChildren(NodeOp from) {
    FieldOp field;
    SmallVector<NodeOp> children = from.getChildren();
    SmallVector<unsigned> child(children.size());
    for (auto [number, node] : llvm::enumerate(children)) {
      Block &body = node.getPredicate().getBody().front();
      auto compare = cast<YieldOp>(body.getTerminator())
                         .getValue()
                         .getDefiningOp<arith::CmpIOp>();
      if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
        return std::nullopt;
      auto read = compare.getLhs().getDefiningOp<ReadFieldOp>();
      APInt value;
      if (!read || !matchPattern(compare.getRhs(), m_ConstantInt(&value)) ||
          value.uge(children.size()))
        return std::nullopt;
      FieldOp here = scheduler.getField(read.getField());
      if ((field && field != here) || here.getMaxValue() + 1 != children.size())
        return std::nullopt;
      field = here;
      child[value.getZExtValue()] = number;
    }
    return std::make_pair(field, child);
  }

  /// Copies state and tables by child as ones by field.
  void keyByField(Operation &op, FieldOp field, ArrayRef<unsigned> child) {
    auto key = FlatSymbolRefAttr::get(field.getSymNameAttr());
    Operation *copy = builder.clone(op);
    if (auto state = dyn_cast<StateOp>(copy)) {
      state.setKeyAttr(key);
      state.removeByChildAttr();
      return;
    }
    auto table = cast<TableOp>(copy);
    auto values = cast<DenseIntElementsAttr>(table.getValues());
    auto numbers = llvm::to_vector(values.getValues<APInt>());
    SmallVector<APInt> sorted;
    for (unsigned number : child)
      sorted.push_back(numbers[number]);
    table.setKeyAttr(key);
    table.setValuesAttr(DenseElementsAttr::get(values.getType(), sorted));
  }

  void lookUpChildren(Operation *transaction) {
    SmallVector<ChildOp> todo;
    transaction->walk([&](ChildOp op) { todo.push_back(op); });
    for (ChildOp op : todo) {
      OpBuilder b(op);
      Value number =
          LookupOp::create(b, op.getLoc(), op.getType(), kChildTable);
      op.replaceAllUsesWith(number);
      op.erase();
    }
  }
  static constexpr llvm::StringLiteral kChildTable = "child_of_embedded";

  /// State by child becomes one variable for each child of the original.
  void splitState(StateOp state, size_t children) {
    for (size_t child = 0; child < children; ++child) {
      auto copy = cast<StateOp>(builder.clone(*state));
      copy.setSymName(part(state.getSymName(), child));
      copy.removeByChildAttr();
    }
  }

  /// Which child an element came from is no longer a matter of the place: the
  /// predicates say it, in every transaction.
  void convertChildren(Operation *transaction, NodeOp from) {
    SmallVector<NodeOp> children = from.getChildren();
    SmallVector<Operation *> todo;
    transaction->walk([&](Operation *op) {
      if (isa<ChildOp>(op))
        todo.push_back(op);
      else if (auto lookup = dyn_cast<LookupOp>(op);
               lookup && from.getTable(lookup.getTable()).isByChild())
        todo.push_back(op);
      else if (auto load = dyn_cast<LoadOp>(op);
               load && from.getState(load.getState()).getByChild())
        todo.push_back(op);
      else if (auto store = dyn_cast<StoreOp>(op);
               store && from.getState(store.getState()).getByChild())
        todo.push_back(op);
    });
    if (todo.empty())
      return;
    Location loc = transaction->getLoc();
    OpBuilder b = OpBuilder::atBlockBegin(&transaction->getRegion(0).front());
    SmallVector<Value> is;
    for (NodeOp child : children)
      is.push_back(inlinePredicate(b, child));
    auto choose = [&](function_ref<Value(size_t)> of) {
      Value value = of(children.size() - 1);
      for (size_t i = children.size() - 1; i-- > 0;)
        value = arith::SelectOp::create(b, loc, is[i], of(i), value);
      return value;
    };
    for (Operation *op : todo) {
      b.setInsertionPoint(op);
      Value value;
      if (isa<ChildOp>(op)) {
        value = choose([&](size_t i) -> Value {
          return arith::ConstantIntOp::create(b, loc, i, 32);
        });
      } else if (auto lookup = dyn_cast<LookupOp>(op)) {
        TableOp table = from.getTable(lookup.getTable());
        auto numbers = llvm::to_vector(
            cast<DenseIntElementsAttr>(table.getValues()).getValues<APInt>());
        value = choose([&](size_t i) -> Value {
          return arith::ConstantOp::create(
              b, loc, b.getIntegerAttr(lookup.getType(), numbers[i]));
        });
      } else if (auto load = dyn_cast<LoadOp>(op)) {
        value = choose([&](size_t i) -> Value {
          return LoadOp::create(b, loc, load.getType(),
                                part(load.getState(), i));
        });
      } else {
        auto store = cast<StoreOp>(op);
        Type type = store.getValue().getType();
        for (size_t i = 0; i < children.size(); ++i) {
          std::string name = part(store.getState(), i);
          Value old = LoadOp::create(b, loc, type, name);
          Value next =
              choose([&](size_t j) { return j == i ? store.getValue() : old; });
          StoreOp::create(b, loc, next, name);
        }
      }
      if (value)
        op->getResult(0).replaceAllUsesWith(value);
      op->erase();
    }
  }
};

struct Embed : pifo::impl::EmbedBase<Embed> {
  using EmbedBase::EmbedBase;

  void runOnOperation() override {
    SchedulerOp scheduler = getOperation();
    if (scheduler.decidesLate() || scheduler.keepsFlowsInOrder()) {
      scheduler.emitError(
          "decides at dequeue (rule 'late', pifo.eligible, pifo.in_order), "
          "which no tree of "
          "plain PIFOs "
          "does: their ranks stand when packets come; expected rules that "
          "order packets on their way in");
      return signalPassFailure();
    }
    if (scheduler.dropsPackets()) {
      scheduler.emitError(
          "drops packets (push_out, pifo.admit or pifo.deliver), which an "
          "embedded tree does not; expected a scheduler that "
          "refuses packets when it is full");
      return signalPassFailure();
    }
    WalkResult hasTransit = scheduler.walk([&](NodeOp node) {
      if (!node.getTransit())
        return WalkResult::advance();
      node.emitError("is a transit node already, expected the scheduler before "
                     "it was embedded");
      return WalkResult::interrupt();
    });
    if (hasTransit.wasInterrupted())
      return signalPassFailure();
    SmallVector<NodeOp> nodes;
    mesh::Topology source;
    collect(scheduler.getRoot(), -1, nodes, source);
    mesh::Embedding embedding;
    if (shape.empty()) {
      if (arity < 2) {
        scheduler.emitError("arity is ")
            << unsigned(arity) << ", expected at least 2";
        return signalPassFailure();
      }
      embedding = mesh::embedIntoArity(source, arity);
    } else {
      auto target = mesh::parseTopology(shape);
      auto found = target ? mesh::embedInto(source, *target) : target.error();
      if (!found) {
        scheduler.emitError() << found.error().message;
        return signalPassFailure();
      }
      embedding = std::move(*found);
    }
    if (failed(Embedder(scheduler, embedding, nodes, forMesh).run()))
      signalPassFailure();
  }

  static void collect(NodeOp node, int parent, SmallVector<NodeOp> &nodes,
                      mesh::Topology &source) {
    unsigned number = nodes.size();
    nodes.push_back(node);
    if (parent >= 0)
      source.add(parent);
    for (NodeOp child : node.getChildren())
      collect(child, number, nodes, source);
  }
};
} // namespace
