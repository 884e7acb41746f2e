"""Several language models over one vocabulary as one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import to_numpy
from tokenlab.decoding.chance import weights_of
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.lm.table import logarithm

__all__ = ["EnsembleLM"]


class EnsembleLM:
    """Several models over one vocabulary as one.

    Parameters
    ----------
    members : sequence of models
        `ByteLM`s of different tokenizers, for example.
    weights : sequence of float, optional
        Sum to one; equal by default.
    how : str
        `"mean"` of the probabilities, or `"product"`, their weighted geometric mean.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> pair = [from_function(lambda c, z=z: [0.0, z], 2) for z in (0.0, -np.inf)]
    >>> np.exp(EnsembleLM(pair).log_probs(())).round(2).tolist()
    [0.75, 0.25]
    """

    def __init__(self, members: Sequence[Any], weights: Any = None, how: str = "mean"):
        self.members = list(members)
        sizes = {member.vocab for member in self.members}
        if len(sizes) != 1:
            raise ShapeError(
                f"EnsembleLM: members have vocabularies of {sorted(sizes)}; expected one of all."
            )
        n = len(self.members)
        shares = np.full(n, 1 / n) if weights is None else np.asarray(to_numpy(weights), float)
        if shares.shape != (n,) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-6:
            raise InvalidInput(
                f"EnsembleLM: weights is {shares.tolist()}; expected {n} shares that sum to one."
            )
        self.vocab, self.weights = sizes.pop(), shares
        self.how = checks.choice(how, "how", ("mean", "product"))

    def log_probs(self, context: Any) -> np.ndarray:
        """The next symbol's log-probabilities."""
        # (n_members, vocab)
        rows = np.stack([to_numpy(member.log_probs(context)) for member in self.members])
        if self.how == "mean":  # of probabilities: one sure member is enough
            return logarithm(self.weights @ np.exp(rows))
        with np.errstate(invalid="ignore"):  # 0 * -inf: a member without weight does not count
            logs = np.where(self.weights[:, None] > 0, self.weights[:, None] * rows, 0.0).sum(
                axis=0
            )
        if not (logs > -np.inf).any():  # a product is refused by any one member
            raise InvalidInput(
                f"EnsembleLM.log_probs: the members of context {list(context)[-8:]} allow nothing in "
                "common; their product has no mass."
            )
        return logarithm(weights_of(logs))  # a geometric mean sums to less than one
