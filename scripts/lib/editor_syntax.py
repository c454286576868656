#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes what editors know of our languages: editors/vscode/syntaxes, editors/vim/syntax,
editors/emacs/nm-words.el.

usage: editor_syntax.py [--check]

Words come from where the tools have them: operations from the reference pages, which TableGen makes;
instructions and their fields from nm/Isa/Instructions.def and the reader of assembly; words of policies from
their parser. --check writes nothing and says which file is not what the words make."""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EDITORS = ROOT / "editors"
LICENCE = ("Part of nm, under the Apache License v2.0 with LLVM Exceptions.",
           "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception",
           "Made by scripts/lib/editor_syntax.py; scripts/docs writes it again.")

#: Keywords of MLIR and of upstream's custom syntax that stand alone.
MLIR_WORDS = ("affine_map affine_set array ceildiv dense dense_resource dialect_resources else external_resources false "
              "floordiv for if in ins into loc mod outs parallel private public step then to true unit while").split()
MLIR_TYPES = "bf16 complex f16 f32 f64 f80 f128 index memref none tensor tf32 tuple vector".split()


def read(*names):
    return "".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def operations():
    """Names of operations by dialect, as the reference pages have them."""
    found = {}
    for page in sorted((ROOT / "docs/reference/Dialects").glob("*.md")):
        for dialect, name in re.findall(r"^### `([a-z]+)\.([\w.]+)`", page.read_text(encoding="utf-8"), re.M):
            found.setdefault(dialect, []).append(name)
    return {dialect: sorted(names) for dialect, names in sorted(found.items())}


def assembly():
    """Words of the accelerators' assembly by kind."""
    table = read("include/nm/Isa/Instructions.def")

    def words(*macros):
        return sorted({word for macro in macros for word in re.findall(rf'^{macro}\(\w+, "(\w+)"', table, re.M)})

    reader = read("lib/Isa/AssemblyReader.cpp")
    sections = {"program", "target", "tensor", "buffer", "semaphore", "code"}
    read_words = set(re.findall(r'(?:accept|expect)Word\("(\w+)"\)', reader))
    if not sections <= read_words:
        sys.exit(f"error: the reader of assembly has no {sorted(sections - read_words)}")
    stationary = read("docs/reference/Dialects/Attacc.md").split("\n### Stationary\n")[1].split("\n### ")[0]
    values = set(re.findall(r"^\| \w+ \| `\d+` \| (\w+) \|", stationary, re.M))
    return {"section": sorted(sections), "opcode": words("INSTRUCTION"), "type": words("TYPE"),
            "value": sorted(values | set(words("ROLE", "PART", "ENGINE", "UNARY", "BINARY"))),
            "field": sorted(read_words - sections | set(words("FIELD")))}


def told_apart(words):
    """Words of assembly where a word has one colour wherever it stands: that of an instruction first."""
    taken, parts = set(), {}
    for kind in ("section", "opcode", "type", "field", "value"):
        parts[kind] = [word for word in words[kind] if word not in taken]
        taken.update(parts[kind])
    return parts


def policies():
    """Words of policies and units of time, as their parser asks for them."""
    parser = read(*(f"lib/Import/PifoPolicy/Parse{part}.cpp" for part in ("", "Late", "Queues")))
    words = set(re.findall(r'\b(?:accept|is|require)\("([a-z][a-z0-9]*)"\)', parser))
    words |= set(re.findall(r'\b(?:word|sign) == "([a-z]+)"', parser))
    units = {"ns", "us", "ms", "s"}
    if not units <= words:
        sys.exit(f"error: the parser of policies has no unit {sorted(units - words)}")
    grammar = read("docs/pifo-language.md").split("    program   :=")[1].split("\n\n|")[0]
    documented = set(re.findall(r"'([a-z][a-z0-9]*)'", grammar)) | set(re.findall(r"^    (codel|red|pie) +:=", grammar, re.M))
    if documented != words - units:
        sys.exit(f"error: the parser knows {sorted(words - units - documented)} and docs/pifo-language.md "
                 f"{sorted(documented - words)} alone")
    orders = {"codel", "drr", "edf", "fifo", "htb", "pie", "priority", "red", "rr", "strict", "wf2q", "wfq"}
    logic = {"and", "in", "not", "or", "when"}
    return {"order": sorted(orders & words), "logic": sorted(logic & words),
            "word": sorted(words - orders - logic - units), "unit": sorted(units)}


def any_of(words):
    """An expression for one of some words; longer ones first, so that none hides another."""
    return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w))) + ")"


# -- TextMate ---------------------------------------------------------------------------------------------------

def rule(name, match):
    return {"name": name, "match": match}


def textmate(name, scope, patterns, **more):
    grammar = {"comment": " ".join(LICENCE), "name": name, "scopeName": scope, **more, "patterns": patterns}
    return json.dumps(grammar, indent=2, ensure_ascii=False) + "\n"


STRING = {"name": "string.quoted.double", "begin": '"', "end": '"',
          "patterns": [rule("constant.character.escape", r'\\([nt"\\]|[0-9A-Fa-f]{2})')]}


def textmate_mlir(ops):
    ours = [rule(f"keyword.other.operation.{dialect}.mlir", rf"(?<![\w.#!])\"?{dialect}\.{any_of(names)}\b(?![.\w])\"?")
            for dialect, names in ops.items()]
    dialects = any_of(ops)
    return textmate("nm in MLIR", "source.mlir.nm", [
        *ours,
        rule("storage.type.nm.mlir", rf"!{dialects}\.[\w.]+"),
        rule("constant.other.attribute.nm.mlir", rf"#{dialects}\.[\w.]+"),
        rule("entity.other.attribute-name.nm.mlir", rf"(?<![\w.#!]){dialects}\.[\w.]+(?=\s*[=,}}])"),
        rule("constant.numeric.pattern.nm.mlir", r"\b\d+:\d+\b"),
    ], injectionSelector="L:source.mlir -comment -string")


def textmate_assembly(words):
    return textmate("ATTACC assembly", "source.attacc", [
        rule("comment.line.semicolon.attacc", r";.*$"), STRING,
        rule("keyword.control.section.attacc", rf"^\s*{any_of(words['section'])}\b"),
        rule("support.function.opcode.attacc", rf"^\s*{any_of(words['opcode'])}\b"),
        rule("storage.type.attacc", rf"\b{any_of(words['type'])}\b"),
        rule("entity.other.attribute-name.attacc", rf"\b{any_of(words['field'])}\b"),
        rule("constant.language.attacc", rf"\b{any_of(words['value'])}\b"),
        rule("variable.other.attacc", r"\b[tbsl]\d+\b"),
        rule("constant.numeric.attacc", r"(?<![\w.])-?(0x[0-9a-fA-F]+|\d+(\.\d+)?([eE][-+]?\d+)?)\b"),
    ])


def textmate_policy(words):
    return textmate("PIFO policy", "source.pifo-policy", [
        rule("comment.line.number-sign.policy", r"#.*$"),
        {"match": r"\b(scheduler|field)\s+([A-Za-z_]\w*)",
         "captures": {"1": {"name": "keyword.control.policy"}, "2": {"name": "entity.name.policy"}}},
        {"match": r"\b([A-Za-z_]\w*)\s*(:)", "captures": {"1": {"name": "entity.name.class.policy"}}},
        rule("support.function.order.policy", rf"\b{any_of(words['order'])}\b"),
        rule("keyword.operator.logical.policy", rf"\b{any_of(words['logic'])}\b|[=!<>]=|[<>]|\.\."),
        rule("keyword.other.policy", rf"\b{any_of(words['word'])}\b"),
        rule("constant.numeric.policy", rf"\b\d+(\.\d+)?\s*({any_of(words['unit'])}|[kMGT])?\b"),
    ])


# -- Vim --------------------------------------------------------------------------------------------------------

def vim(language, lines, iskeyword="@,48-57,_"):
    head = [f'" {line}' for line in LICENCE]
    return "\n".join([*head, 'if exists("b:current_syntax")', "  finish", "endif", f"setlocal iskeyword={iskeyword}",
                      *lines, f'let b:current_syntax = "{language}"', ""])


def vim_words(group, words, per_line=10):
    return [f"syn keyword {group} {' '.join(words[i:i + per_line])}" for i in range(0, len(words), per_line)]


def vim_links(**links):
    return [f"hi def link {group} {target}" for group, target in links.items()]


VIM_STRING = r'''syn region {0}String start=/"/ skip=/\\\\\|\\"/ end=/"/'''


def vim_mlir(ops):
    # Keywords of Vim may hold dots where 'iskeyword' has them: an operation is one word.
    names = [f"{dialect}.{name}" for dialect, some in ops.items() for name in some]
    dialects = r"\%(" + r"\|".join(ops) + r"\)"
    return vim("mlir", [
        r"syn match mlirOperation /\<[a-z_][a-z_0-9]*\.[a-z_0-9.]*\w/",
        *vim_words("mlirOurs", names, 6),
        *vim_words("mlirWord", MLIR_WORDS), *vim_words("mlirType", MLIR_TYPES),
        r"syn match mlirType /\%(\<\|[0-9?*]x\)\@<=\%([su]\?i[0-9]\+\|b\?f[0-9]\+\|index\)\>/", rf"syn match mlirType /!{dialects}\.[A-Za-z_0-9.]*/",
        rf"syn match mlirAttribute /#{dialects}\.[A-Za-z_0-9.]*/",
        r"syn match mlirNumber /\<[0-9]\+\%(\.[0-9]*\)\?\%([eE][-+]\?[0-9]\+\)\?\>/",
        r"syn match mlirNumber /\<0x[0-9A-Fa-f]\+\>/", r"syn match mlirPattern /\<[0-9]\+:[0-9]\+\>/",
        r"syn match mlirValue /%[A-Za-z0-9_$.#-]\+/", r"syn match mlirBlock /\^[A-Za-z0-9_$.-]\+/",
        r'syn match mlirSymbol /@\%([A-Za-z_][A-Za-z0-9_$.-]*\|"[^"]*"\)/', VIM_STRING.format("mlir"),
        r"syn match mlirComment /\/\/.*$/ contains=@Spell",
        *vim_links(mlirOurs="Function", mlirOperation="Statement", mlirWord="Keyword", mlirType="Type",
                   mlirAttribute="PreProc", mlirNumber="Number", mlirPattern="Number", mlirValue="Identifier",
                   mlirBlock="Label", mlirSymbol="Identifier", mlirString="String", mlirComment="Comment"),
    ], "@,48-57,_,.")


def vim_assembly(words):
    return vim("attacc", [
        *vim_words("attaccSection", words["section"]), *vim_words("attaccOpcode", words["opcode"]),
        *vim_words("attaccType", words["type"]), *vim_words("attaccField", words["field"]),
        *vim_words("attaccValue", words["value"]), r"syn match attaccObject /\<[tbsl][0-9]\+\>/",
        r"syn match attaccNumber /\<\%(0x[0-9A-Fa-f]\+\|[0-9]\+\%(\.[0-9]*\)\?\)\>/", VIM_STRING.format("attacc"),
        r"syn match attaccComment /;.*$/ contains=@Spell",
        *vim_links(attaccSection="PreProc", attaccOpcode="Function", attaccType="Type", attaccField="Keyword",
                   attaccValue="Constant", attaccObject="Identifier", attaccNumber="Number", attaccString="String",
                   attaccComment="Comment")])


def vim_policy(words):
    return vim("policy", [
        *vim_words("policyOrder", words["order"]), *vim_words("policyLogic", words["logic"]),
        *vim_words("policyWord", words["word"]), r"syn match policyClass /\<[A-Za-z_]\w*\ze\s*:/",
        rf"syn match policyNumber /\<[0-9]\+\%(\.[0-9]\+\)\?\%({'|'.join(words['unit'] + list('kMGT'))}\)\?\>/"
        .replace("|", r"\|"),
        r"syn match policyComment /#.*$/ contains=@Spell",
        *vim_links(policyOrder="Function", policyLogic="Operator", policyWord="Keyword", policyClass="Label",
                   policyNumber="Number", policyComment="Comment")])


# -- Emacs ------------------------------------------------------------------------------------------------------

def lisp_list(name, words, text):
    lines, line = [], "  '("
    for word in words:
        entry = json.dumps(word)
        if len(line) + len(entry) > 100:
            lines.append(line.rstrip())
            line = "    "
        line += entry + " "
    return f'(defconst {name}\n' + "\n".join([*lines, line.rstrip() + ")"]) + f'\n  "{text}")\n'


EMACS_HEAD = """;;; nm-words.el --- words of the languages of nm -*- lexical-binding: t -*-

;; {0}
;; {1}
;; {2}

;;; Commentary:

;; What nm-modes.el colours.

;;; Code:

"""


def emacs(ops, asm, policy):
    names = [f"{dialect}.{name}" for dialect, some in ops.items() for name in some]
    lists = [lisp_list("nm-mlir-operations", names, "Operations of nm's dialects."),
             lisp_list("nm-mlir-words", MLIR_WORDS, "Words of MLIR."),
             lisp_list("nm-mlir-types", MLIR_TYPES, "Types of MLIR."),
             lisp_list("nm-policy-orders", policy["order"], "What orders packets, and manages queues."),
             lisp_list("nm-policy-words", sorted(policy["word"] + policy["logic"]), "Other words of policies."),
             lisp_list("nm-policy-units", policy["unit"] + list("kMGT"), "Units behind numbers."),
             *(lisp_list(f"nm-attacc-{kind}s", asm[kind], f"Words of assembly: {kind}s.")
               for kind in ("section", "opcode", "type", "field", "value"))]
    return EMACS_HEAD.format(*LICENCE) + "\n".join(lists) + "\n(provide 'nm-words)\n;;; nm-words.el ends here\n"


def files():
    ops, asm, policy = operations(), assembly(), policies()
    return {"vscode/syntaxes/nm-mlir.tmLanguage.json": textmate_mlir(ops),
            "vscode/syntaxes/attacc.tmLanguage.json": textmate_assembly(asm),
            "vscode/syntaxes/pifo-policy.tmLanguage.json": textmate_policy(policy),
            "vim/syntax/mlir.vim": vim_mlir(ops), "vim/syntax/attacc.vim": vim_assembly(told_apart(asm)),
            "vim/syntax/policy.vim": vim_policy(policy), "emacs/nm-words.el": emacs(ops, told_apart(asm), policy)}


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    stale = 0
    for name, text in files().items():
        path = EDITORS / name
        if sys.argv[1:]:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                print(f"error: editors/{name} is not what the tools' words make; run scripts/docs and commit it",
                      file=sys.stderr)
                stale += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
