// Calls to the server, in a page as in the service worker: the token of who is signed in, the clock, the end of a session.
import { m } from '$kit/words/messages';
import { measured } from './clock';
import { db } from './db';
import { isFull, read, write } from './store';

/** Nobody answered: no network, no server, or not in time. */
export class Away extends Error {
  constructor(cause?: unknown) {
    super('Fieldproof does not answer.', { cause });
    this.name = 'Away';
  }
}

export type Problem = { type?: string; title: string; status: number; detail: string; code?: string; errors?: { field: string; message: string; code?: string }[] };

/** An answer that says no, in the server's own words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail || problem.title);
    this.name = 'Refusal';
  }

  get code(): string {
    return this.problem.code ?? '';
  }

  /** What the server says of one field. */
  of(field: string): string | undefined {
    return this.problem.errors?.find((e) => e.field === field)?.message;
  }
}

/** Tells who listens whether the server answered, or that the session has ended. */
export const line = new EventTarget();
export type LineEvent = 'heard' | 'lost' | 'ended';
const tell = (what: LineEvent) => void line.dispatchEvent(new Event(what));

export type CallOptions = RequestInit & {
  /** How long an answer may take, in milliseconds. */
  patience?: number;
  /** Whose token: null sends none; left out, that of who is signed in. */
  token?: string | null;
  /** Over connections of its own. A browser keeps those of requests with and without credentials apart, for the token both are the same. */
  apart?: boolean;
};

/** Asks the server for a path below /api/v1. Throws [Away] when nobody answers; what is answered, refusals too, is returned. */
export async function call(path: string, { patience = 20_000, token, apart = false, ...init }: CallOptions = {}): Promise<Response> {
  const bearer = token === undefined ? (await read(() => db.get('session')))?.token : token;
  const headers = new Headers(init.headers);
  if (bearer) headers.set('Authorization', 'Bearer ' + bearer);
  const ending = new AbortController(); // AbortSignal.any is younger than the oldest browser that we serve
  const end = () => ending.abort(init.signal?.reason);
  if (init.signal?.aborted) end();
  init.signal?.addEventListener('abort', end, { once: true });
  const clock = setTimeout(() => ending.abort(new DOMException('No answer came in time.', 'TimeoutError')), Math.min(patience, 2 ** 31 - 1));
  const asked = Date.now();
  let response: Response;
  try {
    response = await fetch('/api/v1' + path, { ...init, headers, signal: ending.signal, credentials: apart ? 'same-origin' : 'omit', cache: 'no-store' });
  } catch (e) {
    if (init.signal?.aborted) throw e;
    tell('lost');
    throw new Away(e);
  } finally {
    clearTimeout(clock);
  }
  const date = response.headers.get('Date');
  if (date) await measured(Date.parse(date) + 500, 500, asked, Date.now()); // it is told in whole seconds
  tell('heard');
  if (response.status === 401 && bearer) await over(bearer);
  return response;
}

/** The JSON of an answer; a [Refusal] when it says no. */
export async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
  throw new Refusal(response.status, { title: response.statusText, detail: '', ...problem, status: response.status });
}

/** Asks with a JSON body. */
export async function ask<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
  const headers = new Headers(options.headers);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  return answer<T>(await call(path, { ...options, method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
}

/** The session of a token is over, where that is who is signed in: everything stays, and goes on once its person is in again. */
async function over(token: string): Promise<void> {
  const ended = await write(() =>
    db.transaction('rw', db.meta, async () => {
      const own = (await db.get('session'))?.token === token;
      if (own) await db.set('ended', true);
      return own;
    }),
  );
  if (ended) tell('ended');
}

/** The words to show of whatever was thrown. */
export function wordsOf(e: unknown): string {
  if (isFull(e)) return m.field_full();
  return e instanceof Error ? e.message : String(e);
}
