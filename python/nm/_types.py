# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Names of types. NumPy, which recipes do without, is asked for by checkers of types alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, Sequence, Tuple, Union

PathLike = Union[str, "os.PathLike[str]"]
#: Tensors of a flat parameter: names and shapes.
Pieces = Iterable[Tuple[str, Sequence[int]]]

if TYPE_CHECKING:
    import numpy as np
    Array = np.ndarray[Any, Any]
else:
    Array = Any
