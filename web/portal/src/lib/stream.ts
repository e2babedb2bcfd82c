// One event stream a browser, shared by its tabs: one tab holds the lock and the stream, and passes on what it hears.
// Over HTTP/1.1 a browser gives a host six connections; a stream a tab would leave none for answers.
import { line } from './line.svelte';

export type StreamEvent = { type: string; id: string; work_order_id: string };
type Hear = (e: StreamEvent) => void;

const hearers = new Set<Hear>();
const channel = new BroadcastChannel('fieldproof-stream');
channel.onmessage = (m: MessageEvent<StreamEvent>) => tell(m.data);

function tell(e: StreamEvent): void {
  for (const hear of hearers) hear(e);
}

let started = false;

/** Calls back for each live event of the account, whichever tab holds the stream; "reset" means: read again what you show. */
export function onEvent(hear: Hear): () => void {
  hearers.add(hear);
  start();
  return () => hearers.delete(hear);
}

function start(): void {
  if (started) return;
  started = true;
  void navigator.locks.request('fieldproof-stream', () => hold());
}

/** Holds the stream for as long as this tab lives. */
function hold(): Promise<never> {
  return new Promise(() => {
    let last = '';
    const open = () => {
      const source = new EventSource('/api/v1/stream' + (last ? '?last_event_id=' + encodeURIComponent(last) : ''));
      const pass = (m: MessageEvent<string>) => {
        last = m.lastEventId || last;
        const e = JSON.parse(m.data) as StreamEvent;
        channel.postMessage(e);
        tell(e);
      };
      source.onmessage = pass;
      for (const type of types) source.addEventListener(type, pass);
      source.onopen = () => line.heard();
      source.onerror = () => {
        line.lost();
        if (source.readyState === EventSource.CLOSED) setTimeout(open, 3000); // it gave up: a proxy's 502, an ended session
      };
    };
    open();
  });
}

// Events may bear their type as the name of the event too.
const types = [
  'work_order.created', 'work_order.updated', 'work_order.assigned', 'work_order.in_progress', 'work_order.completed', 'work_order.approved',
  'work_order.rejected', 'work_order.published', 'work_order.cancelled', 'work_order.closed', 'item.published', 'item.received', 'item.changed',
  'announcement.changed', 'bulk.changed', 'device.changed', 'reset',
];
