"""The keys and values of tokens that a decoder has seen, so that a new token costs itself alone."""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import library
from tokenlab.errors import InvalidInput, public_caller

__all__ = ["Cache"]


class Cache:
    """Rows that later tokens see: of each layer keys and values, and the id and place of each row.

    Examples
    --------
    >>> cache = Cache()
    >>> len(cache), cache.next_position
    (0, 0)
    """

    def __init__(self) -> None:
        self._n = 0  # rows that count; arrays may have room for more
        self._ids = np.empty(0, np.int64)
        self._positions = np.empty(0, np.int64)
        self._layers: list[list[Any]] = []  # keys and values, (h_kv, room, d_h) each

    def __len__(self) -> int:
        return self._n

    def __repr__(self) -> str:
        return f"Cache({self._n} tokens)"

    @property
    def ids(self) -> np.ndarray:
        """The token of each row, `(n,)` int64."""
        return self._ids[: self._n].copy()

    @property
    def positions(self) -> np.ndarray:
        """The place of each row in its text, `(n,)` int64."""
        return self._positions[: self._n].copy()

    @property
    def next_position(self) -> int:
        """Where the next token stands: behind the last row."""
        return int(self._positions[self._n - 1]) + 1 if self._n else 0

    def cut(self, n: int) -> None:
        """Keep the first `n` rows; `n` is at most `len`."""
        n = checks.count(n, "n", at_least=0)
        if n > self._n:
            raise InvalidInput(f"Cache.cut: n is {n}; the cache has {self._n} rows.")
        # Nothing is erased: later rows are written over what no longer counts.
        self._n = n

    def keep(self, rows: Any) -> None:
        """Keep some rows of the whole cache, such as the accepted path of a tree; all others go.

        Parameters
        ----------
        rows : sequence of int
            Ascending. The next token stands at the last one's position + 1.
        """
        rows = checks.shaped(checks.integers(np.asarray(rows), "rows", np), "rows", ("k",))
        checks.within(rows, "rows", self._n, "the number of rows")
        if (np.diff(rows) <= 0).any():
            raise InvalidInput(f"Cache.keep: rows is {rows.tolist()}; expected ascending numbers.")
        self._ids[: len(rows)] = self._ids[rows]  # moved to the front, in order
        self._positions[: len(rows)] = self._positions[rows]
        stays = int((rows == np.arange(len(rows))).sum())  # the first rows, where they are
        for layer in self._layers:
            for part in layer:
                part[:, stays : len(rows)] = part[:, library(part).asarray(rows[stays:])]
        self._n = len(rows)

    # What `forward` does: all layers write behind the rows that count, and then these count, too.

    def written(self, layer: int, k: Any, v: Any) -> tuple[Any, Any]:
        """Keys and values of all rows, the new ones behind: (h_kv, past + n, d_h)."""
        if layer > len(self._layers):
            self._layers.append([k[:, :0], v[:, :0]])
        end = self._n + k.shape[1]  # past + n
        parts = self._layers[layer - 1]  # layers count from 1
        for i, new in enumerate((k, v)):
            parts[i] = with_room(parts[i], self._n, end)
            parts[i][:, self._n : end] = new  # (h_kv, n, d_h) behind the rows that count
        return parts[0][:, :end], parts[1][:, :end]

    def commit(self, ids: np.ndarray, positions: np.ndarray) -> None:
        """The rows that all layers have written count from now on."""
        self._ids = np.concatenate([self._ids[: self._n], ids])
        self._positions = np.concatenate([self._positions[: self._n], positions])
        self._n += len(ids)


class Uncached(Cache):
    """Keeps nothing: a text as a whole, through whose rows gradients may go."""

    def written(self, layer: int, k: Any, v: Any) -> tuple[Any, Any]:
        """The new rows, taped ones, too."""
        return k, v

    def commit(self, ids: np.ndarray, positions: np.ndarray) -> None:
        """Nobody asks again."""


def with_room(x: Any, n: int, end: int) -> Any:
    """An array of `end` rows or more that begins with the first `n` of `x`; it grows by doubling."""
    if x.shape[1] >= end:
        return x
    # Doubling: n tokens one by one move O(n) rows in all, not O(n²).
    wider = library(x).empty((x.shape[0], max(end, 2 * x.shape[1], 64), x.shape[2]), x.dtype)
    wider[:, :n] = x[:, :n]
    return wider


def checked_cache(cache: Any) -> Cache:
    """A cache, or one that keeps nothing."""
    if cache is None:
        return Uncached()
    if not isinstance(cache, Cache):
        raise InvalidInput(
            f"{public_caller()}: cache is a {type(cache).__name__}; expected a Cache."
        )
    return cache
