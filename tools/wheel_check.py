"""Run by the gate with an installed wheel and numpy alone: does the package hold what it needs?"""

import sys
from pathlib import Path

import tokenlab
from tokenlab import record
from tokenlab.assignments import load_all
from tokenlab.assignments.folders import answer_report
from tokenlab.data import load_faq
from tokenlab.retrieval import TokenIndex, maxsim, xtr_loss, xtr_search
from tokenlab.tutorial_command import tutorials

assert "site-packages" in tokenlab.__file__, f"not the installed wheel: {tokenlab.__file__}"
faq = load_faq()
with record() as steps:
    result = xtr_search(faq.queries[0], faq.index, k_prime=100, k=3)
assert result.doc_ids[0] == faq.labels[0] == maxsim(faq.queries[0], faq.index).argmax()
page = steps.to_html("xtr.html")
assert page.stat().st_size > 10_000
assert repr(steps)
assert TokenIndex.load(faq.index.save("faq.index")).n_docs == 158
assert xtr_loss(faq.queries[0], [faq.index.doc(i) for i in range(4)], 32).loss > 0
assert all("site-packages" in str(assignment.folder) for assignment in load_all())
assert len(tutorials()) > 10
assert all("site-packages" in str(tutorial.path) for tutorial in tutorials())
assert answer_report(load_all()[0]).count("| solution |") == len(load_all()[0].tasks)
assert not {"numba", "scipy", "matplotlib"} & set(sys.modules)
assert (Path(tokenlab.__file__).parent / "py.typed").exists()
print(f"tokenlab {tokenlab.__version__} works from {tokenlab.__file__}")
