# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Writes the encoder layer as linalg on tensors, op for op as torch-mlir exports it.

The idioms (transposed weights, collapsed rows, the arg-max that softmax drags along, LayerNorm with
keep-dim reductions, the epsilon truncated inside a region) are those of torch-mlir's output for
Hugging Face models. Weights are `nm.param` ops, by checkpoint key.
"""

import math

from reference import LAYER_NORM_EPS, LAYER_NORMS, LINEARS, PREFIX

# How a linear layer is spelled; all three come from exporters.
#   matmul        torch.export: rows collapsed to 2-D, transposed weight, linalg.matmul
#   batch-matmul  TorchScript: transposed weight broadcast over the batch, linalg.batch_matmul
#   generic       a contraction whose indexing map reads the weight transposed
LINEAR_FORMS = ("matmul", "batch-matmul", "generic")


def export(config, linear="matmul", row_max="indexed", dynamic=(), dtype="f32"):
    """The text of a module with `@encoder`.

    dynamic  which of "batch" and "seq" are `?`
    row_max  "indexed": the row maximum of softmax also yields its unused index; "plain": it does not
    dtype    storage type of the six weight matrices; anything but f32 is extended after reading
    """
    return _Exporter(config, linear, row_max, dynamic, dtype).module()


class _Exporter:
    """Sizes are ints, or strings that name the SSA value of a dynamic size."""

    def __init__(self, config, linear, row_max, dynamic, dtype):
        self.config, self.form, self.row_max, self.dtype = config, linear, row_max, dtype
        self.lines, self.maps, self.cache, self.names = [], {}, {}, {}
        self.indent = "  "
        self.batch = "%batch" if "batch" in dynamic else config.batch
        self.seq = "%seq" if "seq" in dynamic else config.seq

    # --- text ---

    def line(self, text):
        self.lines.append(self.indent + text)

    def section(self, title):
        self.lines.append("")
        self.line(f"// {title}")

    def fresh(self, name):
        """`%name`, or `%name_1`, ... when that is taken."""
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        return f"%{name}_{count}" if count else f"%{name}"

    def once(self, text, name):
        """Emits `%name = text` the first time that `text` is asked for, as CSE would leave it."""
        if text not in self.cache:
            self.cache[text] = self.fresh(name)
            self.line(f"{self.cache[text]} = {text}")
        return self.cache[text]

    @staticmethod
    def type(shape, element="f32"):
        sizes = "x".join("?" if isinstance(size, str) else str(size) for size in shape)
        return f"tensor<{sizes}x{element}>"

    def map(self, rank, results):
        """The alias of an affine map; `results` are dimension numbers, or None for the constant 0."""
        dims = ", ".join(f"d{i}" for i in range(rank))
        text = ", ".join("0" if d is None else f"d{d}" for d in results)
        return self.maps.setdefault(f"affine_map<({dims}) -> ({text})>", f"#map{len(self.maps)}")

    def identity(self, rank):
        return self.map(rank, range(rank))

    # --- values: (name, shape), f32 unless told ---

    def product(self, *sizes):
        """The product of sizes, static where it can be."""
        static = math.prod(size for size in sizes if isinstance(size, int))
        result = static
        for size in sizes:
            if isinstance(size, str):
                result = size if result == 1 else self.multiply(size, result)
        return result

    def multiply(self, size, factor):
        if isinstance(factor, int):
            factor = self.once(f"arith.constant {factor} : index", f"c{factor}")
        return self.once(f"arith.muli {size}, {factor} : index", "size")

    def constant(self, value, name, element="f32"):
        return self.once(f"arith.constant {value} : {element}", name)

    def empty(self, shape, element="f32"):
        sizes = ", ".join(size for size in shape if isinstance(size, str))
        return self.once(f"tensor.empty({sizes}) : {self.type(shape, element)}", "empty")

    def fill(self, shape, value, name, element="f32"):
        scalar, out = self.constant(value, name, element), self.empty(shape, element)
        kind = self.type(shape, element)
        return self.once(f"linalg.fill ins({scalar} : {element}) outs({out} : {kind}) -> {kind}",
                         "filled")

    def param(self, key, shape, name, element="f32"):
        value = self.fresh(name)
        self.line(f'{value} = nm.param "{PREFIX}{key}" : {self.type(shape, element)}')
        return value, shape

    def generic(self, name, inputs, maps, out_shape, body, out=None, out_map=None, reduce=(),
                in_element="f32"):
        """An elementwise or reducing linalg.generic with one result.

        `body` lists the ops of the region as "result = text" with %in0, %in1, ... and %out; the last
        result is yielded. `reduce` are the reduction dimensions.
        """
        rank = 1 + max((d for m in maps for d in m if d is not None), default=0)
        rank = max(rank, len(out_shape))
        out_map = self.identity(rank) if out_map is None else self.map(rank, out_map)
        aliases = ", ".join([*(self.map(rank, m) for m in maps), out_map])
        kinds = ", ".join('"reduction"' if d in reduce else '"parallel"' for d in range(rank))
        names = ", ".join(value for value, _ in inputs)
        types = ", ".join(self.type(shape, in_element) for _, shape in inputs)
        out = out or self.empty(out_shape)
        kind = self.type(out_shape)
        result = self.fresh(name)
        self.line(f"{result} = linalg.generic {{indexing_maps = [{aliases}], iterator_types = [{kinds}]}} "
                  f"ins({names} : {types}) outs({out} : {kind}) {{")
        block = "".join(f"%in{i}: {in_element}, " for i in range(len(inputs)))
        self.line(f"^bb0({block}%out: f32):")
        for text in body:
            self.line(f"  {text}")
        last = body[-1].split(" = ")[0] if body else "%in0"
        self.line(f"  linalg.yield {last} : f32")
        self.line(f"}} -> {kind}")
        return result, out_shape

    def elementwise(self, name, inputs, body):
        """All operands of one shape, or with sizes of 1 or missing leading dimensions to broadcast."""
        out_shape = inputs[0][1]
        rank = len(out_shape)
        maps = []
        for _, shape in inputs:
            lead = rank - len(shape)
            maps.append([None if size == 1 and out_shape[lead + i] != 1 else lead + i
                         for i, size in enumerate(shape)])
        return self.generic(name, inputs, maps, out_shape, body)

    def add(self, name, lhs, rhs):
        return self.elementwise(name, [lhs, rhs], ["%sum = arith.addf %in0, %in1 : f32"])

    def transpose(self, value, permutation, name, element="f32"):
        source, shape = value
        out_shape = tuple(shape[p] for p in permutation)
        result = self.fresh(name)
        self.line(f"{result} = linalg.transpose ins({source} : {self.type(shape, element)}) "
                  f"outs({self.empty(out_shape, element)} : {self.type(out_shape, element)}) "
                  f"permutation = {list(permutation)}")
        return result, out_shape

    def collapse(self, value, groups, name):
        source, shape = value
        out_shape = tuple(self.product(*(shape[i] for i in group)) for group in groups)
        text = (f"tensor.collapse_shape {source} {groups} : "
                f"{self.type(shape)} into {self.type(out_shape)}")
        return self.once(text, name), out_shape

    def expand(self, value, groups, out_shape, name):
        source, shape = value
        result = self.fresh(name)
        sizes = ", ".join(str(size) for size in out_shape)
        self.line(f"{result} = tensor.expand_shape {source} {groups} output_shape [{sizes}] : "
                  f"{self.type(shape)} into {self.type(out_shape)}")
        return result, out_shape

    def broadcast(self, value, dims, out_shape, name):
        """Copies `value` along the missing dimensions; `dims` are those that it has."""
        return self.generic(name, [value], [dims], out_shape, [])

    def contraction(self, op, lhs, rhs, out_shape, name):
        zero = self.fill(out_shape, "0.000000e+00", "zero")
        result = self.fresh(name)
        self.line(f"{result} = linalg.{op} ins({lhs[0]}, {rhs[0]} : {self.type(lhs[1])}, "
                  f"{self.type(rhs[1])}) outs({zero} : {self.type(out_shape)}) "
                  f"-> {self.type(out_shape)}")
        return result, out_shape

    # --- layers ---

    def weight(self, layer, name):
        shape = tuple(getattr(self.config, size) for size in LINEARS[layer])
        value = self.param(layer + ".weight", shape, name + "_weight", self.dtype)
        if self.dtype == "f32":
            return value
        return self.generic(name + "_extended", [value], [[0, 1]], shape,
                            [f"%wide = arith.extf %in0 : {self.dtype} to f32"], in_element=self.dtype)

    def linear(self, value, layer, name):
        """`value` is [batch, seq, in], or [batch, seq, heads, width] with the last two to be joined."""
        weight = self.weight(layer, name)
        bias = self.param(layer + ".bias", weight[1][:1], name + "_bias")
        outputs, inputs = weight[1]
        out_shape = (self.batch, self.seq, outputs)
        split = len(value[1]) == 4
        if self.form == "batch-matmul":
            product = self.batched_product(value, weight, out_shape, split, name)
        else:
            tail = [2, 3] if split else [2]
            rows = self.collapse(value, [[0, 1], tail], name + "_rows")
            flat = (rows[1][0], outputs)
            if self.form == "matmul":
                turned = self.transpose(weight, [1, 0], name + "_transposed")
                product = self.contraction("matmul", rows, turned, flat, name + "_matmul")
            else:
                product = self.generic(
                    name + "_contraction", [rows, weight], [[0, 2], [1, 2]], flat,
                    ["%product = arith.mulf %in0, %in1 : f32",
                     "%sum = arith.addf %out, %product : f32"],
                    out=self.fill(flat, "0.000000e+00", "zero"), out_map=[0, 1], reduce=[2])
            product = self.expand(product, [[0, 1], [2]], out_shape, name + "_expanded")
        return self.add(name, product, bias)

    def batched_product(self, value, weight, out_shape, split, name):
        turned = self.transpose(weight, [1, 0], name + "_transposed")
        batched = self.broadcast(turned, [1, 2], (self.batch, *turned[1]), name + "_batched")
        if self.batch == 1:  # torch-mlir drops the unit dimension and broadcasts it back
            value = self.collapse(value, [[0, 1], [2, 3] if split else [2]], name + "_rows")
            value = self.broadcast(value, [1, 2], (1, *value[1]), name + "_input")
        elif split:
            value = self.collapse(value, [[0], [1], [2, 3]], name + "_joined")
        return self.contraction("batch_matmul", value, batched, out_shape, name + "_matmul")

    def heads(self, value, name):
        width = self.config.hidden // self.config.heads
        shape = (self.batch, self.seq, self.config.heads, width)
        split = self.expand(value, [[0], [1], [2, 3]], shape, name + "_split")
        return self.transpose(split, [0, 2, 1, 3], name + "_heads")

    def batched(self, value, name):
        return self.collapse(value, [[0, 1], [2], [3]], name + "_batched")

    def row_maximum(self, value):
        shape = value[1][:3]
        if self.row_max == "plain":
            lowest = self.fill(shape, "0xFF800000", "lowest")
            return self.generic("row_max", [value], [range(4)], shape,
                                ["%max = arith.maximumf %in0, %out : f32"],
                                out=lowest, out_map=[0, 1, 2], reduce=[3])
        index = self.fill(shape, "0", "zero_i64", "i64")
        lowest = self.fill(shape, "0xFF800000", "lowest")
        inner, outer = self.identity(4), self.map(4, range(3))
        kind, index_kind = self.type(shape), self.type(shape, "i64")
        result = self.fresh("row_max")
        self.line(f"{result}:2 = linalg.generic {{indexing_maps = [{inner}, {outer}, {outer}], "
                  'iterator_types = ["parallel", "parallel", "parallel", "reduction"]} '
                  f"ins({value[0]} : {self.type(value[1])}) "
                  f"outs({lowest}, {index} : {kind}, {index_kind}) {{")
        for text in ("^bb0(%in0: f32, %out: f32, %out_index: i64):",
                     "  %position = linalg.index 3 : index",
                     "  %position_i64 = arith.index_cast %position : index to i64",
                     "  %max = arith.maximumf %in0, %out : f32",
                     "  %greater = arith.cmpf ogt, %in0, %out : f32",
                     "  %index = arith.select %greater, %position_i64, %out_index : i64",
                     "  linalg.yield %max, %index : f32, i64",
                     f"}} -> ({kind}, {index_kind})"):
            self.line(text)
        return result + "#0", shape

    def row_sum(self, value, name):
        """Sums the last dimension and keeps it with size 1."""
        rank = len(value[1])
        shape = (*value[1][:-1], 1)
        return self.generic(name, [value], [range(rank)], shape,
                            ["%sum = arith.addf %in0, %out : f32"],
                            out=self.fill(shape, "0.000000e+00", "zero"),
                            out_map=[*range(rank - 1), None], reduce=[rank - 1])

    def softmax(self, logits):
        maximum = self.row_maximum(logits)
        kept = self.expand(maximum, [[0], [1], [2, 3]], (*maximum[1], 1), "row_max_kept")
        shifted = self.elementwise("shifted", [logits, kept],
                                   ["%difference = arith.subf %in0, %in1 : f32"])
        exp = self.elementwise("exponential", [shifted], ["%exp = math.exp %in0 : f32"])
        total = self.row_sum(exp, "row_sum")
        return self.elementwise("probabilities", [exp, total],
                                ["%quotient = arith.divf %in0, %in1 : f32"])

    def attention(self, query, key, value):
        batch, heads, seq, width = query[1]
        self.section("softmax(Q K^T / sqrt(d)) V")
        turned = self.transpose(key, [0, 1, 3, 2], "key_transposed")
        q, k, v = (self.batched(x, n) for x, n in ((query, "query"), (turned, "key"), (value, "value")))
        jobs = q[1][0]
        scores = self.contraction("batch_matmul", q, k, (jobs, seq, seq), "scores")
        scores = self.expand(scores, [[0, 1], [2], [3]], (batch, heads, seq, seq), "scores_heads")
        root = self.constant(_float(math.sqrt(width)), "sqrt_width")
        logits = self.elementwise("logits", [scores], [f"%quotient = arith.divf %in0, {root} : f32"])
        weights = self.batched(self.softmax(logits), "probabilities")
        context = self.contraction("batch_matmul", weights, v, (jobs, seq, width), "context")
        context = self.expand(context, [[0, 1], [2], [3]], (batch, heads, seq, width), "context_heads")
        return self.transpose(context, [0, 2, 1, 3], "context_joined")

    def layer_norm(self, value, layer, name):
        hidden = self.config.hidden
        gamma = self.param(layer + ".weight", (hidden,), name + "_gamma")
        beta = self.param(layer + ".bias", (hidden,), name + "_beta")
        count = self.constant(_float(hidden), "hidden")
        divide = [f"%quotient = arith.divf %in0, {count} : f32"]

        def spread(kept, label):
            flat = self.collapse(kept, [[0], [1, 2]], label + "_flat")
            return self.broadcast(flat, [0, 1], value[1], label + "_spread")

        mean = self.elementwise("mean", [self.row_sum(value, "total")], divide)
        centred = self.elementwise("centred", [value, spread(mean, "mean")],
                                   ["%difference = arith.subf %in0, %in1 : f32"])
        square = self.elementwise("square", [centred, centred],
                                  ["%product = arith.mulf %in0, %in1 : f32"])
        variance = self.elementwise("variance", [self.row_sum(square, "square_total")], divide)
        eps = self.constant(f"{LAYER_NORM_EPS:.6e}", "eps", "f64")
        shifted = self.elementwise("variance_eps", [variance],
                                   [f"%narrow = arith.truncf {eps} : f64 to f32",
                                    "%sum = arith.addf %in0, %narrow : f32"])
        inverse = self.elementwise("inverse", [shifted], ["%rsqrt = math.rsqrt %in0 : f32"])
        multiply = ["%product = arith.mulf %in0, %in1 : f32"]
        unit = self.elementwise("normalized", [centred, spread(inverse, "inverse")], multiply)
        scaled = self.elementwise("scaled", [unit, gamma], multiply)
        return self.add(name, scaled, beta)

    def gelu(self, value):
        root, one, half = (self.constant(_float(c), n) for c, n in
                           ((math.sqrt(2), "sqrt2"), (1, "one"), (0.5, "half")))
        return self.elementwise("gelu", [value],
                                [f"%scaled_in = arith.divf %in0, {root} : f32",
                                 "%erf = math.erf %scaled_in : f32",
                                 f"%erf_one = arith.addf %erf, {one} : f32",
                                 f"%cdf = arith.mulf %erf_one, {half} : f32",
                                 "%product = arith.mulf %in0, %cdf : f32"])

    def body(self, x=None):
        x = x or ("%x", (self.batch, self.seq, self.config.hidden))
        for position, (size, name) in enumerate(((self.batch, "batch"), (self.seq, "seq"))):
            if isinstance(size, str):
                index = self.once(f"arith.constant {position} : index", f"c{position}")
                kind = self.type(x[1])
                self.line(f"{self.fresh(name)} = tensor.dim %x, {index} : {kind}")
        parts = []
        for name in ("query", "key", "value"):
            self.section(name)
            parts.append(self.heads(self.linear(x, f"attention.self.{name}", name), name))
        context = self.attention(*parts)
        self.section("attention output, residual, LayerNorm")
        attended = self.linear(context, "attention.output.dense", "attention")
        attended = self.add("attention_residual", attended, x)
        attended = self.layer_norm(attended, LAYER_NORMS[0], "attention_norm")
        self.section("feed-forward network")
        inner = self.gelu(self.linear(attended, "intermediate.dense", "inner"))
        outer = self.add("outer_residual", self.linear(inner, "output.dense", "outer"), attended)
        return self.layer_norm(outer, LAYER_NORMS[1], "outer_norm")

    def module(self):
        result = self.body()
        kind = self.type(result[1])
        maps = [f"{alias} = {text}" for text, alias in self.maps.items()]
        head = ["// One BERT encoder layer as torch-mlir exports it. Written by encoder.py; do not edit.", "",
                *maps, "", f"func.func @encoder(%x: {kind}) -> {kind} {{"]
        return "\n".join([*head, *self.lines, "", f"  return {result[0]} : {kind}", "}", ""])


def _float(value):
    """A decimal that rounds to the float32 nearest to `value`."""
    return f"{value:.8e}"
