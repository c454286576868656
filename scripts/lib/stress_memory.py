# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random programs that choose, carry and overwrite tensors, through nm-run, against NumPy.

Every operation names where its result may lie, most often a tensor that is still read: loops (`scf.for`, `scf.while` with
work in both blocks), branches and selections hand on any of those there are. Tensors are values: NumPy copies each.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy

SIZE, TENSOR = 6, "tensor<6xf32>"
# Result of a binary operation whose numbers stay between -8 and 8.
BINARY = {"linalg.add": numpy.add, "linalg.sub": numpy.subtract, "linalg.max": numpy.maximum, "linalg.min": numpy.minimum}


class Program:
    """Text, and a list of steps that change a dict of arrays by name."""

    def __init__(self, seed):
        self.r, self.count = random.Random(seed), 0

    def name(self):
        self.count += 1
        return f"%v{self.count}"

    def destination(self, known, lines):
        if self.r.random() < 0.75:
            return self.r.choice(known)
        name = self.name()
        lines.append(f"{name} = tensor.empty() : {TENSOR}")
        return name

    def block(self, known, depth, length):
        """Lines and steps; adds names to `known`."""
        lines, steps = [], []
        for _ in range(length):
            kinds = [self.binary, self.binary, self.product, self.piece, self.select, self.select]
            if depth:
                kinds += [self.counted, self.asking, self.branch]
            self.r.choice(kinds)(known, lines, steps, depth)
        return lines, steps

    def binary(self, known, lines, steps, depth):
        op, (a, b), made = self.r.choice(list(BINARY)), self.r.choices(known, k=2), self.name()
        out = self.destination(known, lines)
        lines.append(f"{made} = {op} ins({a}, {b} : {TENSOR}, {TENSOR}) outs({out} : {TENSOR}) -> {TENSOR}")
        function = BINARY[op]
        steps.append(lambda v: v.update({made: numpy.clip(function(v[a], v[b]), -8, 8)}))
        bound = self.name()
        lines.append(f"{bound} = linalg.min ins({made}, %high : {TENSOR}, {TENSOR}) outs({made} : {TENSOR}) -> {TENSOR}")
        known_as = self.name()
        lines.append(f"{known_as} = linalg.max ins({bound}, %low : {TENSOR}, {TENSOR}) outs({bound} : {TENSOR}) -> {TENSOR}")
        steps.append(lambda v: v.update({known_as: v[made]}))
        known.append(known_as)

    def product(self, known, lines, steps, depth):
        """What reads all of an operand for each element of the result."""
        a, zeroed, made = self.r.choice(known), self.name(), self.name()
        out = self.destination(known, lines)
        lines.append(f"{zeroed} = linalg.fill ins(%zero : f32) outs({out} : {TENSOR}) -> {TENSOR}")
        lines.append(f"{made} = linalg.matvec ins(%turn, {a} : tensor<6x6xf32>, {TENSOR}) outs({zeroed} : {TENSOR}) -> {TENSOR}")
        steps.append(lambda v: v.update({made: numpy.roll(v[a], -1)}))
        known.append(made)

    def piece(self, known, lines, steps, depth):
        a, b, made, part, at = self.r.choice(known), self.r.choice(known), self.name(), self.name(), self.r.randrange(4)
        lines.append(f"{part} = tensor.extract_slice {a}[{at}] [3] [1] : {TENSOR} to tensor<3xf32>")
        to = self.r.randrange(4)
        lines.append(f"{made} = tensor.insert_slice {part} into {b}[{to}] [3] [1] : tensor<3xf32> into {TENSOR}")

        def step(v):
            v[made] = v[b].copy()
            v[made][to:to + 3] = v[a][at:at + 3]

        steps.append(step)
        known.append(made)

    def condition(self, known, lines):
        """An i1, and the function that gives it."""
        a, element, made, at = self.r.choice(known), self.name(), self.name(), self.r.randrange(SIZE)
        lines.append(f"{element}_at = arith.constant {at} : index")
        lines.append(f"{element} = tensor.extract {a}[{element}_at] : {TENSOR}")
        lines.append(f"{made} = arith.cmpf olt, {element}, %zero : f32")
        return made, lambda v: v[a][at] < 0

    def select(self, known, lines, steps, depth):
        (flag, test), (a, b), made = self.condition(known, lines), self.r.choices(known, k=2), self.name()
        lines.append(f"{made} = arith.select {flag}, {a}, {b} : {TENSOR}")
        steps.append(lambda v: v.update({made: v[a] if test(v) else v[b]}))
        known.append(made)

    def branch(self, known, lines, steps, depth):
        (flag, test), made, branches = self.condition(known, lines), self.name(), []
        for _ in range(2):
            own = list(known)
            text, inner = self.block(own, depth - 1, self.r.randint(0, 2))
            branches.append((text + [f"scf.yield {self.r.choice(own)} : {TENSOR}"], inner))
        results = [text[-1].split()[1] for text, _ in branches]
        lines.append(f"{made} = scf.if {flag} -> {TENSOR} {{")
        lines.extend(branches[0][0] + ["} else {"] + branches[1][0] + ["}"])

        def step(v):
            which = 0 if test(v) else 1
            own = dict(v)
            for one in branches[which][1]:
                one(own)
            v[made] = own[results[which]]

        steps.append(step)
        known.append(made)

    def carried(self, known, count):
        return self.r.choices(known, k=count), [self.name() for _ in range(count)]

    def counted(self, known, lines, steps, depth):
        count, trips, made = self.r.randint(1, 3), self.r.randint(0, 3), self.name()
        initial, arguments = self.carried(known, count)
        own = known + arguments
        text, inner = self.block(own, depth - 1, self.r.randint(1, 4))
        after = self.r.choices(own[len(known) - 2:], k=count)
        types = ", ".join([TENSOR] * count)
        lines.append(f"{made}n = arith.constant {trips} : index")
        lines.append(f"{made}:{count} = scf.for {made}i = %c0 to {made}n step %c1 iter_args("
                     + ", ".join(f"{a} = {x}" for a, x in zip(arguments, initial)) + f") -> ({types}) {{")
        lines.extend(text + [f"scf.yield {', '.join(after)} : {types}", "}"])

        def step(v):
            now = [v[x] for x in initial]
            for _ in range(trips):
                own = {**v, **dict(zip(arguments, now))}
                for one in inner:
                    one(own)
                now = [own[x] for x in after]
            v.update((f"{made}#{k}", x) for k, x in enumerate(now))

        steps.append(step)
        known.extend(f"{made}#{k}" for k in range(count))

    def asking(self, known, lines, steps, depth):
        """At most three times, while an element is not negative."""
        count, handed, made = self.r.randint(1, 2), self.r.randint(1, 2), self.name()
        initial, arguments = self.carried(known, count)
        own = known + arguments
        text, before = self.block(own, depth - 1, self.r.randint(0, 2))
        flag, test = self.condition(own, text)
        passed = arguments[:count] if self.r.random() < 0.5 else self.r.choices(own[len(known) - 1:], k=handed)
        inside = [self.name() for _ in passed]
        other = known + inside
        body, after = self.block(other, depth - 1, self.r.randint(0, 3))
        yielded = self.r.choices(other[len(known) - 1:], k=count)
        types, passed_types = ", ".join(["index"] + [TENSOR] * count), ", ".join(["index"] + [TENSOR] * len(passed))
        lines.append(f"{made}:{len(passed) + 1} = scf.while ({made}i = %c0, " + ", ".join(f"{a} = {x}" for a, x in zip(arguments, initial))
                     + f") : ({types}) -> ({passed_types}) {{")
        lines.extend(text + [f"{made}few = arith.cmpi slt, {made}i, %c3 : index", f"{made}no = arith.xori {flag}, %true : i1",
                             f"{made}more = arith.andi {made}few, {made}no : i1",
                             f"scf.condition({made}more) {', '.join([made + 'i'] + passed)} : {passed_types}", "} do {"])
        lines.append(f"^bb0({made}j: index, " + ", ".join(f"{a}: {TENSOR}" for a in inside) + "):")
        lines.extend(body + [f"{made}k = arith.addi {made}j, %c1 : index", f"scf.yield {', '.join([made + 'k'] + yielded)} : {types}", "}"])

        def step(v):
            now, trips = [v[x] for x in initial], 0
            while True:
                own = {**v, **dict(zip(arguments, now))}
                for one in before:
                    one(own)
                left = [own[x] for x in passed]
                if trips >= 3 or test(own):
                    break
                own = {**v, **dict(zip(inside, left))}
                for one in after:
                    one(own)
                now, trips = [own[x] for x in yielded], trips + 1
            v.update((f"{made}#{k + 1}", x) for k, x in enumerate(left))

        steps.append(step)
        known.extend(f"{made}#{k + 1}" for k in range(len(passed)))

    def make(self):
        """The module, arguments, and expected results."""
        known = ["%x", "%y"]
        lines, steps = self.block(known, 2, self.r.randint(3, 8))
        results = self.r.sample(known, min(len(known), 3))
        turn = ", ".join("[" + ", ".join("1.0" if j == (i + 1) % SIZE else "0.0" for j in range(SIZE)) + "]" for i in range(SIZE))
        types = ", ".join([TENSOR] * len(results))
        head = [f"func.func @f(%x: {TENSOR}, %y: {TENSOR}) -> ({types}) {{"]
        head += [f"%c{k} = arith.constant {k} : index" for k in (0, 1, 3)] + ["%true = arith.constant true", "%zero = arith.constant 0.0 : f32"]
        head += [f"%high = arith.constant dense<8.0> : {TENSOR}", f"%low = arith.constant dense<-8.0> : {TENSOR}",
                 f"%turn = arith.constant dense<[{turn}]> : tensor<6x6xf32>"]
        draw = numpy.random.default_rng(self.r.randrange(1 << 30))
        values = {x: draw.integers(-4, 5, SIZE).astype("float32") for x in ("%x", "%y")}
        arrays = [values["%x"], values["%y"]]
        for step in steps:
            step(values)
        return "\n".join(head + lines + [f"return {', '.join(results)} : {types}", "}"]), arrays, [values[x] for x in results]


def run(tool, folder, seed, options):
    text, arrays, expected = Program(seed).make()
    (folder / "f.mlir").write_text(text + "\n")
    command = [tool, str(folder / "f.mlir"), "--threads=1", *options]
    for name, array in zip("xy", arrays):
        numpy.save(folder / f"{name}.npy", array)
        command.append(f"--input={folder}/{name}.npy")
    for k, array in enumerate(expected):
        numpy.save(folder / f"e{k}.npy", array)
        command.append(f"--expect={folder}/e{k}.npy")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()[-400:]


def main():
    parser = argparse.ArgumentParser(prog="scripts/stress memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = os.environ.get("NM_BUILD", str(pathlib.Path(__file__).parents[2] / "build/release"))
    parser.add_argument("--tool", default=f"{build}/bin/nm-run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500, help="programs")
    parser.add_argument("--print", action="store_true", help="print the program of the seed, and run nothing")
    options = parser.parse_args()
    if options.print:
        print(Program(options.seed).make()[0])
        return 0
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.count):
            why = run(options.tool, pathlib.Path(folder), seed, ["--reference"] if seed % 8 == 0 else [])
            if why:
                wrong += 1
                print(f"seed {seed}: {why}", flush=True)
    print(f"{options.count} programs from seed {options.seed}, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
