#!/usr/bin/python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks a produced output against the reference and times the same layer in NumPy.

NumPy runs in float32 on the effective (pruned) weights of the same checkpoint; what multiplies is
whatever BLAS NumPy is linked to, on OPENBLAS_NUM_THREADS threads. Fails if --actual is off.
"""

import argparse
import ctypes
import json
import re
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import checkpoint
import reference


def errors(actual, expected, rtol, atol):
    """max|a-b|, that over max|b|, and how many elements miss |a-b| <= atol + rtol |b|."""
    if actual.shape != expected.shape:
        raise ValueError(f"the output has shape {actual.shape}, the reference {expected.shape}")
    difference = np.abs(actual.astype(np.float64) - expected)
    largest = np.max(difference)  # NaN stays NaN and fails every comparison below
    return {"max_abs_error": float(largest),
            "max_rel_error": float(largest / np.max(np.abs(expected))),
            "elements_off": int(np.count_nonzero(~(difference <= atol + rtol * np.abs(expected)))),
            "elements": int(expected.size)}


def within(found, rtol):
    return found["max_rel_error"] <= rtol and found["elements_off"] == 0


def measure(function, repeat):
    for _ in range(min(3, repeat)):
        function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1e3)
    return {"median_ms": statistics.median(times), "min_ms": min(times), "max_ms": max(times)}


def blas():
    """Name and thread count of the BLAS in this process."""
    paths = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()
             if re.search(r"/lib\S*blas\S*\.so", line)}
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        try:
            library.openblas_get_config.restype = ctypes.c_char_p
            version = re.search(r"OpenBLAS \S+", library.openblas_get_config().decode())
            return version[0] if version else "OpenBLAS", library.openblas_get_num_threads()
        except AttributeError:
            continue
    return "a BLAS that is not OpenBLAS", 1


def time_numpy(params, x, heads, repeat):
    """Times of the layer and of its six matrix products alone."""
    rows = {x.shape[2]: x.reshape(-1, x.shape[2])}
    for name in reference.LINEARS:
        width = params[name + ".weight"].shape[1]
        rows.setdefault(width, np.ones((rows[x.shape[2]].shape[0], width), np.float32))

    def products():
        for name in reference.LINEARS:
            weight = params[name + ".weight"]
            rows[weight.shape[1]] @ weight.T

    return (measure(lambda: reference.encoder(x, params, heads), repeat),
            measure(products, repeat))


def load_model(path):
    tensors, metadata = checkpoint.read_safetensors(path)
    params = {name: checkpoint.load_weight(tensors, reference.PREFIX + name)
              for name in reference.parameter_names()}
    return params, metadata


def print_table(rows):
    head = ("", "max abs error", "max rel error", "median ms", "min ms", "time / NumPy")
    body = []
    base = next(row["median_ms"] for name, row in rows if name.startswith("NumPy"))
    for name, row in rows:
        cells = [name]
        for key, spec in (("max_abs_error", ".2e"), ("max_rel_error", ".2e"),
                          ("median_ms", ".2f"), ("min_ms", ".2f")):
            cells.append(format(row[key], spec) if key in row else "-")
        cells.append(f"{row['median_ms'] / base:.2f}" if "median_ms" in row else "-")
        body.append(cells)
    widths = [max(len(cells[i]) for cells in (head, *body)) for i in range(len(head))]
    for cells in (head, ["-" * width for width in widths], *body):
        print("  ".join([cells[0].ljust(widths[0]),
                         *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))]).rstrip())


def parse_report(text):
    label, _, path = text.rpartition("=")
    if not label:
        raise argparse.ArgumentTypeError(f"'{text}' is not LABEL=FILE")
    return label, Path(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", type=Path, required=True, help="the checkpoint (.safetensors)")
    add("--input", type=Path, required=True, help="input .npy [batch, seq, hidden]")
    add("--expected", type=Path, required=True, help="reference output .npy")
    add("--actual", type=Path, required=True, help="output .npy to check")
    add("--report", type=parse_report, action="append", default=[], metavar="LABEL=FILE",
        help="a row of the table from a JSON report of nm-run; may be repeated")
    add("--heads", type=int, help="attention heads; default: as the checkpoint says")
    add("--rtol", type=float, default=2e-5, help="bound on max|a-b| / max|b| (default 2e-5)")
    add("--atol", type=float, default=2e-5,
        help="every element: |a-b| <= atol + rtol |b| (default 2e-5)")
    add("--repeat", type=int, default=20, help="timed runs of NumPy (default 20)")
    add("--json", type=Path, help="write the figures here as well")
    return parser.parse_args()


def compare(args):
    params, metadata = load_model(args.model)
    heads = args.heads or int(metadata["num_attention_heads"])
    x, expected = np.load(args.input), np.load(args.expected)
    actual = errors(np.load(args.actual), expected, args.rtol, args.atol)
    peer = errors(reference.encoder(x, params, heads), expected, args.rtol, args.atol)
    if not within(peer, args.rtol):
        raise ValueError(f"NumPy itself is off by {peer['max_rel_error']:.2e} relative; "
                         "do the checkpoint and the reference belong together?")
    layer, products = time_numpy(params, x, heads, args.repeat)
    library, threads = blas()

    rows = [(label, json.loads(path.read_text())) for label, path in args.report]
    if not rows:
        rows = [(args.actual.name, actual)]
    rows.append((f"NumPy, {library}", {**peer, **layer}))
    rows.append(("  its six linear layers alone", products))
    print(f"input {list(x.shape)}, {heads} heads, {threads} thread{'s' if threads > 1 else ''}, "
          f"median of {args.repeat}\n")
    print_table(rows)

    passed = within(actual, args.rtol)
    print(f"\n{args.actual.name}: {'matches' if passed else 'DOES NOT match'} the float64 reference: "
          f"max rel {actual['max_rel_error']:.2e} (bound {args.rtol:.0e}), "
          f"{actual['elements_off']} of {actual['elements']} elements off")
    if args.json:
        args.json.write_text(json.dumps(
            {"passed": passed, "threads": threads, "blas": library, "actual": actual,
             "numpy": {**peer, **layer}, "numpy_linears": products,
             "reports": dict(rows[:len(args.report)])},
            indent=2) + "\n")
    return 0 if passed else 1


def main():
    try:
        return compare(parse_arguments())
    except (OSError, ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
