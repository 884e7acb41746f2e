"""`tokenlab attribute`: by every method, with and without colour, in a pipe, with mistakes."""

import io
import json
import re
import sys

import numpy as np
import pytest

from tokenlab import attribute_command, models
from tokenlab.cli import main

TEXT = "HAMLET:\nTo be, or not to"


@pytest.fixture
def told(capsys):
    def run(*arguments):
        status = main(["attribute", *arguments])
        got = capsys.readouterr()
        return status, got.out, got.err

    return run


@pytest.mark.parametrize("method", attribute_command.METHODS)
def test_every_method_scores_every_token(method, told, tmp_path):
    file = tmp_path / "found.json"
    status, out, _ = told(TEXT, "--model", "tiny", "--method", method, "--json", str(file))
    assert status == 0
    assert f"small model of the package, trained on plays, {method}: what made it say ' be'" in out
    found = json.loads(file.read_text(encoding="utf-8"))
    assert "".join(found["tokens"]) == TEXT
    assert len(found["scores"]) == len(found["tokens"]) == len(re.findall(r"^[* ] \S", out, re.M))
    assert found["best"] == sorted(np.argsort(found["scores"])[-3:])
    assert len(re.findall(r"^\* ", out, re.M)) == 3
    assert ("questions." in out) == (method in ("reagent", "occlusion"))


def test_the_text_is_marked_without_colour(told):
    _, out, _ = told(TEXT, "--model", "tiny", "--keep", "2")
    assert "\x1b" not in out
    line = next(line for line in out.splitlines() if "→" in line)
    assert len(re.findall(r"\[[^\]]+\]", line)) == 2
    assert re.sub(r"[\[\]]", "", line).startswith("HAMLET:⏎To be, or not to".replace(", ", ",␣"))


def test_colours_where_the_terminal_has_them(told, monkeypatch):
    monkeypatch.setattr(attribute_command, "coloured", lambda: True)
    _, out, _ = told(TEXT, "--model", "tiny")
    assert "\x1b[48;5;25m" in out  # what counts most
    assert "[" in re.sub(r"\x1b\[[\d;]*m", "", out)  # and the marks are there, too


def test_nobody_asked_for_colours(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert attribute_command.coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not attribute_command.coloured()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not attribute_command.coloured()


def test_another_target(told):
    _, out, _ = told(TEXT, "--model", "tiny", "--target", " the", "--method", "gradient")
    assert "what made it say ' the'" in out


def test_counts_read_a_pipe(told, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("To be, or not t"))
    status, out, _ = told("-", "--model", "plays", "--method", "occlusion", "--draws", "2")
    assert status == 0
    assert "counts of seven bytes in a row" in out
    scores = [float(x) for x in re.findall(r"^[* ] \S+ +(-?\d\.\d+)", out, re.M)]
    assert len(scores) == 15
    assert scores[:9] == [0.0] * 9  # seven bytes in a row: six are looked at


def test_the_model_is_the_best_that_is_here(told, monkeypatch):
    monkeypatch.setattr(models, "find", lambda name: None)
    assert "the small model of the package" in told(TEXT, "--method", "random")[1]


def test_smollm2_where_it_is_installed(told):
    if not models.find("smollm2"):
        pytest.skip("needs the weights of SmolLM2")
    _, out, _ = told("The capital of France is", "--method", "gradient")
    assert "SmolLM2-135M, gradient: what made it say ' Paris'" in out


def test_bytes_that_are_no_letters_are_shown():
    assert attribute_command.visible(" a") == "␣a"
    assert attribute_command.visible("\n") == "⏎"
    assert attribute_command.visible("\x1b") == "�"  # no text can speak to the terminal
    same = np.zeros(2)
    assert attribute_command.marked(["a", "\x1b"], same, np.array([1])) == "a[�]"
    assert attribute_command.lines(["a", "b"], same, np.array([0]))[0] == "* a   0.0000"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["", "--model", "tiny"], "TEXT is empty"),
        ([TEXT, "--model", "tiny", "--keep", "0"], "--keep is 0"),
        ([TEXT, "--model", "tiny", "--target", ""], "--target is empty"),
        ([TEXT, "--model", "tiny", "--rng", "-1"], "rng is -1"),
        ([TEXT, "--model", "tiny", "--runs", "0"], "runs is 0"),
        (["a " * 200, "--model", "tiny"], "the small model knows 64 places"),
        ([TEXT, "--model", "plays", "--method", "gradient"], "counts have no gradient"),
    ],
)
def test_mistakes(arguments, said, told):
    status, _, err = told(*arguments)
    assert status == 2
    assert said in err
