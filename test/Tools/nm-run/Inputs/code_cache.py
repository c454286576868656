# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The cache of compiled code, from outside. usage: code_cache.py <folder for files>

Entries are read and forged here by what nm/Support/FileCache.h and TextList.h say of them.
"""

import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import numpy as np

work = pathlib.Path(sys.argv[1]).resolve()
work.mkdir(parents=True)
os.chdir(work)
cache = work / "cache"
failures = []

MODEL = """func.func @f(%x: tensor<4x16xf32>) -> tensor<4x8xf32> {
  %w = nm.param "weight" : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  %c = arith.constant dense<FACTOR> : tensor<4x8xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<4x16xf32>, tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %r = linalg.add ins(%y, %c : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}
"""


def write_model(name, factor=0.5):
    pathlib.Path(name).write_text(MODEL.replace("FACTOR", str(factor)))


rng = np.random.default_rng(1)
weight = rng.standard_normal((8, 4, 4)).astype(np.float32)
weight[..., 2:] = 0
weight = weight.reshape(8, 16)
x = rng.standard_normal((4, 16)).astype(np.float32)
np.savez("w.npz", weight=weight)
np.save("x.npy", x)
write_model("m.mlir")


def check(condition, what):
    if not condition:
        failures.append(what)


def command(*options, model="m.mlir", report="r.json"):
    return ["nm-run", model, "--params=w.npz", "--input=x.npy", f"--output={report}.npy", f"--json={report}", *options]


def environment(**variables):
    result = {key: value for key, value in os.environ.items() if key not in ("NM_CODE_CACHE", "XDG_CACHE_HOME")}
    return result | {"NM_CODE_CACHE": str(cache)} | variables


def run(*options, model="m.mlir", factor=0.5, **variables):
    """State of the cache, and the error output; the result is compared."""
    env = {key: value for key, value in environment(**variables).items() if value is not None}
    done = subprocess.run(command(*options, model=model), env=env, capture_output=True, text=True, timeout=300)
    if done.returncode:
        return f"exit {done.returncode}", done.stderr
    check(np.allclose(np.load("r.json.npy"), x @ weight.T + factor, rtol=1e-5, atol=1e-5), f"{options} {variables}: wrong result")
    return json.load(open("r.json"))["code_cache"], done.stderr


def expect(state, what, *options, note="", **rest):
    found, text = run(*options, **rest)
    check(found == state, f"{what}: found '{found}', expected '{state}': {text}")
    # The notes of a run; nothing else is said.
    check(note in text if note else not text, f"{what}: error output {text!r}, expected {note!r}")


def entries(folder=cache):
    return sorted(folder.glob("*.entry")) if folder.is_dir() else []


def clear():
    shutil.rmtree(cache, ignore_errors=True)


# Kept, found, and the report but for times is the same.
expect("kept", "first run")
first = json.load(open("r.json"))
expect("found", "second run")
second = json.load(open("r.json"))
check(len(entries()) == 1, "one entry")
for field in ("remarks", "params", "packed_bytes", "function", "target"):
    check(first[field] == second[field], f"report: {field} differs")
check(second["codegen_ms"] == 0 and first["codegen_ms"] > 0, "report: codegen_ms")
text = subprocess.run(command("--report"), env=environment(), capture_output=True, text=True).stdout
check(re.search(r"^compile .*; code cache found$", text, re.M), "report: text")

# A search of patterns makes a program that has further results: none stands for another, made or found.
clear()
np.savez("d.npz", weight=rng.standard_normal((8, 16)).astype(np.float32))
pathlib.Path("d.mlir").write_text(MODEL.replace("FACTOR", "0.5").replace(", #nm.sparsity<2:4, axis = 1>", ""))
for turn in ("made", "found"):
    search = subprocess.run(["nm-run", "d.mlir", "--params=d.npz", "--calibrate=x.npy", "--sensitivity", "--threads=1"],
                            capture_output=True, text=True, env=environment(NM_CODE_CACHE=str(cache)))
    check(search.returncode == 0 and "1:4" in search.stdout, f"search, {turn}: exit {search.returncode}, {search.stderr[-300:]}")
    check(len(entries()) == 6, f"search, {turn}: {len(entries())} entries, expected the dense model's and five")
clear()
run()

# Whatever the code depends on is in the key.
for what, options, variables in [("dense", ["--dense"], {}), ("reference", ["--reference"], {}), ("processor", ["--target-cpu=x86-64-v3"], {}), ("target", ["--target=x86-64-avx2"], {}),
                                 ("checks", [], {"NM_VERIFY_AT_RUNTIME": "1"})]:
    if os.uname().machine != "x86_64" and what in ("processor", "target"):
        continue
    expect("kept", what, *options, **variables)
    expect("found", what + " again", *options, **variables)
write_model("m.mlir", 0.25)
expect("kept", "another constant", factor=0.25)
write_model("m.mlir")
expect("found", "the first one again")
expect("found", "what the code does not depend on", "--threads=2", "--repeat=3")

# Off, and where someone looks at the way.
before = [entry.stat().st_mtime_ns for entry in entries()]
expect("off", "flag", "--no-code-cache")
expect("off", "environment", NM_CODE_CACHE="off")
for options in [["--profile"], ["--remarks-output-file=remarks.yaml"], ["--dump-stages-to=stages"], ["--html=page.html"]]:
    expect("off", str(options), *options)
for options in [["--remarks-filter=.*"], ["--mlir-timing"]]:
    check(run(*options)[0] == "off", f"{options}: not off")
check(before == [entry.stat().st_mtime_ns for entry in entries()], "off: the cache changed")

# Where it lies.
for variables, folder in [({"XDG_CACHE_HOME": str(work / "xdg")}, "xdg/nm/code"), ({"XDG_CACHE_HOME": "xdg2", "HOME": str(work / "home")}, "home/.cache/nm/code")]:
    expect("kept", folder, NM_CODE_CACHE=None, **variables)
    expect("found", folder, NM_CODE_CACHE=None, **variables)
    check(len(entries(work / folder)) == 1, f"{folder}: no entry")
    check((work / folder).stat().st_mode & 0o777 == 0o700, f"{folder}: mode")
check(run(NM_CODE_CACHE=None, HOME=None)[0].startswith("off: neither"), "no home")
for variables in [{"NM_CODE_CACHE": "relative"}, {"NM_CODE_CACHE": ""}, {"NM_CODE_CACHE_SIZE": "much"}, {"NM_CODE_CACHE_SIZE": "0"}]:
    state, text = run(**variables)
    name, value = next(iter(variables.items()))
    check(state == "exit 1" and re.match(f"error: {name} is '{value}', expected ", text), f"{variables}: {state} {text}")
pathlib.Path("file").write_text("")
state, text = run(NM_CODE_CACHE=str(work / "file"))
check(state.startswith("off: ") and text.startswith("note: compiled code is not kept: "), f"a file: {state} {text}")


# Damaged entries.
MASK = (1 << 64) - 1


def mix(value, word):
    value = ((value ^ word) * 0x9E3779B97F4A7C15) & MASK
    return value ^ (value >> 29)


def hash_bytes(data):
    lanes = [1, 2, 3, 4]
    whole = len(data) // 32 * 32
    for words in struct.iter_unpack("<4Q", data[:whole]):
        lanes = [mix(lane, word) for lane, word in zip(lanes, words)]
    value = mix(mix(mix(*lanes[:2]), lanes[2]), lanes[3])
    for byte in data[whole:]:
        value = mix(value, byte)
    return mix(value, len(data))


def parts_of(entry):
    assert entry[:8] == b"NMCACHE1"
    length, size, checksum = struct.unpack_from("<3Q", entry, 8)
    key, content = entry[32:32 + length], entry[32 + length:]
    assert len(content) == size and checksum == mix(hash_bytes(key), hash_bytes(content)), "the page is wrong about entries"
    return key, content


def forged(key, content):
    return b"NMCACHE1" + struct.pack("<3Q", len(key), len(content), mix(hash_bytes(key), hash_bytes(content))) + key + content


def texts(*items):
    return struct.pack("<Q", len(items)) + b"".join(struct.pack("<Q", len(item)) + item for item in items)


clear()
expect("kept", "anew")
path = entries()[0]
good = path.read_bytes()
key, content = parts_of(good)
places = sorted({0, 7, 8, 16, 24, 31, 32, 33, len(good) // 2, len(good) - 1} | set(rng.integers(0, len(good), 12).tolist()))
damaged = [good[:at] + bytes([good[at] ^ 1 << int(rng.integers(8))]) + good[at + 1:] for at in places]
damaged += [good[:size] for size in (0, 5, 31, 32, len(good) // 3, len(good) - 1)] + [good + b"x", b"\0" * len(good), rng.bytes(4096)]
# Right to the last checksum, and still no code.
damaged += [forged(key, other) for other in (b"", texts(), texts(b"{}"), texts(b"{}", texts(), b"x")[:-1], texts(b"{}", texts(b"x"), b"y"),
                                             texts(b"{}", texts(texts(*[b"x"] * 5, texts(), texts(b"odd"))), b"y"), b"\xff" * 8, struct.pack("<Q", 1 << 60) + b"x" * 64)]
for i, data in enumerate(damaged):
    path.write_bytes(data)
    expect("kept", f"damage {i}", note="note: compiled code that was kept is of no use, and is made anew: ")
    check(path.read_bytes() == good or parts_of(path.read_bytes())[0] == key, f"damage {i}: not replaced")
expect("found", "after damage")
# Another key under this name is nothing that was kept.
path.write_bytes(forged(key + b"x", content))
expect("kept", "another key")
# No code, which the loader says.
path.write_bytes(forged(key, texts(b"{}", texts(), b"no object")))
state, text = run()
check(state == "exit 1" and "error: " in text, f"no object: {state} {text}")
path.unlink()
expect("kept", "after that")
path.chmod(0o666)
expect("kept", "a file that others write", note="note: compiled code that was kept is of no use, and is made anew: ")
pathlib.Path("elsewhere").write_bytes(good)
for make in (lambda: path.symlink_to(work / "elsewhere"), lambda: os.mkfifo(path)):
    path.unlink()
    make()
    expect("kept", "a link or a pipe", note="note: compiled code that was kept is of no use, and is made anew: ")
    check(path.is_file() and not path.is_symlink(), "a link or a pipe stayed")
check(pathlib.Path("elsewhere").read_bytes() == good, "what a link names was written")
path.unlink()
path.mkdir()
found, text = run()
check(text.startswith("note: ") and found.startswith("not kept"), f"a folder: {found} {text}")
clear()
cache.mkdir(mode=0o777)
cache.chmod(0o777)
state, text = run()
check(state.startswith("off: ") and "others can write" in text and not entries(), f"a folder that others write: {state} {text}")
clear()

# Bounded: what was not used for longest goes.
expect("kept", "one")
size = entries()[0].stat().st_size
models = [f"m{i}.mlir" for i in range(5)]
for i, model in enumerate(models):
    write_model(model, float(i))
bound = str(3 * size + size // 2)
for i, model in enumerate(models[:3]):
    expect("kept", model, model=model, factor=i, NM_CODE_CACHE_SIZE=bound)
expect("found", "used last", model=models[0], factor=0, NM_CODE_CACHE_SIZE=bound)
expect("kept", "one more", model=models[3], factor=3, NM_CODE_CACHE_SIZE=bound)
check(sum(entry.stat().st_size for entry in entries()) <= int(bound), "the bound is not kept")
expect("found", "used lately", model=models[0], factor=0, NM_CODE_CACHE_SIZE=bound)
expect("kept", "used long ago", model=models[1], factor=1, NM_CODE_CACHE_SIZE=bound)
expect("kept", "no room at all", model=models[4], factor=4, NM_CODE_CACHE_SIZE="100")
check(len(entries()) <= 3, "no room: entries")

# Processes at the same time, of the same and of other models, in a folder that keeps few.
clear()
jobs = [subprocess.Popen(command(model=models[i % 5], report=f"r{i}.json"), env=environment(NM_CODE_CACHE_SIZE=bound), stderr=subprocess.PIPE, text=True)
        for i in range(15)]
for i, job in enumerate(jobs):
    _, text = job.communicate(timeout=600)
    check(job.returncode == 0 and not text, f"process {i}: exit {job.returncode}, {text}")
    if job.returncode == 0:
        check(np.allclose(np.load(f"r{i}.json.npy"), x @ weight.T + i % 5, rtol=1e-5, atol=1e-5), f"process {i}: wrong result")
left = {entry.name for entry in cache.glob("*")} - {entry.name for entry in entries()} - {"lock"}
check(not left, f"left behind: {left}")

for failure in failures:
    print(failure)
sys.exit(bool(failures))
