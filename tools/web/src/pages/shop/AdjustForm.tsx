// SPDX-License-Identifier: MIT
import { useRef, useState } from 'preact/hooks';
import { Attempt } from '../../api/client';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { Field, fieldError } from '../../components/Field';
import { useAction } from '../../components/hooks';
import { say } from '../../components/Toasts';
import { t } from '../../strings';
import { adjustStock } from './api';
import type { Errors } from './draft';
import { useFirstError } from './first_error';

/** undefined: no change. A minus may be typed as such. */
function deltaOf(text: string): number | undefined {
  const plain = text.trim().replace('−', '-').replace(/[,\s]/g, '');
  return /^[+-]?\d{1,12}$/.test(plain) && Number(plain) !== 0 ? Number(plain) : undefined;
}

/** Pieces came, or are gone. onDone: they are counted. */
export function AdjustForm({ sku, onDone }: { sku: string; onDone: () => void }) {
  const words = t().shop;
  const [delta, setDelta] = useState('');
  const [reason, setReason] = useState('');
  const [errors, setErrors] = useState<Errors>({});
  const attempt = useRef(new Attempt()).current;
  const adjust = useAction(async () => {
    const by = deltaOf(delta);
    const why = reason.trim();
    setErrors({ ...(by === undefined ? { delta: words.errors.delta } : {}), ...(why === '' ? { reason: words.errors.required } : {}) });
    if (by === undefined || why === '') return;
    await adjustStock(sku, by, why, attempt.header([sku, by, why]));
    attempt.settle();
    setDelta('');
    setReason('');
    say(words.adjusted);
    onDone();
  });
  const form = useFirstError(errors, adjust.problem);
  return (
    <form
      ref={form}
      class="shop-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void adjust.run();
      }}
    >
      <Field
        label={words.delta}
        hint={words.deltaHint}
        error={errors.delta ?? fieldError(adjust.problem, 'delta')}
        value={delta}
        autocomplete="off"
        onInput={(event) => setDelta(event.currentTarget.value)}
      />
      <Field
        label={words.reason}
        hint={words.reasonHint}
        error={errors.reason ?? fieldError(adjust.problem, 'reason')}
        value={reason}
        maxLength={500}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <ErrorNote problem={adjust.problem} text={adjust.problem?.code === 'conflict' ? words.fewerThanReserved : undefined} />
      <Button kind="primary" type="submit" busy={adjust.busy}>
        {words.adjustDo}
      </Button>
    </form>
  );
}
