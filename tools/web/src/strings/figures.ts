// SPDX-License-Identifier: MIT
/** Sizes, lengths of time and parts of a calendar, in the language of the page. */
import { showNumber } from '.';
import { language } from '../state/settings';

const KILO = 1000;
const MS_PER_S = 1000;
const US_PER_MS = 1000;
const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
const LENGTHS: [string, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

function unit(value: number, name: string, display: 'short' | 'narrow' | 'long' = 'short', digits = 0): string {
  return new Intl.NumberFormat(language.value, {
    style: 'unit', unit: name, unitDisplay: display, maximumFractionDigits: digits,
  }).format(value);
}

const digitsOf = (value: number): number => (value < 10 ? 2 : value < 100 ? 1 : 0);

export function showBytes(bytes: number): string {
  const step = Math.min(SIZES.length - 1, bytes < KILO ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / KILO ** step;
  return step === 0 ? unit(value, SIZES[0]!, 'narrow') : unit(value, SIZES[step]!, 'short', digitsOf(value));
}

/** A time that something takes or took: its two largest units. */
export function showLasting(ms: number): string {
  if (ms < MS_PER_S) return unit(ms, 'millisecond');
  let left = Math.round(ms / MS_PER_S);
  const first = LENGTHS.findIndex(([, size]) => left >= size);
  return LENGTHS.slice(first, first + 2)
    .map(([name, size]) => {
      const count = Math.floor(left / size);
      left -= count * size;
      return count === 0 ? '' : unit(count, name, 'long');
    })
    .filter(Boolean)
    .join(' ');
}

/** A very short time, given in µs, with about three digits. */
export function showMicros(us: number): string {
  if (us < US_PER_MS) return `${showNumber(us)} µs`;
  const ms = us / US_PER_MS;
  return ms < MS_PER_S ? unit(ms, 'millisecond', 'short', digitsOf(ms)) : unit(ms / MS_PER_S, 'second', 'short', 1);
}

export const showPercent = (part: number): string => new Intl.NumberFormat(language.value, { style: 'percent' }).format(part);

const format = (options: Intl.DateTimeFormatOptions, time: number | string | Date): string =>
  new Intl.DateTimeFormat(language.value, options).format(new Date(time));

/** By the clock of that time zone, with the day of the week. */
export const showMomentIn = (time: string, timeZone: string): string =>
  format({ timeZone, weekday: 'short', year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }, time);

/** A day as YYYY-MM-DD. */
export const showDate = (day: string): string => format({ timeZone: 'UTC', dateStyle: 'medium' }, `${day}T00:00:00Z`);

/** A time of any day. */
export const showClock = (hour: number, minute: number): string =>
  format({ timeZone: 'UTC', timeStyle: 'short' }, Date.UTC(2000, 0, 1, hour, minute));

/** 0 is Sunday; 2 January 2000 was one. */
export const showWeekday = (day: number, weekday: 'long' | 'short' = 'long'): string =>
  format({ timeZone: 'UTC', weekday }, Date.UTC(2000, 0, 2 + day));

/** 1 is January. */
export const showMonth = (month: number): string => format({ timeZone: 'UTC', month: 'long' }, Date.UTC(2000, month - 1, 1));
