# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random `kernel.lane_product`s, one function a seed, against float64.

The oracle is written from the table of the operation's description: lane by lane, without registers of any processor.
Sums of f32 are within the rounding of their products and additions in any order; sums of i32 are exact. What no row
owns at the end of a segment is not compared.
"""

import numpy as np

from dtypes import NUMPY, round_to, to_float
from kernel_program import main, memref, tensor

F32 = 2.0**-24
#: Elements of the weights, those of the sums, and steps that share 32 bits.
TYPES = (("f32", "f32", 1), ("f16", "f32", 1), ("bf16", "f32", 1), ("bf16", "f32", 2), ("i8", "f32", 1), ("i8", "f32", 4), ("i8", "i32", 1),
         ("i8", "i32", 4))
#: Bits of an index that name an element of a segment.
BITS = {4: 2, 8: 4, 16: 4, 32: 8}


class Case:
    def __init__(self, rng):
        pick = lambda *options: options[int(rng.integers(len(options)))]
        self.element, self.sum, self.interleave = pick(*TYPES)
        self.lanes, self.streams, self.columns = pick(16, 32), int(rng.integers(1, 5)), int(rng.integers(1, 5))
        self.segment = pick(None, 4, 8, 16, 32)
        if self.segment and self.segment > self.lanes:
            self.segment = self.lanes
        self.unroll = 32 // BITS[self.segment] if self.segment else pick(4, 8, 12)
        self.slots = int(rng.integers(1, self.segment // 2 + 1)) if self.segment else None
        self.sets, self.ahead = pick(1, 2), pick(0, 0, 512)
        self.steps = int(rng.integers(1, 4 * self.unroll + 2))
        # Streams that are neighbours, or have others between them.
        self.gap = pick(1, 1, 3)
        self.factor = 2.0**-24 if (self.element, self.sum, self.interleave) == ("i8", "f32", 4) else 1.0
        self.weights = self.numbers(rng, (self.streams, self.steps, self.lanes))
        self.x = self.activations(rng, (self.columns, self.steps * self.lanes))
        self.acc = self.activations(rng, (self.streams, self.columns, self.lanes))
        self.sources = np.broadcast_to(np.arange(self.lanes), self.weights.shape)
        if self.segment:
            self.sources = self.choose(rng)
        self.owned = np.ones(self.lanes, bool)
        if self.segment:
            self.owned = np.arange(self.lanes) % self.segment < self.segment // self.slots * self.slots
        self.expected, self.error = self.multiply()

    def numbers(self, rng, shape):
        if self.element == "i8":
            return rng.integers(-128, 128, shape).astype(np.int8)
        return round_to(rng.standard_normal(shape), self.element)

    def activations(self, rng, shape):
        if self.sum == "i32":
            return rng.integers(-1000, 1000, shape).astype(np.int32)
        return rng.standard_normal(shape).astype(np.float32)

    def choose(self, rng):
        """What each lane multiplies, of its segment: ascending in the slots of a row."""
        rows, shape = self.segment // self.slots, self.weights.shape
        result = rng.integers(0, self.segment, shape)
        for at in np.ndindex(*shape[:2], self.lanes // self.segment, rows):
            first = at[2] * self.segment + at[3] * self.slots
            result[at[0], at[1], first:first + self.slots] = np.sort(rng.choice(self.segment, self.slots, replace=False))
        return result + np.arange(self.lanes) // self.segment * self.segment

    def multiply(self):
        wide = np.int64 if self.sum == "i32" else np.float64
        weights = to_float(self.weights, self.element).astype(wide)
        total, size = self.acc.astype(wide), np.abs(self.acc.astype(wide))
        for g, c, s in np.ndindex(self.streams, self.columns, self.steps):
            product = weights[g, s] * self.x[c, s * self.lanes + self.sources[g, s]].astype(wide)
            total[g, c] += product
            size[g, c] += np.abs(product)
        return total, (0 if self.sum == "i32" else (self.steps + 4) * F32 * size)

    def stored(self):
        """Weights as memory holds them: `interleave` steps of a lane side by side."""
        runs = -(-self.steps // self.interleave)
        padded = np.zeros((self.streams, runs * self.interleave, self.lanes), self.weights.dtype)
        padded[:, :self.steps] = self.weights
        padded = padded.reshape(self.streams, runs, self.interleave, self.lanes)
        return self.spread(padded.transpose(0, 1, 3, 2).reshape(self.streams, runs, -1))

    def words(self):
        bits = 32 // self.unroll
        words = np.zeros((self.streams, -(-self.steps // self.unroll), self.lanes), np.uint32)
        for s in range(self.steps):
            index = self.sources[:, s].astype(np.uint32) % np.uint32(1 << bits)
            words[:, s // self.unroll] |= index << np.uint32(s % self.unroll * bits)
        return self.spread(words.view(np.int32))

    def spread(self, streams):
        """Streams `gap` apart."""
        result = np.zeros((self.streams * self.gap, *streams.shape[1:]), streams.dtype)
        result[::self.gap] = streams
        return result

    def view(self, name, n, array, element):
        """Lines that make `%<name>v<n>` of the streams of a buffer, and its type."""
        given = memref(array.shape, element)
        if self.gap == 1:
            return [f"%{name}v{n} = memref.cast %{name}m{n} : {given} to {given}"], given
        _, runs, width = array.shape
        view = f"memref<{self.streams}x{runs}x{width}x{element}, strided<[{self.gap * runs * width}, {width}, 1]>>"
        return [f"%{name}v{n} = memref.subview %{name}m{n}[0, 0, 0] [{self.streams}, {runs}, {width}] [{self.gap}, 1, 1] : {given} to {view}"], view

    def text(self, n):
        operands = [("w", self.stored(), self.element), ("x", (self.x * self.factor).astype(self.x.dtype), self.sum), ("a", self.acc, self.sum)]
        if self.segment:
            operands.append(("i", self.words(), "i32"))
        arguments, lines, types = [], [], {}
        for name, array, element in operands:
            given = tensor(array.shape, element)
            arguments.append((f"%{name}{n}: {given}", array))
            lines.append(f"%{name}m{n} = bufferization.to_buffer %{name}{n} : {given} to {memref(array.shape, element)}")
            if name in "wi":
                made, types[name] = self.view(name, n, array, element)
                lines += made
        tile = memref(self.acc.shape, self.sum).replace("memref", "vector", 1)
        out, given = tensor(self.acc.shape, self.sum), memref(self.acc.shape, self.sum)
        inside = "{in_bounds = [true, true, true]}"
        indices, index_type, attributes = "", "", [f"unroll = {self.unroll} : i64", f"sets = {self.sets} : i64", f"ahead = {self.ahead} : i64"]
        if self.segment:
            indices, index_type = f"[%iv{n}]", f"[{types['i']}]"
            attributes += [f"segment = {self.segment} : i64", f"slots = {self.slots} : i64"]
        lines += [
            f"%p{n} = arith.constant {'0' if self.sum == 'i32' else '0.0'} : {self.sum}",
            f"%t{n} = vector.transfer_read %am{n}[%c0, %c0, %c0], %p{n} {inside} : {given}, {tile}",
            f"%s{n} = kernel.lane_product %wv{n}{indices} by %xm{n} into %t{n} {{{', '.join(attributes)}}} : "
            f"{types['w']}{index_type} by {memref(self.x.shape, self.sum)} into {tile}",
            f"%e{n} = memref.alloc() : {given}",
            f"vector.transfer_write %s{n}, %e{n}[%c0, %c0, %c0] {inside} : {tile}, {given}",
            f"%y{n} = bufferization.to_tensor %e{n} restrict writable : {given} to {out}"]
        return arguments, lines, out

    def __str__(self):
        return (f"{self.element} into {self.sum} interleave={self.interleave} lanes={self.lanes} streams={self.streams} columns={self.columns} "
                f"steps={self.steps} segment={self.segment} slots={self.slots} unroll={self.unroll} sets={self.sets} ahead={self.ahead} "
                f"gap={self.gap}")

    def off(self, got):
        difference = np.abs(got.astype(self.expected.dtype) - self.expected)[:, :, self.owned]
        allowed = self.error if self.sum == "i32" else self.error[:, :, self.owned]
        return None if bool(np.all(difference <= allowed)) else np.max(difference)


main(__doc__, Case)
