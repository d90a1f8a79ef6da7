// SPDX-License-Identifier: MIT
import type { shop as table } from '../en/shop';

export const shop: typeof table = {
  title: '상점',
};
