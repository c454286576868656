# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two processes under DistributedDataParallel: identical bits, masks and switch on both."""

import hashlib
import multiprocessing
import os
import sys
import tempfile

import torch
import torch.distributed

import nm.torch


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Tanh(), torch.nn.Linear(32, 4))


def worker(rank, folder, recipe, queue):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous",
                                         rank=rank, world_size=2)
    model = network()
    optimizer = nm.torch.StepAdam(model.named_parameters(), lr=0.01, pattern="2:4", recipe=recipe)
    parallel = torch.nn.parallel.DistributedDataParallel(model)
    generator = torch.Generator().manual_seed(100 + rank)  # each its own batches
    statistics = []
    for _ in range(12):
        x = torch.randn(8, 16, generator=generator)
        optimizer.zero_grad()
        parallel(x).pow(2).sum().backward()
        optimizer.step()
        statistics.append((optimizer.report.statistic, optimizer.report.switched))
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        for tensor in (parameter.detach(), optimizer.mask(name).byte(), optimizer.weights(name)):
            digest.update(tensor.numpy().tobytes())
    queue.put((rank, digest.hexdigest(), optimizer.switched_at, statistics))
    torch.distributed.destroy_process_group()


def main():
    context = multiprocessing.get_context("fork")
    for recipe in ({"method": "step", "steps": 12, "switch": {"threshold": 0.02, "window": 4}},
                   {"method": "sr-ste"}):
        with tempfile.TemporaryDirectory() as folder:
            queue = context.Queue()
            ranks = [context.Process(target=worker, args=(rank, folder, recipe, queue))
                     for rank in range(2)]
            for rank in ranks:
                rank.start()
            results = sorted(queue.get(timeout=240) for _ in ranks)
            for rank in ranks:
                rank.join()
        if results[0][1:] != results[1][1:]:
            sys.exit(f"error: the ranks differ under {recipe}: {results}")
        if recipe["method"] == "step" and results[0][2] is None:
            sys.exit("error: AutoSwitch has not switched")
    print("identical", os.getpid())


if __name__ == "__main__":
    main()
