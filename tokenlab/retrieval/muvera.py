r"""MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings.

Laxman Dhulipala, Majid Hadian, Rajesh Jayaram, Jason Lee, Vahab Mirrokni. NeurIPS 2024.
arXiv:2405.19504

Random planes cut space into blocks. A query's vectors are added up block by block, a document's are
averaged, and all blocks together make one long vector: a product of two such vectors comes near the
Chamfer score, since what falls into one block is similar. Any search for single vectors then finds
candidates, which MaxSim ranks.

| paper's symbol | name here | shape |
|---|---|---|
| $k_{sim}$, $R_{reps}$, $d_{proj}$ | `k_sim`, `repetitions`, `d_proj` | |
| $g_1, \dots$, $\varphi$ | `planes` | `(repetitions, d, k_sim)` |
| $S / \sqrt{d_{proj}}$, $\psi$ | `projections` | `(repetitions, d, d_proj)` |
| $F_q(Q)$, $F_{doc}(P)$ | encodings | `(dim,)` |

Equations (the numbers are ours), for each repetition and block $k$ of $2^{k_{sim}}$:

$$\varphi(x) = [x \cdot g_1 > 0] \dots [x \cdot g_{k_{sim}} > 0], \qquad \psi(x) = S^\top x / \sqrt{d_{proj}}
\qquad (1)$$
$$F_q^{(k)} = \sum_{q \in Q,\, \varphi(q) = k} \psi(q), \qquad
F_{doc}^{(k)} = \mathrm{mean}_{p \in P,\, \varphi(p) = k}\, \psi(p) \qquad (2)$$
$$\tfrac{1}{R_{reps}} F_q(Q) \cdot F_{doc}(P) \approx \sum_{q \in Q} \max_{p \in P} q \cdot p \qquad (3)$$

Example
-------
    fde = FDE(64, k_sim=4, repetitions=20, rng=0)
    encoded = fde.encode_docs(index)
    result = muvera_search(query, index, fde, encoded, k=10)
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import offsets_of, segment_argmax, segment_sum, topk
from tokenlab.retrieval.colbert import maxsim
from tokenlab.retrieval.index import SearchResult, TokenIndex, checked_query
from tokenlab.steps import step

__all__ = ["FDE", "muvera_search"]

VARIANTS = "paper", "official"
MOST_PLANES = 16  # 65,536 blocks


class FDE:
    """Random planes and projections, and the encodings that they make.

    Parameters
    ----------
    d : int
        Width of a token vector.
    k_sim : int
        Planes of a repetition, which make `2 ** k_sim` blocks; 0 makes one.
    d_proj : int, optional
        Numbers that a token vector is projected to, by random signs; None leaves it as it is.
    repetitions : int
        Independent sets of planes, whose encodings stand one behind the other.
    fill : bool
        A document's empty block takes the token whose bits differ from the block's in the fewest
        places, the lower one where several do.
    final : int, optional
        Project the whole encoding to so many numbers.
    variant : "paper" or "official"
        The released code counts blocks by a Gray code, its projections add each coordinate to one
        place under a random sign, without a scale, and so does its final one.
    rng : numpy.random.Generator, int or None
        Draws planes and projections. The same for queries and documents.

    Attributes
    ----------
    dim : int
        Numbers of an encoding.
    planes, projections : arrays
        `(repetitions, d, k_sim)` and `(repetitions, d, d_proj)`, or None without `d_proj`.

    Examples
    --------
    >>> fde = FDE(2, k_sim=0, repetitions=1, rng=0)
    >>> fde.dim, fde.encode_query([[1.0, 2.0], [3.0, 4.0]]).tolist()
    (2, [4.0, 6.0])
    """

    @takes(
        d="count",
        k_sim="whole",
        d_proj="count",
        repetitions="count",
        fill="flag",
        final="count",
        rng="rng",
    )
    def __init__(
        self,
        d: int,
        *,
        k_sim: int = 4,
        d_proj: int | None = None,
        repetitions: int = 20,
        fill: bool = True,
        final: int | None = None,
        variant: str = "paper",
        rng: np.random.Generator | int | None = None,
    ):
        if k_sim > MOST_PLANES:
            raise InvalidInput(
                f"{public_caller()}: k_sim is {k_sim}; expected at most {MOST_PLANES}."
            )
        checks.choice(variant, "variant", VARIANTS)
        draw = checks.generator(rng)  # planes first: they are the same with any projection
        self.d, self.k_sim, self.d_proj, self.repetitions = d, k_sim, d_proj, repetitions
        self.fill, self.final, self.variant = fill, final, variant
        self.planes = draw.standard_normal((repetitions, d, k_sim)).astype(np.float32)
        self.projections = None
        if d_proj is not None:
            made = [signs(d, d_proj, variant, draw) for _ in range(repetitions)]
            self.projections = np.stack(made)
        # A block of numbers for every block of space, in every repetition.
        self.dim = long = repetitions * 2**k_sim * (d_proj or d)
        if final is not None:
            self.dim = final
            dense = variant == "paper"
            self._last = signs(long, final, variant, draw) if dense else places(long, final, draw)

    def __repr__(self) -> str:
        names = "k_sim", "d_proj", "repetitions", "fill", "final", "variant"
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"FDE({self.d}, {said}): dim {self.dim}"

    def encode_query(self, query: Any) -> Any:
        """One vector for a query: the sums of Eq. (2), `(dim,)`.

        Parameters
        ----------
        query : ndarray of shape (n_q, d)
        """
        xp = get_xp(query)
        query = checks.vectors(query, "query", "n_q", xp, at_least=1)
        self._check(query, "query")
        whole = xp.asarray([0, len(query)])
        parts = []
        for r in range(self.repetitions):
            projected, bits = self._placed(query, r)
            blocks = block_numbers(bits, self.variant)
            parts.append(block_sums(projected, blocks, whole, 2**self.k_sim)[0])
        return self._joined(parts)[0]

    @takes(index=TokenIndex)
    def encode_docs(self, index: TokenIndex) -> Any:
        """One vector for each document: the means of Eq. (2), `(n_docs, dim)`.

        Parameters
        ----------
        index : TokenIndex
            A document without tokens becomes zeros.
        """
        self._check(index.tokens, "index")
        parts = []
        for r in range(self.repetitions):
            projected, bits = self._placed(index.tokens, r)
            parts.append(block_means(projected, bits, index.offsets, self.variant, self.fill))
        return self._joined(parts)

    def _check(self, x: Any, name: str) -> None:
        if x.shape[1] != self.d:
            raise ShapeError(
                f"{public_caller()}: {name} has vectors of {x.shape[1]} numbers, and fde is for d = "
                f"{self.d}; expected the same."
            )

    def _placed(self, x: Any, r: int) -> tuple[Any, Any]:
        """Each token's projection in one repetition, `(n, d_proj)`, and its bits, `(n, k_sim)`."""
        xp = get_xp(x)
        bits = step(x @ xp.asarray(self.planes[r]) > 0)  # (n, k_sim) [φ (1)] the side of each plane
        projected = x if self.projections is None else x @ xp.asarray(self.projections[r])
        return projected, bits

    def _joined(self, parts: list[Any]) -> Any:
        """All repetitions one behind the other, and the final projection."""
        xp = get_xp(*parts)
        x = xp.concatenate([p.reshape(len(p), -1) for p in parts], axis=1)  # (n_docs, long)
        x = step(x / math.sqrt(self.repetitions))  # (n_docs, dim) [F (2)] all blocks side by side
        if self.final is None:
            return x
        if self.variant == "paper":
            return x @ xp.asarray(self._last)
        to, sign = (xp.asarray(part) for part in self._last)
        order = xp.argsort(to, kind="stable")  # coordinates that are added up stand together
        ends = offsets_of(xp.bincount(to, minlength=self.final))
        return xp.ascontiguousarray(segment_sum((x * sign).T[order], ends).T)


def signs(d: int, width: int, variant: str, draw: np.random.Generator) -> np.ndarray:
    """Random signs, `(d, width)`: everywhere, scaled; or one in each row, unscaled."""
    if variant == "paper":
        drawn = draw.integers(0, 2, (d, width)) * 2 - 1
        return (drawn / math.sqrt(width)).astype(np.float32)
    # Each coordinate goes to one place, under its sign.
    made = np.zeros((d, width), dtype=np.float32)
    to, sign = places(d, width, draw)
    made[np.arange(d), to] = sign
    return made


def places(d: int, width: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """For each coordinate the place that it is added to, and its sign."""
    return draw.integers(0, width, d), (draw.integers(0, 2, d) * 2 - 1).astype(np.float32)


def block_bits(k_sim: int, variant: str, xp: Any) -> Any:
    """The bits of every block, `(2 ** k_sim, k_sim)`, highest first."""
    worth = 2 ** xp.arange(k_sim)[::-1]  # the first plane is the highest bit
    bits = xp.arange(2**k_sim)[:, None] // worth % 2  # (n_blocks, k_sim)
    if variant == "official":  # Gray: from one block to the next a single bit changes
        bits = xp.concatenate(
            [bits[:, :1], (bits[:, 1:] != bits[:, :-1]).astype(bits.dtype)], axis=1
        )
    return bits


def block_numbers(bits: Any, variant: str) -> Any:
    """The block of each token, `(n,)`: which row of `block_bits` it has."""
    xp, k_sim = get_xp(bits), bits.shape[1]
    worth = 2 ** xp.arange(k_sim)[::-1]  # (k_sim,)
    # Where each pattern of bits, read as a number, stands among the blocks.
    place = xp.argsort((block_bits(k_sim, variant, xp) * worth).sum(axis=1))
    return place[(bits * worth).sum(axis=1)]


def block_sums(x: Any, blocks: Any, offsets: Any, n_blocks: int) -> tuple[Any, Any]:
    """Sums of the rows of each text and block, `(n_docs, n_blocks, d)`, and how many there were."""
    xp, n_docs = get_xp(x), len(offsets) - 1
    owner = xp.searchsorted(offsets, xp.arange(len(x)), side="right") - 1  # (n,)
    cell = owner * n_blocks + blocks  # (n,), one for each text and block
    sizes = xp.bincount(cell, minlength=n_docs * n_blocks)
    # Rows of one cell one behind the other, then their sums.
    sums = segment_sum(x[xp.argsort(cell, kind="stable")], offsets_of(sizes))
    shape = (n_docs, n_blocks)
    return sums.reshape(*shape, x.shape[1]), sizes.reshape(shape)


def block_means(x: Any, bits: Any, offsets: Any, variant: str, fill: bool) -> Any:
    """Means of the rows of each document and block, and what stands in for an empty block."""
    xp, every = get_xp(x), block_bits(bits.shape[1], variant, get_xp(x))
    sums, sizes = block_sums(x, block_numbers(bits, variant), offsets, len(every))
    means = sums / xp.maximum(sizes, 1)[..., None].astype(x.dtype)  # (n_docs, n_blocks, d)
    if not fill or not len(x):
        return means
    # Signs that agree less those that do not: largest where the fewest bits differ.
    agreement = (2.0 * bits - 1) @ (2.0 * every.T - 1)  # (n, n_blocks)
    nearest = segment_argmax(agreement, offsets)  # (n_docs, n_blocks), ties to the lower token
    empty = (sizes == 0) & (nearest >= 0)  # a document without tokens has none to lend
    return xp.where(empty[..., None], x[nearest], means)


def muvera_search(
    query: Any, index: TokenIndex, fde: FDE, encoded: Any, *, k: int, n_candidates: int = 100
) -> SearchResult:
    """Find candidates by their encodings, rank them by MaxSim.

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    index : TokenIndex
    fde : FDE
    encoded : ndarray of shape (n_docs, dim)
        `fde.encode_docs(index)`.
    k : int
        Documents returned.
    n_candidates : int
        Documents that are ranked; all of them make it `maxsim_search`.

    Returns
    -------
    SearchResult
        Sums over the query's tokens, best first, ties to the lower document number.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Encodings of another index, or of another `fde`.

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[0.0, 1.0]], [[1.0, 0.0]]])
    >>> fde = FDE(2, rng=0)
    >>> muvera_search([[1.0, 0.0]], index, fde, fde.encode_docs(index), k=1).doc_ids.tolist()
    [1]
    """
    query = checked_query(query, index)
    checks.instance(fde, "fde", FDE)
    k, n_candidates = checks.count(k, "k"), checks.count(n_candidates, "n_candidates")
    xp = get_xp(query)
    encoded = checks.vectors(encoded, "encoded", "n_docs", xp)
    if encoded.shape != (index.n_docs, fde.dim):
        raise ShapeError(
            f"{public_caller()}: encoded is {encoded.shape}; expected (n_docs, dim) = "
            f"({index.n_docs}, {fde.dim}). Make it with fde.encode_docs(index)."
        )
    closeness = step(encoded @ fde.encode_query(query))  # (n_docs,) [F_q·F_doc (3)] near Chamfer
    candidates = xp.sort(topk(closeness, n_candidates).ids)  # so that ties go to the lower number
    scores = maxsim(query, index[candidates])  # (n_candidates,)
    best = topk(scores, k)
    return SearchResult(candidates[best.ids], best.values)


NOTES = r"""
Differs from the paper
----------------------
- Both sides are divided by $\sqrt{R_{reps}}$, so that the plain product is (3).
- The released code (`google/graph-mining`, `sketching/point_cloud`) numbers blocks by a Gray code, which
  changes no product. Its projections (`variant="official"`) are a sparse sign hash without the scale
  $1 / \sqrt{d_{proj}}$, and its final one is a count sketch: right in the mean, too, and cheaper.
- With `d_proj=None` the tokens are not projected, and (1)'s $\psi$ is the identity.
- The paper ranks candidates by the encodings with an approximate index; here all are compared.
- Among several tokens whose bits differ equally from an empty block's, the lower one fills it.
- A bit is 1 for a product above 0. A document without tokens is zeros.

Cost
----
A token costs $2\,d\,(k_{sim} + d_{proj})$ operations in each repetition, a search $2\,dim$ for each
document, and MaxSim for the candidates. An encoding of 10,240 numbers of float32 is as large as 160
tokens of 64 numbers: for short documents it is larger than the tokens themselves.

Why not just
------------
Keep the tokens in few bits? At equal bytes that finds more on the Python FAQ:
`tools/findings/fewer_vectors.py`. What encodings are good for is an index of single vectors that
already stands.
"""
