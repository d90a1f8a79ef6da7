// SPDX-License-Identifier: MIT
import { plural } from '../index';

export const chat = {
  title: 'Chat',
  rooms: 'My rooms',
  toRooms: 'Go to my rooms',
  backToRooms: 'Back to my rooms',
  noRooms: 'No rooms yet',
  noRoomsHint: 'Join a public room, or make one and bring others along.',
  pick: 'Pick a room',
  pickHint: 'Your rooms are on the left. A number says how much you have not read.',
  privateRoom: 'Private room',
  nothingSaid: 'Nothing said yet',
  unread: (count: number) => plural(count, 'unread message', 'unread messages'),

  browse: 'Public rooms',
  noPublic: 'No public rooms yet',
  noPublicHint: 'Make the first one.',
  joined: 'Joined',

  create: 'New room',
  createNow: 'Create room',
  roomName: 'Name',
  whoMayJoin: 'Who may come in?',
  visibilities: { public: 'Public', private: 'Private' },
  visibilityHints: {
    public: 'Everybody can find it, read it and join.',
    private: 'Only you and the people you choose now.',
  },
  startWith: 'Who is in it from the start?',

  missing: 'There is no such room',
  missingHint: 'The address may have a typo, or the room is gone.',
  forbidden: 'This room is private',
  forbiddenHint: 'Only its members can see what is said here.',

  lookingIn: 'You are looking in. Join to write along.',
  join: 'Join',
  leave: 'Leave room',
  leaveHint: 'You will get no more messages from this room. You can join again whenever you like.',
  leavePrivateHint: 'This room is private: once you have left, you cannot come back by yourself.',
  members: 'Members',
  memberCount: (count: number) => plural(count, 'member', 'members'),
  owner: 'Owner',
  nobody: 'Somebody who left',

  messagesIn: (name: string) => `Messages in ${name}`,
  beginning: 'This is where it begins.',
  olderFailed: 'Older messages could not be loaded.',
  unreadFrom: 'Unread from here',
  newMessages: (count: number) => plural(count, 'new message', 'new messages'),
  toLatest: 'To the latest',
  notes: {
    created: (name: string) => `${name} made this room`,
    joined: (name: string) => `${name} joined`,
    left: (name: string) => `${name} left`,
  },

  write: 'Write a message',
  writeTo: (name: string) => `Message to ${name}`,
  send: 'Send',
  characters: (count: string, most: string) => `${count} of ${most} characters`,
  sending: 'Sending…',
  waiting: 'Will be sent when you are connected again',
  sendAgain: 'Try again',
  discard: 'Discard',
  notSent: {
    forbidden: 'Not sent: you are not in this room any more.',
    invalid: 'Not sent: the server does not take this text.',
    other: 'Not sent.',
  },
};
