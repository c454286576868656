# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm.torch against torch's own optimizers, and with what of torch works on optimizers."""

import copy
import io
import json
import os
import pickle
import resource
import signal
import tempfile
import unittest

import numpy as np
import torch

import nm
import nm.torch

torch.set_num_threads(1)


def network(dtype=torch.float32):
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv2d(4, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(8 * 16, 24), torch.nn.Tanh(), torch.nn.Linear(24, 5)).to(dtype)


def batches(count, dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    for _ in range(count):
        yield (torch.randn(6, 4, 4, 4, generator=generator).to(dtype),
               torch.randint(0, 5, (6,), generator=generator))


def train(model, optimizer, count, scheduler=None, clip=None):
    dtype = next(model.parameters()).dtype
    for images, labels in batches(count, dtype):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images).float(), labels)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if scheduler:
            scheduler.step()
    return loss.item()


def distance(a, b):
    """The largest relative difference of two models' parameters."""
    return max((torch.norm(x - y) / torch.norm(y)).item()
               for x, y in zip(a.parameters(), b.parameters()))


def bits(model):
    return [p.detach().clone().view(torch.int32 if p.dtype == torch.float32 else torch.int16)
            for p in model.parameters()]


def same_bits(a, b):
    return all(torch.equal(x, y) for x, y in zip(bits(a), bits(b)))


class Dense(unittest.TestCase):
    """The recipe "dense" is torch's optimizer."""

    def check(self, ours, theirs, arguments, **more):
        with self.subTest(theirs=theirs.__name__, **arguments):
            mine, other = network(), network()
            train(mine, ours(mine.parameters(), recipe="dense", **arguments), 100)
            train(other, theirs(other.parameters(), **arguments), 100)
            self.assertLess(distance(mine, other), 1e-6)

    def test_adam(self):
        for arguments in ({}, {"lr": 3e-4, "betas": (0.8, 0.95), "eps": 1e-5},
                          {"weight_decay": 0.1, "amsgrad": True}, {"maximize": True}):
            self.check(nm.torch.StepAdam, torch.optim.Adam, arguments)

    def test_adamw(self):
        for arguments in ({}, {"weight_decay": 0.1, "amsgrad": True}):
            self.check(nm.torch.StepAdamW, torch.optim.AdamW, arguments)

    def test_sgd(self):
        for arguments in ({"lr": 0.01}, {"lr": 0.01, "momentum": 0.9, "dampening": 0.2},
                          {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}):
            self.check(nm.torch.MaskedSGD, torch.optim.SGD, arguments)

    def test_schedulers_groups_and_clipping(self):
        schedulers = [lambda o: torch.optim.lr_scheduler.StepLR(o, 10, 0.5),
                      lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.01, total_steps=100),
                      lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50)]
        for make in schedulers:
            results = []
            for kind in (nm.torch.StepAdam, torch.optim.Adam):
                model = network()
                arguments = {"recipe": "dense"} if kind is nm.torch.StepAdam else {}
                optimizer = kind([{"params": model[0].parameters(), "lr": 0.01},
                                  {"params": model[3].parameters(), "weight_decay": 0.1}],
                                 **arguments)
                optimizer.add_param_group({"params": list(model[5].parameters()), "eps": 1e-4})
                train(model, optimizer, 100, make(optimizer), clip=0.5)
                results.append(model)
            self.assertLess(distance(*results), 1e-6)


RECIPES = {
    "step": {"method": "step", "switch": {"at": 8}, "lambda": 1e-3},
    "auto": {"method": "step", "steps": 20, "switch": {"threshold": 1, "window": 6}},
    "asp": {"method": "asp", "dense_steps": 5},
    "sr-ste": "sr-ste",
    "mask-decay": {"method": "mask-decay", "decay": {"rate": 0.1}},
    "structure-decay": {"method": "structure-decay", "steps": 20, "dense_steps": 2},
    "s-ste": {"method": "s-ste", "dense_steps": 2},
}


class Masked(unittest.TestCase):
    def test_parameters_are_masked(self):
        model = network()
        optimizer = nm.torch.StepAdam(model.named_parameters(), pattern="2:4", recipe="sr-ste")
        for name in ("0.weight", "3.weight"):
            weight = dict(model.named_parameters())[name]
            groups = optimizer.mask(name).transpose(0, 1).reshape(weight.shape[1] // 4, 4, -1)
            self.assertTrue((groups.sum(1) == 2).all(), name)
            self.assertTrue(torch.equal(weight != 0, optimizer.mask(weight)), name)
        self.assertEqual((optimizer.info("0.weight").n, optimizer.info("0.bias").m), (2, 0))

    def test_every_recipe_goes_on_from_its_state(self):
        for dtype in (torch.float32, torch.bfloat16):
            for name, recipe in RECIPES.items():
                def make(model):
                    return nm.torch.StepAdam(
                        [{"params": list(model[0].named_parameters("conv")), "pattern": "1:4"},
                         {"params": list(model[3].parameters())}, {"params": model[5].parameters(),
                                                                   "pattern": "dense"}],
                        pattern="2:4", recipe=recipe, lr=0.01)

                whole, part = network(dtype), network(dtype)
                train(whole, make(whole), 20)
                optimizer = make(part)
                for index, (images, labels) in enumerate(batches(20, dtype)):
                    if index in (3, 6, 12):
                        file = io.BytesIO()
                        torch.save({"model": part.state_dict(),
                                    "optimizer": optimizer.state_dict()}, file)
                        file.seek(0)
                        saved = torch.load(file)
                        part = network(dtype)
                        optimizer = make(part)
                        part.load_state_dict(saved["model"])
                        optimizer.load_state_dict(saved["optimizer"])
                    optimizer.zero_grad()
                    torch.nn.functional.cross_entropy(part(images).float(), labels).backward()
                    optimizer.step()
                with self.subTest(recipe=name, dtype=dtype):
                    self.assertTrue(same_bits(whole, part))

    def test_what_is_written_into_a_parameter_is_trained_on(self):
        model = network()
        optimizer = nm.torch.StepAdam(model.named_parameters(), pattern="2:4", recipe="sr-ste")
        train(model, optimizer, 3)
        fresh = network()
        model.load_state_dict(fresh.state_dict())
        optimizer.zero_grad(set_to_none=True)
        optimizer.step()
        self.assertTrue(torch.equal(optimizer.weights("3.weight"), fresh[3].weight))
        self.assertTrue(torch.equal(model[3].weight, fresh[3].weight * optimizer.mask("3.weight")))
        # Moved memory with the same content keeps the dropped weights.
        model[3].weight.data = model[3].weight.data.clone()
        optimizer.step()
        self.assertTrue(torch.equal(optimizer.weights("3.weight"), fresh[3].weight))
        # Autograd knows that a step changes parameters.
        loss = (model(next(batches(1))[0]) ** 2).sum()
        optimizer.step()
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            loss.backward()

    def test_trace_and_switch(self):
        reports = []
        model = network()
        optimizer = nm.torch.StepAdam(
            model.named_parameters(), pattern="2:4", recipe=RECIPES["auto"],
            trace=lambda report: reports.append((report.step, bool(report.switched),
                                                 report.reason)))
        train(model, optimizer, 8)
        self.assertEqual(reports[4], (5, False, "the window is not full"))
        self.assertEqual(reports[5], (6, True, "the mean is below the threshold"))
        self.assertEqual(optimizer.switched_at, 6)


class Checkpoints(unittest.TestCase):
    def read(self, path):
        """Header, metadata and tensors of a safetensors file."""
        with open(path, "rb") as file:
            data = file.read()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        texts = header.pop("__metadata__")
        kinds = {"F32": np.float32, "U8": np.uint8, "BF16": np.uint16}
        arrays = {}
        for name, entry in header.items():
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            arrays[name] = np.frombuffer(data[begin:end], kinds[entry["dtype"]]).reshape(
                entry["shape"])
        return texts, arrays

    def save(self, model, **options):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "m.safetensors")
            nm.save_checkpoint(model, path, **options)
            return self.read(path)

    def test_hold_what_was_trained(self):
        for dtype in (torch.float32, torch.bfloat16):
            model = network(dtype)
            model.add_module("tied", torch.nn.Linear(24, 5, bias=False).to(dtype))
            model.tied.weight = model[5].weight
            optimizer = nm.torch.StepAdam(model[:6].named_parameters(), pattern="2:4",
                                          recipe=RECIPES["auto"])
            train(model[:6], optimizer, 9)
            masks = {key: optimizer.mask(key).numpy() for key in ("0.weight", "3.weight")}
            trained = optimizer.weights("3.weight")
            del optimizer  # the model keeps it
            texts, arrays = self.save(model)
            entry = json.loads(texts["nm.checkpoint"])
            self.assertEqual((entry["version"], entry["step"], entry["switched_at"]), (1, 9, 6))
            self.assertEqual(entry["recipe"]["method"], "step")
            self.assertEqual(entry["tensors"]["3.weight"],
                             {"pattern": "2:4", "axis": 1, "mask": "3.weight_mask"})
            self.assertEqual(set(entry["tensors"]), {"0.weight", "3.weight", "5.weight"})
            self.assertEqual((texts["format"], texts["tied.weight"]), ("pt", "5.weight"))
            for key, mask in masks.items():
                bits = np.unpackbits(arrays[key + "_mask"], bitorder="little", count=mask.size)
                np.testing.assert_array_equal(bits.reshape(mask.shape), mask)
                np.testing.assert_array_equal(arrays[key] != 0, mask)
            _, dense = self.save(model, dense=True)
            if dtype == torch.float32:
                np.testing.assert_array_equal(dense["3.weight"], trained.numpy())
            # Neither copies nor pickles of a model belong to its optimizer.
            for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
                with self.assertRaisesRegex(nm.Error, "no parameter of the model is trained by"):
                    self.save(copied)

    def test_a_failed_save_leaves_the_old_file(self):
        model = network()
        optimizer = nm.torch.StepAdam(model.named_parameters(), pattern="2:4", recipe="sr-ste")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "m.safetensors")
            nm.save_checkpoint(model, path)
            with open(path, "rb") as file:
                before = file.read()
            train(model, optimizer, 1)
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)
            ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
            try:
                with self.assertRaises(nm.Error):
                    nm.save_checkpoint(model, path)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limit)
                signal.signal(signal.SIGXFSZ, ignored)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), before)
            self.assertEqual(os.listdir(folder), ["m.safetensors"])


class BadInput(unittest.TestCase):
    def refuses(self, message, action):
        with self.assertRaisesRegex((nm.Error, ValueError), message):
            action()

    def test_construction(self):
        model = network()
        StepAdam = nm.torch.StepAdam
        self.refuses(r"parameter '0.weight' \(f32 \[8, 4, 3, 3\]\): pattern 2:8 along axis 1: "
                     "dimension 1 is 4, expected a multiple of 8",
                     lambda: StepAdam(model.named_parameters(), pattern="2:8"))
        self.refuses("torch.float64.*expected torch.float32 or torch.bfloat16",
                     lambda: StepAdam(network(torch.float64).parameters()))
        self.refuses("is not on the CPU",
                     lambda: StepAdam([torch.nn.Parameter(torch.zeros(2, device="meta"))]))
        self.refuses("more than one parameter group|shares memory",
                     lambda: StepAdam([{"params": model[0].parameters()},
                                       {"params": model[0].parameters()}]))
        whole = torch.zeros(64)
        self.refuses("parameter 'param.1' .* shares memory with parameter 'param.0'",
                     lambda: StepAdam([torch.nn.Parameter(whole[:40]),
                                       torch.nn.Parameter(whole[24:])]))
        self.refuses("fused=True", lambda: StepAdam(model.parameters(), fused=True))
        self.refuses("its pattern|names none of the",
                     lambda: train(model, StepAdam(model.named_parameters(), recipe={
                         "method": "asp", "patterns": {"decoder.*": "2:4"}}), 1))
        self.refuses("the recipe's optimizer is sgd, expected adam",
                     lambda: StepAdam(model.parameters(), recipe={
                         "method": "dense", "optimizer": {"kind": "sgd"}}))
        self.refuses("step freezes the second moment",
                     lambda: nm.torch.MaskedSGD(model.parameters(), recipe={
                         "method": "step", "switch": {"at": 3}}))
        self.refuses("optimizer got an empty parameter list", lambda: StepAdam([]))

    def test_steps_and_state(self):
        model = network()
        optimizer = nm.torch.StepAdam(model.named_parameters(), pattern="2:4", recipe="sr-ste")
        train(model, optimizer, 2)
        before, state = bits(model), optimizer.state_dict()
        model[0].weight.grad = torch.zeros(8, 4, 3, 3).to_sparse()
        self.refuses("the gradient of parameter '0.weight' .* is sparse", optimizer.step)
        # A freed storage has no address, which must not stand for "no gradient" or "where it was".
        model[0].weight.grad = torch.zeros(8, 4, 3, 3)
        model[0].weight.grad.storage().resize_(0)
        self.refuses("the gradient of parameter '0.weight' .* has no memory any more", optimizer.step)
        model[0].weight.grad = None
        kept = model[3].weight.data
        for other, message in ((torch.zeros(0), "was torch.float32, .24, 128. when it was added"),
                               (kept.double(), "expected torch.float32 or torch.bfloat16"),
                               (kept.bfloat16(), "was torch.float32, .24, 128. when it was added"),
                               (torch.zeros(128, 24).t(), "is not row-major without gaps")):
            model[3].weight.data = other
            self.refuses(message, optimizer.step)
        freed = kept.clone()
        model[3].weight.data = freed
        freed.storage().resize_(0)
        self.refuses("parameter '3.weight' .* has no memory any more", optimizer.step)
        model[3].weight.data = kept
        optimizer.param_groups[0]["lr"] = float("nan")
        self.refuses("rates of group 0: lr is nan", optimizer.step)
        optimizer.param_groups[0]["lr"] = 1e-3
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(before, bits(model))))

        for change, message in (
                (lambda s: s.pop("nm"), "expected the entry 'nm'"),
                (lambda s: s["param_groups"].pop(), "parameter groups"),
                (lambda s: s["state"][0].pop("exp_avg"), "no tensor '0.weight.exp_avg'"),
                (lambda s: s["state"][2].update(exp_avg=torch.zeros(3)),
                 r"tensor '3.weight.exp_avg' is f32 \[3\], expected f32 \[24, 128\]"),
                (lambda s: s["nm"].update(recipe=nm.Recipe("asp").json),
                 'its recipe has method "asp", expected "sr-ste"')):
            broken = copy.deepcopy(state)
            change(broken)
            self.refuses(message, lambda: optimizer.load_state_dict(broken))
            self.assertTrue(all(torch.equal(a, b) for a, b in zip(before, bits(model))))
        optimizer.load_state_dict(state)
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(before, bits(model))))


if __name__ == "__main__":
    unittest.main()
