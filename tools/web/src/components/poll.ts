// SPDX-License-Identifier: MIT
/** Asks again and again while somebody looks: not while the page is hidden, and never twice at once. */
import { useEffect, useRef } from 'preact/hooks';

// `ask` says whether to go on; what it throws is its own to catch. A change of `about` begins anew.
export function usePoll(ask: (signal: AbortSignal) => Promise<boolean>, interval_ms: number, about: string): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    const round = async (): Promise<void> => {
      if (asking || document.hidden || end.signal.aborted) return;
      asking = true;
      const more = await latest.current(end.signal);
      asking = false;
      if (more && !end.signal.aborted) timer = setTimeout(round, interval_ms);
      else end.abort();
    };
    const look = (): void => {
      clearTimeout(timer);
      if (!document.hidden) void round();
    };
    document.addEventListener('visibilitychange', look, { signal: end.signal });
    void round();
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [interval_ms, about]);
}
