# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Classes that come and go while packets are inside, as docs/nm-pifo.md defines it (Changes), for nodes of policy_model.py.

A class is known by its name and place. The classes of all policies stand in the order of each: always the one that occurs first
of those before which no other one is left. What is gone stays where it is and sends what it has, with the numbers that it had
last; no packet is classified to it.
"""


def settle(policies):
    """Notes the place of each class among those of all policies."""
    levels = [policy["classes"] for policy in policies if "classes" in policy]
    left = []
    for level in levels:
        left += [part["name"] for part in level if part["name"] not in left]
    order = [[part["name"] for part in level] for level in levels]
    places = {}
    while left:
        name = next(name for name in left if not any(
            name in names and any(other in left for other in names[:names.index(name)]) for names in order))
        left.remove(name)
        places[name] = len(places)
    for level in levels:
        for part in level:
            part["place"] = places[part["name"]]
    for name in places:
        settle([part for level in levels for part in level if part["name"] == name])


def renumbered(values, moved, count, fresh):
    """A list by class, whose classes have other numbers now; `fresh()` for those that are new."""
    result = [None] * count
    for value, number in zip(values, moved):
        result[number] = value
    return [fresh() if i not in moved else value for i, value in enumerate(result)]


def place(node, policy, make):
    """The node's children as the policy has them; `make(part, number)` is a new one. Returns the children that stay."""
    known = {child.name: child for child in node.children}
    parts = {part["name"]: part for part in policy["classes"]}
    places = {part["name"]: part["place"] for part in node.policy["classes"] + policy["classes"]}
    names = sorted(places, key=places.get)
    moved = [names.index(child.name) for child in node.children]
    stays = [child for child in node.children if child.name in parts]
    node.children = [known.get(name) or make(parts[name], i) for i, name in enumerate(names)]
    for i, child in enumerate(node.children):
        child.number = i
    node.live = [(node.children[names.index(part["name"])], part.get("when")) for part in policy["classes"]]
    if moved != list(range(len(names))):
        node.queue.renumber(moved, len(names))
    return stays


def whole(node, policy, before):
    """The policy with all classes that are inside, each with the numbers that it has or had."""
    weights = dict(zip((part["name"] for part in policy["classes"]), policy.get("weights") or [1] * len(policy["classes"])))
    parts = {part["name"]: part for part in policy["classes"]}
    for part, weight in zip(before["classes"], before.get("weights") or [1] * len(before["classes"])):
        parts.setdefault(part["name"], part)
        weights.setdefault(part["name"], weight)
    names = [child.name for child in node.children]
    result = dict(policy, classes=[parts[name] for name in names], weights=[weights[name] for name in names])
    result["live"] = [child.number for child, _ in node.live]
    return result
