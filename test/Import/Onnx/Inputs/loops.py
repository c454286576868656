# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loop and Scan against NumPy: random ones, and forms by hand.

usage: loops.py FOLDER [REGEX]
"""

import numpy

from loopgraphs import Body, Drawer, evaluate
from oneop import main

F = numpy.float32


def written(attributes):
    return {k: {"graph": v.proto()} if isinstance(v, Body) else v for k, v in attributes.items()}


def case(op, inputs, attributes, count, constant=(), around=None):
    """`around` are names of operands that the body reads from the graph around it."""
    inputs = [None if x is None else numpy.asarray(x) for x in inputs]
    names = {f"in{i}": x for i, x in enumerate(inputs)} if around else {}
    results = evaluate(op, inputs, attributes, names)
    assert len(results) == count
    return op, inputs, written(attributes), results, 17, constant


def random_case(seed):
    drawer = Drawer(seed)
    op, inputs, attributes, count = drawer.draw()
    constant = [i for i, x in enumerate(inputs) if x is not None and drawer.chance(0.4)]
    return case(op, inputs, attributes, count, constant)


def body(states, pieces=(), build=None):
    """A step of a Loop; `build` gives names of condition, states and pieces."""
    made = Body("b")
    step, go = made.input("int64", ()), made.input("bool", ())
    names = [made.input(d, s) for d, s in states]
    outputs = build(made, step, go, *names)
    made.outputs = list(zip(outputs, ["bool"] + [d for d, _ in states + list(pieces)], [()] + [s for _, s in states + list(pieces)]))
    return made


def growing(trips, constant):
    """A state that each step makes longer, which also is a piece's operand."""
    def build(b, step, go, x):
        one = b.constant(numpy.ones((1, 2), F))
        return [b.add("Identity", [go]), b.add("Concat", [x, one], axis=0), b.add("ReduceSum", [x], keepdims=0)]

    made = body([("float32", (None, 2))], [("float32", ())], build)
    return case("Loop", [numpy.int64(trips), None, numpy.ones((1, 2), F)], {"body": made}, 2, constant)


def fibonacci():
    """Numbers until one is past 100, of int64, with no trip count."""
    def build(b, step, go, x, y):
        return [b.add("Less", [y, b.constant(numpy.int64(100))]), b.add("Identity", [y]), b.add("Add", [x, y])]

    made = body([("int64", ()), ("int64", ())], build=build)
    return case("Loop", [None, numpy.bool_(True), numpy.int64(1), numpy.int64(1)], {"body": made}, 2)


def around():
    """The body reads its state's first value from around it, and what it reads is no state."""
    def build(b, step, go, x, y):
        return [b.add("Identity", [go]), b.add("Add", [x, "in2"]), b.add("Max", [y, "in3"]), b.add("Mul", ["in3", x])]

    made = body([("float32", (3,)), ("float32", (3,))], [("float32", (3,))], build)
    return case("Loop", [numpy.int64(4), None, numpy.arange(3, dtype=F), numpy.ones(3, F)], {"body": made}, 3, around=True)


def largest():
    """The trip count of exporters that have none, and a condition."""
    def build(b, step, go, x):
        sum = b.add("ReduceSum", [x], keepdims=0)
        return [b.add("Less", [sum, b.constant(F(50))]), b.add("Add", [x, x])]

    made = body([("float32", (4,))], build=build)
    return case("Loop", [numpy.int64((1 << 63) - 1), numpy.bool_(True), numpy.ones(4, F)], {"body": made}, 1, (0, 1))


CASES = {f"random_{seed}": lambda seed=seed: random_case(seed) for seed in range(40)} | {
    "growing": lambda: growing(5, (0,)),
    "growing_not": lambda: growing(0, (0,)),
    "fibonacci": fibonacci,
    "around": around,
    "largest": largest,
}

if __name__ == "__main__":
    main(CASES)
