package clouds

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// RateLimited is what Drive answers to who is too fast.
const RateLimited = `{"error":{"code":403,"message":"User Rate Limit Exceeded. Rate of requests for user exceed configured project quota.","errors":[{"message":"User Rate Limit Exceeded.","domain":"usageLimits","reason":"userRateLimitExceeded"}],"status":"PERMISSION_DENIED"}}`

// DriveFull is what Drive answers when the account has no room.
const DriveFull = `{"error":{"code":403,"message":"The user's Drive storage quota has been exceeded.","errors":[{"message":"The user's Drive storage quota has been exceeded.","domain":"usageLimits","reason":"storageQuotaExceeded"}]}}`

const folderType = "application/vnd.google-apps.folder"

func (s *Service) google(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.troubled(w, r) {
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /token":
		s.token(w, r, 3599)
	case "POST /revoke":
		if !s.refresh[r.PostFormValue("token")] {
			say(w, http.StatusBadRequest, map[string]string{"error": "invalid_token", "error_description": "Token expired or revoked"})
			return
		}
		clear(s.refresh)
		clear(s.access)
		say(w, http.StatusOK, "{}")
	default:
		http.NotFound(w, r)
	}
}

func googleError(w http.ResponseWriter, status int, reason, message string) {
	say(w, status, map[string]any{"error": map[string]any{"code": status, "message": message, "errors": []any{map[string]string{"message": message, "domain": "global", "reason": reason}}}})
}

func (f *File) resource() map[string]any {
	m := map[string]any{"kind": "drive#file", "id": f.ID, "name": f.Name, "mimeType": f.Type, "parents": []string{f.Parent}, "trashed": f.Trashed,
		"modifiedTime": "2026-01-01T00:00:00.000Z", "createdTime": "2026-01-01T00:00:00.000Z"}
	if f.Folder {
		m["mimeType"] = folderType
		return m
	}
	a, b, c := md5.Sum(f.Content), sha1.Sum(f.Content), sha256.Sum256(f.Content)
	m["size"], m["md5Checksum"], m["sha1Checksum"], m["sha256Checksum"] = fmt.Sprint(len(f.Content)), hex.EncodeToString(a[:]), hex.EncodeToString(b[:]), hex.EncodeToString(c[:])
	return m
}

var (
	inParents = regexp.MustCompile(`'([^']*)' in parents`)
	nameIs    = regexp.MustCompile(`name\s?=\s?'((?:[^'\\]|\\.)*)'`)
)

func (s *Service) drive(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.bearer(r) {
		_, _ = io.Copy(io.Discard, r.Body)
		googleError(w, http.StatusUnauthorized, "authError", "Invalid Credentials")
		return
	}
	if s.troubled(w, r) {
		return
	}
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if id == "root" {
		id = "root-id"
	}
	upload := strings.HasPrefix(r.URL.Path, "/upload/")
	switch {
	case r.Method == http.MethodGet && id == "files":
		s.list(w, r.URL.Query().Get("q"))
	case r.Method == http.MethodPost && id == "files":
		s.minted++
		f := &File{ID: fmt.Sprintf("file-%d", s.minted)}
		if s.receive(w, r, f, upload) {
			s.Files[f.ID] = f
			say(w, http.StatusOK, f.resource())
		}
	case s.Files[id] == nil:
		googleError(w, http.StatusNotFound, "notFound", "File not found: "+id+".")
	case r.Method == http.MethodGet && r.URL.Query().Get("alt") == "media":
		_, _ = w.Write(s.Files[id].Content)
	case r.Method == http.MethodGet:
		say(w, http.StatusOK, s.Files[id].resource())
	case r.Method == http.MethodPatch:
		if s.receive(w, r, s.Files[id], upload) {
			say(w, http.StatusOK, s.Files[id].resource())
		}
	case r.Method == http.MethodDelete:
		delete(s.Files, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

// list answers a search, as far as its query is made of parents, a name and a type.
func (s *Service) list(w http.ResponseWriter, q string) {
	var parents []string
	for _, m := range inParents.FindAllStringSubmatch(q, -1) {
		parents = append(parents, m[1])
	}
	names := nameIs.FindAllStringSubmatch(q, -1)
	found := []any{}
	for _, f := range s.Files {
		if f.ID == "root-id" || f.Trashed || (len(parents) > 0 && !slices.Contains(parents, f.Parent)) {
			continue
		}
		if len(names) > 0 && !slices.ContainsFunc(names, func(m []string) bool { return strings.ReplaceAll(m[1], `\`, "") == f.Name }) {
			continue
		}
		if (strings.Contains(q, "mimeType='"+folderType+"'") && !f.Folder) || (strings.Contains(q, "mimeType!='"+folderType+"'") && f.Folder) {
			continue
		}
		found = append(found, f.resource())
	}
	say(w, http.StatusOK, map[string]any{"kind": "drive#fileList", "incompleteSearch": false, "files": found})
}

// receive takes a resource, and with it its bytes when they come by multipart/related.
func (s *Service) receive(w http.ResponseWriter, r *http.Request, f *File, upload bool) bool {
	var body io.Reader = r.Body
	var content []byte
	if upload {
		media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if media != "multipart/related" {
			googleError(w, http.StatusBadRequest, "badContent", "Unsupported content with type: "+media)
			return false
		}
		parts := multipart.NewReader(r.Body, params["boundary"])
		meta, err := parts.NextPart()
		if err != nil {
			googleError(w, http.StatusBadRequest, "badContent", err.Error())
			return false
		}
		text, err := io.ReadAll(meta)
		if err != nil {
			googleError(w, http.StatusBadRequest, "badContent", err.Error())
			return false
		}
		body = strings.NewReader(string(text))
		file, err := parts.NextPart()
		if err == nil {
			content, err = io.ReadAll(file)
		}
		if err != nil {
			googleError(w, http.StatusBadRequest, "badContent", err.Error())
			return false
		}
		s.Uploads++
	}
	var in struct {
		Name     *string
		MimeType *string
		Parents  []string
		Trashed  *bool
	}
	if err := json.NewDecoder(body).Decode(&in); err != nil {
		googleError(w, http.StatusBadRequest, "parseError", err.Error())
		return false
	}
	if in.Name != nil {
		f.Name = *in.Name
	}
	if in.MimeType != nil {
		f.Type, f.Folder = *in.MimeType, *in.MimeType == folderType
	}
	if len(in.Parents) > 0 {
		f.Parent = in.Parents[0]
	} else if f.Parent == "" {
		f.Parent = "root-id"
	}
	if in.Trashed != nil {
		f.Trashed = *in.Trashed
	}
	if upload {
		f.Content = content
	}
	return true
}
