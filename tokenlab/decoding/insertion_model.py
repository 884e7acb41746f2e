r"""A transformer that inserts: every visible token sees every other, and one head says stop.

The input is a token of its own, then the visible tokens; slot i is the gap behind input i, which is
before visible token i. One softmax runs over slots and tokens; the first input's logit of one more
class says whether the text is finished.

    params = transformer.init(vocab=n_names + 1, d=64, layers=3, heads=4, rng=0)
    batches = lambda rng: ([corrupt(text, n_names, rng=rng) for text in texts],)
    params, history = train(insertion_loss, params, batches, steps=1000, rate=1e-3)
    generate(TransformerInsertion(params), rng=0)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.decoding.insertion import Corrupted, loss
from tokenlab.errors import InvalidInput
from tokenlab.lm.protocol import ids_of
from tokenlab.models import transformer

__all__ = ["TransformerInsertion", "insertion_loss"]

CLOSED = -1e9  # the logit of a slot that a text does not have


def scores(params: dict[str, Any], texts: Sequence[Any], vocab: int) -> tuple[Any, Any]:
    """Logits over gaps and tokens, `(b, n_visible + 1, vocab)`, and those of being finished."""
    n = 1 + max(len(text) for text in texts)
    ids = np.full((len(texts), n), vocab)  # (b, n), the token that begins, and that fills up
    seen = np.zeros((len(texts), n, n), dtype=bool)
    for i, text in enumerate(texts):
        ids[i, 1 : len(text) + 1] = text
        seen[i, :, : len(text) + 1] = True  # no order of writing: all see all
    xp = get_xp(*params["norm"].values())
    logits = transformer.forward(
        params, xp.asarray(ids), mask=xp.asarray(seen)
    )  # (b, n, vocab + 1)
    return logits[..., :vocab], logits[:, 0, vocab]


def insertion_loss(
    params: dict[str, Any],
    corrupted: Corrupted | Sequence[Corrupted],
    n_given: int = 0,
    stop_weight: float = 1.0,
) -> Any:
    """The paper's loss for texts with tokens dropped: the mean over them.

    Parameters
    ----------
    params : dict
        Of `models.transformer.init` with one token more than the texts have.
    corrupted : Corrupted, or several
        Of `insertion.corrupt`.
    n_given : int
        So many visible tokens are a prompt: nothing is inserted before or among them.
    stop_weight : float
        As in `insertion.loss`.
    """
    texts = [corrupted] if isinstance(corrupted, Corrupted) else corrupted
    vocab = texts[0].target.shape[1]
    logits, stop = scores(params, [text.visible for text in texts], vocab)
    xp, dtype = get_xp(*params["norm"].values()), params["place"].dtype
    target = np.zeros(logits.shape, dtype)  # (b, n, vocab), as precise as the parameters
    closed = np.ones((*logits.shape[:2], 1), dtype)  # (b, n, 1)
    for i, text in enumerate(texts):
        slots = slice(n_given, len(text.target))
        target[i, slots], closed[i, slots] = text.target[slots], 0.0
    return loss(
        logits + xp.asarray(closed * dtype.type(CLOSED)), xp.asarray(target), stop, stop_weight
    )


class TransformerInsertion:
    """An insertion model from the parameters of `models.transformer.init`.

    Parameters
    ----------
    params : dict
        With one token more than the texts have: the last one begins every input.
    n_given : int
        Of each visible text so many tokens are a prompt, before and among which nothing comes.

    Examples
    --------
    >>> params = transformer.init(vocab=4, d=4, layers=1, heads=2, rng=0)
    >>> log_joint, log_stop = TransformerInsertion(params).log_insertions([0, 1])
    >>> log_joint.shape, round(float(np.exp(log_joint).sum()), 6)
    ((3, 3), 1.0)
    """

    def __init__(self, params: dict[str, Any], n_given: int = 0):
        table = params["embed"] if "embed" in params else params["frozen_embed"]
        self.params, self.vocab = params, len(table) - 1
        self.n_given = checks.count(n_given, "n_given", at_least=0)

    def log_insertions(self, visible: Any) -> tuple[np.ndarray, float]:
        """The logarithms over gaps and tokens, `(n + 1, vocab)`, and that of being finished."""
        visible = ids_of(visible, "visible", self.vocab)
        if len(visible) < self.n_given:
            raise InvalidInput(
                f"TransformerInsertion.log_insertions: visible has {len(visible)} tokens; expected "
                f"the {self.n_given} of the prompt."
            )
        logits, stop = scores(self.params, [visible], self.vocab)
        logs = to_numpy(logits)[0].astype(np.float64)
        logs[: self.n_given] = -np.inf  # gaps of the prompt
        top = logs.max()
        logs = logs - top - np.log(np.exp(logs - top).sum())  # one softmax over all
        return logs, float(-np.logaddexp(0.0, -float(stop[0])))  # ln of the logistic function
