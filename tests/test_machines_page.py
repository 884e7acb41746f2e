"""The page on several machines: its table and its calculator reckon alike."""

import itertools
import json
import re
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

pytest.importorskip("matplotlib")
machines = pytest.importorskip("docs.machines")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return machines.write(tmp_path_factory.mktemp("page") / "machines.md").read_text()


def test_the_constants_are_those_that_were_measured(page):
    found = json.loads(machines.FOUND.read_text(encoding="utf-8"))
    given = json.loads(unescape(re.search('data-constants="(.*?)"', page)[1]))
    assert given == machines.constants(found)
    last = found["rows"][-1]
    tokens = last["n_tokens"]
    assert given["exact_ns"] * tokens / 1e6 == pytest.approx(last["exact_ms"], rel=0.01)
    reckoned = given["fixed_ms"] + given["root_ms"] * (tokens / 1e6) ** 0.5
    assert reckoned == pytest.approx(last["compressed_ms"], rel=0.1)
    each = given["d"] / 2 + given["bytes_more_compressed"]
    assert each * tokens == pytest.approx(last["compressed_bytes"], rel=0.01)


def test_the_script_uses_every_constant(page):
    script = (ROOT / "docs" / "assets" / "machines.js").read_text(encoding="utf-8")
    given = json.loads(unescape(re.search('data-constants="(.*?)"', page)[1]))
    assert {name for name in given if f"c.{name}" not in script} == set()


def test_the_table_goes_from_a_million_to_a_hundred_billion_tokens(page):
    rows = re.findall(r"\| 10<sup>(\d+)</sup> \|(.*)\|", page)
    assert [int(power) for power, _ in rows] == list(range(6, 12))
    c = machines.constants(json.loads(machines.FOUND.read_text(encoding="utf-8")))
    sizes = [machines.estimate(c, 10.0**power) for power in range(6, 12)]
    for (exact, few), (exact_next, few_next) in itertools.pairwise(sizes):
        assert exact[0] > few[0]
        assert exact_next[0] == pytest.approx(10 * exact[0])
        assert exact_next[1] >= exact[1] >= few[1]
        assert few_next[2] >= few[2]


def test_the_picture_says_its_exponents(page):
    alt = re.search('<img alt="(.*?)"', page)[1]
    assert len(re.findall(r"power \d\.\d\d", alt)) == 2


def test_every_picture_says_in_words_what_it_shows(page):
    texts = re.findall('<img alt="([^"]+)"', page)
    assert [text.split()[0] for text in texts] == ["Milliseconds", "Recall", "Bytes"]


def test_the_bytes_of_a_token_are_those_of_the_whole_index():
    found = json.loads(machines.FOUND.read_text(encoding="utf-8"))
    looked_at = found["looked_at"]
    (row,) = [row for row in found["rows"] if row["n_tokens"] == looked_at["n_tokens"]]
    whole = row["compressed_bytes"] / row["n_tokens"]
    assert sum(looked_at["bytes"].values()) == pytest.approx(whole, rel=0.01)
    assert any(setting["recall"] >= 0.95 for setting in looked_at["settings"])
