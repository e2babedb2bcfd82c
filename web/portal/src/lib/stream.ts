// One event stream a browser, shared by its tabs: one tab holds the lock and the stream, and passes on what it hears.
// Over HTTP/1.1 a browser gives a host six connections; a stream a tab would leave none for answers.
import { line } from './line.svelte';

export type StreamEvent = { type: string; id: string; work_order_id: string };
/** Hears an event, and where it stands among all. */
type Hear = (e: StreamEvent, at: number) => void;
type Told = { at: number; e: StreamEvent };

// Locks are there where the address is a safe one; elsewhere each tab has a stream of its own.
const shared = 'locks' in navigator;
const hearers = new Set<Hear>();
const channel = shared ? new BroadcastChannel('fieldproof-stream') : null;
if (channel) channel.onmessage = (m: MessageEvent<Told>) => tell(m.data);

// What was heard last, by whichever tab: the next that holds the stream goes on from there.
let last = -1;

function tell({ at, e }: Told): void {
  last = e.type === 'reset' ? at : Math.max(last, at);
  for (const hear of hearers) hear(e, at);
}

/** Calls back for each live event of the account, whichever tab holds the stream; "reset" means: read again what you show. */
export function onEvent(hear: Hear): () => void {
  hearers.add(hear);
  return () => hearers.delete(hear);
}

/** Where the newest event stands that was heard, or that is older than all that this tab has read. */
export const heard = (): number => last;

let started = false;

/**
 * Begins to listen behind an event that is older than all that is read from now on: whatever happens between the first rows of a
 * screen and the opening of the stream is told then. A tab that listens already goes on as it does.
 */
export function listenFrom(at: number): void {
  if (started) return;
  started = true;
  last = Math.max(last, at);
  if (shared) void navigator.locks.request('fieldproof-stream', () => hold());
  else void hold();
}

/** Holds the stream for as long as this tab lives. */
function hold(): Promise<never> {
  return new Promise(() => {
    let pause = 3000;
    const open = () => {
      const source = new EventSource('/api/v1/stream?last_event_id=' + last);
      source.onmessage = (m: MessageEvent<string>) => {
        const told: Told = { at: Number(m.lastEventId), e: JSON.parse(m.data) as StreamEvent };
        channel?.postMessage(told);
        tell(told);
      };
      source.onopen = () => {
        pause = 3000;
        line.heard();
      };
      source.onerror = () => {
        line.lost();
        if (source.readyState !== EventSource.CLOSED) return;
        setTimeout(open, pause); // it gave up: a proxy's 502, an ended session, as many streams open as one user may
        pause = Math.min(pause * 2, 15_000);
      };
    };
    open();
  });
}
