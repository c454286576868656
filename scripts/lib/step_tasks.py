# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tasks of the reproduction of STEP: small, of real data that a Debian package ships.

A task has a network, a loss over random batches of its training part, and a score over the others. Its
masked weights are the matrices of its hidden layers; embeddings, norms, biases and the last layer stay dense.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

LICENCES = Path("/usr/share/common-licenses")
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def licences():
    """The licences that Debian ships, one after the other."""
    files = sorted(file for file in LICENCES.glob("*") if not file.is_symlink())
    text = b"".join(file.read_bytes() for file in files)
    if len(text) < 50000:
        sys.exit(f"error: {LICENCES} holds {len(text)} bytes of text, expected Debian's licences")
    return text


def in_parts(text, size=512):
    """Blocks of a text by turns: eight of ten to train, one to validate, one to test."""
    blocks = [text[at:at + size] for at in range(0, len(text) // size * size, size)]
    return {"train": [b for i, b in enumerate(blocks) if i % 10 < 8],
            "validation": blocks[8::10], "test": blocks[9::10]}


class Digits:
    """Those of scikit-learn; a perceptron with two hidden layers of 128; batches of 64; accuracy in percent."""
    name, title, score_name, better, digits = "digits", "8x8 digits", "accuracy %", 1, 2
    patterns = ("2:4", "1:4", "1:8", "1:16")
    #: The ladder of rates, and the places on it where tuning starts: it goes on from the best one.
    rates = {"adam": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
             "momentum": (1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)}
    start = {"adam": (2, 3, 4, 5), "momentum": (2, 3, 4, 5)}
    steps, quick_steps = 1500, 60

    def __init__(self):
        from sklearn.datasets import load_digits
        digits = load_digits()
        order = np.random.default_rng(0).permutation(len(digits.target))
        x = torch.from_numpy((digits.data[order] / 16).astype(np.float32))
        y = torch.from_numpy(digits.target[order].astype(np.int64))
        first, second = len(y) * 3 // 5, len(y) * 4 // 5
        self.train = (x[:first], y[:first])
        self.splits = {"validation": (x[first:second], y[first:second]),
                       "test": (x[second:], y[second:])}

    def network(self):
        return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(),
                                   torch.nn.Linear(128, 128), torch.nn.ReLU(),
                                   torch.nn.Linear(128, 10))

    def masked(self, network):
        return [network[0].weight, network[2].weight]

    #: Multiply-adds of a step's forward pass: of the masked layers, and of the others.
    products = (64 * (64 * 128 + 128 * 128), 64 * 128 * 10)

    def loss(self, network, generator):
        x, y = self.train
        chosen = torch.randint(0, len(y), (64,), generator=generator)
        return functional.cross_entropy(network(x[chosen]), y[chosen])

    def score(self, network, split):
        x, y = self.splits[split]
        return 100 * (network(x).argmax(1) == y).double().mean().item()


class Block(torch.nn.Module):
    """A layer of a transformer, norms first."""

    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(2))
        self.qkv = torch.nn.Linear(width, 3 * width)
        self.out = torch.nn.Linear(width, width)
        self.up = torch.nn.Linear(width, inner)
        self.down = torch.nn.Linear(inner, width)

    def forward(self, x, bias):
        """x [batch, tokens, width]; bias [tokens, tokens] is added to the scores."""
        batch, tokens, width = x.shape
        head = width // self.heads
        q, k, v = self.qkv(self.norms[0](x)).view(batch, tokens, 3, self.heads, head).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) * head ** -0.5 + bias
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, width))
        return x + self.down(self.up(self.norms[1](x)).relu_())


class Transformer(torch.nn.Module):
    """Blocks between a first and a last layer, over `tokens` positions."""

    def __init__(self, first, tokens, classes, causal, width=64, heads=2, inner=256, layers=2):
        super().__init__()
        self.first = first
        self.places = torch.nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.blocks = torch.nn.ModuleList(Block(width, heads, inner) for _ in range(layers))
        self.norm = torch.nn.LayerNorm(width)
        self.last = torch.nn.Linear(width, classes)
        bias = torch.zeros(tokens, tokens)
        self.register_buffer("bias", bias.fill_(-1e9).triu(1) if causal else bias)

    def forward(self, x):
        x = self.first(x) + self.places
        for block in self.blocks:
            x = block(x, self.bias)
        return self.last(self.norm(x))

    def matrices(self):
        return [p for p in self.blocks.parameters() if p.dim() == 2]


def products(lines, tokens, first, classes, width=64, inner=256, layers=2):
    """Multiply-adds of a Transformer's forward pass: of the blocks' matrices, and of the rest."""
    rows = lines * tokens
    return (rows * layers * (4 * width * width + 2 * width * inner),
            rows * (layers * 2 * tokens * width + first * width + width * classes))


class Language:
    """The licences that Debian ships (package base-files); a transformer of two layers, width 64, over 32 bytes; batches of
    8; loss in nats a byte."""
    name, title, score_name, better, digits = "language", "byte-level language model", "loss", -1, 3
    patterns = ("2:4", "1:4", "1:8", "1:16")
    rates = {"adam": (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2),
             "momentum": (0.00625, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)}
    start = {"adam": (5, 6), "momentum": (5, 6)}
    steps, quick_steps = 600, 15
    tokens, lines = 32, 8
    classes = 128  # more than the bytes that occur
    products = products(lines, tokens, 0, classes)

    def __init__(self):
        text = licences()
        place = np.zeros(256, np.int64)
        place[sorted(set(text))] = np.arange(len(set(text)))
        self.parts = {name: torch.from_numpy(place[np.frombuffer(b"".join(blocks), np.uint8)])
                      for name, blocks in in_parts(text).items()}
        self.window = torch.arange(self.tokens + 1)

    def network(self):
        return Transformer(torch.nn.Embedding(self.classes, 64), self.tokens, self.classes, causal=True)

    def masked(self, network):
        return network.matrices()

    def batch_loss(self, network, split, starts):
        text = self.parts[split][starts[:, None] + self.window]
        return functional.cross_entropy(network(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())

    def loss(self, network, generator):
        last = len(self.parts["train"]) - self.tokens - 1
        return self.batch_loss(network, "train",
                               torch.randint(0, last, (self.lines,), generator=generator))

    def score(self, network, split):
        starts = torch.arange(0, len(self.parts[split]) - self.tokens - 1, self.tokens)
        return self.batch_loss(network, split, starts).item()


class Lines:
    """Words of those licences, drawn with DejaVu Sans (fonts-dejavu-core), moved, dimmed and noisy; a transformer
    of two layers, width 64, names the letter at every fourth column; batches of 16 lines; accuracy in percent of the
    columns that show one."""
    name, title, score_name, better, digits = "lines", "lines of rendered text", "accuracy %", 1, 2
    patterns = ("2:4", "1:4", "1:8", "1:16")
    rates = Language.rates
    start = {"adam": (3, 4), "momentum": (4, 5)}
    steps, quick_steps = 500, 15
    height, width, stride = 16, 96, 4
    tokens, lines = width // stride, 16
    letters = " abcdefghijklmnopqrstuvwxyz"
    products = products(lines, tokens, 16 * 12, 27)

    def __init__(self, counts=(2000, 300, 300)):
        self.parts = {}
        for seed, (name, count) in enumerate(zip(("train", "validation", "test"), counts)):
            text = b" ".join(in_parts(licences())[name]).decode("ascii", "replace").lower()
            words = "".join(c if c in self.letters else " " for c in text).split()
            self.parts[name] = self.drawn(words, count, np.random.default_rng(seed))

    def drawn(self, words, count, random):
        """Frames [count, tokens, features], the window of 12 columns around each fourth one, and letters
        [count, tokens]."""
        from PIL import Image, ImageDraw, ImageFont
        font = ImageFont.truetype(str(FONT), 13, layout_engine=ImageFont.Layout.BASIC)
        pictures = np.zeros((count, self.height, self.width), np.float32)
        labels = np.zeros((count, self.tokens), np.int64)
        centres = np.arange(self.tokens) * self.stride + self.stride / 2
        for i in range(count):
            at = int(random.integers(len(words)))
            line, left = "", int(random.integers(6))
            while left + font.getlength(f"{line} {words[at]}") < self.width and at + 1 < len(words):
                line, at = f"{line} {words[at]}".strip(), at + 1
            image = Image.new("L", (self.width, self.height))
            ImageDraw.Draw(image).text((left, int(random.integers(-1, 2))), line, fill=255, font=font)
            pictures[i] = np.asarray(image, np.float32) / 255 * random.uniform(0.5, 1)
            ends = [left + font.getlength(line[:n]) for n in range(len(line) + 1)]
            for n, letter in enumerate(line):
                labels[i, (centres >= ends[n]) & (centres < ends[n + 1])] = self.letters.index(letter)
        pictures += random.normal(0, 0.12, pictures.shape).astype(np.float32)
        padded = np.pad(pictures, ((0, 0), (0, 0), (4, 4)))
        frames = np.stack([padded[:, :, at:at + 12] for at in range(0, self.width, self.stride)], 1)
        return torch.from_numpy(frames.reshape(count, self.tokens, -1)), torch.from_numpy(labels)

    def network(self):
        return Transformer(torch.nn.Linear(self.height * 12, 64), self.tokens, len(self.letters),
                           causal=False)

    def masked(self, network):
        return network.matrices()

    def loss(self, network, generator):
        frames, letters = self.parts["train"]
        chosen = torch.randint(0, len(frames), (self.lines,), generator=generator)
        return functional.cross_entropy(network(frames[chosen]).flatten(0, 1), letters[chosen].flatten())

    def score(self, network, split):
        frames, letters = self.parts[split]
        shown = letters > 0
        return 100 * (network(frames).argmax(2) == letters)[shown].double().mean().item()


TASKS = (Digits, Language, Lines)
