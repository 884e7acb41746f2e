"""Which array library: NumPy or CuPy, decided by the arrays that are passed and nothing else."""

import functools
import sys
from types import ModuleType
from typing import Any

import numpy as np

from tokenlab.errors import BackendError, public_caller

__all__ = ["get_xp", "has_gpu", "to_numpy"]


def is_cupy(x: Any) -> bool:
    """True for a CuPy array, without importing CuPy: its class says where it comes from."""
    return type(x).__module__.partition(".")[0] == "cupy"


def block_size(cached: int, x: Any) -> int:
    """How much to work on at once: what a processor's cache holds, or many times that on a GPU.

    A GPU takes as long to start a small piece of work as a large one.
    """
    return 64 * cached if is_cupy(x) else cached


def get_xp(*arrays: Any) -> ModuleType:
    r"""Return the library of the arrays: the module `numpy` or `cupy` itself, never a wrapper.

    Lists, tuples and numbers count as NumPy. CuPy is never imported here: a CuPy array can only
    have come from a program that imported it already. Objects that `numpy.asarray` reads without
    crossing libraries (a pandas column, a memory map) count as NumPy as well.

    Parameters
    ----------
    *arrays : array_like
        Everything that the calling function is about to combine.

    Returns
    -------
    module
        `numpy` or `cupy`.

    Raises
    ------
    BackendError
        When NumPy and CuPy arrays are mixed, or an array of another library (torch, jax) came.

    Examples
    --------
    >>> get_xp([1.0, 2.0], np.ones(2)).__name__
    'numpy'
    """
    on_gpu = [is_cupy(x) for x in arrays]
    if not any(on_gpu):
        for i, x in enumerate(arrays):
            if hasattr(x, "__dlpack__") and not isinstance(x, (np.ndarray, np.generic)):
                raise BackendError(
                    f"{public_caller()}: {_argument(x, i)} is a {_type_name(x)}; expected NumPy or "
                    "CuPy. Convert it first, for example with numpy.asarray(x) on the CPU."
                )
        return np
    if not all(on_gpu):
        g, c = on_gpu.index(True), on_gpu.index(False)
        raise BackendError(
            f"{public_caller()}: mixed array libraries: {_argument(arrays[g], g)} is a "
            f"{_type_name(arrays[g])} and {_argument(arrays[c], c)} is a {_type_name(arrays[c])}. "
            "Pass all of one kind: cupy.asarray(x) moves to the GPU, tokenlab.to_numpy(x) back."
        )
    return sys.modules["cupy"]


def to_numpy(x: Any) -> np.ndarray:
    """Copy a CuPy array to the CPU; anything else goes through `numpy.asarray`, uncopied.

    Examples
    --------
    >>> to_numpy([1, 2]).tolist()
    [1, 2]
    """
    return x.get() if is_cupy(x) else np.asarray(x)


@functools.cache
def has_gpu() -> bool:
    """True when CuPy can be imported *and* finds a device (it imports without one, too)."""
    try:
        import cupy

        return bool(cupy.cuda.is_available())
    except Exception:  # a broken CUDA installation raises many kinds; all mean "no GPU"
        return False


def _type_name(x: Any) -> str:
    return f"{type(x).__module__}.{type(x).__qualname__}".removeprefix("builtins.")


def _argument(x: Any, position: int) -> str:
    """The name that the caller knows the array by, found only when an error is being written."""
    names = (name for name, value in sys._getframe(2).f_locals.items() if value is x)
    return next(names, f"argument {position + 1}")
