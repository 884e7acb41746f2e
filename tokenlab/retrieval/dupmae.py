r"""DupMAE, from "RetroMAE-2: Duplex Masked Auto-Encoder For Pre-Training Retrieval-Oriented
Language Models".

Zheng Liu, Shitao Xiao, Yingxia Shao, Zhao Cao. ACL 2023. arXiv:2305.02564

An encoder is trained so that all of its states say what the text was: from the first token's state
alone a small decoder rebuilds the text, and the other tokens' states predict, by one maximum for
every word of the vocabulary, which words occurred. For retrieval both stand side by side.

| paper's symbol | name here | shape |
|---|---|---|
| $H_X W_O$ | `logits` | `(n, vocab)` |
| $\mu_X$ | `mu` | `(vocab,)` |
| $h_X$ | `cls`, `dense` | `(d,)` |
| $I_X$ | `Lexical.ids` | `(k,)` |
| $M$ | `visible` | `(n, n)` |

Equations (the numbers are ours):

$$\mu_X = \max_i\, (H_X W_O)_i \qquad (1)$$
$$L_{BoW} = -\sum_{x \in set(X)} \log \mathrm{softmax}(\mu_X)_x \qquad (2)$$
$$L = L_{mlm} + L_{dec} + L_{BoW} \qquad (3)$$
$$\langle q, d \rangle = h_q \cdot h_d + \sum_{i \in I_d} \mu_q[i]\, \mu_d[i] \qquad (4)$$

Example
-------
    params = init(vocab=vocab, d=64, rng=0)
    h = encode(params, ids)
    mu = bag_logits(token_logits(params, h[1:]))
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.blocks import by_rows
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models.layers import cross_entropy
from tokenlab.numerics import log_softmax
from tokenlab.retrieval.dupmae_index import DupIndex, Lexical, scores, search, sparsify
from tokenlab.retrieval.dupmae_model import encode, enhanced_decode, init, token_logits
from tokenlab.retrieval.whole_words import decoder_mask, encoder_mask, ordinary
from tokenlab.steps import step

__all__ = [
    "DupIndex",
    "Lexical",
    "Losses",
    "bag_logits",
    "bag_of_states",
    "bow_loss",
    "bow_weights",
    "decoder_mask",
    "encode",
    "encoder_mask",
    "enhanced_decode",
    "init",
    "losses",
    "scores",
    "search",
    "sparsify",
    "token_logits",
]

VARIANTS = "paper", "official"
BAG_SHARE = {"paper": 1.0, "official": 0.1}  # the weight of (2) in (3)


class Losses(NamedTuple):
    """The sum (3), and its parts."""

    total: Any
    mlm: Any
    decoder: Any
    bow: Any


@takes(logits="n vocab | b n vocab", mask="n bool | b n bool")
def bag_logits(logits: Any, mask: Any = None) -> Any:
    """The bag of a text: the largest logit of every word over its tokens, (1).

    Parameters
    ----------
    logits : ndarray of shape (n, vocab) or (b, n, vocab)
    mask : ndarray of shape (n,) or (b, n), optional
        True for the tokens that count.

    Returns
    -------
    ndarray of shape (vocab,) or (b, vocab)
        The gradient goes to the first of the best tokens.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A text without a token that counts.

    Examples
    --------
    >>> bag_logits([[2.0, 0.0, 1.0, -1.0], [0.0, 3.0, 0.5, -2.0]]).tolist()
    [2.0, 3.0, 1.0, -1.0]
    """
    xp = get_xp(logits)
    if mask is not None:
        empty = ~mask.any(axis=-1)  # (), or (b,)
        if bool(empty.any()):
            raise InvalidInput(
                f"{public_caller()}: mask has {int(empty.sum())} texts without True; expected a "
                "token to count in each."
            )
        logits = xp.where(mask[..., None], logits, -xp.inf)
    best = stop(logits).argmax(axis=-2)[..., None, :]  # (..., 1, vocab), the first of equal ones
    mu = step(xp.take_along_axis(logits, best, axis=-2)[..., 0, :])  # (..., vocab) [μ (1)]
    return mu


@takes(embed="vocab d laid", h="n d", mask="n bool")
@by_rows(lambda embed, h, mask=None: len(h))
def bag_of_states(embed: Any, h: Any, mask: Any = None) -> Any:
    """`bag_logits(token_logits(params, h))`, some words after the others: no logits are kept.

    Parameters
    ----------
    embed : ndarray of shape (vocab, d)
        The words' vectors, `params["embed"]`.
    h : ndarray of shape (n, d)
        The states of a text.
    mask : ndarray of shape (n,), optional
        True for the tokens that count.

    Returns
    -------
    ndarray of shape (vocab,)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A text without a token that counts.

    Examples
    --------
    >>> bag_of_states([[1.0, 0.0], [0.0, 1.0]], [[2.0, 3.0], [4.0, -1.0]]).tolist()
    [4.0, 3.0]
    """
    if mask is not None:
        h = h[mask]
        if not len(h):
            raise InvalidInput(f"{public_caller()}: mask is nowhere True; expected a token.")
    mu = (h @ embed.T).max(axis=0)  # (vocab,), Eq. (1)
    if not bool(get_xp(mu).isfinite(stop(mu)).all()):  # seen in fewer numbers than in `embed`
        checks.finite(embed, "embed", get_xp(mu))
    return mu


@takes(ids="n int", vocab="count")
def bow_weights(
    ids: Any, vocab: int, *, variant: str = "paper", special: Sequence[int] = ()
) -> Any:
    """How much each word of the vocabulary counts in (2): 1 for those that occur.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    vocab : int
    variant : "paper" or "official"
        The released code divides by the number of tokens.
    special : sequence of int
        Tokens that do not count.

    Returns
    -------
    ndarray of shape (vocab,)
        float32.

    Examples
    --------
    >>> bow_weights([0, 1, 1, 3], 4, special=[3]).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    checks.choice(variant, "variant", VARIANTS)
    checks.within(ids, "ids", vocab, "vocab")
    xp = get_xp(ids)
    words = ids[ordinary(ids, special)]
    weights = xp.zeros(vocab, dtype=xp.float32)
    weights[words] = 1 if variant == "paper" else 1 / max(len(words), 1)  # repeats count in len
    return weights


@takes(mu="vocab", ids="n int")
def bow_loss(mu: Any, ids: Any, *, variant: str = "paper", special: Sequence[int] = ()) -> Any:
    """The loss of a text's bag, (2).

    Parameters
    ----------
    mu : ndarray of shape (vocab,)
    ids : ndarray of shape (n,)
        The text.
    variant, special
        As in `bow_weights`.

    Returns
    -------
    float, or a taped value

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A text of special tokens alone.

    Examples
    --------
    >>> round(float(bow_loss([2.0, 3.0, 1.0, -1.0], [0, 1, 1])), 4)
    1.8394
    """
    weights = bow_weights(ids, mu.shape[-1], variant=variant, special=special)
    if not bool(weights.any()):
        raise InvalidInput(f"{public_caller()}: ids are special tokens alone; expected a word.")
    return -(weights.astype(mu.dtype) * log_softmax(mu)).sum()  # Eq. (2)


@takes(ids="b n int", masked="b n bool", visible="b n n bool", mask_id="whole")
def losses(
    params: dict[str, Any],
    ids: Any,
    *,
    masked: Any,
    visible: Any,
    mask_id: int,
    special: Sequence[int] = (),
    variant: str = "paper",
) -> Losses:
    """The three losses of (3) for a batch of texts of equal length.

    Parameters
    ----------
    params : dict
    ids : ndarray of shape (b, n)
        The first token of each is [CLS].
    masked : ndarray of shape (b, n)
        True where the encoder sees `mask_id` instead.
    visible : ndarray of shape (b, n, n)
        For `enhanced_decode`.
    mask_id : int
    special : sequence of int
        Tokens that are not rebuilt and not in the bag.
    variant : "paper" or "official"
        "official" takes the bag over every token behind the first, and a tenth of its loss.

    Returns
    -------
    Losses
        Means: over masked tokens, over words, over texts.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Nothing masked, a text without words.

    Examples
    --------
    >>> params, masks = init(vocab=9, d=8, rng=0), {"masked": [[False, True, False]]}
    >>> masks["visible"] = decoder_mask(3)[None]
    >>> found = losses(params, [[0, 4, 5]], **masks, mask_id=8)
    >>> bool(found.total == found.mlm + found.decoder + found.bow)
    True
    """
    checks.choice(variant, "variant", VARIANTS)
    xp = get_xp(ids)
    b, n = ids.shape
    if not bool(masked.any()):
        raise InvalidInput(f"{public_caller()}: masked is nowhere True; expected a masked token.")
    words = ordinary(ids, special) & (xp.arange(n) > 0)  # (b, n)
    h = encode(params, xp.where(masked, mask_id, ids))  # (b, n, d)
    logits = token_logits(params, h)  # (b, n, vocab)
    mlm = cross_entropy(logits[masked], ids[masked])  # the tokens that were taken away
    rebuilt = token_logits(params, enhanced_decode(params, h[:, 0], ids, visible))
    # The decoder is weak, so that the first token's state must hold the text.
    decoder = cross_entropy(rebuilt[words], ids[words])
    bagged = words & ~masked if variant == "paper" else xp.broadcast_to(xp.arange(n) > 0, (b, n))
    mu = bag_logits(logits, bagged)  # (b, vocab)
    options: dict[str, Any] = {"variant": variant, "special": special}
    bow = sum(bow_loss(mu[i], ids[i, 1:], **options) for i in range(b)) / b
    return Losses(mlm + decoder + BAG_SHARE[variant] * bow, mlm, decoder, bow)  # Eq. (3)


NOTES = r"""
Differs from the paper
----------------------
- Masked tokens become `mask_id`; the released code (`staoxiao/RetroMAE`, `modeling_duplex`)
  replaces 10 % by others and leaves 10 %.
- There the bag's loss counts a tenth, each word 1 / len, and the maximum runs over [MASK] and [SEP],
  too: `variant="official"`. Its head is a dense layer, a GELU and a norm; here it is the embeddings.
- (4) is not in the repository; `scores` is written from the paper.

Cost
----
An encoder's step, one layer more, and a maximum over $(n, vocab)$. (4) reads `k` numbers a document.

Why not just
------------
On the Python FAQ with MiniLM's states, the bag lifts the first state from an nDCG@10 of .661 to .760
for questions. Each word's mean state as a matrix, untrained, gives .773, and the mean of all states
.903; for keywords MaxSim has .980 (`tools/findings/words_in_vectors.py`). A document that keeps every
word finds little: .333 by the bag alone, .691 with 256 words.

SPLADE's bag has a ReLU and a penalty, and is sparse for queries as well. Bag products are hundreds
where cosines are at most one: standardise both for each query before they are added.
"""
