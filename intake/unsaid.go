package intake

import (
	"slices"
	"strings"

	"fieldproof/models"
)

// A Fieldproof tells an order whole: what it told before and tells no more it has taken away. Peers of the wire tell only what
// changes, so of them silence says nothing.

// The names under which the parts of what a source said stand among what is remembered of it.
const (
	optionPrefix    = "option:"
	attributePrefix = "attribute:"
	taskPrefix      = "part:" // part:{task}/{option:… or photos:…}: a cleaned name holds no /
	photosPrefix    = "photos:"
)

// toldWhole tells whether another Fieldproof tells the order with all that it has.
func (t *taking) toldWhole() bool {
	return t.src.shared() && t.in.Share != nil && t.in.Says("address.address1") && t.in.Tasks != nil
}

// unsaid has the order say that there is nothing where its delegator told something before and tells nothing now. Of what
// anybody may write that is news once; of what is the delegator's it holds for as long as nothing is told.
func (t *taking) unsaid(memory *models.ReceivedOrder) {
	if memory == nil || !t.toldWhole() || t.hidden[memory.WorkOrderID] {
		return
	}
	in, nothing := t.in, models.Print("")
	for _, f := range models.Fields {
		if !f.Kept() || (f.Kind != models.Day && f.Kind != models.Coordinate) || in.Says(f.Name) {
			continue
		}
		if said, before := memory.Fields[f.PrintName()]; before && (said != nothing || f.Owner != models.OfAnyone) {
			in.SayNothing(f)
		}
	}
	gone := map[string]any{}
	for name, said := range memory.Fields {
		if option, is := strings.CutPrefix(name, optionPrefix); is {
			if _, says := in.Fields.Options[option]; !says {
				gone[option] = nil
			}
		}
		if attribute, is := strings.CutPrefix(name, attributePrefix); is && said != nothing {
			if _, says := in.Fields.Attributes[attribute]; !says {
				in.SayAttribute(attribute, "")
			}
		}
	}
	if len(gone) > 0 {
		for option, value := range in.Fields.Options {
			gone[option] = value
		}
		in.SayObject(models.FieldNamed("options"), gone)
	}
	t.unsaidOfTasks(memory)
}

// unsaidOfTasks is [taking.unsaid] for the options and the required photos of tasks.
func (t *taking) unsaidOfTasks(memory *models.ReceivedOrder) {
	byName := map[string]*models.IncomingTask{}
	for i := range t.in.Tasks {
		byName[partsOf(t.in.Tasks[i].Name)] = &t.in.Tasks[i]
	}
	for name := range memory.Fields {
		if !strings.HasPrefix(name, taskPrefix) {
			continue
		}
		task, part, _ := strings.Cut(name, "/")
		said := byName[task]
		if said == nil {
			continue
		}
		if option, is := strings.CutPrefix(part, optionPrefix); is {
			if _, says := said.Options[option]; !says {
				if said.Options == nil {
					said.Options = map[string]any{}
				}
				said.Options[option] = nil
			}
		}
		if evidence, is := strings.CutPrefix(part, photosPrefix); is {
			if _, says := said.RequiredPhotos[evidence]; !says {
				said.Unrequired = append(said.Unrequired, evidence)
			}
		}
	}
	for _, said := range byName {
		slices.Sort(said.Unrequired)
	}
}

// partsOf begins the names of what is remembered of a task's parts.
func partsOf(task string) string { return taskPrefix + strings.ToLower(models.CleanTaskName(task)) }

// keepParts remembers which options and required photos of its tasks a delegator told.
func (t *taking) keepParts(m *models.ReceivedOrder) {
	if !t.toldWhole() {
		return
	}
	for i := range t.in.Tasks {
		said := &t.in.Tasks[i]
		for option := range said.Options {
			m.Fields[partsOf(said.Name)+"/"+optionPrefix+option] = ""
		}
		for evidence := range said.RequiredPhotos {
			m.Fields[partsOf(said.Name)+"/"+photosPrefix+evidence] = ""
		}
	}
}
