r"""From Word Vectors to Multimodal Embeddings: Techniques, Applications, and Future Directions For
Large Language Models.

Charles Zhang, Benji Peng, Xintian Sun, Qian Niu, Junyu Liu, Keyu Chen, Ming Li, Pohsun Feng, Ziqian
Bi, Ming Liu, Yichao Zhang, Xinyuan Song, Cheng Fei, Caitlyn Heqi Yin, Lawrence KQ Yan, Hongyang He,
Tianyang Wang. 2024. arXiv:2411.05036

A survey; a file each has `skip_gram`, `glove`, `subwords` and `two_towers`. This one has what all
begin with, words that occur near each other, and vectors by counting alone: what two words tell
about each other, negative numbers dropped, in a few dimensions.

| paper's symbol | name here | shape |
|---|---|---|
| $X$ | `counts` | `(vocab, vocab)`, sparse |
| $k$ | `shift`, its logarithm | |
| $\alpha$ | `power` | |
| $W, C$ | `vectors`, `outputs` | `(vocab, d)` |

$$\mathrm{PMI}(w, c) = \log \frac{X_{wc}}{X_w} - \log \frac{X_c^\alpha}{\sum_c X_c^\alpha}
\qquad (1)$$
$$W C^\top \approx \max(0,\ \mathrm{PMI} - \log k), \quad W = U S^{p},\ C = V S^{1 - p} \qquad (2)$$
$$\arg\max_x\ \cos(x, b - a + c) \qquad (3)$$
$$\arg\max_x\ \cos(x, b) \cos(x, c) / (\cos(x, a) + \varepsilon) \qquad (4)$$

Example
-------
    counts = cooccurrence(ids, offsets, vocab, window=5)
    vectors, outputs = ppmi_svd(counts, 100)
    analogies(vectors, [[man, king, woman, queen]]).share
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.embeddings.evaluation import Accuracy, analogies, similarity
from tokenlab.embeddings.factors import leading_factors
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.steps import step

__all__ = ["Accuracy", "Counts", "analogies", "cooccurrence", "pmi", "ppmi_svd", "similarity"]

WEIGHTINGS = ("flat", "harmonic", "dynamic")


class Counts(NamedTuple):
    """A sparse matrix: `rows`, `columns`, `values`, each `(n,)`, sorted by row, then column."""

    rows: Any
    columns: Any
    values: Any
    vocab: int

    def matrix(self) -> Any:
        """All of it, `(vocab, vocab)`, with zeros."""
        xp = get_xp(self.values)
        dense = xp.zeros((self.vocab, self.vocab), dtype=self.values.dtype)
        dense[self.rows, self.columns] = self.values
        return dense


@takes(ids="n? int", offsets="m int", vocab="count", window="count", symmetric="flag")
def cooccurrence(
    ids: Any,
    offsets: Any,
    vocab: int,
    *,
    window: int = 5,
    weighting: str = "flat",
    symmetric: bool = True,
) -> Counts:
    """How often each word stands near each other word of the same text.

    Parameters
    ----------
    ids : ndarray of shape (n,)
        Words of all texts.
    offsets : ndarray of shape (n_docs + 1,)
        Text i has the words from `offsets[i]` to `offsets[i + 1]`.
    vocab : int
    window : int
        How many words to each side are near.
    weighting : "flat", "harmonic" or "dynamic"
        What a word counts that is g places away: 1, 1/g, or (window - g + 1)/window.
    symmetric : bool
        False counts, for each word (row), the words before it (columns).

    Returns
    -------
    Counts

    Examples
    --------
    >>> counts = cooccurrence([0, 1, 2, 0, 1], [0, 3, 5], 3, window=1)
    >>> counts.matrix().astype(int).tolist()
    [[0, 2, 0], [2, 0, 1], [0, 1, 0]]
    """
    xp = get_xp(ids, offsets)
    offsets = checks.offsets(offsets, "offsets", len(ids), xp, of="ids")
    checks.within(ids, "ids", vocab, "vocab")
    checks.choice(weighting, "weighting", WEIGHTINGS)
    # No gap is longer than the texts.
    gaps = np.arange(1, min(window, max(len(ids), 1)) + 1)
    weight = {"flat": gaps / gaps, "harmonic": 1 / gaps, "dynamic": (window - gaps + 1) / window}
    return Counts(*near_counts(ids, offsets, vocab, weight[weighting], symmetric), vocab)


@accelerated(
    "cooccurrence.near_counts",
    work=lambda ids, _, __, weight, ___: ids.size * len(weight),
    pays_from=2e4,
)
def near_counts(
    ids: Any, offsets: Any, vocab: int, weight: Any, symmetric: bool
) -> tuple[Any, Any, Any]:
    """Rows, columns and summed weights of words that are 1, 2, ... places apart in one text."""
    xp = get_xp(ids, offsets)
    text = xp.searchsorted(offsets, xp.arange(len(ids)), side="right")  # (n,) whose text it is
    cells, values = [], []
    for gap, amount in enumerate(to_numpy(weight).tolist(), start=1):
        together = text[gap:] == text[:-gap]
        later, earlier = ids[gap:][together], ids[:-gap][together]  # (n_near,)
        # A cell of the matrix is one number.
        found = [later * vocab + earlier, earlier * vocab + later][: 1 + symmetric]
        cells += found
        values += [xp.full(len(cell), amount) for cell in found]
    cell, place = xp.unique(xp.concatenate(cells), return_inverse=True)
    total = xp.bincount(place, weights=xp.concatenate(values), minlength=len(cell))  # (n_cells,)
    return cell // vocab, cell % vocab, total.astype(xp.float64)


def checked_counts(counts: Any, name: str = "counts") -> Counts:
    """Counts with rows and columns inside and values above 0, each cell once."""
    if not hasattr(counts, "values") or not hasattr(counts, "columns"):
        raise InvalidInput(
            f"{public_caller()}: {name} is {type(counts).__name__}; expected Counts, as "
            "word_vectors.cooccurrence gives them."
        )
    xp = get_xp(counts.values, counts.rows)
    # A tuple looks at nothing when it is made; what is in it comes from anywhere.
    vocab = checks.count(counts.vocab, f"{name}.vocab")
    values = checks.finite(checks.floats(counts.values, f"{name}.values", xp), name, xp)
    places = [
        checks.integers(x, f"{name}.{end}", xp)
        for end, x in zip(("rows", "columns"), (counts.rows, counts.columns), strict=True)
    ]
    for axis, place in zip(("rows", "columns"), places, strict=True):
        if place.shape != values.shape or place.ndim != 1:
            raise ShapeError(
                f"{public_caller()}: {name}.{axis} is {place.shape}, {name}.values {values.shape}; "
                "expected (n,) of both."
            )
        checks.within(place, f"{name}.{axis}", vocab, "vocab")
    # The logarithm of 0 is no number.
    if values.size and float(values.min()) <= 0:
        raise InvalidInput(
            f"{public_caller()}: {name} goes down to {float(values.min()):g}; expected values "
            "above 0: what never occurs is left out."
        )
    rows, columns = places
    return Counts(rows, columns, values, vocab)


@takes(counts=checked_counts, power="not negative", shift="number")
def pmi(counts: Counts, *, power: float = 1.0, shift: float = 0.0) -> Counts:
    """How much likelier two words stand together than by chance, Eq. (1), on what occurs.

    Parameters
    ----------
    counts : Counts
    power : float
        Below 1, rare contexts tell less; 0.75 is usual.
    shift : float
        Taken off: log k is what skip-gram with k draws takes off.

    Returns
    -------
    Counts
        `values` are logarithms; below 0 where words avoid each other.

    Examples
    --------
    >>> counts = cooccurrence([0, 1, 2, 3], [0, 2, 4], 4)
    >>> pmi(counts).values.round(4).tolist()  # log 4
    [1.3863, 1.3863, 1.3863, 1.3863]
    """
    rows, columns, values, vocab = counts
    xp = get_xp(values)
    of_word = xp.bincount(rows, weights=values, minlength=vocab)  # (vocab,)
    of_context = xp.bincount(columns, weights=values, minlength=vocab)
    # What does not occur has no share; 0 to the power of 0 would be 1.
    noise = xp.where(of_context > 0, of_context**power, 0)
    noise = step(
        noise / noise.sum() if values.size else noise
    )  # (vocab,) [P(c)] each context's share
    given = step(xp.log(values) - xp.log(of_word[rows]))  # (n,) [log P(c | w)] beside this word
    told = given - xp.log(noise[columns]) - shift  # Eq. (1)
    return Counts(rows, columns, told.astype(values.dtype, copy=False), vocab)


@takes(counts=checked_counts, d="count", weight="share")
def ppmi_svd(
    counts: Counts, d: int, *, power: float = 0.75, shift: float = 0.0, weight: float = 0.5
) -> tuple[Any, Any]:
    """Vectors by counting: the leading axes of the positive part of PMI, Eq. (2).

    Parameters
    ----------
    counts : Counts
    d : int
        At most `vocab`; columns beyond the rank are zeros.
    power, shift : float
        As in `pmi`.
    weight : float
        $p$, how much of the singular values goes to the words; the rest goes to the contexts.

    Returns
    -------
    (vectors, outputs)
        Of words and of contexts, each `(vocab, d)`; a word without neighbours is zeros.

    Examples
    --------
    >>> vectors, outputs = ppmi_svd(cooccurrence([0, 1, 2, 3], [0, 2, 4], 4), 4, power=1.0)
    >>> (vectors @ outputs.T).round(4)[:2].tolist()
    [[0.0, 1.3863, 0.0, 0.0], [1.3863, 0.0, 0.0, 0.0]]
    """
    rows, columns, told, vocab = pmi(counts, power=power, shift=shift)
    if d > vocab:
        raise InvalidInput(
            f"ppmi_svd: d is {d}, more than the {vocab} words of the vocabulary; expected at most "
            "that many axes."
        )
    kept = told > 0  # (n,), what is left of Eq. (2)
    u, s, v = leading_factors(rows[kept], columns[kept], told[kept], vocab, d)
    s = step(s)  # (d,) how much each axis says, largest first
    xp = get_xp(s)
    # Axes beyond the rank are made of rounding.
    says = s > s[0] * 1e-7
    vectors = step(u * xp.where(says, s**weight, 0))  # (vocab, d) [W = U Sᵖ] of words
    return vectors, v * xp.where(says, s ** (1 - weight), 0)  # Eq. (2)


NOTES = r"""
Differs from the paper
----------------------
- The survey names these methods and has no algorithm of its own. Eqs. (1) and (2) are those of Levy
  and Goldberg, *Neural Word Embedding as Implicit Matrix Factorization*, 2014, and of Levy, Goldberg
  and Dagan, *Improving Distributional Similarity with Lessons Learned from Word Embeddings*, 2015,
  where `power` is the smoothing of contexts and `weight` the exponent of the singular values; (4) is
  their *Linguistic Regularities in Sparse and Explicit Word Representations*, 2014.
- PMI of what never occurs is minus infinity; it is left out, and counts as 0 in (2).
- `weighting="dynamic"` is the mean over the windows that word2vec draws.

Cost
----
Counting touches $2 n \cdot$ `window` cells; the readable form sorts them, its twin goes through the
places of one word after the other. (2) is a dense decomposition up to a vocabulary of 2,000, and
beyond that SciPy's sparse one where that is installed.

What came out
-------------
The whole of the King James Bible and of Shakespeare, 1,687,793 words of which 11,294 occur five times;
d = 100, one run each, `tools/findings/word_vectors.py`. WordSim-353 on 120 pairs, and 2,589 analogies,
2,328 of them of form:

| | similarity | analogies | of form | of meaning |
|---|---|---|---|---|
| PPMI-SVD | .267 | .093 | .088 | .130 |
| less log 5 | .272 | .039 | .038 | .042 |
| skip-gram, shared draws, 10 epochs | .287 | .073 | .059 | .199 |
| GloVe | .282 | .041 | .029 | .153 |
| subwords, mean, 5 epochs | .265 | .342 | .359 | .192 |
| subwords, sum | .328 | .446 | .481 | .130 |

Subwords know form by far the best. That counts win on meaning did not come out of this run: skip-gram
is as good on similarity, and 120 pairs cannot tell .27 from .29. The shift by log k hurts analogies.

Turkish speeches, 259,372 words of which 7,698 occur five times (the same script, `--turkish`): of ten
neighbours of a word of six letters or more .014 begin with its first five letters by skip-gram, .348
by subwords, and .186 for words that were never seen.

Why not just
------------
*... the rows of X as vectors?* Every word stands near "the": rows of counts are all alike. PMI asks
what is more than expected.
"""
