"""Rows of small numbers as bytes, and distances between rows of bits.

A number of `n_bits` bits is written with its first bit highest; the numbers stand one behind the
other, and the last byte of a row is filled with zeros. One home for all that store codes in bits.
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library
from tokenlab.engine import accelerated
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, public_caller
from tokenlab.numerics import TopK, topk

__all__ = ["hamming", "hamming_topk", "pack", "unpack"]

WIDEST = 62  # bits of a number that int64 holds with its sign


@takes(numbers="... n? int")
def pack(numbers: Any, n_bits: int) -> Any:
    """Numbers of `n_bits` bits each, as bytes.

    Parameters
    ----------
    numbers : ndarray of shape (..., n)
        Integers from 0 to `2**n_bits - 1`.
    n_bits : int
        1 to 62.

    Returns
    -------
    ndarray of shape (..., ceil(n * n_bits / 8))
        uint8.

    Raises
    ------
    InvalidInput, DTypeError, ShapeError
        A number does not fit.

    Examples
    --------
    >>> pack([5, 1, 7], 3).tolist()  # 101 001 111
    [167, 128]
    """
    xp = get_xp(numbers)
    n_bits = checks.count(n_bits, "n_bits", at_most=WIDEST)
    if numbers.size and (int(numbers.min()) < 0 or int(numbers.max()) >> n_bits):
        raise InvalidInput(
            f"{public_caller()}: numbers run from {int(numbers.min())} to {int(numbers.max())}; "
            f"expected 0 to {2**n_bits - 1}, what {n_bits} bits hold."
        )
    values = 2 ** xp.arange(n_bits - 1, -1, -1)  # (n_bits,), of each bit: first bit highest
    bits = numbers[..., None] // values % 2  # (..., n, n_bits)
    rows = bits.reshape(*numbers.shape[:-1], numbers.shape[-1] * n_bits)  # (..., n * n_bits)
    return xp.packbits(rows.astype(xp.uint8), axis=-1)


def unpack(data: Any, n: int, n_bits: int) -> Any:
    """The numbers that `pack` wrote.

    Parameters
    ----------
    data : ndarray of shape (..., n_bytes) or bytes
        uint8.
    n : int
        Numbers in a row.
    n_bits : int

    Returns
    -------
    ndarray of shape (..., n)
        int64.

    Raises
    ------
    DTypeError, ShapeError
        `data` are no bytes, or not as many as `n` numbers take.

    Examples
    --------
    >>> unpack(pack([5, 1, 7], 3), 3, 3).tolist()
    [5, 1, 7]
    """
    data = as_bytes(data, "data")
    xp = get_xp(data)
    n = checks.count(n, "n", at_least=0)
    n_bits = checks.count(n_bits, "n_bits", at_most=WIDEST)
    n_bytes = -(-n * n_bits // 8)
    if data.shape[-1] != n_bytes:
        raise ShapeError(
            f"{public_caller()}: data has {data.shape[-1]} bytes a row; expected {n_bytes}, since "
            f"{n} numbers of {n_bits} bits take as many."
        )
    bits = xp.unpackbits(data, axis=-1)[..., : n * n_bits]  # the fill goes
    bits = bits.reshape(*data.shape[:-1], n, n_bits).astype(xp.int64)  # (..., n, n_bits)
    values = 2 ** xp.arange(n_bits - 1, -1, -1)
    return (bits * values).sum(axis=-1)  # (..., n)


def as_bytes(data: Any, name: str) -> Any:
    """An array of uint8, from that or from bytes."""
    if isinstance(data, bytes | bytearray | memoryview):
        return np.frombuffer(data, np.uint8)
    data = checks.array(data, name, shared_library([data], [name]))
    if data.dtype != np.uint8 or data.ndim == 0:
        raise DTypeError(
            f"{public_caller()}: {name} has dtype {data.dtype} and shape {data.shape}; expected "
            "bytes, or an array of uint8."
        )
    return data


def same_bytes(x: Any, x_name: str, y: Any, y_name: str) -> tuple[Any, Any]:
    """Two arrays of rows of as many bytes each."""
    shared_library([x, y], [x_name, y_name])
    x, y = as_bytes(x, x_name), as_bytes(y, y_name)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ShapeError(
            f"{public_caller()}: {x_name} is {x.shape} and {y_name} is {y.shape}; expected "
            "(n, n_bytes) and (m, n_bytes)."
        )
    return x, y


def hamming(x: Any, y: Any) -> Any:
    """In how many bits each row of `x` differs from each row of `y`.

    Parameters
    ----------
    x : ndarray of shape (n, n_bytes)
        uint8, as `pack` makes them.
    y : ndarray of shape (m, n_bytes)

    Returns
    -------
    ndarray of shape (n, m)
        int64.

    Examples
    --------
    >>> hamming(pack([[1, 0, 1]], 1), pack([[1, 1, 0], [1, 0, 1]], 1)).tolist()
    [[2, 0]]
    """
    x, y = same_bytes(x, "x", y, "y")
    xp = get_xp(x, y)
    ones = xp.asarray([bin(byte).count("1") for byte in range(256)])  # (256,)
    total = xp.zeros((len(x), len(y)), xp.int64)
    for column in range(x.shape[1]):  # (n, m) at a time, not (n, m, n_bytes)
        total += ones[x[:, column, None] ^ y[None, :, column]]
    return total


def hamming_topk(x: Any, y: Any, k: int) -> TopK:
    """The `k` rows of `y` that differ from each row of `x` in the fewest bits.

    Parameters
    ----------
    x : ndarray of shape (n, n_bytes)
    y : ndarray of shape (m, n_bytes)
    k : int
        More than there are gives all.

    Returns
    -------
    TopK
        `ids (n, k)`, ties to the lower, and `values (n, k)`: minus the bits that differ.

    Examples
    --------
    >>> hamming_topk(pack([[1, 0, 1]], 1), pack([[1, 1, 0], [1, 0, 1]], 1), 1).ids.tolist()
    [[1]]
    """
    x, y = same_bytes(x, "x", y, "y")
    return nearest_rows(x, y, checks.count(k, "k"))


@accelerated("bits.hamming_topk", work=lambda x, y, k: len(x) * y.size, pays_from=2e5)
def nearest_rows(x: Any, y: Any, k: int) -> TopK:
    """`hamming_topk` of arrays that were looked at."""
    return topk(-1.0 * hamming(x, y), k)  # fewer bits are nearer
