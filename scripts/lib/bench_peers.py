# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each CPU runtime makes of the same 2:4 weights: scripts/bench peers.

Two cases on one thread: a BERT-base encoder layer at length 128, and the product of a 4096 x 4096 weight with one
vector, of which writing a token by a language model consists. Weights are random and pruned to 2:4; every runtime is
given the same ones, and its results are compared first. Calls take turns; figures are the least and the median time of
the calling thread on a processor, which on a machine shared with others says more than the clock on the wall.

$NM_ONNXRUNTIME names ONNX Runtime's library (scripts/lib/onnxruntime.py), $NM_GGML the folder of llama.cpp's libraries;
PyTorch is that of this Python. Those that are not there are left out."""

import argparse
import ctypes
import json
import os
import pathlib
import platform
import statistics
import sys
import tempfile
import time

import numpy as np

import nm
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Import/Onnx/Inputs"))
from onnxfile import graph, model, node, tensor, value  # noqa: E402
from transformers import Builder, Sizes, prune  # noqa: E402

try:
    import torch
except ImportError:
    torch = None

K = 4096
LENGTH = 128


def layer(path):
    """The file of a BERT-base layer with 2:4 weights; returns the weights and an input."""
    sizes = Sizes(hidden=768, heads=12, ffn=3072, scale=0.03)
    b = Builder(sizes, opset=17)
    attended = b.linear(b.attend("x", "a"), "o", 768, 768)
    y = b.layer_norm(b.add("Add", attended, "x"), "norm1")
    wide = b.gelu(b.linear(y, "up", 768, 3072))
    b.rename(b.layer_norm(b.add("Add", b.linear(wide, "down", 3072, 768), y), "norm2"), "y")
    for key, array in b.weights.items():
        if key.endswith(".weight") and array.ndim == 2:
            b.weights[key] = prune(array)
    shape = [1, LENGTH, 768]
    path.write_bytes(b.finish("layer", [value("x", "float32", shape)], [value("y", "float32", shape)]))
    return b.weights, np.random.default_rng(2).standard_normal(shape).astype("f4")


def torch_layer(weights, x):
    w = {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in weights.items()}
    x = torch.from_numpy(x)

    def linear(y, name):
        return torch.addmm(w[f"{name}.bias"], y, w[f"{name}.weight"])

    def norm(y, name):
        return torch.nn.functional.layer_norm(y, (768,), w[f"{name}.weight"], w[f"{name}.bias"])

    def run():
        with torch.no_grad():
            flat = x.view(LENGTH, 768)
            q, k, v = (linear(flat, f"a.{n}").view(LENGTH, 12, 64).transpose(0, 1) for n in "qkv")
            scores = torch.softmax(torch.matmul(q, k.transpose(1, 2)) / 8, -1)
            heads = torch.matmul(scores, v).transpose(0, 1).reshape(LENGTH, 768)
            y = norm(linear(heads, "o") + flat, "norm1")
            return norm(linear(torch.nn.functional.gelu(linear(y, "up")), "down") + y, "norm2").numpy()
    return run


def product(path):
    weight = prune(np.random.default_rng(3).standard_normal((K, K)).astype("f4") * np.float32(0.02))
    path.write_bytes(model(graph([node("MatMul", ["x", "w"], ["y"], "product")], [value("x", "float32", [1, K])],
                                 [value("y", "float32", [1, K])], [tensor("w", weight)], "product"), opset=17, ir=8))
    return weight, np.random.default_rng(4).standard_normal((1, K)).astype("f4")


class Ggml:
    """llama.cpp's product on one thread, by its C functions."""
    TYPES = {"f32": 0, "f16": 1, "q4_0": 2}

    class Init(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]

    def __init__(self, folder, kind, weight, x):
        folder = pathlib.Path(folder)
        self.base = ctypes.CDLL(str(folder / "libggml-base.so"), ctypes.RTLD_GLOBAL)
        self.cpu = ctypes.CDLL(str(folder / "libggml-cpu-haswell.so"), ctypes.RTLD_GLOBAL)
        for name in ("init", "new_tensor_2d", "mul_mat", "new_graph", "get_data"):
            getattr(self.base, f"ggml_{name}").restype = ctypes.c_void_p
        pointer, word = ctypes.c_void_p, ctypes.c_int64
        self.base.ggml_init.argtypes = [self.Init]
        self.base.ggml_new_tensor_2d.argtypes = [pointer, ctypes.c_int, word, word]
        self.base.ggml_mul_mat.argtypes = [pointer] * 3
        self.base.ggml_quantize_chunk.restype = ctypes.c_size_t
        self.base.ggml_quantize_chunk.argtypes = [ctypes.c_int, pointer, pointer, word, word, word, pointer]
        self.cpu.ggml_cpu_init()
        context = self.context = pointer(self.base.ggml_init(self.Init(weight.size * 4 + (64 << 20), None, False)))
        a = pointer(self.base.ggml_new_tensor_2d(context, self.TYPES[kind], K, K))
        b = pointer(self.base.ggml_new_tensor_2d(context, 0, K, 1))
        rows = np.ascontiguousarray(weight.T)
        place = pointer(self.base.ggml_get_data(a))
        if kind == "f32":
            ctypes.memmove(place, rows.ctypes.data, rows.nbytes)
        else:
            self.base.ggml_quantize_chunk(self.TYPES[kind], rows.ctypes.data, place, 0, K, K, None)
        ctypes.memmove(pointer(self.base.ggml_get_data(b)), x.ctypes.data, x.nbytes)
        y = pointer(self.base.ggml_mul_mat(context, a, b))
        self.graph = pointer(self.base.ggml_new_graph(context))
        self.base.ggml_build_forward_expand(self.graph, y)
        self.result = np.ctypeslib.as_array((ctypes.c_float * K).from_address(self.base.ggml_get_data(y))).reshape(1, K)

    def __call__(self):
        self.cpu.ggml_graph_compute_with_ctx(self.context, self.graph, 1)
        return self.result


def measure(calls, rounds):
    """Least and median milliseconds of this thread on a processor."""
    times = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.thread_time()
            call()
            times[name].append((time.thread_time() - begin) * 1e3)
    return {name: (min(taken), statistics.median(taken)) for name, taken in times.items()}


def check(calls, want, loose):
    for name, call in calls.items():
        off = float(np.abs(call() - want).max() / np.abs(want).max())
        if off > (0.1 if name in loose else 1e-3):
            sys.exit(f"error: {name} is off by {off:.1e} of the largest result")


def compiled(path, x, dense=False):
    function = nm.compile(path, dense=dense).only
    return lambda: function(x, threads=1)


def cases(folder, ort, ggml):
    """(title, calls by runtime, a reference result, those of few bits)."""
    path = folder / "layer.onnx"
    weights, x = layer(path)
    calls = model_calls(path, x, ort)
    if torch:
        calls[f"PyTorch {torch.__version__}"] = torch_layer(weights, x)
    yield f"BERT-base layer, length {LENGTH}", calls, calls["nm, as dense"](), ()
    path = folder / "product.onnx"
    weight, x = product(path)
    calls = model_calls(path, x, ort)
    if torch:
        a, b = torch.from_numpy(x), torch.from_numpy(weight)
        calls[f"PyTorch {torch.__version__}"] = lambda: torch.matmul(a, b).numpy()
    if ggml:
        calls.update({f"llama.cpp, {kind}": Ggml(ggml, kind, weight, x) for kind in Ggml.TYPES})
    yield f"{K} x {K} by one vector", calls, x @ weight, ("llama.cpp, q4_0", "llama.cpp, f16")


def model_calls(path, x, ort):
    """Those of nm and, where it is there, of ONNX Runtime, of a model in a file."""
    calls = {"nm, 2:4": compiled(path, x), "nm, as dense": compiled(path, x, dense=True)}
    if ort:
        session = onnxruntime.Session(path, threads=1)
        bound = session.bind([x])
        calls[f"ONNX Runtime {session.api.version}"] = lambda: bound.results()[0]
    return calls


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="calls of each (default 30)")
    parser.add_argument("--json", help="write the figures to this file")
    given = parser.parse_args()
    if given.rounds < 1:
        sys.exit(f"error: --rounds {given.rounds}, expected a positive number")
    if torch:
        torch.set_num_threads(1)
    ort = onnxruntime.find() is not None
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for title, calls, want, loose in cases(pathlib.Path(folder), ort, os.environ.get("NM_GGML")):
            check(calls, want, loose)
            figures[title] = measure(calls, given.rounds)
            print(f"{title}, one thread\n  {'':20} {'min ms':>8} {'median':>8}")
            for name, (least, median) in figures[title].items():
                print(f"  {name:20} {least:8.3f} {median:8.3f}")
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump({"schema": "nm.bench-peers/1", "machine": platform.processor() or platform.machine(),
                       "load": os.getloadavg()[0], "ms": figures}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
