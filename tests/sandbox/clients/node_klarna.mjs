// With `@crystallize/node-klarna`, a client of an agency, for Checkout, Order Management and orders with a customer
// token. It knows https only, and of an address the host only. It sends `{}` in chunks where no body is expected, and
// with a GET without announcing it. It warns of an answer without a `klarna-correlation-id`, which fails a check here.
// Run by `test_sandbox_node_klarna.py`: node node_klarna.mjs FOLDER_OF_PACKAGES URL

import assert from 'node:assert/strict';
import https from 'node:https';
import { createRequire } from 'node:module';

const [folder, url] = process.argv.slice(2);
const { Klarna, CrystallizeKlarnaHelpers } = createRequire(`${folder}/`)('@crystallize/node-klarna');
const { hostname, port } = new URL(url);
https.globalAgent.defaultPort = Number(port);

const SOME_ID = '00000000-0000-4000-8000-000000000000';
const client = new Klarna({ username: 'shop', password: 'secret', apiEndpoint: hostname });
const { orders, captures, refunds } = client.orderManagementV1;
const checks = [];
let warnings = [];
console.warn = (...words) => warnings.push(words.join(' '));
console.error = console.warn;

function check(name, body) {
  checks.push([name, body]);
}

/** The answer's JSON, or its text if it isn't JSON. */
function call(method, path, body) {
  const headers = { authorization: `Basic ${Buffer.from('shop:secret').toString('base64')}` };
  return new Promise((resolve, reject) => {
    const request = https.request(`${url}${path}`, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        assert.ok(response.statusCode < 300, `${method} ${path}: ${response.statusCode} ${text}`);
        resolve(text ? JSON.parse(text) : null);
      });
    });
    request.on('error', reject);
    request.end(body === undefined ? '' : JSON.stringify(body));
  });
}

function line(amount) {
  return { name: 'T-shirt', quantity: 1, unit_price: amount, total_amount: amount, reference: 'T' };
}

function taxed(amount) {
  return { ...line(amount), tax_rate: 2500, total_tax_amount: amount / 5 };
}

async function placed(amount = 1000) {
  const body = { purchase_country: 'SE', purchase_currency: 'SEK', order_amount: amount, order_lines: [line(amount)] };
  return (await call('POST', '/payments/v1/authorizations/sbx-1/order', body)).order_id;
}

function read(orderId) {
  return call('GET', `/ordermanagement/v1/orders/${orderId}`);
}

function wish() {
  const shop = 'https://shop.example';
  return {
    purchase_country: 'SE',
    purchase_currency: 'SEK',
    locale: 'sv-SE',
    order_amount: 1000,
    order_tax_amount: 200,
    order_lines: [taxed(1000)],
    merchant_urls: {
      terms: `${shop}/terms`,
      checkout: `${shop}/checkout`,
      confirmation: `${shop}/thanks?id={checkout.order.id}`,
      push: `${shop}/push?id={checkout.order.id}`,
    },
  };
}

/** Without a body the client has an empty text. */
function succeeded(answer, statusCode) {
  assert.deepEqual(answer, { statusCode, response: '' });
}

function refused(answer, statusCode, code) {
  assert.equal(answer.statusCode, statusCode, JSON.stringify(answer));
  assert.equal(answer.error.error_code, code);
  assert.ok(answer.error.correlation_id);
  assert.ok(answer.error.error_messages.length);
}

check('an order is acknowledged', async () => {
  const order = await placed();
  succeeded(await orders.acknowledge(order), 204);
  assert.equal((await read(order)).status, 'AUTHORIZED');
});

check('an order is read', async () => {
  const order = await placed();
  const { statusCode, response } = await orders.getOrder(order);
  assert.equal(statusCode, 200);
  assert.equal(response.order_id, order);
  assert.equal(response.remaining_authorized_amount, 1000);
  assert.deepEqual(response.captures, []);
});

check('an order is read again and again', async () => {
  const order = await placed();
  for (let time = 0; time < 5; time += 1) {
    assert.equal((await orders.getOrder(order)).statusCode, 200);
  }
});

check('an order is cancelled, and not captured after that', async () => {
  const order = await placed();
  succeeded(await orders.cancel(order), 204);
  assert.equal((await read(order)).status, 'CANCELLED');
  refused(await captures.capture(order, { captured_amount: 1000 }), 403, 'CAPTURE_NOT_ALLOWED');
});

check('references are changed', async () => {
  const order = await placed();
  succeeded(await orders.updateMerchantReference(order, { merchant_reference1: 'R-1', merchant_reference2: 'Å' }), 204);
  const { merchant_reference1: first, merchant_reference2: second } = await read(order);
  assert.deepEqual([first, second], ['R-1', 'Å']);
});

check('an order is captured, and not cancelled after that', async () => {
  const order = await placed();
  succeeded(await captures.capture(order, { captured_amount: 1000, order_lines: [line(1000)] }), 201);
  assert.equal((await read(order)).status, 'CAPTURED');
  refused(await orders.cancel(order), 403, 'CANCEL_NOT_ALLOWED');
});

check('a part is captured and the rest released', async () => {
  const order = await placed();
  succeeded(await captures.capture(order, { captured_amount: 400, shipping_info: [{ tracking_number: 'T-1' }] }), 201);
  succeeded(await orders.releaseRemainingAuthorization(order), 204);
  const { status, remaining_authorized_amount: rest } = await read(order);
  assert.deepEqual([status, rest], ['CAPTURED', 0]);
});

check('more than was authorized is not captured', async () => {
  refused(await captures.capture(await placed(), { captured_amount: 1001 }), 403, 'CAPTURE_NOT_ALLOWED');
});

check('nothing is released before a capture', async () => {
  refused(await orders.releaseRemainingAuthorization(await placed()), 403, 'NOT_ALLOWED');
});

check('a capture is refunded', async () => {
  const order = await placed();
  await captures.capture(order, { captured_amount: 1000 });
  succeeded(await refunds.create(order, { refunded_amount: 300, description: 'broken', reference: 'F-1' }), 201);
  assert.equal((await read(order)).refunded_amount, 300);
  refused(await refunds.create(order, { refunded_amount: 701 }), 403, 'REFUND_NOT_ALLOWED');
});

check('nothing is refunded before a capture', async () => {
  refused(await refunds.create(await placed(), { refunded_amount: 1 }), 403, 'REFUND_NOT_ALLOWED');
});

check('an order that is unknown is not found', async () => {
  refused(await orders.acknowledge(SOME_ID), 404, 'NO_SUCH_ORDER');
  refused(await orders.getOrder(SOME_ID), 404, 'NO_SUCH_ORDER');
  refused(await client.checkoutV3.retrieveOrder(SOME_ID), 404, 'NOT_FOUND');
});

check('a checkout is started, read and updated', async () => {
  const created = await client.checkoutV3.createOrder(wish());
  assert.equal(created.statusCode, 201, JSON.stringify(created));
  const { order_id: order, status, html_snippet: snippet } = created.response;
  assert.equal(status, 'checkout_incomplete');
  assert.ok(snippet.includes('<'));
  assert.deepEqual((await client.checkoutV3.retrieveOrder(order)).response, created.response);
  const larger = { order_amount: 2000, order_tax_amount: 400, order_lines: [taxed(2000)] };
  const updated = await client.checkoutV3.updateOrder(order, larger);
  assert.equal(updated.statusCode, 200, JSON.stringify(updated));
  assert.equal(updated.response.order_amount, 2000);
});

check('a checkout that its helpers made is started', async () => {
  const defaults = { host_uri: 'https://shop.example', purchase_country: 'NO' };
  const item = {
    id: '1',
    name: 'T-shirt',
    sku: 'T',
    quantity: 2,
    price: 10,
    vatAmount: 4,
    taxGroup: { percent: 25 },
    image: { url: 'https://shop.example/t.png' },
  };
  const body = new CrystallizeKlarnaHelpers(defaults).getOrderBody([item]);
  const created = await client.checkoutV3.createOrder(body);
  assert.equal(created.statusCode, 201, JSON.stringify(created));
  assert.equal(created.response.shipping_options.length, 1);
});

check('a checkout that was bought is read-only, and an order to acknowledge', async () => {
  const order = (await client.checkoutV3.createOrder(wish())).response.order_id;
  await call('POST', `/_sandbox/checkout/${order}`, { action: 'complete' });
  assert.equal((await client.checkoutV3.retrieveOrder(order)).response.status, 'checkout_complete');
  refused(await client.checkoutV3.updateOrder(order, { merchant_reference1: 'R-1' }), 403, 'READ_ONLY_ORDER');
  succeeded(await orders.acknowledge(order), 204);
});

check('a checkout whose amounts do not add up is a bad value', async () => {
  refused(await client.checkoutV3.createOrder({ ...wish(), order_amount: 999 }), 400, 'BAD_VALUE');
});

check('a customer token pays', async () => {
  const body = {
    purchase_country: 'SE',
    purchase_currency: 'SEK',
    locale: 'sv-SE',
    order_amount: 1000,
    order_tax_amount: 200,
    order_lines: [taxed(1000)],
  };
  const paid = await client.customerTokenV1.order('sbx-1', body);
  assert.equal(paid.statusCode, 200, JSON.stringify(paid));
  assert.equal(paid.response.fraud_status, 'ACCEPTED');
  assert.equal((await read(paid.response.order_id)).order_amount, 1000);
  refused(await client.customerTokenV1.order('sbx-suspended-1', body), 403, 'TOKEN_SUSPENDED');
  refused(await client.customerTokenV1.order('unknown', body), 404, 'TOKEN_NOT_FOUND');
});

check('wrong credentials are unauthorized', async () => {
  const stranger = new Klarna({ username: 'shop', password: 'wrong', apiEndpoint: hostname });
  refused(await stranger.orderManagementV1.orders.acknowledge(SOME_ID), 401, 'UNAUTHORIZED');
});

for (const [name, body] of checks) {
  let error = null;
  warnings = [];
  try {
    await call('POST', '/_sandbox/reset');
    await body();
    assert.deepEqual(warnings, []);
  } catch (caught) {
    error = [caught.stack, ...warnings].join('\n');
  }
  console.log(JSON.stringify({ check: name, error }));
}
