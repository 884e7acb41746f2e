"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

from itertools import pairwise

import numpy as np

from tokenlab.assignments import mistake


def unit(x):
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(lengths == 0, 1, lengths)


@mistake("1.1", "not normalised", "these are bare products. A cosine needs rows of length one: "
         "divide each row by its length first.")  # fmt: skip
def not_normalised(right, tokens, query):
    return tokens @ query.T


@mistake("1.1", "query not normalised", "the document tokens have length one, the query tokens do "
         "not: scale both.")  # fmt: skip
def query_not_normalised(right, tokens, query):
    return unit(tokens) @ query.T


@mistake("1.1", "norm over the wrong axis", "the lengths are those of the columns. The vectors are "
         "the rows: take the norm over `axis=1`, and `keepdims=True` lets it divide them.")  # fmt: skip
def norm_over_the_wrong_axis(right, tokens, query):
    scaled = [x / np.linalg.norm(x, axis=0) for x in (tokens, query)]
    return scaled[0] @ scaled[1].T


@mistake("1.1", "norm over the wrong axis", "the lengths of the document tokens are those of the "
         "columns. The vectors are the rows: take the norm over `axis=1`.")  # fmt: skip
def norm_of_the_tokens_over_the_wrong_axis(right, tokens, query):
    return (tokens / np.linalg.norm(tokens, axis=0)) @ unit(query).T


@mistake("1.1", "norm over the wrong axis", "the lengths of the query tokens are those of the "
         "columns. The vectors are the rows: take the norm over `axis=1`.")  # fmt: skip
def norm_of_the_query_over_the_wrong_axis(right, tokens, query):
    return unit(tokens) @ (query / np.linalg.norm(query, axis=0)).T


@mistake("1.1", "one norm for all", "everything is divided by one number, the norm of the whole "
         "matrix. Each row has a length of its own: `axis=1`.")  # fmt: skip
def one_norm_for_all(right, tokens, query):
    return (tokens / np.linalg.norm(tokens)) @ (query / np.linalg.norm(query)).T


@mistake("1.1", "division by zero", "a row of zeros is divided by its length 0, which gives NaN. "
         "Divide such a row by 1 instead, with `np.where`.")  # fmt: skip
def division_by_zero(right, tokens, query):
    with np.errstate(invalid="ignore", divide="ignore"):
        tokens, query = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (tokens, query))
        return tokens @ query.T


@mistake("1.1", "square root forgotten", "the rows are divided by their squared length. The length "
         "is the square root of the sum of squares.")  # fmt: skip
def square_root_forgotten(right, tokens, query):
    squares = [(x * x).sum(axis=1, keepdims=True) for x in (tokens, query)]
    tokens, query = tokens / np.where(squares[0] == 0, 1, squares[0]), query / squares[1]
    return tokens @ query.T


def by_document(similarity, offsets, score):
    docs = [similarity[a:b] for a, b in pairwise(offsets)]
    return np.array([score(rows) if len(rows) else -np.inf for rows in docs])


@mistake("1.2", "sum for mean", "you add up the best matches. The score is their mean: divide by "
         "the number of query tokens.")  # fmt: skip
def sum_for_mean(right, similarity, offsets):
    return by_document(similarity, offsets, lambda rows: rows.max(axis=0).sum())


@mistake("1.2", "wrong axis", "the maximum runs over the query tokens. Each *query* token looks for "
         "its best *document* token: the maximum is over the rows, `axis=0`.")  # fmt: skip
def wrong_axis(right, similarity, offsets):
    return by_document(similarity, offsets, lambda rows: rows.max(axis=1).mean())


@mistake("1.2", "mean for max", "you average all similarities of a document. Take the maximum over "
         "its tokens first, and average over the query tokens only.")  # fmt: skip
def mean_for_max(right, similarity, offsets):
    return by_document(similarity, offsets, np.mean)


@mistake("1.2", "one maximum for all", "you take the single best similarity of a document. Each "
         "query token has a best match of its own.")  # fmt: skip
def one_maximum_for_all(right, similarity, offsets):
    return by_document(similarity, offsets, np.max)


@mistake("1.2", "divided by the document", "the sum is divided by the number of document tokens. "
         "The mean is over the query tokens, the columns.")  # fmt: skip
def divided_by_the_document(right, similarity, offsets):
    return by_document(similarity, offsets, lambda rows: rows.max(axis=0).sum() / len(rows))


@mistake("1.2", "zero for an empty document", "an empty document gets 0, which beats every document "
         "of negative similarities. The maximum over nothing is -inf.")  # fmt: skip
def zero_for_an_empty_document(right, similarity, offsets):
    scores = right.maxsim(similarity, offsets)
    return np.where(np.isinf(scores), 0, scores)


@mistake("1.2", "one row too many", "each document takes the first token of the next one with it: "
         "its rows are `offsets[i]:offsets[i + 1]`, the end excluded.")  # fmt: skip
def one_row_too_many(right, similarity, offsets):
    docs = [similarity[a : b + 1] for a, b in pairwise(offsets)]
    return np.array([rows.max(axis=0).mean() for rows in docs])


@mistake("1.2", "neighbour of an empty document", "an empty document gets the first token of the next "
         "one: that is what `np.maximum.reduceat` does with it. Take only the documents with tokens, "
         "and leave -inf in the others.")  # fmt: skip
def neighbour_of_an_empty_document(right, similarity, offsets):
    return np.maximum.reduceat(similarity, offsets[:-1], axis=0).mean(axis=1)


@mistake("1.3", "worst first", "these are the least similar tokens: `argsort` sorts upwards. Sort "
         "the negated similarities.")  # fmt: skip
def worst_first(right, similarity, k_prime):
    return right.token_topk(-similarity, k_prime)[0], -right.token_topk(-similarity, k_prime)[1]


@mistake("1.3", "ascending", "the right tokens, but the best comes last: turn them around.")
def ascending(right, similarity, k_prime):
    ids = np.argsort(similarity.T, axis=1, kind="stable")[:, -k_prime:]
    return ids, np.take_along_axis(similarity.T, ids, axis=1)


@mistake("1.3", "one too few", "one token is missing: `[:k_prime]` are k' of them already.")
def one_too_few(right, similarity, k_prime):
    return right.token_topk(similarity, k_prime - 1)


@mistake("1.3", "one too many", "one token too many: `[:k_prime]` are k' of them already.")
def one_too_many(right, similarity, k_prime):
    return right.token_topk(similarity, k_prime + 1)


@mistake("1.3", "best left out", "the list starts at the second best token: positions begin at 0.")
def best_left_out(right, similarity, k_prime):
    ids, sims = right.token_topk(similarity, k_prime + 1)
    return ids[:, 1:], sims[:, 1:]


@mistake("1.3", "wrong axis", "for each document token you rank the query tokens. It is the other "
         "way round: for each query token, rank the tokens of the collection.")  # fmt: skip
def ranks_the_query(right, similarity, k_prime):
    return right.token_topk(similarity.T, k_prime)


@mistake("1.3", "ties to the higher token", "of equal similarities the higher token number comes "
         "first: turning an ascending order around turns the ties, too. Sort the negated "
         'similarities with `kind="stable"`.')  # fmt: skip
def ties_to_the_higher_token(right, similarity, k_prime):
    ids = np.argsort(similarity.T, axis=1, kind="stable")[:, ::-1][:, :k_prime]
    return ids, np.take_along_axis(similarity.T, ids, axis=1)


@mistake("1.3", "ties in any order", "of equal similarities any token may come first: neither NumPy's "
         'usual sort nor `argpartition` keeps their order. Sort all tokens with `kind="stable"`.')  # fmt: skip
def ties_in_any_order(right, similarity, k_prime):
    ids = np.argsort(-similarity.T, axis=1)[:, :k_prime]
    return ids, np.take_along_axis(similarity.T, ids, axis=1)


@mistake("1.3", "not sorted", "the right tokens are there, but the best does not come first: "
         "`argpartition` finds the k best and leaves them in any order. Sort them, too.")  # fmt: skip
def not_sorted(right, similarity, k_prime):
    k = min(k_prime, len(similarity))
    ids = np.argpartition(-similarity.T, k - 1, axis=1)[:, :k]
    return ids, np.take_along_axis(similarity.T, ids, axis=1)


@mistake("1.3", "not sorted", "the right tokens are there, but the best does not come first: sort "
         "by the negated similarities.")  # fmt: skip
def by_token_number(right, similarity, k_prime):
    ids = np.sort(right.token_topk(similarity, k_prime)[0], axis=1)
    return ids, np.take_along_axis(similarity.T, ids, axis=1)


def with_hits(right, ids, sims, token_to_doc, start, keep):
    """The same table filled in another way."""
    candidates = np.unique(token_to_doc[ids])
    best = np.full((len(candidates), len(ids)), start)
    for i in range(len(ids)):
        for token, value in zip(ids[i], sims[i], strict=True):
            c = np.searchsorted(candidates, token_to_doc[token])
            best[c, i] = keep(best[c, i], value)
    return candidates, best


@mistake("1.4", "last hit wins", "of several hits in one document the last one stays. Keep the best: "
         "`max(best[c, i], similarity)`, or `np.maximum.at`.")  # fmt: skip
def last_hit_wins(right, ids, sims, token_to_doc):
    return with_hits(right, ids, sims, token_to_doc, -np.inf, lambda old, new: new)


@mistake("1.4", "first hit wins", "of several hits in one document the first one stays. The hits "
         "come in any order: keep the best.")  # fmt: skip
def first_hit_wins(right, ids, sims, token_to_doc):
    keep = lambda old, new: new if old == -np.inf else old
    return with_hits(right, ids, sims, token_to_doc, -np.inf, keep)


@mistake("1.4", "hits added up", "the hits of a document are added up. Each query token counts its "
         "best hit only.")  # fmt: skip
def hits_added_up(right, ids, sims, token_to_doc):
    keep = lambda old, new: new if old == -np.inf else old + new
    return with_hits(right, ids, sims, token_to_doc, -np.inf, keep)


@mistake("1.4", "hits added up", "the hits of a document are added up, beginning with 0. Each query "
         "token counts its best hit only, and -inf stands for none.")  # fmt: skip
def hits_added_up_from_zero(right, ids, sims, token_to_doc):
    return with_hits(right, ids, sims, token_to_doc, 0.0, lambda old, new: old + new)


@mistake("1.4", "zero for no hit", "the table starts with zeros, so that 0 stands for no hit, and "
         "negative hits are lost. Start with `np.full(..., -np.inf)`.")  # fmt: skip
def zero_for_no_hit(right, ids, sims, token_to_doc):
    return with_hits(right, ids, sims, token_to_doc, 0.0, max)


@mistake("1.4", "zero for no hit", "0 stands where nothing was retrieved, as if that similarity were "
         "known. Leave -inf there.")  # fmt: skip
def minus_infinity_replaced(right, ids, sims, token_to_doc):
    candidates, best = right.best_hits(ids, sims, token_to_doc)
    return candidates, np.where(np.isinf(best), 0, best)


@mistake("1.4", "every document", "all documents are there. Only the owners of retrieved tokens are "
         "candidates.")  # fmt: skip
def every_document(right, ids, sims, token_to_doc):
    candidates, best = right.best_hits(ids, sims, token_to_doc)
    table = np.full((int(token_to_doc.max()) + 1, len(ids)), -np.inf)
    table[candidates] = best
    return np.arange(len(table)), table


@mistake("1.4", "tokens for documents", "the candidates are token numbers. `token_to_doc[ids]` says "
         "which document a token belongs to.")  # fmt: skip
def tokens_for_documents(right, ids, sims, token_to_doc):
    return right.best_hits(ids, sims, np.arange(len(token_to_doc)))


@mistake("1.4", "order of appearance", "the candidates stand in the order in which they were found. "
         "Sort them: `np.unique` does both.")  # fmt: skip
def order_of_appearance(right, ids, sims, token_to_doc):
    candidates, best = right.best_hits(ids, sims, token_to_doc)
    found = list(dict.fromkeys(token_to_doc[ids].ravel().tolist()))
    return np.array(found), best[np.searchsorted(candidates, found)]


def imputed(best, missing):
    return np.where(np.isinf(best), missing, best).mean(axis=1)


@mistake("1.5", "zero imputed", "0 is put in for what is missing. The worst retrieved similarity of "
         "the query token is the better bound.")  # fmt: skip
def zero_imputed(right, best, sims):
    return imputed(best, 0)


@mistake("1.5", "best imputed", "the best retrieved similarity is put in. What was not retrieved is "
         "at most as similar as the *worst* that was.")  # fmt: skip
def best_imputed(right, best, sims):
    return imputed(best, sims.max(axis=1))


@mistake("1.5", "one bound for all", "one number is put in for all query tokens. Each has a bound of "
         "its own: `sims.min(axis=1)`.")  # fmt: skip
def one_bound_for_all(right, best, sims):
    return imputed(best, sims.min())


@mistake("1.5", "mean imputed", "the mean of the retrieved similarities is put in. That is no bound: "
         "take the worst.")  # fmt: skip
def mean_imputed(right, best, sims):
    return imputed(best, sims.mean(axis=1))


@mistake("1.5", "last column", "the last column is the worst only if the similarities are sorted, and "
         "they may come in any order: take the minimum.")  # fmt: skip
def last_column(right, best, sims):
    return imputed(best, sims[:, -1])


@mistake("1.5", "mean over the hits", "the mean is taken over the query tokens that hit. What is "
         "missing counts, too, with its bound.")  # fmt: skip
def mean_over_the_hits(right, best, sims):
    hit = ~np.isinf(best)
    return np.where(hit, best, 0).sum(axis=1) / hit.sum(axis=1)


@mistake("1.5", "missing normaliser", "the values are added up. The score is their mean: divide by "
         "the number of query tokens.")  # fmt: skip
def missing_normaliser(right, best, sims):
    return right.xtr_scores(best, sims) * best.shape[1]


@mistake("1.5", "divided by the hits", "the sum with the bounds is divided by the number of hits. "
         "Divide by the number of query tokens, hit or not.")  # fmt: skip
def divided_by_the_hits(right, best, sims):
    return right.xtr_scores(best, sims) * best.shape[1] / (~np.isinf(best)).sum(axis=1)
