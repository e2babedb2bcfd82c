// SHA-256 in hex. Browsers give crypto.subtle to secure contexts alone; elsewhere a library does it, loaded only then.

export async function sha256(bytes: ArrayBuffer): Promise<string> {
  const hash = globalThis.crypto?.subtle ? new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)) : (await import('@noble/hashes/sha2.js')).sha256(new Uint8Array(bytes));
  let hex = '';
  for (const b of hash) hex += b.toString(16).padStart(2, '0');
  return hex;
}
