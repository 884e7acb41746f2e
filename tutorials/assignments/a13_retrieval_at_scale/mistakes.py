"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


def runs_of(x, k, normalize=True, before=False, total=False, codes=None):
    """The documents' runs as vectors, with one rule broken."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True) if before else x
    codes = np.arange(len(x)) * k // len(x) if codes is None else codes
    rows = [x[codes == code] for code in range(k)]
    out = np.array([row.sum(axis=0) if total else row.mean(axis=0) for row in rows])
    return out / np.linalg.norm(out, axis=1, keepdims=True) if normalize else out


@mistake("13.1", "floor to no cluster", "a short document is left without any vector: floor gives 0, "
         "and at least 1 is to be kept.")  # fmt: skip
def no_cluster(right, x, share):
    return right.pool(x, share) if int(share * len(x) + 1e-9) else x[:0]


@mistake("13.1", "not normalised", "the means are not brought to length 1: a mean of different "
         "directions is shorter than its tokens.")  # fmt: skip
def not_unit(right, x, share):
    return runs_of(x, max(1, int(share * len(x) + 1e-9)), normalize=False)


@mistake("13.1", "normalised before", "the tokens are brought to length 1 before the mean: take the "
         "mean of what is given, and divide afterwards.")  # fmt: skip
def unit_before(right, x, share):
    return runs_of(x, max(1, int(share * len(x) + 1e-9)), before=True)


@mistake("13.1", "rounded up", "k is rounded up, so more than the share is kept: take the floor.")
def rounded_up(right, x, share):
    return runs_of(x, max(1, int(np.ceil(share * len(x) - 1e-9))))


@mistake("13.1", "rounded", "k is rounded to the nearest number: take the floor.")
def rounded(right, x, share):
    return runs_of(x, max(1, round(share * len(x))))


@mistake("13.1", "one lost to rounding", "share times n falls a little below a whole number, and floor "
         "takes one vector away: add 1e-9 before it.")  # fmt: skip
def lost_to_rounding(right, x, share):
    return runs_of(x, max(1, int(share * len(x))))


@mistake("13.1", "every k-th token", "tokens are dealt out in turn, i mod k: a vector is for tokens that "
         "stand together, the floor of i k / n.")  # fmt: skip
def dealt_out(right, x, share):
    k = max(1, int(share * len(x) + 1e-9))
    return runs_of(x, k, codes=np.arange(len(x)) % k)


@mistake("13.1", "equal lengths", "the runs are of one length and the last ones take what is left: "
         "token i goes to the floor of i k / n.")  # fmt: skip
def equal_lengths(right, x, share):
    k = max(1, int(share * len(x) + 1e-9))
    return runs_of(x, k, codes=np.minimum(np.arange(len(x)) // (len(x) // k), k - 1))


@mistake("13.1", "long runs first", "the runs are cut with the long ones first: token i goes to the floor "
         "of i k / n, which np.array_split does not do.")  # fmt: skip
def long_first(right, x, share):
    k = max(1, int(share * len(x) + 1e-9))
    parts = np.array_split(np.arange(len(x)), k)
    return runs_of(x, k, codes=np.repeat(np.arange(k), [len(part) for part in parts]))


def tops(queries, docs, k, key=lambda score, j: (-score, j)):
    scores = queries @ docs.T
    return [sorted(range(len(docs)), key=lambda j: key(row[j], j))[:k] for row in scores]


@mistake("13.2", "all or nothing", "a query counts only where everything is found: recall is the share "
         "that is found, which may be a half.")  # fmt: skip
def all_or_nothing(right, queries, docs, relevant):
    best = tops(queries, docs, relevant.shape[1])
    return float(np.mean([set(a) == set(b) for a, b in zip(best, relevant.tolist(), strict=True)]))


@mistake(
    "13.2",
    "the first counts",
    "only the first document is looked at: take as many as are relevant.",
)
def first_only(right, queries, docs, relevant):
    best = tops(queries, docs, 1)
    return float(np.mean([a[0] in b for a, b in zip(best, relevant.tolist(), strict=True)]))


@mistake(
    "13.2", "lowest products", "the documents of the lowest products are taken: argsort goes up."
)
def lowest(right, queries, docs, relevant):
    return right.pair_recall(-queries, docs, relevant)


@mistake("13.2", "ties to the higher number", "documents of equal products come with the highest number "
         "first: reversing a sorted order turns ties round, too. Sort the negative.")  # fmt: skip
def ties_turned(right, queries, docs, relevant):
    last = len(docs) - 1
    return right.pair_recall(queries, docs[::-1].copy(), last - relevant)


@mistake("13.2", "always two", "two documents are taken whatever is asked: as many as a row of relevant "
         "has.")  # fmt: skip
def always_two(right, queries, docs, relevant):
    best, k = tops(queries, docs, 2), relevant.shape[1]
    return float(
        np.mean([len(set(a) & set(b)) / k for a, b in zip(best, relevant.tolist(), strict=True)])
    )


@mistake("13.2", "in order", "documents must stand at the very place: the order among those on top does "
         "not matter.")  # fmt: skip
def in_order(right, queries, docs, relevant):
    return float(np.mean(np.array(tops(queries, docs, relevant.shape[1])) == relevant))


@mistake(
    "13.2", "numbers, not shares", "hits are counted and not divided by how many are relevant."
)
def not_divided(right, queries, docs, relevant):
    return right.pair_recall(queries, docs, relevant) * relevant.shape[1]


def as_bytes(numbers, bits, low_first=False, front=False):
    """Bytes of rows, with one rule broken."""
    in_byte = 8 // bits
    n, d = numbers.shape
    rest = -d % in_byte
    filled = np.pad(numbers, ((0, 0), (rest, 0) if front else (0, rest))).astype(np.int64)
    each = filled.reshape(n, -1, in_byte)
    each = each[:, :, ::-1] if low_first else each
    return (each * 2 ** (8 - bits * np.arange(1, in_byte + 1))).sum(axis=2).astype(np.uint8)


@mistake(
    "13.3", "nibbles swapped", "the first number stands in the lowest bits: it takes the highest."
)
def low_first(right, numbers, bits):
    return as_bytes(numbers, bits, low_first=True)


@mistake(
    "13.3", "filled in front", "the zeros stand before the numbers: a row is filled up behind."
)
def filled_in_front(right, numbers, bits):
    return as_bytes(numbers, bits, front=True)


@mistake("13.3", "rows run together", "rows share bytes: each row begins a byte of its own, so that it can "
         "be read alone.")  # fmt: skip
def run_together(right, numbers, bits):
    flat = as_bytes(numbers.reshape(1, -1), bits)[0]
    return np.resize(flat, (len(numbers), -(-numbers.shape[1] * bits // 8)))


@mistake(
    "13.3",
    "what is left over is dropped",
    "numbers that do not fill a byte are dropped: fill it up.",
)
def dropped(right, numbers, bits):
    in_byte = 8 // bits
    return as_bytes(numbers[:, : numbers.shape[1] // in_byte * in_byte], bits)


@mistake("13.3", "a byte each", "every number still takes a byte of its own.")
def a_byte_each(right, numbers, bits):
    return numbers.astype(np.uint8)


@mistake("13.3", "a byte more", "a row that fills its bytes gets a byte of zeros more: round up only what "
         "is left over.")  # fmt: skip
def a_byte_more(right, numbers, bits):
    packed = as_bytes(numbers, bits)
    more = np.zeros((len(packed), int(numbers.shape[1] * bits % 8 == 0)), dtype=np.uint8)
    return np.concatenate([packed, more], axis=1)


def parts_of(packed, bits):
    """All numbers of the bytes, `(n, n_bytes, in_byte)`, highest bits first."""
    shifts = np.arange(8 - bits, -1, -bits)
    return (packed[:, :, None].astype(np.int64) >> shifts) & (2**bits - 1)


@mistake(
    "13.4", "nibbles swapped", "the lowest bits come first: the first number stands in the highest."
)
def low_bits_first(right, packed, bits, d):
    return parts_of(packed, bits)[:, :, ::-1].reshape(len(packed), -1)[:, :d]


@mistake("13.4", "not cut", "the zeros that fill up the last byte are taken for numbers: keep d.")
def not_cut(right, packed, bits, d):
    return parts_of(packed, bits).reshape(len(packed), -1)


@mistake("13.4", "cut in front", "the first numbers are cut off: what fills up stands behind.")
def cut_in_front(right, packed, bits, d):
    return parts_of(packed, bits).reshape(len(packed), -1)[:, -d:]


@mistake("13.4", "higher bits kept", "a number still has the bits above it: after the shift, keep the lowest "
         "ones.")  # fmt: skip
def unmasked(right, packed, bits, d):
    shifts = np.arange(8 - bits, -1, -bits)
    return (packed[:, :, None].astype(np.int64) >> shifts).reshape(len(packed), -1)[:, :d]


@mistake("13.4", "places before bytes", "all first numbers of the bytes come before all second ones: the numbers "
         "of one byte stand together.")  # fmt: skip
def places_first(right, packed, bits, d):
    return parts_of(packed, bits).transpose(0, 2, 1).reshape(len(packed), -1)[:, :d]


@mistake("13.4", "not shifted down", "the bits are cut out and stay where they are: shift them down to the "
         "lowest.")  # fmt: skip
def not_shifted(right, packed, bits, d):
    shifts = np.arange(8 - bits, -1, -bits)
    return (parts_of(packed, bits) << shifts).reshape(len(packed), -1)[:, :d]


def selected(scores, sizes, n_probe, t_prime, more=False, later=0, never=None):
    """Probes and the value of a miss, with one rule broken."""
    order = np.argsort(-scores, axis=1, kind="stable")
    missing = []
    for row, own in zip(scores, order, strict=True):
        sums = np.cumsum(sizes[own])
        reached = np.flatnonzero(sums > t_prime if more else sums >= t_prime)
        place = min(reached[0] + later, len(own) - 1) if len(reached) else len(own) - 1
        value = row[own[max(place, 0)]]
        missing.append(never if never is not None and not len(reached) else value)
    return order[:, :n_probe], np.array(missing)


def alive_sizes(scores, clusters, alive):
    return np.bincount(clusters[alive], minlength=scores.shape[1])


@mistake("13.5", "size of deleted documents kept", "tokens of deleted documents are counted: they lie in "
         "their clusters, but alive says that they are gone.")  # fmt: skip
def deleted_counted(right, scores, clusters, alive, n_probe, t_prime):
    return right.warp_select(scores, clusters, np.ones_like(alive), n_probe, t_prime)


@mistake("13.5", "more than t'", "the sum must exceed t': it is enough that it reaches it.")
def more_than(right, scores, clusters, alive, n_probe, t_prime):
    sizes = alive_sizes(scores, clusters, alive)
    return selected(scores, sizes, n_probe, t_prime, more=True)


@mistake("13.5", "the cluster before", "the score is that of the cluster before t' is reached.")
def one_before(right, scores, clusters, alive, n_probe, t_prime):
    return selected(scores, alive_sizes(scores, clusters, alive), n_probe, t_prime, later=-1)


@mistake("13.5", "the cluster after", "the score is that of the cluster after t' is reached.")
def one_after(right, scores, clusters, alive, n_probe, t_prime):
    return selected(scores, alive_sizes(scores, clusters, alive), n_probe, t_prime, later=1)


@mistake("13.5", "0 where it is never reached", "where all clusters together hold less than t' the value is "
         "0: it is the score of the worst one.")  # fmt: skip
def zero_if_never(right, scores, clusters, alive, n_probe, t_prime):
    return selected(scores, alive_sizes(scores, clusters, alive), n_probe, t_prime, never=0.0)


@mistake("13.5", "best if never reached", "where t' is never reached the value is that of the best cluster: "
         "argmax of nothing but False is 0. It is the worst one's.")  # fmt: skip
def best_if_never(right, scores, clusters, alive, n_probe, t_prime):
    sizes = alive_sizes(scores, clusters, alive)
    order = np.argsort(-scores, axis=1, kind="stable")
    place = (np.cumsum(sizes[order], axis=1) >= t_prime).argmax(axis=1)
    rows = np.arange(len(scores))
    return order[:, :n_probe], scores[rows, order[rows, place]]


@mistake("13.5", "sizes by number", "sizes are added up by the clusters' numbers, and not from the best "
         "one down: take sizes in the order of the scores.")  # fmt: skip
def by_number(right, scores, clusters, alive, n_probe, t_prime):
    sizes = alive_sizes(scores, clusters, alive)
    order = np.argsort(-scores, axis=1, kind="stable")
    reached = np.cumsum(sizes) >= t_prime
    place = reached.argmax() if reached.any() else scores.shape[1] - 1
    return order[:, :n_probe], scores[np.arange(len(scores)), order[:, place]]


@mistake("13.5", "the worst clusters", "the clusters are in order from the worst: argsort goes up.")
def worst_first(right, scores, clusters, alive, n_probe, t_prime):
    probes, missing = right.warp_select(-scores, clusters, alive, n_probe, t_prime)
    return probes, -missing


@mistake("13.5", "equal ones by the higher number", "of equal scores the cluster with the higher number comes "
         "first: sort the negative and keep ties in order (kind=\"stable\").")  # fmt: skip
def ties_to_the_higher(right, scores, clusters, alive, n_probe, t_prime):
    last = scores.shape[1] - 1
    turned = right.warp_select(scores[:, ::-1].copy(), last - clusters, alive, n_probe, t_prime)
    return last - turned[0], turned[1]


def summed(found, missing, of_hits=max, miss=lambda m, n_probe: m, floor=False, divide=False):
    """Scores of what was found, with one rule broken."""
    scores = {}
    for doc in sorted({doc for row in found for cluster in row for doc in cluster}):
        total = 0.0
        for row, m in zip(found, missing, strict=True):
            hits = [cluster[doc] for cluster in row if doc in cluster]
            value = of_hits(hits) if hits else miss(m, len(row))
            total += max(value, m) if floor else value
        scores[doc] = float(total / len(found) if divide else total)
    return scores


@mistake("13.6", "0 for a miss", "where a query token found nothing of a document it adds 0: it adds "
         "what a miss is worth.")  # fmt: skip
def zero_for_a_miss(right, found, missing):
    return summed(found, missing, miss=lambda m, n_probe: 0.0)


@mistake("13.6", "misses added per probe", "a miss is added for each cluster that does not have the document: "
         "it counts once for a query token, and only where no cluster has it.")  # fmt: skip
def per_probe(right, found, missing):
    return {
        doc: float(
            sum(sum(c.get(doc, m) for c in row) for row, m in zip(found, missing, strict=True))
        )
        for doc in right.warp_scores(found, missing)
    }


@mistake(
    "13.6", "clusters added up", "what several clusters gave is added up: the best of them counts."
)
def added_up(right, found, missing):
    return summed(found, missing, of_hits=sum)


@mistake(
    "13.6",
    "the last one counts",
    "a later cluster writes over what an earlier one gave: keep the best.",
)
def last_counts(right, found, missing):
    return summed(found, missing, of_hits=lambda hits: hits[-1])


@mistake(
    "13.6",
    "the first one counts",
    "only the first cluster that has the document counts: keep the best.",
)
def first_counts(right, found, missing):
    return summed(found, missing, of_hits=lambda hits: hits[0])


@mistake("13.6", "nothing below the miss", "what was found is lifted to the value of a miss: here it counts "
         "as it is, also below. The other rule is better, but it is another one.")  # fmt: skip
def lifted(right, found, missing):
    return summed(found, missing, floor=True)


@mistake("13.6", "mean for sum", "the scores are means over the query's tokens: add them up.")
def mean_for_sum(right, found, missing):
    return summed(found, missing, divide=True)


@mistake("13.6", "below zero is lost", "similarities below 0 are lost: the best starts at 0 somewhere. Start "
         "with the first that is found.")  # fmt: skip
def from_zero(right, found, missing):
    return summed(found, missing, of_hits=lambda hits: max(0.0, *hits))


@mistake(
    "13.6",
    "found by all",
    "only documents that every query token found get a score: one is enough.",
)
def found_by_all(right, found, missing):
    everywhere = [{doc for cluster in row for doc in cluster} for row in found]
    kept = set.intersection(*everywhere)
    return {doc: s for doc, s in right.warp_scores(found, missing).items() if doc in kept}
