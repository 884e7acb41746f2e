r"""ColBERTv2: Effective and Efficient Retrieval via Lightweight Late Interaction.

Keshav Santhanam, Omar Khattab, Jon Saad-Falcon, Christopher Potts, Matei Zaharia. NAACL 2022.
arXiv:2112.01488

A vector per token is a lot to keep. Vectors of tokens lie in clusters, one for each sense of a
word, so the number of the nearest centroid says most of it. What is left, the residual, is small
in every dimension and is kept with a few bits of each.

| paper's symbol | name here | shape |
|---|---|---|
| $v$ | `tokens` | `(n, d)` |
| $C$ | `centroids_` | `(n_centroids, d)` |
| $t$ | `codes` | `(n,)` |
| $\tilde r$ | `residuals`, packed | `(n, ceil(d * bits / 8))` |
| $b$ | `bits` | |

Equations (our numbers; Section 3.3 has them in words):

$$t = \arg\max_k\, v \cdot C_k, \qquad r = v - C_t \qquad (1)$$
$$\tilde r_j = \#\{i : \text{cutoff}_i < r_j\} \qquad (2)$$
$$\tilde v = C_t + \text{level}[\tilde r], \quad \text{scaled to length one} \qquad (3)$$

Example
-------
    codec = ResidualCodec(bits=4, rng=0).fit(tokens)
    codes, residuals = codec.encode(tokens)
    near = codec.decode(codes, residuals)
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import bits as packing
from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import unit
from tokenlab.quantization import kmeans
from tokenlab.retrieval.buckets import BITS, BUCKETS, bucket_levels, known_bits, pack, unpack
from tokenlab.steps import step

__all__ = ["Codes", "ResidualCodec", "bucket_levels", "n_centroids_for", "pack", "unpack"]

SAMPLE = 1 << 16  # tokens that centroids and levels are fitted to
PER_CENTROID = 16  # or so many of a cluster, where that is more
ITERS = 8  # its rounds; half as many where each is long, since later ones hardly lower the error


class Codes(NamedTuple):
    """Tokens as `codes (n,)`, their centroids, and packed `residuals (n, n_bytes)`."""

    codes: Any
    residuals: Any


@takes(n_tokens="count")
def n_centroids_for(n_tokens: int) -> int:
    r"""How many centroids the paper takes: the power of two below $16 \sqrt n$, at most $n$.

    Examples
    --------
    >>> [n_centroids_for(n) for n in (1, 100, 1000, 10**7)]
    [1, 100, 256, 32768]
    """
    # 16 √n in whole numbers, since a float would be wrong at the powers of two.
    return min(n_tokens, 1 << (math.isqrt(256 * n_tokens).bit_length() - 1))


def sample_size(n_centroids: int) -> int:
    """How many tokens so many centroids are fitted to."""
    return max(SAMPLE, PER_CENTROID * n_centroids)


@by_rows(lambda tokens, centroids: len(centroids))
def nearest_centroids(tokens: Any, centroids: Any) -> Any:
    """The centroid of largest product with each token, ties to the lower one."""
    closeness = step(tokens @ centroids.T)  # (n, n_centroids) [v·C] every token with every centroid
    return step(closeness.argmax(axis=1))  # (n,) -> n_centroids: [Eq. 1] the nearest centroid


@accelerated("codec.bucketed", work=lambda residual, *_: residual.size, pays_from=5e4)
@by_rows(lambda residual, cutoffs, bits: 8 * residual.shape[1])
def bucketed(residual: Any, cutoffs: Any, bits: int) -> Any:
    """The buckets of what the centroids leave, packed."""
    buckets = get_xp(residual).searchsorted(cutoffs, residual, side="left")
    step(buckets)  # (n, d) [Eq. 2] the bucket of each dimension
    return packing.pack(buckets, bits)


@accelerated("codec.values", work=lambda residuals, d, *_: len(residuals) * d, pays_from=5e4)
@by_rows(lambda residuals, d, levels, bits: 8 * d)
def values(residuals: Any, d: int, levels: Any, bits: int) -> Any:
    """What stands for the packed residuals of tokens of width `d`."""
    buckets = packing.unpack(residuals, d, bits)
    return step(levels[buckets])  # (n, d) [level[r̃]] the number of each bucket


class ResidualCodec:
    """Tokens as the number of a centroid and a few bits for each dimension of the rest.

    Parameters
    ----------
    n_centroids : int, optional
        `n_centroids_for` the tokens by default, and never more than there are tokens.
    bits : 1, 2, 4 or 8
    buckets : "lloyd", "quantile" or "uniform"
        See `bucket_levels`. Products with equal steps need no table.
    rng : numpy.random.Generator, int or None

    Attributes
    ----------
    centroids_ : ndarray of shape (n_centroids, d)
        Of length one, unless they came by `of`.
    cutoffs_ : ndarray of shape (2**bits - 1,)
    levels_ : ndarray of shape (2**bits,)
        The same for all dimensions.
    bits : int

    Raises
    ------
    InvalidInput, DTypeError
        Other bits or buckets.

    Examples
    --------
    >>> tokens = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]]
    >>> codec = ResidualCodec(2, bits=2, rng=0).fit(tokens)
    >>> codes, residuals = codec.encode(tokens)
    >>> residuals.shape, bool(abs(codec.decode(codes, residuals) - tokens).max() < 0.1)
    ((4, 1), True)
    """

    centroids_: Any = None
    cutoffs_: Any = None
    levels_: Any = None

    @takes(rng="rng")
    def __init__(
        self,
        n_centroids: int | None = None,
        bits: int = 4,
        *,
        buckets: str = "lloyd",
        rng: np.random.Generator | int | None = None,
    ):
        self.n_centroids = None if n_centroids is None else checks.count(n_centroids, "n_centroids")
        self.bits = known_bits(bits)
        self.buckets = checks.choice(buckets, "buckets", BUCKETS)
        self.rng = checks.generator(rng)

    @takes(tokens="n d")
    def fit(self, tokens: Any) -> "ResidualCodec":
        """Find centroids and levels for tokens, and return the codec.

        Centroids come from 65,536 tokens, or from 16 of each where that is more; levels from the
        residuals of 65,536. Of fewer tokens all are taken.

        Parameters
        ----------
        tokens : ndarray of shape (n, d)

        Raises
        ------
        ShapeError, InvalidInput, DTypeError, BackendError
            No tokens, NaN, values whose squares overflow.
        """
        n = len(tokens)
        # Not more than there are tokens: none would stay without one.
        k = min(self.n_centroids or n_centroids_for(n), n)
        directions = unit(self._some_of(tokens, sample_size(k)))
        # A token of zeros has no direction, and any centroid is as near to it as any other.
        directions = directions[abs(directions).max(axis=1) > 0]
        if len(directions):
            k = min(k, len(directions))
            iters = ITERS if len(directions) <= SAMPLE else ITERS // 2
            fitted = kmeans.fit(
                directions, k, init="random", spherical=True, iters=iters, rng=self.rng
            )
            centroids = fitted.codebook  # (n_centroids, d)
        else:
            centroids = get_xp(tokens).eye(1, tokens.shape[1], dtype=tokens.dtype)
        sample = self._some_of(tokens, SAMPLE)  # (n_sampled, d)
        residuals = sample - centroids[nearest_centroids(sample, centroids)]  # Eq. (1)
        self.cutoffs_, self.levels_ = bucket_levels(residuals, self.bits, buckets=self.buckets)
        self.centroids_ = centroids
        return self

    def _some_of(self, tokens: Any, most: int) -> Any:
        """All tokens, or `most` of them by chance, in their order."""
        if len(tokens) <= most:
            return tokens
        # Drawn on the host, so that a GPU draws the same.
        chosen = np.sort(self.rng.choice(len(tokens), most, replace=False))
        return tokens[get_xp(tokens).asarray(chosen)]

    @classmethod
    @takes(centroids="n_centroids d", cutoffs="n_cutoffs", levels="n_levels")
    def of(cls, centroids: Any, cutoffs: Any, levels: Any) -> "ResidualCodec":
        """A codec of given centroids and levels, for example those of another program.

        Parameters
        ----------
        centroids : ndarray of shape (n_centroids, d)
        cutoffs : ndarray of shape (2**bits - 1,)
        levels : ndarray of shape (2**bits,)
            Neither may fall.

        Raises
        ------
        ShapeError, InvalidInput, DTypeError, BackendError
            Not 2, 4, 16 or 256 levels, not one cutoff less, or something falls.

        Examples
        --------
        >>> codec = ResidualCodec.of([[1.0, 0.0]], [0.0], [-0.5, 0.5])
        >>> codec.encode([[0.7, 0.7]]).residuals.tolist()  # buckets 0 and 1
        [[64]]
        """
        n = len(levels)
        if n not in [2**bits for bits in BITS] or len(cutoffs) != n - 1:
            raise ShapeError(
                f"{public_caller()}: cutoffs has {len(cutoffs)} and levels {n} numbers; expected "
                "2, 4, 16 or 256 levels, and one cutoff less."
            )
        for name, x in (("cutoffs", cutoffs), ("levels", levels)):
            if bool((x[1:] < x[:-1]).any()):
                raise InvalidInput(f"{public_caller()}: {name} falls; expected them sorted.")
        # Products are taken in the precision of the centroids.
        codec = cls(len(centroids), n.bit_length() - 1)
        codec.centroids_ = centroids
        codec.cutoffs_ = cutoffs.astype(centroids.dtype, copy=False)
        codec.levels_ = levels.astype(centroids.dtype, copy=False)
        return codec

    @property
    def d(self) -> int:
        """The width of a token."""
        return fitted(self, "codec").centroids_.shape[1]

    @takes(tokens="n? d")
    def encode(self, tokens: Any) -> Codes:
        """Tokens as centroids and packed buckets, Eqs. (1) and (2).

        Parameters
        ----------
        tokens : ndarray of shape (n, d)

        Returns
        -------
        Codes
            `codes (n,)` int64 and `residuals (n, ceil(d * bits / 8))` uint8.

        Raises
        ------
        ShapeError, InvalidInput, DTypeError, BackendError
            A codec that was not fitted, another width, NaN.
        """
        centroids = fitted(self, "codec").centroids_
        checks.same_width(tokens, "tokens", "n", centroids, "centroids", "n_centroids")
        return self._written(tokens, nearest_centroids(tokens, centroids))  # (n,) centroids

    def _written(self, tokens: Any, codes: Any) -> Codes:
        """Tokens with given centroids, Eq. (2)."""
        residual = step(tokens - self.centroids_[codes])  # (n, d) [r = v − Cₜ] what they leave
        return Codes(codes, bucketed(residual, self.cutoffs_.astype(residual.dtype), self.bits))

    @takes(codes="n? int")
    def decode(self, codes: Any, residuals: Any, *, normalize: bool = True) -> Any:
        """Tokens again, Eq. (3).

        Parameters
        ----------
        codes : ndarray of shape (n,)
        residuals : ndarray of shape (n, n_bytes)
        normalize : bool
            Scale to length one, as the tokens of most models have.

        Returns
        -------
        ndarray of shape (n, d)

        Raises
        ------
        ShapeError, InvalidInput, DTypeError, BackendError
            A codec that was not fitted, unknown centroids, residuals of another shape.
        """
        centroids = fitted(self, "codec").centroids_  # (n_centroids, d)
        normalize = checks.flag(normalize, "normalize")
        checks.within(codes, "codes", len(centroids), "n_centroids")
        residuals = packing.as_bytes(residuals, "residuals")
        expected = (len(codes), -(-self.d * self.bits // 8))
        if residuals.shape != expected:
            raise ShapeError(
                f"{public_caller()}: residuals is {residuals.shape}; expected {expected} for codes of "
                f"shape {codes.shape}."
            )
        # Unit tokens have shrunk: what is lost of them is mostly length.
        rest = values(residuals, self.d, self.levels_, self.bits)  # (n, d)
        tokens = step(centroids[codes] + rest)  # (n, d) [Eq. 3] centroid and residual
        return unit(tokens) if normalize else tokens

    def __repr__(self) -> str:
        state = "not fitted"
        if self.centroids_ is not None:
            state = "{} centroids, d={}".format(*self.centroids_.shape)
        return f"ResidualCodec({state}, bits={self.bits})"


def fitted(codec: Any, name: str) -> ResidualCodec:
    """The codec, or an error if there are no centroids in it yet."""
    codec = checks.instance(codec, name, kind=ResidualCodec)
    if codec.centroids_ is None:
        raise InvalidInput(
            f"{public_caller()}: {name} is not fitted; call fit(tokens) first, or take "
            "ResidualCodec.of(centroids, cutoffs, levels)."
        )
    return codec


NOTES = r"""
Differs from the paper
----------------------
- The paper and the released code cut residuals at quantiles. Here that is `buckets="quantile"`; the
  default are the levels of least squared error, started from the quantiles and from equal steps,
  the better of the two kept. At 4 bits the mean error $|v - \tilde v|$ of the FAQ's tokens is .060
  in place of .102.
- Centroids are fitted by spherical k-means to 65,536 tokens, or to 16 of each centroid where that
  is more; the released code takes a sample of the texts.
- Collections of fewer tokens than centroids work: every token is its own centroid then.

Cost
----
Encoding is one product of $2\,n\,d\,n_{centroids}$ operations. A token takes $d b / 8$ bytes and
the number of its centroid: 36 bytes for 64 dimensions of 4 bits, against 256 of float32. In an index
of 4,096 centroids or more a token looks only at those of its twelve nearest groups.

Why not just ...
----------------
*... product quantisation?* It packs as tightly, but a product with a query needs look-ups in tables
of each part. With equal steps (`buckets="uniform"`) a residual is multiplied as it is.
"""
