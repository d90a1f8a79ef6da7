// SPDX-License-Identifier: MIT
import { useLocation } from 'wouter-preact';
import { Button } from '../../components/Button';
import { say } from '../../components/Toasts';
import { t } from '../../strings';
import type { Order } from './api';
import { LINES_MAX, basket, putIn } from './basket';

/** What an order wanted goes back into the basket, where it may be changed. */
export function OrderAgain({ order }: { order: Order }) {
  const [, go] = useLocation();
  const { again, full, unsettled } = t().shop;
  const putBack = () => {
    const done = order.lines.map(({ sku, quantity }) => putIn({ sku, quantity }));
    if (done.includes(false)) say(basket.value.attempt === undefined ? full(LINES_MAX) : unsettled);
    go('/shop/basket');
  };
  return (
    <p>
      <Button icon="bag" onClick={putBack}>
        {again}
      </Button>
    </p>
  );
}
