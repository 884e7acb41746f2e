"""What networks drew, as it is stored: the guide shows it, every table has the Gaussian's row."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tools" / "findings"
NAMES = ("digits", "channels", "windows", "volumes")
FOUND = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in NAMES}


def test_the_guide_shows_what_is_stored(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import found

    page = (ROOT / "docs" / "quantization.md").read_text(encoding="utf-8")
    assert found.filled(page) == page, "python tools/findings/found.py docs/quantization.md"
    sys.modules.pop("found")


@pytest.mark.parametrize("part", ["A", "B", "F"])
def test_every_table_of_quality_has_the_gaussian(part):
    rows = {row[0]: row for row in FOUND["digits"][part]["rows"]}
    assert rows["test digits"][2] == pytest.approx(0.99, abs=0.005)
    assert rows["a Gaussian for each class"][2:] == pytest.approx(
        [0.99, 0.006, 0.2, 1.15, 0.65], abs=0.02
    )


def test_a_floor_and_stage_scales_keep_the_loss_bounded():
    rows = FOUND["digits"]["A"]["rows"]
    found = {row[0]: row[2] for row in rows}
    floor, scaled = found["floor at the quantizer's error"], found["floor, and stage scales"]
    assert found["no floor"] + 0.1 < floor < scaled - 0.2


def test_noisy_context_is_robust_and_clean_context_draws_better():
    noisy, clean = FOUND["digits"]["F"]["disturbed"]["rows"]
    assert noisy[-1] / noisy[1] < 1.3 < 1.8 < clean[-1] / clean[1]
    frechet = {(row[0], row[1]): row[4] for row in FOUND["digits"]["F"]["rows"]}
    assert frechet["xAR, clean context", 80] < frechet["xAR, noisy context", 80]


def test_the_channel_head_gains_by_context_and_not_by_the_order_of_frequency():
    nats = {row[0]: row[1] for row in FOUND["channels"]["E-head"]["rows"]}
    assert nats["in order"] < nats["parallel"] - 0.2
    assert nats["in order"] < nats["no context"] - 0.2
    assert nats["by frequency"] > nats["in order"] - 0.02
    assert all(row[3] > 1 for row in FOUND["channels"]["E-levels"]["rows"])


def test_steps_pay_where_the_network_looks():
    curves = {row[0].split(" (")[0]: row[1:] for row in FOUND["digits"]["B-context"]["rows"]}
    gains = {name: curve[0] - min(curve) for name, curve in curves.items()}
    assert gains["ResGen, fast, from k-means"] > 0.5
    assert max(gains["MaskGIT"], gains["ResGen, slow"]) < 0.1
    frechet = {(row[0], row[1]): row[4] for row in FOUND["digits"]["B"]["rows"]}
    assert frechet["ResGen, random", 16] < 0.6 * frechet["ResGen, random", 1]
    assert frechet["ResGen, random, slow", 16] > 0.95 * frechet["ResGen, random, slow", 1]
    # The Gaussian is better than all of them.
    assert min(frechet.values()) == frechet["test digits", ""]
    assert sorted(frechet.values())[1] == frechet["a Gaussian for each class", 0]


def test_windows_save_operations_and_cost_nats():
    rows = FOUND["windows"]["G"]["rows"]
    nats, operations = ([row[i] for row in rows] for i in (2, 5))
    assert nats == sorted(nats)
    assert operations == sorted(operations, reverse=True)
    assert operations[0] > 10 * operations[2]


def test_far_ahead_the_next_code_rolled_out_is_best():
    rows = {(row[0], row[1]): row[2:5] for row in FOUND["volumes"]["H"]["rows"]}
    best = rows.pop(("next", "rolled out"))
    assert all(mine < other for row in rows.values() for mine, other in zip(best, row, strict=True))
    probes = {row[0]: row[2] for row in FOUND["volumes"]["H"]["probe"]["rows"]}
    assert max(probes, key=probes.get) == "next"
