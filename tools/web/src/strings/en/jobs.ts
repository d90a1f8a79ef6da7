// SPDX-License-Identifier: MIT
export const jobs = {
  title: 'Jobs',
};
