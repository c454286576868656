# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes docs/reproduction/fusemax.md. See scripts/reproduce."""

import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

from sweeps import Explorer, length_name, markdown, options_of_pages

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMITTED = os.path.join(ROOT, "docs", "reproduction")
PUBLISHED = os.path.join(COMMITTED, "fusemax", "published.csv")
BATCH = 64
MODELS = {"BERT": (12, 64, 768, 3072), "TrXL": (16, 64, 1024, 4096), "T5": (8, 64, 512, 2048),
          "XLM": (16, 128, 2048, 8192)}  # heads, head width, model width, feed-forward width
SIMULATED = 65536  # the longest sequence whose program is run


def published():
    with open(PUBLISHED, newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    rows = []
    for row in csv.DictReader(lines):
        rows.append({name: text if name == "model" else int(text) if name == "length" else float(text)
                     for name, text in row.items()})
    return rows


def tables_of_energy(device):
    """The FLAT machine with the energies of the artifact's Accelergy tables and its 256 vector PEs."""
    device = dict(device, name="flat-256")
    # An exponential, two additions, a division and a maximum of each logit, over four lane cycles.
    softmax = (94.6475 + 2 * 8.3395 + 36.251153 + 0.028036) / 4
    device["energy_pj"] = dict(device["energy_pj"], mac=17.1645, special_function_op=round(softmax, 4))
    # FLAT divides each weight, our programs each output: the exponential is charged with that pass.
    device["special_function"] = {"lanes": 256, "exp_cycles": 2}
    return device


class Machines:
    """What the tools say of both machines."""

    def __init__(self, program, work):
        self.explorer = Explorer(program, work)
        with open(os.path.join(ROOT, "devices", "cloud.json")) as file:
            device = tables_of_energy(json.load(file))
        self.flat = os.path.join(work, "flat-256.json")
        with open(self.flat, "w") as file:
            json.dump(device, file)

    def sweep(self, lengths, device, *options):
        return self.explorer.sweep(f"--device={device}", f"--length={','.join(map(str, lengths))}",
                                   f"--batch={BATCH}", *options)

    def simulate(self, device, model, length, heads, *options):
        """Cycles of the program of the best mapping for some heads; the tool compares its bytes of DRAM."""
        _, width, wide, feed = MODELS[model]
        text = subprocess.run([self.explorer.program, "map", f"--device={device}", f"--length={length}", "--batch=1",
                               f"--model=m:{heads}:{wide}:{width}:{feed}", "--keep=1", "--simulate", *options],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        return float(re.search(r" (\d+) \([+-][0-9.]+ %\)", text).group(1))


def off(value, reference):
    return f"{100 * (value / reference - 1):+.1f} %"


def attention(machines, rows, lengths, simulated):
    """Adds what the model and the simulator say to each row."""
    common = ["--mode=extended"]
    fuse = machines.sweep(lengths, "fusemax", *common, "--method=flat")
    flat = machines.sweep(lengths, "cloud", "--mode=faithful", "--softmax", "--lanes=256", "--space=published",
                          "--method=flat")
    energy = machines.sweep(lengths, machines.flat, *common, "--method=flat-rows")
    for row in rows:
        key = {"model": row["model"], "length": row["length"]}
        row["fuse"] = fuse.find(**key)
        row["flat"] = flat.find(**key)
        row["flat_energy"] = energy.find(**key)
        if row["length"] not in simulated:
            continue
        heads = 2
        units = BATCH * MODELS[row["model"]][0] / heads / 940e6
        row["fuse_sim"] = units * machines.simulate("fusemax", row["model"], row["length"], heads)
        row["flat_sim"] = units * machines.simulate(machines.flat, row["model"], row["length"], heads, "--only=whole-rows")


def mean(values):
    return statistics.fmean(values)


def summary(rows):
    seconds = lambda row, name: float(row[name]["seconds"])
    joules = lambda row, name: float(row[name]["energy_pj"])
    ran = [row for row in rows if "fuse_sim" in row]
    longest = length_name(max(row["length"] for row in ran))

    def speed(chosen, flat, fuse, extra):
        return f"{mean((flat(row) + extra(row)) / (fuse(row) + extra(row)) for row in chosen):.2f}x"

    nothing = lambda row: 0
    linear = lambda row: row["linear_seconds"]
    table = []
    for what, extra, claim in (("attention", nothing, "6.7x"), ("end to end", linear, "5.3x")):
        paper = lambda chosen: speed(chosen, lambda r: r["flat_seconds"], lambda r: r["fusemax_seconds"], extra)
        model = lambda chosen: speed(chosen, lambda r: seconds(r, "flat"), lambda r: seconds(r, "fuse"), extra)
        sim = speed(ran, lambda r: r["flat_sim"], lambda r: r["fuse_sim"], extra)
        table.append([f"{what}, all lengths", claim, paper(rows), model(rows), ""])
        table.append([f"{what}, up to {longest}", "", paper(ran), model(ran), sim])
    energy = lambda fuse, flat: f"{100 * mean(fuse(row) / flat(row) for row in rows):.0f} %"
    table.append(["energy of attention", "79 %",
                  energy(lambda r: r["fusemax_energy_pj"], lambda r: r["flat_energy_pj"]),
                  energy(lambda r: joules(r, "fuse"), lambda r: joules(r, "flat_energy")), ""])
    table.append(["energy of FuseMax over its published one", "", "100 %",
                  energy(lambda r: joules(r, "fuse"), lambda r: r["fusemax_energy_pj"]), ""])
    return markdown(["FuseMax over FLAT", "paper", "artifact's tables", "this model", "simulated programs"], table)


def times(rows):
    table = []
    for row in rows:
        fuse, flat = float(row["fuse"]["seconds"]), float(row["flat"]["seconds"])
        cells = [row["model"], length_name(row["length"]), f"{row['fusemax_seconds']:.4g}",
                 f"{fuse:.4g} ({off(fuse, row['fusemax_seconds'])})"]
        cells.append(f"{row['fuse_sim']:.4g} ({off(row['fuse_sim'], row['fusemax_seconds'])})"
                     if "fuse_sim" in row else "")
        cells += [f"{row['flat_seconds']:.4g}", f"{flat:.4g} ({off(flat, row['flat_seconds'])})"]
        cells.append(f"{row['flat_sim']:.4g} ({off(row['flat_sim'], row['flat_seconds'])})"
                     if "flat_sim" in row else "")
        ratio = f"{row['flat_seconds'] / row['fusemax_seconds']:.2f} / {flat / fuse:.2f}"
        if "flat_sim" in row:
            ratio += f" / {row['flat_sim'] / row['fuse_sim']:.2f}"
        table.append(cells + [ratio])
    return markdown(["model", "length", "FuseMax, s", "model", "simulated", "FLAT, s", "model", "simulated",
                     "ratio: paper / model / simulated"], table)


def bytes_and_energy(rows):
    table = []
    for row in rows:
        moved, energy = float(row["fuse"]["dram_bytes"]), float(row["fuse"]["energy_pj"])
        table.append([row["model"], length_name(row["length"]), f"{row['fusemax_dram_bytes']:.0f}",
                      f"{moved / row['fusemax_dram_bytes']:.2f}", f"{row['fusemax_energy_pj'] * 1e-12:.4g}",
                      f"{energy / row['fusemax_energy_pj']:.3f}", row["fuse"]["dataflow"]])
    return markdown(["model", "length", "published bytes of DRAM", "model over it", "published energy, J",
                     "model over it", "mapping that the search finds"], table)


def phases():
    """The published period of a tile of 256 x 256 logits, by the artifact's own sum, and the array's part of it."""
    table = []
    for model, (_, width, _, _) in MODELS.items():
        if model in ("TrXL", "T5"):
            continue
        for length in (1024, 4096, 65536):
            tiles = length // 256
            vector = 1 + width + width / tiles
            period = max(width + 1, vector) + 1 + max(8, 8) + max(width, width)
            array = 2 * width + 9
            table.append([model, length_name(length), f"{array}", f"{period:g}", f"{vector:g}",
                          f"{100 * (period / array - 1):.1f} %"])
    return markdown(["model", "length", "cycles of the array", "published period", "of the vector PEs in its first phase",
                     "longer"], table)


TEXT = """# FuseMax, reproduced

Generated by `scripts/reproduce fusemax`; do not edit. FuseMax (arXiv 2406.10491, MICRO 2024) runs attention in one pass over the keys on a spatial array whose PEs also take maxima and
exponentials, beside a row of 256 PEs for vectors. It reports 6.7x the speed of FLAT on attention at 79 % of the energy, and 5.3x end to end at 83 %. Its artifact (MIT licence) holds the figures
behind that, [published.csv](fusemax/published.csv); the means over four models and six lengths are arithmetic, and give the paper's numbers.

**The machine** is `fusemax` (`devices/fusemax.json`): `softmax_cycles` says that the array's PEs work on logits and what an element takes, an exponential six multiply-accumulates and an
addition. Products and softmax then share the PEs, and weights that the PEs have made are there for the next product. **The mapping** is no special case: 256 rows by 256 keys, a tile of keys
stays while all rows pass by, queries and sums resident, the weights stationary in the second product. It is a point of the space, and what the search finds. **The program** is what the generator of
attention programs makes of it, proved free of races like any other, two heads of it run by the simulator (all heads are alike) and multiplied.
"""

AFTER_TIMES = """
FLAT's time is that of four passes of the softmax over 256 PEs (a maximum, an exponential, a sum, a division): by the faithful model with `--softmax`, and by the program of the best fused mapping with whole rows. Our programs
divide each output instead of each weight, so that machine charges the fourth pass to the exponential (`exp_cycles` 2). From 256K on the published FLAT is 16 to 19 % slower than its four passes, which is as much as FuseMax
gains there beyond the other lengths: a block's rows no longer fit, and each pass of the softmax reads what was spilled again. The faithful model, as FLAT's own tables, counts spilled traffic of the two products alone.

## Where the model is faster than the paper

{phases}
The paper adds up phases of a tile: in the first the vector PEs update sums and outputs (RD, RNV, AV of the paper) while the array makes logits and their maxima, and wait for each other at its end. At
1K the vector PEs are the slower ones, because the division of the outputs counts against few tiles. Here the array adds to the resident sums itself, as any product with `accumulate` does, the vector PEs only rescale, and
what is late in one step may end during the next: the array alone bounds the time. That is all of the difference above.

## Bytes and energy

{bytes}
Up to 4K (BERT: 16K) all queries of a head stay on the chip and the bytes are the published ones. Beyond, FuseMax keeps as many rows resident as fit and passes over the keys once for each part; here the search is free to move more, as long as
the array remains the bound. The energy of FuseMax is that of its arithmetic to a few per cent: 17.2 pJ for each multiply-accumulate and 119.7 for each logit's softmax.

Beyond 16K the bytes differ by more than 10 % for that reason, and DRAM is a hundredth of the energy.

FLAT's published energy is more than that of its arithmetic: with the same tables arithmetic, softmax and DRAM are four fifths of it, and the rest is its global buffer and register files, whose tables the description has no
place for. So this model sees FuseMax at {energy} of FLAT's energy, the paper at 79 %.
"""


def write_page(machines, folder, rows, lengths, simulated):
    rows = [row for row in rows if row["length"] in lengths]
    attention(machines, rows, lengths, simulated)
    energy = f"{100 * mean(float(r['fuse']['energy_pj']) / float(r['flat_energy']['energy_pj']) for r in rows):.0f} %"
    after = AFTER_TIMES.format(phases=phases(), bytes=bytes_and_energy(rows), energy=energy)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "fusemax.md"), "w") as file:
        file.write(TEXT + "\n" + summary(rows) + "\n## Times of attention\n\n" + times(rows) + after)


def main():
    options = options_of_pages()
    with tempfile.TemporaryDirectory() as work:
        machines = Machines(os.path.abspath(options.nm_explore), work)
        rows = published()
        lengths = [1024, 65536] if options.quick else sorted({row["length"] for row in rows})
        simulated = [1024] if options.quick else [length for length in lengths if length <= SIMULATED]
        made = os.path.join(work, "made")
        write_page(machines, made if options.check else options.output or COMMITTED, rows, lengths, simulated)
        if not options.check:
            print(os.path.join(options.output or COMMITTED, "fusemax.md"))
            return
        with open(os.path.join(made, "fusemax.md")) as ours, open(os.path.join(COMMITTED, "fusemax.md")) as theirs:
            if ours.read() != theirs.read():
                sys.exit("error: docs/reproduction/fusemax.md is not what model and simulator say now; "
                         "run scripts/reproduce fusemax and commit it")
        print("docs/reproduction/fusemax.md is what model and simulator say")


if __name__ == "__main__":
    main()
