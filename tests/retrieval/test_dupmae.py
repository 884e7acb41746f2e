"""DupMAE: hand cases, what a row of the decoder can know, masks of whole words, the index."""

import json

import numpy as np
import pytest
from scipy import sparse

from tokenlab import autograd, errors
from tokenlab.retrieval import TokenIndex
from tokenlab.retrieval.dupmae import (
    DupIndex,
    bag_logits,
    bag_of_states,
    bow_loss,
    bow_weights,
    decoder_mask,
    encode,
    encoder_mask,
    enhanced_decode,
    init,
    losses,
    scores,
    search,
    sparsify,
    token_logits,
)
from tokenlab.tape import mapped

LOGITS = np.array([[2.0, 0, 1, -1], [0, 3, 0.5, -2]])


def wide(**options):
    """Parameters in float64."""
    return mapped(lambda x: x.astype(np.float64), init(**options))


def test_the_bag_by_hand():
    mu = bag_logits(LOGITS)
    assert mu.tolist() == [2, 3, 1, -1]
    assert bow_loss(mu, [0, 1, 1]) == pytest.approx(1.839433, abs=1e-6)
    assert bow_loss(mu, [0, 1, 1], variant="official") == pytest.approx(0.613144, abs=1e-6)
    assert sparsify(mu, 2).ids.tolist() == [1, 0]
    index = DupIndex.build([[0.5, -1.0]], mu[None], 2)
    assert scores([1.0, 2.0], [1.0, 2.0, 4.0, 0.0], index).tolist() == [6.5]


def test_the_bag_knows_no_order_and_only_grows():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((2, 6, 9))
    mu = bag_logits(logits)
    np.testing.assert_array_equal(bag_logits(logits[:, ::-1]), mu)
    mask = rng.random((2, 6)) < 0.5
    mask[:, 0] = True
    assert (bag_logits(logits, mask) <= mu).all()
    np.testing.assert_array_equal(bag_logits(logits, mask)[1], logits[1, mask[1]].max(axis=0))


def test_the_gradient_of_the_bag_goes_to_the_first_best():
    logits = np.array([[1.0, 5.0], [1.0, 6.0]])
    _, grad = autograd.value_and_grad(lambda x: (bag_logits(x) * np.array([1.0, 2.0])).sum())(
        logits
    )
    assert grad.tolist() == [[1, 0], [0, 2]]


def test_weights_of_words():
    assert bow_weights([0, 1, 1, 3], 4, special=[3], variant="official").tolist() == pytest.approx(
        [1 / 3, 1 / 3, 0, 0]
    )
    assert (bow_weights([3, 3], 4, special=[3]) == 0).all()
    with pytest.raises(errors.InvalidInput, match="special tokens alone"):
        bow_loss([0.0] * 4, [3], special=[3])


def test_every_entry_is_the_dense_product_and_roles_matter():
    rng = np.random.default_rng(0)
    dense, mu = rng.standard_normal((5, 3)), rng.standard_normal((5, 7))
    whole = DupIndex.build(dense, mu, 7)
    np.testing.assert_allclose(scores(dense[0], mu[0], whole), dense @ dense[0] + mu @ mu[0])
    few = DupIndex.build(dense, mu, 2)
    matrix = sparse.csr_matrix((few.values, few.ids, few.offsets), shape=(5, 7))
    np.testing.assert_allclose(scores(dense[0], mu[0], few), dense @ dense[0] + matrix @ mu[0])
    assert scores(dense[0], mu[0], few)[1] != pytest.approx(scores(dense[1], mu[1], few)[0])
    found = search(dense[0], mu[0], few, k=9)
    assert len(found.doc_ids) == 5
    assert (np.diff(found.scores) <= 0).all()


def test_words_are_masked_as_a_whole_while_they_fit():
    words = np.array([0, 1, 1, 1, 2, 2, 3, 4, 4, 5])
    for seed in range(40):
        masked = encoder_mask(10, 0.3, words=words, protect=[0, -1], rng=seed)
        assert masked.sum() <= 3
        assert not masked[[0, -1]].any()
        for word in range(6):
            assert masked[words == word].all() or not masked[words == word].any()
    assert encoder_mask(10, 0.0, rng=0).sum() == 0
    assert encoder_mask(10, 0.01, rng=0).sum() == 1
    assert encoder_mask(2, 1.0, protect=[0, 1], rng=0).sum() == 0
    assert encoder_mask(10, 0.3, rng=0).sum() == 3
    share = np.mean([encoder_mask(10, 0.3, rng=seed) for seed in range(2000)], axis=0)
    np.testing.assert_allclose(share, 0.3, atol=0.05)


def test_rows_of_the_decoder():
    visible = decoder_mask(9, 0.5, rng=0)
    assert visible[:, 0].all()
    assert not visible[np.arange(1, 9), np.arange(1, 9)].any()
    hidden = (~visible).sum(axis=1)
    assert set(hidden.tolist()) <= {4, 5}  # round(4.5) of the others, and itself
    assert len({tuple(row) for row in visible}) > 1


def test_what_a_position_cannot_know():
    params = wide(vocab=12, d=8, layers=1, heads=2, rng=0)
    rng = np.random.default_rng(0)
    ids, cls = rng.integers(0, 12, 7), rng.standard_normal(8)
    visible = decoder_mask(7, 0.4, rng=1)
    before = enhanced_decode(params, cls, ids, visible)
    for j in range(1, 7):
        other = ids.copy()
        other[j] = (ids[j] + 1) % 12
        changed = (enhanced_decode(params, cls, other, visible) != before).any(axis=1)
        np.testing.assert_array_equal(changed, visible[:, j])


def test_the_losses_are_their_parts():
    params = wide(vocab=12, d=8, layers=1, heads=2, rng=0)
    rng = np.random.default_rng(0)
    ids = np.array([[0, 4, 5, 4, 1], [0, 6, 7, 8, 1]])
    masked = np.array([[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]], bool)
    visible = np.stack([decoder_mask(5, rng=rng) for _ in ids])
    options = {"masked": masked, "visible": visible, "mask_id": 11, "special": (0, 1)}
    found = losses(params, ids, **options)
    inputs = np.where(masked, 11, ids)
    logits = token_logits(params, encode(params, inputs))
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    assert found.mlm == pytest.approx(-(log_p[0, 1, 4] + log_p[1, 2, 7]) / 2)
    bows = [
        bow_loss(logits[0, [2, 3]].max(0), [4, 5]),
        bow_loss(logits[1, [1, 3]].max(0), [6, 7, 8]),
    ]
    assert found.bow == pytest.approx(np.mean(bows))
    states = enhanced_decode(params, encode(params, inputs)[:, 0], ids, visible)
    out = token_logits(params, states)
    out = out - np.log(np.exp(out).sum(-1, keepdims=True))
    wanted = -np.mean([out[b, i, ids[b, i]] for b in range(2) for i in (1, 2, 3)])
    assert found.decoder == pytest.approx(wanted)
    assert found.total == pytest.approx(found.mlm + found.decoder + found.bow)
    official = losses(params, ids, **options, variant="official")
    bow = [
        bow_loss(logits[i, 1:].max(0), ids[i], variant="official", special=(0, 1)) for i in (0, 1)
    ]
    assert official.bow == pytest.approx(np.mean(bow))
    assert official.total == pytest.approx(official.mlm + official.decoder + 0.1 * official.bow)


def test_gradients():
    params = wide(vocab=6, d=4, layers=1, heads=2, n_max=4, rng=0)
    ids, masked = np.array([[0, 2, 3]]), np.array([[False, True, False]])
    visible = decoder_mask(3, rng=0)[None]

    def loss(params):
        return losses(params, ids, masked=masked, visible=visible, mask_id=5, special=(0,)).total

    assert autograd.gradcheck(loss, params) < 1e-5


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: bag_logits(LOGITS, [False, False]), "without True"),
        (lambda: bow_loss([0.0, 1.0], [2]), "ids"),
        (lambda: sparsify([0.0, 1.0], 3), "k is 3 of vocab = 2"),
        (
            lambda: scores([1.0], [1.0], DupIndex.build([[1.0]], [[1.0, 2]], 1)),
            "expected .1,. and .2",
        ),
        (lambda: scores([1.0], [1.0, 2.0], None), "index"),
        (lambda: encoder_mask(4, 1.5), "share"),
        (lambda: encoder_mask(4, protect=[4]), "protect has 4"),
        (lambda: encoder_mask(4, words=[0, 1]), "words are .2,."),
        (
            lambda: losses(
                init(vocab=6, d=4, rng=0),
                [[0, 2]],
                masked=[[False, False]],
                visible=[[[True, True], [True, False]]],
                mask_id=5,
            ),
            "masked is nowhere True",
        ),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()


def test_the_bag_of_states_is_that_of_their_logits(monkeypatch):
    from tokenlab import blocks

    rng = np.random.default_rng(0)
    params, h = {"embed": rng.standard_normal((50, 6))}, rng.standard_normal((7, 6))
    mask = np.arange(7) != 3
    wanted = bag_logits(token_logits(params, h), mask)
    np.testing.assert_allclose(bag_of_states(params["embed"], h, mask), wanted)
    monkeypatch.setattr(blocks, "ENTRIES", 40)  # six words at a time
    np.testing.assert_allclose(bag_of_states(params["embed"], h, mask), wanted)


def test_all_logits_are_never_held():
    import tracemalloc

    rng = np.random.default_rng(0)
    embed, h = rng.standard_normal((30_000, 4)), rng.standard_normal((500, 4))
    tracemalloc.start()
    bag_of_states(embed, h)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000 * 500 * 8 / 5  # ENTRIES are a fifteenth


# the lines of people who used it ---------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_few_tokens_lose_exactly_one(n):
    for seed in range(20):
        assert encoder_mask(n, 0.15, rng=seed).sum() == 1
        assert not encoder_mask(n + 2, 0.15, protect=[0, -1], rng=seed)[[0, -1]].any()


def test_a_word_twice_counts_once_and_special_tokens_count_nothing():
    mu = np.array([0.5, 2.0, 1.0, -1.0])
    assert bow_loss(mu, [1, 1, 2]) == pytest.approx(bow_loss(mu, [2, 1]))
    assert bow_loss(mu, [0, 1, 2, 3], special=[0, 3]) == pytest.approx(bow_loss(mu, [1, 2]))
    assert bow_weights([1, 1, 2, 3], 4, special=[3]).tolist() == [0, 1, 1, 0]


# on disk ---------------------------------------------------------------------------------------


def some_index(seed=0, n_docs=4, dtype=np.float32):
    rng = np.random.default_rng(seed)
    dense, mu = rng.standard_normal((n_docs, 3)), rng.standard_normal((n_docs, 9))
    return DupIndex.build(dense.astype(dtype), mu.astype(dtype), 2)


def same(a, b):
    assert a.vocab == b.vocab
    for x, y in zip(a[:4], b[:4], strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back(tmp_path, dtype, mmap):
    index = some_index(dtype=dtype)
    folder = index.save(tmp_path / "deep" / "index")
    found = DupIndex.load(str(folder), mmap=mmap)
    same(found, index)
    assert isinstance(found.values, np.memmap) is mmap
    query = np.ones(3, dtype), np.arange(9, dtype=dtype)
    np.testing.assert_array_equal(search(*query, found, k=3).scores, search(*query, index, k=3)[1])
    assert len(list(folder.iterdir())) == 5
    some_index(1).save(folder)
    same(DupIndex.load(folder), some_index(1))
    assert len(list(folder.iterdir())) == 5


def test_indexes_of_two_kinds_leave_each_other_alone(tmp_path):
    tokens = TokenIndex.from_docs([[[0.5, 1.0]]])
    tokens.save(tmp_path / "tokens")
    some_index().save(tmp_path / "bags")
    with pytest.raises(errors.StorageError, match=r"DupIndex.save: .* not a DupMAE index"):
        some_index().save(tmp_path / "tokens")
    with pytest.raises(errors.StorageError, match=r"TokenIndex.save: .* not a token index"):
        tokens.save(tmp_path / "bags")
    with pytest.raises(errors.StorageError, match=r"DupIndex.load: .* not a DupMAE index"):
        DupIndex.load(tmp_path / "tokens")
    assert TokenIndex.load(tmp_path / "tokens").n_tokens == 1
    same(DupIndex.load(tmp_path / "bags"), some_index())


@pytest.mark.parametrize("name", ["dense", "offsets", "ids", "values"])
def test_every_file_cut_lengthened_missing_or_with_one_bit_flipped(tmp_path, name):
    folder = some_index().save(tmp_path / "index")
    file = next(path for path in folder.iterdir() if path.name.startswith(name))
    whole = file.read_bytes()
    flips = np.linspace(0, len(whole) - 1, 12, dtype=int)
    damaged = [whole[:-1], whole[:40], b"", whole + b"\0"]
    damaged += [whole[:i] + bytes([whole[i] ^ 4]) + whole[i + 1 :] for i in flips]
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(errors.StorageError, match=r"DupIndex.load: .* is damaged"):
            DupIndex.load(folder)
    file.unlink()
    with pytest.raises(errors.StorageError, match="is missing"):
        DupIndex.load(folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"vocab": 3}, "a word is not among 0 to 2"),
        ({"n_docs": 5}, "does not have the shape"),
        ({"d": 2}, "does not have the shape"),
        ({"n_entries": 9}, "does not have the shape"),
        ({"dtype": "float64"}, "does not have the shape"),
        ({"vocab": None}, "the manifest lacks vocab"),
        ({"version": 2}, "has version 2"),
    ],
)
def test_a_manifest_that_says_something_else(tmp_path, change, match):
    folder = some_index().save(tmp_path / "index")
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(errors.StorageError, match=match):
        DupIndex.load(folder, verify=False)


def test_an_index_of_nothing(tmp_path):
    index = DupIndex(np.zeros((0, 3), np.float32), [0], [], [], 9)
    same(DupIndex.load(index.save(tmp_path / "index")), index)
    assert scores([1.0] * 3, [1.0] * 9, index).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([[1.0]], [0, 1], [2], [1.0], 2), "DupIndex: ids runs from 2 to 2; vocab is 2"),
        (([[1.0]], [0, 1], [-1], [1.0], 2), "DupIndex: ids runs from -1"),
        (([[1.0]], [0, 2], [1], [1.0], 2), "DupIndex: offsets is from 0 to 2"),
        (([[1.0]], [0, 1, 1], [1], [1.0], 2), "DupIndex: offsets are .3,.; expected .2,."),
        (([[1.0]], [0, 1], [1], [1.0, 2.0], 2), "values is .2,. = .n_entries"),
        (([[1.0]], [0, 1], [1], [np.nan], 2), "DupIndex: values has 1 values that are not"),
        (([[1.0]], [0, 1], [1], [1.0], 0), "DupIndex: vocab"),
    ],
)
def test_an_index_that_does_not_fit_together(arguments, match):
    with pytest.raises(errors.TokenlabError, match=match):
        DupIndex(*arguments)
