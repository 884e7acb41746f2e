# %% [markdown]
# # Gradients by a tape
#
# A model learns by moving every number of its parameters a little against the slope of its loss.
# Here the slopes are found by a tape: first for one multiplication, in the end for a transformer.
#
# **You will be able to**
#
# - write the smallest tape that works, and say what an operation has to remember,
# - differentiate any function of arrays with `value_and_grad`, and check it with `gradcheck`,
# - add an operation with a derivative of its own,
# - train a transformer in your sight, and say what it has learned.
#
# Needs: the chain rule and NumPy. About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab.autograd import gradcheck, stop, taped, value_and_grad
from tokenlab.models.layers import cross_entropy
from tokenlab.models.transformer import forward, init
from tokenlab.training import train

# %% [markdown]
# ## One multiplication
#
# Let $y = a\,b$. If $y$ moves the loss with slope $g$, then $a$ moves it with slope $g\,b$, and $b$
# with $g\,a$. So the operation has to remember two things: what it came from, and how a slope goes
# back. That is the whole tape.


# %%
class Number:
    def __init__(self, value, edges=()):
        self.value, self.edges, self.slope = value, edges, 0.0

    def __mul__(self, other):
        a, b = self.value, other.value
        return Number(a * b, [(self, lambda g: g * b), (other, lambda g: g * a)])

    def __add__(self, other):
        return Number(self.value + other.value, [(self, lambda g: g), (other, lambda g: g)])


def backward(number, slope=1.0):
    number.slope += slope  # a number that is used twice gets both slopes
    for source, pull in number.edges:
        backward(source, pull(slope))


a, b = Number(3.0), Number(5.0)
y = a * b + a * a
backward(y)
print(f"y = {y.value}, slope of a {a.slope}, slope of b {b.slope}")
assert (a.slope, b.slope) == (5 + 2 * 3, 3)

# %% [markdown]
# ## Why not just try it?
#
# Move a number up, then down, and look at the loss: that needs two evaluations for each parameter,
# and no calculus. The tape needs about as much as a few evaluations, however many parameters there
# are. Trying is slow, but it cannot be wrong in the same way as a formula, so it is how gradients
# are checked.

# %%
rng = np.random.default_rng(0)
x, target = rng.standard_normal((20, 3)), rng.standard_normal(20)


def squares(p):
    return ((x @ p["w"] + p["b"] - target) ** 2).mean()


params = {"w": np.zeros(3), "b": np.array(0.0)}
value, grads = value_and_grad(squares)(params)
print(f"loss {value:.3f}, gradient of w {grads['w'].round(3)}, of b {grads['b']:.3f}")
gap = gradcheck(squares, params)
print(f"largest difference from trying, as a share of the largest slope: {gap:.0e}")
assert gap < 1e-7

# %% [markdown]
# `params` may be nested dicts, lists and tuples, and the gradient looks like them. Inside of the
# function everything is NumPy as usual; what has no derivative says so.

# %%
try:
    value_and_grad(lambda p: np.median(p))(np.ones(3))
except TypeError as error:
    print(error)

# %% [markdown]
# ## An operation of your own
#
# `taped(result, (input, pull))` is an operation. Rounding is flat, so its slope is 0 and nothing
# would ever learn through it; one lets the slope pass as if nothing had been rounded.


# %%
def rounded(a):
    return taped(np.round(stop(a)), (a, lambda g: g))


_, straight = value_and_grad(lambda a: (rounded(a) ** 2).sum())(np.array([0.4, 1.6]))
print("slopes through the rounding:", straight)
assert straight.tolist() == [0.0, 4.0]

# %% [markdown]
# This slope is not the one that trying finds (which is 0): a choice, and `gradcheck` tells.

# %%
print(f"{gradcheck(lambda a: (rounded(a) ** 2).sum(), np.array([0.4, 1.6])):.0e}")

# %% [markdown]
# ## A transformer that learns
#
# The text: a sequence of six letters, drawn at random, and the same six again. The first half cannot
# be predicted: guessing among eight letters costs $\log 8$. The second half can, by whoever looks
# back. A model that does so has to find, at each place, what came after the same letter six places
# earlier.

# %%
VOCAB, HALF = 8, 6


def batch(rng, size=64):
    half = rng.integers(0, VOCAB, (size, HALF))
    return np.concatenate([half, half], axis=1)  # (size, 12)


def next_letter(p, ids):
    return cross_entropy(forward(p, ids[:, :-1]), ids[:, 1:])


model = init(vocab=VOCAB, d=32, layers=2, heads=2, length=2 * HALF, rng=0)
trained, history = train(next_letter, model, batch, steps=400, rate=0.01, warmup=20, rng=0)
best = 5 / 11 * np.log(VOCAB)  # five of eleven letters are chance
print(f"loss before {history[0]:.2f}, after {np.mean(history[-20:]):.2f}; possible {best:.2f}")
assert np.mean(history[-20:]) < 1.3 * best

# %% alt="A falling curve: the loss of each of 400 steps, with a dashed line at the loss that is possible."
plt.figure(figsize=(6, 3))
plt.plot(history)
plt.axhline(best, color="grey", linestyle="--")
plt.xlabel("step")
plt.ylabel("loss")
plt.show()

# %% [markdown]
# Where has it learned? The loss of every place, on sequences that it has not seen:

# %% alt="Bars: the loss at each of eleven places, high for the first five and near zero for the last six."
fresh = batch(np.random.default_rng(1), 500)
logits = forward(trained, fresh[:, :-1])
log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
places = -np.take_along_axis(log_p, fresh[:, 1:, None], axis=-1)[..., 0].mean(axis=0)  # (11,)
print("loss of each place:", places.round(2))
assert places[:5].min() > 1.5 > 0.6 > places[5:].max()
plt.figure(figsize=(6, 3))
plt.bar(range(1, 2 * HALF), places)
plt.xlabel("place of the predicted letter")
plt.ylabel("loss")
plt.show()

# %% [markdown]
# `tap` shows the residual stream between the layers, and may replace it. If the stream behind layer 1
# forgets what came before, does the second half still work?


# %%
def forget(layer, x):
    return x * 0 if layer == 1 else None


without = forward(trained, fresh[:, :-1], tap=forget)
right = (without.argmax(axis=-1) == fresh[:, 1:])[:, 5:].mean()
kept = (logits.argmax(axis=-1) == fresh[:, 1:])[:, 5:].mean()
print(f"right in the second half: {kept:.2f}, without what layer 1 and the input said {right:.2f}")
assert kept > 0.8 > 0.4 > right

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Give `Number` a subtraction and a square root, and check both by trying.
# 2. *Medium.* `backward` above walks every path, so that a number that is used many times is walked many
#    times. Build a chain of twenty additions `y = y + y` and count the calls. Then go from the last
#    number to the first, each once; `tokenlab/tape.py` does.
# 3. *Open.* Train with one layer in place of two. Positions alone can solve this task: make one that they
#    cannot solve (halves of random length), and find out what the second layer is for.
