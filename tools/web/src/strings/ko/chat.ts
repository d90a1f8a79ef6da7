// SPDX-License-Identifier: MIT
import type { chat as table } from '../en/chat';

export const chat: typeof table = {
  title: '대화',
  rooms: '내 대화방',
  toRooms: '내 대화방 보기',
  backToRooms: '내 대화방으로 돌아가기',
  noRooms: '아직 대화방이 없어요',
  noRoomsHint: '공개 대화방에 들어가거나, 새로 만들어 함께 이야기해 보세요.',
  pick: '대화방을 골라 보세요',
  pickHint: '왼쪽에 내 대화방이 있어요. 읽지 않은 메시지는 숫자로 알려 드려요.',
  privateRoom: '비공개 대화방',
  nothingSaid: '아직 나눈 이야기가 없어요',
  unread: (count) => `읽지 않은 메시지 ${count}개`,

  browse: '공개 대화방',
  noPublic: '아직 공개 대화방이 없어요',
  noPublicHint: '첫 번째 대화방을 만들어 보세요.',
  joined: '참여 중',

  create: '새 대화방',
  createNow: '만들기',
  roomName: '이름',
  whoMayJoin: '누가 들어올 수 있나요?',
  visibilities: { public: '공개', private: '비공개' },
  visibilityHints: {
    public: '누구나 찾아서 읽고 들어올 수 있어요.',
    private: '나와 지금 고른 사람만 볼 수 있어요.',
  },
  startWith: '처음부터 함께할 사람',

  missing: '찾을 수 없는 대화방이에요',
  missingHint: '주소가 잘못되었거나 대화방이 없어졌을 수 있어요.',
  forbidden: '비공개 대화방이에요',
  forbiddenHint: '참여한 사람만 대화를 볼 수 있어요.',

  lookingIn: '지금은 구경 중이에요. 참여하면 글을 쓸 수 있어요.',
  join: '참여하기',
  leave: '대화방 나가기',
  leaveHint: '나가면 이 방의 메시지를 더 받지 않아요. 언제든 다시 들어올 수 있어요.',
  leavePrivateHint: '비공개 대화방이라, 나가면 혼자서는 다시 들어올 수 없어요.',
  members: '참여한 사람',
  memberCount: (count) => `${count}명 참여 중`,
  owner: '방장',
  nobody: '떠난 사용자',

  messagesIn: (name) => `${name}의 메시지`,
  beginning: '여기에서 대화가 시작됐어요.',
  olderFailed: '이전 메시지를 불러오지 못했어요.',
  unreadFrom: '여기부터 읽지 않았어요',
  newMessages: (count) => `새 메시지 ${count}개`,
  toLatest: '최근 메시지로',
  notes: {
    created: (name) => `${name} 님이 대화방을 만들었어요`,
    joined: (name) => `${name} 님이 들어왔어요`,
    left: (name) => `${name} 님이 나갔어요`,
  },

  write: '메시지를 입력하세요',
  writeTo: (name) => `${name}에 보낼 메시지`,
  send: '보내기',
  characters: (count, most) => `${most}자 중 ${count}자`,
  sending: '보내는 중…',
  waiting: '다시 연결되면 보낼게요',
  sendAgain: '다시 보내기',
  discard: '지우기',
  notSent: {
    forbidden: '보내지 못했어요. 지금은 이 대화방에 참여하고 있지 않아요.',
    invalid: '보내지 못했어요. 보낼 수 없는 내용이 있어요.',
    other: '보내지 못했어요.',
  },
};
