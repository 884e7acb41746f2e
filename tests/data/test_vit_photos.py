"""The photos and what a vision transformer computed for them: true to the sources, fit for use."""

import hashlib
import io
import os
import re
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokenlab.data.vit_fidelity
import tokenlab.data.vit_photos
from tokenlab.data import load_vit_photos
from tokenlab.errors import TokenlabError

DATA = files("tokenlab.data")
REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / "tools"
INDEPENDENT = REPOSITORY.parent / "shared" / "assets" / "dinov2s_4photos.npz"
BUDGETS = (128, 64, 26)

needs_tools = pytest.mark.skipif(not TOOLS.exists(), reason="only in a checkout")


@pytest.fixture(scope="module")
def photos():
    return load_vit_photos()


@pytest.fixture(scope="module")
def fidelities(photos):
    """`fidelity` of every trial, kept tokens alone and with all others merged into them."""
    trials = photos.trials
    alone, merged = [], []
    for i, mask in zip(trials.photo, trials.kept, strict=True):
        kept = np.flatnonzero(mask)
        weights, size = spread(photos.keys[i].mean(0)[1:], kept)
        alone.append(photos.fidelity(i, kept))
        merged.append(photos.fidelity(i, weights, size=size))
    return np.array(alone), np.array(merged)


def spread(keys, kept):
    """The merge of the trials, as their description says."""
    lengths = np.linalg.norm(keys, axis=1)
    cosines = keys[kept] @ keys.T / np.outer(lengths[kept], lengths)
    mass = np.exp((cosines - cosines.max(0)) / 0.03)  # (k, 256)
    mass = mass / mass.sum(0)
    size = mass.sum(1)
    return mass / size[:, None], size


def ranks(x):
    return np.argsort(np.argsort(x))


def spearman(a, b):
    return np.corrcoef(ranks(a), ranks(b))[0, 1]


def test_shapes(photos):
    assert photos.names == ("astronaut", "chelsea", "coffee", "rocket")
    assert len(photos) == 4
    assert photos.grid == (16, 16)
    shapes = {
        "images": (4, 224, 224, 3),
        "cls_attention": (4, 12, 6, 257),
        "column_mean": (4, 12, 257),
        "transitions": (4, 12, 2, 3, 257),
        "hidden": (4, 257, 384),
        "queries": (4, 6, 257, 64),
        "keys": (4, 6, 257, 64),
        "values": (4, 6, 257, 64),
        "read_values": (4, 2, 6, 257, 64),
        "final": (4, 384),
    }
    for name, shape in shapes.items():
        array = getattr(photos, name)
        assert array.shape == shape, name
        assert array.dtype == (np.uint8 if name == "images" else np.float32), name
        assert np.isfinite(array).all(), name


def test_attention_sums_to_one(photos):
    for attention in [photos.cls_attention, photos.column_mean, photos.attention("coffee")]:
        assert attention.min() >= 0
        np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)


def test_attention_of_block_6_agrees_with_its_stored_rows_and_means(photos):
    for i in range(4):
        attention = photos.attention(i)
        np.testing.assert_allclose(attention[:, 0], photos.cls_attention[i, 5], atol=0.01)
        np.testing.assert_allclose(attention.mean((0, 1)), photos.column_mean[i, 5], atol=5e-4)
        # Only block 6 belongs to these queries and keys.
        assert np.abs(attention[:, 0] - photos.cls_attention[i, 6]).max() > 0.02


def test_transitions_have_the_stored_lengths_and_angle(photos):
    for block, module in [(1, "attention"), (6, "mlp"), (12, "attention")]:
        t_in, t_out = photos.transition("rocket", block, module)
        assert t_in.shape == t_out.shape == (257, 2)
        stored = photos.transitions[3, block - 1, int(module == "mlp")]
        lengths = np.linalg.norm(t_in, axis=1), np.linalg.norm(t_out, axis=1)
        cosine = (t_in * t_out).sum(1) / (lengths[0] * lengths[1])
        np.testing.assert_allclose([*lengths, cosine], stored, rtol=1e-5, atol=1e-6)


def test_tokens_lie_row_by_row(photos):
    """States of neighbours are alike, along rows and along columns; else the grid were mixed up."""
    x = photos.hidden[:, 1:].reshape(4, 16, 16, 384)
    x = x - x.mean((1, 2), keepdims=True)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    beside, below = (x[:, :, 1:] * x[:, :, :-1]).sum(-1), (x[:, 1:] * x[:, :-1]).sum(-1)
    far = (x[:, 8:] * x[:, :8]).sum(-1)
    assert beside.mean() > far.mean() + 0.2
    assert below.mean() > far.mean() + 0.2


def test_images_read_as_any_reader_does(photos):
    image = pytest.importorskip("PIL.Image")
    for name, picture in zip(photos.names, photos.images, strict=True):
        stored = image.open(io.BytesIO((DATA / "vit" / f"{name}.png").read_bytes()))
        np.testing.assert_array_equal(np.asarray(stored), picture)
        assert picture.std() > 30


# Fidelity


@pytest.mark.parametrize("photo", [0, "chelsea", 2, "rocket"])
def test_keeping_everything_loses_nothing(photos, photo):
    assert photos.fidelity(photo, np.arange(256)) == pytest.approx(1, abs=1e-6)
    assert photos.fidelity(photo, np.eye(256), size=np.ones(256)) == pytest.approx(1, abs=1e-6)


def fidelity_by_loops(photos, i, kept):
    """The definition for kept tokens, token by token."""
    cosines = []
    for j, block in enumerate([7, 12]):
        readings = []
        for tokens in [range(257), [0, *(1 + np.array(kept))]]:
            reading = []
            for head in range(6):
                row = photos.cls_attention[i, block - 1, head].astype(float)
                total = sum(row[t] for t in tokens)
                values = photos.read_values[i, j, head]
                reading.append(sum(row[t] / total * values[t] for t in tokens))
            readings.append(np.concatenate(reading))
        a, b = readings
        cosines.append(a @ b / np.sqrt((a @ a) * (b @ b)))
    return np.mean(cosines)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 3), st.lists(st.integers(0, 255), min_size=1, max_size=60, unique=True))
def test_fidelity_by_loops(i, kept):
    photos = load_vit_photos()
    expected = fidelity_by_loops(photos, i, kept)
    assert photos.fidelity(i, kept) == pytest.approx(expected, abs=2e-5)
    one_hot = np.eye(256)[kept]
    assert photos.fidelity(i, 3 * one_hot) == pytest.approx(expected, abs=2e-5)
    assert photos.fidelity(i, kept[::-1]) == pytest.approx(expected, abs=2e-5)


def test_merging_equal_tokens_with_their_size_loses_nothing(photos):
    """The logarithm of a size makes two equal tokens in one as good as both."""
    attention, values = photos.cls_attention[0].copy(), photos.read_values[0].copy()
    attention[..., 101] = attention[..., 100]
    attention /= attention.sum(-1, keepdims=True)
    values[..., 101, :] = values[..., 100, :]
    rows = attention[[6, 11]]
    weights = np.delete(np.eye(256), 100, axis=0)
    weights[99, [99, 100]] = 1, 1  # patches 99 and 100 are tokens 100 and 101
    size = weights.sum(1)
    measure = tokenlab.data.vit_fidelity.cls_fidelity
    assert measure(rows, values, weights, size) == pytest.approx(1, abs=1e-6)
    assert measure(rows, values, weights, None) < 1 - 1e-7


@pytest.mark.parametrize(
    ("kept", "size", "message"),
    [
        ([], None, "k >= 1"),
        ([1, 2, 1], None, "twice"),
        ([256], None, "0 to 255"),
        ([-1], None, "0 to 255"),
        ([0.5], None, "expected integers"),
        (np.ones(256, bool), None, "expected integers"),
        (np.ones((3, 257)), None, r"\(k, 256\)"),
        (np.zeros((1, 256)), None, "all zero"),
        (-np.eye(256), None, "negative"),
        (np.full((2, 256), np.nan), None, "not finite"),
        ([1, 2], [1.0], r"\(k,\) sizes"),
        ([1, 2], [1.0, 0.0], "size not above 0"),
        ([1, 2], [1.0, np.nan], "size has 1 values that are not finite"),
    ],
)
def test_bad_sets_are_refused(photos, kept, size, message):
    with pytest.raises(TokenlabError, match=message):
        photos.fidelity(0, kept, size=size)


@pytest.mark.parametrize("photo", [4, -1, "cat", True, 1.5])
def test_unknown_photos_are_refused(photos, photo):
    with pytest.raises(TokenlabError, match="photo is"):
        photos.attention(photo)


@pytest.mark.parametrize(("block", "module"), [(0, "mlp"), (13, "mlp"), (3, "ffn")])
def test_unknown_modules_are_refused(photos, block, module):
    with pytest.raises(TokenlabError, match="expected a block from 1 to 12"):
        photos.transition(0, block, module)


# Trials


def test_trials_are_complete(photos):
    trials = photos.trials
    assert len(trials.photo) == len(trials.rule) == len(trials.kept) == 228
    assert trials.kept.dtype == bool
    for i in range(4):
        for k in BUDGETS:
            here = [
                rule
                for rule, photo, mask in zip(trials.rule, trials.photo, trials.kept, strict=True)
                if photo == i and mask.sum() == k
            ]
            assert len(here) == 19
            assert here.count("random") == 10
            assert len(set(here)) == 10


def test_trials_keep_what_their_rule_says(photos):
    trials = photos.trials
    for i, rule, mask in zip(trials.photo, trials.rule, trials.kept, strict=True):
        k = mask.sum()
        score = {
            "cls top": photos.cls_attention[i, 5, :, 1:].mean(0),
            "cls lowest": -photos.cls_attention[i, 5, :, 1:].mean(0),
            "last cls top": photos.cls_attention[i, 11, :, 1:].mean(0),
            "column mean": photos.column_mean[i, 5, 1:],
            "longest": np.linalg.norm(photos.hidden[i, 1:], axis=1),
            "shortest": -np.linalg.norm(photos.hidden[i, 1:], axis=1),
        }.get(rule)
        if score is not None:
            assert mask[np.argsort(-score, kind="stable")[:k]].all(), rule
        elif rule == "k-center":
            assert mask[photos.cls_attention[i, 5, :, 1:].mean(0).argmax()]


def test_fidelity_agrees_with_the_trials_as_far_as_documented(photos, fidelities):
    trials = photos.trials
    alone, merged = fidelities
    assert round(spearman(alone, trials.cosine), 2) == 0.84
    k = trials.kept.sum(1)
    cells = [(trials.photo == i) & (k == b) for i in range(4) for b in BUDGETS]
    within = [spearman(alone[cell], trials.cosine[cell]) for cell in cells]
    assert np.mean(within) == pytest.approx(0.46, abs=0.005)
    assert np.mean(merged - trials.merged) == pytest.approx(0.07, abs=0.005)
    assert alone[trials.cosine < 0].min() > 0.5
    doc = " ".join(tokenlab.data.vit_fidelity.NOTES.split())
    assert "0.84 over all, but 0.46 on average within one photo and budget" in doc
    assert "by 0.07 on average" in doc


def test_documented_tables(photos, fidelities):
    trials = photos.trials
    rules, k = np.array(trials.rule), trials.kept.sum(1)
    for rule in ["random", "k-center", "stride", "cls top", "cls lowest"]:
        at = [(rules == rule) & (k == b) for b in BUDGETS]
        means = [f"{x[s].mean():.3f}" for s in at for x in (trials.cosine, trials.merged)]
        both = [
            f"{x[s].mean():.2f} / {x[s].min():.2f}"
            for s in at
            for x in (trials.cosine, fidelities[0])
        ]
        if rule != "stride":
            assert f"| {rule} | {' | '.join(means)} |" in tokenlab.data.vit_photos.__doc__
        short = rule.replace("lowest", "low")
        assert f"| {short} | {' | '.join(both)} |" in tokenlab.data.vit_fidelity.NOTES


# What is committed


def test_loading_is_quick():
    start = time.process_time()
    load_vit_photos.__wrapped__()  # past the cache
    assert time.process_time() - start < 1  # about 0.07 s; a shared machine may be slow


def test_shared_arrays_cannot_be_changed(photos):
    assert load_vit_photos() is photos
    arrays = [x for x in vars(photos).values() if isinstance(x, np.ndarray)]
    arrays += [x for x in photos.trials if isinstance(x, np.ndarray)]
    assert len(arrays) == 14
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_digests_are_those_in_sources():
    text = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(vit/[^`]+)` \| (\d+) \| `([0-9a-f]{64})` \|$", text, flags=re.M)
    committed = {f"vit/{file.name}" for file in (DATA / "vit").iterdir()} - {"vit/.gitattributes"}
    assert {name for name, _, _ in rows} == committed
    assert sum(int(size) for _, size, _ in rows) < 2.5e6
    for name, size, digest in rows:
        data = (DATA / name).read_bytes()
        assert len(data) == int(size), name
        assert hashlib.sha256(data).hexdigest() == digest, name


def test_rights_are_told():
    text = (DATA / "SOURCES.md").read_text(encoding="utf-8").partition("\n## vit\n")[2]
    for words in ["NASA", "Stefan van der Walt, CC0", "Rachel Michetti, CC0", "SpaceX", "MIT"]:
        assert words in text
    assert "licences/Apache-2.0.txt" in text
    assert (DATA / "licences" / "Apache-2.0.txt").is_file()


@pytest.mark.skipif(not INDEPENDENT.exists(), reason="the independent build is not here")
def test_agrees_with_an_independent_build(photos):
    """Another program's run of the same model: the same numbers within half a step of rounding."""
    other = np.load(INDEPENDENT)
    for i, photo in enumerate(["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]):
        for name, theirs in [("hidden", "h6"), ("keys", "k6")]:
            expected = other[f"{photo}:{theirs}"].astype(float)
            step = np.abs(expected).max(-1, keepdims=True) / 127
            off = np.abs(getattr(photos, name)[i] - expected)
            assert (off / step).max() < 0.6  # of int8; the rest is float16, theirs and the scale's
        # 2e-7: three steps of float16 among the smallest attention
        cls = other[f"{photo}:cls_attn"].astype(float)
        np.testing.assert_allclose(photos.cls_attention[i], cls, rtol=2e-3, atol=2e-7)
        final = other[f"{photo}:h12"][0].astype(float)
        np.testing.assert_allclose(photos.final[i], final, rtol=2e-3, atol=2e-3)


# The builder


@needs_tools
def test_protobuf_fields(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from tokenlab.models.onnx_file import fields

    message = (
        b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d\x01\x00\x00\x00" + b"\x21" + b"\x02" + b"\0" * 7
    )
    parsed = [(n, v if isinstance(v, int) else bytes(v)) for n, v in fields(memoryview(message))]
    assert parsed == [(1, 150), (2, b"hi"), (3, 1), (4, 2)]


@needs_tools
def test_cubic_resize_weighs(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    vit = pytest.importorskip("assets.vit")  # wants SciPy
    np.testing.assert_array_equal(vit.cubic_resize(5, 5), np.eye(5))
    matrix = vit.cubic_resize(37, 16)
    np.testing.assert_allclose(matrix.sum(1), 1)
    # A straight line stays one, away from the border; a = -0.75 is not exact even there.
    np.testing.assert_allclose(
        (matrix @ np.arange(37))[2:-2], (np.arange(16) + 0.5)[2:-2] * 37 / 16 - 0.5, atol=0.1
    )
    half = vit.cubic_resize(8, 4)[1]  # half way between cells 2 and 3
    np.testing.assert_allclose(half[1:5], [-0.09375, 0.59375, 0.59375, -0.09375])


@needs_tools
def test_png_is_read_back(monkeypatch, rng):
    monkeypatch.syspath_prepend(str(TOOLS))
    vit_photos = pytest.importorskip("assets.vit_photos")
    photo = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    read = tokenlab.data.vit_photos._read_png
    np.testing.assert_array_equal(read(vit_photos.png(photo)), photo)


@pytest.fixture
def contents(monkeypatch):
    """The model's file, for tests that run it."""
    monkeypatch.syspath_prepend(str(TOOLS))
    vit = pytest.importorskip("assets.vit")
    from assets.packages import read_files

    cache = Path(os.environ.get("TOKENLAB_ASSET_CACHE", ""))
    if not (cache / vit.WHEEL.filename).is_file():
        pytest.skip("TOKENLAB_ASSET_CACHE names no folder with the model's wheel")
    return read_files(vit.WHEEL, cache)


@pytest.mark.build
@needs_tools
def test_running_the_model_again_gives_the_stored_numbers(photos, contents):
    from assets.vit import ViT
    from assets.vit_photos import run

    model = ViT(contents)
    blocks, final = run(model, photos.images[2])
    np.testing.assert_allclose(photos.final[2], final[0], rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(photos.attention(2), blocks[5].attention, atol=0.02)
    read = np.stack([blocks[6].v, blocks[11].v])
    for stored, fresh, least in [
        (photos.hidden[2], blocks[5].x, 0.999), (photos.queries[2], blocks[5].q, 0.9998),
        (photos.keys[2], blocks[5].k, 0.9998), (photos.values[2], blocks[5].v, 0.9998),
        (photos.read_values[2], read, 0.96),
    ]:  # fmt: skip
        lengths = np.linalg.norm(stored, axis=-1) * np.linalg.norm(fresh, axis=-1)
        assert ((stored * fresh).sum(-1) / lengths).min() > least
    rows = np.stack([blocks[6].attention[:, 0], blocks[11].attention[:, 0]])
    for mask in photos.trials.kept[photos.trials.photo == 2]:
        exact = tokenlab.data.vit_fidelity.cls_fidelity(rows, read, np.flatnonzero(mask), None)
        assert photos.fidelity(2, np.flatnonzero(mask)) == pytest.approx(exact, abs=0.01)
    trial = 2 * 57  # the first of this photo
    assert photos.trials.photo[trial] == 2
    kept = np.flatnonzero(photos.trials.kept[trial])
    merge = spread(blocks[5].k.mean(0)[1:], kept)
    for weights, size, stored in [
        (np.eye(256)[kept], None, photos.trials.cosine[trial]),
        (*merge, photos.trials.merged[trial]),
    ]:
        cls = model.final_cls(blocks[5].x, 6, weights, size)
        cosine = cls @ final[0] / np.linalg.norm(cls) / np.linalg.norm(final[0])
        assert cosine == pytest.approx(stored, abs=1e-3)


@pytest.mark.build
@needs_tools
def test_agrees_with_the_program_that_the_graph_was_made_for(photos, contents):
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from assets.vit import ViT
    from assets.vit_photos import run

    graph = onnx.load_from_string(next(iter(contents.values())))
    names = ["/backbone/layernorm/Add_1_output_0", "/backbone/embeddings/Concat_6_output_0"]
    names.append("/backbone/encoder/layer.5/attention/attention/Softmax_output_0")
    graph.graph.output.extend([onnx.ValueInfoProto(name=name) for name in names])
    session = ort.InferenceSession(graph.SerializeToString())
    x = (photos.images[2].astype(np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    x = x.transpose(2, 0, 1)[None].astype(np.float32)
    states, positions, attention = session.run(names, {"input_image": x})
    model = ViT(contents)
    blocks, final = run(model, photos.images[2])
    np.testing.assert_allclose(positions[0], model.positions, atol=1e-6)
    np.testing.assert_allclose(states[0], final, atol=2e-4)
    np.testing.assert_allclose(attention[0], blocks[5].attention, atol=1e-4)
