"""Folders as values, so that a test can say "unchanged"."""

from pathlib import Path


def snapshot_folder(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, hidden ones too, with its bytes; None for folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def read_file_times(folder: Path) -> dict[str, tuple[int, int]]:
    """Modification times and inodes of all files: any rewriting shows."""
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {str(path): (stat.st_mtime_ns, stat.st_ino) for path, stat in found.items()}
