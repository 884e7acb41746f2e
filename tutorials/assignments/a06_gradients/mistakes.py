"""The usual mistakes, as behaviour: each gets what its task gets, after the right functions."""

from types import SimpleNamespace

import numpy as np

from tokenlab.assignments import mistake


def instead(right, operation, inputs, y_grad, **others):
    """The right way back, but for some operations."""
    if operation in others:
        return others[operation](*inputs, y_grad)
    return right.pull_back(operation, inputs, y_grad)


@mistake("6.1", "bias not summed", "the gradient of `b` of \"add\" has a row for each row of `a`. "
         "`b` is one vector that every row uses: add up what comes back, `axis=0`.")  # fmt: skip
def bias_not_summed(right, *args):
    return instead(right, *args, add=lambda a, b, g: (g, g))


@mistake("6.1", "mean for sum", "the gradient of `b` of \"add\" is a mean. What is used several "
         "times gets the *sum* of what comes back.")  # fmt: skip
def mean_for_sum(right, *args):
    return instead(right, *args, add=lambda a, b, g: (g, g.mean(axis=0)))


@mistake("6.1", "factors exchanged", "in \"multiply\" each input gets the gradient times itself. "
         "The slope of a b for a is b: each gets the *other* one.")  # fmt: skip
def own_factor(right, *args):
    return instead(right, *args, multiply=lambda a, b, g: (g * a, g * b))


@mistake("6.1", "gradient forgotten", "\"multiply\" returns the slopes `b` and `a`. The chain rule "
         "multiplies them by the gradient of the result.")  # fmt: skip
def bare_factors(right, *args):
    return instead(right, *args, multiply=lambda a, b, g: (b, a))


@mistake("6.1", "gradient forgotten", "\"relu\" returns its slopes, 0 and 1. The chain rule "
         "multiplies them by the gradient of the result.")  # fmt: skip
def bare_slopes(right, *args):
    return instead(right, *args, relu=lambda a, g: ((a > 0) * 1.0,))


@mistake("6.1", "gradient clipped", "\"relu\" cuts off the negative *gradients*. Whether something "
         "comes back depends on the sign of the input alone.")  # fmt: skip
def relu_of_the_gradient(right, *args):
    return instead(right, *args, relu=lambda a, g: (np.maximum(g, 0),))


@mistake("6.1", "gradient clipped", "\"relu\" cuts off the negative gradients, too. Whether "
         "something comes back depends on the sign of the input alone.")  # fmt: skip
def relu_of_both(right, *args):
    return instead(right, *args, relu=lambda a, g: (np.maximum(g, 0) * (a > 0),))


@mistake("6.1", "slope at 0", "\"relu\" lets the gradient pass where its input is exactly 0. The "
         "task says: slope 0 at 0, so `>` and not `>=`.")  # fmt: skip
def slope_at_zero(right, *args):
    return instead(right, *args, relu=lambda a, g: (g * (a >= 0),))


def table_with(fill):
    """The gradient of a table, filled by a function of (gradient, ids, y_grad)."""

    def pull(table, ids, g):
        grad = np.zeros(table.shape)
        fill(grad, ids, g)
        return (grad,)

    return pull


@mistake("6.1", "repeated rows", "a row that is read several times gets only the last of its "
         "gradients: `grad[ids] += ...` writes each row once. `np.add.at` adds all, or a "
         "loop.")  # fmt: skip
def last_one_wins(right, *args):
    def fill(grad, ids, g):
        grad[ids] = g

    return instead(right, *args, rows=table_with(fill))


@mistake("6.1", "repeated rows", "a row that is read several times gets the mean of its gradients. "
         "It gets their sum.")  # fmt: skip
def mean_of_the_rows(right, *args):
    def fill(grad, ids, g):
        np.add.at(grad, ids, g / np.bincount(ids)[ids][:, None])

    return instead(right, *args, rows=table_with(fill))


@mistake("6.1", "factors not transposed", "the gradients of \"matmul\" are swapped: the first one "
         "belongs to `a` and has its shape, the second to `b`.")  # fmt: skip
def products_swapped(right, *args):
    return instead(right, *args, matmul=lambda a, b, g: (a.T @ g, g @ b.T))


@mistake("6.1", "factors not transposed", "the matrices of \"matmul\" do not fit: a factor has to "
         "be transposed, so that the gradient gets the shape of its input.")  # fmt: skip
def not_transposed(right, *args):
    return instead(right, *args, matmul=lambda a, b, g: (g @ b, a @ g))


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@mistake("6.2", "unstable exponent", "the exponential of a large logit overflows. Subtract the "
         "largest logit of each row first, which changes nothing else.")  # fmt: skip
def unstable_exponent(right, logits, ids):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return entropy_of(np.log(p), ids)


@mistake("6.2", "one maximum for all rows", "the largest of *all* logits is subtracted. A row that "
         "lies far below becomes 0 as a whole: each row has a maximum of its own.")  # fmt: skip
def one_maximum(right, logits, ids):
    with np.errstate(all="ignore"):
        e = np.exp(logits - logits.max())
        return entropy_of(np.log(e / e.sum(axis=1, keepdims=True)), ids)


@mistake("6.2", "one maximum for all rows", "the largest of *all* logits is subtracted. A row that "
         "lies far below becomes 0 as a whole: each row has a maximum of its own.")  # fmt: skip
def one_maximum_in_logarithms(right, logits, ids):
    with np.errstate(all="ignore"):
        shifted = logits - logits.max()
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return entropy_of(log_p, ids)


@mistake("6.2", "logarithm of zero", "a probability is rounded to 0, and its logarithm is infinite. "
         "Do not take the logarithm of the softmax: subtract log sum exp from the logits.")  # fmt: skip
def logarithm_of_zero(right, logits, ids):
    with np.errstate(all="ignore"):
        return entropy_of(np.log(np.exp(log_softmax(logits))), ids)


def entropy_of(log_p, ids):
    """Loss and gradient from logarithms of probabilities."""
    each = np.arange(len(ids))
    grad = np.exp(log_p)
    grad[each, ids] -= 1
    return -log_p[each, ids].mean(), grad / len(ids)


@mistake("6.2", "wrong axis", "the softmax runs over the predictions. Each *row* is one: the sum "
         "over `axis=1` is 1.")  # fmt: skip
def wrong_axis(right, logits, ids):
    return entropy_of(log_softmax(logits.T).T, ids)


@mistake("6.2", "mean forgotten in the gradient", "the loss is a mean over the rows, and its "
         "gradient is not: divide by n, too.")  # fmt: skip
def gradient_of_the_sum(right, logits, ids):
    loss, grad = right.cross_entropy(logits, ids)
    return loss, grad * len(ids)


@mistake("6.2", "sum for mean", "loss and gradient are sums over the rows. The loss is their mean.")
def sum_for_mean(right, logits, ids):
    loss, grad = right.cross_entropy(logits, ids)
    return loss * len(ids), grad * len(ids)


@mistake("6.2", "sum for mean", "the loss is the sum over the rows. It is their mean.")
def sum_for_mean_in_the_loss(right, logits, ids):
    loss, grad = right.cross_entropy(logits, ids)
    return loss * len(ids), grad


@mistake("6.2", "mean over all entries", "the gradient is divided by the number of all entries. The "
         "loss is a mean over the n rows alone.")  # fmt: skip
def mean_over_entries(right, logits, ids):
    loss, grad = right.cross_entropy(logits, ids)
    return loss, grad / logits.shape[1]


@mistake("6.2", "one not subtracted", "the gradient is the bare softmax. Subtract 1 at the right "
         "entry of each row.")  # fmt: skip
def one_not_subtracted(right, logits, ids):
    return right.cross_entropy(logits, ids)[0], np.exp(log_softmax(logits)) / len(ids)


@mistake("6.2", "ones in whole columns", "1 is subtracted in whole columns: `p[:, ids]` are all "
         "rows. Pair each row with its id, `p[np.arange(n), ids]`.")  # fmt: skip
def whole_columns(right, logits, ids):
    p = np.exp(log_softmax(logits))
    p[:, ids] -= 1
    return right.cross_entropy(logits, ids)[0], p / len(ids)


@mistake("6.2", "wrong sign", "the sign of the gradient is wrong: the loss falls when the right "
         "logit rises.")  # fmt: skip
def sign_of_the_gradient(right, logits, ids):
    loss, grad = right.cross_entropy(logits, ids)
    return loss, -grad


@mistake("6.2", "wrong sign", "the sign of the loss is wrong: it is *minus* the logarithm.")
def sign_of_the_loss(right, logits, ids):
    loss, grad = right.cross_entropy(logits, ids)
    return -loss, grad


@mistake("6.2", "wrong sign", "both signs are wrong: the loss is *minus* the logarithm.")
def both_signs(right, logits, ids):
    loss, grad = right.cross_entropy(logits, ids)
    return -loss, -grad


def parts(x, gain, bias, y_grad, eps, ddof=0):
    """What a layer norm consists of."""
    centred = x - x.mean(axis=1, keepdims=True)
    sigma = np.sqrt((centred**2).sum(axis=1, keepdims=True) / (x.shape[1] - ddof) + eps)
    h, g = centred / sigma, y_grad * gain
    mean = g.mean(axis=1, keepdims=True)
    along = (g * h).mean(axis=1, keepdims=True)
    return SimpleNamespace(
        h=h, g=g, sigma=sigma, mean=mean, along=along, y_grad=y_grad, y=gain * h + bias
    )


def norm(s, x_grad=None, gain_grad=None, bias_grad=None):
    """The four results, with others where they are given."""
    if x_grad is None:
        x_grad = (s.g - s.mean - s.h * s.along) / s.sigma
    gain_grad = (s.y_grad * s.h).sum(axis=0) if gain_grad is None else gain_grad
    bias_grad = s.y_grad.sum(axis=0) if bias_grad is None else bias_grad
    return s.y, x_grad, gain_grad, bias_grad


@mistake("6.3", "statistics held fast", "mean and deviation are taken for constants. They move with "
         "each entry of the row: both take their part away.")  # fmt: skip
def statistics_held_fast(right, *args):
    s = parts(*args)
    return norm(s, x_grad=s.g / s.sigma)


@mistake("6.3", "deviation held fast", "the mean takes its part away, the deviation does not: the "
         "term with h is missing.")  # fmt: skip
def deviation_held_fast(right, *args):
    s = parts(*args)
    return norm(s, x_grad=(s.g - s.mean) / s.sigma)


@mistake("6.3", "mean held fast", "the deviation takes its part away, the mean does not: subtract "
         "the mean of g, too.")  # fmt: skip
def mean_held_fast(right, *args):
    s = parts(*args)
    return norm(s, x_grad=(s.g - s.h * s.along) / s.sigma)


@mistake("6.3", "gain forgotten", "the gradient of x knows nothing of the gain: g is the gradient "
         "of the result *times the gain*.")  # fmt: skip
def gain_forgotten(right, *args):
    s = parts(*args)
    s.g = s.y_grad
    s.mean, s.along = s.g.mean(axis=1, keepdims=True), (s.g * s.h).mean(axis=1, keepdims=True)
    return norm(s)


@mistake("6.3", "deviation not divided", "the gradient of x is not divided by the deviation.")
def deviation_not_divided(right, *args):
    s = parts(*args)
    return norm(s, x_grad=s.g - s.mean - s.h * s.along)


@mistake("6.3", "sums for means", "in the gradient of x sums are taken over the row, where the "
         "formula has means: divide by d.")  # fmt: skip
def sums_for_means(right, *args):
    s = parts(*args)
    d = args[0].shape[1]
    return norm(s, x_grad=(s.g - d * s.mean - d * s.h * s.along) / s.sigma)


@mistake("6.3", "gain sees x", "the gain multiplies the *normalised* rows, so its gradient is the "
         "sum of the gradients times h, not times x.")  # fmt: skip
def gain_sees_x(right, *args):
    s = parts(*args)
    return norm(s, gain_grad=(s.y_grad * args[0]).sum(axis=0))


@mistake("6.3", "gain sees y", "the gain multiplies the *normalised* rows, so its gradient is the "
         "sum of the gradients times h, not times y.")  # fmt: skip
def gain_sees_y(right, *args):
    s = parts(*args)
    return norm(s, gain_grad=(s.y_grad * s.y).sum(axis=0))


@mistake("6.3", "gain and bias not summed", "gain and bias have one number for each column, and "
         "every row uses it: add up over the rows, `axis=0`.")  # fmt: skip
def not_summed(right, *args):
    s = parts(*args)
    return norm(s, gain_grad=s.y_grad * s.h, bias_grad=s.y_grad)


@mistake("6.3", "gain and bias not summed", "gain and bias have one number for each column: take "
         "the *sum* over the rows, not the mean.")  # fmt: skip
def means_over_the_rows(right, *args):
    s = parts(*args)
    return norm(s, gain_grad=(s.y_grad * s.h).mean(axis=0), bias_grad=s.y_grad.mean(axis=0))


@mistake("6.3", "divided by d - 1", "the squares are divided by d - 1. The formula has their mean: "
         "divide by d (`ddof=0`).")  # fmt: skip
def sample_variance(right, *args):
    return norm(parts(*args, ddof=1))


@mistake("6.3", "eps outside", "`eps` is added to the deviation. It stands under the root, with the "
         "variance.")  # fmt: skip
def eps_outside(right, x, gain, bias, y_grad, eps):
    s = parts(x, gain, bias, y_grad, eps)
    s.sigma = x.std(axis=1, keepdims=True) + eps
    s.h = (x - x.mean(axis=1, keepdims=True)) / s.sigma
    s.along = (s.g * s.h).mean(axis=1, keepdims=True)
    s.y = gain * s.h + bias
    return norm(s)


@mistake("6.3", "eps forgotten", "`eps` has no influence, and a row of equal entries is divided by "
         "0: add it to the variance, under the root.")  # fmt: skip
def eps_forgotten(right, x, gain, bias, y_grad, eps):
    with np.errstate(all="ignore"):
        return norm(parts(x, gain, bias, y_grad, 0.0))


@mistake("6.3", "columns normalised", "each column gets mean 0. A layer norm normalises each *row*: "
         "`axis=1`.")  # fmt: skip
def columns_normalised(right, x, gain, bias, y_grad, eps):
    h = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    g = y_grad * gain
    x_grad = (g - g.mean(axis=0) - h * (g * h).mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return gain * h + bias, x_grad, (y_grad * h).sum(axis=0), y_grad.sum(axis=0)


def tried(loss, params, slope):
    """Slopes of every number: `slope(value, moved)` of its loss in place and moved by a factor."""
    found = {}
    for name, x in params.items():
        found[name] = np.zeros(x.shape)
        for at in np.ndindex(x.shape):

            def value(by, name=name, x=x, at=at):
                moved = x.copy()
                moved[at] += by
                return loss(params | {name: moved})[0]

            found[name][at] = slope(value)
    return found


def gaps_of(loss, params, slopes, gap=None, scale=None):
    """The gaps of some slopes, with another gap of one array or another scale."""
    _, stated = loss(params)
    largest = max(np.abs(x).max() for x in slopes.values())
    whole = (largest or 1.0) if scale is None else None
    found = {}
    for name, x in slopes.items():
        differences = stated[name] - x
        top = np.abs(differences).max() if gap is None else gap(differences)
        found[name] = top / (whole or scale(slopes, name))
    return found


def central(loss, params, epsilon):
    return tried(loss, params, lambda f: (f(epsilon) - f(-epsilon)) / (2 * epsilon))


@mistake("6.4", "one-sided", "the difference is one-sided. Move in both directions, which is right "
         "to one order more.")  # fmt: skip
def one_sided(right, loss, params, epsilon):
    slopes = tried(loss, params, lambda f: (f(epsilon) - f(0)) / epsilon)
    return gaps_of(loss, params, slopes)


@mistake("6.4", "divided by epsilon", "the ends are 2 epsilon apart: divide by that.")
def divided_by_epsilon(right, loss, params, epsilon):
    return gaps_of(loss, params, {k: 2 * x for k, x in central(loss, params, epsilon).items()})


@mistake("6.4", "wrong factor", "the difference is multiplied by epsilon: `/ 2 * epsilon` divides "
         "by 2 alone. Write `/ (2 * epsilon)`.")  # fmt: skip
def wrong_factor(right, loss, params, epsilon):
    slopes = central(loss, params, epsilon)
    return gaps_of(loss, params, {k: x * epsilon**2 for k, x in slopes.items()})


@mistake("6.4", "sign of the gap", "a difference counts without its sign: what is stated too small "
         "is as wrong as what is stated too large.")  # fmt: skip
def signed_gap(right, loss, params, epsilon):
    return gaps_of(loss, params, central(loss, params, epsilon), lambda x: x.max())


@mistake("6.4", "mean of the gaps", "the gap is a mean. One wrong number among a thousand then "
         "hides: take the largest difference.")  # fmt: skip
def mean_gap(right, loss, params, epsilon):
    return gaps_of(loss, params, central(loss, params, epsilon), lambda x: np.abs(x).mean())


@mistake("6.4", "scale of one array", "each array is compared with its own largest slope. An array "
         "with slopes near 0 then always looks wrong: take the largest slope of all arrays.")  # fmt: skip
def own_scale(right, loss, params, epsilon):
    def scale(slopes, name):
        return np.abs(slopes[name]).max() or 1.0

    return gaps_of(loss, params, central(loss, params, epsilon), scale=scale)


@mistake("6.4", "scale with its sign", "the scale is the largest slope with its sign. A slope of "
         "-100 is large, too: take the absolute values first.")  # fmt: skip
def signed_scale(right, loss, params, epsilon):
    def scale(slopes, name):
        return max(x.max() for x in slopes.values()) or 1.0

    return gaps_of(loss, params, central(loss, params, epsilon), scale=scale)


@mistake("6.4", "not divided by the scale", "the gap is a difference, not a share. Divide by the "
         "largest slope of all arrays.")  # fmt: skip
def absolute_gap(right, loss, params, epsilon):
    return gaps_of(loss, params, central(loss, params, epsilon), scale=lambda slopes, name: 1.0)


@mistake("6.4", "0 divided by 0", "where no number moves the loss, the scale is 0. Divide by 1 "
         "then.")  # fmt: skip
def zero_by_zero(right, loss, params, epsilon):
    slopes = central(loss, params, epsilon)
    largest = max(np.abs(x).max() for x in slopes.values())
    with np.errstate(all="ignore"):
        return gaps_of(loss, params, slopes, scale=lambda slopes, name: np.float64(largest))


@mistake("6.4", "all at once", "all numbers of an array move at once. A slope needs one of them to "
         "move, and the others to stay.")  # fmt: skip
def all_at_once(right, loss, params, epsilon):
    slopes = {}
    for name, x in params.items():
        ends = [loss(params | {name: x + sign * epsilon})[0] for sign in (1, -1)]
        slopes[name] = np.full(x.shape, (ends[0] - ends[1]) / (2 * epsilon))
    return gaps_of(loss, params, slopes)


def steps(loss, params, batches, rate, momentum, velocity=None, move=None):
    """A training loop with another velocity `(velocity, gradient)` or another step."""
    params = {name: x.copy() for name, x in params.items()}
    speeds = {name: np.zeros(x.shape) for name, x in params.items()}
    history = []
    for batch in batches:
        value, grads = loss(params, batch)
        history.append(value)
        for name, x in params.items():
            v, g = speeds[name], grads[name]
            speeds[name] = momentum * v + g if velocity is None else velocity(v, g)
            by = rate * speeds[name] if move is None else move(speeds[name], g)
            params[name] = x - by
    return params, np.array(history)


@mistake("6.5", "uphill", "the parameters move *with* the gradient, and the loss grows. Subtract.")
def uphill(right, loss, params, batches, rate, momentum):
    return steps(loss, params, batches, rate, momentum, move=lambda v, g: -rate * v)


@mistake("6.5", "momentum forgotten", "the velocity is the gradient of this batch alone: nothing is "
         "kept of the earlier ones. Make it once, before the loop.")  # fmt: skip
def momentum_forgotten(right, loss, params, batches, rate, momentum):
    return steps(loss, params, batches, rate, momentum, velocity=lambda v, g: g)


@mistake("6.5", "a mean for the velocity", "the gradient is multiplied by 1 - momentum. The velocity "
         "takes it whole.")  # fmt: skip
def mean_velocity(right, loss, params, batches, rate, momentum):
    return steps(loss, params, batches, rate, momentum,
                 velocity=lambda v, g: momentum * v + (1 - momentum) * g)  # fmt: skip


@mistake("6.5", "momentum on the gradient", "momentum multiplies the gradient. It multiplies what "
         "is kept of the *old* velocity.")  # fmt: skip
def momentum_on_the_gradient(right, loss, params, batches, rate, momentum):
    return steps(loss, params, batches, rate, momentum, velocity=lambda v, g: v + momentum * g)


@mistake("6.5", "nothing forgotten", "the velocity keeps all of what it was. Multiply it by the "
         "momentum first.")  # fmt: skip
def nothing_forgotten(right, loss, params, batches, rate, momentum):
    return steps(loss, params, batches, rate, momentum, velocity=lambda v, g: v + g)


@mistake("6.5", "rate twice", "the rate is in the velocity already, and the step multiplies by it "
         "again.")  # fmt: skip
def rate_twice(right, loss, params, batches, rate, momentum):
    return steps(loss, params, batches, rate, momentum, move=lambda v, g: rate**2 * v)


@mistake("6.5", "always the first parameters", "every loss is taken at the parameters that were "
         "passed in. Take it at those that the last step has made.")  # fmt: skip
def always_the_first(right, loss, params, batches, rate, momentum):
    def first(p, batch):
        return loss(params, batch)

    return steps(first, params, batches, rate, momentum)


@mistake("6.5", "loss after the step", "the history holds losses after the step. It keeps the loss "
         "of each batch before its step, which costs nothing more.")  # fmt: skip
def loss_after_the_step(right, loss, params, batches, rate, momentum):
    seen, history = [], []
    for batch in batches:
        seen.append(batch)
        trained, _ = right.train(loss, params, seen, rate, momentum)
        history.append(loss(trained, batch)[0])
    return right.train(loss, params, batches, rate, momentum)[0], np.array(history)
