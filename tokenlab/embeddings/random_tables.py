r"""A transformer that reads and writes through a random table, drawn anew for each text.

    params = init(d=32, layers=2, heads=4, rng=0)
    table = random_embedding(b, vocab, 32, rng=1)          # (b, vocab, d)
    loss(params, ids, table)                               # ids (b, n)

Nothing that is learned belongs to a token: with $E$ of the text at hand,

$$x_t = E[i_t] + E[i_{t-1}] W + \text{place}_t, \qquad \text{logits}_t = h_t E^\top,$$

so that renaming tokens and rows alike renames the logits. `embeddings.lexinvariant` has the paper.
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError, public_caller
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy, known_ids

__all__ = ["forward", "init", "loss", "random_embedding", "semi_random"]


def random_embedding(
    n: int, vocab: int, d: int, *, rng: np.random.Generator | int | None = None
) -> np.ndarray:
    """Tables of random rows, of length one on average.

    Parameters
    ----------
    n : int
        Texts, each of which gets its own.
    vocab, d : int
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n, vocab, d)
        float32, entries of variance $1/d$.

    Examples
    --------
    >>> random_embedding(2, 5, 3, rng=0).shape
    (2, 5, 3)
    """
    sizes = [checks.count(x, name) for x, name in ((n, "n"), (vocab, "vocab"), (d, "d"))]
    drawn = checks.generator(rng).standard_normal(sizes, dtype=np.float32)
    return drawn / np.float32(sizes[-1] ** 0.5)  # (n, vocab, d), variance 1/d


@takes(table="vocab d", share="share")
def semi_random(
    table: Any, n: int, *, share: float = 0.2, rng: np.random.Generator | int | None = None
) -> Any:
    """Tables of which only some rows are random: a semi-lexinvariant model learns the others.

    Parameters
    ----------
    table : ndarray of shape (vocab, d)
        Learned rows.
    n : int
        Texts.
    share : float
        The chance of each row of each text to be drawn anew.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n, vocab, d)

    Examples
    --------
    >>> semi_random([[1.0, 2.0]], 2, share=0.0).tolist()
    [[[1.0, 2.0]], [[1.0, 2.0]]]
    """
    xp = get_xp(table)
    n = checks.count(n, "n")
    rng = checks.generator(rng)
    drawn = rng.random((n, len(table), 1)) < share  # (n, vocab, 1)
    new = random_embedding(n, *table.shape, rng=rng).astype(table.dtype)
    return xp.where(xp.asarray(drawn), xp.asarray(new), table)  # (n, vocab, d)


def init(
    *,
    d: int,
    layers: int,
    heads: int,
    rng: np.random.Generator | int | None = None,
    length: int = 256,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of a model without embeddings.

    Parameters
    ----------
    d, layers, heads : int
        `heads` divides `d`.
    rng : numpy.random.Generator, int or None
    length : int
        How many places there are.
    dtype : data-type

    Returns
    -------
    dict
        As `models.transformer.init` makes them, with `previous (d, d)` in place of `embed`.

    Examples
    --------
    >>> sorted(init(d=4, layers=1, heads=2, rng=0))
    ['blocks', 'norm', 'place', 'previous']
    """
    params = transformer.init(
        vocab=1, d=d, layers=layers, heads=heads, rng=rng, length=length, dtype=dtype
    )
    del params["embed"]  # nothing learned belongs to a token
    # Half of the token before: enough to see neighbours from the first step on.
    params["previous"] = np.eye(d, dtype=dtype) / 2
    return params


@takes(
    params=checks.holding("norm", "place", "blocks", "previous"),
    ids="n int | b n int",
    table="vocab d | b vocab d",
)
def forward(params: dict[str, Any], ids: Any, table: Any) -> Any:
    """Logits of the next token at every position.

    Parameters
    ----------
    params : dict
        From `init`.
    ids : ndarray of shape (n,) or (b, n)
    table : ndarray of shape (vocab, d) or (b, vocab, d)
        Each text's own rows, from `random_embedding`.

    Returns
    -------
    ndarray of shape (n, vocab) or (b, n, vocab)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Another number of texts than of tables, unknown ids, another width than the parameters'.

    Examples
    --------
    >>> params = init(d=4, layers=1, heads=2, rng=0)
    >>> forward(params, [0, 1, 2, 1], random_embedding(1, 3, 4, rng=0)[0]).shape
    (4, 3)
    """
    xp = get_xp(table, ids, params["previous"])
    if ids.ndim + 1 != table.ndim or params["place"].shape[1] != table.shape[-1]:
        raise ShapeError(
            f"{public_caller()}: table is {table.shape} and ids is {ids.shape}; expected a table "
            f"(vocab, d) for each text, with d = {params['place'].shape[1]} as in params."
        )
    # A negative id would count from the end of the table.
    vocab, d = table.shape[-2:]
    known_ids(ids, "ids", vocab)
    # All tables one below the other: text i reads the rows from i vocab on.
    first = xp.arange(len(ids))[:, None] * vocab if ids.ndim == 2 else 0
    rows = ids + first
    flat = table.reshape(-1, d)  # (b vocab, d)

    def with_the_one_before(layer: int, x: Any) -> Any:
        if layer:  # only what enters the first one
            return None
        # (..., n, d): nothing stands before the first token.
        before = xp.concatenate([0 * x[..., :1, :], flat[rows[..., :-1]]], axis=-2)
        return x + before @ params["previous"]

    blocks = {name: part for name, part in params.items() if name != "previous"}
    blocks |= {"embed": flat, "head": table.swapaxes(-1, -2)}  # (..., d, vocab): E both ways
    return transformer.forward(blocks, rows, tap=with_the_one_before)


@takes(
    params=checks.holding("norm", "place", "blocks", "previous"),
    ids="n int | b n int",
    table="vocab d | b vocab d",
)
def loss(params: dict[str, Any], ids: Any, table: Any) -> Any:
    """What each token costs, given those before it in the same text: the mean in nats.

    Parameters
    ----------
    params : dict
    ids : ndarray of shape (n,) or (b, n)
        At least two tokens.
    table : ndarray of shape (vocab, d) or (b, vocab, d)

    Returns
    -------
    float

    Examples
    --------
    >>> params = init(d=4, layers=1, heads=2, rng=0)
    >>> bool(loss(params, [0, 1, 2, 1], random_embedding(1, 3, 4, rng=0)[0]) > 0)
    True
    """
    if ids.shape[-1] < 2:
        raise ShapeError(f"{public_caller()}: ids is {ids.shape}; expected two tokens at least.")
    logits = forward(params, ids, table)  # (..., n, vocab)
    return cross_entropy(logits[..., :-1, :], ids[..., 1:])
