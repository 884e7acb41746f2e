r"""Learn Your Tokens: Word-Pooled Tokenization for Language Modeling.

Avijit Thawani, Saurabh Ghanekar, Xiaoyuan Zhu, Jay Pujara. EMNLP Findings 2023. arXiv:2310.11628

A small encoder reads the characters of each word and pools them into `p` vectors. A transformer
reads the pooled words only. A small decoder spells the next word from its pooled vectors, one
character after the other, all words at once.

| paper's symbol | name here | shape |
|---|---|---|
| words of characters | `words` | `(t, c)` |
| CLS tokens | `p` | number |
| alphabet and end of word | `n_chars` | number |

$$h_i = \mathrm{Enc}([\mathrm{CLS}_{1..p};\, x_i])_{1..p}, \qquad
g = \mathrm{Backbone}(h_1, \dots, h_t) \tag{1}$$
$$P(x_{i+1}) = \prod_j P(x_{i+1,j} \mid g_i, x_{i+1,<j}), \qquad
\text{scores} = (t p)^2 + 2 t (p + c)^2 \tag{2}$$

Example
-------
    words, lengths, alphabet = split_words(text, max_chars=12)
    model = WordPooled(len(alphabet) + 1, p=4, max_chars=12, max_words=32, d=48, heads=4, rng=0)
    model.fit(words, 300, batch=16, rng=0)
    "".join(alphabet[i - 1] for i in model.next_word(words[:31]))
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, stop, to_numpy
from tokenlab.errors import ShapeError, public_caller
from tokenlab.models import transformer
from tokenlab.models.layers import embedding
from tokenlab.numerics import log_softmax
from tokenlab.steps import step
from tokenlab.tape import mapped
from tokenlab.tokenizers.words import (
    END,
    Words,
    attention_scores,
    backbone_mask,
    decoder_mask,
    encoder_mask,
    split_words,
)
from tokenlab.training import train

__all__ = [
    "WordPooled",
    "Words",
    "attention_scores",
    "backbone_mask",
    "baseline",
    "decoder_mask",
    "encoder_mask",
    "split_words",
]


class WordPooled:
    """A language model that reads words as `p` vectors and spells them.

    Parameters
    ----------
    n_chars : int
        Characters and the end of a word, which is 0.
    p : int
        Vectors of a word.
    max_chars, max_words : int
        Room for a word, and for words.
    d, heads : int
    layers : (int, int, int)
        Of encoder, backbone and decoder.
    rng : Generator, int or None

    Examples
    --------
    >>> words = split_words("to be or not to be").ids
    >>> model = WordPooled(7, p=2, max_chars=3, max_words=6, d=8, heads=2, rng=0)
    >>> model.log_probs(words).shape, model.word_log_probs(words).shape
    ((5, 3, 7), (5,))
    """

    def __init__(
        self,
        n_chars: int,
        *,
        p: int,
        max_chars: int,
        max_words: int,
        d: int,
        heads: int,
        layers: tuple[int, int, int] = (1, 2, 1),
        rng: Any = None,
    ):
        n_chars = checks.count(n_chars, "n_chars", at_least=2)
        self.p = checks.count(p, "p")
        self.max_chars = checks.count(max_chars, "max_chars")
        self.max_words = checks.count(max_words, "max_words")
        draws = checks.generator(rng)
        rows = self.p + self.max_chars  # places on a canvas
        sizes: dict[str, Any] = {"vocab": n_chars, "d": d, "heads": heads, "length": rows}
        # Three stacks of blocks; the embeddings and the last norm are those of the decoder.
        made = [transformer.init(**sizes, layers=n, rng=draws) for n in layers]
        self.params: dict[str, Any] = {
            "embed": made[2]["embed"],  # (n_chars, d)
            "cls": draws.standard_normal((self.p, d)).astype(np.float32) * d**-0.5,
            "encoder": made[0]["blocks"],
            "encoder_place": made[0]["place"],  # (p + c, d)
            "backbone": made[1]["blocks"],
            "word_place": (draws.standard_normal((self.max_words, self.p, d)) * d**-0.5).astype(
                np.float32
            ),
            "decoder": made[2]["blocks"],
            "decoder_place": made[2]["place"],
            "norm": made[2]["norm"],
        }

    def log_probs(self, words: Any) -> np.ndarray:
        """For every word but the first and each of its places, all characters: `(t - 1, c, n_chars)`.

        What stands at a place follows from the words before and the characters before it.
        """
        ids = self._checked(words)
        return np.asarray(stop(log_softmax(logits(self.params, ids, self.p))))

    def word_log_probs(self, words: Any) -> np.ndarray:
        """Of every word but the first, its end included, `(t - 1,)`; a full word has no end."""
        ids = self._checked(words)
        each = np.take_along_axis(self.log_probs(ids), ids[1:, :, None], axis=-1)[..., 0]
        return (each * counted(ids[1:])).sum(axis=-1)

    def loss(self, words: Any) -> float:
        """The mean over characters and ends of words, in nats; padding does not count."""
        ids = self._checked(words)
        return float(mean_loss(self.params, ids, self.p))

    def fit(
        self, words: Any, steps: int, *, batch: int = 16, rate: float = 3e-3, rng: Any = None
    ) -> list[float]:
        """Train on stretches of a long text of words `(n, c)`; the model changes in place."""
        ids = self._checked(words, most=False)
        batch = checks.count(batch, "batch")
        draws = checks.generator(rng)
        t = min(self.max_words, len(ids))  # a stretch that the model has room for

        def batches(_: Any) -> np.ndarray:
            starts = draws.integers(0, len(ids) - t + 1, batch)
            return ids[starts[:, None] + np.arange(t)]  # (batch, t, c)

        def loss(params: Any, some: Any) -> Any:
            return mean_loss(params, some, self.p)

        self.params, history = train(
            loss, self.params, batches, steps=steps, rate=rate, clip=1.0, label="words"
        )
        return history

    def next_word(self, words: Any) -> np.ndarray:
        """The likeliest next word, one character after the other, without its end."""
        ids = self._checked(words)[-self.max_words :]  # as many as there is room for
        pooled = backbone(self.params, ids, self.p)[-1:]  # (1, p, d)
        word = np.full((1, self.max_chars), END)  # (1, c) what is spelled so far
        for place in range(self.max_chars):
            found = int(to_numpy(stop(spelled(self.params, pooled, word)))[0, place].argmax())
            if found == END:
                return word[0, :place].astype(np.int64)
            word[0, place] = found
        return word[0].astype(np.int64)

    def _checked(self, words: Any, *, most: bool = True) -> np.ndarray:
        """Words `(t, c)` that fit the model."""
        ids = checks.shaped(checks.integers(words, "words", np), "words", ("t", "c"))
        if ids.shape[1] != self.max_chars or not len(ids) or (most and len(ids) > self.max_words):
            raise ShapeError(
                f"{public_caller()}: words is {ids.shape} = (t, c); expected c = {self.max_chars} "
                f"(max_chars) and t from 1 to {self.max_words} (max_words)."
            )
        checks.within(ids, "words", len(self.params["embed"]), "n_chars")
        return ids


# The model, as functions of its parameters.


def logits(params: dict[str, Any], words: Any, p: int) -> Any:
    """Of every word but the first, from the words before it: `(..., t - 1, c, n_chars)`."""
    pooled = backbone(params, words[..., :-1, :], p)
    return spelled(params, pooled, words[..., 1:, :])


def backbone(params: dict[str, Any], words: Any, p: int) -> Any:
    """What is known after each word: `(..., t, p, d)`."""
    t, c = words.shape[-2:]
    chars = embedding(params["embed"], words)  # (..., t, c, d)
    front = params["cls"] + np.zeros((*words.shape[:-1], 1, 1), np.float32)  # (..., t, p, d)
    canvas = get_xp(chars, front).concatenate([front, chars], axis=-2) + params["encoder_place"]
    mask = encoder_mask(lengths_of(words), p, c)[..., None, :, :]  # (..., t, 1, p + c, p + c)
    read = stack(params["encoder"], canvas, mask)
    pooled = step(read[..., :p, :])  # (..., t, p, d) [h, Eq. (1)] words as p vectors
    placed = pooled + params["word_place"][:t]
    flat = placed.reshape(*words.shape[:-2], t * p, placed.shape[-1])
    seen = stack(params["backbone"], flat, backbone_mask(t, p))
    return step(seen.reshape(*words.shape[:-2], t, p, -1))  # (..., t, p, d) [g, Eq. (1)]


def spelled(params: dict[str, Any], pooled: Any, words: Any) -> Any:
    """Logits of each character of words, from vectors of what came before: `(..., c, n_chars)`."""
    c = words.shape[-1]
    p = pooled.shape[-2]
    chars = embedding(params["embed"], words)
    canvas = get_xp(chars, pooled).concatenate([pooled, chars], axis=-2) + params["decoder_place"]
    out = stack(params["decoder"], canvas, decoder_mask(p, c))
    # The last pooled vector says the first character, the first character the second, ...
    states = transformer.normed(params["norm"], out[..., p - 1 : p + c - 1, :])
    return states @ params["embed"].T


def stack(blocks: list[dict[str, Any]], x: Any, mask: Any) -> Any:
    """Transformer blocks, one after the other."""
    for block in blocks:
        x = transformer.through(block, x, mask)
    return x


def lengths_of(words: Any) -> Any:
    """Characters before the first end, `(..., t)`; what follows it is padding."""
    return (np.cumsum(words == END, axis=-1) == 0).sum(axis=-1)


def counted(words: Any) -> Any:
    """1 for characters and the first end behind them, 0 for padding, `(..., c)`."""
    return (np.arange(words.shape[-1]) <= lengths_of(words)[..., None]).astype(np.float32)


def mean_loss(params: dict[str, Any], words: Any, p: int) -> Any:
    """The mean of -ln p over characters and ends."""
    logs = log_softmax(logits(params, words, p))
    right = words[..., 1:, :]  # (..., t - 1, c) the first word is not guessed
    # (..., t - 1, c) ln p of what was right
    each = get_xp(logs).take_along_axis(logs, right[..., None], axis=-1)[..., 0]
    weights = counted(right)  # padding counts nothing
    return -(each * weights).sum() / weights.sum()


def baseline(vocab: int, like: WordPooled, *, rng: Any = None) -> dict[str, Any]:
    """A plain transformer over characters or byte-pair tokens, of about as many parameters.

    Parameters
    ----------
    vocab : int
        Of its own tokens.
    like : WordPooled
        Whose layers, heads and number of parameters it takes.
    rng : Generator, int or None

    Returns
    -------
    dict
        Parameters for `models.transformer.forward`.
    """
    vocab = checks.count(vocab, "vocab")
    heads = like.params["backbone"][0]["qkv"].shape[2]
    layers = sum(len(like.params[name]) for name in ("encoder", "backbone", "decoder"))
    length = like.max_words * (like.max_chars + 1)  # characters, and the blanks between the words
    wanted = size(like.params)
    widths = range(heads, 1025, heads)
    # The width whose number of parameters comes nearest: all blocks, the table, the places.
    each = [12 * layers * d * d + (vocab + length + 4 * layers + 2) * d for d in widths]
    d = widths[int(np.abs(np.array(each) - wanted).argmin())]
    return transformer.init(vocab=vocab, d=d, layers=layers, heads=heads, length=length, rng=rng)


def size(params: Any) -> int:
    """How many numbers there are."""
    found = [0]  # summed over all leaves
    mapped(lambda x: found.append(np.size(x)), params)
    return sum(found)


NOTES = r"""
Differs from the paper
----------------------
- Nobody looks at padding. In the official code only padding does not look at padding, so that a
  number in the padding of a word moves later predictions; `variant="official"` shows that mask.
- An end of a word has an id of its own, 0, and the loss is the mean over characters and ends. The
  official loss counts padding, too, whose easy zeros make it small.
- CLS tokens have vectors of their own. In the official code their ids are those of ordinary
  characters.
- Places are added once to the decoder's canvas; the official code adds them twice.

Cost
----
Scores of attention: $(t p)^2$ in the backbone, $(p + c)^2$ for each word in encoder and decoder.

Why not just
------------
- *read characters?* Attention costs `(t c)^2`, and most of it spells words that are read anyway.
- *use byte-pair tokens?* They are fixed before training; rare words become rare tokens, or many.
"""
