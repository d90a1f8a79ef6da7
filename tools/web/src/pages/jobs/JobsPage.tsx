// SPDX-License-Identifier: MIT
/** All jobs: those that have a plan, and those that wait for one. */
import { useLoaded } from '../../components/hooks';
import { Page } from '../../components/Page';
import { RowLink, Rows } from '../../components/RowLink';
import { Shown } from '../../components/Shown';
import { t } from '../../strings';
import { listJobs } from './calls';
import type { Job } from './draft';
import { DueTime } from './DueTime';
import { JobBadge } from './JobBadge';
import { BUILT_IN, jobAbout, jobName } from './names';
import { scheduleWords } from './words';

function Planned({ job }: { job: Job }) {
  return (
    <RowLink href={`/jobs/${job.name}`} title={jobName(job.name)} after={<JobBadge job={job} />}>
      <span>{scheduleWords(job.schedule)}</span>
      <span class="soft small">
        <DueTime job={job} />
      </span>
    </RowLink>
  );
}

function Unplanned({ name }: { name: string }) {
  return (
    <RowLink href={`/jobs/${name}/plan`} title={jobName(name)} after={<span class="soft small">{t().jobs.unplanned}</span>} empty>
      <span class="soft">{jobAbout(name)}</span>
      <span class="jobs-act">{t().jobs.makePlan}</span>
    </RowLink>
  );
}

function Jobs({ jobs }: { jobs: Job[] }) {
  const missing = BUILT_IN.filter((name) => !jobs.some((job) => job.name === name));
  return (
    <Rows>
      {jobs.map((job) => (
        <Planned key={job.name} job={job} />
      ))}
      {missing.map((name) => (
        <Unplanned key={name} name={name} />
      ))}
    </Rows>
  );
}

export function JobsPage() {
  const loaded = useLoaded(listJobs, []);
  return (
    <Page title={t().jobs.title}>
      <p class="soft">{t().jobs.lead}</p>
      <Shown from={loaded}>{(jobs) => <Jobs jobs={jobs} />}</Shown>
    </Page>
  );
}
