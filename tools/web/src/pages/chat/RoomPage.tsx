// SPDX-License-Identifier: MIT
/** A room: its head, its history, and where one writes; or why one cannot see it. */
import { useSignal, useSignalEffect } from '@preact/signals';
import { Button } from '../../components/Button';
import { ErrorNote } from '../../components/ErrorNote';
import { useAction, useTitle } from '../../components/hooks';
import { Skeleton } from '../../components/Loading';
import { focused } from '../../state/focus';
import { historyOf } from '../../state/history';
import { markRead } from '../../state/reading';
import { rooms, unreadOf, unreadTotal, type Room } from '../../state/rooms';
import { join } from '../../state/rooms_live';
import { send } from '../../state/sender';
import { showNumber, t } from '../../strings';
import { Composer } from './Composer';
import { HistoryView } from './HistoryView';
import { NoRoom } from './NoRoom';
import { Head, RoomHead } from './RoomHead';
import { useRoom } from './use_room';

/** In place of the composer, for who only looks. */
function JoinBar({ room }: { room: Room }) {
  const joining = useAction(() => join(room.id));
  return (
    <div class="join-bar">
      <p>{t().chat.lookingIn}</p>
      <Button kind="primary" busy={joining.busy} onClick={() => void joining.run()}>
        {t().chat.join}
      </Button>
      <ErrorNote problem={joining.problem} />
    </div>
  );
}

function OpenRoom({ room, me }: { room: Room; me: string }) {
  const atBottom = useSignal(false);
  const readUntil = useSignal(unreadOf(room) > 0 ? room.read : undefined);
  useTitle(unreadTotal.value > 0 ? `(${showNumber(unreadTotal.value)}) ${room.name}` : room.name);

  // Who was away finds the line where they had read; who looks has read.
  useSignalEffect(() => {
    const now = rooms.value.get(room.id);
    if (now === undefined || unreadOf(now) === 0) return;
    if (!focused.value) readUntil.value = now.read;
    else if (atBottom.value) markRead(room.id);
  });
  const say = (text: string): void => {
    readUntil.value = undefined;
    send(me, room.id, text);
  };
  return (
    <section class="room" aria-label={room.name}>
      <RoomHead room={room} me={me} />
      <HistoryView
        history={historyOf(room.id)}
        me={me}
        name={room.name}
        readUntil={readUntil.value}
        unread={unreadOf(room)}
        onBottom={(there) => (atBottom.value = there)}
      />
      {room.joined ? <Composer user={me} room={room.id} name={room.name} onSend={say} /> : <JoinBar room={room} />}
    </section>
  );
}

export function RoomPage({ id, me }: { id: string; me: string }) {
  const { ready, problem, again } = useRoom(id);
  const room = rooms.value.get(id);
  if (problem !== undefined) return <NoRoom problem={problem} again={again} />;
  if (ready && room !== undefined) return <OpenRoom room={room} me={me} />;
  return (
    <section class="room">
      <Head name={room?.name ?? ''} locked={room?.visibility === 'private'} />
      <div class="room-problem">
        <Skeleton lines={5} />
      </div>
    </section>
  );
}
