// SPDX-License-Identifier: MIT
// All flows, one after the other.
import './auth.mjs';
