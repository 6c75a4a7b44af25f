"""The form `steps`: one small plain question a part, and what a small model puts around its answer."""

from __future__ import annotations

import re

from engine.method.doomed import Rule, fault_of, in_another_language, once_more, repeats_itself
from engine.method.labels import unlabelled, unlabelled_so_far
from engine.method.prompts import CRITIQUE, Prompts
from engine.method.reflection import (
    AskTeacher,
    Question,
    Reflection,
    Rewriting,
    better_response,
    new_instruction,
    new_version,
    not_said_before,
    required_text,
)
from engine.method.stand_ins import beginning_of_instruction, beginning_stand_in
from engine.sample import History, Version
from models.teacher import Fault, Message


class StepsForm:
    """One plain question a part."""

    # The critique is quoted in what is asked for the rewrite. As a turn of the teacher's own before it, models of a few
    # hundred million parameters say it again in place of a rewrite: 10 of 24 stages were usable (SmolLM2 135M).

    async def instruction(
        self, prompts: Prompts, old: Version, ask: AskTeacher, history: History
    ) -> Reflection:
        critique = await ask(_criticise(prompts, old, prompts.criticise_both))
        quote = " It must quote the input in full, which its reader does not see." * bool(old.input)
        task = f"Criticism: {critique}\n\n{prompts.rewrite}{quote}"
        rules: tuple[Rule, ...] = (repeats_itself(old), once_more(critique, old))

        def read_instruction(text: str) -> str:
            text, _ = _example_anew(unlabelled(text), old)
            return new_instruction(old, not_said_before(text, critique, old), history, prompts.languages)

        def followed(text: str) -> Fault | None:
            """An instruction of no use, and then its response: of that nothing is read."""
            _, response = _example_anew(unlabelled(text), old)
            return fault_of(lambda: read_instruction(text)) if response else None

        asked = _asked(prompts, old, task)
        held = prompts.languages
        in_other = in_another_language(unlabelled, held.instruction)
        asking = Question(
            "rewrite", asked, read_instruction, rules=(*rules, followed, _reviews(old), in_other)
        )
        instruction = await ask(asking)

        def read_answer(text: str) -> Reflection:
            answer = not_said_before(unlabelled(text), critique, old)
            return Reflection(
                {CRITIQUE: critique}, new_version(old, instruction, answer, history, prompts.languages)
            )

        # As one would ask it: who reads the answer later sees nothing of what led to the instruction.
        alone = (Message("system", prompts.answer), Message("user", f"{prompts.before}{instruction}"))
        rules = (*rules, _stands_in(instruction, old), in_another_language(unlabelled, held.response))
        return await ask(Rewriting("answer", alone, read_answer, rules=rules))

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection:
        critique = await ask(_criticise(prompts, old, prompts.criticise_response))

        def read(text: str) -> Reflection:
            text = not_said_before(_before_criticism(unlabelled(text), old), critique, old)
            return Reflection({CRITIQUE: critique}, better_response(old, text, prompts.languages))

        def followed(text: str) -> Fault | None:
            """The old response, and then a criticism of it: of that nothing is read."""
            text = unlabelled(text)
            return Fault.COPY if len(_before_criticism(text, old)) < len(text) else None

        asked = _asked(prompts, old, f"Criticism: {critique}\n\n{prompts.improve}")
        rules = (
            repeats_itself(old),
            once_more(critique, old),
            followed,
            _stands_in(old.instruction, old),
            in_another_language(unlabelled, prompts.languages.response),
        )
        return await ask(Rewriting("improve", asked, read, rules=rules))


def _asked(prompts: Prompts, old: Version, task: str) -> tuple[Message, ...]:
    return (
        Message("system", prompts.steps),
        Message("user", f"{prompts.before}{_dialogue(old)}{prompts.then}\n\n{task}"),
    )


def _criticise(prompts: Prompts, old: Version, task: str) -> Question[str]:
    asked = _asked(prompts, old, task)
    return Question(
        "critique", asked, lambda reply: required_text("critique", reply), rules=(repeats_itself(old),)
    )


def _stands_in(instruction: str, old: Version) -> Rule:
    return lambda text: beginning_stand_in(unlabelled_so_far(text), instruction, old)


def _reviews(old: Version) -> Rule:
    return lambda text: beginning_of_instruction(unlabelled_so_far(text), old)


def _dialogue(version: Version) -> str:
    return f"{_instruction(version)}\n\nResponse: {version.response}"


def _instruction(version: Version) -> str:
    input = f"\n\nInput: {version.input}" if version.input else ""
    return f"Instruction: {version.instruction}{input}"


def _example_anew(text: str, old: Version) -> tuple[str, str]:
    """An instruction, and its response where a small model writes the whole example anew, as it was shown it."""
    if _RESPONSE.search(f"\n{old.instruction}"):
        return text, ""
    instruction, *response = _RESPONSE.split(text, maxsplit=1)
    return instruction, "".join(response)


def _before_criticism(text: str, old: Version) -> str:
    """A text without the criticism that follows the old response in it, as that was shown."""
    response, *criticism = _CRITICISM.split(text, maxsplit=1)
    return response if criticism and response.split() == old.response.split() else text


_CRITICISM = re.compile(r"\n[*#\t ]*Criticism[*]*:", re.IGNORECASE)
_RESPONSE = re.compile(r"\n[*#\t ]*Response[*]*(?=:)", re.IGNORECASE)
