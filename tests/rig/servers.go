package rig

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/net/webdav"
)

// Place is a folder on a server that really speaks a protocol, with the settings by which an integration reaches it.
type Place struct {
	Settings JSON
	Put      func(name string, content []byte)
	// Names lists the files below a folder of the place.
	Names func(folder string) []string
	Read  func(name string) []byte
	// HostKey is the public key of an SFTP server, as known hosts have it.
	HostKey string
}

// onDisk is a place whose server keeps its files in dir.
func onDisk(t testing.TB, dir string, settings JSON) *Place {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	return &Place{Settings: settings,
		Put: func(name string, content []byte) {
			must(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
			must(os.WriteFile(filepath.Join(dir, name), content, 0o644))
		},
		Names: func(folder string) []string {
			entries, _ := os.ReadDir(filepath.Join(dir, folder))
			var names []string
			for _, e := range entries {
				if !e.IsDir() {
					names = append(names, e.Name())
				}
			}
			return names
		},
		Read: func(name string) []byte {
			b, err := os.ReadFile(filepath.Join(dir, name))
			must(err)
			return b
		}}
}

// LocalPlace is a folder below the root of an installation.
func LocalPlace(t testing.TB, in *Installation, path string) *Place {
	return onDisk(t, filepath.Join(in.Folders, path), JSON{"backend": "local", "path": path})
}

// WebDAVPlace is a folder on a WebDAV server with a password.
func WebDAVPlace(t testing.TB) *Place {
	dir := t.TempDir()
	handler := &webdav.Handler{FileSystem: webdav.Dir(dir), LockSystem: webdav.NewMemLS()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "dav" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return onDisk(t, filepath.Join(dir, "orders"), JSON{"backend": "webdav", "path": "orders", "options": JSON{"url": server.URL, "user": "dav", "pass": "secret"}})
}

// SFTPPlace is a folder on an SFTP server with a password.
func SFTPPlace(t testing.TB) *Place {
	dir := t.TempDir()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() == "crew" && string(password) == "secret" {
			return nil, nil
		}
		return nil, errors.New("wrong password")
	}}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveSFTP(c, config, dir)
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	place := onDisk(t, filepath.Join(dir, "orders"), JSON{"backend": "sftp", "path": "orders", "options": JSON{"host": "127.0.0.1", "port": port, "user": "crew", "pass": "secret"}})
	place.HostKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return place
}

func serveSFTP(c net.Conn, config *ssh.ServerConfig, dir string) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		channel, in, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range in {
				_ = r.Reply(r.Type == "subsystem" && strings.HasSuffix(string(r.Payload), "sftp"), nil)
			}
		}()
		server, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(dir))
		if err != nil {
			return
		}
		go func() { _ = server.Serve(); _ = server.Close() }()
	}
}

// S3Place is a folder in a bucket of an S3 server.
func S3Place(t testing.TB) *Place {
	backend := s3mem.New()
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	return &Place{Settings: JSON{"backend": "s3", "path": "bucket/orders", "options": JSON{"endpoint": server.URL, "access_key_id": "a", "secret_access_key": "b", "region": "us-east-1", "force_path_style": "true"}},
		Put: func(name string, content []byte) {
			if _, err := backend.PutObject("bucket", "orders/"+name, map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}, strings.NewReader(string(content)), int64(len(content)), nil); err != nil {
				t.Fatal(err)
			}
		},
		Names: func(folder string) []string {
			prefix := gofakes3.NewFolderPrefix(strings.TrimPrefix(folder+"/", "/"))
			prefix.Prefix = "orders/" + strings.TrimPrefix(folder+"/", "/")
			prefix.HasPrefix, prefix.HasDelimiter, prefix.Delimiter = true, true, "/"
			list, err := backend.ListBucket("bucket", &prefix, gofakes3.ListBucketPage{})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range list.Contents {
				names = append(names, strings.TrimPrefix(c.Key, prefix.Prefix))
			}
			return names
		},
		Read: func(name string) []byte {
			o, err := backend.GetObject("bucket", "orders/"+name, nil)
			if err != nil {
				t.Fatal(fmt.Errorf("%s: %w", name, err))
			}
			b, _ := io.ReadAll(o.Contents)
			return b
		}}
}
