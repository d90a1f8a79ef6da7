// SPDX-License-Identifier: MIT
/** What a plan says beside when: whose clock, and what happens if things do not go as planned. */
import { useId } from 'preact/hooks';
import { Check, Field, Select } from '../../components/Field';
import { t } from '../../strings';
import type { Edit } from './WhenFields';

/** What the server does not offer yet (job.def) is not offered here. */
const OVERLAPS = ['skip', 'buffer_one', 'buffer_all', 'cancel_other'] as const;
const CATCH_UPS = ['none', 'latest', 'all'] as const;

const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

export function ZoneField({ draft, wrong, change }: Edit) {
  const id = useId();
  return (
    <>
      <Field
        name="time_zone"
        label={t().jobs.plan.zone}
        hint={t().jobs.form.zoneHint}
        value={draft.time_zone}
        error={wrong.time_zone}
        list={id}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => change({ time_zone: event.currentTarget.value })}
      />
      <datalist id={id}>
        {ZONES.map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}

export function MoreFields({ draft, wrong, change }: Edit) {
  const { plan, form } = t().jobs;
  return (
    <details class="more" open={wrong.overlap !== undefined || wrong.catch_up !== undefined || wrong.jitter_s !== undefined}>
      <summary>{form.more}</summary>
      <div class="more-body">
        <Select
          label={plan.overlapTitle}
          value={draft.overlap}
          error={wrong.overlap}
          choices={OVERLAPS.map((value) => ({ value, label: plan.overlap[value] }))}
          onChange={(overlap) => change({ overlap })}
        />
        <Select
          label={plan.catchUpTitle}
          value={draft.catch_up}
          error={wrong.catch_up}
          choices={CATCH_UPS.map((value) => ({ value, label: plan.catchUp[value] }))}
          onChange={(catch_up) => change({ catch_up })}
        />
        <Field
          name="jitter_s"
          type="number"
          min={0}
          label={form.jitter}
          hint={form.jitterHint}
          value={draft.jitter_s}
          error={wrong.jitter_s}
          onInput={(event) => change({ jitter_s: event.currentTarget.valueAsNumber })}
        />
        <Check label={form.enabled} checked={draft.enabled} onChange={() => change({ enabled: !draft.enabled })} />
      </div>
    </details>
  );
}
