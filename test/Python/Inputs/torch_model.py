# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StepAdam(model=...): the same training without a second copy of the weights."""

import copy
import gc
import io
import sys
import tempfile

import torch

import nm.torch


class Net(torch.nn.Module):
    """Modules that read weights in different ways: a convolution, attention (which reads the weight of
    a module of its own), one weight that two modules share."""

    def __init__(self):
        super().__init__()
        self.mix = torch.nn.Conv1d(8, 16, 3, padding=1)
        self.attention = torch.nn.MultiheadAttention(16, 2, batch_first=True)
        self.up = torch.nn.Linear(16, 16, bias=False)
        self.head = torch.nn.Linear(16, 16)
        self.head.weight = self.up.weight

    def forward(self, x):
        y = torch.relu(self.mix(x)).transpose(1, 2)
        y = y + self.attention(y, y, y, need_weights=False)[0]
        return self.head(torch.tanh(self.up(y)))


def make(dtype, recipe, whole):
    torch.manual_seed(3)
    model = Net().to(dtype)
    optimizer = nm.torch.StepAdam(model.named_parameters(), lr=0.01, pattern="2:4", recipe=recipe,
                                  model=None if whole else model)
    return model, optimizer


def train(model, optimizer, steps, dtype):
    generator = torch.Generator().manual_seed(4)
    for _ in range(steps):
        x = torch.randn(4, 8, 6, generator=generator).to(dtype)
        optimizer.zero_grad()
        model(x).float().pow(2).mean().backward()
        optimizer.step()


def check_same(recipe, dtype):
    """Bit by bit what the other way gives."""
    ours, our_optimizer = make(dtype, recipe, False)
    theirs, their_optimizer = make(dtype, recipe, True)
    for _ in range(3):
        train(ours, our_optimizer, 4, dtype)
        train(theirs, their_optimizer, 4, dtype)
        for name, parameter in theirs.named_parameters():
            assert torch.equal(our_optimizer.effective(name), parameter), (recipe, dtype, name)
            assert torch.equal(our_optimizer.weights(name), their_optimizer.weights(name))
            assert torch.equal(our_optimizer.mask(name), their_optimizer.mask(name))
        assert torch.equal(ours.up.weight.detach(), theirs.up.weight.detach())
        assert list(ours.state_dict()) == list(theirs.state_dict())
    # A copy has no optimizer: it holds what the original computes with.
    x = torch.randn(2, 8, 6).to(dtype)
    copied = copy.deepcopy(ours)
    assert type(copied) is Net and type(ours) is not Net
    file = io.BytesIO()
    torch.save(ours, file)
    file.seek(0)
    for other in (copied, torch.load(file)):
        assert torch.equal(other(x), ours(x)) and torch.equal(other(x), theirs(x))
        assert torch.equal(other.up.weight, theirs.up.weight)
        assert other.up.weight is other.head.weight
    # State goes from one optimizer to another.
    fresh, fresh_optimizer = make(dtype, recipe, False)
    fresh.load_state_dict(ours.state_dict())
    fresh_optimizer.load_state_dict(our_optimizer.state_dict())
    train(ours, our_optimizer, 2, dtype)
    train(fresh, fresh_optimizer, 2, dtype)
    for name, _ in ours.named_parameters():
        assert torch.equal(our_optimizer.weights(name), fresh_optimizer.weights(name)), name


def check_bytes():
    """Beside weights, gradients and moments there are the masks, one bit an element; and between passes
    no effective weight is in memory, in a backward pass one."""
    torch.manual_seed(5)
    model = torch.nn.Sequential(*[torch.nn.Linear(256, 256, bias=False) for _ in range(8)])
    optimizer = nm.torch.StepAdam(model.named_parameters(), pattern="2:4", recipe="sr-ste", model=model)
    elements = sum(p.numel() for p in model.parameters())
    alive = []
    for layer in model:
        layer.register_forward_hook(lambda *_: alive.append(optimizer._reader.alive()))
        layer.register_full_backward_hook(lambda *_: alive.append(optimizer._reader.alive()))
    loss = model(torch.randn(4, 256)).pow(2).mean()
    assert optimizer._reader.alive() == 0
    loss.backward()
    optimizer.step()
    assert max(alive) <= 1, alive
    gc.collect()
    state = {}
    for name, _, shape, _ in optimizer._training.state():
        part = name.rsplit(".", 1)[1]
        size = 1 if part == "mask" else 4
        state[part] = state.get(part, 0) + size * torch.Size(shape).numel()
    assert set(state) == {"exp_avg", "exp_avg_sq", "mask"}, state
    whole = sum(4 * p.numel() + 4 * p.grad.numel() for p in model.parameters())
    whole += state["exp_avg"] + state["exp_avg_sq"]
    assert whole == 16 * elements
    assert state["mask"] == elements // 8 and state["mask"] < 0.01 * whole, (state, whole)


def check_refusals():
    def expect(text, make_error):
        try:
            make_error()
        except (nm.Error, RuntimeError) as error:  # autograd makes a RuntimeError of what it meets
            assert text in str(error), error
            return
        raise AssertionError(text)

    model, optimizer = make(torch.float32, "sr-ste", False)
    loss = model(torch.randn(2, 8, 6)).pow(2).mean()
    optimizer.step()  # no gradients: a step all the same
    expect("changed by a step or written to since the forward pass", loss.backward)
    stranger = torch.nn.Linear(8, 8)
    expect("1 of the optimizer's parameters are of no module of `model`, parameter 'weight' first",
           lambda: nm.torch.StepAdam(stranger.named_parameters(), pattern="2:4", recipe="sr-ste",
                                     model=torch.nn.Linear(4, 4)))
    model.half()
    expect("expected torch.float32 or torch.bfloat16", lambda: model(torch.randn(2, 8, 6).half()))
    model.bfloat16()
    expect("was torch.float32, (16, 8, 3) when it was added", lambda: model.mix.weight)
    # A parameter that is put in the place of another is the program's own.
    model, _ = make(torch.float32, "sr-ste", False)
    model.up.weight = torch.nn.Parameter(torch.ones(16, 16))
    assert model.up.weight is model.up._parameters["weight"]


def check_checkpoint():
    model, optimizer = make(torch.float32, "sr-ste", False)
    other, _ = make(torch.float32, "sr-ste", True)
    with tempfile.TemporaryDirectory() as folder:
        nm.save_checkpoint(model, folder + "/a.safetensors")
        nm.save_checkpoint(other, folder + "/b.safetensors")
        texts = [open(folder + name, "rb").read() for name in ("/a.safetensors", "/b.safetensors")]
    assert texts[0] == texts[1]
    assert optimizer.info("mix.weight").masked


def main():
    for dtype in (torch.float32, torch.bfloat16):
        for recipe in ({"method": "step", "switch": {"at": 5}, "lambda": 1e-3},
                       {"method": "sr-ste"}, {"method": "asp", "dense_steps": 3}, {"method": "s-ste"},
                       {"method": "mask-decay", "decay": {"rate": 0.2}}):
            check_same(recipe, dtype)
    check_bytes()
    check_refusals()
    check_checkpoint()
    print("no second copy")


if __name__ == "__main__":
    sys.exit(main())
