# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm-run --quantize=keep on checkpoints of four and eight bits: those of compressed-tensors, GPTQ, AWQ and GGUF, and models of
ONNX Runtime.

The weight is what each format defines: (integer - zero point) * scale, in float64 here. A product with the identity returns
it bit by bit (rounded once to f32 where the scales are f32); one token reads the integers and rounds activations. The
report has the bits a weight that follow from groups, scales and zero points, and a line says what became of the weight."""

import json
import os
import re
import struct
import subprocess
import sys
import types
from pathlib import Path

import numpy as np

here = Path(__file__).resolve().parent
for tests in ("Python", "Import/Onnx"):
    sys.path.insert(0, str(here.parents[2] / tests / "Inputs"))
sys.modules["nm"] = types.ModuleType("nm")
sys.modules["nm.checkpoint"] = types.ModuleType("nm.checkpoint")
sys.modules["nm.checkpoint"].Checkpoint = None
import foreign_checkpoints as foreign  # noqa: E402
import onnxfile  # noqa: E402
from grouped_products import function, product, rounded_activations  # noqa: E402

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
seed = int(os.environ.get("NM_SEED", "3"))
rng = np.random.default_rng(seed)
ROWS, K = 64, 256
failures = []
# Formats that say the same become one module: it is compiled once.
os.environ["NM_CODE_CACHE"] = os.path.abspath(f"{folder}/code")


def check(condition, what):
    if not condition:
        failures.append(what)
        print("seed %d: %s" % (seed, what))


def bf16(values):
    """Truncated, as f32 and as the bits that files hold."""
    bits = np.asarray(values, np.float32).view(np.uint32) >> 16
    return (bits << 16).view(np.float32), bits.astype(np.uint16)


def write(tensors):
    """A safetensors file; arrays of uint16 are bf16."""
    header, data = {}, b""
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        kind = "BF16" if array.dtype == np.uint16 else foreign.DTYPES[array.dtype.name]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(f"{folder}/w.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return f"{folder}/w.safetensors"


def scales_of(shape, kind):
    values = rng.standard_normal(shape) / 100
    if kind == "f16":
        return values.astype(np.float16).astype(np.float64), values.astype(np.float16)
    if kind == "bf16":
        wide, bits = bf16(values * 2.0**-20)  # beyond what an f16 says
        return wide.astype(np.float64), bits
    return values.astype(np.float32).astype(np.float64), values.astype(np.float32)


def corners(values, zeros, least, most):
    """Puts the least and the greatest zero point into the first group of rows 0 and 1 (the last dimension's), with all that
    meets them: the least and the greatest integer."""
    zeros[:2, 0] = least, most
    values[:2, :2] = values.min(), values.max()


def pack_quantized(group, kind, symmetric, sparse, order=False, bits=4):
    """values, zero points from -8 to 7 (-128 to 127)."""
    groups, half = K // group, 1 << (bits - 1)
    values, zeros = rng.integers(-half, half, (ROWS, K)), np.zeros((ROWS, groups), int)
    group_of = np.arange(K) // group
    if not symmetric:
        zeros = rng.integers(-half, half, (ROWS, groups))
        corners(values, zeros, -half, half - 1)
    if order:
        group_of = rng.permutation(group_of)
    if sparse:
        drop = np.argsort(rng.random((ROWS, K // 4, 4)), -1)[..., :2]
        kept = np.ones((ROWS, K // 4, 4), bool)
        np.put_along_axis(kept, drop, False, -1)
        values = np.where(kept.reshape(ROWS, K), values, zeros[:, group_of])
    scales, stored = scales_of((ROWS, groups), kind)
    tensors = {"l.weight_packed": foreign.pack_to_int32(values, bits), "l.weight_scale": stored,
               "l.weight_shape": np.array([ROWS, K], np.int64)}
    if order:
        tensors["l.weight_g_idx"] = group_of.astype(np.int32)
    if not symmetric:
        tensors["l.weight_zero_point"] = foreign.pack_to_int32(zeros, bits, packed_dim=0)
    return tensors, (values - zeros[:, group_of]) * scales[:, group_of]


def int_quantized(group, kind, symmetric, sparse):
    """The same integers of 8 bits as bytes, under the weight's own name."""
    tensors, dense = pack_quantized(group, kind, symmetric, sparse, bits=8)
    values = tensors.pop("l.weight_packed").view(np.uint8).reshape(ROWS, K) ^ 128
    del tensors["l.weight_shape"]
    if not symmetric:
        words = tensors["l.weight_zero_point"]
        zeros = words.view(np.uint8).reshape(words.shape[0], -1, 4).transpose(0, 2, 1).reshape(ROWS, -1) ^ 128
        tensors["l.weight_zero_point"] = zeros.view(np.int8)
    return {**tensors, "l.weight": values.view(np.int8)}, dense


def gptq(group, order, bits=4, symmetric=False, less=1):
    """Integers from 0 to 15 (255), zero points of as many bits, stored `less` 1 or, in the form gptq_v2, 0."""
    size = 1 << bits
    values, zeros = rng.integers(0, size, (K, ROWS)), rng.integers(less, size + less, (K // group, ROWS))
    if symmetric:
        zeros = np.full_like(zeros, size // 2)
    else:
        corners(values.T, zeros.T, less, size - 1 + less)
    scales, stored = scales_of((K // group, ROWS), "f16")
    group_of = np.arange(K) // group
    if order:
        group_of = rng.permutation(group_of)
    tensors = {"l.qweight": np.ascontiguousarray(foreign.words(values.T, bits).T), "l.qzeros": foreign.words(zeros - less, bits),
               "l.scales": stored, "l.g_idx": group_of.astype(np.int32)}
    return tensors, ((values - zeros[group_of]) * scales[group_of]).T


def awq(group):
    tensors, _ = foreign.awq(rng, ROWS, K, K // group)
    fields = [(tensors[name].view(np.uint32)[..., None] >> (4 * np.arange(8, dtype=np.uint32)) & 15).astype(int)
              for name in ("l.qweight", "l.qzeros")]
    place = np.array([0, 4, 1, 5, 2, 6, 3, 7])  # the inverse of 0 2 4 6 1 3 5 7
    values, zeros = (f[..., place].reshape(f.shape[0], -1) for f in fields)
    group_of = np.arange(K) // group
    return tensors, ((values - zeros[group_of]) * tensors["l.scales"].astype(np.float64)[group_of]).T


def marlin24(grouped):
    """The library's own dense weight is rounded to f16: a scale of a power of two makes that exact."""
    state = rng.bit_generator.state
    tensors, dense = foreign.marlin24(rng, ROWS, K, grouped, 4, full=True)
    rng.bit_generator.state = state
    draw = rng.standard_normal
    rng_like = types.SimpleNamespace(integers=rng.integers, choice=rng.choice,
                                     standard_normal=lambda shape: 100 * 2.0 ** np.rint(draw(shape) - 6))
    tensors, dense = foreign.marlin24(rng_like, ROWS, K, grouped, 4, full=True)
    return tensors, dense.astype(np.float64)


def gguf(kind):
    raw, dense = (foreign.super_blocks if kind > 8 else foreign.blocks)(rng, (ROWS, K), kind)
    path = f"{folder}/w.gguf"
    Path(path).write_bytes(foreign.gguf([("l.weight", (ROWS, K), kind, raw)]))
    return path, dense.astype(np.float64)


def nbits(block, kind, zeros, bits):
    """MatMulNBits of ONNX Runtime's docs/ContribOperators.md: blocks along K, two integers of 4 bits a byte, the first low."""
    size = 1 << bits
    packed = lambda fields: (fields if bits == 8 else fields[:, 0::2] | fields[:, 1::2] << 4).astype(np.uint8)
    values, points = rng.integers(0, size, (ROWS, K)), np.full((ROWS, K // block), size // 2)
    scales, stored = scales_of((ROWS, K // block), kind)
    if zeros:
        points = rng.integers(0, size, points.shape)
        corners(values, points, 0, size - 1)
    initializers = {"b": packed(values).reshape(ROWS, K // block, block * bits // 8), "s": stored.reshape(-1)}
    if zeros:
        initializers["z"] = packed(points).reshape(-1)
    return initializers, (values - points.repeat(block, 1)) * scales.repeat(block, 1)


def write_onnx(tokens, block, initializers, bits):
    node = onnxfile.node("MatMulNBits", ["x", *initializers], ["y"], "p", domain="com.microsoft", K=K, N=ROWS, bits=bits,
                         block_size=block)
    fields = onnxfile.graph([node], [onnxfile.value("x", "float32", [tokens, K])],
                            [onnxfile.value("y", "float32", [tokens, ROWS])],
                            [onnxfile.tensor(name, array) for name, array in initializers.items()])
    path = f"{folder}/m{tokens}.onnx"
    Path(path).write_bytes(onnxfile.model(fields, domains=[("com.microsoft", 1)]))
    return path


def expect_onnx(what, block, kind, zeros, keeps=True, each=4):
    initializers, dense = nbits(block, kind, zeros, each)
    bits, said = form(kind, zeros, block, each)
    x = rng.standard_normal((1, K)).astype(np.float32)
    for tokens, given in ((K, np.eye(K, dtype=np.float32)), (1, x)):
        path = write_onnx(tokens, block, initializers, each)
        for option in (["--quantize=keep"], []) if keeps else ([],):
            np.save(f"{folder}/x.npy", given)
            result = subprocess.run(["nm-run", path, f"--params={path}", f"--input={folder}/x.npy", f"--output={folder}/y.npy", "--report",
                                     *option], capture_output=True, text=True)
            check(result.returncode == 0, what + ": " + result.stderr)
            if result.returncode:
                return
            y = np.load(f"{folder}/y.npy")
            if tokens == K:
                check(np.array_equal(y, dense.T.astype(np.float32)), what + ": the weight differs")
                continue
            seen = rounded_activations(given) if option else given
            right, size = seen @ dense.T, np.abs(seen) @ np.abs(dense.T)
            check((np.abs(y - right) <= 3e-6 * size).all(), "%s, %s: wrong results" % (what, option))
            if option:
                check(said in result.stderr, "%s: says %s, expected %s" % (what, result.stderr, said))
                row = re.search(r"^ +b .*$", result.stdout, re.M)
                check(row and " %.2f " % (each + bits) in row[0], "%s: %s" % (what, row and row[0]))


with open(f"{folder}/m.mlir", "w") as file:
    file.write("\n".join(function(tokens, ROWS, K, "l.weight") for tokens in (1, K)))


def run(path, tokens, x):
    np.save(f"{folder}/x.npy", x)
    result = subprocess.run(["nm-run", f"{folder}/m.mlir", f"--params={path}", f"--entry=tokens{tokens}", "--quantize=keep",
                             f"--input={folder}/x.npy", f"--output={folder}/y.npy", "--report"], capture_output=True, text=True)
    return result, np.load(f"{folder}/y.npy") if result.returncode == 0 else None


def expect(what, made, bits, *said):
    """`bits` a weight of one token's product; None: the checkpoint has no integers that can be kept. `said`: what lines say."""
    path, dense = made
    if isinstance(path, dict):
        path = write(path)
    if bits is None:
        result, _ = run(path, 1, np.zeros((1, K), np.float32))
        check(result.returncode == 1 and "'keep' has no effect" in result.stderr, "%s: %s" % (what, result.stderr))
        return
    result, y = run(path, K, np.eye(K, dtype=np.float32))
    check(result.returncode == 0, what + ": " + result.stderr)
    if result.returncode:
        return
    check(np.array_equal(y, dense.T.astype(np.float32)), "%s: the weight differs by up to %g" % (
        what, np.abs(y - dense.T).max()))
    for each in said:
        check(each in result.stderr, "%s: says %s, expected %s" % (what, result.stderr, each))
    x = rng.standard_normal((1, K)).astype(np.float32)
    result, y = run(path, 1, x)
    check(result.returncode == 0, what + ": " + result.stderr)
    seen = rounded_activations(x)
    right, size = seen @ dense.T, np.abs(seen) @ np.abs(dense.T)
    check(result.returncode == 0 and (np.abs(y - right) <= 3e-6 * size).all(), what + ": wrong results")
    row = re.search(r"^ +l.weight .*$", result.stdout, re.M)
    check(row and " %.2f " % bits in row[0], "%s: expected %.2f bits a weight, got %s" % (what, bits, row and row[0]))


def form(kind, zeros, group, each=4):
    """Bits a weight beside the integers, and how a line says it."""
    bits = ({"f16": 16, "bf16": 16, "f32": 32}[kind] + (8 if zeros else 0)) / group
    half = 1 << (each - 1)
    return bits, "of %d bits in groups of %d, %s scale times integers from %s" % (
        each, group, kind, "0 to %d less a zero point" % (2 * half - 1) if zeros else "%d to %d" % (-half, half - 1))


for group, kind, symmetric, sparse in [(32, "f16", True, True), (64, "bf16", True, True), (128, "f32", True, True),
                                       (128, "f16", False, True), (64, "bf16", False, False), (32, "f32", False, True),
                                       (256, "f16", True, True)]:
    bits, said = form(kind, not symmetric, min(group, 128))
    name = "pack-quantized, groups of %d, %s, %s, %s" % (group, kind, "symmetric" if symmetric else "zero points",
                                                         "2:4" if sparse else "dense")
    expect(name, pack_quantized(group, kind, symmetric, sparse), bits + (2.75 if sparse else 4), said,
           "kept l.weight [64, 256] at 2:4" if sparse else "took l.weight [64, 256] as dense")
expect("pack-quantized with g_idx", pack_quantized(64, "f16", True, False, True), None)
for group in (32, 128):
    bits, said = form("f16", True, group)
    expect("GPTQ, groups of %d" % group, gptq(group, False), 4 + bits, said)
    expect("AWQ, groups of %d" % group, awq(group), 4 + bits, said)
expect("GPTQ with desc_act", gptq(64, True), None)
for grouped in (False, True):
    bits, said = form("f16", False, 128)
    expect("marlin-24", marlin24(grouped), 2.75 + bits, said)
bits, said = form("f16", False, 32)
expect("Q4_0", gguf(2), 4 + bits, said)
for kind, name in ((3, "Q4_1"), (12, "Q4_K"), (14, "Q6_K")):
    expect(name, gguf(kind), None)
bits, said = form("f16", False, 32, 8)
for kind, name in ((6, "Q5_0"), (8, "Q8_0")):
    expect(name, gguf(kind), 8 + bits, said)
for group, kind, symmetric, sparse in [(32, "bf16", True, True), (128, "f16", True, False), (64, "f16", False, True),
                                       (128, "f32", False, False), (256, "bf16", True, True)]:
    bits, said = form(kind, not symmetric, min(group, 128), 8)
    expect("pack-quantized of 8 bits, groups of %d" % group, pack_quantized(group, kind, symmetric, sparse, bits=8),
           bits + (4.75 if sparse else 8), said)
    expect("int-quantized, groups of %d" % group, int_quantized(group, kind, symmetric, sparse),
           bits + (4.75 if sparse else 8), said)
for symmetric in (True, False):
    bits, said = form("f16", not symmetric, 128, 8)
    expect("GPTQ of 8 bits", gptq(128, False, 8, symmetric), 8 + bits, said)
# A checkpoint of the form gptq_v2 says so in the file beside it.
config = Path(f"{folder}/quantize_config.json")
config.write_text(json.dumps({"bits": 4, "checkpoint_format": "gptq_v2"}))
for each, group in ((4, 64), (8, 32)):
    bits, said = form("f16", True, group, each)
    expect("GPTQ (gptq_v2) of %d bits" % each, gptq(group, False, each, less=0), each + bits, said)
config.unlink()

expect_onnx("MatMulNBits, blocks of 32", 32, "f32", False)
expect_onnx("MatMulNBits, blocks of 64, zero points", 64, "f32", True)
expect_onnx("MatMulNBits of 8 bits, blocks of 32", 32, "f32", False, each=8)
expect_onnx("MatMulNBits of 8 bits, blocks of 64, zero points", 64, "f32", True, each=8)
# So few zero points are constants of the program, which unpacks the weight itself.
expect_onnx("MatMulNBits, blocks of 128, zero points", 128, "f32", True, keeps=False)

# Beside a weight whose groups are kept, a line says why another is multiplied as floats.
tensors, _ = pack_quantized(64, "f16", True, True)
path = write({**tensors, "k.weight": rng.standard_normal((16, ROWS)).astype(np.float32)})
with open(f"{folder}/m.mlir", "w") as file:
    file.write(f"func.func @tokens1(%x: tensor<1x{K}xf32>) -> tensor<1x16xf32> {{"
               + product(1, ROWS, K, "l.weight", "x", "y") + product(1, 16, ROWS, "k.weight", "y", "v")
               + "\n  return %v : tensor<1x16xf32>\n}\n")
result, _ = run(path, 1, np.zeros((1, K), np.float32))
for said in ("kept l.weight [64, 256] at 2:4", "left k.weight [16, 64]: no groups of 32, 64 or 128 elements along dimension 1 are"):
    check(said in result.stderr, "two weights: " + result.stderr)

sys.exit(1 if failures else 0)
