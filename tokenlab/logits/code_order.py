"""The tokens of every code side by side, and what is done in that order: top-k, drawing, sums.

order, start = [3, 7, 0, ...], [0, 2, ...]     the tokens of code 0 are 3 and 7
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, is_cupy
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.logits.heads import below_next
from tokenlab.numerics import offsets_of, topk

__all__ = ["CodeOrder"]


class CodeOrder(NamedTuple):
    """The inverse of a map: tokens `order[start[k]:start[k + 1]]` belong to code `k`."""

    order: Any  # (vocab,), in a code by falling share, then by id
    start: Any  # (n_codes + 1,)
    rising: Any  # (vocab,): code number plus the summed shares within it; None when all are equal

    @classmethod
    def of(cls, mapping: Any, n_codes: int, shares: Any = None) -> "CodeOrder":
        """Sort the tokens by code; `shares` `(vocab,)` add up to one within each."""
        xp = get_xp(mapping) if shares is None else get_xp(mapping, shares)
        order = xp.arange(len(mapping))
        if shares is not None:
            order = xp.argsort(-shares, kind="stable")
        order = order[xp.argsort(mapping[order], kind="stable")]
        sizes = xp.bincount(mapping, minlength=n_codes)
        start = offsets_of(sizes)
        if shares is None:
            return cls(order, start, None)
        code = mapping[order]
        sums = xp.cumsum(shares[order])  # over all codes; what came before a code is taken off
        before = xp.concatenate([xp.zeros(1), sums])[start]
        inside = (sums - before[:-1][code]) / (before[1:] - before[:-1])[code]
        return cls(order, start, xp.minimum(inside, 1.0) + code)

    @property
    def sizes(self) -> Any:
        """How many tokens each code has, $n_k$."""
        return self.start[1:] - self.start[:-1]

    def draw(self, code: Any, u: Any) -> Any:
        """A token of each `code (n, m)` by its share, from uniform `u (n, m)`."""
        xp = get_xp(code, u)
        if self.rising is None:
            n = self.sizes[code]
            return self.order[self.start[code] + xp.minimum((u * n).astype(xp.int64), n - 1)]
        x = below_next(code + u, code)
        found = xp.searchsorted(self.rising, x.ravel(), side="right")
        return self.order[found].reshape(code.shape)

    def sums(self, x: Any) -> Any:
        """What the columns of `x (n, vocab)` add up to in each code, `(n, n_codes)`."""
        xp = get_xp(x, self.order)
        filled = xp.nonzero(self.sizes)[0]
        total = xp.zeros((len(x), len(self.sizes)), dtype=x.dtype)
        if not is_cupy(x):  # reduceat is many times as fast as add.at, and CuPy has only the latter
            ordered = np.take(x, self.order, axis=1)
            total[:, filled] = np.add.reduceat(ordered, self.start[filled], axis=1)
        else:
            code = xp.repeat(xp.arange(len(self.sizes)), self.sizes.tolist())
            xp.add.at(total, (slice(None), code), x[:, self.order])
        return total


def shares_of(counts: Any, mapping: Any, n_codes: int, smoothing: float) -> Any:
    """`counts + smoothing` as shares within each code, float64; equal where all of them are 0."""
    smoothing = checks.number(smoothing, "smoothing", at_least=0)
    xp = get_xp(counts, mapping)
    counts = counts.astype(xp.float64) + smoothing
    total = xp.bincount(mapping, weights=counts, minlength=n_codes)  # (n_codes,)
    sizes = xp.bincount(mapping, minlength=n_codes)
    never = (total == 0)[mapping]  # (vocab,): nothing of its code was ever counted
    return xp.where(never, 1.0, counts) / xp.where(never, sizes[mapping], total[mapping])


def _candidates(scores: Any, log_share: Any, order: Any, start: Any, k: int) -> int:
    """How many tokens `merge_topk` looks at for a row."""
    return min(k, len(start) - 1) * min(k, int((start[1:] - start[:-1]).max()))


@accelerated("logits.merge_topk", work=lambda scores, *_: scores.size, pays_from=50)
@by_rows(_candidates)
def merge_topk(scores: Any, log_share: Any, order: Any, start: Any, k: int) -> tuple[Any, Any]:
    """The `k <= vocab` best tokens of each row, from the scores of codes and shares in `order`.

    A token is at most `k`-th in its code and its code at most `k`-th among codes by their best
    tokens, or else `k` tokens stand before it.
    """
    xp, sizes = get_xp(scores, order), start[1:] - start[:-1]
    codes = xp.nonzero(sizes)[0]
    codes = codes[xp.argsort(order[start[codes]])]  # by their first tokens: so topk settles ties
    best = scores[:, codes]  # (n, filled codes): each by its first token, which is its best
    best = best if log_share is None else best + log_share[start[codes]]
    winner = codes[topk(best, k).ids]  # (n, at most k)
    rank = xp.arange(min(k, int(sizes.max())))
    inside = rank < sizes[winner][:, :, None]  # (n, at most k, rank): a short code has no more
    at = xp.where(inside, start[winner][:, :, None] + rank, 0)
    ids = xp.where(inside, order[at], len(order))
    value = xp.take_along_axis(scores, winner, axis=1)[:, :, None]
    value = value if log_share is None else value + log_share[at]
    value = xp.where(inside, value, -xp.inf)  # (n, at most k, rank)
    flat = len(scores), winner.shape[1] * len(rank)
    ids, values = best_by_id(ids.reshape(flat), value.reshape(flat), k)  # (n, k)
    return ids, values.astype(scores.dtype, copy=False)


def best_by_id(ids: Any, values: Any, k: int) -> tuple[Any, Any]:
    """The `k` largest values of each row and their ids, ties by id."""
    xp = get_xp(ids, values)
    by_id = xp.argsort(ids, axis=1)
    ids, values = (xp.take_along_axis(x, by_id, axis=1) for x in (ids, values))
    found = topk(values, k)
    return xp.take_along_axis(ids, found.ids, axis=1), found.values


def checked_mapping(mapping: Any, n_codes: int | None = None) -> Any:
    """A map `(vocab,)` whose codes are all in `0 .. n_codes - 1`."""
    checks.within(mapping, "mapping", n_codes or int(mapping.max()) + 1, "n_codes")
    return mapping


def checked_counts(counts: Any, vocab: int, *, positive: bool = False) -> Any:
    """Counts `(vocab,)` of at least 0; with `positive`, not all 0."""
    low = float(counts.min())
    if len(counts) != vocab or low < 0 or (positive and not float(counts.sum()) > 0):
        raise InvalidInput(
            f"{public_caller()}: counts is {counts.shape} with minimum {low}; expected (vocab,) = "
            f"({vocab},), none below 0{' and not all 0' if positive else ''}."
        )
    return counts


def occurrences(counts: Any, vocab: int) -> Any:
    """Checked counts where a number is added to each: beside 1, shares of a text would vanish."""
    counts = checked_counts(counts, vocab)
    high = float(counts.max())
    if 0 < high <= 1 and bool((counts % 1 > 0).any()):
        raise InvalidInput(
            f"{public_caller()}: counts are fractions of at most {high:.3g}; expected how often "
            "each token occurs, for 1 is added. Multiply shares by the length of the text."
        )
    return counts
