package reports

import (
	"slices"

	"golang.org/x/text/unicode/bidi"
)

// direction is the one of a text's first strong letter: 0 to the right, 1 to the left.
func direction(text []rune) uint8 {
	for _, r := range text {
		switch classOf(r) {
		case bidi.L:
			return 0
		case bidi.R, bidi.AL:
			return 1
		}
	}
	return 0
}

func classOf(r rune) bidi.Class {
	p, _ := bidi.LookupRune(r)
	return p.Class()
}

// levels is how deep each letter lies in the directions of a text, as Unicode's annex 9 has it: an even one reads to the right, an
// odd one to the left. Embeddings are left out, as clean leaves them out of texts. It is ours because x/text and go-text tell runs
// alone, in which a number behind Arabic (2) and the English behind it (0) are one.
func levels(text []rune, base uint8) []uint8 {
	edge := bidi.L
	if base == 1 {
		edge = bidi.R
	}
	classes := weak(text, edge)
	brackets(text, classes, edge)
	for from := 0; from < len(text); from++ {
		if !neutral(classes[from]) {
			continue
		}
		before, after, to := edge, edge, from
		if from > 0 {
			before = side(classes[from-1])
		}
		for to < len(text) && neutral(classes[to]) {
			to++
		}
		if to < len(text) {
			after = side(classes[to])
		}
		if before != after {
			before = edge
		}
		for ; from < to; from++ {
			classes[from] = before
		}
	}
	deep := make([]uint8, len(text))
	for n, c := range classes {
		switch {
		case side(c) == bidi.R && c != bidi.R: // a number
			deep[n] = 2
		case c == bidi.R:
			deep[n] = 1
		case base == 1:
			deep[n] = 2
		}
	}
	return deep
}

func neutral(c bidi.Class) bool { return side(c) == bidi.ON }

// side is what neutral letters see in one beside them: numbers stand as if they read to the left.
func side(c bidi.Class) bidi.Class {
	switch c {
	case bidi.L:
		return bidi.L
	case bidi.R, bidi.EN, bidi.AN:
		return bidi.R
	}
	return bidi.ON
}

// weak is the classes of letters when numbers, what belongs to them, and accents are resolved (W1 to W7).
func weak(text []rune, edge bidi.Class) []bidi.Class {
	classes := make([]bidi.Class, len(text))
	before, strong := edge, edge
	for n, r := range text {
		c := classOf(r)
		if c == bidi.NSM || c == bidi.BN {
			c = before
		}
		before = c
		switch c {
		case bidi.L, bidi.R, bidi.AL:
			strong = c
		case bidi.EN:
			if strong == bidi.AL {
				c = bidi.AN
			}
		}
		if c == bidi.AL {
			c = bidi.R
		}
		classes[n] = c
	}
	for n := 1; n+1 < len(classes); n++ {
		around := classes[n-1]
		if around == classes[n+1] && (classes[n] == bidi.CS && (around == bidi.EN || around == bidi.AN) || classes[n] == bidi.ES && around == bidi.EN) {
			classes[n] = around
		}
	}
	for from := 0; from < len(classes); from++ {
		if classes[from] != bidi.ET {
			continue
		}
		to := from
		for to < len(classes) && classes[to] == bidi.ET {
			to++
		}
		as := bidi.ON
		if from > 0 && classes[from-1] == bidi.EN || to < len(classes) && classes[to] == bidi.EN {
			as = bidi.EN
		}
		for ; from < to; from++ {
			classes[from] = as
		}
		from--
	}
	strong = edge
	for n, c := range classes {
		switch {
		case c == bidi.L || c == bidi.R:
			strong = c
		case c == bidi.EN && strong == bidi.L:
			classes[n] = bidi.L
		}
	}
	return classes
}

// brackets gives both brackets of a pair the direction of what they hold, or of what stands before them (N0).
func brackets(text []rune, classes []bidi.Class, edge bidi.Class) {
	type pair struct{ from, to int }
	type opened struct {
		shut string
		at   int
	}
	var pairs []pair
	var open []opened
	for n, r := range text {
		p, _ := bidi.LookupRune(r)
		switch {
		case !p.IsBracket() || classes[n] != bidi.ON:
		case p.IsOpeningBracket():
			open = append(open, opened{bidi.ReverseString(string(r)), n})
		default:
			for at := len(open) - 1; at >= 0; at-- {
				if open[at].shut == string(r) {
					pairs = append(pairs, pair{open[at].at, n})
					open = open[:at]
					break
				}
			}
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return a.from - b.from })
	for _, p := range pairs {
		var along, against bool
		for _, c := range classes[p.from+1 : p.to] {
			along = along || side(c) == edge
			against = against || !neutral(c) && side(c) != edge
		}
		as := edge
		switch {
		case along:
		case against:
			before := edge
			for at := p.from - 1; at >= 0; at-- {
				if !neutral(classes[at]) {
					before = side(classes[at])
					break
				}
			}
			as = before
		default:
			continue
		}
		for _, at := range []int{p.from, p.to} {
			classes[at] = as
			for at++; at < len(text) && classOf(text[at]) == bidi.NSM; at++ {
				classes[at] = as
			}
		}
	}
}

// visual is the places of parts of a line, by their levels, from left to right.
func visual(levels []uint8) []int {
	order := make([]int, len(levels))
	for n := range order {
		order[n] = n
	}
	for level := slices.Max(append(levels, 0)); level > 0; level-- {
		for from := 0; from < len(order); from++ {
			to := from
			for to < len(order) && levels[order[to]] >= level {
				to++
			}
			slices.Reverse(order[from:to])
			from = max(from, to-1)
		}
	}
	return order
}
