r"""What a tokenizer does to a text: how short, how even, how fair.

    compression(tokenizer, text)       # bytes a token
    fertility(tokenizer, text)         # tokens a word
    parity(tokenizer, texts, "en")     # tokens over those of the same text in English

$$\text{Rényi efficiency} = \frac{1}{\ln \text{vocab}} \cdot \frac{1}{1 - \alpha}
\ln \sum_v p_v^\alpha, \qquad
\text{bits a byte} = -\frac{\sum_i \ln p_i}{\ln 2 \cdot \text{bytes}}$$
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, public_caller

__all__ = ["bits_per_byte", "compression", "fertility", "parity", "renyi_efficiency"]


def counted(tokenizer: Any, text: str) -> np.ndarray:
    """The ids of a text, of which there must be some."""
    ids = np.asarray(tokenizer.encode(text))
    if not len(ids):
        raise InvalidInput(f"{public_caller()}: text is empty; expected at least one character.")
    return ids


def compression(tokenizer: Any, text: str) -> float:
    """Bytes of UTF-8 for each token."""
    return len(text.encode()) / len(counted(tokenizer, text))  # bytes of UTF-8, not characters


def fertility(tokenizer: Any, text: str) -> float:
    """Tokens for each word; words are what blanks separate."""
    words = len(text.split())  # what blanks separate
    if not words:
        raise InvalidInput("fertility: text has no word.")
    return len(counted(tokenizer, text)) / words


def parity(tokenizer: Any, texts: Mapping[str, str], reference: str) -> dict[str, float]:
    """Tokens of each text over those of the reference: what a language pays.

    Parameters
    ----------
    tokenizer : object with `encode`
    texts : dict of name to text
        The same content in several languages.
    reference : str
        One of the names.
    """
    if reference not in texts:
        raise InvalidInput(
            f"parity: reference is {reference!r}; expected one of {', '.join(map(repr, texts))}."
        )
    one = len(counted(tokenizer, texts[reference]))  # tokens of the reference
    return {name: len(counted(tokenizer, text)) / one for name, text in texts.items()}


def renyi_efficiency(tokenizer: Any, text: str, alpha: float = 2.5) -> float:
    """How evenly the tokens of a vocabulary are used: 1 when all are used alike.

    `alpha` 1 is Shannon's entropy over its maximum.
    """
    alpha = checks.number(alpha, "alpha", at_least=0)
    ids = counted(tokenizer, text)
    p = np.bincount(ids) / len(ids)  # (vocab,) shares of the tokens
    p = p[p > 0]  # 0 ln 0 is 0
    if abs(alpha - 1) < 1e-12:  # the limit, Shannon's entropy
        entropy = float(-(p * np.log(p)).sum())
    else:
        entropy = float(np.log((p**alpha).sum()) / (1 - alpha))
    return entropy / math.log(tokenizer.vocab)


@takes(log_probs="n inf")
def bits_per_byte(log_probs: Any, n_bytes: int) -> float:
    """The bits that a model needs for each byte: comparable across tokenizers.

    Parameters
    ----------
    log_probs : ndarray of shape (n,)
        Natural logarithms, one a token, as `tokenlab.lm.score` gives them.
    n_bytes : int
        Of the text in UTF-8: bytes, not characters.

    Examples
    --------
    >>> bits_per_byte(np.log([0.5] * 6), 3)
    2.0
    """
    n_bytes = checks.count(n_bytes, "n_bytes")
    logs = to_numpy(log_probs).astype(np.float64)
    if np.isnan(logs).any() or (logs > 1e-6).any():
        raise InvalidInput(
            "bits_per_byte: log_probs has NaN or a value above 0; expected logarithms of "
            "probabilities."
        )
    return float(-logs.sum() / math.log(2) / n_bytes) + 0.0  # never -0
