// SPDX-License-Identifier: MIT
// My orders, the newest first; for administrators also everybody's, or those in one state.
import { useState } from 'preact/hooks';
import { Empty } from '../../components/Empty';
import { Listed } from '../../components/Listed';
import { Page } from '../../components/Page';
import { usePages } from '../../components/pages';
import { Rows } from '../../components/RowLink';
import { isAdmin } from '../../state/session';
import { t } from '../../strings';
import { type OrderState, listOrders } from './api';
import { LinkButton } from './LinkButton';
import { OrderRow } from './OrderRow';
import { useNames } from './stock';
import './shop.css';

const states: OrderState[] = ['PENDING', 'RESERVED', 'PAID', 'REJECTED', 'EXPIRED', 'CANCELLED'];

type Which = 'mine' | 'all' | OrderState;

function wantedBy(which: Which): { all?: boolean; state?: OrderState } {
  if (which === 'mine') return {};
  return which === 'all' ? { all: true } : { all: true, state: which };
}

function Filter({ which, onChange }: { which: Which; onChange: (which: Which) => void }) {
  const words = t().shop;
  return (
    <select
      class="field-input shop-filter"
      aria-label={words.whichOrders}
      value={which}
      onChange={(event) => onChange(event.currentTarget.value as Which)}
    >
      <option value="mine">{words.myOrders}</option>
      <option value="all">{words.allOrders}</option>
      {states.map((state) => (
        <option key={state} value={state}>
          {words.allIn(words.states[state])}
        </option>
      ))}
    </select>
  );
}

function NoOrders({ mine }: { mine: boolean }) {
  const { noOrders, noOrdersHint, noSuchOrders, toProducts } = t().shop;
  return mine ? (
    <Empty icon="receipt" title={noOrders} hint={noOrdersHint}>
      <LinkButton href="/shop">{toProducts}</LinkButton>
    </Empty>
  ) : (
    <Empty icon="receipt" title={noSuchOrders} />
  );
}

export function OrdersPage() {
  const [which, setWhich] = useState<Which>('mine');
  const pages = usePages((cursor) => listOrders(wantedBy(which), cursor), which);
  useNames(pages.items.flatMap((order) => order.lines.slice(0, 1).map((line) => line.sku)));
  return (
    <Page title={t().shop.orders} actions={isAdmin.value && <Filter which={which} onChange={setWhich} />}>
      <Listed pages={pages} empty={<NoOrders mine={which === 'mine'} />}>
        <Rows>
          {pages.items.map((order) => (
            <OrderRow key={order.id} order={order} />
          ))}
        </Rows>
      </Listed>
    </Page>
  );
}
