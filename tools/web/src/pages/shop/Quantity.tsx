// SPDX-License-Identifier: MIT
// How many: a number that may be typed, or stepped with a thumb.
import { useState } from 'preact/hooks';
import { IconButton } from '../../components/Button';
import { t } from '../../strings';
import { QUANTITY_MAX } from './basket';

interface Properties {
  label: string;
  value: number;
  onChange: (value: number) => void;
  disabled?: boolean;
}

export function Quantity({ label, value, onChange, disabled = false }: Properties) {
  const [typed, setTyped] = useState<string>();
  const bounded = (wanted: number) => Math.min(Math.max(wanted, 1), QUANTITY_MAX);
  const step = (by: number) => {
    setTyped(undefined);
    onChange(bounded(value + by));
  };
  // At once: what comes when the field is left would move what is about to be pressed.
  const take = (text: string) => {
    const digits = text.replace(/\D/g, '');
    setTyped(digits);
    if (digits !== '') onChange(bounded(Number(digits)));
  };
  return (
    <div class="quantity" role="group" aria-label={label}>
      <IconButton icon="minus" label={t().shop.fewer} disabled={disabled || value <= 1} onClick={() => step(-1)} />
      <input
        class="numbers"
        inputMode="numeric"
        autocomplete="off"
        aria-label={label}
        value={typed ?? String(value)}
        disabled={disabled}
        onInput={(event) => take(event.currentTarget.value)}
        onBlur={() => setTyped(undefined)}
      />
      <IconButton icon="plus" label={t().shop.more} disabled={disabled || value >= QUANTITY_MAX} onClick={() => step(1)} />
    </div>
  );
}
