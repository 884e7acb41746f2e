"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

import numpy as np

from tokenlab.assignments import mistake


@mistake("7.1", "norm over the wrong axis", "the mean square is taken over the tokens. It belongs to "
         "one token: over its channels, the last axis.")  # fmt: skip
def over_tokens(right, x, gain, eps):
    return x / np.sqrt((x * x).mean(axis=0, keepdims=True) + eps) * gain


@mistake(
    "7.1", "mean subtracted", "you subtract the mean: that is a layer norm. RMS norm divides only."
)
def layer_norm(right, x, gain, eps):
    return right.rms_norm(x - x.mean(axis=1, keepdims=True), gain, eps)


@mistake(
    "7.1", "sum for mean", "the squares are summed up. Divide the sum by the number of channels."
)
def summed(right, x, gain, eps):
    return x / np.sqrt((x * x).sum(axis=1, keepdims=True) + eps) * gain


@mistake("7.1", "epsilon outside of the root", "epsilon stands outside of the root: add it to the mean "
         "square, then take the root.")  # fmt: skip
def outside(right, x, gain, eps):
    return x / (np.sqrt((x * x).mean(axis=1, keepdims=True)) + eps) * gain


@mistake("7.1", "no gain", "the gain is missing: each channel is multiplied by its own number.")
def no_gain(right, x, gain, eps):
    return right.rms_norm(x, np.ones(len(gain)), eps)


@mistake("7.1", "no root", "you divide by the mean square itself. Take the root of it.")
def no_root(right, x, gain, eps):
    return x / ((x * x).mean(axis=1, keepdims=True) + eps) * gain


def turned(x, angle, a, b):
    """Channels `a` and `b` as pairs, turned."""
    y = np.empty(x.shape)
    y[..., a] = x[..., a] * np.cos(angle) - x[..., b] * np.sin(angle)
    y[..., b] = x[..., a] * np.sin(angle) + x[..., b] * np.cos(angle)
    return y


def angles(x, positions, base, power=2):
    """Of each position and pair."""
    i = np.arange(x.shape[2] // 2)
    return np.asarray(positions)[:, None] * base ** (-power * i / x.shape[2])


EVEN, ODD = slice(0, None, 2), slice(1, None, 2)


@mistake("7.2", "halves for pairs", "channel i is turned with channel i + d_h / 2: halves for pairs. "
         "Here the pairs are neighbours, 2i and 2i + 1.")  # fmt: skip
def halves(right, x, positions, base):
    half = x.shape[2] // 2
    return turned(x, angles(x, positions, base), slice(half), slice(half, None))


@mistake("7.2", "not woven", "the pairs are turned rightly, but the result has all first ones and then "
         "all second ones. They belong side by side, where they came from.")  # fmt: skip
def not_woven(right, x, positions, base):
    y = right.rope(x, positions, base)
    return np.concatenate([y[..., EVEN], y[..., ODD]], axis=2)


@mistake("7.2", "turned the other way", "every pair is turned by the negative angle: look at the signs "
         "of the two sines.")  # fmt: skip
def other_way(right, x, positions, base):
    return right.rope(x, -np.asarray(positions), base)


@mistake("7.2", "positions ignored", "the tokens are counted from 0. Their positions are given, and a "
         "text may be continued from anywhere.")  # fmt: skip
def from_zero(right, x, positions, base):
    return right.rope(x, np.arange(len(positions)), base)


@mistake("7.2", "exponent of the frequency", "the exponent is -i / d_h for pair i. It is -2i / d_h: the "
         "number of the pair's first channel.")  # fmt: skip
def half_exponent(right, x, positions, base):
    return turned(x, angles(x, positions, base, power=1), EVEN, ODD)


@mistake(
    "7.2",
    "one frequency",
    "all pairs are turned by one angle. Pair i turns slower the larger i is.",
)
def one_frequency(right, x, positions, base):
    return turned(x, angles(x, positions, base, power=0), EVEN, ODD)


@mistake("7.2", "frequencies upwards", "the exponent has the wrong sign: later pairs turn slower, by "
         "the base to a negative power.")  # fmt: skip
def upwards(right, x, positions, base):
    return turned(x, angles(x, positions, base, power=-2), EVEN, ODD)


@mistake("7.3", "the cache forgotten", "the cache is forgotten: the mask lies over its columns. Every "
         "new token sees all of the cache.")  # fmt: skip
def cache_forgotten(right, n, past):
    return np.tri(n, past + n, dtype=bool)


@mistake("7.3", "cache hidden", "the cache is hidden from the new tokens. They see all of it.")
def cache_hidden(right, n, past):
    return np.concatenate([np.zeros((n, past), bool), np.tri(n, dtype=bool)], axis=1)


@mistake(
    "7.3", "future seen", "a token sees those behind it: rows are who looks, columns who is seen."
)
def future_seen(right, n, past):
    return np.concatenate([np.ones((n, past), bool), np.tri(n, dtype=bool).T], axis=1)


@mistake("7.3", "itself not seen", "a token does not see itself. It does; the first one may have nothing "
         "else.")  # fmt: skip
def itself_hidden(right, n, past):
    return np.tri(n, past + n, past - 1, dtype=bool)


@mistake("7.3", "one too far", "each token sees the next one, too: off by one.")
def one_too_far(right, n, past):
    return np.tri(n, past + n, past + 1, dtype=bool)


@mistake("7.3", "hidden for seen", "what is True is what must *not* be seen. Turn it round.")
def hidden_for_seen(right, n, past):
    return ~right.visible(n, past)


@mistake("7.3", "everything seen", "every token sees everything, also what comes behind it.")
def everything(right, n, past):
    return np.ones((n, past + n), dtype=bool)


def scores_of(q, k, scale):
    group = len(q) // len(k)
    return q @ np.repeat(k, group, axis=0).transpose(0, 2, 1) * scale


def softmax(scores, axis=2):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def values_of(q, v):
    return np.repeat(v, len(q) // len(v), axis=0)


@mistake("7.4", "no scale", "the scores are not divided by the root of d_h.")
def no_scale(right, q, k, v, seen):
    return right.attend(q * np.sqrt(q.shape[2]), k, v, seen)


@mistake("7.4", "divided by d_h", "the scores are divided by d_h: divide by its root.")
def by_width(right, q, k, v, seen):
    return right.attend(q / np.sqrt(q.shape[2]), k, v, seen)


@mistake("7.4", "softmax over the queries", "the shares of a key sum to one over the queries. Those of a "
         "query do, over the keys: the last axis.")  # fmt: skip
def over_queries(right, q, k, v, seen):
    scores = np.where(seen, scores_of(q, k, q.shape[2] ** -0.5), -1e30)
    return (softmax(scores, axis=1) * seen) @ values_of(q, v)


@mistake("7.4", "masked after the softmax", "what is not seen is set to 0 after the softmax, and the rest "
         "sums to less than one. Mask the scores.")  # fmt: skip
def masked_after(right, q, k, v, seen):
    return (softmax(scores_of(q, k, q.shape[2] ** -0.5)) * seen) @ values_of(q, v)


@mistake("7.4", "0 for a hidden score", "a hidden score is set to 0, and e^0 is 1: it still counts. Set "
         "it to minus infinity.")  # fmt: skip
def zero_score(right, q, k, v, seen):
    return softmax(np.where(seen, scores_of(q, k, q.shape[2] ** -0.5), 0.0)) @ values_of(q, v)


@mistake("7.4", "mask ignored", "the mask is not used: every key is seen.")
def unmasked(right, q, k, v, seen):
    return right.attend(q, k, v, np.ones(np.shape(seen), dtype=bool))


@mistake("7.4", "heads dealt in turn", "query head i uses key head i modulo h_kv. Neighbours share one: "
         "repeat each key head, do not tile.")  # fmt: skip
def tiled(right, q, k, v, seen):
    group = len(q) // len(k)
    return right.attend(q, np.tile(k, (group, 1, 1)), np.tile(v, (group, 1, 1)), seen)


@mistake(
    "7.4",
    "overflow",
    "the exponential overflows for large scores: subtract each row's maximum first.",
)
def overflow(right, q, k, v, seen):
    scores = np.where(seen, scores_of(q, k, q.shape[2] ** -0.5), -np.inf)
    with np.errstate(all="ignore"):
        e = np.exp(scores)
        return e / e.sum(axis=2, keepdims=True) @ values_of(q, v)


def with_positions(right, x, cache, weights, base, positions, turn_values=False):
    """The right answer with other places for the new tokens."""
    new = {part: np.einsum("nd,dhw->hnw", x, weights[part]) for part in "qkv"}
    for part in "qkv" if turn_values else "qk":
        new[part] = right.rope(new[part], positions, base)
    longer = {part: np.concatenate([cache[part], new[part]], axis=1) for part in "kv"}
    longer["positions"] = np.concatenate([cache["positions"], positions])
    seen = right.visible(len(x), len(cache["positions"]))
    return right.attend(new["q"], longer["k"], longer["v"], seen), longer


def places(x, cache):
    """Where the new tokens stand."""
    past = cache["positions"]
    return (past[-1] + 1 if len(past) else 0) + np.arange(len(x))


@mistake("7.5", "positions restarted after a cut", "the new tokens stand at 0, 1, ... again. They stand "
         "behind the last position in the cache.")  # fmt: skip
def restarted(right, x, cache, weights, base):
    return with_positions(right, x, cache, weights, base, np.arange(len(x)))


@mistake("7.5", "positions counted by rows", "the new tokens stand where the number of rows says. Rows may "
         "have been dropped: the last *position* says it.")  # fmt: skip
def by_rows(right, x, cache, weights, base):
    rows = len(cache["positions"]) + np.arange(len(x))
    return with_positions(right, x, cache, weights, base, rows)


@mistake(
    "7.5", "off by one", "the first new token stands on the place of the cache's last one: add one."
)
def on_the_last(right, x, cache, weights, base):
    past = cache["positions"]
    rows = (past[-1] if len(past) else 0) + np.arange(len(x))
    return with_positions(right, x, cache, weights, base, rows)


@mistake("7.5", "cached keys turned again", "the cache's keys are turned once more. They were turned when "
         "they came in.")  # fmt: skip
def turned_again(right, x, cache, weights, base):
    again = {**cache, "k": right.rope(cache["k"], cache["positions"], base)}
    return right.continued(x, again, weights, base)


@mistake("7.5", "values turned", "the values are turned as well. Only queries and keys are.")
def values_turned(right, x, cache, weights, base):
    return with_positions(right, x, cache, weights, base, places(x, cache), turn_values=True)


@mistake("7.5", "queries not turned", "the keys are turned and the queries are not: their products then "
         "know places, and not distances.")  # fmt: skip
def queries_plain(right, x, cache, weights, base):
    _, longer = right.continued(x, cache, weights, base)
    q = np.einsum("nd,dhw->hnw", x, weights["q"])
    seen = right.visible(len(x), len(cache["positions"]))
    return right.attend(q, longer["k"], longer["v"], seen), longer


@mistake("7.5", "nothing kept", "the cache that you return has the new rows alone: the old ones stand "
         "before them.")  # fmt: skip
def nothing_kept(right, x, cache, weights, base):
    y, longer = right.continued(x, cache, weights, base)
    n = len(x)
    return y, {
        "k": longer["k"][:, -n:], "v": longer["v"][:, -n:], "positions": longer["positions"][-n:]
    }  # fmt: skip


@mistake(
    "7.5",
    "nothing added",
    "the cache that you return lacks the new rows: the next token must see them.",
)
def nothing_added(right, x, cache, weights, base):
    return right.continued(x, cache, weights, base)[0], dict(cache)
