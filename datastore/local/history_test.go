package local

import (
	"context"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestListAt writes at random and then reads each revision again.
func TestListAt(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, err := OpenMemory(t.Context())
		if err != nil {
			r.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		states := map[int64]map[string]string{}
		for i := range rapid.IntRange(1, 15).Draw(r, "writes") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "name")
			key := resources.GlobalNetworkSet.Key(name)
			o := resources.GlobalNetworkSet.New().(*v3.GlobalNetworkSet)
			o.Name, o.Labels = name, map[string]string{"write": strconv.Itoa(i)}
			stored, err := s.Get(t.Context(), key)
			switch {
			case err != nil:
				_, err = s.Create(t.Context(), o)
			case rapid.Bool().Draw(r, "delete"):
				err = s.Delete(t.Context(), key, "")
			default:
				o.ResourceVersion = stored.GetResourceVersion()
				_, err = s.Update(t.Context(), o)
			}
			if err != nil {
				r.Fatal(err)
			}
			now, err := s.List(t.Context(), resources.GlobalNetworkSet)
			if err != nil {
				r.Fatal(err)
			}
			revision, err := strconv.ParseInt(now.ResourceVersion, 10, 64)
			if err != nil {
				r.Fatal(err)
			}
			states[revision] = labelsOf(now)
		}
		for revision, want := range states {
			then, err := s.ListAt(t.Context(), resources.GlobalNetworkSet, revision)
			if err != nil {
				r.Fatal(err)
			}
			if diff := cmp.Diff(want, labelsOf(then)); diff != "" {
				r.Fatalf("revision %d: -then +read:\n%s", revision, diff)
			}
		}
	})
}

func labelsOf(list *resources.List) map[string]string {
	all := map[string]string{}
	for _, o := range list.Items {
		all[o.GetName()] = o.GetLabels()["write"]
	}
	return all
}

// TestListAtLimits asks for revisions that there are none of.
func TestListAtLimits(t *testing.T) {
	s, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.history = 8
	o := resources.GlobalNetworkSet.New().(*v3.GlobalNetworkSet)
	o.Name = "a"
	stored, err := s.Create(t.Context(), o)
	for range 20 {
		if err == nil {
			stored, err = s.Update(context.WithoutCancel(t.Context()), stored)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	newest, err := strconv.ParseInt(stored.GetResourceVersion(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListAt(t.Context(), resources.GlobalNetworkSet, newest); err != nil {
		t.Error(err)
	}
	_, err = s.ListAt(t.Context(), resources.GlobalNetworkSet, newest+1)
	wantError(t, err, datastore.ErrInvalid, "the newest revision is")
	_, err = s.ListAt(t.Context(), resources.GlobalNetworkSet, 1)
	wantError(t, err, datastore.ErrCompacted, "history begins with revision")
}
