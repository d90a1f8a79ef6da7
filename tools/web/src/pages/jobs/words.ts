// SPDX-License-Identifier: MIT
/** Plans in words. What has no short words is shown as the expression that it is: the due times beside it tell the rest. */
import { showList, showMoment, t } from '../../strings';
import { showClock, showMonth, showWeekday } from '../../strings/figures';
import { type Cron, cronOf } from './cron';
import type { Schedule } from './draft';

const TIMES_MAX = 4;
const WEEKDAYS = '1,2,3,4,5';
const INTERVALS = [
  ['d', 86400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

function timesOf(cron: Cron): string | undefined {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => showClock(hour, minute)));
  return times.length <= TIMES_MAX ? showList(times) : undefined;
}

function withinHours(cron: Cron): string | undefined {
  const always = cron.every.hour && cron.every.day && cron.every.month && cron.every.weekday;
  if (!always) return undefined;
  if (cron.every.minute) return t().jobs.plan.eachMinute;
  if (cron.minuteStep !== null && 60 % cron.minuteStep === 0) return t().jobs.plan.everyMinutes(cron.minuteStep);
  if (cron.minutes.length !== 1) return undefined;
  return cron.minutes[0] === 0 ? t().jobs.plan.onTheHour : t().jobs.plan.hourly(cron.minutes[0] ?? 0);
}

function onDays(cron: Cron, times: string): string | undefined {
  const { day, month, weekday } = cron.every;
  const days = showList(cron.days.map(String));
  const months = showList(cron.months.map(showMonth));
  if (day && month && weekday) return t().jobs.plan.everyDay(times);
  if (day && month && cron.weekdays.join() === WEEKDAYS) return t().jobs.plan.weekdays(times);
  if (day && month) return t().jobs.plan.onWeekdays(showList(cron.weekdays.map((day) => showWeekday(day))), times);
  if (!weekday || cron.days.length > TIMES_MAX) return undefined;
  if (month) return t().jobs.plan.monthly(cron.days.length, days, times);
  return day ? t().jobs.plan.inMonths(months, times) : t().jobs.plan.yearly(months, days, times);
}

function cronWords(text: string): string {
  const cron = cronOf(text);
  const times = cron && timesOf(cron);
  return (cron && (withinHours(cron) ?? (times ? onDays(cron, times) : undefined))) ?? t().jobs.plan.cron(text);
}

function intervalWords(seconds: number): string {
  const [name, unit] = INTERVALS.find(([, size]) => seconds % size === 0) ?? INTERVALS[3];
  return t().jobs.plan.interval[name](seconds / unit);
}

export function scheduleWords(schedule: Schedule): string {
  if (schedule.every_s !== undefined) return intervalWords(schedule.every_s);
  if (schedule.at !== undefined) return Number.isNaN(Date.parse(schedule.at)) ? '…' : t().jobs.plan.once(showMoment(schedule.at));
  return cronWords(schedule.cron ?? '');
}
