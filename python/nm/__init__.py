# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""N:M structured sparsity: models compiled and run, masks learned, and the checkpoints that carry them.

    m = nm.compile("bert.onnx", prune="2:4")
    y = m(input_ids=ids)

Models and recipes run over the C ABI of libnm_runtime by ctypes, which is looked for in
$NM_RUNTIME_LIBRARY, in this package, and where the system looks; compiling, inspecting, simulating and
exploring by nm's tools ($NM_TOOLS, this package, PATH). `nm.torch` needs PyTorch, everything about models
NumPy. See docs/python.md and docs/recipes.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nm._runtime import Error, choose_kernels, kernels, set_num_threads, version
from nm._types import PathLike
from nm.progress import set_progress
from nm.recipe import Recipe

if TYPE_CHECKING:
    from nm import numpy as numpy, pifo as pifo, plot as plot, torch as torch
    from nm._caches import cache, dequantize_rows, quantize_rows
    from nm.model import Model, load
    from nm.work import compile, explore, inspect, magnitude_mask, prune, sensitivity, simulate

#: Names that are there when they are asked for: recipes need none of it, nor NumPy.
_LATER = {"cache": "nm._caches", "quantize_rows": "nm._caches", "dequantize_rows": "nm._caches", "Model": "nm.model", "load": "nm.model",
          "compile": "nm.work", "inspect": "nm.work", "prune": "nm.work", "magnitude_mask": "nm.work", "sensitivity": "nm.work",
          "simulate": "nm.work", "explore": "nm.work"}

__all__ = ["Error", "Model", "Recipe", "cache", "choose_kernels", "compile", "dequantize_rows", "explore", "inspect",
           "kernels", "load", "magnitude_mask", "prune", "quantize_rows", "save_checkpoint", "sensitivity", "set_num_threads", "set_progress", "simulate",
           "version"]


def __getattr__(name: str) -> Any:
    import importlib
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name in ("numpy", "pifo", "plot", "torch"):
        return importlib.import_module(f"nm.{name}")
    raise AttributeError(f"module 'nm' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "numpy", "pifo", "plot", "torch"})


def save_checkpoint(model: Any, path: PathLike, *, optimizer: Any = None, dense: bool = False) -> None:
    """Writes a torch model that a recipe trains: see nm.torch.save_checkpoint."""
    from nm.torch import save_checkpoint as save
    return save(model, path, optimizer=optimizer, dense=dense)
