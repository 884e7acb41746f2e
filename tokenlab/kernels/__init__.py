"""Numba twins of the readable functions, one file per family, imported only when they run.

A twin has the signature of its reference, takes arrays that the public function has checked, and
exists only where a loop beats NumPy. Matrix products stay NumPy's: a twin computes one block of a
product into a buffer that fits into the cache, and its loop consumes the block there.
"""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["njit", "njit_in_order"]

# Numba's full fastmath also assumes that no NaN and no infinity exists, and then a test for one
# is compiled away. These four only let the compiler re-order and fuse arithmetic.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}

F = TypeVar("F", bound=Callable[..., Any])


def njit(function: F) -> F:
    """Compile on the first call, for the types of that call, and keep the result on disk.

    Where neither the package's folder nor the user's cache folder can be written, Numba refuses to
    decorate a cached function; such a function is compiled afresh in every process instead.
    """
    return _compiled(function, FASTMATH)


def njit_in_order(function: F) -> F:
    """The same for a loop whose rounding matters: sums and differences are taken as written."""
    return _compiled(function, False)


def _compiled(function: F, fastmath: Any) -> F:
    # Division as NumPy divides: a test for zero at every quotient would keep loops from vectors.
    options: dict[str, Any] = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except (RuntimeError, OSError):  # "cannot cache function: no locator available"
        compiled = numba.njit(**options)(function)
    else:
        compiled._cache = Forgiving(compiled._cache)
    return cast(F, compiled)


class Forgiving:
    """The compiled loops on disk; where they cannot be read or written, one compiles anew."""

    warned = False

    def __init__(self, cache: Any):
        self.cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cache, name)

    def load_overload(self, *args: Any) -> Any:
        """What was compiled before, or None. A damaged file is emptied, if that can be done."""
        try:
            return self.cache.load_overload(*args)
        except Exception as error:  # a cut-off pickle raises whatever it likes
            self.complain(error)
            with contextlib.suppress(Exception):
                self.cache.flush()
            return None

    def save_overload(self, *args: Any) -> None:
        """Keep what was compiled, unless the disk is full or locked."""
        try:
            self.cache.save_overload(*args)
        except Exception as error:
            self.complain(error)

    def complain(self, error: Exception) -> None:
        """Say so, once in a process."""
        if not Forgiving.warned:
            Forgiving.warned = True
            problem = f"Numba's cache cannot be used ({type(error).__name__}: {error})"
            where = f"{problem}: {self.cache.cache_path}. Compiling without it."
            warnings.warn(where, RuntimeWarning, stacklevel=2)
