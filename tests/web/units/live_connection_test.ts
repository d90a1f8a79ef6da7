// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveConnection, Refusal, type Entry, type Frame, type Position, type Socket, type State } from '../../../tools/web/src/api/live_connection';

const HEARTBEAT_MS = 15_000;

interface Timer {
  due: number;
  run: () => void;
}

class Wire implements Socket {
  readonly sent: Frame[] = [];
  isOpen = true;
  constructor(
    readonly token: string,
    readonly heard: (text: string) => void,
    readonly closed: (code: number) => void,
  ) {}
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Frame);
  }
  close(): void {
    this.isOpen = false;
  }
  say(frame: Record<string, unknown>): void {
    this.heard(JSON.stringify(frame));
  }
  welcome(): void {
    this.say({ op: 'welcome', session: 's', heartbeat_ms: HEARTBEAT_MS });
  }
  subscribed(result: string, seq: number, log_epoch = 1, next?: { after: number }): void {
    this.say({ op: 'subscribed', room: 'tea', log_epoch, seq, result, ...(next && { next }) });
  }
  event(seq: number, log_epoch = 1): void {
    this.say({ op: 'event', room: 'tea', log_epoch, seq, type: 'message' });
  }
}

/** Time, network and session of a test. */
class World {
  time = 1_000;
  tokens = ['first'];
  renewed: string[] = [];
  wires: Wire[] = [];
  states: State[] = [];
  sessionEnded = false;
  log: number[] = []; // seqs that `read` gives
  reads: number[] = [];
  fails = false; // what is asked for over HTTP
  #timers = new Set<Timer>();

  readonly live = new LiveConnection({
    open: (token, heard, closed) => {
      const wire = new Wire(token, heard, closed);
      this.wires.push(wire);
      return wire;
    },
    token: async () => {
      if (this.fails) throw new Error('no network');
      return this.tokens[0];
    },
    renew: async (token) => {
      if (this.fails) throw new Error('no network');
      this.renewed.push(token);
      this.tokens.shift();
    },
    ended: () => (this.sessionEnded = true),
    read: async (_, after) => {
      this.reads.push(after);
      if (this.fails) throw new Error('no network');
      return this.log.filter((seq) => seq > after).slice(0, 3).map((seq) => ({ seq }) as Entry);
    },
    changed: (state) => this.states.push(state),
    now: () => this.time,
    random: () => 1,
    setTimer: (run, ms) => {
      const timer = { due: this.time + ms, run };
      this.#timers.add(timer);
      return timer;
    },
    clearTimer: (timer) => this.#timers.delete(timer as Timer),
  });

  get wire(): Wire {
    return this.wires.at(-1)!;
  }

  /** Whatever waits for promises alone. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    await this.settle();
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.time = Math.max(this.time, next.due);
      this.#timers.delete(next);
      next.run();
      await this.settle();
    }
    this.time = end;
  }

  /** Connected, with a new wire. */
  async connected(): Promise<Wire> {
    this.live.start();
    await this.settle();
    this.wire.welcome();
    return this.wire;
  }
}

class Ear {
  seqs: number[] = [];
  begun_: string[] = [];
  endedBy = '';
  begun = (place: Position, anew: boolean): void => void this.begun_.push(`${place.log_epoch}:${place.seq}${anew ? ' anew' : ''}`);
  entry = (entry: Entry): void => void this.seqs.push(entry.seq);
  ended = (code: string): void => void (this.endedBy = code);
}

async function listening(): Promise<{ world: World; ear: Ear }> {
  const world = new World();
  const ear = new Ear();
  world.live.listen('tea', ear);
  const wire = await world.connected();
  wire.subscribed('reset', 10);
  return { world, ear };
}

test('an entry that came before is not heard again', async () => {
  const { world, ear } = await listening();
  world.wire.event(11);
  world.wire.event(11);
  world.wire.event(9);
  assert.deepEqual(ear.seqs, [11]);
});

test('an entry behind a gap is not heard: the room is asked for again behind the last one', async () => {
  const { world, ear } = await listening();
  world.wire.event(13);
  assert.deepEqual(ear.seqs, []);
  assert.deepEqual(world.wire.sent.slice(-2), [
    { op: 'unsubscribe', room: 'tea' },
    { op: 'subscribe', room: 'tea', after: { log_epoch: 1, seq: 10 } },
  ]);
});

test('nothing of a connection that was left is heard', async () => {
  const { world, ear } = await listening();
  const old = world.wire;
  world.live.lost();
  old.event(11);
  old.closed(1012);
  assert.deepEqual(ear.seqs, []);
  assert.equal(world.live.state, 'waiting');
  assert.equal(old.isOpen, false);
});

test('behind a lost connection a room goes on where it was', async () => {
  const { world, ear } = await listening();
  world.wire.event(11);
  world.wire.closed(1006);
  await world.pass(1_000);
  world.wire.welcome();
  assert.deepEqual(world.wire.sent, [{ op: 'subscribe', room: 'tea', after: { log_epoch: 1, seq: 11 } }]);
  world.wire.subscribed('recovered', 11);
  world.wire.event(12);
  assert.deepEqual(ear.seqs, [11, 12]);
  assert.deepEqual(ear.begun_, ['1:10 anew', '1:11']);
});

test('what was missed is read page by page, and then it is live again', async () => {
  const { world, ear } = await listening();
  world.log = [11, 12, 13, 14, 15];
  world.wire.subscribed('paged', 15, 1, { after: 10 });
  await world.settle();
  assert.deepEqual(ear.seqs, [11, 12, 13, 14, 15]);
  assert.deepEqual(world.reads, [10, 13]);
  assert.deepEqual(world.wire.sent.at(-1), { op: 'subscribe', room: 'tea', after: { log_epoch: 1, seq: 15 } });
});

test('a page that cannot be read is read again later, from where it was', async () => {
  const { world, ear } = await listening();
  world.log = [11, 12, 13];
  world.fails = true;
  world.wire.subscribed('paged', 13, 1, { after: 10 });
  await world.settle();
  assert.equal(world.live.state, 'waiting');
  world.fails = false;
  await world.pass(1_000);
  world.wire.welcome();
  world.wire.subscribed('paged', 13, 1, { after: 10 });
  await world.settle();
  assert.deepEqual(ear.seqs, [11, 12, 13]);
});

test('who missed very much begins anew at the head', async () => {
  const { world, ear } = await listening();
  world.wire.subscribed('paged', 5_000, 1, { after: 10 });
  await world.settle();
  assert.deepEqual(world.wire.sent.at(-1), { op: 'subscribe', room: 'tea' });
  world.wire.subscribed('reset', 5_001);
  world.wire.event(5_002);
  assert.deepEqual(ear.seqs, [5_002]);
  assert.deepEqual(ear.begun_, ['1:10 anew', '1:5001 anew']);
});

test('a log that was replaced is told', async () => {
  const { world, ear } = await listening();
  world.wire.subscribed('reset', 3, 2);
  world.wire.event(4, 2);
  assert.deepEqual(ear.begun_, ['1:10 anew', '2:3 anew']);
  assert.deepEqual(ear.seqs, [4]);
});

test('who was too slow goes on where it was', async () => {
  const { world } = await listening();
  world.wire.event(11);
  world.wire.say({ op: 'lagged', room: 'tea', seq: 11 });
  assert.deepEqual(world.wire.sent.at(-1), { op: 'subscribe', room: 'tea', after: { log_epoch: 1, seq: 11 } });
});

test('a room that may not be heard is over, and others go on', async () => {
  const { world, ear } = await listening();
  world.wire.say({ op: 'error', code: 'forbidden', room: 'tea', text: '' });
  world.wire.event(11);
  assert.equal(ear.endedBy, 'forbidden');
  assert.deepEqual(ear.seqs, []);
  assert.equal(world.live.state, 'on');
});

test('a room that cannot be heard now is asked for again', async () => {
  const { world, ear } = await listening();
  world.wire.say({ op: 'error', code: 'unreachable', room: 'tea', text: '' });
  await world.pass(2_000);
  assert.equal(ear.endedBy, '');
  assert.deepEqual(world.wire.sent.at(-1), { op: 'subscribe', room: 'tea', after: { log_epoch: 1, seq: 10 } });
});

test('two listeners share one subscription, and who comes later is told to read', async () => {
  const { world, ear } = await listening();
  const second = new Ear();
  const leave = world.live.listen('tea', second);
  await world.settle();
  world.wire.event(11);
  assert.deepEqual(second.begun_, ['1:10 anew']);
  assert.deepEqual([ear.seqs, second.seqs], [[11], [11]]);
  leave();
  world.wire.event(12);
  assert.deepEqual([ear.seqs, second.seqs], [[11, 12], [11]]);
  assert.equal(world.wire.sent.length, 1);
});

test('a room that nobody listens to any more is left', async () => {
  const world = new World();
  const leave = world.live.listen('tea', new Ear());
  const wire = await world.connected();
  wire.subscribed('reset', 10);
  leave();
  assert.deepEqual(wire.sent.at(-1), { op: 'unsubscribe', room: 'tea' });
});

test('a listener can begin where it was before', async () => {
  const world = new World();
  world.live.listen('tea', new Ear(), { log_epoch: 1, seq: 7 });
  const wire = await world.connected();
  assert.deepEqual(wire.sent, [{ op: 'subscribe', room: 'tea', after: { log_epoch: 1, seq: 7 } }]);
});

test('a restart is followed at once', async () => {
  const { world } = await listening();
  world.wire.closed(1012);
  await world.settle();
  assert.equal(world.wires.length, 2);
});

test('tries that fail come ever later, up to half a minute', async () => {
  const world = new World();
  world.live.start();
  const gaps: number[] = [];
  for (let count = 0; count < 12; count++) {
    await world.settle();
    const before = world.time;
    const tries = world.wires.length;
    world.wire.closed(1006);
    while (world.wires.length === tries) await world.pass(50);
    gaps.push(world.time - before);
  }
  assert.ok(gaps[0]! <= 500, `${gaps}`);
  assert.ok(gaps[4]! > gaps[0]! * 4, `${gaps}`);
  assert.ok(gaps.every((gap) => gap <= 30_000), `${gaps}`);
});

test('a server that asks for later is left alone for five seconds', async () => {
  const { world } = await listening();
  world.wire.closed(1013);
  await world.pass(4_900);
  assert.equal(world.wires.length, 1);
  await world.pass(2_000);
  assert.equal(world.wires.length, 2);
});

test('an expired token is renewed, and the connection goes on at once', async () => {
  const { world } = await listening();
  world.tokens = ['first', 'second'];
  world.wire.closed(4001);
  await world.settle();
  assert.deepEqual(world.renewed, ['first']);
  assert.equal(world.wire.token, 'second');
});

test('a token that is refused from the beginning does not make a storm', async () => {
  const world = new World();
  world.tokens = Array.from({ length: 50 }, (_, index) => `token ${index}`);
  world.live.start();
  for (let count = 0; count < 20; count++) {
    await world.settle();
    if (world.live.state === 'connecting') world.wire.closed(4001);
    await world.settle();
    await world.pass(100);
  }
  assert.ok(world.wires.length < 5, `${world.wires.length} tries in 2 s`);
});

test('a session that has ended is not tried again', async () => {
  const { world } = await listening();
  world.wire.closed(4003);
  await world.pass(60_000);
  assert.equal(world.sessionEnded, true);
  assert.equal(world.wires.length, 1);
  assert.equal(world.live.state, 'off');
});

test('who has logged in again hears the same rooms', async () => {
  const { world, ear } = await listening();
  world.wire.closed(4003);
  const wire = await world.connected();
  wire.subscribed('recovered', 10);
  wire.event(11);
  assert.deepEqual(ear.seqs, [11]);
});

test('without a token there is no connection', async () => {
  const world = new World();
  world.tokens = [];
  world.live.start();
  await world.pass(60_000);
  assert.equal(world.wires.length, 0);
  assert.equal(world.live.state, 'off');
});

test('a token that cannot be had for now is asked for again', async () => {
  const world = new World();
  world.fails = true;
  world.live.start();
  await world.pass(3_000);
  world.fails = false;
  await world.pass(5_000);
  assert.equal(world.wires.length, 1);
});

test('silence is answered by a ping, and more silence by a new connection', async () => {
  const { world } = await listening();
  await world.pass(HEARTBEAT_MS);
  assert.deepEqual(world.wire.sent.at(-1), { op: 'ping' });
  await world.pass(10_000);
  assert.equal(world.wires.length, 2);
});

test('whoever answers stays', async () => {
  const { world } = await listening();
  for (let count = 0; count < 20; count++) {
    await world.pass(HEARTBEAT_MS);
    assert.deepEqual(world.wire.sent.at(-1), { op: 'ping' });
    world.wire.say({ op: 'pong' });
  }
  assert.equal(world.wires.length, 1);
  assert.equal(world.wire.sent.filter((frame) => frame.op === 'ping').length, 20);
});

test('a handshake that nobody answers is given up', async () => {
  const world = new World();
  world.live.start();
  await world.pass(12_000);
  assert.equal(world.wires.length, 2);
});

test('a page that is looked at again does not wait for the next try', async () => {
  const { world } = await listening();
  for (let count = 0; count < 8; count++) {
    world.wire.closed(1006);
    await world.pass(25_000);
  }
  world.wire.closed(1006);
  const before = world.wires.length;
  world.live.tryNow();
  await world.settle();
  assert.equal(world.wires.length, before + 1);
});

test('a post is acknowledged under its own name', async () => {
  const { world } = await listening();
  const posted = world.live.post('tea', 'a', 'hi');
  assert.deepEqual(world.wire.sent.at(-1), { op: 'post', room: 'tea', client_id: 'a', text: 'hi' });
  world.wire.say({ op: 'ack', client_id: 'a', seq: 11, number: 4 });
  assert.deepEqual(await posted, { seq: 11, number: 4 });
});

test('a post that was refused says why, and its room goes on', async () => {
  const { world, ear } = await listening();
  const posted = world.live.post('tea', 'a', '');
  world.wire.say({ op: 'error', code: 'invalid', room: 'tea', client_id: 'a', text: '' });
  await assert.rejects(posted, new Refusal('invalid'));
  assert.equal(ear.endedBy, '');
});

test('of a post under way when the connection is lost, nothing is known', async () => {
  const { world } = await listening();
  const posted = world.live.post('tea', 'a', 'hi');
  world.wire.closed(1006);
  await assert.rejects(posted, new Refusal('gone'));
  await assert.rejects(world.live.post('tea', 'b', 'hi'), new Refusal('gone'));
});

test('however often it breaks, everything is heard once and in order', async (context) => {
  const seed = Number(process.env.DORAN_SEED ?? Date.now() % 1_000_000);
  context.diagnostic(`DORAN_SEED=${seed}`);
  let state = seed;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const { world, ear } = await listening();
  let head = 10;
  let sent: number | undefined = 10; // what the server has sent on this connection; undefined: not subscribed
  let answered = 1;
  const serve = (): void => {
    for (; world.live.state === 'on' && answered < world.wire.sent.length; answered++) {
      const frame = world.wire.sent[answered]!;
      if (frame.op === 'ping') world.wire.say({ op: 'pong' });
      if (frame.op !== 'subscribe') continue;
      const after = (frame.after as Position).seq;
      sent = head - after > 6 ? undefined : after;
      if (sent === undefined) world.wire.subscribed('paged', head, 1, { after });
      else world.wire.subscribed('recovered', after);
    }
    while (world.live.state === 'on' && sent !== undefined && sent < head) world.wire.event(++sent);
  };
  for (let step = 0; step < 3_000; step++) {
    const what = random(20);
    if (what < 12) {
      head++;
      world.log.push(head);
    } else if (what === 12) {
      world.wire.closed([1006, 1012, 1013, 1001][random(4)]!);
    } else if (what === 13) {
      world.live.lost();
    } else if (what === 14) {
      world.fails = !world.fails;
    } else if (what === 15 && sent !== undefined && world.live.state === 'on') {
      world.wire.say({ op: 'lagged', room: 'tea', seq: sent });
      sent = undefined;
    } else {
      await world.pass(random(4_000));
    }
    await world.settle();
    if (world.live.state === 'connecting' && world.wire.isOpen && world.wire.sent.length === 0) {
      answered = 0;
      sent = undefined;
      world.wire.welcome();
    }
    if (random(3) > 0) serve();
    await world.settle();
  }
  world.fails = false;
  for (let count = 0; count < 50; count++) {
    await world.pass(3_000);
    if (world.live.state === 'connecting' && world.wire.isOpen && world.wire.sent.length === 0) {
      answered = 0;
      sent = undefined;
      world.wire.welcome();
    }
    serve();
    await world.settle();
  }
  assert.deepEqual(ear.seqs, world.log);
  assert.deepEqual(ear.begun_.filter((text) => text.endsWith('anew')), ['1:10 anew']);
});
