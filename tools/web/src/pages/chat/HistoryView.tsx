// SPDX-License-Identifier: MIT
/** The history of a room, and what is about to become a part of it. */
import { useEffect, useLayoutEffect } from 'preact/hooks';
import { loadOlder, type History } from '../../state/history';
import { reachesBack } from '../../state/log';
import { outbox } from '../../state/outbox';
import { t } from '../../strings';
import { rowsOf, withUnsent } from './rows';
import { RowView } from './Rows';
import { useScroll } from './use_scroll';
import './history.css';

interface Props {
  history: History;
  me: string;
  name: string;
  /** Number of the last message that had been read when one came; undefined: there is no line. */
  readUntil: number | undefined;
  unread: number;
  /** The bottom is in view, or no longer. */
  onBottom: (atBottom: boolean) => void;
}

function Older({ history }: { history: History }) {
  if (reachesBack(history.log.value)) return <p class="history-top">{t().chat.beginning}</p>;
  if (history.older.value !== 'failed') {
    return (
      <p class="history-top">
        <span class="spinner" />
      </p>
    );
  }
  return (
    <p class="history-top">
      {t().chat.olderFailed}
      <button type="button" class="text-button" onClick={() => void loadOlder(history)}>
        {t().common.tryAgain}
      </button>
    </p>
  );
}

function ToBottom({ unread, onClick }: { unread: number; onClick: () => void }) {
  return (
    <button type="button" class={unread > 0 ? 'pill pill-new' : 'pill'} onClick={onClick}>
      {unread > 0 ? t().chat.newMessages(unread) : t().chat.toLatest}
    </button>
  );
}

export function HistoryView({ history, me, name, readUntil, unread, onBottom }: Props) {
  const unsent = outbox.value.filter((item) => item.room === history.room);
  const rows = rowsOf(withUnsent(history.log.value.entries, unsent, me), readUntil);
  const scroll = useScroll(() => {
    if (history.older.value === 'idle') void loadOlder(history);
  });
  const last = unsent.at(-1)?.client_id;

  useEffect(() => onBottom(scroll.atBottom), [scroll.atBottom]);
  useLayoutEffect(() => {
    if (last !== undefined) scroll.toBottom();
  }, [last]);

  return (
    <div class="history-frame">
      <div
        ref={scroll.ref}
        class="history"
        role="log"
        aria-live="polite"
        aria-label={t().chat.messagesIn(name)}
        aria-busy={history.older.value === 'loading'}
        tabIndex={0}
      >
        <div class="history-content">
          <Older history={history} />
          {rows.map((row) => (
            <RowView key={row.key} row={row} me={me} />
          ))}
        </div>
      </div>
      {!scroll.atBottom && <ToBottom unread={unread} onClick={scroll.toBottom} />}
    </div>
  );
}
