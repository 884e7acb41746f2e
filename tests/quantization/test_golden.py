"""Numbers of the papers, of released code, and of hand calculation that no other file holds."""

import math

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.objectives import next_x, token_unify
from tokenlab.quantization import fsq, resgen, residual, scalar, seit, tokenbridge

NORMAL = np.random.default_rng(0).standard_normal(400_000)


@pytest.mark.parametrize(
    ("n_codes", "paper", "official"),
    [(8, 0.154, 0.156), (16, 0.0635, 0.0656), (64, 0.0118, 0.0132)],
)
def test_whole_tails_beat_clipped_ones(n_codes, paper, official):
    """Squared errors of TokenBridge on numbers of deviation 1.7."""
    x, found = 1.7 * NORMAL, {}
    for variant in ("paper", "official"):
        codebook = tokenbridge.gaussian_codebook(n_codes, variant=variant)
        near = tokenbridge.decode(tokenbridge.encode(x, codebook), codebook)
        found[variant] = ((x - near) ** 2).mean()
    assert found["paper"] == pytest.approx(paper, rel=0.02)
    assert found["official"] == pytest.approx(official, rel=0.02)
    assert found["paper"] < found["official"]


def test_how_often_the_readings_differ():
    x = 1.7 * NORMAL
    books = [tokenbridge.gaussian_codebook(8, variant=v) for v in ("paper", "official")]
    codes = [tokenbridge.encode(x, book) for book in books]
    assert (codes[0] != codes[1]).mean() == pytest.approx(0.003, abs=5e-4)
    # The nearest level is not the part of equal probability in which a number lies.
    parts = [scalar.NORMAL.inv_cdf(i / 16) for i in range(1, 16)]
    nearest = scalar.assign(NORMAL, tokenbridge.gaussian_codebook(16))
    assert (nearest != np.searchsorted(parts, NORMAL)).mean() == pytest.approx(0.04, abs=0.005)
    wide = scalar.assign(NORMAL, 5 / 3 * tokenbridge.gaussian_codebook(64))
    assert seit.entropy_bits(wide, 64) == pytest.approx(5.72, abs=0.01)


def test_cosines_that_are_a_little_too_large():
    assert math.ceil(math.cos(math.pi / 3) * 64) == 33  # what a ceiling alone would mask
    assert resgen.n_masked(2 / 3, 16, 4) == 32
    assert math.ceil(math.cos(math.pi / 2) * 64) == 1
    assert resgen.n_masked(1, 16, 4) == 0


def test_an_offset_by_tan_misses_the_middle():
    """The listing of FSQ has tan where its inverse is meant, and nothing for two levels."""
    assert fsq.bound(np.zeros((1, 1)), [4])[0, 0] == pytest.approx(-4.3e-4, abs=1e-5)
    with pytest.raises(TokenlabError, match="symmetric"):
        fsq.bound(np.zeros((1, 1)), [2])
    z = np.array([[-1.57], [-0.01], [0.01], [1.57]])
    assert fsq.encode(z, [2], variant="symmetric").tolist() == [0, 0, 1, 1]


def test_a_beam_mends_what_greed_spoils():
    """From x = 1: the nearer code, 1.4, leaves -0.4; 0.5 leaves what the next stage has."""
    codebooks = np.array([[[1.4], [0.5]], [[0.5], [0.1]]])
    assert residual.encode([[1.0]], codebooks).tolist() == [[0, 1]]
    assert residual.encode([[1.0]], codebooks, beam=2).tolist() == [[1, 0]]


def test_times_of_the_released_sampler():
    assert next_x.time_grid(3, variant="official").tolist() == pytest.approx([1, 0.52, 0.04, 0])
    with pytest.raises(TokenlabError, match="steps"):
        next_x.time_grid(1, variant="official")


def test_weights_of_the_three_phases():
    wanted = {0.1: (0.73, 0.18, 0.09), 0.5: (0.18, 0.73, 0.09), 0.9: (0.09, 0.18, 0.73)}
    for progress, weights in wanted.items():
        assert tuple(token_unify.curriculum(progress)) == weights


def test_the_byte_format_ends_at_509():
    codes = [0, 254, 255, 256, 509]
    data = seit.pack_bytes(codes)
    assert list(data) == [0, 254, 255, 0, 255, 1, 255, 254]
    assert seit.unpack_bytes(data).tolist() == codes
    with pytest.raises(TokenlabError, match=r"two escapes at byte 1.*code 509"):
        seit.unpack_bytes(bytes([7, 255, 255, 1]))


def test_an_unknown_token_is_called_a_token():
    log_probs = np.log(np.full((2, 3), 1 / 3))
    with pytest.raises(TokenlabError, match=r"masked_loss: tokens run from 0 to 3"):
        token_unify.masked_loss(log_probs, [0, 3], [True, False])


def test_colours_by_hand():
    x, partner = (np.array(a, float)[..., None] for a in ([[0, 2], [4, 2]], [[10, 10], [14, 14]]))
    found = seit.color_adapt(x, partner)[..., 0]
    np.testing.assert_allclose(found, [[9.171573, 12], [14.828427, 12]], atol=5e-7)
