// SPDX-License-Identifier: MIT
import type { admin as table } from '../en/admin';

export const admin: typeof table = {
  title: '관리',
};
