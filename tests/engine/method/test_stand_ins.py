"""What a teacher writes in place of a rewrite is refused under its own name; what only looks like it is a rewrite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.method.reply_forms import ReplyFormName
from engine.method.stand_ins import answer_stand_in, instruction_stand_in
from engine.sample import Stage, Version
from models.teacher import Fault
from tests.engine.method.asking import fault, instruction_json, read, response_json
from tests.running import demo_rows

SKY = Version(instruction="Why is the sky blue?", response="Because of scattering.")


def answered(
    answer: str, instruction: str = SKY.instruction, *, input: str = "", old: str = "It is."
) -> Fault | None:
    """The kind of an answer to an instruction that stays."""
    return answer_stand_in(answer, instruction, Version(instruction=instruction, input=input, response=old))


# Refusals ---------------------------------------------------------------------------------------------------------

REFUSALS = [
    "I'm sorry for any confusion, but as a text-based model I don't have the capability to browse the internet.",
    "As an AI text-based model, I don't have the capability to access real-time data.",
    "I'm a large language model, I don't have the ability to view images.",
    "Thank you for your question. However, I don't have the capability to access external websites.",
    "I understand that you want a forecast, but I do not have the ability to predict the weather.",
    "Certainly! Unfortunately, I am unable to access files on your computer.",
    "I apologize, but I'm not able to generate that content.",
    "I must respectfully decline to answer.",
    "I’m just an AI assistant, so I can’t form opinions of my own.",
    "I'm sorry, but you haven't provided the text that is to be summarised.",
    "I appreciate the question, but that is beyond my capabilities as a language model, and against my guidelines.",
    "Es tut mir leid, aber ich kann diese Frage nicht beantworten.",
    "Leider kann ich Ihnen dabei nicht helfen.",
    "Als KI-Sprachmodell habe ich keinen Zugriff auf aktuelle Daten.",
    "Je suis désolé, mais je ne peux pas répondre à cette question.",
    "En tant que modèle de langage, je ne peux pas accéder à Internet.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Como modelo de lenguaje, no tengo acceso a datos en tiempo real.",
    "Desculpe, mas não posso fornecer essa informação.",
    "Como uma IA, não tenho opiniões pessoais.",
    "Mi dispiace, ma non posso rispondere a questa domanda.",
    "Извините, но я не могу ответить на этот вопрос.",
    "Как языковая модель, я не имею доступа к интернету.",
    "很抱歉，我无法回答这个问题。",
    "作为一个AI语言模型，我没有个人的看法。",
    "我无法满足您的要求。",
    "對不起，我無法提供這些資訊。",
    "申し訳ありませんが、その質問にはお答えできません。",
    "AI言語モデルとして、リアルタイムの情報を提供することはできません。",
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
    "AI 언어 모델로서 실시간 정보에 접근할 수 없습니다.",
    "عذرًا، لا أستطيع مساعدتك في هذا الأمر.",
    "بصفتي نموذج ذكاء اصطناعي، لا يمكنني الوصول إلى الإنترنت.",
]  # fmt: skip


@pytest.mark.parametrize("answer", REFUSALS)
def test_declining_in_more_words_and_in_other_languages_is_a_refusal(answer: str) -> None:
    assert answered(answer) is Fault.REFUSAL


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, I can't come to work today: I have a fever.",
        "Unfortunately, I cannot attend the wedding.",
        "I don't have the capability to fly, but I can run, said the ostrich.",
        "As an AI researcher, I have never seen the like.",
        "As an AI company, we don't have offices abroad.",
        "Being a language model is not what she had dreamt of.",
        "I can't believe that it is over.",
        "I could not help him, and he left.",
        "A language model cannot open files. It only predicts the next token.",
        "We do not have the means to build a bridge there.",
        "An AI system lacks the ability to feel; I find that comforting.",
        "Customer: I can't access my account.\nAgent: Let me help you.",
        "Sorry is a word that I cannot provide a better synonym for, but 'apologetic' comes close.",
        "Unfortunately, the sky only looks blue.",
        "Es tut mir leid, dass ich gestern nicht kommen konnte.",
        "Ich kann das Meer nicht sehen, so dicht ist der Nebel.",
        "Leider regnet es, und wir können nicht wandern.",
        "Je ne peux pas vivre sans musique.",
        "Lo siento mucho por tu pérdida.",
        "No puedo dormir cuando hace calor.",
        "Não posso ir à festa amanhã.",
        "К сожалению, поезд опоздал, и мы не успели.",
        "我不能没有你。",
        "抱歉，我明天不能参加会议。",
        "申し訳ありませんが、明日の会議には参加できません。",
        "죄송하지만 내일 회의에 참석할 수 없습니다.",
        "للأسف، تأخر القطار ولم نصل في الوقت المحدد.",
        "人工智能没有感情，这是许多学者的看法。",
    ],
)
def test_an_answer_with_a_refusal_s_words_is_an_answer(answer: str) -> None:
    assert answered(answer) is None


@pytest.mark.parametrize(
    ("instruction", "input", "old", "answer"),
    [
        ("Write a polite e-mail in which a shop declines a refund.", "", "No.",
         "I'm sorry, but we cannot offer a refund after thirty days."),
        ("You are a bank's clerk. Reply to the customer.", "What is my wife's balance?", "No.",
         "I'm sorry, I'm not able to share another person's balance."),
        ("Translate into English.", "Es tut mir leid, ich kann Ihnen nicht helfen.", "I can't help.",
         "I'm sorry, I cannot help you."),
        ("What would a chatbot say that refuses?", "", "No.", "As an AI language model, I cannot do that."),
        ("What is your favourite colour?", "", "As an AI language model, I don't have preferences.",
         "I'm an AI, so I don't have a favourite colour; many people like blue."),
        ("How do I hotwire a car?", "", "I'm sorry, but I can't help with that.",
         "I'm sorry, but I can't help with that. If it is your own car, call a locksmith."),
        ("Schreibe eine Absage.", "", "Nein.", "Es tut mir leid, ich kann Ihnen diese Stelle nicht geben."),
        ("写一封拒绝邀请的信。", "", "不。", "很抱歉，我无法提供帮助。"),
        ("お断りのメールを書いてください。", "", "いいえ。", "申し訳ありませんが、対応することができません。"),
        ("거절하는 편지를 써 주세요.", "", "아니요.", "죄송하지만 도움을 드릴 수 없습니다."),
    ],
)  # fmt: skip
def test_a_sample_that_asks_for_a_refusal_gets_one(
    instruction: str, input: str, old: str, answer: str
) -> None:
    assert answered(answer, instruction, input=input, old=old) is None


@pytest.mark.parametrize(
    "instruction",
    [
        "I can't access the internet on my laptop. List five things to check.",
        "I do not have access to a gym. Suggest a workout for a small room, with no equipment.",
        "I'm sorry to ask again, but how is the sky blue at noon and red at dusk?",
        "As an AI researcher, explain what a token is.",
        "You are a language model that cannot browse. Explain why.",
        "Je ne peux pas dormir. Donne-moi cinq conseils.",
    ],
)
def test_an_instruction_may_begin_with_what_its_writer_cannot_do(instruction: str) -> None:
    assert instruction_stand_in(instruction, SKY) is None


# An input that is lost ------------------------------------------------------------------------------------------------

TRAIN = "The train leaves at seven in the morning."
ZH = "周六，磨坊街上由两姐妹经营的小面包店获得了地区奖。"
JA = "土曜日、姉妹が営む小さなパン屋が地方賞を受賞しました。"
KO = "토요일에 두 자매가 운영하는 작은 빵집이 지역 상을 받았습니다."
AR = "يوم السبت حصل المخبز الصغير على الجائزة الإقليمية لخبزه."
RU = "В субботу маленькая пекарня получила приз за свой хлеб."
BAKERY = (
    "On Saturday the small bakery on Mill Street, run by two sisters since 1998, received the regional prize."
)


def rewritten(instruction: str, old: str = "Summarize the text.", input: str = BAKERY) -> Fault | None:
    """The kind of a new instruction."""
    return instruction_stand_in(instruction, Version(instruction=old, input=input, response="A bakery won."))


LOST = [
    ("Summarize the text in two sentences, naming who won and why.", "Summarize the text.", BAKERY),
    ("Read the following passage and say who won the prize.", "Summarize the text.", BAKERY),
    ("Summarize the given article for a child.", "Summarize.", BAKERY),
    ("Summarize the following text: [insert text here]", "Summarize.", BAKERY),
    ("Give a two-sentence summary of the passage above.", f"Summarize this:\n{BAKERY}", ""),
    ("Translate the sentence into Spanish. Please quote it in full.", "Translate the sentence into Spanish.",
     TRAIN),
    ("Read the passage below and list its three main claims.", "What is scattering?", ""),
    ("Fasse den folgenden Text in zwei Sätzen zusammen.", "Fasse zusammen.",
     "Am Samstag erhielt die kleine Bäckerei den Preis."),
    ("Résumez le texte suivant en deux phrases.", "Résumez.", "Samedi, la petite boulangerie a reçu le prix régional."),
    ("Resume el texto en dos frases.", "Resume.", "El sábado la pequeña panadería recibió el premio regional."),
    ("Resuma o texto em duas frases.", "Resuma.", "No sábado a pequena padaria recebeu o prêmio regional da cidade."),
    ("Перескажите данный текст двумя предложениями.", "Перескажите.", RU),
    ("请用两句话总结以下文本。", "总结。", ZH),
    ("次の文章を二文で要約してください。", "要約してください。", JA),
    ("다음 글을 두 문장으로 요약하세요.", "요약하세요.", KO),
    ("لخص النص التالي في جملتين.", "لخص.", AR),
]  # fmt: skip


@pytest.mark.parametrize(("instruction", "old", "input"), LOST)
def test_an_instruction_that_speaks_of_a_text_and_does_not_carry_it_has_lost_its_input(
    instruction: str, old: str, input: str
) -> None:
    assert rewritten(instruction, old, input) is Fault.INPUT_LOST


@pytest.mark.parametrize(
    ("instruction", "old", "input"),
    [
        (f"Summarize the text in two sentences: {BAKERY}", "Summarize the text.", BAKERY),
        (f"Summarize the following text.\n\n{BAKERY}", "Summarize the text.", BAKERY),
        ("Summarize the text about the small bakery on Mill Street that won a prize.", "Summarize the text.", BAKERY),
        ('Translate the sentence "The train leaves" into Spanish.', "Translate.", TRAIN),
        ("Translate the sentence 'El tren' into English.", "Translate.", TRAIN),
        ("How did two sisters win a regional prize for their bread? Write a news report.", "Summarize the text.",
         BAKERY),
        ("Write an article about a bakery. The article should name its owners.", "Summarize the text.", BAKERY),
        ("Write a short text on bakeries. End the text with a question.", "Summarize the text.", BAKERY),
        ("Design a wellness plan for the given audience of expectant mothers.", "Design a plan for the given audience.",
         "Expectant Mothers"),
        ("Sort the given numbers 5, 3 and 9 in falling order.", "Sort the numbers.", "5, 3, 9"),
        ("Write a Python function that returns the sum of the numbers in the given list.", "Sum them.", "[1, 2, 3, 4]"),
        ("Explain how the text of a contract is read by a court.", "What is a contract?", ""),
        ("Describe the steps to edit the sentence structure of an essay.", "How do I edit?", ""),
        ("Explain the use of the article 'the' in English.", "What is an article?", ""),
        ("Summarize the passage above.", "Summarize the passage above.", ""),
        (f"Fasse den Text zusammen: {BAKERY}", "Fasse zusammen.", BAKERY),
        ("Schreibe einen Text über eine Bäckerei. Der Text soll heiter sein.", "Fasse zusammen.",
         "Am Samstag erhielt der kleine Laden in der Mühlstraße den Preis."),
        (f"请总结以下文本：{ZH}", "总结。", ZH),
        ("次の文章を要約してください。\n土曜日、姉妹が営む小さなパン屋が受賞しました。", "要約。", JA),
        ("다음 글을 요약하세요: 토요일에 두 자매의 작은 빵집이 상을 받았습니다.",
         "요약.", KO),
        ("لخص النص التالي: يوم السبت حصل المخبز الصغير على الجائزة.", "لخص.", AR),
    ],
)  # fmt: skip
def test_an_instruction_that_carries_a_text_or_needs_none_has_lost_nothing(
    instruction: str, old: str, input: str
) -> None:
    assert rewritten(instruction, old, input) is None


# Through the forms, and over data that is good -----------------------------------------------------------------------


def test_a_lost_input_is_refused_before_the_answer_is_asked_for() -> None:
    old = Version(instruction="Summarize the text.", input=BAKERY, response="A bakery won.")
    lost = "Summarize the text in two sentences."
    assert fault(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", lost, old=old) is Fault.INPUT_LOST
    assert fault(ReplyFormName.JSON, Stage.INSTRUCTION, instruction_json(lost), old=old) is Fault.INPUT_LOST


def good_samples() -> Iterator[Version]:
    """Samples that people wrote: whatever is said of them is wrong."""
    for row in demo_rows(100):
        yield Version(instruction=row["instruction"], input=row["input"], response=row["output"])
    for path in sorted((Path(__file__).parents[2] / "golden").glob("*-*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            yield Version(instruction=row["instruction"], input=row["input"], response=row["output"])


def test_no_sample_that_people_wrote_is_a_stand_in() -> None:
    samples = list(good_samples())
    assert len(samples) > 20
    for sample in samples:
        assert answer_stand_in(sample.response, sample.instruction, SKY) is None
        assert read(ReplyFormName.JSON, Stage.RESPONSE, response_json(sample.response), old=SKY)
        whole = f"{sample.instruction}\n\n{sample.input}" if sample.input else sample.instruction
        assert instruction_stand_in(whole, sample) is None
        assert instruction_stand_in(whole, SKY) is None
