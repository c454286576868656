# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a scheduler and its embeddings on the mesh's model and compares the departures.

usage: compare_trees.py NM-TRANSLATE NM-PIFO-MESH PREFIX ORIGINAL.mlir EMBEDDED.mlir...
"""

import random
import subprocess
import sys

translate, pifo, prefix, *programs = sys.argv[1:]
random.seed(2)
held = 0
with open(prefix + ".csv", "w") as out:
    out.write("now,leaf,class\n")
    for step in range(6000):
        if random.random() < (0.62 if step // 400 % 2 == 0 else 0.38) and held < 250:
            child = random.randrange(5)
            out.write(f"{step},{'abcde'[child]},{child}\n")
            held += 1
        else:
            out.write(f"{step},-,0\n")
            held = max(0, held - 1)

first = None
for program in programs:
    subprocess.run([translate, "--pifo-to-mesh-json", program, "-o", prefix + ".json"], check=True)
    result = subprocess.run([pifo, "mesh", "run", prefix + ".json", "--input", prefix + ".csv"], check=True,
                            capture_output=True, text=True).stdout
    packets = [line.split(",")[0] for line in result.splitlines()[1:]]
    if first is None:
        first = packets
    elif packets != first:
        place = next((i for i, (a, b) in enumerate(zip(first, packets)) if a != b), len(first))
        sys.exit(f"{program}: departure {place} differs")
print(f"{len(programs) - 1} trees, {len(first)} departures each, all equal")
