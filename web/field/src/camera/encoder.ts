// The worker that encodes, and who waits for it.
import type { Failed, Job, Made } from './encode';
import { trustedScript } from '$kit/trusted';
import address from './encode.worker?worker&url';

let worker: Worker | null = null;
let broken = typeof Worker === 'undefined' || typeof OffscreenCanvas === 'undefined';
let next = 1;
const waiting = new Map<number, { job: Job; done: (m: Made) => void; failed: (e: Error) => void }>();

function start(): Worker | null {
  if (broken) return null;
  if (worker) return worker;
  try {
    worker = new Worker(trustedScript(address), { type: 'module' });
  } catch {
    broken = true;
    return null;
  }
  worker.onmessage = ({ data }: MessageEvent<Made | Failed>) => {
    const w = waiting.get(data.id);
    waiting.delete(data.id);
    if ('failed' in data) w?.failed(new Error(data.failed));
    else w?.done(data);
  };
  // It could not be loaded, or died: what it had of frames is gone with it.
  worker.onerror = () => {
    worker?.terminate();
    worker = null;
    broken = true;
    const lost = [...waiting.values()];
    waiting.clear();
    for (const w of lost) w.failed(new Error('the encoder could not be started'));
  };
  return worker;
}

/** Loads the worker, so that the first press need not wait for it. */
export function warmEncoder(): void {
  start();
}

export async function encode(job: Omit<Job, 'id'>): Promise<Made> {
  const whole: Job = { ...job, id: next++ };
  const to = start();
  if (!to) return (await import('./encode')).make(whole);
  return new Promise((done, failed) => {
    waiting.set(whole.id, { job: whole, done, failed });
    to.postMessage(whole, [...(whole.frame ? [whole.frame] : []), ...(whole.file ? [whole.file] : [])]);
  });
}
