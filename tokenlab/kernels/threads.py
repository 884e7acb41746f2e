"""A share of the rows for every core, which multiplies and reads its own with a BLAS of one thread.

A product on several threads ends when the slowest of them does, and on a busy machine each such
wait can cost a time slice of the scheduler; then one thread reads what all helped to compute, while
the others turn idly. Threads that own their rows wait for each other once, at the end.
"""

import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np

__all__ = ["Shares", "shares"]

# Operations of one share, some 30 ms. The threads of a product that came before turn idly for as
# long and take a core away: what is done sooner is better off with those threads.
SMALLEST = 2e9

_sharing = threading.Lock()  # the number of BLAS threads belongs to the process, not to a call
T = TypeVar("T")


class Shares(NamedTuple):
    """`bounds` are `[0, ..., n]`, evenly spaced; without a `pool` one thread does everything."""

    bounds: Any
    pool: Executor | None

    @property
    def number(self) -> int:
        return len(self.bounds) - 1

    def run(self, work: Callable[[int, int], T], bounds: Any = None) -> list[T]:
        """`work(first, last)` between every two neighbours of `bounds`; the results in order."""
        bounds = self.bounds if bounds is None else bounds
        run = self.pool.map if self.pool else map
        return list(run(work, *zip(*pairwise(bounds), strict=True)))


@contextmanager
def shares(n: int, operations: float) -> Iterator[Shares]:
    """Inside, products run on one thread each, and `n` rows of so many operations are shared out.

    There is only one share, on this thread, and products use what BLAS has, where the rows are
    few, BLAS has one thread or cannot be told to use one (that takes threadpoolctl), or another
    call is sharing at the moment.
    """
    threads = min(_threads(), n, int(n * operations / SMALLEST))
    if threads <= 1 or not _sharing.acquire(blocking=False):
        yield Shares(np.array([0, n]), None)
        return
    try:
        one_thread = functools.partial(_blas().limit, limits=1)
        # Each thread says so for itself, too: OpenMP keeps the number thread by thread.
        with one_thread(), ThreadPoolExecutor(threads, initializer=one_thread) as pool:
            yield Shares(np.linspace(0, n, threads + 1, dtype=int), pool)
    finally:
        _sharing.release()


def _threads() -> int:
    """How many threads a product may use now; 1 if that cannot be known."""
    libraries = _blas().lib_controllers if _blas() else []
    return max((library.num_threads for library in libraries), default=1)


@functools.cache
def _blas() -> Any:
    """What tells and limits the threads of NumPy's BLAS, or None."""
    try:
        from threadpoolctl import ThreadpoolController

        return ThreadpoolController().select(user_api="blas")
    except ImportError:
        return None
    except Exception as error:  # damaged, or a library that it cannot look into
        problem = f"threadpoolctl cannot be used ({type(error).__name__}: {error})"
        warnings.warn(f"{problem}. Using one thread.", RuntimeWarning, stacklevel=2)
        return None
