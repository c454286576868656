# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm.compile, nm.load and what a model does, over the build's library and tools."""

import gc
import html.parser
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

import nm
from nm import progress

sys.path.insert(0, os.path.join(os.environ["NM_SOURCE"], "scripts", "lib"))
import foreign_arrays

MODEL = pathlib.Path(os.environ["NM_SOURCE"]) / "test/Tools/nm-compile/Inputs/model.mlir"
LINEAR = MODEL.read_text().split("func.func @twice")[0]
SLOW = LINEAR.replace("4x8x", "1024x1024x").replace("8x4x", "1024x1024x").replace("x8xf32", "x1024xf32") \
    .replace("x4xf32", "x1024xf32")
SEED = int(os.environ.get("NM_SEED", time.time()))


class Page(html.parser.HTMLParser):
    """A fragment of HTML: every element is closed where it must be, and what its tables and texts are."""

    def __init__(self, fragment):
        super().__init__()
        self.open, self.tables, self.texts, self.row = [], [], {}, None
        self.feed(fragment)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.texts[tag] = ""
        if tag == "table":
            self.tables.append({})
        if tag == "tr":
            self.row = []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open)
        if tag in ("th", "td"):
            self.row.append(self.texts[tag])
        if tag == "tr":
            self.tables[-1][self.row[0]] = self.row[1:]

    def handle_data(self, data):
        for tag in self.open:
            self.texts[tag] += data


class Compiled(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("seed", SEED)
        cls.folder = tempfile.TemporaryDirectory()
        rng = np.random.default_rng(SEED)
        cls.weight = nm.prune(rng.standard_normal((4, 8)).astype("f4"), "2:4")
        cls.checkpoint = os.path.join(cls.folder.name, "w.npz")
        np.savez(cls.checkpoint, weight=cls.weight)
        cls.model = nm.compile(LINEAR, params=cls.checkpoint)
        cls.several = nm.compile(MODEL, params=cls.checkpoint)
        cls.x = rng.standard_normal((5, 8)).astype("f4")
        cls.want = cls.x @ cls.weight.T

    def near(self, found, want=None):
        want = self.want if want is None else want
        # Sums of eight products, in any order: what they cancel is as large as the largest result.
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6 * max(1, np.abs(want).max(initial=0)))

    def test_calls(self):
        self.near(self.model(self.x))
        self.near(self.model(x=self.x))
        self.near(self.model(x=self.x.tolist()))
        self.assertEqual(self.model(self.x[:0]).shape, (0, 4))
        self.assertEqual([t.shape for t in self.model.inputs], [(-1, 8)])
        self.assertEqual(repr(self.model["linear"]),
                         "<nm function linear(x: f32[?, 8]) -> (result0: f32[?, 4])>")
        out = np.empty((5, 4), "f4")
        self.assertIs(self.model(self.x, out=out, threads=1), out)
        self.near(out)

    def test_several_functions_and_results(self):
        result = self.several["twice"](self.x)
        self.near(result.y, 2 * self.want)
        np.testing.assert_array_equal(result.same, self.x)
        self.assertEqual(self.several["scalars"](1.5, 41, True), (3.0, 42, False))
        with self.assertRaisesRegex(nm.Error, "the model has 3 functions; choose one"):
            self.several(self.x)
        with self.assertRaisesRegex(nm.Error, "no function 'three', there are: 'linear', 'twice', 'scalars'"):
            self.several["three"]

    def test_contiguous_inputs_are_not_copied(self):
        function = self.model["linear"]
        before = function.copies
        seen = []
        expected = function.inputs[0]
        for given in (self.x, foreign_arrays.Interface(self.x), foreign_arrays.Exchange(self.x)):
            array = given if isinstance(given, np.ndarray) else function._array(given, expected)
            seen.append(array.__array_interface__["data"][0])
            self.near(function(given))
        self.assertEqual(seen, [self.x.__array_interface__["data"][0]] * 3)
        self.assertEqual(function.copies, before)
        # The count counts.
        self.near(function(np.asfortranarray(self.x)))
        self.near(function(np.repeat(self.x, 2, axis=0)[::2]))
        self.assertEqual(function.copies, before + 2)

    def test_results_live_as_long_as_arrays(self):
        function = self.model["linear"]
        results = [function(self.x * i) for i in range(20)]
        views = [result[1:, ::2] for result in results]
        model = nm.load(self.model.path)
        late = model(self.x)
        del model, results
        gc.collect()
        [function(self.x * -1) for _ in range(20)]
        for i, view in enumerate(views):
            self.near(view, (self.want * i)[1:, ::2])
        self.near(late)

    def test_results_are_exchanged_without_copies(self):
        result = self.model(self.x)
        other = np.from_dlpack(result)
        self.assertEqual(other.__array_interface__["data"][0], result.__array_interface__["data"][0])

    def test_what_does_not_fit_is_the_librarys_error(self):
        for given, words in ((self.x.astype("f8"), "input 'x' of 'linear' has element type f64, expected f32"),
                             (self.x[0], r"has shape \[8\], expected \[\?, 8\]"),
                             (np.zeros((2, 7), "f4"), r"has shape \[2, 7\], expected \[\?, 8\]"),
                             (np.zeros((2, 8), ">f4"), "has element type unknown")):
            with self.assertRaisesRegex(nm.Error, words):
                self.model(given)
            self.near(self.model(self.x))
        with self.assertRaisesRegex(nm.Error, r"memory for output 'result0' .* \[4, 4\], expected \[5, 4\]"):
            self.model(self.x, out=np.empty((4, 4), "f4"))
        with self.assertRaisesRegex(nm.Error, "read-only or not row-major"):
            self.model(self.x, out=np.empty((4, 5), "f4").T)
        with self.assertRaisesRegex(nm.Error, r"takes 1 inputs \(x\), 2 are given"):
            self.model(self.x, self.x)
        with self.assertRaisesRegex(nm.Error, "has no input 'z', there are: 'x'"):
            self.model(z=self.x)
        with self.assertRaisesRegex(nm.Error, "'x' of 'linear' is given twice"):
            self.model(self.x, x=self.x)
        with self.assertRaisesRegex(nm.Error, "threads is 100000"):
            self.model(self.x, threads=100000)

    def test_messages_of_the_tools(self):
        with self.assertRaisesRegex(nm.Error, r"^'?.*none.onnx"):
            nm.compile("none.onnx")
        with self.assertRaisesRegex(nm.Error, r"source.mlir:1:1: expected operation"):
            nm.compile("1\n")
        with self.assertRaisesRegex(nm.Error, "^a folder .nm packs the parameters of a checkpoint; give one"):
            nm.compile(LINEAR)
        with self.assertRaisesRegex(nm.Error, "did you mean"):
            nm.compile(LINEAR, paramz=self.checkpoint)
        with self.assertRaisesRegex(nm.Error, "not there"):
            old = os.environ["NM_TOOLS"]
            os.environ["NM_TOOLS"] = "/nonexistent"
            try:
                nm.compile(LINEAR)
            finally:
                os.environ["NM_TOOLS"] = old

    def test_save_and_load(self):
        path = pathlib.Path(self.folder.name) / "saved.nm"
        self.model.save(path)
        self.near(nm.load(path)(self.x))
        self.assertEqual(sorted(p.name for p in path.iterdir()), ["model.h", "model.nmw", "model.so"])
        with self.assertRaisesRegex(nm.Error, "there already"):
            self.model.save(path)
        self.near(nm.load(path / "model.so", params=self.checkpoint)(self.x))
        (path / "model.nmw").write_bytes(b"NMWGHT01 and more")
        with self.assertRaisesRegex(nm.Error, "model.nmw: truncated|not a file"):
            nm.load(path)
        kept = pathlib.Path(self.folder.name) / "kept.nm"
        self.near(nm.compile(LINEAR, params=self.checkpoint, output=kept)(self.x))
        self.near(nm.load(kept)(self.x))

    def test_threads_share_a_model_and_the_lock_is_free(self):
        wrong = []

        def work(i):
            rng = np.random.default_rng(i)
            for _ in range(100):
                x = rng.standard_normal((rng.integers(1, 9), 8)).astype("f4")
                if not np.allclose(self.model(x), x @ self.weight.T, rtol=1e-5, atol=1e-5):
                    wrong.append(i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_the_lock_is_free_during_a_call(self):
        model = nm.compile(SLOW, params=self.slow_checkpoint())
        x = np.ones((2048, 1024), "f4")
        model(x, threads=1)
        counted, stop = [0], threading.Event()

        def count():
            while not stop.is_set():
                counted[0] += 1
                time.sleep(0.0005)

        # This thread does not give the lock up unless it calls something that does.
        interval = sys.getswitchinterval()
        thread = threading.Thread(target=count)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        self.addCleanup(sys.setswitchinterval, interval)
        moved = 0
        for _ in range(5):
            sys.setswitchinterval(60)
            before = counted[0]
            model(x, threads=1)
            moved += counted[0] != before
            sys.setswitchinterval(interval)
        self.assertGreaterEqual(moved, 3)

    def slow_checkpoint(self):
        path = os.path.join(self.folder.name, "slow.npz")
        np.savez(path, weight=np.random.default_rng(SEED).standard_normal((1024, 1024)).astype("f4"))
        return path

    def test_report(self):
        report = self.model.report(self.x, repeat=2)
        self.assertIn("linear", str(report))
        self.assertIsInstance(report.data, dict)
        page = Page(report._repr_html_())
        self.assertEqual(page.tables[0]["function"], ["linear"])
        self.assertEqual(len(page.tables), 1 + sum(isinstance(v, list) and bool(v) for v in report.data.values()))
        self.assertIn(str(report).strip(), page.texts["pre"])
        with self.assertRaisesRegex(nm.Error, "has no source"):
            nm.load(self.model.path).report(self.x)

    def test_notes(self):
        notes = nm.compile(LINEAR, params=self.checkpoint, prune="1:4").notes
        self.assertRegex(notes, r"pruned weight \[4, 8\] to 1:4 along dimension 1, [0-9.]+ % of its norm removed")

    def test_progress(self):
        texts = []
        self.addCleanup(nm.set_progress, None)
        nm.set_progress(texts.append)
        progress._DELAY, delay = 0, progress._DELAY
        try:
            nm.compile(LINEAR, params=self.checkpoint)
        finally:
            progress._DELAY = delay
        self.assertRegex(texts[0], r"^compiling .*source.mlir \.\.\.  \d+ s$")
        self.assertIs(texts[-1], None)
        texts.clear()
        nm.set_progress(False)
        nm.compile(LINEAR, params=self.checkpoint)
        self.assertEqual(texts, [])

    def test_progress_on_a_terminal(self):
        # Standard error of the process is a terminal, that of its tools is not.
        here, there = pty.openpty()
        self.addCleanup(os.close, here)
        code = (f"import nm, nm.progress; nm.progress._DELAY = 0\n"
                f"nm.compile({LINEAR!r}, params={self.checkpoint!r})\n")
        with subprocess.Popen([sys.executable, "-c", code], stderr=there):
            os.close(there)
            shown = b""
            while True:
                try:
                    data = os.read(here, 4096)
                except OSError:  # nobody has the other end any more
                    break
                if not data:
                    break
                shown += data
        self.assertRegex(shown.decode(), r"\r\x1b\[2Kcompiling .*source.mlir \.\.\.  \d+ s")
        self.assertTrue(shown.endswith(b"\r\x1b[2K"), shown)

    def test_interrupt_ends_the_tool(self):
        # The tool waits for a FIFO that nobody writes.
        fifo = os.path.join(self.folder.name, "fifo.mlir")
        os.mkfifo(fifo)
        code = (f"import nm\ntry:\n    print('ready', flush=True)\n    nm.compile({fifo!r})\n"
                "except KeyboardInterrupt:\n    print('interrupted')\n")
        # A shell's background jobs ignore the signal, and so do their children unless they are told otherwise.
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=20)[0], "interrupted\n")


class Tools(unittest.TestCase):
    def test_prune(self):
        rng = np.random.default_rng(SEED)
        for dtype in ("f4", "f2", "i1"):
            w = (rng.standard_normal((6, 16)) * 20).astype(dtype)
            for axis in (1, -1):
                pruned = nm.prune(w, "2:4", axis)
                groups = np.abs(w.reshape(6, 4, 4).astype("f8"))
                keep = np.argsort(np.argsort(-groups, axis=2, kind="stable"), axis=2) < 2
                np.testing.assert_array_equal(pruned, np.where(keep.reshape(6, 16), w, 0))
        self.assertEqual(nm.magnitude_mask(np.ones((4, 3), "f4"), "1:2", axis=0).tolist(),
                         [[True] * 3, [False] * 3] * 2)
        with self.assertRaisesRegex(nm.Error, "pattern '2of4', expected N:M"):
            nm.prune(w, "2of4")
        with self.assertRaisesRegex(nm.Error, "16|multiple|divide"):
            nm.prune(w, "3:7")

    def test_inspect(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "w.npz")
            np.savez(path, weight=nm.prune(np.random.default_rng(1).standard_normal((4, 8)).astype("f4"), "2:4"))
            report = nm.inspect(path)
        self.assertIn("2:4", str(report))
        self.assertIn("weight", str(report.data))

    def test_simulate(self):
        text = LINEAR.replace("?", "16").replace("tensor.empty(%d)", "tensor.empty()")
        text = "\n".join(line for line in text.splitlines() if "tensor.dim" not in line) + "\n"
        report = nm.simulate(text, "edge")
        self.assertIn("cycles", str(report))
        self.assertIn("engines", Page(report._repr_html_()).texts["details"] + str(report.data))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "w.npz")
            weight = np.random.default_rng(SEED).standard_normal((4, 8)).astype("f4")
            np.savez(path, weight=weight)
            x = np.random.default_rng(SEED + 1).standard_normal((16, 8)).astype("f4")
            # What was pruned when it was compiled is pruned on the accelerator.
            model = nm.compile(text, params=path, prune="2:4")
            simulated = nm.simulate(model, "edge", x)
            self.assertIn("pruned weight [4, 8] to 2:4 along dimension 1", simulated.notes)
            self.assertLess(simulated["macs"], nm.simulate(nm.compile(text, params=path), "edge", x)["macs"])
        with self.assertRaisesRegex(nm.Error, "unknown --target 'edgy' .did you mean 'edge'"):
            nm.simulate(text, "edgy")

    def test_sensitivity(self):
        text = LINEAR.replace("?", "16").replace("tensor.empty(%d)", "tensor.empty()")
        text = "\n".join(line for line in text.splitlines() if "tensor.dim" not in line) + "\n"
        rng = np.random.default_rng(SEED)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "w.npz")
            weight = rng.standard_normal((4, 8)).astype("f4")
            np.savez(path, weight=weight)
            samples = [{"x": rng.standard_normal((16, 8)).astype("f4")} for _ in range(3)]
            found = nm.sensitivity(text, samples, params=path, threads=1)
            (layer,) = found["layers"]
            choices = {choice["pattern"]: choice["difference"] for choice in layer["choices"]}
            x = np.concatenate([sample["x"] for sample in samples])
            for pattern, difference in choices.items():
                moved = x @ (weight - nm.prune(weight, pattern)).T
                self.assertAlmostEqual(difference, np.linalg.norm(moved) / np.linalg.norm(x @ weight.T), places=4)
            self.assertEqual(found.prune, {})
            self.assertEqual(Page(found._repr_html_()).tables[0]["weight"], ["", *(f"{v:.4g}" for v in choices.values())])
            model = nm.compile(text, params=path)
            self.assertEqual([c["pattern"] for c in nm.sensitivity(model, samples)["layers"][0]["choices"]],
                             list(choices))
            with self.assertRaisesRegex(nm.Error, "sample 0 is ndarray, expected a dict"):
                nm.sensitivity(model, [samples[0]["x"]])
            with self.assertRaisesRegex(nm.Error, "prune-by 'size'|--prune-by.*size"):
                nm.sensitivity(model, samples, by="size")

    def test_explore(self):
        rows = nm.explore(device="edge", model="BERT", length=[512, 1024], method="flat")
        self.assertEqual(sorted(row["length"] for row in rows), [512, 1024])
        page = Page(rows._repr_html_())
        self.assertEqual(len(page.tables), 1)
        self.assertIn("512", page.texts["table"])

    def test_pifo(self):
        policy = pathlib.Path(os.environ["NM_SOURCE"]) / "examples/pifo/fifo.mlir"
        packets = [{"time": i, "flow": i % 2, "length": 100} for i in range(10)]
        report = nm.pifo.run(policy, packets, rate=0)
        self.assertEqual(len(report.departures), 10)
        report = nm.pifo.run(policy.read_text(), packets, rate=0)
        self.assertEqual(len(report.departures), 10)


if __name__ == "__main__":
    unittest.main()
