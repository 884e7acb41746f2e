"""Twins of cutting a text: the four patterns of real tokenizers as plain loops over code points.

A pattern of `re` is a rule for where a chunk ends that begins at a place. Each rule here is one
function of that place; it looks at what kind of character stands where, and never at more than the
chunk and the character behind it. Equal chunks are found by a hash of their code points.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit_in_order
from tokenlab.tokenizers.split import kinds_of

LETTER, DIGIT, SPACE, UPPER, LOWER = 1, 2, 4, 8, 16  # bits, as in `split.kinds_of`
RULES = ("whitespace", "gpt2", "smollm2", "cl100k", "o200k")  # a rule's number is its place
PRIME = np.uint64(0x9E3779B97F4A7C15)
EMPTY = -1


def distinct_chunks(codes: Any, rule: str) -> Any:
    """Twin of `tokenlab.tokenizers.chunks.distinct_chunks`."""
    kinds = kinds_of(codes)  # (n_chars,) uint8
    return _distinct(codes, kinds, RULES.index(rule))


@njit_in_order
def _distinct(codes, kinds, rule):  # type: ignore[no-untyped-def]
    """Cut, and look each chunk up among those that came before."""
    n = len(codes)
    starts = np.empty(1024, dtype=np.int64)  # of distinct chunks
    ends = np.empty(1024, dtype=np.int64)
    hashes = np.empty(1024, dtype=np.uint64)
    table = np.full(4096, EMPTY, dtype=np.int64)  # number of a chunk, at the spot of its hash
    owner = np.empty(n, dtype=np.int32)  # no more chunks than characters
    n_chunks, found, start = 0, 0, 0
    while start < n:
        end = _end(codes, kinds, start, rule)
        value = _hash(codes, start, end)
        spot = _spot_of(codes, start, end, value, starts, ends, hashes, table)
        if table[spot] < 0:  # a new one
            if found == len(starts):
                starts, ends, hashes = _longer(starts), _longer(ends), _longer(hashes)
                table = _rehashed(hashes, 4 * len(hashes))
                spot = _spot_of(codes, start, end, value, starts, ends, hashes, table)
            table[spot] = found
            starts[found], ends[found], hashes[found] = start, end, value
            found += 1
        owner[n_chunks] = table[spot]
        n_chunks += 1
        start = end
    return starts[:found].copy(), ends[:found].copy(), owner[:n_chunks].copy()


@njit_in_order
def _hash(codes, start, end):  # type: ignore[no-untyped-def]
    value = np.uint64(end - start)
    for i in range(start, end):
        value = (value ^ np.uint64(codes[i])) * PRIME
        value ^= value >> np.uint64(29)
    return value


@njit_in_order
def _spot_of(codes, start, end, value, starts, ends, hashes, table):  # type: ignore[no-untyped-def]
    """Where the table has this chunk, or would have it."""
    mask = len(table) - 1
    spot = np.int64(value & np.uint64(mask))
    while table[spot] >= 0:
        at = table[spot]
        if hashes[at] == value and ends[at] - starts[at] == end - start:
            i = 0
            while i < end - start and codes[starts[at] + i] == codes[start + i]:
                i += 1
            if i == end - start:
                break
        spot = (spot + 1) & mask
    return spot


@njit_in_order
def _longer(array):  # type: ignore[no-untyped-def]
    """The same with room for as much again."""
    longer = np.empty(2 * len(array), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


@njit_in_order
def _rehashed(hashes, size):  # type: ignore[no-untyped-def]
    """A larger table of the first half of `hashes`, the chunks that are known."""
    table = np.full(size, EMPTY, dtype=np.int64)
    for at in range(len(hashes) // 2):
        spot = np.int64(hashes[at] & np.uint64(size - 1))
        while table[spot] >= 0:
            spot = (spot + 1) & (size - 1)
        table[spot] = at
    return table


# Where a chunk ends that begins at i. Each line is a branch of the pattern, in its order.


@njit_in_order
def _end(codes, kinds, i, rule):  # type: ignore[no-untyped-def]
    if rule == 0:
        return _end_of_word(kinds, i)
    if rule == 1:
        return _end_gpt2(codes, kinds, i)
    if rule == 2:
        return _end_smollm2(codes, kinds, i)
    if rule == 3:
        return _end_cl100k(codes, kinds, i)
    return _end_o200k(codes, kinds, i)


@njit_in_order
def _run(kinds, i, bits):  # type: ignore[no-untyped-def]
    """The first place from i on whose character is of none of some kinds."""
    while i < len(kinds) and kinds[i] & bits:
        i += 1
    return i


@njit_in_order
def _run_of_others(kinds, i):  # type: ignore[no-untyped-def]
    r"""`[^\s\p{L}\p{N}]*`: the end of a run of signs."""
    while i < len(kinds) and not kinds[i] & (LETTER | DIGIT | SPACE):
        i += 1
    return i


@njit_in_order
def _end_of_word(kinds, i):  # type: ignore[no-untyped-def]
    r"""`\s*\S+|\s+`"""
    end = _run(kinds, i, SPACE)
    while end < len(kinds) and not kinds[end] & SPACE:
        end += 1
    return end


@njit_in_order
def _short_form(codes, i, any_case):  # type: ignore[no-untyped-def]
    """The end of 's, 't, 're, 've, 'm, 'll, 'd at i, or i where there is none."""
    if i + 1 >= len(codes) or codes[i] != 39:
        return i
    first = _small(codes[i + 1], any_case)
    if first in (115, 100, 109, 116):  # s, d, m, t
        return i + 2
    if i + 2 >= len(codes):
        return i
    second = _small(codes[i + 2], any_case)
    if (first == 108 and second == 108) or (first in (118, 114) and second == 101):  # ll, ve, re
        return i + 3
    return i


@njit_in_order
def _small(code, any_case):  # type: ignore[no-untyped-def]
    """The lower-case letter, where case does not matter; the long s is an s."""
    if any_case and 65 <= code <= 90:
        return np.int64(code) + 32
    return np.int64(115) if any_case and code == 0x17F else np.int64(code)


@njit_in_order
def _blank(kinds, i, last):  # type: ignore[no-untyped-def]
    r"""`\s+(?!\S)|\s+`: a run of spaces up to `last`, without its last one where a word follows."""
    alone = last == len(kinds) or last == i + 1
    return last if alone else last - 1


@njit_in_order
def _end_gpt2(codes, kinds, i):  # type: ignore[no-untyped-def]
    end = _short_form(codes, i, False)
    if end > i:
        return end
    word = i + 1 if codes[i] == 32 else i
    if word < len(kinds) and kinds[word] & LETTER:
        return _run(kinds, word, LETTER)
    if word < len(kinds) and kinds[word] & DIGIT:
        return _run(kinds, word, DIGIT)
    end = _run_of_others(kinds, word)
    if end > word:
        return end
    return _blank(kinds, i, _run(kinds, i, SPACE))


@njit_in_order
def _end_smollm2(codes, kinds, i):  # type: ignore[no-untyped-def]
    if kinds[i] & DIGIT:
        return i + 1
    end = _short_form(codes, i, False)
    if end > i:
        return end
    word = i + 1 if codes[i] == 32 else i
    if word < len(kinds) and kinds[word] & LETTER:
        return _run(kinds, word, LETTER)
    end = _run_of_others(kinds, word)
    if end > word:
        return end
    last = _run(kinds, i, SPACE)
    before_digit = last < len(kinds) and kinds[last] & DIGIT  # those stand alone anyway
    return last if before_digit else _blank(kinds, i, last)


@njit_in_order
def _is_newline(code):  # type: ignore[no-untyped-def]
    return code in (10, 13)


@njit_in_order
def _may_lead(codes, kinds, i):  # type: ignore[no-untyped-def]
    r"""`[^\r\n\p{L}\p{N}]`: what a word may take before it."""
    return not kinds[i] & (LETTER | DIGIT) and not _is_newline(codes[i])


@njit_in_order
def _rest(codes, kinds, i, slash):  # type: ignore[no-untyped-def]
    """Numbers of three, signs with line ends behind, and blanks: what cl100k and o200k share."""
    if kinds[i] & DIGIT:
        return min(_run(kinds, i, DIGIT), i + 3)
    sign = i + 1 if codes[i] == 32 else i
    end = _run_of_others(kinds, sign)
    if end > sign:
        while end < len(codes) and (_is_newline(codes[end]) or (slash and codes[end] == 47)):
            end += 1
        return end
    last = _run(kinds, i, SPACE)
    for k in range(last - 1, i - 1, -1):  # up to the last line end among the blanks
        if _is_newline(codes[k]):
            return k + 1
    return _blank(kinds, i, last)


@njit_in_order
def _end_cl100k(codes, kinds, i):  # type: ignore[no-untyped-def]
    end = _short_form(codes, i, True)
    if end > i:
        return end
    if _may_lead(codes, kinds, i) and i + 1 < len(kinds) and kinds[i + 1] & LETTER:
        return _run(kinds, i + 1, LETTER)
    if kinds[i] & LETTER:
        return _run(kinds, i, LETTER)
    return _rest(codes, kinds, i, False)


@njit_in_order
def _lower_word(kinds, i):  # type: ignore[no-untyped-def]
    """`[upper]*[lower]+` from i, or i: letters without case and marks are both."""
    j = _run(kinds, i, UPPER)
    end = _run(kinds, j, LOWER)
    if end > j:
        return end
    while j > i:  # give back what is upper alone
        j -= 1
        if kinds[j] & LOWER:
            return j + 1
    return i


@njit_in_order
def _upper_word(kinds, i):  # type: ignore[no-untyped-def]
    """`[upper]+[lower]*` from i, or i."""
    j = _run(kinds, i, UPPER)
    return _run(kinds, j, LOWER) if j > i else i


@njit_in_order
def _end_o200k(codes, kinds, i):  # type: ignore[no-untyped-def]
    lead = _may_lead(codes, kinds, i)
    end = _lower_word(kinds, i + 1) if lead else i + 1
    if end > i + 1:
        return _short_form(codes, end, True)
    end = _lower_word(kinds, i)
    if end > i:
        return _short_form(codes, end, True)
    end = _upper_word(kinds, i + 1) if lead else i + 1
    if end > i + 1:
        return _short_form(codes, end, True)
    end = _upper_word(kinds, i)
    if end > i:
        return _short_form(codes, end, True)
    return _rest(codes, kinds, i, True)
