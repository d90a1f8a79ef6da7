// SPDX-License-Identifier: MIT
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from '../api/problem';
import { t } from '../strings';

/** The title of the window while the component is there. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${t().common.appName}`;
  }, [title]);
}

export interface Loaded<T> {
  value: T | undefined;
  problem: Problem | undefined;
  /** Also while there is an older value. */
  loading: boolean;
  /** Loads once more; the value stays until there is another. */
  again: () => void;
  set: (value: T) => void;
}

/** What `load` gives, again whenever `about` changes. An answer that comes too late is dropped. */
export function useLoaded<T>(load: () => Promise<T>, about: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value?: T; problem?: Problem; loading: boolean }>({ loading: true });
  const turn = useRef(0);
  const run = (keep: boolean): void => {
    const mine = ++turn.current;
    setState((before) => (keep && before.value !== undefined ? { value: before.value, loading: true } : { loading: true }));
    load().then(
      (value) => mine === turn.current && setState({ value, loading: false }),
      (thrown: unknown) =>
        mine === turn.current &&
        setState((before) => ({ ...(keep && before.value !== undefined ? { value: before.value } : {}), problem: Problem.of(thrown), loading: false })),
    );
  };
  useEffect(() => {
    run(false);
    return () => void turn.current++;
  }, about);
  return {
    value: state.value,
    problem: state.problem,
    loading: state.loading,
    again: () => run(true),
    set: (value) => setState({ value, loading: false }),
  };
}

export interface Action<A extends unknown[]> {
  run: (...about: A) => Promise<void>;
  busy: boolean;
  problem: Problem | undefined;
  clear: () => void;
}

/** Something that a person does: once at a time; what goes wrong is kept until the next time. */
export function useAction<A extends unknown[]>(act: (...about: A) => Promise<unknown>): Action<A> {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const latest = useRef(act);
  const running = useRef(false);
  latest.current = act;
  const run = useCallback(async (...about: A) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setProblem(undefined);
    try {
      await latest.current(...about);
    } catch (thrown) {
      setProblem(Problem.of(thrown));
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  return { run, busy, problem, clear: () => setProblem(undefined) };
}
