package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fieldproof/models"
)

// propertyCover is the cover of a property's report: what happened here over time, the same place visit by visit, and the
// visits, newest first.
func (d *document) propertyCover(f *flow) {
	inner := d.paper.inner()
	if len(d.visits) == 0 {
		f.put(d.paragraph("P", margin, inner, 9, span{d.says.Say("pdf_no_visits"), lead}))
		return
	}
	f.put(d.paragraph("P", margin, min(478, inner), 9, span{d.propertyLead(), lead}))
	if d.Property.Notes != "" {
		lines := d.note(inner, span{d.Property.Notes, plain.in(second)})
		f.put(block{height: leadingOf(lines), above: 6, draw: func(c *canvas, y float64) { c.tell("P", margin, y, lines) }})
	}
	if d.Part > 1 {
		return
	}
	if b := d.timeLine(); b != nil {
		f.add(*b)
	}
	if views := d.views(); len(views) > 0 {
		f.add(d.view(views[0])...)
	}
	d.visitTable(f)
}

func (d *document) propertyLead() string {
	var first, last *models.Time
	surveys := 0
	for n := range d.visits {
		r := d.visits[n].record
		surveys += len(d.visits[n].Surveys)
		if r.First != nil && (first == nil || r.First.Before(first.Time)) {
			first = r.First
		}
		if r.Last != nil && (last == nil || r.Last.After(last.Time)) {
			last = r.Last
		}
	}
	what := []string{d.says.Say("link_photos", "n", d.photos())}
	if surveys > 0 {
		what = append(what, d.says.Say("link_surveys", "n", surveys))
	}
	visits := d.says.Say("pdf_visits", "n", len(d.visits))
	if first == nil {
		return d.says.Say("pdf_visited", "visits", visits, "what", d.says.Together(what))
	}
	return d.says.Say("pdf_visited_between", "first", d.says.Year(first.Time), "last", d.says.Year(last.Time), "visits", visits, "what", d.says.Together(what))
}

// timeLine shows when the visits were.
func (d *document) timeLine() *block {
	var days []visitShown
	for _, v := range d.visits {
		if v.record.First != nil {
			days = append(days, v)
		}
	}
	if len(days) < 2 {
		return nil
	}
	slices.SortFunc(days, func(a, b visitShown) int { return a.record.First.Compare(b.record.First.Time) })
	first, last := days[0].record.First.Time, days[len(days)-1].record.First.Time
	span := max(1, last.Sub(first).Seconds())
	alt := d.says.Say("pdf_timeline_alt", "visits", d.says.Say("pdf_visits", "n", len(days)), "first", d.says.Year(first), "last", d.says.Year(last))
	return &block{height: 44, above: 10, draw: func(c *canvas, y float64) {
		inner := c.paper.inner()
		at := func(v visitShown) float64 {
			return margin + 40 + (inner-80)*v.record.First.Sub(first).Seconds()/span
		}
		c.page.Mark(c.element("Figure").Says(alt).Box(c.page, margin, y, inner, 44), func() {
			c.page.Line(margin+4, y+22, c.paper.width-margin-4, y+22, 1, ink)
			free := -1000.0
			for _, v := range days {
				x := at(v)
				dot := c.brand
				c.page.Circle(x, y+22, 5, stylePin(dot))
				said := c.says.Day(v.record.First.Time)
				w := c.width(running.bold(), said)
				if x-w/2 > free {
					c.label(running.bold().in(ink), x, y+10, 0.5, said)
					free = x + w/2 + 6
				}
			}
			year := ""
			for _, v := range days {
				if s := fmt.Sprint(v.record.First.In(c.Account.Location()).Year()); s != year {
					year = s
					c.label(running, at(v), y+40, 0.5, s)
				}
			}
		})
	}}
}

// shotView is one place as it was seen on several visits, oldest first: what is of one task and one shot.
type shotView struct {
	task   string
	shot   string
	photos []*models.Item
}

// spotKey is what a place is known by from visit to visit. Shots of one name in two tasks are two places.
func spotKey(task, shot string) string { return strings.ToLower(task) + "\x00" + strings.ToLower(shot) }

// views are the places that were photographed under one name on more than one visit: those seen most often first.
func (d *document) views() (views []shotView) {
	by := map[string]*shotView{}
	seen := map[string]map[int]bool{}
	tasks := map[string]map[string]bool{} // shot → the tasks that have it
	var keys []string
	see := func(n int, task, shot string, photos []*models.Item) {
		key := spotKey(task, shot)
		for _, i := range d.beforeAndAfter(photos) {
			if by[key] == nil {
				by[key], seen[key] = &shotView{task: task, shot: shot}, map[int]bool{}
				keys = append(keys, key)
			}
			by[key].photos = append(by[key].photos, i)
			seen[key][n] = true
		}
	}
	for n := len(d.visits) - 1; n >= 0; n-- { // the newest come first in a report
		for _, t := range d.visits[n].tasks {
			for _, s := range t.sets {
				if s.Shot != "" {
					see(n, t.Task, s.Shot, s.Photos)
				}
			}
			for _, i := range t.single {
				if i.Shot != "" {
					see(n, t.Task, i.Shot, []*models.Item{i})
				}
			}
		}
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return len(seen[key]) < 2 })
	for _, key := range keys {
		shot := strings.ToLower(by[key].shot)
		if tasks[shot] == nil {
			tasks[shot] = map[string]bool{}
		}
		tasks[shot][key] = true
	}
	slices.SortStableFunc(keys, func(a, b string) int { return len(seen[b]) - len(seen[a]) })
	for _, key := range keys {
		v := by[key]
		slices.SortStableFunc(v.photos, func(a, b *models.Item) int { return momentOf(a).Compare(momentOf(b)) })
		if len(tasks[strings.ToLower(v.shot)]) > 1 {
			v.shot += " (" + d.says.Task(v.task) + ")"
		}
		views = append(views, *v)
	}
	return views
}

// beforeAndAfter is what a visit shows of a place: the first before and the last that is none, as far as they can be shown.
func (d *document) beforeAndAfter(photos []*models.Item) (both []*models.Item) {
	var before, after *models.Item
	for _, i := range photos {
		switch {
		case !i.Viewable() || !d.inPart(i):
		case strings.EqualFold(i.EvidenceType, "before"):
			before = cmp.Or(before, i)
		default:
			after = i
		}
	}
	for _, i := range []*models.Item{before, after} {
		if i != nil {
			both = append(both, i)
		}
	}
	return both
}

// view lays one place out visit by visit.
func (d *document) view(v shotView) []block {
	const of = 4
	wide := d.paper.column(of)
	high := wide * 3 / 4
	heading := d.subheading(d.says.Say("pdf_view", "shot", v.shot))
	blocks := []block{heading}
	for part := range slices.Chunk(v.photos, of) {
		var notes [][]line
		most := 0.0
		for _, i := range part {
			said := d.said[i.ID]
			lines := d.wrap(wide, span{d.says.Year(momentOf(i)) + ". ", small.bold()}, span{d.says.Say("pdf_view_photo", "kind", said.Kind, "n", d.numbers[i.ID]), small})
			notes, most = append(notes, lines), max(most, leadingOf(lines))
		}
		blocks = append(blocks, block{height: high + 4 + most + 8, photos: part, draw: func(c *canvas, y float64) {
			for n, i := range part {
				x := margin + float64(n)*(wide+between)
				c.picture(i, x, y, wide, high, false)
				c.tell("Caption", x, y+high+4, notes[n])
			}
		}})
	}
	return blocks
}

// visitTable lists the visits, newest first.
func (d *document) visitTable(f *flow) {
	inner := d.paper.inner()
	columns := []column{{68, false, d.says.Say("pdf_date")}, {86, false, d.says.Say("pdf_order")}, {inner - 68 - 86 - 92 - 44 - 56 - 34, false, d.says.Say("pdf_what")},
		{92, false, d.says.Say("pdf_by")}, {44, true, d.says.Say("link_photos_head")}, {56, true, d.says.Say("link_yes")}, {34, true, d.says.Say("pdf_page")}}
	var rows [][][]span
	var total models.TaskShare
	for n := range d.visits {
		v := &d.visits[n]
		day, page := d.says.Say("doc_unknown"), ""
		if v.record.First != nil {
			day = d.says.Year(v.record.First.Time)
		}
		if at, there := d.known[visitKey(n)]; there {
			page = fmt.Sprint(at + 1)
		}
		var tasks []string
		for _, t := range v.tasks {
			tasks = append(tasks, d.says.Task(t.Task))
		}
		for _, s := range v.Surveys {
			if s.Task == "" || !slices.Contains(tasks, s.Task) {
				tasks = append(tasks, s.Name)
			}
		}
		s := v.record.Total
		certified := d.says.Number(float64(s.Certified), 0)
		if s.Certified+s.NotCertified == 0 {
			certified = d.says.Say("pdf_not_judged")
		}
		total.Photos += s.Photos
		total.Certified += s.Certified
		rows = append(rows, [][]span{says(day), {{v.Proof.Order.DisplayNumber(), cellText.bold()}}, says(strings.Join(tasks, ", ")), says(d.says.Together(v.record.People)),
			says(d.says.Number(float64(s.Photos), 0)), says(certified), says(page)})
	}
	if len(rows) > 1 {
		bold := func(s string) []span { return []span{{s, cellText.bold()}} }
		rows = append(rows, [][]span{bold(d.says.Say("pdf_all")), nil, nil, nil, bold(d.says.Number(float64(total.Photos), 0)), bold(d.says.Number(float64(total.Certified), 0)), nil})
	}
	head, blocks := d.table(columns, rows)
	f.rows([]block{d.subheading(d.says.Say("pdf_visits_newest"))}, head, blocks)
}

func visitKey(n int) string { return fmt.Sprintf("visit-%d", n) }

// placeByPlace shows every further place that several visits photographed, visit by visit.
func (d *document) placeByPlace(f *flow) {
	views := d.views()
	if len(views) < 2 || d.Part > 1 {
		return
	}
	if f.sheets[len(f.sheets)-1].cover || f.y > top+f.paper.full()/3 {
		f.page(false)
	}
	heading := d.taskHeading(d.says.Say("pdf_same_place"), "", section2, 1)
	heading.place = &place{key: "places", title: d.says.Say("pdf_same_place"), depth: 1}
	for n, v := range views[1:] {
		blocks := d.view(v)
		if n == 0 {
			blocks = append([]block{heading}, blocks...)
		}
		f.add(blocks...)
	}
}

// visitHead begins a visit with its own sentence, then says what changed since the one before, and what its record says.
// In the parts behind the first it is the heading alone, with its sentence.
func (d *document) visitHead(f *flow, v *visitShown) {
	name := v.Proof.Order.DisplayNumber()
	if v.record.First != nil {
		name = d.says.Say("pdf_visit_of", "day", d.says.Date(v.record.First.Time))
	}
	about := d.says.Say("link_order", "number", v.Proof.Order.DisplayNumber()) + " · " + d.says.Say("link_photos", "n", len(v.Proof.Photos()))
	heading := d.taskHeading(name, about, section1, 1)
	heading.place = &place{key: visitKey(v.n), title: name, depth: 1}
	said := d.lead(v)
	if v.record.First == nil {
		said = d.says.Say("pdf_nothing_done")
	} else if len(v.tasks) > 0 {
		head, _ := d.says.Judgement(v.record.Total)
		said += " " + head + "."
	}
	if len(f.sheets) == 1 {
		f.page(false)
	}
	begins := []block{heading, d.paragraph("P", margin, min(478, d.paper.inner()), 0, span{said, lead.at(10.5).led(15)})}
	if v.record.First == nil || d.Part > 1 {
		f.add(begins...)
		return
	}
	if before, changes := d.changes(v); before != nil {
		about := d.subheading(d.says.Say("pdf_since", "day", d.says.Date(before.record.First.Time)))
		for n, said := range changes {
			b := d.paragraph("P", margin, d.paper.inner(), 3, span{said, plain})
			if n == 0 {
				b.above = 0
				f.add(append(begins, about, b)...)
				begins = nil
				continue
			}
			f.add(b)
		}
	}
	record := d.heading(fmt.Sprintf("record-%d", v.n), 2, d.says.Say("link_csr"))
	d.recorded(f, v, append(begins, record)...)
}

// changes is what a visit found otherwise than the one before it, in sentences: answers that were given on both, and places
// that were photographed on one alone. Without a visit before there is nothing to compare with.
func (d *document) changes(v *visitShown) (before *visitShown, said []string) {
	for n := range d.visits {
		o := &d.visits[n]
		if o.record.First == nil || !o.record.First.Before(v.record.First.Time) {
			continue
		}
		if before == nil || before.record.First.Before(o.record.First.Time) {
			before = o
		}
	}
	if before == nil {
		return nil, nil
	}
	was := map[[3]string]string{}
	for _, s := range before.Surveys {
		for _, a := range s.Answers {
			was[[3]string{s.Name, a.Section, a.Question}] = d.says.Together(a.Answers)
		}
	}
	compared, otherwise := 0, 0
	for _, s := range v.Surveys {
		for _, a := range s.Answers {
			now := d.says.Together(a.Answers)
			then, there := was[[3]string{s.Name, a.Section, a.Question}]
			if !there || now == "" || then == "" { // what was not answered on both tells of no change
				continue
			}
			if compared++; now != then {
				otherwise++
				said = append(said, d.says.Say("pdf_answer_changed", "question", a.Question, "now", now, "then", then))
			}
		}
	}
	if compared > otherwise {
		said = append(said, d.says.Say("pdf_answers_same", "n", compared-otherwise))
	}
	here, there := d.shotsOf(v), d.shotsOf(before)
	var again, fresh, gone []string
	for _, s := range here {
		if slices.ContainsFunc(there, s.same) {
			again = append(again, s.shot)
		} else {
			fresh = append(fresh, s.shot)
		}
	}
	for _, s := range there {
		if !slices.ContainsFunc(here, s.same) {
			gone = append(gone, s.shot)
		}
	}
	for _, group := range []struct {
		key   string
		shots []string
	}{{"pdf_places_again", again}, {"pdf_places_new", fresh}, {"pdf_places_gone", gone}} {
		if len(group.shots) > 0 {
			said = append(said, d.says.Say(group.key, "n", len(group.shots), "which", d.says.Together(group.shots)))
		}
	}
	if len(said) == 0 {
		said = append(said, d.says.Say("pdf_not_comparable"))
	}
	return before, said
}

func (s shotView) same(o shotView) bool { return spotKey(s.task, s.shot) == spotKey(o.task, o.shot) }

// shotsOf are the named places that a visit photographed, each once.
func (d *document) shotsOf(v *visitShown) (shots []shotView) {
	add := func(task, shot string) {
		if one := (shotView{task: task, shot: shot}); shot != "" && !slices.ContainsFunc(shots, one.same) {
			shots = append(shots, one)
		}
	}
	for _, t := range v.tasks {
		for _, s := range t.sets {
			add(t.Task, s.Shot)
		}
		for _, i := range t.single {
			add(t.Task, i.Shot)
		}
	}
	return shots
}
