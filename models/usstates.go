package models

import "strings"

// usStates are the states and territories of the United States by their names, with the codes of the Postal Service
// (Publication 28, appendix B).
var usStates = map[string]string{
	"alabama": "al", "alaska": "ak", "american samoa": "as", "arizona": "az", "arkansas": "ar", "california": "ca", "colorado": "co", "connecticut": "ct",
	"delaware": "de", "district of columbia": "dc", "florida": "fl", "georgia": "ga", "guam": "gu", "hawaii": "hi", "idaho": "id", "illinois": "il",
	"indiana": "in", "iowa": "ia", "kansas": "ks", "kentucky": "ky", "louisiana": "la", "maine": "me", "maryland": "md", "massachusetts": "ma",
	"michigan": "mi", "minnesota": "mn", "mississippi": "ms", "missouri": "mo", "montana": "mt", "nebraska": "ne", "nevada": "nv", "new hampshire": "nh",
	"new jersey": "nj", "new mexico": "nm", "new york": "ny", "north carolina": "nc", "north dakota": "nd", "northern mariana islands": "mp", "ohio": "oh",
	"oklahoma": "ok", "oregon": "or", "pennsylvania": "pa", "puerto rico": "pr", "rhode island": "ri", "south carolina": "sc", "south dakota": "sd",
	"tennessee": "tn", "texas": "tx", "utah": "ut", "vermont": "vt", "virgin islands": "vi", "virginia": "va", "washington": "wa", "west virginia": "wv",
	"wisconsin": "wi", "wyoming": "wy",
}

var usCodes = func() map[string]bool {
	codes := map[string]bool{}
	for _, code := range usStates {
		codes[code] = true
	}
	return codes
}()

// usState is the code of a state of the United States, however it was written; "" for what is none.
func usState(state string) string {
	s := strings.ToLower(strings.TrimSpace(state))
	if usCodes[s] {
		return s
	}
	return usStates[s]
}

// isUS tells whether a country is the United States, or left out, as their senders do.
func isUS(country string) bool {
	switch strings.ToLower(strings.TrimSpace(country)) {
	case "", "us", "usa", "u.s.", "u.s.a.", "united states", "united states of america":
		return true
	}
	return false
}
