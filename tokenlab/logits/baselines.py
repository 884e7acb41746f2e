r"""Output layers to compare with: the full softmax, a low-rank one, and tied codes with a residual.

Full softmax: Bengio, Ducharme, Vincent, Jauvin 2003. Low rank: SVD-softmax, Kyuhong Shim et al.,
NeurIPS 2017, without its second stage. The residual on top of `VQHead` is our own addition.

These three compute a logit for every token, in blocks of rows, so that the memory is bounded. A
low-rank head sends the hidden state through `rank` numbers. A residual head adds such a head to the
logits of codes: the codes say roughly where a token is, and the residual breaks the ties.

| paper's symbol | name here | shape |
|---|---|---|
| $W$ | `weight` | `(vocab, d)` |
| $P$ | `down` | `(rank, d)` |
| $U$ | `up` | `(vocab, rank)` |
| $S$ | second moments of `hidden` | `(d, d)` |

Equations:

$$z_v = h \cdot w_v + b_v \quad (1), \qquad z_v = U_v \cdot P h \quad (2), \qquad
z_v = C_{M(v)} \cdot h + \beta_v + U_v \cdot P h \quad (3)$$
$$\min_{U, P} \mathbb{E}\,\|(W - U P) h\|^2: \quad W S W^\top \text{ has the leading directions }
U = W S^{1/2} Q,\; P = Q^\top S^{-1/2} \quad (4)$$

with $Q$ the leading eigenvectors of $S^{1/2} W^\top \Omega W S^{1/2}$, and $\Omega$ the weights of
the tokens.

Example
-------
    full = FullHead(weight)
    small = LowRankHead.from_weight(weight, 64, hidden=hidden)
    mixed = ResidualHead.from_weight(weight, head, 8, hidden=hidden)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.logits.code_order import occurrences
from tokenlab.logits.heads import DenseHead
from tokenlab.logits.inputs import checked_hidden
from tokenlab.logits.vq_logits import VQHead, expand_codes
from tokenlab.ranges import divided, scale_of

__all__ = ["FullHead", "LowRankHead", "ResidualHead", "low_rank"]


class FullHead(DenseHead):
    """One vector per token, Eq. (1): what every other head is measured against.

    Parameters
    ----------
    weight : ndarray of shape (vocab, d)
    bias : ndarray of shape (vocab,), optional

    Examples
    --------
    >>> FullHead([[1.0], [0.0]]).log_prob([[0.0]], [1]).round(4).tolist()
    [-0.6931]
    """

    @takes(weight="vocab d", bias="vocab")
    def __init__(self, weight: Any, bias: Any = None):
        self.weight, self.bias = weight, bias
        self.vocab, self.d = weight.shape

    @property
    def parameters(self) -> dict[str, Any]:
        """`weight`, and `bias` where there is one."""
        return {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})

    def logits(self, hidden: Any) -> Any:
        """Eq. (1), `(n, vocab)`."""
        hidden = checked_hidden(self, hidden)
        logits = hidden @ self.weight.T  # Eq. (1), (n, vocab)
        return logits if self.bias is None else logits + self.bias

    def backward(self, hidden: Any, logits_grad: Any) -> tuple[dict[str, Any], Any]:
        """Gradients of the parameters and of `hidden`."""
        # (vocab, d) and (vocab,)
        grads = {"weight": logits_grad.T @ hidden, "bias": logits_grad.sum(axis=0)}
        return {name: grads[name] for name in self.parameters}, logits_grad @ self.weight


class LowRankHead(DenseHead):
    """A vector of `rank` numbers per token, Eq. (2).

    Parameters
    ----------
    down : ndarray of shape (rank, d)
    up : ndarray of shape (vocab, rank)

    Examples
    --------
    >>> import numpy as np
    >>> head = LowRankHead.from_weight([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]], 1)
    >>> head.logits(np.array([[1.0, 1.0]])).round(4).tolist()
    [[3.0, 6.0, 0.0]]
    """

    @takes(down="rank d", up="vocab rank")
    def __init__(self, down: Any, up: Any):
        self.down, self.up = down, up
        self.vocab, self.d = len(up), down.shape[1]

    @classmethod
    def from_weight(
        cls, weight: Any, rank: int, *, hidden: Any = None, counts: Any = None
    ) -> "LowRankHead":
        """The best head of this rank for `weight`; see `low_rank`."""
        return cls(*low_rank(weight, rank, hidden=hidden, counts=counts))

    @property
    def parameters(self) -> dict[str, Any]:
        """`down` and `up`."""
        return {"down": self.down, "up": self.up}

    def logits(self, hidden: Any) -> Any:
        """Eq. (2), `(n, vocab)`."""
        hidden = checked_hidden(self, hidden)
        return (hidden @ self.down.T) @ self.up.T  # first (n, rank), then (n, vocab)

    def backward(self, hidden: Any, logits_grad: Any) -> tuple[dict[str, Any], Any]:
        """Gradients of the parameters and of `hidden`."""
        inner = logits_grad @ self.up  # (n, rank)
        return {"down": inner.T @ hidden, "up": logits_grad.T @ (hidden @ self.down.T)}, (
            inner @ self.down
        )


class ResidualHead(LowRankHead):
    """A `VQHead` whose ties a low-rank term breaks, Eq. (3); as wide as the vocabulary.

    Parameters
    ----------
    head : VQHead
        Its codes, bias and shares are kept, and trained along.
    down : ndarray of shape (rank, d)
    up : ndarray of shape (vocab, rank)

    Examples
    --------
    >>> import numpy as np
    >>> weight = np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 1.0]])
    >>> codes = VQHead([[1.0, 7 / 3]], [0, 0, 0])
    >>> head = ResidualHead.from_weight(weight, codes, 2)
    >>> np.allclose(head.log_softmax([[1.0, 1.0]]), FullHead(weight).log_softmax([[1.0, 1.0]]))
    True
    """

    @takes(head=VQHead)
    def __init__(self, head: VQHead, down: Any, up: Any):
        shared_library([head.codebook, down, up], ["head", "down", "up"])
        super().__init__(down, up)
        if (self.vocab, self.d) != (head.vocab, head.d):
            raise ShapeError(
                f"ResidualHead: up and down have vocab = {self.vocab} and d = {self.d}, the head "
                f"has vocab = {head.vocab} and d = {head.d}."
            )
        self.head = VQHead.__new__(VQHead)
        self.head.__dict__.update(head.__dict__)  # replaced parameters stay its own

    @classmethod
    @takes(weight="vocab d", head=VQHead)
    def from_weight(  # type: ignore[override]
        cls, weight: Any, head: VQHead, rank: int, *, hidden: Any = None, counts: Any = None
    ) -> "ResidualHead":
        """The best residual of this rank for the rows of `weight` minus their codes."""
        rest = weight - head.codebook[head.mapping]
        return cls(head, *low_rank(rest, rank, hidden=hidden, counts=counts))

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the codes, and `down` and `up`."""
        return super().parameters | self.head.parameters

    @property
    def n_parameters(self) -> int:
        """Residual, codes and shares."""
        return int(self.down.size + self.up.size) + self.head.n_parameters

    def replace(self, parameters: dict[str, Any]) -> None:
        """Put other arrays in the place of the parameters, those of the codes included."""
        for name, x in parameters.items():
            setattr(self.head if name in self.head.parameters else self, name, x)

    def logits(self, hidden: Any) -> Any:
        """Eq. (3), `(n, vocab)`."""
        hidden = checked_hidden(self, hidden)
        head, residual = self.head, super().logits(hidden)
        return residual + expand_codes(head.code_logits(hidden), head.mapping, head.log_share, None)

    def backward(self, hidden: Any, logits_grad: Any) -> tuple[dict[str, Any], Any]:
        """Gradients of the parameters and of `hidden`."""
        grads, hidden_grad = super().backward(hidden, logits_grad)
        codes_grad = self.head.tokens.sums(logits_grad)  # (n, n_codes)
        grads |= {"codebook": codes_grad.T @ hidden, "bias": codes_grad.sum(axis=0)}
        mine = {name: grads[name] for name in self.parameters}
        return mine, hidden_grad + codes_grad @ self.head.codebook


@takes(weight="vocab d", hidden="n d", counts="vocab")
def low_rank(weight: Any, rank: int, *, hidden: Any = None, counts: Any = None) -> tuple[Any, Any]:
    r"""The matrix of a given rank that is nearest to `weight`, as two factors, Eq. (4).

    Parameters
    ----------
    weight : ndarray of shape (vocab, d)
    rank : int
        At most `d`.
    hidden : ndarray of shape (n, d), optional
        Nearest in the logits of these states; without, in the entries of the matrix.
    counts : ndarray of shape (vocab,), optional
        A token weighs `counts + 1`; without, all weigh the same.

    Returns
    -------
    down, up
        `(rank, d)` and `(vocab, rank)`; `up @ down` is the matrix. Without `hidden`, the largest
        entry of every row of `down` is positive.

    Examples
    --------
    >>> down, up = low_rank([[1.0, 2.0], [2.0, 4.0]], 1)
    >>> (up @ down).round(4).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    xp, d = get_xp(weight), weight.shape[1]
    rank = min(checks.count(rank, "rank"), d)
    root = back = xp.eye(d)  # S^(1/2) and its inverse, (d, d)
    if hidden is not None:
        if not bool(hidden.any()):
            raise InvalidInput(
                f"{public_caller()}: hidden is 0 everywhere, so no direction counts; expected "
                "states of a model, or None."
            )
        states = divided(hidden, scale_of(hidden))  # whose squares fit
        variance, axes = xp.linalg.eigh((states.T @ states).astype(xp.float64) / len(states))
        # Directions that no state had would have an infinite inverse; give them a little.
        length = xp.sqrt(xp.maximum(variance, 0) + 1e-4 * variance.mean())
        root, back = (axes * length) @ axes.T, (axes / length) @ axes.T
    heavy = weight
    if counts is not None:
        share = occurrences(counts, len(weight)) + 1
        heavy = weight * xp.sqrt(share / share.mean())[:, None].astype(weight.dtype)
    heavy = divided(heavy, scale_of(heavy))
    moments = (heavy.T @ heavy).astype(xp.float64)  # (d, d) WᵀΩW
    _, directions = xp.linalg.eigh(root @ moments @ root)
    q = directions[:, ::-1][:, :rank]  # (d, rank), the leading ones first
    # A direction and its opposite are equally good and libraries differ: the largest entry decides.
    q = q * xp.sign(xp.take_along_axis(q, abs(q).argmax(axis=0)[None], axis=0))
    down, up = (q.T @ back).astype(weight.dtype), weight @ (root @ q).astype(weight.dtype)
    return down, up  # Eq. (4)


NOTES = r"""
Differs from the paper
----------------------
- SVD-softmax previews with the leading singular directions of $W$ and scores the best $N$ tokens
  again, exactly. Here the low rank is all there is.
- The plain singular value decomposition ignores how hidden states are spread. With `hidden`, (4)
  is optimal for them instead; without, it is the decomposition of $W$.

Cost
----
(1) $2\,d\,vocab$ operations for each row, (2) and (3) $2\,rank\,(d + vocab)$, and (3) the codes.
"""
