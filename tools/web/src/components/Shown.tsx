// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { ErrorNote } from './ErrorNote';
import type { Loaded } from './hooks';
import { Skeleton } from './Loading';

/** What was loaded; until then its shape, and what went wrong. */
export function Shown<T>({ from, children }: { from: Loaded<T>; children: (value: T) => ComponentChildren }) {
  const { value, problem, again } = from;
  return (
    <>
      {problem && <ErrorNote problem={problem} again={again} />}
      {value !== undefined ? children(value) : problem === undefined && <Skeleton />}
    </>
  );
}
