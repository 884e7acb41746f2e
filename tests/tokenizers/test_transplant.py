"""Rules for new embeddings: numbers by hand, convexity, the same tokenizer, and what is refused."""

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.numerics import sparsemax, unit
from tokenlab.tokenizers import (
    BPE,
    UnigramLM,
    focus,
    fvt,
    global_weights,
    hybrid,
    lexical,
    local_weights,
    ppmi_vectors,
    procrustes,
    supertokens,
    wechsel,
    word_space,
)

TEXT = "the lowest of the lower towns, the newest of the newer ones; unhappy and happy " * 3
OLD = BPE.train(TEXT, 290, special=("<s>",))
NEW = BPE.train(
    "happiness is lower than unhappiness, the lowest of the towns " * 3, 300, special=("<s>",)
)
RNG = np.random.default_rng(0)
E = RNG.normal(size=(OLD.vocab, 6)).astype(np.float32)
OLD_PHI, NEW_PHI = RNG.normal(size=(OLD.vocab, 5)), RNG.normal(size=(NEW.vocab, 5))


def rules(old, new, old_phi, new_phi):
    return {
        "lexical": lexical(old, new),
        "fvt": fvt(old, new),
        "focus": focus(old, new, new_phi),
        "wechsel": wechsel(old, new, old_phi, new_phi),
        "hybrid": hybrid(old, new, old_phi, new_phi),
    }


def test_the_same_tokenizer_gives_the_same_rows_bit_by_bit():
    for name, rule in rules(OLD, OLD, OLD_PHI, OLD_PHI).items():
        if name != "wechsel":  # it copies names alone
            assert (rule.apply(E, rng=0) == E).all(), name
            assert len(rule.copied) == OLD.vocab


def test_rows_are_convex_and_apply_is_the_matrix():
    for name, rule in rules(OLD, NEW, OLD_PHI, NEW_PHI).items():
        w = rule.matrix()
        assert w.shape == (NEW.vocab, OLD.vocab)
        assert (w >= 0).all(), name
        known = np.setdiff1d(np.arange(NEW.vocab), rule.drawn)
        np.testing.assert_allclose(w[known].sum(axis=1), 1)
        assert not w[rule.drawn].any()
        np.testing.assert_allclose(rule.apply(E, fallback="zero"), w @ E, atol=1e-6)
        assert rule.apply(E, rng=1).dtype == np.float32
        mean = rule.apply(E, fallback="mean")
        np.testing.assert_allclose(mean[rule.drawn], np.tile(E.mean(0), (len(rule.drawn), 1)), 1e-5)
    assert NEW.special["<s>"] in wechsel(OLD, NEW, OLD_PHI, NEW_PHI).copied


def test_drawn_rows_have_the_moments_of_the_columns():
    bare = BPE([b"x"])
    many = BPE([str(i).encode() for i in range(4000)])
    rows = lexical(BPE([b"a", b"b", b"c"]), many).apply([[0, 5], [2, 5], [4, 5]], rng=0)
    np.testing.assert_allclose(rows.mean(0), [2, 5], atol=0.1)
    np.testing.assert_allclose(rows.std(0), [np.std([0, 2, 4]), 0], atol=0.1)
    assert fvt(bare, many).drawn.tolist() == list(range(4000))  # bytes that the old one lacks


def test_fvt_by_hand():
    token = b"happiness"
    v = NEW.tokens.index(token) if token in NEW.tokens else NEW.tokens.index(b"happ")
    w = fvt(OLD, NEW).matrix()[v]
    pieces = OLD._encode_chunk(NEW.tokens[v])
    wanted = np.bincount(pieces, minlength=OLD.vocab) / len(pieces)
    np.testing.assert_allclose(w, wanted)


def test_focus_is_sparsemax_over_shared_tokens_with_a_vector():
    phi = NEW_PHI.copy()
    phi[5] = 0  # a shared token without one: copied, and no anchor
    rule = focus(OLD, NEW, phi)
    same = {t: i for i, t in enumerate(OLD.tokens[:-1])}
    anchors = [v for v, t in enumerate(NEW.tokens[:-1]) if t in same and v != 5] + [NEW.vocab - 1]
    v = next(v for v, t in enumerate(NEW.tokens[:-1]) if t not in same)
    weights = sparsemax(unit(phi[anchors]) @ unit(phi[v]))
    w = rule.matrix()
    names = {**same, "<s>": OLD.vocab - 1}
    for anchor, weight in zip(anchors, weights, strict=True):
        key = NEW.tokens[anchor] if anchor < NEW.vocab - 1 else "<s>"
        assert w[v, names[key]] == pytest.approx(weight)
    assert w[5, 5] == 1
    phi[v] = 0
    assert v in focus(OLD, NEW, phi).drawn


def test_wechsel_weights_by_hand():
    old, new = BPE([b"a", b"b", b"c"]), BPE([b"z"])
    angles = np.arccos([0.9, 0.8, 0.5])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    w = wechsel(old, new, vectors, [[1.0, 0.0]]).matrix()
    np.testing.assert_allclose(w, [[0.7214, 0.2654, 0.0132]], atol=5e-5)


def test_tokenadapt_by_hand():
    np.testing.assert_allclose(local_weights([0.8, 0.4], [0.5, 0.5]), [0.5815, 0.4185], atol=5e-5)
    np.testing.assert_allclose(local_weights([0.8, 0.4], [0.75, 0.25]), [0.7617, 0.2383], atol=5e-5)
    g = global_weights([0.9, 0.6, 0.3], temperature=0.3)
    np.testing.assert_allclose(g, [0.6652, 0.2447, 0.0900], atol=5e-5)
    cut = global_weights([0.9, 0.6, 0.3], temperature=0.3, threshold=0.5)
    np.testing.assert_allclose(cut, [0.7311, 0.2689, 0], atol=5e-5)
    # Both halves, with the rows of the specification.
    local = local_weights([0.8, 0.4], [0.75, 0.25])
    e = 0.7 * local @ np.eye(2) + 0.3 * g @ np.array([[2, 0], [0, 2], [1, 1]])
    np.testing.assert_allclose(e, [0.9594, 0.3406], atol=1e-4)
    assert not global_weights([0.9, 0.6], threshold=1.5).any()


def test_hybrid_halves_that_are_missing():
    only_near = hybrid(OLD, NEW, OLD_PHI, NEW_PHI, global_weight=1)
    only_pieces = hybrid(OLD, NEW, OLD_PHI, NEW_PHI, global_weight=0)
    v = next(i for i in range(NEW.vocab) if i not in only_near.copied)
    assert (only_near.matrix()[v] > 0).sum() <= 3
    assert (only_pieces.matrix()[v] > 0).sum() == len(set(OLD._encode_chunk(NEW.tokens[v])))
    phi = NEW_PHI.copy()
    phi[v] = 0
    assert v in hybrid(OLD, NEW, OLD_PHI, phi, global_weight=1).drawn
    alone = hybrid(OLD, NEW, OLD_PHI, phi, global_weight=0.3)
    assert alone.matrix()[v].sum() == pytest.approx(1)
    far = hybrid(OLD, NEW, OLD_PHI, NEW_PHI, global_weight=1, threshold=2)
    assert v in far.drawn


def test_unigram_tokenizers_take_part():
    model = UnigramLM([bytes([i]) for i in range(256)] + [b"lower"], np.full(257, -5.0))
    assert len(fvt(model, NEW).drawn) == 1  # the name
    assert len(fvt(OLD, model).drawn) == 0


def test_rotation_and_word_vectors(rng):
    a, q = rng.normal(size=(20, 4)), np.linalg.qr(rng.normal(size=(4, 4)))[0]
    np.testing.assert_allclose(procrustes(a, a @ q), q, atol=1e-10)
    vectors = word_space(OLD, ["lower", "lowest"], [[1.0, 0.0], [0.0, 1.0]], [3, 1])
    lowe = OLD.encode(" lower").tolist()
    assert vectors[lowe].any(axis=1).all()
    assert not vectors[ord("q")].any()
    for vocab in (OLD.vocab, 900):
        vectors = ppmi_vectors(OLD.encode(TEXT), vocab, 8)
        assert vectors.shape == (vocab, 8)
        assert not vectors[ord("Q")].any()
        assert np.isfinite(vectors).all()


def test_bad_input_is_named():
    for call, word in (
        (lambda: lexical(OLD, NEW).apply(E[:5]), "embeddings"),
        (lambda: lexical(OLD, NEW).apply(np.full_like(E, np.nan)), "embeddings"),
        (lambda: lexical(OLD, NEW).apply(E, fallback="median"), "fallback"),
        (lambda: focus(OLD, NEW, NEW_PHI[:4]), "auxiliary"),
        (lambda: wechsel(OLD, NEW, OLD_PHI, NEW_PHI[:, :2]), "new_vectors"),
        (lambda: wechsel(OLD, NEW, NEW_PHI, NEW_PHI), "old_vectors"),
        (lambda: wechsel(OLD, NEW, OLD_PHI, NEW_PHI, temperature=0), "temperature"),
        (lambda: hybrid(OLD, NEW, OLD_PHI, NEW_PHI, temperature=0), "temperature"),
        (lambda: hybrid(OLD, NEW, OLD_PHI, NEW_PHI, global_weight=2), "global_weight"),
        (lambda: local_weights([0.1], [1.0], temperature=0), "temperature"),
        (lambda: word_space(OLD, ["a"], [[1.0], [2.0]]), "words"),
    ):
        with pytest.raises(TokenlabError, match=word):
            call()


# supertokens ------------------------------------------------------------------------------------


def test_supertokens_at_both_ends():
    words = supertokens.learn(TEXT, 300, p=1.0)
    assert words.tokens == BPE.train(TEXT, 300, split="whitespace").tokens
    assert supertokens.multi_word(words) == []
    whole = supertokens.learn(TEXT, 300, p=0.0)
    assert whole.tokens == BPE.train(TEXT, 300, split="none").tokens
    assert supertokens.multi_word(whole)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_supertokens_give_texts_back(p):
    tokenizer = supertokens.learn(TEXT, 320, p=p, rng=0, special=("<s>",))
    assert tokenizer.decode(tokenizer.encode(TEXT + " 😀\n\n x")) == TEXT + " 😀\n\n x"
    assert "<s>" in tokenizer.special


def test_the_authors_lengths_and_a_sweep():
    assert sum(supertokens.AUTHORS.values()) == pytest.approx(1)
    assert sum(supertokens.WRITTEN.values()) == pytest.approx(1.1)
    rows = supertokens.sweep(TEXT, TEXT, [260, 300], rng=0)
    assert list(rows) == ["words", "p = 1", "p = 0.5", "p = 0.3", "lengths"]
    assert all((np.diff(row) >= 0).all() for row in rows.values())
    with pytest.raises(TokenlabError, match="lengths"):
        supertokens.learn(TEXT, 300, lengths=supertokens.WRITTEN)
    with pytest.raises(TokenlabError, match="p is"):
        supertokens.learn(TEXT, 300, p=2)
