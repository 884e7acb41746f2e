r"""A real output layer: rows of a language model's head, hidden states, and what came next.

The rows are the first 4,096 of the 49,152 rows of SmolLM2-135M-Instruct's output matrix, with
$d = 576$ and no bias: logits are `hidden @ weight.T`. The hidden states are the model's own, after
its last norm, while it read the questions and answers of the Python FAQ. Twice the rows would have
left no room for states: 8,192 rows alone are 4.7 MB of the 5 MB that the asset may have. Several
thousand positions were worth more, for without them a comparison of heads is noise.

**The vocabulary is truncated.** The softmax runs over the kept rows alone, and only positions
whose next token is kept are here. A perplexity on these data is that of an easier task than the
model's own, and is comparable only with others on the same 4,096 rows. Measured, with an interval
of 95 % from 2,000 bootstrap draws of documents:

| softmax over | fitting part | reporting part |
|---|---|---|
| all 49,152 rows, float32, all positions | 16.104 (14.09 to 18.49) | 14.150 (12.53 to 16.01) |
| all 49,152 rows, float32, kept positions | 10.198 (9.16 to 11.40) | 9.290 (8.30 to 10.43) |
| 4,096 rows, float32 | 8.598 (7.77 to 9.58) | 7.905 (7.10 to 8.84) |
| **4,096 rows, as stored and loaded here** | 8.614 (7.78 to 9.60) | 7.913 (7.10 to 8.85) |

Documents are the questions of the FAQ, each followed by its answer. Those with an even number are
for fitting (codes, maps, other heads), those with an odd number for reporting: the two parts have
no document in common. The intervals are wide because documents differ, and one document is hard for
every head: to compare two heads, draw documents for the *difference* of their losses.
The FAQ is public, and the model may have seen it in training.

`counts` are of other text: 35 pages of the Python tutorial and guides, and the documents of the
fitting part. Nothing of the reporting part is counted.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

__all__ = ["LMHead", "load_lm_head"]

VOCAB_FULL = 49_152
CONTEXT = 60  # characters


@dataclass(frozen=True, eq=False, repr=False)
class LMHead:
    """The head and its positions as `load_lm_head` returns them; floating point is float32.

    Attributes
    ----------
    weight : ndarray of shape (vocab, d)
        The kept rows of the output matrix, 4,096 x 576, in the model's order of tokens.
    tokens : list of str
        The text of each token, with its leading space; a token that is no complete character is
        written as its bytes, `\\xe2`. The first 17 are marks such as `<|im_end|>`.
    counts : ndarray of shape (vocab,)
        How often each token occurs in text apart from the reporting part, int64; many are 0.
    hidden_fit, hidden_report : ndarray of shape (n, d)
        Hidden states of the two parts; `hidden @ weight.T` are the logits of what comes next.
    next_fit, next_report : ndarray of shape (n,)
        The token that came next, int64, always one of the kept.
    document_fit, document_report : ndarray of shape (n,)
        The document of each position, int64: its question is `load_faq().questions[document]`.
        Even numbers in the fitting part, odd ones in the reporting part; draw documents, not
        positions, for a confidence interval.
    context : list of str
        The last 60 characters before the next token, for each position of the reporting part.
    vocab_full : int
        Tokens of the model before the vocabulary was truncated, 49,152.
    """

    weight: np.ndarray
    tokens: list[str]
    counts: np.ndarray
    hidden_fit: np.ndarray
    next_fit: np.ndarray
    document_fit: np.ndarray
    hidden_report: np.ndarray
    next_report: np.ndarray
    document_report: np.ndarray
    context: list[str]
    vocab_full: int = VOCAB_FULL

    def __repr__(self) -> str:
        vocab, d = self.weight.shape
        return (
            f"LMHead({vocab} of {self.vocab_full} tokens, d={d}, "
            f"{len(self.next_fit)} positions to fit, {len(self.next_report)} to report)"
        )

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import lm_head_html

        return lm_head_html(self)


@cache
def load_lm_head() -> LMHead:
    """Read the head from the installed package: no network, about a tenth of a second.

    Returns
    -------
    LMHead
        The same object at every call; its arrays are read-only, and its lists are to be left as
        they are.

    Examples
    --------
    >>> head = load_lm_head()
    >>> head
    LMHead(4096 of 49152 tokens, d=576, 2576 positions to fit, 3013 to report)
    >>> head.context[502][-44:]
    'Notice how the second one is slightly easier'
    >>> logits = head.weight @ head.hidden_report[502]
    >>> head.tokens[logits.argmax()], head.tokens[head.next_report[502]]
    (' to', ' to')
    """
    data = files("tokenlab.data")
    with (data / "lm_head" / "head.npz").open("rb") as file, np.load(file) as stored:
        head = dict(stored)
    tokens = json.loads((data / "lm_head" / "tokens.json").read_text(encoding="utf-8"))
    pairs = json.loads((data / "faq" / "faq.json").read_text(encoding="utf-8"))
    documents = ["\n\n".join([pair["question"], "\n".join(pair["answer"])]) for pair in pairs]
    places = zip(head["document_report"].tolist(), head["end_report"].tolist(), strict=True)
    return LMHead(
        weight=_floats(head["weight"], head["weight_scale"]),
        tokens=tokens,
        counts=_integers(head["counts"]),
        hidden_fit=_floats(head["hidden_fit"], head["hidden_scale"]),
        next_fit=_integers(head["next_fit"]),
        document_fit=_integers(head["document_fit"]),
        hidden_report=_floats(head["hidden_report"], head["hidden_scale"]),
        next_report=_integers(head["next_report"]),
        document_report=_integers(head["document_report"]),
        context=[documents[i][max(end - CONTEXT, 0) : end] for i, end in places],
    )


def _floats(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Int8 times its scales, as float32."""
    x = x * scale.astype(np.float32)
    x.flags.writeable = False
    return x


def _integers(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.int64)
    x.flags.writeable = False
    return x
