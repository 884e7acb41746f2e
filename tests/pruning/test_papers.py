"""Hand-worked cases of each paper, from the specification, and what each refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.pruning import (
    divprune,
    evit,
    fastv,
    hiprune,
    recoverable,
    sparsevlm,
    todre,
    token_transforming,
    tome,
    transprune,
    uniform,
    visionzip,
)

ONE_HOT = np.eye(16)[3]
DEEP = np.arange(16.0)


def angles(*degrees):
    turn = np.radians(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


FOUR = angles(0, 20, 100, 150)


def attention(n, h=2, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n + 1), (h, n + 1))


class TestHiPrune:
    def test_hand_case_of_both_variants(self):
        args = {"grid": (4, 4), "k": 7, "alpha": 0.7}
        reduction = hiprune.reduce(ONE_HOT, DEEP, **args)
        assert reduction.kept.tolist() == [2, 3, 7, 12, 13, 14, 15]
        roles = [reduction.role_names[role] for role in reduction.roles]
        assert roles == ["buffer", "anchor", "buffer"] + ["register"] * 4
        official = hiprune.reduce(ONE_HOT, DEEP, variant="official", **args)
        assert official.kept.tolist() == [0, 2, 3, 4, 7, 14, 15]

    @pytest.mark.parametrize(("k", "anchors"), [(192, 4), (128, 3), (64, 1)])
    def test_anchor_counts_of_the_paper(self, k, anchors):
        rng = np.random.default_rng(0)
        reduction = hiprune.reduce(rng.random(576), rng.random(576), grid=(24, 24), k=k)
        assert (reduction.roles == 0).sum() == anchors

    def test_half_an_anchor_goes_to_the_even_number(self):
        rng = np.random.default_rng(0)
        scores = rng.random((2, 100))
        for k, anchors in ((25, 0), (75, 2)):  # 0.5 and 1.5, as Python rounds them
            reduction = hiprune.reduce(*scores, grid=(10, 10), k=k)
            assert (reduction.roles == 0).sum() == anchors

    @pytest.mark.parametrize("variant", ["paper", "official"])
    @settings(max_examples=60, deadline=None)
    @given(
        height=st.integers(1, 6),
        width=st.integers(1, 6),
        share=st.floats(0.01, 1),
        alpha=st.sampled_from([0, 0.1, 0.5, 1]),
        seed=st.integers(0, 999),
    )
    def test_against_a_loop(self, variant, height, width, share, alpha, seed):
        n = height * width
        k = max(1, int(share * n))
        seen, deep = np.random.default_rng(seed).integers(0, 6, (2, n))  # with ties
        anchors = sorted(range(n), key=lambda j: (-seen[j], j))[: round(k * alpha / 5)]
        taken = set(anchors)
        for t in anchors:
            row, column = divmod(t, width)
            places = [(row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column)]
            if variant == "official":
                taken |= {min(max(r * width + c, 0), n - 1) for r, c in places}
            else:
                taken |= {r * width + c for r, c in places if 0 <= r < height and 0 <= c < width}
        got = hiprune.reduce(seen, deep, grid=(height, width), k=k, alpha=alpha, variant=variant)
        if len(taken) <= k:
            rest = sorted(set(range(n)) - taken, key=lambda j: (-deep[j], j))
            assert got.kept.tolist() == sorted(taken | set(rest[: k - len(taken)]))
        else:
            assert set(anchors) <= set(got.kept.tolist()) <= taken

    def test_without_anchors_the_deep_scores_decide(self):
        reduction = hiprune.reduce(ONE_HOT, DEEP, grid=(4, 4), k=5, alpha=0)
        assert reduction.kept.tolist() == [11, 12, 13, 14, 15]

    def test_anchors_stay_when_their_neighbours_are_too_many(self):
        scores = np.zeros(16)
        scores[[5, 1, 9]] = 0.9, 0.2, 0.3
        reduction = hiprune.reduce(scores, DEEP, grid=(4, 4), k=3, alpha=1)  # 1 anchor, 4 buffers
        assert reduction.kept.tolist() == [1, 5, 9]

    def test_attention_is_reduced_and_heads_do_not_matter(self):
        a, b = attention(16), attention(16, seed=1)
        got = hiprune.reduce(a, b, grid=(4, 4), k=8, alpha=0.5)
        scores = [x.mean(axis=(0, 1))[1:] for x in (a, b)]
        assert (
            got.kept.tolist() == hiprune.reduce(*scores, grid=(4, 4), k=8, alpha=0.5).kept.tolist()
        )
        swapped = hiprune.reduce(a[::-1], b[::-1], grid=(4, 4), k=8, alpha=0.5)
        assert swapped.kept.tolist() == got.kept.tolist()
        rows = [x[:, 0, 1:].mean(axis=0) for x in (a, b)]
        by_row = hiprune.reduce(a, b, grid=(4, 4), k=8, alpha=0.5, scores="cls_row")
        assert (
            by_row.kept.tolist() == hiprune.reduce(*rows, grid=(4, 4), k=8, alpha=0.5).kept.tolist()
        )

    def test_what_it_refuses(self):
        with pytest.raises(ShapeError, match="3 x 4 = 12 patches, but there are n = 16"):
            hiprune.reduce(ONE_HOT, DEEP, grid=(3, 4), k=7)
        with pytest.raises(ShapeError, match="of one image"):
            hiprune.reduce(ONE_HOT, DEEP[:9], grid=(4, 4), k=7)
        for alpha in (-0.1, 1.1, None, True, np.nan):
            with pytest.raises(InvalidInput, match="alpha"):
                hiprune.reduce(ONE_HOT, DEEP, grid=(4, 4), k=7, alpha=alpha)
        with pytest.raises(InvalidInput, match="variant"):
            hiprune.reduce(ONE_HOT, DEEP, grid=(4, 4), k=7, variant="code")
        with pytest.raises(InvalidInput, match="column_mean"):
            hiprune.reduce(attention(16), DEEP, grid=(4, 4), k=7, scores="rows")
        with pytest.raises(ShapeError, match=r"object_scores is \(17, 17\).*object_scores\[None\]"):
            hiprune.reduce(attention(16)[0], DEEP, grid=(4, 4), k=7)
        with pytest.raises(InvalidInput, match="k = 17 of n = 16"):
            hiprune.reduce(ONE_HOT, DEEP, grid=(4, 4), k=17)
        with pytest.warns(RuntimeWarning, match="do not sum to one"):
            hiprune.reduce(attention(16) * 2, attention(16), grid=(4, 4), k=7)


class TestTransPrune:
    t_in = np.array([[1.0, 0], [1, 0], [2, 0]])
    t_out = np.array([[1.0, 0], [0, 1], [-1, 0]])

    def test_hand_case_of_both_variants(self):
        paper = transprune.transition_variation(self.t_in, self.t_out)
        np.testing.assert_allclose(paper, [0.21194, 0.57612, 0.10597], atol=5e-6)
        official = transprune.transition_variation(self.t_in, self.t_out, variant="official")
        np.testing.assert_allclose(official, [0.09003, 0.24473, 0.33262], atol=5e-6)
        assert transprune.reduce(paper, k=1).kept.tolist() == [1]
        assert transprune.reduce(official, k=1).kept.tolist() == [2]

    def test_rotations_and_scale(self):
        rng = np.random.default_rng(0)
        t_in, t_out = rng.standard_normal((2, 9, 4))
        turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        for variant in ("paper", "official"):
            plain = transprune.transition_variation(t_in, t_out, variant=variant)
            turned = transprune.transition_variation(t_in @ turn, t_out @ turn, variant=variant)
            np.testing.assert_allclose(turned, plain, atol=1e-12)
            scaled = transprune.transition_variation(t_in, 3 * t_out, variant=variant)
            np.testing.assert_allclose(scaled, 3 * plain, atol=1e-12)

    def test_the_softmax_of_the_paper_runs_over_image_tokens_alone(self):
        image = slice(1, 3)
        paper = transprune.transition_variation(self.t_in, self.t_out, image=image)
        alone = transprune.transition_variation(self.t_in[image], self.t_out[image])
        np.testing.assert_allclose(paper, alone)
        whole = transprune.transition_variation(self.t_in, self.t_out, variant="official")
        official = transprune.transition_variation(
            self.t_in, self.t_out, variant="official", image=image
        )
        np.testing.assert_allclose(official, whole[image])

    def test_tiny_tokens_keep_their_direction(self):
        tiny = np.float32([[1e-15, 0], [0, 1e-15], [1e-15, 1e-15]])
        found = transprune.transition_variation(tiny, tiny[[0, 0, 0]])
        turn, length = np.array([0, 1, 1 - 0.5**0.5]), np.array([1, 1, 0.5**0.5])
        want = np.exp(turn) / np.exp(turn).sum() * length
        np.testing.assert_allclose(found, want, rtol=1e-5)

    def test_a_token_of_length_zero_goes_first(self):
        found = transprune.transition_variation([[0.0, 0], [1, 0]], [[5.0, 0], [0.1, 0]])
        assert found[0] == 0 < found[1]

    def test_alpha(self):
        variation, instruction = [0.2, 0.6, 0.1], [0.1, 0.1, 0.9]
        assert transprune.reduce(variation, instruction, k=1, alpha=1.0).kept.tolist() == [1]
        assert transprune.reduce(variation, instruction, k=1, alpha=0).kept.tolist() == [2]
        big = transprune.reduce([200.0, 600, 100], instruction, k=1)
        assert big.kept.tolist() == [1]  # the paper adds as it is
        official = transprune.reduce([200.0, 600, 100], instruction, k=1, variant="official")
        assert official.kept.tolist() == [2]
        with pytest.raises(InvalidInput, match="alpha"):
            transprune.reduce(variation, instruction, k=1, alpha=2)
        with pytest.raises(ShapeError, match=r"n = 3, but .* n = 2; expected the same n"):
            transprune.reduce(variation, [0.5, 0.5], k=1)
        with pytest.raises(ShapeError, match="same"):
            transprune.transition_variation(self.t_in, self.t_out[:2])

    def test_instruction_attention(self):
        rows = attention(5, h=3)
        got = transprune.instruction_attention(rows, text=slice(4, 6), image=slice(1, 4))
        want = [np.mean([rows[h][i][j] for h in range(3) for i in (4, 5)]) for j in (1, 2, 3)]
        np.testing.assert_allclose(got, want)
        with pytest.raises(ShapeError, match="at least one row"):
            transprune.instruction_attention(rows, text=slice(6, 6), image=slice(1, 4))


class TestToDRE:
    def test_both_versions(self):
        assert todre.reduce(FOUR, k=3, variant="v1", pivot=0).kept.tolist() == [0, 2, 3]
        assert todre.reduce(FOUR, k=3, variant="v2", pivot=0).kept.tolist() == [0, 1, 3]
        by_scores = todre.reduce(FOUR, k=3, pivot=[0.7, 0.1, 0.1, 0.1])
        assert by_scores.kept.tolist() == [0, 1, 3]
        assert todre.reduce(FOUR, k=3, pivot=np.int64(0)).kept.tolist() == [0, 1, 3]
        rows = attention(4)
        pivot = int(rows[:, 0, 1:].mean(axis=0).argmax())
        by_rows = todre.reduce(FOUR, k=3, pivot=rows).kept
        assert by_rows.tolist() == todre.reduce(FOUR, k=3, pivot=pivot).kept.tolist()

    def test_stage_two(self):
        rows = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.1, 0.4, 0], [0.3, 0.06, 0.3, 0.34]]
        of = {"text": slice(2, 4), "image": slice(1, 2)}
        assert todre.migration([rows], **of).text_to_image == pytest.approx(0.08)
        assert todre.migration([rows], **of).image_to_text == 0
        assert todre.image_is_done([rows], **of)
        assert not todre.image_is_done([rows], threshold=0.08, **of)
        both = np.full((1, 4, 4), 0.25)
        assert todre.migration(both, **of) == pytest.approx((0.25, 0.5))

    def test_what_it_refuses(self):
        with pytest.raises(InvalidInput, match="variant"):
            todre.reduce(FOUR, k=2, variant="v3")
        with pytest.raises(ShapeError, match="pivot has 3 scores"):
            todre.reduce(FOUR, k=2, pivot=[1.0, 2, 3])
        with pytest.raises(ShapeError, match="at least one token"):
            todre.migration(np.full((1, 4, 4), 0.25), text=slice(0, 0), image=slice(1, 2))


class TestRecoverable:
    def test_the_steps_take_disjoint_tokens_and_merge_the_rest(self):
        rng = np.random.default_rng(1)
        visual = np.full(60, 0.01) + 1e-4 * rng.random(60)
        visual[[7, 30]] = 0.2, 0.15
        text = 0.01 * rng.random(60)
        text[[7, 11, 12]] = 0.9, 0.5, 0.4
        keys = rng.standard_normal((60, 8))
        found = recoverable.reduce(visual, text, keys, members=5)
        names = np.array(found.role_names)[found.roles]
        assert found.kept[names == "image"].tolist() == [7, 30]
        assert 11 in found.kept[names == "text"]
        assert 7 not in found.kept[names == "text"]
        weights = found.matrix()
        left = np.setdiff1d(np.arange(60), found.kept)
        np.testing.assert_allclose(weights[-1, left], visual[left])
        assert weights[-1, found.kept].max() == 0
        for row, place in enumerate(found.kept):
            assert weights[row, place] == 1
            members = np.setdiff1d(np.flatnonzero(weights[row]), [place])
            assert len(members) == (5 if names[row] == "centre" else 0)
            np.testing.assert_allclose(weights[row, members], visual[members])
        assert found.size.sum() == pytest.approx(60)

    def test_as_many_as_stand_out_whatever_rounding_does(self):
        """98 * (2 / 98) is a little less than 2."""
        assert int(98 * (2 / 98)) == 1
        visual = np.full(98, 0.01) + 1e-5 * np.arange(98)
        visual[[5, 60]] = 0.5, 0.9
        found = recoverable.reduce(visual, np.zeros(98), np.eye(98))
        assert found.kept[found.roles == 0].tolist() == [5, 60]

    def test_equal_scores_keep_one_token_and_the_global_one(self):
        found = recoverable.reduce(np.full(30, 1 / 30), np.zeros(30), np.ones((30, 2)))
        assert found.kept.tolist() == [0]
        assert len(found) == 2

    def test_what_it_refuses(self):
        with pytest.raises(InvalidInput, match="below 0"):
            recoverable.reduce([-0.1, 0.2], [0.0, 0], [[1.0], [2.0]])
        with pytest.raises(ShapeError, match="same n"):
            recoverable.reduce([0.1, 0.2], [0.0, 0, 0], [[1.0], [2.0]])


class TestToMe:
    x = np.array([[1.0, 0], [1, 0.1], [0, 1], [0, 1]])

    def test_hand_case(self):
        merged = tome.reduce(self.x, 1)
        want = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]]
        np.testing.assert_array_equal(merged.matrix(), want)
        assert merged.size.tolist() == [1, 1, 2]
        assert merged.kept.tolist() == [0, 1, 3]

    def test_sizes_weigh_the_mean(self):
        merged = tome.reduce(self.x, 1, size=[1.0, 1, 3, 1])
        np.testing.assert_allclose(merged.matrix()[2], [0, 0, 0.75, 0.25])
        assert merged.size.tolist() == [1, 1, 4]

    @pytest.mark.parametrize("protect", [0, 1, 2, 3])
    @pytest.mark.parametrize("n", [4, 7, 12])
    def test_against_a_loop(self, n, protect, rng):
        x = rng.standard_normal((n, 3))
        r = max(0, n - protect) // 2
        merged = tome.reduce(x, r, protect=protect)
        assert len(merged) == n - r
        assert merged.kept.tolist()[:protect] == list(range(protect))
        u = x / np.linalg.norm(x, axis=1, keepdims=True)
        edges = []
        for a in range(0, n, 2):
            if a >= protect:
                b = max((b for b in range(1, n, 2) if b >= protect), key=lambda b: u[a] @ u[b])
                edges.append((-(u[a] @ u[b]), a, b))
        groups = list(range(n))
        for _, a, b in sorted(edges)[:r]:
            groups[a] = b
        for row, place in zip(merged.matrix(), merged.kept, strict=True):
            members = [i for i in range(n) if groups[i] == place]
            want = np.zeros(n)
            want[members] = 1 / len(members)
            np.testing.assert_allclose(row, want)

    def test_several_heads_are_averaged(self, rng):
        keys = rng.standard_normal((3, 8, 4))
        got, want = tome.reduce(keys, 3), tome.reduce(keys.mean(axis=0), 3)
        np.testing.assert_allclose(got.matrix(), want.matrix())

    def test_what_it_refuses(self):
        with pytest.raises(InvalidInput, match="at most 2 can merge"):
            tome.reduce(self.x, 3)
        with pytest.raises(InvalidInput, match="at most 1 can merge"):
            tome.reduce(self.x, 2, protect=1)
        with pytest.raises(InvalidInput, match="sizes above 0"):
            tome.reduce(self.x, 1, size=[1.0, 0, 1, 1])
        with pytest.raises(ShapeError, match="size is"):
            tome.reduce(self.x, 1, size=[1.0, 1])
        with pytest.raises(InvalidInput, match=r"r is 2\.5"):
            tome.reduce(self.x, 2.5)

    def test_layer_counts(self):
        assert tome.layer_counts(10, [4, 0, 3], 3) == [(10, 6), (6, 6), (6, 3)]
        counts = tome.layer_counts(197, 8, 12, protect=1, inflect=-1.0)
        assert counts[-1][1] in range(197 - 96 - 2, 197 - 96 + 3)
        for bad in (
            {"r": [1], "layers": 2},
            {"r": 60, "layers": 3},
            {"r": 2, "layers": 2, "inflect": 3},
        ):
            with pytest.raises(InvalidInput):
                tome.layer_counts(100, **bad)


def test_evit_fuses_what_it_drops():
    merged = evit.reduce([0.4, 0.3, 0.2, 0.1], k=0.5)
    assert merged.kept.tolist() == [0, 1]
    np.testing.assert_allclose(merged.matrix()[2], [0, 0, 0.2, 0.1])
    assert merged.size.tolist() == [1, 1, 2]
    assert len(evit.reduce([0.4, 0.3, 0.2, 0.1], k=0.51)) == 4  # three, rounded up, and one
    assert len(evit.reduce([0.4, 0.3, 0.2, 0.1], k=2, fused=False)) == 2
    with pytest.raises(InvalidInput, match="none below 0"):
        evit.reduce([0.4, -0.3, 0.2], k=1)


def test_fastv_reads_all_rows_or_the_last():
    rows = np.array([[[1.0, 0, 0], [0.6, 0.4, 0], [0.1, 0.5, 0.4]]])
    assert fastv.reduce(rows, k=1).kept.tolist() == [0]
    assert fastv.reduce(rows, k=1, variant="official").kept.tolist() == [1]
    assert fastv.reduce(rows, k=1, image=slice(1, 3), variant="official").kept.tolist() == [0]
    with pytest.raises(ShapeError, match="selects none"):
        fastv.reduce(rows, k=1, image=slice(3, 9))


def test_visionzip_rows_sum_to_two_where_tokens_merge():
    keys = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [1, 0.1]])
    merged = visionzip.reduce([0.4, 0.3, 0.2, 0.1, 0.0], keys, dominant=1, contextual=2)
    # The rest is 1, 2, 3, 4; its even spacing takes 1 and 3. 2 is like 3, and 4 like 1.
    assert merged.kept.tolist() == [0, 1, 3]
    want = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 1, 1, 0]]
    np.testing.assert_array_equal(merged.matrix(), want)
    assert merged.size.tolist() == [1, 2, 2]
    three = visionzip.reduce([0.4, 0.3, 0.2, 0.1], np.ones((4, 2)), dominant=1, contextual=1)
    np.testing.assert_array_equal(three.matrix()[1], [0, 1, 0.5, 0.5])
    alone = visionzip.reduce([0.4, 0.3, 0.2], np.ones((3, 2)), dominant=2, contextual=0)
    assert alone.transform is None
    with pytest.raises(InvalidInput, match="k = 5 of n = 3"):
        visionzip.reduce([0.4, 0.3, 0.2], np.ones((3, 2)), dominant=3, contextual=2)
    with pytest.raises(ShapeError, match="keys of 4"):
        visionzip.reduce([0.4, 0.3, 0.2], np.ones((4, 2)), dominant=1, contextual=1)


def test_divprune_begins_with_the_loneliest():
    assert divprune.loneliest(FOUR) == 2  # ties with 3, at 50 degrees
    assert divprune.reduce(FOUR, k=1).kept.tolist() == [2]
    assert divprune.reduce(FOUR, k=2).kept.tolist() == [0, 2]
    assert divprune.reduce(FOUR, k=3).kept.tolist() == [0, 2, 3]
    twins = np.repeat(angles(0, 90), 3, axis=0)
    assert len(set(divprune.reduce(twins, k=5).kept.tolist())) == 5


def test_sparsevlm():
    visual, text = np.array([[1.0, 0], [1, 0.2]]), np.array([[3.0, 0], [0, 1], [2.9, 0]])
    assert sparsevlm.raters(visual, text).tolist() == [0, 2]
    assert sparsevlm.raters(visual, np.ones((3, 2))).tolist() == [0, 1, 2]
    for n_text in range(
        1, 60
    ):  # the mean of equal shares may round up: somebody rates all the same
        assert len(sparsevlm.raters(visual, np.ones((n_text, 2)))) > 0
    rng = np.random.default_rng(0)
    x, words = rng.standard_normal((50, 4)), rng.standard_normal((5, 4))
    rows = rng.dirichlet(np.ones(50), (2, 5))
    found = sparsevlm.reduce(rows, x, words, k=10)
    scores = rows[:, sparsevlm.raters(x, words)].mean(axis=(0, 1))
    rated = found.kept[found.roles == 0]
    assert rated.tolist() == sorted(np.argsort(-scores)[:10].tolist())
    assert (found.roles == 1).sum() == 12 // 10 + 1  # 30 % of 40 are recycled
    assert found.size.sum() == pytest.approx(22)
    assert sparsevlm.reduce(rows, x, words, k=10, recycle=0).transform is None
    with pytest.raises(
        ShapeError, match=r"attention is \(2, 4, 50\) = \(h, n_text, n\).*same n_text"
    ):
        sparsevlm.reduce(rows[:, :4], x, words, k=10)
    for bad in (1.5, "all", np.nan):
        with pytest.raises(InvalidInput, match="recycle"):
            sparsevlm.reduce(rows, x, words, k=10, recycle=bad)


def test_token_transforming():
    x = np.array([[1.0, 0], [0, 1], [1, 1]])
    scores = [0.5, 0.4, 0.1]
    row = token_transforming.reduce(x, scores, k=2, temperature=1.0, mode="row").matrix()
    np.testing.assert_allclose(
        row, [[0.47304, 0.17402, 0.35294], [0.17402, 0.47304, 0.35294]], atol=5e-6
    )
    row = token_transforming.reduce(x, scores, k=2, temperature=0.1, mode="row").matrix()
    np.testing.assert_allclose(row[0], [0.94922, 0.00004, 0.05074], atol=5e-6)
    row = token_transforming.reduce(x, scores, k=2, temperature=1e-3, mode="row").matrix()
    np.testing.assert_allclose(row, [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    far = token_transforming.reduce(x, scores, k=2, temperature=1e6)
    np.testing.assert_allclose(far.matrix(), 1 / 3, atol=1e-5)
    heads = np.stack([x, x])
    np.testing.assert_allclose(
        token_transforming.reduce(heads, scores, k=2).matrix(),
        token_transforming.reduce(x, scores, k=2).matrix(),
    )
    sized = token_transforming.reduce(x, scores, k=2, size=[1.0, 2, 5])
    assert sized.size.sum() == pytest.approx(8)
    for bad in (0, -1.0, np.nan, None):
        with pytest.raises(InvalidInput, match="temperature"):
            token_transforming.reduce(x, scores, k=2, temperature=bad)
    with pytest.raises(ShapeError, match="CLS"):
        token_transforming.reduce(x, [0.5, 0.5], k=2)


def test_the_kinds_of_the_unified_view():
    from .rules import RULES, make

    tokens = make(16, grid=(4, 4))
    kinds = {name: token_transforming.kind(rule(tokens, 9)) for name, rule in RULES.items()}
    one = {"divprune", "fastv", "hiprune", "todre", "transprune", "uniform"}
    for name, kind in kinds.items():
        if name.split()[0] in one:
            assert kind == "one-to-one", name
        elif name.split()[0] in ("evit", "tome", "clusters", "visionzip"):
            assert kind == "many-to-one", name
    assert kinds["token_transforming"] == "many-to-many"


PICKS = {"divprune", "fastv", "hiprune", "todre", "transprune", "uniform"}
MEANS = {"clusters", "sparsevlm", "tome"}


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_rows_and_columns_of_the_unified_view(seed):
    """What each method's matrix looks like, as the table of the unified view has it."""
    from .rules import RULES, family, make

    t = make(40, seed=seed, grid=(5, 8))
    for name, rule in RULES.items():
        reduction = rule(t, 12)
        w = reduction.matrix()
        kept, rows, users = reduction.kept, w.sum(axis=1), (w > 0).sum(axis=0)
        dropped = np.setdiff1d(np.arange(40), kept)
        if family(name) in PICKS:
            np.testing.assert_array_equal(w[:, kept], np.eye(len(kept)))
            assert not w[:, dropped].any(), name
        elif family(name) in MEANS:
            np.testing.assert_allclose(rows, 1)
            assert users.max() == 1, name
        elif name == "evit":
            np.testing.assert_array_equal(w[:-1, kept], np.eye(12))
            np.testing.assert_allclose(w[-1, dropped], t.scores[dropped])
            assert rows[-1] == pytest.approx(t.scores[dropped].sum())
        elif name == "visionzip":
            members = (w > 0).sum(axis=1) > 1
            np.testing.assert_allclose(rows, 1 + members)
            assert set(np.flatnonzero(members)) <= set(np.flatnonzero(reduction.roles == 1))
            assert users.max() == 1
        elif name == "recoverable":
            np.testing.assert_array_equal(np.diag(w[: len(kept), kept]), 1)
            assert (rows[: len(kept)] > 1).sum() == (reduction.roles == 2).sum()
            assert users.max() <= 2 + (reduction.roles == 2).sum()  # clusters overlap
        else:
            assert family(name) == "token_transforming"
            np.testing.assert_allclose(rows, 1)
            assert (w > 0).all()


def test_uniform():
    assert uniform.reduce(np.ones((8, 1)), k=3, how="stride").kept.tolist() == [1, 4, 6]
    same = [uniform.reduce(np.ones((99, 1)), k=0.25, rng=5).kept.tolist() for _ in range(2)]
    assert same[0] == same[1]
    picked = np.concatenate([uniform.reduce(np.ones((9, 1)), k=3, rng=s).kept for s in range(600)])
    assert abs(np.bincount(picked, minlength=9) - 200).max() < 60
    with pytest.raises(InvalidInput, match="how"):
        uniform.reduce(np.ones((8, 1)), k=3, how="best")
