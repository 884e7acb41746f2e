"""The order of a row's entries, and the first of them: what `numerics.topk` is made of."""

import numpy as np

from tokenlab.blocks import by_rows

__all__: list[str] = []

LONG = 256  # entries of a row from which on a stable sort is slow


@by_rows(lambda scores, k: 4 * scores.shape[1])  # so that a long row stays in the cache
def first_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the `k` largest entries of each row, best first; of equal ones the first."""
    n_rows, n = scores.shape
    kth = np.partition(scores, n - k, axis=1)[:, n - k, None]  # (n_rows, 1), the k-th largest
    chosen = scores >= kth
    if np.count_nonzero(chosen) > n_rows * k:  # some equal the k-th: of those as many as have room
        above, equal = scores > kth, scores == kth
        room = k - np.count_nonzero(above, axis=1)[:, None]
        chosen = above | (equal & (np.cumsum(equal, axis=1) <= room))
    ids = np.flatnonzero(chosen).reshape(n_rows, k) - n * np.arange(n_rows)[:, None]  # (n_rows, k)
    order = falling_order(np.take_along_axis(scores, ids, axis=1))
    return np.take_along_axis(ids, order, axis=1)


def falling_order(scores: np.ndarray) -> np.ndarray:
    """Positions of each row's entries, best first; of equal ones the lower position first."""
    n = scores.shape[-1]
    if n < LONG:
        return np.argsort(-scores, axis=-1, kind="stable")
    order = np.argsort(-scores, axis=-1)  # several times as fast, with equal ones in any order
    falling = np.take_along_axis(scores, order, axis=-1)
    same = falling[..., 1:] == falling[..., :-1]
    if not same.any():
        return order
    # Few entries equal a neighbour: only these are put in order of position, run by run.
    first, last = np.zeros((2, *scores.shape), dtype=bool)
    first[..., :-1], last[..., 1:] = same, same
    tied = first | last
    run = np.cumsum((first & ~last)[tied]) * n  # (n_tied,): n times the number of the run
    order[tied] = np.sort(run + order[tied]) - run
    return order
