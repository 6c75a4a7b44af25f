"""The measures that a share of the samples can be chosen by, as SQL over `leaving_view.LEAVING`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class ChosenBy(StrEnum):
    """A measure of what would leave of a sample; `ORDERS` says which end of it is chosen."""

    IFD = "ifd"
    S_IFD = "s-ifd"
    RSR = "rsr"
    LOSS = "loss"
    MARGIN = "margin"
    LENGTH = "length"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Order:
    """A measure, and the samples that it can choose."""

    value: str  # `:seed` in it is the draw's, `:s_ifd` the name of S-IFD over a share of the tokens, `:run` the run's
    largest: bool  # the largest values are chosen; else the smallest
    condition: str  # of the samples that have it
    missing: str = ""  # why none may have it

    def named(self, name: str) -> Order:
        """The same, where the names of the values but `:run` begin with this one."""

        def renamed(query: str) -> str:
            return query.replace(":seed", f":{name}_seed").replace(":s_ifd", f":{name}_s_ifd")

        return replace(self, value=renamed(self.value), condition=renamed(self.condition))


LENGTH = "coalesce(length_after, length_before)"
"""The characters of the response that would leave, also of a sample that is not refined yet."""

ORDERS = {
    # At an IFD of 1 and above the instruction does not help (arXiv 2308.12032).
    ChosenBy.IFD: Order("ifd_after", largest=True, condition="ifd_after < 1"),
    # Over the tokens that the instruction matters for (arXiv 2506.01317).
    ChosenBy.S_IFD: Order(
        "computed(:s_ifd, :run, sample)",
        largest=True,
        condition="ifd_after < 1 AND computed(:s_ifd, :run, sample) IS NOT NULL",
        missing="no student has scored them",
    ),
    # What suits the student: surprising, and not far from what it would say (arXiv 2601.14249).
    ChosenBy.RSR: Order(
        "computed('rsr', :run, sample)",
        largest=False,
        condition="computed('rsr', :run, sample) IS NOT NULL",
        missing="no student has scored them since burnish keeps the ranks of tokens",
    ),
    # What the student would most likely have said itself (GRAPE, arXiv 2502.04194).
    ChosenBy.LOSS: Order(
        "json_extract(ifd_ratio, '$.given.mean')",
        largest=False,
        condition="json_extract(ifd_ratio, '$.given.mean') IS NOT NULL",
        missing="no student has scored them",
    ),
    # By how much the instruction stage's rewrite is better over as many tokens: what length alone brings is not in it.
    ChosenBy.MARGIN: Order(
        "instruction_equal_margin",
        largest=True,
        condition="instruction_equal_margin > 0 AND instruction = 'replaced' "
        "AND coalesce(decision, 'accepted') = 'accepted'",
        missing="no new instruction that won at equal length is among them",
    ),
    # Of the responses, in characters (arXiv 2402.04833).
    ChosenBy.LENGTH: Order(LENGTH, largest=True, condition="1"),
    ChosenBy.RANDOM: Order("place_in_draw(:seed, sample)", largest=False, condition="1"),
}
