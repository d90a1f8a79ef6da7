// SPDX-License-Identifier: MIT
/**
 * Reads a cron expression into sets of numbers, as actors/cron.h does; null: the server would refuse it.
 * The server has the last word; here it is read only to be put into words.
 */

export type Cron = {
  minutes: number[];
  hours: number[];
  days: number[];
  months: number[];
  weekdays: number[]; // 0 is Sunday
  every: { minute: boolean; hour: boolean; day: boolean; month: boolean; weekday: boolean }; // written as *
  minuteStep: number | null; // written as */n
};

type Limits = { min: number; max: number; names?: string };

const FIELDS: Limits[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: 'JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC' },
  { min: 0, max: 7, names: 'SUNMONTUEWEDTHUFRISAT' },
];

const SHORTHANDS: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
};

function valueOf(text: string, { min, max, names }: Limits): number | null {
  const at = names && text.length === 3 ? names.indexOf(text.toUpperCase()) : -1;
  if (at >= 0 && at % 3 === 0) return min + at / 3;
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}

function rangeOf(text: string, limits: Limits): [number, number] | null {
  if (text === '*') return [limits.min, limits.max === 7 ? 6 : limits.max];
  const [first = '', last, ...more] = text.split('-');
  const from = valueOf(first, limits);
  let to = last === undefined ? from : valueOf(last, limits);
  if (limits.max === 7 && to === 0 && from !== 0) to = 7; // FRI-SUN
  return more.length > 0 || from === null || to === null || from > to ? null : [from, to];
}

function stepOf(text: string, { max }: Limits): number | null {
  const step = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  return step >= 1 && step <= max ? step : null;
}

function setOf(text: string, limits: Limits): number[] | null {
  const found = new Set<number>();
  for (const item of text.split(',')) {
    const [range = '', stepText, ...more] = item.split('/');
    const bounds = rangeOf(range, limits);
    const step = stepText === undefined ? 1 : stepOf(stepText, limits);
    const stepped = stepText !== undefined;
    if (!bounds || step === null || more.length > 0 || (stepped && range !== '*' && !range.includes('-'))) return null;
    for (let value = bounds[0]; value <= bounds[1]; value += step) found.add(limits.max === 7 ? value % 7 : value);
  }
  return [...found].sort((a, b) => a - b);
}

export function cronOf(text: string): Cron | null {
  const line = SHORTHANDS[text.trim().toLowerCase()] ?? text.trim();
  const parts = line.split(/[ \t]+/);
  const sets = parts.map((part, index) => (FIELDS[index] ? setOf(part, FIELDS[index]) : null));
  const [minutes, hours, days, months, weekdays] = sets;
  if (sets.length !== FIELDS.length || !minutes || !hours || !days || !months || !weekdays) return null;
  const [minute, hour, day, month, weekday] = parts.map((part) => part === '*');
  const step = /^\*\/(\d+)$/.exec(parts[0] ?? '');
  return {
    minutes, hours, days, months, weekdays,
    every: { minute: !!minute, hour: !!hour, day: !!day, month: !!month, weekday: !!weekday },
    minuteStep: step ? Number(step[1]) : null,
  };
}
