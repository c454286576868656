# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""BERT and GPT-2 in eager PyTorch, as its users write them, on the weights of a model of transformers.py.

PyTorch is that of this Python (scripts/setup --torch). A function takes the weights by name, the sizes and the model's
inputs, and gives the call that is timed; the call's results are the model's, in order.
"""

import ctypes
import importlib.util
import math

import numpy

MODELS = {"bert", "gpt2"}


def find():
    """Whether PyTorch is there; importing it takes seconds."""
    return importlib.util.find_spec("torch") is not None


class _Modules:
    def __init__(self, weights, sizes):
        import torch
        self.torch, self.sizes = torch, sizes
        self.w = {name: torch.from_numpy(numpy.array(array)) for name, array in weights.items()}

    def linear(self, x, name):
        flat = self.torch.addmm(self.w[f"{name}.bias"], x.reshape(-1, x.shape[-1]), self.w[f"{name}.weight"])
        return flat.view(*x.shape[:-1], -1)

    def norm(self, x, name):
        return self.torch.nn.functional.layer_norm(
            x, (x.shape[-1],), self.w[f"{name}.weight"], self.w[f"{name}.bias"], 1e-5)

    def heads(self, x):
        return x.view(*x.shape[:2], self.sizes.heads, self.sizes.width).transpose(1, 2)

    def attention(self, q, k, v, mask):
        scores = self.torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.sizes.width)
        x = self.torch.matmul(self.torch.softmax(scores + mask, -1), v)
        return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], self.sizes.hidden)


def bert(weights, sizes, inputs):
    m = _Modules(weights, sizes)
    torch, gelu = m.torch, m.torch.nn.functional.gelu
    ids, mask = (torch.from_numpy(numpy.array(array)) for array in inputs)

    def call():
        with torch.no_grad():
            hidden = (1 - mask[:, None, None].float()) * -10000.0
            x = m.w["word.embedding"][ids] + m.w["place.embedding"][: ids.shape[1]]
            x = m.norm(x, "embeddings.norm")
            for i in range(sizes.layers):
                p = f"layer.{i}"
                q, k, v = (m.heads(m.linear(x, f"{p}.{n}")) for n in "qkv")
                x = m.norm(m.linear(m.attention(q, k, v, hidden), f"{p}.o") + x, f"{p}.norm1")
                x = m.norm(m.linear(gelu(m.linear(x, f"{p}.up")), f"{p}.down") + x, f"{p}.norm2")
            return [x]
    return call


def gpt2(weights, sizes, inputs):
    m = _Modules(weights, sizes)
    torch = m.torch
    ids, places, *old = (torch.from_numpy(numpy.array(array)) for array in inputs)
    past, steps = old[0].shape[2], ids.shape[1]
    seen = torch.ones(past + steps, past + steps).tril()[past:]
    hidden = torch.zeros_like(seen).masked_fill(seen == 0, -math.inf)

    def gelu(x):
        # PyTorch 1.13 has it by name, with the same formula.
        return torch.nn.functional.gelu(x, approximate="tanh")

    def call():
        with torch.no_grad():
            x, presents = m.w["wte.embedding"][ids] + m.w["wpe.embedding"][places], []
            for i in range(sizes.layers):
                p = f"h.{i}"
                q, k, v = m.linear(m.norm(x, f"{p}.ln_1"), f"{p}.attn").split(sizes.hidden, -1)
                k = torch.cat([old[2 * i], m.heads(k)], 2)
                v = torch.cat([old[2 * i + 1], m.heads(v)], 2)
                presents += [k, v]
                x = m.linear(m.attention(m.heads(q), k, v, hidden), f"{p}.proj") + x
                x = m.linear(gelu(m.linear(m.norm(x, f"{p}.ln_2"), f"{p}.up")), f"{p}.down") + x
            return [torch.matmul(m.norm(x, "ln_f"), m.w["wte.embedding"].T)] + presents
    return call


class Model:
    """The call of one model on `threads` threads of PyTorch's own."""

    def __init__(self, name, weights, sizes, inputs):
        self.call = globals()[name](weights, sizes, inputs)

    @staticmethod
    def version():
        import torch
        return torch.__version__

    @staticmethod
    def set_threads(threads):
        import torch
        torch.set_num_threads(threads)
        # OpenBLAS, of which Debian's PyTorch makes use, has threads of its own.
        with open("/proc/self/maps", encoding="utf-8") as maps:
            paths = {line.split()[-1] for line in maps if "blas" in line and line.rstrip().endswith((".so", ".0", ".3"))}
        for path in paths:
            library = ctypes.CDLL(path)
            if hasattr(library, "openblas_set_num_threads"):
                library.openblas_set_num_threads(threads)

    def results(self):
        return [result.numpy() for result in self.call()]

    def __call__(self):
        self.call()
