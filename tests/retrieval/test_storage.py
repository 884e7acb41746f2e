"""A folder on disk: there and back, through crashes, and with what does not belong there."""

import gc
import io
import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import strategies as own
from hypothesis import given

from tokenlab.errors import StorageError
from tokenlab.retrieval import TokenIndex, maxsim, xtr_search
from tokenlab.retrieval.storage import MANIFEST


def make(seed=0, dtype=np.float32, lengths=(3, 0, 2)):
    tokens = np.random.default_rng(seed).standard_normal((sum(lengths), 4)).astype(dtype)
    return TokenIndex(tokens, np.cumsum([0, *lengths]))


def same(a, b):
    assert a.tokens.dtype == b.tokens.dtype
    np.testing.assert_array_equal(a.tokens, b.tokens)
    np.testing.assert_array_equal(a.offsets, b.offsets)


@pytest.fixture
def folder(tmp_path):
    return make().save(tmp_path / "index")


def manifest(folder):
    return json.loads((folder / MANIFEST).read_text())


def edit(folder, change):
    content = manifest(folder)
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content))


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


# there and back --------------------------------------------------------------------------------


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(tmp_path, dtype, mmap, verify):
    index = make(dtype=dtype)
    path = index.save(str(tmp_path / "deep" / "index"))
    assert path == tmp_path / "deep" / "index"
    loaded = TokenIndex.load(str(path), mmap=mmap, verify=verify)
    same(loaded, index)
    assert isinstance(loaded.tokens, np.memmap) is mmap
    with pytest.raises(ValueError, match="read-only"):
        loaded.tokens[0] = 1
    query = np.ones((2, 4), dtype)
    np.testing.assert_array_equal(maxsim(query, loaded), maxsim(query, index))
    assert type(maxsim(query, loaded)) is np.ndarray
    np.testing.assert_array_equal(
        xtr_search(query, loaded, k_prime=3, k=2).scores,
        xtr_search(query, index, k_prime=3, k=2).scores,
    )
    same(loaded[[2, 0]], index[[2, 0]])


@pytest.mark.parametrize("lengths", [(), (0, 0)])
@pytest.mark.parametrize("mmap", [True, False])
def test_an_empty_index(tmp_path, lengths, mmap):
    index = make(lengths=lengths)
    same(TokenIndex.load(index.save(tmp_path / "x"), mmap=mmap), index)


@own.quick
@given(own.collections(min_docs=1))
def test_any_collection(tmp_path_factory, c):
    path = tmp_path_factory.mktemp("any") / "index"
    same(TokenIndex.load(c.index().save(path)), c.index())


def test_the_files_are_plain(folder):
    content = manifest(folder)
    assert content["format"] == "tokenlab.TokenIndex"
    assert content["version"] == 1
    assert set(listing(folder)) == {MANIFEST, *(f["name"] for f in content["files"].values())}
    for kind in ("tokens", "offsets"):
        stored = np.load(folder / content["files"][kind]["name"], allow_pickle=False)
        np.testing.assert_array_equal(stored, getattr(make(), kind))


def test_a_gpu_index_is_saved_from_the_cpu(tmp_path, cupy):
    index = make()
    moved = TokenIndex(cupy.asarray(index.tokens), cupy.asarray(index.offsets))
    same(TokenIndex.load(moved.save(tmp_path / "index")), index)


def test_integers_of_the_caller_come_back_as_the_floats_that_they_became(tmp_path):
    index = TokenIndex(np.array([[1, -2]], np.int8), [0, 1])
    assert TokenIndex.load(index.save(tmp_path / "x")).tokens.tolist() == [[1, -2]]


# replacing -------------------------------------------------------------------------------------


def test_overwriting_leaves_no_old_files_and_does_not_disturb_an_open_map(folder):
    old = TokenIndex.load(folder)
    make(seed=1).save(folder)
    same(TokenIndex.load(folder), make(seed=1))
    same(old, make())
    assert len(listing(folder)) == 3


def test_saving_onto_itself_and_saving_twice(folder):
    loaded = TokenIndex.load(folder)
    loaded.save(folder)
    make().save(folder)
    same(TokenIndex.load(folder), make())
    loaded[1:].save(folder)  # a part of itself, over the map that it was read from
    same(TokenIndex.load(folder), make()[1:])
    same(loaded, make())


def crash_at(monkeypatch, when):
    """Make the n-th rename or flush to disk fail, as if the machine had been switched off."""
    calls = [0]

    def counted(function):
        def call(*args):
            calls[0] += 1
            if calls[0] == when:
                raise KeyboardInterrupt
            return function(*args)

        return call

    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))


@pytest.mark.parametrize("when", range(1, 7))
def test_a_crash_leaves_the_old_index_whole(folder, when):
    with pytest.MonkeyPatch.context() as patch:
        crash_at(patch, when)
        with pytest.raises(KeyboardInterrupt):
            make(seed=1, lengths=(1, 4)).save(folder)
    same(TokenIndex.load(folder), make())
    make(seed=2).save(folder)  # and the next save works and cleans up
    same(TokenIndex.load(folder), make(seed=2))
    assert len(listing(folder)) == 3


@pytest.mark.parametrize("when", range(1, 7))
def test_a_crash_of_the_first_save_can_be_tried_again(tmp_path, when):
    folder = tmp_path / "index"
    with pytest.MonkeyPatch.context() as patch:
        crash_at(patch, when)
        with pytest.raises(KeyboardInterrupt):
            make().save(folder)
    with pytest.raises(StorageError):
        TokenIndex.load(folder)
    make().save(folder)
    same(TokenIndex.load(folder), make())
    assert len(listing(folder)) == 3


def test_the_six_crashes_are_all_there_are(tmp_path, monkeypatch):
    crash_at(monkeypatch, 7)
    make().save(tmp_path / "index")


def test_the_users_own_files_stay(folder):
    for name in ("notes.txt", "tokens-mine.npy", "offsets-old.npy", "tokens.tmp", "tokens.x.tmp"):
        (folder / name).write_text("mine")
    (folder / "tokens-backup").mkdir()
    make(seed=1).save(folder)
    kept = [name for name in listing(folder) if "mine" in name or name.startswith(("n", "t", "o"))]
    assert {"notes.txt", "tokens-mine.npy", "offsets-old.npy", "tokens.tmp"} <= set(kept)
    assert "tokens.x.tmp" in kept
    assert (folder / "tokens-backup").is_dir()
    same(TokenIndex.load(folder), make(seed=1))


# what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"format": "zarr"}', "{broken", "\xff"])
def test_a_foreign_folder_is_neither_read_nor_written_into(tmp_path, content):
    if content is not None:
        (tmp_path / MANIFEST).write_bytes(content.encode("latin-1"))
    (tmp_path / "thesis.docx").write_text("years of work")
    before = listing(tmp_path)
    with pytest.raises(StorageError, match=r"TokenIndex\.load: .* is not a token index"):
        TokenIndex.load(tmp_path)
    with pytest.raises(StorageError, match=r"TokenIndex\.save: .* not a token index.*nothing was"):
        make().save(tmp_path)
    assert listing(tmp_path) == before


def test_missing_folders_and_files_in_their_place(tmp_path):
    with pytest.raises(StorageError, match="there is no folder"):
        TokenIndex.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("text")
    with pytest.raises(StorageError, match="there is no folder"):
        TokenIndex.load(tmp_path / "file")
    with pytest.raises(StorageError, match=r"TokenIndex\.save"):
        make().save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "text"


def test_an_empty_folder_may_be_used(tmp_path):
    same(TokenIndex.load(make().save(tmp_path)), make())


@pytest.mark.parametrize("version", [2, 0, None, "1", 1.5])
def test_another_version(folder, version):
    edit(folder, lambda m: m.update(version=version))
    with pytest.raises(StorageError, match=f"version {version!r}; this release reads version 1"):
        TokenIndex.load(folder)


@pytest.mark.parametrize("kind", ["tokens", "offsets"])
@pytest.mark.parametrize("mmap", [True, False])
def test_a_flipped_bit(folder, kind, mmap):
    path = folder / manifest(folder)["files"][kind]["name"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"damaged: .* another digest"):
        TokenIndex.load(folder, mmap=mmap)


@pytest.mark.parametrize("kind", ["tokens", "offsets"])
@pytest.mark.parametrize("verify", [True, False])
def test_truncated_empty_and_missing_files(folder, kind, verify):
    path = folder / manifest(folder)["files"][kind]["name"]
    content = path.read_bytes()
    for damaged, says in ((content[:-8], "bytes, not"), (b"", "has 0 bytes"), (None, "is missing")):
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(StorageError, match=f"damaged: .*{says}"):
            TokenIndex.load(folder, verify=verify)
        path.write_bytes(content)
    same(TokenIndex.load(folder), make())


@pytest.mark.parametrize("name", ["../x.npy", "sub/x.npy", "..", ".", "", "/etc/hostname", "a\0b"])
def test_a_manifest_that_points_elsewhere(folder, name):
    real = folder / manifest(folder)["files"]["tokens"]["name"]
    (folder.parent / "x.npy").write_bytes(real.read_bytes())
    (folder / "sub").mkdir()
    (folder / "sub" / "x.npy").write_bytes(real.read_bytes())
    edit(folder, lambda m: m["files"]["tokens"].update(name=name))
    with pytest.raises(StorageError, match="damaged"):
        TokenIndex.load(folder)


def test_an_absolute_path_is_refused_even_with_the_right_digest(folder, tmp_path):
    other = make().save(tmp_path / "other")
    name = str(other / manifest(other)["files"]["tokens"]["name"])
    edit(folder, lambda m: m["files"]["tokens"].update(name=name))
    with pytest.raises(StorageError, match="damaged"):
        TokenIndex.load(folder)


@pytest.mark.parametrize("value", [None, [], {}, "x", 1.5, True, -1, 10**6])
@pytest.mark.parametrize(
    "place",
    [
        ("n_docs",),
        ("n_tokens",),
        ("d",),
        ("dtype",),
        ("files",),
        ("files", "tokens"),
        ("files", "offsets", "name"),
        ("files", "offsets", "bytes"),
        ("files", "tokens", "sha256"),
    ],
)
def test_a_manifest_with_a_wrong_or_missing_entry(folder, place, value):
    def change(content):
        for key in place[:-1]:
            content = content[key]
        if value is None:
            del content[place[-1]]
        else:
            content[place[-1]] = value

    edit(folder, change)
    with pytest.raises(StorageError, match="damaged"):
        TokenIndex.load(folder)


def forge(folder, kind, array, **stated):
    """Put another array in, with a manifest that vouches for it."""
    import hashlib

    path = folder / "forged.npy"
    np.save(path, array, allow_pickle=True)
    entry = {
        "name": path.name,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    edit(folder, lambda m: (m["files"].update({kind: entry}), m.update(stated)))


@pytest.mark.parametrize(
    "offsets", [[0, 3, 2, 5], [1, 3, 3, 5], [0, 3, 3, 6], [0, -1, 3, 5], [0, 3, 5], [0.0, 3, 3, 5]]
)
def test_offsets_that_do_not_fit(folder, offsets):
    forge(folder, "offsets", np.array(offsets))
    with pytest.raises(StorageError, match="damaged"):
        TokenIndex.load(folder)


@pytest.mark.parametrize(
    "tokens", [np.ones((5, 3), np.float32), np.ones((5, 4)), np.ones(20, "f4")]
)
def test_tokens_that_are_not_what_the_manifest_states(folder, tokens):
    forge(folder, "tokens", tokens)
    with pytest.raises(StorageError, match="damaged"):
        TokenIndex.load(folder)


class Bomb:
    """Unpickling this would leave a trace."""

    def __reduce__(self):
        return (os.mkdir, ("exploded",))


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("kind", ["tokens", "offsets"])
def test_pickles_are_never_opened(folder, kind, mmap, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    forge(folder, kind, np.array([Bomb()], dtype=object))
    with pytest.raises(StorageError, match=r"damaged: .*no array"):
        TokenIndex.load(folder, mmap=mmap)
    assert not (tmp_path / "exploded").exists()


def test_a_saved_index_closes_its_files(tmp_path):
    """An unclosed file would be a ResourceWarning, and warnings are errors here."""
    TokenIndex.load(make().save(tmp_path / "x"), mmap=False)
    gc.collect()


# more than one at a time, and what ends in the middle ------------------------------------------

SAVER = """
import sys, time
import numpy as np
from tokenlab.retrieval import TokenIndex
seed, folder, times = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
index = TokenIndex(np.full((2000, 32), seed, np.float32), [0, 1000, 2000])
print("ready", flush=True)
for _ in range(times):
    index.save(folder)
"""


def saver(folder, seed, times):
    command = [sys.executable, "-c", SAVER, str(seed), str(folder), str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def whole(folder, seeds):
    """One of the indexes, and nothing beside it."""
    value = np.unique(TokenIndex.load(folder).tokens)
    assert len(value) == 1
    assert int(value[0]) in seeds
    assert len(listing(folder)) == 3


def test_programs_that_save_at_once_and_one_that_loads(tmp_path):
    folder = tmp_path / "deep" / "index"
    TokenIndex(np.full((2000, 32), 9, np.float32), [0, 2000]).save(folder)
    programs = [saver(folder, seed, 30) for seed in range(3)]
    loads = 0
    while any(program.poll() is None for program in programs):
        value = np.unique(TokenIndex.load(folder, mmap=loads % 2 == 0).tokens)
        assert len(value) == 1
        loads += 1
    assert [program.wait() for program in programs] == [0, 0, 0]
    for program in programs:
        program.stdout.close()
    assert loads > 5
    whole(folder, range(3))


def test_threads_that_save_at_once(tmp_path):
    folder = tmp_path / "index"
    errors = []

    def work(seed):
        try:
            for _ in range(15):
                TokenIndex(np.full((50, 4), seed, np.float32), [0, 50]).save(folder)
                value = np.unique(TokenIndex.load(folder).tokens)
                assert len(value) == 1
        except BaseException as error:  # what a thread raises is lost otherwise
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    whole(folder, range(4))


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
def test_a_killed_saver_blocks_nobody_and_leaves_no_draft_for_long(tmp_path):
    folder = tmp_path / "index"
    for wait in (0.0, 0.002, 0.005, 0.01, 0.02):
        program = saver(folder, 1, 10_000)
        program.stdout.readline()
        time.sleep(wait)
        program.kill()
        program.wait()
        program.stdout.close()
        if (folder / MANIFEST).exists():  # the old one, or the one of the killed program
            assert TokenIndex.load(folder).n_tokens in (5, 2000)
        make().save(folder)  # would wait for ever
        same(TokenIndex.load(folder), make())
        assert len(listing(folder)) == 3


def test_a_reader_whose_files_are_replaced_begins_again(folder, monkeypatch):
    from tokenlab.retrieval import storage

    read, news = storage._read_manifest, [make(seed=1), make(seed=2)]

    def slow(place, kind):
        manifest = read(place, kind)
        if news:
            news.pop(0).save(place)  # and its files are gone
        return manifest

    monkeypatch.setattr(storage, "_read_manifest", slow)
    same(TokenIndex.load(folder), make(seed=2))


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("when", range(1, 7))
def test_a_save_that_fails_leaves_nothing_behind(tmp_path, monkeypatch, when, existing):
    folder = tmp_path / "deep" / "index"
    if existing:
        make().save(folder)
    before = sorted(tmp_path.rglob("*"))

    calls = [0]

    def full(function):
        def call(*args):
            calls[0] += 1
            if calls[0] == when:
                raise OSError(28, "No space left on device")
            return function(*args)

        return call

    monkeypatch.setattr(Path, "replace", full(Path.replace))
    monkeypatch.setattr(os, "fsync", full(os.fsync))
    with pytest.raises(OSError, match="No space left"):
        make(seed=1, lengths=(1, 4)).save(folder)
    monkeypatch.undo()
    assert sorted(tmp_path.rglob("*")) == before
    if existing:
        same(TokenIndex.load(folder), make())


def test_where_folders_cannot_be_locked_a_file_is(tmp_path, monkeypatch):
    from tokenlab.retrieval import locking

    flock, seen = locking.fcntl.flock, []

    def only_files(descriptor, how):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(95, "Operation not supported")
        seen.append(listing(tmp_path / "index"))
        return flock(descriptor, how)

    monkeypatch.setattr(locking.fcntl, "flock", only_files)
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / locking.LOCK).write_text("")  # of a program that was killed
    for seed in (0, 1):
        make(seed=seed).save(tmp_path / "index")
        assert len(listing(tmp_path / "index")) == 3
    assert all("save.lock" in names for names in seen)
    assert len(seen) == 2


# what a digest does not say --------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_found_when_the_digest_is_right(folder, value):
    tokens = np.array(make().tokens)
    tokens[3, 2] = value
    forge(folder, "tokens", tokens)
    with pytest.raises(StorageError, match="NaN or infinite"):
        TokenIndex.load(folder)
    assert TokenIndex.load(folder, verify=False).n_docs == 3


def forge_bytes(folder, content):
    import hashlib

    path = folder / "forged.npy"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    entry = {"name": path.name, "bytes": len(content), "sha256": digest}
    edit(folder, lambda m: m["files"].update({"tokens": entry}))


def npz():
    file = io.BytesIO()
    np.savez(file, tokens=np.ones((5, 4), np.float32))
    return file.getvalue()


def header(text):
    text = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        npz(),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4"),
        header("(" * 9000),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (10**15, 4)}"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000, 4)}"),
        header("{'descr': 'x9', 'fortran_order': False, 'shape': (5, 4)}"),
        b"",
        b"\x93NUMPY\x09\x00",
        b"\x93NUM",
    ],
)
def test_files_that_are_no_arrays(folder, content, mmap):
    forge_bytes(folder, content)
    with pytest.raises(StorageError, match=r"damaged: .*no array"):
        TokenIndex.load(folder, mmap=mmap)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "9" * 10_000])
def test_manifests_that_are_too_deep(folder, content):
    (folder / MANIFEST).write_text(content)
    with pytest.raises(StorageError, match="is not a token index"):
        TokenIndex.load(folder)
    with pytest.raises(StorageError, match="is not a token index"):
        make().save(folder)


def test_a_name_of_thousands_of_letters(folder):
    edit(folder, lambda m: m["files"]["tokens"].update(name="x" * 5000))
    with pytest.raises(StorageError, match="damaged"):
        TokenIndex.load(folder)
