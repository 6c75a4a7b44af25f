"""A rewrite is in the language of what it rewrites: the teacher is told, and a reply in another one is refused."""

from __future__ import annotations

import pytest

from engine.method.reflection import UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.method.rewrite_language import (
    ANY,
    LANGUAGES,
    SAME,
    UNSAID,
    HalfLanguage,
    language_setting,
    names_a_language,
    rewrite_languages,
)
from engine.sample import Stage, Version
from models.teacher import Fault
from tests.engine.method.asking import (
    EVERY,
    Scripted,
    instruction_json,
    markers,
    reflect,
    response_json,
)

ASKED = {
    "en": "Explain to a beginner how one learns a new language, and which mistakes most people make.",
    "ko": "새로운 언어를 배우는 방법과 많은 사람들이 하는 실수를 초보자에게 설명해 주세요.",
    "zh": "请向初学者说明怎样学习一门新的语言，以及大多数人会犯哪些错误。",
    "ja": "新しい言語の学び方と、多くの人がする間違いを初心者に説明してください。",
    "ar": "اشرح لمبتدئ كيف يتعلم المرء لغة جديدة وما الأخطاء التي يرتكبها معظم الناس.",
    "de": "Erkläre einem Anfänger, wie man eine neue Sprache lernt und welche Fehler die meisten dabei machen.",
    "es": "Explica a un principiante cómo se aprende un idioma nuevo y qué errores comete la mayoría.",
}
ANSWERED = {
    "en": "Learning a new language takes time and practice. Start with the basics and speak a little every day.",
    "ko": "새로운 언어를 배우려면 시간과 연습이 필요합니다. 기초부터 시작하고 매일 조금씩 말해 보세요.",
    "zh": "学习一门新的语言需要时间和练习。先从基础开始，每天都说一点，慢慢就会进步。",
    "ja": "新しい言語を学ぶには時間と練習が必要です。基礎から始めて、毎日少しずつ話してみましょう。",
    "ar": "يحتاج تعلم لغة جديدة إلى الوقت والممارسة. ابدأ بالأساسيات وتحدث قليلا كل يوم.",
    "de": "Eine neue Sprache zu lernen braucht Zeit und Übung. Fang mit den Grundlagen an und sprich jeden Tag ein wenig.",
    "es": "Aprender un idioma nuevo requiere tiempo y práctica. Empieza por lo básico y habla un poco cada día.",
}
BETTER = {
    "en": "It is a matter of months: begin with the words you need, listen often, and do not fear mistakes.",
    "ko": "몇 달이 걸리는 일입니다. 필요한 단어부터 시작하고 자주 들으며 실수를 두려워하지 마세요.",
    "zh": "这需要几个月的时间：先学你用得着的词，多听，不要害怕犯错误。",
    "ja": "数か月かかることです。必要な単語から始め、よく聞き、間違いを恐れないでください。",
    "ar": "الأمر يحتاج إلى شهور: ابدأ بالكلمات التي تحتاجها واستمع كثيرا ولا تخف من الأخطاء.",
    "de": "Das dauert einige Monate. Beginne mit den Wörtern, die du brauchst, höre oft zu und fürchte keine Fehler.",
    "es": "Es cosa de meses: empieza por las palabras que necesitas, escucha mucho y no temas los errores.",
}
OTHERS = {
    "en": "Describe in three steps what someone should do who wants to speak another language within a year.",
    "ko": "일 년 안에 다른 언어를 말하고 싶은 사람이 해야 할 일을 세 단계로 설명하세요.",
    "zh": "请分三步说明，想在一年之内会说另一门语言的人应该做些什么。",
    "ja": "一年以内に別の言語を話したい人がすべきことを三つの段階で説明してください。",
    "ar": "صف في ثلاث خطوات ما يجب أن يفعله من يريد أن يتحدث لغة أخرى خلال سنة.",
    "de": "Beschreibe in drei Schritten, was jemand tun soll, der binnen eines Jahres eine andere Sprache sprechen will.",
    "es": "Describe en tres pasos lo que debe hacer quien quiera hablar otro idioma dentro de un año.",
}


def said(form: ReplyFormName, stage: Stage, instruction: str, response: str) -> list[str]:
    """A stage's replies, in the layout of a form."""
    first = stage is Stage.INSTRUCTION
    match form:
        case ReplyFormName.JSON:
            return [instruction_json(instruction, response) if first else response_json(response)]
        case ReplyFormName.MARKERS if first:
            return [
                markers(
                    ("[Critique]", "Vague."), ("[New Instruction]", instruction), ("[New Response]", response)
                )
            ]
        case ReplyFormName.MARKERS:
            return [markers(("[Critique]", "Vague."), ("[Better Response]", response))]
        case ReplyFormName.STEPS:
            return ["Vague.", instruction, response] if first else ["Vague.", response]


def verdict(
    form: ReplyFormName, stage: Stage, old: Version, instruction: str, response: str, language: str = SAME
) -> Fault | None:
    script = Scripted(*said(form, stage, instruction, response))
    try:
        reflect(form, stage, old, script, language=language)
    except UnusableReply as unusable:
        return unusable.fault
    return None


@pytest.mark.parametrize("own", ASKED)
@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_a_rewrite_stays_in_the_language_of_its_sample(form: ReplyFormName, stage: Stage, own: str) -> None:
    old = Version(instruction=ASKED[own], response=ANSWERED[own])
    assert verdict(form, stage, old, OTHERS[own], BETTER[own]) is None
    other = "en" if own != "en" else "zh"
    assert verdict(form, stage, old, OTHERS[own], BETTER[other]) is Fault.LANGUAGE
    if stage is Stage.INSTRUCTION:
        assert verdict(form, stage, old, OTHERS[other], BETTER[own]) is Fault.LANGUAGE
        assert verdict(form, stage, old, OTHERS[other], BETTER[other]) is Fault.LANGUAGE


@pytest.mark.parametrize(
    ("asked", "answered"), [("en", "ko"), ("ko", "en"), ("de", "es"), ("zh", "ja"), ("en", "ar")]
)
@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_each_half_of_a_translation_is_held_to_its_own_language(
    form: ReplyFormName, stage: Stage, asked: str, answered: str
) -> None:
    old = Version(instruction=ASKED[asked], input="See above.", response=ANSWERED[answered])
    for language in (SAME, asked):
        assert verdict(form, stage, old, OTHERS[asked], BETTER[answered], language) is None
        assert verdict(form, stage, old, OTHERS[asked], BETTER[asked], language) is Fault.LANGUAGE
        if stage is Stage.INSTRUCTION:
            assert verdict(form, stage, old, OTHERS[answered], BETTER[answered], language) is Fault.LANGUAGE


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_a_language_that_was_asked_for_takes_the_place_of_the_sample_s(
    form: ReplyFormName, stage: Stage
) -> None:
    old = Version(instruction=ASKED["en"], response=ANSWERED["en"])
    assert verdict(form, stage, old, OTHERS["de"], BETTER["de"], "de") is None
    assert verdict(form, stage, old, OTHERS["en"], BETTER["en"], "de") is Fault.LANGUAGE
    assert verdict(form, stage, old, OTHERS["ko"], BETTER["ko"], ANY) is None


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_short_texts_and_code_are_held_to_nothing(form: ReplyFormName, stage: Stage) -> None:
    code = "```python\ndef add(a, b):\n    # adds the two numbers and returns their sum to the caller\n    return a + b\n```"
    for old, response in (
        (Version(instruction=ASKED["ko"], response="네."), "Yes."),
        (Version(instruction=ASKED["ko"], response="서울"), BETTER["en"]),
        (Version(instruction=ASKED["ko"], response=ANSWERED["ko"]), "Transformer, BERT, GPT"),
        (Version(instruction=ASKED["ko"], response=ANSWERED["ko"]), code),
        (Version(instruction=ASKED["ko"], response=code), BETTER["en"]),
        (Version(instruction=ASKED["ko"], response=f"{ANSWERED['ko']}\n{ANSWERED['en']}"), BETTER["en"]),
        (Version(instruction=ASKED["ko"], response=ANSWERED["ko"]), f"{BETTER['ko']}\n{BETTER['en']}"),
        (
            Version(instruction=ASKED["en"], response=ANSWERED["en"]),
            f'{BETTER["en"]} In Korean: "{BETTER["ko"]}"',
        ),
    ):
        asked = OTHERS["ko" if old.instruction == ASKED["ko"] else "en"]
        assert verdict(form, stage, old, asked, response) is None, response


def test_in_steps_no_answer_is_asked_for_to_an_instruction_in_another_language() -> None:
    script = Scripted("Vague.", OTHERS["en"], BETTER["ko"])
    old = Version(instruction=ASKED["ko"], response=ANSWERED["ko"])
    with pytest.raises(UnusableReply, match="the new instruction is in English, and is to be in Korean"):
        reflect(ReplyFormName.STEPS, Stage.INSTRUCTION, old, script)
    assert [question.name for question in script.asked] == ["critique", "rewrite"]


# What the teacher is told -----------------------------------------------------------------------------------------


def told(form: ReplyFormName, stage: Stage, old: Version, language: str = SAME) -> list[str]:
    """Each question, its messages together."""
    script = Scripted(*said(form, stage, "And why?", "So."))
    reflect(form, stage, old, script, language=language)
    return script.prompts()


@pytest.mark.parametrize("form", ReplyFormName)
def test_the_request_names_the_language(form: ReplyFormName) -> None:
    old = Version(instruction=ASKED["ko"], response=ANSWERED["ko"])
    first, second = (told(form, stage, old) for stage in Stage)
    for last in first[-2:] if form is ReplyFormName.STEPS else first:
        assert "in Korean." in last
    assert "in Korean." in second[-1]
    first, second = (told(form, stage, old, "de") for stage in Stage)
    for last in (first[-1], second[-1]):
        assert "in German." in last
        assert "Korean" not in last
    for stage in Stage:
        assert not any(name in "".join(told(form, stage, old, ANY)) for name in LANGUAGES.values())


@pytest.mark.parametrize("form", ReplyFormName)
def test_the_request_names_both_languages_of_a_translation(form: ReplyFormName) -> None:
    old = Version(instruction=ASKED["en"], response=ANSWERED["es"])
    first, second = (told(form, stage, old) for stage in Stage)
    assert "in English." in "".join(first)
    assert "in Spanish." in first[-1]
    assert "in Spanish." in second[-1]
    assert "English" not in second[-1]


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        (ASKED["ko"], "서울", ("Korean", "Korean")),  # too short to be sure of, but in its letters
        (ASKED["ja"], "東京", ("Japanese", "Japanese")),
        (ASKED["en"], "It takes a few months.", ("English", "English")),
        ("What is the capital of Australia?", "Sydney is the capital of Australia.", ("English", "English")),
        (ASKED["en"], "pomme", ("English", None)),
        (ASKED["en"], "사과", ("English", None)),
        (ASKED["ko"], "apple", ("Korean", None)),
        (ASKED["ko"], "Machine Learning", ("Korean", None)),
        (ASKED["ko"], "print(1)", ("Korean", None)),
        ("42?", "42", (None, None)),
        (ASKED["zh"], ANSWERED["zh"], ("Simplified Chinese", "Simplified Chinese")),
        (
            "請向初學者說明怎樣學習一門新的語言，以及大多數人會犯哪些錯誤。",
            "先從基礎開始。",
            ("Traditional Chinese",) * 2,
        ),
    ],
)
def test_a_language_is_told_where_it_is_likely_and_held_to_where_it_is_sure(
    instruction: str, response: str, expected: tuple[str | None, str | None]
) -> None:
    found = rewrite_languages(Version(instruction=instruction, response=response), SAME)
    assert (found.instruction.name, found.response.name) == expected
    if len(response) < 30:
        assert found.response.held is None


def test_without_a_language_nothing_is_told_or_held_to() -> None:
    old = Version(instruction=ASKED["ko"], response=ANSWERED["ko"])
    assert rewrite_languages(old, ANY) == UNSAID
    assert rewrite_languages(old, "zh-Hant").response == HalfLanguage("Traditional Chinese", "zh")


# While it is written ----------------------------------------------------------------------------------------------

ENGLISH = (
    "A new language is learned in small steps, and nobody should expect to speak it well after a few weeks. Begin with "
    "the words that you need for the things you do each day, and write them down. Listen to the radio while you cook, "
    "even if you understand very little of it at first. Find somebody who speaks it and has patience with you. Then "
    "read books for children, which are short and repeat what matters. After half a year you will be able to follow a "
    "talk about things you know, and to say what you think about them."
)
GERMAN = (
    "Eine neue Sprache lernt man in kleinen Schritten, und niemand sollte erwarten, sie nach einigen Wochen gut zu "
    "sprechen. Beginne mit den Wörtern, die du jeden Tag brauchst, und schreibe sie auf. Höre beim Kochen Radio, auch "
    "wenn du anfangs nur wenig verstehst. Suche jemanden, der sie spricht und Geduld mit dir hat. Lies dann Bücher für "
    "Kinder, die kurz sind und das Wichtige wiederholen. Nach einem halben Jahr wirst du einem Gespräch über Dinge "
    "folgen können, die du kennst, und sagen können, was du davon hältst."
)


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_a_reply_is_stopped_once_so_much_of_it_is_in_another_language(
    form: ReplyFormName, stage: Stage
) -> None:
    old = Version(instruction=ASKED["de"], response=ANSWERED["de"])
    right, wrong = (said(form, stage, OTHERS["de"], text) for text in (GERMAN, ENGLISH))
    quoting = said(form, stage, OTHERS["de"], f"„{ENGLISH}“ So schrieb er. {GERMAN}")
    script = Scripted(*right)
    reflect(form, stage, old, script)
    question = script.asked[-1]
    looks = range(40, len(wrong[-1]), 24)
    assert {question.doomed(wrong[-1][:length]) for length in looks} == {None, Fault.LANGUAGE}
    assert question.doomed(wrong[-1][: len(wrong[-1]) // 4]) is None
    for text in (right[-1], quoting[-1]):
        assert not any(question.doomed(text[:length]) for length in range(40, len(text), 24))


# The setting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("de", "de"),
        ("DE", "de"),
        (" ko ", "ko"),
        ("zh-hant", "zh-Hant"),
        ("zh_Hans", "zh-Hans"),
        ("Same", SAME),
        ("any", ANY),
    ],
)
def test_a_language_is_set_by_its_code(given: str, code: str) -> None:
    assert language_setting(given) == code


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("german", "de"), ("Deutsch", "de"), ("ger", "de"), ("deutch", "de"), ("pt-BR", "pt"), ("en_GB", "en"), ("zh-TW", "zh-Hant"),
        ("zh-cn", "zh-Hans"), ("cn", "zh"), ("jp", "ja"), ("kr", "ko"), ("spanisch", "es"), ("traditional chinese", "zh-Hant"),
    ],
)  # fmt: skip
def test_an_unknown_code_is_refused_with_the_nearest(given: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=rf"the nearest is {nearest} \({LANGUAGES[nearest]}\)$"):
        language_setting(given)


@pytest.mark.parametrize("given", ["", "xx", "klingon", "123", "de,fr"])
def test_what_is_near_no_code_is_told_what_one_is(given: str) -> None:
    with pytest.raises(ValueError, match="expected one of ISO 639-1 such as de"):
        language_setting(given)


def test_a_remark_may_name_a_language() -> None:
    for remark in (
        "Answer in German.",
        "auf Deutsch, bitte",
        "translate it into simple French",
        "한국어로 써 주세요",
    ):
        assert names_a_language(remark)
    for remark in (
        "",
        "British spelling",
        "keep English product names",
        "mention the German railways",
        "shorter",
    ):
        assert not names_a_language(remark)
