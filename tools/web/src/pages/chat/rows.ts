// SPDX-License-Identifier: MIT
/**
 * What a room's log looks like: days, groups of one author's messages, lines about who came and went, and where one had
 * read. Pure.
 */
import type { Entry } from '../../state/log';
import type { Unsent } from '../../state/outbox';

/** An entry, or a message that is not yet one. */
export interface Shown extends Entry {
  unsent?: Unsent;
}

/** Said by one, with little time between: a name is written above the first only. */
export interface Group {
  kind: 'group';
  key: string;
  /** Undefined: the system. */
  author: string | undefined;
  at: string;
  messages: Shown[];
}

export type Row =
  | Group
  | { kind: 'day'; key: string; at: string }
  | { kind: 'unread'; key: string }
  | { kind: 'note'; key: string; entry: Shown };

const GROUP_MS = 5 * 60 * 1000;

function dayOf(at: string): string {
  return new Date(at).toDateString();
}

function joins(group: Group | undefined, entry: Shown): group is Group {
  const before = group?.messages[group.messages.length - 1];
  return (
    before !== undefined &&
    before.author === entry.author &&
    Date.parse(entry.created_at) - Date.parse(before.created_at) < GROUP_MS
  );
}

/** The same for a message before and behind its being sent, so that it stays where it is on the page. */
export function messageKey(entry: Shown): string {
  return entry.client_id !== undefined ? `${entry.author ?? ''}/${entry.client_id}` : String(entry.seq);
}

/** What was written here and is not in the log yet comes behind it, never before it in time. */
export function withUnsent(entries: readonly Entry[], unsent: readonly Unsent[], me: string): Shown[] {
  const last = entries[entries.length - 1];
  const mine = new Set(entries.filter((entry) => entry.author === me).map((entry) => entry.client_id));
  const waiting = unsent.filter((item) => !mine.has(item.client_id));
  return [
    ...entries,
    ...waiting.map((item): Shown => {
      const { client_id, text } = item;
      const at = last !== undefined && last.created_at > item.created_at ? last.created_at : item.created_at;
      return { seq: 0, type: 'message', created_at: at, author: me, client_id, text, unsent: item };
    }),
  ];
}

/** readUntil: number of the last message that was read, behind which there is a line; undefined: no line. */
export function rowsOf(entries: readonly Shown[], readUntil?: number): Row[] {
  const rows: Row[] = [];
  let day = '';
  let group: Group | undefined;
  const add = (row: Row): void => {
    group = row.kind === 'group' ? row : undefined;
    rows.push(row);
  };
  for (const entry of entries) {
    if (dayOf(entry.created_at) !== day) {
      day = dayOf(entry.created_at);
      add({ kind: 'day', key: `day ${day}`, at: entry.created_at });
    }
    if (entry.type !== 'message') {
      add({ kind: 'note', key: String(entry.seq), entry });
      continue;
    }
    if (readUntil !== undefined && entry.number === readUntil + 1) {
      add({ kind: 'unread', key: 'unread' });
    }
    if (joins(group, entry)) {
      group.messages.push(entry);
    } else {
      const key = `group ${messageKey(entry)}`;
      add({ kind: 'group', key, author: entry.author, at: entry.created_at, messages: [entry] });
    }
  }
  return rows;
}
