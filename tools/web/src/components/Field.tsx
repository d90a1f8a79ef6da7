// SPDX-License-Identifier: MIT
import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { Problem } from '../api/problem';
import { t } from '../strings';
import './Field.css';

interface Common {
  label: string;
  hint?: string | undefined;
  /** What is wrong with it; shown below and told with the field. */
  error?: string | undefined;
}

/** What a problem says of a field, in the language of the page. */
export function fieldError(problem: Problem | undefined, field: string): string | undefined {
  const error = problem?.at(field);
  return error && (t().common.fieldErrors[error.code] ?? error.detail);
}

function Frame({ id, label, hint, error, children }: Common & { id: string; children: ComponentChildren }) {
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      {children}
      {hint && !error && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-hint`}>
          {error}
        </p>
      )}
    </div>
  );
}

const told = (id: string, { hint, error }: Common) => ({
  'aria-describedby': hint || error ? `${id}-hint` : undefined,
  'aria-invalid': error ? true : undefined,
});

type InputProperties = Common & Omit<JSX.IntrinsicElements['input'], 'label'> & { after?: ComponentChildren };

/** A line of text, a number, a date, …: what an <input> takes. `after`: a button inside its right end. */
export function Field({ label, hint, error, after, ...rest }: InputProperties) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <span class={after ? 'field-box field-with-after' : 'field-box'}>
        <input {...rest} {...told(id, { label, hint, error })} id={id} class="field-input" />
        {after}
      </span>
    </Frame>
  );
}

export function Area({ label, hint, error, ...rest }: Common & Omit<JSX.IntrinsicElements['textarea'], 'label'>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <textarea {...rest} {...told(id, { label, hint, error })} id={id} class="field-input" />
    </Frame>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
}

interface SelectProperties<T extends string> extends Common {
  value: T;
  choices: Choice<T>[];
  onChange: (value: T) => void;
}

export function Select<T extends string>({ label, hint, error, value, choices, onChange }: SelectProperties<T>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select
        {...told(id, { label, hint, error })}
        id={id}
        class="field-input"
        value={value}
        onChange={(event) => onChange(event.currentTarget.value as T)}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

/** A few choices beside one another. */
export function Segments<T extends string>({ label, value, choices, onChange }: SelectProperties<T>) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="field-label">{label}</legend>
      <div class="segments-row">
        {choices.map((choice) => (
          <label key={choice.value} class="segment">
            <input type="radio" name={name} checked={choice.value === value} onChange={() => onChange(choice.value)} />
            <span>{choice.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Check({ label, hint, ...rest }: { label: string; hint?: string } & Omit<JSX.IntrinsicElements['input'], 'label'>) {
  return (
    <label class="check">
      <input {...rest} type="checkbox" />
      <span>
        {label}
        {hint && <span class="field-hint check-hint">{hint}</span>}
      </span>
    </label>
  );
}
