"""Other scores and measures of faithfulness: closed forms, extremes, captum where it is there."""

import numpy as np
import pytest

from tokenlab import errors
from tokenlab.analysis.attribution import (
    gradient_input,
    gradient_norm,
    integrated_gradients,
    occlusion,
    random_scores,
    rollout,
)
from tokenlab.analysis.faithfulness import comprehensiveness, distance, sufficiency
from tokenlab.analysis.reagent import uniform_replacer
from tokenlab.arrays import get_xp
from tokenlab.lm import from_function
from tokenlab.numerics import softmax

RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))


def test_gradients_in_closed_form():
    def quadratic(x):
        return (W * x * x).sum()

    np.testing.assert_allclose(gradient_norm(quadratic, X), np.linalg.norm(2 * W * X, axis=1))
    np.testing.assert_allclose(gradient_input(quadratic, X), (2 * W * X * X).sum(1))
    for steps in (1, 3, 64):
        for b in (np.zeros((4, 3)), RNG.standard_normal((4, 3))):
            found = integrated_gradients(quadratic, X, baseline=b, steps=steps)
            np.testing.assert_allclose(found, (W * (X**2 - b**2)).sum(1), atol=1e-12)
            back = integrated_gradients(quadratic, b, baseline=X, steps=steps)
            np.testing.assert_allclose(found, -back, atol=1e-12)


def test_integrated_gradients_add_up_to_the_change():
    def f(x):
        xp = get_xp(x)
        return xp.tanh((W * x).sum()) + xp.exp(x[0, 0] / 3)

    change = f(X) - f(0 * X)
    assert integrated_gradients(f, X, steps=400).sum() == pytest.approx(change, abs=1e-5)


def test_integrated_gradients_are_captums():
    captum, torch = pytest.importorskip("captum.attr"), pytest.importorskip("torch")

    def f(x):
        return get_xp(x).tanh((W * x).sum())

    theirs = captum.IntegratedGradients(lambda x: torch.tanh((torch.tensor(W) * x).sum((1, 2))))
    wanted = theirs.attribute(torch.tensor(X)[None], n_steps=64, method="riemann_middle")
    np.testing.assert_allclose(integrated_gradients(f, X), wanted[0].sum(-1).numpy(), atol=1e-8)


def test_gradients_are_captums():
    captum, torch = pytest.importorskip("captum.attr"), pytest.importorskip("torch")

    def f(x):
        return get_xp(x).tanh((W * x * x).sum())

    theirs = lambda x: torch.tanh((torch.tensor(W) * x * x).sum((1, 2)))  # noqa: E731
    x = torch.tensor(X)[None]
    product = captum.InputXGradient(theirs).attribute(x.clone().requires_grad_())[0]
    np.testing.assert_allclose(gradient_input(f, X), product.sum(-1).detach().numpy(), atol=1e-12)
    slope = captum.Saliency(theirs).attribute(x.clone().requires_grad_(), abs=False)[0]
    np.testing.assert_allclose(gradient_norm(f, X), slope.norm(dim=-1).numpy(), atol=1e-12)


def test_occlusion_is_captums_ablation():
    """Every token's vector is replaced by that of another one, as a token would be."""
    captum, torch = pytest.importorskip("captum.attr"), pytest.importorskip("torch")
    table = RNG.standard_normal((6, 3))
    weight = RNG.standard_normal((4, 3, 6))

    def log_probs(context):
        return np.log(softmax(np.einsum("nd,ndv->v", table[np.asarray(context)], weight)))

    def theirs(x):
        return torch.softmax(torch.einsum("bnd,ndv->bv", x, torch.tensor(weight)), -1)[:, 2]

    context = [1, 4, 2, 0]
    whole = torch.arange(4)[None, :, None].expand(1, 4, 3)  # a token is one feature
    found = captum.FeatureAblation(theirs).attribute(
        torch.tensor(table[context])[None], torch.tensor(table[[5] * 4])[None], feature_mask=whole
    )
    ours = occlusion(
        from_function(log_probs, 6), context, 2, replace=lambda contexts, rng: 0 * contexts + 5
    )
    np.testing.assert_allclose(ours, found[0, :, 0].numpy(), atol=1e-12)


def test_occlusion_of_a_linear_model():
    def log_probs(context):
        z = 2.0 * context[0] + context[1]
        return np.log(softmax([0.0, z]))

    lm = from_function(log_probs, 2)
    flip = lambda contexts, rng: 1 - contexts  # noqa: E731
    p = [np.exp(log_probs(c)[1]) for c in ([1, 1, 0], [0, 1, 0], [1, 0, 0])]
    found = occlusion(lm, [1, 1, 0], 1, replace=flip)
    np.testing.assert_allclose(found, [p[0] - p[1], p[0] - p[2], 0], atol=1e-12)
    often = occlusion(lm, [1, 1, 0], 1, replace=uniform_replacer(2), draws=4000, rng=0)
    np.testing.assert_allclose(often, found / 2, atol=0.02)


def test_rollout():
    a = RNG.dirichlet(np.ones(5), (3, 2, 5))  # (layers, h, n, n)
    mixed = [0.5 * np.eye(5) + 0.5 * layer.mean(0) for layer in a]
    np.testing.assert_allclose(rollout(a), mixed[2] @ mixed[1] @ mixed[0])
    np.testing.assert_allclose(rollout(a).sum(axis=1), 1)
    np.testing.assert_array_equal(rollout(a, residual=1.0), np.eye(5))


def test_chance():
    scores = random_scores(50, rng=0)
    assert (scores > 0).all()
    assert scores.sum() == pytest.approx(1)


def test_distances_by_hand():
    p, q = [0.7, 0.2, 0.1], [0.1, 0.2, 0.7]
    assert distance(p, q) == pytest.approx(0.5204, abs=1e-4)
    assert distance(p, q, variant="official") == pytest.approx(0.3830, abs=1e-4)
    assert distance([1.0, 0.0], [0.0, 1.0]) == pytest.approx(1)
    assert distance([1.0, 0.0], [0.0, 1.0], variant="official") == pytest.approx(2**0.5)


def predict(x):
    return softmax(np.array([0.0, x[0].sum(), x[1].sum() / 2]))


def test_extremes():
    x = np.ones((4, 3))
    everything, nothing = np.ones(4), np.zeros(4)
    for variant in ("paper", "official"):
        options = {"variant": variant, "rng": 0}
        assert sufficiency(predict, x, everything, **options) == 1
        assert sufficiency(predict, x, nothing, **options) == 0
        assert comprehensiveness(predict, x, everything, **options) == 1
        assert comprehensiveness(predict, x, nothing, **options) == 0
    assert sufficiency(predict, x, [9.0, 8.0, 1.0, 0.0], k=2) == 1  # hard: any numbers
    assert comprehensiveness(predict, x, [9.0, 8.0, 1.0, 0.0], k=2) == 1
    assert sufficiency(predict, x, [0, 0, 1, 2], k=2) == 0
    assert comprehensiveness(predict, x, [0, 0, 1, 2], k=2) == 0


def test_the_hard_form_by_hand():
    x = RNG.standard_normal((3, 2))
    only = x * np.array([[1], [0], [0]])
    nothing = distance(predict(x), predict(0 * x))
    away = distance(predict(x), predict(x - only))
    assert comprehensiveness(predict, x, [3, 1, 2], k=1) == pytest.approx(away / nothing)
    kept = max(0, nothing - distance(predict(x), predict(only))) / nothing
    assert sufficiency(predict, x, [3, 1, 2], k=1) == pytest.approx(kept)
    assert sufficiency(predict, x, [1, 1, 1], k=1) == pytest.approx(kept)  # ties: the lower one


def test_the_soft_form_keeps_entries_with_their_rate():
    seen = []

    def watch(x):
        seen.append(x)
        return np.array([0.5, 0.5])

    rates = np.array([0.2, 0.9])
    assert sufficiency(watch, np.ones((2, 5)), rates, draws=2000, rng=0) == 0  # it never moves
    masks = np.array(seen[1:-1])
    np.testing.assert_allclose(masks.mean(axis=(0, 2)), rates, atol=0.02)
    assert (masks[:, 0].min(axis=1) != masks[:, 0].max(axis=1)).any()  # entries, not tokens


def test_a_model_that_sees_nothing():
    constant = lambda x: np.array([0.5, 0.5])  # noqa: E731
    assert sufficiency(constant, np.ones((2, 2)), [0.5, 0.5], rng=0) == 0
    assert comprehensiveness(constant, np.ones((2, 2)), [0.5, 0.5], rng=0) == 0


ONE = np.ones((2, 2))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: sufficiency(predict, ONE, [0.5, 1.5]), "scores run from 0.5 to 1.5"),
        (lambda: sufficiency(predict, ONE, [0.5, 0.5], k=3), "k"),
        (lambda: sufficiency(predict, ONE, [0.5, 0.5], k=0), "k"),
        (lambda: sufficiency(predict, ONE, [0.5]), "scores"),
        (lambda: sufficiency(predict, ONE, [0.5, np.nan], k=1), "scores"),
        (lambda: sufficiency(None, ONE, [0.5, 0.5]), "predict"),
        (lambda: comprehensiveness(lambda x: x, ONE, [0.5, 0.5]), "predict returned .2, 2."),
        (lambda: comprehensiveness(predict, ONE, [0.5, 0.5], draws=0), "draws"),
        (lambda: distance([-0.1, 1.1], [0.5, 0.5]), "p has numbers below 0"),
        (lambda: distance([0.5, 0.5], [0.5, 0.5], variant="x"), "variant"),
        (lambda: rollout(np.ones((2, 3, 3))), "attention"),
        (lambda: rollout(np.ones((1, 1, 2, 2)), residual=2), "residual"),
        (lambda: integrated_gradients(lambda x: x.sum(), ONE, steps=0), "steps"),
        (lambda: gradient_norm(3, ONE), "f is 3"),
        (
            lambda: occlusion(
                from_function(lambda c: [0.0], 1), [], 0, replace=uniform_replacer(1)
            ),
            "context is empty",
        ),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()
