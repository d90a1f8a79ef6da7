// SPDX-License-Identifier: MIT
/** When a job runs: the way of saying it, and the fields of that way. */
import { Field, Segments, Select } from '../../components/Field';
import { t } from '../../strings';
import { type Draft, UNITS, type Unit, WAYS } from './draft';
import type { Wrong } from './planErrors';
import { Weekdays } from './Weekdays';

export interface Edit {
  draft: Draft;
  wrong: Wrong;
  change: (part: Partial<Draft>) => void;
}

export function Ways({ draft, change }: Edit) {
  const { when, way } = t().jobs.form;
  const choices = WAYS.map((value) => ({ value, label: way[value] }));
  return <Segments label={when} value={draft.way} choices={choices} onChange={(chosen) => change({ way: chosen })} />;
}

function Time({ draft, wrong, change }: Edit) {
  return (
    <Field
      name="time"
      type="time"
      label={t().jobs.form.time}
      value={draft.time}
      error={wrong.time}
      onInput={(event) => change({ time: event.currentTarget.value })}
    />
  );
}

function Day({ draft, wrong, change }: Edit) {
  return (
    <Field
      name="day"
      type="number"
      min={1}
      max={31}
      label={t().jobs.form.day}
      hint={t().jobs.form.dayHint}
      value={draft.day}
      error={wrong.day}
      onInput={(event) => change({ day: event.currentTarget.valueAsNumber })}
    />
  );
}

function Every({ draft, wrong, change }: Edit) {
  const words = t().jobs.form;
  const units = (Object.keys(UNITS) as Unit[]).map((value) => ({ value, label: words.unit[value] }));
  return (
    <>
      <Field
        name="amount"
        type="number"
        min={1}
        label={words.amount}
        value={draft.amount}
        error={wrong.amount}
        onInput={(event) => change({ amount: event.currentTarget.valueAsNumber })}
      />
      <Select label={words.unitTitle} value={draft.unit} choices={units} onChange={(unit) => change({ unit })} />
    </>
  );
}

function Once({ draft, wrong, change }: Edit) {
  return (
    <Field
      name="at"
      type="datetime-local"
      label={t().jobs.form.at}
      hint={t().jobs.form.atHint}
      value={draft.at}
      error={wrong.at}
      onInput={(event) => change({ at: event.currentTarget.value })}
    />
  );
}

function CronLine({ draft, wrong, change }: Edit) {
  return (
    <Field
      name="cron"
      label={t().jobs.form.cron}
      hint={t().jobs.form.cronHint}
      value={draft.cron}
      error={wrong.cron}
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      onInput={(event) => change({ cron: event.currentTarget.value })}
    />
  );
}

export function WhenFields(edit: Edit) {
  const { way } = edit.draft;
  return (
    <div class="plan-when">
      {way === 'weekly' && <Weekdays {...edit} />}
      {way === 'monthly' && <Day {...edit} />}
      {(way === 'daily' || way === 'weekly' || way === 'monthly') && <Time {...edit} />}
      {way === 'every' && <Every {...edit} />}
      {way === 'once' && <Once {...edit} />}
      {way === 'cron' && <CronLine {...edit} />}
    </div>
  );
}
