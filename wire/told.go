package wire

import (
	"regexp"
	"strings"
)

// told is what an item's sender says of it beside what it is: each row is both directions of a member.
var told = []struct {
	name  string
	write func(ItemOut) string
	read  func(*Item, string)
}{
	{"sha256", func(o ItemOut) string {
		if o.Note != "" {
			return "" // the file is not the item's own; the note tells the hash of that
		}
		return o.Item.ContentHash()
	}, func(i *Item, text string) {
		if hashPattern.MatchString(text) {
			i.SHA256 = strings.ToLower(text)
		}
	}},
	{"authenticated", func(o ItemOut) string { return flag(o.Item.Certification.Item) }, func(i *Item, text string) { i.Claims.Item = flagged(text) }},
	{"csrCertifiedTime", func(o ItemOut) string { return flag(o.Item.Certification.Time) }, func(i *Item, text string) { i.Claims.Time = flagged(text) }},
	{"csrCertifiedLocation", func(o ItemOut) string { return flag(o.Item.Certification.Location) }, func(i *Item, text string) { i.Claims.Location = flagged(text) }},
}

var hashPattern = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// flag writes a judgement; empty where there was nothing to judge by.
func flag(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "1"
	}
	return "0"
}

// flagged reads what flag writes, and how else peers write it; nil for what is neither.
func flagged(text string) *bool {
	yes := false
	switch strings.ToLower(text) {
	case "1", "true", "yes":
		yes = true
	case "0", "false", "no":
	default:
		return nil
	}
	return &yes
}
