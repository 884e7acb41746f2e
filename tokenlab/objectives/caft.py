r"""Improving large language models with concept-aware fine-tuning (CAFT).

Michael K. Chen, Xikun Zhang, Jiaxing Huang, Dacheng Tao. 2025. arXiv:2506.07833

A concept is often several tokens, and next-token fine-tuning teaches them piece by piece. Here
auxiliary heads, trained beforehand, predict the tokens after the next one, and their losses join
the main one with small weights that vanish towards the end. The heads are then dropped.

| paper's symbol | name here | shape |
|---|---|---|
| $L_0, L_k$ | `multi_token.head_losses` | |
| $\alpha$, $\beta$ | `alpha`, `beta` | |
| $\tau$ | `progress` | |
| $s(\tau)$ | `schedule(progress)` | |

Equations (the numbers are ours):

$$s(\tau) = \sin(\tfrac{\pi}{2} (1 - \tau)) \qquad (1)$$
$$L = L_0 + \sum_{k \ge 1} \beta^k\, \alpha\, s(\tau)\, L_k \qquad (2)$$
$$h_k = h + \mathrm{SiLU}(W_k h + b_k), \quad W_k = 0, b_k = 0 \text{ at first} \qquad (3)$$

Example
-------
    heads = init_heads(64, 3)
    logits = head_logits(heads, hidden, output)  # (4, b, n, vocab)
    value = loss(logits, labels, progress=step / steps)
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models import transformer
from tokenlab.models.layers import silu
from tokenlab.objectives.multi_token import head_losses
from tokenlab.steps import step
from tokenlab.tape import mapped

__all__ = [
    "coefficients",
    "concept_log_probs",
    "head_logits",
    "head_states",
    "init_heads",
    "loss",
    "schedule",
]

SCHEDULES: dict[str, Callable[[float], float]] = {
    "rsine": lambda tau: math.sin(math.pi / 2 * (1 - tau)),  # Eq. (1)
    "sine": lambda tau: math.sin(math.pi / 2 * tau),
    "linear": lambda tau: tau,
    "constant": lambda tau: 1.0,
}


@takes(progress="share")
def schedule(progress: float, kind: str = "rsine") -> float:
    """How much the auxiliary losses count at this point of the training, (1).

    Parameters
    ----------
    progress : float
        0 to 1.
    kind : "rsine", "sine", "linear" or "constant"
        The first falls from 1 to 0, the next two rise from 0 to 1.

    Returns
    -------
    float

    Examples
    --------
    >>> schedule(0.0), round(schedule(0.5), 4), schedule(1.0)
    (1.0, 0.7071, 0.0)
    """
    checks.choice(kind, "kind", tuple(SCHEDULES))
    return SCHEDULES[kind](progress)


@takes(k="count", progress="share", alpha="not negative", beta="not negative")
def coefficients(
    k: int, *, progress: float, alpha: float = 0.01, beta: float = 0.8, kind: str = "rsine"
) -> np.ndarray:
    """What the loss of each head is multiplied by in (2); the first is the model's own, with 1.

    Parameters
    ----------
    k : int
        Heads, the model's own included.
    progress, alpha, beta : float
    kind : str
        As in `schedule`.

    Returns
    -------
    ndarray of shape (k,)

    Examples
    --------
    >>> coefficients(3, progress=0.0).round(6).tolist()
    [1.0, 0.008, 0.0064]
    """
    falling = float(beta) ** np.arange(k)  # the first auxiliary head has beta already
    weights = alpha * schedule(progress, kind) * falling  # Eq. (2)
    weights[0] = 1.0  # the model's own, whatever the schedule
    return weights


@takes(logits="k b n vocab", labels="b n int", main="flag")
def loss(
    logits: Any,
    labels: Any,
    *,
    progress: float,
    alpha: float = 0.01,
    beta: float = 0.8,
    kind: str = "rsine",
    main: bool = True,
    ignore: int = -100,
) -> Any:
    """The loss of fine-tuning, (2).

    Parameters
    ----------
    logits : ndarray of shape (k, b, n, vocab)
        The model's own first, then those of the auxiliary heads.
    labels : ndarray of shape (b, n)
        Not shifted; `ignore` counts nothing, and a head without a label adds 0.
    progress, alpha, beta, kind
        As in `coefficients`.
    main : bool
        False leaves the model's own loss out, to train the heads alone.

    Returns
    -------
    float, or a taped value

    Examples
    --------
    >>> logits = [[[[0.0, 0.0]] * 3]] * 2
    >>> round(float(loss(logits, [[0, 1, 1]], progress=0.0)), 6)  # ln 2 times 1.008
    0.698692
    """
    each = head_losses(logits, labels, ignore=ignore)
    weights = coefficients(len(each), progress=progress, alpha=alpha, beta=beta, kind=kind)
    weights[0] = float(main)  # 0 while the heads are trained alone
    step("weights", weights, "of the losses of the heads", eq="βᵏ α s (2)", axes=("head",))
    terms = [x * float(w) for x, w in zip(each, weights, strict=True)]
    return sum(terms[1:], terms[0])  # Eq. (2)


def init_heads(
    d: int, k: int, *, kind: str = "linear", layer: Any = None, rng: Any = None
) -> list[dict[str, Any]]:
    """Parameters of `k` auxiliary heads.

    Parameters
    ----------
    d, k : int
    kind : "linear" or "layer"
        (3), which changes nothing at first; or a block of `models.transformer`.
    layer : dict, optional
        The block to start from, of which every head gets a copy of its own; by default a new one.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    list of k dict

    Examples
    --------
    >>> [head["weight"].shape for head in init_heads(4, 2)]
    [(4, 4), (4, 4)]
    """
    checks.choice(kind, "kind", ("linear", "layer"))
    d = checks.count(d, "d")
    k = checks.count(k, "k")
    if kind == "linear":
        zeros = {"weight": np.zeros((d, d), np.float32), "bias": np.zeros(d, np.float32)}
        return [mapped(np.copy, zeros) for _ in range(k)]  # each its own
    if layer is None:  # new ones, with as many attention heads as divide d
        heads = max(h for h in (1, 2, 4) if d % h == 0)
        made = transformer.init(vocab=1, d=d, layers=k, heads=heads, rng=rng)
        return made["blocks"]
    return [mapped(lambda x: x.copy(), layer) for _ in range(k)]


@takes(hidden="b n d")
def head_states(heads: list[dict[str, Any]], hidden: Any) -> list[Any]:
    """The given states, and behind them those of each head, (3).

    Parameters
    ----------
    heads : list of dict
        From `init_heads`.
    hidden : ndarray of shape (b, n, d)

    Returns
    -------
    list of k + 1 ndarray of shape (b, n, d)

    Examples
    --------
    >>> hidden = np.ones((1, 2, 4))
    >>> [bool((x == hidden).all()) for x in head_states(init_heads(4, 2), hidden)]
    [True, True, True]
    """
    n, xp = hidden.shape[1], get_xp(hidden)
    causal = transformer.seen(xp, n, None)  # (n, n), for heads that are blocks
    states = [hidden]  # the model's own first
    for head in checks.sequence(heads, "heads"):
        if "weight" in checks.mapping(head, "heads"):
            states.append(hidden + silu(hidden @ head["weight"] + head["bias"]))  # Eq. (3)
        else:
            states.append(transformer.through(head, hidden, causal))
    return states


@takes(hidden="b n d", output="d vocab", norm="function")
def head_logits(
    heads: list[dict[str, Any]],
    hidden: Any,
    output: Any,
    *,
    norm: Callable[[Any], Any] | None = None,
) -> Any:
    """Logits of the model and of every head, by the one output matrix.

    Parameters
    ----------
    heads, hidden
        As in `head_states`: list of dict, ndarray of shape (b, n, d).
    output : ndarray of shape (d, vocab)
    norm : callable, optional
        The model's last norm, for the states of the heads; the given ones have passed it.

    Returns
    -------
    ndarray of shape (k + 1, b, n, vocab)

    Examples
    --------
    >>> head_logits(init_heads(4, 2), np.ones((1, 2, 4)), np.ones((4, 5))).shape
    (3, 1, 2, 5)
    """
    own, *others = head_states(heads, hidden)
    states = [own, *(x if norm is None else norm(x) for x in others)]  # each (b, n, d)
    return get_xp(hidden, output).stack([x @ output for x in states])


@takes(log_probs="n vocab inf", ids="n int", spans="m 2 int")
def concept_log_probs(log_probs: Any, ids: Any, spans: Any) -> Any:
    """The log-probability of whole concepts: the sum over their tokens.

    Parameters
    ----------
    log_probs : ndarray of shape (n, vocab)
        Row t is about token t + 1.
    ids : ndarray of shape (n,)
    spans : ndarray of shape (m, 2)
        Where each concept starts, at 1 or later, and where it stops.

    Returns
    -------
    ndarray of shape (m,)
        Natural logarithms.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A span that starts at 0, where nothing predicts it, is empty, or leaves the text.

    Examples
    --------
    >>> concept_log_probs(np.log(np.full((3, 2), 0.5)), [0, 1, 1], [[1, 3]]).round(4).tolist()
    [-1.3863]
    """
    xp, n = get_xp(log_probs, ids), len(ids)
    checks.within(ids, "ids", log_probs.shape[1], "vocab")
    start, end = spans[:, 0], spans[:, 1]
    if bool(((start < 1) | (end <= start) | (end > n)).any()):
        raise InvalidInput(
            f"{public_caller()}: spans run from {int(start.min())} to {int(end.max())}; expected "
            f"1 <= start < stop <= {n} = n: a concept at 0 is predicted by nothing."
        )
    each = log_probs[xp.arange(n - 1), ids[1:]]  # (n - 1,), of token t + 1, one place before it
    return xp.stack([each[a - 1 : b - 1].sum() for a, b in spans.tolist()])


NOTES = r"""
Differs from the paper
----------------------
- The released linear head (`michaelchen-lab/caft-llm`, `caft/core.py`) zeroes its weight and not
  its bias, so that it is not the identity at the start; here both are 0.
- There a head whose labels are all ignored makes the whole loss NaN; here it adds 0.
- Its heads read the last norm's output in fine-tuning and the layer before the last in their own
  training, and meet the output matrix without a norm; pass `norm`.
- The weight of the first auxiliary head is $\beta$, not 1, there and here. With accumulated gradients
  its loss is a mean of means; here a batch is a batch.
- `sine_<ratio>`, a schedule of the code that its command line does not offer, is left out.

Cost
----
Each head is a layer and a product with the output matrix, in training alone.

Why not just
------------
With alpha = 0.01 the auxiliary share of the loss is some 3.5 %, and falls to 0: run plain fine-tuning
beside it, with several seeds.
"""
