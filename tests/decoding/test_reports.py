"""What users of other decoders ran into, and bad input: the right answer, or an error by name."""

import itertools
import math

import numpy as np
import pytest

from tokenlab.decoding import (
    DFA,
    JSON,
    ByteLM,
    Recycler,
    Router,
    any_subset,
    awrs,
    build_tree,
    byte_level,
    constrained,
    filtered,
    insertion,
    pattern,
    r2r,
    sampling,
    smc,
    speculative,
    token_recycling,
    without_replacement,
)
from tokenlab.decoding.chance import choose, exact, flip
from tokenlab.errors import TokenlabError
from tokenlab.lm import ChainLM, Counted, NGramLM, TableLM, from_function, log_probs_tree

BYTES = [bytes([i]) for i in range(256)]
P = np.log([0.5, 0.25, 0.25])
UNIFORM = from_function(lambda context: np.zeros(3), 3)


def kept(p, **options):
    return np.exp(filtered(np.log(np.asarray(p)), **options)).round(6).tolist()


# filters ----------------------------------------------------------------------------------------


def test_top_p_reached_exactly_is_enough():
    for dtype in (np.float32, np.float64):
        assert kept(np.array([0.25, 0.5, 0.25], dtype), top_p=0.5) == [0, 1, 0]
    logs = np.log(np.random.default_rng(0).dirichlet(np.ones(4096)).astype(np.float32))
    found = filtered(logs, top_p=1e-20)
    assert (found > -np.inf).sum() == 1
    assert found[logs.argmax()] == 0


def test_top_k_of_ties_keeps_the_lower_id():
    assert kept([0.4, 0.4, 0.2], top_k=1) == [1, 0, 0]
    assert kept([0.4, 0.4, 0.2], top_k=9) == [0.4, 0.4, 0.2]


@pytest.mark.parametrize("temperature", [0, 1e-20, 5e-324])
def test_tiny_temperatures_are_greedy(temperature):
    assert kept([0.2, 0.5, 0.3], temperature=temperature) == [0, 1, 0]


def test_infinite_temperature_is_uniform_over_what_is_possible():
    found = np.exp(filtered([0.0, 1.0, -np.inf], temperature=math.inf))
    assert found.tolist() == [0.5, 0.5, 0]


def test_temperature_goes_first():
    found = np.exp(filtered([2.0, 1.0, 0.0], temperature=0.25, top_p=0.9))
    assert found.tolist() == [1, 0, 0]
    # e^4 : 1, so the second has less than .05 of the first only after heating
    found = np.exp(filtered([2.0, 1.0, 0.0], temperature=0.25, min_p=0.05))
    assert found.tolist() == [1, 0, 0]
    assert (filtered([2.0, 1.0, 0.0], min_p=0.05) > -np.inf).all()


OPTIONS = [("top_p", x) for x in (0, 1.2, "0.9", math.nan, -0.1)]
OPTIONS += [("top_k", x) for x in (0, -1, 1.5, "3")]
OPTIONS += [("temperature", x) for x in (-1, math.nan, "1")]
OPTIONS += [("min_p", x) for x in (-0.1, 1.5, math.nan)]


@pytest.mark.parametrize(("name", "value"), OPTIONS)
def test_options_out_of_range_are_named(name, value):
    with pytest.raises(TokenlabError, match=rf"filtered: {name}"):
        filtered(P, **{name: value})
    with pytest.raises(TokenlabError, match=name):
        sampling.generate(UNIFORM, [], 3, **{name: value})


# models -----------------------------------------------------------------------------------------


def test_logits_of_another_size_name_the_vocabulary():
    with pytest.raises(TokenlabError, match="vocab"):
        from_function(lambda context: np.zeros(12), 10).log_probs([1])


def test_drafters_and_recyclers_of_another_vocabulary_are_refused():
    other = from_function(lambda context: np.zeros(4), 4)
    with pytest.raises(TokenlabError, match="vocabulary of 4"):
        speculative.generate(UNIFORM, speculative.draft_model(other), (), 3)
    with pytest.raises(TokenlabError, match="vocabulary of 4"):
        token_recycling.generate(UNIFORM, [0], 3, Recycler(4, 2, [(0,)]))
    with pytest.raises(TokenlabError, match="vocabulary of 3, large of 4"):
        r2r.generate(UNIFORM, other, [0], 3, lambda *_: False)
    with pytest.raises(TokenlabError, match="EnsembleLM"):
        byte_level.EnsembleLM([UNIFORM, other])


def test_ngrams_of_what_was_never_seen():
    lm = NGramLM.fit([[0, 1, 2, 0, 1], [3, 1]], 3, 6)
    for context in ([5, 5], [0, 1], [4], []):
        p = np.exp(lm.log_probs(context))
        assert np.isfinite(lm.log_probs(context)).all()
        assert p.sum() == pytest.approx(1)
    # Lower levels count left neighbours: 1 follows 0 and 3, 0 follows 2 alone.
    p = np.exp(lm.log_probs([5]))
    assert p[1] > p[0]
    for wrong, name in (({"discount": 2}, "discount"), ({"order": 0}, "order")):
        with pytest.raises(TokenlabError, match=name):
            NGramLM.fit([0, 1], **{"order": 2, "vocab": 3, **wrong})
    with pytest.raises(TokenlabError, match="ids"):
        NGramLM.fit([], 2, 3)


# speculation ------------------------------------------------------------------------------------


def test_residuals():
    p, q = np.log([0.6, 0.2, 0.2]), np.log([0.1, 0.8, 0.1])
    np.testing.assert_allclose(np.exp(speculative.residual(p, q)), [5 / 6, 0, 1 / 6])
    with np.errstate(divide="ignore"):
        p, q = np.log([0.5, 0.5, 0.0]), np.log([0.0, 0.5, 0.5])
    assert np.exp(speculative.residual(p, q)).tolist() == [1, 0, 0]
    np.testing.assert_allclose(np.exp(speculative.residual(p, p)), [0.5, 0.5, 0])


def test_a_greedy_drafter_does_not_change_the_distribution():
    rng = np.random.default_rng(0)
    big, small = (TableLM(rng.dirichlet(np.ones(9)).reshape(3, 3)) for _ in range(2))
    drafter = speculative.draft_model(small, temperature=0)
    found = exact(lambda r: speculative.generate(big, drafter, (), 2, k=2, rng=r).tokens)
    for text in np.ndindex(3, 3):
        assert found.probability(text) == pytest.approx(big.joint[text], abs=1e-12)


def test_the_end_inside_of_an_accepted_path_ends_the_text():
    lm = from_function(lambda c: np.eye(6)[min(len(c), 5)] * 50.0, 6)  # writes 1 2 3 4 5 5
    recycler = Recycler(6, 1, [(0,), (0, 0), (0, 0, 0)])
    token_recycling.generate(lm, [0], 6, recycler)
    for found in (
        token_recycling.generate(lm, [0], 6, recycler, eos=2),
        speculative.generate(lm, speculative.draft_model(lm, 0), [0], 6, 4, 0, eos=2),
    ):
        assert found.tokens.tolist() == [1, 2]
        assert found.emitted.sum() == 2


# constraints ------------------------------------------------------------------------------------


def accepts(constraint, text, eos=256):
    text = text if isinstance(text, bytes) else text.encode()
    steps = all(constraint(tuple(text[:i]), text[i]) for i in range(len(text)))
    return steps and constraint(tuple(text), eos)


def test_patterns_of_bytes_of_utf8():
    c = pattern("[\u00e0-\u00ff]", BYTES, eos=256)
    assert c((), 0xC3)
    assert c((0xC3,), 0xA9)
    assert not c((0xC3,), 0x80)
    assert not c((0xC3,), 256)
    assert not c((), 0xFF)


def test_the_end_comes_exactly_after_a_whole_match():
    c = pattern("(no|yes)", BYTES, eos=256)
    for text in ("", "n", "no", "y", "ye", "yes"):
        assert c(tuple(text.encode()), 256) == (text in ("no", "yes"))
    assert not any(c(tuple(b"yes"), letter) for letter in range(256))
    assert pattern("x*", BYTES, eos=256)((), 256)


@pytest.mark.parametrize("bad", ["[0,]", "00", '"\\z"', '"\n"', ".1", "1.", "\f1", "NaN"])
def test_json_refuses(bad):
    assert not accepts(pattern(JSON, BYTES, eos=256), bad)


@pytest.mark.parametrize("good", [" [1 , 2] ", "-0.5e+3", '"\\u00e9"'])
def test_json_takes(good):
    assert accepts(pattern(JSON, BYTES, eos=256), good)


# chance -----------------------------------------------------------------------------------------


def test_without_replacement_leaves_out_what_has_no_weight():
    with np.errstate(divide="ignore"):
        logs = np.log([0.9, 0, 0.1 - 1e-40, 1e-40])
    for seed in range(20):
        assert sorted(without_replacement(logs, seed)) == [0, 2, 3]
    assert sorted(without_replacement(np.full(5, -9000.0), 0)) == [0, 1, 2, 3, 4]
    assert choose(np.full(5, -9000.0), 0) in range(5)


def test_its_order_is_that_of_drawing_one_after_the_other():
    p = np.array([0.5, 0.3, 0.2])
    found = exact(lambda rng: tuple(without_replacement(np.log(p), rng)))
    for a, b, c in itertools.permutations(range(3)):
        assert found.probability((a, b, c)) == pytest.approx(p[a] * p[b] / (1 - p[a]))


def test_entropy_and_features_of_a_certain_distribution():
    with np.errstate(divide="ignore"):
        assert r2r.entropy(np.log([0.0, 1.0])) == 0
        assert np.isfinite(r2r.features(np.log([1.0, 0.0]), 3)).all()


# bad input: named errors ------------------------------------------------------------------------

NAN, NONE = np.array([0.0, np.nan]), np.full(2, -np.inf)
YES = lambda token: True  # noqa: E731
SAMPLERS = {
    "filtered": filtered,
    "choose": lambda p: choose(p, 0),
    "without_replacement": lambda p: without_replacement(p, 0),
    "mask": lambda p: constrained.mask(p, YES),
    "draw": lambda p: awrs.draw(p, YES, rng=0),
    "recursive": lambda p: awrs.recursive(p, [0, 1], YES),
    "geometric": lambda p: awrs.geometric(p, YES, rng=0),
    "adaptive": lambda p: awrs.adaptive(p, YES, rng=0),
    "residual": lambda p: speculative.residual(p, np.zeros(2)),
    "acceptance": lambda p: speculative.acceptance(p, np.zeros(2)),
    "entropy": r2r.entropy,
    "features": r2r.features,
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("log_p", [NAN, NONE, np.array([0.0, np.inf])], ids=["nan", "none", "inf"])
def test_no_distribution_is_refused_by_name(name, log_p):
    with pytest.raises(TokenlabError, match=rf"{name}: log_p"):
        SAMPLERS[name](log_p)


REFUSED = {
    "accept": (lambda: awrs.draw(P, 3), r"draw: accept is a int"),
    "accept of mask": (lambda: constrained.mask(P, None), r"mask: accept"),
    "constraint": (lambda: awrs.generate(UNIFORM, 3), r"generate: constraint"),
    "max_accepts": (lambda: awrs.draw(P, YES, max_accepts=1), r"draw: max_accepts"),
    "max_accepts of geometric": (lambda: awrs.geometric(P, YES, 1), r"geometric: max_accepts"),
    "proposal": (lambda: awrs.draw(P, YES, proposal=[0.0, 0.0, -np.inf]), r"draw: proposal"),
    "estimator": (lambda: awrs.draw(P, YES, estimator="best"), r"draw: estimator"),
    "table": (lambda: TableLM([[0.5, 0.25], [0.0, 0.3]]), r"TableLM: joint sums to 1.05"),
    "table shape": (lambda: TableLM([[0.5, 0.5, 0.0]]), r"TableLM: joint is \(1, 3\)"),
    "chain": (lambda: ChainLM([0.5, 0.6], np.eye(2), 3), r"ChainLM: start"),
    "chain rows": (lambda: ChainLM([0.5, 0.5], np.eye(2) / 2, 3), r"ChainLM: transition"),
    "probability 0": (lambda: TableLM([[1.0, 0], [0, 0]]).log_probs([1]), r"log_probs: context"),
    "full length": (lambda: TableLM([[1.0, 0], [0, 0]]).log_probs([0, 0]), r"log_probs: context"),
    "byte context": (
        lambda: ByteLM(UNIFORM, Spelled([b"a", b"b", b"c"])).log_probs(b"z"),
        r"ByteLM.log_probs: (context|text)",
    ),
    "parents": (
        lambda: log_probs_tree(UNIFORM, [], [1, 2], [1, 0]),
        r"log_probs_tree: parents\[0\]",
    ),
    "parents number": (
        lambda: log_probs_tree(UNIFORM, [], [1, 2], [0]),
        r"log_probs_tree: parents",
    ),
    "children beyond k": (
        lambda: Recycler(9, 2, [(0,), (2,)]),
        r"Recycler: paths names candidate 2",
    ),
    "k beyond vocab": (lambda: Recycler(3, 4, [(0,)]), r"Recycler: k is 4"),
    "node twice": (lambda: build_tree([(0,), (0,)]), r"build_tree: paths"),
    "no parent": (lambda: build_tree([(0, 0)]), r"build_tree: paths"),
    "no context": (lambda: token_recycling.generate(UNIFORM, [], 3), r"generate: context is empty"),
    "str for bytes": (lambda: byte_level.cover(Spelled([b"a"]), "a"), r"cover: text is a str"),
    "str as context": (lambda: sampling.generate(UNIFORM, "abc", 3), r"generate: context is a str"),
    "labels": (lambda: r2r.pick_threshold([0.1, 0.2], [1, 1]), r"pick_threshold: labels"),
    "labels of fit": (lambda: Router().fit([[0.0], [1.0]], [0, 0]), r"Router.fit: labels"),
    "min_recall": (
        lambda: r2r.pick_threshold([0.1, 0.2], [0, 1], 0),
        r"pick_threshold: min_recall",
    ),
    "ridge": (lambda: Router(ridge=-1), r"Router: ridge"),
    "logu": (lambda: r2r.logu([3.0, -1.0, 2.0], 3), r"logu: .*logits"),
    "logu k": (lambda: r2r.logu([3.0, 1.0], 3), r"logu: k"),
    "visible outside": (lambda: any_subset.ranks(3, {3: 0}), r"ranks: visible names place 3"),
    "visible of generate": (
        lambda: any_subset.generate(ChainLM([1.0], [[1.0]], 3), {-1: 0}),
        r"visible names place -1",
    ),
    "visible token": (
        lambda: any_subset.generate(ChainLM([1.0], [[1.0]], 3), {1: 4}),
        r"generate: visible",
    ),
    "order": (lambda: any_subset.ranks(3, {0: 0}, [1, 1]), r"ranks: order"),
    "draft of weight 0": (
        lambda: speculative.verify([1], [[0.0, -np.inf]], np.zeros((2, 2))),
        r"verify: draft\[0\]",
    ),
    "rows of verify": (
        lambda: speculative.verify([1], np.zeros((1, 2)), np.zeros((1, 2))),
        r"verify",
    ),
    "too many tries": (
        lambda: constrained.rejection(UNIFORM, lambda *_: False, max_tries=3),
        r"rejection: .*max_tries = 3",
    ),
    "nothing allowed": (lambda: constrained.posterior(UNIFORM, lambda *_: False), r"posterior"),
    "too many nodes": (
        lambda: constrained.posterior(UNIFORM, lambda *_: True, max_nodes=9),
        r"posterior: .*max_nodes = 9",
    ),
    "branches": (lambda: exact(lambda r: [flip(0.5, r) for _ in range(9)], max_runs=9), r"exact"),
    "DFA": (lambda: DFA([[0, 5]], [0]), r"DFA: table"),
    "DFA accepting": (lambda: DFA([[0, 0]], [3]), r"DFA: accepting"),
    "dropped": (lambda: insertion.target([0, 1], [1, 0, 1], 3), r"target: dropped"),
    "n of corrupt": (lambda: insertion.corrupt([0, 1], 3, n=3), r"corrupt: n is 3"),
    "weights of an ensemble": (
        lambda: byte_level.EnsembleLM([UNIFORM, UNIFORM], weights=[0.5, 0.6]),
        r"EnsembleLM: weights",
    ),
    "method": (lambda: smc.resample(P, method="best"), r"resample: method"),
    "rng": (lambda: choose(P, "seed"), r"choose: rng"),
    "star graph": (lambda: insertion.star_graph(3, 3, 9), r"star_graph: 10 nodes"),
}


class Spelled:
    """A tokenizer of single bytes."""

    def __init__(self, tokens):
        self.tokens = tokens

    def encode(self, text):
        return [self.tokens.index(bytes([byte])) for byte in text]


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_by_name(case):
    call, message = REFUSED[case]
    with pytest.raises(TokenlabError, match=message):
        call()


def test_the_protocol_is_all_that_is_asked():
    """Decoders work with a model that has nothing but `vocab` and `log_probs`, counted or not."""

    class Bare:
        vocab = 3

        def log_probs(self, context):
            return np.log([0.2, 0.3, 0.5])

    lm = Counted(Bare())
    assert len(sampling.generate(lm, (), 4, rng=0).tokens) == 4
    assert lm.forwards == 4
    assert len(speculative.generate(lm, speculative.prompt_lookup(3), (), 4, rng=0).tokens) == 4
    assert len(token_recycling.generate(lm, [0], 4, Recycler(3, 2, [(0,), (1,)])).tokens) == 4
