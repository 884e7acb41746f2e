"""Which words of a text are learned from, and which stand near each other. See `skip_gram`."""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.embeddings.draws import near_places, widths_of
from tokenlab.numerics import offsets_of

__all__ = ["pairs", "subsample"]


@takes(ids="n? int", offsets="m int", keep="vocab", rng="rng")
def subsample(ids: Any, offsets: Any, keep: Any, *, rng: Any = None) -> tuple[Any, Any]:
    """Texts without most occurrences of frequent words; those left move together.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    offsets : ndarray of shape (n_docs + 1,)
    keep : ndarray of shape (vocab,)
        As `keep_probability` gives it.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    (ids, offsets)

    Examples
    --------
    >>> ids, offsets = subsample([0, 1, 1, 0], [0, 3, 4], [1.0, 0.0], rng=0)
    >>> ids.tolist(), offsets.tolist()
    ([0, 0], [0, 1, 2])
    """
    xp = get_xp(ids, offsets, keep)
    offsets = checks.offsets(offsets, "offsets", len(ids), xp, of="ids")
    checks.within(ids, "ids", len(keep), "vocab", of="keep")
    # A number for each place, not for each word: some of its occurrences stay.
    kept = xp.asarray(checks.generator(rng).random(len(ids))) < keep[ids]  # (n,)
    before = offsets_of(kept.astype(xp.int64))  # (n + 1,) how many are kept before each place
    return ids[kept], before[offsets]


@takes(ids="n? int", offsets="m int", window="count", rng="rng", dynamic="flag")
def pairs(ids: Any, offsets: Any, window: int = 5, *, rng: Any = None, dynamic: bool = True) -> Any:
    """Each word with each word near it: what skip-gram learns from.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    offsets : ndarray of shape (n_docs + 1,)
    window : int
        How many words to each side.
    rng : numpy.random.Generator, int or None
    dynamic : bool
        Draw how many for each word, from 1 to `window`, so that nearer ones come more often.

    Returns
    -------
    ndarray of shape (n_pairs, 2)
        Centre and context, in order of their places.

    Examples
    --------
    >>> pairs([7, 8, 9], [0, 3], 1, dynamic=False).tolist()
    [[7, 8], [8, 7], [8, 9], [9, 8]]
    """
    xp = get_xp(ids, offsets)
    offsets = checks.offsets(offsets, "offsets", len(ids), xp, of="ids")
    # Near words come more often than far ones, since all widths are as likely.
    widths = widths_of(len(ids), window, checks.generator(rng), dynamic)
    centre, context = near_places(offsets, xp.asarray(widths))
    return xp.stack([ids[centre], ids[context]], axis=1)  # (n_pairs, 2)
