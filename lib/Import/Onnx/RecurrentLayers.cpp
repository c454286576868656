//===- RecurrentLayers.cpp - LSTM, GRU and RNN -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a layer takes from its input is one product for all steps and both
// directions, before the loop; the loop over the steps has the product of the
// states, of both directions in one. With W [D, G H, I], R [D, G H, H], biases
// Wb and Rb, gates in ONNX's order, f, g, h the activations:
//
//   RNN   H <- f(x W^T + H R^T + Wb + Rb)
//   GRU   z, r = f(..),  n = g(x Wn^T + (r H) Rn^T + Rbn + Wbn), or, with
//         linear_before_reset, n = g(x Wn^T + r (H Rn^T + Rbn) + Wbn)
//         H <- (1 - z) n + z H
//   LSTM  i, f = f(.. + P C),  C <- f C + i g(..),  o = f(.. + Po C)
//         H <- o h(C)
//
//===----------------------------------------------------------------------===//

#include "Node.h"
#include "Scalars.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

using utils::IteratorType;

/// A function of one element with the numbers of its node.
struct Activation {
  using Apply = Value (*)(Scalar &, Value, double alpha, double beta);
  StringRef name;
  Apply apply;
  /// Nothing for what it does not take.
  std::optional<double> alpha, beta;
};

const Activation activations[] = {
    {"Affine",
     [](Scalar &s, Value x, double alpha, double beta) {
       return s.add(s.mul(x, s.number(x, alpha)), s.number(x, beta));
     },
     1, 0},
    {"Elu",
     [](Scalar &s, Value x, double alpha, double) { return s.elu(x, alpha); },
     1,
     {}},
    {"HardSigmoid",
     [](Scalar &s, Value x, double alpha, double beta) {
       return s.hardSigmoid(x, alpha, beta);
     },
     0.2f, 0.5},
    {"LeakyRelu",
     [](Scalar &s, Value x, double alpha, double) {
       return s.leakyRelu(x, alpha);
     },
     0.01f,
     {}},
    {"Relu",
     [](Scalar &s, Value x, double, double) { return s.relu(x); },
     {},
     {}},
    {"ScaledTanh",
     [](Scalar &s, Value x, double alpha, double beta) {
       return s.mul(s.number(x, alpha), s.tanh(s.mul(x, s.number(x, beta))));
     },
     1, 1},
    {"Sigmoid",
     [](Scalar &s, Value x, double, double) { return s.sigmoid(x); },
     {},
     {}},
    {"Softplus",
     [](Scalar &s, Value x, double, double) { return s.softplus(x); },
     {},
     {}},
    {"Softsign",
     [](Scalar &s, Value x, double, double) { return s.softsign(x); },
     {},
     {}},
    {"Tanh",
     [](Scalar &s, Value x, double, double) { return s.tanh(x); },
     {},
     {}},
    {"ThresholdedRelu",
     [](Scalar &s, Value x, double alpha, double) {
       return s.thresholdedRelu(x, alpha);
     },
     1,
     {}},
};

struct Layer;
/// Changes the states of one direction by a step. `place` is where the step's
/// row lies in the input, `product` [B, rows] is of the hidden state.
using Cell = void (*)(Emit &, Layer &, int64_t direction, Value place,
                      Val &product, Val &states);

/// A kind of layer: its gates, states, default activations and cell.
struct CellKind {
  int64_t gates;
  size_t states;
  SmallVector<StringRef, 3> activations;
  Cell cell;
};

struct Layer {
  int64_t gates = 0, hidden = 0, directions = 1;
  bool batchFirst = false, linearBeforeReset = false, couplesForget = false;
  int32_t type = Undefined, wide = Undefined;
  OpFoldResult steps, batch;
  SmallVector<bool> reversed;
  /// Those of each direction behind one another.
  SmallVector<Activation> functions;
  std::optional<double> clip;
  Val input; ///< [T, B, D, G H], or [B, T, ..]: products and biases
  Val state; ///< [D rows, H]: what the states are multiplied by in every cell
  /// Of a GRU that resets before: [D, H, H]; and else, with biases, [D, H].
  std::optional<Val> reset, resetBias;
  std::optional<Val> peepholes; ///< [D, 3 H]: input, output, forget
  std::optional<Val> lengths;   ///< [B, 1]

  size_t functionsOfEach() const { return functions.size() / directions; }

  /// An activation of a direction, of an element that is clipped before.
  Value activate(Scalar &s, int64_t direction, size_t which, Value x) {
    const Activation &f = functions[direction * functionsOfEach() + which];
    if (clip)
      x = s.min(s.max(x, s.number(x, -*clip), false), s.number(x, *clip),
                false);
    return f.apply(s, x, f.alpha.value_or(0), f.beta.value_or(0));
  }

  /// Whether a step is one of the sequence of an element's row.
  static Value isInSequence(OpBuilder &b, Location loc, Value place,
                            Value length) {
    Value end = arith::IndexCastOp::create(b, loc, b.getIndexType(), length);
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, place, end);
  }

  /// The states are one tensor, [states D and maybe one more, B, H], hidden
  /// ones first: a part of what a loop carries keeps its memory.
  Val stateOf(Emit &e, Val &states, int64_t direction, int64_t which) {
    Val piece = e.sliceAxis(states, 0, e.size(which * directions + direction),
                            e.size(1));
    return e.reshape(piece, {batch, e.size(hidden)});
  }
  void putState(Emit &e, Val &states, int64_t direction, int64_t which,
                Val &state) {
    Dims sizes{e.size(1), batch, e.size(hidden)};
    SmallVector<OpFoldResult> offsets(3, e.size(0)), ones(3, e.size(1));
    offsets[0] = e.size(which * directions + direction);
    Val piece = e.reshape(state, sizes);
    states = e.make(tensor::InsertSliceOp::create(e.b, e.loc, e.tensor(piece),
                                                  e.tensor(states), offsets,
                                                  sizes, ones),
                    wide, states.shape);
  }

  /// A state after a step; of a sequence that is shorter it stays. `body` takes
  /// an element of each operand, then the state's.
  void change(Emit &e, Val &states, int64_t direction, int64_t which,
              Value place, SmallVector<Val *> operands, ScalarFn body) {
    if (lengths)
      operands.push_back(&*lengths);
    Val before = stateOf(e, states, direction, which);
    Val after = e.update(
        before, operands, [&](OpBuilder &b, Location loc, ValueRange a) {
          if (!lengths)
            return body(b, loc, a);
          SmallVector<Value> own(a.drop_back(2));
          own.push_back(a.back());
          Value isIn = isInSequence(b, loc, place, a[a.size() - 2]);
          return Scalar(b, loc).select(isIn, body(b, loc, own), a.back());
        });
    putState(e, states, direction, which, after);
  }

  /// The input's part of a gate at one step: [B, H].
  Val gateOfInput(Emit &e, int64_t direction, Value place, int64_t gate) {
    SmallVector<OpFoldResult> offsets(4, e.size(0));
    Dims sizes(4, e.size(1));
    offsets[batchFirst] = place;
    sizes[!batchFirst] = batch;
    offsets[2] = e.size(direction);
    offsets[3] = e.size(gate * hidden);
    sizes[3] = e.size(hidden);
    Val piece = e.slice(input, offsets, sizes);
    return e.reshape(piece, {batch, e.size(hidden)});
  }

  /// The state's part of a gate, from the products of a direction, [B, rows].
  Val gateOfState(Emit &e, Val &product, int64_t gate) {
    return e.sliceAxis(product, 1, e.size(gate * hidden), e.size(hidden));
  }

  /// Row `which` of the peepholes: [H].
  Val peephole(Emit &e, int64_t direction, int64_t which) {
    Val piece = e.slice(*peepholes, {e.size(direction), e.size(which * hidden)},
                        {e.size(1), e.size(hidden)});
    return e.reshape(piece, e.size(hidden));
  }
};

/// One direction of [D, ..], without that dimension.
Val directionOf(Emit &e, Val &all, int64_t direction) {
  Val piece = e.sliceAxis(all, 0, e.size(direction), e.size(1));
  return e.reshape(piece, ArrayRef<OpFoldResult>(all.shape).drop_front());
}

/// The body of a sum of two operands.
Value sumOf(OpBuilder &b, Location loc, ValueRange operands) {
  return Scalar(b, loc).add(operands[0], operands[1]);
}

/// Rows, [M, K], times a weight, [N, K], transposed.
Val times(Emit &e, Layer &l, Val &rows, Val &weight) {
  Val x = e.castTo(rows, l.type);
  AffineExpr i, j, k;
  bindDims(e.b.getContext(), i, j, k);
  auto map = [&](AffineExpr a, AffineExpr c) {
    return AffineMap::get(3, 0, {a, c}, e.b.getContext());
  };
  Dims shape{x.shape[0], weight.shape[0]};
  Value product = e.contract(
      {e.tensor(x), e.tensor(weight)}, {map(i, k), map(j, k), map(i, j)},
      {IteratorType::parallel, IteratorType::parallel, IteratorType::reduction},
      shape, e.elementType(l.wide));
  return e.make(product, l.wide, shape);
}

void rnnCell(Emit &e, Layer &l, int64_t direction, Value place, Val &product,
             Val &states) {
  Val x = l.gateOfInput(e, direction, place, 0);
  l.change(e, states, direction, 0, place, {&x, &product},
           [&](OpBuilder &b, Location loc, ValueRange a) {
             Scalar s(b, loc);
             return l.activate(s, direction, 0, s.add(a[0], a[1]));
           });
}

void gruCell(Emit &e, Layer &l, int64_t direction, Value place, Val &product,
             Val &states) {
  Val state = l.stateOf(e, states, direction, 0);
  Dims shape = state.shape;
  Val xz = l.gateOfInput(e, direction, place, 0),
      xr = l.gateOfInput(e, direction, place, 1),
      xn = l.gateOfInput(e, direction, place, 2);
  Val hz = l.gateOfState(e, product, 0), hr = l.gateOfState(e, product, 1);
  auto gate = [&](Scalar &s, Value x, Value h) {
    return l.activate(s, direction, 0, s.add(x, h));
  };
  Val candidate; // its argument
  if (l.linearBeforeReset) {
    Val hn = l.gateOfState(e, product, 2);
    SmallVector<Val *> operands{&xn, &xr, &hr, &hn};
    Val bias;
    if (l.resetBias) {
      bias = directionOf(e, *l.resetBias, direction);
      operands.push_back(&bias);
    }
    candidate = e.elementwise(
        operands, l.wide, shape, [&](OpBuilder &b, Location loc, ValueRange a) {
          Scalar s(b, loc);
          Value inner = a.size() > 4 ? s.add(a[3], a[4]) : a[3];
          return s.add(a[0], s.mul(gate(s, a[1], a[2]), inner));
        });
  } else {
    Val kept = e.elementwise({&xr, &hr, &state}, l.wide, shape,
                             [&](OpBuilder &b, Location loc, ValueRange a) {
                               Scalar s(b, loc);
                               return s.mul(gate(s, a[0], a[1]), a[2]);
                             });
    Val weight = directionOf(e, *l.reset, direction);
    Val hn = times(e, l, kept, weight);
    candidate = e.binary(xn, hn, sumOf);
  }
  l.change(e, states, direction, 0, place, {&xz, &hz, &candidate},
           [&](OpBuilder &b, Location loc, ValueRange a) {
             Scalar s(b, loc);
             Value z = gate(s, a[0], a[1]);
             Value n = l.activate(s, direction, 1, a[2]);
             Value rest = s.sub(s.number(z, 1), z);
             return s.add(s.mul(rest, n), s.mul(z, a[3]));
           });
}

void lstmCell(Emit &e, Layer &l, int64_t direction, Value place, Val &product,
              Val &states) {
  constexpr int64_t input = 0, output = 1, forget = 2, cell = 3;
  SmallVector<Val> parts;
  for (int64_t gate : {input, forget, cell, output}) {
    parts.push_back(l.gateOfInput(e, direction, place, gate));
    parts.push_back(l.gateOfState(e, product, gate));
  }
  SmallVector<Val *> operands;
  for (Val &part : MutableArrayRef(parts).take_front(6))
    operands.push_back(&part);
  Val peepInput, peepForget, peepOutput;
  if (l.peepholes) {
    peepInput = l.peephole(e, direction, 0);
    peepForget = l.peephole(e, direction, 2);
    peepOutput = l.peephole(e, direction, 1);
    operands.append({&peepInput, &peepForget});
  }
  auto gate = [&](Scalar &s, Value x, Value h, Value c, Value weight) {
    Value sum = s.add(x, h);
    if (weight)
      sum = s.add(sum, s.mul(weight, c));
    return l.activate(s, direction, 0, sum);
  };
  l.change(e, states, direction, 1, place, operands,
           [&](OpBuilder &b, Location loc, ValueRange a) {
             Scalar s(b, loc);
             Value old = a.back();
             bool peeps = a.size() > 7;
             Value i = gate(s, a[0], a[1], old, peeps ? a[6] : Value());
             Value f = l.couplesForget
                           ? s.sub(s.number(i, 1), i)
                           : gate(s, a[2], a[3], old, peeps ? a[7] : Value());
             Value c = l.activate(s, direction, 1, s.add(a[4], a[5]));
             return s.add(s.mul(f, old), s.mul(i, c));
           });
  Val memory = l.stateOf(e, states, direction, 1);
  operands = {&memory, &parts[6], &parts[7]};
  if (l.peepholes)
    operands.push_back(&peepOutput);
  l.change(e, states, direction, 0, place, operands,
           [&](OpBuilder &b, Location loc, ValueRange a) {
             Scalar s(b, loc);
             Value o = gate(s, a[1], a[2], a[0], a.size() > 4 ? a[3] : Value());
             return s.mul(o, l.activate(s, direction, 2, a[0]));
           });
}

/// A row of the result: 0 beyond the end of a sequence.
Val rowOfResult(Emit &e, Layer &l, Value place, Val &state) {
  if (!l.lengths)
    return state;
  return e.elementwise({&state, &*l.lengths}, l.wide, state.shape,
                       [&](OpBuilder &b, Location loc, ValueRange a) {
                         Scalar s(b, loc);
                         return s.select(
                             Layer::isInSequence(b, loc, place, a[1]), a[0],
                             s.number(a[0], 0));
                       });
}

FailureOr<Activation> findActivation(NodeEmit &n, StringRef name) {
  std::string known;
  for (const Activation &one : activations) {
    if (one.name.equals_insensitive(name))
      return one;
    known += (known.empty() ? "" : ", ") + one.name.str();
  }
  return n.fail("activation '" + name + "' is unknown, expected one of " +
                known);
}

/// By the attributes, or those of the kind for each direction.
LogicalResult readActivations(NodeEmit &n, const CellKind &kind, Layer &layer) {
  SmallVector<StringRef> names;
  if (const pb::Attribute *given = n.attribute("activations"))
    for (std::string_view name : given->strings)
      names.push_back(StringRef(name.data(), name.size()));
  size_t count = kind.activations.size() * layer.directions;
  if (names.empty())
    for (int64_t d = 0; d < layer.directions; ++d)
      llvm::append_range(names, kind.activations);
  if (names.size() != count)
    return n.fail("has " + Twine(names.size()) + " activations, expected " +
                  Twine(count));
  // One after the other, those that take a number take the next one.
  auto numbers = [&](StringRef name) {
    const pb::Attribute *given = n.attribute(name);
    return given ? ArrayRef<float>(given->floats) : ArrayRef<float>();
  };
  ArrayRef<float> alphas = numbers("activation_alpha"),
                  betas = numbers("activation_beta");
  auto take = [](std::optional<double> &number, ArrayRef<float> &list) {
    if (!number || list.empty())
      return;
    number = list.front();
    list = list.drop_front();
  };
  for (StringRef name : names) {
    FailureOr<Activation> found = findActivation(n, name);
    if (failed(found))
      return failure();
    take(found->alpha, alphas);
    take(found->beta, betas);
    layer.functions.push_back(*found);
  }
  return success();
}

LogicalResult readAttributes(NodeEmit &n, const CellKind &kind, Layer &layer) {
  layer.gates = kind.gates;
  StringRef direction = n.stringOr("direction", "forward");
  if (direction == "bidirectional")
    layer.reversed = {false, true};
  else if (direction == "forward" || direction == "reverse")
    layer.reversed = {direction == "reverse"};
  else
    return n.fail("direction is '" + direction +
                  "', expected forward, reverse or bidirectional");
  layer.directions = static_cast<int64_t>(layer.reversed.size());
  int64_t layout = n.intOr("layout", 0);
  if (layout != 0 && layout != 1)
    return n.fail("layout is " + Twine(layout) + ", expected 0 or 1");
  layer.batchFirst = layout == 1;
  layer.linearBeforeReset = n.intOr("linear_before_reset", 0) != 0;
  layer.couplesForget = n.intOr("input_forget", 0) != 0;
  layer.clip = n.floatAttribute("clip");
  if (layer.clip && !(*layer.clip >= 0))
    return n.fail("clip is " + Twine(std::to_string(*layer.clip)) +
                  ", expected 0 or more");
  return readActivations(n, kind, layer);
}

/// That an operand is of these sizes and, if it holds floats, of the type of
/// the input.
LogicalResult checkOperand(NodeEmit &n, Layer &layer, size_t i, StringRef name,
                           ArrayRef<OpFoldResult> shape,
                           int32_t type = Undefined) {
  if (!n.has(i))
    return success();
  Val &x = *n.in(i);
  type = type == Undefined ? layer.type : type;
  if (x.type != type)
    return n.fail(name + " holds " + elementTypeName(x.type) + ", expected " +
                  elementTypeName(type));
  if (x.rank() != static_cast<int64_t>(shape.size()))
    return n.fail(name + " has rank " + Twine(x.rank()) + ", expected " +
                  Twine(shape.size()));
  for (auto [d, size] : llvm::enumerate(shape))
    if (!n.require(x.shape[d], size, "dimension " + Twine(d) + " of " + name))
      return n.fail("dimension " + Twine(d) + " of " + name + " is " +
                    Twine(*Emit::constant(x.shape[d])) + ", expected " +
                    Twine(*Emit::constant(size)));
  return success();
}

LogicalResult readOperands(NodeEmit &n, const CellKind &kind, Layer &l) {
  Val &x = *n.in(0), &r = *n.in(2);
  l.type = x.type;
  l.wide = computedType(x.type);
  if (x.rank() != 3 || r.rank() != 3)
    return n.fail("X has rank " + Twine(x.rank()) + " and R rank " +
                  Twine(r.rank()) + ", expected 3");
  std::optional<int64_t> hidden = Emit::constant(r.shape[2]);
  if (!hidden)
    return n.fail("the hidden size, dimension 2 of R, is known only when the "
                  "model runs; expected a constant");
  l.hidden = *hidden;
  if (n.intOr("hidden_size", l.hidden) != l.hidden)
    return n.fail("hidden_size is " + Twine(n.intOr("hidden_size", 0)) +
                  ", but dimension 2 of R is " + Twine(l.hidden));
  l.steps = x.shape[l.batchFirst];
  l.batch = x.shape[!l.batchFirst];
  OpFoldResult d = n.size(l.directions), rows = n.size(l.gates * l.hidden),
               h = n.size(l.hidden);
  Dims state = l.batchFirst ? Dims{l.batch, d, h} : Dims{d, l.batch, h};
  if (failed(checkOperand(n, l, 1, "W", {d, rows, x.shape[2]})) ||
      failed(checkOperand(n, l, 2, "R", {d, rows, h})) ||
      failed(checkOperand(n, l, 3, "B", {d, n.mul(n.size(2), rows)})) ||
      failed(checkOperand(n, l, 4, "sequence_lens", {l.batch}, Int32)) ||
      failed(checkOperand(n, l, 5, "initial_h", state)))
    return failure();
  if (kind.states > 1 &&
      (failed(checkOperand(n, l, 6, "initial_c", state)) ||
       failed(checkOperand(n, l, 7, "P", {d, n.mul(n.size(3), h)}))))
    return failure();
  return success();
}

/// The biases that are added to the input's products: [D, G H].
Val biasOfInput(NodeEmit &n, Layer &l) {
  Val all = n.castTo(*n.in(3), l.wide);
  int64_t rows = l.gates * l.hidden;
  Val own = n.sliceAxis(all, 1, n.size(0), n.size(rows));
  Val others = n.sliceAxis(all, 1, n.size(rows), n.size(rows));
  if (!l.linearBeforeReset)
    return n.binary(own, others, sumOf);
  // The last gate's stays with the product that is reset.
  int64_t before = rows - l.hidden;
  OpFoldResult first = n.size(before), rest = n.size(l.hidden);
  l.resetBias = n.sliceAxis(others, 1, first, rest);
  Val ownFirst = n.sliceAxis(own, 1, n.size(0), first),
      othersFirst = n.sliceAxis(others, 1, n.size(0), first),
      ownRest = n.sliceAxis(own, 1, first, rest);
  Val sum = n.binary(ownFirst, othersFirst, sumOf);
  return n.concat({&sum, &ownRest}, 1);
}

/// Products of all steps with W, and what else the loop reads.
void prepare(NodeEmit &n, const CellKind &kind, Layer &l) {
  Val &x = *n.in(0), &w = *n.in(1);
  OpFoldResult all = n.size(l.directions * l.gates * l.hidden);
  OpFoldResult places = n.mul(x.shape[0], x.shape[1]);
  Val rows = n.reshape(x, {places, x.shape[2]});
  Val matrix = n.reshape(w, {all, w.shape[2]});
  Val product = times(n, l, rows, matrix);
  if (n.has(3)) {
    Val bias = biasOfInput(n, l);
    Val flat = n.reshape(bias, all);
    product = n.binary(product, flat, sumOf);
  }
  l.input = n.reshape(product, {x.shape[0], x.shape[1], n.size(l.directions),
                                n.size(l.gates * l.hidden)});
  Val state = *n.in(2);
  if (kind.cell == gruCell && !l.linearBeforeReset) {
    int64_t before = (l.gates - 1) * l.hidden;
    l.reset = n.sliceAxis(state, 1, n.size(before), n.size(l.hidden));
    state = n.sliceAxis(state, 1, n.size(0), n.size(before));
  }
  l.state = n.reshape(
      state, {n.mul(n.size(l.directions), state.shape[1]), n.size(l.hidden)});
  if (n.has(4))
    l.lengths = n.reshape(*n.in(4), {l.batch, n.size(1)});
  if (kind.states > 1 && n.has(7))
    l.peepholes = n.castTo(*n.in(7), l.wide);
  // Made before the loop, not in it.
  for (Val *one : {&l.input, &l.state})
    (void)n.tensor(*one);
  for (std::optional<Val> *one :
       {&l.reset, &l.resetBias, &l.lengths, &l.peepholes})
    if (*one)
      (void)n.tensor(**one);
}

/// The states before the first step.
Val initialStates(NodeEmit &n, const CellKind &kind, Layer &l) {
  auto count = static_cast<int64_t>(kind.states) * l.directions;
  Dims shape{n.size(std::max<int64_t>(count, 2)), l.batch, n.size(l.hidden)};
  Value zero = n.number(n.elementType(l.wide), 0);
  Val states = n.make(n.filled(shape, zero), l.wide, shape);
  for (int64_t d = 0; d < l.directions; ++d)
    for (size_t k = 0; k < kind.states; ++k) {
      if (!n.has(5 + k))
        continue;
      Val piece = n.sliceAxis(*n.in(5 + k), l.batchFirst, n.size(d), n.size(1));
      Val own = n.castTo(piece, l.wide);
      l.putState(n, states, d, k, own);
    }
  return states;
}

/// Changes the states of all directions by a step; `all` is the tensor of
/// hidden states of all steps, or null, into which those of the step go.
Value step(Emit &e, const CellKind &kind, Layer &l, Value number, Val &states,
           Value all) {
  // Of two directions half of the products are used: with few sequences what
  // takes the time is to read the weight, once.
  OpFoldResult directions = e.size(l.directions);
  OpFoldResult rows = e.size(*Emit::constant(l.state.shape[0]) / l.directions);
  Val hidden = e.sliceAxis(states, 0, e.size(0), directions);
  hidden = e.reshape(hidden, {e.mul(directions, l.batch), e.size(l.hidden)});
  Val products = times(e, l, hidden, l.state);
  for (int64_t d = 0; d < l.directions; ++d) {
    Value place = number;
    if (l.reversed[d]) {
      Value last = arith::SubIOp::create(e.b, e.loc, e.index(l.steps),
                                         e.indexConstant(1));
      place = arith::SubIOp::create(e.b, e.loc, last, number);
    }
    Val product =
        e.slice(products, {e.mul(e.size(d), l.batch), e.mul(e.size(d), rows)},
                {l.batch, rows});
    kind.cell(e, l, d, place, product, states);
    if (!all)
      continue;
    Val state = l.stateOf(e, states, d, 0);
    Val row = rowOfResult(e, l, place, state);
    SmallVector<OpFoldResult> offsets(4, e.size(0)), ones(4, e.size(1));
    Dims sizes(4, e.size(1));
    offsets[l.batchFirst] = place;
    sizes[l.batchFirst ? 0 : 2] = l.batch;
    offsets[l.batchFirst ? 2 : 1] = e.size(d);
    sizes[3] = e.size(l.hidden);
    Val piece = e.reshape(row, sizes);
    all = tensor::InsertSliceOp::create(e.b, e.loc, e.tensor(piece), all,
                                        offsets, sizes, ones);
  }
  return all;
}

LogicalResult recurrentLayer(NodeEmit &n, const CellKind &kind) {
  Layer l;
  if (failed(n.needs(3)) || failed(readAttributes(n, kind, l)) ||
      failed(readOperands(n, kind, l)))
    return failure();
  prepare(n, kind, l);
  Val states = initialStates(n, kind, l);
  OpFoldResult directions = n.size(l.directions), h = n.size(l.hidden);
  Dims shape = l.batchFirst ? Dims{l.batch, l.steps, directions, h}
                            : Dims{l.steps, directions, l.batch, h};
  SmallVector<Value> carried{n.tensor(states)};
  if (n.wants(0))
    carried.push_back(n.empty(shape, n.elementType(l.wide)));
  auto loop = scf::ForOp::create(
      n.b, n.loc, n.indexConstant(0), n.index(l.steps), n.indexConstant(1),
      carried,
      [&](OpBuilder &b, Location loc, Value number, ValueRange values) {
        Emit e(b, loc);
        Val now = e.make(values[0], l.wide, states.shape);
        Value all =
            step(e, kind, l, number, now, n.wants(0) ? values[1] : Value());
        SmallVector<Value> next{e.tensor(now)};
        if (all)
          next.push_back(all);
        scf::YieldOp::create(b, loc, next);
      });
  if (n.wants(0)) {
    Val all = n.make(loop.getResults().back(), l.wide, shape);
    (void)n.set(n.castTo(all, l.type), 0);
  }
  Val last = n.make(loop.getResult(0), l.wide, states.shape);
  for (size_t k = 0; k < kind.states; ++k) {
    Val own = n.sliceAxis(last, 0, n.mul(n.size(k), directions), directions);
    Val turned = l.batchFirst ? n.transpose(own, {1, 0, 2}) : own;
    (void)n.set(n.castTo(turned, l.type), 1 + k);
  }
  return success();
}

LogicalResult rnn(NodeEmit &n) {
  return recurrentLayer(n, {1, 1, {"Tanh"}, rnnCell});
}
LogicalResult gru(NodeEmit &n) {
  return recurrentLayer(n, {3, 1, {"Sigmoid", "Tanh"}, gruCell});
}
LogicalResult lstm(NodeEmit &n) {
  return recurrentLayer(n, {4, 2, {"Sigmoid", "Tanh", "Tanh"}, lstmCell});
}

} // namespace

void addRecurrentLayers(OperatorTable &t) {
  t.family("loops");
  t.add("GRU", gru, 7);
  t.add("LSTM", lstm, 7);
  t.add("RNN", rnn, 7);
  for (StringRef name : {"GRU", "LSTM", "RNN"})
    t.takes(name, {Elements::Float, Elements::Float, Elements::Float});
}

} // namespace mlir::nm::onnx
