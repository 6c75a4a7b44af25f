"""Likely personal or secret parts of a text: addresses, numbers and keys, found by their form and check digits.

Likely, not surely: a name has no form, and a number may be nobody's. What is found is only ever shown masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class PersonalDataKind(StrEnum):
    EMAIL = "e-mail address"
    PHONE = "phone number"
    CARD = "card number"
    IBAN = "bank account"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that should perhaps not be in a dataset."""

    kind: PersonalDataKind
    masked: str  # enough to know it by, too little to use it
    start: int  # where it stands in the text
    end: int


def personal_data(text: str) -> Iterator[Secret]:
    """The likely personal parts of a text, kind by kind."""
    if "@" in text:
        for found in _EMAIL.finditer(text):
            if not _NOBODY.search(found[0]):
                name, _, host = found[0].partition("@")
                yield Secret(
                    PersonalDataKind.EMAIL, f"{name[0]}…@{host[0]}….{host.rpartition('.')[2]}", *found.span()
                )
    if _DIGITS.search(text):
        yield from _numbers(text)
    for found in _KEY.finditer(text):
        masked = "private key" if found[0].startswith("-") else f"{found[0][:4]}…"
        yield Secret(PersonalDataKind.KEY, masked, *found.span())


def without_personal_data(text: str, start: int = 0, end: int | None = None) -> str:
    """A part of a text with what is found there masked, also where the part holds only some of it."""
    end = len(text) if end is None else end
    parts, at = [], start
    for found in sorted(personal_data(text), key=lambda found: found.start):
        if found.start < end and found.end > at:
            parts += [text[at : found.start], found.masked]
            at = found.end
    return "".join([*parts, text[at:end]])


def _numbers(text: str) -> Iterator[Secret]:
    taken = []  # what has check digits is surer than a phone number's form
    for found in _CARD.finditer(text):
        digits = _only_digits(found[0])
        if _is_card(digits):
            taken.append(found.span())
            yield Secret(PersonalDataKind.CARD, f"…{digits[-4:]}", *found.span())
    for found in _IBAN.finditer(text):
        if (account := _account(found[0])) is not None:
            taken.append(found.span())
            yield Secret(PersonalDataKind.IBAN, f"{account[:4]}…{account[-2:]}", *found.span())
    for found in _PHONE.finditer(text):
        within = any(start < found.end() and found.start() < end for start, end in taken)
        if not within and _is_phone(found[0]):
            yield Secret(PersonalDataKind.PHONE, f"{found[0][:3].strip()}…{found[0][-2:]}", *found.span())


# Every pattern begins where a word does and goes on for a bounded length: time stays linear, whatever the text.

_EMAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}\b"
)
# Kept free for examples (RFC 2606), and therefore nobody's.
_NOBODY = re.compile(r"[@.](example\.(com|net|org|edu)|example|test|invalid|localhost)\Z", re.IGNORECASE)

_DIGITS = re.compile(r"\d{2}|\d[ .)-]")

_CARD = re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")
# Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay: how their numbers begin, and how long they are.
_ISSUED = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(011|4[4-9]\d|5\d\d)\d{12}|3(0[0-5]|[68]\d)\d{11}|35(2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)

_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")

# International with a plus sign, or North American. A date, a version, a sum has neither form.
_PHONE = re.compile(
    r"(?<![\w+])\+[1-9](?:[ .\-/()]{0,2}\d){7,14}(?!\w)"
    r"|(?<![\w.+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-])"
)
_DECIMAL = re.compile(r"\+\d+\.\d+")
_FICTION = re.compile(r"555\d?01\d\d\Z|55501\d\d\Z")  # kept free for films and books

_KEY = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{22,}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|\bsk_live_[A-Za-z0-9]{20,}|\bxox[baprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[A-Za-z0-9_-]{35}|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{36}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|-----BEGIN (?:[A-Z]{2,10} )?(?:ENCRYPTED )?PRIVATE KEY(?: BLOCK)?-----"
)


def _only_digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _is_card(digits: str) -> bool:
    """True where an issuer gives such numbers and the last digit is right (Luhn; ISO/IEC 7812-1)."""
    if not _ISSUED.fullmatch(digits) or len(set(digits)) == 1:
        return False
    total = sum(int(digit) for digit in digits[-1::-2])
    return (total + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])) % 10 == 0


def _account(text: str) -> str | None:
    """The account in a text that may run on into the next word, where its check digits are right (ISO 13616)."""
    account = text.replace(" ", "")
    length = _LENGTHS.get(account[:2])
    if length is None or len(account) < length:
        return None
    account = account[:length]
    turned = account[4:] + account[:4]
    return account if int("".join(str(int(character, 36)) for character in turned)) % 97 == 1 else None


# Characters of an account by country, from SWIFT's IBAN registry.
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def _is_phone(text: str) -> bool:
    return not _DECIMAL.fullmatch(text) and not _FICTION.search(_only_digits(text))
