"""What a backup is, written beside it: its bytes' digest, its revision, and where every community's books end.

The manifest seals itself too: its file has to hold exactly the bytes that its values are written as, so that
no bit of it, nor of the backup, can change unnoticed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from points_core.copies import PART, settle
from points_core.errors import BackupDamaged
from points_core.verification import Known

SUFFIX = ".json"
FORMAT = 1
BLOCK = 1 << 20  # bytes hashed at a time


@dataclass(frozen=True, slots=True)
class Head:
    """Where a community's books end: the last transaction's number and its hash, in hexadecimal."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a backup.

    `file` is its name beside the manifest, `size` in bytes, `backend` sqlite or postgresql, `revision` the
    tables', `broken` the invariants that did not hold when it was made (then it is kept as evidence only).
    """

    file: str
    backend: str
    size: int
    sha256: str
    revision: str
    made_at: datetime
    communities: Mapping[str, Head] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    @property
    def number_of_transactions(self) -> int:
        """Return how many transactions all communities have together."""
        return sum(head.number for head in self.communities.values())


LONGEST = 64 * 2**20  # bytes of a manifest: half a million communities


def path_of(backup: Path) -> Path:
    """Return where the manifest of `backup` is."""
    return backup.with_name(backup.name + SUFFIX)


def known(manifest: Manifest) -> list[Known]:
    """Return the chain heads that a manifest keeps outside the database."""
    return [
        Known(community, head.number, bytes.fromhex(head.hash), f"backup {manifest.file}")
        for community, head in manifest.communities.items()
        if head.number
    ]


def digest(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    sha = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write the manifest beside its backup, durably, and return its path. Raises OSError."""
    path = path_of(folder / manifest.file)
    part = path.with_name(path.name + PART)
    part.write_bytes(_written(manifest))
    part.chmod(0o600)
    settle(part, path)
    return path


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in `path`, its own or its backup's. Raises BackupDamaged if a bit of it changed."""
    if not path.name:
        raise BackupDamaged(str(path), "it is a folder")
    if path.suffix != SUFFIX:
        path = path_of(path)
    try:
        with path.open("rb") as opened:
            raw = opened.read(LONGEST + 1)  # a device never ends
    except OSError as error:
        raise BackupDamaged(str(path), f"its manifest cannot be read: {error.strerror}") from error
    try:
        manifest = _read(json.loads(raw))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupDamaged(str(path), "it is no manifest of a backup") from error
    if _written(manifest) != raw:
        raise BackupDamaged(str(path), "the manifest was changed after it was written")
    return manifest


def check(path: Path) -> tuple[Path, Manifest]:
    """Return the backup and the manifest of `path` (either's). Raises BackupDamaged if a bit of them changed."""
    manifest = read_manifest(path)
    backup = path.with_name(manifest.file)
    try:
        size = backup.stat().st_size
        if size != manifest.size:
            raise BackupDamaged(str(backup), f"it has {size:,} bytes, its manifest says {manifest.size:,}")
        if digest(backup) != manifest.sha256:
            raise BackupDamaged(str(backup), "its bytes are not those that were written")
    except OSError as error:
        raise BackupDamaged(str(backup), f"it cannot be read: {error.strerror}") from error
    return backup, manifest


def _body(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "file": manifest.file,
        "backend": manifest.backend,
        "size": manifest.size,
        "sha256": manifest.sha256,
        "revision": manifest.revision,
        "made_at": manifest.made_at.astimezone(UTC).isoformat(),
        "communities": {name: asdict(head) for name, head in sorted(manifest.communities.items())},
        "broken": list(manifest.broken),
    }


def _written(manifest: Manifest) -> bytes:
    body = _body(manifest)
    seal = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return (json.dumps({**body, "seal": seal}, indent=2) + "\n").encode()


def _read(document: dict[str, Any]) -> Manifest:
    if document["format"] != FORMAT or Path(document["file"]).name != document["file"]:
        raise ValueError(document["format"])
    return Manifest(
        file=document["file"],
        backend=document["backend"],
        size=document["size"],
        sha256=document["sha256"],
        revision=document["revision"],
        made_at=datetime.fromisoformat(document["made_at"]),
        communities={
            name: Head(head["number"], head["hash"]) for name, head in document["communities"].items()
        },
        broken=tuple(document["broken"]),
    )
