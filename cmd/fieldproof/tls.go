package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	authorityLasts = 10 * 365 * 24 * time.Hour
	// certificateLasts is the longest that phones take; it is made anew when a third is left.
	certificateLasts = 397 * 24 * time.Hour
)

// privateNetworks are all that our authority may vouch for: a phone that trusts it risks nothing else.
var privateNetworks = []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10"}

// privateNames are so too, among names.
var privateNames = []string{"localhost", "local", "home.arpa"}

// authority is a certificate authority of this data directory's own.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

// secured are the authority and the certificate by which a data directory is served over HTTPS.
type secured struct {
	authority *authority
	config    *tls.Config
	host      string // what links begin with: the host of --addr, or this machine's own address where it has none
}

// secure reads the authority of a folder, made when there is none, and makes a certificate for the addresses in use when the
// one that is there does not fit.
func secure(dir, addr string) (*secured, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("--addr: %w", err)
	}
	folder := filepath.Join(dir, "tls")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	a, err := authorityIn(folder)
	if err != nil {
		return nil, fmt.Errorf("the certificate authority in %s: %w", folder, err)
	}
	addresses, err := addressesInUse()
	if err != nil {
		return nil, err
	}
	names := []string{"localhost"}
	at, err := netip.ParseAddr(host)
	switch {
	case host == "" || (err == nil && at.IsUnspecified()):
		host = addresses[0].String()
	case err == nil:
		if !private(at) {
			return nil, fmt.Errorf("--tls: %s is no address of a private network, and the authority vouches for nothing else", host)
		}
		if !slices.Contains(addresses, at) {
			addresses = append(addresses, at)
		}
	case !slices.Contains(names, host):
		names = append(names, host)
	}
	certificate, err := a.certificateFor(folder, addresses, names)
	if err != nil {
		return nil, fmt.Errorf("the certificate in %s: %w", folder, err)
	}
	return &secured{authority: a, host: host, config: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}, nil
}

func private(a netip.Addr) bool {
	return slices.ContainsFunc(privateNetworks, func(n string) bool { return netip.MustParsePrefix(n).Contains(a.Unmap().WithZone("")) })
}

// addressesInUse are the private addresses of this machine, that of its network before loopback.
func addressesInUse() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if at, ok := netip.AddrFromSlice(n.IP); ok && private(at) {
				found = append(found, at.Unmap())
			}
		}
	}
	for _, own := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		if !slices.Contains(found, own) {
			found = append(found, own)
		}
	}
	worth := func(a netip.Addr) int {
		switch {
		case a.IsLoopback():
			return 3
		case a.IsLinkLocalUnicast():
			return 2
		case a.Is6():
			return 1
		}
		return 0
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return worth(a) - worth(b) })
	return found, nil
}

func authorityIn(folder string) (*authority, error) {
	certificateFile, keyFile := filepath.Join(folder, "ca.crt"), filepath.Join(folder, "ca.key")
	if kept, err := readPair(certificateFile, keyFile); err == nil {
		return &authority{certificate: kept.Leaf, key: kept.PrivateKey.(*ecdsa.PrivateKey), pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: kept.Certificate[0]})}, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Fieldproof on " + host, Organization: []string{"Fieldproof, for private networks alone"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(authorityLasts), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, PermittedDNSDomainsCritical: true, PermittedDNSDomains: privateNames,
	}
	if host != "" {
		template.PermittedDNSDomains = append(slices.Clone(privateNames), host)
	}
	for _, n := range privateNetworks {
		_, network, err := net.ParseCIDR(n)
		if err != nil {
			return nil, err
		}
		template.PermittedIPRanges = append(template.PermittedIPRanges, network)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if err := writePair(certificateFile, keyFile, key, der); err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate: certificate, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, err
}

// certificateFor is the kept certificate, or a new one where it vouches for other addresses, or soon for none.
func (a *authority) certificateFor(folder string, addresses []netip.Addr, names []string) (tls.Certificate, error) {
	certificateFile, keyFile := filepath.Join(folder, "server.crt"), filepath.Join(folder, "server.key")
	kept, err := readPair(certificateFile, keyFile)
	if err == nil && kept.Leaf.CheckSignatureFrom(a.certificate) == nil && time.Until(kept.Leaf.NotAfter) > certificateLasts/3 && fits(kept.Leaf, addresses, names) {
		return kept, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Fieldproof"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLasts - time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true, DNSNames: names,
	}
	for _, at := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(at.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := writePair(certificateFile, keyFile, key, der); err != nil {
		return tls.Certificate{}, err
	}
	return readPair(certificateFile, keyFile)
}

func fits(c *x509.Certificate, addresses []netip.Addr, names []string) bool {
	var held []netip.Addr
	for _, ip := range c.IPAddresses {
		if at, ok := netip.AddrFromSlice(ip); ok {
			held = append(held, at.Unmap())
		}
	}
	return len(held) == len(addresses) && !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !slices.Contains(held, a) }) && slices.Equal(c.DNSNames, names)
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return n.Add(n, big.NewInt(1))
}

func readPair(certificateFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certificateFile, keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	if _, ok := pair.PrivateKey.(*ecdsa.PrivateKey); !ok {
		return tls.Certificate{}, fmt.Errorf("%s holds another kind of key than ours", keyFile)
	}
	return pair, nil
}

// writePair writes the key first: a certificate without its key would be no pair.
func writePair(certificateFile, keyFile string, key *ecdsa.PrivateKey, der []byte) error {
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.Remove(certificateFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeDurably(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})); err != nil {
		return err
	}
	return writeDurably(certificateFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// trustAddr is where the page lies that explains how to trust the authority: the next port, without TLS.
func trustAddr(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65534 {
		return "", fmt.Errorf("--tls: --addr needs a port from 1 to 65534: the page about trust takes the next one")
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1)), nil
}

// address is what links begin with.
func (s *secured) address(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return "https://" + net.JoinHostPort(s.host, port)
}

func (s *secured) fingerprint() string {
	sum := sha256.Sum256(s.authority.certificate.Raw)
	// As phones show it: pairs of digits with colons.
	var pairs []string
	for pair := range slices.Chunk(sum[:], 1) {
		pairs = append(pairs, strings.ToUpper(hex.EncodeToString(pair)))
	}
	return strings.Join(pairs, ":")
}

// listenSecurely wraps a listener in TLS, and serves the page about trust beside it until ctx ends.
func (s *secured) listenSecurely(ctx context.Context, l net.Listener, addr, address string) (net.Listener, string, error) {
	beside, err := trustAddr(addr)
	if err != nil {
		return nil, "", err
	}
	plain, err := listen(ctx, "the page about trust, on the port after --addr,", beside)
	if err != nil {
		return nil, "", err
	}
	go func() { _ = serveHTTP(ctx, plain, s.trustServer(address)) }()
	_, port, _ := net.SplitHostPort(beside)
	return tls.NewListener(l, s.config), "http://" + net.JoinHostPort(s.host, port) + " (SHA-256 of its authority: " + s.fingerprint() + ")", nil
}
