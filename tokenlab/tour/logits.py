"""The tour's part on the output layer: heads in code space, their speed, and its price."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import LMHead, load_lm_head
from tokenlab.errors import PLOT
from tokenlab.logits import FullHead, VQHead, centroids, frequency_mapping, perplexity
from tokenlab.steps import Steps, record, step
from tokenlab.tour import Minute
from tokenlab.tour.logits_heads import (
    FULL,
    RANK,
    SIZES,
    TIED,
    Result,
    measure_all,
    shown_head,
)
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, short, table

MINUTE_CODES = 256  # of the short tour, which trains nothing
SHOWN = 502  # the position of the step-through


def run(out: Path) -> None:
    """Print two predictions, the table of all heads with the claims beside it, and a figure."""
    data = load_lm_head()
    vocab, d = data.weight.shape
    heading("The output layer: VQ-Logits on a real language model's head")
    paragraph(
        f"""A language model compares a hidden state of {d} numbers with one vector for each token.
        Here are {vocab:,} of the {data.vocab_full:,} tokens of SmolLM2-135M: the vocabulary is
        truncated, and perplexities are comparable only with each other. Codes, maps and peers are
        fitted on {len(data.next_fit):,} positions of some documents and reported on
        {len(data.next_report):,} positions of others. VQ-Logits gives every token the logit of its
        code."""
    )
    for position, why in _examples(data):
        _explain(data, position, why)
    results = measure_all()
    _table(data, results)
    _claims(data, results)
    page = vq_steps(SHOWN).to_html(out / "vq.html", title="VQ-Logits, step by step")
    print(f"\nStep through one position in a browser: {page}")
    _figure(results, out / "logits.png")


def minute(out: Path) -> Minute:
    """One result: what codes in place of tokens cost, by perplexity, before any training."""
    data, n = load_lm_head(), MINUTE_CODES
    mapping = frequency_mapping(data.counts, n)
    codes = VQHead(centroids(data.weight, mapping, n, counts=data.counts), mapping)
    full, tied = (
        perplexity(head.log_prob(data.hidden_report, data.next_report)).value
        for head in (FullHead(data.weight), codes)
    )
    page = _recorded(data, codes, SHOWN).to_html(out / "vq.html", title="VQ-Logits, step by step")
    return Minute(
        f"can {n} codes stand for the {len(data.weight):,} tokens of a vocabulary?",
        f"""the paper claims a perplexity 4 % higher. Untrained codes by frequency have
        {tied:.0f}, the full output layer has {full:.1f}. Training narrows the gap, but does not close
        it: tokenlab tour logits.""",
        "perplexity: the model is as unsure as among so many equal tokens.",
        page,
    )


def count() -> int:
    """Positions that can be shown."""
    return len(load_lm_head().next_report)


def subject(position: int) -> str:
    """A position in words."""
    data = load_lm_head()
    right = data.tokens[data.next_report[position]]
    return f"Position {position}: “…{short(data.context[position], 60)}”, then {right!r}"


@step_through("vq", "code logits, normaliser, scatter to the tokens")
def vq_steps(position: int) -> Steps:
    """The recording of one prediction: hidden state, code logits, normaliser, tokens."""
    return _recorded(load_lm_head(), shown_head(), position)


def _recorded(data: LMHead, head: VQHead, position: int) -> Steps:
    """One prediction by a head, from the hidden state to the tokens."""
    labels: dict[str, Sequence[str]] = {
        "n": [f"…{data.context[position]}"],
        "n_codes": [code_words(data, head, code) for code in range(head.n_codes)],
        "vocab": [repr(token) for token in data.tokens],
    }
    with record(labels) as steps:
        hidden = data.hidden_report[position : position + 1]
        log_p = head.log_softmax(hidden)
        note = "the tokens of a code have the same; all add up to one"
        p = step("probabilities", np.exp(log_p), note, eq="p(v) (Eq. 4)", axes=("n", "vocab"))
        best = np.argsort(-p, axis=1, kind="stable")[:, :10]
        note = "the most probable tokens, and after them the codes that they belong to"
        step("best tokens", best, note, axes=("n", "rank"), of="vocab")
        step("winning codes", head.mapping[best], "", axes=("n", "rank"), of="n_codes")
    return steps


def code_words(data: LMHead, head: VQHead, code: int, n: int = 5) -> str:
    """The most frequent tokens of a code, spelled out, and how many more there are."""
    tokens = head.tokens.order[head.tokens.start[code] : head.tokens.start[code + 1]]
    first = tokens[np.argsort(-data.counts[tokens], kind="stable")][:n]
    words = " ".join(repr(data.tokens[token])[1:-1].replace(" ", "␣") for token in first)
    return words + (f" +{len(tokens) - n}" if len(tokens) > n else "")


def _examples(data: LMHead) -> list[tuple[int, str]]:
    """An ordinary position, and the one where codes lose most against the full head."""
    full = FullHead(data.weight).log_prob(data.hidden_report, data.next_report)
    codes = shown_head().log_prob(data.hidden_report, data.next_report)
    worst = int(np.argmax(full - codes))
    return [(SHOWN, "it is an ordinary one"), (worst, "here codes lose most to the full head")]


def _explain(data: LMHead, position: int, why: str) -> None:
    """One prediction, from code logits to tokens, beside the full head's."""
    head = shown_head()
    full = FullHead(data.weight)
    hidden, right = data.hidden_report[position, None], data.next_report[position, None]
    heading(subject(position))
    print(f"Shown because {why}.\n")
    print(f"1. {head.n_codes} code logits instead of {head.vocab:,}; the most probable codes:")
    whole, tied = head.code_log_prob(hidden)[0], head.scores(hidden)[0]
    right_code = int(head.mapping[right[0]])
    rows = []
    for code in dict.fromkeys([*np.argsort(-whole)[:4].tolist(), right_code]):
        mark = " ✓" if code == right_code else ""
        p, each = np.exp(whole[code]), np.exp(tied[code])
        words = short(code_words(data, head, code), 44)
        rows.append((f"{code}{mark}", words, f"{head.sizes[code]}", f"{p:.4f}", f"{each:.3g}"))
    table(("code", "its tokens", "how many", "probability", "of each"), rows, left=2)
    print("\n2. Every token gets what its code has. The best tokens, beside the full head's:")
    columns = [_words(data, h.topk(hidden, 5)) for h in (head, full)]
    rows = [(f"{i + 1}", *ours, *full) for i, (ours, full) in enumerate(zip(*columns, strict=True))]
    table(("rank", "codes", "p", "full head", "p"), rows, left=2)
    ours, theirs = (float(np.exp(h.log_prob(hidden, right)[0])) for h in (head, full))
    print(f"\nThe right token has {ours:.3g} by codes and {theirs:.3g} in the full head.")


def _words(data: LMHead, found: Any) -> list[tuple[str, str]]:
    ids, p = found.ids[0].tolist(), np.exp(found.values[0])
    return [(repr(data.tokens[i]), f"{x:.3f}") for i, x in zip(ids, p, strict=True)]


def _table(data: LMHead, results: list[Result]) -> None:
    heading(f"All heads, on {len(data.next_report):,} positions")
    full = results[0]
    print("Intervals of 95 %, from 2,000 draws of documents. Time: one state to ten best tokens.\n")
    rows = [
        (
            r.name,
            f"{100 * r.parameters / full.parameters:.1f} %",
            f"{r.milliseconds:.3f}",
            "{:.1f} ({:.1f}–{:.1f})".format(*r.perplexity),
            "{:.2f} ({:.2f}–{:.2f})".format(*r.ratio),
            f"{r.floor:.2f}" if r.floor else "–",
        )
        for r in results
    ]
    table(("head", "size", "ms", "perplexity", "over full", "tie floor"), rows)


def _claims(data: LMHead, results: list[Result]) -> None:
    """The abstract's numbers beside those of the table."""
    found = {r.name: r for r in results}
    ratio = {name: r.ratio.value for name, r in found.items()}
    few, many, vocab = SIZES[0], SIZES[-1], len(data.weight)
    best = min((r for r in results if r.kind == TIED), key=lambda r: r.ratio.value)
    within = [name for name, value in ratio.items() if value <= 1.04 and name != FULL]
    print()
    paragraph(
        f"""The abstract claims 99 % fewer parameters and logits 6 times as fast for a perplexity
        4 % higher; its tables were not at hand. Here {few} codes are {100 * few / vocab:.1f} % of
        the vectors and have {ratio[f"{few} codes, weighted k-means"]:.1f} times the perplexity. The
        best head of tied codes ({best.name}) has {best.ratio.value:.2f} times the perplexity and
        takes {results[0].milliseconds / best.milliseconds:.1f} times less time. Within 4 %:
        {", ".join(within) or "none of these"}. These heads were fitted to a model that was trained
        with its full head; the paper trains model and codes together, which we have not done."""
    )
    print()
    paragraph(
        f"""Which map? With {many} codes, k-means on the vectors alone has
        {ratio[f"{many} codes, k-means"]:.2f} times the perplexity of the full head, codes of equal
        frequency without any meaning {ratio[f"{many} codes, by frequency"]:.2f}, and k-means
        weighted by frequency {ratio[f"{many} codes, weighted k-means"]:.2f}. A balanced map has a
        floor of vocabulary / codes: {vocab / many:.0f} here, {data.vocab_full / many:.0f} on the
        whole vocabulary, whatever is trained. Shares by count within the codes cost one number for
        each token and no time: {ratio[f"{many} codes, the same, shares"]:.2f}. A residual of rank
        {RANK} reaches {ratio[f"{many} codes, shares, rank {RANK}"]:.2f}, but has to visit the whole
        vocabulary again."""
    )


def _figure(results: list[Result], path: Path) -> None:
    """Speed against perplexity, all heads in one picture."""
    try:
        from tokenlab.plots.heads_figure import draw_heads
    except ImportError:
        print(f"No picture: matplotlib is not installed. Run: {PLOT}")
        return
    points = [(r.kind, r.name, r.milliseconds, tuple(r.perplexity)) for r in results]
    draw_heads(points).savefig(path, dpi=150)
    print(f"Speed against perplexity, all heads: {path}")
