# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Embeds each scheduler of a folder into trees of some arity and runs the CPU code of both on the same
random packets: everything departs in the same order at the same times, equal ranks included.

usage: embed_examples.py NM-OPT NM-TRANSLATE CLANG PREFIX FOLDER ARITY
"""

import ctypes
import pathlib
import random
import re
import subprocess
import sys

opt, translate, clang, prefix, folder, arity = sys.argv[1:]
STEPS, SEEDS = 4000, 3


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, timeout=300, **more).stdout


def build(source, name):
    lowered = run(opt, "--pifo-to-cpu", source)
    llvm = run(translate, "--mlir-to-llvmir", input=lowered)
    run(clang, "-O1", "-Wno-override-module", "-shared", "-fPIC", "-x", "ir", "-", "-o", name, input=llvm)
    return ctypes.CDLL(name)


def simulate(library, symbol, packet_type, fields, capacity, seed):
    """(packet, time, fields) of each departure; the traffic depends on the seed only."""
    def call(function, *arguments):
        entry = getattr(library, f"{symbol}_{function}")
        entry.restype = {"create": ctypes.c_void_p, "release": ctypes.c_int64}.get(function, ctypes.c_int32)
        return entry(*arguments)

    traffic = random.Random(seed)
    scheduler = ctypes.c_void_p(call("create", ctypes.c_int64(0)))
    left, now, number = [], 0, 0
    # Few values make ties, many make ranks of all sizes.
    most = traffic.choice([4, 1500, 1 << 20])
    for step in range(STEPS):
        now += traffic.randrange(2000)
        tick = ctypes.c_int64(now)
        packet = packet_type()
        if traffic.random() < (0.65 if step // 300 % 2 == 0 else 0.35):
            packet.handle = number
            number += 1
            for name, bits, below in fields:
                setattr(packet, name, traffic.randrange(min(below or 1 << bits, 1 << bits, most)))
            status = call("enqueue", scheduler, ctypes.byref(packet), tick)
            assert status in (0, 2), status
        else:
            call("release", scheduler, tick)
            if call("dequeue", scheduler, tick, ctypes.byref(packet)) == 0:
                left.append((packet.handle, now) + tuple(getattr(packet, name) for name, _, _ in fields))
    call("destroy", scheduler)
    return left


embedded = 0
for program in sorted(pathlib.Path(folder).glob("*.mlir")):
    text = re.sub(r"capacity\(\d+\)", "capacity(500)", program.read_text())
    original, other = prefix + ".original.mlir", prefix + ".embedded.mlir"
    with open(original, "w") as out:
        out.write(text)
    result = subprocess.run([opt, original, f"--pass-pipeline=builtin.module(pifo.scheduler(pifo-embed{{arity={arity}}}))",
                             "-o", other], capture_output=True, text=True)
    if result.returncode:
        print(f"{program.stem}: refused: {re.search(r'error: (.*)', result.stderr)[1]}")
        continue
    with open(other) as source:
        transits = len(re.findall(r"pifo\.node @\w+_via\d+ ", source.read()))
    symbol, capacity = re.search(r"pifo\.scheduler @(\w+) capacity\((\d+)\)", text).groups()
    fields = [(n, int(bits), int(below) if below else None) for n, bits, below in
              re.findall(r"pifo\.field(?: writable)? @(\w+) : i(\d+)(?: below (\d+))?", text)]

    class Packet(ctypes.Structure):
        _fields_ = [("handle", ctypes.c_uint64)] + [
            (n, ctypes.c_uint8 if b <= 8 else ctypes.c_uint16 if b <= 16 else ctypes.c_uint32 if b <= 32 else ctypes.c_uint64)
            for n, b, _ in fields]

    # Two libraries of one name would be one: the loader knows them by their files.
    libraries = [build(path, f"{prefix}.{program.stem}.{kind}.so") for path, kind in ((original, "a"), (other, "b"))]
    departed = 0
    for seed in range(1, SEEDS + 1):
        first, second = (simulate(library, symbol, Packet, fields, int(capacity), seed) for library in libraries)
        if first != second:
            place = next((i for i, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))
            sys.exit(f"{program.stem}: seed {seed}: departure {place} differs")
        departed += len(first)
    print(f"{program.stem}: {transits} transit nodes, {departed} departures equal")
    embedded += 1
print(f"{embedded} programs equal")
