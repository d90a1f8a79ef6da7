// SPDX-License-Identifier: MIT
import { showMoney, t } from '../../strings';
import type { Product } from './api';
import { briefly } from './attributes';
import { StockNote } from './StockNote';
import { stockOf } from './stock';

interface Properties {
  skus: Product['skus'];
  chosen: string;
  onChoose: (sku: string) => void;
}

/** Which of a product's variants: radio buttons, each with its price and how many are left. */
export function Variants({ skus, chosen, onChoose }: Properties) {
  return (
    <fieldset class="variants">
      <legend class="field-label">{t().shop.variant}</legend>
      {skus.map(({ sku, attributes, price }) => (
        <label key={sku} class="variant">
          <input type="radio" name="variant" value={sku} checked={sku === chosen} onChange={() => onChoose(sku)} />
          <span class="variant-name">{briefly(attributes) || sku}</span>
          <span class="numbers">{showMoney(price)}</span>
          <StockNote stocks={[stockOf(sku).value]} />
        </label>
      ))}
    </fieldset>
  );
}
