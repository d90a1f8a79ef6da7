// SPDX-License-Identifier: MIT
/** One job: its plan in words, when it is due, what may be done with it, and its runs. */
import { useState } from 'preact/hooks';
import { useLoaded } from '../../components/hooks';
import { Card, Page } from '../../components/Page';
import { Shown } from '../../components/Shown';
import { t } from '../../strings';
import { getJob } from './calls';
import type { Job } from './draft';
import { DueTime } from './DueTime';
import { JobActions } from './JobActions';
import { JobBadge } from './JobBadge';
import { jobAbout, jobName } from './names';
import { PlanDetails } from './PlanDetails';
import { RunList } from './RunList';
import { Upcoming } from './Upcoming';
import { scheduleWords } from './words';

function Plan({ job }: { job: Job }) {
  return (
    <Card title={scheduleWords(job.schedule)} actions={<JobBadge job={job} />}>
      <p>
        <DueTime job={job} />
      </p>
      <PlanDetails job={job} />
      {job.waiting > 0 && <p>{t().jobs.waiting(job.waiting)}</p>}
      {job.enabled && job.due !== undefined && <Upcoming job={job} />}
    </Card>
  );
}

export function JobPage({ name }: { name: string }) {
  const loaded = useLoaded(() => getJob(name), [name]);
  const [begun, setBegun] = useState(0);
  const began = (): void => {
    setBegun((count) => count + 1);
    loaded.again();
  };
  return (
    <Page title={jobName(name)} back="/jobs">
      <p class="soft">{jobAbout(name)}</p>
      <Shown from={loaded}>
        {(held) => (
          <>
            <JobActions held={held} show={loaded.set} again={loaded.again} began={began} />
            <Plan job={held.value} />
            <h2>{t().jobs.runs.title}</h2>
            <RunList job={name} about={`${name} ${begun}`} ended={loaded.again} />
          </>
        )}
      </Shown>
    </Page>
  );
}
