// SPDX-License-Identifier: MIT
/** A plan as it is edited: a few ways to say when, and the job_put that they mean. */
import type { components, paths } from '../../api/document';
import { cronOf } from './cron';

export type Job = components['schemas']['job_view'];
export type Plan = NonNullable<paths['/api/v1/jobs/{name}']['put']['requestBody']>['content']['application/json'];
export type Schedule = Job['schedule'];

export type Way = 'daily' | 'weekly' | 'monthly' | 'every' | 'once' | 'cron';
export const WAYS: Way[] = ['daily', 'weekly', 'monthly', 'every', 'once', 'cron'];

export const UNITS = { minutes: 60, hours: 3600, days: 86400 } as const;
export type Unit = keyof typeof UNITS;

export type Draft = {
  way: Way;
  time: string; // HH:MM
  weekdays: number[];
  day: number;
  amount: number;
  unit: Unit;
  at: string; // as datetime-local has it
  cron: string;
  time_zone: string;
  overlap: NonNullable<Plan['overlap']>;
  catch_up: NonNullable<Plan['catch_up']>;
  jitter_s: number;
  enabled: boolean;
};

export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

export function newDraft(): Draft {
  return {
    way: 'daily', time: '03:00', weekdays: [1], day: 1, amount: 1, unit: 'hours', at: '', cron: '0 3 * * *',
    time_zone: localZone(), overlap: 'skip', catch_up: 'latest', jitter_s: 0, enabled: true,
  };
}

const two = (value: number): string => String(value).padStart(2, '0');

function localText(time: string): string {
  const at = new Date(time);
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

// Whether an expression is one that a simple way would write.
function simple(text: string): Partial<Draft> | null {
  const cron = cronOf(text);
  if (!cron || cron.minutes.length !== 1 || cron.hours.length !== 1 || !cron.every.month) return null;
  const time = `${two(cron.hours[0] ?? 0)}:${two(cron.minutes[0] ?? 0)}`;
  if (cron.every.day && cron.every.weekday) return { way: 'daily', time };
  if (cron.every.day) return { way: 'weekly', time, weekdays: cron.weekdays };
  return cron.every.weekday && cron.days.length === 1 ? { way: 'monthly', time, day: cron.days[0] ?? 1 } : null;
}

function everyOf(seconds: number): Partial<Draft> {
  const unit = (Object.keys(UNITS) as Unit[]).reverse().find((name) => seconds % UNITS[name] === 0);
  return { way: 'every', unit: unit ?? 'minutes', amount: seconds / UNITS[unit ?? 'minutes'] };
}

function scheduleDraft(schedule: Schedule): Partial<Draft> {
  if (schedule.every_s !== undefined) return everyOf(schedule.every_s);
  if (schedule.at !== undefined) return { way: 'once', at: localText(schedule.at) };
  const cron = schedule.cron ?? '';
  return { way: 'cron', cron, ...simple(cron) };
}

export function draftOf(job: Job): Draft {
  const { time_zone, overlap, catch_up, jitter_s, enabled } = job;
  return { ...newDraft(), time_zone, overlap, catch_up, jitter_s, enabled, ...scheduleDraft(job.schedule) };
}

function cronText({ way, time, weekdays, day, cron }: Draft): string {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  const clock = `${minute} ${hour}`;
  if (way === 'daily') return `${clock} * * *`;
  if (way === 'weekly') return `${clock} * * ${[...weekdays].sort().join(',')}`;
  return way === 'monthly' ? `${clock} ${day} * *` : cron;
}

export function scheduleOf(draft: Draft): Schedule {
  if (draft.way === 'every') return { every_s: Math.round(draft.amount * UNITS[draft.unit]) };
  if (draft.way === 'once') {
    const at = new Date(draft.at);
    return { at: Number.isNaN(at.getTime()) ? draft.at : at.toISOString() };
  }
  return { cron: cronText(draft) };
}

// What the form does not show (clock changes, params) stays as it is.
export function planOf(draft: Draft, job: Job | undefined): Plan {
  const { time_zone, overlap, catch_up, jitter_s, enabled } = draft;
  const kept = job ? { dst: job.dst, ...(job.params === undefined ? {} : { params: job.params }) } : {};
  return { ...kept, schedule: scheduleOf(draft), time_zone, overlap, catch_up, jitter_s, enabled };
}
