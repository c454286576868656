#!/usr/bin/python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the compiled models read: compare.py FOLDER KEYS NAME=MODEL...; FOLDER/NAME.npy are the
probabilities that nm-run computed of FOLDER/lines.npy with MODEL, FOLDER/NAME.json its report.

Fails where a model reads more than one character in a hundred otherwise than torch did.
"""

import json
import sys
from pathlib import Path

import numpy as np

from lines import Alphabet, errors
from train import rate_of_errors

folder, alphabet = Path(sys.argv[1]), Alphabet(sys.argv[2])
results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
failed = False
print(f"{'':26} {'wrong, all lines':>18} {'wrong here':>11} {'not as torch':>13} {'best time a line':>17}")
for argument in sys.argv[3:]:
    name, model = argument.split("=")
    read = [alphabet.read(line.argmax(1)) for line in np.load(folder / f"{name}.npy", mmap_mode="r")]
    report = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    other = np.array(errors(read, results["read"][model][:len(read)]), float)
    share = 100 * other[:, 0].sum() / max(1, other[:, 1].sum())
    mean, half = results["models"][model]["test"]
    here = rate_of_errors(read, results["expected"][:len(read)])[0]
    print(f"{name:26} {mean:9.2f} ± {half:4.2f} % {here:9.2f} % {share:11.2f} % "
          f"{report['min_ms'] / len(read):14.2f} ms")
    failed = failed or share > 1
sys.exit(1 if failed else 0)
