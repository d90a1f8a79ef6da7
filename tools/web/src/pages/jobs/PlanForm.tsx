// SPDX-License-Identifier: MIT
/** A plan as it is edited, with what it means in words. What somebody else changed meanwhile is not overwritten. */
import { useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import { Problem } from '../../api/problem';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { say } from '../../components/Toasts';
import { t } from '../../strings';
import { type Held, putJob } from './calls';
import { type Draft, draftOf, type Job, newDraft, planOf, scheduleOf, UNITS } from './draft';
import { MoreFields, ZoneField } from './MoreFields';
import { type Wrong, wrongBefore, wrongOf } from './planErrors';
import { WhenFields, Ways } from './WhenFields';
import { scheduleWords } from './words';

const readsClock = ({ way }: Draft): boolean => way !== 'every' && way !== 'once';

/** Says what is wrong, and takes the focus to the first of it. */
function useWrong() {
  const form = useRef<HTMLFormElement>(null);
  const [wrong, setWrong] = useState<Wrong>({});
  const refuse = (found: Wrong): void => {
    setWrong(found);
    setTimeout(() => form.current?.querySelector<HTMLElement>(`[name="${Object.keys(found)[0]}"]`)?.focus());
  };
  return { form, wrong, refuse, accept: () => setWrong({}) };
}

interface Properties {
  name: string;
  /** null: the job has no plan yet. */
  held: Held<Job> | null;
  /** It is another by now. */
  again: () => void;
}

const STALE = 412;

export function PlanForm({ name, held, again }: Properties) {
  const [draft, setDraft] = useState(() => (held ? draftOf(held.value) : newDraft()));
  const { form, wrong, refuse, accept } = useWrong();
  const [, go] = useLocation();
  const save = useAction(async () => {
    try {
      await putJob(name, planOf(draft, held?.value), held?.tag);
      say(t().jobs.form.saved);
      go(`/jobs/${name}`);
    } catch (thrown) {
      const problem = Problem.of(thrown);
      if (problem.status === STALE) again();
      refuse(wrongOf(problem, draft.way));
      throw thrown;
    }
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    const found = wrongBefore(draft, UNITS[draft.unit]);
    if (Object.keys(found).length > 0) return refuse(found);
    accept();
    void save.run();
  };
  const edit = { draft, wrong, change: (part: Partial<Draft>) => setDraft({ ...draft, ...part }) };
  const words = t().jobs.form;
  const stale = save.problem?.status === STALE && held ? words.changed(scheduleWords(held.value.schedule)) : undefined;
  return (
    <form class="plan-form" ref={form} onSubmit={submit} noValidate>
      <Ways {...edit} />
      <WhenFields {...edit} />
      {readsClock(draft) && <ZoneField {...edit} />}
      <p class="plan-words" aria-live="polite">
        <span class="soft small">{words.readsAs}</span>
        <strong>{scheduleWords(scheduleOf(draft))}</strong>
      </p>
      <MoreFields {...edit} />
      {save.problem && Object.keys(wrong).length === 0 && <ErrorNote problem={save.problem} text={stale} />}
      <div class="jobs-acts">
        <Button kind="primary" type="submit" busy={save.busy}>
          {words.save}
        </Button>
        <Link href={held ? `/jobs/${name}` : '/jobs'} class="button button-plain">
          {t().common.cancel}
        </Link>
      </div>
    </form>
  );
}
