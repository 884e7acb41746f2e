"""Perplexity and its interval over documents."""

import numpy as np
import pytest

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.logits import perplexity
from tokenlab.logits.heads import draw


def test_by_hand():
    assert perplexity(np.log([0.5, 0.25, 0.125])).value == pytest.approx(4)
    same = perplexity(np.full(7, -1.0), [3] * 7)
    assert same == pytest.approx((np.e,) * 3)


def test_documents_are_drawn_whole(rng):
    """Positions that repeat their document's value: as many independent numbers as documents."""
    values = -rng.gamma(2.0, size=40)
    groups = np.repeat(np.arange(40), 50)
    by_document = perplexity(values[groups], groups)
    alone = perplexity(values)
    assert by_document == pytest.approx(alone)
    by_position = perplexity(values[groups])
    assert by_position.high - by_position.low < 0.3 * (by_document.high - by_document.low)
    spread = values.std() / 40**0.5
    assert np.log(by_document.high / by_document.low) == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_ratios_are_narrower_than_perplexities(rng):
    hard = -rng.gamma(2.0, size=300)
    a, b = hard - 0.1, hard + 0.01 * rng.standard_normal(300)
    ratio = perplexity(a, against=b)
    assert ratio.value == pytest.approx(perplexity(a).value / perplexity(b).value)
    assert ratio.low < np.exp(0.1) < ratio.high
    assert ratio.high - ratio.low < 0.01
    assert perplexity(a, against=a) == (1, 1, 1)


def test_the_seed_repeats_and_infinity_is_allowed(rng):
    x = -rng.gamma(2.0, size=30)
    assert perplexity(x) == perplexity(x, rng=0) != perplexity(x, rng=1)
    x[3] = -np.inf
    assert perplexity(x).value == np.inf


@pytest.mark.parametrize(
    ("error", "match", "args", "kwargs"),
    [
        (ShapeError, "expected n >= 1", ([],), {}),
        (InvalidInput, "log_prob has 1 NaN in 2 rows", ([np.nan, 1.0],), {}),
        (ShapeError, r"log_prob is \(2,\) .* groups is \(1,\)", ([-1.0, -1.0], [0]), {}),
        (InvalidInput, "level is 1", ([-1.0],), {"level": 1}),
        (ShapeError, "against is", ([-1.0, -1.0],), {"against": [-1.0]}),
        (ShapeError, "log_prob is", ([[-1.0]],), {}),
    ],
)
def test_bad_input(error, match, args, kwargs):
    with pytest.raises(error, match=match):
        perplexity(*args, **kwargs)


def test_draws_follow_the_weights():
    u = np.linspace(0, 1, 1000, endpoint=False)[None]
    found = np.bincount(draw([[1.0, 0.0, 2.0, 5.0]], u)[0], minlength=4)
    np.testing.assert_allclose(found, [125, 0, 250, 625], atol=1)


def test_nothing_is_drawn_from_weights_that_do_not_add_up():
    for bad in ([[0.0, 0.0]], [[np.nan, 1.0]], [[np.inf, 1.0]]):
        with pytest.raises(InvalidInput, match="draw: the weights of a row add up"):
            draw(bad, [[0.5]])


def test_what_is_no_log_probability_is_refused():
    for wrong in ([0.5, 0.25], [0.01, -3.0]):
        with pytest.raises(InvalidInput, match=r"perplexity: log_prob goes up to .*numpy\.log"):
            perplexity(wrong)
    with pytest.raises(InvalidInput, match="perplexity: against goes up to"):
        perplexity([-1.0, -2.0], against=[0.5, 0.25])
    assert perplexity([1e-4, -1e-4]).value == pytest.approx(1)  # what was rounded


def test_documents_may_have_names():
    values = np.log([0.5, 0.25, 0.1, 0.9])
    assert perplexity(values, ["b", "a", "b", "c"]) == perplexity(values, [1, 0, 1, 2])


def test_the_bootstrap_of_a_long_text_fits_into_memory():
    import tracemalloc

    values = -np.random.default_rng(0).random(100_000)
    tracemalloc.start()
    found = perplexity(values, draws=200)  # all picks at once: 320 MB
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    assert found.low < found.value < found.high
