// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { briefly, pairs, parseAttributes } from '../../../tools/web/src/pages/shop/attributes';
import { parseAmount } from '../../../tools/web/src/pages/shop/money';
import { totalOf } from '../../../tools/web/src/pages/shop/total';

test('an amount that is none, or finer than its currency, is not taken', () => {
  for (const text of ['', 'x', '-1', '1.2.3', '1e3', '12.505', '99999999999999999']) assert.equal(parseAmount(text, 'EUR'), undefined, text);
  assert.equal(parseAmount('12.5', 'KRW'), undefined);
});

test('an amount is counted in the smallest unit of its currency', () => {
  assert.equal(parseAmount('12.5', 'EUR'), 1250);
  assert.equal(parseAmount(' 12,50 ', 'EUR'), 1250);
  assert.equal(parseAmount('0.07', 'EUR'), 7);
  assert.equal(parseAmount('12,000', 'KRW'), 12000);
  assert.equal(parseAmount('1.234', 'KWD'), 1234);
});

test('attributes without a name, a value, or with a name twice are not taken', () => {
  for (const text of ['Size', 'Size:', ': M', 'Size: M, Size: L', '__proto__: x']) assert.equal(parseAttributes(text), undefined, text);
});

test('attributes are pairs', () => {
  assert.deepEqual(parseAttributes(''), {});
  assert.deepEqual(parseAttributes('크기: M,\n Time: 12:30'), { 크기: 'M', Time: '12:30' });
});

test('attributes of any shape are shown in words', () => {
  assert.equal(briefly({ size: 'M', pieces: 3, box: { wide: true } }), 'M · 3 · {"wide":true}');
  assert.equal(briefly(undefined), '');
  assert.deepEqual(pairs({ size: null }), [['size', 'null']]);
});

test('a total of several currencies, or with a price that is not known, is none', () => {
  const euro = { amount: 250, currency: 'EUR' };
  assert.equal(totalOf([]), undefined);
  assert.equal(totalOf([{ quantity: 1, price: euro }, { quantity: 1, price: undefined }]), undefined);
  assert.equal(totalOf([{ quantity: 1, price: euro }, { quantity: 1, price: { amount: 1, currency: 'KRW' } }]), 'mixed');
  assert.deepEqual(totalOf([{ quantity: 2, price: euro }, { quantity: 1, price: euro }]), { amount: 750, currency: 'EUR' });
});
