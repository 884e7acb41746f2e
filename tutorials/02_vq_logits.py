# %% [markdown]
# # What a softmax head costs, and what happens when tokens share a logit
#
# The last layer of a language model holds one vector for every token of its vocabulary. VQ-Logits
# replaces them by a few codes: it becomes small and fast, and some tokens can no longer be told
# apart. We build it from nothing, find out what that costs before anything is trained, and then
# repair most of it.
#
# **You will be able to**
#
# - count what an output layer costs, in numbers stored and in multiply-adds,
# - write the vector-quantised head in ten lines, with its softmax over codes instead of tokens,
# - compute the tie floor of any map: the perplexity that no training can go below,
# - break ties, and say when the whole thing is worth it.
#
# Needs: matrix products and the softmax; [k-means](08_k_means.md) helps but can come later. About
# 45 minutes.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_lm_head
from tokenlab.logits import (
    AdaptiveHead,
    FullHead,
    LowRankHead,
    ResidualHead,
    VQHead,
    balanced_mapping,
    centroids,
    fit_codes,
    frequency_mapping,
    perplexity,
    tie_floor,
    train,
)

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. What a softmax head costs
#
# A hidden state $h$ of width $d$ is compared with the vector $w_v$ of every token $v$, and the
# softmax turns the products into probabilities:
#
# $$p(v) = \frac{e^{h \cdot w_v}}{\sum_u e^{h \cdot w_u}}.$$
#
# That takes $V d$ numbers and as many multiply-adds for each token that is generated. The package
# has a real head: rows of the output matrix of SmolLM2-135M-Instruct, hidden states of that model
# while it read the Python FAQ, and the token that came next.
#
# **The vocabulary is truncated**: 4,096 rows out of all. The softmax runs over these alone, so
# that perplexities here are those of an easier task than the model's own. Compare them with each
# other and with nothing else.

# %%
data = load_lm_head()
weight, counts = data.weight, data.counts
vocab, d = weight.shape
print(data)
for name, rows in {"here": vocab, "whole": data.vocab_full}.items():
    print(f"{name:>6}: {rows:,} x {d} = {rows * d / 1e6:.1f} million numbers")
print(f"a model of 135 million spends {data.vocab_full * d / 135e6:.0%} of them on this matrix")

# %% [markdown]
# ## 2. By hand: five tokens, two codes
#
# Now give tokens 0, 1 and 3 to code 0, and tokens 2 and 4 to code 1. The hidden state is compared
# with the *codes*: say it gets the logits $\ln 2$ and $\ln 3$. Each token takes over the logit of
# its code. The slow way writes them out, one per token:

# %%
code_logits = np.log([2.0, 3.0])  # (n_codes,)
mapping = np.array([0, 0, 1, 0, 1])  # (vocab,): the code of each token
token_logits = code_logits[mapping]  # (vocab,)
slow = np.exp(token_logits) / np.exp(token_logits).sum()
print("the code of each token:", mapping.tolist())
print("e to the logit        :", np.exp(token_logits).round(1).tolist(), "sum to 12")
print("probability           :", slow.round(4).tolist())

# %% [markdown]
# Tokens 0, 1 and 3 are **tied**: whatever the hidden state is, they are equally likely. And since
# equal numbers are added up three times, we need not write them out. With $n_k$ tokens in code $k$:
#
# $$Z = \sum_v e^{\ell_{M(v)}} = \sum_k n_k\, e^{\ell_k}, \qquad p(v) = e^{\ell_{M(v)}} / Z.$$
#
# That sum has as many terms as there are codes. The vocabulary is gone from the computation.

# %%
sizes = np.bincount(mapping)  # n_k
z = (sizes * np.exp(code_logits)).sum()
short = np.exp(code_logits) / z  # (n_codes,): the probability of each token of a code
np.testing.assert_allclose(short[mapping], slow)

head = VQHead(code_logits[:, None], mapping)  # a codebook of width 1; the hidden state is [1.0]
np.testing.assert_allclose(np.exp(head.log_softmax([[1.0]]))[0], slow)
print("sizes", sizes.tolist(), " Z =", z.round(6), " the library agrees")

# %% [markdown]
# ## 3. The tie floor
#
# The right token shares its code with $n_k - 1$ others. The code can have probability 1 at most,
# so the token cannot have more than $1 / n_k$. Over a text in which token $v$ has the share $f_v$,
#
# $$-\overline{\log p} \;\ge\; \sum_v f_v \log n_{M(v)},$$
#
# however good the model is. The exponential of the right side is the **tie floor**, a perplexity.
# It needs the map and the frequencies only: no model, no training. By hand, for a text in which
# the five tokens come up 6, 1, 5, 0 and 0 times:

# %%
text = np.array([6, 1, 5, 0, 0])
bound = (text * np.log(sizes[mapping])).sum() / text.sum()
print("mean log size:", bound.round(4), "nats, floor:", np.exp(bound).round(4))

oracle = 1 / sizes[mapping]  # a model that always knows the right code
reached = np.exp(-(text * np.log(oracle)).sum() / text.sum())
np.testing.assert_allclose([reached, np.exp(bound)], tie_floor(text, mapping))

# %% [markdown]
# The oracle reaches the floor and cannot pass it. Move the frequent token 0 into a code of its own
# and the floor drops, with the same number of codes:

# %%
for name, other in {"as above": mapping, "token 0 alone": np.array([0, 1, 1, 1, 1])}.items():
    print(f"{name:>14}: {other.tolist()}  floor {tie_floor(text, other):.3f}")
best = min(np.ndindex(2, 2, 2, 2, 2), key=lambda m: tie_floor(text, np.array(m)))
print("the best of all 32 maps:", best, f"floor {tie_floor(text, np.array(best)):.3f}")

# %% [markdown]
# So there are two wishes for a map. *Meaning*: tokens of a code should be exchangeable. *Frequency*:
# frequent tokens should be in small codes. The second one is arithmetic, and it decides more than
# one would think.
#
# ## 4. Floors of real maps
#
# Four maps of the 4,096 real tokens to the same number of codes: at random into equal sizes; by
# meaning (k-means on the rows of the matrix, every row counting the same); by frequency alone
# (neighbours in frequency share a code, in the sizes of the lowest floor); and k-means in which a row
# weighs as much as its token is frequent. `counts` are of other text, the floor is on the text to
# be predicted.

# %%
n_codes = 256
report = np.bincount(data.next_report, minlength=vocab)  # what has to be predicted
by_meaning = fit_codes(weight, n_codes, rng=0)
weighted = fit_codes(weight, n_codes, counts=counts, rng=0)
maps = {
    "random, equal sizes": balanced_mapping(vocab, n_codes, rng=0),
    "meaning: k-means": by_meaning[1],
    "frequency alone": frequency_mapping(counts, n_codes),
    "weighted k-means": weighted[1],
}
for name, m in maps.items():
    size = np.bincount(m, minlength=n_codes)
    print(f"{name:<20} {(size == 1).sum():3} tokens alone, largest code {size.max():4}, ", end="")
    print(f"tie floor {tie_floor(report, m):5.2f}")

# %% [markdown]
# A map with equal sizes has the floor $V / K$ on any text. k-means on meaning is no better: rare
# tokens are most of the vocabulary and far from each other, so they take most of the codes, while
# frequent ones sit together. Look into a code of each:

# %%
frequent = int(counts.argmax())
for name in ("meaning: k-means", "weighted k-means"):
    code = maps[name][frequent]
    mates = np.flatnonzero(maps[name] == code)
    mates = mates[np.argsort(-counts[mates], kind="stable")]
    words = " ".join(repr(data.tokens[v]) for v in mates[:9])
    print(f"{name}: {data.tokens[frequent]!r} shares its code with {len(mates) - 1} others")
    print("   ", words)

# %% [markdown]
# How does the floor fall with more codes? For the whole vocabulary we have no counts of every
# token, so take Zipf's law, $f_r \propto 1/r$, for this calculation only. The best sizes are
# about proportional to $1/f$; `frequency_mapping` finds them exactly.

# %%
zipf = 1e9 / np.arange(1, data.vocab_full + 1)  # as if counted in a long text
ks = [256, 491, 1024, 2048, 4096, 8192]
equal = [data.vocab_full / k for k in ks]
best = [tie_floor(zipf, frequency_mapping(zipf, k)) for k in ks]
for k, a, b in zip(ks, equal, best, strict=True):
    print(
        f"{k:5} codes: {1 - k / data.vocab_full:6.1%} fewer rows, floor {a:6.1f}, at best {b:5.2f}"
    )

# %% alt="Two falling lines on log axes: the floor of equal sizes is far above that of sizes by frequency; at 99 percent fewer rows the first is about 100 and the second about 7"
figure, ax = plt.subplots(figsize=(5.6, 3.2))
ax.loglog(ks, equal, "s--", color="0.35", label="codes of equal size")
ax.loglog(ks, best, "o-", color="#00224e", label="the best sizes")
ax.axvline(ks[1], color="0.35", linewidth=0.8)
ax.text(ks[1] * 1.06, 1.4, "99 % fewer rows")
ax.set(xlabel="codes", ylabel="tie floor, perplexity", ylim=(1, 300))
ax.set_xticks(ks, [f"{k:,}" for k in ks])
ax.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# The paper claims up to 99 % fewer parameters at 4 % more perplexity. The floor itself does not
# forbid that for a model whose perplexity is above it. It forbids balanced maps at that size, and it
# says that the map must follow frequency. [What VQ-Logits cost](price_of_vq_logits.md) goes through
# the claim number by number.
#
# ## 5. From floor to perplexity
#
# A floor is not a prediction. What do ties really take? Split the loss of the *full* head at the
# code of the right token:
#
# $$-\log p(v) = \underbrace{-\log p(M(v))}_{\text{which code}}
# \; \underbrace{-\log p(v \mid M(v))}_{\text{which of its tokens}}.$$
#
# A tied head can be as good as the full one in the first part. In the second it has a constant,
# $\log n_{M(v)}$. So **the price of ties is the second part's constant minus what the full head
# knew there**.

# %%
full = FullHead(weight)
log_p = full.log_softmax(data.hidden_report)  # (n, vocab)
right = np.take_along_axis(log_p, data.next_report[:, None], axis=1)[:, 0]
print(f"full head: perplexity {np.exp(-right.mean()):.2f} on {len(right):,} positions")
parts = {}
for name, m in maps.items():
    same_code = m[data.next_report][:, None] == m  # (n, vocab)
    code = np.log((np.exp(log_p) * same_code).sum(axis=1))
    parts[name] = -code.mean(), -(right - code).mean(), np.log(tie_floor(report, m))
    which, inside, tied = parts[name]
    print(f"{name:<20} which code {which:.2f} + which token {inside:.2f}; ties: {tied:.2f} nats")

# %% alt="Stacked bars in nats for four maps: the part for the code is shared by both heads; the tied part is far larger than what the full head needs, least so for maps by frequency"
figure, ax = plt.subplots(figsize=(6.4, 3))
for i, (which, inside, tied) in enumerate(parts.values()):
    for shift, second, hatch, label in ((-0.2, inside, "", "full head"), (0.2, tied, "//", "tied")):
        ax.bar(
            i + shift, which, 0.36, color="0.75", label="which code" if i + shift < -0.1 else None
        )
        ax.bar(i + shift, second, 0.36, bottom=which, color="#a59c74", hatch=hatch, edgecolor="k",
               linewidth=0.5, label=f"which token, {label}" if i == 0 else None)  # fmt: skip
ax.set_xticks(range(4), [name.replace(": ", ":\n").replace(", ", ",\n") for name in parts])
ax.set_ylabel("loss, nats per token")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Grey is the same in both bars of a pair. The hatched part is the tie floor, written in nats. With
# every map the full head picks the token from its code for far less: it knows which one, and the
# tied head cannot. By meaning the code is easiest to name and the token hardest, by frequency the
# other way round.
#
# ## 6. Train the codes
#
# The sum of both parts is only reached by a tied head whose code logits are as good as the full
# head's. A centroid is a start. Training is classification into codes, with the map as a constant,
# and never touches the vocabulary (`VQHead.loss_and_grad`). With hidden states that are given it
# is convex. Targets are what the full head says on the *fitting* documents; perplexity is on others.

# %%
teacher = np.exp(full.log_softmax(data.hidden_fit))  # (n, vocab)


def trained(codebook, mapping):
    head = VQHead(codebook, mapping, bias=np.zeros(len(codebook), np.float32))
    return train(head, data.hidden_fit, teacher, epochs=3, batch=128, rate=0.002, rng=0)


def measure(head):
    mine = head.log_prob(data.hidden_report, data.next_report)
    return perplexity(mine, data.document_report, against=right)  # how many times the full head's


# %%
ratios, tied_heads = {}, {}
for name, m in maps.items():
    start = {"meaning: k-means": by_meaning[0], "weighted k-means": weighted[0]}.get(name)
    start = centroids(weight, m, n_codes, counts=counts) if start is None else start
    head = tied_heads[name] = trained(start, m)
    ratios[name] = {"ties": measure(head), "shares": measure(head.break_ties(counts))}
    ideal = np.exp(parts[name][0] + parts[name][2] + right.mean())
    low, high = ratios[name]["ties"][1:]
    print(f"{name:<20} {ratios[name]['ties'].value:5.2f} times the full head's perplexity ", end="")
    print(f"({low:.2f} to {high:.2f}); with the full head's codes {ideal:5.2f}")
assert ratios["frequency alone"]["ties"].value < ratios["meaning: k-means"]["ties"].value / 2
gap = {name: ratios[name]["ties"].value / np.exp(np.add(*parts[name][::2])) for name in maps}
assert gap["frequency alone"] > 1.3 * gap["weighted k-means"]

# %% [markdown]
# A map without any meaning beats k-means on meaning by far. In brackets are intervals of 95 %, from
# drawing documents again: the text is short, but that much is not in doubt.
#
# The last column shows what meaning is good for. It is what a tied head with the full head's own
# probabilities for the codes would reach. A code that is a hotchpotch of tokens cannot be predicted
# by *one* vector, so the map by frequency stays far from its ideal; weighted k-means comes much
# nearer to its own. Frequency makes the floor low, meaning lets the codes be predicted.
#
# ## 7. Break the ties
#
# **In-code unigram.** Nobody forces a code to share equally. Let token $v$ have the share
# $q(v \mid k)$ of its code's probability, in proportion to its count (plus one):
#
# $$p(v) = p(k = M(v))\; q(v \mid M(v)).$$
#
# One number per token, nothing to compute at run time. In our small example, with counts
# 3, 1, 5, 0, 5:

# %%
few = np.array([3, 1, 5, 0, 5])
code_p = sizes * np.exp(code_logits) / z  # the probability of each code as a whole
share = (few + 1) / np.bincount(mapping, weights=few + 1)[mapping]
by_hand = code_p[mapping] * share
np.testing.assert_allclose(
    np.exp(VQHead(code_logits[:, None], mapping).break_ties(few).log_softmax([[1.0]]))[0], by_hand
)
print("shares:", share.round(4).tolist(), " probability:", by_hand.round(4).tolist())

# %% [markdown]
# **A residual.** Shares do not depend on the hidden state. A matrix of low rank does:
# $z_v = \ell_{M(v)} + U_v \cdot P h$ corrects every token's logit by a few numbers, $r (d + V)$ of
# them. It breaks all ties, and gives up the short sum: the vocabulary is back. Its start is the best
# approximation to what the codes leave over, then codes and residual train together.

# %%
codes = tied_heads["weighted k-means"]
shared = codes.break_ties(counts)
heads = {"256 codes, tied": codes, "+ shares": shared}
fitted = {"hidden": data.hidden_fit, "counts": counts}
for rank in (8, 32):
    residual = ResidualHead.from_weight(weight, shared, rank, **fitted)
    train(residual, data.hidden_fit, teacher, epochs=2, batch=128, rate=0.002, rng=0)
    heads[f"+ shares, rank {rank}"] = residual
heads["1,024 codes, tied"] = trained(*fit_codes(weight, 1024, counts=counts, rng=0))
heads["+ shares "] = heads["1,024 codes, tied"].break_ties(counts)

# %% [markdown]
# ## 8. Peers, and the clock
#
# Two heads that do not tie anything: a matrix of low rank (here the one that is best for these
# hidden states), and the adaptive softmax (Grave et al., 2017), which gives frequent tokens a vector
# each and puts rare ones behind narrow projections. The first is trained like the residuals, the
# second stays as it is built, without any training. We count parameters, and time what a generator
# does: one hidden state to its ten most probable tokens. Speeds are those of the machine that ran
# this page, the best of the rounds; they differ between machines and sizes.

# %%
heads["low rank, 64"] = LowRankHead.from_weight(weight, 64, **fitted)
heads["adaptive softmax"] = AdaptiveHead.from_weight(weight, [vocab // 16, vocab // 4], **fitted)
train(heads["low rank, 64"], data.hidden_fit, teacher, epochs=2, batch=128, rate=0.002, rng=0)
seconds = {name: [] for name in ["full softmax", *heads]}
for i in range(-2, 40):  # all take turns; the first calls may compile
    for name, head in {"full softmax": full, **heads}.items():
        start = time.perf_counter()
        head.topk(data.hidden_report[max(i, 0), None], 10)
        if i >= 0:
            seconds[name].append(time.perf_counter() - start)

# %%
table = {"full softmax": (1.0, 1.0, 1.0)}
for name, head in heads.items():
    faster = min(seconds["full softmax"]) / min(seconds[name])
    table[name] = head.n_parameters / weight.size, measure(head).value, faster
print(f"{'head':<18} {'size':>7} {'perplexity':>11} {'speed':>6}")
for name, (size, ratio, faster) in table.items():
    print(f"{name:<18} {size:7.1%} {ratio:10.2f}x {faster:5.1f}x")

# %% alt="Perplexity over the full head's against size, log axis: tied heads lie highest, shares lower them at no cost, the rank-32 residual and the adaptive softmax lie lowest for their size"
figure, ax = plt.subplots(figsize=(6.4, 3.6))
groups = {"tied": ("s", "#00224e"), "shares": ("o", "#7d7c78"), "rank": ("D", "#bcaf6f")}
for name, (size, ratio, _) in table.items():
    marker, colour = next((g for key, g in groups.items() if key in name), ("^", "0.1"))
    ax.plot(100 * size, ratio, marker, color=colour, markersize=7, markeredgecolor="k")
    left = {"adaptive softmax": (-8, -13), "full softmax": (-8, 12)}.get(name)
    ax.annotate(name.strip(), (100 * size, ratio), left or (7, 3), textcoords="offset points",
                fontsize=8, ha="right" if left else "left")  # fmt: skip
ax.axhline(1.04, color="0.35", linestyle=":")
ax.text(5.3, 1.06, "4 % more")
ax.set(xlabel="size, % of the full head", ylabel="perplexity / full head's")
ax.set(xscale="log", yscale="log", xlim=(5, 190), ylim=(0.92, 4))
ax.set_xticks([6, 12.5, 25, 50, 100], ["6", "12.5", "25", "50", "100"])
ax.set_yticks([1, 1.5, 2, 3], ["1", "1.5", "2", "3"])
ax.minorticks_off()
plt.show()

# %% [markdown]
# **Where the claim bends.** "99 % fewer parameters for 4 % more perplexity" (dotted line) is far
# from anything here. Two reservations, both real: our heads are fitted to a model that was trained
# with its full head, while the paper trains model and codes together; and 4,096 tokens are a
# truncated vocabulary, on which a given share of codes is few codes. What depends on neither is the
# arithmetic of the floor.

# %%
inside = [name for name, (size, ratio, _) in table.items() if ratio <= 1.04 and size < 1]
print("within 4 % of the full head:", inside or "none of these")
tied = table["1,024 codes, tied"]
print(f"the best tied head: {tied[0]:.0%} of the size, {tied[1]:.2f} times the perplexity")
assert not inside

# %% [markdown]
# ## 9. Step through it
#
# Every named intermediate value of one prediction, with the line that made it. In a notebook or on
# the site the page below goes forward and back; codes are labelled with their most frequent tokens.

# %%
at = 502
print(f"... {data.context[at]!r} is followed by {data.tokens[data.next_report[at]]!r}")
words = [[] for _ in range(n_codes)]  # the most frequent tokens of each code
for v in np.argsort(-counts, kind="stable"):
    if len(words[codes.mapping[v]]) < 3:
        words[codes.mapping[v]].append(data.tokens[v])
labels = {"vocab": data.tokens, "n_codes": [" ".join(map(repr, w)) for w in words]}
with record(labels=labels) as steps:
    found = codes.topk(data.hidden_report[at, None], 5)
print([data.tokens[v] for v in found.ids[0]], [f"{np.exp(v):.3f}" for v in found.values[0]])
steps

# %% [markdown]
# ## Why not just ...
#
# **... break ties at random?** Give each token of a code a random share: no two tokens are tied any
# more. But the logarithm is concave: what one token of a code wins, another loses by more. Ties are
# not bad because numbers are equal, but because they know nothing; random shares know nothing either.

# %%
rng = np.random.default_rng(0)
random_shares = codes.break_ties(rng.permutation(counts))  # real counts, of the wrong tokens
for name, head in {"ties": codes, "random shares": random_shares, "shares": shared}.items():
    print(f"{name:>14}: perplexity {measure(head).value:6.2f} times the full head's")
assert measure(random_shares).value > measure(codes).value > measure(shared).value

# %% [markdown]
# **... write all logits out and call the usual softmax?** The result is the same (section 2), and
# the time goes into moving equal numbers around. Here both are measured on 64 hidden states.

# %%
batch, targets = data.hidden_report[:64], data.next_report[:64]


def milliseconds(function, rounds=15):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)  # the least disturbed round


long_way = codes.log_softmax(batch)[np.arange(64), targets]
np.testing.assert_allclose(codes.log_prob(batch, targets), long_way, atol=1e-5)
print(f"over codes {milliseconds(lambda: codes.log_prob(batch, targets)):.2f} ms, ", end="")
print(f"written out {milliseconds(lambda: codes.log_softmax(batch)):.2f} ms, ", end="")
print(f"full head {milliseconds(lambda: full.log_softmax(batch)):.2f} ms")

# %% [markdown]
# ## When is it worth it?
#
# When the head is a large part of the model and of the time (small models, large vocabularies, one
# token at a time), and when the use forgives ties: a first pass that a better head checks, a
# coarse prior, ranking among few candidates. Count shares in, they are free. When perplexity is what
# you need, compare residuals and the adaptive softmax at your size: neither is ahead at every size,
# as [what VQ-Logits cost](price_of_vq_logits.md) shows.
#
# ## Exercises
#
# 1. *Easy.* Compute the tie floor of 64 and of 1,024 codes for all four kinds of map. Expect: the
#    random map's is $V/K$ exactly; the order of the others need not be that of 256 codes.
# 2. *Medium.* `smoothing` in `break_ties` is added to each count. Try 0, 0.1, 1 and 10. Expect:
#    with 0 the perplexity is infinite as soon as one token of the report never occurred in the
#    counts and its code did; find such a token. Which smoothing is best on the *fitting* part?
# 3. *Open.* `tokenlab.logits.learn_mapping` moves tokens between codes while it trains. Start it from
#    each of the four maps. Does the start still matter? Is the learned map one of meaning or of
#    frequency? Look at the sizes, and at the words.
#
# Next: [the price of VQ-Logits](price_of_vq_logits.md) for the whole claim,
# [`VQHead`](../api/logits.md) for every method, [k-means](08_k_means.md) for where the codes come
# from.

# %% answer="Exercise 1"
for size in (64, 1024):
    kinds = {
        "random": balanced_mapping(len(counts), size, rng=0),
        "frequency": frequency_mapping(counts, size),
    }
    if size == 64:  # k-means with 1,024 codes takes its time; the two lines are the same
        kinds["meaning"] = fit_codes(weight, size, rng=0)[1]
        kinds["meaning and counts"] = fit_codes(weight, size, counts=counts, rng=0)[1]
    print(size, {name: round(tie_floor(counts, kind), 2) for name, kind in kinds.items()})
