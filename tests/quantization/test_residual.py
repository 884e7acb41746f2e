"""Residual and product codes: hand cases, the exact optimum, what cannot get worse."""

import itertools

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.quantization import product, residual

HAND = np.array([[[0, 0], [3, 0], [0, 3]], [[0.5, 0], [-0.5, 0], [0, -0.25]]])
ORIGIN = np.array([[[0, 0], [4, 0], [0, 4]], [[0, 0], [1, 0], [0, -1.0]]])


def lengths(x, codes, codebooks):
    return np.linalg.norm(x - residual.stages(codes, codebooks), axis=2)


def naive(x, codebooks):
    """The definition, one vector and one stage at a time."""
    found = []
    for row in x:
        codes = []
        for codebook in codebooks:
            codes.append(int(((row - codebook) ** 2).sum(axis=1).argmin()))
            row = row - codebook[codes[-1]]
        found.append(codes)
    return found


def test_hand_cases():
    x = np.array([[-1.0, -1.0], [0.1, 0.1]])
    codes = residual.encode(x, HAND)
    assert codes.tolist() == [[0, 1], [0, 2]]
    np.testing.assert_allclose(
        lengths(x, codes, HAND).T, [[1.414, 1.414, 1.118], [0.141, 0.141, 0.364]], atol=5e-4
    )
    z = np.array([[4.9, -0.2]])
    codes = residual.encode(z, ORIGIN)
    assert codes.tolist() == [[1, 1]]
    rests = z - residual.stages(codes, ORIGIN)
    np.testing.assert_allclose(rests[1:, 0], [[0.9, -0.2], [-0.1, -0.2]], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_greedy_is_the_definition(dtype):
    rng = np.random.default_rng(0)
    x, codebooks = rng.standard_normal((200, 6)), rng.standard_normal((4, 9, 6))
    x, codebooks = x.astype(dtype), codebooks.astype(dtype)
    assert residual.encode(x, codebooks).tolist() == naive(x, codebooks)


def test_a_full_beam_is_the_optimum():
    rng = np.random.default_rng(1)
    x, codebooks = rng.standard_normal((100, 4)), rng.standard_normal((3, 4, 4))
    every = np.array(list(itertools.product(range(4), repeat=3)))
    best = ((x[:, None] - residual.decode(every, codebooks)) ** 2).sum(axis=2).min(axis=1)

    def error(beam):
        near = residual.decode(residual.encode(x, codebooks, beam=beam), codebooks)
        return ((x - near) ** 2).sum(axis=1)

    np.testing.assert_allclose(error(16), best, atol=1e-12)
    means = [error(beam).mean() for beam in (1, 2, 4, 16)]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1] + 0.01


def test_a_zero_code_never_makes_it_worse_and_without_one_it_can():
    x = np.random.default_rng(2).standard_normal((300, 5)).astype(np.float32)
    fitted = residual.fit(x, 8, 4, zero=True, rng=0)
    assert (fitted.codebooks[:, 0] == 0).all()
    fresh = np.random.default_rng(3).standard_normal((300, 5)).astype(np.float32) / 9
    lost = lengths(fresh, residual.encode(fresh, fitted.codebooks), fitted.codebooks)
    assert (np.diff(lost, axis=0) <= 1e-6).all()
    without = residual.fit(x, 8, 4, rng=0).codebooks
    lost = lengths(fresh, residual.encode(fresh, without), without)
    assert (np.diff(lost, axis=0) > 0).any()


def test_fit_says_what_its_codes_do():
    x = np.random.default_rng(4).standard_normal((400, 3))
    fitted = residual.fit(x, 6, 3, rng=0)
    np.testing.assert_array_equal(residual.encode(x, fitted.codebooks), fitted.codes)
    left = x - residual.stages(fitted.codes, fitted.codebooks)
    np.testing.assert_allclose((left**2).sum(axis=2).mean(axis=1), fitted.history)
    assert (np.diff(fitted.history) < 0).all()
    again = residual.fit(x, 6, 3, rng=0)
    np.testing.assert_array_equal(again.codes, fitted.codes)


@pytest.mark.parametrize("beam", [1, 3])
def test_stages_before_the_start_are_left_out(beam):
    rng = np.random.default_rng(5)
    codebooks = rng.standard_normal((4, 5, 3))
    codes = rng.integers(0, 5, (50, 4))
    start = rng.integers(0, 5, 50)  # 4: nothing is left to encode
    codes[np.arange(4) < start[:, None]] = -1
    rest = residual.decode(codes, codebooks)
    found = residual.encode(rest, codebooks, start=start, beam=beam)
    assert ((found < 0) == (codes < 0)).all()
    one = residual.encode(rest[start == 2], codebooks[2:], beam=beam)
    np.testing.assert_array_equal(found[start == 2][:, 2:], one)
    np.testing.assert_array_equal(residual.encode(rest, codebooks, start=4), np.full((50, 4), -1))


def test_ties_go_to_the_lower_code_and_depth_counts_stages():
    codebooks = np.array([[[1.0], [-1.0], [1.0]], [[0.0], [0.0], [0.0]]])
    assert residual.encode([[0.0], [1.0]], codebooks).tolist() == [[0, 0], [0, 0]]
    assert residual.encode([[0.0], [1.0]], codebooks, beam=5).tolist() == [[0, 0], [0, 0]]
    assert residual.decode([[1, 0]], codebooks, depth=0).tolist() == [[0.0]]
    assert residual.decode([[-1, -1]], codebooks).tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: residual.decode([[3, 0]], HAND), "decode: codes run from 0 to 3"),
        (lambda: residual.stages([[-2, 0]], HAND), "stages: codes run from -2"),
        (lambda: residual.encode([[1.0, 2.0, 3.0]], HAND), "encode: x is"),
        (
            lambda: residual.encode([[np.nan, 2.0]], HAND),
            "encode: x has 1 values that are not finite",
        ),
        (lambda: residual.encode([[1.0, 2.0]], HAND, start=3), "encode: start runs from 3"),
        (lambda: residual.encode([[1.0, 2.0]], HAND, start=1.5), "encode: start has dtype"),
        (lambda: residual.encode([[1.0, 2.0]], HAND, beam=0), "encode: beam is 0"),
        (lambda: residual.decode([[0, 0]], HAND, depth=3), "decode: depth is 3"),
        (lambda: residual.fit([[1.0]], 2, 0), "fit: depth is 0"),
        (lambda: product.fit(np.ones((3, 5)), 2, 2), "n_parts is 2 and x has d = 5"),
        (lambda: product.encode(np.ones((3, 5)), np.ones((2, 2, 2))), "encode: x is"),
        (lambda: product.decode([[0, 2]], np.ones((2, 2, 2))), "decode: codes run from 0 to 2"),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)


def test_empty_batches():
    assert residual.encode(np.zeros((0, 2)), HAND).shape == (0, 2)
    assert residual.encode(np.zeros((0, 2)), HAND, beam=2).shape == (0, 2)
    assert residual.decode(np.zeros((0, 2), int), HAND).shape == (0, 2)
    assert product.encode(np.zeros((0, 2)), np.ones((2, 3, 1))).shape == (0, 2)


def test_product_codes_are_each_parts_nearest():
    x = np.random.default_rng(6).standard_normal((200, 6))
    fitted = product.fit(x, 5, 3, rng=0)
    np.testing.assert_array_equal(product.encode(x, fitted.codebooks), fitted.codes)
    near = product.decode(fitted.codes, fitted.codebooks)
    np.testing.assert_allclose(((x - near) ** 2).sum(), fitted.inertia)
    for part in range(3):
        u = x[:, 2 * part : 2 * part + 2]
        gaps = ((u[:, None] - fitted.codebooks[part]) ** 2).sum(axis=2)
        np.testing.assert_array_equal(gaps.argmin(axis=1), fitted.codes[:, part])
