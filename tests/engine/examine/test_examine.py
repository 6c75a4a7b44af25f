"""A look through a dataset: every flag with its samples, what it counts, and what a workspace keeps of it."""

from __future__ import annotations

import gc
import json
import statistics
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.examine.examine import Examination
from engine.examine.flags import Finding, Flag, Lengths, Stats
from engine.examine.languages import UNKNOWN, language
from engine.formats.names import DatasetError
from engine.sample import Sample, Turn, Version
from engine.store.sample_list import FilterTerm, SampleFilter, SampleList
from engine.store.workspace import Workspace
from tests import hostile
from tests.factory import SOURCE, sample

STORY = (
    "The quick brown fox jumps over the lazy dog while the patient farmer counts his sheep in the quiet evening "
    "light and hums an old song about rivers and mountains far away."
)
RIDDLE = "What walks on four legs in the morning, on two at noon, and on three in the evening light?"

VERSIONS = [
    Version(instruction="Name a fruit that is red.", response="An apple is red, and so is a cherry."),
    Version(instruction="Tell me a story about a farmer.", response=STORY),
    Version(instruction=" Name a fruit\nthat is red.", response="An apple is red, and so is a cherry. "),
    Version(instruction="Tell me a story about a farmer.", response=STORY.replace("hums", "sings")),
    Version(instruction="Say nothing at all, please.", response=" N/A. "),
    Version(
        instruction="Answer the question.", input="<noinput>", response="There is no question to answer here."
    ),
    Version(instruction="Repeat this sentence for me.", response="REPEAT this sentence, for me!"),
    Version(instruction="Correct it, please.", input="It was fine already.", response="It was fine already."),
    Version(instruction="Open the safe, please.", response="I'm sorry, but I can't help with that request."),
    Version(instruction="Wie heißt die Hauptstadt von Frankreich?", response="Die Hauptstadt heißt Paris."),
    Version(
        instruction="Who can I write to about the invoice?",
        input="ann.smith@corp.co.uk or +49 30 1234567",
        response="Write to bob.jones@corp.org or ann.smith@corp.co.uk; the card is 4111 1111 1111 1111.",
    ),
    Version(instruction=f"Solve this riddle: {RIDDLE}", response="It is a human being, as Oedipus knew."),
    Version(instruction="x = 2 + 2", response="4"),
]

EXPECTED: dict[Flag, dict[int, list[dict[str, object]]]] = {
    Flag.DUPLICATE: {2: [{"of": 0}]},
    Flag.EMPTY: {4: [{"field": "response", "text": "N/A."}], 5: [{"field": "input", "text": "<noinput>"}]},
    Flag.COPIED: {
        6: [{"field": "response", "of": "instruction"}],
        7: [{"field": "response", "of": "input"}],
    },
    Flag.REFUSAL: {8: [{"text": "I'm sorry, but I can't help with that request."}]},
    Flag.OTHER_LANGUAGE: {9: [{"language": "de"}]},
    Flag.PERSONAL: {
        10: [
            {"field": "input", "kind": "e-mail address", "count": 1, "masked": "a…@c….uk"},
            {"field": "input", "kind": "phone number", "count": 1, "masked": "+49…67"},
            {"field": "response", "kind": "e-mail address", "count": 2, "masked": "b…@c….org"},
            {"field": "response", "kind": "card number", "count": 1, "masked": "…1111"},
        ]
    },
    Flag.IN_TEST: {
        11: [
            {
                "field": "instruction",
                "row": 1,
                "words": "What walks on four legs in the morning, on two at noon, and",
            }
        ]
    },
}


def samples(versions: list[Version]) -> Iterator[Sample]:
    return (sample(index, original=version) for index, version in enumerate(versions))


@pytest.fixture
def against(tmp_path: Path) -> Path:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"question": "Why?"}) + "\n" + json.dumps({"question": RIDDLE, "n": 3}) + "\n")
    return path


def test_every_flag_names_its_samples_and_what_was_found_in_them(against: Path) -> None:
    with Examination(against) as examination:
        stats = examination.examine(samples(VERSIONS))
        found = {flag: {one.sample: list(one.details) for one in examination.findings(flag)} for flag in Flag}
    near = found.pop(Flag.NEAR_DUPLICATE)
    assert found == EXPECTED
    assert list(near) == [3]
    (detail,) = near[3]
    assert detail["of"] == 1
    assert 0.8 <= detail["likeness"] < 1
    assert stats.flags == {flag: len(found.get(flag, near)) for flag in Flag}
    assert stats.samples == len(VERSIONS)
    assert stats.flagged == len({n for flagged in (*found.values(), near) for n in flagged}) == 10
    assert stats.personal == {"card number": 1, "e-mail address": 1, "phone number": 1}
    assert stats.against is not None
    assert (stats.against.rows, stats.against.texts, stats.against.short) == (2, 1, 1)


def test_languages_and_lengths_are_counted(against: Path) -> None:
    with Examination() as examination:
        stats = examination.examine(samples(VERSIONS))
    assert stats.languages == {"en": 11, "de": 1, UNKNOWN: 1}
    assert Flag.IN_TEST not in stats.flags, "no test was given"
    for summary, lengths in (
        (stats.response, [len(v.response) for v in VERSIONS]),
        (stats.instruction, [len(v.instruction) + len(v.input) for v in VERSIONS]),
    ):
        assert (summary.least, summary.median, summary.most) == (
            min(lengths),
            statistics.median_low(lengths),
            max(lengths),
        )
        assert summary.least <= summary.low <= summary.median <= summary.high <= summary.most


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "The committee will publish its findings before the end of the year."),
        ("fr", "Le comité publiera ses conclusions avant la fin de l'année."),
        ("es", "El comité publicará sus conclusiones antes de que termine el año."),
        ("ru", "Комитет опубликует свои выводы до конца года."),
        ("ja", "委員会は年末までに調査結果を公表する予定です。"),
        ("ar", "ستنشر اللجنة نتائجها قبل نهاية العام."),
        ("zh", "將下列句子翻譯成英文：請勿離開本機。"),
        (UNKNOWN, "4 + 4 = 8"),
        (UNKNOWN, "def f(x):\n    return x**2\nprint(f(3))"),
        (UNKNOWN, "Yes."),
        (UNKNOWN, ""),
    ],
)
def test_a_language_is_told_from_prose_and_from_nothing_else(code: str, text: str) -> None:
    assert language(text) == code


def test_hostile_texts_are_looked_through_like_any_others() -> None:
    versions = [Version(instruction=t or "-", input=t, response=t or ".") for t in hostile.CORPUS.values()]
    with Examination() as examination:
        stats = examination.examine(samples(versions))
        assert sum(stats.languages.values()) == stats.samples == len(versions)
        assert {one.sample for one in examination.findings(Flag.COPIED)} >= {0, 3}


def test_no_sample_is_kept_while_the_rest_is_looked_through() -> None:
    alive: list[weakref.ref[Sample]] = []
    most = 0

    def walked() -> Iterator[Sample]:
        nonlocal most
        for index in range(300):
            gc.collect(0)
            most = max(most, sum(one() is not None for one in alive))
            one_sample = sample(index, original=VERSIONS[index % len(VERSIONS)], row={"n": index})
            alive.append(weakref.ref(one_sample))
            yield one_sample

    with Examination() as examination:
        examination.examine(walked())
    assert most <= 2


def test_a_workspace_keeps_the_latest_examination_and_its_samples_can_be_filtered_by_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "w.burnish"
    with Workspace.create(path, SOURCE, samples(VERSIONS)) as opened:
        assert opened.examination() is None
        for count in (3, len(VERSIONS)):
            with Examination() as examination:
                stats = examination.examine(samples(VERSIONS[:count]))
                opened.keep_examination(stats, examination.all_findings())
                assert opened.examination() == stats
        assert opened.findings(Flag.REFUSAL, 5) == [
            Finding(8, Flag.REFUSAL, ({"text": "I'm sorry, but I can't help with that request."},))
        ]
        flagged = [found for flag in Flag for found in opened.findings(flag, 99)]
        for index in range(len(VERSIONS)):
            assert opened.found_in(index) == [found for found in flagged if found.sample == index]
        listing = SampleList(opened, None)
        for flag in Flag:
            listing.arrange(only=SampleFilter(marks=frozenset({FilterTerm(flag)})))
            assert list(listing.samples()) == [one.sample for one in opened.findings(flag, 99)], flag
        listing.arrange(only=SampleFilter(marks=frozenset({FilterTerm.DUPLICATE, FilterTerm.COPIED})))
        assert list(listing.samples()) == [2, 6, 7]
        listing.close()
    with Workspace.read(path) as again:
        assert again.examination() == stats


def test_a_test_of_any_shape_is_read_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    for name, content in (
        ("t.json", json.dumps([{"a": [{"b": RIDDLE}]}, "text", 5])),
        ("t.csv", f'question,answer\n"{RIDDLE}",a human\n'),
        ("t.txt", f"A heading\n\n{RIDDLE}\n"),
    ):
        (tmp_path / name).write_text(content)
        with Examination(tmp_path / name) as examination:
            examination.examine(samples(VERSIONS))
            assert [one.sample for one in examination.findings(Flag.IN_TEST)] == [11], name
    for name, content, why in (
        ("broken.json", '[{"a": "b"}, {', "row 2"),
        ("broken.jsonl", '{"a": 1}\n{"a": \n', "line 2"),
        ("empty.json", "", "empty"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(DatasetError, match=why):
            Examination(tmp_path / name)
    (tmp_path / "latin.txt").write_bytes(b"first line\ncaf\xe9\n")
    with pytest.raises(DatasetError, match="line 2: byte 14: not UTF-8"):
        Examination(tmp_path / "latin.txt")
    with pytest.raises(DatasetError, match="cannot be read"):
        Examination(tmp_path / "not there.json")


def test_an_empty_dataset_has_no_lengths() -> None:
    with Examination() as examination:
        stats = examination.examine([])
    none = Lengths(least=0, low=0, median=0, high=0, most=0)
    flags = {flag: 0 for flag in Flag if flag is not Flag.IN_TEST}
    assert stats == Stats(
        samples=0, flagged=0, flags=flags, languages={}, instruction=none, response=none, personal={}
    )


def test_every_turn_before_an_exchange_is_looked_at_once(against: Path) -> None:
    said = [
        Turn(role="system", text="Write to help@corp.org."),
        Turn(role="user", text="I am ann@corp.org."),
        Turn(role="assistant", text="Hello."),
        Turn(role="user", text="And bob@corp.org too."),
        Turn(role="assistant", text=f"He says: {RIDDLE}"),
    ]
    last = Version(instruction="Who else?", response="Nobody but eve@corp.org.")
    exchanges = [
        (0, Version(instruction=said[1].text, response=said[2].text), said[:1]),
        (0, Version(instruction=said[3].text, response=said[4].text), said[:3]),
        (0, last, said),
        (1, last, said),
    ]
    with Examination(against) as examination:
        examination.examine(
            sample(index, original=version, number=number, history=tuple(history))
            for index, (number, version, history) in enumerate(exchanges)
        )
        personal = {
            one.sample: [detail["field"] for detail in one.details]
            for one in examination.findings(Flag.PERSONAL)
        }
        tested = {one.sample: one.details[0]["field"] for one in examination.findings(Flag.IN_TEST)}
    assert personal == {
        0: ["system turn 1", "instruction"],
        1: ["instruction"],
        2: ["response"],
        3: ["system turn 1", "user turn 1", "user turn 2", "response"],
    }
    assert tested == {1: "response", 3: "assistant turn 2"}
