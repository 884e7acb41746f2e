"""The backward pass of SOFT against central differences."""

import numpy as np
import pytest
from attention_oracles import central_difference

from tokenlab.attention import soft_attention, soft_attention_vjp
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
        np.testing.assert_allclose(getattr(got, name), numeric, atol=1e-6 * max(1, scale))
    if masked:
        assert not got.q[0, 6:].any()
        assert not got.v[0, 6:].any()


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

    full = soft_attention_vjp(q, v, marks[twice], grad, inverse="pinv").landmarks
    summed = full[:3].copy()
    summed[1] += full[3]
    np.testing.assert_allclose(summed, central_difference(loss, marks), rtol=1e-5, atol=1e-6)


def test_one_step_downhill(problem):
    arrays, target = problem
    y = soft_attention(**arrays, ridge=0.1)
    grads = soft_attention_vjp(**arrays, grad=2 * (y - target), ridge=0.1)
    moved = {name: arrays[name] - 1e-4 * getattr(grads, name) for name in NAMES}
    after = soft_attention(**moved, ridge=0.1)
    assert ((after - target) ** 2).sum() < ((y - target) ** 2).sum()


def test_types_shapes_and_bad_input(problem):
    arrays, grad = problem
    single = {name: x.astype(np.float32) for name, x in arrays.items()}
    got = soft_attention_vjp(**single, grad=grad)
    for name in NAMES:
        assert getattr(got, name).dtype == np.float32
        assert getattr(got, name).shape == arrays[name].shape
    with pytest.raises(ShapeError, match="d_v"):
        soft_attention_vjp(**arrays, grad=grad[..., :1])
    with pytest.raises(ShapeError, match="same leading axes"):
        soft_attention_vjp(**arrays, grad=grad[0])
    with pytest.raises(InvalidInput, match="grad has 18 values"):
        soft_attention_vjp(**arrays, grad=np.where([[[True]], [[False]]], np.nan, grad))
    with pytest.raises(InvalidInput, match="inverse is 'qr'"):
        soft_attention_vjp(**arrays, grad=grad, inverse="qr")
