"""Vocabularies of four tokenizers that are in use. Where they come from is told in `SOURCES.md`."""

import json
import lzma
from functools import cache
from importlib.resources import files

import numpy as np

from tokenlab import checks
from tokenlab.tokenizers.bpe import BPE

__all__ = ["VOCABULARIES", "load_vocabulary"]

VOCABULARIES = ("gpt2", "cl100k", "o200k", "smollm2")


@cache
def load_vocabulary(name: str) -> BPE:
    """A tokenizer from the installed package; no network.

    Parameters
    ----------
    name : str
        "gpt2" (50,257 tokens), "cl100k" (100,256, of GPT-4), "o200k" (199,998, of GPT-4o),
        "smollm2" (49,152). Special tokens of cl100k and o200k are left out.

    Returns
    -------
    BPE

    Examples
    --------
    >>> load_vocabulary("gpt2").encode("hello world").tolist()
    [31373, 995]
    """
    checks.choice(name, "name", VOCABULARIES)
    packed = (files("tokenlab.data") / "vocabularies" / f"{name}.xz").read_bytes()
    line, _, numbers = lzma.decompress(packed).partition(b"\n")
    head = json.loads(line)
    # Two columns of ids, each as three planes of bytes, the lowest first.
    planes = np.frombuffer(numbers, np.uint8).reshape(2, 3, head["merges"]).astype(np.int64)
    merges = (planes[:, 0] + (planes[:, 1] << 8) + (planes[:, 2] << 16)).T  # (m, 2)
    tokens = [word.encode() for word in head["before"]] + [bytes([b]) for b in head["bytes"]]
    for left, right in merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    special = {word: i for i, word in enumerate(head["before"])}
    special |= {word: len(tokens) + i for i, word in enumerate(head["behind"])}
    tokens += [word.encode() for word in head["behind"]]
    return BPE(tokens, merges, split=name, special=special, whole_chunks=name != "smollm2")
