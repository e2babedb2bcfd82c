// Why something is not vouched for, in words.
import { m } from './words/messages';

const words: Record<string, () => string> = {
  other_camera: m.doubt_other_camera, clock_off: m.doubt_clock_off, told_late: m.doubt_told_late, in_the_future: m.doubt_in_the_future, too_far: m.doubt_too_far,
  no_time: m.doubt_no_time, no_position: m.doubt_no_position, unplaced: m.doubt_unplaced,
};

/** The words of a doubt by its name; "" for none, and for one that this version does not know. */
export function doubt(name: string | undefined): string {
  return words[name ?? '']?.() ?? '';
}
