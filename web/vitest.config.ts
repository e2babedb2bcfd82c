import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { alias } from './vite.shared.ts';

export default defineConfig({
  plugins: [svelte()],
  resolve: { alias, conditions: ['browser'] },
  test: { include: ['kit/**/*.test.ts', 'portal/**/*.test.ts', 'field/**/*.test.ts'], testTimeout: 60_000 }, // a busy machine is slow, not wrong
});
