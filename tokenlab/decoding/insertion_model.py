r"""A transformer that inserts: every visible token sees every other, and one head says stop.

The input is a token of its own, then the visible tokens; slot i is the gap behind input i, which is
before visible token i. One softmax runs over slots and tokens; the first input's logit of one more
class says whether the text is finished.

    params = transformer.init(vocab=n_names + 1, d=64, layers=3, heads=4, rng=0)
    params, history = train(batch_loss, params, batches, rate=1e-3)
    generate(TransformerInsertion(params, n_given=14), puzzle, rng=0)
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.decoding.insertion import Corrupted, loss
from tokenlab.errors import InvalidInput
from tokenlab.lm.protocol import ids_of
from tokenlab.models import transformer

__all__ = ["TransformerInsertion", "insertion_loss"]


def scores(params: dict[str, Any], visible: Any, vocab: int) -> tuple[Any, Any]:
    """Logits over gaps and tokens, `(n_visible + 1, vocab)`, and that of being finished."""
    ids = np.concatenate([[vocab], np.asarray(visible, dtype=np.int64)])  # (n_visible + 1,)
    ids = get_xp(*params["norm"].values()).asarray(ids)
    everyone = np.ones((len(ids), len(ids)), dtype=bool)  # no order of writing: all see all
    logits = transformer.forward(params, ids, mask=everyone)  # (n_visible + 1, vocab + 1)
    return logits[:, :vocab], logits[0, vocab]


def insertion_loss(
    params: dict[str, Any], corrupted: Corrupted, n_given: int = 0, stop_weight: float = 1.0
) -> Any:
    """The paper's loss for one text with tokens dropped.

    Parameters
    ----------
    params : dict
        Of `models.transformer.init` with one token more than the texts have.
    corrupted : Corrupted
        Of `insertion.corrupt`.
    n_given : int
        So many visible tokens are a prompt: nothing is inserted before or among them.
    stop_weight : float
        As in `insertion.loss`.
    """
    vocab = corrupted.target.shape[1]
    logits, stop = scores(params, corrupted.visible, vocab)
    target = corrupted.target.astype(params["place"].dtype)  # as precise as the parameters
    return loss(logits[n_given:], target[n_given:], stop, stop_weight)


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
        logits, stop = scores(self.params, visible, self.vocab)
        logs = to_numpy(logits).astype(np.float64)
        logs[: self.n_given] = -np.inf  # gaps of the prompt
        top = logs.max()
        logs = logs - top - np.log(np.exp(logs - top).sum())  # one softmax over all
        return logs, float(-np.logaddexp(0.0, -float(stop)))  # ln of the logistic function
