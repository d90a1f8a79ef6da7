// SPDX-License-Identifier: MIT
/**
 * The live connection as a machine of its own: it knows no browser, only what its environment gives it, so that tests can
 * play time and network (live_connection.test.ts). `live.ts` has the one that the app uses.
 *
 *   off ──start──► connecting ──welcome──► on
 *                   ▲    │ closed           │ closed, dead
 *                   │    ▼                  │
 *                   └─ waiting ◄────────────┘
 *
 * Every room has a place, the last entry that its listeners have heard. Whatever happens to the connection, they hear the
 * entry behind it next: what was missed is asked for from the server, which brings it, or has it read page by page. Only
 * when the log is not the same any more, or too much was missed, listeners are told to read anew from the room's head.
 */
import type { components } from './document';

export type Entry = components['schemas']['room_message'];

/** Of an entry in a room's log. */
export interface Position {
  log_epoch: number;
  seq: number;
}

export interface RoomListener {
  /** Entries behind `place` come from now on. `anew`: whatever was read before has a gap before it, so read again. */
  begun?: (place: Position, anew: boolean) => void;
  /** Every entry once and in order. */
  entry: (entry: Entry, place: Position) => void;
  /** No more comes: not a member, no such room, … (codes of problems). */
  ended?: (code: string) => void;
}

export type Frame = { op: string } & Record<string, unknown>;

export interface Ack {
  seq: number;
  number: number;
}

/** What a post, or whatever else was said, failed with: a code of problems, or `gone`: whether it was done is not known. */
export class Refusal extends Error {
  constructor(readonly code: string) {
    super(code);
    this.name = 'Refusal';
  }
}

export interface Socket {
  send(text: string): void;
  close(): void;
}

export type State = 'off' | 'connecting' | 'waiting' | 'on';

export interface Environment {
  /** Calls `heard` for every frame and `closed` once, but neither before it returns. */
  open(token: string, heard: (text: string) => void, closed: (code: number) => void): Socket;
  /** A good access token; undefined: there is none. Throws if that cannot be known now. */
  token(): Promise<string | undefined>;
  /** The server does not take `token`. Throws as `token`. */
  renew(token: string): Promise<void>;
  /** The login session has ended on the server. */
  ended(): void;
  /** Entries of a room behind `after`, oldest first; none: that was all. */
  read(room: string, after: number): Promise<Entry[]>;
  changed(state: State): void;
  now(): number;
  random(): number;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

const BACKOFF_FIRST_MS = 300;
const BACKOFF_MAX_MS = 20_000;
const LATER_MS = 5_000; // at least, when the server asks for it
const CONNECT_MS = 10_000;
const ANSWER_MS = 6_000; // to a ping
const HEARTBEAT_MS = 20_000; // until the server says its own
const READ_MAX = 2_000; // entries that are read behind an absence; who missed more begins anew

const CLOSE_POLICY = 1008;
const CLOSE_RESTART = 1012;
const CLOSE_LATER = 1013;
const CLOSE_EXPIRED = 4001;
const CLOSE_ENDED = 4003;

/** away: the server does not send; asked: it was asked to; reading: what was missed is read page by page. */
interface Room {
  id: string;
  listeners: Set<RoomListener>;
  state: 'away' | 'asked' | 'reading' | 'on';
  place: Position | undefined;
}

interface Waiting {
  resolve: (ack: Ack) => void;
  reject: (refusal: Refusal) => void;
}

export class LiveConnection {
  readonly #environment: Environment;
  readonly #rooms = new Map<string, Room>();
  readonly #posts = new Map<string, Waiting>();
  #state: State = 'off';
  #socket: Socket | undefined;
  #token = '';
  #tries = 0;
  #turn = 0; // of connecting: what an earlier one awaited is not for the next
  #timer: unknown; // of the next try, or of the heartbeat
  #heartbeatMs = HEARTBEAT_MS;
  #heard = 0; // when the last frame came
  #asked = 0; // when a ping was sent that nothing has come behind; 0: none

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get state(): State {
    return this.#state;
  }

  /** Connects, and stays so until `stop`. */
  start(): void {
    if (this.#state === 'off') void this.#connect();
  }

  /** Forgets its rooms and listeners as well. */
  stop(): void {
    this.#drop();
    this.#rooms.clear();
    this.#tries = 0;
    this.#turnTo('off');
  }

  /** The way may be free again: somebody asks, the network is back, the page is seen. */
  tryNow(): void {
    if (this.#state === 'waiting') {
      this.#tries = 0;
      void this.#connect();
    } else if (this.#state === 'on') {
      this.#ping();
    }
  }

  /** The device says that it has no network. */
  lost(): void {
    if (this.#state === 'on' || this.#state === 'connecting') this.#fail();
  }

  /**
   * Hears a room until the function that is given back is called. `after`: the last entry that the listener knows; ignored
   * if others listen already, whose place is told then with `anew`. Hears nothing before it returns.
   */
  listen(id: string, listener: RoomListener, after?: Position): () => void {
    let room = this.#rooms.get(id);
    if (room === undefined) {
      room = { id, listeners: new Set(), state: 'away', place: after };
      this.#rooms.set(id, room);
    } else if (room.state === 'on') {
      const joined = room;
      queueMicrotask(() => joined.state === 'on' && joined.listeners.has(listener) && listener.begun?.(joined.place!, true));
    }
    room.listeners.add(listener);
    if (this.#state === 'on' && room.state === 'away') this.#subscribe(room);
    return () => this.#leave(id, listener);
  }

  /** Rejects with a Refusal. The same client_id is the same message, so after `gone` it may be posted again. */
  post(room: string, client_id: string, text: string): Promise<Ack> {
    return new Promise((resolve, reject) => {
      if (!this.#say({ op: 'post', room, client_id, text })) {
        reject(new Refusal('gone'));
        return;
      }
      this.#posts.get(client_id)?.reject(new Refusal('gone'));
      this.#posts.set(client_id, { resolve, reject });
    });
  }

  // The connection.

  /** False: not now. */
  #say(frame: Frame): boolean {
    if (this.#state !== 'on') return false;
    this.#socket!.send(JSON.stringify(frame));
    return true;
  }

  #turnTo(state: State): void {
    this.#state = state;
    this.#environment.changed(state);
  }

  #set(run: () => void, ms: number): void {
    this.#environment.clearTimer(this.#timer);
    this.#timer = this.#environment.setTimer(run, ms);
  }

  async #connect(): Promise<void> {
    const turn = ++this.#turn;
    this.#turnTo('connecting');
    this.#set(() => this.#fail(), CONNECT_MS);
    let token: string | undefined;
    try {
      token = await this.#environment.token();
    } catch {
      if (turn === this.#turn) this.#fail();
      return;
    }
    if (turn !== this.#turn) return;
    if (token === undefined) {
      this.#drop();
      this.#turnTo('off');
      return;
    }
    this.#token = token;
    this.#open(token);
  }

  #open(token: string): void {
    const socket: Socket = this.#environment.open(
      token,
      (text) => socket === this.#socket && this.#take(JSON.parse(text) as Frame),
      (code) => socket === this.#socket && this.#closed(code),
    );
    this.#socket = socket;
  }

  /** Without the socket: nothing of it is heard any more. */
  #drop(): void {
    this.#turn++;
    this.#environment.clearTimer(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
    this.#asked = 0;
    for (const room of this.#rooms.values()) room.state = 'away';
    const posts = [...this.#posts.values()];
    this.#posts.clear();
    for (const post of posts) post.reject(new Refusal('gone'));
  }

  /** The connection is lost, or none came about: another try later. */
  #fail(leastMs = 0): void {
    this.#drop();
    const most = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#tries++);
    const ms = Math.max(leastMs, most / 2) + (this.#environment.random() * most) / 2;
    this.#set(() => void this.#connect(), ms);
    this.#turnTo('waiting');
  }

  #closed(code: number): void {
    const was = this.#state;
    this.#drop();
    if (code === CLOSE_ENDED) {
      this.#turnTo('off');
      this.#environment.ended();
    } else if (code === CLOSE_EXPIRED || code === CLOSE_POLICY) {
      void this.#renew(code === CLOSE_EXPIRED && was === 'on');
    } else if (code === CLOSE_RESTART && was === 'on') {
      void this.#connect();
    } else {
      this.#fail(code === CLOSE_LATER ? LATER_MS : 0);
    }
  }

  /** With a new token at once; where even that may not help, after a pause. */
  async #renew(atOnce: boolean): Promise<void> {
    const turn = this.#turn;
    this.#turnTo('connecting');
    try {
      await this.#environment.renew(this.#token);
    } catch {
      atOnce = false;
    }
    if (turn !== this.#turn) return;
    if (atOnce) void this.#connect();
    else this.#fail();
  }

  // The heartbeat: a ping when it was silent, a new connection when nothing comes behind that.

  #beat(): void {
    const now = this.#environment.now();
    if (this.#asked !== 0 && now - this.#asked >= ANSWER_MS) {
      this.#fail();
      return;
    }
    if (this.#asked === 0 && now - this.#heard >= this.#heartbeatMs) {
      this.#ping();
      return;
    }
    const due = this.#asked !== 0 ? this.#asked + ANSWER_MS : this.#heard + this.#heartbeatMs;
    this.#set(() => this.#beat(), due - now);
  }

  #ping(): void {
    if (this.#asked === 0) {
      this.#say({ op: 'ping' });
      this.#asked = this.#environment.now();
    }
    this.#set(() => this.#beat(), ANSWER_MS);
  }

  // Frames that come.

  #take(frame: Frame): void {
    this.#heard = this.#environment.now();
    if (this.#asked !== 0) {
      this.#asked = 0;
      this.#set(() => this.#beat(), this.#heartbeatMs);
    }
    const room = this.#rooms.get(frame.room as string);
    switch (frame.op) {
      case 'welcome':
        this.#welcome(frame);
        break;
      case 'subscribed':
        if (room !== undefined) this.#subscribed(room, frame);
        break;
      case 'event':
        if (room?.state === 'on') this.#event(room, frame as unknown as Entry & Position);
        break;
      case 'lagged':
        if (room !== undefined) this.#subscribe(room);
        break;
      case 'ack':
        this.#takePost(frame.client_id as string)?.resolve({ seq: frame.seq as number, number: frame.number as number });
        break;
      case 'error':
        this.#error(room, frame);
        break;
      default:
        break;
    }
  }

  #welcome(frame: Frame): void {
    this.#tries = 0;
    this.#heartbeatMs = frame.heartbeat_ms as number;
    this.#set(() => this.#beat(), this.#heartbeatMs);
    this.#turnTo('on');
    for (const room of this.#rooms.values()) this.#subscribe(room);
  }

  #takePost(client_id: string): Waiting | undefined {
    const post = this.#posts.get(client_id);
    this.#posts.delete(client_id);
    return post;
  }

  #error(room: Room | undefined, frame: Frame): void {
    const code = String(frame.code);
    const post = typeof frame.client_id === 'string' ? this.#takePost(frame.client_id) : undefined;
    if (typeof frame.client_id === 'string') {
      post?.reject(new Refusal(code));
    } else if (room !== undefined && code !== 'conflict') {
      this.#ended(room, code);
    }
  }

  // Rooms.

  #subscribe(room: Room): void {
    room.state = 'asked';
    this.#say({ op: 'subscribe', room: room.id, ...(room.place && { after: room.place }) });
  }

  #subscribed(room: Room, frame: Frame): void {
    const place = { log_epoch: frame.log_epoch as number, seq: frame.seq as number };
    if (frame.result === 'paged') {
      void this.#read(room, place);
      return;
    }
    const anew = frame.result === 'reset';
    room.state = 'on';
    room.place = place;
    for (const listener of [...room.listeners]) listener.begun?.(place, anew);
  }

  #give(room: Room, entry: Entry, place: Position): void {
    room.place = place;
    for (const listener of [...room.listeners]) listener.entry(entry, place);
  }

  #event(room: Room, { op: _, ...entry }: Entry & Position & { op?: string }): void {
    const { log_epoch, seq } = entry;
    const place = room.place!;
    if (log_epoch === place.log_epoch && seq <= place.seq) return;
    if (log_epoch === place.log_epoch && seq === place.seq + 1) {
      this.#give(room, entry, { log_epoch, seq });
    } else {
      // The server promises that this does not happen.
      this.#say({ op: 'unsubscribe', room: room.id });
      this.#subscribe(room);
    }
  }

  /** What lies between the place and the head, then subscribes behind it. */
  async #read(room: Room, head: Position): Promise<void> {
    const turn = this.#turn;
    room.state = 'reading';
    if (room.place === undefined || head.seq - room.place.seq > READ_MAX) {
      room.place = undefined;
      this.#subscribe(room);
      return;
    }
    try {
      while (room.place.seq < head.seq) {
        const entries = await this.#environment.read(room.id, room.place.seq);
        if (turn !== this.#turn || room.state !== 'reading') return;
        if (entries.length === 0) break;
        for (const entry of entries) this.#give(room, entry, { log_epoch: head.log_epoch, seq: entry.seq });
      }
      this.#subscribe(room);
    } catch {
      if (turn === this.#turn) this.#fail();
    }
  }

  #ended(room: Room, code: string): void {
    if (code === 'busy' || code === 'unreachable' || code === 'deadline_exceeded' || code === 'draining') {
      const turn = this.#turn;
      room.state = 'away';
      this.#environment.setTimer(() => {
        if (turn === this.#turn && room.state === 'away' && this.#rooms.get(room.id) === room) this.#subscribe(room);
      }, BACKOFF_FIRST_MS * 4);
      return;
    }
    this.#rooms.delete(room.id);
    for (const listener of [...room.listeners]) listener.ended?.(code);
  }

  #leave(id: string, listener: RoomListener): void {
    const room = this.#rooms.get(id);
    if (room === undefined || !room.listeners.delete(listener) || room.listeners.size > 0) return;
    this.#rooms.delete(id);
    if (room.state === 'on') this.#say({ op: 'unsubscribe', room: id });
  }
}
