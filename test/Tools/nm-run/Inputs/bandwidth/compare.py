# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: compare.py NM-RUN MODEL DEVICE FOLDER

Runs a model on machines that differ from DEVICE in bandwidth and scratchpad alone, and compares the
cycles of each pair of which one has more: equal within 1 %, for the closed form that the programs are
chosen by leaves out some latencies.
"""

import json
import re
import subprocess
import sys

tool, model, device, folder = sys.argv[1:]
with open(device) as file:
    base = json.load(file)
cycles = {}
for bandwidth in (25e9, 50e9, 200e9, 800e9):
    for kib in (32, 64, 128, 512):
        base["dram"]["bytes_per_second"] = bandwidth
        base["scratchpad"]["bytes"] = kib * 1024
        path = f"{folder}/device.json"
        with open(path, "w") as file:
            json.dump(base, file)
        run = subprocess.run([tool, model, f"--target={path}", "--timing-only"],
                             capture_output=True, text=True)
        found = re.search(r": (\d+) cycles", run.stdout)
        if run.returncode or not found:
            sys.exit(f"{kib} KiB at {bandwidth:g} bytes/s: {run.stderr}{run.stdout}")
        cycles[bandwidth, kib] = int(found[1])

slower = [(a, cycles[a], b, cycles[b]) for a in cycles for b in cycles
          if a[0] <= b[0] and a[1] <= b[1] and cycles[b] > cycles[a] * 1.01]
for line in slower:
    print("from %s, %d cycles, to %s, %d cycles" % line)
print(f"{len(cycles)} machines, {'some' if slower else 'none'} slower than a smaller one")
sys.exit(bool(slower))
