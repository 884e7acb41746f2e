r"""Lexinvariant Language Models.

Qian Huang, Eric Zelikman, Sarah Li Chen, Yuhuai Wu, Gregory Valiant, Percy Liang. NeurIPS 2023.
arXiv:2305.16349

A language model that gives a text and every renaming of its symbols the same probability. It cannot
know what a symbol means but from the text itself, as one who reads a substitution cipher. The model
is trained with random embeddings, drawn anew for each text; with few symbols it can be had exactly.

| paper's symbol | name here | shape |
|---|---|---|
| $p$ | `lm` | |
| $\pi$, what each symbol stands for | `keys` | `(n_keys, vocab)` |
| $x$ | `ids` | `(n,)` |
| $\Pr[\pi \mid x_{<t}]$ | `log_posterior` | `(n + 1, n_keys)` |
| $p'(\cdot \mid x_{<t})$ | `predictive` | `(n + 1, vocab)` |
| $E$ | `table` | `(vocab, d)` |

$$p'(x) = \mathbb{E}_\pi\, p(\pi(x)) \qquad (1)$$
$$\Pr[\pi \mid x_{<t}] \propto \prod_{s<t} p(\pi(x_s) \mid \pi(x_{<s})), \quad
p'(x_t \mid x_{<t}) = \sum_\pi \Pr[\pi \mid x_{<t}]\, p(\pi(x_t) \mid \pi(x_{<t})) \qquad (2)$$
$$\log_2 p(\pi(x)) - \log_2 p'(x) \le \log_2 |V|! \qquad (3)$$
$$\tfrac1T \sum_t \lVert p' - p \rVert_1 \le \sqrt{2 \ln |V|! \,/\, T} \qquad (4)$$

Example
-------
    found = decipher(lm, ids)                        # an lm of at most 8 symbols
    found.keys[found.log_posterior[-1].argmax()]
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.embeddings.cipher_search import Key, swap_search
from tokenlab.embeddings.random_tables import forward, init, loss, random_embedding, semi_random
from tokenlab.errors import InvalidInput
from tokenlab.lm.protocol import ids_of, log_probs_batch, score
from tokenlab.steps import step

__all__ = [
    "Decipherment",
    "Key",
    "decipher",
    "forward",
    "gap_bound",
    "init",
    "invariant_log_prob",
    "keys",
    "log_prob",
    "loss",
    "random_embedding",
    "regret_bound",
    "semi_random",
    "swap_search",
]

MOST = 8  # symbols whose keys are listed: 40,320

of_language = checks.offering("vocab", "log_probs")


class Decipherment(NamedTuple):
    """All keys, how likely each is after every prefix, and what comes next, Eq. (2)."""

    keys: np.ndarray
    log_posterior: np.ndarray
    predictive: np.ndarray


@takes(lm=of_language)
def log_prob(lm: Any, ids: Any) -> float:
    """The log-probability of a text, natural.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    ids : sequence of int, (n,)

    Returns
    -------
    float

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> round(log_prob(from_function(lambda context: np.log([0.25, 0.75]), 2), [1, 1]), 4)
    -0.5754
    """
    return float(score(lm, ids_of(ids, "ids", lm.vocab)).sum())


@takes(lm=of_language)
def invariant_log_prob(lm: Any, ids: Any) -> float:
    """The log-probability of a text whose symbols may stand for anything, Eq. (1).

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
        Of at most 8 symbols.
    ids : sequence of int, (n,)

    Returns
    -------
    float
        The same for every renaming of the symbols.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> lm = from_function(lambda context: np.log([0.25, 0.75]), 2)
    >>> round(math.exp(invariant_log_prob(lm, [1, 1])), 4)  # (0.25² + 0.75²) / 2
    0.3125
    """
    ids = ids_of(ids, "ids", lm.vocab)
    every = keys(lm.vocab)
    with np.errstate(divide="ignore"):  # a text that no key allows has probability 0
        total = np.logaddexp.reduce(log_steps(lm, every, ids)[0].sum(axis=0))
    return float(total - math.log(len(every)))  # Eq. (1)


def keys(vocab: int) -> np.ndarray:
    """All keys: `keys(vocab)[k, x]` is what the observed x stands for under key k.

    Parameters
    ----------
    vocab : int
        1 to 8.

    Returns
    -------
    ndarray of shape (vocab!, vocab)
        int64, in order; the first one leaves all as it is.

    Examples
    --------
    >>> keys(3).tolist()
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    """
    vocab = checks.count(vocab, "vocab")
    if vocab > MOST:
        raise InvalidInput(
            f"keys: vocab is {vocab}, which has {vocab}! keys; expected at most {MOST}. swap_search "
            "finds one good key among many."
        )
    return np.array(list(itertools.permutations(range(vocab))))


def log_steps(lm: Any, every: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each symbol under each key (n, n_keys), and of all that could come (n + 1, n_keys, vocab)."""
    n = len(ids)
    ahead = np.empty((n + 1, *every.shape))
    for t in range(n + 1):
        read = every[:, ids[:t]]  # (n_keys, t), the text so far under each key
        # Keys that agree on the symbols seen so far read the same text, which is judged once.
        texts, whose = np.unique(read, axis=0, return_inverse=True)
        rows = log_probs_batch(lm, [tuple(text) for text in texts.tolist()])  # (n_texts, vocab)
        # Column x of a key is what it stands for: probabilities of observed symbols.
        ahead[t] = np.take_along_axis(rows[whose.reshape(-1)], every, axis=1)
    return ahead[np.arange(n), :, ids], ahead


@takes(lm=of_language)
def decipher(lm: Any, ids: Any) -> Decipherment:
    """Which key a ciphered text was made with, and what comes next, exactly: Eq. (2).

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
        What plain texts are like; of at most 8 symbols.
    ids : sequence of int, (n,)
        The observed symbols.

    Returns
    -------
    Decipherment
        `keys (n_keys, vocab)`; `log_posterior (n + 1, n_keys)` and `predictive (n + 1, vocab)`,
        of observed symbols, after each prefix from none to all.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A text that no key allows, too many symbols, ids beyond the vocabulary.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> lm = from_function(lambda context: np.log([0.25, 0.75]), 2)
    >>> np.exp(decipher(lm, [1, 1]).log_posterior[-1]).round(2).tolist()
    [0.9, 0.1]
    """
    ids = ids_of(ids, "ids", lm.vocab)
    every = keys(lm.vocab)
    taken, ahead = log_steps(lm, every, ids)
    joint = np.concatenate([np.zeros((1, len(every))), np.cumsum(taken, axis=0)])
    joint = step(joint)  # (n + 1, n_keys) [Eq. 2] each key's text up to here
    if np.isneginf(joint[-1].max()):
        raise InvalidInput(
            "decipher: ids is a text that no key allows; expected one that is possible under some "
            "key. Smooth the model, so that nothing is impossible."
        )
    log_posterior = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
    shares = step(np.exp(log_posterior))  # (n + 1, n_keys) [Pr(π | x)] how likely each key is
    with np.errstate(invalid="ignore"):
        predictive = step(
            (shares[:, :, None] * np.exp(ahead)).sum(axis=1)
        )  # (n + 1, vocab) [Eq. 2]
    return Decipherment(every, log_posterior, predictive)


def regret_bound(vocab: int) -> float:
    """Bits that not knowing the key costs at most, on any text: Eq. (3).

    Parameters
    ----------
    vocab : int

    Returns
    -------
    float

    Examples
    --------
    >>> round(regret_bound(3), 3), round(regret_bound(26), 1)
    (2.585, 88.4)
    """
    # The true key is one of |V|! that the mixture weighs alike.
    return math.lgamma(checks.count(vocab, "vocab") + 1) / math.log(2)


def gap_bound(vocab: int, n: int) -> float:
    """How far predictions are from those of one who knows the key, on average at most: Eq. (4).

    Parameters
    ----------
    vocab : int
    n : int
        Symbols of the text, T.

    Returns
    -------
    float
        An L1 distance, which is 2 at most anyway.

    Examples
    --------
    >>> round(gap_bound(26, 512), 3)
    0.489
    """
    n = checks.count(n, "n")
    return math.sqrt(2 * math.lgamma(checks.count(vocab, "vocab") + 1) / n)  # Pinsker's inequality


NOTES = r"""
Differs from the paper
----------------------
- The paper trains 150 million parameters on The Pile. Here the lexinvariant model of a small chain is
  computed, and `init`, `forward`, `loss` train a tiny one.
- Rows of the table are drawn from $N(0, I/d)$ and not from $N(0, I)$; a norm absorbs the scale.
- `forward` adds a learned map of the row of the token before. Without it tiny models first have to
  find out that neighbours matter. Renaming still changes nothing.
- Eq. (4) is elementary: a mixture with a uniform prior loses at most (3), and Pinsker's inequality
  does the rest. The paper's own rate is $O((|V| / T)^{1/4})$.

What came out
-------------
A chain of four symbols, 512 texts of 48 under names of their own, nats a symbol at the last 8 places
(`python -m tools.findings.embeddings lexinvariant`: 2 layers, d = 32, 4,000 steps of 64 texts, one
run): the key known 1.050, Bayes' rule 1.056, trained 1.111, trained without the row before 1.176,
symbols counted 1.418. From Bayes' rule the trained one diverges by .060, without the row before by
.107.

Cost
----
`decipher` judges $|V|!$ texts, those that agree so far once. `swap_search` takes
$|V|^2$ operations a swap.

Why not just ...
----------------
*... count letters?* Frequencies tell E from Q, and not N from S.
*... search for the best key?* On short texts the best key scores higher than the true one: then
information is missing. On longer ones the search may stop at a worse key: then the search fails.
"""
