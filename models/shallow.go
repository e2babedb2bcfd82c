package models

import (
	"bytes"
	"strconv"
	"strings"
)

// What a JSON text may hold before it is decoded: no input of ours is deeper or larger, and decoding what is takes memory
// and time out of proportion.
const (
	maxJSONDepth   = 64
	maxJSONNodes   = 400_000
	maxJSONMembers = 100_000
	// maxObjectMembers is how many members one object may have: answers come as an object of question → answer.
	maxObjectMembers = maxQuestions
)

// level is an object or a list around a place of a JSON text.
type level struct {
	list     bool
	elements int // before the place
	members  int
	name     []byte // of the newest member
}

// CheckJSON refuses a text whose nesting, number of values or number of members no input has. It does not tell whether the
// text is JSON. A [Malformed] error, or an [Invalid] one that names the object that has too many members.
func CheckJSON(text []byte) error {
	var levels [maxJSONDepth + 1]level
	depth, nodes, members, quote, quoted := 0, 0, 0, 0, false
	var newest []byte // text in quotes
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quoted {
			switch c {
			case '\\':
				i++
			case '"':
				newest, quoted = text[quote+1:i], false
			}
			continue
		}
		switch c {
		case '"':
			quote, quoted = i, true
		case '{', '[':
			if depth++; depth > maxJSONDepth {
				return Errorf(Malformed, "The JSON is nested more than %d deep.", maxJSONDepth)
			}
			nodes++
			levels[depth] = level{list: c == '['}
		case '}', ']':
			depth = max(depth-1, 0) // below it the text is no JSON
		case ',':
			nodes++
			levels[depth].elements++
		case ':':
			nodes, members = nodes+1, members+1
			if depth == 0 {
				continue // no JSON
			}
			levels[depth].name = newest
			if levels[depth].members++; levels[depth].members > maxObjectMembers {
				return InvalidField(pathOf(levels[1:depth]), "An object has at most %d members.", maxObjectMembers)
			}
		}
		if nodes > maxJSONNodes {
			return Errorf(Malformed, "The JSON holds more than %d values.", maxJSONNodes)
		}
		if members > maxJSONMembers {
			return Errorf(Malformed, "The objects of the JSON have more than %d members.", maxJSONMembers)
		}
	}
	return nil
}

// MendJSON replaces, in place, half characters that a JSON text escapes, such as \ud800 alone: decoded they are U+FFFD, and raw
// no JSONB takes them. A phone makes one of a text that it cuts inside a sign, so nothing is refused for it.
func MendJSON(text []byte) {
	half := func(i int) (low, is bool) {
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return false, false
		}
		code, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return code >= 0xDC00, err == nil && code >= 0xD800 && code <= 0xDFFF
	}
	for i := bytes.IndexByte(text, '\\'); i >= 0 && i+1 < len(text); {
		step := 2
		if low, is := half(i); is {
			if second, paired := half(i + 6); !low && paired && second {
				step = 12
			} else {
				copy(text[i:], `\ufffd`)
			}
		}
		i += step
		next := bytes.IndexByte(text[min(i, len(text)):], '\\')
		if next < 0 {
			return
		}
		i += next
	}
}

// pathOf names a place such as tasks[0].options; "" when a name on the way is too long to be told.
func pathOf(levels []level) string {
	var path strings.Builder
	for _, l := range levels {
		switch {
		case l.list:
			path.WriteString("[" + strconv.Itoa(l.elements) + "]")
		case len(l.name) > 100:
			return ""
		default:
			if path.Len() > 0 {
				path.WriteByte('.')
			}
			path.WriteString(strings.ToValidUTF8(string(l.name), "\uFFFD"))
		}
	}
	return path.String()
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
