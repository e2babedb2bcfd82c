package models

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sealer encrypts secrets that must be read again (signing keys, outcomes that hold a token). The first key seals;
// all of them open, so that keys rotate.
type Sealer struct{ keys [][]byte }

// NewSealer reads a comma-separated list of 32-byte keys in Base64, newest first.
func NewSealer(list string) (*Sealer, error) {
	s := &Sealer{}
	for _, text := range strings.Split(list, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(key) != chacha20poly1305.KeySize {
			return nil, errors.New("want 32 bytes in Base64, such as `openssl rand -base64 32` prints; several, newest first, with commas between")
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// NewSecretKey returns a fresh key in the form that [NewSealer] reads.
func NewSecretKey() string {
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// Seal encrypts v as JSON. context binds the result to its place, so that it can't be moved to another row.
func (s *Sealer) Seal(context string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	aead, err := chacha20poly1305.NewX(s.keys[0])
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, []byte(context))), nil
}

// Name derives a name from parts that only this installation can derive, the same each time.
func (s *Sealer) Name(parts ...string) (string, error) {
	key, err := hkdf.Key(sha256.New, s.keys[0], nil, "names", sha256.Size)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)), nil
}

// Open decrypts into v what [Sealer.Seal] made under the same context; "" leaves v as it is.
func (s *Sealer) Open(context, sealed string, v any) error {
	if sealed == "" {
		return nil
	}
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil || len(raw) < chacha20poly1305.NonceSizeX {
		return errors.New("models: a sealed value is damaged")
	}
	for _, key := range s.keys {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return err
		}
		if plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(context)); err == nil {
			return json.Unmarshal(plain, v)
		}
	}
	return fmt.Errorf("models: no key of FIELDPROOF_SECRET_KEY opens a sealed value (%s)", context)
}
