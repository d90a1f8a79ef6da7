// SPDX-License-Identifier: MIT
import { user } from '../../state/session';
import { t } from '../../strings';
import type { Order } from './api';
import { Countdown } from './Countdown';
import { OrderAgain } from './OrderAgain';
import { OrderBadge } from './OrderBadge';
import { Reasons } from './Reasons';

const isLost = (order: Order) => order.state === 'REJECTED' || order.state === 'EXPIRED' || order.state === 'CANCELLED';

/** How an order stands, told to screen readers when it changes. */
export function OrderStatus({ order }: { order: Order }) {
  const { state, expires_at, reasons } = order;
  return (
    <>
      <div class="order-status" role="status">
        <OrderBadge state={state} />
        <p>{t().shop.about[state]}</p>
        {state === 'PENDING' && <span class="order-pending" aria-hidden="true" />}
        {reasons && <Reasons reasons={reasons} />}
      </div>
      {state === 'RESERVED' && expires_at && <Countdown until={expires_at} />}
      {isLost(order) && order.user === user.value?.id && <OrderAgain order={order} />}
    </>
  );
}
