package clouds

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

// TooManyRequests is what Dropbox answers to who is too fast.
const TooManyRequests = `{"error_summary":"too_many_requests/..","error":{"reason":{".tag":"too_many_requests"},"retry_after":1}}`

// DropboxFull is what Dropbox answers when the account has no room.
const DropboxFull = `{"error_summary":"path/insufficient_space/..","error":{".tag":"path","reason":{".tag":"insufficient_space"},"upload_session_id":"x"}}`

const notFound = `{"error_summary":"path/not_found/..","error":{".tag":"path","path":{".tag":"not_found"}}}`

// contentHash is Dropbox's own: SHA-256 over the SHA-256 of each 4 MB.
func contentHash(b []byte) string {
	total := sha256.New()
	for len(b) > 0 {
		n := min(len(b), 4<<20)
		block := sha256.Sum256(b[:n])
		total.Write(block[:])
		b = b[n:]
	}
	return hex.EncodeToString(total.Sum(nil))
}

func (f *File) entry(at string) map[string]any {
	m := map[string]any{".tag": "file", "name": f.Name, "path_lower": strings.ToLower(at), "path_display": at, "id": f.ID}
	if f.Folder {
		m[".tag"] = "folder"
		return m
	}
	m["client_modified"], m["server_modified"], m["rev"], m["size"] = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "015f0000000000000000000000", len(f.Content)
	m["content_hash"], m["is_downloadable"] = contentHash(f.Content), true
	return m
}

func (s *Service) unauthorized(w http.ResponseWriter, r *http.Request) bool {
	if s.bearer(r) {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body)
	say(w, http.StatusUnauthorized, `{"error_summary":"expired_access_token/..","error":{".tag":"expired_access_token"}}`)
	return true
}

func (s *Service) dropbox(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/oauth2/token" {
		s.token(w, r, 14400)
		return
	}
	if s.unauthorized(w, r) || s.troubled(w, r) {
		return
	}
	if r.URL.Path == "/2/auth/token/revoke" {
		clear(s.access)
		clear(s.refresh)
		say(w, http.StatusOK, "null")
		return
	}
	var in struct{ Path string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, "Error in call to API function: request body: could not decode input as JSON", http.StatusBadRequest)
		return
	}
	key := strings.ToLower(in.Path)
	switch r.URL.Path {
	case "/2/files/list_folder":
		if key != "" && (s.Files[key] == nil || !s.Files[key].Folder) {
			say(w, http.StatusConflict, notFound)
			return
		}
		entries := []any{}
		for at, f := range s.Files {
			if path.Dir(at) == key || (key == "" && path.Dir(at) == "/") {
				entries = append(entries, f.entry(f.Parent+"/"+f.Name))
			}
		}
		say(w, http.StatusOK, map[string]any{"entries": entries, "cursor": "c", "has_more": false})
	case "/2/files/get_metadata":
		if s.Files[key] == nil {
			say(w, http.StatusConflict, notFound)
			return
		}
		say(w, http.StatusOK, s.Files[key].entry(in.Path))
	case "/2/files/create_folder_v2":
		if s.Files[key] != nil {
			say(w, http.StatusConflict, `{"error_summary":"path/conflict/folder/..","error":{".tag":"path","path":{".tag":"conflict","conflict":{".tag":"folder"}}}}`)
			return
		}
		s.folders(in.Path)
		say(w, http.StatusOK, map[string]any{"metadata": s.Files[key].entry(in.Path)})
	case "/2/files/delete_v2":
		f := s.Files[key]
		if f == nil {
			say(w, http.StatusConflict, `{"error_summary":"path_lookup/not_found/..","error":{".tag":"path_lookup","path_lookup":{".tag":"not_found"}}}`)
			return
		}
		delete(s.Files, key)
		say(w, http.StatusOK, map[string]any{"metadata": f.entry(in.Path)})
	default:
		http.Error(w, "Unknown API function", http.StatusBadRequest)
	}
}

// folders makes a folder with those above it, as Dropbox does by itself.
func (s *Service) folders(at string) {
	for ; at != "/" && at != "." && at != ""; at = path.Dir(at) {
		if key := strings.ToLower(at); s.Files[key] == nil {
			s.minted++
			s.Files[key] = &File{ID: fmt.Sprintf("id:%d", s.minted), Name: path.Base(at), Parent: strings.TrimSuffix(path.Dir(at), "/"), Folder: true}
		}
	}
}

func (s *Service) dropboxContent(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unauthorized(w, r) || s.troubled(w, r) {
		return
	}
	var in struct{ Path string }
	if err := json.Unmarshal([]byte(r.Header.Get("Dropbox-API-Arg")), &in); err != nil {
		http.Error(w, "Error in call to API function: HTTP header \"Dropbox-API-Arg\": could not decode input as JSON", http.StatusBadRequest)
		return
	}
	key := strings.ToLower(in.Path)
	switch r.URL.Path {
	case "/2/files/upload":
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.folders(path.Dir(in.Path))
		s.minted++
		s.Uploads++
		f := &File{ID: fmt.Sprintf("id:%d", s.minted), Name: path.Base(in.Path), Parent: strings.TrimSuffix(path.Dir(in.Path), "/"), Content: content}
		s.Files[key] = f
		m := f.entry(in.Path)
		delete(m, ".tag")
		say(w, http.StatusOK, m)
	case "/2/files/download":
		f := s.Files[key]
		if strings.HasPrefix(in.Path, "id:") {
			for _, some := range s.Files {
				if some.ID == in.Path {
					f = some
				}
			}
		}
		if f == nil {
			say(w, http.StatusConflict, notFound)
			return
		}
		m := f.entry(in.Path)
		delete(m, ".tag")
		result, _ := json.Marshal(m)
		w.Header().Set("Dropbox-API-Result", string(result))
		_, _ = w.Write(f.Content)
	default:
		http.Error(w, "Unknown API function", http.StatusBadRequest)
	}
}
