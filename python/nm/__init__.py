# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""N:M structured sparsity: learning masks, and the checkpoints that carry them.

Pure ctypes over libnm_runtime, which is looked for in $NM_RUNTIME_LIBRARY, beside this package, and
where the system looks. `nm.torch` needs PyTorch, `nm.numpy` and `nm.checkpoint` need NumPy. See
docs/recipes.md.
"""

from nm._runtime import Error, choose_kernels, kernels, set_num_threads, version
from nm.recipe import Recipe

__all__ = ["Error", "Recipe", "choose_kernels", "kernels", "save_checkpoint", "set_num_threads",
           "version"]


def save_checkpoint(model, path, *, optimizer=None, dense=False):
    """Writes a torch model that a recipe trains: see nm.torch.save_checkpoint."""
    from nm.torch import save_checkpoint as save
    return save(model, path, optimizer=optimizer, dense=dense)
