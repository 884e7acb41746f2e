"""Merging within a batch: the README's example, boundaries, ties; caches; search among tokens."""

import itertools

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.numerics import topk
from tokenlab.tokenizers import Trie
from tokenlab.tokenizers.dynamic import EmbeddingCache, SearchHead, longest_prefix, merge_batch

FIRST = "<s> ĠR ib on uc le op rote in Ġparticles Ġreg ulate Ġm R NA Ġstability . </s>"
SECOND = "<s> Ġm R NA Ġstability Ġis Ġmod ulated Ġby Ġrib on uc le op rote in Ġfactors . </s>"


def batch(*texts):
    pieces = [[p.replace("Ġ", " ").encode() for p in text.split(" ")] for text in texts]
    tokens = list(dict.fromkeys(p for text in pieces for p in text))
    ids = [tokens.index(p) for text in pieces for p in text]
    return ids, np.cumsum([0, *map(len, pieces)]), tokens


def test_the_readme_of_the_official_code():
    ids, offsets, tokens = batch(FIRST, SECOND)
    special = [tokens.index(b"<s>"), tokens.index(b"</s>")]
    made = merge_batch(ids, offsets, tokens, 10, boundary="word", special=special)
    assert len(ids) == 37
    assert len(made.ids) == 20
    assert made.counts.tolist() == [2] * 7 + [1] * 3
    new = [tokens_of.decode() for tokens_of in made.tokens[len(tokens) :]]
    assert new[:7] == [
        "onuc",
        "onucle",
        "onucleop",
        "onucleoprote",
        "onucleoprotein",
        " mR",
        " mRNA",
    ]
    assert new[7:] == [" Rib", " Ribonucleoprotein", " regulate"]
    assert np.diff(made.offsets).tolist() == [8, 12]


def test_ties_go_to_the_pair_met_first():
    made = merge_batch([0, 1, 1, 1, 0, 1, 2], [0, 4, 7], [b" x", b"y", b"."], 3)
    assert made.lengths.tolist() == [7, 5, 4, 3]
    assert made.counts.tolist() == [2, 1, 1]
    assert [made.tokens[i] for i in made.merges[:, 2]] == [b" xy", b" xyy", b" xyyy"]
    assert b"".join(made.tokens[i] for i in made.ids) == b" xyyy xy."


def recounted(ids, offsets, tokens, n, valid):
    """The rule by counting anew each time."""
    texts = [[tokens[i] for i in ids[a:b]] for a, b in itertools.pairwise(offsets)]
    for _ in range(n):
        counts = {}
        for text in texts:
            for pair in itertools.pairwise(text):
                if valid(*pair):
                    counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = max(counts, key=counts.get)  # the first of equal ones
        for t, text in enumerate(texts):
            out, i = [], 0
            while i < len(text):
                if tuple(text[i : i + 2]) == best:
                    out.append(best[0] + best[1])
                    i += 2
                else:
                    out.append(text[i])
                    i += 1
            texts[t] = out
    return texts


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_counting_anew(seed):
    draws = np.random.default_rng(seed)
    tokens = [b" a", b"b", b"c", b"bc", b" "]
    ids = draws.integers(0, 5, 60)
    offsets = np.array([0, 20, 45, 60])
    made = merge_batch(ids, offsets, tokens, 12, boundary="word")

    def valid(a, b):
        text = (a + b).decode()
        return " " not in text[1:] and len(text.split()) == 1

    wanted = recounted(ids, offsets, tokens, 12, valid)
    got = [[made.tokens[i] for i in made.ids[a:b]] for a, b in itertools.pairwise(made.offsets)]
    assert got == wanted
    assert made.lengths[-1] == len(made.ids)


def test_boundaries():
    def merges(pieces, boundary, **options):
        tokens = list(dict.fromkeys(pieces))
        ids = [tokens.index(p) for p in pieces]
        made = merge_batch(ids, [0, len(ids)], tokens, 9, boundary=boundary, **options)
        return [made.tokens[i] for i in made.ids]

    for boundary in ("pretoken", "word", "sentence"):
        assert merges([b"a", b" b"], boundary) == [b"a", b" b"]  # never across a space
        assert merges([b"\n", b"\n"], boundary) == [b"\n", b"\n"]
    assert merges([b" ", b" "], "sentence") == [b"  "]
    assert merges([b" ", b" "], "pretoken") == [b"  "]
    assert merges([b" ", b" "], "word") == [b" ", b" "]
    assert merges([b"a", b"."], "pretoken") == [b"a", b"."]
    assert merges([b"a", b"."], "word") == [b"a."]
    assert merges([b"\xc3", b"\xa9"], "pretoken") == ["é".encode()]
    assert merges([b"a", b"b"], "word", special=[0]) == [b"a", b"b"]


def test_nothing_and_everything():
    ids, offsets, tokens = batch(FIRST)
    same = merge_batch(ids, offsets, tokens, 0)
    assert same.ids.tolist() == ids
    assert same.merges.shape == (0, 3)
    assert same.tokens == tokens
    all_of_it = merge_batch(ids, offsets, tokens, 999, boundary="word")
    assert len(all_of_it.ids) == 6  # words, and a name that stands at the front
    old = merge_batch([0, 1], [0, 2], [b"a", b"b", b"ab"], 1)
    assert (old.ids.tolist(), old.tokens) == ([2], [b"a", b"b", b"ab"])


def test_longest_prefix_and_its_error():
    trie = Trie([b"a", b"b", b"ab", b"aba"])
    assert longest_prefix(b"ababa", trie).tolist() == [3, 1, 0]
    with pytest.raises(TokenlabError, match="0x63"):
        longest_prefix(b"abc", trie)


def test_a_cache_forgets_what_was_used_longest_ago():
    asked = []

    def make(tokens):
        asked.append(list(tokens))
        return np.array([[float(t)] for t in tokens])

    cache = EmbeddingCache(make, 3)
    assert cache.get([1, 2, 1]).tolist() == [[1], [2], [1]]
    assert (cache.hits, cache.misses, len(cache)) == (0, 2, 2)
    cache.get([3])
    cache.get([1, 4])  # 2 is the oldest now
    assert (cache.hits, cache.misses) == (1, 4)
    cache.get([3, 1])
    assert asked == [[1, 2], [3], [4]]
    cache.get([2])
    assert asked[-1] == [2]
    with pytest.raises(TokenlabError, match="capacity"):
        cache.get([1, 2, 3, 4])
    with pytest.raises(TokenlabError, match="capacity"):
        EmbeddingCache(make, 0)
    with pytest.raises(TokenlabError, match="make"):
        EmbeddingCache(lambda tokens: np.zeros((1, 2)), 5).get([1, 2])


def test_search_with_all_lists_is_exact_among_the_candidates(rng):
    rows = rng.normal(size=(200, 8)) * rng.uniform(0.5, 2, size=(200, 1))
    head = SearchHead().fit(rows, 12, rng=0)
    hidden = rng.normal(size=8)
    best = head.topk(hidden, 5, n_probe=12, n_candidates=200)
    exact = topk(rows @ hidden, 5)
    assert best.ids.tolist() == exact.ids.tolist()
    np.testing.assert_allclose(best.values, exact.values)
    cosine = int((rows @ hidden / np.linalg.norm(rows, axis=1)).argmax())
    assert head.topk(hidden, 1, n_probe=12, n_candidates=1).ids.tolist() == [cosine]
    assert len(head.topk(hidden, 3, n_probe=1, n_candidates=4).ids) == 3


def test_bad_input_is_named():
    for call, word in (
        (lambda: merge_batch([0], [0, 1], [b"a"], 1, boundary="line"), "boundary"),
        (lambda: merge_batch([3], [0, 1], [b"a"], 1), "ids"),
        (lambda: merge_batch([0.5], [0, 1], [b"a"], 1), "ids"),
        (lambda: merge_batch([0], [0, 2], [b"a"], 1), "offsets"),
        (lambda: merge_batch([0], [0, 1], [b"a"], -1), "n_merges"),
        (lambda: SearchHead().topk([1.0], 1), "fit"),
        (lambda: SearchHead().fit([[1.0, np.nan]], 1), "rows"),
        (lambda: SearchHead().fit([[1.0, 2.0]], 1).topk([1.0], 1), "hidden"),
    ):
        with pytest.raises(TokenlabError, match=word):
            call()
