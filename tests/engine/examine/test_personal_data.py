"""Personal data is found by its form and check digits, and never told whole."""

from __future__ import annotations

import random

import pytest

from engine.examine.personal_data import PersonalDataKind, personal_data, without_personal_data

FOUND = [
    (PersonalDataKind.EMAIL, "ann.smith+news@mail.corp.co.uk"),
    (PersonalDataKind.EMAIL, "a@b.io"),
    (PersonalDataKind.PHONE, "+49 30 1234567"),
    (PersonalDataKind.PHONE, "+1 (212) 736-5000"),
    (PersonalDataKind.PHONE, "+33.1.42.68.53.00"),
    (PersonalDataKind.PHONE, "(212) 736-5000"),
    (PersonalDataKind.PHONE, "212-736-5000"),
    (PersonalDataKind.CARD, "4111 1111 1111 1111"),
    (PersonalDataKind.CARD, "5555555555554444"),
    (PersonalDataKind.CARD, "3782-822463-10005"),
    (PersonalDataKind.IBAN, "DE89 3704 0044 0532 0130 00"),
    (PersonalDataKind.IBAN, "GB82WEST12345698765432"),
    (PersonalDataKind.IBAN, "NO93 8601 1117 947"),
    (PersonalDataKind.IBAN, "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
    (PersonalDataKind.KEY, "AKIAIOSFODNN7EXAMPLE"),
    (PersonalDataKind.KEY, "ghp_" + "a1B2" * 9),
    (PersonalDataKind.KEY, "sk-proj-" + "a1B2_" * 8),
    (PersonalDataKind.KEY, "xoxb-123456789012-abcdefABCDEF"),
    (PersonalDataKind.KEY, "AIza" + "Sy_" * 11 + "ab"),
    (PersonalDataKind.KEY, "-----BEGIN OPENSSH PRIVATE KEY-----"),
    (PersonalDataKind.KEY, "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
]

NOT_FOUND = [
    "write to info@example.com or root@localhost, @ann, a@b, or 3 @ 4.50",
    "call 555-0123, (212) 555-0123, 1984-2024, 2024-05-17 12:30, 192.168.0.1",
    "4111 1111 1111 1112 and 1234 5678 9012 3456 and 0000 0000 0000 0000",
    "DE88 3704 0044 0532 0130 00, XX89 3704 0044 0532 0130 00, ABCD 1234 EFGH 5678",
    "12 + 34 = 46; x = +1.23456789; 3.14159265358979; 1,000,000,000; pi^10",
    "AKIA, sk-learn, ghp_short, hf_transfer, -----BEGIN PUBLIC KEY-----, AKIAiosfodnn7example",
    "the ISBN 978-3-16-148410-0, commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "",
    "\ud800 \x00 @ \u202e +",
]


@pytest.mark.parametrize(("kind", "secret"), FOUND)
def test_each_kind_is_found_among_words_and_told_masked(kind: PersonalDataKind, secret: str) -> None:
    for text in (
        secret,
        f"It is {secret}, I think.",
        f"({secret})",
        f"é\n{secret}\nand more",
        f"IS {secret} IT",
    ):
        (found,) = personal_data(text)
        assert found.kind is kind
        assert secret.startswith(text[found.start : found.end].rstrip()) or text[found.start :].startswith(
            secret
        )
        assert "".join(secret.split()) not in "".join(found.masked.split())
        shown = sum(character.isalnum() for character in found.masked)
        assert shown <= 6 or found.masked == "private key"
        masked = without_personal_data(text)
        assert not list(personal_data(masked))
        assert text[: found.start] == masked[: found.start], "what stands before it stays"


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_a_little_like_it_is_left_alone(text: str) -> None:
    assert list(personal_data(text)) == []
    assert without_personal_data(text) == text


def test_a_number_with_a_wrong_check_digit_is_nobody_s() -> None:
    dice = random.Random(5)
    for _ in range(200):
        card = list("4" + "".join(dice.choices("0123456789", k=14)))
        # Luhn's own formulation, from the left over the number without its check digit.
        doubled = [int(d) * 2 if at % 2 == 0 else int(d) for at, d in enumerate(card)]
        check = -sum(d - 9 if d > 9 else d for d in doubled) % 10
        for digit in range(10):
            kinds = [found.kind for found in personal_data("".join(card) + str(digit))]
            assert (PersonalDataKind.CARD in kinds) == (digit == check)
        account = "".join(dice.choices("0123456789", k=18))
        right = 98 - int(account + "131400") % 97  # D is 13, E is 14
        for pair in {right, (right + 1) % 97 or 97}:
            found_accounts = [
                f.kind for f in personal_data(f"DE{pair:02}{account}") if f.kind is PersonalDataKind.IBAN
            ]
            assert bool(found_accounts) == (pair == right)


def test_several_are_found_each_once_and_all_are_masked() -> None:
    text = "; ".join(secret for _, secret in FOUND)
    assert sorted(found.kind for found in personal_data(text)) == sorted(kind for kind, _ in FOUND)
    masked = without_personal_data(text)
    assert not any(secret in masked for _, secret in FOUND if "PRIVATE" not in secret)
    assert list(personal_data(masked)) == []


@pytest.mark.parametrize(("kind", "secret"), FOUND)
def test_a_part_that_cuts_through_a_secret_shows_none_of_it(kind: PersonalDataKind, secret: str) -> None:
    text = f"before {secret} after"
    (found,) = personal_data(text)
    for cut in range(found.start + 1, found.end):
        for part in (without_personal_data(text, 0, cut), without_personal_data(text, cut)):
            assert part.replace(found.masked, "").strip() in ("before", "after")
    assert without_personal_data(text, 0, 7) == "before "
