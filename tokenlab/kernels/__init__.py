"""Numba twins of the readable functions, one file per family, imported only when they run.

A twin has the signature of its reference, takes arrays that the public function has checked, and
exists only where a loop beats NumPy. Matrix products stay NumPy's: a twin computes one block of a
product into a buffer that fits into the cache, and its loop consumes the block there.
"""

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
    options: dict[str, Any] = {"nogil": True, "fastmath": fastmath}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # "cannot cache function: no locator available"
        compiled = numba.njit(**options)(function)
    return cast(F, compiled)
