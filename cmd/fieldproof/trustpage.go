package main

import (
	"embed"
	"html/template"
	"net/http"

	"rsc.io/qr"

	"fieldproof/wording"
)

//go:embed trust
var trustFiles embed.FS

var trustPage = template.Must(template.ParseFS(trustFiles, "trust/page.html"))

// trustWords are those of the page about trust in one language.
type trustWords struct {
	Lang, Title, Lead, Get, Android, AndroidSteps, Apple, AppleSteps, Then, Check, Safe string
}

var trustWordsOf = map[string]trustWords{
	"en": {Lang: "en", Title: "Let this phone trust Fieldproof", Lead: "Camera and offline work need a connection that the phone trusts. Do this once on each phone.",
		Get: "Get the certificate", Android: "Android",
		AndroidSteps: "Open the downloaded file ca.crt, or in Settings search for “CA certificate” (Security → More → Encryption and credentials → Install a certificate → CA certificate). Choose “Install anyway” and the file ca.crt.",
		Apple:        "iPhone and iPad",
		AppleSteps:   "Open this page in Safari and allow the download. Settings → Profile Downloaded → Install. Then Settings → General → About → Certificate Trust Settings: switch it on. Without this second step nothing is trusted.",
		Then:         "Then open the field app", Check: "It is the right one if the phone shows this fingerprint (SHA-256):",
		Safe: "The certificate can vouch for addresses of private networks alone, never for a site of the Internet. Its key stays on this machine."},
	"es": {Lang: "es", Title: "Haga que este teléfono confíe en Fieldproof", Lead: "La cámara y el trabajo sin conexión necesitan una conexión en la que el teléfono confíe. Hágalo una vez en cada teléfono.",
		Get: "Obtener el certificado", Android: "Android",
		AndroidSteps: "Abra el archivo descargado ca.crt, o busque en Ajustes «certificado de CA» (Seguridad → Más → Cifrado y credenciales → Instalar un certificado → Certificado de CA). Elija «Instalar de todos modos» y el archivo ca.crt.",
		Apple:        "iPhone y iPad",
		AppleSteps:   "Abra esta página en Safari y permita la descarga. Ajustes → Perfil descargado → Instalar. Después Ajustes → General → Información → Ajustes de confianza de los certificados: actívelo. Sin este segundo paso no se confía en nada.",
		Then:         "Después abra la aplicación de campo", Check: "Es el correcto si el teléfono muestra esta huella (SHA-256):",
		Safe: "El certificado solo puede avalar direcciones de redes privadas, nunca un sitio de Internet. Su clave no sale de este equipo."},
}

// trustServer explains how a phone comes to trust the authority, and hands out its certificate; nothing else. A warning that
// is clicked away is not enough: no browser then starts a service worker.
func (s *secured) trustServer(address string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ca.crt", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-x509-ca-cert")
		w.Header().Set("Content-Disposition", `attachment; filename="ca.crt"`)
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(s.authority.pem)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		words := trustWordsOf[wording.Asking(r.Header.Get("Accept-Language")).Language()]
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Vary", "Accept-Language")
		app := address + "/field/"
		_ = trustPage.Execute(w, map[string]any{"W": words, "App": app, "Name": s.authority.certificate.Subject.CommonName, "Fingerprint": s.fingerprint(), "Modules": modules(app)})
	})
	mux.HandleFunc("GET /page.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, trustFiles, "trust/page.css") })
	return mux
}

// square is a dark module of a QR code.
type square struct{ X, Y int }

// drawn is a QR code as squares, with its side and the margin that readers need.
type drawn struct {
	Side    int
	Squares []square
}

func modules(text string) *drawn {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil // longer than a code holds: the address stands beside it
	}
	const margin = 4
	size := code.Size
	d := &drawn{Side: size + 2*margin}
	for y := range size {
		for x := range size {
			if code.Black(x, y) {
				d.Squares = append(d.Squares, square{x + margin, y + margin})
			}
		}
	}
	return d
}
