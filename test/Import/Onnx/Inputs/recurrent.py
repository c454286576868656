# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""LSTM, GRU and RNN against NumPy, from the text of ONNX's Operators.md: one sequence after the other, step by step.

usage: recurrent.py FOLDER [REGEX]
"""

import numpy

from oneop import main

SOURCE = numpy.random.default_rng(31)
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
FUNCTIONS = {  # name: numbers it takes by default, function of x and these
    "Affine": ((1.0, 0.0), lambda x, a, b: a * x + b),
    "Elu": ((1.0,), lambda x, a: numpy.where(x >= 0, x, a * (numpy.exp(x) - 1))),
    "HardSigmoid": ((0.2, 0.5), lambda x, a, b: numpy.clip(a * x + b, 0, 1)),
    "LeakyRelu": ((0.01,), lambda x, a: numpy.where(x >= 0, x, a * x)),
    "Relu": ((), lambda x: numpy.maximum(x, 0)),
    "ScaledTanh": ((1.0, 1.0), lambda x, a, b: a * numpy.tanh(b * x)),
    "Sigmoid": ((), lambda x: 1 / (1 + numpy.exp(-x))),
    "Softplus": ((), lambda x: numpy.log1p(numpy.exp(x))),
    "Softsign": ((), lambda x: x / (1 + numpy.abs(x))),
    "Tanh": ((), numpy.tanh),
    "ThresholdedRelu": ((1.0,), lambda x, a: numpy.where(x > a, x, 0)),
}


def functions(op, directions, names, alphas, betas, clip):
    """The activations of each direction; alphas and betas go to those that take them, in order."""
    alphas, betas, made = list(alphas), list(betas), []
    for name in names or DEFAULTS[op] * directions:
        numbers, function = FUNCTIONS[{f.lower(): f for f in FUNCTIONS}[name.lower()]]
        numbers = list(numbers)
        if numbers and alphas:
            numbers[0] = alphas.pop(0)
        if len(numbers) > 1 and betas:
            numbers[1] = betas.pop(0)

        def call(x, function=function, numbers=tuple(numbers)):
            return function(x if clip is None else numpy.clip(x, -clip, clip), *numbers)

        made.append(call)
    each = len(made) // directions
    return [made[d * each:(d + 1) * each] for d in range(directions)]


def cell(op, f, x, h, c, w, r, b, p, before, coupled):
    """The states of one sequence after one element of it."""
    n = h.size
    wb, rb = b[:w.shape[0]], b[w.shape[0]:]

    def gate(k, state, weight=0.0, at=0.0):
        rows = slice(k * n, (k + 1) * n)
        return w[rows] @ x + r[rows] @ state + wb[rows] + rb[rows] + weight * at

    if op == "RNN":
        return f[0](gate(0, h)), c
    if op == "GRU":
        z, reset, rows = f[0](gate(0, h)), f[0](gate(1, h)), slice(2 * n, 3 * n)
        if before:
            candidate = f[1](w[rows] @ x + reset * (r[rows] @ h + rb[rows]) + wb[rows])
        else:
            candidate = f[1](gate(2, reset * h))
        return (1 - z) * candidate + z * h, c
    pi, po, pf = p.reshape(3, n)
    i = f[0](gate(0, h, pi, c))
    forget = 1 - i if coupled else f[0](gate(2, h, pf, c))
    c = forget * c + i * f[1](gate(3, h))
    o = f[0](gate(1, h, po, c))
    return o * f[2](c), c


def expected(op, x, w, r, b, lengths, h0, c0, p, direction, f, before, coupled):
    steps, batch, _ = x.shape
    directions, n = w.shape[0], r.shape[2]
    y, last_h, last_c = numpy.zeros((steps, directions, batch, n)), h0.copy(), c0.copy()
    for d in range(directions):
        backward = direction == "reverse" or d == 1
        for s in range(batch):
            h, c = h0[d, s], c0[d, s]
            order = range(lengths[s])
            for t in reversed(order) if backward else order:
                h, c = cell(op, f[d], x[t, s], h, c, w[d], r[d], b[d], p[d], before, coupled)
                y[t, d, s] = h
            last_h[d, s], last_c[d, s] = h, c
    return y, last_h, last_c


def case(op, direction="forward", steps=5, batch=3, width=4, n=6, bias=True, lengths=None, initial=True, peepholes=False,
         layout=0, results=None, dtype=numpy.float32, constant=(1, 2), **attributes):
    d, g = 2 if direction == "bidirectional" else 1, GATES[op]
    results = results or ("Y", "Y_h", "Y_c")[:3 if op == "LSTM" else 2]

    def draw(*shape, scale=0.6):
        return (SOURCE.standard_normal(shape) * scale).astype(dtype)

    x, w, r = draw(steps, batch, width, scale=1), draw(d, g * n, width), draw(d, g * n, n)
    b = draw(d, 2 * g * n) if bias else None
    h0 = draw(d, batch, n) if initial else None
    c0 = draw(d, batch, n) if initial and op == "LSTM" else None
    p = draw(d, 3 * n) if peepholes else None
    f = functions(op, d, attributes.get("activations"), attributes.get("activation_alpha", ()),
                  attributes.get("activation_beta", ()), attributes.get("clip"))

    def wide(array, shape):
        return numpy.zeros(shape) if array is None else array.astype(float)

    y, h, c = expected(op, *(a.astype(float) for a in (x, w, r)), wide(b, (d, 2 * g * n)),
                       [steps] * batch if lengths is None else lengths, wide(h0, (d, batch, n)), wide(c0, (d, batch, n)),
                       wide(p, (d, 3 * n)), direction, f, attributes.get("linear_before_reset", 0), attributes.get("input_forget", 0))
    if layout:
        x, h0, c0, h, c = (None if a is None else a.swapaxes(0, 1).copy() for a in (x, h0, c0, h, c))
        y = y.transpose(2, 0, 1, 3)
        attributes["layout"] = 1
    inputs = [x, w, r, b, None if lengths is None else numpy.array(lengths, numpy.int32), h0, c0, p]
    while inputs[-1] is None:
        inputs.pop()
    outputs = [a.astype(dtype) if name in results else None for name, a in zip(("Y", "Y_h", "Y_c"), (y, h, c))]
    while outputs[-1] is None:
        outputs.pop()
    if direction != "forward":
        attributes["direction"] = direction
    constant = [i for i in constant if i < len(inputs) and inputs[i] is not None]
    return op, inputs, {"hidden_size": n, **attributes}, outputs, 14, constant


CASES = {}
for OP in GATES:
    for DIRECTION in ("forward", "reverse", "bidirectional"):
        for KEYS in ({"lengths": (5, 2, 0)}, {"layout": 1, "lengths": (1, 5, 3)}, {"batch": 1, "n": 5, "bias": False, "initial": False},
                     {"constant": (), "clip": 0.4}, {"n": 32, "width": 33, "steps": 3, "constant": (1, 2, 3)}):
            NAME = "_".join([OP.lower(), DIRECTION, *(f"{k}{v}" for k, v in KEYS.items())])
            NAME = "".join(c for c in NAME if c.isalnum() or c == "_")
            CASES[NAME] = lambda op=OP, direction=DIRECTION, keys=KEYS: case(op, direction, **keys)
for NAME in FUNCTIONS:
    CASES[f"rnn_{NAME.lower()}"] = lambda name=NAME: case("RNN", steps=3, activations=[name.upper()])
CASES |= {
    "rnn_numbers": lambda: case("RNN", "bidirectional", activations=["Elu", "HardSigmoid"], activation_alpha=[0.7, 0.3],
                                activation_beta=[0.4]),
    "gru_functions": lambda: case("GRU", "bidirectional", activations=["HardSigmoid", "Relu", "Sigmoid", "LeakyRelu"],
                                  activation_alpha=[0.25, 0.2], activation_beta=[0.45]),
    "lstm_functions": lambda: case("LSTM", activations=["HardSigmoid", "Softsign", "ScaledTanh"],
                                   activation_alpha=[0.3, 1.7], activation_beta=[0.5, 0.6]),
    "gru_before": lambda: case("GRU", linear_before_reset=1),
    "gru_before_bidirectional": lambda: case("GRU", "bidirectional", linear_before_reset=1, lengths=(4, 5, 1), clip=0.8),
    "gru_before_plain": lambda: case("GRU", "reverse", linear_before_reset=1, bias=False, batch=1),
    "lstm_peepholes": lambda: case("LSTM", peepholes=True),
    "lstm_peepholes_bidirectional": lambda: case("LSTM", "bidirectional", peepholes=True, lengths=(5, 3, 2), layout=1),
    "lstm_coupled": lambda: case("LSTM", input_forget=1, peepholes=True),
    "lstm_only_last": lambda: case("LSTM", "bidirectional", results=("Y_h", "Y_c")),
    "lstm_only_cell": lambda: case("LSTM", results=("Y_c",)),
    "lstm_only_all": lambda: case("LSTM", results=("Y",)),
    "gru_only_last": lambda: case("GRU", results=("Y_h",), layout=1),
    "lstm_no_steps": lambda: case("LSTM", steps=0),
    "rnn_one_step": lambda: case("RNN", steps=1, batch=1, n=1, width=1),
}

if __name__ == "__main__":
    main(CASES)
