// SPDX-License-Identifier: MIT
/** Has a room and its history here while one looks at it. */
import { effect } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { useAction } from '../../components/hooks';
import type { Problem } from '../../api/problem';
import { link } from '../../state/connection';
import { catchUp, historyOf, loadUnread, shrinkHistory } from '../../state/history';
import { lastSeq } from '../../state/log';
import { rooms, unreadOf } from '../../state/rooms';
import { lookAt, lookAway } from '../../state/rooms_live';

async function load(id: string): Promise<void> {
  await lookAt(id);
  const history = historyOf(id);
  await catchUp(history);
  const room = rooms.value.get(id);
  if (room !== undefined && unreadOf(room) > 0) await loadUnread(history, room.read);
}

/** Reads whatever the log lacks of what is known to have happened; tried again when the connection changes. */
function keepUp(id: string): () => void {
  const history = historyOf(id);
  return effect(() => {
    const room = rooms.value.get(id);
    const log = history.log.value;
    if (link.value === 'off' || room === undefined) return;
    if (!log.read || room.seq > lastSeq(log)) catchUp(history, room.seq).catch(() => undefined);
  });
}

export function useRoom(id: string): { ready: boolean; problem: Problem | undefined; again: () => void } {
  const [ready, setReady] = useState(false);
  const opening = useAction(async () => {
    await load(id);
    setReady(true);
  });
  const gone = ready && !rooms.value.has(id); // somebody was put out: the server says why
  useEffect(() => {
    if (gone) void opening.run();
  }, [gone]);
  useEffect(() => {
    void opening.run();
    const stop = keepUp(id);
    return () => {
      stop();
      lookAway(id);
      shrinkHistory(id);
    };
  }, []);
  return { ready, problem: opening.problem, again: () => void opening.run() };
}
