# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Captures for forward.c, and what must come out of it.

usage: check.py write IN | check.py read IN OUT PACKETS-PER-BURST CAPACITY

The order is that of three lists, which a burst of 32 packets fills and a fixed number leaves after each.
"""

import random
import struct
import sys

BURST = 32


def write(path):
    r = random.Random(1)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number in range(3000):
            size = r.choice([60, 200, 1500])
            tos = r.choice([0, 0, 0x20, 0x80, 0xb8, 0xe0])
            ip = struct.pack(">BBHHHBBHII", 0x45, tos, size, number & 0xffff, 0, 64, 17, 0, 0x0a000000 + r.randrange(9), 1)
            frame = (bytes(12) + b"\x08\x00" + ip + struct.pack(">I", number)).ljust(14 + size, b"\0")
            file.write(struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame)


def read(path):
    """(class, bytes) of each packet."""
    with open(path, "rb") as file:
        data = file.read()
    at, packets = 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + size]
        packets.append((3 - (frame[15] >> 6), frame))
        at += 16 + size
    return packets


def expected(packets, drain, capacity):
    lists, sent, at = [[], [], []], [], 0
    while at < len(packets) or any(lists):
        for kind, frame in packets[at:at + BURST]:
            if sum(map(len, lists)) < capacity:
                lists[min(kind, 2)].append(frame)
        at += BURST
        for _ in range(drain):
            first = next((queue for queue in lists if queue), None)
            if first:
                sent.append(first.pop(0))
    return sent


def main():
    if sys.argv[1] == "write":
        return write(sys.argv[2])
    packets, out = read(sys.argv[2]), [frame for _, frame in read(sys.argv[3])]
    want = expected(packets, int(sys.argv[4]), int(sys.argv[5]))
    if out != want:
        place = next((i for i, pair in enumerate(zip(out, want)) if pair[0] != pair[1]), min(len(out), len(want)))
        sys.exit(f"error: packet {place} of {len(out)} differs from the model's, which sends {len(want)}")
    print(f"{len(packets)} packets in, {len(out)} out: the model's order")


main()
