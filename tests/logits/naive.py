"""Plain loops for the output layer, written apart from the code under test."""

import math


def probabilities(code_logits, mapping, counts=None, smoothing=1.0):
    """`p(v)` of every token for one row of code logits; shares by counts where they are given."""
    codes = range(len(code_logits))
    members = [[v for v, k in enumerate(mapping) if k == code] for code in codes]
    top = max(code_logits[k] for k in codes if members[k])
    if counts is None:
        z = sum(math.exp(code_logits[mapping[v]] - top) for v in range(len(mapping)))
        return [math.exp(code_logits[k] - top) / z for k in mapping]
    z = sum(math.exp(code_logits[k] - top) for k in codes if members[k])
    out = []
    for v, k in enumerate(mapping):
        total = sum(counts[w] + smoothing for w in members[k])
        share = (counts[v] + smoothing) / total if total else 1 / len(members[k])
        out.append(math.exp(code_logits[k] - top) / z * share)
    return out


def ranked(values, k):
    """The ids of the `k` largest values, ties by id."""
    return sorted(range(len(values)), key=lambda v: (-values[v], v))[:k]


def numerical_gradient(function, x, eps=1e-6):
    """Central differences of a number with respect to an array."""
    grad = 0 * x
    for at in range(x.size):
        for sign in (1, -1):
            moved = x.copy()
            moved.flat[at] += sign * eps
            grad.flat[at] += sign * function(moved) / (2 * eps)
    return grad
