// SPDX-License-Identifier: MIT
// One order: how it stands, what may be done, what it was.
import { Card, Page } from '../../components/Page';
import { useLoaded } from '../../components/hooks';
import { user } from '../../state/session';
import { showMoment, t } from '../../strings';
import { type Order, nameOf } from './api';
import { OrderActions } from './OrderActions';
import { OrderLines } from './OrderLines';
import { OrderStatus } from './OrderStatus';
import { useNames } from './stock';
import { Timeline } from './Timeline';
import { Trouble } from './Trouble';
import { type Watched, useOrder } from './watch';
import './shop.css';

/** Whose it is, if it is somebody else's. */
function Customer({ id }: { id: string }) {
  const name = useLoaded(() => nameOf(id), [id]);
  return name.loading ? null : <span>{t().shop.orderOf(name.value ?? id)} · </span>;
}

function Shown({ order, steps, take }: Watched & { order: Order; take: (order: Order) => Promise<void> }) {
  useNames(order.lines.map((line) => line.sku));
  return (
    <>
      <p class="soft small">
        {order.user !== undefined && order.user !== user.value?.id && <Customer id={order.user} />}
        {t().shop.placedAt(showMoment(order.created_at))}
      </p>
      <Card>
        <OrderStatus order={order} />
        <OrderActions order={order} take={take} />
      </Card>
      <OrderLines order={order} />
      <Timeline steps={steps} />
    </>
  );
}

function Watching({ id }: { id: string }) {
  const { order, steps, problem, take } = useOrder(id);
  return order === undefined ? <Trouble problem={problem} /> : <Shown order={order} steps={steps} take={take} />;
}

export function OrderPage({ id }: { id: string }) {
  return (
    <Page title={t().shop.theOrder} back="/orders">
      <Watching key={id} id={id} />
    </Page>
  );
}
