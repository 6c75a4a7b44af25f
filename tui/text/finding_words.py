"""What an examination found in a sample, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.examine.flags import Finding


def finding_text(found: Finding) -> str:
    """Holds words of the dataset: show it as such."""
    return "; ".join(map(_detail, found.details))


def _detail(detail: Mapping[str, Any]) -> str:  # noqa: PLR0911 - a form of detail each
    match detail:
        case {"of": of, "likeness": float(likeness)}:
            return f"like {of}, about {likeness:.2f}"
        case {"field": field, "of": of}:
            return f"{field} is the {of}"
        case {"of": of}:
            return f"the same as {of}"
        case {"field": field, "kind": kind, "count": int(count), "masked": masked}:
            times = f", {count} times" if count > 1 else ""
            return f"{kind} in the {field}{times}: {masked}"
        case {"field": field, "row": row, "words": words}:
            return f"{field} and row {row} of the test: {words}"
        case {"field": field, "text": text}:
            return f"{field}: {text or 'empty'}"
        case {"language": language}:
            return str(language)
        case _:
            return ", ".join(map(str, detail.values()))
