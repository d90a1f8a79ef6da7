// SPDX-License-Identifier: MIT
import '@preact/signals';
import { render } from 'preact';
import './style/tokens.css';
import './style/base.css';
import './state/settings';
import { App } from './app';

render(<App />, document.getElementById('app')!);
