"""Photos as patches and codes: `tokenlab quantize`, and what it stands on."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from tokenlab.cli import main
from tokenlab.tour import photo_patches as pp


@pytest.fixture(scope="module")
def cat():
    return pp.photographs()["chelsea"]


def test_a_photo_is_its_patches(cat):
    rows = pp.patches(cat)
    assert rows.shape == (28 * 28, 192)
    np.testing.assert_array_equal(pp.picture(rows), cat)
    # The second patch of the second row: pixel (3, 5) of it, green.
    assert rows[29].reshape(8, 8, 3)[3, 5, 1] == pytest.approx(cat[11, 13, 1] / 255)
    assert len(pp.patches(cat, stride=3)) == 73**2


def test_components_are_a_basis(cat):
    rows = pp.patches(cat)
    basis = pp.principal(rows, 20)
    np.testing.assert_allclose(basis.axes.T @ basis.axes, np.eye(20), atol=1e-5)
    z = basis.channels(rows)
    assert (np.diff(z.var(axis=0)) < 0).all()
    error = [((basis.patches(z * (np.arange(20) < k)) - rows) ** 2).mean() for k in (0, 5, 20)]
    assert error[0] > error[1] > error[2]
    whole = pp.principal(rows, 192)
    np.testing.assert_allclose(whole.patches(whole.channels(rows)), rows, atol=1e-5)


def test_codebooks_never_see_their_photo(cat):
    assert len(pp.others_of(cat)) == 3 * 73**2
    assert len(pp.others_of(cat[::-1])) == 4 * 73**2


def test_decibels():
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert pp.psnr(grey, grey + 1) == pytest.approx(48.1308, abs=1e-4)
    assert pp.psnr(grey, grey) == float("inf")


def test_quantize_prints_bits_and_draws_stages(cat, tmp_path, capsys):
    photo, out = tmp_path / "cat.png", tmp_path / "stages.png"
    Image.fromarray(cat).save(photo)
    small = [str(photo), "--stages", "2", "--n-codes", "16", "--out", str(out)]
    assert main(["quantize", *small]) == 0
    text = capsys.readouterr().out
    rows = [line.split() for line in text.splitlines()]
    assert rows[1][:3] == ["1", "0.062", "392"]  # 784 patches of 4 bits
    assert rows[2][:3] == ["2", "0.125", "784"]
    assert 15 < float(rows[1][3]) < float(rows[2][3]) < 30
    assert [row[0] for row in rows[3:5]] == ["JPEG", "WebP"]
    assert f"{4 * (2 * 16 * 64 + 192 * 64 + 192):,} bytes" in text
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == (452, 452, 3)  # two rows of two, a gap between
    np.testing.assert_array_equal(sheet[228:, :224], cat)
    assert main(["quantize", *small, "--beam", "4"]) == 0
    beam = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert float(beam[2][3]) >= float(rows[2][3])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.png"], "photo 'none.png' does not exist"),
        (["{folder}"], "cannot be read as a picture"),
        (["{text}"], "cannot be read as a picture"),
        (["x.png", "--stages", "0"], "--stages is 0; expected 1 to 16"),
        (["x.png", "--n-codes", "1"], "--n-codes is 1; expected 2 to 1024"),
        (["x.png", "--beam", "99"], "--beam is 99; expected 1 to 64"),
        (["x.png", "-o", "out.gif"], "--out is 'out.gif'"),
        (["x.png", "-o", "{folder}/none/out.png"], "in a folder that is there"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, words, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no picture")
    places = {"folder": str(tmp_path), "text": str(tmp_path / "text.png")}
    assert main(["quantize", *(a.format(**places) for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
