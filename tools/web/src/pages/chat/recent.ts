// SPDX-License-Identifier: MIT
import { language } from '../../state/settings';
import { showTime } from '../../strings';

/** As short as it can be understood: the time of today, the day of this year, else the date. */
export function showRecent(time: string, now = new Date()): string {
  const then = new Date(time);
  if (then.toDateString() === now.toDateString()) return showTime(time);
  const thisYear = then.getFullYear() === now.getFullYear();
  const form: Intl.DateTimeFormatOptions = thisYear ? { month: 'short', day: 'numeric' } : { dateStyle: 'short' };
  return new Intl.DateTimeFormat(language.value, form).format(then);
}
