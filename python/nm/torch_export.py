# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Torch modules, exported by torch.onnx and compiled."""

from __future__ import annotations

import inspect
import pathlib
import tempfile
import warnings
from typing import Any, Callable, Mapping, Sequence

import numpy as np
import torch

from nm._runtime import Error
from nm._types import PathLike

_BF16 = 9  # nm_dtype, whose elements NumPy knows as their bits


class CompiledModule(torch.nn.Module):
    """Called as the module it was compiled from; runs without gradients, on the CPU. `model` is the
    nm.Model."""

    def __init__(self, model: Any, names: Sequence[str], rebuild: Callable[[list[torch.Tensor]], Any]):
        super().__init__()
        self.model = model
        self._names = names
        self._rebuild = rebuild

    def forward(self, *tensors: torch.Tensor, **named: torch.Tensor) -> Any:
        """Results of the module's form, as tensors that share memory with what the library gave."""
        function = self.model.only
        given = dict(zip(self._names, tensors))
        for name, tensor in named.items():
            if name not in self._names or name in given:
                raise Error(f"argument '{name}' " + ("is given twice" if name in given else
                                                     f"is none of: {', '.join(self._names)}"))
            given[name] = tensor
        if len(tensors) > len(self._names) or len(given) < len(self._names):
            raise Error(f"the module was compiled for {len(self._names)} arguments "
                        f"({', '.join(self._names)}), {len(tensors) + len(named)} are given")
        results = function(*(_array(given[name]) for name in self._names))
        several = results if len(function.outputs) > 1 else (results,)
        return self._rebuild([_tensor(result, kind.code) for result, kind in zip(several, function.outputs)])


def _array(tensor: torch.Tensor) -> Any:
    if not isinstance(tensor, torch.Tensor):
        raise Error(f"an argument is {type(tensor).__name__}, expected a tensor")
    plain = tensor.detach()
    if plain.dtype == torch.bfloat16:
        return plain.contiguous().view(torch.int16).numpy().view(np.uint16)
    return plain.numpy()


def _tensor(result: Any, code: int) -> torch.Tensor:
    array = np.asarray(result)
    if code == _BF16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _rebuilder(found: Any) -> tuple[int, Callable[[list[torch.Tensor]], Any]]:
    """How many results a module gave, and what puts as many tensors into the same form."""
    if isinstance(found, torch.Tensor):
        return 1, lambda tensors: tensors[0]
    values = list(found.values()) if isinstance(found, Mapping) else found
    if not isinstance(values, (tuple, list)) or not all(isinstance(value, torch.Tensor) for value in values):
        raise Error(f"the module returns {type(found).__name__}; expected a tensor, or tensors in a tuple, a "
                    "list or a dict")
    if isinstance(found, Mapping):
        keys = list(found)
        return len(keys), lambda tensors: type(found)(zip(keys, tensors))
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return len(values), lambda tensors: type(found)(*tensors)
    return len(values), type(found)


def _names_of(module: torch.nn.Module, count: int) -> list[str]:
    """The names of a module's first arguments."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, parameter in inspect.signature(module.forward).parameters.items()
             if parameter.kind in kinds]
    return (names + [f"input{i}" for i in range(len(names), count)])[:count]


def compile(module: torch.nn.Module, example_inputs: Sequence[torch.Tensor] | torch.Tensor | None, *,
            prune: Any = None, target: str = "host", dynamic_axes: Any = None, opset: int = 14,
            output: PathLike | None = None, **options: Any) -> CompiledModule:
    """Exports a module through torch.onnx at `example_inputs` and compiles it: a module of the same
    signature, of which the arguments that `example_inputs` has stay. `dynamic_axes` as torch.onnx.export
    takes it, inputs being named input0, input1, ... and results output0, ...; `prune` and other options
    as for nm.compile. The results are of the same form: a tensor, or a tuple, list or dict of them."""
    from nm import work
    if example_inputs is None:
        raise Error("a torch module is exported by running it; give `example_inputs`, a tensor or a tuple of them")
    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            count, rebuild = _rebuilder(module(*inputs))
        folder = work._Folder(pathlib.Path(tempfile.mkdtemp(prefix="nm-")))
        path = folder.path / "module.onnx"
        _export(module, inputs, path, opset, dynamic_axes, count)
        model = work.compile(path, prune=prune, target=target, output=output, **options)
        model._keep = (model._keep, folder)
    finally:
        module.train(was_training)
    return CompiledModule(model, _names_of(module, len(inputs)), rebuild)


def _export(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], path: pathlib.Path, opset: int,
            dynamic_axes: Any, results: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, inputs, str(path), opset_version=opset, do_constant_folding=True,
                          input_names=[f"input{i}" for i in range(len(inputs))],
                          output_names=[f"output{i}" for i in range(results)], dynamic_axes=dynamic_axes)
