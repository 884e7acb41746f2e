# %% [markdown]
# # Add a paper of your own
#
# Every method in this collection is one file with the same parts: a docstring that is the paper in
# small, functions from the parts to the whole, comments that a recording shows, a fast twin where a
# loop pays, notes behind the code, and tests that find the newcomer by themselves. We add token pooling,
# which makes the index of a late-interaction search smaller, as a rule of pruning. (The collection has
# the paper in `tokenlab.retrieval.token_pooling`; we write it anew, as if it were not there.)
#
# **You will be able to**
#
# - turn a paper into a module of the collection, part by part,
# - write a Numba twin and prove that it gives what the readable function gives,
# - name the five files that add a paper, and say what the contract tests demand of them,
# - test the paper's claim on real data, next to an honest floor.
#
# Needs: [token retrieval](01_token_retrieval.md) for MaxSim, and
# [merging tokens](10_merging_tokens.md) for $Y = WX$. About 60 minutes. The files are written to a
# temporary folder: nothing that is installed changes.

# %%
import doctest
import importlib
import inspect
import re
import tempfile
import time
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

import tokenlab.kernels
import tokenlab.pruning
from tokenlab import record
from tokenlab.data import load_faq
from tokenlab.numerics import unit
from tokenlab.papers import PAPERS, Paper
from tokenlab.pruning import group_means, uniform
from tokenlab.retrieval import TokenIndex, maxsim
from tokenlab.retrieval.metrics import ndcg
from tokenlab.steps import Steps
from tokenlab.tour.step_throughs import step_through

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

# %% [markdown]
# ## The list
#
# Five files add a paper, as [contributing](../contributing.md) says; the first two are new, the others
# get a few lines, and all else finds the newcomer.
#
# | | file | what stands in it | here |
# |---|---|---|---|
# | 1 | `tokenlab/<family>/<paper>.py` | the method, in the shape of its neighbours | section 2 |
# | 2 | `tests/<family>/test_<paper>.py` | a case by hand, a naive loop, properties, edges | sections 1 and 4 |
# | 3 | `tests/<family>/cases.py` | example arguments for the contract tests | section 5 |
# | 4 | `tokenlab/papers.toml` | what README, gallery and command line say of it | section 5 |
# | 5 | `tokenlab/tour/<family>.py` | the run that `tokenlab steps` records | section 5 |
#
# A twin (section 3) comes on top, where a loop beats NumPy. The paper's claim is measured (section 6),
# and what bends goes into the notes with its numbers.
#
# ## 1. The paper, by hand
#
# *Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling*
# (Clavié, Chaffin, Adams, 2024): cluster the token vectors of each document hierarchically, keep the
# mean of each cluster. The clustering is Ward's: begin with every token alone, and again and again merge
# the two clusters whose merging raises the squared error least. For clusters of sizes $s_a, s_b$ and
# means $\mu_a, \mu_b$ that rise is
#
# $$\Delta_{ab} = \frac{s_a s_b}{s_a + s_b}\,\lVert \mu_a - \mu_b \rVert^2.$$
#
# Five numbers to two clusters. The naive loop recomputes everything in every round, in plain Python:


# %%
def naive_ward(x, k):
    clusters = [[i] for i in range(len(x))]
    while len(clusters) > k:
        best = None
        for a in range(len(clusters)):
            for b in range(a + 1, len(clusters)):
                one, two = (np.mean([x[i] for i in clusters[c]], axis=0) for c in (a, b))
                sizes = len(clusters[a]), len(clusters[b])
                rise = sizes[0] * sizes[1] / sum(sizes) * float(((one - two) ** 2).sum())
                if best is None or rise < best[0]:
                    best = rise, a, b
        clusters[best[1]] += clusters.pop(best[2])
    return sorted(sorted(c) for c in clusters)


# %%
five = np.array([[0.0], [1.0], [4.0], [6.0], [7.5]])
for k in (4, 3, 2, 1):
    print(k, "clusters:", naive_ward(five, k))

# %% [markdown]
# Check the third step on paper. Clusters are $\{0, 1\}$ with mean 0.5, $\{4\}$, and $\{6, 7.5\}$ with mean
# 6.75. Merging the first two: $\frac{2 \cdot 1}{3} \cdot 3.5^2 = 8.17$. The last two:
# $\frac{1 \cdot 2}{3} \cdot 2.75^2 = 5.04$. So 4 joins the upper ones.

# %%
print("rises:", round(2 / 3 * 3.5**2, 2), round(2 / 3 * 2.75**2, 2))
assert naive_ward(five, 2) == [[0, 1], [2, 3, 4]]

# %% [markdown]
# ## 2. The file
#
# **The docstring is the paper in small**, always in this order: title, authors, year, identifier; the
# idea in three sentences; a table of symbols; the equations with numbers; *Example*. It has at most 200
# words, formulas not counted, because the code is what a reader came for.

# %%
docstring = r'''r"""Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via Token
Pooling.

Benjamin Clavié, Antoine Chaffin, Griffin Adams. 2024. arXiv:2409.14683

Late interaction keeps a vector for every token, and many of them say the same. Token pooling
clusters the tokens of each document by Ward's method and keeps the mean of each cluster. It needs
no training and changes nothing but the index.

| paper's symbol | name here | shape |
|---|---|---|
| token vectors of a document | `x` | `(n, d)` |
| pooling factor | `n / k` | |
| protected tokens | `protect` | |

$$\Delta_{ab} = \frac{s_a s_b}{s_a + s_b} \lVert \mu_a - \mu_b \rVert^2 \qquad (1)$$
$$\mu_{ab} = \frac{s_a \mu_a + s_b \mu_b}{s_a + s_b}, \qquad s_{ab} = s_a + s_b \qquad (2)$$

Example
-------
    reduction = token_pooling.reduce(index.doc(0), k=0.5)
    pooled = reduction.apply(index.doc(0))
"""
'''

# %% [markdown]
# **Then the parts**, from the smallest on. Arrays go through `get_xp`, which returns NumPy or CuPy,
# whichever the arrays are from. `step(x)` returns `x`, and its comment is read while somebody records:
#
#     owner = step(owner)  # (n,) -> n: the first token of its cluster
#     name                    axes, what the numbers are places in, and a note
#
# A line that realises an equation says so, `# Eq. (1)`, and so does one that changes a shape.
# `@accelerated` says that there is a twin, and from how much work on it pays. The body is the shortest
# NumPy that states the equations; it knows nothing of the twin.

# %%
parts = r'''
from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput
from tokenlab.pruning.mergers import group_means
from tokenlab.pruning.reduction import Reduction
from tokenlab.pruning.selectors import checked_budget
from tokenlab.steps import step

__all__ = ["reduce"]


@accelerated("token_pooling.ward_groups", work=lambda x, k: len(x) ** 2, pays_from=1e3)
def ward_groups(x: Any, k: int) -> Any:
    """The first member of each row's cluster, `(n,)`, when pairs merge until `k` are left."""
    xp, n = get_xp(x), len(x)
    middle = x.astype(xp.float64)  # (n, d)
    size = xp.ones(n)  # of the cluster that begins at each row, 0 where none does
    owner = xp.arange(n)
    rise = xp.full((n, n), xp.inf)  # (n, n), for a < b
    for a in range(n):
        rise[a, a + 1 :] = rises(middle, size, a)[a + 1 :]
    step(rise)  # (n, n) [Δ, Eq. (1)] what merging each pair would cost
    for _ in range(n - k):
        a, b = divmod(int(rise.argmin()), n)  # of several the first
        total = size[a] + size[b]
        middle[a] += size[b] / total * (middle[b] - middle[a])  # Eq. (2): equal rows stay equal
        size[a], size[b] = total, 0
        owner[owner == b] = a
        # The second is gone, and the first costs something else with every other one.
        rise[b], rise[:, b] = xp.inf, xp.inf
        cost = xp.where(size > 0, rises(middle, size, a), xp.inf)  # (n,)
        rise[a, a + 1 :], rise[:a, a] = cost[a + 1 :], cost[:a]
    return step(owner)  # (n,) -> n: the first token of its cluster


def rises(middle: Any, size: Any, a: int) -> Any:
    """What merging cluster `a` with each other one would cost, `(n,)`."""
    gaps = ((middle - middle[a]) ** 2).sum(axis=1)  # (n,)
    return size[a] * size / (size[a] + size) * gaps  # Eq. (1)
'''

# %% [markdown]
# **And the whole**: one public function that calls the parts and returns what its family returns. In
# `tokenlab.pruning` a rule is the function `reduce` of its paper's module, and returns a `Reduction`.
# `@takes(x="n d")` says once what comes in: arrays of one library, finite floats, two axes, of which
# errors speak by name. Options go through `checks`. The docstring states shapes, and its example is a
# doctest.

# %%
whole = r'''

@takes(x="n d")
def reduce(x: Any, *, k: int | float, protect: int = 0, rounding: str = "half_up") -> Reduction:
    r"""Merge the tokens of a document into the means of `k` clusters, (1) and (2).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        The budget, see `selectors.budget`; protected tokens count.
    protect : int
        Tokens in front, such as CLS, that stay as they are.
    rounding : {"half_up", "down", "up"}

    Returns
    -------
    Reduction

    Examples
    --------
    $ merged = reduce([[0.0], [1.0], [4.0], [6.0], [7.5]], k=2)
    $ merged.kept.tolist(), merged.apply([[0.0], [1.0], [4.0], [6.0], [7.5]]).round(2).tolist()
    ([0, 2], [[0.5], [5.83]])
    """
    xp = get_xp(x)
    k = checked_budget(k, len(x), rounding)
    protect = checks.count(protect, "protect", at_least=0)
    if protect >= k and k < len(x):
        raise InvalidInput(
            f"reduce: protect is {protect}, but k = {k} tokens are to be left; expected fewer, so "
            "that one cluster at least remains."
        )
    protect = min(protect, len(x) - 1)
    owner = ward_groups(x[protect:], k - protect) + protect  # (n - protect,)
    owner = xp.concatenate([xp.arange(protect), owner])  # (n,)
    kept, row = xp.unique(owner, return_inverse=True)  # (k,), (n,)
    step(kept)  # (k,) -> n: where clusters stand
    return group_means(kept, row)
'''
# A notebook strips the prompt from its lines, even in a string, so it is put in here.
whole = whole.replace("    $ ", "    >>> ")

# %% [markdown]
# **What does not explain the code stands behind it**, in `NOTES`: *Differs from the paper*, so that it is
# said before anybody has to ask, *Cost*, and where it helps *Why not just*. The API page and
# `tokenlab papers token_pooling` show it.

# %%
notes = r'''

NOTES = r"""
Differs from the paper
----------------------
- The published code clusters the rows of the matrix of cosine distances; here it is the vectors.
- Means are not scaled back to length one.

Cost
----
$n^2 d / 2$ for all distances, then $n - k$ rounds of $O(n^2)$ in the readable function.
"""
'''

# %% [markdown]
# ## 3. The twin
#
# The readable function looks through the whole matrix in every round. A loop can remember the best
# partner of each row and look again only where that one changed. The twin has the same signature, lives
# in `tokenlab/kernels/`, takes arrays that the public function has checked, and settles ties in the same
# way.

# %%
twin = r'''"""Twin of token pooling."""

import numpy as np

from tokenlab.kernels import njit


@njit
def ward_groups(x, k):  # type: ignore[no-untyped-def]
    """Each row remembers its best later partner, and looks again only when that one changed."""
    n = len(x)
    middle = x.astype(np.float64)
    size = np.ones(n)
    owner = np.arange(n)
    rise = np.full((n, n), np.inf)
    nearest = np.zeros(n, np.int64)
    for a in range(n):
        for b in range(a + 1, n):
            rise[a, b] = _rise(middle, size, a, b)
        nearest[a] = rise[a].argmin()
    for _ in range(n - k):
        a = 0
        for r in range(n):
            if rise[r, nearest[r]] < rise[a, nearest[a]]:
                a = r
        b = nearest[a]
        middle[a] += size[b] / (size[a] + size[b]) * (middle[b] - middle[a])
        size[a], size[b] = size[a] + size[b], 0.0
        rise[b] = np.inf
        for r in range(n):
            owner[r] = a if owner[r] == b else owner[r]
            rise[r, b] = np.inf
            if size[r] > 0 and r != a:
                rise[min(r, a), max(r, a)] = _rise(middle, size, min(r, a), max(r, a))
        for r in range(b):
            again = r == a or nearest[r] == a or nearest[r] == b
            if again:
                nearest[r] = rise[r].argmin()
            elif r < a and (rise[r, a], a) < (rise[r, nearest[r]], nearest[r]):
                nearest[r] = a
    return owner


@njit
def _rise(middle, size, a, b):  # type: ignore[no-untyped-def]
    gap = 0.0
    for j in range(middle.shape[1]):
        gap += (middle[b, j] - middle[a, j]) ** 2
    return size[a] * size[b] / (size[a] + size[b]) * gap
'''

# %% [markdown]
# In the repository these are `tokenlab/pruning/token_pooling.py` and a function in
# `tokenlab/kernels/pruning.py` (the decorator then says `"pruning.ward_groups"`). Here they go to a
# temporary folder, and we lend that folder to the two packages, so that Python finds the modules under
# their real names.

# %%
folder = tempfile.TemporaryDirectory()
lab = Path(folder.name)
files = {"pruning": docstring + parts + whole + notes, "kernels": twin}
for package, text in files.items():
    (lab / package).mkdir()
    (lab / package / "token_pooling.py").write_text(text, encoding="utf-8")
    getattr(tokenlab, package).__path__.append(str(lab / package))
importlib.invalidate_caches()
token_pooling = importlib.import_module("tokenlab.pruning.token_pooling")
print(
    token_pooling.reduce(five, k=2), token_pooling.reduce(five, k=2).apply(five).round(2).tolist()
)

# %% [markdown]
# ## 4. Tests
#
# The doctest first, then the naive loop, then a library that somebody else wrote: SciPy has Ward's
# method, so it is our oracle. It is not our implementation, because NumPy alone is required here, and
# because a reader would see nothing in it.

# %%
result = doctest.testmod(token_pooling)
print(f"doctests: {result.attempted} run, {result.failed} failed")
assert result.attempted
assert not result.failed


def as_sets(owner):
    return sorted(sorted(np.flatnonzero(owner == o).tolist()) for o in np.unique(owner))


rng = np.random.default_rng(0)
for n, k in ((1, 1), (2, 1), (9, 3), (12, 12), (20, 7)):
    x = rng.standard_normal((n, 3))
    mine = as_sets(token_pooling.ward_groups(x, k))
    assert mine == naive_ward(x, k)
    if n > 1:
        assert mine == as_sets(fcluster(linkage(x, method="ward"), k, criterion="maxclust"))
print("agrees with the naive loop and with SciPy")

# %% [markdown]
# Properties that must hold for any input: rows of $W$ sum to one, sizes to the number of tokens, all
# tokens kept changes nothing, protected ones stay. And edges: what is wrong must be refused in words.

# %%
x = rng.standard_normal((30, 4)).astype(np.float32)
merged = token_pooling.reduce(x, k=0.3, protect=2)
np.testing.assert_allclose(merged.matrix().sum(axis=1), 1)
assert merged.size.sum() == 30
np.testing.assert_array_equal(merged.apply(x)[:2], x[:2])
np.testing.assert_allclose(token_pooling.reduce(x, k=1.0).apply(x), x)
for wrong in ({"k": 0}, {"k": 2, "protect": 2}, {"k": 1.5}):
    try:
        token_pooling.reduce(x, **wrong)
        raise AssertionError(wrong)
    except tokenlab.errors.InvalidInput as error:
        print(error)

# %% [markdown]
# **Parity**: the twin must give what the reference gives, on random, tied, single and extreme input. Ties
# must be real ones: in the numbers 0 to 38, shuffled, all neighbours are equally near, and the first
# thirteen merges are all of two single numbers, so that no rounding can decide.

# %%
ties = rng.permutation(np.arange(39.0))[:, None]
cases = {"random": rng.standard_normal((60, 8)), "tied": ties, "equal": np.ones((9, 2))}
cases |= {"one row": np.ones((1, 3)), "huge": 2.0**500 * ties, "float32": x}
for name, data in cases.items():
    for k in {1, -(-2 * len(data) // 3), len(data)}:
        expected = token_pooling.ward_groups.reference(data, k)
        np.testing.assert_array_equal(token_pooling.ward_groups.twin()(data, k), expected)
    print(f"{name:<8} same clusters")

# %%
faq = load_faq()
doc = faq.index.doc(0)
clock = {}
for name in ("reference", "twin"):
    function = (
        token_pooling.ward_groups.twin() if name == "twin" else token_pooling.ward_groups.reference
    )
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        function(doc, len(doc) // 2)
        rounds.append(time.perf_counter() - start)
    clock[name] = 1000 * min(rounds)
    print(f"{name:<9} {clock[name]:6.2f} ms for {len(doc)} tokens to {len(doc) // 2}")
print(f"the twin is {clock['reference'] / clock['twin']:.0f} times as fast here")
assert clock["twin"] < clock["reference"]

# %% [markdown]
# The engine chooses by itself: the twin for large inputs, the readable function for small ones and
# whenever somebody records. So this shows the code that you wrote above, line by line:

# %%
with record(labels={"n": [f"{v:g}" for v in five[:, 0]]}) as steps:
    token_pooling.reduce(five, k=2)
print(steps)
steps

# %% [markdown]
# ## 5. The contract, and the other files
#
# `tests/test_contract.py`, `tests/test_parity.py` and `tests/test_house.py` find every module and every
# public function by themselves. They fail until a newcomer has example arguments, and they ask of each:
#
# - the docstring's sections and those of `NOTES`, in order; shapes stated; examples that run;
# - at most 200 words before the code, at most 350 lines, functions of at most 30 statements, an eighth
#   of the lines with a comment, no function with its module's name;
# - `@takes` on functions of arrays, and the vocabulary of all other papers: `k`, `protect`, `rounding`;
# - the function run through a stand-in for CuPy that refuses NumPy in four ways: `x + np.zeros(3)`,
#   `np.exp(x)`, `x[np_index]` and `np.asarray(x)` all fail, so write `xp.`, and make arrays with `xp.`;
# - a mix of two array libraries refused with a clear message;
# - twin and reference equal on every registered input;
# - the paper in `papers.toml`, with title, authors, year and identifier as in the docstring.
#
# Some of that in a few lines:

# %%
doc_text, source = token_pooling.__doc__, inspect.getsource(token_pooling)
wanted = ("paper's symbol", "$$", "Example\n---", "Differs from the paper\n---", "Cost\n---")
at = [(doc_text + token_pooling.NOTES).index(part) for part in wanted]
assert at == sorted(at), "sections are out of order"
without_formulas = re.sub(r"\$\$.*?\$\$", " ", doc_text, flags=re.DOTALL).split()
words = sum(any(letter.isalpha() for letter in word) for word in without_formulas)
assert words <= 200
assert len(source.splitlines()) <= 350
assert not re.search(r"\bnp\.", source), "NumPy by name would fail on CuPy arrays"
for name in token_pooling.__all__:
    text = inspect.getdoc(getattr(token_pooling, name))
    assert all(section in text for section in ("Parameters\n---", "Examples\n---")), name
print(f"{words} words before the code, {len(source.splitlines())} lines, sections in order")

# %% [markdown]
# In `tests/<family>/cases.py`, example arguments (`asarray` makes arrays of either library), and inputs for
# parity where there is a twin. A pruning rule gets two lines more, in `tests/pruning/rules.py`: the generic
# properties of the whole family then run on it. They found two things in the first draft of this module:
# that a share's rounding could not be named, and that `kept` depends on the order of the tokens (a cluster
# stands in the place of its first member), which has to be declared, in `POSITIONAL` there:

# %%
registration = """
# tests/pruning/cases.py
@case("tokenlab.pruning.token_pooling.reduce")
def _(asarray):
    return (asarray(random(9, 4)),), {"k": 3, "protect": 1}


@parity("pruning.ward_groups")
def _():
    for n, k in ((1, 1), (2, 1), (30, 20), (30, 30)):
        yield random(n, 5), k
        yield eighths(n, 2), k


# tests/pruning/rules.py, in RULES and in ARGUMENTS
    "token_pooling": lambda t, k: token_pooling.reduce(t.x, k=k),
    "token_pooling": lambda t: ((t.x,), {}),
"""
print(registration)

# %% [markdown]
# In `papers.toml` the paper, from which README's table, the gallery, the page on citing and
# `tokenlab papers` are made. Its claim is quoted, not endorsed:

# %%
entry = """
[[paper]]
key = "ward_pooling"
title = "Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling"
authors = "Benjamin Clavié, Antoine Chaffin, Griffin Adams"
year = 2024
venue = "preprint"
identifier = "arXiv:2409.14683"
module = "tokenlab.pruning.token_pooling"
claim = "Half of the vectors can go with virtually no loss, and two thirds to three quarters with less than 5 % on a vast majority of datasets."
name = "Ward pooling"
does = "`token_pooling.reduce` merges the tokens of a document into the means of clusters."
steps = "ward-pooling"
"""
paper = Paper(**tomllib.loads(entry)["paper"][0])
flat = " ".join(doc_text.split())
assert all(part in flat for part in (paper.title, paper.authors, paper.identifier, str(paper.year)))
assert paper.key not in [other.key for other in PAPERS]
print(paper.citation())

# %% [markdown]
# And in `tokenlab/tour/<family>.py` what `tokenlab steps ward-pooling` records: a function of an example's
# number, here of an answer of the FAQ. The keywords above it are its options, with their defaults; `--k 5`
# and the help text come from there.


# %%
@step_through("ward-pooling", "tokens of an answer that share a vector", k=0.25)
def token_pooling_steps(answer: int, k: float) -> Steps:
    """The recording of one answer."""
    with record(labels={"n": faq.answer_tokens[answer]}) as steps:
        token_pooling.reduce(faq.index.doc(answer), k=k)
    return steps


print(token_pooling_steps(0))

# %% [markdown]
# ## 6. Is the claim true here?
#
# Pool every answer of the Python FAQ and search with MaxSim. Beside it, two floors that look at nothing:
# tokens kept at random (one draw), and means of neighbours in the text. And the published code's variant, which
# clusters rows of the matrix of distances. A mean of different unit vectors is shorter than one, and
# MaxSim takes products: so each result also with its vectors scaled back to length one.


# %%
def neighbours(x, k):
    group = np.arange(len(x)) * k // len(x)
    return group_means(np.unique(group, return_index=True)[1], group)


def as_published(x, k):
    owner = token_pooling.ward_groups(1 - x @ x.T, k)
    kept, row = np.unique(owner, return_inverse=True)
    return group_means(kept, row)


rules = {
    "token pooling": lambda x, k: token_pooling.reduce(x, k=k),
    "as in the published code": as_published,
    "means of neighbours": neighbours,
    "random tokens": lambda x, k: uniform.reduce(x, k=k, rng=len(x)),
}


# %%
def quality(documents):
    scores = maxsim(faq.queries, TokenIndex.from_docs(documents))
    ranked = np.argsort(-scores, axis=1, kind="stable")
    return np.array([ndcg(r, [i], 10) for r, i in zip(ranked, faq.labels, strict=True)])


factors, exact, found = (2, 3, 4, 8), quality(list(faq.index)), {}
for name, rule in rules.items():
    for f in factors:
        made = [rule(x, max(1, round(len(x) / f))).apply(x) for x in faq.index]
        found[name, "as they are", f] = quality(made)
        found[name, "scaled", f] = quality([unit(x) for x in made])

# %%
print(f"{'nDCG@10, share kept':<37}{'all':>6}" + "".join(f"{f'1/{f}':>7}" for f in factors))
for name in rules:
    for how in ("as they are", "scaled"):
        values = "".join(f"{found[name, how, f].mean():7.3f}" for f in factors)
        print(f"{name:<25} {how:<11}{exact.mean():6.3f}{values}")

# %% alt="nDCG against tokens per kept vector: with scaled means, neighbours in the text stay at the uncompressed level and token pooling falls slowly; unscaled means fall faster, random tokens lowest"
figure, ax = plt.subplots(figsize=(8, 3.2))
styles = {"token pooling": ("o", "#00224e"), "means of neighbours": ("s", "#a59c74")}
for name, (marker, colour) in {**styles, "random tokens": ("x", "0.2")}.items():
    for how, line in {"scaled": "-", "as they are": ":"}.items():
        if name != "random tokens" or how == "scaled":
            ys = [exact.mean(), *(found[name, how, f].mean() for f in factors)]
            ax.plot([1, *factors], ys, marker + line, color=colour, label=f"{name}, {how}")
ax.axhline(0.95 * exact.mean(), color="0.35", linewidth=0.8)
ax.text(5.2, 0.944 * exact.mean(), "5 % less", fontsize=8)
ax.set(xlabel="tokens for each vector that is kept", ylabel="nDCG@10")
ax.set_xticks([1, *factors])
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# The collection is small, so differences need intervals: draw the questions again, for both sides the
# same.


# %%
def interval(one, other, f):
    gap = found[(*one, f)] - (exact if other is None else found[(*other, f)])
    draws = rng.integers(0, len(gap), (2000, len(gap)))
    return gap.mean(), *np.quantile(gap[draws].mean(axis=1), [0.025, 0.975])


ward, means = ("token pooling", "scaled"), ("means of neighbours", "scaled")
compared = {
    "token pooling against all vectors": (ward, None),
    "... scaled against as it is": (ward, ("token pooling", "as they are")),
    "neighbours against token pooling": (means, ward),
}
gaps = {name: {f: interval(*pair, f) for f in factors} for name, pair in compared.items()}
for name, by_factor in gaps.items():
    print(name)
    for f, (middle, low, high) in by_factor.items():
        print(f"    1/{f}: {middle:+.3f} ({low:+.3f} to {high:+.3f})")

# %% [markdown]
# ## What we found
#
# The claim holds: half of the vectors go for nothing, and a quarter of them is within 5 % of the full
# index. But two things are not in the abstract. Scaling the means back to length one is worth more
# than the choice of the clustering at a quarter and below. And the clustering is not what does it:
# means of *neighbours in the text*, which look at no vector, are as good, and better at an eighth.

# %%
assert found[(*ward, 2)].mean() > 0.99 * exact.mean()
assert found[(*ward, 4)].mean() > 0.95 * exact.mean()
assert gaps["... scaled against as it is"][8][1] > 0
assert gaps["neighbours against token pooling"][8][1] > 0
assert all(found[(*means, f)].mean() > 0.98 * exact.mean() for f in factors)
other = ("as in the published code", "scaled")
for f in (4, 8):
    assert gaps["... scaled against as it is"][f][0] > abs(interval(other, ward, f)[0])

# %% [markdown]
# Before anyone concludes that clustering is useless: these vectors come from an encoder that was trained
# for *one mean per text*, so that means of anything in one text are at home there. An encoder trained
# for late interaction may well differ, and that is an experiment, not an argument. What was measured
# goes into `NOTES`, with the numbers that the code printed, and in one sentence into the entry's `finding`:

# %%
numbers = ", ".join(f"{found[(*ward, f)].mean():.3f} at 1/{f}" for f in factors)
others = ", ".join(f"{found[(*means, f)].mean():.3f}" for f in factors)
print(f"""Measured on the Python FAQ (158 questions, nDCG@10, all vectors {exact.mean():.3f}): {numbers},
with means scaled to length one. Means of neighbours in the text: {others}. Not scaled, pooling
falls to {found["token pooling", "as they are", 8].mean():.3f} at 1/8.""")

# %% [markdown]
# ## Why not just ...
#
# **... call SciPy?** One line, exact, and faster to write. As an oracle it is the best there is. As a module
# it hides the method, needs a package that most readers of one paper do not need, and cannot name its steps
# or run on CuPy arrays. That is the bargain of this collection: the oracle in the tests, the method in the
# file.
#
# **... skip the naive loop?** Because twin and reference can be wrong in the same way: whoever writes both
# makes the same mistake twice. A typical one is to forget the sizes in (1), which is then another method.
# It passes every property of section 4, and the naive loop catches it:

# %%
broken = parts.replace("size[a] * size / (size[a] + size) * gaps", "gaps")
assert broken != parts
namespace = {}
exec(broken.replace('"token_pooling.ward_groups"', '"token_pooling.broken"'), namespace)
disagreements = 0
for seed in range(20):
    x = np.random.default_rng(seed).standard_normal((12, 3))
    disagreements += as_sets(namespace["ward_groups"](x, 4)) != naive_ward(x, 4)
print(f"without sizes the clusters differ from the naive loop's in {disagreements} of 20 cases")
assert disagreements > 0

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Break the twin: let it settle ties to the last pair. Which of the cases of section 4 notice?
#    Expect: those that hold ties (tied, equal, huge), and no other. That is what they are for.
# 2. *Medium.* Add *A Study on Token Pruning for ColBERT* (arXiv:2112.06540) in the same way: keep the tokens
#    with the highest inverse document frequency (`faq.answer_tokens` has the words). Compare it with random
#    tokens and with the first tokens of each answer at the same budgets. Expect: which of the three is best
#    changes with the budget, and none comes near the means.
# 3. *Open.* The finding above rests on one encoder. Find a case in which clustering must beat neighbours:
#    documents that alternate between two topics, token by token. Build it, show it, and say what it implies
#    for real text.
#
# Next: [contributing](../contributing.md) for the list itself, and
# [`tokenlab.pruning`](../api/pruning.md) for the neighbours of your module.
