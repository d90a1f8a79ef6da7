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
  const set = (wanted: number) => {
    setTyped(undefined);
    onChange(Math.min(Math.max(wanted, 1), QUANTITY_MAX));
  };
  return (
    <div class="quantity" role="group" aria-label={label}>
      <IconButton icon="minus" label={t().shop.fewer} disabled={disabled || value <= 1} onClick={() => set(value - 1)} />
      <input
        class="numbers"
        inputMode="numeric"
        autocomplete="off"
        aria-label={label}
        value={typed ?? String(value)}
        disabled={disabled}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => set(Number(event.currentTarget.value.replace(/\D/g, '')))}
      />
      <IconButton icon="plus" label={t().shop.more} disabled={disabled || value >= QUANTITY_MAX} onClick={() => set(value + 1)} />
    </div>
  );
}
