"""Twins of the trainers of word vectors that go from pair to pair."""

import math
from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.fetch import ask_for

FAR = -30.0  # a product from where on log(1 + exp(-x)) is -x
TINY = 1e-150  # a product of sigmoids below which its logarithm is taken


def passed(
    table: Any,
    outputs: Any,
    rows: Any,
    starts: Any,
    words: Any,
    targets: Any,
    draws: Any,
    rates: Any,
    mean: bool,
    whole: bool,
) -> Any:
    """Twin of `tokenlab.embeddings.sequential.passed`."""
    table = table.copy()
    outputs = outputs.copy()
    met = _passed(table, outputs, rows, starts, words, targets, draws, rates, mean, whole)
    return table, outputs, np.asarray(met, dtype=table.dtype)


def one_epoch(
    table: Any,
    outputs: Any,
    rows: Any,
    starts: Any,
    ids: Any,
    offsets: Any,
    widths: Any,
    rates: Any,
    noise: Any,
    seed: int,
    negatives: int,
    mean: bool,
    shared: bool,
) -> Any:
    """Twin of `tokenlab.embeddings.sequential.one_epoch`."""
    table = table.copy()
    outputs = outputs.copy()
    loop = _shared_epoch if shared else _epoch
    own, texts = (rows, starts, mean), (ids, offsets, widths, rates)
    met, n = loop(table, outputs, *own, *texts, noise, np.uint64(seed), negatives)
    return table, outputs, np.asarray(met, dtype=table.dtype), n


@njit
def _learn(h, step, outputs, c, label, times, rate, one):  # type: ignore[no-untyped-def]
    """One target: its output row moves, and `step` gathers what the word will.

    Gives the product, its sign such that large is right, and the sigmoid of that.
    """
    product = h[0] * outputs[c, 0]
    for j in range(1, len(h)):
        product += h[j] * outputs[c, j]
    if not label:
        product = -product
    right = one / (one + math.exp(-product)) if product > -80 else one - one
    g = rate * times * (one - right)
    if not label:
        g = -g
    for j in range(len(h)):
        old = outputs[c, j]
        step[j] += g * old
        outputs[c, j] = old + g * h[j]
    return product, right


@njit
def _tally(state, product, right, times):  # type: ignore[no-untyped-def]
    """Adds -log of the sigmoid; a product of many has one logarithm."""
    if product < FAR:
        state[0] -= times * product
    elif times == 1:
        state[1] *= right
        if state[1] < TINY:
            state[0] -= math.log(state[1])
            state[1] = 1.0
    else:
        state[0] -= times * math.log(right)


@njit
def _total(state):  # type: ignore[no-untyped-def]
    """The losses so far."""
    return state[0] - math.log(state[1])


@njit
def _gather(h, table, rows, first, last, share):  # type: ignore[no-untyped-def]
    """The sum of some rows, or their mean."""
    h[:] = 0
    for r in range(first, last):
        row = rows[r]
        for j in range(len(h)):
            h[j] += table[row, j]
    for j in range(len(h)):
        h[j] *= share


@njit
def _scatter(step, table, rows, first, last, share):  # type: ignore[no-untyped-def]
    """Move those rows."""
    for r in range(first, last):
        row = rows[r]
        for j in range(len(step)):
            table[row, j] += share * step[j]


@njit
def _pair(h, step, outputs, target, draws, rate, one, state):  # type: ignore[no-untyped-def]
    """What stands near, and what is drawn for it."""
    product, right = _learn(h, step, outputs, target, True, one, rate, one)
    _tally(state, product, right, 1)
    for k in range(len(draws)):
        if draws[k] != target:
            product, right = _learn(h, step, outputs, draws[k], False, one, rate, one)
            _tally(state, product, right, 1)


@njit
def _around(h, step, outputs, i, low, high, ids, draws, rate, one, state):  # type: ignore[no-untyped-def]
    """All that stands near a place, and one draw for all of it."""
    for p in range(low, high):
        if p != i:
            product, right = _learn(h, step, outputs, ids[p], True, one, rate, one)
            _tally(state, product, right, 1)
    for k in range(len(draws)):
        c = draws[k]
        times = 0
        for p in range(low, high):
            times += p != i and ids[p] != c
        if times > 0:
            many = type(one)(times)
            product, right = _learn(h, step, outputs, c, False, many, rate, one)
            _tally(state, product, right, times)


@njit
def _passed(  # type: ignore[no-untyped-def]
    table, outputs, rows, starts, words, targets, draws, rates, mean, whole
):
    h = np.zeros(table.shape[1], table.dtype)
    step = np.zeros(table.shape[1], table.dtype)
    one = np.ones(1, table.dtype)[0]
    state = np.array([0.0, 1.0])
    for i in range(len(words)):
        first = starts[words[i]]
        last = starts[words[i] + 1]
        if first == last:
            continue
        share = one / type(one)(last - first) if mean else one
        _gather(h, table, rows, first, last, share)
        step[:] = 0
        _pair(h, step, outputs, targets[i], draws[i], type(one)(rates[i]), one, state)
        _scatter(step, table, rows, first, last, one if whole else share)
    return _total(state)


@njit
def _drawn(noise, number):  # type: ignore[no-untyped-def]
    """Twin of one number of `tokenlab.embeddings.draws.drawn`."""
    mixed = number * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return noise[np.int64(mixed & np.uint64(len(noise) - 1))]


@njit
def _look_ahead(draws, noise, number, outputs):  # type: ignore[no-untyped-def]
    """What the numbers from one on draw; their rows are asked for."""
    for k in range(len(draws)):
        draws[k] = _drawn(noise, number + np.uint64(k))
        ask_for(outputs, draws[k])


@njit
def _ask_for_word(table, rows, starts, ids, i):  # type: ignore[no-untyped-def]
    """The rows of the word at a place, if there is one."""
    if i < len(ids):
        for r in range(starts[ids[i]], starts[ids[i] + 1]):
            ask_for(table, rows[r])


@njit
def _epoch(  # type: ignore[no-untyped-def]
    table, outputs, rows, starts, mean, ids, offsets, widths, rates, noise, number, negatives
):
    h = np.zeros(table.shape[1], table.dtype)
    step = np.zeros(table.shape[1], table.dtype)
    one = np.ones(1, table.dtype)[0]
    state = np.array([0.0, 1.0])
    draws = np.empty((2, negatives), np.int64)  # of a pair and of the next, in turn
    _look_ahead(draws[0], noise, number, outputs)
    met = 0
    for t in range(len(offsets) - 1):
        for i in range(offsets[t], offsets[t + 1]):
            first = starts[ids[i]]
            last = starts[ids[i] + 1]
            share = one / type(one)(max(last - first, 1)) if mean else one
            _ask_for_word(table, rows, starts, ids, i + 1)
            low = max(offsets[t], i - widths[i])
            for p in range(low, min(offsets[t + 1], i + widths[i] + 1)):
                if p == i:
                    continue
                turn = met % 2
                met += 1
                number += np.uint64(negatives)
                _look_ahead(draws[1 - turn], noise, number, outputs)
                if first < last:  # else there is nothing to learn from
                    _gather(h, table, rows, first, last, share)
                    step[:] = 0
                    _pair(h, step, outputs, ids[p], draws[turn], type(one)(rates[i]), one, state)
                    _scatter(step, table, rows, first, last, one)
    return _total(state), met


@njit
def _shared_epoch(  # type: ignore[no-untyped-def]
    table, outputs, rows, starts, mean, ids, offsets, widths, rates, noise, number, negatives
):
    h = np.zeros(table.shape[1], table.dtype)
    step = np.zeros(table.shape[1], table.dtype)
    one = np.ones(1, table.dtype)[0]
    state = np.array([0.0, 1.0])
    draws = np.empty((2, negatives), np.int64)  # of a place and of the next, in turn
    _look_ahead(draws[0], noise, number, outputs)
    met = 0
    for t in range(len(offsets) - 1):
        for i in range(offsets[t], offsets[t + 1]):
            number += np.uint64(negatives)
            _look_ahead(draws[(i + 1) % 2], noise, number, outputs)
            _ask_for_word(table, rows, starts, ids, i + 1)
            first = starts[ids[i]]
            last = starts[ids[i] + 1]
            low = max(offsets[t], i - widths[i])
            high = min(offsets[t + 1], i + widths[i] + 1)
            met += high - low - 1
            if high - low > 1 and first < last:
                share = one / type(one)(last - first) if mean else one
                _gather(h, table, rows, first, last, share)
                step[:] = 0
                rate = type(one)(rates[i])
                _around(h, step, outputs, i, low, high, ids, draws[i % 2], rate, one, state)
                _scatter(step, table, rows, first, last, one)
    return _total(state), met
