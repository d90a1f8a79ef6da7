// SPDX-License-Identifier: MIT
// The way to the basket, with how much is in it.
import { Count } from '../../components/Badge';
import { t } from '../../strings';
import { basket } from './basket';
import { LinkButton } from './LinkButton';

export function BasketLink() {
  const { length } = basket.value.lines;
  return (
    <LinkButton href="/shop/basket" icon="bag">
      {t().shop.basket}
      <Count value={length} label={t().shop.basketCount(length)} />
    </LinkButton>
  );
}
