package models

import (
	"slices"
)

// Privilege is one thing that a role may do.
type Privilege string

// The privileges.
const (
	ViewAllOrders      Privilege = "view_all_orders" // without it: those assigned to the user
	ViewOfficeFields   Privilege = "view_office_fields"
	CreateOrders       Privilege = "create_orders"
	EditOrders         Privilege = "edit_orders"
	AddTasks           Privilege = "add_tasks"
	AssignOrders       Privilege = "assign_orders"
	CompleteOrders     Privilege = "complete_orders"
	ReviewOrders       Privilege = "review_orders" // approve, reject, review items
	PublishOrders      Privilege = "publish_orders"
	CancelOrders       Privilege = "cancel_orders" // cancel, reopen, close
	DeleteOrders       Privilege = "delete_orders" // delete, restore
	UploadItems        Privilege = "upload_items"
	EditOwnItems       Privilege = "edit_own_items"
	EditAllItems       Privilege = "edit_all_items"
	ViewPublications   Privilege = "view_publications"
	RetryDeliveries    Privilege = "retry_deliveries"
	ViewProperties     Privilege = "view_properties"
	EditProperties     Privilege = "edit_properties"
	ManageUsers        Privilege = "manage_users"
	EditRoles          Privilege = "edit_roles"
	ManageAccount      Privilege = "manage_account"
	ManageDestinations Privilege = "manage_destinations"
	ManageIntegrations Privilege = "manage_integrations"
	ViewAlerts         Privilege = "view_alerts"
	DismissAlerts      Privilege = "dismiss_alerts"
)

// Privileges lists every privilege.
var Privileges = []Privilege{
	ViewAllOrders, ViewOfficeFields, CreateOrders, EditOrders, AddTasks, AssignOrders, CompleteOrders, ReviewOrders,
	PublishOrders, CancelOrders, DeleteOrders, UploadItems, EditOwnItems, EditAllItems, ViewPublications, RetryDeliveries,
	ViewProperties, EditProperties, ManageUsers, EditRoles, ManageAccount, ManageDestinations, ManageIntegrations, ViewAlerts, DismissAlerts,
}

// The built-in roles.
const (
	Admin          = "admin"
	Staff          = "staff"
	Crew           = "crew"
	RestrictedCrew = "restricted_crew"
	Subcontractor  = "subcontractor"
)

// BuiltInRoles lists the roles that every account has.
var BuiltInRoles = []string{Admin, Staff, Crew, RestrictedCrew, Subcontractor}

var defaultPrivileges = map[string][]Privilege{
	Admin: Privileges,
	Staff: {ViewAllOrders, ViewOfficeFields, CreateOrders, EditOrders, AddTasks, AssignOrders, CompleteOrders, ReviewOrders,
		PublishOrders, CancelOrders, UploadItems, EditOwnItems, EditAllItems, ViewPublications, RetryDeliveries,
		ViewProperties, EditProperties, ManageUsers, ViewAlerts, DismissAlerts},
	Crew:           {AddTasks, CompleteOrders, UploadItems, EditOwnItems},
	RestrictedCrew: {CompleteOrders, UploadItems, EditOwnItems},
	Subcontractor:  {CompleteOrders, UploadItems, EditOwnItems},
}

// Role is a named set of privileges, which an admin may edit.
type Role struct {
	AccountID  string      `gorm:"primaryKey" json:"-"`
	Name       string      `gorm:"primaryKey" json:"name"`
	Privileges []Privilege `gorm:"serializer:json" json:"privileges"`
	BuiltIn    bool        `json:"built_in"`
	CreatedAt  Time        `json:"created_at"`
	UpdatedAt  Time        `json:"updated_at"`
}

// Check returns an [Invalid] error that names each wrong field. The admin role keeps the right to edit roles and
// users, or nobody could give it back.
func (r *Role) Check() error {
	var p Problems
	if r.Name == "" || !OneLine(r.Name, 60) {
		p.Add("name", "Give the role a name of 1 to 60 characters.")
	}
	for _, privilege := range r.Privileges {
		if !slices.Contains(Privileges, privilege) {
			p.Add("privileges", "%q is no privilege.", privilege).Code = CodeNoSuch
		}
	}
	if r.Name == Admin {
		for _, keep := range []Privilege{EditRoles, ManageUsers} {
			if !slices.Contains(r.Privileges, keep) {
				p.Add("privileges", "The admin role can't lose %s.", keep)
			}
		}
	}
	return p.Err()
}
