// How the app looks on this phone, as its person chose.
export type Theme = 'system' | 'light' | 'dark';

const kept = (key: string) => {
  try {
    return localStorage.getItem('fieldproof-field-' + key);
  } catch {
    return null; // a browser that keeps nothing
  }
};

export const appearance = $state({ theme: (kept('theme') ?? 'system') as Theme, sunlight: kept('sunlight') === 'on' });

export function applyAppearance(): void {
  const { dataset } = document.documentElement;
  if (appearance.theme === 'system') delete dataset.theme;
  else dataset.theme = appearance.theme;
  if (appearance.sunlight) dataset.contrast = 'more';
  else delete dataset.contrast;
}

export function choose(change: Partial<typeof appearance>): void {
  Object.assign(appearance, change);
  try {
    localStorage.setItem('fieldproof-field-theme', appearance.theme);
    localStorage.setItem('fieldproof-field-sunlight', appearance.sunlight ? 'on' : 'off');
  } catch {
    // it holds until the app is closed
  }
  applyAppearance();
}
