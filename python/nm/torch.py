# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The recipes as torch optimizers.

    optimizer = nm.torch.StepAdam(model.named_parameters(), pattern="2:4",
                                  recipe={"method": "step", "steps": 10000})

From then on the parameters hold the effective weights: the model is not changed, its forward passes
are masked when the recipe says so, and gradients are taken there. Runs on the CPU, f32 and bf16.
"""

from __future__ import annotations

import ctypes
import json
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np
import torch
from torch.optim.optimizer import Optimizer as _TorchOptimizer

from nm import _effective, _runtime
from nm import flat as _flat
from nm._saving import Owner
from nm._saving import save_checkpoint as save_checkpoint  # a name of this module
from nm._training import Training
from nm.recipe import Recipe

if TYPE_CHECKING:
    from nm.torch_export import CompiledModule

shard = _flat.shard


def compile(module: torch.nn.Module, example_inputs: Any, prune: Any = None,
            **options: Any) -> CompiledModule:
    """A compiled module in place of a torch module: see nm.torch_export.compile."""
    from nm.torch_export import compile as compile_module
    return compile_module(module, example_inputs, prune=prune, **options)


_DTYPES = {torch.float32: _runtime.F32, torch.bfloat16: _runtime.BF16}


class _Slot(NamedTuple):
    """A parameter of the library: a tensor of the program's, or a piece of a flat one."""
    tensor: torch.Tensor
    number: int  # of the tensor
    part: _flat.Part
    whole: bool

    def address(self, tensor: torch.Tensor) -> int | None:
        """Of this slot's elements in a tensor laid out like its own."""
        first = self.part.first * tensor.element_size()
        return tensor.data_ptr() + first if self.part.count else None


def _describe(name: str, tensor: torch.Tensor) -> str:
    return f"parameter '{name}' ({tensor.dtype}, {tuple(tensor.shape)}, {tensor.device})"


def _check(name: str, tensor: torch.Tensor, what: str = "") -> None:
    if tensor.device.type != "cpu":
        problem = " is not on the CPU, where this optimizer runs"
    elif tensor.dtype not in _DTYPES:
        problem = ": expected torch.float32 or torch.bfloat16"
    elif tensor.layout != torch.strided:
        problem = " is sparse, expected a dense layout"
    elif not _has_memory(tensor):
        problem = " has no memory any more: its storage was freed or made smaller"
    else:
        return
    raise _runtime.Error(what + _describe(name, tensor) + problem)


def _has_memory(tensor: torch.Tensor) -> bool:
    """Whether all elements are within the storage, which a program may free or shrink."""
    if not tensor.numel():
        return True
    last = tensor.storage_offset() + sum(
        (size - 1) * stride for size, stride in zip(tensor.size(), tensor.stride()))
    return bool((last + 1) * tensor.element_size() <= tensor.storage().nbytes())


class RecipeOptimizer(_TorchOptimizer):
    """Any recipe over any parameters.

    params: tensors, (name, tensor) pairs as of named_parameters(), or groups of them as torch has
    them. A group may hold "pattern" and "axis" beside its rates. Without names the parameters are
    param.0, param.1, ... in order. pattern: "N:M" for parameters of rank two and more, along `axis`
    (1 is the input axis of linear and convolution layers), where the recipe has no patterns and the
    group none of its own. recipe: nm.Recipe, its fields as a dict, or a method's name. trace: a CSV
    file, or a callable that gets each step's report.

    A group may hold one flat parameter: a vector of several tensors, `"pieces": [(name, shape), ...]`
    from its element `"offset"` on (default 0). sharded: the ranks of torch.distributed (True: all; or a
    process group) each hold a part of the parameters; what AutoSwitch and skip_nonfinite look at is
    that of all of them. Every rank takes every step then.

    model: parameters stay the trained weights, and the modules of `model` read the effective ones, which
    are computed where a forward or backward pass needs them. Nothing but the mask is kept beside weights
    and moments then; without it, an f32 copy of the masked tensors.
    """

    #: Fields of the recipe's optimizer that are rates of a group, and other names of them.
    _rates = ("lr", "weight_decay")

    def __init__(self, params: Any, recipe: Any, *, pattern: str | None = None, axis: int = 1,
                 trace: Any = None, sharded: Any = None, model: Any = None, **rates: Any) -> None:
        self.recipe = Recipe.of(recipe)
        if pattern is not None and self.recipe.given.get("patterns"):
            raise _runtime.Error("both `pattern` and the recipe's patterns are given")
        self._training = Training(self.recipe, trace)
        self._tensors: list[torch.Tensor] = []
        self._kinds: list[tuple[torch.dtype, Any]] = []
        self._versions: list[tuple[int, int]] = []
        self._slots: list[_Slot] = []
        self._model = model is not None
        self._ranks = None if sharded is True else sharded or None
        #: Whether the ranks hold a part of the parameters each.
        self.sharded = self._unchecked = bool(sharded)
        if sharded:
            self._training.set_combine(self._gather)
        own = self.recipe["optimizer"]
        defaults = {name: own[name] for name in ("lr", "weight_decay", "betas", "eps", "momentum",
                                                 "dampening") if name in own}
        if "betas" in defaults:
            defaults["betas"] = tuple(defaults["betas"])
        defaults.update(rates, pattern=pattern, axis=axis)
        self._names: dict[int, str] = {}
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        super().__init__([self._take_names(group) for group in groups], defaults)
        if self._model:
            indices = {id(slot.tensor): index for index, slot in enumerate(self._slots)
                       if self._training.info(index).m}
            self._reader = _effective.attach(model, self, indices)

    def _take_names(self, group: dict[str, Any]) -> dict[str, Any]:
        """The group with plain tensors; their names are noted."""
        group = dict(group)
        given = group["params"]
        if isinstance(given, torch.Tensor):
            given = [given]
        plain = []
        for item in given:
            name = None
            if isinstance(item, tuple):
                name, item = item
            if name is not None:
                self._names[id(item)] = name
            plain.append(item)
        group["params"] = plain
        return group

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's; a group of named parameters, or with "pieces", as in the constructor."""
        super().add_param_group(self._take_names(param_group))
        group = self.param_groups[-1]
        try:
            slots: list[_Slot] = []
            for tensor in group["params"]:
                slots += self._slots_of(tensor, group, len(self._slots) + len(slots))
            self._training.add([(slot.part.name, _DTYPES[slot.tensor.dtype], slot.part.shape,
                                 slot.address(slot.tensor), len(self.param_groups) - 1,
                                 slot.part.pattern, slot.part.axis, self._model)
                                for slot in slots])
        except Exception:
            self.param_groups.pop()
            raise
        for slot in slots:
            if slot.whole:
                slot.tensor._nm_owner = Owner(self, len(self._slots))
            self._slots.append(slot)
        for tensor in group["params"]:
            self._tensors.append(tensor)
            self._kinds.append((tensor.dtype, tensor.shape))
            self._versions.append(self._mark(tensor))

    def _slots_of(self, tensor: torch.Tensor, group: dict[str, Any], index: int) -> list[_Slot]:
        """The parameters of the library that a tensor of a group makes, the first being `index`."""
        name = self._names.pop(id(tensor), f"param.{index}")
        _check(name, tensor)
        if not tensor.is_contiguous():
            raise _runtime.Error(f"{_describe(name, tensor)} is not row-major without gaps")
        number = len(self._tensors) + next(i for i, t in enumerate(group["params"]) if t is tensor)
        pattern, axis = group["pattern"], group["axis"]
        if "pieces" not in group:
            if pattern is not None and tensor.dim() < 2:
                pattern = "dense"
            part = _flat.Part(name, tuple(tensor.shape), 0, pattern, axis)
            return [_Slot(tensor, number, part, True)]
        if len(group["params"]) != 1 or tensor.dim() != 1:
            raise _runtime.Error(f"{_describe(name, tensor)}: a group with \"pieces\" has "
                                 f"{len(group['params'])} parameters, expected one vector")
        parts = _flat.parts_of(self._training, group["pieces"], group.get("offset", 0),
                               tensor.numel(), pattern, axis)
        return [_Slot(tensor, number, part, False) for part in parts]

    def _gather(self, totals: Any) -> list[bytes]:
        """The totals of all ranks, in their order."""
        own = torch.frombuffer(bytearray(totals), dtype=torch.uint8)
        ranks = torch.distributed.get_world_size(self._ranks)
        parts = [torch.empty_like(own) for _ in range(ranks)]
        torch.distributed.all_gather(parts, own, group=self._ranks)
        return [part.numpy().tobytes() for part in parts]

    def _check_patterns(self) -> None:
        """Every pattern of the recipe names a parameter of some rank."""
        self._unchecked = False
        rules = self.recipe["patterns"] if self.recipe.given.get("patterns") else []
        used = torch.tensor([self._training.pattern_used(i) for i in range(len(rules))] + [True],
                            dtype=torch.uint8)
        for slot in self._slots:
            if not slot.whole:  # a part of a piece has its pattern from here
                index = self._training.pattern_of(slot.part.name, None, 0).index
                if index >= 0:
                    used[index] = 1
        torch.distributed.all_reduce(used, torch.distributed.ReduceOp.MAX, group=self._ranks)
        for rule, named in zip(rules, used.tolist()):
            if not named:
                raise _runtime.Error(f"a pattern of the recipe (tensors '{rule['tensors']}') names no "
                                     "parameter of any rank")

    @staticmethod
    def _mark(tensor: torch.Tensor) -> tuple[int, int]:
        """Tells autograd that the tensor changed, as an in-place operation would."""
        with torch.no_grad():
            tensor.view(-1)[:0].zero_()
        return tensor._version, tensor.data_ptr()

    def _group_rates(self, group: dict[str, Any]) -> _runtime.Rates:
        rates = self._training.default_rates()
        for name in ("lr", "eps", "weight_decay", "momentum", "dampening"):
            if name in group:
                setattr(rates, name, group[name])
        if "betas" in group:
            rates.beta1, rates.beta2 = group["betas"]
        return rates

    def _take_writes(self) -> None:
        """What others have written into parameters since the last step becomes their weights."""
        for number in range(len(self._tensors)):
            self._take_write(number)

    def _take_write(self, number: int) -> None:
        tensor, seen = self._tensors[number], self._versions[number]
        now = (tensor._version, tensor.data_ptr())
        if now == seen:
            return
        self._check_kind(number)
        # If it only moved, it holds the same there.
        moved = now[0] == seen[0]
        for index, slot in enumerate(self._slots):
            if slot.number == number and not (moved and self._holds_the_same(index)):
                self._training.reset(index, slot.address(tensor))
        self._versions[number] = self._mark(tensor)

    def _holds_the_same(self, index: int) -> bool:
        slot = self._slots[index]
        if self._model and slot.tensor.dtype == torch.float32:
            return False  # it holds the weights themselves, wherever it lies
        expected = torch.empty(slot.part.count, dtype=slot.tensor.dtype)
        if self._model:
            expected = self.weights(slot.part.name).view(-1).to(slot.tensor.dtype)
        else:
            self._training.read("effective", index, expected.data_ptr())
        first = slot.part.first
        return bool(torch.equal(expected, slot.tensor.view(-1)[first:first + slot.part.count]))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step from the parameters' .grad; those without one stay. Returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            if self._unchecked:
                self._check_patterns()
            given = [self._gradient_of(tensor, number)
                     for number, tensor in enumerate(self._tensors)]
            gradients = []
            for slot in self._slots:
                gradient = given[slot.number]
                gradients.append((None, 0, slot.address(slot.tensor)) if gradient is None else
                                 (slot.address(gradient), _DTYPES[gradient.dtype],
                                  slot.address(slot.tensor)))
            self._take_writes()
            self._training.step(gradients, [self._group_rates(g) for g in self.param_groups])
            self._versions = [self._mark(tensor) for tensor in self._tensors]
        return loss

    def _check_kind(self, number: int) -> str:
        """A tensor is what it was when it was added, and lies as it did. Returns its name."""
        tensor, (dtype, shape) = self._tensors[number], self._kinds[number]
        name = next((s.part.name for s in self._slots if s.number == number), f"param.{number}")
        _check(name, tensor)
        if (tensor.dtype, tensor.shape) != (dtype, shape):
            raise _runtime.Error(f"{_describe(name, tensor)} was {dtype}, {tuple(shape)} when it was "
                                 "added; make the optimizer after models are converted")
        if not tensor.is_contiguous():
            raise _runtime.Error(f"{_describe(name, tensor)} is not row-major without gaps")
        return name

    def _gradient_of(self, tensor: torch.Tensor, number: int) -> torch.Tensor | None:
        """The gradient of a tensor, row-major; None if it has none."""
        name = self._check_kind(number)
        gradient = tensor.grad
        if gradient is None:
            return None
        _check(name, gradient, "the gradient of ")
        if gradient.shape != tensor.shape:
            raise _runtime.Error(f"the gradient of {_describe(name, tensor)} has shape "
                                 f"{tuple(gradient.shape)}")
        return gradient.contiguous()

    # -- looking ------------------------------------------------------------------------------

    @property
    def report(self) -> _runtime.Report | None:
        """What the last step did (nm_recipe_report), None before the first."""
        return self._training.report

    @property
    def switched_at(self) -> int | None:
        """The last dense step of STEP, None while it is not past."""
        return self._training.switched_at

    def _index(self, parameter: torch.Tensor | str) -> int:
        by_name = isinstance(parameter, str)
        for index, slot in enumerate(self._slots):
            if slot.part.name == parameter if by_name else slot.whole and slot.tensor is parameter:
                return index
        raise KeyError(f"no parameter {parameter!r} in this optimizer")

    def info(self, parameter: torch.Tensor | str) -> _runtime.Info:
        """Pattern and mask of a parameter, by tensor or name."""
        return self._training.info(self._index(parameter))

    def mask(self, parameter: torch.Tensor | str) -> torch.Tensor:
        """The mask of the next forward pass, bool; all true where there is none."""
        index = self._index(parameter)
        out = torch.empty(self._slots[index].part.shape, dtype=torch.uint8)
        self._training.read("mask", index, out.data_ptr())
        return out.bool()

    def effective(self, parameter: torch.Tensor | str) -> torch.Tensor:
        """The weights of the next forward pass, in the parameter's type."""
        index = self._index(parameter)
        slot = self._slots[index]
        out = torch.empty(slot.part.shape, dtype=slot.tensor.dtype)
        self._training.read("effective", index, out.data_ptr())
        return out

    def weights(self, parameter: torch.Tensor | str) -> torch.Tensor:
        """The trained weights, f32: dropped ones are what they are without the mask."""
        index = self._index(parameter)
        out = torch.empty(self._slots[index].part.shape, dtype=torch.float32)
        self._training.read("weights", index, out.data_ptr())
        return out

    # -- state --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """As torch's, with copies of the state, and the recipe and its progress under "nm"."""
        progress = json.loads(self._training.progress())
        state: dict[int, dict[str, Any]] = {}
        numbers = {_runtime.F32: np.float32, 2: np.uint8}
        for name, dtype, shape, address in self._training.state():
            parameter, part = name.rsplit(".", 1)
            count = int(np.prod(shape, dtype=np.int64))
            copy = np.empty(shape, dtype=numbers[dtype])
            if count:
                assert address is not None
                ctypes.memmove(copy.ctypes.data, address, copy.nbytes)
            self._entry_of(state, parameter)[part] = torch.from_numpy(copy)
        for slot in self._slots:
            steps = progress["parameters"][slot.part.name]["steps"]
            if steps:
                self._entry_of(state, slot.part.name)["step"] = torch.tensor(float(steps))
        groups, first = [], 0
        for group in self.param_groups:
            own = {name: value for name, value in group.items() if name != "params"}
            own["params"] = list(range(first, first + len(group["params"])))
            first += len(group["params"])
            groups.append(own)
        return {"state": state, "param_groups": groups,
                "nm": {"recipe": self.recipe.json, "progress": json.dumps(progress),
                       "names": {slot.number: slot.part.name for slot in self._slots if slot.whole}}}

    def _entry_of(self, state: dict[Any, Any], name: str) -> dict[str, Any]:
        """The entry of a tensor; of a flat one, that of the piece `name` in it."""
        slot = self._slots[self._training.names.index(name)]
        entry: dict[str, Any] = state.setdefault(slot.number, {})
        if slot.whole:
            return entry
        piece: dict[str, Any] = entry.setdefault("pieces", {}).setdefault(name, {})
        return piece

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on where `state_dict` stopped; on an error nothing has changed."""
        if "nm" not in state_dict:
            raise _runtime.Error("the state is not that of a recipe, expected the entry 'nm'")
        saved = state_dict["param_groups"]
        if [len(g["params"]) for g in saved] != [len(g["params"]) for g in self.param_groups]:
            raise _runtime.Error("the state has parameter groups of "
                                 f"{[len(g['params']) for g in saved]} parameters, expected "
                                 f"{[len(g['params']) for g in self.param_groups]}")
        own = state_dict["nm"]
        tensors = []
        kept = []
        def put(name: str, parts: dict[str, Any]) -> None:
            for part, value in parts.items():
                if part == "step":
                    continue
                if part == "pieces":
                    for piece, inner in value.items():
                        put(piece, inner)
                    continue
                value = value.detach().contiguous()
                dtype = 2 if part == "mask" else _DTYPES.get(value.dtype, 0)
                kept.append(value)
                tensors.append((f"{name}.{part}", dtype, tuple(value.shape),
                                value.data_ptr() or None))

        for index, parts in state_dict["state"].items():
            put(own["names"].get(index), parts)
        # The parameters may have been loaded before: what they hold is what is trained on.
        self._training.assign(tensors, own["progress"], own["recipe"])
        self._versions = [self._mark(tensor) for tensor in self._tensors]
        for group, other in zip(self.param_groups, saved):
            group.update({name: value for name, value in other.items() if name != "params"})


def _with_optimizer(given: Any, kind: str, **fields: Any) -> Recipe:
    """The recipe with the optimizer that the arguments describe; its own values where they are
    None."""
    recipe = Recipe.of(given)
    optimizer = dict(recipe.given.get("optimizer", {}))
    if optimizer.get("kind", kind) != kind:
        raise _runtime.Error(f"the recipe's optimizer is {optimizer['kind']}, expected {kind}")
    optimizer["kind"] = kind
    optimizer.update({name: value for name, value in fields.items() if value is not None})
    return recipe.replace(optimizer=optimizer)


def _default_recipe(recipe: Any) -> Any:
    if recipe is None:
        return Recipe("step", switch={"clip": None})
    return recipe


def _refuse(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value:
            raise _runtime.Error(f"{name}=True is for other devices and paths of torch's own "
                                 "optimizers; expected False or None")


class StepAdam(RecipeOptimizer):
    """torch.optim.Adam that learns N:M masks, by STEP unless `recipe` says otherwise.

    Arguments are those of torch's Adam; None is what the recipe says, else torch's default. `foreach`
    is accepted and changes nothing: a step is one pass in any case.
    """
    _kind = "adam"

    def __init__(self, params: Any, lr: float | None = None, betas: tuple[float, float] | None = None,
                 eps: float | None = None, weight_decay: float | None = None, amsgrad: bool | None = None, *,
                 foreach: bool | None = None, maximize: bool | None = None, capturable: bool = False,
                 differentiable: bool = False, fused: bool | None = False, pattern: str | None = None,
                 axis: int = 1, recipe: Any = None, trace: Any = None, sharded: Any = None,
                 model: Any = None) -> None:
        _refuse(capturable=capturable, differentiable=differentiable, fused=fused)
        super().__init__(
            params,
            _with_optimizer(_default_recipe(recipe), self._kind, lr=lr,
                            betas=None if betas is None else list(betas), eps=eps,
                            weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize),
            pattern=pattern, axis=axis, trace=trace, sharded=sharded, model=model)


class StepAdamW(StepAdam):
    """The same for torch.optim.AdamW."""
    _kind = "adamw"


class MaskedSGD(RecipeOptimizer):
    """torch.optim.SGD that learns N:M masks; STEP, which needs a second moment, is refused."""

    def __init__(self, params: Any, lr: float | None = None, momentum: float | None = None,
                 dampening: float | None = None, weight_decay: float | None = None,
                 nesterov: bool | None = None, *, maximize: bool | None = None, foreach: bool | None = None,
                 differentiable: bool = False, pattern: str | None = None, axis: int = 1,
                 recipe: Any = "sr-ste", trace: Any = None, sharded: Any = None, model: Any = None) -> None:
        _refuse(differentiable=differentiable)
        super().__init__(
            params,
            _with_optimizer(recipe, "sgd", lr=lr, momentum=momentum, dampening=dampening,
                            weight_decay=weight_decay, nesterov=nesterov, maximize=maximize),
            pattern=pattern, axis=axis, trace=trace, sharded=sharded, model=model)
