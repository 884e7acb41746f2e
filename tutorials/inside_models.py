# %% [markdown]
# # Four questions to real models
#
# What pruning rules, other attentions and coded output layers do inside of models that were trained
# without them, and one number that nobody would expect. Measured on the photos and texts that come
# with the package, with the weights of DINOv2-small, MiniLM and SmolLM2.
#
# Needs: nothing. The results are stored, since the weights do not come with the package; with them,
# `python tools/findings/models.py` computes all of it anew, in some minutes.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tokenlab

STORE = Path(tokenlab.__file__).parent / "data" / "findings" / "models.json"
found = json.loads(STORE.read_text(encoding="utf-8"))


def interval(values):
    """95 % of means over inputs that are drawn anew."""
    picks = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    return np.quantile(np.array(values)[picks].mean(axis=1), [0.025, 0.975])


# %% [markdown]
# ## 1. Which patches of a photo may go?
#
# A vision transformer drops all but a quarter of its patches after layer 4. How much does the last
# CLS state change? Every rule beside random choices and a plain grid, which looks at nothing.

# %%
part = found["pruning"]
random = np.array(part["random"])  # (photos, draws)
names = part["photos"]
print(f"cosine of the final CLS, {part['kept']} of 256 patches after layer {part['after']}")
print(f"{'':<20}  mean  {'  '.join(f'{name:>9}' for name in names)}  above random")
rows = {name: rule["cosine"] for name, rule in part["rules"].items()}
rows["random, mean"] = random.mean(axis=1).tolist()
rows["random, worst"] = random.min(axis=1).tolist()
for name, cosines in sorted(rows.items(), key=lambda row: -np.mean(row[1])):
    better = int((np.array(cosines) > random.mean(axis=1)).sum())
    print(
        f"{name:<20} {np.mean(cosines):6.3f}  {'  '.join(f'{c:9.3f}' for c in cosines)}  {better} of 4"
    )
whole = part["seconds_whole"]
fastest = min(rule["seconds"] for rule in part["rules"].values())
print(f"processor seconds: {whole:.2f} with all patches, {fastest:.2f} with the quickest rule")
deviation = (random - random.mean(axis=1, keepdims=True)).std()
print(f"random choices of one photo deviate by {deviation:.3f}")
best = max((name for name in part["rules"]), key=lambda name: np.mean(rows[name]))
assert np.mean(rows[best]) < random.mean()

# %% [markdown]
# **No rule beats chance on average of these four photos.** The best of them, DivPrune, wins clearly on
# two and loses on two; most rules collapse on the cat (*chelsea*), and so does one of the random
# draws. Four photos are few, and random choices of one photo differ widely: what is
# printed says that no rule is safe, not which one is best.
#
# ## 2. Another attention, without training?
#
# Queries, keys and values were trained for softmax attention. Here something else stands in its place,
# in the last layer, in the last three, in all. The bar to beat is an average over all tokens, which
# does not look at all. Landmarks are one for four tokens.


# %%
def show(part):
    layers = list(next(iter(part.values())))
    print(f"{'cosine of the final states, last layers':<40}{''.join(f'{n:>24}' for n in layers)}")
    for method, by_layers in part.items():
        cells = []
        for values in by_layers.values():
            low, high = interval(values)
            cells.append(f"{np.mean(values):8.3f} ({low:.3f}, {high:.3f})")
        print(f"{method:<40}{''.join(f'{cell:>24}' for cell in cells)}")


attention = found["attention"]
print(f"DINOv2-small, CLS, {len(attention['photos'])} photos")
show(attention["vit"])
print(f"\nMiniLM, all tokens, {attention['texts']} texts")
show(attention["minilm"])

# %% alt="Bars: cosine of the final states with each other attention in all layers, for photos and texts, beside a line for averaging blindly"
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
for axis, name in zip(axes, ("vit", "minilm"), strict=True):
    part = attention[name]
    every = list(next(iter(part.values())))[-1]
    means = [np.mean(by_layers[every]) for by_layers in part.values()]
    ends = np.array([interval(by_layers[every]) for by_layers in part.values()]).T
    axis.barh(list(part), means, xerr=abs(ends - means), color="#4c78a8")
    axis.axvline(means[0], color="black", linestyle=":", label="averaging blindly")
    axis.set_title(f"{name}: another attention in all {every} layers")
    axis.set_xlabel("cosine with the model as it is")
axes[0].invert_yaxis()
axes[1].legend(loc="center right", bbox_to_anchor=(1, 0.57))
figure.tight_layout()
plt.show()


# %%
def mean(name, method, last):
    return np.mean(attention[name][method][last])


for last in ("1", "3"):
    assert mean("vit", "blind average", last) > mean("vit", "Gaussian of keys (exact SOFT)", last)
    assert mean("vit", "Nyströmformer", last) > mean("vit", "Performer", last)
gaussian = "Gaussian of q and k, rows sum to 1"
print(
    f"ViT, last layer: blind {mean('vit', 'blind average', '1'):.3f}, Gaussian {mean('vit', gaussian, '1'):.3f}"
)
print(f"MiniLM, last layer: blind {mean('minilm', 'blind average', '1'):.3f}, ", end="")
print(f"Gaussian {mean('minilm', gaussian, '1'):.3f}")

# %% [markdown]
# **In the vision transformer averaging blindly loses less than a Gaussian kernel**, in MiniLM it is the
# other way round as long as the kernel compares queries with keys and its rows sum to one. SOFT's own
# form, keys with keys and no normalisation, leaves nothing of either model. That says nothing against
# SOFT: it is meant to be *trained with*, and its paper does. What approximates softmax attention itself
# is another matter: Nyströmformer with landmarks for a quarter of the tokens can stand in for most
# layers, and means of keys and values (a Linformer that was never trained) come next.
#
# ## 3. An output layer of codes for a language model?
#
# SmolLM2's output matrix has a row for each of 49,152 tokens. k-means makes 2,048 codes of them, and the
# tokens of a code share its logit. Then the codes are trained on hidden states, with the full layer as
# teacher; then the map from tokens to codes, too. Each is also read with frequencies as the shares
# inside of a code. States are those of plays and the bible, first halves for training, second halves
# for judging; intervals from runs of 64 tokens.

# %%
head = found["head"]
print(f"{head['n_judged']} tokens judged, codes trained on {head['n_trained']} states")
print(f"relative error of the rows, less their mean, as codes: {head['relative_error']}")
for name, (value, low, high) in head["perplexity"].items():
    ratio = head["ratio"][name]
    print(
        f"{name:<46}{value:9.1f} ({low:.1f}, {high:.1f}), {ratio[0]:.1f} times dense "
        f"({ratio[1]:.1f}, {ratio[2]:.1f})"
    )
print(
    f"with the right code always certain: {head['tie_floor']}, shared by counts {head['tie_floor_shared']}"
)
values = {name: value for name, (value, _, _) in head["perplexity"].items()}
assert values["k-means codes, uniform inside"] > 10 * values["dense, 49,152 rows"]
assert values["k-means codes, uniform inside"] > values["frequencies alone, no model"]
assert values["trained codes, frequencies as shares"] < values["k-means codes, uniform inside"]

# %% alt="Perplexity of each output layer with its interval, on a logarithmic axis, the dense layer lowest"
figure, axis = plt.subplots(figsize=(9, 3.6))
points = np.array(list(head["perplexity"].values()))  # (heads, 3)
places = np.arange(len(points))
axis.errorbar(points[:, 0], places, xerr=abs(points[:, 1:] - points[:, :1]).T, fmt="o", capsize=3)
axis.set_yticks(places, list(head["perplexity"]))
axis.set_xscale("log")
axis.set_xlabel("perplexity, with its interval of 95 %")
axis.invert_yaxis()
figure.tight_layout()
plt.show()

# %% [markdown]
# **An untrained VQ head is no head**: as it is, it knows the text worse than somebody who counted words
# and has no model. Frequencies as shares are half of the way, training is the other half, and a map
# that is learned, too, adds little where the shares are already there. Together they come to a few
# times the perplexity of the dense layer and no nearer: what the model knew of single tokens inside of
# a code is gone, and only training the whole model with its codes could bring it back.
#
# ## 4. One number in the stream
#
# From layer 12 on one number of SmolLM2's stream stands far above all others, for every text that was
# tried, whatever its first word is: channel 507 of the *first* token. Early layers write a smaller one
# there, two take it back, and layer 12 writes it large.

# %%
channel = found["channel"]
curves, medians = np.array(channel["curves"]), np.array(channel["medians"])  # (texts, 1 + layers)
first_large = [int((curve > 1000).argmax()) for curve in curves]
print(f"above 1,000 from behind layer {first_large} on")
assert first_large == [12] * len(curves)
for text, curve, median, (token, at, cells) in zip(
    channel["texts"], curves, medians, channel["largest_after_15"], strict=True
):
    print(
        f"{text:<16} after layer 15: {curve[15]:8.0f} (token {token}, channel {at}; {cells} cell above "
        f"2,000), the median token's largest {median[15]:5.0f}; after the last layer {curve[-1]:6.0f}"
    )
assert all(entry == [0, channel["channel"], 1] for entry in channel["largest_after_15"])

# %% alt="Lines on a logarithmic axis: channel 507 of the first token through the layers of SmolLM2 for five texts, jumping to 20,000 and more at layer 12, far above the largest number of a median token"
figure, axis = plt.subplots(figsize=(9, 4))
for text, curve in zip(channel["texts"], curves, strict=True):
    axis.plot(np.maximum(curve, 0.05), label=text)
axis.plot(medians.mean(axis=0), color="black", linestyle=":", label="a median token's largest")
axis.axhline(65504, color="gray", linewidth=0.8)
axis.text(0.2, 65504 * 0.6, "largest float16", fontsize=8, color="gray")
axis.set_yscale("log")
axis.set_xlabel("behind layer")
axis.set_ylabel("|channel 507| of the first token")
axis.legend(fontsize=8, loc="lower right")
figure.tight_layout()
plt.show()

# %% [markdown]
# What it does to those who want the stream smaller:

# %%
print(
    f"float16: steps of {channel['float16_step']:g} there, and its square {channel['square']:.2g} is infinite"
)
print(f"int8, one scale for all numbers: steps of {curves.max() / 127:.0f}, ", end="")
print(f"and the median token's largest is {medians[:, 15].mean():.0f} after layer 15")
for name, (value, low, high) in channel["judged"].items():
    print(f"{name:<46} perplexity {value:12,.1f} ({low:,.1f}, {high:,.1f})")
judged = {name: value for name, (value, _, _) in channel["judged"].items()}
plain = judged["as it is"]
assert judged["stream kept in float16"] < 1.01 * plain
assert judged["stream in int8, one scale for all"] > 1000 * plain
assert judged["stream in int8, a scale for each token"] < 1.5 * plain
assert judged["first token's channel 507 set to 0"] > 1000 * plain
assert judged["first token hidden from all others"] < 1.1 * plain

# %% [markdown]
# - **float16** holds the stream as it is; what overflows is the sum of squares inside of a norm, which
#   has to be taken in float32.
# - **int8** with one scale for the whole array rounds everything else to nothing. A scale for each
#   token costs little.
# - **Pruning** that number destroys the model; ten other channels of the same token may go. The
#   surprise: *hiding* the first token from all others does almost no harm, since the second one then
#   sees nothing but itself and takes over: what is printed first below is which token, and how large.
#   A token that is a first one in this sense becomes the place that attention goes to when it has
#   nowhere to go; what must not happen is that it stays and loses its size.

# %%
token, size = channel["first_hidden"]
print(f"first token hidden: channel {channel['channel']} of token {token} (from 0) is {size:,.0f}")
assert token == 1
