// SPDX-License-Identifier: MIT
export const shop = {
  title: 'Shop',
};
