"""A compressed index on disk: there and back, through crashes, and with what does not belong there."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tokenlab.errors import StorageError
from tokenlab.retrieval import TokenIndex
from tokenlab.retrieval.compressed import CompressedIndex
from tokenlab.retrieval.storage import MANIFEST

RNG = np.random.default_rng(0)
DOCS = [RNG.standard_normal((n, 4)) for n in (3, 0, 5, 2, 6)]
QUERY = RNG.standard_normal((3, 4))


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Waiting for the disk proves nothing in here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def make():
    index = CompressedIndex.build(DOCS, n_centroids=4, keys=list("abcde"), rng=0)
    index.delete(["d"])
    return index


def grown(index):
    index.add(DOCS[:2], keys=["f", "d"])
    index.delete(["a"])
    return index


def same(a, b):
    assert a.doc_ids.tolist() == b.doc_ids.tolist()
    assert (a.n_tokens, a.sizes.tolist()) == (b.n_tokens, b.sizes.tolist())
    assert a.keys(a.doc_ids) == b.keys(b.doc_ids)
    for i in a.doc_ids:
        np.testing.assert_array_equal(a.doc(i), b.doc(i))
    for impute in ("centroid", "kth"):
        got, expected = (index.search(QUERY, k=9, n_probe=2, impute=impute) for index in (a, b))
        np.testing.assert_array_equal(got.doc_ids, expected.doc_ids)
        np.testing.assert_array_equal(got.scores, expected.scores)


def listing(folder):
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path):
    return make().save(tmp_path / "index")


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("verify", [True, False])
def test_round_trip(tmp_path, mmap, verify):
    path = make().save(str(tmp_path / "deep" / "index"))
    loaded = CompressedIndex.load(str(path), mmap=mmap, verify=verify)
    same(loaded, make())
    assert isinstance(loaded.pieces[0].residuals, np.memmap) is mmap
    exact = loaded.certified_search(QUERY, TokenIndex.from_docs(DOCS), k=3)
    same_exact = make().certified_search(QUERY, TokenIndex.from_docs(DOCS), k=3)
    np.testing.assert_array_equal(exact.doc_ids, same_exact.doc_ids)


def test_an_empty_one_and_one_of_which_all_is_deleted(tmp_path):
    empty = CompressedIndex(make().codec)
    loaded = CompressedIndex.load(empty.save(tmp_path / "empty"))
    assert (loaded.n_docs, loaded.search(QUERY, k=3).doc_ids.size) == (0, 0)
    gone = make()
    gone.delete(gone.doc_ids)
    gone.compact()
    loaded = CompressedIndex.load(gone.save(tmp_path / "gone"))
    assert loaded.add(DOCS[:1], keys=["a"]).tolist() == [5]


def test_only_what_is_new_is_written(folder):
    before = listing(folder)
    loaded = CompressedIndex.load(folder)
    big = [np.concatenate(DOCS)] * 3
    loaded.add(big[:1], keys=["big"])  # a piece of its own, or merged: the codec stays
    same(CompressedIndex.load(folder), make())  # the folder changes by `save` alone
    loaded.save(folder)
    kept = [name for name, inode in listing(folder).items() if before.get(name) == inode]
    assert any(name.startswith("centroids") for name in kept)
    written = listing(folder)
    loaded.add(DOCS[:1], keys=["x"])
    loaded.save(folder)
    kept = [name for name, inode in listing(folder).items() if written.get(name) == inode]
    assert any(name.startswith("residuals") for name in kept)
    same(CompressedIndex.load(folder), loaded)


def test_readers_of_the_old_files_go_on(folder):
    old = CompressedIndex.load(folder)
    grown(CompressedIndex.load(folder)).save(folder)
    same(old, make())
    same(CompressedIndex.load(folder), grown(make()))
    other = CompressedIndex.build(DOCS[:1], keys=["z"], rng=1)
    other.save(folder)
    same(old, make())
    old.save(folder)  # files that it knows are gone by now
    same(CompressedIndex.load(folder), make())
    assert not [name for name in listing(folder) if "tmp" in name or "lock" in name]


# What a save does to files.
CALLS = [
    (os, "open"),
    (os, "fsync"),
    (Path, "open"),
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "mkdir"),
]


class Stops:
    """Lets so many calls through and fails in the next one."""

    def __init__(self, place, error):
        self.place, self.error, self.n = place, error, 0

    def around(self, function):
        def call(*args, **kwargs):
            self.n += 1
            if self.n == self.place:
                raise self.error("stopped here")
            return function(*args, **kwargs)

        return call

    def save(self, index, path):
        """Whether a save went through."""
        with pytest.MonkeyPatch.context() as patch:
            for holder, name in CALLS:
                patch.setattr(holder, name, self.around(getattr(holder, name)))
            try:
                index.save(path)
            except (OSError, KeyboardInterrupt, StorageError):
                return False
        return True


def test_stopped_at_any_call_it_is_as_before_or_after(tmp_path):
    before, after = make(), grown(make())
    for place in range(1, 400):
        path = before.save(tmp_path / str(place))
        index = grown(CompressedIndex.load(path))
        stops = Stops(place, OSError if place % 2 else KeyboardInterrupt)
        whole = stops.save(index, path)
        loaded = CompressedIndex.load(path)
        old = loaded.n_numbers == before.n_numbers
        assert not (whole and old)
        if place % 5 == 0:
            same(loaded, before if old else after)
        index.save(path)  # and the next save goes through
        assert CompressedIndex.load(path).keys([5, 6]) == ["f", "d"]
        shutil.rmtree(path)
        if stops.n < place:
            break
    assert stops.n < place


def test_killed_at_the_first_save_the_folder_can_be_used(tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "residuals.17.tmp").write_bytes(b"half")
    make().save(folder)
    same(CompressedIndex.load(folder), make())
    assert not [name for name in listing(folder) if name.endswith("tmp")]


@pytest.mark.parametrize("change", ["cut", "longer", "gone", "empty", "flipped"])
def test_damage_to_any_file_raises(folder, change):
    for name in listing(folder):
        path = folder / name
        content = path.read_bytes()
        places = np.linspace(0, len(content) - 1, 12).astype(int)
        for place in places if change == "flipped" else [0]:
            damaged = {
                "cut": content[:-1],
                "longer": content + b"\0",
                "gone": None,
                "empty": b"",
                "flipped": content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :],
            }[change]
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            try:
                loaded = CompressedIndex.load(folder)
            except StorageError:
                pass
            else:  # a blank more behind the manifest says the same
                assert name == MANIFEST
                same(loaded, make())
            path.write_bytes(content)
    same(CompressedIndex.load(folder), make())


def test_a_manifest_that_was_edited_is_found(folder):
    content = json.loads((folder / MANIFEST).read_text())
    for key, value in content.items():
        for other in (value + 1 if isinstance(value, int) else None, "x", 10**30):
            (folder / MANIFEST).write_text(json.dumps({**content, key: other}))
            with pytest.raises(StorageError):
                CompressedIndex.load(folder)


def test_foreign_folders_and_other_kinds_are_left_alone(tmp_path, folder):
    tokens = TokenIndex.from_docs(DOCS).save(tmp_path / "tokens")
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "letter.txt").write_text("dear")
    for other in (tokens, letters):
        before = listing(other)
        with pytest.raises(StorageError, match=r"CompressedIndex\.load"):
            CompressedIndex.load(other)
        with pytest.raises(StorageError, match=r"CompressedIndex\.save"):
            make().save(other)
        assert listing(other) == before
    with pytest.raises(StorageError, match=r"TokenIndex\.load"):
        TokenIndex.load(folder)
    with pytest.raises(StorageError, match=r"TokenIndex\.save"):
        TokenIndex.from_docs(DOCS).save(folder)
    with pytest.raises(StorageError, match="there is no folder"):
        CompressedIndex.load(tmp_path / "nowhere")
    same(CompressedIndex.load(folder), make())


def test_a_future_version_is_told(folder):
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**content, "version": 2}))
    with pytest.raises(StorageError, match="version 2"):
        CompressedIndex.load(folder)


def test_numbers_that_lead_nowhere_are_found_behind_right_digests(tmp_path):
    for name, wrong in (("owners", 99), ("codes", 9), ("scale", np.nan)):
        index = make()
        array = getattr(index.pieces[0], name).copy()
        array[0] = wrong
        setattr(index.pieces[0], name, array)
        with pytest.raises(StorageError, match="damaged"):
            CompressedIndex.load(index.save(tmp_path / name))
