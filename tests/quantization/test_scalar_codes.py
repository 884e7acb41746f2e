"""Levels, finite scalars, signs, bits: Max's table, listings worked by hand, round trips."""

import itertools

import numpy as np
import pytest

from tokenlab import bits
from tokenlab.autograd import gradcheck
from tokenlab.errors import TokenlabError
from tokenlab.quantization import fsq, lfq, scalar

MAX = {1: 1, 2: 0.3634, 3: 0.1902, 4: 0.1175, 5: 0.07994, 6: 0.05798, 7: 0.04400, 8: 0.03454}
MAX |= {16: 0.00950, 32: 0.002505, 64: 0.000644}


@pytest.mark.parametrize("n", MAX)
def test_levels_of_a_normal_density_are_those_of_the_table(n):
    fitted = scalar.lloyd_max_normal(n)
    assert fitted.mse == pytest.approx(MAX[n], rel=6e-3 if n == 64 else 2e-3)
    borders = np.concatenate([[-np.inf], (fitted.levels[1:] + fitted.levels[:-1]) / 2, [np.inf]])
    np.testing.assert_allclose(scalar.normal_cells(borders)[1], fitted.levels, atol=1e-9)  # Eq. (4)
    np.testing.assert_array_equal(fitted.levels, -fitted.levels[::-1])
    if n == 64:
        assert fitted.mse == pytest.approx(2.7207 / n**2, rel=0.04)


def test_levels_of_samples_come_near_the_density():
    x = np.random.default_rng(0).standard_normal(200_000)
    fitted = scalar.lloyd_max(x, 8)
    assert fitted.mse == pytest.approx(0.03454, rel=0.01)
    assert all(a >= b for a, b in itertools.pairwise(fitted.history))
    near = fitted.levels[scalar.assign(x, fitted.levels)]
    assert ((x - near) ** 2).mean() == pytest.approx(fitted.mse)
    means = [x[scalar.assign(x, fitted.levels) == i].mean() for i in range(8)]
    np.testing.assert_allclose(means, fitted.levels, atol=1e-9)


def test_assign_is_the_nearest_and_ties_go_down():
    levels = np.array([-1.0, 0.0, 0.5, 4.0])
    x = np.random.default_rng(1).uniform(-3, 6, (20, 50))
    nearest = abs(x[..., None] - levels).argmin(axis=-1)
    np.testing.assert_array_equal(scalar.assign(x, levels), nearest)
    assert scalar.assign([-0.5, 0.25, 2.25], levels).tolist() == [0, 1, 2]
    assert scalar.assign([], levels).shape == (0,)
    assert scalar.assign(3.0, [1.0]).shape == ()
    assert scalar.uniform_levels(3, -3, 3).tolist() == [-2, 0, 2]


def test_fsq_is_the_listing():
    """The listing of appendix A.1, line by line, with its tan."""
    z = np.random.default_rng(2).uniform(-4, 4, (500, 4))
    levels = np.array([8, 5, 5, 4])
    half = (levels - 1) * (1 - 1e-3) / 2
    offset = np.where(levels % 2 == 1, 0.0, 0.5)
    bounded = np.tanh(z + np.tan(offset / half)) * half - offset
    digits = np.round(bounded) + levels // 2
    numbers = (digits * np.cumprod([1, 8, 5, 5])).sum(axis=1)
    np.testing.assert_allclose(fsq.bound(z, levels), bounded, rtol=1e-12)
    codes = fsq.encode(z, levels)
    np.testing.assert_array_equal(codes, numbers)
    np.testing.assert_allclose(fsq.decode(codes, levels), np.round(bounded) / (levels // 2))
    assert fsq.bound(np.zeros((1, 1)), [4])[0, 0] == pytest.approx(-4.3e-4, abs=5e-6)


@pytest.mark.parametrize("variant", ["paper", "symmetric"])
def test_fsq_reaches_every_code_and_no_other(variant):
    levels = [5, 3, 4]
    codes = np.arange(60)
    values = fsq.decode(codes, levels, variant=variant)
    assert len(np.unique(values, axis=0)) == 60
    assert abs(values).max() <= 1
    z = np.random.default_rng(3).standard_normal((20000, 3))
    assert set(fsq.encode(z, levels, variant=variant).tolist()) == set(range(60))
    extreme = fsq.encode([[-1e30] * 3, [1e30] * 3], levels, variant=variant)
    assert extreme.tolist() == [0, 59]


def test_the_symmetric_form_is_odd():
    z = np.random.default_rng(4).standard_normal((300, 3))
    levels = [2, 4, 7]
    there = fsq.decode(fsq.encode(z, levels, variant="symmetric"), levels, variant="symmetric")
    back = fsq.decode(fsq.encode(-z, levels, variant="symmetric"), levels, variant="symmetric")
    np.testing.assert_allclose(there, -back)


def test_fsq_has_as_many_codes_as_an_integer_holds():
    levels = [2] * 62
    codes = fsq.encode([[1.0] * 62], levels, variant="symmetric")
    assert codes.tolist() == [2**62 - 1]
    np.testing.assert_array_equal(fsq.decode(codes, levels, variant="symmetric"), np.ones((1, 62)))


def test_the_bound_has_a_gradient():
    params = {"z": np.random.default_rng(5).standard_normal((4, 3))}
    for variant in fsq.VARIANTS:
        error = gradcheck(
            lambda p, v=variant: fsq.bound(p["z"], [4, 3, 5], variant=v).sum(), params
        )
        assert error < 1e-7


def entropies(z, t):
    """The definition: all codes, their distances, a softmax."""
    d = z.shape[1]
    every = np.array(list(itertools.product([-1.0, 1.0], repeat=d)))
    logits = -((z[:, None] - every) ** 2).sum(axis=2) / t
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    safe = np.where(p > 0, p, 1)
    mean = p.mean(axis=0)
    return -(p * np.log(safe)).sum(axis=1).mean(), -(mean * np.log(mean)).sum()


@pytest.mark.parametrize("t", [0.3, 1.0, 5.0])
def test_entropies_are_those_of_the_whole_table(t):
    z = np.random.default_rng(6).standard_normal((40, 5))
    np.testing.assert_allclose(lfq.entropy_terms(z, t), entropies(z, t), rtol=1e-10)
    terms = lambda p: lfq.entropy_terms(p["z"], t).token - lfq.entropy_terms(p["z"], t).mean  # noqa: E731
    assert gradcheck(terms, {"z": z[:6]}) < 1e-6


def test_signs_and_codes():
    z = np.random.default_rng(7).standard_normal((50, 7))
    codes = lfq.encode(z)
    np.testing.assert_array_equal(lfq.decode(codes, 7), np.where(z > 0, 1.0, -1.0))
    assert lfq.encode([[0.0, 0.0]]).tolist() == [0]
    assert np.isfinite(lfq.entropy_terms([[1e30, -1e30]], 1e-6)).all()


def test_bits_come_back():
    rng = np.random.default_rng(8)
    for n_bits in (1, 3, 8, 13, 62):
        numbers = rng.integers(0, 2**n_bits, (3, 11))
        data = bits.pack(numbers, n_bits)
        assert data.shape == (3, -(-11 * n_bits // 8))
        np.testing.assert_array_equal(bits.unpack(data, 11, n_bits), numbers)
    assert bits.pack(np.zeros((2, 0), int), 5).shape == (2, 0)


def test_hamming_counts_bits():
    rng = np.random.default_rng(9)
    x, y = rng.integers(0, 2, (4, 21)), rng.integers(0, 2, (6, 21))
    differ = (x[:, None] != y).sum(axis=2)
    np.testing.assert_array_equal(bits.hamming(bits.pack(x, 1), bits.pack(y, 1)), differ)
    found = bits.hamming_topk(bits.pack(x, 1), bits.pack(y, 1), 3)
    np.testing.assert_array_equal(found.ids, differ.argsort(axis=1, kind="stable")[:, :3])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: scalar.assign([1.0], [0.0, 0.0]), "assign: levels does not rise"),
        (lambda: scalar.assign([np.nan], [0.0]), "assign: x has 1 values that are not finite"),
        (lambda: scalar.uniform_levels(3, 1, 1), "uniform_levels: low is 1"),
        (lambda: scalar.lloyd_max([1.0, 1.0], 2), "lloyd_max: n_codes is 2 and x has 1"),
        (lambda: fsq.encode([[0.0]], [1]), "encode: levels has 1"),
        (lambda: fsq.encode([[0.0]], [2]), "expected at least 3. Of two, take"),
        (lambda: fsq.bound([[0.0] * 7], [1000] * 7), "bound: levels has a product"),
        (lambda: fsq.decode([60], [5, 3, 4]), "decode: codes run from 60 to 60"),
        (lambda: fsq.encode([[0.0, 1.0]], [3, 3, 3]), "encode: "),
        (lambda: lfq.encode([[0.0] * 63]), "encode: z has 63 channels"),
        (lambda: lfq.decode([8], 3), "decode: codes run from 8"),
        (lambda: lfq.entropy_terms([[0.0] * 21], 1.0), "entropy_terms: z has d = 21"),
        (lambda: lfq.entropy_terms([[0.0]], 0), "entropy_terms: temperature is 0"),
        (lambda: bits.pack([8], 3), "pack: numbers run from 8"),
        (lambda: bits.unpack(b"abc", 3, 3), "unpack: data has 3 bytes"),
        (lambda: bits.hamming([[1]], [[1]]), "hamming: x has dtype"),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
