"""The words by which an answer that declines is known, language by language: patterns over text with single spaces.

Each is as narrow as it can be. Verbs are those of a chat model's own work (provide, generate, access ...), never just
any: "I'm sorry, I can't come" is a letter.
"""

from __future__ import annotations

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
