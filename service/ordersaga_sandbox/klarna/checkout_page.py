"""The page on which a person completes or refuses a Checkout order."""

from html import escape
from typing import Final

from ordersaga_sandbox.klarna.checkout_order import CheckoutOrder

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Checkout {order_id}</title>
<style>body {{ font: 16px sans-serif; max-width: 40em; margin: 2em auto }} td {{ padding: .2em 1em .2em 0 }}</style>
<h1>Pay {amount} {currency}</h1>
<p>Simulated checkout: no money is moved. Status: {status}.</p>
<table>{lines}</table>
<p><button data-action="complete">Buy</button> <button data-action="refuse">Refuse</button></p>
<p id="result" role="status"></p>
<script>
for (const button of document.querySelectorAll("button")) button.onclick = async () => {{
  const body = JSON.stringify({{action: button.dataset.action}});
  const answer = await (await fetch("/_sandbox/checkout/{order_id}", {{method: "POST", body}})).json();
  if (answer.redirect) top.location = answer.redirect;
  document.getElementById("result").textContent =
    answer.error || answer.error_text || answer.error_type || (answer.completed ? "Completed." : "Refused.");
}};
</script>
</html>
"""


def page(order: CheckoutOrder) -> str:
    body = order.body
    rows = (
        f"<tr><td>{line.quantity} &times; {escape(line.name)}</td><td>{_amount(line.total_amount)}</td></tr>"
        for line in body.order_lines
    )
    return _PAGE.format(
        order_id=order.order_id,
        amount=_amount(body.order_amount),
        currency=escape(body.purchase_currency),
        status=order.status,
        lines="".join(rows),
    )


def _amount(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}"
