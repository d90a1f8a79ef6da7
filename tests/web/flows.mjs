// SPDX-License-Identifier: MIT
// All flows, one after the other.
import './auth.mjs';
import './chat.mjs';
import './shop.mjs';
import './admin.mjs';
