"""A small language model inside the package, trained on plays of Shakespeare: one to look into.

Two layers of width 64 over 512 byte-pair tokens, 135,808 parameters. It has read the 29 plays that
`load_text("shakespeare")` does not have, so those nine are unseen text for it. Where it comes from,
and how it was trained, is told in `SOURCES.md`.
"""

from functools import cache
from importlib.resources import as_file, files
from typing import Any, NamedTuple

import numpy as np

__all__ = ["TinyLM", "load_tiny_lm"]


class TinyLM(NamedTuple):
    """A transformer with its tokenizer.

    Attributes
    ----------
    params : dict
        float32, for `models.transformer.forward`; it knows 64 positions.
    tokenizer : tokenizers.BPE
        512 tokens; ids below 256 are bytes.
    """

    params: dict[str, Any]
    tokenizer: Any

    @property
    def lm(self) -> Any:
        """The model as `tokenlab.lm` asks it, a `lm.Transformer`."""
        from tokenlab.lm import Transformer

        return Transformer(self.params)

    def __repr__(self) -> str:
        vocab, d = self.params["embed"].shape
        return f"TinyLM({len(self.params['blocks'])} layers, d={d}, vocab={vocab})"


@cache
def load_tiny_lm() -> TinyLM:
    """Read the model from the installed package: no network, a few hundredths of a second.

    Returns
    -------
    TinyLM
        The same object at every call; its arrays are read-only.

    Examples
    --------
    >>> model = load_tiny_lm()
    >>> model
    TinyLM(2 layers, d=64, vocab=512)
    >>> ids = model.tokenizer.encode("HAMLET:\\nTo be, or not to")
    >>> model.tokenizer.decode([model.lm.log_probs(ids).argmax()])
    ' be'
    """
    from tokenlab.tokenizers import BPE

    with as_file(files("tokenlab.data") / "tiny_lm" / "params.npz") as path, np.load(path) as z:
        stored = {name: z[name] for name in z.files}
    merges = [(int(a), int(b)) for a, b in stored.pop("merges")]
    tokens = [bytes([byte]) for byte in range(256)]
    for a, b in merges:
        tokens.append(tokens[a] + tokens[b])
    return TinyLM(nested(stored), BPE(tokens, merges))


def nested(stored: dict[str, np.ndarray]) -> dict[str, Any]:
    """Read-only float32 arrays under nested names such as `blocks.0.norm1.gain`, as a model's."""
    params: dict[str, Any] = {}
    for name, x in stored.items():
        array = x.astype(np.float32)
        array.flags.writeable = False
        *above, last = name.split(".")
        place = params
        for part in above:
            place = place.setdefault(part, {})
        place[last] = array
    blocks = params["blocks"]  # names of numbers are the places of a list
    params["blocks"] = [blocks[str(i)] for i in range(len(blocks))]
    return params
