# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What nm's tools do, for Python. Each function runs a tool; its options are the tool's (docs/tools.md)."""

from __future__ import annotations

import csv
import ctypes
import json
import os
import pathlib
import shutil
import tempfile
import weakref
from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, NamedTuple, Sequence, overload

import numpy as np

from nm import _html, _runtime, _tools
from nm._runtime import Error
from nm._types import Array, PathLike

if TYPE_CHECKING:
    import torch

    from nm.model import Model
    from nm.torch_export import CompiledModule

class Report:
    """What a tool says: as text, as data, and as HTML in a notebook. `notes` are its notes and warnings."""

    def __init__(self, text: str, data: Any, notes: str = ""):
        self.text = text
        self.data = data
        self.notes = notes

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def __getitem__(self, key: Any) -> Any:
        return self.data[key]

    def _repr_html_(self) -> str:
        return _html.report(self.text, self.data)


class Rows(List[Mapping[str, Any]]):
    """Rows of a table, a mapping each; a notebook shows the table."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Rows(found) if isinstance(key, slice) else found

    def _repr_html_(self) -> str:
        return _html.table(self)


class Source(NamedTuple):
    """What a model was compiled from: its file and the options."""
    path: str
    options: tuple[str, ...]


def _repeated(option: str, value: Any) -> list[str]:
    """An option that may be given once, several times, or by name."""
    if value is None or value is False:
        return []
    if value is True:
        return [f"--{option}"]
    if isinstance(value, Mapping):
        value = [f"{name}={entry}" if name else os.fspath(entry) for name, entry in value.items()]
    elif isinstance(value, (str, os.PathLike)) or not isinstance(value, Iterable):
        value = [value]
    return [f"--{option}={os.fspath(entry) if isinstance(entry, os.PathLike) else entry}" for entry in value]


def _options(given: Mapping[str, Any]) -> list[str]:
    return [text for name, value in given.items() for text in _repeated(name.replace("_", "-"), value)]


def _is_text(model: Any) -> bool:
    return isinstance(model, str) and "\n" in model


def _source_in(model: Any, folder: pathlib.Path) -> str:
    """The file of a model, which is written for the text of one."""
    if _is_text(model):
        path = folder / "source.mlir"
        path.write_text(model)
        return str(path)
    return str(os.fspath(model))


@overload
def compile(model: PathLike, params: Any = None, prune: Any = None,  # type: ignore[misc]  # torch may be Any
            target: str = "host", *, example_inputs: None = None, output: PathLike | None = None,
            **options: Any) -> Model: ...


@overload
def compile(model: torch.nn.Module, params: None = None, prune: Any = None, target: str = "host", *,
            example_inputs: Any, output: PathLike | None = None, **options: Any) -> CompiledModule: ...


def compile(model: Any, params: Any = None, prune: Any = None, target: str = "host", *,
            example_inputs: Any = None, output: PathLike | None = None, **options: Any) -> Any:
    """Compiles a model by nm-compile and loads it.

    model           an ONNX file, a module of MLIR (its file or its text), or a torch module, which
                    needs `example_inputs` (see nm.torch.compile)
    params          a checkpoint, or checkpoints by scope; of an ONNX model its own weights
    prune           "2:4", or patterns by key: {"encoder.*": "2:4", "*": "dense"}
    target          a processor, as --target of nm-compile
    output          keep the compiled model in this folder (*.nm)
    options         any other of nm-compile's: size={"batch": 1}, pattern="2:4", dense=True,
                    mask_policy="derive", bind=["w=layer.weight"], ...

    Returns an nm.Model, of a torch module one that is called as it is; raises nm.Error with the tool's
    message. What the tool notes, such as what pruning did to each weight, is in the model's `notes`.
    """
    from nm.model import Model
    if hasattr(model, "state_dict") and hasattr(model, "forward"):
        from nm.torch_export import compile as compile_module
        if params is not None:
            raise Error("a torch module has its own weights; `params` are for models in files")
        return compile_module(model, example_inputs, prune=prune, target=target, output=output, **options)
    if example_inputs is not None:
        raise Error("`example_inputs` are for torch modules")
    kept = pathlib.Path(tempfile.mkdtemp(prefix="nm-"))
    keep = _Folder(kept)
    source = _source_in(model, kept)
    given = _options({"params": params, "prune": prune, "target": target, **options})
    folder = pathlib.Path(output) if output is not None else kept / "model.nm"
    done = _tools.run("nm-compile", source, *given, "-o", folder)
    return Model(folder, source=Source(source, tuple(given)), keep=keep, notes=done.notes)


class _Folder:
    """A folder that goes away with this object."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._end = weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)


def _source_of(model: Any, folder: pathlib.Path) -> tuple[str, list[str]]:
    """The file of a model and the options it was compiled with."""
    known = getattr(model, "_source", None)
    if known is not None:
        return known.path, list(known.options)
    if getattr(model, "functions", None) is not None:
        raise Error(f"'{model.path}' was loaded and has no source any more; compile the model in this "
                    "process")
    return _source_in(model, folder), []


def _run_model(model: Any, arguments: Sequence[Any], named: Mapping[str, Any], extra: Sequence[str],
               drop: Sequence[str] = ()) -> Report:
    with tempfile.TemporaryDirectory(prefix="nm-") as name:
        folder = pathlib.Path(name)
        source, options = _source_of(model, folder)
        options = [option for option in options if not option.startswith(tuple(drop) or ("\0",))]
        inputs: list[str] = []
        for key, value in [*((str(i), v) for i, v in enumerate(arguments)), *named.items()]:
            path = folder / f"input{len(inputs)}.npy"
            np.save(path, np.asarray(value))
            inputs.append(f"--input={key}={path}")
        data = folder / "report.json"
        done = _tools.run("nm-run", source, *options, *inputs, *extra, "--report", f"--json={data}")
        return Report(done.out, json.loads(data.read_text()), done.notes)


def report_of(model: Any, arguments: Sequence[Any], named: Mapping[str, Any], repeat: int) -> Report:
    """nm-run --report on what a model was compiled from: Model.report."""
    return _run_model(model, arguments, named, [f"--repeat={repeat}"], drop=("--cc=", "--prefix="))


def simulate(model: Any, device: PathLike, *arguments: Any, params: Any = None, **named: Any) -> Report:
    """Compiles a model for an accelerator and runs its program on the simulator (nm-run --target). Without
    inputs only time is computed. `model` is one that nm.compile made, pruned as it is, or its source;
    `device` a name or the file of a description."""
    extra = [*_repeated("params", params), f"--target={device}"]
    if not arguments and not named:
        extra.append("--timing-only")
    return _run_model(model, arguments, named, extra, drop=("--target=", "--cc=", "--prefix="))


class Sensitivity(Report):
    """What each weight costs and gains at each pattern (nm-run --sensitivity)."""

    @property
    def prune(self) -> dict[str, str]:
        """The patterns that were chosen for `max_difference`, by key: what nm.compile takes as `prune`."""
        return {layer["key"]: layer["chosen"] for layer in self.data["layers"] if layer["chosen"]}

    def _repr_html_(self) -> str:
        rows = [{"weight": layer["key"], "chosen": layer["chosen"],
                 **{choice["pattern"]: choice["difference"] for choice in layer["choices"]}}
                for layer in self.data["layers"]]
        return _html.table(rows) + _html.folded("as text", _html.pre(self.text))


def sensitivity(model: Any, samples: Any, params: Any = None, *, by: str = "magnitude",
                max_difference: float | None = None, **options: Any) -> Sensitivity:
    """Measures how far the results move when each weight alone is pruned, and what time that would gain, at
    6:8, 2:4, 4:8, 8:16 and 1:4. `model` is one that nm.compile made without `prune`, or its source. `samples`
    are inputs to measure on: a file or folder as nm-run --calibrate takes it, or a list of calls, each a dict
    of arrays by argument. `by` is what weights are kept for, "magnitude" or "wanda". With `max_difference`
    patterns are chosen that stay below it together: `prune` of the result."""
    with tempfile.TemporaryDirectory(prefix="nm-") as name:
        folder = pathlib.Path(name)
        source, known = _source_of(model, folder)
        if not isinstance(samples, (str, os.PathLike)):
            samples = _write_samples(samples, folder / "samples")
        given = _options({"params": params, "calibrate": samples, "max_difference": max_difference,
                          "prune_by": None if by == "magnitude" else by, **options})
        data = folder / "report.json"
        done = _tools.run("nm-run", source, *known, *given, "--sensitivity", f"--json={data}")
        return Sensitivity(done.out, json.loads(data.read_text()), done.notes)


def _write_samples(samples: Iterable[Mapping[str, Any]], folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    for number, sample in enumerate(samples):
        if not isinstance(sample, Mapping):
            raise Error(f"sample {number} is {type(sample).__name__}, expected a dict of arrays by argument")
        inner = folder / f"{number:06}"
        inner.mkdir()
        for key, value in sample.items():
            if "/" in key:
                raise Error(f"sample {number}: argument '{key}' is no name of a file; give the samples as a folder")
            np.save(inner / f"{key}.npy", np.asarray(value))
    return folder


def inspect(path: PathLike, **options: Any) -> Report:
    """What is in a checkpoint, a model or a program (nm-inspect)."""
    with tempfile.TemporaryDirectory(prefix="nm-") as folder:
        data = pathlib.Path(folder) / "report.json"
        done = _tools.run("nm-inspect", path, *_options(options), f"--json={data}")
        return Report(done.out, json.loads(data.read_text()), done.notes)


def explore(**sweep: Any) -> Rows:
    """Sweeps the cost model (nm-explore): explore(device=["edge", "cloud"], length="512..4K"). A row a
    point, as its CSV has them; numbers as such."""
    given = {name: ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value
             for name, value in sweep.items()}
    with tempfile.TemporaryDirectory(prefix="nm-") as name:
        table = pathlib.Path(name) / "points.csv"
        _tools.run("nm-explore", *_options(given), f"--output={table}")
        with open(table, newline="") as file:
            return Rows({key: _number(text) for key, text in row.items()} for row in csv.DictReader(file))


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


class _Weight(_runtime.Struct):
    _fields_ = [("struct_size", ctypes.c_size_t), ("dtype", ctypes.c_int32), ("rank", ctypes.c_size_t),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("axis", ctypes.c_int64), ("n", ctypes.c_int64),
                ("m", ctypes.c_int64)]


def magnitude_mask(weight: Any, pattern: str, axis: int = -1) -> Array:
    """Which elements an N:M pattern keeps along an axis (nm_derive_mask): the largest magnitudes, ties to
    the lower index."""
    from nm.model import _CODES
    array = np.ascontiguousarray(weight)
    n, colon, m = pattern.partition(":")
    if not colon or not n.isdigit() or not m.isdigit():
        raise Error(f"pattern '{pattern}', expected N:M such as 2:4")
    if array.dtype not in _CODES:
        raise Error(f"a weight of {array.dtype}, expected a type of 1, 2 or 4 bytes")
    mask = np.empty(array.shape, dtype=np.uint8)
    described = _Weight(dtype=_CODES[array.dtype], rank=array.ndim, shape=_runtime.shape_array(array.shape),
                        axis=axis + array.ndim if axis < 0 else axis, n=int(n), m=int(m))
    function = _runtime.lib.nm_derive_mask
    function.restype = ctypes.c_int32
    function.argtypes = [ctypes.POINTER(_Weight), ctypes.c_void_p, ctypes.c_void_p,
                         ctypes.POINTER(ctypes.c_void_p)]
    _runtime.call("nm_derive_mask", ctypes.byref(described), array.ctypes.data, mask.ctypes.data)
    return mask.astype(bool)


def prune(weight: Any, pattern: str, axis: int = -1) -> Any:
    """A copy of a weight whose smallest magnitudes are zero. Of a torch tensor a torch tensor."""
    if type(weight).__module__.partition(".")[0] == "torch":
        import torch
        bits = weight.detach()
        keep = magnitude_mask(bits.to(torch.float32).numpy(), pattern, axis)
        return torch.where(torch.from_numpy(keep), bits, torch.zeros((), dtype=bits.dtype))
    array = np.asarray(weight)
    return np.where(magnitude_mask(array, pattern, axis), array, np.zeros((), dtype=array.dtype))
