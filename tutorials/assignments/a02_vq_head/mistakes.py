"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


def all_squared(x, codebook):
    return ((x[:, None] - codebook) ** 2).sum(axis=2)  # (n, n_codes)


def chosen(squared, codes):
    return codes, squared[np.arange(len(codes)), codes]


@mistake("2.1", "largest product", "the code of the largest product is not the nearest: a long code "
         "would win by its length. The squared length of the code belongs to it.")  # fmt: skip
def largest_product(right, x, codebook):
    return chosen(all_squared(x, codebook), (x @ codebook.T).argmax(axis=1))


@mistake("2.1", "farthest code", "these are the codes of the *largest* distance: `argmin` finds the "
         "nearest.")  # fmt: skip
def farthest_code(right, x, codebook):
    squared = all_squared(x, codebook)
    return chosen(squared, squared.argmax(axis=1))


@mistake("2.1", "not squared", "the codes are right, the distances are not squared: leave the square "
         "root out.")  # fmt: skip
def not_squared(right, x, codebook):
    codes, distances = right.assign(x, codebook)
    return codes, np.sqrt(np.maximum(distances, 0))


@mistake("2.1", "wrong axis", "for each code you look for the nearest row. It is the other way round: "
         "one code for each row, so the minimum is over the codes, `axis=1`.")  # fmt: skip
def wrong_axis(right, x, codebook):
    return right.assign(codebook, x)


@mistake("2.1", "ties to the higher code", "of two equally near codes the higher one is taken. "
         "`argmin` takes the first; a loop must compare with `<`, not `<=`.")  # fmt: skip
def ties_to_the_higher_code(right, x, codebook):
    codes, distances = right.assign(x, codebook[::-1])
    return len(codebook) - 1 - codes, distances


@mistake("2.1", "mean over the width", "the squared differences are averaged over the width. A "
         "squared distance is their sum.")  # fmt: skip
def mean_over_the_width(right, x, codebook):
    codes, distances = right.assign(x, codebook)
    return codes, distances / x.shape[1]


@mistake("2.1", "absolute differences", "the absolute differences are added up. The squared "
         "Euclidean distance adds up their squares.")  # fmt: skip
def absolute_differences(right, x, codebook):
    gaps = np.abs(x[:, None] - codebook).sum(axis=2)
    return chosen(gaps, gaps.argmin(axis=1))


def sums(x, codes, codebook):
    return np.stack([x[codes == k].sum(axis=0) for k in range(len(codebook))])


@mistake("2.2", "sum for mean", "the rows of a code are added up. Divide by how many there are.")
def sum_for_mean(right, x, codes, codebook):
    total = sums(x, codes, codebook)
    return np.where(np.isin(np.arange(len(codebook)), codes)[:, None], total, codebook)


@mistake("2.2", "sum for mean", "the rows of a code are added up, and a code without rows becomes "
         "0. Divide by the number of rows, and leave the code as it was where that is 0.")  # fmt: skip
def sum_for_mean_and_zero(right, x, codes, codebook):
    return sums(x, codes, codebook)


@mistake("2.2", "empty code at zero", "a code without rows moves to the origin. It stays where it "
         "was: begin with a copy of the codebook.")  # fmt: skip
def empty_code_at_zero(right, x, codes, codebook):
    used = np.isin(np.arange(len(codebook)), codes)[:, None]
    return np.where(used, right.update(x, codes, codebook), 0)


@mistake("2.2", "mean of nothing", "a code without rows becomes NaN, the mean of nothing (0 / 0). It "
         "stays where it was.")  # fmt: skip
def mean_of_nothing(right, x, codes, codebook):
    used = np.isin(np.arange(len(codebook)), codes)[:, None]
    return np.where(used, right.update(x, codes, codebook), np.nan)


@mistake("2.2", "divided by all rows", "the sum over the rows of a code is divided by the number of "
         "all rows. Divide by the number of its own.")  # fmt: skip
def divided_by_all_rows(right, x, codes, codebook):
    used = np.isin(np.arange(len(codebook)), codes)[:, None]
    return np.where(used, sums(x, codes, codebook) / len(x), codebook)


@mistake("2.2", "divided by all rows", "the sum over the rows of a code is divided by the number of "
         "all rows, and a code without rows becomes 0. Divide by the number of its own rows.")  # fmt: skip
def divided_by_all_rows_and_zero(right, x, codes, codebook):
    return sums(x, codes, codebook) / len(x)


@mistake("2.2", "old code in the mean", "the old code counts as one of the rows. The mean is that of "
         "the rows alone.")  # fmt: skip
def old_code_in_the_mean(right, x, codes, codebook):
    n = np.bincount(codes, minlength=len(codebook))[:, None]
    return (sums(x, codes, codebook) + codebook) / (n + 1)


@mistake("2.2", "empty codes dropped", "codes without rows are missing from the result. Go through "
         "all codes, not through those that occur.")  # fmt: skip
def empty_codes_dropped(right, x, codes, codebook):
    return right.update(x, codes, codebook)[np.unique(codes)]


@mistake("2.3", "mean for sum", "the history holds the mean of the squared distances. The inertia is "
         "their sum.")  # fmt: skip
def mean_for_sum(right, x, codebook, n_iter):
    codebook, codes, history = right.fit(x, codebook, n_iter)
    return codebook, codes, history / len(x)


@mistake("2.3", "not squared", "the history adds up distances, not squared ones. `assign` returns "
         "squared distances already.")  # fmt: skip
def history_of_roots(right, x, codebook, n_iter):
    history = []
    for _ in range(n_iter):
        codes, distances = right.assign(x, codebook)
        history.append(np.sqrt(distances).sum())
        codebook = right.update(x, codes, codebook)
    codes, distances = right.assign(x, codebook)
    return codebook, codes, np.array([*history, np.sqrt(distances).sum()])


@mistake("2.3", "start left out", "the inertia of the start is missing: assign once before the first "
         "iteration, too.")  # fmt: skip
def start_left_out(right, x, codebook, n_iter):
    codebook, codes, history = right.fit(x, codebook, n_iter)
    return codebook, codes, history[1:]


@mistake("2.3", "old codes", "the codes and the last inertia belong to the codebook before the last "
         "update. Assign once more after the loop.")  # fmt: skip
def old_codes(right, x, codebook, n_iter):
    history, codes = [], np.zeros(len(x), dtype=int)
    for _ in range(n_iter):
        codes, distances = right.assign(x, codebook)
        history.append(distances.sum())
        codebook = right.update(x, codes, codebook)
    return codebook, codes, np.array(history)


@mistake("2.3", "old codes", "the returned codes belong to the codebook before the last update. "
         "Assign once more after it.")  # fmt: skip
def old_codes_only(right, x, codebook, n_iter):
    _, codes, _ = right.fit(x, codebook, max(n_iter - 1, 0))
    codebook, _, history = right.fit(x, codebook, n_iter)
    return codebook, codes, history


@mistake("2.3", "measured too early", "the inertia is measured with the new codebook and the old "
         "codes. Assign the rows again before you measure.")  # fmt: skip
def measured_too_early(right, x, codebook, n_iter):
    codes, distances = right.assign(x, codebook)
    history = [distances.sum()]
    for _ in range(n_iter):
        codebook = right.update(x, codes, codebook)
        history.append(((x - codebook[codes]) ** 2).sum())
        codes, _ = right.assign(x, codebook)
    return codebook, codes, np.array(history)


@mistake("2.3", "one iteration too many", "there is one iteration too many: the last step is to "
         "assign and to measure, without moving the codes again.")  # fmt: skip
def one_iteration_too_many(right, x, codebook, n_iter):
    return right.fit(x, codebook, n_iter + 1)


def logits_and_sizes(hidden, codebook, mapping):
    return hidden @ codebook.T, np.bincount(mapping, minlength=len(codebook))


def log_sum_exp(logits, sizes):
    used = logits[:, sizes > 0]
    largest = used.max(axis=1)
    return largest + np.log(np.exp(used - largest[:, None]) @ sizes[sizes > 0])


def mine(logits, mapping, token):
    return logits[np.arange(len(token)), mapping[token]]


@mistake("2.4", "sizes forgotten", "each code counts once in the normaliser. It stands for as many "
         "tokens as it has: multiply by the sizes.")  # fmt: skip
def sizes_forgotten(right, hidden, codebook, mapping, token):
    logits, sizes = logits_and_sizes(hidden, codebook, mapping)
    return mine(logits, mapping, token) - log_sum_exp(logits, np.ones_like(sizes))


@mistake("2.4", "unstable exponent", "the exponential overflows for large logits. Subtract the "
         "maximum of each row first, and add it again after the logarithm.")  # fmt: skip
def unstable_exponent(right, hidden, codebook, mapping, token):
    logits, sizes = logits_and_sizes(hidden, codebook, mapping)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return mine(logits, mapping, token) - np.log(np.exp(logits) @ sizes)


@mistake("2.4", "maximum not added again", "the maximum is subtracted before the exponential and "
         "not added again after the logarithm.")  # fmt: skip
def maximum_not_added_again(right, hidden, codebook, mapping, token):
    logits, sizes = logits_and_sizes(hidden, codebook, mapping)
    log_z = log_sum_exp(logits, sizes) - logits[:, sizes > 0].max(axis=1)
    return mine(logits, mapping, token) - log_z


@mistake("2.4", "maximum not added again", "the maximum over all codes is subtracted before the "
         "exponential and not added again after the logarithm.")  # fmt: skip
def maximum_of_all_not_added_again(right, hidden, codebook, mapping, token):
    logits, sizes = logits_and_sizes(hidden, codebook, mapping)
    with np.errstate(divide="ignore"):
        log_z = np.log(np.exp(logits - logits.max(axis=1, keepdims=True)) @ sizes)
    return mine(logits, mapping, token) - log_z


@mistake("2.4", "divided by the size again", "this is the log-probability divided by the size once "
         "more. The sizes are in the normaliser; the logit of a code is that of each token.")  # fmt: skip
def divided_by_the_size_again(right, hidden, codebook, mapping, token):
    _, sizes = logits_and_sizes(hidden, codebook, mapping)
    log_p = right.log_prob(hidden, codebook, mapping, token)
    return log_p - np.log(sizes[mapping[token]])


@mistake("2.4", "probability of the code", "this is the probability of the whole code. One of its "
         "tokens has only its share of it.")  # fmt: skip
def probability_of_the_code(right, hidden, codebook, mapping, token):
    _, sizes = logits_and_sizes(hidden, codebook, mapping)
    log_p = right.log_prob(hidden, codebook, mapping, token)
    return log_p + np.log(sizes[mapping[token]])


@mistake("2.4", "logarithm forgotten", "these are probabilities. Their logarithms are wanted, without "
         "an exponential at the end.")  # fmt: skip
def logarithm_forgotten(right, hidden, codebook, mapping, token):
    return np.exp(right.log_prob(hidden, codebook, mapping, token))


@mistake("2.4", "missing normaliser", "these are the logits. Subtract the logarithm of the sum over "
         "all tokens.")  # fmt: skip
def missing_normaliser(right, hidden, codebook, mapping, token):
    return mine(hidden @ codebook.T, mapping, token)


@mistake("2.4", "one normaliser for all", "one number normalises all rows. Each hidden state has a "
         "sum of its own: sum over the codes, `axis=1`.")  # fmt: skip
def one_normaliser_for_all(right, hidden, codebook, mapping, token):
    logits, sizes = logits_and_sizes(hidden, codebook, mapping)
    log_z = log_sum_exp(logits, sizes)
    total = log_z.max() + np.log(np.exp(log_z - log_z.max()).sum())
    return mine(logits, mapping, token) - total


@mistake("2.4", "empty code in the maximum", "a code without tokens decides the maximum, and every "
         "exponential becomes 0. Leave such codes out before you take it.")  # fmt: skip
def empty_code_in_the_maximum(right, hidden, codebook, mapping, token):
    logits, sizes = logits_and_sizes(hidden, codebook, mapping)
    largest = logits.max(axis=1)
    with np.errstate(divide="ignore"):
        log_z = largest + np.log(np.exp(logits - largest[:, None]) @ sizes)
    return mine(logits, mapping, token) - log_z


@mistake("2.5", "counts left out", "all tokens weigh the same. A frequent token counts as often as it "
         "occurs: weigh by `counts`.")  # fmt: skip
def counts_left_out(right, counts, mapping):
    return right.tie_floor(np.ones(len(mapping)), mapping)


@mistake("2.5", "exponential forgotten", "this is the mean logarithm, a cross entropy. The perplexity "
         "is its exponential.")  # fmt: skip
def exponential_forgotten(right, counts, mapping):
    return np.log(right.tie_floor(counts, mapping))


@mistake("2.5", "missing normaliser", "the logarithms are added up over the whole text. Divide by "
         "the number of its tokens, `counts.sum()`.")  # fmt: skip
def no_shares(right, counts, mapping):
    return np.exp(counts @ np.log(np.bincount(mapping)[mapping]))


@mistake("2.5", "mean of the sizes", "this is the mean size. The mean is over *logarithms* of sizes, "
         "and the exponential comes last.")  # fmt: skip
def mean_of_the_sizes(right, counts, mapping):
    return counts @ np.bincount(mapping)[mapping] / counts.sum()


@mistake("2.5", "counts for sizes", "the size of a code is taken as how often its tokens occur. It is "
         "the number of different tokens that share it.")  # fmt: skip
def counts_for_sizes(right, counts, mapping):
    mass = np.bincount(mapping, weights=counts)[mapping]
    return np.exp(counts @ np.log(np.maximum(mass, 1)) / counts.sum())


@mistake("2.5", "divided by the vocabulary", "the sum is divided by the size of the vocabulary. The "
         "shares are relative to the length of the text, `counts.sum()`.")  # fmt: skip
def divided_by_the_vocabulary(right, counts, mapping):
    return np.exp(counts @ np.log(np.bincount(mapping)[mapping]) / len(mapping))
