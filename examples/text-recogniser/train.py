# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prunes PP-OCRv4's recogniser 2:4 in one shot, and tunes it by STEP and by SR-STE.

The dense model teaches: it sees a line drawn clean, the pruned one the same line soiled, and its frames
are to say the same, and so are what the convolutions see and the features before the last layer. Each recipe has its rate tuned on lines of other fonts and texts; lines of a third
set of fonts and texts are read once. Writes the models, the lines of the test and results.json.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import nm
import nm.torch
from lines import Alphabet, Lines, errors
from network import Recogniser

BATCH = 8
#: Lines of the test that the compiled models read, too.
DEPLOYED = 40


def recipe(method, steps):
    """STEP's second moment is taken over the first tenth to half of the steps."""
    if method == "step":
        return {"method": "step", "steps": steps, "lambda": 2e-4, "switch": {"window": max(5, steps // 15)}}
    return {"method": method, "steps": steps}


class Lesson:
    """Soiled lines, and what the dense model makes of the clean ones; in order, the same for each training."""

    def __init__(self, teacher, steps):
        lines = Lines("train")
        self.teacher, self.batches = teacher, []
        with torch.no_grad():
            for _ in range(steps):
                clean, soiled, _ = lines.batch(BATCH)
                seen, features, logits = teacher(torch.from_numpy(clean))
                self.batches.append((soiled[:, :1].astype(np.float16), seen.half(), features.clone()))
        last = [node for node in teacher.nodes if node.op_type in ("MatMul", "Add")][-2:]
        self.head = [teacher.weights[teacher.places[node.input[1]]].detach().clone() for node in last]
        assert torch.allclose(features @ self.head[0] + self.head[1], logits, atol=1e-3)

    def loss(self, network, step):
        soiled, seen, features = self.batches[step]
        x = torch.from_numpy(soiled.astype(np.float32)).expand(-1, 3, -1, -1)
        looked, found, logits = network(x)
        expected = (features @ self.head[0] + self.head[1]).log_softmax(2)
        told = functional.kl_div(logits.log_softmax(2), expected, log_target=True, reduction="sum")
        return (told / logits.shape[:2].numel() + functional.mse_loss(found, features) / features.var()
                + functional.mse_loss(looked, seen.float()) / seen.float().var())


def optimizer_of(network, method, pattern, rate, steps):
    prunable = network.prunable()
    inner = {id(weight) for _, weight, _ in prunable}
    groups = [{"params": [(name, w) for name, w, axis in prunable if axis == along], "pattern": pattern, "axis": along}
              for along in (0, 1)]
    groups.append({"params": [p for p in network.parameters() if id(p) not in inner], "pattern": "dense"})
    return nm.torch.StepAdam(groups, lr=rate, betas=(0.9, 0.98), recipe=recipe(method, steps))


def train(path, lesson, method, pattern, rate, steps, progress):
    """A tuned network, and the step that STEP switched at."""
    torch.manual_seed(0)
    network = Recogniser(path)
    optimizer = optimizer_of(network, method, pattern, rate, steps)
    started = time.monotonic()
    for step in range(steps):
        # Up over the first twentieth, then down to zero along a cosine.
        share = min(1.0, (step + 1) / (steps / 20)) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate * share
        optimizer.zero_grad()
        loss = lesson.loss(network, step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        if progress and (step + 1) % progress == 0:
            print(f"  step {step + 1} of {steps}, loss {loss.item():.3f}, {time.monotonic() - started:.0f} s",
                  flush=True)
    return network, optimizer.switched_at


def pruned(path, pattern, blocks=False):
    """The network with the largest weights of each group, of all matrices or those of the transformer layers alone."""
    network = Recogniser(path)
    # The last linear layer is the head.
    chosen = [entry for entry in network.prunable() if entry[2] == 0][:-1] if blocks else network.prunable()
    optimizer = nm.torch.StepAdam([{"params": [(name, w)], "pattern": pattern, "axis": axis}
                                   for name, w, axis in chosen], recipe={"method": "sr-ste"})
    for _, weight, _ in chosen:
        weight.data.mul_(optimizer.mask(weight))
    return network


def read(network, pictures, alphabet):
    texts = []
    with torch.no_grad():
        for at in range(0, len(pictures), 20):
            best = network(torch.from_numpy(pictures[at:at + 20]))[2].argmax(2).numpy()
            texts += [alphabet.read(line) for line in best]
    return texts


def rate_of_errors(texts, expected):
    """Percent of characters, and half of its 95 % interval over the lines."""
    pairs = np.array(errors(texts, expected), float)
    share = pairs[:, 0].sum() / pairs[:, 1].sum()
    spread = (pairs[:, 0] - share * pairs[:, 1]) / pairs[:, 1].mean()
    return 100 * share, 100 * 1.96 * spread.std(ddof=1) / math.sqrt(len(pairs))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="ONNX file of the recogniser")
    parser.add_argument("keys", type=Path, help="its characters")
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--pattern", default="2:4")
    parser.add_argument("--methods", default="sr-ste,step")
    parser.add_argument("--rates", default="5e-4,1e-3,2e-3")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=400, help="of the test; half as many validate")
    arguments = parser.parse_args()
    threads = torch.get_num_threads()
    nm.set_num_threads(threads)
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    alphabet = Alphabet(arguments.keys)
    sets = {part: Lines(part).batch(count)[1:] for part, count in
            (("validation", arguments.lines // 2), ("test", arguments.lines))}
    start = time.process_time()
    results = {"pattern": arguments.pattern, "steps": arguments.steps, "batch": BATCH, "lines": arguments.lines,
               "models": {}}

    def measured(name, network, **more):
        texts = {part: read(network, pictures, alphabet) for part, (pictures, _) in sets.items()}
        entry = {part: rate_of_errors(texts[part], sets[part][1]) for part in texts}
        results["models"][name] = {**entry, **more}
        network.save(arguments.output_dir / f"{name}.onnx")
        print(f"{name}: {entry['test'][0]:.2f} ± {entry['test'][1]:.2f} % of the characters wrong", flush=True)
        return texts["test"]

    dense = Recogniser(arguments.model)
    inner = dense.prunable()
    results["pruned"] = sum(w.numel() for _, w, _ in inner)
    results["weights"] = sum(w.numel() for w in dense.parameters())
    print(f"{len(inner)} matrices of {results['pruned']} weights, of {results['weights']} in all, become "
          f"{arguments.pattern}")
    texts = {"dense": measured("dense", dense),
             "one-shot": measured("one-shot", pruned(arguments.model, arguments.pattern)),
             "one-shot-blocks": measured("one-shot-blocks", pruned(arguments.model, arguments.pattern, blocks=True))}
    print(f"the dense model reads {arguments.steps * BATCH} clean lines", flush=True)
    lesson = Lesson(dense, arguments.steps)
    for method in arguments.methods.split(","):
        best, tried = None, {}
        for rate in map(float, arguments.rates.split(",")):
            print(f"{method}, rate {rate:g}", flush=True)
            network, switched = train(arguments.model, lesson, method, arguments.pattern, rate, arguments.steps,
                                      max(1, arguments.steps // 5))
            pictures, expected = sets["validation"]
            wrong = rate_of_errors(read(network, pictures, alphabet), expected)[0]
            tried[rate] = wrong
            print(f"  {wrong:.2f} % wrong on the validation lines", flush=True)
            if best is None or wrong < best[0]:
                best = (wrong, rate, network, switched)
        texts[method] = measured(method, best[2], rate=best[1], tried=tried, switched_at=best[3])
    results["seconds"] = time.process_time() - start
    results["threads"] = threads
    pictures, expected = sets["test"]
    results["expected"], results["read"] = expected, texts
    np.save(arguments.output_dir / "lines.npy", pictures[:DEPLOYED])
    (arguments.output_dir / "results.json").write_text(json.dumps(results) + "\n", encoding="utf-8")
    print(f"{results['seconds'] / 60:.1f} minutes of one core")


if __name__ == "__main__":
    sys.exit(main())
