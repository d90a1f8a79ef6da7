// SPDX-License-Identifier: MIT
/** Asks again and again while somebody looks: not while the page is hidden, and never twice at once. */
import { useEffect, useRef } from 'preact/hooks';

/**
 * Calls ask now, and again wait() ms behind its end, until wait() is undefined or the function that is returned is called. It is
 * asked at once when the page is shown again, or the network is back. What ask throws is its own to catch.
 */
export function poll(ask: () => Promise<void>, wait: () => number | undefined): () => void {
  const end = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  const round = async (): Promise<void> => {
    clearTimeout(timer);
    if (asking || document.hidden || end.signal.aborted) return;
    asking = true;
    await ask();
    asking = false;
    if (end.signal.aborted) return;
    const ms = wait();
    if (ms === undefined) end.abort();
    else timer = setTimeout(round, ms);
  };
  document.addEventListener('visibilitychange', round, { signal: end.signal });
  window.addEventListener('online', round, { signal: end.signal });
  void round();
  return () => {
    clearTimeout(timer);
    end.abort();
  };
}

/** The same for a component: ask says whether to go on. A change of `about` begins anew. */
export function usePoll(ask: () => Promise<boolean>, interval_ms: number, about: string): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    let more = true;
    return poll(
      async () => {
        more = await latest.current();
      },
      () => (more ? interval_ms : undefined),
    );
  }, [interval_ms, about]);
}
