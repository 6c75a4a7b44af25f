"""The words by which a text that speaks of a response is known, language by language, each as narrow as it can be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judging:
    """A language's words for a response, and for the instruction behind it."""

    response: str  # the subject of a sentence about it, from that sentence's first character
    nouns: str  # the words by which a sample is about such things itself
    instruction: str  # of these, the one for an instruction
    review: str  # the beginning of a judgement that has no such sentence: "Issues with the instruction: ..."
    good: tuple[str, ...]  # what is said for it, one pattern a quality
    bad: str  # what is said against it
    halves: str  # the teacher's own words for what it was given and what it was to write
    rewrote: str  # the teacher says what it did; from the first character
    asks: str  # asks for what it was to work on
    of_texts: str  # a quality that only a text has, said of its subject: one is enough
    agrees: str  # an answer to the criticism, in place of one to the instruction; from the first character
    sure: str = "(?!)"  # a subject that nothing else has: one word of praise is enough


_ADJECTIVE_EN = r"(?:(?:original|given|provided|above|current|old|generated|existing) )?"
# Instructions and responses of other kinds: of a processor, of a server, of a body.
_HALF_EN = (
    r"(?:instruction(?! (?:sets?|cache|pipeline|pointer|register|fetch|manual|booklet|level|stream|format|decod\w+)\b)|"
    r"response(?! (?:time|rate|curve|code|body|header|team|plan|variable|surface|to (?:the|an?|this) (?:drug|treatment|"
    r"stimulus|vaccine|crisis|threat|attack|virus|infection|injury))))s?"
)
# What is said of an answer may be the answer: "The answer is not 5", "The answer could be either".
_ANSWER_EN = (
    r"answer(?! (?:key|sheet|choices?|options?|to|is not|isn't|does not|doesn't|do not|should be|needs to be|"
    r"could be(?! improved| more| clearer| better| expanded))\b)"
)
_THE_EN = rf"(?:the|this|your|its) {_ADJECTIVE_EN}(?:{_HALF_EN}|prompt|rewrite)\b"
_FAULTS_EN = (
    r"(?:\w+ )?(?:trouble|problem|issue|weakness(?:e)?|shortcoming|flaw|fault|error|mistake|concern|limitation|drawback|"
    r"strengths? and weaknesse|criticism|critique|review|evaluation|assessment|feedback|comment|suggestions? for improvement|suggestion|"
    r"areas? (?:for|of) improvement|room for improvement|improvement|analysi|judge?ment)"
)

JUDGING = {
    "en": Judging(
        response=rf"(?:overall, )?(?:the|this|your|my) {_ADJECTIVE_EN}(?:{_HALF_EN}|{_ANSWER_EN}|reply|rewrite)\b",
        nouns=r"\b(?:response|answer|instruction|repl(?:y|ies)|rewrite|prompt)s?\b",
        instruction=r"\binstructions?\b",
        review=(
            rf"(?:(?:overall|here|there|these|are|is|some|several|many|a few|a|the|main|major|key|possible|potential)[, ]+)*"
            rf"(?:suggestions? for improving|(?:{_FAULTS_EN})s?,? (?:with|of|in|on|for|about|to|regarding|concerning)) {_THE_EN}|"
            rf"(?:(?:in order )?to|(?:one|a|another|the (?:best|first)) way to|you (?:can|could|should)) "
            rf"(?:improve|fix|enhance|strengthen|clarify|refine|correct) {_THE_EN}|"
            rf"it (?:would|might|could) (?:also )?be (?:better|best|helpful|useful|clearer|good) (?:if|for|to (?:improve|"
            rf"clarify|rewrite|rephrase|make)) {_THE_EN}|"
            rf"{_THE_EN} (?:can|could|should|might|may|must|needs to) be (?:further )?(?:improved|clarified|rewritten|revised|"
            rf"rephrased|reworded|refined|expanded|clearer|more|made|better)\b|"
            rf"(?:the|this|my) (?:critique|criticism)s? (?:of {_THE_EN}|(?:is|are|was|suggests?|highlights?|shows?|says?|"
            rf"focus\w*|points? out)\b)"
        ),
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
            r"too (?:short|vague|brief|general|simple|broad|long|complex|detailed)|vague|incomplete|inaccurate|incorrect|"
            r"unclear|not (?:very|detailed|clear|accurate|helpful|relevant|complete)|ambiguous|(?:overly|too) simplistic|"
            r"(?:contains?|has) (?:several|some|many|a few|multiple) (?:\w+ )?(?:errors?|mistakes?|issues?|problems?))\b"
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
        of_texts=(
            r"\b(?:is|was|seems|remains|appears to be) (?:\w+ )?(?:accurate|helpful|relevant|informative|concise|coherent|"
            r"self-contained|factually|well[- ](?:structured|written|organi[sz]ed))\b"
        ),
        agrees=(
            r"(?:(?:thank you|thanks)(?: \w+){0,2} for|i (?:\w+ )?(?:appreciate|acknowledge|accept|understand|agree with)) "
            r"(?:the|your|this|these) (?:\w+ ){0,2}(?:criticism|critique)s?\b|"
            r"(?:(?:thank you|thanks) for|i (?:\w+ )?appreciate) (?:the|your|this) (?:critical|constructive) feedback\b|"
            r"i (?:\w+ )?appreciate the (?:\w+ )?feedback (?:provided|given)\b"
        ),
        sure=r"(?:the|this|your|my) (?:\w+ )?(?:response|rewrite|instruction)\b",
    ),
    "de": Judging(
        response=(
            r"(?:die|diese|ihre|deine) (?:(?:ursprüngliche|gegebene|obige) )?"
            r"(?:antwort|anweisung)\b"
        ),
        nouns=r"antwort|anweisung",
        instruction=r"anweisung",
        review=(
            r"(?:(?:einige|mögliche|folgende|die) )*(?:probleme|schwächen|mängel|fehler|kritik|schwachstellen|verbesserungsvorschläge|"
            r"bewertung|beurteilung|stärken(?: und schwächen)?) (?:mit|an|bei|in|zu|für|von)? ?(?:der|die|dieser|diese|ihrer|deiner) "
            r"(?:\w+en )?(?:anweisung|antwort)\b|um (?:die|diese) (?:anweisung|antwort) zu (?:verbessern|präzisieren)"
        ),
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
        of_texts=r"\b(?:ist|war|wirkt|scheint) (?:\w+ )?(?:hilfreich|relevant|informativ|prägnant|verständlich|zutreffend)\b",
        agrees=(
            r"(?:(?:vielen )?dank für|ich danke (?:ihnen|dir) für|ich (?:verstehe|akzeptiere|teile)) (?:die|ihre|deine|diese) "
            r"(?:\w+ )?kritik\b|ich stimme (?:der|ihrer|deiner|dieser) kritik\b"
        ),
    ),
    "fr": Judging(
        response=(
            r"(?:la |cette |votre |l')(?:réponse|instruction|consigne)(?: (?:originale|donnée|fournie))?\b"
        ),
        nouns=r"réponse|instruction|consigne|réponds",
        instruction=r"instruction|consigne",
        review=(
            r"(?:(?:les|quelques|voici|principaux) )*(?:problèmes?|faiblesses?|défauts?|limites|lacunes|erreurs|critiques?|évaluation|"
            r"points faibles|suggestions) (?:avec|de|dans|sur|concernant|pour) (?:la |cette |votre |l')(?:instruction|consigne|réponse)\b|"
            r"pour améliorer (?:la |cette |votre |l')(?:instruction|consigne|réponse)\b"
        ),
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
        of_texts=r"\b(?:est|était|semble) (?:\w+ )?(?:utile|pertinente?|informati(?:f|ve)|concise?|cohérente?)\b",
        agrees=(
            r"(?:merci pour|je vous remercie pour|j'apprécie|je comprends|j'accepte|je suis d'accord avec) (?:la|les|cette|ces|"
            r"votre|vos|ta|tes) (?:\w+ )?critiques?\b"
        ),
    ),
    "es": Judging(
        response=r"(?:la|esta|su|tu) (?:respuesta|instrucción)(?: (?:original|dada|proporcionada))?\b",
        nouns=r"respuesta|instrucci|respond",
        instruction=r"instrucci",
        review=(
            r"(?:(?:los|las|algunos|algunas|principales) )*(?:problemas?|debilidades|defectos|errores|fallos|críticas?|evaluación|"
            r"deficiencias|carencias|sugerencias) (?:con|de|en|sobre|para|a) (?:la|esta|tu|su) (?:respuesta|instrucción)\b|"
            r"para mejorar (?:la|esta|tu|su) (?:respuesta|instrucción)\b"
        ),
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
        of_texts=r"\b(?:es|era|parece) (?:\w+ )?(?:útil|relevante|pertinente|informativa|concisa|coherente)\b",
        agrees=(
            r"(?:gracias por|agradezco|entiendo|acepto|estoy de acuerdo con) (?:la|las|esta|estas|su|sus|tu|tus) "
            r"(?:\w+ )?críticas?\b"
        ),
    ),
    "pt": Judging(
        response=r"(?:a|esta|essa|sua) (?:resposta|instrução)(?: (?:original|dada|fornecida))?\b",
        nouns=r"resposta|instruç|respond",
        instruction=r"instruç",
        review=(
            r"(?:(?:os|as|alguns|algumas|principais) )*(?:problemas?|fraquezas|defeitos|erros|falhas|críticas?|avaliação|deficiências|"
            r"sugestões) (?:com a|da|na|desta|nesta|sobre a|para a|à) (?:resposta|instrução)\b|"
            r"para melhorar (?:a|esta|essa|sua) (?:resposta|instrução)\b"
        ),
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
        of_texts=r"\b(?:é|era|parece) (?:\w+ )?(?:útil|relevante|pertinente|informativa|concisa|coerente)\b",
        agrees=(
            r"(?:obrigad[oa] (?:por|pela|pelas)|agradeço|entendo|aceito|concordo com) ?(?:a|as|esta|estas|sua|suas)? "
            r"(?:\w+ )?críticas?\b"
        ),
    ),
    "ru": Judging(
        response=(
            r"(?:этот |данный |ваш |исходный )?(?:ответ)\b|(?:эта |данная |исходная )?(?:инструкция)\b"
        ),
        nouns=r"ответ|инструкц|отвеч",
        instruction=r"инструкц",
        review=(
            r"(?:проблемы?|недостатки|слабые стороны|ошибки|критика|оценка|замечания|недочёты|недочеты) "
            r"(?:(?:с|в|к|по|этой|данной|исходной|этого|данного) )*(?:инструкци\w+|ответ\w*)\b|"
            r"чтобы улучшить (?:эту |данную |этот |данный )?(?:инструкцию|ответ)\b"
        ),
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
        of_texts=r"\b(?:полез\w+|релевант\w+|уместн\w+|информативн\w+|лаконичн\w+)\b",
        agrees=r"(?:спасибо за|благодарю за|я (?:понимаю|принимаю)|(?:я )?соглас(?:ен|на) с) (?:\w+ )?критик\w+",
    ),
    "zh": Judging(
        response=r"(?:这个|這個|该|該|此|这|您的|原始|原)?(?:回答|回复|回覆|答案|响应|回應|指令)(?=[^，。]{0,8}(?:是|很|非常|不|没|准|準|缺|完|清|详|有|比))",
        nouns=r"回答|回复|回覆|答案|响应|回應|指令|答复",
        instruction=r"指令",
        review=(
            r"(?:这个|這個|该|該|此|这条|原始|原)?(?:指令|回答|回复|回覆)中?(?:的|存在的?)(?:主要)?(?:问题|問題|缺点|缺點|不足|缺陷|弱点|弱點|改进)|"
            r"(?:对|對)(?:这个|這個|该|該|此|这条)?(?:指令|回答|回复)的(?:批评|批評|评价|評價|评论|評論|改进|分析)|"
            r"(?:为了|為了)?(?:改进|改善|改進)(?:这个|這個|该|該|此|这条)(?:指令|回答|回复)"
        ),
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
        of_texts=r"有帮助|有幫助|相关|相關|简洁|簡潔|准确|準確",
        agrees=r"(?:感谢|感謝|谢谢|謝謝|我同意|我接受|我理解)(?:您|你)?(?:的|提出的|这些|這些)?(?:批评|批評)",
    ),
    "ja": Judging(
        response=r"(?:この|その|元の)?(?:回答|応答|返答|指示)(?:は|が)",
        nouns=r"回答|応答|返答|指示|答え",
        instruction=r"指示",
        review=(
            r"(?:この|その|元の)?(?:指示|回答|応答)文?(?:の|にある)(?:問題|欠点|弱点|不足|改善|課題|評価)|"
            r"(?:この|その|元の)?(?:指示|回答)文?を改善する(?:に|ため)"
        ),
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
        of_texts=r"役立|役に立|有用|関連|簡潔|正確",
        agrees=r"(?:ご)?(?:批評|批判)(?:を)?(?:ありがとう|感謝)|(?:ご)?(?:批評|批判)に同意",
    ),
    "ko": Judging(
        response=r"(?:이|그|해당|원래)? ?(?:답변|응답|대답|지시(?:문|사항)?)(?:은|는|이|가)\b",
        nouns=r"답변|응답|대답|지시",
        instruction=r"지시",
        review=(
            r"(?:이|그|해당|원래의?)? ?(?:지시(?:문|사항)?|답변|응답)의 (?:주요 )?(?:문제|단점|약점|부족한 점|개선|한계)|"
            r"(?:이|그|해당)? ?(?:지시(?:문|사항)?|답변)[을를] 개선하(?:려면|기 위해)"
        ),
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
        of_texts=r"유용|도움|관련|간결|정확",
        agrees=r"(?:비판|비평)(?:에|을|해)? ?(?:감사|동의|주셔서)",
    ),
    "ar": Judging(
        response=r"(?:هذه |تعد |إن )?(?:الإجابة|الاستجابة|التعليمات|الرد)(?: الأصلية)?\b",
        nouns=r"إجاب|استجاب|تعليم|الرد|أجب",
        instruction=r"تعليم",
        review=(
            r"(?:ال)?(?:مشاكل|مشكلات|عيوب|نقاط الضعف|نقاط ضعف|نقد|تقييم|أخطاء)(?: في| مع| على)? (?:هذه |هذا )?(?:التعليمات|الإجابة|الاستجابة)|"
            r"لتحسين (?:هذه )?(?:التعليمات|الإجابة|الاستجابة)"
        ),
        good=("دقيق", "صحيح", "كامل|مكتمل", "مفصل|تفصيل", "مفيد", "ذات صلة|صلة", "واضح", "موجز", "شامل"),
        bad=r"تفتقر|ينقص|يجب أن|يمكن أن تكون|غير|ليست|لا ت|لم ت|قصيرة جد",
        halves=r"(?:التعليمات|الإجابة|الاستجابة) (?:الجديدة|المحسنة|الأصلية|القديمة)",
        rewrote=r"لقد (?:أعدت (?:كتابة|صياغة)|قمت بتحسين|حسنت) (?:الإجابة|التعليمات)",
        asks=r"(?:يرجى|الرجاء|من فضلك،?) (?:تقديم|تزويدي|مشاركة|إرسال|توفير)[^.!؟]{0,40}?(?:النص|مزيد|المزيد|التعليمات)",
        of_texts=r"مفيد|ذات صلة|دقيق|موجز",
        agrees=r"(?:شكرا|شكرًا|أشكرك|أقدر|أتفق مع)(?: على| ل)? ?(?:هذا )?(?:ال)?(?:نقد|انتقاد)",
    ),
}

A_TEXT = r"""
    (?:the|this|these)\ (?:\w+\ ){0,2}?(?:poem|haiku|stor(?:y|ies)|essay|letter|e-?mail|list|summary|speech|song|lyrics|
    paragraph|article|text|translation|description|dialogue|passage)s?\b|
    (?:das|die|der|dieses?|dieser)\ (?:gedicht|geschichte|aufsatz|brief|liste|zusammenfassung|rede|lied|absatz|artikel|
    text|übersetzung|beschreibung)\b|
    (?:l[ea]s?\ |cett?e?\ |l')(?:poème|histoire|essai|lettre|liste|résumé|discours|chanson|paragraphe|article|texte|
    traduction|description)\b|
    (?:el|la|los|las|est[ea]|[oa]s?)\ (?:poema|historia|história|cuento|conto|ensayo|ensaio|carta|lista|resum[eo]n?|
    discurso|canción|canção|párrafo|parágrafo|artículo|artigo|texto|traducción|tradução|descripción|descrição)\b|
    (?:это\ |данное\ )?(?:стихотворение|рассказ|история|эссе|письмо|список|резюме|речь|песня|абзац|статья|текст|перевод|
    описание)\b|
    [这這该該](?:[首篇封份个個段])?(?:诗|詩|故事|文章|信|列表|清单|清單|摘要|演讲|演講|歌|段落|文本|翻译|翻譯|描述)|
    [こそ]の(?:詩|物語|話|文章|手紙|一覧|リスト|要約|スピーチ|歌|段落|記事|翻訳|説明)|
    [이그]\ (?:시|이야기|글|편지|목록|요약|연설|노래|단락|기사|번역|설명)(?:은|는|이|가)|
    (?:هذه\ |هذا\ )?(?:القصيدة|القصة|المقال|الرسالة|القائمة|الملخص|الخطاب|الأغنية|الفقرة|النص|الترجمة|الوصف)"""
"""A text as the subject of a sentence about it, in each language."""

STIRS = r"""
    evok|captur|convey|flows|engag|vivid|beautiful|effectively|naturally|
    lebendig|stimmungsvoll|anschaulich|wirkungsvoll|évoque|évocat|vivant|evoca|vívid|transmit|
    передаёт|передает|ярк|образн|生动|生動|优美|優美|鲜明|美し|生き生き|伝え|생생|아름|전달|ينقل|حيوي|جميل"""
"""Words of praise for a poem, a story or another text, besides the qualities in `Judging.good`."""

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
