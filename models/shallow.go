package models

// What a JSON text may hold before it is decoded: no input of ours is deeper or larger, and decoding what is takes memory
// and time out of proportion.
const (
	maxJSONDepth = 64
	maxJSONNodes = 400_000
)

// CheckJSON refuses a text whose nesting or number of values no input has. It does not tell whether the text is JSON. A
// [Malformed] error.
func CheckJSON(text []byte) error {
	depth, nodes, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quoted {
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
			continue
		}
		switch c {
		case '"':
			quoted = true
		case '{', '[':
			depth++
			nodes++
		case '}', ']':
			depth--
		case ',', ':':
			nodes++
		}
		if depth > maxJSONDepth {
			return Errorf(Malformed, "The JSON is nested more than %d deep.", maxJSONDepth)
		}
		if nodes > maxJSONNodes {
			return Errorf(Malformed, "The JSON holds more than %d values.", maxJSONNodes)
		}
	}
	return nil
}

// Objects counts those of a JSON text, each of which takes memory out of proportion to its length once it is decoded.
func Objects(text []byte) (n int) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == '{' && !quoted:
			n++
		}
	}
	return n
}
