"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


def searched(p, order, allowed, weigh):
    """The first allowed token, and what `weigh(p(x), R, y allowed or None)` makes of it."""
    for at, token in enumerate(order):
        if allowed[token]:
            rejected = p[order[:at]].sum()
            after = bool(allowed[order[at + 1]]) if at + 1 < len(order) else None
            return int(token), float(weigh(p[token], rejected, after))
    return -1, 0.0


@mistake("8.1", "weight p/(1 - R)", "the weight is the chance with which the token was found, p over "
         "1 - R. That says nothing of the allowed mass: ask about one token more.")  # fmt: skip
def chance_for_weight(right, p, order, allowed):
    return searched(p, order, allowed, lambda x, r, after: x / (1 - r))


@mistake("8.1", "no further token asked", "the weight is always 1 - R. Where the token after the "
         "accepted one is not allowed, it is p(x).")  # fmt: skip
def always_the_rest(right, p, order, allowed):
    return searched(p, order, allowed, lambda x, r, after: 1 - r)


@mistake("8.1", "always p(x)", "the weight is always p(x). Where the token after the accepted one is "
         "allowed, or there is none, it is the mass that is left.")  # fmt: skip
def always_p(right, p, order, allowed):
    return searched(p, order, allowed, lambda x, r, after: x)


@mistake("8.1", "cases exchanged", "the two cases are exchanged: the mass that is left belongs to a "
         "further token that is allowed.")  # fmt: skip
def exchanged(right, p, order, allowed):
    return searched(p, order, allowed, lambda x, r, after: 1 - r if after is False else x)


@mistake("8.1", "end of the order", "where the order ends with the accepted token nothing is left to "
         "ask about: the weight is the mass that is left, not p(x).")  # fmt: skip
def no_further_is_refused(right, p, order, allowed):
    return searched(p, order, allowed, lambda x, r, after: 1 - r if after else x)


@mistake("8.1", "weight one", "the weight is 1: the token is right, but nothing says how much of the "
         "model's mass is allowed.")  # fmt: skip
def weight_one(right, p, order, allowed):
    return searched(p, order, allowed, lambda x, r, after: 1.0)


@mistake("8.2", "p after a rejection", "where a draft is refused you draw from p. What was accepted of "
         "a token has to be left out: draw from what p has more than q.")  # fmt: skip
def p_after_a_rejection(right, p, q, token):
    return right.judge(p, q, token)[0], p.copy()


@mistake("8.2", "other difference", "you draw from what q has more than p. The model lacks what *p* "
         "has more.")  # fmt: skip
def other_difference(right, p, q, token):
    more = np.maximum(q - p, 0)
    instead = more / more.sum() if more.sum() > 0 else p.copy()
    return right.judge(p, q, token)[0], instead


@mistake("8.2", "absolute difference", "you draw from the absolute difference. Only where p is above "
         "q something is missing.")  # fmt: skip
def absolute_difference(right, p, q, token):
    more = abs(p - q)
    instead = more / more.sum() if more.sum() > 0 else p.copy()
    return right.judge(p, q, token)[0], instead


@mistake("8.2", "not normalised", "the differences do not sum to one: divide by their sum.")
def not_normalised(right, p, q, token):
    more = np.maximum(p - q, 0)
    return right.judge(p, q, token)[0], more if more.sum() > 0 else p.copy()


@mistake("8.2", "0 divided by 0", "where p and q are equal nothing is left over, and 0 / 0 is NaN. "
         "Return p there.")  # fmt: skip
def zero_by_zero(right, p, q, token):
    stays, instead = right.judge(p, q, token)
    return stays, instead if (p > q).any() else np.full(len(p), np.nan)


@mistake("8.2", "ratio upside down", "the draft stays with q over p. It should stay more often where "
         "the *model* likes it more.")  # fmt: skip
def upside_down(right, p, q, token):
    ratio = q[token] / p[token] if p[token] > 0 else np.inf
    return float(min(1.0, ratio)), right.judge(p, q, token)[1]


def path_of(parents, guesses, best, right, choose):
    """The path to a node, and one token more."""
    depth = np.zeros(len(best), dtype=int)
    for i, parent in enumerate(parents):
        depth[i + 1] = depth[parent] + 1
    node = choose(right, depth)
    path, last = [], int(best[node])
    while node > 0:
        path.insert(0, int(guesses[node - 1]))
        node = int(parents[node - 1])
    return path, last


def rights(parents, guesses, best):
    right = np.zeros(len(best), dtype=bool)
    right[0] = True
    for i, parent in enumerate(parents):
        right[i + 1] = right[parent] and guesses[i] == best[parent]
    return right


def deepest(right, depth):
    return int(np.where(right, depth, -1).argmax())


@mistake("8.3", "children under rejected parents", "a guess counts as right although its parent is "
         "not. What the model writes after a wrong token says nothing about the text.")  # fmt: skip
def rejected_parents(right, parents, guesses, best):
    matches = np.array([True, *(guesses == best[parents])]) if len(parents) else np.array([True])
    path, last = path_of(parents, guesses, best, matches, deepest)
    return [*path, last]


@mistake("8.3", "own token missing", "the path ends with the last right guess. What the model would "
         "write behind it comes for nothing: add it.")  # fmt: skip
def own_token_missing(right, parents, guesses, best):
    return right.accepted_tokens(parents, guesses, best)[:-1]


@mistake("8.3", "last of equal depth", "of several right nodes of the same depth you take the last. "
         "Take the first.")  # fmt: skip
def last_of_equal_depth(right, parents, guesses, best):
    def last_deepest(right_, depth):
        found = np.where(right_, depth, -1)
        return int(len(found) - 1 - found[::-1].argmax())

    path, last = path_of(parents, guesses, best, rights(parents, guesses, best), last_deepest)
    return [*path, last]


@mistake("8.3", "first level alone", "only the children of the root are looked at: go on from each "
         "right node to its children.")  # fmt: skip
def first_level(right, parents, guesses, best):
    for i, parent in enumerate(parents):
        if parent == 0 and guesses[i] == best[0]:
            return [int(guesses[i]), int(best[i + 1])]
    return [int(best[0])]


@mistake(
    "8.3", "path upside down", "the path runs from the deepest node to the root: turn it round."
)
def path_upside_down(right, parents, guesses, best):
    found = right.accepted_tokens(parents, guesses, best)
    return [*found[:-1][::-1], found[-1]]


@mistake("8.4", "unmasked encodings", "nothing is masked: tokens that the tokenizer would never put "
         "there keep their mass.")  # fmt: skip
def unmasked(right, p, before, tokens, encode):
    return p / p.sum()


@mistake(
    "8.4", "not renormalised", "invalid tokens are masked, but what is left does not sum to one."
)
def not_renormalised(right, p, before, tokens, encode):
    return np.where(right.masked_to_valid(p, before, tokens, encode) > 0, p, 0.0)


@mistake("8.4", "token by itself", "you ask whether the token alone is an encoding. What stands "
         "before may merge with it: encode the bytes of all of them.")  # fmt: skip
def token_by_itself(right, p, before, tokens, encode):
    return right.masked_to_valid(p, [], tokens, encode)


@mistake("8.4", "last token compared", "only the last token of the new encoding is compared. The ones "
         "before it must stay what they were, too.")  # fmt: skip
def last_token_compared(right, p, before, tokens, encode):
    text = b"".join(tokens[i] for i in before)
    valid = np.array([list(encode(text + t))[-1:] == [i] for i, t in enumerate(tokens)])
    return np.where(valid, p, 0.0) / p[valid].sum()


@mistake("8.4", "length compared", "only the number of tokens is compared: another encoding may have "
         "as many.")  # fmt: skip
def length_compared(right, p, before, tokens, encode):
    text = b"".join(tokens[i] for i in before)
    valid = np.array([len(encode(text + t)) == len(before) + 1 for t in tokens])
    return np.where(valid, p, 0.0) / p[valid].sum()


def counted(ids, dropped, vocab, gap, share):
    """A target with another gap or another share."""
    target = np.zeros((int((~dropped).sum()) + 1, vocab))
    for i in np.flatnonzero(dropped):
        target[gap(i), ids[i]] += share
    return target


@mistake("8.5", "slots off by one", "the gaps are off by one: gap s stands *before* visible token s, "
         "so that a token with s visible ones before it belongs there.")  # fmt: skip
def off_by_one(right, ids, dropped, vocab):
    n = max(int(dropped.sum()), 1)
    last = int((~dropped).sum())
    gap = lambda i: min(int((~dropped[:i]).sum()) + 1, last)
    return counted(ids, dropped, vocab, gap, 1 / n)


@mistake("8.5", "slots off by one", "the gaps are off by one, to the left: a token behind s visible "
         "ones stands in gap s.")  # fmt: skip
def off_to_the_left(right, ids, dropped, vocab):
    n = max(int(dropped.sum()), 1)
    gap = lambda i: max(int((~dropped[:i]).sum()) - 1, 0)
    return counted(ids, dropped, vocab, gap, 1 / n)


@mistake("8.5", "counts for shares", "these are counts: divide by the number of dropped tokens.")
def counts(right, ids, dropped, vocab):
    return counted(ids, dropped, vocab, lambda i: int((~dropped[:i]).sum()), 1.0)


@mistake("8.5", "each gap sums to one", "each gap sums to one by itself. All of them together do.")
def by_gap(right, ids, dropped, vocab):
    target = right.insertion_target(ids, dropped, vocab)
    sums = target.sum(axis=1, keepdims=True)
    return np.where(sums > 0, target / np.where(sums > 0, sums, 1), 0.0)


@mistake("8.5", "repeated token counted once", "a token that fell into a gap twice counts once: add "
         "up its shares.")  # fmt: skip
def counted_once(right, ids, dropped, vocab):
    n = max(int(dropped.sum()), 1)
    return (right.insertion_target(ids, dropped, vocab) > 0) / n


@mistake("8.5", "0 divided by 0", "where nothing was dropped there is nothing to share, and 0 / 0 is "
         "NaN. The target is all zeros.")  # fmt: skip
def nothing_dropped(right, ids, dropped, vocab):
    target = right.insertion_target(ids, dropped, vocab)
    return target if dropped.any() else np.full(target.shape, np.nan)
