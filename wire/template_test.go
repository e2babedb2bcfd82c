package wire

import (
	"strings"
	"testing"

	"fieldproof/tests/budget"
)

// FuzzTemplate reads what an admin may write as a template: refused or filled, in little memory and time.
func FuzzTemplate(f *testing.F) {
	if testing.Short() {
		f.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	nested := func(open, end string, depth int) string {
		return `{"a":"` + strings.Repeat(open, depth) + "x" + strings.Repeat(end, depth) + `"}`
	}
	for _, seed := range []string{
		`{"n":"{{workorder.workOrderNumber}}","i":{{json item}}}`, `{"a":[{{#each workorder.services}}{{json this}}{{#unless @last}},{{/unless}}{{/each}}]}`, PruvanTemplate,
		nested("{{~#each workorder}}", "{{~/each}}", 24), nested("{{#each @root.workorder}}", "{{/each}}", 4), nested("{{{{#each workorder}}}}", "{{{{/each}}}}", 4),
		nested("{{#if 1}}", "{{/if}}", 20_000), nested("{{#with workorder}}", "{{/with}}", 2000), nested("{{ # each workorder }}", "{{ / each }}", 12),
		strings.Repeat("{", 60_000), "{{" + strings.Repeat("(json ", 8000), `{"a":{{json (json (json workorder))}}}`, `{{> x}}`, `{{~> x}}`, `{{^}}{{else}}{{/}}`, "{{json " + strings.Repeat("a.", 20_000) + "}}",
		"{{!" + strings.Repeat("-", 60_000), "{{!x" + strings.Repeat(" ", 60_000), strings.Repeat("{{json workorder}}", 3000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		budget.Of(func() { _ = CheckTemplate(t.Context(), template) }).Within(t, mostOfTemplate)
	})
}

func TestATemplateThatTheLibraryStumblesOverTakesLittle(t *testing.T) {
	for _, template := range []string{`{"a":"{{#each A0./A}}{{/each}}"}`, `{{#each workorder./x}}{{/each}}`, `{{!x` + strings.Repeat(" ", 60_000) + `}}{}`} {
		budget.Of(func() {
			if err := CheckTemplate(t.Context(), template); err == nil {
				t.Errorf("%.40q is taken", template)
			}
		}).Within(t, mostOfTemplate)
	}
}

// mostOfTemplate is what checking one may allocate in all, one after another, for both of its samples.
const mostOfTemplate = 1 << 30
