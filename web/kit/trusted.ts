// The one policy of Trusted Types that is ours: what it makes comes from the sanitiser or is a script that we built.
type Policy = { createHTML(s: string): unknown; createScriptURL(s: string): unknown };
type Factory = { createPolicy(name: string, rules: { createHTML(s: string): string; createScriptURL(s: string): string }): Policy };

/** An address of our own origin; whatever else throws. */
function ours(address: string): string {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin || url.pathname.startsWith('/api/')) throw new TypeError('This is no script of ours: ' + address);
  return url.href;
}

/** Only the sanitiser asks it for HTML, and only for what it made. Undefined where the browser knows no Trusted Types. */
export const policy: Policy | undefined = (globalThis as { trustedTypes?: Factory }).trustedTypes?.createPolicy('fieldproof', { createHTML: (s) => s, createScriptURL: ours });

/** The address of a worker that we built, as `new Worker` and `serviceWorker.register` take it. */
export function trustedScript(address: string): URL {
  return (policy ? policy.createScriptURL(address) : ours(address)) as URL;
}
