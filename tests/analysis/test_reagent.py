"""ReAGent: hand cases, the bigram case by enumeration, replacements, rules of stopping."""

import itertools

import numpy as np
import pytest

from tokenlab import errors
from tokenlab.analysis.reagent import attribute, middle_replacer, uniform_replacer, update
from tokenlab.lm import ChainLM, from_function
from tokenlab.numerics import softmax
from tokenlab.steps import record

P = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.3, 0.5, 0.2]])


class Bigrams:
    """The next token depends on the last one alone; counts what it is asked."""

    vocab = 3

    def __init__(self, table=P):
        self.table, self.questions = np.log(table), 0

    def log_probs(self, context):
        self.questions += 1
        return self.table[context[-1]]


def test_two_steps_by_hand():
    first = update([0.0, 0.0, 0.0], [True, False, True], 0.6)
    np.testing.assert_allclose(first, [1.3863, -1.3863, 1.3863], atol=1e-4)
    np.testing.assert_allclose(softmax(first), [0.4848, 0.0303, 0.4848], atol=1e-4)
    second = update(first, [False, True, True], 0.1)
    np.testing.assert_allclose(second, [1.1856, -1.1856, 1.5870], atol=1e-4)
    np.testing.assert_allclose(softmax(second), [0.3865, 0.0361, 0.5774], atol=1e-4)


def test_the_update_is_antisymmetric_and_finite():
    log_odds, replaced = np.zeros((4, 3)), np.random.default_rng(0).random((4, 3)) < 0.5
    change = np.array([0.2, -0.7, 1.0, -1.0])
    up, down = update(log_odds, replaced, change), update(log_odds, replaced, -change)
    np.testing.assert_allclose(up, -down)
    np.testing.assert_allclose(update(log_odds, ~replaced, change), down)
    assert np.isfinite(up).all()


def test_of_bigrams_by_enumeration():
    """Any other position moves 2 r - 1 times as much as the last: -.4 for r = .3."""
    context, target, r = np.array([2, 0, 1]), 2, 0.3
    before, total = P[context[-1], target], np.zeros(3)
    for mask in itertools.product([False, True], repeat=3):
        replaced = np.array(mask)
        weight = np.where(replaced, r, 1 - r).prod() / 27
        for words in itertools.product(range(3), repeat=3):
            after = P[np.where(replaced, words, context)[-1], target]
            total += weight * update(np.zeros(3), replaced, before - after)
    np.testing.assert_allclose(total[:2], total[2] * (2 * r - 1))
    assert total[2] > 0


def test_a_chain_is_explained_by_its_last_token():
    lm = Bigrams(np.full((3, 3), 0.05) + 0.85 * np.eye(3))
    found = attribute(lm, [0, 1, 0, 2], 2, keep=1, k=1, runs=60, start=np.zeros(4), rng=0)
    assert found.scores.argmax() == 3
    assert found.stopped.all()
    assert found.rationale.tolist()[-1] == 3
    assert found.scores.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.scores, found.runs.mean(axis=0))


def test_a_run_that_stopped_asks_no_more():
    lm = Bigrams()
    found = attribute(lm, [0, 1], 2, runs=4, keep=1, k=1, max_steps=50, rng=3)
    assert lm.questions == 1 + 2 * found.steps.sum()
    assert len(set(found.steps.tolist())) > 1


def test_when_no_run_stops_all_count():
    lm = Bigrams(np.array([[0.8, 0.1, 0.1]] * 3))  # never says 2 first
    found = attribute(lm, [0, 1, 2], 2, runs=3, k=1, max_steps=4, rng=0)
    assert not found.stopped.any()
    assert (found.steps == 4).all()
    np.testing.assert_allclose(found.scores, found.runs.mean(axis=0))


def test_keeping_everything_stops_at_once():
    found = attribute(Bigrams(), [0, 1], 2, keep=9, k=3, rng=0)
    assert (found.steps == 1).all()
    assert found.rationale.tolist() == [0, 1]


def test_starts():
    options = {"max_steps": 1, "runs": 2, "share": 0.0, "k": 1, "keep": 1}
    lm = Bigrams(np.array([[1 / 3] * 3] * 3))  # no change: log-odds stay
    start = np.array([[0.0, 1.0], [2.0, 0.0]])
    np.testing.assert_allclose(
        attribute(lm, [0, 1], 2, start=start, **options).runs, softmax(start)
    )
    one = attribute(lm, [0, 1], 2, start=[0.0, 1.0], **options).runs
    np.testing.assert_allclose(one, softmax(start[[0, 0]]))
    drawn = np.log(attribute(lm, [0, 1], 2, rng=0, **options).runs)
    assert (abs(drawn[:, 0] - drawn[:, 1]) < 1).all()  # both uniform in [0, 1)


def test_ties_go_to_the_lower_position():
    lm = Bigrams(np.array([[1 / 3] * 3] * 3))
    found = attribute(lm, [0, 1, 2], 2, start=np.zeros(3), keep=2, max_steps=1, rng=0)
    assert found.rationale.tolist() == [0, 1]


def test_replacements_of_a_text():
    text = [0, 1, 2, 0, 1, 2, 0, 3, 2, 3, 0]
    between, rng = middle_replacer(text, 5), np.random.default_rng(0)
    drawn = [between(np.array([[0, 4, 2]]), rng)[0].tolist() for _ in range(3000)]
    middle = np.bincount([row[1] for row in drawn], minlength=5) / 3000
    np.testing.assert_allclose(middle, [0, 2 / 3, 0, 1 / 3, 0], atol=0.04)  # 1, 1, 3 stood there
    # Ends: what stands before 4 or behind it was never seen: then any place of the text.
    start = np.bincount([row[0] for row in drawn], minlength=5) / 3000
    np.testing.assert_allclose(start, np.bincount(text, minlength=5) / 11, atol=0.04)
    only = middle_replacer([0, 1, 2], 3)
    assert only(np.array([[1, 1, 1]]), rng)[0, :2].tolist() == [0, 2]  # before 1; behind 1
    assert middle_replacer([2], 3)(np.array([[0, 1]]), rng).tolist() == [[2, 2]]


def test_uniform_replacements():
    drawn = uniform_replacer(4, exclude=[1])(np.zeros((200, 9)), np.random.default_rng(0))
    assert drawn.shape == (200, 9)
    np.testing.assert_allclose(
        np.bincount(drawn.ravel()) / 1800, [1 / 3, 0, 1 / 3, 1 / 3], atol=0.05
    )


def test_every_token_is_proposed():
    """Four tokens are 0 to 3: an end that is left out was a fault elsewhere."""
    drawn = uniform_replacer(4)(np.zeros((50, 4)), np.random.default_rng(0))
    assert set(drawn.ravel().tolist()) == {0, 1, 2, 3}


class Batched(Bigrams):
    """Notes how many texts each question has."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def log_probs_batch(self, contexts):
        self.batches.append(len(contexts))
        return np.stack([self.log_probs(context) for context in contexts])


def test_one_batch_for_each_question_of_the_live_runs():
    lm = Batched()
    found = attribute(lm, [0, 1], 2, runs=6, keep=1, k=1, max_steps=50, rng=3)
    live = [int((found.steps > t).sum()) for t in range(found.steps.max())]
    assert lm.batches == [1, *np.repeat(live, 2).tolist()]
    assert lm.batches[-1] < lm.batches[1]  # some had stopped


def test_a_recording_has_every_step_with_its_tokens():
    with record({"n": ["a", "b"]}) as steps:
        found = attribute(Bigrams(), [0, 1], 2, runs=2, keep=1, k=1, max_steps=5, rng=3)
    n_steps = int(found.steps.max())
    assert steps.names.count("scores") == 1
    assert len([name for name in steps.names if name.startswith("replaced")]) == n_steps
    assert steps["replaced"].dtype == bool
    np.testing.assert_array_equal(steps["scores"], found.scores)


LM = ChainLM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], 9)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: attribute(LM, [], 0), "context is empty"),
        (lambda: attribute(LM, [0, 2], 0), "context"),
        (lambda: attribute(LM, [0, 1], 2), "target"),
        (lambda: attribute(LM, [0, 1], 1, share=1.5), "share"),
        (lambda: attribute(LM, [0, 1], 1, runs=0), "runs"),
        (lambda: attribute(LM, [0, 1], 1, start=[0.0]), "start is .1,."),
        (lambda: attribute(LM, [0, 1], 1, start=[0.0, np.nan]), "start"),
        (lambda: attribute(LM, [0, 1], 1, replace=3), "replace"),
        (lambda: attribute(LM, [0, 1], 1, replace=lambda c, rng: [0]), "replace returned 1"),
        (lambda: attribute(LM, [0, 1], 1, replace=lambda c, rng: c + 5), "replace"),
        (lambda: update([0.0], [True], 1.5), "change is"),
        (lambda: update([0.0], [True], float("nan")), "change is"),
        (lambda: update([[0.0, 1.0]], [True, False], 0.5), "replaced is"),
        (lambda: uniform_replacer(2, exclude=[0, 1]), "exclude has every token"),
        (lambda: middle_replacer([], 3), "ids are empty"),
        (lambda: middle_replacer([3], 3), "ids"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()


def test_a_function_is_a_model():
    lm = from_function(lambda context: [0.0, float(context[0])], 2)
    found = attribute(lm, [1, 0, 0], 1, runs=60, keep=1, k=1, start=np.zeros(3), rng=0)
    assert found.scores.argmax() == 0
