package models

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"

	"github.com/transparency-dev/merkle/rfc6962"
)

// Leaf is one item of a publication as the chain commits to it, with a random salt: whoever holds a part of a publication
// can't find out the rest. It holds nothing that some audience of the order may not see.
type Leaf struct {
	EntryItem
	Salt string `json:"salt"` // 16 bytes, hex
}

// newLeaf is the JSON text of an item's leaf.
func newLeaf(i EntryItem) (string, error) {
	i.Device = ""
	var salt [16]byte
	_, _ = rand.Read(salt[:])
	text, err := json.Marshal(Leaf{i, hex.EncodeToString(salt[:])})
	return string(text), err
}

// Tree is the Merkle tree (RFC 6962, 2.1) over the leaves of one publication.
type Tree struct {
	Root  string     // hex
	Paths [][]string // by leaf: the hashes from its sibling up, hex
}

// NewTree builds the tree over leaves, in their sequence.
func NewTree(leaves []string) Tree {
	hashes := make([][]byte, len(leaves))
	for i, leaf := range leaves {
		hashes[i] = rfc6962.DefaultHasher.HashLeaf([]byte(leaf))
	}
	t := Tree{Paths: make([][]string, len(leaves))}
	if len(leaves) == 0 {
		t.Root = hex.EncodeToString(rfc6962.DefaultHasher.EmptyRoot())
		return t
	}
	t.Root = hex.EncodeToString(t.join(hashes, 0))
	return t
}

// join returns the hash over some leaves, of which the first has a place, and adds to the paths of each.
func (t *Tree) join(hashes [][]byte, first int) []byte {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := 1
	for half*2 < len(hashes) {
		half *= 2
	}
	left, right := t.join(hashes[:half], first), t.join(hashes[half:], first+half)
	for i := range hashes {
		sibling := right
		if i >= half {
			sibling = left
		}
		t.Paths[first+i] = append(t.Paths[first+i], hex.EncodeToString(sibling))
	}
	return rfc6962.DefaultHasher.HashChildren(left, right)
}
