// Fails the build when the service worker names a file that is not there: one 404 and it never installs, silently.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = (name) => fileURLToPath(new URL('../built/field/' + name, import.meta.url));
const worker = readFileSync(built('sw.js'), 'utf8');
const named = [...worker.matchAll(/"?url"?:\s*["'`]([^"'`]+)["'`]/g)].map((m) => m[1]);
if (worker.includes('/field/sender.js')) named.push('sender.js');
const gone = named.filter((name) => !existsSync(built(name)));
if (named.length < 5 || !named.includes('index.html') || !named.includes('sender.js') || gone.length > 0) {
  console.error(`web/built/field/sw.js would never install: it names ${named.length} files, of which are not there: ${gone.join(', ') || 'none'}.`);
  process.exit(1);
}
