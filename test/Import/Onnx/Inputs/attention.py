# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random forms of ONNX's Attention against its definition in f64: each runs as one fused kernel.

Operands of rank 3 and 4, grouped heads, values of another width, caches, lengths of sequences, masks of every shape,
causal, windows, soft caps, scores as an output. What a sequence's length hides holds NaN now and then, in keys only: a
weight of zero times NaN is NaN where values are visited.

usage: attention.py FOLDER COUNT [SEED]
"""

import subprocess

import numpy

from onnxfile import graph, node, value, write
from rounds import run_random


def reference(f):
    """Outputs Y, present_key, present_value, scores; from the operator's text (version 24, windows from later)."""
    def heads(x, count):
        return x.reshape(*x.shape[:2], count, -1).transpose(0, 2, 1, 3) if x.ndim == 3 else x

    q, k, v = (heads(x.astype(float), n) for x, n in zip(f["qkv"], (f["heads"], f["groups"], f["groups"])))
    past = 0
    if f["past"]:
        past = f["past"][0].shape[2]
        k, v = (numpy.concatenate([old.astype(float), new], 2) for old, new in zip(f["past"], (k, v)))
    present = k, v
    ratio = f["heads"] // f["groups"]
    k, v = k.repeat(ratio, 1), v.repeat(ratio, 1)
    scale = f["scale"] or q.shape[-1] ** -0.5
    with numpy.errstate(invalid="ignore"):
        scores = q @ k.transpose(0, 1, 3, 2) * scale
    stages = [scores]
    if f["softcap"]:
        scores = f["softcap"] * numpy.tanh(scores / f["softcap"])
    stages.append(scores)
    rows, keys = scores.shape[2:]
    j = numpy.arange(keys)
    i = numpy.arange(rows)[None, :, None] + past
    if f["lengths"] is not None and not f["past"]:
        i = i + (f["lengths"] - rows)[:, None, None]
    seen = numpy.ones((len(q), 1, rows, keys), bool)
    if f["lengths"] is not None:
        seen &= (j < f["lengths"][:, None, None])[:, None]
        v = numpy.where((j < f["lengths"][:, None])[:, None, :, None], v, 0)  # what is not there is not read
    if f["causal"]:
        seen &= (j <= i)[:, None]
    if f["left"] >= 0:
        seen &= (j >= i - f["left"])[:, None]
    if f["right"] >= 0:
        seen &= (j <= i + f["right"])[:, None]
    mask = f["mask"]
    if mask is not None and mask.shape[-1] not in (1, keys):  # a mask of fewer keys hides the others
        more = [(0, 0)] * (mask.ndim - 1) + [(0, keys - mask.shape[-1])]
        mask = numpy.pad(mask, more, constant_values=False if mask.dtype == bool else -numpy.inf)
    if mask is not None and mask.dtype == bool:
        seen = seen & mask
    elif mask is not None:
        scores = scores + mask
    scores = numpy.where(seen, scores, -numpy.inf)
    stages.append(scores)
    most = scores.max(-1, keepdims=True)
    e = numpy.where(scores == -numpy.inf, 0, numpy.exp(scores - numpy.where(most == -numpy.inf, 0, most)))
    total = e.sum(-1, keepdims=True)
    weights = e / numpy.where(total == 0, 1, total)
    stages.append(weights)
    y = weights @ v
    if f["qkv"][0].ndim == 3:
        y = y.transpose(0, 2, 1, 3).reshape(len(y), rows, -1)
    return [y, *present, stages[f["mode"]]]


def draw(source):
    pick = source.integers
    groups, ratio = int(pick(1, 4)), int(source.choice([1, 1, 2, 4]))
    batch = int(source.choice([1, 2, 3, 8, 16]))
    rows = int(source.choice([1, 1, 2, 5, 17]))
    width, other = int(source.choice([4, 8, 20])), int(source.choice([4, 8, 12]))
    past = int(pick(1, 30)) if pick(3) == 0 else 0
    keys = rows if past else rows + int(pick(0, 40))
    heads = groups * ratio

    def floats(*shape):
        return source.standard_normal(shape).astype(numpy.float32)

    f = dict(heads=heads, groups=groups, softcap=float(source.choice([0, 0, 1.5])), causal=int(pick(2)),
             scale=float(source.choice([0, 0.3])), left=-1, right=-1, lengths=None, mask=None, past=None)
    f["qkv"] = [floats(batch, heads, rows, width), floats(batch, groups, keys, width), floats(batch, groups, keys, other)]
    if pick(2):
        f["qkv"] = [x.transpose(0, 2, 1, 3).reshape(batch, x.shape[2], -1) for x in f["qkv"]]
    if past:
        f["past"] = [floats(batch, groups, past, width), floats(batch, groups, past, other)]
    total = past + keys
    if not past and pick(2):
        f["lengths"] = pick(rows, total + 1, batch)
    if pick(3) == 0:
        f["left"] = int(pick(0, 9))
        f["right"] = int(source.choice([-1, 0, 2]))
    form = pick(4)
    if form:
        shape = [int(source.choice([1, batch])), int(source.choice([1, heads])), rows, total][4 - int(pick(2, 5)):]
        f["mask"] = source.random(shape) < 0.7 if form == 1 else floats(*shape)
    f["mode"] = int(pick(4))
    f["wants_scores"] = bool(pick(3) == 0)
    if f["lengths"] is not None and not f["wants_scores"] and pick(2):
        packed = f["qkv"][1].ndim == 3
        for n, length in enumerate(f["lengths"]):
            for x in f["qkv"][1:]:
                x[(n, slice(length, None)) if packed else (n, slice(None), slice(length, None))] = numpy.nan
    return f


def check(name, f):
    wants = [True, f["past"] is not None, f["past"] is not None, f["wants_scores"]]
    given = {"q": f["qkv"][0], "k": f["qkv"][1], "v": f["qkv"][2], "mask": f["mask"],
             "past_k": f["past"] and f["past"][0], "past_v": f["past"] and f["past"][1],
             "lengths": f["lengths"]}
    given = {n: x for n, x in given.items() if x is not None}
    inputs = [n if n in given else "" for n in ("q", "k", "v", "mask", "past_k", "past_v", "lengths")]
    outputs = [n if want else "" for n, want in zip(("y", "present_k", "present_v", "scores"), wants)]
    options = dict(is_causal=f["causal"], softcap=f["softcap"])
    if f["qkv"][0].ndim == 3:
        options |= dict(q_num_heads=f["heads"], kv_num_heads=f["groups"])
    options |= {key: f[k] for key, k in (("left_window_size", "left"), ("right_window_size", "right")) if f[k] >= 0}
    options |= dict(scale=f["scale"]) if f["scale"] else {}
    options |= dict(qk_matmul_output_mode=f["mode"]) if f["wants_scores"] else {}
    expected = [x for x, want in zip(reference(f), wants) if want]
    write(f"{name}.onnx", graph(
        [node("Attention", inputs, outputs, **options)],
        [value(n, str(x.dtype), x.shape) for n, x in given.items()],
        [value(n, "float32", x.shape) for n, x in zip(filter(None, outputs), expected)]), opset=24, ir=11)
    command = ["nm-run", f"{name}.onnx", "--threads=1", "--report"]
    for n, x in given.items():
        numpy.save(f"{name}_{n}.npy", x)
        command.append(f"--input={n}={name}_{n}.npy")
    command += [f"--output={name}_{n}.npy" for n in filter(None, outputs)]
    done = subprocess.run(command, capture_output=True, text=True)
    shown = {k: str([part.shape for part in x]) if isinstance(x, list) else getattr(x, "shape", x) for k, x in f.items()}
    if done.returncode:
        return f"{name}: {shown}: {done.stderr[-500:]}"
    if done.stdout.count("attention-kernel") != 1:
        return f"{name}: {shown}: no fused kernel"
    for n, want in zip(filter(None, outputs), expected):
        have = numpy.load(f"{name}_{n}.npy")
        if have.shape != want.shape or not numpy.allclose(have, want, rtol=1e-4, atol=1e-5, equal_nan=True):
            return f"{name}: {shown}: {n} {have.shape}, expected {want.shape}, off by {numpy.abs(have - want).max():.2e}"
    return None


run_random(lambda i, source: check(f"a{i}", draw(source)), "forms", 5)
