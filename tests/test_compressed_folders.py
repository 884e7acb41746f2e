"""An index of a folder in a few bits: kept up to date, searched, measured."""

import os
import zlib

import numpy as np
import pytest

from tokenlab import compressed_folders, folders, search_command
from tokenlab.cli import main
from tokenlab.errors import StorageError
from tokenlab.retrieval import TokenIndex, maxsim_search


def encode(texts):
    """A vector of length one for each word, drawn by its letters."""
    rows = []
    for text in texts:
        own = [
            np.random.default_rng(zlib.crc32(w.encode())).standard_normal(8)
            for w in text.split() or ["x"]
        ]
        rows.append(np.array([v / np.linalg.norm(v) for v in own], np.float32))
    return TokenIndex.from_docs(rows)


class Model:
    """What the commands ask of MiniLM."""

    def encode(self, text, window=None):
        return encode([text]).tokens

    def pieces(self, text):
        return type("Pieces", (), {"tokens": text.split()})()


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(12):
        (folder / f"{i:02}.txt").write_text(f"file{i} tells. It is long\n\nmore of{i * i}\n")
    return folder


@pytest.fixture(autouse=True)
def without_weights(monkeypatch):
    monkeypatch.setattr(search_command, "encoder", lambda: (Model(), encode))
    monkeypatch.setattr(search_command, "marked", lambda model, text, *_: text)


def updated(docs, out, bits=None):
    report = folders.update(docs, out, encode)
    return report, compressed_folders.compress(out, bits)


def test_it_is_compressed_and_kept_up_to_date(docs, tmp_path):
    out = tmp_path / "my.index"
    _, index = updated(docs, out, bits=8)
    assert (index.n_docs, index.codec.bits) == (24, 8)
    assert all("tokens" not in np.load(shard) for shard in out.glob("*.npz"))
    report, index = updated(docs, out)
    assert (len(report.kept), report.read, index.n_docs) == (12, [], 24)
    (docs / "03.txt").write_text("new words here")
    (docs / "04.txt").unlink()
    report, index = updated(docs, out)
    assert (report.read, report.forgotten, index.n_docs) == (["03.txt"], 2, 21)
    index, passages = compressed_folders.read(out)
    texts = {number: passage.text for number, passage in passages.items()}
    assert sorted(texts) == index.doc_ids.tolist()
    for number, text in texts.items():
        found = index.search(encode([text]).tokens, k=1, n_probe=50)
        assert texts[int(found.doc_ids[0])] == text, number


def test_another_number_of_bits_is_another_index(docs, tmp_path):
    updated(docs, tmp_path / "my.index", bits=2)
    with pytest.raises(StorageError, match="has 2 bits"):
        updated(docs, tmp_path / "my.index", bits=4)


def test_whatever_ends_the_work_the_next_run_goes_on(docs, tmp_path, monkeypatch):
    """Every replacing of a file fails once."""
    for path in sorted(docs.iterdir())[2:]:
        path.unlink()
    replace = os.replace
    for left in range(60):
        out, calls = tmp_path / f"{left}.index", [left]

        def full(*args, calls=calls):
            calls[0] -= 1
            if calls[0] < 0:
                raise OSError(28, "No space left on device")
            return replace(*args)

        monkeypatch.setattr(os, "replace", full)
        try:
            updated(docs, out, bits=4)
            ended = True
        except OSError:
            ended = False
        monkeypatch.undo()
        monkeypatch.setattr(search_command, "encoder", lambda: (Model(), encode))
        assert updated(docs, out, bits=4)[1].n_docs == 4
        assert len(compressed_folders.read(out)[1]) == 4
        if ended:
            return
    raise AssertionError("it replaces more files than that")


def test_the_commands(docs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["index", str(docs), "--bits", "8"]) == 0
    said = capsys.readouterr().out
    assert "vectors in 8 bits a number" in said
    assert "12 files read" in said
    for method in ("maxsim", "xtr"):
        assert main(["search", "more of49", "--index", "my.index", "--method", method]) == 0
        answer = capsys.readouterr().out
        assert "07.txt:3  " in answer
    assert main(["search", "more of49", "--docs", str(docs)]) == 0
    assert "07.txt:3  " in capsys.readouterr().out
    pytest.importorskip("matplotlib")
    assert main(["recall", "--index", "my.index", "--k", "3", "-o", "r.png"]) == 0
    said = capsys.readouterr().out
    assert "24 questions, 24 passages" in said
    assert "clusters probed" in said
    assert "For a recall of 0.95" in said
    assert (tmp_path / "r.png").stat().st_size > 1000


def test_recall_with_questions_of_a_file_and_documents_that_are_gone(docs, tmp_path, capsys):
    out = tmp_path / "my.index"
    updated(docs, out, bits=8)
    (docs / "00.txt").unlink()
    updated(docs, out)
    (tmp_path / "q.txt").write_text("more of81\n\nfile5 tells\n")
    given = ["recall", "--index", str(out), "--queries", str(tmp_path / "q.txt")]
    assert main([*given, "--k", "2", "-o", str(tmp_path / "r.png")]) == 0
    assert "2 questions, 22 passages" in capsys.readouterr().out


def test_the_source_of_the_recall_is_what_was_encoded(docs, tmp_path):
    from tokenlab.recall_command import encoded_again

    out = tmp_path / "my.index"
    updated(docs, out, bits=8)
    (docs / "00.txt").unlink()
    index = updated(docs, out)[1]
    passages = compressed_folders.read(out)[1]
    source = encoded_again(index, passages, encode)
    assert source.n_docs == index.n_numbers
    for number, passage in passages.items():
        found = maxsim_search(encode([passage.text]).tokens, source, k=1)
        assert passages[int(found.doc_ids[0])].text == passage.text, number


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recall", "--index", "nowhere"], "no compressed index"),
        (["recall", "--index", "nowhere", "--k", "0"], "recall: --k is 0"),
        (["recall", "--index", "my.index", "--queries", "none.txt"], "none.txt"),
        (["recall", "--index", "my.index", "--queries", "empty.txt"], "no questions"),
    ],
)
def test_what_is_wrong_is_named(docs, tmp_path, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    updated(docs, tmp_path / "my.index", bits=4)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
