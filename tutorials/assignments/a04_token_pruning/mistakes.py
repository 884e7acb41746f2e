"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cosine_distance(x, j):
    directions = unit(x)
    return 1 - directions @ directions[j]


def greedy(x, k, start, distance=cosine_distance, join=np.minimum, pick=np.argmax, taken_once=True):
    """k-center with one part exchanged."""
    taken = [start]
    nearest = distance(x, start)
    while len(taken) < k:
        left_out = -np.inf if pick is np.argmax else np.inf
        seen = nearest.copy()
        if taken_once:
            seen[taken] = left_out
        taken.append(int(pick(seen)))
        nearest = join(nearest, distance(x, taken[-1]))
    return np.array(taken)


def last(values):
    """Position of the largest, of equal ones the last."""
    return len(values) - 1 - values[::-1].argmax()


@mistake("4.1", "taken twice", "some token is taken twice: when all others equal taken ones, every "
         "distance is 0. Put the distance of a taken token to -inf.")  # fmt: skip
def taken_twice(right, x, k, start):
    return greedy(x, k, start, taken_once=False)


@mistake("4.1", "not normalised", "the distance is Euclidean, so that long tokens seem far. Scale "
         "the rows to length one: only the angle counts.")  # fmt: skip
def euclidean(right, x, k, start):
    return greedy(x, k, start, lambda x, j: np.linalg.norm(x - x[j], axis=1))


@mistake("4.1", "not normalised", "the products are no cosines: long tokens count more. Scale the "
         "rows to length one.")  # fmt: skip
def bare_products(right, x, k, start):
    return greedy(x, k, start, lambda x, j: 1 - x @ x[j])


@mistake("4.1", "not normalised", "the columns are scaled to length one. The tokens are the rows: "
         "take the norm over `axis=1`, with `keepdims=True`.")  # fmt: skip
def columns_normalised(right, x, k, start):
    x = x / np.linalg.norm(x, axis=0)
    return greedy(x, k, start, lambda x, j: 1 - x @ x[j])


@mistake("4.1", "last token only", "the distance is that from the token taken last. A token must "
         "be far from *all* taken ones: keep the smaller of the old and the new distance.")  # fmt: skip
def last_token_only(right, x, k, start):
    return greedy(x, k, start, join=lambda old, new: new)


@mistake("4.1", "start only", "the distance is that from `start` alone. Every taken token counts: "
         "keep the smaller of the old and the new distance.")  # fmt: skip
def start_only(right, x, k, start):
    return greedy(x, k, start, join=lambda old, new: old)


@mistake("4.1", "farthest member", "the distance from the set is taken as that from its *farthest* "
         "member. It is the distance from the nearest one: the minimum.")  # fmt: skip
def farthest_member(right, x, k, start):
    return greedy(x, k, start, join=np.maximum)


@mistake("4.1", "sum of distances", "the distances from all taken tokens are added up, or "
         "averaged. That may take two tokens that are nearly the same; k-center looks at the "
         "nearest one.")  # fmt: skip
def sum_of_distances(right, x, k, start):
    return greedy(x, k, start, join=np.add)


@mistake("4.1", "nearest for farthest", "the token nearest to the taken ones comes next. Take the "
         "farthest: the one of the largest distance, or of the smallest cosine.")  # fmt: skip
def nearest_for_farthest(right, x, k, start):
    return greedy(x, k, start, pick=np.argmin)


@mistake("4.1", "ties to the higher number", "of equally far tokens the higher number is taken. "
         "`argmax` takes the first.")  # fmt: skip
def ties_to_the_higher_number(right, x, k, start):
    return greedy(x, k, start, pick=last)


@mistake("4.1", "sorted", "the right tokens, but sorted. They stand in the order in which they are "
         "taken.")  # fmt: skip
def in_order(right, x, k, start):
    return np.sort(right.k_center(x, k, start))


@mistake("4.1", "one too many", "one token is too many: `start` is the first of the k.")
def one_too_many(right, x, k, start):
    return right.k_center(np.vstack([x, x[-1:]]), k + 1, start)


@mistake("4.1", "one too many", "one token is too many: `start` is the first of the k.")
def one_too_many_of_all(right, x, k, start):
    return greedy(x, k + 1, start)


@mistake("4.1", "start left out", "`start` is missing from the result: it is the first of the k.")
def start_left_out(right, x, k, start):
    return greedy(x, k + 1, start)[1:]


@mistake("4.1", "start left out", "`start` is missing from the result: it is the first of the k.")
def start_left_out_one_fewer(right, x, k, start):
    return right.k_center(x, k, start)[1:]


@mistake("4.1", "start ignored", "the first token is always token 0. Begin with `start`.")
def start_ignored(right, x, k, start):
    return right.k_center(x, k, 0)


@mistake("4.2", "order of choice", "the rows stand in the order of choice. They follow the order "
         "of the tokens: sort `kept`.")  # fmt: skip
def order_of_choice(right, kept, n):
    return np.eye(n)[kept]


@mistake("4.2", "square matrix", "this sets the dropped rows to zero, and all n rows are still "
         "there. W has a row for each *kept* token.")  # fmt: skip
def square_matrix(right, kept, n):
    return np.diag(np.isin(np.arange(n), kept).astype(float))


@mistake("4.2", "dropped for kept", "these are the tokens that are *not* in `kept`.")
def dropped_for_kept(right, kept, n):
    return np.eye(n)[np.setdiff1d(np.arange(n), kept)]


@mistake("4.2", "every token in every row", "every row holds all kept tokens, so that it adds them "
         "up. Each row has a single 1: pair `np.arange(k)` with the columns.")  # fmt: skip
def every_token_in_every_row(right, kept, n):
    return np.tile(np.isin(np.arange(n), kept).astype(float), (len(kept), 1))


@mistake("4.2", "first tokens", "this keeps the first k tokens, whichever were chosen. The column "
         "of each 1 is the number of the token.")  # fmt: skip
def first_tokens(right, kept, n):
    return np.eye(len(kept), n)


@mistake("4.2", "numbers for columns", "this is the list of the tokens, not a matrix. W has the "
         "shape (k, n), with a 1 where row and token meet.")  # fmt: skip
def numbers_for_columns(right, kept, n):
    return np.sort(kept)


def merged(groups, k, size):
    members = groups == np.arange(k)[:, None]
    total = members @ size
    return members * size / np.where(total == 0, 1, total)[:, None], total


def nearest_kept(x, kept):
    return (unit(x) @ unit(x)[kept].T).argmax(axis=1)


@mistake("4.3", "not normalised", "the tokens go to the kept one of the largest product, so that "
         "long ones attract all. Scale the rows to length one: the cosine counts.")  # fmt: skip
def largest_product(right, x, kept, size):
    groups = (x @ x[kept].T).argmax(axis=1)
    groups[kept] = np.arange(len(kept))
    return merged(groups, len(kept), size)


@mistake("4.3", "not normalised", "the tokens go to the kept one of the largest product, so that "
         "long ones attract all, even kept ones. Scale the rows to length one: the cosine counts.")  # fmt: skip
def largest_product_for_all(right, x, kept, size):
    return merged((x @ x[kept].T).argmax(axis=1), len(kept), size)


@mistake("4.3", "not normalised", "the tokens go to the kept one of the smallest Euclidean "
         "distance. Scale the rows to length one: only the angle counts.")  # fmt: skip
def smallest_distance(right, x, kept, size):
    groups = ((x[:, None] - x[kept]) ** 2).sum(axis=2).argmin(axis=1)
    groups[kept] = np.arange(len(kept))
    return merged(groups, len(kept), size)


@mistake("4.3", "kept token moves", "a kept token that equals another kept one goes to that one, "
         "and its own row is left empty. A kept token goes to itself.")  # fmt: skip
def kept_token_moves(right, x, kept, size):
    return merged(nearest_kept(x, kept), len(kept), size)


@mistake("4.3", "kept token moves", "a kept token that equals another kept one goes to that one, "
         "its own row is left empty, and 0 is divided by 0. A kept token goes to itself.")  # fmt: skip
def kept_token_moves_nan(right, x, kept, size):
    members = nearest_kept(x, kept) == np.arange(len(kept))[:, None]
    total = members @ size
    with np.errstate(all="ignore"):
        return members * size / total[:, None], total


@mistake("4.3", "sizes forgotten", "the means are plain ones. A token that stands for three counts "
         "three times: weigh by `size`.")  # fmt: skip
def plain_means(right, x, kept, size):
    return right.merge_matrix(x, kept, np.ones(len(x)))[0], right.merge_matrix(x, kept, size)[1]


@mistake("4.3", "sizes forgotten", "the sizes of the tokens have no influence: the means are plain "
         "ones, and the new sizes count rows. Weigh by `size`, and add the sizes up.")  # fmt: skip
def sizes_forgotten(right, x, kept, size):
    return right.merge_matrix(x, kept, np.ones(len(x)))


@mistake("4.3", "rows for sizes", "the new sizes count the tokens of each group. Each of them "
         "stands for `size` many: add those up.")  # fmt: skip
def rows_for_sizes(right, x, kept, size):
    return right.merge_matrix(x, kept, size)[0], right.merge_matrix(x, kept, np.ones(len(x)))[1]


@mistake("4.3", "sum for mean", "the rows of W are weighted sums: divide each by the size of its "
         "group.")  # fmt: skip
def sum_for_mean(right, x, kept, size):
    w, total = right.merge_matrix(x, kept, size)
    return w * total[:, None], total


@mistake("4.3", "sum for mean", "the rows of W are plain sums. They are means, weighted with "
         "`size`.")  # fmt: skip
def plain_sum_for_mean(right, x, kept, size):
    w, total = right.merge_matrix(x, kept, size)
    return (w > 0).astype(float), total


@mistake("4.3", "columns normalised", "the columns of W are divided by their sums. Rows are means: "
         "each *row* sums to one.")  # fmt: skip
def columns_normalised_in_w(right, x, kept, size):
    w, total = right.merge_matrix(x, kept, size)
    return (w > 0).astype(float) / (w > 0).sum(axis=0), total


@mistake("4.3", "divided by the members", "the sizes are divided by the number of tokens in the "
         "group. The weights must sum to one: divide by the sum of the sizes.")  # fmt: skip
def divided_by_the_members(right, x, kept, size):
    w, total = right.merge_matrix(x, kept, size)
    return w * total[:, None] / (w > 0).sum(axis=1)[:, None], total


@mistake("4.3", "nothing merged", "the dropped tokens go nowhere: this is a selection. Each of "
         "them belongs to a group.")  # fmt: skip
def nothing_merged(right, x, kept, size):
    return right.selection_matrix(kept, len(x)), size[kept]


@mistake("4.3", "own size kept", "the new sizes are those of the kept tokens alone. Whoever joins "
         "brings its size along.")  # fmt: skip
def own_size_kept(right, x, kept, size):
    return right.merge_matrix(x, kept, size)[0], size[kept]


@mistake("4.3", "farthest kept token", "each token goes to the kept one that it is *least* like: "
         "the largest cosine is the nearest.")  # fmt: skip
def farthest_kept_token(right, x, kept, size):
    groups = (unit(x) @ unit(x)[kept].T).argmin(axis=1)
    groups[kept] = np.arange(len(kept))
    return merged(groups, len(kept), size)


@mistake("4.3", "farthest kept token", "each token goes to the kept one that it is *least* like: "
         "the largest cosine is the nearest.")  # fmt: skip
def farthest_kept_token_for_all(right, x, kept, size):
    groups = (unit(x) @ unit(x)[kept].T).argmin(axis=1)
    return merged(groups, len(kept), size)


def attend(logits, v):
    with np.errstate(all="ignore"):
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True) @ v


def logits_of(q, k):
    return q @ k.T / np.sqrt(q.shape[1])


@mistake("4.4", "unstable exponent", "the exponential of a large logit overflows. Subtract the "
         "maximum of each row first, which changes nothing else.")  # fmt: skip
def unstable_exponent(right, q, k, v, size):
    with np.errstate(all="ignore"):
        weights = np.exp(logits_of(q, k) + np.log(size))
        return weights / weights.sum(axis=1, keepdims=True) @ v


@mistake("4.4", "unstable exponent", "one maximum is subtracted from all rows, and a row far below "
         "it has only zeros left. Each row has a maximum of its own: `axis=1`, `keepdims=True`.")  # fmt: skip
def one_maximum_for_all(right, q, k, v, size):
    logits = logits_of(q, k) + np.log(size)
    with np.errstate(all="ignore"):
        weights = np.exp(logits - logits.max())
        return weights / weights.sum(axis=1, keepdims=True) @ v


@mistake("4.4", "sizes forgotten", "the sizes have no influence. Add their logarithms to the "
         "logits of the keys.")  # fmt: skip
def sizes_left_out(right, q, k, v, size):
    return attend(logits_of(q, k), v)


@mistake("4.4", "logarithm forgotten", "the sizes themselves are added to the logits. Inside an "
         "exponential a factor becomes its logarithm.")  # fmt: skip
def logarithm_forgotten(right, q, k, v, size):
    return attend(logits_of(q, k) + size, v)


@mistake("4.4", "product for sum", "the logits are multiplied by the sizes. A factor outside of "
         "the exponential is a *sum* inside: add the logarithm.")  # fmt: skip
def logits_times_sizes(right, q, k, v, size):
    return attend(logits_of(q, k) * size, v)


@mistake("4.4", "missing normaliser", "the shares are multiplied by the sizes after the softmax, "
         "and no longer sum to one. The sizes belong into the sum that divides as well.")  # fmt: skip
def sizes_after_the_softmax(right, q, k, v, size):
    return attend(logits_of(q, k), v * size[:, None])


@mistake("4.4", "missing normaliser", "the weights are not divided by their sum: a softmax has "
         "rows that sum to one.")  # fmt: skip
def not_divided(right, q, k, v, size):
    logits = logits_of(q, k) + np.log(size)
    return np.exp(logits - logits.max(axis=1, keepdims=True)) @ v


@mistake("4.4", "divided by the size", "the logarithms are subtracted, so that large tokens count "
         "less. Add them.")  # fmt: skip
def divided_by_the_size(right, q, k, v, size):
    return attend(logits_of(q, k) - np.log(size), v)


@mistake("4.4", "wrong scale", "the products are not divided by the square root of the width d.")
def scale_forgotten(right, q, k, v, size):
    return attend(q @ k.T + np.log(size), v)


@mistake("4.4", "wrong scale", "the products are divided by the width d. It comes as its square "
         "root.")  # fmt: skip
def divided_by_the_width(right, q, k, v, size):
    return attend(q @ k.T / q.shape[1] + np.log(size), v)


@mistake("4.4", "wrong scale", "the logarithm of the sizes is divided by the square root of d, "
         "too. Only the products are.")  # fmt: skip
def sizes_scaled(right, q, k, v, size):
    return attend((q @ k.T + np.log(size)) / np.sqrt(q.shape[1]), v)


@mistake("4.4", "wrong axis", "the softmax runs over the queries. Each query shares its attention "
         "among the *keys*: `axis=1`.")  # fmt: skip
def softmax_over_the_queries(right, q, k, v, size):
    logits = logits_of(q, k) + np.log(size)
    weights = np.exp(logits - logits.max(axis=0))
    return weights / weights.sum(axis=0) @ v


@mistake("4.5", "transposed is no way back", "the transposed W gives each token its *weight* times "
         "the row. The way back is a copy of the whole row.")  # fmt: skip
def transposed_is_no_way_back(right, w, y):
    return w.T @ y


@mistake("4.5", "pseudo-inverse", "the pseudo-inverse finds the smallest tokens that merge into "
         "`y`, in proportion to their weights. The way back is a copy of the row, whatever the "
         "weights.")  # fmt: skip
def pseudo_inverse(right, w, y):
    return np.linalg.pinv(w) @ y


@mistake("4.5", "dropped token gets a row", "a dropped token gets the first row: `argmax` of a "
         "column of zeros is 0. Give it zeros.")  # fmt: skip
def dropped_token_gets_a_row(right, w, y):
    return y[w.argmax(axis=0)]


@mistake("4.5", "division by zero", "the columns are divided by their sums, and that of a dropped "
         "token is 0. Give it zeros.")  # fmt: skip
def division_by_zero(right, w, y):
    with np.errstate(all="ignore"):
        return (w / w.sum(axis=0)).T @ y


@mistake("4.5", "shared out", "each row is shared out among its tokens. Every token gets a copy of "
         "the whole row.")  # fmt: skip
def shared_out(right, w, y):
    return ((w != 0) / (w != 0).sum(axis=1, keepdims=True)).T @ y


@mistake("4.5", "one token of a group", "only one token of each group gets its row. All of them "
         "do.")  # fmt: skip
def one_token_of_a_group(right, w, y):
    x = np.zeros((w.shape[1], y.shape[1]))
    x[w.argmax(axis=1)] = y
    return x


@mistake("4.5", "one token of a group", "only the first token of each group gets its row. All of "
         "them do.")  # fmt: skip
def first_token_of_a_group(right, w, y):
    x = np.zeros((w.shape[1], y.shape[1]))
    x[(w != 0).argmax(axis=1)] = y
    return x


@mistake("4.5", "dropped tokens left out", "there are only rows for tokens that went somewhere. A "
         "dropped token has a row of zeros.")  # fmt: skip
def dropped_tokens_left_out(right, w, y):
    return right.unmerge(w, y)[w.any(axis=0)]
