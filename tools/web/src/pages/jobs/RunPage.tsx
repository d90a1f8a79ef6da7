// SPDX-License-Identifier: MIT
/** One run: how it stands, followed until it ends, and then what it found. */
import { useState } from 'preact/hooks';
import { Problem } from '../../api/problem';
import { ErrorNote } from '../../components/ErrorNote';
import { Facts } from '../../components/Facts';
import { Card, Page } from '../../components/Page';
import { usePoll } from '../../components/poll';
import { showMoment, showNumber, t } from '../../strings';
import { getRun, type Run } from './calls';
import { CancelRun } from './CancelRun';
import { jobName } from './names';
import { Progress } from './Progress';
import { Report } from './Report';
import { RunBadge } from './RunBadge';
import { goesOn, POLL_MS, tookWords } from './runs';

function itemsWords({ done, skipped, failed }: Run['items']): string {
  const words = t().jobs.runs;
  const parts = [words.itemsDone(done), skipped > 0 && words.itemsSkipped(skipped), failed > 0 && words.itemsFailed(failed)];
  return parts.filter(Boolean).join(' · ');
}

function factsOf(run: Run): [string, string | undefined][] {
  const words = t().jobs.runs;
  return [
    [words.why, words.trigger[run.trigger]],
    [words.due, showMoment(run.due)],
    [words.started, run.started_at && showMoment(run.started_at)],
    [words.ended, run.ended_at && showMoment(run.ended_at)],
    [words.took, tookWords(run)],
    [words.items, itemsWords(run.items)],
    [words.attempts, run.attempt > 1 ? showNumber(run.attempt) : undefined],
  ];
}

function Standing({ run, show }: { run: Run; show: (run: Run) => void }) {
  return (
    <Card title={jobName(run.job)} actions={<RunBadge run={run} />}>
      {goesOn(run) && <Progress run={run} />}
      {run.cause !== undefined && (
        <p class="run-cause">
          {t().jobs.runs.cause}: {run.cause}
        </p>
      )}
      <Facts facts={factsOf(run)} />
      {goesOn(run) && <CancelRun run={run} show={show} />}
    </Card>
  );
}

export function RunPage({ name, run: number }: { name: string; run: string }) {
  const id = `${name}-${number}`;
  const [run, show] = useState<Run>();
  const [problem, setProblem] = useState<Problem>();
  const ask = async (): Promise<boolean> => {
    try {
      const fresh = await getRun(id);
      show(fresh);
      setProblem(undefined);
      return goesOn(fresh);
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      return Problem.of(thrown).isPassing;
    }
  };
  usePoll(ask, POLL_MS, id);
  return (
    <Page title={/^\d+$/.test(number) ? t().jobs.runs.number(Number(number)) : jobName(name)} back={`/jobs/${name}`}>
      {problem && <ErrorNote problem={problem} />}
      {run && <Standing run={run} show={show} />}
      {run?.state === 'SUCCEEDED' && <Report id={id} />}
    </Page>
  );
}
