// Requests of the queue: under the token of whoever took what is sent, in the page and in the service worker alike.
import { db, type SignedIn } from '../lib/db';
import { Away, call } from '../lib/net';
import { read } from '../lib/store';
import { restAtMost } from './pieces';

/** An answer, whatever it says. */
export type Answer = { status: number; headers: Headers; body: unknown };

/** The session is over: everything stays, and goes on after signing in. */
export class Ended extends Error {}

export async function session(): Promise<SignedIn | null> {
  return (await read(() => db.get('session'))) ?? null;
}

export type Ask = { body?: BodyInit; json?: unknown; headers?: Record<string, string>; signal?: AbortSignal | undefined; patience?: number; apart?: boolean };

/**
 * One request under the name of its owner. An answer that says no is an answer; [Away] is thrown when there is none, [Ended]
 * when the session is over or another person has signed in meanwhile.
 */
export async function ask(owner: string, method: string, path: string, a: Ask = {}): Promise<Answer> {
  const who = await session();
  if (!who?.token || who.user.id !== owner) throw new Ended('Nobody is signed in for whom this could be sent.');
  const headers: Record<string, string> = { Accept: 'application/json', ...a.headers };
  let body = a.body;
  if (a.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(a.json);
  }
  const response = await call(path, { method, headers, token: who.token, patience: a.patience ?? 30_000, apart: a.apart ?? false, ...(body === undefined ? {} : { body }), ...(a.signal ? { signal: a.signal } : {}) });
  if (response.status === 401) throw new Ended('The session has ended.');
  let parsed: unknown = null;
  try {
    const text = method === 'HEAD' || response.status === 204 ? '' : await response.text();
    parsed = text ? JSON.parse(text) : null;
  } catch (e) {
    if (!(e instanceof SyntaxError)) throw new Away(e); // the line broke in the answer; what does not parse is a proxy's page
  }
  return { status: response.status, headers: response.headers, body: parsed };
}

/** The words of an answer that says no, and their stable name: with the field before it where one is wrong, task_id/no_such. */
export function refusalOf(a: Answer): { code: string; detail: string } {
  const p = (a.body ?? {}) as { code?: string; detail?: string; title?: string; errors?: { field?: string; message?: string; code?: string }[] };
  const first = p.errors?.[0];
  return { code: (first?.field ? first.field + '/' : '') + (first?.code || p.code || String(a.status)), detail: first?.message || p.detail || p.title || String(a.status) };
}

/** Answers that ask to come again, not to change anything. */
export function later(status: number): boolean {
  return status === 408 || status === 423 || status === 425 || status === 429 || status >= 500;
}

/** How long an answer asks to wait, in ms; 0 when it does not. */
export function retryAfter(a: Answer): number {
  const said = Number(a.headers.get('Retry-After'));
  return said > 0 ? Math.min(said * 1000, restAtMost) : 0;
}
