r"""Tokenization Standards for Linguistic Integrity: Turkish as a Benchmark.

M. Ali Bayram, Ali Arda Fincan, Ahmet Semih Gümüş, Sercan Karakaş, Banu Diri, Savaş Yıldırım. 2025.
arXiv:2502.07057

Tokens are good, the paper says, if they are words, roots or suffixes of the language. Two shares
measure that, of tokens that a lexicon knows at all and of tokens that are pure roots or suffixes,
and the first is said to go with how well models answer questions.

| paper's symbol | name here | shape |
|---|---|---|
| %TR | `tr_type`, `tr_occurrence` | percent |
| %Pure | `pure_type`, `pure_occurrence` | percent |
| lexicon | `valid`, `pure` | sets of str |

$$\%TR = 100\, \frac{\text{tokens in the lexicon}}{\text{tokens}}, \qquad
r = \frac{\sum (x - \bar x)(y - \bar y)}{\sqrt{\sum (x - \bar x)^2 \sum (y - \bar y)^2}}$$

Example
-------
    report(tokenizer, text, roots | suffixes, roots).tr_type
    four = [PUBLISHED[name] for name in ("gemma-2", "llama-3.1", "Qwen2.5", "aya")]
    permutation_p([row.mmlu for row in four], [row.turkish / row.unique for row in four])
"""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, public_caller
from tokenlab.steps import step

__all__ = ["PUBLISHED", "Published", "Report", "casefold", "correlation", "permutation_p", "report"]

MOST = 8  # values whose orders are all tried: 40,320


class Published(NamedTuple):
    """One row of the paper's table."""

    mmlu: float  # of the Turkish translation
    vocab: int
    tokens: int  # of the benchmark's text
    unique: int
    turkish: int  # distinct tokens that the lexicon or the web service knows
    pure: int
    billions: float | None  # of parameters


PUBLISHED = {
    "gemma-2": Published(72.10, 256000, 497015, 6383, 3104, 2365, 27.2),
    "llama-3.1": Published(70.42, 128256, 488535, 6823, 3125, 2109, 70.6),
    "EuroLLM": Published(51.29, 128000, 497173, 5226, 2457, 1838, 9.2),
    "Qwen2.5": Published(61.68, 151665, 561866, 5752, 2320, 1734, 7.6),
    "aya": Published(70.66, 255029, 434526, 8562, 4338, 2822, 32.3),
    "Mistral": Published(46.89, 131072, 534930, 4354, 1971, 1571, 12.2),
    "Phi-3.5": Published(29.37, 32011, 803971, 3640, 1599, 1253, 3.8),
    "gpt-4o": Published(84.84, 200019, 491137, 7615, 3209, 2184, None),
}


class Report(NamedTuple):
    """What a lexicon says of a tokenizer; shares in percent."""

    tokens: int
    types: int  # distinct ids
    tr_type: float  # of the distinct tokens, as the paper's tables have it
    tr_occurrence: float  # of all tokens, as the paper's formula has it
    pure_type: float
    pure_occurrence: float
    tokens_per_word: float
    undecodable: int  # occurrences of tokens that are parts of characters


def casefold(text: str) -> str:
    """Small letters as Turkish has them: `I` becomes `ı`, and `İ` becomes `i`.

    Examples
    --------
    >>> casefold("ILIĞI İzmir")
    'ılığı izmir'
    """
    if not isinstance(text, str):
        raise DTypeError(f"casefold: text is a {type(text).__name__}; expected a str.")
    # The dot may be a character of its own behind the letter.
    dotted = text.replace("I\u0307", "i").replace("İ", "i")
    return dotted.replace("I", "ı").casefold()


@takes(tokenizer=checks.offering("encode", "tokens"), text=checks.text)
def report(
    tokenizer: Any,
    text: str,
    valid: Collection[str],
    pure: Collection[str] | None = None,
    *,
    strip: bool = True,
    fold: bool = True,
) -> Report:
    """How many tokens of a text are words or parts of words of a lexicon.

    Parameters
    ----------
    tokenizer : object with `encode` and `tokens`
    text : str
    valid : collection of str
        Words, roots and suffixes.
    pure : collection of str, optional
        Roots and suffixes alone; by default `valid`.
    strip : bool
        Take the spaces off a token before it is looked up; the paper's code does not.
    fold : bool
        Look up in small letters, those of the lexicon included.

    Returns
    -------
    Report

    Examples
    --------
    >>> from tokenlab.tokenizers import BPE
    >>> words = BPE.train("are are play play", 270, split=r"[a-z]+|\\s")
    >>> report(words, "are play", ["are", "play"]).tr_occurrence.__round__(1)
    66.7
    """
    strip = checks.flag(strip, "strip")
    fold = checks.flag(fold, "fold")
    known = lexicon(valid, "valid", fold)  # looked up as tokens are
    roots = known if pure is None else lexicon(pure, "pure", fold)
    counts = Counter(np.asarray(tokenizer.encode(text)).tolist())
    words = len(text.split())  # what blanks separate
    if not words:
        raise InvalidInput("report: text has no word; expected at least one.")
    spelled: dict[int, str | None] = {}
    for i in counts:
        spelled[i] = looked_up(tokenizer.tokens[i], strip, fold)
    total = sum(counts.values())

    def shares(inside: frozenset[str]) -> tuple[float, float]:
        found = [i for i, word in spelled.items() if word in inside]
        return 100 * len(found) / len(counts), 100 * sum(counts[i] for i in found) / total

    times = np.array(list(counts.values()))
    known_types = np.array([word in known for word in spelled.values()])
    step("counts", times, "how often each distinct token occurs")
    step("known", known_types, "whether the lexicon knows it", eq="%TR")
    undecodable = sum(counts[i] for i, word in spelled.items() if word is None)
    return Report(total, len(counts), *shares(known), *shares(roots), total / words, undecodable)


def lexicon(words: Collection[str], name: str, fold: bool) -> frozenset[str]:
    """The words of a lexicon as they are looked up."""
    if isinstance(words, str | bytes):
        raise DTypeError(f"report: {name} is one string; expected a set or a list of words.")
    listed = checks.texts(checks.collection(words, name), name)
    found = frozenset(casefold(word) if fold else word for word in listed)
    if not found:
        raise InvalidInput(f"report: {name} is empty; expected at least one word.")
    return found


def looked_up(token: bytes, strip: bool, fold: bool) -> str | None:
    """What a token is looked up as; None for a part of a character."""
    try:
        word = token.decode()
    except UnicodeDecodeError:
        return None
    word = word.strip() if strip else word
    return casefold(word) if fold else word


@takes(x="n", y="n")
def correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Pearson's correlation, from -1 to 1.

    Parameters
    ----------
    x, y : sequences of float
        Two values at least, not all alike.

    Examples
    --------
    >>> correlation([1, 2, 3], [2, 4, 6])
    1.0
    """
    a, b = (centered(values, name) for values, name in ((x, "x"), (y, "y")))
    r = float(a @ b / math.sqrt((a @ a) * (b @ b)))
    return max(-1.0, min(1.0, r))


def centered(values: Any, name: str) -> np.ndarray:
    """The values less their mean."""
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2 or (x == x[0]).all():
        raise InvalidInput(
            f"{public_caller()}: {name} has {len(x)} values, all alike; expected at least two "
            "different ones, since a constant goes with nothing."
        )
    return x - x.mean()


@takes(x="n", y="n")
def permutation_p(x: Sequence[float], y: Sequence[float]) -> float:
    """How often values in a random order go together as much, in either direction.

    Parameters
    ----------
    x, y : sequences of float
        Eight at most: all orders are tried, so that the answer is exact.

    Examples
    --------
    >>> permutation_p([1, 2, 3], [2, 4, 6]).__round__(3)
    0.333
    """
    if len(x) > MOST:
        raise ShapeError(f"permutation_p: x has {len(x)} values; expected at most {MOST}.")
    a, b = (centered(values, name) for values, name in ((x, "x"), (y, "y")))
    scale = math.sqrt((a @ a) * (b @ b))
    orders = np.array(list(itertools.permutations(range(len(a)))))  # (n!, n)
    r = (a[orders] @ b) / scale  # (n!,) the correlation of every order
    observed = abs(float(a @ b) / scale)
    return float((np.abs(r) >= observed - 1e-12).mean())


NOTES = r"""
Differs from the paper
----------------------
- Both readings are given: the formula counts tokens, the tables count distinct ones.
- The lexicon is what is passed. The paper asks a web service for what its list lacks, so that the
  table depends on what that service answers.
- Spaces are stripped and small letters are Turkish by default; the paper's code strips nothing, so
  that every token with a space in front is unknown.
- Parts of characters are counted, and stay in the denominator.

Cost
----
One look-up a distinct token.

Why not just
------------
- *give %TR alone?* Single letters are in the lexicon: the more a tokenizer shreds, the more of its
  tokens are known. Give it beside the tokens per word.
- *trust a correlation of four models?* There are 70 ways to choose four of the eight that are
  published, and 24 orders of four values: no p below .083 is possible.
"""
