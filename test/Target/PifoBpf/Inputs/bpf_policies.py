# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random policies as queueing disciplines in BPF, against the model of policy_model.py.

usage: bpf_policies.py --tool NM_PIFO [--count N] [--seed S] [--jobs N] [--traces N] [--where host|kernel]

What nm-pifo --emit=bpf prints is compiled for this machine, or loaded into its kernel, and asked packet by packet. Departures, times
and refusals are the model's, or the policy is one that docs/pifo-bpf.md says is refused.
"""

import os
import subprocess
import sys

folder = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(folder, "../../../Import/PifoPolicy/Inputs"))

import bpf_engine
import policy_seeds
from policy_model import simulate
from random_policies import Maker

REFUSALS = {"marks packets": "it marks", "keeps flows in order": "flows in order"}
MOST = 500


def check(seed, tool, folder):
    options = policy_seeds.options
    maker = Maker(seed)
    program = maker.program()
    r = maker.r
    path, source = os.path.join(folder, "p.policy"), os.path.join(folder, "p.c")
    with open(path, "w") as file:
        file.write(maker.text)
    program["capacity"] = min(program["capacity"], MOST, max(1, maker.largest()))
    emitted = subprocess.run([tool, path, "--emit=bpf", "--capacity", str(program["capacity"]), "-o", source],
                             capture_output=True, text=True)
    if emitted.returncode:
        for reason, word in REFUSALS.items():
            if reason in emitted.stderr:
                return word
        if "least common multiple" in emitted.stderr or "exact" in emitted.stderr or "keep the order" in emitted.stderr:
            return "bounds"
        raise ValueError(emitted.stderr)
    with open(source) as file:
        text = file.read()
    kind = {"host": bpf_engine.Host, "kernel": bpf_engine.Kernel}[options.where]
    code = os.path.join(folder, "pifo.o")
    kind.compile(source, code)
    for trace in range(options.traces):
        # A scheduler begins anew with each trace.
        engine = kind(code)
        packets = maker.packets()
        rate = r.choice([0, 10**6, 10**9, 25 * 10**8, 10**11, 3, r.randint(1000, 10**12)])
        departures, refused, dropped = bpf_engine.simulate(engine, text, packets, rate)
        expected, causes, drops, _ = simulate(program, packets, rate)
        engine.close()
        if expected is None:
            if departures is not None:
                raise ValueError("ran beyond 2^62 ns")
            continue
        expected = [row[:3] for row in expected]
        for i, (found, right) in enumerate(zip(departures, expected)):
            if found != right:
                raise ValueError(f"trace {trace}, rate {rate}: departure {i} (time, arrival, number) is {found}, expected {right}")
        if len(departures) != len(expected):
            raise ValueError(f"trace {trace}: {len(departures)} departures, expected {len(expected)}")
        found = {"full": refused[bpf_engine.FULL], "unknown": refused[bpf_engine.UNKNOWN], "rule": refused[bpf_engine.RULE]}
        if found != causes or dropped != sum(drops):
            raise ValueError(f"trace {trace}: refused {found} and dropped {dropped}, expected {causes} and {drops}")
    return "equal"


def extend(parser):
    parser.add_argument("--traces", type=int, default=3)
    parser.add_argument("--where", choices=["host", "kernel"], default="host")


if __name__ == "__main__":
    if "kernel" in sys.argv and bpf_engine.Kernel.missing():
        print("not run:", bpf_engine.Kernel.missing())
    else:
        policy_seeds.count_words(check, 30, extend)
