package kubernetes

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestWaysIn reaches the server by every way of saying where it is and who asks.
func TestWaysIn(t *testing.T) {
	api := servers.APIServer(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	where := fmt.Sprintf("{server: %q, certificate-authority: %q}", api.URL, api.CAFile)
	nowhere := kubeconfigFor(`{server: "https://127.0.0.1:1"}`, "{token: nobody}")
	admin := "{token: " + cluster.Token(cluster.Admin) + "}"
	first := file(t, `{apiVersion: v1, kind: Config, current-context: wrong, clusters: [{name: c, cluster: `+where+`}],
contexts: [{name: wrong, context: {cluster: none, user: none}}]}`)
	second := file(t, `{apiVersion: v1, kind: Config, users: [{name: u, user: `+admin+`}], contexts: [{name: right, context: {cluster: c, user: u}}]}`)
	if err := os.Mkdir(filepath.Join(home, ".kube"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".kube", "config"), []byte(kubeconfigFor(where, admin)), 0o600); err != nil {
		t.Fatal(err)
	}
	inline := `{apiVersion: v1, kind: Config, current-context: wrong, clusters: [{name: c, cluster: ` + where + `}], users: [{name: u, user: ` + admin + `}],
contexts: [{name: wrong, context: {cluster: none, user: none}}, {name: right, context: {cluster: c, user: u}}]}`
	for name, c := range map[string]Config{
		"the user's own":          {},
		"one file":                {Kubeconfig: api.Kubeconfig(t, cluster.Admin)},
		"several files":           {Kubeconfig: first + string(filepath.ListSeparator) + "/none" + string(filepath.ListSeparator) + second, Context: "right"},
		"inline before a file":    {Inline: kubeconfigFor(where, admin), Kubeconfig: "/none", Endpoint: "https://127.0.0.1:1"},
		"a context of inline":     {Inline: inline, Context: "right"},
		"an endpoint":             {Endpoint: api.URL, CAFile: api.CAFile, Token: cluster.Token(cluster.Admin)},
		"an endpoint over a file": {Kubeconfig: file(t, nowhere), Endpoint: api.URL, CAFile: api.CAFile, Token: cluster.Token(cluster.Admin)},
		"without verification":    {Endpoint: api.URL, Insecure: true, Token: cluster.Token(cluster.Admin)},
		"a credential plugin":     {Inline: kubeconfigFor(where, plugin(t, credential(cluster.Token(cluster.Admin))))},
		"a throttle":              {Kubeconfig: api.Kubeconfig(t, cluster.Admin), QPS: 100, Burst: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, c)
			if _, err := s.List(t.Context(), resources.Tier); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestThrottle sends as many requests a second as was asked for, and without being asked as many as it can.
func TestThrottle(t *testing.T) {
	for name, c := range map[string]struct {
		qps   float32
		burst int
		want  float32
	}{"none": {0, 0, -1}, "calicoctl's burst": {7, 0, 7}, "both": {7, 3, 7}} {
		t.Run(name, func(t *testing.T) {
			config := Config{Endpoint: "http://127.0.0.1:1", QPS: c.qps, Burst: c.burst, APIGroup: groupV3}
			limiter := open(t, config).client.GetRateLimiter()
			if c.want < 0 {
				if limiter != nil {
					t.Errorf("there is a throttle of %v requests a second", limiter.QPS())
				}
				return
			}
			burst := 0
			for limiter.TryAccept() {
				burst++
			}
			if want := map[int]int{0: 100, 3: 3}[c.burst]; limiter.QPS() != c.want || burst != want {
				t.Errorf("%v requests a second and a burst of %d, want %v and %d", limiter.QPS(), burst, c.want, want)
			}
		})
	}
}

// TestDiscovery asks once which API group there is, and takes the older one where it may not ask.
func TestDiscovery(t *testing.T) {
	forbidden := false
	_, p := throughProxy(t, func(_ int64, r *http.Request) int {
		if forbidden && r.URL.Path == "/apis" {
			return http.StatusForbidden
		}
		return 0
	})
	server := newServer(t, p)
	s := open(t, Config{Endpoint: server})
	if _, err := s.Get(t.Context(), resources.Tier.Key("nosuch")); !errors.Is(err, datastore.ErrNotFound) {
		t.Error(err)
	}
	if n := p.requests.Load(); n != 2 || s.group != groupV1 {
		t.Errorf("opening and a Get take %d requests, of %s", n, s.group)
	}
	forbidden = true
	if s := open(t, Config{Endpoint: server}); s.group != groupV1 {
		t.Errorf("the group is %s", s.group)
	}
	for chosen, want := range map[string]string{"projectcalico.org/v3": groupV3, "ProjectCalico.org/V3": groupV3, "foo": groupV1} {
		before := p.requests.Load()
		if s := open(t, Config{Endpoint: server, APIGroup: chosen}); s.group != want || p.requests.Load() != before {
			t.Errorf("%s gives %s after %d requests", chosen, s.group, p.requests.Load()-before)
		}
	}
	page := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") }))
	_, err := Open(t.Context(), Config{Endpoint: page})
	wants(t, err, datastore.ErrUnavailable, "does not answer as a Kubernetes API server does")
}
