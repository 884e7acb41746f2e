"""The tour's part on decoding: what a constraint, a draft, a cut and an order do to a text."""

import functools
import time
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.decoding import (
    any_subset,
    awrs,
    byte_level,
    constrained,
    insertion,
    r2r,
    sampling,
    speculative,
    token_recycling,
)
from tokenlab.decoding.chance import exact
from tokenlab.lm import Counted
from tokenlab.steps import Steps, record
from tokenlab.tour import Minute
from tokenlab.tour.decoding_models import (
    alphabet,
    by_bytes,
    chain,
    ids,
    letters,
    not_aa,
    shown,
    spelled,
    two_letters,
)
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHOWN = 3  # where the text of the step-throughs is cut
VOWELS = "aeiou"
WORDS = ("to", "not", "note", "tone", "on", "one")  # for insertion
N = 400  # letters that each decoder writes


def run(out: Path) -> None:
    """Print a constraint, five decoders, a cut inside of a word and a tilt."""
    _constraint()
    _decoders()
    _cut()
    _orders()
    _routing()
    _tilt()
    page = awrs_steps(SHOWN).to_html(out / "awrs.html", title="AWRS, step by step")
    print(f"\nStep through AWRS in a browser: {page}")


def _local_and_true() -> tuple[float, float]:
    """How often `ab` comes with masking, and how often it should."""
    lm = two_letters()
    local = exact(lambda rng: constrained.generate_masked(lm, not_aa, max_tokens=2, rng=rng).tokens)
    truth = constrained.posterior(lm, not_aa, max_tokens=2)
    return local.probability((0, 1)), truth.probabilities[0, 1]


def _constraint() -> None:
    heading("A constraint: masking says one thing, the model another")
    local, truth = _local_and_true()
    paragraph(
        f"""Texts of two letters, of which `aa` is forbidden. The model says that after an a nearly
        always an a follows. Masking begins with an a, as the model would, and is then forced into
        `ab`: {local:.0%} of its texts. Of the model's own texts that are allowed, {truth:.1%} are.
        AWRS gives each text a weight; with more particles its share of `ab` nears the truth. The
        rows with an interval are means of 100 runs, the others are exact."""
    )
    rows = [
        ("masking", f"{local:.3f}", ""),
        ("the model, given the constraint", f"{truth:.3f}", ""),
    ]
    for n in (1, 2, 8, 32, 128):
        mean, error, calls = _share_of_ab(n)
        interval = f"± {1.96 * error:.3f}" if error else "exact"
        rows.append(
            (f"AWRS, {n} particle{'s' * (n > 1)}", f"{mean:.3f} {interval}", f"{calls:.1f}")
        )
    table(("", "share of ab", "calls of the constraint"), rows)


def _share_of_ab(n: int) -> tuple[float, float, float]:
    """The mean share of `ab`, its standard error, and the calls of n particles."""

    def one(rng: Any) -> tuple[float, int]:
        found = awrs.generate(
            two_letters(), not_aa, n_particles=n, max_tokens=2, estimator="recursive", rng=rng
        )
        return found.posterior().get((0, 1), 0.0), found.calls

    if n <= 2:
        share, calls = exact(one).expect(np.array)
        return float(share), 0.0, float(calls)
    runs = np.array([one(seed) for seed in range(100)])
    share, calls = runs.mean(axis=0)
    return float(share), float(runs[:, 0].std() / len(runs) ** 0.5), float(calls)


def _decoders() -> None:
    heading(f"Five ways to write the same {N} letters")
    paragraph(
        """A model of six letters in a row writes greedily. A forward is one call of it, whether it
        judges one place or a whole tree. Counting is so cheap that drafts save no seconds here;
        in a transformer a forward is what costs."""
    )
    rows = []
    first = None
    for name, write in decoders().items():
        lm = Counted(letters(6))
        start = time.perf_counter()
        tokens = write(lm, ids(shown(SHOWN)))
        seconds = time.perf_counter() - start
        first = tokens if first is None else first
        same = "yes" if np.array_equal(tokens, first) else "no"
        per = len(tokens) / lm.forwards
        rows.append((name, same, f"{lm.forwards}", f"{lm.rows}", f"{per:.2f}", f"{seconds:.2f} s"))
    table(("decoder", "same text", "forwards", "rows", "letters a forward", "time"), rows)


def decoders() -> dict[str, Any]:
    """Greedy decoding and four that write the same with fewer forwards."""

    def greedy(lm: Any, context: Any) -> Any:
        return sampling.generate(lm, context, N, temperature=0).tokens

    def drafted(drafter: Any, k: int) -> Any:
        return lambda lm, context: speculative.generate(lm, drafter, context, N, k, 0).tokens

    def recycled(paths: Any) -> Any:
        def write(lm: Any, context: Any) -> Any:
            recycler = token_recycling.Recycler(lm.vocab, 8, paths)
            return token_recycling.generate(lm, context, N, recycler).tokens

        return write

    small = speculative.draft_model(letters(3), temperature=0)
    return {
        "greedy": greedy,
        "a smaller model drafts 4": drafted(small, 4),
        "copy what followed before, 7": drafted(
            speculative.prompt_lookup(len(alphabet()), max_ngram=5), 7
        ),
        "recycling, 80 nodes": recycled(token_recycling.TREE_222),
        "recycling, 7 nodes": recycled(token_recycling.grow_tree([[0.6, 0.2, 0.1]] * 4, 7)),
    }


def _cut() -> None:
    heading("A prompt that is cut inside of a word")
    paragraph(
        """The model knows tokens of several letters and has never seen a text end inside of one.
        The probability of the true next letter, when the prompt is encoded as it stands, when its
        last token is healed, and exactly, over all encodings that begin so."""
    )
    model, rows = by_bytes("bpe640"), []
    for text, right in (("my lord, i wi", "l"), ("what is the mat", "t"), ("good nig", "h")):
        ways = (byte_level.naive_next_byte, byte_level.healed_next_byte, exactly)
        p = [float(np.exp(way(model, text.encode())[ord(right)])) for way in ways]
        rows.append((f"{text}|{right}", *(f"{x:.3f}" for x in p)))
    table(("prompt|next", "naive", "healed", "exact"), rows)


def exactly(model: Any, text: bytes) -> Any:
    """The exact way, called as the others are."""
    return model.log_probs(text)


def _orders() -> None:
    heading("Many places at once, judged afterwards")
    model, known = chain(64), {0: int(ids("t")[0])}
    order = np.random.default_rng(0).permutation(np.arange(1, 64)).tolist()
    rows = []
    for k in (2, 3, 5, 10):
        calls = [
            [any_subset.generate(model, known, k=k, order=o, rng=i).calls / 63 for i in range(10)]
            for o in (None, order)
        ]
        rows.append(
            (f"{k}", *(f"{np.mean(c):.2f} ± {1.96 * np.std(c) / 10**0.5:.2f}" for c in calls))
        )
    paragraph("Calls of the model for each letter of 63 that were filled, means of ten texts.")
    table(("k", "left to right", "random order"), rows)


@functools.cache
def routed_models() -> tuple[Any, Any, Any, Any]:
    """Three letters in a row, six, whether each place mismatches and diverges, and a router."""
    small, large = letters(3), letters(6)
    ends = {int(ids(letter)[0]) for letter in ".!?\n"}
    rows, mismatch, divergent = [], [], []
    for start in map(ids, map(shown, range(10, 40))):  # short texts, since greedy ones soon repeat
        labels = r2r.label(small, large, start, 8, ends=ends, max_continuation=15)
        text = [*start, *labels.tokens]
        known = (small.log_probs(text[: len(start) + i]) for i in range(8))
        rows += [r2r.features(log_p, 10) for log_p in known]
        mismatch += labels.mismatch.tolist()
        divergent += labels.divergent.tolist()
    router = r2r.Router(ridge=1.0, min_recall=0.9).fit(np.array(rows), np.array(divergent))
    return small, large, np.array([mismatch, divergent]), router


def _routing() -> None:
    heading("A small model writes, a large one where it is told to")
    small, large, labels, router = routed_models()
    rows = []
    for name, route in (
        ("never", lambda *_: False),
        ("the router", router),
        ("always", lambda *_: True),
    ):
        found = r2r.generate(small, large, ids(shown(SHOWN)), 40, route)
        rows.append((name, f"{found.share:.0%}", repr(spelled(found.tokens))))
    paragraph(
        f"""Three letters in a row against six. At {labels[0].mean():.0%} of {labels.shape[1]}
        places the small model would write another letter, at {labels[1].mean():.0%} that
        leads elsewhere. A router that was trained on these places decides who writes."""
    )
    table(("route", "large", "what is written"), rows)


def _tilt() -> None:
    heading("Insertion tilts towards short texts, and how that is repaired")
    strings, p = ["ab", "abb", "c"], [0.5, 0.25, 0.25]
    paragraph(
        """Texts grow by insertion, under the exact minimum of the paper's loss. With the number of
        dropped tokens uniform a text comes out in proportion to p(x) / (length + 1)."""
    )
    rows: list[tuple[str, ...]] = [("meant", *(f"{x:.3f}" for x in p))]
    for weight in ("uniform", "length"):
        model = insertion.CountedInsertion.fit(strings, "abc", p=p, weight=weight)
        found = exact(functools.partial(_inserted, model))
        shares = [found.probability(text) for text in ((0, 1), (0, 1, 1), (2,))]
        rows.append((f'weight="{weight}"', *(f"{x:.3f}" for x in shares)))
    table(("", *strings), rows)


def _inserted(model: Any, rng: Any) -> Any:
    return insertion.generate(model, rng=rng).tokens


def minute(out: Path) -> Minute:
    """One result: what masking does to a text under a constraint, and what weights repair."""
    local, truth = _local_and_true()
    share = _share_of_ab(2)[0]
    page = awrs_steps(SHOWN).to_html(out / "awrs.html", title="AWRS, step by step")
    return Minute(
        "texts of a and b without aa: does masking draw what the model means?",
        f"""no. {local:.0%} of masked texts are ab, of the model's allowed ones {truth:.0%}. AWRS
        weighs texts: with two particles {share:.0%}, with more of them nearer to the truth.""",
        "masking forbids single tokens and draws among the others.",
        page,
    )


def count() -> int:
    """Places at which the text can be cut."""
    return 40


def subject(number: int) -> str:
    """What stands before the cut."""
    return f"The text “…{' '.join(shown(number).split())}|”"


def _labels() -> dict[str, list[str]]:
    return {"vocab": [repr(letter)[1:-1].replace(" ", "␣") for letter in alphabet()]}


@step_through("awrs", "draw without replacement until one is allowed, and its weight", rng=0)
def awrs_steps(number: int, rng: int) -> Steps:
    """The recording of one letter that has to be a vowel."""
    accept = lambda token: alphabet()[token] in VOWELS  # noqa: E731
    with record(_labels()) as steps:
        awrs.draw(letters(6).log_probs(ids(shown(number))), accept, estimator="recursive", rng=rng)
    return steps


@step_through("token-recycling", "a tree of guesses from a matrix of candidates", nodes=7)
def recycling_steps(number: int, nodes: int) -> Steps:
    """The recording of a few forwards, after the matrix has seen some text."""
    paths = token_recycling.grow_tree([[0.6, 0.2, 0.1]] * 4, nodes)
    recycler = token_recycling.Recycler(len(alphabet()), 8, paths)
    token_recycling.generate(letters(6), ids(shown(number)), 100, recycler)
    with record(_labels()) as steps:
        token_recycling.generate(letters(6), ids(shown(number)), 12, recycler)
    return steps


@step_through("any-subset", "drafts of many places, judged in a second call", k=5, rng=0)
def any_subset_steps(number: int, k: int, rng: int) -> Steps:
    """The recording of a text of 12 letters of which three are known."""
    text = ids(shown(number)[-12:])
    with record(_labels()) as steps:
        any_subset.generate(chain(12), {i: int(text[i]) for i in (0, 5, 11)}, k=k, rng=rng)
    return steps


@step_through("r2r", "what the small model knows of itself, and who writes", n=6)
def r2r_steps(number: int, n: int) -> Steps:
    """The recording of a few letters of two models."""
    small, large, _, router = routed_models()
    with record(_labels()) as steps:
        r2r.generate(small, large, ids(shown(number)), n, router)
    return steps


@step_through("byte-level", "all encodings of a text that may go on, and the next byte")
def byte_steps(number: int) -> Steps:
    """The recording of the next byte after a text that is cut anywhere."""
    model = by_bytes("bpe640")
    text = shown(number, 24).encode()
    cover = [spelling(model, member) for member, _ in model.cover(text)]
    symbols = [repr(chr(i))[1:-1].replace(" ", "␣") for i in range(256)]
    with record({"n_cover": cover, "symbols": [*symbols, "end"]}) as steps:
        model.log_probs(text)
    return steps


def spelling(model: Any, member: Any) -> str:
    """The last tokens of a member of a cover, with bars between."""
    last = [model.tokenizer.tokens[token].decode() for token in member.tokens[-3:]]
    return "…" + "|".join(last).replace("\n", "⏎").replace(" ", "␣")


@step_through("insertion", "which token goes into which gap, until the text is finished", rng=0)
def insertion_steps(number: int, rng: int) -> Steps:
    """The recording of a word that grows, under the exact minimum of the loss."""
    letters_used = "".join(sorted(set("".join(WORDS))))
    model = insertion.CountedInsertion.fit(WORDS, letters_used, weight="length")
    with record({"vocab": list(letters_used)}) as steps:
        insertion.generate(model, rng=number + 1000 * rng)
    return steps
