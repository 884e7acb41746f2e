"""Tokenizers of chance: frequent stretches of a few batches, for training `zett`."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.tokenizers.split import splitter
from tokenlab.tokenizers.text import as_bytes, checked_text
from tokenlab.tokenizers.unigram import UnigramLM

__all__ = ["sample_tokenizer"]

NEVER = -100_000.0  # the log-probability of what noise has pushed below 0


@takes(text=checks.one_or_more_texts)
def sample_tokenizer(
    text: str | Iterable[str],
    vocab_size: int,
    *,
    split: Any = "gpt2",
    max_token_bytes: int = 16,
    stride: int = 4,
    noise: float = 1e-5,
    noise_sigma: float = 4.0,
    rng: Any = None,
) -> UnigramLM:
    r"""A tokenizer of frequent stretches of a text, with noise, so that no two are alike.

    Parameters
    ----------
    text : str, or iterable of str
        The last few batches.
    vocab_size : int
        The 256 bytes, then stretches by their score: count times length.
    split : str or callable
        See `splitter`; stretches lie within chunks.
    max_token_bytes, stride : int
        Stretches begin at every `stride`-th byte of a chunk.
    noise, noise_sigma : float
        Scores, as shares, get $N(0, \sigma^2)$ with $\ln \sigma$ drawn around ln `noise`, `noise_sigma`
        wide. 0 is none.
    rng : Generator, int or None

    Examples
    --------
    >>> sampled = sample_tokenizer("abcab", 259, stride=2, max_token_bytes=3, noise=0)
    >>> sampled.tokens[256:], (13 * np.exp(sampled.log_probs[255:])).round(6).tolist()
    ([b'abc', b'cab', b'ab'], [1.0, 3.0, 3.0, 2.0])
    """
    vocab_size = checks.count(vocab_size, "vocab_size", at_least=256)
    longest = checks.count(max_token_bytes, "max_token_bytes")
    stride = checks.count(stride, "stride")
    noise = checks.number(noise, "noise", at_least=0)
    noise_sigma = checks.number(noise_sigma, "noise_sigma", at_least=0)
    draws = checks.generator(rng)
    scores = stretches(text, splitter(split), longest, stride)
    total = sum(scores.values()) or 1  # single bytes at the starts count, too
    smallest = min(scores.values(), default=1)
    words = sorted(word for word in scores if len(word) > 1)  # ties go to the smaller bytes
    shares = np.array([scores[word] / total for word in words])  # (n_words,)
    sigma = noise * math.exp(noise_sigma * draws.standard_normal())  # one for all of them
    shares = shares + sigma * draws.standard_normal(len(words))
    best = np.argsort(-shares, kind="stable")[: vocab_size - 256]
    # What is at most 0 has no logarithm: it is a token that is never the best.
    logs = [math.log(share) if share > 0 else NEVER for share in shares[best].tolist()]
    singles = [math.log(smallest / total)] * 256
    tokens = [bytes([byte]) for byte in range(256)] + [words[i] for i in best]
    return UnigramLM(tokens, singles + logs, split=split)


def stretches(text: Any, split: Any, longest: int, stride: int) -> Counter[bytes]:
    """Count times length of each stretch of at most `longest` bytes."""
    scores: Counter[bytes] = Counter()
    chunks: Counter[str] = Counter()  # each distinct chunk is cut once
    for part in [text] if isinstance(text, str) else text:
        chunks.update(split(checked_text(part)))
    for chunk, count in chunks.items():
        data = as_bytes(chunk)  # stretches may end within a character
        for start in range(0, len(data), stride):
            for end in range(start + 1, min(start + longest, len(data)) + 1):
                scores[data[start:end]] += count * (end - start)
    return scores
