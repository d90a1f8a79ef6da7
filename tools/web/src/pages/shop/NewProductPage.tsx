// SPDX-License-Identifier: MIT
// A new product with its variants. For administrators.
import { useRef, useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { Area, Field, fieldError } from '../../components/Field';
import { useAction } from '../../components/hooks';
import { Card, Page } from '../../components/Page';
import { say } from '../../components/Toasts';
import { language } from '../../state/settings';
import { t } from '../../strings';
import { Creation } from './create';
import { CURRENCY_PLACE, type Draft, type Errors, type VariantDraft, errorsOf, newVariant } from './draft';
import { productPath } from './paths';
import { useFirstError } from './first_error';
import { VariantFields } from './VariantFields';
import './shop.css';

const VARIANTS_MAX = 100;

const emptyDraft = (): Draft => ({ name: '', description: '', currency: language.value === 'ko' ? 'KRW' : 'EUR', variants: [newVariant()] });

export function NewProductPage() {
  const words = t().shop;
  const [draft, setDraft] = useState(emptyDraft);
  const [errors, setErrors] = useState<Errors>({});
  const creation = useRef(new Creation()).current;
  const [, go] = useLocation();
  const change = (part: Partial<Draft>) => setDraft((now) => ({ ...now, ...part }));
  const changeVariant = (id: number, part: Partial<VariantDraft>) =>
    change({ variants: draft.variants.map((each) => (each.id === id ? { ...each, ...part } : each)) });

  const create = useAction(async () => {
    const wrong = errorsOf(draft);
    setErrors(wrong);
    if (Object.keys(wrong).length > 0) return;
    const done = await creation.run(draft);
    setErrors(done.errors);
    if (done.product === undefined) return;
    say(done.stocked ? words.created(done.product.name) : words.stockFailed);
    go(productPath(done.product.id));
  });
  const errorAt = (place: string) => errors[place] ?? fieldError(create.problem, place);
  const form = useFirstError(errors, create.problem);

  return (
    <Page title={words.newProduct} back="/shop">
      <form
        ref={form}
        class="shop-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void create.run();
        }}
      >
        <Card>
          <Field
            label={words.name}
            error={errorAt('name')}
            value={draft.name}
            maxLength={200}
            onInput={(event) => change({ name: event.currentTarget.value })}
          />
          <Area
            label={`${words.description} (${t().common.optional})`}
            error={errorAt('description')}
            value={draft.description}
            maxLength={2000}
            onInput={(event) => change({ description: event.currentTarget.value })}
          />
          <Field
            label={words.currency}
            error={errorAt(CURRENCY_PLACE)}
            value={draft.currency}
            maxLength={3}
            autocomplete="off"
            autocapitalize="characters"
            onInput={(event) => change({ currency: event.currentTarget.value.toUpperCase() })}
          />
        </Card>
        <Card title={words.variants}>
          {draft.variants.map((variant, index) => (
            <VariantFields
              key={variant.id}
              variant={variant}
              number={index + 1}
              errorAt={(field) => errorAt(`skus/${index}/${field}`)}
              onChange={(part) => changeVariant(variant.id, part)}
              onRemove={
                draft.variants.length > 1
                  ? () => change({ variants: draft.variants.filter((each) => each.id !== variant.id) })
                  : undefined
              }
            />
          ))}
          <p>
            <Button
              icon="plus"
              disabled={draft.variants.length >= VARIANTS_MAX}
              onClick={() => change({ variants: [...draft.variants, newVariant()] })}
            >
              {words.addVariant}
            </Button>
          </p>
        </Card>
        <ErrorNote problem={create.problem} />
        <Button kind="primary" type="submit" busy={create.busy}>
          {words.create}
        </Button>
      </form>
    </Page>
  );
}
