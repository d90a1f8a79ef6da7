// SPDX-License-Identifier: MIT
import { Link } from 'wouter-preact';
import { Card } from '../../components/Page';
import { showMoney, showNumber, t } from '../../strings';
import type { Line, Order } from './api';
import { productPath } from './paths';
import { stockOf } from './stock';

function Row({ line: { sku, quantity, price } }: { line: Line }) {
  const stock = stockOf(sku).value;
  return (
    <li class="order-line">
      <span class="order-line-what">
        {stock ? <Link href={productPath(stock.product)}>{stock.name}</Link> : sku}
        <code class="soft">{sku}</code>
      </span>
      <span class="order-line-sum numbers">
        {price && <span>{showMoney({ ...price, amount: price.amount * quantity })}</span>}
        <span class="soft small">
          {price && `${showMoney(price)} `}× {showNumber(quantity)}
        </span>
      </span>
    </li>
  );
}

/** What is ordered, and what it costs. */
export function OrderLines({ order }: { order: Order }) {
  const { items, total } = t().shop;
  return (
    <Card title={items}>
      <ul class="order-lines">
        {order.lines.map((line) => (
          <Row key={line.sku} line={line} />
        ))}
      </ul>
      {order.total && (
        <p class="shop-total">
          <span>{total}</span>
          <strong class="numbers">{showMoney(order.total)}</strong>
        </p>
      )}
    </Card>
  );
}
