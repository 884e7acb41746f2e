"""What is said of a wrong result, of an exception, and of a shape."""

import numpy as np
import pytest

from tokenlab.assignments import cells
from tokenlab.assignments.compare import argument_axes, axes_of, difference, returned_axes, same
from tokenlab.assignments.meanings import meaning

RIGHT = np.array([[1.0, 2.0, 4.0], [-3.0, 0.0, 8.0]])
SIZES = {2: ["n_docs"], 3: ["n_q"]}
LABELS = [["n_docs", "n_q"]]
SAID = {
    "nothing": (None, "nothing", "`return`"),
    "transposed": (RIGHT.T, "transposed", "rows and columns"),
    "shape": (RIGHT[:1], "shape", "(1, 3) = (?, n_q); expected (2, 3) = (n_docs, n_q)"),
    "flat": (RIGHT.ravel(), "shape", "The numbers are right"),
    "sum for mean": (3 * RIGHT, "scaled", "3 is n_q here: divide by it?"),
    "mean for sum": (RIGHT / 2, "scaled", "2 is n_docs here: multiply by it?"),
    "scaled": (1.7 * RIGHT, "scaled", "1.7 times"),
    "sign": (-RIGHT, "scaled", "wrong sign"),
    "shifted": (RIGHT + 0.25, "shifted", "by the same amount, 0.25"),
    "NaN": (np.where(RIGHT == 0, np.nan, RIGHT), "nan", "1 of 6 values are NaN; expected 0"),
    "infinite": (np.where(RIGHT == 0, np.inf, RIGHT), "infinite", "1 of 6 values are infinite"),
    "order": (RIGHT[:, ::-1], "order", "another order"),
    "values": (RIGHT + np.eye(2, 3), "values", "2 of 6 values differ, most at [0, 0]: 2, exp"),
    "text": ("x", "type", "a str"),
    "pair": ((RIGHT, RIGHT), "type", "a tuple of 2"),
    "list": (RIGHT.tolist(), "type", "`np.array(...)`"),
    "dtype": (RIGHT.astype(int), "dtype", "int64; expected float64"),
    "ragged": ([[1.0], [2.0, 3.0]], "type", "list"),
    "same": (RIGHT.copy(), "same", "right"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_difference_in_words(name):
    got, kind, text = SAID[name]
    found = difference(got, RIGHT, LABELS, SIZES)
    assert found.kind == kind
    assert text in found.text


def test_the_part_of_a_dict_is_named():
    found = difference(({"a": RIGHT, "b": -RIGHT}, 1), ({"a": RIGHT, "b": RIGHT}, 1), [], {})
    assert found.kind == "scaled"
    assert found.text == "value 1 of the 2 returned: 'b': every value has the wrong sign."
    found = difference({"a": RIGHT}, {"a": RIGHT, "b": RIGHT}, [], {})
    assert found.text == "its keys are 'a'; expected 'a', 'b'."


def test_the_part_of_a_tuple_is_named():
    found = difference((RIGHT, 2 * RIGHT), (RIGHT, RIGHT), [], {})
    assert found.kind == "scaled"
    assert found.text.startswith("value 2 of the 2 returned")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1.0, True),
        (np.float32(0.1), 0.1, True),
        ([1, 2], np.array([1, 2]), True),
        ((1, 2), (1, 3), False),
        ({"a": RIGHT}, {"a": RIGHT + 1e-9}, True),
        ({"a": 1}, {"b": 1}, False),
        (({"a": RIGHT}, 1), ({"a": RIGHT}, 1), True),
        (({"a": RIGHT}, 1), ({"a": RIGHT + 1}, 1), False),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf]), True),
        (np.array([1e-9, 1.0]), np.array([2e-9, 1.0]), True),
        (np.array([1e-9]), np.array([2e-9]), False),
        (None, 0, False),
        ("a", "a", True),
        ([[1], [2, 3]], [[1], [2, 3]], True),
        ([[1], [2, 3]], [[1], [2, 4]], False),
        (np.zeros(3), np.zeros((3, 1)), False),
        (np.zeros(0), np.zeros(0), True),
    ],
)
def test_same(a, b, expected):
    assert same(a, b) is expected
    assert same(b, a) is expected


def documented(query, tokens, k):
    """Something.

    Parameters
    ----------
    query, tokens : ndarray of shape (n, d)
    k : int
        As an ndarray of shape (wrong, line) is not.

    Returns
    -------
    ids : ndarray of shape (n, k)
    float
    """


def test_axes_come_from_the_docstring():
    assert argument_axes(documented) == {"query": ["n", "d"], "tokens": ["n", "d"]}
    arguments = {"query": np.zeros((2, 5)), "tokens": np.zeros((3, 5)), "k": 1}
    assert axes_of(documented, arguments) == {2: ["n"], 5: ["d"], 3: ["n"]}
    assert returned_axes(documented, 2) == [["n", "k"], []]


def provoked(code):
    try:
        exec(code, {"np": np, "x": np.ones((4, 3)), "y": np.ones((2, 3))})
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


EXCEPTIONS = {
    "x @ y": "2 is m, 3 is d",
    "x + y": "`x` is (4, 3) = (n, d)",
    "x.dot(y)": "`y` is (2, 3) = (m, d)",
    "x[4]": "Positions run from 0",
    "x[0.5]": "must be an integer",
    "x[0, 0, 0]": "more indices",
    "x.sum(axis=2)": "fewer axes",
    "if x > 0: pass": "one yes or no",
    "np.array([]).max()": "maximum of nothing",
    "np.array([[1], [2, 3]])": "different lengths",
    "z + 1": "`z` was never given a value",
    "np.softmax(x)": "NumPy has no function",
    "None + 1": "Something is None",
    "[1].mean()": "np.asarray",
    "1 / 0": "divided by 0",
    "x.flags.writeable = False; x[0] = 1": "work on a copy",
    "len(1, 2)": "",
}


@pytest.mark.parametrize("code", EXCEPTIONS)
def test_an_exception_is_explained(code):
    owners = {(4, 3): [("x", ["n", "d"])], (2, 3): [("y", ["m", "d"])]}
    said = meaning(provoked(code), {4: ["n"], 3: ["d"], 2: ["m"]}, owners)
    assert EXCEPTIONS[code].lower() in said.lower(), said


def test_cells_keep_their_line_numbers_and_texts():
    text = '"""Doc."""\n\n# %% [markdown]\n# Hello\n#\n# you\n\n# %% alt="x"\n\n\nx = 1\n# %%\n\n'
    found = cells.script_cells(text)
    assert [(c.kind, c.text, c.line) for c in found] == [
        ("code", '"""Doc."""', 1),
        ("markdown", "Hello\n\nyou", 4),
        ("code", "x = 1", 11),
    ]
