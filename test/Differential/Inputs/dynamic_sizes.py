# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random programs of dynamic sizes, called through the C interface with sizes that agree, sizes that do not, none,
negative and huge ones, gaps between rows and offsets. What must agree is known from how a program is
made; every array ends where a page without access begins, so that a read past its end is a fault."""

import argparse
import ctypes
import mmap
import os
import random
import subprocess
import sys
import tempfile

import numpy as np

libc = ctypes.CDLL(None, use_errno=True)
PAGE = mmap.PAGESIZE
HUGE = [1 << 31, 1 << 40, 1 << 61, (1 << 63) - 1]
NEGATIVE = [-1, -7, -(1 << 63)]


def fixed_size(count):
    def size(sizes):
        return count
    size.fixed = True
    return size


class Program:
    """A function over inputs whose dimensions are names. `holds` are predicates over their sizes."""

    def __init__(self, draw, name):
        self.draw, self.name = draw, name
        self.inputs, self.lines, self.holds, self.dims = [], [], [], []
        value, shape = self.input(draw.choice([1, 2]))
        for _ in range(draw.randrange(1, 5)):
            value, shape = self.step(value, shape)
        self.result, self.shape = value, shape

    def input(self, rank):
        """Another argument, with a rank and all its sizes unknown."""
        names = [f"d{len(self.dims) + i}" for i in range(rank)]
        self.dims += names
        shape = [lambda sizes, name=name: sizes[name] for name in names]
        self.inputs.append(names)
        return f"%x{len(self.inputs) - 1}", shape

    def kind(self, shape):
        return "tensor<" + "?x" * len(shape) + "f32>"

    def add(self, text):
        self.lines.append("  " + text)

    def define(self, text):
        name = self.fresh()
        self.add(f"{name} = {text}")
        return name

    def fresh(self):
        return f"%v{len(self.lines)}"

    def empty(self, value, sizes):
        """A tensor of sizes that are dimensions of other values."""
        names = []
        for source, kind, dim in sizes:
            index, name = self.fresh(), None
            self.add(f"{index} = arith.constant {dim} : index")
            name = self.fresh()
            self.add(f"{name} = tensor.dim {source}, {index} : {kind}")
            names.append(name)
        result = self.fresh()
        self.add(f"{result} = tensor.empty({', '.join(names)}) : {self.kind(sizes)}")
        return result

    def generic(self, maps, values, kinds, iterators, out, kind, body):
        result = self.fresh()
        self.add(f"{result} = linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = [" +
                 ", ".join(f'"{one}"' for one in iterators) + f"]}} ins({', '.join(values)} : {', '.join(kinds)}) "
                 f"outs({out} : {kind}) {{\n  ^bb0({', '.join(f'%a{i}: f32' for i in range(len(values) + 1))}):\n"
                 f"    {body}\n  }} -> {kind}")
        return result

    def step(self, value, shape):
        kind, rank = self.kind(shape), len(shape)
        choices = ["add"] + (["matmul", "bias", "turn", "rows"] if rank == 2 else [])
        # Sizes that the types tell are compared by verifiers, and not here.
        if not hasattr(shape[0], "fixed"):
            choices += ["slice"] + (["expand"] if rank == 1 else [])
        what = self.draw.choice(choices)
        plus = "%s = arith.addf %a0, %a1 : f32\n    linalg.yield %s : f32"
        full = "affine_map<(i, j) -> (i, j)>" if rank == 2 else "affine_map<(i) -> (i)>"
        own = [(value, kind, dim) for dim in range(rank)]
        if what == "add":
            other, sizes = self.input(rank)
            for a, b in zip(shape, sizes):
                self.holds.append(lambda at, a=a, b=b: a(at) == b(at))
            out = self.empty(value, own)
            self.compute(lambda x, y: x + y, other)
            return self.generic([full] * 3, [value, other], [kind] * 2, ["parallel"] * rank, out, kind, plus), shape
        if what == "bias":
            other, sizes = self.input(1)
            self.holds.append(lambda at, a=shape[1], b=sizes[0]: a(at) == b(at))
            out = self.empty(value, own)
            self.compute(lambda x, y: x + y, other)
            return self.generic([full, "affine_map<(i, j) -> (j)>", full], [value, other],
                                [kind, "tensor<?xf32>"], ["parallel"] * 2, out, kind, plus), shape
        if what == "matmul":
            other, sizes = self.input(2)
            self.holds.append(lambda at, a=shape[1], b=sizes[0]: a(at) == b(at))
            out = self.empty(value, [own[0], (other, kind, 1)])
            zero = self.fresh()
            self.add(f"{zero} = arith.constant 0.0 : f32")
            filled = self.fresh()
            self.add(f"{filled} = linalg.fill ins({zero} : f32) outs({out} : {kind}) -> {kind}")
            result = self.fresh()
            self.add(f"{result} = linalg.matmul ins({value}, {other} : {kind}, {kind}) outs({filled} : {kind}) -> {kind}")
            self.compute(lambda x, y: x @ y, other)
            return result, [shape[0], sizes[1]]
        if what == "turn":
            out = self.empty(value, own[::-1])
            result = self.fresh()
            self.add(f"{result} = linalg.transpose ins({value} : {kind}) outs({out} : {kind}) permutation = [1, 0]")
            self.compute(lambda x: x.T)
            return result, shape[::-1]
        if what == "rows":
            zero = self.fresh()
            self.add(f"{zero} = arith.constant 0.0 : f32")
            out = self.empty(value, own[:1])
            filled = self.fresh()
            self.add(f"{filled} = linalg.fill ins({zero} : f32) outs({out} : tensor<?xf32>) -> tensor<?xf32>")
            self.compute(lambda x: x.sum(1))
            return self.generic([full, "affine_map<(i, j) -> (i)>"], [value], [kind], ["parallel", "reduction"], filled,
                                "tensor<?xf32>", plus), shape[:1]
        if what == "expand":
            count = self.draw.choice([2, 3])
            self.holds.append(lambda at, a=shape[0]: a(at) % count == 0)
            zero = self.define("arith.constant 0 : index")
            size = self.define(f"tensor.dim {value}, {zero} : {kind}")
            factor = self.define(f"arith.constant {count} : index")
            rows = self.define(f"arith.divui {size}, {factor} : index")
            fixed = self.define(f"tensor.expand_shape {value} [[0, 1]] output_shape [{rows}, {count}] : {kind} into "
                                f"tensor<?x{count}xf32>")
            result = self.define(f"tensor.cast {fixed} : tensor<?x{count}xf32> to tensor<?x?xf32>")
            self.compute(lambda x: x.reshape(-1, count))
            return result, [lambda at, a=shape[0]: a(at) // count, fixed_size(count)]
        # A slice of some first rows, at an offset.
        offset, size = self.draw.randrange(3), self.draw.randrange(1, 4)
        self.holds.append(lambda at, a=shape[0]: offset + size <= a(at))
        names = ""
        if rank == 2:
            one = self.define("arith.constant 1 : index")
            width = self.define(f"tensor.dim {value}, {one} : {kind}")
            names = f", {width}"
        part = self.fresh()
        to = f"tensor<{size}{'x?' if rank == 2 else ''}xf32>"
        self.add(f"{part} = tensor.extract_slice {value}[{offset}{', 0' if rank == 2 else ''}] [{size}{names}] "
                 f"[1{', 1' if rank == 2 else ''}] : {kind} to {to}")
        result = self.fresh()
        self.add(f"{result} = tensor.cast {part} : {to} to {kind}")
        self.compute(lambda x: x[offset:offset + size])
        return result, [fixed_size(size)] + shape[1:]

    def compute(self, function, other=None):
        self.__dict__.setdefault("steps", []).append((function, int(other[2:]) if other else None))

    def text(self):
        arguments = ", ".join(f"%x{i}: {self.kind(names)}" for i, names in enumerate(self.inputs))
        kind = self.kind(self.shape)
        return "\n".join([f"func.func @{self.name}({arguments}) -> {kind} {{", *self.lines,
                          f"  return {self.result} : {kind}", "}"])

    def expected(self, arrays):
        value = arrays[0]
        for function, other in self.steps:
            value = function(value) if other is None else function(value, arrays[other])
        return value

    def fits(self, sizes):
        return all(size >= 0 for size in sizes.values()) and all(hold(sizes) for hold in self.holds)

    def draw_sizes(self):
        """Sizes that agree, by trying; None if there were none."""
        for _ in range(4000):
            base = self.draw.choice([[0, 1], [1, 2, 3], [3, 6], [6], [4, 6, 17]])
            sizes = {name: self.draw.choice(base) for name in self.dims}
            if self.fits(sizes):
                return sizes
        return None


class Guarded:
    """An array of float32 that ends where a page without access begins."""

    def __init__(self, array):
        pages = -(-array.nbytes // PAGE)
        self.map = mmap.mmap(-1, (pages + 1) * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        if libc.mprotect(ctypes.c_void_p(base + pages * PAGE), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        self.address = base + pages * PAGE - array.nbytes
        ctypes.memmove(self.address, np.ascontiguousarray(array).ctypes.data, array.nbytes)


def descriptor(address, sizes, strides=None, offset=0):
    if strides is None:
        strides, step = [], 1
        for size in reversed(sizes):
            strides.insert(0, step)
            # As C would have it; what overflows is refused for its size.
            step = ctypes.c_int64(step * size).value
    words = [address, address, offset, *sizes, *strides]
    return (ctypes.c_int64 * len(words))(*[ctypes.c_int64(word).value for word in words])


def call(library, program, arrays, given, expect, what):
    """What is wrong with the call, in words; empty: nothing."""
    rank = len(program.shape)
    result = (ctypes.c_int64 * (3 + 2 * rank))(*[-1] * (3 + 2 * rank))
    function = getattr(library, "nm_ciface_" + program.name)
    status = function(ctypes.byref(result), *[ctypes.byref(one) for one in given])
    message = getattr(library, "nm_error_" + program.name)
    message.restype = ctypes.c_char_p
    if not expect:
        if status != 1:
            return f"{what}: returned {status}, expected to be refused"
        if not message():
            return f"{what}: refused without a reason"
        return "" if not any(result) else f"{what}: refused, but there is a result"
    if status:
        return f"{what}: refused: {message()}"
    want = program.expected(arrays)
    if list(result[3:3 + rank]) != list(want.shape):
        return f"{what}: sizes {list(result[3:3 + rank])}, expected {list(want.shape)}"
    base = ctypes.cast(result[1], ctypes.POINTER(ctypes.c_float))
    for index in np.ndindex(*want.shape):
        at = result[2] + sum(i * s for i, s in zip(index, result[3 + rank:]))
        if base[at] != want[index]:
            return f"{what}: element {index} is {base[at]}, expected {want[index]}"
    libc.free(ctypes.c_void_p(result[0]))
    return ""


def try_program(library, program, draw, calls):
    sizes = program.draw_sizes()
    if sizes is None:
        return "", 0
    refused = 0
    for _ in range(calls):
        actual = program.draw_sizes() or sizes
        what = draw.choice(["fits", "fits", "other", "other", "negative", "huge", "gap", "offset"])
        arrays = [draw_array(draw, [actual[name] for name in names]) for names in program.inputs]
        guarded = [Guarded(array) for array in arrays]
        claimed = dict(actual)
        name = draw.choice(program.dims)
        if what == "other":
            claimed[name] = draw.choice([0, 1, actual[name] + 1, max(actual[name] - 1, 0), 5])
            # Data that are there, so that only agreement is at stake.
            arrays = [draw_array(draw, [claimed[one] for one in names]) for names in program.inputs]
            guarded = [Guarded(array) for array in arrays]
        elif what == "negative":
            claimed[name] = draw.choice(NEGATIVE)
        elif what == "huge":
            # One dimension alone may be as large as it likes; where no other has to agree, there
            # is nothing to refuse, and nothing to read either.
            claimed[name] = draw.choice(HUGE)
            if program.fits(claimed):
                continue
        expect = program.fits(claimed)
        given = []
        position = draw.randrange(len(program.inputs))
        for i, (names, guard) in enumerate(zip(program.inputs, guarded)):
            own = [claimed[one] for one in names]
            given.append(descriptor(guard.address, own))
            if i != position or what not in ("gap", "offset"):
                continue
            if what == "offset":
                given[-1][2] = draw.choice([1, -1, 7])
                expect = False
            elif all(size > 0 for size in own) and any(size > 1 for size in own):
                dim = draw.choice([d for d, size in enumerate(own) if size > 1])
                given[-1][3 + len(own) + dim] += draw.choice([1, -1, 3, 1 << 40])
                expect = False
        fault = call(library, program, arrays, given, expect, f"{what} {claimed}")
        if fault:
            return fault, refused
        refused += not expect
    return "", refused


def draw_array(draw, shape):
    return np.array([draw.randrange(-8, 9) for _ in range(int(np.prod(shape)))], np.float32).reshape(shape)


def try_seed(seed, programs, calls):
    draw = random.Random(seed)
    made = [Program(draw, f"f{i}") for i in range(programs)]
    with tempfile.TemporaryDirectory() as folder:
        path, library = os.path.join(folder, "model.mlir"), os.path.join(folder, "libmodel.so")
        with open(path, "w") as file:
            file.write("\n".join(program.text() for program in made))
        run = subprocess.run(["nm-compile", path, "--emit=so", "-o", library], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        if run.returncode:
            print(open(path).read())
            sys.exit(f"seed {seed}: {run.stdout}")
        total = 0
        for program in made:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(read)
                fault, refused = try_program(ctypes.CDLL(library), program, draw, calls)
                os.write(write, f"{refused} {fault}".encode())
                os._exit(0)
            os.close(write)
            answer = os.fdopen(read).read()
            status = os.waitpid(child, 0)[1]
            if status or " " not in answer or answer.split(" ", 1)[1]:
                print(program.text())
                sys.exit(f"seed {seed}, {program.name}: " + (f"ends with status {status}" if status else answer))
            total += int(answer.split(" ", 1)[0])
            # Each program its own calls, whatever the one before drew.
            draw.seed(seed * 1000003 + int(program.name[1:]))
    print(f"seed {seed}: {programs} programs, {total} calls refused")
    return total


parser = argparse.ArgumentParser()
parser.add_argument("--seeds", default="1")
parser.add_argument("--programs", type=int, default=16)
parser.add_argument("--calls", type=int, default=40)
options = parser.parse_args()
if not all([try_seed(seed, options.programs, options.calls) for seed in map(int, options.seeds.split(","))]):
    sys.exit("no call was refused: nothing was tried")
