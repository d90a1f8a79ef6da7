// SPDX-License-Identifier: MIT
/** Whether somebody looks at this page now. */
import { signal } from '@preact/signals';

function look(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus();
}

export const focused = signal(look());

for (const event of ['focus', 'blur']) {
  window.addEventListener(event, () => (focused.value = look()));
}
document.addEventListener('visibilitychange', () => (focused.value = look()));
