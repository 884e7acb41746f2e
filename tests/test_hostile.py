"""Every public argument with what a person may pass by mistake: an answer, or an error that helps.

`python tests/hostile.py` lists by function what is counted here.
"""

import hostile
import pytest

# Nothing is left; a new function that leaves something is to be mended.
BOUNDS = {"raw": 0, "taken": 0, "no argument": 0, "other function": 0}


@pytest.fixture(scope="module")
def found():
    return list(hostile.outcomes())


def test_every_function_is_found(found):
    assert len({outcome.name for outcome in found}) > 150
    assert len(found) > 10_000


def test_hostile_calls(found, capsys):
    kinds, left = hostile.tally(found)
    with capsys.disabled():
        print(f"\n{len(found)} hostile calls: {dict(kinds)}")
        print("most is left in " + ", ".join(f"{name} {n}" for name, n in left.most_common(8)))
    assert {kind: n for kind, n in kinds.items() if n > BOUNDS.get(kind, n)} == {}


def test_what_takes_and_the_checks_guard_is_never_raw(found):
    """These two stand for all that goes through `@takes`: nothing raw, nothing unnamed."""
    for name in ("alignment", "unit"):
        bad = [o for o in found if o.name == name and o.kind != "fine"]
        assert bad == [], bad[:3]
