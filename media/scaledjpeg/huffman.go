package scaledjpeg

// lookBits is how many bits of the stream one look-up resolves: most codes together with the value that follows them.
const lookBits = 11

// An entry of a look-up table packs what the next bits say; 0 is a code longer than lookBits.
//
//	bits 0–5    bits consumed
//	bits 6–11   coefficients passed over: a run of zeros, or endOfBlock
//	bits 12–15  bits of the value still to be read
//	bit 16      the value is in bits 17–31, signed
type entry int32

const (
	runShift   = 6
	sizeShift  = 12
	inline     = 1 << 16
	valueShift = 17
	endOfBlock = 63
)

// table is a Huffman table (ITU-T T.81, annex C and F.2.2.3).
type table struct {
	fast    [1 << lookBits]entry
	symbols [256]uint8
	// Of the codes of each length: how many bits to the left-aligned first code beyond them, and where their symbols begin.
	limit [18]uint32
	first [18]int32
	dc    bool
	set   bool
}

// define reads counts of codes by length and the symbols in the order of their codes.
func (t *table) define(counts []uint8, symbols []uint8, dc bool) error {
	*t = table{dc: dc, set: true}
	copy(t.symbols[:], symbols)
	code, at := uint32(0), 0
	for length := 1; length <= 16; length++ {
		t.first[length] = int32(at) - int32(code)
		for range counts[length-1] {
			if code>>length != 0 {
				return errDamaged
			}
			if dc && symbols[at] > 11 {
				return errDamaged
			}
			if length <= lookBits {
				t.fill(code, length, symbols[at])
			}
			code++
			at++
		}
		t.limit[length] = code << (16 - length)
		code <<= 1
	}
	t.limit[17] = 1 << 16
	return nil
}

// fill sets the entries of all bits that begin with a code.
func (t *table) fill(code uint32, length int, symbol uint8) {
	spare := lookBits - length
	for rest := range uint32(1) << spare {
		t.fast[code<<spare|rest] = t.entryOf(length, symbol, rest, spare)
	}
}

// entryOf packs a symbol whose code is followed by rest, spare bits wide.
func (t *table) entryOf(length int, symbol uint8, rest uint32, spare int) entry {
	run, size := int(symbol>>4), int(symbol&15)
	if t.dc {
		run, size = 0, int(symbol)
	} else if size == 0 {
		if run == 15 {
			return entry(length | 16<<runShift)
		}
		return entry(length | endOfBlock<<runShift)
	}
	if size > spare {
		return entry(length | run<<runShift | size<<sizeShift)
	}
	value := int32(0)
	if size > 0 {
		value = extend(rest>>(spare-size), size)
	}
	return entry(int32(length+size) | int32(run)<<runShift | inline | value<<valueShift)
}

// slow resolves a code longer than lookBits from the stream's next 16 bits; 0 when there is none.
func (t *table) slow(bits uint32) entry {
	for length := lookBits + 1; length <= 16; length++ {
		if bits < t.limit[length] {
			at := int32(bits>>(16-length)) + t.first[length]
			return t.entryOf(length, t.symbols[at&255], 0, -1)
		}
	}
	return 0
}

// extend gives bits, size of them, the sign that their first one stands for.
func extend(bits uint32, size int) int32 {
	if bits>>(size-1) == 0 {
		return int32(bits) - 1<<size + 1
	}
	return int32(bits)
}
