// SPDX-License-Identifier: MIT
import { Link } from 'wouter-preact';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { say } from '../../components/Toasts';
import { t } from '../../strings';
import { type Held, pauseJob, resumeJob, runJob } from './calls';
import type { Job } from './draft';

interface Properties {
  held: Held<Job>;
  show: (held: Held<Job>) => void;
  /** It may be another by now. */
  again: () => void;
  began: () => void;
}

/** What may be done with a job. */
export function JobActions({ held, show, again, began }: Properties) {
  const { name, enabled } = held.value;
  const words = t().jobs;
  const run = useAction(async () => {
    say(words.startedToast((await runJob(name)).run));
    began();
  });
  const toggle = useAction(async () => {
    try {
      show(await (enabled ? pauseJob : resumeJob)(name, held.tag));
      say(enabled ? words.pausedToast : words.resumedToast);
    } catch (thrown) {
      again();
      throw thrown;
    }
  });
  const problem = run.problem ?? toggle.problem;
  return (
    <>
      <div class="jobs-acts">
        <Button kind="primary" icon="play" busy={run.busy} onClick={run.run}>
          {words.runNow}
        </Button>
        <Button icon={enabled ? 'pause' : 'refresh'} busy={toggle.busy} onClick={toggle.run}>
          {enabled ? words.pause : words.resume}
        </Button>
        <Link href={`/jobs/${name}/plan`} class="button button-plain">
          {words.changePlan}
        </Link>
      </div>
      {problem && <ErrorNote problem={problem} />}
    </>
  );
}
