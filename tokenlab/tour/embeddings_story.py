"""What `tokenlab tour embeddings` prints, part by part; long runs are stored and said to be."""

import numpy as np

from tokenlab.data import load_faq, load_findings, load_glove, load_word_lists
from tokenlab.embeddings import lexinvariant, weat
from tokenlab.tour.embeddings_texts import chain, debiased, representative_tokens
from tokenlab.tour.terminal import heading, paragraph, table

LINE = 33  # characters of an axis
SCORES = "similarity", "of form", "of meaning"


def axis() -> None:
    heading("Debiasing: words slide off the axis from he to she")
    glove = load_glove()
    x, basis, hard, _ = debiased()
    words = ["nurse", "librarian", "teacher", "doctor", "engineer", "captain", "she", "he"]
    before, after = ((y[glove.rows(words)] @ basis.T)[:, 0] for y in (x, hard))
    for word, a, b in zip(words, before, after, strict=True):
        print(f"{word:>10}  he {on_a_line(a, b)} she")
    print("            o before, * after")
    rows = []
    found = load_findings("embeddings")["debias"]
    for weight, value in found["after soft debiasing, by weight"].items():
        rows.append((f"soft, weight {weight}", f"{value:.3f}"))
    rows = [("as it is", f"{found['direct bias of occupations']:.3f}"), *rows, ("hard", "0.000")]
    table(("occupations", "direct bias"), rows)
    paragraph(
        """The paper's weight for soft debiasing is 0.2. Its first term is a sum over all pairs of
        words, its second over words: on a whole vocabulary 0.2 does nothing."""
    )
    lists = load_word_lists()
    names = ("male_names", "female_names", "career", "family")
    sides = [glove.rows(lists[f"weat_{name}"]) for name in names]
    tested = []
    for label, y in (("before", x), ("after", hard)):
        one = weat.association(*(y[side] for side in sides), limit=2000, rng=0)
        tested.append((label, f"{one.effect:.2f}", f"{one.statistic:.2f}"))
    table(("names, career and family", "effect size", "statistic"), tested)


def on_a_line(before: float, after: float) -> str:
    """Two places on a line from -0.6 to 0.6."""
    line = ["·"] * LINE
    for value, mark in ((before, "o"), (after, "*")):
        line[round((np.clip(value, -0.6, 0.6) + 0.6) / 1.2 * (LINE - 1))] = mark
    return "".join(line)


def cipher() -> None:
    heading("Lexinvariant models: a cipher clears up")
    lm, names, ids = chain(120, start=3)
    key = np.array([2, 0, 1])
    observed = np.argsort(key)[ids]
    found = lexinvariant.decipher(lm, observed)
    true = int(np.flatnonzero((found.keys == key).all(axis=1))[0])
    rows = []
    for t in (1, 8, 24, 60, 120):
        best = found.keys[found.log_posterior[t].argmax()]
        text = "".join(names[best[x]] for x in observed[max(0, t - 24) : t])
        rows.append((str(t), f"{np.exp(found.log_posterior[t, true]):.2f}", text))
    table(("symbols", "true key", "the last ones, read as v vowel, c consonant, _ blank"), rows)
    rows = []
    for n, row in load_findings("embeddings")["cipher"].items():
        rows.append((n, f"{row['search']:.0%}", f"{row['by frequency']:.0%}"))
    table(("27 symbols", "right by search", "right by frequency"), rows)


def prompt() -> None:
    heading("Follow the Flow: which word carries the question alone?")
    faq = load_faq()
    for number in (2, 20, 45):
        lit = representative_tokens(number).representative
        tokens = zip(faq.question_tokens[number], lit, strict=True)
        paragraph(" ".join(f"[{t}]" if right else t for t, right in tokens if t[0] != "["))
    found = load_findings("embeddings")["flow"]
    paragraph(
        f"""In brackets: patched in alone, its state finds the answer among 158. One token does so in
        {found["one token, on average"]:.0%}, all together in {found["all tokens"]:.0%}; function
        words {found["one function token"]:.0%}, content words {found["one content token"]:.0%}.
        Dropping tokens does not help, unlike in the paper. There is no picture here: an encoder of
        texts stands in for it."""
    )


def unwanted() -> None:
    heading("DECOR: two questions in one text, and the second one goes")
    names = ["nothing", "all axes, alpha 0.5", "all axes, alpha 1.0", "1 axes"]
    names += ["its mean alone", "a random span of the same rank"]
    found = load_findings("embeddings")["decor"]
    rows = [(n, f"{found[n]['wanted']:.0%}", f"{found[n]['undesired']:.0%}") for n in names]
    table(("removed", "finds the wanted answer", "the other one"), rows)


def codes() -> None:
    heading("Binary paragraph vectors: passages of the Bible as 16 and 32 bits")
    found = load_findings("embeddings")["codes"]
    names = ("random hyperplanes", "PCA signs", "binary", "real_binary")
    rows = [(n, *(f"{found[f'{b} bits'][n]:.2f}" for b in (16, 32))) for n in names]
    rows.insert(0, ("at random", f"{found['random']:.2f}", f"{found['random']:.2f}"))
    table(("precision at 10", "16 bits", "32 bits"), rows)


def mood() -> None:
    heading("In-context vectors: the mood of SmolLM2 turns, knowledge is not fed")
    found = load_findings("embeddings")["icv"]
    rows = []
    for name, row in found.items():
        if name.startswith(("second part", "a random")):
            rows.append((name, f"{row['log-odds of good']:.1f}", f"{row['perplexity']:.0f}"))
    table(("shifted", "log-odds of good words", "perplexity"), rows)
    fed = [(name, f"{value:.2f}") for name, value in found["feeding"].items()]
    table(("an answer's log-likelihood a token", "nats"), fed)


def neighbours() -> None:
    heading("Word vectors: who stands next to a word, by four methods")
    found = load_findings("word_vectors")
    methods = {"counts": "PPMI-SVD", "skip-gram": "skip-gram", "GloVe": "GloVe"}
    methods["subwords"] = "subwords, sum"
    words = ("king", "mother", "walked")
    rows = []
    for label, name in methods.items():
        near = found["neighbours"][name]
        rows.append((label, *(", ".join(near[word][:2]) for word in words)))
    table(("nearest two", *words), rows)
    scores = [
        (label, *(f"{found['methods'][name][part]:.2f}" for part in SCORES))
        for label, name in methods.items()
    ]
    table(("all plays and the King James Bible", *SCORES), scores)
    paragraph(
        """Similarity: rank correlation with what people say; the other two: analogies answered.
        Letters know the form of a word. What a word means the methods know about equally well;
        that counts know it best, as is often told, did not come out on these texts."""
    )
