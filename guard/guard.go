// Package guard keeps our own requests and folders where the operator allowed them: an address that a user typed never
// reaches a private network by itself, and a path never leaves its root.
package guard

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// ErrAddress says that an address lies in a network that the operator did not allow.
var ErrAddress = errors.New("the address lies in a private network that the operator has not allowed (FIELDPROOF_ALLOWED_NETWORKS)")

// Network decides which addresses our requests may reach.
type Network struct {
	guardian *ssrf.Guardian
	allowed  []netip.Prefix
	own      string // host:port of the installation itself
	roots    *x509.CertPool
}

// Trust adds an authority to those of the system: that of an installation whose certificate is its own.
func (n *Network) Trust(authority *x509.Certificate) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AddCert(authority)
	n.roots = roots
}

// ParseNetworks reads a comma-separated list of CIDR networks.
func ParseNetworks(list string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range strings.Split(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no network such as 10.0.0.0/8", text)
		}
		networks = append(networks, p.Masked())
	}
	return networks, nil
}

// NewNetwork allows public addresses, the allowed private networks and the installation's own public URL.
func NewNetwork(allowed []netip.Prefix, publicURL string) *Network {
	n := &Network{guardian: ssrf.New(ssrf.WithAnyPort()), allowed: allowed}
	if u, err := url.Parse(publicURL); err == nil {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		n.own = net.JoinHostPort(u.Hostname(), port)
	}
	return n
}

// control is asked for every connection after the name was resolved, so a name can't point elsewhere between check
// and use.
func (n *Network) control(network, address string, c syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	for _, p := range n.allowed {
		if p.Contains(ip) {
			return nil
		}
	}
	if n.isOwn(at) {
		return nil
	}
	if err := n.guardian.Safe(network, address, c); err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, ip)
	}
	return nil
}

func (n *Network) isOwn(at netip.AddrPort) bool {
	host, port, err := net.SplitHostPort(n.own)
	if err != nil || port != fmt.Sprint(at.Port()) {
		return false
	}
	ips, err := net.LookupHost(host)
	if err != nil {
		return false
	}
	for _, ip := range ips {
		if a, err := netip.ParseAddr(ip); err == nil && a.Unmap() == at.Addr().Unmap() {
			return true
		}
	}
	return false
}

// Client returns an HTTP client for addresses that users typed. It follows no redirect, uses no proxy, and gives up
// after timeout.
func (n *Network) Client(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: n.control}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:           dialer.DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.roots},
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: timeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   16,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Folders are the roots below which folders of destinations may lie.
type Folders struct{ roots []string }

// NewFolders takes a comma-separated list of absolute paths, each made when missing.
func NewFolders(list string) (*Folders, error) {
	f := &Folders{}
	for _, text := range strings.Split(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !filepath.IsAbs(text) {
			return nil, fmt.Errorf("%q is no absolute path", text)
		}
		if err := os.MkdirAll(text, 0o755); err != nil {
			return nil, err
		}
		f.roots = append(f.roots, filepath.Clean(text))
	}
	return f, nil
}

// Root opens the root that a folder destination lies under: os.Root lets no path and no link lead out of it.
func (f *Folders) Root() (*os.Root, error) {
	if len(f.roots) == 0 {
		return nil, errors.New("the operator has named no folder for destinations (FIELDPROOF_FOLDER_ROOTS)")
	}
	return os.OpenRoot(f.roots[0])
}

// Under returns the absolute path of a folder below the first root, made when missing. A path that leads out of it, by dots
// or by links, is an error.
func (f *Folders) Under(relative string) (string, error) {
	root, err := f.Root()
	if err != nil {
		return "", err
	}
	defer root.Close()
	relative = strings.Trim(filepath.ToSlash(relative), "/")
	if relative == "" || !filepath.IsLocal(relative) {
		return "", errors.New("give a folder below the operator's root, such as orders/acme, without .. in it")
	}
	if err := root.MkdirAll(relative, 0o755); err != nil {
		return "", fmt.Errorf("the folder leads out of the root that the operator allowed, or can't be made: %w", err)
	}
	base, err := filepath.EvalSymlinks(f.roots[0])
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(filepath.Join(base, relative))
	if err != nil {
		return "", err
	}
	if real != base && !strings.HasPrefix(real, base+string(filepath.Separator)) {
		return "", errors.New("the folder leads out of the root that the operator allowed")
	}
	return real, nil
}
