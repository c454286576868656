# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What can be seen of a compilation from inside. usage: stages.py <folder for files>

Each stage prints a module that can be read again; those on tensors compile further to the same results.
"""

import os
import re
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Inputs"))
from checks import check  # noqa: E402

os.makedirs(sys.argv[1])
os.chdir(sys.argv[1])
os.umask(0o022)
STAGES = ["import", "linalg", "patterns", "named", "packed", "buffers", "kernels", "loops"]
rng = np.random.default_rng(1)
dense = rng.standard_normal((8, 32)).astype(np.float32)
weight = rng.standard_normal((32, 32)).astype(np.float32)
weight.reshape(32, 8, 4)[..., :2] = 0  # 2:4 along the rows
np.savez("w.npz", w=weight.T.copy())
np.save("x.npy", dense)
open("m.mlir", "w").write("""
func.func @f(%%x: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %%w = nm.param "w" : tensor<32x32xf32>
  %%c = arith.constant dense<%s> : tensor<32xf32>
  %%z = arith.constant 0.0 : f32
  %%e = tensor.empty() : tensor<8x32xf32>
  %%i = linalg.fill ins(%%z : f32) outs(%%e : tensor<8x32xf32>) -> tensor<8x32xf32>
  %%b = linalg.broadcast ins(%%c : tensor<32xf32>) outs(%%e : tensor<8x32xf32>) dimensions = [0]
  %%0 = linalg.matmul ins(%%x, %%w : tensor<8x32xf32>, tensor<32x32xf32>) outs(%%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  %%1 = tosa.add %%0, %%b : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  return %%1 : tensor<8x32xf32>
}
""" % [float(i) for i in range(32)])
open("stateful.mlir", "w").write("""
ml_program.global private mutable @state(dense<0.0> : tensor<4xf32>) : tensor<4xf32>
func.func @f(%%x: tensor<4xf32>) -> tensor<40xf32> {
  ml_program.global_store @state = %%x : tensor<4xf32>
  %%c = arith.constant dense<%s> : tensor<40xf32>
  return %%c : tensor<40xf32>
}
""" % [1234.5 + i for i in range(40)])
PARAMS = ["--params=w.npz"]


def run(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, timeout=200, **kwargs)


def result_of(model, *more):
    done = run("nm-run", model, "--input=x.npy", "--output=y.npy", *more)
    return np.load("y.npy") if done.returncode == 0 else done


expected = result_of("m.mlir", *PARAMS)
np.testing.assert_allclose(expected, dense @ weight.T + np.arange(32), rtol=1e-4, atol=1e-4)

# Words of what each stage has, and of what it has no more.
HOLDS = {"import": ("tosa.add", "nm.sparsity"), "linalg": ("linalg.matmul", "tosa."),
         "patterns": ("#nm.sparsity<2:4", "tosa."), "named": ("nm.matmul", "linalg.matmul"),
         "packed": ("nm.manifest", "nm.param "), "buffers": ("memref", "tensor."),
         "kernels": ("kernel.tile_product", "nm.packed_matmul"), "loops": ("vector", "nm.matmul")}
texts = {}
for stage in STAGES:
    for tool, pre in [("nm-compile", []), ("nm-run", [])]:
        done = run(tool, "m.mlir", f"--compile-to={stage}", "-o", f"{stage}.mlir", *PARAMS)
        check(done.returncode == 0, f"{tool} --compile-to={stage}", done)
        text = open(f"{stage}.mlir").read() if done.returncode == 0 else ""
        check(text == texts.setdefault(stage, text), f"{stage}: nm-run and nm-compile differ")
    has, lacks = HOLDS[stage]
    check(has in text and lacks not in text, f"{stage} has '{has}' and not '{lacks}'")
    check("31.0" in text or "3.100000e+01" in text, f"{stage}: constants are whole")
    done = run("nm-opt", f"{stage}.mlir")
    check(done.returncode == 0, f"nm-opt reads {stage}", done)
    if stage in ("import", "linalg", "patterns", "named"):
        got = result_of(f"{stage}.mlir", *PARAMS)
        check(isinstance(got, np.ndarray) and np.array_equal(got, expected), f"{stage} compiles further", got)
done = run("nm-compile", "m.mlir", "--compile-to=linalg")
check(done.stdout == texts["linalg"], "standard output", done)

# Dumps: numbered, what changes alone, without the constants.
done = run("nm-compile", "m.mlir", *PARAMS, "--dump-stages-to=all", "-o", "m.o")
names = sorted(os.listdir("all"))
check(done.returncode == 0 and names == [f"{i:02}-{stage}.{end}" for i, (stage, end) in enumerate(
    [(stage, "mlir") for stage in STAGES + ["mlir"]] + [("llvm", "ll")])], f"dumps: {names}", done)
for name in names[:-1]:
    text = open(f"all/{name}").read()
    check("__elided__" in text and "31.0" not in text and "3.1000" not in text, f"{name} is without constants")
    check(run("nm-opt", f"all/{name}").returncode == 0, f"nm-opt reads {name}")
done = run("nm-run", "m.mlir", "--input=x.npy", "--dump-stages-to=dense", "--dense", *PARAMS)
check(done.returncode == 0 and "02-patterns.mlir" not in os.listdir("dense"), "a stage that changes nothing", done)
done = run("nm-compile", "m.mlir", *PARAMS, "--dump-stages-to=short", "--compile-to=named")
check(done.returncode == 0 and sorted(os.listdir("short")) == [f"{i:02}-{s}.mlir" for i, s in enumerate(STAGES[:4])],
      "dumps of a short compilation", done)
done = run("nm-run", "m.mlir", *PARAMS, "--target=edge", "--timing-only", "--dump-stages-to=edge")
ACCELERATOR = STAGES[:4] + ["values", "blocks", "places", "instructions"]
check(done.returncode == 0 and sorted(os.listdir("edge")) == [
    f"{i:02}-{s}.mlir" for i, s in enumerate(ACCELERATOR)] + ["08-attacc-asm.s"], "dumps for an accelerator", done)

# Stages of an accelerator are read again, and go on to the same program.
HOLDS = {"values": ("tile.product", "tile.for"), "blocks": ("tile.for", "tile.slots"),
         "places": ("tile.addresses", "attacc.nm_gemm"), "instructions": ("attacc.nm_gemm", "tile.")}
NEXT = {"values": "tile-fuse-rows,tile-block-rows,tile-block-products", "blocks":
        "tile-assign-engines,tile-choose-slots,tile-insert-sync,tile-allocate", "places": "tile-to-attacc"}
for stage, (has, lacks) in HOLDS.items():
    done = run("nm-compile", "m.mlir", f"--compile-to={stage}", "--target=edge", "-o", f"{stage}.mlir", *PARAMS)
    check(done.returncode == 0, f"--compile-to={stage}", done)
    text = open(f"{stage}.mlir").read() if done.returncode == 0 else ""
    check(has in text and lacks not in text, f"{stage} has '{has}' and not '{lacks}'")
for stage, after in zip(ACCELERATOR[4:], ACCELERATOR[5:]):
    done = run("nm-opt", f"{stage}.mlir", f"--pass-pipeline=builtin.module(attacc.program({NEXT[stage]}))")
    check(done.returncode == 0 and done.stdout.strip() == open(f"{after}.mlir").read().strip(),
          f"{stage} goes on to {after}", done)

# The folder: new, empty, or refused before anything is written.
os.mkdir("empty")
os.mkdir("full")
open("full/b", "w"), open("full/a", "w")
open("file", "w")
os.mkdir("locked")
os.chmod("locked", 0o555)
os.chmod(".", 0o755)
user = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
base = ["nm-compile", "m.mlir", "--emit=llvm", *PARAMS]
check(run(*base, "--dump-stages-to=empty/").returncode == 0 and os.listdir("empty"), "an empty folder")
for folder, why, kwargs in [
        ("full", "it is not empty: 'a' is in it; name another folder, or empty it", {}),
        ("file", "it is a file; expected a folder", {}), ("/dev/null", "it is a file; expected a folder", {}),
        ("missing/x", "no such folder 'missing'; make it first", {}), ("locked", "Permission denied", user),
        ("locked/x", "Permission denied", user), ("", "empty value", {})]:
    for option in ["dump-stages-to", "reproducer-to"]:
        if option == "reproducer-to" and folder == "full":
            continue
        done = run(*base, f"--{option}={folder}", **kwargs)
        check(done.returncode == 1 and f"error: --{option} " in done.stderr and why in done.stderr
              and done.stdout == "", f"--{option}={folder}", done)
check(os.listdir("full") == ["a", "b"] or sorted(os.listdir("full")) == ["a", "b"], "nothing is written where refused")
os.mkdir("same")
done = run("nm-compile", "m.mlir", *PARAMS, "--dump-stages-to=same", "-o", "./same/09-llvm.ll")
check(done.returncode == 1 and "both write" in done.stderr and not os.listdir("same"), "an output among the dumps", done)

# Words that are not stages, and options that come to nothing.
for word, text in [("pakced", "packed"), ("llvm", "import, linalg, patterns, named, packed, buffers, kernels, loops, values, blocks, places or instructions")]:
    done = run("nm-compile", "m.mlir", f"--compile-to={word}")
    check(done.returncode == 1 and text in done.stderr, f"--compile-to={word}", done)
help_text = run("nm-compile", "--help").stdout
check(all(re.search(rf"^\s+{stage} ", help_text, re.M) for stage in STAGES), "help lists the stages")
for command, text in [
        (["--compile-to=named", "--emit=llvm"], "--emit has no effect: --compile-to ends before there is code"),
        (["--compile-to=linalg", *PARAMS, "--prune=2:4"], "--prune has no effect: --compile-to=linalg ends before"),
        (["--compile-to=named", "--prefix=p_"], "--prefix has no effect"),
        (["--compile-to=named", "-o", "m.so"], "'m.so' ends as code does, but --compile-to=named writes a module"),
        (["--compile-to=packed", "--target=edge"], "--compile-to=packed is a stage of processors, but --target=edge is "
         "an accelerator; expected --compile-to=import, linalg, patterns, named, values, blocks, places or instructions"),
        (["--compile-to=blocks"], "--compile-to=blocks is a stage of accelerators, but --target=host is a processor")]:
    done = run("nm-compile", "m.mlir", *command)
    check(done.returncode == 1 and text in done.stderr, str(command), done)
for command in [["--input=x.npy"], ["--repeat=2"], ["--report"]]:
    done = run("nm-run", "m.mlir", "--compile-to=named", *command)
    check(done.returncode == 1 and "needs a run, but --compile-to only compiles" in done.stderr, str(command), done)

# A stage that fails leaves a reproducer without what constants hold.
os.mkdir("tmp")
for more, place in [(["--reproducer-to=kept"], "kept/stateful-linalg.mlir"), ([], "tmp/nm-linalg-")]:
    done = run("nm-compile", "stateful.mlir", "--emit=llvm", *more, env={**os.environ, "TMPDIR": os.path.abspath("tmp")})
    found = re.search(r"error: the module did not compile \(stage 'linalg'\); a reproducer without weights is in "
                      r"'([^']*)', for nm-opt --run-reproducer$", done.stderr, re.M)
    check(done.returncode == 1 and found and place in found[1], f"reproducer {more}", done)
    if found:
        text = open(found[1]).read()
        check("1234.5" not in text and "1.2345" not in text and "__elided__" in text, "without constants")
        again = run("nm-opt", "--run-reproducer", found[1])
        first = [line.split("error:")[1] for line in done.stderr.splitlines() if "error:" in line][0]
        check(again.returncode != 0 and first in again.stderr, "the reproducer fails in the same way", again)
check(sorted(os.listdir("kept")) == ["stateful-linalg.mlir"] and len(os.listdir("tmp")) == 1, "one reproducer each")
done = run("nm-compile", "stateful.mlir", "--emit=llvm", "--dump-stages-to=broken", "--reproducer-to=kept")
check(done.returncode == 1 and os.listdir("broken") == ["00-import.mlir"], "dumps of a failure", done)
done = run("nm-compile", "stateful.mlir", "--emit=llvm", env={**os.environ, "TMPDIR": "/dev/null"})
check(done.returncode == 1 and "no reproducer was written" in done.stderr and "--reproducer-to" in done.stderr,
      "nowhere to write", done)
