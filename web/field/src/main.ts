import '@fontsource-variable/atkinson-hyperlegible-next/wght.css';
import '$kit/tokens.css';
import '$kit/base.css';
import './field.css';
import { getLocale, overwriteGetLocale } from '$kit/words/runtime';
import { mount } from 'svelte';
import App from './App.svelte';
import { applyAppearance } from './lib/appearance.svelte';

// It stays as it is while the page lives; to look for it anew at each word takes a slow phone as long as a screen.
const locale = getLocale();
overwriteGetLocale(() => locale);
document.documentElement.lang = locale;
applyAppearance();
mount(App, { target: document.body });
