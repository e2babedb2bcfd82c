import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: { alias: { $kit: at('./kit'), $client: at('./client'), $lib: at('./portal/src/lib'), $field: at('./field/src') } },
  test: { include: ['kit/**/*.test.ts', 'portal/**/*.test.ts', 'field/**/*.test.ts'] },
});
