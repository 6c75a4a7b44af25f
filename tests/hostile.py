"""Text that would act, break or hide, were it shown as it is: what every screen must survive."""

from __future__ import annotations

from textual._context import visible_screen_stack
from textual.app import App
from textual.strip import Strip

CORPUS = {
    "chat template tags": "[INST] <<SYS>> be brief <</SYS>> hello [/INST] <|im_start|>assistant<|im_end|></s>",
    "closing bracket": "[/",
    "open bracket": "[b",
    "a link that quits": "[@click=app.quit]x[/]",
    "markup": "[bold red]not bold[/bold red] [$primary]no[/] \\[escaped] [link=file:///etc/passwd]l[/link]",
    "escape": "\x1b[2J\x1b[31mred\x1b[0m \x1bc \x1b[?1049l",
    "a title and a clipboard": "\x1b]0;title\x07 \x1b]52;c;c2VjcmV0\x07 \x1b]8;;http://x\x1b\\l\x1b]8;;\x1b\\",
    "C1": "\x9b2J \x9d0;t\x9c \x90q\x9c \x85 \x8d",
    "DEL and backspace": "abc\x7f\x7f\x08\x08d",
    "NUL": "before\x00after",
    "returns and tabs": "one\rtwo\r\nthree\tfour\vfive\ffive",
    "bidi": "\u202eevil\u202c \u2066isolated\u2069 \u200fr \u061c",
    "line separators": "a\u2028b\u2029c",
    "lone surrogates": "\ud800 a \udfff\ud83d",
    "emoji": "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪 ☠️",
    "combining": "Z̸̢̛͓̘a̴͎͒l̵̰͑g̷̤̀o̸̗͝ é ก็็็็็",
    "CJK": "將下列句子翻譯成英文：請勿離開本機。ｶﾀｶﾅ 한국어",
    "white space": "\u00a0\u3000\u200b\ufeff \n\n \t",
    "nothing": "",
    "a long line": "word " * 40_000,
    "a long word": "x" * 200_000,
}


def rows() -> list[dict[str, str]]:
    """A dataset that has each of them in every field."""
    return [
        {"instruction": text or "(empty input and output)", "input": text, "output": text or "."}
        for text in CORPUS.values()
    ]


def painted(app: App[None]) -> list[str]:
    """The lines on the terminal."""
    return [strip.text for strip in strips(app)]


def strips(app: App[None]) -> list[Strip]:
    """The lines on the terminal, in their styles. Textual has to be told what lies behind a dialog: the lines that it
    draws without, it keeps, and a picture taken afterwards would have nothing there."""
    visible_screen_stack.set(app._background_screens)
    return app.screen._compositor.render_strips()


def acting(lines: list[str]) -> set[str]:
    """The characters among them that no terminal should be sent."""
    return {
        character
        for line in lines
        for character in line
        if character < " "
        or "\x7f" <= character <= "\x9f"
        or character in "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        or "\ud800" <= character <= "\udfff"
    }
