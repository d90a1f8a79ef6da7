// SPDX-License-Identifier: MIT
/** What was begun in a room and not sent: it is there again when one comes back, also after a reload. */

const PREFIX = 'doran.draft.';

export function draftOf(user: string, room: string): string {
  try {
    return localStorage.getItem(`${PREFIX}${user}.${room}`) ?? '';
  } catch {
    return '';
  }
}

export function keepDraft(user: string, room: string, text: string): void {
  const key = `${PREFIX}${user}.${room}`;
  try {
    if (text === '') {
      localStorage.removeItem(key);
    } else {
      localStorage.setItem(key, text);
    }
  } catch {
    return; // without a storage, drafts live as long as the page
  }
}
