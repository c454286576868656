# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times whole models against other runtimes: the same weights, results compared first.

One process, interleaved, minima and medians. Models are those of transformers.py and seq2seq.py in
test/Import/Onnx/Inputs with random weights; a pruned one is written pruned, and ONNX Runtime is given that file. It computes
every pattern as dense, so it is timed once, on the first. So are PyTorch, which runs BERT and GPT-2 eagerly, and llama.cpp, which
decodes GPT-2 with weights and cache in f16. $NM_ONNXRUNTIME names ONNX Runtime's library, $NM_GGML the folder of
llama.cpp's; PyTorch is that of this Python. What is not there is left out, with a note.

Peak memory is the largest resident set of a process of its own, less what it had before anything was loaded: for nm one that loads the compiled
model with its packed weights and calls it three times, for ONNX Runtime one that loads the file and runs once. Beside it stands the bound: packed
weights, and one and a half times the largest set of buffers, inputs and results that are live at once, by the compiled plan; it needs known sizes.
"""

import argparse
import atexit
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy

import compiled
import llamacpp
import onnxruntime
import torch_models
from bench_options import numbers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Import/Onnx/Inputs"))
import seq2seq  # noqa: E402
import transformers  # noqa: E402

REAL = transformers.REAL | seq2seq.REAL

TOLERANCE = 1e-4  # of the largest result
TOLERANCE_F16 = 1e-2
CHECKED = 8  # words that llama.cpp's logits are compared on
REST_S = 0.3  # OpenMP's threads spin for 200 ms after a parallel region, which would slow the other runtime


def cases(names, lengths, batch):
    """(title, function of sizes that makes the model, sizes)."""
    for name in names:
        sizes = REAL[name]
        if name == "bert":
            for n in lengths:
                yield f"bert, length {n}", functools.partial(transformers.bert, batch=batch, length=n), sizes
        elif name == "gpt2":
            for n in lengths:
                yield f"gpt2, prompt of {n}", functools.partial(transformers.gpt2, batch=batch, steps=n), sizes
                yield (f"gpt2, one token after {n}",
                       functools.partial(transformers.gpt2, batch=batch, steps=1, past=n), sizes)
        elif name == "vit":
            yield "vit", functools.partial(transformers.vit, batch=batch), sizes
        elif name == "whisper":
            decoder = functools.partial(seq2seq.whisper_decoder, batch=batch)
            yield "whisper encoder", functools.partial(seq2seq.whisper_encoder, batch=batch), sizes
            yield "whisper decoder, prompt of 4", functools.partial(decoder, steps=4), sizes
            for n in lengths:
                n = min(n, sizes.places - 1)
                yield f"whisper, one token after {n}", functools.partial(decoder, steps=1, past=n), sizes
        elif name == "t5":
            for n in lengths:
                yield f"t5, {n} to 16", functools.partial(seq2seq.t5, batch=batch, length=n, steps=16), sizes
        else:
            for n in lengths:
                yield f"llama, prompt of {n}", functools.partial(transformers.llama, batch=batch, steps=n), sizes


def weights_of(made, pattern):
    """By name, pruned as rewrite() does it."""
    return {key: pruned(key, array, pattern) for key, array in made.weights.items()}


def pruned(key, array, pattern):
    """The weight as `pattern` has it: dense, N:M, or N:M+head, which prunes GPT-2's embedding, its head as well, in both."""
    if pattern == "dense":
        return array
    ratio, _, rest = pattern.partition("+")
    n, m = map(int, ratio.split(":"))
    if array.ndim == 2 and key.endswith(".weight") and array.shape[0] % 16 == 0:
        return transformers.prune(array, n, m)
    if rest == "head" and key == "wte.embedding":
        return numpy.ascontiguousarray(transformers.prune(array.T, n, m).T)
    return array


def rewrite(made, pattern, path):
    """The model's file with its weights pruned, byte for byte as before elsewhere."""
    if pattern == "dense":
        path.write_bytes(made.data)
        return
    data = bytearray(made.data)
    view = memoryview(data)
    for key, array in made.weights.items():
        changed = pruned(key, array, pattern)
        if changed is not array:
            old = array.tobytes()
            at = made.data.find(old)
            view[at:at + len(old)] = changed.tobytes()
    path.write_bytes(data)


MIB = 1 << 20
PLANNED = re.compile(r"arena-planned: buffers=\d+ bytes=\d+ live-bytes=(\d+)")


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise compiled.Error(done.stderr.strip())
    return done


@functools.cache
def runner():
    """The program that runs a compiled model and tells its largest resident set."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    library = compiled.BUILD / "lib"
    source = pathlib.Path(__file__).with_name("peak_memory.c")
    output_of(["clang-22", "-O1", f"-I{compiled.SOURCE}/include", f"-I{compiled.BUILD}/include", str(source), "-o", f"{folder}/run",
               f"-L{library}", "-lnm_runtime", f"-Wl,-rpath,{library}"])
    return f"{folder}/run"


def peak_of_compiled(path, arrays, fixed, folder):
    """Peak and bound in MiB; no bound where sizes are open."""
    stem = folder / "packed"
    done = output_of([str(compiled.BUILD / "bin/nm-compile"), str(path), *fixed, "-o", f"{stem}.so", "--weights", f"{stem}.nmw",
                      "--remarks-filter=nm-plan-memory"])
    live = [int(bytes) for bytes in PLANNED.findall(done.stderr)]
    run = output_of([runner(), f"{stem}.so", *("x".join(map(str, array.shape)) for array in arrays)])
    before, _, peak, inputs, results = map(int, run.stdout.split())
    bound = None
    if fixed and "of-live" not in done.stderr:
        bound = (os.path.getsize(f"{stem}.nmw") + 1.5 * (sum(live) + inputs + results)) / MIB
    return (peak - before) / 1024, bound


def difference(have, want):
    """Largest difference of all results, relative to the largest element of each."""
    worst = 0.0
    for a, b in zip(have, want):
        if a.shape != b.shape:
            raise SystemExit(f"error: a result has shape {a.shape}, expected {b.shape}")
        if b.size:
            worst = max(worst, float(numpy.abs(a - b).max() / max(1e-30, numpy.abs(b).max())))
    return worst


def measure(calls, rounds, turns, rest):
    """Milliseconds of each, in turns."""
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(rest)
            call()
            for _ in range(turns):
                start = time.perf_counter()
                call()
                times[name].append((time.perf_counter() - start) * 1e3)
    return times


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, path, made, threads):
        start = time.monotonic()
        self.session = onnxruntime.Session(path, threads)
        self.load_s = time.monotonic() - start
        self.call = self.session.bind(made.inputs)

    def close(self):
        self.session.close()


class Torch:
    name, load_s = "pytorch", None

    def __init__(self, made, weights, sizes, threads):
        torch_models.Model.set_threads(threads)
        self.call = torch_models.Model(made.name, weights, sizes, made.inputs)

    def close(self):
        del self.call


class LlamaCpp:
    """One word after `past` others, whose cache a prompt of random words makes; its logits are checked on a short one."""

    name = "llama.cpp f16"

    def __init__(self, made, weights, sizes, threads, folder):
        path, past = folder / "model.gguf", made.symbols["past"]
        llamacpp.write_gpt2(path, weights, sizes)
        start = time.monotonic()
        self.model = llamacpp.Model(path, sizes.words, past + CHECKED, threads)
        self.load_s = time.monotonic() - start
        self.difference = self.check(weights, sizes)
        self.words = numpy.random.default_rng(3).integers(0, sizes.words, past + 1)
        self.model.decode(self.words[:past])

    def check(self, weights, sizes):
        short = transformers.gpt2(sizes, batch=1, steps=CHECKED)
        want = short.reference(lambda name, array: weights[name])[0][0, -1]
        have = self.model.decode(short.inputs[0][0])
        self.model.forget(0)
        return difference([have], [want])

    def call(self):
        self.model.decode(self.words[-1:])
        self.model.forget(len(self.words) - 1)

    def close(self):
        self.model.close()


class Bench:
    def __init__(self, options):
        self.options, self.rows = options, []
        self.peer = not options.no_peers and onnxruntime.find() is not None
        self.torch = not options.no_peers and torch_models.find()
        self.llama = not options.no_peers and llamacpp.find() is not None
        self.runtime = compiled.runtime()

    def peers(self, path, made, sizes, threads, folder):
        """Those that run the model, on the weights of the first pattern."""
        weights = weights_of(made, self.options.patterns[0])
        found = []
        if self.peer:
            found.append(OnnxRuntime(path, made, threads))
        if self.torch and made.name in torch_models.MODELS:
            found.append(Torch(made, weights, sizes, threads))
        if self.llama and made.name == "gpt2" and made.symbols["past"] and self.options.batch == 1:
            found.append(LlamaCpp(made, weights, sizes, threads, folder))
        return found

    def check_peers(self, peers, want, title):
        """How far each is from nm's results on the same weights."""
        errors = {}
        for peer in peers:
            if peer.name == OnnxRuntime.name:
                continue  # compared for each pattern
            llama = peer.name == LlamaCpp.name
            errors[peer.name] = peer.difference if llama else difference(peer.call.results(), want)
            if not errors[peer.name] <= (TOLERANCE_F16 if llama else TOLERANCE):
                raise SystemExit(f"error: {title}: results of {peer.name} differ by {errors[peer.name]:.2e} of the largest")
        return errors

    def files(self, made, folder):
        paths = {}
        for pattern in self.options.patterns:
            paths[pattern] = folder / f"{made.name}-{pattern.replace(':', '_')}.onnx"
            rewrite(made, pattern, paths[pattern])
        return paths

    def peak_of_peer(self, path, made, folder):
        inputs = []
        for i, array in enumerate(made.inputs):
            numpy.save(folder / f"in{i}.npy", array)
            inputs.append(str(folder / f"in{i}.npy"))
        return float(output_of([sys.executable, __file__, "--once", str(path), *inputs]).stdout)

    def fixed_sizes(self, made):
        return [] if self.options.dynamic else [f"--size={name}={size}" for name, size in made.symbols.items()]

    def run(self, title, make, sizes, folder):
        options = self.options
        if options.layers:
            sizes.layers = options.layers
        made = make(sizes, **({"opset": options.opset} if options.opset else {}))
        paths = self.files(made, folder)
        models, errors = {}, {}
        fixed = self.fixed_sizes(made)
        for pattern, path in paths.items():
            models[pattern] = compiled.Model(path, folder, fixed)
            if self.peer:
                session = onnxruntime.Session(path, max(options.threads))
                want = session.run(made.inputs)
                session.close()
                errors[pattern] = difference(models[pattern].bind(made.inputs).results(), want)
                if not errors[pattern] <= TOLERANCE:
                    raise SystemExit(f"error: {title}, {pattern}: results differ from ONNX Runtime's by "
                                     f"{errors[pattern]:.2e} of the largest, expected at most {TOLERANCE}")
        want = models[options.patterns[0]].bind(made.inputs).results()
        for threads in options.threads:
            self.runtime.nm_set_num_threads(threads)
            peers = self.peers(paths[options.patterns[0]], made, sizes, threads, folder)
            errors |= self.check_peers(peers, want, title)
            calls = {peer.name: peer.call for peer in peers}
            calls |= {pattern: model.bind(made.inputs) for pattern, model in models.items()}
            rest = REST_S if threads > 1 and peers else 0
            times = measure(calls, options.rounds, options.turns, rest)
            best = min(times[OnnxRuntime.name]) if self.peer else None
            loads = {peer.name: peer.load_s for peer in peers}
            for name, samples in times.items():
                row = {"model": title, "threads": threads, "runtime": name, "min_ms": min(samples),
                       "median_ms": float(numpy.median(samples)), "ratio": best / min(samples) if best else None,
                       "difference": errors.get(name), "load_s": loads.get(name), "compile_s": None, "peak_mib": None, "bound_mib": None}
                if name in models:
                    row["compile_s"], row["load_s"] = models[name].compile_s, models[name].load_s
                self.rows.append(row)
            for peer in peers:
                peer.close()
            self.memory_of(title, threads, paths, made, folder)
            for row in self.rows[-len(times):]:
                self.print_row(row)
        for model in models.values():
            model.close()

    def memory_of(self, title, threads, paths, made, folder):
        if threads != self.options.threads[0]:
            return
        rows = {row["runtime"]: row for row in self.rows if row["model"] == title and row["threads"] == threads}
        for pattern, path in paths.items():
            rows[pattern]["peak_mib"], rows[pattern]["bound_mib"] = peak_of_compiled(
                path, made.inputs, self.fixed_sizes(made), folder)
        if self.peer:
            rows[OnnxRuntime.name]["peak_mib"] = self.peak_of_peer(paths[self.options.patterns[0]], made, folder)

    def print_head(self):
        print(f"{'model':30} {'thr':>3} {'runtime':13} {'min ms':>9} {'median':>9} {'ratio':>6} {'diff':>8} "
              f"{'compile s':>9} {'load s':>6} {'peak MiB':>8} {'bound':>6}", flush=True)

    @staticmethod
    def print_row(row):
        def text(value, form, width):
            return format("" if value is None else format(value, form), f">{width}")

        print(f"{row['model']:30} {row['threads']:3} {row['runtime']:13} {row['min_ms']:9.2f} "
              f"{row['median_ms']:9.2f} {text(row['ratio'], '.2f', 6)} {text(row['difference'], '.1e', 8)} "
              f"{text(row['compile_s'], '.1f', 9)} {text(row['load_s'], '.2f', 6)} "
              f"{text(row['peak_mib'], '.0f', 8)} {text(row['bound_mib'], '.0f', 6)}", flush=True)


def resident_mib():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 1024


def once(path, inputs):
    """One run of ONNX Runtime in a process of its own, for its peak memory."""
    arrays, before = [numpy.load(name) for name in inputs], resident_mib()
    onnxruntime.Session(path, 1).run(arrays)
    print(resident_mib() - before)


def main():
    if sys.argv[1:2] == ["--once"]:
        return once(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(prog="scripts/bench model", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="bert", help=f"of {', '.join(REAL)}; with commas")
    parser.add_argument("--lengths", type=numbers, default=[128, 512])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--patterns", default="dense,2:4,1:4", help="dense or N:M; N:M+head prunes the head of GPT-2, too")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--layers", type=int, help="instead of the model's")
    parser.add_argument("--opset", type=int, help="operator set of the file, instead of the one each model is written in")
    parser.add_argument("--dynamic", action="store_true", help="code for every batch and length, not for these alone")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--turns", type=int, default=4, help="timed calls of a runtime in each round")
    parser.add_argument("--quick", action="store_true", help="one round at the first length")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    options.patterns = options.patterns.split(",")
    names = options.models.split(",")
    if unknown := set(names) - set(REAL):
        parser.error(f"found model '{min(unknown)}', expected of {', '.join(REAL)}")
    if options.quick:
        options.rounds, options.turns, options.lengths = 1, 2, options.lengths[:1]
    bench = Bench(options)
    for there, what in [(bench.peer, "ONNX Runtime is not there; NM_ONNXRUNTIME names its library"),
                        (bench.torch, "PyTorch is not there; scripts/setup --torch installs it"),
                        (bench.llama, "llama.cpp is not there; NM_GGML names the folder of its libraries")]:
        if not there and not options.no_peers:
            print(f"note: {what}", file=sys.stderr)
    compiled.keep_freed_memory()
    bench.print_head()
    for title, make, sizes in cases(names, options.lengths, options.batch):
        with tempfile.TemporaryDirectory() as folder:
            bench.run(title, make, sizes, pathlib.Path(folder))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(bench.rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (compiled.Error, onnxruntime.Error, llamacpp.Error) as error:
        sys.exit(f"error: {error}")
