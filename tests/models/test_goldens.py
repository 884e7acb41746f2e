"""Random models of two layers against what `transformers` made of them; hooks; bad input."""

from pathlib import Path

import numpy as np
import pytest
import tiny_models as tiny

from tokenlab import models, record, use_engine
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, TokenlabError
from tokenlab.lm import log_probs_tree
from tokenlab.models import Cache, bert, llama, parts, vit, weights
from tokenlab.pruning import Reduction, Schedule, Sparse, divprune

GOLDEN = np.load(Path(__file__).parent / "goldens" / "tiny.npz")
CONFIG = llama.Config(length=600)
BERT = weights.bert_params(tiny.bert_tensors(), tiny.HEADS)
LLAMA = tiny.llama_params()


@pytest.fixture(scope="module")
def vit_params():
    heads, weights.VIT_HEADS = weights.VIT_HEADS, tiny.HEADS
    try:
        return tiny.vit_params()
    finally:
        weights.VIT_HEADS = heads


def softmax_attention(q, k, v, mask=None):
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    s = s if mask is None else np.where(mask, s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    return (p / p.sum(-1, keepdims=True)) @ v


def llama_forward(ids=tiny.IDS, cache=None, **options):
    return llama.forward(LLAMA, CONFIG, np.asarray(ids), cache, **options)


# Agreement.


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_bert_is_that_of_transformers(engine):
    if engine == "numba":
        pytest.importorskip("numba")
    seen = {}
    with use_engine(engine):
        x = bert.forward(BERT, tiny.IDS, watch=lambda layer, block: seen.update({layer: block}))
    np.testing.assert_allclose(x, GOLDEN["bert0"], atol=2e-5)
    np.testing.assert_allclose(seen[2].attention[0], GOLDEN["bert1"], atol=2e-5)
    np.testing.assert_allclose(seen[1].x, GOLDEN["bert2"], atol=2e-5)
    assert sorted(seen) == [1, 2]


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_vit_is_that_of_transformers(engine, vit_params):
    if engine == "numba":
        pytest.importorskip("numba")
    seen = {}
    with use_engine(engine):
        watch = lambda layer, block: seen.update({layer: block})  # noqa: E731
        found = vit.forward(vit_params, tiny.photo(), watch=watch)
    np.testing.assert_allclose(found.states[:20], GOLDEN["vit0"], atol=5e-5)
    np.testing.assert_allclose(seen[2].attention[:, :3], GOLDEN["vit1"], atol=2e-5)
    assert found.n_by_layer == [257, 257]
    assert len(found.reduction) == 256


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_llama_is_that_of_transformers(engine):
    if engine == "numba":
        pytest.importorskip("numba")
    with use_engine(engine):
        np.testing.assert_allclose(llama_forward(), GOLDEN["llama0"], atol=5e-5)


def test_the_bend_is_that_of_the_error_function():
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-12, 12, 20_001)
    exact = 0.5 * x * (1 + special.erf(x / np.sqrt(2)))
    np.testing.assert_allclose(parts.erf_gelu(x), exact, atol=1e-6)
    np.testing.assert_allclose(parts.erf_gelu(x.astype(np.float32)), exact, atol=2e-6)


# Hooks.


def test_attention_in_place_of_the_own_one_is_the_own_one(vit_params):
    calls = []

    def counted(*args):
        calls.append([part.shape for part in args])
        return softmax_attention(*args)

    same = {"atol": 2e-5}
    x = bert.forward(BERT, tiny.IDS, [0, 4, 7], attention=counted)
    np.testing.assert_allclose(x, bert.forward(BERT, tiny.IDS, [0, 4, 7]), **same)
    assert [shapes[0] for shapes in calls] == [(3, 4, 4), (3, 3, 4)] * 2  # a layer and text
    calls.clear()
    np.testing.assert_allclose(llama_forward(attention=counted), llama_forward(), **same)
    assert calls == [[(3, 7, 4), (3, 7, 4), (3, 7, 4), (7, 7)]] * 2  # keys for their query heads
    calls.clear()
    x = vit.forward(vit_params, tiny.photo(), attention=counted).states
    np.testing.assert_allclose(x, vit.forward(vit_params, tiny.photo()).states, **same)
    assert len(calls) == 2


def test_texts_do_not_see_each_other():
    both = bert.forward(BERT, tiny.IDS, [0, 4, 4, 7])
    np.testing.assert_allclose(both[:4], bert.forward(BERT, tiny.IDS[:4]), atol=1e-5)
    np.testing.assert_allclose(both[4:], bert.forward(BERT, tiny.IDS[4:]), atol=1e-5)


def test_tap_comes_before_watch_and_replaces_the_stream():
    order = []

    def tap(layer, x):
        order.append(("tap", layer))
        return np.zeros_like(x) if layer == 1 else None

    seen = {}

    def watch(layer, block):
        order.append(("watch", layer))
        seen[layer] = block

    for run in (bert.forward, lambda p, ids, **hooks: llama_forward(ids, **hooks)):
        order.clear()
        run(BERT, tiny.IDS, tap=tap, watch=watch)
        expected = [("tap", 0), ("tap", 1), ("watch", 1), ("tap", 2), ("watch", 2)]
        assert order == expected
        assert not seen[1].x.any()


def test_the_second_part_of_a_layer_can_be_edited():
    seen = {}

    def edit(layer, y):
        seen[layer] = y
        return 2 * y if layer == 2 else None

    streams = {}
    plain = llama_forward(tiny.IDS, tap=lambda layer, x: streams.update({layer: x}))
    edited = {}
    found = llama_forward(tiny.IDS, edit_mlp=edit, tap=lambda layer, x: edited.update({layer: x}))
    assert list(seen) == [1, 2]
    np.testing.assert_allclose(edited[1], streams[1])
    np.testing.assert_allclose(edited[2], streams[2] + seen[2], rtol=1e-5, atol=1e-6)
    assert abs(found - plain).max() > 1e-6
    same = llama_forward(tiny.IDS, edit_mlp=lambda layer, y: y)
    np.testing.assert_array_equal(same, plain)
    with pytest.raises(TokenlabError, match="forward: edit_mlp returned"):
        llama_forward(tiny.IDS, edit_mlp=lambda layer, y: y[:1])
    with pytest.raises(TokenlabError, match="forward: edit_mlp is"):
        llama_forward(tiny.IDS, edit_mlp=3)


def test_prune_comes_last_and_answers_compose(vit_params):
    first, second = np.arange(0, 256, 2), np.arange(10)
    layers = []

    def prune(layer, block):
        layers.append((layer, len(block.x), block.attention.shape))
        return first if layer == 1 else None

    three = {**vit_params, "layers": vit_params["layers"] * 2}
    found = vit.forward(three, tiny.photo(), prune=prune)
    assert layers[0] == (1, 257, (3, 257, 257))
    answers = {1: first, 3: second}
    found = vit.forward(three, tiny.photo(), prune=lambda layer, block: answers.get(layer))
    assert found.n_by_layer == [257, 129, 129, 11]
    assert found.reduction.kept.tolist() == first[second].tolist()


def test_a_schedule_prunes_behind_the_layer_before(vit_params):
    rule = lambda block, k: divprune.reduce(block.x[1:], k=k)  # noqa: E731
    found = vit.forward(vit_params, tiny.photo(), prune=Schedule({2: 0.25}).prune(rule))
    assert found.n_by_layer == [257, 65]
    with pytest.raises(InvalidInput, match="layer 1"):
        Schedule({1: 3}).prune(rule)


def test_steps_of_a_layer_have_names():
    one = {**BERT, "layers": BERT["layers"][:1]}
    with record() as steps:
        bert.forward(one, tiny.IDS)
    assert {"q", "k", "v", "shares", "y"} <= {step.name for step in steps}


# The identities that need no reference.


def test_pruned_is_masked(vit_params):
    kept, rows = np.arange(0, 256, 3), []
    prune = lambda layer, block: kept if layer == 1 else None  # noqa: E731
    pruned = vit.forward(vit_params, tiny.photo(), prune=prune).states

    def masked(q, k, v):
        rows.append(0)
        seen = np.isin(np.arange(257), np.concatenate([[0], 1 + kept])) if len(rows) > 1 else None
        return softmax_attention(q, k, v, seen)

    whole = vit.forward(vit_params, tiny.photo(), attention=masked).states
    np.testing.assert_allclose(pruned, whole[np.concatenate([[0], 1 + kept])], atol=3e-5)


def test_equal_pairs_merged_with_their_size_change_nothing(vit_params):
    def tap(layer, x):
        x = x.copy()
        x[2::2] = x[1::2]  # every patch and its neighbour
        return x if layer <= 1 else None

    entries = np.repeat(np.arange(128), 2), np.arange(256), np.full(256, 0.5)
    pairs = Reduction(np.arange(0, 256, 2), 256, Sparse(*entries), np.full(128, 2.0))
    merged = vit.forward(
        vit_params, tiny.photo(), tap=lambda la, x: tap(la, x) if la == 1 else None,
        prune=lambda layer, block: pairs if layer == 1 else None,
    )  # fmt: skip
    whole = vit.forward(vit_params, tiny.photo(), tap=lambda la, x: tap(la, x) if la == 1 else None)
    np.testing.assert_allclose(merged.states[1:], whole.states[1::2], atol=3e-5)
    without = Reduction(pairs.kept, 256)
    lost = vit.forward(
        vit_params, tiny.photo(), tap=lambda la, x: tap(la, x) if la == 1 else None,
        prune=lambda layer, block: without if layer == 1 else None,
    )  # fmt: skip
    assert np.abs(lost.states[0] - whole.states[0]).max() > 1e-4  # sizes are what makes it equal


def test_bert_has_no_places_inside():
    turned = bert.forward(BERT, tiny.IDS, tap=lambda la, x: x[::-1] if la == 1 else None)
    np.testing.assert_allclose(turned[::-1], bert.forward(BERT, tiny.IDS), atol=1e-5)


def test_a_tree_is_every_path_alone():
    cache = Cache()
    llama_forward(tiny.IDS[:3], cache)
    tokens, parents = np.array([5, 6, 7, 8]), [-1, 0, -1, 2]
    mask = np.eye(4, dtype=bool)
    mask[1, 0] = mask[3, 2] = True
    tree = llama_forward(tokens, cache, mask=mask, positions=np.array([3, 4, 3, 4]))
    for i, parent in enumerate(parents):
        path = [*tiny.IDS[:3], *([tokens[parent]] if parent >= 0 else []), tokens[i]]
        np.testing.assert_allclose(tree[i], llama_forward(path)[-1], atol=3e-5)
    cache.keep([0, 1, 2, 5, 6])  # the second branch was accepted
    assert cache.ids.tolist() == [*tiny.IDS[:3], 7, 8]
    assert cache.next_position == 5
    after = llama_forward([9], cache)
    np.testing.assert_allclose(after[0], llama_forward([*tiny.IDS[:3], 7, 8, 9])[-1], atol=3e-5)


def test_only_distances_count():
    moved = llama_forward(positions=np.arange(7) + 500)
    np.testing.assert_allclose(moved, llama_forward(), atol=2e-4)


def test_in_parts_is_at_once():
    cache = Cache()
    parts_ = [llama_forward(tiny.IDS[a:b], cache) for a, b in ((0, 3), (3, 4), (4, 7))]
    np.testing.assert_allclose(np.concatenate(parts_), llama_forward(), atol=5e-5)
    cache.cut(2)
    again = llama_forward(tiny.IDS[2:], cache)
    np.testing.assert_allclose(again, llama_forward()[2:], atol=5e-5)
    states = llama_forward(rows=[1, 6], head=lambda x: x)
    assert states.shape == (2, tiny.D)
    np.testing.assert_allclose(states @ LLAMA["embed"].T, llama_forward()[[1, 6]], atol=1e-5)


def test_a_hook_that_fails_leaves_the_cache_as_it_was():
    cache = Cache()
    llama_forward(tiny.IDS[:3], cache)

    def broken(layer, x):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        llama_forward(tiny.IDS[3:], cache, tap=broken)
    assert len(cache) == 3
    np.testing.assert_allclose(llama_forward(tiny.IDS[3:], cache), llama_forward()[3:], atol=5e-5)


# Bad input.

HALF = np.zeros((7, 7), bool)
BAD = {
    "ids below": (lambda: llama_forward([-1]), "ids"),
    "ids above": (lambda: llama_forward([30]), "ids"),
    "ids floats": (lambda: llama_forward([1.0]), "ids"),
    "ids two axes": (lambda: llama_forward([[1]]), "ids"),
    "ids none": (lambda: llama_forward(np.empty(0, np.int64)), "ids"),
    "position": (lambda: llama_forward([1], positions=[600]), "positions"),
    "position below": (lambda: llama_forward([1], positions=[-1]), "positions"),
    "positions of another length": (lambda: llama_forward([1], positions=[1, 2]), "positions"),
    "too long": (lambda: llama_forward(np.ones(601, int)), "599"),
    "mask size": (lambda: llama_forward(mask=np.ones((7, 6), bool)), "mask"),
    "mask blind": (lambda: llama_forward(mask=HALF), "mask"),
    "mask floats": (lambda: llama_forward(mask=np.ones((7, 7))), "mask"),
    "rows": (lambda: llama_forward(rows=[7]), "rows"),
    "rows bool": (lambda: llama_forward(rows=[True]), "rows"),
    "cache": (lambda: llama_forward(cache=[]), "cache"),
    "cut": (lambda: Cache().cut(1), "Cache.cut"),
    "cut below": (lambda: Cache().cut(-1), "Cache.cut"),
    "keep": (lambda: Cache().keep([0]), "Cache.keep"),
    "attention": (lambda: llama_forward(attention=lambda q, k, v, m: q[:1]), "attention"),
    "tap": (lambda: llama_forward(tap=lambda la, x: x[:1]), "tap"),
    "tap list": (lambda: llama_forward(tap=lambda la, x: [1]), "tap returned a list"),
    "bert ids": (lambda: bert.forward(BERT, [30]), "ids"),
    "bert long": (lambda: bert.forward(BERT, np.ones(17, int)), "ids"),
    "bert offsets": (lambda: bert.forward(BERT, tiny.IDS, [0, 3]), "offsets"),
    "bert offsets down": (lambda: bert.forward(BERT, tiny.IDS, [0, 5, 3, 7]), "offsets"),
    "bert floats": (lambda: bert.forward(BERT, [0.5]), "ids"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(name):
    call, word = BAD[name]
    with pytest.raises(TokenlabError, match=word):
        call()


@pytest.mark.parametrize(
    ("photo", "kind"),
    [
        (np.zeros((225, 224, 3), np.uint8), ShapeError),
        (np.zeros((1, 224, 224, 3), np.uint8), ShapeError),
        (np.zeros((224, 224, 3), np.float32), DTypeError),
        ("photo.jpg", DTypeError),
        (None, DTypeError),
    ],
)
def test_no_photo(photo, kind, vit_params):
    with pytest.raises(kind, match=r"forward: photo"):
        vit.forward(vit_params, photo)


@pytest.mark.parametrize(
    "answer",
    [[256], [-1], [0.5], [0, 0], [[1]], Reduction(np.arange(3), 255), [True, False]],
)
def test_wrong_answers_of_prune(answer, vit_params):
    with pytest.raises(TokenlabError, match=r"forward: prune"):
        vit.forward(vit_params, tiny.photo(), prune=lambda layer, block: answer)


def test_rows_of_the_path_that_became_text_stay_in_the_cache():
    """After a tree of guesses only the last token is new; another text is answered rightly, too."""
    model = models.SmolLM2(tiny.llama_params(), llama.Config())
    context, tokens, parents = [1, 2, 3], [4, 5, 6, 5, 7], [0, 1, 2, 0, 4]
    for path, n_new in (([4, 5, 6, 8], 1), ([5, 7, 7], 1), ([4, 8, 8], 2), ([8], 1), ([], 1)):
        tree = log_probs_tree(model, context, tokens, parents)
        seen, forward = [], model.forward
        model.forward = lambda ids, *a, seen=seen, forward=forward, **k: (
            seen.append(len(ids)) or forward(ids, *a, **k)
        )
        found = model.log_probs([*context, *path])
        model.forward = forward
        assert seen == [n_new], path
        fresh = models.SmolLM2(model.params, model.config)
        np.testing.assert_allclose(found, fresh.log_probs([*context, *path]), atol=1e-5)
        np.testing.assert_allclose(tree[3], fresh.log_probs([*context, 4, 5, 6]), atol=1e-5)
