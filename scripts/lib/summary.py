#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sums the JSON results of lit runs: summary.py FOLDER [BROKEN-STAGE...].

The last line is `N passed, N failed, N skipped`. A broken stage counts as one failure. Exit
status 1 if anything failed or nothing passed.

Before that: how long each stage took, of which FOLDER/stages has a line `SECOND<tab>NAME` when it began, in order,
and the tests that took longest.
"""

import json
import pathlib
import sys

PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}
SLOWEST = 5


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def print_stages(path):
    """The time of each stage, up to the beginning of the next one."""
    if not path.exists():
        return
    begins = [line.split("\t", 1) for line in path.read_text().splitlines()]
    for (begin, name), (end, _) in zip(begins, begins[1:]):
        print(f"{clock(int(end) - int(begin)):>6}  {name}")
    print(f"{clock(int(begins[-1][0])):>6}  in all")


def print_slowest(tests):
    for elapsed, name in sorted(tests, reverse=True)[:SLOWEST]:
        print(f"{clock(elapsed):>6}  {name}")


def main():
    folder, broken = pathlib.Path(sys.argv[1]), sys.argv[2:]
    passed, skipped, failures, times = 0, 0, [f"{stage} failed" for stage in broken], []
    for path in sorted(folder.glob("*.json")):
        tests = json.loads(path.read_text())["tests"]
        codes = [test["code"] for test in tests]
        times += [(test["elapsed"], f"{test['name']} ({path.stem})") for test in tests if test.get("elapsed")]
        run_passed = sum(code in PASSED for code in codes)
        run_skipped = sum(code in SKIPPED for code in codes)
        print(f"{path.stem:12} {run_passed} passed, {len(codes) - run_passed - run_skipped} failed, "
              f"{run_skipped} skipped")
        passed += run_passed
        skipped += run_skipped
        failures += [f"{test['code']}: {test['name']} ({path.stem})" for test in tests
                     if test["code"] not in PASSED | SKIPPED]
    print_slowest(times)
    print_stages(folder / "stages")
    for failure in failures:
        print(failure)
    if not passed and not failures:
        failures = ["no test ran"]
        print(failures[0])
    print(f"{passed} passed, {len(failures)} failed, {skipped} skipped")
    return 1 if failures else 0


sys.exit(main())
