"""Pictures of characters, their principal components, and who shares a row."""

import numpy as np
import pytest

from tokenlab.embeddings import visual_unicode as visual
from tokenlab.errors import TokenlabError


@pytest.fixture
def ascii_glyphs():
    pytest.importorskip("PIL")
    pytest.importorskip("matplotlib")
    return visual.render([chr(i) for i in range(32, 127)])


def test_glyphs_are_centred_and_blank_where_nothing_is_drawn(ascii_glyphs):
    bits = ascii_glyphs.bits
    assert bits.shape == (95, 32, 32)
    assert bits.dtype == bool
    assert not ascii_glyphs.missing.any()
    assert not bits[0].any()  # the blank
    for number in (ord("O") - 32, ord("x") - 32):
        for axis in (0, 1):
            inked = np.flatnonzero(bits[number].any(axis=axis))
            assert abs(inked[0] - (31 - inked[-1])) <= 2


def test_control_characters_are_blank_and_absent_ones_reported():
    pytest.importorskip("PIL")
    pytest.importorskip("matplotlib")
    glyphs = visual.render(["\n", "\x00", "ğ", "ı", "ş", "中", "a中"], size=24)
    assert glyphs.missing.tolist() == [False] * 5 + [True, True]
    assert not glyphs.bits[:2].any()
    assert glyphs.bits[2:].any(axis=(1, 2)).all()


def test_longer_tokens_are_squeezed_cells(ascii_glyphs):
    both = visual.render(["th", "ht", "t"])
    assert both.bits.shape == (3, 32, 32)
    left, right = both.bits[0][:, :16], both.bits[0][:, 16:]
    assert (both.bits[1][:, 16:] == left).mean() > 0.9
    assert (both.bits[1][:, :16] == right).mean() > 0.9


def test_the_numbers_of_the_specification(ascii_glyphs):
    """95 characters and eight longer tokens in DejaVu Sans Mono."""
    longer = visual.render(["th", "he", "in", "er", "an", "ing", "the", "and"]).bits
    found = visual.visual_embedding(np.concatenate([ascii_glyphs.bits, longer]), 64)
    assert found.share.sum() == pytest.approx(0.964, abs=5e-4)
    assert visual.collisions(found.table) == []
    rows = {chr(i + 32): row for i, row in enumerate(found.table)}
    wanted = {"O0": 0.899, "lI": 0.507, "OQ": 0.412, "aA": 0.218, "Ox": -0.214}
    for pair, cosine in wanted.items():
        assert rows[pair[0]] @ rows[pair[1]] == pytest.approx(cosine, abs=6e-4)


def test_principal_components_and_their_invariance():
    rng = np.random.default_rng(0)
    bits = rng.random((20, 6, 6)) < 0.4
    found = visual.visual_embedding(bits, 5)
    x = bits.reshape(20, 36) - bits.reshape(20, 36).mean(axis=0)
    values, axes = np.linalg.eigh(x.T @ x)
    np.testing.assert_allclose(found.share, values[::-1][:5] / values.sum())
    projected = x @ axes[:, ::-1][:, :5]
    wanted = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    np.testing.assert_allclose(found.table @ found.table.T, wanted @ wanted.T, atol=1e-9)
    np.testing.assert_allclose(found.components @ found.components.T, np.eye(5), atol=1e-12)
    order = rng.permutation(36)  # the order of pixels means nothing
    mixed = visual.visual_embedding(bits.reshape(20, 36)[:, order], 5)
    np.testing.assert_allclose(mixed.table @ mixed.table.T, wanted @ wanted.T, atol=1e-9)
    numbers = visual.visual_embedding(bits.astype(np.float32), 5)
    np.testing.assert_allclose(numbers.table @ numbers.table.T, wanted @ wanted.T, atol=1e-9)


def test_a_picture_equal_to_the_mean_keeps_zeros():
    bits = np.array([[0.0, 1, 1], [2, 1, 1], [1, 0, 1], [1, 2, 1], [1, 1, 1]])
    found = visual.visual_embedding(bits, 2)
    assert (found.table[4] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.table[:4], axis=1), 1)


def test_who_shares_a_row():
    assert visual.collisions([[0.0, 0], [1, 0], [0, 0], [1, 1e-7], [0, 1], [0, 0]]) == [
        [0, 2, 5],
        [1, 3],
    ]
    assert visual.collisions(np.eye(4)) == []
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((30, 8))
    whose = rng.integers(30, size=200)
    found = visual.collisions(rows[whose])
    wanted = [np.flatnonzero(whose == i).tolist() for i in range(30)]
    wanted = sorted((g for g in wanted if len(g) > 1), key=lambda g: (-len(g), g[0]))
    assert found == wanted


def test_frozen_rows_stay_as_they_are():
    from tokenlab.models import transformer
    from tokenlab.models.layers import cross_entropy
    from tokenlab.training import train

    bits = np.random.default_rng(2).random((7, 25)) < 0.5
    table = visual.visual_embedding(bits, 4).table.astype(np.float32)
    params = transformer.init(
        vocab=7, d=4, layers=1, heads=2, rng=0, embeddings="frozen", embed=table
    )
    ids = np.arange(12)[None] % 7
    loss = lambda p, ids: cross_entropy(transformer.forward(p, ids)[:, :-1], ids[:, 1:])  # noqa: E731
    trained, history = train(loss, params, [(ids,)], steps=20, rate=0.01, weight_decay=0.1)
    assert trained["frozen_embed"].tobytes() == table.tobytes()
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: visual.render("ab"), "render: tokens is one text"),
        (lambda: visual.render(["a", ""]), "render: tokens[1] is empty"),
        (lambda: visual.render([]), "render: tokens is empty"),
        (lambda: visual.render(["a"], size=0), "render: size is 0"),
        (lambda: visual.render(["a"], font="nowhere.ttf"), "render: font is 'nowhere.ttf'"),
        (lambda: visual.visual_embedding(np.eye(3), 3), "visual_embedding: d is 3"),
        (lambda: visual.visual_embedding(np.ones((3, 4)), 1), "visual_embedding: d is 1"),
        (lambda: visual.visual_embedding(np.ones(3), 1), "visual_embedding: bits is (3,)"),
        (lambda: visual.visual_embedding([[np.nan]], 1), "visual_embedding: bits has 1 values"),
        (lambda: visual.collisions([[np.inf]]), "collisions: table has 1 values"),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    if "render" in says:
        pytest.importorskip("PIL")
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
