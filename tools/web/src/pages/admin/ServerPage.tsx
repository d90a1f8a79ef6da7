// SPDX-License-Identifier: MIT
/** What the server does now, as `doran top` shows it, for people who would rather look. */
import { useState } from 'preact/hooks';
import { Problem } from '../../api/problem';
import { ErrorNote } from '../../components/ErrorNote';
import { Skeleton } from '../../components/Loading';
import { Page } from '../../components/Page';
import { usePoll } from '../../components/poll';
import { showTime, t } from '../../strings';
import { showLasting } from '../../strings/figures';
import { getStat } from './calls';
import { Connections, Mishaps } from './Connections';
import { Load } from './Load';
import { lookOf, type Looks, remember } from './look';
import { Shards } from './Shards';
import { Applier, Journal } from './Storage';
import { Tabs } from './Tabs';
import { Worries } from './Worries';

const POLL_MS = 1000;
const MS_PER_S = 1000;

function Figures({ looks, stale }: { looks: Looks; stale: boolean }) {
  const last = looks.at(-1)!;
  const { version, uptime_s } = last.stat;
  return (
    <>
      <p class="soft">{t().admin.server.version(version, showLasting(uptime_s * MS_PER_S))}</p>
      <Worries look={last} stale={stale ? showTime(last.at_ms) : undefined} />
      <Load looks={looks} />
      <Shards looks={looks} />
      <Journal looks={looks} />
      <Applier looks={looks} />
      <Connections looks={looks} />
      <Mishaps stat={last.stat} />
    </>
  );
}

export function ServerPage() {
  const [looks, setLooks] = useState<Looks>([]);
  const [problem, setProblem] = useState<Problem>();
  const ask = async (): Promise<boolean> => {
    try {
      const stat = await getStat();
      setLooks((known) => remember(known, lookOf(stat, Date.now(), known.at(-1))));
      setProblem(undefined);
    } catch (thrown) {
      setProblem(Problem.of(thrown));
    }
    return true;
  };
  usePoll(ask, POLL_MS, '');
  return (
    <Page title={t().admin.server.title} actions={<Tabs />} wide>
      {looks.length > 0 ? <Figures looks={looks} stale={problem !== undefined} /> : problem ? <ErrorNote problem={problem} /> : <Skeleton />}
    </Page>
  );
}
