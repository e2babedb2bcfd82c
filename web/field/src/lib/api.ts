// The JSON API with the types of its document, over the calls of this app.
import type { paths } from '$client/schema';
import createClient from 'openapi-fetch';
import { call, Refusal, type Problem } from './net';

type Routes = { [P in keyof paths as P extends `/api/v1${infer Rest}` ? Rest : never]: paths[P] };

export const api = createClient<Routes>({
  baseUrl: location.origin,
  fetch: async (request) => {
    const url = new URL(request.url);
    return call(url.pathname + url.search, {
      method: request.method, headers: request.headers, signal: request.signal, ...(request.body ? { body: await request.arrayBuffer() } : {}),
    });
  },
});

/** The data of an answer; a [Refusal] when it says no. */
export async function ok<D>(asked: Promise<{ data?: D; error?: unknown; response: Response }>): Promise<D> {
  const { data, error, response } = await asked;
  if (response.ok) return data as D;
  const problem = (typeof error === 'object' && error !== null ? error : { title: response.statusText, detail: String(error ?? '') }) as Problem;
  throw new Refusal(response.status, { ...problem, status: response.status });
}
