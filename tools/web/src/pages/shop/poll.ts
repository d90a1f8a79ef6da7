// SPDX-License-Identifier: MIT
// Asking again and again while somebody looks: not while the page is hidden, at once when it is shown again.

export interface Poll {
  stop(): void;
}

/**
 * Calls ask now and then again, wait() ms behind its end, until stop() or until wait() is undefined. ask must not throw: what it
 * could not do, the next one will.
 */
export function poll(ask: () => Promise<void>, wait: () => number | undefined): Poll {
  let timer: number | undefined;
  let stopped = false;
  let running = false;

  const next = async () => {
    window.clearTimeout(timer);
    if (stopped || running || document.hidden) {
      return;
    }
    running = true;
    await ask();
    running = false;
    const ms = wait();
    if (!stopped && ms !== undefined) {
      timer = window.setTimeout(next, ms);
    } else {
      stop();
    }
  };
  const wake = () => void next();
  const stop = () => {
    stopped = true;
    window.clearTimeout(timer);
    document.removeEventListener('visibilitychange', wake);
    window.removeEventListener('online', wake);
  };

  document.addEventListener('visibilitychange', wake);
  window.addEventListener('online', wake);
  wake();
  return { stop };
}
