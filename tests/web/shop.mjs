// SPDX-License-Identifier: MIT
// Products with live stock, orders on their way through all states.
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
