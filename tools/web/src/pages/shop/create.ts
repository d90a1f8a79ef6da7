// SPDX-License-Identifier: MIT
// Makes a product and its first stock. Its SKUs are made one after the other, so those that exist are looked for before.
import { Attempt } from '../../api/client';
import { t } from '../../strings';
import { type NewProduct, type Product, adjustStock, createProduct, showStock } from './api';
import { type Draft, type Errors, piecesOf, productOf } from './draft';

async function takenIn(product: NewProduct): Promise<Errors> {
  const stocks = await Promise.all(product.skus.map(({ sku }) => showStock(sku)));
  const taken = stocks.flatMap((stock, index) => (stock === null ? [] : [[`skus/${index}/sku`, t().shop.errors.taken]]));
  return Object.fromEntries(taken) as Errors;
}

export interface Created {
  product?: Product;
  errors: Errors;
  /** All of the first stock is there, too. */
  stocked: boolean;
}

/** For one form. After a lost answer the same draft is the same request, and then its SKUs may be there already. */
export class Creation {
  #attempt = new Attempt();
  #free = '';

  async #stock({ variants }: Draft): Promise<boolean> {
    const done = await Promise.all(
      variants
        .map((variant) => ({ sku: variant.sku.trim(), pieces: piecesOf(variant) ?? 0 }))
        .filter(({ pieces }) => pieces > 0)
        .map(({ sku, pieces }) => adjustStock(sku, pieces, t().shop.firstStock, new Attempt().header(sku)).catch(() => undefined)),
    );
    return done.every((stock) => stock !== undefined);
  }

  /** Throws a Problem. */
  async run(draft: Draft): Promise<Created> {
    const wanted = productOf(draft);
    const text = JSON.stringify(wanted);
    const errors = text === this.#free ? {} : await takenIn(wanted);
    if (Object.keys(errors).length > 0) return { errors, stocked: false };
    this.#free = text;
    const product = await createProduct(wanted, this.#attempt.header(wanted));
    return { product, errors, stocked: await this.#stock(draft) };
  }
}
