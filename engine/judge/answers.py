"""A model's answers to a file of prompts, laid out as AlpacaEval's files are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.events import Started
from engine.formats.conversation import before_fields, history_in, said_in
from engine.formats.fields import NO_COLUMNS, Columns, fields_of
from engine.formats.names import DatasetError, Layout, Record, RowError
from engine.formats.read import any_rows
from engine.formats.shapes import turns_field
from engine.formats.tools import definitions_in
from engine.judge.events import Answered
from engine.judge.pairs import GENERATOR, spoken
from engine.judge.recorded_model import RecordedModel
from engine.method.reflection import Question, UnusableReply, failure_of, reply_text
from engine.method.templates import PUBLISHED, TemplateName
from engine.run.first_samples import FIRST, Asking
from engine.run.settings import MODEL_NAMES, AnswerSettings
from engine.run.teachers import check_teacher
from engine.sample import Failure, History, Turn
from models.errors import UsageError
from models.files.catalog import teacher_file
from models.teacher import Message, Reply, TeacherError


@dataclass(frozen=True, slots=True)
class AnswerPrompt:
    """A row of a file of prompts."""

    instruction: str
    input: str = ""
    dataset: str | None = None  # where AlpacaEval's own prompts are from
    history: History = ()  # what was said before it
    tools: tuple[Mapping[str, Any], ...] = ()  # definitions of those that the answer may call

    def question(self, template: TemplateName) -> Question[Reply]:
        """The instruction as it is put to a model: in a template's words, or for the model's own chat template.

        In a template each message but the last ends with an answer, after which the model's end token belongs.
        """
        before = spoken(self.history).messages
        if template is TemplateName.CHAT:
            text = f"{self.instruction}\n{self.input}" if self.input else self.instruction
            messages = *before, Message("user", text)
        else:
            turns = tuple(Turn(role=message.role, text=message.content) for message in before)
            pieces = PUBLISHED[template](self.instruction, self.input, turns, "")
            messages = tuple(Message("user", piece.text) for piece in pieces)
        tools = self.tools if template is TemplateName.CHAT else ()  # the others have no place for them
        return _Open("answer", messages, Reply, tools=tools)


@dataclass(frozen=True, slots=True)
class _Open(Question[Reply]):
    """A question whose answer is whatever the model says; one that was cut is what it said so far."""

    def parse(self, reply: Reply) -> Reply:
        text = reply_text(reply, self.messages)
        return replace(reply, text=text if text == reply.text else text.lstrip())


@dataclass(slots=True)
class Answers:
    """A model's answers, by the prompts' numbers."""

    texts: dict[int, str] = field(default_factory=dict)
    cut: int = 0  # answers that reached the limit of tokens
    failures: dict[int, Failure] = field(default_factory=dict)  # prompts without an answer


def prompts(
    path: Path,
    limit: int | None = None,
    encoding: str | None = None,
    columns: Columns = NO_COLUMNS,
) -> list[AnswerPrompt]:
    """The prompts of a file: a dataset, AlpacaEval's file, rows that have only an instruction, or lines of text.

    Of a conversation the last user's turn is the prompt, after what was said before it.

    `encoding` and `columns` as for `open_dataset`.
    `DatasetError`: the file cannot be read, or a row of it has no instruction.
    """
    found: list[AnswerPrompt] = []
    for number, row in enumerate(any_rows(path, encoding), 1):
        if len(found) == limit:
            break
        if isinstance(row, str):
            if line := row.strip("\r\n"):
                found.append(AnswerPrompt(line))
            continue
        found.append(_prompt(path, number, row, columns))
    if not found:
        raise DatasetError(f"{path}: holds no prompts; expected rows with `instruction`, or lines of text")
    return found


def _prompt(path: Path, number: int, row: object, columns: Columns) -> AnswerPrompt:
    where = f"{path}: row {number}"
    if not isinstance(row, dict):
        raise DatasetError(_expected(where, columns))
    for turns in (row, row | {"completion": None}):  # TRL's prompts have turns in `prompt` and no more
        if (field := turns_field(turns, columns)) is not None:
            return _prompt_in_turns(where, turns, Layout(field), columns)
    asked = columns.model_copy(update={"response": None})
    fields = fields_of(row | {"output": ""}, asked)
    if fields is not None:
        instruction, input = row[fields.instruction], row.get(fields.input or "")
        if isinstance(input, str) and not (isinstance(instruction, str) and instruction.strip()):
            instruction, input = input, None  # the whole question stands there
        dataset = row.get("dataset")
        if isinstance(instruction, str) and instruction.strip() and isinstance(input, str | None):
            return AnswerPrompt(
                instruction,
                input or "",
                dataset if isinstance(dataset, str) else None,
                before_fields(row, columns),
                definitions_in(row),
            )
    raise DatasetError(_expected(where, columns))


def _expected(where: str, columns: Columns) -> str:
    field = columns.instruction or "instruction"
    return (
        f"{where}: expected a prompt, with its text in the field `{field}`, or turns of which one is a user's"
    )


def _prompt_in_turns(where: str, row: Record, layout: Layout, columns: Columns) -> AnswerPrompt:
    """The user's last turn and what stands before it; an answer to it that is there is left out."""
    try:
        said = said_in(row, layout, columns)
        at = max((at for at, turn in enumerate(said) if turn.role == "user"), default=None)
        if at is None or not said[at].text.strip():
            raise DatasetError(_expected(where, columns))
        if (why := said[at].never) is not None:
            raise why
    except RowError as error:
        raise DatasetError(f"{where}: {error}") from None
    return AnswerPrompt(said[at].text, history=history_in(said[:at]), tools=definitions_in(row))


def check_answering(settings: AnswerSettings) -> None:
    """Raise what can be said against the settings without loading a model or asking a server."""
    if settings.name is None:
        raise UsageError(f"no model: give --model with {MODEL_NAMES} (see burnish models)")
    check_teacher(settings)
    if settings.template is not TemplateName.CHAT and teacher_file(settings.name) is None:
        raise UsageError(
            f"template {settings.template}: its server puts every prompt into {settings.name}'s own template; use "
            "template chat, or the model's file as gguf:PATH"
        )


async def answer(respondent: RecordedModel, asked: Sequence[AnswerPrompt], template: TemplateName) -> Answers:
    """A model's answer to every prompt; those that are in the respondent's record cost nothing.

    A prompt that gets no answer is a failure. Emits `Started`, an `Answered` for each prompt that was not answered
    before, `Held` where the first prompts all fail in the same way, and of the replies what a run emits of a teacher's.
    Raises `TeacherError` when a pause outlasts its patience, `WorkspaceError`; whatever was answered stays answered. To
    stop it is to cancel it.
    """
    model = await respondent.open()
    answers = Answers()
    questions = [prompt.question(template) for prompt in asked]
    keys = [model.sampling.request(question).digest(model.info) for question in questions]
    before = {number for number, key in enumerate(keys) if respondent.record.reply(number, key) is not None}
    if len(asked) - len(before) > FIRST:
        sampling = model.sampling
        key = json.dumps(["answers", model.info.digest, sampling.model_dump(), template], sort_keys=True)
        asking = Asking(None, sampling.think, sampling.max_tokens, model.info.context, group="answer")
        respondent.watch(key, asking, "prompts")
    respondent.emit(Started(len(asked), len(before), 0, ()))

    async def work(item: tuple[int, Question[Reply]]) -> None:
        number, question = item
        try:
            reply = await respondent.ask(number, question)
        except (UnusableReply, TeacherError) as error:
            answers.failures[number] = failure_of(error)
        else:
            answers.texts[number] = reply.text
            answers.cut += reply.finish != "stop"
        if number not in before:
            respondent.emit(Answered(number, answers.failures.get(number)))

    await respondent.each(iter(enumerate(questions)), work)
    return answers


def generator(name: str) -> str:
    """A model's name in its answers: of a file not the path, which is nobody else's business."""
    return Path(name.removeprefix("gguf:")).stem if name.startswith("gguf:") else name


def rows(asked: Sequence[AnswerPrompt], answers: Answers, name: str) -> Iterator[Record]:
    """AlpacaEval's rows; one that has no answer is there with an empty output.

    What was said before a prompt is in the fields that LLaMA-Factory has for it, `system` and `history`, and the tools
    in `tools`.
    """
    for number, prompt in enumerate(asked):
        row: dict[str, Any] = {} if prompt.dataset is None else {"dataset": prompt.dataset}
        row["instruction"] = prompt.instruction
        if prompt.input:
            row["input"] = prompt.input
        before = spoken(prompt.history)
        if before.system:
            row["system"] = before.system
        if before.pairs:
            row["history"] = [list(pair) for pair in before.pairs]
        if prompt.tools:
            row["tools"] = json.dumps(prompt.tools, ensure_ascii=False)
        yield row | {"output": answers.texts.get(number, ""), GENERATOR: generator(name)}
