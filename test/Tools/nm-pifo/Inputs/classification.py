# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Named flows and buckets of nm-pifo against rules read with Python's ipaddress: TOOL FOLDER COUNT SEED.

Written from docs/nm-pifo.md: of the lines that hold, the one with the longest destination prefix, then source prefix, then the first.
"""

import ipaddress
import json
import random
import subprocess
import sys

COLUMNS = ["time", "length", "source_prefix", "source_address", "destination_prefix", "destination_address", "protocol",
           "source_port", "destination_port", "dscp", "pcp", "vlan"]
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "icmpv6": 58, "sctp": 132, "udplite": 136}


def network(r):
    """Few bits, so that prefixes nest and packets meet them."""
    if r.random() < 0.5:
        length = r.choice([0, 1, 7, 8, 15, 16, 24, 31, 32])
        return ipaddress.ip_network((r.choice([10, 192]) << 24 | r.choice([0, 1, 168]) << 16 | r.randrange(4), length), strict=False)
    length = r.choice([0, 16, 32, 63, 64, 65, 127, 128])
    return ipaddress.ip_network((0x20010DB8 << 96 | r.randrange(2) << 64 | r.randrange(4), length), strict=False)


def address(r):
    return network(r)[0]


def wide(number):
    """A network or an address as 128 bits: of IPv4 below 96 zeros."""
    return int(number)


def holds(net, packet, side):
    bits = packet[side + "_prefix"] << 64 | packet[side + "_address"]
    length = net.prefixlen + (96 if net.version == 4 else 0)
    return bits >> 128 - length == wide(net.network_address) >> 128 - length, length


def rule(r):
    made = {"nets": {}, "ranges": {}}
    text = []
    for side in ("source", "destination"):
        if r.random() < 0.6:
            made["nets"][side] = network(r)
            text.append(f"{side}={made['nets'][side]}")
    for column, values in (("dscp", 8), ("pcp", 3), ("vlan", 3), ("destination_port", 4), ("protocol", 3)):
        if r.random() < 0.25:
            if column == "protocol" and r.random() < 0.7:
                name = r.choice(list(PROTOCOLS))
                low = high = PROTOCOLS[name]
                text.append(f"protocol={name}")
            else:
                low = r.randrange(values)
                high = r.choice([low, low + r.randrange(4)])
                text.append(f"{column}={low}..{high}" if high != low or r.random() < 0.3 else f"{column}={low}")
            made["ranges"][column] = (low, high)
    return " ".join(text), made


def flow_of(rules, packet):
    best = None
    for number, made in enumerate(rules):
        lengths = []
        for side in ("destination", "source"):
            net = made["nets"].get(side)
            fits, length = holds(net, packet, side) if net else (True, 0)
            if not fits:
                break
            lengths.append(-length)
        else:
            if all(low <= packet[column] <= high for column, (low, high) in made["ranges"].items()):
                best = min(best, (lengths, number)) if best else (lengths, number)
    return best[1] if best else len(rules)


def bucket(values, buckets):
    state = 14695981039346656037
    for value in values:
        for byte in value.to_bytes(8, "little"):
            state = (state ^ byte) * 1099511628211 % 2**64
    return (state ^ state >> 32) % buckets


def make(r, folder):
    rules = [rule(r) for _ in range(r.choice([1, 5, 40]))]
    with open(f"{folder}/flows.txt", "w") as file:
        file.write("# made up\n\n" + "".join(f"f{i}  {text}  # {i}\n" for i, (text, _) in enumerate(rules)))
    packets = []
    for i in range(300):
        packet = dict.fromkeys(COLUMNS, 0)
        packet.update(time=1000 * i, length=100, protocol=r.choice([1, 6, 17, 0, 1, 2]), source_port=r.randrange(70000),
                      destination_port=r.randrange(6), dscp=r.randrange(10), pcp=r.randrange(4), vlan=r.randrange(4))
        for side in ("source", "destination"):
            bits = wide(address(r))
            packet[side + "_prefix"], packet[side + "_address"] = bits >> 64, bits % 2**64
        packets.append(packet)
    with open(f"{folder}/t.csv", "w") as file:
        file.write(",".join(COLUMNS) + "\n" + "".join(",".join(str(p[c]) for c in COLUMNS) + "\n" for p in packets))
    return [made for _, made in rules], packets


def check(tool, folder, seed):
    r = random.Random(seed)
    rules, packets = make(r, folder)
    buckets = r.choice([2, 7, 16])
    tuples = ["source_prefix", "source_address", "destination_prefix", "destination_address", "protocol", "source_port",
              "destination_port"]
    chosen = r.choice([tuples, r.sample(tuples + ["dscp"], 2)])
    with open(f"{folder}/p.policy", "w") as file:
        file.write(f"scheduler s\nfield bucket below {buckets}\nstrict {{\n"
                   + "".join(f"b{i}: fifo when bucket == {i}\n" for i in range(buckets - 1)) + f"b{buckets - 1}: fifo\n}}\n")
    named = "hash" if chosen is tuples and r.random() < 0.5 else f"hash({','.join(chosen)})"
    output = subprocess.run(
        [tool, f"{folder}/p.policy", f"{folder}/t.csv", "--flows", f"{folder}/flows.txt", "--field",
         f"bucket={named}%{buckets}", "--quiet", "--departures", "-", "--json", f"{folder}/r.json"],
        check=True, capture_output=True, text=True).stdout.splitlines()
    head = output[0].split(",")
    rows = [dict(zip(head, map(int, line.split(",")))) for line in output[1:]]
    if len(rows) != len(packets):
        sys.exit(f"seed {seed}: {len(rows)} departures of {len(packets)} packets")
    for row in rows:
        expected = flow_of(rules, packets[row["number"]])
        if row["flow"] != expected:
            sys.exit(f"seed {seed}: packet {packets[row['number']]} is of flow {row['flow']}, expected {expected}")
    counts = [0] * buckets
    for packet in packets:
        counts[bucket([packet[column] for column in chosen], buckets)] += 1
    with open(f"{folder}/r.json") as file:
        report = json.load(file)
    found = [row["arrived"] for row in report["classes"]]
    if found != counts:
        sys.exit(f"seed {seed}: buckets {found}, expected {counts}")
    names = {row["flow"]: row["name"] for row in report["flows"]}
    if any(name != ("other" if flow == len(rules) else f"f{flow}") for flow, name in names.items()):
        sys.exit(f"seed {seed}: names {names}")
    return len(names)


def main():
    tool, folder, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    flows = sum(check(tool, folder, s) for s in range(seed, seed + count))
    print(f"seeds {seed} to {seed + count - 1}: equal, {flows} flows")


main()
