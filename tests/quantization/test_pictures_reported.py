"""What people reported of quantized pictures: codes out of range, extreme numbers, fickle models."""

import numpy as np
import pytest

from tokenlab import bits
from tokenlab.errors import TokenlabError
from tokenlab.objectives import maskgit
from tokenlab.quantization import fsq, lfq, product, resgen, residual, scalar, tokenbridge

CODEBOOKS = np.arange(36.0).reshape(3, 3, 4)


def test_minus_one_adds_nothing_and_other_codes_raise():
    found = residual.decode([[1, -1, 2]], CODEBOOKS)
    np.testing.assert_array_equal(found[0], CODEBOOKS[0, 1] + CODEBOOKS[2, 2])
    for codes in ([[1, -1, 3]], [[1, -2, 0]], [[0.5, 0, 0]]):
        with pytest.raises(TokenlabError, match="codes"):
            residual.decode(codes, CODEBOOKS)


def test_more_codes_than_rows():
    assert residual.fit(np.eye(3), 6, 3, rng=0).history[-1] == 0
    with pytest.raises(TokenlabError, match="n_parts"):
        product.fit(np.ones((9, 4)), 2, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("variant", ["paper", "symmetric"])
def test_the_ends_of_the_grid(dtype, variant):
    levels = (8, 8, 8, 6, 5)
    for size in (9, 6e4):
        z = np.full((2, 5), size, dtype) * np.array([[1], [-1]], dtype)
        assert fsq.encode(z, levels, variant=variant).tolist() == [15359, 0]


def test_more_codes_than_a_number_holds():
    with pytest.raises(TokenlabError, match="levels"):
        fsq.encode(np.zeros((1, 17)), [16] * 17)
    with pytest.raises(TokenlabError, match="channels"):
        lfq.encode(np.zeros((1, 63)))


@pytest.mark.parametrize(("steps", "n"), [(4, 9), (20, 5)])
def test_a_fickle_model(steps, n):
    """It changes its favourite at each call, and one token of three can never be."""
    seen, calls = [], [0]

    def predict(tokens):
        seen.append(tokens.copy())
        calls[0] += 1
        logits = np.full((*tokens.shape, 3), 0.0)
        logits[..., calls[0] % 2] = 6
        logits[..., 2] = -np.inf
        return logits

    found = maskgit.sample(predict, n, steps=steps, b=2, rng=0)
    assert ((found.tokens == 0) | (found.tokens == 1)).all()
    for tokens in seen:
        kept = tokens >= 0
        assert (found.tokens[kept] == tokens[kept]).all()


def test_extreme_numbers_and_levels_that_do_not_rise():
    levels = [-1.0, 0.0, 2.0]
    assert scalar.assign([-1e30, 1e30], levels).tolist() == [0, 2]
    assert tokenbridge.encode([-1e30, 1e30], levels).tolist() == [0, 2]
    for wrong in ([0.0, -1.0], [0.0, 0.0]):
        with pytest.raises(TokenlabError, match="assign: levels"):
            scalar.assign([0.0], wrong)
        with pytest.raises(TokenlabError, match="encode: codebook"):
            tokenbridge.encode([0.0], wrong)
    with pytest.raises(TokenlabError, match="x"):
        scalar.assign([np.nan], levels)


def test_totals_of_masks():
    found = resgen.mask_counts(2, 2, np.full(600, 2), rng=0)
    assert {tuple(row) for row in found.tolist()} == {(2, 0), (1, 1), (0, 2)}


def test_rows_of_bits_are_bytes_of_their_own():
    rows = np.random.default_rng(0).integers(0, 2, (5, 10))
    packed = bits.pack(rows, 1)
    assert packed.shape == (5, 2)
    for row, mine in zip(rows, packed, strict=True):
        np.testing.assert_array_equal(bits.pack(row[None], 1)[0], mine)
    with pytest.raises(TokenlabError):
        bits.unpack(np.zeros((1, 2), np.uint8), 17, 1)
