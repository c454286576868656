# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Checkpoints of N:M sparse layers: pruning, the three ways a mask is stored, and safetensors.

Groups run along the input features, axis 1 of a PyTorch [out, in] weight. A checkpoint says which
weights are zero in one of three forms:

  derived             the weights are pruned already and nothing else is stored
  explicit            unpruned weights and a boolean `<key>_mask`; the product is what counts
  compressed-tensors  the non-zeros and a bit mask (LSB first): `sparse-24-bitmask` for 2:4,
                      `sparse-bitmask` for every other pattern
"""

import json
import struct

import numpy as np

MASK_FORMS = ("derived", "explicit", "compressed-tensors")

# safetensors names and the NumPy type that holds the bits; NumPy has no bfloat16. The order is the
# one by which the official writer sorts.
_DTYPES = [
    ("BOOL", np.bool_), ("U8", np.uint8), ("I8", np.int8), ("I16", np.int16), ("U16", np.uint16),
    ("F16", np.float16), ("BF16", None), ("I32", np.int32), ("U32", np.uint32),
    ("F32", np.float32), ("F64", np.float64), ("I64", np.int64), ("U64", np.uint64),
]
_RANK = {name: rank for rank, (name, _) in enumerate(_DTYPES)}
_NUMPY = dict(_DTYPES)
_NAME = {np.dtype(t): name for name, t in _DTYPES if t is not None}


class BFloat16:
    """An array of bfloat16, as the upper halves of float32."""

    def __init__(self, bits):
        self.bits = np.ascontiguousarray(bits, dtype=np.uint16)
        self.shape = self.bits.shape

    @staticmethod
    def round(array):
        """Rounds float32 to nearest, ties to even. NaN does not occur here."""
        bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32).astype(np.uint64)
        return BFloat16((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)

    def astype(self, dtype):
        return (self.bits.astype(np.uint32) << 16).view(np.float32).astype(dtype)


def encode(array, dtype):
    """Rounds a float32 array to the storage type `f32`, `f16` or `bf16`."""
    if dtype == "bf16":
        return BFloat16.round(array)
    return np.asarray(array).astype({"f32": np.float32, "f16": np.float16}[dtype])


# --- N:M -----------------------------------------------------------------------------------------


def nm_mask(weight, n, m, rng, underfull=0.0):
    """A mask that keeps `n` of every `m` consecutive elements of each row.

    The ranking is the magnitude with some noise, as training would leave it: whoever recomputes the
    mask from unpruned weights gets a different one. A fraction `underfull` of the groups loses one
    more element, which is legal N:M too.
    """
    rows, columns = weight.shape
    if columns % m:
        raise ValueError(f"groups of {m} do not divide the {columns} input features")
    score = np.abs(weight) * rng.uniform(0.5, 1.5, weight.shape)
    order = np.argsort(-score.reshape(rows, columns // m, m), axis=-1, kind="stable")
    mask = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(mask, order[..., :n], True, axis=-1)
    drop = rng.uniform(size=mask.shape[:2]) < underfull
    weakest = np.take_along_axis(mask, order[..., n - 1:n], axis=-1) & ~drop[..., None]
    np.put_along_axis(mask, order[..., n - 1:n], weakest, axis=-1)
    return mask.reshape(rows, columns)


def density(mask):
    return float(np.count_nonzero(mask)) / mask.size


# --- mask forms ----------------------------------------------------------------------------------


def store(key, weight, mask, form, pattern, dtype):
    """The checkpoint entries of one sparse weight, {key: array}."""
    if form == "derived":
        return {key: encode(np.where(mask, weight, np.float32(0)), dtype)}
    if form == "explicit":
        return {key: encode(weight, dtype), key + "_mask": mask}
    bitmask = np.packbits(mask, axis=1, bitorder="little")
    shape = np.array(weight.shape, dtype=np.int64)
    counts = np.count_nonzero(mask, axis=1)
    if pattern == (2, 4):
        if np.any(np.count_nonzero(mask.reshape(-1, 4), axis=1) != 2):
            raise ValueError("sparse-24-bitmask cannot hold under-full groups")
        prefix = key[: -len(".weight")]
        values = weight[mask].reshape(weight.shape[0], -1)
        return {prefix + ".shape": shape, prefix + ".compressed": encode(values, dtype),
                prefix + ".bitmask": bitmask}
    offsets = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
    return {key + ".shape": shape, key + ".compressed": encode(weight[mask], dtype),
            key + ".bitmask": bitmask, key + ".row_offsets": offsets}


def load_weight(tensors, key):
    """The effective dense weight of `key` in float32, whatever the form."""
    if key in tensors:
        weight = tensors[key].astype(np.float32)
        mask = tensors.get(key + "_mask")
        return weight if mask is None else weight * mask
    for prefix in (key, key[: -len(".weight")]):
        if prefix + ".bitmask" in tensors:
            rows, columns = (int(d) for d in tensors[prefix + ".shape"])
            bits = np.unpackbits(tensors[prefix + ".bitmask"], axis=1, bitorder="little")
            weight = np.zeros((rows, columns), dtype=np.float32)
            values = tensors[prefix + ".compressed"].astype(np.float32)
            weight[bits[:, :columns].astype(bool)] = values.ravel()
            return weight
    raise KeyError(f"the checkpoint holds no weight '{key}' in any known form")


# --- safetensors ---------------------------------------------------------------------------------


def _dtype_name(array):
    return "BF16" if isinstance(array, BFloat16) else _NAME[array.dtype]


def write_safetensors(path, tensors, metadata):
    """Writes the official layout: 8-aligned data, entries by descending dtype, then name."""
    names = sorted(tensors, key=lambda name: (-_RANK[_dtype_name(tensors[name])], name))
    header, offset = {"__metadata__": metadata}, 0
    for name in names:
        array = tensors[name]
        size = array.bits.nbytes if isinstance(array, BFloat16) else array.nbytes
        header[name] = {"dtype": _dtype_name(array), "shape": list(array.shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in names:
            array = tensors[name]
            bits = array.bits if isinstance(array, BFloat16) else array
            file.write(np.ascontiguousarray(bits).data)


def read_safetensors(path):
    """Returns ({key: array}, metadata). Trusts the file; the runtime library is the one that does not."""
    data = np.fromfile(path, dtype=np.uint8)
    (length,) = struct.unpack("<Q", data[:8].tobytes())
    header = json.loads(data[8:8 + length].tobytes())
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "BF16":
            bits = data[begin:end].copy().view(np.uint16)
            tensors[name] = BFloat16(bits.reshape(entry["shape"]))
        else:
            array = data[begin:end].copy().view(_NUMPY[entry["dtype"]])
            tensors[name] = array.reshape(entry["shape"])
    return tensors, metadata
