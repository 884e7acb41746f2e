"""The page in a real browser: it loads, reports no error, and the keys lead from step to step."""

import html
import re
import subprocess

import numpy as np
import pytest
from browsers import CHROMIUM, QUIET

from tokenlab.plots.steps_page import render_fragment, render_page
from tokenlab.steps import record, step

NASTY = "</script><b>&"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

# Runs in the page after it has loaded: press keys, note what the page then says.
PROBE = """
<script>
const seen = [];
addEventListener("error", (event) => seen.push(`error: ${event.message}`));
addEventListener("load", () => {
  const note = () => seen.push(document.getElementById("name").textContent + location.hash);
  const press = (key, target = document.body) => {
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    note();
  };
  note();
  for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home", " "]) press(key);
  document.getElementById("next").click();
  note();
  const plot = document.querySelector("#picture .plot[role]");
  if (plot) {
    plot.focus();
    press("ArrowRight", plot); // moves the cell, not the step
    seen.push(document.querySelector(".readout").textContent);
  }
  document.getElementById("theme").click();
  seen.push(document.documentElement.dataset.theme);
  seen.push(`lit ${[...document.querySelectorAll(".source:not([hidden]) .lit")].length > 0}`);
  seen.push(`wide ${document.documentElement.scrollWidth > innerWidth}`);
  dispatchEvent(new Event("beforeprint"));
  seen.push(`printed ${document.querySelectorAll(".static .picture > *").length > 0}`);
  document.title = JSON.stringify(seen);
});
</script>
"""


def run():
    """Three steps, the third too large for a table of numbers."""
    x = step("first", np.array([1.0, np.nan, -np.inf]), "three", axes=("n",))
    step("second", x > 0, "a mask", axes=("n",))
    step("third", np.arange(50 * 60.0).reshape(50, 60), "large", axes=("n", "labelled"))
    return step("fourth", np.array([[1, 0]]), "by name", axes=("q", "rank"), of="few")


@pytest.fixture(scope="module")
def steps():
    with record({"few": ["no", NASTY], "labelled": [NASTY] * 60}) as steps:
        run()
    return steps


def dumped(page: str, folder, hash_: str = "", size: str = "1280,800") -> str:
    """The document as it stands after loading."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        *QUIET,
        "--virtual-time-budget=3000",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={size}",
    ]
    command += ["--dump-dom", path.as_uri() + hash_]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    return answer.stdout


def said(document: str) -> str:
    return html.unescape(re.search(r"<title>(.*?)</title>", document, re.DOTALL)[1])


@pytest.mark.parametrize("size", ["1280,800", "500,844"])
def test_keys_lead_from_step_to_step(steps, tmp_path, size):
    page = render_page(steps).replace("</head>", PROBE + "</head>")
    seen = said(dumped(page, tmp_path, "#step-2", size))
    order = ["second#step-2", "third#step-3", "fourth#step-4", "third#step-3", "fourth#step-4"]
    order += ["first#step-1", "second#step-2", "third#step-3"]
    assert "error" not in seen
    assert seen.startswith("[" + ",".join(f'"{name}"' for name in order) + ',"third#step-3","n 0')
    assert f"labelled 1 “{NASTY}”  →  1" in seen.replace("\\", "")
    assert '"dark","lit true","wide false","printed true"' in seen


REPAINT = """
<script>
addEventListener("load", async () => {
  const seen = [];
  const look = () => {
    const canvas = document.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let light = 0; // the brightest pixel beneath the cells, where only labels stand
    for (let i = 4 * canvas.width * (canvas.height - 16); i < data.length; i += 4)
      if (data[i + 3] > 200) light = Math.max(light, data[i] + data[i + 1] + data[i + 2]);
    const button = document.getElementById("theme");
    seen.push(`${button.textContent} ${button.getAttribute("aria-label")} ${light > 600}`);
  };
  const turn = async (theme) => {
    document.documentElement.dataset.theme = theme; // as the page around does
    await new Promise((done) => setTimeout(done, 50));
    look();
  };
  await turn("light");
  await turn("dark");
  dispatchEvent(new Event("beforeprint"));
  seen.push(document.documentElement.dataset.theme);
  dispatchEvent(new Event("afterprint"));
  seen.push(document.documentElement.dataset.theme);
  document.title = JSON.stringify(seen);
});
</script>
"""


def test_colours_that_the_page_around_chose_are_painted(tmp_path):
    """Dark labels on a dark ground would be left where only the style sheet followed."""
    with record() as steps:
        step("x", np.arange(1200.0).reshape(30, 40), axes=("n", "d"))
    page = render_page(steps).replace("</head>", REPAINT + "</head>")
    assert said(dumped(page, tmp_path)) == (
        '["Dark Switch to dark colours false","Light Switch to light colours true","light","dark"]'
    )


SPEED = """
<script>
addEventListener("load", () => {
  const start = performance.now();
  for (let i = 0; i < 50; i++) document.getElementById("next").click();
  const each = (performance.now() - start) / 50;
  document.title = `${document.getElementById("count").textContent} ${Math.round(each)}`;
});
</script>
"""


def test_a_page_of_thousands_of_steps_is_quick(tmp_path):
    with record() as steps:
        for i in range(4000):
            step("x", np.arange(16.0) + i, "one of many", axes=("n",))
    page = render_page(steps)
    assert len(page) < 5_000_000
    seen = said(dumped(page.replace("</head>", SPEED + "</head>"), tmp_path))
    assert seen.startswith("Step 51 of 4000")
    assert int(seen.split()[-1]) < 100  # milliseconds, on a busy machine


def test_bins_are_read_in_words(tmp_path):
    p = np.full(4096, 1e-4)
    p[1777] = 0.9
    with record({"vocab": [f"w{i}" for i in range(4096)]}) as steps:
        step("p", p, axes=("vocab",))
    probe = """<script>addEventListener("load", () => {
      const plot = document.querySelector(".plot[role]");
      plot.focus();
      for (let i = 0; i < 161; i++)
        plot.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
      document.title = document.querySelector(".readout").textContent + plot.ariaLabel
        + document.querySelector(".legend").textContent;
    });</script>"""
    seen = said(dumped(render_page(steps).replace("</head>", probe + "</head>"), tmp_path))
    assert "vocab 1,771 to 1,781  →  0.0001 to 0.9, the largest at 1,777 “w1777”" in seen
    assert "373 bins of 11, each with its min and max" in seen
    assert "all values of the bin reach this" in seen


def test_a_link_leads_to_its_step(steps, tmp_path):
    document = dumped(render_page(steps), tmp_path, "#step-4")
    assert '<h2 id="name">fourth</h2>' in document
    assert re.search(r'<a href="#step-4" aria-current="step">', document)
    assert html.escape(NASTY, quote=False) in document  # the label, as text
    assert f"<b>{NASTY[-1]}" not in document


def test_two_frames_on_one_page(steps, tmp_path):
    page = f"<!doctype html><title>two</title>{render_fragment(steps)}{render_fragment(steps)}"
    document = dumped(page, tmp_path)
    assert document.count("<iframe") == 2
    assert "<h2" not in re.sub(r'srcdoc="[^"]*"', "", document)
