// SPDX-License-Identifier: MIT
/** What a run found. A report of a kind that is not known here is shown as it is. */
import { Problem } from '../../api/problem';
import { useLoaded } from '../../components/hooks';
import { Card } from '../../components/Page';
import { Shown } from '../../components/Shown';
import { t } from '../../strings';
import { type Found, getReport } from './calls';
import { type Statistics, UserStatistics } from './UserStatistics';

const NOT_FOUND = 404;

function isStatistics(report: unknown): report is Statistics {
  return typeof report === 'object' && report !== null && 'by_status' in report && 'by_day' in report;
}

/** null: there is none, or it is not kept any more. */
async function load(id: string): Promise<Found | null> {
  try {
    return await getReport(id);
  } catch (thrown) {
    if (Problem.of(thrown).status === NOT_FOUND) return null;
    throw thrown;
  }
}

function Drawn({ report }: { report: unknown }) {
  return isStatistics(report) ? <UserStatistics report={report} /> : <pre class="report-raw">{JSON.stringify(report, null, 2)}</pre>;
}

export function Report({ id }: { id: string }) {
  const loaded = useLoaded(() => load(id), [id]);
  return (
    <Card title={t().jobs.report.title}>
      <Shown from={loaded}>{(found) => (found ? <Drawn report={found.report} /> : <p class="soft">{t().jobs.report.gone}</p>)}</Shown>
    </Card>
  );
}
