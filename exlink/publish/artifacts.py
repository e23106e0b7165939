"""The only reader and writer of ``artifacts/<step>/<name>.parquet|json`` and of each step's manifest.

Only what the disclosure gate let through is written (``Released``, ``Facts``). Files appear whole or not at
all, hold no clock and no path, and are byte-identical for identical content.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exlink.errors import ArtifactError, OutputError, did_you_mean, listed
from exlink.publish.fingerprint import sha256_of_file
from exlink.publish.places import shown

if TYPE_CHECKING:
    import pandas as pd

    from exlink.publish.disclosure import Facts, Released

MANIFEST = "manifest.json"
SEAL = ("fingerprint", "late", "pages")  # what the runner adds to a manifest when its page is there
_NAME = re.compile(r"^[a-z0-9][a-z0-9_]*$")


@contextmanager
def touching(path: Path) -> Iterator[None]:
    """Tell what the system refuses to do with an output in one sentence: which one, why, and what to do."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{shown(path)} cannot be used: {error.strerror or error}. "
            "Correct its permissions, or name another folder with --out."
        ) from error


def write_atomically(path: Path, content: bytes) -> str:
    """Write a file so that readers see the old content or the new one, never a part; return its SHA-256."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # in a folder that is none, or may not be written, there is nothing to remove
            partial.unlink(missing_ok=True)
        reason = error.strerror or error
        raise OutputError(f"{path.name} cannot be written to {shown(path.parent)}: {reason}.") from error
    return hashlib.sha256(content).hexdigest()


def to_json(value: Any) -> bytes:
    """Return canonical JSON: sorted keys, floats as repr, NaN as null, one trailing newline."""
    return (json.dumps(_plain(value, "value"), sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def _plain(value: Any, where: str) -> Any:
    """Return a value as JSON holds it; ``where`` is its path, for messages."""
    if isinstance(value, Mapping):
        return {str(key): _plain(v, f"{where}.{key}") for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise ArtifactError(f"{where} is infinite, which JSON cannot hold. Say in words what happened instead.")
        return None if math.isnan(value) else value
    if hasattr(value, "item"):  # a numpy scalar
        return _plain(value.item(), where)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise ArtifactError(f"{where} is of type {type(value).__name__}, which JSON cannot hold.")


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The artefacts of one run, in ``<run_dir>/artifacts/``."""

    run_dir: Path

    def folder(self, step: str) -> Path:
        """Return the folder of a step's artefacts."""
        return self.run_dir / "artifacts" / step

    def names(self, step: str) -> list[str]:
        """Return the names of a step's artefacts."""
        folder = self.folder(step)
        return sorted(p.stem for p in folder.glob("[!.]*") if p.name != MANIFEST and p.suffix in {".parquet", ".json"})

    def write_table(self, step: str, name: str, table: Released) -> dict[str, Any]:
        """Write a released table; return what the manifest says of it: file, sha256, rows, hidden."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from exlink.publish.disclosure import Released

        if not isinstance(table, Released):
            raise ArtifactError(
                f"{step}/{name}: a {type(table).__name__} cannot be saved. Release it first: "
                "s.save(name, s.release(frame, people=…, by=[…]))."
            )
        arrow = pa.Table.from_pandas(table.frame, preserve_index=False)
        note = {"exlink": json.dumps({"hidden": table.hidden, "note": table.note, "people": table.people})}
        buffer = io.BytesIO()
        # without pandas' own metadata, which names its version; one writer, one thread, fixed compression
        pq.write_table(arrow.replace_schema_metadata(note), buffer, compression="zstd", compression_level=3)
        file = f"{_checked(step, name)}.parquet"
        sha = write_atomically(self.folder(step) / file, buffer.getvalue())
        return {"file": file, "sha256": sha, "rows": len(table.frame), "hidden": table.hidden}

    def write_facts(self, step: str, name: str, facts: Facts) -> dict[str, Any]:
        """Write released facts; return what the manifest says of them: file, sha256."""
        from exlink.publish.disclosure import Facts

        if not isinstance(facts, Facts):
            raise ArtifactError(
                f"{step}/{name}: a {type(facts).__name__} cannot be saved as facts. Use s.save_facts(name, {{…}})."
            )
        file = f"{_checked(step, name)}.json"
        return {"file": file, "sha256": write_atomically(self.folder(step) / file, to_json(facts.values))}

    def read_table(self, step: str, name: str, *, study: str = "STUDY") -> pd.DataFrame:
        """Return a table as a DataFrame."""
        import pyarrow.parquet as pq

        path = self._existing(step, name, ".parquet", study)
        try:
            return pq.ParquetFile(path).read().to_pandas()
        except (OSError, ValueError) as error:
            raise _damaged(step, name, study) from error

    def read_facts(self, step: str, name: str, *, study: str = "STUDY") -> dict[str, Any]:
        """Return facts as a dict."""
        try:
            return json.loads(self._existing(step, name, ".json", study).read_text(encoding="utf-8"))
        except ValueError as error:
            raise _damaged(step, name, study) from error

    def write_manifest(self, step: str, manifest: Mapping[str, Any]) -> None:
        """Write a step's manifest; its presence says that the step is complete."""
        write_atomically(self.folder(step) / MANIFEST, to_json(manifest))

    def read_manifest(self, step: str) -> dict[str, Any] | None:
        """Return a step's manifest, or None when it has none that can be read."""
        try:
            with touching(self.folder(step)):
                manifest = json.loads(self._text(step, MANIFEST))
        except ValueError:
            return None
        return manifest if isinstance(manifest, dict) and isinstance(manifest.get("outputs"), dict) else None

    def is_complete(self, step: str) -> bool:
        """Return True when the step has a manifest and every artefact is there as it was written."""
        manifest = self.read_manifest(step)
        return manifest is not None and all(
            self._hash(step, file) == about["sha256"] for file, about in manifest["outputs"].items()
        )

    def output_hashes(self, step: str) -> dict[str, str]:
        """Return the SHA-256 of each artefact a complete step wrote, by file name."""
        manifest = self.read_manifest(step) or {"outputs": {}}
        return {file: about["sha256"] for file, about in manifest["outputs"].items()}

    def keep_only(self, step: str, files: set[str]) -> None:
        """Remove what an earlier version of the step left behind."""
        with touching(self.folder(step)):
            for path in self.folder(step).glob("*"):
                if path.name not in files and path.name != MANIFEST:
                    path.unlink()

    def clear(self, step: str) -> None:
        """Remove all artefacts of a step, manifest first, so that nothing half-removed looks complete."""
        with touching(self.folder(step)):
            (self.folder(step) / MANIFEST).unlink(missing_ok=True)
            if self.folder(step).is_dir():
                shutil.rmtree(self.folder(step))

    def _text(self, step: str, file: str) -> str:
        path = self.folder(step) / file
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def _hash(self, step: str, file: str) -> str:
        path = self.folder(step) / file
        with touching(self.folder(step)):
            return sha256_of_file(path) if path.is_file() else ""

    def _existing(self, step: str, name: str, suffix: str, study: str) -> Path:
        path = self.folder(step) / f"{name}{suffix}"
        if path.is_file():
            return path
        names = self.names(step)
        if names and self.read_manifest(step) is not None:
            raise ArtifactError(
                f"{step} has no artefact '{name}{suffix}'.{did_you_mean(name, names)} It has {listed(names, 12)}."
            )
        raise ArtifactError(f"{step}/{name} is not there. Run `exlink run {study} --only {step}` first.")


def _checked(step: str, name: str) -> str:
    if not _NAME.match(name) or name == Path(MANIFEST).stem:
        raise ArtifactError(f"{step}: '{name}' cannot name an artefact. Use lower-case letters, digits and '_'.")
    return name


def _damaged(step: str, name: str, study: str) -> ArtifactError:
    return ArtifactError(f"{step}/{name} is damaged. Run `exlink run {study} --only {step} --force`.")
