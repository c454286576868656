# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random models that no exporter writes: nodes of every operator with extreme attributes, sizes and constants, graphs with
cycles, names given twice and branches in branches, external data with odd places. Each is imported or refused by one error:
no crash, no hang, no memory beyond 4 GiB.

usage: extremes.py FOLDER [--count N] [--seed N] [--only REGEX]
"""

import argparse
import os
import pathlib
import random
import re
import resource
import subprocess
import sys

import numpy

from onnxfile import function, graph, message, model, node, tensor, value

NUMBERS = [-1 << 63, -1 << 62, -1 << 31, -65537, -2, -1, 0, 1, 2, 3, 7, 64, 65537, (1 << 31) - 1, 1 << 31, 1 << 40, 1 << 62,
           (1 << 63) - 1]
SMALL = [-2, -1, 0, 1, 1, 2, 2, 3, 4]
REALS = [0.0, -1.0, 1.0, 0.5, 1e-38, 1e30, -1e30, float("inf"), float("nan"), 3e9, 2.0]
KINDS = ["float32", "float32", "float32", "float64", "float16", "int8", "uint8", "int32", "int64", "bool"]
WORDS = ["", "linear", "nearest", "cubic", "align_corners", "tf_crop_and_resize", "SAME_UPPER", "VALID", "reflect", "wrap", "tanh",
         "add", "CRD", "i,j->k", "ij,jk->ik", "...i,i...->", "a" * 1000, "\n"]
# Attributes that some operator has, as ints, floats, lists or words.
ATTRIBUTES = {
    "i": "axis axes_ keepdims num_heads q_num_heads kv_num_heads is_causal block_size bits K N group groups num_groups "
         "blocksize batch_dims to mode_ p size largest sorted k upper exclusive reverse transA transB do_rotary smooth_softmax "
         "local_window_size unidirectional rotary_embedding_dim interleaved antialias exclude_outside center_point_box "
         "storage_order ceil_mode count_include_pad left_window_size right_window_size qk_matmul_output_mode time_axis "
         "batch_axis select_last_index noop_with_empty_axes start end allowzero num_outputs fmod stash_type output_dtype",
    "f": "alpha beta epsilon scale softcap gamma momentum bias lambd cubic_coeff_a extrapolation_value value_float ratio",
    "l": "axes perm pads strides dilations kernel_shape output_shape output_padding split starts ends steps qkv_hidden_sizes "
         "value_ints",
    "w": "mode coordinate_transformation_mode nearest_mode auto_pad direction equation approximate reduction "
         "keep_aspect_ratio_policy rounding_mode",
}
DOMAIN = "com.microsoft"


def operators():
    """Domain and name, from the table that the tool prints."""
    text = subprocess.run(["nm-translate", "--onnx-operators"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^\| [^|]* \| `([\w.]+)`", text, re.M)
    return [(DOMAIN, n[len(DOMAIN) + 1:]) if n.startswith(DOMAIN) else ("", n) for n in names]


class Maker:
    def __init__(self, seed, table):
        self.r = random.Random(seed)
        self.table = table

    def number(self):
        return self.r.choice(SMALL if self.r.random() < 0.5 else NUMBERS)

    def numbers(self):
        return [self.number() for _ in range(self.r.choice([0, 1, 2, 2, 4, 4, 6, 40]))]

    def attributes(self):
        drawn = {}
        for _ in range(self.r.randint(0, 6)):
            kind = self.r.choice("iiflllw")
            name = self.r.choice(ATTRIBUTES[kind].split()).rstrip("_")
            drawn[name] = {"i": self.number, "f": lambda: self.r.choice(REALS), "w": lambda: self.r.choice(WORDS),
                           "l": lambda: self.numbers() or [0]}[kind]()
        return drawn

    def shape(self):
        sizes = [0, 1, 1, 2, 3, 4, 4, 8, 16] + ([1 << 20, 1 << 31, 1 << 40, 1 << 62] if self.r.random() < 0.2 else [])
        return [self.r.choice(sizes) for _ in range(self.r.choice([0, 1, 2, 2, 3, 3, 4, 4, 5]))]

    def constant(self, name):
        kind = self.r.choice(["float32", "int64", "int64", "int32", "bool", "uint8"])
        count = self.r.choice([0, 1, 1, 2, 4, 8])
        if kind == "int64":
            array = numpy.array([self.number() for _ in range(count)], "int64")
        else:
            array = numpy.array([self.r.choice(REALS[:5] if kind != "float32" else REALS) for _ in range(count)])
            with numpy.errstate(all="ignore"):
                array = array.astype(kind)
        if count == 1 and self.r.random() < 0.5:
            array = array.reshape(())
        return tensor(name, array)

    def operands(self, count):
        """Names, declared inputs and initializers."""
        names, inputs, constants = [], [], []
        for i in range(count):
            draw = self.r.random()
            name = "" if draw < 0.1 and i else f"x{i}"
            names.append(name)
            if name and draw < 0.45 and i:
                constants.append(self.constant(name))
            elif name:
                inputs.append(value(name, self.r.choice(KINDS), self.shape()))
        return names, inputs, constants

    def of_operator(self):
        domain, op = self.r.choice(self.table)
        names, inputs, constants = self.operands(self.r.choice([1, 2, 2, 3, 3, 4, 5, 9, 14]))
        results = [f"y{i}" for i in range(self.r.choice([1, 1, 1, 2, 3, 5]))]
        made = node(op, names, results, "node", domain, **self.attributes())
        outputs = [value(n, self.r.choice(KINDS), [None] * self.r.randint(0, 4)) for n in results]
        return op, model(graph([made], inputs, outputs, constants), opset=self.r.choice([7, 11, 13, 17, 21, 23, 24]),
                         domains=[(DOMAIN, 1)])

    def of_names(self):
        """A graph whose nodes read and write few names: cycles, names twice, none."""
        pool = ["a", "b", "c", "x", "y", "", "\n", "é" * 50]
        nodes = [node(self.r.choice(["Add", "Relu", "Identity", "If", "F"]), self.r.choices(pool, k=self.r.randint(0, 3)),
                      self.r.choices(pool, k=self.r.randint(0, 2)), domain=self.r.choice(["", "", "mine"]))
                 for _ in range(self.r.randint(1, 6))]
        body = function("mine", "F", self.r.choices(pool, k=2), self.r.choices(pool, k=1), nodes, opsets=(("", 17), ("mine", 1)))
        return "names", model(graph(nodes, [value(n, "float32", [4]) for n in self.r.choices(pool, k=2)],
                                    [value("y", "float32", [4])],
                                    [tensor(n, numpy.ones(4, "float32")) for n in self.r.choices(pool, k=self.r.randint(0, 3))]),
                              domains=[("mine", 1)], functions=[body] * self.r.choice([0, 1, 2]))

    def of_branches(self):
        """Branches in branches, and functions that call one another, up to any depth."""
        depth = self.r.choice([1, 5, 15, 16, 17, 40, 300, 3000])
        inside = message(graph([node("Relu", ["x"], ["y"])], [], [value("y", "float32", [4])]))
        for _ in range(depth):
            branches = [message([(1, name), (6, inside), (20, 5)]) for name in ("then_branch", "else_branch")]
            condition = self.r.choice(["c", "c", "y", ""])
            made = message([(1, condition), (2, "y"), (4, "If"), (5, branches[0])] + [(5, branches[1])] * (depth < 12))
            inside = message([(1, made), (2, "g"), (12, value("y", "float32", [4]))])
        whole = inside + message([(5, tensor("c", numpy.array(True))), (11, value("x", "float32", [4]))])
        return f"branches of {depth}", message([(1, 8), (7, whole), (8, [(1, ""), (2, 17)])])

    def of_calls(self):
        """Functions of which each calls the next twice: 2^n copies."""
        count = self.r.choice([3, 8, 20, 64])
        bodies = [function("mine", f"F{i}", ["x"], ["y"],
                           [node(f"F{i + 1}" if i + 1 < count else "Relu", ["x"], ["a"], domain="mine" if i + 1 < count else ""),
                            node(f"F{i + 1}" if i + 1 < count else "Relu", ["a"], ["y"], domain="mine" if i + 1 < count else "")],
                           opsets=(("", 17), ("mine", 1))) for i in range(count)]
        return f"calls of {count}", model(graph([node("F0", ["x"], ["y"], domain="mine")], [value("x", "float32", [4])],
                                                [value("y", "float32", [4])]), domains=[("mine", 1)], functions=bodies)

    def of_data(self):
        """Where external data lie."""
        places = ["data", "./data", "", ".", "..", "a/../../secret", "data/", "data\n", "/dev/zero", "link", "folder/link",
                  "\x00", "d" * 5000, "folder", "pipe"]
        odd = ["-1", "0", "60", "64", "18446744073709551615", "9223372036854775807", "0x10", "1e3", "", " 4", None]
        w = tensor("w", numpy.ones(4, "float32"), (self.r.choice(places), self.r.choice(odd), self.r.choice(odd + ["16"] * 5)))
        w = [(n, self.r.choice(NUMBERS)) if n == 1 and self.r.random() < 0.3 else (n, v) for n, v in w]
        return "external data", model(graph([node("Add", ["x", "w"], ["y"])], [value("x", "float32", [4])],
                                            [value("y", "float32", [4])], [w]))

    def of_tensors(self):
        """Initializers whose sizes, types and contents do not fit."""
        fields = [(1, self.r.choice(NUMBERS + [1, 2, 4] * 6)) for _ in range(self.r.choice([0, 1, 1, 2, 3, 70]))]
        fields += [(2, self.r.choice([0, 1, 1, 1, 6, 7, 9, 10, 11, 16, 17, 21, 23, 99])), (8, "w")]
        fields.append(self.r.choice([(9, bytes(self.r.choice([0, 1, 15, 16, 17, 64]))), (4, bytes(16)), (5, b"\x01\x02\x03\x04"),
                                     (7, b"\xff" * 9 + b"\x01"), (10, bytes(32))]))
        return "tensor", model(graph([node("Add", ["x", "w"], ["y"])], [value("x", "float32", [4])],
                                     [value("y", "float32", None or [4])], [fields]))

    def make(self):
        return self.r.choice([self.of_operator] * 8 + [self.of_names, self.of_branches, self.of_calls, self.of_data,
                                                       self.of_tensors])()


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def fault(path):
    """Why what the importer did is no answer."""
    try:
        done = subprocess.run(["nm-translate", "--import-onnx", path], capture_output=True, text=True, errors="replace",
                              timeout=300, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode == 0:
        return None if done.stdout else "says nothing"
    if done.returncode != 1:
        return f"exit code {done.returncode}: {done.stderr[-300:]}"
    if done.stdout or "error: " not in done.stderr:
        return f"no error: {done.stdout[:100]!r} {done.stderr[:200]!r}"
    return None if "PLEASE submit" not in done.stderr and "<unknown>:0" not in done.stderr else f"says: {done.stderr[:300]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", default="", help="regular expression of operators")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder) / "model"
    (folder / "folder").mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    pathlib.Path("../secret").write_bytes(bytes(64))
    pathlib.Path("data").write_bytes(bytes(64))
    for link in ("link", "folder/link", "pipe"):
        pathlib.Path(link).unlink(missing_ok=True)
    os.symlink("../secret", "link")
    os.symlink("../../secret", "folder/link")
    os.mkfifo("pipe")
    table = [entry for entry in operators() if re.search(options.only, entry[1])]
    print("seed", options.seed)
    failures = 0
    for i in range(options.count):
        what, data = Maker(options.seed + i, table).make()
        pathlib.Path("m.onnx").write_bytes(data)
        why = fault("m.onnx")
        if why:
            failures += 1
            pathlib.Path(f"failed{options.seed + i}.onnx").write_bytes(data)
            print(f"seed {options.seed + i}, {what}: {why}")
    print(f"{options.count} models, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
