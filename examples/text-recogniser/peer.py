# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The recogniser beside ONNX Runtime, on the models that train.py left in a folder.

Both read test lines from FOLDER/MODEL.onnx, the pruned file: wrong characters, and the largest difference of a probability.
Then one line and a batch take turns on one thread, compiled from the pruned file and from FOLDER/dense.onnx, and in ONNX Runtime
from the dense one: least and median time of the thread on a processor. $NM_ONNXRUNTIME names ONNX Runtime's library. Fails
where the two read otherwise.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from lines import Alphabet, Lines, errors

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib"))
import compiled  # noqa: E402
import onnxruntime  # noqa: E402
from bench_peers import measure  # noqa: E402

BATCH = 40
PEER = "ONNX Runtime"


def model_of(path, folder, x):
    return compiled.Model(path, folder, [f"--size=p2o.DynamicDimension.0={x.shape[0]}",
                                         f"--size=p2o.DynamicDimension.1={x.shape[3]}"])


def compare(readers, pictures, expected, alphabet):
    """Prints wrong characters of each reader, a function of a batch; whether all read the same."""
    read, worst = {name: [] for name in readers}, 0.0
    for at in range(0, len(pictures), BATCH):
        found = [reader(pictures[at:at + BATCH]) for reader in readers.values()]
        worst = max(worst, *(float(np.abs(one - found[0]).max()) for one in found))
        for texts, probabilities in zip(read.values(), found):
            texts += [alphabet.read(line.argmax(1)) for line in probabilities]
    for name, texts in read.items():
        wrong, characters = np.array(errors(texts, expected)).sum(0)
        print(f"{name:14} {wrong} of {characters} characters wrong, {100 * wrong / characters:.2f} %")
    first, *others = read.values()
    same = all(other == first for other in others)
    print(f"{'every' if same else 'not every'} line the same, probabilities within {worst:.1e}", flush=True)
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("keys", type=Path, help="the recogniser's characters")
    parser.add_argument("model", help="of the folder, pruned")
    parser.add_argument("--batches", type=int, default=10, help=f"of {BATCH} test lines that are read (default 10)")
    parser.add_argument("--rounds", type=int, default=12, help="timed calls of a batch; five times as many of a line (default 12)")
    given = parser.parse_args()
    _, pictures, expected = Lines("test").batch(given.batches * BATCH)
    pruned, dense = (given.folder / f"{name}.onnx" for name in (given.model, "dense"))
    compiled.keep_freed_memory()
    with tempfile.TemporaryDirectory() as scratch:
        x = pictures[:BATCH]
        models = {f"nm, {path.stem}": model_of(path, scratch, x) for path in (pruned, dense)}
        readers = {"nm": lambda lines: models[f"nm, {pruned.stem}"].bind([lines]).results()[0],
                   PEER: lambda lines, session=onnxruntime.Session(pruned): session.run([lines])[0]}
        print(f"{given.model}.onnx, {len(pictures)} lines")
        same = compare(readers, pictures, expected, Alphabet(given.keys))
        peer = onnxruntime.Session(dense)
        for rounds, lines in ((given.rounds, x), (5 * given.rounds, x[:1])):
            if len(lines) != BATCH:
                models = {f"nm, {path.stem}": model_of(path, scratch, lines) for path in (pruned, dense)}
            calls = {name: model.bind([lines]) for name, model in models.items()}
            times = measure({**calls, f"{PEER}, dense": peer.bind([lines])}, rounds)
            print(f"\n{f'{len(lines)} at once':26} {'min ms':>8} {'median':>8} {'times as fast':>14}")
            for name, (least, median) in times.items():
                print(f"{name:26} {least:8.2f} {median:8.2f} {times[f'{PEER}, dense'][0] / least:14.2f}", flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
