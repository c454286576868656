# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a browser makes of pages with a table: open_pages.py PAGE.html ..."""

import html
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, os.path.join(os.environ["NM_SOURCE"], "scripts/lib"))
import browser  # noqa: E402

# Clicks, and says what the page is like in between.
PROBE = """<script>
const probed = {};
{
  const table = document.querySelector("table.sorted"), heads = [...table.querySelectorAll("thead th")];
  const column = heads.findIndex((head) => head.classList.contains("number"));
  const bodies = () => [...table.tBodies].map((body) => [...body.rows].map((row) => Number(row.cells[column].dataset.v)));
  probed.before = bodies();
  heads[column].querySelector("button").click();
  probed.down = bodies();
  heads[column].querySelector("button").click();
  probed.up = bodies();
  const shown = () => [...table.tBodies[0].rows].filter((row) => row.getBoundingClientRect().height > 0).length;
  probed.unfolded = shown();
  table.tBodies[0].rows[0].click();
  probed.folded = shown();
  const style = getComputedStyle(document.body);
  probed.colours = [style.color, style.backgroundColor];
  probed.loaded = performance.getEntriesByType("resource").length;
  probed.wide = document.documentElement.scrollWidth > innerWidth;
}
const answer = document.createElement("pre");
answer.id = "answer";
answer.textContent = JSON.stringify(probed);
document.body.append(answer);
</script></body>"""


def check(page, dark):
    probe = pathlib.Path(f"probe-{page}")
    probe.write_text(pathlib.Path(page).read_text().replace("</body>", PROBE))
    dom = browser.run(probe, ["--dump-dom"], dark)
    found = re.search(r'<pre id="answer">(.*?)</pre>', dom, re.S)
    assert found, f"{page}: a script failed"
    have = json.loads(html.unescape(found[1]))
    assert sorted(map(sorted, have["before"])) == sorted(map(sorted, have["down"])), f"{page}: sorting loses rows"
    for name, reverse in [("down", True), ("up", False)]:
        groups = have[name]
        heads = [group[0] for group in groups]
        assert heads == sorted(heads, reverse=reverse), f"{page}: groups are not sorted: {heads}"
        for group in groups:
            assert group[1:] == sorted(group[1:], reverse=reverse), f"{page}: rows are not sorted: {group}"
    assert have["unfolded"] == len(have["up"][0]) > 1 == have["folded"], (page, have)
    text, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in have["colours"])
    assert (text > paper) == dark, f"{page}: {have['colours']} on a {'dark' if dark else 'light'} screen"
    assert have["loaded"] == 0 and not have["wide"], (page, have)


for name in sys.argv[1:]:
    pictures = []
    for dark in [False, True]:
        check(name, dark)
        browser.picture(name, "picture.png", dark)
        pictures.append(pathlib.Path("picture.png").read_bytes())
        size = tuple(int.from_bytes(pictures[-1][at:at + 4], "big") for at in (16, 20))
        assert pictures[-1][:8] == b"\x89PNG\r\n\x1a\n" and size == browser.SIZE, size
    assert pictures[0] != pictures[1], f"{name}: the same picture on light and dark screens"
