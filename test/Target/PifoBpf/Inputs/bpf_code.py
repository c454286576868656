# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an object for BPF may do, from its disassembly.

usage: bpf_code.py OBJECT...

The control flow of no function has a cycle, calls are to the helpers and kernel functions of docs/pifo-bpf.md or to functions of the
object, and no function calls itself, through others or bpf_loop either; with callbacks, calls are at most seven deep.
"""

import re
import subprocess
import sys

HELPERS = {1: "bpf_map_lookup_elem", 5: "bpf_ktime_get_ns", 181: "bpf_loop", 194: "bpf_kptr_xchg"}
KFUNCS = {"bpf_skb_get_hash", "bpf_kfree_skb", "bpf_qdisc_skb_drop", "bpf_qdisc_watchdog_schedule", "bpf_qdisc_bstats_update"}
LINE = re.compile(r"^\s+(\d+):\s+(.*)$")
JUMP = re.compile(r"goto ([+-]0x[0-9a-f]+)")


def functions(path):
    """By name: instructions as (number, text), and the names that each refers to."""
    text = subprocess.run(["llvm-objdump-22", "-dr", "--no-show-raw-insn", path], capture_output=True, text=True,
                          check=True).stdout
    found, code = {}, None
    for line in text.splitlines():
        if head := re.match(r"^[0-9a-f]+ <(.*)>:$", line):
            code = found[head[1]] = []
        elif relocation := re.match(r"^\s+[0-9a-f]+:\s+(R_BPF_\S+)\s+(\S+)$", line):
            code[-1][2].append(relocation[2])
        elif instruction := LINE.match(line):
            code.append((int(instruction[1]), instruction[2], []))
    return found


def sections(path):
    """Names of functions by the section and the number of their first instruction."""
    text = subprocess.run(["llvm-objdump-22", "-t", path], capture_output=True, text=True, check=True).stdout
    places = {}
    for line in text.splitlines():
        cells = line.split()
        if len(cells) > 4 and "F" in cells[2:3]:
            places[cells[3], int(cells[0], 16) // 8] = cells[-1]
    return places


def has_cycle(code):
    """Whether some instruction can come twice."""
    places = {number: i for i, (number, _, _) in enumerate(code)}
    state = [0] * len(code)
    stack = [(0, iter(next_of(code, 0, places)))]
    state[0] = 1
    while stack:
        at, follow = stack[-1]
        step = next(follow, None)
        if step is None:
            state[at] = 2
            stack.pop()
        elif state[step] == 1:
            return True
        elif state[step] == 0:
            state[step] = 1
            stack.append((step, iter(next_of(code, step, places))))
    return False


def next_of(code, at, places):
    number, text, _ = code[at]
    if text.startswith("exit"):
        return []
    follow = []
    if jump := JUMP.search(text):
        follow.append(places[number + 1 + int(jump[1], 16)])
    if not text.startswith("goto"):
        follow.append(at + 1)
    return follow


def check(path):
    code, problems, calls = functions(path), [], {}
    names = set(code)
    addressed = sections(path)
    for name, instructions in code.items():
        if has_cycle(instructions):
            problems.append(f"{name} has a loop")
        calls[name] = set()
        for _, text, symbols in instructions:
            if match := re.match(r"call (0x[0-9a-f]+)$", text):
                if int(match[1], 16) not in HELPERS:
                    problems.append(f"{name} calls helper {int(match[1], 16)}")
            elif text.startswith("call"):
                if not symbols or symbols[0] not in names | KFUNCS:
                    problems.append(f"{name} calls {symbols}")
                calls[name].update(set(symbols) & names)
            else:
                # A callback: `rN = 0x... ll` of a function's address.
                for symbol in symbols:
                    place = re.match(r"r\d+ = (0x[0-9a-f]+) ll", text)
                    if symbol in names:
                        calls[name].add(symbol)
                    elif place and (symbol, int(place[1], 16) // 8) in addressed:
                        calls[name].add(addressed[symbol, int(place[1], 16) // 8])

    def depth(name, path):
        if name in path:
            problems.append("recursion: " + " ".join(path + [name]))
            return 0
        return 1 + max((depth(below, path + [name]) for below in calls[name]), default=0)

    deepest = max(depth(name, []) for name in code)
    if deepest > 8:
        problems.append(f"{deepest} frames")
    print(f"{len(code)} functions, {sum(map(len, code.values()))} instructions, at most {deepest} deep: "
          + ("; ".join(problems) or "no loops, known calls"))
    return problems


sys.exit(any([check(path) for path in sys.argv[1:]]))
