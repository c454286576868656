# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: run_notebook.py NOTEBOOK.ipynb
# Executes a notebook as Jupyter does, without a display, and says what each cell showed. A cell is added that
# compiles with progress from the first moment on, of which the messages are counted.
import pathlib
import re
import sys
import time

import nbformat
from nbclient import NotebookClient

PROGRESS = """
import nm.progress
nm.progress._DELAY = 0
nm.compile(model, size=sizes)
"""


class Client(NotebookClient):
    """Notes every message of the kernel that shows something."""
    shown: list = []

    def process_message(self, message, cell, cell_index):
        if message["msg_type"] in ("display_data", "update_display_data"):
            self.shown.append((cell_index, message["msg_type"], message["content"]["data"].get("text/plain")))
        return super().process_message(message, cell, cell_index)


path = pathlib.Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
nbformat.validate(notebook)
assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
notebook.cells.append(nbformat.v4.new_code_cell(PROGRESS))
client = Client(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
begin = time.time()
client.execute()
for number, cell in enumerate(notebook.cells[:-1]):
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output.output_type == "stream":
            print(f"cell {number}: {output.name}: {output.text.strip()}")
        elif "image/svg+xml" in data:
            svg = data["image/svg+xml"]
            print(f"cell {number}: chart with {len(re.findall('<(?:polyline|path|circle)', svg))} shapes")
        elif "text/html" in data:
            print(f"cell {number}: {data['text/html'].count('<table')} tables, {data['text/html'].count('<tr')} rows")
last = len(notebook.cells) - 1
lines = [(kind, text) for index, kind, text in client.shown if index == last and (text == "" or "compiling" in text)]
assert lines and lines[0][0] == "display_data" and lines[-1] == ("update_display_data", ""), lines
assert re.fullmatch(r"compiling .*bert.onnx \.\.\.  \d+ s", lines[0][1]), lines
print(f"progress: shown, and gone; {time.time() - begin:.0f} s", file=sys.stderr)
print("progress: shown, and gone")
