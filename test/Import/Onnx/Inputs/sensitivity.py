# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each weight of a BERT costs, by nm-run --sensitivity, against NumPy in f64.

usage: sensitivity.py FOLDER [--real] [--layers N] [--length N]

Every weight and pattern is computed for the small model; of one of the published sizes (--real) a few, and how long the
search took and how much memory it held are said.
"""

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import time

import numpy

from transformers import REAL, Sizes, bert, prune

PATTERNS = ["6:8", "2:4", "4:8", "8:16", "1:4"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--real", action="store_true", help="BERT-base's sizes")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--length", type=int, default=10)
    return parser.parse_args()


def main():
    options = parse()
    sizes = dataclasses.replace(REAL["bert"] if options.real else Sizes(), layers=options.layers)
    made = bert(sizes, 17, batch=1 if options.real else 2, length=options.length)
    os.makedirs(options.folder, exist_ok=True)
    os.chdir(options.folder)
    made.save("m")
    os.makedirs("samples/0", exist_ok=True)
    for name, array in zip(["ids", "mask"], made.inputs):
        numpy.save(f"samples/0/{name}.npy", array)
    failures, checks = [], 0

    def check(holds, what):
        nonlocal checks
        checks += 1
        if not holds:
            failures.append(what)

    start = time.monotonic()
    done = subprocess.run(["nm-run", "m.onnx", "--calibrate=samples", "--sensitivity", "--max-difference=0.05", "--threads=1",
                           "--json=s.json"], capture_output=True, text=True)
    seconds = time.monotonic() - start
    check(done.returncode == 0, f"nm-run: {done.stderr[-600:]}")
    if not done.returncode:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open("s.json") as file:
            table = json.load(file)
        weights = sorted(name for name, array in made.weights.items()
                         if array.ndim == 2 and name.endswith("weight") and "embedding" not in name)
        check(sorted(layer["key"] for layer in table["layers"]) == weights, f"weights of the table: {table['layers']}")
        dense = made.reference()[0]
        # Each takes a run of the model in NumPy: of the published sizes a few.
        step = max(1, len(table["layers"]) // 3) if options.real else 1
        for index, layer in enumerate(table["layers"]):
            check([choice["pattern"] for choice in layer["choices"]] == PATTERNS, f"patterns of {layer['key']}")
            for choice in layer["choices"][:: 5 if options.real else 1] if index % step == 0 else []:
                n, m = map(int, choice["pattern"].split(":"))
                moved = made.reference(lambda key, array: prune(array, n, m) if key == layer["key"] else array)[0]
                want = numpy.linalg.norm(moved - dense) / numpy.linalg.norm(dense)
                check(abs(choice["difference"] - want) < 1e-4 + 1e-3 * want, f"{layer['key']} {n}:{m}: {choice}, {want}")
        check(table["difference"] <= 0.05, f"the choice moves the results by {table['difference']}")
        if options.real:
            print(f"{len(weights)} weights, {seconds:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor time, "
                  f"{used.ru_maxrss / 1024:.0f} MiB")
            print(done.stdout[-2000:])
    for failure in failures:
        print(failure)
    print(f"{checks} checks, {len(failures)} failed")


if __name__ == "__main__":
    main()
