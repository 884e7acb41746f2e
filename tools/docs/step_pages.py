"""The step-through pages: one for every entry of `tokenlab steps`, and a page that shows them."""

from __future__ import annotations

from html import escape
from pathlib import Path

from tokenlab.tour.step_throughs import StepThrough, found

FIRST = "xtr"  # stands open on the page
INTRODUCTION = """---
hide: [navigation]
---

# Step-throughs

A step-through is a run that was recorded: the function's own source on the left, the line that
just ran lit, the value that it made on the right. Press <kbd>←</kbd> and <kbd>→</kbd>, or the
buttons. Every array is real data that comes with the package. Where the weights of a real model
were not installed when a page was made, random ones stand in, and its title says so.

The pages below are what `tokenlab steps NAME` writes. A page is one file and loads nothing: mail
it, or put it into a course.
"""
OWN = """## One of your own

Record any run that calls the library:

```python
from tokenlab import record
from tokenlab.data import load_faq
from tokenlab.retrieval import xtr_search

faq = load_faq()
with record({"n_q": faq.question_tokens[5]}) as steps:
    xtr_search(faq.queries[5], faq.index, k_prime=100, k=3)
steps.to_html("mine.html")
```
"""


def write(folder: Path) -> list[Path]:
    """Write NAME.html for every step-through and index.md; return the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    pages, parts = [], [INTRODUCTION]
    for chosen in found().values():
        steps = chosen.run(chosen.shown)
        subject = chosen.subject(chosen.shown)
        title = f"{chosen.name}: {chosen.about} – {subject}"
        pages.append(steps.to_html(folder / f"{chosen.name}.html", title=title))
        parts.append(_entry(chosen, subject, len(steps)))
    parts.append(OWN)
    (folder / "index.md").write_text("\n".join(parts), encoding="utf-8")
    return pages


def _entry(chosen: StepThrough, subject: str, n: int) -> str:
    name, what = chosen.name, chosen.about
    is_open = " open" if name == FIRST else ""
    return f"""## {name}

{what[0].upper()}{what[1:]}. {n} steps, of: *{subject.rstrip(".")}*

[Open the page]({name}.html), make it with `tokenlab steps {name}`, or read
[the code](../api/{chosen.family}.md).

<details class="steps"{is_open}><summary>Step through {name} here</summary>
<iframe class="steps" src="{name}.html" loading="lazy" title="{escape(f"{name}: {what}")}"></iframe>
</details>
"""
