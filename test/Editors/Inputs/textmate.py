# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: textmate.py GRAMMAR FILE
# Colours a file as an editor with TextMate's grammars does: of the rules that match next in a line the first, of
# those that match at one place the earlier. Prints each coloured text with its scope. What our grammars use of
# Oniguruma's expressions means the same in Python's.
import json
import re
import sys


def compiled(patterns):
    rules = []
    for pattern in patterns:
        assert set(pattern) <= {"name", "match", "captures", "begin", "end", "patterns"}, pattern
        if "match" in pattern:
            rules.append((re.compile(pattern["match"]), pattern))
        else:
            rules.append((re.compile(pattern["begin"] + r"(?:\\.|[^\\])*?" + pattern["end"]), pattern))
            compiled(pattern["patterns"])
    return rules


grammar = json.load(open(sys.argv[1], encoding="utf-8"))
assert grammar["scopeName"].startswith("source."), grammar["scopeName"]
rules = compiled(grammar["patterns"])
for number, line in enumerate(open(sys.argv[2], encoding="utf-8").read().splitlines(), 1):
    at = 0
    while True:
        found = [(match.start(), place, match, rule) for place, (expression, rule) in enumerate(rules)
                 if (match := expression.search(line, at)) and match.end() > match.start()]
        if not found:
            break
        _, _, match, rule = min(found, key=lambda entry: entry[:2])
        if "name" in rule:
            print(number, match[0].strip(), rule["name"])
        for group, capture in rule.get("captures", {}).items():
            print(number, match[int(group)], capture["name"])
        at = match.end()
