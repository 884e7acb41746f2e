# %% [markdown]
# # Inside a transformer
#
# A transformer is a few matrix products that are repeated. Here you write the forward pass of a
# real text encoder, MiniLM, line by line, compare it with the library's, and look at what the
# tokens of your own sentence attend to.
#
# **You will be able to**
#
# - say the shape of every array between a text and its token vectors,
# - write a layer of BERT in ten lines, and check it,
# - look into a model by `watch`, and replace a part of it by `tap` and `attention`,
# - say why a decoder with a cache gives the same numbers as one without.
#
# Needs: NumPy, matrix products, softmax. About 45 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import models, record
from tokenlab.models import bert, llama
from tokenlab.models.wordpiece import WordPiece

SENTENCE = "The bank of the river was green, and the bank in town was closed."

# %% [markdown]
# ## The model
#
# The weights of MiniLM come in a package (`tokenlab models` says which). Where it is not installed,
# a random model of the same form stands in: then all shapes and checks below hold, and the maps
# mean nothing.


# %%
def random_model(words, d=48, heads=4, layers=3, rng=0):
    """Parameters of the same form, drawn at random."""
    draw = np.random.default_rng(rng)

    def linear(*shape):
        scale = shape[0] ** -0.5
        weight = (draw.standard_normal(shape) * scale).astype(np.float32)
        return {"weight": weight, "bias": np.zeros(shape[1:], np.float32)}

    def norm():
        return {"gain": np.ones(d, np.float32), "bias": np.zeros(d, np.float32)}

    layer = lambda: {  # noqa: E731
        **{name: linear(d, heads, d // heads) for name in "qkv"},
        "out": linear(d, d),
        "norm1": norm(),
        "norm2": norm(),
        "up": linear(d, 4 * d),
        "down": linear(4 * d, d),
    }
    table = draw.standard_normal((len(words) + 64, d)).astype(np.float32)
    embed = {"words": table[:-64], "places": table[-64:], "kind": table[0], "norm": norm()}
    return models.MiniLM(
        {"embed": embed, "layers": [layer() for _ in range(layers)]}, WordPiece(words)
    )


if models.find("minilm"):
    model = models.load("minilm")
else:
    print("not installed:", models.SOURCES["minilm"].install)
    letters = "".join(c if c.isalnum() else f" {c} " for c in SENTENCE.lower())
    model = random_model(["[CLS]", "[SEP]", "[UNK]", *dict.fromkeys(letters.split())])
print(model)

# %% [markdown]
# ## From text to ids
#
# The tokenizer lower-cases, cuts words into pieces of its vocabulary, and puts a mark at each end.
# It also says where each piece stands in your text.

# %%
pieces = model.pieces(SENTENCE)
print(" ".join(pieces.tokens))
print("ids", pieces.ids.shape, pieces.ids[:8].tolist())
print("piece 2 is", repr(SENTENCE[pieces.starts[2] : pieces.ends[2]]), "in the sentence")

# %% [markdown]
# ## One layer, line by line
#
# The residual stream $x$ has a row for each token. A layer adds two things to it: what the token
# takes from others (attention), and what it makes of itself (the two-matrix part). After each, the
# rows are normed.
#
# | array | shape | what it is |
# |---|---|---|
# | $x$ | $(n, d)$ | the stream |
# | $q, k, v$ | $(h, n, d_h)$ | what a token asks for, offers, and hands on, in $h$ heads |
# | $P$ | $(h, n, n)$ | how much of each token each token takes; rows sum to one |


# %%
def norm(p, x, eps=1e-12):
    centred = x - x.mean(axis=-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) * p["gain"] + p["bias"]
    )


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def heads(p, x):
    y = np.einsum("nd,dhk->hnk", x, p["weight"])  # (h, n, d_h)
    return y + p["bias"][:, None]


def gelu(x):
    from math import erf

    return x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2


def layer(p, x):
    q, k, v = (heads(p[name], x) for name in "qkv")  # (h, n, d_h) each
    shares = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]))  # (h, n, n)
    taken = (shares @ v).swapaxes(0, 1).reshape(len(x), -1)  # (n, d), all heads side by side
    x = norm(p["norm1"], x + taken @ p["out"]["weight"] + p["out"]["bias"])
    hidden = gelu(x @ p["up"]["weight"] + p["up"]["bias"])  # (n, 4 d)
    return norm(p["norm2"], x + hidden @ p["down"]["weight"] + p["down"]["bias"])


embed = model.params["embed"]
x = embed["words"][pieces.ids] + embed["places"][: len(pieces.ids)] + embed["kind"]
x = norm(embed["norm"], x)  # (n, d)
for p in model.params["layers"]:
    x = layer(p, x)
theirs = model.forward(pieces.ids)
print(
    "last states", x.shape, "largest difference to the library's", f"{np.abs(x - theirs).max():.0e}"
)
assert np.allclose(x, theirs, atol=1e-3)

# %% [markdown]
# ## Watching
#
# `watch` is told of every layer: the stream, the queries, keys and values, and the attention.

# %% alt="Heat maps of the attention of one head in the first, a middle and the last layer over the words of the sentence"
seen = {}
model.forward(pieces.ids, watch=lambda number, block: seen.update({number: block}))
figure, axes = plt.subplots(1, 3, figsize=(11, 4.2))
for axis, number in zip(axes, sorted({1, len(seen) // 2 + 1, len(seen)}), strict=True):
    axis.imshow(seen[number].attention[0][1], cmap="Blues")
    axis.set_title(f"layer {number}, head 2")
    axis.set_xticks(range(len(pieces.tokens)), pieces.tokens, rotation=90, fontsize=7)
    axis.set_yticks(range(len(pieces.tokens)), pieces.tokens, fontsize=7)
figure.tight_layout()
plt.show()

# %% [markdown]
# The word *bank* comes twice. At the bottom both have the same vector but for their places; each
# layer adds what stands around them. How alike are they, layer by layer?

# %%
first, second = (i for i, token in enumerate(pieces.tokens) if token == "bank")


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


for number, block in seen.items():
    print(f"layer {number}: cosine of both banks {cosine(block.x[first], block.x[second]):.3f}")

# %% [markdown]
# ## Replacing a part
#
# `tap` may answer with another stream, `attention` stands in for softmax attention. BERT knows the
# order of words from the bottom alone: turned round after layer 1, the stream comes out turned
# round at the end. And what if every token took the same share of all others in every layer?

# %%
turned = model.forward(pieces.ids, tap=lambda number, x: x[::-1] if number == 1 else None)
print(f"turned round: largest difference {np.abs(turned[::-1] - theirs).max():.0e}")
assert np.allclose(turned[::-1], theirs, atol=1e-3)

blind = model.forward(
    pieces.ids, attention=lambda q, k, v: np.broadcast_to(v.mean(1, keepdims=True), q.shape)
)
print(f"equal shares: cosine of the means {cosine(blind.mean(0), theirs.mean(0)):.3f}")

# %% [markdown]
# ## The same, recorded
#
# The library's layer names its values, and a recording keeps them: one layer as a page to step
# through is `steps.to_html("layer.html")`.

# %%
one_layer = {**model.params, "layers": model.params["layers"][:1]}
with record() as steps:
    bert.forward(one_layer, pieces.ids)
for s in steps:
    print(f"{s.name:<10} {np.shape(s.value)!s:<16} {s.note}")

# %% [markdown]
# ## A decoder and its cache
#
# A decoder's token sees only those before it, so what was computed for them stays right when more
# come: keys and values are kept. Here a small random Llama reads a text at once, and in parts.

# %%
draw = np.random.default_rng(0)
d, h, h_kv, width, vocab = 32, 4, 2, 8, 100


def matrix(*shape):
    return (draw.standard_normal(shape) * d**-0.5).astype(np.float32)


ones = np.ones(d, np.float32)
decoder = {
    "embed": matrix(vocab, d),
    "norm": ones,
    "layers": [
        {
            "q": matrix(d, h, width),
            "k": matrix(d, h_kv, width),
            "v": matrix(d, h_kv, width),
            "out": matrix(h * width, d),
            "norm1": ones,
            "norm2": ones,
            "gate": matrix(d, 64),
            "up": matrix(d, 64),
            "down": matrix(64, d),
        }
        for _ in range(2)
    ],
}
ids = draw.integers(0, vocab, 12)
config, cache = llama.Config(), llama.Cache()
whole = llama.forward(decoder, config, ids)  # (12, vocab)
in_parts = [llama.forward(decoder, config, ids[a:b], cache) for a, b in ((0, 7), (7, 8), (8, 12))]
print(cache, f"largest difference {np.abs(np.concatenate(in_parts) - whole).max():.0e}")
assert np.allclose(np.concatenate(in_parts), whole, atol=1e-4)

moved = llama.forward(decoder, config, ids, positions=np.arange(12) + 500)
print(f"500 places further on: largest difference {np.abs(moved - whole).max():.0e}")

# %% [markdown]
# Rotations make only distances count, so places may begin anywhere, as long as they go on without
# a gap. After `cache.cut(7)` the next token stands at place 7, not at 0.
#
# ## Exercises
#
# 1. *Easy.* Which head of which layer looks most at the token before? Measure it over all heads.
# 2. *Medium.* Write `attention=` with a window: a token sees three tokens on either side. How far
#    do the last states move, layer by layer?
# 3. *Medium.* Leave the cache uncut and start positions again at 0. Which logits change, and why?
# 4. *Open.* Find a sentence in which two equal words become less alike from layer to layer, and one
#    in which they do not. What do the attention maps say?
