r"""Efficient softmax approximation for GPUs: the adaptive softmax, and the two-level one.

Édouard Grave, Armand Joulin, Moustapha Cissé, David Grangier, Hervé Jégou. ICML 2017.
arXiv:1609.04309. Two levels: Joshua Goodman, ICASSP 2001.

Few tokens make up most of a text. The frequent ones are scored directly, next to one entry for
each cluster of rarer ones; only when a cluster is asked for are its tokens scored, in fewer
dimensions the rarer they are. Probabilities are exact products, no token is tied to another, and
with many equal clusters of full width and no frequent tokens it is the two-level softmax.

| paper's symbol | name here | shape |
|---|---|---|
| $h$ | `hidden` | `(n, d)` |
| $V_h$ | the first `cutoffs[0]` ranks | |
| head | `head`, `bias` | `(cutoffs[0] + n_tails, d)` |
| tail $i$ | `up_i @ down_i` | `(size_i, d_i)`, `(d_i, d)` |

Equations, for token $v$ of rank $r$, $s$ the size of the shortlist:

$$\log p(v) = \log \mathrm{softmax}(A h + b)_r \quad (r < s) \qquad (1)$$
$$\log p(v) = \log \mathrm{softmax}(A h + b)_{s + i} + \log \mathrm{softmax}(U_i P_i h)_v
\quad (v \in \text{tail } i) \qquad (2)$$

Example
-------
    head = AdaptiveHead.from_weight(weight, [1000, 4000], counts=counts, hidden=hidden)
    two_level = AdaptiveHead.from_weight(weight, range(0, 8192, 91), div=1, counts=counts)
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.logits.baselines import low_rank
from tokenlab.logits.code_order import best_by_id, checked_counts
from tokenlab.logits.heads import Head, HeadLoss, log_sum_exp, softmax_loss
from tokenlab.logits.inputs import (
    checked_cutoffs,
    checked_hidden,
    checked_tails,
    checked_target,
)
from tokenlab.numerics import TopK, log_softmax, topk

__all__ = ["AdaptiveHead"]


class AdaptiveHead(Head):
    r"""A shortlist of frequent tokens, and clusters of rare ones behind an entry each.

    Parameters
    ----------
    cutoffs : sequence of int
        The rank at which each tail begins, ascending; the first is the size of the shortlist.
    head : ndarray of shape (cutoffs[0] + n_tails, d)
        Rows of the shortlist, then one for each tail.
    tails : sequence of (down, up)
        `down (d_i, d)` or None for no projection, `up (size_i, d_i)`, for each tail.
    bias : ndarray of shape (cutoffs[0] + n_tails,), optional
        Of the head; zeros when None.
    order : ndarray of shape (vocab,), optional
        The token of each rank; ids are ranks when None.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Sizes that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> head = AdaptiveHead([1], [[0.0], [0.0]], [(None, [[0.0], [0.0]])])
    >>> np.exp(head.log_softmax([[1.0]])).round(4).tolist()
    [[0.5, 0.25, 0.25]]
    """

    def __init__(
        self,
        cutoffs: Sequence[int],
        head: Any,
        tails: Sequence[tuple[Any, Any]],
        *,
        bias: Any = None,
        order: Any = None,
    ):
        pairs = checked_tails(tails)
        parts = [("head", head), ("bias", bias), ("order", order)]
        parts += [("tails", x) for pair in pairs for x in pair]
        given = [(name, x) for name, x in parts if x is not None or name == "head"]
        xp = shared_library([x for _, x in given], [name for name, _ in given])
        self.head = checks.vectors(head, "head", "cutoffs[0] + n_tails", xp, at_least=1)
        self.bias = xp.zeros(len(self.head), dtype=self.head.dtype)
        if bias is not None:
            self.bias = checks.finite(checks.floats(bias, "bias", xp), "bias", xp)
            if self.bias.shape != (len(self.head),):
                came = f"bias is {self.bias.shape}, head {self.head.shape}"
                raise ShapeError(f"AdaptiveHead: {came}; expected one number for each row of head.")
        self.d, self.n_tails = self.head.shape[1], len(pairs)
        self.starts = checked_cutoffs(cutoffs)
        for i, (down, up) in enumerate(pairs):
            up = checks.vectors(up, f"tails[{i}][1]", "size", xp, at_least=1)
            width = self.d
            if down is not None:
                down = checks.vectors(down, f"tails[{i}][0]", "d_i", xp)
                checks.same_width(down, f"tails[{i}][0]", "d_i", self.head, "head", "n")
                width = len(down)
            if up.shape[1] != width:
                raise ShapeError(
                    f"{public_caller()}: tails[{i}][1], up, is {up.shape}; expected (size, {width})."
                )
            # Attributes of their own, so that a trainer can replace them by name.
            setattr(self, f"down{i}", down)
            setattr(self, f"up{i}", up)
        # A tail ends where the next one begins.
        self.ends = [*self.starts[1:], self.starts[-1] + len(self._tail(-1)[1])] if pairs else []
        self.vocab = self.ends[-1] if pairs else len(self.head)
        self._check_sizes()
        self.order = self._checked_order(order, xp)  # (vocab,): the token of each rank
        self.rank = xp.argsort(self.order)  # (vocab,): the rank of each token

    def _checked_order(self, order: Any, xp: Any) -> Any:
        every = xp.arange(self.vocab)
        if order is None:
            return every
        order = checks.shaped(checks.integers(order, "order", xp), "order", ("vocab",))
        if len(order) != self.vocab or not bool((xp.sort(order) == every).all()):
            raise InvalidInput("AdaptiveHead: order is no permutation of 0 .. vocab - 1.")
        return order

    def _tail(self, i: int) -> tuple[Any, Any]:
        i = i % self.n_tails
        return getattr(self, f"down{i}"), getattr(self, f"up{i}")

    def _check_sizes(self) -> None:
        sizes = [len(self._tail(i)[1]) for i in range(self.n_tails)]
        wanted = [end - start for start, end in zip(self.starts, self.ends, strict=False)]
        counted = len(self.starts) == max(1, self.n_tails)
        if not counted or sizes != wanted or len(self.head) != self.starts[0] + self.n_tails:
            raise ShapeError(
                f"AdaptiveHead: cutoffs {self.starts} ask for tails of {wanted} and a head of "
                f"{self.starts[0]} + {self.n_tails} rows; came tails of {sizes} and a head of "
                f"{len(self.head)}."
            )

    @classmethod
    @takes(weight="vocab d", counts="vocab", hidden="n d", div="positive")
    def from_weight(
        cls,
        weight: Any,
        cutoffs: Sequence[int],
        *,
        div: float = 4.0,
        counts: Any = None,
        hidden: Any = None,
    ) -> "AdaptiveHead":
        """Turn an output matrix into an adaptive head; tail `i` keeps `d / div**(i + 1)` numbers.

        Parameters
        ----------
        weight : ndarray of shape (vocab, d)
        cutoffs : sequence of int
            As above; all below `vocab`.
        div : float
            1 keeps the rows of the tails as they are.
        counts : ndarray of shape (vocab,), optional
            Ranks the tokens; ids are ranks when None.
        hidden : ndarray of shape (n, d), optional
            States that tails and clusters are fitted on; without them a cluster's entry is its
            mean row plus the logarithm of its size.
        """
        xp = get_xp(weight)
        order = xp.arange(len(weight))
        if counts is not None:
            order = xp.argsort(-checked_counts(counts, len(weight)), kind="stable")
        edges = [*checked_cutoffs(cutoffs, len(weight)), len(weight)]
        d = weight.shape[1]
        # The shortlist keeps its rows as they are; every tail adds an entry to the head.
        tails, rows, bias = [], [weight[order[: edges[0]]]], [xp.zeros(edges[0])]
        for i in range(len(edges) - 1):
            tail = weight[order[edges[i] : edges[i + 1]]]  # (size_i, d)
            entry, offset = _cluster_entry(tail, hidden)
            rows.append(entry[None])
            bias.append(offset)
            rank = max(1, int(d // div ** (i + 1)))  # the rarer its tokens, the fewer numbers
            tails.append((None, tail) if div == 1 else low_rank(tail, rank, hidden=hidden))
        head = xp.concatenate(rows)  # (cutoffs[0] + n_tails, d)
        bias = xp.concatenate(bias).astype(weight.dtype)
        return cls(edges[:-1], head, tails, bias=bias, order=order)

    @property
    def parameters(self) -> dict[str, Any]:
        """`head`, `bias`, and `down0`, `up0`, `down1`, ... of the tails."""
        named = {"head": self.head, "bias": self.bias}
        for i in range(self.n_tails):
            named |= {f"down{i}": self._tail(i)[0], f"up{i}": self._tail(i)[1]}
        return {name: x for name, x in named.items() if x is not None}

    def _head_logits(self, hidden: Any) -> Any:
        return hidden @ self.head.T + self.bias  # (n, cutoffs[0] + n_tails)

    def _tail_logits(self, hidden: Any, i: int) -> Any:
        down, up = self._tail(i)
        return (hidden if down is None else hidden @ down.T) @ up.T  # (n, size_i)

    @takes()
    def log_softmax(self, hidden: Any) -> Any:
        """Log-probabilities of all tokens, `(n, vocab)`."""
        hidden = checked_hidden(self, hidden)
        entries, short = log_softmax(self._head_logits(hidden)), self.starts[0]
        parts = [entries[:, :short]]  # Eq. (1)
        for i in range(self.n_tails):  # each shares the mass of its entry
            inside = log_softmax(self._tail_logits(hidden, i))  # (n, size_i)
            parts.append(entries[:, short + i, None] + inside)  # Eq. (2)
        return get_xp(hidden).concatenate(parts, axis=1)[:, self.rank]

    @takes(k="count")
    def topk(self, hidden: Any, k: int) -> TopK:
        """The `k` most probable tokens of each row; a tail is opened only if it can hold one."""
        hidden = checked_hidden(self, hidden)
        k = min(checks.count(k, "k"), self.vocab)
        xp, short = get_xp(hidden), self.starts[0]
        entries = log_softmax(self._head_logits(hidden))
        ids = xp.zeros((len(hidden), k), dtype=xp.int64)
        values = xp.zeros((len(hidden), k), dtype=entries.dtype)
        for row, entry in enumerate(entries):
            # No token of a tail is more probable than the tail's entry.
            kth = topk(entry[:short], k).values[-1] if short >= k else -xp.inf
            tails = [i for i in range(self.n_tails) if float(entry[short + i]) >= float(kth)]
            # (size_i,) each
            inside = [log_softmax(self._tail_logits(hidden[row, None], i))[0] for i in tails]
            parts = [
                entry[:short],
                *(entry[short + i] + x for i, x in zip(tails, inside, strict=True)),
            ]
            spans = [slice(0, short), *(slice(self.starts[i], self.ends[i]) for i in tails)]
            tokens = xp.concatenate([self.order[span] for span in spans])
            found = best_by_id(tokens[None], xp.concatenate(parts)[None], k)
            ids[row], values[row] = found[0][0], found[1][0]
        return TopK(ids, values)

    @takes()
    def log_prob(self, hidden: Any, token: Any) -> Any:
        """Log-probability of `token (n,)` after `hidden (n, d)`, `(n,)`; one tail for each row."""
        hidden = checked_hidden(self, hidden)
        token = checked_target(self, "token", token, hidden)
        xp, rows = get_xp(hidden), get_xp(hidden).arange(len(hidden))
        entry, tails = self._split(token)  # (n,): the rank of a token, or the entry of its tail
        logits = self._head_logits(hidden)
        found = logits[rows, entry] - log_sum_exp(logits)  # Eq. (1), (n,)
        for i, mine, inside in tails:
            logits = self._tail_logits(hidden[mine], i)
            # Eq. (2): what the entry of the tail has is shared inside of it.
            found[mine] += logits[xp.arange(len(inside)), inside] - log_sum_exp(logits)
        return found

    def _split(self, target: Any) -> tuple[Any, Iterator[tuple[int, Any, Any]]]:
        """Targets of the head, and for each tail in use its number, its rows and their targets."""
        xp, short = get_xp(target), self.starts[0]
        spans = list(zip(self.starts, self.ends, strict=False))  # no tails, no ends
        if target.ndim == 2:
            # Distributions: the entry of a tail gets the sum of what its tokens get.
            target = target[:, self.order]
            mass = [target[:, a:b].sum(axis=1)[:, None] for a, b in spans]
            every = xp.arange(len(target))
            tails = ((i, every, target[:, a:b]) for i, (a, b) in enumerate(spans))
            return xp.concatenate([target[:, :short], *mass], axis=1), tails
        rank = self.rank[target]  # (n,)
        # Tokens: -1 is the shortlist, i is tail i.
        tail = xp.searchsorted(xp.asarray(self.starts), rank, side="right") - 1
        used = [i for i in xp.unique(tail).tolist() if i >= 0]
        mine = {i: xp.nonzero(tail == i)[0] for i in used}
        found = ((i, mine[i], rank[mine[i]] - self.starts[i]) for i in used)
        return xp.where(tail < 0, rank, short + tail), found

    @takes()
    def loss_and_grad(self, hidden: Any, target: Any) -> HeadLoss:
        """Mean cross entropy of tokens `(n,)`, or of distributions `(n, vocab)`."""
        hidden = checked_hidden(self, hidden)
        target = checked_target(self, "target", target, hidden, ("vocab", self.vocab))
        if len(hidden) == 0:
            raise InvalidInput(f"{public_caller()}: hidden has no rows; a mean needs one.")
        n, xp = len(hidden), get_xp(hidden)
        entry, tails = self._split(target)
        logits = self._head_logits(hidden)  # (n, cutoffs[0] + n_tails)
        total, head_grad = softmax_loss(logits, entry)
        grads = {name: xp.zeros_like(x) for name, x in self.parameters.items()}
        grads["head"], grads["bias"] = head_grad.T @ hidden / n, head_grad.sum(axis=0) / n
        hidden_grad = head_grad @ self.head / n
        for i, rows, inside in tails:
            (down, up), mine = self._tail(i), hidden[rows]
            loss, tail_grad = softmax_loss(self._tail_logits(mine, i), inside)
            inner_grad = tail_grad @ up / n  # (rows, d_i)
            grads[f"up{i}"] = tail_grad.T @ (mine if down is None else mine @ down.T) / n
            if down is not None:
                grads[f"down{i}"] = inner_grad.T @ mine
            hidden_grad[rows] += inner_grad if down is None else inner_grad @ down
            total += loss
        return HeadLoss(total / n, grads, hidden_grad)


def _cluster_entry(tail: Any, hidden: Any) -> tuple[Any, Any]:
    """A vector and an offset whose logit stands for `log sum exp` of a cluster's logits."""
    xp = get_xp(tail)
    if hidden is None:
        return tail.mean(axis=0), xp.log(xp.full(1, float(len(tail))))
    # What the entry should say, (n,); the last of x is 1, whose factor is the offset.
    mass = log_sum_exp(hidden @ tail.T).astype(xp.float64)
    x = xp.concatenate([hidden, xp.ones((len(hidden), 1), dtype=hidden.dtype)], axis=1)
    x = x.astype(xp.float64)
    moments = x.T @ x  # (d + 1, d + 1)
    ridge = 1e-3 * float(moments.trace()) / len(moments)
    solution = xp.linalg.solve(moments + ridge * xp.eye(len(moments)), x.T @ mass)
    return solution[:-1].astype(tail.dtype), solution[-1:]


NOTES = r"""
Differs from the paper
----------------------
- `bias` of the head is optional in torch's `AdaptiveLogSoftmaxWithLoss` and always here: zeros
  are none. Otherwise (1), (2) and the loss agree with it.
- Token ids need not be ranked by frequency: `order` says which token has which rank.
- `from_weight` turns a trained output matrix into such a head, which the paper, training from
  scratch, has no need of: tails by `low_rank`, the entry of a cluster by a least-squares fit to the
  logarithm of its mass.

Cost
----
$2\,d\,(s + n_{tails})$ operations for each row, and $2\,d_i\,(d + size_i)$ for each row whose token
is in tail $i$; all tails for `log_softmax`.
"""
