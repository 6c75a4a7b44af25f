"""Talk to the one who asked for a rewrite, and reviews in its place; what only looks like them is a rewrite."""

from __future__ import annotations

import pytest

from engine.method.reply_forms import ReplyFormName
from engine.method.stand_ins import answer_stand_in, instruction_stand_in
from engine.sample import Stage, Version
from models.teacher import Fault
from tests.engine.method.asking import fault, instruction_json, response_json
from tests.engine.method.test_stand_ins import REFUSALS, SKY, answered

TALK = [
    "This is the correct answer to the new instruction.",
    "The response is accurate, complete, and detailed.",
    "This response is accurate.",
    "I have rewritten the response to be clearer.",
    "The sky is blue since short waves scatter most.\n\nThis is a more accurate answer than the original response.",
    "Air scatters short waves. This response is clear, accurate and complete.",
    "The new instruction requires a more detailed explanation.",
    "Certainly! I'm ready to help you. Please provide me with more context about the sky.",
    "Sure, I'd be happy to help! Could you please provide the text?",
    "Die Antwort ist genau, vollständig und ausführlich.",
    "Das ist die richtige Antwort auf die neue Anweisung.",
    "La réponse est précise, complète et détaillée.",
    "C'est la bonne réponse à la nouvelle instruction.",
    "La respuesta es precisa, completa y detallada.",
    "Esta es la respuesta correcta a la nueva instrucción.",
    "A resposta é precisa, completa e detalhada.",
    "Esta é a resposta correta à nova instrução.",
    "Ответ точный, полный и подробный.",
    "Это правильный ответ на новую инструкцию.",
    "该回答准确、完整、详细。",
    "这是对新指令的正确回答。",
    "请提供需要总结的文本。",
    "この回答は正確で、完全で、詳細です。",
    "これは新しい指示に対する正しい回答です。",
    "이 답변은 정확하고 완전하며 상세합니다.",
    "이것은 새로운 지시에 대한 올바른 답변입니다.",
    "الإجابة دقيقة وكاملة ومفصلة.",
    "هذه هي الإجابة الصحيحة على التعليمات الجديدة.",
]


@pytest.mark.parametrize("answer", TALK)
def test_words_to_the_one_who_asked_for_the_rewrite_are_teacher_talk(answer: str) -> None:
    assert answered(answer) is Fault.TEACHER_TALK


OF_CRITICISM = [
    "I appreciate the critical feedback provided. I agree that light is scattered, and it has many causes.",
    "I completely agree with your criticism. Short waves are scattered more.",
    "Thank you for the criticism. Short waves are scattered more.",
    "I understand this critique, and will give more details.",
    "Vielen Dank für die Kritik. Kurze Wellen werden stärker gestreut.",
    "Ich stimme deiner Kritik zu.",
    "Merci pour votre critique. Les ondes courtes sont plus diffusées.",
    "Gracias por la crítica. Las ondas cortas se dispersan más.",
    "Agradeço a crítica. As ondas curtas se espalham mais.",
    "Спасибо за критику. Короткие волны рассеиваются сильнее.",
    "感谢您的批评。短波散射更强。",
    "ご批評ありがとうございます。短い波は強く散乱します。",
    "비판에 감사드립니다. 짧은 파장은 더 많이 산란됩니다.",
    "شكرا على النقد. الموجات القصيرة تتشتت أكثر.",
]


@pytest.mark.parametrize("answer", OF_CRITICISM)
def test_thanks_for_the_criticism_are_no_answer(answer: str) -> None:
    assert answered(answer) is Fault.TEACHER_TALK
    assert answered(answer, "Write what a chef says to a guest who found fault.") is None, "he may say so"
    assert answered(answer, old=answer) is None


PRAISE = [
    "The response is accurate in saying why the sky is blue, and what is scattered. It also covers the sunset.",
    "This response is relevant, as it names the waves.",
    "Say why the sky is blue, in one sentence. The response is accurate, complete, and as detailed as was asked.",
    "Yes, I can complete this. The response provides a helpful and relevant reason.",
    "Die Antwort ist hilfreich, denn sie nennt die Wellen. Sie nennt auch den Abend.",
    "La réponse est pertinente, car elle nomme les ondes. Elle parle aussi du soir.",
    "La respuesta es relevante porque nombra las ondas. También habla de la tarde.",
    "A resposta é relevante porque cita as ondas. Também fala da tarde.",
    "Ответ полезный, так как он называет волны. Он говорит и о закате.",
    "该回答很准确，它说到了波长。它还说到了日落。",
    "この回答は正確で、波長に触れています。夕焼けにも触れています。",
    "이 답변은 정확하며 파장을 언급합니다. 노을도 언급합니다.",
    "الإجابة دقيقة لأنها تذكر الموجات. وتذكر الغروب أيضا.",
]


@pytest.mark.parametrize("answer", PRAISE)
def test_praise_of_the_response_is_no_answer(answer: str) -> None:
    assert answered(answer) is Fault.TEACHER_TALK


@pytest.mark.parametrize(
    ("instruction", "old"),
    [
        ("Comment on this statement: schools should be closed.", "They should not."),
        ("Say why it happened.", "It was a response to the prices."),
    ],
)
def test_praise_that_names_an_instruction_is_no_answer_of_a_sample_without_one(
    instruction: str, old: str
) -> None:
    for answer in (
        "The instruction is complex because it requires a detailed analysis of the topic.",
        "The response is helpful in addressing the instruction, and gives a comprehensive analysis.",
    ):
        assert answered(answer, instruction, old=old) is Fault.TEACHER_TALK
        assert answered(answer, instruction, old="It follows the instruction.") is None


OF_ITSELF = [
    "The poem flows naturally and evokes a sense of autumn with its imagery and repetition.",
    "This short poem is clear and concise. The text conveys the mood.",
    "Das Gedicht ist lebendig und klar.",
    "Le poème évoque l'automne.",
    "El poema evoca el otoño.",
    "O poema é claro e evoca o outono.",
    "Стихотворение ярко передаёт осень.",
    "这首诗优美生动。",
    "この詩は美しいです。",
    "이 시는 생생하고 아름답습니다.",
    "القصيدة جميلة وواضحة.",
]


@pytest.mark.parametrize("praise", OF_ITSELF)
def test_the_old_response_and_praise_of_it_are_no_better_response(praise: str) -> None:
    asked, old = "Write about autumn.", "Leaves let go\nof summer."
    assert answered(f"Leaves let go of summer. {praise}", asked, old=old) is Fault.TEACHER_TALK
    assert answered(f"Leaves fall. {praise}", asked, old=old) is None, "it may be a part of it"
    assert answered(f"{old} They are gone. {praise}", asked, old=old) is None
    assert answered(f"{old} {praise}", "Review the poem.", old=old) is None
    assert answered(f"{old} The poem was written in May.", asked, old=old) is None


@pytest.mark.parametrize(
    "answer",
    [
        "The response was swift: within a day, tents and water had come.",
        "The response of the eye is strongest in green. It is complete within a moment.",
        "Thank you for your feedback! We are sorry that the soup was cold.",
        "I agree with the critics of the theory: it explains too little.",
        "Merci pour votre lettre.",
        "Scattering is the cause. The answer is clear once one looks at a prism.",
    ],
)
def test_an_answer_that_thanks_agrees_or_responds_is_an_answer(answer: str) -> None:
    assert answered(answer) is None


REVIEWS = [
    "The response is helpful but lacks clarity on how to stay healthy.",
    "The response could be improved by giving more details. It is accurate, though.",
    "The given response does not explain scattering, and is too vague.",
    "**Helpfulness:** High.\n**Relevance:** High.\n**Accuracy:** It is right.",
    "1. Helpfulness: 8/10\n2. Level of details: 4/10",
    "1. Complexity of the Topic: low.\n2. Level of Detail Required: low.",
    "Die Antwort ist hilfreich, könnte aber genauer sein.",
    "Hilfsbereitschaft: gut\nRelevanz: gut\nGenauigkeit: mittel",
    "La réponse est utile mais manque de détails.",
    "La respuesta es correcta, pero carece de detalles.",
    "A resposta é correta, mas falta detalhe.",
    "Ответ полезный, но ему не хватает подробностей.",
    "该回答很准确，但缺乏细节。",
    "有用性：高\n相关性：高\n准确性：中",
    "この回答は正確ですが、詳細が不足しています。",
    "이 답변은 정확하지만 세부 사항이 부족합니다.",
    "الإجابة صحيحة لكنها تفتقر إلى التفاصيل.",
]


@pytest.mark.parametrize("answer", REVIEWS)
def test_a_judgement_in_place_of_an_answer_is_a_review(answer: str) -> None:
    assert answered(answer) is Fault.REVIEW


@pytest.mark.parametrize(
    "answer",
    [
        "The answer is 42.",
        "The answer is correct.",
        "Accuracy: 0.91\nPrecision: 0.88\nRecall: 0.79",
        "The question is whether air scatters light. It does, and short waves more than long ones.",
        "The text is clear, complete and detailed.",
        "This is the correct order: red, green, blue.",
        "The new rule replaces the original one.",
        "Certainly! Short waves are scattered more.",
        "Here is a poem.\n\nI hope this helps!",
        "Let me know if you would like more details.",
        "Please provide a receipt with every claim, so that it can be paid.",
        "The camera is excellent, but the phone lacks a jack.",
        "Die neue Regel ist klar, vollständig und genau.",
        "La nouvelle loi est claire et précise.",
        "El texto es claro, completo y detallado.",
        "新的规则准确、完整。",
        "この本は正確で詳細です。",
        "이 책은 정확하고 상세합니다.",
        "القاعدة الجديدة واضحة ودقيقة.",
        "Новое правило точное, полное и подробное.",
    ],
)
def test_an_answer_that_calls_something_accurate_is_an_answer(answer: str) -> None:
    assert answered(answer) is None


@pytest.mark.parametrize(
    ("instruction", "input", "old", "answer"),
    [
        ("Review this response to a customer.", "We are closed.", "Bad.", "The response is clear but lacks warmth."),
        ("Grade the answer by helpfulness and accuracy.", "2 + 2 = 5", "1/10",
         "Helpfulness: 1/10\nAccuracy: 0/10, since the sum is four."),
        ("Describe the immune response to a vaccine.", "", "It is quick.",
         "The response is complete and specific within two weeks, but lacks memory at first."),
        ("Give feedback on my essay.", "Dogs are nice.", "Good.", "The response is helpful but lacks detail."),
        ("Summarise my article.", "", "Sure! Please send it to me.", "Please provide the text of the article."),
        ("Write the question that a librarian asks of a reader.", "", "Which?",
         "Could you please provide more details?"),
        ("Bewerte die Antwort.", "Ja.", "Gut.", "Die Antwort ist hilfreich, könnte aber genauer sein."),
        ("评价这个回答。", "是。", "好。", "该回答很准确，但缺乏细节。"),
        ("How does a filter react to a step?", "", "Its response is slow.",
         "The response is accurate, complete and clear."),
    ],
)  # fmt: skip
def test_a_sample_that_asks_for_a_judgement_gets_one(
    instruction: str, input: str, old: str, answer: str
) -> None:
    assert answered(answer, instruction, input=input, old=old) is None


OF_THE_INSTRUCTION = [
    "Troubles with the instruction: it asks for too little, and names no reader.",
    "**Issues with the instruction:**\n1. Vague.\n2. Short.",
    "1. Weaknesses of the instruction: it is short.",
    "Here are some problems with the original instruction: it names no example.",
    "There are a few issues with this prompt. It says nothing of length.",
    "Strengths and weaknesses of the instruction",
    "Overall, a critique of the instruction: it is short.",
    "Suggestions for improving the instruction: name the reader.",
    "The instruction could be improved by asking for an example.",
    "The prompt should be rewritten so that it names an example.",
    "To improve the instruction, ask for three reasons.",
    "One way to improve the prompt is to ask for three reasons.",
    "It would be better if the instruction named an example.",
    "The criticism of the instruction is that it is short.",
    "The instruction contains several errors in grammar.",
    "Probleme mit der Anweisung: Sie ist zu kurz.",
    "Die Schwächen der Anweisung: Sie nennt keinen Leser.",
    "Um die Anweisung zu verbessern, sollte sie ein Beispiel verlangen.",
    "Problèmes avec l'instruction : elle est trop courte.",
    "Pour améliorer la consigne, il faut un exemple.",
    "L'instruction est vague et n'est pas assez longue.",
    "Los problemas con la instrucción: es muy corta.",
    "Para mejorar la instrucción, hay que pedir un ejemplo.",
    "Problemas com a instrução: é curta.",
    "Para melhorar a instrução, peça um exemplo.",
    "Недостатки инструкции: она слишком короткая.",
    "Чтобы улучшить инструкцию, попросите пример.",
    "该指令存在的问题：太短。",
    "对这个指令的批评：它没有说明读者。",
    "この指示の問題点：短すぎます。",
    "指示を改善するには、例を求めるべきです。",
    "이 지시문의 문제점: 너무 짧습니다.",
    "지시문을 개선하려면 예를 요구해야 합니다.",
    "مشاكل في التعليمات: قصيرة جدا.",
    "لتحسين التعليمات، اطلب مثالا.",
]
JUDGES = Version(
    instruction="Summarize the text.", input="The judges praised the long fermentation.", response="It won."
)


@pytest.mark.parametrize("old", [SKY, JUDGES], ids=["sky", "a-sample-about-judges"])
@pytest.mark.parametrize("instruction", OF_THE_INSTRUCTION)
def test_a_review_of_the_instruction_is_no_instruction(instruction: str, old: Version) -> None:
    if old is JUDGES and "prompt" in instruction:
        return  # there only the instruction's own name is sure
    assert instruction_stand_in(instruction, old) is Fault.REVIEW


@pytest.mark.parametrize(
    "instruction",
    [
        "What are the main problems with the theory of scattering?",
        "Issues with the instruction set of a processor: name three and explain them.",
        "To improve the response time of a web site, which three steps come first? Explain each.",
        "Criticise the view that the sky is blue because of the sea.",
        "Weaknesses of the wave theory of light: describe two.",
        "Improve the sentence: The sky is blue because its blue.",
        "There are several problems with early theories of colour. Name two and say who solved them.",
        "The problems in a contract: list three.",
        "Nenne die Schwächen der Theorie.",
        "Pour améliorer la qualité de l'air, que faut-il faire ?",
        "该理论存在的问题是什么？",
        "この理論の問題点を三つ挙げてください。",
        "이 이론의 문제점은 무엇인가요?",
    ],
)
def test_an_instruction_about_the_faults_of_something_else_is_one(instruction: str) -> None:
    assert instruction_stand_in(instruction, SKY) is None
    assert instruction_stand_in(instruction, JUDGES) is None


@pytest.mark.parametrize(
    "answer",
    [
        "The answer is not five but four, since both halves are even.",
        "The answer could be either: the sentence does not say who left.",
        "The answer does not depend on the colour of the light.",
        "The response time is too long for a game, but not for mail.",
        "The instruction cache lacks a way to know what was written.",
    ],
)
def test_an_answer_that_says_what_the_answer_is_is_no_review(answer: str) -> None:
    assert answered(answer) is None


def test_a_sample_about_instructions_may_find_fault_with_them() -> None:
    old = Version(instruction="What is wrong with this instruction?", input="Write.", response="It is short.")
    for text in OF_THE_INSTRUCTION[:14]:
        assert answer_stand_in(text, old.instruction, old) is None


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [
        ("The instruction is clear, concise and specific.", Fault.TEACHER_TALK),
        ("The new instruction must quote the text in full.", Fault.TEACHER_TALK),
        ("The instruction is vague. It does not say which sky.", Fault.REVIEW),
        ("The original instruction only asks for a definition, and lacks detail.", Fault.REVIEW),
    ],
)
def test_an_instruction_that_speaks_of_instructions_is_none(instruction: str, kind: Fault) -> None:
    assert instruction_stand_in(instruction, SKY) is kind


def test_our_own_criteria_are_a_review_in_a_sample_about_judges_too() -> None:
    text = "1. Complexity of the Topic: it is convoluted.\n2. Level of Detail Required: five details."
    old = Version(
        instruction="Summarize the text.", input="The judges praised the bread.", response="It won."
    )
    assert instruction_stand_in(text, old) is Fault.REVIEW
    assert answer_stand_in(text, old.instruction, old) is Fault.REVIEW
    assert answer_stand_in(text, old.instruction, old.model_copy(update={"response": text})) is None


def test_talk_of_the_rewritten_instruction_is_to_the_teacher_in_a_sample_about_judges_too() -> None:
    text = "1. Clarity: The rewritten instruction requires the original text."
    old = Version(
        instruction="Summarize the text.", input="The judges praised the bread.", response="It won."
    )
    assert instruction_stand_in(text, old) is Fault.TEACHER_TALK
    assert (
        instruction_stand_in(text, old.model_copy(update={"instruction": "Is this instruction clear?"}))
        is None
    )


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(REFUSALS[0], Fault.REFUSAL), (TALK[0], Fault.TEACHER_TALK), (REVIEWS[0], Fault.REVIEW)],
)
def test_a_stand_in_is_refused_in_either_stage(answer: str, kind: Fault) -> None:
    old = Version(instruction="Why is the sky blue?", response="It is.")
    assert fault(ReplyFormName.JSON, Stage.INSTRUCTION, instruction_json(response=answer), old=old) is kind
    assert fault(ReplyFormName.JSON, Stage.RESPONSE, response_json(answer), old=old) is kind
    assert fault(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.", answer, old=old) is kind
