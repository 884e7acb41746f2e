# %% [markdown]
# # Generating by parts
#
# A picture of many tokens can be drawn one token after the other, all at once, or in a few steps in
# between. This tutorial runs the samplers first on a model that needs no training, so that what one
# sees is the sampler, and then on small networks that were trained, in four numbers.
#
# **You will be able to**
#
# - run MaskGIT's loop by hand, and say what one step for everything costs,
# - draw residual codes of all stages in one call, as ResGen does,
# - draw cells of a picture from noise along a velocity, as xAR does,
# - judge drawn digits by four numbers, beside a Gaussian, and tell whether a network looks,
# - count what windows of tokens save a transformer, and list what near and far prediction ask for.
#
# Needs: [pictures as tokens](19_pictures_as_tokens.md). About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_digits
from tokenlab.objectives import maskgit, next_x, token_unify
from tokenlab.quantization import resgen, residual, token_shuffle
from tokenlab.tour.digits_drawn import (
    SHARES,
    by_maskgit,
    by_resgen,
    by_xar,
    decoded,
    nats_by_share,
)
from tokenlab.tour.digits_memory import (
    as_pictures,
    mixture_model,
    remembered,
    split,
    stages,
    token_model,
    velocity_model,
)
from tokenlab.tour.digits_networks import CELLS, stored
from tokenlab.tour.digits_quality import class_gaussian, quality, real, recognised

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

digits = load_digits()
train, test = split()
codebooks = stages().codebooks  # four stages of 16 codes for 2 x 2 pixels
print("codebooks", codebooks.shape, "threes that are remembered:", len(remembered(3)))

# %% [markdown]
# ## 1. A model that remembers
#
# The model knows the digits of a class by heart. Asked for a token, it weighs each digit by how many
# known tokens it shares, and answers with the weighted shares. With nothing known that is the
# distribution of each place *by itself*.

# %%
model = token_model(3)
nothing = np.full((1, 16), -1)
logits = model(nothing)
share = np.exp(logits[0]) / np.exp(logits[0]).sum(axis=1, keepdims=True)
by_hand = np.eye(16)[remembered(3)[:, :, 0]].mean(axis=0)
assert abs(share - by_hand).max() < 2e-3
print("most probable code of each place:", share.argmax(axis=1).tolist())

# %% [markdown]
# ## 2. MaskGIT by hand
#
# Draw all masked tokens, keep those that the model was surest of, mask the others again. How many
# stay masked falls along a cosine.

# %%
rng = np.random.default_rng(0)
tokens, steps = nothing.copy(), 4
for t in range(1, steps + 1):
    known = tokens[0] >= 0
    p = np.exp(model(tokens)[0])
    p /= p.sum(axis=1, keepdims=True)
    drawn = np.array([rng.choice(16, p=row) for row in p])
    drawn = np.where(known, tokens[0], drawn)
    confidence = np.log(p[np.arange(16), drawn])
    left = maskgit.n_masked(t, steps, 16)
    again = maskgit.keep_confident(confidence, known, left)
    tokens = np.where(again, -1, drawn)[None]
    print(f"step {t}: {(tokens < 0).sum():2} masked;", tokens[0].tolist())
assert (tokens >= 0).all()

# %% [markdown]
# `maskgit.sample` is that loop. How many calls does it need? We count how many drawn digits have the
# label of most of their three nearest training digits.

# %%
labels = np.repeat(np.arange(10), 20)
found = {}
for steps in (1, 2, 4, 8, 16):
    drawn = [maskgit.sample(token_model(d), 16, steps=steps, b=20, rng=d).tokens for d in range(10)]
    found[steps] = recognised(codebooks[0][np.concatenate(drawn)], labels)
    error = (found[steps] * (1 - found[steps]) / len(labels)) ** 0.5
    print(f"{steps:2} calls: {found[steps]:.3f} ± {2 * error:.3f} recognised")
assert found[8] > found[1]

# %% [markdown]
# ### Why not just one call?
#
# All tokens would be drawn independently of each other: the left half of one three beside the right
# half of another. That is why one call does worst. This model has exact conditionals; a trained one
# has to *learn* to look at what is known, and where it has not, more steps do not help either.
#
# ## 3. ResGen: all stages in one call
#
# With four stages there are 64 codes. ResGen predicts for each place one vector, the sum of all its
# masked codes, as a mixture; quantizing it from the first masked stage on gives the codes.

# %%
counts = resgen.mask_counts(16, 4, 40, rng=0)  # 40 of 64 are masked, the deepest first
visible = resgen.visible_mask(counts, 4)
codes = remembered(3)[0]
seen = resgen.visible_embedding(codes, codebooks, visible)
target = resgen.masked_target(codes, codebooks, visible)
assert np.allclose(seen + target, residual.decode(codes, codebooks), atol=1e-6)
print("masked codes of each place:", counts.tolist())

# %% alt="A three in four states, from a few coarse blocks to the whole digit in fine shades"
drawn = resgen.sample(mixture_model(3), codebooks, 16, steps=4, rng=1)
fig, axes = plt.subplots(1, 4, figsize=(7, 2))
for ax, state, left in zip(axes, drawn.states, drawn.masked[1:], strict=True):
    ax.imshow(as_pictures(residual.decode(state[0], codebooks))[0], cmap="Greys", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], xlabel=f"{left} masked")
plt.show()

# %% [markdown]
# The loss has a trap: targets are sums of codes, a finite set, so a component can sit on one and its
# scale go to zero. The log-density has no bound:

# %%
one = lambda scale: resgen.Mixture(np.zeros((1, 1)), target[None, :1], np.full((1, 1), scale))  # noqa: E731
for scale in (-1.0, -5.0, -25.0):
    value = resgen.loss(one(scale), target[:1], np.array([True]))
    print(f"log scale {scale:6}: loss {float(value):8.2f}")
assert float(resgen.loss(one(-25.0), target[:1], np.array([True]))) < -90

# %% [markdown]
# ## 4. xAR: cells from noise
#
# An *entity* is a part of the picture: a token, a cell, a subsample. Each is carried from noise
# (t = 1) to data (t = 0) along a velocity, and those that are finished are the context.

# %%
print("cells      ", next_x.cells(4, 4, 2)[:2].tolist())
print("subsamples ", next_x.subsamples(4, 4, 2)[:2].tolist())
point = next_x.flow_pair([[2.0, 0.0]], [[0.0, 1.0]], [0.25])
print("noisy", point.noisy.tolist(), "velocity", point.velocity.tolist())
assert next_x.recover(*point, [0.25]).tolist() == [[2.0, 0.0]]

# %% alt="Five threes that were drawn cell after cell, each a little different"
entities = next_x.cells(4, 4, 2)
threes = next_x.sample(velocity_model(3, entities), entities, 4, steps=8, b=5, rng=0)
fig, axes = plt.subplots(1, 5, figsize=(7, 1.7))
for ax, picture in zip(axes, as_pictures(threes), strict=True):
    ax.imshow(picture, cmap="Greys", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## 5. Networks that learned
#
# The model so far remembers. Now three small transformers of two blocks that were fitted to the same
# 1,297 digits, within a minute of one core each (`tokenlab.tour.digits_training`). First what they
# draw: ResGen and MaskGIT call after call, xAR cell after cell.

# %% alt="Three rows of pictures that grow into digits: all over the picture for ResGen and MaskGIT, quarter after quarter for xAR"
by_calls = by_resgen(stored("resgen"), [3], 4, rng=1).states[:, 0]
masked = by_maskgit(stored("maskgit"), [3], 4, rng=1)
calls = np.where(masked.fixed_at <= np.arange(1, 5)[:, None], masked.tokens, -1)
three = by_xar(stored("xar"), [3], CELLS, 5, rng=1)[0]
cells = np.zeros((4, 16, 4))
for i, places in enumerate(CELLS):
    cells[i:, places] = three[places]
rows = {"ResGen": decoded(by_calls), "MaskGIT": decoded(calls), "xAR": cells}
fig, axes = plt.subplots(3, 4, figsize=(6, 4.6))
for line, (name, frames) in zip(axes, rows.items(), strict=True):
    for ax, picture in zip(line, as_pictures(frames), strict=True):
        ax.imshow(picture, cmap="Greys", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
plt.show()

# %% [markdown]
# Are they good? One number cannot say: blurred digits are recognised, copies have a small Fréchet
# distance. So four: the share that is recognised, the Fréchet distance of pixels, the median distance
# to the nearest training digit over that of real digits, and the share of test digits that have a
# drawn one near. And beside every network, two lines without one: a mean and a covariance of the
# pixels for each class.

# %%
labels = np.arange(500) % 10
gaussian = quality(class_gaussian(labels, 0), labels)
table = {"test digits": real(), "a Gaussian for each class": gaussian}
for steps in (1, 4, 16):
    drawn = by_resgen(stored("resgen"), labels, steps, rng=0)
    table[f"ResGen, {steps} calls"] = quality(decoded(drawn.codes), labels)
for steps in (1, 8):
    drawn = by_maskgit(stored("maskgit"), labels, steps, rng=0)
    table[f"MaskGIT, {steps} calls"] = quality(decoded(drawn.tokens), labels)
table["xAR, 20 calls"] = quality(by_xar(stored("xar"), labels, CELLS, 5, rng=0), labels)
print(f"{'':26}recognised  Fréchet  nearest  coverage")
for name, (known, distance, near, coverage) in table.items():
    print(f"{name:26}{known:10.2f}  {distance:7.2f}  {near:7.2f}  {coverage:8.2f}")
assert table["ResGen, 16 calls"].frechet < table["ResGen, 1 calls"].frechet
assert gaussian.frechet < table["MaskGIT, 8 calls"].frechet

# %% [markdown]
# ### Does the network look?
#
# An exact conditional gets surer with every position that is seen. This curve is the test to run
# before believing a sampler: where it is flat, more calls cannot help. ResGen's was flat at first.
# It falls since the components of its mixture begin at means of tokens and the steps of training are
# larger. The [guide](../quantization.md) says more.

# %% alt="A falling line: the nats of a masked position over the share of the other positions that is seen"
curve = nats_by_share(stored("resgen"))
fig, ax = plt.subplots(figsize=(4.5, 2.6))
ax.plot(SHARES, curve, "o-")
ax.set(xlabel="share of the other positions that is seen", ylabel="nats of a masked one")
plt.show()
print("nats:", np.round(curve, 2).tolist())
assert curve[-1] < curve[0]

# %% [markdown]
# ## 6. Fewer tokens for the transformer, more terms for the loss
#
# Token-Shuffle puts windows of tokens side by side in front of the transformer and takes them apart
# behind it. TokenUnify lets every prefix predict all tokens that follow.

# %%
for s in (1, 2, 4):
    cost = token_shuffle.multiply_adds(64, d=64, layers=2, hidden=256, s=s)
    print(f"s = {s}: {64 // s**2:2} tokens, {cost / 1e6:.2f} million multiply-adds")
pixels = np.arange(64.0).reshape(64, 1)
windows = token_shuffle.merge(pixels, (8, 8), 2)
assert (token_shuffle.split(windows, (8, 8), 2) == pixels).all()
print("first window:", windows[0].astype(int).tolist())
near, far = token_unify.next_pairs(16), token_unify.next_all_pairs(16)
print(len(near), "terms for the next token,", len(far), "for all that follow")

# %% [markdown]
# ## 7. Step by step

# %%
with record() as steps:
    maskgit.sample(token_model(3), 16, steps=4, rng=0)
steps

# %% [markdown]
# ## Exercises
#
# 1. *(easy)* Run `maskgit.sample` with the schedules "linear" and "cubic". Which is best in four
#    calls?
# 2. *(medium)* Sample with `order="confidence"` in ResGen, and compare how many digits are
#    recognised after 2, 4 and 8 calls with `order="random"`.
# 3. *(open)* `digits_training.resgen_model(anchored=False, rate=3e-3)` fits ResGen as at first. Draw
#    its curve, and find out which of the two changes makes it fall.
