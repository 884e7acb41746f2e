"""Words with the words around them, how often each sense is meant, and which senses stay.

`embeddings.senses` hands these functions on.
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models.layers import known_ids

__all__ = ["Examples", "examples", "priors", "prune"]


class Examples(NamedTuple):
    """Each word of a text, and the words around it, -1 for none."""

    centres: Any
    contexts: Any


@takes(ids="n? int")
def examples(ids: Any, offsets: Any, window: int) -> Examples:
    """Words and their contexts, inside their documents.

    Parameters
    ----------
    ids : ndarray of shape (n,)
        Words of all documents, one after the other.
    offsets : ndarray of shape (n_docs + 1,)
        Document i owns `ids[offsets[i]:offsets[i + 1]]`.
    window : int
        Words on each side.

    Returns
    -------
    Examples
        `centres (n,)`, `contexts (n, 2 window)` from left to right.

    Examples
    --------
    >>> examples([4, 5, 6, 7], [0, 3, 4], 1).contexts.tolist()
    [[-1, 5], [4, 6], [5, -1], [-1, -1]]
    """
    xp = shared_library([ids, offsets], ["ids", "offsets"])
    n = len(ids)
    offsets = checks.offsets(offsets, "offsets", n, xp, of="ids")
    window = checks.count(window, "window")
    if n and int(ids.min()) < 0:
        raise InvalidInput(f"{public_caller()}: ids goes down to {int(ids.min())}; expected words.")
    places = xp.arange(n)[:, None]
    document = xp.searchsorted(offsets, places, side="right")  # (n, 1), of each word
    gaps = xp.asarray([*range(-window, 0), *range(1, window + 1)])
    around = places + gaps  # (n, 2 window)
    inside = (around >= 0) & (around < n)
    around = xp.where(inside, around, 0)
    # A neighbour of another document is none.
    same = inside & (xp.searchsorted(offsets, around, side="right") == document)
    return Examples(ids, xp.where(same, ids[around], -1) if n else around)


@takes(p="n s", centres="n int", vocab="count")
def priors(p: Any, centres: Any, vocab: int) -> Any:
    """How often each word is meant in each sense: the mean over its occurrences.

    Parameters
    ----------
    p : ndarray of shape (n, s)
        From `disambiguate`.
    centres : ndarray of shape (n,)
    vocab : int

    Returns
    -------
    ndarray of shape (vocab, s)
        Uniform for a word that does not occur.

    Examples
    --------
    >>> priors([[1.0, 0.0], [0.5, 0.5]], [0, 0], 2).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """
    known_ids(centres, "centres", vocab)
    xp = get_xp(p, centres)
    columns = [xp.bincount(centres, weights=p[:, s], minlength=vocab) for s in range(p.shape[1])]
    total = xp.bincount(centres, minlength=vocab)[:, None]  # (vocab, 1)
    met = total > 0
    mean = xp.stack(columns, axis=1) / xp.where(met, total, 1)  # (vocab, s)
    return xp.where(met, mean, 1 / p.shape[1]).astype(p.dtype)


@takes(prior="vocab s", least="share")
def prune(prior: Any, *, least: float = 0.05) -> Any:
    """Which senses stay: those with a share of at least `least`, and always the largest.

    Parameters
    ----------
    prior : ndarray of shape (vocab, s)
        From `priors`.
    least : float
        0 to 1.

    Returns
    -------
    ndarray of shape (vocab, s)
        bool.

    Examples
    --------
    >>> prune([[0.97, 0.03], [0.5, 0.5]]).tolist()
    [[True, False], [True, True]]
    """
    largest = prior.argmax(axis=1)[:, None] == get_xp(prior).arange(prior.shape[1])  # (vocab, s)
    return (prior >= least) | largest
