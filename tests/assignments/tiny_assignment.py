"""A tiny assignment in a folder of its own, so that the machinery is tested apart from contents."""

from pathlib import Path

SOURCE = '''
# %% [markdown]
# # Tiny
#
# It takes 5 minutes.

# %%
import numpy as np

from tokenlab import step

SCALE = 2.0

# %% [markdown]
# ## Task 1.1 (2 points): double


# %%
def double(x):
    """Twice.

    Parameters
    ----------
    x : ndarray of shape (n, d)

    Returns
    -------
    ndarray of shape (n, d)
    """
    ### BEGIN SOLUTION
    return SCALE * x
    ### END SOLUTION


# %% [markdown]
# ## Task 1.2 (3 points): the sum of the doubles of each row


# %%
def total(x, y):
    """Row sums of twice the product.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    y : ndarray of shape (d, m)

    Returns
    -------
    ndarray of shape (n,)
    """
    # Make `product`.
    ### BEGIN SOLUTION
    product = double(x) @ y
    ### END SOLUTION
    product = step("product", product, axes=("n", "m"))
    ### BEGIN SOLUTION
    return product.sum(axis=1)
    ### END SOLUTION


# %%
print(total(np.ones((2, 2)), np.ones((2, 2))))

# %% [markdown]
# ## Open question (1 point)
#
# Why?

# %% [markdown]
# *Your answer:*
'''

PUBLIC = '''
"""Public."""

import numpy as np

from tokenlab.assignments import task


@task("1.1", points=1)
def test_ones(answer):
    np.testing.assert_array_equal(answer.double(np.ones((2, 3))), np.full((2, 3), 2.0))


@task("1.2", points=1)
def test_small(answer):
    x, y = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]), np.ones((3, 4))
    np.testing.assert_allclose(answer.total(x, y), [48, 128])
'''

HIDDEN = '''
"""Hidden."""

import numpy as np

from tokenlab.assignments import task

BIG = 7.0


@task("1.1", points=1)
def test_more(answer):
    x = np.full((2, 3), BIG)
    np.testing.assert_array_equal(answer.double(x), x + x)


@task("1.2", points=2)
def test_random(answer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    np.testing.assert_allclose(answer.total(x, y), 2 * (x @ y).sum(axis=1))
'''

MISTAKES = '''
"""Mistakes."""

from tokenlab.assignments import mistake


@mistake("1.2", "mean for sum", "the mean is taken where the sum is wanted: use `sum`.")
def mean_for_sum(right, x, y):
    return right.total(x, y) / y.shape[1]
'''

WRONG = """
# %% 1.2 | mean for sum
def total(x, y):
    return (2 * x @ y).mean(axis=1)
"""


def write(folder: Path) -> Path:
    """Write the assignment `a01_tiny` into a folder, and return the folder."""
    home = folder / "a01_tiny"
    home.mkdir(parents=True)
    texts = {"source": SOURCE, "test_public": PUBLIC, "test_hidden": HIDDEN}
    texts |= {"mistakes": MISTAKES, "wrong": WRONG}
    for name, text in texts.items():
        (home / f"{name}.py").write_text(text.lstrip(), encoding="utf-8")
    (home / "TEACHER.md").write_text("# Tiny\n", encoding="utf-8")
    return folder
