package models

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Options and members of surveys come as any JSON value: remote systems send numbers and booleans as texts.

// optionOn tells whether a boolean option is on; text "true" counts, as remote systems send it.
func optionOn(options map[string]any, option string) bool { return truthy(options[option]) }

func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	text, _ := json.Marshal(v)
	return string(text)
}

func textsOf(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, textOf(e))
		}
		return all
	}
	return []string{textOf(v)}
}

func truthy(v any) bool {
	switch strings.ToLower(textOf(v)) {
	case "true", "yes", "1":
		return true
	}
	return false
}

func intOf(v any) int {
	n, _ := strconv.Atoi(textOf(v))
	return max(0, min(n, 10_000))
}

func floatOf(v any) *float64 {
	if f, err := strconv.ParseFloat(textOf(v), 64); err == nil {
		return &f
	}
	return nil
}
