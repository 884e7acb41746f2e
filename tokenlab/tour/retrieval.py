"""The tour's first part: from real questions to ranked answers, by token retrieval."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import FAQ, load_faq
from tokenlab.numerics import topk, unit
from tokenlab.progress import track
from tokenlab.retrieval import (
    bm25_scores,
    maxsim,
    maxsim_search,
    ndcg,
    pooled_vectors,
    recall,
    token_topk,
    xtr_scores,
    xtr_search,
)
from tokenlab.steps import Steps, record
from tokenlab.tour import Minute, retrieval_pooling
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, short, table

SHOWN, SHOWN_K_PRIME = 12, 100  # the question and the k' of a step-through
K_PRIMES = (10, 100, 1000, 5000)


class Method(NamedTuple):
    """A way to rank: its name, and question number -> ranking of at most ten documents."""

    name: str
    rank: Callable[[int], Any]


def run(out: Path) -> None:
    """Print the step-through of three questions, a table over all of them, and write a page."""
    faq = load_faq()
    heading("Token retrieval: XTR on the Python FAQ")
    from tokenlab.tour import retrieval_words  # which needs this module

    paragraph(
        f"""{len(faq)} questions, each answered by one of {faq.index.n_docs} texts. Every text is a
        list of token vectors ({faq.index.n_tokens:,} in all, {faq.index.d} numbers each), and so is
        every question. MaxSim compares all of them. XTR retrieves the k' most similar tokens for
        each token of the question and scores the texts from those alone."""
    )
    rankings = {method.name: _rank_all(method, len(faq)) for method in _methods(faq)}
    for question, why in _examples(faq, rankings):
        _explain(faq, question, why)
    _summary(faq, rankings)
    retrieval_words.story()
    retrieval_pooling.story()
    page = xtr_steps(_examples(faq, rankings)[0][0]).to_html(
        out / "xtr.html", title="XTR, step by step"
    )
    print(f"\nStep through one of these questions in a browser: {page}")


def minute(out: Path) -> Minute:
    """One result: XTR against one vector for each text, over all questions."""
    faq = load_faq()
    methods = {method.name: method for method in _methods(faq)}
    xtr, pooled = (
        statistics.mean(
            ndcg(methods[name].rank(question)[0], [right], 10)
            for question, right in enumerate(faq.labels.tolist())
        )
        for name in (f"XTR, k' = {SHOWN_K_PRIME}", "one pooled vector")
    )
    page = xtr_steps(SHOWN).to_html(out / "xtr.html", title="XTR, step by step")
    return Minute(
        f"which of {faq.index.n_docs} texts answers a question of the Python FAQ?",
        f"""XTR, which compares single tokens, has an nDCG@10 of {xtr:.3f} over {len(faq)} questions,
        one vector for each text {pooled:.3f}. One question more in first place moves that by up to
        {1 / len(faq):.3f}: read little into the difference.""",
        "nDCG@10 is 1 if the right text comes first, less further down.",
        page,
    )


def count() -> int:
    """Questions that can be shown."""
    return len(load_faq())


def subject(question: int) -> str:
    """A question in words."""
    return f"Question {question}: {load_faq().questions[question]}"


@step_through("xtr", "retrieve tokens, impute the rest, rank", k_prime=SHOWN_K_PRIME)
def xtr_steps(question: int, k_prime: int) -> Steps:
    """The recording of one XTR search on the FAQ, with tokens and questions as labels."""
    with record(_labels(load_faq(), question)) as steps:
        xtr_search(load_faq().queries[question], load_faq().index, k_prime=k_prime, k=10)
    return steps


@step_through("maxsim", "compare every token, rank")
def maxsim_steps(question: int) -> Steps:
    """The recording of one MaxSim search on the FAQ."""
    with record(_labels(load_faq(), question)) as steps:
        maxsim_search(load_faq().queries[question], load_faq().index, k=10)
    return steps


def _labels(faq: FAQ, question: int) -> dict[str, list[str]]:
    return {
        "n_q": faq.question_tokens[question],
        "n_tokens": [token for tokens in faq.answer_tokens for token in tokens],
        "n_docs": [f"{i} {short(text, 44)}" for i, text in enumerate(faq.questions)],
    }


def _methods(faq: FAQ) -> list[Method]:
    pooled = pooled_vectors(faq.index)
    methods = [
        Method("BM25, words alone", lambda q: topk(bm25_scores(faq.questions[q], faq.answers), 10)),
        Method("one pooled vector", lambda q: topk(pooled @ unit(faq.queries[q].sum(axis=0)), 10)),
        Method("MaxSim, every token", lambda q: maxsim_search(faq.queries[q], faq.index, k=10)),
    ]
    for k_prime in (*K_PRIMES, faq.index.n_tokens):
        label = f"{k_prime:,}" if k_prime < faq.index.n_tokens else "all tokens"
        methods.append(Method(f"XTR, k' = {label}", partial(_xtr, faq, k_prime)))
    return methods


def _xtr(faq: FAQ, k_prime: int, question: int) -> Any:
    return xtr_search(faq.queries[question], faq.index, k_prime=k_prime, k=10)


def _rank_all(method: Method, n: int) -> tuple[list[Any], float]:
    """Rankings of all questions, and the median seconds of one."""
    method.rank(0)  # the first call may compile
    rankings, seconds = [], []
    for question in track(range(n), f"{method.name:<20}"):
        start = time.perf_counter()
        result = method.rank(question)
        seconds.append(time.perf_counter() - start)
        rankings.append(result[0])
    return rankings, statistics.median(seconds)


def _examples(faq: FAQ, rankings: dict[str, Any]) -> list[tuple[int, str]]:
    """Three questions that show something: a success, a rescue, and a failure of XTR."""
    first = {
        name: np.array([r[0] for r in ranked]) == faq.labels
        for name, (ranked, _) in rankings.items()
    }
    xtr, pooled, full = (
        first[f"XTR, k' = {SHOWN_K_PRIME}"],
        first["one pooled vector"],
        first["MaxSim, every token"],
    )
    wanted = [
        (xtr & pooled & full, "one pooled vector, MaxSim and XTR all find the answer"),
        (xtr & ~pooled, "XTR finds the answer, one pooled vector does not"),
        (full & ~xtr, "MaxSim finds the answer, XTR does not: too few tokens were retrieved"),
    ]
    return [(int(np.argmax(fits)), why) for fits, why in wanted if fits.any()]


def _explain(faq: FAQ, question: int, why: str) -> None:
    heading(f"Question {question}: {faq.questions[question]}")
    paragraph(f"Shown because {why}.")
    print()
    query, index = faq.queries[question], faq.index
    ids, sims = token_topk(query, index, SHOWN_K_PRIME)
    paragraph(f"Each token retrieves its k' = {SHOWN_K_PRIME} most similar tokens of all.", "1. ")
    _print_retrieved(faq, question, ids, sims)
    doc_ids, scores = xtr_scores(ids, sims, index.token_to_doc, index.n_docs)
    order = topk(scores, 3).ids
    print()
    paragraph(
        f"""{len(doc_ids)} of {index.n_docs} texts own a retrieved token. The best three, with
        each token's best hit; in brackets, where it has none, the k'-th similarity stands in.""",
        "2. ",
    )
    _print_matrix(faq, question, ids, sims, doc_ids[order])
    print("\n3. The mean over the question's tokens ranks the texts.")
    exact = maxsim(query, index, mean=True)
    table(
        ("rank", "XTR", "MaxSim", "text answers the question"),
        [
            (
                f"{rank + 1}{' ✓' if doc == faq.labels[question] else '  '}",
                f"{scores[order[rank]]:.3f}",
                f"{exact[doc]:.3f}",
                f"#{doc} " + short(faq.questions[doc], 60),
            )
            for rank, doc in enumerate(doc_ids[order])
        ],
        left=4,
    )


def _print_retrieved(faq: FAQ, question: int, ids: Any, sims: Any) -> None:
    """The first few retrieved tokens of each query token, and how far down the last one is."""
    tokens, owner = faq.question_tokens[question], faq.index.token_to_doc
    names = [token for answer in faq.answer_tokens for token in answer]
    table(
        ("token", "most similar tokens, and the number of their text", "k'-th similarity"),
        [
            (
                tokens[i],
                "  ".join(
                    f"{names[t]} {s:.2f} #{owner[t]}"
                    for t, s in zip(ids[i][:4], sims[i][:4], strict=True)
                ),
                f"{sims[i].min():.2f}",
            )
            for i in range(len(tokens))
        ],
        left=2,
    )


def _print_matrix(faq: FAQ, question: int, ids: Any, sims: Any, docs: Any) -> None:
    """Tokens down, candidates across; what was imputed in brackets."""
    owner = faq.index.token_to_doc[ids]  # (n_q, k_prime)
    rows = []
    for i, token in enumerate(faq.question_tokens[question]):
        cells = []
        for doc in docs:
            mine = sims[i][owner[i] == doc]
            cells.append(f" {mine.max():.2f} " if mine.size else f"({sims[i].min():.2f})")
        rows.append((token, *cells))
    table(("token", *(f"#{doc}" for doc in docs)), rows)


def _summary(faq: FAQ, rankings: dict[str, Any]) -> None:
    heading(f"All {len(faq)} questions")
    rows = []
    for name, (ranked, seconds) in rankings.items():
        pairs = list(zip(ranked, faq.labels.tolist(), strict=True))
        rows.append(
            (
                name,
                f"{statistics.mean(ndcg(r, [right], 10) for r, right in pairs):.3f}",
                f"{statistics.mean(recall(r, [right], 10) for r, right in pairs):.3f}",
                f"{1000 * seconds:.2f} ms",
            )
        )
    table(("method", "nDCG@10", "recall@10", "median time"), rows)
    print()
    paragraph(
        f"""XTR with all tokens is MaxSim. With fewer, the imputed similarities decide as well, and
        the ranking may come out better or worse; one question more or less in first place moves
        nDCG@10 by {1 / len(faq):.3f} at the most, so do not read much into small differences.
        What XTR saves is loading the tokens of candidates. That pays when the collection lives on
        a disk, not here, where one product with all tokens is quick. The vectors are those of
        MiniLM, which was trained with one pooled vector per text, not for matching tokens."""
    )
