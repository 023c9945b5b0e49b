package controller_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/kubernetes"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// requestCount counts what a server is asked for.
type requestCount struct {
	mu  sync.Mutex
	all map[string]int
	// answered is called when the server has answered, before the answer goes on; nil for nothing.
	answered func(*http.Request)
}

func (r *requestCount) soFar() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.all)
}

// openCounted opens a datastore through a proxy that counts the requests.
func openCounted(t *testing.T, api *cluster.APIServer, form string) (datastore.Store, *requestCount) {
	t.Helper()
	group := map[string]string{"kubernetes-v1": "crd.projectcalico.org/v1", "kubernetes-v3": "projectcalico.org/v3"}[form]
	certificate, err := os.ReadFile(api.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	target, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	count := &requestCount{all: map[string]int{}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("Authorization", "Bearer "+cluster.Token(cluster.Admin))
		count.mu.Lock()
		defer count.mu.Unlock()
		what := r.In.Method + " " + r.In.URL.Path
		if r.In.URL.Query().Has("watch") {
			what = "WATCH " + r.In.URL.Path
		}
		count.all[what]++
	}}
	proxy.ModifyResponse = func(answer *http.Response) error {
		if count.answered != nil {
			count.answered(answer.Request)
		}
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s, err := kubernetes.Open(t.Context(), kubernetes.Config{Endpoint: server.URL, APIGroup: group})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, count
}

// betweenPasses gives how many passes there have been, and what was asked for so far, at a moment when no pass is under
// way: some time after one has ended, and less than a period, which is a second, after it had not.
func (r *requestCount) betweenPasses(t *testing.T, passes func() int) (number int, asked map[string]int) {
	t.Helper()
	before := passes()
	under := time.Now()
	await(t, "there is no moment between passes", func() bool {
		began := time.Now()
		if number = passes(); number <= before {
			under = began
			return false
		}
		time.Sleep(200 * time.Millisecond) // what a pass leads to is asked for now
		asked, before = r.soFar(), number
		return time.Since(under) < 900*time.Millisecond
	})
	return number, asked
}

// onlyLists waits for some passes, and compares what was asked for with three lists for each.
func (r *requestCount) onlyLists(t *testing.T, passes func() int) {
	t.Helper()
	before, earlier := r.betweenPasses(t, passes)
	r.betweenPasses(t, passes)
	after, asked := r.betweenPasses(t, passes)
	number := after - before
	got, want := map[string]int{}, map[string]int{}
	for what, n := range asked {
		if n -= earlier[what]; n > 0 {
			got[what[:strings.LastIndex(what, " ")+1]+what[strings.LastIndex(what, "/")+1:]] = n
		}
	}
	for _, kind := range []string{"nodes", "hostendpoints", "kubecontrollersconfigurations"} {
		want["GET "+kind] = number
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d passes ask for something else than their lists:\n%s", number, diff)
	}
}

// hasEvent tells whether there is an event about a node whose text begins so.
func (b *backend) hasEvent(t *testing.T, node, reason, text string) bool {
	t.Helper()
	return b.hasEventOf(t, "Node", node, reason, text)
}

func (b *backend) hasEventOf(t *testing.T, kind, name, reason, text string) bool {
	t.Helper()
	var list struct {
		Items []struct {
			InvolvedObject struct{ Kind, Name string }
			Reason         string
			Message        string
		}
	}
	if err := json.Unmarshal(b.kube.Do(t, http.MethodGet, "/api/v1/namespaces/default/events", nil), &list); err != nil {
		t.Fatal(err)
	}
	for _, e := range list.Items {
		if e.InvolvedObject.Kind == kind && e.InvolvedObject.Name == name && e.Reason == reason && strings.HasPrefix(e.Message, text) {
			return true
		}
	}
	return false
}
