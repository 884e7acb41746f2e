r"""VQ-Logits: Compressing the Output Bottleneck of Large Language Models via Vector Quantized
Logits.

Jintian Shao, Hongyi Huang, Jiayi Wu, YiMing Cheng, ZhiYu Wu, You Shan, MingKai Zheng.
2025. arXiv:2505.10202

The output layer of a language model holds one vector per token of a large vocabulary. Here a small
codebook and a map from tokens to codes take its place: a hidden state is compared with the codes,
and every token receives the logit of its code. All tokens of a code are therefore equally likely,
which is cheap to compute with and sets a floor to the perplexity.

| paper's symbol | name here | shape |
|---|---|---|
| $h$ | `hidden` | `(n, d)` |
| $C$ | `codebook` | `(n_codes, d)` |
| $M$ | `mapping` | `(vocab,)` |
| $n_k$ | `sizes` | `(n_codes,)` |
| $L_c$ | `code_logits(hidden)` | `(n, n_codes)` |
| $L_v$ | `expand(code_logits)` | `(n, vocab)` |

Equations, with $q(v \mid k)$ the share of token $v$ in its code, $1/n_k$ in the paper:

$$L_c = h C^\top + b \quad (1), \qquad L_v[i] = L_c[M(i)] \quad (2), \qquad
\log Z = \log \sum_k n_k e^{L_c[k]} \quad (3)$$
$$p(v) = \frac{e^{L_c[M(v)]}}{Z} = p(k = M(v))\, q(v \mid M(v)) \quad (4), \qquad
-\log p(y) \ge -\log q(y \mid M(y)) = \log n_{M(y)} \quad (5)$$

The abstract claims up to 99 % fewer parameters, logits 6 times as fast and a perplexity 4 % higher
on WikiText-103 and C4. These are claims: the tables were not at hand, and a third party's report
that the preprint was withdrawn is unconfirmed. `tokenlab tour logits` measures on a real head.

Differs from the paper
----------------------
- The text at hand was the abstract and a review's formulas: the learned map and the tables are not
  reproduced. `tokenlab.logits.vq_training` has a rule of its own for learning the map.
- The paper scatters to all tokens and takes the softmax there. Equation (3) is the same number
  without the scatter: `log_prob`, `topk`, `sample` and the loss never touch the vocabulary.
- `inner="unigram"` replaces $1/n_k$ by the share of each token in the counts of its code. It is
  the maximum-likelihood choice that depends on no hidden state, costs one number per token, and
  turns the logit of a code into that of its whole mass.
- Two tokens of one code are ranked by their shares, before rounding; all other ties by token id.

Cost
----
$2\,n\,d\,n_{codes}$ operations for the code logits, and $n\,n_{codes}$ for the normaliser; the
expansion moves $n \cdot vocab$ numbers. Memory: $n_{codes}(d + 1)$ parameters, the map, and its
inverse.

Example
-------
    codebook, mapping = fit_codes(weight, 1024, counts=counts, rng=0)
    head = VQHead(codebook, mapping).break_ties(counts)
    ids, log_p = head.topk(hidden, 50)
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.logits.code_order import (
    CodeOrder,
    checked_counts,
    checked_mapping,
    expand_codes,
    merge_topk,
    occurrences,
    shares_of,
)
from tokenlab.logits.heads import Head, HeadLoss, cross_entropy, draw, normalised, safe_log
from tokenlab.logits.inputs import checked_hidden, checked_target
from tokenlab.numerics import TopK
from tokenlab.steps import step

__all__ = ["VQHead"]

CODES = ("n", "n_codes")


class VQHead(Head):
    r"""An output layer whose tokens share the logits of a few codes.

    Parameters
    ----------
    codebook : ndarray of shape (n_codes, d)
        One vector per code, $C$.
    mapping : ndarray of shape (vocab,)
        The code of each token, $M$. Codes without tokens are allowed; they have probability 0.
    bias : ndarray of shape (n_codes,), optional
        Added to the code logits, $b$.
    counts : ndarray of shape (vocab,), optional
        How often each token occurs; needed for `inner="unigram"`.
    inner : "uniform" or "unigram"
        How a code shares its probability among its tokens: equally, as in the paper, or in
        proportion to `counts + smoothing`. In the first case a code logit is that of each of its
        tokens, in the second that of the whole code.
    smoothing : float
        Added to each count. With 0, a token that never occurred has probability 0, unless its
        whole code never occurred: then the code is shared equally.

    Attributes
    ----------
    sizes : ndarray of shape (n_codes,)
        Tokens of each code, $n_k$.
    tokens : CodeOrder
        The tokens of every code, by falling share, then by id.
    log_share : ndarray of shape (vocab,) or None
        $\log q(v \mid M(v))$; None when all tokens of a code share equally.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A mapping that leaves the codebook, counts below 0, arrays of different libraries.

    Examples
    --------
    >>> head = VQHead(np.log([[2.0], [3.0]]), [0, 0, 1, 0, 1])
    >>> np.exp(head.log_softmax([[1.0]])).round(4).tolist()
    [[0.1667, 0.1667, 0.25, 0.1667, 0.25]]
    """

    def __init__(
        self,
        codebook: Any,
        mapping: Any,
        *,
        bias: Any = None,
        counts: Any = None,
        inner: str = "uniform",
        smoothing: float = 1.0,
    ):
        xp = get_xp(codebook, mapping, *(x for x in (bias, counts) if x is not None))
        self.codebook = checks.vectors(codebook, "codebook", "n_codes", xp, at_least=1)
        self.n_codes, self.d = n_codes, _ = self.codebook.shape
        self.mapping = checked_mapping(mapping, n_codes)
        self.vocab, self.bias = len(self.mapping), None
        if bias is not None:
            self.bias = checks.finite(checks.floats(bias, "bias", xp), "bias", xp)
            if self.bias.shape != (n_codes,):
                came = f"bias is {self.bias.shape}"
                raise ShapeError(f"VQHead: {came}; expected (n_codes,) = ({n_codes},).")
        if inner not in ("uniform", "unigram") or (inner == "unigram" and counts is None):
            came = f"inner is {inner!r}, counts {'None' if counts is None else 'given'}"
            raise InvalidInput(f'VQHead: {came}; expected "uniform", or "unigram" with counts.')
        shares = None
        if inner == "unigram":
            counts = (occurrences if smoothing > 0 else checked_counts)(counts, self.vocab)
            shares = shares_of(counts, self.mapping, n_codes, smoothing)
        self.tokens = CodeOrder.of(self.mapping, n_codes, shares)
        self.sizes, dtype = self.tokens.sizes, self.codebook.dtype
        filled = xp.maximum(self.sizes, 1).astype(xp.float64)
        prior = xp.log(filled) if shares is None else xp.zeros_like(filled)
        self.prior = xp.where(self.sizes > 0, prior, -xp.inf).astype(dtype)
        self.log_share = self._ordered_log_share = None
        if shares is not None:
            self.log_share = safe_log(shares).astype(dtype)
            self._ordered_log_share = self.log_share[self.tokens.order]

    @property
    def parameters(self) -> dict[str, Any]:
        """The trainable arrays: `codebook`, and `bias` where there is one."""
        return {"codebook": self.codebook} | ({} if self.bias is None else {"bias": self.bias})

    @property
    def n_parameters(self) -> int:
        """Codebook, bias and shares; the map, an index, is not counted: see `map_bytes`."""
        return super().n_parameters + (0 if self.log_share is None else self.vocab)

    @property
    def map_bytes(self) -> int:
        """What the map takes at least: 1, 2 or 4 bytes per token."""
        return self.vocab * (1 if self.n_codes <= 1 << 8 else 2 if self.n_codes <= 1 << 16 else 4)

    def code_logits(self, hidden: Any) -> Any:
        """$L_c$, `(n, n_codes)`."""
        hidden = checked_hidden(self, hidden)
        step("hidden", hidden, "what the model computed", eq="h", axes=("n", "d"))
        logits = hidden @ self.codebook.T  # Eq. (1), (n, n_codes)
        logits = logits if self.bias is None else logits + self.bias
        return step("code logits", logits, "one number per code", eq="L_c (Eq. 1)", axes=CODES)

    def scores(self, hidden: Any) -> Any:
        r"""Log-probability of a code's token, still without its share: $L_c - \log Z$."""
        scores, log_z = normalised(self.code_logits(hidden), self.prior)  # Eq. (3)
        note = "the sum over all tokens, taken over codes: each counts as often as it has tokens"
        step("normaliser", log_z, note, eq="log Z (Eq. 3)", axes=("n",))
        return scores

    def code_log_prob(self, hidden: Any) -> Any:
        """Log-probability of each code as a whole, `(n, n_codes)`; `-inf` for an empty one."""
        whole = self.scores(hidden) + self.prior
        return step("code log-probability", whole, "all tokens of a code together", axes=CODES)

    def log_prob(self, hidden: Any, token: Any) -> Any:
        """Log-probability of `token (n,)` after `hidden (n, d)`, `(n,)`, without the vocabulary."""
        hidden = checked_hidden(self, hidden)
        token = checked_target(self, token, hidden, self.vocab, "vocab")
        code = self.mapping[checks.shaped(token, "token", ("n",))]
        mine = self.scores(hidden)[get_xp(hidden).arange(len(hidden)), code]  # Eq. (4)
        return mine if self.log_share is None else mine + self.log_share[token]

    def log_softmax(self, hidden: Any) -> Any:
        """Log-probabilities of all tokens, `(n, vocab)`: the one method that holds them all."""
        log_p = expand_codes(
            self.scores(checked_hidden(self, hidden)), self.mapping, self.log_share, None
        )
        note = "every token gets the number of its code"
        return step("token log-probability", log_p, note, eq="Eqs. (2), (4)", axes=("n", "vocab"))

    def expand(self, code_logits: Any, out: Any = None) -> Any:
        """$L_v$: the logit of its code for every token, `(n, vocab)`, into `out` if given."""
        xp = get_xp(code_logits, self.codebook)
        logits = checks.shaped(checks.floats(code_logits, "code_logits", xp), "code_logits", CODES)
        came = f"code_logits is {logits.shape} = (n, n_codes)"
        if logits.shape[1] != self.n_codes:
            raise ShapeError(f"VQHead.expand: {came}, but n_codes is {self.n_codes}.")
        if out is not None:
            checks.room(out, "out", (len(logits), self.vocab), logits, "(n, vocab)")
        return expand_codes(logits, self.mapping, None, out)  # Eq. (2)

    def topk(self, hidden: Any, k: int) -> TopK:
        """The `k` most probable tokens of each row and their log-probabilities, ties by id."""
        k = min(checks.count(k, "k"), self.vocab)
        scores = self.scores(checked_hidden(self, hidden))
        ids, values = merge_topk(scores, self._ordered_log_share, *self.tokens[:2], k)
        return TopK(step("best tokens", ids, "", axes=("n", "rank"), of="vocab"), values)

    def sample(
        self, hidden: Any, rng: np.random.Generator | int | None = None, size: int | None = None
    ) -> Any:
        """One token for each row, `(n,)`, or `size` each, `(n, size)`: a code, then its token."""
        hidden, rng = checked_hidden(self, hidden), np.random.default_rng(rng)
        logits = self.code_logits(hidden) + self.prior
        xp, shape = get_xp(logits), (len(logits), 1 if size is None else checks.count(size, "size"))
        u, inside = (xp.asarray(rng.random(shape)) for _ in range(2))
        weights = xp.exp(logits - logits.max(axis=1, keepdims=True))
        code = step("code drawn", draw(weights, u), "", axes=("n", "draw"), of="n_codes")
        token = step("token drawn", self.tokens.draw(code, inside), "", axes=("n", "draw"))
        return token[:, 0] if size is None else token

    def loss_and_grad(self, hidden: Any, target: Any) -> HeadLoss:
        r"""Mean cross entropy in code space, and its gradient for codebook, bias and `hidden`.

        Parameters
        ----------
        hidden : ndarray of shape (n, d)
        target : ndarray of shape (n,) or (n, n_codes)
            The right tokens, or the probability of every code, as `targets` returns it; the loss
            is then that of the codes alone.
        """
        hidden = checked_hidden(self, hidden)
        target = checked_target(self, target, hidden, self.n_codes, "n_codes")
        if len(hidden) == 0:
            raise InvalidInput("VQHead.loss_and_grad: hidden has no rows; a mean needs one.")
        codes = target if target.ndim == 2 else self.mapping[target]
        loss, d_logits = cross_entropy(self.code_logits(hidden) + self.prior, codes)
        if target.ndim == 1:
            loss -= float(self._inner(target).sum())  # Eq. (5): the map's own part, a constant
        d_logits /= len(hidden)  # (n, n_codes)
        grads = {"codebook": d_logits.T @ hidden, "bias": d_logits.sum(axis=0)}
        mine = {name: grads[name] for name in self.parameters}
        return HeadLoss(loss / len(hidden), mine, d_logits @ self.codebook)

    def targets(self, probabilities: Any) -> Any:
        """The probability of every code, `(n, n_codes)`, from that of every token."""
        return self.tokens.sums(probabilities)

    def break_ties(self, counts: Any, *, smoothing: float = 1.0) -> "VQHead":
        """The same probability for every code, shared by `counts`: a new head without ties."""
        xp = get_xp(self.codebook, counts)
        bias = xp.where(self.sizes > 0, self.prior, 0).astype(self.codebook.dtype)
        bias = bias if self.bias is None else bias + self.bias
        kept = {"bias": bias, "counts": counts, "inner": "unigram", "smoothing": smoothing}
        return VQHead(self.codebook, self.mapping, **kept)

    def tie_floor(self, counts: Any) -> float:
        r"""The perplexity that no hidden state can go below, on tokens counted by `counts`.

        $\exp$ of the mean of $-\log q(y \mid M(y))$, Eq. (5): what the map and the shares leave
        open even when the right code is always certain.
        """
        counts = checked_counts(counts, self.vocab, positive=True)
        seen = get_xp(counts, self.codebook).nonzero(counts)[0]
        return math.exp(-float((counts[seen] * self._inner(seen)).sum()) / float(counts.sum()))

    def _inner(self, token: Any) -> Any:
        r"""$\log q$ of tokens within their codes."""
        if self.log_share is None:
            return -self.prior[self.mapping[token]]
        return self.log_share[token]
