// SPDX-License-Identifier: MIT
/** What somebody chose on this device: kept in the browser, the same in all its tabs. */
import { effect, signal, type Signal } from '@preact/signals';

export type Language = 'en' | 'ko';
export type Theme = 'system' | 'light' | 'dark';

function kept<T extends string>(name: string, values: readonly T[], otherwise: T): Signal<T> {
  const key = `doran.${name}`;
  const read = (text: string | null): T => values.find((value) => value === text) ?? otherwise;
  const made = signal(read(localStorage.getItem(key)));
  made.subscribe((value) => localStorage.setItem(key, value));
  addEventListener('storage', (event) => {
    if (event.key === key) made.value = read(event.newValue);
  });
  return made;
}

export const languages: readonly Language[] = ['en', 'ko'];
export const themes: readonly Theme[] = ['system', 'light', 'dark'];

export const language = kept('language', languages, navigator.language.startsWith('ko') ? 'ko' : 'en');
export const theme = kept('theme', themes, 'system');

const dark = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(dark.matches);
dark.addEventListener('change', () => (systemIsDark.value = dark.matches));

effect(() => {
  document.documentElement.lang = language.value;
});

effect(() => {
  const shown = theme.value === 'system' ? (systemIsDark.value ? 'dark' : 'light') : theme.value;
  document.documentElement.dataset.theme = shown;
  const paper = getComputedStyle(document.documentElement).getPropertyValue('--paper');
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', paper);
});
