// Files on their way to the server. fetch tells nothing of how far an upload is: XMLHttpRequest does.
import { api, ok, type Problem } from './api';
import { line } from './line.svelte';

export type Answer = { status: number; body: unknown };

/**
 * Sends a form, and again for as long as this tab lives while the server is away or asks for time: only what may come twice is
 * sent so. Answers what the server said in the end.
 */
export async function send(path: string, form: FormData, tell: (part: number) => void): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    const { status, body, after } = await post(path, form, tell);
    if (![0, 429, 502, 503, 504].includes(status)) {
      if (status === 401) void ok(api.GET('/sessions/current')).catch(() => {}); // tells whoever shows the sign-in
      line.heard();
      return { status, body };
    }
    if (status !== 429) line.lost();
    await new Promise((r) => setTimeout(r, after > 0 ? after * 1000 : Math.min(15_000, 1000 * 2 ** tries)));
  }
}

/** Why an answer says no, in the server's words. */
export function whyOf({ status, body }: Answer): string {
  const p = body as Problem | null;
  return p?.errors?.[0]?.message || p?.detail || p?.title || String(status);
}

/** One try. */
function post(path: string, form: FormData, tell: (part: number) => void): Promise<Answer & { after: number }> {
  return new Promise((resolve) => {
    const x = new XMLHttpRequest();
    x.open('POST', '/api/v1' + path);
    x.upload.onprogress = (e) => e.lengthComputable && tell(e.loaded / e.total);
    x.onload = () => {
      let body: unknown = null;
      try {
        body = JSON.parse(x.responseText);
      } catch {
        // a proxy's page
      }
      resolve({ status: x.status, body, after: Number(x.getResponseHeader('Retry-After')) });
    };
    x.onerror = x.ontimeout = x.onabort = () => resolve({ status: 0, body: null, after: 0 });
    x.send(form);
  });
}
