// Package tsa is a time-stamp authority, written from RFC 3161 (the protocol), RFC 5652 (CMS) and RFC 5816 (ESSCertIDv2).
package tsa

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

var (
	oidSignedData   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidDigest       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidSHA256       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSASHA256  = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidTimeStamping = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidPolicy       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}
)

// Authority answers time-stamp queries.
type Authority struct {
	*httptest.Server
	mu     sync.Mutex
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
	asked  int
	clock  func() time.Time
	down   bool
	// Along are certificates that the authority sends beside its own.
	Along []*x509.Certificate
}

// Start starts an authority with a certificate of its own.
func Start() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	// RFC 3161, 2.3: the extended key usage is critical, and time stamping alone.
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "A time-stamp authority"}, NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtraExtensions: []pkix.Extension{{Id: oidTimeStamping, Critical: true, Value: usage}}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	a := &Authority{key: key, clock: time.Now}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.Server = httptest.NewServer(http.HandlerFunc(a.answer))
	return a, nil
}

// Certificate is the authority's certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// Down lets the authority answer nothing, or again.
func (a *Authority) Down(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

// Asked counts the queries.
func (a *Authority) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

type messageImprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Message   []byte
}

type query struct {
	Version int
	Imprint messageImprint
	Policy  asn1.ObjectIdentifier `asn1:"optional"`
	Nonce   *big.Int              `asn1:"optional"`
	CertReq bool                  `asn1:"optional"`
	Rest    asn1.RawValue         `asn1:"optional,tag:0"`
}

type tstInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint messageImprint
	Serial  *big.Int
	Time    time.Time `asn1:"generalized"`
	Nonce   *big.Int  `asn1:"optional"`
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue
}

type signerInfo struct {
	Version    int
	Signer     issuerAndSerial
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

func set(class, tag int, content []byte) asn1.RawValue {
	return asn1.RawValue{Class: class, Tag: tag, IsCompound: true, Bytes: content}
}

func must(v any) []byte {
	b, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (a *Authority) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	body, _ := io.ReadAll(r.Body)
	var q query
	if rest, err := asn1.Unmarshal(body, &q); a.down || err != nil || len(rest) > 0 || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	if !q.Imprint.Algorithm.Algorithm.Equal(oidSHA256) || len(q.Imprint.Message) != sha256.Size || q.Version != 1 {
		_, _ = w.Write(must(struct{ Status struct{ Status int } }{struct{ Status int }{2}})) // rejection
		return
	}
	_, _ = w.Write(must(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: a.Stamp(q.Imprint.Message, q.Nonce, a.clock())}}))
}

// Stamp makes a token over a SHA-256 hash: a ContentInfo with SignedData around a TSTInfo.
func (a *Authority) Stamp(hash []byte, nonce *big.Int, at time.Time) []byte {
	sha := pkix.AlgorithmIdentifier{Algorithm: oidSHA256}
	a.serial++
	info := must(tstInfo{Version: 1, Policy: oidPolicy, Imprint: messageImprint{sha, hash}, Serial: big.NewInt(a.serial), Time: at.UTC().Truncate(time.Second), Nonce: nonce})
	digest, certHash := sha256.Sum256(info), sha256.Sum256(a.cert.Raw)
	attributes := [][]byte{
		must(attribute{oidContentType, set(asn1.ClassUniversal, asn1.TagSet, must(oidTSTInfo))}),
		must(attribute{oidDigest, set(asn1.ClassUniversal, asn1.TagSet, must(digest[:]))}),
		// SigningCertificateV2: certs, each an ESSCertIDv2 whose hash algorithm is the default.
		must(attribute{oidSigningCert2, set(asn1.ClassUniversal, asn1.TagSet, must(struct{ Certs []struct{ Hash []byte } }{[]struct{ Hash []byte }{{certHash[:]}}}))}),
	}
	slices.SortFunc(attributes, bytes.Compare) // DER: a SET OF is sorted
	signed := bytes.Join(attributes, nil)
	sum := sha256.Sum256(must(set(asn1.ClassUniversal, asn1.TagSet, signed)))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		panic(err)
	}
	certificates := bytes.Clone(a.cert.Raw)
	for _, c := range a.Along {
		certificates = append(certificates, c.Raw...)
	}
	signer := must(signerInfo{Version: 1, Signer: issuerAndSerial{asn1.RawValue{FullBytes: a.cert.RawIssuer}, a.cert.SerialNumber}, Digest: sha,
		Attributes: set(asn1.ClassContextSpecific, 0, signed), Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidECDSASHA256}, Signature: signature})
	data := must(struct {
		Version int
		Digests asn1.RawValue
		Content struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue
		}
		Certificates asn1.RawValue
		Signers      asn1.RawValue
	}{Version: 3, Digests: set(asn1.ClassUniversal, asn1.TagSet, must(sha)),
		Content: struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue
		}{oidTSTInfo, set(asn1.ClassContextSpecific, 0, must(info))},
		Certificates: set(asn1.ClassContextSpecific, 0, certificates), Signers: set(asn1.ClassUniversal, asn1.TagSet, signer)})
	return must(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{oidSignedData, set(asn1.ClassContextSpecific, 0, data)})
}
