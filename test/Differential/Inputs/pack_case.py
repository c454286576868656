# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random `kernel.pack`s in any order of source and panel, one function a seed, against the operation's description.

A panel is a view into a larger buffer of marks: what the operation may not write has to keep them. All sizes from 0 on,
known and unknown; strides of one, others, and unknown ones.
"""

import numpy as np

from dtypes import NUMPY, is_integer, round_to, to_float
from kernel_program import main, memref, tensor

MARK = 77
#: Element types of source and panel.
TYPES = (("f32", "f32"), ("f32", "f32"), ("f16", "f32"), ("bf16", "f32"), ("i8", "f32"), ("i8", "f32"), ("i8", "i32"), ("i8", "i8"), ("f32", "f16"),
         ("i16", "i32"), ("i32", "f32"))


def dimensions(sizes):
    return "".join(f"{size}x" for size in sizes)


class View:
    """A matrix somewhere in an array of its own."""

    def __init__(self, rng, rows, columns, element):
        pick = lambda *options: options[int(rng.integers(len(options)))]
        self.sizes, self.element = (rows, columns), element
        self.order = pick("rows", "columns", "gaps", "turned gaps")
        self.turned = self.order in ("columns", "turned gaps")
        self.steps = (pick(1, 2), pick(2, 3)) if "gaps" in self.order else (1, 1)
        self.first = (int(rng.integers(0, 3)), int(rng.integers(0, 3)))
        shape = (columns, rows) if self.turned else (rows, columns)
        self.base_shape = tuple(f + size * step + int(rng.integers(1, 3)) for f, size, step in zip(self.first, shape, self.steps))
        self.known = pick("all", "strides", "strides", "nothing")

    def of(self, base):
        """The matrix in an array, as a view of it."""
        (a, b), (s, t), (h, w) = self.first, self.steps, self.sizes[::-1] if self.turned else self.sizes
        view = base[a:a + h * s:s, b:b + w * t:t] if h and w else base[:0, :0].reshape(h, w)
        return view.T if self.turned else view

    def text(self, name, buffer):
        """Lines that make `%name` of a buffer, and its type."""
        sizes = self.sizes[::-1] if self.turned else self.sizes
        strides, offset = [self.base_shape[1] * self.steps[0], self.steps[1]], self.first[0] * self.base_shape[1] + self.first[1]
        typed = lambda sizes, strides, offset: (f"memref<{dimensions(sizes)}{self.element}, "
                                                f"strided<[{strides[0]}, {strides[1]}], offset: {offset}>>")
        given = typed(sizes, strides, offset)
        lines = [f"%{name}s = memref.subview %{buffer}[{self.first[0]}, {self.first[1]}] [{sizes[0]}, {sizes[1]}] "
                 f"[{self.steps[0]}, {self.steps[1]}] : {memref(self.base_shape, self.element)} to {given}"]
        last = f"%{name}s"
        if self.turned:
            sizes, strides = sizes[::-1], strides[::-1]
            lines.append(f"%{name}t = memref.transpose {last} (i, j) -> (j, i) : {given} to {typed(sizes, strides, offset)}")
            last, given = f"%{name}t", typed(sizes, strides, offset)
        shown = {"all": (sizes, strides, offset), "strides": ("??", strides, "?"), "nothing": ("??", "??", "?")}[self.known]
        lines.append(f"%{name} = memref.cast {last} : {given} to {typed(*shown)}")
        return lines, typed(*shown)


class Case:
    def __init__(self, rng):
        pick = lambda *options: options[int(rng.integers(len(options)))]
        size = lambda most: int(rng.integers(0, pick(2, most + 1)))
        self.types = pick(*TYPES)
        rows, columns = size(70), size(90)
        self.source = View(rng, rows, columns, self.types[0])
        self.panel = View(rng, rows + pick(0, 0, size(30)), pick(16, 32, 64, 128, columns, size(90)), self.types[1])
        self.base = self.numbers(rng, self.source.base_shape)
        self.marks = np.full(self.panel.base_shape, MARK, NUMPY[self.types[1]])
        self.fill = rng.random() < 0.3
        self.factor = float(pick(0.5, 3.25, 2.0**-24)) if self.types[1] == "f32" and rng.random() < 0.3 else None
        self.axis = int(rng.integers(0, 2))
        self.scales = None
        if self.types == ("i8", "f32") and rng.random() < 0.7:
            # Bytes of floats somewhere in rows of bytes.
            self.scales = rng.standard_normal(self.source.sizes[self.axis]).astype(np.float32)
            self.scale_column = int(rng.integers(0, 4))
            self.scale_bytes = rng.integers(-128, 128, (len(self.scales) + 1, self.scale_column + 4 + int(rng.integers(0, 4)))).astype(np.int8)
            self.scale_bytes[:-1, self.scale_column:self.scale_column + 4] = self.scales.reshape(-1, 1).view(np.int8)

    def numbers(self, rng, shape):
        if is_integer(self.types[0]):
            limits = np.iinfo(NUMPY[self.types[0]])
            # Beyond 2^24 a conversion to f32 rounds, as NumPy's does.
            return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(NUMPY[self.types[0]])
        return round_to(rng.standard_normal(shape), self.types[0])

    def text(self, n):
        source, panel = self.types
        arguments, lines = [], []
        operands = [("x", self.base, source), ("m", self.marks, panel)]
        if self.scales is not None:
            operands.append(("q", self.scale_bytes, "i8"))
        for name, array, element in operands:
            given = tensor(array.shape, element)
            arguments.append((f"%{name}{n}: {given}", array))
            lines.append(f"%{name}b{n} = bufferization.to_buffer %{name}{n} : {given} to {memref(array.shape, element)}")
        whole = memref(self.marks.shape, panel)
        lines += [f"%e{n} = memref.alloc() : {whole}", f"memref.copy %mb{n}, %e{n} : {whole} to {whole}"]
        made, source_type = self.source.text(f"s{n}", f"xb{n}")
        lines += made
        made, panel_type = self.panel.text(f"p{n}", f"e{n}")
        lines += made
        scales, scale_type, attributes = "", "", []
        if self.scales is not None:
            count, width = len(self.scales), self.scale_bytes.shape[1]
            view = f"memref<{count}x4xi8, strided<[{width}, 1], offset: {self.scale_column}>>"
            lines.append(f"%w{n} = memref.subview %qb{n}[0, {self.scale_column}] [{count}, 4] [1, 1] : "
                         f"{memref(self.scale_bytes.shape, 'i8')} to {view}")
            scales, scale_type = f" scaled by %w{n}", f" scaled by {view}"
            if self.axis:
                attributes.append("axis = 1 : i64")
        if self.factor is not None:
            attributes.append(f"factor = {self.factor:.17e} : f32")
        if self.fill:
            attributes.append("fill")
        words = " {" + ", ".join(attributes) + "}" if attributes else ""
        out = tensor(self.marks.shape, panel)
        lines += [f"kernel.pack %s{n}{scales} into %p{n}{words} : {source_type}{scale_type} into {panel_type}",
                  f"%y{n} = bufferization.to_tensor %e{n} restrict writable : {whole} to {out}"]
        return arguments, lines, out

    def expected(self):
        """Of the elements that both have."""
        values = to_float(self.source.of(self.base), self.types[0]).astype(NUMPY[self.types[1]])
        if self.scales is not None:
            values = values * (self.scales[:, None] if self.axis == 0 else self.scales[None, :])
        return values if self.factor is None else values * np.float32(self.factor)

    def off(self, got):
        rows, columns = self.source.sizes
        panel, values = self.panel.of(got), self.expected()
        width = min(columns, panel.shape[1])
        if not np.array_equal(panel[:rows, :width], values[:, :width]):
            return f"{np.argwhere(panel[:rows, :width] != values[:, :width])[0]}"
        if np.any(panel[rows:, :width] != 0):
            return "rows of zeros"
        beyond = panel[:rows, width:]
        if self.fill and columns and not np.all((beyond == 0) | (beyond == values[:, -1:])):
            return "what lies beyond the last column"
        if self.fill and columns and not np.all(np.isin(panel[rows:, width:], 0)):
            return "zeros beyond the last column"
        # What is not the panel's.
        kept = got.copy()
        self.panel.of(kept)[...] = MARK
        return None if np.all(kept == MARK) else "what is beside the panel"

    def __str__(self):
        scales = None if self.scales is None else f"axis {self.axis}"
        return (f"{self.types[0]} to {self.types[1]}, source {self.source.sizes} {self.source.order} known={self.source.known}, "
                f"panel {self.panel.sizes} {self.panel.order} known={self.panel.known}, scales={scales} factor={self.factor} "
                f"fill={self.fill}")


main(__doc__, Case)
