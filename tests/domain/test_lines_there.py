"""Lines that have ids at the provider: what was cancelled of them there, and what an amendment makes of them."""

from msgspec.structs import replace

from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.lines import carried_over, line_of, with_ids
from ordersaga.domain.model.results import LineSeen, Succeeded, Unknown

from .paid_there import PaidThere
from .shop import HOUR, line, order_of

A, B = line("A", 2, 50), line("B", 1, 100)
SHOWN = (LineSeen("odl-0", "A", 2, 100, 1, 50), LineSeen("odl-1", "B", 1, 100))
LAMP = OrderLine(name="Lamp", reference="A", quantity=2, unit_price=50, total_amount=100)


def taken_over(lines: tuple[LineSeen, ...] = SHOWN) -> PaidThere:
    """An order over 200 that the shop has made, of which 50 were cancelled there."""
    story = PaidThere()
    payment = {"provider": "mollie", "order_id": "ord-1"}
    story.tell("placed", {**order_of(A, B), "payment": payment})
    there = {"status": "authorized", "remaining_amount": 150, "lines": lines}
    story.answer(Succeeded(snapshot=story.books(**there)))
    return story


def test_what_was_cancelled_before_an_order_was_taken_over_is_counted_once() -> None:
    story = taken_over()
    assert (story.order.released_amount, story.order.remaining) == (50, 150)
    story.hinted()
    assert story.read(status="authorized", remaining_amount=150, lines=SHOWN) == []
    assert (story.order.released_amount, story.order.attentions) == (50, ())
    story.shipped("A")
    assert story.operation.amount == 50, "one of two A is left"


def test_an_order_whose_lines_are_others_is_not_taken_over() -> None:
    story = taken_over((LineSeen("odl-0", "A", 2, 100), LineSeen("odl-1", "C", 1, 100)))
    last = story.outcomes[-1]
    assert (last.what, last.refusal and last.refusal.code) == ("rejected", "amounts_do_not_add_up")
    assert last.refusal is not None
    assert "$.order_lines[1]" in last.refusal.messages[0]
    dearer = taken_over((LineSeen("odl-0", "A", 2, 120), LineSeen("odl-1", "B", 1, 80)))
    assert dearer.outcomes[-1].what == "rejected"


def test_an_amendment_whose_answer_was_lost_is_found_by_its_lines() -> None:
    """The provider's amount tells nothing: it still counts what was cancelled."""
    story = PaidThere(A, B)
    story.made()
    story.authorized()
    story.amended(A)
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    story.terms.shown = True
    told = story.answer(Succeeded(snapshot=story.books(lines=(LineSeen("odl-0", "A", 2, 100),))))
    assert [one.what for one in told] == ["amended"]


def test_an_amended_line_keeps_its_id_unless_a_part_of_it_was_cancelled_or_its_type_is_another() -> None:
    old = replace(line_of(LAMP), id="odl-0")
    assert [one.id for one in carried_over([old], [LAMP])] == ["odl-0"]
    assert [one.id for one in carried_over([replace(old, cancelled_quantity=1)], [LAMP])] == [""]
    assert [one.id for one in carried_over([old], [replace(LAMP, type="digital")])] == [""]


def test_a_line_without_an_id_gets_that_of_a_line_of_which_nothing_was_cancelled() -> None:
    seen = (LineSeen("odl-0", "A", 2, 100, 1, 50), LineSeen("odl-2", "A", 2, 100))
    assert [one.id for one in with_ids([line_of(LAMP)], seen)] == ["odl-2"]
