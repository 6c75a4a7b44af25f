"""Languages: their codes, names and scripts, and those that texts do not tell apart."""

from __future__ import annotations

import re

NAMES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "as": "Assamese", "az": "Azerbaijani", "be": "Belarusian",
    "bg": "Bulgarian", "bn": "Bengali", "br": "Breton", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech",
    "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fo": "Faroese",
    "fr": "French", "fy": "Frisian", "ga": "Irish", "gd": "Scottish Gaelic", "gl": "Galician", "gu": "Gujarati",
    "ha": "Hausa", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "ht": "Haitian Creole", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "ig": "Igbo", "is": "Icelandic", "it": "Italian", "ja": "Japanese",
    "jv": "Javanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean",
    "ku": "Kurdish", "ky": "Kyrgyz", "lb": "Luxembourgish", "lg": "Ganda", "ln": "Lingala",
    "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mg": "Malagasy", "mk": "Macedonian", "ml": "Malayalam",
    "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "my": "Burmese", "ne": "Nepali",
    "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian", "oc": "Occitan", "om": "Oromo", "or": "Odia",
    "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "qu": "Quechua", "ro": "Romanian",
    "ru": "Russian", "rw": "Kinyarwanda", "sa": "Sanskrit", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian",
    "sn": "Shona", "so": "Somali", "sq": "Albanian", "sr": "Serbian", "st": "Sotho", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "tg": "Tajik", "th": "Thai", "tk": "Turkmen", "tl": "Tagalog",
    "tr": "Turkish", "tt": "Tatar", "ug": "Uyghur", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek",
    "vi": "Vietnamese", "xh": "Xhosa", "yo": "Yoruba", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip
"""English names by ISO 639-1 code, of the languages that a text is told to be in. Not Latin: species have its names."""

FREQUENT = frozenset({
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nl", "no",
    "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh",
})  # fmt: skip
"""The languages that most texts are in."""

LOOSE_CODES = {
    "cn": "zh", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "yue": "zh-Hant",
    "jp": "ja", "kr": "ko", "gr": "el", "ua": "uk", "dk": "da", "cz": "cs", "se": "sv", "vn": "vi", "iw": "he",
    "in": "id", "nb": "no", "ger": "de", "deu": "de", "eng": "en", "spa": "es", "fra": "fr", "fre": "fr", "ita": "it",
    "por": "pt", "rus": "ru", "jpn": "ja", "kor": "ko", "zho": "zh", "chi": "zh", "ara": "ar", "farsi": "fa",
    "deutsch": "de", "français": "fr", "español": "es", "italiano": "it", "português": "pt", "mandarin": "zh",
    "filipino": "tl", "fil": "tl",
}  # fmt: skip
"""Words that are often given for a code, each with the code: a country, three letters, a language's own name."""

_ARABIC = ("ARABIC",)
_CYRILLIC = ("CYRILLIC",)
_DEVANAGARI = ("DEVANAGARI",)
_BENGALI = ("BENGALI",)

SCRIPTS = {
    "am": ("ETHIOPIC",), "ar": _ARABIC, "as": _BENGALI, "be": _CYRILLIC, "bg": _CYRILLIC, "bn": _BENGALI,
    "el": ("GREEK",), "fa": _ARABIC, "gu": ("GUJARATI",), "he": ("HEBREW",), "hi": _DEVANAGARI, "hy": ("ARMENIAN",),
    "ja": ("HIRAGANA", "KATAKANA", "CJK"), "ka": ("GEORGIAN",), "kk": _CYRILLIC, "km": ("KHMER",),
    "kn": ("KANNADA",), "ko": ("HANGUL",), "ku": ("LATIN", "ARABIC"), "ky": _CYRILLIC, "lo": ("LAO",),
    "mk": _CYRILLIC, "ml": ("MALAYALAM",), "mn": _CYRILLIC, "mr": _DEVANAGARI, "my": ("MYANMAR",),
    "ne": _DEVANAGARI, "or": ("ORIYA",), "pa": ("GURMUKHI", "ARABIC"), "ps": _ARABIC, "ru": _CYRILLIC,
    "sa": _DEVANAGARI, "si": ("SINHALA",), "sr": ("CYRILLIC", "LATIN"), "ta": ("TAMIL",), "te": ("TELUGU",),
    "tg": _CYRILLIC, "th": ("THAI",), "tt": _CYRILLIC, "ug": _ARABIC, "uk": _CYRILLIC, "ur": _ARABIC,
    "uz": ("LATIN", "CYRILLIC"), "zh": ("CJK", "BOPOMOFO"),
}  # fmt: skip
"""The scripts of the languages that are not written in Latin letters alone, as Unicode begins its names with."""

_ALIKE = (
    {"no", "nn", "da"}, {"da", "sv"}, {"hr", "bs", "sr"}, {"hr", "sl"}, {"cs", "sk"}, {"id", "ms", "jv"},
    {"es", "an", "gl", "ca"}, {"pt", "gl"}, {"ca", "oc"}, {"nl", "af", "fy"}, {"de", "lb"}, {"ru", "be", "uk"},
    {"bg", "mk"}, {"sr", "mk"}, {"hi", "ne", "mr", "sa"}, {"bn", "as"}, {"fa", "ps", "ku"}, {"ur", "fa"},
    {"ug", "ku"}, {"tr", "az", "tk"}, {"kk", "ky", "tt", "ba"}, {"mn", "ky"}, {"zu", "xh", "st"}, {"fr", "oc", "wa"},
    {"ga", "gd"}, {"is", "fo"}, {"no", "fo"},
)  # fmt: skip
"""Languages that share words and letters, so that a text is not held to one of them against another."""

ALIKE = {
    code: frozenset({code}).union(*(group for group in _ALIKE if code in group))
    for code in {*NAMES, *(code for group in _ALIKE for code in group)}
}
"""The languages that a text in one may be taken for, itself among them."""

SIMPLIFIED = frozenset(
    "们这国说时会对来为学经过还个样现发开关问题见长门间话语让认识谁请读课论设该谢议记许证评试详误调谈钱银铁错车轮软转较"
    "运进远连选页项须顺预领颜类风飞饭饮馆马驾验鱼鸟麦东书买乐习乡产亲仅从仓仪价众优传伤伦伟侧华单卖卫历县变"
    "简写创动务数据实应电机际术观规视觉级结统线组织节义两总点热爱"
)
TRADITIONAL = frozenset(
    "們這國說時會對來為學經過還個樣現發開關問題見長門間話語讓認識誰請讀課論設該謝議記許證評試詳誤調談錢銀鐵錯車輪軟轉較"
    "運進遠連選頁項須順預領顏類風飛飯飲館馬駕驗魚鳥麥東書買樂習鄉產親僅從倉儀價眾優傳傷倫偉側華單賣衛歷縣變"
    "簡寫創動務數據實應電機際術觀規視覺級結統線組織節義兩總點熱愛"
)
"""Characters that the two ways of writing Chinese write differently."""

CHINESE = re.compile(
    f"[{''.join(sorted(SIMPLIFIED - set('国会来学麦写数点据')))}們這你您她它哪嗎呢吧把沒很還麼說對為經個樣發讓讀證錢鐵轉顏驗眾變咗喺嘅唔哋]"
    "|[的是了和在也].*[的是了和在也]",
    re.DOTALL,
)
"""Signs of a Chinese sentence. Without one, Chinese characters alone may be names in Japanese."""
