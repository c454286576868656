# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every name of the package that users see says what it is."""

import importlib.util
import inspect

import nm

MODULES = ["nm", "nm.checkpoint", "nm.model", "nm.numpy", "nm.pifo", "nm.plot", "nm.progress", "nm.recipe", "nm.work"] + (
    ["nm.torch", "nm.torch_export"] if importlib.util.find_spec("torch") else [])


def silent(module):
    """Public names of a module without a docstring of their own."""
    if not module.__doc__:
        yield module.__name__
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__
        if name.startswith("_") or not own or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if not value.__doc__:
            yield f"{module.__name__}.{name}"
        for member, function in vars(value).items() if inspect.isclass(value) else ():
            function = getattr(function, "__func__", function)
            function = function.fget if isinstance(function, property) else function
            if not member.startswith("_") and inspect.isfunction(function) and not function.__doc__:
                yield f"{module.__name__}.{name}.{member}"


missing = [name for module in MODULES for name in silent(importlib.import_module(module))]
missing += [name for name in nm.__all__ if not getattr(nm, name).__doc__]
print("\n".join(missing) or "all documented")
