"""A practitioner's recipe, and measures of tokens against a lexicon."""

import itertools

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.tokenizers import BPE
from tokenlab.tokenizers.kl3m import (
    SPECIAL,
    boundary_stability,
    curated_tokens,
    padded_size,
    padding_tokens,
    train_recipe,
)
from tokenlab.tokenizers.turkish import PUBLISHED, casefold, correlation, permutation_p, report

TEXT = "The Company shall pay the Lender under section 12(a)(ii) on 1 May 1987. " * 20


def test_sizes_are_powers_of_two():
    assert [padded_size(n) for n in (1, 2, 3, 130_999, 131_072)] == [1, 2, 4, 131_072, 131_072]
    official = [padded_size(n, variant="official") for n in (1, 2, 3, 130_999, 131_072)]
    assert official == [2, 4, 4, 131_072, 262_144]
    assert padding_tokens({"  ", "\n\n\n"}, 4) == ["\n\n", "   ", "    ", "\n\n\n\n"]
    assert padding_tokens([], 0) == []


def test_curated_tokens():
    words = curated_tokens()
    assert len(words) == len(set(words)) == 1655
    assert words == sorted(words)
    assert {"\r\n", "######", "</td>", "<TD", " href=", '":"', "<?xml", "1776", "2049"} <= set(
        words
    )
    assert {"(a)", "(ii)", "(IX)", "(99)", "10", "999"} <= set(words)
    assert min(map(len, words)) == 2
    lower = curated_tokens(lowercase=True)
    assert lower == sorted({word.lower() for word in words})
    names = ("whitespace", "markdown", "html", "json", "xml", "years", "citations")
    groups = [set(curated_tokens(**{name: name == only for name in names})) for only in names]
    assert set.union(*groups) == set(words)


def test_the_recipe_keeps_its_order_and_its_budget():
    curated = ["1987", "(ii)", "the", "<td"]
    made = train_recipe(TEXT, 300, curated=curated, min_count=2, pad2=True)
    tokens = made.tokenizer.tokens
    learned = len(made.learned)
    assert learned <= 300 - 256 - len(SPECIAL) - len(curated)
    assert tokens[256 : 256 + learned] == made.learned
    assert tokens[256 + learned : 256 + learned + len(SPECIAL)] == [n.encode() for n in SPECIAL]
    assert all(word.encode() not in made.learned for word in made.added)
    assert len(tokens) == 512
    present = [token.decode(errors="replace") for token in tokens[: 512 - len(made.padding)]]
    assert made.padding == padding_tokens(present, len(made.padding))
    ids = made.tokenizer.encode("<td 1987 (ii)")
    assert {"<td", "1987", "(ii)"} & {tokens[i].decode() for i in ids} >= set(made.added) - {"the"}
    short = train_recipe(TEXT, 400, min_count=1, max_token_bytes=3)
    assert max(map(len, short.learned)) <= 3
    wide = train_recipe("ﬁne " * 20, 280, min_count=2)
    assert wide.tokenizer.decode(wide.tokenizer.encode("ﬁne")) == "fine"
    spans = wide.tokenizer.encode_with_offsets("ﬁne")
    assert (spans.starts[0], spans.ends[-1]) == (0, 3)


def test_boundaries_that_stay():
    tokenizer = BPE.train("hug hug pug pun bun hugs", 264)
    text, noisy = "hug hug pug", "hug hxg pug"
    assert boundary_stability(tokenizer, text, text) == 1.0
    ours, theirs = (set(tokenizer.encode_with_offsets(t).ends[:-1]) for t in (text, noisy))
    assert boundary_stability(tokenizer, text, noisy) == len(ours & theirs) / len(ours | theirs)
    bare = BPE([bytes([i]) for i in range(256)])
    assert boundary_stability(bare, text, noisy) == 1.0
    with pytest.raises(TokenlabError, match="noisy"):
        boundary_stability(tokenizer, text, "hug")


def test_small_letters_of_turkish():
    assert casefold("ILI\u011eI \u0130zmir I\u0307zmir") == "\u0131l\u0131\u011f\u0131 izmir izmir"


def test_the_share_of_the_papers_example():
    class Fixed:
        tokens = (b"Ca", b"ts", b" are", b"play", b"ing", b"\xc4")

        def __init__(self, ids):
            self.ids = ids

        def encode(self, text):
            return np.array(self.ids)

    known = ["are", "play", "ing"]
    found = report(Fixed([0, 1, 2, 3, 4]), "Cats are playing", known)
    assert (found.tr_type, found.tr_occurrence, found.pure_type) == (60, 60, 60)
    assert (found.tokens, found.types, found.tokens_per_word) == (5, 5, 5 / 3)
    assert report(Fixed([0, 1, 2, 3, 4]), "Cats are playing", known, strip=False).tr_type == 40
    twice = report(Fixed([0, 2, 2, 5]), "Ca are are", known, ["x"])
    assert twice.tr_type == pytest.approx(100 / 3)
    assert (twice.tr_occurrence, twice.pure_type, twice.undecodable) == (50, 0, 1)
    assert report(Fixed([0]), "Ca", ["CA"]).tr_type == 100
    assert report(Fixed([0]), "Ca", ["CA"], fold=False).tr_type == 0


def test_the_published_table():
    gemma = PUBLISHED["gemma-2"]
    assert round(100 * gemma.turkish / gemma.unique, 2) == 48.63
    assert round(100 * gemma.pure / gemma.unique, 2) == 37.05
    share = {name: row.turkish / row.unique for name, row in PUBLISHED.items()}
    mmlu = {name: row.mmlu for name, row in PUBLISHED.items()}
    every = [[values[name] for name in PUBLISHED] for values in (share, mmlu)]
    assert correlation(*every) == pytest.approx(0.101, abs=1e-3)
    assert round(permutation_p(*every), 3) == 0.813
    pure = [row.pure / row.unique for row in PUBLISHED.values()]
    assert round(correlation(pure, every[1]), 3) == -0.510
    assert round(permutation_p(pure, every[1]), 3) == 0.195
    r = {
        four: correlation([share[n] for n in four], [mmlu[n] for n in four])
        for four in itertools.combinations(PUBLISHED, 4)
    }
    ranked = sorted(r, key=r.get, reverse=True)
    assert len(ranked) == 70
    assert round(r[ranked[4]], 3) == 0.900
    assert permutation_p([share[n] for n in ranked[4]], [mmlu[n] for n in ranked[4]]) == 0.125
    assert round(r[ranked[0]], 2) == 0.97
    assert round(r[ranked[-1]], 2) == -0.82


def test_bad_input_is_named():
    tokenizer = BPE.train("a b", 256)
    for call, word in (
        (lambda: report(tokenizer, "a", []), "valid"),
        (lambda: report(tokenizer, "a", "abc"), "valid"),
        (lambda: report(tokenizer, "a", ["a"], []), "pure"),
        (lambda: report(tokenizer, " ", ["a"]), "text"),
        (lambda: correlation([1, 1], [1, 2]), "x"),
        (lambda: correlation([1, 2, 3], [1, 2]), "y"),
        (lambda: permutation_p(range(9), range(9)), "x"),
        (lambda: padded_size(0), "n"),
        (lambda: train_recipe(TEXT, 260), "vocab_size"),
        (lambda: train_recipe(TEXT, 300, normalize="NFX"), "normalize"),
    ):
        with pytest.raises(TokenlabError, match=word):
            call()


def test_a_thousand_runs_of_spaces_are_told_apart():
    """Each is the beginning of the next: groups within groups, deeper than Python allows."""
    special = [f"<{i}>" for i in range(1800)]
    made = train_recipe("to be", 256 + len(special), special=special, pad2=True)
    assert (made.tokenizer.vocab, len(made.padding)) == (4096, 2040)
    for n in (2, 39, 40, 41, 42, 43, 500, 1000):
        for run in (" " * n, "\n" * n):
            ids = made.tokenizer.encode(f"o{run}b").tolist()
            assert [made.tokenizer.tokens[i] for i in ids] == [b"o", run.encode(), b"b"], n
