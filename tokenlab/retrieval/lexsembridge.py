r"""LexSemBridge: Fine-Grained Dense Representation Enhancement through Token-Aware Embedding
Augmentation.

Shaoxiong Zhan, Hai Lin, Hongming Tan, Xiaodong Cai, Hai-Tao Zheng, Xin Su, Zifei Shan, Ruitong Liu,
Hong-Gee Kim. 2025. arXiv:2508.17858

One vector for a whole query forgets which words it had. Here the words say how much each of its
dimensions counts: a weight for every word of the vocabulary becomes, through one matrix and a
softmax, a factor for every dimension, and the query's vector is multiplied by it. Passages stay.

| paper's symbol | name here | shape |
|---|---|---|
| $e_q$ | `e` | `(..., d)` |
| $w$ | `w`, from `slr`, `llr` or `clr` | `(..., vocab)` |
| $W$, $b$ | `weight`, `bias` | `(d, vocab)`, `(d,)` |
| $v$ | `v` | `(..., d)` |

Equations (the numbers are ours):

$$w_{SLR}(t) = \log(1 + \max_j [t = t_j]) \qquad (1)$$
$$w_{LLR} = \log(1 + \mathrm{ReLU}(h_{CLS} U + b)) \qquad (2)$$
$$w_{CLR} = \log(1 + \mathrm{ReLU}(\text{masked-LM logits})) \qquad (3)$$
$$v = \mathrm{softmax}(W w + b), \qquad e' = e_q \odot v \qquad (4)$$
$$L = -\log \frac{e^{q_i \cdot p_i / \tau}}{\sum_j e^{q_i \cdot p_j / \tau}} \qquad (5)$$

Example
-------
    v = slr_modulation(ids, weight)
    query = enhance(mean_vector, v)
    scores = passages @ query
"""

from collections.abc import Sequence
from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.models.layers import cross_entropy, softmax
from tokenlab.numerics import unit
from tokenlab.retrieval.whole_words import ordinary
from tokenlab.steps import step

__all__ = ["clr", "enhance", "info_nce", "llr", "modulation", "slr", "slr_modulation"]

VARIANTS = "paper", "official"


@takes(ids="n int", vocab="count", scale="number")
def slr(
    ids: Any, vocab: int, *, special: Sequence[int] = (), scale: float = 1.0, variant: str = "paper"
) -> Any:
    """Which words occur, (1); how often does not count.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    vocab : int
    special : sequence of int
        Tokens that get no weight, such as [CLS].
    scale : float
        What a word that occurs has: its logarithm with 1 for "paper", itself for "official", where
        a scale below 0 leaves nothing.
    variant : "paper" or "official"
        The released code learns the number, and takes no logarithm.

    Returns
    -------
    ndarray of shape (vocab,)
        float32.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Ids outside of the vocabulary, a negative scale for "paper".

    Examples
    --------
    >>> (slr([0, 2, 2], 4) > 0).tolist()  # log 2, or 0
    [True, False, True, False]
    """
    checks.choice(variant, "variant", VARIANTS)
    xp = get_xp(ids)
    here = occurring(ids, vocab, special)  # (n_words,)
    if variant == "paper":
        checks.not_negative(scale, "scale")
        scale = float(xp.log1p(xp.asarray(scale)))  # Eq. (1)
    w = xp.zeros(vocab, dtype=xp.float32)
    w[here] = max(scale, 0.0)  # the released maximum starts from zeros
    return w


def occurring(ids: Any, vocab: int, special: Sequence[int]) -> Any:
    """The different tokens of a text, without the special ones."""
    checks.within(ids, "ids", vocab, "vocab")
    here = get_xp(ids).unique(ids)  # (n_words,)
    return here[ordinary(here, special)]


@takes(hidden="d | n d", weight="d vocab | d", ids="n int")
def llr(
    *,
    hidden: Any,
    weight: Any,
    bias: Any = 0.0,
    ids: Any = None,
    vocab: int | None = None,
    special: Sequence[int] = (),
    variant: str = "paper",
) -> Any:
    """Learned weights of words, (2); "official" weighs the words that occur.

    Parameters
    ----------
    hidden : ndarray of shape (d,), or (n, d) for "official"
        The first token's state, or every token's.
    weight : ndarray of shape (d, vocab), or (d,) for "official"
    bias : float, or ndarray of shape (vocab,)
    ids : ndarray of shape (n,), vocab : int, special : sequence of int
        For "official": the tokens, how many there are, and those that get no weight.
    variant : "paper" or "official"
        The released code gives each token the number ReLU(hidden @ weight + bias), and each word
        the largest of its tokens' numbers.

    Returns
    -------
    ndarray of shape (vocab,)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes of the other variant; "official" without `ids` or `vocab`.

    Examples
    --------
    >>> llr(hidden=[1.0, 2.0], weight=[[1.0, -1.0], [0.0, 0.0]]).round(3).tolist()
    [0.693, 0.0]
    """
    checks.choice(variant, "variant", VARIANTS)
    xp, wanted = get_xp(hidden, weight), (1, 2) if variant == "paper" else (2, 1)
    if (hidden.ndim, weight.ndim) != wanted:
        expected = "(d,) and (d, vocab)" if variant == "paper" else "(n, d) and (d,)"
        raise ShapeError(
            f"{public_caller()}: hidden is {hidden.shape} and weight is {weight.shape}; expected "
            f'{expected} for variant="{variant}".'
        )
    scores = hidden @ weight  # (vocab,), or (n,)
    scores = xp.maximum(scores + bias_like(bias, scores), 0)
    if variant == "paper":
        return xp.log1p(scores)  # Eq. (2)
    if ids is None or vocab is None:
        raise InvalidInput(f'{public_caller()}: variant is "official"; pass ids and vocab.')
    vocab = checks.count(vocab, "vocab")
    here = occurring(ids, vocab, special)
    of = scores[:, None] * (ids[:, None] == here)  # (n, n_words), 0 for tokens of other words
    w = xp.zeros(vocab, dtype=scores.dtype)
    w[here] = of.max(axis=0)  # the largest of a word's tokens
    return w


def bias_like(bias: Any, x: Any) -> Any:
    """A number, or one for each entry of the last axis."""
    xp = get_xp(x)
    bias = checks.finite(checks.floats(bias, "bias", xp), "bias", xp)
    if bias.shape not in ((), x.shape[-1:]):
        raise ShapeError(
            f"{public_caller()}: bias is {bias.shape}; expected a number or {x.shape[-1:]}."
        )
    return bias.astype(x.dtype, copy=False)


@takes(logits="... vocab")
def clr(logits: Any) -> Any:
    """Weights of words from a masked language model's logits at the first token, (3).

    Parameters
    ----------
    logits : ndarray of shape (..., vocab)

    Returns
    -------
    ndarray of shape (..., vocab)

    Examples
    --------
    >>> clr([1.0, -2.0, 0.0, 3.0]).round(3).tolist()
    [0.693, 0.0, 0.0, 1.386]
    """
    xp = get_xp(logits)
    return xp.log1p(xp.maximum(logits, 0))  # Eq. (3)


@takes(w="... vocab", weight="d vocab laid")
def modulation(w: Any, weight: Any, bias: Any = 0.0) -> Any:
    """How much every dimension counts, the first half of (4).

    Parameters
    ----------
    w : ndarray of shape (..., vocab)
        Weights of words.
    weight : ndarray of shape (d, vocab)
    bias : float, or ndarray of shape (d,)

    Returns
    -------
    ndarray of shape (..., d)
        Positive, and adds up to 1. All 1 / d for `w = 0` and `bias = 0`, which changes no ranking.

    Examples
    --------
    >>> modulation([1.0, 0.0], [[1.0, 5.0], [1.0, -5.0]]).tolist()
    [0.5, 0.5]
    """
    said = w @ weight.T  # (..., d)
    if not bool(get_xp(said).isfinite(stop(said)).all()):  # fewer numbers than in `weight`
        checks.finite(weight, "weight", get_xp(weight))
    logits = step(said + bias_like(bias, said))  # (..., d) [W w + b] what the words say to each
    v = step(softmax(logits))  # (..., d) [v (4)] how much each dimension counts
    return v


@takes(ids="n int", weight="d vocab laid")
def slr_modulation(ids: Any, weight: Any, bias: Any = 0.0, *, special: Sequence[int] = ()) -> Any:
    """`modulation(slr(ids))`, from the columns of the words that occur alone.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    weight : ndarray of shape (d, vocab)
        Fastest as the transpose of a C-ordered `(vocab, d)`: the words are then rows.
    bias : float, or ndarray of shape (d,)
    special : sequence of int
        Tokens that get no weight.

    Returns
    -------
    ndarray of shape (d,)

    Examples
    --------
    >>> slr_modulation([0, 2, 2], [[1.0, 0, -1, 2], [0, 1, 1, 0]]).round(4).tolist()
    [0.3333, 0.6667]
    """
    xp, here = get_xp(weight), occurring(ids, weight.shape[1], special)
    rows = checks.finite(weight.T[here], "weight", xp)  # (n_words, d), nothing else is looked at
    two = xp.log(xp.asarray(2, dtype=weight.dtype))  # Eq. (1)
    summed = rows.sum(axis=0)  # (d,)
    return softmax(summed * two + bias_like(bias, summed))  # Eq. (4)


@takes(e="... d", v="... d", normalize="flag")
def enhance(e: Any, v: Any, *, normalize: bool = True) -> Any:
    """The query's vector with its dimensions weighed, the second half of (4).

    Parameters
    ----------
    e, v : ndarray of shape (..., d)
    normalize : bool
        To length one, for cosines; a row of zeros stays.

    Returns
    -------
    ndarray of shape (..., d)
        Every coordinate keeps its sign.

    Examples
    --------
    >>> enhance([0.6, 0.8], [1 / 3, 2 / 3]).round(4).tolist()
    [0.3511, 0.9363]
    """
    product = step(e * v)  # (..., d) [e ⊙ v (4)]
    if not normalize:
        return product
    return unit(product.reshape(-1, e.shape[-1])).reshape(e.shape)


@takes(queries="b d", passages="n d", temperature="positive", group="count")
def info_nce(queries: Any, passages: Any, *, temperature: float = 0.02, group: int = 1) -> Any:
    """The contrastive loss of (5), the mean over queries; every other passage is a wrong one.

    Parameters
    ----------
    queries : ndarray of shape (b, d)
    passages : ndarray of shape (b * group, d)
        Query i belongs to passage `i * group`; its hard negatives follow that one.
    temperature : float
    group : int

    Returns
    -------
    float, or a taped value

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Another number of passages; a temperature that is not positive.

    Examples
    --------
    >>> round(float(info_nce([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], temperature=1)), 4)
    0.3133
    """
    b = len(queries)
    if len(passages) != b * group:
        raise ShapeError(
            f"{public_caller()}: passages are {passages.shape}; expected ({b * group}, d), since "
            f"queries are {queries.shape} and group is {group}."
        )
    right = get_xp(queries, passages).arange(b) * group  # (b,), the passage of each query
    similarity = step(queries @ passages.T / temperature)  # (b, n) [q·p / τ]
    return cross_entropy(similarity, right)  # Eq. (5)


NOTES = r"""
Differs from the paper
----------------------
- The released code (`Jasaxion/LexSemBridge`): SLR is a learned number at the words that occur, no
  logarithm, and dead once it is below 0; LLR is one number a token, scattered to its word by the
  largest; only CLR is the paper's. `variant="official"` has both.
- Its temperature becomes 1 without normalisation; here it is what you pass.
- "Preserves the semantic direction" is a statement about signs: $v > 0$ keeps every coordinate's,
  so that $e' \cdot e > 0$. $e'$ is parallel to $e$ only where $v$ is constant on it.

Cost
----
(4) is a product with a $(d, vocab)$ matrix; for SLR only the columns of the words that occur.

Why not just
------------
A matrix of the query's vector, trained in the same way, also changes how dimensions count; and where
single words matter, MaxSim or BM25 look at words. On the Python FAQ with MiniLM's mean vectors SLR
changes nDCG@10 by -.008, .000 and +.004 for questions, keywords and parts of answers, a bias alone by
+.003, +.001 and -.004, MaxSim by -.011, +.080 and +.166 (`tools/findings/words_in_vectors.py`).
"""
