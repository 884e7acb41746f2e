r"""Achieving Tokenizer Flexibility in Language Models through Heuristic Adaptation and Supertoken
Learning.

Shaurya Sharthak, Vinayak Pahalwan, Adithya Kamath, Adarsh Shirawalmath. 2025. arXiv:2505.09738

Byte-pair encoding whose tokens may hold several words: for learning, the text is cut at random,
some spaces and not others, and at use it is not cut at all. Frequent phrases become one token. The
authors cut everywhere, by lengths of chance, so that words are cut, too.

| paper's symbol | name here | shape |
|---|---|---|
| probability of a cut | `p` | number |
| chunk lengths | `lengths`, `AUTHORS` | (low, high) to probability |

$$\text{chunks} = c_1 c_2 \dots, \qquad P(\text{cut before word } i) = p, \qquad
\text{merges} = \mathrm{BPE}(\text{chunks})$$

Example
-------
    tokenizer = learn(text, 8192, p=0.3, rng=0)
    [tokenizer.tokens[i] for i in multi_word(tokenizer)]
    sweep(text, held_out, [1024, 8192], rng=0)
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput
from tokenlab.tokenizers.bpe import BPE
from tokenlab.tokenizers.measures import compression
from tokenlab.tokenizers.split import random_lengths, random_whitespace

__all__ = ["AUTHORS", "learn", "multi_word", "sweep"]

# The authors' ranges of lengths. As they are written they sum to 1.1, and their code refuses that.
WRITTEN = {
    (4, 5): 0.044,
    (6, 7): 0.091,
    (8, 9): 0.146,
    (10, 11): 0.171,
    (12, 13): 0.185,
    (14, 15): 0.171,
    (16, 17): 0.146,
    (18, 19): 0.091,
    (20, 21): 0.044,
    (22, 23): 0.011,
}
AUTHORS = {bounds: share / sum(WRITTEN.values()) for bounds, share in WRITTEN.items()}

INSIDE = re.compile(r"\S\s+\S")  # something, a space, something


@takes(text=checks.one_or_more_texts, special=checks.texts)
def learn(
    text: str | Iterable[str],
    vocab_size: int,
    *,
    p: float = 0.3,
    lengths: Mapping[tuple[int, int], float] | None = None,
    rng: Any = None,
    special: Sequence[str] = (),
    min_count: int = 1,
    max_token_bytes: int | None = None,
) -> BPE:
    """Learn merges across words.

    Parameters
    ----------
    text : str, or iterable of str
    vocab_size : int
        Bytes and merges, at least 256.
    p : float
        How likely a cut before each word is: 1 gives words, 0 the whole text as one chunk.
    lengths : dict of (low, high) to probability, optional
        Cut by these lengths instead, such as `AUTHORS`, also within words.
    rng : Generator, int or None
    special, min_count, max_token_bytes
        As in `BPE.train`.

    Returns
    -------
    BPE
        It encodes without cuts; after `p=1` at words, since no token goes beyond one.

    Examples
    --------
    >>> tokenizer = learn("of the sea and of the sky, of the air", 264, p=0.0)
    >>> [tokenizer.tokens[i] for i in multi_word(tokenizer)]
    [b'f t', b'of t', b'of the ', b' of the ']
    """
    p = checks.share(p, "p")
    # The splitter is called once for a text: a seed says what was cut.
    cut = random_whitespace(p, rng) if lengths is None else random_lengths(lengths, rng)
    options: dict[str, Any] = {"min_count": min_count, "max_token_bytes": max_token_bytes}
    # Merges stay within the chunks of chance, whatever spaces these hold.
    trained = BPE.train(text, vocab_size, split=cut, special=special, **options)
    # A token that was learned across spaces can only be met in a text that is not cut.
    split = "whitespace" if lengths is None and p == 1 else "none"
    return BPE(trained.tokens, trained.merges, split=split, special=trained.special)


def multi_word(tokenizer: Any) -> list[int]:
    """The ids of tokens that hold parts of two words: something, a space, something."""
    named = {*tokenizer.special.values(), *tokenizer.added.values()}
    return [
        i
        for i, token in enumerate(tokenizer.tokens)  # names are no words of a text
        if i not in named and INSIDE.search(token.decode(errors="replace"))
    ]


def sweep(
    text: str,
    held_out: str,
    vocab_sizes: Sequence[int],
    *,
    p: Sequence[float] = (1.0, 0.5, 0.3),
    lengths: Mapping[tuple[int, int], float] | None = AUTHORS,
    rng: Any = None,
) -> dict[str, np.ndarray]:
    """Bytes a token on a held-out text, for each vocabulary size.

    Parameters
    ----------
    text, held_out : str
        What is learned from, and what is measured on.
    vocab_sizes : sequence of int
    p : sequence of float
        Probabilities of cuts.
    lengths : dict of (low, high) to probability, optional
        One row more, cut by lengths.
    rng : Generator, int or None

    Returns
    -------
    dict of name to `(n_sizes,)` floats
        `"words"` (GPT-2's cuts), `"p = 1"`, ..., `"lengths"`.
    """
    wanted = [checks.count(size, "vocab_sizes", at_least=256) for size in vocab_sizes]
    if not wanted:
        # A table without columns says nothing.
        raise InvalidInput("sweep: vocab_sizes is empty; expected at least one vocabulary size.")
    draws = checks.generator(rng)  # one stream for all rows
    most = max(wanted)
    # One training for the largest: the first merges are those of smaller vocabularies.
    learned = {"words": BPE.train(text, most)}
    for share in p:
        learned[f"p = {share:g}"] = learn(text, most, p=share, rng=draws)
    if lengths is not None:
        learned["lengths"] = learn(text, most, lengths=lengths, rng=draws)
    # Cutting a vocabulary back is as good as learning the smaller one.
    return {
        name: np.array([compression(whole.truncate(size), held_out) for size in wanted])
        for name, whole in learned.items()
    }


NOTES = r"""
Differs from the paper
----------------------
- By default cuts are made before words alone, as KL3M's random splitter does. The authors' lengths
  are `AUTHORS`, scaled to sum to one; theirs sum to 1.1, and their code refuses such.
- The authors remove runs of seven equal characters, learn with `min_count=2` and stop tokens at 30
  letters. Here these are arguments, and nothing is removed.

Cost
----
That of byte-pair encoding. A text that is hardly cut is a few long chunks: counts are kept by
place, so that a merge costs the places at which it happens.

Why not just
------------
- *learn without any cut?* It works, and is `p=0`: but then tokens begin and end anywhere.
- *cut inside of words, too?* Tokens then begin in the middle of words, which costs more than it
  brings while the vocabulary is small.
"""
