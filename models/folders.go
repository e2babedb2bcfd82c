package models

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// DefaultFolderTemplate is how archives and backups are sorted into folders unless said.
const DefaultFolderTemplate = "Address 1/Project/Task/Photo Type"

// folderLevels maps each folder level, in lower case, to its value for an item. Those of an order come first; the
// incumbent's names are kept, so that its users find their folders again.
var (
	orderLevels = map[string]func(p *Proof) string{
		"address 1":      func(p *Proof) string { return p.Order.Address.Address1 },
		"address 2":      func(p *Proof) string { return p.Order.Address.Address2 },
		"city":           func(p *Proof) string { return p.Order.Address.City },
		"client":         func(p *Proof) string { return p.Order.ClientCode },
		"project":        func(p *Proof) string { return p.Order.DisplayNumber() },
		"property":       func(p *Proof) string { return p.Order.Address.Line() },
		"state":          func(p *Proof) string { return p.Order.Address.State },
		"vendor account": func(p *Proof) string { return p.Account.Name },
		"zip":            func(p *Proof) string { return p.Order.Address.Zip },
	}
	itemLevels = map[string]func(p *Proof, i *Item) string{
		"date":                    func(p *Proof, i *Item) string { return i.moment().In(p.Account.Location()).Format("2006-01-02") },
		"file type":               func(_ *Proof, i *Item) string { return string(i.Kind) },
		"original file extension": func(_ *Proof, i *Item) string { return strings.TrimPrefix(i.Extension(), ".") },
		"phone number":            func(_ *Proof, i *Item) string { return i.Device },
		"photo type":              func(_ *Proof, i *Item) string { return i.EvidenceType },
		"picture source":          func(_ *Proof, i *Item) string { return string(i.Source) },
		"sub-user account":        func(p *Proof, i *Item) string { return p.Users[i.UploadedBy] },
		"task":                    func(p *Proof, i *Item) string { return p.TaskName(i) },
	}
)

// FolderLevels lists the levels of which a folder template is made, with / between them.
var FolderLevels = []string{"Address 1", "Address 2", "City", "Client", "Date", "File Type", "Original File Extension", "Phone Number",
	"Photo Type", "Picture Source", "Project", "Property", "State", "Sub-user Account", "Task", "Vendor Account", "Zip"}

// CheckFolderTemplate says which level of a template is unknown; "" is the default template.
func CheckFolderTemplate(template string) error {
	if template == "" {
		return nil
	}
	levels := strings.Split(template, "/")
	if len(levels) > 10 {
		return errors.New("a template has at most 10 levels")
	}
	for _, level := range levels {
		level = strings.ToLower(strings.TrimSpace(level))
		if orderLevels[level] == nil && itemLevels[level] == nil {
			return fmt.Errorf("%q is no folder level; write some of %s with / between them", level, strings.Join(FolderLevels, ", "))
		}
	}
	return nil
}

// FolderOf is the folder of an item below a template, of safe names only. With a nil item: the folder of the order,
// down to the first level that only an item can tell.
func (p *Proof) FolderOf(template string, i *Item) string {
	if template == "" {
		template = DefaultFolderTemplate
	}
	var parts []string
	for _, level := range strings.Split(template, "/") {
		level = strings.ToLower(strings.TrimSpace(level))
		if value := orderLevels[level]; value != nil {
			parts = append(parts, SafeName(value(p)))
			continue
		}
		if i == nil {
			break
		}
		if value := itemLevels[level]; value != nil {
			parts = append(parts, SafeName(value(p, i)))
		}
	}
	return path.Join(parts...)
}

// FileName names an item's original: when it was taken, and its uuid, which makes it unique.
func (p *Proof) FileName(i *Item) string {
	return i.moment().In(p.Account.Location()).Format("20060102-150405") + "_" + SafeName(i.UUID) + i.Extension()
}

func (i *Item) moment() Time {
	if i.TakenAt != nil {
		return *i.TakenAt
	}
	return i.ReceivedAt
}

// Extension is the file extension of the item's bytes, with its dot; "" when it has none.
func (i *Item) Extension() string {
	if i.Kind == SurveyResponse || i.Kind == CheckIn {
		return ""
	}
	switch i.ContentType {
	case "image/png":
		return ".png"
	case "image/heic":
		return ".heic"
	case "application/pdf":
		return ".pdf"
	case "application/json":
		return ".json"
	case "text/html":
		return ".html"
	case "video/mp4":
		return ".mp4"
	}
	if i.Kind == File {
		return ".bin"
	}
	return ".jpg"
}

// SafeFileName makes of any text the name of a file on every system, with its extension.
func SafeFileName(s string) string {
	extension := path.Ext(s)
	if strings.ContainsFunc(strings.TrimPrefix(extension, "."), func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		extension = ""
	}
	return SafeName(strings.TrimSuffix(s, extension)) + extension
}

// reservedNames can't name a file on Windows.
var reservedNames = []string{"con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
	"lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9"}

// SafeName makes of any text a name that is one level of a path on every system.
func SafeName(s string) string {
	s = strings.TrimSpace(CleanTaskName(s))
	if runes := []rune(s); len(runes) > 80 || len(s) > 200 {
		runes = runes[:min(len(runes), 80)]
		for len(string(runes)) > 200 { // file systems count bytes
			runes = runes[:len(runes)-1]
		}
		s = strings.TrimSpace(string(runes))
	}
	if s == "" {
		return "none"
	}
	if slices.Contains(reservedNames, strings.ToLower(s)) {
		return "_" + s
	}
	return s
}
