"""The words by which stand-ins are known, language by language: patterns over text with single spaces, any case.

Each is as narrow as it can be. Verbs are those of a chat model's own work (provide, generate, access ...), never just
any: "I'm sorry, I can't come" is a letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Declining -------------------------------------------------------------------------------------------------------

_AI = (
    r"(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|llm|chatbot|(?:virtual|digital) assistant)"
    r"(?: ?[- ]?(?:powered|based))?(?: (?:language|text))?(?: (?:model|assistant|system|program|chatbot))?"
)
_CANNOT = (
    r"(?:can ?not|can't|could not|couldn't|will not|won't|am unable to|'m unable to|unable to|"
    r"(?:am |'m )?not (?:able|allowed|permitted|programmed|designed|equipped|authori[sz]ed) to|"
    r"(?:am |'m )?(?:not capable|incapable) of|"
    r"(?:do not|don't) (?:currently |actually )?(?:have|possess) (?:the|an?y?) (?:ability|capability|capacity|means|"
    r"functionality|tools?) (?:to|of|for)|lack the (?:ability|capability|capacity|means) (?:to|of|for))"
)
_WORK = (
    r"(?:directly |currently |actually |really |fully |accurately )?(?:help|assist|comply|fulfil|provid|answer|respond|"
    r"generat|creat|produc|writ|access|brows|process|perform|complet|execut|translat|summari[sz]|engag|offer|giv|"
    r"participat|predict|interact|retriev|search|visit|shar|open|view|see |read|hear|support|satisfy|continue|proceed|"
    r"understand|determine|identify|discuss|recommend|do (?:that|this|it|so|what))"
)
_HAVE_NOT = (
    r"(?:do not|don't) (?:have|possess) (?:any |enough |sufficient |direct |real-time |personal |the |necessary |"
    r"required |more |physical )*(?:access|information|context|details|data|opinions?|feelings|emotions|preferences|"
    r"experiences?|beliefs)"
)
_THE_REQUEST = r"(?:your|the|this|that) (?:\w+ )?(?:request|task|prompt|instruction|query)"

_OPENERS = (
    r"(?:(?:certainly|sure|of course|hello|hi|however|thank you[^.!?]{0,60}|i understand[^.!?]{0,90}|"
    r"i appreciate[^.!?]{0,90}|while i [^.!?]{0,90})[,.!;:]+ (?:but |however,? )?)*"
)
_SORRY = (
    r"(?:(?:(?:i'm|i am|we're|we are) )?(?:very |so |really |truly |deeply )?(?:sorry|afraid)"
    r"(?=[,;:.!—–-]| but| for| about| that| to| i\b| we\b)(?! to hear| (?:that )?you\b(?! (?:have|did)))|i apologi[sz]e|(?:my )?(?:sincere )?apologies|"
    r"unfortunately|regrettably)"
)

DECLINES = {
    "en": rf"""{_OPENERS}(?:
        {_SORRY}[^.!?]{{0,120}}?\b(?:
            (?:i|we)(?: (?:currently|simply|also|just|still|really))? ?(?:{_CANNOT} {_WORK}|{_HAVE_NOT})
          | not something i can (?:help|assist|do)
          | you (?:have not|haven't|did not|didn't) (?:provided?|included?|given|given me|specified|shared?)\b)
      | (?:i|we) ?(?:{_CANNOT}) (?:help|assist|comply|fulfil|provide|answer|do\ that)(?!\ but\b|\ (?:him|her|them)\b)
      | (?:i|we) ?(?:{_CANNOT}) \w+ (?:with )?(?:{_THE_REQUEST}|real-time|external)
      | i must (?:respectfully |politely )?decline\b)""",
    "de": r"""(?:(?:es)? ?tut mir (?:sehr |wirklich )?leid|(?:ich bitte um )?entschuldigung|leider|ich bedaure)
        [^.!?]{0,100}?(?:
            \b(?:kann|darf|könnte) (?:ich|wir)\b [^.!?]{0,80}?\bnicht [^.!?]{0,60}?(?:helfen|beantworten|antworten|
                bereitstellen|erstellen|erfüllen|liefern|ausführen|zugreifen|übersetzen|geben|unterstützen)
          | \bich (?:kann|darf|könnte)\b [^.!?]{0,80}?\b(?:nicht|keine?n?)\b [^.!?]{0,60}?(?:helfen|beantworten|
                antworten|bereitstellen|erstellen|erfüllen|liefern|ausführen|zugreifen|übersetzen|geben|unterstützen)
          | \b(?:habe ich|ich habe) (?:keinen? zugriff|nicht genügend|keine (?:möglichkeit|informationen))
          | \b(?:ich bin|bin ich) nicht in der lage)
      | (?:dabei )?(?:ich )?kann (?:ich )?(?:ihnen |dir |euch )?(?:dabei|damit|hierbei|diese (?:anfrage|frage))
            (?: leider)? nicht (?:helfen|weiterhelfen|beantworten|erfüllen)""",
    "fr": r"""(?:(?:je suis |j'en suis )?(?:vraiment |sincèrement )?désolée?|malheureusement|je m'excuse|je regrette|
            toutes mes excuses)[^.!?]{0,100}?
        \bje (?:ne (?:peux|puis)|n'ai|ne (?:suis|dispose)) (?:pas|malheureusement pas)\b [^.!?]{0,60}?
            (?:aider|répondre|fournir|générer|créer|accéder|traduire|accès|assez|suffisamment|mesure|capable|traiter|
            effectuer|satisfaire|donner)
      | je ne (?:peux|puis) pas (?:vous |t'|te )?(?:aider|répondre à (?:cette|votre|ta)|fournir)
      | je ne suis pas en mesure (?:de (?:vous )?|d')(?:aider|répondre|fournir|accéder)""",
    "es": r"""(?:lo siento|lo lamento|disculp[ae]|perdón|lamentablemente|desafortunadamente)[^.!?]{0,100}?
        \bno (?:puedo|estoy en condiciones|soy capaz|tengo|cuento con|me es posible)\b [^.!?]{0,60}?
            (?:ayudar|responder|proporcionar|generar|crear|acceder|traducir|acceso|suficiente|capacidad|cumplir|
            ofrecer|realizar|completar|brindar|dar)
      | no (?:puedo|me es posible) (?:ayudarte|ayudarle|proporcionar|cumplir con (?:tu|su|esta))
      | no tengo la capacidad (?:de|para)""",
    "pt": r"""(?:desculpe|desculpa|lamento|sinto muito|infelizmente|peço desculpas?)[^.!?]{0,100}?
        \bnão (?:posso|consigo|sou capaz|tenho|é possível|estou)\b [^.!?]{0,60}?
            (?:ajudar|responder|fornecer|gerar|criar|acessar|aceder|traduzir|acesso|suficiente|capacidade|cumprir|
            oferecer|realizar|completar|dar)
      | não (?:posso|consigo) (?:ajudar(?: com isso|-lo|-te| você)|fornecer|atender (?:a |à )?(?:sua|esse|essa|este))
      | não tenho a capacidade de""",
    "it": r"""(?:mi dispiace|mi scuso|scusa|purtroppo)[^.!?]{0,100}?
        \bnon (?:posso|sono in grado|ho)\b [^.!?]{0,60}?
            (?:aiutar|rispondere|fornire|generare|creare|accedere|tradurre|accesso|abbastanza|sufficienti|soddisfare)
      | non posso (?:aiutarti|aiutarla|soddisfare (?:la tua|questa))""",
    "ru": r"""(?:извините|простите|к сожалению|прошу прощения|сожалею|мне (?:очень )?жаль)[^.!?]{0,100}?
        \b(?:я )?(?:не (?:могу|смогу|в состоянии|способ\w+|имею)|у меня нет) [^.!?]{0,60}?
            (?:помочь|ответить|предоставить|создать|выполнить|доступ|перевести|информац|возможност|дать|сгенерировать)
      | я не (?:могу|в состоянии) (?:вам |тебе )?(?:с этим )?(?:помочь (?:с этим|вам|тебе)|выполнить (?:этот|ваш|эту)|
            предоставить|ответить на (?:этот|ваш))
      | у меня нет возможности (?:предоставить|ответить|помочь|выполнить)""",
    "zh": r"""(?:非常|很|十分|真的)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)[^。！？]{0,40}?(?:我|本人)?(?:目前|暂时|暫時|还)?
            (?:无法|無法|不能|没有办法|沒有辦法|没有足够|沒有足夠|没有权限|不具备)[^。！？]{0,12}?
            (?:回答|回应|回應|提供|满足|滿足|协助|協助|帮|幫|完成|访问|訪問|生成|处理|處理|执行|執行|理解|翻译|翻譯|获取|查看|
            打开|判断|确定|给出|浏览|创建|继续|信息|能力|撰写)
      | 我(?:无法|無法|不能)(?:回答|提供|满足|滿足|协助|協助|帮助您|帮助你|幫助您|完成)(?:您的|你的|这个|這個|该|此|这类|这样)""",
    "ja": r"""(?:大変)?(?:申し訳|申しわけ|すみません|恐れ入ります|ごめんなさい|残念)[^。！？]{0,60}?
            (?:お答え|回答|提供|お手伝い|対応|生成|作成|アクセス|翻訳|実行|お応え|ご案内|処理|理解)[^。！？]{0,12}?
            (?:できません|できかねます|出来ません|いたしかねます|致しかねます)
      | (?:そのご?(?:質問|要望|リクエスト)|この(?:質問|リクエスト))に(?:は)?(?:お答え|対応)(?:することは)?できません""",
    "ko": r"""(?:정말 |매우 )?(?:죄송|미안|유감|안타깝)[^.!?]{0,70}?
            (?:답변|대답|제공|도와|도움|처리|생성|접근|접속|번역|수행|응답|완료|작성|이해)[^.!?]{0,14}?
            (?:수 없|수가 없|못합니다|못해요|드리기 어렵|불가능)
      | (?:그|이|해당) (?:요청|질문)[은을에]? ?(?:도와|처리|답변)[^.!?]{0,10}?수 없""",
    "ar": r"""(?:عذر[اًا]+|أعتذر|آسف|أنا آسف|معذرة|للأسف|يؤسفني)[^.!؟]{0,70}?
            (?:لا (?:أستطيع|يمكنني|أملك|أمتلك)|لست قادر|غير قادر|ليس لدي|لن أتمكن)[^.!؟]{0,40}?
            (?:مساعد|تقديم|الإجاب|إجاب|الرد|تلبية|إنشاء|الوصول|توفير|ترجم|تنفيذ|القدرة|معلومات|كتابة)
      | لا (?:أستطيع|يمكنني) (?:مساعدتك|تلبية (?:طلبك|هذا)|تقديم (?:هذ|المساعدة))""",
}
"""Beginnings of an answer that declines; matched at its first character."""

FIRM = {
    "en": rf"""(?:^|[.!?,;:] |\b(?:but|and|however|because|since|while|although) )
        (?:as|being|since i(?:'m| am)|because i(?:'m| am)|i(?:'m| am)|remember,? i(?:'m| am)) (?:only |just |merely )?
            (?:an? |your )?(?:[\w-]+ ){{0,2}}?{_AI}
            (?=[,.;:—–]| -|\ and|\ but|\ so|\ i\b|\ that|\ with|\ which|\ developed|\ created|\ trained|\ designed)
            [^.!?]{{0,90}}?[.,;]?\ ?(?:however,?\ |but\ |and\ |so\ |unfortunately,?\ |that\ )*
            (?:\bi\b|\bit\b(?=[^.!?]{{0,30}}\b(?:not|unable)))[^.!?]{{0,30}}?
            (?:{_CANNOT}|\b(?:do\ not|don't)\ (?:have|possess|experience|feel|hold))\b
      | \b(?:i|we)(?:\ (?:currently|simply|also|just|still|unfortunately|really))?\s
            (?:(?:do\ not|don't)\ (?:currently\ |actually\ |really\ )?(?:have|possess)\ (?:the|any)\ (?:ability|
            capability|capacity|functionality)\ (?:to|of|for)|lack\ the\ (?:ability|capability|capacity)\ (?:to|of))\s
            {_WORK}
      | \bi\b\ ?(?:{_CANNOT})\ (?:help|assist|comply|fulfil\w*|complete|process|support)
            \ (?:you\ )?(?:with\ )?(?:that\b|this\b|{_THE_REQUEST})
      | \b(?:enough|sufficient)\ information\ to\ [^.!?]{{0,40}}?{_THE_REQUEST}
      | \b(?:goes\ )?against\ my\ (?:programming|guidelines|ethical)|\bbeyond\ my\ (?:capabilities|programming)""",
    "de": r"""\bals (?:eine? |reines? )?(?:ki\b|künstliche intelligenz|(?:großes )?sprachmodell|ki-\w+|chatbot)[^.!?]{0,40}?
        (?:kann|darf|habe|besitze|verfüge|bin) ich\b[^.!?]{0,80}?\b(?:nicht|keine?[nr]?)\b""",
    "fr": r"""\ben tant (?:qu'(?:une )?(?:ia\b|intelligence artificielle|assistant (?:ia|virtuel))|que (?:modèle de langage|
        (?:grand )?modèle|chatbot))[^.!?]{0,60}?\bje n[e'] ?[^.!?]{0,20}?pas\b""",
    "es": r"""\bcomo (?:una? )?(?:ia\b|inteligencia artificial|modelo de lenguaje|asistente (?:de ia|virtual)|chatbot)
        [^.!?]{0,60}?\bno (?:puedo|tengo|soy|poseo|cuento)\b""",
    "pt": r"""\b(?:como|sendo) (?:uma? )?(?:ia\b|inteligência artificial|modelo de linguagem|assistente (?:de ia|virtual)|
        chatbot)[^.!?]{0,60}?\bnão (?:posso|tenho|consigo|sou|possuo)\b""",
    "it": r"""\bcome (?:una? )?(?:ia\b|intelligenza artificiale|modello (?:di linguaggio|linguistico)|assistente virtuale)
        [^.!?]{0,60}?\bnon (?:posso|ho|sono|possiedo)\b""",
    "ru": r"""\b(?:как (?:языковая модель|ии\b|искусственный интеллект)|(?:будучи|я (?:всего лишь )?[-—–]?) ?
        (?:языков\w+ модел\w+|ии\b|искусственн\w+ интеллект\w*))[^.!?]{0,60}?
        \b(?:я не|не (?:могу|имею|обладаю)|у меня нет)\b""",
    "zh": r"""(?:作为|作為|身为|我(?:只|仅仅)?是)(?:一个|一個|一款|一名)?(?:大型|大)?(?:AI|人工智能|人工智慧|语言模型|語言模型|聊天机器人|
        聊天機器人)[^。！？]{0,20}?[，,][^。！？]{0,10}?(?:我)?[^。！？]{0,6}?(?:无法|無法|不能|没有|沒有|不具备|不具備)""",
    "ja": r"""(?:AI|人工知能|言語モデル|チャットボット)[^。！？]{0,14}?(?:として|なので|ですので|であるため|のため)[^。！？]{0,60}?
        (?:できません|ありません|持っていません|持ちません|できかねます)""",
    "ko": r"""(?:AI|인공지능|인공 지능|언어 ?모델|챗봇)[^.!?]{0,12}?(?:로서|이므로|이기 때문에|이라서)[^.!?]{0,60}?
        (?:수 없|수가 없|못합니다|없습니다|않습니다)""",
    "ar": r"""(?:بصفتي|كوني|باعتباري|كنموذج|أنا (?:مجرد )?نموذج) ?(?:نموذج)?[^.!؟]{0,40}?(?:ذكاء|لغ|اصطناعي)[^.!؟]{0,50}?
        (?:لا (?:أستطيع|يمكنني|أملك|أمتلك)|ليس لدي|لست قادر)""",
}
"""Words that only a chat model declines in: it names itself, or what was asked of it. Searched for."""

ABOUT_DECLINING = r"""
    refus|declin|reject|apolog|\bsorry\b|excuse|turn(?:ing|s|ed)?\ down|say(?:ing)?\ no\b|unable|can'?t\b|cannot|
    (?<![a-z])ai(?![a-z])|language\ model|chat ?bot|limitation|
    ablehn|absag|entschuldig|verweiger|tut\ mir|sprachmodell|\bki\b|kann\ nicht|
    déclin|excus|désolé|modèle\ de\ langage|\bia\b|ne\ peu[xt]\ pas|
    rechaz|disculp|lo\ siento|no\ puedo|modelo\ de\ lengua|lamento|
    recus|desculp|rejeit|não\ posso|modelo\ de\ linguagem|rifiut|scusa|mi\ dispiace|
    отказ|отклон|извин|прости|не\ мог|языков\w+\ модел|\bии\b|
    拒|谢绝|婉|道歉|抱歉|对不起|對不起|无法|無法|不能|语言模型|語言模型|人工智|
    断[るりっ]|謝罪|お詫び|申し訳|できません|すみません|言語モデル|
    거절|거부|사과|죄송|수\ 없|언어\ ?모델|인공지능|
    رفض|اعتذا|يعتذر|آسف|عذر|لا\ أستطيع|لا\ يمكن|نموذج\ لغ|الذكاء\ الاصطناعي"""
"""A sample that is about declining, or about the one who declines."""

SPOKEN = r"""
    e-?mail|letter|message|\breply|\brespond|\bnote\b|dialog|conversation|\brole\b|role-?play|character|\bact\ as|pretend|
    \bplay\b|customer|script|stor(?:y|ies)|poem|song|lyrics|diary|translat|\bsay|voice|\bspeech|
    brief|nachricht|antworte|dialog|gespräch|\brolle|spiele|kunde|geschichte|gedicht|\blied\b|übersetz|
    courriel|lettre|réponds|rôle|client|histoire|poème|chanson|tradui|
    correo|carta|mensaje|respond[ea]|diálogo|papel|cliente|historia|poema|canción|traduc|
    mensagem|história|canção|traduz|conversa|lettera|messaggio|storia|tradu|
    письм|сообщен|ответь|диалог|роль|клиент|рассказ|стих|песн|перев|
    邮件|郵件|信|消息|留言|回复|回覆|对话|對話|扮演|角色|客户|客服|顾客|故事|诗|詩|歌|翻译|翻譯|
    メール|手紙|メッセージ|返信|返事|会話|役|演じ|お客|物語|詩|歌|翻訳|訳し|
    이메일|편지|메시지|답장|회신|대화|역할|고객|이야기|시를|노래|번역|
    بريد|رسالة|الرد|حوار|محادثة|دور|عميل|قصة|قصيدة|أغنية|ترجم"""
"""A sample whose answer is somebody's words: a letter, a part in a play, a translation."""

# Speaking of the response -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judging:
    """A language's words for a response, and for the instruction behind it."""

    response: str  # the subject of a sentence about it, from that sentence's first character
    nouns: str  # the words by which a sample is about such things itself
    good: tuple[str, ...]  # what is said for it, one pattern a quality
    bad: str  # what is said against it
    halves: str  # the teacher's own words for what it was given and what it was to write
    rewrote: str  # the teacher says what it did; from the first character
    asks: str  # asks for what it was to work on
    sure: str = "(?!)"  # a subject that nothing else has: one word of praise is enough


JUDGING = {
    "en": Judging(
        response=(
            r"(?:overall, )?(?:the|this|your|my) (?:(?:original|given|provided|above|current|old|generated) )?(?:response|answer|instruction|reply|rewrite)\b"
        ),
        nouns=r"\b(?:response|answer|instruction|repl(?:y|ies)|rewrite)s?\b",
        good=(
            "accura",
            "complete",
            "detail",
            "helpful",
            "relevant",
            "clear",
            "concise",
            "comprehensive",
            "informative",
            "well[- ](?:structured|written|organi[sz]ed)",
            "correct",
            "specific",
            "thorough",
            "self-contained",
            "easy to (?:understand|follow)",
            "coheren",
        ),
        bad=(
            r"\b(?:lacks?|lacking|misses|missing|fails? to|could (?:be|have|use|also|benefit)|would benefit|"
            r"should (?:be|have|include|provide|also)|needs? (?:to|more)|does not|doesn't|do not|is not|isn't|"
            r"too (?:short|vague|brief|general|simple|broad|long)|vague|incomplete|inaccurate|incorrect|unclear|"
            r"not (?:very|detailed|clear|accurate|helpful|relevant|complete)|ambiguous)\b"
        ),
        halves=(
            r"\b(?:new|improved|rewritten|revised|original|old|previous|better) (?:instruction|prompt|response)\b"
        ),
        rewrote=(
            r"(?:i|i've|i have|we've) (?:just )?(?:rewritten|rewrote|revised|improved|updated|rephrased|expanded) "
            r"(?:the|your|this) (?:\w+ )?(?:response|answer|instruction|prompt|question|text)\b|"
            r"(?:as requested|as you requested|per your request), (?:here|i)\b|"
            r"(?:this|here|it) is (?:the|a|an|my|your) (?:correct|right|full|complete|best|better|improved|accurate|"
            r"detailed|final) (?:\w+ )?(?:response|answer|reply) (?:to|for) (?:the|your|this) (?:\w+ )?"
            r"(?:instruction|prompt|question)"
        ),
        asks=(
            r"(?:please|could you(?: please)?|can you(?: please)?|kindly) (?:provide|share|send|give|specify|clarify|"
            r"paste|supply)\b[^.!?]{0,50}?\b(?:more (?:context|details|information)|(?:the|your) (?:\w+ )?(?:text|"
            r"instruction|response|input|passage|article|sentence|paragraph|content|document|code|question|prompt|"
            r"request|data))\b"
        ),
        sure=r"(?:the|this|your|my) (?:\w+ )?(?:response|rewrite|instruction)\b",
    ),
    "de": Judging(
        response=(
            r"(?:die|diese|ihre|deine) (?:(?:ursprüngliche|gegebene|obige) )?"
            r"(?:antwort|anweisung)\b"
        ),
        nouns=r"antwort|anweisung",
        good=(
            "genau",
            "korrekt|richtig",
            "vollständig",
            "detaill|ausführlich",
            "hilfreich",
            "relevant",
            "klar|verständlich",
            "prägnant",
            "umfassend",
            "präzise",
            "informativ",
        ),
        bad=(
            r"\b(?:fehlt|fehlen|könnte|sollte|müsste|nicht|unvollständig|ungenau|unklar|vage|zu (?:kurz|allgemein|knapp|"
            r"vage))\b"
        ),
        halves=r"\b(?:neuen?|verbesserten?|überarbeiteten?|ursprünglichen?|alten?) (?:anweisung|antwort)\b",
        rewrote=r"ich habe (?:die|diese|ihre|deine) (?:\w+ )?(?:antwort|anweisung) (?:überarbeitet|verbessert|umgeschrieben)",
        asks=(
            r"bitte (?:geben|teilen|stellen|senden|nennen|gib|sende|stelle)\b[^.!?]{0,60}?\b(?:den (?:\w+ )?text|"
            r"weitere (?:informationen|details)|mehr (?:kontext|details|informationen)|die anweisung)\b"
        ),
    ),
    "fr": Judging(
        response=(r"(?:la|cette|votre) (?:réponse|instruction|consigne)(?: (?:originale|donnée|fournie))?\b"),
        nouns=r"réponse|instruction|consigne|réponds",
        good=(
            "précis|exact",
            "correct",
            "compl[eè]t",
            "détaillé",
            "utile",
            "pertinent",
            "claire?",
            "concis",
            "informati",
        ),
        bad=r"\b(?:manque|pourrait|devrait|n'est pas|ne \w+ pas|incomplète|imprécise|vague|trop (?:courte|vague|générale))\b",
        halves=r"\b(?:nouvelle|ancienne) (?:instruction|consigne|réponse)\b|\bréponse (?:améliorée|originale)\b",
        rewrote=r"j'ai (?:réécrit|amélioré|reformulé|révisé) (?:la|votre|cette) (?:réponse|instruction|consigne)",
        asks=(
            r"(?:veuillez|pourriez-vous|merci de|pouvez-vous) (?:me )?(?:fournir|indiquer|préciser|partager|envoyer)\b"
            r"[^.!?]{0,40}?\b(?:le texte|plus de (?:contexte|détails|précisions)|l'instruction|davantage)"
        ),
    ),
    "es": Judging(
        response=r"(?:la|esta|su|tu) (?:respuesta|instrucción)(?: (?:original|dada|proporcionada))?\b",
        nouns=r"respuesta|instrucci|respond",
        good=(
            "precis|exact",
            "correct",
            "complet",
            "detallad",
            "útil",
            "relevante|pertinente",
            "clara?",
            "concis",
            "informativ",
        ),
        bad=r"\b(?:falta|carece|podría|debería|no (?:es|está|incluye|proporciona|responde)|incompleta|imprecisa|vaga|demasiado)\b",
        halves=r"\b(?:nueva|anterior|antigua) (?:instrucción|respuesta)\b|\brespuesta (?:mejorada|original)\b",
        rewrote=r"he (?:reescrito|mejorado|reformulado|revisado) (?:la|tu|su|esta) (?:respuesta|instrucción)",
        asks=(
            r"(?:por favor,? |¿?(?:podrías|podría|puedes|puede) )(?:proporcion|comparte|comparta|indi[cq]|envía|envíe)\w*"
            r"[^.!?]{0,40}?\b(?:el texto|más (?:contexto|detalles|información)|la instrucción)"
        ),
    ),
    "pt": Judging(
        response=r"(?:a|esta|essa|sua) (?:resposta|instrução)(?: (?:original|dada|fornecida))?\b",
        nouns=r"resposta|instruç|respond",
        good=(
            "precis|exat",
            "corret",
            "complet",
            "detalhad",
            "útil",
            "relevante|pertinente",
            "clara?",
            "concis",
            "informativ",
        ),
        bad=r"\b(?:falta|carece|poderia|deveria|não (?:é|está|inclui|fornece|responde)|incompleta|imprecisa|vaga|muito (?:curta|vaga))\b",
        halves=r"\b(?:nova|anterior|antiga) (?:instrução|resposta)\b|\bresposta (?:melhorada|original)\b",
        rewrote=r"(?:eu )?(?:reescrevi|melhorei|reformulei|revisei) (?:a|sua|esta) (?:resposta|instrução)",
        asks=(
            r"(?:por favor,? |você (?:poderia|pode) )(?:forneça|fornecer|compartilhe|compartilhar|envie|enviar|indique)"
            r"[^.!?]{0,40}?\b(?:o texto|mais (?:contexto|detalhes|informações)|a instrução)"
        ),
    ),
    "ru": Judging(
        response=(
            r"(?:этот |данный |ваш |исходный )?(?:ответ)\b|(?:эта |данная |исходная )?(?:инструкция)\b"
        ),
        nouns=r"ответ|инструкц|отвеч",
        good=(
            "точн",
            "правильн|корректн|верн",
            "полн(?!ост)",
            "подробн|детальн",
            "полезн",
            "релевантн|уместн",
            "ясн|понятн",
            "кратк|лаконичн",
            "информативн",
        ),
        bad=r"\b(?:не хватает|недостаточно|мог(?:ла)? бы|следует|не содержит|не является|неполн\w+|неточн\w+|нет|слишком)\b",
        halves=r"\b(?:нов\w+|улучшенн\w+|исходн\w+|стар\w+) (?:инструкци\w+|ответ\w*)\b",
        rewrote=r"я (?:переписал|улучшил|переформулировал|исправил)а? (?:ответ|инструкцию|этот ответ)",
        asks=(
            r"пожалуйста,? (?:предоставьте|укажите|пришлите|уточните|предоставь)[^.!?]{0,40}?(?:текст|контекст|подробност|"
            r"информаци|инструкци)"
        ),
    ),
    "zh": Judging(
        response=r"(?:这个|這個|该|該|此|这|您的|原始|原)?(?:回答|回复|回覆|答案|响应|回應|指令)(?=[^，。]{0,8}(?:是|很|非常|不|没|准|準|缺|完|清|详|有|比))",
        nouns=r"回答|回复|回覆|答案|响应|回應|指令|答复",
        good=(
            "准确|準確",
            "完整|全面",
            "详细|詳細|详尽",
            "有帮助|有用|有幫助",
            "相关|相關",
            "清晰|清楚|明确",
            "简洁|簡潔",
            "正确|正確",
            "具体",
        ),
        bad=r"缺乏|缺少|不够|不夠|没有|沒有|可以更|应该|應該|不完整|不准确|不準確|过于|過於|太(?:短|简单|笼统)|未能",
        halves=r"新(?:的)?(?:指令|回答|回复|回應|指示)|改进(?:后)?的(?:回答|回复|指令)|原(?:始|来)的?(?:指令|回答)|旧(?:的)?(?:指令|回答)",
        rewrote=r"我(?:已经|已|把|将)?(?:重写|改写|改进|修改|重寫|改寫)了?(?:这个|該|该|您的)?(?:回答|回复|指令)",
        asks=r"(?:请|請)(?:您|你)?(?:提供|给出|發送|发送|输入|告诉我|告訴我)[^。！？]{0,16}?(?:文本|更多(?:的)?(?:信息|細節|细节|上下文|背景|資訊)|指令|原文|文字)",
    ),
    "ja": Judging(
        response=r"(?:この|その|元の)?(?:回答|応答|返答|指示)(?:は|が)",
        nouns=r"回答|応答|返答|指示|答え",
        good=(
            "正確",
            "完全|網羅",
            "詳細|詳しい|詳しく",
            "役立|役に立|有用",
            "関連",
            "明確|明瞭|分かりやす|わかりやす",
            "簡潔",
            "適切|正しい",
            "具体的",
        ),
        bad=r"不足|欠け|不十分|べき|できます。|曖昧|あいまい|ありません|ていません|短すぎ|不完全|不正確",
        halves=r"新しい(?:指示|回答)|改善(?:された|した)(?:回答|指示)|元の(?:指示|回答)|古い(?:指示|回答)",
        rewrote=r"(?:私は)?(?:回答|指示)を(?:書き直し|改善し|書き換え)(?:ました|た)",
        asks=r"(?:テキスト|文章|詳細|詳しい情報|詳しい内容|指示|情報)[^。！？]{0,12}?(?:提供|教えて|お知らせ|入力|共有)[^。！？]{0,6}?ください",
    ),
    "ko": Judging(
        response=r"(?:이|그|해당|원래)? ?(?:답변|응답|대답|지시(?:문|사항)?)(?:은|는|이|가)\b",
        nouns=r"답변|응답|대답|지시",
        good=(
            "정확",
            "완전|완벽",
            "상세|자세",
            "유용|도움",
            "관련",
            "명확|분명|이해하기 쉽",
            "간결",
            "올바",
            "구체적",
        ),
        bad=r"부족|않습니다|않다|없습니다|해야|필요가|모호|불완전|불충분|너무|개선",
        halves=r"(?:새로운|새|개선된|원래의?|이전) (?:지시(?:문|사항)?|답변|응답)",
        rewrote=r"(?:답변|지시(?:문|사항)?)[을를] (?:다시 작성|개선|수정)(?:했|하였)",
        asks=r"(?:텍스트|본문|문장|자세한 (?:내용|정보)|더 많은 (?:정보|맥락)|지시사항?|내용)[^.!?]{0,8}?(?:제공|알려|입력|공유)[^.!?]{0,6}?주(?:세요|시)",
    ),
    "ar": Judging(
        response=r"(?:هذه |تعد |إن )?(?:الإجابة|الاستجابة|التعليمات|الرد)(?: الأصلية)?\b",
        nouns=r"إجاب|استجاب|تعليم|الرد|أجب",
        good=("دقيق", "صحيح", "كامل|مكتمل", "مفصل|تفصيل", "مفيد", "ذات صلة|صلة", "واضح", "موجز", "شامل"),
        bad=r"تفتقر|ينقص|يجب أن|يمكن أن تكون|غير|ليست|لا ت|لم ت|قصيرة جد",
        halves=r"(?:التعليمات|الإجابة|الاستجابة) (?:الجديدة|المحسنة|الأصلية|القديمة)",
        rewrote=r"لقد (?:أعدت (?:كتابة|صياغة)|قمت بتحسين|حسنت) (?:الإجابة|التعليمات)",
        asks=r"(?:يرجى|الرجاء|من فضلك،?) (?:تقديم|تزويدي|مشاركة|إرسال|توفير)[^.!؟]{0,40}?(?:النص|مزيد|المزيد|التعليمات)",
    ),
}

CRITERIA = (
    r"helpfulness|hilfsbereitschaft|nützlichkeit|utilité|utilidade?|полезность|有用性|有帮助性|帮助性|유용성|الفائدة",
    r"relevance|relevanz|pertinence|relev[aâ]ncia|релевантность|актуальность|相关性|相關性|関連性|관련성|الصلة|الملاءمة",
    r"accuracy|genauigkeit|richtigkeit|exactitude|précision|precisión|exactitud|precisão|точность|准确性|準確性|正確性|"
    r"정확성|الدقة",
    r"levels? of details?|detailgrad|detaillierungsgrad|niveau de détail|nivel de detalle|nível de detalhe|"
    r"уровень детал\w+|детализация|详细程度|詳細程度|詳細度|詳細さ|상세도|상세함|مستوى التفاصيل",
)
"""The criteria that any judgement may have as headings, a criterion each."""

OUR_CRITERIA = (
    r"complexity of the topic",
    r"level of detail required",
    r"knowledge required",
    r"ambiguity of the instruction",
    r"logical reasoning or problem-solving(?: involved)?",
)
"""The papers' criteria of an instruction as headings: no text has two of these by chance."""

ABOUT_JUDGING = r"""
    review|evaluat|assess|critiqu|critici|\bgrad(?:e|ing)\b|\brat(?:e|es|ing)\b|\bjudg|feedback|\bscor(?:e|ing)|
    proofread|comment\ on|reward|alignment|annotat|
    bewert|beurteil|rezension|benote|rückmeld|évalu|critique|not(?:e|er|ez)\ (?:la|cette)|juge|
    evalú|evalu|califi|reseñ|juzg|avali|resenh|оцен|рецензи|отзыв|провер|
    评价|評價|评估|評估|评分|評分|评论|審|审|批改|点评|打分|評価|採点|批評|レビュー|添削|
    평가|채점|비평|리뷰|검토|첨삭|تقييم|قيم|مراجع|نقد"""
"""A sample that asks for a judgement."""

# Speaking of a text that is not there -----------------------------------------------------------------------------------

_TEXTS_EN = (
    r"(?:text|passage|article|paragraphs?|sentences?|input|excerpt|document|dialogue|e-?mail|snippet|code|table|list|"
    r"stor(?:y|ies)|poem|review|data|numbers?|words?|phrases?|statements?|conversation|headline|letter|speech|lyrics|"
    r"quote|audience|options|information|context|content|examples?)"
)
_HERE_EN = r"(?:following|given|provided|above|attached|below|original|supplied|accompanying|aforementioned)"
REFERENCES = {
    "en": (
        rf"\b(?:the|this|these|those|that) {_HERE_EN} (?:\w+ )?{_TEXTS_EN}\b"
        rf"|\b(?:given|provided) {_TEXTS_EN}\b|\b{_TEXTS_EN} (?:below|above|provided|given (?:here|above|below))\b"
        r"|\b(?:the|this|these) (?:text|passage|excerpt|input|sentences?|paragraph|article)\b"
        r"|\b(?:this|these) (?:code|function|list|table|data|notes|numbers|words)\b"
    ),
    "de": (
        r"\b(?:de[rnms]|die|das|diese[rnms]?) (?:(?:folgend|gegeben|obig|vorliegend|angegeben|bereitgestellt|"
        r"untenstehend)e[nrms]? )?(?:text(?:e?s)?|satz(?:es)?|sätze[n]?|artikels?|absatz(?:es)?|abschnitts?|auszugs?|"
        r"eingabe)\b"
    ),
    "fr": (
        r"\b(?:le|la|ce|cette|du|ces|les) (?:texte|passage|extrait|paragraphe|phrase|article|phrases)\b|"
        r"\b(?:texte|passage|phrase|article) (?:suivant|ci-dessus|ci-dessous|donné|fourni)e?\b"
    ),
    "es": (
        r"\b(?:el|la|del|este|esta|al|las|los) (?:siguientes? )?(?:texto|pasaje|fragmento|párrafo|oración|frase|"
        r"artículo|oraciones)\b"
    ),
    "pt": (
        r"\b(?:o|a|do|da|este|esta|no|na|as|os) (?:seguintes? )?(?:texto|passagem|trecho|parágrafo|frase|artigo|"
        r"frases)\b"
    ),
    "it": r"\b(?:il|la|del|questo|questa|della) (?:seguente )?(?:testo|brano|paragrafo|frase|articolo)\b",
    "ru": (
        r"\b(?:(?:следующ|данн|эт|приведённ|приведенн|предоставленн|указанн|выше)\w*|этого|этот|это) "
        r"(?:текст|отрыв|предложени|абзац|стать|фрагмент)\w*|"
        r"\b(?:перескажите|переведите|сократите|обобщите|прочитайте|проанализируйте|перескажи|переведи|сократи|прочитай) "
        r"(?:текст|отрывок|предложение|абзац|статью)\b"
    ),
    "zh": (
        r"(?:以下|下面|下列|上述|上面|给定|給定|所给|所給|这段|這段|这篇|這篇|该|該|本|提供的|这个|這個)的?(?:这段|一段)?"
        r"(?:文本|文章|段落|句子|文字|内容|內容|短文|对话|代码|數據|数据|诗|信息|列表)"
    ),
    "ja": (
        r"(?:以下|次|この|上記|与えられた|提供された|下記|その)の?(?:文章|テキスト|文|段落|記事|コード|会話|内容|データ|リスト)"
        r"(?!化|学|字|法)"
    ),
    "ko": (
        r"(?:다음|이|위|주어진|제공된|아래|해당)의? ?(?:텍스트|글|문장|문단|단락|기사|지문|코드|내용|대화|데이터|목록)"
    ),
    "ar": (
        r"(?:هذا |هذه |في |من )?(?:النص|الفقرة|الجملة|المقال|المقطع|القطعة)"
        r"(?: (?:التالي|التالية|المعطى|المعطاة|أعلاه|أدناه|المقدم))?"
    ),
}
"""An instruction that speaks of a text as of something its reader has before him."""

UNMISTAKABLE = (
    r"\b(?:the|this) (?:following|provided|above|attached) (?:\w+ )?(?:text|passage|article|paragraph|excerpt)s?\b|"
    r"\b(?:text|passage|article|paragraph|excerpt) (?:below|above|provided)\b"
)
"""The same, where the old instruction came with no text either."""

TO_BE_WRITTEN = (
    r" ?(?:should|must|needs? to|will|has to|ought|is to|soll|muss|doit|devra|debe|deve|долж|应|應|需|必须|必要|해야|"
    r"يجب)"
)
"""It is the text to be written that is spoken of; right behind the reference."""

INDEFINITE = r"\b(?:an?|one|your|eine?[nrms]?|une?|un[oa]?|uma?) (?:(?!of |the )[\w-]+ ){{0,3}}?{noun}"
"""That text, before it is spoken of."""


def joined(patterns: dict[str, str]) -> re.Pattern[str]:
    """All languages' patterns as one, in which a space is a space."""
    return re.compile("|".join(f"(?:{_tidy(one)})" for one in patterns.values()), re.IGNORECASE)


def listed(pattern: str) -> re.Pattern[str]:
    """A pattern that is laid out over lines."""
    return re.compile(_tidy(pattern), re.IGNORECASE)


def _tidy(pattern: str) -> str:
    """A pattern without its line breaks, and the space around them; spaces within a line count."""
    return re.sub(r"\s*\n\s*(\|?) *", r"\1", pattern).replace("\\ ", " ")
