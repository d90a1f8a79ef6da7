// SPDX-License-Identifier: MIT
// A product as it is typed, and what is wrong with it, by the names that the server too gives the places.
import { t } from '../../strings';
import type { NewProduct } from './api';
import { parseAttributes } from './attributes';
import { digitsOf, parseAmount } from './money';

export interface VariantDraft {
  id: number;
  sku: string;
  price: string;
  attributes: string;
  pieces: string;
}

export interface Draft {
  name: string;
  description: string;
  currency: string;
  variants: VariantDraft[];
}

/** Place → what is wrong there. */
export type Errors = Record<string, string>;

export const CURRENCY_PLACE = 'skus/0/price/currency';
const KEY = /^[A-Za-z0-9._@+-]{1,200}$/;

let lastId = 0;

export const newVariant = (): VariantDraft => ({ id: ++lastId, sku: '', price: '', attributes: '', pieces: '' });

/** undefined: no number of pieces. Nothing typed: none. */
export function piecesOf({ pieces }: VariantDraft): number | undefined {
  const digits = pieces.trim().replace(/[,\s]/g, '');
  if (digits === '') return 0;
  const count = Number(digits);
  return /^\d{1,12}$/.test(digits) ? count : undefined;
}

function errorOfSku(draft: Draft, index: number): string | undefined {
  const { errors } = t().shop;
  const sku = draft.variants[index]?.sku.trim() ?? '';
  if (sku === '') return errors.required;
  if (!KEY.test(sku)) return errors.sku;
  return draft.variants.findIndex((each) => each.sku.trim() === sku) < index ? errors.twice : undefined;
}

function errorsOfVariant(draft: Draft, variant: VariantDraft, index: number): [string, string | undefined][] {
  const { errors } = t().shop;
  const place = `skus/${index}`;
  return [
    [`${place}/sku`, errorOfSku(draft, index)],
    [`${place}/price/amount`, parseAmount(variant.price, draft.currency) === undefined ? errors.price(digitsOf(draft.currency)) : undefined],
    [`${place}/attributes`, parseAttributes(variant.attributes) === undefined ? errors.attributes : undefined],
    [`${place}/pieces`, piecesOf(variant) === undefined ? errors.pieces : undefined],
  ];
}

export function errorsOf(draft: Draft): Errors {
  const { errors } = t().shop;
  const found: [string, string | undefined][] = [
    ['name', draft.name.trim() === '' ? errors.required : undefined],
    [CURRENCY_PLACE, /^[A-Z]{3}$/.test(draft.currency) ? undefined : errors.currency],
    ...draft.variants.flatMap((variant, index) => errorsOfVariant(draft, variant, index)),
  ];
  return Object.fromEntries(found.filter((each): each is [string, string] => each[1] !== undefined));
}

/** Of a draft without errors. */
export function productOf(draft: Draft): NewProduct {
  const description = draft.description.trim();
  return {
    name: draft.name.trim(),
    ...(description === '' ? {} : { description }),
    skus: draft.variants.map((variant) => ({
      sku: variant.sku.trim(),
      attributes: parseAttributes(variant.attributes) ?? {},
      price: { amount: parseAmount(variant.price, draft.currency) ?? 0, currency: draft.currency },
    })),
  };
}
