"""The page on which a person pays an order, or doesn't."""

from html import escape
from typing import Final

from ordersaga_sandbox.mollie import money
from ordersaga_sandbox.mollie.methods import KNOWN
from ordersaga_sandbox.mollie.order import Order, Payment

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Payment {payment_id}</title>
<style>body {{ font: 16px sans-serif; max-width: 40em; margin: 2em auto }} td {{ padding: .2em 1em .2em 0 }}</style>
<h1>Pay {amount}</h1>
<p>Simulated checkout: no money is moved. Order {number}. Status: {status}.</p>
<table>{lines}</table>
<p><label>Method <select id="method">{methods}</select></label></p>
<p><button data-action="pay">Pay</button> <button data-action="pending">Pending</button>
<button data-action="fail">Fail</button> <button data-action="cancel">Cancel</button>
<button data-action="expire">Expire</button></p>
<p id="result" role="status"></p>
<script>
for (const button of document.querySelectorAll("button")) button.onclick = async () => {{
  const body = {{action: button.dataset.action}};
  if (["pay", "pending"].includes(body.action)) body.method = document.getElementById("method").value;
  const answer = await (await fetch("/_sandbox/mollie/payments/{payment_id}",
    {{method: "POST", body: JSON.stringify(body)}})).json();
  if (answer.redirect) top.location = answer.redirect;
  document.getElementById("result").textContent = answer.error || answer.order.status;
}};
</script>
</html>
"""


def page(order: Order, payment: Payment) -> str:
    rows = (
        f"<tr><td>{line.quantity} &times; {escape(line.name)}</td>"
        f"<td>{money.spoken(line.total, order.currency)}</td></tr>"
        for line in order.lines
    )
    offered = [order.method] if order.method else order.methods or sorted(KNOWN)
    return _PAGE.format(
        payment_id=payment.payment_id,
        amount=escape(money.spoken(payment.amount, order.currency)),
        number=escape(order.order_number),
        status=payment.status,
        lines="".join(rows),
        methods="".join(f"<option>{escape(method)}</option>" for method in offered),
    )
