r"""What the output layers of this family share: methods, cross entropy, drawing, dense logits.

A head turns hidden states `(n, d)` into a distribution over `vocab` tokens. Every head here has the
same methods, so that a comparison is a loop over heads: `log_prob`, `log_softmax`, `topk`,
`sample`, `loss_and_grad`, `parameters`, `n_parameters`.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library
from tokenlab.blocks import joined
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.logits.inputs import checked_hidden, checked_target, labels_or_shares, row_blocks
from tokenlab.numerics import TopK, log_softmax, topk

__all__ = ["DenseHead", "Head", "HeadLoss", "cross_entropy", "draw", "log_sum_exp"]


class HeadLoss(NamedTuple):
    """Mean cross entropy, its gradient for each parameter by name, and for the hidden states."""

    loss: float
    grads: dict[str, Any]
    hidden_grad: Any


class Head:
    """An output layer: what follows from `log_softmax`, and the checks of what comes in."""

    vocab: int
    d: int
    history: list[float]  # after training: the mean loss of each epoch

    @property
    def parameters(self) -> dict[str, Any]:
        """The trainable arrays by attribute name."""
        raise NotImplementedError

    def replace(self, parameters: dict[str, Any]) -> None:
        """Put other arrays of the same shapes in the place of the parameters."""
        for name, x in parameters.items():
            setattr(self, name, x)

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import head_html

        return head_html(self)

    @property
    def n_parameters(self) -> int:
        """How many numbers the head stores."""
        return sum(int(x.size) for x in self.parameters.values())

    @takes()
    def log_softmax(self, hidden: Any) -> Any:
        """Log-probabilities of all tokens, `(n, vocab)`."""
        raise NotImplementedError

    @takes()
    def loss_and_grad(self, hidden: Any, target: Any) -> HeadLoss:
        """Mean cross entropy and its gradient."""
        raise NotImplementedError

    def targets(self, probabilities: Any) -> Any:
        """What `loss_and_grad` takes for these probabilities of all tokens, `(n, vocab)`."""
        return probabilities

    @takes(k="count")
    def topk(self, hidden: Any, k: int) -> TopK:
        """The `k` most probable tokens of each row and their log-probabilities, ties by id."""
        hidden = checked_hidden(self, hidden)
        k = min(checks.count(k, "k"), self.vocab)
        parts = [topk(self.log_softmax(rows), k) for rows in row_blocks(self, hidden)]
        return joined(parts, get_xp(hidden))

    @takes(rng="rng", size="count")
    def sample(
        self, hidden: Any, rng: np.random.Generator | int | None = None, size: int | None = None
    ) -> Any:
        """One token for each row, `(n,)`, or `size` tokens for each, `(n, size)`."""
        hidden = checked_hidden(self, hidden)
        xp = get_xp(hidden)
        rng = checks.generator(rng)
        n_draws = 1 if size is None else checks.count(size, "size")
        parts = []
        for rows in row_blocks(self, hidden):
            u = xp.asarray(rng.random((len(rows), n_draws)))
            parts.append(draw(xp.exp(self.log_softmax(rows)), u))  # (rows, n_draws)
        tokens = xp.concatenate(parts)  # (n, n_draws)
        return tokens[:, 0] if size is None else tokens


class DenseHead(Head):
    """A head that computes a logit for every token; blocks of rows bound the memory."""

    def logits(self, hidden: Any) -> Any:
        """Scores of all tokens before the softmax, `(n, vocab)`."""
        raise NotImplementedError

    def backward(self, hidden: Any, logits_grad: Any) -> tuple[dict[str, Any], Any]:
        """Gradients of the parameters and of `hidden`, from the gradient of the logits."""
        raise NotImplementedError

    @takes()
    def log_softmax(self, hidden: Any) -> Any:
        """Log-probabilities of all tokens, `(n, vocab)`."""
        hidden = checked_hidden(self, hidden)
        parts = [log_softmax(self.logits(rows)) for rows in row_blocks(self, hidden)]
        return get_xp(hidden).concatenate(parts)

    @takes()
    def log_prob(self, hidden: Any, token: Any) -> Any:
        """Log-probability of `token (n,)` after `hidden (n, d)`, `(n,)`."""
        hidden = checked_hidden(self, hidden)
        token = checked_target(self, "token", token, hidden)
        xp, first, parts = get_xp(hidden), 0, []
        for rows in row_blocks(self, hidden):
            mine = token[first : first + len(rows), None]  # (rows, 1)
            logits = self.logits(rows)  # (rows, vocab)
            right = xp.take_along_axis(logits, mine, axis=1)[:, 0]
            parts.append(right - log_sum_exp(logits))
            first += len(rows)
        return xp.concatenate(parts)

    @takes()
    def loss_and_grad(self, hidden: Any, target: Any) -> HeadLoss:
        """Mean cross entropy of tokens `(n,)`, or of distributions `(n, vocab)`."""
        hidden = checked_hidden(self, hidden)
        target = checked_target(self, "target", target, hidden, ("vocab", self.vocab))
        if len(hidden) == 0:
            raise InvalidInput(f"{public_caller()}: hidden has no rows; a mean needs one.")
        total, first, hidden_grads = 0.0, 0, []
        sums: dict[str, Any] = {}
        for rows in row_blocks(self, hidden):
            mine = target[first : first + len(rows)]
            loss, logits_grad = softmax_loss(self.logits(rows), mine)  # (rows, vocab)
            # The mean is over all rows, not over those of this block.
            grads, hidden_grad = self.backward(rows, logits_grad / len(hidden))
            sums = {name: sums.get(name, 0) + grad for name, grad in grads.items()}
            hidden_grads.append(hidden_grad)
            total += loss
            first += len(rows)
        return HeadLoss(total / len(hidden), sums, get_xp(hidden).concatenate(hidden_grads))


@takes(logits="n? c inf")
def cross_entropy(logits: Any, target: Any) -> tuple[float, Any]:
    r"""Summed cross entropy and its gradient, softmax minus target.

    Parameters
    ----------
    logits : ndarray of shape (n, c)
        `-inf` means impossible.
    target : ndarray of shape (n,) or (n, c)
        The right class of each row, or a weight for each class. The weights of a row need not add
        up to one.

    Returns
    -------
    loss, gradient
        The sum over the rows, and an array like `logits`.

    Examples
    --------
    >>> loss, gradient = cross_entropy([[0.0, 0.0]], [1])
    >>> round(loss, 4), gradient.tolist()
    (0.6931, [[0.5, -0.5]])
    """
    xp, c = shared_library([logits, target], ["logits", "target"]), ("c", logits.shape[1])
    return softmax_loss(logits, labels_or_shares("target", target, xp, len(logits), c, c))


def softmax_loss(logits: Any, target: Any) -> tuple[float, Any]:
    """`cross_entropy` of what has been checked."""
    xp, log_p = get_xp(logits, target), log_softmax(logits)
    gradient = xp.exp(log_p)  # (n, c)
    if target.ndim == 2:
        # The softmax of a row counts as often as its weights add up to.
        gradient = gradient * target.sum(axis=1, keepdims=True) - target  # (n, c)
        terms = target * xp.where(target == 0, xp.zeros_like(log_p), log_p)  # 0 times -inf is 0
        return -float(terms.sum()), gradient.astype(log_p.dtype, copy=False)
    rows = xp.arange(len(log_p))
    gradient[rows, target] -= 1  # softmax minus the target, (n, c)
    return -float(log_p[rows, target].sum()), gradient


@takes(x="n? c inf")
def log_sum_exp(x: Any) -> Any:
    r"""$\log \sum_j e^{x_{ij}}$ of each row, computed from $x - \max x$.

    Parameters
    ----------
    x : ndarray of shape (n, c)
        `-inf` adds nothing; a row of only `-inf` gives NaN.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> log_sum_exp([[0.0, 0.0], [1000.0, -np.inf]]).round(4).tolist()
    [0.6931, 1000.0]
    """
    xp = get_xp(x)
    highest = x.max(axis=1, keepdims=True)  # (n, 1)
    return highest[:, 0] + xp.log(xp.exp(x - highest).sum(axis=1))


def safe_log(x: Any) -> Any:
    """`log(x)`, and `-inf` for 0, without a warning."""
    xp = get_xp(x)
    # The inner one keeps the logarithm away from 0, which would warn.
    return xp.where(x > 0, xp.log(xp.where(x > 0, x, xp.ones_like(x))), -xp.inf)


@takes(weights="n? c inf", u="n? m")
def draw(weights: Any, u: Any) -> Any:
    r"""Positions drawn in proportion to the weights of each row, by the inverse of their sums.

    Parameters
    ----------
    weights : ndarray of shape (n, c)
        At least 0, and above 0 somewhere in each row. A position of weight 0 is never drawn.
    u : ndarray of shape (n, m)
        Uniform in $[0, 1)$, one for each draw.

    Returns
    -------
    ndarray of shape (n, m)
        int64 positions in `0 .. c - 1`.

    Examples
    --------
    >>> draw([[1.0, 0.0, 3.0]], [[0.2, 0.25, 0.9]]).tolist()
    [[0, 2, 2]]
    """
    xp = get_xp(weights, u)
    # Sums of float32 in float64: a small weight behind many others must still move them.
    sums = xp.cumsum(weights, axis=1, dtype=xp.float64)  # (n, c)
    if not bool((xp.isfinite(sums[:, -1]) & (sums[:, -1] > 0)).all()):
        raise InvalidInput(
            f"{public_caller()}: the weights of a row add up to 0 or to no finite number, so that "
            "nothing can be drawn from it. Logits that overflow do this: pass float64."
        )
    total = sums[:, -1:]
    target = xp.minimum(u * total, xp.nextafter(total, 0.0))  # (n, m), below it where that rounds
    # side="right" steps over positions of weight 0, whose sum is that of the one before.
    found = [xp.searchsorted(*row, side="right") for row in zip(sums, target, strict=True)]
    return xp.stack(found) if found else xp.zeros(u.shape, dtype=xp.int64)


def below_next(x: Any, group: Any) -> Any:
    """`x` in `[group, group + 1)`: the sum of a group number and a fraction may round up."""
    xp = get_xp(x, group)
    return xp.minimum(x, xp.nextafter((group + 1).astype(xp.float64), 0.0))
