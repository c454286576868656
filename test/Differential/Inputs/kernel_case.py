# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random `kernel.tile_product`s, one function a seed, against float64.

The oracle is written from the table of the operation's description: element by element, without vectors. Sums of
f32 are within the rounding of their products and additions in any order; sums of i32 are exact.
"""

import numpy as np

from kernel_program import main, memref, tensor

F32 = 2.0**-24
FORMS = ("plain", "interleaved", "own", "shared", "common")
#: Element types of the left operand, those of the tile, and what an interpreter of tensors calls them.
TYPES = {"f32": ("f32", np.float32), "f16": ("f32", np.float16), "i8": ("i32", np.int8)}


class Case:
    """Operands of one product, as arrays and as types, and what it gives."""

    def __init__(self, rng):
        pick = lambda *options: options[int(rng.integers(len(options)))]
        self.form = pick(*FORMS)
        # Offsets of each row's own that are the same in the first steps.
        self.common = self.form == "common"
        self.form = "own" if self.common else self.form
        self.element = pick(*TYPES)
        self.tile_element = TYPES[self.element][0]
        self.rows, self.vectors = int(rng.integers(1, 7)), int(rng.integers(1, 5))
        self.lanes = pick(4, 8, 16) if self.form == "own" else pick(1, 4, 8, 16)
        columns = self.vectors * self.lanes
        self.interleave = {"plain": 1, "interleaved": pick(2, 4, 8)}.get(self.form, 4)
        self.unroll = pick(1, 1, 2, 4)
        self.sets = pick(*(s for s in (1, 2, 4) if self.unroll * self.interleave % s == 0))
        steps = int(rng.integers(0, 13))
        depth = steps * self.interleave
        # The last step of an interleaved operand may be short if the panel says so.
        self.static = rng.random() < 0.7
        if self.form == "interleaved" and self.static and steps:
            depth -= int(rng.integers(0, self.interleave))
        self.lhs = self.numbers(rng, (self.rows, depth) if self.form == "plain" else (steps, self.rows, self.interleave))
        self.acc = self.numbers(rng, (self.rows, self.vectors, self.lanes)).astype(
            np.int32 if self.tile_element == "i32" else np.float32)
        self.offsets = None
        if self.form in ("own", "shared"):
            size = int(rng.integers(columns, columns + 3000))
            self.rhs = self.numbers(rng, (size,))
            shape = (steps, self.rows, 4) if self.form == "own" else (steps, 4)
            self.offsets = rng.integers(0, size - columns + 1, shape).astype(np.int16)
            if self.common:
                self.common_steps = int(rng.integers(0, steps + 1))
                self.offsets[:self.common_steps] = self.offsets[:self.common_steps, :1]
        else:
            # Columns beyond the tile's are not read.
            self.rhs = self.numbers(rng, (depth, columns + int(rng.integers(0, 3))))
        self.rhs = self.rhs.astype(self.acc.dtype)
        self.expected, self.error = self.multiply(depth)

    def numbers(self, rng, shape):
        if self.element == "i8":
            return rng.integers(-128, 128, shape).astype(np.int8)
        return rng.standard_normal(shape).astype(TYPES[self.element][1])

    def multiply(self, depth):
        wide = np.int64 if self.tile_element == "i32" else np.float64
        total, size = self.acc.astype(wide), np.abs(self.acc.astype(wide))
        for r in range(self.rows):
            for k in range(depth):
                step, slot = divmod(k, self.interleave)
                left = wide(self.lhs[r, k] if self.form == "plain" else self.lhs[step, r, slot])
                for v in range(self.vectors):
                    c = slice(v * self.lanes, (v + 1) * self.lanes)
                    if self.offsets is None:
                        right = self.rhs[k, c]
                    else:
                        at = int(self.offsets[step, r, slot] if self.form == "own" else self.offsets[step, slot])
                        right = self.rhs[at + c.start:at + c.stop]
                    total[r, v] += left * right.astype(wide)
                    size[r, v] += np.abs(left * right.astype(wide))
        return total, (0 if self.tile_element == "i32" else (depth + 4) * F32 * size)

    def operands(self):
        yield "l", self.lhs, self.element
        yield "r", self.rhs, self.tile_element
        yield "a", self.acc, self.tile_element
        if self.offsets is not None:
            yield "o", self.offsets, "i16"

    def text(self, n):
        """Arguments and lines of case `n`; sizes of the contraction are dynamic in some."""
        arguments, lines, types = [], [], {}
        for name, array, element in self.operands():
            arguments.append((f"%{name}{n}: {tensor(array.shape, element)}", array))
            given = memref(array.shape, element)
            lines.append(f"%{name}m{n} = bufferization.to_buffer %{name}{n} : {tensor(array.shape, element)} to {given}")
            if name == "a":
                continue
            shape = list(array.shape)
            if not self.static:
                shape[1 if (name, self.form) == ("l", "plain") else 0] = "?"
            types[name] = memref(shape, element)
            lines.append(f"%{name}v{n} = memref.cast %{name}m{n} : {given} to {types[name]}")
        tile = memref(self.acc.shape, self.tile_element).replace("memref", "vector", 1)
        out, given = tensor(self.acc.shape, self.tile_element), memref(self.acc.shape, self.tile_element)
        zero = "0" if self.tile_element == "i32" else "0.0"
        inside = "{in_bounds = [true, true, true]}"
        common = ""
        if self.common:
            # Not known where the code is made.
            arguments.append((f"%n{n}: tensor<1xi64>", np.array([self.common_steps], np.int64)))
            lines += [f"%w{n} = tensor.extract %n{n}[%c0] : tensor<1xi64>", f"%k{n} = arith.index_cast %w{n} : i64 to index"]
            common = f" common %k{n}"
        offsets, offset_type = (f"[%ov{n}]", f"[{types['o']}]") if self.offsets is not None else ("", "")
        lines += [
            f"%p{n} = arith.constant {zero} : {self.tile_element}",
            f"%t{n} = vector.transfer_read %am{n}[%c0, %c0, %c0], %p{n} {inside} : {given}, {tile}",
            f"%s{n} = kernel.tile_product %lv{n}, %rv{n}{offsets}{common} into %t{n} "
            f"{{unroll = {self.unroll} : i64, sets = {self.sets} : i64}} : "
            f"{types['l']}, {types['r']}{offset_type} into {tile}",
            f"%e{n} = memref.alloc() : {given}",
            f"vector.transfer_write %s{n}, %e{n}[%c0, %c0, %c0] {inside} : {tile}, {given}",
            f"%y{n} = bufferization.to_tensor %e{n} restrict writable : {given} to {out}"]
        return arguments, lines, out

    def __str__(self):
        form = f"common={self.common_steps}" if self.common else self.form
        return (f"{form} {self.element} rows={self.rows} vectors={self.vectors} lanes={self.lanes} "
                f"interleave={self.interleave} unroll={self.unroll} sets={self.sets} lhs={self.lhs.shape} "
                f"rhs={self.rhs.shape} static={self.static}")

    def off(self, got):
        """By how much a result is wrong, or None."""
        got = got.astype(self.expected.dtype)
        if self.tile_element == "i32":
            good = np.array_equal(got, self.expected.astype(np.int32).astype(np.int64))
        else:
            good = bool(np.all(np.abs(got - self.expected) <= self.error))
        return None if good else np.max(np.abs(got - self.expected))


main(__doc__, Case)
