import { defineConfig } from 'vitest/config';
import { alias } from './vite.shared.ts';

export default defineConfig({
  resolve: { alias },
  test: { include: ['kit/**/*.test.ts', 'portal/**/*.test.ts', 'field/**/*.test.ts'] },
});
