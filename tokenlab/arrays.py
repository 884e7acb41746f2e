"""Which array library: NumPy or CuPy, decided by the arrays that are passed and nothing else."""

import functools
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from tokenlab.errors import BackendError, public_caller

__all__ = ["get_xp", "has_gpu", "stop", "to_numpy"]


def is_cupy(x: Any) -> bool:
    """True for a CuPy array, without importing CuPy: its class says where it comes from."""
    return type(stop(x)).__module__.partition(".")[0] == "cupy"


def is_taped(x: Any) -> bool:
    """True for a value on the tape of `tokenlab.autograd`, without importing that."""
    return type(x).__module__ == "tokenlab.tape"


def stop(x: Any) -> Any:
    """The array inside of a taped value, through which no gradient passes; all else as it is."""
    return x.data if is_taped(x) else x


def library(*arrays: Any) -> ModuleType:
    """numpy or cupy itself, also for taped values; the arrays are known to be of one kind."""
    return sys.modules["cupy"] if any(map(is_cupy, arrays)) else np


def holds(kind: Callable[[Any], bool], x: Any) -> bool:
    """Whether an array, or one in a list or tuple, is of a kind: `holds(is_cupy, args)`."""
    return any(holds(kind, y) for y in x) if isinstance(x, list | tuple) else kind(x)


def block_size(cached: int, x: Any) -> int:
    """How much to work on at once: what a processor's cache holds, or many times that on a GPU.

    A GPU takes as long to start a small piece of work as a large one.
    """
    return 64 * cached if is_cupy(x) else cached


def get_xp(*arrays: Any) -> ModuleType:
    r"""Return the library of the arrays: the module `numpy` or `cupy` itself, never a wrapper.

    For a taped value, inside of `value_and_grad`, it is the same library with derivatives. Ask
    `is_cupy(x)` where the two libraries need different code, and never `xp is np`.

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
    return shared_library(arrays)


def shared_library(arrays: Sequence[Any], names: Sequence[str] = ()) -> Any:
    """`get_xp` of named arguments, for the errors; the names are found if absent."""
    for x in arrays:
        if type(x) is not np.ndarray:
            break
    else:
        return np  # at once, for the usual call
    inside = [stop(x) for x in arrays]
    on_gpu = [is_cupy(x) for x in inside]
    named = functools.partial(_argument, arrays, names)
    for i, x in enumerate(inside):
        if (
            not on_gpu[i]
            and hasattr(x, "__dlpack__")
            and not isinstance(x, np.ndarray | np.generic)
        ):
            raise BackendError(
                f"{public_caller()}: {named(i)} is a {_type_name(x)}; expected NumPy or CuPy. "
                f"Convert it first, for example with {conversion(x)}."
            )
    if any(on_gpu) and not all(on_gpu):
        g, c = on_gpu.index(True), on_gpu.index(False)
        raise BackendError(
            f"{public_caller()}: mixed array libraries: {named(g)} is a "
            f"{_type_name(inside[g])} and {named(c)} is a {_type_name(inside[c])}. Pass all of one "
            "kind: cupy.asarray(x) moves to the GPU, tokenlab.to_numpy(x) back."
        )
    xp = sys.modules["cupy"] if any(on_gpu) else np
    if any(map(is_taped, arrays)):
        from tokenlab.ops_numpy import Ops

        return Ops(xp)
    return xp


def to_numpy(x: Any) -> np.ndarray:
    """Copy a CuPy array to the CPU; anything else goes through `numpy.asarray`, uncopied.

    Examples
    --------
    >>> to_numpy([1, 2]).tolist()
    [1, 2]
    """
    return x.get() if is_cupy(x) else np.asarray(x)


def on_host(x: Any) -> Any:
    """Copy a CuPy array to the CPU; anything else as it is, for the checks to look at."""
    return x.get() if is_cupy(x) else x


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


def conversion(x: Any) -> str:
    """What makes a NumPy array of an array of another library."""
    if type(x).__module__.partition(".")[0] != "torch":
        return "numpy.asarray(x) on the CPU"
    narrow = "bfloat16" in str(x.dtype)
    if not (narrow or x.requires_grad or x.device.type != "cpu"):
        return "x.numpy()"
    moved = "" if x.device.type == "cpu" else ".cpu()"
    wide = "" if "float64" in str(x.dtype) else ".float()"
    return f"x.detach(){moved}{wide}.numpy()"


def _argument(arrays: Sequence[Any], names: Sequence[str], position: int) -> str:
    """The name of an argument, or the one that the caller knows it by, for an error."""
    if names:
        return names[position]
    caller = sys._getframe(3).f_locals.items()  # of get_xp
    found = (name for name, value in caller if value is arrays[position])
    return next(found, f"argument {position + 1}")
