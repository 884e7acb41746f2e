# %% [markdown]
# # Editing vectors
#
# What a word vector, a prompt or a state of a model knows can be cut out, swapped or pushed, without
# training. This tutorial does all three with one tool, the projection, and asks each time what is
# left.
#
# **You will be able to**
#
# - find the direction that pairs of words share, and take it out of all others,
# - say why an effect size can grow when nothing is left to measure,
# - remove one text from another one, and find the word that carries a prompt,
# - turn the mood of a model with a vector, and say what that vector does not do.
#
# Needs: [Token retrieval](01_token_retrieval.md) for cosines. About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import (
    load_faq,
    load_findings,
    load_glove,
    load_prompts,
    load_word_lists,
)
from tokenlab.embeddings import debias, decor, in_context_vectors, information_flow, weat

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

glove, lists = load_glove(), load_word_lists()


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


x = unit(glove.x)
print(x.shape, "words of GloVe;", ", ".join(glove.nearest("nurse", 4).words), "are near nurse")

# %% [markdown]
# ## 1. One direction, by hand
#
# *She* and *he* differ in little else than gender, and so do *woman* and *man*. Centre each pair, stack
# what is left, and take the first principal axis.

# %%
pairs = np.array([glove.rows(pair) for pair in lists["gender_pairs"]])  # (10, 2)
halves = x[pairs] - x[pairs].mean(axis=1, keepdims=True)  # from the middle of each pair
_, s, axes = np.linalg.svd(halves.reshape(-1, 50), full_matrices=False)
axis = axes[0] * np.sign(axes[0] @ halves[:, 0].sum(axis=0))  # the feminine word is positive
print("shares of the first axes:", (s**2 / (s**2).sum())[:3].round(3))

basis, share = debias.bias_subspace(x, pairs.tolist())
assert np.allclose(basis[0], axis, atol=1e-6)

# %% [markdown]
# Words that have nothing to do with gender lie along it, too:

# %% alt="Lying bars of sixteen occupations by their part along the axis: nurse and librarian far on the side of she, captain and boss on that of he"
jobs = glove.rows(lists["occupations"])
along = x[jobs] @ axis
order = np.argsort(along)
chosen = jobs[np.concatenate([order[:8], order[-8:]])]
plt.figure(figsize=(6, 3))
plt.barh([glove.words[i] for i in chosen], x[chosen] @ axis, color="#00224e")
plt.xlabel("he  ←  along the axis  →  she")
plt.show()

# %% [markdown]
# ## 2. Hard debiasing
#
# Neutralise: subtract the part along the axis, and scale to length one. Equalise: put *she* and *he* at
# the same distance from all that is neutral.

# %%
specific = glove.rows(lists["gender_specific"])
sets = [list(glove.rows(pair)) for pair in lists["equalize_pairs"]]
fair = debias.hard_debias(x, basis, specific=specific, sets=sets)

word = x[glove.row("nurse")]
by_hand = unit(word - (word @ axis) * axis)
assert np.allclose(fair[glove.row("nurse")], by_hand, atol=1e-6)
print(f"direct bias of occupations: {debias.direct_bias(x[jobs], basis):.3f} before", end=", ")
print(f"{debias.direct_bias(fair[jobs], basis):.1e} after")
for name in ("she", "he"):
    print(name, "to nurse:", round(float(fair[glove.row(name)] @ fair[glove.row("nurse")]), 3))

# %%
few = [*pairs[:3].ravel(), glove.row("nurse"), glove.row("captain")]
with record() as steps:
    debias.hard_debias(x[few], basis, specific=range(6), sets=[[0, 1], [2, 3], [4, 5]])
steps

# %% [markdown]
# ### Why not just believe it?
#
# Take the 500 most feminine and the 500 most masculine neutral words, and ask whether a line through the
# *debiased* vectors still tells them apart.

# %%
neutral = np.setdiff1d(np.arange(len(x)), specific)
by_gender = neutral[np.argsort(x[neutral] @ axis)]
words = np.concatenate([by_gender[:500], by_gender[-500:]])
labels = np.repeat([False, True], 500)
mixed = np.random.default_rng(0).permutation(1000)
learn, test = mixed[:500], mixed[500:]
for name, y in (("before", x), ("after", fair)):
    probe = information_flow.fit_probe(y[words[learn]], labels[learn])
    right = (probe.predict(y[words[test]]) == labels[test]).mean()
    print(f"{name}: {right:.0%} of held-out words")
assert right > 0.65  # the neighbours still know

# %% [markdown]
# Equalising has its accidents, too. On *she - he*, both `male` and `female` lie on the feminine side;
# `male` a little more so. Equalised, it becomes the feminine one, at full size:

# %%
she_he = unit((x[glove.row("she")] - x[glove.row("he")])[None])
both = glove.rows(["male", "female"])
print("before:", (x[both] @ she_he.T)[:, 0].round(3))
after = debias.equalize(x, [both.tolist()], she_he)[both] @ she_he.T
print("after: ", after[:, 0].round(3))
assert after[0, 0] > 0 > after[1, 0]

# %% [markdown]
# ## 3. Soft debiasing, and its weight
#
# The soft form looks for a map of all vectors that keeps their products and lowers those of neutral words
# with the axis. Its exact minimum is known here, so that nothing is left to an optimiser. The paper's
# weight is 0.2:

# %%
for weight in (0.2, 200.0, 20_000.0):
    soft = debias.soft_debias(x, basis, neutral=neutral, weight=weight)
    print(f"weight {weight:>8}: {debias.direct_bias(soft.x[jobs], basis):.4f}")

# %% [markdown]
# The first term is a sum over all pairs of words and grows with their square, the second one does not:
# on a whole vocabulary 0.2 does nothing.
#
# ## 4. WEAT, and what an effect size hides
#
# Are names of men nearer to career than to family, compared with names of women?

# %%
sides = [glove.rows(lists[f"weat_{s}"]) for s in ("male_names", "female_names", "career", "family")]
arts = [glove.rows(lists[f"weat_{s}"]) for s in ("math", "arts", "male_terms", "female_terms")]
for name, test_ in (("names, career and family", sides), ("maths and arts", arts)):
    for label, y in (("before", x), ("after", fair)):
        found = weat.association(*(y[rows] for rows in test_), rng=0)
        print(
            f"{name}, {label}: effect {found.effect:5.2f}, statistic {found.statistic:5.2f}", end=""
        )
        print(f", p {found.p_value:.4f}")
assert abs(found.effect) > 1 > 4 * abs(found.statistic)

# %% [markdown]
# After debiasing, maths and arts have an effect of more than one standard deviation, the other way round.
# The statistic beside it says that it divides almost nothing by almost nothing: the effect is free of scale.
#
# ## 5. DECOR: one text out of another
#
# The same projection, with the span of a whole text in place of one axis. Each prompt here is two
# questions of the Python FAQ in one text, as MiniLM encodes it; the mean of its states should find the
# answer to the first one.

# %%
prompts, faq = load_prompts(), load_faq()
answers = unit(
    np.stack([part.mean(axis=0) for part in np.split(faq.index.tokens, faq.index.offsets[1:-1])])
)


def found_answers(edit):
    """Shares of prompts that find the first and the second answer."""
    hits = []
    for states, (i, j) in zip(prompts.states, prompts.pairs, strict=False):
        best = (unit(edit(states, j).mean(axis=0)) @ answers.T).argmax()
        hits.append((best == i, best == j))
    return np.mean(hits, axis=0)


tried = {
    "nothing": lambda states, j: states,
    "half of it": lambda states, j: decor.remove(states, faq.queries[j][1:-1], alpha=0.5),
    "all of it": lambda states, j: decor.remove(states, faq.queries[j][1:-1]),
    "one axis": lambda states, j: decor.remove(states, faq.queries[j][1:-1], k=1),
}
for name, edit in tried.items():
    wanted, undesired = found_answers(edit)
    print(f"{name:>10}: the wanted answer {wanted:.2f}, the other {undesired:.2f}")

# %% [markdown]
# One axis of the undesired text is enough: it is one thought. Pictures, which the paper edits this way,
# are not here.
#
# ## 6. Follow the Flow: which word carries it?
#
# Keep one token, replace all others by zeros, and ask a judge. The paper's judge looks at a generated
# picture; ours asks whether the answer is found.

# %%
number = 2
states = faq.queries[number]
judge = lambda h: float((unit(h.sum(axis=0)) @ answers.T).argmax() == number)  # noqa: E731
found = information_flow.representative(states, (0, len(states)), np.zeros(64), judge)
for token, right in zip(faq.question_tokens[number], found.representative, strict=True):
    print(f"{token:>10} {'finds the answer alone' if right else ''}")
print("all together:", found.whole)

# %%
stored = load_findings("embeddings")["flow"]
for row in ("all tokens", "one token, on average", "one function token", "one content token"):
    print(f"{row:>24}: {stored[row]:.2f}")
print("k random tokens:", stored["k random tokens"])

# %% [markdown]
# One token often suffices, and function words carry more than content words. Unlike in the paper,
# leaving tokens out never helps on average.
#
# Where a word took over another one's meaning, its rows can be swapped for those of the word encoded
# alone. Against those rows the leakage is then 0 by construction:

# %%
for beside, alone in prompts.leaks[:4]:
    n = len(prompts.tokens[alone]) - 1  # up to the noun
    flowed = information_flow.leakage(prompts.states[beside], (1, n), prompts.states[alone], (1, n))
    print(f"{prompts.texts[beside]!r}: the noun moved by {flowed[-1]:.2f}")

# %% [markdown]
# ## 7. In-context vectors
#
# Pairs of a before and an after, here bad and good words, have a direction in common. Moved along it, a
# vector keeps its length and changes its company:

# %%
bad = ("terrible", "awful", "horrible", "bad", "worst")
good = ("wonderful", "excellent", "beautiful", "good", "best")
before, after = (glove.x[glove.rows(list(side))][:, None] for side in (bad, good))  # (5, 1, 50)
mood = in_context_vectors.direction(before, after)
for strength in (0.0, 3.0, -3.0):
    moved = in_context_vectors.shift(glove.vector("weather"), mood.vectors[0], strength=strength)
    print(f"strength {strength:4}:", ", ".join(glove.nearest(moved, 6).words))

# %% [markdown]
# In a language model the states of all layers move. These results of SmolLM2 are stored, since its
# weights are no part of the package; `tools/findings/embeddings.py` made them.

# %% alt="Log-odds of good words against strength, rising, and perplexity on a logarithmic axis, which rises at both ends"
stored = load_findings("embeddings")["icv"]
name = "second part of each layer, strength "
points = sorted((float(k.removeprefix(name)), v) for k, v in stored.items() if k.startswith(name))
strengths = [point[0] for point in points]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6))
left.plot(strengths, [p["log-odds of good"] for _, p in points], "o-", color="#00224e")
left.set(xlabel="strength", ylabel="log-odds of good words")
right.semilogy(strengths, [p["perplexity"] for _, p in points], "o-", color="#00224e")
right.set(xlabel="strength", ylabel="perplexity of an answer")
plt.show()

# %%
for strength, texts in stored["generated"].items():
    print(f"strength {strength:>5}: {next(iter(texts))}{next(iter(texts.values()))!r}")
print()
for row, value in stored["feeding"].items():
    print(f"{row:>34}: {value:.2f} nats a token")
best_vector = max(value for row, value in stored["feeding"].items() if "vector" in row)
assert stored["feeding"]["the passage in the prompt"] > best_vector + 0.5

# %% [markdown]
# The mood turns. Knowledge is not fed: the passage in the prompt makes an answer far likelier than any
# vector does, that of the very answer included.
#
# ## Exercises
#
# 1. *Easy.* Leave `gal` and `guy` out of the pairs. What happens to the share of the first axis?
# 2. *Medium.* Subtract half of the mean of the second question's states, in place of DECOR. Is it worse?
# 3. *Open.* Which edits of this page could a reader undo who knows that they were made?

# %% answer="Exercise 1"
without = [
    p.tolist() for p, names in zip(pairs, lists["gender_pairs"], strict=True) if "gal" not in names
]
print(debias.bias_subspace(x, without).share.round(3), "instead of", share.round(3))

# %% answer="Exercise 2"
print(found_answers(lambda s, j: s - 0.5 * faq.queries[j][1:-1].mean(axis=0)).round(2))
