"""The command line: what a newcomer types, and what they read when it is wrong."""

import pytest

from tokenlab import __version__
from tokenlab.cli import STEP_THROUGHS, main
from tokenlab.papers import PAPERS
from tokenlab.tour import PARTS


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("tour", "steps", "papers"))
    for command in ("tour", "papers", "steps"):
        with pytest.raises(SystemExit) as done:
            main([command, "--help"])
        assert done.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in STEP_THROUGHS)


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capsys.readouterr().out


def test_papers_lists_the_registry(capsys):
    assert main(["papers"]) == 0
    text = capsys.readouterr().out
    for paper in PAPERS:
        assert paper.title in text
        assert paper.identifier in text


@pytest.mark.parametrize("name", ["xtr", "maxsim"])
def test_steps_prints_a_table_and_writes_a_page(name, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["steps", name, "--question", "12", "--html", str(page), "--no-browser"]) == 0
    text = capsys.readouterr().out
    assert str(page) in text
    assert "similarity" in text
    html = page.read_text(encoding="utf-8")
    assert "<html" in html
    assert "similarity" in html


def test_steps_refuses_a_question_that_is_not_there(capsys):
    assert main(["steps", "xtr", "--question", "158"]) == 2
    error = capsys.readouterr().err
    assert "158" in error
    assert "0 to 157" in error


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as done:
        main(["fly"])
    assert done.value.code == 2
    assert "tour" in capsys.readouterr().err


def test_an_unknown_part_of_the_tour_is_refused(capsys, tmp_path):
    assert main(["tour", "attic", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert all(part in error for part in PARTS)


def test_the_retrieval_part_of_the_tour(tmp_path, capsys, monkeypatch):
    """On a slice of the collection, so that the test stays quick; CI runs the whole tour."""
    from tokenlab.tour import retrieval

    monkeypatch.setattr(retrieval, "K_PRIMES", (100,))
    assert main(["tour", "retrieval", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "All 158 questions" in text
    rows = {
        line.split("  ")[1].strip(): line.split() for line in text.splitlines() if " ms" in line
    }
    assert len(rows) == 5
    exact, everything = rows["MaxSim, every token"], rows["XTR, k' = all tokens"]
    assert exact[-4:-2] == everything[-4:-2]  # nDCG and recall: all tokens retrieved is MaxSim
    assert (tmp_path / "xtr.html").stat().st_size > 10_000
    assert str(tmp_path / "xtr.html") in text
