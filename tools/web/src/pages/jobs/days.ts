// SPDX-License-Identifier: MIT
/** Days without sign-ups are left out of a report; a plot has them, as zeros. */

export type Day = { day: string; users: number };

const DAY_MS = 86_400_000;
const DAYS_MIN = 14; // shown, however few have anything

const start = (day: string): number => Date.parse(`${day}T00:00:00Z`);

export function everyDay(days: Day[], until_ms: number): { times: number[]; users: number[] } {
  const last = Math.floor(until_ms / DAY_MS) * DAY_MS;
  const first = Math.min(start(days[0]?.day ?? ''), last - (DAYS_MIN - 1) * DAY_MS);
  const known = new Map(days.map(({ day, users }) => [start(day), users]));
  const times: number[] = [];
  for (let at = first; at <= last; at += DAY_MS) times.push(at);
  return { times: times.map((at) => at / 1000), users: times.map((at) => known.get(at) ?? 0) };
}

export function topDay(days: Day[]): Day | undefined {
  return days.reduce<Day | undefined>((top, day) => (top && top.users >= day.users ? top : day), undefined);
}
