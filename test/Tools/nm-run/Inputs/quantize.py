# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm-run --prune --quantize on a weight of its own: the results, what is said of each weight, and what is refused.

The oracle prunes and rounds in NumPy: each group gets the best of five scales, as docs/kernels.md says, so results differ
from the dense model's by exactly that, and by the rounding of activations where the kernels of integers run."""

import os
import re
import subprocess
import sys

import numpy as np
from grouped_products import function, rounded_activations
from safetensors import prune, write

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
seed = int(os.environ.get("NM_SEED", "5"))
rng = np.random.default_rng(seed)
ROWS, K = 64, 192


def rounded(w, group, bits=4):
    """The nearest weight of so many bits, group by group."""
    half = 1 << (bits - 1)
    groups = w.reshape(-1, group)
    most = np.take_along_axis(groups, np.abs(groups).argmax(1)[:, None], 1)
    best, least = np.zeros_like(groups), (groups.astype("f8") ** 2).sum(1)
    for top in half - np.array([0, 0.25, 0.5, 0.75, 1]):
        scale = (-most / np.float32(top)).astype("f2").astype("f4")
        safe = np.where(scale == 0, np.float32(1), scale)
        tried = np.clip(np.rint(groups / safe), -half, half - 1).astype("f4") * safe
        error = np.where(scale[:, 0] == 0, np.inf, ((groups.astype("f8") - tried) ** 2).sum(1))
        best = np.where((error < least)[:, None], tried, best)
        least = np.minimum(least, error)
    return best.reshape(w.shape)


def run(*options):
    command = ["nm-run", f"{folder}/m.mlir", *options]
    return subprocess.run(command, capture_output=True, text=True)


failures = []


def check(condition, what):
    if not condition:
        failures.append(what)
        print("seed %d: %s" % (seed, what))


weight = rng.standard_normal((ROWS, K)).astype("f4") * np.float32(0.05)
weight[3, :64] = 0  # a group of zeros
write(f"{folder}/w.safetensors", {"w": weight})
with open(f"{folder}/m.mlir", "w") as file:
    file.write("\n".join(function(tokens, ROWS, K) for tokens in (1, 3, 17)))
MODEL = [f"--params={folder}/w.safetensors"]

for pruning, (n, m) in (("2:4", (2, 4)), ("1:4", (1, 4)), (None, (1, 1))):
    for group, each in ((32, 4), (64, 4), (32, 8), (64, 8)):
        kept = prune(weight, n, m)
        expected = rounded(kept, group, each)
        norm = np.linalg.norm(weight.astype("f8"))
        for tokens in (1, 3, 17):
            x = rng.standard_normal((tokens, K)).astype("f4")
            np.save(f"{folder}/x.npy", x)
            options = [*MODEL, f"--entry=tokens{tokens}", f"--input={folder}/x.npy", f"--output={folder}/y.npy",
                       f"--quantize=i{each}:{group}", "--report", *([f"--prune={pruning}"] if pruning else [])]
            result = run(*options)
            what = "%s i%d:%d, %d tokens" % (pruning, each, group, tokens)
            check(result.returncode == 0, what + ": " + result.stderr)
            if result.returncode:
                continue
            # Few columns read integers and round the activations, many read floats.
            seen = rounded_activations(x) if tokens <= 16 else x.astype("f8")
            y, size = seen @ expected.T.astype("f8"), np.abs(seen) @ np.abs(expected.T.astype("f8"))
            error = np.abs(np.load(f"{folder}/y.npy") - y)
            check((error <= 3e-6 * size + 1e-30).all(), "%s: off by %g" % (what, error.max()))
            for pattern, distance in ((r"([\d.]+) % of its norm removed", kept - weight),
                                      (r"rounded to %d bits in groups of %d, ([\d.]+) %% of its norm changed" % (each, group),
                                       expected - kept)):
                found = re.search(pattern, result.stderr)
                if not pruning and "removed" in pattern:
                    continue
                check(found and abs(float(found[1]) - 100 * np.linalg.norm(distance.astype("f8")) / norm) < 0.006,
                      "%s: says %s" % (what, result.stderr))
            row = re.search(r"^ +w .*$", result.stdout, re.M)[0]
            bits = each * n / m + {(2, 4): 0.75, (1, 4): 0.5, (1, 1): 0}[n, m] + 16 / group
            check((" %.2f " % bits in row) == (tokens <= 16), "%s: bits a weight in %s" % (what, row))

for options, message in (
        (["--quantize=i4:48"], "expected i4:32, i4:64, i4:128"), (["--quantize=i5:64"], "i8:64 or i8:128"),
        (["--quantize=i4:64", "--prune=2:8"], "pattern '2:8' has no form of integers in groups"),
        (["--quantize=i4:128"], "'i4:128' has no effect: no f32 matrix"),
        (["--quantize=i4:64", "--dense"], "--dense takes every weight as it is"),
        (["--quantize=i4:64", "--target=edge"], "--quantize")):
    np.save(f"{folder}/x.npy", np.zeros((1, K), "f4"))
    result = run(*MODEL, "--entry=tokens1", f"--input={folder}/x.npy", *options)
    check(result.returncode == 1 and message in result.stderr, "%s: %d, %s" % (options, result.returncode, result.stderr))

for bad in (np.nan, np.inf, 1e38):
    broken = weight.copy()
    broken[7, 70] = bad
    write(f"{folder}/w.safetensors", {"w": broken})
    result = run(*MODEL, "--entry=tokens1", f"--input={folder}/x.npy", "--quantize=i4:64")
    check(result.returncode == 1 and "group [7, 1]" in result.stderr and "no f16 scale reaches" in result.stderr,
          "%r: %d, %s" % (bad, result.returncode, result.stderr))

# What a checkpoint has in four bits is kept where it is asked for.
write(f"{folder}/w.safetensors", {"w": weight})
result = run(*MODEL, "--entry=tokens1", f"--input={folder}/x.npy", "--quantize=keep")
check(result.returncode == 1 and "'keep' has no effect: no f32 matrix is made of integers in groups" in result.stderr,
      "keep of floats: %d, %s" % (result.returncode, result.stderr))
for n, m in ((2, 4), (1, 4), (1, 1)):
    for group, each in ((32, 4), (64, 4), (64, 8)):
        quantised = rounded(prune(weight, n, m), group, each)
        write(f"{folder}/w.safetensors", {"w": quantised})
        x = rng.standard_normal((1, K)).astype("f4")
        np.save(f"{folder}/x.npy", x)
        result = run(*MODEL, "--entry=tokens1", f"--input={folder}/x.npy", f"--output={folder}/y.npy", "--quantize=keep")
        seen = rounded_activations(x)
        y, size = seen @ quantised.T.astype("f8"), np.abs(seen) @ np.abs(quantised.T.astype("f8"))
        what = "keep %d:%d, i%d in groups of %d" % (n, m, each, group)
        check(result.returncode == 0 and f"of {each} bits in groups of {group}" in result.stderr, what + ": " + result.stderr)
        check((np.abs(np.load(f"{folder}/y.npy") - y) <= 3e-6 * size + 1e-30).all(), what + ": wrong results")

# A checkpoint of four bits is declared by the program, and found out by the loader if it is none.
with open(f"{folder}/m.mlir", "w") as file:
    file.write(function(1, ROWS, K).replace(f'%wy = nm.param "w" : tensor<{ROWS}x{K}xf32>', f"""
  %s = nm.param "w" : tensor<{ROWS}x{K}xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
  %wy = nm.decompress %s : tensor<{ROWS}x{K}xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>> to tensor<{ROWS}x{K}xf32>"""))
for quantised in (rounded(prune(weight, 2, 4), 64), prune(weight, 2, 4)):
    write(f"{folder}/w.safetensors", {"w": quantised})
    x = rng.standard_normal((1, K)).astype("f4")
    np.save(f"{folder}/x.npy", x)
    for extra in ([], ["--reference"]):
        result = run(*MODEL, f"--input={folder}/x.npy", f"--output={folder}/y.npy", *extra)
        if quantised is not None and (quantised == rounded(quantised, 64)).all():
            seen = x.astype("f8") if extra else rounded_activations(x)
            y, size = seen @ quantised.T.astype("f8"), np.abs(seen) @ np.abs(quantised.T.astype("f8"))
            check(result.returncode == 0 and (np.abs(np.load(f"{folder}/y.npy") - y) <= 3e-6 * size + 1e-30).all(),
                  "declared: " + result.stderr)
        else:
            check(result.returncode == 1 and "no f16 scale times integers" in result.stderr,
                  "declared wrongly: %d, %s" % (result.returncode, result.stderr))

sys.exit(1 if failures else 0)
