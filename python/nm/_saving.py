# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints of torch models that a recipe trains, on one process or gathered from several."""

from __future__ import annotations

import math
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Sequence

import torch

from nm import _runtime
from nm import flat as _flat
from nm._types import PathLike
from nm.checkpoint import describe_mask, describe_training, pack_mask, write_checkpoint

_ELEMENTS = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16", torch.float64: "f64",
             torch.int64: "i64", torch.int32: "i32", torch.int16: "i16", torch.int8: "i8",
             torch.uint8: "u8", torch.bool: "bool"}


class Owner:
    """The optimizer that trains a parameter, kept on the parameter: as long as the model is there, so
    is what its masks are. Copies and pickles of a model have none."""

    def __init__(self, optimizer: Any, index: int) -> None:
        self.optimizer, self.index = optimizer, index

    def __reduce__(self) -> tuple[Any, ...]:
        return _no_owner, ()


def _no_owner() -> None:
    return None


class _Learned(NamedTuple):
    """What an optimizer knows of a tensor or of a range of one. The elements follow in messages of
    their own, the weights and, where there is an `entry`, a byte for each element of the mask."""
    key: str
    shape: tuple[int, ...]  # of the whole tensor
    first: int  # element of it
    count: int  # type: ignore[assignment]
    dtype: torch.dtype
    entry: dict[str, Any] | None  # as in "nm.checkpoint", None where nothing is masked


def save_checkpoint(model: Any, path: PathLike, *, optimizer: Any = None, dense: bool = False) -> None:
    """Writes a model as safetensors with masks, patterns and recipe, all of it or nothing.

    model: a module, or a dict of tensors by name as a state_dict. Weights are the effective ones, so
    that every reader sees them sparse; `dense` writes the trained ones, of which the masks hide some.

    optimizer: the one that trains; without it, it is found by the parameters. With `sharded` it is
    needed, every rank calls, and the first rank of its group gathers the parts, a tensor at a time, and
    writes. ZeroRedundancyOptimizer is taken for the optimizer in it. Pieces of flat parameters are saved
    under their own names, whether `model`, which may be {}, has them or not.
    """
    optimizer = getattr(optimizer, "optim", optimizer)
    state = model if isinstance(model, dict) else model.state_dict(keep_vars=True)
    plain, aliases = _without_aliases(state)
    owners = {}
    for key in plain:
        owner = getattr(state[key], "_nm_owner", None)
        if owner is not None:
            owners[key] = owner
    optimizer = _only_one({id(o.optimizer): o.optimizer for o in owners.values()}, optimizer)
    learned = [(_whole(key, owner), owner.index) for key, owner in owners.items()]
    learned += [(_piece(optimizer, index, slot.part), index) for index, slot in enumerate(optimizer._slots)
                if not slot.whole]
    if not optimizer.sharded:
        _write(path, plain, aliases, optimizer, _own_parts(optimizer, learned, dense))
        return
    _on_first_rank(optimizer, lambda parts: _write(path, plain, aliases, optimizer, parts), learned, dense)


def _without_aliases(state: dict[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors by name, and for names of a tensor that another name has already, that name."""
    plain: dict[str, torch.Tensor] = {}
    kept: dict[Any, str] = {}
    aliases: dict[str, str] = {}
    for key, value in state.items():
        tensor = value.detach().cpu().contiguous()
        place = (tensor.data_ptr(), tensor.shape, tensor.dtype)
        if tensor.numel() and value.is_contiguous() and place in kept:
            aliases[key] = kept[place]
            continue
        kept[place] = key
        plain[key] = tensor
    return plain, aliases


def _only_one(found: dict[int, Any], given: Any) -> Any:
    if given is not None:
        if any(optimizer is not given for optimizer in found.values()):
            raise _runtime.Error("the model is trained by another optimizer than the one that is given")
        return given
    if not found:
        raise _runtime.Error("no parameter of the model is trained by a recipe, so that there is no "
                             "pattern to save; any writer of safetensors saves the weights")
    if len(found) > 1:
        raise _runtime.Error(f"the model is trained by {len(found)} optimizers, expected one")
    (optimizer,) = found.values()
    if optimizer.sharded:
        raise _runtime.Error("the model's parameters are on several ranks; every rank names its own "
                             "optimizer: save_checkpoint(model, path, optimizer=...)")
    return optimizer


def _whole(key: str, owner: Owner) -> _Learned:
    slot = owner.optimizer._slots[owner.index]
    info = owner.optimizer._training.info(owner.index)
    return _Learned(key, tuple(slot.part.shape), 0, slot.part.count, slot.tensor.dtype,
                    describe_mask(info, key + "_mask") if info.masked else None)


def _piece(optimizer: Any, index: int, part: _flat.Part) -> _Learned:
    info = optimizer._training.info(index)
    shape, first, axis = part.place or (tuple(part.shape), 0, None)
    return _Learned(part.name, shape, first, part.count, optimizer._slots[index].tensor.dtype,
                    describe_mask(info, part.name + "_mask", axis) if info.masked else None)


def _elements(optimizer: Any, entry: _Learned, index: int, dense: bool) -> tuple[torch.Tensor,
              torch.Tensor | None]:
    """Weights and mask of a parameter of the optimizer, flat; the mask None where there is none."""
    name = optimizer._slots[index].part.name
    if entry.entry is None:
        slot = optimizer._slots[index]
        first = slot.part.first
        return slot.tensor.detach().reshape(-1)[first:first + slot.part.count], None
    weights = optimizer.weights(name).to(entry.dtype) if dense else optimizer.effective(name)
    return weights.reshape(-1), optimizer.mask(name).reshape(-1)


def _own_parts(optimizer: Any, learned: Sequence[tuple[_Learned, int]], dense: bool) -> Iterator[Any]:
    for entry, index in learned:
        yield entry, *_elements(optimizer, entry, index, dense)


def _on_first_rank(optimizer: Any, write: Callable[[Iterator[Any]], None],
                   learned: Sequence[tuple[_Learned, int]], dense: bool) -> None:
    """Calls `write` with the parts of all ranks on the first one. An error there is one everywhere."""
    distributed, group = torch.distributed, optimizer._ranks
    ranks, rank = distributed.get_world_size(group), distributed.get_rank(group)
    described: list[Any] = [None] * ranks
    distributed.all_gather_object(described, [entry for entry, _ in learned], group=group)

    def peer(number: int) -> int:
        return number if group is None else int(distributed.get_global_rank(group, number))

    def gathered() -> Iterator[Any]:
        yield from _own_parts(optimizer, learned, dense)
        for other in range(1, ranks):
            for entry in described[other]:
                weights = torch.empty(entry.count, dtype=entry.dtype)
                distributed.recv(weights.view(torch.uint8), peer(other), group=group)
                mask = None
                if entry.entry is not None:
                    mask = torch.empty(entry.count, dtype=torch.bool)
                    distributed.recv(mask.view(torch.uint8), peer(other), group=group)
                yield entry, weights, mask

    outcome: list[str | None] = [None]
    if rank == 0:
        parts = gathered()
        try:
            write(parts)
        except Exception as error:  # the others wait for their messages to be taken
            outcome = [str(error)]
            for _ in parts:
                pass
    else:
        for _, weights, mask in _own_parts(optimizer, learned, dense):
            distributed.send(weights.contiguous().view(torch.uint8), peer(0), group=group)
            if mask is not None:
                distributed.send(mask.view(torch.uint8), peer(0), group=group)
    distributed.broadcast_object_list(outcome, peer(0), group=group)
    if outcome[0] is not None:
        raise _runtime.Error(outcome[0])


def _write(path: PathLike, plain: dict[str, torch.Tensor], aliases: dict[str, str], optimizer: Any,
           parts: Iterable[Any]) -> None:
    """Writes the tensors of `plain` with what the optimizer knows of them in their place."""
    tensors, masks, patterns, filled = dict(plain), {}, {}, {}
    for entry, weights, mask in parts:
        if entry.key not in filled:
            if entry.key in plain and tuple(plain[entry.key].shape) != entry.shape:
                raise _runtime.Error(f"'{entry.key}' is {tuple(plain[entry.key].shape)} in the model and "
                                     f"{entry.shape} in the optimizer")
            tensors[entry.key] = torch.empty(entry.shape, dtype=entry.dtype)
            filled[entry.key] = 0
        last = entry.first + entry.count
        tensors[entry.key].view(-1)[entry.first:last] = weights
        filled[entry.key] += entry.count
        if mask is not None:
            patterns[entry.key] = entry.entry
            if entry.key not in masks:
                masks[entry.key] = torch.empty(entry.shape, dtype=torch.bool)
            masks[entry.key].view(-1)[entry.first:last] = mask
    for key, count in filled.items():
        if count != tensors[key].numel():
            raise _runtime.Error(f"the ranks hold {count} elements of '{key}' {tuple(tensors[key].shape)}, "
                                 f"expected {tensors[key].numel()}")
    written = []
    for key, tensor in tensors.items():
        if key in masks:
            written.append((key + "_mask", "u8", pack_mask(masks[key].numpy())))
        written.append((key, *_as_array(key, tensor)))
    write_checkpoint(path, written, describe_training(optimizer._training, patterns),
                     {"format": "pt", **aliases})


def _as_array(key: str, tensor: torch.Tensor) -> tuple[str, Any]:
    """Name of the element type and the bytes as an array."""
    if tensor.dtype not in _ELEMENTS:
        raise _runtime.Error(f"'{key}' has element type {tensor.dtype}, which safetensors lacks")
    if tensor.dtype == torch.bfloat16:
        return "bf16", tensor.view(torch.int16).numpy()
    return _ELEMENTS[tensor.dtype], tensor.numpy()
