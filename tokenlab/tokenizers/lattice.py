"""All ways to cut chunks into tokens: the best of them, sums over all, expected counts."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tokenlab.tokenizers.trie import Trie

__all__: list[str] = []


class Lattice(NamedTuple):
    """All ways to cut some chunks: an edge is a token from one place to a later one.

    Edges stand in the order of where they end within their chunk, so that a sweep over `levels`
    finds everything before an edge done.
    """

    left: np.ndarray  # (n_edges,) places, counted through all chunks
    right: np.ndarray  # (n_edges,)
    ids: np.ndarray  # (n_edges,) the token of each edge
    levels: np.ndarray  # (longest + 1,) edges that end after i bytes: levels[i - 1]:levels[i]
    first: np.ndarray  # (n_chunks,) the place before each chunk
    last: np.ndarray  # (n_chunks,) the place behind it


def lattice_of(chunks: Iterable[bytes], trie: Trie) -> Lattice:
    """All tokens at all places of all chunks."""
    edges: list[tuple[int, int, int, int]] = []
    firsts: list[int] = []
    lasts: list[int] = []
    place = 0
    longest = 0
    for chunk in chunks:
        for start in range(len(chunk)):
            for i, end in trie.matches(chunk, start):
                edges.append((end, place + start, place + end, i))
        firsts.append(place)
        lasts.append(place + len(chunk))
        place += len(chunk) + 1  # a place before each byte, and one behind the last
        longest = max(longest, len(chunk))
    table = np.array(edges, dtype=np.int64).reshape(-1, 4)
    table = table[np.argsort(table[:, 0], kind="stable")]  # by the bytes before the edge's end
    levels = np.searchsorted(table[:, 0], np.arange(longest + 1), side="right")
    first = np.array(firsts, dtype=np.int64)
    left, right, ids = table[:, 1:].T
    return Lattice(left, right, ids, levels, first, np.array(lasts, dtype=np.int64))


def forward(lattice: Lattice, weights: np.ndarray) -> np.ndarray:
    """For each place, the logarithm of the sum over all ways to it."""
    ahead = np.full(lattice.last.max(initial=-1) + 1, -np.inf)
    ahead[lattice.first] = 0.0
    for low, high in zip(lattice.levels[:-1], lattice.levels[1:], strict=True):
        scores = ahead[lattice.left[low:high]] + weights[lattice.ids[low:high]]
        np.logaddexp.at(ahead, lattice.right[low:high], scores)
    return ahead


def backward(lattice: Lattice, weights: np.ndarray) -> np.ndarray:
    """For each place, the logarithm of the sum over all ways from it to the end of its chunk."""
    behind = np.full(lattice.last.max(initial=-1) + 1, -np.inf)
    behind[lattice.last] = 0.0
    # Edges into the last level go first: all that follow an edge are done before it.
    for low, high in zip(lattice.levels[-2::-1], lattice.levels[:0:-1], strict=True):
        scores = behind[lattice.right[low:high]] + weights[lattice.ids[low:high]]
        np.logaddexp.at(behind, lattice.left[low:high], scores)
    return behind


def counts_of(lattice: Lattice, weights: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Expected counts of the tokens over chunks that occur `times (n_chunks,)`."""
    ahead = forward(lattice, weights)
    behind = backward(lattice, weights)
    owner = np.searchsorted(lattice.first, lattice.left, side="right") - 1  # (n_edges,) its chunk
    through = ahead[lattice.left] + weights[lattice.ids] + behind[lattice.right]
    share = np.exp(through - ahead[lattice.last][owner])  # of the cuts that use an edge
    return np.bincount(lattice.ids, share * times[owner], minlength=len(weights))  # (vocab,)


def best_cut(
    data: bytes, trie: Trie, log_probs: np.ndarray, *, whole: bool = True
) -> tuple[list[int], float, int]:
    """Ids and score of the likeliest cut, and how far one reaches; `whole` allows a single token."""
    best = [-np.inf] * (len(data) + 1)  # of all cuts up to a place
    best[0] = 0.0
    came = [(0, -1)] * (len(data) + 1)  # from where, by which token
    for start in range(len(data)):
        if best[start] == -np.inf:
            continue  # no cut ends here
        for i, end in trie.matches(data, start):
            score = best[start] + log_probs[i]
            # Starts grow, so that of equal cuts the one whose last token is longer came first.
            if score > best[end] and (whole or end - start < len(data)):
                best[end] = score
                came[end] = start, i
    reached = place = max(i for i, score in enumerate(best) if score > -np.inf)
    ids: list[int] = []
    while place:
        place, i = came[place]
        ids.append(i)
    return ids[::-1], float(best[reached]), reached
