// SPDX-License-Identifier: MIT
import { t } from '../../strings';
import type { Reason } from './api';
import { stockOf } from './stock';

function wordsOf({ sku, reason, available = 0 }: Reason): string {
  const { because } = t().shop;
  const name = stockOf(sku).value?.name ?? sku;
  if (reason !== 'not_enough') return because[reason](name);
  return available === 0 ? because.none(name) : because.not_enough(name, available);
}

/** Why an order could not be had, in words. */
export function Reasons({ reasons }: { reasons: Reason[] }) {
  return (
    <ul class="shop-reasons">
      {reasons.map((reason) => (
        <li key={reason.sku}>{wordsOf(reason)}</li>
      ))}
    </ul>
  );
}
