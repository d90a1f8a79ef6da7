// SPDX-License-Identifier: MIT
/** Why a room is not shown. */
import { Link } from 'wouter-preact';
import type { Problem } from '../../api/problem';
import { Empty } from '../../components/Empty';
import { ErrorNote } from '../../components/ErrorNote';
import { t } from '../../strings';
import { Head } from './RoomHead';

export function NoRoom({ problem, again }: { problem: Problem; again: () => void }) {
  const { title, missing, missingHint, forbidden, forbiddenHint, toRooms } = t().chat;
  const closed = problem.code === 'forbidden';
  const gone = problem.code === 'not_found' || problem.code === 'invalid';
  return (
    <section class="room">
      <Head name={title} />
      {closed || gone ? (
        <Empty icon={closed ? 'lock' : 'search'} title={closed ? forbidden : missing} hint={closed ? forbiddenHint : missingHint}>
          <Link href="/rooms" class="button button-primary">
            {toRooms}
          </Link>
        </Empty>
      ) : (
        <div class="room-problem">
          <ErrorNote problem={problem} again={again} />
        </div>
      )}
    </section>
  );
}
