# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Beyond the paper: what the extended mode adds."""

import os

from flat_paper import claim, keep_charts
from sweeps import length_name, markdown, mean


def beyond(explorer, settings, charts):
    lengths = f"--length={settings.list(settings.shown)}"
    models = f"--model={settings.list(settings.models)}"
    columns = [length_name(n) for n in settings.shown]

    def sweep(*options):
        return explorer.sweep("--mode=extended", lengths, models, *options)

    def ratios(over, under):
        """Geometric means over models of cycles; both take device, model, length."""
        return [[device] + [f"{mean(over(device, m, n) / under(device, m, n) for m in settings.models):.2f}"
                            for n in settings.shown] for device in settings.devices]

    def cycles(table, **where):
        return lambda device, model, length: table.value(
            "cycles", device=device, model=model, length=length, **where)

    def table(rows):
        return markdown(["platform"] + columns, rows)

    tiles = sweep("--method=flex,flat-rows,flat-tiles")
    explorer.sweep("--mode=extended", "--model=BERT", f"--length={settings.list(settings.lengths)}",
                   "--method=naive,flex,flat-rows,flat-tiles",
                   charts=os.path.join(charts, "tiles"))
    keep_charts(charts, "tiles", "utilisation")
    lanes = sweep("--method=flat", "--lanes=16,32,256,800,4K")
    packed = sweep("--method=flat", "--array=single,packed")
    masks = sweep("--method=flat", "--mask=full,causal")
    sparse = sweep("--part=layer", "--pattern=dense,2:4,1:4", "--method=flex,flat")
    groups = sweep("--method=flat", "--decode", "--group=1,4,8") if not settings.quick else \
        sweep("--method=flat", "--decode", "--group=1,4")

    flat_rows, flat_tiles = (cycles(tiles, method=m) for m in ("flat-rows", "flat-tiles"))
    unfused = all("logits" not in tiles.find(device="edge", model=m, length=65536,
                                             method="flat-rows")["dataflow"]
                  for m in settings.models)
    edge64 = mean(flat_rows("edge", m, 65536) / flat_tiles("edge", m, 65536)
                  for m in settings.models)

    lane_rows = []
    for device in settings.devices:
        for count in (0, 4096, 800, 256, 32, 16):
            where = dict(method="flat", lanes=count)
            if count == 0:
                free = cycles(masks, mask="full")
                lane_rows.append([device, "free"] + ["1.00"] * len(columns))
                continue
            limited = cycles(lanes, **where)
            lane_rows.append([device, count] + [
                f"{mean(limited(device, m, n) / free(device, m, n) for m in settings.models):.2f}"
                for n in settings.shown])

    packing = []
    for device in settings.devices:
        for model in settings.models:
            for array in ("single", "packed"):
                packing.append([device, model, array] + [
                    f"{packed.value('utilisation', device=device, model=model, length=n, array=array):.3f}"
                    for n in settings.shown])

    sparse_rows = []
    for device in settings.devices:
        for name, over, under in (
                ("fusion alone", ("flex", "dense"), ("flat", "dense")),
                ("2:4 alone", ("flex", "dense"), ("flex", "2:4")),
                ("2:4 on top of fusion", ("flat", "dense"), ("flat", "2:4")),
                ("both, 2:4", ("flex", "dense"), ("flat", "2:4")),
                ("both, 1:4", ("flex", "dense"), ("flat", "1:4"))):
            a = cycles(sparse, method=over[0], pattern=over[1])
            b = cycles(sparse, method=under[0], pattern=under[1])
            sparse_rows.append([device, name] + [
                f"{mean(a(device, m, n) / b(device, m, n) for m in settings.models):.2f}"
                for n in settings.shown])
    long_sparse = mean(cycles(sparse, method="flat", pattern="dense")("edge", m, 65536)
                       / cycles(sparse, method="flat", pattern="2:4")("edge", m, 65536)
                       for m in settings.models)

    decode_rows = []
    sizes = (1, 4) if settings.quick else (1, 4, 8)
    for device in settings.devices:
        for size in sizes:
            cells = []
            for n in settings.shown:
                where = dict(device=device, model="BERT" if size != 8 else "T5", length=n, group=size)
                row = groups.find(**where)
                cells.append(f"{float(row['seconds']) * 1e3:.4g} ms, {row['bound']}, "
                             f"{float(row['dram_bytes']) / 2**20:.4g} MiB")
            decode_rows.append([device, "BERT" if size != 8 else "T5", size] + cells)

    return [
        "# Beyond the paper\n",
        "All of what follows is the *extended* mode ([model.md](../model.md)): programs for a managed scratchpad, where a "
        "mapping that does not fit does not exist, the unfused softmax is an operator of its own, and every byte "
        "off chip is counted. Ratios are geometric means over the models.\n",
        "## Key tiles with online softmax\n",
        claim(edge64 > 1.2 and unfused,
              "The footprint no longer depends on the length, so fusion pays at every length on edge too: "
              f"at 64K key tiles are {edge64:.2f}x faster there than the best mapping with whole rows, which is unfused. ")
        + "Cycles of whole rows over key tiles:\n",
        table(ratios(flat_rows, flat_tiles)),
        "FLEX over key tiles:\n",
        table(ratios(cycles(tiles, method="flex"), flat_tiles)),
        " ".join(f"![utilisation of BERT on {device}](flat/tiles-{device}-BERT-utilisation.svg)"
                 for device in settings.devices) + "\n",
        "## A finite special-function unit\n",
        "Cycles over those with a free unit; the search may trade three passes (whole rows) for one (key tiles). Balance "
        "needs about 2 T^2 utilisation / d lanes.\n",
        markdown(["platform", "lanes"] + columns, lane_rows),
        "## Heads side by side\n",
        "Utilisation with one head on the array at a time, and with segments of columns for several heads.\n",
        markdown(["platform", "model", "array"] + columns, packing),
        "## N:M projections on an array that skips zeros\n",
        "Whole layers: speed-up over dense weights and unfused attention. "
        + claim(long_sparse < 1.1,
                f"At 64K 2:4 weights gain {long_sparse:.2f}x on edge, for attention has no weights: sparsity and fusion need "
                "each other.\n"),
        markdown(["platform", "what"] + columns, sparse_rows),
        "## Causal masks\n",
        "Cycles without mask over cycles with; dead tiles are skipped, the bound is 2.\n",
        table(ratios(cycles(masks, mask="full"), cycles(masks, mask="causal"))),
        "## Grouped heads and decode\n",
        "One query a sample against the cached keys, batch 64; the group's queries are folded into rows, and keys and values "
        "are read once for a group.\n",
        markdown(["platform", "model", "group"] + columns, decode_rows),
    ]
