"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


def seen(ids, offsets, widths, text_ends=True, itself=False, one_side=False, by_other=False):
    """All pairs, with one rule broken."""
    n, pairs = len(ids), []
    text = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    for p in range(n):
        for q in range(n):
            near = abs(p - q) <= (widths[q] if by_other else widths[p])
            near = near and (text[p] == text[q] or not text_ends) and (q < p or not one_side)
            if near and (p != q or itself):
                pairs.append((int(ids[p]), int(ids[q])))
    return pairs


@mistake("11.1", "pairs across texts", "a place sees into the next text: cut its window at both ends "
         "of its own.")  # fmt: skip
def across_texts(right, ids, offsets, widths):
    return seen(ids, offsets, widths, text_ends=False)


@mistake("11.1", "sees itself", "a place sees itself. Leave out the place, and not the word: the same "
         "word beside it counts.")  # fmt: skip
def sees_itself(right, ids, offsets, widths):
    return seen(ids, offsets, widths, itself=True)


@mistake("11.1", "equal words left out", "a word that stands beside itself is left out. Leave out the "
         "place, not the word.")  # fmt: skip
def equal_words(right, ids, offsets, widths):
    return [pair for pair in right.near_pairs(ids, offsets, widths) if pair[0] != pair[1]]


@mistake("11.1", "one side only", "only words before are seen: look to both sides.")
def one_side(right, ids, offsets, widths):
    return seen(ids, offsets, widths, one_side=True)


@mistake("11.1", "width of what is seen", "the width of the place that is seen decides: take that of "
         "the place that looks.")  # fmt: skip
def width_of_the_other(right, ids, offsets, widths):
    return seen(ids, offsets, widths, by_other=True)


@mistake(
    "11.1",
    "window one too short",
    "the last word of a window is missing: range leaves its end out.",
)
def too_short(right, ids, offsets, widths):
    n = len(ids)
    text = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return [
        (int(ids[p]), int(ids[q]))
        for p in range(n)
        for q in range(n)
        if p != q and text[p] == text[q] and -widths[p] <= q - p < widths[p]
    ]


@mistake(
    "11.1",
    "pairs turned round",
    "context and centre are exchanged: the word that looks goes first.",
)
def turned(right, ids, offsets, widths):
    return [pair[::-1] for pair in right.near_pairs(ids, offsets, widths)]


@mistake("11.2", "context among the draws", "a draw that is the context is counted as wrong. It is "
         "right and wrong at once: leave it out.")  # fmt: skip
def unskipped_loss(right, vectors, outputs, word, context, draws):
    v = vectors[word]
    return float(
        np.logaddexp(0, -(outputs[context] @ v)) + np.logaddexp(0, outputs[draws] @ v).sum()
    )


@mistake("11.2", "word left out of draws", "draws equal to the *word* are left out. It may well be "
         "drawn; what says nothing is the context.")  # fmt: skip
def word_left_out(right, vectors, outputs, word, context, draws):
    v, others = vectors[word], draws[draws != word]
    return float(
        np.logaddexp(0, -(outputs[context] @ v)) + np.logaddexp(0, outputs[others] @ v).sum()
    )


@mistake("11.2", "signs exchanged", "the signs are exchanged: a large product with the context is "
         "good, with a draw bad.")  # fmt: skip
def signs(right, vectors, outputs, word, context, draws):
    return right.pair_loss(vectors, -outputs, word, context, draws)


@mistake(
    "11.2", "tables exchanged", "the word's row comes from outputs and the context's from vectors."
)
def tables(right, vectors, outputs, word, context, draws):
    return right.pair_loss(outputs, vectors, word, context, draws)


@mistake("11.2", "mean over draws", "the draws' losses are averaged: the equation sums them.")
def mean_of_draws(right, vectors, outputs, word, context, draws):
    v, others = vectors[word], draws[draws != context]
    false = np.logaddexp(0, outputs[others] @ v)
    return float(np.logaddexp(0, -(outputs[context] @ v)) + false.sum() / max(len(others), 1))


def stepped(vectors, outputs, word, context, draws, rate, **broken):
    """One pair, with one rule broken."""
    new_vectors, new = vectors.copy(), outputs.copy()
    v, error = vectors[word].copy(), np.zeros(vectors.shape[1])
    for place, target in enumerate([context, *draws]):
        if place and target == context and not broken.get("unskipped"):
            continue
        row = outputs[target] if broken.get("not_at_once") else new[target]
        g = rate * ((place == 0) - 1 / (1 + np.exp(-(row @ v))))
        g = -g if broken.get("uphill") else g
        before = row.copy()
        new[target] = new[target] + g * v
        error = error + g * (new[target] if broken.get("moved_row") else before)
        if broken.get("word_at_once"):
            v = v + g * before
    new_vectors[word] = new_vectors[word] + error
    return new_vectors, new


@mistake("11.3", "context among the draws", "a draw that is the context is learned as wrong: leave it "
         "out, or the pair unlearns what it learns.")  # fmt: skip
def unskipped(right, *args):
    return stepped(*args, unskipped=True)


@mistake(
    "11.3",
    "old rows",
    "a draw that comes twice sees the row as it was: an output row moves at once.",
)
def not_at_once(right, *args):
    return stepped(*args, not_at_once=True)


@mistake("11.3", "word moves at once", "the word moves after each target: it moves at the end.")
def word_at_once(right, *args):
    return stepped(*args, word_at_once=True)


@mistake("11.3", "error from moved rows", "the word's error is taken from output rows that have moved: "
         "add to it before.")  # fmt: skip
def moved_rows(right, *args):
    return stepped(*args, moved_row=True)


@mistake(
    "11.3", "uphill", "the step goes up the loss: y less the sigmoid, not the other way round."
)
def uphill(right, *args):
    return stepped(*args, uphill=True)


@mistake(
    "11.3", "word not moved", "the word itself does not move: it takes a step as the outputs do."
)
def word_stays(right, vectors, outputs, word, context, draws, rate):
    return vectors.copy(), right.sgd_step(vectors, outputs, word, context, draws, rate)[1]


def around_stepped(vectors, outputs, centre, around, draws, rate, **broken):
    """One word and those around it, with one rule broken."""
    new_vectors, new = vectors.copy(), outputs.copy()
    h = vectors[around].sum(axis=0) if broken.get("sum") else vectors[around].mean(axis=0)
    error = np.zeros(len(h))
    for place, target in enumerate([centre, *draws]):
        if place and target == centre and not broken.get("unskipped"):
            continue
        g = rate * ((place == 0) - 1 / (1 + np.exp(-(new[target] @ h))))
        error += g * new[target]
        new[target] += g * h
    error = error if broken.get("undivided") else error / len(around)
    if broken.get("once"):
        new_vectors[around] += error
    else:
        np.add.at(new_vectors, around, error)
    return new_vectors, new


@mistake("11.4", "undivided gradient", "each word around moves by all of the error: of a mean, each has "
         "one part in as many as there are.")  # fmt: skip
def undivided(right, *args):
    return around_stepped(*args, undivided=True)


@mistake("11.4", "sum for mean", "h is the sum of the rows around: it is their mean.")
def summed(right, *args):
    return around_stepped(*args, sum=True)


@mistake("11.4", "moves once", "a word that stands around twice moves once: x[rows] += y takes the last "
         "of equal rows. np.add.at adds each.")  # fmt: skip
def moves_once(right, *args):
    return around_stepped(*args, once=True)


@mistake(
    "11.4", "centre among the draws", "a draw that is the centre is learned as wrong: leave it out."
)
def centre_unskipped(right, *args):
    return around_stepped(*args, unskipped=True)


@mistake(
    "11.5", "log k missing", "log k is not taken off: with k draws a product is that much lower."
)
def without_k(right, counts, k):
    return right.best_products(counts, 1)


@mistake("11.5", "k for its logarithm", "k itself is taken off: its logarithm is.")
def plain_k(right, counts, k):
    return right.best_products(counts, 1) - k


@mistake("11.5", "log k added", "log k is added: draws make products smaller.")
def added_k(right, counts, k):
    return right.best_products(counts, 1) + np.log(k)


@mistake("11.5", "zeros where nothing occurs", "where a pair never occurs you have 0: it wants minus "
         "infinity. Zeros there are the positive PMI.")  # fmt: skip
def zeros(right, counts, k):
    best = right.best_products(counts, k)
    return np.where(np.isneginf(best), 0, best)


@mistake("11.5", "rows for columns", "both margins are taken over the same axis: one is the sum of a "
         "row, the other that of a column.")  # fmt: skip
def margins(right, counts, k):
    rows = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(counts) - np.log(rows * rows.mean() / counts.sum()) - np.log(k)


@mistake(
    "11.5",
    "total missing",
    "the sum of all counts is missing: products of margins are not counts yet.",
)
def without_total(right, counts, k):
    with np.errstate(divide="ignore"):
        return right.best_products(counts, k) - np.log(counts.sum())
