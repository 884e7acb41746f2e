"""What `tools/findings/photos.py` found, as the pages tell it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOUND = json.loads((ROOT / "tools" / "findings" / "photos.json").read_text(encoding="utf-8"))
GUIDE = (ROOT / "docs" / "quantization.md").read_text(encoding="utf-8")


def of(method, bits):
    """Decibels of the four photos."""
    (row,) = (r for r in FOUND["rates"]["rows"] if r[0] == method and abs(r[1] - bits) < 1e-3)
    return row[3:7]


@pytest.mark.parametrize("bits", [0.25, 0.5, 1.0])
def test_parts_beat_stages_on_every_photo_and_a_beam_helps(bits):
    rvq, beam, pq = (of(method, bits) for method in ("RVQ", "RVQ, beam 4", "PQ"))
    assert all(a < min(b, c) for a, b, c in zip(rvq, beam, pq, strict=True))
    assert sum(beam) < sum(pq)
    if bits == 1:
        gains = [b - a for a, b in zip(rvq, beam, strict=True)]
        assert 0.4 < min(gains) < max(gains) < 0.9
        assert f"{min(gains):.2f} to {max(gains):.2f} dB" in GUIDE


def test_files_beat_codes_but_at_the_floor_of_jpeg():
    rows = {r[0]: r for r in FOUND["rates"]["rows"] if r[0].startswith(("JPEG", "WebP"))}
    floor, web = rows["JPEG, quality 2"], rows["WebP, quality 1"]
    rvq = sum(of("RVQ", 0.25)) / 4
    assert floor[1] > 0.25  # more bits, and yet
    assert floor[2] < rvq
    assert web[1] < 0.25
    assert web[2] > sum(of("PQ", 0.5)) / 4
    assert rows["JPEG, quality 10"][2] > sum(of("PQ", 0.5)) / 4


def test_wide_levels_win_on_three_photos_and_lose_on_the_cat():
    gains = {name: wide - narrow for name, narrow, wide, *_ in FOUND["levels"]["rows"]}
    assert gains.pop("chelsea") < 0
    assert min(gains.values()) > 1.3


def test_codes_of_digits_are_recognised_like_pixels_in_fewer_bytes():
    rows = {name: (stored, share) for name, stored, share in FOUND["digits"]["rows"]}
    assert rows["one of 16 codes"] == (8.0, 0.964)
    assert rows["one of 256 codes"][1] == rows["pixels, gzip"][1] == 0.988
    assert rows["one of 256 codes"][0] < 0.7 * rows["pixels, gzip"][0]
    jpeg = rows["JPEG, quality 5"]
    assert jpeg[0] > 8
    assert jpeg[1] < 0.964
