package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// canary stands for a secret wherever one can be.
const canary = "canary-of-a-secret"

// wants checks an error: what it is, what it says, and that no secret is in it.
func wants(t *testing.T, err, sentinel error, text string) {
	t.Helper()
	switch {
	case err == nil:
		t.Error("there is no error")
	case sentinel != nil && !errors.Is(err, sentinel), !strings.Contains(err.Error(), text):
		t.Errorf("%v; want %v, with %q", err, sentinel, text)
	case strings.Contains(err.Error(), canary):
		t.Errorf("a secret is told: %v", err)
	}
}

func set(name string) *v3.GlobalNetworkSet {
	o := resources.GlobalNetworkSet.New().(*v3.GlobalNetworkSet)
	o.Name = name
	return o
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfig refuses what cannot be used, in words that say what is wrong and quote no secret.
func TestConfig(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	good := file(t, `{apiVersion: v1, kind: Config, clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}],
users: [{name: a, user: {token: `+canary+`}}], contexts: [{name: a, context: {cluster: a, user: a}}], current-context: a}`)
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"nothing":           {Config{}, "invalid configuration: no configuration has been provided"},
		"no such file":      {Config{Kubeconfig: "/none/config"}, "stat /none/config: no such file or directory"},
		"no such context":   {Config{Kubeconfig: good, Context: "nosuch"}, `context "nosuch" does not exist`},
		"no YAML":           {Config{Kubeconfig: file(t, "users: ["+canary)}, "its text is not shown"},
		"wrong types":       {Config{Kubeconfig: file(t, "{apiVersion: v1, kind: Config, users: "+canary+"}")}, "its text is not shown"},
		"inline, no YAML":   {Config{Inline: "users: [" + canary}, "kubeconfigInline is no valid kubeconfig"},
		"unreachable":       {Config{Kubeconfig: good}, "connection refused"},
		"password in a URL": {Config{Endpoint: "https://u:" + canary + "@127.0.0.1:1", Insecure: true}, "127.0.0.1:1 cannot be reached"},
		"no key":            {Config{Endpoint: "https://127.0.0.1:1", CertFile: "/none", KeyFile: "/none"}, "unable to read client-cert"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), c.config)
			wants(t, err, nil, c.want)
		})
	}
}

// TestRefusals says what to do about credentials, rights and certificates that do not suffice.
func TestRefusals(t *testing.T) {
	api := servers.APIServer(t)
	nobody := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Nobody), APIGroup: groupV3})
	_, err := nobody.List(t.Context(), resources.HostEndpoint)
	wants(t, err, datastore.ErrUnauthorized, "it takes the right to list hostendpoints.projectcalico.org, which deploy/rbac.yaml shows how to grant")
	_, err = nobody.Create(t.Context(), set("a"))
	wants(t, err, datastore.ErrUnauthorized, "create globalnetworksets.projectcalico.org")

	stranger := Config{Endpoint: api.URL, CAFile: api.CAFile, Token: canary, APIGroup: groupV3}
	_, err = open(t, stranger).Get(t.Context(), resources.Tier.Key("a"))
	wants(t, err, datastore.ErrUnauthorized, "does not accept the credentials")

	stranger.CAFile = ""
	_, err = open(t, stranger).Get(t.Context(), resources.Tier.Key("a"))
	wants(t, err, datastore.ErrUnavailable, "an authority that is not trusted")

	admin := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin), APIGroup: groupV3})
	tier := resources.Tier.New().(*v3.Tier)
	tier.Name = "Upper Case"
	_, err = admin.Create(t.Context(), tier)
	wants(t, err, datastore.ErrInvalid, "metadata.name")
}

// TestMissingDefinitions names what a server without Calico's custom resources lacks.
func TestMissingDefinitions(t *testing.T) {
	bare := cluster.StartAPIServer(t)
	s := open(t, Config{Kubeconfig: bare.Kubeconfig(t, cluster.Admin)})
	if s.group != groupV1 {
		t.Errorf("without definitions the group is %s", s.group)
	}
	_, err := s.List(t.Context(), resources.HostEndpoint)
	wants(t, err, datastore.ErrNotFound, "the server has no hostendpoints.crd.projectcalico.org")
	_, err = s.Create(t.Context(), set("a"))
	wants(t, err, datastore.ErrNotFound, "deploy/crds")
	bare.InstallCRDs(t, "projectcalico.org")
	if s := open(t, Config{Kubeconfig: bare.Kubeconfig(t, cluster.Admin)}); s.group != groupV3 {
		t.Errorf("with the newer definitions alone the group is %s", s.group)
	}
	bare.InstallCRDs(t, "crd.projectcalico.org")
	if s := open(t, Config{Kubeconfig: bare.Kubeconfig(t, cluster.Admin)}); s.group != groupV1 {
		t.Errorf("with both definitions the group is %s", s.group)
	}
}

// TestRestart kills the server under a watch and starts it again: the watch goes on, or says honestly that it cannot.
func TestRestart(t *testing.T) {
	api := cluster.StartAPIServer(t)
	api.InstallCRDs(t, "projectcalico.org")
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin), Timeout: 5 * time.Second})
	list, err := s.List(t.Context(), resources.GlobalNetworkSet)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, list.ResourceVersion)
	if err != nil {
		t.Fatal(err)
	}
	api.Kill()
	_, err = w.Next(t.Context())
	wants(t, err, datastore.ErrUnavailable, "cannot be reached")
	_, err = s.Create(t.Context(), set("a"))
	wants(t, err, datastore.ErrUnavailable, "cannot be reached")
	api.Restart(t)
	if _, err := s.Create(t.Context(), set("a")); err != nil {
		t.Fatal(err)
	}
	w, err = s.Watch(t.Context(), resources.GlobalNetworkSet, list.ResourceVersion)
	if err != nil {
		t.Fatal(err)
	}
	seesAfterRestart(t, s, w, "a")
}

// seesAfterRestart wants news of an object: from a watch or, where the server has lost its history, from a list.
func seesAfterRestart(t *testing.T, s *Store, w datastore.Watcher, name string) {
	t.Helper()
	e, err := w.Next(t.Context())
	if errors.Is(err, datastore.ErrCompacted) {
		list, err := s.List(t.Context(), resources.GlobalNetworkSet)
		if err != nil || !slices.ContainsFunc(list.Items, func(o resources.Object) bool { return o.GetName() == name }) {
			t.Errorf("after the restart the watch is compacted, and the list gives %v, %v", list, err)
		}
		return
	}
	if err != nil || e.Object.GetName() != name {
		t.Errorf("after the restart the watch gives %v, %v", e.Object, err)
	}
}

// proxy stands between a store and the server, and answers for the server when fault says so.
type proxy struct {
	*httputil.ReverseProxy
	requests atomic.Int64
	fault    func(n int64, r *http.Request) int
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := p.requests.Add(1)
	if p.fault != nil {
		if code := p.fault(n, r); code != 0 {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the proxy says so", code)
			return
		}
	}
	p.ReverseProxy.ServeHTTP(w, r)
}

// throughProxy opens a store whose requests go through a proxy.
func throughProxy(t *testing.T, fault func(n int64, r *http.Request) int) (*Store, *proxy) {
	t.Helper()
	api := servers.APIServer(t)
	target, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(&rest.Config{
		Host: api.URL, BearerToken: cluster.Token(cluster.Admin), TLSClientConfig: rest.TLSClientConfig{CAFile: api.CAFile},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ReverseProxy: httputil.NewSingleHostReverseProxy(target), fault: fault}
	p.Transport = transport
	server := newServer(t, p)
	return open(t, Config{Endpoint: server, APIGroup: groupV3}), p
}

func newServer(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

// TestFaults has a bulk write meet conflicts, throttling and failures of the server. What is said to be written
// is there, and what failed is told.
func TestFaults(t *testing.T) {
	const many = 60
	for name, code := range map[string]int{"throttled": http.StatusTooManyRequests, "failing": http.StatusInternalServerError, "conflict": http.StatusConflict} {
		t.Run(name, func(t *testing.T) {
			s, p := throughProxy(t, func(n int64, r *http.Request) int {
				if r.Method == http.MethodPost && n%10 == 3 {
					return code
				}
				return 0
			})
			objects := make([]resources.Object, many)
			for i := range objects {
				o := set(fmt.Sprintf("fault-%s-%02d", name, i))
				resources.GlobalNetworkSet.Default(o)
				objects[i] = o
			}
			results, err := datastore.Write(t.Context(), s, datastore.Apply, objects, datastore.WriteOptions{})
			t.Logf("%d requests, %v", p.requests.Load(), err)
			list, listErr := s.List(t.Context(), resources.GlobalNetworkSet)
			if listErr != nil {
				t.Fatal(listErr)
			}
			there := map[string]bool{}
			for _, o := range list.Items {
				there[o.GetName()] = true
			}
			failed := 0
			for _, r := range results {
				if r.Err != nil {
					failed++
				} else if !there[r.Key.Name] {
					t.Errorf("%s was said to be written and is not there", r.Key)
				}
			}
			if retried := code != http.StatusInternalServerError; retried && failed > 0 {
				t.Errorf("%d of %d failed: %v", failed, many, err)
			}
		})
	}
}

// TestRequests counts what a command costs: one request for one object once the group is known.
func TestRequests(t *testing.T) {
	s, p := throughProxy(t, nil)
	if _, err := s.Get(t.Context(), resources.Tier.Key("nosuch")); !errors.Is(err, datastore.ErrNotFound) {
		t.Fatal(err)
	}
	if n := p.requests.Load(); n != 1 {
		t.Errorf("a Get takes %d requests", n)
	}
}

// TestTimeout bounds a request that is never answered.
func TestTimeout(t *testing.T) {
	stuck := newServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	s := open(t, Config{Endpoint: stuck, APIGroup: groupV3, Timeout: 200 * time.Millisecond})
	_, err := s.Get(t.Context(), resources.Tier.Key("a"))
	wants(t, err, datastore.ErrUnavailable, "did not answer within 200ms; --request-timeout")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Get(ctx, resources.Tier.Key("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's own deadline: %v", err)
	}
}
