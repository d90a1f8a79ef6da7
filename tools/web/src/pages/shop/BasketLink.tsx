// SPDX-License-Identifier: MIT
// The way to the basket, with how much is in it.
import { Count } from '../../components/Badge';
import { t } from '../../strings';
import { basket } from './basket';
import { LinkButton } from './LinkButton';

export function BasketLink() {
  const { length } = basket.value.lines;
  return (
    <span class="basket-link">
      <LinkButton href="/shop/basket" icon="bag" compact>
        {t().shop.basket}
      </LinkButton>
      <Count value={length} label={t().shop.basketCount(length)} />
    </span>
  );
}
