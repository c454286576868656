# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: session.py FOLDER PAGE...
# A session as an editor has it, with messages behind their length: who answers, and what hovers say over every
# operation that the reference pages describe, where the files of a folder have it.
import json
import pathlib
import re
import subprocess
import sys


class Server:
    def __init__(self):
        self.process = subprocess.Popen(["nm-lsp-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.number = 0

    def send(self, method, params, number=None):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while True:
            line = self.process.stdout.readline()
            if line == b"\r\n":
                break
            if not line:
                raise SystemExit("error: the server ended")
            name, _, value = line.partition(b": ")
            assert name == b"Content-Length", line
            length = int(value)
        body = self.process.stdout.read(length)
        return json.loads(body)

    def ask(self, method, params):
        self.number += 1
        self.send(method, params, self.number)
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                return message["result"]


def operations(paths):
    """Names of operations, and their summaries, where they have one."""
    for path in paths:
        for name, rest in re.findall(r"^### `(\S+)` \(.*\)\n((?:(?!^### |^## ).*\n)*)", open(path).read(), re.M):
            summary = re.search(r"^_(.*)_$", rest, re.M)
            yield name, summary and summary[1]


server = Server()
info = server.ask("initialize", {"processId": 1, "rootUri": None, "capabilities": {}})["serverInfo"]
print(info["name"], re.sub(r"\d+", "N", info["version"]))
folder, *pages = sys.argv[1:]
known = dict(operations(pages))
left, foreign, wrong = set(known), 0, 0
for number, path in enumerate(sorted(pathlib.Path(folder).rglob("*.mlir"))):
    lines = path.read_text().split("\n")
    found = [(line, match) for line, text in enumerate(lines) if not text.lstrip().startswith("//")
             for match in re.finditer(r"(?<![\w.#!\"])[a-z_]+\.[\w.]*\w", text)]
    if not left.intersection(match[0] for _, match in found):
        continue
    document = {"uri": f"test:///{number}.mlir"}
    server.send("textDocument/didOpen", {"textDocument": {**document, "languageId": "mlir", "version": 1,
                                                          "text": "\n".join(lines)}})
    for line, match in found:
        name = match[0]
        if name not in left and (name in known or foreign):
            continue
        hover = server.ask("textDocument/hover", {"textDocument": document,
                                                  "position": {"line": line, "character": match.start() + 1}})
        value = hover["contents"]["value"] if hover else ""
        if not value.startswith(f'"{name}"'):
            continue  # not an operation there, or a file that is wrong on purpose
        left.discard(name)
        foreign += name not in known
        if (known.get(name) or "") not in value or "Traits:" in value or "Generic Form" not in value:
            wrong += 1
            print("wrong:", name, repr(value))
server.ask("shutdown", None)
server.send("exit", None)
print(f"{len(known)} operations, not met: {' '.join(sorted(left)) or 'none'}, {wrong} wrong, {foreign} of others, "
      f"exit code {server.process.wait(timeout=20)}")
