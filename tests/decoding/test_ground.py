# ruff: noqa: B023
import itertools

import numpy as np
import pytest

from tokenlab.decoding import (
    awrs,
    byte_level,
    constrained,
    sampling,
    speculative,
    without_replacement,
)
from tokenlab.decoding import (
    token_recycling as tr,
)
from tokenlab.decoding.chance import exact
from tokenlab.lm import Counted, TableLM, from_function
from tokenlab.tokenizers import BPE

P = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
C = (0, 1, 0, 1, 0)
L = np.log(P)


def test_recursive():
    o = exact(lambda r: awrs.draw(L, lambda t: C[t], estimator="recursive", rng=r))
    w = [
        sum(
            p * np.exp(v.log_weight)
            for v, p in zip(o.values, o.probabilities, strict=False)
            if v.token == t
        )
        for t in range(5)
    ]
    np.testing.assert_allclose(w, [0, 0.3, 0, 0.1, 0], atol=1e-12)
    assert o.expect(lambda v: v.calls) == pytest.approx(571 / 198)
    assert o.expect(lambda v: np.exp(2 * v.log_weight)) - 0.16 == pytest.approx(0.05303, abs=1e-5)


@pytest.mark.parametrize(("K", "cap"), [(2, 2), (2, 5), (3, 2), (3, 4), (5, 3)])
def test_geo(K, cap):
    o = exact(lambda r: awrs.geometric(L, lambda t: C[t], K, cap, rng=r))
    w = [
        sum(
            p * np.exp(v.log_weight)
            for v, p in zip(o.values, o.probabilities, strict=False)
            if v.token == t
        )
        for t in range(5)
    ]
    np.testing.assert_allclose(w, [0, 0.3, 0, 0.1, 0], atol=1e-9)


def test_golden():
    d = awrs.recursive(
        np.log([0.179, 0.192, 0.192, 0.154, 0.244, 0.039]),
        [4, 1, 0, 3, 2, 5],
        lambda t: [1, 0, 0, 0, 1, 0][t],
    )
    assert d.token == 4
    assert np.exp(d.log_weight) == pytest.approx(0.244)
    assert d.calls == 2
    d = awrs.recursive(
        np.log([0.226, 0.258, 0.419, 0.097]), [1, 3, 0, 2], lambda t: [1, 0, 1, 1][t], 2
    )
    assert d.token == 3
    assert np.exp(d.log_weight) == pytest.approx(0.742)
    assert d.calls == 2
    d = awrs.recursive(np.log([1 - 3e-13, 1e-13, 2e-13]), [0, 2, 1], lambda t: t == 1)
    assert np.exp(d.log_weight) == pytest.approx(1e-13, rel=1e-6)


def test_smc():
    lm = TableLM(np.array([[0.9 * 0.99, 0.9 * 0.01], [0.05, 0.05]]))

    def ok(prefix, t):
        return (prefix, t) != ((0,), 0)

    post = constrained.posterior(lm, ok, max_tokens=2)
    np.testing.assert_allclose(
        list(post.probabilities.values()), [0.0826, 0.4587, 0.4587], atol=1e-4
    )
    for n in (1, 2):
        for e in ("recursive", "geometric"):
            o = exact(
                lambda r: (
                    awrs.generate(
                        lm,
                        ok,
                        n_particles=n,
                        max_tokens=2,
                        ess_threshold=1.0,
                        estimator=e,
                        max_rejects=3,
                        rng=r,
                    ).log_z
                )
            )
            assert o.expect(np.exp) == pytest.approx(0.109, abs=1e-9)


def test_spec():
    np.log([0.6, 0.2, 0.2])
    big = TableLM(np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3))
    small = TableLM(np.random.default_rng(1).dirichlet(np.ones(27)).reshape(3, 3, 3))
    for temp in (0, 1):
        o = exact(
            lambda r: (
                speculative.generate(
                    big,
                    speculative.draft_model(small, temp),
                    (),
                    3,
                    k=2,
                    rng=r,
                ).tokens
            )
        )
        got = np.array([o.probability(t) for t in np.ndindex(3, 3, 3)]).reshape(3, 3, 3)
        np.testing.assert_allclose(got, big.joint, atol=1e-9)


def test_tr():
    top = {0: (1, 2), 1: (2, 0), 2: (3, 1), 3: (1, 4), 4: (5, 0), 5: (0, 3)}

    def f(c):
        z = np.zeros(6)
        z[top[c[-1]][0]] = 2
        z[top[c[-1]][1]] = 1
        return z

    lm = Counted(from_function(f, 6))
    s = tr.generate(lm, [0], 12, tr.Recycler(6, 2, [(0,), (1,), (0, 0), (0, 1), (0, 0, 0)]))
    assert s.emitted.tolist() == [1, 1, 2, 4, 4]
    assert s.tokens.tolist() == [1, 2, 3] * 4
    assert len(tr.TREE_222) == 80
    assert lm.forwards == 5
    t = tr.build_tree(tr.TREE_222)
    assert np.bincount(t.depths).tolist() == [0, 8, 21, 25, 15, 8, 3]


def test_pat():
    from tokenlab.decoding import JSON, pattern

    B = [bytes([i]) for i in range(256)]
    c = pattern("[\u00e0-\u00ff]", B, eos=256)
    assert c((), 0xC3)
    assert c((0xC3,), 0xA9)
    assert not c((0xC3,), 0x80)
    assert not c((0xC3,), 256)
    assert not c((), 0xFF)
    assert c((0xC3, 0xA9), 256)
    j = pattern(JSON, B, eos=256)

    def accepts(t):
        t = t if isinstance(t, bytes) else t.encode()
        return all(j(tuple(t[:i]), t[i]) for i in range(len(t))) and j(tuple(t), 256)

    for bad in ["[0,]", "00", '"\\z"', '"\n"', ".1", "1.", "\f1", "NaN", "[1,2", "]", ""]:
        assert not accepts(bad), bad
    for good in [
        " [1 , 2] ",
        "-0.5e+3",
        '"\\u00e9"',
        '{"a": [ ], "b":{}}',
        "{ }",
        '"é"',
        "null",
        " 1",
    ]:
        assert accepts(good), good
    x = pattern("x*", ["x", "y"], eos=2)
    assert x((), 2)
    assert x((), 0)
    assert not x((), 1)


def test_filtered():
    def f(p, **k):
        return np.exp(sampling.filtered(np.log(p), **k)).round(6).tolist()

    assert f([0.25, 0.5, 0.25], top_p=0.5) == [0, 1, 0]
    assert f(np.array([0.25, 0.5, 0.25], np.float32), top_p=0.5) == [0, 1, 0]
    assert f([0.4, 0.4, 0.2], top_k=1) == [1, 0, 0]
    assert f([0.4, 0.4, 0.2], top_k=9) == [
        0.4,
        0.4,
        0.2,
    ]
    for t in (0, 1e-20, 5e-324):
        assert f([0.2, 0.5, 0.3], temperature=t) == [0, 1, 0]
    assert f([0.2, 0.8, 1e-300], temperature=np.inf)[2] > 0.3
    assert np.exp(sampling.filtered([0.0, 1, -np.inf], temperature=np.inf)).tolist() == [
        0.5,
        0.5,
        0,
    ]
    assert sampling.filtered([2.0, 1.0, 0.0], temperature=0.25, top_p=0.9).tolist()[1] == -np.inf


def test_draws_of_a_large_vocabulary_are_those_of_a_small_one():
    """What comes first and second, over blocks and batches of draws, against the exact chances."""
    p = np.full(1000, 0.2 / 997)
    p[[3, 700, 999]] = 0.4, 0.3, 0.1
    n = 4000
    counts = np.zeros(3)
    both = 0
    for seed in range(n):
        first, second = itertools.islice(without_replacement(np.log(p), seed), 2)
        counts += [first == 3, first == 700, first == 999]
        both += (first, second) == (3, 700)
    error = 4 * (0.25 / n) ** 0.5
    np.testing.assert_allclose(counts / n, [0.4, 0.3, 0.1], atol=error)
    assert both / n == pytest.approx(0.4 * 0.3 / 0.6, abs=error)
    order = list(without_replacement(np.log(p), 0))
    assert sorted(order) == list(range(1000))


def test_a_lookup_can_ask_for_longer_matches():
    context = [1, 2, 3, 9, 1, 2]
    for shortest, draft in ((1, [3, 9]), (2, [3, 9]), (3, [])):
        found = speculative.prompt_lookup(10, min_ngram=shortest)(context, 2)
        assert found[0].tolist() == draft


def test_the_name_of_a_special_token_is_text_for_bytes():
    tokenizer = BPE.train("ab ab abc", 260, split="none", special=("<|x|>",))
    lm = from_function(lambda context: np.zeros(tokenizer.vocab), tokenizer.vocab)
    model = byte_level.ByteLM(lm, tokenizer, window=1)
    assert np.isfinite(model.log_prob(b"ab<|x|>"))
    assert not byte_level.valid_next(tokenizer, [97], window=1)[tokenizer.special["<|x|>"]]
