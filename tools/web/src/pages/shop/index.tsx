// SPDX-License-Identifier: MIT
import { effect } from '@preact/signals';
import { lazy } from '../../components/lazy';
import { user } from '../../state/session';
import { t } from '../../strings';
import type { Part } from '../part';
import { basket, openBasket } from './basket';

const all = () => import('./all');

effect(() => openBasket(user.value?.id ?? ''));

export const shop: Part = {
  routes: [
    { path: '/shop', page: lazy(async () => ({ default: (await all()).ProductsPage })) },
    { path: '/shop/basket', page: lazy(async () => ({ default: (await all()).BasketPage })) },
    { path: '/shop/new', page: lazy(async () => ({ default: (await all()).NewProductPage })), admin: true },
    { path: '/shop/stock/:sku', page: lazy(async () => ({ default: (await all()).StockPage })), admin: true },
    { path: '/shop/:id', page: lazy(async () => ({ default: (await all()).ProductPage })) },
    { path: '/orders', page: lazy(async () => ({ default: (await all()).OrdersPage })) },
    { path: '/orders/:id', page: lazy(async () => ({ default: (await all()).OrderPage })) },
  ],
  places: [
    { path: '/shop', icon: 'bag', label: () => t().shop.title, count: () => basket.value.lines.length },
    { path: '/orders', icon: 'receipt', label: () => t().shop.orders },
  ],
};
