"""Twins of what the real models share: exponentials and norms while a row is in the cache.

NumPy multiplies. float64 goes back to the readable functions.
"""

from typing import Any

import numpy as np

from tokenlab.engine import REGISTRY
from tokenlab.kernels import njit
from tokenlab.kernels.exponential import LOG2E, _exp2_run
from tokenlab.models import parts

FLAT = np.float32(0)
P0, P1, P2, P3, P4, P5 = (np.float32(c) for c in parts.P)
Q0, Q1, Q2, Q3, Q4, Q5 = (np.float32(c) for c in parts.Q)
FAR, HALF, ONE = np.float32(parts.FAR), np.float32(0.5), np.float32(1)
HIGHEST = np.float32(126)
BLOCK = 1 << 17  # numbers of a block of rows: half a megabyte stays in the second cache


def small(*arrays: Any) -> bool:
    """Whether all are float32, which the loops are made for."""
    return all(x.dtype == np.float32 for x in arrays)


@njit
def _bias_gelu(x, bias):  # type: ignore[no-untyped-def]
    """The erf GELU of `x + bias`, in place: a quotient of polynomials, without an exponential."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            a = x[i, j] + bias[j]
            near = min(max(a, -FAR), FAR)
            z = near * near
            p = P0 + z * (P1 + z * (P2 + z * (P3 + z * (P4 + z * P5))))
            q = Q0 + z * (Q1 + z * (Q2 + z * (Q3 + z * (Q4 + z * Q5))))
            x[i, j] = HALF * a * (ONE + near * p / q)


@njit
def _silu_times(gate, up):  # type: ignore[no-untyped-def]
    """`silu(gate) * up` into `gate`."""
    width = gate.shape[1]
    power, scale = np.empty(width, np.float32), np.empty(width, np.float32)
    bits = scale.view(np.int32)
    for i in range(gate.shape[0]):
        for j in range(width):
            power[j] = -gate[i, j]
        _exp2_run(power, FLAT, LOG2E, HIGHEST, scale, bits)  # e^-x
        for j in range(width):
            gate[i, j] = gate[i, j] * up[i, j] / (ONE + power[j])


@njit
def _highest(row):  # type: ignore[no-untyped-def]
    """The maximum, from eight at a time: a single one would wait for itself at every number."""
    whole = len(row) - len(row) % 8
    a = b = c = d = e = f = g = h = row[0]
    for j in range(0, whole, 8):
        a, b, c, d = max(a, row[j]), max(b, row[j + 1]), max(c, row[j + 2]), max(d, row[j + 3])
        e, f, g = max(e, row[j + 4]), max(f, row[j + 5]), max(g, row[j + 6])
        h = max(h, row[j + 7])
    for j in range(whole, len(row)):
        a = max(a, row[j])
    return max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))


@njit
def _softmax_rows(s, bias):  # type: ignore[no-untyped-def]
    """Softmax of each row of `s + bias`, in place; `bias` has one row or as many."""
    n = s.shape[1]
    room = np.empty(n, np.float32)
    bits = room.view(np.int32)
    many = bias.shape[0] > 1
    for i in range(s.shape[0]):
        row, extra = s[i], bias[i] if many else bias[0]
        for j in range(n):
            row[j] = row[j] + extra[j]
        total = _exp2_run(row, _highest(row) * LOG2E, LOG2E, np.float32(1), room, bits)
        share = ONE / total
        for j in range(n):
            row[j] *= share


@njit
def _plain_softmax_rows(s):  # type: ignore[no-untyped-def]
    """The same without anything to add."""
    n = s.shape[1]
    room = np.empty(n, np.float32)
    bits = room.view(np.int32)
    for i in range(s.shape[0]):
        row = s[i]
        total = _exp2_run(row, _highest(row) * LOG2E, LOG2E, np.float32(1), room, bits)
        share = ONE / total
        for j in range(n):
            row[j] *= share


@njit
def _norm_rows(x, gain, bias, eps, out):  # type: ignore[no-untyped-def]
    d = x.shape[1]
    for i in range(x.shape[0]):
        mean = np.float32(0)
        for j in range(d):
            mean += x[i, j]
        mean /= np.float32(d)
        square = np.float32(0)
        for j in range(d):
            h = x[i, j] - mean
            square += h * h
        scale = ONE / np.sqrt(square / np.float32(d) + eps)
        for j in range(d):
            out[i, j] = (x[i, j] - mean) * scale * gain[j] + bias[j]


@njit
def _rms_rows(x, gain, eps, out):  # type: ignore[no-untyped-def]
    d = x.shape[1]
    for i in range(x.shape[0]):
        square = np.float32(0)
        for j in range(d):
            square += x[i, j] * x[i, j]
        scale = ONE / np.sqrt(square / np.float32(d) + eps)
        for j in range(d):
            out[i, j] = x[i, j] * scale * gain[j]


@njit
def _row_products(x, rows, out):  # type: ignore[no-untyped-def]
    """One row times each row of a matrix; four at a time, so that `x` is read once for them."""
    n, d = rows.shape
    whole = n - n % 4
    for o in range(0, whole, 4):
        a = b = c = e = np.float32(0)
        for j in range(d):
            a += x[j] * rows[o, j]
            b += x[j] * rows[o + 1, j]
            c += x[j] * rows[o + 2, j]
            e += x[j] * rows[o + 3, j]
        out[o], out[o + 1], out[o + 2], out[o + 3] = a, b, c, e
    for o in range(whole, n):
        a = np.float32(0)
        for j in range(d):
            a += x[j] * rows[o, j]
        out[o] = a


@njit
def _few_products(x, rows, out):  # type: ignore[no-untyped-def]
    """Two or more rows of `x` times rows of a matrix, a multiple of eight.

    Sixteen sums stay in registers: what is loaded for them, two and eight numbers, is used eight
    times and twice, and the matrix comes out of memory once, however many rows `x` has.
    """
    for o in range(0, len(rows), 8):
        for pair in range((len(x) + 1) // 2):
            i = min(2 * pair, len(x) - 2)  # an odd last row goes again with the one before it
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0)
            t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = np.float32(0)
            for j in range(x.shape[1]):
                a, b = x[i, j], x[i + 1, j]
                s0, t0 = s0 + a * rows[o, j], t0 + b * rows[o, j]
                s1, t1 = s1 + a * rows[o + 1, j], t1 + b * rows[o + 1, j]
                s2, t2 = s2 + a * rows[o + 2, j], t2 + b * rows[o + 2, j]
                s3, t3 = s3 + a * rows[o + 3, j], t3 + b * rows[o + 3, j]
                s4, t4 = s4 + a * rows[o + 4, j], t4 + b * rows[o + 4, j]
                s5, t5 = s5 + a * rows[o + 5, j], t5 + b * rows[o + 5, j]
                s6, t6 = s6 + a * rows[o + 6, j], t6 + b * rows[o + 6, j]
                s7, t7 = s7 + a * rows[o + 7, j], t7 + b * rows[o + 7, j]
            out[i, o], out[i, o + 1], out[i, o + 2], out[i, o + 3] = s0, s1, s2, s3
            out[i, o + 4], out[i, o + 5], out[i, o + 6], out[i, o + 7] = s4, s5, s6, s7
            out[i + 1, o], out[i + 1, o + 1], out[i + 1, o + 2], out[i + 1, o + 3] = t0, t1, t2, t3
            out[i + 1, o + 4], out[i + 1, o + 5], out[i + 1, o + 6], out[i + 1, o + 7] = (
                t4,
                t5,
                t6,
                t7,
            )


def mlp(x: Any, up: Any, up_bias: Any, down: Any, down_bias: Any) -> Any:
    """Twin of `tokenlab.models.parts.mlp`."""
    if not small(x, up, up_bias, down, down_bias):
        return parts.mlp.reference(x, up, up_bias, down, down_bias)  # type: ignore[attr-defined]
    hidden = parts.times(x, up)
    _bias_gelu(hidden, up_bias)
    y = parts.times(hidden, down)
    y += down_bias
    return y


def gated(x: Any, gate: Any, up: Any, down: Any) -> Any:
    """Twin of `tokenlab.models.parts.gated`."""
    if not small(x, gate, up, down):
        return parts.gated.reference(x, gate, up, down)  # type: ignore[attr-defined]
    g = parts.times(x, gate)
    _silu_times(g, parts.times(x, up))
    return parts.times(g, down)


def attended(q: Any, k: Any, v: Any, bias: Any = None) -> Any:
    """Twin of `tokenlab.models.parts.attended`, one head after the other."""
    if not small(q, k, v):
        return parts.attended.reference(q, k, v, bias)  # type: ignore[attr-defined]
    (h, n, d), n_keys = q.shape, k.shape[1]
    group = h // len(k)
    y = np.empty((n, h, v.shape[2]), np.float32)
    rows = max(1, min(n, BLOCK // max(n_keys, 1)))
    buffer = np.empty((rows, n_keys), np.float32)
    q = q * np.float32(d**-0.5)
    if bias is not None:
        bias = np.ascontiguousarray(bias, np.float32).reshape(-1, n_keys)
    for head in range(h):
        keys, values = k[head // group].T, v[head // group]
        for start in range(0, n, rows):
            part = slice(start, min(start + rows, n))
            s = buffer[: part.stop - start]
            np.matmul(q[head, part], keys, out=s)
            if bias is None:
                _plain_softmax_rows(s)
            else:
                _softmax_rows(s, bias if len(bias) == 1 else bias[part])
            np.matmul(s, values, out=y[part, head])
    return y.reshape(n, -1)


def row_products(x: Any, weight: Any) -> Any:
    """Twin of `tokenlab.models.parts.row_products`: eight columns at a time, then the rest."""
    if not small(x, weight) or not weight.flags.f_contiguous:
        return x @ weight
    x, rows = np.ascontiguousarray(x), weight.T
    out = np.empty((len(x), len(rows)), np.float32)
    tiled = len(rows) - len(rows) % 8 if len(x) > 1 else 0
    if tiled:
        _few_products(x, rows[:tiled], out)
    for i in range(len(x)):
        _row_products(x[i], rows[tiled:], out[i, tiled:])
    return out


def layer_norm(x: Any, gain: Any, bias: Any, eps: float = 1e-5) -> Any:
    """Twin of `tokenlab.models.layers.layer_norm`."""
    if not small(x, gain, bias):
        return REGISTRY["models.layer_norm"].reference(x, gain, bias, eps)
    out = np.empty(x.shape, np.float32)
    flat = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    _norm_rows(flat, gain, bias, np.float32(eps), out.reshape(flat.shape))
    return out


def rms_norm(x: Any, gain: Any, eps: float = 1e-5) -> Any:
    """Twin of `tokenlab.models.layers.rms_norm`."""
    if not small(x, gain):
        return REGISTRY["models.rms_norm"].reference(x, gain, eps)
    out = np.empty(x.shape, np.float32)
    flat = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    _rms_rows(flat, gain, np.float32(eps), out.reshape(flat.shape))
    return out
