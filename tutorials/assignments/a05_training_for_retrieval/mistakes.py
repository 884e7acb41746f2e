"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from tokenlab.assignments import mistake


@mistake("5.1", "wrong axis", "for each token of the pool you choose query tokens. It is the other "
         "way round: each *query* token, a row, retrieves from the pool.")  # fmt: skip
def wrong_axis(right, similarity, k_train):
    return right.token_mask(similarity.T, k_train).T


@mistake("5.1", "ties retrieved", "all tokens that reach the last retrieved similarity are there, "
         "so that ties make more than `k_train`. Of equal ones the lower number goes first: rank "
         "the tokens, and take the first of them.")  # fmt: skip
def ties_retrieved(right, similarity, k_train):
    at = max(similarity.shape[1] - k_train, 0)
    return similarity >= np.sort(similarity, axis=1)[:, at : at + 1]


@mistake("5.1", "ties retrieved", "all tokens that reach the last retrieved similarity are there, "
         "so that ties make more than `k_train`; and `k_train` may exceed the pool.")  # fmt: skip
def ties_retrieved_index_error(right, similarity, k_train):
    return similarity >= -np.sort(-similarity, axis=1)[:, [k_train - 1]]


@mistake("5.1", "last one missing", "only tokens *above* the last retrieved similarity are there, "
         "and that one is missing.")  # fmt: skip
def last_one_missing(right, similarity, k_train):
    at = max(similarity.shape[1] - k_train, 0)
    return similarity > np.sort(similarity, axis=1)[:, at : at + 1]


@mistake("5.1", "ties to the higher token", "of equal similarities the higher number is retrieved. "
         'Sort the negated similarities with `kind="stable"`.')  # fmt: skip
def ties_to_the_higher_token(right, similarity, k_train):
    return right.token_mask(similarity[:, ::-1], k_train)[:, ::-1]


@mistake("5.1", "ties in any order", "among equal similarities any may come first: neither NumPy's "
         'usual sort nor `argpartition` keeps their order. Sort all with `kind="stable"`.')  # fmt: skip
def ties_in_any_order(right, similarity, k_train):
    mask = np.zeros(similarity.shape, dtype=bool)
    np.put_along_axis(mask, np.argsort(-similarity, axis=1)[:, :k_train], True, axis=1)
    return mask


@mistake("5.1", "ties in any order", "among equal similarities any may be retrieved: "
         '`argpartition` does not keep their order. Sort all with `kind="stable"`.')  # fmt: skip
def partitioned(right, similarity, k_train):
    k, mask = min(k_train, similarity.shape[1]), np.zeros(similarity.shape, dtype=bool)
    np.put_along_axis(mask, np.argpartition(-similarity, k - 1, axis=1)[:, :k], True, axis=1)
    return mask


@mistake("5.1", "worst retrieved", "these are the least similar tokens: `argsort` sorts upwards. "
         "Sort the negated similarities.")  # fmt: skip
def worst_retrieved(right, similarity, k_train):
    return right.token_mask(-similarity, k_train)


@mistake("5.1", "one too few", "one token is missing: `[:k_train]` are that many already.")
def one_too_few(right, similarity, k_train):
    return right.token_mask(similarity, k_train - 1)


@mistake("5.1", "one too many", "one token is too many: `[:k_train]` are that many already.")
def one_too_many(right, similarity, k_train):
    return right.token_mask(similarity, k_train + 1)


@mistake("5.1", "all query tokens together", "the best pairs of the whole table are taken. Each "
         "query token, a row, retrieves `k_train` tokens of its own.")  # fmt: skip
def all_together(right, similarity, k_train):
    flat = right.token_mask(similarity.reshape(1, -1), k_train)
    return flat.reshape(similarity.shape)


@mistake("5.1", "all query tokens together", "what any query token retrieved is marked in every "
         "row. Each row has a mask of its own: `np.put_along_axis`, or a loop.")  # fmt: skip
def columns_marked(right, similarity, k_train):
    return np.tile(right.token_mask(similarity, k_train).any(axis=0), (len(similarity), 1))


@mistake("5.1", "numbers for a mask", "these are token numbers. A mask has the shape of the "
         "similarities, True at these places.")  # fmt: skip
def numbers_for_a_mask(right, similarity, k_train):
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k_train]


def scored(similarity, mask, offsets, divide=None, value=None):
    """Scores and z with another divisor (of z, own mask, own maxima) or other maxima."""
    scores, counts = [], []
    for start, stop in pairwise(offsets):
        p, a = similarity[:, start:stop], mask[:, start:stop]
        hit = a.any(axis=1)
        best = (value(p, a) if value else (p * a).max(axis=1)) if stop > start else 0 * hit
        z = hit.sum()
        total = best.sum()
        scores.append(total / max(z, 1) if divide is None else divide(total, z, a, best))
        counts.append(z)
    return np.array(scores, dtype=float), np.array(counts)


@mistake("5.2", "divided by all query tokens", "the sum is divided by the number of all query "
         "tokens. Z counts only those that retrieved anything from the document.")  # fmt: skip
def divided_by_all(right, similarity, mask, offsets):
    return scored(similarity, mask, offsets, lambda total, z, a, best: total / len(a))


@mistake("5.2", "missing normaliser", "the maxima are added up. Divide by Z.")
def missing_normaliser(right, similarity, mask, offsets):
    return scored(similarity, mask, offsets, lambda total, z, a, best: total)


@mistake("5.2", "tokens counted", "your Z counts the retrieved tokens. It counts the *query "
         "tokens* that retrieved anything: `any` over the document, then the sum.")  # fmt: skip
def tokens_counted(right, similarity, mask, offsets):
    z = [mask[:, a:b].sum() for a, b in pairwise(offsets)]
    sums, _ = scored(similarity, mask, offsets, lambda total, z, a, best: total)
    return sums / np.maximum(z, 1), np.array(z)


@mistake("5.2", "document tokens counted", "your Z counts the document's tokens that were "
         "retrieved. It counts the *query tokens* that retrieved any of them: `any` over the "
         "document's tokens.")  # fmt: skip
def document_tokens_counted(right, similarity, mask, offsets):
    z = [mask[:, a:b].any(axis=0).sum() for a, b in pairwise(offsets)]
    sums, _ = scored(similarity, mask, offsets, lambda total, z, a, best: total)
    return sums / np.maximum(z, 1), np.array(z)


@mistake("5.2", "positive values counted", "your Z counts the maxima above 0. It counts by the "
         "mask: a query token that retrieved something of negative similarity counts, too.")  # fmt: skip
def positive_values_counted(right, similarity, mask, offsets):
    kept = similarity * mask
    z = [(kept[:, a:b].max(axis=1, initial=0) > 0).sum() for a, b in pairwise(offsets)]
    sums, _ = scored(similarity, mask, offsets, lambda total, z, a, best: total)
    return sums / np.maximum(z, 1), np.array(z)


@mistake("5.2", "0 divided by 0", "a document of which nothing was retrieved has Z = 0, and 0 / 0 "
         "is NaN. Its score is 0.")  # fmt: skip
def zero_by_zero(right, similarity, mask, offsets):
    scores, z = right.train_scores(similarity, mask, offsets)
    return np.where(z == 0, np.nan, scores), z


@mistake("5.2", "mask ignored", "the maxima run over all tokens, retrieved or not. Multiply by the "
         "mask first.")  # fmt: skip
def mask_ignored(right, similarity, mask, offsets):
    return scored(similarity, mask, offsets, None, lambda p, a: p.max(axis=1))


@mistake("5.2", "maximum of the retrieved", "the maximum runs over the retrieved tokens alone. In "
         "the formula the others take part with 0, and beat a negative similarity.")  # fmt: skip
def maximum_of_the_retrieved(right, similarity, mask, offsets):
    def value(p, a):
        best = np.where(a, p, -np.inf).max(axis=1)
        return np.where(np.isinf(best), 0, best)

    return scored(similarity, mask, offsets, None, value)


@mistake("5.2", "wrong axis", "the maximum runs over the query tokens. Each *query* token looks "
         "for its best token of the document: `axis=1`.")  # fmt: skip
def maximum_over_the_query(right, similarity, mask, offsets):
    return scored(similarity, mask, offsets, None, lambda p, a: (p * a).max(axis=0))


@mistake("5.2", "sum for maximum", "all retrieved similarities of a document are added up. Each "
         "query token counts its best one alone.")  # fmt: skip
def sum_for_maximum(right, similarity, mask, offsets):
    return scored(similarity, mask, offsets, None, lambda p, a: (p * a).sum(axis=1))


def entropy(scores, positive, temperature):
    logits = scores / temperature
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum())
    return log_p, np.exp(log_p), np.arange(len(scores)) == positive


@mistake("5.3", "unstable exponent", "the exponential of a large score overflows. Subtract the "
         "largest score first, which changes nothing else.")  # fmt: skip
def unstable_exponent(right, scores, positive, temperature):
    with np.errstate(all="ignore"):
        p = np.exp(scores / temperature) / np.exp(scores / temperature).sum()
        one = np.arange(len(scores)) == positive
        return -np.log(p[positive]), (p - one) / temperature


@mistake("5.3", "logarithm of zero", "the probability of the right document is rounded to 0, and "
         "its logarithm is infinite. Do not take the logarithm of the softmax: subtract log sum "
         "exp from the score.")  # fmt: skip
def logarithm_of_zero(right, scores, positive, temperature):
    _, p, _ = entropy(scores, positive, temperature)
    with np.errstate(all="ignore"):
        return -np.log(p[positive]), right.cross_entropy(scores, positive, temperature)[1]


@mistake("5.3", "temperature forgotten", "the temperature has no influence: divide the scores by "
         "it, and the derivative.")  # fmt: skip
def temperature_forgotten(right, scores, positive, temperature):
    return right.cross_entropy(scores, positive, 1.0)


@mistake("5.3", "chain rule forgotten", "the loss is right, but its derivative lacks a factor: the "
         "scores were divided by the temperature, and the chain rule divides by it again.")  # fmt: skip
def chain_rule_forgotten(right, scores, positive, temperature):
    loss, slope = right.cross_entropy(scores, positive, temperature)
    return loss, slope * temperature


@mistake("5.3", "temperature multiplied", "the scores are multiplied by the temperature. Divide "
         "them: a high temperature makes all documents alike.")  # fmt: skip
def temperature_multiplied(right, scores, positive, temperature):
    return right.cross_entropy(scores, positive, 1 / temperature)


@mistake("5.3", "temperature multiplied", "the scores are multiplied by the temperature. Divide "
         "them: a high temperature makes all documents alike.")  # fmt: skip
def temperature_multiplied_once(right, scores, positive, temperature):
    loss, slope = right.cross_entropy(scores, positive, 1 / temperature)
    return loss, slope / temperature**2


@mistake("5.3", "wrong sign", "the sign of the loss is wrong: it is *minus* the logarithm, and "
         "never below 0.")  # fmt: skip
def sign_of_the_loss(right, scores, positive, temperature):
    loss, slope = right.cross_entropy(scores, positive, temperature)
    return -loss, slope


@mistake("5.3", "wrong sign", "the sign of the derivative is wrong: the loss falls when the score "
         "of the right document rises.")  # fmt: skip
def sign_of_the_slope(right, scores, positive, temperature):
    loss, slope = right.cross_entropy(scores, positive, temperature)
    return loss, -slope


@mistake("5.3", "wrong sign", "both signs are wrong: the loss is *minus* the logarithm.")
def both_signs(right, scores, positive, temperature):
    loss, slope = right.cross_entropy(scores, positive, temperature)
    return -loss, -slope


@mistake("5.3", "one not subtracted", "the derivative is the bare softmax. Subtract 1 at the right "
         "document.")  # fmt: skip
def one_not_subtracted(right, scores, positive, temperature):
    _, p, _ = entropy(scores, positive, temperature)
    return right.cross_entropy(scores, positive, temperature)[0], p / temperature


@mistake("5.3", "others forgotten", "only the right document has a derivative. All others have "
         "one, too: their probability.")  # fmt: skip
def others_forgotten(right, scores, positive, temperature):
    loss, slope = right.cross_entropy(scores, positive, temperature)
    return loss, np.where(np.arange(len(scores)) == positive, slope, 0)


@mistake("5.3", "mean over the documents", "loss and derivative are divided by the number of "
         "documents. There is one right document, so nothing is averaged.")  # fmt: skip
def mean_over_the_documents(right, scores, positive, temperature):
    loss, slope = right.cross_entropy(scores, positive, temperature)
    return loss / len(scores), slope / len(scores)


@mistake("5.3", "logarithm forgotten", "the loss is a probability. It is minus its logarithm.")
def logarithm_forgotten(right, scores, positive, temperature):
    _, p, _ = entropy(scores, positive, temperature)
    return p[positive], right.cross_entropy(scores, positive, temperature)[1]


@mistake("5.3", "logarithm forgotten", "the loss is 1 less the probability. It is minus the "
         "logarithm of the probability.")  # fmt: skip
def one_less_the_probability(right, scores, positive, temperature):
    _, p, _ = entropy(scores, positive, temperature)
    return 1 - p[positive], right.cross_entropy(scores, positive, temperature)[1]


def plain(g, state):
    """The right way back."""
    return state.loss, g @ state.tokens, g.T @ state.query


def gradients(
    right, query, tokens, offsets, k_train, positive, temperature, entry=None, back=plain
):
    """The right gradients, with another entry of `g` for a document, or another way back."""
    similarity = query @ tokens.T
    mask = right.token_mask(similarity, k_train)
    scores, z = right.train_scores(similarity, mask, offsets)
    loss, slope = right.cross_entropy(scores, positive, temperature)
    g, rows = np.zeros(similarity.shape), np.arange(len(query))
    state = SimpleNamespace(
        query=query, tokens=tokens, similarity=similarity, mask=mask, z=z, slope=slope, loss=loss,
        positive=positive, temperature=temperature,
    )  # fmt: skip
    for b in range(len(offsets) - 1):
        if offsets[b] == offsets[b + 1]:
            continue
        own = slice(offsets[b], offsets[b + 1])
        if entry:
            g[:, own] += entry(state, b, own)
        elif z[b]:
            winner = offsets[b] + (similarity * mask)[:, own].argmax(axis=1)
            g[rows, winner] = mask[rows, winner] * slope[b] / z[b]
    return back(g, state)


def marked(values, own, shape):
    """One-hot rows at the largest value of each row within a document."""
    one = np.zeros((shape[0], own.stop - own.start))
    one[np.arange(shape[0]), values[:, own].argmax(axis=1)] = 1
    return one


def winners(state, own):
    shape = state.similarity.shape
    return marked(state.similarity * state.mask, own, shape) * state.mask[:, own]


@mistake("5.4", "missing Z", "the derivative of a score for its winners is 1 / Z, and Z is "
         "missing.")  # fmt: skip
def missing_z(right, *args):
    return gradients(right, *args, entry=lambda s, b, own: winners(s, own) * s.slope[b])


@mistake("5.4", "missing Z", "the derivative of a score for its winners is 1 / Z. You divide by "
         "the number of all query tokens.")  # fmt: skip
def all_for_z(right, *args):
    return gradients(
        right, *args, entry=lambda s, b, own: winners(s, own) * s.slope[b] / len(s.query)
    )


@mistake("5.4", "every retrieved token", "every retrieved token moves. Only the winner does, the "
         "best of its document for a query token: a maximum has no other derivative.")  # fmt: skip
def every_retrieved_token(right, *args):
    return gradients(
        right, *args, entry=lambda s, b, own: s.mask[:, own] * s.slope[b] / max(s.z[b], 1)
    )


@mistake("5.4", "mask ignored", "tokens that nobody retrieved move: the winner is searched among "
         "all of them. Only a retrieved token can move.")  # fmt: skip
def mask_ignored_in_the_gradient(right, *args):
    def entry(s, b, own):
        return marked(s.similarity, own, s.similarity.shape) * s.slope[b] / max(s.z[b], 1)

    return gradients(right, *args, entry=entry)


@mistake("5.4", "mask ignored", "a token that was not retrieved moves where its 0 is the maximum. "
         "Multiply by its mask: a constant has no derivative.")  # fmt: skip
def unretrieved_winner_moves(right, *args):
    def entry(s, b, own):
        kept = s.similarity * s.mask
        return marked(kept, own, kept.shape) * s.slope[b] / max(s.z[b], 1)

    return gradients(right, *args, entry=entry)


@mistake("5.4", "others forgotten", "only the tokens of the right document move. Those of the "
         "others are pushed away.")  # fmt: skip
def only_the_right_document(right, *args):
    def entry(s, b, own):
        return winners(s, own) * s.slope[b] / max(s.z[b], 1) * (b == s.positive)

    return gradients(right, *args, entry=entry)


@mistake("5.4", "wrong sign", "every gradient has the wrong sign: it says how the loss *grows*.")
def sign_of_the_gradients(right, *args):
    loss, query_grad, token_grad = right.token_gradients(*args)
    return loss, -query_grad, -token_grad


@mistake("5.4", "temperature twice", "the gradients are divided by the temperature twice: the "
         "slope has it already.")  # fmt: skip
def temperature_twice(right, *args):
    loss, query_grad, token_grad = right.token_gradients(*args)
    return loss, query_grad / args[-1], token_grad / args[-1]


@mistake("5.4", "start of the document forgotten", "the winner is a position within its document. "
         "Add `offsets[b]` to get the number of the token in the pool.")  # fmt: skip
def start_forgotten(right, query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = right.token_mask(similarity, k_train)
    scores, z = right.train_scores(similarity, mask, offsets)
    loss, slope = right.cross_entropy(scores, positive, temperature)
    g = np.zeros(similarity.shape)
    for b in np.flatnonzero(z):
        own = slice(offsets[b], offsets[b + 1])
        for i in range(len(g)):
            j = (similarity * mask)[i, own].argmax()
            if mask[i, own][j]:
                g[i, j] = slope[b] / z[b]
    return loss, g @ tokens, g.T @ query


def differences(x, ends):
    """A number for each place of x."""
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        gradient[at] = ends(at)
    return gradient


def moved(x, at, by):
    """A copy with one number moved."""
    x = x.astype(float)
    x[at] += by
    return x


@mistake("5.5", "one-sided", "the difference is one-sided: from x to x + epsilon. Move in both "
         "directions, which is right to one order more.")  # fmt: skip
def one_sided(right, loss, x, epsilon):
    return differences(x, lambda at: (loss(moved(x, at, epsilon)) - loss(x)) / epsilon)


@mistake("5.5", "one-sided", "the difference is one-sided: from x - epsilon to x. Move in both "
         "directions, which is right to one order more.")  # fmt: skip
def one_sided_down(right, loss, x, epsilon):
    return differences(x, lambda at: (loss(x) - loss(moved(x, at, -epsilon))) / epsilon)


@mistake("5.5", "divided by epsilon", "the ends are 2 epsilon apart: divide by that.")
def divided_by_epsilon(right, loss, x, epsilon):
    return right.central_differences(loss, x, epsilon) * 2


@mistake("5.5", "not divided", "the difference of the losses is not divided by 2 epsilon.")
def not_divided(right, loss, x, epsilon):
    return right.central_differences(loss, x, epsilon) * 2 * epsilon


@mistake("5.5", "wrong factor", "the difference is multiplied by epsilon: `/ 2 * epsilon` divides "
         "by 2 alone. Write `/ (2 * epsilon)`.")  # fmt: skip
def wrong_factor(right, loss, x, epsilon):
    return right.central_differences(loss, x, epsilon) * epsilon**2


@mistake("5.5", "wrong sign", "the lower end comes first. It is the upper loss less the lower one.")
def sign_of_the_difference(right, loss, x, epsilon):
    return -right.central_differences(loss, x, epsilon)


@mistake("5.5", "all at once", "all numbers move at once. A derivative needs one of them to move, "
         "and the others to stay.")  # fmt: skip
def all_at_once(right, loss, x, epsilon):
    up, down = x.astype(float) + epsilon, x.astype(float) - epsilon
    return np.full(x.shape, (loss(up) - loss(down)) / (2 * epsilon))


@mistake("5.5", "whole numbers", "x holds integers, and so does its copy: epsilon is cut off, and "
         "nothing moves. Make it floats first, `x.astype(float)`.")  # fmt: skip
def whole_numbers(right, loss, x, epsilon):
    def end(at, by):
        y = x.copy()
        y[at] = y[at] + by
        return loss(y)

    return differences(x, lambda at: (end(at, epsilon) - end(at, -epsilon)) / (2 * epsilon))


@mistake("5.5", "whole numbers", "x holds integers, and NumPy refuses to add epsilon to them. Make "
         "it floats first, `x.astype(float)`.")  # fmt: skip
def whole_numbers_refused(right, loss, x, epsilon):
    def end(at, by):
        y = x.copy()
        y += by * (np.arange(x.size).reshape(x.shape) == np.ravel_multi_index(at, x.shape))
        return loss(y)

    return differences(x, lambda at: (end(at, epsilon) - end(at, -epsilon)) / (2 * epsilon))


def without_return(loss, x, epsilon, left):
    """Each number stays where its last move has put it, `left` epsilons from where it was."""
    y, gradient = x.copy(), np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        start = y[at]
        y[at] = start + epsilon
        up = loss(y)
        y[at] = start - epsilon
        gradient[at] = (up - loss(y)) / (2 * epsilon)
        y[at] = start + left * epsilon
    return gradient


@mistake("5.5", "not moved back", "a number that was moved stays moved while the next ones are "
         "tried. Put it back, or start from a fresh copy each time.")  # fmt: skip
def not_moved_back(right, loss, x, epsilon):
    return without_return(loss, x, epsilon, -1)


@mistake("5.5", "not moved back", "a number that was moved stays moved while the next ones are "
         "tried. Put it back, or start from a fresh copy each time.")  # fmt: skip
def not_moved_back_from_floats(right, loss, x, epsilon):
    return without_return(loss, x.astype(float), epsilon, -1)


@mistake("5.5", "not moved back", "you move up by epsilon and down by epsilon, which is back at "
         "the start: the lower end is x - epsilon, so move down by 2 epsilon.")  # fmt: skip
def back_at_the_start(right, loss, x, epsilon):
    return differences(x, lambda at: (loss(moved(x, at, epsilon)) - loss(x)) / (2 * epsilon))
