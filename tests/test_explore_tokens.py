"""What the page on merges computes in a browser, run by Node and compared with the library."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tokenlab.data import load_text, load_vocabulary

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "tools" / "docs" / "explore_tokens.py"
pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason="the tools are not in a package")

NASTY = [
    "Hello  world, it's 2024's  \n\n end ",
    "n\u00b92 \u00bd \u0661\u0662 \u017f'\u017f I'LL q\x1er \ufeffx\u0085y",
    "\U0001d400\U0001f600 \U00020000 e\u0301 a\u0903b aaaaaaa",
    "x\r\n\r\n  y\t\tz //\n a/b \u02b0x \u01c5 XMLHttpRequest don'T",
    "",
]
SCRIPT = """
const fs = require("fs");
globalThis.window = globalThis;
const [script, folder, asked] = process.argv.slice(2);
const Merges = require(script);
const { names, patterns, texts } = JSON.parse(fs.readFileSync(asked));
const out = {};
for (const name of names) {
  eval(fs.readFileSync(`${folder}/tokens-${name}.js`, "utf8"));
  const v = Merges.unpacked(exploreVocabularies[name]);
  out[name] = texts.map((text) => {
    const all = Merges.states(v, patterns[name], text);
    const ranks = all.slice(1).map((state) => state.rank);
    return { ids: all[all.length - 1].chunks.flat().map((t) => Merges.idOf(v, t)), ranks };
  });
}
console.log(JSON.stringify(out));
"""


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("explore_tokens", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_encodes_as_the_library_does(page, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not there")
    page.write_vocabularies(tmp_path)
    data, _ = page.page_of(lambda *parts: "")
    texts = [
        *NASTY,
        *page.SAMPLES.values(),
        load_text("shakespeare")[:2000],
        load_text("turkish")[:1000],
    ]
    asked = {"names": list(page.SHOWN), "patterns": data["patterns"], "texts": texts}
    (tmp_path / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    (tmp_path / "run.js").write_text(SCRIPT, encoding="utf-8")
    command = [node, tmp_path / "run.js", ROOT / "docs" / "explore" / "tokens.js", tmp_path]
    done = subprocess.run(
        [*command, tmp_path / "asked.json"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name in page.SHOWN:
        tokenizer = load_vocabulary(name)
        for text, answer in zip(texts, found[name], strict=True):
            known = all(tokenizer.byte_id[byte] >= 0 for byte in text.encode())
            if known:
                assert answer["ids"] == tokenizer.encode(text, special="text").tolist(), (
                    name,
                    text,
                )
            else:  # what the library refuses, the page strikes out
                assert -1 in answer["ids"]
    lacking = [name for name in page.SHOWN if -1 in found[name][1]["ids"]]
    assert lacking == []


def test_samples_of_the_page_are_the_librarys(page):
    data, table = page.page_of(lambda title, text, header, rows: json.dumps([header, rows]))
    header, rows = json.loads(table)
    assert len(header) == 2 + len(page.SHOWN)
    assert len(rows) == len(page.SAMPLES) > 4
    for sample, text in page.SAMPLES.items():
        for name in page.SHOWN:
            decoded = load_vocabulary(name).decode(data["ids"][sample][name])
            assert decoded == text
