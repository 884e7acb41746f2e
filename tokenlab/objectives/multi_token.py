r"""Better & Faster Large Language Models via Multi-token Prediction.

Fabian Gloeckle, Badr Youbi Idrissi, Baptiste Rozière, David Lopez-Paz, Gabriel Synnaeve. ICML 2024.
arXiv:2404.19737

Several heads on one trunk predict the next token, the one after it, and so on, each from the same
state and without knowing what the others said. Every head has the usual loss, against labels that
are shifted one further.

| paper's symbol | name here | shape |
|---|---|---|
| head $j$ | `logits[j]` | `(b, n, vocab)` |
| $x$ | `labels` | `(b, n)` |

Equations (the numbers are ours):

$$L_j = -\frac{1}{\text{targets}} \sum_t \log p_j(x_{t+1+j} \mid x_{\le t}) \qquad (1)$$
$$L = \sum_j L_j \qquad (2)$$

Example
-------
    value = loss(logits, labels)
    head_losses(logits, labels)[0]  # of the next token, the only one that compares with others
"""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models.layers import cross_entropy
from tokenlab.steps import step

__all__ = ["head_losses", "loss"]


@takes(logits="k b n vocab", labels="b n int", ignore="integer")
def head_losses(logits: Any, labels: Any, *, ignore: int = -100) -> list[Any]:
    """The loss of each head, (1).

    Parameters
    ----------
    logits : ndarray of shape (k, b, n, vocab)
        `logits[j, :, t]` is about the token at `t + 1 + j`.
    labels : ndarray of shape (b, n)
        The tokens themselves, not shifted.
    ignore : int
        A label that counts nothing.

    Returns
    -------
    list of k float, or taped values
        0 for a head without a target.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A label that is no token and not `ignore`.

    Examples
    --------
    >>> logits = [[[[0.0, 0.0], [0.0, 0.0]]]] * 2
    >>> [round(float(x), 4) for x in head_losses(logits, [[0, 1]])]
    [0.6931, 0.0]
    """
    known_labels(labels, logits.shape[-1], ignore)
    return [shifted_loss(head, labels, 1 + j, ignore) for j, head in enumerate(logits)]


def known_labels(labels: Any, vocab: int, ignore: int, name: str = "labels") -> None:
    """Raise for a label that is neither a token nor ignored."""
    wrong = (labels != ignore) & ((labels < 0) | (labels >= vocab))
    if bool(wrong.any()):
        raise InvalidInput(
            f"{public_caller()}: {name} has {int(labels[wrong][0])}; expected 0 to {vocab - 1}, "
            f"since logits have vocab = {vocab}, or ignore = {ignore} for what does not count."
        )


def shifted_loss(logits: Any, labels: Any, shift: int, ignore: int) -> Any:
    """The mean of -log p of the labels that stand so far behind, (1); 0 if there are none."""
    ahead = labels[:, shift:]  # (b, n - shift)
    return mean_loss(logits[:, : ahead.shape[1]], ahead, ignore)


def mean_loss(logits: Any, labels: Any, ignore: int) -> Any:
    """The mean of -log p over labels that count, (1); 0 if there are none."""
    counts = labels != ignore
    if not bool(counts.any()):
        return logits.ravel()[:0].sum()  # 0, also on the tape
    # Weights of 0 and 1: rows that are picked out would have to be put back on the way back.
    xp = get_xp(logits, labels)
    return cross_entropy(logits, xp.where(counts, labels, 0), counts.astype(float))  # Eq. (1)


@takes(logits="k b n vocab", labels="b n int", ignore="integer")
def loss(logits: Any, labels: Any, *, ignore: int = -100) -> Any:
    """The sum over heads, (2).

    Parameters
    ----------
    logits, labels, ignore
        As in `head_losses`: ndarray of shape (k, b, n, vocab), (b, n).

    Returns
    -------
    float, or a taped value

    Examples
    --------
    >>> round(float(loss([[[[0.0, 0.0], [0.0, 0.0]]]] * 2, [[0, 1]])), 4)
    0.6931
    """
    each = head_losses(logits, labels, ignore=ignore)
    plain = get_xp(logits).stack([get_xp(logits).asarray(stop(x)) for x in each])
    step("head losses", plain, "one for each distance", eq="L_j (1)", axes=("head",))
    return sum(each[1:], each[0])  # Eq. (2)


NOTES = r"""
Differs from the paper
----------------------
The paper computes one head after the other, so that only one head's logits are held; here all are
given. Its heads are a transformer layer each; what makes the logits is yours.

Cost
----
`k` times the logits of a usual model.

Why not just
------------
The next token alone: in fine-tuning, heads that were not trained pull the trunk away from what it
could do. `caft` weighs them down.
"""
