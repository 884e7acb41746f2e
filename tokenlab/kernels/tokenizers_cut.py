"""Twins of cutting a text: the four patterns of real tokenizers as plain loops over code points.

A pattern of `re` is a rule for where a chunk ends that begins at a place. Each rule here is one
function of that place; it looks at what kind of character stands where, and never at more than the
chunk and the character behind it. Equal chunks are found by a hash of their code points.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit_in_order
from tokenlab.tokenizers.split import kinds_table

LETTER, DIGIT, SPACE, UPPER, LOWER = 1, 2, 4, 8, 16  # bits, as in `split.kinds_table`
RULES = ("whitespace", "gpt2", "smollm2", "cl100k", "o200k")  # a rule's number is its place
PRIME = np.uint64(0x9E3779B97F4A7C15)
EMPTY = -1


def distinct_chunks(codes: Any, rule: str) -> Any:
    """Twin of `tokenlab.tokenizers.chunks.distinct_chunks`."""
    table = kinds_table(len(codes) > 0 and int(codes.max()) > 0xFFFF)
    ends = np.empty(len(codes), dtype=np.int32 if len(codes) < 1 << 31 else np.int64)
    n_chunks = _cut(codes, table[codes], RULES.index(rule), ends)
    return _numbered(codes, ends[:n_chunks])


@njit_in_order
def _cut(codes, kinds, rule, ends):  # type: ignore[no-untyped-def]
    """Write where each chunk ends; how many there are. A loop a rule: none asks which it is."""
    n, found, end = len(codes), 0, 0
    if rule == 0:
        while end < n:
            end = _end_of_word(kinds, end)
            ends[found] = end
            found += 1
    elif rule == 1:
        while end < n:
            end = _end_gpt2(codes, kinds, end)
            ends[found] = end
            found += 1
    elif rule == 2:
        while end < n:
            end = _end_smollm2(codes, kinds, end)
            ends[found] = end
            found += 1
    elif rule == 3:
        while end < n:
            end = _end_cl100k(codes, kinds, end)
            ends[found] = end
            found += 1
    else:
        while end < n:
            end = _end_o200k(codes, kinds, end)
            ends[found] = end
            found += 1
    return found


@njit_in_order
def _numbered(codes, ends):  # type: ignore[no-untyped-def]
    """The first place of each distinct chunk, and the number of every chunk.

    Those that are known lie side by side in `letters`, where they are compared without going back
    to a distant place of the text.
    """
    starts = np.empty(1024, dtype=np.int64)  # of distinct chunks, in the text
    places = np.zeros(1024, dtype=np.int64)  # and in `letters`, up to the next one's
    letters = np.empty(8192, dtype=np.uint32)
    hashes = np.zeros(2048, dtype=np.uint64)  # a table with open places
    numbers = np.full(2048, EMPTY, dtype=np.int32)
    owner = np.empty(len(ends), dtype=np.int32)
    found, start = 0, 0
    for c in range(len(ends)):
        end = int(ends[c])
        value = _hash(codes, start, end)
        spot = _spot_of(codes, start, end, value, places, letters, hashes, numbers)
        if numbers[spot] < 0:  # a new one
            starts[found] = start
            last = places[found] + end - start
            while last > len(letters):
                letters = _longer(letters)
            letters[places[found] : last] = codes[start:end]
            hashes[spot], numbers[spot] = value, found
            found += 1
            if found + 1 == len(starts):  # room for the end of the last one, too
                starts, places = _longer(starts), _longer(places)
                hashes, numbers = _rehashed(hashes, numbers)
            places[found] = last
            owner[c] = found - 1
        else:
            owner[c] = numbers[spot]
        start = end
    sizes = places[1 : found + 1] - places[:found]
    return starts[:found].copy(), starts[:found] + sizes, owner


@njit_in_order
def _hash(codes, start, end):  # type: ignore[no-untyped-def]
    value = np.uint64(end - start)
    for i in range(start, end):
        value = (value ^ np.uint64(codes[i])) * PRIME
        value ^= value >> np.uint64(29)
    return value


@njit_in_order
def _spot_of(codes, start, end, value, places, letters, hashes, numbers):  # type: ignore[no-untyped-def]
    """Where the table has this chunk, or would have it."""
    mask = len(hashes) - 1
    spot = np.int64(value & np.uint64(mask))
    while numbers[spot] >= 0:
        if hashes[spot] == value:
            place = places[numbers[spot]]
            size = places[numbers[spot] + 1] - place
            i = 0
            while i < end - start and i < size and letters[place + i] == codes[start + i]:
                i += 1
            if i == end - start and i == size:
                break
        spot = (spot + 1) & mask
    return spot


@njit_in_order
def _longer(array):  # type: ignore[no-untyped-def]
    """The same with room for as much again."""
    longer = np.zeros(2 * len(array), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


@njit_in_order
def _rehashed(hashes, numbers):  # type: ignore[no-untyped-def]
    """A table of twice the size."""
    mask = 2 * len(hashes) - 1
    wider = np.zeros(mask + 1, dtype=hashes.dtype)
    moved = np.full(mask + 1, EMPTY, dtype=numbers.dtype)
    for old in range(len(hashes)):
        if numbers[old] < 0:
            continue
        spot = np.int64(hashes[old] & np.uint64(mask))
        while moved[spot] >= 0:
            spot = (spot + 1) & mask
        wider[spot], moved[spot] = hashes[old], numbers[old]
    return wider, moved


# Where a chunk ends that begins at i. Each line is a branch of the pattern, in its order.


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
