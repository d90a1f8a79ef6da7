// SPDX-License-Identifier: MIT
export const admin = {
  title: 'Admin',
};
