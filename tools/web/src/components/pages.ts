// SPDX-License-Identifier: MIT
// A list that is read page by page, as somebody asks for more.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from '../api/problem';

/** As the server answers it. */
export interface Page<Item> {
  items: Item[];
  next_cursor?: string;
}

export interface Pages<Item> {
  items: Item[];
  loading: boolean;
  problem?: Problem;
  more: boolean;
  load(): void;
  /** From the first page again. */
  restart(): void;
}

interface Read<Item> {
  items: Item[];
  next?: string | undefined;
  loading: boolean;
  problem?: Problem;
}

/** A page with nothing on it, but another behind it, is one of a search that has found nothing so far. */
async function readOn<Item>(read: (cursor?: string) => Promise<Page<Item>>, wanted: () => boolean, cursor?: string): Promise<Page<Item>> {
  let page = await read(cursor);
  while (page.items.length === 0 && page.next_cursor !== undefined && wanted()) page = await read(page.next_cursor);
  return page;
}

/** read: the page at a cursor, or the first. Another `about` is another list. */
export function usePages<Item>(read: (cursor?: string) => Promise<Page<Item>>, about = ''): Pages<Item> {
  const [state, setState] = useState<Read<Item>>({ items: [], loading: true });
  const walk = useRef(0);

  const turn = useCallback(
    (before: Item[], cursor?: string) => {
      const mine = ++walk.current;
      setState({ items: before, next: cursor, loading: true });
      readOn(read, () => mine === walk.current, cursor).then(
        (page) => mine === walk.current && setState({ items: [...before, ...page.items], next: page.next_cursor, loading: false }),
        (error) =>
          mine === walk.current && setState({ items: before, next: cursor, loading: false, problem: Problem.of(error) }),
      );
    },
    [about],
  );
  const restart = useCallback(() => turn([]), [turn]);
  useEffect(() => {
    restart();
    return () => {
      walk.current++;
    };
  }, [restart]);

  const load = () => turn(state.items, state.next);
  return { ...state, more: state.next !== undefined, load, restart };
}
