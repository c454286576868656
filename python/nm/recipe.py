# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A recipe as a value: docs/recipe.schema.json says what it holds."""

from __future__ import annotations

import json
from typing import Any

from nm import _runtime
from nm._types import PathLike


class Recipe:
    """How N:M masks are learned, checked when it is made and immutable.

    Recipe("step", steps=1000, patterns={"*.weight": "2:4"}, lambda_=2e-4). Keywords are the fields of
    the recipe file; `patterns` may also be a dict from names or expressions to "N:M" or "dense".
    """

    def __init__(self, method: Any, **fields: Any) -> None:
        document = {"version": 1, "method": method}
        for name, value in fields.items():
            document[name.rstrip("_")] = value
        patterns = document.get("patterns")
        if isinstance(patterns, dict):
            document["patterns"] = [{"tensors": tensors, "pattern": pattern}
                                    for tensors, pattern in patterns.items()]
        self._given = document
        self.json = _runtime.take_text("nm_recipe_parse", json.dumps(document).encode())

    @classmethod
    def load(cls, path: PathLike) -> Recipe:
        """Reads a recipe file."""
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            # The library's reader first: it refuses what Python's lets pass, such as duplicate keys.
            _runtime.take_text("nm_recipe_parse", text.encode())
        except _runtime.Error as error:
            raise _runtime.Error(f"{path}: {error}") from None
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, value: Any) -> Recipe:
        """A Recipe, the fields of one as a dict, or the name of a method."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        fields = dict(value)
        if fields.pop("version", 1) != 1:
            raise _runtime.Error(f"recipe: version {value['version']}, expected 1")
        return cls(fields.pop("method", None), **fields)

    def replace(self, **fields: Any) -> Recipe:
        """A copy with other fields."""
        merged = dict(self._given)
        for name, value in fields.items():
            merged[name.rstrip("_")] = value
        return Recipe.of(merged)

    def save(self, path: PathLike) -> None:
        """Writes the recipe file, every default spelled out."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(json.loads(self.json), file, indent=1)
            file.write("\n")

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were given, without defaults."""
        return dict(self._given)

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.json)[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self.json == other.json

    def __hash__(self) -> int:
        return hash(self.json)

    def __repr__(self) -> str:
        return f"Recipe({self.json})"
