# %% [markdown]
# # Fewer forwards: drafts, trees, blocks, routes
#
# A large model writes one token a forward. Four ways to get more out of it: let somebody cheap
# guess and the model judge; keep the candidates that every forward throws away; fill many places at
# once and check them; write with a small model and call the large one where it matters.
#
# **You will be able to**
#
# - judge a draft so that the text is distributed as the model's own, and prove it,
# - read a tree of guesses from a matrix, and choose its size,
# - say why two drafts at once never save a call, and three do,
# - train a router, and read what it saves.
#
# Needs: conditional probabilities; [constrained generation](13_constrained_generation.md) for
# `exact`. About 60 minutes.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_text
from tokenlab.decoding import any_subset, exact, r2r, sampling, speculative, token_recycling
from tokenlab.decoding.chance import choose, flip
from tokenlab.lm import ChainLM, Counted, NGramLM, TableLM
from tokenlab.plots.decoding import draw_rounds, draw_tree

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "figure.constrained_layout.use": True})
plays = load_text("shakespeare").lower()
letters = "".join(sorted(set(plays)))
ids = np.array([letters.index(letter) for letter in plays])
vocab, n_fit = len(letters), 500_000
held = ids[n_fit:]  # what no model here has seen
spell = lambda tokens: "".join(letters[token] for token in tokens)  # noqa: E731
clear = lambda token: letters[token].replace(" ", "␣").replace("\n", "⏎")  # noqa: E731
small, large = (NGramLM.fit(ids[:n_fit], order, vocab) for order in (3, 7))

# %% [markdown]
# ## 1. A draft is kept with probability $\min(1, p/q)$
#
# The drafter drew a token from $q$; the model says $p$. Keep it with $\min(1, p/q)$, else draw from
# what $p$ has more than $q$.


# %%
def judged(p, q, rng):
    token = choose(np.log(q), rng)
    if flip(min(1.0, p[token] / q[token]), rng):
        return token
    more = np.maximum(p - q, 0)
    with np.errstate(divide="ignore"):
        return choose(np.log(more), rng)


p, q = np.array([0.6, 0.2, 0.2]), np.array([0.1, 0.8, 0.1])
print("judged:", exact(lambda rng: judged(p, q, rng)).probabilities.round(6), "wanted:", p)
np.testing.assert_allclose(exact(lambda rng: judged(p, q, rng)).probabilities, p)
np.testing.assert_allclose(np.exp(speculative.residual(np.log(p), np.log(q))), [5 / 6, 0, 1 / 6])
print(f"a draft stays with probability {speculative.acceptance(np.log(p), np.log(q)):.2f}")


# %% [markdown]
# **Why not just draw from $p$ when a draft is refused?** Because what was accepted of a token has
# to be left out.


# %%
def tempting(p, q, rng):
    token = choose(np.log(q), rng)
    return token if flip(min(1.0, p[token] / q[token]), rng) else choose(np.log(p), rng)


print("drawn from p instead:", exact(lambda rng: tempting(p, q, rng)).probabilities.round(3))
assert abs(exact(lambda rng: tempting(p, q, rng)).probabilities - p).max() > 0.05

# %% [markdown]
# ## 2. Who drafts?
#
# Greedy text of the model of seven letters in a row. The text is the same whoever drafts; the
# number of forwards is not. Counting is cheap, so the seconds say little here; with a transformer
# they do.

# %%
start, n = held[:60], 300


def table(ways):
    for name, write in ways.items():
        lm = Counted(large)
        began = time.perf_counter()
        tokens = write(lm)
        seconds = time.perf_counter() - began
        print(
            f"{name:28} {n / lm.forwards:5.2f} letters a forward, {lm.rows:6} rows, {seconds:.2f} s"
        )
        np.testing.assert_array_equal(tokens, greedy)


greedy = sampling.generate(large, start, n, temperature=0).tokens
lookup, draft = speculative.prompt_lookup(vocab, 5), speculative.draft_model(small, temperature=0)
table(
    {
        "greedy": lambda lm: sampling.generate(lm, start, n, temperature=0).tokens,
        "three letters draft 4": lambda lm: speculative.generate(lm, draft, start, n, 4, 0).tokens,
        "copied, 7": lambda lm: speculative.generate(lm, lookup, start, n, 7, 0).tokens,
        "recycling, 80 nodes": lambda lm: token_recycling.generate(lm, start, n).tokens,
    }
)

# %% [markdown]
# Greedy text of letters repeats itself, and then copying is unbeatable. That is no accident of this
# example: where text repeats, `prompt_lookup` wins.
#
# ## 3. A tree from the trash
#
# Each forward ranks the whole vocabulary and uses one token. Token Recycling keeps the best
# candidates of each token in a matrix and reads a tree from it. How often is candidate $j$ at depth
# $d$ right when its parent was? With these shares, `grow_tree` takes the most probable paths.

# %%
recycler = token_recycling.Recycler(vocab, 8)
token_recycling.generate(large, start, 200, recycler)  # fills the matrix
right, asked = np.zeros((4, 8)), np.zeros(4)
for first in range(500, 20_000, 40):  # along real text, held out
    node = int(held[first])
    for depth in range(4):
        asked[depth] += 1
        hits = np.flatnonzero(recycler.matrix_[node] == held[first + depth + 1])
        if not len(hits):
            break
        right[depth, hits[0]] += 1
        node = int(held[first + depth + 1])
acceptance = right / asked[:, None]
print(acceptance[:, :4].round(2), "of candidates 1 to 4 at depths 1 to 4")
for size in (3, 7, 15, 31):
    lm = Counted(large)
    tree = token_recycling.Recycler(vocab, 8, token_recycling.grow_tree(acceptance, size))
    found = token_recycling.generate(lm, start, n, tree)
    print(
        f"{size:3} nodes: {n / lm.forwards:.2f} letters a forward, {lm.rows / n:.1f} rows a letter"
    )

# %% alt="A tree of letters from left to right; the path of guesses that were right is dark, all others are pale"
paths = token_recycling.grow_tree(acceptance, 15)
small_tree = token_recycling.Recycler(vocab, 8, paths)
small_tree.matrix_[:] = recycler.matrix_
context = [*start, *greedy[:20]]
with record({"vocab": list(map(clear, range(vocab)))}) as steps:
    one = token_recycling.generate(large, context, 1, small_tree)
guesses, node, path = small_tree.draft(int(context[-1])), 0, []
for token in greedy[20:30]:
    nodes = np.flatnonzero((small_tree.tree.parents == node) & (guesses == token))
    if not len(nodes):
        break
    node = int(nodes[0]) + 1
    path.append(node)
figure, ax = plt.subplots(figsize=(6, 3))
names = [clear(token) for token in guesses]
draw_tree(ax, small_tree.tree, names, root=clear(int(context[-1])), accepted=path)
plt.show()

# %%
steps

# %% [markdown]
# ## 4. Any places, judged in a second call
#
# A model that predicts any place from any others can draft $k$ places in one call, but they do not
# know of each other. A second call judges each draft given those before it. On three bits:

# %%
joint = np.array([[[0.30, 0.05], [0.05, 0.10]], [[0.02, 0.08], [0.10, 0.30]]])
bits = TableLM(joint)
for name, way in (
    ("all at once", lambda rng: any_subset.parallel(bits, {}, rng=rng).tokens),
    ("judged", lambda rng: any_subset.generate(bits, {}, k=3, rng=rng).tokens),
):
    found = exact(way)
    apart = sum(abs(found.probability(text) - joint[text]) for text in np.ndindex(2, 2, 2)) / 2
    print(f"{name}: total variation to the truth {apart:.4f}")
for k in (2, 3):
    calls = exact(lambda rng, k=k: any_subset.generate(bits, {}, k=k, rng=rng)).expect(
        lambda found: found.calls
    )
    print(f"k = {k}: {calls:.2f} calls for 3 bits")

# %% [markdown]
# With $k = 2$ a round is two calls and decides two places: nothing is saved, ever. On letters of
# plays as a Markov chain, 5 % of 64 places visible, calls for each hidden place; the bigram drafter
# costs no call, and at $k = 2$ it beats drafting with the model itself.

# %%
counts = np.full((vocab, vocab), 0.01)
np.add.at(counts, (ids[: n_fit - 1], ids[1:n_fit]), 1)
chain = ChainLM(
    counts.sum(axis=1) / counts.sum(), counts / counts.sum(axis=1, keepdims=True), length=64
)
rng = np.random.default_rng(0)
windows = [held[i : i + 64] for i in rng.integers(0, len(held) - 64, 20)]


def calls(k, drafter, mixed):
    found = []
    for seed, window in enumerate(windows):
        places = rng.permutation(64)
        visible = {int(i): int(window[i]) for i in places[:3]}
        hidden = [int(i) for i in places[3:]]
        order = hidden if mixed else sorted(hidden)
        done = any_subset.generate(chain, visible, k=k, order=order, drafter=drafter, rng=seed)
        found.append(done.calls / len(hidden))
    return f"{np.mean(found):.2f} ± {1.96 * np.std(found) / len(found) ** 0.5:.2f}"


for k in (2, 3, 5, 10):
    cells = [calls(k, "self", False), calls(k, "self", True), calls(k, "bigram", False)]
    print(
        f"k = {k:2}: left to right {cells[0]}, random order {cells[1]}, bigram drafter {cells[2]}"
    )

# %% [markdown]
# Is the text still the model's? The mean log-probability of a letter says so: judged drafts are as
# good as one place after the other, and five places at once that nobody judges are not.


# %%
def likelihood(fill):
    """Mean log-probability of a letter under the chain, over all windows."""
    found = []
    for seed, window in enumerate(windows):
        visible = {int(i): int(window[i]) for i in np.random.default_rng(seed).permutation(64)[:3]}
        tokens = fill(visible, seed).tokens
        steps_of = np.log(chain.transition[tokens[:-1], tokens[1:]])
        found.append((np.log(chain.start[tokens[0]]) + steps_of.sum()) / 64)
    return np.mean(found), 1.96 * np.std(found) / len(found) ** 0.5


fills = {
    "one after the other": lambda v, seed: any_subset.sequential(chain, v, rng=seed),
    "judged, k = 5": lambda v, seed: any_subset.generate(chain, v, k=5, rng=seed),
    "parallel, k = 5": lambda v, seed: any_subset.parallel(chain, v, k=5, rng=seed),
}
means = {}
for name, fill in fills.items():
    means[name], error = likelihood(fill)
    print(f"{name:20} {means[name]:.2f} ± {error:.2f} nats a letter")
assert means["parallel, k = 5"] < means["judged, k = 5"] - 0.5

# %% alt="Letters in lines, one line for each round: grey ones were given, boxed ones were decided in that round, filled boxes are drafts that were replaced"
visible = {i: int(windows[0][i]) for i in (0, 6, 12, 19)}
short = ChainLM(chain.start, chain.transition, 20)
figure, ax = plt.subplots(figsize=(7, 2.4))
draw_rounds(ax, any_subset.generate(short, visible, k=5, rng=2), clear)
plt.show()

# %% [markdown]
# ## 5. Who writes this letter?
#
# Three letters in a row against seven. Where the small model would write another letter, let the
# large one finish both versions, and see whether they come together again: same last six letters
# at the end of the sentence, or not.

# %%
ends = {letters.index(letter) for letter in ".!?"}
same = lambda a, b: r2r.same_ending(a, b, 6)  # noqa: E731
x, divergent, mismatch = [], [], []
for first in range(0, 40_000, 1000):
    before = held[first : first + 60]
    labels = r2r.label(small, large, before, 12, ends=ends, same=same, max_continuation=40)
    text = [*before, *labels.tokens]
    x += [r2r.features(small.log_probs(text[: 60 + i]), 10) for i in range(12)]
    divergent += labels.divergent.tolist()
    mismatch += labels.mismatch.tolist()
x, divergent, mismatch = np.array(x), np.array(divergent), np.array(mismatch)
print(
    f"{len(x)} places: identical {1 - mismatch.mean():.0%}, neutral "
    f"{(mismatch & ~divergent).mean():.0%}, divergent {divergent.mean():.0%}"
)

# %% [markdown]
# The paper's reasoning models agree far more often. Letters of plays are not proofs: after a
# letter that differs, greedy text goes elsewhere and rarely comes back.
#
# A router learns from what the small model knows of itself. Threshold: nine tenths of the divergent
# places found. What does it send, on the half that it has not seen?

# %%
half = len(x) // 2
router = r2r.Router(ridge=1.0, min_recall=0.9).fit(x[:half], divergent[:half])


def sent(scores):
    """The share that has to be sent so that nine tenths of the divergent places are among it."""
    mine = np.sort(scores[divergent[half:]])[::-1]
    return (scores >= mine[int(np.ceil(0.9 * len(mine))) - 1]).mean()


probability = router.predict_proba(x[half:])
error = 1.96 * (0.25 / half) ** 0.5
print(
    f"router {sent(probability):.2f}, entropy {sent(x[half:, 0]):.2f}, chance 0.90, all ± {error:.2f}"
)
for name, route in (("never", lambda *_: False), ("router", router), ("always", lambda *_: True)):
    done = r2r.generate(small, large, held[:60], 60, route)
    print(f"{name:7} {done.share:4.0%} by the large model: {spell(done.tokens)!r}")

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Tokens a forward with acceptance $\alpha$ at every place are $(1 - \alpha^{k+1}) / (1 -
#    \alpha)$. At which $k$ is $\alpha = .6$ within 5 % of its limit?
# 2. *Medium.* Fill the matrix of a `Recycler` from the prompt (`warm=True`), and measure what it is
#    worth for the first fifty letters.
# 3. *Open.* A forward over many rows costs more than one over one row. Take a cost of $1 + c\,m$ for
#    $m$ rows and find the best tree for several $c$.

# %% answer="Exercise 1"
alpha = 0.6
limit = 1 / (1 - alpha)
per_forward = {k: (1 - alpha ** (k + 1)) / (1 - alpha) for k in range(1, 9)}
enough = min(k for k, tokens in per_forward.items() if tokens >= 0.95 * limit)
print({k: round(tokens, 3) for k, tokens in per_forward.items()}, "limit", limit)
print("within 5 % from k =", enough, "on, since the rest is alpha ** (k + 1)")
