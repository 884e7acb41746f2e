"""The Python FAQ: what is committed is what its sources say, and retrieval on it works."""

import hashlib
import os
import re
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from tokenlab.data import load_faq

DATA = files("tokenlab.data")
REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / "tools"
INDEPENDENT = REPOSITORY.parent / "shared" / "assets" / "pyfaq_64d_int8.npz"
EDITED = 86  # the answer in which a registry's address became the name of the project

needs_tools = pytest.mark.skipif(not TOOLS.exists(), reason="only in a checkout")


@pytest.fixture(scope="module")
def faq():
    return load_faq()


@pytest.fixture(scope="module")
def scores(faq):
    return maxsim_by_loops(faq.queries, list(faq.index))


def maxsim_by_loops(queries, docs):
    """Best inner product of each query token, averaged; written apart from the library's."""
    scores = np.empty((len(queries), len(docs)))
    for i, q in enumerate(queries):
        for j, d in enumerate(docs):
            scores[i, j] = (q @ d.T).max(1).mean()
    return scores


def ndcg_at_10(scores, labels):
    """With a single relevant document nDCG is 1 / log2(1 + its rank), a rank from 1 to 10."""
    gains = []
    for row, relevant in zip(scores, labels, strict=True):
        rank = 1 + int((row > row[relevant]).sum())
        gains.append(1 / np.log2(1 + rank) if rank <= 10 else 0.0)
    return float(np.mean(gains))


def test_counts(faq):
    assert len(faq) == len(faq.questions) == len(faq.answers) == len(faq.queries) == 158
    assert len(set(faq.answers)) == 158
    assert len(set(faq.questions)) == 157  # two pages ask "What is Python?"
    assert faq.index.n_docs == 158
    assert faq.index.n_tokens == 24_789
    assert sum(len(q) for q in faq.queries) == 2_276
    assert repr(faq) == ("FAQ(158 questions with 2276 tokens, 158 answers with 24789 tokens, d=64)")


def test_vectors_are_float32_of_unit_length(faq):
    for tokens in [faq.index.tokens, *faq.queries]:
        assert tokens.dtype == np.float32
        assert tokens.shape[1] == 64
        np.testing.assert_allclose(np.linalg.norm(tokens, axis=1), 1, atol=1e-6)


def test_each_vector_has_its_wordpiece(faq):
    assert [len(t) for t in faq.question_tokens] == [len(q) for q in faq.queries]
    assert [len(t) for t in faq.answer_tokens] == faq.index.lengths.tolist()
    for tokens in faq.question_tokens + faq.answer_tokens:
        assert tokens[0] == "[CLS]"
        assert tokens[-1] == "[SEP]"
        assert len(tokens) <= 256
        assert all(tokens)


def test_wordpieces_spell_the_text(faq):
    """Without spaces, case and accents, the pieces are the text, or its beginning when cut."""
    texts = faq.questions + faq.answers
    for text, tokens in zip(texts, faq.question_tokens + faq.answer_tokens, strict=True):
        spelled = "".join(token.removeprefix("##") for token in tokens[1:-1])
        letters = "".join(text.lower().split())
        if "[UNK]" not in tokens:
            assert letters == spelled or (len(tokens) == 256 and letters.startswith(spelled))


def test_wordpieces_lie_beside_their_own_vectors(faq):
    """The nearest vector in another answer belongs to the same wordpiece, mostly (61 %).

    Were the rows shifted by a single token, it would be so for one in seven.
    """
    pieces = np.array([token for tokens in faq.answer_tokens for token in tokens])
    some = np.arange(0, len(pieces), 50)
    similarity = faq.index.tokens[some] @ faq.index.tokens.T
    owner = faq.index.token_to_doc
    similarity[owner[some][:, None] == owner] = -1
    assert np.mean(pieces[similarity.argmax(1)] == pieces[some]) > 0.55


def test_text_reads_as_text(faq):
    assert all(question.endswith("?") for question in faq.questions)
    for text in faq.questions + faq.answers:
        assert text == text.strip("\n")
        assert not re.search(r"<[a-z]+ class=|&[a-z]+;|¶|�", text)
    assert min(len(answer) for answer in faq.answers) >= 40
    assert any("\n    " in answer for answer in faq.answers)  # code keeps its shape


def test_no_answer_contains_its_question(faq):
    for question, answer in zip(faq.questions, faq.answers, strict=True):
        assert question.rstrip("?").lower() not in " ".join(answer.split()).lower()


def test_labels(faq):
    assert faq.labels.dtype == np.int64
    np.testing.assert_array_equal(faq.labels, np.arange(158))


def test_projection_has_orthonormal_columns(faq):
    assert faq.projection.shape == (384, 64)
    np.testing.assert_allclose(faq.projection.T @ faq.projection, np.eye(64), atol=1e-5)


def test_maxsim_finds_the_answers(faq, scores):
    assert 0.88 <= ndcg_at_10(scores, faq.labels) <= 0.91


def test_loading_is_quick():
    start = time.process_time()
    load_faq.__wrapped__()  # past the cache
    assert time.process_time() - start < 1  # about 0.04 s; a shared machine may be slow


def test_shared_arrays_cannot_be_changed(faq):
    assert load_faq() is faq
    for array in [faq.index.tokens, faq.index.offsets, faq.queries[3], faq.labels, faq.projection]:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_digests_are_those_in_sources():
    text = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(faq/[^`]+)` \| (\d+) \| `([0-9a-f]{64})` \|$", text, flags=re.M)
    committed = {f"faq/{file.name}" for file in (DATA / "faq").iterdir()} - {"faq/.gitattributes"}
    assert {name for name, _, _ in rows} == committed
    for name, size, digest in rows:
        data = (DATA / name).read_bytes()
        assert len(data) == int(size), name
        assert hashlib.sha256(data).hexdigest() == digest, name


def test_licences_lie_beside_the_data():
    sources = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    for name in ["PSF-2.0.txt", "Apache-2.0.txt"]:
        assert f"licences/{name}" in sources
        assert "license" in (DATA / "licences" / name).read_text(encoding="utf-8").lower()
    notice = "Copyright © 2001-2023 Python Software Foundation"
    assert notice in sources
    assert notice in (DATA / "licences" / "PSF-2.0.txt").read_text(encoding="utf-8")


@pytest.mark.skipif(not INDEPENDENT.exists(), reason="the independent build is not here")
def test_agrees_with_an_independent_build(faq, scores):
    """The same collection, encoded by another program; its principal axes may be turned.

    Two answers differ in their text: the edited one, and one where the other program put a space
    into "pythonNN.dll". That is why scores agree only so far.
    """
    other = np.load(INDEPENDENT)
    assert other["query_len"].tolist() == [len(q) for q in faq.queries]
    differ = np.flatnonzero(other["doc_len"] != faq.index.lengths)
    assert differ.tolist() == [EDITED]

    def split(name):
        rows = other[name].astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return np.split(rows, np.cumsum(other[name + "_len"].astype(int))[:-1])

    theirs = maxsim_by_loops(split("query"), split("doc"))
    assert np.median(np.abs(scores - theirs)) < 0.01
    assert np.mean(scores.argmax(1) == theirs.argmax(1)) > 0.97
    ours_10, theirs_10 = (np.argsort(-s, axis=1)[:, :10] for s in (scores, theirs))
    shared = [len(set(a) & set(b)) for a, b in zip(ours_10, theirs_10, strict=True)]
    assert np.mean(shared) > 9.5
    assert abs(ndcg_at_10(scores, faq.labels) - ndcg_at_10(theirs, faq.labels)) < 0.01


# The builder


@needs_tools
def test_page_is_cut_into_pairs(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from assets.faq_pages import read_pairs

    answer = "Because the interpreter says so, and it has said so for years."
    page = f"""
        <section id="top"><h1>FAQ</h1><nav><p>Is this a table of contents?</p></nav>
        <section id="why"><h3>Why,
          though?<a class="headerlink" href="#why">¶</a></h3>
          <p>{answer.replace(" ", chr(10), 1)}</p><pre><span class="k">if</span> x:
    y</pre></section>
        <section id="linked"><span id="x"></span><h3>And this?</h3><p>{answer}</p></section>
        <section id="short"><h3>Anything else?</h3><p>No.</p></section>
        <section id="statement"><h3>No question</h3><p>{answer}</p></section></section>"""
    assert read_pairs({"page": page}) == [
        {"page": "page", "anchor": "why", "question": "Why, though?",
         "answer": f"{answer}\n\nif x:\n    y"}
    ]  # fmt: skip


@needs_tools
def test_another_file_under_the_pinned_name_is_refused(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(TOOLS))
    from assets.packages import AssetError, Package, read_files

    package = Package("pip", "thing", "1.0", "thing.whl", "0" * 64, {})
    (tmp_path / "thing.whl").write_bytes(b"something else")
    with pytest.raises(AssetError, match="the pin says"):
        read_files(package, tmp_path)


@needs_tools
def test_same_arrays_give_the_same_bytes(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(TOOLS))
    from assets.files import write_npz

    for name in ["a.npz", "b.npz"]:
        write_npz(tmp_path / name, x=np.arange(6).reshape(2, 3))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["x"], [[0, 1, 2], [3, 4, 5]])


@pytest.mark.build
@needs_tools
def test_encoding_again_gives_the_stored_vectors(faq, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    minilm = pytest.importorskip("assets.minilm")  # wants SciPy
    from assets.packages import read_files

    cache = Path(os.environ.get("TOKENLAB_ASSET_CACHE", ""))
    if not (cache / minilm.WHEEL.filename).is_file():
        pytest.skip("TOKENLAB_ASSET_CACHE names no folder with the model's wheel")
    model = minilm.MiniLM(read_files(minilm.WHEEL, cache))
    for i in range(0, 158, 16):
        tokens = model.tokenize(faq.questions[i], 256)
        assert tokens == faq.question_tokens[i]
        again = model.encode(tokens) @ faq.projection
        again /= np.linalg.norm(again, axis=1, keepdims=True)
        assert (again * faq.queries[i]).sum(1).min() > 0.99
