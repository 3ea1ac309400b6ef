"""Backups that can be trusted, and the way back from them."""

from points_core.backup.manifest import Manifest, check, known, read_manifest

__all__ = ["Manifest", "check", "known", "read_manifest"]
