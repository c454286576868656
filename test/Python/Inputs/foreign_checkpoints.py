# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints as other libraries write them, read back: every element must have the bits that the
library itself would compute.

Each writer follows the source of the library that it names, from the dense integers to the bytes, so that
the reader is not tested against its own idea of a format. Damaged files must give one message or a value.
"""

import contextlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import warnings
from pathlib import Path
from unittest import mock

import numpy as np

import nm
from nm.checkpoint import Checkpoint

try:
    import torch
except ImportError:
    torch = None

DTYPES = {"float16": "F16", "float32": "F32", "int32": "I32", "int64": "I64", "int16": "I16", "int8": "I8",
          "uint8": "U8"}


def safetensors(path, tensors, metadata=None):
    """As the library `safetensors` writes it."""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def words(fields, bits):
    """[..., n * F] unsigned fields as i32 [..., n], the first in the lowest bits."""
    factor = 32 // bits
    fields = fields.astype(np.uint32).reshape(*fields.shape[:-1], -1, factor)
    shifts = (np.arange(factor, dtype=np.uint32) * bits)
    return np.bitwise_or.reduce(fields << shifts, axis=-1).view(np.int32)


def pack_to_int32(values, bits, packed_dim=1):
    """compressed_tensors.compressors.quantized_compressors.pack_quantized."""
    values = (values + (1 << (bits - 1))).astype(np.uint32)
    if packed_dim == 0:
        values = values.T
    factor = 32 // bits
    padded = np.pad(values, ((0, 0), (0, -values.shape[1] % factor)))
    packed = words(padded, bits)
    return np.ascontiguousarray(packed.T if packed_dim == 0 else packed)


def dequantize(values, scales, zeros, columns_to_groups):
    """The same library's lifecycle.forward: all in the scales' type."""
    kind = scales.dtype
    difference = values.astype(kind)
    if zeros is not None:
        difference = difference - zeros.astype(kind)[:, columns_to_groups]
    return difference * scales[:, columns_to_groups]


def pack_quantized(rng, rows, columns, groups, bits, kind, symmetric, order=False):
    limit = 1 << (bits - 1)
    values = rng.integers(-limit, limit, (rows, columns))
    scales = (rng.standard_normal((rows, groups)) / 100).astype(kind)
    group_of = np.arange(columns) // (columns // groups)
    tensors = {"l.weight_packed": pack_to_int32(values, bits), "l.weight_scale": scales,
               "l.weight_shape": np.array([rows, columns], np.int64)}
    if order:
        group_of = rng.permutation(group_of)
        tensors["l.weight_g_idx"] = group_of.astype(np.int32)
    zeros = None
    if not symmetric:
        zeros = rng.integers(-limit, limit, (rows, groups))
        tensors["l.weight_zero_point"] = pack_to_int32(zeros, bits, packed_dim=0)
    return tensors, dequantize(values, scales, zeros, group_of)


def int_quantized(rng, rows, columns, groups, kind, symmetric, of_rows=True, order=False):
    """The same library's int_quantized (IntQuantizationCompressor): i8 under the weight's own name; w8a8 has [rows, 1]."""
    values = rng.integers(-128, 128, (rows, columns)).astype(np.int8)
    shape = (rows if of_rows else 1, groups)
    scales = (rng.standard_normal(shape) / 100).astype(kind)
    tensors = {"l.weight": values, "l.weight_scale": scales}
    group_of = np.arange(columns) // (columns // groups)
    if order:
        group_of = rng.permutation(group_of)
        tensors["l.weight_g_idx"] = group_of.astype(np.int32)
    zeros = None
    if not symmetric:
        zeros = rng.integers(-128, 128, shape).astype(np.int8)
        tensors["l.weight_zero_point"] = zeros
    full = [None if part is None else np.broadcast_to(part, (rows, groups)) for part in (scales, zeros)]
    return tensors, dequantize(values, *full, group_of)


def gptq(rng, outputs, inputs, group_size, bits, order=False, v2=False):
    """auto_gptq.nn_modules.qlinear.qlinear_cuda_old: pack, and the weight that its forward computes."""
    groups = -(-inputs // group_size)
    values = rng.integers(0, 1 << bits, (inputs, outputs))
    zeros = rng.integers(1, 1 << bits, (groups, outputs))
    scales = (rng.standard_normal((groups, outputs)) / 100).astype(np.float16)
    group_of = np.arange(inputs) // group_size
    if order:
        group_of = rng.permutation(group_of)
    tensors = {"l.qweight": np.ascontiguousarray(words(values.T, bits).T),
               "l.qzeros": words(zeros if v2 else zeros - 1, bits), "l.scales": scales,
               "l.g_idx": group_of.astype(np.int32)}
    dense = scales[group_of] * (values - zeros[group_of]).astype(np.float16)
    return tensors, dense.T


def awq(rng, outputs, inputs, groups):
    """awq.modules.linear.gemm: from_linear, and awq.utils.packing_utils.dequantize_gemm."""
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    values = rng.integers(0, 16, (inputs, outputs))
    zeros = rng.integers(0, 16, (groups, outputs))
    scales = (rng.standard_normal((groups, outputs)) / 100).astype(np.float16)

    def packed(fields):
        return words(fields.reshape(fields.shape[0], -1, 8)[:, :, order].reshape(fields.shape), 4)
    group_of = np.arange(inputs) // (inputs // groups)
    dense = (values - zeros[group_of]).astype(np.float16) * scales[group_of]
    return {"l.qweight": packed(values), "l.qzeros": packed(zeros), "l.scales": scales}, dense.T


def sparse24(rng, shape, draw, group=4, full=False):
    """A matrix with two of four elements, or unless `full` with fewer in some groups."""
    rows, columns = shape
    dense = np.zeros(shape, draw(1).dtype)
    for r in range(rows):
        for g in range(0, columns, group):
            count = group // 2 if full else rng.choice([group // 2] * 6 + list(range(group // 2)))
            places = rng.choice(group, count, replace=False)
            dense[r, g + places] = draw(count)
    return dense


def semi_structured(dense, reordered_row, per_word):
    """_sparse_semi_structured_from_dense_cutlass of PyTorch and of compressed-tensors, which differ in the
    order of rows alone."""
    m, k = dense.shape
    pairs = dense.dtype == np.float32
    size = 2 if pairs else 4
    nonzero = dense.reshape(m, k // size, size) != 0
    if pairs:
        m0 = m1 = nonzero[..., 0]
        m3 = nonzero[..., 1]
    else:
        m0, m1, _, m3 = (nonzero[..., i] for i in range(4))
    expr0, expr1, expr2 = m0 & m1, ~m0 & m1, ~m0 & ~m1
    idx0 = expr1 + 2 * expr2
    idx1 = (expr0 | expr2 | m3) + 2 * (expr1 | ~m1)
    groups = dense.reshape(m, k // size, size)

    def gather(index):
        return np.take_along_axis(groups, (index // (4 // size))[..., None], -1)[..., 0]
    if pairs:
        sparse = gather(idx0).reshape(m, k // 2)
    else:
        sparse = np.stack([gather(idx0), gather(idx1)], -1).reshape(m, k // 2)
    nibbles = (idx0 | idx1 << 2).astype(np.uint64).reshape(m, -1, per_word)
    meta = np.bitwise_or.reduce(nibbles << np.arange(per_word, dtype=np.uint64) * np.uint64(4), -1)
    meta = meta.astype(np.uint16 if per_word == 4 else np.uint32)
    rows = np.repeat(reordered_row(np.arange(m))[:, None], meta.shape[1], 1)
    columns = np.repeat(np.arange(meta.shape[1])[None], m, 0)
    topright = ((rows % 2 == 0) & (columns % 2 == 1)).astype(int)
    bottomleft = ((rows % 2 == 1) & (columns % 2 == 0)).astype(int)
    rows, columns = rows + topright - bottomleft, columns - topright + bottomleft
    places = columns // 2 * m * 2 + rows * 2 + columns % 2
    reordered = np.empty(meta.size, meta.dtype)
    reordered[places.ravel()] = meta.ravel()
    return sparse, reordered.view(np.int16 if per_word == 4 else np.int32).reshape(meta.shape)


def torch_rows(per_word):
    group, interweave = (32, 4) if per_word == 4 else (16, 2)
    return lambda r: r // group * group + r % 8 * interweave + r % group // 8


def marlin_rows(r):
    return r // 64 * 64 + r % 2 * 2 + r % 8 // 4 + r % 32 % 4 // 2 * 32 + r % 64 // 8 * 4


def permutations_24(bits):
    """compressed_tensors.utils.permutations_24.get_permutations_24."""
    perm = []
    for i in range(32):
        column = i // 4
        first = [16 * row + column // 2 * 256 + 8 * (column % 2) + 4 * block for block in (0, 1)
                 for row in (2 * (i % 4), 2 * (i % 4) + 1, 2 * (i % 4 + 4), 2 * (i % 4 + 4) + 1)]
        for j in range(4):
            perm += [p + j for p in first]
    interleave = [0, 2, 4, 6, 1, 3, 5, 7] if bits == 4 else [0, 2, 1, 3]
    perm = np.array(perm).reshape(-1, len(interleave))[:, interleave].ravel()
    scale = [i * 8 + j for i in range(8) for j in (0, 4, 1, 5, 2, 6, 3, 7)]
    return perm, scale


def marlin24(rng, rows, columns, grouped, bits, full=False):
    """Marlin24Compressor.compress; groups of 128 or one for each row."""
    limit = 1 << (bits - 1)
    values = sparse24(rng, (rows, columns),
                      lambda n: rng.integers(1, limit, n).astype(np.float16) * rng.choice([-1, 1], n),
                      full=full)
    groups = columns // 128 if grouped else 1
    scales = (rng.standard_normal((rows, groups)) / 100).astype(np.float16)
    sparse, meta = semi_structured(values.astype(np.float16), marlin_rows, 4)
    size_k, size_n = sparse.shape[1], sparse.shape[0]
    q = sparse.T.astype(np.int64) + limit
    perm, scale_perm = permutations_24(bits)
    q = q.reshape(size_k // 16, 16, size_n // 16, 16).transpose(0, 2, 1, 3).reshape(size_k // 16, size_n * 16)
    q = q.reshape(-1, perm.size)[:, perm].reshape(q.shape)
    packed_scales = np.ascontiguousarray(scales.T)
    if grouped and 128 < size_k:
        packed_scales = packed_scales.reshape(-1, 64)[:, scale_perm].reshape(-1, size_n)
    tensors = {"l.weight_packed": words(q, bits), "l.scale_packed": packed_scales,
               "l.meta": meta.reshape(meta.shape[1] // 2, meta.shape[0] * 2)}
    group_of = np.arange(columns) // (columns // groups)
    return tensors, values.astype(np.float16) * scales[:, group_of]


# -- GGUF --------------------------------------------------------------------------------------------------

def gguf_text(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf(tensors, pairs=(), version=3, alignment=32):
    """gguf.gguf_writer: `tensors` are (name, shape, type, bytes)."""
    pairs = [*pairs, ("general.alignment", 4, struct.pack("<I", alignment))]
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for key, kind, value in pairs:
        head += gguf_text(key) + struct.pack("<I", kind) + value
    data = b""
    for name, shape, kind, raw in tensors:
        head += gguf_text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", kind, len(data))
        data += raw + bytes(-len(raw) % alignment)
    return head + bytes(-len(head) % alignment) + data


def blocks(rng, shape, kind):
    """Random blocks of ggml and what gguf.quants.dequantize makes of them."""
    count = int(np.prod(shape)) // 32
    d = (rng.standard_normal(count) / 50).astype(np.float16)[:, None]
    m = rng.standard_normal(count).astype(np.float16)[:, None]
    wide, wide_m = d.astype(np.float32), m.astype(np.float32)
    if kind == 8:
        q = rng.integers(-128, 128, (count, 32)).astype(np.int8)
        raw = np.concatenate([d.view(np.uint8), q.view(np.uint8)], 1)
        return raw.tobytes(), (q.astype(np.float32) * wide).reshape(shape)
    bits = 4 if kind in (2, 3) else 5
    q = rng.integers(0, 1 << bits, (count, 32)).astype(np.uint8)
    halves = q.reshape(count, 2, 16)
    nibbles = (halves[:, 0] & 15) | (halves[:, 1] & 15) << 4
    high = np.packbits(q >> 4, axis=-1, bitorder="little") if bits == 5 else np.empty((count, 0), np.uint8)
    minimum = m.view(np.uint8) if kind in (3, 7) else np.empty((count, 0), np.uint8)
    raw = np.concatenate([d.view(np.uint8), minimum, high, nibbles], 1)
    if kind in (3, 7):
        return raw.tobytes(), (wide * q.astype(np.float32) + wide_m).reshape(shape)
    offset = 8 if kind == 2 else 16
    return raw.tobytes(), (wide * (q.astype(np.int8) - np.int8(offset)).astype(np.float32)).reshape(shape)


def super_blocks(rng, shape, kind):
    """Random super-blocks of ggml, Q4_K, Q5_K or Q6_K (12, 13, 14), and what its dequantize_row functions make of them."""
    count = int(np.prod(shape)) // 256
    d, dmin = ((rng.standard_normal((count, 1)) / 50).astype(np.float16) for _ in range(2))
    wide, wide_min = d.astype(np.float32), dmin.astype(np.float32)
    if kind == 14:
        q = rng.integers(0, 64, (count, 2, 4, 32)).astype(np.uint8)  # halves, quarters of those
        scales = rng.integers(-128, 128, (count, 16)).astype(np.int8)
        low = np.stack([q[:, :, i] & 15 | (q[:, :, i + 2] & 15) << 4 for i in range(2)], 2)
        high = sum((q[:, :, i] >> 4) << (2 * i) for i in range(4))
        raw = np.concatenate([low.reshape(count, 128), high.reshape(count, 64), scales.view(np.uint8), d.view(np.uint8)], 1)
        product = (wide * scales.astype(np.float32)).repeat(16, 1)
        return raw.astype(np.uint8).tobytes(), (product * (q.reshape(count, 256).astype(np.float32) - 32)).reshape(shape)
    q = rng.integers(0, 16 if kind == 12 else 32, (count, 8, 32)).astype(np.uint8)
    scales, minima = (rng.integers(0, 64, (count, 8)).astype(np.uint8) for _ in range(2))
    packed = np.concatenate([scales[:, :4] | (scales[:, 4:] >> 4) << 6, minima[:, :4] | (minima[:, 4:] >> 4) << 6,
                             scales[:, 4:] & 15 | (minima[:, 4:] & 15) << 4], 1)
    nibbles = (q[:, 0::2] & 15) | (q[:, 1::2] & 15) << 4
    fifth = np.packbits(q >> 4, axis=1, bitorder="little").reshape(count, 32) if kind == 13 else np.empty((count, 0), np.uint8)
    raw = np.concatenate([d.view(np.uint8), dmin.view(np.uint8), packed, fifth, nibbles.reshape(count, 128)], 1)
    product = (wide * scales.astype(np.float32))[..., None] * q.astype(np.float32)
    return raw.tobytes(), (product - (wide_min * minima.astype(np.float32))[..., None]).reshape(shape)


# -- pickles of classes that are not there --------------------------------------------------------------

class Global:
    """A function or class of a module, pickled by its name."""
    made = {}

    def __new__(cls, module, name):
        return cls.made.setdefault((module, name), type(name, (), {"__module__": module}))


class Pickled:
    """An object that is pickled as the call of a global."""

    def __init__(self, module, name, arguments):
        self.call = Global(module, name), arguments

    def __reduce__(self):
        return self.call


@contextlib.contextmanager
def foreign_globals():
    """Modules hold what is pickled by name, as the pickler checks."""
    with contextlib.ExitStack() as stack:
        for (module, name), value in Global.made.items():
            if module not in sys.modules:
                stack.enter_context(mock.patch.dict(sys.modules, {module: types.ModuleType(module)}))
            stack.enter_context(mock.patch.object(sys.modules[module], name, value, create=True))
        yield


# -- tests -------------------------------------------------------------------------------------------------

class Foreign(unittest.TestCase):
    seed = int(os.environ.get("NM_TEST_SEED", "1"))

    def setUp(self):
        self.rng = np.random.default_rng(self.seed)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def expect(self, tensors, dense, name="l.weight", what=None):
        safetensors(self.path("m.safetensors"), tensors)
        checkpoint = Checkpoint(self.path("m.safetensors"))
        self.assertEqual(list(checkpoint), [name], what)
        self.same(checkpoint[name], dense, what)

    def same(self, found, dense, what=None):
        self.assertEqual((found.dtype, found.shape), (dense.dtype, dense.shape), what)
        self.assertEqual(found.tobytes(), dense.tobytes(), what)

    def test_pack_quantized(self):
        for rows, columns, groups in [(8, 64, 2), (5, 33, 3), (1, 16, 1), (16, 128, 1), (3, 9, 9)]:
            for bits in (4, 8):
                for kind in (np.float16, np.float32):
                    for symmetric in (True, False):
                        for order in (True, False):
                            case = (rows, columns, groups, bits, kind, symmetric, order)
                            self.expect(*pack_quantized(self.rng, *case), what=f"seed {self.seed}: {case}")

    def test_pack_quantized_forms(self):
        tensors, _ = pack_quantized(self.rng, 8, 64, 1, 4, np.float16, True)
        values = np.array([[(int(w) >> 4 * j & 15) - 8 for w in row for j in range(8)]
                           for row in tensors["l.weight_packed"].view(np.uint32)])
        one = np.array([0.5], np.float16)
        self.expect({**tensors, "l.weight_scale": one}, values.astype(np.float16) * one)
        # Zero points that old writers left unpacked.
        zeros = self.rng.integers(-8, 8, (8, 1)).astype(np.int8)
        scale = tensors["l.weight_scale"]
        self.expect({**tensors, "l.weight_zero_point": zeros},
                    (values - zeros).astype(np.float16) * scale)
        # -1 in g_idx: the order of the columns.
        self.expect({**tensors, "l.weight_g_idx": np.full(64, -1, np.int32)}, values.astype(np.float16) * scale)

    def test_int_quantized(self):
        for rows, columns, groups in [(8, 64, 1), (5, 33, 3), (1, 16, 1), (16, 256, 2)]:
            for kind in (np.float16, np.float32):
                for symmetric in (True, False):
                    for form in ((True, False), (True, True), (False, False)):
                        case = (rows, columns, groups, kind, symmetric, *form)
                        self.expect(*int_quantized(self.rng, *case), what=f"seed {self.seed}: {case}")
        # One scale for all, and scales of activations beside them.
        tensors, _ = int_quantized(self.rng, 8, 64, 1, np.float16, True)
        one = np.array([0.5], np.float16)
        self.expect({**tensors, "l.weight_scale": one}, tensors["l.weight"].astype(np.float16) * one)
        tensors, dense = int_quantized(self.rng, 8, 64, 1, np.float16, True)
        safetensors(self.path("m.safetensors"), {**tensors, "l.input_scale": one})
        checkpoint = Checkpoint(self.path("m.safetensors"))
        self.assertEqual(sorted(checkpoint), ["l.input_scale", "l.weight"])
        self.same(checkpoint["l.weight"], dense)
        # Integers alone, and a vector, stay what they are.
        for name in ("l.weight", "l.other"):
            plain = {name: tensors["l.weight"], "k.weight": np.arange(8, dtype=np.int8), "k.weight_scale": one}
            safetensors(self.path("m.safetensors"), plain)
            checkpoint = Checkpoint(self.path("m.safetensors"))
            self.assertEqual(sorted(checkpoint), sorted(plain))
            for key, array in plain.items():
                self.same(checkpoint[key], array)

    def test_gptq(self):
        for bits in (2, 4, 8):
            for outputs, inputs, size in [(32, 64, 16), (16, 128, 128), (64, 48, 32)]:
                for order in (False, True):
                    case = (outputs, inputs, size, bits, order)
                    self.expect(*gptq(self.rng, *case), what=f"seed {self.seed}: {case}")
        tensors, dense = gptq(self.rng, 32, 64, 16, 4)
        del tensors["l.g_idx"]
        self.expect(tensors, dense)

    def test_gptq_v2_is_told_by_the_config(self):
        tensors, dense = gptq(self.rng, 32, 64, 16, 4, v2=True)
        for name, text in [("config.json", {"quantization_config": {"quant_method": "gptq",
                                                                    "checkpoint_format": "gptq_v2"}}),
                           ("quantize_config.json", {"bits": 4, "checkpoint_format": "gptq_v2"})]:
            Path(self.path(name)).write_text(json.dumps(text))
            self.expect(tensors, dense)
            os.remove(self.path(name))
        with self.assertRaises(AssertionError):
            self.expect(tensors, dense)

    def test_awq(self):
        for outputs, inputs, groups in [(8, 16, 1), (64, 128, 4), (24, 96, 3)]:
            self.expect(*awq(self.rng, outputs, inputs, groups), what=f"seed {self.seed}")

    def test_marlin24(self):
        for bits in (4, 8):
            for rows, columns, grouped in [(64, 128, False), (64, 256, True), (128, 512, True),
                                           (192, 384, True), (64, 1024, False), (128, 96, False)]:
                case = (rows, columns, grouped, bits)
                self.expect(*marlin24(self.rng, *case), what=f"seed {self.seed}: {case}")

    def test_semi_structured(self):
        kinds = [(np.float16, 4, 32), (np.float32, 4, 32), (np.int8, 8, 16)]
        for kind, per_word, rows in kinds:
            for m, k in [(rows, 64), (3 * rows, 128), (2 * rows, 192)]:
                group = 2 if kind == np.float32 else 4

                def draw(n, kind=kind):
                    drawn = self.rng.integers(1, 100, n) * self.rng.choice([-1, 1], n)
                    return drawn.astype(kind)
                dense = sparse24(self.rng, (m, k), draw, group)
                packed, meta = semi_structured(dense, torch_rows(per_word), per_word)
                for name, weight in [("l", "l.weight"), ("l.weight", "l.weight")]:
                    self.expect({name + ".packed": packed, name + ".meta": meta}, dense, weight,
                                f"seed {self.seed}: {kind}, {m} x {k}")

    def test_gguf(self):
        expected, tensors = {}, []
        for kind in (2, 3, 6, 7, 8):
            raw, dense = blocks(self.rng, (3, 2, 64), kind)
            tensors.append((f"blk.{kind}.weight", (3, 2, 64), kind, raw))
            expected[tensors[-1][0]] = dense
        for kind in (12, 13, 14):
            raw, dense = super_blocks(self.rng, (3, 512), kind)
            tensors.append((f"blk.{kind}.weight", (3, 512), kind, raw))
            expected[tensors[-1][0]] = dense
        for kind, dtype in [(0, np.float32), (1, np.float16), (24, np.int8), (26, np.int32)]:
            dense = self.rng.integers(-100, 100, (5, 7)).astype(dtype)
            tensors.append((f"plain.{kind}", (5, 7), kind, dense.tobytes()))
            expected[tensors[-1][0]] = dense
        bits = self.rng.integers(0, 0x7f00, 9).astype(np.uint16)
        tensors.append(("plain.bf16", (9,), 30, bits.tobytes()))
        expected["plain.bf16"] = (bits.astype(np.uint32) << 16).view(np.float32)
        texts = struct.pack("<IQ", 8, 2) + gguf_text("a") + gguf_text("b")
        pairs = [("general.architecture", 8, gguf_text("llama")), ("tokenizer.ggml.tokens", 9, texts),
                 ("numbers", 9, struct.pack("<IQ3f", 6, 3, 1, 2, 3)), ("flag", 7, b"\1")]
        for version in (2, 3):
            for alignment in (32, 64):
                Path(self.path("m.gguf")).write_bytes(gguf(tensors, pairs, version, alignment))
                checkpoint = Checkpoint(self.path("m.gguf"))
                self.assertEqual(sorted(expected), list(checkpoint))
                for name, dense in expected.items():
                    self.same(checkpoint[name], dense, name)

    def test_gguf_blocks_that_are_not_read(self):
        Path(self.path("m.gguf")).write_bytes(gguf([("w", (256,), 10, bytes(84))]))
        with self.assertRaisesRegex(nm.Error, "'w': its blocks of Q2_K are not supported; convert it"):
            Checkpoint(self.path("m.gguf"))["w"]

    def test_shards_of_any_format(self):
        tensors, dense = awq(self.rng, 8, 16, 1)
        parts = list(tensors)
        os.makedirs(self.path("model/part"))
        safetensors(self.path("model/part/a.safetensors"), {parts[0]: tensors[parts[0]]})
        np.savez(self.path("model/b.npz"), **{name: tensors[name] for name in parts[1:]})
        where = {parts[0]: "part/a.safetensors", **{name: "b.npz" for name in parts[1:]}}
        Path(self.path("model/model.safetensors.index.json")).write_text(json.dumps({"weight_map": where}))
        self.same(Checkpoint(self.path("model"))["l.weight"], dense)

    @unittest.skipUnless(torch, "needs PyTorch")
    def test_torch_shards(self):
        """transformers' pytorch_model.bin.index.json."""
        tensors, dense = gptq(self.rng, 32, 64, 16, 4)
        where = {}
        for i, (name, array) in enumerate(tensors.items()):
            where[name] = f"pytorch_model-{i}.bin"
            torch.save({name: torch.from_numpy(array)}, self.path(where[name]))
        Path(self.path("pytorch_model.bin.index.json")).write_text(json.dumps({"weight_map": where}))
        self.same(Checkpoint(self.folder.name)["l.weight"], dense)

    def folder_of(self, name, index):
        """A folder of Hugging Face whose only shard lies below it."""
        folder = Path(self.path(name))
        (folder / "part").mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
        shard = "part/shard-1.bin"
        (folder / index).write_text(json.dumps({"weight_map": {"w": shard}}))
        return folder, folder / shard

    def test_folders_with_any_index(self):
        array = self.rng.standard_normal((3, 4)).astype("f4")
        for number, index in enumerate(["model.safetensors.index.json", "text.safetensors.index.json",
                                        "pytorch_model.bin.index.json", "pytorch_model.fp16.bin.index.json"]):
            folder, shard = self.folder_of(f"hf{number}", index)
            safetensors(shard, {"w": array})
            self.same(Checkpoint(folder)["w"], array, index)
        folder, shard = self.folder_of("two", "a.safetensors.index.json")
        (folder / "b.safetensors.index.json").write_text("{}")
        with self.assertRaisesRegex(nm.Error, "2 indices .*name one"):
            Checkpoint(folder)

    @unittest.skipUnless(torch, "needs PyTorch")
    def test_torch_from_before_1_6(self):
        """What torch.save wrote before it wrote zip archives, read as the archives are."""
        types_of = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
                    torch.int16, torch.int8, torch.uint8, torch.bool]
        base = torch.from_numpy(self.rng.standard_normal((6, 8)).astype("f4"))
        state = {str(kind): (base * 20).to(kind) for kind in types_of}
        state.update(view=base.t(), part=base[2:4, 1::3], whole=base, empty=torch.zeros(0, 3), scalar=base[0, 0])
        objects = {"module": torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)).state_dict(),
                   "trainer": {"epoch": 3, "state_dict": {"l.weight": base}, "optimizer": {"state": {0: base.half()}}},
                   "views": state, "complex": {"c": torch.zeros(3, dtype=torch.complex64), "w": base}}
        for name, value in objects.items():
            for protocol in (2, 3, 4):
                torch.save(value, self.path("new.pt"), pickle_protocol=protocol)
                torch.save(value, self.path("old.bin"), pickle_protocol=protocol,
                           _use_new_zipfile_serialization=False)
                new, old = Checkpoint(self.path("new.pt")), Checkpoint(self.path("old.bin"))
                self.assertEqual(list(old), list(new), name)
                self.assertGreater(len(old), 0)
                for key in new:
                    if key != "c":
                        self.same(old[key], new[key], f"{name} {key}")
        self.same(Checkpoint(self.path("old.bin"))["w"], base.numpy())
        # A whole module is an object of a class, with its source beside it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.save(torch.nn.Linear(2, 2), self.path("net.pt"), _use_new_zipfile_serialization=False)
        with self.assertRaisesRegex(nm.Error, "class 'torch.nn.modules.linear.Linear'.*state_dict"):
            Checkpoint(self.path("net.pt"))

    @unittest.skipUnless(torch, "needs PyTorch")
    def test_pickles_are_not_run(self):
        """Objects whose pickles would call something, in both forms: none is called, and tensors beside them are read."""
        marker = Path(self.path("was-here"))

        class Hostile:
            def __init__(self, function, *arguments):
                self.call = function, arguments

            def __reduce__(self):
                return self.call
        hostile = [Hostile(os.system, f"touch {marker}"), Hostile(eval, f"open({str(marker)!r}, 'w')"),
                   Hostile(exec, f"open({str(marker)!r}, 'w')"), Hostile(open, str(marker), "w"),
                   Hostile(os.mkdir, str(marker)), Hostile(subprocess.check_call, ["touch", str(marker)])]
        weight = torch.ones(2, 2)
        for zipped in (True, False):
            for value in hostile:
                torch.save({"h": value, "w": weight, "l": [value, {"x": value}]}, self.path("m.pt"),
                           _use_new_zipfile_serialization=zipped)
                checkpoint = Checkpoint(self.path("m.pt"))
                self.assertEqual(list(checkpoint), ["w"])
                self.same(checkpoint["w"], weight.numpy())
                torch.save(value, self.path("m.pt"), _use_new_zipfile_serialization=zipped)
                with self.assertRaisesRegex(nm.Error, "holds an object of class"):
                    Checkpoint(self.path("m.pt"))
        self.assertFalse(marker.exists())

    @unittest.skipUnless(torch, "needs PyTorch")
    def test_pickled_semi_structured(self):
        """A state dict with tensors of torch.sparse.semi_structured, which this PyTorch may not have."""
        dense = sparse24(self.rng, (32, 64), lambda n: self.rng.integers(1, 9, n).astype(np.float16))
        packed, meta = semi_structured(dense, torch_rows(4), 4)

        def tensor(kind, attributes):
            return Pickled("torch._tensor", "_rebuild_from_type_v2",
                           (Global("torch._utils", "_rebuild_wrapper_subclass"),
                            Global("torch.sparse.semi_structured", kind), (), attributes))
        parts = {"packed": torch.from_numpy(packed), "meta": torch.from_numpy(meta), "packed_t": None}
        state = {"l.weight": tensor("SparseSemiStructuredTensorCUTLASS", parts),
                 "k.weight": tensor("SparseSemiStructuredTensorCUSPARSELT",
                                    {"packed": torch.zeros(32 * 64 * 9 // 16, dtype=torch.float16), "meta": None})}
        with foreign_globals():
            torch.save(state, self.path("m.pt"))
        checkpoint = Checkpoint(self.path("m.pt"))
        self.assertEqual(list(checkpoint), ["k.weight", "l.weight"])
        self.same(checkpoint["l.weight"], dense)
        with self.assertRaisesRegex(nm.Error, "'k.weight': it is packed by cuSPARSELt"):
            checkpoint["k.weight"]

    def test_messages(self):
        """What does not fit is said of the tensor and closes no file."""
        def note(tensors, text):
            safetensors(self.path("m.safetensors"), {**tensors, "other": np.ones(3, np.float32)})
            checkpoint = Checkpoint(self.path("m.safetensors"))
            self.assertTrue(np.array_equal(checkpoint["other"], np.ones(3)))
            with self.assertRaisesRegex(nm.Error, "'l.weight': .*" + text):
                checkpoint["l.weight"]
        packed, _ = pack_quantized(self.rng, 8, 64, 2, 4, np.float16, True)
        note({**packed, "l.weight_shape": np.array([8, 40], np.int64)}, r"has 8 words a row of 40 columns")
        note({**packed, "l.weight_shape": np.array([9, 64], np.int64)}, "expected i32 with 9 rows")
        note({**packed, "l.weight_scale": np.ones((8, 3), np.float16)}, "groups that divide 64 columns")
        note({**packed, "l.weight_g_idx": np.zeros(64, np.int32)}, "gives group 0 64 columns, expected 32")
        note({**packed, "l.weight_g_idx": np.full(64, 7, np.int32)}, "element 0 is 7, expected one of 2 groups")
        note({**packed, "l.weight_zero_point": np.zeros((3, 2), np.int8)}, "expected i8 like the scales")
        whole, _ = int_quantized(self.rng, 8, 64, 2, np.float16, True)
        note({**whole, "l.weight_scale": np.ones((8, 3), np.float16)}, "groups that divide 64 columns")
        note({**whole, "l.weight_scale": np.ones((8, 2), np.int8)}, "expected f16, bf16 or f32 with 8 rows")
        note({**whole, "l.weight_zero_point": np.zeros((8, 2), np.int32)}, "expected i8 like the scales$")
        note({**whole, "l.weight_g_idx": np.zeros(64, np.int32)}, "gives group 0 64 columns, expected 32")
        words3, _ = gptq(self.rng, 32, 64, 16, 4)
        note({**words3, "l.g_idx": np.full(64, -1, np.int32)}, "element 0 is -1, expected one of 4 groups")
        note({**words3, "l.qzeros": np.zeros((4, 3), np.int32)}, "3 bits cross words")
        note({**words3, "l.qweight": np.zeros((8, 30), np.int32)}, r"expected 32 columns \(GPTQ\) or 4")
        marlin, _ = marlin24(self.rng, 64, 256, True, 4)
        note({**marlin, "l.meta": np.zeros_like(marlin["l.meta"])}, "expected two ascending positions of four")
        note({**marlin, "l.scale_packed": np.ones((3, 64), np.float16)}, r"'scale_packed' is f16 \[3, 64\]")
        semi, meta = semi_structured(np.zeros((32, 64), np.float16), torch_rows(4), 4)
        note({"l.packed": semi[:31], "l.meta": meta}, "a multiple of 32 rows")

    def damage_folders(self, draw):
        """A folder of Hugging Face with GPTQ's weights in a shard below it: its config and its index are damaged."""
        folder = Path(self.path("folder"))
        (folder / "part").mkdir(parents=True)
        tensors, dense = gptq(self.rng, 32, 64, 16, 4)
        safetensors(folder / "part/a.safetensors", tensors)
        files = {"config.json": {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 16,
                                                         "desc_act": True, "checkpoint_format": "gptq"}},
                 "model.safetensors.index.json": {"weight_map": {name: "part/a.safetensors" for name in tensors}}}
        for name, content in files.items():
            (folder / name).write_text(json.dumps(content))
        self.same(Checkpoint(folder)["l.weight"], dense)
        for name, content in files.items():
            image = json.dumps(content).encode()
            for _ in range(200):
                damaged = bytearray(image)
                for _ in range(draw.choice([1, 1, 2, 4])):
                    damaged[draw.randrange(len(damaged))] = draw.choice([0, 34, 45, 57, 91, 123, draw.randrange(256)])
                if draw.random() < 0.2:
                    del damaged[draw.randrange(len(damaged)):]
                (folder / name).write_bytes(damaged)
                try:
                    checkpoint = Checkpoint(folder)
                    for key in checkpoint:
                        checkpoint[key]
                except nm.Error as error:
                    self.assertRegex(str(error), r"^/[^\n]*/folder[^\n]*: [^\n]*[^.\n]$", bytes(damaged))
            (folder / name).write_bytes(image)

    def test_damaged_files(self):
        """One message or values, whatever the bytes: 200 damaged files of each kind."""
        kinds = {
            "pack-quantized": pack_quantized(self.rng, 8, 64, 2, 4, np.float16, False, True)[0],
            "int-quantized": int_quantized(self.rng, 8, 64, 2, np.float16, False, order=True)[0],
            "gptq": gptq(self.rng, 32, 64, 16, 4)[0], "awq": awq(self.rng, 8, 16, 1)[0],
            "marlin24": marlin24(self.rng, 64, 256, True, 4)[0],
            "semi": dict(zip(("l.packed", "l.meta"),
                             semi_structured(np.zeros((32, 64), np.float16), torch_rows(4), 4)))}
        images = {}
        for kind, tensors in kinds.items():
            safetensors(self.path("m.safetensors"), tensors)
            images[kind] = Path(self.path("m.safetensors")).read_bytes()
        images["gguf"] = gguf([("w", (4, 32), 2, blocks(self.rng, (4, 32), 2)[0]),
                               ("v", (4,), 0, bytes(16))], [("a", 8, gguf_text("b"))])
        if torch:
            state = {"a.weight": torch.ones(8, 16), "b": torch.arange(6).reshape(2, 3).t()}
            for form in ("torch", "torch-legacy"):
                torch.save(state, self.path("m.pt"), _use_new_zipfile_serialization=form == "torch")
                images[form] = Path(self.path("m.pt")).read_bytes()
        draw = random.Random(self.seed)
        self.damage_folders(draw)
        path = self.path("damaged")
        for kind, image in images.items():
            head = min(len(image), 700)  # where most of what can go wrong is said
            for _ in range(200):
                damaged = bytearray(image)
                for _ in range(draw.choice([1, 1, 2, 4])):
                    at = draw.randrange(head if draw.random() < 0.8 else len(image))
                    damaged[at] = draw.choice([0, 1, 255, 127, draw.randrange(256)])
                if draw.random() < 0.2:
                    del damaged[draw.randrange(len(damaged)):]
                Path(path).write_bytes(damaged)
                try:
                    checkpoint = Checkpoint(path)
                    names = list(checkpoint)
                except nm.Error as error:
                    self.assertIn("damaged: ", str(error), kind)
                    continue
                for name in names:
                    try:
                        checkpoint[name]
                    except nm.Error as error:
                        self.assertIn("damaged: ", str(error), kind)


if __name__ == "__main__":
    unittest.main()
