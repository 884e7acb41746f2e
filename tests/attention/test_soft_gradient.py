"""The backward pass of SOFT against central differences."""

import numpy as np
import pytest
from attention_oracles import central_difference

from tokenlab.attention import (
    gaussian_kernel,
    grid_landmarks,
    soft_attention,
    soft_attention_vjp,
)
from tokenlab.autograd import gradcheck
from tokenlab.errors import InvalidInput, ShapeError

NAMES = ("q", "v", "landmarks")


@pytest.fixture
def problem(rng):
    q, v, marks = (rng.standard_normal(s) for s in ((2, 9, 3), (2, 9, 2), (2, 4, 3)))
    return {"q": q, "v": v, "landmarks": marks}, rng.standard_normal((2, 9, 2))


@pytest.mark.parametrize(
    "options",
    [{"ridge": 0.0}, {"ridge": 0.3}, {"inverse": "newton", "iters": 60}, {"inverse": "pinv"}],
    ids=str,
)
@pytest.mark.parametrize("masked", [False, True])
def test_all_gradients(problem, options, masked):
    arrays, grad = problem
    if masked:
        options = options | {"mask": np.arange(9) < np.array([[6], [9]])}
    got = soft_attention_vjp(**arrays, grad=grad, **options)
    for name in NAMES:

        def loss(x, name=name):
            return (soft_attention(**(arrays | {name: x}), **options) * grad).sum()

        numeric = central_difference(loss, arrays[name])
        scale = abs(numeric).max()
        np.testing.assert_allclose(getattr(got, f"{name}_grad"), numeric, atol=1e-6 * max(1, scale))
    if masked:
        assert not got.q_grad[0, 6:].any()
        assert not got.v_grad[0, 6:].any()


def test_a_landmark_twice_needs_the_full_gradient(rng):
    """Both copies move together, so that the kernel keeps its rank."""
    q, v, marks = (
        rng.standard_normal((9, 3)),
        rng.standard_normal((9, 2)),
        rng.standard_normal((3, 3)),
    )
    grad, twice = rng.standard_normal((9, 2)), [0, 1, 2, 1]

    def loss(x):
        return (soft_attention(q, v, x[twice], inverse="pinv") * grad).sum()

    full = soft_attention_vjp(q, v, marks[twice], grad, inverse="pinv").landmarks_grad
    summed = full[:3].copy()
    summed[1] += full[3]
    np.testing.assert_allclose(summed, central_difference(loss, marks), rtol=1e-5, atol=1e-6)


def test_one_step_downhill(problem):
    arrays, target = problem
    y = soft_attention(**arrays, ridge=0.1)
    grads = soft_attention_vjp(**arrays, grad=2 * (y - target), ridge=0.1)
    moved = {name: arrays[name] - 1e-4 * getattr(grads, f"{name}_grad") for name in NAMES}
    after = soft_attention(**moved, ridge=0.1)
    assert ((after - target) ** 2).sum() < ((y - target) ** 2).sum()


def test_types_shapes_and_bad_input(problem):
    arrays, grad = problem
    single = {name: x.astype(np.float32) for name, x in arrays.items()}
    got = soft_attention_vjp(**single, grad=grad)
    for name in NAMES:
        assert getattr(got, f"{name}_grad").dtype == np.float32
        assert getattr(got, f"{name}_grad").shape == arrays[name].shape
    with pytest.raises(ShapeError, match="d_v"):
        soft_attention_vjp(**arrays, grad=grad[..., :1])
    with pytest.raises(ShapeError, match="same leading axes"):
        soft_attention_vjp(**arrays, grad=grad[0])
    with pytest.raises(InvalidInput, match="grad has 18 values"):
        soft_attention_vjp(**arrays, grad=np.where([[[True]], [[False]]], np.nan, grad))
    with pytest.raises(InvalidInput, match="inverse is 'qr'"):
        soft_attention_vjp(**arrays, grad=grad, inverse="qr")


def smooth_picture(ratio):
    """Tokens of a smooth 24 x 24 picture: their pooled landmarks have a nearly singular kernel."""
    t = np.linspace(0, 3, 24)
    y, x = t[:, None] + 0 * t, t + 0 * t[:, None]
    q = np.stack([np.sin(y), np.cos(x), np.sin(x + y), y / 3], axis=-1).reshape(-1, 4)
    rng = np.random.default_rng(0)
    v, grad = rng.standard_normal((2, 576, 3))
    return {"q": q, "v": v, "landmarks": grid_landmarks(q, (24, 24), ratio)}, grad


def extrapolated_difference(f, x, eps=2e-4):
    """Central differences of two widths, of which the error of the second order cancels."""
    wide, narrow = (central_difference(f, x, e) for e in (eps, eps / 2))
    return (4 * narrow - wide) / 3


@pytest.mark.parametrize("ridge", [None, 0.0, 1e-3, 0.1])
@pytest.mark.parametrize("inverse", ["solve", "newton", "pinv"])
@pytest.mark.parametrize(("ratio", "condition", "single"), [(8, 3e2, 5e-4), (6, 8e3, 5e-3)])
def test_a_nearly_singular_kernel(ratio, condition, single, inverse, ridge):
    agrees_with_differences(ratio, condition, single, inverse, ridge)


@pytest.mark.parametrize(
    ("inverse", "ridge"),
    [("solve", None), ("solve", 0.0), ("newton", 0.0), ("pinv", None), ("pinv", 1e-3)],
)
def test_a_kernel_of_condition_five_million(inverse, ridge):
    """An outer product that is multiplied by the inverse twice is off by 1e2 in float32 here."""
    agrees_with_differences(4, 6e6, 0.5, inverse, ridge)


def agrees_with_differences(ratio, condition, single, inverse, ridge):
    arrays, grad = smooth_picture(ratio)
    marks = arrays["landmarks"]
    assert condition / 2 < np.linalg.cond(gaussian_kernel(marks, marks)) < condition
    options = {"inverse": inverse, "ridge": ridge, "iters": 60}

    def loss(x):
        return (soft_attention(**(arrays | {"landmarks": x}), **options) * grad).sum()

    numeric = extrapolated_difference(loss, marks)
    scale = abs(numeric).max()
    got = soft_attention_vjp(**arrays, grad=grad, **options).landmarks_grad
    assert abs(got - numeric).max() < 1e-6 * scale
    narrow = {name: x.astype(np.float32) for name, x in arrays.items()}
    got = soft_attention_vjp(**narrow, grad=grad.astype(np.float32), **options).landmarks_grad
    assert abs(got - numeric).max() < single * scale


@pytest.mark.parametrize("inverse", ["solve", "newton", "pinv"])
@pytest.mark.parametrize("form", [{"normalize": "symmetric"}, {"normalize": "landmark"},
                                  {"diagonal": True}], ids=str)  # fmt: skip
def test_the_tape_knows_the_other_forms(problem, inverse, form):
    arrays, grad = problem
    options = {"inverse": inverse, "ridge": 0.01, "iters": 60, **form}
    q, v, marks = (np.abs(x) * 0.5 for x in arrays.values())

    def loss(params):
        return (soft_attention(*params, **options) * grad).sum()

    assert gradcheck(loss, (q, v, marks)) < 1e-6
