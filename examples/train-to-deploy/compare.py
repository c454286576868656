#!/usr/bin/python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Accuracy of each deployment against torch: compare.py FOLDER NAME=OUTPUT[=REPORT]...

Fails where a deployment of f32 names another class than torch for more than one image in a hundred.
"""

import json
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
labels, expected = np.load(folder / "labels.npy"), np.load(folder / "logits.npy")
rows = [("torch", expected, None)]
for argument in sys.argv[2:]:
    name, output, *report = argument.split("=")
    rows.append((name, np.load(output), json.loads(Path(report[0]).read_text()) if report else None))
failed = False
print(f"{'':24} {'accuracy':>9} {'as torch':>9} {'max |difference|':>17} {'time':>12}")
for name, logits, report in rows:
    logits = logits.astype(np.float64)
    same = np.mean(logits.argmax(1) == expected.argmax(1))
    difference = np.max(np.abs(logits - expected))
    time = ""
    if report:
        time = (f"{report['median_ms']:.2f} ms" if "median_ms" in report
                else f"{report['seconds'] * 1e3:.2f} ms sim" if "seconds" in report else "")
    print(f"{name:24} {np.mean(logits.argmax(1) == labels):9.2%} {same:9.2%} {difference:17.2e} "
          f"{time:>12}")
    failed = failed or same < 0.99
sys.exit(1 if failed else 0)
