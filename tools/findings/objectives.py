"""Claims about objectives beyond the next token, and about which question to train on next.

    python tools/findings/objectives.py [ahead caft order angle window] [--short]

Small models, each with several seeds, one thread: two layers of width 64 on nine plays of Shakespeare
(ahead), the package's small model fine-tuned on verses of the Bible (caft), a policy that learns by
GRPO to name the second-largest of some digits (order). `angle` needs the weights of SmolLM2, and its
intervals are by bootstrap; the others are 95 % ones of differences to one row with the same seed,
Student's t over seeds. Writes
`tokenlab/data/findings/objectives.json`.
"""

import functools
import re
from itertools import pairwise

from found import PACKAGE, main, table, timed  # sets one thread, before NumPy is imported

# isort: split
import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from tokenlab import models
from tokenlab.autograd import value_and_grad
from tokenlab.data import load_faq, load_text, load_tiny_lm
from tokenlab.models import llama, transformer
from tokenlab.models.layers import cross_entropy, rms_norm, silu
from tokenlab.numerics import log_softmax, softmax
from tokenlab.objectives import caft, future_token, gain_rl, grpo, multi_token
from tokenlab.tape import mapped
from tokenlab.tokenizers import BPE
from tokenlab.training import adam, adam_start, train

VOCAB, D, LAYERS, HEADS, N, B = 512, 64, 2, 4, 64, 16
HORIZON, PLACES = 4, 16
PLAYS = re.compile(r"(?:^|\n)[^\n]+\n\nACT I\n")


@functools.cache
def tokenizer():
    """512 tokens, learned from a part of the plays."""
    return BPE.train(load_text("shakespeare")[:200_000], VOCAB)


@functools.cache
def plays():
    """The tokens of each play."""
    text = load_text("shakespeare")
    ends = [match.start() for match in PLAYS.finditer(text)] + [len(text)]
    return [np.array(tokenizer().encode(text[a:b])) for a, b in pairwise(ends)]


def learned():
    """Tokens that models are fitted to: all but the last 15 % of every play."""
    return np.concatenate([play[: int(0.85 * len(play))] for play in plays()])


def held_out():
    """Windows of the rest, and which play each is from: (m, n), (m,)."""
    rests = [play[int(0.85 * len(play)) :] for play in plays()]
    rows = [rest[: len(rest) // N * N].reshape(-1, N) for rest in rests]
    return np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(r) for r in rows])


def batches(ids):
    """Random windows of a text."""

    def draw(rng):
        starts = rng.integers(0, len(ids) - N, B)
        return ids[starts[:, None] + np.arange(N)]  # (b, n)

    return draw


def spread(values):
    """A mean, and half of its 95 % interval."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return values.mean(), float("nan")
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return values.mean(), half


def fitted(loss, params, ids, seed, steps, rate=3e-3):
    """Parameters after so many steps."""
    warmup = min(50, steps // 4)
    return train(
        loss, params, batches(ids), rate=rate, steps=steps, warmup=warmup, clip=1.0, rng=seed
    )[0]


# A. looking ahead: GPT, heads, FTP ----------------------------------------------------------------


def usual_loss(params, ids):
    return cross_entropy(transformer.forward(params, ids)[:, :-1], ids[:, 1:])


def heads_loss(params, ids):
    return multi_token.loss(heads_logits(params, ids), ids)


def heads_logits(params, ids):
    """One layer for every distance on one trunk."""
    trunk = params["trunk"]
    norm = functools.partial(transformer.normed, trunk["norm"])
    states = transformer.states(trunk, ids)
    return caft.head_logits(params["heads"], states, trunk["embed"].T, norm=norm)[1:]


def future_loss(places):
    """FTP at some positions of every text, drawn anew for each step."""

    def loss(params, ids):
        rows = np.arange(len(ids))[:, None]
        at = places.permuted(np.tile(np.arange(N), (len(ids), 1)), axis=1)[:, :PLACES]
        inputs, targets = future_token.windows(ids, HORIZON)
        h = future_token.encode(params, ids)[rows, at]
        logits = future_token.decode(params, h, inputs[rows, at])
        return future_token.loss(logits, targets[rows, at])

    return loss


def models_ahead(seed, steps):
    """Name, vectors and losses at every distance of each kind, for windows of ids."""
    shape = {"vocab": VOCAB, "d": D, "heads": HEADS, "rng": seed}
    ids = learned()
    for layers in (LAYERS, LAYERS + 1):
        start = transformer.init(layers=layers, length=N, **shape)
        gpt = fitted(usual_loss, start, ids, seed, steps)
        yield f"GPT, {layers} layers", lambda x, p=gpt: transformer.states(p, x), None, gpt
    start = {
        "trunk": transformer.init(layers=LAYERS, length=N, **shape),
        "heads": caft.init_heads(D, HORIZON, kind="layer", rng=seed),
    }
    several = fitted(heads_loss, start, ids, seed, steps)
    states = lambda x: transformer.states(several["trunk"], x)  # noqa: E731
    yield "four heads", states, lambda x: multi_token.head_losses(heads_logits(several, x), x), None
    start = future_token.init(layers=LAYERS, horizon=HORIZON, n_max=N, **shape)
    ftp = fitted(future_loss(np.random.default_rng(seed)), start, ids, seed, steps)

    def distances(x):
        targets = future_token.windows(x, HORIZON).targets
        return future_token.distance_losses(future_token.forward(ftp, x), targets)

    yield "FTP", lambda x: future_token.encode(ftp, x), distances, None


def probed(x, labels, seed):
    """How often a linear map tells the play of windows that it was not fitted to."""
    first = np.zeros(len(x), bool)
    for play in np.unique(labels):
        rows = np.flatnonzero(labels == play)
        first[rows[: int(0.6 * len(rows))]] = True  # later windows are for the test
    x = ((x - x[first].mean(0)) / x[first].std(0)).astype(np.float32)

    def loss(params, rows):
        out = x[rows] @ params["w"] + params["b"]
        return cross_entropy(out, labels[rows]) + 1e-3 * (params["w"] ** 2).sum()

    n = int(labels.max()) + 1
    start = {"w": np.zeros((x.shape[1], n), np.float32), "b": np.zeros(n, np.float32)}
    params, _ = train(loss, start, lambda rng: np.flatnonzero(first), rate=0.05, steps=200, rng=0)
    told = (x[~first] @ params["w"] + params["b"]).argmax(axis=1)
    return (told == labels[~first]).mean()


MEASURES = ("next token", "adjacent", "two drawn", "adjacent, centred", "8 apart, centred", "play")


def measured(states, losses, gpt, seed):
    """A model's numbers, and its losses by distance."""
    windows, labels = held_out()
    some = windows[:: max(len(windows) // 300, 1)]
    each = [usual_loss(gpt, some)] if losses is None else losses(some)
    h = states(windows)  # (m, n, d)
    mixed = np.random.default_rng(seed).permutation(h.reshape(-1, D))[None]
    numbers = [
        float(each[0]),
        future_token.smoothness(h),
        future_token.smoothness(mixed),
        future_token.smoothness(h, center=True),
        future_token.smoothness(h, lag=8, center=True),
        probed(h.mean(axis=1), labels, seed),
    ]
    return numbers, [float(x) for x in each]


def ahead(options):
    """GPT, GPT with one layer more, heads, and FTP."""
    seeds, steps = (range(1), 20) if options.short else (range(2), 400)
    found, by_distance, seconds = {}, {}, {}
    for seed in seeds:
        runs = models_ahead(seed, steps)
        while True:
            run, spent = timed(lambda r=runs: next(r, None))
            if run is None:
                break
            name, *asked = run
            numbers, each = measured(*asked, seed)
            found.setdefault(name, []).append(numbers)
            by_distance.setdefault(name, []).append(each)
            seconds.setdefault(name, []).append(spent)
            print(name, seed, np.round(numbers, 3), np.round(each, 3), spent, flush=True)
    return ahead_table(found, by_distance, seconds, steps)


def ahead_table(found, by_distance, seconds, steps):
    """Means over seeds, differences to the usual model with the same seed, losses by distance."""
    base = np.array(found["GPT, 2 layers"])
    rows = []
    for name, values in found.items():
        values = np.array(values)
        _, half = spread(values[:, 0] - base[:, 0])
        price = values[:, 0].mean() - base[:, 0].mean()
        rows.append([name, values[:, 0].mean(), price, half, *values[:, 1:].mean(axis=0)])
        rows[-1].append(np.mean(seconds[name]))
    columns = ["model", "L_1", "less GPT's", "±", *MEASURES[1:], "seconds"]
    far = [[name, *np.mean(by_distance[name], axis=0)] for name in ("four heads", "FTP")]
    return table(
        f"A. Looking ahead, {steps} steps, {len(base)} seeds",
        columns,
        rows,
        remark="Nats of the next token on the last 15 % of nine plays; mean cosines of vectors; the "
        "share of windows whose play a linear map tells (chance 0.11). FTP decodes at 16 of 64 "
        "positions in training.",
        distances=table(
            "Losses by distance",
            ["model", *(f"L_{k}" for k in range(1, HORIZON + 1))],
            far,
            remark="Of heads without the tokens between, of FTP with them: not one column.",
        ),
        seeds=[[name, *np.round(np.array(v)[:, 0], 4).tolist()] for name, v in found.items()],
    )


# B. CAFT: fine-tuning with heads that look ahead --------------------------------------------------

AUXILIARY, TUNED = 3, 60


def verses():
    """Tokens of the Bible: to fine-tune on, and to test on."""
    ids = np.array(load_tiny_lm().tokenizer.encode(load_text("bible")[:500_000]))
    return ids[: int(0.85 * len(ids))], ids[int(0.85 * len(ids)) :]


def all_logits(params, heads, ids):
    """The model's own, and those of its heads."""
    norm = functools.partial(transformer.normed, params["norm"])
    return caft.head_logits(heads, transformer.states(params, ids), params["embed"].T, norm=norm)


def words_of(ids):
    """Words of two tokens and more in a window: (start, stop), from place 1 on."""
    pieces = [load_tiny_lm().tokenizer.tokens[i] for i in ids.tolist()]
    starts = [i for i, piece in enumerate(pieces) if not piece[:1].isalpha()] + [len(ids)]
    # A token that begins with a letter goes on; one with a blank, or of other signs, begins anew.
    spans = [(a, b) for a, b in pairwise(starts) if b - a >= 2 and a >= 1]
    return [(a, b) for a, b in spans if b < len(ids) and pieces[a].strip().isalpha()]


def judged(params, ids):
    """Nats a token, and the mean log-probability of words of several tokens."""
    rows = ids[: len(ids) // N * N].reshape(-1, N)[:200]
    log_p = log_softmax(transformer.forward(params, rows))
    nats = -np.take_along_axis(log_p[:, :-1], rows[:, 1:, None], 2).mean()
    found = []
    for row, own in zip(rows, log_p, strict=True):
        spans = words_of(row)
        if spans:
            found.extend(caft.concept_log_probs(own, row, np.array(spans)))
    return float(nats), float(np.mean(found))


def tuned(params, heads, ids, seed, steps, *, alpha, kind="rsine", both=False):
    """The model after fine-tuning; `both` trains the heads along."""
    done = iter(range(10**9))

    def loss(trained, rows):
        model, own = (trained["model"], trained["heads"]) if both else (trained, heads)
        if alpha == 0:
            return usual_loss(model, rows)
        options = {"progress": min(next(done) / steps, 1.0), "alpha": alpha, "kind": kind}
        options["beta"] = 1.0 if both else 0.8
        return caft.loss(all_logits(model, own, rows), rows, **options)

    start = {"model": params, "heads": heads} if both else params
    after = fitted(loss, start, ids, seed, steps, rate=5e-4)
    return after["model"] if both else after


def caft_rows(options):
    """Plain fine-tuning, two weights of CAFT, and heads that nobody trained."""
    seeds, steps = (range(1), 5) if options.short else (range(3), TUNED)
    ids, test = verses()
    params = mapped(np.copy, load_tiny_lm().params)  # has read other plays
    plays_ids = np.array(load_tiny_lm().tokenizer.encode(load_text("shakespeare")[:400_000]))
    found = {}
    for seed in seeds:
        layer = params["blocks"][-1]
        fresh = caft.init_heads(D, AUXILIARY, kind="layer", layer=layer)

        def alone(heads, rows):
            logits = all_logits(params, heads, rows)
            return caft.loss(logits, rows, progress=0.0, alpha=1.0, main=False)

        heads = fitted(alone, fresh, plays_ids, seed, steps, rate=1e-3)
        new = caft.init_heads(D, AUXILIARY, kind="layer", rng=seed)
        naive = {"alpha": 1.0, "kind": "constant", "both": True}
        runs = {
            "before": lambda: params,
            "plain": lambda: tuned(params, heads, ids, seed, steps, alpha=0.0),  # noqa: B023
            "CAFT, alpha 0.01": lambda: tuned(params, heads, ids, seed, steps, alpha=0.01),  # noqa: B023
            "CAFT, alpha 0.3": lambda: tuned(params, heads, ids, seed, steps, alpha=0.3),  # noqa: B023
            "naive heads": lambda: tuned(params, new, ids, seed, steps, **naive),  # noqa: B023
        }
        for name, run in runs.items():
            model, seconds = timed(run)
            found.setdefault(name, []).append((*judged(model, test), seconds))
            print(name, seed, np.round(found[name][-1], 4), flush=True)
    return caft_table(found, steps)


def caft_table(found, steps):
    """Means over seeds, and differences to plain fine-tuning with the same seed."""
    base, rows = np.array(found["plain"]), []
    for name, values in found.items():
        values = np.array(values)
        cells = []
        for i in range(2):
            cells += [values[:, i].mean(), *spread(values[:, i] - base[:, i])]
        rows.append([name, *cells, values[:, 2].mean()])
    return table(
        f"B. CAFT, {steps} steps on verses, {len(base)} seeds",
        [
            "fine-tuning",
            "nats",
            "less plain's",
            "±",
            "log p of words",
            "less plain's",
            "±",
            "seconds",
        ],
        rows,
        remark="On verses that were not seen; words of two tokens and more, their tokens' "
        "log-probabilities added. Three auxiliary heads, copies of the last layer, trained beforehand; "
        "naive ones are new, count as much as the model's own loss, and are trained along.",
    )


# C. which question next: tiny GRPO ----------------------------------------------------------------

POOL, DRAWN, GROUP, EPOCHS, STEPS_EACH = 1000, 48, 8, 20, 5
START, EQUALS, LONGEST = 10, 11, 6


def digit_questions(n, rng):
    """`start digits =` with 2 to 6 digits, filled up behind; the second-largest; how many digits."""
    terms = rng.integers(2, LONGEST + 1, n)
    ids = np.full((n, LONGEST + 2), START)
    digits = rng.integers(0, 10, (n, LONGEST))
    for row, own, k in zip(ids, digits, terms, strict=True):
        row[1 : k + 1], row[k + 1] = own[:k], EQUALS
    answers = [np.sort(own[:k])[-2] for own, k in zip(digits, terms, strict=True)]
    return ids, np.array(answers), terms


def answer_logits(params, ids, terms):
    """What the policy would say behind `=`, (n, vocab)."""
    return transformer.forward(params, ids)[np.arange(len(ids)), terms + 1]


def right_shares(params, questions):
    """The probability of the right answer to each question, and whether it is the likeliest."""
    ids, answers, terms = questions
    p = softmax(answer_logits(params, ids, terms).astype(np.float64))
    return p[np.arange(len(ids)), answers], p.argmax(axis=1) == answers


def concentrated(params, questions):
    """The angle concentration of each question, behind the start: what enters the last MLP."""
    ids, _, terms = questions
    kept = {}
    transformer.forward(params, ids, tap=lambda layer, x: kept.__setitem__(layer, x))
    last, block = kept[len(params["blocks"]) - 1], params["blocks"][-1]
    causal = np.tri(ids.shape[1], dtype=bool)
    x = last + transformer.self_attention(block, transformer.normed(block["norm1"], last), causal)
    x = transformer.normed(block["norm2"], x)  # (n, length, d)
    each = [gain_rl.angle_concentration(row[: k + 2], 1) for row, k in zip(x, terms, strict=True)]
    return np.array([c.total for c in each])


def improved(params, state, questions, rng, rate=1e-3):
    """One step of GRPO on some questions."""
    ids, answers, terms = questions
    p = softmax(answer_logits(params, ids, terms).astype(np.float64))
    drawn = (p.cumsum(axis=1)[:, None] < rng.random((len(ids), GROUP, 1))).sum(axis=2)  # (m, group)
    worth = grpo.advantages((drawn == answers[:, None]).astype(np.float32))
    rows, places = np.arange(len(ids))[:, None], np.minimum(drawn, p.shape[1] - 1)

    def loss(params):
        said = log_softmax(answer_logits(params, ids, terms))[rows, places]
        return grpo.loss(said.reshape(-1, 1), worth.reshape(-1))

    _, grads = value_and_grad(loss)(params)
    params, state = adam(params, grads, state, rate=rate)
    return params, state, (drawn == answers[:, None]).mean()


def course(name, params, pool, rng):
    """Parameters after the training with questions in one order, and where the window stood."""
    likely, _ = right_shares(params, pool)
    scores = {
        "angle": (angle := concentrated(params, pool)),
        "angle, the paper's step": angle,
        "reversed angle": -angle,
        "short first": -pool[2].astype(float),
        "easy first": likely,
    }
    step = POOL / 15 if name.endswith("step") else POOL / (1.4 * EPOCHS)
    ranking = gain_rl.order(scores[name]) if name in scores else None
    state, mean, n = adam_start(params), 0.0, DRAWN * STEPS_EACH
    for _ in range(EPOCHS):
        if name == "uniform":
            chosen = rng.choice(POOL, n, replace=False)
        elif name == "own success p (1 - p)":
            weights = (p := right_shares(params, pool)[0]) * (1 - p) + 1e-6
            chosen = rng.choice(POOL, n, replace=False, p=weights / weights.sum())
        else:
            chosen = gain_rl.sample(ranking, n, mean, sigma=POOL / 7.5, rng=rng)
        accuracy = []
        for rows in chosen.reshape(STEPS_EACH, DRAWN):
            params, state, right = improved(params, state, [x[rows] for x in pool], rng)
            accuracy.append(right)
        if ranking is not None:
            now = concentrated(params, [x[chosen[::5]] for x in pool]).mean() / 2
            options = {"n": step, "limits": (0.0, 2 * step)}
            mean = gain_rl.next_mean(mean, float(np.mean(accuracy)), float(now), **options)
    return params, mean


ORDERS = ("uniform", "own success p (1 - p)", "angle", "angle, the paper's step")
ORDERS += ("reversed angle", "short first", "easy first")


def beginner(seed, rng):
    """A policy that was shown right answers for some steps."""
    params = transformer.init(vocab=12, d=32, layers=2, heads=4, length=LONGEST + 2, rng=seed)

    def shown(params, ids, answers, terms):
        return cross_entropy(answer_logits(params, ids, terms), answers)

    return train(
        shown, params, lambda rng: digit_questions(128, rng), rate=1e-2, steps=40, rng=rng
    )[0]


def order(options):
    """GRPO on a thousand questions, in several orders."""
    seeds = range(1) if options.short else range(8)
    found, ends, before = {}, {}, []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pool, test = digit_questions(POOL, rng), digit_questions(2000, rng)
        start = beginner(seed, rng)
        before.append(right_shares(start, test)[1].mean())
        for name in ORDERS:
            (params, mean), seconds = timed(
                lambda n=name, p=start, q=pool, s=seed: course(n, p, q, np.random.default_rng(s))
            )
            found.setdefault(name, []).append(right_shares(params, test)[1].mean())
            ends.setdefault(name, []).append((mean, seconds))
        print(seed, before[-1], {k: round(float(v[-1]), 3) for k, v in found.items()}, flush=True)
    base, rows = np.array(found["uniform"]), []
    for name, values in found.items():
        difference, half = spread(np.array(values) - base)
        mean, seconds = np.mean(ends[name], axis=0)
        stands = "" if name.startswith(("uniform", "own")) else round(mean)
        rows.append([name, np.mean(values), difference, half, stands, seconds])
    return table(
        f"C. Tiny GRPO, 100 steps, {len(seeds)} seeds",
        ["order", "accuracy", "less uniform's", "±", "mean at the end", "seconds"],
        rows,
        remark=f"The second-largest of 2 to 6 digits; before: {np.mean(before):.3f}. 1,000 questions, "
        "20 epochs of 240 drawn ones, 8 answers each. The mean is that of the window over the ranks.",
    )


# E. does the angle tell the gradient? ---------------------------------------------------------------

OPENING = "You answer questions, briefly and correctly.\n\nQuestion: "
ANSWERED = 48  # tokens of an answer that are looked at


def sums(n, rng):
    """Sums of two to twelve numbers, told in words."""
    things = ("apples", "books", "stones", "coins", "letters")
    found = []
    for _ in range(n):
        parts = rng.integers(2, 90, rng.integers(2, 13)).tolist()
        told = ", then ".join(f"{x} {things[int(rng.integers(len(things)))]}" for x in parts)
        found.append((f"Ann finds {told}. How many things has she found?", f"{sum(parts)} things."))
    return found


def last_layer(model, ids):
    """What enters the last MLP's matrices, and the stream that its output is added to."""
    kept, n = {}, len(model.params["layers"])
    llama.forward(
        model.params,
        model.config,
        ids,
        head=lambda z: z[:1],
        tap=lambda layer, x: kept.__setitem__("x", x) if layer == n else None,
        edit_mlp=lambda layer, y: kept.__setitem__("y", y) if layer == n else None,
    )
    stream = kept["x"] - kept["y"]  # (n, d)
    return rms_norm(stream, model.params["layers"][-1]["norm2"], model.config.eps), stream


def gradient_of(model, x, stream, ids, rows):
    """The loss of the tokens behind some rows, and its gradient for what comes out of `up`."""
    p, table_ = model.params["layers"][-1], model.params["embed"].T
    gate = silu(x @ p["gate"])  # (n, m)

    def loss(u):
        z = rms_norm(stream + (gate * u) @ p["down"], model.params["norm"], model.config.eps)
        return cross_entropy(z[rows] @ table_, ids[rows + 1])

    return value_and_grad(loss)(x @ p["up"])


def of_prompt(model, question, answer):
    """Numbers of one question: its angles and length, its losses and gradients' norms."""
    before, own = model.encode(OPENING), model.encode(question)
    behind = model.encode("\nAnswer: " + answer)[:ANSWERED]
    ids, n = np.concatenate([before, own, behind]), len(before) + len(own)
    x, stream = last_layer(model, ids)
    paper = gain_rl.angle_concentration(x[:n], len(before))
    other = gain_rl.angle_concentration(x[:n], len(before), diagonal=False)
    found = {"C": paper.total, "C, no diagonal": other.total, "length": len(own)}
    for name, rows in (
        ("question", np.arange(len(before) - 1, n - 1)),
        ("answer", np.arange(n - 1, len(ids) - 1)),
    ):
        value, g = gradient_of(model, x, stream, ids, rows)
        # |X^T G|^2 by the n x n terms, which is less than the matrix of d x m.
        terms = gain_rl.gradient_terms(x.astype(np.float64), g.astype(np.float64))
        found[f"loss, {name}"] = float(value)
        found[f"norms, {name}"] = float(np.trace(terms))
        found[f"gradient, {name}"] = float(max(terms.sum(), 0) ** 0.5)
    return found


def spearman(a, b, given=None):
    """Rank correlation, also of what a third quantity leaves."""
    a, b = (rankdata(x) - (len(x) + 1) / 2 for x in (a, b))
    if given is not None:
        c = rankdata(given) - (len(given) + 1) / 2
        a, b = (x - c * (c @ x) / (c @ c) for x in (a, b))
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-30))


def with_interval(measures, rows, what, target, given=None):
    """A rank correlation and its bootstrap interval over prompts."""
    cells = []
    rng = np.random.default_rng(0)
    pick = lambda chosen: spearman(  # noqa: E731
        measures[what][chosen],
        measures[target][chosen],
        None if given is None else measures[given][chosen],
    )
    cells.append(pick(np.arange(rows)))
    drawn = [pick(rng.integers(0, rows, rows)) for _ in range(1000)]
    return [*cells, *np.quantile(drawn, (0.025, 0.975))]


def angle(options):
    """Rank correlations with the norm of the gradient of the last `up` matrix."""
    model = models.load("smollm2")
    faq = load_faq()
    answers = [re.sub(r"\s+", " ", faq.answers[i]) for i in faq.labels]
    sets = {
        "FAQ": list(zip(faq.questions, answers, strict=True))[:100][:: 20 if options.short else 1],
        "sums": sums(4 if options.short else 60, np.random.default_rng(0)),
    }
    rows = []
    for name, prompts in sets.items():
        each = [of_prompt(model, *prompt) for prompt in prompts]
        measures = {key: np.array([row[key] for row in each]) for key in each[0]}
        for part in ("question", "answer"):
            target = f"gradient, {part}"
            for what in ("C", "C, no diagonal", "length", f"loss, {part}", f"norms, {part}"):
                told = with_interval(measures, len(each), what, target)
                left = (
                    ["", "", ""]
                    if what == "length"
                    else with_interval(measures, len(each), what, target, "length")
                )
                rows.append([name, len(each), part, what.partition(", q")[0].partition(", a")[0]])
                rows[-1] += [*told, *left]
        length = spearman(measures["C"], measures["length"])
        rows.append([name, len(each), "length", "C", length, "", "", "", "", ""])
    columns = ["prompts", "n", "gradient of the loss on the", "measure", "Spearman", "from", "to"]
    return table(
        "E. Does the angle tell the gradient?",
        [*columns, "given length", "from", "to"],
        rows,
        remark="SmolLM2-135M, the gradient of the last layer's up matrix; norms: the sum of |x|²|g|² over "
        "tokens. Intervals: 95 %, 1,000 bootstraps over prompts.",
    )


def window(options):
    """Where the window stands, epoch after epoch, with the released numbers."""
    rows = []
    for size in (1000, 7473):
        mean, left = 0.0, None
        for epoch in range(1, 122):
            mean = gain_rl.next_mean(mean, 0.5, 0.5)
            left = epoch if left is None and mean > size - 1 else left
        p = gain_rl.sampling_probabilities(size, mean)
        last = float(p[-10:].sum())
        squares = -((np.arange(size) - mean) ** 2) / (2 * 1000.0**2)
        beyond = float(np.exp(squares).sum())
        rows.append([f"{size:,}", left, mean, beyond, last])
    return table(
        "D. The window leaves the data",
        [
            "questions",
            "beyond the last in epoch",
            "mean in epoch 121",
            "sum of weights",
            "last ten",
        ],
        rows,
        remark="Accuracy and angle .5, sigma 1,000. Where the released weights sum to 0, its sampler "
        "divides 0 by 0; ours draws from logarithms: the last column is their share of the last ten.",
    )


if __name__ == "__main__":
    parts = {"ahead": ahead, "caft": caft_rows, "order": order, "window": window, "angle": angle}
    main("objectives", __doc__, parts, folder=PACKAGE)
