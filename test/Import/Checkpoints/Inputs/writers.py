# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints as other libraries write them: usage writers.py FOLDER.

Each writer says in our words what the named source of the other library does; where the library is
Python's own or NumPy, it is called. nm-run then gives the weight back, which must be the dense array
that the file stands for.
"""

import collections
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import types
import zipfile

import numpy as np

FAILURES = []
CHECKS = 0


def fail(text):
    FAILURES.append(text)


def check(path, key, expected, *options):
    """Runs a function that returns the parameter and compares bit for bit."""
    global CHECKS
    CHECKS += 1
    shape = "x".join(str(d) for d in expected.shape) + "x" if expected.shape else ""
    kind = f"tensor<{shape}f32>"
    with open("m.mlir", "w") as out:
        out.write(f"func.func @f() -> {kind} {{\n  %w = nm.param {json.dumps(key)} : {kind}\n"
                  f"  return %w : {kind}\n}}\n")
    if os.path.exists("o.npy"):
        os.remove("o.npy")
    done = subprocess.run(["nm-run", "m.mlir", "--params", path, "--output", "o.npy", *options],
                          capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{path} {key}: {done.stderr}")
    elif not np.array_equal(np.load("o.npy"), expected):
        fail(f"{path} {key}: other values")


def listed(path, *options):
    """The table of nm-inspect by name."""
    done = subprocess.run(["nm-inspect", path, "--json", "t.json", *options],
                          capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"nm-inspect {path}: {done.stderr}")
        return {}
    with open("t.json") as table:
        return {row["name"]: row for row in json.load(table)}


def expect(condition, text):
    global CHECKS
    CHECKS += 1
    if not condition:
        fail(text)


# huggingface/safetensors 0.6, safetensors/src/tensor.rs, prepare() and serialize(): entries sorted by
# descending Dtype (the order of its enumeration), then by name; compact JSON, __metadata__ first,
# padded with spaces so that its length is a multiple of 8; then the data without gaps.
ORDER = ["BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "I16", "U16", "F16", "BF16", "I32", "U32", "F32",
         "F64", "I64", "U64"]
NAMES = {"bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "uint16": "BF16", "float16": "F16",
         "int32": "I32", "float32": "F32", "float64": "F64", "int64": "I64"}


def save_file(tensors, path, metadata=None):
    def place(item):
        return (-ORDER.index(NAMES[item[1].dtype.name]), item[0])

    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, array in sorted(tensors.items(), key=place):
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": NAMES[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


# huggingface/safetensors 0.6, bindings/python/py_src/safetensors/torch.py, save_model(): of tensors that
# share their data one is kept, and metadata[removed] = kept.
def save_model(tensors, tied, path):
    save_file(tensors, path, {"format": "pt", **tied})


def two_of_four(array):
    """topk(2) of the magnitudes of every 4, as compressed-tensors' get_24_bytemasks: exactly 2."""
    groups = abs(array.reshape(-1, 4))
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, np.argsort(-groups, axis=1, kind="stable")[:, :2], True, 1)
    return mask.reshape(array.shape)


# neuralmagic/compressed-tensors 0.10, compressors/sparse_compressors/sparse_24_bitmask.py: the prefix
# loses ".weight"; shape is torch.tensor(shape).reshape(-1, 1); compressed [rows, cols // 2]; the mask
# is numpy.packbits(axis=-1, bitorder="little").
def sparse_24_bitmask(name, array):
    prefix, mask = name.removesuffix(".weight"), two_of_four(array)
    return {f"{prefix}.shape": np.array(array.shape, "i8").reshape(-1, 1),
            f"{prefix}.compressed": array[mask].reshape(array.shape[0], array.shape[1] // 2),
            f"{prefix}.bitmask": np.packbits(mask, axis=-1, bitorder="little")}


# neuralmagic/compressed-tensors, compressors/sparse_compressors/sparse_bitmask.py: every non-zero;
# row_offsets = cumsum(counts, 0) - counts, along the first dimension whatever the rank. Version 0.10
# strips ".weight" from the prefix, version 0.8 (sparse_bitmask.py, dict()) did not.
def sparse_bitmask(name, array, strips):
    mask = array != 0
    counts = mask.sum(-1)
    offsets = np.cumsum(counts, 0) - counts if counts.ndim else np.int64(0)
    prefix = name.removesuffix(".weight") if strips else name
    return {f"{prefix}.shape": np.array(array.shape, "i8"), f"{prefix}.compressed": array[mask],
            f"{prefix}.bitmask": np.packbits(mask, axis=-1, bitorder="little"),
            f"{prefix}.row_offsets": np.asarray(offsets, "i8")}


# PyTorch 2.x, torch/serialization.py, _save(): Pickler of protocol 2 with persistent ids
# ("storage", <class>, key, location, elements); records <name>/data.pkl, byteorder, data/<key>,
# version, stored. torch/_tensor.py, _reduce_ex_internal(): _rebuild_tensor_v2(storage, offset, size,
# stride, requires_grad, OrderedDict()), or _rebuild_tensor_v3 with the element type for those without
# a storage class; torch/nn/parameter.py: _rebuild_parameter(data, requires_grad, OrderedDict()).
# state_dict() is an OrderedDict with an attribute _metadata.
def fake_torch():
    for name in ("torch", "torch._utils", "torch.storage"):
        sys.modules[name] = types.ModuleType(name)

    def define(module, name):
        def called(*arguments):
            raise AssertionError("nothing of this is called")
        called.__module__, called.__qualname__, called.__name__ = module, name, name
        setattr(sys.modules[module], name, called)
        return called

    made = {name: define("torch._utils", name) for name in
            ("_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter")}
    for name in ("FloatStorage", "BFloat16Storage", "LongStorage", "BoolStorage", "HalfStorage"):
        made[name] = type(name, (), {"__module__": "torch"})
        setattr(sys.modules["torch"], name, made[name])
    made["UntypedStorage"] = type("UntypedStorage", (), {"__module__": "torch.storage"})
    sys.modules["torch.storage"].UntypedStorage = made["UntypedStorage"]
    return made


TORCH = fake_torch()


class Dtype:
    """Pickles as the global torch.<name>, as torch.dtype does: __reduce__ gives a name."""

    __module__ = "torch"

    def __init__(self, name):
        self.name = name
        setattr(sys.modules["torch"], name, self)

    def __reduce__(self):
        return self.name


class Storage:
    def __init__(self, kind, data, elements):
        self.kind, self.data, self.elements = kind, data, elements


class Tensor:
    def __init__(self, storage, shape, strides, offset=0, dtype=None, parameter=False):
        self.storage, self.shape, self.strides = storage, tuple(shape), tuple(strides)
        self.offset, self.dtype, self.parameter = offset, dtype, parameter

    def __reduce__(self):
        if self.parameter:
            plain = Tensor(self.storage, self.shape, self.strides, self.offset)
            return TORCH["_rebuild_parameter"], (plain, True, collections.OrderedDict())
        arguments = (self.storage, self.offset, self.shape, self.strides, False,
                     collections.OrderedDict())
        if self.dtype:
            return TORCH["_rebuild_tensor_v3"], (*arguments, self.dtype)
        return TORCH["_rebuild_tensor_v2"], arguments


def tensor(array, kind="FloatStorage", **more):
    array = np.asarray(array, order="C")
    strides = [s // array.itemsize for s in array.strides]
    return Tensor(Storage(kind, array.tobytes(), array.size), array.shape, strides, **more)


class Pickler(pickle.Pickler):
    def __init__(self, out, storages):
        super().__init__(out, protocol=2)
        self.storages = storages

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        for i, known in enumerate(self.storages):
            if known is value:
                break
        else:
            i = len(self.storages)
            self.storages.append(value)
        return ("storage", TORCH[value.kind], str(i), "cpu", value.elements)


def torch_save(value, path):
    name = os.path.basename(path).removesuffix(".pt")
    storages, text = [], io.BytesIO()
    Pickler(text, storages).dump(value)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{name}/data.pkl", text.getvalue())
        archive.writestr(f"{name}/byteorder", "little")
        for i, storage in enumerate(storages):
            archive.writestr(f"{name}/data/{i}", storage.data)
        archive.writestr(f"{name}/version", "3\n")


class StateDict(collections.OrderedDict):
    """Pickles as the OrderedDict with attributes that state_dict() gives."""

    def __reduce__(self):
        return (collections.OrderedDict, (), {"_metadata": collections.OrderedDict([("", {"version": 1})])},
                None, iter(self.items()))


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    rng = np.random.default_rng(11)
    w = rng.standard_normal((8, 16)).astype("f4")
    mask = two_of_four(w)
    sparse = w * mask

    # safetensors, with tied tensors.
    save_model({"a.weight": w, "a.bias": w[0], "half": w.astype("f2"), "steps": np.arange(3)},
               {"lm_head.weight": "a.weight"}, "st.safetensors")
    check("st.safetensors", "a.weight", w)
    check("st.safetensors", "a.bias", w[0])
    check("st.safetensors", "lm_head.weight", w)
    expect(listed("st.safetensors")["lm_head.weight"]["note"] == "tied to a.weight", "tied")

    # compressed-tensors. An under-full group keeps two, one of them a zero.
    holed = sparse.copy()
    holed[0, 0:4] = [0, 0, 3, 0]
    save_file(sparse_24_bitmask("m.up_proj.weight", holed), "ct24.safetensors", {"format": "pt"})
    check("ct24.safetensors", "m.up_proj.weight", holed)
    expect(list(listed("ct24.safetensors")) == ["m.up_proj.weight"], "ct24 parts are hidden")
    vector = np.array([0, 1, 0, 2, 0, 0, 3, 0, 4, 5], "f4")
    experts = rng.standard_normal((3, 4, 9)).astype("f4") * (rng.random((3, 4, 9)) < 0.4)
    for strips in (False, True):
        parts = {}
        for name, array in (("norm.weight", vector), ("proj.weight", sparse), ("moe.weight", experts)):
            parts.update(sparse_bitmask(name, array, strips))
        save_file(parts, "ct.safetensors", {"format": "pt"})
        check("ct.safetensors", "norm.weight", vector)
        check("ct.safetensors", "proj.weight", sparse)
        check("ct.safetensors", "moe.weight", experts)
        expect(len(listed("ct.safetensors")) == 3, "ct parts are hidden")

    # NVIDIA/apex, contrib/sparsity/asp.py: register_buffer("__%s_mma_mask" % p_name.split(".")[-1],
    # mask.bool()) on the module that was named to it, perhaps "__%s_mma_pruned_p"; the weights are
    # masked in place.
    dense_bias = w[0]
    save_file({"fc.weight": sparse, "fc.bias": dense_bias, "fc.__weight_mma_mask": mask,
               "fc.__weight_mma_pruned_p": w * ~mask,
               "attn.in_proj_weight": w, "attn.__in_proj_weight_mma_mask": mask,
               # MultiheadAttention with custom_layer_dict {..: ["in_proj_weight", "out_proj.weight"]}
               "attn.out_proj.weight": w, "attn.__weight_mma_mask": mask}, "apex.safetensors")
    check("apex.safetensors", "fc.weight", sparse)
    check("apex.safetensors", "fc.bias", dense_bias)
    check("apex.safetensors", "attn.in_proj_weight", sparse)
    check("apex.safetensors", "attn.out_proj.weight", sparse)
    check("apex.safetensors", "attn.out_proj.weight", w, "--mask-policy=ignore")

    # pytorch/pytorch 2.x, torch/nn/utils/prune.py, BasePruningMethod.apply(): the parameter becomes
    # name + "_orig", the buffer name + "_mask" is of the parameter's type; weight = mask * orig.
    prune = {"l.weight_orig": w, "l.weight_mask": mask.astype("f4"), "l.bias": w[0]}
    save_file(prune, "prune.safetensors")
    check("prune.safetensors", "l.weight", sparse)
    # torch/nn/utils/parametrize.py: m.parametrizations.<name>.original; buffers of parametrization i
    # as m.parametrizations.<name>.<i>.<buffer>; torch/ao/pruning FakeSparsity has a buffer "mask".
    save_file({"l.parametrizations.weight.original": w, "l.parametrizations.weight.0.mask": mask},
              "param.safetensors")
    check("param.safetensors", "l.weight", sparse)

    # torch.save of a state dict with parameters, shared storage, a transposed view, a slice, bf16.
    big = Storage("FloatStorage", w.tobytes(), w.size)
    state = StateDict([
        ("l.weight", tensor(w, parameter=True)), ("l.weight_mask", tensor(mask, "BoolStorage")),
        ("shared.a", Tensor(big, (8, 16), (16, 1))), ("shared.t", Tensor(big, (16, 8), (1, 16))),
        ("row", Tensor(big, (16,), (1,), offset=32)), ("scalar", tensor(np.float32(2.5))),
        ("half", tensor(np.zeros(4, "u2"), "BFloat16Storage")),
        ("small", tensor(np.arange(4, dtype="u2"), "UntypedStorage", dtype=Dtype("uint16"))),
        ("num", tensor(np.int64(7), "LongStorage"))])
    torch_save(state, "s.pt")
    check("s.pt", "l.weight", sparse)
    check("s.pt", "shared.a", w)
    check("s.pt", "shared.t", w.T)
    check("s.pt", "row", w[2])
    check("s.pt", "scalar", np.float32(2.5))
    table = listed("s.pt")
    expect(table["half"]["dtype"] == "bf16" and table["num"]["dtype"] == "i64", "dtypes of torch.save")
    expect(table["small"]["dtype"] == "u16", "uint16 of torch.save")
    # What trainers write around it.
    torch_save({"epoch": 3, "lr": 0.1, "state_dict": StateDict(list(state.items())[:2]),
                      "args": {"name": "x", "sizes": [1, 2]}}, "trainer.pt")
    check("trainer.pt", "l.weight", sparse)
    torch_save({"net": {"l": [tensor(w), tensor(w[0])]}, "rng": b"bytes", "none": None}, "nested.pt")
    check("nested.pt", "net.l.0", w)
    check("nested.pt", "net.l.1", w[0])

    # NumPy itself; MaskLLM's tool_compress_mask.py: savez_compressed of numpy.packbits of the flattened
    # mask, key "<weight>.mask".
    np.save("w.npy", np.asfortranarray(w))
    check("w.npy", "w", w)
    np.savez("plain.npz", **{"l.weight": w, "zero": np.float32(4)})
    check("plain.npz", "l.weight", w)
    check("plain.npz", "zero", np.float32(4))
    np.savez_compressed("maskllm.npz", **{"l.weight": w, "l.weight.mask": np.packbits(mask)})
    check("maskllm.npz", "l.weight", sparse, "--mask-bit-order=msb")
    # As it is published: the masks alone.
    np.savez_compressed("masks.npz", **{"l.weight.mask": np.packbits(mask)})
    np.savez("weights.npz", **{"l.weight": w})
    check("weights.npz", "l.weight", sparse, "--masks=masks.npz", "--mask-bit-order=msb")
    np.savez_compressed("named.npz", **{"l.weight": np.packbits(mask)})
    check("weights.npz", "l.weight", sparse, "--masks=named.npz", "--mask-bit-order=msb")
    np.savez("bools.npz", **{"l.weight": mask})
    check("weights.npz", "l.weight", sparse, "--masks=bools.npz", "--mask-policy=require")
    expect("l.weight.mask" in listed("weights.npz", "--masks=masks.npz", "--mask-bit-order=msb")
           ["l.weight"]["mask"], "the file of masks is listed with its weights")
    expect("--mask-bit-order=msb" in listed("maskllm.npz")["l.weight"].get("note", ""), "bit order")

    # huggingface/transformers 4.x, modeling_utils.py, save_pretrained(): shards and an index with
    # metadata and weight_map, json.dumps(indent=2, sort_keys=True) + "\n"; diffusers keeps parts of a
    # pipeline in folders.
    os.makedirs("hf/text_encoder", exist_ok=True)
    save_file({"a.weight": w}, "hf/model-00001-of-00002.safetensors", {"format": "pt"})
    save_file({"b.weight": w + 1}, "hf/text_encoder/model.safetensors", {"format": "pt"})
    with open("hf/model.safetensors.index.json", "w", encoding="utf-8") as out:
        out.write(json.dumps({"metadata": {"total_size": 2 * w.nbytes},
                              "weight_map": {"a.weight": "model-00001-of-00002.safetensors",
                                             "b.weight": "text_encoder/model.safetensors"}},
                             indent=2, sort_keys=True) + "\n")
    check("hf", "a.weight", w)
    check("hf", "b.weight", w + 1)
    os.makedirs("unet", exist_ok=True)
    save_file({"c.weight": w}, "unet/diffusion_pytorch_model-00001-of-00001.safetensors")
    with open("unet/diffusion_pytorch_model.safetensors.index.json", "w") as out:
        json.dump({"weight_map": {"c.weight": "diffusion_pytorch_model-00001-of-00001.safetensors"}}, out)
    check("unet", "c.weight", w)
    os.makedirs("old", exist_ok=True)
    torch_save(state, "old/pytorch_model.bin")
    check("old", "shared.a", w)

    for text in FAILURES:
        print(text)
    print(f"{CHECKS} checks, {len(FAILURES)} failures")


main()
