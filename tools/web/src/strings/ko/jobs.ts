// SPDX-License-Identifier: MIT
import type { jobs as table } from '../en/jobs';

export const jobs: typeof table = {
  title: '작업',
};
