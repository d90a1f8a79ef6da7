// SPDX-License-Identifier: MIT
// Products with live stock, orders on their way through all states.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ask, flow, looksRight, shoot, until } from './lib.mjs';

/** Sells something new: `pieces` of one variant. */
async function sell(admin, name, pieces) {
  const sku = randomUUID();
  const price = { amount: 450, currency: 'EUR' };
  const product = await ask(admin, 'POST', '/api/v1/products', { name, skus: [{ sku, price }] });
  await ask(admin, 'POST', `/api/v1/skus/${sku}/stock/adjust`, { delta: pieces, reason: 'delivery' });
  return { ...product, sku };
}

/** From the product to its order. */
async function order(page, product) {
  await page.goto(`/shop/${product.id}`);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.goto('/shop/basket');
  await page.getByRole('button', { name: 'Order', exact: true }).click();
  await page.getByText('Everything is held for you until it is paid.').waitFor();
}

async function orderByApi(person, sku) {
  const wish = { lines: [{ sku, quantity: 1 }] };
  const { id } = await ask(person, 'POST', '/api/v1/orders', wish, { 'idempotency-key': randomUUID() });
  await until(async () => (await ask(person, 'GET', `/api/v1/orders/${id}`)).state === 'RESERVED', 'it is reserved');
  return id;
}

for (const [language, empty] of [['en', 'Nothing is sold yet'], ['ko', undefined]]) {
  flow(`the shop without products, and an empty basket (${language})`, async ({ open, someone }) => {
    const page = await open(await someone('Mina'), { path: '/shop', language, phone: true });
    if (empty) await page.getByText(empty).waitFor();
    await looksRight(page);
    await page.goto('/shop/basket');
    await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
    await looksRight(page);
    await page.goto('/orders');
    await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
    await looksRight(page);
    await shoot(page, `no-orders-${language}`);
  });
}

flow('an administrator makes a product, and everybody sees it', async ({ open, someone, administrator }) => {
  const page = await open(await administrator(), { path: '/shop/new' });
  await page.getByLabel('Name', { exact: true }).fill('Teapot');
  await page.getByLabel('Code (SKU)').fill(`pot-${randomUUID()}`);
  await page.getByLabel('Price').fill('24.50');
  await page.getByLabel('Pieces in stock').fill('7');
  await looksRight(page);
  await shoot(page, 'new-product');
  await page.getByRole('button', { name: 'Create product' }).click();
  await page.getByRole('heading', { name: 'Teapot' }).waitFor();
  const others = await open(await someone('Mina'), { path: '/shop', phone: true });
  await others.getByText('Teapot').waitFor();
  await looksRight(others);
  await shoot(others, 'shop-phone');
});

flow('an order is reserved, and paid when the money is there', async ({ open, someone, administrator }) => {
  const admin = await administrator();
  const product = await sell(admin, 'Green tea', 5);
  const page = await open(await someone('Mina'), { phone: true });
  await order(page, product);
  await looksRight(page);
  await shoot(page, 'order-reserved-phone');
  const cashier = await open(admin, { path: new URL(page.url()).pathname });
  await cashier.getByRole('button', { name: 'Mark as paid' }).click();
  await page.getByText('Thank you! Your order is paid.').waitFor();
  await looksRight(page);
  await page.goto('/orders');
  await page.getByText('Paid', { exact: true }).waitFor();
  await shoot(page, 'orders-phone');
});

flow('an order that nobody pays expires, and its pieces are free again', async ({ open, someone, administrator }) => {
  const product = await sell(await administrator(), 'Last cup', 1);
  const mina = await someone('Mina');
  const page = await open(mina);
  await order(page, product);
  const other = await open(await someone('Otto'), { path: `/shop/${product.id}` });
  await other.getByText('Sold out').waitFor();
  await looksRight(other);
  await page.getByText('It was not paid in time').waitFor();
  await looksRight(page);
  await shoot(page, 'order-expired');
  await other.getByText('Last one').waitFor();
});

flow('an order is cancelled by who placed it', async ({ open, someone, administrator }) => {
  const product = await sell(await administrator(), 'Cup', 3);
  const mina = await someone('Mina');
  const id = await orderByApi(mina, product.sku);
  const page = await open(mina, { path: `/orders/${id}` });
  await page.getByRole('button', { name: 'Cancel order' }).click();
  await looksRight(page);
  await page.getByRole('button', { name: 'Yes, cancel it' }).click();
  await page.getByText('This order was cancelled.').waitFor();
});

flow('the stock that is shown is the stock that there is', async ({ open, someone, administrator }) => {
  const admin = await administrator();
  const product = await sell(admin, 'Kettle', 4);
  const page = await open(await someone('Mina'), { path: `/shop/${product.id}` });
  await page.getByText('4 left').waitFor();
  await ask(admin, 'POST', `/api/v1/skus/${product.sku}/stock/adjust`, { delta: -1, reason: 'broken' });
  await page.getByText('3 left').waitFor();
  const keeper = await open(admin, { path: `/shop/stock/${product.sku}` });
  await keeper.getByText('broken', { exact: true }).waitFor();
  await looksRight(keeper);
  await shoot(keeper, 'stock');
});

flow('an order whose answer was lost is asked for again, and placed once', async ({ open, someone, administrator }) => {
  const product = await sell(await administrator(), 'Scarf', 5);
  const mina = await someone('Mina');
  const page = await open(mina, { path: `/shop/${product.id}`, phone: true });
  await page.getByRole('button', { name: 'Order now' }).click();
  const keys = new Set();
  await page.route('**/api/v1/orders', async (route) => {
    keys.add(route.request().headers()['idempotency-key']);
    await route.fetch();
    await route.abort();
  });
  await page.getByRole('button', { name: 'Order', exact: true }).dblclick();
  await page.getByText('We do not know yet whether your order arrived.').waitFor();
  await looksRight(page);
  await shoot(page, 'order-unsettled-phone');
  await page.unroute('**/api/v1/orders');
  await page.reload();
  await page.getByRole('button', { name: 'Ask again' }).click();
  await page.waitForURL(/\/orders\/./);
  assert.equal(keys.size, 1);
  assert.equal((await ask(mina, 'GET', '/api/v1/orders')).items.length, 1);
  await page.goto('/shop/basket');
  await page.getByText('Your basket is empty').waitFor();
});

flow('an order that is not possible says why, and goes back into the basket', async ({ open, someone, administrator }) => {
  const admin = await administrator();
  const few = await sell(admin, 'Bowl', 2);
  const gone = await sell(admin, 'Spoon', 1);
  const page = await open(await someone('민아'), { path: `/shop/${few.id}`, phone: true, language: 'ko', dark: true });
  await page.getByRole('textbox', { name: '수량' }).fill('3');
  await page.getByRole('button', { name: '장바구니에 담기' }).click();
  await page.goto(`/shop/${gone.id}`);
  await page.getByRole('button', { name: '바로 주문' }).click();
  await page.getByText('지금은 2개만 남아 있어요.').waitFor();
  await looksRight(page);
  await shoot(page, 'basket-phone-ko-dark');
  await page.getByRole('button', { name: '주문하기' }).click();
  await page.getByText('재고가 2개만 남았어요: Bowl').waitFor();
  await looksRight(page);
  await page.getByRole('button', { name: '장바구니에 다시 담기' }).click();
  await page.getByRole('textbox', { name: 'Bowl 수량' }).fill('2');
  await page.getByRole('button', { name: '주문하기' }).click();
  await page.getByText('결제할 때까지 보관해 드려요.').waitFor();
  await shoot(page, 'order-phone-ko-dark');
});

flow('what is wrong with a new product is said at its field', async ({ open, administrator }) => {
  const admin = await administrator();
  const taken = await sell(admin, 'Soap', 1);
  const page = await open(admin, { path: '/shop/new', phone: true });
  await page.getByRole('button', { name: 'Create product' }).click();
  await page.getByText('Please fill this in.').first().waitFor();
  await looksRight(page);
  await page.getByLabel('Name', { exact: true }).fill('Soap');
  await page.getByLabel('Code (SKU)').fill(taken.sku);
  await page.getByLabel('Price').fill('4.505');
  await page.getByRole('button', { name: 'Create product' }).click();
  await page.getByText('A number with at most 2 decimals').waitFor();
  await page.getByLabel('Price').fill('4.50');
  await page.getByRole('button', { name: 'Create product' }).click();
  await page.getByText('There is a SKU with this code already.').waitFor();
});

flow('administrators find the orders that wait for money', async ({ open, someone, administrator }) => {
  const admin = await administrator();
  const product = await sell(admin, 'Vase', 30);
  const mina = await someone('Mina');
  await orderByApi(mina, product.sku);
  const page = await open(admin, { path: '/orders' });
  await page.getByLabel('Which orders').selectOption({ label: 'All: Reserved' });
  await page.getByRole('link', { name: 'Vase' }).click();
  await page.getByText('Ordered by Mina').waitFor();
  await page.getByRole('button', { name: 'Mark as paid' }).click();
  await page.getByText('Your order is paid.').waitFor();
  await looksRight(page);
});
