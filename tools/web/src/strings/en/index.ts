// SPDX-License-Identifier: MIT
import { admin } from './admin';
import { auth } from './auth';
import { chat } from './chat';
import { common } from './common';
import { jobs } from './jobs';
import { shop } from './shop';

export const en = { admin, auth, chat, common, jobs, shop };
