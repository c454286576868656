//===- Loops.cpp - Loop and Scan ------------------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both are a graph that is run once for each step, with states that a step
// hands to the next, and pieces that it adds to results. They become `scf.for`,
// or `scf.while` where a step says whether there is another one. States keep
// their sizes; where they grow and the steps are few and counted at import,
// there is no loop but one copy of the graph for each step.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "Regions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <functional>
#include <limits>

namespace mlir::nm::onnx {

namespace {

/// Where the pieces of the steps lie in a result.
struct Stack {
  int64_t axis = 0;
  bool isReversed = false;
};

/// What Loop and Scan have in common.
struct Steps {
  const pb::Graph *body = nullptr;
  /// How many steps there are at most; null where nothing bounds them.
  OpFoldResult most;
  /// Whether there is a first one (i1); null if there is.
  Value begins;
  /// Whether the first output of the body says if there is another step.
  bool asks = false;
  /// Before the first step.
  SmallVector<Val> states;
  /// Which input of the body the first state is.
  size_t firstState = 0;
  /// The inputs of the body in a step, from its number and the states.
  std::function<SmallVector<Val>(OpFoldResult, ArrayRef<Val>)> inputs;
  std::vector<Stack> stacks;
};

class StepsBuilder {
public:
  StepsBuilder(NodeEmit &n, Steps &steps)
      : n(n), s(steps), body(*steps.body), firstOutput(steps.asks), before(n) {}

  LogicalResult run() {
    size_t outputs = firstOutput + s.states.size() + s.stacks.size();
    if (body.outputs.size() != outputs)
      return n.fail("its body has " + Twine(body.outputs.size()) +
                    " outputs, expected " + Twine(outputs));
    std::map<std::string_view, std::string_view> sameAs;
    for (const pb::Node &node : body.nodes)
      if (node.opType == "Identity" && node.inputs.size() == 1 &&
          node.outputs.size() == 1)
        sameAs[node.outputs[0]] = node.inputs[0];
    for (size_t i = 0; i < s.states.size(); ++i) {
      std::string_view name = body.outputs[firstOutput + i].name;
      for (size_t k = 0; k < sameAs.size() && sameAs.count(name); ++k)
        name = sameAs[name];
      // What is passed on unchanged is what it was before.
      if (name != body.inputs[s.firstState + i].name)
        carried.push_back(i);
    }
    auto arithmetic = n.memo->arithmetic;
    LogicalResult done = importBody();
    // What was computed in a step is not there outside of it.
    n.memo->arithmetic = std::move(arithmetic);
    if (failed(done))
      return failure();
    std::optional<int64_t> count =
        s.most ? Emit::constant(s.most) : std::nullopt;
    if (count == 0)
      return makeNone();
    std::optional<size_t> other = firstOfOtherShape();
    if (!other)
      return asksForMore() ? makeWhile() : makeFor();
    if (count && *count <= mostCopies && !s.begins && !asksForMore())
      return makeCopies(*count);
    return n.fail(
        "the state '" + Twine(body.inputs[s.firstState + *other].name) +
        "' has the shape " + shapeText(s.states[*other]) + " before and " +
        shapeText(results[firstOutput + *other]) +
        " after a step, expected one shape where more than " +
        Twine(mostCopies) +
        " steps are taken, or as many as only the call knows; give it its "
        "full size before the loop, or let the loop stack what it adds");
  }

private:
  /// A graph is copied for each step at most so often.
  static constexpr int64_t mostCopies = 64;

  /// A step, in `region`, whose block takes the number and the states.
  LogicalResult importBody() {
    Block &block = region.emplaceBlock();
    Value number = block.addArgument(n.b.getIndexType(), n.loc);
    SmallVector<Val> now = s.states;
    for (size_t i : carried) {
      initial.push_back(fitted(n, s.states[i], s.states[i].shape));
      now[i] = n.make(block.addArgument(initial.back().getType(), n.loc),
                      s.states[i].type, s.states[i].shape);
    }
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&block);
    FailureOr<SmallVector<Val>> made =
        importGraph(n, body, s.inputs(number, now));
    if (failed(made))
      return failure();
    results = std::move(*made);
    if (s.asks && (results[0].type != Bool || !isOneElement(results[0])))
      return n.fail("the condition '" + Twine(body.outputs[0].name) +
                    "' is of " + elementTypeName(results[0].type) + " " +
                    shapeText(results[0]) + ", expected one of bool");
    for (size_t i : carried)
      if (int32_t type = results[firstOutput + i].type;
          type != s.states[i].type)
        return n.fail("the state '" +
                      Twine(body.inputs[s.firstState + i].name) + "' is of " +
                      elementTypeName(s.states[i].type) + " before and " +
                      elementTypeName(type) + " after a step");
    return success();
  }

  /// Whether a step says if there is another one, other than always or never.
  bool asksForMore() const { return s.asks && !results[0].ints(); }

  std::optional<size_t> firstOfOtherShape() const {
    for (size_t i : carried) {
      const Val &old = s.states[i], &after = results[firstOutput + i];
      bool differs = old.rank() != after.rank();
      for (int64_t d = 0; !differs && d < old.rank(); ++d) {
        auto left = Emit::constant(old.shape[d]),
             right = Emit::constant(after.shape[d]);
        differs = left && right && *left != *right;
      }
      if (differs)
        return i;
    }
    return std::nullopt;
  }

  /// Room for the pieces of `rows` steps.
  LogicalResult makeRoom(OpFoldResult rows) {
    for (auto [k, stack] : llvm::enumerate(s.stacks)) {
      Val &piece = results[firstOutput + s.states.size() + k];
      FailureOr<int64_t> axis = n.axis(stack.axis, piece.rank() + 1);
      if (failed(axis))
        return failure();
      stack.axis = *axis;
      Dims shape;
      for (OpFoldResult size : piece.shape) {
        std::optional<OpFoldResult> own = before(region, size);
        if (!own)
          return n.fail(
              "the pieces '" +
              Twine(body.outputs[firstOutput + s.states.size() + k].name) +
              "' of its result have the shape " + shapeText(piece) +
              ", of which a size is known only in a step; expected one for "
              "all steps");
        shape.push_back(*own);
      }
      shape.insert(shape.begin() + stack.axis, rows);
      initial.push_back(n.empty(shape, n.elementType(piece.type)));
      stacked.push_back(n.make({}, piece.type, shape));
    }
    return success();
  }

  /// The states and pieces after a step.
  SmallVector<Value> next(OpFoldResult rows) {
    Block &block = region.front();
    OpFoldResult number = block.getArgument(0);
    OpFoldResult last = n.sub(rows ? rows : n.size(0), n.size(1));
    auto arithmetic = n.memo->arithmetic;
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&block);
    SmallVector<Value> values;
    for (size_t i : carried) {
      Val &after = results[firstOutput + i];
      const Dims &shape = s.states[i].shape;
      for (auto [d, size] : llvm::enumerate(after.shape))
        (void)n.require(size, shape[d],
                        "dimension " + Twine(d) + " of '" +
                            Twine(body.outputs[firstOutput + i].name) + "'");
      values.push_back(fitted(n, after, shape));
    }
    for (auto [k, stack] : llvm::enumerate(s.stacks)) {
      Val &piece = results[firstOutput + s.states.size() + k];
      Value room =
          block.addArgument(initial[carried.size() + k].getType(), n.loc);
      Dims sizes = stacked[k].shape;
      sizes[stack.axis] = n.size(1);
      SmallVector<OpFoldResult> offsets(sizes.size(), n.size(0)),
          ones(sizes.size(), n.size(1));
      offsets[stack.axis] = stack.isReversed ? n.sub(last, number) : number;
      Dims own = sizes;
      own.erase(own.begin() + stack.axis);
      Val fit = n.make(fitted(n, piece, own), piece.type, own);
      Val row = n.reshape(fit, sizes);
      values.push_back(tensor::InsertSliceOp::create(
          n.b, n.loc, n.tensor(row), room, offsets, sizes, ones));
    }
    n.memo->arithmetic = std::move(arithmetic);
    return values;
  }

  /// The outputs of the node from what the loop leaves.
  LogicalResult finish(ValueRange left) {
    for (auto [i, state] : llvm::enumerate(s.states))
      (void)n.set(state, i);
    for (auto [place, i] : llvm::enumerate(carried))
      (void)n.set(n.make(left[place], s.states[i].type, s.states[i].shape), i);
    for (auto [k, value] : llvm::enumerate(stacked)) {
      value.tensor = left[carried.size() + k];
      (void)n.set(value, s.states.size() + k);
    }
    return success();
  }

  LogicalResult makeFor() {
    OpFoldResult rows = s.most;
    if (s.asks && results[0].ints()->front() == 0)
      rows = rows ? n.compute(Emit::Arith::Min, rows, n.size(1)) : n.size(1);
    if (!rows)
      return n.fail("it has no trip count, and the condition stays true: it "
                    "never ends");
    if (s.begins)
      rows = arith::SelectOp::create(n.b, n.loc, s.begins, n.index(rows),
                                     n.indexConstant(0))
                 .getResult();
    if (failed(makeRoom(rows)))
      return failure();
    if (initial.empty())
      return finish({});
    SmallVector<Value> values = next(rows);
    auto loop = scf::ForOp::create(n.b, n.loc, n.indexConstant(0),
                                   n.index(rows), n.indexConstant(1), initial);
    loop.getRegion().takeBody(region);
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(n.b, n.loc, values);
    return finish(loop.getResults());
  }

  /// Carries the number of the step, states, pieces, and whether there is
  /// another step.
  LogicalResult makeWhile() {
    // As a bound some exporters write the largest number there is.
    constexpr int64_t mostRows = std::numeric_limits<int32_t>::max();
    bool isBounded = s.most && Emit::constant(s.most).value_or(0) < mostRows;
    if (!s.stacks.empty() && !isBounded)
      return n.fail("it stacks pieces of its steps, but how many there are is "
                    "bounded by no trip count; expected one below 2147483647 "
                    "where a condition ends the loop");
    if (failed(makeRoom(isBounded ? s.most : n.size(0))))
      return failure();
    SmallVector<Value> values = next(isBounded ? s.most : OpFoldResult());
    Value yes = n.integer(n.b.getI1Type(), 1);
    initial.insert(initial.begin(), n.indexConstant(0));
    initial.push_back(s.begins ? s.begins : yes);
    region.front().addArgument(n.b.getI1Type(), n.loc);
    auto loop = scf::WhileOp::create(n.b, n.loc, ValueRange(initial).getTypes(),
                                     initial);
    loop.getAfter().takeBody(region);
    OpBuilder::InsertionGuard guard(n.b);
    SmallVector<Location> places(initial.size(), n.loc);
    Block *test = n.b.createBlock(&loop.getBefore(), {},
                                  ValueRange(initial).getTypes(), places);
    Value more = test->getArguments().back();
    if (s.most)
      more = arith::AndIOp::create(
          n.b, n.loc, more,
          arith::CmpIOp::create(n.b, n.loc, arith::CmpIPredicate::slt,
                                test->getArgument(0), n.index(s.most)));
    scf::ConditionOp::create(n.b, n.loc, more, test->getArguments());
    Block &block = loop.getAfter().front();
    n.b.setInsertionPointToEnd(&block);
    values.insert(values.begin(),
                  arith::AddIOp::create(n.b, n.loc, block.getArgument(0),
                                        n.indexConstant(1)));
    values.push_back(n.scalar(results[0]));
    scf::YieldOp::create(n.b, n.loc, values);
    n.b.setInsertionPointAfter(loop);
    (void)finish(loop.getResults().slice(1, initial.size() - 2));
    for (auto [k, value] : llvm::enumerate(stacked))
      (void)n.set(
          n.sliceAxis(value, s.stacks[k].axis, n.size(0), loop.getResult(0)),
          s.states.size() + k);
    return success();
  }

  /// A copy of the graph for each of `count` steps.
  LogicalResult makeCopies(int64_t count) {
    SmallVector<Val> states = s.states;
    std::vector<SmallVector<Val>> pieces(s.stacks.size());
    if (s.asks && results[0].ints()->front() == 0)
      count = std::min<int64_t>(count, 1);
    for (int64_t step = 0; step < count; ++step) {
      FailureOr<SmallVector<Val>> made =
          importGraph(n, body, s.inputs(n.size(step), states));
      if (failed(made))
        return failure();
      for (size_t i = 0; i < states.size(); ++i)
        states[i] = (*made)[firstOutput + i];
      for (size_t k = 0; k < pieces.size(); ++k)
        pieces[k].push_back((*made)[firstOutput + states.size() + k]);
    }
    for (auto [i, state] : llvm::enumerate(states))
      (void)n.set(state, i);
    for (auto [k, rows] : llvm::enumerate(pieces)) {
      FailureOr<Val> all = stackPieces(k, rows);
      if (failed(all))
        return failure();
      (void)n.set(*all, states.size() + k);
    }
    return success();
  }

  LogicalResult makeNone() {
    return failed(makeRoom(n.size(0))) ? failure() : finish(initial);
  }

  FailureOr<Val> stackPieces(size_t k, MutableArrayRef<Val> rows) {
    Val first = rows[0];
    FailureOr<int64_t> axis = n.axis(s.stacks[k].axis, first.rank() + 1);
    if (failed(axis))
      return failure();
    SmallVector<Val *> all;
    for (Val &row : rows) {
      bool fits = row.rank() == first.rank() && row.type == first.type;
      for (int64_t d = 0; fits && d < row.rank(); ++d)
        fits = n.require(row.shape[d], first.shape[d],
                         "a piece of a result of a loop");
      if (!fits)
        return n.fail(
            "the pieces '" +
            Twine(body.outputs[firstOutput + s.states.size() + k].name) +
            "' of its result have the shapes " + shapeText(first) + " and " +
            shapeText(row) + ", expected one for all steps");
      Dims shape = first.shape;
      shape.insert(shape.begin() + *axis, n.size(1));
      row = n.reshape(row, shape);
      all.push_back(&row);
    }
    if (s.stacks[k].isReversed)
      std::reverse(all.begin(), all.end());
    return n.concat(all, *axis);
  }

  NodeEmit &n;
  Steps &s;
  const pb::Graph &body;
  size_t firstOutput;
  /// States that steps change.
  SmallVector<size_t> carried;
  /// What a loop starts with: carried states, room for pieces.
  SmallVector<Value> initial;
  Region region;
  /// What the body computes in a step.
  SmallVector<Val> results;
  SmallVector<Val> stacked;
  Hoist before;
};

/// The body, with as many inputs as the node gives it.
LogicalResult readBody(NodeEmit &n, Steps &s, size_t inputs) {
  const pb::Attribute *body = n.attribute("body");
  if (!body || !body->g)
    return n.fail("has no body");
  s.body = body->g.get();
  if (s.body->inputs.size() != inputs)
    return n.fail("its body has " + Twine(s.body->inputs.size()) +
                  " inputs, expected " + Twine(inputs));
  return success();
}

LogicalResult readStates(NodeEmit &n, Steps &s, size_t first, size_t end) {
  for (size_t i = first; i < end; ++i) {
    if (!n.has(i))
      return n.fail("has no input " + Twine(i) + ", a state");
    s.states.push_back(*n.in(i));
  }
  return success();
}

LogicalResult loop(NodeEmit &n) {
  Steps s;
  s.asks = true;
  s.firstState = 2;
  size_t count = std::max<size_t>(n.inputs.size(), 2);
  if (failed(readBody(n, s, count)) || failed(readStates(n, s, 2, count)))
    return failure();
  if (n.has(0)) {
    FailureOr<OpFoldResult> trips =
        n.only(n.sizes(0, "trip count"), "its trip count");
    if (failed(trips))
      return failure();
    s.most = n.compute(Emit::Arith::Max, *trips, n.size(0));
  }
  if (n.has(1)) {
    Val &condition = *n.in(1);
    if (condition.type != Bool)
      return n.fail("its condition is of " + elementTypeName(condition.type) +
                    ", expected bool");
    if (!condition.ints() && !n.isKnownNow(condition)) {
      s.begins = n.scalar(condition);
    } else {
      FailureOr<int64_t> known =
          n.only(n.constantInts(1, "condition"), "its condition");
      if (failed(known))
        return failure();
      if (!*known)
        s.most = n.size(0);
    }
  }
  size_t known = 1 + s.states.size();
  if (s.body->outputs.size() < known)
    return n.fail("its body has " + Twine(s.body->outputs.size()) +
                  " outputs, expected at least " + Twine(known));
  s.stacks.resize(s.body->outputs.size() - known);
  s.inputs = [&](OpFoldResult step, ArrayRef<Val> states) {
    auto one = [&](size_t i, int32_t type, OpFoldResult content) {
      const pb::ValueInfo &input = s.body->inputs[i];
      Dims shape;
      if (input.hasShape && input.shape.size() == 1)
        shape.push_back(n.size(1));
      return n.known(type, shape, content);
    };
    SmallVector<Val> inputs{one(0, Int64, step), one(1, Bool, n.size(1))};
    llvm::append_range(inputs, states);
    return inputs;
  };
  return StepsBuilder(n, s).run();
}

/// An axis or a direction for each of `count` operands or results.
FailureOr<SmallVector<int64_t>> forEach(NodeEmit &n, StringRef name,
                                        size_t count) {
  std::optional<SmallVector<int64_t>> given = n.intsAttribute(name);
  if (!given)
    return SmallVector<int64_t>(count, 0);
  if (given->size() != count)
    return n.fail(name + " has " + Twine(given->size()) +
                  " numbers, expected " + Twine(count));
  return *given;
}

LogicalResult scan(NodeEmit &n) {
  if (n.opset < 9)
    return n.fail("Scan of operator set 8 runs over batches of sequences with "
                  "lengths, which nm has no loop for; export with operator "
                  "set 9 or newer");
  int64_t pieces = n.intOr("num_scan_inputs", 0);
  size_t count = n.inputs.size();
  if (pieces < 1 || static_cast<size_t>(pieces) > count)
    return n.fail("num_scan_inputs is " + Twine(pieces) + ", expected 1 to " +
                  Twine(count));
  size_t states = count - static_cast<size_t>(pieces);
  Steps s;
  if (failed(n.needs(count)) || failed(readBody(n, s, count)) ||
      failed(readStates(n, s, 0, states)))
    return failure();
  if (s.body->outputs.size() < states)
    return n.fail("its body has " + Twine(s.body->outputs.size()) +
                  " outputs, expected at least " + Twine(states));
  s.stacks.resize(s.body->outputs.size() - states);
  auto axes = forEach(n, "scan_input_axes", pieces),
       backward = forEach(n, "scan_input_directions", pieces),
       outAxes = forEach(n, "scan_output_axes", s.stacks.size()),
       outBackward = forEach(n, "scan_output_directions", s.stacks.size());
  if (failed(axes) || failed(backward) || failed(outAxes) ||
      failed(outBackward))
    return failure();
  for (auto [k, stack] : llvm::enumerate(s.stacks))
    stack = {(*outAxes)[k], (*outBackward)[k] != 0};
  for (int64_t k = 0; k < pieces; ++k) {
    Val &input = *n.in(states + k);
    FailureOr<int64_t> axis = n.axis((*axes)[k], input.rank());
    if (failed(axis))
      return failure();
    (*axes)[k] = *axis;
    // Made before the loop, not in it.
    (void)n.tensor(input);
    OpFoldResult steps = input.shape[*axis];
    if (k == 0)
      s.most = steps;
    else if (!n.require(steps, s.most, "an input of a Scan"))
      return n.fail("inputs " + Twine(states) + " and " + Twine(states + k) +
                    " have " + Twine(*Emit::constant(s.most)) + " and " +
                    Twine(*Emit::constant(steps)) + " steps, expected as many");
  }
  OpFoldResult last = n.sub(s.most, n.size(1));
  s.inputs = [&, last](OpFoldResult step, ArrayRef<Val> now) {
    SmallVector<Val> inputs(now);
    for (int64_t k = 0; k < pieces; ++k) {
      Val &input = *n.in(states + k);
      int64_t axis = (*axes)[k];
      OpFoldResult place = (*backward)[k] ? n.sub(last, step) : step;
      Val row = n.sliceAxis(input, axis, place, n.size(1));
      Dims shape = input.shape;
      shape.erase(shape.begin() + axis);
      inputs.push_back(n.reshape(row, shape));
    }
    return inputs;
  };
  return StepsBuilder(n, s).run();
}

} // namespace

void addLoops(OperatorTable &t) {
  t.family("loops");
  t.add("Loop", loop, 1,
        "sequences; states that grow, but for at most 64 steps known at "
        "import");
  t.add("Scan", scan, 8, "operator set 8; states that grow, as of Loop");
}

} // namespace mlir::nm::onnx
