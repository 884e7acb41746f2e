# %% [markdown]
# # Training for token retrieval: XTR's objective and its gradient
#
# At search time XTR sees only the tokens that were retrieved. So it is trained on those: all documents
# of a batch throw their tokens into one pool, every query token retrieves from it, and a document is
# scored by what was retrieved from it. We build the score, its loss and its gradient by hand, check
# them, and train a small projection with it, to see what a training set of a hundred questions can do.
#
# **You will be able to**
#
# - compute XTR's training score and the normaliser $Z$ on paper,
# - derive the gradient, check it by central differences, and say where that check must fail,
# - say which documents learn anything from a batch, beside ColBERT's objective,
# - train with either, and judge the result by questions that were not trained on.
#
# Needs: [token retrieval](01_token_retrieval.md), the chain rule. About 50 minutes.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.autograd import stop, taped, value_and_grad
from tokenlab.data import load_faq
from tokenlab.models.layers import cross_entropy
from tokenlab.numerics import softmax, unit
from tokenlab.retrieval import TokenIndex, maxsim, xtr_loss, xtr_search, xtr_train_scores
from tokenlab.retrieval.metrics import ndcg
from tokenlab.training import minibatches, train

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. By hand: a batch of two documents
#
# Two query tokens, two documents with two tokens each. The pool has four tokens. Each query token
# retrieves its best `k_train = 2`:

# %%
query = np.eye(2)  # (n_q, d)
docs = [np.array([[0.9, 0.1], [0.2, 0.7]]), np.array([[0.1, 0.6], [0.0, 0.5]])]
pool = np.vstack(docs)  # (n_tokens, d)
similarity = query @ pool.T  # (n_q, n_tokens)
best = np.argsort(-similarity, axis=1, kind="stable")[:, :2]
mask = np.zeros(similarity.shape, dtype=bool)
np.put_along_axis(mask, best, True, axis=1)
print("similarity\n", similarity, "\nretrieved\n", mask.astype(int))

# %% [markdown]
# A document's score is the mean of the best *retrieved* similarity over those query tokens that
# retrieved something from it. Their number is $Z$:
#
# $$f(Q, D) = \frac1Z \sum_i \max_{j \in D} \hat A_{ij} P_{ij}, \qquad
# Z = \big|\{ i : \text{token } i \text{ retrieved something from } D \}\big|.$$
#
# The first document: $(0.9 + 0.7) / 2 = 0.8$. Of the second, the first query token retrieved nothing;
# the second one 0.6. So $Z = 1$ and the score is 0.6.


# %%
def train_scores(similarity, offsets, k_train):
    best = np.argsort(-similarity, axis=1, kind="stable")[:, :k_train]
    mask = np.zeros(similarity.shape, dtype=bool)
    np.put_along_axis(mask, best, True, axis=1)
    scores, z = [], []
    for first, end in pairwise(offsets):
        hit = mask[:, first:end].any(axis=1)  # (n_q,)
        kept = np.where(mask, similarity, 0)[:, first:end].max(axis=1)
        z.append(hit.sum())
        scores.append(kept[hit].sum() / max(hit.sum(), 1))
    return np.array(scores), np.array(z), mask


# %%
for k_train in (1, 2, 4):
    scores, z, mask = train_scores(similarity, [0, 2, 4], k_train)
    theirs = xtr_train_scores(query, docs, k_train)
    np.testing.assert_allclose(theirs.scores, scores)
    np.testing.assert_array_equal(theirs.z, z)
    print(f"k_train = {k_train}: scores {scores.round(3).tolist()}, Z {z.tolist()}")
full = maxsim(query, TokenIndex.from_docs(docs), mean=True)
np.testing.assert_allclose(full, scores)  # those of the last round
print("ColBERT's score, all tokens:", full.round(3).tolist())

# %% [markdown]
# With everything retrieved, XTR's training score *is* ColBERT's mean MaxSim. With little, the second
# document scores 0: nothing of it was retrieved.
#
# **What $Z$ does.** Dividing by $Z$ and not by the number of query tokens means that a query token
# which retrieved nothing from a document does not count against it. That is a choice, and it can bend:
# one lucky hit beats three solid ones.

# %%
three = np.eye(3)
solid, lucky = np.full((1, 3), 0.8), np.array([[0.9, 0.0, 0.0]])
scores, z, _ = xtr_train_scores(three, [solid, lucky, np.full((1, 3), 0.1)], 2)
print("scores with Z:", scores[:2].round(2).tolist(), " Z:", z[:2].tolist())
print("divided by n_q:", (scores * z / 3)[:2].round(2).tolist())
assert scores[1] > scores[0]

# %% [markdown]
# ## 2. The loss and its gradient
#
# The softmax over the documents of the batch, and the cross entropy of the right one, $D^+$:
#
# $$L = -\log p(D^+), \qquad p = \mathrm{softmax}(f), \qquad
# \frac{\partial L}{\partial f_b} = p_b - [b = +].$$
#
# A score depends on a similarity only where that similarity is a document's best retrieved one. There
# its derivative is $1/Z$, everywhere else 0. So
#
# $$\frac{\partial L}{\partial P_{ij}} = \frac{p_b - [b = +]}{Z_b}
# \quad \text{for the winners } j \text{ of document } b,$$
#
# and by the chain rule $\partial L/\partial Q = (\partial L/\partial P)\, D$ and
# $\partial L/\partial D = (\partial L/\partial P)^\top Q$. On our batch, with `k_train = 2`:

# %%
scores, z, mask = train_scores(similarity, [0, 2, 4], 2)
p = softmax(scores)
d_similarity = np.zeros((2, 4))
d_similarity[0, 0] = d_similarity[1, 1] = (p[0] - 1) / z[0]  # the winners of the right document
d_similarity[1, 2] = p[1] / z[1]  # the winner of the other one
print("p", p.round(4), " loss", -np.log(p[0]).round(6))
print(d_similarity.round(4))
theirs = xtr_loss(query, docs, k_train=2, positive=0)
np.testing.assert_allclose(theirs.query_grad, d_similarity @ pool)
np.testing.assert_allclose(np.vstack(theirs.docs_grad), d_similarity.T @ query)

# %% [markdown]
# Winners of the right document are pulled up, retrieved winners of others pushed down, and the fourth
# token, which nobody retrieved, learns nothing. Step through it:

# %%
with record() as steps:
    xtr_loss(query, docs, k_train=2, positive=0)
steps

# %% [markdown]
# ## 3. Check it by central differences
#
# Move one number by $\pm\varepsilon$, look how the loss moves. In double precision with
# $\varepsilon = 10^{-6}$ a right gradient agrees to about nine digits.


# %%
def numeric_gradient(loss, x, epsilon=1e-6):
    x, gradient = x.astype(np.float64), np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[at] += sign * epsilon
            ends.append(loss(moved))
        gradient[at] = (ends[0] - ends[1]) / (2 * epsilon)
    return gradient


# %%
rng = np.random.default_rng(0)
batch = [unit(rng.standard_normal((n, 5))) for n in (4, 3, 6)]
q = unit(rng.standard_normal((3, 5)))
result = xtr_loss(q, batch, k_train=5, positive=1)
by_query = numeric_gradient(lambda moved: xtr_loss(moved, batch, 5, 1).loss, q)
by_doc = numeric_gradient(
    lambda moved: xtr_loss(q, [batch[0], moved, batch[2]], 5, 1).loss, batch[1]
)
pairs = {"query": (result.query_grad, by_query), "doc": (result.docs_grad[1], by_doc)}
for name, (mine, numeric) in pairs.items():
    print(f"{name:>5}: largest difference {np.abs(mine - numeric).max():.1e}")
    np.testing.assert_allclose(mine, numeric, atol=1e-8)

# %% [markdown]
# **Where the check must fail.** The score has kinks: where two tokens tie for the maximum, and where two
# tie for the last place that is retrieved. There the loss jumps or bends, and a difference across the
# kink is not a derivative. Here the second place is exactly tied between two documents:

# %%
tied = [np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]), np.array([[0.5, -0.5]])]
one = np.array([[1.0, 0.0]])
mine = xtr_loss(one, tied, k_train=2, positive=0).query_grad
numeric = numeric_gradient(lambda moved: xtr_loss(moved, tied, 2, 0).loss, one)
print("ours", mine.round(4).tolist(), " differences", numeric.round(4).tolist())
ends = [xtr_loss(np.array([[1.0, e]]), tied, 2, 0).loss for e in (1e-9, -1e-9)]
print(f"the loss on both sides of the tie differs by {abs(ends[0] - ends[1]):.1e}")
assert abs(mine - numeric).max() > 0.1

# %% [markdown]
# The loss itself does not jump here, since both candidates are equally good; its slope does. Ours is the
# slope on one side (the lower token wins), which is all that a gradient method needs.
#
# ## 4. Who learns from a batch?
#
# ColBERT's objective is the same with everything retrieved: each document gives every query token a
# winner, so *every* document of the batch is moved. With XTR's only the documents that were retrieved
# from. On a real batch, ten questions' answers from the Python FAQ:

# %%
faq = load_faq()
answers = [faq.index.doc(i) for i in range(len(faq))]
batch = list(range(40, 50))
n_tokens = sum(len(answers[i]) for i in batch)
moved = {}
for name, k_train in {"XTR, 8": 8, "XTR, 64": 64, "ColBERT": n_tokens}.items():
    result = xtr_loss(faq.queries[40], [answers[i] for i in batch], k_train, temperature=0.1)
    moved[name] = [np.abs(g).sum() for g in result.docs_grad]
    rows = sum((np.abs(g).sum(axis=1) > 0).sum() for g in result.docs_grad)
    print(
        f"{name:<8} moves {np.count_nonzero(moved[name])} of 10 documents, {rows} of {n_tokens} tokens"
    )

# %% alt="Bars: how much each of ten documents is moved; the right one most; with k_train = 8 several others are not moved at all, with ColBERT's objective all are"
figure, ax = plt.subplots(figsize=(6.4, 2.8))
colours = {"XTR, 8": "#00224e", "XTR, 64": "#7d7c78", "ColBERT": "#fee838"}
for shift, (name, amounts) in zip((-0.27, 0, 0.27), moved.items(), strict=True):
    ax.bar(np.arange(10) + shift, amounts, 0.27, label=name, color=colours[name], edgecolor="k",
           linewidth=0.4)  # fmt: skip
ax.set_xticks(range(10), ["right", *map(str, range(1, 10))])
ax.set(xlabel="document of the batch", ylabel="sum of |gradient|")
ax.legend()
plt.show()

# %% [markdown]
# And the other side of the coin. If *nothing* of the right document was retrieved, its score is 0 and its
# gradient as well: the objective cannot pull up what it does not see. It can only push the others down.

# %%
blind = [np.array([[0.3, 0.0]]), np.array([[0.9, 0.1]]), np.array([[0.8, 0.3]])]
result = xtr_loss(one, blind, k_train=2, positive=0)
print("scores of the batch:", xtr_train_scores(one, blind, 2).scores.round(2).tolist())
print("gradient of the right document:", result.docs_grad[0].tolist(), "- of the next:", end=" ")
print(result.docs_grad[1].round(3).tolist())
assert not result.docs_grad[0].any()

# %% [markdown]
# That is why $k_{train}$ is large in practice, and why one starts from an encoder that already finds
# something.
#
# ## 5. Train a projection
#
# A matrix $M$ takes all token vectors from 64 dimensions to 16; they are scaled to length one again. It
# starts as the leading principal directions. What is missing is the way back through the scaling: for
# $u = y / |y|$,
#
# $$\frac{\partial L}{\partial y} = \frac{1}{|y|} \Big( g - (g \cdot u)\, u \Big), \qquad
# g = \frac{\partial L}{\partial u}.$$


# %%
def project(x, m):
    y = x @ m
    length = np.sqrt((y * y).sum(axis=1, keepdims=True))  # (n, 1)
    return y / length, length


def back(x, u, length, g):  # the gradient for m, from that for u
    return x.T @ ((g - (g * u).sum(axis=1, keepdims=True) * u) / length)


def loss_and_grad(m, query, documents, positive, k_train, temperature=0.1):
    q, q_length = project(query, m)
    made = [project(x, m) for x in documents]
    out = xtr_loss(q, [u for u, _ in made], k_train, positive, temperature=temperature)
    grad = back(query, q, q_length, out.query_grad)
    for x, (u, length), g in zip(documents, made, out.docs_grad, strict=True):
        grad = grad + back(x, u, length, g)
    return out.loss, grad


# %%
narrow = rng.standard_normal((5, 2))
wide_docs = [rng.standard_normal((n, 5)) for n in (4, 3, 6)]
wide_query = rng.standard_normal((3, 5))
_, mine = loss_and_grad(narrow, wide_query, wide_docs, 1, 5)
numeric = numeric_gradient(lambda m: loss_and_grad(m, wide_query, wide_docs, 1, 5)[0], narrow)
print(f"projection: largest difference {np.abs(mine - numeric).max():.1e}")
np.testing.assert_allclose(mine, numeric, atol=1e-6)

# %% [markdown]
# A program can find the way back, too: the library's tape differentiates the score as it stands, and
# finds the same gradient, without `back` and without `xtr_loss`.


# %%
def forward_alone(m):
    made = [project(x, m)[0] for x in wide_docs]
    scores = xtr_train_scores(project(wide_query, m)[0], made, 5).scores / 0.1
    return cross_entropy(scores, np.array(1))


_, taped_gradient = value_and_grad(forward_alone)(narrow)
print(f"against the tape: largest difference {np.abs(mine - taped_gradient).max():.1e}")
np.testing.assert_allclose(mine, taped_gradient, atol=1e-12)

# %% [markdown]
# Training is Adam, [`training.train`](../api/training.md), on batches of ten questions; the other nine
# answers are the negatives. Our own gradient goes onto the tape as one operation, `taped(value, (m, pull))`.
# Of the 158 questions 110 are for training and 48 for testing, in three different splits. ColBERT's
# objective is the same code with everything retrieved.


# %%
def fit(questions, k_train, seed=0):
    def loss(m, rows):
        ids = questions[rows]
        documents = [answers[i] for i in ids]
        found = [
            loss_and_grad(stop(m), faq.queries[i], documents, at, k_train)
            for at, i in enumerate(ids)
        ]
        value, grad = (np.mean(part, axis=0) for part in zip(*found, strict=True))
        return taped(value, (m, lambda g: g * grad))

    batches = minibatches(len(questions), 10, epochs=3, rng=seed)
    return train(loss, start, batches, rate=0.002, betas=(0.9, 0.99), schedule="constant")


# %% [markdown]
# What is measured, for each question: nDCG@10 of MaxSim and of XTR with a small $k'$, and what the
# objective is about, the **hit rate**: for how many of the question's tokens a token of the right answer is
# among the $k'$ retrieved.


# %%
def measure(m, k_prime=20):
    index = TokenIndex(project(faq.index.tokens, m)[0], faq.index.offsets)
    queries, rows = [project(query, m)[0] for query in faq.queries], []
    ranked = np.argsort(-maxsim(queries, index), axis=1, kind="stable")
    for i, q in enumerate(queries):
        nearest = np.argpartition(-(q @ index.tokens.T), k_prime, axis=1)[:, :k_prime]
        hit = (index.token_to_doc[nearest] == i).any(axis=1).mean()
        found = xtr_search(q, index, k_prime=k_prime, k=10).doc_ids
        rows.append((ndcg(ranked[i], [i], 10), ndcg(found, [i], 10), hit))
    return np.array(rows)  # (n_questions, 3)


# %%
directions = np.linalg.svd(faq.index.tokens[::4], full_matrices=False)[2]
start = directions[:16].T.copy()  # (64, 16)
before, runs, losses = measure(start), {}, {}
splits = [np.random.default_rng(s).permutation(len(faq)) for s in range(3)]
for name, k_train in {"XTR": 64, "ColBERT": faq.index.n_tokens}.items():
    for s, order in enumerate(splits):
        m, losses[name] = fit(order[:110], k_train, seed=s)
        runs[name, s] = measure(m)

# %%
columns = ("MaxSim nDCG", "XTR nDCG", "hit rate")
gains = {}
print(f"{'':<17}" + "".join(f"{c:>14}" for c in columns))
for part, where in {"trained on": slice(0, 110), "test": slice(110, None)}.items():
    rows = {"before": [before[o[where]] for o in splits]}
    rows |= {n: [runs[n, s][o[where]] for s, o in enumerate(splits)] for n in ("XTR", "ColBERT")}
    for name, values in rows.items():
        print(
            f"{part:<10} {name:<8}"
            + "".join(f"{v:14.3f}" for v in np.mean(np.vstack(values), axis=0))
        )
        gains[part, name] = np.vstack(values) - np.vstack(rows["before"])

# %% [markdown]
# Is the difference on the test questions real? Draw the questions again, many times:

# %%
intervals = {}
for (part, name), gain in gains.items():
    if name != "before":
        draws = rng.integers(0, len(gain), (2000, len(gain)))
        intervals[part, name] = np.quantile(gain[draws].mean(axis=1), [0.025, 0.975], axis=0)
        text = "  ".join(f"{low:+.3f} to {high:+.3f}" for low, high in intervals[part, name].T)
        print(f"{part:<10} {name:<8} {text}")

# %% alt="Gains in nDCG and hit rate with intervals: on the trained questions clearly above zero for both objectives, on the test questions close to zero"
figure, axes = plt.subplots(1, 2, figsize=(7.6, 2.9), sharey=True)
for ax, part in zip(axes, ("trained on", "test"), strict=True):
    for shift, name, marker in ((-0.1, "XTR", "o"), (0.1, "ColBERT", "s")):
        middle, (low, high) = gains[part, name].mean(axis=0), intervals[part, name]
        ax.errorbar(np.arange(3) + shift, middle, [middle - low, high - middle], fmt=marker, capsize=3,
                    color="#00224e" if name == "XTR" else "0.45", label=name)  # fmt: skip
    ax.axhline(0, color="k", linewidth=0.6)
    ax.set_xticks(range(3), columns)
    ax.set_title(f"questions: {part}")
axes[0].set_ylabel("gain over the start")
axes[0].legend()
plt.show()

# %% [markdown]
# ## 6. What we found
#
# Both objectives do what they were told on the questions that they were trained on, and on questions
# they have not seen, no gain can be told from chance. Nor do the two differ from each other as the paper
# says they do: there XTR's objective raises what token retrieval finds, and here the hit rate of the
# test questions stays where it was.

# %%
for name in ("XTR", "ColBERT"):
    assert (intervals["trained on", name][0] > 0).all()
    low, high = intervals["test", name]
    print(f"{name:<8} test, interval holds 0:", ((low <= 0) & (high >= 0)).tolist())
    assert (low <= 0).all()  # no gain that could be told from chance

# %% [markdown]
# That says nothing against the paper, which trains a whole T5 encoder on the questions of MS MARCO. It
# says what a hundred questions and a thousand numbers can do: learn the hundred questions.
# A table with the first three rows alone would look like a success. The loss would, too:

# %% alt="Loss by step for both objectives: both fall, noisily; XTR's is higher, since its scores are normalised differently"
figure, ax = plt.subplots(figsize=(5.4, 2.8))
for (name, history), style in zip(losses.items(), ("o-", "s--"), strict=True):
    ax.plot(history, style, markersize=3, color="#00224e" if name == "XTR" else "0.45", label=name)
ax.set(xlabel="step of ten questions", ylabel="loss in the batch, nats")
ax.legend()
plt.show()

# %% [markdown]
# (The two losses are not of one scale: what was not retrieved lowers a ColBERT score and not an XTR
# score.)
#
# ## Why not just ...
#
# **... retrieve very few tokens, as at search time?** With `k_train = 1` each query token moves at most
# one document, and section 4 says what happens to a right answer that is not seen. Count how often it is:

# %%
for k_train in (1, 8, 64):
    unseen = 0
    for at, i in enumerate(batch):
        z = xtr_train_scores(faq.queries[i], [answers[j] for j in batch], k_train).z
        unseen += len(faq.queries[i]) - z[at]
    total = sum(len(faq.queries[i]) for i in batch)
    print(
        f"k_train = {k_train:2}: {unseen / total:.0%} of the query tokens do not see the right answer"
    )

# %% [markdown]
# **... count in $Z$ the query tokens whose best similarity is above 0?** Some implementations do. A token
# that was retrieved with a negative similarity is then not counted, and a score of -0.2 becomes an average
# over nothing. With few and dissimilar tokens in the pool the two part:

# %%
against = [np.array([[-0.2, 0.0]]), np.array([[-0.9, 0.0]])]
scores, z, mask = xtr_train_scores(one, against, 2)
positive = [int((one @ doc.T > 0).any()) for doc in against]
print("retrieved:", mask.astype(int).tolist(), " Z:", z.tolist(), " counted above 0:", positive)
print("scores:", scores.tolist())
assert z.tolist() != positive

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* In the batch of section 1 lower `0.6` to `0.45`. Compute masks, $Z$, scores and loss for
#    `k_train = 2` by hand, then check. Expect: the second document's only hit is another token.
# 2. *Medium.* Train longer, 12 epochs, and plot the measures of both parts by epoch. Expect: the gap
#    grows. Now pull $M$ back towards its start (add $\lambda (M - M_0)$ to the gradient) and choose
#    $\lambda$ on a third part of the questions. Is anything left on the test part?
# 3. *Open.* Negatives decide. Instead of random batches, put answers together that MaxSim confuses.
#    Does the objective's `k_train` matter more now? Which of the two objectives gains?
#
# Next: [token retrieval](01_token_retrieval.md) for search itself;
# [`xtr_loss`](../api/retrieval.md) for every argument.
