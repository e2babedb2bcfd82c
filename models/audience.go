package models

import "slices"

// Audience is for whom an output is made. What an audience may not see is not in the data that drawing, archives, mails
// and pages are given.
type Audience string

// The audiences.
const (
	// ForOffice is office staff, and the account's own web-hooks.
	ForOffice Audience = "office"
	// ForField is crew and subcontractors: never what stands in description and reference.
	ForField Audience = "field"
	// ForClient is whoever gets results: reports, archives, links, mails, folders, the client's system. Neither office
	// words nor door codes nor what was said to the crew.
	ForClient Audience = "client"
)

// Audience is the one that the member belongs to.
func (m *Member) Audience() Audience {
	if m.May(ViewOfficeFields) {
		return ForOffice
	}
	return ForField
}

// hide clears what an audience may not see of an order's fields.
func (f *WorkOrderFields) hide(a Audience) {
	for _, field := range Fields {
		if field.Kept() && !field.SeenBy(a) {
			field.of(f).SetZero()
		}
	}
}

// hide clears what an audience may not see of tasks, without touching the slice that it is given.
func hideTasks(tasks []Task, a Audience) []Task {
	if a != ForClient {
		return tasks
	}
	tasks = slices.Clone(tasks)
	for i := range tasks {
		tasks[i].Instructions, tasks[i].Options = "", nil
	}
	return tasks
}

// For is the order as an audience may see it.
func (o *WorkOrder) For(a Audience) *WorkOrder {
	seen := *o
	seen.hide(a)
	return &seen
}

// For is the account as an audience may see it: where the office is told of trouble is its own matter, and so is with which
// words it sends photos back, and who its clients are.
func (a *Account) For(audience Audience) *Account {
	seen := *a
	if audience != ForOffice {
		seen.AlertEmail, seen.ReviewReasons, seen.ClientLanguages = "", []string{}, map[string]string{}
	}
	return &seen
}

// For is the view as an audience may see it.
func (v WorkOrderView) For(a Audience) WorkOrderView {
	v.hide(a)
	v.Tasks = hideTasks(v.Tasks, a)
	if a != ForOffice {
		v.Share, v.KeyPhotos = nil, nil
	}
	if a == ForClient {
		// How the office works is its own: who does it, where it came from and what it calls that, and what of it is still to be seen to.
		v.Assignee, v.AssigneeName, v.AssignedName, v.AssignedToAll = nil, "", "", false
		v.IntegrationID, v.ClientName, v.HasNewItems, v.Invoiced = nil, "", false, false
		v.Awaited, v.Policy, v.Progress = 0, nil, nil
	}
	return v
}
