// SPDX-License-Identifier: MIT
import { Link } from 'wouter-preact';
import { Badge } from '../../components/Badge';
import { IconButton } from '../../components/Button';
import { showMoney, t } from '../../strings';
import { type Line, setQuantity } from './basket';
import { productPath } from './paths';
import { Quantity } from './Quantity';
import { StockNote } from './StockNote';
import { stockOf } from './stock';

/** fixed: it is being ordered. */
export function BasketLine({ line: { sku, quantity, note }, fixed }: { line: Line; fixed: boolean }) {
  const words = t().shop;
  const stock = stockOf(sku).value;
  const name = stock?.name ?? sku;
  const few = stock && stock.available > 0 && stock.available < quantity;
  return (
    <li class="basket-line">
      <div class="basket-line-what">
        {stock ? <Link href={productPath(stock.product)}>{name}</Link> : name}
        {note !== '' && <span class="soft small">{note ?? sku}</span>}
        {stock === null ? <Badge tone="danger">{words.gone}</Badge> : <StockNote stocks={[stock]} />}
      </div>
      <IconButton icon="trash" label={words.takeOutOf(name)} disabled={fixed} onClick={() => setQuantity(sku, 0)} />
      <Quantity label={words.quantityOf(name)} value={quantity} disabled={fixed} onChange={(count) => setQuantity(sku, count)} />
      <span class="basket-line-sum numbers">{stock && showMoney({ ...stock.price, amount: stock.price.amount * quantity })}</span>
      {few && <p class="basket-line-few wanted-warning small">{words.tooMany(stock.available)}</p>}
    </li>
  );
}
