# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The output of nm-pifo --emit=bpf, compiled with -DPIFO_CALLS, as a library of this machine or as a program in the kernel.

Both take the same calls: a struct with what is asked for, the time, a packet and the status.
"""

import ctypes
import itertools
import os
import re
import shutil
import subprocess

ENQUEUE, DEQUEUE, RELEASE, DROPPED, NEXT = range(5)
EMPTY, FULL, UNKNOWN, RULE = 1, 2, 3, 5
KINDS = {"u8": ctypes.c_uint8, "u16": ctypes.c_uint16, "u32": ctypes.c_uint32, "u64": ctypes.c_uint64}


def call_type(text):
    """The struct pifo_call of the emitted text, and the largest value of each field."""
    body = re.search(r"struct pifo_packet \{(.*?)\}", text, re.S)[1]
    fields = re.findall(r"(u\d+) field_(\w+); /\* at most (\d+) \*/", body)
    packet = type("Packet", (ctypes.Structure,), {
        "_fields_": [("handle", ctypes.c_uint64)] + [(name, KINDS[kind]) for kind, name, _ in fields]})
    call = type("Call", (ctypes.Structure,), {
        "_fields_": [("what", ctypes.c_uint32), ("status", ctypes.c_uint32), ("now", ctypes.c_uint64), ("packet", packet)]})
    return call, {name: int(most) for _, name, most in fields}


def compile_for(target, source, output, *more):
    flags = {"bpf": ["-target", "bpf", "-mcpu=v3", "-g", "-c"], "host": ["-shared", "-fPIC"]}[target]
    made = subprocess.run(["clang", "-O2", "-Wall", "-Werror", "-Wno-unused-function", *flags, *more, source, "-o", output],
                          capture_output=True, text=True)
    if made.returncode:
        raise ValueError(made.stderr)


class Host:
    """A library of this machine."""

    numbers = itertools.count()

    @staticmethod
    def compile(source, output):
        compile_for("host", source, output, "-DPIFO_CALLS")

    def __init__(self, path):
        # Another file is another scheduler.
        copy = f"{path}.{next(self.numbers)}.so"
        shutil.copy(path, copy)
        self.library = ctypes.CDLL(copy)

    def close(self):
        pass

    def call(self, call):
        self.library.pifo_calls(ctypes.byref(call))


class Attributes(ctypes.Structure):
    """union bpf_attr of BPF_PROG_TEST_RUN."""
    _fields_ = [(name, ctypes.c_uint32) for name in ("prog_fd", "retval", "data_size_in", "data_size_out")] + [
        ("data_in", ctypes.c_uint64), ("data_out", ctypes.c_uint64), ("repeat", ctypes.c_uint32), ("duration", ctypes.c_uint32),
        ("ctx_size_in", ctypes.c_uint32), ("ctx_size_out", ctypes.c_uint32), ("ctx_in", ctypes.c_uint64),
        ("ctx_out", ctypes.c_uint64), ("flags", ctypes.c_uint32), ("cpu", ctypes.c_uint32), ("batch_size", ctypes.c_uint32),
        ("unused", ctypes.c_uint32)]


class Kernel:
    """A program that the kernel's verifier has taken, run by bpf(2). Needs libbpf.so.1 and CAP_BPF."""

    system = ctypes.CDLL(None, use_errno=True)

    @staticmethod
    def missing():
        """Why no program can be loaded here, or None."""
        try:
            ctypes.CDLL("libbpf.so.1")
        except OSError as error:
            return str(error)
        # An array of one entry.
        attributes = (ctypes.c_uint32 * 32)(2, 4, 8, 1)
        number = Kernel.system.syscall(321, 0, ctypes.byref(attributes), 128)
        if number < 0:
            return os.strerror(ctypes.get_errno())
        os.close(number)
        return None

    @staticmethod
    def compile(source, output):
        compile_for("bpf", source, output, "-DPIFO_CALLS")

    def __init__(self, path):
        self.libbpf = libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
        libbpf.bpf_object__open_file.restype = libbpf.bpf_object__find_program_by_name.restype = ctypes.c_void_p
        self.object = ctypes.c_void_p(libbpf.bpf_object__open_file(path.encode(), None))
        if not self.object or libbpf.bpf_object__load(self.object):
            raise ValueError(f"not loaded: {os.strerror(ctypes.get_errno())}")
        program = ctypes.c_void_p(libbpf.bpf_object__find_program_by_name(self.object, b"pifo_calls"))
        self.number = libbpf.bpf_program__fd(program)

    def call(self, call):
        address, size = ctypes.addressof(call), ctypes.sizeof(call)
        attributes = Attributes(prog_fd=self.number, ctx_in=address, ctx_size_in=size)
        # What the program writes to its context comes back where it came from.
        if self.system.syscall(321, 10, ctypes.byref(attributes), ctypes.sizeof(attributes)) < 0:
            raise ValueError(f"not run: {os.strerror(ctypes.get_errno())}")

    def close(self):
        self.libbpf.bpf_object__close(self.object)


def simulate(engine, text, packets, rate):
    """Departures as (time, arrival, number), refusals by cause, and how many were taken and dropped; as policy_model.simulate."""
    call_struct, most = call_type(text)
    departures, refused, dropped, free, at, now = [], {FULL: 0, UNKNOWN: 0, RULE: 0}, 0, 0, 0, 0
    # `free` is a number of bits that the link would have sent, times 10^9.
    some, call = False, call_struct()

    def ask(what):
        call.what, call.now = what, now
        engine.call(call)
        return call.status

    def drain():
        nonlocal dropped
        while ask(DROPPED) == 0:
            dropped += 1

    while True:
        times = [packets[at]["time"]] if at < len(packets) else []
        opens = -(-free // rate) if rate else free
        if some:
            times.append(max(now, opens))
        if ask(NEXT) == 0:
            times.append(max(now, call.now))
        if not times:
            return departures, refused, dropped
        now = min(times)
        if now >= 1 << 62:
            return None, None, None
        while at < len(packets) and packets[at]["time"] == now:
            packet = packets[at]
            if any(packet.get(name, 0) > bound for name, bound in most.items()):
                refused[UNKNOWN] += 1
            else:
                for name in most:
                    setattr(call.packet, name, packet.get(name, now))
                call.packet.handle = at
                status = ask(ENQUEUE)
                if status:
                    refused[status] += 1
                drain()
            at += 1
        ask(RELEASE)
        some = True
        while opens <= now:
            status = ask(DEQUEUE)
            number = call.packet.handle
            drain()
            if status:
                some = False
                break
            departures.append((now, packets[number]["time"], number))
            if rate:
                begin = free if free > (now - 1) * rate else now * rate
                free = begin + packets[number]["length"] * 8 * 10**9
                opens = -(-free // rate)
            else:
                free = opens = now + 1
