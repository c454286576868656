# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""llama.cpp through the C API of its library: a peer that decodes GPT-2 with f16 weights, and a Llama with any of its types.

The libraries are those of `@node-llama-cpp/linux-x64`, a package of npm; $NM_GGML names the folder in which they lie.
The model is written as GGUF (docs/gguf.md of ggml) from the same weights, without a vocabulary: tokens are numbers.
Blocks of four bits are made by the library's own ggml_quantize_chunk.
"""

import ctypes
import dataclasses
import os
import pathlib
import struct

import numpy

_U32, _F32, _STRING = 4, 6, 8  # types of metadata
_TENSOR = {"float32": 0, "float16": 1}
_BLOCKS = {"q4_0": (2, 32, 18), "q8_0": (8, 32, 34), "q4_K": (12, 256, 144)}  # number, elements of a block, its bytes
_ALIGNMENT = 32


class Error(RuntimeError):
    """What llama.cpp refuses, or why it cannot be called."""


def find():
    """The folder of the libraries, or None."""
    given = os.environ.get("NM_GGML")
    if not given:
        return None
    return next((path.parent for path in sorted(pathlib.Path(given).rglob("libllama.*so"))), None)


def _text(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


@dataclasses.dataclass
class Blocks:
    """A matrix in blocks along its rows, of one of llama.cpp's types."""

    kind: str
    shape: tuple
    data: numpy.ndarray


def quantise(array, kind):
    """A matrix of f32 in blocks, as llama.cpp rounds it."""
    library = ctypes.CDLL(str(next(find().glob("libggml-base.*so"))), ctypes.RTLD_GLOBAL)
    number, elements, size = _BLOCKS[kind]
    rows, columns = array.shape
    if columns % elements:
        raise Error(f"rows of {columns} elements are no blocks of {elements}")
    array = numpy.ascontiguousarray(array, numpy.float32)
    data = numpy.empty(rows * (columns // elements) * size, numpy.uint8)
    function = library.ggml_quantize_chunk
    function.restype = ctypes.c_size_t
    function.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    written = function(number, array.ctypes.data, data.ctypes.data, 0, rows, columns, None)
    if written != data.nbytes:
        raise Error(f"llama.cpp writes {written} bytes of {kind}, expected {data.nbytes}")
    return Blocks(kind, array.shape, data)


def write_gguf(path, metadata, tensors):
    """`tensors` are arrays or Blocks by name; their last dimension comes first in the file."""
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        header += _text(key)
        if isinstance(value, str):
            header += struct.pack("<I", _STRING) + _text(value)
        elif isinstance(value, float):
            header += struct.pack("<If", _F32, value)
        else:
            header += struct.pack("<II", _U32, value)
    place, body = 0, []
    for name, array in tensors.items():
        header += _text(name) + struct.pack("<I", len(array.shape))
        header += struct.pack(f"<{len(array.shape)}Q", *reversed(array.shape))
        kind = _BLOCKS[array.kind][0] if isinstance(array, Blocks) else _TENSOR[str(array.dtype)]
        header += struct.pack("<IQ", kind, place)
        body.append(numpy.ascontiguousarray(array.data if isinstance(array, Blocks) else array))
        place += body[-1].nbytes + -body[-1].nbytes % _ALIGNMENT
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % _ALIGNMENT))
        for data in body:
            data.tofile(file)
            file.write(bytes(-data.nbytes % _ALIGNMENT))


def gpt2_tensors(weights, layers):
    """Matrices as f16, with a row for each output; all else as f32."""
    def matrix(name):
        return numpy.ascontiguousarray(weights[name].T).astype(numpy.float16)

    tensors = {"token_embd.weight": weights["wte.embedding"].astype(numpy.float16),
               "position_embd.weight": weights["wpe.embedding"],
               "output_norm.weight": weights["ln_f.weight"], "output_norm.bias": weights["ln_f.bias"]}
    names = {"attn_norm": "ln_1", "ffn_norm": "ln_2", "attn_qkv": "attn", "attn_output": "proj", "ffn_up": "up",
             "ffn_down": "down"}
    for i in range(layers):
        for theirs, ours in names.items():
            key = f"h.{i}.{ours}"
            is_norm = ours.startswith("ln")
            tensors[f"blk.{i}.{theirs}.weight"] = weights[f"{key}.weight"] if is_norm else matrix(f"{key}.weight")
            tensors[f"blk.{i}.{theirs}.bias"] = weights[f"{key}.bias"]
    return tensors


def write_gpt2(path, weights, sizes):
    write_gguf(path, {
        "general.architecture": "gpt2", "general.name": "gpt2", "general.file_type": 1,
        "gpt2.context_length": sizes.places, "gpt2.embedding_length": sizes.hidden,
        "gpt2.feed_forward_length": sizes.ffn, "gpt2.block_count": sizes.layers,
        "gpt2.attention.head_count": sizes.heads, "gpt2.attention.layer_norm_epsilon": 1e-5,
        "gpt2.vocab_size": sizes.words, "tokenizer.ggml.model": "no_vocab",
    }, gpt2_tensors(weights, sizes.layers))


def llama_tensors(weight, sizes, kind):
    """`weight` gives an array by its name in llama_decoder.py; products as blocks of `kind`, with a row for each output."""
    def matrix(name, heads=None):
        array = weight(f"{name}.weight").T
        if heads:  # their rotary embedding turns neighbours, not halves
            array = array.reshape(heads, 2, sizes.width // 2, -1).swapaxes(1, 2).reshape(array.shape)
        return quantise(array, kind)

    tensors = {"token_embd.weight": weight("tokens.embedding").astype(numpy.float16),
               "output_norm.weight": weight("norm.gain"), "output.weight": matrix("head")}
    names = {"attn_output": "o", "attn_v": "v", "ffn_gate": "gate", "ffn_up": "up", "ffn_down": "down"}
    for i in range(sizes.layers):
        ours, theirs = f"layers.{i}", f"blk.{i}"
        tensors[f"{theirs}.attn_norm.weight"] = weight(f"{ours}.norm1.gain")
        tensors[f"{theirs}.ffn_norm.weight"] = weight(f"{ours}.norm2.gain")
        tensors[f"{theirs}.attn_q.weight"] = matrix(f"{ours}.q", sizes.heads)
        tensors[f"{theirs}.attn_k.weight"] = matrix(f"{ours}.k", sizes.groups)
        for name, own in names.items():
            tensors[f"{theirs}.{name}.weight"] = matrix(f"{ours}.{own}")
    return tensors


def write_llama(path, weight, sizes, kind):
    write_gguf(path, {
        "general.architecture": "llama", "general.name": "llama", "general.file_type": {"q4_0": 2, "q8_0": 7, "q4_K": 14}[kind],
        "llama.context_length": sizes.places, "llama.embedding_length": sizes.hidden,
        "llama.feed_forward_length": sizes.ffn, "llama.block_count": sizes.layers,
        "llama.attention.head_count": sizes.heads, "llama.attention.head_count_kv": sizes.groups,
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": sizes.width,
        "llama.rope.freq_base": 10000.0, "llama.vocab_size": sizes.words, "tokenizer.ggml.model": "no_vocab",
    }, llama_tensors(weight, sizes, kind))


class _Parameters(ctypes.Structure):
    """Parameters of a model or a context, of which only the first words are known: functions that give them write what
    they have, and those that take them read as much from the copy."""

    _fields_ = [("words", ctypes.c_int32 * 256)]


class _Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.c_void_p), ("embd", ctypes.c_void_p),
                ("pos", ctypes.c_void_p), ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p),
                ("logits", ctypes.c_void_p)]


class _Library:
    def __init__(self, folder):
        # In the order in which they need one another; kernels are chosen for this processor.
        load = [ctypes.CDLL(str(next(folder.glob(f"{name}.*so"))), ctypes.RTLD_GLOBAL)
                for name in ("libggml-base", "libggml", "libllama")]
        load[1].ggml_backend_load_all_from_path(os.fsencode(folder))
        library = load[2]
        self.library = library
        pointer, integer = ctypes.c_void_p, ctypes.c_int32
        self.declare("llama_log_set", None, pointer, pointer)
        self.declare("llama_backend_init", None)
        self.declare("llama_model_default_params", _Parameters)
        self.declare("llama_context_default_params", _Parameters)
        self.declare("llama_model_load_from_file", pointer, ctypes.c_char_p, _Parameters)
        self.declare("llama_init_from_model", pointer, pointer, _Parameters)
        self.declare("llama_set_n_threads", None, pointer, integer, integer)
        self.declare("llama_batch_get_one", _Batch, pointer, integer)
        self.declare("llama_decode", integer, pointer, _Batch)
        self.declare("llama_get_logits_ith", pointer, pointer, integer)
        self.declare("llama_get_memory", pointer, pointer)
        self.declare("llama_memory_clear", None, pointer, ctypes.c_bool)
        self.declare("llama_memory_seq_rm", ctypes.c_bool, pointer, integer, integer, integer)
        self.declare("llama_free", None, pointer)
        self.declare("llama_model_free", None, pointer)
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, pointer)(lambda *_: None)
        self.llama_log_set(ctypes.cast(self.quiet, pointer), None)
        self.llama_backend_init()

    def declare(self, name, result, *arguments):
        function = getattr(self.library, name)
        function.restype, function.argtypes = result, arguments
        setattr(self, name, function)


class Model:
    """One sequence. `decode` appends words and gives the logits of the last; `forget` drops those from `place` on."""

    library = None
    # n_ctx, n_batch, n_ubatch, n_seq_max: what the library has for them says whether the words are where they were.
    DEFAULTS = (512, 2048, 512, 1)

    def __init__(self, path, words, context, threads):
        folder = find()
        if folder is None:
            raise Error("libllama.so is not there; NM_GGML names its folder")
        Model.library = Model.library or _Library(folder)
        self.words = words
        self.model = ctypes.c_void_p(self.library.llama_model_load_from_file(
            os.fsencode(path), self.library.llama_model_default_params()))
        if not self.model:
            raise Error("llama.cpp does not read the model")
        parameters = self.library.llama_context_default_params()
        if tuple(parameters.words[:4]) != self.DEFAULTS:
            raise Error(f"llama.cpp's parameters begin with {tuple(parameters.words[:4])}, expected {self.DEFAULTS}")
        parameters.words[0] = context
        self.context = ctypes.c_void_p(self.library.llama_init_from_model(self.model, parameters))
        if not self.context:
            raise Error("llama.cpp makes no context")
        self.set_threads(threads)
        self.memory = ctypes.c_void_p(self.library.llama_get_memory(self.context))

    def set_threads(self, threads):
        self.library.llama_set_n_threads(self.context, threads, threads)

    def decode(self, words):
        tokens = (ctypes.c_int32 * len(words))(*map(int, words))
        status = self.library.llama_decode(self.context, self.library.llama_batch_get_one(tokens, len(words)))
        if status:
            raise Error(f"llama.cpp decodes nothing: status {status}")
        address = self.library.llama_get_logits_ith(self.context, -1)
        return numpy.ctypeslib.as_array((ctypes.c_float * self.words).from_address(address))

    def forget(self, place):
        self.library.llama_memory_seq_rm(self.memory, 0, place, -1)

    def close(self):
        self.library.llama_free(self.context)
        self.library.llama_model_free(self.model)
