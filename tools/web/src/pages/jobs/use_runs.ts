// SPDX-License-Identifier: MIT
/** The runs of a job, the latest first: asked for again while one goes on. */
import { useState } from 'preact/hooks';
import { Problem } from '../../api/problem';
import { usePoll } from '../../components/poll';
import { listRuns, type Run } from './calls';
import { mergeRuns } from './merge_runs';
import { goesOn, POLL_MS } from './runs';

interface Runs {
  runs: Run[] | undefined; // undefined: not known yet
  problem: Problem | undefined;
  older: (() => Promise<void>) | undefined; // undefined: there are none
}

/** `about` changes when a run was begun; `ended` is told when the last one that went on has ended. */
export function useRuns(job: string, about: string, ended: () => void): Runs {
  const [runs, setRuns] = useState<Run[]>();
  const [cursor, setCursor] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const ask = async (): Promise<boolean> => {
    try {
      const page = await listRuns(job);
      const goes = page.items.some(goesOn);
      if (runs === undefined) setCursor(page.next_cursor);
      else if (runs.some(goesOn) && !goes) ended();
      setRuns((known) => mergeRuns(page.items, known ?? []));
      setProblem(undefined);
      return goes;
    } catch (thrown) {
      setProblem(Problem.of(thrown));
      return true;
    }
  };
  const older = async (): Promise<void> => {
    const page = await listRuns(job, cursor);
    setCursor(page.next_cursor);
    setRuns((known) => [...(known ?? []), ...page.items]);
  };
  usePoll(ask, POLL_MS, about);
  return { runs, problem, older: cursor === undefined ? undefined : older };
}
