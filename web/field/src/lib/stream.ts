// The account's live events, while the app is seen. It is read by fetch: an EventSource sends no token.
import { retryAfter } from '../queue/http';
import { call, line } from './net';
import { session } from './session.svelte';

/** Calls back for each event of an order. */
export function listen(hear: () => void): void {
  let stop: AbortController | null = null;
  let last = '';
  let pause = 1000;
  let again: ReturnType<typeof setTimeout> | undefined;

  const open = async () => {
    if (stop || document.hidden || !session.who || session.ended) return;
    const here = (stop = new AbortController());
    try {
      // The stream goes on as long as it goes on; the first byte of an answer comes soon.
      const r = await call('/stream' + (last ? '?last_event_id=' + encodeURIComponent(last) : ''), { signal: here.signal, patience: 2 ** 31 - 1, headers: { Accept: 'text/event-stream' } });
      if (r.ok && r.body) {
        pause = 1000;
        for await (const block of blocks(r.body)) {
          const id = /^id: ?(.*)$/m.exec(block)?.[1];
          if (id) last = id;
          if (/^data:/m.test(block)) hear();
        }
      } else pause = Math.max(pause, retryAfter(r));
    } catch {
      // whatever ended it, it is opened again
    }
    if (stop === here) stop = null;
    if (here.signal.aborted) return;
    clearTimeout(again); // an app that was looked at in between asked in between
    again = setTimeout(() => void open(), pause);
    pause = Math.min(pause * 2, 60_000);
  };

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      stop?.abort();
      stop = null;
    } else void open();
  });
  addEventListener('pageshow', () => void open());
  addEventListener('online', () => void open());
  line.addEventListener('ended', () => stop?.abort());
  void open();
}

/** The blocks of an event stream, each without the empty line that ends it. */
async function* blocks(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true }).replaceAll('\r', '');
    const parts = rest.split('\n\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
