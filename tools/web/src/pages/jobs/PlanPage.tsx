// SPDX-License-Identifier: MIT
import { Problem } from '../../api/problem';
import { useLoaded } from '../../components/hooks';
import { Page } from '../../components/Page';
import { Shown } from '../../components/Shown';
import { t } from '../../strings';
import { getJob, type Held } from './calls';
import type { Job } from './draft';
import { jobName } from './names';
import { PlanForm } from './PlanForm';

const NOT_FOUND = 404;

/** null: it has no plan yet. */
async function load(name: string): Promise<Held<Job> | null> {
  try {
    return await getJob(name);
  } catch (thrown) {
    if (Problem.of(thrown).status === NOT_FOUND) return null;
    throw thrown;
  }
}

export function PlanPage({ name }: { name: string }) {
  const loaded = useLoaded(() => load(name), [name]);
  const { form } = t().jobs;
  const title = (loaded.value === null ? form.new : form.change)(jobName(name));
  return (
    <Page title={title} back={loaded.value === null ? '/jobs' : `/jobs/${name}`}>
      <Shown from={loaded}>{(held) => <PlanForm name={name} held={held} again={loaded.again} />}</Shown>
    </Page>
  );
}
