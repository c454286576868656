# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs operator cases of the ONNX project with nm-run and compares the results.

usage: cases.py NM_RUN FOLDER [--each N] [--only REGEX] [--jobs N] [-v]

FOLDER holds OPERATOR/CASE/model.onnx, input_K.npy and output_K.npy. Tolerances
are those of onnx.backend.test: rtol 1e-3, atol 1e-7. Cases that stand in
listed.txt next to this script are expected to fail; one that passes is an
error, and so is a list of more than 3 percent.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy

RTOL, ATOL = 1e-3, 1e-7
LISTED = pathlib.Path(__file__).with_name("listed.txt")


def listed():
    """Case -> why nm does not run it."""
    reasons = {}
    for line in LISTED.read_text().splitlines():
        if line and not line.startswith("#"):
            case, _, why = line.partition(" ")
            reasons[case] = why.strip()
    return reasons


def run_case(nm_run, case):
    """Why the case fails, or None."""
    inputs = sorted(case.glob("input_*.npy"), key=lambda p: int(p.stem.split("_")[1]))
    outputs = sorted(case.glob("output_*.npy"), key=lambda p: int(p.stem.split("_")[1]))
    with tempfile.TemporaryDirectory() as folder:
        results = [pathlib.Path(folder) / f"{i}.npy" for i in range(len(outputs))]
        command = [nm_run, str(case / "model.onnx"), "--threads=1"]
        for path in inputs:
            command += ["--input", str(path)]
        for path in results:
            command += ["--output", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            lines = [l for l in done.stderr.splitlines() if l.strip()]
            return f"exit {done.returncode}: {' '.join(lines)[-400:]}"
        for expected, result in zip(outputs, results):
            want, have = numpy.load(expected, allow_pickle=False), numpy.load(result)
            if want.dtype != have.dtype or want.shape != have.shape:
                return f"{expected.name}: {have.dtype}{have.shape}, expected {want.dtype}{want.shape}"
            try:
                numpy.testing.assert_allclose(have, want, rtol=RTOL, atol=ATOL)
            except AssertionError as error:
                return f"{expected.name}: {' '.join(str(error).split())[:300]}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nm_run")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--each", type=int, default=0, help="cases of each operator, 0 for all")
    parser.add_argument("--only", default="", help="regular expression of operator/case")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-v", action="store_true", help="name what passes, too")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"skipped: no folder {options.folder}")
        return 0
    cases = []
    for operator in sorted(p for p in options.folder.iterdir() if p.is_dir()):
        own = sorted(p for p in operator.iterdir() if (p / "model.onnx").exists())
        own = [p for p in own if re.search(options.only, f"{p.parent.name}/{p.name}")]
        # From the middle outwards nothing is better than from the start: any.
        cases += own[: options.each or None]
    reasons = listed()
    passed, failed, known = collections.Counter(), [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for case, why in zip(cases, pool.map(lambda c: run_case(options.nm_run, c), cases)):
            name = f"{case.parent.name}/{case.name}"
            if name in reasons and why is None:
                failed.append((name, "passes, but stands in listed.txt"))
            elif name in reasons:
                known.append(name)
            elif why:
                failed.append((name, why))
            else:
                passed[case.parent.name] += 1
                if options.v:
                    print("passed", name)
    for name, why in failed:
        print(f"FAILED {name}: {why}")
    total = len(cases)
    print(f"{sum(passed.values())} passed / {len(failed)} failed / {len(known)} listed of {total}")
    if len(known) > 0.03 * total and not options.only and not options.each:
        print("more than 3 percent are listed")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
