// Copying, by one press. At an address without TLS browsers lend no clipboard: the text is shown, chosen already, to be copied by key.
import { m } from '$kit/words/messages';
import { toast } from './toast';

class Copying {
  /** The text that a person copies by hand; "" for none. */
  byHand = $state('');
}

export const copying = new Copying();

export function copy(text: string): void {
  const show = () => void (copying.byHand = text);
  if (!navigator.clipboard) return show();
  navigator.clipboard.writeText(text).then(() => toast.say(m.copied()), show);
}
