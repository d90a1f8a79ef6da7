// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction } from '../../components/hooks';
import { Skeleton } from '../../components/Loading';
import type { Page } from '../../state/rooms_api';
import { t } from '../../strings';

interface Properties<Item> {
  /** The page at a cursor, or the first. */
  read: (cursor: string | undefined) => Promise<Page<Item>>;
  /** As a list item, with its key. */
  show: (item: Item) => ComponentChildren;
  empty?: ComponentChildren;
}

/** A list that is read page by page. */
export function Pages<Item>({ read, show, empty }: Properties<Item>) {
  const [items, setItems] = useState<Item[]>();
  const [next, setNext] = useState<string>();
  const more = useAction(async () => {
    const page = await read(next);
    setItems([...(items ?? []), ...page.items]);
    setNext(page.next);
  });
  useEffect(() => void more.run(), []);
  return (
    <>
      {items === undefined && more.busy && <Skeleton />}
      {items !== undefined && <ul>{items.map(show)}</ul>}
      {items?.length === 0 && empty}
      <ErrorNote problem={more.problem} again={() => void more.run()} />
      {next !== undefined && !more.problem && (
        <Button kind="quiet" busy={more.busy} onClick={() => void more.run()}>
          {t().common.more}
        </Button>
      )}
    </>
  );
}
