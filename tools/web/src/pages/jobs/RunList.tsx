// SPDX-License-Identifier: MIT
import { Button } from '../../components/Button';
import { Empty } from '../../components/Empty';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { RowLink, Rows } from '../../components/RowLink';
import { showMoment, t } from '../../strings';
import type { Run } from './calls';
import { Progress } from './Progress';
import { RunBadge } from './RunBadge';
import { goesOn, tookWords } from './runs';
import { useRuns } from './use_runs';

function Row({ run }: { run: Run }) {
  const words = t().jobs.runs;
  const about = [showMoment(run.due), words.trigger[run.trigger], tookWords(run)].filter(Boolean).join(' · ');
  return (
    <RowLink href={`/jobs/${run.job}/runs/${run.run}`} title={words.number(run.run)} after={<RunBadge run={run} />}>
      <span class="soft small">{about}</span>
      {goesOn(run) && <Progress run={run} />}
    </RowLink>
  );
}

function Older({ show }: { show: () => Promise<void> }) {
  const { run, busy, problem } = useAction(show);
  return (
    <>
      {problem && <ErrorNote problem={problem} />}
      <Button busy={busy} onClick={run}>
        {t().jobs.runs.older}
      </Button>
    </>
  );
}

/** As useRuns has it. */
export function RunList({ job, about, ended }: { job: string; about: string; ended: () => void }) {
  const { runs, problem, older } = useRuns(job, about, ended);
  if (runs?.length === 0) return <Empty icon="clock" title={t().jobs.runs.none} hint={t().jobs.runs.noneText} />;
  return (
    <>
      {problem && <ErrorNote problem={problem} />}
      <Rows>{runs?.map((run) => <Row key={run.run} run={run} />)}</Rows>
      {older && <Older show={older} />}
    </>
  );
}
