# %% [markdown]
# # Fewer tokens: what to keep, what to merge, and what it saves
#
# A vision transformer cuts a photo into patches and pays for every one of them in every block.
# Eleven papers of this collection say which patches can go. We run all of them on the same four
# photos, beside the rule that looks at nothing, and measure what is lost and what is saved.
#
# **You will be able to**
#
# - turn a share into a number of tokens, and a schedule into a count of operations,
# - write a pruning rule and say what a `Reduction` is,
# - measure what is lost, with random selection as the floor that a rule has to beat,
# - explain why a rule can lose to chance, and why merging does not,
# - tell counted operations from seconds.
#
# Needs: softmax attention (keys, values, the CLS token). About 50 minutes.
# [Merging tokens](10_merging_tokens.md) goes on from here.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_vit_photos
from tokenlab.numerics import softmax, unit
from tokenlab.plots import show_reduction, show_reductions
from tokenlab.pruning import (
    Schedule,
    budget,
    clusters,
    divprune,
    evit,
    fastv,
    flops,
    group_means,
    hiprune,
    recoverable,
    sparsevlm,
    text_cosine,
    todre,
    token_transforming,
    tome,
    transprune,
    uniform,
    visionzip,
)

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False})

# %% [markdown]
# ## 1. The tokens, and what they cost
#
# The package holds four photos as a DINOv2-small model sees them: 16 x 16 patches and a CLS token,
# and what the model computed in its twelve blocks. Every rule below reads what is there after block
# 6, and blocks 7 to 12 go on with the tokens that remain.
#
# A block of width $d$ with $n$ tokens and a hidden width of $m$ takes
# $4nd^2 + 2n^2d + 2ndm$ multiply-adds: projections, attention, and the two matrices of the MLP.

# %%
photos = load_vit_photos()
d, hidden_width = 384, 1536


def block_cost(n):
    return 4 * n * d * d + 2 * n * n * d + 2 * n * d * hidden_width


full = 12 * block_cost(257)
assert full == flops.multiply_adds([257] * 12, d=d, hidden=hidden_width, gated=False)
print(f"all 256 patches in 12 blocks: {full / 1e9:.2f} billion multiply-adds")
for left in (128, 64, 26):
    pruned = 6 * block_cost(257) + 6 * block_cost(left + 1)
    print(f"{left:3} patches from block 7 on: {pruned / 1e9:.2f} billion, {pruned / full:.0%}")

# %% [markdown]
# ## 2. Budgets
#
# A budget is a number or a share. `1` is one token, `1.0` all of them; and a share must be rounded,
# on which papers differ.

# %%
for k in (64, 0.25, 1, 1.0):
    print(f"budget({k!r}, 256) = {budget(k, 256)}")
print("a tenth of 256:", {r: budget(0.1, 256, rounding=r) for r in ("down", "half_up", "up")})

# %% [markdown]
# Language models prune in stages. TransPrune on LLaVA-1.5 with 576 image tokens keeps 87.5, 62.5
# and 12.5 % of the *first* number after layers 7, 9 and 12. Its table says 40.8 % of the operations:

# %%
plan = Schedule({8: 0.875, 10: 0.625, 13: 0.125}, rounding="down")
counts = plan.counts(576, layers=32)
of = {"d": 4096, "hidden": 11008, "gated": True}
share = flops.multiply_adds(counts, **of) / flops.multiply_adds([576] * 32, **of)
print("tokens by layer:", counts[6:14], f"... {share:.1%} of the operations")
np.testing.assert_allclose(share, 0.408, atol=5e-4)

# %% [markdown]
# ## 3. A rule by hand
#
# The plainest rule: keep what the CLS token attends to. Eight tokens, four to keep, ties to the
# lower position; those that stay keep their order.

# %%
scores = np.array([0.05, 0.30, 0.05, 0.10, 0.20, 0.05, 0.20, 0.05])
best_first = np.argsort(-scores, kind="stable")[:4]
kept = np.sort(best_first)
print("best first:", best_first.tolist(), " in order:", kept.tolist())

reduction = evit.reduce(scores, k=4, fused=False)
np.testing.assert_array_equal(reduction.kept, kept)
x = np.arange(8.0)[:, None] * [1, 10]  # (8, 2), some token vectors
np.testing.assert_allclose(reduction.apply(x), x[kept])
print(reduction, "as a matrix:")
print(reduction.matrix().astype(int))

# %% [markdown]
# Every rule of the family returns such a `Reduction`: which tokens stay, and $Y = WX$. For a rule
# that selects, $W$ has a single 1 in each row.
#
# ## 4. How to measure what is lost
#
# Without the model's weights we cannot run blocks 7 to 12 on any set of tokens. But we know what the
# CLS token *reads* in a block: $\sum_j a_j v_j$ for every head, with its attention $a$ and the values
# $v$. When only some tokens remain, the same sum runs over those, and $a$ is scaled to sum to one.
# **Fidelity** is the cosine between both readings, the mean over blocks 7 and 12.


# %%
def read(attention, values, tokens):
    a = attention[:, tokens] / attention[:, tokens].sum(axis=1, keepdims=True)  # (h, k)
    return (a[:, None] @ values[:, tokens]).ravel()  # all heads side by side


def my_fidelity(i, kept):
    left, cosines = np.r_[0, kept + 1], []  # the CLS token, 0, always stays
    for at, block in enumerate((7, 12)):
        attention, values = photos.cls_attention[i, block - 1], photos.read_values[i, at]
        before, after = read(attention, values, np.arange(257)), read(attention, values, left)
        cosines.append(before @ after / np.linalg.norm(before) / np.linalg.norm(after))
    return np.mean(cosines)


every_fourth = np.arange(0, 256, 4)
print(f"every fourth patch: {my_fidelity(0, every_fourth):.3f}")
np.testing.assert_allclose(
    my_fidelity(0, every_fourth), photos.fidelity(0, every_fourth), atol=1e-5
)

# %% [markdown]
# It is a stand-in, and it has been compared with real runs of blocks 7 to 12: it tells a failure from
# a success, not the better of two good rules, and it flatters merging (`tokenlab.data.vit_fidelity`
# says by how much). Section 7 has the real runs.
#
# ## 5. Eleven papers, one photo
#
# What rules can read after block 6: states, keys, attention, and how much each module changed a
# token. Two of the papers ask a question's text which patches matter. There is no text here, so we
# make two stand-ins: a "word" that is the mean state of the patches on the cat's face, and one that
# is noise. That shows how these rules work, not how well.

# %%
states = photos.hidden[:, 1:]  # (4, 256, 384)
keys = photos.keys[:, :, 1:].mean(axis=1)  # (4, 256, 64)
looked_at = photos.cls_attention[:, 5, :, 1:].mean(axis=1)  # (4, 256), what CLS attends to
received = photos.column_mean[:, :, 1:]  # (4, 12, 256), what each token receives


def changed(i):  # by attention and MLP of block 6
    parts = [photos.transition(i, 6, module) for module in ("attention", "mlp")]
    return sum(transprune.transition_variation(a[1:], b[1:]) for a, b in parts)


face = np.array([16 * row + column for row in (4, 5, 6, 7) for column in (5, 6, 7, 8)])
noise = np.random.default_rng(0).standard_normal(384).astype(np.float32)
words = np.stack([states[1, face].mean(axis=0), noise])  # (2, 384)

# %%
selectors = {
    "CLS top": lambda i, k: evit.reduce(looked_at[i], k=k, fused=False),
    "FastV": lambda i, k: fastv.reduce(photos.attention(i), k=k, image=slice(1, None)),
    "HiPrune": lambda i, k: hiprune.reduce(received[i, 4], received[i, 5], grid=(16, 16), k=k),
    "TransPrune": lambda i, k: transprune.reduce(changed(i), k=k),
    "DivPrune": lambda i, k: divprune.reduce(states[i], k=k),
    "ToDRE 1": lambda i, k: todre.reduce(states[i], k=k, variant="v1", pivot=looked_at[i]),
    "ToDRE 2": lambda i, k: todre.reduce(states[i], k=k, variant="v2", pivot=looked_at[i]),
    "stride": lambda i, k: uniform.reduce(states[i], k=k, how="stride"),
    "random": lambda i, k: uniform.reduce(states[i], k=k, rng=i),
}

# %% alt="The cat under nine selection rules at 64 of 256 patches: attention rules crowd on a few regions, diversity rules scatter, random spreads, stride takes every fourth column"
chosen = {name: rule(1, 64) for name, rule in selectors.items()}
show_reductions(photos.images[1], chosen, title="Which 64 of 256 patches stay")
plt.show()


# %%
def merge_by_tome(i, k):
    """A sixth of the tokens at a time: half at once would leave no choice of pairs."""
    total = tome.reduce(keys[i], min(42, 256 - k))
    while len(total) > k:
        now = total.apply(keys[i])
        r = min(len(now) // 6, len(now) - k)
        total = total.compose(tome.reduce(now, max(r, 1), size=total.size))
    return total


def with_targets(i, k):
    few = round(k * 10 / 64)  # the paper's 54 + 10
    return visionzip.reduce(looked_at[i], keys[i], dominant=k - few, contextual=few)


mergers = {
    "EViT": lambda i, k: evit.reduce(looked_at[i], k=k),
    "VisionZip": with_targets,
    "ToMe": merge_by_tome,
    "Token Transforming": lambda i, k: token_transforming.reduce(keys[i], looked_at[i], k=k),
    "k-means": lambda i, k: clusters.reduce(states[i], k=k, rng=0),
}

# %% alt="The cat under mergers and the two rules that take text: merged patches fade less than dropped ones; the text rules gather on the face"
asked = softmax(words @ states[1].T / np.sqrt(384), axis=1)[None]  # (1 head, 2 words, 256)
by_text = text_cosine(words[0], states[1]) / np.sqrt(384)
merged = {name: rule(1, 64) for name, rule in mergers.items()}
merged["SparseVLM"] = sparsevlm.reduce(asked, states[1], words, k=64)
merged["Recoverable"] = recoverable.reduce(looked_at[1], by_text, keys[1])
show_reductions(photos.images[1], merged, columns=4, title="What lives on in 64 tokens, or in more")
plt.show()
print("SparseVLM: words that rate:", sparsevlm.raters(states[1], words).tolist(), "- not the noise")
print("Recoverable Compression takes no budget; here:", merged["Recoverable"])

# %% [markdown]
# Patches that are gone are palest. (Every fourth patch of rows of 16 is a set of columns: at 64 the
# stride is not as even as it sounds.) In the second picture, those that live on in others are less pale,
# and outlines say what a token is kept for. (The token transformation is our own rule; of the paper
# only the abstract could be read.)
#
# ## 6. All of them in numbers
#
# Four photos, three budgets, mean and worst photo. A rule is random's better only when it beats the
# mean of several random draws.


# %%
def fidelity(i, reduction):
    if reduction.transform is None:
        return photos.fidelity(i, reduction.kept)
    return photos.fidelity(i, reduction.matrix(), size=reduction.size)


budgets, table = (128, 64, 26), {}
for name, rule in {**selectors, **mergers}.items():
    if name != "random":
        table[name] = [[fidelity(i, rule(i, k)) for i in range(4)] for k in budgets]
draws = [[[photos.fidelity(i, uniform.reduce(states[i], k=k, rng=np.random.default_rng((s, i))).kept) for i in range(4)]
          for k in budgets] for s in range(10)]  # fmt: skip
table["random"] = np.mean(draws, axis=0).tolist()
worst_draw = np.min(draws, axis=(0, 2))

# %%
floor = np.mean(table["random"], axis=1)
print(f"{'mean / worst':<20}" + "".join(f"{k:>9} kept  " for k in budgets))
for name in ["random", *[n for n in table if n != "random"]]:
    mean = np.mean(table[name], axis=1)
    worst = worst_draw if name == "random" else np.min(table[name], axis=1)
    rows = zip(mean, worst, floor, strict=True)
    cells = [f"{m:.3f} / {w:.3f}{'▼' if m < f else ' '}" for m, w, f in rows]
    print(f"{name:<20}" + "  ".join(cells))
print("▼ below the mean of ten random draws; the worst of random is over all draws")

# %% alt="Mean fidelity by rule at a quarter of the tokens, sorted: mergers on top, random next and above all selection rules, those that read attention at the bottom"
order = sorted(table, key=lambda name: np.mean(table[name][1]))
figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for row, name in enumerate(order):
    colour = "#bcaf6f" if name in mergers else "0.55"
    colour = "#00224e" if name == "random" else colour
    hatch = "//" if name in mergers else ""
    ax.barh(row, np.mean(table[name][1]), color=colour, hatch=hatch, edgecolor="k", linewidth=0.4)
    stroke = "w" if name == "random" else "k"
    ax.plot(np.min(table[name][1]), row, "|", color=stroke, markersize=11)
ax.axvline(floor[1], color="#00224e", linestyle=":")
ax.set_yticks(range(len(order)), order)
ax.set(xlim=(0.7, 1), xlabel="fidelity with 64 of 256 patches, from 0.7 (stroke: worst photo)")
plt.show()

# %% [markdown]
# Hatched bars merge, plain ones select; the dark one is random.

# %%
beaten = [n for n in selectors if n not in ("random", "stride") and np.mean(table[n][1]) < floor[1]]
print(
    f"{len(beaten)} of {len(selectors) - 2} selection rules lose to random at 64:",
    ", ".join(beaten),
)
assert len(beaten) >= 5
assert all(np.mean(table[name][1]) > floor[1] for name in mergers)

# %% [markdown]
# ## 7. The real runs
#
# For some of these sets blocks 7 to 12 were really run on the tokens that are left. The cosine is
# that of the final CLS states; `merged` is the same when dropped patches are spread over the kept
# ones first.

# %%
trials, size = photos.trials, photos.trials.kept.sum(axis=1)
print(f"{'rule':<13}" + "".join(f"{k:>6}  merged" for k in budgets))
real = {}
for name in sorted(set(trials.rule)):
    mine = np.array([rule == name for rule in trials.rule])
    real[name] = [(trials.cosine[mine & (size == k)].mean(), trials.merged[mine & (size == k)].mean())
                  for k in budgets]  # fmt: skip
    print(f"{name:<13}" + "".join(f"{a:6.2f} {b:7.2f}" for a, b in real[name]))
assert real["random"][1][0] > real["cls top"][1][0]
assert real["cls top"][1][1] > real["random"][1][1]
assert real["longest"][1][0] > real["random"][1][0]

# %% [markdown]
# The same verdict: by selection alone, random beats the top of the CLS attention. But *merge* what
# was dropped, and the tokens of high attention become the better places to merge into. One selection
# does beat chance at 64: the longest states.
#
# ## 8. What we found: why a rule can lose to chance
#
# Two guesses. *Coverage*: does every patch find one like itself among those that are kept? *Bias*:
# what CLS reads is a weighted mean of values; how far is the mean value of the kept tokens from the
# mean value of all (relative to its length)?

# %%
spread, compared = {}, {n: selectors[n] for n in ("CLS top", "ToDRE 1", "ToDRE 2", "stride")}
for name in ("random", *compared):
    found = []
    for i in range(4):
        sets = [compared[name](i, 64)] if name != "random" else [
            uniform.reduce(states[i], k=64, rng=np.random.default_rng((s, i))) for s in range(10)]  # fmt: skip
        like, v = unit(states[i]), photos.read_values[i, 0, :, 1:].swapaxes(0, 1).reshape(256, -1)
        for kept in (r.kept for r in sets):
            bias = np.linalg.norm(v[kept].mean(axis=0) - v.mean(axis=0))
            cover = (like @ like[kept].T).max(axis=1).mean()
            found.append((cover, bias / np.linalg.norm(v.mean(axis=0))))
    spread[name] = *np.mean(found, axis=0), np.mean(table[name][1])
    print(f"{name:<8} coverage {spread[name][0]:.2f}, bias {spread[name][1]:.2f}, ", end="")
    print(f"fidelity {spread[name][2]:.3f}")

# %%
assert spread["ToDRE 1"][0] > spread["random"][0]  # covers better, and still loses
assert spread["ToDRE 1"][2] < spread["random"][2]
assert spread["random"][1] == min(bias for _, bias, _ in spread.values())
assert spread["CLS top"][1] == max(bias for _, bias, _ in spread.values()) > 0.8

# %% [markdown]
# It is not coverage: k-center (ToDRE 1) covers best and still loses. It is bias. A random quarter is
# a fair sample, and a weighted mean over a fair sample is right on average. Tokens of high attention
# are special: their values are off the mean by about its own length. Whoever keeps only those reads
# something else. That is also why merging helps: the mean stays in.
#
# Two honest limits. This is one model, of a kind that is known to park notes of its own in patches
# with nothing in them, and those patches draw attention. And reading is not a task: a question about
# the cat's eye needs the eye, however small its share of the mean.
#
# ## 9. The size of a token, and a floor for mergers
#
# A merged token stands for several. Its key should count as often: add $\log s$ to its logit
# ([exactly right for equal tokens](10_merging_tokens.md)). Forgetting that costs more than the choice
# of the rule. And mergers need an honest floor, too: the mean of every 2 x 2 square of patches, which
# looks at nothing.

# %%
square = (
    np.arange(16)[:, None] // 2 * 8 + np.arange(16) // 2
).ravel()  # (256,): the square of each
corner = np.unique(square, return_index=True)[1]  # where each begins, already ascending
pool = group_means(corner, square, size=np.ones(256))
pooled = {}
for name, rule in {"2 x 2 means": lambda i, k: pool, **mergers}.items():
    reductions = [rule(i, 64) for i in range(4)]
    aware = np.mean([photos.fidelity(i, r.matrix(), size=r.size) for i, r in enumerate(reductions)])
    blind = np.mean([photos.fidelity(i, r.matrix()) for i, r in enumerate(reductions)])
    print(f"{name:<19} {aware:.3f}, without sizes {blind:.3f}")
    pooled[name] = aware, blind
aware, blind = np.transpose(list(pooled.values()))
assert (aware - blind).mean() > aware.max() - aware.min()
print("below the squares:", [n for n, (a, _) in pooled.items() if a < pooled["2 x 2 means"][0]])

# %% [markdown]
# ## 10. Operations against seconds
#
# Does half of the operations mean half of the time? Here is a transformer block in NumPy, with random
# weights of the model's shape. Seconds are the best of some rounds on the machine that ran this page.

# %%
rng = np.random.default_rng(0)
qkv, out = (rng.standard_normal((d, w), dtype=np.float32) / 20 for w in (3 * d, d))
up, down = (rng.standard_normal(s, dtype=np.float32) / 20 for s in ((d, 1536), (1536, d)))


def block(x):
    q, k, v = np.split((x @ qkv).reshape(len(x), 18, 64).swapaxes(0, 1), 3)  # 6 heads each
    mixed = softmax(q @ k.swapaxes(1, 2) / np.float32(8)) @ v  # (6, n, 64)
    x = x + mixed.swapaxes(0, 1).reshape(len(x), d) @ out
    return x + np.maximum(x @ up, 0) @ down


def best_time(function, rounds=25):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


# %%
milliseconds = {n: best_time(lambda n=n: block(photos.hidden[0, :n])) for n in (257, 129, 65, 27)}
for n, ms in milliseconds.items():
    counted, measured = block_cost(n) / block_cost(257), ms / milliseconds[257]
    print(
        f"{n:3} tokens: {counted:4.0%} of the operations, {measured:4.0%} of the time ({ms:.2f} ms)"
    )
saved = 6 * (milliseconds[257] - milliseconds[65])
print(f"64 patches in the last six blocks save {saved:.1f} ms. Choosing them takes:")
for name in ("CLS top", "HiPrune", "ToDRE 1", "DivPrune", "ToMe", "Token Transforming", "k-means"):
    rule = {**selectors, **mergers}[name]
    print(f"  {name:<19} {best_time(lambda rule=rule: rule(0, 64), rounds=4):6.2f} ms")

# %% [markdown]
# Two more traps. Rules that read attention need it written out, which the fast attention kernels do
# not do. And in a language model pruning speeds up the reading of the prompt, not the writing: a
# generated token pays for the projections and the MLP, whatever the number of image tokens.

# %%
counts = {n: flops.decode_multiply_adds([n] * 32, 1, **of) for n in (576, 58)}
print(
    f"one generated token, 58 instead of 576 image tokens: {counts[58] / counts[576]:.0%} of the cost"
)

# %% [markdown]
# ## 11. Step through a rule
#
# HiPrune on a 4 x 4 image: one anchor, its neighbours on the grid, and registers to fill up.

# %%
one_hot = np.eye(16)[3]  # the object layer looks at the last patch of the first row
with record() as steps:
    found = hiprune.reduce(one_hot, np.arange(16.0), grid=(4, 4), k=7, alpha=0.7)
print(found.kept.tolist(), [found.role_names[role] for role in found.roles])
steps

# %% alt="A 4 by 4 grid: the anchor in the upper right corner with its two neighbours, and four registers at the end of the image"
show_reduction(np.full((64, 64), 0.75), found, grid=(4, 4))
plt.show()

# %% [markdown]
# ## Why not just ...
#
# **... mask the dropped tokens?** Setting their logits to $-\infty$ gives the same answer, to the last
# digits, and saves nothing: the products are still computed. Some published speed-ups turn out to be
# masks; count operations on what is really computed.

# %%
q, k, v = (photos.queries[0], photos.keys[0], photos.values[0])
left = np.r_[0, chosen["random"].kept + 1]
mask = np.full(257, -np.inf, dtype=np.float32)
mask[left] = 0
masked = softmax(q[:, :1] @ k.swapaxes(1, 2) / 8 + mask) @ v
removed = softmax(q[:, :1] @ k[:, left].swapaxes(1, 2) / 8) @ v[:, left]
np.testing.assert_allclose(masked, removed, atol=1e-5)
print("same result from", k.shape[1], "and from", len(left), "keys")

# %% [markdown]
# **... keep what the model looks at last?** The attention of the last block knows what mattered. But it
# is only known after the blocks that one wants to save; and in the real runs of section 7
# (`last cls top`) it does not help either.

# %%
for at, k in enumerate(budgets):
    last, chance = real["last cls top"][at][0], real["random"][at][0]
    print(f"{k:3} kept by the last block's attention: {last:.2f}, by chance: {chance:.2f}")
assert real["last cls top"][1][0] < real["random"][1][0]

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Rules at three quarters of the tokens, `k=192`. Expect: all come close to one another, and
#    differences below random's own spread mean nothing. Compute that spread from ten draws.
# 2. *Medium.* Stratify: one random patch in every 2 x 2 square. Compare its bias (section 8) and its
#    worst photo with plain random selection. Expect: lower bias on smooth photos; why?
# 3. *Open.* Section 8 blames bias. Build a rule that removes it: greedily take the token that brings the
#    mean value of the kept ones nearest to the mean of all ("herding"). Does it beat random at 26 tokens?
#    What does it need that is not known before block 7?
#
# Next: [merging tokens](10_merging_tokens.md), [your own paper](05_your_own_paper.md), and the
# [guide to the family](../pruning.md); functions in [`tokenlab.pruning`](../api/pruning.md).
