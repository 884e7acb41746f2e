"""Removing a subspace: DECOR's operator, and the first half of neutralising."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import project_out, unit

X = np.array([[1.0, 1, 0], [0, 0, 2]])
BASIS = np.array([[2.0, 0, 0]])


def test_hand_cases_of_decor():
    np.testing.assert_array_equal(project_out(X, BASIS), [[0, 1, 0], [0, 0, 2]])
    np.testing.assert_array_equal(project_out(X, BASIS, 0.5), [[0.5, 1, 0], [0, 0, 2]])
    np.testing.assert_array_equal(project_out(X, BASIS, 0), X)


def test_hand_case_of_neutralising():
    """w = (.6, .8, 0) without g = e1, scaled to length one, is (0, 1, 0)."""
    neutral = unit(project_out([[0.6, 0.8, 0.0]], [[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(neutral, [[0, 1, 0]])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), m=st.integers(1, 6), rank=st.integers(1, 4), alpha=st.floats(0, 1)
)
def test_against_the_pseudo_inverse(seed, m, rank, alpha):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((5, 4))
    basis = rng.standard_normal((m, rank)) @ rng.standard_normal((rank, 4))  # often deficient
    projector = np.linalg.pinv(basis, rcond=1e-10) @ basis
    np.testing.assert_allclose(project_out(x, basis, alpha), x - alpha * x @ projector, atol=1e-9)
    clean = project_out(x, basis)
    np.testing.assert_allclose(clean @ basis.T, 0, atol=1e-9)
    np.testing.assert_allclose(project_out(clean, basis), clean, atol=1e-9)
    np.testing.assert_allclose(project_out(x, 1e6 * basis), clean, atol=1e-9)


def test_a_full_basis_removes_everything_and_an_empty_one_nothing(rng):
    x = rng.standard_normal((4, 3)).astype(np.float32)
    assert np.abs(project_out(x, rng.standard_normal((5, 3)).astype(np.float32))).max() < 1e-5
    for nothing in (np.empty((0, 3), np.float32), np.zeros((2, 3), np.float32)):
        np.testing.assert_array_equal(project_out(x, nothing), x)
    assert project_out(x, BASIS).dtype == np.float32
    huge = project_out(x, np.full((1, 3), 1e30, np.float32))
    np.testing.assert_allclose(huge.sum(axis=1), 0, atol=1e-5)


def test_dependent_rows_add_no_direction():
    """Rounding makes the second row a little different; a cut-off of 0 would remove junk."""
    basis = np.array([[0.1, 0.2, 0.3], [0.3, 0.6, 0.9]], np.float32)
    x = np.array([[3.0, -1.5, 0.0]], np.float32)  # orthogonal to both
    np.testing.assert_allclose(project_out(x, basis), x, atol=1e-5)


def test_what_it_refuses():
    with pytest.raises(ShapeError, match="expected the same d"):
        project_out(X, [[1.0, 2.0]])
    for alpha in (-0.1, 1.1, np.nan, True):
        with pytest.raises(InvalidInput, match="alpha"):
            project_out(X, BASIS, alpha)
    with pytest.raises(InvalidInput, match="rtol"):
        project_out(X, BASIS, rtol=-1.0)
    with pytest.raises(InvalidInput, match="not finite"):
        project_out(X, [[np.inf, 0, 0]])
