// SPDX-License-Identifier: MIT
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Problem } from '../api/problem';
import { ErrorNote } from './ErrorNote';
import { Loading } from './Loading';

/** A component whose code comes when it is first shown. */
export function lazy<P extends object>(load: () => Promise<{ default: ComponentType<P> }>): ComponentType<P> {
  let Loaded: ComponentType<P> | undefined;
  return function Lazy(properties: P) {
    const [failed, setFailed] = useState(false);
    const [, setLoaded] = useState(Loaded !== undefined);
    useEffect(() => {
      if (Loaded !== undefined || failed) return;
      load().then(
        (module) => {
          Loaded = module.default;
          setLoaded(true);
        },
        () => setFailed(true),
      );
    }, [failed]);
    if (Loaded !== undefined) return <Loaded {...properties} />;
    // After an update of the server the old pages are gone: only the new index.html knows theirs.
    return failed ? <ErrorNote problem={Problem.network()} again={() => location.reload()} /> : <Loading />;
  };
}
