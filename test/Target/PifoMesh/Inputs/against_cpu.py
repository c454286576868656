# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a scheduler on the mesh's model and as CPU code on the same random packets and compares what
departs when.

usage: against_cpu.py NM-OPT NM-TRANSLATE NM-PIFO-MESH CLANG PREFIX PROGRAM.mlir [OPTION...]
  --capacity N        instead of the program's
  --limits LIST       of the mesh
  --grow NODE=FIELD   declares that ranks of the node grow for each value of the field
  --max FIELD=N       values of the field are below N (default: its bound, or 2^20)
  --pace N            ticks between two requests, at most (default 40)
  --steps N, --seeds N, --cycles N (of a request)
  --original FILE     the CPU runs this program instead, the original of an embedding
"""

import argparse
import ctypes
import random
import re
import sys

from embedded import Library, packet_type, run

parser = argparse.ArgumentParser()
for name in ("opt", "translate", "pifo", "clang", "prefix", "program"):
    parser.add_argument(name)
parser.add_argument("--capacity", type=int)
parser.add_argument("--limits", default="rank_bits = 62 : i64, now_bits = 34 : i64, metadata_bits = 256 : i64")
for name in ("--grow", "--max"):
    parser.add_argument(name, action="append", default=[])
for name, value in (("--pace", 40), ("--steps", 3000), ("--seeds", 2), ("--cycles", 64)):
    parser.add_argument(name, type=int, default=value)
parser.add_argument("--original")
options = parser.parse_args()


def read(path):
    with open(path) as source:
        text = source.read()
    if options.capacity:
        text = re.sub(r"capacity\(\d+\)", f"capacity({options.capacity})", text)
    for node, field in (item.split("=") for item in options.grow):
        text, count = re.subn(rf"(pifo\.node @{node} rank\([^)]*\))", rf"\1 attributes {{pifo.ranks_grow_by = @{field}}}", text)
        assert count == 1, node
    return text


text = read(options.program)
original = read(options.original) if options.original else text
name = re.search(r"pifo\.scheduler @(\w+) capacity\((\d+)\)", text)
most = dict((n, int(value)) for n, value in (item.split("=") for item in options.max))

prefix = options.prefix
with open(prefix + ".mlir", "w") as out:
    out.write(f"module attributes {{pifo.mesh_limits = {{{options.limits}}}}} {{\n{text}}}\n")
run(options.translate, "--pifo-to-mesh-json", prefix + ".mlir", "-o", prefix + ".json")
library, symbol, fields = Library((options.opt, options.translate, options.clang), prefix).add(original)
Packet = packet_type(fields)
create, destroy, enqueue, release, dequeue = (
    library.entry(symbol, function) for function in ("create", "destroy", "enqueue", "release", "dequeue"))
departed = written = 0
for seed in range(1, options.seeds + 1):
    random.seed(seed)
    scheduler = ctypes.c_void_p(create(ctypes.c_int64(0)))
    expected, rows, now, count, inside = [], [], 0, 0, 0
    for step in range(options.steps):
        now += random.randrange(options.pace + 1)
        tick = ctypes.c_int64(now)
        packet = Packet()
        # The mesh takes cycles for what is due; here they pass before the request.
        release(scheduler, tick)
        rows.append([now, ""] + [0] * len(fields))
        if random.random() < (0.65 if step // 300 % 2 == 0 else 0.35) and inside < int(name[2]):
            packet.handle = count
            values = [random.randrange(most.get(n, min(below or 1 << bits, 1 << 20))) for n, bits, below in fields]
            for (n, _, _), value in zip(fields, values):
                setattr(packet, n, value)
            status = enqueue(scheduler, ctypes.byref(packet), tick)
            assert status == 0, status
            release(scheduler, tick)
            rows.append([now, "+"] + values)
            count += 1
            inside += 1
        else:
            if dequeue(scheduler, tick, ctypes.byref(packet)) == 0:
                inside -= 1
                expected.append((packet.handle, now) + tuple(getattr(packet, n) for n, _, _ in fields))
            rows.append([now, "-"] + [0] * len(fields))
    destroy(scheduler)
    with open(prefix + ".csv", "w") as out:
        out.write(",".join(["now", "leaf"] + [n for n, _, _ in fields]) + "\n")
        for row in rows:
            out.write(",".join(map(str, row)) + "\n")
    result = run(options.pifo, "mesh", "run", prefix + ".json", "--input", prefix + ".csv", "--cycles", str(options.cycles)).decode()
    header, *lines = result.splitlines()
    # Fields that are written on departure are columns after the cycle.
    columns = [[n for n, _, _ in fields].index(n) for n in header.split(",")[3:]]
    found = [tuple(map(int, line.split(","))) for line in lines]
    for place, (want, have) in enumerate(zip(expected, found)):
        if want[:2] != have[:2]:
            sys.exit(f"seed {seed}: departure {place} is packet {have[0]} at {have[1]}, "
                     f"the CPU says packet {want[0]} at {want[1]}")
        for column, value in zip(columns, have[3:]):
            written += 1
            if want[2 + column] != value:
                sys.exit(f"seed {seed}: packet {have[0]} leaves with {fields[column][0]} {value}, "
                         f"the CPU says {want[2 + column]}")
    if len(expected) != len(found):
        sys.exit(f"seed {seed}: {len(found)} departures, the CPU says {len(expected)}")
    departed += len(found)
print(f"{name[1]}: {departed} departures equal" + (f", {written} written fields" if written else ""))
