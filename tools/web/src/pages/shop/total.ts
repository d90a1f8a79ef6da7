// SPDX-License-Identifier: MIT
import type { Money } from './api';

interface Priced {
  quantity: number;
  price: Money | undefined;
}

/** undefined: a price is not known yet; mixed: there is no sum of several currencies, nor can these be ordered together. */
export function totalOf(lines: Priced[]): Money | 'mixed' | undefined {
  const prices = lines.map(({ price }) => price).filter((price) => price !== undefined);
  const currency = prices[0]?.currency;
  if (prices.length < lines.length || currency === undefined) return undefined;
  if (prices.some((price) => price.currency !== currency)) return 'mixed';
  return { currency, amount: lines.reduce((sum, { quantity, price }) => sum + quantity * (price?.amount ?? 0), 0) };
}
