# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints a transformer layer: attention with grouped heads, two layer norms, a plain or a gated MLP.

Weights have the pattern --pattern N:M, or none. Batch and sequence are rows of the products.
"""

import argparse


class Layer:
    def __init__(self, args):
        self.a = args
        self.count = 0
        self.lines = []

    def emit(self, text):
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def empty(self, kind):
        return self.emit(f"tensor.empty() : {kind}")

    def fill(self, kind):
        return self.emit(f"linalg.fill ins(%zero : f32) outs({self.empty(kind)} : {kind}) -> {kind}")

    def generic(self, maps, operands, kind, body, iterators="parallel", out=None):
        """`body` gets names of the elements and returns lines, the last one's result is the value."""
        names = [f"%e{i}" for i in range(len(operands))]
        lines = body(*names)
        inputs = ", ".join(value for value, _ in operands)
        kinds = ", ".join(k for _, k in operands)
        head = (f"linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = "
                f"[\"parallel\", \"{iterators}\"]}} ins({inputs} : {kinds}) outs({out or self.empty(kind)} : {kind})")
        arguments = ", ".join(f"{n}: f32" for n in names)
        text = "\n".join(f"    {line}" for line in lines)
        last = lines[-1].split(" = ")[0]
        return self.emit(f"{head} {{\n  ^bb0({arguments}, %o: f32):\n{text}\n    linalg.yield {last} : f32\n  }} -> {kind}")

    def linear(self, x, rows, size_in, size_out, name):
        suffix = "_" + self.a.pattern.replace(":", "_") if self.a.pattern else ""
        kind, weight = f"tensor<{rows}x{size_out}xf32>", f"tensor<{size_out}x{size_in}xf32>"
        w = self.emit(f'nm.param "{name}.weight{suffix}" : {weight}')
        t = f"tensor<{size_in}x{size_out}xf32>"
        wt = self.emit(f"linalg.transpose ins({w} : {weight}) outs({self.empty(t)} : {t}) permutation = [1, 0]")
        p = self.emit(f"linalg.matmul ins({x}, {wt} : tensor<{rows}x{size_in}xf32>, {t}) "
                      f"outs({self.fill(kind)} : {kind}) -> {kind}")
        vector = f"tensor<{size_out}xf32>"
        b = self.emit(f'nm.param "{name}.bias" : {vector}')
        return self.generic(["#id", "#row", "#id"], [(p, kind), (b, vector)], kind,
                            lambda p, b: [f"%s = arith.addf {p}, {b} : f32"])

    def add(self, x, y, kind):
        return self.generic(["#id"] * 3, [(x, kind), (y, kind)], kind,
                            lambda x, y: [f"%s = arith.addf {x}, {y} : f32"])

    def norm(self, x, rows, cols, name):
        kind, each, vector = f"tensor<{rows}x{cols}xf32>", f"tensor<{rows}xf32>", f"tensor<{cols}xf32>"
        total = self.generic(["#id", "#each"], [(x, kind)], each, lambda x: [f"%s = arith.addf {x}, %o : f32"],
                             "reduction", self.fill(each))
        n = f"%n = arith.constant {float(cols)} : f32"
        mean = self.emit(f"linalg.map ins({total} : {each}) outs({self.empty(each)} : {each}) (%t: f32, %u: f32) {{ "
                         f"{n} %m = arith.divf %t, %n : f32 linalg.yield %m : f32 }}")
        square = self.generic(["#id", "#each", "#each"], [(x, kind), (mean, each)], each, lambda x, m: [
            f"%d = arith.subf {x}, {m} : f32", "%q = arith.mulf %d, %d : f32", "%s = arith.addf %q, %o : f32"],
            "reduction", self.fill(each))
        gamma = self.emit(f'nm.param "{name}.weight" : {vector}')
        beta = self.emit(f'nm.param "{name}.bias" : {vector}')
        return self.generic(
            ["#id", "#each", "#each", "#row", "#row", "#id"],
            [(x, kind), (mean, each), (square, each), (gamma, vector), (beta, vector)], kind,
            lambda x, m, q, g, b: [
                n, "%eps = arith.constant 1.0e-5 : f32", f"%v = arith.divf {q}, %n : f32",
                "%w = arith.addf %v, %eps : f32", "%r = math.rsqrt %w : f32", f"%d = arith.subf {x}, {m} : f32",
                "%k = arith.mulf %d, %r : f32", f"%l = arith.mulf %k, {g} : f32", f"%s = arith.addf %l, {b} : f32"])

    def attention(self, x, rows):
        a = self.a
        kinds, heads = [], []
        for name, count in (("q", a.heads), ("k", a.kv_heads), ("v", a.kv_heads)):
            value = self.linear(x, rows, a.hidden, count * a.width, f"attention.{name}")
            kind = f"tensor<{a.batch}x{a.seq}x{count}x{a.width}xf32>"
            heads.append(self.emit(
                f"tensor.expand_shape {value} [[0, 1], [2, 3]] output_shape [{a.batch}, {a.seq}, {count}, {a.width}] : "
                f"tensor<{rows}x{count * a.width}xf32> into {kind}"))
            kinds.append(kind)
        score = "" if not a.causal else """score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %low = arith.constant 0xFF800000 : f32
      %past = arith.cmpi sle, %j, %i : index
      %t = arith.select %past, %s, %low : f32
      flat.yield %t : f32
    }"""
        result = self.emit(
            f"flat.attention ins({', '.join(heads)} : {', '.join(kinds)}) scale({a.width ** -0.5:e}) "
            f"outs({self.empty(kinds[0])} : {kinds[0]}) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) {score} -> {kinds[0]}")
        return self.emit(f"tensor.collapse_shape {result} [[0, 1], [2, 3]] : {kinds[0]} into "
                         f"tensor<{rows}x{a.heads * a.width}xf32>")

    def mlp(self, x, rows):
        a = self.a
        kind = f"tensor<{rows}x{a.ffn}xf32>"
        up = self.linear(x, rows, a.hidden, a.ffn, "mlp.up")
        if not a.gated:
            inner = self.generic(["#id", "#id"], [(up, kind)], kind, lambda v: [
                "%root = arith.constant 1.41421354 : f32", "%one = arith.constant 1.0 : f32",
                "%half = arith.constant 0.5 : f32", f"%d = arith.divf {v}, %root : f32", "%e = math.erf %d : f32",
                "%n = arith.addf %e, %one : f32", "%h = arith.mulf %n, %half : f32", f"%s = arith.mulf {v}, %h : f32"])
        else:
            gate = self.linear(x, rows, a.hidden, a.ffn, "mlp.gate")
            inner = self.generic(["#id"] * 3, [(gate, kind), (up, kind)], kind, lambda g, u: [
                "%one = arith.constant 1.0 : f32", f"%n = arith.negf {g} : f32", "%e = math.exp %n : f32",
                "%d = arith.addf %e, %one : f32", f"%q = arith.divf {g}, %d : f32", f"%s = arith.mulf %q, {u} : f32"])
        return self.linear(inner, rows, a.ffn, a.hidden, "mlp.down")

    def print(self):
        a = self.a
        rows = a.batch * a.seq
        kind, flat = f"tensor<{a.batch}x{a.seq}x{a.hidden}xf32>", f"tensor<{rows}x{a.hidden}xf32>"
        x = self.emit(f"tensor.collapse_shape %x [[0, 1], [2]] : {kind} into {flat}")
        if a.pre_norm:
            context = self.attention(self.norm(x, rows, a.hidden, "norm1"), rows)
            x = self.add(self.linear(context, rows, a.heads * a.width, a.hidden, "attention.o"), x, flat)
            x = self.add(self.mlp(self.norm(x, rows, a.hidden, "norm2"), rows), x, flat)
        else:
            context = self.attention(x, rows)
            output = self.linear(context, rows, a.heads * a.width, a.hidden, "attention.o")
            x = self.norm(self.add(output, x, flat), rows, a.hidden, "norm1")
            x = self.norm(self.add(self.mlp(x, rows), x, flat), rows, a.hidden, "norm2")
        result = self.emit(f"tensor.expand_shape {x} [[0, 1], [2]] output_shape [{a.batch}, {a.seq}, {a.hidden}] : "
                           f"{flat} into {kind}")
        print("#id = affine_map<(i, j) -> (i, j)>\n#row = affine_map<(i, j) -> (j)>\n#each = affine_map<(i, j) -> (i)>")
        print(f"func.func @layer(%x: {kind}) -> {kind} {{\n  %zero = arith.constant 0.0 : f32")
        print("\n".join(self.lines))
        print(f"  return {result} : {kind}\n}}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("batch", 1), ("seq", 20), ("hidden", 64), ("heads", 4), ("kv-heads", 4), ("width", 16),
                        ("ffn", 128)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--pattern", default="")
    for name in ("causal", "gated", "pre-norm"):
        parser.add_argument(f"--{name}", action="store_true")
    Layer(parser.parse_args()).print()


if __name__ == "__main__":
    main()
