# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tokens a second of a whole Llama with weights of four bits, token by token, against llama.cpp and ONNX Runtime.

One process, in turns, minima and medians. The model is TinyLlama's size (1.1 B) with random weights: nm prunes and rounds
what the others round. All that run are given the same tokens first, and their logits compared with those of the
weights before they are rounded, pruned for those that prune. $NM_GGML names the folder of llama.cpp's libraries,
$NM_ONNXRUNTIME ONNX Runtime's. A runtime that is not there is left out, with a note. --folder keeps what is made.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

import numpy

import compiled
import llama_decoder
import llamacpp
import nm
import onnxruntime
import transformers
from bench_options import numbers

REST_S = 0.3  # OpenMP's threads spin for 200 ms after a parallel region, which would slow the other runtime


def is_dense(pattern):
    return pattern == "dense"


def pruned(weights, pattern):
    """The weights by name as nm prunes them: along the contraction, the largest kept."""
    if is_dense(pattern):
        return weights
    n, m = map(int, pattern.split(":"))
    return lambda name: transformers.prune(weights(name), n, m) if name.endswith(".weight") else weights(name)


class Runtime:
    """One model: `step` appends a token and gives the logits behind it."""

    def __init__(self, name, pattern="dense"):
        self.name, self.pattern, self.count = name, pattern, 0
        self.megabytes = None

    def forget(self, place):
        """The tokens from `place` on."""
        self.count = place

    def close(self):
        pass


class Own(Runtime):
    def __init__(self, path, sizes, pattern, cache, folder):
        super().__init__(f"nm i4 {pattern}" + (f", cache {cache}" if cache else ""), pattern)
        output = folder / f"{pattern.replace(':', '_')}{cache}.nm"
        if not output.exists():
            options = {} if is_dense(pattern) else {"prune": pattern}
            if cache:
                options["kv_cache"] = cache
            nm.compile(path, quantize="i4:64", in_place=["present.*=past.*"], output=output, **options)
        start = time.monotonic()
        self.model = nm.load(output)
        self.load_s = time.monotonic() - start
        self.megabytes = sum(file.stat().st_size for file in output.glob("*.nmw")) / 1e6 - 4e-6 * sizes.words * sizes.hidden
        caches = [t for t in self.model.only.inputs if t.name.startswith("past.")]
        self.caches = [numpy.zeros(t.shape, t.dtype) for t in caches]

    def step(self, token, threads):
        self.count += 1
        given = [numpy.int64([[token]]), numpy.int32([self.count - 1]), numpy.int32([self.count])]
        return self.model.only(*given, *self.caches, threads=threads)[0].reshape(-1)


class LlamaCpp(Runtime):
    def __init__(self, sizes, weights, kind, context, folder):
        super().__init__(f"llama.cpp {kind}")
        path = folder / f"{kind}.gguf"
        if not path.exists():
            llamacpp.write_llama(path, weights, sizes, kind)
        start = time.monotonic()
        self.model = llamacpp.Model(path, sizes.words, context, 1)
        self.load_s = time.monotonic() - start
        self.megabytes = path.stat().st_size / 1e6 - 2e-6 * sizes.words * sizes.hidden

    def step(self, token, threads):
        self.model.set_threads(threads)
        self.count += 1
        return self.model.decode([token])

    def forget(self, place):
        super().forget(place)
        self.model.forget(place)

    def close(self):
        self.model.close()


class OnnxRuntime(Runtime):
    def __init__(self, sizes, weights, folder):
        super().__init__("onnxruntime MatMulNBits")
        self.path, self.sizes, self.sessions = folder / "nbits.onnx", sizes, {}
        if not self.path.exists():
            llama_decoder.write_nbits(self.path, sizes, weights)
        self.megabytes = self.path.with_suffix(".data").stat().st_size / 1e6
        shape = (1, sizes.groups, sizes.places, sizes.width)
        self.given = [numpy.zeros((1, 1), numpy.int64), *(numpy.zeros(1, numpy.int32) for _ in range(2)),
                      *(numpy.zeros(shape, numpy.float32) for _ in range(2 * sizes.layers))]
        self.pairs = {f"present.{i}.{x}": f"past.{i}.{x}" for i in range(sizes.layers) for x in ("key", "value")}
        self.load_s = None

    def session(self, threads):
        """A session has its threads from the start: one is open at a time."""
        if threads not in self.sessions:
            self.close()
            start = time.monotonic()
            session = onnxruntime.Session(self.path, threads)
            self.load_s = self.load_s or time.monotonic() - start
            self.sessions = {threads: (session, session.bind(self.given, self.pairs))}
        return self.sessions[threads][1]

    def step(self, token, threads):
        call = self.session(threads)
        self.count += 1
        for array, number in zip(call.arrays, (token, self.count - 1, self.count)):
            array[...] = number
        return call.results()[0].reshape(-1)

    def close(self):
        for session, _ in self.sessions.values():
            session.close()
        self.sessions = {}


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.rows = options, folder, []
        self.sizes = llama_decoder.Sizes(layers=options.layers, places=options.places)
        self.weights = llama_decoder.Weights(folder / "weights.bin", self.sizes)
        source = numpy.random.default_rng(3)
        self.words = source.integers(0, self.sizes.words, options.context + options.turns + 1)

    def runtimes(self):
        path = self.folder / "llama.onnx"
        llama_decoder.write(path, self.sizes, self.weights)
        found = [Own(path, self.sizes, pattern, "", self.folder) for pattern in self.options.patterns]
        if self.options.kv_cache:
            found += [Own(path, self.sizes, self.options.patterns[0], self.options.kv_cache, self.folder)]
        if self.options.peers and llamacpp.find():
            found += [LlamaCpp(self.sizes, self.weights, kind, len(self.words) + 8, self.folder) for kind in ("q4_0", "q4_K")]
        if self.options.peers and onnxruntime.find():
            found.append(OnnxRuntime(self.sizes, self.weights, self.folder))
        return found

    def check(self, runtimes):
        """How far the logits behind a few tokens are from those of the weights before they are rounded, in the norm."""
        words, wanted, errors = self.words[:self.options.checked], {}, {}
        for runtime in runtimes:
            for word in words:
                found = runtime.step(int(word), max(self.options.threads)).copy()
            runtime.forget(0)
            if runtime.pattern not in wanted:
                wanted[runtime.pattern] = llama_decoder.reference(
                    self.sizes, pruned(self.weights, runtime.pattern), words).reshape(-1)
            want = wanted[runtime.pattern]
            errors[runtime.name] = float(numpy.linalg.norm(found - want) / numpy.linalg.norm(want))
            if not errors[runtime.name] < 0.6:
                raise SystemExit(f"error: logits of {runtime.name} are {errors[runtime.name]:.2f} of the norm from those of "
                                 "the weights before they were rounded: they are no rounding's")
        return errors

    def measure(self, runtimes, threads):
        """Milliseconds of a token behind `context` others."""
        times = {runtime.name: [] for runtime in runtimes}
        for runtime in runtimes:
            for word in self.words[:self.options.context]:
                runtime.step(int(word), threads)
        for _ in range(self.options.rounds):
            for runtime in runtimes:
                time.sleep(REST_S if threads > 1 else 0)
                for turn in range(self.options.turns + 1):
                    start = time.perf_counter()
                    runtime.step(int(self.words[self.options.context + turn]), threads)
                    if turn:  # the first one wakes threads
                        times[runtime.name].append((time.perf_counter() - start) * 1e3)
                runtime.forget(self.options.context)
        for runtime in runtimes:
            runtime.forget(0)
        return times

    def run(self):
        runtimes = self.runtimes()
        errors = self.check(runtimes) if self.options.checked else {}
        print(f"{'runtime':28} {'thr':>3} {'min ms':>8} {'median':>8} {'tok/s':>7} {'x best peer':>11} {'MB':>6} {'GB/s':>6} "
              f"{'error':>7} {'load s':>6}", flush=True)
        for threads in self.options.threads:
            times = self.measure(runtimes, threads)
            best = min((min(times[r.name]) for r in runtimes if not isinstance(r, Own)), default=None)
            for runtime in runtimes:
                samples = times[runtime.name]
                row = {"runtime": runtime.name, "threads": threads, "min_ms": min(samples),
                       "median_ms": float(numpy.median(samples)), "ratio": best and best / min(samples),
                       "megabytes": runtime.megabytes, "error": errors.get(runtime.name), "load_s": runtime.load_s}
                self.rows.append(row)
                print(f"{row['runtime']:28} {threads:3} {row['min_ms']:8.2f} {row['median_ms']:8.2f} "
                      f"{1e3 / row['min_ms']:7.1f} {row['ratio'] or float('nan'):11.2f} {row['megabytes']:6.0f} "
                      f"{row['megabytes'] / row['min_ms']:6.1f} {row['error'] or float('nan'):7.3f} {row['load_s']:6.2f}",
                      flush=True)
        for runtime in runtimes:
            runtime.close()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench decode --tokens", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patterns", default="2:4,dense,1:4", help="of nm's weights; with commas")
    parser.add_argument("--kv-cache", default="", help="also the first pattern with caches of this type: i8")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--context", type=int, default=64, help="tokens before those that are timed")
    parser.add_argument("--places", type=int, default=2048, help="rows of the caches")
    parser.add_argument("--layers", type=int, default=llama_decoder.Sizes.layers)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=4, help="timed tokens of a runtime in each round")
    parser.add_argument("--checked", type=int, default=4, help="tokens before the logits that are compared; 0: none")
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--folder", help="keep the models in this folder, and take those that it has")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    options.patterns = options.patterns.split(",")
    if options.places < options.context + options.turns + 1:
        parser.error(f"{options.places} places do not hold {options.context} tokens and {options.turns + 1} more")
    for there, what in [(onnxruntime.find(), "ONNX Runtime is not there; NM_ONNXRUNTIME names its library"),
                        (llamacpp.find(), "llama.cpp is not there; NM_GGML names the folder of its libraries")]:
        if not there and options.peers:
            print(f"note: {what}", file=sys.stderr)
    os.environ.setdefault("NM_TOOLS", str(compiled.BUILD / "bin"))
    with tempfile.TemporaryDirectory() as folder:
        if options.folder:
            folder = options.folder
            os.makedirs(folder, exist_ok=True)
        bench = Bench(options, pathlib.Path(folder))
        bench.run()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(bench.rows, indent=1) + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (compiled.Error, nm.Error, onnxruntime.Error, llamacpp.Error) as error:
        sys.exit(f"error: {error}")
