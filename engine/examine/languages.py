"""The languages of a dataset, by py3langid's offline model: 4 MB, some tenths of a millisecond a text."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator

from engine.method.language import NONE, identifier

UNKNOWN = "unknown"
"""The language of a text that says too little, is in several, or is no text: numbers, code."""

LETTERS = 12
"""A text with fewer says too little."""

SURE = 0.2
"""The least probability that is believed; prose has 0.5 and more, code 0.1 and less."""

READ = 200
"""Characters of each text that are read, from the first: prose needs no more, and this is what takes the time."""


def language(*texts: str) -> str:
    """The language of some texts together: an ISO 639-1 code, or `UNKNOWN`."""
    text = "\n".join(text[:READ] for text in texts)
    if sum(map(str.isalpha, text)) < LETTERS:
        return UNKNOWN
    code, probability = identifier().classify(text)
    return code if probability >= SURE and code != NONE else UNKNOWN


class Languages:
    """The languages of many samples, a byte each. Numbered as they are added, from 0."""

    def __init__(self) -> None:
        self._codes = [UNKNOWN]
        self._of = array("B")

    def add(self, *texts: str) -> None:
        code = language(*texts)
        if code not in self._codes:
            self._codes.append(code)  # there are some 110
        self._of.append(self._codes.index(code))

    def counts(self) -> dict[str, int]:
        """Samples by language, the most frequent first."""
        return {self._codes[number]: count for number, count in Counter(self._of).most_common()}

    def others(self) -> Iterator[tuple[int, str]]:
        """The samples that are surely not in the language that most are in, and theirs."""
        most = next((code for code in self.counts() if code != UNKNOWN), UNKNOWN)
        same = {0, self._codes.index(most)}
        return ((at, self._codes[number]) for at, number in enumerate(self._of) if number not in same)
