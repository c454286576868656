# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an objective chooses is at least as good in it as what the others choose, and a margin gives up no more
than its percentage for what is better in the second measure."""

import re
import subprocess
import sys


def chosen(*options):
    """Cycles, energy and live bytes of each attention."""
    command = ["nm-opt", sys.argv[1], "--remarks-filter=flat-select-dataflow", "-o", "/dev/null",
               "--flat-select-dataflow=" + " ".join(["target=edge", *options])]
    text = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr
    lines = [line for line in text.splitlines() if "[Passed] dataflow" in line]
    return [tuple(float(re.search(name + r"=\"?(\d+)", line).group(1)) for name in ("cycles", "energy-pj", "footprint-bytes"))
            for line in lines]


measures = {"time": lambda cost: cost[0], "energy": lambda cost: cost[1], "edp": lambda cost: cost[0] * cost[1],
            "capacity": lambda cost: cost[2]}
found = {name: chosen("objective=" + name) for name in measures}
faults = []
if len(found["time"]) < 2:
    faults.append("no dataflow was chosen")
for name, measure in measures.items():
    for other, costs in found.items():
        faults += [f"{other} is better in {name}: {a} and {b}" for a, b in zip(found[name], costs)
                   if measure(a) > 1.000001 * measure(b)]
for then in ("energy", "capacity"):
    measure = measures[then]
    for best, tied in zip(found["time"], chosen("objective=time", "within=5", "then=" + then)):
        if tied[0] > 1.05001 * best[0] or measure(tied) > 1.000001 * measure(best):
            faults.append(f"within 5 %, then {then}, takes {tied} for {best}")
if any(found["time"] == found[name] for name in ("energy", "capacity")):
    faults.append("objectives choose alike: nothing was tried")
print("\n".join([str(found), *faults]))
sys.exit(bool(faults))
