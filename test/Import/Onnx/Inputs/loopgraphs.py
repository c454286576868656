# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random Loop, Scan and If, and what they compute, from the text of ONNX's Operators.md.

`Drawer(seed).draw()` gives operator, operands (None: left out), attributes and the number of results; `evaluate` runs
such a node in NumPy. Bodies read states, the number of the step, pieces of scanned operands and constants; states change
places, stay, or forget what they were; loops lie in one another, and branches in loops and in branches.
"""

import numpy

from onnxfile import graph, node, value

FUNCTIONS = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Max": numpy.maximum,
    "Tanh": numpy.tanh,
    "Neg": lambda a: -a,
    "Identity": lambda a: a,
    "MatMul": lambda a, b: a @ b,
    "Less": lambda a, b: a < b,
    "And": lambda a, b: a & b,
    "Where": lambda c, a, b: numpy.where(c, a, b),
    "Gather": lambda a, i: numpy.take(a, i, 0),
    "Constant": lambda value: value,
    "Cast": lambda a, to: a.astype({1: "float32", 7: "int64"}[to]),
    "ReduceSum": lambda a, keepdims: a.sum(dtype=a.dtype),
    "Concat": lambda *a, axis: numpy.concatenate(a, axis),
    "NonZero": lambda a: numpy.array(numpy.nonzero(a)),
    "Reshape": lambda a, s: a.reshape(s),
    "Slice": lambda a, begin, end, axes: a[tuple(slice(*(int(p[list(axes).index(d)]) for p in (begin, end)))
                                                 if d in axes else slice(None) for d in range(a.ndim))],
}


class Body:
    """A graph that is a step, as it is built: names with their types and shapes."""

    def __init__(self, prefix):
        self.prefix, self.nodes, self.inputs, self.outputs, self.count = prefix, [], [], [], 0

    def name(self):
        self.count += 1
        return f"{self.prefix}{self.count}"

    def input(self, dtype, shape):
        self.inputs.append((self.name(), dtype, tuple(shape)))
        return self.inputs[-1][0]

    def add(self, op, inputs, count=1, **attributes):
        outputs = [self.name() for _ in range(count)]
        self.nodes.append((op, inputs, outputs, attributes))
        return outputs[0] if count == 1 else outputs

    def constant(self, array):
        return self.add("Constant", [], value=numpy.asarray(array))

    def proto(self):
        nodes = []
        for op, inputs, outputs, attributes in self.nodes:
            attributes = {k: {"graph": v.proto()} if isinstance(v, Body) else v for k, v in attributes.items()}
            nodes.append(node(op, inputs, outputs, **attributes))
        # A name may be the output of two states: each needs one of its own.
        return graph(nodes, [value(*one) for one in self.inputs], [value(n, d, s) for n, d, s in self.outputs])

    def run(self, arguments, outer):
        names = {**outer, **{one[0]: x for one, x in zip(self.inputs, arguments)}}
        for op, inputs, outputs, attributes in self.nodes:
            made = evaluate(op, [names[i] if i else None for i in inputs], attributes, names, len(outputs))
            names.update(zip(outputs, made))
        return [names[n] for n, _, _ in self.outputs]


def evaluate(op, inputs, attributes, names=None, count=1):
    """The results of a node; `names` are the values around it."""
    names = names or {}
    if op == "Loop":
        return loop(inputs, attributes["body"], names)
    if op == "Scan":
        return scan(inputs, attributes, names)
    if op == "If":
        return attributes["then_branch" if inputs[0] else "else_branch"].run([], names)
    return [numpy.asarray(FUNCTIONS[op](*inputs, **attributes))]


def stack(pieces, shape, dtype, axis=0):
    return numpy.stack(pieces, axis) if pieces else numpy.zeros(shape[:axis] + (0,) + shape[axis:], dtype)


def loop(inputs, body, names):
    most, go, *states = inputs
    go = True if go is None else bool(go)
    pieces, step = [], 0
    while go and (most is None or step < int(most)):
        go, *rest = body.run([numpy.int64(step), numpy.bool_(True), *states], names)
        go = bool(go)
        states, step = rest[:len(states)], step + 1
        pieces.append(rest[len(states):])
    wanted = body.outputs[1 + len(states):]
    return states + [stack([p[k] for p in pieces], s, d) for k, (_, d, s) in enumerate(wanted)]


def scan(inputs, attributes, names):
    body, count = attributes["body"], attributes["num_scan_inputs"]
    states, scanned = inputs[:len(inputs) - count], inputs[len(inputs) - count:]
    axes, backward = attributes.get("scan_input_axes", [0] * count), attributes.get("scan_input_directions", [0] * count)
    steps, pieces = scanned[0].shape[axes[0]], []
    for step in range(steps):
        rows = [x.take(steps - 1 - step if b else step, a) for x, a, b in zip(scanned, axes, backward)]
        made = body.run([*states, *rows], names)
        states = made[:len(states)]
        pieces.append(made[len(states):])
    results = list(states)
    wanted = body.outputs[len(states):]
    for k, (_, dtype, shape) in enumerate(wanted):
        axis = attributes.get("scan_output_axes", [0] * len(wanted))[k]
        axis += len(shape) + 1 if axis < 0 else 0
        rows = [p[k] for p in pieces]
        if attributes.get("scan_output_directions", [0] * len(wanted))[k]:
            rows.reverse()
        results.append(stack(rows, shape, dtype, axis))
    return results


class Drawer:
    def __init__(self, seed):
        self.n = numpy.random.default_rng(seed)

    def chance(self, p):
        return self.n.random() < p

    def pick(self, things):
        return things[self.n.integers(len(things))]

    def floats(self, shape):
        return self.n.uniform(-1, 1, shape).astype("float32")

    def term(self, body, known, shape, depth):
        """A name of the shape: one that is there, or what a node makes of such."""
        have = [n for n, s in known if s == shape]
        kind = self.n.integers(9) if depth else 8
        if kind < 3:
            made = body.add(self.pick(["Add", "Sub", "Mul", "Max"]), [self.term(body, known, shape, depth - 1) for _ in range(2)])
        elif kind == 3:
            made = body.add(self.pick(["Tanh", "Neg", "Identity"]), [self.term(body, known, shape, depth - 1)])
        elif kind == 4 and len(shape) == 2:
            weight = body.constant(self.floats([shape[1], shape[1]]))
            made = body.add("MatMul", [self.term(body, known, shape, depth - 1), weight])
        elif kind == 5:
            table = body.constant(self.floats([9, *shape]))
            made = body.add("Gather", [table, body.step]) if body.step else table and self.term(body, known, shape, 0)
        elif kind == 6 and body.step:
            first = body.add("Less", [body.step, body.constant(numpy.int64(self.n.integers(4)))])
            made = body.add("Where", [first, *(self.term(body, known, shape, depth - 1) for _ in range(2))])
        elif kind == 7:
            made = self.choice(body, known, [shape], depth - 1)
        elif have and self.chance(0.8):
            return self.pick(have)
        else:
            return body.constant(self.floats(shape))
        known.append((made, shape))
        return made

    def condition(self, body, known):
        """A truth value that no compiler knows: by the number of the step, or by what a value sums up to."""
        if body.step and (not known or self.chance(0.4)):
            return body.add("Less", [body.step, body.constant(numpy.int64(self.n.integers(4)))])
        name = self.pick(known)[0] if known else body.constant(self.floats((2,)))
        return body.add("Less", [body.add("ReduceSum", [name], keepdims=0), body.constant(numpy.float32(self.n.uniform(-1, 1)))])

    def choice(self, body, known, shapes, depth):
        """A value of each shape from one of two branches, which see what is known around them."""
        branches = {}
        for name in ("then_branch", "else_branch"):
            inner = Body(f"{name[0]}{self.n.integers(1 << 30)}_")
            inner.step = body.step
            own = list(known)
            made = [self.term(inner, own, s, depth) for s in shapes]
            inner.outputs = [(inner.add("Identity", [n]), "float32", s) for n, s in zip(made, shapes)]
            branches[name] = inner
        return body.add("If", [self.condition(body, known)], len(shapes), **branches)

    def nested(self, body, known, shapes, depth):
        """A loop in the body, of states that are known there."""
        op, inputs, attributes, count = self.draw(depth - 1, shapes)
        names = []
        for x in inputs:
            if x is None:
                names.append("")
                continue
            have = [n for n, s in known if s == x.shape] if x.dtype == numpy.float32 else []
            names.append(self.pick(have) if have else body.constant(x))
        inner = attributes["body"]
        made = body.add(op, names, count, **attributes)
        states = len(inputs) - (2 if op == "Loop" else attributes["num_scan_inputs"])
        for name, one in list(zip(made if count > 1 else [made], inner.outputs[op == "Loop":]))[:states]:
            known.append((name, one[2]))

    def finish(self, body, known, states, stacks, depth, shapes):
        """The states after a step, and pieces."""
        if depth and self.chance(0.3):
            self.nested(body, known, shapes, depth)
        outputs = []
        for i, shape in enumerate(states):
            kind = self.n.integers(6)
            own = [n for n, s in known[:len(states)] if s == shape]
            if kind == 0:
                made = known[i][0]  # as it was
            elif kind == 1:
                made = self.pick(own)  # another one's
            else:
                made = self.term(body, known, shape, 3)
            outputs.append((made, "float32", shape))
        for _ in range(stacks):
            shape = self.pick(shapes)
            outputs.append((self.term(body, known, shape, 2), "float32", shape))
        # Each output is a value of its own, as checkers of graphs want it.
        body.outputs += [(body.add("Identity", [n]), d, s) for n, d, s in outputs]

    def draw(self, depth=1, shapes=None):
        shapes = shapes or [tuple(int(k) for k in self.n.integers(1, 6, self.n.integers(3))) for _ in range(2)]
        states = [self.pick(shapes) for _ in range(self.n.integers(0, 4))]
        stacks = int(self.n.integers(0 if states else 1, 3))
        body = Body(f"{'abcd'[depth]}{self.n.integers(1 << 30)}_")
        make = self.loop if self.chance(0.6) else self.scan
        op, inputs, attributes = make(body, states, stacks, depth, shapes)
        return op, inputs, {"body": body, **attributes}, len(states) + stacks

    def loop(self, body, states, stacks, depth, shapes):
        body.step, go = body.input("int64", ()), body.input("bool", ())
        known = [(body.input("float32", s), s) for s in states]
        most, kind = numpy.int64(self.n.integers(0, 7)), self.pick(["always", "yes", "ask", "ask"])
        before = list(known)
        self.finish(body, known, states, stacks, depth, shapes)
        if kind == "always":
            more = body.add("Identity", [go])
        elif kind == "yes":
            more = body.constant(numpy.bool_(True))
        else:
            more = body.add("Less", [body.step, body.constant(numpy.int64(self.n.integers(5)))])
            if before and self.chance(0.5):
                sum = body.add("ReduceSum", [self.pick(before)[0]], keepdims=0)
                near = body.add("Less", [sum, body.constant(numpy.float32(self.n.uniform(-3, 6)))])
                more = body.add("And", [more, near])
        body.outputs.insert(0, (more, "bool", ()))
        if kind == "ask" and not stacks and self.chance(0.5):
            most = None
        start = self.pick([None, numpy.bool_(True), numpy.bool_(True), numpy.bool_(False)])
        return "Loop", [most, start, *(self.floats(s) for s in states)], {}

    def scan(self, body, states, stacks, depth, shapes):
        body.step = None
        known = [(body.input("float32", s), s) for s in states]
        count, steps = int(self.n.integers(1, 3)), int(self.n.integers(1, 6))
        inputs, axes, backward = [], [], []
        for _ in range(count):
            shape = self.pick(shapes)
            known.append((body.input("float32", shape), shape))
            axis = int(self.n.integers(0, len(shape) + 1))
            inputs.append(self.floats(shape[:axis] + (steps,) + shape[axis:]))
            axes.append(axis)
            backward.append(int(self.chance(0.3)))
        self.finish(body, known, states, stacks, depth, shapes)
        attributes = {"num_scan_inputs": count}
        if any(axes) or self.chance(0.3):
            attributes["scan_input_axes"] = axes
        if any(backward):
            attributes["scan_input_directions"] = backward
        if stacks and self.chance(0.5):
            ranks = [len(s) + 1 for _, _, s in body.outputs[len(states):]]
            attributes["scan_output_axes"] = [int(self.n.integers(-r, r)) for r in ranks]
            attributes["scan_output_directions"] = [int(self.chance(0.4)) for _ in ranks]
        return "Scan", [*(self.floats(s) for s in states), *inputs], attributes
