// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { Button } from '../../components/Button';
import { say } from '../../components/Toasts';
import { t } from '../../strings';
import type { Product } from './api';
import { briefly } from './attributes';
import { LINES_MAX, basket, putIn } from './basket';
import { Quantity } from './Quantity';
import { stockOf } from './stock';

/** False: it was not possible, which is said. */
function add(product: Product, sku: string, quantity: number): boolean {
  const { full, unsettled } = t().shop;
  const note = briefly(product.skus.find((each) => each.sku === sku)?.attributes);
  const done = putIn({ sku, quantity, note });
  if (!done) say(basket.value.attempt === undefined ? full(LINES_MAX) : unsettled);
  return done;
}

/** How many of a SKU are wanted, and what is done about it. */
export function Wanted({ product, sku }: { product: Product; sku: string }) {
  const [quantity, setQuantity] = useState(1);
  const [, go] = useLocation();
  const words = t().shop;
  const available = stockOf(sku).value?.available;
  const soldOut = available === 0;
  return (
    <div class="wanted">
      <Quantity label={words.quantity} value={quantity} disabled={soldOut} onChange={setQuantity} />
      <Button kind="primary" disabled={soldOut} onClick={() => add(product, sku, quantity) && say(words.added(product.name))}>
        {words.add}
      </Button>
      <Button disabled={soldOut} onClick={() => add(product, sku, quantity) && go('/shop/basket')}>
        {words.orderNow}
      </Button>
      <p class="wanted-warning small" role="status">
        {available !== undefined && available > 0 && quantity > available && words.tooMany(available)}
      </p>
    </div>
  );
}
