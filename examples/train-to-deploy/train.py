#!/usr/bin/python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains the digits transformer by a recipe and saves it, its code, and the test images.

Writes into --output-dir: trained.safetensors, digits.mlir, images.npy, labels.npy, logits.npy (of
torch, on the test images) and trace.csv (what each step did).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import model
import nm.torch

MATRICES = "bert.*.weight"  # the LayerNorms in it are vectors, which stay dense


def data():
    """Images [n, 8, 8] from 0 to 1 and labels; 4 of 5 to train on."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    images = (digits.images[order] / 16).astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    cut = len(order) * 4 // 5
    return images[:cut], labels[:cut], images[cut:], labels[cut:]


def train(arguments, images, labels):
    torch.set_num_threads(1)  # the matrices are too small to share
    torch.manual_seed(arguments.seed)
    network = model.Digits(model.config(arguments.batch))
    named = dict(network.named_parameters())
    sparse = [(name, p) for name, p in named.items() if name.startswith("bert.") and p.dim() == 2]
    others = [(name, p) for name, p in named.items() if name not in dict(sparse)]
    recipe = {"method": arguments.method, "steps": arguments.steps}
    if arguments.method == "dense":
        recipe = "dense"
    optimizer = nm.torch.StepAdam(
        [{"params": sparse, "pattern": arguments.pattern}, {"params": others, "pattern": "dense"}],
        lr=arguments.lr, recipe=recipe, trace=arguments.output_dir / "trace.csv")
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, arguments.steps)
    images, labels = torch.from_numpy(images), torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(arguments.seed)
    for step in range(1, arguments.steps + 1):
        chosen = torch.randint(0, len(images), (arguments.batch,), generator=generator)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % max(1, arguments.steps // 10) == 0:
            print(f"step {step}/{arguments.steps}: loss {loss.item():.4f}, "
                  f"{optimizer.report.phase} phase", flush=True)
    if optimizer.switched_at:
        print(f"AutoSwitch: masks since step {optimizer.switched_at + 1}")
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-o", "--output-dir", type=Path, default=Path("build/examples/train-to-deploy"))
    add("--method", default="step", help="of the recipe (default step); dense saves no masks")
    add("--pattern", default="2:4", metavar="N:M")
    add("--steps", type=int, default=1500)
    add("--batch", type=int, default=64)
    add("--lr", type=float, default=2e-3)
    add("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.output_dir
    folder.mkdir(parents=True, exist_ok=True)
    images, labels, test_images, test_labels = data()
    try:
        network = train(arguments, images, labels).eval()
        if arguments.method != "dense":
            nm.save_checkpoint(network, folder / "trained.safetensors")
    except nm.Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with torch.no_grad():
        logits = network(torch.from_numpy(test_images)).numpy()
    print(f"torch: {np.mean(logits.argmax(1) == test_labels):.2%} of {len(test_labels)} test images")
    if arguments.method == "dense":
        return 0
    np.save(folder / "images.npy", test_images)
    np.save(folder / "labels.npy", test_labels)
    np.save(folder / "logits.npy", logits)
    (folder / "digits.mlir").write_text(model.export(model.config(len(test_labels))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
