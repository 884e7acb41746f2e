r"""GloVe: Global Vectors for Word Representation.

Jeffrey Pennington, Richard Socher, Christopher D. Manning. EMNLP 2014. doi:10.3115/v1/D14-1162

Ratios of probabilities of co-occurrence tell what words mean. So the product of two vectors, with
a bias of each word, is fitted to the logarithm of how often the words stand near each other. Rare
pairs weigh little, pairs beyond a cap no more than at it.

| paper's symbol | name here | shape |
|---|---|---|
| $X$ | `counts` | `(vocab, vocab)`, sparse |
| $w, \tilde w$ | `vectors`, `outputs` | `(vocab, d)` |
| $b, \tilde b$ | `bias`, `output_bias` | `(vocab,)` |
| $x_{max}, \alpha$ | `cap`, `power` | |
| $\eta$ | `rate` | |

$$J = \sum_{X_{ij} > 0} f(X_{ij}) \big(w_i^\top \tilde w_j + b_i + \tilde b_j - \log X_{ij}\big)^2
\qquad (8)$$
$$f(x) = \min\big(1, (x / x_{max})^\alpha\big) \qquad (9)$$

Example
-------
    counts = cooccurrence(ids, offsets, vocab, window=10, weighting="harmonic")
    model = train(counts, 100, epochs=25, rng=0)
    Words(words, model.sum).nearest("river")
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.embeddings.word_vectors import Counts, checked_counts
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.progress import track
from tokenlab.steps import step

__all__ = ["GloVe", "loss", "train", "weighting"]


class GloVe(NamedTuple):
    """Both tables `(vocab, d)`, both biases `(vocab,)`, and J of each epoch, as it was met."""

    vectors: Any
    outputs: Any
    bias: Any
    output_bias: Any
    history: Any

    @property
    def sum(self) -> Any:
        """What the authors use: word and context vectors, added, `(vocab, d)`."""
        return self.vectors + self.outputs


@takes(x="...", cap="positive", power="not negative")
def weighting(x: Any, *, cap: float = 100.0, power: float = 0.75) -> Any:
    """How much a pair weighs that occurs so often, Eq. (9).

    Parameters
    ----------
    x : ndarray of shape (...)
        Counts, none below 0.
    cap : float
        Counts from here on weigh 1.
    power : float

    Returns
    -------
    ndarray of shape (...)

    Examples
    --------
    >>> weighting([1.0, 10.0, 50.0, 1000.0]).round(4).tolist()
    [0.0316, 0.1778, 0.5946, 1.0]
    """
    # A root of what is below 0 is no number.
    if x.size and float(x.min()) < 0:
        raise InvalidInput(
            f"weighting: x goes down to {float(x.min()):g}; expected counts of at least 0."
        )
    return get_xp(x).minimum(x / cap, 1) ** power  # Eq. (9)


def misses(model: GloVe, counts: Counts) -> Any:
    """By how much each product and its biases are off, `(n,)`."""
    rows, columns, values, _ = counts
    products = (model.vectors[rows] * model.outputs[columns]).sum(axis=1)  # (n,)
    fitted = step(
        products + model.bias[rows] + model.output_bias[columns]
    )  # (n,) [wᵢᵀw̃ⱼ + bᵢ + b̃ⱼ]
    return fitted - get_xp(values).log(values)


@takes(counts=checked_counts, cap="positive", power="not negative")
def loss(model: GloVe, counts: Counts, *, cap: float = 100.0, power: float = 0.75) -> float:
    """J, Eq. (8), summed over all pairs that occur.

    Parameters
    ----------
    model : GloVe
    counts : Counts
    cap, power : float

    Returns
    -------
    float

    Examples
    --------
    >>> counts = Counts(np.array([0]), np.array([1]), np.array([100.0]), 2)
    >>> zeros = GloVe(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2), np.zeros(2), None)
    >>> round(loss(zeros, counts), 4)  # (log 100)^2
    21.2076
    """
    model = checked_model(model, "model", counts.vocab)
    weight = step(weighting(counts.values, cap=cap, power=power))  # (n,) [Eq. 9] what it counts
    off = step(misses(model, counts))  # (n,) how far each is off
    return float((weight * off**2).sum())  # Eq. (8)


def checked_model(given: Any, name: str, vocab: int) -> GloVe:
    """Two tables and two biases for so many words, finite."""
    if not isinstance(given, tuple | list) or len(given) < 4:
        raise InvalidInput(
            f"{public_caller()}: {name} is {checks.shown(given)}; expected vectors, outputs, bias "
            "and output_bias."
        )
    # Several arrays that travel together: each is looked at, then that they fit.
    xp = get_xp(*given[:4])
    parts = [checks.finite(checks.floats(x, name, xp), name, xp) for x in given[:4]]
    shapes = [part.shape for part in parts]
    d = shapes[0][-1] if shapes[0] else 0
    if shapes != [(vocab, d), (vocab, d), (vocab,), (vocab,)] or d == 0:
        raise ShapeError(
            f"{public_caller()}: {name} has {', '.join(map(str, shapes))}; expected (vocab, d) "
            f"twice and (vocab,) twice, with vocab = {vocab} of counts."
        )
    w, c, bias, output_bias = parts
    return GloVe(w, c, bias, output_bias, None)


@takes(
    counts=checked_counts,
    d="count",
    epochs="count",
    rate="positive",
    cap="positive",
    power="not negative",
    shuffle="flag",
    rng="rng",
)
def train(
    counts: Counts,
    d: int,
    *,
    epochs: int = 25,
    rate: float = 0.05,
    cap: float = 100.0,
    power: float = 0.75,
    variant: str = "paper",
    start: Any = None,
    shuffle: bool = True,
    rng: Any = None,
) -> GloVe:
    """Fit Eq. (8) by AdaGrad, one pair after the other.

    Parameters
    ----------
    counts : Counts
    d : int
    epochs : int
    rate, cap, power : float
    variant : "paper" or "official"
        AdaGrad as it is written, or as released: there a bias moves at rate 1, and the squares
        that add up for vectors have the rate in them.
    start : tuple, optional
        `(vectors, outputs, bias, output_bias)` to go on from; else small random numbers, float64.
    shuffle : bool
        Pairs in a new random order each epoch.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    GloVe

    Examples
    --------
    >>> counts = Counts(np.array([0, 1]), np.array([1, 0]), np.array([9.0, 9.0]), 2)
    >>> model = train(counts, 3, epochs=200, cap=9.0, rng=0)
    >>> round(loss(model, counts, cap=9.0), 3)
    0.0
    """
    checks.choice(variant, "variant", ("paper", "official"))
    # One pair after the other on this machine, whatever library the counts are of.
    rng = checks.generator(rng)
    rows, columns, values = (to_numpy(x) for x in counts[:3])
    # As released: all of it at random, biases too.
    if start is None:
        shapes = [(counts.vocab, d)] * 2 + [(counts.vocab,)] * 2
        start = [(rng.random(shape) - 0.5) / d for shape in shapes]
    model = checked_model(start, "start", counts.vocab)
    if model.vectors.shape[1] != d:
        raise ShapeError(f"train: start has d = {model.vectors.shape[1]}, but d is {d}.")
    parts = [to_numpy(x).copy() for x in model[:4]]
    squares = [np.ones_like(part) for part in parts]  # of AdaGrad: all begin at 1
    weight = weighting(values, cap=cap, power=power)  # (n,)
    logs = np.log(values)  # (n,)
    state: Any = (*parts, *squares)
    history = np.zeros(epochs)
    for epoch in track(range(epochs), "GloVe"):
        # In order of rows, a word would be learned once and for all.
        order = rng.permutation(len(values)) if shuffle else np.arange(len(values))
        each = (rows[order], columns[order], weight[order], logs[order])
        # Squares go on growing from epoch to epoch.
        *state, history[epoch] = fitted(*state, *each, rate, variant == "official")  # type: ignore
    xp = get_xp(counts.values)
    w, c, bias, output_bias = (xp.asarray(x) for x in state[:4])
    return GloVe(w, c, bias, output_bias, xp.asarray(history))


@accelerated("glove.fitted", work=lambda *args: len(args[8]), pays_from=50)
def fitted(
    w: Any,
    c: Any,
    bias: Any,
    output_bias: Any,
    w_squares: Any,
    c_squares: Any,
    bias_squares: Any,
    output_bias_squares: Any,
    rows: Any,
    columns: Any,
    weight: Any,
    logs: Any,
    rate: float,
    official: bool,
) -> tuple[Any, ...]:
    """All parameters and sums of squares after each pair has moved them, and J as it was met."""
    xp = get_xp(w, c)
    # The caller's arrays stay as they are.
    w, c, bias, output_bias = (x.copy() for x in (w, c, bias, output_bias))
    sums = [x.copy() for x in (w_squares, c_squares, bias_squares, output_bias_squares)]
    met = 0.0
    # How fast a bias moves, and what its gradient is counted as, differ in the released code.
    bias_rate, inside = (1.0, rate) if official else (rate, 1.0)
    for i, j, f, log in zip(
        *(to_numpy(x).tolist() for x in (rows, columns, weight, logs)), strict=True
    ):
        off = float(w[i] @ c[j]) + float(bias[i]) + float(output_bias[j]) - log
        met += f * off * off  # Eq. (8), before anything moves
        slope = f * off  # half the derivative of Eq. (8) by the product
        # Both gradients are taken before either vector moves, and steps before squares grow.
        moves = (
            (w, sums[0], i, slope * c[j], rate, inside),
            (c, sums[1], j, slope * w[i], rate, inside),
            (bias, sums[2], i, slope, bias_rate, 1.0),
            (output_bias, sums[3], j, slope, bias_rate, 1.0),
        )
        for x, squares, row, grad, fast, scale in moves:
            x[row] -= fast * grad / xp.sqrt(squares[row])
            squares[row] += (scale * grad) ** 2
    return w, c, bias, output_bias, *sums, xp.asarray(met, dtype=w.dtype)


NOTES = r"""
Differs from the paper
----------------------
- The paper says AdaGrad and no more; here squares begin at 1, as in the released code
  (`stanfordnlp/GloVe`, 52f7dbc), and the factor 2 of the gradient belongs to the rate, as there.
- **The released program learns biases at rate 1, not $\eta$.** An earlier version multiplied the
  slope by $\eta$ before all else; when clipping came in, the factor went into the updates of the
  vectors alone. Their squares add up with $\eta$ inside, those of the biases without.
  `variant="official"` does both, and agrees with the compiled program to the last digits.
- The program's `cooccur` counts its first cell twice when all counts fit into memory. Counts come from
  `word_vectors.cooccurrence` here, which does not.

Cost
----
$O(n\,d)$ an epoch for n cells that are not 0, whatever the length of the text was.

Why not just
------------
*... factorise log X?* The logarithm of 0 is not a number, and frequent cells know better than rare ones:
hence the weights of (9), which no plain decomposition has.
"""
