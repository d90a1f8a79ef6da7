// SPDX-License-Identifier: MIT
// The pages of the shop come together: whoever looks at one will look at others.
export { BasketPage } from './BasketPage';
export { NewProductPage } from './NewProductPage';
export { OrderPage } from './OrderPage';
export { OrdersPage } from './OrdersPage';
export { ProductPage } from './ProductPage';
export { ProductsPage } from './ProductsPage';
export { StockPage } from './StockPage';
