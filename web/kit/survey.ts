// What a survey asks, and what is wrong with its answers: the same judgement as the server's (models/survey.go), so that
// whoever answers without a network hears at once what the server would say later. Both read models/testdata/answers.json.

export type Kind = 'yesNo' | 'text' | 'number' | 'date' | 'select' | 'multiSelect' | 'signature' | 'barcode' | 'picture';
export type Trigger = { answers: string[]; enable: string[]; pictureMin: number };
export type Question = {
  id: string;
  label: string;
  kind: Kind;
  /** A text of several lines. */
  long: boolean;
  options: string[];
  required: boolean;
  pictureMin: number;
  /** 0: any number. */
  pictureMax: number;
  triggers: Trigger[];
  min?: number;
  max?: number;
  /** null: none, or one that only the server can read. */
  pattern: RegExp | null;
  hint: string;
  unit: string;
  initial: string[];
};
export type Section = { title: string; questions: Question[] };
export type Template = { id: string; name: string; sections: Section[]; questions: Question[] };

/** One answer: its values as text, the uuids of its photos, and the strokes of a signature until it is a picture. */
export type Answer = { texts: string[]; pictures: string[]; drawn?: unknown };
export type Answers = Record<string, Answer>;

export type ProblemCode = 'required' | 'photos' | 'most_photos' | 'one' | 'yes_no' | 'number' | 'least' | 'most' | 'shortest' | 'longest' | 'date' | 'choice' | 'pattern';
export type Problem = { question: string; code: ProblemCode; wanted?: number; have?: number };

const kinds: Record<string, Kind> = {
  yesno: 'yesNo', text: 'text', textarea: 'text', longtext: 'text', number: 'number', integer: 'number', date: 'date',
  select: 'select', single: 'select', singlechoice: 'select', 'single choice': 'select', radio: 'select',
  multiselect: 'multiSelect', multiple: 'multiSelect', multiplechoice: 'multiSelect', 'multiple choice': 'multiSelect', checkbox: 'multiSelect',
  signature: 'signature', barcode: 'barcode', picture: 'picture', photo: 'picture',
};

type Raw = Record<string, unknown>;
const isRaw = (v: unknown): v is Raw => typeof v === 'object' && v !== null && !Array.isArray(v);
const listOf = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);

/** A value of any JSON type as text: templates in the field write numbers and booleans as they like. */
function textOf(v: unknown): string {
  if (v === null || v === undefined) return '';
  return typeof v === 'string' ? v : typeof v === 'object' ? JSON.stringify(v) : String(v);
}
const textsOf = (v: unknown): string[] => (v === null || v === undefined ? [] : Array.isArray(v) ? v.map(textOf) : [textOf(v)]);
const truthy = (v: unknown): boolean => ['true', 'yes', '1'].includes(textOf(v).toLowerCase());
function intOf(v: unknown): number {
  const text = textOf(v);
  return /^[+-]?\d+$/.test(text) ? Math.max(0, Math.min(Number(text), 10_000)) : 0;
}
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
function floatOf(v: unknown): number | undefined {
  const text = textOf(v);
  return decimal.test(text) ? Number(text) : undefined;
}

/** The expression as a browser reads it; null when it can't. The server's dialect knows flags in front and \pL. */
function patternOf(text: string): RegExp | null {
  if (!text) return null;
  const flags = /^\(\?([ims]+)\)/.exec(text);
  const source = (flags ? text.slice(flags[0].length) : text).replace(/\\([pP])([A-Z])/g, '\\$1{$2}').replace(/\(\?P</g, '(?<').replace(/\\A/g, '^').replace(/\\z/g, '$');
  for (const unicode of ['u', '']) {
    try {
      return new RegExp(source, (flags?.[1] ?? '') + unicode);
    } catch {
      // The other way of reading it, or the server's judgement alone.
    }
  }
  return null;
}

function questionOf(q: Raw): Question {
  const requirement = q.photoRequirement;
  const validation = isRaw(q.validation) ? q.validation : {};
  const kind = kinds[textOf(q.answerType).trim().toLowerCase()] ?? 'text';
  let pictureMin = Math.max(intOf(q.pictureMin), truthy(q.photoRequired) ? 1 : 0);
  let pictureMax = intOf(q.pictureMax);
  if (isRaw(requirement)) {
    pictureMin = Math.max(pictureMin, intOf(requirement.min));
    pictureMax = Math.max(pictureMax, intOf(requirement.max));
  } else if (intOf(requirement) > 0 || truthy(requirement)) {
    pictureMin = Math.max(pictureMin, intOf(requirement), 1);
  }
  return {
    id: textOf(q.id), label: textOf(q.question) || textOf(q.id), kind, long: /^(textarea|longtext)$/i.test(textOf(q.answerType).trim()),
    options: listOf(q.answerOptions).map((o) => textOf(isRaw(o) ? (['value', 'answer', 'text', 'label'].map((k) => o[k]).find((v) => v !== null && v !== undefined) ?? o) : o)),
    required: truthy(q.required), pictureMin, pictureMax,
    triggers: listOf(q.triggers).filter(isRaw).map((t) => ({
      answers: textsOf(t.answer), enable: [...textsOf(t.enable), ...textsOf(t.enables), ...textsOf(t.questions)], pictureMin: intOf(t.pictureMin),
    })),
    min: floatOf(validation.min), max: floatOf(validation.max), pattern: patternOf(textOf(validation.pattern)),
    hint: textOf(q.hint), unit: textOf(q.unit), initial: textsOf(q.default ?? q.defaultAnswer ?? q.defaultValue).filter((s) => s.trim()),
  };
}

/** A template from its JSON. What can't be read asks nothing. */
export function readTemplate(raw: unknown): Template {
  const top = isRaw(raw) ? raw : {};
  const meta = isRaw(top.meta) ? top.meta : {};
  const t: Template = { id: textOf(meta.surveyTemplateId), name: textOf(meta.name), sections: [], questions: [] };
  let at: Section | undefined;
  const walk = (list: unknown, title: string, depth: number): void => {
    if (depth > 8) return;
    for (const q of listOf(list).filter(isRaw)) {
      if (textOf(q.type).toLowerCase() === 'section') {
        const name = textOf(q.question) || textOf(q.name) || textOf(q.title);
        at = undefined;
        walk(q.questions, [title, name].filter(Boolean).join(' · '), depth + 1);
        at = undefined;
        continue;
      }
      if (!at) t.sections.push((at = { title, questions: [] }));
      const question = questionOf(q);
      at.questions.push(question);
      t.questions.push(question);
      walk(q.questions, title, depth + 1);
    }
  };
  walk(top.questions, '', 1);
  return t;
}

/** Answers from their JSON: a list of {id, answer, pictures}, or an object of id → answer. */
export function readAnswers(raw: unknown): Answers {
  const answers: Answers = {};
  const list = Array.isArray(raw) ? raw.filter(isRaw) : isRaw(raw) ? Object.entries(raw).map(([id, answer]) => ({ id, answer }) as Raw) : [];
  for (const a of list) {
    const id = textOf(a.id);
    if (id) answers[id] = { texts: textsOf(a.answer).filter((s) => s.trim()), pictures: [...listOf(a.pictures), ...listOf(a.photos)].map(textOf) };
  }
  return answers;
}

/** What a survey begins with where nobody has answered yet. */
export function initialAnswers(t: Template): Answers {
  return Object.fromEntries(t.questions.filter((q) => q.initial.length).map((q) => [q.id, { texts: [...q.initial], pictures: [] }]));
}

const yes = (s: string): boolean => ['y', 'yes', 'true', '1'].includes(s.toLowerCase());
const no = (s: string): boolean => ['n', 'no', 'false', '0'].includes(s.toLowerCase());
const fold = (s: string): string => s.trim().toLowerCase();

/** Yes is yes however it is written. */
export function sameAnswer(a: string, b: string): boolean {
  return fold(a) === fold(b) || (yes(a) && yes(b)) || (no(a) && no(b));
}

/** The values that count: none of a blank answer. A drawn signature is an answer. */
export function textsIn(a: Answer | undefined): string[] {
  const texts = a?.texts.filter((s) => s.trim()) ?? [];
  return texts.length === 0 && isDrawn(a) ? ['✓'] : texts;
}

export function isDrawn(a: Answer | undefined): boolean {
  return Array.isArray(a?.drawn) && a.drawn.length > 0;
}

function fires(t: Trigger, a: Answer | undefined): boolean {
  return textsIn(a).some((have) => t.answers.some((want) => sameAnswer(have, want)));
}

/** Which questions are to be answered: those that no trigger enables, and those that one does by the answer to a question that is itself asked. */
export function asked(t: Template, answers: Answers): Set<string> {
  const byID = new Map(t.questions.map((q) => [q.id, q]));
  const gated = new Set(t.questions.flatMap((q) => q.triggers.flatMap((trigger) => trigger.enable)));
  const on = new Set<string>();
  const enable = (q: Question | undefined): void => {
    if (!q || on.has(q.id)) return;
    on.add(q.id);
    for (const trigger of q.triggers) if (fires(trigger, answers[q.id])) trigger.enable.forEach((id) => enable(byID.get(id)));
  };
  t.questions.filter((q) => !gated.has(q.id)).forEach(enable);
  return on;
}

/** How many photos the question wants as it is answered now. */
export function wantedPhotos(q: Question, a: Answer | undefined): number {
  let wanted = q.pictureMin;
  for (const t of q.triggers) if (fires(t, a)) wanted = Math.max(wanted, t.pictureMin);
  return q.required && q.kind === 'picture' ? Math.max(wanted, 1) : wanted;
}

const days = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
function isDay(year: number, month: number, day: number): boolean {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day >= 1 && day <= (month === 2 && !leap ? 28 : (days[month - 1] ?? 0));
}
/** A date as the wire writes it: 2026-05-04, with a time behind it or not, or 5/4/2026. */
export function isDate(text: string): boolean {
  const iso = /^(\d{4})-(\d\d)-(\d\d)(?: ([01]\d|2[0-3]):[0-5]\d|T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d))?$/.exec(text.trim());
  if (iso) return isDay(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const us = /^(\d{1,2})\/(\d{1,2})\/(\d{4})(?: ([01]?\d|2[0-3]):([0-5]\d))?$/.exec(text.trim());
  return us !== null && isDay(Number(us[3]), Number(us[1]), Number(us[2]));
}

/** What is wrong with one answer to a question that is asked. */
export function checkAnswer(q: Question, a: Answer | undefined): Problem[] {
  const problems: Problem[] = [];
  const add = (code: ProblemCode, wanted?: number, have?: number): void => void problems.push({ question: q.id, code, wanted, have });
  const texts = textsIn(a);
  const pictures = (a?.pictures.length ?? 0) + (isDrawn(a) ? 1 : 0);
  const wanted = wantedPhotos(q, a);
  if (q.required && texts.length === 0 && q.kind !== 'picture') add('required');
  if (pictures < wanted && (q.required || texts.length > 0 || q.kind === 'picture' || q.pictureMin > 0)) add('photos', wanted, pictures);
  if (q.pictureMax > 0 && pictures > q.pictureMax) add('most_photos', q.pictureMax, pictures);
  if (texts.length > 1 && q.kind !== 'multiSelect') {
    add('one');
    return problems;
  }
  for (const text of texts) checkText(q, text, add);
  return problems;
}

function checkText(q: Question, text: string, add: (code: ProblemCode, wanted?: number, have?: number) => void): void {
  const bounded = (n: number, below: ProblemCode, above: ProblemCode): void => {
    if (q.min !== undefined && n < q.min) add(below, q.min, n);
    else if (q.max !== undefined && n > q.max) add(above, q.max, n);
  };
  switch (q.kind) {
    case 'yesNo':
      if (!yes(text) && !no(text) && !q.options.some((o) => o.toLowerCase() === text.toLowerCase())) add('yes_no');
      break;
    case 'number':
      if (!decimal.test(text.trim())) add('number');
      else bounded(Number(text), 'least', 'most');
      break;
    case 'date':
      if (!isDate(text)) add('date');
      break;
    case 'select':
    case 'multiSelect':
      if (!q.options.some((o) => fold(o) === fold(text))) add('choice');
      break;
    case 'text':
      bounded([...text].length, 'shortest', 'longest');
  }
  if (q.pattern && !q.pattern.test(text)) add('pattern');
}

/** Everything that is wrong with the answers, in the order of the questions. */
export function check(t: Template, answers: Answers): Problem[] {
  const on = asked(t, answers);
  return t.questions.filter((q) => on.has(q.id)).flatMap((q) => checkAnswer(q, answers[q.id]));
}

/** Whether a question has been dealt with: answered, or photographed where only photos are asked for. */
export function isAnswered(q: Question, a: Answer | undefined): boolean {
  return q.kind === 'picture' ? (a?.pictures.length ?? 0) > 0 : textsIn(a).length > 0;
}

export function progress(t: Template, answers: Answers): { answered: number; asked: number } {
  const on = asked(t, answers);
  const questions = t.questions.filter((q) => on.has(q.id));
  return { answered: questions.filter((q) => isAnswered(q, answers[q.id])).length, asked: questions.length };
}

export type WireAnswer = { id: string; question: string; answerType: string; answer: string | string[] | null; pictures?: string[] };

/** The answers as they are handed in: those to what is asked, each in the template's own words. */
export function toWire(t: Template, answers: Answers): WireAnswer[] {
  const on = asked(t, answers);
  const wire: WireAnswer[] = [];
  for (const q of t.questions) {
    const a = answers[q.id];
    const texts = textsIn(a);
    if (!on.has(q.id) || !a || (texts.length === 0 && a.pictures.length === 0)) continue;
    const own = texts.map((text) => q.options.find((o) => fold(o) === fold(text)) ?? text.trim());
    wire.push({
      id: q.id, question: q.label, answerType: q.kind, answer: q.kind === 'multiSelect' ? own : (own[0] ?? null),
      ...(a.pictures.length ? { pictures: [...a.pictures] } : {}),
    });
  }
  return wire;
}
