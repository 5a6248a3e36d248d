"""The folder of a prediction by Ray: its settings, index, checkpoint and rows, by which it can go on."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow.dataset as pads

from atrous.errors import InputError
from atrous.scale.storage import Location

FOLDER = "_job"
"""Folder of index and checkpoint below the outputs."""


@dataclass(frozen=True)
class Outcome:
    """Result of a prediction of many pictures.

    Attributes:
        pictures: Number of pictures in the index.
        done: Number of pictures with a row, each counted once.
        doubled: Number of pictures with more than one row.
        problems: A line for each picture that could not be predicted: id and problem.
    """

    pictures: int
    done: int
    doubled: int
    problems: Mapping[int, str]


@dataclass(frozen=True)
class Job:
    """Files of one prediction.

    Attributes:
        out: Folder of the outputs.
        rows: Folder of the Parquet files with a row per picture.
    """

    out: Location
    rows: Location

    @property
    def index(self) -> Location:
        """File of the index."""
        return self.out.child(f"{FOLDER}/index.parquet")

    @property
    def checkpoint(self) -> Location:
        """Folder of Ray's checkpoint."""
        return self.out.child(f"{FOLDER}/checkpoint")

    @cached_property
    def _settings(self) -> Location:
        return self.out.child(f"{FOLDER}/settings.json")

    def is_begun(self, settings: Mapping[str, Any]) -> bool:
        """Return True if a prediction with these settings has begun here.

        Raises:
            InputError: If one with other settings has.
        """
        if not self._settings.exists():
            return False
        there = json.loads(self._settings.read())
        for name, value in json.loads(json.dumps(settings)).items():
            if there.get(name) != value:
                raise InputError(
                    f"{self.out.path} holds another prediction ({name}: {there.get(name)} there, {value} now); "
                    "choose another --out, or repeat the options of that one"
                )
        return True

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Write the settings; the index is complete by then."""
        self._settings.write(json.dumps(settings, indent=1).encode())

    def outcome(self, pictures: int) -> Outcome:
        """Count the rows that have been written."""
        files = [info.path for info in self.rows.files() if info.path.endswith(".parquet")]
        counts, problems = Counter[int](), dict[int, str]()
        if files:
            rows = pads.dataset(files, filesystem=self.rows.filesystem, format="parquet")
            for batch in rows.to_batches(columns=["id", "problem"]):
                ids = batch.column("id").to_pylist()
                counts.update(ids)
                stated = zip(ids, batch.column("problem").to_pylist(), strict=True)
                problems.update((number, problem) for number, problem in stated if problem is not None)
        doubled = sum(count > 1 for count in counts.values())
        return Outcome(pictures, done=len(counts), doubled=doubled, problems=problems)
