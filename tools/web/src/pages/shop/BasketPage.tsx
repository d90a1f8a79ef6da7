// SPDX-License-Identifier: MIT
// What is about to be ordered, and the button that does it, once.
import { useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { Button } from '../../components/Button';
import { Empty } from '../../components/Empty';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { Page } from '../../components/Page';
import { showMoney, t } from '../../strings';
import { type Line, basket } from './basket';
import { BasketLine } from './BasketLine';
import { LinkButton } from './LinkButton';
import { orderPath } from './paths';
import { type Placed, placeOrder } from './place';
import { stockOf, useStock } from './stock';
import { totalOf } from './total';
import { Unsettled } from './Unsettled';
import './shop.css';

function Nothing() {
  const { basketEmpty, basketEmptyHint, toProducts } = t().shop;
  return (
    <Empty icon="bag" title={basketEmpty} hint={basketEmptyHint}>
      <LinkButton href="/shop" kind="primary">
        {toProducts}
      </LinkButton>
    </Empty>
  );
}

const sumOf = (lines: Line[]) => totalOf(lines.map(({ sku, quantity }) => ({ quantity, price: stockOf(sku).value?.price })));

function Filled({ lines, fixed, busy, order }: { lines: Line[]; fixed: boolean; busy: boolean; order: () => void }) {
  const words = t().shop;
  const total = sumOf(lines);
  const mixed = total === 'mixed';
  return (
    <section class="card">
      <ul class="basket">
        {lines.map((line) => (
          <BasketLine key={line.sku} line={line} fixed={fixed || busy} />
        ))}
      </ul>
      <p class="shop-total">
        <span>{words.total}</span>
        {mixed ? <span>{words.mixed}</span> : <strong class="numbers">{total === undefined ? '…' : showMoney(total)}</strong>}
      </p>
      <Button kind="primary" busy={busy} disabled={mixed || fixed} onClick={order}>
        {words.order}
      </Button>
      <p class="soft small">{mixed ? words.mixedHint : words.orderHint}</p>
    </section>
  );
}

export function BasketPage() {
  const { lines, attempt } = basket.value;
  const [placed, setPlaced] = useState<Placed>({});
  const [, go] = useLocation();
  const { run: order, busy } = useAction(async () => {
    setPlaced({});
    const now = await placeOrder();
    setPlaced(now);
    if (now.order !== undefined) go(orderPath(now.order.id));
  });
  const unsettled = attempt !== undefined && !busy;
  useStock(lines.map((line) => line.sku));
  return (
    <Page title={t().shop.basket} back="/shop">
      {unsettled && <Unsettled again={() => void order()} />}
      <ErrorNote problem={placed.unknown ? undefined : placed.problem} />
      {lines.length === 0 ? <Nothing /> : <Filled lines={lines} fixed={unsettled} busy={busy} order={() => void order()} />}
    </Page>
  );
}
