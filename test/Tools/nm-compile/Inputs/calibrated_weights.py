# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm-compile with --calibrate, --prune-by, --round and --save-masks. usage: calibrated_weights.py <folder for files>

The oracles are the definition of the scores (a weight's magnitude times the l2 norm of its input feature over all tokens of
all samples; the N largest of every M are kept) and nm-run, whose rounding is tested against GPTQ in numpy. A product with the
identity shows the weight.
"""

import os
import subprocess
import sys

import nm
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Inputs"))
from checks import begin, check  # noqa: E402

rng = begin()
K, ROWS = 128, 40


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def function(name, *keys):
    """The products of the input with the weights of these keys."""
    head = ", ".join(f"tensor<{K}x{ROWS}xf32>" for _ in keys)
    text = f"func.func @{name}(%x: tensor<{K}x{K}xf32>) -> ({head}) {{\n  %z = arith.constant 0.0 : f32\n"
    for key in keys:
        text += f"""  %{key} = nm.param "{key}" : tensor<{K}x{ROWS}xf32>
  %e{key} = tensor.empty() : tensor<{K}x{ROWS}xf32>
  %i{key} = linalg.fill ins(%z : f32) outs(%e{key} : tensor<{K}x{ROWS}xf32>) -> tensor<{K}x{ROWS}xf32>
  %y{key} = linalg.matmul ins(%x, %{key} : tensor<{K}x{K}xf32>, tensor<{K}x{ROWS}xf32>)
      outs(%i{key} : tensor<{K}x{ROWS}xf32>) -> tensor<{K}x{ROWS}xf32>
"""
    return text + f"  return {', '.join('%y' + key for key in keys)} : {head}\n}}\n"


def kept(weight, n, m, norms):
    """Weights [in, out] of which the N largest scores of every M along the first dimension stay."""
    scores = (np.abs(weight.astype("f8")) * norms[:, None]).T.reshape(ROWS, -1, m)
    mask = np.zeros(scores.shape, bool)
    np.put_along_axis(mask, np.argsort(-scores, -1, kind="stable")[..., :n], True, -1)
    return weight * mask.reshape(ROWS, K).T


w, v = (rng.standard_normal((K, ROWS)).astype("f4") for _ in range(2))
np.savez("w.npz", w=w, v=v)
open("one.mlir", "w").write(function("f", "w"))
open("two.mlir", "w").write(function("f", "w") + function("g", "v", "w"))
# Features of very different size that depend on one another.
mix = rng.standard_normal((K, K)) * np.exp(rng.standard_normal(K))
samples = [(rng.standard_normal((K, K)) @ mix + 1).astype("f4") for _ in range(2)]
os.makedirs("samples")
for i, sample in enumerate(samples):
    np.save(f"samples/{i}.npy", sample)
identity = np.eye(K, dtype="f4")
np.save("x.npy", identity)
norms = np.linalg.norm(np.concatenate(samples).astype("f8"), axis=0)
WANDA = ["--prune=2:4", "--prune-by=wanda"]
GPTQ = ["--quantize=i4:32", "--round=gptq"]
COMPILE = ["nm-compile", "one.mlir", "--params=w.npz"]

results = {}
for index, options in enumerate([WANDA, ["--prune=1:4"], GPTQ, [*WANDA, "--quantize=i4:64", "--round=gptq"], [*WANDA, "--quantize=i8:128"]]):
    what = " ".join(options)
    options = [*options, "--calibrate=samples"]
    masks = [f"--save-masks=masks{index}"] if "--prune" in what else []
    here = run("nm-run", "one.mlir", "--params=w.npz", "--input=x.npy", "--output=y.npy", *options, *masks)
    check(here.returncode == 0, f"nm-run {what}", here)
    want = results[what] = np.load("y.npy")
    there = [f"--save-masks=again{index}"] if masks else []
    for form in [[f"--output={index}.nm"], [f"--output={index}.so", f"--weights={index}.nmw"]]:
        done = run(*COMPILE, *form, *options, *there)
        check(done.returncode == 0, f"nm-compile {what} {form}", done)
        if done.returncode:
            continue
        got = nm.load(form[0].split("=")[1])(identity)
        check(np.array_equal(got, want), f"{what} {form}: {np.abs(got - want).max()} from nm-run")
        told = done.stderr.splitlines()
        check("differences are" in done.stderr and all(line in here.stderr for line in told), f"{what}: says", done)
    if masks:
        check(open(f"masks{index}", "rb").read() == open(f"again{index}", "rb").read(), f"{what}: masks")
check(np.array_equal(results[" ".join(WANDA)], kept(w, 2, 4, norms)), "2:4 by wanda")
check(np.array_equal(results["--prune=1:4"], kept(w, 1, 4, np.ones(K))), "1:4 by magnitude")
check(not np.array_equal(kept(w, 2, 4, norms), kept(w, 2, 4, np.ones(K))), "the two ways differ")

# Another target has the same masks, and masks alone need no packed weights.
for form in [["--target=aarch64-neon", "--output=arm.o", "--weights=arm.nmw"], ["--emit=llvm", "--output=m.ll"]]:
    done = run(*COMPILE, *form, *WANDA, "--calibrate=samples", "--save-masks=other")
    check(done.returncode == 0 and open("other", "rb").read() == open("masks0", "rb").read(), f"{form}", done)

# Two functions with a weight of both and one that the function of the samples does not read.
TWO = ["nm-compile", "two.mlir", "--params=w.npz", "--calibrate=samples"]
done = run(*TWO, *WANDA, "--entry=f", "--output=f.nm")
check(done.returncode == 0 and "v is pruned by magnitude: no product shows its input" in done.stderr, "two functions", done)
model = nm.load("f.nm")
pair = [kept(v, 2, 4, np.ones(K)), kept(w, 2, 4, norms)]
check(np.array_equal(model["f"](identity), pair[1]), "the first of two functions")
check(all(map(np.array_equal, model["g"](identity), pair)), "the second of two functions")
done = run(*TWO, *GPTQ, "--entry=g", "--output=g.nm")
check(done.returncode == 0 and np.array_equal(nm.load("g.nm")["f"](identity), results[" ".join(GPTQ)]), "a shared weight", done)

SAVED = ["--output=m.so", "--weights=m.nmw"]
for more, text in [([*SAVED, "--calibrate=samples"], "--calibrate is what pruning and rounding are measured on"),
                   ([*SAVED, *WANDA], "--prune-by is about what weights see"),
                   ([*SAVED, *GPTQ], "--round is about what weights see"),
                   (["--output=m.so", *WANDA, "--calibrate=samples"], "--calibrate goes with packed weights"),
                   (["--compile-to=kernels", *WANDA, "--calibrate=samples"], "--calibrate has no effect: --compile-to"),
                   (["--target=edge", "--output=m.nmb", *WANDA, "--calibrate=samples"], "is for processors"),
                   ([*SAVED, "--entry=f"], "--entry is for accelerators"),
                   ([*SAVED, *WANDA, "--calibrate=none"], "'none', which is not there"),
                   ([*SAVED, *WANDA, "--calibrate=w.npz"], "w.npz"),
                   ([*SAVED, *WANDA, "--calibrate=samples", "--save-masks=m.nmw"], "both write"),
                   ([*SAVED, *WANDA, "--calibrate=samples", "--save-masks=samples/0.npy"], "would overwrite"),
                   ([*SAVED, "--round=gptq", "--quantize=keep", "--calibrate=samples"], "--quantize=keep rounds nothing")]:
    done = run(*COMPILE, *more)
    check(done.returncode == 1 and text in done.stderr and "error: " in done.stderr, str(more), done)
    check(not os.path.exists("m.so") and not os.path.exists("m.nmw"), f"{more}: leaves files")
done = run(*TWO, *WANDA, "--output=none.nm")
check(done.returncode == 1 and "with --entry" in done.stderr and not os.path.exists("none.nm"), "no entry of two", done)
# What cannot run cannot be calibrated; the same of nm-run.
text = open("one.mlir").read()
called = text.replace("%z =", "call @h() : () -> ()\n  %z =") + "func.func private @h()\n"
for name, body, words in [("complex", text.replace("(%x:", "(%c: complex<f32>, %x:"), "function 'f' cannot be run: argument 0"),
                          ("called", called, "function 'h' is called but has no body")]:
    open(f"{name}.mlir", "w").write(body)
    for tool, more in [("nm-compile", SAVED), ("nm-run", [])]:
        done = run(tool, f"{name}.mlir", "--params=w.npz", *WANDA, "--calibrate=samples", *more)
        check(done.returncode == 1 and words in done.stderr and "JIT" not in done.stderr, f"{tool} {name}", done)
with open("one.mlir") as stream:
    done = subprocess.run(["nm-compile", "-", *COMPILE[2:], *SAVED, *WANDA, "--calibrate=samples"], stdin=stream,
                          capture_output=True, text=True, timeout=200)
check(done.returncode == 1 and "standard input is read once" in done.stderr, "a model from standard input", done)
