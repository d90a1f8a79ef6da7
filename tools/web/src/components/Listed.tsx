// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { Button } from './Button';
import { ErrorNote } from './ErrorNote';
import { Skeleton } from './Loading';
import { t } from '../strings';
import './Listed.css';
import type { Pages } from './pages';

interface Properties {
  pages: Pages<unknown>;
  empty?: ComponentChildren;
  children: ComponentChildren;
}

/** What stands around a list that is read by pages: that it comes, that it is empty, that it failed, that there is more. */
export function Listed({ pages, empty, children }: Properties) {
  const { items, loading, problem, more, load } = pages;
  return (
    <>
      {items.length > 0 && children}
      {items.length === 0 && !loading && problem === undefined && empty}
      {items.length === 0 && loading && <Skeleton lines={4} />}
      <ErrorNote problem={problem} again={load} />
      {more && problem === undefined && (
        <p class="listed-more">
          <Button busy={loading} onClick={load}>
            {t().common.more}
          </Button>
        </p>
      )}
    </>
  );
}
