r"""Enriching Word Vectors with Subword Information.

Piotr Bojanowski, Edouard Grave, Armand Joulin, Tomas Mikolov. TACL 5, 2017. arXiv:1607.04606

A word is also the letters that it is made of: its vector is the sum of one of its own and of those
of its n-grams, which are learned as in skip-gram. n-grams share a table by a hash. So a word that
was never seen has a vector, too.

| paper's symbol | name here | shape |
|---|---|---|
| $\mathcal{G}_w$ | rows `ids[offsets[w]:offsets[w + 1]]` | |
| $z_g$ | `table` | `(vocab + n_buckets, d)` |
| $v_c$ | `outputs` | `(vocab, d)` |

$$u_w = \sum_{g \in \mathcal{G}_w} z_g, \qquad s(w, c) = u_w^\top v_c \qquad (\S 3.2)$$

Example
-------
    model = train(ids, offsets, words, d=100, rng=0)
    Words(words, model.vectors()).nearest(model.vector("never-seen"))
    ngrams("where", shortest=3, longest=3)
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.embeddings.draws import falling, noise_table, widths_of, word_counts
from tokenlab.embeddings.sequential import Pass, one_epoch, passed, rate_of_each
from tokenlab.embeddings.skip_gram import keep_probability, noise, subsample
from tokenlab.embeddings.subword_rows import (
    N_BUCKETS,
    bucket,
    ngrams,
    subword_ids,
    unseen_ids,
)
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import segment_sum
from tokenlab.progress import track
from tokenlab.steps import step

__all__ = [
    "Subwords",
    "bucket",
    "compose",
    "ngrams",
    "subword_ids",
    "subword_pass",
    "train",
    "unseen_ids",
]

HOW = ("mean", "sum")


@takes(table="n_rows d", ids="n? int", offsets="m int")
def compose(table: Any, ids: Any, offsets: Any, *, how: str = "mean") -> Any:
    """Vectors of words from those of their parts.

    Parameters
    ----------
    table : ndarray of shape (n_rows, d)
    ids : ndarray of shape (n,)
        Rows, as `subword_ids` or `unseen_ids` gives them.
    offsets : ndarray of shape (n_words + 1,)
    how : "mean" or "sum"
        The released code has the mean, the paper the sum. Without parts: zeros.

    Returns
    -------
    ndarray of shape (n_words, d)

    Examples
    --------
    >>> compose([[1.0], [3.0]], [0, 1, 1], [0, 2, 3, 3]).tolist()
    [[2.0], [3.0], [0.0]]
    """
    # Two readings, of which one is printed and the other was released.
    checks.choice(how, "how", HOW)
    xp = get_xp(table, ids, offsets)
    offsets = checks.offsets(offsets, "offsets", len(ids), xp, of="ids")
    # Rows beyond the table would be those of another number of buckets.
    checks.within(ids, "ids", len(table), "n_rows", of="table")
    total = step(segment_sum(table[ids], offsets))  # (n_words, d) [u = Σ z] all parts of a word
    parts = offsets[1:] - offsets[:-1]  # (n_words,)
    # A word without parts is divided by 1.
    return total / xp.maximum(parts, 1)[:, None].astype(total.dtype) if how == "mean" else total


@takes(
    table="n_rows d",
    outputs="n_out d",
    ids="n? int",
    offsets="m int",
    pairs="n_pairs? 2 int",
    draws="n_pairs k? int",
    rates=" | n_pairs",
)
def subword_pass(
    table: Any,
    outputs: Any,
    ids: Any,
    offsets: Any,
    pairs: Any,
    draws: Any,
    rates: Any,
    *,
    how: str = "mean",
) -> Pass:
    """One pair after the other, as `skip_gram.sgd_pass`; a word is what its parts make.

    Parameters
    ----------
    table : ndarray of shape (n_rows, d)
    outputs : ndarray of shape (n_out, d)
    ids : ndarray of shape (n,)
    offsets : ndarray of shape (n_words + 1,)
    pairs : ndarray of shape (n_pairs, 2)
        Words and contexts.
    draws : ndarray of shape (n_pairs, k)
    rates : ndarray of shape (n_pairs,), or float
    how : "mean" or "sum"
        Each part moves by the whole gradient of the word, also under "mean", as released.

    Returns
    -------
    Pass
        The table under `vectors`.

    Examples
    --------
    >>> args = [[1.0], [3.0]], [[0.0]], [0, 1], [0, 2], [[0, 0]], [[]], 0.5
    >>> subword_pass(*args).outputs.tolist()
    [[0.5]]
    """
    checks.choice(how, "how", HOW)
    xp = get_xp(table, outputs)
    offsets = checks.offsets(offsets, "offsets", len(ids), xp, of="ids")
    checks.within(ids, "ids", len(table), "n_rows", of="table")
    # Words and rows are two numberings: a pair names words.
    checks.within(pairs[:, 0], "pairs", len(offsets) - 1, "n_words", of="offsets less 1")
    checks.within(pairs[:, 1], "pairs", len(outputs), "n_out", of="outputs")
    checks.within(draws, "draws", len(outputs), "n_out", of="outputs")
    word, context = pairs[:, 0].copy(), pairs[:, 1].copy()  # (n_pairs,)
    # As released: each part moves by all of the gradient.
    each = (word, context, draws, rate_of_each(rates, len(pairs), xp))
    moved = passed(table, outputs, ids, offsets, *each, how == "mean", True)
    return Pass(moved[0], moved[1], float(moved[2]))


class Subwords(NamedTuple):
    """A trained `table (vocab + n_buckets, d)`, `outputs (vocab, d)` and loss a pair by epoch.

    `ids` and `offsets` are the rows of each word; `form` says how words are spelled and composed.
    """

    table: Any
    outputs: Any
    ids: Any
    offsets: Any
    form: dict[str, Any]
    history: Any

    def vectors(self) -> Any:
        """Of all words that were learned, `(vocab, d)`."""
        return compose(self.table, self.ids, self.offsets, how=self.form["how"])

    def vector(self, word: str) -> Any:
        """Of any word, seen or not, from its n-grams alone, `(d,)`.

        Parameters
        ----------
        word : str
        """
        # Its own row, if it has one, is left out: two words of the same letters agree.
        spelled = {name: value for name, value in self.form.items() if name != "how"}
        ids, offsets = unseen_ids([checks.text(word, "word")], len(self.outputs), **spelled)
        return compose(self.table, ids, offsets, how=self.form["how"])[0]


@takes(
    ids="n int",
    offsets="m int",
    words=checks.texts,
    d="count",
    window="count",
    negatives="whole",
    epochs="count",
    rate="positive",
    n_buckets="count",
    shared="flag",
    rng="rng",
)
def train(
    ids: Any,
    offsets: Any,
    words: Any,
    *,
    d: int = 100,
    window: int = 5,
    negatives: int = 5,
    epochs: int = 5,
    threshold: float | None = 1e-3,
    rate: float = 0.05,
    n_buckets: int = N_BUCKETS,
    shortest: int = 3,
    longest: int = 6,
    variant: str = "paper",
    how: str = "mean",
    shared: bool = False,
    rng: Any = None,
) -> Subwords:
    """Learn vectors of words and n-grams from texts, as `skip_gram.train` does.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    offsets : ndarray of shape (n_docs + 1,)
    words : list of str
        What word i is.
    d, window, negatives, epochs : int
    threshold, rate : float
        Under `how="sum"` a rate ten times lower is stable.
    n_buckets, shortest, longest : int
    variant : "paper" or "official"
        Of `ngrams`.
    how : "mean" or "sum"
    shared : bool
        One draw of negatives for all contexts of a word.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Subwords
        float32.

    Examples
    --------
    >>> model = train([0, 1, 2, 1] * 9, [0, 36], ["sea", "seas", "seen"], d=4, n_buckets=99, rng=0)
    >>> model.vectors().shape, model.vector("unseen").shape
    ((3, 4), (4,))
    """
    if not words:
        raise InvalidInput(f"{public_caller()}: words is empty; expected a text for each id.")
    counts = word_counts(ids, offsets, len(words))  # (vocab,), how often each word occurs
    rng = checks.generator(rng)
    checks.choice(how, "how", HOW)
    # How words are spelled is kept with the table, for those that come later.
    spelled: dict[str, Any] = {
        "n_buckets": n_buckets,
        "shortest": shortest,
        "longest": longest,
        "variant": variant,
    }
    rows, starts = subword_ids(words, **spelled)
    xp = get_xp(ids, offsets)
    ids, offsets = to_numpy(ids), to_numpy(offsets)
    # The noise is flatter than in skip-gram: a root of the counts.
    keep = keep_probability(counts, threshold)  # (vocab,)
    chance = noise_table(noise(counts, 0.5))
    uniform = rng.random((len(words) + n_buckets, d), dtype=np.float32)
    table = (uniform - np.float32(0.5)) * np.float32(2 / d)  # (n_rows, d), within 1/d
    # Only words are outputs: n-grams are told from nothing.
    outputs = np.zeros((len(words), d), dtype=np.float32)
    history = np.zeros(epochs)  # (epochs,)
    for epoch in track(range(epochs), "subwords"):
        kept, ends = subsample(ids, offsets, keep, rng=rng)  # (n_kept,), (n_docs + 1,)
        # Skipped first, then looked around, as in skip-gram.
        texts = (kept, ends, widths_of(len(kept), window, rng))
        rates = falling(rate, epoch, epochs, len(kept))
        drawing = (chance, int(rng.integers(1 << 62)), negatives)
        # The rows of a word are those of its parts: all else is as in skip-gram.
        learned = one_epoch(
            table, outputs, rows, starts, *texts, rates, *drawing, how == "mean", shared
        )
        table, outputs, total, met = learned
        history[epoch] = total / max(int(met), 1)
    form = {**spelled, "how": how}
    # The kind of array that came in goes out.
    table, outputs, rows, starts = (xp.asarray(x) for x in (table, outputs, rows, starts))
    return Subwords(table, outputs, rows, starts, form, xp.asarray(history))


NOTES = r"""
Differs from the paper
----------------------
- The paper sums the parts; the released code takes their mean, and moves each part by the whole
  gradient of the word, which is that of a sum. `how="mean"` is the code, `how="sum"` the paper.
- Noise is drawn by the root of the counts, in the paper as in the code; word2vec has the power .75.
- The code counts `<word>` as an n-gram where it is short enough and drops a lone `<` or `>`; its hash
  takes bytes as signed, so that letters outside of ASCII fill the upper bits. `variant="official"`
  and `bucket` do as it does.
- `shared=True` is ours, as in `skip_gram`.
- An unseen word is made of n-grams alone; a word that was learned has a row of its own in addition.

Cost
----
A pair costs that of skip-gram and, twice, the rows of the word, about a dozen. The table has
`n_buckets` rows whether they are used or not.

Why not just
------------
*... a row for each n-gram?* They would be counted first, and their number grows with the text; the hash
bounds it, at the price that some n-grams share a row.
"""
