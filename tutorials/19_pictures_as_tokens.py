# %% [markdown]
# # Pictures as tokens
#
# A picture becomes a row of numbers when each of its patches is replaced by the nearest one of a
# list. This tutorial builds that list in six ways, says what each one costs in bits, and looks at
# what is lost.
#
# **You will be able to**
#
# - quantize patches by k-means, in residual stages, in parts, by levels and by signs,
# - say when one large codebook beats two small ones, and why a beam helps,
# - choose levels for normal numbers, and explain why stretching them helps,
# - store a data set of pictures as bits, and change the colours of tokens,
# - say what tokens of a photo cost beside JPEG and WebP, and mirror a photo by its tokens.
#
# Needs: [k-means](08_k_means.md). About 60 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_digits
from tokenlab.quantization import (
    fsq,
    kmeans,
    lfq,
    product,
    residual,
    scalar,
    seit,
    tokenbridge,
)

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.labels))
train, test = order[:1297], order[1297:]


def as_tokens(images):
    """8 x 8 pixels from 0 to 16 as 16 tokens of 2 x 2 pixels from 0 to 1."""
    x = np.asarray(images, np.float32).reshape(-1, 4, 2, 4, 2) / 16
    return x.swapaxes(2, 3).reshape(-1, 16, 4)


def as_pictures(tokens):
    return np.asarray(tokens).reshape(-1, 4, 4, 2, 2).swapaxes(2, 3).reshape(-1, 8, 8)


x, y = as_tokens(digits.images[train]), as_tokens(digits.images[test])
print(x.shape, "training tokens,", y.shape, "test tokens")

# %% [markdown]
# ## 1. One codebook, by hand
#
# Sixteen codes make 4 bits for each 2 x 2 pixels. `kmeans.fit` finds them, the nearest one stands
# for the token.

# %%
flat, held_out = x.reshape(-1, 4), y.reshape(-1, 4)
one = kmeans.fit(flat, 16, rng=0)
codes, distances = kmeans.assign(held_out, one.codebook)
by_hand = ((held_out[:, None] - one.codebook) ** 2).sum(axis=2)
assert (codes == by_hand.argmin(axis=1)).mean() > 0.999
print("mean squared length of a token", round(float((held_out**2).sum(axis=1).mean()), 4))
print("left after one stage          ", round(float(distances.mean()), 4))

# %% [markdown]
# ## 2. What is left, quantized again
#
# A second codebook is fitted to what the first one left, a third one to what these two left. With
# `depth` stages of 16 codes a token is one of $16^{depth}$.

# %%
fitted = residual.fit(flat, 16, 4, rng=0)
print("training tokens, left after 0 to 4 stages:", np.round(fitted.history, 4).tolist())
codes = residual.encode(held_out, fitted.codebooks)
near = residual.stages(codes, fitted.codebooks)  # (5, n, 4)
left = ((held_out - near) ** 2).sum(axis=2).mean(axis=1)
print("test tokens                              :", left.astype(float).round(4).tolist())
assert (np.diff(left) < 0).all()

# %% alt="A digit five times: empty, then in coarse blocks, and from stage to stage nearer to what was written"
fig, axes = plt.subplots(1, 6, figsize=(8, 1.7))
for ax, picture, name in zip(
    axes,
    [*as_pictures(near.reshape(5, -1, 16, 4)[:, 3]), as_pictures(y[3])[0]],
    ["nothing", "1 stage", "2", "3", "4 stages", "the digit"],
    strict=True,
):
    ax.imshow(picture, cmap="Greys", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], xlabel=name)
plt.show()

# %% [markdown]
# The nearest code now may leave a rest that no later stage can mend. A **beam** keeps several
# partial sums, those with the smallest rest.

# %%
for beam in (1, 2, 4, 16):
    near = residual.decode(
        residual.encode(held_out, fitted.codebooks[:2], beam=beam), fitted.codebooks[:2]
    )
    print(f"beam {beam:2}: {((held_out - near) ** 2).sum(axis=1).mean():.5f} left after two stages")

# %% [markdown]
# ### Why not just two stages in place of one large codebook?
#
# Two stages of 16 codes take as many bits as one codebook of 256. The stages only see what the ones
# before happened to leave; one table has no such loss, as long as it can be held.

# %%
large = kmeans.fit(flat, 256, rng=0)
single = float(kmeans.assign(held_out, large.codebook).distances.mean())
print(f"8 bits: one codebook of 256 leaves {single:.5f}, two stages of 16 leave {left[2]:.5f}")
assert single < left[2]

# %% [markdown]
# ## 3. In parts, by rounding, by signs
#
# Product codes cut the channels into parts. FSQ squashes each channel and rounds it: its codebook is
# a grid that nobody learned. LFQ keeps the signs alone.

# %%
parts = product.fit(flat, 16, 2, rng=0)
errors = {
    "product, 2 parts of 16": product.decode(
        product.encode(held_out, parts.codebooks), parts.codebooks
    ),
    # Rounding needs channels around 0: ours go from 0 to 1.
    "FSQ, 4 x 4 x 4 x 4": (
        fsq.decode(
            fsq.encode(3 * (held_out - 0.5), [4] * 4, variant="symmetric"),
            [4] * 4,
            variant="symmetric",
        )
        + 1
    )
    / 2,
    "LFQ, 4 signs": (lfq.decode(lfq.encode(held_out - 0.5), 4) + 1) / 2,
}
for name, near in errors.items():
    print(f"{name:24} {((held_out - near) ** 2).sum(axis=1).mean():.5f}")

# %% [markdown]
# FSQ and LFQ are worse here because nothing was trained for them: their channels are raw pixels. In
# the papers an encoder learns channels that fit the grid.
#
# ## 4. Levels for one number
#
# TokenBridge quantizes every channel by itself. For normal numbers the best levels are known:
# each is the mean of its cell, and borders lie halfway (Lloyd and Max). Levels of equal
# *probability* are another thing, and too narrow; stretching them comes near the best.

# %%
numbers = np.random.default_rng(1).standard_normal(100_000)
print("levels   equal cells   equal probability   stretched by 5/3   Lloyd-Max")
for n in (8, 16, 64):
    cells = scalar.uniform_levels(n, -5, 5)
    narrow = tokenbridge.gaussian_codebook(n)
    rows = [cells, narrow, narrow * 5 / 3, scalar.lloyd_max_normal(n).levels]
    shown = [((numbers - r[scalar.assign(numbers, r)]) ** 2).mean() for r in rows]
    print(f"{n:6}   " + "   ".join(f"{value:13.5f}" for value in shown))
    assert shown[2] < shown[1]
    assert shown[2] < 1.25 * shown[3]

# %% [markdown]
# ## 5. A data set as bits
#
# SeiT trains on stored tokens. Sixteen codes of 4 bits are 8 bytes a digit.

# %%
codes = residual.encode(held_out, fitted.codebooks[:1]).reshape(len(y), 16)
data = seit.pack_bits(codes.reshape(-1), 16)
print(len(data) / len(y), "bytes a digit;", seit.storage_bytes(len(y), 16, 16) / len(y), "computed")
print("bits that a code needs at least:", round(seit.entropy_bits(codes, 16), 2))
assert (seit.unpack_bits(data, codes.size, 16) == codes.reshape(-1)).all()
print("ImageNet by the paper's numbers:", seit.storage_bytes(1_281_167, 1024, 391) / 1e9, "GB")

# %% [markdown]
# Tokens are augmented without their pixels: `seit.color_adapt` gives each channel of one picture the
# mean and the deviation of another's.

# %% alt="Three digits side by side: the first, a bolder one, and the first with the contrast of the second"
first, other = (y[i].reshape(4, 4, 4) for i in (0, 5))
adapted = seit.color_adapt(first, other)
fig, axes = plt.subplots(1, 3, figsize=(5, 1.9))
for ax, tokens, name in zip(
    axes, (first, other, adapted), ("tokens", "partner", "adapted"), strict=True
):
    ax.imshow(as_pictures(tokens.reshape(1, 16, 4))[0], cmap="Greys", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], xlabel=name)
plt.show()

# %% [markdown]
# ## 6. Photos: bits against decibels
#
# Now patches of 8 x 8 pixels of a photo, in 64 principal components. The codebooks are fitted to the
# three *other* photos: one that helped to make its own codebook would look better than it is.

# %%
from tokenlab.tour.photo_patches import others_of, patches, photographs, picture, principal, psnr

photos = photographs()
cat = photos["chelsea"]
others = others_of(cat)[::2]
basis = principal(others, 64)
rows, fresh = basis.channels(others), basis.channels(patches(cat))


def decibels(channels):
    return psnr(picture(basis.patches(channels)), cat)


books = residual.fit(rows, 256, 4, iters=6, rng=0).codebooks
shown = residual.stages(residual.encode(fresh, books), books)
beam = residual.decode(residual.encode(fresh, books, beam=4), books)
found = {f"RVQ, {n} stages": (n / 8, decibels(shown[n])) for n in (1, 2, 4)}
found["RVQ, 4 stages, beam 4"] = (0.5, decibels(beam))
# Channels dealt out in turn: every part has some of those with much variance.
for parts in (2, 4):
    turn = np.arange(64).reshape(-1, parts).T.reshape(-1)
    fits = product.fit(rows[:, turn], 256, parts, iters=6, rng=0)
    near = product.decode(product.encode(fresh[:, turn], fits.codebooks), fits.codebooks)
    found[f"PQ, {parts} parts"] = (parts / 8, decibels(near[:, np.argsort(turn)]))
for name, (bits, db) in found.items():
    print(f"{name:22} {bits:.3f} bits a pixel, {db:.1f} dB")
assert found["PQ, 4 parts"][1] > found["RVQ, 4 stages, beam 4"][1] > found["RVQ, 4 stages"][1]
print(f"the codebooks of four stages: {books.nbytes:,} bytes, which come on top")

# %% [markdown]
# The stages of RVQ were fitted to what *earlier stages left of other photos*; the parts of PQ share
# nothing, and combine freely on a photo that is new. And files?

# %%
import io

from PIL import Image

for kind, quality in (("JPEG", 2), ("JPEG", 5), ("JPEG", 10), ("WebP", 1)):
    file = io.BytesIO()
    Image.fromarray(cat).save(file, kind, quality=quality)
    near = np.asarray(Image.open(file).convert("RGB"))
    bits = 8 * file.tell() / 224**2
    print(f"{kind}, quality {quality:2}       {bits:.3f} bits a pixel, {psnr(near, cat):.1f} dB")

# %% [markdown]
# Tokens win only at the floor of JPEG, and WebP wins everywhere. Tokens are there to be *modelled*.

# %% alt="A photo of a cat as it is and after one, two and four stages of codes: coarse blocks, then fur, then whiskers"
fig, axes = plt.subplots(1, 4, figsize=(8, 2.3))
for ax, n in zip(axes, (1, 2, 4, None), strict=True):
    ax.imshow(cat if n is None else picture(basis.patches(shown[n])))
    label = "the photo" if n is None else f"stage {n}: {decibels(shown[n]):.1f} dB"
    ax.set(xticks=[], yticks=[], xlabel=label)
plt.show()

# %% [markdown]
# ## 7. Mirrored, and in other colours, without pixels
#
# Training mirrors pictures. Of a photo that is stored as codes the *grid* is easily turned round, but
# each token keeps its own left and right, and every edge is cut. `seit.fit_adapt` learns, by least
# squares on the other photos, from tokens to cells of pixels and from mirrored cells to tokens.

# %%
words = kmeans.fit(rows, 1024, iters=6, rng=0).codebook


def tokens_of(photo):
    return kmeans.assign(basis.channels(patches(photo)), words).codes.reshape(28, 28)


def of_codes(codes):
    return picture(basis.patches(words[codes].reshape(-1, 64)))


def mirror(y):
    return y[:, :, ::-1]


rest = [photos[name] for name in photos if name != "chelsea"]
z = np.stack([words[tokens_of(p)] for p in rest])
targets = np.stack([words[tokens_of(np.ascontiguousarray(p[:, ::-1]))] for p in rest])
model = seit.fit_adapt(z, np.stack(rest) / 255, mirror, targets, s=4, ridge=1.0)
cells = mirror(seit.lift(model, words[tokens_of(cat)][None]))
near = seit.lower(model, cells).astype(np.float32).reshape(-1, 64)
adapted = kmeans.assign(near, words).codes.reshape(28, 28)
aim = np.ascontiguousarray(cat[:, ::-1])
ways = {
    "turned round": of_codes(tokens_of(cat)[:, ::-1]),
    "TokenAdapt": of_codes(adapted),
    "its own tokens": of_codes(tokens_of(aim)),
}
values = [psnr(p, aim) for p in ways.values()]
assert values == sorted(values)

# %% [markdown]
# Colours are simpler: the mean and the deviation of each channel are those of the coffee.

# %% alt="Above, a cat mirrored three ways: with cut edges, with whole eyes, and by its own tokens. Below, the cat, the coffee, and the cat in the coffee's browns and reds"
grid = fresh.reshape(28, 28, 64)
coffee = basis.channels(patches(photos["coffee"])).reshape(28, 28, 64)
brown = picture(basis.patches(seit.color_adapt(grid, coffee).reshape(-1, 64)))
pictures = {f"{name}: {db:.1f} dB": p for (name, p), db in zip(ways.items(), values, strict=True)}
pictures |= {"the cat": cat, "the coffee": photos["coffee"], "in its colours": brown}
fig, axes = plt.subplots(2, 3, figsize=(6, 4.4))
for ax, (name, shown_picture) in zip(axes.reshape(-1), pictures.items(), strict=True):
    ax.imshow(shown_picture)
    ax.set(xticks=[], yticks=[], xlabel=name)
plt.show()

# %% [markdown]
# ## 8. Step by step

# %%
with record() as steps:
    residual.encode(y[3], fitted.codebooks)
steps

# %% [markdown]
# ## Exercises
#
# 1. *(easy)* Fit the residual stages with `zero=True`. For which digits does the error change, and
#    why can no stage make a token worse any more?
# 2. *(medium)* A digit's 8 bytes can be smaller: how many bytes does the entropy of the codes allow,
#    and how many if each place has its own shares?
# 3. *(open)* Above, the channels of photo patches are dealt out to the parts of product codes in
#    turn. Take them in order. What happens, and which part is to blame?
