package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// compressedTypes are what is sent gzipped: texts. Pictures, archives and reports are packed as they are, and an event must not
// wait in a buffer.
var compressedTypes = []string{
	"application/json", "application/problem+json", "application/manifest+json", "application/jsonl", "application/x-ndjson",
	"text/html", "text/plain", "text/css", "text/csv", "text/javascript", "application/javascript", "image/svg+xml",
}

// compressAbove is how large an answer is, in bytes, before it is worth it.
const compressAbove = 1000

// compressed sends texts gzipped to whoever asks. It is gzhttp because it sees the type of an answer before it decides, and
// leaves ranges and streams alone; its own way around it for who does not ask would hide deadlines of the connection from the
// handlers, so they go past it.
func compressed(h http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressAbove), gzhttp.ContentTypes(compressedTypes), gzhttp.EnableZstd(false), gzhttp.SetContentType(false))
	if err != nil {
		return nil, err
	}
	gzipped := wrap(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead && takesGzip(r.Header.Get("Accept-Encoding")) {
			r.Header.Set("Accept-Encoding", "gzip") // it is decided
			gzipped.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept-Encoding")
		h.ServeHTTP(w, r)
	}), nil
}

// takesGzip tells whether whoever asks takes gzip (RFC 9110, 12.5.3).
func takesGzip(accepted string) bool {
	for coding := range strings.SplitSeq(accepted, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		_, q, weighed := strings.Cut(weight, "=")
		value, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !weighed || (err == nil && value > 0)
	}
	return false
}
