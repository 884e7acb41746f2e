# %% [markdown]
# # Gradients: backward, one operation after the other
#
# A model learns by moving every number of its parameters against the slope of its loss. The slopes
# come from the last operation to the first: each one takes the gradient of its result, and hands a
# gradient to each of its inputs. You write these ways back for five operations, for softmax with
# cross entropy and for a layer norm, check them, and train a small network that writes letters.
#
# **You will be able to**
#
# - say what an operation has to remember to carry a gradient back, and what it may forget,
# - take the gradient of a softmax with cross entropy, and of a layer norm,
# - check the gradients of any model, and find the array whose gradient is wrong,
# - train, with momentum.
#
# Needs: NumPy, the chain rule, softmax; 90 to 120 minutes. The tutorial
# `11_gradients_by_a_tape` shows how a program finds the same gradients by itself.
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 6.1 (6 points): five operations, backward
#
# Let $L$ be the loss, somewhere behind the operation, and $\bar y = \partial L / \partial y$ the
# gradient of its result $y$: an array of the shape of $y$. Asked are the gradients of its inputs,
# each of the shape of that input.
#
# | operation | inputs | result |
# |---|---|---|
# | `"add"` | $a$ (n, d), $b$ (d,), added to every row | $y_{it} = a_{it} + b_t$ |
# | `"multiply"` | $a$ and $b$ (n, d) | $y_{it} = a_{it} b_{it}$ |
# | `"matmul"` | $a$ (n, d), $b$ (d, m) | $y = a b$ |
# | `"relu"` | $a$ (n, d) | $y_{it} = \max(a_{it}, 0)$, with slope 0 at 0 |
# | `"rows"` | `table` (vocab, d), `ids` (n,), integers | $y_i =$ row `ids[i]` of the table |
#
# What is used several times gets the sum of what comes back from all its uses: $b$ of `"add"` is
# used in each row, and a row of the table once for every place where its id stands.


# %%
def pull_back(operation, inputs, y_grad):
    """The gradients of the inputs, from the gradient of the result.

    Parameters
    ----------
    operation : str
        "add", "multiply", "matmul", "relu" or "rows".
    inputs : tuple of ndarray
    y_grad : ndarray of shape (n, m)
        For all but "matmul", m is d.

    Returns
    -------
    tuple of ndarray
        One for each input, but none for the integers `ids`.
    """
    # Make `grads`, a list of one or two arrays.
    ### BEGIN SOLUTION
    a, b = inputs if len(inputs) == 2 else (inputs[0], None)
    if operation == "add":
        grads = [y_grad, y_grad.sum(axis=0)]
    elif operation == "multiply":
        grads = [y_grad * b, y_grad * a]
    elif operation == "matmul":
        grads = [y_grad @ b.T, a.T @ y_grad]
    elif operation == "relu":
        grads = [y_grad * (a > 0)]
    else:
        grads = [np.zeros(a.shape)]
        np.add.at(grads[0], b, y_grad)
    ### END SOLUTION
    first = step("gradient of the first input", grads[0])
    return (first, *grads[1:])


# %% [markdown]
# ## Task 6.2 (4 points): softmax with cross entropy
#
# Each row of `logits` is a prediction, and `ids` says which of its entries was right. With
# $p_i = \mathrm{softmax}(x_i)$,
#
# $$L = -\frac1n \sum_i \log p_{i, \mathrm{id}_i}, \qquad
# \frac{\partial L}{\partial x_{ij}} = \frac{p_{ij} - [j = \mathrm{id}_i]}{n},$$
#
# where $[j = \mathrm{id}_i]$ is 1 for the right entry and 0 for all others. Logits may be large, and
# rows may lie far apart: neither the exponential may overflow, nor the logarithm meet a 0.


# %%
def cross_entropy(logits, ids):
    """Mean loss of some predictions, and its gradient for the logits.

    Parameters
    ----------
    logits : ndarray of shape (n, vocab)
    ids : ndarray of shape (n,)
        Integers.

    Returns
    -------
    loss : float
    logits_grad : ndarray of shape (n, vocab)
    """
    # Make `log_p`: the logarithm of the softmax of every row.
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    ### END SOLUTION
    log_p = step("log-probability", log_p, axes=("n", "vocab"))
    # Make `loss` and `logits_grad`.
    ### BEGIN SOLUTION
    each = np.arange(len(ids))
    loss = -log_p[each, ids].mean()
    logits_grad = np.exp(log_p)
    logits_grad[each, ids] -= 1
    logits_grad = logits_grad / len(ids)
    ### END SOLUTION
    return loss, step("logits gradient", logits_grad, "rows sum to 0", axes=("n", "vocab"))


# %% [markdown]
# ## Task 6.3 (5 points): a layer norm, forward and back
#
# Each row loses its mean and is divided by its deviation; then each column gets a gain and a bias:
#
# $$h_{it} = \frac{x_{it} - \mu_i}{\sigma_i}, \qquad
# \sigma_i = \sqrt{\tfrac1d \textstyle\sum_t (x_{it} - \mu_i)^2 + \varepsilon}, \qquad
# y_{it} = \gamma_t h_{it} + \beta_t.$$
#
# On the way back let $g_{it} = \bar y_{it} \gamma_t$, the gradient of $h$. Mean and deviation depend
# on all of a row, and each takes something away from it:
#
# $$\bar x_{it} = \frac{1}{\sigma_i} \Big( g_{it} - \frac1d \sum_s g_{is}
# - h_{it}\, \frac1d \sum_s g_{is} h_{is} \Big).$$
#
# The gradients of gain and bias follow from task 6.1.


# %%
def layer_norm(x, gain, bias, y_grad, eps):
    """A layer norm, and the gradients of its inputs from the gradient of its result.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    gain, bias : ndarray of shape (d,)
    y_grad : ndarray of shape (n, d)
    eps : float
        Stands under the root.

    Returns
    -------
    y : ndarray of shape (n, d)
    x_grad : ndarray of shape (n, d)
    gain_grad : ndarray of shape (d,)
    bias_grad : ndarray of shape (d,)
    """
    # Make `h` and `y`.
    ### BEGIN SOLUTION
    centred = x - x.mean(axis=1, keepdims=True)
    sigma = np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps)  # (n, 1)
    h = centred / sigma
    y = gain * h + bias
    ### END SOLUTION
    h = step("normalised", h, "mean 0 in every row", axes=("n", "d"))
    # Make `x_grad`, `gain_grad` and `bias_grad`.
    ### BEGIN SOLUTION
    g = y_grad * gain
    along = (g * h).mean(axis=1, keepdims=True)  # (n, 1)
    x_grad = (g - g.mean(axis=1, keepdims=True) - h * along) / sigma
    gain_grad = (y_grad * h).sum(axis=0)
    bias_grad = y_grad.sum(axis=0)
    ### END SOLUTION
    x_grad = step("x gradient", x_grad, "rows sum to 0", axes=("n", "d"))
    return y, x_grad, step("gain gradient", gain_grad, axes=("d",)), bias_grad


# %% [markdown]
# ## Task 6.4 (4 points): which gradient is wrong?
#
# Move one number of one array up by $\varepsilon$, then down, and see how the loss moves: half of the
# difference over $\varepsilon$ is the slope. Do so for each number of each array, all others being
# what they were. An array's gap is the largest difference, without its sign, between slopes by
# trying and the gradient that the loss states, as a share of the largest slope by trying (without
# its sign) of *all* arrays. If all slopes by trying are 0, divide by 1.


# %%
def gradient_gaps(loss, params, epsilon):
    """How far the gradient of each array is from what trying finds.

    Parameters
    ----------
    loss : function
        `loss(params)` returns a number, and a dict of gradients that looks like `params`.
    params : dict of ndarray
        Floats, of any shape; they stay as they are.
    epsilon : float

    Returns
    -------
    dict of float
        Name -> gap.
    """
    # Make `tried`, a dict of arrays: the slopes by trying. Hint: `np.ndindex(x.shape)`.
    ### BEGIN SOLUTION
    tried = {}
    for name, x in params.items():
        tried[name] = np.zeros(x.shape)
        for at in np.ndindex(x.shape):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[at] += sign * epsilon
                ends.append(loss(params | {name: moved})[0])
            tried[name][at] = (ends[0] - ends[1]) / (2 * epsilon)
    ### END SOLUTION
    for name in params:
        step(f"slopes of {name} by trying", tried[name])
    # Make `gaps`.
    ### BEGIN SOLUTION
    _, stated = loss(params)
    largest = max(np.abs(slopes).max() for slopes in tried.values())
    scale = largest if largest > 0 else 1.0
    gaps = {name: np.abs(stated[name] - tried[name]).max() / scale for name in params}
    ### END SOLUTION
    return gaps


# %% [markdown]
# ## Task 6.5 (5 points): a training loop
#
# Every batch moves the parameters. With momentum $\mu$ a velocity, 0 at first, keeps a part of the
# earlier gradients:
#
# $$v \leftarrow \mu v + \frac{\partial L}{\partial \theta}, \qquad
# \theta \leftarrow \theta - \eta v.$$
#
# The history keeps the loss of each batch, before its step. The arrays that were passed in stay as
# they are.


# %%
def train(loss, params, batches, rate, momentum):
    """Parameters after one step for each batch, and the losses on the way.

    Parameters
    ----------
    loss : function
        `loss(params, batch)` returns a number, and a dict of gradients that looks like `params`.
    params : dict of ndarray
    batches : list
    rate : float
        η.
    momentum : float
        μ.

    Returns
    -------
    params : dict of ndarray
    history : ndarray of shape (n_batches,)
    """
    # Make `trained`, a new dict, and `history`.
    ### BEGIN SOLUTION
    trained, history = dict(params), []
    velocity = {name: np.zeros(x.shape) for name, x in params.items()}
    for batch in batches:
        value, grads = loss(trained, batch)
        history.append(value)
        for name, x in trained.items():
            velocity[name] = momentum * velocity[name] + grads[name]
            trained[name] = x - rate * velocity[name]
    ### END SOLUTION
    return trained, step("history", np.array(history), "falls", axes=("n_batches",))


# %% [markdown]
# ## The result: a network that writes letters
#
# The package holds 158 answers about Python. From six letters a network predicts the seventh: a
# vector for each letter, six of them side by side, one layer with a ReLU and a layer norm, and logits
# for all letters. Its gradient is the ways back of your tasks, from the last to the first. Does the
# library's tape find the same? How well does it predict answers that it has not seen, compared with
# somebody who knows the frequencies of letters alone?

# %%
from tokenlab.autograd import value_and_grad
from tokenlab.data import load_faq
from tokenlab.models import layers

LETTERS, CONTEXT = " abcdefghijklmnopqrstuvwxyz,.()", 6
WIDTH, HIDDEN, EPS = 12, 96, 1e-5


def windows(texts):
    """Six letters and the seventh, everywhere in some texts; what is no letter becomes a blank."""
    kept = "".join(c if c in LETTERS else " " for c in " ".join(texts).lower())
    ids = np.array([LETTERS.index(c) for c in " ".join(kept.split())])
    seen = np.lib.stride_tricks.sliding_window_view(ids, CONTEXT + 1)
    return seen[:, :-1], seen[:, -1]  # (n, CONTEXT), (n,)


def forward(p, context):
    """Logits for what follows, and all that the way back has to remember."""
    x = p["letters"][context].reshape(len(context), -1)  # (n, CONTEXT * WIDTH)
    product = x @ p["inner"]
    summed = product + p["shift"]
    active = np.maximum(summed, 0)  # (n, HIDDEN)
    y, *_ = layer_norm(active, p["gain"], p["bias"], np.zeros_like(active), EPS)
    return y @ p["outer"], (x, product, summed, active, y)


def network_loss(p, batch):
    """The loss of a batch and the gradient of every array: your functions, forward and back."""
    context, following = batch
    logits, (x, product, summed, active, y) = forward(p, context)
    loss, grad = cross_entropy(logits, following)
    grads = {}
    grad, grads["outer"] = pull_back("matmul", (y, p["outer"]), grad)
    _, grad, grads["gain"], grads["bias"] = layer_norm(active, p["gain"], p["bias"], grad, EPS)
    (grad,) = pull_back("relu", (summed,), grad)
    grad, grads["shift"] = pull_back("add", (product, p["shift"]), grad)
    grad, grads["inner"] = pull_back("matmul", (x, p["inner"]), grad)
    each_letter = grad.reshape(-1, WIDTH)  # (n * CONTEXT, WIDTH)
    (grads["letters"],) = pull_back("rows", (p["letters"], context.ravel()), each_letter)
    return loss, grads


def library_loss(p, context, following):
    """The same network for the library's tape: only forward."""
    x = p["letters"][context].reshape(len(context), -1)
    active = np.maximum(x @ p["inner"] + p["shift"], 0)
    y = layers.layer_norm(active, p["gain"], p["bias"], EPS)
    return layers.cross_entropy(y @ p["outer"], following)


answers = load_faq().answers
known, fresh = windows(answers[:130]), windows(answers[130:])
rng = np.random.default_rng(0)
params = {
    "letters": rng.normal(size=(len(LETTERS), WIDTH)),
    "inner": rng.normal(size=(CONTEXT * WIDTH, HIDDEN)) / np.sqrt(CONTEXT * WIDTH),
    "shift": np.zeros(HIDDEN),
    "gain": np.ones(HIDDEN),
    "bias": np.zeros(HIDDEN),
    "outer": 0.1 * rng.normal(size=(HIDDEN, len(LETTERS))),
}
few = (known[0][:40], known[1][:40])
mine, theirs = network_loss(params, few), value_and_grad(library_loss)(params, *few)
assert np.isclose(mine[0], theirs[0]), "the library has another loss"
for name, grad in theirs[1].items():
    assert np.allclose(mine[1][name], grad), f"the library has another gradient of {name}"
print(f"the library's tape finds the same gradients of {', '.join(params)}")


def letters_loss(p):
    """The loss as a function of the letters' vectors alone."""
    loss, grads = network_loss(params | p, few)
    return loss, {"letters": grads["letters"]}


gap = gradient_gaps(letters_loss, {"letters": params["letters"]}, 1e-5)["letters"]
print(f"gradient of the letters' vectors against trying: gap {gap:.0e}")


def batches(count, size):
    """Random windows of the answers that are trained on."""
    picked = [rng.integers(0, len(known[1]), size) for _ in range(count)]
    return [(known[0][at], known[1][at]) for at in picked]


frequency = np.bincount(known[1], minlength=len(LETTERS)) / len(known[1])
print(f"unseen answers: loss by frequencies alone {-np.log(frequency[fresh[1]]).mean():.2f}")
print(f"network before training {network_loss(params, fresh)[0]:.2f}")
for momentum in (0.0, 0.9):
    trained, _ = train(network_loss, params, batches(600, 128), 0.1, momentum)
    print(f"after 600 batches, momentum {momentum}: {network_loss(trained, fresh)[0]:.2f}")
text = "python"
for _ in range(100):
    context = np.array([[LETTERS.index(c) for c in text[-CONTEXT:]]])  # (1, CONTEXT)
    logits = forward(trained, context)[0][0]
    p = np.exp(logits - logits.max())
    text += LETTERS[rng.choice(len(LETTERS), p=p / p.sum())]
print(f"it writes: {text}")

# %% [markdown]
# ## Open question (4 points)
#
# (a) In `"rows"` write `grad[ids] += y_grad` in place of your sum. Which gap does `gradient_gaps`
# print, why, and what becomes of the training? A wrong gradient that lowers the loss is the
# hardest to find. (b) Print the gap for $\varepsilon$ from 0.1 down to $10^{-12}$, in powers of ten.
# It falls, and then it grows: name both causes. (c) A constant gradient $g$ with momentum
# $\mu = 0.9$: how large does the velocity become? Train without momentum at a rate that makes
# this comparison fair, and say what is left of momentum's advantage.

# %% [markdown]
# *Your answer:*
