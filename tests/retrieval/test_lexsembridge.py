"""LexSemBridge: hand cases, what changes nothing, the two variants, gradients, bad input."""

import numpy as np
import pytest

from tokenlab import autograd, errors
from tokenlab.retrieval.lexsembridge import (
    clr,
    enhance,
    info_nce,
    llr,
    modulation,
    slr,
    slr_modulation,
)

WEIGHT = np.array([[1.0, 0, -1, 2], [0, 1, 1, 0]])
E = np.array([0.6, 0.8])


def test_slr_by_hand():
    w = slr([0, 2, 2], 4)
    np.testing.assert_allclose(w, [0.693147, 0, 0.693147, 0], atol=1e-6)
    v = modulation(w, WEIGHT)
    np.testing.assert_allclose(v, [1 / 3, 2 / 3], atol=1e-6)
    np.testing.assert_allclose(enhance(E, v, normalize=False), [0.2, 0.533333], atol=1e-6)
    np.testing.assert_allclose(enhance(E, v), [0.351123, 0.936329], atol=1e-6)
    v = modulation(slr([0, 2, 2], 4, variant="official"), WEIGHT)
    np.testing.assert_allclose(v, [0.268941, 0.731059], atol=1e-6)
    np.testing.assert_allclose(enhance(E, v), [0.265972, 0.963981], atol=1e-6)


def test_llr_by_hand():
    # Scores .5, -.2, 1.5 of the tokens 0, 2, 2.
    hidden, u = np.array([[0.5], [-0.2], [1.5]]), np.array([1.0])
    w = llr(hidden=hidden, weight=u, ids=[0, 2, 2], vocab=4, variant="official")
    np.testing.assert_allclose(w, [0.5, 0, 1.5, 0])
    np.testing.assert_allclose(modulation(w, WEIGHT), [0.075858, 0.924142], atol=1e-6)
    special = {"ids": [0, 2, 2], "vocab": 4, "special": (2,), "variant": "official"}
    np.testing.assert_allclose(llr(hidden=hidden, weight=u, **special), [0.5, 0, 0, 0])
    rng = np.random.default_rng(0)
    h, u, b = rng.standard_normal(3), rng.standard_normal((3, 5)), rng.standard_normal(5)
    wanted = np.log(1 + np.maximum(h @ u + b, 0))
    np.testing.assert_allclose(llr(hidden=h, weight=u, bias=b), wanted)


def test_clr_by_hand():
    w = clr([1.0, -2, 0, 3])
    np.testing.assert_allclose(w, [0.693147, 0, 0, 1.386294], atol=1e-6)
    v = modulation(w, WEIGHT)
    np.testing.assert_allclose(v, [0.969697, 0.030303], atol=1e-6)
    np.testing.assert_allclose(enhance(E, v), [0.999133, 0.041631], atol=1e-6)


def test_what_changes_nothing():
    rng = np.random.default_rng(0)
    weight, e, bias = rng.standard_normal((6, 9)), rng.standard_normal(6), rng.standard_normal(6)
    ids = rng.integers(0, 9, 12)
    v = modulation(slr(ids, 9), weight, bias)
    assert v.sum() == pytest.approx(1)
    assert (v > 0).all()
    np.testing.assert_allclose(modulation(slr(np.sort(ids)[::-1], 9), weight, bias), v)
    np.testing.assert_allclose(modulation(slr(ids, 9), weight, bias + 3.0), v)
    assert (np.sign(enhance(e, v)) == np.sign(e)).all()
    plain = enhance(e, modulation(np.zeros(9), weight))
    np.testing.assert_allclose(plain, e / np.linalg.norm(e))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slr_from_the_words_that_occur(dtype):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((50, 8)).astype(dtype)  # (vocab, d)
    ids, bias = rng.integers(0, 50, 20), rng.standard_normal(8).astype(dtype)
    for special in ((), (int(ids[0]), 49)):
        wanted = modulation(slr(ids, 50, special=special).astype(dtype), rows.T, bias)
        found = slr_modulation(ids, rows.T, bias, special=special)
        np.testing.assert_allclose(found, wanted, rtol=2e-5 if dtype == np.float32 else 1e-6)
        assert found.dtype == dtype


def test_a_dead_scale():
    assert (slr([0, 1], 3, scale=-0.5, variant="official") == 0).all()
    with pytest.raises(errors.InvalidInput, match="slr: scale"):
        slr([0, 1], 3, scale=-0.5)


def test_half_precision_is_computed_in_single():
    e, v = np.full(768, 0.036, np.float16), np.full(768, 1 / 768, np.float16)
    assert enhance(e, v).dtype == np.float32
    assert np.linalg.norm(enhance(e, v)) == pytest.approx(1)


def test_info_nce_against_its_sum():
    rng = np.random.default_rng(0)
    q, p = rng.standard_normal((3, 4)), rng.standard_normal((6, 4))
    s = q @ p.T / 0.5
    wanted = np.mean([np.log(np.exp(s[i]).sum()) - s[i, 2 * i] for i in range(3)])
    assert info_nce(q, p, temperature=0.5, group=2) == pytest.approx(wanted)


def test_each_question_has_its_own_passage_among_three():
    q, p = np.eye(4)[:3], np.zeros((9, 4))
    p[[0, 3, 6]] = q  # question i's own is 3 i
    right = info_nce(q, p, temperature=0.01, group=3)
    assert right == pytest.approx(0, abs=1e-6)
    assert info_nce(q, p[::-1], temperature=0.01, group=3) > 1
    with pytest.raises(errors.ShapeError, match=r"info_nce: passages are \(8, 4\); expected \(9"):
        info_nce(q, p[1:], group=3)


def test_the_largest_weight_of_a_word_counts_and_special_tokens_count_nothing():
    hidden, ids = np.array([[0.5], [2.0], [1.5], [4.0]]), [1, 2, 2, 0]
    w = llr(hidden=hidden, weight=[1.0], ids=ids, vocab=4, special=[0], variant="official")
    assert w.tolist() == [0, 0.5, 2, 0]
    assert slr(ids, 4, special=[0]).tolist() == slr([2, 1], 4).tolist()
    assert slr([1, 1, 2], 4).tolist() == slr([1, 2], 4).tolist()


def test_a_large_matrix_is_not_copied_and_only_its_words_are_looked_at():
    rows = np.random.default_rng(0).standard_normal((6, 3))
    rows[5] = np.nan  # a word that does not occur
    assert np.isfinite(slr_modulation([0, 4], rows.T)).all()
    with pytest.raises(errors.InvalidInput, match="slr_modulation: weight has 3 values"):
        slr_modulation([0, 5], rows.T)
    with pytest.raises(errors.InvalidInput, match="modulation: weight has 3 values"):
        modulation(np.ones(6), rows.T)


def test_gradients():
    rng = np.random.default_rng(0)
    w, weight, e = rng.random(5), rng.standard_normal((3, 5)), rng.standard_normal((3, 3))
    passages = rng.standard_normal((3, 3))

    def loss(params):
        v = modulation(clr(params["logits"]), params["weight"], params["bias"])
        return info_nce(enhance(e, v[None] + 0 * e), passages, temperature=0.5)

    params = {"logits": w + 0.5, "weight": weight, "bias": np.zeros(3)}
    assert autograd.gradcheck(loss, params) < 1e-6


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: slr([0, 4], 4), "ids"),
        (lambda: slr([-1], 4), "ids"),
        (lambda: slr_modulation([4], WEIGHT), "ids"),
        (lambda: llr(hidden=E, weight=[1.0, 2.0]), "expected .d,. and .d, vocab."),
        (lambda: llr(hidden=[E], weight=[1.0, 2.0], variant="official"), "pass ids and vocab"),
        (lambda: info_nce([E], [E, E]), "expected .1, d."),
        (lambda: info_nce([E], [E], temperature=0.0), "temperature"),
        (lambda: modulation([np.nan, 0, 0, 0], WEIGHT), "w has 1 values"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()
