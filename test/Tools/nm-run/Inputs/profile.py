# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small model with a profile that is known, and what its reports must say.

profile.py model: writes it, with inputs. profile.py check REPORT.JSON PAGE.HTML; dense, dynamic, bert and accelerator
REPORT.JSON.
"""

import html.parser
import json
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.environ["NM_SOURCE"], "test/Import/Onnx/Inputs"))
import transformers  # noqa: E402
from onnxfile import graph, model, node, tensor, value  # noqa: E402

ROWS, K, WIDE, N = 4, 16, 32, 8
F32 = 4
NODES = ["/net/layer.0/MatMul", "/net/layer.0/Add", "/net/layer.0/Relu", "/net/layer.1/MatMul", "/net/head/ReduceSum",
         "/net/head/Reshape"]

# By the description of nm-insert-measures. The first product holds 2 of 4 weights and adds and clips what it computes.
STORED = K * WIDE // 2
FLOPS = {
    NODES[0]: ROWS * (2 * STORED + 2 * WIDE),
    NODES[3]: ROWS * 2 * WIDE * N,
    NODES[4]: ROWS * N,
}
DENSE_FLOPS = FLOPS | {NODES[0]: ROWS * (2 * K * WIDE + 2 * WIDE)}
# Beside the weights, whose bytes are those that the loader packed.
READ = {
    NODES[0]: ROWS * K * F32 + WIDE * F32,
    NODES[3]: ROWS * WIDE * F32,
    NODES[4]: ROWS * N * F32 + ROWS * F32,  # what it adds to as well
}
WRITTEN = {
    NODES[0]: ROWS * WIDE * F32,
    NODES[3]: ROWS * N * F32,
    NODES[4]: 2 * ROWS * F32,  # zeros, then sums
}


def write_model():
    source = numpy.random.default_rng(1)
    w0 = source.standard_normal((K, WIDE)).astype("f4")
    w0[2::4], w0[3::4] = 0, 0
    w1 = source.standard_normal((WIDE, N)).astype("f4")
    bias = source.standard_normal(WIDE).astype("f4")
    x = source.standard_normal((ROWS, K)).astype("f4")
    weights = [tensor("layer.0.weight", w0), tensor("layer.0.bias", bias), tensor("layer.1.weight", w1),
               tensor("shape", numpy.array([ROWS], "i8"))]
    nodes = [node("MatMul", ["x", "layer.0.weight"], ["a"], NODES[0]), node("Add", ["a", "layer.0.bias"], ["b"], NODES[1]),
             node("Relu", ["b"], ["c"], NODES[2]), node("MatMul", ["c", "layer.1.weight"], ["d"], NODES[3]),
             node("ReduceSum", ["d", "axes"], ["e"], NODES[4], keepdims=1), node("Reshape", ["e", "shape"], ["y"], NODES[5])]
    weights.append(tensor("axes", numpy.array([1], "i8")))
    with open("model.onnx", "wb") as file:
        file.write(model(graph(nodes, [value("x", "float32", [ROWS, K])], [value("y", "float32", [ROWS])], weights), opset=17))
    numpy.save("x.npy", x)
    numpy.save("y.npy", (numpy.maximum(x @ w0 + bias, 0) @ w1).sum(1))
    numpy.save("v.npy", numpy.arange(5, dtype="f4"))
    numpy.save("n.npy", numpy.array(3))
    bert = transformers.bert(transformers.Sizes(layers=2), batch=1)
    with open("bert.onnx", "wb") as file:
        file.write(bert.data)
    for name, array in zip(["ids", "mask"], bert.inputs):
        numpy.save(f"{name}.npy", array)
    with open("model.mlir", "w") as file:
        file.write(f'''func.func @f(%x: tensor<{ROWS}x{K}xf32>) -> tensor<{ROWS}x{WIDE}xf32> {{
  %w = nm.param "layer.0.weight" : tensor<{K}x{WIDE}xf32>
  %z = arith.constant dense<0.0> : tensor<{ROWS}x{WIDE}xf32>
  %r = linalg.matmul ins(%x, %w : tensor<{ROWS}x{K}xf32>, tensor<{K}x{WIDE}xf32>) outs(%z : tensor<{ROWS}x{WIDE}xf32>) -> tensor<{ROWS}x{WIDE}xf32>
  return %r : tensor<{ROWS}x{WIDE}xf32>
}}
''')


def near(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1)


def check_sums(report):
    """What holds of every profile."""
    rows, layers = report["operations"], report["layers"]
    assert sum(row["ms"] for row in rows) <= report["profiled_ms"], "operations take longer than the run"
    assert all(row["ms"] >= 0 and row["calls"] > 0 for row in rows)
    place = 0
    for layer in layers:
        own = rows[place:place + layer["operations"]]
        place += layer["operations"]
        assert own and all(row["layer"] == layer["name"] for row in own)
        for field in ["ms", "flops", "read_bytes", "written_bytes", "bound_ms"]:
            assert near(layer[field], sum(row[field] or 0 for row in own)), (layer, field)
    assert place == len(rows)
    machine = report["machine"]
    assert machine["flops_per_second"] > 1e8 and machine["levels"][-1]["name"] == "memory"
    for row in rows:
        if row["flops"] is None:
            continue
        total = row["read_bytes"] + row["written_bytes"]
        fastest = max(level["bytes_per_second"] for level in machine["levels"])
        slowest = min(level["bytes_per_second"] for level in machine["levels"])
        # i8 has four times the operations of f32.
        least = max(row["flops"] / machine["flops_per_second"] / 4, total / fastest) * 1e3
        most = (row["flops"] / machine["flops_per_second"] + total / slowest) * 1e3
        assert least * 0.999 <= row["bound_ms"] <= most * 1.001, row
        assert near(row["fraction"], row["bound_ms"] / row["ms"] if row["ms"] else 0), row
    memory = machine["levels"][-1]["bytes_per_second"]
    for row in rows + layers:
        if row["read_bytes"] is not None:
            assert near(row["read_fraction"], row["read_bytes"] / (memory * row["ms"] * 1e-3) if row["ms"] else 0), row
    live = [event["bytes"] for event in report["buffers"]["live"]]
    assert report["buffers"]["peak_bytes"] == max(live, default=0) and min(live, default=0) >= 0
    assert all(a["ms"] <= b["ms"] for a, b in zip(report["buffers"]["live"], report["buffers"]["live"][1:]))


def check_names(report):
    """Each node of the model has a row, shares one, or has no code."""
    rows = {row["name"] for row in report["operations"]}
    shared = {name for row in report["operations"] for name in row["fused"]}
    for name in NODES:
        places = (name in rows) + (name in shared) + (name in report["without_code"])
        assert places >= 1 and not (name in report["without_code"] and places > 1), (name, places)
    assert rows | shared | set(report["without_code"]) == set(NODES), rows | shared
    assert report["without_code"] == [NODES[5]]


def check_work(report, flops, dense_flops):
    by_name = {row["name"]: row for row in report["operations"]}
    packed = {param["key"]: param["bytes"] for param in report["params"]}
    for row in report["operations"]:
        weight = next((param for param in report["params"] if param["key"] == row["weight"]), None)
        want = 8 * weight["bytes"] / numpy.prod(weight["shape"]) if weight and row["kind"] == "product" else None
        assert row["bits_per_weight"] == want, row
    assert packed["layer.1.weight"] >= WIDE * N * F32
    read = {name: READ[name] + packed.get(by_name[name]["weight"], 0) for name in READ}
    for name in FLOPS:
        row = by_name[name]
        have = [row[field] for field in ["flops", "dense_flops", "read_bytes", "written_bytes"]]
        want = [flops[name], dense_flops[name], read[name], WRITTEN[name]]
        assert have == want, (name, have, want)
    return by_name


def check_bert(report):
    """Only what moves or shapes has no code of its own; all else is where the names of its layer are."""
    moves = ("slice", "unsqueeze", "reshape", "transpose", "cast", "gather", "concat", "shape")
    assert all(name.startswith(moves) for name in report["without_code"]), report["without_code"]
    # Operations are numbered in the order of the model; a layer's stand together.
    number = lambda name: int(name.rsplit("_", 1)[1])
    layers = [layer["name"] for layer in report["layers"]]
    assert layers == ["", "layer.0", "layer.1"], layers
    places = {layer: [number(name) for row in report["operations"] if row["layer"] == layer
                      for name in [row["name"], *row["fused"]]] for layer in layers}
    assert max(places["layer.0"]) < max(places["layer.1"]) and min(places["layer.0"]) < min(places["layer.1"]), places
    for layer in layers[1:]:
        rows = [row for row in report["operations"] if row["layer"] == layer]
        attention, = (row for row in rows if row["kind"] == "attention")
        assert any(name.startswith("softmax") for name in attention["fused"]), attention
        assert sum(row["kind"] == "layer.norm" for row in rows) == 2 and sum(row["kind"] == "product" for row in rows) == 6
        assert any(name.startswith("erf") for row in rows if row["kind"] == "product" for name in row["fused"])


    # Every row that computes is compared; f32 in another order differs, and by little.
    errors = [row["max_rel_error"] for row in report["operations"] if row["kind"] in ("product", "attention", "layer.norm")]
    assert None not in errors and 0 < max(errors) < 1e-4, errors


def check_accelerator(report):
    rows = report["operations"]
    assert {name for row in rows for name in [row["name"], *row["fused"]]} >= set(NODES[:5]), rows
    assert [row["layer"] for row in rows if row["name"] in (NODES[0], NODES[3])] == ["net.layer.0", "net.layer.1"]
    assert sum(row["macs"] for row in rows) == report["macs"] > 0
    assert sum(row["dram_bytes"] for row in rows) == report["bytes"]["dram_read"] + report["bytes"]["dram_written"]
    assert sum(row["instructions"] for row in rows) == sum(engine["instructions"] for engine in report["engines"])
    for row in rows:
        assert 0 <= row["begin_cycle"] <= row["end_cycle"] <= report["cycles"] * (1 + 1e-9), row


class Tags(html.parser.HTMLParser):
    """Tags nest, nothing is loaded, and the table's numbers."""

    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.rows, self.groups, self.cells, self.links = [], 0, 0, [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag == "tr":
            self.groups += attributes.get("class") == "group"
            self.rows += 1
            self.cells.append([])
        if tag in ("td", "th") and self.cells:
            self.cells[-1].append(attributes.get("data-v"))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


def check_page(report, path):
    text = open(path, encoding="utf-8").read()
    tags = Tags()
    tags.feed(text)
    assert not tags.open, tags.open
    assert not tags.links and text.count("://") == text.count('xmlns="http://www.w3.org/2000/svg"'), "the page loads something"
    assert "prefers-color-scheme: dark" in text and 'class="sorted"' in text
    assert (tags.groups, tags.rows) == (len(report["layers"]), 1 + len(report["layers"]) + len(report["operations"]))
    # The same numbers in the same order: a head, then each layer with its rows.
    rows, place = iter(tags.cells[1:]), 0
    for layer in report["layers"]:
        assert near(float(next(rows)[2]), float("%.9g" % layer["ms"]))
        for row in report["operations"][place:place + layer["operations"]]:
            cells = next(rows)
            assert near(float(cells[2]), float("%.9g" % row["ms"])) and float(cells[4]) == row["flops"], (row, cells)
        place += layer["operations"]
    for name in NODES:
        assert name in text


def main():
    if sys.argv[1] == "model":
        return write_model()
    report = json.load(open(sys.argv[2]))
    if sys.argv[1] == "accelerator":
        return check_accelerator(report)
    check_sums(report)
    if sys.argv[1] == "bert":
        return check_bert(report)
    if sys.argv[1] == "dynamic":
        row, = (row for row in report["operations"] if row["name"] == "double")
        assert row["calls"] == 3 and row["flops"] == 15 and row["read_bytes"] == row["written_bytes"] == 60, row
        return None
    check_names(report)
    if sys.argv[1] == "dense":
        check_work(report, DENSE_FLOPS, DENSE_FLOPS)
        assert report["dense_ms"] is None
        return None
    rows = check_work(report, FLOPS, DENSE_FLOPS)
    first, second = rows[NODES[0]], rows[NODES[3]]
    assert (first["pattern"], first["weight"], first["kind"], first["layer"]) == ("2:4", "layer.0.weight", "product", "net.layer.0")
    assert first["fused"] == [NODES[1], NODES[2]] and first["kernel"] in first["layout"]
    assert (second["pattern"], second["layer"]) == ("1:1", "net.layer.1")
    assert any("no N:M below dense" in note for note in second["notes"]), second
    # Whether a pattern gains is measured; where it does not, the row says why.
    assert first["dense_ms"] > 0 and report["dense_ms"] > 0 and second["dense_ms"] is None
    gains = first["dense_ms"] >= 1.05 * first["ms"]
    assert gains != any("gains nothing" in note for note in first["notes"]), first
    # The result is live when the call ends: a page says how much was, at most.
    assert report["buffers"]["peak_bytes"] >= ROWS * WIDE * F32
    check_page(report, sys.argv[3])
    return None


main()
