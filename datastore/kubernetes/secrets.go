package kubernetes

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
)

// shortestSecret is how long a secret must be to be looked for in messages: shorter ones are parts of words.
const shortestSecret = 6

// secretsOf are the texts of a client's configuration that no message may show.
func secretsOf(config *rest.Config) []string {
	secrets := []string{config.BearerToken, config.Password, string(config.KeyData)}
	if u, err := url.Parse(config.Host); err == nil {
		if password, ok := u.User.Password(); ok {
			secrets = append(secrets, password, u.User.String())
		}
	}
	var out []string
	for _, secret := range secrets {
		if len(secret) >= shortestSecret {
			out = append(out, secret)
		}
	}
	return out
}

// lastToken is the token of the last request: that of a credential plugin is in no configuration.
type lastToken struct{ atomic.Pointer[string] }

// watch makes a transport whose tokens are noted.
func (l *lastToken) watch(next http.RoundTripper) http.RoundTripper {
	return noting{next, l}
}

type noting struct {
	http.RoundTripper
	token *lastToken
}

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && len(token) >= shortestSecret {
		n.token.Store(&token)
	}
	return n.RoundTripper.RoundTrip(r)
}

// presentable makes one line of a text from outside, without the secrets that it may quote.
func (s *Store) presentable(text string) string {
	secrets := s.secrets
	if token := s.token.Load(); token != nil {
		secrets = append(slices.Clip(secrets), *token)
	}
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "(secret)")
	}
	return strings.Join(strings.Fields(text), " ")
}

// endOf is when a client certificate, given as PEM or as a file of it, expires; zero if there is none to be read.
func endOf(data []byte, file string) time.Time {
	if len(data) == 0 && file != "" {
		data, _ = os.ReadFile(file) // the client reads it too, and complains
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return time.Time{}
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return certificate.NotAfter
}
