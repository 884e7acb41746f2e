"""The generic properties of every rule that the package has."""

import pkgutil
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokenlab.pruning
from tokenlab.arrays import to_numpy
from tokenlab.engine import use_engine
from tokenlab.errors import InvalidInput
from tokenlab.pruning import (
    Reduction,
    evit,
    hiprune,
    recoverable,
    size_aware_attention,
    sparsevlm,
    todre,
    token_transforming,
    tome,
)

from .rules import (
    ARGUMENTS,
    DROPS_MASS,
    DYNAMIC,
    EXTRA,
    MORE,
    POSITIONAL,
    ROWS_NOT_ONE,
    RULES,
    SIZES_NOT_EXACT,
    TIES,
    Tokens,
    family,
    make,
)

names = pytest.mark.parametrize("name", RULES)
BUDGETED = [name for name in RULES if name not in DYNAMIC]


def modules():
    """Every module of the package with a function `reduce` of its own, exported or not."""
    for module in pkgutil.iter_modules(tokenlab.pruning.__path__):
        loaded = import_module(f"tokenlab.pruning.{module.name}")
        if getattr(getattr(loaded, "reduce", None), "__module__", "") == loaded.__name__:
            yield module.name


def test_every_rule_of_the_package_is_here():
    """A new rule has to be added to `rules.RULES`; all properties below then run on it."""
    assert {family(name) for name in RULES} == set(modules())
    for name in modules():
        assert "reduce" in import_module(f"tokenlab.pruning.{name}").__all__
        assert name in tokenlab.pruning.__all__


@pytest.mark.parametrize("name", BUDGETED)
@pytest.mark.parametrize("n", [1, 2, 15, 16])
def test_a_budget_of_all_tokens_changes_nothing(name, n):
    tokens = make(n)
    reduction = RULES[name](tokens, n)
    assert reduction.kept.tolist() == list(range(n))
    np.testing.assert_allclose(reduction.matrix(), np.eye(n), atol=1e-12)
    np.testing.assert_allclose(reduction.apply(tokens.x), tokens.x, atol=1e-12)
    if family(name) not in ("tome", "visionzip"):  # they take numbers of tokens only
        assert RULES[name](tokens, 1.0).kept.tolist() == list(range(n))


@pytest.mark.parametrize(
    "module", [m for m in modules() if m not in {*DYNAMIC, "tome", "visionzip"}]
)
def test_what_a_share_is_rounded_to_can_be_named(module):
    """0.3 of 15 tokens is 4.5."""
    rule = import_module(f"tokenlab.pruning.{module}").reduce
    arguments = ARGUMENTS[module](make(15, grid=(3, 5)))
    for rounding, k in (("down", 4), ("half_up", 5), ("up", 5)):
        reduction = rule(*arguments[0], **arguments[1], k=0.3, rounding=rounding)
        extra = (reduction.roles == 1).sum() if module in MORE else 0
        assert len(reduction.kept) - extra == k
    with pytest.raises(InvalidInput, match="rounding"):
        rule(*arguments[0], **arguments[1], k=0.3, rounding="nearest")


@names
@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 24), seed=st.integers(0, 999), share=st.floats(0.01, 1.0))
def test_kept_weights_and_sizes(name, n, seed, share):
    k = max(1, round(share * n))
    tokens = make(n, seed=seed)
    reduction = RULES[name](tokens, k)
    assert isinstance(reduction, Reduction)
    assert reduction.kept.dtype == np.int64
    assert (np.diff(reduction.kept) > 0).all()
    assert 0 <= reduction.kept[0] <= reduction.kept[-1] < n
    weights = reduction.matrix()
    assert weights.shape == (len(reduction), n)
    assert (weights >= 0).all()
    if family(name) not in DYNAMIC | MORE:
        assert len(reduction.kept) == k
    if family(name) not in EXTRA:
        assert len(reduction) == len(reduction.kept)
    if family(name) not in ROWS_NOT_ONE:
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    if reduction.size is not None and family(name) not in DROPS_MASS:
        assert reduction.size.sum() == pytest.approx(n)
    if reduction.roles is not None:
        assert reduction.roles.shape == reduction.kept.shape
        assert reduction.roles.max() < len(reduction.role_names)
    np.testing.assert_allclose(reduction.apply(tokens.x), weights @ tokens.x, atol=1e-9)
    shares = reduction.shares().sum(axis=0)
    assert np.all(np.isclose(shares, 1) | (shares == 0))
    assert reduction.unmerge(reduction.apply(tokens.x)).shape == tokens.x.shape


@pytest.mark.parametrize("name", [n for n in RULES if family(n) not in POSITIONAL])
@pytest.mark.parametrize("seed", range(6))
def test_another_order_of_the_tokens_permutes_the_answer(name, seed):
    tokens = make(15, seed=seed)
    order = np.random.default_rng(seed + 100).permutation(15)
    kept, moved = RULES[name](tokens, 6), RULES[name](tokens.take(order), 6)
    if family(name) in TIES:
        assert len(moved) == len(kept)
        return
    assert sorted(order[moved.kept]) == kept.kept.tolist()
    rows = {int(place): row for place, row in zip(kept.kept, kept.matrix(), strict=False)}
    for place, row in zip(order[moved.kept], moved.matrix(), strict=False):
        np.testing.assert_allclose(row, rows[int(place)][order], atol=1e-9)


@names
@pytest.mark.parametrize("n", [1, 2, 16])
def test_equal_tokens_and_budgets_of_one(name, n):
    for tokens in (make(n, equal=True), make(n)):
        for k in {1, n}:
            reduction = RULES[name](tokens, k)
            assert len(reduction) >= 1
            assert np.isfinite(reduction.matrix()).all()
            assert len(np.unique(reduction.kept)) == len(reduction.kept)


@names
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(name, bad):
    tokens = make(9, grid=(3, 3))
    broken = Tokens(*(np.where(np.arange(a.shape[-1]) == 1, bad, a) for a in tokens[:5]), (3, 3))
    with pytest.raises(InvalidInput, match="not finite"):
        RULES[name](broken, 4)


@pytest.mark.parametrize("name", BUDGETED)
@pytest.mark.parametrize("k", [0, 17, 10**6, -1])
def test_impossible_budgets_are_refused_and_named(name, k):
    if family(name) in ("tome", "visionzip"):
        pytest.skip("their own tests: they take other numbers")
    with pytest.raises(InvalidInput) as error:
        RULES[name](make(16), k)
    message = str(error.value)
    assert "16" in message
    assert str(k) in message


@names
def test_float32_and_float64_keep_the_same(name):
    for seed in range(5):
        tokens = make(24, seed=seed)
        wide, narrow = RULES[name](tokens, 8), RULES[name](tokens.astype(np.float32), 8)
        if family(name) == "clusters":  # draws its seeds in proportion to rounded distances
            continue
        assert wide.kept.tolist() == narrow.kept.tolist()
        y = narrow.apply(tokens.x.astype(np.float32))
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, wide.apply(tokens.x), rtol=1e-4, atol=1e-4)


@names
@pytest.mark.parametrize("seed", range(4))
def test_every_engine_and_library_keeps_the_same(name, seed, cupy):
    tokens = make(20, seed=seed)
    with use_engine("numpy"):
        expected = RULES[name](tokens, 7)
    with use_engine("numba"):
        twin = RULES[name](tokens, 7)
    if family(name) == "uniform":
        device = expected
    else:
        device = RULES[name](tokens.through(cupy.asarray), 7)
        assert type(device.kept).__module__ == "cupy"
    for other in (twin, device):
        assert to_numpy(other.kept).tolist() == expected.kept.tolist()
        np.testing.assert_allclose(to_numpy(other.matrix()), expected.matrix(), atol=1e-9)
        if expected.size is not None:
            np.testing.assert_allclose(to_numpy(other.size), expected.size, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in RULES if family(n) not in ROWS_NOT_ONE | DROPS_MASS])
def test_identical_tokens_merge_without_a_trace(name):
    """Tokens in equal groups: the smaller attention equals the larger one."""
    rng = np.random.default_rng(3)
    distinct = np.linalg.qr(rng.standard_normal((6, 6)))[0][:4]
    groups = np.array([0, 0, 1, 2, 2, 3])
    x, values = distinct[groups], rng.standard_normal((4, 5))[groups]
    tokens = make(6)._replace(x=x, scores=np.array([0.3, 0.0, 0.2, 0.2, 0.0, 0.3]))
    reduction = RULES[name](tokens, 4)
    if reduction.transform is None or name in SIZES_NOT_EXACT:
        pytest.skip("nothing merges, or sizes are an estimate")
    queries = rng.standard_normal((7, 6))
    before = size_aware_attention(queries, x, values)
    after = size_aware_attention(
        queries, reduction.apply(x), reduction.apply(values), reduction.size
    )
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-12)


@names
def test_rules_record_their_steps_and_compose(name):
    from tokenlab.steps import record

    tokens = make(16, grid=(4, 4))
    with record() as steps:
        first = RULES[name](tokens, 9)
    assert "kept" in steps
    for item in steps:
        assert item.axes or np.ndim(item.value) == 0, item.name
        assert item.note or item.eq, item.name
    second = Reduction(np.array([0, 1]), len(first))
    both = first.compose(second)
    np.testing.assert_allclose(both.apply(tokens.x), second.apply(first.apply(tokens.x)), atol=1e-9)
    assert both.kept.tolist() == first.kept[:2].tolist()[: len(both.kept)]
    assert repr(both).startswith("Reduction(16 tokens to 2")


# What a recording of each paper shows, in the order in which it comes first.
STORY = {
    "divprune": ["closest other", "closest", "taken", "kept"],
    "evit": ["scores", "dropped", "kept"],
    "fastv": ["scores", "kept"],
    "hiprune": ["object scores", "deep scores", "anchors", "role", "kept"],
    "recoverable": ["image scores", "text scores", "outlier factor", "role", "kept", "size"],
    "sparsevlm": [
        *("relevance", "judges", "scores", "recycled"),
        *("density", "isolation", "peaks", "groups", "kept"),
    ],
    "todre": ["pivot scores", "similarity", "taken", "kept"],
    "todre v1": ["pivot scores", "closest", "taken", "kept"],
    "token_transforming": ["scores", "kept", "closeness", "shares", "weights", "size"],
    "tome": ["cosines", "nearest", "cosine", "merging", "kept", "size"],
    "visionzip": ["scores", "role", "kept", "cosine", "nearest"],
}


@pytest.mark.parametrize("name", STORY)
def test_a_recording_tells_the_papers_steps(name):
    from tokenlab.steps import record

    with record() as steps:
        RULES[name](make(30, grid=(5, 6)), 15)
    assert list(dict.fromkeys(item.name for item in steps)) == STORY[name]


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("divprune", ["k_center"]),
        ("todre", ["max_sum"]),
        ("token_transforming", ["soft_assign"]),
        ("evit", ["fuse"]),
        ("visionzip", ["contextual"]),
        ("hiprune", ["neighbours4"]),
        ("recoverable", ["lof_ratio", "outlier_factor"]),
        ("density", ["density_clusters", "knn_density"]),
        ("uniform", ["random_k", "stride"]),
        ("selectors", ["budget", "topk"]),
        ("mergers", ["group_means"]),
    ],
)
def test_an_algorithm_stands_in_its_papers_file_and_is_called_from_the_family(module, names):
    home = import_module(f"tokenlab.pruning.{module}")
    for name in names:
        function = getattr(tokenlab.pruning, name)
        assert function is getattr(home, name)
        assert function.__module__ == home.__name__


WRONG = {
    "budget is k = 17": lambda t: hiprune.reduce(t.scores, t.deep, grid=t.grid, k=17),
    "rounding is": lambda t: evit.reduce(t.scores, k=0.5, rounding="even"),
    "pivot is 99": lambda t: todre.reduce(t.x, k=2, pivot=99),
    "scores go down": lambda t: evit.reduce(-t.scores, k=2),
    "n_neighbors is 0": lambda t: recoverable.reduce(t.scores, t.deep, t.x, n_neighbors=0),
    "rest_neighbors is 0": lambda t: recoverable.reduce(t.scores, t.deep, t.x, rest_neighbors=0),
    "temperature is 0": lambda t: token_transforming.reduce(t.x, t.scores, k=2, temperature=0),
    "mode is": lambda t: token_transforming.reduce(t.x, t.scores, k=2, mode="column"),
    "image is": lambda t: sparsevlm.reduce(t.attention, t.x[0], t.text, k=2),
    "keys is": lambda t: tome.reduce(t.x[0], 2),
}


@pytest.mark.parametrize("problem", WRONG)
def test_errors_name_the_function_that_was_called_and_its_argument(problem):
    with pytest.raises(ValueError, match=f"^reduce: .*{problem}"):
        WRONG[problem](make(16, grid=(4, 4)))


def test_stage_two_names_itself():
    rows = np.full((1, 4, 4), 0.25)
    for function in (todre.migration, todre.image_is_done):
        with pytest.raises(ValueError, match=f"^{function.__name__}: text and image must"):
            function(rows, text=slice(0, 0), image=slice(1, 2))


@pytest.mark.filterwarnings("always")
def test_the_warning_shows_the_users_line():
    for rule in (
        lambda a: tokenlab.pruning.cls_row(a),
        lambda a: hiprune.reduce(a, a, grid=(2, 2), k=2),
        lambda a: todre.reduce(np.eye(4), k=2, pivot=a),
    ):
        with pytest.warns(RuntimeWarning, match="do not sum to one") as caught:
            rule(np.ones((1, 5, 5)))
        assert {w.filename for w in caught} == {__file__}
