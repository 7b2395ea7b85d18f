"""What plans cost, in words: amounts at most, whose prices they are, and what is not counted."""

from __future__ import annotations

from collections.abc import Sequence

from app.model import Cost, Plan

_CENT, _WHOLE = 10_000, 100_000_000  # millionths of a dollar; from $100 on cents are left out


def dollars(micros: int) -> str:
    """Rounded up, for it is the most that is paid: ``$0.05``, ``$1,235``."""
    if micros > _WHOLE:
        return f"${-(-micros // (100 * _CENT)):,}"
    cents = -(-max(0, micros) // _CENT)
    return f"${cents // 100}.{cents % 100:02d}"


def brief(cost: Cost) -> str:
    """For a column: ``$0.05 + $0.40/mo``."""
    monthly = f"{dollars(cost.monthly)}/mo"
    return f"{dollars(cost.once)} + {monthly}" if cost.once else monthly


def amounts(cost: Cost) -> list[str]:
    """What is paid for what, the first after "at most"."""
    parts = (
        (cost.reading, "to read"),
        (cost.crossing, "to cross regions"),
        (cost.passing, "for copies on the way"),
        (cost.monthly, "a month for what is kept"),
    )
    first, *more = [f"{dollars(micros)} {what}" for micros, what in parts if micros] or [dollars(0)]
    return [f"at most {first}", *more]


def in_words(cost: Cost) -> list[str]:
    """Amounts, whose prices, and what is billed besides."""
    besides = [f"not counted: {', '.join(cost.uncounted)}"] if cost.uncounted else []
    return [*amounts(cost), cost.prices, *besides]


def together(plans: Sequence[Plan]) -> Cost | None:
    """The cost of all plans; None where one of them states none, for a part of it is not the most that is paid."""
    found = [plan.estimate.cost for plan in plans if plan.estimate.cost is not None]
    if not found or len(found) < len(plans):
        return None
    return Cost(
        reading=sum(cost.reading for cost in found),
        crossing=sum(cost.crossing for cost in found),
        passing=sum(cost.passing for cost in found),
        monthly=sum(cost.monthly for cost in found),
        prices=", ".join(dict.fromkeys(cost.prices for cost in found)),
        uncounted=tuple(dict.fromkeys(part for cost in found for part in cost.uncounted)),
    )
