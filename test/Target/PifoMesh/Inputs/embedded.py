# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Schedulers and the same embedded into other trees, as CPU code, on the same random packets."""

import ctypes
import os
import random
import re
import subprocess
import sys

STEPS, SEEDS = 4000, 3


def run(*command, **more):
    result = subprocess.run(command, capture_output=True, timeout=300, **more)
    if result.returncode:
        sys.exit(result.stderr.decode().strip())
    return result.stdout


class Library:
    """The CPU code of many schedulers: all are compiled together, when the first is called."""

    def __init__(self, tools, prefix, container="auto"):
        self.tools, self.prefix, self.container = tools, prefix, container
        self.schedulers, self.loaded = [], None

    def add(self, text):
        """Takes a program of one scheduler, as text, maybe in a module of its own; returns what departures() needs."""
        name = re.search(r"pifo\.scheduler @(\w+) ", text)[1]
        symbol = f"{name}_{len(self.schedulers)}"
        inside = re.sub(r"\Amodule \{\n(.*)\n\}\s*\Z", r"\1", text, flags=re.S)
        self.schedulers.append(re.sub(rf"(pifo\.scheduler) @{name} ", rf"\1 @{symbol} ", inside))
        return self, symbol, fields_of(text)

    def entry(self, symbol, function):
        if not self.loaded:
            opt, translate, clang = self.tools
            library = os.path.abspath(f"{self.prefix}.{self.container}.so")
            lowered = run(opt, f"--pifo-to-cpu=container={self.container}", "-", input="\n".join(self.schedulers).encode())
            llvm = run(translate, "--mlir-to-llvmir", input=lowered)
            run(clang, "-O0", "-Wno-override-module", "-shared", "-fPIC", "-x", "ir", "-", "-o", library, input=llvm)
            self.loaded = ctypes.CDLL(library)
        found = getattr(self.loaded, f"{symbol}_{function}")
        found.restype = {"create": ctypes.c_void_p, "release": ctypes.c_int64}.get(function, ctypes.c_int32)
        return found


def fields_of(text):
    """(name, bits, bound or None) of each field of a scheduler."""
    return [(n, int(bits), int(below) if below else None) for n, bits, below in
            re.findall(r"pifo\.field(?: writable)? @(\w+) : i(\d+)(?: below (\d+))?", text)]


def packet_type(fields):
    """As the entry points take packets."""
    class Packet(ctypes.Structure):
        _fields_ = [("handle", ctypes.c_uint64)] + [
            (n, ctypes.c_uint8 if b <= 8 else ctypes.c_uint16 if b <= 16 else ctypes.c_uint32 if b <= 32 else ctypes.c_uint64)
            for n, b, _ in fields]
    return Packet


def simulate(library, symbol, fields, seed):
    """(packet, time, fields) of each departure, and (packet, status) of each refusal; the traffic depends on the seed only."""
    create, destroy, enqueue, release, peek, dequeue = (
        library.entry(symbol, name) for name in ("create", "destroy", "enqueue", "release", "peek", "dequeue"))
    Packet = packet_type(fields)
    traffic = random.Random(seed)
    scheduler = ctypes.c_void_p(create(ctypes.c_int64(0)))
    seen, now = [], 0
    # Few values make ties, many make ranks of all sizes.
    most = traffic.choice([4, 1500, 1 << 20])
    for step in range(STEPS):
        now += traffic.randrange(2000)
        tick = ctypes.c_int64(now)
        packet = Packet()
        if traffic.random() < (0.65 if step // 300 % 2 == 0 else 0.35):
            packet.handle = step
            for name, bits, below in fields:
                setattr(packet, name, traffic.randrange(min(below or 1 << bits, 1 << bits, most)))
            if status := enqueue(scheduler, ctypes.byref(packet), tick):
                seen.append((step, status))
            continue
        release(scheduler, tick)
        first = Packet()
        found = peek(scheduler, ctypes.byref(first))
        assert dequeue(scheduler, tick, ctypes.byref(packet)) == found
        if not found:
            assert packet.handle == first.handle
            seen.append((packet.handle, now) + tuple(getattr(packet, name) for name, _, _ in fields))
    destroy(scheduler)
    return seen


def embed(opt, source, options, target):
    """The number of transit nodes and the embedded program, or no program and why it is refused."""
    result = subprocess.run([opt, source, f"--pass-pipeline=builtin.module(pifo.scheduler(pifo-embed{{{options}}}))", "-o", target],
                            capture_output=True, text=True)
    if result.returncode:
        return re.search(r"error: (.*)", result.stderr)[1], None
    with open(target) as file:
        text = file.read()
    return len(re.findall(r"pifo\.node @\w+_via\d+ ", text)), text


def departures(library, symbol, fields):
    """What departs from a program, or is refused, for each seed."""
    return [simulate(library, symbol, fields, seed) for seed in range(1, SEEDS + 1)]


def compare(name, expected, found):
    """Exits if the two differ; returns how much was compared."""
    for seed, (first, second) in enumerate(zip(expected, found), 1):
        if first != second:
            place = next((i for i, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))
            sys.exit(f"{name}: seed {seed}: {place} of what departs or is refused differs")
    return sum(map(len, expected))
