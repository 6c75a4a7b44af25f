"""The words by which an instruction speaks of a text that is not there, language by language."""

from __future__ import annotations

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
