# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Torch modules, exported by torch.onnx and compiled."""

from __future__ import annotations

import pathlib
import tempfile
import warnings
from typing import Any, Sequence

import numpy as np
import torch

from nm._runtime import Error


class CompiledModule(torch.nn.Module):
    """Called as the module it was compiled from; runs without gradients, on the CPU."""

    def __init__(self, model: Any, results: int):
        super().__init__()
        self.model = model
        self._results = results

    def forward(self, *tensors: torch.Tensor) -> Any:
        results = self.model(*(tensor.detach() for tensor in tensors))
        if self._results == 1:
            return torch.from_numpy(np.asarray(results))
        return tuple(torch.from_numpy(np.asarray(result)) for result in results)


def compile(module: torch.nn.Module, example_inputs: Sequence[torch.Tensor] | torch.Tensor | None, *,
            prune: Any = None, target: str = "host", dynamic_axes: Any = None, opset: int = 14,
            output: Any = None, **options: Any) -> CompiledModule:
    """Exports a module through torch.onnx at `example_inputs` and compiles it: a module of the same
    signature. `dynamic_axes` as torch.onnx.export takes it, inputs being named input0, input1, ...
    and results output0, ...; `prune` and other options as for nm.compile."""
    if example_inputs is None:
        raise Error("a torch module is exported by running it; give `example_inputs`, a tensor or a tuple of them")
    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            found = module(*inputs)
        results = 1 if isinstance(found, torch.Tensor) else len(found)
        with tempfile.TemporaryDirectory(prefix="nm-") as name:
            path = pathlib.Path(name) / "module.onnx"
            _export(module, inputs, path, opset, dynamic_axes, results)
            from nm import work
            model = work.compile(path, prune=prune, target=target, output=output, **options)
            model._source = None  # the file goes away
    finally:
        module.train(was_training)
    return CompiledModule(model, results)


def _export(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], path: pathlib.Path, opset: int,
            dynamic_axes: Any, results: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, inputs, str(path), opset_version=opset, do_constant_folding=True,
                          input_names=[f"input{i}" for i in range(len(inputs))],
                          output_names=[f"output{i}" for i in range(results)], dynamic_axes=dynamic_axes)
