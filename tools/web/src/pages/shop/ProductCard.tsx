// SPDX-License-Identifier: MIT
// A product in the list of all.
import { Link } from 'wouter-preact';
import { Avatar } from '../../components/Avatar';
import { showMoney, t } from '../../strings';
import type { Product } from './api';
import { productPath } from './paths';
import { StockNote } from './StockNote';
import { stockOf, useStock } from './stock';
import { useVisible } from './visible';

function priceOf(product: Product): string {
  const [least, ...rest] = product.skus.map((sku) => sku.price).sort((a, b) => a.amount - b.amount);
  if (least === undefined) return '';
  const varies = rest.some((price) => price.amount !== least.amount || price.currency !== least.currency);
  return varies ? t().shop.priceFrom(showMoney(least)) : showMoney(least);
}

export function ProductCard({ product }: { product: Product }) {
  const { ref, visible } = useVisible<HTMLLIElement>();
  const skus = product.skus.map((each) => each.sku);
  useStock(skus, visible);
  return (
    <li class="product-card" ref={ref}>
      <Avatar id={product.id} name={product.name} size="large" />
      <div class="product-card-text">
        <h2>
          <Link href={productPath(product.id)}>{product.name}</Link>
        </h2>
        {product.description && <p class="product-card-about soft small">{product.description}</p>}
        <p class="product-card-foot">
          <span class="product-price numbers">{priceOf(product)}</span>
          <StockNote stocks={skus.map((sku) => stockOf(sku).value)} />
        </p>
      </div>
    </li>
  );
}
