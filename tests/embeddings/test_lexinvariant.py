"""Keys, posteriors, bounds, the search, and a model without embeddings."""

import itertools
import math

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.embeddings import lexinvariant as lex
from tokenlab.errors import TokenlabError
from tokenlab.lm import ChainLM, score

P = np.array([[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.6, 0.3, 0.1]])
START = np.array([0.5, 0.3, 0.2])
LM = ChainLM(START, P, 64)
PLAIN = np.array([0, 1, 2, 0, 1, 2, 0, 1])
KEY = np.array([2, 0, 1])  # what each observed symbol stands for
OBSERVED = np.argsort(KEY)[PLAIN]  # KEY[OBSERVED] is PLAIN


def by_hand(ids):
    """p of a text, term by term."""
    p = START[ids[0]]
    for a, b in itertools.pairwise(ids):
        p *= P[a, b]
    return p


def test_every_renaming_has_one_probability():
    assert (KEY[OBSERVED] == PLAIN).all()
    assert math.exp(lex.log_prob(LM, PLAIN)) == pytest.approx(by_hand(PLAIN))
    for key in itertools.permutations(range(3)):
        found = lex.invariant_log_prob(LM, np.array(key)[PLAIN])
        assert math.exp(found) == pytest.approx(0.0137367, abs=5e-8)
    regret = (lex.log_prob(LM, PLAIN) - lex.invariant_log_prob(LM, PLAIN)) / math.log(2)
    assert regret == pytest.approx(1.717, abs=5e-4)
    assert regret <= lex.regret_bound(3) == pytest.approx(math.log2(6))


def test_the_posterior_of_the_specification():
    found = lex.decipher(LM, OBSERVED)
    assert found.keys.shape == (6, 3)
    true = int(np.flatnonzero((found.keys == KEY).all(axis=1))[0])
    shares = np.exp(found.log_posterior)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0], 1 / 6)
    wanted = (0.25, 0.4444, 0.4912, 0.5479)
    np.testing.assert_allclose(shares[[1, 2, 4, 8], true], wanted, atol=5e-5)
    np.testing.assert_allclose(found.predictive.sum(axis=1), 1)
    np.testing.assert_allclose(found.predictive[4], (0.1798, 0.1000, 0.7202), atol=5e-5)


def test_predictions_are_quotients_of_the_invariant_model():
    rng = np.random.default_rng(0)
    ids = rng.integers(3, size=7)
    found = lex.decipher(LM, ids)
    for t in range(1, 7):
        for x in range(3):
            longer = lex.invariant_log_prob(LM, [*ids[:t], x])
            ratio = math.exp(longer - lex.invariant_log_prob(LM, ids[:t]))
            assert found.predictive[t, x] == pytest.approx(ratio)
    total = sum(math.log(found.predictive[t, x]) for t, x in enumerate(ids))
    assert total == pytest.approx(lex.invariant_log_prob(LM, ids))


def test_a_naive_posterior():
    rng = np.random.default_rng(1)
    chain = rng.dirichlet(np.ones(4), size=4)
    lm = ChainLM(np.full(4, 0.25), chain, 32)
    ids = rng.integers(4, size=9)
    found = lex.decipher(lm, ids)
    every = np.array([score(lm, key[ids]).sum() for key in found.keys])
    wanted = np.exp(every) / np.exp(every).sum()
    np.testing.assert_allclose(np.exp(found.log_posterior[-1]), wanted)
    ahead = [np.exp(lm.log_probs(key[ids]))[key] for key in found.keys]
    np.testing.assert_allclose(found.predictive[-1], wanted @ np.array(ahead))
    gaps = [abs(found.predictive[t] - np.exp(lm.log_probs(ids[:t]))).sum() for t in range(len(ids))]
    assert np.mean(gaps) <= lex.gap_bound(4, len(ids))


def test_what_cannot_be_told_apart_stays_split_and_keys_die():
    same = ChainLM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], 16)
    np.testing.assert_allclose(np.exp(lex.decipher(same, [0, 0, 1, 1]).log_posterior), 0.5)
    strict = ChainLM([0.5, 0.5], [[0.0, 1.0], [0.5, 0.5]], 16)
    found = lex.decipher(strict, [0, 0])
    assert found.log_posterior[-1].tolist() == [-np.inf, 0.0]
    np.testing.assert_allclose(found.predictive[-1], [0.5, 0.5])
    assert lex.invariant_log_prob(ChainLM([1.0, 0], [[1.0, 0], [0, 1.0]], 9), [0, 1]) == -np.inf


def test_bounds():
    assert lex.regret_bound(26) == pytest.approx(88.38, abs=0.01)
    assert lex.gap_bound(26, 512) == pytest.approx(0.489, abs=5e-4)
    assert lex.regret_bound(1) == 0


def test_the_search_finds_the_best_of_all_keys():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        table = np.log(rng.dirichlet(np.ones(6) * 0.5, size=6) + 1e-4)
        ids = rng.integers(6, size=80)
        found = lex.swap_search(table, ids, restarts=4, iters=600, rng=seed)
        scores = [table[key[ids[:-1]], key[ids[1:]]].sum() for key in lex.keys(6)]
        assert found.score == pytest.approx(max(scores))
        assert table[found.key[ids[:-1]], found.key[ids[1:]]].sum() == pytest.approx(found.score)
        assert found.history.shape == (2400,)
        assert found.history.max() == pytest.approx(found.score)
        again = lex.swap_search(table, ids, restarts=4, iters=600, rng=seed)
        assert (again.key == found.key).all()


def test_the_search_keeps_to_what_is_possible():
    with np.errstate(divide="ignore"):
        table = np.log([[0, 1.0, 0], [0, 0, 1.0], [1.0, 0, 0]])
    found = lex.swap_search(table, [0, 2, 1, 0, 2], iters=200, rng=0)
    assert found.score == 0
    assert lex.swap_search(table, [1], iters=5, rng=0).score == 0
    with pytest.raises(TokenlabError, match="swap_search: log_transition allows the text under"):
        lex.swap_search(table, [0, 1, 0], iters=100, rng=0)


# The model.


def test_renaming_tokens_and_rows_renames_the_logits():
    params = lex.init(d=8, layers=2, heads=2, rng=0)
    tables = lex.random_embedding(3, 5, 8, rng=1)
    assert tables.shape == (3, 5, 8)
    ids = np.random.default_rng(2).integers(5, size=(3, 12))
    logits = lex.forward(params, ids, tables)
    key = np.array([3, 0, 4, 1, 2])  # new name of each token
    renamed = lex.forward(params, key[ids], tables[:, np.argsort(key)])
    np.testing.assert_allclose(renamed[..., key], logits, atol=1e-5)
    loss = lex.loss(params, ids, tables)
    assert lex.loss(params, key[ids], tables[:, np.argsort(key)]) == pytest.approx(loss, abs=1e-5)
    one = lex.forward(params, ids[1], tables[1])
    np.testing.assert_allclose(one, logits[1], atol=1e-5)
    changed = ids.copy()
    changed[:, 7] = (ids[:, 7] + 1) % 5
    np.testing.assert_array_equal(lex.forward(params, changed, tables)[:, :7], logits[:, :7])
    assert abs(lex.forward(params, changed, tables)[:, 7:] - logits[:, 7:]).max() > 1e-3


def test_loss_and_gradient():
    params = lex.init(d=4, layers=1, heads=2, rng=0, dtype=np.float64, length=6)
    table = lex.random_embedding(1, 3, 4, rng=1)[0].astype(np.float64)
    ids = [0, 1, 2, 1, 0, 2]
    logits = lex.forward(params, ids, table)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = -np.mean([log_p[t, ids[t + 1]] for t in range(5)])
    assert lex.loss(params, ids, table) == pytest.approx(wanted)
    assert gradcheck(lambda p: lex.loss(p, ids, table), params) < 1e-6


def test_it_learns_that_the_symbol_before_comes_again():
    from tokenlab.training import train

    params = lex.init(d=16, layers=1, heads=2, rng=0, length=16)

    def batch(rng):
        ids = np.repeat(rng.integers(4, size=(16, 8)), 2, axis=1)
        return ids, lex.random_embedding(16, 4, 16, rng=rng)

    _, history = train(lex.loss, params, batch, steps=120, rate=0.01, rng=0)
    assert np.mean(history[-10:]) < np.mean(history[:10]) - 0.3


def test_rows_are_of_length_one_on_average_and_some_stay():
    tables = lex.random_embedding(4, 100, 32, rng=0)
    assert (tables**2).sum(axis=-1).mean() == pytest.approx(1, abs=0.05)
    mixed = lex.semi_random(tables[0], 50, share=0.2, rng=1)
    same = (mixed == tables[0]).all(axis=-1)
    assert same.mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: lex.keys(9), "keys: vocab is 9"),
        (lambda: lex.decipher(LM, [0, 3]), "decipher: ids runs from 0 to 3"),
        (lambda: lex.decipher(LM, "01"), "decipher: ids is a str"),
        (lambda: lex.log_prob(3, [0]), "log_prob: lm is 3"),
        (
            lambda: lex.decipher(ChainLM([1.0, 0], [[1.0, 0], [0, 1.0]], 9), [0, 1]),
            "decipher: ids is a text that no key allows",
        ),
        (lambda: lex.swap_search(np.log(P), [0, 3]), "swap_search: ids runs from 0 to 3"),
        (lambda: lex.swap_search(P * np.nan, [0, 1]), "swap_search: log_transition has NaN"),
        (lambda: lex.swap_search(np.log(P[:2]), [0, 1]), "swap_search: log_transition is (2, 3)"),
        (lambda: lex.gap_bound(26, 0), "gap_bound: n is 0"),
        (
            lambda: lex.forward(lex.init(d=4, layers=1, heads=1), [0], np.ones((3, 5))),
            "forward: table is (3, 5)",
        ),
        (
            lambda: lex.forward(lex.init(d=4, layers=1, heads=1), [3], np.ones((3, 4))),
            "forward: ids runs from 3",
        ),
        (
            lambda: lex.loss(lex.init(d=4, layers=1, heads=1), [0], np.ones((3, 4))),
            "loss: ids is (1,)",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
