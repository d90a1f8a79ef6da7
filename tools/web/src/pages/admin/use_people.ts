// SPDX-License-Identifier: MIT
/** The users that are wanted, a page after the other. What was wanted before is not shown for what is wanted now. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from '../../api/problem';
import { listPeople, type People, type Person, type Wanted } from './calls';

export interface Found {
  items: Person[] | undefined; // undefined: not known yet
  next: string | undefined; // cursor of the next page
  problem: Problem | undefined;
}

const NOTHING: Found = { items: undefined, next: undefined, problem: undefined };

export function usePeople(wanted: Wanted): Found & { more: () => Promise<void> } {
  const [found, setFound] = useState(NOTHING);
  const asked = useRef(0);
  const { query, status } = wanted;
  const show = async (before: Person[], page: Promise<People>): Promise<void> => {
    const turn = ++asked.current;
    try {
      const { items, next_cursor } = await page;
      if (turn === asked.current) setFound({ items: [...before, ...items], next: next_cursor, problem: undefined });
    } catch (thrown) {
      if (turn === asked.current) setFound((known) => ({ ...known, problem: Problem.of(thrown) }));
    }
  };
  useEffect(() => void show([], listPeople(wanted)), [query, status]);
  return { ...found, more: () => show(found.items ?? [], listPeople(wanted, found.next)) };
}
