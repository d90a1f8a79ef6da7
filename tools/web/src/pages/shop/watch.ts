// SPDX-License-Identifier: MIT
// One order, watched until nothing more happens to it by itself.
import { useEffect, useState } from 'preact/hooks';
import { Problem } from '../../api/problem';
import { poll } from '../../components/poll';
import { type Order, type Step, listSteps, showOrder } from './api';
import { serverNow } from './clock';

const PENDING_MS = 400;
const WAIT_MS_MAX = 5000;

export interface Watched {
  order?: Order;
  steps: Step[];
  problem?: Problem;
}

export const isOpen = (order: Order) => order.state === 'PENDING' || order.state === 'RESERVED';

/** How long until it is worth asking again; undefined: never. */
export function waitFor(order: Order | undefined, asked: number): number | undefined {
  if (order === undefined || order.state === 'PENDING') {
    return Math.min(PENDING_MS * 1.4 ** asked, WAIT_MS_MAX);
  }
  if (order.state !== 'RESERVED') {
    return undefined;
  }
  const left = Date.parse(order.expires_at ?? '') - serverNow();
  return left > 0 && left < WAIT_MS_MAX ? left + PENDING_MS : WAIT_MS_MAX;
}

/** And what else changes it: take() shows an order as the answer to what was asked of it. */
export function useOrder(id: string): Watched & { take: (order: Order) => Promise<void> } {
  const [watched, setWatched] = useState<Watched>({ steps: [] });

  const take = async (order: Order) => {
    setWatched(({ steps }) => ({ order, steps }));
    const steps = await listSteps(id).catch(() => undefined);
    if (steps !== undefined) {
      setWatched((now) => ({ ...now, steps }));
    }
  };

  useEffect(() => {
    let order: Order | undefined;
    let tag: string | undefined;
    let asked = 0;
    let gone = false;
    const ask = async () => {
      asked++;
      try {
        const answer = await showOrder(id, tag);
        if (answer !== undefined && !gone) {
          ({ value: order, tag } = answer);
          await take(order);
        }
      } catch (error) {
        const problem = Problem.of(error);
        gone = problem.status === 404 || problem.status === 403;
        if (order === undefined) {
          setWatched((now) => ({ ...now, problem }));
        }
      }
    };
    setWatched({ steps: [] });
    const stop = poll(ask, () => (gone ? undefined : waitFor(order, asked)));
    return () => {
      gone = true;
      stop();
    };
  }, [id]);

  return { ...watched, take };
}
