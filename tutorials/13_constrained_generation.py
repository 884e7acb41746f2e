# %% [markdown]
# # Constrained generation: masks lie, weights repair
#
# A model writes, and a rule says what may be written: a date, a JSON document, no forbidden word.
# The obvious way, masking, draws from the wrong distribution and asks the rule about every token.
# Adaptive weighted rejection sampling (AWRS) asks about two or three, and its weights are right.
#
# **You will be able to**
#
# - say why masking token by token is not the model given the constraint,
# - draw without replacement until a token is allowed, and give it an unbiased weight,
# - let particles grow, and say when to draw them anew,
# - prove a sampler by enumerating all of its choices.
#
# Needs: conditional probabilities, expectations. About 60 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_text
from tokenlab.decoding import JSON, awrs, constrained, exact, pattern
from tokenlab.decoding.chance import without_replacement
from tokenlab.lm import NGramLM, TableLM
from tokenlab.plots.decoding import draw_particles, draw_rejection

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. Two letters
#
# Texts of two letters. The model nearly always writes an a after an a; the rule forbids `aa`. What
# should a sampler draw? The model's own texts, those that are forbidden left out. There are four
# texts, so that the truth is a table.

# %%
lm = TableLM([[0.9 * 0.99, 0.9 * 0.01], [0.1 * 0.5, 0.1 * 0.5]])


def not_aa(prefix, token):
    return (*prefix, token) != (0, 0)


truth = constrained.posterior(lm, not_aa, max_tokens=2)
for text, p in truth.probabilities.items():
    print("".join("ab"[i] for i in text), f"{p:.4f}")
print(f"the model gives {np.exp(truth.log_z):.3f} to allowed texts")

# %% [markdown]
# Masking looks one token ahead. It begins with an a, as the model would, and only then finds out
# that all but one continuation in a hundred are forbidden. `exact` runs the sampler along every
# branch of its choices, so these are probabilities and no counts.

# %%
masked = exact(lambda rng: constrained.generate_masked(lm, not_aa, max_tokens=2, rng=rng))
for found, p in zip(masked.values, masked.probabilities, strict=True):
    text = "".join("ab"[i] for i in found.tokens)
    print(f"{text}: drawn {p:.2f} of the time, weight {np.exp(found.log_weight):.3f}")
share = sum(
    p
    for found, p in zip(masked.values, masked.probabilities, strict=True)
    if found.tokens == (0, 1)
)
assert abs(share - 0.9) < 1e-9
assert abs(truth.probabilities[0, 1] - 0.0826) < 1e-4

# %% [markdown]
# `ab` comes nine times in ten and should come once in twelve. The weight, the product of the
# allowed masses, repairs it: weighted by it, means over many texts are right.

# %%
total = masked.expect(lambda found: np.exp(found.log_weight))
for text, p in truth.probabilities.items():
    weighted = masked.expect(lambda m, t=text: np.exp(m.log_weight) * (m.tokens == t)) / total
    np.testing.assert_allclose(weighted, p)
print("weighted by the allowed masses, masking is the posterior")

# %% [markdown]
# ## 2. One step without asking about all
#
# The mask needs a call of the rule for each token. Instead, draw tokens without replacement until
# one is allowed. Call it $x$, and $R$ the mass of those rejected before. The token has the right
# distribution. Its weight should be $Z$, the allowed mass, on average. One more question is enough:
# ask about the next token $y$ in the order, and take
#
# $$w = (1 - R)\, 1_A(y) + p(x)\, (1 - 1_A(y)).$$


# %%
def by_hand(p, accept, rng):
    left = p.copy()
    order = without_replacement(np.log(p), rng)
    for x in order:
        if accept(x):
            break
        left[x] = 0.0  # rejected: its mass is part of R
    else:
        return -1, 0.0
    y = next(order, None)
    return x, left.sum() if y is None or accept(y) else p[x]


p = np.array([0.40, 0.30, 0.15, 0.10, 0.05])
odd = lambda token: token % 2 == 1  # noqa: E731
found = exact(lambda rng: by_hand(p, odd, rng))
mean = found.expect(lambda v: np.eye(6)[v[0]] * v[1])[:5]
print("E[w 1{x = v}] =", mean.round(6), " wanted: p where allowed")
np.testing.assert_allclose(mean, p * [0, 1, 0, 1, 0], atol=1e-12)
library = exact(lambda rng: awrs.draw(np.log(p), odd, estimator="recursive", rng=rng))
np.testing.assert_allclose(library.expect(lambda d: np.exp(d.log_weight)), 0.4)
print(f"calls of the rule: {library.expect(lambda d: d.calls):.4f}, a mask needs 5")

# %% [markdown]
# ## 3. Why not just weight by $p(x) / (1 - R)$?
#
# That is the chance with which $x$ was found, and it looks like a weight. It is not one: its mean
# is not the allowed mass.


# %%
def tempting(p, accept, rng):
    left = p.copy()
    for x in without_replacement(np.log(p), rng):
        if accept(x):
            return p[x] / left.sum()
        left[x] = 0.0
    return 0.0


wrong = exact(lambda rng: tempting(p, odd, rng)).expect(lambda w: w)
print(f"mean of p(x) / (1 - R): {wrong:.4f}, and the allowed mass is 0.4")
assert abs(wrong - 0.4) > 0.02

# %% [markdown]
# ## 4. Letters of real text
#
# Six letters in a row, counted in plays. The next letter has to be a vowel.

# %%
plays = load_text("shakespeare").lower()[:200_000]
letters = "".join(sorted(set(plays)))
ids = np.array([letters.index(letter) for letter in plays])
model = NGramLM.fit(ids, 6, len(letters))
log_p = model.log_probs([letters.index(letter) for letter in "good morrow, fair"])
vowel = lambda token: letters[token] in "aeiou"  # noqa: E731
with record({"vocab": list(letters)}) as steps:
    drawn = awrs.draw(log_p, vowel, estimator="recursive", rng=5)
steps

# %% alt="Bars in the order in which letters were asked about: hatched where rejected, dark where accepted, over the mass that is left; a dashed line is the weight"
figure, ax = plt.subplots(figsize=(6, 2.6))
draw_rejection(ax, drawn, np.exp(log_p), lambda token: letters[token].replace(" ", "␣"))
plt.show()

# %% [markdown]
# ## 5. Particles
#
# A text is many steps. Several texts grow side by side; each carries the product of its weights.
# When a few hold nearly all of the weight, all are drawn anew in proportion to it. The mean weight
# stays an unbiased estimate of the allowed mass, through the resampling too: by enumeration.

# %%
options = {"n_particles": 2, "max_tokens": 2, "ess_threshold": 1.0, "estimator": "recursive"}
log_z = exact(lambda rng: awrs.generate(lm, not_aa, rng=rng, **options).log_z)
print(f"E[mean weight] = {log_z.expect(np.exp):.6f}, the allowed mass {np.exp(truth.log_z):.6f}")
np.testing.assert_allclose(log_z.expect(np.exp), np.exp(truth.log_z), atol=1e-9)
for n in (2, 8, 32, 128):
    shares = [
        awrs.generate(lm, not_aa, n_particles=n, max_tokens=2, rng=seed).posterior().get((0, 1), 0)
        for seed in range(40)
    ]
    error = 1.96 * np.std(shares) / len(shares) ** 0.5
    print(f"{n:4} particles: share of ab {np.mean(shares):.3f} ± {error:.3f}, truth 0.083")

# %% [markdown]
# Two words and a full stop, then a line break, which is the token that ends texts here:

# %% alt="Eight lines from left to right, one for each particle, thicker where a particle holds more of the weight; lines fork where particles are drawn anew"
eos = letters.index("\n")
words = pattern(r"[a-z]{2,8} [a-z]{2,8}\.", list(letters), eos=eos)
prompt = [letters.index(letter) for letter in "\nhamlet:\n"]
particles = awrs.generate(model, words, prompt, n_particles=8, max_tokens=20, eos=eos, rng=3)
spelled = lambda token: letters[token].replace("\n", "⏎")  # noqa: E731
for text, weight in particles.posterior().items():
    print(f"{weight:.2f}  {''.join(map(spelled, text))}")
print(f"{particles.calls} calls of the rule; masks would take {40 * particles.trace.size}")
figure, ax = plt.subplots(figsize=(7, 2.8))
draw_particles(ax, particles, spelled)
plt.show()

# %% [markdown]
# ## 6. JSON, and when not to use AWRS
#
# JSON is one recursive pattern. Its partial matches say whether a text can still become a document.

# %%
tokens = [bytes([i]) for i in range(256)]
json = pattern(JSON, tokens, eos=256)
for text in (b'{"a": [1, 2', b'{"a" 1', b"[0,]", b"-0.5e+3"):
    going = all(json(tuple(text[:i]), text[i]) for i in range(len(text)))
    done = going and json(tuple(text), 256)
    print(f"{text.decode():14} can go on: {going!s:5} complete: {done}")

# %% [markdown]
# A grammar that can be compiled, such as JSON, has libraries that make the mask of a whole
# vocabulary at once. One step of masking has less variance than a draw of AWRS. So where masks are
# cheap: mask, and keep the weights. AWRS is for rules that are a program: a parser, a database, a
# type checker, another model.
#
# ## Exercises
#
# 1. *Easy.* Which of the five tokens of section 2 gives the largest expected number of calls when
#    it alone is allowed? Guess, then compute it with `exact`.
# 2. *Medium.* The geometric estimator draws until two tokens were allowed. Give it `max_rejects=3`,
#    enumerate it, and compare its variance with the recursive one's.
# 3. *Open.* A rule that most of the model's texts break needs many particles. Find one for the
#    letters above at which eight particles fail, and say what a better proposal would look like.
