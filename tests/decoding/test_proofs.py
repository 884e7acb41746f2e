"""Every sampler, run along all branches of its choices: the whole distribution, not a sample."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab.decoding import (
    Recycler,
    any_subset,
    awrs,
    constrained,
    insertion,
    sampling,
    smc,
    speculative,
    token_recycling,
)
from tokenlab.decoding.chance import choose, exact, flip, geometric
from tokenlab.lm import ChainLM, TableLM, from_function

# Texts over a, b and the end (2): two letters at most, the end counted.
EOS = 2
STEP = {(): [0.5, 0.3, 0.2], (0,): [0.2, 0.5, 0.3], (1,): [0.1, 0.3, 0.6]}
LM = from_function(lambda c: np.log(STEP[tuple(c)[:1]]), 3)


def allowed(prefix, token):
    """No a after a; a text may end anywhere but at its beginning."""
    return (*prefix, token) != (0, 0) and not (token == EOS and not prefix)


def truth(max_tokens):
    return constrained.posterior(LM, allowed, max_tokens=max_tokens, eos=EOS)


def test_choose_flip_and_geometric():
    assert exact(lambda rng: choose(np.log([0.5, 0.3, 0.2]), rng)).probabilities.round(
        9
    ).tolist() == [
        0.5,
        0.3,
        0.2,
    ]
    assert exact(lambda rng: flip(0.3, rng)).probability(True) == pytest.approx(0.3)
    found = exact(lambda rng: geometric(0.25, rng, limit=3))
    assert found.probabilities.tolist() == pytest.approx([0.25, 0.1875, 0.5625])


def test_generate_is_the_models_product():
    found = exact(lambda rng: sampling.generate(LM, (), 2, eos=EOS, rng=rng).tokens)
    assert found.probability((EOS,)) == pytest.approx(0.2)
    assert found.probability((0, 1)) == pytest.approx(0.5 * 0.5)


def test_masked_texts_with_their_weights_are_the_posterior():
    found = exact(
        lambda rng: constrained.generate_masked(LM, allowed, max_tokens=3, eos=EOS, rng=rng)
    )
    post = truth(3)
    for text, p in post.probabilities.items():
        weighted = found.expect(lambda m, t=text: np.exp(m.log_weight) * (m.tokens == t))
        assert weighted / np.exp(post.log_z) == pytest.approx(p)


def test_rejection_is_the_posterior():
    """Of two tries: conditioned on success, texts come as the posterior has them."""

    def one(rng):
        try:
            return constrained.rejection(
                LM, allowed, max_tokens=3, eos=EOS, max_tries=2, rng=rng
            ).tokens
        except Exception:
            return ()

    found, post = exact(one), truth(3)
    total = 1 - found.probability(())
    for text, p in post.probabilities.items():
        assert found.probability(text) / total == pytest.approx(p)


@pytest.mark.parametrize("ess_threshold", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 2])
def test_particles_weigh_every_text_rightly(n, ess_threshold):
    """The mean weight of each text is its probability times the allowed mass, resampled or not."""
    options = {"n_particles": n, "max_tokens": 2, "eos": EOS, "ess_threshold": ess_threshold}

    def mass(rng):
        found = awrs.generate(LM, allowed, estimator="recursive", rng=rng, **options)
        return tuple(
            (text, float(np.exp(log) / n))
            for text, log in zip(found.tokens, found.log_weights, strict=True)
        )

    found, post = exact(mass), truth(2)
    for text, p in post.probabilities.items():
        weight = found.expect(lambda v, t=text: sum(w for own, w in v if own == t))
        assert weight == pytest.approx(p * np.exp(post.log_z), abs=1e-9)


@pytest.mark.parametrize("estimator", ["recursive", "geometric"])
@pytest.mark.parametrize("scale", [0.0, 3.0])
def test_a_proposal_changes_the_order_and_not_the_mean(estimator, scale):
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.1, 0.4, 0.4])

    def one(rng):
        options = {"estimator": estimator, "max_rejects": 4, "proposal": np.log(q) + 5}
        return awrs.draw(np.log(p) + scale, lambda t: t % 2 == 1, rng=rng, **options)

    found = exact(one)
    for token, wanted in ((1, 0.3), (3, 0.1)):
        mean = found.expect(lambda d, t=token: np.exp(d.log_weight) * (d.token == t))
        assert mean == pytest.approx(wanted * np.exp(scale))


def test_without_an_estimate_the_token_is_right_and_the_weight_one():
    p = np.array([0.4, 0.3, 0.2, 0.1])
    found = exact(lambda rng: awrs.draw(np.log(p), lambda t: t % 2, estimator="none", rng=rng))
    assert found.expect(lambda d: d.token == 1) == pytest.approx(0.75)
    assert {d.log_weight for d in found.values} == {0.0}


@pytest.mark.parametrize("cap", [1, 2, 3, 10])
def test_a_cap_keeps_the_mean(cap):
    p = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    found = exact(
        lambda rng: awrs.draw(
            np.log(p), lambda t: t in (1, 3), estimator="recursive", max_rejects=cap, rng=rng
        )
    )
    mean = found.expect(lambda d: np.exp(d.log_weight) * (d.token == 3))
    assert mean == pytest.approx(0.1)


def test_the_uncapped_geometric_estimator_has_the_variance_of_its_formula():
    """Negative binomial: the number of draws up to the K-th accepted one."""
    p, z, k = np.array([0.4, 0.3, 0.15, 0.1, 0.05]), 0.4, 2
    draws = np.arange(k, 400)
    chance = (draws - 1) * z**k * (1 - z) ** (draws - k)
    variance = (chance * ((k - 1) / (draws - 1)) ** 2).sum() - z**2
    rng = np.random.default_rng(0)
    weights = [
        np.exp(awrs.geometric(np.log(p), lambda t: t in (1, 3), k, rng=rng).log_weight)
        for _ in range(4000)
    ]
    assert np.mean(weights) == pytest.approx(z, abs=4 * (variance / 4000) ** 0.5)
    assert np.var(weights) == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("method", ["multinomial", "stratified", "systematic", "residual"])
def test_resampling_copies_in_proportion(method):
    weights = np.array([0.5, 0.3, 0.2])
    if method in ("multinomial", "residual"):
        found = exact(lambda rng: smc.resample(np.log(weights), method=method, rng=rng))
        copies = [found.expect(lambda a, i=i: list(a).count(i)) for i in range(3)]
    else:  # uniform numbers, not choices: the mean over a fine grid of seeds
        rng = np.random.default_rng(0)
        drawn = [smc.resample(np.log(weights), method=method, rng=rng) for _ in range(4000)]
        copies = np.bincount(np.concatenate(drawn), minlength=3) / 4000
    np.testing.assert_allclose(copies, 3 * weights, atol=1e-9 if method[2] == "l" else 0.04)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 3))
def test_speculation_is_the_target_whoever_drafts(seed, k):
    rng = np.random.default_rng(seed)
    target, drafter = (TableLM(rng.dirichlet(np.ones(4)).reshape(2, 2)) for _ in range(2))
    found = exact(
        lambda r: speculative.generate(target, speculative.draft_model(drafter), (), 2, k, rng=r)
    )
    for text in np.ndindex(2, 2):
        p = found.expect(lambda s, t=text: s.tokens == t)
        assert p == pytest.approx(target.joint[text], abs=1e-9)
    assert all(sum(s.emitted) == 2 for s in found.values)


def test_prompt_lookup_is_the_target_too():
    rng = np.random.default_rng(1)
    target = TableLM(rng.dirichlet(np.ones(32)).reshape((2,) * 5))
    given_ = (0, 1)
    found = exact(
        lambda r: (
            speculative.generate(target, speculative.prompt_lookup(2), given_, 3, 2, rng=r).tokens
        )
    )
    for text in np.ndindex(2, 2, 2):
        wanted = target.joint[(*given_, *text)] / target.joint[given_].sum()
        assert found.probability(text) == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_recycling_is_greedy_whatever_stands_in_the_matrix(seed):
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((9, 6))
    lm = from_function(lambda c: table[(sum(c) + 3 * c[-1]) % 9], 6)
    recycler = Recycler(6, 3, token_recycling.grow_tree(rng.random((3, 3)), 7))
    recycler.matrix_[:] = rng.integers(0, 6, recycler.matrix_.shape)
    found = token_recycling.generate(lm, [1, 2], 11, recycler, warm=bool(seed % 2))
    greedy = sampling.generate(lm, [1, 2], 11, temperature=0)
    np.testing.assert_array_equal(found.tokens, greedy.tokens)
    assert found.emitted.sum() == 11


@pytest.mark.parametrize("drafter", ["self", "bigram"])
@pytest.mark.parametrize("order", [None, [3, 0, 2]])
def test_infilling_a_chain_is_the_chain(drafter, order):
    chain = ChainLM([0.6, 0.4], [[0.7, 0.3], [0.2, 0.8]], 4)
    joint = np.array(
        [
            chain.start[t[0]] * np.prod([chain.transition[a, b] for a, b in itertools.pairwise(t)])
            for t in np.ndindex(2, 2, 2, 2)
        ]
    ).reshape((2,) * 4)
    post = joint[:, 1] / joint[:, 1].sum()  # place 1 holds a 1
    options = {"k": 3, "drafter": drafter, "order": order}
    found = exact(lambda rng: any_subset.generate(chain, {1: 1}, rng=rng, **options).tokens)
    one = exact(lambda rng: any_subset.sequential(chain, {1: 1}, order=order, rng=rng).tokens)
    for a, c, d in np.ndindex(2, 2, 2):
        assert found.probability((a, 1, c, d)) == pytest.approx(post[a, c, d], abs=1e-9)
        assert one.probability((a, 1, c, d)) == pytest.approx(post[a, c, d], abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(strings=st.lists(st.lists(st.integers(0, 1), max_size=3).map(tuple), min_size=1, max_size=4))
def test_insertion_tilts_by_length_and_the_weight_repairs_it(strings):
    strings = sorted(set(strings))
    n = len(strings)
    tilt = np.array([1 / (len(text) + 1) for text in strings])
    for weight, wanted in (("uniform", tilt / tilt.sum()), ("length", np.full(n, 1 / n))):
        model = insertion.CountedInsertion.fit(strings, 2, weight=weight)
        found = exact(lambda rng, m=model: insertion.generate(m, rng=rng, max_tokens=4).tokens)
        for text, p in zip(strings, wanted, strict=True):
            assert found.probability(text) == pytest.approx(p, abs=1e-9)


def test_corrupting_drops_each_set_alike():
    found = exact(lambda rng: insertion.corrupt([0, 1, 2], 3, rng=rng).dropped)
    by_size = {0: 1, 1: 3, 2: 3, 3: 1}
    for dropped, p in zip(found.values, found.probabilities, strict=True):
        assert p == pytest.approx(1 / 4 / by_size[sum(dropped)])
