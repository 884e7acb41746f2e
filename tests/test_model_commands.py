"""The commands on real models: what a new user types, and what they read when it is wrong."""

import os
import re

import numpy as np
import pytest

from tokenlab import folders, models
from tokenlab.cli import main
from tokenlab.errors import StorageError
from tokenlab.retrieval import TokenIndex

needs_minilm = pytest.mark.skipif(models.find("minilm") is None, reason="needs MiniLM")


def encode(texts):
    """A vector for each word: its letters counted."""
    rows = [[[w.count(c) + 0.1 for c in "aeiost"] for w in t.split()] for t in texts]
    return TokenIndex.from_docs([np.array(r, np.float32) for r in rows])


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# Copying\nUse copy.copy(x)\nfor objects.\n\n\nBread is baked.\n")
    (folder / "sub" / "latin.txt").write_bytes("Zäune und Bäume".encode("latin-1"))
    (folder / "empty.txt").write_text(" \n")
    (folder / "binary").write_bytes(b"a\0b")
    (folder / ".hidden").write_text("not read")
    return folder


def test_passages_are_paragraphs_and_headings_stand_alone():
    text = "# Title\nfirst\nline\n\n\nsecond\n## Next\nthird\n\nUnder\n=====\nfourth"
    found = [(p.line, p.text) for p in folders.passages_of(text, "f")]
    assert (1, "# Title") in found
    assert (2, "first\nline") in found
    assert (6, "second") in found
    assert (8, "third") in found
    assert found[-1] == (12, "fourth")
    assert folders.passages_of("") == []


def test_only_what_changed_is_read_again(docs, tmp_path):
    out = tmp_path / "index"
    first = folders.update(docs, out, encode)
    assert first.read == ["a.md", "sub/latin.txt"]
    assert first.left_out == {"binary": "binary", "empty.txt": "empty"}
    assert folders.update(docs, out, encode).kept == first.read
    (docs / "a.md").write_text("Another text.")
    (docs / "sub" / "latin.txt").unlink()
    again = folders.update(docs, out, encode)
    assert (again.read, again.kept, again.forgotten) == (["a.md"], [], 2)
    index, passages = folders.read(out)
    assert [(p.file, p.line, p.text) for p in passages] == [("a.md", 1, "Another text.")]
    assert index.n_docs == 1


def test_a_full_disk_loses_nothing_and_the_next_run_goes_on(docs, tmp_path, monkeypatch):
    out = tmp_path / "index"
    replace, left = os.replace, [2]  # the mark and one shard fit

    def full(*args):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return replace(*args)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        folders.update(docs, out, encode)
    monkeypatch.undo()
    assert next(p.file for p in folders.read(out)[1]) == "a.md"
    assert not list(out.glob("*.tmp"))
    assert folders.update(docs, out, encode).kept == ["a.md"]


def test_a_damaged_shard_is_named_and_mended(docs, tmp_path):
    out = tmp_path / "index"
    folders.update(docs, out, encode)
    shard = next(iter(out.glob("*.npz")))
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(StorageError, match=shard.name):
        folders.read(out)
    assert len(folders.update(docs, out, encode).read) == 1
    folders.read(out)


def test_other_folders_are_left_alone(docs, tmp_path):
    for wrong in (docs, docs / "a.md"):
        with pytest.raises(StorageError, match="something else"):
            folders.update(docs, wrong, encode)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(StorageError, match="no text"):
        folders.update(empty, tmp_path / "index", encode)
    with pytest.raises(StorageError, match="no index"):
        folders.read(docs)


def test_models_says_how_to_install(capsys):
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    for name, source in models.SOURCES.items():
        assert name in text
        assert source.install in text


@needs_minilm
def test_search_answers_by_file_and_line(docs, tmp_path, capsys):
    out = str(tmp_path / "my.index")
    assert main(["index", str(docs), "-o", out]) == 0
    assert "2 files read" in capsys.readouterr().out
    for method in ("maxsim", "xtr"):
        assert main(["search", "copy an object", "--index", out, "--method", method]) == 0
        answer = capsys.readouterr().out
        assert "\na.md:2  " in answer
        assert "*objects*" in answer
        assert answer.index("a.md:2") < answer.index("a.md:6")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", " "], "query is empty"),
        (["index", "/nowhere"], "no folder"),
        (["prune", "x.jpg", "--rule", "none"], "divprune"),
        (["prune", "x.jpg", "--keep", "0"], "--keep"),
        (["prune", "x.jpg", "--after", "12"], "--after"),
        (["prune", "/nowhere.jpg"], "does not exist"),
        (["perplexity", "/nowhere.txt"], "/nowhere.txt"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, words, capsys):
    assert main(arguments) != 0
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1


@pytest.fixture
def small(monkeypatch):
    """A random SmolLM2 with the real one's tokens."""
    from tokenlab.data import load_vocabulary
    from tokenlab.tour import small_models

    model = small_models.llama(load_vocabulary("smollm2"))
    monkeypatch.setattr(models, "load", lambda name, **options: model)
    return model


TEXT = "Tö be, or not: that is the question. " * 4


def test_perplexity_of_a_text_by_a_loop(small, tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    assert main(["perplexity", str(path), "--tokens", "12"]) == 0
    text = capsys.readouterr().out
    ids = small.encode(TEXT)[:13]
    loss = [-small.log_probs(ids[:i])[ids[i]] for i in range(1, 13)]
    value, low, high = map(
        float, re.findall(r"perplexity (\S+), 95 % from (\S+) to (\S+)", text)[0]
    )
    assert value == pytest.approx(np.exp(np.mean(loss)), rel=1e-4)
    assert low <= value <= high
    n_bytes = len(small.tokenizer.decode_bytes(ids[1:]))
    assert f"12 tokens, {n_bytes} bytes" in text
    bits = float(text.split()[-1])
    assert bits == pytest.approx(np.sum(loss) / np.log(2) / n_bytes, abs=2e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--head", "vq", "--codes", "4"], "An untrained VQ head is no head"),
        (["--attention", "uniform"], "trained with softmax attention"),
        (["--attention", "gaussian"], "trained with softmax attention"),
    ],
)
def test_perplexity_with_another_part_says_that_it_was_not_trained(
    small, tmp_path, capsys, options, said
):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode("latin-1"))
    assert main(["perplexity", str(path), "--tokens", "9"]) == 0
    plain = capsys.readouterr().out
    assert main(["perplexity", str(path), "--tokens", "9", *options]) == 0
    text = capsys.readouterr().out
    assert said in " ".join(text.split())
    assert text.splitlines()[0] == plain.splitlines()[0]
    assert text.splitlines()[1] != plain.splitlines()[1]


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (b"", [], "has 0 tokens; expected 2 or more"),
        (b"a\0b", [], "holds zero bytes"),
        (b"text", ["--tokens", "0"], "are at least 1"),
        (b"text", ["--codes", "0"], "are at least 1"),
    ],
)
def test_perplexity_refuses_by_name(small, tmp_path, capsys, data, options, said):
    path = tmp_path / "text.txt"
    path.write_bytes(data)
    assert main(["perplexity", str(path), *options]) == 2
    assert said in capsys.readouterr().err


def test_search_names_its_option(capsys):
    assert main(["search", "hello", "--k", "0"]) == 2
    assert "search: --k is 0" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_what_is_no_text_file_is_left_out_with_the_reason(docs, tmp_path):
    os.mkfifo(docs / "pipe")
    (docs / "link").symlink_to(docs / "nowhere")
    (docs / "huge.txt").write_bytes(b"word " * (folders.LARGEST // 5 + 1))
    done = folders.update(docs, tmp_path / "index", encode)
    assert done.read == ["a.md", "sub/latin.txt"]
    assert done.left_out["pipe"] == "no plain file"
    assert done.left_out["link"] == "cannot be read (No such file or directory)"
    assert done.left_out["huge.txt"] == "5 MB, more than 5"


def test_a_disk_that_is_full_is_named_with_the_file(docs, tmp_path, monkeypatch):
    write, left = os.fdopen, [1]  # the mark fits

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
            return self.file.write(data)

    monkeypatch.setattr(os, "fdopen", lambda *a: Full(write(*a)))
    with pytest.raises(OSError, match=r"No space.*npz"):
        folders.update(docs, tmp_path / "index", encode)
    assert not list((tmp_path / "index").glob("*.tmp"))


@needs_minilm
def test_the_faq_answers_with_its_words_marked(capsys):
    assert main(["search", "how do I copy an object?", "--k", "1"]) == 0
    text = capsys.readouterr().out
    assert "faq:109" in text
    assert "*copy*" in text


@pytest.mark.parametrize(
    ("out", "said"),
    [("x.nope", "expected a picture's name"), ("none/x.png", "is missing"), ("", "picture's name")],
)
def test_prune_says_before_the_work_that_its_picture_cannot_be_written(tmp_path, capsys, out, said):
    image = pytest.importorskip("PIL.Image")
    photo = tmp_path / "photo.png"
    image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(photo)
    assert main(["prune", str(photo), "--out", str(tmp_path / out)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "--out" in error
