// SPDX-License-Identifier: MIT
export const productPath = (id: string) => `/shop/${encodeURIComponent(id)}`;
export const stockPath = (sku: string) => `/shop/stock/${encodeURIComponent(sku)}`;
export const orderPath = (id: string) => `/orders/${encodeURIComponent(id)}`;
