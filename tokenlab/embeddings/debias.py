r"""Man is to Computer Programmer as Woman is to Homemaker? Debiasing Word Embeddings.

Tolga Bolukbasi, Kai-Wei Chang, James Zou, Venkatesh Saligrama, Adam Kalai. NIPS 2016.
arXiv:1607.06520

Differences of pairs like she and he lie along one direction, and words that should not know it do.
Hard debiasing takes the direction out of neutral words, and puts the words of a pair at equal
distance from them; soft debiasing trades that against leaving all products as they are.

| paper's symbol | name here | shape |
|---|---|---|
| $W$, rows of length one | `x` | `(n, d)` |
| $D_1 \dots D_n$, $E$ | `sets` of row numbers | |
| bias subspace $B$ | `basis` | `(k, d)` |
| $T^\top T$ | `metric` | `(d, d)` |

$$C = \sum_i \sum_{w \in D_i} (w - \mu_i)^\top (w - \mu_i) / |D_i|, \quad
B = \text{its first } k \text{ axes} \qquad (1)$$
$$\mathrm{DirectBias}_c = \mathrm{mean}_w\, |\cos(w, g)|^c \qquad (2)$$
$$\beta(w, v) = \Big(w \cdot v - \frac{w_\perp \cdot v_\perp}{\lVert w_\perp \rVert \lVert v_\perp
\rVert}\Big) / (w \cdot v) \qquad (3)$$
$$w \leftarrow (w - w_B) / \lVert w - w_B \rVert \qquad (4)$$
$$w \leftarrow \nu + \sqrt{1 - \lVert \nu \rVert^2}\; \frac{w_B - \mu_B}{\lVert w_B - \mu_B \rVert},
\quad \nu = \mu - \mu_B \qquad (5)$$

Example
-------
    basis, share = bias_subspace(x, [[she, he], [woman, man]])
    fair = hard_debias(x, basis, specific=[she, he], sets=[[she, he]])
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.blocks import by_rows
from tokenlab.embeddings.bias_analogies import AnalogyPairs, analogy_pairs
from tokenlab.embeddings.soft_debiasing import SoftDebias, soft_debias
from tokenlab.embeddings.vectors import directions, orthonormal, row_sets, rows_of, with_direction
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import unit
from tokenlab.steps import step

__all__ = [
    "AnalogyPairs",
    "SoftDebias",
    "Subspace",
    "analogy_pairs",
    "bias_subspace",
    "direct_bias",
    "equalize",
    "hard_debias",
    "indirect_bias",
    "neutralize",
    "soft_debias",
]


class Subspace(NamedTuple):
    """Orthonormal axes, the strongest first, and the share of each of the variance."""

    basis: Any
    share: Any


@takes(x="n d")
def bias_subspace(x: Any, sets: Any, *, k: int = 1) -> Subspace:
    """The directions in which the words of each set differ, Eq. (1).

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Word vectors, of any length; their directions count.
    sets : sequence of sequences of int
        Row numbers of words that differ in nothing else, two or more in each set.
    k : int
        How many directions.

    Returns
    -------
    Subspace
        `basis (k, d)`; an axis points to the first words of the sets. `share (k,)`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A row of zeros, a set of one word, rows outside, more directions than differences span.

    Examples
    --------
    >>> x = [[0.6, 0.8], [-0.6, 0.8], [1.0, 0.0], [-1.0, 0.0]]
    >>> bias_subspace(x, [[0, 1], [2, 3]]).basis.tolist()
    [[1.0, 0.0]]
    """
    xp = get_xp(x)
    x = directions(x, "x")
    sets = row_sets(sets, "sets", len(x), xp)
    if not sets:
        raise InvalidInput(f"{public_caller()}: sets is empty; expected at least one.")
    centred, leading = [], xp.zeros(x.shape[1])
    for rows in sets:
        gaps = (x[rows] - x[rows].mean(axis=0)) / len(rows) ** 0.5  # each set weighs alike
        centred.append(gaps)
        leading = leading + gaps[0]  # of the first word
    stacked = step(xp.concatenate(centred))  # (n_words, d) [w − μ_i] from the middle of the set
    _, s, axes = xp.linalg.svd(stacked.astype(xp.float64), full_matrices=False)
    rank = int((s > s[0] * 1e-10).sum()) if float(s[0]) else 0
    k = checks.count(k, "k", at_most=max(rank, 1))
    signs = xp.where(axes[:k] @ leading < 0, -1.0, 1.0)  # (k,)
    leading_axes = (axes[:k] * signs[:, None]).astype(x.dtype, copy=False)
    basis = step(leading_axes)  # (k, d) [Eq. 1] first axes of the differences
    return Subspace(basis, s[:k] ** 2 / (s**2).sum())


@takes(x="n d", basis="k d", c="number")
def direct_bias(x: Any, basis: Any, *, c: float = 1.0) -> float:
    """How much of the words lies in the bias subspace, on average, Eq. (2).

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Vectors of words that should be neutral.
    basis : ndarray of shape (k, d)
        Orthonormal rows.
    c : float
        At least 0: how strict it is; 0 counts words that have any part in it.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A row of zeros, a basis that is not orthonormal.

    Examples
    --------
    >>> direct_bias([[0.6, 0.8, 0.0]], [[1.0, 0.0, 0.0]])
    0.6
    """
    c = checks.number(c, "c", at_least=0)
    basis = orthonormal(basis, "basis")
    inside = directions(x, "x") @ basis.T  # (n, k)
    lengths = (inside * inside).sum(axis=1) ** 0.5  # |cos| for one direction
    return float((lengths**c).mean())  # Eq. (2)


@takes(x="n d", y="n_y d", basis="k d")
def indirect_bias(x: Any, y: Any, basis: Any) -> Any:
    """How much of each similarity is due to the bias subspace, Eq. (3).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    y : ndarray of shape (n_y, d)
    basis : ndarray of shape (k, d)

    Returns
    -------
    ndarray of shape (n, n_y)
        0: nothing of it; 1: all of it. NaN where the words are orthogonal; a word that lies in the
        subspace has no rest, and the similarity of rests counts as 0.

    Examples
    --------
    >>> indirect_bias([[0.6, 0.8, 0.0]], [[0.0, 1.0, 0.0], [0.6, 0.0, 0.8]],
    ...               [[1.0, 0.0, 0.0]]).round(6).tolist()
    [[-0.25, 1.0]]
    """
    xp = get_xp(x, y, basis)
    basis = orthonormal(basis, "basis")
    x, y = directions(x, "x"), directions(y, "y")
    plain = x @ y.T  # (n, n_y)
    rests = [unit(outside(a, basis)) for a in (x, y)]  # of length one, or zeros
    without = rests[0] @ rests[1].T
    known = plain != 0
    return xp.where(known, (plain - without) / xp.where(known, plain, 1), xp.nan)  # Eq. (3)


def outside(x: Any, basis: Any) -> Any:
    """Rows without their part in the subspace; zeros where rounding is all that is left."""
    rest = x - (x @ basis.T) @ basis
    small = (rest * rest).sum(axis=1, keepdims=True) < 1e-12 * (x * x).sum(axis=1, keepdims=True)
    return get_xp(x).where(small, 0, rest)


@takes(x="n d", basis="k d")
def neutralize(x: Any, basis: Any) -> Any:
    """Rows without their part in the subspace, scaled to length one, Eq. (4).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    basis : ndarray of shape (k, d)

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A row that lies in the subspace: nothing of it would be left.

    Examples
    --------
    >>> neutralize([[0.6, 0.8, 0.0]], [[1.0, 0.0, 0.0]]).tolist()
    [[0.0, 1.0, 0.0]]
    """
    basis = orthonormal(basis, "basis")
    with_direction(x, "x")
    neutral = rests(x, basis)
    something_left(neutral, slice(None))
    return neutral


@by_rows(lambda x, basis: 4 * x.shape[1])
def rests(x: Any, basis: Any) -> Any:
    """Eq. (4); zeros for a row that lies in the subspace."""
    rest = step(outside(unit(x), basis))  # (n, d) [w − w_B] without the direction
    return unit(rest)  # Eq. (4)


def something_left(y: Any, neutral: Any) -> None:
    """Raise for neutral words that were nothing but their part in the subspace."""
    lost = get_xp(y).nonzero((~y.any(axis=1))[neutral])[0]
    if lost.size:
        rows = get_xp(y).arange(len(y))[neutral]
        raise InvalidInput(
            f"{public_caller()}: x has {lost.size} rows that lie in the subspace, the first at row "
            f"{int(rows[lost[0]])}; expected words with something besides. Count them as specific."
        )


@takes(x="n d", basis="k d")
def equalize(x: Any, sets: Any, basis: Any) -> Any:
    """The words of each set at equal distance from everything neutral, Eq. (5).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    sets : sequence of sequences of int
        Row numbers; of any size from two on.
    basis : ndarray of shape (k, d)

    Returns
    -------
    ndarray of shape (n, d)
        Rows of length one; those of no set are only scaled.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Words of a set that are the same in the subspace: nothing tells them apart.

    Examples
    --------
    >>> x = [[-0.5, 0.5, 0.70711], [0.7, 0.1, 0.70711]]
    >>> equalize(x, [[0, 1]], [[1.0, 0.0, 0.0]]).round(4).tolist()
    [[-0.6403, 0.3, 0.7071], [0.6403, 0.3, 0.7071]]
    """
    xp = get_xp(x, basis)
    basis = orthonormal(basis, "basis")
    y = directions(x, "x").copy()  # what was passed in stays as it is
    return equalized(y, row_sets(sets, "sets", len(y), xp), basis)


def equalized(y: Any, sets: Any, basis: Any) -> Any:
    """Eq. (5) in rows of length one, written into them."""
    xp = get_xp(y)
    for rows in sets:
        mean = y[rows].mean(axis=0)  # (d,)
        inside = mean @ basis.T @ basis
        rest = mean - inside  # ν, the same for all words of the set
        apart = (y[rows] @ basis.T) @ basis - inside  # (size, d)
        length = (apart * apart).sum(axis=1, keepdims=True) ** 0.5
        if float(length.min()) < 1e-10:
            raise InvalidInput(
                f"{public_caller()}: sets has {[int(r) for r in rows]}, of which a word lies in the "
                "middle of the subspace; expected words that differ in it. Leave it out."
            )
        room = xp.sqrt(xp.clip(1 - (rest * rest).sum(), 0, None))
        y[rows] = rest + room * apart / length  # Eq. (5)
    return y


@takes(x="n d", basis="k d")
def hard_debias(x: Any, basis: Any, *, specific: Any, sets: Any) -> Any:
    """Neutralise all words but the specific ones, and equalise the sets: Eqs. (4) and (5).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    basis : ndarray of shape (k, d)
        From `bias_subspace`.
    specific : sequence of int
        Row numbers of words that are meant to differ, like she and he.
    sets : sequence of sequences of int
        Words that shall differ in nothing else; they are not neutralised first.

    Returns
    -------
    ndarray of shape (n, d)
        Rows of length one.

    Examples
    --------
    >>> x = [[0.6, 0.8, 0.0], [-0.5, 0.5, 0.70711], [0.7, 0.1, 0.70711]]
    >>> hard_debias(x, [[1.0, 0.0, 0.0]], specific=[], sets=[[1, 2]]).round(2)[0].tolist()
    [0.0, 1.0, 0.0]
    """
    xp = get_xp(x, basis)
    basis = orthonormal(basis, "basis")
    with_direction(x, "x")
    kept = rows_of(specific, "specific", len(x), xp)
    members = row_sets(sets, "sets", len(x), xp)
    # All rows by blocks, and the few that are no neutral words put back: two copies are held.
    y = rests(x, basis)  # Eq. (4)
    neutral = xp.ones(len(y), bool)
    for rows in (kept, *members):
        neutral[rows] = False
        y[rows] = unit(x[rows])
    something_left(y, neutral)
    return equalized(y, members, basis)  # Eq. (5)


NOTES = r"""
Differs from the paper
----------------------
- Words of `sets` are not neutralised first, also where they are not specific: equalising wins.
- Released code equalises pairs alone, and gives a pair without a difference a side in silence; here
  sets have any size, and that raises.
- The sign of an axis is fixed: it points to the first words of the sets.
- Soft debiasing is in `embeddings.soft_debiasing`, solved exactly.

Cost
----
The subspace is a singular value decomposition of the few words of the sets. Neutralising takes
$4ndk$ operations. `analogy_pairs` compares all pairs, $n^2 d$.

Why not just ...
----------------
*... believe it?* Gonen and Goldberg (Lipstick on a Pig, 2019) train a classifier on the debiased
vectors, and it still tells male from female words: what is gone is one direction, not the
neighbours. Equalising also moves words that differed by accident, at full size.
"""
