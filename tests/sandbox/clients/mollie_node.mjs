// With `@mollie/api-client`, Mollie's own client for Node.js. It knows https only, and no certificates but its own, so
// that it is run with NODE_TLS_REJECT_UNAUTHORIZED=0.
// Run by `test_sandbox_mollie_node.py`: node mollie_node.mjs FOLDER_OF_PACKAGES URL

import assert from 'node:assert/strict';
import https from 'node:https';
import { createRequire } from 'node:module';

const [folder, url] = process.argv.slice(2);
const { createMollieClient } = createRequire(`${folder}/`)('@mollie/api-client');
const client = createMollieClient({ apiKey: 'test_shop', apiEndpoint: `${url}/v2/` });
const checks = [];

function check(name, body) {
  checks.push([name, body]);
}

/** The answer's JSON, or null. */
function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = https.request(`${url}${path}`, { method }, (response) => {
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

function amount(value) {
  return { currency: 'EUR', value };
}

function wish(method, more = {}) {
  return {
    amount: amount('728.00'),
    orderNumber: 'A-1',
    lines: [
      {
        name: 'Bricks',
        quantity: 2,
        unitPrice: amount('399.00'),
        discountAmount: amount('100.00'),
        totalAmount: amount('698.00'),
        vatRate: '21.00',
        vatAmount: amount('121.14'),
      },
      {
        name: 'Car',
        quantity: 3,
        unitPrice: amount('10.00'),
        totalAmount: amount('30.00'),
        vatRate: '21.00',
        vatAmount: amount('5.21'),
      },
    ],
    billingAddress: {
      givenName: 'Anna',
      familyName: 'Smit',
      email: 'anna@example.com',
      streetAndNumber: 'Keizersgracht 1',
      postalCode: '1015 CW',
      city: 'Amsterdam',
      country: 'NL',
    },
    metadata: { shop: 1 },
    locale: 'nl_NL',
    redirectUrl: 'https://shop.example/thanks',
    method,
    ...more,
  };
}

function create(method = 'klarna', more = {}) {
  return client.orders.create({ ...wish(method, more), embed: ['payments'] });
}

async function paid(method = 'ideal') {
  const order = await create(method);
  await call('POST', `/_sandbox/mollie/payments/${order.id}`, { action: 'pay' });
  return read(order);
}

function read(order) {
  return client.orders.get(order.id, { embed: ['payments', 'refunds', 'shipments'] });
}

async function refused(promise, statusCode, text, field) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.statusCode, statusCode, error.stack);
    assert.ok(error.message.includes(text), error.message);
    assert.equal(error.field, field);
    return true;
  });
}

async function all(iterator) {
  const items = [];
  for await (const item of iterator) items.push(item);
  return items;
}

check('an order is created with its payment and page', async () => {
  const order = await create();
  assert.equal(order.status, 'created');
  assert.ok(order.getCheckoutUrl().startsWith(url));
  assert.deepEqual(order.amount, amount('728.00'));
  assert.deepEqual(order.metadata, { shop: 1 });
  assert.deepEqual(order.lines.map((line) => line.name), ['Bricks', 'Car']);
  const [payment] = order._embedded.payments;
  assert.equal(payment.status, 'open');
  assert.equal((await client.payments.get(payment.id)).orderId, order.id);
});

check('an order is updated', async () => {
  const order = await create();
  const updated = await client.orders.update(order.id, { orderNumber: 'A-2' });
  assert.equal(updated.orderNumber, 'A-2');
});

check('an order is canceled', async () => {
  const order = await paid('klarna');
  assert.equal((await client.orders.cancel(order.id)).status, 'canceled');
  await refused(client.orders.cancel(order.id), 422, 'cannot be canceled');
});

check('orders come in pages', async () => {
  const made = [];
  for (let number = 0; number < 5; number += 1) made.unshift((await create('ideal', { orderNumber: `${number}` })).id);
  const first = await client.orders.page({ limit: 2 });
  assert.deepEqual(first.map((order) => order.id), made.slice(0, 2));
  const second = await first.nextPage();
  assert.deepEqual(second.map((order) => order.id), made.slice(2, 4));
  assert.deepEqual((await second.previousPage()).map((order) => order.id), made.slice(0, 2));
  assert.deepEqual((await all(client.orders.iterate())).map((order) => order.id), made);
});

check('lines are updated and canceled', async () => {
  const order = await paid('klarna');
  const [bricks, car] = order.lines;
  const updated = await client.orderLines.update(car.id, { orderId: order.id, name: 'Blue car' });
  assert.equal(updated.lines[1].name, 'Blue car');
  assert.equal(await client.orderLines.cancel({ orderId: order.id, lines: [{ id: car.id, quantity: 1 }] }), true);
  await client.orderLines.cancel({ orderId: order.id, lines: [{ id: bricks.id }] });
  assert.deepEqual((await read(order)).lines.map((line) => line.status), ['canceled', 'authorized']);
});

check('shipments capture', async () => {
  const order = await paid('klarna');
  const [bricks] = order.lines;
  const orderId = order.id;
  const one = { id: bricks.id, quantity: 1 };
  const text = 'The amount must be between €299.00 and €399.00.';
  await refused(client.orderShipments.create({ orderId, lines: [one] }), 422, text, 'lines.0.amount');
  const tracking = { carrier: 'PostNL', code: '3S' };
  const part = { ...one, amount: amount('350.00') };
  const first = await client.orderShipments.create({ orderId, lines: [part], tracking });
  assert.deepEqual(first.lines.map((line) => line.totalAmount), [amount('350.00')]);
  assert.equal((await client.orderShipments.get(first.id, { orderId })).tracking.code, '3S');
  await client.orderShipments.create({ orderId, lines: [] });
  const after = await read(order);
  assert.equal(after.status, 'completed');
  assert.deepEqual(after.amountCaptured, amount('728.00'));
  assert.equal((await client.orderShipments.list({ orderId })).length, 2);
  const moved = await client.orderShipments.update(first.id, { orderId, tracking: { ...tracking, code: '4S' } });
  assert.equal(moved.tracking.code, '4S');
  const paymentId = after._embedded.payments[0].id;
  const captures = await client.paymentCaptures.page({ paymentId });
  assert.deepEqual(captures.map((capture) => capture.amount.value), ['378.00', '350.00']);
  assert.equal((await client.paymentCaptures.get(captures[1].id, { paymentId })).shipmentId, first.id);
});

check('refunds by line', async () => {
  const order = await paid();
  const orderId = order.id;
  const lines = [{ id: order.lines[1].id, quantity: 2 }];
  const refund = await client.orderRefunds.create({ orderId, lines, description: 'Broken', metadata: { reference: 'R' } });
  assert.equal(refund.status, 'pending');
  assert.deepEqual(refund.amount, amount('20.00'));
  const rest = await client.orderRefunds.create({ orderId, lines: [] });
  assert.deepEqual(rest.amount, amount('708.00'));
  assert.deepEqual((await read(order)).amountRefunded, amount('728.00'));
  const listed = await all(client.orderRefunds.iterate({ orderId }));
  assert.deepEqual(listed.map((one) => one.id), [rest.id, refund.id]);
  assert.deepEqual(listed[1].metadata, { reference: 'R' });
});

check('refunds of any amount', async () => {
  const paymentId = (await paid())._embedded.payments[0].id;
  const refund = await client.paymentRefunds.create({ paymentId, amount: amount('1.00') });
  const again = client.paymentRefunds.create({ paymentId, amount: amount('1.00') });
  await refused(again, 409, 'A duplicate refund has been detected');
  assert.equal((await client.paymentRefunds.get(refund.id, { paymentId })).status, 'pending');
  assert.equal((await client.paymentRefunds.page({ paymentId })).length, 1);
  assert.equal(await client.paymentRefunds.cancel(refund.id, { paymentId }), true);
  await refused(client.paymentRefunds.get(refund.id, { paymentId }), 404, 'No refund exists');
});

check('another payment after one that failed', async () => {
  const order = await create();
  const orderId = order.id;
  await refused(client.orderPayments.create({ orderId }), 422, 'Cannot create a new payment');
  await call('POST', `/_sandbox/mollie/payments/${orderId}`, { action: 'fail' });
  const payment = await client.orderPayments.create({ orderId, method: 'ideal' });
  assert.equal(payment.status, 'open');
  assert.deepEqual((await read(order))._embedded.payments.map((one) => one.status), ['failed', 'open']);
});

check('an order is not captured by its payment', async () => {
  const paymentId = (await paid('klarna'))._embedded.payments[0].id;
  const capture = client.paymentCaptures.create({ paymentId, amount: amount('1.00') });
  await refused(capture, 422, 'Please use the Shipments API instead');
});

check('the same key gives the same order', async () => {
  const body = { ...wish('klarna'), idempotencyKey: 'k' };
  const one = await client.orders.create(body);
  assert.equal((await client.orders.create(body)).id, one.id);
  await refused(client.orders.create({ ...body, orderNumber: 'B' }), 400, 'Idempotency-Key');
});

check('an error of the server is tried again', async () => {
  const fault = { action: 'status', status: 503, headers: { 'Retry-After': '0' }, route: '/v2/orders', times: 1 };
  await call('POST', '/_sandbox/faults', fault);
  assert.equal((await create()).status, 'created');
});

check('a wrong key is unauthorized', async () => {
  const stranger = createMollieClient({ apiKey: 'test_wrong', apiEndpoint: `${url}/v2/` });
  await refused(stranger.orders.get('ord_1'), 401, 'Missing authentication');
});

for (const [name, body] of checks) {
  let error = null;
  try {
    await call('POST', '/_sandbox/reset');
    await body();
  } catch (caught) {
    error = caught.stack;
  }
  console.log(JSON.stringify({ check: name, error }));
}
