// SPDX-License-Identifier: MIT
/**
 * What is wrong with a plan, by the field of the form that it belongs to. The server says some by pointer; what the rules of
 * schedules refuse comes as a sentence that begins with the name of a part (actors/cron.c, schedule.c, job.c).
 */
import type { Problem } from '../../api/problem';
import { fieldError } from '../../components/Field';
import { t } from '../../strings';
import type { Draft, Way } from './draft';

export type FieldName = 'time' | 'weekdays' | 'day' | 'amount' | 'at' | 'cron' | 'time_zone' | 'overlap' | 'catch_up' | 'jitter_s';
export type Wrong = Partial<Record<FieldName, string>>;

export const JITTER_MAX_S = 86_400;
const DAYS_MAX = 31;
const EVERY_MAX_S = 315_360_000;

const POINTERS: [string, FieldName][] = [
  ['schedule/cron', 'cron'],
  ['schedule/every_s', 'amount'],
  ['schedule/at', 'at'],
  ['time_zone', 'time_zone'],
  ['overlap', 'overlap'],
  ['catch_up', 'catch_up'],
  ['jitter_s', 'jitter_s'],
];

const MAIN: Record<Way, FieldName> = { daily: 'time', weekly: 'weekdays', monthly: 'day', every: 'amount', once: 'at', cron: 'cron' };

function fromSentence(detail: string, way: Way): Wrong {
  const part = detail.split(':', 1)[0];
  const words = t().jobs.form;
  if (part === 'time_zone') return { time_zone: words.wrongZone };
  if (part === 'overlap' || part === 'catch_up') return { [part]: words.wrongOther };
  if (detail.includes('never due')) return { [MAIN[way]]: words.wrongNever };
  return { [MAIN[way]]: way === 'cron' ? words.wrongCron(detail) : words.wrongOther };
}

/** Of what the server refused; empty: it is nothing of a field. */
export function wrongOf(problem: Problem, way: Way): Wrong {
  if (problem.code !== 'invalid') return {};
  if (problem.errors.every(({ detail }) => detail === problem.detail)) return fromSentence(problem.detail, way);
  const found = POINTERS.map(([pointer, field]) => [field, fieldError(problem, pointer)] as const);
  return Object.fromEntries(found.filter(([, words]) => words !== undefined));
}

function wrongTime({ way, time, weekdays, day, amount, unit_s, at }: Draft & { unit_s: number }): Wrong {
  const words = t().jobs.form;
  if (way === 'every') return amount >= 1 && amount * unit_s <= EVERY_MAX_S ? {} : { amount: words.wrongOther };
  if (way === 'once') return Number.isNaN(Date.parse(at)) ? { at: words.wrongTime } : {};
  if (way === 'cron') return {};
  if (way === 'weekly' && weekdays.length === 0) return { weekdays: words.wrongWeekdays };
  if (way === 'monthly' && !(day >= 1 && day <= DAYS_MAX)) return { day: words.wrongRange(1, DAYS_MAX) };
  return /^\d\d:\d\d/.test(time) ? {} : { time: words.wrongTime };
}

/** What need not be asked of the server. */
export function wrongBefore(draft: Draft, unit_s: number): Wrong {
  const late = draft.jitter_s >= 0 && draft.jitter_s <= JITTER_MAX_S;
  return { ...wrongTime({ ...draft, unit_s }), ...(late ? {} : { jitter_s: t().jobs.form.wrongRange(0, JITTER_MAX_S) }) };
}
