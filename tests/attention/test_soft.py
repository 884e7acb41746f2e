"""SOFT: hand-worked numbers, invariants, edges, and the traps of single precision."""

import numpy as np
import pytest
from attention_oracles import kernel, rebuilt_kernel, smooth_tokens
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab import record
from tokenlab.attention import (
    gaussian_attention,
    gaussian_kernel,
    grid_landmarks,
    random_landmarks,
    segment_landmarks,
    soft_attention,
    softmax_attention,
)
from tokenlab.errors import DTypeError, InvalidInput, ShapeError

THREE, VALUES, ENDS = np.array([[0.0], [1], [2]]), np.array([[1.0], [2], [4]]), [[0.0], [2.0]]
INVERSES = ("solve", "newton", "pinv")


def matrix(q, landmarks, **options):
    """The rebuilt kernel: attention with the unit vectors as values."""
    return soft_attention(q, np.eye(len(q)), landmarks, **{"ridge": 0, **options})


def relative(got, wanted):
    return np.linalg.norm(got - wanted) / np.linalg.norm(wanted)


@pytest.fixture
def tokens(rng):
    return rng.standard_normal((30, 6)), rng.standard_normal((30, 4)), rng.standard_normal((5, 6))


def test_three_tokens_by_hand():
    assert gaussian_attention(THREE, VALUES).ravel() == pytest.approx(
        [2.754402, 5.032653, 5.348397], abs=1e-6
    )
    assert soft_attention(THREE, VALUES, ENDS, ridge=0).ravel() == pytest.approx(
        [2.754402, 4.328762, 5.348397], abs=1e-6
    )
    rebuilt, exact = matrix(THREE, ENDS), gaussian_kernel(THREE, THREE)
    assert rebuilt[1, 1] == pytest.approx(0.648054, abs=1e-6)
    rebuilt[1, 1] = 1  # the only entry that is not exact
    np.testing.assert_allclose(rebuilt, exact, atol=1e-12)
    np.testing.assert_allclose(exact[0], [1, 0.606531, 0.135335], atol=1e-6)


def test_three_tokens_normalised_by_hand():
    exact = soft_attention(THREE, VALUES, ENDS, ridge=0, normalize="symmetric").ravel()
    assert exact == pytest.approx([1.558614, 2.380751, 3.047818], abs=1e-6)
    released = matrix(THREE, ENDS, normalize="landmark").sum(axis=1)
    assert released == pytest.approx([1.534230, 1.639265, 1.534230], abs=1e-6)
    with record() as steps:
        matrix(THREE, ENDS, normalize="symmetric")
    assert steps["row sums"].ravel() == pytest.approx([1.741866, 1.861116, 1.741866], abs=1e-6)


def test_all_tokens_as_landmarks_the_released_form_is_still_not_normalised():
    exact = [[0.574097, 0.308922, 0.077696], [0.308922, 0.451863, 0.308922]]
    released = [[0.581735, 0.321516, 0.085334], [0.321516, 0.465319, 0.321516]]
    np.testing.assert_allclose(matrix(THREE, THREE, normalize="symmetric")[:2], exact, atol=1e-6)
    np.testing.assert_allclose(matrix(THREE, THREE, normalize="landmark")[:2], released, atol=1e-6)


def test_kernel_against_loops(tokens):
    q, _, landmarks = tokens
    np.testing.assert_allclose(gaussian_kernel(q, landmarks), kernel(q, landmarks), atol=1e-14)
    s = gaussian_kernel(q, q)
    np.testing.assert_allclose(s, s.T, atol=1e-15)
    np.testing.assert_allclose(np.diag(s), 1, atol=1e-14)
    assert s.max() <= 1
    assert np.linalg.eigvalsh(s).min() > -1e-12


@pytest.mark.parametrize("inverse", INVERSES)
def test_rebuilt_kernel_against_loops(tokens, inverse):
    q, v, landmarks = tokens
    wanted = rebuilt_kernel(q, landmarks) @ v
    got = soft_attention(q, v, landmarks, inverse=inverse, ridge=0, iters=40)
    np.testing.assert_allclose(got, wanted, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 6),
    st.integers(1, 4),
    st.sampled_from([None, "symmetric"]),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_any_shape(n, m, d, d_v, normalize, diagonal, seed):
    """Any n and m, divisible or not, against the matrix that is never formed."""
    rng = np.random.default_rng(seed)
    q, v = 0.5 * rng.standard_normal((n, d)), rng.standard_normal((n, d_v))
    landmarks = segment_landmarks(q, m)
    s = rebuilt_kernel(q, landmarks, ridge=1e-3)
    s += diagonal * np.diag(1 - np.diag(s))
    if normalize:
        half = np.maximum(s.sum(axis=1), 1e-12) ** -0.5
        if s.sum(axis=1).min() < 1e-9:
            return
        s = half[:, None] * s * half
    options = {"ridge": 1e-3, "normalize": normalize, "diagonal": diagonal}
    np.testing.assert_allclose(soft_attention(q, v, landmarks, **options), s @ v, atol=1e-9)


def test_all_tokens_as_landmarks_reproduce_the_kernel(tokens, rng):
    q, v, _ = tokens
    for inverse in INVERSES:
        order = rng.permutation(len(q))
        got = soft_attention(q, v, q[order], inverse=inverse, ridge=0, iters=40)
        np.testing.assert_allclose(got, gaussian_attention(q, v), atol=1e-9)
    single = [x.astype(np.float32) for x in (q, v)]
    np.testing.assert_allclose(
        soft_attention(*single, single[0]), gaussian_attention(q, v), rtol=1e-4, atol=1e-4
    )


def test_what_is_missing_is_positive_semi_definite(tokens):
    q, _, landmarks = tokens
    for marks in (landmarks, q[3:9], segment_landmarks(q, 7)):
        s, rebuilt = gaussian_kernel(q, q), matrix(q, marks)
        assert np.linalg.eigvalsh(s - (rebuilt + rebuilt.T) / 2).min() > -1e-10
        np.testing.assert_allclose(rebuilt, rebuilt.T, atol=1e-10)
        assert np.diag(rebuilt).min() > -1e-10
        assert np.diag(rebuilt).max() < 1 + 1e-10
    np.testing.assert_allclose((s - matrix(q, q[3:9]))[3:9], 0, atol=1e-10)
    gone = np.linalg.eigvalsh(gaussian_kernel(THREE, THREE) - matrix(THREE, ENDS))
    assert gone == pytest.approx([0, 0, 0.351946], abs=1e-6)


def test_neither_a_shift_nor_a_rotation_is_seen(tokens, rng):
    q, v, landmarks = tokens
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    for options in ({}, {"normalize": "symmetric"}, {"diagonal": True}):
        wanted = soft_attention(q, v, landmarks, **options)
        moved = soft_attention(q + 7, v, landmarks + 7, **options)
        np.testing.assert_allclose(moved, wanted, atol=1e-9)
        turned = soft_attention(q @ turn, v, landmarks @ turn, **options)
        np.testing.assert_allclose(turned, wanted, atol=1e-9)


def test_permuting_tokens_permutes_rows(tokens, rng):
    q, v, landmarks = tokens
    order = rng.permutation(len(q))
    got = soft_attention(q[order], v[order], landmarks)
    np.testing.assert_allclose(got, soft_attention(q, v, landmarks)[order], atol=1e-10)


def test_symmetric_normalisation_has_its_eigenvector(rng):
    """Eigenvalue 1 belongs to the roots of the row sums, and here it is the largest one."""
    for waves in (1, 2, 4):
        q = 0.5 * smooth_tokens(rng, 8, 8, 8, waves)
        marks = grid_landmarks(q, (8, 8), 2)
        with record() as steps:
            s = matrix(q, marks, normalize="symmetric")
        root = np.sqrt(steps["row sums"].ravel())
        np.testing.assert_allclose(s @ root, root, rtol=1e-9)
        assert np.linalg.norm(s, 2) == pytest.approx(1)
        assert np.linalg.norm(matrix(q, marks), 2) > 2
        assert np.linalg.norm(matrix(q, marks, normalize="landmark"), 2) > 1.5


def test_repaired_diagonal_is_one_and_helps_lonely_tokens(tokens, rng):
    q, _, landmarks = tokens
    repaired = matrix(q, landmarks, diagonal=True)
    np.testing.assert_allclose(np.diag(repaired), 1, atol=1e-12)
    assert np.linalg.eigvalsh((repaired + repaired.T) / 2).min() > -1e-10
    lonely, values = rng.standard_normal((400, 32)), rng.standard_normal((400, 8))
    exact, marks = gaussian_attention(lonely, values), segment_landmarks(lonely, 49)
    plain = relative(soft_attention(lonely, values, marks), exact)
    better = relative(soft_attention(lonely, values, marks, diagonal=True), exact)
    assert plain > 0.7
    assert better < 0.5


def test_noise_is_no_test_data(rng):
    """Independent Gaussian tokens have no neighbours: a fast answer to another question."""
    noise, smooth = rng.standard_normal((784, 32)), 0.3 * smooth_tokens(rng, 28, 28, 32)
    v = rng.standard_normal((784, 8))
    errors = [
        relative(soft_attention(q, v, grid_landmarks(q, (28, 28), 4)), gaussian_attention(q, v))
        for q in (noise, smooth)
    ]
    assert errors[0] > 0.7
    assert errors[1] < 0.02
    off_diagonal = gaussian_kernel(noise, noise) - np.eye(784)
    assert off_diagonal.mean() == pytest.approx(0.008, abs=0.003)


def test_softmax_with_fewer_keys_does_not_see_what_attention_sees(rng):
    """Swap two values whose tokens stand in one pool: the answer to "why not fewer keys?"."""
    q = smooth_tokens(rng, 8, 8, 8, 1)
    v = rng.standard_normal((64, 3))
    a, b = 0, 9  # neighbours on the diagonal, in one cell of 2 x 2
    swapped = v.copy()
    swapped[[a, b]] = v[[b, a]]
    keys = grid_landmarks(q, (8, 8), 2)

    def pooled(x):
        return softmax_attention(q, keys, grid_landmarks(x, (8, 8), 2))

    def chosen(x):  # every other token as a key; token 9 is one, token 0 is not
        return softmax_attention(q, q[1::2], x[1::2])

    def soft(x):
        return soft_attention(q, x, keys)

    np.testing.assert_allclose(pooled(swapped), pooled(v), atol=1e-15)  # blind
    lost = v.copy()
    lost[a] += 100.0
    np.testing.assert_array_equal(chosen(lost), chosen(v))  # blind
    exact = gaussian_attention(q, swapped) - gaussian_attention(q, v)
    assert abs(softmax_attention(q, q, swapped) - softmax_attention(q, q, v)).max() > 1e-3
    assert relative(soft(swapped) - soft(v), exact) < 0.5  # sees it, and about right
    assert abs(soft(lost) - soft(v)).max() > 10


@pytest.mark.parametrize("offset", [10, 30, 100, 300])
def test_a_common_offset_costs_float32_its_digits_unless_the_mean_is_subtracted(rng, offset):
    q = (0.5 * rng.standard_normal((64, 64)) + offset).astype(np.float32)
    exact = gaussian_kernel(q.astype(np.float64), q.astype(np.float64))
    naive = abs(gaussian_kernel(q, q, center=False) - exact).max()
    assert naive > {10: 1e-4, 30: 1e-3, 100: 1e-2, 300: 0.1}[offset]
    assert abs(gaussian_kernel(q, q) - exact).max() < 2e-6
    v = np.ones((64, 1), np.float32)
    wanted = soft_attention(q.astype(np.float64), v, q[::8].astype(np.float64))
    np.testing.assert_allclose(soft_attention(q, v, q[::8]), wanted, rtol=1e-5)


@pytest.mark.parametrize("inverse", INVERSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_landmark_twice_changes_nothing(tokens, inverse, dtype):
    q, v, landmarks = (x.astype(dtype) for x in tokens)
    twice = np.concatenate([landmarks, landmarks[[2, 0]]])
    wanted = soft_attention(q, v, landmarks, inverse=inverse)
    got = soft_attention(q, v, twice, inverse=inverse)
    np.testing.assert_allclose(got, wanted, atol=2e-3 if dtype == np.float32 else 1e-5)


def test_a_landmark_twice_without_ridge_is_refused_by_solve():
    with pytest.raises(InvalidInput, match="singular"):
        soft_attention(THREE, VALUES, [[1.0], [1.0]], ridge=0)


@pytest.mark.parametrize("inverse", INVERSES)
@pytest.mark.parametrize("normalize", [None, "symmetric"])
def test_one_landmark_one_token_and_equal_tokens(tokens, inverse, normalize):
    q, v, landmarks = tokens
    options = {"inverse": inverse, "ridge": 0, "normalize": normalize, "iters": 40}
    p = gaussian_kernel(q, landmarks[:1])
    if normalize is None:
        np.testing.assert_allclose(
            soft_attention(q, v, landmarks[:1], **options), p @ (p.T @ v), atol=1e-10
        )
    np.testing.assert_allclose(soft_attention(q[:1], v[:1], q[:1], **options), v[:1], atol=1e-10)
    same = np.ones((30, 6))
    wanted = np.broadcast_to(v.sum(axis=0), v.shape) / (30 if normalize else 1)
    got = soft_attention(same, v, same[:1], **options)
    np.testing.assert_allclose(got, wanted, atol=1e-9)
    got = soft_attention(same, v, same[:4], inverse=inverse, normalize=normalize)
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [{}, {"normalize": "symmetric"}, {"normalize": "landmark"}, {"diagonal": True}],
    ids=str,
)
def test_a_masked_token_is_a_deleted_token(rng, options):
    q, v = rng.standard_normal((2, 3, 20, 6)), rng.standard_normal((2, 3, 20, 4))
    mask = rng.random((2, 3, 20)) < 0.6
    mask[..., :5] = True
    landmarks = segment_landmarks(q, 5, mask=mask)
    q[~mask], v[~mask] = np.nan, np.inf  # whatever stands there
    got = soft_attention(q, v, landmarks, mask=mask, **options)
    assert not got[~mask].any()
    for at in np.ndindex(2, 3):
        kept = mask[at]
        marks = segment_landmarks(q[at][kept], 5)
        np.testing.assert_allclose(landmarks[at], marks, atol=1e-12)
        wanted = soft_attention(q[at][kept], v[at][kept], marks, **options)
        np.testing.assert_allclose(got[at][kept], wanted, atol=1e-9)


def test_leading_axes_are_heads_of_their_own(rng):
    q, v = rng.standard_normal((2, 3, 50, 6)), rng.standard_normal((2, 3, 50, 4))
    landmarks = random_landmarks(q, 7, rng=0)
    for options in ({}, {"normalize": "symmetric", "diagonal": True}, {"inverse": "newton"}):
        got = soft_attention(q, v, landmarks, **options)
        for at in np.ndindex(2, 3):
            wanted = soft_attention(q[at], v[at], landmarks[at], **options)
            np.testing.assert_allclose(got[at], wanted, rtol=1e-8, atol=1e-8)


def test_a_head_that_no_landmark_is_near_is_told(rng):
    q = np.concatenate([rng.standard_normal((20, 2)), [[30.0, 0.0]]])
    with pytest.warns(RuntimeWarning, match="1 of 21 row sums"):
        soft_attention(q, np.ones((21, 1)), q[:4], normalize="symmetric")
    y = soft_attention(q, np.ones((21, 1)), q[:4], normalize="symmetric", diagonal=True)
    assert y[20, 0] == pytest.approx(1)  # alone, it attends to itself


def test_causal_attention_is_refused_with_the_reason(tokens):
    q, v, landmarks = tokens
    with pytest.raises(InvalidInput, match="the future would leak"):
        soft_attention(q, v, landmarks, causal=True)
    with pytest.raises(ShapeError, match=r"mask of pairs.*the future would leak"):
        soft_attention(q, v, landmarks, mask=np.tri(30, dtype=bool))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"q": [[np.nan], [0], [0]]}, InvalidInput, "q has 1 values that are not finite"),
        ({"v": [[np.inf], [0], [0]]}, InvalidInput, "v has 1 values"),
        ({"landmarks": [[np.nan]]}, InvalidInput, "landmarks has 1 values"),
        ({"q": [0.0, 1.0, 2.0]}, ShapeError, r"\(\.\.\., n, d\)"),
        ({"v": [[1.0]]}, ShapeError, r"n = 3.*n = 1"),
        ({"landmarks": [[1.0, 2.0]]}, ShapeError, r"d = 1.*d = 2"),
        ({"landmarks": np.zeros((2, 2, 1))}, ShapeError, "same leading axes"),
        ({"landmarks": np.zeros((0, 1))}, ShapeError, "m >= 1"),
        ({"q": [["a"], ["b"], ["c"]]}, DTypeError, "real numbers"),
        ({"inverse": "cholesky"}, InvalidInput, '"solve", "newton" or "pinv"'),
        ({"normalize": "rows"}, InvalidInput, "normalize is 'rows'"),
        ({"normalize": "landmark", "diagonal": True}, InvalidInput, "diagonal"),
        ({"ridge": -1}, InvalidInput, "ridge is -1"),
        ({"inverse": "newton", "iters": -1}, InvalidInput, "iters is -1"),
        ({"mask": [1, 1, 0]}, InvalidInput, "booleans"),
        ({"mask": [False] * 3}, InvalidInput, "leaves no token"),
        ({"mask": [True] * 2}, ShapeError, "one entry per token"),
        (
            {
                "q": np.float32([[0], [0], [1e25]]),
                "v": np.float32(VALUES),
                "landmarks": np.float32(ENDS),
            },
            InvalidInput,
            "overflow float32",
        ),
    ],
)
def test_bad_input(change, error, message):
    arguments = {"q": THREE, "v": VALUES, "landmarks": ENDS} | change
    with pytest.raises(error, match=message):
        soft_attention(**arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int8, np.int64])
def test_types_and_layouts(dtype):
    rng = np.random.default_rng(0)
    q, v = (rng.integers(-2, 3, (20, 4)).astype(dtype) for _ in range(2))
    wanted = soft_attention(q.astype(float), v.astype(float), q[:5].astype(float), ridge=0.1)
    got = soft_attention(np.asfortranarray(q), v[::-1][::-1], q[:5], ridge=0.1)
    narrow = dtype in (np.float32, np.float16, np.int8)
    assert got.dtype == (np.float32 if narrow else np.float64)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_steps_tell_the_story():
    with record() as steps:
        soft_attention(THREE, VALUES, ENDS)
    values = ["values at landmarks", "values solved for"]
    assert steps.names == ["landmark kernel", "thin kernel", *values, "output"]
    with record() as steps:
        soft_attention(THREE, VALUES, ENDS, normalize="symmetric")
    ones = ["ones at landmarks", "ones solved for", "row sums"]
    wanted = ["landmark kernel", "thin kernel", *ones, *values, "output", "normalised"]
    assert steps.names == wanted
    assert steps["thin kernel"].shape == (3, 2)
