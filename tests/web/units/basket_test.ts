// SPDX-License-Identifier: MIT
// The basket of two tabs, which share what is kept on the device.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { kept } from './device';
import { basket, beginAttempt, endAttempt, openBasket, putIn, setQuantity } from '../../../tools/web/src/pages/shop/basket';

const PLACE = 'doran.basket.mina';
const tea = { sku: 'tea', quantity: 2 };

beforeEach(() => {
  kept.clear();
  openBasket('mina');
});

test('what is being ordered is not changed', () => {
  putIn(tea);
  beginAttempt();
  assert.equal(putIn({ sku: 'cup', quantity: 1 }), false);
  setQuantity('tea', 5);
  assert.deepEqual(basket.value.lines, [tea]);
});

test('an order that was not answered keeps its key, also over a reload', () => {
  putIn(tea);
  const key = beginAttempt()?.key;
  openBasket('otto');
  assert.deepEqual(basket.value, { lines: [] });
  openBasket('mina');
  assert.equal(beginAttempt()?.key, key);
});

test('an order that was refused leaves the basket, and the next one is another', () => {
  putIn(tea);
  const key = beginAttempt()?.key;
  endAttempt(false);
  assert.deepEqual(basket.value, { lines: [tea] });
  assert.notEqual(beginAttempt()?.key, key);
});

test('nothing is ordered after another tab has done so', () => {
  putIn(tea);
  kept.set(PLACE, JSON.stringify({ lines: [] }));
  assert.equal(beginAttempt(), undefined);
});

test('a key that the server has forgotten is not used again', () => {
  kept.set(PLACE, JSON.stringify({ lines: [tea], attempt: { key: 'old', at: Date.now() - 24 * 3600 * 1000 } }));
  openBasket('mina');
  assert.equal(basket.value.attempt, undefined);
});

test('a full basket takes no more, but more of the same', () => {
  for (let number = 0; number < 20; number++) assert.equal(putIn({ sku: `cup-${number}`, quantity: 1 }), true);
  assert.equal(putIn(tea), false);
  assert.equal(putIn({ sku: 'cup-0', quantity: 2000 }), true);
  assert.equal(basket.value.lines[0]?.quantity, 1000);
});

test('what is kept on the device and cannot be read is an empty basket', () => {
  openBasket('otto');
  putIn(tea);
  kept.set(PLACE, '{"lines": 5');
  openBasket('mina');
  assert.deepEqual(basket.value.lines, []);
});
