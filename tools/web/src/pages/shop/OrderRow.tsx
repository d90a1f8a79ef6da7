// SPDX-License-Identifier: MIT
import { Link } from 'wouter-preact';
import { showMoment, showMoney, t } from '../../strings';
import type { Order } from './api';
import { OrderBadge } from './OrderBadge';
import { orderPath } from './paths';
import { stockOf } from './stock';

/** "Tea and 2 more". */
function titleOf({ lines }: Order): string {
  const sku = lines[0]?.sku ?? '';
  const name = stockOf(sku).value?.name ?? sku;
  return lines.length === 1 ? name : t().shop.andMore(name, lines.length - 1);
}

/** An order in a list. */
export function OrderRow({ order }: { order: Order }) {
  return (
    <li class="order-row">
      <Link href={orderPath(order.id)} class="order-row-title">
        {titleOf(order)}
      </Link>
      <span class="order-row-total numbers">{order.total && showMoney(order.total)}</span>
      <time class="soft small" dateTime={order.created_at}>
        {showMoment(order.created_at)}
      </time>
      <OrderBadge state={order.state} />
    </li>
  );
}
