# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lists the functions and classes of lib, include and tools that are larger than a reader can hold.

A function has at most 80 lines, from its first to its closing brace; a class at most 40 member
functions and 25 data members. LIST names those that are larger all the same, a line each:

    PATH NAME: why it stays whole

The sources are as clang-format writes them, so scopes follow from braces alone; comments, literals and
the directives of the preprocessor are taken out first.

usage: sizes.py ROOT LIST
"""

import pathlib
import re
import sys

FUNCTION_LINES = 80
METHODS = 40
MEMBERS = 25

FOLDERS = ("include/nm", "lib", "tools")

NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'(?!\w)'
    r"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
    re.DOTALL | re.MULTILINE,
)
CLASS = re.compile(r"\b(?:class|struct|union)\s+(?:\[\[\w+\]\]\s*)?(?:[A-Z_]+\s+)?(?P<name>[\w:]+)")
# Words before a parenthesis or brace that open no function.
CONTROL = {"if", "for", "while", "switch", "catch", "do", "else", "try", "return"}


def blank(match):
    """Takes out a comment, literal or directive and keeps its line breaks."""
    text = match.group(0)
    return ("0" if text[0] in "\"'R" else "") + "\n" * text.count("\n")


def without_nested(text, opening, closing):
    """The text without what stands between two brackets."""
    depth, kept = 0, []
    for char in text:
        if char == opening:
            depth += 1
        if depth == 0:
            kept.append(char)
        if char == closing and depth:
            depth -= 1
    return "".join(kept)


class Scope:
    def __init__(self, kind, name, line):
        self.kind, self.name, self.line = kind, name, line
        self.methods = 0
        self.members = 0


def name_of(head):
    """The name before the first parenthesis of a declaration, or None where there is none."""
    plain = without_nested(re.sub(r"\b(?:alignas|__attribute__|decltype|noexcept)\s*\([^()]*\)", "", head), "<", ">")
    match = re.search(r"((?:[\w]+::)*(?:~?\w+|operator\s*[^\s(]+|operator\s*\(\)))\s*\(", plain)
    return match.group(1) if match else None


def kind_of(head, inside):
    """What a brace opens: namespace, class, enum, function, or a block of code."""
    plain = head.strip()
    if re.match(r"(?:inline\s+)?namespace\b", plain) or plain.startswith("extern 0"):
        return "namespace", plain
    if inside not in ("namespace", "class"):
        return "block", ""
    template = re.sub(r"^template\s*", "", plain)
    if template != plain:
        plain = without_nested(template, "<", ">").strip() if template.startswith("<") else template
    if re.match(r"(?:typedef\s+)?enum\b", plain):
        return "enum", ""
    # A class that is named where it is defined; a return type 'struct X f(' has a parenthesis.
    match = CLASS.search(plain)
    if match and "(" not in without_nested(plain, "<", ">").replace("alignas(", "alignas"):
        return "class", match.group("name")
    name = name_of(plain)
    if name and name.split("::")[-1] not in CONTROL and not re.search(r"(?<![=!<>])=\s*$", plain):
        return "function", name
    return "block", ""


def count_declaration(scope, head):
    """Counts one declaration of a class that ends in a semicolon."""
    text = re.sub(r"^\s*(?:public|protected|private)\s*:", "", head).strip()
    text = re.sub(r"^template\s*", "", text)
    if not text or re.match(r"(?:using|friend|typedef|static_assert|enum|class|struct|static\s+constexpr)\b", text):
        return
    declarator = without_nested(text, "<", ">")
    declarator = re.split(r"(?<![=!<>])=(?!=)", declarator)[0]
    if "(" in declarator and not re.search(r"\(\s*\*", declarator):
        scope.methods += 1
    else:
        scope.members += 1 + without_nested(without_nested(text, "<", ">"), "{", "}").count(",")


def scan(path, shown, report):
    source = path.read_text()
    text = NOISE.sub(blank, source)
    scopes = [Scope("namespace", "", 1)]
    head, head_line, line = "", 1, 1
    parentheses = 0
    for char in text:
        if char == "\n":
            line += 1
        if not head.strip():
            head_line = line
        if char == "(":
            parentheses += 1
        elif char == ")":
            parentheses = max(0, parentheses - 1)
        if char == "{":
            kind, name = ("block", "") if parentheses else kind_of(head, scopes[-1].kind)
            scopes.append(Scope(kind, name, head_line))
            scopes[-1].parentheses, scopes[-1].head = parentheses, head
            parentheses, head = 0, ""
        elif char == "}" and len(scopes) > 1:
            done = scopes.pop()
            parentheses = done.parentheses
            head = ""
            if done.kind == "function":
                if scopes[-1].kind == "class":
                    scopes[-1].methods += 1
                size = line - done.line + 1
                report.functions += 1
                if size > FUNCTION_LINES:
                    report.large(shown, done, f"has {size} lines", size)
            elif done.kind == "class":
                report.classes += 1
                if done.methods > METHODS or done.members > MEMBERS:
                    report.large(
                        shown, done, f"has {done.methods} member functions and {done.members} data members", 0)
            elif done.kind == "block":
                # An initializer: the declaration goes on behind it.
                head = done.head + "{}"
        elif char == ";" and not parentheses:
            if scopes[-1].kind == "class":
                count_declaration(scopes[-1], head)
            head = ""
        elif char == ":" and scopes[-1].kind == "class" and head.strip() in ("public", "private", "protected"):
            head = ""
        else:
            head += char
    if len(scopes) != 1:
        report.offences.append((0, f"{shown}:{scopes[-1].line}: this brace is never closed"))


class Report:
    def __init__(self, known):
        self.functions = self.classes = 0
        self.known = known
        self.used = set()
        self.offences = []

    def large(self, shown, scope, what, size):
        key = (shown, scope.name.split("::")[-1])
        if key in self.known:
            self.used.add(key)
        else:
            self.offences.append((size, f"{shown}:{scope.line}: {scope.name} {what}"))


def read_list(path):
    """The places that a list names, each with its reason."""
    known = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"(\S+) (\w+): (.{10,})", line)
        if not match:
            sys.exit(f"{path}: expected 'PATH NAME: reason', found '{line}'")
        known[match[1], match[2]] = match[3]
    return known


def main():
    root = pathlib.Path(sys.argv[1])
    report = Report(read_list(pathlib.Path(sys.argv[2])))
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".c"):
                scan(path, path.relative_to(root).as_posix(), report)
    for _, text in sorted(report.offences, reverse=True):
        print(text)
    for path, name in sorted(set(report.known) - report.used):
        print(f"note: {path} {name} is not large any more: the list need not name it")
    print(f"{report.functions} functions, {report.classes} classes, {len(report.used)} listed,"
          f" {len(report.offences)} offences")
    sys.exit(1 if report.offences else 0)


if __name__ == "__main__":
    main()
