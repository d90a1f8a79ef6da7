// SPDX-License-Identifier: MIT
import { useId } from 'preact/hooks';
import { t } from '../../strings';
import { showWeekday } from '../../strings/figures';
import type { Edit } from './WhenFields';

const WEEK = [1, 2, 3, 4, 5, 6, 0];

/** Days of the week, any of them. */
export function Weekdays({ draft, wrong, change }: Edit) {
  const id = useId();
  const { weekdays } = draft;
  const toggle = (day: number): void =>
    change({ weekdays: weekdays.includes(day) ? weekdays.filter((one) => one !== day) : [...weekdays, day] });
  return (
    <fieldset class="segments plan-weekdays" aria-describedby={wrong.weekdays ? id : undefined}>
      <legend class="field-label">{t().jobs.form.weekdays}</legend>
      <div class="segments-row">
        {WEEK.map((day) => (
          <label key={day} class="segment">
            <input
              type="checkbox"
              name="weekdays"
              aria-label={showWeekday(day)}
              checked={weekdays.includes(day)}
              onChange={() => toggle(day)}
            />
            <span aria-hidden="true">{showWeekday(day, 'short')}</span>
          </label>
        ))}
      </div>
      {wrong.weekdays && (
        <p id={id} class="field-error">
          {wrong.weekdays}
        </p>
      )}
    </fieldset>
  );
}
