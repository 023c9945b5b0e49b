package datastore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func open(t *testing.T) datastore.Store {
	t.Helper()
	s, err := local.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func tier(name string, order float64) *v3.Tier {
	t := resources.Tier.New().(*v3.Tier)
	t.Name, t.Spec.Order = name, &order
	resources.Tier.Default(t)
	return t
}

func policy(name, tier string) *v3.GlobalNetworkPolicy {
	p := resources.GlobalNetworkPolicy.New().(*v3.GlobalNetworkPolicy)
	p.Name, p.Spec.Tier = name, tier
	resources.GlobalNetworkPolicy.Default(p)
	return p
}

// outcome is what a test compares: the action, or the error.
func outcome(results []datastore.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.Key.String() + " " + string(r.Action)
		if r.Err != nil {
			out[i] = r.Err.Error()
		}
		for _, part := range r.Parts {
			out[i] += " -" + part.String()
		}
	}
	return out
}

func write(t *testing.T, s datastore.Store, verb datastore.Verb, objects ...resources.Object) []string {
	t.Helper()
	results, err := datastore.Write(t.Context(), s, verb, objects, datastore.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return outcome(results)
}

func remove(t *testing.T, s datastore.Store, keys ...resources.Key) []string {
	t.Helper()
	targets := make([]datastore.Target, len(keys))
	for i, k := range keys {
		targets[i].Key = k
	}
	results, err := datastore.DeleteAll(t.Context(), s, targets, datastore.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return outcome(results)
}

// TestWrite goes through every verb with an object that is missing, the same, and different.
func TestWrite(t *testing.T) {
	s := open(t)
	steps := []struct {
		verb    datastore.Verb
		objects []resources.Object
		want    []string
	}{
		{datastore.Replace, []resources.Object{tier("a", 1)}, []string{"resource does not exist: Tier(a)"}},
		{datastore.Create, []resources.Object{tier("a", 1)}, []string{"Tier(a) created"}},
		{datastore.Create, []resources.Object{tier("a", 1)}, []string{"resource already exists: Tier(a)"}},
		{datastore.Replace, []resources.Object{tier("a", 1)}, []string{"Tier(a) unchanged"}},
		{datastore.Replace, []resources.Object{tier("a", 2)}, []string{"Tier(a) configured"}},
		{datastore.Apply, []resources.Object{tier("a", 2), tier("a", 3), tier("b", 1)}, []string{"Tier(a) unchanged", "Tier(a) configured", "Tier(b) created"}},
		{
			datastore.Apply,
			[]resources.Object{policy("p", "c"), policy("q", "d"), tier("c", 1)},
			[]string{"GlobalNetworkPolicy(p) created", "resource does not exist: Tier(d)", "Tier(c) created"},
		},
		{datastore.Replace, []resources.Object{policy("p", "nosuch")}, []string{"resource does not exist: Tier(nosuch)"}},
		{
			datastore.Apply,
			[]resources.Object{resources.ClusterInformation.New(), resources.Profile.Builtin()[0]},
			[]string{
				"operation apply is not supported on ClusterInformation: resource is readonly",
				"Profile(projectcalico-default-allow) unchanged",
			},
		},
	}
	for i, step := range steps {
		if diff := cmp.Diff(step.want, write(t, s, step.verb, step.objects...)); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
}

// TestWriteManyReadsOnce gives the same answers for so many objects that they are read
// as a whole first.
func TestWriteManyReadsOnce(t *testing.T) {
	s := open(t)
	var objects []resources.Object
	var created, unchanged []string
	for i := range 40 {
		name := string(rune('a'+i/26)) + string(rune('a'+i%26))
		objects = append(objects, tier(name, 1))
		created = append(created, "Tier("+name+") created")
		unchanged = append(unchanged, "Tier("+name+") unchanged")
	}
	if diff := cmp.Diff(created, write(t, s, datastore.Apply, objects...)); diff != "" {
		t.Error(diff)
	}
	counted := &counting{Store: s}
	if diff := cmp.Diff(unchanged, write(t, counted, datastore.Apply, objects...)); diff != "" {
		t.Error(diff)
	}
	if counted.gets != 0 || counted.lists != 1 || counted.updates != 0 {
		t.Errorf("an apply that changes nothing made %d gets, %d lists and %d updates; want one list", counted.gets, counted.lists, counted.updates)
	}
	twice := append(objects, tier("aa", 5), tier("aa", 5))
	if diff := cmp.Diff(append(unchanged, "Tier(aa) configured", "Tier(aa) unchanged"), write(t, s, datastore.Apply, twice...)); diff != "" {
		t.Error(diff)
	}
}

// TestWriteWhatIsKnown reads nothing that was read a moment ago, and notices what has changed since.
func TestWriteWhatIsKnown(t *testing.T) {
	s := open(t)
	write(t, s, datastore.Create, tier("a", 1), tier("b", 1))
	trial := datastore.NewOverlay(s)
	if _, err := trial.List(t.Context(), resources.Tier); err != nil {
		t.Fatal(err)
	}
	write(t, s, datastore.Apply, tier("b", 2), tier("c", 2)) // by somebody else
	counted := &counting{Store: s}
	results, err := datastore.Write(t.Context(), counted, datastore.Apply,
		[]resources.Object{tier("a", 1), tier("b", 3), tier("c", 3), tier("d", 3)}, datastore.WriteOptions{Known: trial.Known})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Tier(a) unchanged", "Tier(b) configured", "Tier(c) configured", "Tier(d) created"}, outcome(results)); diff != "" {
		t.Error(diff)
	}
	if counted.gets != 2 || counted.lists != 0 { // the two that were changed
		t.Errorf("%d gets and %d lists, want 2 and none", counted.gets, counted.lists)
	}
}

// counting is a Store that counts what is asked of it.
type counting struct {
	datastore.Store
	gets, lists, updates int
}

func (c *counting) Get(ctx context.Context, key resources.Key) (resources.Object, error) {
	c.gets++
	return c.Store.Get(ctx, key)
}

func (c *counting) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	c.lists++
	return c.Store.List(ctx, kind)
}

func (c *counting) Update(ctx context.Context, o resources.Object) (resources.Object, error) {
	c.updates++
	return c.Store.Update(ctx, o)
}

// TestDeleteReadsOnce lists each kind that can be linked once, however much is deleted.
func TestDeleteReadsOnce(t *testing.T) {
	s := &counting{Store: open(t)}
	var keys []resources.Key
	for i := range 20 {
		node := resources.Node.New().(*v3.Node)
		node.Name = string(rune('a' + i))
		write(t, s, datastore.Create, node)
		keys = append(keys, resources.Node.Key(node.Name))
	}
	s.lists = 0
	remove(t, s, keys...)
	if s.lists != 2 {
		t.Errorf("deleting 20 nodes made %d lists, want one of host endpoints and one of configurations", s.lists)
	}
}

// TestMetadata shows which metadata are the user's and which the datastore's.
func TestMetadata(t *testing.T) {
	s := open(t)
	in := tier("a", 1)
	in.UID, in.Generation, in.Finalizers, in.GenerateName = "mine", 7, []string{"x.y/z"}, "g"
	in.Labels, in.Annotations = map[string]string{"l": "1"}, map[string]string{"n": "1"}
	write(t, s, datastore.Apply, in)
	first := get(t, s, "a")
	if first.UID == "mine" || first.Generation != 0 || first.Finalizers != nil || first.GenerateName != "" {
		t.Errorf("metadata of the input was stored: %+v", first.ObjectMeta)
	}
	in.Labels, in.Annotations = map[string]string{"l": "2"}, nil
	write(t, s, datastore.Apply, in)
	second := get(t, s, "a")
	first.Labels, first.Annotations, first.ResourceVersion = in.Labels, nil, second.ResourceVersion
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func get(t *testing.T, s datastore.Store, name string) *v3.Tier {
	t.Helper()
	o, err := s.Get(t.Context(), resources.Tier.Key(name))
	if err != nil {
		t.Fatal(err)
	}
	return o.(*v3.Tier)
}

// TestResourceVersion keeps a write from overtaking another one.
func TestResourceVersion(t *testing.T) {
	s := open(t)
	write(t, s, datastore.Apply, tier("a", 1))
	old := get(t, s, "a").ResourceVersion
	write(t, s, datastore.Apply, tier("a", 2))
	now := get(t, s, "a").ResourceVersion
	stale, current, missing := tier("a", 3), tier("a", 3), tier("b", 1)
	stale.ResourceVersion, current.ResourceVersion, missing.ResourceVersion = old, now, old
	want := []string{
		`update conflict: Tier(a): resource version "` + old + `" is out of date (latest: ` + now + "); read the object again and repeat your change, or leave resourceVersion out",
		"Tier(a) configured", "Tier(b) created",
	}
	if diff := cmp.Diff(want, write(t, s, datastore.Apply, stale, current, missing)); diff != "" {
		t.Error(diff)
	}
	want = []string{"invalid: Tier(b): metadata.resourceVersion must not be set for a new object; remove it"}
	if diff := cmp.Diff(want, write(t, s, datastore.Create, missing)); diff != "" {
		t.Error(diff)
	}
}

// TestDelete keeps what is needed, takes parts along, and finds the right order.
func TestDelete(t *testing.T) {
	s := open(t)
	node := resources.Node.New().(*v3.Node)
	node.Name = "n"
	felix := resources.FelixConfiguration.New()
	felix.SetName("node.n")
	own, other := resources.HostEndpoint.New().(*v3.HostEndpoint), resources.HostEndpoint.New().(*v3.HostEndpoint)
	own.Name, own.Spec.Node, other.Name, other.Spec.Node = "own", "n", "other", "m"
	write(t, s, datastore.Create, tier("a", 1), policy("p", "a"), policy("q", "a"), node, felix, own, other, tier("kube-admin", 1))
	for i, step := range []struct {
		keys []resources.Key
		want []string
	}{
		{
			[]resources.Key{resources.Tier.Key("a"), resources.Tier.Key("kube-admin"), resources.Tier.Key("nosuch"), resources.ClusterInformation.Key("default")},
			[]string{
				"operation delete is not supported on Tier(a): it is still needed by GlobalNetworkPolicy(p) and 1 more; delete that first",
				"operation delete is not supported on Tier(kube-admin): every cluster needs it",
				"resource does not exist: Tier(nosuch)",
				"operation delete is not supported on ClusterInformation: resource is readonly",
			},
		},
		{
			[]resources.Key{resources.Tier.Key("a"), resources.GlobalNetworkPolicy.Key("p"), resources.GlobalNetworkPolicy.Key("q")},
			[]string{"Tier(a) deleted", "GlobalNetworkPolicy(p) deleted", "GlobalNetworkPolicy(q) deleted"},
		},
		{
			[]resources.Key{resources.Node.Key("n")},
			[]string{"Node(n) deleted -HostEndpoint(own) -FelixConfiguration(node.n)"},
		},
	} {
		if diff := cmp.Diff(step.want, remove(t, s, step.keys...)); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
	if _, err := s.Get(t.Context(), resources.HostEndpoint.Key("other")); err != nil {
		t.Errorf("an endpoint of another node is gone: %v", err)
	}
}

// TestEdit repeats an edit that somebody else overtook, and refuses what makes no sense.
func TestEdit(t *testing.T) {
	s := open(t)
	write(t, s, datastore.Create, tier("a", 1))
	key := resources.Tier.Key("a")
	calls := 0
	results, err := datastore.Edit(t.Context(), s, []resources.Key{key}, func(o resources.Object) (resources.Object, error) {
		if calls++; calls == 1 {
			write(t, s, datastore.Apply, tier("a", 2)) // somebody else is faster
		}
		o.SetLabels(map[string]string{"x": "y"})
		return o, nil
	}, datastore.EditOptions{})
	if result := results[0]; err != nil || result.Err != nil || result.Action != datastore.Configured || calls != 2 {
		t.Fatalf("%v after %d calls: %v", results, calls, err)
	}
	if got := get(t, s, "a"); *got.Spec.Order != 2 || got.Labels["x"] != "y" {
		t.Errorf("one of two changes is lost: %+v", got)
	}
	for name, edit := range map[string]func(*v3.Tier) error{
		"resource does not exist: ": nil,
		"update conflict: ":         func(o *v3.Tier) error { o.ResourceVersion = "1"; return nil },
		"invalid: Tier(a): metadata.name cannot be changed; create the new object and delete the old one": func(o *v3.Tier) error { o.Name = "b"; return nil },
		"on purpose": func(*v3.Tier) error { return errors.New("on purpose") },
	} {
		key := key
		if edit == nil {
			key = resources.Tier.Key("nosuch")
		}
		results, err := datastore.Edit(t.Context(), s, []resources.Key{key}, func(o resources.Object) (resources.Object, error) {
			return o, edit(o.(*v3.Tier))
		}, datastore.EditOptions{})
		err = errors.Join(err, results[0].Err)
		if err == nil || len(err.Error()) < len(name) || err.Error()[:len(name)] != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	results, err = datastore.Edit(t.Context(), s, []resources.Key{key}, func(o resources.Object) (resources.Object, error) { return o, nil }, datastore.EditOptions{})
	if err != nil || results[0].Action != datastore.Unchanged {
		t.Errorf("an edit that changes nothing is %v: %v", results, err)
	}
}

// busy is a Store on which every update conflicts.
type busy struct{ datastore.Store }

func (busy) Update(_ context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	return nil, datastore.ErrorOf("update", key, datastore.ErrConflict, "")
}

// TestConflictsEnd tells the truth when retrying does not help.
func TestConflictsEnd(t *testing.T) {
	s := busy{open(t)}
	write(t, s, datastore.Create, tier("a", 1))
	want := []string{"gave up after 6 tries: update conflict: Tier(a)"}
	if diff := cmp.Diff(want, write(t, s, datastore.Apply, tier("a", 2))); diff != "" {
		t.Error(diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := datastore.Write(ctx, s, datastore.Apply, []resources.Object{tier("a", 2)}, datastore.WriteOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled write fails with %v", err)
	}
}

// TestInitialize fills an empty datastore once.
func TestInitialize(t *testing.T) {
	s := open(t)
	for range 2 {
		if err := datastore.Initialize(t.Context(), s, ""); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List(t.Context(), resources.Tier)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range list.Items {
		got = append(got, o.GetName())
	}
	if diff := cmp.Diff([]string{"kube-admin", "default", "kube-baseline"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Get(t.Context(), resources.ClusterInformation.Key("default")); err != nil {
		t.Error(err)
	}
}
