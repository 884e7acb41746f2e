"""Fewer vectors for each text: CRISP, token pooling and MUVERA on one answer, LIMIT's four numbers."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import FAQ, load_faq, load_limit
from tokenlab.numerics import topk
from tokenlab.retrieval import (
    FDE,
    cluster_tokens,
    maxsim,
    maxsim_search,
    muvera_search,
    ndcg,
    pool_index,
    pooled_scores,
    recall,
    ward,
)
from tokenlab.retrieval.compressed import CompressedIndex
from tokenlab.retrieval.crisp import Pooled
from tokenlab.retrieval.limit import dense_qrels, moment_curve_embedding, pair_recall
from tokenlab.steps import Steps, record, step
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, short, table

SHOWN, N_SHOWN = 5, 10  # the question whose answer is pooled; documents that are put on the curve


def count() -> int:
    """Questions that can be shown."""
    return len(load_faq())


def subject(question: int) -> str:
    """A question in words."""
    return f"Question {question}: {load_faq().questions[question]}"


def labels(question: int) -> dict[str, list[str]]:
    """The words of a question and of its answer."""
    faq = load_faq()
    return {
        "n_q": faq.question_tokens[question],
        "n_d": faq.answer_tokens[question],
        "n_docs": [f"{i} {short(text, 44)}" for i, text in enumerate(faq.questions)],
    }


PARTS = "cosine", "cluster", "centroids", "similarity", "alignment", "score"


@step_through("crisp", "cluster an answer's tokens, keep the means, score", k=8)
def crisp_steps(question: int, k: int) -> Steps:
    """The recording of one answer's clustering, and of its score for the question."""
    return watched(question, lambda doc: cluster_tokens(doc, k, rng=0))


@step_through("token_pooling", "merge the closest tokens by Ward's hierarchy, score", k=8)
def ward_steps(question: int, k: int) -> Steps:
    """The recording of one answer's hierarchy, and of its score for the question."""
    return watched(question, lambda doc: ward(doc, k, normalize=True))


def watched(question: int, pool: Callable[[Any], Pooled]) -> Steps:
    """What pools the answer, and the score of what is left for the question."""
    faq = load_faq()
    named = labels(question)
    query = faq.queries[question]
    doc = faq.index.doc(question)
    named["k"] = clusters(pool(doc), named["n_d"])  # drawn alike once more, with their words
    with record(named, only=PARTS) as steps:
        pooled = pool(doc)
        products = query @ pooled.tokens.T
        step("similarity", products, "each of the question with each mean", axes=("n_q", "k"))
        step("alignment", products.argmax(axis=1), "the best mean", axes=("n_q",), of="k")
        step("score", products.max(axis=1).sum(), "the sum of the best", eq="(2)")
    return steps


def clusters(pooled: Pooled, words: list[str]) -> list[str]:
    """Each cluster by its number and its first words."""
    return [
        f"{code}: " + " ".join(words[i] for i in np.flatnonzero(pooled.codes == code)[:4])
        for code in range(len(pooled.tokens))
    ]


@step_through("muvera", "one vector for each text, candidates by it", k_sim=2, n_candidates=20)
def muvera_steps(question: int, k_sim: int, n_candidates: int) -> Steps:
    """The recording of one search with encodings, of one repetition."""
    faq = load_faq()
    fde = FDE(faq.index.d, k_sim=k_sim, repetitions=1, rng=0)
    encoded = fde.encode_docs(faq.index)
    with record(labels(question)) as steps:
        query = faq.queries[question]
        muvera_search(query, faq.index, fde, encoded, k=10, n_candidates=n_candidates)
    return steps


@step_through("limit", "four numbers that answer every pair of documents", n=N_SHOWN)
def limit_steps(question: int, n: int) -> Steps:
    """The recording of documents on a curve, the queries of all pairs, and what they find."""
    with record() as steps:
        qrels = dense_qrels(n)
        pair_recall(*moment_curve_embedding(qrels), qrels)
    return steps


class Way(NamedTuple):
    """What is stored in place of the answers' tokens, its bytes, and the ten best by it."""

    name: str
    n_bytes: int
    rank: Callable[[Any], Any]


def story() -> None:
    """What each way of making answers smaller costs, and the pair of numbers of LIMIT."""
    faq = load_faq()
    limit = load_limit()
    heading("Fewer vectors, fewer bytes")
    paragraph(
        """Every third question; the answers are made smaller in three ways. Pooled: a quarter of the
        vectors, the means of clusters, scaled to length one. Compressed: every token in 4 bits a
        number. Encoded: one long vector a text, and the 30 best by it compared by their tokens, which
        have to be kept elsewhere."""
    )
    some = range(0, len(faq), 3)
    exact = [maxsim_search(faq.queries[i], faq.index, k=10).doc_ids.tolist() for i in some]
    rows = []
    for way in ways(faq):
        way.rank(faq.queries[0])  # the first call may compile
        start = time.process_time()
        ranked = [way.rank(faq.queries[i]) for i in some]
        seconds = (time.process_time() - start) / len(some)
        gain = np.mean([ndcg(ids, [i], 10) for i, ids in zip(some, ranked, strict=True)])
        share = np.mean([recall(ids, best, 10) for ids, best in zip(ranked, exact, strict=True)])
        milliseconds = f"{1000 * seconds:.2f} ms"
        rows.append((way.name, f"{way.n_bytes:,}", milliseconds, f"{gain:.3f}", f"{share:.3f}"))
    table(("stored", "bytes", "processor time", "nDCG@10", "of MaxSim's ten"), rows)
    print()
    found = {name: of_limit(score) for name, score in (("one", pooled_scores), ("all", maxsim))}
    paragraph(
        f"""LIMIT: 46 texts say what 45 things somebody likes, and each of 1,000 things is liked by
        two. "{limit.query_texts[0]}" With one vector a text the two are found at an nDCG@10 of
        {found["one"]:.3f}, with a vector for every token at {found["all"]:.3f}."""
    )


def ways(faq: FAQ) -> list[Way]:
    """Exact search, and three that store less."""
    small = pool_index(faq.index, lambda x, rng=None: ward(x, 0.25, normalize=True))
    packed = CompressedIndex.build(faq.index, n_centroids=256, bits=4, rng=0)
    fde = FDE(faq.index.d, d_proj=8, repetitions=10, rng=0)
    encoded = fde.encode_docs(faq.index)

    def by_encodings(query: Any) -> Any:
        return muvera_search(query, faq.index, fde, encoded, k=10, n_candidates=30).doc_ids

    return [
        Way(
            "all tokens, exact",
            faq.index.tokens.nbytes,
            lambda q: maxsim_search(q, faq.index, k=10).doc_ids,
        ),
        Way("pooled", small.tokens.nbytes, lambda q: maxsim_search(q, small, k=10).doc_ids),
        Way("compressed", packed.nbytes, lambda q: packed.search(q, k=10, rerank=50).doc_ids),
        Way("encoded", encoded.nbytes, by_encodings),
    ]


def of_limit(score: Any) -> float:
    """Mean nDCG@10 of every tenth query."""
    limit = load_limit()
    some = range(0, len(limit.queries), 10)
    best = [topk(score(limit.queries[i], limit.index), 10).ids for i in some]
    pairs = limit.qrels[some].tolist()
    return float(np.mean([ndcg(ids, own, 10) for ids, own in zip(best, pairs, strict=True)]))
