"""The tour's part on embeddings: words off an axis, a cipher that clears up, words that carry a prompt."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import (
    load_faq,
    load_findings,
    load_glove,
    load_prompts,
    load_word_lists,
)
from tokenlab.embeddings import (
    debias,
    decor,
    in_context_vectors,
    lexinvariant,
    paragraph_codes,
    senses,
    triplet,
    visual_unicode,
    weat,
)
from tokenlab.numerics import unit
from tokenlab.steps import Steps, record, step
from tokenlab.tour import Minute
from tokenlab.tour import embeddings_story as story
from tokenlab.tour.embeddings_texts import (
    PAIR,
    answer_means,
    chain,
    debiased,
    passages,
    representative_tokens,
    verses_with,
)
from tokenlab.tour.step_throughs import step_through

SHOWN = 128  # nurse
GLYPHS = "O0QCaAlI1x"
BAD = ("terrible", "awful", "horrible", "bad", "worst")
GOOD = ("wonderful", "excellent", "beautiful", "good", "best")


def run(out: Path) -> None:
    """Print words on an axis, WEAT, a cipher, a prompt's words, codes, moods, and neighbours."""
    story.axis()
    story.cipher()
    story.prompt()
    story.unwanted()
    story.codes()
    story.mood()
    story.neighbours()
    page = debias_steps(SHOWN).to_html(out / "debias.html", title="Debiasing, step by step")
    print(f"\nStep through debiasing in a browser: {page}")


def minute(out: Path) -> Minute:
    """One result: what is left of a bias when its direction is gone."""
    x, basis, hard, jobs = debiased()
    found = load_findings("embeddings")["debias"]
    page = debias_steps(SHOWN).to_html(out / "debias.html", title="Debiasing, step by step")
    return Minute(
        "can a prejudice be taken out of word vectors?",
        f"""occupations lie {debias.direct_bias(x[jobs], basis):.2f} along she - he, and
        {debias.direct_bias(hard[jobs], basis):.2f} without that axis. Yet by what is left, a line
        tells apart {found["a line tells them apart, after"]:.0%} of male and female words.""",
        "along: the mean cosine, without its sign; chance is half.",
        page,
    )


def count() -> int:
    """How many words there are to choose from."""
    return len(load_word_lists()["occupations"])


def subject(number: int) -> str:
    """The word of a number."""
    return str(load_word_lists()["occupations"][number])


@step_through("debias", "the axis of ten pairs, and a word without it")
def debias_steps(number: int) -> Steps:
    """The shown word among others."""
    glove = load_glove()
    lists = load_word_lists()
    pairs = lists["gender_pairs"]
    words = [word for pair in pairs for word in pair] + [subject(number), "river", "doctor"]
    x = glove.x[glove.rows(words)]
    sets = [[2 * i, 2 * i + 1] for i in range(len(pairs))]
    with record() as recorded:
        basis = debias.bias_subspace(x, sets).basis
        step("along", (unit(x) @ basis.T)[:, 0], "each word along the axis", axes=("n",))
        fair = debias.hard_debias(x, basis, specific=range(20), sets=sets)
        step(
            "afterwards", (fair @ basis.T)[:, 0], "the pairs stay, the others are at 0", axes=("n",)
        )
    return recorded


@step_through("weat", "two sets of names, and how they relate to career and family")
def weat_steps(number: int) -> Steps:
    """The test is the same for every word."""
    glove = load_glove()
    lists = load_word_lists()
    names = ("male_names", "female_names", "career", "family")
    sides = [glove.x[glove.rows(lists[f"weat_{name}"])] for name in names]
    with record() as recorded:
        weat.association(*sides, limit=2000, rng=number)
    return recorded


@step_through("decor", "two questions in one text, and the second one goes", alpha=1.0)
def decor_steps(number: int, alpha: float) -> Steps:
    """A pair of questions of the FAQ."""
    prompts = load_prompts()
    faq = load_faq()
    pair = number % len(prompts.pairs)
    x, (i, j) = prompts.states[pair], prompts.pairs[pair]
    with record() as recorded:
        decor.components(x)
        cleaned = decor.remove(x, faq.queries[j][1:-1], alpha=alpha)
        for name, y in (("before", x), ("after", cleaned)):
            found = (unit(y.mean(axis=0)[None]) @ answer_means()[[i, j]].T)[0]
            step(name, found, "cosines to the wanted answer and to the other", axes=("answers",))
    return recorded


@step_through("flow", "each word of a question patched in alone")
def flow_steps(number: int) -> Steps:
    """A question of the FAQ."""
    with record() as recorded:
        found = representative_tokens(number % len(load_faq()))
        step("representative", found.representative.astype(float), "finds its answer", axes=("n",))
    return recorded


@step_through("lexinvariant", "which key a text was ciphered with, symbol after symbol", n=16)
def lexinvariant_steps(number: int, n: int) -> Steps:
    """Vowels, consonants and blanks of Shakespeare, renamed."""
    lm, _, ids = chain(n, start=number)
    with record() as recorded:
        lexinvariant.decipher(lm, np.array([1, 2, 0])[ids])
    return recorded


@step_through("visual-unicode", "characters drawn, centred, and along their strongest axes", d=4)
def visual_steps(number: int, d: int) -> Steps:
    """Ten characters and the shown word."""
    with record() as recorded:
        bits = visual_unicode.render([*GLYPHS, subject(number)], size=24).bits
        step("bits", bits.reshape(-1, 24).astype(float), "ink", axes=("n * size", "size"))
        table_ = visual_unicode.visual_embedding(bits, d).table
        step("cosines", table_ @ table_.T, "who looks like whom", axes=("n", "n"))
    return recorded


@step_through("paragraph-codes", "words of passages from bits, and gradients through the rounding")
def codes_steps(number: int) -> Steps:
    """Passages of the Bible."""
    counts, _ = passages(24)
    with record() as recorded:
        codes = paragraph_codes.train(counts, 8, steps=1, rng=number)
        step(
            "codes", codes.codes.astype(float), "the bits of each passage", axes=("n_docs", "bits")
        )
    return recorded


@step_through("senses", "which of two merged words is meant", temperature=0.5)
def senses_steps(number: int, temperature: float) -> Steps:
    """Verses with one of two words that became one."""
    ids, offsets, words = verses_with()
    params = trained_senses()
    centres, contexts = senses.examples(ids, offsets, 4)
    rows = np.flatnonzero(centres == words.index("+".join(PAIR)))[number : number + 12]
    rows = rows if len(rows) else np.flatnonzero(centres == words.index("+".join(PAIR)))[:12]
    uniforms = np.random.default_rng(number).uniform(0.01, 0.99, (len(rows), 2)).astype(np.float32)
    with record() as recorded:
        shares = senses.disambiguate(params, centres[rows], contexts[rows])
        step("shares", shares, "which sense is meant", axes=("n", "senses"))
        labels = np.maximum(contexts[rows].max(axis=1), 0)
        options: dict[str, Any] = {"temperature": temperature, "uniforms": uniforms}
        senses.loss(params, centres[rows], contexts[rows], labels, **options)
    return recorded


@functools.cache
def trained_senses() -> Any:
    """Two senses of every word, from the verses with the merged one."""
    ids, offsets, words = verses_with()
    options = {"d": 8, "window": 4, "epochs": 1, "pretraining": 1}
    return senses.train(ids, offsets, len(words), rng=0, **options).params


@step_through("triplet", "questions between their answers and the nearest wrong ones", margin=0.3)
def triplet_steps(number: int, margin: float) -> Steps:
    """Twelve questions of the FAQ."""
    faq = load_faq()
    rows = (np.arange(12) + number) % len(faq)
    anchor = np.stack([faq.queries[i].mean(axis=0) for i in rows])
    positive = answer_means()[rows]
    with record() as recorded:
        negative = positive[triplet.mine(anchor, positive)]
        triplet.triplet_loss(anchor, positive, negative, margin=margin)
        grads = triplet.triplet_grads(anchor, positive, negative, margin=margin)
        step("a_grad", grads.anchor, "where each question is pulled", axes=("n", "d"))
    return recorded


@step_through("icv", "from bad words to good ones, and a word moved that way", strength=1.0)
def icv_steps(number: int, strength: float) -> Steps:
    """The shown word; vectors of words stand for the states of a layer."""
    glove = load_glove()
    before, after = (glove.x[glove.rows(list(words))][:, None] for words in (BAD, GOOD))
    with record() as recorded:
        found = in_context_vectors.direction(before, after)
        in_context_vectors.shift(glove.vector(subject(number)), found.vectors[0], strength=strength)
    return recorded
