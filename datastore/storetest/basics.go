package storetest

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var basics = []test{
	{"CreateGivesWhatIsStored", createGivesWhatIsStored},
	{"CreateKeepsEveryField", createKeepsEveryField},
	{"CreateTwice", createTwice},
	{"GetMissing", getMissing},
	{"UpdateReplaces", updateReplaces},
	{"UpdateMissing", updateMissing},
	{"DeleteRemoves", deleteRemoves},
	{"DeleteMissing", deleteMissing},
	{"KindsAreApart", kindsAreApart},
	{"ObjectsAreNotShared", objectsAreNotShared},
	{"InputIsNotChanged", inputIsNotChanged},
	{"BuiltIn", builtIn},
	{"CancelledContext", cancelledContext},
	{"CloseTwice", closeTwice},
}

func createGivesWhatIsStored(f *fixture) {
	before := time.Now().Add(-5 * time.Minute) // the datastore's clock need not be ours
	in := f.set("a", "10.0.0.0/8")
	created := f.create(f.store, in)

	f.same("what was created", resources.Object(in), ownPart(created))
	f.same("what is read", created, f.get(f.store, f.key("a")))
	f.same("type", resources.GlobalNetworkSet.New().GetObjectKind().GroupVersionKind(), created.GetObjectKind().GroupVersionKind())
	if len(created.GetUID()) != len("xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx") {
		f.Errorf("uid is %q, want a UUID", created.GetUID())
	}
	if created.GetResourceVersion() == "" {
		f.Error("there is no resource version")
	}
	at := created.GetCreationTimestamp()
	if at.Before(&metav1.Time{Time: before}) || at.After(time.Now().Add(5*time.Minute)) || at.Nanosecond() != 0 {
		f.Errorf("creationTimestamp is %v, want now in whole seconds", at)
	}
	if other := f.create(f.store, f.set("b")); other.GetUID() == created.GetUID() {
		f.Errorf("two objects have the uid %s", other.GetUID())
	}
}

func createKeepsEveryField(f *fixture) {
	in := resources.HostEndpoint.New().(*v3.HostEndpoint)
	in.Name = f.prefix + "all.fields"
	in.Labels = map[string]string{"role": "edge", "example.com/empty": ""}
	in.Annotations = map[string]string{"note": "<a> & \"b\"\n\t\u00fc \u2603"}
	in.Spec = v3.HostEndpointSpec{
		Node: "n1", InterfaceName: "eth0",
		ExpectedIPs: []string{"10.0.0.1", "fe80::1"},
		Profiles:    []string{"one", "two"},
		Ports:       []v3.EndpointPort{{Name: "http", Protocol: v3.ProtocolFromString("TCP"), Port: 80}},
	}
	f.create(f.store, in)
	got := f.get(f.store, resources.HostEndpoint.Key(in.Name))
	f.same("what is read", resources.Object(in), ownPart(got))
}

func createTwice(f *fixture) {
	first := f.create(f.store, f.set("a", "10.0.0.0/8"))
	_, err := f.store.Create(f.ctx, f.set("a", "11.0.0.0/8"))
	f.fails("Create again", err, datastore.ErrExists, f.key("a"))
	f.same("what is read", first, f.get(f.store, f.key("a")))
}

func getMissing(f *fixture) {
	got, err := f.store.Get(f.ctx, f.key("none"))
	f.fails("Get", err, datastore.ErrNotFound, f.key("none"))
	if got != nil {
		f.Errorf("Get gives %v with its error", got)
	}
}

func updateReplaces(f *fixture) {
	created := f.create(f.store, f.set("a", "10.0.0.0/8", "11.0.0.0/8"))
	next := copyOf(created).(*v3.GlobalNetworkSet)
	next.Labels = map[string]string{"other": "label"}
	next.Spec.Nets = []string{"12.0.0.0/8"}
	want := copyOf(next)

	updated := f.update(f.store, next)
	f.same("what was updated", ownPart(want), ownPart(updated))
	f.same("uid", created.GetUID(), updated.GetUID())
	f.same("creationTimestamp", created.GetCreationTimestamp(), updated.GetCreationTimestamp())
	f.same("what is read", updated, f.get(f.store, f.key("a")))

	bare := f.set("a", "13.0.0.0/8")
	bare.ResourceVersion = updated.GetResourceVersion()
	again := f.update(f.store, bare)
	f.same("uid after an update without one", created.GetUID(), again.GetUID())
	f.same("creationTimestamp after an update without one", created.GetCreationTimestamp(), again.GetCreationTimestamp())
}

func updateMissing(f *fixture) {
	created := f.create(f.store, f.set("a"))
	f.delete(f.store, f.key("a"))
	_, err := f.store.Update(f.ctx, created)
	f.fails("Update", err, datastore.ErrNotFound, f.key("a"))
}

func deleteRemoves(f *fixture) {
	first := f.create(f.store, f.set("a"))
	f.delete(f.store, f.key("a"))
	_, err := f.store.Get(f.ctx, f.key("a"))
	f.fails("Get", err, datastore.ErrNotFound, f.key("a"))
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("list", []string(nil), names(own))

	second := f.create(f.store, f.set("a"))
	if second.GetUID() == first.GetUID() || second.GetResourceVersion() == first.GetResourceVersion() {
		f.Errorf("the new object has uid %s and resource version %s, as the deleted one",
			second.GetUID(), second.GetResourceVersion())
	}
}

func deleteMissing(f *fixture) {
	err := f.store.Delete(f.ctx, f.key("none"), "")
	f.fails("Delete", err, datastore.ErrNotFound, f.key("none"))
}

func kindsAreApart(f *fixture) {
	f.create(f.store, f.set("a"))
	key := resources.HostEndpoint.Key(f.prefix + "a")
	_, err := f.store.Get(f.ctx, key)
	f.fails("Get of another kind", err, datastore.ErrNotFound, key)
	own, _ := f.list(f.store, resources.HostEndpoint)
	f.same("list of another kind", []string(nil), names(own))
}

func objectsAreNotShared(f *fixture) {
	spoil := func(o resources.Object) {
		set := o.(*v3.GlobalNetworkSet)
		set.Name = "spoilt"
		set.Labels["suite"] = "spoilt"
		set.Spec.Nets[0] = "spoilt"
	}
	in := f.set("a", "10.0.0.0/8")
	created := f.create(f.store, in)
	want := copyOf(created)
	spoil(in)
	spoil(created)
	f.same("after the object that went in was changed", want, f.get(f.store, f.key("a")))
	spoil(f.get(f.store, f.key("a")))
	f.same("after an object that was read was changed", want, f.get(f.store, f.key("a")))
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	spoil(own[0])
	own, _ = f.list(f.store, resources.GlobalNetworkSet)
	f.same("after an object of a list was changed", []resources.Object{want}, own)

	in = copyOf(want).(*v3.GlobalNetworkSet)
	in.Spec.Nets = []string{"12.0.0.0/8"}
	updated := f.update(f.store, in)
	want = copyOf(updated)
	spoil(in)
	spoil(updated)
	f.same("after the object of an update was changed", want, f.get(f.store, f.key("a")))
}

func inputIsNotChanged(f *fixture) {
	in := f.set("a", "10.0.0.0/8")
	want := copyOf(in)
	created := f.create(f.store, in)
	f.same("after Create", want, in)

	next := copyOf(created).(*v3.GlobalNetworkSet)
	next.Spec.Nets = nil
	before := copyOf(next)
	f.update(f.store, next)
	f.same("after Update", before, next)
}

func builtIn(f *fixture) {
	want := resources.Profile.Builtin()[0]
	key := resources.Profile.Key(v3.ProfileDefaultAllow)
	f.same("Get", want, f.get(f.store, key))

	list, err := f.store.List(f.ctx, resources.Profile)
	if err != nil {
		f.Fatal(err)
	}
	var listed []resources.Object
	for _, o := range list.Items {
		if o.GetName() == key.Name {
			listed = append(listed, o)
		}
	}
	f.same("List", []resources.Object{want}, listed)

	_, err = f.store.Create(f.ctx, want)
	f.fails("Create", err, datastore.ErrExists, key)
	_, err = f.store.Update(f.ctx, want)
	f.fails("Update", err, datastore.ErrUnsupported, key)
	f.fails("Delete", f.store.Delete(f.ctx, key, ""), datastore.ErrUnsupported, key)
	f.same("Get at last", want, f.get(f.store, key))
}

func cancelledContext(f *fixture) {
	existing := f.create(f.store, f.set("a"))
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, getErr := f.store.Get(ctx, f.key("a"))
	_, listErr := f.store.List(ctx, resources.GlobalNetworkSet)
	_, createErr := f.store.Create(ctx, f.set("b"))
	_, updateErr := f.store.Update(ctx, existing)
	deleteErr := f.store.Delete(ctx, f.key("a"), "")
	_, watchErr := f.store.Watch(ctx, resources.GlobalNetworkSet, existing.GetResourceVersion())
	for i, err := range []error{getErr, listErr, createErr, updateErr, deleteErr} {
		if !errors.Is(err, context.Canceled) {
			f.Errorf("operation %d: got error %v, want %v", i, err, context.Canceled)
		}
	}
	if watchErr != nil && !errors.Is(watchErr, context.Canceled) {
		f.Errorf("Watch: got error %v, want %v, now or from Next", watchErr, context.Canceled)
	}
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there afterwards", []resources.Object{existing}, own)
}

func closeTwice(f *fixture) {
	if err := f.store.Close(); err != nil {
		f.Errorf("Close: %v", err) // and the suite does it again
	}
}
