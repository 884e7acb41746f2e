r"""What a transformer costs with so many tokens in each layer, in multiply-adds.

A layer of width $d$ with $n$ tokens, hidden width $m$ and $g$ matrices in its MLP takes

$$f(n) = 4 n d^2 + 2 n^2 d + g\, n\, d\, m,$$

$g = 3$ for gated (SwiGLU) MLPs and 2 for plain ones. Papers on pruning call these multiply-adds
FLOPs; one is two floating-point operations. Norms, softmax and the selection itself are left out:
compare with measured time before believing in a saving.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput

__all__ = ["decode_multiply_adds", "multiply_adds", "selection_multiply_adds"]


@takes(d="count", hidden="count", gated="flag")
def multiply_adds(
    n_by_layer: Iterable[int | Sequence[int]], *, d: int, hidden: int, gated: bool
) -> int:
    r"""Multiply-adds of one pass through all layers.

    Parameters
    ----------
    n_by_layer : iterable of int or (int, int)
        Tokens in each layer. A pair is `(in the attention, in the MLP)`, for rules that prune
        between the two.
    d, hidden : int
        Width, and width inside of the MLP.
    gated : bool
        True for the three matrices of LLaMA's MLPs, False for the two of ViT's. Published tables
        use one or the other; mixing them compares nothing.

    Returns
    -------
    int

    Examples
    --------
    LLaVA-1.5-7B with its 576 image tokens, in units of $10^{12}$:

    >>> round(multiply_adds([576] * 32, d=4096, hidden=11008, gated=True) / 1e12, 3)
    3.817
    """
    matrices = 3 if gated else 2  # of an MLP
    total = 0
    for layer, n in enumerate(checks.sequence(n_by_layer, "n_by_layer"), start=1):
        pair = n if isinstance(n, Sequence | np.ndarray) and np.ndim(n) else (n, n)
        if len(pair) != 2:
            raise InvalidInput(
                f"multiply_adds: n_by_layer has {n!r} for layer {layer}; expected a number of tokens, or two: "
                "(in the attention, in the MLP)."
            )
        attention, mlp = (checks.count(tokens, "n_by_layer", at_least=0) for tokens in pair)
        total += 4 * attention * d * d  # queries, keys, values, and the way back
        total += 2 * attention * attention * d  # all pairs: scores, and means of values
        total += matrices * mlp * d * hidden
    return total


@takes(t="whole", d="count", hidden="count", gated="flag")
def decode_multiply_adds(
    n_by_layer: Iterable[int], t: int, *, d: int, hidden: int, gated: bool
) -> int:
    r"""Multiply-adds of the `t`-th generated token: $4d^2 + 2d(n + t) + g\,d\,m$ per layer.

    With a cache of keys and values, tokens that were pruned before cost nothing here, but most of
    the sum does not depend on them.

    Examples
    --------
    >>> full, pruned = ([n] * 32 for n in (576, 58))
    >>> of = dict(d=4096, hidden=11008, gated=True)
    >>> round(decode_multiply_adds(pruned, 1, **of) / decode_multiply_adds(full, 1, **of), 3)
    0.98
    """
    matrices = 3 if gated else 2
    layers = [checks.whole(n, "n_by_layer") for n in checks.sequence(n_by_layer, "n_by_layer")]
    # One new token: its own projections, its row of scores over n + t keys, its MLP.
    return sum(4 * d * d + 2 * d * (n + t) + matrices * d * hidden for n in layers)


@takes(n="whole", k="whole", d="count")
def selection_multiply_adds(rule: str, n: int, k: int, d: int) -> int:
    r"""Multiply-adds of choosing `k` of `n` tokens of width `d`, as far as products go.

    Parameters
    ----------
    rule : {"scores", "k_center", "max_sum", "pairs", "bipartite"}
        Sorting scores takes none; a greedy choice $nkd$; comparing all pairs $n^2 d$; Token
        Merging's two halves $n^2 d / 4$.
    n, k, d : int

    Examples
    --------
    >>> selection_multiply_adds("k_center", 576, 58, 1024)
    34209792
    """
    costs = {
        "scores": 0,
        "k_center": n * k * d,  # all tokens against each one taken
        "max_sum": n * k * d,
        "pairs": n * n * d,
        "bipartite": (n // 2) * (n - n // 2) * d,  # even against odd positions
    }
    checks.choice(rule, "rule", list(costs))
    return costs[rule]
