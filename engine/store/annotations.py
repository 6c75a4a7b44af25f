"""A person's notes on samples, and their tags. `annotated` holds those that count now."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter

from engine.sample import Annotation
from engine.store.acts import Acts, SampleLog, Steps, of_samples, whole
from engine.store.database import Database
from models.errors import UsageError

ANNOTATIONS = """
CREATE TABLE annotations (                                -- appended to, as `reviews` is
    sample INTEGER NOT NULL REFERENCES samples,
    body TEXT NOT NULL,                                   -- engine.sample.Annotation; null: neither note nor tags
    act INTEGER NOT NULL REFERENCES acts
);
CREATE INDEX annotations_by_sample ON annotations (sample);
CREATE INDEX annotations_by_act ON annotations (act);
CREATE TABLE annotated (                                  -- of each sample, the last one that is not undone
    sample INTEGER PRIMARY KEY REFERENCES samples,
    body TEXT NOT NULL
)
"""

ANNOTATED = SampleLog("annotations", "annotated", "body", "body")

Annotations = Iterable[tuple[int, Annotation]]
"""Notes and tags of samples, by their numbers."""

ACT = "note and tags"
"""The name of such an act, for the line that says it was undone."""

LONGEST_TAG = 30
"""Characters."""

NONE = Annotation()

_TAGS = TypeAdapter(list[str])


@dataclass(frozen=True, slots=True)
class AnnotationChange:
    """A change of many samples' notes and tags: the note is for those that have none."""

    note: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def of(self, before: Annotation) -> Annotation:
        tags = (set(before.tags) | set(self.added)) - set(self.removed)
        return Annotation(note=before.note or self.note, tags=tuple(sorted(tags)))


class AnnotationLog:
    """All notes and tags in a workspace."""

    def __init__(self, database: Database, acts: Acts) -> None:
        self._database = database
        self._acts = acts

    def of(self, sample: int) -> Annotation:
        """A sample's note and tags; `NONE` where it has neither."""
        rows = self._database.execute("SELECT body FROM annotated WHERE sample = ?", sample)
        return self._database.parsed(Annotation.model_validate, rows[0][0]) if rows else NONE

    def tags(self) -> dict[str, int]:
        """The tags with the number of samples that have each, the most frequent first."""
        # Counted as JSON: in a file made by hand a tag may be no text that SQLite can hand over.
        rows = self._database.execute("SELECT body -> '$.tags', count(*) FROM annotated GROUP BY 1")
        counts: Counter[str] = Counter()
        for tags, count in rows:
            for tag in self._database.parsed(_TAGS.validate_python, tags or "null"):
                counts[tag] += count
        return dict(sorted(counts.items(), key=lambda tag: (-tag[1], tag[0])))

    def noted(self) -> int:
        """The number of samples with a note."""
        ((count,),) = self._database.execute(
            f"SELECT count(*) FROM annotated AS a WHERE {has_note('a.body')}"
        )
        return int(count)

    def first(self, limit: int) -> list[tuple[int, Annotation]]:
        """The first samples that have a note or a tag, with what they have."""
        rows = self._database.execute("SELECT sample, body FROM annotated ORDER BY sample LIMIT ?", limit)
        return [(sample, self._database.parsed(Annotation.model_validate, body)) for sample, body in rows]

    def changed(self, samples: Iterable[int], change: AnnotationChange) -> Iterator[tuple[int, Annotation]]:
        """Those of these samples that a change concerns, with what they have then."""
        table = "(SELECT 1) LEFT JOIN annotated AS a ON a.sample = wanted.value"
        for sample, body in of_samples(self._database, table, "a.body", samples):
            before = self._database.parsed(Annotation.model_validate, body) if body else NONE
            if (after := change.of(before)) != before:
                yield sample, after

    def keep_in_steps(self, annotations: Annotations) -> Steps[int]:
        """Give samples these notes and tags in place of their own, in one act; see `Acts.do_in_steps`."""
        bodies = ((sample, _body(annotation)) for sample, annotation in annotations)
        return self._acts.do_in_steps(ANNOTATED, ACT, bodies)

    def keep(self, sample: int, annotation: Annotation) -> None:
        """`keep_in_steps` of one sample, at once."""
        whole(self.keep_in_steps([(sample, annotation)]))


def _body(annotation: Annotation) -> str:
    return "null" if annotation == NONE else json.dumps(annotation.model_dump(mode="json"))


def has_note(body: str) -> str:
    """SQL for whether an annotation, by its body, has a note."""
    return f"{body} -> '$.note' <> '\"\"'"


def has_tags(body: str) -> str:
    """SQL for whether an annotation, by its body, has a tag."""
    return f"{body} -> '$.tags' <> '[]'"


def read_tags(line: str) -> tuple[str, ...]:
    """The tags in a line, in order: words with spaces or commas between them. Raises `UsageError`."""
    return tuple(sorted({read_tag(word) for word in line.replace(",", " ").split()}))


def read_tag_changes(line: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tags in a line that are added, and those that are taken away, with a - before them. Raises `UsageError`."""
    words = line.replace(",", " ").split()
    added = [word for word in words if not word.startswith("-")]
    removed = [word.removeprefix("-") for word in words if word.startswith("-")]
    return read_tags(" ".join(added)), read_tags(" ".join(removed))


def read_tag(word: str) -> str:
    """A tag as it is kept: in lower case, without a # before it. Raises `UsageError`."""
    tag = unicodedata.normalize("NFC", word.removeprefix("#").lower())
    if not tag or not all(
        character in "-_./" or unicodedata.category(character)[0] in "LMN" for character in tag
    ):
        raise UsageError(f"{word}: a tag is of letters and digits, and - _ . / between them, as in bad-fact")
    if not tag[0].isalnum():
        raise UsageError(f"{word}: a tag begins with a letter or a digit, as in bad-fact")
    if len(tag) > LONGEST_TAG:
        raise UsageError(
            f"{word[:LONGEST_TAG]}…: a tag has at most {LONGEST_TAG} characters, and this one {len(tag)}"
        )
    return tag
