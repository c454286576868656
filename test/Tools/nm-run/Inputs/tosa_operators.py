# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes FOLDER/m.mlir, one function over many TOSA operators, its inputs and, by NumPy in
float64 from the TOSA specification, the result of each operator; prints nm-run's arguments.

usage: tosa_operators.py FOLDER SEED
"""

import math
import sys

import numpy as np

folder, seed = sys.argv[1], int(sys.argv[2])
random = np.random.default_rng(seed)
print(f"seed {seed}", file=sys.stderr)

inputs, lines, results, references = [], [], [], []
counter = 0


def name():
    global counter
    counter += 1
    return f"%v{counter}"


def tensor(array):
    element = {"float32": "f32", "int32": "i32", "int8": "i8", "bool": "i1"}[array.dtype.name]
    return "tensor<" + "".join(f"{size}x" for size in array.shape) + element + ">"


def argument(array):
    inputs.append(array)
    return f"%arg{len(inputs) - 1}", array


def constant(array):
    array = np.asarray(array)
    text = str(array.tolist()).replace("True", "true").replace("False", "false")
    result = name()
    lines.append(f'{result} = "tosa.const"() <{{values = dense<{text}> : {tensor(array)}}}> : '
                 f"() -> {tensor(array)}")
    return result, array


def shape(sizes):
    result = name()
    lines.append(f"{result} = tosa.const_shape {{values = dense<{list(sizes)}> : "
                 f"tensor<{len(sizes)}xindex>}} : () -> !tosa.shape<{len(sizes)}>")
    return result, f"!tosa.shape<{len(sizes)}>"


def apply(operator, operands, reference, attributes="", dtype=np.float32):
    """One operator; operands are (name, array or type); its result joins the function's."""
    value = np.asarray(reference)
    result = name()
    types = ", ".join(t if isinstance(t, str) else tensor(t) for _, t in operands)
    typed = value.astype(dtype)
    lines.append(f'{result} = "tosa.{operator}"({", ".join(n for n, _ in operands)}) '
                 f"{attributes} : ({types}) -> {tensor(typed)}")
    results.append((result, tensor(typed)))
    references.append(typed)
    return result, typed


def size():
    return int(random.integers(1, 6))


def values(*sizes):
    return random.uniform(-2, 2, sizes).astype(np.float32)


def elementwise():
    sizes = [size() for _ in range(3)]
    x, y = argument(values(*sizes)), argument(values(*sizes))
    a, b = x[1].astype(np.float64), y[1].astype(np.float64)
    positive = argument(np.abs(values(*sizes)) + np.float32(0.1))
    p = positive[1].astype(np.float64)
    erf = np.vectorize(math.erf)
    for operator, reference in [("abs", abs(a)), ("ceil", np.ceil(a)), ("floor", np.floor(a)),
                                ("exp", np.exp(a)), ("tanh", np.tanh(a)), ("sin", np.sin(a)),
                                ("cos", np.cos(a)), ("erf", erf(a)),
                                ("sigmoid", 1 / (1 + np.exp(-a)))]:
        apply(operator, [x], reference)
    for operator, reference in [("log", np.log(p)), ("rsqrt", 1 / np.sqrt(p)),
                                ("reciprocal", 1 / p)]:
        apply(operator, [positive], reference)
    # Operands broadcast along dimensions of size 1.
    row = argument(values(1, sizes[1], 1))
    r = row[1].astype(np.float64)
    shift = constant(np.zeros(1, np.int8))
    apply("add", [x, row], a + r)
    apply("sub", [row, x], r - a)
    apply("mul", [x, row, shift], a * r)
    apply("maximum", [x, y], np.maximum(a, b))
    apply("minimum", [x, row], np.minimum(a, r))
    apply("pow", [positive, y], p ** b)
    apply("greater", [x, row], a > r, dtype=bool)
    where = apply("greater_equal", [x, y], a >= b, dtype=bool)
    apply("select", [where, x, y], np.where(where[1], a, b))
    apply("clamp", [x], np.clip(a, -0.5, 1), "{min_val = -0.5 : f32, max_val = 1.0 : f32}")
    zero = constant(np.zeros(1, np.float32))
    apply("negate", [x, zero, zero], -a)
    apply("cast", [x], np.rint(a), dtype=np.int32)


def reductions():
    sizes = [size() for _ in range(4)]
    x = argument(values(*sizes))
    a, axis = x[1].astype(np.float64), int(random.integers(0, 4))
    attributes = f"{{axis = {axis} : i32}}"
    for operator, function in [("reduce_sum", np.sum), ("reduce_max", np.max),
                               ("reduce_min", np.min), ("reduce_product", np.prod)]:
        apply(operator, [x], function(a, axis=axis, keepdims=True), attributes)
    apply("argmax", [x], np.argmax(a, axis=axis), attributes, dtype=np.int32)


def movement():
    sizes = [size() for _ in range(3)]
    x = argument(values(*sizes))
    a = x[1]
    apply("transpose", [x], a.transpose(2, 0, 1), "{perms = array<i32: 2, 0, 1>}")
    apply("reshape", [x, shape([sizes[0] * sizes[1], sizes[2]])],
          a.reshape(sizes[0] * sizes[1], sizes[2]))
    apply("reverse", [x], a[:, ::-1], "{axis = 1 : i32}")
    y = argument(values(sizes[0], size(), sizes[2]))
    apply("concat", [x, y], np.concatenate([a, y[1]], 1), "{axis = 1 : i32}")
    apply("tile", [x, shape([2, 1, 3])], np.tile(a, [2, 1, 3]))
    apply("pad", [x, shape([1, 0, 0, 2, 1, 1]), constant(np.array([0.5], np.float32))],
          np.pad(a, [(1, 0), (0, 2), (1, 1)], constant_values=0.5))
    start = [int(random.integers(0, s)) for s in sizes]
    length = [int(random.integers(1, s - b + 1)) for s, b in zip(sizes, start)]
    apply("slice", [x, shape(start), shape(length)],
          a[tuple(slice(b, b + n) for b, n in zip(start, length))])
    index = argument(random.integers(0, sizes[1], (sizes[0], 4)).astype(np.int32))
    apply("gather", [x, index], np.take_along_axis(a, index[1][:, :, None], 1))


def products():
    n, h, k, c = size(), size(), size(), size()
    x, y = argument(values(n, h, k)), argument(values(n, k, c))
    zero = constant(np.zeros(1, np.float32))
    apply("matmul", [x, y, zero, zero], x[1].astype(np.float64) @ y[1].astype(np.float64))
    image = argument(values(n, 6, 7, k))
    weight, bias = argument(values(c, 3, 2, k)), argument(values(c))
    a = np.pad(image[1].astype(np.float64), [(0, 0), (1, 0), (0, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(a, (3, 2), (1, 2))[:, ::2]
    apply("conv2d", [image, weight, bias, zero, zero],
          np.einsum("nhwkij,cijk->nhwc", windows, weight[1].astype(np.float64)) + bias[1],
          "{pad = array<i64: 1, 0, 0, 1>, stride = array<i64: 2, 1>, "
          "dilation = array<i64: 1, 1>, acc_type = f32}")
    apply("max_pool2d", [image], np.maximum(image[1][:, 0::2], image[1][:, 1::2]),
          "{kernel = array<i64: 2, 1>, stride = array<i64: 2, 1>, pad = array<i64: 0, 0, 0, 0>}")


for group in [elementwise, reductions, movement, products]:
    group()

arguments = ", ".join(f"%arg{i}: {tensor(x)}" for i, x in enumerate(inputs))
with open(f"{folder}/m.mlir", "w") as file:
    file.write(f"func.func @main({arguments}) -> ({', '.join(t for _, t in results)}) {{\n")
    file.writelines(f"  {line}\n" for line in lines)
    file.write(f"  return {', '.join(n for n, _ in results)} : "
               f"{', '.join(t for _, t in results)}\n}}\n")
for i, array in enumerate(inputs):
    np.save(f"{folder}/in{i}.npy", array)
    print(f"--input {folder}/in{i}.npy")
for i, array in enumerate(references):
    np.save(f"{folder}/ref{i}.npy", array)
    print(f"--expect {folder}/ref{i}.npy")
