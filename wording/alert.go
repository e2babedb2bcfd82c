package wording

import "fieldproof/models"

// Alert is an alert with its title, detail and remedy as the reader has them. What others said stays in their words, and so does an
// alert that was written with words of its own.
func (r *Reader) Alert(a models.Alert) models.Alert {
	if a.Says == "" {
		return a
	}
	args := make([]any, len(a.Args))
	for i, v := range a.Args {
		args[i] = v
		switch v := v.(type) {
		case models.Word:
			args[i] = r.Say(v.Key)
		case map[string]any: // a word that was kept
			key, _ := v["word"].(string)
			args[i] = r.Say(key)
		}
	}
	key := "alert_" + a.Says
	a.Title, a.Remedy = r.Say(key+"_title", args...), r.Say(key+"_remedy", args...)
	if _, says := known.messages[r.language][key+"_detail"]; says && a.Detail == "" {
		a.Detail = r.Say(key+"_detail", args...)
	}
	return a
}
