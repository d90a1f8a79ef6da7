// SPDX-License-Identifier: MIT
import { IconButton } from '../../components/Button';
import { Field } from '../../components/Field';
import { t } from '../../strings';
import type { VariantDraft } from './draft';

interface Properties {
  variant: VariantDraft;
  number: number;
  /** What is wrong with one of its fields. */
  errorAt: (field: string) => string | undefined;
  onChange: (change: Partial<VariantDraft>) => void;
  /** Undefined: it is the only one. */
  onRemove: (() => void) | undefined;
}

/** A variant as it is typed. */
export function VariantFields({ variant, number, errorAt, onChange, onRemove }: Properties) {
  const words = t().shop;
  return (
    <fieldset class="variant-fields">
      <legend class="variant-fields-head">
        {words.variantNumber(number)}
        {onRemove && <IconButton icon="trash" label={words.removeVariant(number)} onClick={onRemove} />}
      </legend>
      <Field
        label={words.sku}
        hint={words.skuHint}
        error={errorAt('sku')}
        value={variant.sku}
        maxLength={200}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        onInput={(event) => onChange({ sku: event.currentTarget.value })}
      />
      <div class="shop-pair">
        <Field
          label={words.price}
          error={errorAt('price/amount')}
          value={variant.price}
          inputMode="decimal"
          autocomplete="off"
          onInput={(event) => onChange({ price: event.currentTarget.value })}
        />
        <Field
          label={words.pieces}
          error={errorAt('pieces')}
          value={variant.pieces}
          inputMode="numeric"
          autocomplete="off"
          onInput={(event) => onChange({ pieces: event.currentTarget.value })}
        />
      </div>
      <Field
        label={words.attributes}
        hint={words.attributesHint}
        error={errorAt('attributes')}
        value={variant.attributes}
        autocomplete="off"
        onInput={(event) => onChange({ attributes: event.currentTarget.value })}
      />
    </fieldset>
  );
}
