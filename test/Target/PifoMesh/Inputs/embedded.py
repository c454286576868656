# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A scheduler and the same embedded into another tree, as CPU code, on the same random packets."""

import ctypes
import random
import re
import subprocess
import sys

STEPS, SEEDS = 4000, 3


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, timeout=300, **more).stdout


def build(tools, source, name, container):
    """Two libraries of one name would be one: the loader knows them by their files."""
    opt, translate, clang = tools
    lowered = run(opt, f"--pifo-to-cpu=container={container}", source)
    llvm = run(translate, "--mlir-to-llvmir", input=lowered)
    run(clang, "-O1", "-Wno-override-module", "-shared", "-fPIC", "-x", "ir", "-", "-o", name, input=llvm)
    return ctypes.CDLL(name)


def simulate(library, symbol, packet_type, fields, seed):
    """(packet, time, fields) of each departure, and (packet, status) of each refusal; the traffic depends on the seed only."""
    def call(function, *arguments):
        entry = getattr(library, f"{symbol}_{function}")
        entry.restype = {"create": ctypes.c_void_p, "release": ctypes.c_int64}.get(function, ctypes.c_int32)
        return entry(*arguments)

    traffic = random.Random(seed)
    scheduler = ctypes.c_void_p(call("create", ctypes.c_int64(0)))
    seen, now = [], 0
    # Few values make ties, many make ranks of all sizes.
    most = traffic.choice([4, 1500, 1 << 20])
    for step in range(STEPS):
        now += traffic.randrange(2000)
        tick = ctypes.c_int64(now)
        packet = packet_type()
        if traffic.random() < (0.65 if step // 300 % 2 == 0 else 0.35):
            packet.handle = step
            for name, bits, below in fields:
                setattr(packet, name, traffic.randrange(min(below or 1 << bits, 1 << bits, most)))
            if status := call("enqueue", scheduler, ctypes.byref(packet), tick):
                seen.append((step, status))
            continue
        call("release", scheduler, tick)
        first = packet_type()
        found = call("peek", scheduler, ctypes.byref(first))
        assert call("dequeue", scheduler, tick, ctypes.byref(packet)) == found
        if not found:
            assert packet.handle == first.handle
            seen.append((packet.handle, now) + tuple(getattr(packet, name) for name, _, _ in fields))
    call("destroy", scheduler)
    return seen


def embed(opt, source, options, target):
    """The number of transit nodes, and why it is refused or None."""
    result = subprocess.run([opt, source, f"--pass-pipeline=builtin.module(pifo.scheduler(pifo-embed{{{options}}}))", "-o", target],
                            capture_output=True, text=True)
    if result.returncode:
        return 0, re.search(r"error: (.*)", result.stderr)[1]
    with open(target) as text:
        return len(re.findall(r"pifo\.node @\w+_via\d+ ", text.read())), None


def departures(tools, text, source, library, container="auto"):
    """What departs from the program in the file source, or is refused, for each seed."""
    symbol = re.search(r"pifo\.scheduler @(\w+) ", text)[1]
    fields = [(n, int(bits), int(below) if below else None) for n, bits, below in
              re.findall(r"pifo\.field(?: writable)? @(\w+) : i(\d+)(?: below (\d+))?", text)]

    class Packet(ctypes.Structure):
        _fields_ = [("handle", ctypes.c_uint64)] + [
            (n, ctypes.c_uint8 if b <= 8 else ctypes.c_uint16 if b <= 16 else ctypes.c_uint32 if b <= 32 else ctypes.c_uint64)
            for n, b, _ in fields]

    loaded = build(tools, source, library, container)
    return [simulate(loaded, symbol, Packet, fields, seed) for seed in range(1, SEEDS + 1)]


def compare(name, expected, found):
    """Exits if the two differ; returns how much was compared."""
    for seed, (first, second) in enumerate(zip(expected, found), 1):
        if first != second:
            place = next((i for i, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))
            sys.exit(f"{name}: seed {seed}: {place} of what departs or is refused differs")
    return sum(map(len, expected))
