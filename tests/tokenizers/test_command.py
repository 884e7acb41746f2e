"""`tokenlab tokens`: what it prints, writes and refuses."""

import json

from tokenlab import cli


def run(capsys, *argv):
    status = cli.main(["tokens", *map(str, argv)])
    out, err = capsys.readouterr()
    return status, out, err


def test_tokens_side_by_side(capsys, tmp_path):
    path = tmp_path / "counts.json"
    status, out, _ = run(capsys, "hello world", "--with", "gpt2,smollm2", "--json", path)
    assert status == 0
    assert out.count("hello| world") == 2
    assert "2 tokens, 5.50 bytes each" in out
    assert json.loads(path.read_text())["gpt2"] == {"ids": [31373, 995], "tokens": 2, "bytes": 11}


def test_a_tokenizer_of_ones_own(capsys, tmp_path):
    book, mine = tmp_path / "book.txt", tmp_path / "my.tiktoken"
    book.write_text("the sea and the sky and the sea " * 20, encoding="utf-8")
    status, out, _ = run(capsys, "the sea", "--train", book, "--size", 300, "-o", mine)
    assert status == 0
    assert "the| sea" in out.split("mine:")[1]
    status, out, _ = run(capsys, "the sea", "--with", mine)
    assert status == 0
    assert "the| sea" in out


def test_what_cannot_be_shown(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for argv, word in (
        ([], "TEXT"),
        (["a", "--with", "gpt3"], "gpt3"),
        (["a", "--with", "mine"], "my.tiktoken"),
        (["a", "--train", tmp_path / "none.txt"], "none.txt"),
    ):
        status, _, err = run(capsys, *argv)
        assert status != 0
        assert word in err


def test_what_cannot_be_read_is_spelled(capsys):
    _, out, _ = run(capsys, "\x07 😀\n", "--with", "gpt2")
    assert "<07>" in out
    assert "⏎" in out
    assert "<F0><9F><98>" in out
