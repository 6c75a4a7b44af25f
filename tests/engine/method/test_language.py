"""A text is said to be in a language where that is sure, and in another than the wanted one only where nothing of it
may be in that."""

from __future__ import annotations

import pytest

from engine.method.language import is_alike, language_of, other_language
from engine.method.language_names import NAMES, SIMPLIFIED, TRADITIONAL

PROSE = {
    "en": "Learning a new language takes time and practice. Start with the basics and speak a little every day.",
    "ko": "새로운 언어를 배우려면 시간과 연습이 필요합니다. 기초부터 시작하고 매일 조금씩 말해 보세요.",
    "zh-Hans": "学习一门新的语言需要时间和练习。先从基础开始，每天都说一点，慢慢就会进步。",
    "zh-Hant": "學習一門新的語言需要時間和練習。先從基礎開始，每天都說一點，慢慢就會進步。",
    "ja": "新しい言語を学ぶには時間と練習が必要です。基礎から始めて、毎日少しずつ話してみましょう。",
    "ar": "يحتاج تعلم لغة جديدة إلى الوقت والممارسة. ابدأ بالأساسيات وتحدث قليلا كل يوم.",
    "de": "Eine neue Sprache zu lernen braucht Zeit und Übung. Fang mit den Grundlagen an und sprich jeden Tag ein wenig.",
    "es": "Aprender un idioma nuevo requiere tiempo y práctica. Empieza por lo básico y habla un poco cada día.",
    "fr": "Apprendre une nouvelle langue demande du temps et de la pratique. Commencez par les bases et parlez chaque jour.",
    "pt": "Aprender uma língua nova exige tempo e prática. Comece pelo básico e fale um pouco todos os dias.",
    "it": "Imparare una nuova lingua richiede tempo e pratica. Comincia dalle basi e parla un poco ogni giorno.",
    "nl": "Een nieuwe taal leren kost tijd en oefening. Begin met de basis en spreek elke dag een beetje.",
    "pl": "Nauka nowego języka wymaga czasu i praktyki. Zacznij od podstaw i mów trochę każdego dnia.",
    "ru": "Изучение нового языка требует времени и практики. Начните с основ и говорите понемногу каждый день.",
    "uk": "Вивчення нової мови потребує часу та практики. Почніть з основ і розмовляйте потроху щодня.",
    "tr": "Yeni bir dil öğrenmek zaman ve pratik ister. Temellerden başlayın ve her gün biraz konuşun.",
    "vi": "Học một ngôn ngữ mới cần thời gian và luyện tập. Hãy bắt đầu từ những điều cơ bản và nói một chút mỗi ngày.",
    "id": "Belajar bahasa baru membutuhkan waktu dan latihan. Mulailah dari dasar dan berbicaralah sedikit setiap hari.",
    "th": "การเรียนภาษาใหม่ต้องใช้เวลาและการฝึกฝน เริ่มจากพื้นฐานและพูดวันละนิดทุกวัน",
    "hi": "नई भाषा सीखने में समय और अभ्यास लगता है। मूल बातों से शुरू करें और हर दिन थोड़ा बोलें।",
    "fa": "یادگیری یک زبان جدید به زمان و تمرین نیاز دارد. از مبانی شروع کنید و هر روز کمی صحبت کنید.",
    "he": "לימוד שפה חדשה דורש זמן ותרגול. התחילו מהבסיס ודברו קצת בכל יום.",
    "el": "Η εκμάθηση μιας νέας γλώσσας απαιτεί χρόνο και εξάσκηση. Ξεκινήστε από τα βασικά και μιλήστε λίγο κάθε μέρα.",
}  # fmt: skip
"""The same two sentences, by language."""


def code(written: str) -> str:
    return written.partition("-")[0]


@pytest.mark.parametrize("written", PROSE)
def test_prose_of_two_sentences_tells_its_language(written: str) -> None:
    text, own = PROSE[written], code(written)
    assert language_of(text) == own
    assert other_language(text, own) is None
    found = {wanted: other_language(text, wanted) for wanted in NAMES}
    missed = {wanted for wanted in NAMES if found[wanted] is None}
    assert set(found.values()) == {own, None}
    assert missed & {"en", "ko", "zh", "ja", "ar", "de", "fr", "hi", "th"} <= {own}
    assert len(missed) < 9, "its neighbours"


@pytest.mark.parametrize("written", PROSE)
def test_what_is_said_in_code_or_quoted_beside_prose_counts_for_nothing(written: str) -> None:
    text, own = PROSE[written], code(written)
    other = PROSE["en" if own != "en" else "ko"]
    for beside in (
        f"```python\n# {other}\nprint(1)\n```",
        f"`{other}`",
        f'"{other}"',
        f"“{other}”",
        f"«{other}»",
        f"> {other}",
        f"https://example.org/{other.replace(' ', '-')}",
        "$$\\text{" + other + "}$$",
    ):
        assert language_of(f"{text}\n\n{beside}\n") == own, beside
        assert other_language(f"{text}\n\n{beside}\n", code("en" if own != "en" else "ko")) == own, beside
        assert language_of(beside) is None, beside


@pytest.mark.parametrize("one", PROSE)
@pytest.mark.parametrize("other", ["en", "ko", "zh-Hans", "de"])
def test_a_text_in_two_languages_is_in_neither_and_misses_neither(one: str, other: str) -> None:
    if code(one) == code(other):
        return
    for text in (f"{PROSE[one]}\n\n{PROSE[other]}", f"{PROSE[other]} {PROSE[one]}"):
        assert language_of(text) is None or is_alike(code(one), code(other))
        assert other_language(text, code(one)) is None
        assert other_language(text, code(other)) is None


UNSURE = [
    # too short
    "", "Yes.", "네.", "네, 맞습니다.", "서울", "是的。", "はい、そうです。", "نعم", "Ja, das stimmt.", "Sí, claro.", "Paris", "42",
    "15 % of 240 = 36",
    # names and lists of words
    "Barack Obama, Angela Merkel, Emmanuel Macron, Justin Trudeau, Pedro Sánchez, Boris Johnson",
    "The Beatles - Let It Be\nQueen - Bohemian Rhapsody\nEagles - Hotel California",
    "1. The Lord of the Rings\n2. Pride and Prejudice\n3. To Kill a Mockingbird",
    "Kubernetes, Docker, Terraform, Ansible, Jenkins, Prometheus, Grafana",
    "Machine Learning, Deep Learning, Natural Language Processing, Computer Vision",
    "tomato, onion, garlic, basil, olive oil, pasta, parmesan, salt, pepper",
    "la cuchara, el tenedor, el cuchillo, la olla, la sartén, el vaso, la taza",
    "Homo sapiens, Canis lupus, Felis catus, Panthera leo, Quercus robur, Escherichia coli",
    "東京都、大阪府、京都府、愛知県、北海道、福岡県、神奈川県、兵庫県",
    "織田信長、豊臣秀吉、徳川家康、武田信玄、上杉謙信、伊達政宗",
    "1. Bonjour\n2. Hola\n3. Ciao\n4. Guten Tag\n5. Konnichiwa\n6. Namaste",
    "C major, G major, D major, A minor, E minor, F sharp, B flat",
    # code and formulas
    "def reverse(text):\n    turned = text[::-1]\n    return ''.join(old if old.isupper() else new for old, new in turned)",
    "def main():\n    # print the result of the addition to the console\n    print(1 + 1)\n",
    "SELECT nombre, apellido FROM clientes WHERE ciudad = 'Madrid' ORDER BY apellido;",
    "sudo apt update && sudo apt install -y nginx\nsystemctl enable nginx\nsystemctl start nginx",
    '{"name": "Ada", "city": "Turin", "description": "a mathematician who lives in a house by the river"}',
    "name,age,city\nAnna,34,Berlin\nBob,28,Paris\nCarlos,45,Madrid",
    "x^2 + 3x + 2 = 0, so x = -1 or x = -2", "$E = mc^2$", r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "| Land | Hauptstadt |\n|---|---|\n| Deutschland | Berlin |\n| Frankreich | Paris |",
    # romanised
    "Aap apne ghar par yeh kaam bahut aasani se kar sakte hain. Sabse pehle aapko thoda paani garam karna hoga.",
    "Main kal office nahi aa paunga kyunki meri tabiyat theek nahi hai. Please meeting ko reschedule kar dijiye.",
    "Mujhe samajh nahi aa raha ke main kya karun, aap meri madad kar sakte hain to bohat shukriya.",
    "Wo jintian qu chaoshi mai dongxi, ranhou huijia zuofan. Mama shuo wanshang women yiqi kan dianying.",
    "Nǐ hǎo, wǒ jiào Lǐ Míng, wǒ shì zhōngguó rén. Wǒ xǐhuan xuéxí yǔyán, yě xǐhuan hé péngyou yìqǐ sànbù.",
    "Watashi wa kinou tomodachi to issho ni eiga wo mi ni ikimashita. Totemo omoshirokatta desu kara, mata ikitai.",
    "Annyeonghaseyo, jeoneun hanguk eoneoreul gongbuhago isseumnida. Oneul nalssiga aju joayo, geuraeseo gal geoyeyo.",
    "Ana mesh 3aref a3mel eh, el mawdoo3 dah sa3b awi. Momken tesa3edny law sama7t? Ana mestanny radak.",
    "Ya segodnya poydu v magazin i kuplyu khleb, moloko i syr. Potom my s druz'yami budem gulyat' v parke.",
    "Kalimera se olous, simera tha milisoume gia tin istoria tis Athinas. I poli einai poli palia.",
    # no language
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.",
    "asdf qwer zxcv uiop hjkl bnm qwerty asdfgh zxcvbn poiuyt lkjhgf mnbvcx qazwsx edcrfv tgbyhn",
]  # fmt: skip


@pytest.mark.parametrize("text", UNSURE)
def test_short_texts_names_code_formulas_and_romanised_texts_tell_no_language(text: str) -> None:
    assert language_of(text) is None
    assert [wanted for wanted in ("en", "ko", "es", "hi") if other_language(text, wanted)] == []


MIXED = {
    "ko": [
        "Python의 list comprehension을 사용하면 for loop 없이 간단하게 list를 만들 수 있습니다. 예를 들어 map function과 filter "
        "function을 대체할 수 있습니다.",
        "Docker 컨테이너를 build하려면 먼저 Dockerfile을 작성하고 docker build 명령을 실행하세요.",
    ],
    "zh": [
        "使用 Python 的 list comprehension 可以更简洁地创建 list，不需要写 for loop。",
        "我哋今日去邊度食飯呀？不如去嗰間新開嘅茶餐廳啦，聽講嗰度嘅奶茶好正。",
    ],
    "ja": ["Pythonのlist comprehensionを使うと、for loopなしで簡単にlistを作ることができます。"],
    "de": [
        "Ein Workaround wäre, den Request im Backend zu cachen und das Response-Objekt im Frontend zu mappen.",
        "Etwa fuenf Minuten bei mittlerer Hitze, bis sie goldbraun sind, dann aus der Pfanne nehmen.",
    ],
    "hi": ["आप Python में list comprehension का उपयोग कर सकते हैं और for loop से बच सकते हैं।"],
    "en": ["Wah this one damn good leh, you never try before meh? Later we go makan at the hawker centre can or not?"],
}  # fmt: skip


@pytest.mark.parametrize(("own", "text"), [(own, text) for own, texts in MIXED.items() for text in texts])
def test_foreign_words_leave_a_text_in_its_language(own: str, text: str) -> None:
    assert language_of(text) == own
    assert other_language(text, own) is None


QUOTING = [
    ("en", "1. la cuchara - the spoon\n2. el tenedor - the fork\n3. el cuchillo - the knife\n4. la olla - the pot"),
    ("en", '"El tren sale a las siete de la mañana y llega a las ocho" means that the train leaves at seven.'),
    ("en", "In German: Frühling läßt sein blaues Band wieder flattern durch die Lüfte; süße, wohlbekannte Düfte streifen "
           "ahnungsvoll das Land."),
    ("en", "Frère Jacques, Frère Jacques,\nDormez-vous? Dormez-vous?\nSonnez les matines! Sonnez les matines!\n\n"
           "This is the well-known French nursery rhyme in the original."),
    ("en", "The haiku in Japanese reads:\n古池や\n蛙飛び込む\n水の音\nIt is by Matsuo Bashō."),
    ("en", "In Korean, the word for love is 사랑 and it is pronounced sarang. You can say 사랑해요 to someone you love."),
    ("en", "Bonjour means hello. Au revoir means goodbye. S'il vous plaît means please. Merci beaucoup means thank you."),
    ("en", "Ceteris paribus, the demand curve slopes downward. Quid pro quo, ad hoc, de facto and per capita are Latin."),
    ("en", "Dear Sir or Madam,\n\nLorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor."),
    ("en", "Translation: Aprender un idioma nuevo requiere tiempo y práctica. Empieza por lo básico cada día."),
    ("de", "Das Motto lautet: In omnia paratus. Semper fidelis, per aspera ad astra, carpe diem quam minimum credula."),
    ("de", "Der erste Satz des Romans: It was the best of times, it was the worst of times, it was the age of wisdom."),
    ("fr", "Le mot « serendipity » vient de l'anglais; on le traduit par sérendipité."),
    ("ko", "'사랑'은 영어로 love입니다. For example: I love you more than anything else in the whole world."),
    ("zh", "这句话的英文是：Learning a new language takes time and practice, so start with the basics and speak every day."),
    ("ja", "この文を英語に訳すと次のようになります。Learning a new language takes time and practice every day."),
    ("ar", "الترجمة الإنجليزية هي: Learning a new language takes time and practice, so speak a little every day."),
    ("en", "The Chinese proverb 学而时习之，不亦说乎 is from the Analects and means that it is a joy to practise what one has "
           "learned."),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "text"), QUOTING)
def test_a_text_that_quotes_another_language_is_in_its_own(wanted: str, text: str) -> None:
    assert other_language(text, wanted) is None


OTHER = [
    ("ko", "en", "Seoul is the capital of South Korea. It has about ten million inhabitants."),
    ("ko", "en", "1. Wash the rice.\n2. Add two cups of water.\n3. Bring it to a boil.\n4. Simmer for fifteen minutes."),
    ("ko", "en", "Use `list()` to build lists:\n```python\nprint(list(range(3)))\n```\nThis prints the first three numbers."),
    ("ko", "zh", "首尔是韩国的首都，有一千多万人口，也是全国的政治、经济和文化中心。"),
    ("zh", "en", "To cook rice, wash it first, then add water and bring it to a boil."),
    ("zh", "ja", "東京は日本の首都です。人口は約千四百万人で、世界最大の都市圏の一つです。"),
    ("ja", "zh", "北京是中国的首都，也是全国的政治、文化中心，有两千多万人口。"),
    ("ja", "en", "Tokyo is the capital of Japan and the largest city of the country."),
    ("ar", "en", "To apply for a passport you need two photographs, a form and your birth certificate."),
    ("en", "zh", "要煮米饭，先把米洗干净，然后加水，用大火烧开，再用小火煮十五分钟。"),
    ("en", "de", "Um Brot zu backen, braucht man Mehl, Wasser, Hefe und Salz. Den Teig gut kneten und ruhen lassen."),
    ("de", "en", "To bake bread you need flour, water, yeast and salt. Knead the dough well and let it rest."),
    ("es", "en", "To bake bread you need flour, water, yeast and salt. Knead the dough well and let it rest."),
    ("pt", "es", "El pan se hace con harina, agua, levadura y sal. Amasa bien la masa y déjala reposar dos horas."),
    ("fr", "en", "1. Wash the rice.\n2. Add two cups of water.\n3. Bring it to a boil.\n4. Let it rest before you serve it."),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "found", "text"), OTHER)
def test_a_text_in_another_language_is_found_out(wanted: str, found: str, text: str) -> None:
    assert other_language(text, wanted) == found


def test_each_simplified_character_has_its_traditional_one() -> None:
    assert len(SIMPLIFIED) == len(TRADITIONAL)
    assert not SIMPLIFIED & TRADITIONAL
