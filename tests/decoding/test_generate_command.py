"""`tokenlab generate`: what is written keeps the rules, and what it took is said."""

import json
import re

import pytest

pytest.importorskip("regex")

from tokenlab.cli import main


@pytest.fixture
def write(tmp_path, capsys):
    def run(*options, prompt="HAMLET:", status=0):
        file = tmp_path / "out.json"
        found = main(["generate", prompt, *options, "--json", str(file)])
        assert found == status, capsys.readouterr().err
        return json.loads(file.read_text(encoding="utf-8")) if status == 0 else capsys.readouterr()

    return run


def test_drafts_do_not_change_greedy_text(write):
    greedy = write("--n", "40", "--temperature", "0")
    lookup = write("--n", "40", "--draft", "lookup")
    recycle = write("--n", "40", "--draft", "recycle")
    assert greedy["text"] == lookup["text"] == recycle["text"]
    assert greedy["forwards"] == 40
    assert recycle["forwards"] < 40


def test_a_pattern_is_matched_as_a_whole(write):
    found = write("--regex", "[a-z]{2,5}[.]", "--n", "12")
    assert re.fullmatch("[a-z]{2,5}[.]", found["text"])
    assert 0 < found["calls"] < 256 * found["forwards"] / 4


def test_json_is_json(write):
    json.loads(write("--valid-json", "--n", "40", "--n-particles", "8")["text"])


def test_text_stops_before_what_stops_it(write):
    found = write("--stop", " ", "--n", "60", "--rng", "1")
    assert " " not in found["text"]
    assert found["tokens"] <= 60


def test_what_does_not_fit_is_refused(write):
    assert "PROMPT is empty" in write(prompt="", status=2).err
    assert "greedy" in write("--draft", "recycle", "--temperature", "1", status=2).err
    assert "particle" in write("--regex", "[a-z]{30}", "--n", "5", status=2).err
