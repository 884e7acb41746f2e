"""Words in dense vectors, on the FAQ: the bag of a text, and a query's vector that words modulate.

Nothing is trained here: the vector of a word is the mean of its states in the answers, less the
mean of all states.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import load_faq
from tokenlab.numerics import topk, unit
from tokenlab.retrieval import BM25, maxsim, ndcg, pooled_vectors
from tokenlab.retrieval.dupmae import DupIndex, bag_logits, bag_of_states, scores, sparsify
from tokenlab.retrieval.lexsembridge import enhance, modulation, slr
from tokenlab.steps import Steps, record, step
from tokenlab.tour.retrieval import SHOWN, count, subject
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, short, table

__all__ = ["SHOWN", "count", "subject"]

KEPT = 128  # words of an answer
SHOWN_WORDS = 60  # of a step-through's vocabulary
SHARPNESS = 1.0  # of the modulation that is shown


class Words(NamedTuple):
    """Wordpieces of the answers, commonest first, and a vector of each, (d, vocab)."""

    names: list[str]
    weight: Any

    def ids(self, pieces: list[str]) -> Any:
        """Of a text, without its marks and what no answer has."""
        number = {name: i for i, name in enumerate(self.names)}
        return np.array([number[p] for p in pieces if p in number], dtype=np.int64)


@functools.cache
def words() -> Words:
    """One vector for each wordpiece: what its states in the answers have in common."""
    faq = load_faq()
    pieces = np.array([piece for answer in faq.answer_tokens for piece in answer])
    names, first, counts = np.unique(pieces, return_inverse=True, return_counts=True)
    sums = np.zeros((len(names), faq.index.d))
    np.add.at(sums, first, faq.index.tokens)
    means = unit(sums / counts[:, None] - faq.index.tokens.mean(axis=0))  # (vocab, d)
    order = [i for i in np.argsort(-counts, kind="stable") if names[i][0] != "["]
    weight = np.ascontiguousarray(means[order].astype(np.float32))
    return Words([str(names[i]) for i in order], weight.T)


@functools.cache
def bags() -> tuple[Any, Any]:
    """Of all answers and of all questions, (158, vocab) each; the first state is left out."""
    faq = load_faq()
    embed = words().weight.T  # (vocab, d)
    return tuple(  # type: ignore[return-value]
        np.stack([bag_of_states(embed, states[1:]) for states in texts])
        for texts in (faq.index, faq.queries)
    )


@functools.cache
def firsts() -> tuple[Any, Any]:
    """The first states, those of [CLS], (158, d) each."""
    faq = load_faq()
    return np.stack([x[0] for x in faq.index]), np.stack([x[0] for x in faq.queries])


@step_through("dupmae", "the bag of a question, and the words that answers keep", k=KEPT)
def dupmae_steps(question: int, k: int = KEPT) -> Steps:
    """The recording of one question's bag, and of its scores."""
    faq = load_faq()
    known = words()
    pieces = faq.question_tokens[question][1:]
    own = known.ids(pieces)
    # The whole vocabulary would not fit on a page: the largest of the bag, and its own words.
    largest = sparsify(bags()[1][question], SHOWN_WORDS).ids
    shown = np.unique(np.concatenate([largest, own]))
    names = [known.names[i] for i in shown]
    index = DupIndex.build(firsts()[0], bags()[0], k)
    docs = [f"{i} {short(text, 44)}" for i, text in enumerate(faq.questions)]
    with record({"n": pieces, "vocab": names, "n_docs": docs}) as steps:
        logits = faq.queries[question][1:] @ known.weight[:, shown]
        step("logits", logits, "each token with the vector of each word", axes=("n", "vocab"))
        bag_logits(logits)
        scores(firsts()[1][question], bags()[1][question], index)
    return steps


@step_through("lexsembridge", "words that say how much each dimension counts", sharpness=SHARPNESS)
def lexsembridge_steps(question: int, sharpness: float = SHARPNESS) -> Steps:
    """The recording of one question's vector, modulated by its words."""
    faq = load_faq()
    known = words()
    e = unit(faq.queries[question].sum(axis=0))  # (d,)
    docs = [f"{i} {short(text, 44)}" for i, text in enumerate(faq.questions)]
    with record({"n_docs": docs}) as steps:
        step("e", e, "the question's mean vector", axes=("d",))
        w = slr(known.ids(faq.question_tokens[question]), len(known.names))
        v = modulation(w, sharpness * known.weight)
        query = enhance(e, v)
        found = pooled_vectors(faq.index) @ query
        step("scores", found, "one cosine per document", axes=("n_docs",))
    return steps


def story() -> None:
    """Print the bag of a question in words, and what bags are worth over all questions."""
    faq = load_faq()
    known = words()
    heading("DupMAE's second half: a text as the words that its states mean")
    paragraph(
        """Every token's state is compared with a vector of every word, and the largest product of
        each word is kept: the bag. DupMAE trains the words' vectors; here each is the mean of the
        word's states in the answers, which takes a tenth of a second. Its own words are starred:"""
    )
    rows = []
    for question in (SHOWN, 5, 20):
        own = set(known.ids(faq.question_tokens[question]).tolist())
        best = sparsify(bags()[1][question], 7).ids
        shown = "  ".join(known.names[i] + "*" * (int(i) in own) for i in best)
        rows.append((short(faq.questions[question], 32), shown))
    table(("question", "largest words of its bag"), rows, left=2)
    print()
    kept = DupIndex.build(firsts()[0], bags()[0], KEPT)
    none = kept._replace(dense=0 * kept.dense)
    cls = firsts()[1] @ firsts()[0].T  # (158, 158)
    bag = np.stack([scores(q, mu, none) for q, mu in zip(*_queries(), strict=True)])
    by_words = BM25.fit(faq.answers)
    every = {
        "[CLS] alone": cls,
        f"the bag alone, {KEPT} words an answer": bag,
        "both, as they are": cls + bag,
        "both, each standardised for the question": standard(cls) + standard(bag),
        "the mean of all states": np.stack([unit(q.sum(axis=0)) for q in faq.queries])
        @ pooled_vectors(faq.index).T,
        "MaxSim, every token": np.stack([maxsim(q, faq.index) for q in faq.queries]),
        "BM25, words alone": np.stack([by_words.scores(q) for q in faq.questions]),
    }
    table(("which answer?", "nDCG@10"), [(name, f"{worth(x):.3f}") for name, x in every.items()])
    print()
    paragraph(
        """Words help the first state, and do not reach an encoder's own mean, which it was trained
        for. Trained matrices, queries of keywords, and LexSemBridge: docs/retrieval.md."""
    )


def _queries() -> tuple[Any, Any]:
    return firsts()[1], bags()[1]


def standard(x: Any) -> Any:
    """Mean 0 and deviation 1 for each question: bag products are many times larger than cosines."""
    return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)


def worth(found: Any) -> float:
    """nDCG@10 over all questions."""
    ranked = (topk(row, 10).ids for row in found)
    return float(np.mean([ndcg(ids, [i], 10) for i, ids in enumerate(ranked)]))
