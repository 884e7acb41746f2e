"""Draw the pictures of the README and the docs: `python tools/make_pictures.py`."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from tokenlab.data import load_faq
from tokenlab.numerics import topk
from tokenlab.tour.retrieval import xtr_steps
from tokenlab.tour.terminal import short

IMAGES = Path(__file__).parent.parent / "docs" / "images"
QUESTION, K_PRIME, SHOWN = 5, 100, 8


def xtr_picture() -> plt.Figure:
    """The candidates of one question: what was retrieved, what was imputed, and the scores."""
    faq, steps = load_faq(), xtr_steps(QUESTION, K_PRIME)
    best = topk(steps["scores"], SHOWN)
    filled, hit = steps["filled in"][best.ids], steps["hit"][best.ids]
    docs = steps["candidates"][best.ids]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.4), width_ratios=(3, 1), sharey=True, layout="constrained"
    )
    image = left.imshow(filled, cmap="cividis", aspect="auto", vmin=0.3, vmax=1)
    for row, col in zip(*(~hit).nonzero(), strict=True):
        box = Rectangle((col - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", ec="white", lw=0)
        left.add_patch(box)
    for row in range(SHOWN):
        for col in range(filled.shape[1]):
            text, dark = f"{filled[row, col]:.2f}", filled[row, col] > 0.68
            style = {"color": "black" if dark else "white", "size": 9}
            patch = {"facecolor": image.cmap(image.norm(filled[row, col])), "lw": 0, "pad": 1.5}
            left.text(col, row, text, ha="center", va="center", bbox=patch, **style)
    left.set_xticks(range(filled.shape[1]), faq.question_tokens[QUESTION])
    left.set_yticks(range(SHOWN), [short(faq.questions[doc], 46) for doc in docs])
    left.set_ylabel("candidates: the answer to …")
    left.set_xlabel(
        "tokens of the question; hatched: nothing retrieved, the 100th similarity imputed"
    )
    left.set_title(f"“{faq.questions[QUESTION]}”", loc="left")
    right.barh(range(SHOWN), best.values, color="0.35")
    right.set_xlim(0, 0.95)
    right.set_xlabel("XTR score")
    right.bar_label(right.containers[0], fmt="%.3f", padding=3, size=9)
    figure.colorbar(image, ax=left, label="cosine similarity", pad=0.01)
    return figure


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    xtr_picture().savefig(IMAGES / "xtr.png", dpi=120)
    print(f"wrote {IMAGES / 'xtr.png'}")
