"""A rewrite that lost or invented what programs read in a text is of no use; text about such marks is text."""

from __future__ import annotations

import pytest

from engine.method.reply_forms import ReplyFormName
from engine.method.structure import broken_structure
from engine.sample import Stage, Version
from models.teacher import Fault
from tests.engine.method.asking import EVERY, fault, read, replies

PROSE = "Please describe it in a few more words, and say why."

STRUCTURE = [
    "<image>\nWhat is on the table?",
    "What is on the table? <image>",
    "<image_1> What differs from <image_2>?",
    "Listen: <audio> What is said?",
    "<video>\nWho wins?",
    "<|image_1|>\nDescribe it.",
    "Dear {{customer name}}, your order is on its way.",
    "Your order {{Order Number}} has shipped.",
    "Hello {{ user.first_name }}!",
    "Write a letter to {customer_name} about {topic}.",
    "Translate to French: {text}",
    "Fill it in: Paris is the [MASK] of France.",
    "The cat [BLANK] on the mat.",
    "Paris is the <mask> of France.",
    "<|im_start|>user\nHello<|im_end|>",
    "Done.<|endoftext|>",
    "[INST] Say hello. [/INST]",
    "A <extra_id_0> day in the park.",
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>',
    '<functioncall> {"name": "weather"}',
    '[TOOL_CALLS][{"name": "weather"}]',
    "<｜begin▁of▁sentence｜>Hello",
    "你好 {{姓名_name}}，请看 <image>",
]

NONE = [
    "Use the `{name}` of each row.",
    "```python\nname = '{name}'\n```",
    "def hello(name):\n    print(f'Hello {name}')",
    "int main() {\n  return {value};\n}",
    "function greet(name) { return `Hi ${name}`; }",
    '{"name": "{value}", "n": 1}',
    r"Solve $x_{min} + {abc}$ for x.",
    r"\begin{align} {alpha} &= {beta} \end{align}",
    r"Write \textbf{important} and \emph{words}.",
    r"$\frac{{abc}}{{def}}$",
    "The set {a} and the set {b} are disjoint.",
    "Sets: {red, green}, {1, 2, 3}.",
    "GET /users/{user_id}/orders",
    "<p>See <img src='a.png'> and <b>this</b>.</p>",
    "The <video> tag of HTML plays a film.",
    "<image><url>http://a</url></image>",
    "An <audio> element has controls.",
    "Jinja2 writes {{ user.name }} for it.",
    "<template><p>{{ message }}</p></template>\nwith Vue.js",
    "{% for item in items %}{{ item.name }}{% endfor %}",
    "BERT sees [MASK] and [SEP].",
    "The tokenizer adds <|endoftext|> at the end.",
    "ChatML begins a turn with <|im_start|>.",
    "a[i] = b[MAX]; c{d}",
    "<s>old</s> new",
    "SELECT * FROM t WHERE a = {value};",
    "body { color: red; }",
    ".card {margin: 0} .wide {padding}",
    "Use [1] and [note] in the margins; see [PADDING].",
    "echo ${HOME} {start..end}",
    "He said {sic} and went.",
    "a <b and c> d",
]


@pytest.mark.parametrize("text", STRUCTURE)
def test_what_is_lost_or_invented_is_found(text: str) -> None:
    plain, marked = Version(instruction=PROSE, response=PROSE), Version(instruction=text, response=text)
    assert broken_structure(marked, marked.model_copy(update={"response": PROSE}))
    assert broken_structure(marked, marked.model_copy(update={"instruction": PROSE}))
    assert broken_structure(plain, plain.model_copy(update={"response": text}))
    assert broken_structure(plain, plain.model_copy(update={"instruction": text}))
    kept = Version(instruction=f"{PROSE} {text}", response=f"{text} {PROSE}")
    assert broken_structure(marked, kept) is None
    carried = Version(instruction=f"{PROSE}\n{text}", response=PROSE)
    assert broken_structure(Version(instruction=PROSE, input=text, response="Yes."), carried) is None


@pytest.mark.parametrize("text", NONE)
def test_code_formulas_markup_and_talk_of_marks_are_none(text: str) -> None:
    plain, marked = Version(instruction=PROSE, response=PROSE), Version(instruction=text, response=text)
    other = Version(instruction="Another question?", response="Another answer.")
    assert broken_structure(marked, other) is None
    assert broken_structure(plain, marked) is None


def test_an_images_mark_stands_as_often_as_there_are_images() -> None:
    old = Version(instruction="<image><image>\nCompare them.", response="They differ.")
    once = Version(instruction="<image>\nCompare the two in detail.", response="They differ much.")
    repeated = Version(instruction="<image><image>\nCompare them well.", response="In <image> it is red.")
    assert broken_structure(old, once) == "the new instruction has <image> 1 times instead of 2"
    assert broken_structure(old, repeated) == "the new response has <image>, which was not there"


def test_an_answer_may_fill_a_slot_in_or_repeat_the_instructions() -> None:
    old = Version(instruction="Write to {customer_name}.", response="Dear customer, it is done.")
    new = Version(
        instruction="Write a long letter to {customer_name}.", response="Dear {customer_name}, it is done."
    )
    assert broken_structure(old, new) is None


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_such_a_reply_is_unusable_with_a_kind_of_its_own(form: ReplyFormName, stage: Stage) -> None:
    old = Version(instruction="Write to {customer_name}.", response="Dear {customer_name}, it is done.")
    lost = "Dear customer, everything has been done as you asked."
    assert fault(form, stage, *replies(form, stage, lost), old=old) is Fault.STRUCTURE


def test_in_steps_the_instruction_is_held_to_it_before_its_answer_is_asked_for() -> None:
    old = Version(instruction="Write to {customer_name}.", response="Dear {customer_name}, it is done.")
    steps = ReplyFormName.STEPS
    assert fault(steps, Stage.INSTRUCTION, "Fine.", "Write to a customer.", old=old) is Fault.STRUCTURE
    kept = read(
        steps, Stage.INSTRUCTION, "Fine.", "Write at length to {customer_name}.", "Dear {customer_name}, all is well.",
        old=old,
    )  # fmt: skip
    assert kept.version.instruction == "Write at length to {customer_name}."


POEM = (
    "The sun and sky above,\nAlways there to bring us love.\n\nThe trees are tall,\nTheir leaves soon fall."
)


@pytest.mark.parametrize(
    "old", [POEM, "1. Eat well.\n2. Sleep.\n3. Walk.\n4. Laugh with friends.", "a = 1\nb = 2\nc = 3\nd = 4"]
)
def test_a_text_whose_lines_became_one_is_broken(old: str) -> None:
    before = Version(instruction="Write it.", response=old)
    flat = " ".join(old.split())
    lost = before.model_copy(update={"response": flat})
    assert (
        broken_structure(before, lost) == "the new response has the old one's words, and its 4 lines as one"
    )
    assert broken_structure(before.model_copy(update={"response": flat}), before) is None, "they were made"
    for kept in (old.replace("\n", "\n\n"), flat.replace(" ", "\n", 1), f"{flat} {PROSE} {PROSE}", PROSE):
        assert broken_structure(before, before.model_copy(update={"response": kept})) is None


def test_lines_of_a_script_without_spaces_are_lost_likewise() -> None:
    before = Version(
        instruction="写一首诗。", response="床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。"
    )
    after = before.model_copy(update={"response": before.response.replace("\n", "")})
    assert "its 4 lines as one" in str(broken_structure(before, after))


def test_a_sentence_that_was_on_three_lines_may_stand_on_one() -> None:
    before = Version(instruction="Write it.", response="Leaves fall\nslowly\nto the ground.")
    after = before.model_copy(update={"response": "Leaves fall slowly to the ground."})
    assert broken_structure(before, after) is None
