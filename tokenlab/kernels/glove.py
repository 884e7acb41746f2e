"""Twin of GloVe's trainer: one count after the other, its rows asked for in advance."""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.fetch import ask_for

AHEAD = 3  # counts whose rows are asked for in advance


def fitted(
    w: Any,
    c: Any,
    bias: Any,
    output_bias: Any,
    w_squares: Any,
    c_squares: Any,
    bias_squares: Any,
    output_bias_squares: Any,
    rows: Any,
    columns: Any,
    weight: Any,
    logs: Any,
    rate: float,
    official: bool,
) -> Any:
    """Twin of `tokenlab.embeddings.glove.fitted`."""
    parts = [x.copy() for x in (w, c, bias, output_bias)]
    sums = [x.copy() for x in (w_squares, c_squares, bias_squares, output_bias_squares)]
    each = (rows, columns, weight, logs)
    met = _fitted(*parts, *sums, *each, rate, official)  # type: ignore[call-arg]
    return *parts, *sums, np.asarray(met, dtype=w.dtype)


@njit
def _ask(x, sums, row):  # type: ignore[no-untyped-def]
    """A row, and its squares."""
    ask_for(x, row)
    ask_for(sums, row)


@njit
def _fitted(  # type: ignore[no-untyped-def]
    w,
    c,
    bias,
    output_bias,
    w_sums,
    c_sums,
    bias_sums,
    output_sums,
    rows,
    columns,
    weight,
    logs,
    rate,
    official,
):
    d = w.shape[1]
    kind = np.ones(1, w.dtype)[0]
    fast = type(kind)(rate)
    slow = type(kind)(1.0 if official else rate)
    inside = type(kind)(rate * rate if official else 1.0)
    met = 0.0
    for n in range(len(rows)):
        i = rows[n]
        j = columns[n]
        ahead = n + AHEAD
        if ahead < len(rows):
            _ask(w, w_sums, rows[ahead])
            _ask(c, c_sums, columns[ahead])
        off = bias[i] + output_bias[j] - type(kind)(logs[n])
        for t in range(d):
            off += w[i, t] * c[j, t]
        slope = type(kind)(weight[n]) * off
        met += slope * off
        for t in range(d):
            w_grad = slope * c[j, t]
            c_grad = slope * w[i, t]
            w[i, t] -= fast * w_grad / np.sqrt(w_sums[i, t])
            c[j, t] -= fast * c_grad / np.sqrt(c_sums[j, t])
            w_sums[i, t] += inside * w_grad * w_grad
            c_sums[j, t] += inside * c_grad * c_grad
        bias[i] -= slow * slope / np.sqrt(bias_sums[i])
        output_bias[j] -= slow * slope / np.sqrt(output_sums[j])
        bias_sums[i] += slope * slope
        output_sums[j] += slope * slope
    return met
