"""The command line: what a newcomer types, and what they read when it is wrong."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tokenlab import __version__, cli
from tokenlab.cli import main
from tokenlab.papers import PAPERS
from tokenlab.papers_command import plain
from tokenlab.tour import PARTS
from tokenlab.tour.step_throughs import found, step_through

NAMES = list(found())


def command(*arguments, env=None, **options):
    """The command in a process of its own."""
    options = {"capture_output": True, "text": True, "timeout": 120} | options
    return subprocess.run(
        [sys.executable, "-m", "tokenlab", *arguments],
        env={**os.environ, "COLUMNS": "80", **(env or {})},
        check=False,
        **options,
    )


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("tour", "steps", "papers", "assignment"))
    for name in ("tour", "papers", "assignment"):
        with pytest.raises(SystemExit) as done:
            main([name, "--help"])
        assert done.value.code == 0


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capsys.readouterr().out


def test_without_a_command_it_greets_and_says_what_to_type(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[-1] == "Start with:  tokenlab tour"
    assert all(f"tokenlab {name}" in text for name in ("tour", "steps", "papers", "assignment"))


def test_python_m_tokenlab():
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"tokenlab {__version__}\n")


# Papers.


def test_papers_lists_the_registry_by_family(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["papers"]) == 0
    text = capsys.readouterr().out
    for paper in PAPERS:
        assert f"  {paper.key} " in text
        assert paper.title in " ".join(text.split())
    assert len(text.splitlines()) < 3 * len(PAPERS)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.key)
def test_papers_tells_more_about_one(paper, capsys):
    assert main(["papers", paper.key]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for wanted in (paper.title, paper.identifier, paper.claim, paper.finding, paper.module):
        assert " ".join(wanted.split()) in text
    assert f"tokenlab steps {paper.steps}" in text
    assert "Differs from the paper" in text
    assert "Cost" in text
    assert not {"$", "\\"} & set(text), "formulas are for the page"
    assert "| |" not in text, "so are tables"


def test_formulas_of_the_notes_can_be_read_in_a_terminal():
    assert plain(r"$D^{-1/2} \hat S$, $\Vert A\Vert_1^2$") == "D^(-1/2) S\u0302, ‖A‖_1^2"
    assert plain(r"$\lfloor 1024 \rho \rfloor$, $n_{\text{rest}}$") == "⌊1024 ρ⌋, n_rest"
    assert plain(r"$A^\dagger$, $P_{\cdot j}$, $\tfrac{2}{3} m^3$") == "A⁺, P_(· j), 2/3 m^3"
    assert plain("no formula, 5 $") == "no formula, 5 $"


def test_an_unknown_paper_is_refused_with_the_nearest(capsys):
    assert main(["papers", "hipprune"]) == 2
    assert "Did you mean hiprune" in capsys.readouterr().err


# Step-throughs.


@pytest.mark.parametrize("arguments", [["steps"], ["steps", "--help"]])
def test_steps_lists_all(arguments, capsys):
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for name in NAMES)


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


@pytest.mark.parametrize("name", NAMES)
def test_each_has_its_own_options_and_they_reach_it(name, capsys):
    with pytest.raises(SystemExit) as done:
        main(["steps", name, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    for option, default in found()[name].options.items():
        assert f"--{option.replace('_', '-')} {option.upper()}" in text
        assert f"({default})" in text
    assert ("--k-prime" in text) == (name == "xtr")


def test_an_option_changes_what_is_recorded(tmp_path, capsys):
    page = str(tmp_path / "page.html")
    for given, left in (((), 64), (("--k", "20"), 20)):
        assert main(["steps", "hiprune", *given, "--out", page, "--no-browser"]) == 0
        assert f"{left} of 256 true" in capsys.readouterr().out


def test_every_paper_has_a_step_through_by_its_key(tmp_path, capsys):
    for paper in PAPERS:
        assert paper.steps in NAMES, paper.key
    out = str(tmp_path / "page.html")
    assert main(["steps", "token_transforming", "--out", out, "--no-browser"]) == 0


@pytest.mark.parametrize("name", ["tap-adl", "nystromformer", "performer", "linformer"])
def test_step_throughs_of_attention_record_something(name):
    steps = found()[name].run(0)
    assert len(steps) >= 3


def test_an_unknown_step_through_is_refused_with_the_nearest(capsys):
    assert main(["steps", "hi-prune"]) == 2
    assert "Did you mean hiprune" in capsys.readouterr().err
    assert main(["steps", "qqqqq"]) == 2
    error = capsys.readouterr().err
    assert all(name in error for name in NAMES)


def test_steps_refuses_a_question_that_is_not_there(capsys):
    assert main(["steps", "xtr", "--question", "158"]) == 2
    error = capsys.readouterr().err
    assert "158" in error
    assert "0 to 157" in error


def test_two_step_throughs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two step-throughs are called 'xtr'"):
        step_through("xtr", "")(lambda number: None)


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as done:
        main(["fly"])
    assert done.value.code == 2
    assert "tour" in capsys.readouterr().err


# The tour.


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    out = tmp_path_factory.mktemp("tour")
    return command("tour", "--out", "here", cwd=out), out / "here"


def test_the_tour_is_read_in_a_minute(tour):
    done, _ = tour
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 30 + 7 * len(PARTS)
    assert max(map(len, lines)) <= 80
    parts = re.split(r"^Part (\d+) of (\d+): (\w+).*$", done.stdout, flags=re.MULTILINE)
    assert [tuple(parts[i : i + 3]) for i in range(1, len(parts), 4)] == [
        (str(i + 1), str(len(PARTS)), part) for i, part in enumerate(PARTS)
    ]
    for text in parts[4::4]:
        block = text.strip("\n").partition("\n\n")[0]
        assert len(block.splitlines()) <= 5, block  # and the heading
        assert re.search("^Question: .+^Result:   .+^Words:    ", block, re.MULTILINE | re.DOTALL)
    assert re.search(r"nDCG@10 of 0\.\d{3}", " ".join(done.stdout.split()))
    assert "What next?" in done.stdout


def test_the_tour_leaves_an_index_of_its_pages(tour):
    done, out = tour
    index = (out / "index.html").read_text(encoding="utf-8")
    pages = {p.name for p in out.glob("*.html")} - {"index.html"}
    assert len(pages) == len(PARTS)
    assert set(re.findall(r'<li><a href="([^"]+)"', index)) == pages
    for page in (*pages, "index.html"):
        assert f"here/{page}" in done.stdout.replace("\\", "/")


def test_an_unknown_part_of_the_tour_is_refused(capsys, tmp_path):
    assert main(["tour", "attic", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "no such part: attic" in error
    assert "attention" in error


def test_the_retrieval_part_of_the_tour(tmp_path, capsys, monkeypatch):
    """On a slice of the collection, so that the test stays quick; CI runs the whole tour."""
    from tokenlab.tour import retrieval

    monkeypatch.setattr(retrieval, "K_PRIMES", (100,))
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["tour", "retrieval", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "All 158 questions" in text
    rows = {
        line.split("  ")[1].strip(): line.split() for line in text.splitlines() if " ms" in line
    }
    assert len(rows) == 5 + 4  # of XTR; exact, pooled, compressed, encoded
    exact, everything = rows["MaxSim, every token"], rows["XTR, k' = all tokens"]
    assert exact[-4:-2] == everything[-4:-2]  # nDCG and recall: all tokens retrieved is MaxSim
    assert (tmp_path / "xtr.html").stat().st_size > 10_000
    assert 'href="xtr.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert str(tmp_path / "xtr.html") in text
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 80


# Terminals, pipes and file systems.


@pytest.mark.parametrize("columns", ["40", "80"])
@pytest.mark.parametrize("arguments", [["papers"], ["papers", "xtr"], ["steps"]])
def test_lines_fit_the_terminal(arguments, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > int(columns) and " " in line.strip()] == []


def test_a_table_gives_way(capsys, monkeypatch):
    from tokenlab.tour.terminal import table

    header, rows = ("name", "value"), [("a name of many words, too long", "0.5"), ("short", "12")]
    for columns, first in (("80", "  a name of many words, too long    0.5"),
                           ("30", "  a name of many words…    0.5"), ("20", "  a name of many")):  # fmt: skip
        monkeypatch.setenv("COLUMNS", columns)
        table(header, rows)
        text = capsys.readouterr().out
        assert first in text
        assert max(map(len, text.splitlines())) <= int(columns)


@pytest.mark.parametrize(("env", "bold"), [({}, True), ({"NO_COLOR": "1"}, False),
                                           ({"TERM": "dumb"}, False)])  # fmt: skip
def test_bold_only_where_it_is_wanted(env, bold, capsys, monkeypatch):
    from tokenlab.tour.terminal import heading

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    heading("Title")
    assert ("\x1b" in capsys.readouterr().out) == bold


def test_ctrl_c_ends_with_one_line(capsys, monkeypatch):
    def stop(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", stop)
    assert main(["tour"]) == 130
    captured = capsys.readouterr()
    assert captured.err == "tokenlab: stopped.\n"
    assert captured.out == ""


def test_ctrl_c_in_a_compiled_loop_ends_in_the_same_way(capsys, monkeypatch):
    def stop(argv):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr(cli, "_run", stop)
    assert main(["tour"]) == 130
    assert capsys.readouterr().err == "tokenlab: stopped.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_real_interrupt(tmp_path):
    start = [sys.executable, "-u", "-m", "tokenlab", "tour", "--all"]
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # some test runners ignore it, and so
    try:  # would the program
        running = subprocess.Popen(
            start, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with running:
        running.stdout.readline()  # the tour has begun
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=60)
    assert (running.returncode, error) == (130, "tokenlab: stopped.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["tour", "--out", "file"],
        ["steps", "linformer", "--no-browser", "--html", "none/x.html"],
        ["steps", "linformer", "--no-browser", "--out", "file/x.html"],
        ["assignment", "start", "a01", "--out", "file/here"],
    ],
)
def test_what_the_file_system_refuses_is_said_in_one_line(arguments, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert re.fullmatch(r"tokenlab: .+\n", done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")
@pytest.mark.parametrize("shell", ["| head -1", ">&-", "2>&-", "| true"])
def test_closed_streams(shell, tmp_path):
    text = f"set -o pipefail; '{sys.executable}' -m tokenlab papers {shell}"
    done = subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux")
def test_a_full_device():
    with open("/dev/full", "w") as full:
        done = command("papers", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert done.stderr == "tokenlab: No space left on device\n"


def test_tutorials_are_listed_and_taken_along(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["tutorial"]) == 0
    text = capsys.readouterr().out
    assert "01_token_retrieval" in text
    assert "Token retrieval" in text
    for name in ("01", "1", "01_token_retrieval", "01_token_retrieval.py"):
        assert main(["tutorial", name, "--out", f"in {name}"]) == 0
        script = tmp_path / f"in {name}" / "01_token_retrieval.py"
        assert "# # Token retrieval" in script.read_text(encoding="utf-8")
    assert main(["tutorial", "01"]) == 0
    assert main(["tutorial", "01", "--notebook"]) == 0
    book = json.loads((tmp_path / "01_token_retrieval.ipynb").read_text(encoding="utf-8"))
    assert {cell["cell_type"] for cell in book["cells"]} == {"markdown", "code"}
    source = "".join(book["cells"][0]["source"])
    assert source.startswith("# Token retrieval")
    capsys.readouterr()


def test_a_tutorial_overwrites_nothing_and_must_be_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "01_token_retrieval.py").write_text("mine", encoding="utf-8")
    assert main(["tutorial", "01"]) == 2
    assert "Nothing was written" in capsys.readouterr().err
    assert (tmp_path / "01_token_retrieval.py").read_text(encoding="utf-8") == "mine"
    assert main(["tutorial", "99"]) == 2
    assert "no tutorial" in capsys.readouterr().err
    assert main(["tutorial", "01", "--out", "01_token_retrieval.py"]) == 1
    assert re.fullmatch(r"tokenlab: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize("where", ["none/x.json", "."])
def test_a_report_that_cannot_be_written_is_refused_before_grading(where, tmp_path):
    (tmp_path / "a01_token_retrieval.py").write_text("# %%\n", encoding="utf-8")
    done = command("assignment", "check", "--json", where, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"tokenlab: .+\n", done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["a01_token_retrieval.py"]
