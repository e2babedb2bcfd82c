package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/guard"
)

func TestAPhoneThatTrustsOurAuthorityRisksNothingElse(t *testing.T) {
	dir := t.TempDir()
	s, err := secure(dir, "127.0.0.1:8443")
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, "tls", "ca.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(s.authority.pem))
	leaf := s.config.Certificates[0].Leaf
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		require.NoError(t, err, name)
	}
	require.LessOrEqual(t, leaf.NotAfter.Sub(leaf.NotBefore), 397*24*time.Hour)

	// Whoever steals its key can't be another site with it.
	for name, template := range map[string]*x509.Certificate{
		"example.com": {DNSNames: []string{"example.com"}}, "203.0.113.7": {IPAddresses: []net.IP{net.ParseIP("203.0.113.7")}},
	} {
		template.SerialNumber, template.NotBefore, template.NotAfter = serial(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.CreateCertificate(rand.Reader, template, s.authority.certificate, &key.PublicKey, s.authority.key)
		require.NoError(t, err)
		forged, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		_, err = forged.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		require.Error(t, err, name)
	}
}

func TestTheCertificateFollowsTheAddressesInUse(t *testing.T) {
	dir := t.TempDir()
	first, err := secure(dir, "127.0.0.1:8443")
	require.NoError(t, err)
	again, err := secure(dir, "127.0.0.1:8443")
	require.NoError(t, err)
	require.Equal(t, first.config.Certificates[0].Certificate, again.config.Certificates[0].Certificate, "the same addresses, the same certificate")
	moved, err := secure(dir, "10.9.8.7:8443")
	require.NoError(t, err)
	require.Equal(t, first.authority.pem, moved.authority.pem, "who trusted the authority need not trust anew")
	require.NotEqual(t, first.config.Certificates[0].Certificate, moved.config.Certificates[0].Certificate)
	require.NoError(t, moved.config.Certificates[0].Leaf.VerifyHostname("10.9.8.7"))
	require.Equal(t, "https://10.9.8.7:8443", moved.address("10.9.8.7:8443"))
	_, err = secure(dir, "203.0.113.7:443")
	require.ErrorContains(t, err, "private network")
	everywhere, err := secure(dir, "0.0.0.0:8443")
	require.NoError(t, err)
	require.True(t, private(netip.MustParseAddr(everywhere.host)), everywhere.host)
}

func TestBesideHTTPSStandsHowToTrustIt(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var l net.Listener
	var served net.Listener
	var s *secured
	require.Eventually(t, func() bool { // the port beside a free one may be taken
		var err error
		l, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addr := l.Addr().String()
		s, err = secure(t.TempDir(), addr)
		require.NoError(t, err)
		beside, err := trustAddr(addr)
		require.NoError(t, err)
		probe, err := net.Listen("tcp", beside)
		if err != nil {
			_ = l.Close()
			return false
		}
		_ = probe.Close()
		served, _, err = s.listenSecurely(ctx, l, addr, s.address(addr))
		return err == nil
	}, 10*time.Second, time.Millisecond)
	go func() {
		_ = serveHTTP(ctx, served, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") }))
	}()

	beside, err := trustAddr(l.Addr().String())
	require.NoError(t, err)
	read := func(client *http.Client, address string) string {
		r, err := client.Get(address)
		require.NoError(t, err)
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, 200, r.StatusCode, address)
		return string(b)
	}
	require.Contains(t, read(http.DefaultClient, "http://"+beside+"/"), s.fingerprint())
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(read(http.DefaultClient, "http://"+beside+"/ca.crt"))))
	phone := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	require.Equal(t, "in", read(phone, "https://"+l.Addr().String()))

	// Our own requests to ourselves trust it too.
	network := guard.NewNetwork(nil, s.address(l.Addr().String()))
	_, err = network.Client(5 * time.Second).Get("https://" + l.Addr().String()) //nolint:bodyclose // there is no answer
	require.Error(t, err)
	network.Trust(s.authority.certificate)
	require.Equal(t, "in", read(network.Client(5*time.Second), "https://"+l.Addr().String()))
}

func TestThePageAboutTrustSpeaksThePhonesLanguage(t *testing.T) {
	s, err := secure(t.TempDir(), "127.0.0.1:8443")
	require.NoError(t, err)
	page := s.trustServer("https://192.168.1.5:8443")
	get := func(path, language string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		return w
	}
	for language, word := range map[string]string{"en-GB": "Get the certificate", "es-MX,es;q=0.9": "Obtener el certificado", "": "Get the certificate"} {
		w := get("/", language)
		require.Equal(t, http.StatusOK, w.Code)
		for _, held := range []string{word, `href="https://192.168.1.5:8443/field/"`, s.fingerprint(), "<rect"} {
			require.Contains(t, w.Body.String(), held, language)
		}
	}
	require.Equal(t, "text/css; charset=utf-8", get("/page.css", "").Header().Get("Content-Type"))
	for _, secret := range []string{"/ca.key", "/server.key", "/trust/page.html", "/../ca.key"} {
		require.NotEqual(t, http.StatusOK, get(secret, "").Code, secret)
	}
}
