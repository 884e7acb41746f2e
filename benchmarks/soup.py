"""`soup`: as many token vectors as one likes, that lie as those of a real collection do.

token = unit(mean + topic + word + noise). The mean and the spectrum are those of the bundled FAQ's
tokens; words follow Zipf's law, half of a document's words are those of its topic, and lengths are
log-normal. The shares of topic, word and noise are set so that the mean length (.31), the cosine of
tokens of one document (.38) and that of a query token's best token (.83) are those of the FAQ. A
query are words of one document, a third of them replaced, its topic drifted. Everything follows
from the seed, piece by piece: documents can be made without holding the others.
"""

from typing import Any, NamedTuple

import numpy as np

TOPIC, WORD, NOISE = 0.31, 0.50, 0.19  # shares of the variance
N_WORDS, TOPIC_WORDS, PER_TOPIC = 30_000, 300, 100  # words, words of a topic, documents of a topic


class Soup(NamedTuple):
    """Tokens, offsets of documents, and queries `(n_queries, n_q, d)`."""

    tokens: Any
    offsets: Any
    queries: Any


def soup(n_docs: int, *, n_queries: int = 40, n_q: int = 32, seed: int = 0) -> Soup:
    """Documents of about 100 tokens each, and queries."""
    from tokenlab.data import load_faq

    faq = load_faq().index.tokens  # (n, 64)
    mean = faq.mean(axis=0)
    scale = np.linalg.cholesky(np.cov(faq.T) + 1e-6 * np.eye(len(mean))).astype(np.float32)
    rng = np.random.default_rng(seed)

    def drawn(n: int) -> Any:
        return rng.standard_normal((n, len(mean)), dtype=np.float32) @ scale.T

    n_topics = max(1, n_docs // PER_TOPIC)
    topics, words = drawn(n_topics), drawn(N_WORDS)
    zipf = 1 / np.arange(1.0, N_WORDS + 1)
    cumulated = (zipf / zipf.sum()).cumsum()
    of_topic = cumulated.searchsorted(rng.random((n_topics, TOPIC_WORDS)))  # words of each topic
    lengths = np.clip(rng.lognormal(np.log(100) - 0.125, 0.5, n_docs), 5, 1000).astype(np.int64)
    offsets = np.concatenate([[0], lengths.cumsum()])
    topic = rng.integers(0, n_topics, n_docs)
    tokens = np.empty((offsets[-1], len(mean)), np.float32)
    used = np.empty(offsets[-1], np.int32)  # the word of each token

    def texts(own: Any, n: int) -> Any:
        """Words, half of them those of their topics."""
        chosen = cumulated.searchsorted(rng.random(n))
        mine = of_topic[own, rng.integers(0, TOPIC_WORDS, n)]
        return np.where(rng.random(n) < 0.5, mine, chosen)

    def mixed(topic_part: Any, word: Any) -> Any:
        parts = WORD**0.5 * words[word] + NOISE**0.5 * drawn(len(word))
        x = mean + TOPIC**0.5 * topic_part + parts
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    for start in range(0, n_docs, 2000):
        stop = min(n_docs, start + 2000)
        rows = slice(offsets[start], offsets[stop])
        owner = np.repeat(topic[start:stop], lengths[start:stop])
        used[rows] = texts(owner, len(owner))
        tokens[rows] = mixed(topics[owner], used[rows])
    queries = []
    for doc in rng.integers(0, n_docs, n_queries):
        own = used[offsets[doc] : offsets[doc + 1]]
        word = own[rng.integers(0, len(own), n_q)]
        replaced = rng.random(n_q) < 1 / 3
        word = np.where(replaced, texts(np.full(n_q, topic[doc]), n_q), word)
        drifted = 0.9 * topics[topic[doc]] + 0.436 * drawn(1)[0]  # as long as before
        queries.append(mixed(drifted, word))
    return Soup(tokens, offsets, np.array(queries))


def spliced(n_tokens: int, rng: np.random.Generator) -> Soup:
    """Documents of one to four runs of 15 to 60 tokens of the FAQ, each moved a little; its questions."""
    from tokenlab.data import load_faq
    from tokenlab.numerics import unit

    faq = load_faq()
    tokens, runs, lengths, total = faq.index.tokens, [], [], 0
    while total < n_tokens:
        own = [
            int(rng.integers(0, len(tokens) - n)) + np.arange(n)
            for n in rng.integers(15, 61, rng.integers(1, 5))
        ]
        runs += own
        lengths.append(sum(map(len, own)))
        total += lengths[-1]
    rows = np.concatenate(runs)
    vectors = tokens[rows] + 0.04 * rng.standard_normal((len(rows), tokens.shape[1]), np.float32)
    return Soup(unit(vectors), np.concatenate([[0], np.cumsum(lengths)]), list(faq.queries))


def figures(made: Soup) -> dict[str, float]:
    """What the soup is fitted to, measured."""
    rng = np.random.default_rng(1)
    tokens = made.tokens
    pairs = rng.integers(0, len(tokens), (2, 20_000))
    doc = rng.integers(0, len(made.offsets) - 1, 5000)
    inside = made.offsets[doc] + rng.integers(0, 1 << 30, (2, 5000)) % np.diff(made.offsets)[doc]
    best = np.sort(made.queries[:5].reshape(-1, 64) @ tokens.T, axis=1)
    return {
        "mean length": float(np.linalg.norm(tokens.mean(axis=0))),
        "random pair": float((tokens[pairs[0]] * tokens[pairs[1]]).sum(axis=1).mean()),
        "its spread": float((tokens[pairs[0]] * tokens[pairs[1]]).sum(axis=1).std()),
        "same document": float((tokens[inside[0]] * tokens[inside[1]]).sum(axis=1).mean()),
        "best": float(best[:, -1].mean()),
        "100th": float(best[:, -100].mean()),
        "1,000th": float(best[:, -1000].mean()),
    }
