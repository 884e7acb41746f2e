"""The data of the explorables are what the library computes, checked by loops written apart."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tokenlab import models
from tokenlab.data import load_faq, load_residual_walk, load_vit_photos
from tokenlab.retrieval import maxsim, xtr_search
from tokenlab.tour.attention_methods import photo_tokens
from tokenlab.tour.pruning_rules import rules

SOURCE = Path(__file__).parent.parent / "tools" / "docs" / "explorables.py"

pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason="the tools are not in a package")


@pytest.fixture(scope="module")
def explorables():
    spec = importlib.util.spec_from_file_location("explorables", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pairs_in_the_same_order(explorables):
    best = np.array([2, 0, 1])  # of these pairs 2-0, 2-1, 0-1
    assert explorables._same_order(np.array([0.5, 0.4, 0.9]), best) == 1
    assert explorables._same_order(np.array([0.5, 0.6, 0.9]), best) == pytest.approx(2 / 3)
    # 0 and 1 are no candidates: they come after 2, and nothing orders them.
    assert explorables._same_order(np.array([-np.inf, -np.inf, 0.9]), best) == pytest.approx(2 / 3)


@pytest.mark.parametrize("k_prime", [1, 20, 24_789])
def test_xtrs_table_by_loops(explorables, k_prime):
    faq, question = load_faq(), 5
    k_primes = sorted({k_prime, faq.index.n_tokens})
    run = explorables._all_k_primes(faq, question, k_primes)
    entry = explorables._question(faq, question, "", k_primes, run)
    at, query = entry["at"][0], faq.queries[question]
    similarity = query @ faq.index.tokens.T
    for i, row in enumerate(similarity):
        near = np.argsort(-row, kind="stable")[:k_prime]
        assert at["imputed"][i] == pytest.approx(row[near].min(), abs=6e-4)
        for doc, cells in zip(entry["columns"], at["cells"], strict=True):
            mine = [row[t] for t in near if faq.index.token_to_doc[t] == doc]
            shown = None if cells is None else cells[i]
            assert shown == (pytest.approx(max(mine), abs=6e-4) if mine else None)
    found = xtr_search(query, faq.index, k_prime=k_prime, k=10)
    if k_prime < faq.index.n_tokens:
        assert [doc for doc, _ in at["top"]] == found.doc_ids.tolist()
        np.testing.assert_allclose([s for _, s in at["top"]], found.scores, atol=6e-4)
    else:
        exact = maxsim(query, faq.index, mean=True)
        assert [doc for doc, _ in at["top"]] == np.argsort(-exact, kind="stable")[:10].tolist()
        assert (at["order"], at["overlap"], at["hits"]) == (1, 1, 1)


def test_every_question_that_is_shown_shows_what_is_said(explorables):
    faq = load_faq()
    k_primes = [*explorables.K_PRIMES, faq.index.n_tokens]
    runs = [explorables._all_k_primes(faq, q, k_primes) for q in range(12)]
    few = explorables.FAQ(
        **{name: getattr(faq, name) for name in vars(faq)}
        | {"queries": faq.queries[:12]}
        | {"labels": faq.labels[:12], "questions": faq.questions[:12]}
    )
    chosen = explorables._chosen(few, runs)
    assert len({q for q, _ in chosen}) == len(chosen) >= 3
    at = explorables.K_PRIMES.index(100)
    for q, why in chosen:
        assert len(faq.queries[q]) <= explorables.LONGEST
        if why == "MaxSim finds the answer, XTR with k' = 100 does not":
            assert runs[q]["exact"].argmax() == q != runs[q]["scores"][at].argmax()


@pytest.mark.parametrize("name", ["random", "HiPrune", "ToMe"])
def test_what_a_rule_keeps_and_costs(explorables, name):
    rule = next(rule for rule in rules() if rule.name == name)
    entry, reduction = explorables._kept(rule, 1, 0.25), rule.reduce(1, 0.25)
    assert [i for i, x in enumerate(entry["kept"]) if x == "1"] == reduction.kept.tolist()
    kept = reduction.kept if reduction.transform is None else reduction.matrix()
    fidelity = load_vit_photos().fidelity(1, kept, size=reduction.size)
    assert entry["fidelity"] == pytest.approx(fidelity, abs=6e-5)
    assert entry["choosing"] == rule.multiply_adds(1, 0.25)
    assert ("low" in entry) == (name == "random")
    if name == "random":
        assert entry["low"] <= entry["fidelity"] <= entry["high"]
        assert entry["low"] < entry["mean"] < entry["high"]
    assert ("groups" in entry) == (name == "ToMe")
    if name == "ToMe":
        owner = [int(entry["groups"][i : i + 2], 16) for i in range(0, 512, 2)]
        assert owner == reduction.owner().tolist()


def test_errors_of_soft_add_up(explorables):
    """The map's squares, weighed by the usual length, are the relative error of the whole."""
    tokens = photo_tokens(16, photo=1)
    run = explorables._soft_runs(tokens)["means of squares"]
    for error, text in zip(run["error"], run["maps"], strict=True):
        shares = [int(text[i : i + 2], 16) / 100 for i in range(0, 512, 2)]
        assert np.sqrt(np.mean(np.square(shares))) == pytest.approx(error, abs=0.006)
    assert run["error"][-1] < 1e-3  # as many landmarks as tokens
    groups = [len({text[i : i + 2] for i in range(0, 512, 2)}) for text in run["groups"]]
    assert groups[0] == 1
    assert groups[-1] == 256


def test_operations_are_those_of_the_docstring(explorables):
    n, m, d = 100, 9, 64
    counted = 2 * n * m * (d + 2 * d) + 2 * m * m * d + 2 / 3 * m**3
    assert explorables._soft_operations(n, m, d, False) == round(counted)
    assert explorables._soft_operations(n, m, d, True) == round(counted + n * m * m)


def test_a_table_page_is_escaped(explorables):
    page = explorables.table_page("a < b", "text & more", ["", "<x>"], [["row", "1"]])
    assert "<title>a &lt; b</title>" in page
    assert '<th scope="col">&lt;x&gt;</th>' in page
    assert '<tr><th scope="row">row</th><td>1</td></tr>' in page


def test_what_is_stored_of_the_layers_holds_together(explorables):
    data, table = explorables.layers()
    assert table.count("<tr>") == 1 + sum(len(one["tokens"]) for one in data["sentences"])
    for i, one in enumerate(data["sentences"]):
        n = len(one["tokens"])
        assert one["text"] == data["texts"][i]
        assert len(one["neighbours"]) == data["layers"] + 1
        for heads in one["attention"]:
            assert len(heads) == data["heads"] + 1
            percents = np.array([list(bytes.fromhex(head)) for head in heads]).reshape(-1, n, n)
            assert abs(percents.sum(axis=2) - 100).max() <= n / 2  # rounded, each by half at most
            assert abs(percents[1:].mean(axis=0) - percents[0]).max() <= 1
        for layer in one["neighbours"]:
            for found in layer:
                cosines = [cosine for _, cosine in found]
                assert cosines == sorted(cosines, reverse=True)
                assert cosines[0] <= 1


def test_what_is_stored_of_the_layers_is_what_the_model_computes(explorables):
    if models.find("minilm") is None:
        pytest.skip(f"needs {models.SOURCES['minilm'].install}")
    spec = importlib.util.spec_from_file_location("layers", SOURCE.with_name("layers.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stored, again = explorables.layers()[0], module.compute(models.load("minilm"))
    assert stored["pool"] == again["pool"]
    for old, new in zip(stored["sentences"], again["sentences"], strict=True):
        a, b = (
            np.array([[list(bytes.fromhex(head)) for head in heads] for heads in x["attention"]])
            for x in (old, new)
        )
        assert abs(a - b).max() <= 1  # a share on the border between two per cents
        a, b = (np.array(x["neighbours"])[..., 1] for x in (old, new))
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_what_is_stored_of_moods_holds_together(explorables):
    data, table = explorables.mood()
    n = len(data["strengths"])
    assert data["strengths"] == sorted(data["strengths"])
    assert 0.0 in data["strengths"]
    assert [len(texts) for texts in data["texts"]] == [len(data["prompts"])] * n
    assert len(data["odds"]) == len(data["perplexity"]) == n
    assert table.count("<tr>") == n + 1


def test_a_cipher_is_read_and_counted(explorables):
    plain = np.array([explorables.LETTERS.index(c) for c in "the cat and the dog " * 8])
    secret = np.random.default_rng(0).permutation(27)
    pairs = np.full((27, 27), 1e-3)
    np.add.at(pairs, (plain[:-1], plain[1:]), 1)
    table = np.log(pairs / pairs.sum(axis=1, keepdims=True))
    usual = np.argsort(-np.bincount(plain, minlength=27), kind="stable")
    found = explorables.broken(plain, secret, table, usual)
    assert found["plain"].startswith("the cat and the dog ")
    observed = np.argsort(secret)[plain]
    assert found["observed"][0] == explorables.LETTERS[observed[0]]
    assert found["true"] == pytest.approx(table[plain[:-1], plain[1:]].sum(), abs=0.01)
    shown = [a == b for a, b in zip(found["read"], found["plain"], strict=True)]
    assert found["found"] >= found["true"] - 1 or np.mean(shown) < 1


def test_what_a_walk_shows_is_in_the_bundled_states(explorables):
    data, table = explorables.explore_walk.page_of(explorables.table_page)
    walk = load_residual_walk()
    states = np.concatenate([walk.start[None], walk.moves]).cumsum(axis=0)
    assert len(data["steps"]) == len(data["top"]) == len(data["own"]) == 61
    for at, token in ((0, 3), (31, 13), (60, 20)):
        one, first, last = (states[i, token].astype(float) for i in (at, 0, -1))
        for name, other in (("own", first), ("end", last)):
            cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
            assert data[name][at][token] == pytest.approx(cosine, abs=6e-4)
        word = data["words"][data["top"][at][token][0]]
        assert word == walk.top_words(at, token)[0].replace(" ", "␣")
    assert data["steps"][:3] == ["start", "layer 1, attention", "layer 1, MLP"]
    assert data["steps"][-1] == "layer 30, MLP"
    assert "␣Berlin" in table


def test_pairs_by_geometry(explorables):
    row = explorables.explore_pairs.numbers(5)
    assert (row["pairs"], row["two"], row["four"]) == (10, 5, 10)  # sides of a pentagon; all
    assert 0 < row["gap"] < 1
    assert row["trained"] < 1


def test_probes_are_those_of_a_compressed_index(explorables):
    """The page's scores, by masks over all tokens, are those that the index finds."""
    from tokenlab.retrieval.codec import ResidualCodec
    from tokenlab.retrieval.compressed import CompressedIndex

    probes, faq = explorables.explore_probes, load_faq()
    query = faq.queries[8]
    codes, centroids, decoded, size = probes.coded(faq.index, 4)
    index = CompressedIndex(ResidualCodec(256, 4, rng=0).fit(faq.index.tokens))
    index.add(faq.index)
    assert size == 33
    for n_probe in (1, 8, 256):
        best, missing, scores = probes.at_probes(
            query, faq.index, codes, centroids, decoded @ query.T, n_probe
        )
        found = index.search(query, k=20, n_probe=n_probe)
        np.testing.assert_allclose(scores[found.doc_ids], found.scores, rtol=1e-4)
        assert (scores > -np.inf).sum() >= 20
        cells = probes.cells(best, missing, scores, found.doc_ids[:6], found.doc_ids[:10].tolist())
        assert cells["shared"] >= 9  # of equal scores one or the other
        assert [None in column for column in cells["cells"]].count(True) <= (
            6 if n_probe < 256 else 0
        )
