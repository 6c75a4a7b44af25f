"""The two versions that Review shows beside each other: what it opens with, and what the keys take there."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sample import Choice, Decision, EqualLength, Rule, Stage, Verification
from engine.store.workspace import Workspace
from tests.factory import choice
from tests.scene import outcome_of_kind, scene
from tests.tui.screens.review_seat import KEPT, REPLACED, ReviewSeat, a_review, with_student
from tui.screens.review.headings import rejected_line

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


Margins = tuple[float | None, float | None]


def rejected(folder: Path, *margins: Margins) -> Path:
    """A workspace in which the student rejected both rewrites of each sample, by its margins; of the last, none."""
    path = scene(folder, kinds=("waiting",) * len(margins) + ("replaced",), reviewed=False)
    with Workspace.open(path) as opened:
        run = opened.latest_run()
        assert run is not None
        for index, of_stages in enumerate(margins):
            made = outcome_of_kind(opened.sample(index), "kept")
            assert made is not None
            choices = tuple(
                one.model_copy(update={"margin": margin})
                for one, margin in zip(made.choices, of_stages, strict=True)
            )
            opened.keep_outcome(run, made.model_copy(update={"choices": choices}))
    return path


def test_where_the_original_stays_the_rewrite_that_came_nearest_is_shown_beside_it(tmp_path: Path) -> None:
    nearest: dict[Margins, str] = {
        (-0.3, -0.3): "response",
        (-0.01, -0.3): "instruction",
        (-0.3, -0.01): "response",
        (-0.3, None): "instruction",
        (None, None): "response",
    }

    async def steps(seat: ReviewSeat) -> None:
        for index, shown in enumerate(nearest.values()):
            await seat.go_to(index)
            assert f"The teacher's {shown}  rejected by the student" in seat.head, index
            said = seat.shown("#rejected")
            assert said.startswith(f"The original stays: the student rejected this {shown} (")
            assert said.endswith("a takes the original, t this rewrite.")
            assert not seat.part("response").has_class("-same")
        await seat.press("comma", "comma")
        assert "the original stays" in seat.head
        assert not seat.screen.query_one("#rejected").display
        await seat.go_to(len(nearest))
        assert "both rewrites taken" in seat.head

    ReviewSeat(rejected(tmp_path, *nearest)).play(steps)


def test_accepting_never_takes_a_rejected_rewrite_and_the_teacher_s_key_takes_the_one_that_is_shown(
    tmp_path: Path,
) -> None:
    async def steps(seat: ReviewSeat) -> None:
        given = with_student(seat)
        original = (await a_review(seat, 0)).version
        await seat.press("a")
        accepted = await seat.review(0)
        assert accepted is not None
        assert (accepted.decision, accepted.version) == (Decision.ACCEPTED, original)
        await seat.go_to(0)
        assert seat.shown("#decision") == "✓ accepted"
        assert "The teacher's instruction" in seat.head, "though the original was decided on"
        await seat.press("t")
        taken = await seat.review(0)
        assert taken is not None
        assert taken.decision is Decision.CHOSEN
        assert given == [taken.version]
        assert not taken.version.response.endswith("keep going."), (
            "the instruction's rewrite, which was shown"
        )
        await seat.go_to(0)
        await seat.press("o")
        kept = await seat.review(0)
        assert kept is not None
        assert kept.decision is Decision.ORIGINAL

    ReviewSeat(rejected(tmp_path, (-0.01, -0.3))).play(steps)


@pytest.mark.whole
def test_any_two_versions_stand_beside_each_other_with_their_numbers(tmp_path: Path) -> None:
    async def steps(seat: ReviewSeat) -> None:
        assert seat.shown("#head-left") == "Original"
        await seat.press("l")
        assert seat.shown("#head-left") == "The teacher's instruction"
        assert seat.part("instruction").has_class("-same"), "the choice and what it was made from"
        assert [name for *_, name in seat.part("response").right._marks.all] == ["added"]
        numbers = seat.numbers.splitlines()
        assert numbers[0].split() == ["The", "student", "left", "shown"]
        assert numbers[1].split() == ["IFD", "0.6000", "0.6000", "=", "the", "same"]
        await seat.press("m", "enter")
        mixed = await seat.review(REPLACED)
        assert mixed is not None
        assert mixed.version.response.endswith("keep going.")
        await seat.go_to(KEPT)
        assert seat.shown("#head-left") == "Original", "of another sample as ever"
        await seat.press("comma", "l", "l")
        assert seat.shown("#head-left") == "Original", "never the one on the right"

    ReviewSeat(scene(tmp_path, reviewed=False)).play(steps)


def test_a_sample_with_no_other_version_says_so(tmp_path: Path) -> None:
    async def steps(seat: ReviewSeat) -> None:
        await seat.press("l")
        assert "no other version" in seat.toasts[-1]

    ReviewSeat(scene(tmp_path, kinds=("waiting",), reviewed=False)).play(steps)


BY_SCORE = choice(Stage.INSTRUCTION, before=0.6, after=0.5, margin=-0.1823)
EQUAL = EqualLength(margin=-0.02, scored=(9, 30))
AGAIN = Verification(before=0.6, after=0.59, margin=-0.0168, limit=None, overruled=True)


@pytest.mark.parametrize(
    ("rejecting", "reason"),
    [
        (BY_SCORE, "IFD 0.6000 → 0.5000, margin −0.1823"),
        (
            BY_SCORE.model_copy(update={"rule": Rule.LARGER_IFD_EQUAL, "equal_length": EQUAL}),
            "IFD at equal length, margin −0.0200",
        ),
        (
            BY_SCORE.model_copy(update={"verified": AGAIN}),
            "IFD 0.6000 → 0.5900, margin −0.0168, by the verifier",
        ),
        (choice(Stage.INSTRUCTION, rule=Rule.UNSCORABLE, after=0.5), "it has no IFD to compare"),
    ],
)
def test_a_rejected_rewrite_is_said_to_be_one_with_the_numbers_that_decided(
    rejecting: Choice, reason: str
) -> None:
    why = f"stays: the student rejected this instruction ({reason}). "
    assert rejected_line(rejecting, "a", "t", stays=True).plain == (
        f"The original {why}a takes the original, t this rewrite."
    )
    assert rejected_line(rejecting, "a", "t", stays=False).plain == (
        f"Another version {why}a takes the student's choice, t this rewrite."
    )
