"""Files of word vectors, read as other programs write them; what is odd is an error with its line.

Text has one word a line. Binary files have, behind a line of two numbers, for each word its letters,
a blank, and d numbers of four bytes; some programs add a line break behind the numbers.
"""

import re
from collections import Counter
from typing import Any

import numpy as np

from tokenlab.progress import track

__all__: list[str] = []

FASTTEXT = (793712314).to_bytes(4, "little")  # the first bytes of its own models
HEADER = re.compile(rb"(\d+) (\d+) ?\r?\n")
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
CHUNK = 4096  # lines whose numbers are read at once
SHOWN = 60


class Damaged(Exception):
    """What is wrong with a file, without its path."""


def looks_binary(data: bytes) -> bool:
    """Whether what stands behind a header is no text."""
    if data[:4] == FASTTEXT:
        raise Damaged("is fastText's own model; expected vectors. Load the .vec file beside it.")
    head = HEADER.match(data)
    if not head:
        return False
    # Letters have no control characters, and numbers of four bytes nearly always some.
    begin = data[head.end() : head.end() + 65536]
    if CONTROL.search(begin):
        return True
    # The last line may be cut within a letter.
    try:
        begin[: begin.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return True
    return False


def binary_words(data: bytes) -> tuple[list[str], Any]:
    """The words of a binary file and their vectors `(n, d)`."""
    head = HEADER.match(data)
    assert head
    n, d = int(head[1]), int(head[2])
    # Each word takes at least its blank and its numbers.
    if n < 1 or d < 1 or n * (4 * d + 1) > len(data) - head.end():
        raise Damaged(f"has {len(data)} bytes, too few for {n} words of {d} numbers; is it cut?")
    words = []
    x = np.empty((n, d), dtype=np.float32)
    place = head.end()
    for i in track(range(n), "reading vectors"):
        place += data[place : place + 1] == b"\n"  # the break behind the numbers before
        # The bytes of numbers may be blanks and breaks, too: places are counted, not searched.
        blank = data.find(b" ", place)
        end = blank + 1 + 4 * d
        if blank < 0 or end > len(data):
            raise Damaged(f"ends within word {i + 1} of {n}; is it cut?")
        try:
            words.append(data[place:blank].decode())
        except UnicodeDecodeError:
            raise Damaged(
                f"word {i + 1} is {data[place:blank][:SHOWN]!r}; expected UTF-8."
            ) from None
        x[i] = np.frombuffer(data, "<f4", d, blank + 1)  # (d,)
        place = end
    # More than the header promised is as wrong as less.
    if data[place:].strip(b"\r\n"):
        raise Damaged(f"has {len(data) - place} bytes more than its {n} words of {d} numbers take.")
    # Looked at once for all words, since most files are fine.
    wrong = np.nonzero(~np.isfinite(x).all(axis=1))[0]
    if wrong.size:
        i = int(wrong[0])
        raise Damaged(f"word {i + 1}, {words[i]!r}, has a number that is not finite.")
    return words, x


def text_words(data: bytes) -> tuple[list[str], Any]:
    """The words of a text file and their vectors `(n, d)`."""
    # word2vec and fastText leave a blank at the end of each line.
    lines = [line.rstrip(b" \r").split(b" ") for line in data.split(b"\n")]
    # The last line break makes an empty line.
    while lines and lines[-1] == [b""]:
        lines.pop()
    if not lines:
        raise Damaged("is empty; expected a word and its numbers on each line.")
    first = header(lines)
    # Without a header the lines themselves say how many numbers they have.
    d = first[1] if first else width(lines)
    begin = 1 if first else 0
    words: list[str] = []
    x = np.empty((len(lines) - begin, d), dtype=np.float32)
    for start in track(range(begin, len(lines), CHUNK), "reading vectors"):
        part = lines[start : start + CHUNK]
        words += [word_of(fields, d, start + i) for i, fields in enumerate(part)]
        x[start - begin : start - begin + len(part)] = numbers(part, d, start)
    # A file that was cut between two lines shows by this alone.
    if first and first[0] != len(words):
        raise Damaged(f"line 1 says {first[0]} words, but {len(words)} follow; is it cut?")
    return words, x


def header(lines: list[list[bytes]]) -> tuple[int, int] | None:
    """The two integers of a first line that is no word of one dimension."""
    fields = lines[0]
    # A file of one line has no next line to tell a header by.
    if len(fields) != 2 or not all(field.isdigit() for field in fields) or len(lines) == 1:
        return None
    n, d = (int(field) for field in fields)
    # A word with blanks in it makes the next line longer than the usual one.
    is_header = d > 0 and d + 1 in (len(lines[1]), width(lines[1:]) + 1)
    return (n, d) if is_header else None


def width(lines: list[list[bytes]]) -> int:
    """How many numbers a line has: what most of the first lines have."""
    # A thousand lines are enough, and words with blanks are rare among them.
    counted = Counter(len(fields) for fields in lines[:1000])
    (fields, times), *others = counted.most_common(2)
    if len(counted) == 1 or times == others[0][1]:
        # No majority tells a word with blanks in it: the numbers at the end of line 1 do.
        fields = 1 + numeric_tail(lines[0])
    if fields < 2:
        raise Damaged(f"line 1 is {shown(lines[0])}; expected a word and its numbers.")
    return fields - 1


def numeric_tail(fields: list[bytes]) -> int:
    """How many fields at the end, the first of the line left out, are numbers."""
    # The first field is the word, also where it is a number.
    n = 0
    while n < len(fields) - 1 and is_number(fields[-1 - n]):
        n += 1
    return n


def is_number(field: bytes) -> bool:
    try:
        return bool(np.isfinite(float(field)))
    except ValueError:
        return False


def word_of(fields: list[bytes], d: int, line: int) -> str:
    """What stands before the last d fields."""
    # Too few fields: nothing could be a word.
    if len(fields) < d + 1:
        raise Damaged(
            f"line {line + 1} is {shown(fields)}, {len(fields) - 1} numbers; expected a word and "
            f"{d} numbers. Is the file cut?"
        )
    # Whatever stands before the numbers belongs to the word, blanks too.
    try:
        word = b" ".join(fields[:-d]).decode()
    except UnicodeDecodeError:
        raise Damaged(f"line {line + 1} is {shown(fields)}; expected UTF-8.") from None
    if not word:
        raise Damaged(f"line {line + 1} is {shown(fields)}; expected a word before the numbers.")
    return word


def numbers(lines: list[list[bytes]], d: int, first: int) -> Any:
    """The last d fields of each line, `(n, d)`; all are finite numbers."""
    # At once, in double precision, as other readers round.
    try:
        x = np.array([fields[-d:] for fields in lines], dtype=np.bytes_).astype(np.float64)
        fine = bool(np.isfinite(x).all())
    except ValueError:
        fine = False
    # Only a damaged chunk is looked at field by field.
    if not fine:
        i = next(i for i, f in enumerate(lines) if not all(is_number(field) for field in f[-d:]))
        raise Damaged(
            f"line {first + i + 1} is {shown(lines[i])}; expected its last {d} fields to be finite "
            "numbers."
        )
    return x


def shown(fields: list[bytes]) -> str:
    """The beginning of a line."""
    text = b" ".join(fields).decode(errors="replace")
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
