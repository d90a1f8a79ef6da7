// SPDX-License-Identifier: MIT
// What the shop asks of the server. Each function throws a Problem.
import { answer, api, at, tagged } from '../../api/client';
import type { components, paths } from '../../api/document';
import { Problem } from '../../api/problem';
import { setClock } from './clock';

type Schemas = components['schemas'];
export type Money = Schemas['money'];
export type Product = Schemas['product'];
export type NewProduct = paths['/api/v1/products']['post']['requestBody']['content']['application/json'];
export type Stock = Schemas['sku_stock'];
export type Entry = Schemas['sku_entry'];
export type Order = Schemas['order_view'];
export type OrderState = Schemas['order_state'];
export type Line = Schemas['order_line'];
export type Reason = Schemas['order_reason'];
export type Step = Schemas['order_step'];
export type Wish = Schemas['order_wish'];

export const listProducts = (cursor?: string) =>
  answer(api.GET('/api/v1/products', { params: { query: { limit: 20, ...at(cursor) } } }));

/** undefined: it is as it was when it had this tag. */
export async function showProduct(id: string, tag?: string): Promise<{ value: Product; tag: string } | undefined> {
  const asked = api.GET('/api/v1/products/{id}', { params: { path: { id }, header: unless(tag) } });
  return (await asked).response.status === 304 ? undefined : tagged(asked);
}

const unless = (tag?: string) => (tag === undefined ? {} : { 'If-None-Match': tag });

export const createProduct = (product: NewProduct, header: { 'Idempotency-Key': string }) =>
  answer<Product>(api.POST('/api/v1/products', { body: product, params: { header } }));

/** null: there is no such SKU. */
export async function showStock(sku: string): Promise<Stock | null> {
  try {
    return await answer<Stock>(api.GET('/api/v1/skus/{sku}/stock', { params: { path: { sku } } }));
  } catch (thrown) {
    if (Problem.of(thrown).status === 404) return null;
    throw thrown;
  }
}

export const adjustStock = (sku: string, delta: number, reason: string, header: { 'Idempotency-Key': string }) =>
  answer<Stock>(api.POST('/api/v1/skus/{sku}/stock/adjust', { params: { path: { sku }, header }, body: { delta, reason } }));

export const listLedger = (sku: string, cursor?: string) =>
  answer(api.GET('/api/v1/skus/{sku}/stock/ledger', { params: { path: { sku }, query: { limit: 20, ...at(cursor) } } }));

export const createOrder = (lines: Wish[], key: string) =>
  answer<Order>(api.POST('/api/v1/orders', { body: { lines }, params: { header: { 'Idempotency-Key': key, Prefer: 'wait=10' } } }));

/** all, state: for administrators. */
export const listOrders = (wanted: { all?: boolean; state?: OrderState }, cursor?: string) =>
  answer(api.GET('/api/v1/orders', { params: { query: { limit: 20, ...wanted, ...at(cursor) } } }));

/** undefined: it is as it was when it had this tag. */
export async function showOrder(id: string, tag?: string): Promise<{ value: Order; tag: string } | undefined> {
  const asked = api.GET('/api/v1/orders/{id}', { params: { path: { id }, header: unless(tag) } });
  const { response } = await asked;
  setClock(response);
  return response.status === 304 ? undefined : tagged(asked);
}

export const listSteps = async (id: string): Promise<Step[]> =>
  (await answer(api.GET('/api/v1/orders/{id}/history', { params: { path: { id } } }))).items;

export const payOrder = (id: string, header: { 'Idempotency-Key': string }) =>
  answer<Order>(api.POST('/api/v1/orders/{id}/pay', { params: { path: { id }, header }, body: { method: 'manual' } }));

export const cancelOrder = (id: string, header: { 'Idempotency-Key': string }) =>
  answer<Order>(api.POST('/api/v1/orders/{id}/cancel', { params: { path: { id }, header } }));

/** What others are called; undefined: nobody knows. */
export const nameOf = async (user: string): Promise<string | undefined> =>
  (await answer<{ name: string }>(api.GET('/api/v1/users/{id}', { params: { path: { id: user } } })).catch(() => undefined))?.name;
