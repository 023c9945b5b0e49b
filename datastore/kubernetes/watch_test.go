package kubernetes

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// cutter is the body of a watch that breaks a little after its first event.
type cutter struct {
	io.ReadCloser
	more int
	err  error
	over bool
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.over {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p)
	if end := bytes.IndexByte(p[:n], '\n'); end >= 0 {
		c.over = true
		n = min(n, end+1+c.more)
	}
	return n, err
}

// isWatch tells the answer to a watch from any other.
func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") != "" }

// TestWatchIsCut has the server end watches and the network cut them in the middle of an event: the watch goes on
// where it was, without gaps and without repetition.
func TestWatchIsCut(t *testing.T) {
	const many = 12
	for name, c := range map[string]struct {
		more int
		err  error
	}{"ended": {0, io.EOF}, "cut": {100, io.ErrUnexpectedEOF}} {
		t.Run(name, func(t *testing.T) {
			s, p := throughProxy(t, nil)
			var mutex sync.Mutex
			watches := 0
			p.ErrorLog = log.New(io.Discard, "", 0)
			p.ModifyResponse = func(r *http.Response) error {
				if isWatch(r.Request) {
					mutex.Lock()
					watches++
					mutex.Unlock()
					r.Body = &cutter{ReadCloser: r.Body, more: c.more, err: c.err}
				}
				return nil
			}
			list, err := s.List(t.Context(), resources.GlobalNetworkSet)
			if err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for i := range many {
				o := set(fmt.Sprintf("watch-%s-%02d", name, i))
				if _, err := s.Create(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				want = append(want, o.Name)
			}
			w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, list.ResourceVersion)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			for range want {
				e, err := w.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e.Object.GetName())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			mutex.Lock()
			defer mutex.Unlock()
			if watches < many/2 {
				t.Errorf("there were only %d watches: they were not cut", watches)
			}
		})
	}
}

// TestWatchBookmark goes on from the revision that the server says nothing has happened before.
func TestWatchBookmark(t *testing.T) {
	s, p := throughProxy(t, nil)
	list, err := s.List(t.Context(), resources.StagedGlobalNetworkPolicy)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), set("bookmark")); err != nil { // so that there is a later revision
		t.Fatal(err)
	}
	later, err := s.List(t.Context(), resources.StagedGlobalNetworkPolicy)
	if err != nil {
		t.Fatal(err)
	}
	revisions := make(chan string, 100)
	p.ModifyResponse = func(r *http.Response) error {
		if isWatch(r.Request) {
			revisions <- r.Request.URL.Query().Get("resourceVersion")
			_ = r.Body.Close()
			mark := `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"` + later.ResourceVersion + `"}}}` + "\n"
			r.Body = io.NopCloser(strings.NewReader(mark))
		}
		return nil
	}
	w, err := s.Watch(t.Context(), resources.StagedGlobalNetworkPolicy, list.ResourceVersion)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if got := []string{<-revisions, <-revisions}; !slices.Equal(got, []string{list.ResourceVersion, later.ResourceVersion}) {
		t.Errorf("the watches begin at %v, want %s and %s", got, list.ResourceVersion, later.ResourceVersion)
	}
}

// TestWatchDoesNotSpin lets a server breathe that ends every watch at once.
func TestWatchDoesNotSpin(t *testing.T) {
	s, p := throughProxy(t, nil)
	p.ModifyResponse = func(r *http.Response) error {
		_ = r.Body.Close()
		r.Body = http.NoBody
		return nil
	}
	before := p.requests.Load()
	w, err := s.Watch(t.Context(), resources.Tier, "1")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	_ = w.Close()
	if n := p.requests.Load() - before; n < 2 || n > 7 {
		t.Errorf("there were %d requests in a second", n)
	}
}

// TestWatchErrors ends watches that cannot go on, or not begin.
func TestWatchErrors(t *testing.T) {
	api := servers.APIServer(t)
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin)})
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "1")
	if err == nil {
		_, err = w.Next(t.Context())
	}
	wants(t, err, datastore.ErrCompacted, "list again")

	nobody := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Nobody), APIGroup: groupV3})
	_, err = nobody.Watch(t.Context(), resources.Tier, "1")
	wants(t, err, datastore.ErrUnauthorized, "the right to watch tiers.projectcalico.org")

	stuck := newServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	silent := open(t, Config{Endpoint: stuck, APIGroup: groupV3, Timeout: 200 * time.Millisecond})
	_, err = silent.Watch(t.Context(), resources.Tier, "1")
	wants(t, err, datastore.ErrUnavailable, "did not answer within 200ms")
}

// TestWatchOverRestart has the server restart under a watch, which goes on by itself or says that history is lost.
func TestWatchOverRestart(t *testing.T) {
	api := cluster.StartAPIServer(t)
	api.InstallCRDs(t, "projectcalico.org")
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin)})
	first, err := s.Create(t.Context(), set("before"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, first.GetResourceVersion())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	api.Kill()
	time.Sleep(300 * time.Millisecond)
	api.Restart(t)
	if _, err := s.Create(t.Context(), set("after")); err != nil {
		t.Fatal(err)
	}
	seesAfterRestart(t, s, w, "after")
}
