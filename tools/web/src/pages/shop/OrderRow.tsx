// SPDX-License-Identifier: MIT
import { RowLink } from '../../components/RowLink';
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
  const { id, created_at, state, total } = order;
  return (
    <RowLink href={orderPath(id)} title={titleOf(order)} after={<OrderBadge state={state} />}>
      <span class="order-row-foot soft small">
        <time dateTime={created_at}>{showMoment(created_at)}</time>
        <span class="numbers">{total && showMoney(total)}</span>
      </span>
    </RowLink>
  );
}
