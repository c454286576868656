# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Flat parameters: several tensors one after the other, of which a rank may hold a range.

A *piece* is a tensor in a flat parameter, (name, shape). Ranges are cut between groups: a piece along
whose axis a pattern lies may be cut at multiples of its block, M rows of the tensor within the axis.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from nm import _runtime
from nm._training import Training
from nm._types import Pieces
from nm.recipe import Recipe


class Place(NamedTuple):
    """Where a part lies in its piece: the piece's shape, the part's first element there, row-major, and
    the axis of the pattern in that shape."""
    shape: Tuple[int, ...]
    first: int
    axis: int


class Part(NamedTuple):
    """What of a piece lies in a range. `first` counts elements from the range's first. `place` is None
    where it is all of the piece."""
    name: str
    shape: Tuple[int, ...]
    first: int
    pattern: Optional[str]
    axis: int
    place: Optional[Place] = None

    @property
    def count(self) -> int:  # type: ignore[override]
        return math.prod(self.shape)


class _Layout(NamedTuple):
    """How a piece may be cut: after every `block` elements, groups being `group` x `stride`."""
    pattern: Optional[str]
    axis: int
    group: int
    stride: int

    @property
    def block(self) -> int:
        return self.group * self.stride


def _layout(training: Training, name: str, shape: Sequence[int], pattern: str | None, axis: int) -> _Layout:
    if pattern is not None and len(shape) < 2:
        pattern = "dense"
    found = training.pattern_of(name, pattern, axis)
    if found.m == 0:
        return _Layout("dense", 0, 1, 1)
    place = found.axis + len(shape) if found.axis < 0 else found.axis
    if not 0 <= place < len(shape):
        raise _runtime.Error(f"piece '{name}' {tuple(shape)}: pattern {found.n}:{found.m} along axis "
                             f"{found.axis}, but it has {len(shape)} dimensions")
    if not found.plain:
        return _Layout(pattern, place, 1, math.prod(shape))  # in one piece
    return _Layout(f"{found.n}:{found.m}", place, found.group, math.prod(shape[place + 1:]))


def shard(pieces: Pieces, ranks: int, recipe: Any, *, pattern: str | None = None,
          axis: int = 1) -> list[tuple[int, int]]:
    """Ranges [first, last) of a flat parameter of `pieces` for each of `ranks` ranks: of about equal
    size, and no group of a pattern in two of them. The other arguments are those of the optimizer."""
    training = Training(Recipe.of(recipe))
    blocks, total = [], 0
    for name, shape in pieces:
        blocks.append((total, math.prod(shape), _layout(training, name, shape, pattern, axis).block))
        total += math.prod(shape)
    cuts = [0]
    for rank in range(1, ranks):
        ideal = total * rank // ranks
        cut = total
        for first, count, block in blocks:
            if first <= ideal < first + count:
                cut = min(first + round((ideal - first) / block) * block, first + count)
        cuts.append(max(cut, cuts[-1]))
    return list(zip(cuts, [*cuts[1:], total]))


def parts_of(training: Training, pieces: Pieces, first: int, count: int, pattern: str | None,
             axis: int) -> list[Part]:
    """What of the pieces lies in the `count` elements from `first` on. Elements beyond the last piece
    are padding."""
    parts, begin = [], 0
    for name, shape in pieces:
        shape = tuple(int(size) for size in shape)
        size = math.prod(shape)
        low, high = max(first, begin), min(first + count, begin + size)
        if low < high:
            if high - low == size:
                own = "dense" if pattern is not None and len(shape) < 2 else pattern
                parts.append(Part(name, shape, low - first, own, axis))
            else:
                parts.append(_cut(training, name, shape, low - begin, high - begin, begin - first,
                                  pattern, axis))
        begin += size
    return parts


def _cut(training: Training, name: str, shape: Sequence[int], low: int, high: int, first: int,
         pattern: str | None, axis: int) -> Part:
    layout = _layout(training, name, shape, pattern, axis)
    for bound in (low, high):
        if bound % layout.block:
            raise _runtime.Error(
                f"piece '{name}' {shape} of a flat parameter is cut at its element {bound}, within a "
                f"group of pattern {layout.pattern} along axis {layout.axis}; expected a multiple of "
                f"{layout.block} (nm.torch.shard gives such ranges)")
    count = high - low
    place = Place(tuple(shape), low, layout.axis)
    if layout.pattern == "dense":
        return Part(name, (count,), first + low, "dense", 0, place)
    local = (count // layout.block, layout.group, layout.stride)
    return Part(name, local, first + low, layout.pattern, 1, place)
