"""What people pass by mistake, one input for each: an answer, or an error that names and helps.

The first words of a message are the function that was called; then come its argument, what came,
and how to mend it. `test_hostile.py` sends all kinds into everything; here stand those that have
a story of their own.
"""

import io

import hostile
import numpy as np
import pytest

from tokenlab import training
from tokenlab.attention import (
    blocked_softmax_attention,
    conv_landmarks,
    gaussian_attention,
    grid_landmarks,
    kmeans_landmarks,
    newton_pinv,
    random_landmarks,
    segment_landmarks,
    soft_attention,
    softmax_attention,
)
from tokenlab.attention.linear import cubic_pinv, linformer_attention, nystrom_attention
from tokenlab.errors import TokenlabError
from tokenlab.logits import AdaptiveHead, FullHead, LowRankHead, VQHead
from tokenlab.logits.metrics import perplexity
from tokenlab.logits.vq_mappings import balanced_mapping
from tokenlab.models import layers
from tokenlab.numerics import log_softmax, softmax, topk, unit
from tokenlab.pruning import tome
from tokenlab.pruning.flops import multiply_adds
from tokenlab.pruning.selectors import budget
from tokenlab.pruning.size_attention import size_aware_attention
from tokenlab.retrieval import TokenIndex, bm25_scores, maxsim, ndcg, recall, xtr_scores
from tokenlab.retrieval.baselines import BM25
from tokenlab.retrieval.xtr_training import xtr_loss

RNG = np.random.default_rng(0)
Q, K, V = RNG.standard_normal((3, 2, 5, 4))
WEIGHT = RNG.standard_normal((9, 4))
INDEX = TokenIndex.from_docs([[[1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]])
PARAMS, BATCH = {"slope": np.ones(2)}, [np.ones(2)]


def loss(p, x):
    return ((p["slope"] * x) ** 2).sum()


def masked(x):
    return np.ma.array(x, mask=np.ones(np.shape(x), bool))


def refused(call, begins, *parts):
    """Whether the error begins with the function and the argument, and holds some parts."""
    with pytest.raises(TokenlabError) as caught:
        call()
    says = str(caught.value)
    assert says.startswith(begins), says
    for part in parts:
        assert part in says, says


# 14: options as a configuration file gives them --------------------------------------------------

OPTIONS = {
    "train: rate is '0.003'": lambda x: training.train(loss, PARAMS, BATCH, rate=x),
    "soft_attention: ridge is '1e-2'": lambda x: soft_attention(Q, V, Q[:, :2], ridge=x),
    "perplexity: level is '0.95'": lambda x: perplexity([-1.0, -2.0], level=x),
    "softmax_attention: causal is 'False'": lambda x: softmax_attention(Q, K, V, causal=x),
    "random_landmarks: rng is '0'": lambda x: random_landmarks(Q, 2, rng=x),
    "minibatches: rng is '0'": lambda x: training.minibatches(4, 2, rng=x),
    "xtr_loss: temperature is '1.0'": lambda x: xtr_loss([[1.0, 0.0]], INDEX, 1, temperature=x),
    "adam: weight_decay is '0.1'": lambda x: training.adam(
        PARAMS, PARAMS, training.adam_start(PARAMS), rate=0.1, weight_decay=x
    ),
}


@pytest.mark.parametrize("begins", OPTIONS)
def test_options_that_came_as_text(begins):
    call, value = OPTIONS[begins], begins.split("'")[1]
    refused(lambda: call(value), begins + "; expected", "ext")  # text is named as the reason
    stem = begins.rpartition("'" + value)[0]
    refused(lambda: call(float("nan")), stem + "nan; expected")
    if "rng" not in begins:  # None is another draw each time, and another ridge where one is taken
        refused(lambda: call([]), stem + "[]; expected")


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True])
def test_seeds(seed):
    refused(lambda: random_landmarks(Q, 2, rng=seed), f"random_landmarks: rng is {seed!r}")
    refused(lambda: FullHead(WEIGHT).sample(Q[0], rng=seed), f"FullHead.sample: rng is {seed!r}")


def test_numbers_of_numpy_are_numbers():
    two, half = np.int64(2), np.float32(0.5)
    assert tome.layer_counts(20, two, 4) == tome.layer_counts(20, 2, 4)
    assert tome.layer_counts(20, np.array([1, 2, 1, 0]), 4)[-1] == (16, 16)
    assert budget(half, np.int64(10)) == 5
    assert topk([1.0, 2.0, 3.0], two).ids.tolist() == [2, 1]
    assert multiply_adds([two] * 2, d=two, hidden=np.uint8(3), gated=np.True_) == 168
    np.testing.assert_array_equal(
        soft_attention(Q, V, Q[:, :2], ridge=np.array(0.5)),
        soft_attention(Q, V, Q[:, :2], ridge=half),
    )


# 15: shapes --------------------------------------------------------------------------------------


def test_a_single_vector_with_a_mask():
    refused(
        lambda: softmax_attention(Q, K[0, 0], V, mask=np.ones(4, bool)),
        "softmax_attention: k is (4,); expected (..., n, d)",
        "x[None, :]",
    )


NONE, SQUARES = Q[:0], np.ones((0, 2, 2))
EMPTY = {
    "softmax": lambda: softmax_attention(NONE, NONE, NONE),
    "blocked": lambda: blocked_softmax_attention(NONE, NONE, NONE),
    "gaussian": lambda: gaussian_attention(NONE, NONE),
    "soft": lambda: soft_attention(NONE, NONE, NONE[:, :2]),
    "nystrom": lambda: nystrom_attention(NONE, NONE, NONE, 2),
    "linformer": lambda: linformer_attention(NONE, NONE, NONE, np.ones((2, 5))),
    "grid": lambda: grid_landmarks(NONE[:, :4], (2, 2), 2),
    "conv": lambda: conv_landmarks(NONE[:, :4], (2, 2), np.ones((2, 2, 4, 4))),
    "segment": lambda: segment_landmarks(NONE, 2),
    "random": lambda: random_landmarks(NONE, 2, rng=0),
    "kmeans": lambda: kmeans_landmarks(NONE, 2, rng=0),
    "newton_pinv": lambda: newton_pinv(SQUARES).inverse,
    "cubic_pinv": lambda: cubic_pinv(SQUARES),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_batch_of_nothing_gives_nothing(name):
    assert EMPTY[name]().shape[0] == 0


def test_softmax_over_nothing():
    for function in (softmax, log_softmax):
        assert function(np.ones((3, 0))).shape == (3, 0)
        assert function(np.ones((0, 3))).shape == (0, 3)
    refused(lambda: softmax(Q, axis=3), "softmax: axis is 3; expected at most 2")
    refused(lambda: layers.softmax(Q, axis="1"), "softmax: axis is '1'")


def test_a_k_beyond_everything():
    assert ndcg([3, 1, 2], [1], k=2**31) == ndcg([3, 1, 2], [1], k=3)
    assert recall([3, 1, 2], [1], k=2**31) == 1
    refused(lambda: balanced_mapping(2**63, 3), "balanced_mapping: vocab is 9223372036854775808")
    refused(lambda: tome.layer_counts(20, 1, 2, protect=-3), "layer_counts: protect is -3")


def test_other_leading_axes_say_so():
    refused(
        lambda: size_aware_attention(Q, K[0], V[0]),
        "size_aware_attention: q is (2, 5, 4)",
        "k is (5, 4)",
        "broadcast_to",
    )
    refused(
        lambda: size_aware_attention(Q, K, V, np.ones((2, 5))),
        "size_aware_attention: size is (2, 5); expected (n,)",
    )


# 16: cutoffs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cutoffs", "came", "fix"),
    [
        ([5, 3], "[5, 3]", "sorted(set(cutoffs))"),
        ([3, 3], "[3, 3]", "sorted(set(cutoffs))"),
        ([], "[]", "at least one"),
        ([3, 9], "[3, 9], but vocab is 9", "leave that out"),
        ([-3, 5], "-3", "at least 0"),
        ([3.0, 5], "3.0", "an integer"),
        ("35", "'35'", "a list"),
        (None, "None", "a list"),
    ],
)
def test_cutoffs(cutoffs, came, fix):
    refused(
        lambda: AdaptiveHead.from_weight(WEIGHT, cutoffs),
        f"AdaptiveHead.from_weight: cutoffs is {came}",
        fix,
    )
    assert AdaptiveHead.from_weight(WEIGHT, np.array([3, 5])).vocab == 9


# 17: containers ----------------------------------------------------------------------------------


def npz():
    file = io.BytesIO()
    np.savez(file, a=np.ones(3))
    file.seek(0)
    return np.load(file)


def column():
    found = np.empty(3, object)
    found[:] = [np.ones(2)] * 3
    return found


def test_containers_in_place_of_an_array():
    refused(lambda: unit({"a": Q}), "unit: x is a dict", "x['a']")
    refused(lambda: unit(npz()), "unit: x is", "x['a']")
    refused(lambda: unit(None), "unit: x is None")
    refused(lambda: unit(column()), "unit: x has dtype object", "numpy.stack(list(x))")
    refused(lambda: unit([[1, 2], [3]]), "unit: x is not a regular array")
    refused(lambda: maxsim(column(), INDEX), "maxsim: query has dtype object", "numpy.stack")
    refused(lambda: TokenIndex.from_docs({"a": Q[0]}), "TokenIndex.from_docs: docs is a dict")
    refused(lambda: TokenIndex.from_docs([None]), "TokenIndex.from_docs: docs[0] is None")
    refused(lambda: maxsim([[1.0, 0.0]], None), "maxsim: index is a NoneType", "from_docs")


def test_a_column_of_a_table():
    pandas = pytest.importorskip("pandas")
    refused(lambda: unit(pandas.Series(list(np.eye(2)))), "unit: x has dtype object", "numpy.stack")
    refused(lambda: bm25_scores("a", pandas.Series(["a", None])), "bm25_scores: docs[1] is None")


def test_tensors():
    torch = pytest.importorskip("torch")
    fix = ".detach().float().numpy()"
    for tensor in (torch.ones(2, 2, requires_grad=True), torch.ones(2, 2, dtype=torch.bfloat16)):
        refused(lambda x=tensor: unit(x), "unit: x is a torch.Tensor", "x" + fix)
        refused(lambda x=tensor: unit([x, x]), "unit: x cannot be read", fix)
        refused(lambda x=tensor: TokenIndex.from_docs([x]), "TokenIndex.from_docs: docs[0] is", fix)


def test_the_other_byte_order_is_taken():
    swapped = (x.astype(">f4") for x in (Q, K, V))
    near = (x.astype("<f4") for x in (Q, K, V))
    np.testing.assert_array_equal(softmax_attention(*swapped), softmax_attention(*near))
    assert topk(np.array([1, 2], ">i4"), 1).ids.tolist() == [1]


# 18: missing texts -------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [None, float("nan"), 7, b"a"])
def test_missing_texts_are_named_by_their_place(missing):
    docs = ["a", missing, "b"]
    refused(lambda: bm25_scores("a", docs), f"bm25_scores: docs[1] is {missing!r}", "Leave")
    refused(lambda: BM25.fit(docs), f"BM25.fit: docs[1] is {missing!r}")
    refused(lambda: bm25_scores(missing, ["a"]), f"bm25_scores: query is {missing!r}")
    refused(lambda: bm25_scores("a", ["a"], b=float("nan")), "bm25_scores: b is nan")
    refused(lambda: bm25_scores("a", ["a"], k1=-1), "bm25_scores: k1 is -1")


# 19: numpy.seterr(all="raise") -------------------------------------------------------------------

FAR = np.array([[1000.0, 0.0], [-1000.0, 3.0], [0.0, 0.0]])
FULL, CODES = FullHead(FAR), VQHead(FAR[:2], [0, 0, 1])
STATE = [[1.0, 2.0]]
UNDERFLOW = {
    "softmax": lambda: softmax([0.0, 1000.0]),
    "softmax, float32": lambda: softmax(np.array([0.0, -200.0, 300.0], np.float32)),
    "layers": lambda: layers.cross_entropy([[0.0, 1000.0]], [0]),
    "attention": lambda: softmax_attention(99 * Q, 99 * K, V),
    "blocked": lambda: blocked_softmax_attention(99 * Q, 99 * K, V),
    "gaussian": lambda: gaussian_attention(99 * Q, V),
    "sample": lambda: FULL.sample(STATE, rng=0),
    "log_softmax": lambda: CODES.log_softmax(STATE),
    "codes, topk": lambda: CODES.topk(STATE, 2),
    "codes, sample": lambda: CODES.sample(STATE, rng=0),
    "loss": lambda: FULL.loss_and_grad(STATE, [0]),
    "xtr": lambda: xtr_loss([[1.0, 0.0]], INDEX, 1, temperature=1e-4),
    "tiny": lambda: unit([[1e-200, 0.0], [0.0, 0.0]]),
}


@pytest.mark.parametrize("name", UNDERFLOW)
def test_whatever_seterr_says(name):
    want = UNDERFLOW[name]()
    with np.errstate(all="raise"):
        got = UNDERFLOW[name]()
    np.testing.assert_equal(got, want)


def test_no_example_of_any_function_depends_on_seterr():
    """Each function, called as its text or its contract calls it."""
    hurt = []
    for call in hostile.calls():
        try:
            with np.errstate(all="raise"), hostile.bounded_time(5):
                call.function(*call.args, **call.kwargs)
        except FloatingPointError as error:
            hurt.append(f"{call.name}: {error}")
        except Exception:  # a call that needs what a test does not have
            continue
    assert hurt == []


# 10 and 13: what was lost on the way in, and parameters that were let in -------------------------

MASKED = {
    "softmax_attention: mask": lambda: softmax_attention(
        Q, K, V, mask=masked(np.ones((2, 5), bool))
    ),
    "soft_attention: mask": lambda: soft_attention(
        Q, V, Q[:, :2], mask=masked(np.ones((2, 5), bool))
    ),
    "FullHead.log_prob: token": lambda: FULL.log_prob(STATE, masked([1])),
    "FullHead.loss_and_grad: target": lambda: FULL.loss_and_grad(STATE, masked([1])),
    "ndcg: doc_ids": lambda: ndcg(masked([1, 2]), [1], 1),
    "perplexity: groups": lambda: perplexity([-1.0, -2.0], groups=masked([0, 1])),
    "AdaptiveHead: bias": lambda: AdaptiveHead(
        [1], [[0.0], [0.0]], [(None, [[0.0], [0.0]])], bias=masked([0.0, 0.0])
    ),
    "VQHead: mapping": lambda: VQHead([[1.0]], masked([0, 0])),
}


@pytest.mark.parametrize("begins", MASKED)
def test_masked_arrays_do_not_lose_their_mask(begins):
    refused(MASKED[begins], begins + " has masked entries", "x.filled(value)")


HUGE = np.array([2**64 - 1], np.uint64)
BEYOND = {
    "FullHead.log_prob: token": lambda: FULL.log_prob(STATE, HUGE),
    "ndcg: doc_ids": lambda: ndcg(HUGE, [1], 1),
    "ndcg: relevant": lambda: ndcg([1], HUGE, 1),
    "TokenIndex: offsets": lambda: TokenIndex([[1.0]], np.array([0, 2**64 - 1], np.uint64)),
    "xtr_scores: ids": lambda: xtr_scores(HUGE[None], [[1.0]], [0], 1),
    "VQHead: mapping": lambda: VQHead([[1.0]], HUGE),
    "perplexity: groups": lambda: perplexity([-1.0], groups=HUGE),
}


@pytest.mark.parametrize("begins", BEYOND)
def test_the_largest_uint64_is_not_minus_one(begins):
    refused(BEYOND[begins], begins + " goes up to 18446744073709551615")


def test_parameters_that_were_let_in():
    tails = [(None, [[0.0], [0.0]])]
    refused(
        lambda: AdaptiveHead([1], [[0.0], [0.0]], tails, bias=[7.0]), "AdaptiveHead: bias is (1,)"
    )
    refused(
        lambda: AdaptiveHead([1], [[0.0], [0.0]], tails, bias=[np.nan, 0.0]),
        "AdaptiveHead: bias has 1 values",
    )
    refused(lambda: LowRankHead([[1.0]], [[np.nan]]), "LowRankHead: up has 1 values")


# 20: names ---------------------------------------------------------------------------------------


def test_errors_name_what_was_called_and_its_argument():
    refused(lambda: tome.reduce(Q[0], "2"), "reduce: r is '2'")
    refused(lambda: xtr_loss([[1.0, 0.0]], [], 1), "xtr_loss: docs is empty")
    refused(lambda: FULL.log_prob("a", [1]), "FullHead.log_prob: hidden is 'a'")
    mask = np.zeros((2, 5, 5), bool)
    refused(
        lambda: soft_attention(Q, V, Q[:, :2], mask=mask), "soft_attention: mask is", "of pairs"
    )
    mask[:] = np.eye(5, dtype=bool)  # exact attention takes a mask of pairs
    np.testing.assert_allclose(softmax_attention(Q, K, V, mask=mask), V)
