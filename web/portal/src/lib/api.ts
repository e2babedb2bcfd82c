// The JSON API as the portal speaks it: types from the OpenAPI document, one way to fail, and writes that survive a bad line.
import createClient, { type Middleware } from 'openapi-fetch';
import { uuid } from '$kit/uuid';
import { getLocale } from '$kit/words/runtime';
import type { components, paths } from '$client/schema';
import { line } from './line.svelte';

export type Schemas = components['schemas'];
export type Problem = { type: string; title: string; status: number; detail: string; code?: string; errors?: FieldProblem[] };
export type FieldProblem = { field: string; message: string; code?: string };

/** Refusal is an answer that says no, in the server's own words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail || problem.title);
  }

  /** What the server says of one field, or undefined. */
  of(field: string): string | undefined {
    return this.problem.errors?.find((e) => e.field === field)?.message;
  }

  get code(): string {
    return this.problem.code ?? '';
  }
}

const pauses = [1000, 2000, 4000, 8000, 15_000];

/** The seconds that a Retry-After asks for, or what is usual for this try. */
function pauseOf(response: Response | null, attempt: number): number {
  const said = Number(response?.headers.get('Retry-After'));
  const usual = pauses[Math.min(attempt, pauses.length - 1)] ?? 15_000;
  return said > 0 ? Math.min(said, 300) * 1000 : usual;
}

function sleep(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason as Error)), { once: true });
  });
}

/**
 * fetch that does not give up while the server is away: who asked waits, or aborts. Only what is safe to repeat comes here:
 * reads, merge patches, deletions, and posts under an Idempotency-Key. Uploads are repeated by who sends them.
 */
async function patient(request: Request): Promise<Response> {
  const form = request.headers.get('Content-Type')?.startsWith('multipart/') ?? false;
  for (let attempt = 0; ; attempt++) {
    let response: Response | null = null;
    try {
      response = await fetch(request.clone());
    } catch (e) {
      if (request.signal.aborted || form) throw e;
    }
    if (response) {
      line.heard();
      if (form || (response.status !== 429 && response.status !== 503)) return response;
    }
    const pause = pauseOf(response, attempt);
    if (response?.status === 429) line.slowed(pause);
    else line.lost();
    line.waiting++;
    try {
      await sleep(pause, request.signal);
    } finally {
      line.waiting--;
    }
  }
}

const asks: Middleware = {
  onRequest({ request }) {
    request.headers.set('Accept-Language', getLocale());
    if (request.method === 'POST' && !request.headers.has('Idempotency-Key') && request.headers.get('Content-Type')?.startsWith('application/json'))
      request.headers.set('Idempotency-Key', uuid());
    return request;
  },
};

/** The routes of the JSON API, without what they all begin with. */
type Routes = { [P in keyof paths as P extends `/api/v1${infer Rest}` ? Rest : never]: paths[P] };

export const api = createClient<Routes>({ baseUrl: '/api/v1', fetch: patient });
api.use(asks);

type Answer<D> = { data?: D; error?: unknown; response: Response };

/** The data of an answer; a [Refusal] when there is none. A session that ended is told to whoever shows the sign-in. */
export async function ok<D>(answer: Promise<Answer<D>>): Promise<D> {
  const { data, error, response } = await answer;
  if (response.ok) return data as D;
  const problem = (typeof error === 'object' && error !== null ? error : { title: response.statusText, detail: String(error ?? '') }) as Problem;
  if (response.status === 401) ended.forEach((tell) => tell());
  throw new Refusal(response.status, { ...problem, status: response.status });
}

const ended = new Set<() => void>();
/** Calls back when an answer says that the session is over. */
export function onSessionEnd(tell: () => void): () => void {
  ended.add(tell);
  return () => ended.delete(tell);
}

/** The words to show of whatever was thrown. */
export function wordsOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
