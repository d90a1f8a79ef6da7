// SPDX-License-Identifier: MIT
/**
 * Every word that people read: `t().auth.logIn`. What counts or names something is a function of the table, so that each
 * language puts its sentence together by itself. Read inside a component, it follows the language.
 */
import { computed } from '@preact/signals';
import { language } from '../state/settings';
import { en } from './en';
import { ko } from './ko';

export type Table = typeof en;

const tables: Record<typeof language.value, Table> = { en, ko };

export const t = (): Table => tables[language.value];

const of = <T>(make: (language: string) => T): (() => T) => {
  const made = computed(() => make(language.value));
  return () => made.value;
};

const numbers = of((name) => new Intl.NumberFormat(name));
const days = of((name) => new Intl.DateTimeFormat(name, { dateStyle: 'long' }));
const times = of((name) => new Intl.DateTimeFormat(name, { timeStyle: 'short' }));
const moments = of((name) => new Intl.DateTimeFormat(name, { dateStyle: 'medium', timeStyle: 'short' }));
const spans = of((name) => new Intl.RelativeTimeFormat(name, { numeric: 'auto' }));
const lists = of((name) => new Intl.ListFormat(name));

type Time = string | number | Date;

export const showNumber = (value: number): string => numbers().format(value);
export const showDay = (time: Time): string => days().format(new Date(time));
export const showTime = (time: Time): string => times().format(new Date(time));
export const showMoment = (time: Time): string => moments().format(new Date(time));
export const showList = (items: string[]): string => lists().format(items);

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 7],
  ['week', 4.345],
  ['month', 12],
  ['year', Infinity],
];

/** "3 minutes ago", "tomorrow". */
export function showSpan(time: Time, now = Date.now()): string {
  let value = (new Date(time).getTime() - now) / 1000;
  for (const [unit, count] of UNITS) {
    if (Math.abs(Math.round(value)) < count) return spans().format(Math.round(value), unit);
    value /= count;
  }
  return '';
}

/** An amount is in minor units of its currency. */
export function showMoney(money: { amount: number; currency: string }): string {
  const format = new Intl.NumberFormat(language.value, { style: 'currency', currency: money.currency });
  return format.format(money.amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 0));
}

/** For a table's functions of a count: plural(count, 'message', 'messages'). Korean needs none. */
export const plural = (count: number, one: string, other: string): string => `${numbers().format(count)} ${count === 1 ? one : other}`;
