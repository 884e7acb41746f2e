"""The tour's part on analysis: which tokens made a model say the next one, and what goes on inside."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.analysis import attribution, reagent
from tokenlab.data import load_bpe
from tokenlab.lm import Counted, NGramLM
from tokenlab.steps import Steps, record
from tokenlab.tour import Minute, analysis_masks, analysis_strips, analysis_walk
from tokenlab.tour.decoding_models import FITTED, play
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHOWN = 0
N = 12  # tokens of a context
ORDER = 3  # the counts look at so many tokens, the one that is said included
SURE = 0.3  # how probable the next token is at the places that are shown
METHODS = ("ReAGent", "occlusion", "recency", "random")


@cache
def counted() -> tuple[Any, Any, Any]:
    """Counts of tokens in a row as a model, their tokenizer, and the text that was counted."""
    tokenizer = load_bpe("bpe640")
    ids = np.array(tokenizer.encode(play()[:FITTED]))
    return NGramLM.fit(ids, ORDER, len(tokenizer.tokens)), tokenizer, ids


@cache
def places() -> list[tuple[Any, int]]:
    """Contexts that the model has not seen, behind which it is sure, each with what it says."""
    lm, tokenizer, _ = counted()
    new = np.array(tokenizer.encode(play()[FITTED : FITTED + 20_000]))
    contexts = [new[end - N : end] for end in range(N, len(new), 37)]
    said = [lm.log_probs(context) for context in contexts]
    return [
        (context, int(log_p.argmax()))
        for context, log_p in zip(contexts, said, strict=True)
        if log_p.max() > np.log(SURE)
    ]


def named(ids: Any) -> list[str]:
    """What tokens spell, with blanks and line breaks that can be seen."""
    tokens = counted()[1].tokens
    return [tokens[i].decode().replace(" ", "␣").replace("\n", "⏎") for i in map(int, ids)]


def scores(method: str, lm: Any, context: Any, target: int, rng: int = 0) -> np.ndarray:
    """What each token counts, by one of the methods."""
    if method == "random":
        return attribution.random_scores(len(context), rng=rng)
    if method == "recency":
        return np.arange(1.0, len(context) + 1)  # later is better, whatever stands there
    replace = reagent.middle_replacer(counted()[2], lm.vocab)
    if method == "occlusion":
        return attribution.occlusion(lm, context, target, replace=replace, rng=rng)
    return reagent.attribute(
        lm, context, target, replace=replace, keep=ORDER, max_steps=100, rng=rng
    ).scores


@cache
def recovered() -> dict[str, tuple[float, float]]:
    """Of the tokens that a model looked at, the share among a method's best; forwards it spent."""
    found = {}
    for method in METHODS:
        hits, forwards = [], 0
        for i, (context, target) in enumerate(places()[:30]):
            lm = Counted(counted()[0])
            best = np.argsort(-scores(method, lm, context, target, rng=i))[: ORDER - 1]
            hits.append(np.mean(best >= N - ORDER + 1))  # counts see nothing before
            forwards += lm.rows
        found[method] = float(np.mean(hits)), forwards / len(hits)
    return found


def run(out: Path) -> None:
    """Print a context with its scores, and how often each method finds what is known to matter."""
    _context()
    _recovered()
    _methods()
    analysis_masks.show()
    analysis_walk.show()
    page = reagent_steps(SHOWN).to_html(out / "reagent.html", title="ReAGent, step by step")
    print(f"\nStep through ReAGent in a browser: {page}")


def _context() -> None:
    heading("Which tokens made the model say the next one?")
    context, target = places()[SHOWN]
    lm = counted()[0]
    paragraph(
        f"""Behind these tokens the model says “{named([target])[0]}”. It counts {ORDER} tokens in a
        row, so nothing but the last {ORDER - 1} can matter, and we know what to find."""
    )
    columns = [scores(method, lm, context, target) for method in METHODS]
    rows = [
        (token, *(f"{column[i]:.3f}" for column in columns))
        for i, token in enumerate(named(context))
    ]
    table(("token", *METHODS), rows)


def _recovered() -> None:
    heading("How often is that found, and for how many questions?")
    rows = [(name, f"{hit:.0%}", f"{asked:.0f}") for name, (hit, asked) in recovered().items()]
    table(("method", "found of the last two", "questions"), rows)
    paragraph("Recency looks at no model: it is right because this model is what it is.")


def _methods() -> None:
    heading("All methods on one prediction of a small transformer")
    tokens, said, found = analysis_strips.strips()
    paragraph(f"“{analysis_strips.TEXT}” is followed by “{said}”: the three best tokens.")
    rows = []
    for method, row in found.items():
        best = np.sort(np.argsort(-row, kind="stable")[: analysis_strips.KEEP])
        rows.append((method, "  ".join(tokens[i] for i in best)))
    table(("method", "rests on"), rows, left=2)


def minute(out: Path) -> Minute:
    """One result: what ReAGent finds where it is known what matters, beside occlusion and chance."""
    found = recovered()
    ours, occlusion, chance = (found[name] for name in ("ReAGent", "occlusion", "random"))
    page = reagent_steps(SHOWN).to_html(out / "reagent.html", title="ReAGent, step by step")
    return Minute(
        "which tokens made a model say the next one?",
        f"""where the last two of {N} alone can matter, ReAGent's best two are these at
        {ours[0]:.0%}, for {ours[1]:.0f} questions; occlusion's {occlusion[0]:.0%} for
        {occlusion[1]:.0f}, chance's {chance[0]:.0%}.""",
        "occlusion: replace one token, see how far the probability falls.",
        page,
    )


def count() -> int:
    """Contexts to choose from."""
    return len(places())


def subject(number: int) -> str:
    """A context and what was said behind it."""
    context, target = places()[number]
    return f"Behind “{''.join(named(context))}” the model says “{named([target])[0]}”"


@step_through(
    "reagent", "replace some tokens, credit the drop to them, until few are enough", rng=0
)
def reagent_steps(number: int, rng: int) -> Steps:
    """The recording of one attribution."""
    lm, _, text = counted()
    context, target = places()[number]
    replace = reagent.middle_replacer(text, lm.vocab)
    with record({"n": named(context)}) as steps:
        reagent.attribute(
            lm, context, target, replace=replace, keep=ORDER, runs=3, max_steps=6, rng=rng
        )
    return steps
