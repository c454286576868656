# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""--prune with --calibrate and --prune-by. usage: calibrate.py <folder for files>

The oracle is the definition: a weight's score is its magnitude times the l2 norm of its input feature
over all tokens of all samples; the N largest of every M along the sum are kept, of equal ones the first.
Differences are ||pruned - dense|| / ||dense||.
"""

import json
import os
import shlex
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Inputs"))
from checks import begin, check  # noqa: E402

rng = begin()
TOKENS, IN, HIDDEN, OUT = 6, 32, 64, 24


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


# One weight lies [out, in] and is transposed, the other [in, out].
open("m.mlir", "w").write(f"""
func.func @f(%x: tensor<{TOKENS}x{IN}xf32>) -> tensor<{TOKENS}x{OUT}xf32> {{
  %a = nm.param "first.weight" : tensor<{HIDDEN}x{IN}xf32>
  %b = nm.param "second.weight" : tensor<{HIDDEN}x{OUT}xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{IN}x{HIDDEN}xf32>
  %t = linalg.transpose ins(%a : tensor<{HIDDEN}x{IN}xf32>) outs(%e : tensor<{IN}x{HIDDEN}xf32>) permutation = [1, 0]
  %e0 = tensor.empty() : tensor<{TOKENS}x{HIDDEN}xf32>
  %i0 = linalg.fill ins(%z : f32) outs(%e0 : tensor<{TOKENS}x{HIDDEN}xf32>) -> tensor<{TOKENS}x{HIDDEN}xf32>
  %h = linalg.matmul ins(%x, %t : tensor<{TOKENS}x{IN}xf32>, tensor<{IN}x{HIDDEN}xf32>)
                     outs(%i0 : tensor<{TOKENS}x{HIDDEN}xf32>) -> tensor<{TOKENS}x{HIDDEN}xf32>
  %c = tosa.clamp %h {{min_val = 0.0 : f32, max_val = 3.0e38 : f32}}
      : (tensor<{TOKENS}x{HIDDEN}xf32>) -> tensor<{TOKENS}x{HIDDEN}xf32>
  %e1 = tensor.empty() : tensor<{TOKENS}x{OUT}xf32>
  %i1 = linalg.fill ins(%z : f32) outs(%e1 : tensor<{TOKENS}x{OUT}xf32>) -> tensor<{TOKENS}x{OUT}xf32>
  %y = linalg.matmul ins(%c, %b : tensor<{TOKENS}x{HIDDEN}xf32>, tensor<{HIDDEN}x{OUT}xf32>)
                     outs(%i1 : tensor<{TOKENS}x{OUT}xf32>) -> tensor<{TOKENS}x{OUT}xf32>
  return %y : tensor<{TOKENS}x{OUT}xf32>
}}
""")
first = rng.standard_normal((HIDDEN, IN)).astype(np.float32)
second = rng.standard_normal((HIDDEN, OUT)).astype(np.float32)
np.savez("w.npz", **{"first.weight": first, "second.weight": second})
scale = np.exp(rng.standard_normal(IN) * 2)  # features of very different size
samples = [(rng.standard_normal((TOKENS, IN)) * scale).astype(np.float32) for _ in range(3)]
os.makedirs("flat"), os.makedirs("nested")
for i, sample in enumerate(samples):
    np.save(f"flat/{i}.npy", sample)
    os.makedirs(f"nested/{i}")
    np.save(f"nested/{i}/x.npy", sample)
np.save("x.npy", samples[0])
BASE = ["nm-run", "m.mlir", "--params=w.npz", "--input=x.npy"]


def forward(x, a, b):
    pre = x.astype(np.float64) @ a.T.astype(np.float64)
    # What the first product gives, activation fused or not, is compared behind the activation.
    return np.maximum(pre, 0), np.maximum(pre, 0) @ b.astype(np.float64)


def mask_of(weight, axis, n, m, norms):
    scores = np.moveaxis(np.abs(weight.astype(np.float64)), axis, -1) * norms
    groups = scores.reshape(-1, m)
    order = np.argsort(-groups, axis=1, kind="stable")
    mask = np.zeros_like(groups, dtype=bool)
    np.put_along_axis(mask, order[:, :n], True, axis=1)
    return np.moveaxis(mask.reshape(scores.shape), -1, axis)


def expected(by, n, m):
    x = np.concatenate(samples).astype(np.float64)
    h = forward(x, first, second)[0]
    ones = np.ones
    norms = (np.linalg.norm(x, axis=0), np.linalg.norm(h, axis=0)) if by == "wanda" else (ones(IN), ones(HIDDEN))
    return mask_of(first, 1, n, m, norms[0]), mask_of(second, 0, n, m, norms[1])


def read_masks(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    return {name: np.frombuffer(data[8 + size:][slice(*info["data_offsets"])], np.uint8).reshape(info["shape"]) != 0
            for name, info in header.items()}


outputs = {}
for by in ["wanda", "magnitude"]:
    for n, m in [(2, 4), (1, 4), (4, 8), (6, 8), (8, 16)]:
        what = f"{by} {n}:{m}"
        done = run(*BASE, f"--prune={n}:{m}", f"--prune-by={by}", "--calibrate=flat", "--save-masks=masks.safetensors",
                   "--output=y.npy", "--json=r.json")
        check(done.returncode == 0, what, done)
        if done.returncode:
            continue
        masks = read_masks("masks.safetensors")
        a, b = expected(by, n, m)
        check(np.array_equal(masks["first.weight"], a), f"{what}: mask of the first weight")
        check(np.array_equal(masks["second.weight"], b), f"{what}: mask of the second weight")
        want = forward(samples[0], first * a, second * b)[1]
        got = outputs[by, n, m] = np.load("y.npy")
        check(np.abs(got - want).max() <= 1e-4 * np.abs(want).max(), f"{what}: output")
        # Differences over all samples.
        x = np.concatenate(samples)
        dense, pruned = forward(x, first, second), forward(x, first * a, second * b)
        report = json.load(open("r.json"))["pruning"]
        check(report["by"] == by and report["samples"] == 3, f"{what}: report")
        check([layer["key"] for layer in report["layers"]] == ["first.weight", "second.weight"], f"{what}: layers")
        own = x.astype(np.float64) @ (first * ~a).T.astype(np.float64)
        pre = x.astype(np.float64) @ first.T.astype(np.float64)
        values = [report["layers"][0]["difference"], report["layers"][1]["difference"], report["results"][0]]
        ratio = lambda p, d: np.linalg.norm(p - d) / np.linalg.norm(d)
        firsts = [ratio(pruned[0], dense[0]), np.linalg.norm(own) / np.linalg.norm(pre)]
        check(min(abs(values[0] - f) for f in firsts) < 1e-4, f"{what}: difference {values[0]} of the first, {firsts}")
        check(all(abs(value - ratio(pruned[1], dense[1])) < 1e-4 for value in values[1:]), f"{what}: {values}")
        check(f"difference {values[2]:.3e}"[:15] in done.stderr.lower(), f"{what}: said", done)
        # The masks serve again.
        again = run(*BASE, f"--pattern={n}:{m}", "--masks=masks.safetensors", "--output=z.npy")
        check(again.returncode == 0 and np.array_equal(np.load("z.npy"), got), f"{what}: masks again", again)
check(any(not np.array_equal(outputs["wanda", n, m], outputs["magnitude", n, m]) for n, m in [(2, 4), (1, 4)]),
      "the two ways differ")
done = run(*BASE, "--prune=2:4", "--prune-by=wanda", "--calibrate=nested", "--output=y.npy")
check(done.returncode == 0 and np.array_equal(np.load("y.npy"), outputs["wanda", 2, 4]), "samples by argument", done)
done = run(*BASE, "--prune=2:4", "--prune-by=wanda", *[f"--calibrate=flat/{i}.npy" for i in range(3)], "--output=y.npy")
check(done.returncode == 0 and np.array_equal(np.load("y.npy"), outputs["wanda", 2, 4]), "samples by file", done)
done = run(*BASE, "--prune=first.*=2:4", "--prune-by=wanda", "--calibrate=flat", "--save-masks=one.safetensors")
check(done.returncode == 0 and list(read_masks("one.safetensors")) == ["first.weight"], "one layer", done)
check(run(*BASE, "--prune=2:4", "--output=y.npy").returncode == 0 and
      np.array_equal(np.load("y.npy"), outputs["magnitude", 2, 4]), "magnitude with and without inputs")

# What each weight costs alone, and a choice that keeps a bound.
SENSE = ["nm-run", "m.mlir", "--params=w.npz", "--calibrate=flat", "--sensitivity"]
x = np.concatenate(samples)
dense = forward(x, first, second)[1]
moved = lambda a, b: np.linalg.norm(forward(x, a, b)[1] - dense) / np.linalg.norm(dense)
for by in ["wanda", "magnitude"]:
    done = run(*SENSE, f"--prune-by={by}", "--json=s.json")
    check(done.returncode == 0, f"--sensitivity by {by}", done)
    if done.returncode:
        continue
    table = json.load(open("s.json"))
    check([layer["key"] for layer in table["layers"]] == ["first.weight", "second.weight"], "layers of the table")
    for index, layer in enumerate(table["layers"]):
        # The sums are over 32 and 64: every pattern fits.
        check([c["pattern"] for c in layer["choices"]] == ["6:8", "2:4", "4:8", "8:16", "1:4"], "patterns of the table")
        for choice in layer["choices"]:
            n, m = map(int, choice["pattern"].split(":"))
            masks = expected(by, n, m)
            want = moved(first * masks[0], second) if index == 0 else moved(first, second * masks[1])
            check(abs(choice["difference"] - want) < 1e-4, f"{by} {layer['key']} {n}:{m}: {choice}, {want}")
            check(f"{choice['difference']:.2e}" in done.stdout.lower(), f"{by} {n}:{m} is printed", done)
# Gains are times of this machine, which may be none for products as small as these: what is chosen may be nothing.
for bound in [0.0, 0.05, 0.3, 10.0]:
    done = run(*SENSE, "--prune-by=wanda", f"--max-difference={bound}", "--json=s.json")
    check(done.returncode == 0, f"bound {bound}", done)
    table = json.load(open("s.json"))
    picks = {layer["key"]: layer["chosen"] for layer in table["layers"]}
    a, b = [weight * (expected("wanda", *map(int, picks[key].split(":")))[i] if picks[key] else 1)
            for i, (key, weight) in enumerate([("first.weight", first), ("second.weight", second)])]
    check(abs(table["difference"] - moved(a, b)) < 1e-4 and table["difference"] <= bound + 1e-9, f"bound {bound}: {table}")
    line = " ".join(f"--prune '{key}={pick}'" for key, pick in picks.items() if pick)
    check(table["prune"] == line and (line in done.stdout if line else "no weight can be pruned" in done.stdout),
          f"bound {bound}: '{table['prune']}'", done)
    if line:
        again = run(*BASE, *shlex.split(line), "--prune-by=wanda", "--calibrate=flat", "--json=r.json")
        check(again.returncode == 0 and abs(json.load(open("r.json"))["pruning"]["results"][0] - table["difference"]) < 1e-6,
              f"bound {bound}: the line", again)

os.makedirs("none")
np.save("wrong.npy", np.ones((TOKENS, IN + 1), np.float32))
np.save("text.npy", np.ones((TOKENS, IN), np.int64))
for more, text in [(["--calibrate=flat"], "--calibrate is what pruning and rounding are measured on"),
                   (["--prune=2:4", "--prune-by=wanda"], "--prune-by is about what weights see"),
                   (["--prune=2:4", "--save-masks=s"], "--save-masks writes what calibration made"),
                   (["--prune=2:4", "--prune-by=wonda", "--calibrate=flat"], "wanda"),
                   (["--prune=2:4", "--calibrate=none"], "--calibrate finds no sample in 'none'"),
                   (["--prune=2:4", "--calibrate=missing"], "'missing', which is not there"),
                   (["--prune=2:4", "--calibrate=wrong.npy"], "wrong.npy"),
                   (["--prune=2:4", "--calibrate=text.npy"], "text.npy"),
                   (["--prune=2:4", "--calibrate=m.mlir"], "m.mlir"),
                   (["--prune=*=dense", "--calibrate=flat"], "nothing says which N:M"),
                   (["--prune=4:4", "--calibrate=flat"], "--calibrate has no effect"),
                   (["--prune=2:4", "--calibrate=flat", "--masks=masks.safetensors"], "--calibrate has no effect"),
                   (["--prune=2:4", "--calibrate=flat", "--save-masks=w.npz"], "would overwrite"),
                   (["--prune=2:4", "--calibrate=flat", "--save-masks=flat/0.npy"], "would overwrite")]:
    done = run(*BASE, *more)
    check(done.returncode == 1 and text in done.stderr and "error: " in done.stderr, str(more), done)
