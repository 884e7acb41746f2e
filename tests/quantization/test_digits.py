"""Digits by networks: the four numbers, who sees whom, what the stored networks draw and look at."""

import numpy as np
import pytest

from tokenlab.autograd import value_and_grad
from tokenlab.data import load_digits
from tokenlab.objectives import next_x
from tokenlab.tour import digits_drawn, digits_quality, digits_training
from tokenlab.tour import digits_networks as net
from tokenlab.tour.digits_memory import as_tokens, split

LABELS = np.arange(100) % 10


def test_real_digits_and_the_gaussian_have_the_numbers_of_the_issue():
    assert digits_quality.real() == pytest.approx((0.99, 0.09, 1, 1), abs=0.005)
    found = digits_quality.of_gaussian(digits_drawn.labels(500))
    assert found == pytest.approx((0.99, 0.19, 1.16, 0.66), abs=0.03)


def test_frechet_distance_of_normal_densities():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40_000, 3)) * [1.0, 2.0, 0.5]
    y = rng.standard_normal((40_000, 3)) * [3.0, 1.0, 0.5] + [0, 0, 2.0]
    # Diagonal: the distance of means and of deviations, squared.
    assert digits_quality.frechet(x, y) == pytest.approx(2**2 + 1**2 + 2.0**2, rel=0.03)
    assert digits_quality.frechet(x, x) == pytest.approx(0, abs=1e-9)


def test_quality_tells_copies_and_noise():
    digits, train = load_digits(), split()[0][:500]
    copies = digits_quality.quality(as_tokens(digits.images[train]), digits.labels[train])
    assert copies.nearest == 0
    assert copies.recognised > 0.98
    noise = np.random.default_rng(0).random((100, 16, 4))
    found = digits_quality.quality(noise, LABELS)
    assert found.recognised < 0.3
    assert found.coverage == 0
    assert found.nearest > 2


def test_an_entity_sees_itself_and_those_before():
    for entities in (next_x.cells(4, 4, 2), next_x.tokens(4, 4), next_x.subsamples(4, 4, 2)):
        mask = net.entity_mask(entities)
        for i, mine in enumerate(entities):
            seen = np.concatenate(entities[: i + 1])
            for place in mine:
                assert set(np.flatnonzero(mask[place])) == set(seen.tolist())


def test_clean_context_hides_an_entitys_own_data():
    rng, label = np.random.default_rng(0), np.zeros(1, int)
    params = net.init(net.D_TOKEN + 4, net.D_TOKEN, 32, rng=0)
    x, noisy = rng.standard_normal((2, 1, 16, 4))
    t, other = np.full((1, 16), 0.5), x.copy()
    last = net.CELLS[-1]
    other[:, last] += 1  # no entity comes behind the last: nobody may see it
    found = [net.velocity_given_clean(params, noisy, t, c, net.CELLS, label) for c in (x, other)]
    np.testing.assert_array_equal(*found)
    other = x.copy()
    other[:, net.CELLS[0]] += 1
    found = net.velocity_given_clean(params, noisy, t, other, net.CELLS, label) - found[0]
    assert (found[:, net.CELLS[0]] == 0).all()
    assert (found[:, last] != 0).all()


def test_code_after_code_sees_the_past_alone():
    params = net.init(17, 16, 64, rng=0)
    codes = np.random.default_rng(0).integers(0, 16, (1, 64))
    changed = codes.copy()
    changed[:, 40:] = 0
    causal, label = np.tri(64, dtype=bool), np.array([3])
    found = [net.code_logits(params, net.behind(c), label, causal) for c in (codes, changed)]
    np.testing.assert_allclose(found[0][:, :41], found[1][:, :41], atol=1e-5)
    assert abs(found[0][:, 41] - found[1][:, 41]).max() > 1e-3


def test_a_resgen_learns_and_moves_every_parameter():
    before = net.init(net.D_TOKEN + 4, net.COMPONENTS * 6, net.N, rng=0)
    params = digits_training.resgen_model(steps=12, rng=0, anchored=False)
    assert digits_drawn.nats_by_share(params)[0] < digits_drawn.nats_by_share(before)[0] - 1
    # The first block's fixed looks and the places are trained, too.
    seen, visible = np.ones((2, 16, 4)), np.ones((2, 16, 4), bool)
    total = lambda p: net.mixture(p, seen, visible, np.array([1, 2]), floor=0.1).means.sum()  # noqa: E731
    _, grads = value_and_grad(total)(before)
    assert all(abs(grads[name]).max() > 0 for name in ("place", "embed", "in", "out"))
    assert abs(grads["blocks"][0]["fixed"]).max() > 0


def test_stored_resgen_looks_and_its_steps_pay():
    """The curve that says whether steps can help: nats of a masked position fall with what is seen."""
    curve = digits_drawn.nats_by_share(net.stored("resgen"))
    assert curve[-1] < curve[0] - 0.5
    assert (np.diff(curve) < 0).all()
    label = digits_drawn.labels(500)
    found = [
        digits_quality.quality(
            digits_drawn.decoded(
                digits_drawn.by_resgen(net.stored("resgen"), label, n, rng=0).codes
            ),
            label,
        )
        for n in (1, 8)
    ]
    assert found[0].frechet > found[1].frechet + 0.1
    assert found[0].coverage < found[1].coverage - 0.05


def test_stored_networks_draw_digits():
    drawn = digits_drawn.by_maskgit(net.stored("maskgit"), LABELS, 4, rng=0).tokens
    assert digits_quality.recognised(digits_drawn.decoded(drawn), LABELS) > 0.9
    drawn = digits_drawn.by_xar(net.stored("xar"), LABELS, net.CELLS, 5, rng=0)
    assert digits_quality.recognised(drawn, LABELS) > 0.9


def test_a_step_through_shows_the_sampler_alone():
    from tokenlab.tour.digits_memory import stages
    from tokenlab.tour.objectives import maskgit_steps
    from tokenlab.tour.quantization import resgen_steps

    stages.cache_clear()  # as in a new process
    assert len(maskgit_steps(7)) < 30
    stages.cache_clear()
    assert len(resgen_steps(7)) < 120
