// What each user chose of how the portal looks; kept in this browser.
export type Theme = 'system' | 'light' | 'dark';
export type Density = 'compact' | 'roomy';

export const appearance = $state({
  theme: (localStorage.getItem('fieldproof-theme') ?? 'system') as Theme,
  density: (localStorage.getItem('fieldproof-density') ?? 'compact') as Density,
  folded: localStorage.getItem('fieldproof-rail') === 'folded',
});

export function applyAppearance(): void {
  const { dataset } = document.documentElement;
  if (appearance.theme === 'system') delete dataset.theme;
  else dataset.theme = appearance.theme;
  dataset.density = appearance.density;
  dataset.rail = appearance.folded ? 'folded' : 'open';
}

export function choose(change: Partial<typeof appearance>): void {
  Object.assign(appearance, change);
  localStorage.setItem('fieldproof-theme', appearance.theme);
  localStorage.setItem('fieldproof-density', appearance.density);
  localStorage.setItem('fieldproof-rail', appearance.folded ? 'folded' : 'open');
  applyAppearance();
}
