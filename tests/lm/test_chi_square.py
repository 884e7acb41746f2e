"""Samplers draw whole texts as often as the table says: Pearson's chi-square over all of them."""

import numpy as np
import pytest

from tokenlab.decoding import any_subset, sampling, speculative
from tokenlab.lm import TableLM

stats = pytest.importorskip("scipy.stats")

DRAWS = 1200
JOINT = np.random.default_rng(4).dirichlet(np.full(27, 4.0)).reshape(3, 3, 3)
LM = TableLM(JOINT)
SMALL = TableLM(np.random.default_rng(5).dirichlet(np.full(27, 4.0)).reshape(3, 3, 3))


def ancestral(rng):
    return sampling.generate(LM, (), 3, rng=rng).tokens


def halved(rng):
    """A sampler of another distribution: the test must see it."""
    return sampling.generate(LM, (), 3, temperature=0.7, rng=rng).tokens


def speculated(rng):
    return speculative.generate(LM, speculative.draft_model(SMALL), (), 3, k=2, rng=rng).tokens


def any_order(rng):
    return any_subset.generate(LM, {}, k=2, order=[2, 0, 1], rng=rng).tokens


def p_value(sampler):
    rng = np.random.default_rng(11)
    seen = np.zeros(JOINT.shape)
    for _ in range(DRAWS):
        seen[tuple(sampler(rng))] += 1
    expected = JOINT.ravel() * DRAWS
    many = expected >= 5  # the others as one cell
    counts = np.append(seen.ravel()[many], seen.ravel()[~many].sum())
    wanted = np.append(expected[many], expected[~many].sum())
    present = wanted > 0
    return stats.chisquare(counts[present], wanted[present]).pvalue


@pytest.mark.parametrize("sampler", [ancestral, speculated, any_order])
def test_whole_texts_come_as_often_as_they_should(sampler):
    assert p_value(sampler) > 1e-3


def test_another_distribution_is_seen():
    assert p_value(halved) < 1e-6
