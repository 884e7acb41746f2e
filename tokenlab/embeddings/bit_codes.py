r"""Codes of bits: packed into bytes, compared, and searched with real vectors behind them.

    near = hamming_topk(pack(query), pack(codes), 10)
    ids = retrieve(query, codes, 10, real_query=r_query, real=r, n_candidates=200)

`embeddings.paragraph_codes` hands these functions on.
"""

from typing import Any, NamedTuple

from tokenlab import bits as of_bits
from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import topk, unit

__all__ = ["Nearest", "binarize", "hamming", "hamming_topk", "pack", "retrieve", "unpack"]


class Nearest(NamedTuple):
    """The rows of the others that differ in the fewest bits, and in how many."""

    ids: Any
    distances: Any


@takes(z="... bits")
def binarize(z: Any) -> Any:
    """Bits of real numbers, Eq. (1): exactly 0 gives False.

    Parameters
    ----------
    z : ndarray of shape (..., bits)

    Returns
    -------
    ndarray of shape (..., bits)
        bool.

    Examples
    --------
    >>> binarize([0.5, -1.0, 0.0, 2.0]).tolist()
    [True, False, False, True]
    """
    return z > 0  # σ(z) > 1/2


@takes(codes="n bits bool")
def pack(codes: Any) -> Any:
    """Rows of bits as bytes, the first bit highest, filled up with zeros.

    Parameters
    ----------
    codes : ndarray of shape (n, bits)
        bool.

    Returns
    -------
    ndarray of shape (n, ceil(bits / 8))
        uint8.

    Examples
    --------
    >>> pack([[True, False, True, True]]).tolist()
    [[176]]
    """
    return get_xp(codes).packbits(codes, axis=-1)  # (n, n_bytes)


def unpack(packed: Any, bits: int) -> Any:
    """The rows of bits that `pack` wrote.

    Parameters
    ----------
    packed : ndarray of shape (n, n_bytes)
        uint8.
    bits : int
        Bits of a row.

    Returns
    -------
    ndarray of shape (n, bits)
        bool.

    Examples
    --------
    >>> unpack(pack([[True, False, True]]), 3).tolist()
    [[True, False, True]]
    """
    # A row that is too long would lose bits in silence.
    packed = of_bits.as_bytes(packed, "packed")
    bits = checks.count(bits, "bits")
    if packed.ndim != 2 or packed.shape[1] != -(-bits // 8):
        raise ShapeError(
            f"{public_caller()}: packed is {packed.shape}; expected (n, {-(-bits // 8)}), since "
            f"bits is {bits}."
        )
    return get_xp(packed).unpackbits(packed, axis=-1)[:, :bits].astype(bool)  # the fill goes


def hamming(a: Any, b: Any) -> Any:
    """In how many bits each row of `a` differs from each row of `b`.

    Parameters
    ----------
    a : ndarray of shape (n_a, n_bytes)
        uint8, from `pack`.
    b : ndarray of shape (n_b, n_bytes)

    Returns
    -------
    ndarray of shape (n_a, n_b)
        int64.

    Examples
    --------
    >>> hamming(pack([[True, False, True, True]]), pack([[False, False, False, True]])).tolist()
    [[2]]
    """
    # One home for all codes of bits; the names are those of this call.
    return of_bits.hamming(*of_bits.same_bytes(a, "a", b, "b"))


def hamming_topk(a: Any, b: Any, k: int) -> Nearest:
    """The `k` rows of `b` that differ from each row of `a` in the fewest bits.

    Parameters
    ----------
    a : ndarray of shape (n_a, n_bytes)
    b : ndarray of shape (n_b, n_bytes)
    k : int
        More than there are gives all.

    Returns
    -------
    Nearest
        `ids (n_a, k)`, ties to the lower; `distances (n_a, k)` int64.

    Examples
    --------
    >>> hamming_topk(pack([[True, True]]), pack([[False, True], [True, True]]), 1).ids.tolist()
    [[1]]
    """
    a, b = of_bits.same_bytes(a, "a", b, "b")
    found = of_bits.hamming_topk(a, b, k)
    return Nearest(found.ids, (-found.values).astype(get_xp(a).int64))


@takes(query="n_q bits bool", codes="n_docs bits bool", real_query="n_q d", real="n_docs d")
def retrieve(
    query: Any,
    codes: Any,
    k: int,
    *,
    real_query: Any = None,
    real: Any = None,
    n_candidates: int | None = None,
) -> Any:
    """The nearest documents by their bits, and then by real vectors where these are given.

    Parameters
    ----------
    query : ndarray of shape (n_q, bits)
        bool, not packed.
    codes : ndarray of shape (n_docs, bits)
    k : int
        More than there are gives all.
    real_query : ndarray of shape (n_q, d), optional
    real : ndarray of shape (n_docs, d), optional
        Both or neither: the shortlist is ordered by their cosine.
    n_candidates : int, optional
        Length of the shortlist, by default ten times k.

    Returns
    -------
    ndarray of shape (n_q, k)
        int64, best first; ties to the lower.

    Examples
    --------
    >>> retrieve([[True, False]], [[False, True], [True, True], [True, False]], 2).tolist()
    [[2, 1]]
    """
    k = checks.count(k, "k")
    if (real is None) != (real_query is None):
        raise InvalidInput(
            f"{public_caller()}: real is {'None' if real is None else 'given'} and real_query "
            "is not alike; expected both or neither."
        )
    n_candidates = 10 * k if n_candidates is None else checks.count(n_candidates, "n_candidates")
    if n_candidates < k:
        raise InvalidInput(
            f"{public_caller()}: n_candidates is {n_candidates}; expected at least k = {k}."
        )
    # Bits first, which are few; cosines for the shortlist alone.
    near = hamming_topk(pack(query), pack(codes), k if real is None else n_candidates)
    if real is None:
        return near.ids
    xp = get_xp(real)  # (n_docs, d)
    ids = xp.sort(near.ids, axis=1)  # (n_q, n_candidates), so that ties go to the lower
    cosines = (unit(real)[ids] * unit(real_query)[:, None]).sum(axis=-1)  # (n_q, n_candidates)
    # (n_q, k): places in the shortlist become documents.
    return xp.take_along_axis(ids, topk(cosines, k).ids, axis=1)
