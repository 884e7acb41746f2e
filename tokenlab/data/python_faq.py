r"""The Python FAQ: 158 real questions, the answer of each, and the token vectors of both.

Question $i$ is the query, answer $i$ the only document that is relevant to it; the question is not
part of its answer. The collection is small enough for every method to run on the whole of it.

The vectors are the token states of all-MiniLM-L6-v2, projected to 64 dimensions and stored as
int8. MiniLM is an off-the-shelf encoder that was trained to give one pooled vector per text, not
for late interaction. Measured, as nDCG@10:

| | MaxSim | pooled vector |
|---|---|---|
| these vectors | 0.889 | 0.872 |
| MiniLM's own, 384 dimensions | 0.892 | 0.903 |

So nothing here says that one of the two is the better method; a change of a few tokens in one
answer can move a figure by 0.005.

Two pages ask "What is Python?" and answer differently; each of these two questions counts its own
page's answer alone as right.

Texts are cut at 256 wordpieces, `[CLS]` and `[SEP]` included. This shortens 45 answers: their
tokens cover the beginning, their text is complete.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np

from tokenlab.retrieval.index import TokenIndex

__all__ = ["FAQ", "load_faq"]


@dataclass(frozen=True, eq=False, repr=False)
class FAQ:
    """The collection as `load_faq` returns it. All vectors are float32 of unit length.

    Attributes
    ----------
    questions, answers : list of str
        The texts; `answers[labels[i]]` answers `questions[i]`.
    question_tokens, answer_tokens : list of list of str
        The wordpieces of each text, one for each of its vectors; `##` marks one that continues a
        word.
    index : TokenIndex
        The token vectors of the answers.
    queries : list of ndarray of shape (n_q, 64)
        The token vectors of each question.
    labels : ndarray of shape (158,)
        The number of the answer that each question asks for, int64.
    projection : ndarray of shape (384, 64)
        From MiniLM's token states, scaled to unit length, to the vectors here (to be scaled to
        unit length again): with it, text that you encode yourself joins the collection.
    """

    questions: list[str]
    answers: list[str]
    question_tokens: list[list[str]]
    answer_tokens: list[list[str]]
    index: TokenIndex
    queries: list[np.ndarray]
    labels: np.ndarray
    projection: np.ndarray

    def __len__(self) -> int:
        return len(self.questions)

    def __repr__(self) -> str:
        n_q = sum(len(query) for query in self.queries)
        return (
            f"FAQ({len(self)} questions with {n_q} tokens, "
            f"{self.index.n_docs} answers with {self.index.n_tokens} tokens, d={self.index.d})"
        )

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import faq_html

        return faq_html(self)


@cache
def load_faq() -> FAQ:
    """Read the collection from the installed package: no network, a few hundredths of a second.

    Returns
    -------
    FAQ
        The same object at every call; its arrays are read-only, and its lists are to be left as
        they are.

    Examples
    --------
    >>> faq = load_faq()
    >>> faq
    FAQ(158 questions with 2276 tokens, 158 answers with 24789 tokens, d=64)
    >>> faq.questions[2]
    'Why are Python strings immutable?'
    >>> faq.question_tokens[2]
    ['[CLS]', 'why', 'are', 'python', 'strings', 'im', '##mut', '##able', '?', '[SEP]']
    >>> faq.queries[2].shape
    (10, 64)
    """
    folder = files("tokenlab.data") / "faq"
    pairs = json.loads((folder / "faq.json").read_text(encoding="utf-8"))
    with (folder / "vectors.npz").open("rb") as file, np.load(file) as stored:
        vectors = dict(stored)
    labels = np.arange(len(pairs), dtype=np.int64)
    labels.flags.writeable = vectors["projection"].flags.writeable = False
    return FAQ(
        questions=[pair["question"] for pair in pairs],
        answers=["\n".join(pair["answer"]) for pair in pairs],
        question_tokens=_read_tokens(folder / "question_tokens.txt"),
        answer_tokens=_read_tokens(folder / "answer_tokens.txt"),
        index=TokenIndex(_unit(vectors["answers"]), vectors["answer_offsets"]),
        queries=np.split(_unit(vectors["questions"]), vectors["question_offsets"][1:-1]),
        labels=labels,
        projection=vectors["projection"],
    )


def _read_tokens(path: Traversable) -> list[list[str]]:
    """One text a line, its wordpieces separated by spaces."""
    # Not str.splitlines: it would also split at rarer signs that may be wordpieces.
    return [line.split(" ") for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n")]


def _unit(x: np.ndarray) -> np.ndarray:
    """The int8 rows as float32 of unit length: the scale that they were stored with cancels."""
    x = x.astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x.flags.writeable = False  # also of every slice of it
    return x
