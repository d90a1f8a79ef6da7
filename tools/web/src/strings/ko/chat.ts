// SPDX-License-Identifier: MIT
import type { chat as table } from '../en/chat';

export const chat: typeof table = {
  title: '대화',
};
