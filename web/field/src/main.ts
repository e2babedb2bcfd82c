import '@fontsource-variable/atkinson-hyperlegible-next/wght.css';
import '$kit/tokens.css';
import '$kit/base.css';
import './field.css';
import { getLocale } from '$kit/words/runtime';
import { mount } from 'svelte';
import App from './App.svelte';
import { applyAppearance } from './lib/appearance.svelte';

document.documentElement.lang = getLocale();
applyAppearance();
mount(App, { target: document.body });
