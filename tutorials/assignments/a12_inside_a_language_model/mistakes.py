"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


def credited(log_odds, replaced, drop, rest=True, log=True):
    """An update with one rule broken."""
    delta = np.where(replaced, drop, -drop if rest else 0)
    return log_odds + (np.log((1 + delta) / (1 - delta)) if log else delta)


@mistake("12.1", "rest not held against", "tokens that stayed are left as they are: a drop is held "
         "against them, with the other sign.")  # fmt: skip
def rest_left(right, log_odds, replaced, before, after):
    return credited(log_odds, replaced, np.clip(before - after, -0.999, 0.999), rest=False)


@mistake("12.1", "kept for replaced", "what stayed is credited, and what was replaced is not: look "
         "which way round the mask is.")  # fmt: skip
@mistake("12.1", "kept for replaced", "a drop is after less before: what was replaced loses credit "
         "where it should get it.")  # fmt: skip
def turned(right, log_odds, replaced, before, after):
    return right.credit(log_odds, ~np.asarray(replaced, bool), before, after)


@mistake("12.1", "drop not cut", "a drop of 1 gives an infinity: cut it before the logarithm.")
def not_cut(right, log_odds, replaced, before, after):
    with np.errstate(all="ignore"):
        return credited(log_odds, replaced, before - after)


@mistake(
    "12.1", "delta added", "delta itself is added: the equation adds the logarithm of a quotient."
)
def delta_added(right, log_odds, replaced, before, after):
    return credited(log_odds, replaced, np.clip(before - after, -0.999, 0.999), log=False)


@mistake("12.1", "log-odds forgotten", "what was credited before is lost: the update adds to it.")
def forgotten(right, log_odds, replaced, before, after):
    return right.credit(np.zeros(len(log_odds)), replaced, before, after)


@mistake("12.1", "absolute drop", "a rise is treated as a drop: delta has a sign.")
def absolute(right, log_odds, replaced, before, after):
    return right.credit(log_odds, replaced, max(before, after), min(before, after))


def masked(theta, weight, x, y_grad, temperature, penalty, **broken):
    """A gradient with one factor broken."""
    mask = 1 / (1 + np.exp(-temperature * theta))
    above = (abs(x) if broken.get("absolute") else x).T @ y_grad
    above = above if broken.get("without_weight") else above * weight
    grad = above + penalty / (1 if broken.get("sum") else mask.size)
    slope = mask if broken.get("half_slope") else mask * (1 - mask)
    return (1 if broken.get("without_temperature") else temperature) * slope * grad


@mistake("12.2", "temperature missing", "the inner derivative is missing: sigma's argument is beta "
         "times theta.")  # fmt: skip
def without_temperature(right, *args):
    return masked(*args, without_temperature=True)


@mistake("12.2", "weight missing", "the mask's gradient is that of a weight: what a mask multiplies is "
         "the weight, and that is its factor.")  # fmt: skip
def without_weight(right, *args):
    return masked(*args, without_weight=True)


@mistake("12.2", "penalty of the sum", "the penalty is that of the sum of the masks: of their mean each "
         "has one part in as many as there are.")  # fmt: skip
def penalty_of_sum(right, *args):
    return masked(*args, sum=True)


@mistake("12.2", "penalty missing", "the penalty has a gradient, too, the same for every mask.")
def without_penalty(right, theta, weight, x, y_grad, temperature, penalty):
    return masked(theta, weight, x, y_grad, temperature, 0.0)


@mistake("12.2", "gradient of the mask", "this is the gradient for the mask: theta is behind a logistic "
         "function, whose slope is m (1 - m) times beta.")  # fmt: skip
def of_the_mask(right, theta, weight, x, y_grad, temperature, penalty):
    return weight * (x.T @ y_grad) + penalty / weight.size


@mistake("12.2", "slope of the logistic", "the slope of the logistic function is m (1 - m), not m.")
def half_slope(right, *args):
    return masked(*args, half_slope=True)


@mistake("12.2", "mask in the gradient", "the masked weight stands where the weight should: the "
         "derivative of W m for m is W.")  # fmt: skip
def masked_weight(right, theta, weight, x, y_grad, temperature, penalty):
    mask = 1 / (1 + np.exp(-temperature * theta))
    return masked(theta, weight * mask, x, y_grad, temperature, penalty)


def unit(x):
    """Rows of length one."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def angles(rows, others):
    """The mean over pairs, by sums."""
    return float(rows.mean(axis=0) @ others.mean(axis=0)) if len(rows) and len(others) else 0.0


@mistake("12.3", "lengths not divided out", "rows keep their lengths: a cosine is a product of rows of "
         "length one.")  # fmt: skip
def long_rows(right, hidden, prefix):
    return angles(hidden[prefix:], hidden[prefix:]), angles(hidden[prefix:], hidden[:prefix])


@mistake("12.3", "mean normalised", "the mean is made a row of length one: its length is what is "
         "measured.")  # fmt: skip
def unit_mean(right, hidden, prefix):
    rows = unit(hidden)
    middle = unit(rows[prefix:].mean(axis=0, keepdims=True))[0]
    inter = float(middle @ rows[:prefix].mean(axis=0)) if prefix else 0.0
    return float(middle @ middle), inter


@mistake(
    "12.3", "without the diagonal", "pairs of a row with itself are left out: here they count."
)
def no_diagonal(right, hidden, prefix):
    intra, inter = right.concentration(hidden, prefix)
    n = len(hidden) - prefix
    return ((n * intra - 1) / (n - 1) if n > 1 else 0.0), inter


@mistake("12.3", "sums for means", "pairs are summed: each is a mean over its pairs.")
def sums(right, hidden, prefix):
    intra, inter = right.concentration(hidden, prefix)
    n = len(hidden) - prefix
    return intra * n * n, inter * n * prefix


@mistake("12.3", "all rows", "the question is taken with its instructions: it begins at `prefix`.")
def all_rows(right, hidden, prefix):
    rows = unit(hidden)
    return angles(rows, rows), angles(rows, rows[:prefix])


@mistake("12.3", "prefix for question", "the angles are those within the instructions.")
def of_the_prefix(right, hidden, prefix):
    rows = unit(hidden)
    return angles(rows[:prefix], rows[:prefix]), angles(rows[prefix:], rows[:prefix])


@mistake(
    "12.3", "nan without a prefix", "without a prefix its mean is that of nothing: C_inter is 0."
)
def nan_prefix(right, hidden, prefix):
    intra, inter = right.concentration(hidden, prefix)
    return intra, inter if prefix else float("nan")


def bagged(bag, ids, values, unfilled=False):
    """Scores of a bag; an id of -1 is the last word where it is not looked at."""
    ids = np.asarray(ids)
    found = bag[ids] * values
    return (found if unfilled else np.where(ids >= 0, found, 0)).sum(axis=1)


@mistake("12.4", "id -1 is the last word", "an id of -1 finds the last word of the vocabulary: it stands "
         "for nothing.")  # fmt: skip
def last_word(right, logits, counts, ids, values):
    return bagged(logits[counts].max(axis=0), ids, values, unfilled=True)


@mistake("12.4", "padding counts", "tokens that do not count are looked at: leave them out of the "
         "largest.")  # fmt: skip
def padded(right, logits, counts, ids, values):
    return right.bag_scores(logits, np.ones(len(logits), bool), ids, values)


@mistake("12.4", "padding is zero", "tokens that do not count are set to 0, which is larger than what is "
         "below: leave them out.")  # fmt: skip
def zero_padding(right, logits, counts, ids, values):
    return right.bag_scores(logits * counts[:, None], np.ones(len(logits), bool), ids, values)


@mistake("12.4", "below zero cut", "entries below 0 are cut off: the bag has no ReLU.")
def relu(right, logits, counts, ids, values):
    return right.bag_scores(np.maximum(logits, 0), counts, ids, values)


@mistake("12.4", "sum over tokens", "the tokens' answers are added up: the largest one counts.")
def summed(right, logits, counts, ids, values):
    return bagged(logits[counts].sum(axis=0), ids, values)


@mistake("12.4", "mean over tokens", "the tokens' answers are averaged: the largest one counts.")
def averaged(right, logits, counts, ids, values):
    return bagged(logits[counts].mean(axis=0), ids, values)


@mistake("12.4", "values not used", "the documents' own values are not used: they weigh the bag.")
def unweighted(right, logits, counts, ids, values):
    return right.bag_scores(logits, counts, ids, np.ones(np.shape(values)))


@mistake("12.4", "best word", "a document's best word is its score: all of them are added up.")
def best_word(right, logits, counts, ids, values):
    bag = logits[counts].max(axis=0)
    return np.where(ids >= 0, bag[ids] * values, -np.inf).max(axis=1)


def walked(start, moves):
    """States, lengths and distances."""
    states = np.cumsum(np.concatenate([start[None], moves]), axis=0)
    length = np.linalg.norm(moves, axis=2).sum(axis=0)
    return states, length, np.linalg.norm(states[-1] - start, axis=1)


def quotient(a, b, none=1.0):
    """a / b, and something else where b is 0."""
    with np.errstate(all="ignore"):
        return np.where(b > 0, a / b, none)


@mistake("12.5", "who rests is 0", "a token that does not move gets 0: it goes straight, 1.")
def rests(right, start, moves):
    states, length, distance = walked(start, moves)
    return states, quotient(distance, length, 0.0)


@mistake("12.5", "0 / 0", "a token that does not move gets NaN: it goes straight, 1.")
def nan_rests(right, start, moves):
    states, length, distance = walked(start, moves)
    return states, quotient(distance, length, np.nan)


@mistake("12.5", "start missing", "the start is no state: it is the first one.")
def without_start(right, start, moves):
    states, straightness = right.walk(start, moves)
    return states[1:], straightness


@mistake(
    "12.5", "moves for states", "the states are the moves: each is the sum of what came before."
)
def moves_alone(right, start, moves):
    return np.concatenate([start[None], moves]), right.walk(start, moves)[1]


@mistake("12.5", "moves from zero", "the states begin at 0: they begin at the start.")
def from_zero(right, start, moves):
    return right.walk(0 * start, moves)


@mistake("12.5", "length of the end", "the distance is that of the end from 0: it is that from the "
         "start.")  # fmt: skip
def from_nothing(right, start, moves):
    states, length, _ = walked(start, moves)
    return states, quotient(np.linalg.norm(states[-1], axis=1), length)


@mistake("12.5", "turned round", "length over distance: a straight walk has 1, and no walk more.")
def upside_down(right, start, moves):
    states, length, distance = walked(start, moves)
    return states, quotient(length, distance)


@mistake("12.5", "squares", "squares of lengths are added up: the way is the sum of the lengths.")
def squares(right, start, moves):
    states, _, distance = walked(start, moves)
    return states, quotient(distance, np.sqrt((moves**2).sum(axis=(0, 2))))


@mistake(
    "12.5", "all tokens together", "the lengths of all tokens are added up: each goes its own way."
)
def together(right, start, moves):
    states, length, distance = walked(start, moves)
    return states, quotient(distance, length.sum())
