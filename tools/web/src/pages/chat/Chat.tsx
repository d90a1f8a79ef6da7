// SPDX-License-Identifier: MIT
/** The rooms, and beside them the one that is open; on a phone one of both. */
import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { Button, IconButton } from '../../components/Button';
import { Empty } from '../../components/Empty';
import { ErrorNote } from '../../components/ErrorNote';
import { useTitle } from '../../components/hooks';
import { Icon } from '../../components/Icon';
import { Skeleton } from '../../components/Loading';
import { myRooms } from '../../state/rooms';
import { inboxState, readInboxAgain } from '../../state/rooms_live';
import { user } from '../../state/session';
import { t } from '../../strings';
import { Browse } from './Browse';
import { CreateRoom } from './CreateRoom';
import { RoomList } from './RoomList';
import { RoomPage } from './RoomPage';
import './chat.css';

/** In the place of a room's id. */
const BROWSE = 'public';

function NoRooms({ onCreate }: { onCreate: () => void }) {
  return (
    <Empty icon="chat" title={t().chat.noRooms} hint={t().chat.noRoomsHint}>
      <Link href={`/rooms/${BROWSE}`} class="button button-primary">
        {t().chat.browse}
      </Link>
      <Button icon="plus" onClick={onCreate}>
        {t().chat.create}
      </Button>
    </Empty>
  );
}

function Rooms({ me, here, onCreate }: { me: string; here: string | undefined; onCreate: () => void }) {
  const { problem, read } = inboxState.value;
  const empty = myRooms.value.length === 0;
  if (empty && problem !== undefined) return <ErrorNote problem={problem} again={readInboxAgain} />;
  if (empty && !read) return <Skeleton lines={6} />;
  return empty ? <NoRooms onCreate={onCreate} /> : <RoomList me={me} here={here} />;
}

function NothingOpen() {
  useTitle(t().chat.title);
  return (
    <section class="room room-none">
      <Empty icon="chat" title={t().chat.pick} hint={t().chat.pickHint} />
    </section>
  );
}

export default function Chat({ id }: { id?: string }) {
  const [creating, setCreating] = useState(false);
  const me = user.value?.id ?? '';
  const Title = id === undefined ? 'h1' : 'h2';
  return (
    <div class="chat" data-open={id !== undefined}>
      <nav class="chat-list" aria-label={t().chat.rooms}>
        <header class="chat-head">
          <Title>{t().chat.title}</Title>
          <Link href={`/rooms/${BROWSE}`} class="button button-quiet button-icon" aria-label={t().chat.browse} title={t().chat.browse}>
            <Icon name="search" size={20} />
          </Link>
          <IconButton icon="plus" label={t().chat.create} onClick={() => setCreating(true)} />
        </header>
        <div class="chat-scroll">
          <Rooms me={me} here={id} onCreate={() => setCreating(true)} />
        </div>
      </nav>
      {id === undefined ? <NothingOpen /> : id === BROWSE ? <Browse /> : <RoomPage key={id} id={id} me={me} />}
      {creating && <CreateRoom me={me} onClose={() => setCreating(false)} />}
    </div>
  );
}
