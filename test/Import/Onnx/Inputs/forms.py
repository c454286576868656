# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that show one thing each; import.test looks at what becomes of them.

usage: forms.py FOLDER
"""

import os
import sys

import numpy

from onnxfile import function, graph, node, sparse, tensor, value, write

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
weights = numpy.random.default_rng(1)


def floats(*shape):
    return weights.standard_normal(shape).astype(numpy.float32)


# A weight stays in the file; its bias is small enough to stand in the module.
weight, bias = floats(32, 8), floats(8)


def linear(name, tensors, sparse_ones=()):
    write(name, graph(
        [node("MatMul", ["x", "w"], ["xw"], "layer"), node("Add", ["xw", "b"], ["y"])],
        [value("x", "float32", ["batch", 16, 32])], [value("y", "float32", ["batch", 16, 8])],
        tensors, sparse_initializers=sparse_ones))


linear("linear.onnx", [tensor("w", weight), tensor("b", bias)])

# The same weight in a file of its own, behind other bytes.
with open("weights.bin", "wb") as out:
    out.write(bytes(24) + weight.tobytes() + bytes(8))
linear("external.onnx", [tensor("w", weight, ("weights.bin", 24, weight.nbytes)), tensor("b", bias)])

# The same, sparse: by places in the flattened weight, and by rows and columns.
places = numpy.arange(weight.size)
linear("sparse-flat.onnx", [tensor("b", bias)], [sparse("w", weight.reshape(-1), places, weight.shape)])
pairs = numpy.stack(numpy.unravel_index(places, weight.shape), 1)
linear("sparse-pairs.onnx", [tensor("b", bias)], [sparse("w", weight.reshape(-1), pairs, weight.shape)])

# The same as a list of numbers, not as raw bytes.
fields = [(1, 32), (1, 8), (2, 1), (4, weight.astype("<f4").tobytes()), (8, "w")]
linear("typed.onnx", [fields, tensor("b", bias)])

# The same weight as a node, as some exporters write all of them; small constants are no weights.
write("constant.onnx", graph(
    [node("Constant", [], ["w"], value=weight), node("Constant", [], ["b"], value=bias),
     node("MatMul", ["x", "w"], ["xw"], "layer"), node("Add", ["xw", "b"], ["y"])],
    [value("x", "float32", ["batch", 16, 32])], [value("y", "float32", ["batch", 16, 8])]))

# Heads by shape arithmetic, as exporters write it: all of it folds.
write("heads.onnx", graph(
    [node("Shape", ["x"], ["s"]),
     node("Gather", ["s", "zero"], ["batch"]), node("Gather", ["s", "one"], ["length"]),
     node("Unsqueeze", ["batch", "axes"], ["b1"]), node("Unsqueeze", ["length", "axes"], ["l1"]),
     node("Concat", ["b1", "l1", "rest"], ["shape"], axis=0),
     node("Reshape", ["x", "shape"], ["h"]), node("Transpose", ["h"], ["y"], perm=[0, 2, 1, 3])],
    [value("x", "float32", ["batch", "length", 32])], [value("y", "float32", ["batch", 4, "length", 8])],
    [tensor("zero", numpy.int64(0)), tensor("one", numpy.int64(1)), tensor("axes", numpy.array([0])),
     tensor("rest", numpy.array([4, 8]))], name="heads"))

# One symbol, one size: the second is checked when the model is called.
write("symbols.onnx", graph(
    [node("Add", ["a", "b"], ["y"])],
    [value("a", "float32", ["n", 4]), value("b", "float32", ["n", 4])], [value("y", "float32", ["n", 4])]))

# The branch that is not taken is not imported.
then = {"graph": graph([node("Relu", ["x"], ["t"])], [], [value("t", "float32", [4])], name="then")}
other = {"graph": graph([node("Neg", ["x"], ["e"])], [], [value("e", "float32", [4])], name="else")}
write("branch.onnx", graph(
    [node("If", ["yes"], ["y"], then_branch=then, else_branch=other)],
    [value("x", "float32", [4])], [value("y", "float32", [4])], [tensor("yes", numpy.array(True))]))

# A function of the model's own, with an attribute that it passes on.
body = [node("LeakyRelu", ["a"], ["r"])]
body[0].append((5, [(1, "alpha"), (20, 1), (21, "slope")]))
write("function.onnx", graph(
    [node("Leak", ["x"], ["y"], domain="mine", slope=0.25)],
    [value("x", "float32", [4])], [value("y", "float32", [4])]),
    domains=[("mine", 1)], functions=[function("mine", "Leak", ["a"], ["r"], body, ["slope"])])

# A sparse initializer, small: dense in the module.
write("sparse.onnx", graph(
    [node("Add", ["x", "s"], ["y"])],
    [value("x", "float32", [2, 3])], [value("y", "float32", [2, 3])],
    sparse_initializers=[sparse("s", numpy.float32([5, 7]), [[0, 1], [1, 2]], [2, 3])]))

# Attention is one operation.
write("attention.onnx", graph(
    [node("Attention", ["q", "k", "v"], ["y"], q_num_heads=4, kv_num_heads=2, is_causal=1)],
    [value("q", "float32", [1, 8, 32]), value("k", "float32", [1, 8, 16]), value("v", "float32", [1, 8, 16])],
    [value("y", "float32", [1, 8, 32])]), opset=23, ir=11)

# Norms, softmax and activations keep their names; a scale that is no row is applied behind the norm.
f32, f16 = "float32", "float16"
write("names.onnx", graph(
    [node("LayerNormalization", ["x", "row", "row"], ["a"], epsilon=0.25),
     node("RMSNormalization", ["a", "all"], ["b"], axis=1),
     node("SkipLayerNormalization", ["b", "x", "row", "row", "row"], ["c"], domain="com.microsoft"),
     node("Gelu", ["c"], ["d"]), node("Gelu", ["d"], ["e"], approximate="tanh"),
     node("QuickGelu", ["e"], ["f"], domain="com.microsoft", alpha=2.0), node("Softmax", ["f"], ["y"]),
     node("LayerNormalization", ["h", "narrow"], ["z"], axis=1)],
    [value("x", f32, ["n", 3, 8]), value("h", f16, [4, 2, 8])],
    [value("y", f32, ["n", 3, 8]), value("z", f16, [4, 2, 8])],
    [tensor("row", numpy.ones(8, f32)), tensor("all", numpy.ones([3, 1], f32)),
     tensor("narrow", numpy.ones([2, 8], f16))]), opset=23, ir=11, domains=[("com.microsoft", 1)])

# Unsigned elements are signless in the module.
write("unsigned.onnx", graph(
    [node("Less", ["a", "b"], ["y"])],
    [value("a", "uint8", [4]), value("b", "uint8", [4])], [value("y", "bool", [4])]))

# A row for each of the batch as PyTorch writes `expand(n, -1, -1)`: -1 becomes 1 by a comparison of sizes.
write("rows.onnx", graph(
    [node("Shape", ["x"], ["n"], start=0, end=1), node("Concat", ["n", "minus", "minus"], ["asked"], axis=0),
     node("Equal", ["asked", "all minus"], ["open"]), node("Where", ["open", "ones", "asked"], ["rows"]),
     node("Expand", ["row", "rows"], ["first"]), node("Concat", ["first", "x"], ["y"], axis=1)],
    [value("x", "float32", ["n", 4, 3])], [value("y", "float32", ["n", 5, 3])],
    [tensor("minus", numpy.array([-1])), tensor("all minus", numpy.array([-1, -1, -1])),
     tensor("ones", numpy.array([1, 1, 1])), tensor("row", numpy.float32([[[1, 2, 3]]]))]))

# The sizes are data of the call.
write("asked.onnx", graph(
    [node("Expand", ["x", "sizes"], ["y"])],
    [value("x", "float32", ["n", 3]), value("sizes", "int64", [3])], [value("y", "float32", ["a", "b", "c"])]))

# All that cannot be imported, at once.
write("unsupported.onnx", graph(
    [node("Relo", ["x"], ["a"], "first", doc="model.py(12): forward"),
     node("FusedThing", ["a"], ["b"], "second", domain="com.microsoft"),
     node("Swish", ["b"], ["c"], "third"),
     node("Mine", ["c"], ["y"], "fourth", domain="example.com")],
    [value("x", "float32", [4])], [value("y", "float32", [4])]), opset=17,
    domains=[("com.microsoft", 1), ("example.com", 1)], producer="pytorch")

# The values of a shape that are known only at run time.
write("runtime.onnx", graph(
    [node("ReduceSum", ["x", "axes"], ["y"], "sum")],
    [value("x", "float32", [4, 4]), value("axes", "int64", [1])], [value("y", "float32", [1, 4])]))

# Layers with a state: the weights of input and state are pruned.
for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    write(f"{op.lower()}.onnx", graph(
        [node(op, ["x", "w", "r", "b"], ["y", "h"], op, hidden_size=8, direction="bidirectional",
              **({"linear_before_reset": 1} if op == "GRU" else {}))],
        [value("x", "float32", ["steps", "batch", 16])],
        [value("y", "float32", ["steps", 2, "batch", 8]), value("h", "float32", [2, "batch", 8])],
        [tensor("w", floats(2, 8 * gates, 16)), tensor("r", floats(2, 8 * gates, 8)), tensor("b", floats(2, 16 * gates))]))
for name, attributes in (("direction", {"direction": "both"}), ("functions", {"activations": ["Tanh", "Tan"]}),
                         ("hidden", {"hidden_size": 9}), ("layout", {"layout": 2})):
    write(f"recurrent-{name}.onnx", graph(
        [node("RNN", ["x", "w", "r"], ["y"], "layer", **{"hidden_size": 8, "direction": "bidirectional", **attributes})],
        [value("x", "float32", [3, 1, 4])], [value("y", "float32", [3, 2, 1, 8])],
        [tensor("w", floats(2, 8, 4)), tensor("r", floats(2, 8, 8))]))


def loop(name, state, after, *pieces, most=True, more=None, op="Loop", **attributes):
    """A loop of one state of four numbers; `after` and `pieces` are nodes that give "after" and a piece each."""
    go = [node("Identity", ["go"], ["more"])] if more is None else more
    if op == "Scan":
        go, given = [], [value("before", f32, [4]), value("row", f32, [4])]
    else:
        given = [value("i", "int64", []), value("go", "bool", []), value("before", f32, [4])]
    results = [value("more", "bool", [])] * bool(go) + [value("after", f32, [None])]
    body = {"graph": graph(go + after + list(pieces), given, results + [value(f"p{k}", f32, [None]) for k in range(len(pieces))], name="step")}
    rows = ["x", "rows"] if op == "Scan" else ["n" if most else "", "", "x"]
    write(name, graph(
        [node(op, rows, ["y"] + [f"z{k}" for k in range(len(pieces))], "steps", body=body, **attributes)],
        [value("x", f32, [4]), value("rows", f32, ["n", 4]), value("n", "int64", [])],
        [value("y", f32, state)] + [value(f"z{k}", f32, [None, 4]) for k in range(len(pieces))],
        [tensor("one", f32_ones), tensor("limit", numpy.float32(9))]))


# Loops: with a count, with a condition, over rows; states that grow, pieces without a bound, one that never ends.
f32_ones = numpy.ones(1, f32)
add, piece = node("Add", ["before", "one"], ["after"]), node("Mul", ["before", "before"], ["p0"])
long = node("Concat", ["before", "one"], ["after"], axis=0)
asks = [node("ReduceSum", ["before"], ["sum"], keepdims=0), node("Less", ["sum", "limit"], ["more"])]
loop("loop-count.onnx", [4], [add], piece)
loop("loop-asks.onnx", [4], [add], most=False, more=asks)
loop("loop-both.onnx", [4], [add], piece, more=asks)
loop("loop-scan.onnx", [4], [node("Add", ["before", "row"], ["after"])], piece, op="Scan", num_scan_inputs=1)
loop("loop-grows.onnx", [None], [long])
loop("loop-unbounded.onnx", [4], [add], piece, most=False, more=asks)
loop("loop-endless.onnx", [4], [add], most=False)
loop("loop-type.onnx", [4], [node("Cast", ["before"], ["after"], to=11)])
loop("loop-condition.onnx", [4], [add], more=[node("ReduceSum", ["before"], ["more"], keepdims=0)])
loop("loop-scan-count.onnx", [4], [node("Add", ["before", "row"], ["after"])], op="Scan", num_scan_inputs=3)
loop("loop-scan-axis.onnx", [4], [node("Add", ["before", "row"], ["after"])], op="Scan", num_scan_inputs=1, scan_input_axes=[2])


def choose(name, yes, no, types=(f32, f32), outputs=1, condition=("bool", [1]), more=()):
    """An If over x and y; `yes` and `no` are nodes that give t and e, and t1 and e1 and so on."""
    def branch(letter, nodes, count):
        names = [letter + (str(k) if k else "") for k in range(count)]
        return {"graph": graph(nodes, [], [value(n, types[letter == "e"], [None]) for n in names], name=letter)}

    names = ["r" + (str(k) if k else "") for k in range(outputs)]
    write(name, graph(
        [node("If", ["yes"], names, "choose", then_branch=branch("t", yes, outputs), else_branch=branch("e", no, len(no))), *more],
        [value("x", f32, ["n", 4]), value("y", f32, ["m", 4]), value("z", f32, [4]), value("yes", *condition)],
        [value("r", types[0], [None])], [tensor("zero", numpy.array([0])), tensor("none", numpy.array([[0], [0]]))]))


# Choices that only the call makes: of sizes that the call or the data tell, and those that are refused.
longer, negated = node("Concat", ["x", "y"], ["t"], axis=0), node("Neg", ["y"], ["e"])
choose("if.onnx", [longer, node("NonZero", ["x"], ["t1"])], [negated, node("Identity", ["none"], ["e1"])], outputs=2)
choose("if-type.onnx", [node("Neg", ["z"], ["t"])], [node("Cast", ["z"], ["e"], to=7)], (f32, "int64"))
choose("if-rank.onnx", [node("Unsqueeze", ["z", "zero"], ["t"])], [node("Identity", ["z"], ["e"])])
choose("if-outputs.onnx", [longer], [])
choose("if-condition.onnx", [longer], [negated], condition=(f32, [4]))
choose("if-sequence.onnx", [node("SequenceConstruct", ["x", "y"], ["t"], "list")], [negated])
