"""Shards on the workers of a cluster: the answer of one index, also when workers die."""

import functools
import os
import signal
import threading
import time

import numpy as np
import pytest

pytest.importorskip("distributed")

from distributed import Client, LocalCluster

from tokenlab.errors import InvalidInput, StorageError, TokenlabError
from tokenlab.retrieval import TokenIndex, maxsim_search, xtr_search
from tokenlab.retrieval.cluster import Shards, save_shards
from tokenlab.retrieval.codec import ResidualCodec
from tokenlab.retrieval.compressed import CompressedIndex
from tokenlab.retrieval.shards import best_docs


def started(n_workers, processes):
    """A cluster on this machine; its page of figures takes any port that is free."""
    options = {"processes": processes, "threads_per_worker": 1, "dashboard_address": ":0"}
    return LocalCluster(n_workers=n_workers, **options)


@pytest.fixture(scope="module")
def client():
    with started(2, processes=False) as cluster, Client(cluster) as client:
        yield client


def collection(n_docs=60, n_tokens=300, seed=0):
    """Whole numbers, so that equal scores are equal; some documents have no tokens."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(-2, 3, (n_tokens, 4)).astype(np.float32)
    inner = np.sort(rng.integers(0, n_tokens + 1, n_docs - 1))
    return TokenIndex(tokens, np.concatenate([[0], inner, [n_tokens]]))


def questions(seed=1):
    rng = np.random.default_rng(seed)
    return [rng.integers(-2, 3, (n, 4)).astype(np.float32) for n in (3, 1, 6)]


def same(found, wanted):
    assert found.kind == wanted.kind
    assert found.doc_ids.tolist() == wanted.doc_ids.tolist()
    assert found.scores.tolist() == wanted.scores.tolist()
    assert found.scores.dtype == wanted.scores.dtype


@pytest.fixture(scope="module")
def shards(client, tmp_path_factory):
    return Shards(client, save_shards(collection(), tmp_path_factory.mktemp("five"), 5))


def test_shards_are_runs_of_documents_of_about_equally_many_tokens(tmp_path):
    index = collection()
    parts = [TokenIndex.load(folder) for folder in save_shards(index, tmp_path / "new", 4)]
    assert np.concatenate([part.tokens for part in parts]).tolist() == index.tokens.tolist()
    assert [n for part in parts for n in part.lengths.tolist()] == index.lengths.tolist()
    longest = index.lengths.max()
    assert all(abs(part.n_tokens - 75) <= longest for part in parts)


def test_more_shards_than_documents_leaves_some_empty(client, tmp_path):
    index = TokenIndex.from_docs([[[1.0, 0.0]], [[0.0, 1.0]]])
    shards = Shards(client, save_shards(index, tmp_path, 4))
    query = np.eye(2)
    same(shards.maxsim_search(query, k=3), maxsim_search(query, index, k=3))
    same(shards.xtr_search(query, k_prime=2, k=3), xtr_search(query, index, k_prime=2, k=3))


@pytest.mark.parametrize("k_prime", [1, 7, 60, 10_000])
@pytest.mark.parametrize("impute", ["kth", 0.5, None])
def test_xtr_is_that_of_one_index(shards, k_prime, impute):
    query = questions()[0]
    for k in (1, 12, 100):
        options = {"k_prime": k_prime, "k": k, "impute": impute}
        same(shards.xtr_search(query, **options), xtr_search(query, collection(), **options))


def test_maxsim_is_that_of_one_index_and_so_is_a_batch(shards):
    for k in (1, 8, 100):
        found = shards.maxsim_search(questions(), k=k)
        assert len(found) == 3
        for one, query in zip(found, questions(), strict=True):
            same(one, maxsim_search(query, collection(), k=k))
    for one, query in zip(shards.xtr_search(questions(), k_prime=9, k=5), questions(), strict=True):
        same(one, xtr_search(query, collection(), k_prime=9, k=5))
    assert shards.maxsim_search([], k=3) == []


def test_many_shards_are_merged_in_a_tree(client, tmp_path):
    index = collection()
    shards = Shards(client, save_shards(index, tmp_path, 20))
    query = questions()[2]
    same(shards.xtr_search(query, k_prime=30, k=60), xtr_search(query, index, k_prime=30, k=60))


def test_a_shard_more_leaves_the_others_as_they_are(client, tmp_path):
    index = collection()
    folders = save_shards(index[:40], tmp_path, 2)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    more = save_shards(index[40:], tmp_path, 1)
    assert more == [f"{tmp_path}/shard-00002"]
    assert {path: path.stat().st_mtime_ns for path in before if path.is_file()} == {
        path: at for path, at in before.items() if path.is_file()
    }
    shards = Shards(client, folders)
    assert shards.n_docs == 40
    shards.add(*more)
    assert shards.n_docs == 60
    query = questions()[0]
    same(shards.maxsim_search(query, k=60), maxsim_search(query, index, k=60))


def test_an_address_is_read_by_fsspec(client, tmp_path):
    folders = save_shards(collection(), f"file://{tmp_path}/far", 2)
    assert all(folder.startswith("file://") for folder in folders)
    query = questions()[0]
    found = Shards(client, folders).maxsim_search(query, k=9)
    same(found, maxsim_search(query, collection(), k=9))
    assert save_shards(collection(), f"file://{tmp_path}/far", 1)[0].endswith("shard-00002")


# Compressed shards.


@pytest.fixture(scope="module")
def coded():
    """An index of whole numbers, so that equal documents tie, and the codec of it."""
    index = collection(n_docs=80, n_tokens=600)
    return index, ResidualCodec(16, bits=4, rng=0).fit(index.tokens)


@pytest.fixture(scope="module")
def compressed(client, coded, tmp_path_factory):
    index, codec = coded
    one = CompressedIndex(codec)
    one.add(index)
    folders = save_shards(index, tmp_path_factory.mktemp("coded"), 4, codec=codec)
    return one, Shards(client, folders)


SETTINGS = [
    {"n_probe": 1},
    {"n_probe": 4, "t_prime": 20},
    {"n_probe": 100},
    {"n_probe": 2, "impute": "kth", "k_prime": 5},
    {"n_probe": 16, "impute": "kth", "k_prime": 50},
    {"n_probe": 3, "impute": "kth", "k_prime": 2000},
]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_a_compressed_search_is_that_of_one_index(compressed, options):
    one, shards = compressed
    for k in (1, 10, 200):
        for query, found in zip(
            questions(), shards.search(questions(), k=k, **options), strict=True
        ):
            same(found, one.search(query, k=k, **options))


def test_what_is_reranked_is_that_of_one_index(compressed):
    one, shards = compressed
    for options in SETTINGS[1::2]:
        found = shards.search(questions()[2], k=7, rerank=20, **options)
        wanted = one.search(questions()[2], k=7, rerank=20, **options)
        assert found.doc_ids.tolist() == wanted.doc_ids.tolist()
        np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-6)


def test_among_some_documents(compressed):
    one, shards = compressed
    mask = np.arange(80) % 7 == 3
    for among in (mask, np.flatnonzero(mask), [5], []):
        for options in ({"n_probe": 1}, {"n_probe": 1, "impute": "kth", "k_prime": 3}):
            found = shards.search(questions()[0], k=6, among=among, **options)
            same(found, one.search(questions()[0], k=6, among=among, **options))
    with pytest.raises(InvalidInput, match=r"Shards\.search: among has 80"):
        shards.search(questions()[0], k=1, among=[80])
    with pytest.raises(TokenlabError, match=r"Shards\.search: among is \(3,\)"):
        shards.search(questions()[0], k=1, among=[True, False, True])


def test_shards_with_keys_and_what_is_deleted(client, coded, tmp_path):
    index, codec = coded
    one, folders = CompressedIndex(codec), []
    for start in (0, 50):
        part, keys = index[start : start + 50], [f"d{start + i}" for i in range(50)][: 80 - start]
        shard = CompressedIndex(codec)
        for holder in (one, shard):
            holder.add(part, keys=keys)
        gone = ["d7", "d9"] if start == 0 else ["d60"]
        one.delete(gone)
        shard.delete(gone)
        folders.append(shard.save(tmp_path / f"{start}"))
    shards = Shards(client, folders)
    for options in SETTINGS[:4]:
        same(
            shards.search(questions()[2], k=80, **options),
            one.search(questions()[2], k=80, **options),
        )
    found = shards.search(questions()[0], k=3, among=["d70", "d3"])
    same(found, one.search(questions()[0], k=3, among=["d70", "d3"]))
    with pytest.raises(InvalidInput, match="d7"):
        shards.search(questions()[0], k=3, among=["d7"])


def test_shards_of_two_codecs_or_two_kinds_are_refused(client, coded, shards, compressed, tmp_path):
    index, codec = coded
    other = ResidualCodec(16, bits=4, rng=1).fit(index.tokens)
    mixed = save_shards(index, tmp_path / "a", 1, codec=codec)
    mixed += save_shards(index, tmp_path / "b", 1, codec=other)
    with pytest.raises(InvalidInput, match="folders differ in codec"):
        Shards(client, mixed)
    plain = save_shards(index, tmp_path / "c", 1)
    with pytest.raises(InvalidInput, match="folders differ in kind"):
        Shards(client, [*plain, mixed[0]])
    with pytest.raises(InvalidInput, match=r"Shards\.search: folders hold shards of a TokenIndex"):
        shards.search(questions()[0], k=1)
    with pytest.raises(InvalidInput, match=r"Shards\.maxsim_search: folders hold shards of a Comp"):
        compressed[1].maxsim_search(questions()[0], k=1)
    with pytest.raises(InvalidInput, match="save_shards: codec is not fitted"):
        save_shards(index, tmp_path / "d", 1, codec=ResidualCodec(4))
    for options in ({"n_probe": 0}, {"t_prime": 0}, {"k_prime": 0}, {"rerank": -1}):
        with pytest.raises(InvalidInput, match=rf"Shards\.search: {next(iter(options))} is"):
            compressed[1].search(questions()[0], k=1, **options)
    with pytest.raises(TokenlabError, match=r"Shards\.search: query is \(3, 3\)"):
        compressed[1].search(questions()[0][:, :3], k=1)


def halted_docs(folder, *arguments):
    """Says who has begun, and goes on when the test has killed one."""
    (folder / f"{os.getpid()}.begun").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    return best_docs(*arguments)


def test_a_worker_is_killed_between_two_searches_and_during_one(tmp_path, monkeypatch):
    query, index, found = questions()[2], collection(), []
    wanted = xtr_search(query, index, k_prime=20, k=10)
    with started(2, processes=True) as cluster, Client(cluster) as client:
        shards = Shards(client, save_shards(index, tmp_path / "shards", 5))
        same(shards.xtr_search(query, k_prime=20, k=10), wanted)
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        same(shards.xtr_search(query, k_prime=20, k=10), wanted)
        halted = functools.partial(halted_docs, tmp_path)
        monkeypatch.setattr("tokenlab.retrieval.cluster.best_docs", halted)
        search = threading.Thread(target=lambda: found.append(shards.maxsim_search(query, k=10)))
        search.start()
        while not (begun := list(tmp_path.glob("*.begun"))):
            time.sleep(0.02)
        os.kill(int(begun[0].stem), signal.SIGKILL)
        (tmp_path / "go").touch()
        search.join()
    same(found[0], maxsim_search(query, index, k=10))


def test_no_worker_is_left(tmp_path):
    folders = save_shards(collection(), tmp_path, 1)
    with started(1, processes=False) as cluster, Client(cluster) as client:
        shards = Shards(client, folders, patience=0.1)
        cluster.scale(0)
        while client.nthreads():
            time.sleep(0.02)
        with pytest.raises(TokenlabError, match=r"Shards\.maxsim_search: no worker"):
            shards.maxsim_search(questions()[0], k=3)
        cluster.scale(1)
        client.wait_for_workers(1)
        query = questions()[0]
        same(shards.maxsim_search(query, k=3), maxsim_search(query, collection(), k=3))


def test_what_is_wrong_is_named(client, shards, tmp_path):
    index = collection()
    with pytest.raises(InvalidInput, match="Shards: folders is empty"):
        Shards(client, [])
    with pytest.raises(InvalidInput, match="Shards: client is"):
        Shards("scheduler:8786", ["x"])
    with pytest.raises(StorageError, match="there is no folder"):
        Shards(client, [tmp_path / "none"])
    with pytest.raises(InvalidInput, match="save_shards: n_shards is 0"):
        save_shards(index, tmp_path / "none", 0)
    with pytest.raises(InvalidInput, match="save_shards: index is"):
        save_shards([[1.0]], tmp_path / "none", 1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StorageError, match="something else"):
        save_shards(index, tmp_path / "mine", 2)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    wide = TokenIndex.from_docs([[[1.0, 0.0]]])
    both = save_shards(index, tmp_path / "a", 1) + save_shards(wide, tmp_path / "b", 1)
    with pytest.raises(InvalidInput, match=r"Shards: folders differ in d: \[2, 4\]"):
        Shards(client, both)
    query = questions()[0]
    for call, message in (
        (lambda: shards.maxsim_search(query, k=0), r"Shards\.maxsim_search: k is 0"),
        (lambda: shards.xtr_search(query, k_prime=0, k=1), r"Shards\.xtr_search: k_prime is 0"),
        (
            lambda: shards.maxsim_search(query[:, :3], k=1),
            r"Shards\.maxsim_search: query is \(3, 3\)",
        ),
        (lambda: shards.maxsim_search(query * np.nan, k=1), r"Shards\.maxsim_search: query"),
        (lambda: shards.xtr_search(query, k_prime=3, k=1, impute="x"), "impute is 'x'"),
        (lambda: shards.maxsim_search(query[:0], k=1), "query"),
    ):
        with pytest.raises(TokenlabError, match=message):
            call()
