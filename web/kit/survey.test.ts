import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asked, check, initialAnswers, isDate, progress, readAnswers, readTemplate, toWire, wantedPhotos } from './survey';

const alike = JSON.parse(readFileSync(new URL('../../models/testdata/answers.json', import.meta.url), 'utf8')) as { template: unknown; cases: { name: string; answers: unknown; wrong: string[] }[] };

describe('answers are judged as the server judges them', () => {
  const t = readTemplate(alike.template);
  it.each(alike.cases)('$name', ({ answers, wrong }) => {
    expect([...new Set(check(t, readAnswers(answers)).map((p) => p.question))].sort()).toEqual([...wrong].sort());
  });
});

describe('a template', () => {
  const t = readTemplate({ meta: { surveyTemplateId: 'a', name: 'A' }, questions: [
    { id: 'vacant', answerType: 'yesNo', triggers: [{ answer: 'No', enable: ['lives'], pictureMin: 2 }] },
    { id: 'lives', answerType: 'textarea', default: 'nobody' },
    { type: 'section', question: 'Inside', questions: [{ id: 'rooms', answerType: 'number' }, { type: 'section', question: 'Attic', questions: [{ id: 'attic', answerType: 'nonsense' }] }, { id: 'last', answerType: 'text' }] },
    { id: 'end', answerType: 'multiSelect', answerOptions: ['X', 'Y'] },
  ] });

  it('keeps its questions in sections, in their order', () => {
    expect(t.sections.map((s) => [s.title, s.questions.map((q) => q.id)])).toEqual([
      ['', ['vacant', 'lives']], ['Inside', ['rooms']], ['Inside · Attic', ['attic']], ['Inside', ['last']], ['', ['end']],
    ]);
    expect(t.questions.find((q) => q.id === 'lives')).toMatchObject({ long: true, kind: 'text' });
  });
  it('counts what is asked and what is answered', () => {
    expect(progress(t, {})).toEqual({ answered: 0, asked: 5 });
    expect(progress(t, readAnswers({ vacant: 'no', rooms: 3 }))).toEqual({ answered: 2, asked: 6 });
    expect(progress(t, readAnswers({ vacant: 'yes', lives: 'hidden' }))).toEqual({ answered: 1, asked: 5 });
  });
  it('asks for the photos of a trigger', () => {
    const vacant = t.questions[0]!;
    expect(wantedPhotos(vacant, { texts: ['NO'], pictures: [] })).toBe(2);
    expect(wantedPhotos(vacant, { texts: ['Yes'], pictures: [] })).toBe(0);
  });
  it('begins with its defaults, and hands in only what is asked, in its own words', () => {
    expect(initialAnswers(t)).toEqual({ lives: { texts: ['nobody'], pictures: [] } });
    const answers = { ...initialAnswers(t), ...readAnswers({ vacant: 'Yes', end: ['y'] }), rooms: { texts: [' '], pictures: [] }, attic: { texts: [], pictures: ['p'] } };
    expect(toWire(t, answers)).toEqual([
      { id: 'vacant', question: 'vacant', answerType: 'yesNo', answer: 'Yes' },
      { id: 'attic', question: 'attic', answerType: 'text', answer: null, pictures: ['p'] },
      { id: 'end', question: 'end', answerType: 'multiSelect', answer: ['Y'] },
    ]);
  });
  it('takes a drawn signature for an answer and for a picture', () => {
    const s = readTemplate({ questions: [{ id: 's', answerType: 'signature', required: true, pictureMin: 1 }] });
    expect(check(s, { s: { texts: [], pictures: [], drawn: [] } }).map((p) => p.code)).toEqual(['required', 'photos']);
    expect(check(s, { s: { texts: [], pictures: [], drawn: [{ points: [] }] } })).toEqual([]);
  });
  it('survives whatever is there', () => {
    for (const raw of [null, 5, [], {}, { questions: 5 }, { questions: [null, 5, { type: 'section' }, { id: {}, answerOptions: 'x', triggers: [5], validation: 'x' }] }, { questions: [{ id: 'a', validation: { pattern: '(' } }] }]) {
      const read = readTemplate(raw);
      expect(check(read, readAnswers(raw))).toBeInstanceOf(Array);
      expect(asked(read, {}).size).toBeLessThanOrEqual(1);
    }
  });
  it('goes round no circle', () => {
    const circle = readTemplate({ questions: [{ id: 'a', answerType: 'text', triggers: [{ answer: 'x', enable: ['b'] }] }, { id: 'b', answerType: 'text', triggers: [{ answer: 'x', enable: ['b', 'a'] }] }] });
    expect([...asked(circle, readAnswers({ a: 'x', b: 'x' }))]).toEqual([]);
  });
});

it('knows dates', () => {
  for (const good of ['2026-05-04', ' 5/4/2026 ', '2028-02-29', '2026-05-04 10:30', '12/31/2026 9:05', '2026-05-04T10:00:00.5+02:00']) expect(isDate(good), good).toBe(true);
  for (const bad of ['', '4.5.2026', '2026-13-01', '2026-02-30', '13/1/2026', '2026-05-04T10:00', '20260504']) expect(isDate(bad), bad).toBe(false);
});
