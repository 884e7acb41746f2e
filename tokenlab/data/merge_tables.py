"""Two byte-pair tokenizers of the plays in lower case, small enough to look at whole."""

from importlib.resources import as_file, files
from typing import Any

import numpy as np

from tokenlab import checks

__all__ = ["load_bpe"]

SIZES = {"bpe256": 256, "bpe640": 640}


def load_bpe(name: str) -> Any:
    """A `tokenizers.BPE` whose merges were learned on `load_text("shakespeare").lower()`.

    No splitter: tokens cross blanks, so that validity is a matter of neighbours alone.

    Parameters
    ----------
    name : str
        "bpe256" or "bpe640", by how many tokens can occur in that text. The ids below 256 are all
        bytes.

    Returns
    -------
    tokenizers.BPE

    Examples
    --------
    >>> tokenizer = load_bpe("bpe640")
    >>> [tokenizer.tokens[i] for i in tokenizer.encode("the king and queen")]
    [b'the ', b'king ', b'and ', b'qu', b'e', b'en']
    """
    from tokenlab.tokenizers import BPE

    size = SIZES[checks.choice(name, "name", tuple(SIZES))]
    with as_file(files("tokenlab.data") / "merges" / "shakespeare.npz") as path, np.load(path) as z:
        merges, letters = z["merges"].astype(np.int64), int(z["letters"])
    tokens = [bytes([byte]) for byte in range(256)]
    kept = [(int(a), int(b)) for a, b in merges[: size - letters]]  # a merge adds one token
    for a, b in kept:
        tokens.append(tokens[a] + tokens[b])
    return BPE(tokens, kept, split="none")
