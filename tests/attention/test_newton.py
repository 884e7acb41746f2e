"""The Newton-Raphson inverse: its iterates by hand and in closed form, and how it fails."""

import numpy as np
import pytest
from attention_oracles import central_difference
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab import record
from tokenlab.attention import gaussian_kernel, newton_pinv, pinv_vjp, spectral_filter
from tokenlab.errors import InvalidInput, ShapeError

PAIR = np.array([[1, np.exp(-1)], [np.exp(-1), 1]])


def singular(rng, m=12, rank=6, dtype=np.float32):
    """A matrix of small integers, so that not even float32 rounds it, of known rank."""
    factor = rng.integers(-2, 3, (m, rank))
    return (factor @ factor.T).astype(dtype)


def test_two_tokens_by_hand():
    kernel = gaussian_kernel([[0.0], [2**0.5]], [[0.0], [2**0.5]])
    np.testing.assert_allclose(kernel, PAIR)
    inverse = [[1.156518, -0.425459], [-0.425459, 1.156518]]
    start = [[0.962004, 0.353901], [0.353901, 0.962004]]
    first = [[0.622818, -0.359636], [-0.359636, 0.622818]]
    np.testing.assert_allclose(newton_pinv(PAIR, iters=0).inverse, start, atol=1e-6)
    np.testing.assert_allclose(newton_pinv(PAIR, iters=1).inverse, first, atol=1e-6)
    np.testing.assert_allclose(newton_pinv(PAIR).inverse, inverse, atol=1e-6)
    errors = [
        abs(newton_pinv(PAIR, iters=k).inverse - np.linalg.inv(PAIR)).max() for k in range(1, 7)
    ]
    assert errors == pytest.approx([0.5337, 0.2633, 0.0776, 0.0106, 2.9e-4, 2.3e-7], rel=0.03)


def test_without_the_ninety_percent_two_tokens_never_converge():
    stuck, residuals = newton_pinv(PAIR, iters=20, factor=1.0)
    np.testing.assert_allclose(stuck, [[0.79099, -0.79099], [-0.79099, 0.79099]], atol=1e-5)
    assert residuals[-1] > 0.9
    # Rounding leaves a trace of the lost eigenvector, and that doubles until it takes over.
    assert abs(newton_pinv(PAIR, iters=60, factor=1.0).inverse).max() > 1e6
    assert newton_pinv(PAIR, iters=20).residuals[-1] < 1e-15


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 25), st.sampled_from([0.0, 0.01]), st.integers(0, 2**31))
def test_every_iterate_is_the_closed_form(m, iters, ridge, seed):
    points = np.random.default_rng(seed).standard_normal((m, 4))
    a = gaussian_kernel(points, points)
    a = (a + a.T) / 2
    got = newton_pinv(a, iters=iters, ridge=ridge).inverse
    wanted = spectral_filter(a, iters=iters, ridge=ridge)
    np.testing.assert_allclose(got, wanted, atol=1e-13 * max(1, abs(wanted).max()))


def test_closed_form_by_its_own_formula(rng):
    """Also for a matrix with a negative and a zero eigenvalue, and for the factor 1."""
    u = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    lam = np.array([2.0, 0.3, 0.0, -0.7])
    a = (u * lam) @ u.T
    a = (a + a.T) / 2
    for factor in (0.9, 1.0):
        alpha = 2 * factor / abs(a).sum(axis=0).max() ** 2
        for k in (0, 1, 3, 6):
            left = (1 - alpha * lam**2) ** (2**k)
            gain = [(1 - e) / x if x else 0 for e, x in zip(left, lam, strict=True)]
            got = spectral_filter(a, iters=k, factor=factor)
            np.testing.assert_allclose(got, (u * gain) @ u.T, atol=1e-12)
            np.testing.assert_allclose(
                newton_pinv(a, iters=k, factor=factor).inverse, got, atol=1e-12
            )


def test_converges_to_the_pseudo_inverse(rng):
    for m in (1, 2, 5, 20, 49):
        x = rng.standard_normal((m, 2 * m + 3))
        a = x @ x.T / len(x.T) + 0.1 * np.eye(m)
        got, residuals = newton_pinv(a, iters=30)
        np.testing.assert_allclose(got, np.linalg.pinv(a, hermitian=True), atol=1e-10)
        assert residuals.shape == (31,)
        assert residuals[-1] < 1e-13
        assert (np.diff(residuals) < 1e-14).all()  # never up


def test_what_twenty_steps_invert():
    """An eigenvalue needs about 2 log2(norm / eigenvalue) steps: a filter, not an inverse."""
    lam = np.array([1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
    inverted = lam * np.diag(newton_pinv(np.diag(lam), iters=20).inverse)
    assert (inverted[:3] > 1 - 1e-9).all()
    assert inverted[3] == pytest.approx(1 - np.exp(-1.8 * 2**20 * 1e-6), abs=1e-3)
    assert (inverted[4:] < 0.02).all()
    needed = [
        next(
            k
            for k in range(60)
            if 1 - x * newton_pinv(np.diag([1, x]), iters=k).inverse[1, 1] < 0.5
        )
        for x in (0.1, 0.01, 0.001)
    ]
    assert needed == [6, 12, 19]  # each power of ten costs 2 log2(10) = 6.6 more


def test_more_iterations_hurt_a_singular_matrix_and_the_residual_does_not_see_it(rng):
    a = singular(rng)
    wanted = np.linalg.pinv(a.astype(np.float64), hermitian=True, rcond=1e-9)
    errors, residuals = [], []
    for iters in (20, 25, 30, 35, 40):
        inverse, history = newton_pinv(a, iters=iters)
        errors.append(abs(inverse - wanted).max())
        residuals.append(history[-1])
    growth = np.array(errors[1:]) / errors[:-1]
    assert (growth[1:] > 16).all()  # about 2 a step, 32 in five
    assert (growth[1:] < 64).all()
    assert errors[-1] > 1
    assert max(residuals[:3]) < 1e-5
    ridged = newton_pinv(a, iters=40, ridge=0.01).inverse
    assert abs(ridged).max() < 1 / 0.01 * 1.01


def test_recording_shows_iterates_eigenvalues_and_what_is_inverted(rng):
    points = rng.standard_normal((6, 3))
    a = gaussian_kernel(points, points)
    with record() as steps:
        inverse, residuals = newton_pinv(a, iters=8)
    lam, alpha = steps["eigenvalues"], steps["alpha"]
    for k in range(9):
        name = "" if k == 0 else f" #{k + 1}"
        wanted = 1 - (1 - alpha * lam**2) ** (2**k)
        np.testing.assert_allclose(steps[f"inverted{name}"], wanted, atol=1e-10)
        assert steps[f"residual{name}"] == residuals[k]
    np.testing.assert_array_equal(steps["iterate #9"], inverse)
    np.testing.assert_array_equal(newton_pinv(a, iters=8).inverse, inverse)


def test_batches_are_matrices_of_their_own(rng):
    stack = np.stack([singular(rng, 5, 5), np.eye(5), np.zeros((5, 5))]).astype(np.float64)
    inverse, residuals = newton_pinv(stack, iters=7)
    for i in range(3):
        one = newton_pinv(stack[i], iters=7)
        np.testing.assert_allclose(inverse[i], one.inverse, atol=1e-12)
        np.testing.assert_allclose(residuals[i], one.residuals, atol=1e-12)
    assert not inverse[2].any()  # zero is its own pseudo-inverse
    assert not spectral_filter(stack[2]).any()


def test_gradient_by_hand():
    grad = pinv_vjp(np.linalg.inv(PAIR), [[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(grad, [[-1.337533, 0.492051], [0.492051, -0.181015]], atol=1e-6)


def test_gradient_of_an_invertible_matrix(rng):
    a = rng.standard_normal((5, 5)) + 3 * np.eye(5)
    grad = rng.standard_normal((5, 5))
    numeric = central_difference(lambda x: (np.linalg.pinv(x) * grad).sum(), a)
    y = np.linalg.pinv(a)
    np.testing.assert_allclose(pinv_vjp(y, grad), numeric, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(pinv_vjp(y, grad, a), numeric, rtol=1e-6, atol=1e-8)


def test_gradient_of_a_singular_matrix_needs_all_three_terms(rng):
    left, right = rng.standard_normal((6, 3)), rng.standard_normal((3, 6))
    to_left, to_right = rng.standard_normal((6, 3)), rng.standard_normal((3, 6))
    grad, eps = rng.standard_normal((6, 6)), 1e-6

    def loss(t):  # a path of matrices of rank 3
        return (np.linalg.pinv((left + t * to_left) @ (right + t * to_right)) * grad).sum()

    numeric = (loss(eps) - loss(-eps)) / (2 * eps)
    a = left @ right
    direction, y = to_left @ right + left @ to_right, np.linalg.pinv(a)
    full, short = ((pinv_vjp(y, grad, x) * direction).sum() for x in (a, None))
    assert full == pytest.approx(numeric, rel=1e-6)
    assert abs(short - numeric) > 0.05 * abs(numeric)


@pytest.mark.parametrize(
    ("a", "options", "error", "message"),
    [
        (np.ones((2, 3)), {}, ShapeError, r"\(2, 3\)"),
        (np.ones(3), {}, ShapeError, r"\(\.\.\., m, m\)"),
        ([[1.0, 0.5], [0.0, 1.0]], {}, InvalidInput, "not symmetric"),
        ([[np.nan]], {}, InvalidInput, "not finite"),
        ([[1.0]], {"iters": -1}, InvalidInput, "iters is -1"),
        ([[1.0]], {"ridge": -0.1}, InvalidInput, "ridge"),
        ([[1.0]], {"factor": 1.5}, InvalidInput, "factor is 1.5"),
        ([[1.0]], {"factor": 0}, InvalidInput, "factor is 0"),
    ],
)
def test_bad_input(a, options, error, message):
    for function in (newton_pinv, spectral_filter):
        with pytest.raises(error, match=message):
            function(a, **options)


def test_float32_stays():
    a = PAIR.astype(np.float32)
    assert newton_pinv(a).inverse.dtype == newton_pinv(a).residuals.dtype == np.float32
    assert spectral_filter(a).dtype == pinv_vjp(a, a, a).dtype == np.float32
