"""Continuous bag of words: a word from the mean of those around it. See `skip_gram`."""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.embeddings.sequential import Pass, passed, rate_of_each
from tokenlab.errors import ShapeError

__all__ = ["cbow_pass"]


@takes(
    vectors="vocab d",
    outputs="n_out d",
    centres="n? int",
    contexts="n_contexts? int",
    offsets="m int",
    draws="n k? int",
    rates=" | n",
)
def cbow_pass(
    vectors: Any,
    outputs: Any,
    centres: Any,
    contexts: Any,
    offsets: Any,
    draws: Any,
    rates: Any,
    *,
    variant: str = "paper",
) -> Pass:
    """One word after the other, each told from draws by the mean of the words around it.

    Parameters
    ----------
    vectors : ndarray of shape (vocab, d)
        Of what stands around.
    outputs : ndarray of shape (n_out, d)
    centres : ndarray of shape (n,)
    contexts : ndarray of shape (n_contexts,)
    offsets : ndarray of shape (n + 1,)
        Around centre i stand `contexts[offsets[i]:offsets[i + 1]]`; around one of none, nothing
        is learned.
    draws : ndarray of shape (n, k)
    rates : ndarray of shape (n,), or float
    variant : "paper" or "official"
        Each word around moves by the gradient of the mean, or, as released, by all of it,
        undivided.

    Returns
    -------
    Pass

    Examples
    --------
    >>> args = [[1.0], [3.0]], [[0.0]], [0], [0, 1], [0, 2], [[]], 0.5
    >>> cbow_pass(*args).outputs.tolist()
    [[0.5]]
    """
    # What has no row raises by name.
    checks.choice(variant, "variant", ("paper", "official"))
    xp = get_xp(vectors, outputs)
    offsets = checks.offsets(offsets, "offsets", len(contexts), xp, of="contexts")
    # Without one more, the last centre would have no end.
    if len(offsets) != len(centres) + 1:
        raise ShapeError(
            f"cbow_pass: offsets is {offsets.shape} = (n + 1,), but centres is {centres.shape} = "
            "(n,); expected one run of contexts for each centre."
        )
    # Negative numbers would count from the end, in a loop without a word.
    checks.within(contexts, "contexts", len(vectors), "vocab", of="vectors")
    checks.within(centres, "centres", len(outputs), "n_out", of="outputs")
    checks.within(draws, "draws", len(outputs), "n_out", of="outputs")
    # Centre i is made of run i of the contexts.
    each = (xp.arange(len(centres)), centres, draws, rate_of_each(rates, len(centres), xp))
    # The gradient of a mean is divided by how many there are; the code forgets to.
    undivided = variant == "official"
    # The sum of the losses as they were met is the third.
    moved = passed(vectors, outputs, contexts, offsets, *each, True, undivided)
    return Pass(moved[0], moved[1], float(moved[2]))
