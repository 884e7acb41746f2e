"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import itertools

import numpy as np

from tokenlab.assignments import mistake


def counted(chunks, counts, neighbours):
    """Pairs by another rule of what stands side by side."""
    pairs = {}
    for chunk, count in zip(chunks, counts, strict=True):
        for pair in neighbours(chunk):
            pairs[pair] = pairs.get(pair, 0) + count
    return pairs


def apart(chunk):
    """Pairs without those that overlap one of the same pair that was counted just before."""
    found, last = [], {}
    for i, pair in enumerate(itertools.pairwise(chunk)):
        if last.get(pair) != i - 1:
            found.append(pair)
            last[pair] = i
    return found


@mistake("9.1", "overlaps not counted", "pairs that overlap are counted once. 5, 5, 5 holds (5, 5) at "
         "two places: count both.")  # fmt: skip
def overlaps_not_counted(right, chunks, counts):
    return counted(chunks, counts, apart)


@mistake("9.1", "each chunk once", "each chunk counts once. A word that occurs often counts as often: "
         "add what `counts` says.")  # fmt: skip
def each_chunk_once(right, chunks, counts):
    return right.pair_counts(chunks, [1] * len(counts))


@mistake("9.1", "over the borders", "the end of a chunk and the beginning of the next are counted as "
         "a pair. Merges stay within words.")  # fmt: skip
def over_the_borders(right, chunks, counts):
    pairs = dict(right.pair_counts(chunks, counts))
    filled = [(chunk, n) for chunk, n in zip(chunks, counts, strict=True) if len(chunk)]
    for (a, _), (b, n) in itertools.pairwise(filled):
        pairs[a[-1], b[0]] = pairs.get((a[-1], b[0]), 0) + n
    return pairs


@mistake("9.1", "over the borders", "all chunks are joined before the pairs are counted. Merges stay "
         "within words: count each chunk by itself.")  # fmt: skip
def joined(right, chunks, counts):
    return right.pair_counts([[i for chunk in chunks for i in chunk]], [1])


@mistake("9.1", "each pair once in a chunk", "a pair counts once for each chunk, however often it "
         "stands in it. Count each place.")  # fmt: skip
def once_in_a_chunk(right, chunks, counts):
    return counted(chunks, counts, lambda chunk: set(itertools.pairwise(chunk)))


@mistake("9.1", "order of the pair lost", "(a, b) and (b, a) are counted as one pair. Which of them "
         "stands left matters.")  # fmt: skip
def order_lost(right, chunks, counts):
    return counted(chunks, counts, lambda c: [tuple(sorted(p)) for p in itertools.pairwise(c)])


@mistake("9.2", "overlaps from the right", "of two pairs that overlap you take the right one. Go from "
         "left to right: 5, 5, 5 becomes 9, 5.")  # fmt: skip
def from_the_right(right, ids, pair, new):
    turned = right.merge(list(ids)[::-1], (pair[1], pair[0]), new)
    return turned[::-1]


@mistake("9.2", "overlaps merged twice", "where pairs overlap, an id is used for two of them. Step "
         "over both ids of a pair that was merged.")  # fmt: skip
def overlaps_twice(right, ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            out.append(new)
            last = i + 2 == len(ids) or (ids[i + 1], ids[i + 2]) != tuple(pair)
            i += 2 if last else 1
        else:
            out.append(ids[i])
            i += 1
    return out


@mistake("9.2", "second id stays", "the right id of a pair stays behind the new one. Both of them are "
         "replaced.")  # fmt: skip
def second_stays(right, ids, pair, new):
    out = []
    for i, token in enumerate(ids):
        out.append(new if tuple(ids[i : i + 2]) == tuple(pair) else token)
    return out


@mistake("9.2", "first place alone", "only the first place is merged: go on to the end of the ids.")
def first_place(right, ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


@mistake("9.2", "last id lost", "the last id is lost where it is not merged: what stands alone at the "
         "end stays.")  # fmt: skip
def last_lost(right, ids, pair, new):
    found = right.merge(ids, pair, new)
    merged = len(ids) > 1 and found[-1:] == [new] and ids[-1] == pair[1]
    return found if merged else found[:-1]


@mistake("9.2", "either order", "(b, a) is merged like (a, b). The order of a pair matters.")
def either_order(right, ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) in (tuple(pair), tuple(pair)[::-1])
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


def trained(right, chunks, counts, n_merges, first, choose, merge=None, recount=True):
    """Training with another choice among the pairs, another merge, or counts that grow old."""
    merges, chunks = [], [list(chunk) for chunk in chunks]
    pairs = right.pair_counts(chunks, counts)
    for new in range(first, first + n_merges):
        pairs = right.pair_counts(chunks, counts) if recount else pairs
        if not pairs:
            break
        best = choose(pairs)
        chunks = [(merge or right.merge)(chunk, best, new) for chunk in chunks]
        pairs = pairs if recount else {p: n for p, n in pairs.items() if p != best}
        merges.append(best)
    return np.array(merges, dtype=np.int64).reshape(-1, 2)


@mistake("9.3", "ties to the first met", "of equally frequent pairs you take the one that is met "
         "first. Take that of the lowest ids: other programs learn the same then.")  # fmt: skip
def first_met(right, chunks, counts, n_merges, first):
    return trained(right, chunks, counts, n_merges, first, lambda p: max(p, key=p.get))


@mistake("9.3", "ties to the highest ids", "of equally frequent pairs you take that of the highest "
         "ids. Take the lowest.")  # fmt: skip
def highest(right, chunks, counts, n_merges, first):
    return trained(right, chunks, counts, n_merges, first, lambda p: max((n, q) for q, n in p.items())[1])  # fmt: skip


@mistake(
    "9.3", "rarest pair", "you merge the rarest pair. The most frequent one spares most tokens."
)
def rarest(right, chunks, counts, n_merges, first):
    return trained(right, chunks, counts, n_merges, first, lambda p: min((n, q) for q, n in p.items())[1])  # fmt: skip


@mistake("9.3", "counted only once", "the pairs are counted once, at the beginning. After each merge "
         "there are other neighbours: count anew.")  # fmt: skip
def counted_once(right, chunks, counts, n_merges, first):
    best = lambda p: min(p, key=lambda q: (-p[q], q))
    return trained(right, chunks, counts, n_merges, first, best, recount=False)


@mistake("9.3", "new ids from 256", "merges make ids from 256 on, whatever `first` says.")
def from_256(right, chunks, counts, n_merges, first):
    return right.train(chunks, counts, n_merges, 256)


@mistake("9.3", "counts ignored", "each chunk counts once. Hand `counts` on to the counting.")
def counts_ignored(right, chunks, counts, n_merges, first):
    return right.train(chunks, [1] * len(counts), n_merges, first)


@mistake("9.3", "stops at one", "you stop at pairs that occur once. Go on until no pair is left.")
def stops_at_one(right, chunks, counts, n_merges, first):
    whole, kept, left = right.train(chunks, counts, n_merges, first), [], chunks
    for i, pair in enumerate(map(tuple, whole.tolist())):
        if right.pair_counts(left, counts)[pair] < 2:
            break
        left = [right.merge(chunk, pair, first + i) for chunk in left]
        kept.append(pair)
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def spelled(merges):
    """The bytes of every id."""
    found = [bytes([byte]) for byte in range(256)]
    for left, right in np.asarray(merges).tolist():
        found.append(found[left] + found[right])
    return found


def encoded(right, word, merges, choose):
    """One pair at a time, by another choice among those that can be merged."""
    ids, rank = list(word.encode()), {}
    for i, pair in enumerate(map(tuple, np.asarray(merges).tolist())):
        rank.setdefault(pair, i)
    while True:
        found = [(rank[p], i) for i, p in enumerate(itertools.pairwise(ids)) if p in rank]
        if not found:
            return ids
        r, at = choose(found)
        ids[at : at + 2] = [256 + r]


def both(ids, merges, n_shown):
    shown = b"".join(spelled(merges)[i] for i in ids[:n_shown]).decode(errors="replace")
    return np.array(ids, dtype=np.int64), shown


@mistake("9.4", "first instead of lowest rank", "you merge the first pair from the left that can be "
         "merged. Of all of them the one that was *learned* first goes first.")  # fmt: skip
def leftmost(right, word, merges, n_shown):
    return both(encoded(right, word, merges, lambda f: min(f, key=lambda x: x[1])), merges, n_shown)


@mistake("9.4", "last learned first", "you merge the pair that was learned last. Go by the order in "
         "which they were learned.")  # fmt: skip
def last_learned(right, word, merges, n_shown):
    return both(encoded(right, word, merges, lambda f: max(f, key=lambda x: (x[0], -x[1]))), merges, n_shown)  # fmt: skip


@mistake("9.4", "longest token first", "you take the longest token at each place. That is another "
         "tokenizer: merges go in the order in which they were learned.")  # fmt: skip
def longest_first(right, word, merges, n_shown):
    table, data, ids = spelled(merges), word.encode(), []
    while data:
        i = max((i for i, t in enumerate(table) if data.startswith(t)), key=lambda i: len(table[i]))
        ids.append(i)
        data = data[len(table[i]) :]
    return both(ids, merges, n_shown)


@mistake("9.4", "decoding token by token", "each token is decoded by itself, and a character that is "
         "spread over several of them is lost. Join the bytes first.")  # fmt: skip
def token_by_token(right, word, merges, n_shown):
    ids, _ = right.encode(word, merges, n_shown)
    table = spelled(merges)
    return ids, "".join(table[i].decode(errors="replace") for i in ids[:n_shown].tolist())


@mistake(
    "9.4", "everything shown", "`shown` is the whole word. Only the first `n_shown` ids have room."
)
def everything(right, word, merges, n_shown):
    return right.encode(word, merges, n_shown)[0], word


@mistake("9.4", "characters counted", "`shown` is the first characters of the word. What has room are "
         "`n_shown` *ids*, and a token may be several characters or part of one.")  # fmt: skip
def characters(right, word, merges, n_shown):
    return right.encode(word, merges, n_shown)[0], word[:n_shown]


@mistake("9.4", "unfinished characters dropped", "a character that is not finished is left out. Show "
         "U+FFFD for it: something is there.")  # fmt: skip
def dropped(right, word, merges, n_shown):
    ids, _ = right.encode(word, merges, n_shown)
    data = b"".join(spelled(merges)[i] for i in ids[:n_shown].tolist())
    return ids, data.decode(errors="ignore")


@mistake("9.4", "one merge", "one pair is merged, and then you stop. What came to be may be merged "
         "again, until no pair can be.")  # fmt: skip
def one_merge(right, word, merges, n_shown):
    ids = list(word.encode())
    pairs = set(itertools.pairwise(ids))
    for i, pair in enumerate(map(tuple, np.asarray(merges).tolist())):
        if pair in pairs:
            ids = right.merge(ids, pair, 256 + i)
            break
    return both(ids, merges, n_shown)


@mistake("9.5", "perplexity per token", "the cost is divided by the number of tokens. They are of "
         "different lengths: divide by the number of bytes.")  # fmt: skip
def per_token(right, data, tokens, log_probs):
    ids, bits = right.viterbi(data, tokens, log_probs)
    return ids, bits * len(data) / len(ids)


@mistake("9.5", "perplexity per token", "the cost is a perplexity for each token. Give bits for each "
         "byte, which other tokenizers can be compared with.")  # fmt: skip
def perplexity(right, data, tokens, log_probs):
    ids, bits = right.viterbi(data, tokens, log_probs)
    return ids, float(2 ** (bits * len(data) / len(ids)))


@mistake("9.5", "nats for bits", "the cost is in nats. Divide by ln 2 for bits.")
def nats(right, data, tokens, log_probs):
    ids, bits = right.viterbi(data, tokens, log_probs)
    return ids, bits * np.log(2)


@mistake("9.5", "sign of the cost", "the cost is negative: a log-probability is, its bits are not.")
def negative(right, data, tokens, log_probs):
    ids, bits = right.viterbi(data, tokens, log_probs)
    return ids, -bits


@mistake(
    "9.5", "bits of the whole text", "these are the bits of the whole text. Divide by its bytes."
)
def whole_text(right, data, tokens, log_probs):
    ids, bits = right.viterbi(data, tokens, log_probs)
    return ids, bits * len(data)


def cost(ids, data, log_probs):
    return np.array(ids, dtype=np.int64), float(-log_probs[ids].sum() / np.log(2) / len(data))


@mistake("9.5", "longest token at each place", "you take the longest token at each place. Which cut "
         "is best shows only at the end: keep the best one up to each place.")  # fmt: skip
def longest(right, data, tokens, log_probs):
    ids, start = [], 0
    while start < len(data):
        i = max((i for i, t in enumerate(tokens) if data.startswith(t, start)), key=lambda i: len(tokens[i]))  # fmt: skip
        ids.append(i)
        start += len(tokens[i])
    return cost(ids, data, log_probs)


@mistake("9.5", "likeliest token at each place", "you take the likeliest token at each place. What it "
         "leaves over may be costly: keep the best cut up to each place.")  # fmt: skip
def likeliest(right, data, tokens, log_probs):
    ids, start = [], 0
    while start < len(data):
        i = max((i for i, t in enumerate(tokens) if data.startswith(t, start)), key=lambda i: log_probs[i])  # fmt: skip
        ids.append(i)
        start += len(tokens[i])
    return cost(ids, data, log_probs)


def best_cut(data, tokens, log_probs, better, score):
    """The best way to each place by another rule."""
    best = [(0.0, [])] + [None] * len(data)
    for end in range(1, len(data) + 1):
        for start in range(end):
            piece = data[start:end]
            if piece in tokens and best[start] is not None:
                i = tokens.index(piece)
                found = best[start][0] + score(log_probs[i]), [*best[start][1], i]
                if best[end] is None or better(found[0], best[end][0]):
                    best[end] = found
    return best[-1][1]


@mistake("9.5", "shorter last token at ties", "of two equally good ways you take the one whose last "
         "token is shorter. Take the longer one.")  # fmt: skip
def shorter_at_ties(right, data, tokens, log_probs):
    ids = best_cut(data, tokens, log_probs, lambda a, b: a >= b, lambda x: x)
    return cost(ids, data, log_probs)


@mistake("9.5", "fewest tokens", "you take the cut of the fewest tokens. Ask for the largest product "
         "of probabilities.")  # fmt: skip
def fewest(right, data, tokens, log_probs):
    ids = best_cut(data, tokens, log_probs, lambda a, b: a < b, lambda x: 1)
    return cost(ids, data, log_probs)


@mistake("9.5", "from the end", "the ids come from the end of the text. Turn them round.")
def from_the_end(right, data, tokens, log_probs):
    ids, bits = right.viterbi(data, tokens, log_probs)
    return ids[::-1].copy(), bits


@mistake("9.6", "sum for mean", "the rows of the pieces are added up. Take their mean, or tokens of "
         "many pieces get long rows.")  # fmt: skip
def sum_for_mean(right, new, old, embeddings, encode_old):
    return np.array(
        [embeddings[[old.index(t)] if t in old else list(encode_old(t))].sum(axis=0) for t in new]
    )


@mistake("9.6", "shared by number", "a token is taken for shared where its *number* is one of the old "
         "tokenizer. Compare what they spell.")  # fmt: skip
def by_number(right, new, old, embeddings, encode_old):
    own = right.fvt(new, old, embeddings, encode_old)
    return np.array([embeddings[i] if i < len(old) else own[i] for i in range(len(new))])


@mistake("9.6", "distinct pieces", "a piece that occurs twice counts once. It stands twice in the "
         "token: it counts twice in the mean.")  # fmt: skip
def distinct(right, new, old, embeddings, encode_old):
    once = lambda token: list(dict.fromkeys(encode_old(token)))
    return right.fvt(new, old, embeddings, once)


@mistake("9.6", "first piece alone", "only the first piece is used: take the mean of all.")
def first_piece(right, new, old, embeddings, encode_old):
    return right.fvt(new, old, embeddings, lambda token: list(encode_old(token))[:1])


@mistake("9.6", "last piece alone", "only the last piece is used: take the mean of all.")
def last_piece(right, new, old, embeddings, encode_old):
    return right.fvt(new, old, embeddings, lambda token: list(encode_old(token))[-1:])


@mistake("9.6", "shared token cut", "a token that the old tokenizer has, too, is cut into pieces. Its "
         "own row is there: copy it.")  # fmt: skip
def shared_cut(right, new, old, embeddings, encode_old):
    def pieces(token):
        return list(encode_old(token) or [old.index(token)])

    return np.array([embeddings[pieces(token)].mean(axis=0) for token in new])


@mistake("9.6", "mean row for new tokens", "every new token gets the mean of all old rows. Its own "
         "pieces say more.")  # fmt: skip
def mean_row(right, new, old, embeddings, encode_old):
    return np.array(
        [embeddings[old.index(t)] if t in old else embeddings.mean(axis=0) for t in new]
    )
