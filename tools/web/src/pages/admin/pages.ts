// SPDX-License-Identifier: MIT
/** What is loaded when the first of these pages is shown. */
import './admin.css';

export { ServerPage } from './ServerPage';
export { UserPage } from './UserPage';
export { UsersPage } from './UsersPage';
