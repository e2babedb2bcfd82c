package archives

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"fieldproof/models"
)

// Held is what somebody holds from elsewhere, to check an archive against.
type Held struct {
	// Keys are public keys that are trusted, Base64 or key id; empty: those in the archive, which then only vouch for themselves.
	Keys []string
	// Heads are heads of the chain as they were printed, mailed or received: "12:ab…" or only the hash.
	Heads []string
	// Stamps are RFC 3161 tokens or responses, DER.
	Stamps [][]byte
	// Chains are further lines of the chain, as proof/chain.jsonl has them, from another archive or the account.
	Chains []io.Reader
	// Authorities are certificates of time-stamp authorities that are trusted; nil: any, which is then said.
	Authorities *x509.CertPool
}

// Report is what a check found. An archive is good when Problems is empty; Notes say what could not be judged.
type Report struct {
	Number   string   `json:"work_order_number"`
	Items    int      `json:"items"`
	Entries  int      `json:"chain_entries"`
	Head     string   `json:"head"`
	Keys     []string `json:"keys"`
	Checked  []string `json:"checked"`
	Notes    []string `json:"notes"`
	Problems []string `json:"problems"`
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
func (r *Report) checked(format string, args ...any) {
	r.Checked = append(r.Checked, fmt.Sprintf(format, args...))
}

// What of an archive's own entries is read into memory: some 100,000 items, or as many entries of a chain as an archive
// holds.
const (
	maxOwnEntry = 64 << 20
	// leastMember is how short the members of real entries are on the average: more of them in less text take memory out of
	// proportion, and are nobody's proof.
	leastMember = 24
	// leastElement is the same of the elements of lists, which are parts of their own.
	leastElement = 64
)

// Verify checks an archive offline: every byte of every item, every signature, the chain, and what is held against it.
// The error is of reading; what is wrong with the archive is in the report.
func Verify(file io.ReaderAt, size int64, held Held) (*Report, error) {
	r := &Report{Keys: []string{}, Checked: []string{}, Notes: []string{}, Problems: []string{}}
	archive, err := zip.NewReader(file, size)
	if err != nil {
		r.problem("The file is no whole ZIP archive: %v.", err)
		return r, nil
	}
	entries := map[string]*zip.File{}
	for _, f := range archive.File {
		if entries[f.Name] != nil {
			r.problem("%s is there twice.", f.Name)
		}
		entries[f.Name] = f
	}
	text, err := content(entries[ManifestName])
	if err != nil {
		r.problem("%s can't be read: %v.", ManifestName, err)
		return r, nil
	}
	m := r.manifest(text)
	if m == nil {
		return r, nil
	}
	r.layout(file, archive.File)
	r.files(m, entries)
	r.statements(m)
	r.chain(m, entries, held)
	return r, nil
}

func content(f *zip.File) ([]byte, error) {
	if f == nil {
		return nil, errors.New("it is not there")
	}
	if f.UncompressedSize64 > maxOwnEntry {
		return nil, errors.New("it is too large")
	}
	reader, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	text, err := io.ReadAll(io.LimitReader(reader, maxOwnEntry+1))
	if err == nil && len(text) > maxOwnEntry {
		err = errors.New("it is too large")
	}
	if err == nil {
		elements, members := parts(text)
		if bytes.Count(text, []byte("{")) > 1000+len(text)/leastMember || elements > 10_000+len(text)/leastElement || members > 10_000+len(text)/leastMember {
			err = errors.New("it holds too many empty parts")
		}
	}
	return text, err
}

// parts counts the elements of all lists and the members of all objects of a JSON, which take memory however short they are.
func parts(text []byte) (elements, members int) {
	quoted := false
	var open []byte // what each level is, { or [
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case quoted:
		case c == '{' || c == '[':
			open = append(open, c)
		case (c == '}' || c == ']') && len(open) > 0:
			open = open[:len(open)-1]
		case c == ',' && len(open) > 0 && open[len(open)-1] == '[':
			elements++
		case c == ',' && len(open) > 0:
			members++
		}
	}
	return elements, members
}

// manifest checks the signature of manifest.json.
func (r *Report) manifest(text []byte) *Manifest {
	at := bytes.LastIndex(text, []byte(signatureMember))
	if at < 0 {
		r.problem("%s is not signed.", ManifestName)
		return nil
	}
	var tail struct {
		Signature models.Signature `json:"signature"`
	}
	unsigned := json.NewDecoder(io.MultiReader(strings.NewReader("{"), bytes.NewReader(text[at+1:])))
	unsigned.DisallowUnknownFields()
	if err := unsigned.Decode(&tail); err != nil {
		r.problem("The signature of %s can't be read, or something stands beside it: %v.", ManifestName, err)
		return nil
	}
	if _, err := unsigned.Token(); !errors.Is(err, io.EOF) {
		r.problem("Something stands behind the signature of %s, which it does not cover.", ManifestName)
		return nil
	}
	s := tail.Signature
	public, err := decode64(s.Public)
	if err != nil || len(public) != ed25519.PublicKeySize || s.Algorithm != "Ed25519" || models.KeyID(public) != s.KeyID {
		r.problem("The signature of %s names no Ed25519 key.", ManifestName)
		return nil
	}
	value, err := decode64(s.Value)
	if err != nil || !ed25519.Verify(public, text[:at], value) {
		r.problem("The signature of %s is forged, or the manifest was changed.", ManifestName)
		return nil
	}
	var m Manifest
	if err := json.Unmarshal(append(text[:at:at], '}'), &m); err != nil { // what was signed, and not a byte more
		r.problem("%s is no manifest: %v.", ManifestName, err)
		return nil
	}
	r.Keys = append(r.Keys, s.KeyID)
	if m.WorkOrder != nil {
		r.Number = m.WorkOrder.WorkOrderNumber
		if code := m.WorkOrder.ClientCode; code != "" {
			r.Number = code + "::" + r.Number
		}
	}
	r.checked("manifest.json is signed by key %s", s.KeyID)
	return &m
}

// files checks that every item is there, byte for byte, and nothing else. Each entry belongs to one item and is read once.
func (r *Report) files(m *Manifest, entries map[string]*zip.File) {
	known := map[string]bool{ManifestName: true, ChainName: true, ReadmeName: true}
	uuids := make(map[string]bool, len(m.Items))
	files := 0
	for _, item := range m.Items {
		r.Items++
		if uuids[item.UUID] {
			r.problem("Item %s is named twice.", item.UUID)
		}
		uuids[item.UUID] = true
		if item.Path == "" {
			r.answers(&item)
			continue
		}
		if len(item.Answers) > 0 {
			r.problem("Item %s has answers beside its file: nobody vouches for them.", item.UUID)
		}
		if known[item.Path] {
			r.problem("%s is named twice: item %s has no file of its own.", item.Path, item.UUID)
			continue
		}
		known[item.Path] = true
		if !filepath.IsLocal(item.Path) || strings.Contains(item.Path, `\`) {
			r.problem("%s is a name that leaves the archive's folder: do not unpack it.", item.Path)
		}
		f := entries[item.Path]
		if f == nil {
			r.problem("%s is missing: item %s was taken out of the archive.", item.Path, item.UUID)
			continue
		}
		n, sum, err := digest(f, item.Size)
		switch {
		case err != nil:
			r.problem("%s is damaged: %v.", item.Path, err)
		case n != item.Size || sum != item.SHA256:
			r.problem("%s was changed: its bytes are not those that were taken.", item.Path)
		default:
			files++
		}
	}
	for name := range entries {
		if !known[name] {
			r.problem("%s is not in the manifest: it was put into the archive later.", name)
		}
	}
	slices.Sort(r.Problems)
	r.checked("%d items: every byte of %d files", r.Items, files)
}

// answers checks an item without a file: what it is known by is the hash of its answers.
func (r *Report) answers(item *ManifestItem) {
	sum := sha256.Sum256(item.Answers)
	switch {
	case len(item.Answers) == 0 && item.Size > 0:
		r.problem("Item %s has %d bytes, and the manifest names no file for them.", item.UUID, item.Size)
	case len(item.Answers) == 0 && item.SHA256 != "":
		r.problem("Item %s lacks the answers that were given.", item.UUID)
	case len(item.Answers) > 0 && hex.EncodeToString(sum[:]) != item.SHA256:
		r.problem("The answers of item %s were changed: they are not those that were given.", item.UUID)
	}
}

// statements checks what other accounts said of items, and says whose word it is.
func (r *Report) statements(m *Manifest) {
	own := map[string]bool{}
	for _, k := range m.Proof.Keys {
		own[k.ID] = true
	}
	words := map[string]int{}
	for _, item := range m.Items {
		s := item.Statement
		if s == nil {
			continue
		}
		said := models.Statement{Text: s.Text, Signature: s.Signature, PublicKey: s.Public}
		stated, err := said.Read()
		if err == nil {
			err = stated.About(item.UUID, item.Kind, item.SHA256)
		}
		switch {
		case err != nil && s.Verified != nil && !*s.Verified:
			r.note("The statement beside item %s was refused when it came, and is nobody's word: %v.", item.UUID, err)
		case err != nil:
			r.problem("The statement beside item %s does not hold: %v.", item.UUID, err)
		case own[stated.Key]:
			words["the word of this account itself, by its key "+stated.Key]++
		case s.Verified != nil && *s.Verified && s.By != "":
			words[fmt.Sprintf("the word of %s, as this account knows their key %s", s.By, stated.Key)]++
		case s.Verified != nil && *s.Verified:
			words[fmt.Sprintf("the word of a neighbour of this account, by the key %s", stated.Key)]++
		default:
			words[fmt.Sprintf("handed on by a neighbour of this account, of somebody with the key %s whom it does not know", stated.Key)]++
		}
	}
	for _, whose := range slices.Sorted(maps.Keys(words)) {
		r.checked("%d statements of items, each signed: %s", words[whose], whose)
	}
}

// The parts of a ZIP archive (APPNOTE.TXT 4.3).
const (
	localHeader     = 0x04034b50
	directoryHeader = 0x02014b50
	localHeaderSize = 30
	hasDescriptor   = 1 << 3
)

// layout checks that the archive is its entries and nothing else, each under the name that the directory gives: programs that
// read from the front would see what was hidden between them.
func (r *Report) layout(file io.ReaderAt, entries []*zip.File) {
	type place struct {
		*zip.File
		data int64
	}
	places := make([]place, 0, len(entries))
	for _, f := range entries {
		data, err := f.DataOffset()
		if err != nil {
			r.problem("%s is damaged: %v.", f.Name, err)
			return
		}
		places = append(places, place{f, data})
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.data, b.data) })
	ends := []int64{0} // where the last entry may end: a descriptor behind it has one of four lengths, or there is none
	begins := func(signature uint32) (int64, bool) {
		for _, at := range ends {
			var four [4]byte
			if _, err := file.ReadAt(four[:], at); err == nil && binary.LittleEndian.Uint32(four[:]) == signature {
				return at, true
			}
		}
		return 0, false
	}
	const hidden = "Something lies in the archive that its directory does not name, before %s."
	for _, p := range places {
		at, is := begins(localHeader)
		header := make([]byte, localHeaderSize+len(p.Name))
		if is {
			_, err := file.ReadAt(header, at)
			is = err == nil
		}
		name, extra := int64(binary.LittleEndian.Uint16(header[26:])), int64(binary.LittleEndian.Uint16(header[28:]))
		if !is || at+localHeaderSize+name+extra != p.data || string(header[localHeaderSize:]) != p.Name || name != int64(len(p.Name)) {
			r.problem(hidden, p.Name)
			return
		}
		end := p.data + int64(p.CompressedSize64)
		ends = []int64{end}
		if p.Flags&hasDescriptor != 0 {
			ends = []int64{end + 16, end + 24, end + 12, end + 20}
		}
	}
	if _, is := begins(directoryHeader); !is && len(places) > 0 {
		r.problem(hidden, "the directory")
	}
}

// digest reads an entry, and of one that is larger than it should be no more than shows it.
func digest(f *zip.File, size int64) (int64, string, error) {
	reader, err := f.Open()
	if err != nil {
		return 0, "", err
	}
	defer reader.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(reader, size+1))
	return n, hex.EncodeToString(hash.Sum(nil)), err
}

// links is the chain as far as it is at hand, by sequence.
type links struct {
	lines   map[int64]ChainLine
	entries map[int64]*models.ChainEntry
}

// read takes the entries of a chain, one a line; they follow one another.
func (r *Report) read(l *links, from string, text io.Reader) {
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 1<<20), maxOwnEntry+1)
	before := int64(-1)
	for lines.Scan() {
		raw := bytes.TrimSpace(lines.Bytes())
		if len(raw) == 0 {
			continue
		}
		var line ChainLine
		if err := json.Unmarshal(raw, &line); err != nil {
			r.problem("%s has a line that can't be read: %v.", from, err)
			return
		}
		e, err := models.ParseHeader(line.Header)
		if err != nil {
			r.problem("%s has a line without a header: %v.", from, err)
			return
		}
		if from == ChainName && before >= 0 && e.Sequence != before+1 {
			r.problem("The chain is out of order: entry %d follows entry %d.", e.Sequence, before)
		}
		before = e.Sequence
		e.Signature = line.Signature
		if e.Head, err = e.HeadOf(); err != nil || e.Head != line.Head {
			r.problem("Entry %d of the chain in %s was changed: its head is not that of its content.", e.Sequence, from)
			return
		}
		if have := l.entries[e.Sequence]; have != nil && have.Head != e.Head {
			r.problem("There are two entries %d of the chain: the chain was forked or rewritten.", e.Sequence)
			return
		}
		if have, there := l.lines[e.Sequence]; !there || have.Manifest == "" {
			l.lines[e.Sequence] = line
		}
		l.entries[e.Sequence] = e
	}
	if err := lines.Err(); err != nil {
		r.problem("%s can't be read to its end: %v.", from, err)
	}
}

// chain checks the chain of proof, and the items against what it says was published.
func (r *Report) chain(m *Manifest, entries map[string]*zip.File, held Held) {
	text, err := content(entries[ChainName])
	if err != nil {
		r.problem("%s can't be read: %v.", ChainName, err)
		return
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != m.Proof.Chain {
		r.problem("%s was changed: it is not the one that the manifest names.", ChainName)
	}
	l := &links{map[int64]ChainLine{}, map[int64]*models.ChainEntry{}}
	r.read(l, ChainName, bytes.NewReader(text))
	for i, more := range held.Chains {
		r.read(l, fmt.Sprintf("the held chain %d", i+1), more)
	}
	r.Entries = len(l.entries)
	sequences := make([]int64, 0, len(l.entries))
	for n := range l.entries {
		sequences = append(sequences, n)
	}
	slices.Sort(sequences)
	r.walk(m, l, sequences, held)
	if m.Proof.Head != nil {
		r.Head = m.Proof.Head.Text()
		if e := l.entries[m.Proof.Head.Sequence]; e == nil || e.Head != m.Proof.Head.Head {
			r.problem("The head that the manifest names is not in the chain.")
		}
	} else {
		r.note("Nothing of this archive was published, so the chain says nothing of it.")
	}
	r.released(m, l, sequences)
	r.heads(l, sequences, held.Heads)
	r.stamps(l, sequences, held)
}

// walk checks every link: sequence, head before, signature, key, manifest, and that time never runs backwards.
func (r *Report) walk(m *Manifest, l *links, sequences []int64, held Held) {
	keys := map[string]ed25519.PublicKey{}
	for _, k := range m.Proof.Keys {
		if public, err := decode64(k.Public); err == nil && len(public) == ed25519.PublicKeySize && models.KeyID(public) == k.ID {
			keys[k.ID] = public
		}
	}
	var before *models.ChainEntry
	valid := map[string]bool{} // keys that the chain introduced
	for _, n := range sequences {
		e := l.entries[n]
		if n == 1 && e.Previous != models.NoHead {
			r.problem("Entry 1 is not the first of its chain.")
		}
		if before != nil {
			if e.Sequence != before.Sequence+1 {
				r.note("Entries %d to %d of the chain are not at hand.", before.Sequence+1, e.Sequence-1)
			} else if e.Previous != before.Head {
				r.problem("The chain is broken between entries %d and %d: an entry was changed, taken out or put in.", before.Sequence, e.Sequence)
			}
			if e.SignedAt.Before(before.SignedAt.Time) {
				r.problem("Entry %d is backdated: it is dated before entry %d.", e.Sequence, before.Sequence)
			}
			if e.AccountID != before.AccountID {
				r.problem("Entry %d is of another account.", e.Sequence)
			}
		}
		line := l.lines[n]
		if line.Manifest != "" {
			if sum := sha256.Sum256([]byte(line.Manifest)); hex.EncodeToString(sum[:]) != e.ManifestHash {
				r.problem("The manifest of entry %d was changed.", n)
			} else if e.Kind == models.KeyEntry {
				r.introduced(n, line.Manifest, keys, valid)
			}
		}
		public := keys[e.KeyID]
		signature, err := decode64(e.Signature)
		if public == nil || err != nil || !ed25519.Verify(public, []byte(e.Header()), signature) {
			r.problem("The signature of entry %d is forged: it is not by a key of the account.", n)
		}
		if len(valid) > 0 && sequences[0] == 1 && !valid[e.KeyID] {
			r.problem("Entry %d is signed by key %s, which the chain never introduced.", n, e.KeyID)
		}
		before = e
	}
	if len(sequences) > 0 {
		r.checked("%d entries of the chain, %d to %d, each signed and tied to the one before", len(sequences), sequences[0], sequences[len(sequences)-1])
	}
	signer := r.Keys[0]
	if len(valid) > 0 && sequences[0] == 1 && !valid[signer] {
		r.problem("manifest.json is signed by key %s, which the chain never introduced.", signer)
	}
	r.trusted(keys, valid, held.Keys, signer)
}

func (r *Report) introduced(n int64, manifest string, keys map[string]ed25519.PublicKey, valid map[string]bool) {
	var k models.KeyManifest
	if err := json.Unmarshal([]byte(manifest), &k); err != nil {
		r.problem("The key of entry %d can't be read.", n)
		return
	}
	public, err := decode64(k.Public)
	if err != nil || len(public) != ed25519.PublicKeySize || models.KeyID(public) != k.KeyID {
		r.problem("The key of entry %d is none.", n)
		return
	}
	keys[k.KeyID] = public
	valid[k.KeyID] = true
}

// trusted compares the keys with those that are held: one that the chain ties to a held key is as good.
func (r *Report) trusted(keys map[string]ed25519.PublicKey, valid map[string]bool, heldKeys []string, signer string) {
	for id := range keys {
		if id != signer {
			r.Keys = append(r.Keys, id)
		}
	}
	slices.Sort(r.Keys[1:])
	if len(heldKeys) == 0 {
		r.note("No public key was given, so the signature was checked with the key in the archive (%s): compare it with the one that the account shows.", signer)
		return
	}
	for _, k := range heldKeys {
		id := strings.ToLower(strings.TrimSpace(k))
		if public, err := decode64(strings.TrimSpace(k)); err == nil && len(public) == ed25519.PublicKeySize {
			id = models.KeyID(public)
		}
		if id == signer || (valid[id] && valid[signer]) {
			r.checked("the signing key is, or follows by the chain from, the key %s that is held", id)
			return
		}
	}
	r.problem("The archive is signed by key %s, which is none of those held nor follows from one.", signer)
}

// released compares the archive's items with what its publications released.
func (r *Report) released(m *Manifest, l *links, sequences []int64) {
	here := map[string]ManifestItem{}
	for _, i := range m.Items {
		here[i.UUID] = i
	}
	published := map[string]bool{}
	lists := map[int64]bool{} // entries of which the archive has the list
	for _, n := range sequences {
		line := l.lines[n]
		if l.entries[n].Kind != models.PublicationEntry || line.Manifest == "" {
			continue
		}
		var released models.EntryManifest
		if err := json.Unmarshal([]byte(line.Manifest), &released); err != nil {
			r.problem("The manifest of entry %d can't be read.", n)
			continue
		}
		if !m.about(released.WorkOrder.ID) {
			continue
		}
		if released.ItemsRoot != "" {
			r.part(n, m, &released, published)
		}
		if len(released.Items) > 0 {
			lists[n] = true
			r.list(m, &released, here)
		}
		for _, item := range released.Items {
			published[item.UUID] = true
			have, there := here[item.UUID]
			switch {
			case there && have.SHA256 != item.SHA256:
				r.problem("Item %s is not the one that was published: entry %d of the chain names other bytes.", item.UUID, n)
			case !there && !slices.Contains(m.Withdrawn, item.UUID) && !slices.Contains(m.Moved, item.UUID):
				r.problem("Item %s, published by entry %d of the chain, was taken out.", item.UUID, n)
			case there && (have.TakenAt == nil) != (item.TakenAt == nil), there && have.TakenAt != nil && !have.TakenAt.Equal(item.TakenAt.Time), there && !have.ReceivedAt.Equal(item.ReceivedAt.Time):
				r.problem("Item %s bears other times than those that were published by entry %d.", item.UUID, n)
			}
		}
	}
	for _, uuid := range m.Withdrawn {
		r.note("Item %s was published once, and deleted or rejected since.", uuid)
	}
	for _, uuid := range m.Moved {
		r.note("Item %s was published with this work order once, and lies on another now.", uuid)
	}
	n, listed := 0, 0
	for uuid, item := range here {
		switch {
		case published[uuid]:
		case item.Leaf == "" && item.Proof != nil && !lists[item.Proof.Entry]:
			listed++
		default:
			n++
		}
	}
	if listed > 0 {
		r.note("%d items were published by entries of the chain whose lists are not in this archive, because they name others too: this archive's own signature vouches for what they released.", listed)
	}
	if n > 0 {
		r.note("%d items are not published yet: only this archive's own signature vouches for them.", n)
	}
}

// list says how many items of an entry with a list the archive holds.
func (r *Report) list(m *Manifest, released *models.EntryManifest, here map[string]ManifestItem) {
	var held, withdrawn, moved int
	for _, item := range released.Items {
		switch _, there := here[item.UUID]; {
		case there:
			held++
		case slices.Contains(m.Withdrawn, item.UUID):
			withdrawn++
		case slices.Contains(m.Moved, item.UUID):
			moved++
		}
	}
	r.holds(released.Publication.Number, int64(held), int64(len(released.Items)))
	if withdrawn+moved > 0 {
		r.note("Of publication %d, %d items were withdrawn since, and %d moved to another work order.", released.Publication.Number, withdrawn, moved)
	}
}

// holds says how many items of a publication the archive holds. Why the others are not in it, it does not know.
func (r *Report) holds(publication, held, all int64) {
	if held == all {
		r.checked("all %d items of publication %d", held, publication)
	} else {
		r.note("Publication %d released %d items: %d of them are in this archive and proved by it. The other %d are not in this archive, or it proves them by a later publication.", publication, all, held, all-held)
	}
}

// part checks the archive's items of an entry that commits by a root.
func (r *Report) part(n int64, m *Manifest, released *models.EntryManifest, published map[string]bool) {
	root, err := hex.DecodeString(released.ItemsRoot)
	if err != nil {
		r.problem("The root of entry %d can't be read.", n)
		return
	}
	here, reworded := int64(0), 0
	for _, item := range m.Items {
		if item.Proof == nil || item.Proof.Entry != n || item.Leaf == "" {
			continue
		}
		path := make([][]byte, len(item.Proof.Path))
		for i, text := range item.Proof.Path {
			if path[i], err = hex.DecodeString(text); err != nil {
				path[i] = nil
			}
		}
		var leaf models.Leaf
		err := errors.New("its place is none")
		if item.Proof.Index >= 0 && released.ItemCount > 0 {
			err = proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(item.Proof.Index), uint64(released.ItemCount), rfc6962.DefaultHasher.HashLeaf([]byte(item.Leaf)), path, root)
		}
		switch {
		case err != nil:
			r.problem("Item %s is not one that entry %d of the chain published: %v.", item.UUID, n, err)
			continue
		case json.Unmarshal([]byte(item.Leaf), &leaf) != nil || leaf.UUID != item.UUID || leaf.SHA256 != item.SHA256:
			r.problem("Item %s is not the one that was published: entry %d of the chain commits to other bytes.", item.UUID, n)
		case (leaf.TakenAt == nil) != (item.TakenAt == nil), leaf.TakenAt != nil && !leaf.TakenAt.Equal(item.TakenAt.Time), !leaf.ReceivedAt.Equal(item.ReceivedAt.Time):
			r.problem("Item %s bears other times than those that were published by entry %d.", item.UUID, n)
		case leaf.Kind != item.Kind || leaf.Size != item.Size || leaf.Source != item.Source ||
			!reflect.DeepEqual(leaf.Position, models.Position{Latitude: item.Latitude, Longitude: item.Longitude, Accuracy: item.Accuracy}):
			r.problem("Item %s bears another kind, size, source or position than entry %d published.", item.UUID, n)
		case leaf.Task != item.Task || leaf.EvidenceType != item.EvidenceType || leaf.UploadedBy != item.UploadedBy || !reflect.DeepEqual(leaf.Certification, item.Certification):
			reworded++
		}
		here++
		published[item.UUID] = true
	}
	r.holds(released.Publication.Number, here, released.ItemCount)
	if reworded > 0 {
		r.note("%d items of publication %d bear another task, type, name or judgement than when they were published: for those this archive's own signature vouches.", reworded, released.Publication.Number)
	}
}

func (m *Manifest) about(orderID string) bool {
	if m.WorkOrder != nil {
		return m.WorkOrder.ID == orderID
	}
	return slices.ContainsFunc(m.WorkOrders, func(o models.WorkOrderView) bool { return o.ID == orderID })
}

// heads looks for heads that are held from elsewhere.
func (r *Report) heads(l *links, sequences []int64, heads []string) {
	for _, text := range heads {
		text = strings.ToLower(strings.Join(strings.Fields(text), "")) // as it is printed, it stands in groups
		number, hash, numbered := strings.Cut(text, ":")
		if !numbered {
			hash = number
		}
		if raw, err := hex.DecodeString(hash); err != nil || len(raw) != sha256.Size {
			r.problem("%q is no head: it has the form 12:ab…, with 64 hexadecimal digits.", text)
			continue
		}
		found := int64(0)
		for _, n := range sequences {
			if l.entries[n].Head == hash {
				found = n
			}
		}
		wanted, err := strconv.ParseInt(number, 10, 64)
		switch {
		case found > 0 && (!numbered || wanted == found):
			r.checked("the held head %d lies in the chain, unchanged, and everything between it and the archive follows from it", found)
			r.between(sequences, found)
		case numbered && err == nil && l.entries[wanted] != nil:
			r.problem("The chain was rewritten: its entry %d is not the one whose head is held.", wanted)
		case numbered && err == nil && len(sequences) > 0 && (wanted > sequences[len(sequences)-1] || wanted < sequences[0]):
			r.problem("The held head is entry %d, but only entries %d to %d are at hand: give the chain of the account, or a newer archive, with --chain.", wanted, sequences[0], sequences[len(sequences)-1])
		default:
			r.problem("The held head %s… is not in the chain: the chain was rewritten, or is of another account.", hash[:12])
		}
	}
}

func (r *Report) between(sequences []int64, from int64) {
	for i := 1; i < len(sequences); i++ {
		if sequences[i] != sequences[i-1]+1 && sequences[i] > from {
			r.problem("The chain between the held head and the archive has a gap after entry %d.", sequences[i-1])
		}
	}
}

// stamps checks the time stamps of the chain and those that are held: an entry was there when its stamp was made.
func (r *Report) stamps(l *links, sequences []int64, held Held) {
	good := 0
	for _, n := range sequences {
		if text := l.lines[n].Stamp; text != "" {
			der, err := decode64(text)
			if err == nil {
				err = r.stamp(l, der, n, held.Authorities)
			}
			if err != nil {
				r.problem("The time stamp of entry %d is wrong: %v.", n, err)
				continue
			}
			good++
		}
	}
	if good > 0 {
		r.checked("%d time stamps over the chain", good)
	}
	for i, der := range held.Stamps {
		if err := r.stamp(l, der, 0, held.Authorities); err != nil {
			r.problem("The held time stamp %d does not fit: %v.", i+1, err)
			continue
		}
		r.checked("the held time stamp %d lies over the chain, unchanged", i+1)
	}
	if good+len(held.Stamps) > 0 && held.Authorities == nil {
		r.note("No certificate of a time-stamp authority was given, so its stamps were checked with the certificates in them.")
	}
}

func (r *Report) stamp(l *links, der []byte, n int64, authorities *x509.CertPool) error {
	token, err := parseStamp(der)
	if err != nil {
		return err
	}
	hash := hex.EncodeToString(token.HashedMessage)
	if n == 0 {
		for sequence, e := range l.entries {
			if e.Head == hash {
				n = sequence
			}
		}
		if n == 0 {
			return errors.New("no entry of the chain has the head that it covers: the chain was rewritten since, or is of another account")
		}
	}
	e := l.entries[n]
	if e.Head != hash {
		return errors.New("it covers another head")
	}
	if token.Time.Before(e.SignedAt.Add(-stampTolerance)) {
		return fmt.Errorf("it was made at %s, before the entry, which says %s", token.Time.UTC().Format(time.RFC3339), e.SignedAt.UTC().Format(time.RFC3339))
	}
	if authorities == nil {
		return nil
	}
	if !trusted(token, authorities) {
		return errors.New("it is not by a time-stamp authority that is trusted")
	}
	return nil
}

// trusted tells whether the certificate that signed a token leads to an authority: others that lie in it say nothing.
func trusted(token *timestamp.Timestamp, authorities *x509.CertPool) bool {
	signed, err := pkcs7.Parse(token.RawToken)
	if err != nil {
		return false
	}
	signer := signed.GetOnlySigner()
	if signer == nil {
		return false
	}
	between := x509.NewCertPool()
	for _, c := range signed.Certificates {
		between.AddCert(c)
	}
	_, err = signer.Verify(x509.VerifyOptions{Roots: authorities, Intermediates: between, CurrentTime: token.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	return err == nil
}

// stampTolerance is how far the clocks of an installation and of an authority may differ.
const stampTolerance = 5 * time.Minute

// parseStamp reads a token, or a response that holds one, and checks its signature.
func parseStamp(der []byte) (*timestamp.Timestamp, error) {
	token, err := timestamp.ParseResponse(der)
	if err != nil {
		if token, err = timestamp.Parse(der); err != nil {
			return nil, err
		}
	}
	if len(token.Certificates) == 0 {
		return nil, errors.New("it holds no certificate of its authority")
	}
	return token, nil
}
