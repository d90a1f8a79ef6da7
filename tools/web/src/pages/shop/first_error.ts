// SPDX-License-Identifier: MIT
import { useEffect, useRef } from 'preact/hooks';

/** The form whose first wrong field gets the focus whenever it was found to be wrong. */
export function useFirstError(...found: unknown[]) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus(), found);
  return form;
}
