#!/usr/bin/python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes one N:M sparse BERT encoder layer: checkpoint, model, input and expected output.

Writes into --output-dir:

  model.safetensors  Hugging Face BERT names; the six weight matrices are N:M along the input features
  encoder.mlir       the layer in linalg on tensors, as torch-mlir exports it
  input.npy          f32 [batch, seq, hidden]
  expected.npy       the layer computed by NumPy in float64, stored as f32
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import checkpoint
import exporter
import reference

PRESETS = {
    "bert-base": {"hidden": 768, "heads": 12, "ffn": 3072, "seq": 128, "batch": 1},
    "tiny": {"hidden": 64, "heads": 4, "ffn": 256, "seq": 20, "batch": 1},
}

# Generated models that are kept under version control: file name and preset.
COMMITTED = {"encoder.mlir": "bert-base", "encoder-tiny.mlir": "tiny"}


@dataclass(frozen=True)
class Config:
    hidden: int
    heads: int
    ffn: int
    seq: int
    batch: int
    pattern: tuple

    def validate(self):
        n, m = self.pattern
        for name in ("hidden", "ffn"):
            size = getattr(self, name)
            if size % m:
                raise ValueError(f"--{name} {size} is not a multiple of {m}, the group of {n}:{m}; "
                                 f"{round_up(size, m)} is")
        if self.hidden % self.heads:
            raise ValueError(f"--hidden {self.hidden} is not a multiple of --heads {self.heads}")


def round_up(value, multiple):
    return -(-value // multiple) * multiple


def make_config(preset, pattern, **given):
    """The preset with what was given. Sizes that were not follow so that M divides them."""
    sizes = {**PRESETS[preset], **{k: v for k, v in given.items() if v is not None}}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"--{name} is {size}, expected at least 1")
    ratio = PRESETS[preset]["ffn"] // PRESETS[preset]["hidden"]
    if given.get("hidden") is None:
        sizes["hidden"] = round_up(sizes["hidden"], math.lcm(sizes["heads"], pattern[1]))
    if given.get("ffn") is None:
        sizes["ffn"] = ratio * sizes["hidden"]
    config = Config(pattern=pattern, **sizes)
    config.validate()
    return config


def make_parameters(config, rng, underfull):
    """Dense float32 parameters, and a mask for each weight matrix."""
    params, masks = {}, {}
    for layer, sizes in reference.LINEARS.items():
        outputs, inputs = (getattr(config, size) for size in sizes)
        # 0.04 at 768 inputs, as in a trained BERT: attention logits are then of order one.
        weight = rng.standard_normal((outputs, inputs)) * (1.1 / math.sqrt(inputs))
        params[layer + ".weight"] = weight.astype(np.float32)
        params[layer + ".bias"] = rng.normal(0, 0.1, outputs).astype(np.float32)
    for layer in reference.LAYER_NORMS:
        params[layer + ".weight"] = rng.normal(0.9, 0.1, config.hidden).astype(np.float32)
        params[layer + ".bias"] = rng.normal(0, 0.05, config.hidden).astype(np.float32)
    for layer in reference.LINEARS:
        key = layer + ".weight"
        masks[key] = checkpoint.nm_mask(params[key], *config.pattern, rng, underfull)
    return params, masks


def generate(config, directory, *, mask_form, seed, dtype, underfull, export_options):
    rng = np.random.default_rng(seed)
    params, masks = make_parameters(config, rng, underfull)
    x = rng.standard_normal((config.batch, config.seq, config.hidden)).astype(np.float32)

    tensors, effective = {}, {}
    for name in reference.parameter_names():
        value, key = params[name], reference.PREFIX + name
        if name in masks:
            tensors.update(checkpoint.store(key, value, masks[name], mask_form, config.pattern, dtype))
            stored = checkpoint.encode(value, dtype).astype(np.float64)
            effective[name] = np.where(masks[name], stored, 0.0)
        else:
            tensors[key] = value
            effective[name] = value.astype(np.float64)

    directory.mkdir(parents=True, exist_ok=True)
    metadata = {"format": "pt", "num_attention_heads": str(config.heads)}
    checkpoint.write_safetensors(directory / "model.safetensors", tensors, metadata)
    np.save(directory / "input.npy", x)
    expected = reference.encoder(x.astype(np.float64), effective, config.heads)
    np.save(directory / "expected.npy", expected.astype(np.float32))
    (directory / "encoder.mlir").write_text(exporter.export(config, dtype=dtype, **export_options))


def committed_models():
    """(path, text) of every generated model that is committed."""
    here = Path(__file__).resolve().parent
    for name, preset in COMMITTED.items():
        yield here / name, exporter.export(make_config(preset, (2, 4)))


def check_committed(update):
    """Writes the committed models, or says which ones no longer match."""
    stale = []
    for path, text in committed_models():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.name)
        if update:
            path.write_text(text)
    if stale and not update:
        print(f"error: {', '.join(stale)} differ from what exporter.py writes; run\n"
              "  examples/encoder-layer/encoder.py --update", file=sys.stderr)
        return 1
    return 0


def parse_pattern(text):
    try:
        n, m = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a pattern such as 2:4") from None
    if not 1 <= n <= m <= 64:
        raise argparse.ArgumentTypeError(f"'{text}' is not N:M with 1 <= N <= M <= 64")
    return n, m


def parse_dynamic(text):
    dims = [part for part in text.split(",") if part]
    if not set(dims) <= {"batch", "seq"}:
        raise argparse.ArgumentTypeError(f"'{text}' is not batch, seq, or both")
    return tuple(dims)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-o", "--output-dir", type=Path, default=Path("build/examples/encoder-layer"))
    add("--preset", choices=PRESETS, default="bert-base",
        help="sizes to start from; hidden and ffn are rounded up until M divides them")
    for name in PRESETS["bert-base"]:
        add(f"--{name}", type=int, help=f"overrides the preset's {name}")
    add("--pattern", type=parse_pattern, default=(2, 4), metavar="N:M", help="default 2:4")
    add("--mask", choices=checkpoint.MASK_FORMS, default="derived",
        help="how the checkpoint says what is pruned (default derived)")
    add("--underfull", type=float, default=0.0, metavar="FRACTION",
        help="fraction of the groups that hold one non-zero less than N")
    add("--seed", type=int, default=0)
    add("--dtype", choices=("f32", "f16", "bf16"), default="f32",
        help="storage of the six weight matrices")
    add("--linear", choices=exporter.LINEAR_FORMS, default="matmul",
        help="how the model spells a linear layer")
    add("--row-max", choices=("indexed", "plain"), default="indexed",
        help="whether the maximum of softmax yields its index as well, as in torch-mlir")
    add("--dynamic", type=parse_dynamic, default=(), metavar="DIMS",
        help="batch, seq or batch,seq: sizes that are '?' in the model")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true",
                       help="generate nothing; fail if a committed model is out of date")
    group.add_argument("--update", action="store_true", help="rewrite the committed models")
    return parser.parse_args()


def main():
    args = parse_arguments()
    if args.check or args.update:
        return check_committed(args.update)
    try:
        given = {name: getattr(args, name) for name in PRESETS["bert-base"]}
        config = make_config(args.preset, args.pattern, **given)
        options = {"linear": args.linear, "row_max": args.row_max, "dynamic": args.dynamic}
        generate(config, args.output_dir, mask_form=args.mask, seed=args.seed, dtype=args.dtype,
                 underfull=args.underfull, export_options=options)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    n, m = config.pattern
    print(f"{args.output_dir}: {n}:{m} {args.mask} {args.dtype}, hidden {config.hidden}, "
          f"heads {config.heads}, ffn {config.ffn}, seq {config.seq}, batch {config.batch}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
