// SPDX-License-Identifier: MIT
// All that is sold.
import { Empty } from '../../components/Empty';
import { Listed } from '../../components/Listed';
import { Page } from '../../components/Page';
import { usePages } from '../../components/pages';
import { isAdmin } from '../../state/session';
import { t } from '../../strings';
import { listProducts } from './api';
import { BasketLink } from './BasketLink';
import { LinkButton } from './LinkButton';
import { ProductCard } from './ProductCard';
import './shop.css';

const NewProduct = ({ compact = false }) => (
  <LinkButton href="/shop/new" icon="plus" compact={compact}>
    {t().shop.newProduct}
  </LinkButton>
);

function NoProducts() {
  const { noProducts, noProductsHint, noProductsAdmin } = t().shop;
  return (
    <Empty icon="bag" title={noProducts} hint={isAdmin.value ? noProductsAdmin : noProductsHint}>
      {isAdmin.value && <NewProduct />}
    </Empty>
  );
}

export function ProductsPage() {
  const pages = usePages(listProducts);
  const actions = (
    <>
      {isAdmin.value && pages.items.length > 0 && <NewProduct compact />}
      <BasketLink />
    </>
  );
  return (
    <Page title={t().shop.title} actions={actions} wide>
      <Listed pages={pages} empty={<NoProducts />}>
        <ul class="product-grid">
          {pages.items.map((product) => (
            <ProductCard key={product.id} product={product} />
          ))}
        </ul>
      </Listed>
    </Page>
  );
}
