r"""VQ-Logits: training the codes, and learning the map.

Jintian Shao, Hongyi Huang, Jiayi Wu, YiMing Cheng, ZhiYu Wu, You Shan, MingKai Zheng.
2025. arXiv:2505.10202

For a given map, training a head whose tokens share codes is classification into `n_codes` classes
with a constant for each class: the vocabulary appears nowhere. With the hidden states given this is
a convex problem. Between iters of training every token may move to the code that suits it best;
the normaliser is concave in the sizes of the codes, so that its tangent bounds the loss, all tokens
move at once, and the loss cannot rise.

| paper's symbol | name here | shape |
|---|---|---|
| $h_i$, $y_i$ | `hidden`, `token` | `(n, d)`, `(n,)` |
| $C$ | `head.codebook` | `(n_codes, d)` |
| $M$ | `head.mapping` | `(vocab,)` |
| $s_v = \sum_i p_i(v) h_i$ | `sums` | `(vocab, d)` |
| $\mu_k$ | `price` | `(n_codes,)` |

Equations, with $p_i$ the target of row $i$ (all on $y_i$, or the full head's probabilities):

$$L = -\sum_v s_v \cdot C_{M(v)} + \sum_i \log Z_i, \qquad
\frac{\partial L}{\partial C_k} = \sum_i \Big(\frac{n_k e^{L_c[k]}}{Z_i} - p_i(k)\Big) h_i
\qquad (1)$$
$$\mu_k = \sum_i \frac{e^{L_c[k]}}{Z_i}, \qquad
M(v) \leftarrow \arg\min_k \; \mu_k - s_v \cdot C_k \qquad (2)$$

Example
-------
    head = VQHead(codebook, mapping)
    train(head, hidden, token, epochs=10, rng=0)
    head = learn_mapping(head, hidden, teacher=full_head, iters=4, rng=0)
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.logits.code_order import CodeOrder
from tokenlab.logits.heads import Head
from tokenlab.logits.inputs import checked_hidden, checked_target, row_blocks
from tokenlab.logits.vq_logits import VQHead
from tokenlab.progress import track
from tokenlab.training import adam, adam_start, rate_at

__all__ = ["learn_mapping", "reassign", "train"]

H = TypeVar("H", bound=Head)


@takes(
    head=Head,
    hidden="n d",
    token="n int | n vocab",
    teacher=Head,
    epochs="count",
    batch="count",
    rate="positive",
    rng="rng",
)
def train(
    head: H,
    hidden: Any,
    token: Any = None,
    *,
    teacher: Head | None = None,
    epochs: int = 10,
    batch: int = 64,
    rate: float = 0.003,
    rng: np.random.Generator | int | None = None,
    label: str = "training",
) -> H:
    r"""Fit the parameters of a head by Adam on small batches, the rate falling to 0 as a cosine.

    Parameters
    ----------
    head : Head
        Any head of this family. Its parameters are replaced; the arrays it was made of are not
        changed. `head.history` is the mean loss of each epoch.
    hidden : ndarray of shape (n, d)
    token : ndarray of shape (n,) or (n, vocab), optional
        What came after each hidden state, or how probable every token is; not with `teacher`.
    teacher : Head, optional
        Its probabilities are the targets. For a `VQHead` they are kept as one number per row and
        code, for other heads as one per row and token.
    epochs, batch : int
        Passes over the rows, and rows in a step; all of them when there are fewer.
    rate : float
        The step of Adam at the beginning.
    rng : numpy.random.Generator, int or None
        For the order of the rows.
    label : str
        What the progress bar says.

    Returns
    -------
    Head
        The same head.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Neither or both of `token` and `teacher`, no rows, a rate that is not above 0.

    Examples
    --------
    >>> head = VQHead([[0.0], [0.0]], [0, 1, 1])
    >>> before = head.loss_and_grad([[1.0], [-1.0]], [0, 1]).loss
    >>> _ = train(head, [[1.0], [-1.0]], [0, 1], rate=0.1, rng=0)
    >>> head.loss_and_grad([[1.0], [-1.0]], [0, 1]).loss < before
    True
    """
    hidden, target = _checked(head, hidden, token, teacher)
    if teacher is not None:
        # (rows, n_codes) where codes are trained, or else (rows, vocab)
        parts = [head.targets(p) for _, p in _probabilities(teacher, hidden)]
        target = get_xp(hidden).concatenate(parts)
    elif target.ndim == 2:
        target = head.targets(target)
    batch = min(batch, len(hidden))
    rng = checks.generator(rng)
    xp = get_xp(hidden)
    steps = epochs * (len(hidden) // batch)
    history: list[float] = []
    params = dict(head.parameters)
    state = adam_start(params)
    for _ in track(range(epochs), label):
        order, total = xp.asarray(rng.permutation(len(hidden))), 0.0
        for first in range(0, len(hidden) - batch + 1, batch):
            rows = order[first : first + batch]  # (batch,)
            result = head.loss_and_grad(hidden[rows], target[rows])  # Eq. (1)
            grads = {name: result.grads.get(name) for name in params}
            now = rate_at(state.taken, steps, rate)  # falls to 0 as a cosine
            params, state = adam(params, grads, state, rate=now, betas=(0.9, 0.99))
            # New arrays: those that the head was made of stay as they are.
            head.replace(params)
            total += result.loss
        history.append(total / (len(hidden) // batch))
    head.history = history
    return head


@takes(head=VQHead, hidden="n d", token="n int | n vocab", teacher=Head)
def reassign(
    head: VQHead, hidden: Any, token: Any = None, *, teacher: Head | None = None
) -> VQHead:
    r"""Move every token to the code that suits it best, Eq. (2); the loss does not rise.

    Parameters
    ----------
    head : VQHead
        With `inner="uniform"`.
    hidden, token, teacher
        As in `train`; the loss that does not rise is the one on these.

    Returns
    -------
    VQHead
        A new head with the same codebook and bias.

    Raises
    ------
    InvalidInput
        Also for a head with `inner="unigram"`: break its ties when the map is learned.

    Examples
    --------
    >>> head = VQHead([[1.0], [-1.0]], [0, 0, 1])
    >>> reassign(head, [[3.0], [-3.0]], [0, 1]).mapping.tolist()
    [0, 1, 0]
    """
    if head.log_share is not None:
        raise InvalidInput(
            f'{public_caller()}: the head has inner="unigram"; use it first, break ties then.'
        )
    hidden, token = _checked(head, hidden, token, teacher)
    sums, mass = _target_sums(head, hidden, token, teacher)  # (vocab, d), (vocab,)
    xp = get_xp(hidden)
    price = xp.zeros(head.n_codes)  # mu
    for rows in row_blocks(head, hidden):
        # e^700 is more than any code can gain, and does not overflow.
        price += xp.exp(xp.minimum(head.scores(rows).astype(xp.float64), 700)).sum(axis=0)
    # The tangent of log Z in the sizes bounds the loss: each token chooses for itself.
    mapping = head.mapping.copy()  # (vocab,)
    # As many tokens at once as make 4 million costs.
    step = max(1, (1 << 22) // head.n_codes)
    for tokens in (slice(i, i + step) for i in range(0, head.vocab, step)):
        cost = price - sums[tokens] @ head.codebook.T  # Eq. (2), (tokens, n_codes)
        if head.bias is not None:
            cost -= mass[tokens, None] * head.bias
        at = xp.arange(len(cost)), head.mapping[tokens]  # where each token is now
        best = cost.argmin(axis=1)  # a token moves only to a code that is truly better
        mapping[tokens] = xp.where(cost.min(axis=1) < cost[at], best, head.mapping[tokens])
    return VQHead(head.codebook, mapping, bias=head.bias)


@takes(head=VQHead, hidden="n d", token="n int | n vocab", teacher=Head, iters="count")
def learn_mapping(
    head: VQHead,
    hidden: Any,
    token: Any = None,
    *,
    teacher: Head | None = None,
    iters: int = 4,
    **options: Any,
) -> VQHead:
    r"""Alternate between training the codes and reassigning the tokens; end with training.

    Parameters
    ----------
    head : VQHead
        Where to start from; it is not changed.
    hidden : ndarray of shape (n, d)
    token, teacher
        As in `train`.
    iters : int
        How often tokens are reassigned.
    **options
        For `train`, each time.

    Returns
    -------
    VQHead
        Its `history` is that of all iters.

    Examples
    --------
    >>> head = VQHead([[0.1], [-0.1]], [0, 1, 1])
    >>> learn_mapping(head, [[3.0], [-3.0]], [0, 1], iters=1, rng=0).mapping.tolist()
    [0, 1, 1]
    """
    options["rng"] = checks.generator(options.get("rng"))
    history: list[float] = []
    head = VQHead(head.codebook, head.mapping, bias=head.bias)  # a copy to train
    for turn in range(iters + 1):
        if turn:
            head = reassign(head, hidden, token, teacher=teacher)
        head = train(head, hidden, token, teacher=teacher, **options)
        history += head.history
    head.history = history
    return head


def _checked(head: Head, hidden: Any, token: Any, teacher: Head | None) -> tuple[Any, Any]:
    """Checked rows, and tokens or probabilities, or None where a teacher gives them."""
    hidden = checked_hidden(head, hidden)
    if (token is None) == (teacher is None):
        came = "neither token nor teacher" if token is None else "both token and teacher"
        raise InvalidInput(f"{public_caller()}: {came}; expected one of the two.")
    if teacher is None:
        return hidden, checked_target(head, "token", token, hidden, ("vocab", head.vocab))
    if teacher.vocab != head.vocab:
        raise ShapeError(
            f"{public_caller()}: teacher has vocab = {teacher.vocab}, head has {head.vocab}."
        )
    return hidden, None


def _probabilities(teacher: Head, hidden: Any) -> Iterator[tuple[Any, Any]]:
    """Blocks of rows, and the teacher's probabilities of all tokens for them."""
    for rows in row_blocks(teacher, hidden):
        yield rows, get_xp(rows).exp(teacher.log_softmax(rows))


def _target_sums(head: Head, hidden: Any, token: Any, teacher: Head | None) -> tuple[Any, Any]:
    """$s_v = \\sum_i p_i(v) h_i$ and $\\sum_i p_i(v)$ of every token."""
    xp = get_xp(hidden)
    if teacher is None and token.ndim == 2:
        return token.T @ hidden, token.sum(axis=0)
    if teacher is None:
        sums = CodeOrder.of(token, head.vocab).sums(hidden.T).T  # a sort is faster than add.at
        return sums, xp.bincount(token, minlength=head.vocab).astype(hidden.dtype)
    sums = xp.zeros((head.vocab, head.d), dtype=hidden.dtype)
    mass = xp.zeros(head.vocab, dtype=hidden.dtype)
    for rows, p in _probabilities(teacher, hidden):
        sums += p.T @ rows  # (vocab, d)
        mass += p.sum(axis=0)
    return sums, mass


NOTES = r"""
Differs from the paper
----------------------
- The paper trains the model and its head together, and its learned map is unspecified in what was
  at hand. Here the hidden states are given, and rule (2) is our own.
- `teacher=` trains on the probabilities of another head instead of the tokens that came. With few
  positions that is the difference between fitting and memorising.

Cost
----
$6\,d\,n_{codes}$ operations for each row in each epoch, whatever the vocabulary; a teacher's
probabilities once; (2) compares every token with every code, $2\,vocab\,n_{codes}\,d$.
Adam has $\beta_2 = 0.99$, not 0.999: runs here have few steps. The rows that are left over when an
epoch is cut into batches are not seen in that epoch.
"""
