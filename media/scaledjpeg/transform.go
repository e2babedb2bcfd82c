package scaledjpeg

// Cosines of the inverse transform of four values, times √2, in fixed point.
const (
	fixed = 12
	cos1  = 5352 // √2·cos(π/8)·2¹²
	cos3  = 2217 // √2·cos(3π/8)·2¹²
)

// transform turns the lowest side × side coefficients of a block into as many pixels: the inverse DCT of that size,
// which is the block without the details that so few pixels can't hold.
func transform(dst []uint8, stride int, block *[64]int32, side int, flat bool) {
	if flat || side == 1 {
		v := clamp((block[0] + 4) >> 3)
		for y := range side {
			row := dst[y*stride:][:side]
			for x := range row {
				row[x] = v
			}
		}
		return
	}
	if side == 2 {
		a, b, c, e := block[0]+4, block[1], block[8], block[9]
		dst[0], dst[1] = clamp((a+b+c+e)>>3), clamp((a-b+c-e)>>3)
		dst[stride], dst[stride+1] = clamp((a+b-c-e)>>3), clamp((a-b-c+e)>>3)
		return
	}
	var columns [16]int32
	for x := range 4 {
		a, b, c, e := block[x]<<fixed, block[8+x], block[16+x]<<fixed, block[24+x]
		even0, even1 := a+c, a-c
		odd0, odd1 := b*cos1+e*cos3, b*cos3-e*cos1
		const half = 1 << (fixed - 4)
		columns[x], columns[12+x] = (even0+odd0+half)>>(fixed-3), (even0-odd0+half)>>(fixed-3)
		columns[4+x], columns[8+x] = (even1+odd1+half)>>(fixed-3), (even1-odd1+half)>>(fixed-3)
	}
	for y := range 4 {
		row := columns[4*y : 4*y+4 : 4*y+4]
		out := dst[y*stride:][:4]
		const half = 1 << (fixed + 5)
		a, b, c, e := row[0]<<fixed+half, row[1], row[2]<<fixed, row[3]
		even0, even1 := a+c, a-c
		odd0, odd1 := b*cos1+e*cos3, b*cos3-e*cos1
		out[0], out[3] = clamp((even0+odd0)>>(fixed+6)), clamp((even0-odd0)>>(fixed+6))
		out[1], out[2] = clamp((even1+odd1)>>(fixed+6)), clamp((even1-odd1)>>(fixed+6))
	}
}

// clamp brings a sample, centred at zero, to 0…255.
func clamp(v int32) uint8 {
	v += 128
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return uint8(v)
}
