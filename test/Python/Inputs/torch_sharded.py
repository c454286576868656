# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two processes with a part of the parameters each: the same bits, masks and switch as one that has all.

Ways to shard: torch's ZeroRedundancyOptimizer over whole parameters, the same over flat ones, and a
range of one flat parameter for each rank, as fully sharded training has it.
"""

import math
import multiprocessing
import queue as queues
import sys
import tempfile
import traceback
from pathlib import Path

import torch
import torch.distributed
from torch.distributed.optim import ZeroRedundancyOptimizer

import nm.torch

STEPS = 14
RECIPES = [
    {"method": "step", "steps": STEPS, "switch": {"threshold": 0.02, "window": 4}, "lambda": 1e-3},
    {"method": "step", "steps": STEPS, "switch": {"threshold": 0.02, "window": 4, "option": 2}},
    {"method": "sr-ste", "skip_nonfinite": True},
    {"method": "structure-decay", "steps": STEPS, "structure": {"shape": "geometric", "frames": 2}},
]
#: The last one has a pattern along an axis that is not the last: blocks of many elements.
SHAPES = [("first.weight", (24, 16)), ("first.bias", (24,)), ("mixer.weight", (4, 8, 6)),
          ("second.weight", (6, 24))]


def start():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator) for _, shape in SHAPES]


def gradients(weights, step, recipe):
    """What all ranks agree on, as after their sum: a function of the weights and the step."""
    generator = torch.Generator().manual_seed(1000 + step)
    found = [(w - torch.randn(w.shape, generator=generator)) * 0.1 for w in weights]
    if recipe.get("skip_nonfinite") and step == 5:
        found[-1].view(-1)[-1] = math.nan  # in the part of the last rank alone
    return found


class Whole:
    """One process with everything."""

    def __init__(self, recipe):
        self.tensors = [torch.nn.Parameter(t) for t in start()]
        names = [name for name, _ in SHAPES]
        self.optimizer = nm.torch.StepAdam(zip(names, self.tensors), lr=0.02, pattern="2:4",
                                           recipe=recipe)

    def weights(self):
        return [t.detach() for t in self.tensors]

    def save(self, path, **options):
        """Saves and gives the bytes that were written, None on the rank that does not write."""
        return saved(self.named(), path, **options)

    def named(self):
        return {name: tensor for (name, _), tensor in zip(SHAPES, self.tensors)}

    def step(self, found):
        for tensor, gradient in zip(self.tensors, found):
            tensor.grad = gradient
        self.optimizer.step()
        return self.optimizer


class Zero(Whole):
    def __init__(self, recipe):
        self.tensors = [torch.nn.Parameter(t) for t in start()]
        self.optimizer = ZeroRedundancyOptimizer(self.tensors, nm.torch.StepAdam, lr=0.02,
                                                 pattern="2:4", recipe=recipe, sharded=True)

    def step(self, found):
        return super().step(found).optim

    def save(self, path, **options):
        return saved(self.named(), path, optimizer=self.optimizer, **options)


def saved(model, path, **options):
    nm.save_checkpoint(model, path, **options)
    return Path(path).read_bytes() if Path(path).exists() else None


def flatten(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


class ZeroFlat:
    """Two flat parameters of two tensors each, one for each rank."""

    def __init__(self, recipe):
        tensors = start()
        self.flat = [torch.nn.Parameter(flatten(tensors[i:i + 2])) for i in (0, 2)]
        groups = [{"params": [flat], "pieces": SHAPES[i:i + 2]} for flat, i in zip(self.flat, (0, 2))]
        self.optimizer = ZeroRedundancyOptimizer(groups, nm.torch.StepAdam, lr=0.02, pattern="2:4",
                                                 recipe=recipe, sharded=True)

    def weights(self):
        return unflatten(torch.cat([flat.detach() for flat in self.flat]))

    def step(self, found):
        for i, flat in enumerate(self.flat):
            flat.grad = flatten(found[2 * i:2 * i + 2])
        self.optimizer.step()
        return self.optimizer.optim

    def save(self, path, **options):
        return saved({}, path, optimizer=self.optimizer, **options)


def unflatten(flat):
    sizes = [math.prod(shape) for _, shape in SHAPES]
    parts = flat[:sum(sizes)].split(sizes)
    return [part.view(shape) for part, (_, shape) in zip(parts, SHAPES)]


class Ranges:
    """A range of one flat parameter for each rank; the last one is padded."""

    def __init__(self, recipe):
        rank = torch.distributed.get_rank()
        self.ranges = nm.torch.shard(SHAPES, 2, recipe, pattern="2:4")
        self.own = self.ranges[rank]
        own = flatten(start())[slice(*self.own)]
        self.tensor = torch.nn.Parameter(torch.cat([own, torch.full((3,), 7.0)]))
        group = {"params": [self.tensor], "pieces": SHAPES, "offset": self.own[0]}
        if rank == 0:  # no padding between ranges
            self.tensor = group["params"][0] = torch.nn.Parameter(own)
        self.optimizer = nm.torch.StepAdam([group], lr=0.02, pattern="2:4", recipe=recipe,
                                           sharded=True)

    def weights(self):
        parts = [torch.empty(last - first) for first, last in self.ranges]
        length = max(part.numel() for part in parts)
        own = self.tensor.detach()[:self.own[1] - self.own[0]]
        padded = torch.cat([own, torch.zeros(length - own.numel())])
        gathered = [torch.empty(length) for _ in parts]
        torch.distributed.all_gather(gathered, padded)
        return unflatten(torch.cat([g[:part.numel()] for g, part in zip(gathered, parts)]))

    def step(self, found):
        gradient = flatten(found)[slice(*self.own)]
        missing = self.tensor.numel() - gradient.numel()
        self.tensor.grad = torch.cat([gradient, torch.ones(missing)])
        self.optimizer.step()
        if missing and not torch.equal(self.tensor.detach()[-missing:], torch.full((missing,), 7.0)):
            raise AssertionError("padding was trained")
        return self.optimizer

    def save(self, path, **options):
        # A model may have these tensors, and others.
        model = {name: torch.zeros(shape) for name, shape in SHAPES}
        return saved(model, path, optimizer=self.optimizer, **options)


def check_saved(whole, sharded):
    """One file, as one process writes it; on an error none, and every rank hears of it."""
    rank = torch.distributed.get_rank()
    with tempfile.TemporaryDirectory() as folder:
        for dense in (False, True):
            expected = whole.save(f"{folder}/whole.safetensors", dense=dense)
            found = sharded.save(f"{folder}/gathered.safetensors", dense=dense)
            if found != (expected if rank == 0 else None):
                raise AssertionError(f"another checkpoint (dense: {dense}): {found}, expected {expected}")
    try:
        sharded.save(f"{folder}/gone/gathered.safetensors")
    except nm.Error as error:
        if "gathered.safetensors" not in str(error):
            raise
    else:
        raise AssertionError("a checkpoint in a folder that is not there was saved")


def check(recipe, way):
    whole, sharded = Whole(recipe), way(recipe)
    for step in range(1, STEPS + 1):
        if way is Ranges and step == STEPS // 2:  # goes on from its state, in a new optimizer
            state = sharded.optimizer.state_dict()
            kept = sharded.tensor.detach().clone()
            sharded = way(recipe)
            sharded.tensor.data.copy_(kept)
            sharded.optimizer.load_state_dict(state)
        found = gradients(whole.weights(), step, recipe)
        expected = whole.step(found).report
        report = sharded.step(found).report
        for (name, _), a, b in zip(SHAPES, whole.weights(), sharded.weights()):
            if not torch.equal(a, b):
                raise AssertionError(f"{name} differs after step {step}")
        if (report.skipped, report.switched) != (expected.skipped, expected.switched):
            raise AssertionError(f"step {step}: skipped and switched are {report.skipped}, "
                                 f"{report.switched}, expected {expected.skipped}, {expected.switched}")
        if expected.observed and not math.isclose(report.statistic, expected.statistic, rel_tol=1e-6):
            raise AssertionError(f"statistic {report.statistic}, expected {expected.statistic}")
    check_saved(whole, sharded)
    if recipe["method"] == "step" and whole.optimizer.switched_at is None:
        raise AssertionError("AutoSwitch has not switched")
    if recipe.get("skip_nonfinite") and whole.optimizer._training.steps_done != STEPS - 1:
        raise AssertionError("no step was left out")


def refusals():
    """On one rank alone: cuts within groups, and patterns that no rank has."""
    def expect(text, make):
        try:
            make()
        except nm.Error as error:
            if text in str(error):
                return
            raise AssertionError(f"found: {error}; expected: {text}") from error
        raise AssertionError(f"expected: {text}")

    flat = flatten(start())
    expect("piece 'first.weight' (24, 16) of a flat parameter is cut at its element 6, within a group of "
           "pattern 2:4 along axis 1; expected a multiple of 4",
           lambda: nm.torch.StepAdam([{"params": [torch.nn.Parameter(flat[6:])], "pieces": SHAPES,
                                       "offset": 6}], pattern="2:4", recipe="sr-ste"))
    expect("cut at its element 8, within a group of pattern 2:4 along axis 1; expected a multiple of 24",
           lambda: nm.torch.StepAdam([{"params": [torch.nn.Parameter(flat[416:])], "pieces": SHAPES,
                                       "offset": 416}], pattern="2:4", recipe="sr-ste"))
    tensor = torch.nn.Parameter(torch.ones(4, 8))
    optimizer = nm.torch.StepAdam([("a", tensor)], pattern="2:4", recipe="sr-ste", sharded=True)
    expect("every rank names its own optimizer", lambda: nm.save_checkpoint({"a": tensor}, "a.safetensors"))
    expect("another optimizer than the one that is given", lambda: nm.save_checkpoint(
        {"a": tensor}, "a.safetensors",
        optimizer=nm.torch.StepAdam([torch.nn.Parameter(torch.ones(4, 4))], recipe="sr-ste", pattern="2:4")))
    del optimizer
    expect("expected one vector",
           lambda: nm.torch.StepAdam([{"params": [torch.nn.Parameter(flat.view(-1, 2))],
                                       "pieces": SHAPES}], pattern="2:4", recipe="sr-ste"))


def unnamed():
    """A pattern that names no tensor of any rank is found by all of them."""
    recipe = {"method": "sr-ste", "patterns": {"mixer.*": "2:4", "nowhere.*": "1:4"}}
    rank = torch.distributed.get_rank()
    tensor = torch.nn.Parameter(torch.ones(4, 8))
    tensor.grad = torch.ones(4, 8)
    optimizer = nm.torch.StepAdam([("mixer.weight" if rank else "first.weight", tensor)],
                                  recipe=recipe, sharded=True)
    try:
        optimizer.step()
    except nm.Error as error:
        if "'nowhere.*'" not in str(error):
            raise
        return
    raise AssertionError("a pattern that names no tensor was not refused")


def worker(rank, folder, results):
    try:
        torch.set_num_threads(1)
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous",
                                             rank=rank, world_size=2)
        for recipe in RECIPES:
            for way in (Zero, ZeroFlat, Ranges):
                try:
                    check(recipe, way)
                except AssertionError as error:
                    raise AssertionError(f"{recipe}, {way.__name__}, rank {rank}: {error}") from error
        refusals()
        unnamed()
        torch.distributed.destroy_process_group()
        results.put("")
    except BaseException:
        results.put(traceback.format_exc())
        raise


def main():
    ranges = nm.torch.shard(SHAPES, 3, "sr-ste", pattern="2:4")
    if [a for a, _ in ranges[1:]] != [b for _, b in ranges[:-1]] or ranges[-1][1] != 744:
        sys.exit(f"error: ranges {ranges}")
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        results = context.Queue()
        ranks = [context.Process(target=worker, args=(rank, folder, results)) for rank in range(2)]
        for rank in ranks:
            rank.start()
        problems = []
        try:
            for _ in ranks:
                problems.append(results.get(timeout=240))
                if problems[-1]:
                    break
        except queues.Empty:
            problems.append("a rank gave no answer")
        for rank in ranks:
            if any(problems):
                rank.terminate()
            rank.join()
    if any(problems):
        sys.exit("".join(problems))
    print("the same bits")


if __name__ == "__main__":
    main()
