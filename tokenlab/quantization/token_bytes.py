"""Codes of pictures as bytes: as few whole bits as they need, and the format of SeiT's data.

`quantization.seit` hands these functions on.
"""

from typing import Any

import numpy as np

from tokenlab import bits, checks
from tokenlab.arguments import takes
from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.quantization.codebook import known_codes

__all__ = ["pack_bits", "pack_bytes", "unpack_bits", "unpack_bytes"]

ESCAPE = 255
LARGEST_ESCAPED = 2 * ESCAPE - 1  # 510 would be two escapes, which read as 255 and a next code


@takes(codes="n? int")
def pack_bits(codes: Any, vocab: int) -> bytes:
    """Codes in as few whole bits as `vocab` needs, highest bit first.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        From 0 to `vocab - 1`.
    vocab : int

    Returns
    -------
    bytes

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        A code is out of range.

    Examples
    --------
    >>> pack_bits([5, 1, 7], 8).hex()  # 101 001 111 and seven zeros
    'a780'
    """
    vocab = checks.count(vocab, "vocab")
    known_codes(codes, vocab)
    return to_numpy(bits.pack(codes, width_of(vocab))).tobytes()  # ceil(n * bits / 8) bytes


def unpack_bits(data: bytes, n: int, vocab: int) -> np.ndarray:
    """The `n` codes that `pack_bits` wrote.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        Another number of bytes than `n` codes take; a code that is not below `vocab`.

    Examples
    --------
    >>> unpack_bits(pack_bits([5, 1, 7], 8), 3, 8).tolist()
    [5, 1, 7]
    """
    vocab = checks.count(vocab, "vocab")
    # The fill of the last byte is no code, and n says where it begins.
    codes = bits.unpack(data, n, width_of(vocab))
    if codes.size and int(codes.max()) >= vocab:
        raise InvalidInput(
            f"unpack_bits: data has the code {int(codes.max())}; expected codes below {vocab} = "
            "vocab. Was it packed for another vocabulary?"
        )
    return codes


def width_of(vocab: int) -> int:
    """Bits of the largest code, and one at least."""
    return max(1, (vocab - 1).bit_length())


@takes(codes="n? int")
def pack_bytes(codes: Any) -> bytes:
    """Codes in the published format: one byte each, and two from 255 on.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        From 0 to 509; the format has no larger ones.

    Returns
    -------
    bytes

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        A code beyond 509.

    Examples
    --------
    >>> list(pack_bytes([254, 255, 390]))
    [254, 255, 0, 255, 135]
    """
    known_codes(codes, LARGEST_ESCAPED + 1)
    codes = to_numpy(codes)
    escaped = codes >= ESCAPE
    data = np.zeros((len(codes), 2), np.uint8)  # (n, 2): room for an escape before each
    data[:, 0] = np.minimum(codes, ESCAPE)
    data[:, 1] = np.maximum(codes - ESCAPE, 0)
    # Of codes without an escape the second byte goes.
    return data[np.stack([np.ones_like(escaped), escaped], axis=1)].tobytes()


def unpack_bytes(data: bytes) -> np.ndarray:
    """The codes that `pack_bytes` wrote.

    Raises
    ------
    DTypeError, InvalidInput
        No bytes; an escape with nothing or another escape behind it.

    Examples
    --------
    >>> unpack_bytes(bytes([254, 255, 0, 255, 135])).tolist()
    [254, 255, 390]
    """
    row = to_numpy(bits.as_bytes(data, "data")).astype(np.int64)
    if row.ndim != 1:
        raise ShapeError(f"unpack_bytes: data is {row.shape}; expected one row of bytes.")
    codes, at = [], 0
    # One after the other: whether a byte is an escape depends on all before it.
    while at < len(row):
        escaped = row[at] == ESCAPE
        if escaped and at + 1 == len(row):
            raise InvalidInput(
                f"unpack_bytes: data ends with an escape at byte {at}; expected one more byte. "
                "Is it cut off?"
            )
        if escaped and row[at + 1] == ESCAPE:
            raise InvalidInput(
                f"unpack_bytes: data has two escapes at byte {at}; expected a byte below {ESCAPE} "
                "behind one: the format ends at code 509, and pack_bytes writes no such pair."
            )
        codes.append(row[at] + (row[at + 1] if escaped else 0))
        at += 1 + int(escaped)
    return np.array(codes, np.int64)  # (n,)
