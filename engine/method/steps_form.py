"""The form `steps`: one small plain question a part, and what a small model puts around its answer."""

from __future__ import annotations

import re

from engine.method.doomed import Rule, in_another_language, once_more, repeats_itself
from engine.method.prompts import Prompts
from engine.method.reflection import (
    AskTeacher,
    Question,
    Reflection,
    better_response,
    new_instruction,
    new_version,
    not_said_before,
    required_text,
)
from engine.method.stand_ins import beginning_of_instruction, beginning_stand_in
from engine.sample import History, Version
from models.teacher import Message


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
        rules: tuple[Rule, ...] = (repeats_itself(old), once_more(critique))

        def read_instruction(text: str) -> str:
            text = _unlabelled(text)
            if not _RESPONSE.search(f"\n{old.instruction}"):
                text = _RESPONSE.split(text, maxsplit=1)[0]
            return new_instruction(old, not_said_before(text, critique), history, prompts.languages)

        asked = _asked(prompts, old, task)
        held = prompts.languages
        in_other = in_another_language(_unlabelled, held.instruction)
        asking = Question("rewrite", asked, read_instruction, rules=(*rules, _reviews(old), in_other))
        instruction = await ask(asking)

        def read_answer(text: str) -> Reflection:
            answer = not_said_before(_unlabelled(text), critique)
            return Reflection(
                {"Critique": critique}, new_version(old, instruction, answer, history, prompts.languages)
            )

        # As one would ask it: who reads the answer later sees nothing of what led to the instruction.
        alone = (Message("system", prompts.answer), Message("user", f"{prompts.before}{instruction}"))
        rules = (*rules, _stands_in(instruction, old), in_another_language(_unlabelled, held.response))
        return await ask(Question("answer", alone, read_answer, rules=rules))

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection:
        critique = await ask(_criticise(prompts, old, prompts.criticise_response))

        def read(text: str) -> Reflection:
            response = better_response(old, not_said_before(_unlabelled(text), critique), prompts.languages)
            return Reflection({"Critique": critique}, response)

        asked = _asked(prompts, old, f"Criticism: {critique}\n\n{prompts.improve}")
        rules = (
            repeats_itself(old),
            once_more(critique),
            _stands_in(old.instruction, old),
            in_another_language(_unlabelled, prompts.languages.response),
        )
        return await ask(Question("improve", asked, read, rules=rules))


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
    return lambda text: beginning_stand_in(_unlabelled(text), instruction, old)


def _reviews(old: Version) -> Rule:
    return lambda text: beginning_of_instruction(_unlabelled(text), old)


def _dialogue(version: Version) -> str:
    return f"{_instruction(version)}\n\nResponse: {version.response}"


def _instruction(version: Version) -> str:
    input = f"\n\nInput: {version.input}" if version.input else ""
    return f"Instruction: {version.instruction}{input}"


# Where a small model writes the whole example anew, in the layout that it was shown.
_RESPONSE = re.compile(r"\n[*#\t ]*Response[*]*:", re.IGNORECASE)
# White space is never given back (`*+`, `++`): small teachers write thousands of line breaks.
_LABEL = re.compile(
    r"""\s*+(sure[,!.]?\s++)?(
        here(['’]s|\ is|\ are)\ [^\n:]{0,120}
            \b(instruction|response|answer|version(?=:|\ of\ (the|your)\b))\b[^\n:]{0,80}:
        |[*\#\s]*+((new|rewritten|better|improved)\s++)?(instruction|response)[*]*+:[*]*
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)


def _unlabelled(text: str) -> str:
    """A reply without what a small model puts around it: "Here is the new instruction:", and quotation marks."""
    text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    text = text.strip()
    quoted = len(text) > 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
    return text[1:-1] if quoted else text
