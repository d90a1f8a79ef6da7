// SPDX-License-Identifier: MIT
// One product: what it is, its variants, how many are wanted.
import { useState } from 'preact/hooks';
import { Avatar } from '../../components/Avatar';
import { Facts } from '../../components/Facts';
import { Page } from '../../components/Page';
import { isAdmin } from '../../state/session';
import { showMoney, t } from '../../strings';
import type { Product } from './api';
import { pairs } from './attributes';
import { BasketLink } from './BasketLink';
import { LinkButton } from './LinkButton';
import { stockPath } from './paths';
import { useProduct } from './product';
import { StockNote } from './StockNote';
import { stockOf, useStock } from './stock';
import { Trouble } from './Trouble';
import { Variants } from './Variants';
import { Wanted } from './Wanted';
import './shop.css';

function Shown({ product }: { product: Product }) {
  const [wanted, choose] = useState<string>();
  const skus = [...product.skus].sort((a, b) => a.price.amount - b.price.amount);
  const chosen = skus.find((each) => each.sku === wanted) ?? skus[0];
  useStock(product.skus.map((each) => each.sku));
  if (chosen === undefined) return null;
  const details = pairs(chosen.attributes);
  return (
    <article class="card product">
      <p class="product-top">
        <Avatar id={product.id} name={product.name} size="large" />
        <strong class="product-top-price numbers">{showMoney(chosen.price)}</strong>
        <StockNote stocks={[stockOf(chosen.sku).value]} />
      </p>
      {product.description && <p class="product-about">{product.description}</p>}
      {skus.length > 1 && <Variants skus={skus} chosen={chosen.sku} onChoose={choose} />}
      {(details.length > 1 || skus.length === 1) && details.length > 0 && <Facts facts={details} />}
      <Wanted product={product} sku={chosen.sku} />
      {isAdmin.value && (
        <p>
          <LinkButton href={stockPath(chosen.sku)} kind="quiet" icon="cog">
            {t().shop.manageStock}
          </LinkButton>
        </p>
      )}
    </article>
  );
}

export function ProductPage({ id }: { id: string }) {
  const { product, problem } = useProduct(id);
  return (
    <Page title={product?.name ?? t().shop.title} back="/shop" actions={<BasketLink />}>
      {product === undefined ? <Trouble problem={problem} /> : <Shown key={id} product={product} />}
    </Page>
  );
}
