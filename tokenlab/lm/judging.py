r"""How well a language model knows a text: perplexity, and bits a byte, with an interval.

    found = perplexity(lm, ids, context=ids[:1], n_bytes=len(text.encode()))
    found.perplexity, found.bits_per_byte, (found.low, found.high)

$$\exp\Big(-\frac1n \sum_i \ln p(x_i \mid x_{<i})\Big), \qquad
\text{bits a byte} = -\frac{1}{\ln 2}\, \frac{\sum_i \ln p(x_i \mid x_{<i})}{\text{bytes}}$$

Perplexities of different vocabularies cannot be compared, since longer tokens are harder to guess
and fewer; bits a byte can. Neighbouring tokens are alike, so the interval is drawn from blocks of
text and not from tokens.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.errors import InvalidInput
from tokenlab.lm.protocol import ids_of, score
from tokenlab.logits import metrics
from tokenlab.tokenizers.measures import bits_per_byte

__all__ = ["TextPerplexity", "perplexity"]

BLOCK = 32  # tokens of a block
FEWEST = 10  # blocks; a text with fewer takes its tokens as blocks
ENTRIES = 1 << 23  # probabilities that are held at once


class TextPerplexity(NamedTuple):
    """What `perplexity` found.

    Attributes
    ----------
    log_probs : ndarray of shape (n,)
        Of each token, natural.
    perplexity : float
    bits_per_byte : float or None
        None without `n_bytes`.
    low, high : float
        The ends of the interval of the perplexity, 95 %.
    """

    log_probs: np.ndarray
    perplexity: float
    bits_per_byte: float | None
    low: float
    high: float


def perplexity(
    lm: Any, ids: Any, *, context: Any = (), n_bytes: int | None = None
) -> TextPerplexity:
    """The perplexity of a text.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    ids : sequence of int, (n,)
        The text.
    context : sequence of int
        What stands before it and is not judged; a model without a start token needs one token.
    n_bytes : int, optional
        Bytes of the judged text in UTF-8.

    Returns
    -------
    TextPerplexity
        Infinite where a token is impossible to the model.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> lm = from_function(lambda context: np.log([0.5, 0.25, 0.25]), 3)
    >>> found = perplexity(lm, [0, 1, 2, 0], n_bytes=3)
    >>> round(found.perplexity, 4), found.bits_per_byte
    (2.8284, 2.0)
    """
    ids = ids_of(ids, "ids", lm.vocab)
    if not len(ids):
        raise InvalidInput("perplexity: ids is empty; expected a text of at least one token.")
    if n_bytes is not None:
        n_bytes = checks.count(n_bytes, "n_bytes")
    before = ids_of(context, "context", lm.vocab)
    # Some tokens at a time, since each has a row of the whole vocabulary.
    size = max(1, ENTRIES // lm.vocab)
    found = [
        score(lm, ids[start : start + size], np.concatenate([before, ids[:start]]))
        for start in range(0, len(ids), size)
    ]
    log_probs = np.concatenate(found)  # (n,)
    n_blocks = len(ids) // BLOCK
    blocks = None if n_blocks < FEWEST else np.arange(len(ids)) // BLOCK
    value, low, high = metrics.perplexity(log_probs, blocks)
    bits = None if n_bytes is None else bits_per_byte(log_probs, n_bytes)
    # A bootstrap of few blocks may miss the value itself.
    return TextPerplexity(log_probs, value, bits, min(low, value), max(high, value))
